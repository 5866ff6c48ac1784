//! Reuse distances: how many distinct bytes of the model files are read between two reads of the same range.
//!
//! What was read last stands last in a line of places, and a tree over the line sums the bytes behind any of them. A read
//! takes the bytes that it covers from where they stood and puts them at the end. Where ranges overlap, bytes stand where the
//! read that covered them last put them; so the sums are exact for ranges of any shape.

use std::sync::atomic::AtomicBool;

use rayon::prelude::*;

use super::Scope;
use super::durations::{mean, percentiles};
use super::places::{Part, Place, Places};
use super::spans::{pieces, wanted};
use crate::trace::{Trace, flags};

/// Reads between two looks at whether they are still wanted.
const READS_AT_A_TIME: usize = 64 * 1024;
/// Classes of distances: 0, then one for each doubling.
const CLASSES: usize = 65;
/// In place of a position in the line, which nothing was read at yet.
const NEVER: u32 = u32::MAX;

/// Distances of the reads of a run.
#[derive(Debug, Clone, Default)]
pub(super) struct Reuse {
    /// Reads of a range that was read before.
    pub reads: u64,
    /// Reads of a range that was not.
    pub first_reads: u64,
    pub median_bytes: Option<u64>,
    pub p90_bytes: Option<u64>,
    pub p99_bytes: Option<u64>,
    pub mean_bytes: Option<f64>,
    /// Reads by class of their distance: 0, 1, 2 to 3, 4 to 7 bytes and so on.
    pub histogram: Vec<u64>,
    /// By range: reads that have a distance, and the sum of these.
    pub of_ranges: Vec<(u64, u128)>,
}

/// `None` once cancelled.
pub(super) fn reuse(trace: &Trace, scope: Scope, places: &Places, cancelled: &AtomicBool) -> Option<Reuse> {
    let disk = places.by_rank.iter().take_while(|place| place.part == Part::DiskWeights).count();
    let line = Segments::new(&places.by_rank[..disk]);
    let reads_of = |piece: &Vec<std::ops::Range<usize>>| {
        let mut reads = Vec::new();
        for ops in piece {
            wanted(cancelled)?;
            for access in ops.clone().flat_map(|op| trace.accesses_of(op)) {
                let reads_it = trace.accesses.flags.get(access).is_some_and(|flags| flags & flags::WRITE == 0);
                let rank = places.rank(trace.accesses.range[access]).filter(|&rank| rank < disk && reads_it);
                reads.extend(rank.filter(|&rank| places.by_rank[rank].covers()).map(|rank| rank as u32));
            }
        }
        Some(reads)
    };
    let pieces: Vec<Vec<u32>> = pieces(trace, scope).par_iter().map(reads_of).collect::<Option<_>>()?;
    let found: Vec<Distances> = (0..pieces.len())
        .into_par_iter()
        .map(|piece| {
            let mut reads = line.reads();
            for rank in last_reads(&pieces[..piece], disk) {
                reads.touch(rank as usize);
            }
            distances(&mut reads, &pieces[piece], cancelled)
        })
        .collect::<Option<_>>()?;
    wanted(cancelled)?;
    Some(summed(found, places))
}

/// The ranges that were read, in the order of their last reads: what all reads leave behind, these alone do, too.
fn last_reads(pieces: &[Vec<u32>], disk: usize) -> Vec<u32> {
    let mut seen = vec![false; disk];
    let mut last: Vec<u32> = pieces
        .iter()
        .rev()
        .flat_map(|piece| piece.iter().rev())
        .copied()
        .filter(|&rank| !std::mem::replace(&mut seen[rank as usize], true))
        .collect();
    last.reverse();
    last
}

#[derive(Default)]
struct Distances {
    all: Vec<u64>,
    first_reads: u64,
    of_ranks: Vec<(u64, u128)>,
}

