//! Conditions of the table's filter in words, and how each is taken away.

use super::describe;
use crate::analysis::filter::{Condition, Filter, TensorRef, Value};
use crate::analysis::links::Item;
use crate::analysis::table_columns::{Column, Measured};
use crate::state::Document;
use crate::units;

/// Values that a chip names; the rest is counted.
const NAMED_VALUES: usize = 3;

/// What a click on a condition leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Edit {
    /// The popup of its column.
    Column(Column),
    /// What it is about becomes the selection.
    Select(Item),
}

/// One condition, and the filter that is left without it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chip {
    pub text: String,
    pub edit: Option<Edit>,
    pub without: Filter,
}

/// Every condition but the free text, which has its field.
pub fn chips(document: &Document, filter: &Filter) -> Vec<Chip> {
    let mut chips = Vec::new();
    for column in Column::ALL {
        if let Some(condition) = filter.condition(column) {
            let text = words(column, &condition);
            chips.push(Chip { text, edit: Some(Edit::Column(column)), without: filter.with_condition(column, None) });
        }
    }
    if let Some(tensor) = &filter.touches {
        let found = tensor.resolve(&document.trace).next().map(Item::Tensor);
        let name = match (tensor, found) {
            (TensorRef::Name(name), _) => name.clone(),
            (TensorRef::Number(_), Some(item)) => describe::title(document, item),
            (TensorRef::Number(number), None) => format!("tensor {number}"),
        };
        let text = format!("touches {}", shorten(name.trim(), 40));
        chips.push(Chip { text, edit: found.map(Edit::Select), without: Filter { touches: None, ..filter.clone() } });
    }
    if let Some(region) = filter.region {
        let item = Item::Region(region);
        let without = Filter { region: None, ..filter.clone() };
        chips.push(Chip { text: describe::title(document, item), edit: Some(Edit::Select(item)), without });
    }
    chips
}

/// A condition as people say it.
fn words(column: Column, condition: &Condition) -> String {
    let name = if column == Column::Index { "#" } else { column.name() };
    match condition {
        Condition::Contains(text) => format!("{name} has \u{201c}{}\u{201d}", shorten(text, 30)),
        Condition::Matches(pattern) => format!("{name} matches /{}/", shorten(pattern, 30)),
        Condition::Is(values) => {
            let named: Vec<String> = values.iter().take(NAMED_VALUES).map(|value| value_text(column, value)).collect();
            let more = values.len().saturating_sub(NAMED_VALUES);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            let name = if column == Column::Track { "touches" } else { name };
            format!("{name} {}{more}", named.join(", "))
        }
        Condition::Between { at_least, at_most } => {
            let number = |n: &u64| number_text(column, *n);
            match (at_least.as_ref().map(number), at_most.as_ref().map(number)) {
                (Some(from), Some(to)) => format!("{name} {from} to {to}"),
                (Some(from), None) => format!("{name} from {from}"),
                (None, Some(to)) => format!("{name} up to {to}"),
                (None, None) => format!("{name} known"),
            }
        }
    }
}

pub fn value_text(column: Column, value: &Value) -> String {
    match value {
        Value::Number(number) => number_text(column, *number),
        Value::Text(text) if column == Column::Token => format!("\u{201c}{}\u{201d}", text.escape_debug()),
        Value::Text(text) => shorten(text, 30),
        Value::Missing => "none".to_owned(),
    }
}

fn number_text(column: Column, number: u64) -> String {
    match column.measured() {
        Measured::Ns => units::duration(number),
        Measured::Bytes => units::bytes(number),
        _ if column == Column::Index => units::count(number),
        _ => number.to_string(),
    }
}

pub fn shorten(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        text.to_owned()
    } else {
        text.chars().take(most - 1).chain(['\u{2026}']).collect()
    }
}
