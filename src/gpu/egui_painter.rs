//! Paints egui's meshes: textures in and out, one vertex and one index buffer, one sample a pixel at most.

use std::collections::HashMap;
use std::num::NonZeroU64;

use bytemuck::{Pod, Zeroable};
use egui::TextureId;
use egui::epaint::textures::{TextureFilter, TextureOptions, TextureWrapMode, TexturesDelta};
use egui::epaint::{ImageData, ImageDelta, Vertex};

use super::GpuError;
use super::egui_mesh::{MeshList, Shade, within};

/// Mirror of `View` in shaders/egui.wgsl.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
pub struct View {
    pub size_points: [f32; 2],
    pub padding: [f32; 2],
}

/// How a texture that a view renders itself is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UserTexture {
    /// No texel is transparent, so it may be drawn without blending.
    pub opaque: bool,
    pub options: TextureOptions,
}

/// The painter's buffers, textures and pipelines on one device.
pub struct EguiPainter {
    shader: wgpu::ShaderModule,
    layout: wgpu::PipelineLayout,
    texture_layout: wgpu::BindGroupLayout,
    pipelines: HashMap<(wgpu::TextureFormat, Shade), wgpu::RenderPipeline>,
    view_buffer: wgpu::Buffer,
    view_bind: wgpu::BindGroup,
    vertices: wgpu::Buffer,
    indices: wgpu::Buffer,
    samplers: HashMap<TextureOptions, wgpu::Sampler>,
    textures: HashMap<TextureId, Texture>,
    next_user_id: u64,
}

struct Texture {
    /// Present for textures that egui manages; user textures belong to whoever registered them.
    managed: Option<wgpu::Texture>,
    bind: wgpu::BindGroup,
    options: TextureOptions,
    opaque: bool,
}

