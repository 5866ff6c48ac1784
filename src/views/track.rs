//! One track of the heatmap: its map, ruler, bands and margins, and what the mouse finds there.

use std::sync::Arc;

use egui::{Align2, Color32, FontId, Pos2, Rect, Sense, Stroke, Ui, Vec2};

use super::bands::{self, Band};
use super::heat_cells::{Cells, Looked};
use super::heat_engine::{HeatEngine, Source};
use super::pointer::{Gesture, draw_box, gesture};
use super::{ViewContext, describe, heat_margins, item_menu, theme};
use crate::analysis::filter::{Region, TensorRef};
use crate::analysis::links::Item;
use crate::analysis::probe::{self, Touched};
use crate::analysis::row_axis::{RowAxis, Rows};
use crate::gpu::FrameGpu;
use crate::gpu::canvas::Canvas;
use crate::gpu::heat_draw::HeatTarget;
use crate::gpu::text::TextLayer;
use crate::kernel_io::heat::HeatLevel;
use crate::state::camera::{Motion, Span};
use crate::state::{Action, AppState, Axes, Document, View, ZoomTarget};
use crate::trace::tracks::{Order, TrackLayout, phase_bits};
use crate::trace::{Trace, Track};
use crate::units;

const GUTTER_POINTS: f32 = 58.0;
const RULER_POINTS: f32 = 13.0;
const STRIP_POINTS: f32 = 13.0;
const RIBBON_POINTS: f32 = 34.0;
const COLUMNS_POINTS: f32 = 16.0;
const ROWS_POINTS: f32 = 20.0;
const MINIMAP_POINTS: f32 = 7.0;
const GAP: f32 = 2.0;
/// Tracks lower than this have no margin of sums below them.
const LOW_POINTS: f32 = 150.0;
const MOST_OUTLINES: usize = 300;
const QUICK: Motion = Motion { duration_ms: 150.0, easing: crate::state::camera::Easing::EaseInOut };

/// A track's canvas, and what is on it.
#[derive(Default)]
pub struct TrackPanel {
    pub canvas: Canvas,
    pub target: HeatTarget,
    pub text: Option<TextLayer>,
    /// What the last layout wants drawn, until it is.
    pub shown: Option<Shown>,
    pub painted: Option<super::heatmap::Painted>,
    /// The level that was last shown, for the legend.
    pub level: Option<HeatLevel>,
    probed: Option<(Probed, Vec<Touched>)>,
}

/// What is to be drawn of a track.
pub struct Shown {
    pub source: Source,
    pub level: HeatLevel,
    pub cells: Cells,
    pub bands: Vec<Band>,
    pub strip_count: usize,
    pub strip_px: u32,
    pub font_px: f32,
}

/// What a probe was asked.
#[derive(Clone, Copy, PartialEq)]
struct Probed {
    document: u64,
    region: Region,
    order: Order,
    phases: u32,
}

/// Where the parts of a track are on screen.
#[derive(Debug, Clone, Copy)]
pub struct Parts {
    pub ribbon: Option<Rect>,
    pub ruler: Rect,
    pub strips: Rect,
    pub map: Rect,
    pub columns: Option<Rect>,
    pub rows: Rect,
    pub bytes_seen: Rect,
    pub ops_seen: Rect,
}

impl Parts {
    fn of(outer: Rect, strip_count: usize, ribbon: bool) -> Self {
        let left = outer.left() + GUTTER_POINTS;
        let right = (outer.right() - ROWS_POINTS - MINIMAP_POINTS - 2.0 * GAP).max(left + 8.0);
        let low = outer.height() < LOW_POINTS;
        let ribbon_bottom = outer.top() + if ribbon { RIBBON_POINTS } else { 0.0 };
        let ruler_bottom = ribbon_bottom + RULER_POINTS;
        let strips_bottom = ruler_bottom + strip_count as f32 * STRIP_POINTS;
        let below = MINIMAP_POINTS + GAP + if low { 0.0 } else { COLUMNS_POINTS + GAP };
        let bottom = (outer.bottom() - below).max(strips_bottom + 8.0);
        let rect = |x0: f32, y0: f32, x1: f32, y1: f32| Rect::from_min_max(Pos2::new(x0, y0), Pos2::new(x1, y1));
        let minimap_top = bottom + below - MINIMAP_POINTS;
        Self {
            ribbon: ribbon.then(|| rect(left, outer.top(), right, ribbon_bottom)),
            ruler: rect(left, ribbon_bottom, right, ruler_bottom),
            strips: rect(left, ruler_bottom, right, strips_bottom),
            map: rect(left, strips_bottom, right, bottom),
            columns: (!low).then(|| rect(left, bottom + GAP, right, bottom + GAP + COLUMNS_POINTS)),
            rows: rect(right + GAP, strips_bottom, right + GAP + ROWS_POINTS, bottom),
            bytes_seen: rect(left, minimap_top, right, minimap_top + MINIMAP_POINTS),
            ops_seen: rect(outer.right() - MINIMAP_POINTS, strips_bottom, outer.right(), bottom),
        }
    }
}