fn distances(reads: &mut Reads<'_>, ranks: &[u32], cancelled: &AtomicBool) -> Option<Distances> {
    let mut found = Distances { of_ranks: vec![(0, 0); reads.last.len()], ..Distances::default() };
    for ranks in ranks.chunks(READS_AT_A_TIME) {
        wanted(cancelled)?;
        for &rank in ranks {
            match reads.distance(rank as usize) {
                Some(distance) => {
                    found.all.push(distance);
                    let (count, sum) = &mut found.of_ranks[rank as usize];
                    *count += 1;
                    *sum += u128::from(distance);
                }
                None => found.first_reads += 1,
            }
            reads.touch(rank as usize);
        }
    }
    Some(found)
}

fn summed(found: Vec<Distances>, places: &Places) -> Reuse {
    let mut reuse = Reuse { of_ranges: vec![(0, 0); places.len()], ..Reuse::default() };
    let mut all = Vec::with_capacity(found.iter().map(|part| part.all.len()).sum());
    for part in found {
        all.extend(part.all);
        reuse.first_reads += part.first_reads;
        for (place, (count, sum)) in places.by_rank.iter().zip(part.of_ranks) {
            let of_range = &mut reuse.of_ranges[place.range as usize];
            of_range.0 += count;
            of_range.1 += sum;
        }
    }
    let mut histogram = [0; CLASSES];
    for &distance in &all {
        histogram[(u64::BITS - distance.leading_zeros()) as usize] += 1;
    }
    let classes = histogram.iter().rposition(|&count| count > 0).map_or(0, |last| last + 1);
    reuse.reads = all.len() as u64;
    reuse.mean_bytes = mean(&all);
    [reuse.median_bytes, reuse.p90_bytes, reuse.p99_bytes] = percentiles(&mut all, [0.5, 0.9, 0.99]);
    reuse.histogram = histogram[..classes].to_vec();
    reuse
}

/// The bytes of the model files between neighbouring beginnings and ends of ranges.
struct Segments {
    /// Where they begin; the last one is the end of the one before.
    bounds: Vec<u64>,
    /// By rank: first segment, and the one behind the last.
    of_ranks: Vec<[u32; 2]>,
}

impl Segments {
    fn new(places: &[Place]) -> Self {
        let mut bounds: Vec<u64> = places.iter().flat_map(|place| [place.start, place.end()]).collect();
        bounds.sort_unstable();
        bounds.dedup();
        let at = |byte: u64| bounds.partition_point(|&bound| bound < byte) as u32;
        let of_ranks = places.iter().map(|place| [at(place.start), at(place.end())]).collect();
        Self { bounds, of_ranks }
    }

    fn count(&self) -> u32 {
        self.bounds.len().saturating_sub(1) as u32
    }

    /// Before anything was read.
    fn reads(&self) -> Reads<'_> {
        let count = self.count() as usize;
        let mut starts = vec![0; count.div_ceil(64).max(1)];
        starts[0] = 1;
        let capacity = 4 * (count + self.of_ranks.len()).max(1024);
        Reads {
            segments: self,
            starts,
            runs: vec![Run { end: self.count(), position: NEVER }; count],
            last: vec![NEVER; self.of_ranks.len()],
            tree: vec![0; capacity + 1],
            total: 0,
            next: 1,
        }
    }
}

/// Neighbouring segments that were read together last.
#[derive(Clone, Copy)]
struct Run {
    /// The segment behind the last one.
    end: u32,
    /// Where they stand in the line, or [`NEVER`].
    position: u32,
}

/// What was read so far, and when last.
struct Reads<'a> {
    segments: &'a Segments,
    /// Segments that begin a run, as bits.
    starts: Vec<u64>,
    /// By first segment.
    runs: Vec<Run>,
    /// By rank: the position of its last read.
    last: Vec<u32>,
    /// Bytes by position, as a Fenwick tree; position 0 is not used.
    tree: Vec<u64>,
    total: u64,
    /// The end of the line.
    next: u32,
}

