//! How sequential the reads of the model files are: which begin where the one before ended, and where the others jump.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::trace::tracks::TrackLayout;
use crate::trace::{Trace, flags};

/// A read that begins so many bytes behind the end of the one before goes on with it: padding lies between tensors.
pub const AHEAD_BYTES: u64 = 4096;
/// Jumps that are kept to be drawn; of more, a regular sample.
const MOST_JUMPS: usize = 512;

/// From the end of one read to the beginning of the next, in bytes of the track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Jump {
    pub from: u64,
    pub to: u64,
    pub op: u32,
}

/// What a pass, or any ops, read of the model files.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Seeks {
    /// Reads that have one before them, and their bytes.
    pub reads: u64,
    pub bytes: u64,
    /// Of these, those that begin where the one before ended.
    pub sequential_reads: u64,
    pub sequential_bytes: u64,
    pub jumps: Vec<Jump>,
}

impl Seeks {
    /// Shares of the reads and of their bytes, from 0 to 1; `None` where there are not two reads.
    pub fn shares(&self) -> Option<[f64; 2]> {
        let share = |part: u64, whole: u64| part as f64 / whole.max(1) as f64;
        (self.reads > 0).then(|| [share(self.sequential_reads, self.reads), share(self.sequential_bytes, self.bytes)])
    }
}

/// Reads of `ops` on the track that `layout` lays out, in the order in which ops list them. `None` once cancelled.
pub fn seeks(trace: &Trace, layout: &TrackLayout, ops: Range<usize>, cancelled: &AtomicBool) -> Option<Seeks> {
    let mut found = Seeks::default();
    let mut before: Option<u64> = None;
    // Every so many jumps one is kept.
    let (mut step, mut jumps) = (1_u64, 0_u64);
    for op in ops.start..ops.end.min(trace.op_count()) {
        if cancelled.load(Ordering::Relaxed) {
            return None;
        }
        for access in trace.accesses_of(op) {
            if trace.accesses.flags.get(access).is_none_or(|flags| flags & flags::WRITE != 0) {
                continue;
            }
            let range = trace.accesses.range[access] as usize;
            let Some(&tensor) = trace.ranges.tensor.get(range) else { continue };
            let here = trace.tensors.get(tensor as usize).is_some_and(|t| t.track == layout.track && t.home.is_some());
            let length = trace.ranges.length[range];
            if !here || length == 0 {
                continue;
            }
            let start = layout.bases[tensor as usize].saturating_add(trace.ranges.offset[range]);
            if let Some(end) = before {
                found.reads += 1;
                found.bytes = found.bytes.saturating_add(length);
                if start.checked_sub(end).is_some_and(|ahead| ahead <= AHEAD_BYTES) {
                    found.sequential_reads += 1;
                    found.sequential_bytes = found.sequential_bytes.saturating_add(length);
                } else {
                    if jumps.is_multiple_of(step) {
                        found.jumps.push(Jump { from: end, to: start, op: op as u32 });
                    }
                    jumps += 1;
                    if found.jumps.len() > MOST_JUMPS {
                        step *= 2;
                        let mut index = 0;
                        found.jumps.retain(|_| {
                            index += 1;
                            index % 2 == 1
                        });
                    }
                }
            }
            before = Some(start.saturating_add(length));
        }
    }
    Some(found)
}