impl EguiPainter {
    /// Compiles the shader; pipelines follow for the target formats that are painted on.
    pub fn new(device: &wgpu::Device) -> Self {
        let shader = device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label: Some("egui"),
            source: wgpu::ShaderSource::Wgsl(super::shaders::EGUI.into()),
        });
        let view_layout = device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
            label: Some("egui view"),
            entries: &[wgpu::BindGroupLayoutEntry {
                binding: 0,
                visibility: wgpu::ShaderStages::VERTEX,
                ty: wgpu::BindingType::Buffer {
                    ty: wgpu::BufferBindingType::Uniform,
                    has_dynamic_offset: false,
                    min_binding_size: NonZeroU64::new(size_of::<View>() as u64),
                },
                count: None,
            }],
        });
        let texture_layout = device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
            label: Some("egui texture"),
            entries: &[
                wgpu::BindGroupLayoutEntry {
                    binding: 0,
                    visibility: wgpu::ShaderStages::FRAGMENT,
                    ty: wgpu::BindingType::Texture {
                        sample_type: wgpu::TextureSampleType::Float { filterable: true },
                        view_dimension: wgpu::TextureViewDimension::D2,
                        multisampled: false,
                    },
                    count: None,
                },
                wgpu::BindGroupLayoutEntry {
                    binding: 1,
                    visibility: wgpu::ShaderStages::FRAGMENT,
                    ty: wgpu::BindingType::Sampler(wgpu::SamplerBindingType::Filtering),
                    count: None,
                },
            ],
        });
        let layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: Some("egui"),
            bind_group_layouts: &[Some(&view_layout), Some(&texture_layout)],
            immediate_size: 0,
        });
        let view_buffer = device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("egui view"),
            size: size_of::<View>() as u64,
            usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let view_bind = device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some("egui view"),
            layout: &view_layout,
            entries: &[wgpu::BindGroupEntry { binding: 0, resource: view_buffer.as_entire_binding() }],
        });
        Self {
            shader,
            layout,
            texture_layout,
            pipelines: HashMap::new(),
            view_buffer,
            view_bind,
            vertices: mesh_buffer(device, wgpu::BufferUsages::VERTEX, 1 << 16),
            indices: mesh_buffer(device, wgpu::BufferUsages::INDEX, 1 << 16),
            samplers: HashMap::new(),
            textures: HashMap::new(),
            next_user_id: 0,
        }
    }

    /// Applies the textures that a frame sets, before it is painted. All are tried; the first that does not fit its
    /// texture or the device is the error. Frees are [`Self::free_textures`]'s.
    pub fn set_textures(
        &mut self,
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        delta: &mut TexturesDelta,
    ) -> Result<(), GpuError> {
        let mut outcome = Ok(());
        for (id, images) in delta.set.drain() {
            for image in images {
                outcome = outcome.and(self.set_texture(device, queue, id, &image));
            }
        }
        outcome
    }

    /// Drops the textures that a frame frees, once the frame that still shows them is submitted.
    pub fn free_textures(&mut self, delta: &mut TexturesDelta) {
        for id in delta.free.drain() {
            self.textures.remove(&id);
        }
    }

    fn set_texture(
        &mut self,
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        id: TextureId,
        delta: &ImageDelta,
    ) -> Result<(), GpuError> {
        let ImageData::Color(image) = &delta.image;
        let [width, height] = image.size;
        let largest = device.limits().max_texture_dimension_2d as usize;
        if width == 0 || height == 0 || width > largest || height > largest {
            return Err(GpuError::Validation(format!(
                "an image of {width} x {height} pixels; the device takes 1 to {largest} a side"
            )));
        }
        let size = wgpu::Extent3d { width: width as u32, height: height as u32, depth_or_array_layers: 1 };
        let known = self.textures.get(&id).and_then(|texture| Some((texture.managed.clone()?, texture.options)));
        let (texture, at) = match (delta.pos, known) {
            (Some([x, y]), Some((texture, _))) => {
                let fits = x + width <= texture.width() as usize && y + height <= texture.height() as usize;
                if !fits {
                    return Err(GpuError::Validation(format!(
                        "{width} x {height} pixels at {x}, {y} of a texture of {} x {}",
                        texture.width(),
                        texture.height()
                    )));
                }
                (texture, wgpu::Origin3d { x: x as u32, y: y as u32, z: 0 })
            }
            (Some(_), None) => return Err(GpuError::Validation(format!("a part of {id:?}, which has no texture"))),
            (None, Some((texture, options))) if texture.size() == size && options == delta.options => {
                (texture, wgpu::Origin3d::ZERO)
            }
            (None, _) => (self.create_managed(device, id, size, delta.options), wgpu::Origin3d::ZERO),
        };
        queue.write_texture(
            wgpu::TexelCopyTextureInfo {
                texture: &texture,
                mip_level: 0,
                origin: at,
                aspect: wgpu::TextureAspect::All,
            },
            bytemuck::cast_slice(&image.pixels),
            wgpu::TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(4 * size.width), rows_per_image: None },
            size,
        );
        Ok(())
    }

    fn create_managed(
        &mut self,
        device: &wgpu::Device,
        id: TextureId,
        size: wgpu::Extent3d,
        options: TextureOptions,
    ) -> wgpu::Texture {
        let texture = device.create_texture(&wgpu::TextureDescriptor {
            label: Some("egui managed"),
            size,
            mip_level_count: 1,
            sample_count: 1,
            dimension: wgpu::TextureDimension::D2,
            format: wgpu::TextureFormat::Rgba8Unorm,
            usage: wgpu::TextureUsages::TEXTURE_BINDING | wgpu::TextureUsages::COPY_DST,
            view_formats: &[],
        });
        let bind = self.bind(device, &texture.create_view(&wgpu::TextureViewDescriptor::default()), options);
        self.textures.insert(id, Texture { managed: Some(texture.clone()), bind, options, opaque: false });
        texture
    }

    /// Makes a texture that somebody else draws showable as an egui image: 2-D, a filterable float format without sRGB
    /// conversion (`Rgba8Unorm`), usage `TEXTURE_BINDING`, premultiplied alpha.
    pub fn register(&mut self, device: &wgpu::Device, view: &wgpu::TextureView, look: UserTexture) -> TextureId {
        let id = TextureId::User(self.next_user_id);
        self.next_user_id += 1;
        let bind = self.bind(device, view, look.options);
        self.textures.insert(id, Texture { managed: None, bind, options: look.options, opaque: look.opaque });
        id
    }

    /// Shows another view under a registered id, after a resize for one. An id that is not registered stays so.
    pub fn update(&mut self, device: &wgpu::Device, id: TextureId, view: &wgpu::TextureView) {
        let Some(options) = self.textures.get(&id).map(|texture| texture.options) else { return };
        let bind = self.bind(device, view, options);
        if let Some(texture) = self.textures.get_mut(&id) {
            texture.bind = bind;
        }
    }

    /// Forgets a texture; meshes that still show it are not drawn.
    pub fn free(&mut self, id: TextureId) {
        self.textures.remove(&id);
    }

    /// Whether `id` is a texture that was registered as opaque.
    pub fn is_opaque(&self, id: TextureId) -> bool {
        self.textures.get(&id).is_some_and(|texture| texture.opaque)
    }

    /// How many textures are held, managed and registered.
    pub fn texture_count(&self) -> usize {
        self.textures.len()
    }

    fn bind(&mut self, device: &wgpu::Device, view: &wgpu::TextureView, options: TextureOptions) -> wgpu::BindGroup {
        let sampler = self.samplers.entry(options).or_insert_with(|| sampler(device, options));
        device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some("egui texture"),
            layout: &self.texture_layout,
            entries: &[
                wgpu::BindGroupEntry { binding: 0, resource: wgpu::BindingResource::TextureView(view) },
                wgpu::BindGroupEntry { binding: 1, resource: wgpu::BindingResource::Sampler(sampler) },
            ],
        })
    }

    /// Brings `list` to the device and makes the pipelines that painting on `format` needs. Call once before
    /// [`Self::paint`]; a second call before the submit replaces what the first brought.
    pub fn upload(
        &mut self,
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        format: wgpu::TextureFormat,
        list: &MeshList,
    ) -> Result<(), GpuError> {
        let vertices: &[u8] = bytemuck::cast_slice(&list.vertices);
        let indices: &[u8] = bytemuck::cast_slice(&list.indices);
        grow(device, &mut self.vertices, vertices.len() as u64, "vertices of the interface")?;
        grow(device, &mut self.indices, indices.len() as u64, "indices of the interface")?;
        queue.write_buffer(&self.vertices, 0, vertices);
        queue.write_buffer(&self.indices, 0, indices);
        let points = list.size_px.map(|pixels| pixels as f32 / list.pixels_per_point);
        let view = View { size_points: points, padding: [0.0; 2] };
        queue.write_buffer(&self.view_buffer, 0, bytemuck::bytes_of(&view));
        for draw in &list.draws {
            self.pipelines
                .entry((format, draw.shade))
                .or_insert_with(|| pipeline(device, &self.shader, &self.layout, format, draw.shade));
        }
        Ok(())
    }

    /// Records the draws of the list that was uploaded for this `format` last, as far as they touch `place` (x, y, width,
    /// height in pixels).
    pub fn paint(
        &self,
        pass: &mut wgpu::RenderPass<'_>,
        format: wgpu::TextureFormat,
        list: &MeshList,
        place: [u32; 4],
    ) {
        pass.set_bind_group(0, &self.view_bind, &[]);
        pass.set_vertex_buffer(0, self.vertices.slice(..));
        pass.set_index_buffer(self.indices.slice(..), wgpu::IndexFormat::Uint32);
        let (mut shade, mut texture, mut scissor_px) = (None, None, None);
        for draw in &list.draws {
            let Some(bound) = self.textures.get(&draw.texture) else { continue };
            let Some(seen_px) = within(draw.scissor_px, place) else { continue };
            if shade != Some(draw.shade) {
                let Some(pipeline) = self.pipelines.get(&(format, draw.shade)) else { continue };
                pass.set_pipeline(pipeline);
                shade = Some(draw.shade);
            }
            if texture != Some(draw.texture) {
                pass.set_bind_group(1, &bound.bind, &[]);
                texture = Some(draw.texture);
            }
            if scissor_px != Some(seen_px) {
                let [x, y, width, height] = seen_px;
                pass.set_scissor_rect(x, y, width, height);
                scissor_px = Some(seen_px);
            }
            pass.draw_indexed(draw.first_index..draw.first_index + draw.index_count, 0, 0..1);
        }
    }
}

