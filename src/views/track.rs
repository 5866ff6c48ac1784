//! One track of the heatmap: its canvas, ruler, bands of layers and tensors, and what the mouse finds there.

use egui::{Align2, Color32, FontId, Pos2, Rect, Sense, Ui, Vec2};

use super::pointer::{Gesture, draw_box, gesture};
use super::{ViewContext, describe, theme};
use crate::analysis::filter::Region;
use crate::analysis::links::Item;
use crate::analysis::probe::{self, Touched};
use crate::gpu::FrameGpu;
use crate::gpu::canvas::Canvas;
use crate::gpu::heat::GpuGrid;
use crate::kernel_io::heat::HeatQuery;
use crate::state::camera::{Motion, Span};
use crate::state::{Action, AppState, Axes, Document, View, ZoomTarget};
use crate::trace::tracks::{Order, TrackLayout, phase_bits};
use crate::trace::{Trace, Track};
use crate::units;

const GUTTER_POINTS: f32 = 58.0;
const BAND_POINTS: f32 = 13.0;
const RULER_POINTS: f32 = 13.0;
const MINIMAP_POINTS: f32 = 5.0;
/// Bands narrower than this have no label.
const LABEL_POINTS: f32 = 26.0;
/// Tensors that a frame draws bands for; beyond that layers stand for them.
const MOST_BANDS: usize = 1500;
const MOST_OUTLINES: usize = 300;

/// A track's canvas, and what is on it.
#[derive(Default)]
pub struct TrackPanel {
    pub canvas: Canvas,
    /// Where the canvas is on screen, in points, while it is shown.
    pub rect: Option<Rect>,
    pub grid: Option<(HeatQuery, usize, GpuGrid)>,
    pub painted: Option<super::heatmap::Painted>,
}

/// What the cursor is on.
#[derive(Clone, Copy)]
struct Hit {
    /// What is touched there most often.
    touched: Option<Touched>,
    /// The tensor whose bytes lie there, touched or not.
    tensor: Option<u32>,
}

/// Where bytes and ops are on a canvas.
#[derive(Clone, Copy)]
pub struct Scale {
    pub rect: Rect,
    pub bytes: Span,
    pub ops: Span,
}

impl Scale {
    pub fn x(&self, byte: f64) -> f32 {
        self.rect.left() + ((byte - self.bytes.start) / self.bytes.len()) as f32 * self.rect.width()
    }

    pub fn y(&self, op: f64) -> f32 {
        self.rect.top() + ((op - self.ops.start) / self.ops.len()) as f32 * self.rect.height()
    }

    pub fn byte(&self, x: f32) -> f64 {
        self.bytes.start + f64::from((x - self.rect.left()) / self.rect.width()) * self.bytes.len()
    }

    pub fn op(&self, y: f32) -> f64 {
        self.ops.start + f64::from((y - self.rect.top()) / self.rect.height()) * self.ops.len()
    }

    /// The bytes and ops of a rectangle on the canvas, at least one of each.
    fn region(&self, track: Track, area: Rect) -> Region {
        let floor = |v: f64| v.max(0.0).floor() as u64;
        let bytes = [floor(self.byte(area.left())), floor(self.byte(area.right()))];
        let ops = [floor(self.op(area.top())) as u32, floor(self.op(area.bottom())) as u32];
        Region {
            track,
            bytes: [bytes[0], bytes[1].max(bytes[0].saturating_add(1))],
            ops: [ops[0], ops[1].max(ops[0].saturating_add(1))],
        }
    }
}

