//! Frame times of the graph, for `bench`: whole, with experts apart, and many copies of it.

use std::time::Duration;

use serde::Serialize;

use super::CliError;
use super::bench::{FRAME, Frames, MOST_FRAMES_TO_REST, SIZE_PX};
use crate::analysis::layout_graph::slices_per_node;
use crate::app::Waker;
use crate::app::headless::Headless;
use crate::app::workspace::{Options, Workspace};
use crate::gpu::Gpu;
use crate::state::camera::Motion;
use crate::state::{Action, Axes, View};
use crate::trace::Trace;

/// Smaller graphs are measured as copies behind each other, too, until there are so many nodes.
const MANY_NODES: usize = 10_240;
/// Frames there, and as many back.
const THERE: u32 = 30;
/// How much closer names are looked at than the whole graph.
const CLOSE: f64 = 8.0;
const BESIDE_THREADS: Duration = Duration::from_millis(2);

/// A graph in its panel, all other panels around it. Frames from the input to the GPU having finished.
#[derive(Serialize)]
pub struct GraphFrames {
    pub what: &'static str,
    pub nodes: u64,
    pub edges: u64,
    /// All of the graph in the panel, and moved.
    pub pan: Frames,
    /// The same from near, with names.
    pub pan_close: Frames,
    /// From all of the graph to a hundredth of it and back.
    pub zoom: Frames,
    /// While the layout runs.
    pub settling: Frames,
    pub frames_at_rest: usize,
}

pub fn measure(gpu: &Gpu, trace: &Trace, frames: u32) -> Result<Vec<GraphFrames>, CliError> {
    let Some(graph) = trace.graphs.first().filter(|graph| !graph.nodes.is_empty()) else { return Ok(Vec::new()) };
    let mut measured = vec![measure_one(gpu, trace.clone(), "whole", false, frames)?];
    if slices_per_node(trace, graph).iter().any(|&slices| slices > 1) {
        measured.push(measure_one(gpu, trace.clone(), "experts apart", true, frames)?);
    }
    if graph.nodes.len() < MANY_NODES {
        let copies = MANY_NODES.div_ceil(graph.nodes.len()) as u32;
        let many = Trace { graphs: vec![graph.repeated(copies)], ..trace.clone() };
        measured.push(measure_one(gpu, many, "copies", false, frames)?);
    }
    Ok(measured)
}

fn measure_one(
    gpu: &Gpu,
    trace: Trace,
    what: &'static str,
    experts: bool,
    frames: u32,
) -> Result<GraphFrames, CliError> {
    let mut scene =
        Workspace::new(gpu.adapter_name(), Waker::none(), Options { reproducible: true, ..Options::default() });
    scene.show(what.into(), trace);
    let mut target = Headless::new(gpu, SIZE_PX, 1.0)?;
    // What else the window shows comes to rest first; then the graph is laid out anew.
    scene.act(Action::Fold { layer: None });
    target.settle(gpu, &mut scene, MOST_FRAMES_TO_REST)?;
    scene.act(Action::UnfoldExperts { unfolded: experts });
    scene.act(Action::Unfold { layer: None });
    let settling = settling(gpu, &mut target, &mut scene)?;
    target.settle(gpu, &mut scene, MOST_FRAMES_TO_REST)?;
    let (nodes, edges) = scene.shown_graph_size();

    let mut movement = |action: &dyn Fn(u32) -> Action| -> Result<Frames, CliError> {
        let mut times = Vec::with_capacity(frames as usize);
        for frame in 0..frames {
            scene.act(action(frame));
            target.step(gpu, &mut scene, Vec::new(), FRAME)?;
            times.push(f64::from(target.frame_ms()));
        }
        Ok(Frames::of(times))
    };
    let turn = |frame: u32, there: f64, back: f64| if frame % (2 * THERE) < THERE { there } else { back };
    let zoomed = |factor| Action::Zoom {
        view: View::Graph,
        factor,
        x: 0.5,
        y: 0.5,
        track: None,
        axes: Axes::Both,
        motion: Motion::default(),
    };
    let panned = |frame| {
        let dx = turn(frame, 0.01, -0.01);
        Action::Pan { view: View::Graph, dx, dy: 0.5 * dx, motion: Motion::default() }
    };
    let pan = movement(&panned)?;
    let per_frame = 100_f64.powf(1.0 / f64::from(THERE));
    let zoom = movement(&|frame| zoomed(turn(frame, per_frame, 1.0 / per_frame)))?;
    movement(&|frame| if frame == 0 { zoomed(CLOSE) } else { panned(frame) })?;
    let pan_close = movement(&panned)?;
    target.settle(gpu, &mut scene, MOST_FRAMES_TO_REST)?;
    let mut frames_at_rest = 0;
    for _ in 0..frames {
        frames_at_rest += usize::from(target.step(gpu, &mut scene, Vec::new(), FRAME)?.painted);
    }
    Ok(GraphFrames { what, nodes, edges, pan, pan_close, zoom, settling, frames_at_rest })
}

/// Frames from the first in which the layout runs to the last.
fn settling(gpu: &Gpu, target: &mut Headless, scene: &mut Workspace) -> Result<Frames, CliError> {
    let mut times = Vec::new();
    for _ in 0..MOST_FRAMES_TO_REST {
        let was_settling = scene.graph_is_settling();
        target.step(gpu, scene, Vec::new(), FRAME)?;
        let is_settling = scene.graph_is_settling();
        if was_settling && is_settling {
            times.push(f64::from(target.frame_ms()));
        } else if !is_settling && !times.is_empty() {
            break;
        } else {
            std::thread::sleep(BESIDE_THREADS);
        }
    }
    Ok(Frames::of(times))
}