fn mesh_buffer(device: &wgpu::Device, usage: wgpu::BufferUsages, bytes: u64) -> wgpu::Buffer {
    device.create_buffer(&wgpu::BufferDescriptor {
        label: Some("egui mesh"),
        size: bytes,
        usage: usage | wgpu::BufferUsages::COPY_DST,
        mapped_at_creation: false,
    })
}

fn grow(device: &wgpu::Device, buffer: &mut wgpu::Buffer, needed: u64, what: &'static str) -> Result<(), GpuError> {
    if needed <= buffer.size() {
        return Ok(());
    }
    let allowed = device.limits().max_buffer_size;
    if needed > allowed {
        return Err(GpuError::TooLarge { what, needed, allowed });
    }
    *buffer = mesh_buffer(device, buffer.usage(), needed.next_power_of_two().min(allowed));
    Ok(())
}

fn sampler(device: &wgpu::Device, options: TextureOptions) -> wgpu::Sampler {
    let filter = |filter| match filter {
        TextureFilter::Nearest => wgpu::FilterMode::Nearest,
        TextureFilter::Linear => wgpu::FilterMode::Linear,
    };
    let address_mode = match options.wrap_mode {
        TextureWrapMode::ClampToEdge => wgpu::AddressMode::ClampToEdge,
        TextureWrapMode::Repeat => wgpu::AddressMode::Repeat,
        TextureWrapMode::MirroredRepeat => wgpu::AddressMode::MirrorRepeat,
    };
    device.create_sampler(&wgpu::SamplerDescriptor {
        label: Some("egui"),
        address_mode_u: address_mode,
        address_mode_v: address_mode,
        mag_filter: filter(options.magnification),
        min_filter: filter(options.minification),
        ..Default::default()
    })
}

