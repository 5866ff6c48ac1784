//! What a span of time holds in all: its ops, how long they took, what they touched, and which kinds and layers took most of it.

use std::sync::atomic::{AtomicBool, Ordering};

use hashbrown::HashMap;

use super::op_times::{OpTime, op_time, range_where};
use crate::kernel_io::heat::NO_BASE;
use crate::trace::tracks::TrackLayout;
use crate::trace::{Trace, flags};

/// Time from the run's first stamp; both ends as in a Rust range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TimeSpan {
    pub start_ns: u64,
    pub end_ns: u64,
}

impl TimeSpan {
    pub fn len_ns(self) -> u64 {
        self.end_ns.saturating_sub(self.start_ns)
    }

    /// Whether what runs then runs in it, or begins in it without lasting at all.
    fn holds(self, time: OpTime) -> bool {
        time.start_ns < self.end_ns && (time.end_ns > self.start_ns || time.start_ns >= self.start_ns)
    }

    /// From the first op that runs in it to behind the last. Where stamps do not rise, others may stand in between.
    pub fn ops(self, trace: &Trace) -> [u32; 2] {
        let starts = &trace.ops.start_ns;
        // No op begins before its stamp: most need no more than a look at that.
        let runs = |op: usize| starts[op] < self.end_ns && self.holds(op_time(trace, op));
        range_where(trace, runs).unwrap_or_else(|| {
            let at = starts.partition_point(|&ns| ns < self.start_ns) as u32;
            [at, at]
        })
    }
}

/// Ops of one kind or layer in a span.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Part {
    pub ops: u64,
    /// How long they ran in the span.
    pub busy_ns: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SpanTotals {
    pub ops: u64,
    pub passes: u64,
    /// Tokens that these passes processed, where the recording says.
    pub tokens: u64,
    pub busy_ns: u64,
    pub reads: u64,
    pub writes: u64,
    /// By track: bytes touched, repeats counted, and bytes touched at all.
    pub bytes: [u64; 2],
    pub distinct_bytes: [u64; 2],
    /// By kind of op, and by layer: what took longest first.
    pub kinds: Vec<(u32, Part)>,
    pub layers: Vec<(Option<u32>, Part)>,
}

/// Ops of passes of other `phases` do not count; `None` once cancelled.
pub fn totals(
    trace: &Trace,
    layouts: [&TrackLayout; 2],
    span: TimeSpan,
    phases: u32,
    cancelled: &AtomicBool,
) -> Option<SpanTotals> {
    let mut totals = SpanTotals::default();
    let mut kinds: HashMap<u32, Part> = HashMap::new();
    let mut layers: HashMap<Option<u32>, Part> = HashMap::new();
    let mut of_range = vec![0_u64; trace.ranges.tensor.len()];
    let mut passes = vec![false; trace.passes.len()];
    let [first, behind] = span.ops(trace);
    for op in first as usize..behind as usize {
        if op % 4096 == 0 && cancelled.load(Ordering::Relaxed) {
            return None;
        }
        let (time, pass) = (op_time(trace, op), trace.pass_of(op));
        if !span.holds(time) || pass.is_some_and(|pass| phases & pass.phase.bit() == 0) {
            continue;
        }
        let counted = passes.get_mut(trace.ops.pass[op] as usize);
        if counted.is_some_and(|counted| !std::mem::replace(counted, true)) {
            totals.passes += 1;
            totals.tokens += pass.map_or(0, |pass| pass.token_ids.len().max(pass.positions.len()) as u64);
        }
        let busy = time.end_ns.min(span.end_ns).saturating_sub(time.start_ns.max(span.start_ns));
        totals.ops += 1;
        totals.busy_ns = totals.busy_ns.saturating_add(busy);
        for part in [kinds.entry(trace.ops.kind[op]).or_default(), layers.entry(trace.ops.layer.get(op)).or_default()] {
            part.ops += 1;
            part.busy_ns = part.busy_ns.saturating_add(busy);
        }
        for access in trace.accesses_of(op) {
            let writes = trace.accesses.flags[access] & flags::WRITE != 0;
            *(if writes { &mut totals.writes } else { &mut totals.reads }) += 1;
            if let Some(count) = of_range.get_mut(trace.accesses.range[access] as usize) {
                *count += 1;
            }
        }
    }
    let mut pieces: [Vec<[u64; 2]>; 2] = [Vec::new(), Vec::new()];
    for (range, &count) in of_range.iter().enumerate().filter(|(_, count)| **count > 0) {
        let tensor = trace.ranges.tensor[range] as usize;
        let Some(home) = trace.tensors.get(tensor).filter(|tensor| tensor.home.is_some()) else { continue };
        let (track, length) = (home.track as usize, trace.ranges.length[range]);
        // A home that is not among the files or buffers is no place.
        let Some(base) = layouts[track].bases.get(tensor).copied().filter(|base| *base != NO_BASE) else { continue };
        totals.bytes[track] = totals.bytes[track].saturating_add(length.saturating_mul(count));
        let start = base.saturating_add(trace.ranges.offset[range]);
        pieces[track].push([start, start.saturating_add(length)]);
    }
    for (distinct, mut pieces) in totals.distinct_bytes.iter_mut().zip(pieces) {
        pieces.sort_unstable();
        let mut reached = 0;
        for [start, end] in pieces {
            *distinct += end.saturating_sub(start.max(reached));
            reached = reached.max(end);
        }
    }
    totals.kinds = kinds.into_iter().collect();
    totals.kinds.sort_by_key(|(kind, part)| (std::cmp::Reverse((part.busy_ns, part.ops)), *kind));
    totals.layers = layers.into_iter().collect();
    totals.layers.sort_by_key(|(layer, part)| (std::cmp::Reverse((part.busy_ns, part.ops)), *layer));
    Some(totals)
}
