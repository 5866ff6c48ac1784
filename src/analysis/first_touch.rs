//! Which access of each range of bytes is the first, by phase: looked up once, not for every selection.

use crate::trace::{Phase, Trace};

const PHASES: usize = Phase::ALL.len();
/// No such access.
const NONE: u32 = u32::MAX;

/// Made in one walk through the accesses of a run; 12 bytes a range.
#[derive(Debug, Default)]
pub struct FirstTouch {
    by_range: Vec<[u32; PHASES]>,
}

impl FirstTouch {
    pub fn new(trace: &Trace) -> Self {
        let mut by_range = vec![[NONE; PHASES]; trace.ranges.tensor.len()];
        for pass in trace.passes.iter().filter(|pass| pass.ops > 0) {
            let phase = pass.phase as usize;
            let first = pass.first_op as usize;
            let last = first.saturating_add(pass.ops as usize - 1);
            for access in trace.accesses_of(first).start..trace.accesses_of(last).end {
                if let Some(known) = by_range.get_mut(trace.accesses.range[access] as usize)
                    && known[phase] == NONE
                {
                    known[phase] = access as u32;
                }
            }
        }
        Self { by_range }
    }

    /// The first op in `phases`, a set of phase bits, that touches one of `tensors`.
    pub fn first_op(&self, trace: &Trace, tensors: &[u32], phases: u32) -> Option<u32> {
        let of_them = trace.ranges.tensor.iter().zip(&self.by_range).filter(|(tensor, _)| tensors.contains(tensor));
        let chosen = Phase::ALL.into_iter().filter(|phase| phases & phase.bit() != 0);
        let first = chosen.flat_map(|phase| of_them.clone().map(move |(_, known)| known[phase as usize])).min();
        first.filter(|&access| access != NONE).map(|access| trace.op_of_access(access as usize) as u32)
    }
}
