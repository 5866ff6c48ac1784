//! `info RUN`: what is in it, and its health.

use std::fmt::Write;

use super::args::InfoArgs;
use super::{CliError, open, print_json, print_text};
use crate::analysis::info::Info;

pub fn run(args: &InfoArgs) -> Result<(), CliError> {
    let info = Info::of(&open(&args.run)?);
    if args.json { print_json(&info) } else { print_text(&text(&info)) }
}

fn text(info: &Info) -> String {
    let mut out = String::new();
    let or_unknown = |value: Option<u32>| value.map_or_else(|| "?".to_owned(), |v| v.to_string());
    let mut line = |label: &str, value: String| {
        // Names come out of files and may hold anything.
        let value = value.replace(char::is_control, "\u{FFFD}");
        let _ = writeln!(out, "{label:<12}{value}");
    };
    line("source", info.source.clone());
    line(
        "model",
        format!(
            "{} ({}), {} layers, {} experts, {} used, {}",
            info.model.name.as_deref().unwrap_or("unnamed"),
            info.model.architecture.as_deref().unwrap_or("architecture unknown"),
            or_unknown(info.model.layers),
            or_unknown(info.model.experts),
            or_unknown(info.model.experts_used),
            info.model.file_bytes.map_or_else(|| "size unknown".to_owned(), crate::units::bytes),
        ),
    );
    line("passes", format!("{} in {:.3} ms", info.passes.len(), info.duration_ms));
    line("ops", format!("{} ({} prompt, {} generate)", info.ops, info.phases.prompt, info.phases.generate));
    line("reads", format!("{} from DISK, {} from BUFFER", info.reads.disk, info.reads.buffer));
    line("writes", info.writes.to_string());
    line("accesses", info.accesses.to_string());
    line("tensors", format!("{} in the model, {} at run time", info.tensors.model, info.tensors.runtime));
    for (k, graph) in info.graphs.iter().enumerate() {
        line(&format!("graph {k}"), format!("{} nodes, {} edges, {} layers", graph.nodes, graph.edges, graph.layers));
    }
    if info.health.is_empty() {
        line("health", "nothing doubtful".to_owned());
    }
    for entry in &info.health {
        let severity = format!("{:?}", entry.severity).to_lowercase();
        line(&severity, format!("{} x {}: {} (first: {})", entry.count, entry.code, entry.message, entry.example));
    }
    out
}
