//! Rows of analytics with a name, a bar and a number each: kinds of op, and shares of the tracks.

use egui::{Color32, Rect, Sense, Ui};

use super::theme;
use crate::state::Theme;

/// Height of a row and widths of its name and its number, in points.
const ROW: f32 = 17.0;
const NAME: f32 = 106.0;
const NUMBER: f32 = 122.0;

/// A row: what it is called, its parts from 0 to 1 of the widest, and what stands behind.
pub struct BarRow {
    pub name: String,
    pub parts: Vec<(f32, Color32)>,
    pub number: String,
    /// For tooltips, and for who hears it.
    pub told: String,
    pub selected: bool,
}

/// Draws rows below each other; gives the one that was clicked. Where clicks do nothing, rows only tell what they are.
pub fn rows(ui: &mut Ui, rows: &[BarRow], theme: Theme, clicks: bool) -> Option<usize> {
    let mut clicked = None;
    for (index, row) in rows.iter().enumerate() {
        let size = egui::vec2(ui.available_width(), ROW);
        let sense = if clicks { Sense::click() } else { Sense::hover() };
        let (area, response) = ui.allocate_exact_size(size, sense);
        if !ui.is_rect_visible(area) {
            response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, &row.told));
            continue;
        }
        let painter = ui.painter_at(area);
        if row.selected {
            painter.rect_filled(area, 2.0, theme::SELECTED.gamma_multiply(0.28));
        } else if clicks && response.hovered() {
            painter.rect_filled(area, 2.0, theme::hovered(theme).gamma_multiply(0.1));
        }
        let font = egui::TextStyle::Body.resolve(ui.style());
        let ink = ui.visuals().text_color();
        let name = Rect::from_min_size(area.min, egui::vec2(NAME, ROW));
        ui.painter_at(name).text(
            name.left_center() + egui::vec2(2.0, 0.0),
            egui::Align2::LEFT_CENTER,
            &row.name,
            font.clone(),
            ink,
        );
        let bar = Rect::from_min_max(
            egui::pos2(name.right() + 4.0, area.top() + 3.0),
            egui::pos2(area.right() - NUMBER, area.bottom() - 3.0),
        );
        let mut left = bar.left();
        for &(part, color) in &row.parts {
            let width = part * bar.width().max(0.0);
            painter.rect_filled(
                Rect::from_min_size(egui::pos2(left, bar.top()), egui::vec2(width, bar.height())),
                1.0,
                color,
            );
            left += width;
        }
        painter.text(
            area.right_center() - egui::vec2(4.0, 0.0),
            egui::Align2::RIGHT_CENTER,
            &row.number,
            font,
            ui.visuals().weak_text_color(),
        );
        let response = response.on_hover_text_at_pointer(&row.told);
        let role = if clicks { egui::Role::Button } else { egui::Role::Label };
        response.widget_info(|| egui::WidgetInfo::selected(role, true, row.selected, &row.told));
        if response.clicked() {
            clicked = Some(index);
        }
    }
    clicked
}