impl TrackPanel {
    pub fn ui(&mut self, ui: &mut Ui, cx: &mut ViewContext<'_>, gpu: &mut FrameGpu<'_>, track: Track, height: f32) {
        let Some(document) = cx.document() else { return };
        let layout = document.layouts(cx.state.heat.order)[track as usize];
        let (outer, _) = ui.allocate_exact_size(Vec2::new(ui.available_width(), height), Sense::hover());
        let top = outer.top() + BAND_POINTS + RULER_POINTS;
        let rect = Rect::from_min_max(
            Pos2::new(outer.left() + GUTTER_POINTS, top),
            Pos2::new(outer.right(), (outer.bottom() - MINIMAP_POINTS - 2.0).max(top + 8.0)),
        );
        self.rect = Some(rect);
        let per_point = ui.pixels_per_point();
        let size_px = [rect.width(), rect.height()].map(|side| (side * per_point).round() as u32);
        let (texture, fresh) = self.canvas.ready(gpu, size_px);
        if fresh {
            self.painted = None;
        }
        let response = ui.interact(rect, ui.scope_id().with(("track", track.label())), Sense::click_and_drag());
        ui.painter().image(texture, rect, Rect::from_min_max(Pos2::ZERO, Pos2::new(1.0, 1.0)), Color32::WHITE);
        let scale = Scale { rect, bytes: cx.state.heat.bytes[track as usize].now(), ops: cx.state.heat.ops.now() };
        ruler(ui, &scale, outer.top() + BAND_POINTS);
        bands(ui, cx.state, &document, layout, &scale, outer.top());
        pass_lines(ui, &document.trace, &scale, outer.left());
        outlines(ui, cx.state, &scale, track);
        minimap(
            ui,
            cx.state,
            &scale,
            layout.bytes,
            Rect::from_min_max(Pos2::new(rect.left(), outer.bottom() - MINIMAP_POINTS), outer.right_bottom()),
        );
        ui.painter().text(
            outer.left_top() + Vec2::new(2.0, 1.0),
            Align2::LEFT_TOP,
            format!("{}\n{}", track.label(), units::bytes(layout.bytes)),
            FontId::proportional(10.0),
            ui.visuals().text_color(),
        );
        let under = response.hover_pos().map(|at| cell(&scale, track, at, per_point));
        let found = under.map(|region| probe::touched(&document.trace, layout, &region, phase_bits(cx.state.phase)));
        if let (Some(region), Some(found)) = (under, &found) {
            *cx.hover = found.first().map(item).or(*cx.hover);
            response.clone().on_hover_text_at_pointer(tooltip(&document, layout, &region, found));
        }
        let there =
            under.and_then(|region| layout.tensor_at(&document.trace, region.bytes[0])).map(|(tensor, _)| tensor);
        let touched = found.as_ref().and_then(|found| found.first().copied());
        self.mouse(ui, cx, &response, &scale, track, Hit { touched, tensor: there });
        let label = accessible(&document, layout, &scale, under, found.as_deref());
        response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Image, true, &label));
    }

    fn mouse(
        &self,
        ui: &Ui,
        cx: &mut ViewContext<'_>,
        response: &egui::Response,
        scale: &Scale,
        track: Track,
        hit: Hit,
    ) {
        let (mouse, drawn) = gesture(ui, response);
        draw_box(ui, drawn);
        let rect = scale.rect;
        let quick = Motion { duration_ms: 150.0, ..Motion::default() };
        match mouse {
            Some(Gesture::Pan(by)) => {
                // Bytes move on this track only; time is shared.
                let shift = -f64::from(by.x / rect.width()) * scale.bytes.len();
                let rows = -f64::from(by.y / rect.height()) * scale.ops.len();
                let extent = cx.state.track_bytes(track) as f64;
                let bytes = Span::new(scale.bytes.start + shift, scale.bytes.end + shift)
                    .within(extent, scale.bytes.len().min(extent));
                let op_count = cx.state.op_count() as f64;
                let ops = Span::new(scale.ops.start + rows, scale.ops.end + rows)
                    .within(op_count, scale.ops.len().min(op_count));
                cx.act(Action::ShowSpan { track, bytes, ops, motion: Motion::default() });
            }
            Some(Gesture::Zoom { factor, at, modifiers }) => {
                let axes = match (modifiers.shift, modifiers.alt) {
                    (true, _) => Axes::Bytes,
                    (_, true) => Axes::Ops,
                    _ => Axes::Both,
                };
                cx.act(Action::Zoom {
                    view: View::Heatmap,
                    factor: f64::from(factor),
                    x: f64::from((at.x - rect.left()) / rect.width()),
                    y: f64::from((at.y - rect.top()) / rect.height()),
                    track: Some(track),
                    axes,
                    motion: Motion::default(),
                });
            }
            Some(Gesture::Box(area)) => {
                let region = scale.region(track, area);
                let target = ZoomTarget::Range { track, bytes: region.bytes, ops: Some(region.ops) };
                cx.act(Action::ZoomTo { target, motion: quick });
            }
            Some(Gesture::Select(area)) => cx.select_item(Item::Region(scale.region(track, area))),
            Some(Gesture::Click(_)) => match hit.touched {
                Some(touched) => cx.select_item(item(&touched)),
                // What nothing touches here is a tensor all the same.
                None => match hit.tensor {
                    Some(tensor) => cx.select_item(Item::Tensor(tensor)),
                    None => cx.select(None),
                },
            },
            Some(Gesture::DoubleClick(_)) => match hit.touched {
                Some(touched) => {
                    let tensor = crate::analysis::filter::TensorRef::Number(touched.tensor);
                    cx.act(Action::ZoomTo { target: ZoomTarget::Tensor(tensor), motion: quick });
                }
                None => cx.act(Action::Fit { view: View::Heatmap, motion: quick }),
            },
            None => {}
        }
    }
}

