//! The table's rows as groups: a value each, with counts and sums; a click on one lists its ops.

use std::sync::Arc;

use egui::{Align2, FontId, Pos2, Rect, Sense, Ui, Vec2};

use super::ViewContext;
use super::table_engine::Shown;
use super::table_popup::group_value;
use super::table_scroll::{ROW_POINTS, Scroll};
use crate::analysis::filter::Condition;
use crate::analysis::table_cells;
use crate::analysis::table_groups::{Group, Groups};
use crate::state::Action;
use crate::state::table_choices::{GroupOrder, Grouping};
use crate::units;

/// The columns behind the value, and their widths.
const SUMS: [(GroupOrder, &str, f32); 4] = [
    (GroupOrder::Ops, "ops", 90.0),
    (GroupOrder::Time, "time", 150.0),
    (GroupOrder::Touched, "touched", 90.0),
    (GroupOrder::Logged, "logged", 90.0),
];
const VALUE_POINTS: f32 = 220.0;

/// The groups' places, kept until there are others.
#[derive(Default)]
pub struct GroupList {
    order: Vec<u32>,
    ordered: Option<(u64, Grouping)>,
    scroll: Scroll,
}

/// Where each group of `groups` stands.
pub fn order(groups: &Groups, by: GroupOrder, down: bool) -> Vec<u32> {
    let mut order: Vec<u32> = (0..groups.groups.len() as u32).collect();
    let sum = |at: &u32| {
        let group = groups.groups[*at as usize];
        match by {
            GroupOrder::Value => u64::from(*at),
            GroupOrder::Ops => group.ops,
            GroupOrder::Time => group.time_ns,
            GroupOrder::Touched => group.touched_bytes,
            GroupOrder::Logged => group.logged_bytes,
        }
    };
    match down {
        false => order.sort_by_key(sum),
        true => order.sort_by_key(|at| std::cmp::Reverse(sum(at))),
    }
    order
}

impl GroupList {
    /// Shows the groups that `other` shows.
    pub fn scroll_as(&mut self, other: &Self) {
        self.scroll = other.scroll;
    }

    /// Moves the list by rows.
    pub fn scroll(&mut self, rows: f64) {
        self.scroll.at += rows;
    }

    pub fn ui(
        &mut self,
        ui: &Ui,
        cx: &mut ViewContext<'_>,
        [header, body, bar]: [Rect; 3],
        shown: &Shown,
        groups: &Arc<Groups>,
    ) {
        let Some(grouping) = cx.state.table.group else { return };
        if self.ordered != Some((shown.version, grouping)) {
            self.order = order(groups, grouping.order, grouping.down);
            self.ordered = Some((shown.version, grouping));
        }
        let (seen, count) = (f64::from(body.height() / ROW_POINTS), self.order.len());
        self.scroll.limit(seen, count as f64);
        self.scroll.bar(ui, bar, seen, count as f64, "Scroll bar of the groups");
        group_header(ui, cx, header, grouping);
        let all_time = groups.groups.iter().fold(0_u64, |sum, group| sum.saturating_add(group.time_ns)).max(1);
        let painter = ui.painter_at(body);
        for (row, top) in self.scroll.lines(body.height(), count) {
            let Some(group) = self.order.get(row).and_then(|at| groups.groups.get(*at as usize)) else { continue };
            let line =
                Rect::from_min_size(Pos2::new(body.left(), body.top() + top), Vec2::new(body.width(), ROW_POINTS));
            let trace = &shown.document.trace;
            let value = table_cells::text(trace, groups.column, group.first_op as usize);
            let response = ui.interact(line.intersect(body), ui.scope_id().with(("group", row)), Sense::CLICK);
            response.widget_info(|| {
                let label = format!("group {} {value}: {} ops", groups.column.name(), units::count(group.ops));
                egui::WidgetInfo::labeled(egui::Role::Row, true, label)
            });
            if response.hovered() {
                painter.rect_filled(line, 0.0, ui.visuals().widgets.hovered.weak_bg_fill);
            } else if row % 2 == 1 {
                painter.rect_filled(line, 0.0, ui.visuals().faint_bg_color);
            }
            draw_group(ui, &painter, line, &value, group, all_time);
            if response.on_hover_text("list these ops").clicked() {
                let condition = Condition::Is(vec![group_value(trace, groups.column, group)]);
                let filter = cx.state.filter.with_condition(groups.column, Some(condition));
                cx.act(Action::SetFilter { filter });
                cx.act(Action::GroupBy { column: None, order: GroupOrder::default(), down: false });
            }
        }
    }
}