/// What the cursor is on.
#[derive(Clone, Copy)]
struct Hit {
    /// What is touched there most often.
    touched: Option<Touched>,
    /// The tensor whose bytes lie there, touched or not.
    tensor: Option<u32>,
}

/// Where bytes and ops are on a map.
#[derive(Clone, Copy)]
pub struct Scale<'a> {
    pub rect: Rect,
    pub bytes: Span,
    pub ops: Span,
    pub axis: RowAxis<'a>,
}

impl Scale<'_> {
    pub fn x(&self, byte: f64) -> f32 {
        self.rect.left() + ((byte - self.bytes.start) / self.bytes.len()) as f32 * self.rect.width()
    }

    /// The part of the row axis that is seen.
    fn along(&self) -> Span {
        let (start, end) = (self.axis.at(self.ops.start), self.axis.at(self.ops.end));
        Span::new(start, end.max(start + 1e-9))
    }

    pub fn y(&self, op: f64) -> f32 {
        let along = self.along();
        let at = self.axis.at(op) + if op > self.ops.end { op - self.ops.end } else { 0.0 };
        self.rect.top() + ((at - along.start) / along.len()) as f32 * self.rect.height()
    }

    pub fn byte(&self, x: f32) -> f64 {
        self.bytes.start + f64::from((x - self.rect.left()) / self.rect.width()) * self.bytes.len()
    }

    pub fn op(&self, y: f32) -> f64 {
        let along = self.along();
        self.axis.op(along.start + f64::from((y - self.rect.top()) / self.rect.height()) * along.len())
    }

    /// The bytes and ops of a rectangle on the map, at least one of each.
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

    /// Ops that are seen once the map has moved by `points` downwards.
    fn moved(&self, points: f32) -> Span {
        let by = -f64::from(points / self.rect.height()) * self.along().len();
        let along = Span::new(self.along().start + by, self.along().end + by);
        let along = along.within(self.axis.end(), along.len().min(self.axis.end()));
        Span::new(self.axis.op(along.start), self.axis.op(along.end))
    }
}