fn item(touched: &Touched) -> Item {
    match touched.expert {
        Some(expert) => Item::Expert { tensor: touched.tensor, expert },
        None => Item::Tensor(touched.tensor),
    }
}

/// Bytes and ops of the pixel under the cursor.
fn cell(scale: &Scale, track: Track, at: Pos2, pixels_per_point: f32) -> Region {
    let half = 0.5 / pixels_per_point;
    scale.region(track, Rect::from_center_size(at, Vec2::splat(2.0 * half)))
}

fn tooltip(document: &Document, layout: &TrackLayout, region: &Region, found: &[Touched]) -> String {
    let trace = &document.trace;
    let mut text = format!(
        "{} byte {} to {}\nops {} to {}",
        layout.track.label(),
        units::count(region.bytes[0]),
        units::count(region.bytes[1] - 1),
        units::count(region.ops[0].into()),
        units::count((region.ops[1] - 1).into()),
    );
    if let Some(pass) = trace.ops.pass.get(region.ops[0] as usize) {
        text.push_str(&format!(", {}", describe::title(document, Item::Pass(*pass))));
    }
    for touched in found.iter().take(4) {
        let tensor = &trace.tensors[touched.tensor as usize];
        let expert = touched.expert.map_or_else(String::new, |e| format!(" expert {e}"));
        let layer = tensor.layer.map_or_else(String::new, |l| format!(", layer {l}"));
        text.push_str(&format!(
            "\n\n{}{expert}\n{}{layer}\n{} reads, {} writes, {} here",
            tensor.name,
            units::bytes(tensor.bytes),
            units::count(touched.reads),
            units::count(touched.writes),
            units::bytes(touched.bytes),
        ));
    }
    if found.len() > 4 {
        text.push_str(&format!("\n\nand {} more", found.len() - 4));
    }
    if found.is_empty() {
        let there = layout.tensor_at(trace, region.bytes[0]).map(|(t, _)| trace.tensors[t as usize].name.as_str());
        text.push_str(&format!("\n\n{}\nnot touched here", there.unwrap_or("no tensor")));
    }
    text
}

fn accessible(
    document: &Document,
    layout: &TrackLayout,
    scale: &Scale,
    under: Option<Region>,
    found: Option<&[Touched]>,
) -> String {
    let mut label = format!(
        "{} heatmap, bytes {} to {}, ops {} to {}",
        layout.track.label(),
        units::count(scale.bytes.start as u64),
        units::count(scale.bytes.end as u64),
        units::count(scale.ops.start as u64),
        units::count(scale.ops.end as u64),
    );
    if under.is_some()
        && let Some(touched) = found.and_then(|f| f.first())
    {
        label.push_str(&format!(", under the cursor {}", describe::title(document, item(touched))));
    }
    label
}

