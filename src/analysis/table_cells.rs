//! What a cell of the table holds, for other programs and for people.

use super::table_columns::{Column, experts, logged_bytes, touched_bytes, track_labels};
use crate::trace::{DESTINATION_SLOT, Trace};
use crate::units;

/// Experts that people are shown of one op; the rest is counted.
const LISTED_EXPERTS: usize = 12;

/// The value of a column for an op, as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell<'a> {
    Missing,
    Number(u64),
    Flag(bool),
    Text(&'a str),
    Numbers(Vec<u64>),
    Texts(Vec<&'a str>),
}

pub fn cell(trace: &Trace, column: Column, op: usize) -> Cell<'_> {
    let number = |number: Option<u64>| number.map_or(Cell::Missing, Cell::Number);
    match column {
        Column::Index => Cell::Number(op as u64),
        Column::Start => number(trace.ops.start_ns.get(op).copied()),
        Column::Duration => number(trace.ops.duration_ns.get(op)),
        Column::Pass => number(trace.ops.pass.get(op).map(|pass| u64::from(*pass))),
        Column::Token => trace.pass_of(op).and_then(|pass| pass.text.as_deref()).map_or(Cell::Missing, Cell::Text),
        Column::Phase => trace.pass_of(op).map_or(Cell::Missing, |pass| Cell::Text(pass.phase.label())),
        Column::Layer => number(trace.ops.layer.get(op).map(u64::from)),
        Column::Op => Cell::Text(trace.op_name(op)),
        Column::Destination => match trace.ops.destination.get(op) {
            Some(_) => Cell::Text(trace.destination_name(op).trim()),
            None => Cell::Missing,
        },
        Column::Touched => Cell::Number(touched_bytes(trace, op)),
        Column::Logged => Cell::Number(logged_bytes(trace, op)),
        Column::Track => Cell::Texts(track_labels(trace, op)),
        Column::Experts => {
            let mut used: Vec<u64> = experts(trace, op).map(u64::from).collect();
            used.sort_unstable();
            used.dedup();
            Cell::Numbers(used)
        }
        Column::Operands => Cell::Texts(operand_names(trace, op)),
    }
}

/// What an op reads, each operand once, in the order of its slots.
fn operand_names(trace: &Trace, op: usize) -> Vec<&str> {
    let mut names: Vec<(u8, u32)> = Vec::new();
    for access in trace.accesses_of(op) {
        let slot = trace.accesses.slot[access];
        let tensor = trace.ranges.tensor.get(trace.accesses.range[access] as usize);
        if let Some(&tensor) = tensor.filter(|_| slot != DESTINATION_SLOT)
            && !names.contains(&(slot, tensor))
        {
            names.push((slot, tensor));
        }
    }
    names.into_iter().filter_map(|(_, t)| trace.tensors.get(t as usize)).map(|t| t.name.trim()).collect()
}

/// The cell as people read it.
pub fn text(trace: &Trace, column: Column, op: usize) -> String {
    match (cell(trace, column, op), column) {
        (Cell::Missing, _) => "-".to_owned(),
        (Cell::Number(n), Column::Index) => units::count(n),
        (Cell::Number(n), Column::Start | Column::Duration) => units::duration(n),
        (Cell::Number(n), Column::Touched | Column::Logged) => units::bytes(n),
        (Cell::Number(n), _) => n.to_string(),
        (Cell::Flag(flag), _) => flag.to_string(),
        // Line ends are tokens, too.
        (Cell::Text(text), Column::Token) => text.escape_debug().to_string(),
        (Cell::Text(text), _) => text.to_owned(),
        (Cell::Numbers(numbers), _) => {
            let listed: Vec<String> = numbers.iter().take(LISTED_EXPERTS).map(u64::to_string).collect();
            match numbers.len() {
                0 => "-".to_owned(),
                all if all > LISTED_EXPERTS => format!("{all}: {}\u{2026}", listed.join(" ")),
                _ => listed.join(" "),
            }
        }
        (Cell::Texts(texts), Column::Track) => texts.join(" + "),
        (Cell::Texts(texts), _) => texts.join(", "),
    }
}
