//! Labels in world space: shaped once, placed anew for every camera, as many of them as fit without overlap.

use std::sync::Arc;

use glyphon::cosmic_text::Align;
use glyphon::{
    Attrs, Buffer, Cache, Color, ColorMode, Family, FontSystem, Metrics, PrepareError, Resolution, Shaping, SwashCache,
    TextArea, TextAtlas, TextBounds, TextRenderer, Viewport, fontdb,
};
use hashbrown::HashMap;

use super::Gpu;

/// What labels are drawn into.
pub const TARGET_FORMAT: wgpu::TextureFormat = wgpu::TextureFormat::Rgba8Unorm;
/// Height of a line, as a multiple of the font's size.
const LINE: f32 = 1.2;
/// Shaped texts kept beyond those of the last picture.
const MOST_SHAPED: usize = 4096;
/// Side of the squares by which overlap is looked for.
const SQUARE_PX: f32 = 32.0;

/// A short text that stands at a point of the world.
#[derive(Debug, Clone, PartialEq)]
pub struct Label<'a> {
    pub text: &'a str,
    /// Where in the world, in the view's units.
    pub at: [f64; 2],
    /// The point of the text that stands there, from [0, 0] for its left upper corner to [1, 1].
    pub anchor: [f32; 2],
    /// How far beside that point, in pixels.
    pub shift_px: [f32; 2],
    pub font_px: f32,
    /// Gamma-encoded RGBA, not premultiplied.
    pub color: [u8; 4],
    /// Left, top, right and bottom of a place in the world: the label moves along with what is seen of it, and is left
    /// out where it does not fit in there.
    pub room: Option<[f64; 4]>,
}

/// How the world lies on a target.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WorldView {
    /// The world's point at the target's left upper corner.
    pub origin: [f64; 2],
    pub px_per_unit: [f64; 2],
}

impl WorldView {
    /// World units are pixels of the target.
    pub const PIXELS: Self = Self { origin: [0.0; 2], px_per_unit: [1.0; 2] };

    fn px(&self, axis: usize, at: f64) -> f32 {
        ((at - self.origin[axis]) * self.px_per_unit[axis]) as f32
    }
}

/// Fonts, shaped texts and glyphs, shared by all layers of a device.
pub struct Fonts {
    system: FontSystem,
    rasterizer: SwashCache,
    pipelines: Cache,
    atlas: TextAtlas,
    family: String,
    weight: fontdb::Weight,
    /// By the bits of the font's size, then by text.
    shaped: HashMap<u32, HashMap<String, Shaped>>,
}

struct Shaped {
    buffer: Buffer,
    size_px: [f32; 2],
    used: bool,
}

/// What labels are drawn on.
#[derive(Debug, Clone, Copy)]
pub struct TextTarget<'a> {
    /// Of `TARGET_FORMAT`.
    pub view: &'a wgpu::TextureView,
    pub size_px: [u32; 2],
}

/// The labels of one target.
pub struct TextLayer {
    renderer: TextRenderer,
    viewport: Viewport,
}

impl Fonts {
    /// With the fonts that egui shows, and none of the system's: pictures are the same everywhere.
    pub fn new(gpu: &Gpu) -> Self {
        let mut db = fontdb::Database::new();
        for font in [epaint_default_fonts::UBUNTU_LIGHT, epaint_default_fonts::HACK_REGULAR] {
            db.load_font_source(fontdb::Source::Binary(Arc::new(font)));
        }
        let face = db.faces().next();
        let family = face.and_then(|face| face.families.first()).map_or_else(String::new, |(name, _)| name.clone());
        let weight = face.map_or(fontdb::Weight::NORMAL, |face| face.weight);
        let pipelines = Cache::new(&gpu.device);
        let atlas = TextAtlas::with_color_mode(&gpu.device, &gpu.queue, &pipelines, TARGET_FORMAT, ColorMode::Web);
        Self {
            system: FontSystem::new_with_locale_and_db("en-US".to_owned(), db),
            rasterizer: SwashCache::new(),
            pipelines,
            atlas,
            family,
            weight,
            shaped: HashMap::new(),
        }
    }

    /// Width and height of a text in pixels.
    pub fn measure(&mut self, text: &str, font_px: f32) -> [f32; 2] {
        self.shape(text, font_px).size_px
    }

    fn shape(&mut self, text: &str, font_px: f32) -> &mut Shaped {
        let Self { system, shaped, family, weight, .. } = self;
        shaped.entry(font_px.to_bits()).or_default().entry_ref(text).or_insert_with(|| {
            let font_px = font_px.max(1.0);
            let mut buffer = Buffer::new(system, Metrics::new(font_px, font_px * LINE));
            buffer.set_size(None, None);
            let attrs = Attrs::new().family(Family::Name(family)).weight(*weight);
            buffer.set_text(text, &attrs, Shaping::Advanced, Some(Align::Left));
            buffer.shape_until_scroll(system, false);
            let width = buffer.layout_runs().map(|run| run.line_w).fold(0.0, f32::max);
            let lines = buffer.layout_runs().count().max(1) as f32;
            Shaped { buffer, size_px: [width, lines * font_px * LINE], used: false }
        })
    }

