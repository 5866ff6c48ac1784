//! A run's heat columns in GPU memory, in chunks that one binding can hold.

use std::ops::Range;
use std::sync::Arc;

use crate::kernel_io::heat::{HeatColumns, HeatError};

use super::heat_places::HeatPlaces;
use super::{Gpu, GpuError};

/// What keeps a query or an upload from being done.
#[derive(Debug, thiserror::Error)]
pub enum HeatGpuError {
    #[error(transparent)]
    Refused(#[from] HeatError),
    #[error(transparent)]
    Gpu(#[from] GpuError),
}

/// How columns and the dispatches over them are cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chunking {
    /// A multiple of `OPS_PER_CUT`; one less than a binding's u32 at most.
    pub ops: usize,
    /// A binding's u32 at most.
    pub accesses: usize,
    /// About how many accesses one dispatch visits, so that none lasts long.
    pub accesses_per_dispatch: u32,
}

impl Default for Chunking {
    /// Bindings of 64 and 128 MiB, and some 40 ms a dispatch on a software adapter.
    fn default() -> Self {
        Self { ops: 1 << 24, accesses: 1 << 25, accesses_per_dispatch: 1 << 23 }
    }
}

/// Bytes that go up at once, so that the driver's staging memory stays small.
const PIECE_BYTES: usize = 8 << 20;
/// Every so many ops, where their accesses begin is kept on the CPU side too.
const OPS_PER_SAMPLE: usize = 256;
/// Dispatches are cut at multiples of so many ops, so that no workgroup's block of ops is.
pub const OPS_PER_CUT: usize = 1024;
/// Accesses that `raise` takes for few; heat_raise.wgsl has the same number.
pub const FEW_ACCESSES: u32 = 16;

/// An op whose maxima are found by summing it up in a row of its own.
#[repr(C)]
#[derive(Debug, Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
pub struct HeavyOp {
    pub op: u32,
    pub access_begin: u32,
    pub access_end: u32,
    pub phase: u32,
}

pub struct OpChunk {
    pub first_op: u32,
    pub op_count: u32,
    /// One entry more than ops: where the chunk's last op ends.
    pub first_access: wgpu::Buffer,
    pub pass: wgpu::Buffer,
}

pub struct AccessChunk {
    pub begin: u32,
    pub end: u32,
    pub range: wgpu::Buffer,
    pub flags: wgpu::Buffer,
}

/// What one dispatch visits: ops of one chunk, with what of their accesses lies in one chunk of those.
#[derive(Clone, Copy)]
pub struct Piece<'a> {
    pub op_begin: u32,
    pub op_end: u32,
    pub ops: &'a OpChunk,
    pub accesses: &'a AccessChunk,
}

/// A run's columns on the GPU, and where its ranges lie on one track in one order.
pub struct HeatData {
    pub(super) run: Arc<RunColumns>,
    pub(super) places: HeatPlaces,
}

/// What is the same for every track and order.
pub(super) struct RunColumns {
    pub pass_phase: wgpu::Buffer,
    pub op_count: usize,
    pub range_count: u32,
    /// Bit p set: a pass of the run is in phase p.
    pub present_phases: u32,
    /// Bytes of the longest range and of the largest tensor.
    pub longest_range_bytes: u64,
    pub largest_tensor_bytes: u64,
    pub most_accesses_of_op: u32,
    /// Ops with more than `FEW_ACCESSES` accesses, and those that the end of a chunk cuts.
    pub heavy_ops: Vec<HeavyOp>,
    pub chunking: Chunking,
    op_chunks: Vec<OpChunk>,
    access_chunks: Vec<AccessChunk>,
    /// First access of every `OPS_PER_SAMPLE`th op, and the number of accesses.
    first_access_samples: Vec<u32>,
}

impl HeatData {
    /// Validates all columns and copies them to the GPU, straight from the slices.
    pub fn upload(gpu: &Gpu, columns: &HeatColumns<'_>) -> Result<Self, HeatGpuError> {
        Self::upload_in_chunks(gpu, columns, Chunking::default())
    }