impl TrackPanel {
    pub fn ui(
        &mut self,
        ui: &mut Ui,
        cx: &mut ViewContext<'_>,
        gpu: &mut FrameGpu<'_>,
        engine: &mut HeatEngine,
        (source, level): (Source, HeatLevel),
        height: f32,
    ) {
        let Some(document) = cx.document() else { return };
        let track = source.track;
        let layout = document.layout(track, source.order);
        let strip_count = bands::strips(&document, layout).len();
        let disk = track == Track::Disk;
        let ribbon = disk && (layout.order != Order::File || cx.state.heat.seeks);
        let (outer, _) = ui.allocate_exact_size(Vec2::new(ui.available_width(), height), Sense::hover());
        let parts = Parts::of(outer, strip_count, ribbon);
        let per_point = ui.pixels_per_point();
        let px = |points: f32| (points * per_point).round() as u32;
        let strip_px = px(STRIP_POINTS).max(1);
        let map_px = [px(parts.map.width()).max(1), px(parts.map.height()).max(1)];
        let canvas_px = [map_px[0], map_px[1] + strip_px * strip_count as u32];
        let (texture, fresh) = self.canvas.ready(gpu, canvas_px);
        if fresh {
            self.painted = None;
        }
        let axis = RowAxis::new(&document.trace, cx.state.heat.rows);
        let (bytes, ops) = (cx.state.heat.bytes[track as usize].now(), cx.state.heat.ops.now());
        let scale = Scale { rect: parts.map, bytes, ops, axis };
        let looked = Looked {
            bytes,
            extent: layout.bytes,
            ops,
            op_count: document.trace.op_count(),
            axis,
            size_px: [self.canvas.size_px()[0], map_px[1]],
        };
        let cells = Cells::of(&looked);
        let bands = bands::bands(&document, layout, bytes, map_px[0], cx.state.theme);

        let whole = Rect::from_min_max(parts.strips.min, parts.map.max);
        let uv = Rect::from_min_max(Pos2::ZERO, Pos2::new(1.0, 1.0));
        ui.painter().image(texture, whole, uv, Color32::WHITE);
        let id = ui.scope_id().with(("track", track.label()));
        let response = ui.interact(parts.map, id, Sense::click_and_drag());
        ruler(ui, &scale, parts.ruler);
        row_labels(ui, &document.trace, &scale, outer.left());
        ahead(ui, cx.state, &scale);
        outlines(ui, cx.state, &scale, track, parts.strips.top());
        let name = format!("{}\n{}", track.label(), units::bytes(layout.bytes));
        let font = FontId::proportional(10.0);
        let corner = outer.left_top() + Vec2::new(2.0, 1.0);
        ui.painter().text(corner, Align2::LEFT_TOP, name, font, ui.visuals().text_color());
        if track == Track::Buffer {
            lives(ui, &document, layout, &scale);
        }
        if let Some(area) = parts.ribbon {
            self.ribbon(ui, cx.state, engine, &document, layout, &scale, area);
        }
        strips_ui(ui, cx, &bands, &scale, track, parts.strips);
        let level = HeatLevel { kx: cells.kx, ky: cells.ky, ..level };
        let margins = heat_margins::Margins { document: &document, source, level, cells: &cells, scale: &scale, parts };
        heat_margins::ui(ui, cx, engine, &margins);

        let under = response.hover_pos().map(|at| cell(&scale, track, at, per_point));
        if let Some(region) = under {
            self.probe(&document, layout, region, phase_bits(cx.state.phase));
        }
        let found = under.and(self.probed.as_ref()).map(|(_, found)| found.as_slice());
        if let (Some(region), Some(found)) = (under, found) {
            *cx.hover = found.first().map(item).or(*cx.hover);
            let text = tooltip(&document, layout, engine, &region, found);
            response.clone().on_hover_text_at_pointer(text);
        }
        let there =
            under.and_then(|region| layout.tensor_at(&document.trace, region.bytes[0])).map(|(tensor, _)| tensor);
        let touched = found.and_then(|found| found.first().copied());
        mouse(ui, cx, &response, &scale, track, Hit { touched, tensor: there });
        let mut label = accessible(&document, layout, &scale, under, found);
        if let Some(op) = cx.state.playback.head {
            label.push_str(&format!(", filled to op {}", units::count(op.into())));
        }
        response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Image, true, &label));
        let font_px = 10.0 * per_point;
        self.level = Some(level);
        self.shown = Some(Shown { source, level, cells, bands, strip_count, strip_px, font_px });
    }

    /// Looks what is under the cursor, unless that was looked up for the last frame.
    fn probe(&mut self, document: &Arc<Document>, layout: &TrackLayout, region: Region, phases: u32) {
        let asked = Probed { document: document.number, region, order: layout.order, phases };
        if self.probed.as_ref().is_none_or(|(known, _)| *known != asked) {
            self.probed = Some((asked, probe::touched(&document.trace, layout, &region, phases)));
        }
    }

    /// In file order the jumps between reads, in others where tensors come from.
    #[expect(clippy::too_many_arguments, reason = "a part of `ui`, with what that knows")]
    fn ribbon(
        &self,
        ui: &Ui,
        state: &AppState,
        engine: &mut HeatEngine,
        document: &Arc<Document>,
        layout: &TrackLayout,
        scale: &Scale<'_>,
        area: Rect,
    ) {
        let painter = ui.painter_at(area);
        let ink = ui.visuals().text_color();
        let small = FontId::proportional(9.5);
        if layout.order != Order::File {
            let file = document.layout(Track::Disk, Order::File);
            moves(&painter, state, document, [file, layout], scale, area);
            let text = "from where it is in the file";
            label_on(ui, area.left_top() + Vec2::new(2.0, 0.0), text, small, ink);
            return;
        }
        let Some(pass) = state.pass_in_focus() else { return };
        let Some(seeks) = engine.seeks(document, pass) else { return };
        let stroke = Stroke::new(1.0, ink.gamma_multiply(0.35));
        for jump in &seeks.jumps {
            let (from, to) = (scale.x(jump.from as f64), scale.x(jump.to as f64));
            let outside = from.max(to) < area.left() || from.min(to) > area.right();
            if outside || (from - to).abs() < 1.0 {
                continue;
            }
            // Farther is higher; backwards is drawn as a skip forward is.
            let lift = ((from - to).abs() / area.width()).sqrt().min(1.0) * (area.height() - 4.0) * 4.0 / 3.0;
            let top = area.bottom() - lift;
            let points = [
                Pos2::new(from, area.bottom()),
                Pos2::new(from, top),
                Pos2::new(to, top),
                Pos2::new(to, area.bottom()),
            ];
            painter.add(egui::epaint::CubicBezierShape::from_points_stroke(
                points,
                false,
                Color32::TRANSPARENT,
                stroke,
            ));
        }
        let text = match seeks.sequence.shares() {
            None => format!("pass {pass}: no reads of the model files"),
            Some([reads, bytes]) => format!(
                "pass {pass}: {:.1} % of reads and {:.1} % of their bytes go on where the one before ended; {} jumps",
                reads * 100.0,
                bytes * 100.0,
                units::count(seeks.sequence.reads - seeks.sequence.sequential_reads)
            ),
        };
        label_on(ui, area.left_top() + Vec2::new(2.0, 0.0), &text, small, ink);
    }
}

