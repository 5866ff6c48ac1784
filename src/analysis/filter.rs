//! Which ops of a run a filter lets through.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::trace::tracks::TrackLayout;
use crate::trace::{Phase, Trace, Track};

/// Ops that one task looks at.
const CHUNK_OPS: usize = 64 * 1024;

/// A tensor by name (every tensor called that) or by its number in the run.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum TensorRef {
    Number(u32),
    Name(String),
}

impl TensorRef {
    /// Every tensor that is meant; weights stand before tensors of the runtime.
    pub fn resolve<'a>(&'a self, trace: &'a Trace) -> impl Iterator<Item = u32> + 'a {
        trace
            .tensors
            .iter()
            .zip(0_u32..)
            .filter(move |(tensor, index)| match self {
                Self::Number(number) => number == index,
                Self::Name(name) => *name == tensor.name,
            })
            .map(|(_, index)| index)
    }
}

/// Bytes of a track by ops of the run; both ends as in a Rust range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Region {
    pub track: Track,
    pub bytes: [u64; 2],
    pub ops: [u32; 2],
}

/// Conditions on ops; all that are set must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Filter {
    /// Part of the op's name, its destination's or an operand's, in any case.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// Name of the op's kind, such as `MUL_MAT`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layer: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pass: Option<u32>,
    /// Ops that touch this track.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub track: Option<Track>,
    /// Ops that touch this tensor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub touches: Option<TensorRef>,
    /// Ops of the region that touch bytes of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<Region>,
}

impl Filter {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// These conditions with those of `other` beside them; where both say something, `other` counts.
    #[must_use]
    pub fn with(&self, other: &Self) -> Self {
        Self {
            text: if other.text.is_empty() { self.text.clone() } else { other.text.clone() },
            kind: other.kind.clone().or_else(|| self.kind.clone()),
            layer: other.layer.or(self.layer),
            pass: other.pass.or(self.pass),
            track: other.track.or(self.track),
            touches: other.touches.clone().or_else(|| self.touches.clone()),
            region: other.region.or(self.region),
        }
    }

    /// The ops that pass, in order. `layout` is that of the region's track.
    pub fn matching_ops(&self, trace: &Trace, phase: Option<Phase>, layout: &TrackLayout) -> Vec<u32> {
        let prepared = Prepared::new(self, trace, phase, layout);
        let starts: Vec<usize> = (0..trace.op_count()).step_by(CHUNK_OPS).collect();
        starts
            .into_par_iter()
            .flat_map_iter(|start| {
                let end = trace.op_count().min(start + CHUNK_OPS);
                let prepared = &prepared;
                (start..end).filter(move |&op| prepared.lets_through(op)).map(|op| op as u32)
            })
            .collect()
    }
}

/// The filter with everything looked up that does not depend on the op.
struct Prepared<'a> {
    trace: &'a Trace,
    phase: Option<Phase>,
    layer: Option<u32>,
    pass: Option<u32>,
    /// Per op name: whether `text` is in it, and whether `kind` allows it.
    text_in_kind: Vec<bool>,
    kind_allowed: Vec<bool>,
    /// Per tensor and per range: whether `text` is in the tensor's name; empty without a text.
    text_in_tensor: Vec<bool>,
    text_in_range: Vec<bool>,
    /// Per range: whether it is one that must be touched; `None` where any op will do.
    wanted_range: Option<Vec<bool>>,
    ops: [u32; 2],
}

impl<'a> Prepared<'a> {
    fn new(filter: &Filter, trace: &'a Trace, phase: Option<Phase>, layout: &TrackLayout) -> Self {
        let text = filter.text.trim().to_lowercase();
        let has_text = |name: &str| name.to_lowercase().contains(&text);
        let names = &trace.meta.op_names;
        let touched: Option<hashbrown::HashSet<u32>> = filter.touches.as_ref().map(|t| t.resolve(trace).collect());
        let wanted = |range: usize| {
            let tensor = trace.ranges.tensor[range];
            let on_track =
                |track: Track| trace.tensors.get(tensor as usize).is_some_and(|t| t.track == track && t.home.is_some());
            let in_region = |region: &Region| {
                let base = layout.bases.get(tensor as usize).filter(|_| on_track(region.track));
                base.is_some_and(|base| {
                    let start = base.saturating_add(trace.ranges.offset[range]);
                    let end = start.saturating_add(trace.ranges.length[range]);
                    start < region.bytes[1] && end > region.bytes[0]
                })
            };
            touched.as_ref().is_none_or(|t| t.contains(&tensor))
                && filter.track.is_none_or(on_track)
                && filter.region.as_ref().is_none_or(in_region)
        };
        let text_in_tensor: Vec<bool> = match text.is_empty() {
            true => Vec::new(),
            false => trace.tensors.iter().map(|t| has_text(&t.name)).collect(),
        };
        let in_named = |t: &u32| text_in_tensor.get(*t as usize).copied().unwrap_or(false);
        let by_range = filter.touches.is_some() || filter.track.is_some() || filter.region.is_some();
        Self {
            trace,
            phase,
            layer: filter.layer,
            pass: filter.pass,
            text_in_kind: names.iter().map(|n| has_text(n)).collect(),
            kind_allowed: names.iter().map(|n| filter.kind.as_ref().is_none_or(|k| k == n)).collect(),
            text_in_range: trace.ranges.tensor.iter().map(in_named).collect(),
            text_in_tensor,
            wanted_range: by_range.then(|| (0..trace.ranges.tensor.len()).map(wanted).collect()),
            ops: filter.region.map_or([0, u32::MAX], |r| r.ops),
        }
    }

    fn lets_through(&self, op: usize) -> bool {
        let ops = &self.trace.ops;
        let at = |flags: &[bool], index: u32| flags.get(index as usize).copied().unwrap_or(false);
        let phase = |phase: Phase| self.trace.pass_of(op).is_some_and(|p| p.phase == phase);
        let text = || {
            self.text_in_tensor.is_empty()
                || at(&self.text_in_kind, ops.kind[op])
                || ops.destination.get(op).is_some_and(|t| at(&self.text_in_tensor, t))
                || self.trace.accesses_of(op).any(|a| at(&self.text_in_range, self.trace.accesses.range[a]))
        };
        let touches = |wanted: &Vec<bool>| self.trace.accesses_of(op).any(|a| at(wanted, self.trace.accesses.range[a]));
        (self.ops[0]..self.ops[1]).contains(&(op as u32))
            && self.layer.is_none_or(|l| ops.layer.get(op) == Some(l))
            && self.pass.is_none_or(|p| ops.pass[op] == p)
            && self.phase.is_none_or(phase)
            && at(&self.kind_allowed, ops.kind[op])
            && text()
            && self.wanted_range.as_ref().is_none_or(touches)
    }
}
