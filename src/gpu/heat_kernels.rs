//! The heat kernels: what each binds, and how dispatches of them are recorded.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Gpu, GpuError, shaders};

/// Parameters of one dispatch; `Params` in heat_common.wgsl.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default, bytemuck::Pod, bytemuck::Zeroable)]
pub struct Params {
    /// First bin of the tile, low word first.
    pub x0: [u32; 2],
    /// Last bin of the tile, low word first.
    pub x_last: [u32; 2],
    pub kx: u32,
    pub ky: u32,
    pub width: u32,
    pub rows: u32,
    pub first_column: u32,
    pub first_row: u32,
    pub stride: u32,
    pub first_op: u32,
    pub op_begin: u32,
    pub op_end: u32,
    pub block_ops: u32,
    pub op_base: u32,
    pub access_begin: u32,
    pub access_end: u32,
    pub first_item: u32,
    pub wanted_flag: u32,
    pub phases: u32,
    pub items: u32,
    pub levels: u32,
    pub pieces: u32,
    pub item_begin: u32,
    pub item_end: u32,
}

/// Uniforms of dispatches lie this far apart: the default limit of dynamic offsets.
const PARAMS_STRIDE_BYTES: usize = 256;
/// Workgroups along x before a dispatch is folded along y.
const FOLD: u32 = 32_768;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kernel {
    CountSlices,
    CountOps,
    CountOwned,
    DirectSlices,
    DirectOps,
    Spread,
    SpreadOwned,
    Heavy,
    Finish,
    Raise,
    Settle,
    Merge,
}

/// A kernel with what is fixed when it is compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Variant {
    pub kernel: Kernel,
    pub bytes: bool,
    pub directed: bool,
    pub phased: bool,
    pub ranked: bool,
    pub wide: bool,
    pub high: bool,
}

impl Variant {
    pub fn of(kernel: Kernel) -> Self {
        Self { kernel, bytes: false, directed: false, phased: false, ranked: false, wide: false, high: false }
    }
}

/// How a kernel uses a storage buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Use {
    Read,
    Write,
}

impl Kernel {
    /// Module, entry point, buffers of group 1 and of group 2.
    fn signature(self) -> (&'static str, &'static str, &'static [Use], &'static [Use]) {
        use Use::{Read, Write};
        const COLUMNS: &[Use] = &[Read; 5];
        const MARKS: &[Use] = &[Read, Write, Write];
        const COUNTS: &[Use] = &[Read, Write];
        match self {
            Self::CountSlices => ("heat_count.wgsl", "walk_slices", COLUMNS, COUNTS),
            Self::CountOps => ("heat_count.wgsl", "walk_ops", COLUMNS, COUNTS),
            Self::CountOwned => ("heat_owned.wgsl", "count_owned", COLUMNS, COUNTS),
            Self::DirectSlices => ("heat_direct.wgsl", "walk_slices", COLUMNS, MARKS),
            Self::DirectOps => ("heat_direct.wgsl", "walk_ops", COLUMNS, MARKS),
            Self::Spread => ("heat_spread.wgsl", "spread", &[Read; 2], MARKS),
            Self::SpreadOwned => ("heat_spread_owned.wgsl", "spread_owned", &[Read; 2], MARKS),
            Self::Heavy => ("heat_heavy.wgsl", "mark_heavy", &[Read; 3], MARKS),
            Self::Finish => ("heat_finish.wgsl", "finish", &[], &[Read, Write]),
            Self::Raise => ("heat_raise.wgsl", "raise", COLUMNS, MARKS),
            Self::Settle => ("heat_settle.wgsl", "settle", &[], &[Read, Read, Write]),
            Self::Merge => ("heat_merge.wgsl", "merge", &[Read], &[Read, Write]),
        }
    }
}

/// Buffers that one query after the other works in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scratch {
    Counts,
    Edges,
    LowWords,
    HighWords,
    OpSums,
    /// Cells on their way into tiles.
    Strip,
}

/// Kernels compiled when first asked for, and their working memory.
pub struct Kernels {
    uniform_layout: wgpu::BindGroupLayout,
    layouts: Mutex<HashMap<&'static [Use], wgpu::BindGroupLayout>>,
    modules: Mutex<HashMap<&'static str, wgpu::ShaderModule>>,
    pipelines: Mutex<HashMap<Variant, wgpu::ComputePipeline>>,
    scratch: Mutex<HashMap<Scratch, wgpu::Buffer>>,
}

