//! When each op begins and ends: as recorded, else until the next stamp, and where only passes have stamps an even part of its pass

use rayon::prelude::*;

use crate::trace::{Pass, Trace};

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

/// An op in time. It never ends before it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpTime {
    pub start_ns: u64,
    pub end_ns: u64,
    pub known: Known,
}

/// When op `op` runs.
pub fn op_time(trace: &Trace, op: usize) -> OpTime {
    let Some(&start_ns) = trace.ops.start_ns.get(op) else {
        return OpTime { start_ns: 0, end_ns: 0, known: Known::Start };
    };
    if let Some(duration) = trace.ops.duration_ns.get(op) {
        return OpTime { start_ns, end_ns: start_ns.saturating_add(duration), known: Known::Recorded };
    }
    if let Some((pass, part)) = part_of_pass(trace, op) {
        return OpTime { start_ns: edge_ns(pass, part), end_ns: edge_ns(pass, part + 1), known: Known::Order };
    }
    let pass = trace.ops.pass.get(op);
    let next = trace.ops.start_ns.get(op + 1).filter(|_| trace.ops.pass.get(op + 1) == pass);
    let end_of_pass = || trace.pass_of(op).map(|pass| pass.start_ns.saturating_add(pass.duration_ns));
    let end_ns = next.copied().or_else(end_of_pass).unwrap_or(start_ns).max(start_ns);
    OpTime { start_ns, end_ns, known: Known::Start }
}

/// When op `op` begins, which is at its stamp or behind it.
pub fn op_start_ns(trace: &Trace, op: usize) -> u64 {
    match part_of_pass(trace, op) {
        Some((pass, part)) => edge_ns(pass, part),
        None => trace.ops.start_ns.get(op).copied().unwrap_or(0),
    }
}

/// Whether the run says when its ops ran, and not only when its passes did.
pub fn has_own_times(trace: &Trace) -> bool {
    let stamped = trace.passes.iter().any(|pass| pass.start_ns > 0 || pass.duration_ns > 0);
    let mut several = trace.passes.iter().filter(|pass| pass.ops > 1).peekable();
    stamped && (several.peek().is_none() || several.any(|pass| !is_divided(trace, pass)))
}

/// From the first op that is `wanted` to behind the last, in whatever order their stamps are.
pub fn range_where(trace: &Trace, wanted: impl Fn(usize) -> bool + Send + Sync) -> Option<[u32; 2]> {
    let ops = || (0..trace.op_count()).into_par_iter();
    let first = ops().find_first(|op| wanted(*op))?;
    let last = ops().find_last(|op| wanted(*op))?;
    Some([first as u32, last as u32 + 1])
}

/// The pass whose time op `op` has an even part of, and which part that is; `None` where it has a time of its own.
fn part_of_pass(trace: &Trace, op: usize) -> Option<(&Pass, u64)> {
    let pass = trace.pass_of(op)?;
    let part = (op as u64).checked_sub(u64::from(pass.first_op)).filter(|part| *part < u64::from(pass.ops))?;
    (is_untimed(trace, pass, op) && is_divided(trace, pass)).then_some((pass, part))
}

fn is_untimed(trace: &Trace, pass: &Pass, op: usize) -> bool {
    trace.ops.start_ns.get(op) == Some(&pass.start_ns) && trace.ops.duration_ns.get(op).is_none()
}

/// Whether only the pass has stamps. Its first and its last op tell: were one in between stamped, so were the last.
fn is_divided(trace: &Trace, pass: &Pass) -> bool {
    let (first, count) = (pass.first_op as usize, pass.ops as usize);
    count > 1 && is_untimed(trace, pass, first) && is_untimed(trace, pass, first + count - 1)
}

/// Where part `part` of a pass begins, to the ns: `duration * part / ops`, which needs no more than 64 bits this way.
fn edge_ns(pass: &Pass, part: u64) -> u64 {
    let count = u64::from(pass.ops).max(1);
    let (whole, rest) = (pass.duration_ns / count, pass.duration_ns % count);
    pass.start_ns.saturating_add(whole * part + rest * part / count)
}