fn group_header(ui: &Ui, cx: &mut ViewContext<'_>, header: Rect, grouping: Grouping) {
    let painter = ui.painter_at(header);
    painter.rect_filled(header, 0.0, ui.visuals().widgets.noninteractive.weak_bg_fill);
    let mut left = header.left();
    let value = [(GroupOrder::Value, grouping.column.name(), VALUE_POINTS)];
    for (order, title, width) in value.into_iter().chain(SUMS) {
        let cell = Rect::from_min_size(Pos2::new(left, header.top()), Vec2::new(width, ROW_POINTS));
        left += width;
        let now = grouping.order == order;
        let response = ui.interact(cell.intersect(header), ui.scope_id().with(("group column", title)), Sense::click());
        let label = format!("Groups by {title}");
        response.widget_info(|| egui::WidgetInfo::selected(egui::Role::ColumnHeader, true, now, &label));
        if response.hovered() || response.has_focus() {
            painter.rect_filled(cell, 0.0, ui.visuals().widgets.hovered.weak_bg_fill);
        }
        let arrow = match (now, grouping.down) {
            (false, _) => "",
            (true, false) => "  \u{23F6}",
            (true, true) => "  \u{23F7}",
        };
        let (anchor, at) = match order {
            GroupOrder::Value => (Align2::LEFT_CENTER, cell.left_center() + Vec2::new(4.0, 0.0)),
            _ => (Align2::RIGHT_CENTER, cell.right_center() - Vec2::new(4.0, 0.0)),
        };
        let text = format!("{title}{arrow}");
        painter.text(at, anchor, text, FontId::proportional(11.5), ui.visuals().strong_text_color());
        if response.on_hover_text("click: order by this").clicked() {
            // Sums are asked for to find the largest.
            let down = if now { !grouping.down } else { order != GroupOrder::Value };
            cx.act(Action::GroupBy { column: Some(grouping.column), order, down });
        }
    }
}

fn draw_group(ui: &Ui, painter: &egui::Painter, line: Rect, value: &str, group: &Group, all_time: u64) {
    let font = FontId::proportional(11.5);
    let ink = ui.visuals().text_color();
    let middle = line.center().y;
    painter.with_clip_rect(painter.clip_rect().intersect(line.with_max_x(line.left() + VALUE_POINTS))).text(
        Pos2::new(line.left() + 4.0, middle),
        Align2::LEFT_CENTER,
        value,
        font.clone(),
        ui.visuals().strong_text_color(),
    );
    let mut right = line.left() + VALUE_POINTS;
    for (order, _, width) in SUMS {
        let left = right;
        right += width;
        let text = match order {
            GroupOrder::Time => {
                let share = group.time_ns as f64 / all_time as f64;
                let bar = Rect::from_min_size(
                    Pos2::new(left + 6.0, line.top() + 4.0),
                    Vec2::new((width - 12.0) * share as f32, ROW_POINTS - 8.0),
                );
                painter.rect_filled(bar, 1.0, ui.visuals().selection.bg_fill.gamma_multiply(0.5));
                format!("{}  {:.1} %", units::duration(group.time_ns), share * 100.0)
            }
            GroupOrder::Touched => units::bytes(group.touched_bytes),
            GroupOrder::Logged => units::bytes(group.logged_bytes),
            _ => units::count(group.ops),
        };
        painter.text(Pos2::new(right - 4.0, middle), Align2::RIGHT_CENTER, text, font.clone(), ink);
    }
}
