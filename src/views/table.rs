//! The table of ops: only the rows on screen are made, whatever the length of the run.

use std::sync::Arc;

use egui::{Align2, Color32, FontId, Key, Popup, Pos2, Rect, Sense, Ui, Vec2};

use super::table_bar::TableBar;
use super::table_engine::{Shown, TableEngine};
use super::table_groups::{self, GroupList};
use super::table_header::{BUTTON_POINTS, Header, Placed, places, to_the_right};
use super::table_popup::ColumnPopup;
use super::table_scroll::{BAR_POINTS, ROW_POINTS, Scroll};
use super::{ViewContext, describe, item_menu, theme};
use crate::analysis::links::Item;
use crate::analysis::table_cells;
use crate::analysis::table_columns::Column;
use crate::analysis::table_text::{Listed, RowFormat};
use crate::state::table_choices::Place;
use crate::state::{AppState, Document};
use crate::units;

/// Rows that the clipboard takes; files take all.
pub const MOST_COPIED_ROWS: usize = 10_000;

/// What keys ask of the table in this frame.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct TableKeys {
    pub focus_search: bool,
    pub focus_place: bool,
    /// Keys that move are the table's.
    pub moves: bool,
}

/// The panel's own memory: its rows, and where it is scrolled to.
#[derive(Default)]
pub struct TableView {
    engine: TableEngine,
    bar: TableBar,
    header: Header,
    popup: Option<ColumnPopup>,
    groups: GroupList,
    rows: Scroll,
    columns: Scroll,
    /// The rows and the selection that were last scrolled to.
    followed: Option<(u64, Option<Item>)>,
    /// Of the state's wishes, those that were carried out.
    pages: f64,
    goals: u64,
    /// The run that all this is about.
    document: Option<Arc<Document>>,
    /// A dialog is wanted for where to write rows.
    pub choose_file: Option<RowFormat>,
}

impl TableView {
    /// Has the rows worked out that the state wants, whether or not they are on screen. `wake` asks for a frame, from any
    /// thread.
    pub fn prepare(&mut self, state: &AppState, wake: impl Fn() + Send + 'static) {
        if let Some(document) = &state.document {
            self.engine.begin(state, document, wake);
        }
    }

