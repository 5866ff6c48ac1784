//! The one frame on a texture: what is drawn, what is not drawn again, and who is told what.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use egui::{Color32, Event, Modifiers, PointerButton, Pos2, Rect, TextureId, pos2, vec2};
use tensorscope::app::headless::Headless;
use tensorscope::app::{Acquired, Frame, FrameTime, Scene, Target, input};
use tensorscope::gpu::FrameGpu;
use tensorscope::gpu::egui_painter::UserTexture;
use tensorscope::gpu::{Gpu, GpuError};

const STEP: Duration = Duration::from_millis(16);

/// What a test watches of its scene.
#[derive(Default)]
struct Probe {
    clicks: usize,
    button: Option<Rect>,
    typed: String,
    dragged: f32,
    scrolled: f32,
    updates: Vec<FrameTime>,
    layouts: usize,
    draws: usize,
    discard: bool,
    faults: Vec<String>,
    dropped: Vec<PathBuf>,
    busy_frames: usize,
}

impl Scene for Probe {
    fn files_dropped(&mut self, paths: Vec<PathBuf>) {
        self.dropped = paths;
    }

    fn update(&mut self, _context: &egui::Context, time: FrameTime) {
        self.updates.push(time);
        self.busy_frames = self.busy_frames.saturating_sub(1);
    }

    fn ui(&mut self, ui: &mut egui::Ui, _gpu: &mut FrameGpu<'_>) {
        self.layouts += 1;
        if self.discard && ui.ctx().current_pass_index() == 0 {
            ui.ctx().request_discard("test");
        }
        egui::CentralPanel::default().show(ui, |ui| {
            let button = ui.button(format!("clicked {} times", self.clicks));
            self.button = Some(button.rect);
            self.clicks += usize::from(button.clicked());
            ui.text_edit_singleline(&mut self.typed).request_focus();
            let (_, area) = ui.allocate_exact_size(vec2(100.0, 40.0), egui::Sense::drag());
            self.dragged += area.drag_delta().x;
            self.scrolled += ui.input(|input| input.smooth_scroll_delta().y);
        });
    }

    fn draw(&mut self, _gpu: &mut FrameGpu<'_>) {
        self.draws += 1;
    }

    fn gpu_fault(&mut self, error: &GpuError) {
        self.faults.push(error.to_string());
    }

    fn busy(&self) -> bool {
        self.busy_frames > 0
    }
}

struct Stage {
    gpu: Gpu,
    headless: Headless,
}

impl Stage {
    fn new(size_px: [u32; 2], pixels_per_point: f32) -> Self {
        let gpu = Gpu::headless().unwrap();
        let headless = Headless::new(&gpu, size_px, pixels_per_point).unwrap();
        // A blinking cursor would be a change of its own.
        headless.context().all_styles_mut(|style| style.visuals.text_cursor.blink = false);
        Self { gpu, headless }
    }

    /// Steps once and says whether a picture was painted.
    fn step(&mut self, scene: &mut dyn Scene, events: Vec<Event>) -> bool {
        self.headless.step(&self.gpu, scene, events, STEP).unwrap().painted
    }

    fn settle(&mut self, scene: &mut dyn Scene) {
        let (frames, rested) = self.headless.settle(&self.gpu, scene, 60).unwrap();
        assert!(rested, "still changing after {frames} frames");
    }

    fn picture(&self) -> Vec<u8> {
        self.headless.read_rgba(&self.gpu).unwrap()
    }
}

/// Pixels of `rect_px` whose brightness differs from the one at its corner.
fn marked_pixels(rgba: &[u8], width: u32, rect_px: Rect) -> usize {
    let at = |x: u32, y: u32| i32::from(rgba[((y * width + x) * 4 + 1) as usize]);
    let (left, top) = (rect_px.min.x as u32, rect_px.min.y as u32);
    let base = at(left, top);
    (top..rect_px.max.y as u32)
        .flat_map(|y| (left..rect_px.max.x as u32).map(move |x| (x, y)))
        .filter(|(x, y)| (at(*x, *y) - base).abs() > 40)
        .count()
}

