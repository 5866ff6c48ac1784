//! When passes and ops of a trace begin and end, and on which lane each stands so that nothing overlaps but nests

use std::ops::Range;

use crate::analysis::table_rows::Rows;
use crate::trace::Trace;

/// Lanes of one kind. What would need more of them stands as a moment without an extent.
const MOST_LANES: usize = 64;

/// An op as long as it ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimedOp {
    pub op: u32,
    pub start_ns: u64,
    pub end_ns: u64,
    pub known: Known,
}

/// What is known of an op's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// Start and end were recorded.
    Recorded,
    /// Its end is the next stamp of its pass.
    Start,
    /// Only its pass has stamps: its ops divide the pass evenly, in their order.
    Order,
}

/// A pass of which something is exported: from its first stamp to the last end in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimedPass {
    pub pass: u32,
    pub start_ns: u64,
    pub end_ns: u64,
    pub rows: Range<usize>,
}

/// Passes by their start.
pub fn timed_passes(trace: &Trace, rows: &Rows) -> Vec<TimedPass> {
    let pass_of = |row: usize| rows.op(row).and_then(|op| trace.ops.pass.get(op as usize)).copied();
    let mut passes = Vec::new();
    let mut from = 0;
    while from < rows.len() {
        let Some(pass) = pass_of(from) else { break };
        // Ops of a pass stand together.
        let mut to = from + 1;
        while to < rows.len() && pass_of(to) == Some(pass) {
            to += 1;
        }
        let (mut start_ns, mut end_ns) = trace
            .passes
            .get(pass as usize)
            .map_or((u64::MAX, 0), |pass| (pass.start_ns, pass.start_ns.saturating_add(pass.duration_ns)));
        for timed in timed_ops(trace, rows, pass, from..to) {
            start_ns = start_ns.min(timed.start_ns);
            end_ns = end_ns.max(timed.end_ns);
        }
        passes.push(TimedPass { pass, start_ns, end_ns: end_ns.max(start_ns), rows: from..to });
        from = to;
    }
    passes.sort_by_key(|pass| (pass.start_ns, pass.pass));
    passes
}

/// The ops of a pass by their start.
pub fn timed_ops(trace: &Trace, rows: &Rows, pass: u32, listed: Range<usize>) -> Vec<TimedOp> {
    let start = |op: usize| trace.ops.start_ns.get(op).copied().unwrap_or(0);
    let Some(of_pass) = trace.passes.get(pass as usize) else { return Vec::new() };
    let ops = of_pass.first_op as usize..(of_pass.first_op as usize + of_pass.ops as usize).min(trace.op_count());
    let pass_end = of_pass.start_ns.saturating_add(of_pass.duration_ns);
    let ordered = |op: usize| trace.ops.duration_ns.get(op).is_none() && start(op) == of_pass.start_ns;
    if ops.len() > 1 && ops.clone().all(ordered) {
        let at = |k: usize| {
            let part = u128::from(of_pass.duration_ns) * k as u128 / ops.len() as u128;
            of_pass.start_ns.saturating_add(part as u64)
        };
        let timed = |op: u32| {
            let k = (op as usize).saturating_sub(ops.start);
            TimedOp { op, start_ns: at(k), end_ns: at(k + 1), known: Known::Order }
        };
        return listed.filter_map(|row| rows.op(row)).map(timed).collect();
    }
    let timed = |op: u32| {
        let (index, start_ns) = (op as usize, start(op as usize));
        match trace.ops.duration_ns.get(index) {
            Some(ns) => TimedOp { op, start_ns, end_ns: start_ns.saturating_add(ns), known: Known::Recorded },
            None => {
                let next = if index + 1 < ops.end { start(index + 1) } else { pass_end };
                TimedOp { op, start_ns, end_ns: next.max(start_ns), known: Known::Start }
            }
        }
    };
    let mut timed: Vec<TimedOp> = listed.filter_map(|row| rows.op(row)).map(timed).collect();
    if !timed.is_sorted_by_key(|timed| timed.start_ns) {
        timed.sort_by_key(|timed| (timed.start_ns, timed.op));
    }
    timed
}

/// Lanes on which things stand one behind the other.
#[derive(Debug, Clone, Default)]
pub struct Lanes {
    /// Where the last thing on each lane ends.
    ends_ns: Vec<u64>,
}

impl Lanes {
    /// The first lane that is free from `start_ns` on; `None` where there are too many already.
    pub fn place(&mut self, start_ns: u64, end_ns: u64) -> Option<usize> {
        let free = self.ends_ns.iter().position(|end| *end <= start_ns);
        let lane = match free {
            Some(lane) => lane,
            None if self.ends_ns.len() < MOST_LANES => {
                self.ends_ns.push(0);
                self.ends_ns.len() - 1
            }
            None => return None,
        };
        self.ends_ns[lane] = end_ns;
        Some(lane)
    }
}
