//! How long the ops of each group took: their number, sum, mean and exact percentiles.

use std::sync::atomic::AtomicBool;

use rayon::prelude::*;

use super::Scope;
use super::groups::Groups;
use super::spans::{pieces, wanted};
use crate::trace::Trace;

/// Of the ops of a group whose duration is known; nothing is known of a group without such ops.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Durations {
    pub ops: u64,
    pub total_ns: Option<u64>,
    pub mean_ns: Option<f64>,
    pub p50_ns: Option<u64>,
    pub p90_ns: Option<u64>,
    pub p99_ns: Option<u64>,
    pub max_ns: Option<u64>,
}

/// `None` once cancelled.
pub(super) fn of_groups(
    trace: &Trace,
    scope: Scope,
    groups: &Groups,
    cancelled: &AtomicBool,
) -> Option<Vec<Durations>> {
    let pieces = pieces(trace, scope);
    let values_of = |piece: &Vec<std::ops::Range<usize>>| {
        let mut found = vec![(0_u64, Vec::new()); groups.values.len()];
        for ops in piece {
            wanted(cancelled)?;
            for op in ops.clone() {
                let (count, values) = &mut found[groups.of(trace, op)];
                *count += 1;
                values.extend(trace.ops.duration_ns.get(op));
            }
        }
        Some(found)
    };
    let found: Vec<Vec<(u64, Vec<u64>)>> = pieces.par_iter().map(values_of).collect::<Option<_>>()?;
    wanted(cancelled)?;
    let of_group = |group: usize| {
        let mut values = Vec::with_capacity(found.iter().map(|piece| piece[group].1.len()).sum());
        for piece in &found {
            values.extend_from_slice(&piece[group].1);
        }
        Durations { ops: found.iter().map(|piece| piece[group].0).sum(), ..Durations::of(&mut values) }
    };
    Some((0..groups.values.len()).into_par_iter().map(of_group).collect())
}

impl Durations {
    fn of(values: &mut [u64]) -> Self {
        let total = values.iter().fold(0_u64, |sum, &value| sum.saturating_add(value));
        let [p50_ns, p90_ns, p99_ns] = percentiles(values, [0.5, 0.9, 0.99]);
        Self {
            ops: 0,
            total_ns: (!values.is_empty()).then_some(total),
            mean_ns: mean(values),
            p50_ns,
            p90_ns,
            p99_ns,
            max_ns: values.iter().copied().max(),
        }
    }
}

pub(super) fn mean(values: &[u64]) -> Option<f64> {
    let total: u128 = values.iter().map(|&value| u128::from(value)).sum();
    (!values.is_empty()).then(|| total as f64 / values.len() as f64)
}

/// The least value that is not below so great a share of all of them. Shares rise. Values are put into another order.
pub(super) fn percentiles<const N: usize>(mut values: &mut [u64], shares: [f64; N]) -> [Option<u64>; N] {
    let count = values.len();
    let mut from = 0;
    let mut before = None;
    shares.map(|share| {
        let at = ((share * count as f64).ceil() as usize).clamp(1, count.max(1)) - 1;
        // The one that was asked for last stands before what is left.
        if at >= from && at - from < values.len() {
            let (_, value, behind) = std::mem::take(&mut values).select_nth_unstable(at - from);
            before = Some(*value);
            values = behind;
            from = at + 1;
        }
        before
    })
}

#[cfg(test)]
mod tests {
    use super::percentiles;

    #[test]
    fn percentiles_are_values_that_occur() {
        let shares = [0.5, 0.9, 0.99];
        assert_eq!(percentiles(&mut [], shares), [None; 3]);
        assert_eq!(percentiles(&mut [7], shares), [Some(7); 3]);
        assert_eq!(percentiles(&mut [3, 1], shares), [Some(1), Some(3), Some(3)]);
        let mut values: Vec<u64> = (1..=1000).rev().collect();
        assert_eq!(percentiles(&mut values, shares), [Some(500), Some(900), Some(990)]);
    }
}
