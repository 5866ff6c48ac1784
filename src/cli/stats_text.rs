//! Rows of `stats` as a table for people: the fields that fit beside each other, with units.

use std::fmt::Write;

use serde_json::Value;

use super::args::ByArg;
use crate::analysis::stats::RunStats;
use crate::analysis::stats::fields::{self, Row, title};
use crate::trace::Phase;
use crate::units;

/// Between columns.
const GAP: &str = "  ";
/// Characters that a name may take.
const MOST_OF_NAME: usize = 44;

/// What a table shows of a row; CSV and JSON have all of it.
fn shown(by: ByArg) -> &'static [&'static str] {
    match by {
        ByArg::Run => &[],
        ByArg::Pass => &[
            "pass",
            "phase",
            "tokens",
            "ops",
            "duration_ns",
            "touched_disk_bytes",
            "touched_buffer_bytes",
            "disk_share",
            "working_set_disk_bytes",
            "working_set_buffer_bytes",
            "new_disk_bytes",
            "sequential_share",
            "text",
        ],
        ByArg::Layer => &[
            "layer",
            "ops",
            "duration_ns",
            "mean_ns",
            "p50_ns",
            "p90_ns",
            "p99_ns",
            "max_ns",
            "touched_disk_bytes",
            "touched_buffer_bytes",
            "weights_bytes",
            "kv_bytes",
            "compute_bytes",
            "hottest_tensors",
        ],
        ByArg::Tensor => &[
            "tensor",
            "name",
            "track",
            "layer",
            "bytes",
            "reads",
            "writes",
            "touched_bytes",
            "ever_touched_share",
            "passes",
            "first_op",
            "last_op",
            "reuse_mean_bytes",
        ],
        ByArg::Op => &[
            "op",
            "ops",
            "duration_ns",
            "mean_ns",
            "p50_ns",
            "p90_ns",
            "p99_ns",
            "max_ns",
            "touched_disk_bytes",
            "touched_buffer_bytes",
        ],
        ByArg::Expert => &["layer", "expert", "passes", "ops", "touched_bytes"],
        ByArg::ExpertLayer => &[
            "layer",
            "experts",
            "used",
            "never_used",
            "entropy_bits",
            "entropy_normalised",
            "overlap",
            "overlap_pairs",
        ],
        ByArg::LayerPass => &["pass", "layer", "ops", "duration_ns", "accesses", "touched_bytes", "logged_bytes"],
    }
}

/// An aligned table with a line of titles.
pub fn rows<R: Row>(by: ByArg, rows: &[R]) -> String {
    let shown = shown(by);
    let mut lines = vec![shown.iter().map(|field| title(field)).collect::<Vec<_>>()];
    for row in rows {
        let values = row.values();
        let cell = |wanted: &&str| values.iter().find(|(field, _)| field == wanted).map_or_else(String::new, text_of);
        lines.push(shown.iter().map(cell).collect());
    }
    aligned(&lines, |column| {
        matches!(shown.get(column), Some(&("name" | "op" | "phase" | "text" | "track" | "hottest_tensors")))
    })
}

/// Fields below each other, the phases in columns of their own.
pub fn run(run: &RunStats) -> String {
    let of_a_phase = |field: &str| Phase::ALL.iter().any(|phase| field.starts_with(&format!("{}_", phase.label())));
    let histogram = |field: &str| field.starts_with("reuse_histogram");
    let fields = run.values();
    let whole = fields.iter().filter(|(field, _)| !of_a_phase(field) && !histogram(field));
    let lines: Vec<Vec<String>> = whole.map(|field| vec![title(&field.0), text_of(field)]).collect();
    let mut out = aligned(&lines, |column| column == 0);

    let phases: Vec<Phase> = Phase::ALL.into_iter().filter(|&phase| run.phase(phase).passes > 0).collect();
    let columns: Vec<Vec<(String, Value)>> = phases.iter().map(|&phase| run.phase(phase).values()).collect();
    let mut lines = vec![std::iter::once(String::new()).chain(phases.iter().map(|p| p.label().to_owned())).collect()];
    for (at, (field, _)) in columns.first().into_iter().flatten().enumerate() {
        let cells = columns.iter().filter_map(|column| column.get(at)).map(text_of);
        lines.push(std::iter::once(title(field)).chain(cells).collect::<Vec<_>>());
    }
    if !phases.is_empty() {
        out += "\n";
        out += &aligned(&lines, |column| column == 0);
    }

    let most = run.reuse_histogram_reads.iter().copied().max().unwrap_or(0);
    if most > 0 {
        out += "\n";
        let classes = run.reuse_histogram_bytes.iter().zip(&run.reuse_histogram_reads).filter(|(_, reads)| **reads > 0);
        let bar = |reads: u64| "#".repeat((reads as f64 / most as f64 * 40.0).ceil() as usize);
        let mut lines = vec![vec!["reuse distance from".to_owned(), "reads".to_owned(), String::new()]];
        lines.extend(classes.map(|(&from, &reads)| vec![units::bytes(from), units::count(reads), bar(reads)]));
        out += &aligned(&lines, |column| column == 2);
    }
    out
}

/// The value with its unit, and names as far as there is room.
fn text_of((field, value): &(String, Value)) -> String {
    let text = fields::text(field, value);
    match (field.as_str(), text.char_indices().nth(MOST_OF_NAME)) {
        ("name" | "text" | "hottest_tensors", Some((end, _))) => format!("{}\u{2026}", &text[..end]),
        _ => text,
    }
}

/// Columns beside each other; those of text begin at the left, numbers end at the right.
fn aligned(lines: &[Vec<String>], left: impl Fn(usize) -> bool) -> String {
    let columns = lines.iter().map(Vec::len).max().unwrap_or(0);
    let length =
        |column: usize| lines.iter().filter_map(|line| line.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| length(column).unwrap_or(0)).collect();
    let mut out = String::new();
    for line in lines {
        let mut text = String::new();
        for (column, (cell, &width)) in line.iter().zip(&widths).enumerate() {
            let gap = if column > 0 { GAP } else { "" };
            let _ = match left(column) {
                true => write!(text, "{gap}{cell:<width$}"),
                false => write!(text, "{gap}{cell:>width$}"),
            };
        }
        out += text.trim_end();
        out.push('\n');
    }
    out
}
