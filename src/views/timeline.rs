//! The timeline: passes, the layers they went through, and single ops where there is room for them.

use std::sync::Arc;

use egui::{Align2, Color32, FontId, Mesh, Pos2, Rect, Sense, Ui, Vec2};

use super::pointer::{Gesture, draw_box, gesture};
use super::{ViewContext, describe, theme};
use crate::analysis::links::Item;
use crate::state::camera::{Motion, Span};
use crate::state::{Action, Axes, Theme, View};
use crate::trace::Trace;
use crate::units;

const LANE_POINTS: f32 = 17.0;
const GUTTER_POINTS: f32 = 58.0;
const RULER_POINTS: f32 = 14.0;
/// Blocks narrower than this are joined with their neighbours into one, with the colour of the longest.
const LEAST_BLOCK_POINTS: f32 = 1.5;
const LABEL_POINTS: f32 = 30.0;
/// Share of the visible time by which a wheel turn scrolls that would zoom by a factor of e elsewhere.
const WHEEL_SHARE: f64 = 0.4;
/// How finely time is looked at where there are more ops than can be seen.
const MOMENTS_PER_POINT: f32 = 2.0;

pub fn ui(ui: &mut Ui, cx: &mut ViewContext<'_>) {
    let Some(document) = cx.document() else { return };
    let trace = &document.trace;
    controls(ui, cx);
    let (response, painter) = ui.allocate_painter(ui.available_size().max(Vec2::splat(20.0)), Sense::click_and_drag());
    let outer = response.rect;
    let rect = Rect::from_min_max(Pos2::new(outer.left() + GUTTER_POINTS, outer.top()), outer.max);
    let axis = TimeAxis { rect, span: cx.state.timeline.now() };
    painter.rect_filled(outer, 0.0, theme::canvas(cx.state.theme));
    ruler(ui, &axis);
    let lane = |k: usize| {
        let top = rect.top() + RULER_POINTS + k as f32 * (LANE_POINTS + 2.0);
        Rect::from_min_max(Pos2::new(rect.left(), top), Pos2::new(rect.right(), top + LANE_POINTS))
    };
    for (k, name) in ["passes", "layers", "ops"].into_iter().enumerate() {
        let at = Pos2::new(outer.left() + 4.0, lane(k).center().y);
        painter.text(at, Align2::LEFT_CENTER, name, FontId::proportional(10.0), ui.visuals().weak_text_color());
    }
    let lanes = [lane(0), lane(1), lane(2)];
    let key = Key { document: document.number, span: axis.span, rect, theme: cx.state.theme };
    let id = response.id.with("blocks");
    let known = ui.data(|data| data.get_temp::<(Key, Arc<Blocks>)>(id)).filter(|(of, _)| *of == key);
    let blocks = known.map_or_else(|| Arc::new(Blocks::of(trace, axis, lanes, cx.state.theme)), |(_, blocks)| blocks);
    ui.data_mut(|data| data.insert_temp(id, (key, blocks.clone())));
    ui.painter().add(egui::Shape::Mesh(blocks.mesh.clone()));
    for (area, text, ink) in &blocks.labels {
        let at = area.left_center() + Vec2::new(3.0, 0.0);
        ui.painter_at(*area).text(at, Align2::LEFT_CENTER, text, FontId::proportional(10.0), *ink);
    }
    // The selection's span, or the op that plays.
    if let Some(ops) = cx.state.links.ops.or(cx.state.links.first_op.map(|op| [op, op + 1])) {
        let start = trace.ops.start_ns.get(ops[0] as usize).copied().unwrap_or(0);
        let end = op_end(trace, (ops[1].max(1) - 1) as usize);
        let left = axis.x(start).clamp(rect.left(), rect.right());
        let right = axis.x(end).clamp(rect.left(), rect.right()).max(left + 2.0);
        let area = Rect::from_min_max(Pos2::new(left, rect.top()), Pos2::new(right, lane(2).bottom() + 2.0));
        ui.painter().rect_stroke(area, 0.0, (1.0, theme::SELECTED), egui::StrokeKind::Inside);
    }
    let (mouse, drawn) = gesture(ui, &response);
    draw_box(ui, drawn);
    let found = response.hover_pos().and_then(|at| {
        let k = (0..3).find(|&k| lane(k).contains(at))?;
        item_at(trace, axis.ns(at.x), k)
    });
    if let Some(item) = found {
        *cx.hover = Some(item);
        let time = match item {
            Item::Op(op) => {
                trace.ops.duration_ns.get(op as usize).map_or_else(String::new, |d| format!("\n{}", units::duration(d)))
            }
            Item::Pass(p) => trace.passes.get(p as usize).map_or_else(String::new, |p| {
                format!("\n{}, {} ops", units::duration(p.duration_ns), units::count(p.ops.into()))
            }),
            _ => String::new(),
        };
        response.clone().on_hover_text_at_pointer(format!("{}{time}", describe::title(&document, item).trim()));
    }
    super::item_menu::on(&response, cx, found);
    let quick = Motion { duration_ms: 150.0, ..Motion::default() };
    match mouse {
        Some(Gesture::Click(_)) => match found {
            Some(item) => cx.select_item(item),
            None => cx.select(None),
        },
        Some(Gesture::DoubleClick(_)) => cx.act(Action::Fit { view: View::Timeline, motion: quick }),
        Some(Gesture::Pan(by)) => {
            cx.act(Action::Pan {
                view: View::Timeline,
                dx: -f64::from(by.x / rect.width()),
                dy: 0.0,
                motion: Motion::default(),
            });
        }
        Some(Gesture::Zoom { factor, at, modifiers }) if modifiers.command => {
            cx.act(zoom(&axis, factor, at.x, Motion::default()));
        }
        // As in other timelines, the wheel alone scrolls.
        Some(Gesture::Zoom { factor, .. }) => {
            let dx = -f64::from(factor.ln()) * WHEEL_SHARE;
            cx.act(Action::Pan { view: View::Timeline, dx, dy: 0.0, motion: Motion::default() });
        }
        Some(Gesture::Box(area) | Gesture::Select(area)) => {
            cx.act(zoom(&axis, rect.width() / area.width().max(1.0), boxed_anchor(&axis, area), quick));
        }
        None => {}
    }
    let label = format!(
        "Timeline, {} to {}",
        units::duration(axis.span.start.max(0.0) as u64),
        units::duration(axis.span.end as u64)
    );
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Image, true, &label));
}

