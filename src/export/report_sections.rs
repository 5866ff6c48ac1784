//! The report's charts and tables: the run, its passes, layers, kinds of op, tensors and experts

use std::io::{self, Write};

use super::report::Numbers;
use super::report_charts::{Series, Unit, bars, columns, figure, joined_note, lines, matrix};
use super::report_html::{escaped, table};
use crate::analysis::stats::RunStats;
use crate::analysis::stats::fields::{Row, text, title};
use crate::trace::{Phase, Trace};

/// Rows of a table that a page is still read with.
const MOST_PASSES: usize = 200;
const MOST_LAYERS: usize = 256;
const MOST_KINDS: usize = 64;
const MOST_TENSORS: usize = 40;

pub fn write(out: &mut impl Write, trace: &Trace, numbers: &Numbers) -> io::Result<()> {
    run(out, &numbers.run)?;
    passes(out, numbers)?;
    layers(out, numbers)?;
    kinds(out, numbers)?;
    tensors(out, numbers)?;
    if !numbers.experts.experts.is_empty() {
        experts(out, trace, numbers)?;
    }
    Ok(())
}

fn disk_and_buffer(values: impl Iterator<Item = [u64; 2]>) -> Vec<Series<'static>> {
    let (disk, buffer): (Vec<f64>, Vec<f64>) = values.map(|[disk, buffer]| (disk as f64, buffer as f64)).unzip();
    vec![
        Series { label: "DISK", class: "disk", values: disk },
        Series { label: "BUFFER", class: "buffer", values: buffer },
    ]
}

fn run(out: &mut impl Write, run: &RunStats) -> io::Result<()> {
    writeln!(out, "<h2>The run</h2>")?;
    let phases: Vec<Phase> = Phase::ALL.into_iter().filter(|phase| run.phase(*phase).passes > 0).collect();
    let names: Vec<String> =
        std::iter::once("run").chain(phases.iter().map(|phase| phase.label())).map(str::to_owned).collect();
    let of_phases = phases.iter().map(|phase| run.phase(*phase));
    let series = disk_and_buffer(
        std::iter::once([run.touched_disk_bytes, run.touched_buffer_bytes])
            .chain(of_phases.map(|phase| [phase.touched_disk_bytes, phase.touched_buffer_bytes])),
    );
    let chart = bars(&names, &series, Unit::Bytes, true);
    out.write_all(figure("DISK and BUFFER shares of touched bytes", &series, "", &chart).as_bytes())?;

    // Fields of the run, and of each phase beside each other.
    let values = run.values();
    let prefix = |field: &str| Phase::ALL.into_iter().find(|p| field.starts_with(&format!("{}_", p.label())));
    writeln!(out, "<table>")?;
    for (field, value) in values.iter().filter(|(field, _)| prefix(field).is_none() && !field.starts_with("reuse_hist"))
    {
        let meaning = RunStats::FIELDS.iter().find(|(name, _)| name == field).map_or("", |(_, meaning)| *meaning);
        writeln!(
            out,
            "<tr><th>{}</th><td class=\"number\">{}</td><td class=\"text faint\">{}</td></tr>",
            escaped(&title(field)),
            escaped(&text(field, value)),
            escaped(meaning)
        )?;
    }
    writeln!(out, "</table>\n<h3>Phases</h3>\n<table>\n<tr><th></th>")?;
    for phase in &phases {
        writeln!(out, "<th class=\"number\">{}</th>", phase.label())?;
    }
    writeln!(out, "</tr>")?;
    let of_phase: Vec<_> = phases.iter().map(|phase| run.phase(*phase).values()).collect();
    for at in 0..of_phase.first().map_or(0, Vec::len) {
        let name = of_phase.first().and_then(|fields| fields.get(at)).map_or("", |(name, _)| name.as_str());
        write!(out, "<tr><th>{}</th>", escaped(&title(name)))?;
        for fields in &of_phase {
            let value = fields.get(at).map_or_else(String::new, |(field, value)| text(field, value));
            write!(out, "<td class=\"number\">{}</td>", escaped(&value))?;
        }
        writeln!(out, "</tr>")?;
    }
    writeln!(out, "</table>")?;
    if run.reuse_reads > 0 {
        // Classes below the least distance that occurs are left out.
        let first = run.reuse_histogram_reads.iter().position(|reads| *reads > 0).unwrap_or(0);
        let reads = run.reuse_histogram_reads.iter().skip(first).map(|reads| *reads as f64).collect();
        // Classes begin at powers of two, which need no fractions.
        let round = |bytes: &u64| crate::units::bytes(*bytes).replace(".00 ", " ").replace(".0 ", " ");
        let names: Vec<String> = run.reuse_histogram_bytes.iter().skip(first).map(round).collect();
        let series = [Series { label: "", class: "count", values: reads }];
        let chart = columns(&names, &series, Unit::Count, "distance");
        let note = "DISK reads by the distinct bytes that were read since the last read of the same range; each class goes up to the next.";
        out.write_all(figure("Reuse distances", &series, note, &chart).as_bytes())?;
    }
    Ok(())
}

