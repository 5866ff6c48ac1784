//! Rows grouped by the values of a column, with counts and sums.

use std::sync::atomic::{AtomicBool, Ordering};

use hashbrown::HashMap;
use rayon::prelude::*;

use super::table_columns::{Column, ColumnKeys, logged_bytes, touched_bytes};
use super::table_rows::Rows;
use crate::trace::Trace;

/// Rows that one task looks at.
const CHUNK_ROWS: usize = 64 * 1024;

/// The rows that share a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Group {
    /// The first op by number, which stands for the group: its value is that of all.
    pub first_op: u32,
    pub ops: u64,
    /// Of the ops whose duration is known.
    pub time_ns: u64,
    pub touched_bytes: u64,
    pub logged_bytes: u64,
}

impl Group {
    fn of(trace: &Trace, op: u32) -> Self {
        let index = op as usize;
        Self {
            first_op: op,
            ops: 1,
            time_ns: trace.ops.duration_ns.get(index).unwrap_or(0),
            touched_bytes: touched_bytes(trace, index),
            logged_bytes: logged_bytes(trace, index),
        }
    }

    fn add(&mut self, other: &Self) {
        self.first_op = self.first_op.min(other.first_op);
        self.ops += other.ops;
        self.time_ns = self.time_ns.saturating_add(other.time_ns);
        self.touched_bytes = self.touched_bytes.saturating_add(other.touched_bytes);
        self.logged_bytes = self.logged_bytes.saturating_add(other.logged_bytes);
    }
}

/// The groups of a column, in the order of its values; ops without one come last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Groups {
    pub column: Column,
    pub groups: Vec<Group>,
}

/// `None` once cancelled.
pub fn group(trace: &Trace, rows: &Rows, column: Column, cancelled: &AtomicBool) -> Option<Groups> {
    type Found = HashMap<Option<u64>, Group>;
    let keys = ColumnKeys::new(trace, column);
    let merged = |mut into: Found, from: Found| {
        for (key, group) in from {
            into.entry(key).and_modify(|known| known.add(&group)).or_insert(group);
        }
        into
    };
    let part = |start: usize| {
        let mut found = Found::new();
        if cancelled.load(Ordering::Relaxed) {
            return found;
        }
        for op in (start..rows.len().min(start + CHUNK_ROWS)).filter_map(|row| rows.op(row)) {
            let group = Group::of(trace, op);
            found.entry(keys.key(op as usize)).and_modify(|known| known.add(&group)).or_insert(group);
        }
        found
    };
    let found = (0..rows.len()).into_par_iter().step_by(CHUNK_ROWS).map(part).reduce(Found::new, merged);
    if cancelled.load(Ordering::Relaxed) {
        return None;
    }
    let mut groups: Vec<(Option<u64>, Group)> = found.into_iter().collect();
    groups.sort_unstable_by_key(|(key, _)| (key.is_none(), *key));
    Some(Groups { column, groups: groups.into_iter().map(|(_, group)| group).collect() })
}
