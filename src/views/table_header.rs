//! The table's header: a click sorts, a drag moves a column or resizes it, a small button opens its filter.

use egui::{Align2, CursorIcon, FontId, Pos2, Rect, Sense, Shape, Ui, Vec2};

use super::table_scroll::ROW_POINTS;
use super::{ViewContext, theme};
use crate::analysis::table_columns::{Column, Measured};
use crate::analysis::table_rows::SortKey;
use crate::state::Action;
use crate::state::table_choices::ShownColumn;

/// Room for the button that opens a column's filter, and of the edge that resizes it.
pub const BUTTON_POINTS: f32 = 13.0;
const EDGE_POINTS: f32 = 5.0;

/// Where a column stands: relative to the left edge of all columns.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Placed {
    pub column: Column,
    pub left: f32,
    pub width: f32,
}

/// A column's width where nobody chose another.
fn usual_width(column: Column) -> f32 {
    match column {
        Column::Index | Column::Start | Column::Duration => 82.0,
        Column::Pass => 52.0,
        Column::Token => 80.0,
        Column::Phase => 66.0,
        Column::Layer => 56.0,
        Column::Op => 116.0,
        Column::Destination => 136.0,
        Column::Touched | Column::Logged => 78.0,
        Column::Track => 98.0,
        Column::Experts => 90.0,
        Column::Operands => 420.0,
    }
}

/// Where columns stand; the last one takes what the others leave of `room`.
pub fn places(columns: &[ShownColumn], room: f32) -> Vec<Placed> {
    let mut left = 0.0;
    let mut placed = Vec::with_capacity(columns.len());
    for (at, shown) in columns.iter().enumerate() {
        let mut width = shown.width.unwrap_or_else(|| usual_width(shown.column));
        if at + 1 == columns.len() {
            width = width.max(room - left);
        }
        placed.push(Placed { column: shown.column, left, width });
        left += width;
    }
    placed
}

/// Whether a column's cells stand at its right edge, so that digits stand below each other.
pub fn to_the_right(column: Column) -> bool {
    column.measured() != Measured::Name && column != Column::Experts
}

/// The order after a click on a column: up, down, and no more. With Shift the other columns stay.
pub fn clicked_sort(sort: &[SortKey], column: Column, add: bool) -> Vec<SortKey> {
    let now = sort.iter().find(|key| key.column == column);
    let next = match now {
        None => Some(SortKey { column, down: false }),
        Some(SortKey { down: false, .. }) => Some(SortKey { column, down: true }),
        Some(SortKey { down: true, .. }) => None,
    };
    if !add {
        return next.into_iter().collect();
    }
    let mut keys = sort.to_vec();
    match (keys.iter().position(|key| key.column == column), next) {
        (Some(at), Some(next)) => keys[at] = next,
        (Some(at), None) => {
            keys.remove(at);
        }
        (None, next) => keys.extend(next),
    }
    keys
}

/// The header's own memory: the column that is dragged, and its width or place meanwhile.
#[derive(Default)]
pub struct Header {
    resized: Option<(Column, f32)>,
}

/// What the header asks for that is no Action.
pub struct HeaderWish {
    pub open_filter: Option<(Column, Rect)>,
}

impl Header {
    /// The columns as they stand in this frame, with one that is being resized.
    pub fn columns(&self, shown: &[ShownColumn]) -> Vec<ShownColumn> {
        let width = |shown: &ShownColumn| match self.resized {
            Some((column, width)) if column == shown.column => Some(width),
            _ => shown.width,
        };
        shown.iter().map(|each| ShownColumn { width: width(each), ..*each }).collect()
    }

