//! The timeline: passes, the layers they went through and their ops in time, what of it is selected, and the playhead.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use egui::{Align2, FontId, Pos2, Rect, Sense, Ui, Vec2};

use super::pointer::{Gesture, draw_box, gesture};
use super::timeline_lanes::LanesPicture;
use super::timeline_ruler::{self, RULER_POINTS, TimeAxis};
use super::timeline_span::SpanDrag;
use super::{ViewContext, describe, theme, timeline_controls};
use crate::analysis::background::Background;
use crate::analysis::lanes::{Lane, Lanes, Walk};
use crate::analysis::links::Item;
use crate::analysis::op_times::{Known, op_start_ns, op_time, range_where};
use crate::state::camera::Motion;
use crate::state::{Action, AppState, Axes, Document, View};
use crate::trace::{Phase, Trace};
use crate::units;

const GUTTER_POINTS: f32 = 58.0;
const GAP: f32 = 2.0;
/// Heights that a lane has, with little room and with much.
const LANE_POINTS: [f32; 2] = [14.0, 300.0];
/// Enough for passes, which have little to tell apart; with much room they take this share of it.
const PASS_POINTS: f32 = 26.0;
const PASS_SHARE: f32 = 0.12;
/// Share of the visible time by which a wheel turn scrolls that would zoom by a factor of e elsewhere.
const WHEEL_SHARE: f64 = 0.4;
/// Runs of no more ops are summed up within a frame.
const SMALL_RUN: usize = 100_000;
/// What stands where nothing can stand in time.
const UNTIMED: &str = "recorded without times";
/// Kinds or layers that a tooltip names.
const NAMED: usize = 4;

/// What Space does.
pub fn play_or_pause(state: &AppState) -> Action {
    match state.playback.playing {
        true => Action::Pause,
        false => Action::Play { clock: None, speed: None, ops_per_second: None },
    }
}

/// What `L` does.
pub fn toggle_loop(state: &AppState) -> Option<Action> {
    let selected = selected_ops(state);
    match state.playback.looped {
        Some(looped) if selected.is_none_or(|ops| ops == looped) => Some(Action::LoopSpan { ops: None }),
        _ => selected.map(|ops| Action::LoopSpan { ops: Some(ops) }),
    }
}

/// The ops that are selected, where these are more than one.
pub fn selected_ops(state: &AppState) -> Option<[u32; 2]> {
    state.selection.and(state.links.ops).filter(|ops| ops[1] > ops[0].saturating_add(1))
}

/// From the first op that begins in what the timeline shows to behind the last. It looks through the run: for when
/// somebody asks.
pub fn visible_ops(state: &AppState) -> Option<[u32; 2]> {
    let trace = &state.document.as_ref()?.trace;
    let seen = state.timeline.goal();
    range_where(trace, |op| (seen.start..seen.end).contains(&(op_start_ns(trace, op) as f64)))
}

/// The ops of the pass that the playhead is in, or that is selected.
pub fn ops_of_pass(state: &AppState) -> Option<[u32; 2]> {
    let pass = state.document.as_ref()?.trace.pass_of(state.current_op()? as usize)?;
    Some([pass.first_op, pass.first_op.saturating_add(pass.ops)])
}

/// The panel's own memory: sums over the run's time, and what was painted of them.
#[derive(Default)]
pub struct TimelineView {
    document: Option<Arc<Document>>,
    worker: Option<Background<(), (u64, Lanes)>>,
    lanes: Option<Lanes>,
    fault: Option<String>,
    picture: LanesPicture,
    span: SpanDrag,
}

impl TimelineView {
    /// Has the run's time summed up, once. `wake` asks for a frame, from any thread.
    pub fn prepare(&mut self, state: &AppState, wake: impl Fn() + Send + 'static) {
        let Some(document) = &state.document else { return };
        if !self.document.as_ref().is_some_and(|known| Arc::ptr_eq(known, document)) {
            *self = Self { document: Some(document.clone()), ..Self::default() };
            if document.trace.op_count() <= SMALL_RUN {
                self.lanes = Lanes::of(&document.trace, &AtomicBool::new(false));
                return;
            }
            match Background::start(wake) {
                Ok(worker) => {
                    let document = document.clone();
                    worker.ask((), move |cancelled| {
                        let lanes = Lanes::of(&document.trace, cancelled);
                        // Selections look things up in it, and need not wait for it then.
                        document.op_index();
                        lanes.map(|lanes| (document.number, lanes))
                    });
                    self.worker = Some(worker);
                }
                Err(error) => self.fault = Some(format!("no thread to work in: {error}; close other programs")),
            }
        }
        let answer = self.worker.as_ref().and_then(Background::answer);
        if let Some((_, lanes)) = answer.filter(|(number, _)| *number == document.number) {
            (self.lanes, self.worker) = (Some(lanes), None);
        }
    }