/// Names and clicks of the bands.
fn strips_ui(ui: &Ui, cx: &mut ViewContext<'_>, bands: &[Band], scale: &Scale<'_>, track: Track, area: Rect) {
    let response = ui.interact(area, ui.scope_id().with(("strips", track.label())), Sense::click());
    let Some(at) = response.hover_pos().or(response.interact_pointer_pos()) else { return };
    let (strip, byte) = (((at.y - area.top()) / STRIP_POINTS) as usize, scale.byte(at.x));
    let hit = bands.iter().rev().find(|band| band.strip == strip && band.start <= byte && byte < band.end);
    let Some(band) = hit else { return };
    let size = units::bytes((band.end - band.start) as u64);
    let document = cx.document();
    let name = match (&document, band.item) {
        (Some(document), Some(item)) => describe::title(document, item),
        _ => band.text.clone(),
    };
    response.clone().on_hover_text_at_pointer(format!("{name}\n{size}"));
    if let Some(item) = band.item {
        *cx.hover = Some(item);
        if response.clicked() {
            cx.select_item(item);
        }
    }
    if response.double_clicked() {
        let target = match band.item {
            Some(Item::Tensor(tensor)) => ZoomTarget::Tensor(TensorRef::Number(tensor)),
            Some(Item::Layer(layer)) => ZoomTarget::Layer(layer),
            _ => ZoomTarget::Range { track, bytes: [band.start as u64, band.end as u64], ops: None },
        };
        cx.act(Action::ZoomTo { target, motion: QUICK });
    }
}

/// Text on a ground of its own, over lines.
fn label_on(ui: &Ui, at: Pos2, text: &str, font: FontId, ink: Color32) {
    let galley = ui.painter().layout_no_wrap(text.to_owned(), font, ink);
    let ground = Rect::from_min_size(at, galley.size()).expand2(Vec2::new(2.0, 0.0));
    ui.painter().rect_filled(ground, 2.0, ui.visuals().panel_fill.gamma_multiply(0.85));
    ui.painter().galley(at, galley, ink);
}

