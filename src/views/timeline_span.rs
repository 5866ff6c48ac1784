//! A span of time on the timeline: drawn with Shift, snapped to the edges of ops, changed by its handles.

use egui::{Align2, CursorIcon, FontId, Pos2, Rect, Sense, Ui};

use super::timeline_ruler::{RULER_POINTS, TimeAxis};
use super::{ViewContext, theme};
use crate::analysis::lanes::Lanes;
use crate::analysis::links::Item;
use crate::analysis::span_totals::TimeSpan;
use crate::state::{Document, ItemRef};
use crate::trace::Trace;
use crate::units;

const HANDLE_POINTS: f32 = 7.0;

/// The edge of an op that is nearest to `ns`; `ns` itself until ops stand in the order of their times.
pub fn snapped(trace: &Trace, lanes: Option<&Lanes>, ns: u64) -> u64 {
    let Some(Lanes { ops, .. }) = lanes else { return ns };
    let before = ops.last_at(trace, ns);
    let next = before.map_or(0, |at| at + 1);
    let next = (next < ops.len()).then(|| ops.times(trace, next)[0]);
    let edges = before.map(|at| ops.times(trace, at)).into_iter().flatten().chain(next);
    edges.min_by_key(|edge| edge.abs_diff(ns)).unwrap_or(ns)
}

/// The span that a person drags out.
#[derive(Default)]
pub struct SpanDrag {
    /// Both ends, while one of them is held.
    held: Option<TimeSpan>,
}

impl SpanDrag {
    /// The span between two points of the axis; with Alt not at the edges of ops.
    fn between(ui: &Ui, trace: &Trace, lanes: Option<&Lanes>, axis: &TimeAxis, ends: [f32; 2]) -> TimeSpan {
        let free = ui.input(|i| i.modifiers.alt);
        let ends = ends.map(|x| axis.ns(x)).map(|ns| if free { ns } else { snapped(trace, lanes, ns) });
        TimeSpan { start_ns: ends[0].min(ends[1]), end_ns: ends[0].max(ends[1]) }
    }

    /// `area` is being drawn with Shift.
    pub fn draw(ui: &Ui, document: &Document, lanes: Option<&Lanes>, axis: &TimeAxis, area: Rect, bottom: f32) {
        band(ui, axis, Self::between(ui, &document.trace, lanes, axis, [area.left(), area.right()]), bottom);
    }

    /// `area` was drawn with Shift.
    pub fn select(
        ui: &Ui,
        cx: &mut ViewContext<'_>,
        document: &Document,
        lanes: Option<&Lanes>,
        axis: &TimeAxis,
        area: Rect,
    ) {
        let span = Self::between(ui, &document.trace, lanes, axis, [area.left(), area.right()]);
        if span.len_ns() > 0 {
            cx.select(Some(ItemRef::Span { time_ns: [span.start_ns, span.end_ns] }));
        }
    }

    /// The selected span, with a handle at each end.
    pub fn ui(
        &mut self,
        ui: &Ui,
        cx: &mut ViewContext<'_>,
        document: &Document,
        lanes: Option<&Lanes>,
        axis: &TimeAxis,
        bottom: f32,
    ) {
        let Some(Item::Span(selected)) = cx.state.selection else {
            self.held = None;
            return;
        };
        let shown = self.held.unwrap_or(selected);
        band(ui, axis, shown, bottom);
        for (at, other, name) in [
            (selected.start_ns, selected.end_ns, "Start of the span"),
            (selected.end_ns, selected.start_ns, "End of the span"),
        ] {
            let x = axis.x(at);
            if x < axis.rect.left() - HANDLE_POINTS || x > axis.rect.right() + HANDLE_POINTS {
                continue;
            }
            let top = Pos2::new(x - HANDLE_POINTS / 2.0, axis.rect.top() + RULER_POINTS);
            let area = Rect::from_min_max(top, Pos2::new(x + HANDLE_POINTS / 2.0, bottom));
            let response = ui.interact(area, ui.scope_id().with(name), Sense::drag());
            response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Slider, true, name));
            if response.hovered() || response.dragged() {
                ui.set_cursor_icon(CursorIcon::ResizeHorizontal);
            }
            if let Some(pointer) = response.interact_pointer_pos().filter(|_| response.dragged()) {
                let moved = Self::between(ui, &document.trace, lanes, axis, [pointer.x, pointer.x]).start_ns;
                self.held = Some(TimeSpan { start_ns: moved.min(other), end_ns: moved.max(other) });
            }
            if response.drag_stopped()
                && let Some(held) = self.held.take().filter(|held| held.len_ns() > 0)
            {
                cx.select(Some(ItemRef::Span { time_ns: [held.start_ns, held.end_ns] }));
            }
        }
    }
}

/// The span over the lanes, with how long it is.
fn band(ui: &Ui, axis: &TimeAxis, span: TimeSpan, bottom: f32) {
    let (left, right) = (axis.x(span.start_ns), axis.x(span.end_ns));
    let lanes = Rect::from_min_max(axis.rect.min, Pos2::new(axis.rect.right(), bottom));
    let area = Rect::from_min_max(Pos2::new(left, axis.rect.top()), Pos2::new(right.max(left + 1.0), bottom));
    let seen = area.intersect(lanes);
    if !seen.is_positive() {
        return;
    }
    let painter = ui.painter().with_clip_rect(lanes.expand(1.0).intersect(ui.clip_rect()));
    painter.rect_filled(seen, 0.0, theme::SELECTED.gamma_multiply(0.12));
    for x in [left, right] {
        painter.line_segment([Pos2::new(x, seen.top()), Pos2::new(x, bottom)], (1.5, theme::SELECTED));
        let grip = Rect::from_center_size(Pos2::new(x, seen.center().y + RULER_POINTS / 2.0), egui::vec2(5.0, 14.0));
        painter.rect_filled(grip, 2.0, theme::SELECTED);
    }
    let text = units::duration(span.len_ns());
    let galley = painter.layout_no_wrap(text, FontId::proportional(9.5), theme::ink_on(theme::SELECTED));
    let size = galley.size() + egui::vec2(6.0, 0.0);
    let at = Align2::CENTER_TOP.anchor_size(Pos2::new(seen.center().x, axis.rect.top() + 1.0), size);
    let at = at.translate(egui::vec2(
        (axis.rect.left() - at.left()).max(0.0) - (at.right() - axis.rect.right()).max(0.0),
        0.0,
    ));
    painter.rect_filled(at, 2.0, theme::SELECTED);
    painter.galley(at.min + egui::vec2(3.0, 0.0), galley, theme::ink_on(theme::SELECTED));
}
