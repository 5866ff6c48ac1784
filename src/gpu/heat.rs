//! Heatmap binning on the GPU: plans the dispatches that answer a query. Twin: analysis/heat.rs.

use std::ops::Range;

use crate::kernel_io::heat::{ACCESS_WRITE, Aggregate, Direction, HeatError, HeatGrid, HeatQuery, Measure};

use super::heat_data::{FEW_ACCESSES, HeavyOp, Piece};
use super::heat_kernels::{Kernel, Kernels, Params, Recording, Scratch, Variant};
use super::{Gpu, GpuError};

pub use super::heat_data::{Chunking, HeatData, HeatGpuError};

/// Columns that sums are computed of at once.
const SUM_TILE_WIDTH: u32 = 4096;
/// Columns that maxima are computed of at once: what the workgroup memory of heat_settle.wgsl holds.
pub const MAX_TILE_WIDTH: u32 = 1024;
/// Words of a working buffer beyond which rows are taken in turns.
const SCRATCH_WORDS: u64 = 1 << 22;
/// Rows that one dispatch takes.
const MOST_ROWS: u64 = 32_768;
/// How many accesses are counted in the time that one is raised in.
const COUNTED_PER_RAISED: u32 = 8;
/// How many counters of ranges cost as much as marking one access by itself.
const COUNTERS_PER_MARK: u64 = 8;
/// Ops of which heat_walk.wgsl takes a block, where rows are that long.
const LONGEST_BLOCK_OPS: u32 = 1024;
const SHORTEST_BLOCK_OPS: u32 = 256;
/// Workgroups that share the accesses of one heavy op.
const HEAVY_PIECES: u32 = 4;
/// Cells of the working grid that heavy ops are summed up in.
const HEAVY_CELLS: u32 = 1 << 18;

/// The heat kernels of one device; queries are answered in the order in which they are asked.
pub struct HeatPipelines {
    kernels: Kernels,
}

/// `width * height` exact values in GPU memory, row by row, each a (low, high) pair of u32.
pub struct GpuGrid {
    pub width: u32,
    pub height: u32,
    pub cells: wgpu::Buffer,
}

impl GpuGrid {
    /// Copies the values to memory, once they are computed.
    pub fn read(&self, gpu: &Gpu) -> Result<HeatGrid, GpuError> {
        let count = self.width as usize * self.height as usize;
        let bytes = gpu.read_buffer(&self.cells, 0, 8 * count as u64)?;
        let values = bytes.as_chunks::<8>().0.iter().map(|cell| u64::from_le_bytes(*cell)).collect();
        Ok(HeatGrid { width: self.width, height: self.height, values })
    }
}

impl HeatPipelines {
    /// Kernels are compiled when a query first needs them.
    pub fn new(gpu: &Gpu) -> Self {
        Self { kernels: Kernels::new(gpu) }
    }

    /// Submits the work that fills a grid with the exact answer to `query`, and does not wait for it.
    pub fn bin(&self, gpu: &Gpu, data: &HeatData, query: &HeatQuery) -> Result<GpuGrid, HeatGpuError> {
        query.check()?;
        let plan = Plan::new(data, query)?;
        let cells = gpu.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("heat grid"),
            size: 8 * query.cell_count().max(1) as u64,
            usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC,
            mapped_at_creation: false,
        });
        if let Some(plan) = plan {
            let mut work = Recording::new(gpu, &self.kernels);
            data.record_placing(&mut work);
            match query.aggregate {
                Aggregate::Sum => plan.record_sums(&mut work, &cells),
                Aggregate::Max => plan.record_maxima(gpu, &mut work, &cells),
            }
            work.submit()?;
        }
        Ok(GpuGrid { width: query.width, height: query.height, cells })
    }
}

