//! The bar at the top: menus made from the reference of Actions, and what holds for all views.

use std::path::PathBuf;

use egui::Ui;

use super::heatmap::choice;
use super::search::SearchView;
use super::{ViewContext, film_menu};
use crate::state::Action;
use crate::state::reference::{Command, Menu, commands};
use crate::trace::Phase;
use crate::units;

/// What the menu asks of the window that no Action does: a file dialog.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct MenuWishes {
    pub open_folder: bool,
    pub open_file: bool,
}

/// The bar; `recent_runs` are for the File menu.
pub fn ui(ui: &mut Ui, cx: &mut ViewContext<'_>, search: &mut SearchView, recent_runs: &[PathBuf]) -> MenuWishes {
    let mut wishes = MenuWishes::default();
    egui::MenuBar::new().ui(ui, |ui| {
        menus(ui, cx, &mut wishes, recent_runs);
        search.ui(ui, cx);
        ui.separator();
        let back = ui.add_enabled(cx.state.can_go_back(), egui::Button::new("\u{2B05}"));
        back.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, "Back"));
        if back.on_hover_text("Back  Alt+Left").clicked() {
            cx.act(Action::Back);
        }
        let forward = ui.add_enabled(cx.state.can_go_forward(), egui::Button::new("\u{27A1}"));
        forward.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, "Forward"));
        if forward.on_hover_text("Forward  Alt+Right").clicked() {
            cx.act(Action::Forward);
        }
        let Some(document) = cx.document() else { return };
        ui.separator();
        let (trace, model) = (&document.trace, &document.trace.meta.model);
        ui.strong(model.name.clone().unwrap_or_else(|| document.name()));
        ui.weak(format!(
            "{} passes, {} ops, {}",
            units::count(trace.passes.len() as u64),
            units::count(trace.op_count() as u64),
            units::duration(trace.duration_ns())
        ));
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            let phases = [(None, "both phases"), (Some(Phase::Prompt), "prompt"), (Some(Phase::Generate), "generate")];
            choice(ui, "phase", cx.state.phase, &phases, |phase| cx.act(Action::SetPhase { phase }));
            ui.weak("phase");
        });
    });
    wishes
}

fn menus(ui: &mut Ui, cx: &mut ViewContext<'_>, wishes: &mut MenuWishes, recent_runs: &[PathBuf]) {
    ui.menu_button("File", |ui| {
        wishes.open_folder = ui.button("Open folder\u{2026}").clicked();
        wishes.open_file = ui.button("Open file\u{2026}").clicked();
        open_by_path(ui, cx);
        for path in recent_runs {
            let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
            if ui.button(format!("Open {name}")).on_hover_text(path.display().to_string()).clicked() {
                cx.act(Action::Open { path: path.clone() });
            }
        }
        ui.separator();
        entries(ui, cx, Menu::File);
        film_menu::choices(ui, cx);
        ui.separator();
        if ui.add(egui::Button::new("Quit").shortcut_text("Ctrl+Q")).clicked() {
            cx.act(Action::Quit);
        }
    });
    for menu in Menu::ALL.into_iter().filter(|menu| *menu != Menu::File) {
        ui.menu_button(menu.title(), |ui| entries(ui, cx, menu));
    }
}

fn entries(ui: &mut Ui, cx: &mut ViewContext<'_>, menu: Menu) {
    let commands: Vec<Command> = commands().into_iter().filter(|c| c.menu == menu).collect();
    // Commands of one panel stand in a menu of their own.
    let panel_of = |command: &Command| command.label.split_once(": ").map(|(panel, _)| panel);
    let mut panels: Vec<&str> = Vec::new();
    for command in &commands {
        match panel_of(command) {
            None => entry(ui, cx, command, command.label),
            Some(_) if menu != Menu::View => entry(ui, cx, command, command.label),
            Some(panel) if panels.contains(&panel) => {}
            Some(panel) => {
                panels.push(panel);
                ui.menu_button(panel, |ui| {
                    for command in commands.iter().filter(|c| panel_of(c) == Some(panel)) {
                        let label = command.label.split_once(": ").map_or(command.label, |(_, label)| label);
                        entry(ui, cx, command, label);
                    }
                });
            }
        }
    }
}

fn entry(ui: &mut Ui, cx: &mut ViewContext<'_>, command: &Command, label: &str) {
    let (enabled, label) = match command.action {
        Action::Undo => named(label, cx.state.would_undo()),
        Action::Redo => named(label, cx.state.would_redo()),
        Action::Back => (cx.state.can_go_back(), label.to_owned()),
        Action::Forward => (cx.state.can_go_forward(), label.to_owned()),
        Action::FilterTo { item: None } | Action::CopyName { item: None } | Action::Select { item: None } => {
            (cx.state.selection.is_some(), label.to_owned())
        }
        _ => (true, label.to_owned()),
    };
    let button = egui::Button::new(&label).shortcut_text(command.keys.join("  "));
    let response = ui.add_enabled(enabled, button);
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, enabled, &label));
    if response.clicked() {
        cx.act(command.action.clone());
        ui.close();
    }
}

/// What would be undone, beside the word for it.
fn named(label: &str, what: Option<String>) -> (bool, String) {
    match what {
        Some(what) => (true, format!("{label}: {what}")),
        None => (false, label.to_owned()),
    }
}

/// A field for the path of a run: servers seen over VNC seldom have a file dialog.
fn open_by_path(ui: &mut Ui, cx: &mut ViewContext<'_>) {
    let id = ui.scope_id().with("path of a run");
    let mut path: String = ui.data_mut(|data| data.get_temp(id).unwrap_or_default());
    let label = ui.label("or type its path, then Enter");
    let edit = ui.add(egui::TextEdit::singleline(&mut path).desired_width(260.0)).labelled_by(label.id);
    if edit.lost_focus() && ui.input(|i| i.key_pressed(egui::Key::Enter)) && !path.trim().is_empty() {
        cx.act(Action::Open { path: path.trim().into() });
        ui.close();
    }
    ui.data_mut(|data| data.insert_temp(id, path));
}
