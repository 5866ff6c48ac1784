//! A window's surface as a target: chosen formats, the last picture kept beside it, and what to do when the window system
//! takes the surface away.

use super::frame::{Acquired, Target};
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
    /// What frames paint on, so that the next need not paint all of it: surfaces do not keep theirs. Copied before it is
    /// presented, where the surface allows that.
    picture: Option<wgpu::Texture>,
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
            usage: wgpu::TextureUsages::RENDER_ATTACHMENT | (wgpu::TextureUsages::COPY_DST & able.usages),
            format,
            color_space: wgpu::SurfaceColorSpace::Auto,
            width: 1,
            height: 1,
            present_mode,
            desired_maximum_frame_latency: 1,
            alpha_mode: if able.alpha_modes.contains(&opaque) { opaque } else { wgpu::CompositeAlphaMode::Auto },
            view_formats: Vec::new(),
        };
        let mut target = Self { acquired: None, picture: None, surface, config, outdated: true, host };
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

    fn configure(&mut self, gpu: &Gpu) {
        // Configuring with a live texture panics.
        self.acquired = None;
        self.surface.configure(&gpu.device, &self.config);
        self.outdated = false;
    }

    /// Takes what is to be presented, and gives what to paint on for it.
    fn accept(&mut self, gpu: &Gpu, texture: wgpu::SurfaceTexture) -> Acquired {
        let surface = &self.acquired.insert(texture).texture;
        let view = |texture: &wgpu::Texture| texture.create_view(&wgpu::TextureViewDescriptor::default());
        if !surface.usage().contains(wgpu::TextureUsages::COPY_DST) {
            return Acquired { view: view(surface), holds_last: false };
        }
        let fits = |picture: &&wgpu::Texture| picture.size() == surface.size() && picture.format() == surface.format();
        if let Some(picture) = self.picture.as_ref().filter(fits) {
            return Acquired { view: view(picture), holds_last: true };
        }
        let picture = gpu.device.create_texture(&wgpu::TextureDescriptor {
            label: Some("picture"),
            size: surface.size(),
            mip_level_count: 1,
            sample_count: 1,
            dimension: wgpu::TextureDimension::D2,
            format: surface.format(),
            usage: wgpu::TextureUsages::RENDER_ATTACHMENT | wgpu::TextureUsages::COPY_SRC,
            view_formats: &[],
        });
        let view = view(&picture);
        self.picture = Some(picture);
        Acquired { view, holds_last: false }
    }
}

impl Target for SurfaceTarget {
    fn size_px(&self) -> [u32; 2] {
        [self.config.width, self.config.height]
    }

    fn format(&self) -> wgpu::TextureFormat {
        self.config.format
    }

    fn acquire(&mut self, gpu: &Gpu) -> Result<Option<Acquired>, GpuError> {
        self.acquired = None;
        for _ in 0..ATTEMPTS {
            if self.outdated {
                self.configure(gpu);
            }
            match self.surface.get_current_texture() {
                wgpu::CurrentSurfaceTexture::Success(texture) => {
                    return Ok(Some(self.accept(gpu, texture)));
                }
                wgpu::CurrentSurfaceTexture::Suboptimal(texture) => {
                    self.outdated = true;
                    return Ok(Some(self.accept(gpu, texture)));
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

    fn present(&mut self, gpu: &Gpu) {
        if let Some(texture) = self.acquired.take() {
            if let Some(picture) = self.picture.as_ref().filter(|picture| picture.size() == texture.texture.size()) {
                let label = Some("picture");
                let mut encoder = gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor { label });
                let (from, to) = (picture.as_image_copy(), texture.texture.as_image_copy());
                encoder.copy_texture_to_texture(from, to, picture.size());
                gpu.queue.submit([encoder.finish()]);
            }
            self.host.before_present();
            gpu.queue.present(texture);
        }
    }
}