fn zoom(axis: &TimeAxis, factor: f32, x: f32, motion: Motion) -> Action {
    Action::Zoom {
        view: View::Timeline,
        factor: f64::from(factor),
        x: f64::from((x - axis.rect.left()) / axis.rect.width()),
        y: 0.5,
        track: None,
        axes: Axes::Both,
        motion,
    }
}

/// The point that must stay in place for `area` to fill the lane.
fn boxed_anchor(axis: &TimeAxis, area: Rect) -> f32 {
    let spare = axis.rect.width() - area.width();
    if spare < 1.0 {
        axis.rect.center().x
    } else {
        axis.rect.left() + (area.left() - axis.rect.left()) / spare * axis.rect.width()
    }
}

fn controls(ui: &mut Ui, cx: &mut ViewContext<'_>) {
    use crate::state::Stride;
    ui.horizontal(|ui| {
        let playing = cx.state.playback.playing;
        let play = if playing { "\u{23F8} Pause" } else { "\u{25B6} Play" };
        if ui.button(play).on_hover_text("Space").clicked() {
            cx.act(if playing { Action::Pause } else { Action::Play { ops_per_second: 30.0 } });
        }
        for (label, tip, by, back) in [
            ("\u{25C0} pass", "[", Stride::Pass, true),
            ("pass \u{25B6}", "]", Stride::Pass, false),
            ("\u{25C0} op", ",", Stride::Op, true),
            ("op \u{25B6}", ".", Stride::Op, false),
        ] {
            if ui.button(label).on_hover_text(tip).clicked() {
                cx.act(Action::Step { by, back });
            }
        }
        if let Some(op) = cx.state.current_op().filter(|_| cx.state.selection.is_some())
            && let Some(document) = cx.document()
        {
            ui.weak(describe::title(&document, Item::Op(op)).trim());
        }
    });
}

#[derive(Clone, Copy)]
struct TimeAxis {
    rect: Rect,
    span: Span,
}