/// Lines from where tensors are in the file, all of it above, to where they are now.
fn moves(
    painter: &egui::Painter,
    state: &AppState,
    document: &Document,
    [file, now]: [&TrackLayout; 2],
    scale: &Scale<'_>,
    area: Rect,
) {
    const MOST_LINES: usize = 160;
    let above = |byte: f64| area.left() + (byte / (file.bytes as f64).max(1.0)) as f32 * area.width();
    let middle = |layout: &TrackLayout, t: u32| {
        layout.bases[t as usize] as f64 + document.trace.tensors[t as usize].bytes as f64 / 2.0
    };
    let visible: Vec<u32> = now
        .by_base
        .iter()
        .copied()
        .filter(|&t| (area.left()..=area.right()).contains(&scale.x(middle(now, t))))
        .collect();
    let line = |t: u32, width: f32, color: Color32| {
        let (top, bottom) = (above(middle(file, t)), scale.x(middle(now, t)));
        let third = area.height() * 0.45;
        let points = [
            Pos2::new(top, area.top()),
            Pos2::new(top, area.top() + third),
            Pos2::new(bottom, area.bottom() - third),
            Pos2::new(bottom, area.bottom()),
        ];
        let stroke = Stroke::new(width, color);
        painter.add(egui::epaint::CubicBezierShape::from_points_stroke(points, false, Color32::TRANSPARENT, stroke));
    };
    for &t in visible.iter().step_by(visible.len() / MOST_LINES + 1) {
        let color = theme::layer(document.trace.tensors[t as usize].layer, state.theme);
        line(t, 1.0, color);
    }
    for &t in
        state.links.tensors.iter().filter(|t| file.bases.get(**t as usize).is_some_and(|b| *b != u64::MAX)).take(20)
    {
        line(t, 2.0, theme::SELECTED);
    }
}

/// Where buffers were not alive: dimmed.
fn lives(ui: &Ui, document: &Document, layout: &TrackLayout, scale: &Scale<'_>) {
    let painter = ui.painter_at(scale.rect);
    let trace = &document.trace;
    let y_of = |ns: u64| scale.y(trace.ops.start_ns.partition_point(|&start| start < ns) as f64);
    let dim = ui.visuals().panel_fill.gamma_multiply(0.6);
    for ((base, bytes, _), buffer) in layout.homes.iter().zip(&trace.buffers) {
        let (left, right) = (scale.x(*base as f64), scale.x(base.saturating_add(*bytes) as f64));
        let part = |top: f32, bottom: f32| {
            let area = Rect::from_min_max(Pos2::new(left, top), Pos2::new(right, bottom)).intersect(scale.rect);
            if area.is_positive() {
                painter.rect_filled(area, 0.0, dim);
            }
        };
        let (first, last) = (scale.rect.top(), scale.rect.bottom());
        if let Some(begins) = buffer.alloc_ns {
            part(first, y_of(begins));
        }
        if let Some(ends) = buffer.free_ns {
            part(y_of(ends), last);
        }
        let edge = Stroke::new(1.0, ui.visuals().weak_text_color().gamma_multiply(0.5));
        if left > scale.rect.left() && left < scale.rect.right() {
            painter.line_segment([Pos2::new(left, first), Pos2::new(left, last)], edge);
        }
    }
}

fn mouse(ui: &Ui, cx: &mut ViewContext<'_>, response: &egui::Response, scale: &Scale<'_>, track: Track, hit: Hit) {
    let under = hit.touched.as_ref().map(item).or(hit.tensor.map(Item::Tensor));
    item_menu::on(response, cx, under);
    let (mouse, drawn) = gesture(ui, response);
    draw_box(ui, drawn);
    let rect = scale.rect;
    match mouse {
        Some(Gesture::Pan(by)) => {
            // Bytes move on this track only; time is shared.
            let shift = -f64::from(by.x / rect.width()) * scale.bytes.len();
            let extent = cx.state.track_bytes(track) as f64;
            let bytes = Span::new(scale.bytes.start + shift, scale.bytes.end + shift)
                .within(extent, scale.bytes.len().min(extent));
            let op_count = cx.state.op_count() as f64;
            let ops = scale.moved(by.y);
            let ops = ops.within(op_count, ops.len().min(op_count));
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
            cx.act(Action::ZoomTo { target, motion: QUICK });
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
                let tensor = TensorRef::Number(touched.tensor);
                cx.act(Action::ZoomTo { target: ZoomTarget::Tensor(tensor), motion: QUICK });
            }
            None => cx.act(Action::Fit { view: View::Heatmap, motion: QUICK }),
        },
        None => {}
    }
}

