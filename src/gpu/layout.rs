//! The force layout on the GPU; `analysis::layout` is its CPU twin.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Instant;

use crate::gpu::{Gpu, GpuError, shaders};
use crate::kernel_io::layout::{Anchor, LayoutProblem, LayoutResult, LayoutStep, Spring};

/// Invocations per workgroup, as in `graph_forces.wgsl`.
pub const WORKGROUP: u32 = 64;
/// Steps recorded into one submission, so that none runs long enough for a driver's watchdog.
const STEPS_PER_SUBMIT: u32 = 16;
/// WebGPU's default `min_uniform_buffer_offset_alignment`: one `LayoutStep` each.
const STEP_STRIDE: u64 = 256;
/// Steps between two looks at the cancel flag in `run_gpu`.
const STEPS_PER_WAIT: u32 = 16;

/// A layout whose positions live in a buffer that the drawing reads.
pub struct LayoutGpu {
    problem: LayoutProblem,
    steps_done: u32,
    insert_and_pull: wgpu::ComputePipeline,
    gather: wgpu::ComputePipeline,
    move_and_clear: wgpu::ComputePipeline,
    bindings: wgpu::BindGroup,
    steps: wgpu::Buffer,
    anchors: wgpu::Buffer,
    positions: PositionBuffer,
    /// Workgroups of the three kernels.
    groups: [[u32; 2]; 3],
}

/// Node centres on the GPU, as `array<vec2<f32>>`: what the drawing binds, whoever computes them.
pub struct PositionBuffer {
    buffer: wgpu::Buffer,
    bytes: u64,
    /// A copy on its way back to memory: where to, and how far it is.
    reading: Option<(wgpu::Buffer, Arc<AtomicU32>)>,
}

/// Stages of a read-back.
const UNDER_WAY: u32 = 0;
const MAPPED: u32 = 1;
const NOT_MAPPED: u32 = 2;

impl PositionBuffer {
    /// Fails if the positions exceed a storage binding.
    pub fn new(gpu: &Gpu, positions: &[[f32; 2]]) -> Result<Self, GpuError> {
        let bytes = positions.len() as u64 * 8;
        Ok(Self { buffer: storage(gpu, "positions", bytemuck::cast_slice(positions), bytes)?, bytes, reading: None })
    }

    /// Replaces positions from node `first` on.
    pub fn write(&self, gpu: &Gpu, first: usize, positions: &[[f32; 2]]) {
        gpu.queue.write_buffer(&self.buffer, first as u64 * 8, bytemuck::cast_slice(positions));
    }

    /// Holds one position even for a graph without nodes.
    pub fn buffer(&self) -> &wgpu::Buffer {
        &self.buffer
    }

    pub fn read(&self, gpu: &Gpu) -> Result<Vec<[f32; 2]>, GpuError> {
        let bytes = gpu.read_buffer(&self.buffer, 0, self.bytes)?;
        Ok(bytemuck::pod_collect_to_vec(&bytes))
    }

    /// Asks for the positions as they are after what was submitted so far, unless they are on their way already.
    pub fn ask(&mut self, gpu: &Gpu) {
        if self.reading.is_some() {
            return;
        }
        let staging = gpu.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("positions read-back"),
            size: self.bytes.max(8),
            usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let mut encoder = gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        encoder.copy_buffer_to_buffer(&self.buffer, 0, &staging, 0, self.bytes);
        gpu.queue.submit([encoder.finish()]);
        let stage = Arc::new(AtomicU32::new(UNDER_WAY));
        let told = stage.clone();
        staging.slice(0..self.bytes).map_async(wgpu::MapMode::Read, move |result| {
            told.store(if result.is_ok() { MAPPED } else { NOT_MAPPED }, Ordering::Release);
        });
        self.reading = Some((staging, stage));
    }

    /// True between a question and its answer.
    pub fn is_asked(&self) -> bool {
        self.reading.is_some()
    }

    /// The positions that were asked for, once they are there. Never waits.
    pub fn answer(&mut self, gpu: &Gpu) -> Result<Option<Vec<[f32; 2]>>, GpuError> {
        let Some((staging, stage)) = &self.reading else { return Ok(None) };
        gpu.device.poll(wgpu::PollType::Poll).map_err(|_| GpuError::Timeout)?;
        let positions = match stage.load(Ordering::Acquire) {
            UNDER_WAY => return Ok(None),
            MAPPED => staging
                .slice(0..self.bytes)
                .get_mapped_range()
                .map(|range| bytemuck::pod_collect_to_vec(&range))
                .map_err(|error| error.to_string()),
            _ => Err("positions could not be mapped for reading".to_owned()),
        };
        self.reading = None;
        positions.map(Some).map_err(GpuError::Validation)
    }
}

