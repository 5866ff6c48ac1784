//! Draws tiles of heat into a texture: at any zoom, in gamma-space colours that are copied to the screen as they are.

use super::Gpu;
use super::colormap::{Palette, Scale};
use super::heat_tiles::{HeatTiles, Stand};
use super::shaders;
use crate::kernel_io::heat::BUCKETS;

/// What pictures are drawn into.
pub const TARGET_FORMAT: wgpu::TextureFormat = wgpu::TextureFormat::Rgba8Unorm;

/// What one picture shows: strips of bands, and the map below them.
pub struct HeatPicture<'a> {
    /// Per pixel column and per pixel row of the map: the cells that it covers, `[first, end)`, counted from the first
    /// cell of the first tile; none for what lies behind the end.
    pub columns: &'a [[u32; 2]],
    pub rows: &'a [[u32; 2]],
    /// Row by row, what stands for each tile, and the number of its level among `levels`.
    pub tiles: &'a [Option<(Stand, u32)>],
    pub tile_columns: u32,
    pub levels: &'a [LevelColors<'a>],
    /// Colours of the strips above the map, `columns.len()` of each, and how many pixels high each is.
    pub strips: &'a [[u8; 4]],
    pub strip_px: u32,
    pub palette: Palette,
    pub scale: Scale,
    pub untouched: [u8; 4],
    /// Of cells that are not known yet, or that there are none of.
    pub pending: [u8; 4],
}

/// How the values of a level are coloured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LevelColors<'a> {
    /// The value that has the palette's last colour.
    pub highest: u64,
    /// Per bucket of values, from 0 to 1: for `Scale::Equalised`.
    pub ranks: &'a [f32],
}

/// `Picture` in heat_draw.wgsl.
#[repr(C)]
#[derive(Debug, Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
pub struct PictureParams {
    pub columns_at: u32,
    pub rows_at: u32,
    pub tiles_at: u32,
    pub levels_at: u32,
    pub ranks_at: u32,
    pub strips_at: u32,
    pub width: u32,
    pub strip_px: u32,
    pub map_top: u32,
    pub tile_columns: u32,
    pub untouched: u32,
    pub pending: u32,
    pub palette: u32,
    pub scale: u32,
    pub unused: [u32; 2],
}

/// The pipeline of one device.
pub struct HeatDraw {
    pipeline: wgpu::RenderPipeline,
    layout: wgpu::BindGroupLayout,
    palettes: wgpu::Buffer,
}

/// The buffers of one target, kept from picture to picture.
#[derive(Default)]
pub struct HeatTarget {
    bound: Option<Bound>,
    words: Vec<u32>,
}

struct Bound {
    params: wgpu::Buffer,
    data: wgpu::Buffer,
    group: wgpu::BindGroup,
}

impl HeatDraw {
    pub fn new(gpu: &Gpu) -> Self {
        let device = &gpu.device;
        let label = Some("heat draw");
        let entry = |binding, ty| wgpu::BindGroupLayoutEntry {
            binding,
            visibility: wgpu::ShaderStages::FRAGMENT,
            ty,
            count: None,
        };
        let buffer = |ty, bytes| wgpu::BindingType::Buffer {
            ty,
            has_dynamic_offset: false,
            min_binding_size: wgpu::BufferSize::new(bytes),
        };
        let storage = wgpu::BufferBindingType::Storage { read_only: true };
        let texture = wgpu::BindingType::Texture {
            sample_type: wgpu::TextureSampleType::Uint,
            view_dimension: wgpu::TextureViewDimension::D2Array,
            multisampled: false,
        };
        let layout = device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
            label,
            entries: &[
                entry(0, buffer(wgpu::BufferBindingType::Uniform, size_of::<PictureParams>() as u64)),
                entry(1, buffer(storage, 4)),
                entry(2, buffer(storage, 4)),
                entry(3, texture),
            ],
        });
        let pipeline_layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label,
            bind_group_layouts: &[Some(&layout)],
            immediate_size: 0,
        });
        let module = shaders::module(device, "heat_draw.wgsl");
        let pipeline = device.create_render_pipeline(&wgpu::RenderPipelineDescriptor {
            label,
            layout: Some(&pipeline_layout),
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
        Self { pipeline, layout, palettes }
    }

    /// Records one pass over the whole of `view`, which is as wide as `picture` has columns, and as high as its strips
    /// and rows are together. At most once a submission for one `target`.
    pub fn draw(
        &self,
        gpu: &Gpu,
        encoder: &mut wgpu::CommandEncoder,
        target: &mut HeatTarget,
        view: &wgpu::TextureView,
        tiles: &HeatTiles,
        picture: &HeatPicture<'_>,
    ) {
        let params = picture.pack(&mut target.words);
        let group = target.upload(gpu, self, tiles, &params);
        let label = Some("heat draw");
        let mut pass = encoder.begin_render_pass(&wgpu::RenderPassDescriptor {
            label,
            color_attachments: &[Some(wgpu::RenderPassColorAttachment {
                view,
                depth_slice: None,
                resolve_target: None,
                // Every pixel is written.
                ops: wgpu::Operations { load: wgpu::LoadOp::Clear(wgpu::Color::BLACK), store: wgpu::StoreOp::Store },
            })],
            ..Default::default()
        });
        pass.set_pipeline(&self.pipeline);
        pass.set_bind_group(0, group, &[]);
        pass.draw(0..3, 0..1);
    }
}

