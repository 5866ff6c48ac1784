//! The report: one HTML file with a run's figures, charts and pictures, which needs nothing beside it

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::report_html::{escaped, pairs};
use super::{ExportError, cancelled, report_sections, to_file};
use crate::analysis::stats::{self, Experts, LayerPassStats, LayerStats, OpKindStats, PassStats, RunStats, Scope};
use crate::analysis::watch::Watch;
use crate::trace::{Severity, Trace};
use crate::units;

const STYLE: &str = include_str!("report.css");

/// A picture of the run, as PNG.
#[derive(Debug, Clone)]
pub struct Picture {
    pub title: String,
    /// What is seen, for who cannot see it.
    pub alt: String,
    pub png: Vec<u8>,
}

/// What a report says beside the numbers.
pub struct Report {
    pub trace: Arc<Trace>,
    /// What the run is called.
    pub name: String,
    pub pictures: Vec<Picture>,
    /// Why there are none, where there are none.
    pub without_pictures: Option<String>,
}

/// The numbers, from the functions that `stats` and the window ask.
pub(super) struct Numbers {
    pub run: RunStats,
    pub passes: Vec<PassStats>,
    pub layers: Vec<LayerStats>,
    pub layer_passes: Vec<LayerPassStats>,
    pub op_kinds: Vec<OpKindStats>,
    pub tensors: Vec<stats::TensorStats>,
    pub experts: Experts,
}

impl Numbers {
    /// `None` once cancelled.
    fn new(trace: &Trace, watch: Watch<'_>) -> Option<Self> {
        let scope = Scope::default();
        let cancelled: &AtomicBool = watch.cancelled;
        // What each costs differs; the bar moves anyhow.
        let reach = |part: usize| watch.reach([300, 900], part, 7);
        let run = stats::run(trace, scope, cancelled)?;
        reach(1)?;
        let passes = stats::passes(trace, scope, cancelled)?;
        reach(2)?;
        let layers = stats::layers(trace, scope, cancelled)?;
        reach(3)?;
        let layer_passes = stats::layer_passes(trace, scope, cancelled)?;
        reach(4)?;
        let op_kinds = stats::op_kinds(trace, scope, cancelled)?;
        reach(5)?;
        let mut tensors = stats::tensors(trace, scope, cancelled)?;
        tensors.sort_by_key(|tensor| (std::cmp::Reverse(tensor.touched_bytes), tensor.tensor));
        reach(6)?;
        let experts = stats::experts(trace, scope, cancelled)?;
        reach(7)?;
        Some(Self { run, passes, layers, layer_passes, op_kinds, tensors, experts })
    }
}

impl Report {
    /// Writes the report to a file that is there whole or not at all.
    pub fn write_file(&self, path: &Path, watch: Watch<'_>) -> Result<(), ExportError> {
        to_file(path, |out| self.write(out, watch).map(|()| 1)).map(drop)
    }

    pub fn write(&self, out: &mut impl Write, watch: Watch<'_>) -> io::Result<()> {
        let numbers = Numbers::new(&self.trace, watch).ok_or_else(cancelled)?;
        let name = escaped(&self.name);
        write!(
            out,
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n\
             <title>{name} - tensorscope</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n"
        )?;
        self.heading(out, &numbers)?;
        self.pictures(out)?;
        report_sections::write(out, &self.trace, &numbers)?;
        self.identity(out)?;
        self.health(out)?;
        writeln!(out, "</body>\n</html>")
    }

    fn heading(&self, out: &mut impl Write, numbers: &Numbers) -> io::Result<()> {
        let model = &self.trace.meta.model;
        let run = &numbers.run;
        let of_model = [model.name.clone(), model.architecture.clone()].into_iter().flatten().collect::<Vec<_>>();
        let count = |n: u64, one: &str, many: &str| format!("{} {}", units::count(n), if n == 1 { one } else { many });
        let size = [
            count(run.passes, "pass", "passes"),
            count(run.ops, "op", "ops"),
            count(run.accesses, "access", "accesses"),
        ];
        writeln!(out, "<h1>{}</h1>", escaped(&self.name))?;
        let line = of_model.into_iter().chain(size).collect::<Vec<_>>().join(" \u{b7} ");
        writeln!(out, "<p class=\"faint\">{}</p>\n<div class=\"cards\">", escaped(&line))?;
        let share = |share: Option<f64>| share.map(|share| format!("{:.1} %", share * 100.0));
        let speed = |speed: Option<f64>| speed.map(units::decimal);
        let cards = [
            ("time in passes", run.duration_ns.map(units::duration)),
            ("generated tokens a second", speed(run.generate.tokens_per_second)),
            ("prompt tokens a second", speed(run.prompt.tokens_per_second)),
            ("DISK share of touched bytes", share(run.disk_share)),
            ("working set, DISK", Some(units::bytes(run.working_set_disk_bytes))),
            ("working set, BUFFER", Some(units::bytes(run.working_set_buffer_bytes))),
            ("never touched of the model files", share(run.never_touched_share)),
            ("sequential DISK reads", share(run.sequential_share)),
            ("median reuse distance", run.reuse_median_bytes.map(units::bytes)),
        ];
        for (what, value) in cards {
            let Some(value) = value else { continue };
            writeln!(out, "<div class=\"card\"><b>{}</b><span>{}</span></div>", escaped(&value), escaped(what))?;
        }
        writeln!(out, "</div>")
    }

