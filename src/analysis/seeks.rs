//! How sequential the reads of the model files are: which begin where the one before ended, and where the others jump.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::trace::tracks::TrackLayout;
use crate::trace::{Trace, flags};

/// A read that begins so many bytes behind the end of the one before goes on with it: padding lies between tensors.
pub const AHEAD_BYTES: u64 = 4096;
/// Jumps that are kept to be drawn; of more, a regular sample.
const MOST_JUMPS: usize = 512;

/// Reads one after the other, in bytes of a track: how many begin where the one before ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sequence {
    /// Beginning and length of the first read, and where the last one ended.
    ends: Option<([u64; 2], u64)>,
    /// Reads that have one before them, and their bytes.
    pub reads: u64,
    pub bytes: u64,
    /// Of these, those that begin where the one before ended.
    pub sequential_reads: u64,
    pub sequential_bytes: u64,
}

impl Sequence {
    /// Adds a read. Gives the end of the one before where this one does not go on with it.
    pub fn read(&mut self, start: u64, length: u64) -> Option<u64> {
        let after = start.saturating_add(length);
        let Some((first, before)) = self.ends else {
            self.ends = Some(([start, length], after));
            return None;
        };
        self.ends = Some((first, after));
        self.reads += 1;
        self.bytes = self.bytes.saturating_add(length);
        if start.checked_sub(before).is_none_or(|ahead| ahead > AHEAD_BYTES) {
            return Some(before);
        }
        self.sequential_reads += 1;
        self.sequential_bytes = self.sequential_bytes.saturating_add(length);
        None
    }

    /// Adds the reads that follow.
    pub fn join(&mut self, next: &Self) {
        let Some(([start, length], after)) = next.ends else { return };
        self.read(start, length);
        self.ends = self.ends.map(|(first, _)| (first, after));
        self.reads += next.reads;
        self.bytes = self.bytes.saturating_add(next.bytes);
        self.sequential_reads += next.sequential_reads;
        self.sequential_bytes = self.sequential_bytes.saturating_add(next.sequential_bytes);
    }

    /// Shares of the reads and of their bytes, from 0 to 1; `None` where there are not two reads.
    pub fn shares(&self) -> Option<[f64; 2]> {
        let share = |part: u64, whole: u64| part as f64 / whole.max(1) as f64;
        (self.reads > 0).then(|| [share(self.sequential_reads, self.reads), share(self.sequential_bytes, self.bytes)])
    }
}

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
    pub sequence: Sequence,
    pub jumps: Vec<Jump>,
}

/// Reads of `ops` on the track that `layout` lays out, in the order in which ops list them. `None` once cancelled.
pub fn seeks(trace: &Trace, layout: &TrackLayout, ops: Range<usize>, cancelled: &AtomicBool) -> Option<Seeks> {
    let mut found = Seeks::default();
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
            let Some(end) = found.sequence.read(start, length) else { continue };
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
    Some(found)
}