impl HeatPicture<'_> {
    /// Everything but the uniform goes into one list of words.
    fn pack(&self, words: &mut Vec<u32>) -> PictureParams {
        words.clear();
        let columns_at = words.len() as u32;
        words.extend(self.columns.iter().flatten());
        let rows_at = words.len() as u32;
        words.extend(self.rows.iter().flatten());
        let tiles_at = words.len() as u32;
        for tile in self.tiles {
            words.extend(match tile {
                // No rows: all of it is missing.
                None => [0; 4],
                Some((stand, level)) => [
                    stand.layer | stand.rows << 16,
                    stand.shift[0] | stand.shift[1] << 8 | level << 16,
                    stand.offset[0] | stand.offset[1] << 16,
                    0,
                ],
            });
        }
        let levels_at = words.len() as u32;
        words.extend(self.levels.iter().map(|level| (level.highest.max(2) as f32).to_bits()));
        let ranks_at = words.len() as u32;
        if self.scale == Scale::Equalised {
            for level in self.levels {
                let known = level.ranks.iter().copied().chain(std::iter::repeat(1.0)).take(BUCKETS);
                words.extend(known.map(f32::to_bits));
            }
        }
        let strips_at = words.len() as u32;
        words.extend(self.strips.iter().map(|color| u32::from_le_bytes(*color)));
        if words.is_empty() {
            words.push(0);
        }
        let strip_count = (self.strips.len() / self.columns.len().max(1)) as u32;
        PictureParams {
            columns_at,
            rows_at,
            tiles_at,
            levels_at,
            ranks_at,
            strips_at,
            width: self.columns.len() as u32,
            strip_px: self.strip_px.max(1),
            map_top: strip_count * self.strip_px.max(1),
            tile_columns: self.tile_columns,
            untouched: u32::from_le_bytes(self.untouched),
            pending: u32::from_le_bytes(self.pending),
            palette: self.palette.index() as u32,
            scale: self.scale as u32,
            unused: [0; 2],
        }
    }
}

impl HeatTarget {
    fn upload(&mut self, gpu: &Gpu, draw: &HeatDraw, tiles: &HeatTiles, params: &PictureParams) -> &wgpu::BindGroup {
        let bytes = 4 * self.words.len() as u64;
        let outgrown = self.bound.as_ref().is_some_and(|bound| bound.data.size() < bytes);
        if outgrown {
            self.bound = None;
        }
        let bound = self.bound.get_or_insert_with(|| {
            let buffer = |label, size, usage| {
                gpu.device.create_buffer(&wgpu::BufferDescriptor {
                    label: Some(label),
                    size,
                    usage: usage | wgpu::BufferUsages::COPY_DST,
                    mapped_at_creation: false,
                })
            };
            let params = buffer("picture", size_of::<PictureParams>() as u64, wgpu::BufferUsages::UNIFORM);
            let data = buffer("picture data", bytes.next_power_of_two(), wgpu::BufferUsages::STORAGE);
            let entry = |binding, resource| wgpu::BindGroupEntry { binding, resource };
            let group = gpu.device.create_bind_group(&wgpu::BindGroupDescriptor {
                label: Some("heat draw"),
                layout: &draw.layout,
                entries: &[
                    entry(0, params.as_entire_binding()),
                    entry(1, data.as_entire_binding()),
                    entry(2, draw.palettes.as_entire_binding()),
                    entry(3, wgpu::BindingResource::TextureView(&tiles.view)),
                ],
            });
            Bound { params, data, group }
        });
        gpu.queue.write_buffer(&bound.params, 0, bytemuck::bytes_of(params));
        gpu.queue.write_buffer(&bound.data, 0, bytemuck::cast_slice(&self.words));
        &bound.group
    }
}