    pub fn is_working(&self) -> bool {
        self.worker.as_ref().is_some_and(Background::is_busy)
    }

    pub fn ui(&mut self, ui: &mut Ui, cx: &mut ViewContext<'_>) {
        let Some(document) = cx.document() else { return };
        timeline_controls::ui(ui, cx, &document);
        let space = ui.available_size().max(Vec2::splat(20.0));
        let (response, painter) = ui.allocate_painter(space, Sense::click_and_drag());
        let outer = response.rect;
        let rect = Rect::from_min_max(Pos2::new(outer.left() + GUTTER_POINTS, outer.top()), outer.max);
        let axis = TimeAxis { rect, span: cx.state.timeline.now() };
        let rects = lane_rects(rect);
        let bottom = rects[2].bottom() + 1.0;
        painter.rect_filled(outer, 0.0, theme::canvas(cx.state.theme));
        for (lane, name) in rects.iter().zip(["passes", "layers", "ops"]) {
            let at = Pos2::new(outer.left() + 4.0, lane.center().y);
            painter.text(at, Align2::LEFT_CENTER, name, FontId::proportional(10.0), ui.visuals().weak_text_color());
        }
        let untimed = document.trace.op_count() > 0 && document.trace.duration_ns() == 0;
        let [start, end] = [axis.span.start.max(0.0), axis.span.end].map(|ns| units::duration(ns as u64));
        let mut label = if untimed { format!("Timeline, {UNTIMED}") } else { format!("Timeline, {start} to {end}") };
        if let Some(op) = cx.state.playback.head {
            label.push_str(&format!(", playhead at op {}", units::count(op.into())));
        }
        response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Image, true, &label));
        if untimed {
            let ink = ui.visuals().weak_text_color();
            painter.text(rect.center(), Align2::CENTER_CENTER, UNTIMED, FontId::proportional(11.0), ink);
            return;
        }
        match (&self.lanes, &self.fault) {
            (Some(lanes), _) => {
                self.picture.ui(ui, &document, lanes, &axis, rects, (cx.state.theme, cx.state.phase));
            }
            (None, fault) => {
                let words = fault.as_deref().unwrap_or("adding up\u{2026}");
                let ink = ui.visuals().weak_text_color();
                painter.text(rects[1].center(), Align2::CENTER_CENTER, words, FontId::proportional(11.0), ink);
            }
        }
        timeline_ruler::ui(ui, cx, &document, self.lanes.as_ref(), &axis);
        timeline_ruler::loop_bar(ui, cx, &document, &axis);
        outline(ui, cx.state, &document.trace, &axis, bottom);
        self.span.ui(ui, cx, &document, self.lanes.as_ref(), &axis, bottom);
        timeline_ruler::playhead(ui, cx, &document, &axis, bottom);
        self.mouse(ui, cx, &document, &response, &axis, rects);
    }

    fn mouse(
        &mut self,
        ui: &Ui,
        cx: &mut ViewContext<'_>,
        document: &Arc<Document>,
        response: &egui::Response,
        axis: &TimeAxis,
        rects: [Rect; 3],
    ) {
        let (rect, bottom) = (axis.rect, rects[2].bottom() + 1.0);
        let (mouse, drawn) = gesture(ui, response);
        let selects = ui.input(|i| i.modifiers.shift && !i.modifiers.command);
        match drawn.filter(|_| selects) {
            Some(area) => SpanDrag::draw(ui, document, self.lanes.as_ref(), axis, area, bottom),
            None => draw_box(ui, drawn),
        }
        let found = response.hover_pos().zip(self.lanes.as_ref()).and_then(|(at, lanes)| {
            let k = rects.iter().position(|rect| rect.contains(at))?;
            let lane = [&lanes.passes, &lanes.layers, &lanes.ops][k];
            under(document, lane, k, axis, at.x, ui.pixels_per_point())
        });
        let item = found.as_ref().and_then(|(item, _)| *item);
        if let Some((item, text)) = found {
            *cx.hover = item.or(*cx.hover);
            response.clone().on_hover_text_at_pointer(text);
        }
        super::item_menu::on(response, cx, item);
        let quick = Motion { duration_ms: 150.0, ..Motion::default() };
        match mouse {
            Some(Gesture::Click(_)) => match item {
                Some(item) => cx.select_item(item),
                None => cx.select(None),
            },
            Some(Gesture::DoubleClick(_)) => cx.act(Action::Fit { view: View::Timeline, motion: quick }),
            Some(Gesture::Pan(by)) => {
                let dx = -f64::from(by.x / rect.width());
                cx.act(Action::Pan { view: View::Timeline, dx, dy: 0.0, motion: Motion::default() });
            }
            Some(Gesture::Zoom { factor, at, modifiers }) if modifiers.command => {
                cx.act(zoom(axis, factor, at.x, Motion::default()));
            }
            // As in other timelines, the wheel alone scrolls.
            Some(Gesture::Zoom { factor, .. }) => {
                let dx = -f64::from(factor.ln()) * WHEEL_SHARE;
                cx.act(Action::Pan { view: View::Timeline, dx, dy: 0.0, motion: Motion::default() });
            }
            Some(Gesture::Box(area)) => {
                cx.act(zoom(axis, rect.width() / area.width().max(1.0), boxed_anchor(axis, area), quick));
            }
            Some(Gesture::Select(area)) => SpanDrag::select(ui, cx, document, self.lanes.as_ref(), axis, area),
            None => {}
        }
    }
}

