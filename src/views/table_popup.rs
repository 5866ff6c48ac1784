//! The popup of a column: its filter as text, values or a range, and what else can be done with it.

use std::sync::Arc;

use egui::{Popup, PopupCloseBehavior, Rect, TextEdit, Ui};

use super::ViewContext;
use super::table_conditions::value_text;
use super::table_engine::TableEngine;
use crate::analysis::filter::{Condition, Filter, Value};
use crate::analysis::filter_match::{BOTH_TRACKS, only};
use crate::analysis::table_cells::{self, Cell};
use crate::analysis::table_columns::{Column, Measured, tracks};
use crate::analysis::table_groups::{Group, Groups};
use crate::analysis::table_rows::SortKey;
use crate::state::table_choices::GroupOrder;
use crate::state::{Action, Document};
use crate::trace::{Trace, Track};
use crate::units;

/// Values that a list shows; typing narrows it.
const LISTED_VALUES: usize = 200;
const WIDTH_POINTS: f32 = 280.0;
/// Room for the bar that scrolls a list.
const LIST_BAR_POINTS: f32 = 10.0;

/// The popup while it is open, with what is being typed into it.
pub struct ColumnPopup {
    column: Column,
    anchor: Rect,
    text: String,
    regex: bool,
    from: String,
    to: String,
    /// What cannot be understood of that.
    problem: Option<String>,
    /// Whether its field has had the cursor yet.
    focused: bool,
}

impl ColumnPopup {
    /// The popup of `column` beside `anchor`, with the filter's condition in its fields.
    pub fn new(filter: &Filter, column: Column, anchor: Rect) -> Self {
        let mut popup = Self {
            column,
            anchor,
            text: String::new(),
            regex: false,
            from: String::new(),
            to: String::new(),
            problem: None,
            focused: false,
        };
        match filter.condition(column) {
            Some(Condition::Contains(text)) => popup.text = text,
            Some(Condition::Matches(pattern)) => (popup.text, popup.regex) = (pattern, true),
            Some(Condition::Between { at_least, at_most }) => {
                let shown = |number: Option<u64>| number.map_or_else(String::new, |n| exact(column, n));
                (popup.from, popup.to) = (shown(at_least), shown(at_most));
            }
            Some(Condition::Is(_)) | None => {}
        }
        popup
    }

    /// Draws it; false once it was closed.
    pub fn ui(
        &mut self,
        ui: &Ui,
        cx: &mut ViewContext<'_>,
        engine: &mut TableEngine,
        document: &Arc<Document>,
        id: egui::Id,
    ) -> bool {
        let popup = Popup::new(id, ui.ctx().clone(), self.anchor, ui.layer_id())
            .open_memory(None)
            .close_behavior(PopupCloseBehavior::CloseOnClickOutside)
            .accessible_name(format!("Filter of {}", self.column.name()))
            .width(WIDTH_POINTS);
        popup
            .show(|ui| {
                ui.set_width(WIDTH_POINTS);
                self.content(ui, cx, engine, document);
            })
            .is_some()
    }

