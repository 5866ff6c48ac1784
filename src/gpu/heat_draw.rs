//! Draws heat grids into a texture: at any zoom, in gamma-space colours that are copied to the screen as they are.

use super::Gpu;
use super::colormap::{Palette, Scale};
use super::heat::GpuGrid;
use super::shaders;

/// What layers are drawn into.
pub const TARGET_FORMAT: wgpu::TextureFormat = wgpu::TextureFormat::Rgba8Unorm;

/// A part of the target that one grid fills; pixels that it has no cell for stay as they are.
pub struct HeatLayer<'a> {
    pub grid: &'a GpuGrid,
    /// Left, top, width, height in pixels of the target.
    pub target_px: [u32; 4],
    /// Where the layer's left upper corner is in the grid, in cells from its first.
    pub origin_cells: [f32; 2],
    /// Below 1 a cell covers several pixels, above a pixel shows the highest of its cells (exact up to 16 an axis).
    pub cells_per_pixel: [f32; 2],
    pub palette: Palette,
    pub scale: Scale,
    /// The value that has the palette's last colour.
    pub highest: u64,
    pub untouched: [u8; 4],
    pub outline: Option<Outline>,
}

/// The border of a selection, drawn inside of its rectangle.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outline {
    /// Left, top, right, bottom in pixels of the target.
    pub rect_px: [f32; 4],
    pub width_px: f32,
    pub color: [u8; 4],
}

/// `Layer` in heat_draw.wgsl.
#[repr(C)]
#[derive(Debug, Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
pub struct LayerParams {
    pub origin_cells: [f32; 2],
    pub cells_per_pixel: [f32; 2],
    pub target_origin: [f32; 2],
    pub highest: f32,
    pub outline_width: f32,
    pub outline: [f32; 4],
    pub grid_size: [u32; 2],
    pub untouched: u32,
    pub outline_color: u32,
    pub palette: u32,
    pub logarithmic: u32,
    pub unused: [u32; 2],
}

/// Uniforms of layers lie this far apart: the default limit of dynamic offsets.
const PARAMS_STRIDE_BYTES: usize = 256;

impl LayerParams {
    fn new(layer: &HeatLayer<'_>) -> Self {
        let outline = layer.outline.unwrap_or(Outline { rect_px: [0.0; 4], width_px: 0.0, color: [0; 4] });
        Self {
            origin_cells: layer.origin_cells,
            cells_per_pixel: layer.cells_per_pixel,
            target_origin: [layer.target_px[0] as f32, layer.target_px[1] as f32],
            highest: layer.highest.max(1) as f32,
            outline_width: outline.width_px,
            outline: outline.rect_px,
            grid_size: [layer.grid.width, layer.grid.height],
            untouched: u32::from_le_bytes(layer.untouched),
            outline_color: u32::from_le_bytes(outline.color),
            palette: layer.palette.index() as u32,
            logarithmic: u32::from(layer.scale == Scale::Logarithmic),
            unused: [0; 2],
        }
    }
}

/// The draw pass of one device.
pub struct HeatDraw {
    pipeline: wgpu::RenderPipeline,
    layer_layout: wgpu::BindGroupLayout,
    grid_layout: wgpu::BindGroupLayout,
    palettes: wgpu::Buffer,
}

