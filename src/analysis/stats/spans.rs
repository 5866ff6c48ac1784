//! Which ops count, in pieces that threads take on beside each other.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

use super::Scope;
use crate::trace::{Pass, Trace};

/// Ops between two looks at whether they are still wanted.
const OPS_AT_A_TIME: usize = 16 * 1024;

/// The ops of a pass, as far as the run has them.
pub(super) fn ops_of(trace: &Trace, pass: &Pass) -> Range<usize> {
    let end = (pass.first_op as usize).saturating_add(pass.ops as usize).min(trace.op_count());
    (pass.first_op as usize).min(end)..end
}

/// The ops of the scope, in as many pieces of about the same length as there are threads.
pub(super) fn pieces(trace: &Trace, scope: Scope) -> Vec<Vec<Range<usize>>> {
    let passes = || trace.passes.iter().filter(|pass| scope.has(pass)).map(|pass| ops_of(trace, pass));
    let total: usize = passes().map(|ops| ops.len()).sum();
    let most = total.div_ceil(rayon::current_num_threads().max(1)).max(1);
    let mut pieces = Vec::new();
    let (mut piece, mut left) = (Vec::<Range<usize>>::new(), most);
    for mut ops in passes() {
        while !ops.is_empty() {
            let end = ops.end.min(ops.start + left.min(OPS_AT_A_TIME));
            left -= end - ops.start;
            piece.push(ops.start..end);
            ops.start = end;
            if left == 0 {
                pieces.push(std::mem::take(&mut piece));
                left = most;
            }
        }
    }
    if !piece.is_empty() {
        pieces.push(piece);
    }
    pieces
}

/// Whether work goes on.
pub(super) fn wanted(cancelled: &AtomicBool) -> Option<()> {
    (!cancelled.load(Ordering::Relaxed)).then_some(())
}
