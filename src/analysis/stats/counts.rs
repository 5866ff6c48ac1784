//! How often the ops of each group touch each range: what touched and logged bytes, working sets and hottest tensors of
//! groups are made of.

use std::sync::atomic::AtomicBool;

use hashbrown::HashMap;
use rayon::prelude::*;

use super::Scope;
use super::groups::Groups;
use super::places::{Parts, Places, Union};
use super::spans::{pieces, wanted};
use crate::trace::Trace;

/// Counters that a thread may have; where there are more pairs of group and range, those that occur are kept.
const MOST_COUNTERS: usize = 8 << 20;

/// What the ops of a group touch.
#[derive(Debug, Clone, Default)]
pub(super) struct GroupBytes {
    pub accesses: u64,
    pub touched: Parts,
    pub logged: Parts,
    pub union: Union,
    /// Touched bytes by tensor, the most first.
    pub tensors: Vec<(u32, u64)>,
}

enum Counts {
    /// By group, then by rank.
    Dense(Vec<u32>),
    Sparse(HashMap<(u32, u32), u32>),
}

impl Counts {
    fn join(self, other: Self) -> Self {
        match (self, other) {
            (Self::Dense(mut all), Self::Dense(more)) => {
                all.par_iter_mut().zip(more).with_min_len(4096).for_each(|(sum, more)| *sum += more);
                Self::Dense(all)
            }
            (Self::Sparse(mut all), Self::Sparse(more)) => {
                for (pair, count) in more {
                    *all.entry(pair).or_default() += count;
                }
                Self::Sparse(all)
            }
            // One run has one of them.
            (all, _) => all,
        }
    }
}

/// What each group of ops touches; `None` once cancelled.
pub(super) fn of_groups(
    trace: &Trace,
    scope: Scope,
    places: &Places,
    groups: &Groups,
    cancelled: &AtomicBool,
) -> Option<Vec<GroupBytes>> {
    let dense = groups.values.len().saturating_mul(places.len()) <= MOST_COUNTERS;
    let pieces = pieces(trace, scope);
    let counts = pieces.par_iter().map(|piece| {
        let mut counts = match dense {
            true => Counts::Dense(vec![0; groups.values.len() * places.len()]),
            false => Counts::Sparse(HashMap::new()),
        };
        for ops in piece {
            wanted(cancelled)?;
            for op in ops.clone() {
                let group = groups.of(trace, op);
                let ranks = trace.accesses.range[trace.accesses_of(op)].iter().filter_map(|&range| places.rank(range));
                match &mut counts {
                    Counts::Dense(counts) => {
                        let row = &mut counts[group * places.len()..(group + 1) * places.len()];
                        ranks.for_each(|rank| row[rank] += 1);
                    }
                    Counts::Sparse(counts) => {
                        ranks.for_each(|rank| *counts.entry((group as u32, rank as u32)).or_default() += 1);
                    }
                }
            }
        }
        Some(counts)
    });
    let counts = counts.try_reduce_with(|all, more| Some(all.join(more)));
    let mut found = vec![GroupBytes::default(); groups.values.len()];
    match counts {
        None => wanted(cancelled)?,
        Some(None) => return None,
        Some(Some(Counts::Dense(counts))) if places.len() > 0 => {
            found.par_iter_mut().zip(counts.par_chunks(places.len())).for_each(|(bytes, counts)| {
                bytes.fill((0..).zip(counts.iter().copied()).filter(|&(_, count)| count > 0), places);
            });
        }
        Some(Some(Counts::Dense(_))) => {}
        Some(Some(Counts::Sparse(counts))) => {
            let mut by_group = vec![Vec::new(); groups.values.len()];
            for ((group, rank), count) in counts {
                by_group[group as usize].push((rank, count));
            }
            found.par_iter_mut().zip(by_group).for_each(|(bytes, mut counts)| {
                counts.sort_unstable();
                bytes.fill(counts.into_iter(), places);
            });
        }
    }
    Some(found)
}

impl GroupBytes {
    /// `counts` by rank, in the order of ranks.
    fn fill(&mut self, counts: impl Iterator<Item = (u32, u32)>, places: &Places) {
        for (rank, count) in counts {
            let place = &places.by_rank[rank as usize];
            let times = u64::from(count);
            self.accesses += times;
            self.touched.add(place.part, place.length.saturating_mul(times));
            self.logged.add(place.part, place.logged.saturating_mul(times));
            self.union.add(place);
            self.tensors.push((place.tensor, place.length.saturating_mul(times)));
        }
        self.tensors.sort_unstable();
        self.tensors.dedup_by(|next, sum| {
            let same = next.0 == sum.0;
            if same {
                sum.1 = sum.1.saturating_add(next.1);
            }
            same
        });
        self.tensors.sort_by_key(|&(tensor, bytes)| (std::cmp::Reverse(bytes), tensor));
    }
}