fn item(touched: &Touched) -> Item {
    match touched.expert {
        Some(expert) => Item::Expert { tensor: touched.tensor, expert },
        None => Item::Tensor(touched.tensor),
    }
}

/// Bytes and ops of the pixel under the cursor.
fn cell(scale: &Scale<'_>, track: Track, at: Pos2, pixels_per_point: f32) -> Region {
    let half = 0.5 / pixels_per_point;
    scale.region(track, Rect::from_center_size(at, Vec2::splat(2.0 * half)))
}

fn tooltip(
    document: &Arc<Document>,
    layout: &TrackLayout,
    engine: &mut HeatEngine,
    region: &Region,
    found: &[Touched],
) -> String {
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
    let op = |op: u32| format!("{} {}", units::count(op.into()), trace.op_name(op as usize));
    let touches = engine.touches(document);
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
        match touched.first_op == touched.last_op {
            true => text.push_str(&format!("\nhere by op {}", op(touched.first_op))),
            false => text.push_str(&format!("\nhere by ops {} to {}", op(touched.first_op), op(touched.last_op))),
        }
        if let Some([first, last]) = touches.and_then(|t| t.of(trace, touched.tensor, touched.expert)) {
            text.push_str(&format!("\nfirst touch {}, last touch {}", op(first), op(last)));
        }
    }
    if found.len() > 4 {
        text.push_str(&format!("\n\nand {} more", found.len() - 4));
    }
    if found.is_empty() {
        let there = layout.tensor_at(trace, region.bytes[0]).map(|(t, _)| t);
        text.push_str(&format!("\n\n{}", there.map_or("no tensor", |t| trace.tensors[t as usize].name.as_str())));
        match there.and_then(|t| touches?.of(trace, t, None)) {
            Some([first, last]) => {
                text.push_str(&format!("\nnot touched here; first touch {}, last touch {}", op(first), op(last)));
            }
            None if touches.is_some() && there.is_some() => text.push_str("\nnever touched"),
            None => text.push_str("\nnot touched here"),
        }
    }
    text
}

fn accessible(
    document: &Document,
    layout: &TrackLayout,
    scale: &Scale<'_>,
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
        label.push_str(&format!(
            ", under the cursor {}, {} accesses",
            describe::title(document, item(touched)),
            units::count(touched.reads + touched.writes)
        ));
    }
    label
}

/// Ticks at round numbers of bytes.
fn ruler(ui: &Ui, scale: &Scale<'_>, area: Rect) {
    let painter = ui.painter();
    let ink = ui.visuals().weak_text_color();
    let wanted = scale.bytes.len() * 90.0 / f64::from(scale.rect.width().max(1.0));
    let step = 2_f64.powf(wanted.max(1.0).log2().ceil());
    for tick in units::ticks(scale.bytes.start, scale.bytes.end, step) {
        let x = scale.x(tick);
        painter.line_segment([Pos2::new(x, area.bottom() - 4.0), Pos2::new(x, area.bottom())], (1.0, ink));
        let text = units::bytes_at(tick as u64, step);
        if x + 50.0 < scale.rect.right() {
            painter.text(Pos2::new(x + 2.0, area.top()), Align2::LEFT_TOP, text, FontId::proportional(9.5), ink);
        }
    }
}