    /// Draws the header into `area`; `left` is where the first column begins.
    pub fn ui(
        &mut self,
        ui: &Ui,
        cx: &mut ViewContext<'_>,
        area: Rect,
        left: f32,
        placed: &[Placed],
        scope: egui::Id,
    ) -> HeaderWish {
        let mut wish = HeaderWish { open_filter: None };
        let painter = ui.painter_at(area);
        painter.rect_filled(area, 0.0, ui.visuals().widgets.noninteractive.weak_bg_fill);
        let mut moved: Option<(Column, Pos2, bool)> = None;
        for place in placed {
            let column = place.column;
            let cell =
                Rect::from_min_size(Pos2::new(left + place.left, area.top()), Vec2::new(place.width, ROW_POINTS));
            if cell.right() < area.left() || cell.left() > area.right() {
                continue;
            }
            let title = Rect::from_min_max(cell.min, Pos2::new(cell.right() - BUTTON_POINTS, cell.bottom()));
            let response = ui.interact(title.intersect(area), scope.with(("column", column)), Sense::click_and_drag());
            let rank = cx.state.table.sort.iter().position(|key| key.column == column);
            let key = rank.map(|rank| cx.state.table.sort[rank]);
            let sorted = match key {
                None => String::new(),
                Some(key) => {
                    let way = if key.down { "down" } else { "up" };
                    format!(", sorted {way}, {} of {}", rank.unwrap_or(0) + 1, cx.state.table.sort.len())
                }
            };
            let label = format!("Column {}{sorted}", column.name());
            response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::ColumnHeader, true, &label));
            if response.hovered() || response.has_focus() {
                painter.rect_filled(cell, 0.0, ui.visuals().widgets.hovered.weak_bg_fill);
            }
            if response.clicked() {
                let add = ui.input(|i| i.modifiers.shift);
                cx.act(Action::SetSort { keys: clicked_sort(&cx.state.table.sort, column, add) });
            }
            if response.dragged() || response.drag_stopped() {
                moved = response.interact_pointer_pos().map(|at| (column, at, response.drag_stopped()));
            }
            let filtered = cx.state.filter.condition(column).is_some();
            wish.open_filter = wish.open_filter.or(filter_button(ui, area, cell, column, filtered, scope));
            let ink = if filtered { theme::selected_text(cx.state.theme) } else { ui.visuals().strong_text_color() };
            let clip = ui.painter_at(title.intersect(area));
            let font = FontId::proportional(11.5);
            let arrow = if key.is_some() { 18.0 } else { 0.0 };
            let drawn = match to_the_right(column) {
                true => clip.text(
                    title.right_center() - Vec2::new(arrow, 0.0),
                    Align2::RIGHT_CENTER,
                    column.title(),
                    font,
                    ink,
                ),
                false => {
                    clip.text(title.left_center() + Vec2::new(4.0, 0.0), Align2::LEFT_CENTER, column.title(), font, ink)
                }
            };
            if let Some(key) = key {
                let at = Pos2::new(drawn.right() + 8.0, cell.center().y);
                clip.add(triangle(at, 3.5, !key.down, ink));
                if cx.state.table.sort.len() > 1 {
                    let rank = (rank.unwrap_or(0) + 1).to_string();
                    clip.text(at + Vec2::new(5.0, 0.0), Align2::LEFT_CENTER, rank, FontId::proportional(9.0), ink);
                }
            }
            painter.vline(cell.right(), cell.y_range(), ui.visuals().widgets.noninteractive.bg_stroke);
            self.edge(ui, cx, area, cell, column, scope);
            if !response.dragged() {
                let hint = format!(
                    "{}\nclick: sort   Shift+click: sort by this too\ndrag: move the column, its edge: resize",
                    column.name()
                );
                response.on_hover_text(hint);
            }
        }
        if let Some((column, at, dropped)) = moved {
            drop_column(ui, cx, area, left, placed, (column, at, dropped));
        }
        wish
    }

    /// The right edge of a column, which resizes it.
    fn edge(&mut self, ui: &Ui, cx: &mut ViewContext<'_>, area: Rect, cell: Rect, column: Column, scope: egui::Id) {
        let edge = Rect::from_x_y_ranges(cell.right() - EDGE_POINTS..=cell.right() + 2.0, cell.y_range());
        let response = ui.interact(edge.intersect(area), scope.with(("edge", column)), Sense::DRAG | Sense::CLICK);
        response.widget_info(|| {
            let label = format!("Right edge of column {}", column.name());
            egui::WidgetInfo::labeled(egui::Role::Splitter, true, label)
        });
        if response.hovered() || response.dragged() {
            ui.ctx().set_cursor_icon(CursorIcon::ResizeColumn);
        }
        if response.dragged() {
            let before = self.resized.map_or(cell.width(), |(_, width)| width);
            self.resized = Some((column, (before + response.drag_delta().x).max(24.0)));
        }
        let chosen = match self.resized {
            // Twice on the edge: the usual width.
            _ if response.double_clicked() => Some(None),
            Some((of, width)) if of == column && response.drag_stopped() => Some(Some(width)),
            _ => None,
        };
        if let Some(width) = chosen {
            self.resized = None;
            let columns = cx.state.table.columns.iter();
            let columns =
                columns.map(|c| if c.column == column { ShownColumn { column, width } } else { *c }).collect();
            cx.act(Action::SetColumns { columns });
        }
    }
}