impl HeatDraw {
    pub fn new(gpu: &Gpu) -> Self {
        let device = &gpu.device;
        let label = Some("heat draw");
        let storage = wgpu::BindingType::Buffer {
            ty: wgpu::BufferBindingType::Storage { read_only: true },
            has_dynamic_offset: false,
            min_binding_size: None,
        };
        let uniform = wgpu::BindingType::Buffer {
            ty: wgpu::BufferBindingType::Uniform,
            has_dynamic_offset: true,
            min_binding_size: wgpu::BufferSize::new(size_of::<LayerParams>() as u64),
        };
        let entry = |binding, ty| wgpu::BindGroupLayoutEntry {
            binding,
            visibility: wgpu::ShaderStages::FRAGMENT,
            ty,
            count: None,
        };
        let layer_layout = device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
            label,
            entries: &[entry(0, uniform), entry(1, storage)],
        });
        let grid_layout =
            device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label, entries: &[entry(0, storage)] });
        let layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label,
            bind_group_layouts: &[Some(&layer_layout), Some(&grid_layout)],
            immediate_size: 0,
        });
        let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label,
            source: wgpu::ShaderSource::Wgsl(shaders::source("heat_draw.wgsl").into()),
        });
        let pipeline = device.create_render_pipeline(&wgpu::RenderPipelineDescriptor {
            label,
            layout: Some(&layout),
            vertex: wgpu::VertexState {
                module: &module,
                entry_point: Some("cover"),
                compilation_options: wgpu::PipelineCompilationOptions::default(),
                buffers: &[],
            },
            primitive: wgpu::PrimitiveState::default(),
            depth_stencil: None,
            multisample: wgpu::MultisampleState::default(),
            fragment: Some(wgpu::FragmentState {
                module: &module,
                entry_point: Some("color"),
                compilation_options: wgpu::PipelineCompilationOptions::default(),
                targets: &[Some(TARGET_FORMAT.into())],
            }),
            multiview_mask: None,
            cache: None,
        });
        let tables: Vec<[[u8; 4]; super::colormap::PALETTE_LEN]> =
            Palette::ALL.iter().map(|palette| *palette.table()).collect();
        let bytes = tables.as_flattened().as_flattened();
        let palettes = device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("palettes"),
            size: bytes.len() as u64,
            usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        gpu.queue.write_buffer(&palettes, 0, bytes);
        Self { pipeline, layer_layout, grid_layout, palettes }
    }

    /// Records one pass over `target`, a view of `TARGET_FORMAT` with `target_size` pixels: clears it to `clear` if
    /// that is given, and draws `layers` one over the other.
    pub fn draw(
        &self,
        gpu: &Gpu,
        encoder: &mut wgpu::CommandEncoder,
        target: &wgpu::TextureView,
        target_size: [u32; 2],
        clear: Option<[u8; 4]>,
        layers: &[HeatLayer<'_>],
    ) {
        let label = Some("heat draw");
        let mut params = vec![0; PARAMS_STRIDE_BYTES * layers.len().max(1)];
        for (slot, layer) in params.chunks_exact_mut(PARAMS_STRIDE_BYTES).zip(layers) {
            slot[..size_of::<LayerParams>()].copy_from_slice(bytemuck::bytes_of(&LayerParams::new(layer)));
        }
        let uniforms = gpu.device.create_buffer(&wgpu::BufferDescriptor {
            label,
            size: params.len() as u64,
            usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        gpu.queue.write_buffer(&uniforms, 0, &params);
        let layer_group = gpu.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label,
            layout: &self.layer_layout,
            entries: &[
                wgpu::BindGroupEntry {
                    binding: 0,
                    resource: wgpu::BindingResource::Buffer(wgpu::BufferBinding {
                        buffer: &uniforms,
                        offset: 0,
                        size: wgpu::BufferSize::new(size_of::<LayerParams>() as u64),
                    }),
                },
                wgpu::BindGroupEntry { binding: 1, resource: self.palettes.as_entire_binding() },
            ],
        });
        let load = match clear {
            None => wgpu::LoadOp::Load,
            Some(color) => {
                let [r, g, b, a] = color.map(|channel| f64::from(channel) / 255.0);
                wgpu::LoadOp::Clear(wgpu::Color { r, g, b, a })
            }
        };
        let mut pass = encoder.begin_render_pass(&wgpu::RenderPassDescriptor {
            label,
            color_attachments: &[Some(wgpu::RenderPassColorAttachment {
                view: target,
                depth_slice: None,
                resolve_target: None,
                ops: wgpu::Operations { load, store: wgpu::StoreOp::Store },
            })],
            ..Default::default()
        });
        pass.set_pipeline(&self.pipeline);
        for (index, layer) in layers.iter().enumerate() {
            let [left, top, width, height] = layer.target_px;
            let end = |start: u32, length: u32, limit: u32| start.saturating_add(length).min(limit);
            let (right, bottom) = (end(left, width, target_size[0]), end(top, height, target_size[1]));
            if left >= right || top >= bottom {
                continue;
            }
            let grid_group = gpu.device.create_bind_group(&wgpu::BindGroupDescriptor {
                label,
                layout: &self.grid_layout,
                entries: &[wgpu::BindGroupEntry { binding: 0, resource: layer.grid.cells.as_entire_binding() }],
            });
            pass.set_scissor_rect(left, top, right - left, bottom - top);
            pass.set_bind_group(0, &layer_group, &[(index * PARAMS_STRIDE_BYTES) as u32]);
            pass.set_bind_group(1, &grid_group, &[]);
            pass.draw(0..3, 0..1);
        }
    }
}
