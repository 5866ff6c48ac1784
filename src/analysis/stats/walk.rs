//! One walk over a run, pass by pass: what each touches, how sequentially it reads, and what it is the first to touch.

use std::sync::atomic::AtomicBool;

use rayon::prelude::*;

use super::Scope;
use super::places::{Part, Parts, Places, Ranks, Union};
use super::spans::{ops_of, wanted};
use crate::analysis::seeks::Sequence;
use crate::trace::{Pass, Phase, Trace, flags};

/// Shares of the passes for each thread, so that none waits long for another.
const TASKS_PER_THREAD: usize = 8;
/// In place of the number of a pass.
const NEVER: u32 = u32::MAX;

/// What one pass, or several, did.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Walked {
    pub ops: u64,
    pub accesses: u64,
    pub writes: u64,
    pub touched: Parts,
    pub logged: Parts,
    pub union: Union,
    pub sequence: Sequence,
    /// Of passes whose duration is known.
    pub duration_ns: Option<u64>,
}

impl Walked {
    /// Adds what follows it, but for the union.
    pub fn join(&mut self, next: &Self) {
        self.ops += next.ops;
        self.accesses += next.accesses;
        self.writes += next.writes;
        self.touched.join(&next.touched);
        self.logged.join(&next.logged);
        self.sequence.join(&next.sequence);
        if let Some(more) = next.duration_ns {
            self.duration_ns = Some(self.duration_ns.unwrap_or(0).saturating_add(more));
        }
    }

    pub fn reads(&self) -> u64 {
        self.accesses - self.writes
    }
}

pub(super) struct Walk {
    /// By pass.
    pub passes: Vec<Walked>,
    /// By rank: the first pass of the scope that touches it.
    first_pass: Vec<u32>,
    /// By phase, whatever the scope: what its passes touch.
    pub phases: [Union; 3],
}

/// What a thread has found in some of the passes.
struct Found {
    passes: Vec<Walked>,
    first_pass: Vec<u32>,
    phases: [Ranks; 3],
}

/// Walks all passes; the scope is for what is touched first. `None` once cancelled.
pub(super) fn walk(trace: &Trace, scope: Scope, places: &Places, cancelled: &AtomicBool) -> Option<Walk> {
    let size = trace.passes.len().div_ceil(rayon::current_num_threads().max(1) * TASKS_PER_THREAD).max(1);
    let of_task = |(task, passes): (usize, &[Pass])| {
        let mut found = Found {
            passes: Vec::with_capacity(passes.len()),
            first_pass: vec![NEVER; places.len()],
            phases: std::array::from_fn(|_| Ranks::new(places.len())),
        };
        let mut counts = vec![0_u32; places.len()];
        let mut touched = Ranks::new(places.len());
        for (index, pass) in passes.iter().enumerate() {
            wanted(cancelled)?;
            let mut walked = count(trace, pass, places, &mut counts, &mut touched);
            let number = (task * size + index) as u32;
            let of_phase = &mut found.phases[pass.phase as usize];
            touched.drain(|rank| {
                let place = &places.by_rank[rank];
                let times = u64::from(std::mem::take(&mut counts[rank]));
                walked.touched.add(place.part, place.length.saturating_mul(times));
                walked.logged.add(place.part, place.logged.saturating_mul(times));
                walked.union.add(place);
                of_phase.insert(rank);
                if scope.has(pass) {
                    found.first_pass[rank] = found.first_pass[rank].min(number);
                }
            });
            found.passes.push(walked);
        }
        Some(found)
    };
    let tasks: Vec<Found> = trace.passes.par_chunks(size).enumerate().map(of_task).collect::<Option<_>>()?;
    let mut walk = Walk { passes: Vec::new(), first_pass: vec![NEVER; places.len()], phases: [Union::default(); 3] };
    let mut phases: [Ranks; 3] = std::array::from_fn(|_| Ranks::new(places.len()));
    for task in tasks {
        walk.passes.extend(task.passes);
        walk.first_pass.iter_mut().zip(task.first_pass).for_each(|(first, other)| *first = (*first).min(other));
        phases.iter_mut().zip(&task.phases).for_each(|(all, more)| all.join(more));
    }
    for (union, mut ranks) in walk.phases.iter_mut().zip(phases) {
        ranks.drain(|rank| union.add(&places.by_rank[rank]));
    }
    Some(walk)
}

/// Counts the accesses of a pass by range.
fn count(trace: &Trace, pass: &Pass, places: &Places, counts: &mut [u32], touched: &mut Ranks) -> Walked {
    let ops = ops_of(trace, pass);
    let mut walked = Walked { ops: ops.len() as u64, duration_ns: duration_ns(trace, pass), ..Walked::default() };
    let accesses = match ops.is_empty() {
        true => 0..0,
        false => trace.accesses_of(ops.start).start..trace.accesses_of(ops.end - 1).end,
    };
    let accesses = accesses.start.min(accesses.end)..accesses.end;
    let flags_of = trace.accesses.flags.get(accesses.clone()).unwrap_or_default();
    for (&range, &flag) in trace.accesses.range[accesses].iter().zip(flags_of) {
        let Some(rank) = places.rank(range) else { continue };
        counts[rank] += 1;
        touched.insert(rank);
        walked.accesses += 1;
        let writes = flag & flags::WRITE != 0;
        walked.writes += u64::from(writes);
        let place = &places.by_rank[rank];
        if !writes && place.part == Part::DiskWeights && place.length > 0 {
            walked.sequence.read(place.start, place.length);
        }
    }
    walked
}

/// A source without times says 0 of every pass and nothing of its ops.
fn duration_ns(trace: &Trace, pass: &Pass) -> Option<u64> {
    let timed = || ops_of(trace, pass).any(|op| trace.ops.duration_ns.get(op).is_some());
    (pass.duration_ns > 0 || timed()).then_some(pass.duration_ns)
}

impl Walk {
    /// All passes of the scope together.
    pub fn total(&self, trace: &Trace, scope: Scope, places: &Places) -> Walked {
        let mut total = Walked::default();
        for (walked, _) in self.passes.iter().zip(&trace.passes).filter(|(_, pass)| scope.has(pass)) {
            total.join(walked);
        }
        for (place, _) in places.by_rank.iter().zip(&self.first_pass).filter(|&(_, &first)| first != NEVER) {
            total.union.add(place);
        }
        total
    }

    /// All passes of a phase together, whatever the scope.
    pub fn phase(&self, trace: &Trace, phase: Phase) -> Walked {
        let mut total = Walked { union: self.phases[phase as usize], ..Walked::default() };
        for (walked, _) in self.passes.iter().zip(&trace.passes).filter(|(_, pass)| pass.phase == phase) {
            total.join(walked);
        }
        total
    }

    /// By pass and track: bytes that no pass of the scope before it touched.
    pub fn new_bytes(&self, places: &Places) -> Vec<[u64; 2]> {
        let mut covered = [super::reach::Covered::default(), super::reach::Covered::default()];
        let mut order: Vec<u32> =
            (0..places.len() as u32).filter(|&rank| self.first_pass[rank as usize] != NEVER).collect();
        order.sort_by_key(|&rank| self.first_pass[rank as usize]);
        let mut new = vec![[0; 2]; self.passes.len()];
        for rank in order {
            let place = &places.by_rank[rank as usize];
            let Some(track) = place.part.track() else { continue };
            let pass = self.first_pass[rank as usize] as usize;
            new[pass][track as usize] += covered[track as usize].add(place.start, place.end());
        }
        new
    }
}
