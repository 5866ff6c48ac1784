//! `bench RUN`: times of what people wait for, here and now.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use serde::Serialize;

use super::args::BenchArgs;
use super::bench_graph::{self, GraphFrames};
use super::bench_heat::{self, Binning, HeatFrames};
use super::bench_playback::{self, PlayTimes};
use super::bench_stats::{self, StatsTimes};
use super::bench_table::{self, TableTimes};
use super::bench_window::{BenchWindow, Frames, SIZE_PX, milliseconds};
use super::{CliError, open, print_json, print_text};
use crate::analysis::filter::Filter;
use crate::analysis::graph_display::DisplayGraph;
use crate::analysis::layout;
use crate::gpu::Gpu;
use crate::gpu::layout::LayoutGpu;
use crate::kernel_io::layout::LayoutParams;
use crate::state::{Action, Stride};
use crate::trace::Track;
use crate::trace::tracks::Order;

/// Frames made after everything has come to rest; none of them should be painted.
const FRAMES_AT_REST: usize = 60;
const FILTER_RUNS: usize = 5;

#[derive(Serialize)]
struct Bench {
    adapter: String,
    width: u32,
    height: u32,
    ops: u64,
    accesses: u64,
    open_ms: f64,
    /// From the run in memory to the first picture of it, pipelines included.
    first_picture_ms: f64,
    #[serde(flatten)]
    heatmap: HeatFrames,
    playback: Frames,
    playing: PlayTimes,
    layout_step_ms: Option<f64>,
    filter_ms: f64,
    table: TableTimes,
    stats: StatsTimes,
    binning: Binning,
    graphs: Vec<GraphFrames>,
    frames_at_rest: usize,
}

pub fn run(args: &BenchArgs) -> Result<(), CliError> {
    let started = Instant::now();
    let trace = open(&args.run)?;
    let open_ms = milliseconds(started);
    let gpu = Gpu::headless()?;
    let layout_step_ms = layout_step(&gpu, trace.graphs.first())?;
    let stats = bench_stats::measure(&trace);
    let binning = bench_heat::binning(&gpu, &trace)?;
    let graphs = bench_graph::measure(&gpu, &trace, args.frames)?;
    let (ops, accesses) = (trace.op_count() as u64, trace.access_count() as u64);

    let started = Instant::now();
    let mut window = BenchWindow::new(&gpu, &args.run.to_string_lossy(), trace, args.frames)?;
    window.step()?;
    let first_picture_ms = milliseconds(started);
    window.settle()?;

    let frames_at_rest = window.painted_at_rest(FRAMES_AT_REST)?;
    let heatmap = bench_heat::measure(&mut window)?;
    let playback = window.movement(|_| Action::Step { by: Stride::Op, back: false })?;
    let playing = bench_playback::measure(&mut window)?;

    let document = window.scene.state.document.clone();
    let Some(document) = document else {
        return Err(CliError::Failed("the run was not shown; please report this".to_owned()));
    };
    let table = bench_table::measure(&mut window, &document)?;
    let mut filter_ms = Vec::new();
    let filter = Filter { text: "attn".to_owned(), layer: Some(1), track: Some(Track::Disk), ..Filter::default() };
    for _ in 0..FILTER_RUNS {
        let started = Instant::now();
        let rows =
            filter.matching_ops(&document.trace, None, document.layouts(Order::File)[0], &AtomicBool::new(false));
        std::hint::black_box(rows.map_err(|fault| CliError::Failed(fault.to_string()))?);
        filter_ms.push(milliseconds(started));
    }
    let bench = Bench {
        adapter: gpu.adapter_name(),
        width: SIZE_PX[0],
        height: SIZE_PX[1],
        ops,
        accesses,
        open_ms,
        first_picture_ms,
        heatmap,
        playback,
        playing,
        layout_step_ms,
        filter_ms: Frames::of(filter_ms).median_ms,
        table,
        stats,
        binning,
        graphs,
        frames_at_rest,
    };
    if args.json { print_json(&bench) } else { print_text(&text(&bench)) }
}