    /// Where each label comes to stand that is shown: those earlier in the list come first.
    fn place(&mut self, size_px: [u32; 2], view: &WorldView, labels: &[Label<'_>]) -> Vec<Placed> {
        let size = size_px.map(|side| side as f32);
        let mut taken = Taken::default();
        let mut placed = Vec::new();
        for (index, label) in labels.iter().enumerate() {
            let at = [view.px(0, label.at[0]), view.px(1, label.at[1])];
            let room = match label.room {
                None => [0.0, 0.0, size[0], size[1]],
                Some([left, top, right, bottom]) => [
                    view.px(0, left).max(0.0),
                    view.px(1, top).max(0.0),
                    view.px(0, right).min(size[0]),
                    view.px(1, bottom).min(size[1]),
                ],
            };
            // Far beside the target, or a place that is too small for any letter: not worth shaping.
            let near = (0..2).all(|axis| at[axis].is_finite() && (label.room.is_some() || at[axis].abs() < 1e6));
            if !near || room[2] - room[0] < label.font_px * 0.5 || room[3] <= room[1] {
                continue;
            }
            let shaped = self.shape(label.text, label.font_px);
            let text = shaped.size_px;
            let mut corner = [0, 1].map(|axis| at[axis] - label.anchor[axis] * text[axis] + label.shift_px[axis]);
            if label.room.is_some() {
                for axis in 0..2 {
                    corner[axis] = corner[axis].min(room[axis + 2] - text[axis]).max(room[axis]);
                }
            }
            // Whole pixels, or letters blur.
            let corner = corner.map(f32::round);
            let rect = [corner[0], corner[1], corner[0] + text[0], corner[1] + text[1]];
            let fits = match label.room {
                // A pixel more or less at the edges does no harm.
                Some(_) => (0..2).all(|axis| rect[axis + 2] <= room[axis + 2] + 1.0 && rect[axis] >= room[axis] - 1.0),
                None => rect[2] > 0.0 && rect[3] > 0.0 && rect[0] < size[0] && rect[1] < size[1],
            };
            if fits && taken.take(rect) {
                shaped.used = true;
                placed.push(Placed { index, corner });
            }
        }
        placed
    }
}

struct Placed {
    index: usize,
    corner: [f32; 2],
}

/// Rectangles of labels that are there already, by the squares that they touch.
#[derive(Default)]
struct Taken {
    rects: Vec<[f32; 4]>,
    squares: HashMap<(i32, i32), Vec<u32>>,
}

impl Taken {
    /// Whether `rect` (left, top, right, bottom) is free, and takes it if so.
    fn take(&mut self, rect: [f32; 4]) -> bool {
        let square = |at: f32| (at / SQUARE_PX).floor() as i32;
        let touched = || {
            (square(rect[1])..=square(rect[3])).flat_map(|y| (square(rect[0])..=square(rect[2])).map(move |x| (x, y)))
        };
        let overlaps =
            |other: &[f32; 4]| rect[0] < other[2] && other[0] < rect[2] && rect[1] < other[3] && other[1] < rect[3];
        let mut seen = touched().filter_map(|square| self.squares.get(&square)).flatten();
        if seen.any(|&other| overlaps(&self.rects[other as usize])) {
            return false;
        }
        for square in touched() {
            self.squares.entry(square).or_default().push(self.rects.len() as u32);
        }
        self.rects.push(rect);
        true
    }
}

impl TextLayer {
    pub fn new(gpu: &Gpu, fonts: &mut Fonts) -> Self {
        let multisample = wgpu::MultisampleState::default();
        let renderer = TextRenderer::new(&mut fonts.atlas, &gpu.device, multisample, None);
        let viewport = Viewport::new(&gpu.device, &fonts.pipelines);
        Self { renderer, viewport }
    }

    /// Records a pass that draws `labels` over what `target` shows. Of labels that overlap, the first in the list is
    /// shown. At most once a submission for one layer. Gives the number of labels shown.
    pub fn draw(
        &mut self,
        gpu: &Gpu,
        fonts: &mut Fonts,
        encoder: &mut wgpu::CommandEncoder,
        target: &TextTarget<'_>,
        view: &WorldView,
        labels: &[Label<'_>],
    ) -> usize {
        let size_px = target.size_px;
        for texts in fonts.shaped.values_mut().filter(|texts| texts.len() > MOST_SHAPED) {
            texts.retain(|_, shaped| std::mem::take(&mut shaped.used));
        }
        let placed = fonts.place(size_px, view, labels);
        self.viewport.update(&gpu.queue, Resolution { width: size_px[0], height: size_px[1] });
        let Fonts { system, rasterizer, atlas, shaped, .. } = fonts;
        let mut prepare = |atlas: &mut TextAtlas| {
            let areas = placed.iter().filter_map(|Placed { index, corner }| {
                let label = &labels[*index];
                let shaped = shaped.get(&label.font_px.to_bits())?.get(label.text)?;
                let [r, g, b, a] = label.color;
                Some(TextArea {
                    buffer: &shaped.buffer,
                    left: corner[0],
                    top: corner[1],
                    scale: 1.0,
                    bounds: TextBounds::default(),
                    default_color: Color::rgba(r, g, b, a),
                    custom_glyphs: &[],
                })
            });
            self.renderer.prepare(&gpu.device, &gpu.queue, system, atlas, &self.viewport, areas, rasterizer)
        };
        let prepared = match prepare(atlas) {
            // Glyphs of pictures long gone make room.
            Err(PrepareError::AtlasFull) => {
                atlas.trim();
                prepare(atlas)
            }
            prepared => prepared,
        };
        // With an atlas full of what this picture alone shows, letters would be wrong: none are better.
        if prepared.is_err() || placed.is_empty() {
            return 0;
        }
        let mut pass = encoder.begin_render_pass(&wgpu::RenderPassDescriptor {
            label: Some("labels"),
            color_attachments: &[Some(wgpu::RenderPassColorAttachment {
                view: target.view,
                depth_slice: None,
                resolve_target: None,
                ops: wgpu::Operations { load: wgpu::LoadOp::Load, store: wgpu::StoreOp::Store },
            })],
            ..Default::default()
        });
        match self.renderer.render(atlas, &self.viewport, &mut pass) {
            Ok(()) => placed.len(),
            Err(_) => 0,
        }
    }
}