    fn pictures(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "<h2>Pictures</h2>")?;
        if let Some(why) = &self.without_pictures {
            writeln!(out, "<p class=\"faint\">There are none: {}</p>", escaped(why))?;
        }
        for Picture { title, alt, png } in &self.pictures {
            writeln!(
                out,
                "<figure>\n<img alt=\"{}\" src=\"data:image/png;base64,{}\"/>\n<figcaption>{}</figcaption>\n</figure>",
                escaped(alt),
                STANDARD.encode(png),
                escaped(title)
            )?;
        }
        Ok(())
    }

    fn identity(&self, out: &mut impl Write) -> io::Result<()> {
        let meta = &self.trace.meta;
        let model = &meta.model;
        let number = |number: Option<u32>| number.map(|number| number.to_string());
        let rows = [
            ("run", Some(self.name.clone())),
            ("source", Some(meta.source.clone())),
            ("recorded by", meta.producer.clone()),
            ("llama.cpp", meta.llama_cpp_version.clone()),
            ("ggml", meta.ggml_version.clone()),
            ("mode", Some(meta.mode.clone())),
            ("clock", Some(meta.clock.clone())),
            ("model", model.name.clone()),
            ("architecture", model.architecture.clone()),
            ("layers", number(model.layers)),
            ("experts", number(model.experts)),
            ("experts used", number(model.experts_used)),
            ("report by", Some(concat!("tensorscope ", env!("CARGO_PKG_VERSION")).to_owned())),
        ];
        let known = rows.into_iter().filter_map(|(name, value)| Some((name, value.filter(|v| !v.is_empty())?)));
        writeln!(out, "<h2>Where it is from</h2>\n{}", pairs(known))?;
        if !model.files.is_empty() {
            let files = model.files.iter().map(|file| (file.name.as_str(), units::bytes(file.bytes)));
            writeln!(out, "<h3>Model files</h3>\n{}", pairs(files))?;
        }
        if !self.trace.meta.notes.is_empty() {
            writeln!(out, "<h3>Notes</h3>")?;
            for note in &self.trace.meta.notes {
                writeln!(out, "<p>{}</p>", escaped(note))?;
            }
        }
        if !model.parameters.is_empty() {
            let rows = model.parameters.iter().map(|(name, value)| (name.as_str(), value.clone()));
            writeln!(out, "<details><summary>Hyper-parameters</summary>\n{}</details>", pairs(rows))?;
        }
        Ok(())
    }

    fn health(&self, out: &mut impl Write) -> io::Result<()> {
        let mut entries: Vec<_> = self.trace.health.entries.iter().collect();
        entries.sort_by_key(|entry| std::cmp::Reverse(entry.severity));
        writeln!(out, "<h2>Health</h2>")?;
        if entries.is_empty() {
            return writeln!(out, "<p>Nothing about this run is doubtful.</p>");
        }
        writeln!(out, "<table>\n<tr><th></th><th class=\"number\">count</th><th>what</th><th>example</th></tr>")?;
        for entry in entries {
            let (class, word) = match entry.severity {
                Severity::Error => ("error", "error"),
                Severity::Warning => ("warning", "warning"),
                Severity::Info => ("faint", "info"),
            };
            writeln!(
                out,
                "<tr><td class=\"{class}\">{word}</td><td class=\"number\">{}</td><td class=\"text\">{}</td><td class=\"text\">{}</td></tr>",
                units::count(entry.count),
                escaped(&entry.message),
                escaped(&entry.example)
            )?;
        }
        writeln!(out, "</table>")
    }
}