fn pipeline(
    device: &wgpu::Device,
    shader: &wgpu::ShaderModule,
    layout: &wgpu::PipelineLayout,
    format: wgpu::TextureFormat,
    shade: Shade,
) -> wgpu::RenderPipeline {
    let (vertex, fragment) = match shade {
        Shade::Textured | Shade::TexturedOpaque => ("vertex_textured", "fragment_textured"),
        Shade::Plain | Shade::PlainOpaque => ("vertex_plain", "fragment_plain"),
    };
    let blend = match shade {
        Shade::Textured | Shade::Plain => Some(wgpu::BlendState::PREMULTIPLIED_ALPHA_BLENDING),
        Shade::TexturedOpaque | Shade::PlainOpaque => None,
    };
    device.create_render_pipeline(&wgpu::RenderPipelineDescriptor {
        label: Some(&format!("egui {shade:?} {format:?}")),
        layout: Some(layout),
        vertex: wgpu::VertexState {
            module: shader,
            entry_point: Some(vertex),
            compilation_options: wgpu::PipelineCompilationOptions::default(),
            buffers: &[Some(wgpu::VertexBufferLayout {
                array_stride: size_of::<Vertex>() as u64,
                step_mode: wgpu::VertexStepMode::Vertex,
                attributes: &wgpu::vertex_attr_array![0 => Float32x2, 1 => Float32x2, 2 => Unorm8x4],
            })],
        },
        // egui does not keep to one winding order.
        primitive: wgpu::PrimitiveState { cull_mode: None, ..Default::default() },
        depth_stencil: None,
        multisample: wgpu::MultisampleState::default(),
        fragment: Some(wgpu::FragmentState {
            module: shader,
            entry_point: Some(fragment),
            compilation_options: wgpu::PipelineCompilationOptions::default(),
            targets: &[Some(wgpu::ColorTargetState { format, blend, write_mask: wgpu::ColorWrites::ALL })],
        }),
        multiview_mask: None,
        cache: None,
    })
}
