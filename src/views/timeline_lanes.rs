//! The timeline's lanes as they are painted: blocks of what is wide enough to see, and for all the rest, exactly, how much of each pixel's time it takes.

use std::sync::Arc;

use egui::text::{LayoutJob, TextFormat, TextWrapping};
use egui::{Color32, ColorImage, FontId, Mesh, Pos2, Rect, Shape, TextureHandle, TextureOptions, Ui, Vec2};

use super::theme;
use super::timeline_ruler::TimeAxis;
use crate::analysis::lanes::{Lane, Lanes, Walk};
use crate::gpu::colormap::Palette;
use crate::state::camera::Span;
use crate::state::{Document, Theme};
use crate::trace::{Phase, Trace};

/// What is narrower is painted as a share of its pixels.
const LEAST_BLOCK_PX: f64 = 3.0;
/// Blocks narrower than this have no name: a token is read by its first letters, a kind of op is not.
const LABEL_POINTS: f32 = 13.0;
const OP_LABEL_POINTS: f32 = 34.0;
/// About what a digit takes.
const DIGIT_POINTS: f32 = 5.6;
/// How much of its colour what is of another phase than the chosen one loses.
const OTHER_PHASE: f32 = 0.78;

/// What decides how the lanes look: as long as it stays, so do they.
#[derive(Clone, PartialEq)]
struct Key {
    document: u64,
    span: Span,
    rects: [Rect; 3],
    theme: Theme,
    phase: Option<Phase>,
    per_point: f32,
}

struct Label {
    at: Pos2,
    job: LayoutJob,
    ink: Color32,
}

/// The lanes as they were last painted: long runs have millions of items, and most frames change none of them.
#[derive(Default)]
pub struct LanesPicture {
    key: Option<Key>,
    mesh: Arc<Mesh>,
    labels: Vec<Label>,
    textures: [Option<TextureHandle>; 3],
}

impl LanesPicture {
    /// Paints passes, layers and ops into `rects`.
    pub fn ui(
        &mut self,
        ui: &Ui,
        document: &Document,
        lanes: &Lanes,
        axis: &TimeAxis,
        rects: [Rect; 3],
        (theme, phase): (Theme, Option<Phase>),
    ) {
        let per_point = ui.pixels_per_point();
        let key = Key { document: document.number, span: axis.span, rects, theme, phase, per_point };
        if self.key.as_ref() != Some(&key) {
            self.make(ui, &document.trace, lanes, axis, &key);
            self.key = Some(key);
        }
        let whole = Rect::from_min_max(Pos2::ZERO, Pos2::new(1.0, 1.0));
        for (texture, rect) in self.textures.iter().zip(rects) {
            if let Some(texture) = texture {
                ui.painter().image(texture.id(), rect, whole, Color32::WHITE);
            }
        }
        ui.painter().add(Shape::Mesh(self.mesh.clone()));
        for label in &self.labels {
            let galley = ui.painter().layout_job(label.job.clone());
            let top = label.at.y - galley.size().y / 2.0;
            ui.painter().galley(Pos2::new(label.at.x, top), galley, label.ink);
        }
    }

    fn make(&mut self, ui: &Ui, trace: &Trace, lanes: &Lanes, axis: &TimeAxis, key: &Key) {
        let mut mesh = Mesh::default();
        self.labels.clear();
        let columns = ((axis.rect.width() * key.per_point).round() as usize).max(1);
        let other = other_phases(trace, lanes, axis, columns, key.phase);
        let looks = [Look::Passes, Look::Layers { last: lanes.layers.classes() }, Look::Ops];
        for (k, (lane, look)) in [&lanes.passes, &lanes.layers, &lanes.ops].into_iter().zip(looks).enumerate() {
            let rect = key.rects[k];
            let rows = ((rect.height() * key.per_point).round() as usize).max(1);
            let mut colors: Vec<Color32> = (0..lane.classes()).map(|class| color(look, class, key.theme)).collect();
            if matches!(look, Look::Ops) {
                for (rank, class) in lane.by_items().into_iter().enumerate() {
                    colors[class] = theme::kind(rank).lerp_to_gamma(theme::canvas(key.theme), 0.15);
                }
            }
            let painted = Painted { trace, lane, look, colors, theme: key.theme };
            let image = painted.density(axis, [columns, rows], &other);
            match &mut self.textures[k] {
                Some(texture) => texture.set(image, TextureOptions::NEAREST),
                none => *none = Some(ui.ctx().load_texture("lane", image, TextureOptions::NEAREST)),
            }
            painted.blocks(axis, rect, key, &mut mesh, &mut self.labels);
        }
        self.mesh = Arc::new(mesh);
    }
}

