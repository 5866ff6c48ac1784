//! A matrix of analytics: one cell for each pair of rows and columns, in the heatmap's colours.

use egui::{Color32, ColorImage, Rect, Sense, Stroke, TextureHandle, TextureOptions, Ui, Vec2};

use super::{heatmap, theme};
use crate::gpu::colormap;
use crate::state::{PaletteChoice, ScaleChoice, Theme};

/// Columns and rows that are drawn apart; of more, neighbours stand together by their highest value.
const MOST_CELLS: usize = 512;
/// Room for the numbers of rows, in points.
const NUMBERS: f32 = 30.0;
/// And of columns.
const FOOT: f32 = 15.0;
/// For the upper half of the first row's number.
const HEAD: f32 = 5.0;

/// Values that differ by less than this look alike: small differences are not blown up.
const LEAST_RANGE: f32 = 16.0;

/// Where a value stands between the lowest and the highest, from 0 to 1.
fn position(scale: ScaleChoice, value: u64, [lowest, highest]: [u64; 2]) -> f32 {
    let (value, highest) = (value as f32, (highest as f32).max(1.0));
    match scale {
        ScaleChoice::Linear => value / highest,
        ScaleChoice::Logarithmic | ScaleChoice::Equalised => {
            let lowest = (lowest as f32).min(highest / LEAST_RANGE);
            (value / lowest).ln() / (highest / lowest).ln()
        }
    }
    .clamp(0.0, 1.0)
}

/// What decides the colours of a matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Colors {
    pub palette: PaletteChoice,
    pub scale: ScaleChoice,
    pub theme: Theme,
    /// Which values these are: another number, other values.
    pub values: u64,
}

/// The picture of a matrix, as long as nothing of it changes.
#[derive(Default)]
pub struct MatrixView {
    painted: Option<(Colors, TextureHandle)>,
}

pub struct Matrix<'a> {
    pub title: &'a str,
    pub rows: usize,
    pub columns: usize,
    pub value: &'a dyn Fn(usize, usize) -> u64,
    /// A cell in words.
    pub told: &'a dyn Fn(usize, usize) -> String,
    pub row_name: &'a dyn Fn(usize) -> String,
    pub column_name: &'a dyn Fn(usize) -> String,
    pub selected_row: Option<usize>,
    pub selected_column: Option<usize>,
    pub selected_cell: Option<(usize, usize)>,
    pub colors: Colors,
}

