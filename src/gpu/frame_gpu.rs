//! What a view may do with the GPU while a frame is made.

use egui::TextureId;

use super::Gpu;
use super::egui_painter::{EguiPainter, UserTexture};

/// The GPU as a scene sees it during a frame.
pub struct FrameGpu<'a> {
    pub gpu: &'a Gpu,
    painter: &'a mut EguiPainter,
    encoder: &'a mut Option<wgpu::CommandEncoder>,
    repainted: &'a mut Vec<TextureId>,
    freed: &'a mut Vec<TextureId>,
}

impl<'a> FrameGpu<'a> {
    pub(crate) fn new(
        gpu: &'a Gpu,
        painter: &'a mut EguiPainter,
        encoder: &'a mut Option<wgpu::CommandEncoder>,
        repainted: &'a mut Vec<TextureId>,
        freed: &'a mut Vec<TextureId>,
    ) -> Self {
        Self { gpu, painter, encoder, repainted, freed }
    }

    /// Where views record the passes that draw the textures they show; submitted before egui's pass. Where one of them
    /// is on screen, [`Self::repainted`] must say so.
    pub fn encoder(&mut self) -> &mut wgpu::CommandEncoder {
        self.encoder.get_or_insert_with(|| frame_encoder(self.gpu))
    }

    /// Says that the texels of a registered texture are other ones after this frame's passes.
    pub fn repainted(&mut self, id: TextureId) {
        self.repainted.push(id);
    }

    /// Makes a texture (`Rgba8Unorm`, `TEXTURE_BINDING`, premultiplied alpha) showable as an egui image.
    pub fn register(&mut self, view: &wgpu::TextureView, look: UserTexture) -> TextureId {
        self.painter.register(&self.gpu.device, view, look)
    }

    /// Shows another view under a registered id.
    pub fn update(&mut self, id: TextureId, view: &wgpu::TextureView) {
        self.painter.update(&self.gpu.device, id, view);
        self.repainted(id);
    }

    /// Forgets a registered texture at the end of this frame, which may still show it.
    pub fn free(&mut self, id: TextureId) {
        self.freed.push(id);
    }
}

/// A new encoder for a frame's passes.
pub(crate) fn frame_encoder(gpu: &Gpu) -> wgpu::CommandEncoder {
    gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor { label: Some("frame") })
}