/// How many columns of pixels the axis has, each with the moment it begins at; and the end.
fn moments(axis: &TimeAxis, columns: usize) -> impl Iterator<Item = u64> {
    let (start, step) = (axis.span.start, axis.span.len() / columns as f64);
    (0..=columns).map(move |column| (start + column as f64 * step).round().max(0.0) as u64)
}

/// By pixel column, the share of its time that passes of other phases than `phase` take.
fn other_phases(trace: &Trace, lanes: &Lanes, axis: &TimeAxis, columns: usize, phase: Option<Phase>) -> Vec<f32> {
    let Some(phase) = phase else { return vec![0.0; columns] };
    let mut moments = moments(axis, columns);
    let mut walk = Walk::new(&lanes.passes, trace, moments.next().unwrap_or(0));
    moments
        .map(|to| {
            let held = walk.to(to);
            let all = held.total_ns();
            let share = |part: u64, all: u64| (part as f64 / all as f64) as f32;
            match all {
                0 if held.item_count() == 0 => 0.0,
                0 => 1.0 - share(held.items[phase as usize], held.item_count()),
                all => 1.0 - share(held.busy_ns[phase as usize], all),
            }
        })
        .collect()
}

#[derive(Clone, Copy)]
enum Look {
    Passes,
    Layers { last: usize },
    Ops,
}

/// Colours of the classes of a lane.
fn color(look: Look, class: usize, theme: Theme) -> Color32 {
    match look {
        Look::Passes => theme::phase(Phase::ALL[class.min(Phase::ALL.len() - 1)]).gamma_multiply(0.8).to_opaque(),
        Look::Layers { last } if class + 1 >= last => theme::faint(theme),
        Look::Layers { last } => {
            let [r, g, b, _] = Palette::Viridis.sample(0.15 + 0.85 * class as f32 / (last as f32 - 2.0).max(1.0));
            Color32::from_rgb(r, g, b).lerp_to_gamma(theme::canvas(theme), 0.25)
        }
        Look::Ops => theme::kind(usize::MAX),
    }
}

/// One lane of a run, on its way to the screen.
struct Painted<'a> {
    trace: &'a Trace,
    lane: &'a Lane,
    look: Look,
    /// Of its classes.
    colors: Vec<Color32>,
    theme: Theme,
}