fn passes(out: &mut impl Write, numbers: &Numbers) -> io::Result<()> {
    let passes = &numbers.passes;
    writeln!(out, "<h2>Passes</h2>")?;
    let names: Vec<String> = passes.iter().map(|pass| pass.pass.to_string()).collect();
    let note = joined_note(passes.len(), true);
    if passes.iter().any(|pass| pass.duration_ns.is_some()) {
        let values = passes.iter().map(|pass| pass.duration_ns.unwrap_or(0) as f64).collect();
        let series = [Series { label: "", class: "time", values }];
        let chart = lines(&names, &series, Unit::Ns, "pass");
        out.write_all(figure("Duration of passes", &series, &note, &chart).as_bytes())?;
    }
    let touched = disk_and_buffer(passes.iter().map(|pass| [pass.touched_disk_bytes, pass.touched_buffer_bytes]));
    let chart = lines(&names, &touched, Unit::Bytes, "pass");
    out.write_all(figure("Bytes touched by passes", &touched, &note, &chart).as_bytes())?;
    let curve = disk_and_buffer(passes.iter().map(|pass| [pass.cumulative_disk_bytes, pass.cumulative_buffer_bytes]));
    let chart = lines(&names, &curve, Unit::Bytes, "pass");
    let note = format!("Distinct bytes touched up to the end of each pass. {note}");
    out.write_all(figure("Working-set curve", &curve, &note, &chart).as_bytes())?;
    let fields = [
        "pass",
        "phase",
        "text",
        "tokens",
        "ops",
        "duration_ns",
        "touched_disk_bytes",
        "touched_buffer_bytes",
        "disk_share",
        "working_set_disk_bytes",
        "new_disk_bytes",
        "sequential_share",
    ];
    let rest = "stats RUN --by pass has all of them";
    let rows = table(passes, &fields, MOST_PASSES, rest);
    writeln!(out, "<details><summary>All passes</summary>\n{rows}</details>")
}

fn layers(out: &mut impl Write, numbers: &Numbers) -> io::Result<()> {
    let layers = &numbers.layers;
    writeln!(out, "<h2>Layers</h2>")?;
    let name = |layer: Option<u32>| layer.map_or_else(|| "none".to_owned(), |layer| layer.to_string());
    let names: Vec<String> = layers.iter().map(|layer| name(layer.layer)).collect();
    let note = joined_note(layers.len(), false);
    if layers.iter().any(|layer| layer.duration_ns.is_some()) {
        let values = layers.iter().map(|layer| layer.duration_ns.unwrap_or(0) as f64).collect();
        let series = [Series { label: "", class: "time", values }];
        let chart = columns(&names, &series, Unit::Ns, "layer");
        out.write_all(figure("Time by layer", &series, &note, &chart).as_bytes())?;
    }
    let touched = disk_and_buffer(layers.iter().map(|layer| [layer.touched_disk_bytes, layer.touched_buffer_bytes]));
    let chart = columns(&names, &touched, Unit::Bytes, "layer");
    out.write_all(figure("Bytes touched by layer", &touched, &note, &chart).as_bytes())?;
    let memory = [
        ("weights", "weights", layers.iter().map(|layer| layer.weights_bytes as f64).collect()),
        ("KV", "kv", layers.iter().map(|layer| layer.kv_bytes as f64).collect()),
        ("compute", "compute", layers.iter().map(|layer| layer.compute_bytes as f64).collect()),
    ]
    .map(|(label, class, values)| Series { label, class, values });
    let chart = columns(&names, &memory, Unit::Bytes, "layer");
    out.write_all(figure("Memory by layer", &memory, &format!("Distinct bytes. {note}"), &chart).as_bytes())?;

    let timed = numbers.layer_passes.iter().any(|cell| cell.duration_ns.is_some());
    let passes: Vec<String> = numbers.passes.iter().map(|pass| pass.pass.to_string()).collect();
    let cells: Vec<(usize, usize, f64)> = numbers
        .layer_passes
        .iter()
        .filter_map(|cell| {
            let row = layers.iter().position(|layer| layer.layer == cell.layer)?;
            let column = numbers.passes.binary_search_by_key(&cell.pass, |pass| pass.pass).ok()?;
            let value = if timed { cell.duration_ns.unwrap_or(0) } else { cell.touched_bytes };
            Some((row, column, value as f64))
        })
        .collect();
    let (unit, what, class) = if timed { (Unit::Ns, "Time", "time") } else { (Unit::Bytes, "Bytes touched", "count") };
    let chart = matrix(&names, &passes, &cells, unit, class, ["layer", "pass"]);
    out.write_all(figure(&format!("{what} by layer and pass"), &[], "", &chart).as_bytes())?;
    let fields = [
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
    ];
    let rows = table(layers, &fields, MOST_LAYERS, "stats RUN --by layer has all of them");
    writeln!(out, "<details><summary>All layers</summary>\n{rows}</details>")
}

