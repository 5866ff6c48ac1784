//! Ops by a value that they have, such as their layer: the values as numbers without gaps.

use std::collections::BTreeSet;

use hashbrown::HashMap;
use rayon::prelude::*;

use crate::trace::Trace;

/// Values below are looked up in a table.
const TABLE: usize = 1 << 16;
const OPS_OF_TASK: usize = 256 * 1024;
const UNKNOWN: u32 = u32::MAX;

/// What ops are told apart by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    Layer,
    Kind,
}

impl Key {
    fn of(self, trace: &Trace, op: usize) -> Option<u32> {
        match self {
            Self::Layer => trace.ops.layer.get(op),
            Self::Kind => trace.ops.kind.get(op).copied(),
        }
    }
}

/// The values that the ops of a run have, in their order, `None` last where some have none.
pub(super) struct Groups {
    key: Key,
    pub values: Vec<Option<u32>>,
    table: Vec<u32>,
    others: HashMap<u32, u32>,
}

impl Groups {
    pub fn new(trace: &Trace, key: Key) -> Self {
        let values_of = |first: usize| {
            let mut found = BTreeSet::new();
            let mut before = None;
            for op in first..trace.op_count().min(first + OPS_OF_TASK) {
                let value = key.of(trace, op);
                if before != Some(value) {
                    before = Some(value);
                    // None would stand first.
                    found.insert((value.is_none(), value));
                }
            }
            found
        };
        let found = (0..trace.op_count()).into_par_iter().step_by(OPS_OF_TASK).map(values_of).reduce(
            BTreeSet::new,
            |mut all, more| {
                all.extend(more);
                all
            },
        );
        let values: Vec<Option<u32>> = found.into_iter().map(|(_, value)| value).collect();
        let largest = values.iter().flatten().map(|&value| value as usize).filter(|&value| value < TABLE).max();
        let mut table = vec![UNKNOWN; largest.map_or(0, |largest| largest + 1)];
        let mut others = HashMap::new();
        for (group, value) in (0..).zip(&values) {
            match value.map(|value| (value, table.get_mut(value as usize))) {
                Some((_, Some(entry))) => *entry = group,
                Some((value, None)) => {
                    others.insert(value, group);
                }
                None => {}
            }
        }
        Self { key, values, table, others }
    }

    /// The group of an op, which the run has.
    pub fn of(&self, trace: &Trace, op: usize) -> usize {
        let found = self.key.of(trace, op).and_then(|value| match self.table.get(value as usize) {
            Some(&group) => Some(group),
            None => self.others.get(&value).copied(),
        });
        found.map_or(self.values.len().saturating_sub(1), |group| group as usize)
    }
}
