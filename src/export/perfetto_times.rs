//! When passes and ops of a trace begin and end, and on which lane each stands so that nothing overlaps but nests

use std::io;
use std::ops::Range;

use crate::analysis::op_times::{Known, op_time};
use crate::analysis::table_rows::Rows;
use crate::trace::Trace;

/// Lanes of one kind. What would need more of them stands as a moment without an extent.
const MOST_LANES: usize = 64;
/// Ops between two looks at whether they are still wanted.
pub const OPS_AT_A_TIME: usize = 4096;

/// An op as long as it ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimedOp {
    pub op: u32,
    pub start_ns: u64,
    pub end_ns: u64,
    pub known: Known,
}

/// A pass of which something is exported: from its first stamp to the last end in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimedPass {
    pub pass: u32,
    pub start_ns: u64,
    pub end_ns: u64,
    pub rows: Range<usize>,
}

/// Passes by their start. `proceed` is told how many rows are looked through, and may end it.
pub fn timed_passes(
    trace: &Trace,
    rows: &Rows,
    proceed: &mut dyn FnMut(usize) -> io::Result<()>,
) -> io::Result<Vec<TimedPass>> {
    let mut passes: Vec<TimedPass> = Vec::new();
    for row in 0..rows.len() {
        if row % OPS_AT_A_TIME == 0 {
            proceed(row)?;
        }
        let Some(op) = rows.op(row) else { break };
        let Some(&pass) = trace.ops.pass.get(op as usize) else { break };
        let (time, behind) = (op_time(trace, op as usize), row + 1);
        // Ops of a pass stand together.
        if let Some(last) = passes.last_mut().filter(|last| last.pass == pass) {
            last.start_ns = last.start_ns.min(time.start_ns);
            last.end_ns = last.end_ns.max(time.end_ns);
            last.rows.end = behind;
            continue;
        }
        let (start_ns, end_ns) = trace
            .passes
            .get(pass as usize)
            .map_or((u64::MAX, 0), |pass| (pass.start_ns, pass.start_ns.saturating_add(pass.duration_ns)));
        let (start_ns, end_ns) = (start_ns.min(time.start_ns), end_ns.max(time.end_ns));
        passes.push(TimedPass { pass, start_ns, end_ns, rows: row..behind });
    }
    passes.sort_by_key(|pass| (pass.start_ns, pass.pass));
    Ok(passes)
}

/// The ops of some rows by their start.
pub fn timed_ops(trace: &Trace, rows: &Rows, listed: Range<usize>) -> Vec<TimedOp> {
    let timed = |op: u32| {
        let time = op_time(trace, op as usize);
        TimedOp { op, start_ns: time.start_ns, end_ns: time.end_ns, known: time.known }
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