impl TimeAxis {
    fn x(&self, ns: u64) -> f32 {
        self.rect.left() + ((ns as f64 - self.span.start) / self.span.len()) as f32 * self.rect.width()
    }

    fn ns(&self, x: f32) -> f64 {
        self.span.start + f64::from((x - self.rect.left()) / self.rect.width()) * self.span.len()
    }

    fn ns_per_point(&self) -> f64 {
        self.span.len() / f64::from(self.rect.width().max(1.0))
    }
}

/// What decides how the blocks look: as long as it stays, so do they.
#[derive(Clone, Copy, PartialEq)]
struct Key {
    document: u64,
    span: Span,
    rect: Rect,
    theme: Theme,
}

/// The blocks of all lanes, painted anew only when they change: long runs have thousands.
struct Blocks {
    mesh: Arc<Mesh>,
    labels: Vec<(Rect, String, Color32)>,
}

impl Blocks {
    fn of(trace: &Trace, axis: TimeAxis, lanes: [Rect; 3], shown: Theme) -> Self {
        let mut mesh = Mesh::default();
        let mut labels = Vec::new();
        let mut block = |lane: Rect, start: u64, end: u64, fill: Color32, label: &str| {
            let left = axis.x(start).max(lane.left());
            let right = axis.x(end).min(lane.right());
            if right < lane.left() || left > lane.right() {
                return;
            }
            let right = (right - 0.5).max(left + 1.0);
            let area = Rect::from_min_max(Pos2::new(left, lane.top()), Pos2::new(right, lane.bottom()));
            mesh.add_colored_rect(area, fill);
            if area.width() > LABEL_POINTS {
                labels.push((area, label.to_owned(), theme::ink_on(fill)));
            }
        };
        let mut painted_to = f32::NEG_INFINITY;
        for (k, pass) in trace.passes.iter().enumerate() {
            let end = pass.start_ns.saturating_add(pass.duration_ns);
            // Passes that share a pixel are one block.
            if axis.x(end) < painted_to + 0.75 {
                continue;
            }
            painted_to = axis.x(end);
            let label = pass.text.clone().unwrap_or_else(|| format!("pass {k} {}", pass.phase.label()));
            block(lanes[0], pass.start_ns, end, theme::phase(pass.phase).gamma_multiply(0.75), &label);
        }
        let seen = seen_ops(trace, &axis);
        layer_blocks(trace, seen.iter().copied(), |start, end, layer, label| {
            block(lanes[1], start, end, theme::layer(layer, shown), label);
        });
        op_blocks(trace, seen.iter().copied(), &axis, |start, end, op, color| {
            block(lanes[2], start, end, color, trace.op_name(op));
        });
        Self { mesh: Arc::new(mesh), labels }
    }
}

fn ruler(ui: &Ui, axis: &TimeAxis) {
    let wanted = axis.ns_per_point() * 110.0;
    let magnitude = 10_f64.powf(wanted.max(1.0).log10().floor());
    let step =
        [1.0, 2.0, 5.0, 10.0].into_iter().map(|m| m * magnitude).find(|s| *s >= wanted).unwrap_or(magnitude * 10.0);
    let ink = ui.visuals().weak_text_color();
    for tick in units::ticks(axis.span.start.max(0.0), axis.span.end, step) {
        let x = axis.x(tick as u64);
        let painter = ui.painter();
        painter.line_segment(
            [Pos2::new(x, axis.rect.top() + 10.0), Pos2::new(x, axis.rect.top() + RULER_POINTS)],
            (1.0, ink),
        );
        if x + 60.0 < axis.rect.right() {
            painter.text(
                Pos2::new(x + 2.0, axis.rect.top()),
                Align2::LEFT_TOP,
                units::duration(tick as u64),
                FontId::proportional(9.5),
                ink,
            );
        }
    }
}

