//! The frame without a window: the same function on a texture, with time and input supplied by the caller.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::time::{Duration, Instant};

use egui::{Event, Rect, Vec2, ViewportId};

use super::frame::{Acquired, Frame, FrameReport, Scene, Target};
use crate::gpu::{Gpu, GpuError};

/// Time between the frames of [`Headless::settle`].
const SETTLE_STEP: Duration = Duration::from_nanos(16_666_667);

/// How long a settling frame lets threads work before it looks again.
const BUSY_PAUSE: Duration = Duration::from_millis(2);

/// A frame on an offscreen `Rgba8Unorm` texture.
pub struct Headless {
    frame: Frame,
    target: Offscreen,
    pixels_per_point: f32,
    time: Duration,
    focused: bool,
    dropped: Vec<egui::DroppedFileHandle>,
    /// The accessibility nodes of the last frame: name and place in points.
    named: Vec<(String, Rect)>,
    /// Controls of the last frame that have no name.
    unnamed: Vec<String>,
    frame_ms: f32,
    /// Something was painted since anybody asked.
    repainted: bool,
}

struct Offscreen {
    texture: wgpu::Texture,
    /// Made for the first picture that is read back, and kept for others. Films have their own.
    staging: OnceCell<wgpu::Buffer>,
    row_bytes: u32,
}

impl Headless {
    /// A target of `size_px` pixels, `pixels_per_point` of them to a point (1 on a plain display, 2 on a dense one).
    ///
    /// Errors when the device cannot hold a texture of that size.
    pub fn new(gpu: &Gpu, size_px: [u32; 2], pixels_per_point: f32) -> Result<Self, GpuError> {
        let largest = gpu.device.limits().max_texture_dimension_2d;
        if size_px.iter().any(|side| *side == 0 || *side > largest) {
            let [width, height] = size_px;
            return Err(GpuError::Validation(format!("{width} x {height} pixels; give 1 to {largest} a side")));
        }
        if !(pixels_per_point.is_finite() && pixels_per_point > 0.0) {
            return Err(GpuError::Validation(format!("{pixels_per_point} pixels a point; give a number above 0")));
        }
        let target = Offscreen::new(gpu, size_px)?;
        let frame = Frame::new(gpu);
        Ok(Self {
            frame,
            target,
            pixels_per_point,
            time: Duration::ZERO,
            focused: true,
            dropped: Vec::new(),
            named: Vec::new(),
            unnamed: Vec::new(),
            frame_ms: 0.0,
            repainted: false,
        })
    }

    /// egui's context of this target.
    pub fn context(&self) -> &egui::Context {
        self.frame.context()
    }

    /// Width and height in pixels.
    pub fn size_px(&self) -> [u32; 2] {
        self.target.size_px()
    }

    /// Whether the target has the keyboard's focus; it has at first.
    pub fn set_focused(&mut self, focused: bool) {
        self.focused = focused;
    }

    /// Drops files on the target; the next step delivers them.
    pub fn drop_files(&mut self, files: Vec<egui::DroppedFileHandle>) {
        self.dropped.extend(files);
    }

    /// Makes one frame `delta` after the last, and waits until the GPU has finished it.
    pub fn step(
        &mut self,
        gpu: &Gpu,
        scene: &mut dyn Scene,
        events: Vec<Event>,
        delta: Duration,
    ) -> Result<FrameReport, GpuError> {
        let started = Instant::now();
        self.time += delta;
        let [width, height] = self.target.size_px();
        let pixels_per_point = self.pixels_per_point * self.frame.context().zoom_factor();
        let size_points = Vec2::new(width as f32, height as f32) / pixels_per_point;
        let mut input = egui::RawInput {
            screen_rect: Some(Rect::from_min_size(egui::Pos2::ZERO, size_points)),
            max_texture_side: Some(gpu.device.limits().max_texture_dimension_2d as usize),
            time: Some(self.time.as_secs_f64()),
            predicted_dt: delta.as_secs_f32(),
            events,
            dropped_files: std::mem::take(&mut self.dropped),
            focused: self.focused,
            ..Default::default()
        };
        let viewport = input.viewports.entry(ViewportId::ROOT).or_default();
        viewport.native_pixels_per_point = Some(self.pixels_per_point);
        viewport.focused = Some(self.focused);
        let report = self.frame.run(gpu, scene, input, delta, &mut self.target)?;
        gpu.wait()?;
        self.repainted |= report.painted;
        if let Some(update) = &report.platform_output.accesskit_update {
            self.named = update.nodes.iter().flat_map(|(_, node)| names(node)).collect();
            let by_id: HashMap<_, _> = update.nodes.iter().map(|(id, node)| (*id, node)).collect();
            let label_of = |node: &egui::accesskit::Node| {
                node.labelled_by().iter().any(|id| by_id.get(id).is_some_and(|label| !names(label).is_empty()))
            };
            let without = update.nodes.iter().filter(|(_, node)| is_control(node.role()));
            let without =
                without.filter(|(_, node)| node.label().is_none_or(|l| l.trim().is_empty()) && !label_of(node));
            self.unnamed = without.map(|(_, node)| format!("{:?} at {:?}", node.role(), node.bounds())).collect();
        }
        self.frame_ms = started.elapsed().as_secs_f32() * 1000.0;
        Ok(report)
    }

