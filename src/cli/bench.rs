//! `bench RUN`: times of what people wait for, here and now.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::args::BenchArgs;
use super::bench_graph::{self, GraphFrames};
use super::{CliError, open, print_json, print_text};
use crate::analysis::filter::Filter;
use crate::analysis::graph_display::DisplayGraph;
use crate::analysis::{heat, layout};
use crate::app::Waker;
use crate::app::headless::Headless;
use crate::app::workspace::{Options, Workspace};
use crate::gpu::Gpu;
use crate::gpu::heat::HeatPipelines;
use crate::gpu::heat_data::HeatData;
use crate::gpu::layout::LayoutGpu;
use crate::kernel_io::heat::{Aggregate, Direction, HeatQuery, Measure};
use crate::kernel_io::layout::LayoutParams;
use crate::state::camera::Motion;
use crate::state::{Action, Axes, View};
use crate::trace::tracks::{HeatTables, Order, TrackLayout};
use crate::trace::{Trace, Track};

pub(super) const SIZE_PX: [u32; 2] = [1280, 720];
pub(super) const FRAME: Duration = Duration::from_nanos(16_666_667);
/// Frames made after everything has come to rest; none of them should be painted.
const FRAMES_AT_REST: usize = 60;
pub(super) const MOST_FRAMES_TO_REST: usize = 2_000;
const FILTER_RUNS: usize = 5;
const BINNING_RUNS: usize = 9;
const BINNED_CELLS: (u32, u32) = (1024, 256);

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
    /// Frames from the input to the GPU having finished. The heatmap there and back, while its tiles are made, and the
    /// same way once more with tiles that are there.
    pan: Frames,
    pan_warm: Frames,
    zoom: Frames,
    zoom_warm: Frames,
    playback: Frames,
    layout_step_ms: Option<f64>,
    filter_ms: f64,
    binning: Binning,
    graphs: Vec<GraphFrames>,
    frames_at_rest: usize,
}

/// All accesses of the run counted into `width` x `height` cells of the whole DISK track, from the columns on.
#[derive(Serialize)]
struct Binning {
    width: u32,
    height: u32,
    gpu_ms: f64,
    cpu_ms: f64,
}

#[derive(Serialize)]
pub(super) struct Frames {
    pub frames: usize,
    pub median_ms: f64,
    pub p95_ms: f64,
    pub max_ms: f64,
}

impl Frames {
    pub fn of(mut ms: Vec<f64>) -> Self {
        ms.sort_by(f64::total_cmp);
        let at =
            |share: f64| ms.get(((ms.len() as f64 - 1.0) * share).round().max(0.0) as usize).copied().unwrap_or(0.0);
        Self { frames: ms.len(), median_ms: at(0.5), p95_ms: at(0.95), max_ms: at(1.0) }
    }
}

