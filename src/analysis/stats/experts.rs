//! Which experts are used, layer by layer: how often each, how evenly, and how much stays from token to token.

use std::sync::atomic::AtomicBool;

use rayon::prelude::*;
use serde::Serialize;

use super::Scope;
use super::fields::{Field, Row};
use super::spans::{ops_of, wanted};
use crate::trace::{Pass, Trace};

#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ExpertStats {
    pub layer: Option<u32>,
    pub expert: u32,
    pub passes: u64,
    pub ops: u64,
    pub accesses: u64,
    pub touched_bytes: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ExpertLayerStats {
    pub layer: Option<u32>,
    pub experts: u32,
    pub used: Option<u32>,
    pub never_used: Option<u32>,
    pub entropy_bits: Option<f64>,
    pub entropy_normalised: Option<f64>,
    pub overlap: Option<f64>,
    pub overlap_pairs: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Experts {
    /// Of every layer all experts that it has, the unused ones too.
    pub experts: Vec<ExpertStats>,
    pub layers: Vec<ExpertLayerStats>,
}

/// The experts of a layer, and where their counters begin.
struct ExpertLayer {
    layer: Option<u32>,
    experts: u32,
    first: usize,
}

/// Experts that the slices of a run name, numbered through.
struct Slices {
    layers: Vec<ExpertLayer>,
    /// By range: the number of its expert.
    of_ranges: Vec<Option<u32>>,
    count: usize,
}

impl Slices {
    fn new(trace: &Trace) -> Self {
        // What ranges name counts, and not what tensors claim: that may be any number.
        let named = |range: usize| {
            let expert = trace.ranges.expert.get(range)?;
            let tensor = trace.tensors.get(*trace.ranges.tensor.get(range)? as usize)?;
            let experts = tensor.experts.filter(|&experts| expert < experts)?;
            Some((tensor.layer, expert, experts))
        };
        let ranges = trace.ranges.tensor.len();
        let mut layers: Vec<ExpertLayer> = Vec::new();
        let mut found: Vec<(Option<u32>, u32)> =
            (0..ranges).filter_map(named).map(|(layer, _, experts)| (layer, experts)).collect();
        found.sort_unstable_by_key(|&(layer, experts)| (layer.is_none(), layer, experts));
        let mut count = 0;
        for (at, &(layer, experts)) in found.iter().enumerate() {
            // The last of a layer has the most.
            if found.get(at + 1).is_some_and(|next| next.0 == layer) {
                continue;
            }
            let most = experts.min(MOST_EXPERTS);
            if count + most as usize > MOST_COUNTED {
                break;
            }
            layers.push(ExpertLayer { layer, experts: most, first: count });
            count += most as usize;
        }
        let number = |range: usize| {
            let (layer, expert, _) = named(range)?;
            let at = layers.binary_search_by_key(&(layer.is_none(), layer), |l| (l.layer.is_none(), l.layer)).ok()?;
            (expert < layers[at].experts).then(|| layers[at].first as u32 + expert)
        };
        let of_ranges = (0..ranges).map(number).collect();
        Self { layers, of_ranges, count }
    }
}

/// Experts of a layer that are told apart; no model comes near it, and a damaged file may claim any number.
const MOST_EXPERTS: u32 = 4096;
/// And in all layers; those behind are left out.
const MOST_COUNTED: usize = 1 << 18;

/// What is counted of an expert, and the last op and pass that used it.
#[derive(Clone, Copy)]
struct Uses {
    passes: u64,
    ops: u64,
    accesses: u64,
    bytes: u64,
    last_op: usize,
    last_pass: u32,
}

impl Uses {
    const NONE: Self = Self { passes: 0, ops: 0, accesses: 0, bytes: 0, last_op: usize::MAX, last_pass: u32::MAX };
}

/// Empty tables where no access of the run names an expert. `None` once cancelled.
pub fn experts(trace: &Trace, scope: Scope, cancelled: &AtomicBool) -> Option<Experts> {
    let slices = Slices::new(trace);
    if slices.count == 0 {
        return Some(Experts::default());
    }
    let passes: Vec<(u32, &Pass)> = (0_u32..).zip(&trace.passes).filter(|(_, pass)| scope.has(pass)).collect();
    let size = passes.len().div_ceil(rayon::current_num_threads().max(1)).max(1);
    let of_task = |passes: &[(u32, &Pass)]| {
        let mut uses = vec![Uses::NONE; slices.count];
        let mut sets = Vec::new();
        for &(number, pass) in passes {
            wanted(cancelled)?;
            let used = count(trace, &slices, number, pass, &mut uses);
            // Of passes with one token: from token to token.
            sets.push((pass.tokens() == Some(1)).then_some((number, used)));
        }
        Some((uses, sets))
    };
    let tasks: Vec<_> = passes.par_chunks(size).map(of_task).collect::<Option<Vec<_>>>()?;
    let mut uses = vec![Uses::NONE; slices.count];
    let mut sets = Vec::new();
    for (of_task, more) in tasks {
        for (all, more) in uses.iter_mut().zip(of_task) {
            all.passes += more.passes;
            all.ops += more.ops;
            all.accesses += more.accesses;
            all.bytes = all.bytes.saturating_add(more.bytes);
        }
        sets.extend(more);
    }
    let mut found = Experts::default();
    let overlaps = overlaps(&slices, &sets);
    for (layer, (overlap, overlap_pairs)) in slices.layers.iter().zip(overlaps) {
        let of_layer = &uses[layer.first..layer.first + layer.experts as usize];
        found.experts.extend((0_u32..).zip(of_layer).map(|(expert, uses)| ExpertStats {
            layer: layer.layer,
            expert,
            passes: uses.passes,
            ops: uses.ops,
            accesses: uses.accesses,
            touched_bytes: uses.bytes,
        }));
        let used = of_layer.iter().filter(|uses| uses.ops > 0).count() as u32;
        let entropy = entropy(of_layer.iter().map(|uses| uses.ops));
        let most = f64::from(layer.experts).log2();
        found.layers.push(ExpertLayerStats {
            layer: layer.layer,
            experts: layer.experts,
            used: Some(used),
            never_used: Some(layer.experts - used),
            entropy_bits: entropy,
            entropy_normalised: entropy.filter(|_| most > 0.0).map(|bits| bits / most),
            overlap,
            overlap_pairs,
        });
    }
    Some(found)
}

/// Counts the uses in a pass; gives which experts it uses.
fn count(trace: &Trace, slices: &Slices, number: u32, pass: &Pass, uses: &mut [Uses]) -> Vec<u32> {
    let mut used = Vec::new();
    for op in ops_of(trace, pass) {
        for &range in &trace.accesses.range[trace.accesses_of(op)] {
            let Some(&Some(expert)) = slices.of_ranges.get(range as usize) else { continue };
            let counted = &mut uses[expert as usize];
            counted.accesses += 1;
            counted.bytes = counted.bytes.saturating_add(trace.ranges.length[range as usize]);
            if counted.last_op != op {
                counted.last_op = op;
                counted.ops += 1;
            }
            if counted.last_pass != number {
                counted.last_pass = number;
                counted.passes += 1;
                used.push(expert);
            }
        }
    }
    used.sort_unstable();
    used
}

/// By layer: mean Jaccard index of the sets of consecutive passes with one token, and of how many pairs.
fn overlaps(slices: &Slices, sets: &[Option<(u32, Vec<u32>)>]) -> Vec<(Option<f64>, u64)> {
    let of_layer = |layer: &ExpertLayer| {
        let part = |set: &'_ [u32]| {
            let at = |expert: usize| set.partition_point(|&e| (e as usize) < expert);
            at(layer.first)..at(layer.first + layer.experts as usize)
        };
        let (mut sum, mut pairs) = (0.0, 0);
        for pair in sets.windows(2) {
            let [Some((first, before)), Some((second, after))] = pair else { continue };
            if first + 1 != *second {
                continue;
            }
            let (before, after) = (&before[part(before)], &after[part(after)]);
            let common = before.iter().filter(|expert| after.binary_search(expert).is_ok()).count();
            let all = before.len() + after.len() - common;
            // Two passes without any use say nothing of what stays.
            if all > 0 {
                sum += common as f64 / all as f64;
                pairs += 1;
            }
        }
        ((pairs > 0).then(|| sum / pairs as f64), pairs)
    };
    slices.layers.par_iter().map(of_layer).collect()
}

