//! The numbers of the selected pass, layer or tensor, and those of another one beside them.

use egui::{Grid, ScrollArea, Ui};
use serde_json::Value;

use super::analytics_engine::Tables;
use super::{ViewContext, describe, inspector, reference, theme};
use crate::analysis::links::Item;
use crate::analysis::stats::fields::{self, Row};
use crate::state::{Action, Document};

/// What is shown of each: the table of the guide, and its fields.
const OF_PASS: (&str, &[&str]) = (
    "pass",
    &[
        "duration_ns",
        "tokens",
        "ops",
        "touched_disk_bytes",
        "touched_buffer_bytes",
        "logged_bytes",
        "disk_share",
        "working_set_disk_bytes",
        "working_set_buffer_bytes",
        "new_bytes",
        "sequential_share",
    ],
);
const OF_LAYER: (&str, &[&str]) = (
    "layer",
    &[
        "duration_ns",
        "ops",
        "mean_ns",
        "p50_ns",
        "p90_ns",
        "p99_ns",
        "touched_disk_bytes",
        "touched_buffer_bytes",
        "logged_bytes",
        "weights_bytes",
        "kv_bytes",
        "compute_bytes",
    ],
);
const OF_TENSOR: (&str, &[&str]) = (
    "tensor",
    &[
        "bytes",
        "reads",
        "writes",
        "touched_bytes",
        "logged_bytes",
        "ever_touched_share",
        "passes",
        "first_op",
        "last_op",
        "reuse_mean_bytes",
    ],
);

/// What stands where nothing is selected that has numbers.
const WAITING: &str = "Select a layer, a pass or a tensor, by a click in a chart or anywhere else: its numbers stand here, \
                       and those of another one beside it.";

type Values = Vec<(String, Value)>;

/// Which table an item has a row in, and the row; `None` of other kinds of item. A pass of another phase has no values.
fn row(tables: &Tables, item: Item) -> Option<((&'static str, &'static [&'static str]), Values)> {
    Some(match item {
        Item::Pass(pass) => (OF_PASS, tables.passes.iter().find(|row| row.pass == pass).map(Row::values)),
        Item::Layer(layer) => (OF_LAYER, tables.layers.iter().find(|row| row.layer == Some(layer)).map(Row::values)),
        Item::Tensor(tensor) => (OF_TENSOR, tables.tensors.get(tensor as usize).map(Row::values)),
        _ => return None,
    })
    .map(|(table, values)| (table, values.unwrap_or_default()))
}

pub fn ui(ui: &mut Ui, cx: &mut ViewContext<'_>, document: &Document, tables: &Tables) {
    let found = cx.state.selection.and_then(|item| Some((item, row(tables, item)?)));
    let Some((item, ((table, shown), values))) = found else {
        ui.add(egui::Label::new(WAITING).wrap());
        return;
    };
    let beside = cx.state.compared.filter(|other| *other != item);
    let other = beside.and_then(|other| row(tables, other)).filter(|((same, _), _)| *same == table);
    ui.horizontal(|ui| {
        if ui.small_button("Compare").on_hover_text("keep this beside what is selected next").clicked() {
            cx.act(Action::Compare { with: reference(document, item) });
        }
        if cx.state.compared.is_some() && ui.small_button("End comparison").clicked() {
            cx.act(Action::Compare { with: None });
        }
        match (cx.state.compared, &other) {
            (Some(kept), None) => {
                ui.weak(format!("select another like {}", describe::title(document, kept).trim()));
            }
            _ => {
                ui.weak("");
            }
        }
    });
    // Rows hold nothing to press, so they need no room for a finger.
    ui.spacing_mut().interact_size.y = 0.0;
    ScrollArea::vertical().id_salt("compare").auto_shrink([false, false]).show(ui, |ui| {
        Grid::new("compared").num_columns(4).spacing([10.0, 1.0]).striped(true).show(ui, |ui| {
            ui.label("");
            ui.colored_label(theme::selected_text(cx.state.theme), describe::title(document, item).trim());
            if let (Some(beside), Some(_)) = (beside, &other) {
                ui.strong(describe::title(document, beside).trim());
                ui.weak("difference");
            }
            ui.end_row();
            for field in shown {
                let label = ui.weak(fields::title(field));
                if let Some(meaning) = fields::meaning(table, field) {
                    label.on_hover_text(meaning);
                }
                let value = value_of(&values, field);
                ui.label(fields::text(field, &value));
                if let Some((_, others)) = &other {
                    let beside = value_of(others, field);
                    ui.label(fields::text(field, &beside));
                    let (text, whole) = difference(field, &value, &beside);
                    ui.weak(text).on_hover_text(whole);
                }
                ui.end_row();
            }
        });
        hottest(ui, cx, document, tables, item);
    });
}

/// The tensors of which a layer touches most.
fn hottest(ui: &mut Ui, cx: &mut ViewContext<'_>, document: &Document, tables: &Tables, item: Item) {
    let Item::Layer(layer) = item else { return };
    let Some(row) = tables.layers.iter().find(|row| row.layer == Some(layer)) else { return };
    ui.weak("hottest tensors").on_hover_text(fields::meaning("layer", "hottest_tensors").unwrap_or_default());
    for (&tensor, &bytes) in row.hottest_tensor_numbers.iter().zip(&row.hottest_touched_bytes) {
        inspector::link(ui, cx, document, Item::Tensor(tensor), &crate::units::bytes(bytes));
    }
}

fn value_of(values: &Values, field: &str) -> Value {
    values.iter().find(|(name, _)| name == field).map_or(Value::Null, |(_, value)| value.clone())
}

/// How much more the first is than the second, in few characters and in full: `+12 %`, and `+1.5 MiB`.
fn difference(field: &str, value: &Value, other: &Value) -> (String, String) {
    let (Some(value), Some(other)) = (value.as_f64(), other.as_f64()) else {
        return ("-".to_owned(), "not known of both".to_owned());
    };
    let by = value - other;
    if by == 0.0 {
        return ("same".to_owned(), "no difference".to_owned());
    }
    let sign = if by > 0.0 { '+' } else { '-' };
    // Whole numbers stay whole.
    let amount = if by.fract() == 0.0 { Value::from(by.abs() as u64) } else { Value::from(by.abs()) };
    let whole = format!("{sign}{}", fields::text(field, &amount));
    let places = ["pass", "first_op", "last_op"].contains(&field) || field.ends_with("share");
    match other {
        _ if places || other == 0.0 => (whole.clone(), whole),
        _ => (format!("{sign}{:.1} %", (by / other).abs() * 100.0), whole),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_say_how_much_and_which_way() {
        let of = |field: &str, a: f64, b: f64| difference(field, &Value::from(a), &Value::from(b));
        let both = |few: &str, full: &str| (few.to_owned(), full.to_owned());
        assert_eq!(of("touched_bytes", 3072.0, 2048.0), both("+50.0 %", "+1.00 KiB"));
        assert_eq!(of("mean_ns", 500.5, 1000.0), both("-50.0 %", "-499 ns"));
        assert_eq!(of("disk_share", 0.5, 0.75), both("-25.0 %", "-25.0 %"));
        assert_eq!(of("ops", 7.0, 7.0).0, "same");
        assert_eq!(difference("ops", &Value::Null, &Value::from(1)).0, "-");
    }
}
