//! A small card that says what to try first, until somebody has seen it.

use egui::{Align2, Id, Order, Ui, Vec2};

use super::{ViewContext, theme};
use crate::state::Action;

/// What to press or do, and what comes of it.
const TO_TRY: [(&str, &str); 6] = [
    ("Click", "a node, a cell or a row: every panel shows it"),
    ("/", "find tensors, ops, nodes, layers, passes"),
    ("Ctrl+K", "any command, by a few letters of its name"),
    ("Wheel, drag", "zoom and move; F: the whole window"),
    ("Space", "play the run; Alt+Left: back, Ctrl+Z: undo"),
    ("?", "all keys"),
];

const WIDTH_POINTS: f32 = 370.0;

pub fn ui(ui: &Ui, cx: &mut ViewContext<'_>) {
    if !cx.state.interface.hint_shown {
        return;
    }
    let ink = theme::selected_text(cx.state.theme);
    egui::Area::new(Id::unique("hint"))
        .order(Order::Middle)
        .anchor(Align2::RIGHT_BOTTOM, Vec2::new(-10.0, -34.0))
        .show(ui.ctx(), |ui| {
            egui::Frame::popup(ui.style()).inner_margin(10.0).show(ui, |ui| {
                ui.set_width(WIDTH_POINTS);
                ui.horizontal(|ui| {
                    ui.strong("What to try first");
                    ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                        let close = ui.button("Got it").on_hover_text("Help, What to try first shows this again");
                        if close.clicked() {
                            cx.act(Action::ShowHint { shown: false });
                        }
                    });
                });
                ui.add_space(2.0);
                egui::Grid::new("what to try").num_columns(2).spacing([12.0, 3.0]).show(ui, |ui| {
                    for (key, what) in TO_TRY {
                        ui.colored_label(ink, key);
                        ui.label(what);
                        ui.end_row();
                    }
                });
            });
        });
}
