//! The timeline's axis: where moments are on screen, the ruler with its times, and the playhead, which is dragged along it.

use egui::{Align2, FontId, Pos2, Rect, Sense, Shape, Stroke, Ui};

use super::{ViewContext, theme};
use crate::analysis::lanes::Lanes;
use crate::analysis::op_times::op_start_ns;
use crate::state::camera::Span;
use crate::state::{Action, Document};
use crate::units;

pub const RULER_POINTS: f32 = 15.0;
/// Points between the numbers of the ruler, at least.
const APART: f64 = 110.0;

/// Moments, in ns from the run's first stamp, along the points of the lanes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TimeAxis {
    pub rect: Rect,
    pub span: Span,
}

impl TimeAxis {
    pub fn x(&self, ns: u64) -> f32 {
        self.rect.left() + ((ns as f64 - self.span.start) / self.span.len()) as f32 * self.rect.width()
    }

    pub fn ns(&self, x: f32) -> u64 {
        let share = f64::from((x - self.rect.left()) / self.rect.width().max(1.0));
        (self.span.start + share * self.span.len()).max(0.0) as u64
    }

    pub fn ns_per_point(&self) -> f64 {
        self.span.len() / f64::from(self.rect.width().max(1.0))
    }
}

/// Times, and the way to put the playhead somewhere: a click or a drag.
pub fn ui(ui: &Ui, cx: &mut ViewContext<'_>, document: &Document, lanes: Option<&Lanes>, axis: &TimeAxis) {
    let area = Rect::from_min_size(axis.rect.min, egui::vec2(axis.rect.width(), RULER_POINTS));
    let response = ui.interact(area, ui.scope_id().with("ruler"), Sense::click_and_drag());
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Slider, true, "Ruler: playhead"));
    let pulled = response.clicked() || response.dragged_by(egui::PointerButton::Primary);
    if let Some(at) = response.interact_pointer_pos().filter(|_| pulled) {
        let (trace, ns) = (&document.trace, axis.ns(at.x));
        let op = match lanes.map(|lanes| &lanes.ops).filter(|ops| !ops.is_empty()) {
            Some(ops) => ops.item(ops.last_at(trace, ns).unwrap_or(0)),
            // Until ops stand in the order of their times: as where stamps rise.
            None => trace.ops.start_ns.partition_point(|&start| start <= ns).saturating_sub(1),
        };
        let op = op as u32;
        if cx.state.playback.head != Some(op) {
            cx.act(Action::Seek { op: Some(op) });
        }
    }
    if response.hovered() {
        ui.painter().rect_filled(area, 0.0, ui.visuals().widgets.hovered.weak_bg_fill.gamma_multiply(0.5));
        response.on_hover_text("click or drag: the playhead");
    }
    let wanted = axis.ns_per_point() * APART;
    let magnitude = 10_f64.powf(wanted.max(1.0).log10().floor());
    let step =
        [1.0, 2.0, 5.0, 10.0].into_iter().map(|m| m * magnitude).find(|s| *s >= wanted).unwrap_or(magnitude * 10.0);
    let ink = ui.visuals().weak_text_color();
    let painter = ui.painter();
    for tick in units::ticks(axis.span.start.max(0.0), axis.span.end, step) {
        let x = axis.x(tick as u64);
        let ends = [Pos2::new(x, area.bottom() - 4.0), Pos2::new(x, area.bottom())];
        painter.line_segment(ends, (1.0, ink));
        if x + 60.0 < area.right() {
            let at = Pos2::new(x + 2.0, area.top());
            painter.text(at, Align2::LEFT_TOP, units::duration_at(tick as u64, step), FontId::proportional(9.5), ink);
        }
    }
}

/// What is played again and again, as a bar under the ruler.
pub fn loop_bar(ui: &Ui, cx: &ViewContext<'_>, document: &Document, axis: &TimeAxis) {
    let Some([first, behind]) = cx.state.playback.looped else { return };
    let trace = &document.trace;
    let time = |op: u32| match op as usize {
        op if op < trace.op_count() => op_start_ns(trace, op),
        _ => trace.duration_ns(),
    };
    if axis.x(time(behind)) < axis.rect.left() || axis.x(time(first)) > axis.rect.right() {
        return;
    }
    let clamped = |ns: u64| axis.x(ns).clamp(axis.rect.left(), axis.rect.right());
    let (left, right) = (clamped(time(first)), clamped(time(behind)));
    let bottom = axis.rect.top() + RULER_POINTS;
    let bar = Rect::from_min_max(Pos2::new(left, bottom - 3.0), Pos2::new(right.max(left + 2.0), bottom));
    ui.painter().rect_filled(bar, 1.0, theme::playhead(cx.state.theme));
}

/// The playhead, over ruler and lanes down to `bottom`.
pub fn playhead(ui: &Ui, cx: &ViewContext<'_>, document: &Document, axis: &TimeAxis, bottom: f32) {
    let Some(op) = cx.state.playback.head else { return };
    if op as usize >= document.trace.op_count() {
        return;
    }
    let x = axis.x(op_start_ns(&document.trace, op as usize));
    if x < axis.rect.left() - 1.0 || x > axis.rect.right() + 1.0 {
        return;
    }
    let color = theme::playhead(cx.state.theme);
    let top = axis.rect.top() + 4.0;
    let painter = ui.painter();
    painter.line_segment([Pos2::new(x, top), Pos2::new(x, bottom)], Stroke::new(1.5, color));
    let tip = [Pos2::new(x - 5.0, top), Pos2::new(x + 5.0, top), Pos2::new(x, top + 7.0)];
    painter.add(Shape::convex_polygon(tip.to_vec(), color, Stroke::NONE));
}
