//! Plans the dispatches of a query: rows and columns in turns, sums of each.

use std::ops::Range;

use crate::kernel_io::heat::{ACCESS_WRITE, Aggregate, Direction, HeatError, HeatQuery, Measure};

use super::heat::Counting;
use super::heat_data::{HeatData, Piece, RunColumns};
use super::heat_kernels::{Kernel, Params, Recording, Scratch, Variant};
use super::heat_places::PlacedRanges;

/// Columns that sums are computed of at once.
const SUM_TILE_WIDTH: u32 = 4096;
/// Words of a working buffer beyond which rows are taken in turns.
pub(super) const SCRATCH_WORDS: u64 = 1 << 22;
/// Rows that one dispatch takes.
const MOST_ROWS: u64 = 32_768;
/// How many counters of ranges cost as much as marking one access by itself.
const COUNTERS_PER_MARK: u64 = 8;
/// Ops of which heat_walk.wgsl takes a block, where rows are that long.
const LONGEST_BLOCK_OPS: u32 = 1024;
/// The block of `walk_ops`, and the shortest row that is cut into slices.
pub const SHORTEST_BLOCK_OPS: u32 = 256;
/// Invocations among which rows are divided where each owns its counters: enough for the lanes of many cores.
const OWNERS: u64 = 256;
/// Ranges of a run above which only those near the window have counters: the others would fill the caches.
const MOST_UNRANKED: u32 = 1 << 14;
/// And how many ranges there must be for each of those.
const RANGES_PER_RANKED: u32 = 16;
/// Rows below which there are too few invocations to spread what was counted row by row, instead of range by range.
const FEW_ROWS: u32 = 4;
/// Words of counters that owners may have together: half of a binding.
const MOST_OWNED_WORDS: u64 = 1 << 24;
/// Steps that the loops of one invocation may take together, each loop's last look at its condition among them: lavapipe ends them all after 65,535, without a word
/// (LP_MAX_TGSI_LOOP_ITERATIONS in Mesa's lp_limits.h).
pub(super) const MOST_STEPS: usize = 60_000;
/// Invocations of a workgroup that owns counters: what a CPU does at once.
pub const OWNED_LANES: u32 = 8;

/// A query that has something to count.
pub(super) struct Plan<'a> {
    pub run: &'a RunColumns,
    pub placed: &'a PlacedRanges,
    pub query: &'a HeatQuery,
    /// Of the whole grid; tiles and pieces put theirs in.
    pub params: Params,
    /// Ops that the grid's rows cover.
    pub ops: Range<usize>,
    pub bytes: bool,
    pub directed: bool,
    pub all_phases: bool,
    /// What one access adds to a bin is no higher.
    pub highest_of_access: u64,
}

/// Columns of the grid that are computed at once.
pub(super) struct Columns {
    pub first: u32,
    pub width: u32,
}

/// Rows of the grid that are computed at once, and their ops.
pub(super) struct Rows {
    pub first: u32,
    pub count: u32,
    pub ops: Range<usize>,
}

impl<'a> Plan<'a> {
    /// `None` if every cell is 0 without a look at the accesses.
    pub fn new(data: &'a HeatData, query: &'a HeatQuery) -> Result<Option<Self>, HeatError> {
        let run = &*data.run;
        let ops = query.ops_of_rows(0..query.height, run.op_count);
        let phases = query.phases & run.present_phases;
        if query.width == 0 || ops.is_empty() || phases == 0 || run.range_count == 0 {
            return Ok(None);
        }
        let highest_of_access = match query.measure {
            Measure::Accesses => 1,
            Measure::Bytes => run.longest_range_bytes.min(1 << query.kx),
            Measure::Logged => run.largest_tensor_bytes.min(1 << query.kx),
        };
        let accesses = run.accesses_around(&ops).len() as u32;
        let summed = match query.aggregate {
            Aggregate::Sum => accesses,
            Aggregate::Max => accesses.min(run.most_accesses_of_op),
        };
        if highest_of_access.checked_mul(u64::from(summed)).is_none() {
            return Err(HeatError::SumMightPass64Bits);
        }
        let params = Params {
            kx: query.kx,
            // A run has 2^31 ops at the most, so wider rows hold all of them too.
            ky: query.ky.min(31),
            stride: query.width,
            first_op: ops.start as u32,
            wanted_flag: if query.direction == Direction::Write { ACCESS_WRITE } else { 0 },
            phases: query.phases,
            ..Params::default()
        };
        Ok(Some(Self {
            run,
            placed: data.places.of(query.measure),
            query,
            params,
            ops,
            bytes: query.measure != Measure::Accesses,
            directed: query.direction != Direction::Both,
            all_phases: phases == run.present_phases,
            highest_of_access,
        }))
    }

