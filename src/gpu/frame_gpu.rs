//! What a view may do with the GPU while a frame is made.

use egui::TextureId;

use super::Gpu;
use super::egui_painter::{EguiPainter, UserTexture};

/// What differs from the last picture.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// Nobody says where.
    pub anywhere: bool,
    /// What these textures show.
    pub textures: Vec<TextureId>,
}

/// The GPU as a scene sees it during a frame.
pub struct FrameGpu<'a> {
    pub gpu: &'a Gpu,
    painter: &'a mut EguiPainter,
    encoder: &'a mut Option<wgpu::CommandEncoder>,
    changes: &'a mut Changes,
    freed: &'a mut Vec<TextureId>,
}

impl<'a> FrameGpu<'a> {
    pub(crate) fn new(
        gpu: &'a Gpu,
        painter: &'a mut EguiPainter,
        encoder: &'a mut Option<wgpu::CommandEncoder>,
        changes: &'a mut Changes,
        freed: &'a mut Vec<TextureId>,
    ) -> Self {
        Self { gpu, painter, encoder, changes, freed }
    }

    /// Where views record the passes that draw the textures they show; submitted before egui's pass. Asking for it
    /// says that the picture changes; work that does not show yet goes to [`Self::background_encoder`].
    pub fn encoder(&mut self) -> &mut wgpu::CommandEncoder {
        self.changes.anywhere = true;
        self.background_encoder()
    }

    /// The same encoder, for passes that draw nothing but the texture `id`: where it alone changes, no more than its place
    /// on screen is painted anew.
    pub fn encoder_for(&mut self, id: TextureId) -> &mut wgpu::CommandEncoder {
        if !self.changes.textures.contains(&id) {
            self.changes.textures.push(id);
        }
        self.background_encoder()
    }

    /// The same encoder, for work whose result is not on screen in this frame.
    pub fn background_encoder(&mut self) -> &mut wgpu::CommandEncoder {
        self.encoder.get_or_insert_with(|| frame_encoder(self.gpu))
    }

    /// Says that a texture on screen has changed in a way that its layout does not tell.
    pub fn picture_changed(&mut self) {
        self.changes.anywhere = true;
    }

    /// Makes a texture (`Rgba8Unorm`, `TEXTURE_BINDING`, premultiplied alpha) showable as an egui image.
    pub fn register(&mut self, view: &wgpu::TextureView, look: UserTexture) -> TextureId {
        self.painter.register(&self.gpu.device, view, look)
    }

    /// Shows another view under a registered id.
    pub fn update(&mut self, id: TextureId, view: &wgpu::TextureView) {
        self.painter.update(&self.gpu.device, id, view);
        self.changes.anywhere = true;
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