/// Ticks at round numbers of bytes.
fn ruler(ui: &Ui, scale: &Scale, top: f32) {
    let painter = ui.painter();
    let ink = ui.visuals().weak_text_color();
    let wanted = scale.bytes.len() * 90.0 / f64::from(scale.rect.width().max(1.0));
    let step = 2_f64.powf(wanted.max(1.0).log2().ceil());
    for tick in units::ticks(scale.bytes.start, scale.bytes.end, step) {
        let x = scale.x(tick);
        painter.line_segment([Pos2::new(x, top + RULER_POINTS - 4.0), Pos2::new(x, top + RULER_POINTS)], (1.0, ink));
        let text = if step < 1024.0 { units::count(tick as u64) } else { units::bytes(tick as u64) };
        if x + 50.0 < scale.rect.right() {
            painter.text(Pos2::new(x + 2.0, top), Align2::LEFT_TOP, text, FontId::proportional(9.5), ink);
        }
    }
}

/// Layers and, where they are wide enough, tensors; buffers where bytes are reused.
fn bands(ui: &Ui, state: &AppState, document: &Document, layout: &TrackLayout, scale: &Scale, top: f32) {
    let trace = &document.trace;
    let clip = Rect::from_min_max(Pos2::new(scale.rect.left(), top), Pos2::new(scale.rect.right(), top + BAND_POINTS));
    let painter = ui.painter_at(clip);
    let ink = ui.visuals().text_color();
    let band = |start: f64, end: f64, fill: Color32, text: &str| {
        let (left, right) = (scale.x(start).max(clip.left()), scale.x(end).min(clip.right()));
        if right <= left {
            return;
        }
        let area = Rect::from_min_max(
            Pos2::new(left, top + 1.0),
            Pos2::new((right - 0.5).max(left + 0.5), top + BAND_POINTS - 1.0),
        );
        painter.rect_filled(area, 0.0, fill);
        if right - left > LABEL_POINTS {
            ui.painter_at(area).text(
                area.left_center() + Vec2::new(2.0, 0.0),
                Align2::LEFT_CENTER,
                text,
                FontId::proportional(9.5),
                ink,
            );
        }
    };
    if layout.track == Track::Buffer && layout.order == Order::File {
        for (i, (base, bytes, name)) in layout.homes.iter().enumerate() {
            band(*base as f64, base.saturating_add(*bytes) as f64, theme::layer(Some(i as u32), state.theme), name);
        }
        return;
    }
    let end_of = |t: u32| layout.bases[t as usize].saturating_add(trace.tensors[t as usize].bytes) as f64;
    let first = layout.by_base.partition_point(|&t| end_of(t) <= scale.bytes.start);
    let last = layout.by_base.partition_point(|&t| (layout.bases[t as usize] as f64) < scale.bytes.end);
    let visible = layout.by_base.get(first..last).unwrap_or_default();
    if visible.len() <= MOST_BANDS.min((scale.rect.width() / 14.0) as usize) {
        for (i, &t) in visible.iter().enumerate() {
            let tensor = &trace.tensors[t as usize];
            // Neighbours of one layer need an edge between them.
            let fill = theme::layer(tensor.layer, state.theme);
            let fill = if i % 2 == 0 { fill } else { fill.gamma_multiply(0.8) };
            band(layout.bases[t as usize] as f64, end_of(t), fill, &tensor.name);
        }
        return;
    }
    let mut run: Option<(Option<u32>, f64, f64)> = None;
    for &t in visible {
        let tensor_layer = trace.tensors[t as usize].layer;
        let (start, end) = (layout.bases[t as usize] as f64, end_of(t));
        match &mut run {
            Some((layer, _, until)) if *layer == tensor_layer => *until = end,
            _ => {
                if let Some((layer, from, until)) = run.replace((tensor_layer, start, end)) {
                    band(from, until, theme::layer(layer, state.theme), &layer_label(layer));
                }
            }
        }
    }
    if let Some((layer, from, until)) = run {
        band(from, until, theme::layer(layer, state.theme), &layer_label(layer));
    }
}