/// Where the lanes are: as high as there is room for, that of passes the lowest.
fn lane_rects(rect: Rect) -> [Rect; 3] {
    let room = rect.height() - RULER_POINTS - 3.0 * GAP;
    let height = |wanted: f32| wanted.clamp(LANE_POINTS[0], LANE_POINTS[1]).floor();
    let least = PASS_POINTS.max(room * PASS_SHARE).min(room / 3.0);
    // What the others cannot use is theirs.
    let passes = height(least.max(room - 2.0 * LANE_POINTS[1]));
    let other = height((room - passes) / 2.0);
    let heights = [passes, other, other];
    let mut top = (rect.top() + RULER_POINTS + 1.0).round();
    heights.map(|height| {
        let lane = Rect::from_min_size(Pos2::new(rect.left(), top), Vec2::new(rect.width(), height));
        top += height + GAP;
        lane
    })
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

/// The selection's time, where it is no span of its own.
fn outline(ui: &Ui, state: &AppState, trace: &Trace, axis: &TimeAxis, bottom: f32) {
    let ops = match state.selection {
        Some(Item::Span(_)) => None,
        _ => state.links.ops.or(state.links.first_op.map(|op| [op, op + 1])),
    };
    let Some(ops) = ops else { return };
    let start = op_start_ns(trace, ops[0] as usize);
    let end = op_time(trace, (ops[1].max(1) - 1) as usize).end_ns;
    let rect = axis.rect;
    if axis.x(end) < rect.left() || axis.x(start) > rect.right() {
        return;
    }
    let left = axis.x(start).clamp(rect.left(), rect.right());
    let right = axis.x(end).clamp(rect.left(), rect.right()).max(left + 2.0);
    let area = Rect::from_min_max(Pos2::new(left, rect.top() + RULER_POINTS), Pos2::new(right, bottom));
    ui.painter().rect_stroke(area, 0.0, (1.0, theme::SELECTED), egui::StrokeKind::Inside);
}

/// What runs in the column of pixels at `x`: the item that a click selects, and all of it in words.
fn under(
    document: &Document,
    lane: &Lane,
    k: usize,
    axis: &TimeAxis,
    x: f32,
    per_point: f32,
) -> Option<(Option<Item>, String)> {
    let trace = &document.trace;
    let left = axis.rect.left() + ((x - axis.rect.left()) * per_point).floor() / per_point;
    let from = axis.ns(left);
    let to = axis.ns(left + 1.0 / per_point).max(from + 1);
    let mut walk = Walk::new(lane, trace, from);
    let held = walk.to(to);
    let (count, busy) = (held.item_count(), held.total_ns());
    let running = lane.last_at(trace, axis.ns(x).max(from)).filter(|&at| lane.times(trace, at)[1] >= from);
    let place = if count == 1 { lane.last_at(trace, to - 1) } else { running };
    let item = place.map(|at| match k {
        0 => Some(Item::Pass(lane.item(at) as u32)),
        1 => trace.ops.layer.get(lane.item(at)).map(Item::Layer),
        _ => Some(Item::Op(lane.item(at) as u32)),
    });
    if count > 1 {
        let what = ["passes", "runs of a layer", "ops"][k];
        let mut text = format!(
            "{} {what} here, {} busy of {}",
            units::count(count),
            units::duration(busy),
            units::duration(to - from)
        );
        let ranked = held.ranked();
        for (at, &class) in ranked.iter().take(NAMED).enumerate() {
            let name = class_name(trace, lane, k, class);
            let before = if at == 0 { "most " } else { "" };
            let (busy, items) = (units::duration(held.busy_ns[class]), units::count(held.items[class]));
            text.push_str(&format!("\n{before}{name}: {busy}, {items}"));
        }
        if let Some(more) = ranked.len().checked_sub(NAMED).filter(|more| *more > 0) {
            text.push_str(&format!("\nand {more} more"));
        }
        return Some((item.flatten(), text));
    }
    let at = place?;
    let [start, end] = lane.times(trace, at);
    let number = lane.item(at);
    let time = format!("{} from {}", units::duration(end - start), units::duration(start));
    let text = match k {
        0 => {
            let pass = trace.passes.get(number)?;
            let text = pass
                .text
                .as_ref()
                .map_or_else(String::new, |text| format!("\n\u{201c}{}\u{201d}", text.escape_debug()));
            let title = describe::title(document, Item::Pass(number as u32));
            format!("{title}{text}\n{time}\n{} ops", units::count(pass.ops.into()))
        }
        1 => {
            format!("{} in pass {}\n{time}", class_name(trace, lane, k, lane.class(trace, at)), trace.ops.pass[number])
        }
        _ => {
            let known = match op_time(trace, number).known {
                Known::Recorded => "",
                Known::Start => ", its end was not recorded",
                Known::Order => ", an even part of its pass: its time was not recorded",
            };
            format!("{}\n{time}{known}", describe::title(document, Item::Op(number as u32)).trim())
        }
    };
    Some((item.flatten(), text))
}

fn class_name(trace: &Trace, lane: &Lane, k: usize, class: usize) -> String {
    match k {
        0 => Phase::ALL.get(class).map_or("", |phase| phase.label()).to_owned(),
        1 if class + 1 == lane.classes() => "in no layer".to_owned(),
        1 => format!("layer {class}"),
        _ => trace.meta.op_names.get(class).cloned().unwrap_or_else(|| "unknown kind".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use egui::{Pos2, Rect, Vec2};

    use super::{LANE_POINTS, RULER_POINTS, lane_rects};

    #[test]
    fn lanes_take_the_height_there_is() {
        for height in [20.0, 60.0, 110.0, 300.0, 640.0, 900.0, 2000.0] {
            let rect = Rect::from_min_size(Pos2::ZERO, Vec2::new(100.0, height));
            let lanes = lane_rects(rect);
            assert!(lanes.windows(2).all(|pair| pair[0].bottom() < pair[1].top()));
            assert!(lanes.iter().all(|lane| (LANE_POINTS[0]..=LANE_POINTS[1]).contains(&lane.height())), "{lanes:?}");
            let bottom = lanes[2].bottom();
            assert!(height < RULER_POINTS + 3.0 * LANE_POINTS[0] + 10.0 || bottom <= height, "{bottom} of {height}");
            let full = lanes.iter().all(|lane| lane.height() == LANE_POINTS[1]);
            assert!(full || bottom + 6.0 > height, "{bottom} of {height}");
        }
    }
}