    pub fn variant(&self, kernel: Kernel) -> Variant {
        Variant { bytes: self.bytes, directed: self.directed, ..Variant::of(kernel) }
    }

    /// Tiles of up to `width` columns, as far as the track has bins.
    pub fn columns(&self, width: u32) -> impl Iterator<Item = Columns> + use<'_> {
        (0..self.query.width)
            .step_by(width as usize)
            .take_while(|&first| self.query.x0.checked_add(u64::from(first)).is_some())
            .map(move |first| Columns { first, width: width.min(self.query.width - first) })
    }

    /// Ranges, by place, that may overlap `columns`.
    pub fn placed_in(&self, columns: &Columns) -> Range<u32> {
        let bytes = self.query.bytes_of_columns(columns.first..columns.first + columns.width);
        bytes.map_or(0..0, |bytes| self.placed.around(&bytes))
    }

    /// Batches of up to `most` rows, as far as the run has ops.
    pub fn rows(&self, most: u64) -> impl Iterator<Item = Rows> + use<'_> {
        let most = most.clamp(1, MOST_ROWS) as u32;
        let count = (self.ops.len() as u64).div_ceil(1 << self.params.ky) as u32;
        (0..count).step_by(most as usize).map(move |first| {
            let end = (first + most).min(count);
            Rows { first, count: end - first, ops: self.query.ops_of_rows(first..end, self.run.op_count) }
        })
    }

    pub fn params_of(&self, rows: &Rows, columns: &Columns) -> Params {
        let x0 = self.query.x0.saturating_add(u64::from(columns.first));
        let x_last = x0.saturating_add(u64::from(columns.width) - 1);
        Params {
            x0: words(x0),
            x_last: words(x_last),
            width: columns.width,
            rows: rows.count,
            first_column: columns.first,
            first_row: rows.first,
            first_op: rows.ops.start as u32,
            ..self.params
        }
    }

    pub fn record_sums(&self, work: &mut Recording<'_>, counting: Counting, cells: &wgpu::Buffer) {
        for columns in self.columns(self.query.width.min(SUM_TILE_WIDTH)) {
            let near = self.placed_in(&columns);
            if near.is_empty() {
                continue;
            }
            let ranges = self.run.range_count;
            let ranked = ranges > MOST_UNRANKED || near.len() as u32 <= ranges / RANGES_PER_RANKED;
            let items = if ranked { near.len() as u64 } else { u64::from(ranges) };
            let countable = items <= SCRATCH_WORDS;
            let words_per_row = u64::from(columns.width).max(if countable { items } else { 0 });
            for rows in self.rows(SCRATCH_WORDS / words_per_row) {
                let params = Params { first_item: near.start, items: items as u32, ..self.params_of(&rows, &columns) };
                let words = u64::from(rows.count) * u64::from(columns.width);
                let edges = work.scratch(Scratch::Edges, words);
                work.clear(&edges, words);
                let accesses = self.run.accesses_around(&rows.ops).len() as u64;
                if countable && accesses * COUNTERS_PER_MARK >= u64::from(rows.count) * near.len() as u64 {
                    let owners = match counting {
                        Counting::Owned => self.owners_of_row(&rows, items),
                        Counting::Atomic => None,
                    };
                    let params = Params { pieces: owners.unwrap_or(1), ..params };
                    let counts = self.record_counting(work, owners.is_some(), ranked, &rows, &params);
                    let owned = counting == Counting::Owned && rows.count >= FEW_ROWS;
                    let targets = [&self.placed.places_by_rank, &edges, cells];
                    let variant =
                        Variant { ranked, ..self.variant(if owned { Kernel::SpreadOwned } else { Kernel::Spread }) };
                    self.record_spreading(work, variant, &params, &near, &counts, &targets);
                } else {
                    let pieces = self.run.pieces(rows.ops.clone(), self.run.chunking.accesses_per_dispatch);
                    let targets = [&self.placed.places, &edges, cells];
                    let variants = [Kernel::DirectSlices, Kernel::DirectOps].map(|kernel| self.variant(kernel));
                    self.record_walk(work, variants, &params, &pieces, &targets);
                }
                work.dispatch(self.variant(Kernel::Finish), &params, &[], &[&edges, cells], [rows.count, 1]);
            }
        }
    }

    /// Runs every kernel that sums may need, with nothing to do.
    pub fn record_idle(&self, work: &mut Recording<'_>, counting: Counting) {
        let [counts, edges, cells] =
            [Scratch::Counts, Scratch::Edges, Scratch::Strip].map(|scratch| work.scratch(scratch, 2));
        let nothing = Params { pieces: 1, ..self.params };
        let marks = [&self.placed.places, &edges, &cells];
        let (count, spread): (&[Kernel], &[Kernel]) = match counting {
            Counting::Atomic => (&[Kernel::CountSlices, Kernel::CountOps], &[Kernel::Spread]),
            Counting::Owned => (&[Kernel::CountOwned], &[Kernel::Spread, Kernel::SpreadOwned]),
        };
        let Some(piece) = self.run.pieces(0..1, u32::MAX).into_iter().next() else { return };
        let columns = self.columns_of(&piece);
        for ranked in [false, true] {
            for &kernel in count {
                let phased = kernel == Kernel::CountOwned && !self.all_phases;
                let variant = Variant { phased, ranked, ..self.variant(kernel) };
                work.dispatch(variant, &nothing, &columns, &[&self.placed.ranks, &counts], [1, 1]);
            }
            for &kernel in spread {
                let variant = Variant { ranked, ..self.variant(kernel) };
                work.dispatch(variant, &nothing, &[&counts, &self.placed.range_of_rank], &marks, [1, 1]);
            }
        }
        for kernel in [Kernel::DirectSlices, Kernel::DirectOps] {
            work.dispatch(self.variant(kernel), &nothing, &columns, &marks, [1, 1]);
        }
    }

    /// Counts the accesses of `rows` per range: for each of the `pieces` owners of a row apart, or for all together.
    fn record_counting(
        &self,
        work: &mut Recording<'_>,
        owned: bool,
        ranked: bool,
        rows: &Rows,
        params: &Params,
    ) -> wgpu::Buffer {
        let words = u64::from(rows.count) * u64::from(params.items) * u64::from(params.pieces);
        let counts = work.scratch(Scratch::Counts, words);
        work.clear(&counts, words);
        let targets = [&self.placed.ranks, &counts];
        if !owned {
            let pieces = self.run.pieces(rows.ops.clone(), self.run.chunking.accesses_per_dispatch);
            let variants =
                [Kernel::CountSlices, Kernel::CountOps].map(|kernel| Variant { ranked, ..self.variant(kernel) });
            self.record_walk(work, variants, params, &pieces, &targets);
            return counts;
        }
        // No watchdog waits for a CPU, and long pieces keep all owners busy.
        let variant = Variant { phased: !self.all_phases, ranked, ..self.variant(Kernel::CountOwned) };
        for piece in self.run.pieces(rows.ops.clone(), u32::MAX) {
            let params = self.params_of_piece(params, &piece);
            let groups = (rows.count * params.pieces).div_ceil(OWNED_LANES);
            work.dispatch_linear(variant, &params, &self.columns_of(&piece), &targets, groups);
        }
        counts
    }

    /// Spreads what was counted of the ranges of ranks `near` over the bins.
    fn record_spreading(
        &self,
        work: &mut Recording<'_>,
        variant: Variant,
        params: &Params,
        near: &Range<u32>,
        counts: &wgpu::Buffer,
        targets: &[&wgpu::Buffer],
    ) {
        let owned = variant.kernel == Kernel::SpreadOwned;
        let most = if owned { (MOST_STEPS as u32 / (params.pieces + 2)).max(1) } else { u32::MAX };
        let mut item_begin = near.start;
        while item_begin < near.end {
            let item_end = item_begin + most.min(near.end - item_begin);
            let size = match owned {
                false => [(item_end - item_begin).div_ceil(256), params.rows],
                true => [params.rows.div_ceil(OWNED_LANES), 1],
            };
            let params = Params { item_begin, item_end, ..*params };
            work.dispatch(variant, &params, &[counts, &self.placed.range_of_rank], targets, size);
            item_begin = item_end;
        }
    }

    /// Invocations to divide each of `rows` among, each with `items` counters of its own; `None` where one of them would
    /// have more to do than `MOST_STEPS`.
    fn owners_of_row(&self, rows: &Rows, items: u64) -> Option<u32> {
        let row_ops = 1_u64 << self.params.ky;
        let counters = u64::from(rows.count) * items;
        // Adding up what they counted should not take longer than to count.
        let added_up = self.run.accesses_around(&rows.ops).len() as u64 / counters;
        let enough = (OWNERS / u64::from(rows.count)).min(SCRATCH_WORDS / counters).min(added_up).clamp(1, row_ops);
        let most = (MOST_OWNED_WORDS / counters).clamp(1, row_ops);
        let fits = |owners: u64| {
            let share = row_ops.div_ceil(owners) as usize;
            rows.ops.clone().step_by(row_ops as usize).all(|row| {
                let row_end = rows.ops.end.min(row.saturating_add(row_ops as usize));
                (row..row_end).step_by(share).all(|begin| {
                    let part = begin..row_end.min(begin + share);
                    2 * part.len() + self.run.accesses_around(&part).len() <= MOST_STEPS
                })
            })
        };
        // Rows of many ops need more of them than the lanes of a machine do.
        let owners = std::iter::successors(Some(enough), |owners| Some(2 * owners));
        owners.take_while(|&owners| owners <= most).find(|&owners| fits(owners)).map(|owners| owners as u32)
    }

    /// Visits all accesses of `pieces`: by slices where a block of ops is a slice of one row, else op by op.
    fn record_walk(
        &self,
        work: &mut Recording<'_>,
        [slices, ops]: [Variant; 2],
        params: &Params,
        pieces: &[Piece<'_>],
        targets: &[&wgpu::Buffer],
    ) {
        let row_ops = 1u32 << params.ky;
        let sliced = self.all_phases && row_ops >= SHORTEST_BLOCK_OPS;
        let (variant, block_ops) = match sliced {
            true => (slices, row_ops.min(LONGEST_BLOCK_OPS)),
            false => (ops, SHORTEST_BLOCK_OPS),
        };
        for piece in pieces {
            let params = Params { block_ops, ..self.params_of_piece(params, piece) };
            let blocks = (piece.op_end - piece.op_begin).div_ceil(block_ops);
            work.dispatch_linear(variant, &params, &self.columns_of(piece), targets, blocks);
        }
    }

    pub fn params_of_piece(&self, params: &Params, piece: &Piece<'_>) -> Params {
        Params {
            op_begin: piece.op_begin,
            op_end: piece.op_end,
            op_base: piece.ops.first_op,
            access_begin: piece.accesses.begin,
            access_end: piece.accesses.end,
            ..*params
        }
    }

    pub fn columns_of<'b>(&self, piece: &Piece<'b>) -> [&'b wgpu::Buffer; 5]
    where
        'a: 'b,
    {
        let Piece { ops, accesses, .. } = *piece;
        [&ops.first_access, &ops.pass, &self.run.pass_phase, &accesses.range, &accesses.flags]
    }
}

fn words(value: u64) -> [u32; 2] {
    [value as u32, (value >> 32) as u32]
}