impl Matrix<'_> {
    /// Draws it; gives row and column of a cell that was clicked.
    pub fn ui(self, ui: &mut Ui, view: &mut MatrixView, size: Vec2) -> Option<(usize, usize)> {
        let (whole, response) = ui.allocate_exact_size(size, Sense::click());
        let area = Rect::from_min_max(
            egui::pos2(whole.left() + NUMBERS, whole.top() + HEAD),
            egui::pos2(whole.right() - 4.0, whole.bottom() - FOOT),
        );
        let shown = [self.columns.min(MOST_CELLS), self.rows.min(MOST_CELLS)];
        if shown.contains(&0) || area.width() < 8.0 || area.height() < 8.0 {
            ui.painter().text(
                whole.center(),
                egui::Align2::CENTER_CENTER,
                "nothing to show",
                egui::TextStyle::Body.resolve(ui.style()),
                ui.visuals().weak_text_color(),
            );
            return None;
        }
        let texture = match &view.painted {
            Some((colors, texture)) if *colors == self.colors => texture.id(),
            _ => {
                let texture = ui.ctx().load_texture(self.title, self.image(shown), TextureOptions::NEAREST);
                view.painted.insert((self.colors, texture)).1.id()
            }
        };
        let painter = ui.painter_at(whole);
        painter.image(texture, area, Rect::from_min_max(egui::Pos2::ZERO, egui::pos2(1.0, 1.0)), Color32::WHITE);
        let cell = egui::vec2(area.width() / self.columns as f32, area.height() / self.rows as f32);
        let place = |row: f32, column: f32, rows: f32, columns: f32| {
            Rect::from_min_size(
                area.min + egui::vec2(column * cell.x, row * cell.y),
                egui::vec2(columns * cell.x, rows * cell.y),
            )
        };
        let mark = |rect: Rect, color: Color32| {
            let rect =
                rect.expand2(egui::vec2((2.0 - rect.width()).max(0.0) / 2.0, (2.0 - rect.height()).max(0.0) / 2.0));
            painter.rect_stroke(rect, 0.0, Stroke::new(1.0, color), egui::StrokeKind::Outside);
        };
        let (all_rows, all_columns) = (self.rows as f32, self.columns as f32);
        if let Some(row) = self.selected_row {
            mark(place(row as f32, 0.0, 1.0, all_columns), theme::SELECTED);
        }
        if let Some(column) = self.selected_column {
            mark(place(0.0, column as f32, all_rows, 1.0), theme::SELECTED);
        }
        if let Some((row, column)) = self.selected_cell {
            mark(place(row as f32, column as f32, 1.0, 1.0), theme::SELECTED);
        }
        self.numbers(&painter, ui, area, cell);
        let under =
            response.hover_pos().or(response.interact_pointer_pos()).filter(|at| area.contains(*at)).map(|at| {
                let part = (at - area.min) / cell;
                ((part.y as usize).min(self.rows - 1), (part.x as usize).min(self.columns - 1))
            });
        let mut response = response;
        if let Some((row, column)) = under {
            mark(place(row as f32, column as f32, 1.0, 1.0), theme::hovered(self.colors.theme));
            response = response.on_hover_text_at_pointer((self.told)(row, column));
        }
        let label = format!("Chart: {}, {} by {} cells", self.title, self.rows, self.columns);
        response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Image, true, &label));
        under.filter(|_| response.clicked())
    }

    fn image(&self, [width, height]: [usize; 2]) -> ColorImage {
        let part =
            |at: usize, shown: usize, all: usize| at * all / shown..((at + 1) * all / shown).max(at * all / shown + 1);
        let value = |row: usize, column: usize| {
            let columns = || part(column, width, self.columns);
            part(row, height, self.rows)
                .flat_map(|row| columns().map(move |column| (row, column)))
                .map(|(r, c)| (self.value)(r, c))
                .max()
        };
        let values: Vec<u64> = (0..height)
            .flat_map(|row| (0..width).map(move |column| (row, column)))
            .map(|(r, c)| value(r, c).unwrap_or(0))
            .collect();
        let highest = values.iter().copied().max().unwrap_or(0);
        let lowest = values.iter().copied().filter(|&value| value > 0).min().unwrap_or(0);
        let palette = heatmap::palette(self.colors.palette);
        let untouched = match self.colors.theme {
            Theme::Dark => colormap::Theme::Dark,
            Theme::Light => colormap::Theme::Light,
        }
        .untouched();
        let color = |&value: &u64| {
            let [r, g, b, _] = match value {
                0 => untouched,
                _ => palette.sample(position(self.colors.scale, value, [lowest, highest])),
            };
            Color32::from_rgb(r, g, b)
        };
        ColorImage::new([width, height], values.iter().map(color).collect())
    }

    /// First, middle and last row and column, where there is room.
    fn numbers(&self, painter: &egui::Painter, ui: &Ui, area: Rect, cell: Vec2) {
        let (font, ink) = (egui::TextStyle::Small.resolve(ui.style()), ui.visuals().weak_text_color());
        let every =
            |room: f32, each: f32, count: usize| ((room / each.max(0.1)).ceil() as usize).clamp(1, count.max(1));
        for row in (0..self.rows).step_by(every(14.0, cell.y, self.rows)) {
            let at = egui::pos2(area.left() - 4.0, area.top() + (row as f32 + 0.5) * cell.y);
            painter.text(at, egui::Align2::RIGHT_CENTER, (self.row_name)(row), font.clone(), ink);
        }
        for column in (0..self.columns).step_by(every(44.0, cell.x, self.columns)) {
            let at = egui::pos2(area.left() + (column as f32 + 0.5) * cell.x, area.bottom() + 1.0);
            painter.text(at, egui::Align2::CENTER_TOP, (self.column_name)(column), font.clone(), ink);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_go_from_the_lowest_to_the_highest_and_keep_small_differences_small() {
        let log = |value, ends| position(ScaleChoice::Logarithmic, value, ends);
        assert_eq!((log(1, [1, 1000]), log(1000, [1, 1000])), (0.0, 1.0));
        assert!(log(98, [98, 100]) > 0.95);
        assert!((log(10, [1, 100]) - 0.5).abs() < 1e-6);
        assert_eq!(position(ScaleChoice::Linear, 25, [1, 100]), 0.25);
        assert_eq!(log(5, [5, 5]), 1.0);
    }
}