    pub fn ui(&mut self, ui: &mut Ui, cx: &mut ViewContext<'_>, keys: TableKeys) {
        let Some(document) = cx.document() else { return };
        if self.document.as_ref().is_none_or(|known| !Arc::ptr_eq(known, &document)) {
            self.document = Some(document.clone());
            (self.rows, self.columns, self.followed) = (Scroll::default(), Scroll::default(), None);
        }
        let scope = ui.scope_id().with("table");
        let focus = [keys.focus_search, keys.focus_place];
        let wish = self.bar.ui(ui, cx, &self.engine, &document, focus);
        self.choose_file = self.choose_file.or(wish.export);

        let area = ui.available_rect_before_wrap();
        let response = ui.allocate_rect(area, Sense::hover());
        let Some(shown) = self.engine.shown().cloned() else { return };
        let header = Rect::from_min_size(area.min, Vec2::new(area.width() - BAR_POINTS, ROW_POINTS));
        let mut body = Rect::from_min_max(Pos2::new(area.left(), header.bottom()), area.max);
        body.max.x -= BAR_POINTS;
        let placed = places(&self.header.columns(&cx.state.table.columns), body.width());
        let width = placed.last().map_or(0.0, |place| place.left + place.width);
        let grouped = shown.groups.clone().filter(|_| cx.state.table.group.is_some());
        let sideways = width > body.width() + 0.5 && grouped.is_none();
        if sideways {
            body.max.y -= BAR_POINTS;
        }
        let bar = Rect::from_min_max(Pos2::new(body.right(), body.top()), Pos2::new(area.right(), body.bottom()));
        self.scroll_by_input(ui, cx, &response, body, &shown, grouped.is_some(), keys.moves);
        let mut open_filter = wish.open_filter;
        if let Some(groups) = grouped {
            self.groups.ui(ui, cx, [header, body, bar], &shown, &groups);
        } else {
            if sideways {
                let across = Rect::from_min_max(body.left_bottom(), Pos2::new(body.right(), area.bottom()));
                let seen = f64::from(body.width());
                self.columns.limit(seen, f64::from(width));
                self.columns.bar(ui, across, seen, f64::from(width), "Scroll bar of the columns");
            } else {
                self.columns.at = 0.0;
            }
            let left = body.left() - self.columns.at as f32;
            self.follow(cx, &shown, f64::from(body.height() / ROW_POINTS));
            let (seen, count) = (f64::from(body.height() / ROW_POINTS), shown.rows.len());
            self.rows.bar(ui, bar, seen, count as f64, "Scroll bar of the ops");
            self.rows.limit(seen, count as f64);
            self.draw_rows(ui, cx, body, left, &placed, &shown, scope);
            let wish = self.header.ui(ui, cx, header, left, &placed, scope);
            open_filter = open_filter.or(wish.open_filter);
        }
        let popup_id = scope.with("column popup");
        if let Some((column, anchor)) = open_filter {
            self.popup = Some(ColumnPopup::new(&cx.state.filter, column, anchor));
            Popup::open_id(ui.ctx(), popup_id);
        }
        if let Some(popup) = &mut self.popup
            && !popup.ui(ui, cx, &mut self.engine, &document, popup_id)
        {
            self.popup = None;
        }
        let label = format!("Table of {} ops", shown.rows.len());
        response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Table, true, &label));
    }

    /// How many ops are listed.
    pub fn row_count(&self) -> usize {
        self.engine.shown().map_or(0, |shown| shown.rows.len())
    }

    /// The row at the upper edge.
    pub fn first_row(&self) -> f64 {
        self.rows.at
    }

    /// Shows the rows that `other` shows.
    pub fn scroll_as(&mut self, other: &Self) {
        self.document.clone_from(&other.document);
        (self.rows, self.columns) = (other.rows, other.columns);
        self.groups.scroll_as(&other.groups);
    }

    /// Why the rows are not those that were asked for.
    pub fn fault(&self) -> Option<&str> {
        self.engine.fault.as_deref()
    }

    /// What is being worked out, for the status line.
    pub fn stage(&self) -> Option<&'static str> {
        self.engine.stage()
    }

    pub fn is_working(&self) -> bool {
        self.engine.is_working()
    }

    /// What is listed, to be written as it is shown.
    pub fn listed(&self, state: &AppState) -> Option<Listed> {
        let shown = self.engine.shown()?;
        let groups = shown.groups.clone().zip(state.table.group).map(|(groups, grouping)| {
            let order = table_groups::order(&groups, grouping.order, grouping.down);
            (groups, order)
        });
        Some(Listed {
            trace: shown.document.trace.clone(),
            columns: state.table.columns.iter().map(|shown| shown.column).collect(),
            rows: shown.rows.clone(),
            groups,
        })
    }

    /// The selected rows as text, or all that are listed where none is; and what to say of it.
    pub fn copied(&self, state: &AppState, format: RowFormat) -> Option<(String, String)> {
        let mut listed = self.listed(state)?;
        let all = listed.len();
        if listed.groups.is_none()
            && let Some([from, to]) = state.selection.and(state.links.ops)
        {
            let selected: Vec<u32> =
                listed.rows.iter().filter(|op| (from..to).contains(op)).take(MOST_COPIED_ROWS + 1).collect();
            if !selected.is_empty() {
                listed.rows = Arc::new(crate::analysis::table_rows::Rows::List(selected));
            }
        }
        let rows = listed.len().min(MOST_COPIED_ROWS);
        let mut text = Vec::new();
        // Memory takes what it is given.
        listed.write(&mut text, format, 0..rows, |_| true).ok()?;
        let count = |rows: usize| units::count(rows as u64);
        let said = match rows < listed.len() {
            true => format!("copied the first {} rows; Export takes all", count(rows)),
            false => format!("copied {} of {} rows", count(rows), count(all)),
        };
        Some((String::from_utf8(text).ok()?, said))
    }

    /// Wheel, keys and what the state asks for.
    #[expect(clippy::too_many_arguments, reason = "all that a frame knows of the rows")]
    fn scroll_by_input(
        &mut self,
        ui: &Ui,
        cx: &mut ViewContext<'_>,
        response: &egui::Response,
        body: Rect,
        shown: &Shown,
        grouped: bool,
        moves: bool,
    ) {
        let seen = f64::from(body.height() / ROW_POINTS);
        let mut rows = 0.0;
        if response.contains_pointer() {
            let scroll = ui.input(egui::InputState::smooth_scroll_delta);
            rows -= f64::from(scroll.y / ROW_POINTS);
            self.columns.at -= f64::from(scroll.x);
        }
        rows += (cx.state.table.pages - self.pages) * (seen - 1.0).max(1.0);
        self.pages = cx.state.table.pages;
        let mut goal = None;
        if moves {
            let page = (seen - 1.0).max(1.0).floor();
            let times = |key: Key| ui.input(|i| i.num_presses(key)) as f64;
            rows += page * (times(Key::PageDown) - times(Key::PageUp));
            goal = match (times(Key::Home) > 0.0, times(Key::End) > 0.0) {
                (true, _) => Some(Place::First),
                (_, true) => Some(Place::Last),
                _ => None,
            };
            let steps = times(Key::ArrowDown) + times(Key::S) - times(Key::ArrowUp) - times(Key::W);
            if steps != 0.0 && !grouped {
                self.step(cx, shown, steps as i64, seen);
            }
        }
        if let Some((place, asked)) = cx.state.table.goal.filter(|(_, asked)| *asked != self.goals)
            && !self.engine.is_working()
        {
            self.goals = asked;
            goal = Some(place);
        }
        if grouped {
            self.groups.scroll(match goal {
                Some(Place::First) => f64::NEG_INFINITY,
                Some(Place::Last) => f64::INFINITY,
                _ => rows,
            });
            return;
        }
        self.rows.at += rows;
        if let Some(place) = goal {
            self.go(cx, shown, place, seen);
        }
    }

    fn go(&mut self, cx: &mut ViewContext<'_>, shown: &Shown, place: Place, seen: f64) {
        let trace = &shown.document.trace;
        let row = match place {
            Place::First => return self.rows.at = 0.0,
            Place::Last => return self.rows.at = shown.rows.len() as f64,
            Place::Row(row) => Some((row.min(usize::MAX as u64) as usize).min(shown.rows.len().saturating_sub(1))),
            Place::Op(op) => shown.rows.row_near(op, shown.sorted),
            Place::Pass(pass) => {
                let first = trace.passes.get(pass as usize).map_or(0, |pass| pass.first_op);
                shown.rows.row_near(first, shown.sorted)
            }
            Place::TimeNs(ns) => {
                let op = trace.ops.start_ns.partition_point(|start| *start <= ns).saturating_sub(1);
                shown.rows.row_near(op as u32, shown.sorted)
            }
        };
        if let Some((row, op)) = row.and_then(|row| Some((row, shown.rows.op(row)?))) {
            self.rows.reveal(row as f64, seen);
            self.followed = Some((shown.version, Some(Item::Op(op))));
            cx.select_item(Item::Op(op));
        }
    }

    /// Selects the row `by` rows below the selected one.
    fn step(&mut self, cx: &mut ViewContext<'_>, shown: &Shown, by: i64, seen: f64) {
        let row = match cx.state.links.first_op {
            Some(op) => {
                let Some(row) = shown.rows.row_near(op, shown.sorted) else { return };
                row.saturating_add_signed(by as isize).min(shown.rows.len() - 1)
            }
            None => self.rows.at.ceil() as usize,
        };
        if let Some(op) = shown.rows.op(row) {
            self.rows.nudge(row as f64, seen.floor());
            self.followed = Some((shown.version, Some(Item::Op(op))));
            cx.select_item(Item::Op(op));
        }
    }

    /// Brings the selection's first op into view, once for every selection.
    fn follow(&mut self, cx: &ViewContext<'_>, shown: &Shown, seen: f64) {
        let running = cx.state.running_op();
        let now = (shown.version, running.map(Item::Op).or(cx.state.selection));
        if self.followed == Some(now) {
            return;
        }
        self.followed = Some(now);
        let Some(op) = running.or(cx.state.links.first_op) else { return };
        let Some(row) = shown.rows.row_near(op, shown.sorted) else { return };
        // Among sorted rows the neighbours of an op that is not listed are anywhere.
        if !shown.sorted || shown.rows.op(row) == Some(op) {
            self.rows.reveal(row as f64, seen);
        }
    }

    #[expect(clippy::too_many_arguments, reason = "all that a frame knows of the rows")]
    fn draw_rows(
        &mut self,
        ui: &Ui,
        cx: &mut ViewContext<'_>,
        body: Rect,
        left: f32,
        placed: &[Placed],
        shown: &Shown,
        scope: egui::Id,
    ) {
        if shown.rows.is_empty() {
            let text = match (self.engine.stage(), &self.engine.fault) {
                (Some(stage), _) => format!("{stage}\u{2026}"),
                (None, Some(_)) => return,
                (None, None) => "no op passes the filter".to_owned(),
            };
            let ink = ui.visuals().weak_text_color();
            ui.painter().text(body.center(), Align2::CENTER_CENTER, text, FontId::proportional(12.5), ink);
            return;
        }
        let document = &shown.document;
        let painter = ui.painter_at(body);
        let mut lines: Vec<(u32, f32)> = Vec::new();
        for (row, top) in self.rows.lines(body.height(), shown.rows.len()) {
            let Some(op) = shown.rows.op(row) else { continue };
            let y = body.top() + top;
            let line = Rect::from_min_size(Pos2::new(body.left(), y), Vec2::new(body.width(), ROW_POINTS));
            let selected = is_selected(cx.state, op);
            let response = ui.interact(line.intersect(body), scope.with(("row", row)), Sense::CLICK);
            response.widget_info(|| {
                let title = describe::title(document, Item::Op(op));
                let label = match selected {
                    true if cx.state.playback.playing => format!("running row: {title}"),
                    true => format!("selected row: {title}"),
                    false => format!("row {}: {title}", units::count(row as u64 + 1)),
                };
                egui::WidgetInfo::selected(egui::Role::Row, true, selected, label)
            });
            if selected {
                painter.rect_filled(line, 0.0, theme::SELECTED.gamma_multiply(0.22));
            } else if response.hovered() {
                painter.rect_filled(line, 0.0, ui.visuals().widgets.hovered.weak_bg_fill);
            } else if row % 2 == 1 {
                painter.rect_filled(line, 0.0, ui.visuals().faint_bg_color);
            }
            if response.hovered() {
                *cx.hover = Some(Item::Op(op));
            }
            if response.clicked() {
                cx.select_item(Item::Op(op));
            }
            item_menu::on(&response, cx, Some(Item::Op(op)));
            lines.push((op, y + ROW_POINTS / 2.0));
        }
        // One column after the other: each is clipped once.
        for place in placed {
            // Digits end where the title does.
            let right = if to_the_right(place.column) { BUTTON_POINTS } else { 4.0 };
            let place_left = left + place.left;
            let cell = Rect::from_x_y_ranges(place_left + 4.0..=place_left + place.width - right, body.y_range());
            let clip = cell.intersect(body);
            if clip.is_positive() {
                let painter = ui.painter_at(clip);
                for &(op, y) in &lines {
                    draw_cell(ui, &painter, document, place.column, op as usize, cell, y);
                }
            }
        }
    }
}