    /// `upload` with chunks of another size.
    pub fn upload_in_chunks(gpu: &Gpu, columns: &HeatColumns<'_>, chunking: Chunking) -> Result<Self, HeatGpuError> {
        columns.check_lengths()?;
        let op_count = columns.op_first_access.len();
        let access_count = columns.access_range.len();
        let range_count = columns.range_tensor.len();
        // Kernels add strides to op and access numbers in u32.
        limit("op_first_access", op_count, 1 << 31)?;
        limit("access_range", access_count, u32::MAX as usize - (1 << 24))?;
        let mut present_phases = 0;
        for (pass, &phase) in columns.pass_phase.iter().enumerate() {
            check_index("pass_phase", pass, phase, 32)?;
            present_phases |= 1 << phase;
        }

        let places = HeatPlaces::new(gpu, columns)?;
        let mut summary = Summary { heavy_ops: Vec::new(), most_accesses_of_op: 0, chunk_accesses: chunking.accesses };
        let mut access_chunks = Vec::new();
        for begin in (0..access_count).step_by(chunking.accesses) {
            let end = (begin + chunking.accesses).min(access_count);
            let range = upload_column(gpu, "access_range", &columns.access_range[begin..end], |at, ranges| {
                check_indices("access_range", begin + at, ranges, range_count)
            })?;
            let flags = upload_column(gpu, "access_flags", &columns.access_flags[begin..end], |_, _| Ok(()))?;
            access_chunks.push(AccessChunk { begin: begin as u32, end: end as u32, range, flags });
        }
        let mut op_chunks = Vec::new();
        for begin in (0..op_count).step_by(chunking.ops) {
            let end = (begin + chunking.ops).min(op_count);
            let first_access = upload_firsts(gpu, columns, begin..end, &mut summary)?;
            let pass = upload_column(gpu, "op_pass", &columns.op_pass[begin..end], |at, passes| {
                check_indices("op_pass", begin + at, passes, columns.pass_phase.len())
            })?;
            op_chunks.push(OpChunk { first_op: begin as u32, op_count: (end - begin) as u32, first_access, pass });
        }
        for heavy in &mut summary.heavy_ops {
            heavy.phase = columns.pass_phase[columns.op_pass[heavy.op as usize] as usize];
        }
        let mut first_access_samples: Vec<u32> =
            columns.op_first_access.iter().step_by(OPS_PER_SAMPLE).copied().collect();
        first_access_samples.push(access_count as u32);

        let run = RunColumns {
            pass_phase: upload_column(gpu, "pass_phase", columns.pass_phase, |_, _| Ok(()))?,
            op_count,
            range_count: range_count as u32,
            present_phases,
            longest_range_bytes: columns.range_length.iter().copied().max().unwrap_or(0),
            largest_tensor_bytes: columns.tensor_bytes.iter().copied().max().unwrap_or(0),
            most_accesses_of_op: summary.most_accesses_of_op,
            heavy_ops: summary.heavy_ops,
            chunking,
            op_chunks,
            access_chunks,
            first_access_samples,
        };
        gpu.check()?;
        Ok(Self { run: Arc::new(run), places })
    }

    /// The same run on another track or in another order: `columns` differ from those uploaded in `tensor_base` only.
    pub fn placed(&self, gpu: &Gpu, columns: &HeatColumns<'_>) -> Result<Self, HeatGpuError> {
        columns.check_lengths()?;
        let (found, expected) = (columns.range_tensor.len(), self.run.range_count as usize);
        if found != expected {
            return Err(HeatError::Length { column: "range_tensor", found, expected }.into());
        }
        let places = HeatPlaces::new(gpu, columns)?;
        gpu.check()?;
        Ok(Self { run: self.run.clone(), places })
    }
}

impl RunColumns {
    /// No fewer than the accesses of `ops`, and no more than those of the samples around them.
    pub fn accesses_around(&self, ops: &Range<usize>) -> Range<u32> {
        let last = self.first_access_samples.len() - 1;
        let begin = self.first_access_samples[(ops.start / OPS_PER_SAMPLE).min(last)];
        let end = self.first_access_samples[ops.end.div_ceil(OPS_PER_SAMPLE).min(last)];
        begin..end
    }

    /// Cuts `ops` so that a piece has about `most_accesses` at the most, and lies in one chunk of ops and of accesses.
    pub fn pieces(&self, ops: Range<usize>, most_accesses: u32) -> Vec<Piece<'_>> {
        let mut pieces = Vec::new();
        let mut begin = ops.start;
        while begin < ops.end {
            let chunk = &self.op_chunks[begin / self.chunking.ops];
            let chunk_end = (chunk.first_op + chunk.op_count) as usize;
            let last = ops.end.min(chunk_end);
            let cut = |cut: usize| (cut * OPS_PER_CUT).min(last);
            // The furthest cut that the limit allows, and the next at the least.
            let (mut low, mut high) = (begin / OPS_PER_CUT + 1, last.div_ceil(OPS_PER_CUT));
            while low < high {
                let middle = (low + high).div_ceil(2);
                if self.accesses_around(&(begin..cut(middle))).len() <= most_accesses as usize {
                    low = middle;
                } else {
                    high = middle - 1;
                }
            }
            let end = cut(low);
            let accesses = self.accesses_around(&(begin..end));
            let touched = |chunk: &&AccessChunk| chunk.begin < accesses.end && accesses.start < chunk.end;
            pieces.extend(self.access_chunks.iter().filter(touched).map(|accesses| Piece {
                op_begin: begin as u32,
                op_end: end as u32,
                ops: chunk,
                accesses,
            }));
            begin = end;
        }
        pieces
    }

    /// Chunks of accesses that `op` has accesses in.
    pub fn chunks_of_op(&self, op: &HeavyOp) -> Range<usize> {
        let accesses = self.chunking.accesses;
        op.access_begin as usize / accesses..(op.access_end as usize).div_ceil(accesses)
    }

    pub fn access_chunk(&self, index: usize) -> &AccessChunk {
        &self.access_chunks[index]
    }
}

