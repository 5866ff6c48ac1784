//! The bar at the top: menus made from the reference of Actions, and what holds for all views.

use egui::Ui;

use super::ViewContext;
use super::heatmap::choice;
use crate::state::reference::{Menu, commands};
use crate::state::{Action, MeasureChoice};
use crate::trace::Phase;
use crate::units;

/// What the menu asks of the window that no Action does: a file dialog.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct MenuWishes {
    pub open_folder: bool,
    pub open_file: bool,
}

pub fn ui(ui: &mut Ui, cx: &mut ViewContext<'_>) -> MenuWishes {
    let mut wishes = MenuWishes::default();
    ui.horizontal(|ui| {
        egui::MenuBar::new().ui(ui, |ui| {
            ui.menu_button("File", |ui| {
                wishes.open_folder = ui.button("Open folder\u{2026}").clicked();
                wishes.open_file = ui.button("Open file\u{2026}").clicked();
                ui.separator();
                if ui.button("Quit").clicked() {
                    cx.act(Action::Quit);
                }
            });
            for (menu, title) in
                [(Menu::Go, "Go"), (Menu::View, "View"), (Menu::Measure, "Measure"), (Menu::Play, "Play"), (Menu::Help, "Help")]
            {
                ui.menu_button(title, |ui| {
                    for command in commands().into_iter().filter(|c| c.menu == menu) {
                        let button = egui::Button::new(command.label).shortcut_text(command.keys.join(" "));
                        if ui.add(button).clicked() {
                            cx.act(command.action);
                            ui.close();
                        }
                    }
                });
            }
        });
        ui.separator();
        if ui.add_enabled(cx.state.can_go_back(), egui::Button::new("\u{2190}")).on_hover_text("Back  Alt+Left").clicked() {
            cx.act(Action::Back);
        }
        if ui.add_enabled(cx.state.can_go_forward(), egui::Button::new("\u{2192}")).on_hover_text("Forward  Alt+Right").clicked() {
            cx.act(Action::Forward);
        }
        if let Some(document) = cx.document() {
            ui.separator();
            let model = &document.trace.meta.model;
            ui.strong(model.name.clone().unwrap_or_else(|| document.name()));
            ui.label(format!(
                "{} passes, {} ops, {}",
                units::count(document.trace.passes.len() as u64),
                units::count(document.trace.op_count() as u64),
                units::duration(document.trace.duration_ns())
            ));
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                let measures = [
                    (MeasureChoice::Accesses, "accesses"),
                    (MeasureChoice::Bytes, "bytes touched"),
                    (MeasureChoice::Logged, "bytes logged"),
                ];
                choice(ui, "measure of all", cx.state.heat.measure, &measures, |measure| cx.act(Action::SetMeasure { measure }));
                ui.weak("measure");
                let phases = [
                    (None, "both phases"),
                    (Some(Phase::Prompt), "prompt"),
                    (Some(Phase::Generate), "generate"),
                ];
                choice(ui, "phase", cx.state.phase, &phases, |phase| cx.act(Action::SetPhase { phase }));
                ui.weak("phase");
            });
        }
    });
    wishes
}
