//! Heatmap binning on the GPU: queries in, grids out. Twin: analysis/heat.rs.

use crate::kernel_io::heat::{Aggregate, HeatGrid, HeatLevel, HeatQuery};

use super::heat_kernels::{Kernels, Recording, Scratch, TileCopy};
use super::heat_plan::Plan;
use super::{Gpu, GpuError};

pub use super::heat_data::{Chunking, HeatData, HeatGpuError};
pub use super::heat_maxima::MAX_TILE_WIDTH;

/// How accesses per range are counted; results are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counting {
    /// Thousands of invocations share counters: what GPUs are good at.
    Atomic,
    /// A few invocations own theirs: more than twice as fast where the adapter is a CPU.
    Owned,
}

/// The heat kernels of one device; queries are answered in the order in which they are asked.
pub struct HeatPipelines {
    kernels: Kernels,
    counting: Counting,
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
        Self::with_counting(
            gpu,
            match gpu.adapter.get_info().device_type {
                wgpu::DeviceType::Cpu => Counting::Owned,
                _ => Counting::Atomic,
            },
        )
    }

    /// `new` without a look at what kind of adapter it is.
    pub fn with_counting(gpu: &Gpu, counting: Counting) -> Self {
        Self { kernels: Kernels::new(gpu), counting }
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
            match query.aggregate {
                Aggregate::Sum => plan.record_sums(&mut work, self.counting, &cells),
                Aggregate::Max => plan.record_maxima(gpu, &mut work, &cells),
            }
            work.submit()?;
        }
        Ok(GpuGrid { width: query.width, height: query.height, cells })
    }

    /// Has all kernels compiled that sums of such a level may come to need, at any zoom: a driver compiles one when it
    /// first runs, which takes longer than a frame may.
    pub fn compile(&self, gpu: &Gpu, data: &HeatData, level: &HeatLevel) -> Result<(), HeatGpuError> {
        let query = level.window(0, 0, 1, 1);
        let Some(plan) = Plan::new(data, &query)?.filter(|_| level.aggregate == Aggregate::Sum) else { return Ok(()) };
        let mut work = Recording::new(gpu, &self.kernels);
        plan.record_idle(&mut work, self.counting);
        Ok(work.submit()?)
    }

    /// Submits the work that fills rows of tiles beside each other with the exact answer to `query`, which is as wide as
    /// they are together: from `first_row` of each on. Does not wait for it.
    pub(super) fn bin_tiles(
        &self,
        gpu: &Gpu,
        data: &HeatData,
        query: &HeatQuery,
        texture: &wgpu::Texture,
        layers: &[u32],
        first_row: u32,
    ) -> Result<(), HeatGpuError> {
        query.check()?;
        let plan = Plan::new(data, query)?;
        let mut work = Recording::new(gpu, &self.kernels);
        let words = 2 * query.cell_count() as u64;
        let cells = work.scratch(Scratch::Strip, words);
        work.clear(&cells, words);
        if let Some(plan) = plan {
            match query.aggregate {
                Aggregate::Sum => plan.record_sums(&mut work, self.counting, &cells),
                Aggregate::Max => plan.record_maxima(gpu, &mut work, &cells),
            }
        }
        for (first_column, &layer) in (0..).step_by(texture.width() as usize).zip(layers) {
            work.copy_to_tile(TileCopy {
                cells: cells.clone(),
                width: query.width,
                first_column,
                rows: query.height,
                texture: texture.clone(),
                layer,
                first_row,
            });
        }
        work.submit()?;
        Ok(())
    }
}
