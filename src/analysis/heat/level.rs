//! What values the cells of a whole level have: the highest, and how many cells have which, however many there are.
//!
//! Along a row a value changes only where an access begins or ends, so that a row of 2^40 cells costs what its accesses
//! cost: edges are sorted and swept, and every stretch between two of them is as many cells of one value.

use std::collections::BinaryHeap;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

use super::wanted_flag;
use crate::kernel_io::heat::{
    ACCESS_WRITE, Aggregate, BUCKETS, HeatColumns, HeatError, HeatLevel, Measure, Place, bucket_of,
};

/// Distinct ranges for each access of a row above which their edges are sorted anew instead of walking all of them.
const RANGES_PER_ACCESS: usize = 2;

/// The values of a level's cells, over the whole run and track.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LevelStats {
    pub highest: u64,
    /// Touched cells by bucket of their value.
    pub cells: Vec<u128>,
}

impl LevelStats {
    fn new() -> Self {
        Self { highest: 0, cells: vec![0; BUCKETS] }
    }

    fn add(&mut self, value: u128, cells: u64) {
        let value = u64::try_from(value).unwrap_or(u64::MAX);
        if value > 0 && cells > 0 {
            self.highest = self.highest.max(value);
            self.cells[bucket_of(value)] += u128::from(cells);
        }
    }

    /// Where each bucket stands from 0 to 1 if equally many touched cells are to have each colour.
    pub fn ranks(&self) -> Vec<f32> {
        let mut below = 0_u128;
        let middles: Vec<f64> = self
            .cells
            .iter()
            .map(|&cells| {
                let middle = below as f64 + cells as f64 / 2.0;
                below += cells;
                middle
            })
            .collect();
        let touched = |bucket: &usize| self.cells[*bucket] > 0;
        let first = (0..BUCKETS).find(touched).map_or(0.0, |bucket| middles[bucket]);
        let last = (0..BUCKETS).rfind(touched).map_or(0.0, |bucket| middles[bucket]);
        // All of one value: as cold as what is touched once.
        let position = |middle: f64| if last > first { (middle - first) / (last - first) } else { 0.0 };
        middles.into_iter().map(|middle| position(middle).clamp(0.0, 1.0) as f32).collect()
    }
}

/// What changes at a bin of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Edge {
    bin: u64,
    /// How many more accesses cover whole bins from here on, for each access.
    whole: i32,
    /// Bytes of this bin alone.
    part_bytes: u64,
    range: u32,
}

/// The stats of `level`; `None` once `cancelled` is set. One thread's work, for a thread of its own.
pub fn stats(
    columns: &HeatColumns<'_>,
    level: &HeatLevel,
    cancelled: &AtomicBool,
) -> Result<Option<LevelStats>, HeatError> {
    columns.check_lengths()?;
    let mut sweep = Sweep::new(columns, level)?;
    let op_count = columns.op_first_access.len();
    let row_ops = 1_usize << level.ky.min(31);
    for first in (0..op_count).step_by(row_ops) {
        if cancelled.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let ops = first..(first + row_ops).min(op_count);
        match level.aggregate {
            Aggregate::Sum => sweep.sum_row(ops)?,
            Aggregate::Max => sweep.max_row(ops)?,
        }
    }
    Ok(Some(sweep.stats))
}

struct Sweep<'a> {
    columns: &'a HeatColumns<'a>,
    level: &'a HeatLevel,
    stats: LevelStats,
    /// Edges of all ranges, by bin.
    edges: Vec<Edge>,
    /// Accesses of the row per range; zero between rows.
    counts: Vec<u32>,
    row_edges: Vec<Edge>,
    stretches: Vec<Stretch>,
}

/// Bins `begin..end` of one value; `end` 0 stands for one behind the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Stretch {
    begin: u64,
    end: u64,
    value: u64,
}

impl<'a> Sweep<'a> {
    fn new(columns: &'a HeatColumns<'a>, level: &'a HeatLevel) -> Result<Self, HeatError> {
        let widened = level.measure == Measure::Logged;
        let mut edges = Vec::new();
        for range in 0..columns.range_tensor.len() {
            if let Some(place) = columns.place_of_range(range, widened)? {
                push_edges(&mut edges, level, place, range as u32);
            }
        }
        edges.sort_unstable();
        let counts = vec![0; columns.range_tensor.len()];
        Ok(Self {
            columns,
            level,
            stats: LevelStats::new(),
            edges,
            counts,
            row_edges: Vec::new(),
            stretches: Vec::new(),
        })
    }

    fn sum_row(&mut self, ops: Range<usize>) -> Result<(), HeatError> {
        let begin = self.columns.accesses_of(ops.start)?.start;
        let end = self.columns.accesses_of(ops.end - 1)?.end;
        if end.saturating_sub(begin) * RANGES_PER_ACCESS < self.counts.len() {
            self.row_edges.clear();
            for op in ops {
                self.edges_of_op(op)?;
            }
            self.row_edges.sort_unstable();
            sweep(self.level, self.row_edges.iter().map(|edge| (*edge, 1)), |_, cells, value| {
                self.stats.add(value, cells);
            });
            return Ok(());
        }
        for op in ops {
            if !self.columns.in_phases(op, self.level.phases)? {
                continue;
            }
            let accesses = self.columns.accesses_of(op)?;
            let wanted = wanted_flag(self.level.direction);
            for access in accesses {
                let counted = wanted.is_none_or(|wanted| self.columns.access_flags[access] & ACCESS_WRITE == wanted);
                match self.counts.get_mut(self.columns.access_range[access] as usize) {
                    Some(count) => *count += u32::from(counted),
                    None => drop(self.columns.place_of(access, self.columns.access_range[access], false)?),
                }
            }
        }
        let counted = self.edges.iter().filter_map(|edge| match self.counts[edge.range as usize] {
            0 => None,
            count => Some((*edge, count)),
        });
        sweep(self.level, counted, |_, cells, value| self.stats.add(value, cells));
        self.counts.fill(0);
        Ok(())
    }