/// Median of single steps of the layout of a graph.
fn layout_step(gpu: &Gpu, graph: Option<&crate::trace::Graph>) -> Result<Option<f64>, CliError> {
    let Some(graph) = graph else { return Ok(None) };
    let display = DisplayGraph::new(graph, &BTreeSet::new(), &BTreeSet::new());
    let problem = layout::prepare(&display.layout_graph(graph), LayoutParams::default());
    let mut steps = LayoutGpu::new(gpu, problem)?;
    let mut times = Vec::new();
    while !steps.at_rest() {
        let started = Instant::now();
        steps.step(gpu, 1);
        gpu.wait()?;
        times.push(milliseconds(started));
    }
    Ok(Some(Frames::of(times).median_ms))
}

fn text(bench: &Bench) -> String {
    let mut out = format!(
        "{} ops, {} accesses, {} x {} pixels on {}\n",
        bench.ops, bench.accesses, bench.width, bench.height, bench.adapter
    );
    let mut line = |name: &str, value: String| {
        let _ = writeln!(out, "{name:<16}{value}");
    };
    line("open", format!("{:.1} ms", bench.open_ms));
    line("first picture", format!("{:.1} ms", bench.first_picture_ms));
    let words = |frames: &Frames| {
        format!(
            "median {:.1} ms, 95th percentile {:.1} ms, worst {:.1} ms of {} frames",
            frames.median_ms, frames.p95_ms, frames.max_ms, frames.frames
        )
    };
    for (name, frames) in [
        ("pan", &bench.heatmap.pan),
        ("pan, warm", &bench.heatmap.pan_warm),
        ("zoom", &bench.heatmap.zoom),
        ("zoom, warm", &bench.heatmap.zoom_warm),
        ("stepping", &bench.playback),
        ("playing", &bench.playing.through),
        ("  30 ops/s", &bench.playing.by_op),
        ("timeline", &bench.playing.timeline_pan),
    ] {
        line(name, words(frames));
    }
    for graph in &bench.graphs {
        line("graph", format!("{}, {} nodes, {} edges", graph.what, graph.nodes, graph.edges));
        for (name, frames) in [
            ("  pan", &graph.pan),
            ("  pan close", &graph.pan_close),
            ("  zoom", &graph.zoom),
            ("  settling", &graph.settling),
        ] {
            line(name, words(frames));
        }
        line("  at rest", format!("{} frames", graph.frames_at_rest));
    }
    line("layout step", bench.layout_step_ms.map_or_else(|| "no graph".to_owned(), |ms| format!("{ms:.2} ms")));
    line("filter", format!("{:.2} ms", bench.filter_ms));
    let table = &bench.table;
    line("rows filtered", format!("{:.1} ms", table.filter_ms));
    line("rows sorted", format!("{:.0} ms, by two columns {:.0} ms", table.sort_ms, table.sort_by_two_ms));
    line("rows grouped", format!("{:.1} ms", table.group_ms));
    for (name, frames) in [
        ("table scrolled", &table.scroll),
        ("table jumping", &table.jump),
        ("  full screen", &table.full_screen_scroll),
        ("  jumping", &table.full_screen_jump),
    ] {
        line(name, format!("median {:.1} ms, 95th percentile {:.1} ms", frames.median_ms, frames.p95_ms));
    }
    if let Some(bytes) = table.bytes_per_row {
        line("rows' memory", format!("{bytes:.1} bytes a row at most"));
    }
    line("stats", bench_stats::text(&bench.stats));
    let Binning { width, height, gpu_ms, cpu_ms } = bench.binning;
    line("binning", format!("{gpu_ms:.1} ms by kernels, {cpu_ms:.1} ms by the CPU twin, {width} x {height} cells"));
    line("  with playhead", bench.playing.frames_at_rest.to_string());
    line("frames at rest", bench.frames_at_rest.to_string());
    out
}