impl Kernels {
    pub fn new(gpu: &Gpu) -> Self {
        let uniform_layout = gpu.device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
            label: Some("heat params"),
            entries: &[wgpu::BindGroupLayoutEntry {
                binding: 0,
                visibility: wgpu::ShaderStages::COMPUTE,
                ty: wgpu::BindingType::Buffer {
                    ty: wgpu::BufferBindingType::Uniform,
                    has_dynamic_offset: true,
                    min_binding_size: wgpu::BufferSize::new(size_of::<Params>() as u64),
                },
                count: None,
            }],
        });
        Self {
            uniform_layout,
            layouts: Mutex::default(),
            modules: Mutex::default(),
            pipelines: Mutex::default(),
            scratch: Mutex::default(),
        }
    }

    /// A working buffer of at least `words` u32; what it holds is whatever the last query left.
    pub fn scratch(&self, gpu: &Gpu, scratch: Scratch, words: u64) -> wgpu::Buffer {
        let bytes = 4 * words.max(1).next_power_of_two();
        let mut buffers = lock(&self.scratch);
        match buffers.get(&scratch) {
            Some(buffer) if buffer.size() >= bytes => buffer.clone(),
            _ => {
                let buffer = gpu.device.create_buffer(&wgpu::BufferDescriptor {
                    label: Some("heat scratch"),
                    size: bytes,
                    usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::COPY_SRC,
                    mapped_at_creation: false,
                });
                buffers.insert(scratch, buffer.clone());
                buffer
            }
        }
    }

    fn layout(&self, gpu: &Gpu, uses: &'static [Use]) -> wgpu::BindGroupLayout {
        let create = || {
            let entries: Vec<_> = (0..)
                .zip(uses)
                .map(|(binding, &buffer_use)| wgpu::BindGroupLayoutEntry {
                    binding,
                    visibility: wgpu::ShaderStages::COMPUTE,
                    ty: wgpu::BindingType::Buffer {
                        ty: wgpu::BufferBindingType::Storage { read_only: buffer_use == Use::Read },
                        has_dynamic_offset: false,
                        min_binding_size: None,
                    },
                    count: None,
                })
                .collect();
            let label = Some("heat buffers");
            gpu.device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label, entries: &entries })
        };
        lock(&self.layouts).entry(uses).or_insert_with(create).clone()
    }

    fn pipeline(&self, gpu: &Gpu, variant: Variant) -> wgpu::ComputePipeline {
        if let Some(pipeline) = lock(&self.pipelines).get(&variant) {
            return pipeline.clone();
        }
        let (file, entry_point, group_1, group_2) = variant.kernel.signature();
        let module = lock(&self.modules).entry(file).or_insert_with(|| shaders::module(&gpu.device, file)).clone();
        let group_1 = (!group_1.is_empty()).then(|| self.layout(gpu, group_1));
        let group_2 = (!group_2.is_empty()).then(|| self.layout(gpu, group_2));
        let layout = gpu.device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: Some(file),
            bind_group_layouts: &[Some(&self.uniform_layout), group_1.as_ref(), group_2.as_ref()],
            immediate_size: 0,
        });
        let flag = |on: bool| f64::from(u8::from(on));
        let mut constants = vec![("BYTES", flag(variant.bytes)), ("DIRECTED", flag(variant.directed))];
        match variant.kernel {
            Kernel::Raise => constants.extend([("WIDE", flag(variant.wide)), ("HIGH", flag(variant.high))]),
            Kernel::CountOwned => {
                constants.extend([("PHASED", flag(variant.phased)), ("RANKED", flag(variant.ranked))]);
            }
            Kernel::CountSlices | Kernel::CountOps | Kernel::Spread | Kernel::SpreadOwned => {
                constants.push(("RANKED", flag(variant.ranked)));
            }
            Kernel::Settle => constants.push(("WIDE", flag(variant.wide))),
            _ => {}
        }
        let pipeline = gpu.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some(file),
            layout: Some(&layout),
            module: &module,
            entry_point: Some(entry_point),
            compilation_options: wgpu::PipelineCompilationOptions {
                constants: &constants,
                // Kernels write a workgroup's memory before they read it.
                zero_initialize_workgroup_memory: false,
            },
            cache: None,
        });
        lock(&self.pipelines).insert(variant, pipeline.clone());
        pipeline
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Rows of a grid, `width` cells each, of which those from `first_column` on go to one layer of a texture.
pub struct TileCopy {
    pub cells: wgpu::Buffer,
    pub width: u32,
    pub first_column: u32,
    pub rows: u32,
    pub texture: wgpu::Texture,
    pub layer: u32,
    pub first_row: u32,
}

enum Step {
    Clear { buffer: wgpu::Buffer, bytes: u64 },
    Copy(TileCopy),
    Dispatch { pipeline: wgpu::ComputePipeline, groups: [Option<wgpu::BindGroup>; 2], size: [u32; 2], params: usize },
}

impl TileCopy {
    fn record(&self, encoder: &mut wgpu::CommandEncoder) {
        encoder.copy_buffer_to_texture(
            wgpu::TexelCopyBufferInfo {
                buffer: &self.cells,
                layout: wgpu::TexelCopyBufferLayout {
                    offset: 8 * u64::from(self.first_column),
                    bytes_per_row: Some(8 * self.width),
                    rows_per_image: None,
                },
            },
            wgpu::TexelCopyTextureInfo {
                texture: &self.texture,
                mip_level: 0,
                origin: wgpu::Origin3d { x: 0, y: self.first_row, z: self.layer },
                aspect: wgpu::TextureAspect::All,
            },
            wgpu::Extent3d { width: self.texture.width(), height: self.rows, depth_or_array_layers: 1 },
        );
    }
}