impl LayoutGpu {
    /// Uploads the problem with all nodes at their start. Fails if one of its arrays exceeds a storage binding.
    pub fn new(gpu: &Gpu, problem: LayoutProblem) -> Result<Self, GpuError> {
        let nodes = problem.anchors.len();
        let cells = problem.grid_cells();
        let start = problem.start();
        let positions = PositionBuffer::new(gpu, &start)?;
        let anchors =
            storage(gpu, "layout anchors", bytemuck::cast_slice(&problem.anchors), nodes as u64 * ANCHOR_BYTES)?;
        let springs = bytemuck::cast_slice(&problem.springs);
        let springs = storage(gpu, "layout springs", springs, springs.len() as u64)?;
        // wgpu hands out buffers zeroed, which is what the kernels start from.
        let cell_first = storage(gpu, "layout cells", &[], cells as u64 * 4)?;
        let node_next = storage(gpu, "layout cell lists", &[], nodes as u64 * 4)?;
        let spring_sums = storage(gpu, "layout spring sums", &[], nodes as u64 * 8)?;
        let travel = storage(gpu, "layout travel", &[], nodes as u64 * 8)?;
        let steps = gpu.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("layout steps"),
            size: STEP_STRIDE * u64::from(STEPS_PER_SUBMIT),
            usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });

        let layout = bind_group_layout(&gpu.device);
        let storages = [positions.buffer(), &anchors, &springs, &cell_first, &node_next, &spring_sums, &travel];
        let uniform = wgpu::BufferBinding { buffer: &steps, offset: 0, size: NonZeroU64::new(STEP_BYTES) };
        let mut entries = vec![wgpu::BindGroupEntry { binding: 0, resource: wgpu::BindingResource::Buffer(uniform) }];
        entries.extend(
            storages
                .iter()
                .zip(1..)
                .map(|(buffer, binding)| wgpu::BindGroupEntry { binding, resource: buffer.as_entire_binding() }),
        );
        let bindings = gpu.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some("layout"),
            layout: &layout,
            entries: &entries,
        });
        let module = shaders::module(&gpu.device, "graph_forces.wgsl");
        let [insert_and_pull, gather, move_and_clear] = ["insert_and_pull", "gather", "move_and_clear"]
            .map(|kernel| pipeline(&gpu.device, &layout, &module, kernel));
        let groups = [nodes.max(problem.springs.len()), nodes, nodes.max(cells)].map(workgroups);
        gpu.check()?;
        Ok(Self {
            problem,
            steps_done: 0,
            insert_and_pull,
            gather,
            move_and_clear,
            bindings,
            steps,
            anchors,
            positions,
            groups,
        })
    }

    /// Submits up to `count` steps, none once at rest; does not wait for them.
    pub fn step(&mut self, gpu: &Gpu, count: u32) {
        let mut left = count.min(self.problem.iterations.saturating_sub(self.steps_done));
        while left > 0 {
            let batch = left.min(STEPS_PER_SUBMIT);
            self.submit(gpu, batch);
            left -= batch;
        }
    }

    fn submit(&mut self, gpu: &Gpu, batch: u32) {
        if self.problem.anchors.is_empty() {
            self.steps_done += batch;
            return;
        }
        let mut bytes = vec![0u8; STEP_STRIDE as usize * batch as usize];
        for (slot, index) in bytes.chunks_exact_mut(STEP_STRIDE as usize).zip(self.steps_done..) {
            slot[..STEP_BYTES as usize].copy_from_slice(bytemuck::bytes_of(&self.problem.step(index)));
        }
        gpu.queue.write_buffer(&self.steps, 0, &bytes);
        let mut encoder = gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        {
            let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor {
                label: Some("layout steps"),
                timestamp_writes: None,
            });
            for slot in 0..batch {
                pass.set_bind_group(0, &self.bindings, &[slot * STEP_STRIDE as u32]);
                for (kernel, [x, y]) in
                    [&self.insert_and_pull, &self.gather, &self.move_and_clear].into_iter().zip(self.groups)
                {
                    pass.set_pipeline(kernel);
                    pass.dispatch_workgroups(x, y, 1);
                }
            }
        }
        gpu.queue.submit([encoder.finish()]);
        self.steps_done += batch;
    }

    pub fn steps_done(&self) -> u32 {
        self.steps_done
    }

    /// Share of the way to rest, 0 to 1.
    pub fn progress(&self) -> f32 {
        self.steps_done as f32 / self.problem.iterations.max(1) as f32
    }

    /// True when further steps would do nothing: no frame needs to be drawn for the layout's sake.
    pub fn at_rest(&self) -> bool {
        self.steps_done >= self.problem.iterations
    }

    pub fn positions(&mut self) -> &mut PositionBuffer {
        &mut self.positions
    }

    /// Node centres now, blocking.
    pub fn read_positions(&self, gpu: &Gpu) -> Result<Vec<[f32; 2]>, GpuError> {
        self.positions.read(gpu)
    }

    /// Pins nodes or lets them go; what is around them settles anew.
    pub fn pin(&mut self, gpu: &Gpu, pins: &[(u32, Option<[f32; 2]>)]) {
        for &(node, at) in pins {
            self.problem.pin(node, at);
            let Some(anchor) = self.problem.anchors.get(node as usize) else { continue };
            gpu.queue.write_buffer(&self.anchors, u64::from(node) * ANCHOR_BYTES, bytemuck::bytes_of(anchor));
            if at.is_some() {
                self.positions.write(gpu, node as usize, &[anchor.home]);
            }
        }
        self.steps_done = self.steps_done.min(self.problem.warm_step());
    }

    /// Moves all nodes and starts cooling anew; missing or non-finite positions become the node's start.
    pub fn set_positions(&mut self, gpu: &Gpu, positions: &[[f32; 2]]) {
        let moved: Vec<[f32; 2]> = (0..self.problem.anchors.len())
            .map(|node| self.problem.admissible(node, positions.get(node).copied().unwrap_or([f32::NAN; 2])))
            .collect();
        self.positions.write(gpu, 0, &moved);
        self.steps_done = 0;
    }
}