/// What an upload learns in passing.
struct Summary {
    heavy_ops: Vec<HeavyOp>,
    most_accesses_of_op: u32,
    chunk_accesses: usize,
}

impl Summary {
    fn note_op(&mut self, op: usize, accesses: Range<usize>) {
        let count = accesses.len() as u32;
        self.most_accesses_of_op = self.most_accesses_of_op.max(count);
        let cut = count > 0 && accesses.start / self.chunk_accesses != (accesses.end - 1) / self.chunk_accesses;
        if count > FEW_ACCESSES || cut {
            let (access_begin, access_end) = (accesses.start as u32, accesses.end as u32);
            self.heavy_ops.push(HeavyOp { op: op as u32, access_begin, access_end, phase: 0 });
        }
    }
}

fn limit(column: &'static str, found: usize, limit: usize) -> Result<(), HeatError> {
    if found > limit { Err(HeatError::TooLong { column, found, limit }) } else { Ok(()) }
}

fn check_index(column: &'static str, index: usize, value: u32, limit: usize) -> Result<(), HeatError> {
    if (value as usize) < limit {
        return Ok(());
    }
    Err(HeatError::Index { column, index, value: u64::from(value), limit: limit as u64 })
}

/// `check_index` of a slice that begins at `index` of its column.
fn check_indices(column: &'static str, index: usize, values: &[u32], limit: usize) -> Result<(), HeatError> {
    // The largest is found without a branch an entry; which one it is matters only when it is wrong.
    if values.iter().fold(0, |largest, &value| value.max(largest)) as usize >= limit {
        for (at, &value) in values.iter().enumerate() {
            check_index(column, index + at, value, limit)?;
        }
    }
    Ok(())
}

/// Uploads where ops `ops` begin, and where the last of them ends.
fn upload_firsts(
    gpu: &Gpu,
    columns: &HeatColumns<'_>,
    ops: Range<usize>,
    summary: &mut Summary,
) -> Result<wgpu::Buffer, HeatGpuError> {
    let firsts = &columns.op_first_access[ops.clone()];
    let buffer = column_buffer(gpu, "op_first_access", 4 * (firsts.len() as u64 + 1))?;
    write_column(gpu, &buffer, firsts, |at, firsts| {
        for op in ops.start + at..ops.start + at + firsts.len() {
            summary.note_op(op, columns.accesses_of(op)?);
        }
        Ok(())
    })?;
    let end = columns.accesses_of(ops.end - 1)?.end as u32;
    gpu.queue.write_buffer(&buffer, 4 * firsts.len() as u64, &end.to_le_bytes());
    Ok(buffer)
}

pub(super) fn upload_column<T: bytemuck::Pod>(
    gpu: &Gpu,
    column: &'static str,
    values: &[T],
    inspect: impl FnMut(usize, &[T]) -> Result<(), HeatError>,
) -> Result<wgpu::Buffer, HeatGpuError> {
    let buffer = column_buffer(gpu, column, size_of_val(values) as u64)?;
    write_column(gpu, &buffer, values, inspect)?;
    Ok(buffer)
}

/// Copies a column into its buffer, piece by piece; `inspect` sees each piece, and where it begins, first.
fn write_column<T: bytemuck::Pod>(
    gpu: &Gpu,
    buffer: &wgpu::Buffer,
    values: &[T],
    mut inspect: impl FnMut(usize, &[T]) -> Result<(), HeatError>,
) -> Result<(), HeatGpuError> {
    let per_piece = PIECE_BYTES / size_of::<T>();
    for (index, piece) in values.chunks(per_piece).enumerate() {
        inspect(index * per_piece, piece)?;
        let bytes: &[u8] = bytemuck::cast_slice(piece);
        let Some(size) = wgpu::BufferSize::new(bytes.len() as u64) else { continue };
        if let Some(mut view) = gpu.queue.write_buffer_with(buffer, (index * PIECE_BYTES) as u64, size) {
            view.copy_from_slice(bytes);
        }
        if piece.len() == per_piece {
            // Only a finished submission gives its staging memory back.
            gpu.queue.submit([]);
            gpu.wait()?;
        }
    }
    gpu.check()?;
    Ok(())
}

fn column_buffer(gpu: &Gpu, what: &'static str, bytes: u64) -> Result<wgpu::Buffer, GpuError> {
    let limits = gpu.device.limits();
    let allowed = limits.max_storage_buffer_binding_size.min(limits.max_buffer_size);
    if bytes > allowed {
        return Err(GpuError::TooLarge { what, needed: bytes, allowed });
    }
    Ok(gpu.device.create_buffer(&wgpu::BufferDescriptor {
        label: Some(what),
        // A binding may not be empty, and array elements have 16 bytes at most.
        size: bytes.max(16),
        usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST,
        mapped_at_creation: false,
    }))
}