/// A query that has something to count.
struct Plan<'a> {
    data: &'a HeatData,
    query: &'a HeatQuery,
    /// Of the whole grid; tiles and pieces put theirs in.
    params: Params,
    /// Ops that the grid's rows cover.
    ops: Range<usize>,
    bytes: bool,
    directed: bool,
    all_phases: bool,
    /// What one access adds to a bin is no higher.
    highest_of_access: u64,
}

/// Columns of the grid that are computed at once.
struct Columns {
    first: u32,
    width: u32,
}

/// Rows of the grid that are computed at once, and their ops.
struct Rows {
    first: u32,
    count: u32,
    ops: Range<usize>,
}

impl<'a> Plan<'a> {
    /// `None` if every cell is 0 without a look at the accesses.
    fn new(data: &'a HeatData, query: &'a HeatQuery) -> Result<Option<Self>, HeatError> {
        let ops = query.ops_of_rows(0..query.height, data.op_count);
        let phases = query.phases & data.present_phases;
        if query.width == 0 || ops.is_empty() || phases == 0 || data.range_count == 0 {
            return Ok(None);
        }
        let highest_of_access = match query.measure {
            Measure::Accesses => 1,
            Measure::Bytes => data.longest_range_bytes.min(1 << query.kx),
            Measure::Logged => data.largest_tensor_bytes.min(1 << query.kx),
        };
        let accesses = data.accesses_around(&ops).len() as u32;
        let summed = match query.aggregate {
            Aggregate::Sum => accesses,
            Aggregate::Max => accesses.min(data.most_accesses_of_op),
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
            ranges: data.range_count,
            wanted_flag: if query.direction == Direction::Write { ACCESS_WRITE } else { 0 },
            phases: query.phases,
            ..Params::default()
        };
        Ok(Some(Self {
            data,
            query,
            params,
            ops,
            bytes: query.measure != Measure::Accesses,
            directed: query.direction != Direction::Both,
            all_phases: phases == data.present_phases,
            highest_of_access,
        }))
    }

    fn variant(&self, kernel: Kernel) -> Variant {
        Variant { bytes: self.bytes, directed: self.directed, ..Variant::of(kernel) }
    }