fn is_selected(state: &AppState, op: u32) -> bool {
    if let Some(running) = state.running_op() {
        return running == op;
    }
    match state.selection {
        Some(Item::Op(selected)) => selected == op,
        Some(Item::Pass(_) | Item::Region(_) | Item::Span(_)) => {
            state.links.ops.is_some_and(|ops| (ops[0]..ops[1]).contains(&op))
        }
        _ => state.links.first_op == Some(op),
    }
}

fn draw_cell(ui: &Ui, painter: &egui::Painter, document: &Document, column: Column, op: usize, cell: Rect, y: f32) {
    let trace = &document.trace;
    let text = match column {
        Column::Operands => operands(document, op),
        column => table_cells::text(trace, column, op),
    };
    let ink: Color32 = match column {
        Column::Op => ui.visuals().strong_text_color(),
        Column::Operands | Column::Logged => ui.visuals().weak_text_color(),
        Column::Phase => trace.pass_of(op).map_or(ui.visuals().text_color(), |pass| theme::phase(pass.phase)),
        _ => ui.visuals().text_color(),
    };
    let (anchor, x) = match to_the_right(column) {
        true => (Align2::RIGHT_CENTER, cell.right()),
        false => (Align2::LEFT_CENTER, cell.left()),
    };
    painter.text(Pos2::new(x, y), anchor, text, FontId::proportional(11.5), ink);
}

/// What an op reads, with how much of it.
fn operands(document: &Document, op: usize) -> String {
    let trace = &document.trace;
    let lines = describe::operands(trace, op).into_iter().filter(|(slot, _, _)| slot != "result");
    let operand = |(_, tensor, what): (String, u32, String)| {
        format!("{} ({what})", trace.tensors.get(tensor as usize).map_or("?", |t| t.name.trim()))
    };
    lines.map(operand).collect::<Vec<_>>().join(", ")
}