fn layer_label(layer: Option<u32>) -> String {
    layer.map_or_else(|| "no layer".to_owned(), |l| format!("L{l}"))
}

/// Where passes begin, with their numbers beside the canvas.
fn pass_lines(ui: &Ui, trace: &Trace, scale: &Scale, left: f32) {
    let painter = ui.painter();
    let ink = ui.visuals().weak_text_color();
    let mut last_label = f32::NEG_INFINITY;
    let mut last_line = f32::NEG_INFINITY;
    let first = trace.passes.partition_point(|p| f64::from(p.first_op) + f64::from(p.ops) <= scale.ops.start);
    for (k, pass) in trace.passes.iter().enumerate().skip(first) {
        if f64::from(pass.first_op) > scale.ops.end {
            break;
        }
        let y = scale.y(f64::from(pass.first_op)).max(scale.rect.top());
        if y - last_line > 3.0 {
            painter.line_segment([Pos2::new(scale.rect.left() - 5.0, y), Pos2::new(scale.rect.left(), y)], (1.0, ink));
            last_line = y;
        }
        if y - last_label > 11.0 && y < scale.rect.bottom() - 9.0 {
            let color = theme::phase(pass.phase);
            painter.text(
                Pos2::new(left + 2.0, y),
                Align2::LEFT_TOP,
                format!("pass {k}"),
                FontId::proportional(9.5),
                color,
            );
            last_label = y;
        }
    }
}

/// The selection's bytes and ops.
fn outlines(ui: &Ui, state: &AppState, scale: &Scale, track: Track) {
    let painter = ui.painter_at(scale.rect);
    let (top, bottom) = match state.links.ops {
        Some(ops) => (scale.y(f64::from(ops[0])), scale.y(f64::from(ops[1])).max(scale.y(f64::from(ops[0])) + 2.0)),
        None => (scale.rect.top(), scale.rect.bottom()),
    };
    if let Some(ops) = state.links.ops {
        for y in [scale.y(f64::from(ops[0])), scale.y(f64::from(ops[1]))] {
            painter.line_segment(
                [Pos2::new(scale.rect.left(), y), Pos2::new(scale.rect.right(), y)],
                (1.0, theme::SELECTED.gamma_multiply(0.5)),
            );
        }
    }
    for range in state.links.bytes[track as usize].iter().take(MOST_OUTLINES) {
        let left = scale.x(range[0] as f64);
        let right = scale.x(range[1] as f64).max(left + 2.0);
        if right < scale.rect.left() || left > scale.rect.right() {
            continue;
        }
        let area = Rect::from_min_max(Pos2::new(left, top), Pos2::new(right, bottom)).intersect(scale.rect.expand(2.0));
        painter.rect_filled(area, 0.0, theme::SELECTED.gamma_multiply(0.10));
        painter.rect_stroke(area, 0.0, (1.0, theme::SELECTED), egui::StrokeKind::Inside);
    }
}

/// Which part of the track is seen.
fn minimap(ui: &Ui, state: &AppState, scale: &Scale, bytes: u64, area: Rect) {
    let painter = ui.painter();
    painter.rect_filled(area, 2.0, theme::faint(state.theme));
    let extent = (bytes as f64).max(1.0);
    let at = |byte: f64| area.left() + (byte / extent).clamp(0.0, 1.0) as f32 * area.width();
    let left = at(scale.bytes.start).min(area.right() - 3.0);
    let seen =
        Rect::from_min_max(Pos2::new(left, area.top()), Pos2::new(at(scale.bytes.end).max(left + 3.0), area.bottom()));
    painter.rect_filled(seen, 2.0, ui.visuals().text_color().gamma_multiply(0.6));
}