/// Collects dispatches, so that the parameters of all of them go up in one buffer and the work in one submission.
pub struct Recording<'a> {
    gpu: &'a Gpu,
    kernels: &'a Kernels,
    params: Vec<u8>,
    steps: Vec<Step>,
}

impl<'a> Recording<'a> {
    pub fn new(gpu: &'a Gpu, kernels: &'a Kernels) -> Self {
        Self { gpu, kernels, params: Vec::new(), steps: Vec::new() }
    }

    pub fn scratch(&self, scratch: Scratch, words: u64) -> wgpu::Buffer {
        self.kernels.scratch(self.gpu, scratch, words)
    }

    /// Zeroes the first `words` u32 of a buffer.
    pub fn clear(&mut self, buffer: &wgpu::Buffer, words: u64) {
        self.steps.push(Step::Clear { buffer: buffer.clone(), bytes: 4 * words });
    }

    /// Copies cells into a tile as wide as its texture.
    pub fn copy_to_tile(&mut self, copy: TileCopy) {
        self.steps.push(Step::Copy(copy));
    }

    /// `count` workgroups in a row, folded where they are more than one dimension takes; kernels use `linear_group`.
    pub fn dispatch_linear(
        &mut self,
        variant: Variant,
        params: &Params,
        group_1: &[&wgpu::Buffer],
        group_2: &[&wgpu::Buffer],
        count: u32,
    ) {
        let size = if count > FOLD { [FOLD, count.div_ceil(FOLD)] } else { [count, 1] };
        self.dispatch(variant, params, group_1, group_2, size);
    }

    pub fn dispatch(
        &mut self,
        variant: Variant,
        params: &Params,
        group_1: &[&wgpu::Buffer],
        group_2: &[&wgpu::Buffer],
        size: [u32; 2],
    ) {
        if size.contains(&0) {
            return;
        }
        let (_, _, uses_1, uses_2) = variant.kernel.signature();
        let groups = [self.bind(uses_1, group_1), self.bind(uses_2, group_2)];
        let offset = self.params.len();
        self.params.extend_from_slice(bytemuck::bytes_of(params));
        self.params.resize(offset + PARAMS_STRIDE_BYTES, 0);
        let pipeline = self.kernels.pipeline(self.gpu, variant);
        self.steps.push(Step::Dispatch { pipeline, groups, size, params: offset });
    }

    fn bind(&self, uses: &'static [Use], buffers: &[&wgpu::Buffer]) -> Option<wgpu::BindGroup> {
        if uses.is_empty() {
            return None;
        }
        let entries: Vec<_> = (0..)
            .zip(buffers)
            .map(|(binding, buffer)| wgpu::BindGroupEntry { binding, resource: buffer.as_entire_binding() })
            .collect();
        Some(self.gpu.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some("heat buffers"),
            layout: &self.kernels.layout(self.gpu, uses),
            entries: &entries,
        }))
    }

    /// Hands everything to the device, without waiting for it.
    pub fn submit(self) -> Result<(), GpuError> {
        let gpu = self.gpu;
        let uniforms = gpu.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("heat params"),
            size: self.params.len().max(PARAMS_STRIDE_BYTES) as u64,
            usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        gpu.queue.write_buffer(&uniforms, 0, &self.params);
        let uniform_group = gpu.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some("heat params"),
            layout: &self.kernels.uniform_layout,
            entries: &[wgpu::BindGroupEntry {
                binding: 0,
                resource: wgpu::BindingResource::Buffer(wgpu::BufferBinding {
                    buffer: &uniforms,
                    offset: 0,
                    size: wgpu::BufferSize::new(size_of::<Params>() as u64),
                }),
            }],
        });
        let label = Some("heat");
        let mut encoder = gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor { label });
        let mut steps = self.steps.iter().peekable();
        while let Some(step) = steps.peek() {
            if let Step::Clear { buffer, bytes } = step {
                encoder.clear_buffer(buffer, 0, Some(*bytes));
                steps.next();
                continue;
            }
            if let Step::Copy(copy) = step {
                copy.record(&mut encoder);
                steps.next();
                continue;
            }
            let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor { label, timestamp_writes: None });
            while let Some(Step::Dispatch { pipeline, groups, size, params }) =
                steps.next_if(|step| matches!(step, Step::Dispatch { .. }))
            {
                pass.set_pipeline(pipeline);
                pass.set_bind_group(0, &uniform_group, &[*params as u32]);
                for (index, group) in (1..).zip(groups) {
                    if let Some(group) = group {
                        pass.set_bind_group(index, group, &[]);
                    }
                }
                pass.dispatch_workgroups(size[0], size[1], 1);
            }
        }
        gpu.queue.submit([encoder.finish()]);
        gpu.check()
    }
}
