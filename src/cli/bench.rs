//! `bench RUN`: times of what people wait for, here and now.

use std::fmt::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde::Serialize;

use super::args::BenchArgs;
use super::{CliError, open, print_json, print_text};
use crate::analysis::filter::Filter;
use crate::analysis::graph_display::DisplayGraph;
use crate::analysis::table_columns::Column;
use crate::analysis::table_rows::{RowsQuery, SortKey};
use crate::analysis::{heat, layout};
use crate::app::Waker;
use crate::app::headless::Headless;
use crate::app::workspace::{Options, Workspace, private_memory};
use crate::gpu::Gpu;
use crate::gpu::heat::HeatPipelines;
use crate::gpu::heat_data::HeatData;
use crate::gpu::layout::LayoutGpu;
use crate::kernel_io::heat::{Aggregate, Direction, HeatQuery, Measure};
use crate::kernel_io::layout::LayoutParams;
use crate::state::camera::Motion;
use crate::state::table_choices::Place;
use crate::state::{Action, Axes, Document, View};
use crate::trace::tracks::{HeatTables, Order, TrackLayout};
use crate::trace::{Trace, Track};

const SIZE_PX: [u32; 2] = [1280, 720];
const FRAME: Duration = Duration::from_nanos(16_666_667);
/// Frames made after everything has come to rest; none of them should be painted.
const FRAMES_AT_REST: usize = 60;
const MOST_FRAMES_TO_REST: usize = 2_000;
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
    /// Frames from the input to the GPU having finished.
    pan: Frames,
    zoom: Frames,
    playback: Frames,
    layout_step_ms: Option<f64>,
    filter_ms: f64,
    table: TableTimes,
    binning: Binning,
    frames_at_rest: usize,
}