    /// Adds the edges of the op's accesses to those of the row.
    fn edges_of_op(&mut self, op: usize) -> Result<(), HeatError> {
        if !self.columns.in_phases(op, self.level.phases)? {
            return Ok(());
        }
        let widened = self.level.measure == Measure::Logged;
        let wanted = wanted_flag(self.level.direction);
        for access in self.columns.accesses_of(op)? {
            if wanted.is_none_or(|wanted| self.columns.access_flags[access] & ACCESS_WRITE == wanted) {
                let range = self.columns.access_range[access];
                if let Some(place) = self.columns.place_of(access, range, widened)? {
                    push_edges(&mut self.row_edges, self.level, place, range);
                }
            }
        }
        Ok(())
    }

    fn max_row(&mut self, ops: Range<usize>) -> Result<(), HeatError> {
        self.stretches.clear();
        for op in ops {
            self.row_edges.clear();
            self.edges_of_op(op)?;
            self.row_edges.sort_unstable();
            sweep(self.level, self.row_edges.iter().map(|edge| (*edge, 1)), |begin, cells, value| {
                let value = u64::try_from(value).unwrap_or(u64::MAX);
                if value > 0 && cells > 0 {
                    self.stretches.push(Stretch { begin, end: begin.wrapping_add(cells), value });
                }
            });
        }
        // Passes repeat themselves: most ops of a row did the same before.
        self.stretches.sort_unstable();
        self.stretches.dedup();
        let mut open: BinaryHeap<(u64, u64)> = BinaryHeap::new();
        let mut at = 0_u64;
        let mut next = self.stretches.iter().peekable();
        loop {
            while open.peek().is_some_and(|&(_, last)| last < at) {
                open.pop();
            }
            let begins = next.peek().map(|stretch| stretch.begin);
            if let Some(&(value, last)) = open.peek() {
                // The highest goes on to its end, or to where another begins.
                let end = begins.filter(|&begin| begin <= last).unwrap_or_else(|| last.wrapping_add(1));
                self.stats.add(u128::from(value), end.wrapping_sub(at));
                if end == 0 {
                    break;
                }
                at = end;
            } else {
                match begins {
                    Some(begin) => at = begin,
                    None => break,
                }
            }
            while let Some(stretch) = next.next_if(|stretch| stretch.begin == at) {
                open.push((stretch.value, stretch.end.wrapping_sub(1)));
            }
        }
        Ok(())
    }
}

fn push_edges(edges: &mut Vec<Edge>, level: &HeatLevel, place: Place, range: u32) {
    let (first, last) = (place.first_byte >> level.kx, place.last_byte >> level.kx);
    let whole = |bin, whole| Edge { bin, whole, part_bytes: 0, range };
    let part = |bin, part_bytes| Edge { bin, whole: 0, part_bytes, range };
    if level.measure == Measure::Accesses {
        edges.push(whole(first, 1));
        // None begins behind the last bin that there is.
        edges.extend(last.checked_add(1).map(|behind| whole(behind, -1)));
        return;
    }
    let within = |byte: u64| byte & ((1 << level.kx) - 1);
    if first == last {
        edges.push(part(first, place.last_byte - place.first_byte + 1));
        return;
    }
    edges.push(part(first, (1 << level.kx) - within(place.first_byte)));
    edges.push(part(last, within(place.last_byte) + 1));
    if first + 1 < last {
        edges.push(whole(first + 1, 1));
        edges.push(whole(last, -1));
    }
}

/// Walks edges in the order of their bins, each of so many accesses, and gives stretches: first bin, bins, value.
fn sweep(level: &HeatLevel, edges: impl Iterator<Item = (Edge, u32)>, mut give: impl FnMut(u64, u64, u128)) {
    let value_of = |covering: i64| match level.measure {
        Measure::Accesses => covering.max(0) as u128,
        _ => (covering.max(0) as u128) << level.kx,
    };
    let mut edges = edges.peekable();
    let (mut at, mut covering) = (0_u64, 0_i64);
    while let Some((edge, _)) = edges.peek() {
        let bin = edge.bin;
        give(at, bin - at, value_of(covering));
        let mut part_bytes = 0_u128;
        while let Some((edge, count)) = edges.next_if(|(edge, _)| edge.bin == bin) {
            covering += i64::from(edge.whole) * i64::from(count);
            part_bytes += u128::from(edge.part_bytes) * u128::from(count);
        }
        at = bin;
        if part_bytes > 0 {
            give(bin, 1, value_of(covering) + part_bytes);
            match bin.checked_add(1) {
                Some(behind) => at = behind,
                None => return,
            }
        }
    }
    // What reaches the last bin that there is has no edge behind it.
    if covering > 0 {
        let last = u64::MAX >> level.kx;
        give(at, (last - at).saturating_add(1), value_of(covering));
    }
}