    fn places(&self) -> &'a wgpu::Buffer {
        match self.query.measure {
            Measure::Accesses | Measure::Bytes => &self.data.exact_place,
            Measure::Logged => &self.data.whole_place,
        }
    }

    /// Tiles of up to `width` columns, as far as the track has bins.
    fn columns(&self, width: u32) -> impl Iterator<Item = Columns> + use<'_> {
        (0..self.query.width)
            .step_by(width as usize)
            .take_while(|&first| self.query.x0.checked_add(u64::from(first)).is_some())
            .map(move |first| Columns { first, width: width.min(self.query.width - first) })
    }

    /// Batches of up to `most` rows, as far as the run has ops.
    fn rows(&self, most: u64) -> impl Iterator<Item = Rows> + use<'_> {
        let most = most.clamp(1, MOST_ROWS) as u32;
        let count = (self.ops.len() as u64).div_ceil(1 << self.params.ky) as u32;
        (0..count).step_by(most as usize).map(move |first| {
            let end = (first + most).min(count);
            Rows { first, count: end - first, ops: self.query.ops_of_rows(first..end, self.data.op_count) }
        })
    }

    fn params_of(&self, rows: &Rows, columns: &Columns) -> Params {
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

    fn record_sums(&self, work: &mut Recording<'_>, cells: &wgpu::Buffer) {
        let ranges = u64::from(self.params.ranges);
        let tile_width = self.query.width.min(SUM_TILE_WIDTH);
        let countable = ranges <= SCRATCH_WORDS;
        let words_per_row = u64::from(tile_width).max(if countable { ranges } else { 0 });
        for rows in self.rows(SCRATCH_WORDS / words_per_row) {
            let pieces = self.data.pieces(rows.ops.clone(), self.data.chunking.accesses_per_dispatch);
            let counters = u64::from(rows.count) * ranges;
            let marks = self.data.accesses_around(&rows.ops).len() as u64;
            let counts = (countable && marks * COUNTERS_PER_MARK >= counters).then(|| {
                let counts = work.scratch(Scratch::Counts, counters);
                work.clear(&counts, counters);
                let params = self.params_of(&rows, &Columns { first: 0, width: tile_width });
                self.record_walk(work, [Kernel::CountSlices, Kernel::CountOps], &params, &pieces, &[&counts]);
                counts
            });
            for columns in self.columns(tile_width) {
                let params = self.params_of(&rows, &columns);
                let words = u64::from(rows.count) * u64::from(columns.width);
                let edges = work.scratch(Scratch::Edges, words);
                work.clear(&edges, words);
                let marks = [self.places(), &edges, cells];
                match &counts {
                    Some(counts) => {
                        let size = [params.ranges.div_ceil(256), rows.count];
                        work.dispatch(self.variant(Kernel::Spread), &params, &[counts], &marks, size);
                    }
                    None => {
                        self.record_walk(work, [Kernel::DirectSlices, Kernel::DirectOps], &params, &pieces, &marks);
                    }
                }
                work.dispatch(self.variant(Kernel::Finish), &params, &[], &[&edges, cells], [rows.count, 1]);
            }
        }
    }

    /// Visits all accesses of `pieces`: by slices where a block of ops is a slice of one row, else op by op.
    fn record_walk(
        &self,
        work: &mut Recording<'_>,
        [slices, ops]: [Kernel; 2],
        params: &Params,
        pieces: &[Piece<'_>],
        targets: &[&wgpu::Buffer],
    ) {
        let row_ops = 1u32 << params.ky;
        let sliced = self.all_phases && row_ops >= SHORTEST_BLOCK_OPS;
        let (kernel, block_ops) = match sliced {
            true => (slices, row_ops.min(LONGEST_BLOCK_OPS)),
            false => (ops, SHORTEST_BLOCK_OPS),
        };
        for piece in pieces {
            let params = Params { block_ops, ..self.params_of_piece(params, piece) };
            let blocks = (piece.op_end - piece.op_begin).div_ceil(block_ops);
            work.dispatch_linear(self.variant(kernel), &params, &self.columns_of(piece), targets, blocks);
        }
    }

    fn params_of_piece(&self, params: &Params, piece: &Piece<'_>) -> Params {
        Params {
            op_begin: piece.op_begin,
            op_end: piece.op_end,
            op_base: piece.ops.first_op,
            access_begin: piece.accesses.begin,
            access_end: piece.accesses.end,
            ..*params
        }
    }

    fn columns_of<'b>(&self, piece: &Piece<'b>) -> [&'b wgpu::Buffer; 5]
    where
        'a: 'b,
    {
        let Piece { ops, accesses, .. } = *piece;
        [&ops.first_access, &ops.pass, &self.data.pass_phase, &accesses.range, &accesses.flags]
    }

    fn record_maxima(&self, gpu: &Gpu, work: &mut Recording<'_>, cells: &wgpu::Buffer) {
        let tile_width = self.query.width.min(MAX_TILE_WIDTH);
        let levels = tile_width.ilog2() + 1;
        for rows in self.rows(SCRATCH_WORDS / u64::from(levels * tile_width)) {
            let most_accesses = self.data.chunking.accesses_per_dispatch / COUNTED_PER_RAISED;
            let pieces = self.data.pieces(rows.ops.clone(), most_accesses);
            for columns in self.columns(tile_width) {
                self.record_raising(work, &rows, &columns, &pieces, cells);
            }
        }
        let heavy = self.heavy_ops();
        for columns in self.columns(tile_width) {
            for batch in heavy.chunks((HEAVY_CELLS / tile_width) as usize) {
                self.record_heavy(gpu, work, &columns, batch, cells);
            }
        }
    }

    /// Maxima of ops with few accesses.
    fn record_raising(
        &self,
        work: &mut Recording<'_>,
        rows: &Rows,
        columns: &Columns,
        pieces: &[Piece<'_>],
        cells: &wgpu::Buffer,
    ) {
        let levels = columns.width.ilog2() + 1;
        let params = Params { levels, ..self.params_of(rows, columns) };
        let words = u64::from(rows.count) * u64::from(levels * columns.width);
        let few = FEW_ACCESSES.min(self.data.most_accesses_of_op);
        let wide = self.highest_of_access.saturating_mul(u64::from(few)) > u64::from(u32::MAX);
        let low_words = work.scratch(Scratch::LowWords, words);
        let high_words = work.scratch(Scratch::HighWords, if wide { words } else { 1 });
        work.clear(&low_words, words);
        if wide {
            work.clear(&high_words, words);
        }
        for high in [true, false] {
            if high && !wide {
                continue;
            }
            for piece in pieces {
                let params = self.params_of_piece(&params, piece);
                let variant = Variant { wide, high, ..self.variant(Kernel::Raise) };
                let targets = [self.places(), &low_words, &high_words];
                let groups = (piece.op_end - piece.op_begin).div_ceil(64);
                work.dispatch_linear(variant, &params, &self.columns_of(piece), &targets, groups);
            }
        }
        let variant = Variant { wide, ..self.variant(Kernel::Settle) };
        work.dispatch(variant, &params, &[], &[&low_words, &high_words, cells], [rows.count, 1]);
    }

    /// Ops of the window that have a row of their own.
    fn heavy_ops(&self) -> Vec<HeavyOp> {
        let begin = self.data.heavy_ops.partition_point(|heavy| (heavy.op as usize) < self.ops.start);
        let end = self.data.heavy_ops.partition_point(|heavy| (heavy.op as usize) < self.ops.end);
        let counted = |heavy: &&HeavyOp| self.query.phases >> heavy.phase & 1 == 1;
        self.data.heavy_ops[begin..end].iter().filter(counted).copied().collect()
    }

    fn record_heavy(
        &self,
        gpu: &Gpu,
        work: &mut Recording<'_>,
        columns: &Columns,
        batch: &[HeavyOp],
        cells: &wgpu::Buffer,
    ) {
        let list = gpu.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("heavy ops"),
            size: size_of_val(batch) as u64,
            usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        gpu.queue.write_buffer(&list, 0, bytemuck::cast_slice(batch));
        let count = batch.len() as u32;
        let words = u64::from(count) * u64::from(columns.width);
        let edges = work.scratch(Scratch::Edges, words);
        let op_sums = work.scratch(Scratch::OpSums, 2 * words);
        work.clear(&edges, words);
        work.clear(&op_sums, 2 * words);

        let grid_rows = Rows { first: 0, count, ops: self.ops.clone() };
        let grid_params = self.params_of(&grid_rows, columns);
        let own_params = Params { first_column: 0, stride: columns.width, ..grid_params };
        let first_chunk = batch.first().map_or(0, |heavy| self.data.chunks_of_op(heavy).start);
        let end_chunk = batch.last().map_or(0, |heavy| self.data.chunks_of_op(heavy).end);
        for chunk in (first_chunk..end_chunk).map(|index| self.data.access_chunk(index)) {
            let params =
                Params { access_begin: chunk.begin, access_end: chunk.end, pieces: HEAVY_PIECES, ..own_params };
            let marks = [self.places(), &edges, &op_sums];
            let accesses = [&list, &chunk.range, &chunk.flags];
            work.dispatch(self.variant(Kernel::Heavy), &params, &accesses, &marks, [HEAVY_PIECES, count]);
        }
        work.dispatch(self.variant(Kernel::Finish), &own_params, &[], &[&edges, &op_sums], [count, 1]);
        let params = Params { items: count, ..grid_params };
        work.dispatch_linear(
            self.variant(Kernel::Merge),
            &params,
            &[&list],
            &[&op_sums, cells],
            columns.width.div_ceil(64),
        );
    }
}

fn words(value: u64) -> [u32; 2] {
    [value as u32, (value >> 32) as u32]
}