#[test]
fn a_click_changes_the_picture_and_rest_draws_nothing() {
    let (mut stage, mut scene) = (Stage::new([400, 200], 1.0), Probe::default());
    stage.settle(&mut scene);
    let button = scene.button.unwrap();
    let before = stage.picture();
    assert!(marked_pixels(&before, 400, button.shrink(2.0)) > 100, "the button has no text");

    assert!(stage.step(&mut scene, input::click(button.center())));
    assert_eq!(scene.clicks, 1);
    stage.settle(&mut scene);
    let after = stage.picture();
    assert!(before != after, "the label counts");

    for _ in 0..5 {
        assert!(!stage.step(&mut scene, Vec::new()), "a frame without change was painted");
    }
    assert!(after == stage.picture());
}

#[test]
fn widgets_are_found_by_the_name_that_screen_readers_say() {
    let (mut stage, mut scene) = (Stage::new([800, 400], 2.0), Probe::default());
    stage.settle(&mut scene);
    assert_eq!(stage.headless.find("clicked 0 times"), None, "names are not asked for yet");
    stage.headless.name_widgets();
    stage.settle(&mut scene);
    let place = stage.headless.find("clicked 0 times").unwrap();
    assert_eq!(place, scene.button.unwrap());
    stage.step(&mut scene, input::click(place.center()));
    stage.settle(&mut scene);
    assert!(stage.headless.find("clicked 1 times").is_some());
    assert_eq!(stage.headless.find("clicked 0 times"), None);
}

#[test]
fn keys_text_drags_and_wheels_arrive() {
    let (mut stage, mut scene) = (Stage::new([400, 200], 1.0), Probe::default());
    stage.settle(&mut scene);
    stage.step(&mut scene, input::text("blk"));
    stage.step(&mut scene, input::key(egui::Key::Backspace, Modifiers::NONE));
    assert_eq!(scene.typed, "bl");

    let from = scene.button.unwrap().left_bottom() + vec2(10.0, 40.0);
    for events in input::drag(from, from + vec2(30.0, 0.0), 3, PointerButton::Primary, Modifiers::NONE) {
        stage.step(&mut scene, events);
    }
    assert_eq!(scene.dragged, 30.0);

    stage.step(&mut scene, input::wheel(from, vec2(0.0, 50.0), Modifiers::NONE));
    stage.settle(&mut scene);
    assert!((scene.scrolled - 50.0).abs() < 1.0, "scrolled {}", scene.scrolled);
}

#[test]
fn dense_displays_get_the_same_layout_with_more_pixels() {
    let mut plain = (Stage::new([400, 200], 1.0), Probe::default());
    let mut dense = (Stage::new([800, 400], 2.0), Probe::default());
    for (stage, scene) in [&mut plain, &mut dense] {
        stage.settle(scene);
    }
    let (button, dense_button) = (plain.1.button.unwrap(), dense.1.button.unwrap());
    // Glyphs advance by whole pixels, so widths differ by less than one point a letter.
    assert!((button.size() - dense_button.size()).length() < 10.0, "{button} and {dense_button}");
    let in_pixels = Rect::from_min_max((button.min.to_vec2() * 2.0).to_pos2(), (button.max.to_vec2() * 2.0).to_pos2());
    let few = marked_pixels(&plain.0.picture(), 400, button.shrink(2.0));
    let many = marked_pixels(&dense.0.picture(), 800, in_pixels.shrink(4.0));
    assert!((2 * few..6 * few).contains(&many), "{few} and {many} pixels of text");
    // Input stays in points.
    dense.0.step(&mut dense.1, input::click(dense_button.center()));
    assert_eq!(dense.1.clicks, 1);
}