pub fn run(args: &BenchArgs) -> Result<(), CliError> {
    let started = Instant::now();
    let trace = open(&args.run)?;
    let open_ms = milliseconds(started);
    let gpu = Gpu::headless()?;
    let layout_step_ms = layout_step(&gpu, trace.graphs.first())?;
    let binning = binning(&gpu, &trace)?;
    let graphs = bench_graph::measure(&gpu, &trace, args.frames)?;
    let (ops, accesses) = (trace.op_count() as u64, trace.access_count() as u64);

    let started = Instant::now();
    let mut scene =
        Workspace::new(gpu.adapter_name(), Waker::none(), Options { reproducible: true, ..Options::default() });
    scene.show(args.run.clone(), trace);
    let mut target = Headless::new(&gpu, SIZE_PX, 1.0)?;
    target.step(&gpu, &mut scene, Vec::new(), FRAME)?;
    let first_picture_ms = milliseconds(started);
    target.settle(&gpu, &mut scene, MOST_FRAMES_TO_REST)?;

    let mut frames_at_rest = 0;
    for _ in 0..FRAMES_AT_REST {
        frames_at_rest += usize::from(target.step(&gpu, &mut scene, Vec::new(), FRAME)?.painted);
    }
    let movement =
        |target: &mut Headless, scene: &mut Workspace, action: &dyn Fn(u32) -> Action| -> Result<Frames, CliError> {
            let mut times = Vec::with_capacity(args.frames as usize);
            for frame in 0..args.frames {
                scene.act(action(frame));
                target.step(&gpu, scene, Vec::new(), FRAME)?;
                times.push(f64::from(target.frame_ms()));
            }
            Ok(Frames::of(times))
        };
    let there_and_back = |target: &mut Headless, scene: &mut Workspace, action: &dyn Fn(u32) -> Action| {
        let making = movement(target, scene, action)?;
        // Moving on left tiles unfinished.
        for frame in 0..args.frames {
            scene.act(action(frame));
            target.settle(&gpu, scene, MOST_FRAMES_TO_REST)?;
        }
        Ok::<_, CliError>([making, movement(target, scene, action)?])
    };
    let zoom = |view, factor| Action::Zoom {
        view,
        factor,
        x: 0.4,
        y: 0.4,
        track: None,
        axes: Axes::Both,
        motion: Motion::default(),
    };
    // Panning needs something beside the picture: some way in.
    scene.act(zoom(View::Heatmap, 8.0));
    target.settle(&gpu, &mut scene, MOST_FRAMES_TO_REST)?;
    let there = |frame: u32| frame < args.frames / 2;
    let panned = |frame| {
        let by = if there(frame) { 0.02 } else { -0.02 };
        Action::Pan { view: View::Heatmap, dx: by, dy: by, motion: Motion::default() }
    };
    let zoomed = |frame| zoom(View::Heatmap, if there(frame) { 1.08 } else { 1.0 / 1.08 });
    let [pan, pan_warm] = there_and_back(&mut target, &mut scene, &panned)?;
    scene.act(Action::Fit { view: View::Heatmap, motion: Motion::default() });
    target.settle(&gpu, &mut scene, MOST_FRAMES_TO_REST)?;
    let [zoom, zoom_warm] = there_and_back(&mut target, &mut scene, &zoomed)?;
    let playback = movement(&mut target, &mut scene, &|_| Action::Step { by: crate::state::Stride::Op, back: false })?;

    let document = scene.state.document.clone();
    let mut filter_ms = Vec::new();
    if let Some(document) = document {
        let filter = Filter { text: "attn".to_owned(), layer: Some(1), track: Some(Track::Disk), ..Filter::default() };
        let layout = document.layouts(scene.state.heat.order)[0];
        for _ in 0..FILTER_RUNS {
            let started = Instant::now();
            std::hint::black_box(filter.matching_ops(&document.trace, None, layout));
            filter_ms.push(milliseconds(started));
        }
    }
    let bench = Bench {
        adapter: gpu.adapter_name(),
        width: SIZE_PX[0],
        height: SIZE_PX[1],
        ops,
        accesses,
        open_ms,
        first_picture_ms,
        pan,
        pan_warm,
        zoom,
        zoom_warm,
        playback,
        layout_step_ms,
        filter_ms: Frames::of(filter_ms).median_ms,
        binning,
        graphs,
        frames_at_rest,
    };
    if args.json { print_json(&bench) } else { print_text(&text(&bench)) }
}

/// Medians of kernels and twin, in turn.
fn binning(gpu: &Gpu, trace: &Trace) -> Result<Binning, CliError> {
    let (width, height) = BINNED_CELLS;
    let layout = TrackLayout::new(trace, Track::Disk, Order::File);
    let tables = HeatTables::new(trace);
    let columns = trace.heat_columns(&layout, &tables);
    let level = |extent: u64, cells: u32| extent.div_ceil(cells.into()).max(1).next_power_of_two().ilog2();
    let query = HeatQuery {
        measure: Measure::Accesses,
        aggregate: Aggregate::Sum,
        direction: Direction::Both,
        phases: u32::MAX,
        kx: level(layout.bytes, width),
        ky: level(trace.op_count() as u64, height),
        x0: 0,
        y0: 0,
        width,
        height,
    };
    let data = HeatData::upload(gpu, &columns)?;
    let pipelines = HeatPipelines::new(gpu);
    let (mut on_gpu, mut on_cpu) = (Vec::new(), Vec::new());
    // The first compiles the kernels.
    for run in 0..=BINNING_RUNS {
        let started = Instant::now();
        let grid = pipelines.bin(gpu, &data, &query)?;
        gpu.wait()?;
        drop(grid);
        let between = Instant::now();
        std::hint::black_box(heat::bin(&columns, &query)?);
        if run > 0 {
            on_gpu.push((between - started).as_secs_f64() * 1000.0);
            on_cpu.push(milliseconds(between));
        }
    }
    let median = |times| Frames::of(times).median_ms;
    Ok(Binning { width, height, gpu_ms: median(on_gpu), cpu_ms: median(on_cpu) })
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

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1000.0
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
        ("pan", &bench.pan),
        ("pan, warm", &bench.pan_warm),
        ("zoom", &bench.zoom),
        ("zoom, warm", &bench.zoom_warm),
        ("playback", &bench.playback),
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
    let Binning { width, height, gpu_ms, cpu_ms } = bench.binning;
    line("binning", format!("{gpu_ms:.1} ms by kernels, {cpu_ms:.1} ms by the CPU twin, {width} x {height} cells"));
    line("frames at rest", bench.frames_at_rest.to_string());
    out
}
