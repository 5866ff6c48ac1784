//! A row for each tensor: how often and by how many passes it was touched, how much of it, and how far apart its reads are.

use std::ops::Range;
use std::sync::atomic::AtomicBool;

use rayon::prelude::*;
use serde::Serialize;

use super::Scope;
use super::fields::{Field, Row};
use super::places::{Part, Places};
use super::reuse::reuse;
use super::spans::{ops_of, wanted};
use crate::trace::{Pass, Trace, Track, flags};

/// In place of the number of an op or a pass.
const NEVER: u32 = u32::MAX;

#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct TensorStats {
    pub tensor: u32,
    pub name: String,
    pub track: Option<Track>,
    pub layer: Option<u32>,
    pub category: String,
    pub bytes: u64,
    pub accesses: u64,
    pub reads: u64,
    pub writes: u64,
    pub touched_bytes: u64,
    pub logged_bytes: u64,
    pub ever_touched_bytes: u64,
    pub ever_touched_share: Option<f64>,
    pub passes: u64,
    pub first_op: Option<u32>,
    pub last_op: Option<u32>,
    pub reuse_mean_bytes: Option<f64>,
}

/// What is counted of a range.
#[derive(Clone, Copy)]
struct Touches {
    accesses: u32,
    writes: u32,
    first: u32,
    last: u32,
}

/// What a thread has found in some of the passes.
struct Found {
    of_ranks: Vec<Touches>,
    /// By tensor: passes that touch it, and the last of them.
    passes: Vec<(u32, u32)>,
}

impl Found {
    fn new(trace: &Trace, places: &Places) -> Self {
        let none = Touches { accesses: 0, writes: 0, first: NEVER, last: 0 };
        Self { of_ranks: vec![none; places.len()], passes: vec![(0, NEVER); trace.tensors.len()] }
    }

    fn add(&mut self, trace: &Trace, places: &Places, number: u32, ops: Range<usize>) {
        for op in ops {
            let accesses = trace.accesses_of(op);
            let flags_of = trace.accesses.flags.get(accesses.clone()).unwrap_or_default();
            for (&range, &flag) in trace.accesses.range[accesses].iter().zip(flags_of) {
                let Some(rank) = places.rank(range) else { continue };
                let touches = &mut self.of_ranks[rank];
                touches.accesses += 1;
                touches.writes += u32::from(flag & flags::WRITE != 0);
                touches.first = touches.first.min(op as u32);
                touches.last = op as u32;
                if let Some((passes, last)) = self.passes.get_mut(places.by_rank[rank].tensor as usize)
                    && *last != number
                {
                    *last = number;
                    *passes += 1;
                }
            }
        }
    }

    /// Adds what follows it.
    fn join(mut self, next: &Self) -> Self {
        for (all, more) in self.of_ranks.iter_mut().zip(&next.of_ranks) {
            all.accesses += more.accesses;
            all.writes += more.writes;
            all.first = all.first.min(more.first);
            all.last = all.last.max(more.last);
        }
        self.passes.iter_mut().zip(&next.passes).for_each(|((all, _), (more, _))| *all += more);
        self
    }
}

/// All tensors of the run, in its order. `None` once cancelled.
pub fn tensors(trace: &Trace, scope: Scope, cancelled: &AtomicBool) -> Option<Vec<TensorStats>> {
    let places = Places::new(trace);
    let passes: Vec<(u32, &Pass)> = (0_u32..).zip(&trace.passes).filter(|(_, pass)| scope.has(pass)).collect();
    let size = passes.len().div_ceil(rayon::current_num_threads().max(1)).max(1);
    let of_task = |passes: &[(u32, &Pass)]| {
        let mut found = Found::new(trace, &places);
        for &(number, pass) in passes {
            wanted(cancelled)?;
            found.add(trace, &places, number, ops_of(trace, pass));
        }
        Some(found)
    };
    let tasks: Vec<Found> = passes.par_chunks(size).map(of_task).collect::<Option<_>>()?;
    let found = tasks.iter().fold(Found::new(trace, &places), Found::join);
    let reuse = reuse(trace, scope, &places, cancelled)?;

    let mut rows: Vec<TensorStats> = (0_u32..)
        .zip(trace.tensors.iter().zip(&found.passes))
        .map(|(index, (tensor, &(passes, _)))| TensorStats {
            tensor: index,
            name: tensor.name.trim().to_owned(),
            track: places.located(index).then_some(tensor.track),
            layer: tensor.layer,
            category: tensor.category.clone(),
            bytes: tensor.bytes,
            passes: u64::from(passes),
            ..TensorStats::default()
        })
        .collect();
    // Ranks of a tensor come by address, so that what is not covered yet lies behind the furthest end.
    let mut ends = vec![0_u64; rows.len()];
    let mut distances = vec![(0_u64, 0_u128); rows.len()];
    for (place, touches) in places.by_rank.iter().zip(&found.of_ranks).filter(|(_, touches)| touches.accesses > 0) {
        let Some(row) = rows.get_mut(place.tensor as usize) else { continue };
        let count = u64::from(touches.accesses);
        row.accesses += count;
        row.writes += u64::from(touches.writes);
        row.reads += count - u64::from(touches.writes);
        if place.part != Part::Nowhere {
            row.touched_bytes = row.touched_bytes.saturating_add(place.length.saturating_mul(count));
            row.logged_bytes = row.logged_bytes.saturating_add(place.logged.saturating_mul(count));
            let end = &mut ends[place.tensor as usize];
            row.ever_touched_bytes += place.end().saturating_sub((*end).max(place.start));
            *end = (*end).max(place.end());
        }
        row.first_op = Some(row.first_op.map_or(touches.first, |first| first.min(touches.first)));
        row.last_op = row.last_op.max(Some(touches.last));
        if let Some((reads, sum)) = reuse.of_ranges.get(place.range as usize) {
            let of_tensor = &mut distances[place.tensor as usize];
            of_tensor.0 += reads;
            of_tensor.1 += sum;
        }
    }
    for (row, (reads, sum)) in rows.iter_mut().zip(distances) {
        row.reuse_mean_bytes = (reads > 0).then(|| sum as f64 / reads as f64);
        let located = row.track.is_some() && row.bytes > 0;
        row.ever_touched_share = located.then(|| row.ever_touched_bytes as f64 / row.bytes as f64);
    }
    Some(rows)
}

impl Row for TensorStats {
    const FIELDS: &'static [Field] = &[
        ("tensor", "its number in the run, from 0"),
        ("name", "its name"),
        ("track", "disk or buffer; null where the source does not say where it lies"),
        ("layer", "its layer; null where it has none"),
        ("category", "the part of the model that it belongs to, by its name"),
        ("bytes", "its size"),
        ("accesses", "accesses to ranges of it"),
        ("reads", "accesses that read"),
        ("writes", "accesses that write"),
        ("touched_bytes", "bytes of all accesses, repeats counted"),
        ("logged_bytes", "as touched bytes, with every access widened to the whole tensor"),
        ("ever_touched_bytes", "distinct bytes of it that are touched"),
        ("ever_touched_share", "these over its size"),
        ("passes", "passes that touch it"),
        ("first_op", "the first op that touches it; null where none does"),
        ("last_op", "the last op that touches it"),
        (
            "reuse_mean_bytes",
            "mean reuse distance of its reads: the distinct bytes of the model files that were read since the last read \
             of the same range; null for what is not in a model file",
        ),
    ];
}
