//! Every access of a tensor, or of one expert's slice of it: found once when it is asked for, in one pass over the run.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::trace::{Trace, flags};

/// Accesses between two looks at whether the answer is still wanted.
const STRIDE: usize = 1 << 20;

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Wanted {
    pub tensors: Vec<u32>,
    /// Only this expert's slices.
    pub expert: Option<u32>,
    /// Bits of the phases that count.
    pub phases: u32,
}

/// Accesses by their number in the run, in the order in which they happened, and what they come to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccessList {
    pub accesses: Vec<u32>,
    pub writes: u64,
    /// Ops that make them, and passes in which they are.
    pub ops: u64,
    pub passes: u64,
    /// Layers of these ops, sorted.
    pub layers: Vec<u32>,
}

/// `None` once it is cancelled. The list takes 4 bytes an access that is found, and nothing of the others.
pub fn find(trace: &Trace, wanted: &Wanted, cancelled: &AtomicBool) -> Option<AccessList> {
    let fits = |range: usize| {
        let tensor = trace.ranges.tensor.get(range).is_some_and(|tensor| wanted.tensors.contains(tensor));
        tensor && wanted.expert.is_none_or(|expert| trace.ranges.expert.get(range) == Some(expert))
    };
    let ranges: Vec<bool> = (0..trace.ranges.tensor.len()).map(fits).collect();
    let mut list = AccessList::default();
    let mut layers = std::collections::BTreeSet::new();
    let (mut op, mut last_op, mut last_pass) = (0_usize, None, None);
    for (chunk, accesses) in trace.accesses.range.chunks(STRIDE).enumerate() {
        if cancelled.load(Ordering::Relaxed) {
            return None;
        }
        for (within, &range) in accesses.iter().enumerate() {
            if !ranges.get(range as usize).copied().unwrap_or(false) {
                continue;
            }
            let access = chunk * STRIDE + within;
            // Accesses are ordered by op, so the op is the same one or a later.
            if access >= trace.accesses_of(op).end {
                op = trace.op_of_access(access);
            }
            if trace.pass_of(op).is_some_and(|pass| pass.phase.bit() & wanted.phases == 0) {
                continue;
            }
            list.accesses.push(access as u32);
            let written = trace.accesses.flags.get(access).is_some_and(|flag| flag & flags::WRITE != 0);
            list.writes += u64::from(written);
            if last_op != Some(op) {
                last_op = Some(op);
                list.ops += 1;
                layers.extend(trace.ops.layer.get(op));
                let pass = trace.ops.pass.get(op).copied();
                if last_pass != pass {
                    last_pass = pass;
                    list.passes += 1;
                }
            }
        }
    }
    list.layers = layers.into_iter().collect();
    Some(list)
}