    /// Has the frames from now on build the accessibility tree, which [`Self::find`] needs and nobody else pays for.
    pub fn name_widgets(&self) {
        self.frame.context().enable_accesskit();
    }

    /// Where the last frame put the widget that screen readers call `name`, in points: what a script clicks on. The
    /// topmost, then leftmost, where there are several; None without [`Self::name_widgets`].
    pub fn find(&self, name: &str) -> Option<Rect> {
        self.find_by(|known| known == name)
    }

    /// As [`Self::find`], for names that say more than what they name, such as what a canvas shows.
    pub fn find_by(&self, fits: impl Fn(&str) -> bool) -> Option<Rect> {
        let places = self.named.iter().filter(|(known, _)| fits(known)).map(|(_, place)| *place);
        places.min_by(|a, b| a.min.y.total_cmp(&b.min.y).then(a.min.x.total_cmp(&b.min.x)))
    }

    /// Controls of the last frame that screen readers have no name for; with [`Self::name_widgets`] only.
    pub fn unnamed_controls(&self) -> &[String] {
        &self.unnamed
    }

    /// Steps until nothing changes any more and the scene is not busy, `max_frames` times at most. Gives the number of
    /// frames made and whether it came to rest.
    pub fn settle(&mut self, gpu: &Gpu, scene: &mut dyn Scene, max_frames: usize) -> Result<(usize, bool), GpuError> {
        for frames in 1..=max_frames {
            let report = self.step(gpu, scene, Vec::new(), SETTLE_STEP)?;
            if scene.busy() {
                std::thread::sleep(BUSY_PAUSE);
            } else if !report.painted && report.repaint_after > SETTLE_STEP {
                return Ok((frames, true));
            }
        }
        Ok((max_frames, false))
    }

    /// Steps while time stands still until the picture stays as it is: for what moves or plays, and so never rests. As
    /// [`Self::settle`] otherwise.
    pub fn settle_at_once(
        &mut self,
        gpu: &Gpu,
        scene: &mut dyn Scene,
        max_frames: usize,
    ) -> Result<(usize, bool), GpuError> {
        for frames in 1..=max_frames {
            if self.stands_still(gpu, scene)? {
                return Ok((frames, true));
            }
        }
        Ok((max_frames, false))
    }

    /// One step while time stands still; true if the picture will be no other before time goes on.
    pub fn stands_still(&mut self, gpu: &Gpu, scene: &mut dyn Scene) -> Result<bool, GpuError> {
        let painted = self.step(gpu, scene, Vec::new(), Duration::ZERO)?.painted;
        let busy = scene.busy_at_once();
        if busy && !painted {
            std::thread::sleep(BUSY_PAUSE);
        }
        Ok(!busy && !painted)
    }

    /// Whether any step since the last call painted something.
    pub fn take_repainted(&mut self) -> bool {
        std::mem::take(&mut self.repainted)
    }

    /// What the picture is on.
    pub fn texture(&self) -> &wgpu::Texture {
        &self.target.texture
    }

    /// Has the next step paint all of its picture, even what is the same.
    pub fn invalidate(&mut self) {
        self.frame.invalidate();
    }

