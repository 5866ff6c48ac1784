//! The one place where a picture is made: input -> scene -> egui's layout -> the views' passes -> egui's pass -> target.
//! The window and everything without one run this same function; they differ in the target and in who supplies time
//! and input. A frame whose picture would be that of the frame before is neither drawn nor presented.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use egui::epaint::ImageDelta;
use egui::{TextureId, ViewportCommand, ViewportId};

use crate::gpu::egui_damage::Damage;
use crate::gpu::egui_mesh::MeshList;
use crate::gpu::egui_painter::EguiPainter;
use crate::gpu::frame_gpu::{self, FrameGpu};
use crate::gpu::{Gpu, GpuError};

/// What a frame shows. Methods are called in the order they stand here.
pub trait Scene {
    /// Files that were dropped on the window since the last frame.
    fn files_dropped(&mut self, _paths: Vec<PathBuf>) {}

    /// Moves what moves, once a frame, before layout. Themes and zoom are set on `context` here.
    fn update(&mut self, _context: &egui::Context, _time: FrameTime) {}

    /// Lays the frame out. egui may ask for a second layout of the same frame, so nothing may advance in here.
    fn ui(&mut self, ui: &mut egui::Ui, gpu: &mut FrameGpu<'_>);

    /// Records what the final layout needs drawn, once a frame.
    fn draw(&mut self, _gpu: &mut FrameGpu<'_>) {}

    /// The frame is submitted: what is made of it beside the target.
    fn after(&mut self, _gpu: &Gpu) {}

    /// A fault of the GPU that the session survives; the frame it came from may look wrong.
    fn gpu_fault(&mut self, error: &GpuError) {
        eprintln!("tensorscope: {error}");
    }

    /// Whether work is under way, here or in a thread, after which the picture will be another.
    fn busy(&self) -> bool {
        false
    }

    /// As [`Self::busy`], but for work that begins only once time has gone by.
    fn busy_at_once(&self) -> bool {
        self.busy()
    }

    /// The window's title.
    fn title(&self) -> String {
        "tensorscope".to_owned()
    }

    /// The person asked to close the window; false keeps it open.
    fn close_requested(&mut self) -> bool {
        true
    }
}

/// When a frame is, and how long the last ones took.
#[derive(Clone, Copy, Debug, Default)]
pub struct FrameTime {
    /// Seconds since the session began.
    pub now_s: f64,
    /// How far animations move on. Zero for the first frame after a rest, which nobody watched going by.
    pub delta: Duration,
    /// CPU time of the last frame that was painted, and its parts.
    pub last: FrameCost,
}

/// CPU time of one frame.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct FrameCost {
    pub layout_ms: f32,
    pub tessellate_ms: f32,
    /// Uploads, passes, submission, and waiting for the target.
    pub paint_ms: f32,
}

impl FrameCost {
    /// The whole of it.
    pub fn total_ms(&self) -> f32 {
        self.layout_ms + self.tessellate_ms + self.paint_ms
    }
}

/// Where a picture goes: a window's surface or a texture.
pub trait Target {
    /// Width and height in pixels, neither zero.
    fn size_px(&self) -> [u32; 2];

    /// `Rgba8Unorm` or `Bgra8Unorm`.
    fn format(&self) -> wgpu::TextureFormat;

    /// The texture to paint this frame on; None when there is none now and the frame is to be tried again later.
    fn acquire(&mut self, gpu: &Gpu) -> Result<Option<Acquired>, GpuError>;

    /// Shows what was painted on the acquired texture, after its submission.
    fn present(&mut self, gpu: &Gpu);
}

/// What a target gives to be painted on.
pub struct Acquired {
    pub view: wgpu::TextureView,
    /// The picture that was presented last is still on it.
    pub holds_last: bool,
}

/// Asks for a frame, from any thread.
#[derive(Clone)]
pub struct Waker(Arc<dyn Fn() + Send + Sync>);

impl Waker {
    pub fn new(wake: impl Fn() + Send + Sync + 'static) -> Self {
        Self(Arc::new(wake))
    }

    /// For targets whose frames are stepped by hand.
    pub fn none() -> Self {
        Self::new(|| ())
    }

    /// Requests a frame soon. Cheap; many calls before that frame give one.
    pub fn wake(&self) {
        (self.0)();
    }
}

/// What came of a frame.
pub struct FrameReport {
    /// When egui or the scene want the next frame; `Duration::MAX` is never.
    pub repaint_after: Duration,
    /// A new picture was painted and presented.
    pub painted: bool,
    /// The picture changed, but the target had no texture to paint on; try again.
    pub postponed: bool,
    pub cost: FrameCost,
    /// Cursor, clipboard, input method and accessibility, for the window system.
    pub platform_output: egui::PlatformOutput,
    /// What the scene asks of its window.
    pub commands: Vec<ViewportCommand>,
}

/// egui, its painter, and what the last picture consisted of.
pub struct Frame {
    context: egui::Context,
    painter: EguiPainter,
    next: MeshList,
    shown: MeshList,
    stale: bool,
    last_cost: FrameCost,
}

impl Frame {
    /// Also has the process keep the memory that frames free; see `allocator`.
    pub fn new(gpu: &Gpu) -> Self {
        super::allocator::keep_memory_between_frames();
        Self {
            context: egui::Context::default(),
            painter: EguiPainter::new(&gpu.device),
            next: MeshList::default(),
            shown: MeshList::default(),
            stale: true,
            last_cost: FrameCost::default(),
        }
    }

    /// egui's context, which lives as long as the frame.
    pub fn context(&self) -> &egui::Context {
        &self.context
    }

    /// Has the next frame painted even if it is the same: its target is new, or lost what was on it.
    pub fn invalidate(&mut self) {
        self.stale = true;
    }

