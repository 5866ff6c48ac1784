//! The status line: what is shown, work in progress, and what the machine does for it.

use egui::Ui;

use super::ViewContext;
use crate::analysis::filter::Filter;
use crate::state::Action;
use crate::state::table_choices::GroupOrder;
use crate::units;

/// What the owner of the window knows and the state does not.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Status {
    /// A run that is being read: its name, bytes read, bytes in all.
    pub loading: Option<(String, u64, u64)>,
    /// The last thing that went wrong, until something goes right.
    pub problem: Option<String>,
    /// What was done beside the frames, until something else is done.
    pub notice: Option<String>,
    pub graph: Option<String>,
    pub rows: Option<usize>,
    /// What the table is doing to its rows.
    pub table: Option<&'static str>,
    /// What else is worked out beside the frames.
    pub working: Option<&'static str>,
    /// What is being written: the file's name, and how far it is in thousandths.
    pub export: Option<(String, u32)>,
    /// A film that is being recorded: its frames, and how many of them are a second.
    pub film: Option<(u32, u32)>,
    pub adapter: String,
    /// CPU time of the last frame that was painted; `None` where pictures must not differ from run to run.
    pub frame_ms: Option<f32>,
    /// Private memory of the process, where the system tells.
    pub memory_bytes: Option<u64>,
}

pub fn ui(ui: &mut Ui, cx: &mut ViewContext<'_>, status: &Status) {
    ui.horizontal(|ui| {
        if let Some((name, done, total)) = &status.loading {
            ui.spinner();
            let share = if *total > 0 { *done as f32 / *total as f32 } else { 0.0 };
            ui.add(egui::ProgressBar::new(share).desired_width(120.0).text(format!("{:.0} %", share * 100.0)));
            ui.label(format!("reading {name}"));
            if ui.button("Cancel").clicked() {
                cx.act(Action::CancelLoading);
            }
            ui.separator();
        }
        if let Some((name, thousandths)) = &status.export {
            let share = *thousandths as f32 / 1000.0;
            ui.add(egui::ProgressBar::new(share).desired_width(120.0).text(format!("{:.0} %", share * 100.0)));
            ui.label(format!("writing {name}"));
            let cancel = ui.button("Cancel");
            cancel.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, "Stop the export"));
            if cancel.clicked() {
                cx.act(Action::CancelExport);
            }
            ui.separator();
        }
        if let Some((frames, fps)) = status.film {
            ui.colored_label(ui.visuals().error_fg_color, "\u{23FA}").on_hover_text("recording");
            let seconds = f64::from(frames) / f64::from(fps.max(1));
            // Time goes by frames, so there is nothing to drop.
            ui.label(format!("{} frames, {seconds:.1} s, 0 dropped", units::count(frames.into())));
            let stop = ui.button("Stop").on_hover_text("F9");
            stop.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, "Stop recording"));
            if stop.clicked() {
                cx.act(Action::Record { on: Some(false), path: None, fps: None, scale: None, view: None });
            }
            ui.separator();
        }
        if let Some(notice) = &status.notice {
            ui.label(notice);
            ui.separator();
        }
        if let Some(problem) = &status.problem {
            ui.colored_label(super::health::color(crate::trace::Severity::Error), problem);
            ui.separator();
        }
        if let Some(document) = cx.document() {
            let part = if document.complete { "" } else { " (first part)" };
            ui.label(format!("{}{part}", document.name()));
            if let Some(graph) = &status.graph {
                ui.separator();
                ui.label(graph);
            }
            if let Some(stage) = status.table {
                ui.separator();
                ui.label(format!("{stage} {} ops\u{2026}", units::count(document.trace.op_count() as u64)));
                let cancel = ui.small_button("Cancel").on_hover_text("list all ops, in order of execution");
                cancel.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, "Stop working rows out"));
                if cancel.clicked() {
                    cx.act(match stage {
                        "sorting" => Action::SetSort { keys: Vec::new() },
                        "grouping" => Action::GroupBy { column: None, order: GroupOrder::default(), down: false },
                        _ => Action::SetFilter { filter: Filter::default() },
                    });
                }
            }
            if let Some(working) = status.working {
                ui.separator();
                ui.label(format!("{working}\u{2026}")).on_hover_text("Esc, or another selection, ends it");
            }
            if let Some(rows) = status.rows.filter(|_| !cx.state.filter.is_empty() || cx.state.phase.is_some()) {
                ui.separator();
                ui.label(format!("filter: {} ops", units::count(rows as u64)));
            }
        } else if status.loading.is_none() {
            ui.label("no run; File, Open or drop one here");
        }
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            if let Some(bytes) = status.memory_bytes {
                ui.small(units::bytes(bytes)).on_hover_text("private memory of this process");
                ui.separator();
            }
            if let Some(frame_ms) = status.frame_ms {
                ui.small(format!("{frame_ms:.1} ms")).on_hover_text("CPU time of the last frame that was painted");
                ui.separator();
            }
            ui.small(&status.adapter);
        });
    });
}