    fn content(&mut self, ui: &mut Ui, cx: &mut ViewContext<'_>, engine: &mut TableEngine, document: &Arc<Document>) {
        let column = self.column;
        let condition = cx.state.filter.condition(column);
        ui.horizontal(|ui| {
            ui.strong(column.name());
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                let clear = ui.add_enabled(condition.is_some(), egui::Button::new("Clear"));
                if clear.on_hover_text("no condition on this column").clicked() {
                    *self = Self::new(&Filter::default(), column, self.anchor);
                    set(cx, column, None);
                }
            });
        });
        match column.measured() {
            Measured::Name => self.text_field(ui, cx),
            _ => self.range_fields(ui, cx),
        }
        let fault = cx.state.filter.check().err().filter(|fault| fault.column == Some(column));
        if let Some(problem) = fault.map(|fault| fault.reason).or_else(|| self.problem.clone()) {
            ui.colored_label(ui.visuals().error_fg_color, problem);
        }
        if column.can_group() {
            self.value_list(ui, cx, engine, document, condition.as_ref());
        }
        ui.separator();
        column_commands(ui, cx, column);
    }

    fn text_field(&mut self, ui: &mut Ui, cx: &mut ViewContext<'_>) {
        let name = format!("Text in {}", self.column.name());
        ui.horizontal(|ui| {
            let edit = ui.add(TextEdit::singleline(&mut self.text).hint_text("text").desired_width(150.0));
            edit.widget_info(|| {
                let mut info = egui::WidgetInfo::labeled(egui::Role::TextInput, true, &name);
                info.current_text_value = Some(self.text.clone());
                info
            });
            self.focus(&edit);
            let toggled = ui
                .toggle_value(&mut self.regex, ".*")
                .on_hover_text("regular expression, upper and lower case alike")
                .changed();
            if edit.changed() || toggled && !self.text.is_empty() {
                set(cx, self.column, self.typed());
            }
        });
    }

    fn typed(&self) -> Option<Condition> {
        match (self.text.trim().is_empty(), self.regex) {
            (true, _) => None,
            (false, true) => Some(Condition::Matches(self.text.clone())),
            (false, false) => Some(Condition::Contains(self.text.clone())),
        }
    }

    fn range_fields(&mut self, ui: &mut Ui, cx: &mut ViewContext<'_>) {
        let column = self.column;
        let hint = match column.measured() {
            Measured::Ns => "1.5 ms",
            Measured::Bytes => "4 MiB",
            _ => "number",
        };
        let mut changed = false;
        egui::Grid::new("range").num_columns(2).show(ui, |ui| {
            for (word, from) in [("from", true), ("to", false)] {
                ui.label(word);
                let text = if from { &mut self.from } else { &mut self.to };
                let edit = ui.add(TextEdit::singleline(text).hint_text(hint).desired_width(120.0));
                let now = text.clone();
                edit.widget_info(|| {
                    let label = format!("{} {word}", column.name());
                    let mut info = egui::WidgetInfo::labeled(egui::Role::TextInput, true, label);
                    info.current_text_value = Some(now.clone());
                    info
                });
                changed |= edit.changed();
                if from {
                    self.focus(&edit);
                }
                ui.end_row();
            }
        });
        if changed {
            let read = |text: &str| -> Result<Option<u64>, String> {
                match text.trim() {
                    "" => Ok(None),
                    text => parse(column, text).map(Some).ok_or_else(|| format!("{text:?} is not like {hint}")),
                }
            };
            match (read(&self.from), read(&self.to)) {
                (Ok(None), Ok(None)) => {
                    self.problem = None;
                    set(cx, column, None);
                }
                (Ok(at_least), Ok(at_most)) => {
                    self.problem = None;
                    set(cx, column, Some(Condition::Between { at_least, at_most }));
                }
                (Err(problem), _) | (_, Err(problem)) => self.problem = Some(problem),
            }
        }
    }

    /// The cursor stands in the first field when the popup opens.
    fn focus(&mut self, edit: &egui::Response) {
        if !self.focused {
            edit.request_focus();
            self.focused = true;
        }
    }

    /// The column's values in the run, to be chosen from.
    fn value_list(
        &self,
        ui: &mut Ui,
        cx: &mut ViewContext<'_>,
        engine: &mut TableEngine,
        document: &Arc<Document>,
        condition: Option<&Condition>,
    ) {
        let context = ui.ctx().clone();
        let Some(groups) = engine.values(document, self.column, move || context.request_repaint()) else {
            ui.weak("counting values\u{2026}");
            return;
        };
        let chosen: &[Value] = match condition {
            Some(Condition::Is(values)) => values,
            _ => &[],
        };
        // Text narrows the list down, too.
        let fits = self.text_fits();
        let mut left_out = 0_usize;
        egui::ScrollArea::vertical().max_height(190.0).auto_shrink([false, true]).show(ui, |ui| {
            let values = values(self.column, groups, document);
            for (listed, (value, ops)) in
                values.into_iter().filter(|(value, _)| fits(&value_text(self.column, value))).enumerate()
            {
                if listed >= LISTED_VALUES {
                    left_out += 1;
                    continue;
                }
                let mut on = chosen.contains(&value);
                ui.horizontal(|ui| {
                    if ui.checkbox(&mut on, value_text(self.column, &value)).changed() {
                        let mut values: Vec<Value> = chosen.iter().filter(|known| **known != value).cloned().collect();
                        if on {
                            values.push(value.clone());
                        }
                        values.sort();
                        set(cx, self.column, (!values.is_empty()).then_some(Condition::Is(values)));
                    }
                    ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                        ui.add_space(LIST_BAR_POINTS);
                        ui.weak(units::count(ops));
                    });
                });
            }
            if left_out > 0 {
                ui.weak(format!("{} more; type to narrow the list", units::count(left_out as u64)));
            }
        });
    }

    fn text_fits(&self) -> impl Fn(&str) -> bool + use<> {
        let text = match (self.column.measured(), self.regex) {
            (Measured::Name, false) => self.text.trim().to_lowercase(),
            _ => String::new(),
        };
        move |value: &str| text.is_empty() || value.to_lowercase().contains(&text)
    }
}

