//! Plans the dispatches of maxima: ops with few accesses together, the others each in a row of its own.

use super::Gpu;
use super::heat_data::{FEW_ACCESSES, HeavyOp, Piece};
use super::heat_kernels::{Kernel, Params, Recording, Scratch, Variant};
use super::heat_plan::{Columns, MOST_STEPS, Plan, Rows, SCRATCH_WORDS};

/// Columns that maxima are computed of at once: what the workgroup memory of heat_settle.wgsl holds.
pub const MAX_TILE_WIDTH: u32 = 1024;
/// How many accesses are counted in the time that one is raised in.
const COUNTED_PER_RAISED: u32 = 8;
/// Workgroups that share the accesses of one heavy op.
const HEAVY_PIECES: u32 = 4;
/// Cells of the working grid that heavy ops are summed up in.
const HEAVY_CELLS: u32 = 1 << 18;

impl Plan<'_> {
    pub fn record_maxima(&self, gpu: &Gpu, work: &mut Recording<'_>, cells: &wgpu::Buffer) {
        let tile_width = self.query.width.min(MAX_TILE_WIDTH);
        let levels = tile_width.ilog2() + 1;
        for rows in self.rows(SCRATCH_WORDS / u64::from(levels * tile_width)) {
            let most_accesses = self.run.chunking.accesses_per_dispatch / COUNTED_PER_RAISED;
            let pieces = self.run.pieces(rows.ops.clone(), most_accesses);
            for columns in self.columns(tile_width) {
                self.record_raising(work, &rows, &columns, &pieces, cells);
            }
        }
        let heavy = self.heavy_ops();
        for columns in self.columns(tile_width) {
            for batch in heavy.chunks(MOST_STEPS.min((HEAVY_CELLS / tile_width) as usize)) {
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
        let few = FEW_ACCESSES.min(self.run.most_accesses_of_op);
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
                let targets = [&self.placed.places, &low_words, &high_words];
                let groups = (piece.op_end - piece.op_begin).div_ceil(64);
                work.dispatch_linear(variant, &params, &self.columns_of(piece), &targets, groups);
            }
        }
        let variant = Variant { wide, ..self.variant(Kernel::Settle) };
        work.dispatch(variant, &params, &[], &[&low_words, &high_words, cells], [rows.count, 1]);
    }

    /// Ops of the window that have a row of their own.
    fn heavy_ops(&self) -> Vec<HeavyOp> {
        let begin = self.run.heavy_ops.partition_point(|heavy| (heavy.op as usize) < self.ops.start);
        let end = self.run.heavy_ops.partition_point(|heavy| (heavy.op as usize) < self.ops.end);
        let counted = |heavy: &&HeavyOp| self.query.phases >> heavy.phase & 1 == 1;
        self.run.heavy_ops[begin..end].iter().filter(counted).copied().collect()
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
        let first_chunk = batch.first().map_or(0, |heavy| self.run.chunks_of_op(heavy).start);
        let end_chunk = batch.last().map_or(0, |heavy| self.run.chunks_of_op(heavy).end);
        for chunk in (first_chunk..end_chunk).map(|index| self.run.access_chunk(index)) {
            let params =
                Params { access_begin: chunk.begin, access_end: chunk.end, pieces: HEAVY_PIECES, ..own_params };
            let marks = [&self.placed.places, &edges, &op_sums];
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