/// Shows where a dragged column would come to stand, and puts it there when it is let go.
fn drop_column(
    ui: &Ui,
    cx: &mut ViewContext<'_>,
    area: Rect,
    left: f32,
    placed: &[Placed],
    (column, at, dropped): (Column, Pos2, bool),
) {
    ui.ctx().set_cursor_icon(CursorIcon::Grabbing);
    let before = placed.iter().find(|place| at.x < left + place.left + place.width / 2.0);
    let x = before.or(placed.last()).map_or(left, |place| match before {
        Some(_) => left + place.left,
        None => left + place.left + place.width,
    });
    let stroke = egui::Stroke::new(2.0, theme::SELECTED);
    ui.painter().vline(x.clamp(area.left() + 1.0, area.right() - 1.0), area.y_range(), stroke);
    if dropped && before.is_none_or(|place| place.column != column) {
        let mut columns = cx.state.table.columns.clone();
        let Some(from) = columns.iter().position(|c| c.column == column) else { return };
        let dragged = columns.remove(from);
        let to = before.and_then(|place| columns.iter().position(|c| c.column == place.column));
        columns.insert(to.unwrap_or(columns.len()), dragged);
        if columns != cx.state.table.columns {
            cx.act(Action::SetColumns { columns });
        }
    }
}

/// The small button at the right of a header; gives where its popup belongs once it is clicked.
fn filter_button(
    ui: &Ui,
    area: Rect,
    cell: Rect,
    column: Column,
    filtered: bool,
    scope: egui::Id,
) -> Option<(Column, Rect)> {
    let place = Rect::from_min_max(
        Pos2::new(cell.right() - BUTTON_POINTS, cell.top()),
        Pos2::new(cell.right() - EDGE_POINTS, cell.bottom()),
    );
    let response = ui.interact(place.intersect(area), scope.with(("filter", column)), Sense::click());
    let label = format!("Filter {}", column.name());
    response.widget_info(|| egui::WidgetInfo::selected(egui::Role::Button, true, filtered, &label));
    let ink = match (filtered, response.hovered() || response.has_focus()) {
        (true, _) => theme::SELECTED,
        (false, true) => ui.visuals().strong_text_color(),
        (false, false) => ui.visuals().weak_text_color().gamma_multiply(0.6),
    };
    let middle = Pos2::new(place.center().x - 1.0, place.center().y);
    ui.painter_at(area).add(triangle(middle, 3.0, false, ink));
    response.on_hover_text(label).clicked().then_some((column, cell))
}

/// A small triangle that points up or down.
fn triangle(at: Pos2, size: f32, up: bool, ink: egui::Color32) -> Shape {
    let way = if up { -1.0 } else { 1.0 };
    let points = vec![
        at + Vec2::new(-size, -0.6 * size * way),
        at + Vec2::new(size, -0.6 * size * way),
        at + Vec2::new(0.0, 0.8 * size * way),
    ];
    Shape::convex_polygon(points, ink, egui::Stroke::NONE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clicks_turn_a_column_around_and_shift_adds_one() {
        let up = |column| SortKey { column, down: false };
        let down = |column| SortKey { column, down: true };
        let one = clicked_sort(&[], Column::Op, false);
        assert_eq!(one, [up(Column::Op)]);
        let turned = clicked_sort(&one, Column::Op, false);
        assert_eq!(turned, [down(Column::Op)]);
        assert_eq!(clicked_sort(&turned, Column::Op, false), []);
        let two = clicked_sort(&turned, Column::Start, true);
        assert_eq!(two, [down(Column::Op), up(Column::Start)]);
        assert_eq!(clicked_sort(&two, Column::Op, true), [up(Column::Start)]);
        assert_eq!(clicked_sort(&two, Column::Start, true), [down(Column::Op), down(Column::Start)]);
        assert_eq!(clicked_sort(&two, Column::Layer, false), [up(Column::Layer)]);
    }

    #[test]
    fn the_last_column_takes_what_is_left() {
        let columns = [Column::Index, Column::Op].map(ShownColumn::from);
        let wide = places(&columns, 1000.0);
        assert_eq!(wide[1].left + wide[1].width, 1000.0);
        let narrow = places(&columns, 10.0);
        assert_eq!(narrow[1].width, usual_width(Column::Op));
    }
}