#[test]
fn a_second_layout_of_a_frame_updates_and_draws_once() {
    let (mut stage, mut scene) = (Stage::new([400, 200], 1.0), Probe { discard: true, ..Probe::default() });
    let report = stage.headless.step(&stage.gpu, &mut scene, Vec::new(), STEP).unwrap();
    assert!(report.painted);
    assert_eq!((scene.updates.len(), scene.layouts, scene.draws), (1, 2, 1));
    assert_eq!(report.platform_output.num_completed_passes, 2);
}

#[test]
fn time_is_what_the_caller_says() {
    let (mut stage, mut scene) = (Stage::new([64, 64], 1.0), Probe::default());
    for delta in [10, 0, 250] {
        stage.headless.step(&stage.gpu, &mut scene, Vec::new(), Duration::from_millis(delta)).unwrap();
    }
    let times: Vec<_> = scene.updates.iter().map(|time| ((time.now_s * 1e3) as u32, time.delta.as_millis())).collect();
    assert_eq!(times, [(10, 10), (10, 0), (260, 250)]);
    assert_eq!(scene.updates[0].last.total_ms(), 0.0);
    assert!(scene.updates[1].last.total_ms() > 0.0);
}

#[test]
fn settling_waits_for_work_that_is_under_way() {
    let (mut stage, mut scene) = (Stage::new([64, 64], 1.0), Probe { busy_frames: 30, ..Probe::default() });
    let (frames, rested) = stage.headless.settle(&stage.gpu, &mut scene, 100).unwrap();
    assert!(rested && (30..40).contains(&frames), "{frames} frames");
    scene.busy_frames = 100;
    assert_eq!(stage.headless.settle(&stage.gpu, &mut scene, 10).unwrap(), (10, false));
}

#[test]
fn pictures_of_any_width_come_without_padding() {
    let (mut stage, mut scene) = (Stage::new([101, 67], 1.0), Probe::default());
    stage.settle(&mut scene);
    let picture = stage.picture();
    assert_eq!(picture.len(), 101 * 67 * 4);
    assert!(picture.chunks_exact(4).all(|pixel| pixel[3] == 255), "the picture is opaque");
    assert!(stage.headless.frame_ms() > 0.0);
}

#[test]
fn impossible_sizes_are_errors() {
    let gpu = Gpu::headless().unwrap();
    for (size_px, pixels_per_point) in
        [([0, 10], 1.0), ([10, 100_000], 1.0), ([10, 10], 0.0), ([10, 10], f32::NAN), ([8192, 8193], 1.0)]
    {
        assert!(Headless::new(&gpu, size_px, pixels_per_point).is_err(), "{size_px:?} at {pixels_per_point}");
    }
    gpu.wait().expect("no fault reached the device");
}

#[test]
fn faults_of_the_gpu_are_told_to_the_scene_and_frames_go_on() {
    let (mut stage, mut scene) = (Stage::new([64, 64], 1.0), Probe::default());
    stage.step(&mut scene, Vec::new());
    assert!(scene.faults.is_empty());
    // A mapped buffer cannot be a vertex buffer.
    let _refused = stage.gpu.device.create_buffer(&wgpu::BufferDescriptor {
        label: None,
        size: 4,
        usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::VERTEX,
        mapped_at_creation: false,
    });
    stage.step(&mut scene, Vec::new());
    assert_eq!(scene.faults.len(), 1, "{:?}", scene.faults);
    assert!(stage.step(&mut scene, Vec::new()), "what was painted with a fault is painted over");
    stage.step(&mut scene, Vec::new());
    assert_eq!(scene.faults.len(), 1);
}

/// A square texture that a view paints and egui shows.
fn paintable(gpu: &FrameGpu<'_>, side: u32) -> wgpu::Texture {
    gpu.gpu.device.create_texture(&wgpu::TextureDescriptor {
        label: None,
        size: wgpu::Extent3d { width: side, height: side, depth_or_array_layers: 1 },
        mip_level_count: 1,
        sample_count: 1,
        dimension: wgpu::TextureDimension::D2,
        format: wgpu::TextureFormat::Rgba8Unorm,
        usage: wgpu::TextureUsages::TEXTURE_BINDING | wgpu::TextureUsages::RENDER_ATTACHMENT,
        view_formats: &[],
    })
}

