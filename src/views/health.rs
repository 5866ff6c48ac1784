//! The health panel: what is doubtful about the run, worst first.

use egui::{Color32, Ui};

use super::ViewContext;
use crate::trace::Severity;
use crate::units;

pub fn ui(ui: &mut Ui, cx: &mut ViewContext<'_>) {
    let Some(document) = cx.document() else { return };
    let health = &document.trace.health;
    egui::ScrollArea::vertical().auto_shrink([false, false]).show(ui, |ui| {
        if health.entries.is_empty() {
            ui.label("Nothing doubtful was found in this run.");
        }
        let mut entries: Vec<_> = health.entries.iter().collect();
        entries.sort_by_key(|e| std::cmp::Reverse(e.severity));
        for entry in entries {
            ui.horizontal_wrapped(|ui| {
                ui.colored_label(color(entry.severity), word(entry.severity));
                ui.strong(format!("{} x", units::count(entry.count)));
                ui.label(&entry.message);
            });
            ui.indent(&entry.code, |ui| ui.small(format!("{}; first: {}", entry.code, entry.example.trim())));
            ui.add_space(4.0);
        }
    });
}

pub fn color(severity: Severity) -> Color32 {
    match severity {
        Severity::Info => Color32::from_rgb(0x3D, 0x9B, 0xE0),
        Severity::Warning => Color32::from_rgb(0xE6, 0x9F, 0x00),
        Severity::Error => Color32::from_rgb(0xE0, 0x50, 0x40),
    }
}

pub fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "info",
        Severity::Warning => "warning",
        Severity::Error => "error",
    }
}