/// Beside the map: where passes begin, with their tokens' text where it is known; times where rows are time.
fn row_labels(ui: &Ui, trace: &Trace, scale: &Scale<'_>, left: f32) {
    const APART: f32 = 12.0;
    const LINES_APART: f32 = 3.0;
    let painter = ui.painter();
    let ink = ui.visuals().weak_text_color();
    let tick = |y: f32| {
        let ends = [Pos2::new(scale.rect.left() - 5.0, y), Pos2::new(scale.rect.left(), y)];
        painter.line_segment(ends, (1.0, ink));
    };
    let label = |y: f32, text: String, color: Color32| {
        painter.text(Pos2::new(left + 2.0, y), Align2::LEFT_TOP, text, FontId::proportional(9.5), color);
    };
    if scale.axis.rows() == Rows::Time {
        let along = scale.along();
        let wanted = along.len() * 24.0 / f64::from(scale.rect.height().max(1.0));
        let decade = 10_f64.powf(wanted.max(1.0).log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|k| k * decade).into_iter().find(|step| *step >= wanted);
        let step = step.unwrap_or(decade * 10.0);
        for at in units::ticks(along.start, along.end, step) {
            let y = scale.rect.top() + ((at - along.start) / along.len()) as f32 * scale.rect.height();
            tick(y);
            if y < scale.rect.bottom() - 9.0 {
                label(y, units::duration(at as u64), ink);
            }
        }
        return;
    }
    let mut last_label = f32::NEG_INFINITY;
    let mut next = trace.passes.partition_point(|p| f64::from(p.first_op) + f64::from(p.ops) <= scale.ops.start);
    while let Some(pass) = trace.passes.get(next).filter(|pass| f64::from(pass.first_op) <= scale.ops.end) {
        let k = next;
        let y = scale.y(f64::from(pass.first_op)).max(scale.rect.top());
        tick(y);
        // Long runs have passes by the thousand: those that would have their line in this one's place are passed over.
        let apart = scale.op(y + LINES_APART);
        next = (k + 1).max(trace.passes.partition_point(|pass| f64::from(pass.first_op) <= apart));
        if y - last_label > APART && y < scale.rect.bottom() - 9.0 {
            let text = match &pass.text {
                Some(text) if text.chars().count() <= 8 => format!("{k} {}", text.trim()),
                _ => format!("pass {k}"),
            };
            label(y, text, theme::phase(pass.phase));
            last_label = y;
        }
    }
}

/// What the playhead has not come to yet is veiled: the map fills as the run is played.
fn ahead(ui: &Ui, state: &AppState, scale: &Scale<'_>) {
    let Some(op) = state.playback.head else { return };
    let rect = scale.rect;
    let y = scale.y(f64::from(op) + 1.0).clamp(rect.top(), rect.bottom());
    let painter = ui.painter();
    let veil = Rect::from_min_max(Pos2::new(rect.left(), y), rect.max);
    if veil.is_positive() {
        painter.rect_filled(veil, 0.0, theme::canvas(state.theme).gamma_multiply(0.82));
    }
    if (scale.ops.start..=scale.ops.end).contains(&f64::from(op)) {
        let ends = [Pos2::new(rect.left(), y), Pos2::new(rect.right(), y)];
        painter.line_segment(ends, (1.0, theme::playhead(state.theme)));
    }
}

/// The selection's bytes and ops, on the bands too.
fn outlines(ui: &Ui, state: &AppState, scale: &Scale<'_>, track: Track, bands_top: f32) {
    let painter = ui.painter_at(Rect::from_min_max(Pos2::new(scale.rect.left(), bands_top), scale.rect.max));
    let y = |op: u32| scale.y(f64::from(op)).clamp(scale.rect.top() - 4.0, scale.rect.bottom() + 4.0);
    let (top, bottom) = match state.links.ops {
        Some(ops) => (y(ops[0]), y(ops[1]).max(y(ops[0]) + 2.0)),
        None => (bands_top, scale.rect.bottom()),
    };
    if let Some(ops) = state.links.ops {
        for y in [y(ops[0]), y(ops[1])] {
            let ends = [Pos2::new(scale.rect.left(), y), Pos2::new(scale.rect.right(), y)];
            painter.line_segment(ends, (1.0, theme::SELECTED.gamma_multiply(0.5)));
        }
    }
    for range in state.links.bytes[track as usize].iter().take(MOST_OUTLINES) {
        let left = scale.x(range[0] as f64);
        let right = scale.x(range[1] as f64).max(left + 2.0);
        if right < scale.rect.left() || left > scale.rect.right() {
            continue;
        }
        let area = Rect::from_min_max(Pos2::new(left, top), Pos2::new(right, bottom));
        let area =
            area.intersect(Rect::from_min_max(Pos2::new(scale.rect.left(), bands_top), scale.rect.max).expand(2.0));
        painter.rect_filled(area, 0.0, theme::SELECTED.gamma_multiply(0.08));
        painter.rect_stroke(area, 0.0, (1.0, theme::SELECTED), egui::StrokeKind::Inside);
    }
}