    /// Makes one frame. `delta` is how far animations move; `input` must carry the time and the target's size in points.
    ///
    /// Errors are those that end a session (device lost or hung); others go to [`Scene::gpu_fault`].
    pub fn run(
        &mut self,
        gpu: &Gpu,
        scene: &mut dyn Scene,
        mut input: egui::RawInput,
        delta: Duration,
        target: &mut dyn Target,
    ) -> Result<FrameReport, GpuError> {
        let started = Instant::now();
        let dropped: Vec<PathBuf> = input.dropped_files.drain(..).map(|file| file.path().to_path_buf()).collect();
        if !dropped.is_empty() {
            scene.files_dropped(dropped);
        }
        let now_s = input.time.unwrap_or_default();
        scene.update(&self.context, FrameTime { now_s, delta, last: self.last_cost });

        let mut encoder = None;
        let (mut repainted, mut freed) = (Vec::new(), Vec::new());
        let mut frame_gpu = FrameGpu::new(gpu, &mut self.painter, &mut encoder, &mut repainted, &mut freed);
        let mut output = self.context.run_ui(input, |ui| scene.ui(ui, &mut frame_gpu));
        scene.draw(&mut frame_gpu);
        let laid_out = Instant::now();

        // Glyphs are added to egui's own texture where nothing was, until all of it is another one.
        let adds = |deltas: &[ImageDelta]| deltas.iter().all(|delta| delta.pos.is_some());
        let set = output.textures_delta.set.iter();
        let replaced = set.filter(|(id, deltas)| **id != TextureId::default() || !adds(deltas));
        repainted.extend(replaced.map(|(id, _)| *id));
        let textures = self.painter.set_textures(&gpu.device, &gpu.queue, &mut output.textures_delta);
        let shapes = std::mem::take(&mut output.shapes);
        let primitives = self.context.tessellate(shapes, output.pixels_per_point);
        let painter = &self.painter;
        let ground = self.context.global_style().visuals.panel_fill;
        self.next.rebuild(ground, &primitives, target.size_px(), output.pixels_per_point, |id| painter.is_opaque(id));
        let damage = match self.stale {
            true => Damage::Everything,
            false => Damage::between(&self.shown, &self.next, |id| repainted.contains(&id)),
        };
        let changed = damage != Damage::Nothing;
        let tessellated = Instant::now();

        let outcome = if changed { self.paint(gpu, &mut encoder, target, damage) } else { Ok(false) };
        // What the views recorded counts for them as done, so it is submitted even where nothing was painted.
        gpu.queue.submit(encoder.map(wgpu::CommandEncoder::finish));
        self.painter.free_textures(&mut output.textures_delta);
        for id in freed {
            self.painter.free(id);
        }
        let painted = *outcome.as_ref().unwrap_or(&false);
        let postponed = changed && matches!(outcome, Ok(false));
        self.stale = changed && !painted;

        for outcome in [textures, outcome.map(|_| ()), gpu.check()] {
            let Err(error) = outcome else { continue };
            // Whatever was painted may be wrong, and the next frame paints over what changes only.
            self.stale = true;
            match error {
                GpuError::Lost(_) | GpuError::Timeout => return Err(error),
                _ => scene.gpu_fault(&error),
            }
        }

        scene.after(gpu);

        let cost = FrameCost {
            layout_ms: milliseconds(laid_out - started),
            tessellate_ms: milliseconds(tessellated - laid_out),
            paint_ms: milliseconds(tessellated.elapsed()),
        };
        if painted {
            self.last_cost = cost;
        }
        let root = output.viewport_output.remove(&ViewportId::ROOT);
        let (repaint_after, commands) =
            root.map_or((Duration::MAX, Vec::new()), |root| (root.repaint_delay, root.commands));
        Ok(FrameReport { repaint_after, painted, postponed, cost, platform_output: output.platform_output, commands })
    }

    /// Records egui's pass over what is damaged behind what the views recorded, submits and presents it. False: the
    /// target has no texture.
    fn paint(
        &mut self,
        gpu: &Gpu,
        encoder: &mut Option<wgpu::CommandEncoder>,
        target: &mut dyn Target,
        damage: Damage,
    ) -> Result<bool, GpuError> {
        let format = target.format();
        self.painter.upload(&gpu.device, &gpu.queue, format, &self.next)?;
        let Some(Acquired { view, holds_last }) = target.acquire(gpu)? else { return Ok(false) };
        let (parts, load) = match damage {
            Damage::Parts(parts) if holds_last => (parts.into_iter().map(Some).collect(), wgpu::LoadOp::Load),
            _ => {
                let [r, g, b, a] = self.next.ground.to_array().map(|byte| f64::from(byte) / 255.0);
                (vec![None], wgpu::LoadOp::Clear(wgpu::Color { r, g, b, a }))
            }
        };
        let mut encoder = encoder.take().unwrap_or_else(|| frame_gpu::frame_encoder(gpu));
        let mut pass = encoder.begin_render_pass(&wgpu::RenderPassDescriptor {
            label: Some("egui"),
            color_attachments: &[Some(wgpu::RenderPassColorAttachment {
                view: &view,
                depth_slice: None,
                resolve_target: None,
                ops: wgpu::Operations { load, store: wgpu::StoreOp::Store },
            })],
            ..Default::default()
        });
        for part in &parts {
            self.painter.paint(&mut pass, format, &self.next, part.as_ref());
        }
        drop(pass);
        gpu.queue.submit([encoder.finish()]);
        target.present(gpu);
        std::mem::swap(&mut self.next, &mut self.shown);
        Ok(true)
    }
}

fn milliseconds(duration: Duration) -> f32 {
    duration.as_secs_f32() * 1000.0
}
