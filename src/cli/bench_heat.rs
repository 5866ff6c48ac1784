//! Times of the heatmap, for `bench`: moved while its tiles are made and when they are there, and binned from scratch.

use std::time::Instant;

use serde::Serialize;

use super::CliError;
use super::bench_window::{BenchWindow, Frames, milliseconds};
use crate::analysis::heat;
use crate::gpu::Gpu;
use crate::gpu::heat::HeatPipelines;
use crate::gpu::heat_data::HeatData;
use crate::kernel_io::heat::{Aggregate, Direction, HeatQuery, Measure};
use crate::state::camera::Motion;
use crate::state::{Action, Axes, View};
use crate::trace::tracks::{HeatTables, Order, TrackLayout};
use crate::trace::{Trace, Track};

const BINNING_RUNS: usize = 9;
const BINNED_CELLS: (u32, u32) = (1024, 256);
/// Panning needs something beside the picture: how far in it begins.
const NEARER: f64 = 8.0;

/// The heatmap there and back, while its tiles are made, and the same way once more with tiles that are there.
#[derive(Serialize)]
pub struct HeatFrames {
    pub pan: Frames,
    pub pan_warm: Frames,
    pub zoom: Frames,
    pub zoom_warm: Frames,
}

/// All accesses of the run counted into `width` x `height` cells of the whole DISK track, from the columns on.
#[derive(Serialize)]
pub struct Binning {
    pub width: u32,
    pub height: u32,
    pub gpu_ms: f64,
    pub cpu_ms: f64,
}

pub fn measure(window: &mut BenchWindow<'_>) -> Result<HeatFrames, CliError> {
    let half = window.frames / 2;
    let motion = Motion::default();
    let zoom =
        |factor| Action::Zoom { view: View::Heatmap, factor, x: 0.4, y: 0.4, track: None, axes: Axes::Both, motion };
    window.settle_after(zoom(NEARER))?;
    let [pan, pan_warm] = there_and_back(window, |frame| {
        let by = if frame < half { 0.02 } else { -0.02 };
        Action::Pan { view: View::Heatmap, dx: by, dy: by, motion }
    })?;
    window.settle_after(Action::Fit { view: View::Heatmap, motion })?;
    let [zoom, zoom_warm] = there_and_back(window, |frame| zoom(if frame < half { 1.08 } else { 1.0 / 1.08 }))?;
    window.settle_after(Action::Fit { view: View::Heatmap, motion })?;
    Ok(HeatFrames { pan, pan_warm, zoom, zoom_warm })
}

fn there_and_back(window: &mut BenchWindow<'_>, action: impl Fn(u32) -> Action) -> Result<[Frames; 2], CliError> {
    let making = window.movement(&action)?;
    // Moving on left tiles unfinished.
    for frame in 0..window.frames {
        window.settle_after(action(frame))?;
    }
    Ok([making, window.movement(&action)?])
}

/// Medians of kernels and twin, in turn.
pub fn binning(gpu: &Gpu, trace: &Trace) -> Result<Binning, CliError> {
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