/// The values that a list offers, with how many ops have each. Ops that touch both tracks count for either.
fn values(column: Column, groups: &Groups, document: &Document) -> Vec<(Value, u64)> {
    let trace = &document.trace;
    if column == Column::Track {
        let ops = |track: Track| {
            let touch = |group: &&Group| tracks(trace, group.first_op as usize)[track as usize];
            groups.groups.iter().filter(touch).map(|group| group.ops).sum()
        };
        return Track::ALL.map(|track| (Value::Text(track.label().to_owned()), ops(track))).to_vec();
    }
    groups.groups.iter().map(|group| (group_value(&document.trace, column, group), group.ops)).collect()
}

/// What the ops of a group have in common, as a value to filter by.
pub fn group_value(trace: &Trace, column: Column, group: &Group) -> Value {
    match table_cells::cell(trace, column, group.first_op as usize) {
        Cell::Number(number) => Value::Number(number),
        Cell::Text(text) => Value::Text(text.to_owned()),
        _ if column == Column::Track => match tracks(trace, group.first_op as usize) {
            [true, true] => Value::Text(BOTH_TRACKS.to_owned()),
            [true, false] => Value::Text(only(Track::Disk).to_owned()),
            [false, true] => Value::Text(only(Track::Buffer).to_owned()),
            [false, false] => Value::Missing,
        },
        _ => Value::Missing,
    }
}

fn set(cx: &mut ViewContext<'_>, column: Column, condition: Option<Condition>) {
    cx.act(Action::SetFilter { filter: cx.state.filter.with_condition(column, condition) });
}

/// What else a column can do; the same by mouse on the header.
fn column_commands(ui: &mut Ui, cx: &mut ViewContext<'_>, column: Column) {
    ui.horizontal_wrapped(|ui| {
        for (label, down) in [("Sort up", false), ("Sort down", true)] {
            if ui.button(label).clicked() {
                cx.act(Action::SetSort { keys: vec![SortKey { column, down }] });
                ui.close();
            }
        }
        if column.can_group() && ui.button("Group").on_hover_text("one row for each value, with sums").clicked() {
            cx.act(Action::GroupBy { column: Some(column), order: GroupOrder::default(), down: false });
            ui.close();
        }
        let columns = &cx.state.table.columns;
        let Some(at) = columns.iter().position(|shown| shown.column == column) else { return };
        let mut changed = None;
        for (label, hint, to) in
            [("\u{2B05}", "move to the left", at.checked_sub(1)), ("\u{27A1}", "move to the right", Some(at + 1))]
        {
            let to = to.filter(|to| *to < columns.len());
            let button = ui.add_enabled(to.is_some(), egui::Button::new(label));
            button.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, to.is_some(), hint));
            if button.on_hover_text(hint).clicked()
                && let Some(to) = to
            {
                let mut moved = columns.clone();
                moved.swap(at, to);
                changed = Some(moved);
            }
        }
        if ui.add_enabled(columns.len() > 1, egui::Button::new("Hide")).clicked() {
            changed = Some(columns.iter().copied().filter(|shown| shown.column != column).collect());
            ui.close();
        }
        if let Some(columns) = changed {
            cx.act(Action::SetColumns { columns });
        }
    });
}

/// A number as its field takes it back without loss.
fn exact(column: Column, number: u64) -> String {
    match column.measured() {
        Measured::Ns => match number {
            n if n > 0 && n.is_multiple_of(1_000_000) => format!("{} ms", n / 1_000_000),
            n if n > 0 && n.is_multiple_of(1_000) => format!("{} us", n / 1_000),
            n => format!("{n} ns"),
        },
        Measured::Bytes => match number {
            n if n > 0 && n.is_multiple_of(1 << 20) => format!("{} MiB", n >> 20),
            n if n > 0 && n.is_multiple_of(1 << 10) => format!("{} KiB", n >> 10),
            n => format!("{n} B"),
        },
        _ => number.to_string(),
    }
}

fn parse(column: Column, text: &str) -> Option<u64> {
    match column.measured() {
        // A number alone is ns, as in scripts.
        Measured::Ns => units::parse_duration(text).or_else(|| text.trim().replace(',', "").parse().ok()),
        Measured::Bytes => units::parse_bytes(text),
        _ => text.trim().replace(',', "").parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_field_shows_it_understands() {
        for column in [Column::Duration, Column::Touched, Column::Index] {
            for number in [0, 1, 999, 1000, 1024, 1_500_000, 3 << 20, u64::from(u32::MAX), (1 << 50) + 1] {
                assert_eq!(parse(column, &exact(column, number)), Some(number), "{column:?} {number}");
            }
        }
    }
}
