//! Frame times of the graph, for `bench`: whole, with experts apart, and many copies of it.

use serde::Serialize;

use super::CliError;
use super::bench_window::{BenchWindow, Frames};
use crate::analysis::layout_graph::slices_per_node;
use crate::app::workspace::Workspace;
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
    let mut window = BenchWindow::new(gpu, what, trace, frames)?;
    // What else the window shows comes to rest first; then the graph is laid out anew.
    window.settle_after(Action::Fold { layer: None })?;
    window.scene.act(Action::UnfoldExperts { unfolded: experts });
    window.scene.act(Action::Unfold { layer: None });
    let settling = window.while_under_way(Workspace::graph_is_settling)?;
    window.settle()?;
    let (nodes, edges) = window.scene.shown_graph_size();
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
    let pan = window.movement(panned)?;
    let per_frame = 100_f64.powf(1.0 / f64::from(THERE));
    let zoom = window.movement(|frame| zoomed(turn(frame, per_frame, 1.0 / per_frame)))?;
    window.movement(|frame| if frame == 0 { zoomed(CLOSE) } else { panned(frame) })?;
    let pan_close = window.movement(panned)?;
    window.settle()?;
    let frames_at_rest = window.painted_at_rest(frames as usize)?;
    Ok(GraphFrames { what, nodes, edges, pan, pan_close, zoom, settling, frames_at_rest })
}
