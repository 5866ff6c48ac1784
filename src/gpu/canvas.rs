//! A texture that a view paints and egui shows.

use egui::TextureId;

use super::egui_painter::UserTexture;
use super::frame_gpu::FrameGpu;

/// Made when it is first shown, remade when its size changes.
#[derive(Default)]
pub struct Canvas {
    shown: Option<(TextureId, wgpu::TextureView)>,
    size_px: [u32; 2],
}

impl Canvas {
    /// The texture's id for egui, with `size_px` pixels (at least one a side); true if it is new and so empty.
    pub fn ready(&mut self, gpu: &mut FrameGpu<'_>, size_px: [u32; 2]) -> (TextureId, bool) {
        let largest = gpu.gpu.device.limits().max_texture_dimension_2d;
        let size_px = size_px.map(|side| side.clamp(1, largest));
        if let Some((id, _)) = &self.shown
            && self.size_px == size_px
        {
            return (*id, false);
        }
        self.size_px = size_px;
        let texture = gpu.gpu.device.create_texture(&wgpu::TextureDescriptor {
            label: Some("canvas"),
            size: wgpu::Extent3d { width: size_px[0], height: size_px[1], depth_or_array_layers: 1 },
            mip_level_count: 1,
            sample_count: 1,
            dimension: wgpu::TextureDimension::D2,
            format: wgpu::TextureFormat::Rgba8Unorm,
            usage: wgpu::TextureUsages::RENDER_ATTACHMENT | wgpu::TextureUsages::TEXTURE_BINDING,
            view_formats: &[],
        });
        let view = texture.create_view(&wgpu::TextureViewDescriptor::default());
        let id = match &self.shown {
            Some((id, _)) => {
                gpu.update(*id, &view);
                *id
            }
            None => gpu.register(
                &view,
                UserTexture {
                    opaque: true,
                    // Texels are pixels: nothing to blend between them.
                    options: egui::TextureOptions::NEAREST,
                },
            ),
        };
        self.shown = Some((id, view));
        (id, true)
    }

    /// Says that this frame paints it.
    pub fn repainted(&self, gpu: &mut FrameGpu<'_>) {
        if let Some((id, _)) = &self.shown {
            gpu.repainted(*id);
        }
    }

    pub fn size_px(&self) -> [u32; 2] {
        self.size_px
    }

    pub fn id(&self) -> Option<TextureId> {
        self.shown.as_ref().map(|(id, _)| *id)
    }

    /// What to render into, once [`Self::ready`] was called.
    pub fn view(&self) -> Option<&wgpu::TextureView> {
        self.shown.as_ref().map(|(_, view)| view)
    }
}
