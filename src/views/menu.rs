//! The bar at the top: menus made from the reference of Actions, and what holds for all views.

use std::path::PathBuf;

use egui::Ui;

use super::heatmap::choice;
use super::search::SearchView;
use super::{ViewContext, film_menu};
use crate::state::reference::{Command, Menu, commands};
use crate::state::{Action, RunFormat};
use crate::trace::Phase;
use crate::units;

/// The phase to the right of the counts needs some of it.
const ROOM_FOR_COUNTS: f32 = 400.0;

/// What the menu asks of the window that no Action does: a file dialog.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct MenuWishes {
    pub open_folder: bool,
    pub open_file: bool,
    pub export: Option<RunFormat>,
    pub report: bool,
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
        // From the right, so that a long name gives way to the phase.
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            let phases = [(None, "both phases"), (Some(Phase::Prompt), "prompt"), (Some(Phase::Generate), "generate")];
            choice(ui, "phase", cx.state.phase, &phases, |phase| cx.act(Action::SetPhase { phase }));
            ui.weak("phase");
            ui.with_layout(egui::Layout::left_to_right(egui::Align::Center), |ui| {
                let name = model.name.clone().unwrap_or_else(|| document.name());
                ui.add(egui::Label::new(egui::RichText::new(name).strong()).truncate());
                if ui.available_width() > ROOM_FOR_COUNTS {
                    ui.weak(format!(
                        "{} passes, {} ops, {}",
                        units::count(trace.passes.len() as u64),
                        units::count(trace.op_count() as u64),
                        units::duration(trace.duration_ns())
                    ));
                }
            });
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
        exports(ui, cx, wishes);
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

/// The run, or the ops that the filter lets through, for other tools.
fn exports(ui: &mut Ui, cx: &mut ViewContext<'_>, wishes: &mut MenuWishes) {
    for format in RunFormat::ALL {
        let button = egui::Button::new(format!("Export as {}\u{2026}", format.label()));
        let what = match format {
            RunFormat::Parquet => "a folder of tables that DuckDB, Polars and Spark query, many runs at once",
            RunFormat::Perfetto => "a trace for ui.perfetto.dev: passes, layers and ops as slices, bytes as counters",
            RunFormat::Csv => "one row an op, with all columns of the table",
            RunFormat::Json => "a list of ops, with all columns of the table",
        };
        let there = cx.document().is_some();
        if ui.add_enabled(there, button).on_hover_text(format!("{what}; the filter holds")).clicked() {
            wishes.export = Some(format);
            ui.close();
        }
    }
    let report = ui.add_enabled(cx.document().is_some(), egui::Button::new("Report\u{2026}"));
    if report.on_hover_text("figures, charts and pictures as one HTML file, to show to others").clicked() {
        wishes.report = true;
        ui.close();
    }
    let id = ui.scope_id().with("path of an export");
    let mut path: String = ui.data_mut(|data| data.get_temp(id).unwrap_or_default());
    let label = ui.label("or type a path, then Enter");
    let hint = "x.csv, .json, .perfetto.json, .html, or a folder";
    let edit = ui.add(egui::TextEdit::singleline(&mut path).hint_text(hint).desired_width(260.0)).labelled_by(label.id);
    if edit.lost_focus() && ui.input(|i| i.key_pressed(egui::Key::Enter)) && !path.trim().is_empty() {
        let path = path.trim();
        cx.act(match path.to_lowercase().ends_with(".html") {
            true => Action::WriteReport { path: path.into() },
            false => Action::ExportRun { path: path.into(), format: format_of(path) },
        });
        ui.close();
    }
    ui.data_mut(|data| data.insert_temp(id, path));
}

/// What a name says of its format; Parquet is written into folders, which need no ending.
fn format_of(path: &str) -> RunFormat {
    let endings = [
        (".csv", RunFormat::Csv),
        (".perfetto.json", RunFormat::Perfetto),
        (".perfetto", RunFormat::Perfetto),
        (".json", RunFormat::Json),
    ];
    let name = path.to_lowercase();
    endings.into_iter().find(|(ending, _)| name.ends_with(ending)).map_or(RunFormat::Parquet, |(_, format)| format)
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
