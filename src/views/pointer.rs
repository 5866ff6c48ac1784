//! Mouse habits that graph, heatmap and timeline share: wheel zooms at the cursor, drag pans, modifiers select or box.

use egui::{Modifiers, PointerButton, Pos2, Rect, Response, Ui, Vec2};

/// What the mouse asks of a canvas in this frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Gesture {
    /// By this many points.
    Pan(Vec2),
    Zoom {
        factor: f32,
        at: Pos2,
        modifiers: Modifiers,
    },
    /// A rectangle was drawn with Ctrl or the middle button: zoom to it.
    Box(Rect),
    /// A rectangle was drawn with Shift: select it.
    Select(Rect),
    Click(Pos2),
    DoubleClick(Pos2),
}

/// One notch of the wheel zooms by about this much.
const ZOOM_PER_POINT: f32 = 0.005;

/// What has the keyboard's focus keeps the arrow keys, which else walk on to other controls, and shows it.
pub fn keep_arrows(ui: &Ui, response: &Response) {
    if response.has_focus() {
        let arrows = egui::EventFilter { horizontal_arrows: true, vertical_arrows: true, ..Default::default() };
        ui.memory_mut(|memory| memory.set_focus_lock_filter(response.id, arrows));
        let ring = ui.visuals().selection.stroke;
        ui.painter().rect_stroke(response.rect.shrink(0.5), 0.0, ring, egui::StrokeKind::Inside);
    }
}

/// The gesture on a canvas that `response` covers, and the rectangle that is being drawn, if one is.
pub fn gesture(ui: &Ui, response: &Response) -> (Option<Gesture>, Option<Rect>) {
    let modifiers = ui.input(|i| i.modifiers);
    keep_arrows(ui, response);
    if let Some(at) = response.hover_pos() {
        let (scroll, pinch) = ui.input(|i| (i.smooth_scroll_delta(), i.zoom_delta()));
        // Shift turns the wheel sideways.
        let wheel = if scroll.y.abs() >= scroll.x.abs() { scroll.y } else { scroll.x };
        let factor = if (pinch - 1.0).abs() > 1e-4 { pinch } else { (wheel * ZOOM_PER_POINT).exp() };
        if (factor - 1.0).abs() > 1e-4 {
            return (Some(Gesture::Zoom { factor, at, modifiers }), None);
        }
    }
    let boxing = response.dragged_by(PointerButton::Middle) || response.dragged() && modifiers.command;
    let selecting = response.dragged_by(PointerButton::Primary) && modifiers.shift;
    if boxing || selecting {
        let (origin, at) = ui.input(|i| (i.pointer.press_origin(), i.pointer.latest_pos()));
        let drawn = origin.zip(at).map(|(from, to)| Rect::from_two_pos(from, to).intersect(response.rect));
        // The release no longer knows where the press was.
        ui.data_mut(|data| data.insert_temp(response.id, drawn.map(|rect| (rect, selecting))));
        return (None, drawn);
    }
    if response.drag_stopped()
        && let Some((rect, selecting)) =
            ui.data_mut(|data| data.remove_temp::<Option<(Rect, bool)>>(response.id)).flatten()
        && (rect.width() > 3.0 || rect.height() > 3.0)
    {
        return (Some(if selecting { Gesture::Select(rect) } else { Gesture::Box(rect) }), None);
    }
    if response.dragged_by(PointerButton::Primary) && response.drag_delta() != Vec2::ZERO {
        return (Some(Gesture::Pan(response.drag_delta())), None);
    }
    let place = response.interact_pointer_pos();
    let gesture = match place {
        Some(at) if response.double_clicked() => Some(Gesture::DoubleClick(at)),
        Some(at) if response.clicked() => Some(Gesture::Click(at)),
        _ => None,
    };
    (gesture, None)
}

/// Shows the rectangle that is being drawn.
pub fn draw_box(ui: &Ui, rect: Option<Rect>) {
    if let Some(rect) = rect {
        let painter = ui.painter();
        painter.rect_filled(rect, 0.0, super::theme::SELECTED.gamma_multiply(0.15));
        painter.rect_stroke(rect, 0.0, (1.0, super::theme::SELECTED), egui::StrokeKind::Inside);
    }
}