fn kinds(out: &mut impl Write, numbers: &Numbers) -> io::Result<()> {
    /// Kinds that a chart shows; the table has the others.
    const MOST_BARS: usize = 20;
    let kinds = &numbers.op_kinds;
    writeln!(out, "<h2>Kinds of op</h2>")?;
    let names =
        |kinds: &[&crate::analysis::stats::OpKindStats]| kinds.iter().map(|kind| kind.op.clone()).collect::<Vec<_>>();
    if kinds.iter().any(|kind| kind.duration_ns.is_some()) {
        let first: Vec<_> = kinds.iter().take(MOST_BARS).collect();
        let values = first.iter().map(|kind| kind.duration_ns.unwrap_or(0) as f64).collect();
        let series = [Series { label: "", class: "time", values }];
        let chart = bars(&names(&first), &series, Unit::Ns, false);
        out.write_all(figure("Time by kind of op", &series, "", &chart).as_bytes())?;
    }
    let mut by_bytes: Vec<_> = kinds.iter().collect();
    by_bytes.sort_by_key(|kind| std::cmp::Reverse(kind.touched_bytes));
    by_bytes.truncate(MOST_BARS);
    let series = disk_and_buffer(by_bytes.iter().map(|kind| [kind.touched_disk_bytes, kind.touched_buffer_bytes]));
    let chart = bars(&names(&by_bytes), &series, Unit::Bytes, false);
    out.write_all(figure("Bytes touched by kind of op", &series, "", &chart).as_bytes())?;
    let fields = [
        "op",
        "ops",
        "duration_ns",
        "mean_ns",
        "p50_ns",
        "p99_ns",
        "touched_disk_bytes",
        "touched_buffer_bytes",
        "disk_share",
    ];
    out.write_all(table(kinds, &fields, MOST_KINDS, "stats RUN --by op has all of them").as_bytes())
}

fn tensors(out: &mut impl Write, numbers: &Numbers) -> io::Result<()> {
    let fields = [
        "name",
        "track",
        "layer",
        "bytes",
        "accesses",
        "touched_bytes",
        "ever_touched_share",
        "passes",
        "reuse_mean_bytes",
    ];
    let rows = table(&numbers.tensors, &fields, MOST_TENSORS, "stats RUN --by tensor has all of them");
    writeln!(out, "<h2>Tensors that are touched most</h2>\n{rows}")
}

fn experts(out: &mut impl Write, trace: &Trace, numbers: &Numbers) -> io::Result<()> {
    let (experts, layers) = (&numbers.experts.experts, &numbers.experts.layers);
    writeln!(out, "<h2>Experts</h2>")?;
    let never: u64 = layers.iter().filter_map(|layer| layer.never_used).map(u64::from).sum();
    let all: u64 = layers.iter().map(|layer| u64::from(layer.experts)).sum();
    let used = trace.meta.model.experts_used.map_or_else(String::new, |used| format!("; {used} are used by a token"));
    let count = crate::units::count;
    let line = format!("{} of {} experts were never used{used}.", count(never), count(all));
    writeln!(out, "<p>{}</p>", escaped(&line))?;

    let names: Vec<String> =
        layers.iter().map(|layer| layer.layer.map_or_else(|| "none".to_owned(), |layer| layer.to_string())).collect();
    let most = layers.iter().map(|layer| layer.experts).max().unwrap_or(0);
    let numbered: Vec<String> = (0..most).map(|expert| expert.to_string()).collect();
    let cells: Vec<(usize, usize, f64)> = experts
        .iter()
        .filter_map(|expert| {
            let row = layers.iter().position(|layer| layer.layer == expert.layer)?;
            Some((row, expert.expert as usize, expert.ops as f64))
        })
        .collect();
    let chart = matrix(&names, &numbered, &cells, Unit::Count, "experts", ["layer", "expert"]);
    out.write_all(figure("Ops that use each expert", &[], "", &chart).as_bytes())?;
    let note = joined_note(layers.len(), false);
    let shares = [
        (
            "Evenness of use by layer",
            "Entropy over that of equal use: 100 % where all experts are used equally often.",
            true,
        ),
        (
            "Overlap from token to token",
            "Experts that two consecutive tokens both use, over those that either uses.",
            false,
        ),
    ];
    for (heading, meaning, entropy) in shares {
        let value = |layer: &crate::analysis::stats::ExpertLayerStats| {
            if entropy { layer.entropy_normalised } else { layer.overlap }
        };
        if layers.iter().all(|layer| value(layer).is_none()) {
            continue;
        }
        let values = layers.iter().map(|layer| value(layer).unwrap_or(0.0)).collect();
        let series = [Series { label: "", class: "experts", values }];
        let chart = columns(&names, &series, Unit::Share, "layer");
        out.write_all(figure(heading, &series, &format!("{meaning} {note}"), &chart).as_bytes())?;
    }
    let fields = ["layer", "experts", "used", "never_used", "entropy_bits", "entropy_normalised", "overlap"];
    let rows = table(layers, &fields, MOST_LAYERS, "stats RUN --by expert-layer has all of them");
    writeln!(out, "<details><summary>All layers with experts</summary>\n{rows}</details>")
}