/// The table of all ops. Frames are those of the whole window, and of the table in full screen.
#[derive(Serialize)]
struct TableTimes {
    /// By kind, layer and text.
    filter_ms: f64,
    /// By duration; by destination, then bytes touched.
    sort_ms: f64,
    sort_by_two_ms: f64,
    /// By op, with sums.
    group_ms: f64,
    scroll: Frames,
    jump: Frames,
    full_screen_scroll: Frames,
    full_screen_jump: Frames,
    /// Most private memory that filtering and sorting took, in bytes for each op, where the system tells.
    bytes_per_row: Option<f64>,
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
struct Frames {
    frames: usize,
    median_ms: f64,
    p95_ms: f64,
    max_ms: f64,
}

impl Frames {
    fn of(mut ms: Vec<f64>) -> Self {
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
    let mut movement = |action: &dyn Fn(u32) -> Action| -> Result<Frames, CliError> {
        let mut times = Vec::with_capacity(args.frames as usize);
        for frame in 0..args.frames {
            scene.act(action(frame));
            target.step(&gpu, &mut scene, Vec::new(), FRAME)?;
            times.push(f64::from(target.frame_ms()));
        }
        Ok(Frames::of(times))
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
    // Panning needs something beside the picture: half way in.
    movement(&|_| zoom(View::Heatmap, 1.02))?;
    // There and back, graph and heatmap in turn.
    let pan = movement(&|frame| {
        let view = if frame % 2 == 0 { View::Heatmap } else { View::Graph };
        let dx = if frame % 60 < 30 { 0.02 } else { -0.02 };
        Action::Pan { view, dx, dy: dx, motion: Motion::default() }
    })?;
    let zoom = movement(&|frame| zoom(View::Heatmap, if frame % 60 < 30 { 1.08 } else { 1.0 / 1.08 }))?;
    movement(&|_| Action::Fit { view: View::Heatmap, motion: Motion::default() })?;
    let playback = movement(&|_| Action::Step { by: crate::state::Stride::Op, back: false })?;

    let ops_in_all = u32::try_from(ops).unwrap_or(u32::MAX);
    let scroll = |_| Action::Pan { view: View::Table, dx: 0.0, dy: 0.4, motion: Motion::default() };
    // Far from where it was, wherever that is.
    let jump = |frame: u32| {
        let op = u64::from(frame) * 7_368_787 % u64::from(ops_in_all.max(1));
        Action::GoTo { place: Place::Op(op as u32) }
    };
    let table_scroll = movement(&scroll)?;
    let table_jump = movement(&jump)?;
    movement(&|_| Action::FullScreen { view: Some(View::Table) })?;
    let full_screen_scroll = movement(&scroll)?;
    let full_screen_jump = movement(&jump)?;

    let document = scene.state.document.clone();
    let table = match &document {
        Some(document) => {
            let [filter_ms, sort_ms, sort_by_two_ms, group_ms] = row_questions(document)?;
            let (scroll, jump) = (table_scroll, table_jump);
            let bytes_per_row = bytes_per_row(document)?;
            TableTimes {
                filter_ms,
                sort_ms,
                sort_by_two_ms,
                group_ms,
                scroll,
                jump,
                full_screen_scroll,
                full_screen_jump,
                bytes_per_row,
            }
        }
        None => return Err(CliError::Failed("the run was not shown; please report this".to_owned())),
    };
    let mut filter_ms = Vec::new();
    if let Some(document) = document {
        let filter = Filter { text: "attn".to_owned(), layer: Some(1), track: Some(Track::Disk), ..Filter::default() };
        let layout = document.layouts(scene.state.heat.order)[0];
        for _ in 0..FILTER_RUNS {
            let started = Instant::now();
            let rows = filter.matching_ops(&document.trace, None, layout, &AtomicBool::new(false));
            std::hint::black_box(rows.map_err(|fault| CliError::Failed(fault.to_string()))?);
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
        zoom,
        playback,
        layout_step_ms,
        filter_ms: Frames::of(filter_ms).median_ms,
        table,
        binning,
        frames_at_rest,
    };
    if args.json { print_json(&bench) } else { print_text(&text(&bench)) }
}

/// What the table asks of a run: by kind, layer and text; in two orders; in groups.
fn row_questions_of(document: &Document) -> [RowsQuery; 4] {
    let trace = &document.trace;
    // What every run has: the kind, the layer and the name of some op.
    let op = (0..trace.op_count()).find(|op| trace.ops.layer.get(*op).is_some()).unwrap_or(0);
    let filter = Filter {
        text: trace.destination_name(op).chars().take(4).collect(),
        kind: Some(trace.op_name(op).to_owned()),
        layer: trace.ops.layer.get(op),
        ..Filter::default()
    };
    let by = |columns: &[Column]| columns.iter().map(|column| SortKey { column: *column, down: true }).collect();
    [
        RowsQuery { filter, ..RowsQuery::default() },
        RowsQuery { sort: by(&[Column::Duration]), ..RowsQuery::default() },
        RowsQuery { sort: by(&[Column::Destination, Column::Touched]), ..RowsQuery::default() },
        RowsQuery { group: Some(Column::Op), ..RowsQuery::default() },
    ]
}

/// Medians of these, in ms.
fn row_questions(document: &Document) -> Result<[f64; 4], CliError> {
    let layout = document.layouts(Order::File)[0];
    let mut medians = [0.0; 4];
    for (query, median) in row_questions_of(document).iter().zip(&mut medians) {
        let mut times = Vec::new();
        for _ in 0..FILTER_RUNS {
            let started = Instant::now();
            let answer = query.answer(&document.trace, layout, &AtomicBool::new(false), |_| ());
            std::hint::black_box(answer.map_err(|fault| CliError::Failed(fault.to_string()))?);
            times.push(milliseconds(started));
        }
        *median = Frames::of(times).median_ms;
    }
    Ok(medians)
}

/// The most private memory that answering them takes, the answer included.
fn bytes_per_row(document: &Document) -> Result<Option<f64>, CliError> {
    let Some(before) = private_memory() else { return Ok(None) };
    let done = AtomicBool::new(false);
    let layout = document.layouts(Order::File)[0];
    std::thread::scope(|scope| {
        let watched = std::thread::Builder::new().name("memory".to_owned()).spawn_scoped(scope, || {
            let mut most = before;
            while !done.load(Ordering::Relaxed) {
                most = most.max(private_memory().unwrap_or(0));
                std::thread::sleep(Duration::from_millis(1));
            }
            most
        });
        let answered = row_questions_of(document).iter().try_for_each(|query| {
            let answer = query.answer(&document.trace, layout, &AtomicBool::new(false), |_| ());
            answer.map(|answer| drop(std::hint::black_box(answer)))
        });
        done.store(true, Ordering::Relaxed);
        answered.map_err(|fault| CliError::Failed(fault.to_string()))?;
        let most = watched.ok().and_then(|watched| watched.join().ok());
        Ok(most.map(|most| most.saturating_sub(before) as f64 / (document.trace.op_count() as f64).max(1.0)))
    })
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
    let display = DisplayGraph::new(graph, None, &std::collections::BTreeSet::new());
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
    for (name, frames) in [("pan", &bench.pan), ("zoom", &bench.zoom), ("playback", &bench.playback)] {
        line(
            name,
            format!(
                "median {:.1} ms, 95th percentile {:.1} ms, worst {:.1} ms of {} frames",
                frames.median_ms, frames.p95_ms, frames.max_ms, frames.frames
            ),
        );
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
    let Binning { width, height, gpu_ms, cpu_ms } = bench.binning;
    line("binning", format!("{gpu_ms:.1} ms by kernels, {cpu_ms:.1} ms by the CPU twin, {width} x {height} cells"));
    line("frames at rest", bench.frames_at_rest.to_string());
    out
}