    /// How long the last step took from its input to the GPU having finished, in ms.
    pub fn frame_ms(&self) -> f32 {
        self.frame_ms
    }

    /// The picture: width * height * 4 bytes, rows from the top, without padding.
    pub fn read_rgba(&self, gpu: &Gpu) -> Result<Vec<u8>, GpuError> {
        let Offscreen { texture, staging, row_bytes } = &self.target;
        let staging = staging.get_or_init(|| {
            gpu.device.create_buffer(&wgpu::BufferDescriptor {
                label: Some("offscreen read-back"),
                size: u64::from(*row_bytes) * u64::from(texture.height()),
                usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
                mapped_at_creation: false,
            })
        });
        let mut encoder = gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        encoder.copy_texture_to_buffer(
            texture.as_image_copy(),
            wgpu::TexelCopyBufferInfo {
                buffer: staging,
                layout: wgpu::TexelCopyBufferLayout {
                    offset: 0,
                    bytes_per_row: Some(*row_bytes),
                    rows_per_image: None,
                },
            },
            texture.size(),
        );
        gpu.queue.submit([encoder.finish()]);
        let padded = gpu.read_mapped(staging, staging.size())?;
        let used_bytes = texture.width() as usize * 4;
        Ok(padded.chunks_exact(*row_bytes as usize).flat_map(|row| &row[..used_bytes]).copied().collect())
    }
}

/// What a person can do something with.
fn is_control(role: egui::accesskit::Role) -> bool {
    use egui::accesskit::Role;
    matches!(
        role,
        Role::Button
            | Role::CheckBox
            | Role::ComboBox
            | Role::Link
            | Role::RadioButton
            | Role::Slider
            | Role::SpinButton
            | Role::TextInput
            | Role::MultilineTextInput
    )
}

/// Labels carry their text as value, everything else as label; lists have a name, and what is chosen in them.
fn names(node: &egui::accesskit::Node) -> Vec<(String, Rect)> {
    let Some(bounds) = node.bounds() else { return Vec::new() };
    let list = node.role() == egui::accesskit::Role::ComboBox;
    let value = node.value().filter(|_| list || node.label().is_none());
    let place = Rect::from_min_max(
        egui::pos2(bounds.x0 as f32, bounds.y0 as f32),
        egui::pos2(bounds.x1 as f32, bounds.y1 as f32),
    );
    node.label().into_iter().chain(value).map(|name| (name.to_owned(), place)).collect()
}

impl Offscreen {
    fn new(gpu: &Gpu, size_px: [u32; 2]) -> Result<Self, GpuError> {
        let [width, height] = size_px;
        let row_bytes = (width * 4).next_multiple_of(wgpu::COPY_BYTES_PER_ROW_ALIGNMENT);
        let (needed, allowed) = (u64::from(row_bytes) * u64::from(height), gpu.device.limits().max_buffer_size);
        if needed > allowed {
            return Err(GpuError::TooLarge { what: "a picture of that size", needed, allowed });
        }
        let texture = gpu.device.create_texture(&wgpu::TextureDescriptor {
            label: Some("offscreen"),
            size: wgpu::Extent3d { width, height, depth_or_array_layers: 1 },
            mip_level_count: 1,
            sample_count: 1,
            dimension: wgpu::TextureDimension::D2,
            format: wgpu::TextureFormat::Rgba8Unorm,
            usage: wgpu::TextureUsages::RENDER_ATTACHMENT | wgpu::TextureUsages::COPY_SRC,
            view_formats: &[],
        });
        Ok(Self { texture, staging: OnceCell::new(), row_bytes })
    }
}

impl Target for Offscreen {
    fn size_px(&self) -> [u32; 2] {
        [self.texture.width(), self.texture.height()]
    }

    fn format(&self) -> wgpu::TextureFormat {
        self.texture.format()
    }

    fn acquire(&mut self, _gpu: &Gpu) -> Result<Option<Acquired>, GpuError> {
        let view = self.texture.create_view(&wgpu::TextureViewDescriptor::default());
        Ok(Some(Acquired { view, holds_last: true }))
    }

    fn present(&mut self, _gpu: &Gpu) {}
}
