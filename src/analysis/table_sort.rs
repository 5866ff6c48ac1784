//! Sorts rows by several columns: their keys as one string of bits, in as few rounds of 64 as hold them.

use std::sync::atomic::{AtomicBool, Ordering};

use rayon::prelude::*;

use super::table_columns::ColumnKeys;
use super::table_rows::{Rows, SortKey};
use crate::trace::Trace;

/// A column's keys, moved to begin at 0.
struct Bits<'a> {
    keys: ColumnKeys<'a>,
    lowest: u64,
    highest: u64,
    /// One number more than there are keys stands for a missing value.
    bits: u32,
    down: bool,
}

impl<'a> Bits<'a> {
    fn new(trace: &'a Trace, rows: &Rows, key: SortKey) -> Self {
        let keys = ColumnKeys::new(trace, key.column);
        let span = |row: usize| rows.op(row).and_then(|op| keys.key(op as usize)).map(|key| [key, key]);
        let widest = |a: Option<[u64; 2]>, b: Option<[u64; 2]>| match (a, b) {
            (Some(a), Some(b)) => Some([a[0].min(b[0]), a[1].max(b[1])]),
            (one, other) => one.or(other),
        };
        let [lowest, highest] = (0..rows.len()).into_par_iter().map(span).reduce(|| None, widest).unwrap_or([0, 0]);
        let bits = u128::BITS - (u128::from(highest - lowest) + 1).leading_zeros();
        Self { keys, lowest, highest, bits, down: key.down }
    }

    fn of(&self, op: u32) -> u128 {
        match self.keys.key(op as usize) {
            None => u128::from(self.highest - self.lowest) + 1,
            Some(key) if self.down => u128::from(self.highest.saturating_sub(key)),
            Some(key) => u128::from(key.saturating_sub(self.lowest)),
        }
    }
}

/// A part of a column's bits that is sorted by in one round.
#[derive(Clone, Copy)]
struct Piece {
    column: usize,
    from_bit: u32,
    bits: u32,
}

/// `rows` in the order of `by`, the first column counting most; rows that are equal in all of them stay as they stood.
/// `None` once cancelled.
///
/// Each round sorts (bits, place in the last round's order) as one number, beginning with the bits that count least:
/// 8 bytes a row, and 4 for the order itself.
pub fn sort(trace: &Trace, rows: Rows, by: &[SortKey], cancelled: &AtomicBool) -> Option<Rows> {
    if by.is_empty() || rows.len() < 2 {
        return Some(rows);
    }
    let columns: Vec<Bits<'_>> = by.iter().map(|key| Bits::new(trace, &rows, *key)).collect();
    let place_bits = u64::BITS - (rows.len() as u64 - 1).leading_zeros();
    let mut order: Option<Vec<u32>> = None;
    for round in rounds(&columns, u64::BITS - place_bits) {
        if cancelled.load(Ordering::Relaxed) {
            return None;
        }
        let op_at = |place: usize| order.as_ref().map_or_else(|| rows.op(place), |order| order.get(place).copied());
        let key = |place: usize| {
            let op = op_at(place).unwrap_or_default();
            let bits = round.iter().fold(0, |bits: u64, piece| {
                let column = columns[piece.column].of(op) >> piece.from_bit;
                bits << piece.bits | (column as u64 & ((1 << piece.bits) - 1))
            });
            bits << place_bits | place as u64
        };
        let mut keys: Vec<u64> = (0..rows.len()).into_par_iter().map(key).collect();
        if cancelled.load(Ordering::Relaxed) {
            return None;
        }
        keys.par_sort_unstable();
        let mask = (1_u64 << place_bits) - 1;
        let sorted = keys.into_par_iter().map(|key| op_at((key & mask) as usize).unwrap_or_default()).collect();
        order = Some(sorted);
    }
    Some(match order {
        Some(order) if order.len() == trace.op_count() && order.is_sorted() => Rows::All(order.len() as u32),
        Some(order) => Rows::List(order),
        None => rows,
    })
}

/// The columns' bits, least first, in rounds of at most `room` bits; within a round the bits that count most come first.
fn rounds(columns: &[Bits<'_>], room: u32) -> Vec<Vec<Piece>> {
    let mut rounds: Vec<Vec<Piece>> = vec![Vec::new()];
    let mut left = room;
    for (column, of) in columns.iter().enumerate().rev() {
        let mut from_bit = 0;
        while from_bit < of.bits {
            if left == 0 {
                rounds.push(Vec::new());
                left = room;
            }
            let bits = left.min(of.bits - from_bit);
            if let Some(round) = rounds.last_mut() {
                round.insert(0, Piece { column, from_bit, bits });
            }
            left -= bits;
            from_bit += bits;
        }
    }
    rounds
}
