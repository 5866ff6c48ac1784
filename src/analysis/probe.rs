//! What lies under a cell of the heatmap or in a part of it: which tensors, touched how often, and what that adds up to.

use std::sync::atomic::{AtomicBool, Ordering};

use hashbrown::{HashMap, HashSet};

use super::filter::Region;
use crate::trace::tracks::TrackLayout;
use crate::trace::{Trace, flags};

/// One tensor, or one expert's slice of it, within a region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Touched {
    pub tensor: u32,
    pub expert: Option<u32>,
    pub reads: u64,
    pub writes: u64,
    /// Bytes of the region that were touched, repeats counted.
    pub bytes: u64,
    pub first_op: u32,
    pub last_op: u32,
}

/// When each range of a run was first and last touched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Touches {
    /// First and last op per range; the first is behind the last where there is none.
    ranges: Vec<[u32; 2]>,
}

impl Touches {
    /// `None` once cancelled.
    pub fn of_run(trace: &Trace, cancelled: &AtomicBool) -> Option<Self> {
        let mut ranges = vec![[u32::MAX, 0]; trace.ranges.tensor.len()];
        for op in 0..trace.op_count() {
            if op % 4096 == 0 && cancelled.load(Ordering::Relaxed) {
                return None;
            }
            for &range in &trace.accesses.range[trace.accesses_of(op)] {
                if let Some([first, last]) = ranges.get_mut(range as usize) {
                    *first = (*first).min(op as u32);
                    *last = op as u32;
                }
            }
        }
        Some(Self { ranges })
    }

    /// First and last op that touches a tensor, or the slice of one of its experts.
    pub fn of(&self, trace: &Trace, tensor: u32, expert: Option<u32>) -> Option<[u32; 2]> {
        let [first, last] = trace
            .ranges
            .tensor
            .iter()
            .enumerate()
            .filter(|(range, of)| **of == tensor && (expert.is_none() || trace.ranges.expert.get(*range) == expert))
            .filter_map(|(range, _)| self.ranges.get(range))
            .fold([u32::MAX, 0], |[first, last], of| [first.min(of[0]), last.max(of[1])]);
        (first <= last).then_some([first, last])
    }
}

/// An access, as far as it lies in a region.
struct Overlap {
    op: usize,
    tensor: u32,
    expert: Option<u32>,
    writes: bool,
    /// Bytes of the track; both ends as in a Rust range, and never empty.
    bytes: [u64; 2],
}

/// Visits what ops of the region touch in its bytes, in order. False once cancelled.
fn visit(
    trace: &Trace,
    layout: &TrackLayout,
    region: &Region,
    phases: u32,
    cancelled: &AtomicBool,
    mut see: impl FnMut(&Overlap),
) -> bool {
    let last = (region.ops[1] as usize).min(trace.op_count());
    for op in region.ops[0] as usize..last {
        if op % 4096 == 0 && cancelled.load(Ordering::Relaxed) {
            return false;
        }
        if trace.pass_of(op).is_some_and(|p| phases & p.phase.bit() == 0) {
            continue;
        }
        for access in trace.accesses_of(op) {
            let range = trace.accesses.range[access] as usize;
            let Some(&tensor) = trace.ranges.tensor.get(range) else { continue };
            let on_track =
                trace.tensors.get(tensor as usize).is_some_and(|t| t.track == layout.track && t.home.is_some());
            if !on_track {
                continue;
            }
            let start = layout.bases[tensor as usize].saturating_add(trace.ranges.offset[range]);
            let end = start.saturating_add(trace.ranges.length[range]);
            let bytes = [start.max(region.bytes[0]), end.min(region.bytes[1])];
            if bytes[0] < bytes[1] {
                let expert = trace.ranges.expert.get(range);
                let writes = trace.accesses.flags[access] & flags::WRITE != 0;
                see(&Overlap { op, tensor, expert, writes, bytes });
            }
        }
    }
    true
}

/// What was touched, by tensor and expert, the most often touched first.
#[derive(Default)]
struct ByTensor(HashMap<(u32, Option<u32>), Touched>);

impl ByTensor {
    fn add(&mut self, overlap: &Overlap) {
        let &Overlap { op, tensor, expert, writes, bytes } = overlap;
        let op = op as u32;
        let entry = self.0.entry((tensor, expert)).or_insert(Touched {
            tensor,
            expert,
            reads: 0,
            writes: 0,
            bytes: 0,
            first_op: op,
            last_op: op,
        });
        *(if writes { &mut entry.writes } else { &mut entry.reads }) += 1;
        entry.bytes = entry.bytes.saturating_add(bytes[1] - bytes[0]);
        entry.last_op = op;
    }

    fn into_list(self) -> Vec<Touched> {
        let mut list: Vec<Touched> = self.0.into_values().collect();
        list.sort_by_key(|t| (std::cmp::Reverse(t.reads + t.writes), t.tensor, t.expert));
        list
    }
}

/// Everything that ops of the region touched in its bytes, most often touched first. `phases` is a set of phase bits.
pub fn touched(trace: &Trace, layout: &TrackLayout, region: &Region, phases: u32) -> Vec<Touched> {
    let mut found = ByTensor::default();
    visit(trace, layout, region, phases, &AtomicBool::new(false), |overlap| found.add(overlap));
    found.into_list()
}

/// What a region holds in all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegionTotals {
    /// Ops that touch its bytes.
    pub ops: u64,
    /// How long these took together, where the run says.
    pub duration_ns: Option<u64>,
    pub reads: u64,
    pub writes: u64,
    /// Bytes of it that were read or written, repeats counted.
    pub bytes: u64,
    /// Bytes of it that were touched at all.
    pub distinct_bytes: u64,
    /// By tensor and expert, the most often touched first.
    pub touched: Vec<Touched>,
}

/// The totals of a region; `None` once cancelled.
pub fn totals(
    trace: &Trace,
    layout: &TrackLayout,
    region: &Region,
    phases: u32,
    cancelled: &AtomicBool,
) -> Option<RegionTotals> {
    let mut by_tensor = ByTensor::default();
    let mut pieces: HashSet<[u64; 2]> = HashSet::new();
    let (mut ops, mut duration_ns, mut last_op) = (0, None, None);
    let whole = visit(trace, layout, region, phases, cancelled, |overlap| {
        by_tensor.add(overlap);
        pieces.insert(overlap.bytes);
        if last_op.replace(overlap.op) != Some(overlap.op) {
            ops += 1;
            if let Some(ns) = trace.ops.duration_ns.get(overlap.op) {
                duration_ns = Some(duration_ns.unwrap_or(0_u64).saturating_add(ns));
            }
        }
    });
    let duration_ns = if ops == 0 { Some(0) } else { duration_ns };
    let mut pieces: Vec<[u64; 2]> = pieces.into_iter().collect();
    pieces.sort_unstable();
    let mut reached = 0;
    let distinct = |[start, end]: [u64; 2]| {
        let fresh = end.saturating_sub(start.max(reached));
        reached = reached.max(end);
        fresh
    };
    let distinct_bytes = pieces.into_iter().map(distinct).sum();
    let touched = by_tensor.into_list();
    let sum = |of: fn(&Touched) -> u64| touched.iter().map(of).fold(0, u64::saturating_add);
    let (reads, writes, bytes) = (sum(|t| t.reads), sum(|t| t.writes), sum(|t| t.bytes));
    whole.then_some(RegionTotals { ops, duration_ns, reads, writes, bytes, distinct_bytes, touched })
}
