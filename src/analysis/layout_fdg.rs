//! fdg-sim as a layout engine of its own: every pair of nodes repels, so it is for small graphs.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use fdg_sim::glam::Vec3;
use fdg_sim::petgraph::graph::NodeIndex;
use fdg_sim::{Dimensions, ForceGraph, ForceGraphHelper, Simulation, SimulationParameters, force};

use crate::analysis::layout;
use crate::kernel_io::layout::{LayoutGraph, LayoutParams, LayoutResult};

/// Distance at which attraction and repulsion of an edge's ends are equal, in layout units.
const SCALE: f32 = 3.0;
const COOL_OFF: f32 = 0.9;
const STEP_SECONDS: f32 = 0.035;
/// Steps to rest for graphs small enough; larger ones get fewer, for a like amount of work.
const MOST_ITERATIONS: u64 = 2_000;
const FEWEST_ITERATIONS: u64 = 10;
const PAIR_BUDGET: u64 = 300_000_000;

/// Lays `graph` out from its structural start with Fruchterman-Reingold forces. Nodes may end up overlapping.
pub fn run_fdg(graph: &LayoutGraph, params: LayoutParams, cancel: &AtomicBool) -> LayoutResult {
    let start = layout::prepare(graph, params).start();
    let pairs = (start.len() as u64 * start.len() as u64).max(1);
    let at_rest_after = (PAIR_BUDGET / pairs).clamp(FEWEST_ITERATIONS, MOST_ITERATIONS) as u32;
    let planned = params.iterations.unwrap_or(at_rest_after);

    let mut simulation = simulation(graph, &start);
    let started = Instant::now();
    let mut iterations = 0;
    while iterations < planned && !cancel.load(Ordering::Relaxed) {
        simulation.update(STEP_SECONDS);
        bring_back_lost(&mut simulation, &start);
        iterations += 1;
    }
    let ms = started.elapsed().as_secs_f64() * 1e3;
    let positions = simulation.get_graph().node_weights().map(|node| [node.location.x, node.location.y]).collect();
    LayoutResult { positions, iterations, ms_per_iteration: ms / f64::from(iterations.max(1)) }
}

fn simulation(graph: &LayoutGraph, start: &[[f32; 2]]) -> Simulation<(), ()> {
    let mut force_graph: ForceGraph<(), ()> = ForceGraph::default();
    let nodes: Vec<NodeIndex> = start.iter().map(|_| force_graph.add_force_node("", ())).collect();
    for [a, b] in graph.proper_edges() {
        force_graph.add_edge(nodes[a as usize], nodes[b as usize], ());
    }
    let parameters = SimulationParameters::new(1.0, Dimensions::Two, force::fruchterman_reingold(SCALE, COOL_OFF));
    let mut simulation = Simulation::from_graph(force_graph, parameters);
    // The simulation begins at random places of a generator that the whole process shares; ours are better.
    for (node, &[x, y]) in simulation.get_graph_mut().node_weights_mut().zip(start) {
        node.location = Vec3::new(x, y, 0.0);
        node.old_location = node.location;
    }
    simulation
}

/// fdg-sim divides by the distance of two nodes; where that was zero the node goes back to its start.
fn bring_back_lost(simulation: &mut Simulation<(), ()>, start: &[[f32; 2]]) {
    for (node, &[x, y]) in simulation.get_graph_mut().node_weights_mut().zip(start) {
        if !(node.location.is_finite() && node.velocity.is_finite()) {
            node.location = Vec3::new(x, y, 0.0);
            node.velocity = Vec3::ZERO;
        }
    }
}