impl Painted<'_> {
    /// Each column of pixels is filled as far as its time is: classes on top of each other.
    fn density(&self, axis: &TimeAxis, [columns, rows]: [usize; 2], other: &[f32]) -> ColorImage {
        let mut pixels = vec![Color32::TRANSPARENT; columns * rows];
        let mut moments = moments(axis, columns);
        let mut from = moments.next().unwrap_or(0);
        let mut walk = Walk::new(self.lane, self.trace, from);
        for (column, to) in moments.enumerate() {
            let held = walk.to(to);
            let (total, items) = (held.total_ns(), held.item_count());
            // Ops that run side by side take more time than passes.
            let whole = total.max(to - from).max(1) as f64;
            let dim = |color: Color32| color.lerp_to_gamma(theme::canvas(self.theme), OTHER_PHASE * other[column]);
            let (mut sum, mut filled) = (0_u64, 0);
            for (class, &busy) in held.busy_ns.iter().enumerate().filter(|(_, busy)| **busy > 0) {
                sum = sum.saturating_add(busy);
                let until = ((sum as f64 / whole * rows as f64).round() as usize).min(rows);
                for row in filled..until {
                    pixels[(rows - 1 - row) * columns + column] = dim(self.colors[class]);
                }
                filled = filled.max(until);
            }
            if filled == 0 && items > 0 {
                // However little it is, it is there.
                let class = held.ranked().first().copied().unwrap_or(0);
                pixels[(rows - 1) * columns + column] = dim(self.colors[class]);
            }
            from = to;
        }
        ColorImage::new([columns, rows], pixels)
    }

    /// What is wide enough to be seen by itself, with its name where there is room.
    fn blocks(&self, axis: &TimeAxis, rect: Rect, key: &Key, mesh: &mut Mesh, labels: &mut Vec<Label>) {
        let least_ns = (axis.ns_per_point() * LEAST_BLOCK_PX / f64::from(key.per_point)).max(1.0) as u64;
        let seen = [axis.span.start.max(0.0) as u64, axis.span.end.max(0.0) as u64];
        for at in self.lane.long(self.trace, seen, least_ns) {
            let [start, end] = self.lane.times(self.trace, at);
            let (left, right) = (axis.x(start).max(rect.left()), axis.x(end).min(rect.right()));
            let right = if right - left > 4.0 { right - 0.5 } else { right };
            if right <= left {
                continue;
            }
            let item = self.lane.item(at);
            let mut fill = self.colors[self.lane.class(self.trace, at)];
            if key.phase.is_some_and(|phase| Some(phase) != self.phase(item)) {
                fill = fill.lerp_to_gamma(theme::canvas(self.theme), OTHER_PHASE);
            }
            let area = Rect::from_min_max(Pos2::new(left, rect.top()), Pos2::new(right, rect.bottom()));
            // Above the shares of its pixels: what is there is this and little else.
            mesh.add_colored_rect(area, fill);
            let name = self.name(item, area.width());
            let least = match self.look {
                Look::Passes => LABEL_POINTS,
                Look::Layers { .. } => 5.0 + DIGIT_POINTS * name.len() as f32,
                Look::Ops => OP_LABEL_POINTS,
            };
            if area.width() > least {
                let ink = theme::ink_on(fill);
                let job = elided(&name, area.width() - 4.0, ink);
                labels.push(Label { at: area.left_center() + Vec2::new(2.5, 0.0), job, ink });
            }
        }
    }

    fn phase(&self, item: usize) -> Option<Phase> {
        match self.look {
            Look::Passes => self.trace.passes.get(item).map(|pass| pass.phase),
            _ => self.trace.pass_of(item).map(|pass| pass.phase),
        }
    }

    fn name(&self, item: usize, width: f32) -> String {
        match self.look {
            Look::Passes => pass_name(self.trace, item, width),
            Look::Layers { .. } => {
                let layer = self.trace.ops.layer.get(item);
                layer.map_or_else(String::new, |l| if width < 60.0 { format!("L{l}") } else { format!("layer {l}") })
            }
            Look::Ops => format!("{} {}", self.trace.op_name(item), self.trace.destination_name(item).trim()),
        }
    }
}

/// What a pass is called where it has so much room: by the text of its tokens, where that is known.
fn pass_name(trace: &Trace, pass: usize, width: f32) -> String {
    const ROOM_FOR_WORDS: f32 = 60.0;
    let Some(found) = trace.passes.get(pass) else { return String::new() };
    match &found.text {
        Some(text) if width < ROOM_FOR_WORDS => text.trim().escape_debug().to_string(),
        Some(text) => format!("\u{201c}{}\u{201d}", text.escape_debug()),
        None if width < ROOM_FOR_WORDS => pass.to_string(),
        None => format!("pass {pass} {}", found.phase.label()),
    }
}

/// One line of text, cut where the room ends.
fn elided(text: &str, width: f32, ink: Color32) -> LayoutJob {
    let mut job = LayoutJob::single_section(text.to_owned(), TextFormat::simple(FontId::proportional(10.0), ink));
    job.wrap = TextWrapping { max_width: width, max_rows: 1, break_anywhere: true, ..TextWrapping::default() };
    job
}
