//! The two address lines of a run, and the orders in which the DISK line can be laid out.

use serde::{Deserialize, Serialize};

use super::model::{Phase, Tensor, Trace, Track};
use crate::kernel_io::heat::{HeatColumns, NO_BASE};

/// How tensors stand along a track.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// Where they are: files (or buffers) end to end.
    #[default]
    File,
    /// Embeddings, then layer by layer, then the rest; packed without gaps, in file order within each.
    Layer,
    /// Most accessed first; packed without gaps, ties in file order.
    Heat,
}

impl Order {
    pub const ALL: [Self; 3] = [Self::File, Self::Layer, Self::Heat];

    pub fn label(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Layer => "layer",
            Self::Heat => "heat",
        }
    }
}

/// A track laid out in one order.
#[derive(Debug, Clone, PartialEq)]
pub struct TrackLayout {
    pub track: Track,
    pub order: Order,
    /// Per tensor of the run: track byte of its first byte, or [`NO_BASE`].
    pub bases: Vec<u64>,
    /// Tensors that have a base, by base.
    pub by_base: Vec<u32>,
    pub bytes: u64,
    /// First track byte and name of every file or buffer, in file order only.
    pub homes: Vec<(u64, u64, String)>,
}

impl TrackLayout {
    pub fn new(trace: &Trace, track: Track, order: Order) -> Self {
        let homes = homes(trace, track);
        let in_file_order = |t: &Tensor| -> u64 {
            let home = t.home.filter(|_| t.track == track).and_then(|h| homes.get(h as usize));
            home.map_or(NO_BASE, |(base, _, _)| base.saturating_add(t.offset))
        };
        let mut bases: Vec<u64> = trace.tensors.iter().map(in_file_order).collect();
        let mut by_base: Vec<u32> = (0..trace.tensors.len() as u32).filter(|&t| bases[t as usize] != NO_BASE).collect();
        by_base.sort_by_key(|&t| bases[t as usize]);
        if order == Order::File {
            let bytes = homes.iter().map(|(base, bytes, _)| base.saturating_add(*bytes)).max().unwrap_or(0);
            return Self { track, order, bases, by_base, bytes, homes };
        }

        match order {
            Order::File => {}
            Order::Layer => by_base.sort_by_key(|&t| {
                let tensor = &trace.tensors[t as usize];
                match tensor.layer {
                    _ if tensor.category == "embedding" => (0, 0),
                    Some(layer) => (1, layer),
                    None => (2, 0),
                }
            }),
            Order::Heat => {
                let accesses = trace.accesses_per_tensor();
                by_base.sort_by_key(|&t| std::cmp::Reverse(accesses[t as usize]));
            }
        }
        let mut next = 0_u64;
        for &t in &by_base {
            bases[t as usize] = next;
            next = next.saturating_add(trace.tensors[t as usize].bytes);
        }
        Self { track, order, bases, by_base, bytes: next, homes: Vec::new() }
    }

    /// The tensor whose bytes include track byte `at`, with the offset in it. In buffers tensors share bytes over
    /// time; the last to begin is given.
    pub fn tensor_at(&self, trace: &Trace, at: u64) -> Option<(u32, u64)> {
        self.tensors_at(trace, at).next()
    }

    /// All tensors whose bytes include `at`, the last to begin first.
    pub fn tensors_at<'a>(&'a self, trace: &'a Trace, at: u64) -> impl Iterator<Item = (u32, u64)> + 'a {
        let end = self.by_base.partition_point(|&t| self.bases[t as usize] <= at);
        self.by_base[..end].iter().rev().filter_map(move |&t| {
            let within = at - self.bases[t as usize];
            (within < trace.tensors[t as usize].bytes).then_some((t, within))
        })
    }
}

/// First byte, extent and name of every home on the track.
fn homes(trace: &Trace, track: Track) -> Vec<(u64, u64, String)> {
    let sizes: Vec<(u64, String)> = match track {
        Track::Disk => {
            let mut ends: Vec<u64> = trace.meta.model.files.iter().map(|f| f.bytes).collect();
            for tensor in trace.tensors.iter().filter(|t| t.track == Track::Disk) {
                if let Some(end) = tensor.home.and_then(|h| ends.get_mut(h as usize)) {
                    *end = (*end).max(tensor.offset.saturating_add(tensor.bytes));
                }
            }
            ends.into_iter().zip(&trace.meta.model.files).map(|(end, f)| (end, f.name.clone())).collect()
        }
        Track::Buffer => trace.buffers.iter().map(|b| (b.bytes, b.name.clone())).collect(),
    };
    let mut next = 0_u64;
    sizes
        .into_iter()
        .map(|(bytes, name)| {
            let base = next;
            next = next.saturating_add(bytes);
            (base, bytes, name)
        })
        .collect()
}

impl Trace {
    /// Accesses of every tensor over the run.
    pub fn accesses_per_tensor(&self) -> Vec<u64> {
        let mut per_range = vec![0_u64; self.ranges.tensor.len()];
        for &range in &self.accesses.range {
            if let Some(count) = per_range.get_mut(range as usize) {
                *count += 1;
            }
        }
        let mut per_tensor = vec![0_u64; self.tensors.len()];
        for (&tensor, count) in self.ranges.tensor.iter().zip(per_range) {
            if let Some(sum) = per_tensor.get_mut(tensor as usize) {
                *sum += count;
            }
        }
        per_tensor
    }

    /// The run's columns as the heatmap bins them; `phases` and `bytes` are the owner's small tables.
    pub fn heat_columns<'a>(&'a self, layout: &'a TrackLayout, tables: &'a HeatTables) -> HeatColumns<'a> {
        HeatColumns {
            access_range: &self.accesses.range,
            access_flags: &self.accesses.flags,
            op_first_access: &self.ops.first_access,
            op_pass: &self.ops.pass,
            pass_phase: &tables.pass_phase,
            range_tensor: &self.ranges.tensor,
            range_offset: &self.ranges.offset,
            range_length: &self.ranges.length,
            tensor_base: &layout.bases,
            tensor_bytes: &tables.tensor_bytes,
        }
    }
}

/// The tables that heatmap kernels need and the model keeps in another form.
#[derive(Debug, Clone, Default)]
pub struct HeatTables {
    pub pass_phase: Vec<u32>,
    pub tensor_bytes: Vec<u64>,
}

impl HeatTables {
    pub fn new(trace: &Trace) -> Self {
        Self {
            pass_phase: trace.passes.iter().map(|p| p.phase as u32).collect(),
            tensor_bytes: trace.tensors.iter().map(|t| t.bytes).collect(),
        }
    }
}

/// The phases of `phase`, or all of them, as the kernels' bit set.
pub fn phase_bits(phase: Option<Phase>) -> u32 {
    phase.map_or(u32::MAX, Phase::bit)
}