/// A view that draws its own texture: cleared to a colour by a pass.
#[derive(Default)]
struct Pane {
    texture: Option<(wgpu::Texture, TextureId)>,
    color: wgpu::Color,
    redraw: bool,
    background: bool,
    free: bool,
}

impl Scene for Pane {
    fn ui(&mut self, ui: &mut egui::Ui, gpu: &mut FrameGpu<'_>) {
        let (_, id) = self.texture.get_or_insert_with(|| {
            let texture = paintable(gpu, 32);
            let look = UserTexture { opaque: true, ..Default::default() };
            let id = gpu.register(&texture.create_view(&Default::default()), look);
            (texture, id)
        });
        ui.painter().image(*id, ui.max_rect(), Rect::from_min_max(Pos2::ZERO, pos2(1.0, 1.0)), Color32::WHITE);
    }

    fn draw(&mut self, gpu: &mut FrameGpu<'_>) {
        let Some((texture, id)) = &self.texture else { return };
        if std::mem::take(&mut self.free) {
            gpu.free(*id);
        }
        let background = std::mem::take(&mut self.background);
        if std::mem::take(&mut self.redraw) || background {
            let view = texture.create_view(&Default::default());
            if !background {
                gpu.repainted(*id);
            }
            gpu.encoder().begin_render_pass(&wgpu::RenderPassDescriptor {
                color_attachments: &[Some(wgpu::RenderPassColorAttachment {
                    view: &view,
                    depth_slice: None,
                    resolve_target: None,
                    ops: wgpu::Operations { load: wgpu::LoadOp::Clear(self.color), store: wgpu::StoreOp::Store },
                })],
                ..Default::default()
            });
        }
    }
}

#[test]
fn passes_of_the_views_show_in_the_same_frame() {
    let mut stage = Stage::new([64, 64], 1.0);
    let mut scene = Pane { color: wgpu::Color::RED, redraw: true, ..Pane::default() };
    assert!(stage.step(&mut scene, Vec::new()));
    assert_eq!(stage.picture()[..4], [255, 0, 0, 255]);
    stage.settle(&mut scene);

    // Same layout, other texels: only the view knows.
    (scene.color, scene.redraw) = (wgpu::Color::GREEN, true);
    assert!(stage.step(&mut scene, Vec::new()));
    assert_eq!(stage.picture()[..4], [0, 255, 0, 255]);
    assert!(!stage.step(&mut scene, Vec::new()));

    // Work in the background is done and shows with the next picture.
    (scene.color, scene.background) = (wgpu::Color::BLUE, true);
    assert!(!stage.step(&mut scene, Vec::new()));
    assert_eq!(stage.picture()[..4], [0, 255, 0, 255]);
    (scene.color, scene.redraw) = (wgpu::Color::WHITE, false);
    stage.headless.context().set_zoom_factor(1.5);
    stage.settle(&mut scene);
    assert_eq!(stage.picture()[..4], [0, 0, 255, 255]);

    // The frame that frees a texture still shows it.
    (scene.free, scene.color, scene.redraw) = (true, wgpu::Color::RED, true);
    stage.step(&mut scene, Vec::new());
    assert_eq!(stage.picture()[..4], [255, 0, 0, 255]);
}

/// A scene that shows a texture managed by egui.
struct Managed {
    handle: egui::TextureHandle,
}

impl Scene for Managed {
    fn ui(&mut self, ui: &mut egui::Ui, _gpu: &mut FrameGpu<'_>) {
        let uv = Rect::from_min_max(Pos2::ZERO, pos2(1.0, 1.0));
        ui.painter().image(self.handle.id(), ui.max_rect(), uv, Color32::WHITE);
    }
}

