//! What lies under a cell of the heatmap: which tensors, touched how often.

use std::sync::atomic::{AtomicBool, Ordering};

use hashbrown::HashMap;

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

/// Everything that ops of the region touched in its bytes, most often touched first. `phases` is a set of phase bits.
pub fn touched(trace: &Trace, layout: &TrackLayout, region: &Region, phases: u32) -> Vec<Touched> {
    let mut found: HashMap<(u32, Option<u32>), Touched> = HashMap::new();
    let last = (region.ops[1] as usize).min(trace.op_count());
    for op in region.ops[0] as usize..last {
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
            let overlap = end.min(region.bytes[1]).saturating_sub(start.max(region.bytes[0]));
            if overlap == 0 {
                continue;
            }
            let expert = trace.ranges.expert.get(range);
            let entry = found.entry((tensor, expert)).or_insert(Touched {
                tensor,
                expert,
                reads: 0,
                writes: 0,
                bytes: 0,
                first_op: op as u32,
                last_op: op as u32,
            });
            if trace.accesses.flags[access] & flags::WRITE == 0 {
                entry.reads += 1;
            } else {
                entry.writes += 1;
            }
            entry.bytes = entry.bytes.saturating_add(overlap);
            entry.last_op = op as u32;
        }
    }
    let mut list: Vec<Touched> = found.into_values().collect();
    list.sort_by_key(|t| (std::cmp::Reverse(t.reads + t.writes), t.tensor, t.expert));
    list
}
