//! `stats RUN`: numbers of the run, its passes, layers, tensors, kinds of op and experts, as a table, CSV or JSON.

use std::fmt::Write;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use serde::Serialize;
use serde_json::Value;

use super::args::{ByArg, StatsArgs, StatsFormatArg};
use super::{CliError, open, print_json, print_text, stats_text};
use crate::analysis::stats::fields::Row;
use crate::analysis::stats::{self, Experts, RunStats, Scope};
use crate::analysis::table_text::csv_cell;

#[derive(Serialize)]
struct Run<'a> {
    by: ByArg,
    run: &'a RunStats,
}

#[derive(Serialize)]
struct Rows<'a, R> {
    by: ByArg,
    rows: &'a [R],
}

#[derive(Serialize)]
struct ExpertRows<'a> {
    by: ByArg,
    rows: &'a [stats::ExpertStats],
    layers: &'a [stats::ExpertLayerStats],
}

pub fn run(args: &StatsArgs) -> Result<(), CliError> {
    let trace = open(&args.run)?;
    let scope = Scope { phase: args.phase.phase() };
    let never = AtomicBool::new(false);
    match args.by {
        ByArg::Run => {
            let run = answer(stats::run(&trace, scope, &never), &args.run)?;
            match args.format {
                StatsFormatArg::Json => print_json(&Run { by: args.by, run: &run }),
                StatsFormatArg::Csv => print_text(&csv(&[run])),
                StatsFormatArg::Table => print_text(&stats_text::run(&run)),
            }
        }
        ByArg::Pass => print(args, &answer(stats::passes(&trace, scope, &never), &args.run)?),
        ByArg::Layer => print(args, &answer(stats::layers(&trace, scope, &never), &args.run)?),
        ByArg::Tensor => print(args, &answer(stats::tensors(&trace, scope, &never), &args.run)?),
        ByArg::Op => print(args, &answer(stats::op_kinds(&trace, scope, &never), &args.run)?),
        ByArg::LayerPass => print(args, &answer(stats::layer_passes(&trace, scope, &never), &args.run)?),
        ByArg::ExpertLayer => print(args, &answer(stats::experts(&trace, scope, &never), &args.run)?.layers),
        ByArg::Expert => {
            let Experts { experts: rows, layers } = answer(stats::experts(&trace, scope, &never), &args.run)?;
            match args.format {
                StatsFormatArg::Json => print_json(&ExpertRows { by: args.by, rows: &rows, layers: &layers }),
                StatsFormatArg::Csv => print_text(&csv(&rows)),
                StatsFormatArg::Table => {
                    print_text(&stats_text::rows(ByArg::ExpertLayer, &layers))?;
                    print_text("\n")?;
                    print_text(&stats_text::rows(args.by, &rows))
                }
            }
        }
    }
}

/// Nobody cancels a command but by ending it.
fn answer<A>(answer: Option<A>, run: &Path) -> Result<A, CliError> {
    answer.ok_or_else(|| CliError::Failed(format!("{}: given up; try again", run.display())))
}

fn print<R: Row>(args: &StatsArgs, rows: &[R]) -> Result<(), CliError> {
    match args.format {
        StatsFormatArg::Json => print_json(&Rows { by: args.by, rows }),
        StatsFormatArg::Csv => print_text(&csv(rows)),
        StatsFormatArg::Table => print_text(&stats_text::rows(args.by, rows)),
    }
}

/// A line of names, then a line a row. A semicolon and a space stand between several values.
fn csv<R: Row>(rows: &[R]) -> String {
    let names: Vec<&str> = R::FIELDS.iter().map(|(name, _)| *name).collect();
    let mut out = names.join(",") + "\n";
    for row in rows {
        for (at, (_, value)) in row.values().into_iter().enumerate() {
            let comma = if at > 0 { "," } else { "" };
            let _ = write!(out, "{comma}{}", csv_cell(&plain(&value)));
        }
        out.push('\n');
    }
    out
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(values) => values.iter().map(plain).collect::<Vec<_>>().join("; "),
        other => other.to_string(),
    }
}