/// The ops that begin or last within the axis; of many more than there are points, those that run at evenly spaced
/// times. Each comes with the time until which it stands. Stamps mostly rise; where they do not, a few ops are missed.
fn seen_ops(trace: &Trace, axis: &TimeAxis) -> Vec<(usize, u64)> {
    let starts = &trace.ops.start_ns;
    let first = starts.partition_point(|&t| (t as f64) < axis.span.start).saturating_sub(1);
    let last = starts.partition_point(|&t| (t as f64) <= axis.span.end).max(first);
    let moments = (axis.rect.width() * MOMENTS_PER_POINT) as usize;
    if last - first <= 4 * moments {
        return (first..last).map(|op| (op, op_end(trace, op))).collect();
    }
    let at = |k: usize| axis.span.start + (k as f64 + 0.5) / moments as f64 * axis.span.len();
    let mut seen: Vec<usize> =
        (0..moments).filter_map(|k| starts.partition_point(|&t| t as f64 <= at(k)).checked_sub(1)).collect();
    seen.dedup();
    let until = |(i, &op): (usize, &usize)| {
        let next = seen.get(i + 1).filter(|&&next| trace.ops.pass[next] == trace.ops.pass[op]);
        (op, next.map_or_else(|| op_end(trace, op), |&next| starts[next].max(starts[op])))
    };
    seen.iter().enumerate().map(until).collect()
}

/// The end of an op, or its start where the recorder saw none.
fn op_end(trace: &Trace, op: usize) -> u64 {
    let start = trace.ops.start_ns.get(op).copied().unwrap_or(0);
    start.saturating_add(trace.ops.duration_ns.get(op).unwrap_or(0))
}

/// Runs of ops of one layer.
fn layer_blocks(
    trace: &Trace,
    ops: impl Iterator<Item = (usize, u64)>,
    mut block: impl FnMut(u64, u64, Option<u32>, &str),
) {
    let mut run: Option<(u64, u64, Option<u32>, u32)> = None;
    for (op, end) in ops {
        let (layer, pass) = (trace.ops.layer.get(op), trace.ops.pass[op]);
        match &mut run {
            Some((_, until, of, in_pass)) if *of == layer && *in_pass == pass => *until = end,
            _ => {
                if let Some((start, until, of, _)) = run.replace((trace.ops.start_ns[op], end, layer, pass)) {
                    emit(start, until, of, &mut block);
                }
            }
        }
    }
    if let Some((start, until, of, _)) = run {
        emit(start, until, of, &mut block);
    }
    fn emit(start: u64, end: u64, layer: Option<u32>, block: &mut impl FnMut(u64, u64, Option<u32>, &str)) {
        let label = layer.map_or_else(String::new, |l| format!("L{l}"));
        block(start, end, layer, &label);
    }
}

/// Ops, with those too small to see joined into a block of the colour of the longest.
fn op_blocks(
    trace: &Trace,
    ops: impl Iterator<Item = (usize, u64)>,
    axis: &TimeAxis,
    mut block: impl FnMut(u64, u64, usize, Color32),
) {
    let least_ns = (axis.ns_per_point() * f64::from(LEAST_BLOCK_POINTS)) as u64;
    let mut open: Option<(u64, u64, usize, u64)> = None;
    for (op, end) in ops {
        let start = trace.ops.start_ns[op];
        let duration = end - start;
        match &mut open {
            Some((from, until, longest, most)) if end.saturating_sub(*from) < least_ns => {
                *until = end;
                if duration > *most {
                    (*longest, *most) = (op, duration);
                }
            }
            _ => {
                if let Some((from, until, longest, _)) = open.replace((start, end, op, duration)) {
                    block(from, until, longest, op_color(trace.ops.kind[longest]));
                }
            }
        }
    }
    if let Some((from, until, longest, _)) = open {
        block(from, until, longest, op_color(trace.ops.kind[longest]));
    }
}

/// A hue for every kind of op, the same in every frame of a run.
fn op_color(kind: u32) -> Color32 {
    // Steps by the golden angle keep any few kinds apart.
    let hue = (kind as f32 * 0.618_034).fract();
    egui::ecolor::Hsva::new(hue, 0.45, 0.62, 1.0).into()
}

fn item_at(trace: &Trace, ns: f64, lane: usize) -> Option<Item> {
    let op = trace.ops.start_ns.partition_point(|&t| t as f64 <= ns).checked_sub(1)?;
    Some(match lane {
        0 => Item::Pass(trace.ops.pass[op]),
        1 => Item::Layer(trace.ops.layer.get(op)?),
        _ => Item::Op(op as u32),
    })
}