#[test]
fn a_managed_texture_that_changes_repaints_an_unchanged_layout() {
    let mut stage = Stage::new([64, 64], 1.0);
    let image = |color| egui::ColorImage::filled([2, 2], color);
    let options = egui::TextureOptions::NEAREST;
    let handle = stage.headless.context().load_texture("test", image(Color32::RED), options);
    let mut scene = Managed { handle };
    stage.settle(&mut scene);
    assert_eq!(stage.picture()[..4], [255, 0, 0, 255]);
    scene.handle.set_partial([0, 0], egui::ColorImage::filled([1, 1], Color32::BLUE), options);
    assert!(stage.step(&mut scene, Vec::new()));
    let picture = stage.picture();
    assert_eq!((&picture[..4], &picture[63 * 4..64 * 4]), (&[0, 0, 255, 255][..], &[255, 0, 0, 255][..]));
}

/// A target without a texture to paint on until it is told to have one.
struct Shy {
    texture: wgpu::Texture,
    ready: bool,
    presented: usize,
}

impl Target for Shy {
    fn size_px(&self) -> [u32; 2] {
        [64, 64]
    }

    fn format(&self) -> wgpu::TextureFormat {
        self.texture.format()
    }

    fn acquire(&mut self, _gpu: &Gpu) -> Result<Option<Acquired>, GpuError> {
        let view = self.texture.create_view(&Default::default());
        Ok(self.ready.then_some(Acquired { view, holds_last: false }))
    }

    fn present(&mut self, _gpu: &Gpu) {
        self.presented += 1;
    }
}

#[test]
fn a_picture_that_found_no_target_is_painted_when_there_is_one() {
    let gpu = Gpu::headless().unwrap();
    let texture = gpu.device.create_texture(&wgpu::TextureDescriptor {
        label: None,
        size: wgpu::Extent3d { width: 64, height: 64, depth_or_array_layers: 1 },
        mip_level_count: 1,
        sample_count: 1,
        dimension: wgpu::TextureDimension::D2,
        format: wgpu::TextureFormat::Bgra8Unorm,
        usage: wgpu::TextureUsages::RENDER_ATTACHMENT,
        view_formats: &[],
    });
    let mut target = Shy { texture, ready: true, presented: 0 };
    let (mut frame, mut scene) = (Frame::new(&gpu), Probe::default());
    frame.context().all_styles_mut(|style| style.visuals.text_cursor.blink = false);
    let mut run = |frame: &mut Frame, target: &mut Shy| {
        let screen_rect = Some(Rect::from_min_size(Pos2::ZERO, vec2(64.0, 64.0)));
        let input = egui::RawInput { screen_rect, ..Default::default() };
        let report = frame.run(&gpu, &mut scene, input, STEP, target).unwrap();
        (report.painted, report.postponed)
    };
    while run(&mut frame, &mut target) != (false, false) {}
    let presented = target.presented;
    assert!(presented > 0);

    target.ready = false;
    assert_eq!(run(&mut frame, &mut target), (false, false));
    frame.invalidate();
    assert_eq!(run(&mut frame, &mut target), (false, true));
    assert_eq!(run(&mut frame, &mut target), (false, true));
    target.ready = true;
    assert_eq!(run(&mut frame, &mut target), (true, false));
    assert_eq!(run(&mut frame, &mut target), (false, false));
    assert_eq!(target.presented, presented + 1);
}

/// Shapes, text and a texture that differ from frame to frame, here and there.
#[derive(Default)]
struct Restless {
    frame: u32,
    pane: Option<(wgpu::Texture, TextureId)>,
}

impl Restless {
    /// Something between 0 and `below` that stays for `frames` frames.
    fn pick(&self, what: u32, frames: u32, below: u32) -> f32 {
        ((self.frame / frames * 31 + what * 17).wrapping_mul(2_654_435_761) >> 16) as f32 % below as f32
    }
}

impl Scene for Restless {
    fn update(&mut self, _context: &egui::Context, _time: FrameTime) {
        self.frame += 1;
    }