/// In bits; `None` of nothing.
fn entropy(counts: impl Iterator<Item = u64> + Clone) -> Option<f64> {
    let total: u64 = counts.clone().sum();
    let share = |count: u64| count as f64 / total as f64;
    // Of one value alone it is 0, and not -0.
    let bits = counts.filter(|&count| count > 0).map(|count| -share(count) * share(count).log2()).sum::<f64>();
    (total > 0).then_some(bits.max(0.0))
}

impl Row for ExpertStats {
    const FIELDS: &'static [Field] = &[
        ("layer", "layer of the expert's tensors; null where they have none"),
        ("expert", "its number in the layer, from 0"),
        ("passes", "passes in which a slice of it is touched"),
        ("ops", "ops that touch a slice of it: its uses"),
        ("accesses", "accesses to its slices"),
        ("touched_bytes", "bytes of these accesses, repeats counted"),
    ];
}

impl Row for ExpertLayerStats {
    const FIELDS: &'static [Field] = &[
        ("layer", "layer of the experts' tensors; null where they have none"),
        ("experts", "experts that it has"),
        ("used", "experts that are used by an op"),
        ("never_used", "experts that are not"),
        ("entropy_bits", "entropy of its uses by expert, in bits; null without uses"),
        ("entropy_normalised", "that over the logarithm of the number of experts: 1 where all are used equally often"),
        (
            "overlap",
            "overlap from token to token: over pairs of consecutive passes with one token each, the mean of the experts \
             that both use over those that either uses",
        ),
        ("overlap_pairs", "pairs of passes that the overlap is the mean of"),
    ];
}
