//! A window's surface as a target: chosen formats, and what to do when the window system takes the surface away.

use super::frame::Target;
use crate::gpu::{Gpu, GpuError};

/// Formats that egui's gamma-space colours are right on, best first.
const FORMATS: [wgpu::TextureFormat; 2] = [wgpu::TextureFormat::Bgra8Unorm, wgpu::TextureFormat::Rgba8Unorm];

/// How often a frame tries again after it renewed the surface, before it gives way to the next frame.
const ATTEMPTS: usize = 3;

/// The window behind a surface.
pub trait SurfaceHost {
    /// A new surface on the window, in place of one that was lost.
    fn create_surface(&self, instance: &wgpu::Instance) -> Result<wgpu::Surface<'static>, String>;

    /// Called right before a picture is presented.
    fn before_present(&self);
}

/// A configured surface and the texture of the frame under way.
pub struct SurfaceTarget {
    acquired: Option<wgpu::SurfaceTexture>,
    /// The last picture, where the surface takes copies: its own textures come back with another one or none.
    kept: Option<wgpu::Texture>,
    takes_copies: bool,
    surface: wgpu::Surface<'static>,
    config: wgpu::SurfaceConfiguration,
    outdated: bool,
    host: Box<dyn SurfaceHost>,
}

impl SurfaceTarget {
    /// Configures `surface` for `size_px` (at least 1 x 1 is used). The error says what the adapter lacks.
    pub fn new(
        gpu: &Gpu,
        surface: wgpu::Surface<'static>,
        size_px: [u32; 2],
        host: Box<dyn SurfaceHost>,
    ) -> Result<Self, String> {
        let able = surface.get_capabilities(&gpu.adapter);
        let Some(format) = FORMATS.into_iter().find(|format| able.formats.contains(format)) else {
            return Err(format!(
                "the adapter {} offers {:?} for this window, and none of {FORMATS:?}",
                gpu.adapter_name(),
                able.formats
            ));
        };
        let present_mode = if able.present_modes.contains(&wgpu::PresentMode::Fifo) {
            wgpu::PresentMode::Fifo
        } else {
            able.present_modes.first().copied().unwrap_or_default()
        };
        let opaque = wgpu::CompositeAlphaMode::Opaque;
        let config = wgpu::SurfaceConfiguration {
            usage: wgpu::TextureUsages::RENDER_ATTACHMENT | (able.usages & wgpu::TextureUsages::COPY_DST),
            format,
            color_space: wgpu::SurfaceColorSpace::Auto,
            width: 1,
            height: 1,
            present_mode,
            desired_maximum_frame_latency: 1,
            alpha_mode: if able.alpha_modes.contains(&opaque) { opaque } else { wgpu::CompositeAlphaMode::Auto },
            view_formats: Vec::new(),
        };
        let takes_copies = config.usage.contains(wgpu::TextureUsages::COPY_DST);
        let mut target = Self { acquired: None, kept: None, takes_copies, surface, config, outdated: true, host };
        target.resize(gpu, size_px);
        Ok(target)
    }

    /// Takes over the window's size; takes effect with the next frame.
    pub fn resize(&mut self, gpu: &Gpu, size_px: [u32; 2]) {
        let largest = gpu.device.limits().max_texture_dimension_2d;
        let [width, height] = size_px.map(|side| side.clamp(1, largest));
        self.outdated |= [width, height] != self.size_px();
        (self.config.width, self.config.height) = (width, height);
    }

    /// What to paint on for a picture that is to come onto `texture`.
    fn painted_on(&mut self, gpu: &Gpu, texture: wgpu::SurfaceTexture) -> wgpu::TextureView {
        let shown = &self.acquired.insert(texture).texture;
        if !self.takes_copies {
            return shown.create_view(&wgpu::TextureViewDescriptor::default());
        }
        if self.kept.as_ref().is_none_or(|kept| kept.size() != shown.size()) {
            self.kept = Some(gpu.device.create_texture(&wgpu::TextureDescriptor {
                label: Some("last picture"),
                size: shown.size(),
                mip_level_count: 1,
                sample_count: 1,
                dimension: wgpu::TextureDimension::D2,
                format: shown.format(),
                usage: wgpu::TextureUsages::RENDER_ATTACHMENT | wgpu::TextureUsages::COPY_SRC,
                view_formats: &[],
            }));
        }
        self.kept.as_ref().unwrap_or(shown).create_view(&wgpu::TextureViewDescriptor::default())
    }

    fn configure(&mut self, gpu: &Gpu) {
        // Configuring with a live texture panics.
        self.acquired = None;
        self.surface.configure(&gpu.device, &self.config);
        self.outdated = false;
    }
}

impl Target for SurfaceTarget {
    fn size_px(&self) -> [u32; 2] {
        [self.config.width, self.config.height]
    }

    fn format(&self) -> wgpu::TextureFormat {
        self.config.format
    }

    fn acquire(&mut self, gpu: &Gpu) -> Result<Option<wgpu::TextureView>, GpuError> {
        self.acquired = None;
        for _ in 0..ATTEMPTS {
            if self.outdated {
                self.configure(gpu);
            }
            match self.surface.get_current_texture() {
                wgpu::CurrentSurfaceTexture::Success(texture) => {
                    return Ok(Some(self.painted_on(gpu, texture)));
                }
                wgpu::CurrentSurfaceTexture::Suboptimal(texture) => {
                    self.outdated = true;
                    return Ok(Some(self.painted_on(gpu, texture)));
                }
                wgpu::CurrentSurfaceTexture::Outdated => self.outdated = true,
                wgpu::CurrentSurfaceTexture::Lost => {
                    gpu.check()?;
                    self.surface = self.host.create_surface(&gpu.instance).map_err(GpuError::Lost)?;
                    self.outdated = true;
                }
                wgpu::CurrentSurfaceTexture::Timeout
                | wgpu::CurrentSurfaceTexture::Occluded
                | wgpu::CurrentSurfaceTexture::Validation => return Ok(None),
            }
        }
        Ok(None)
    }

    fn keeps_picture(&self) -> bool {
        self.kept.as_ref().is_some_and(|kept| [kept.width(), kept.height()] == self.size_px())
    }

    fn present(&mut self, gpu: &Gpu) {
        if let Some(texture) = self.acquired.take() {
            if let Some(kept) = &self.kept {
                let mut encoder = gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
                let shown = texture.texture.as_image_copy();
                encoder.copy_texture_to_texture(kept.as_image_copy(), shown, kept.size());
                gpu.queue.submit([encoder.finish()]);
            }
            self.host.before_present();
            gpu.queue.present(texture);
        }
    }
}