impl Reads<'_> {
    /// Distinct bytes read since the last read of a range, if there was one.
    fn distance(&self, rank: usize) -> Option<u64> {
        let mut position = self.last[rank] as usize;
        if position == NEVER as usize {
            return None;
        }
        // Position 0 stands for one in front of all bytes that are in the line.
        let mut before = 0_u64;
        while position > 0 {
            before = before.wrapping_add(self.tree[position]);
            position &= position - 1;
        }
        Some(self.total.wrapping_sub(before))
    }

    /// Reads a range.
    fn touch(&mut self, rank: usize) {
        if self.next as usize >= self.tree.len() {
            self.close_gaps();
        }
        let [first, end] = self.segments.of_ranks[rank];
        let position = self.next;
        self.next += 1;
        self.last[rank] = position;
        self.split(first);
        let mut segment = first;
        while segment < end {
            let run = self.runs[segment as usize];
            let run_end = run.end.min(end);
            if run.end > end {
                self.split(end);
            }
            if run.position != NEVER {
                let bytes = self.bytes(segment, run_end);
                self.add(run.position, bytes.wrapping_neg());
            }
            self.starts[segment as usize / 64] &= !(1 << (segment % 64));
            segment = run_end;
        }
        self.starts[first as usize / 64] |= 1 << (first % 64);
        self.runs[first as usize] = Run { end, position };
        self.add(position, self.bytes(first, end));
    }

    fn bytes(&self, first: u32, end: u32) -> u64 {
        self.segments.bounds[end as usize] - self.segments.bounds[first as usize]
    }

    fn add(&mut self, position: u32, bytes: u64) {
        self.total = self.total.wrapping_add(bytes);
        let mut position = position as usize;
        while let Some(sum) = self.tree.get_mut(position) {
            *sum = sum.wrapping_add(bytes);
            position += position & position.wrapping_neg();
        }
    }

    /// Makes a run begin at `segment`, which is one of them.
    fn split(&mut self, segment: u32) {
        let (word, bit) = (segment as usize / 64, segment % 64);
        if self.starts[word] >> bit & 1 == 1 {
            return;
        }
        // The beginning nearest before it: segment 0 always is one.
        let below = self.starts[word] & ((1 << bit) - 1);
        let word_of = |word: usize, bits: u64| word * 64 + 63 - bits.leading_zeros() as usize;
        let before = match below {
            0 => {
                (0..word).rev().find(|&word| self.starts[word] != 0).map_or(0, |word| word_of(word, self.starts[word]))
            }
            bits => word_of(word, bits),
        };
        let whole = self.runs[before];
        self.runs[before].end = segment;
        self.runs[segment as usize] = whole;
        self.starts[word] |= 1 << bit;
    }

    /// Moves everything to the beginning of the line, in the same order.
    fn close_gaps(&mut self) {
        let mut bytes_at = vec![0_u64; self.tree.len()];
        let mut segment = 0;
        while segment < self.segments.count() {
            let run = self.runs[segment as usize];
            if run.position != NEVER {
                bytes_at[run.position as usize] += self.bytes(segment, run.end);
            }
            segment = run.end;
        }
        // By old position: how many up to it still have bytes, which is the new one.
        let mut taken = 0;
        let moved: Vec<u32> = bytes_at
            .iter()
            .map(|&bytes| {
                taken += u32::from(bytes > 0);
                taken
            })
            .collect();
        let mut segment = 0;
        while segment < self.segments.count() {
            let run = &mut self.runs[segment as usize];
            if run.position != NEVER {
                run.position = moved[run.position as usize];
            }
            segment = run.end;
        }
        for last in self.last.iter_mut().filter(|last| **last != NEVER) {
            *last = moved[*last as usize];
        }
        self.tree.fill(0);
        let left = bytes_at.into_iter().filter(|&bytes| bytes > 0);
        for (position, bytes) in (1..).zip(left) {
            self.tree[position] = bytes;
        }
        for position in 1..self.tree.len() {
            let above = position + (position & position.wrapping_neg());
            if above < self.tree.len() {
                self.tree[above] = self.tree[above].wrapping_add(self.tree[position]);
            }
        }
        self.next = taken + 1;
    }
}