    fn ui(&mut self, ui: &mut egui::Ui, gpu: &mut FrameGpu<'_>) {
        let (_, id) = self.pane.get_or_insert_with(|| {
            let texture = paintable(gpu, 8);
            let id = gpu.register(&texture.create_view(&Default::default()), UserTexture::default());
            (texture, id)
        });
        let id = *id;
        egui::Panel::top("bar").show(ui, |ui| ui.label(format!("{} things", self.pick(0, 3, 9))));
        egui::CentralPanel::default().show(ui, |ui| {
            let painter = ui.painter();
            for what in 1..9 {
                let at = pos2(self.pick(what, 1 + what, 150), 20.0 + self.pick(what + 40, 2 + what, 80));
                let rect = Rect::from_min_size(at, vec2(5.0 + self.pick(what, 4, 60), 9.0));
                let color = Color32::from_rgba_unmultiplied(90 * (what % 3) as u8, 200, (30 * what) as u8, 160);
                match what % 4 {
                    0 => painter.rect_filled(rect, 3.0, color),
                    1 => painter.with_clip_rect(rect).circle_filled(rect.center(), 20.0, color),
                    2 => {
                        let uv = Rect::from_min_max(Pos2::ZERO, pos2(1.0, 1.0));
                        painter.image(id, rect, uv, Color32::WHITE)
                    }
                    _ => {
                        let font = egui::FontId::proportional(12.0);
                        painter.text(at, egui::Align2::LEFT_TOP, format!("{at:?}"), font, color);
                        continue;
                    }
                };
            }
        });
        if self.frame % 7 > 3 {
            egui::Window::new("over it").fixed_pos(pos2(30.0, 30.0)).show(ui.ctx(), |ui| ui.label("all"));
        }
    }

    fn draw(&mut self, gpu: &mut FrameGpu<'_>) {
        let Some((texture, id)) = self.pane.as_ref().filter(|_| self.frame % 5 == 1) else { return };
        let color = wgpu::Color { r: f64::from(self.frame) / 60.0, g: 0.5, b: 0.0, a: 1.0 };
        gpu.repainted(*id);
        gpu.encoder().begin_render_pass(&wgpu::RenderPassDescriptor {
            color_attachments: &[Some(wgpu::RenderPassColorAttachment {
                view: &texture.create_view(&Default::default()),
                depth_slice: None,
                resolve_target: None,
                ops: wgpu::Operations { load: wgpu::LoadOp::Clear(color), store: wgpu::StoreOp::Store },
            })],
            ..Default::default()
        });
    }
}

#[test]
fn painting_what_has_changed_gives_the_picture_that_painting_all_of_it_gives() {
    let (mut keeping, mut anew) = (Stage::new([192, 128], 1.25), Stage::new([192, 128], 1.25));
    let (mut scene, mut same) = (Restless::default(), Restless::default());
    for frame in 0..60 {
        keeping.step(&mut scene, Vec::new());
        anew.headless.invalidate();
        anew.step(&mut same, Vec::new());
        assert!(keeping.picture() == anew.picture(), "frame {frame}");
    }
}

#[derive(Debug)]
struct Dropped(PathBuf);

impl egui::DroppedFile for Dropped {
    fn path(&self) -> &Path {
        &self.0
    }

    fn bytes(&self) -> Result<Vec<u8>, String> {
        Err("the frame reads no files".to_owned())
    }
}

#[test]
fn dropped_files_go_to_the_scene() {
    let gpu = Gpu::headless().unwrap();
    let mut headless = Headless::new(&gpu, [64, 64], 1.0).unwrap();
    let mut scene = Probe::default();
    let path = PathBuf::from("run.tscope");
    headless.drop_files(vec![Arc::new(Dropped(path.clone()))]);
    headless.step(&gpu, &mut scene, Vec::new(), STEP).unwrap();
    assert_eq!(scene.dropped, [path]);
    scene.dropped.clear();
    headless.step(&gpu, &mut scene, Vec::new(), STEP).unwrap();
    assert!(scene.dropped.is_empty(), "a file is dropped once");
}