/// Lays a graph out to rest; a cancelled run gives where the nodes are by then.
pub fn run_gpu(gpu: &Gpu, problem: LayoutProblem, cancel: &AtomicBool) -> Result<LayoutResult, GpuError> {
    let mut layout = LayoutGpu::new(gpu, problem)?;
    let started = Instant::now();
    while !layout.at_rest() && !cancel.load(Ordering::Relaxed) {
        layout.step(gpu, STEPS_PER_WAIT);
        gpu.wait()?;
    }
    let ms = started.elapsed().as_secs_f64() * 1e3;
    Ok(LayoutResult {
        positions: layout.read_positions(gpu)?,
        iterations: layout.steps_done,
        ms_per_iteration: ms / f64::from(layout.steps_done.max(1)),
    })
}

/// Workgroups for `items` invocations: a row while one dimension holds them, else a rectangle.
pub fn workgroups(items: usize) -> [u32; 2] {
    const MOST: u64 = 65_535;
    let groups = (items as u64).div_ceil(u64::from(WORKGROUP)).max(1);
    let rows = groups.div_ceil(MOST);
    [groups.div_ceil(rows) as u32, rows.min(MOST) as u32]
}

const STEP_BYTES: u64 = size_of::<LayoutStep>() as u64;
const SPRING_BYTES: u64 = size_of::<Spring>() as u64;
const ANCHOR_BYTES: u64 = size_of::<Anchor>() as u64;

/// A storage buffer of `bytes` bytes, at least one of the largest element, beginning with `contents`.
fn storage(gpu: &Gpu, what: &'static str, contents: &[u8], bytes: u64) -> Result<wgpu::Buffer, GpuError> {
    let allowed = gpu.device.limits().max_storage_buffer_binding_size;
    if bytes > allowed {
        return Err(GpuError::TooLarge { what, needed: bytes, allowed });
    }
    let buffer = gpu.device.create_buffer(&wgpu::BufferDescriptor {
        label: Some(what),
        size: bytes.max(SPRING_BYTES.max(ANCHOR_BYTES)),
        usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST,
        mapped_at_creation: false,
    });
    gpu.queue.write_buffer(&buffer, 0, contents);
    Ok(buffer)
}

fn bind_group_layout(device: &wgpu::Device) -> wgpu::BindGroupLayout {
    // Binding, element bytes, whether the kernels only read it.
    let storages = [
        (1, 8, false),
        (2, ANCHOR_BYTES, true),
        (3, SPRING_BYTES, true),
        (4, 4, false),
        (5, 4, false),
        (6, 4, false),
        (7, 8, false),
    ];
    let mut entries = vec![wgpu::BindGroupLayoutEntry {
        binding: 0,
        visibility: wgpu::ShaderStages::COMPUTE,
        ty: wgpu::BindingType::Buffer {
            ty: wgpu::BufferBindingType::Uniform,
            has_dynamic_offset: true,
            min_binding_size: NonZeroU64::new(STEP_BYTES),
        },
        count: None,
    }];
    entries.extend(storages.map(|(binding, element_bytes, read_only)| wgpu::BindGroupLayoutEntry {
        binding,
        visibility: wgpu::ShaderStages::COMPUTE,
        ty: wgpu::BindingType::Buffer {
            ty: wgpu::BufferBindingType::Storage { read_only },
            has_dynamic_offset: false,
            min_binding_size: NonZeroU64::new(element_bytes),
        },
        count: None,
    }));
    device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label: Some("layout"), entries: &entries })
}

fn pipeline(
    device: &wgpu::Device,
    layout: &wgpu::BindGroupLayout,
    module: &wgpu::ShaderModule,
    kernel: &str,
) -> wgpu::ComputePipeline {
    let layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
        label: Some("layout"),
        bind_group_layouts: &[Some(layout)],
        immediate_size: 0,
    });
    device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label: Some(kernel),
        layout: Some(&layout),
        module,
        entry_point: Some(kernel),
        compilation_options: wgpu::PipelineCompilationOptions::default(),
        cache: None,
    })
}
