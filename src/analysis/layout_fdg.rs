//! fdg-sim as a layout engine of its own: every pair of nodes repels, so it is for small graphs.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use fdg_sim::glam::Vec3;
use fdg_sim::petgraph::graph::NodeIndex;
use fdg_sim::{Dimensions, ForceGraph, ForceGraphHelper, Simulation, SimulationParameters, force};

use crate::analysis::layout;
use crate::kernel_io::layout::{LayoutGraph, LayoutParams, LayoutResult};

/// With more nodes, steps take longer than a frame and a layout takes minutes.
pub const MOST_NODES: usize = 2_000;
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
    let mut layout = LayoutFdg::new(graph, layout::prepare(graph, params).start(), params.iterations);
    let started = Instant::now();
    while !layout.at_rest() && !cancel.load(Ordering::Relaxed) {
        layout.step();
    }
    let ms = started.elapsed().as_secs_f64() * 1e3;
    LayoutResult {
        positions: layout.positions(),
        iterations: layout.steps_done,
        ms_per_iteration: ms / f64::from(layout.steps_done.max(1)),
    }
}

/// A layout under way.
pub struct LayoutFdg {
    simulation: Simulation<(), ()>,
    start: Vec<[f32; 2]>,
    pins: BTreeMap<u32, [f32; 2]>,
    steps_done: u32,
    planned: u32,
}

impl LayoutFdg {
    /// `start` has a position for every node. Without a number of steps there are as many as its size allows.
    pub fn new(graph: &LayoutGraph, start: Vec<[f32; 2]>, iterations: Option<u32>) -> Self {
        let pairs = (start.len() as u64 * start.len() as u64).max(1);
        let at_rest_after = (PAIR_BUDGET / pairs).clamp(FEWEST_ITERATIONS, MOST_ITERATIONS) as u32;
        Self {
            simulation: simulation(graph, &start),
            start,
            pins: BTreeMap::new(),
            steps_done: 0,
            planned: iterations.unwrap_or(at_rest_after),
        }
    }

    pub fn step(&mut self) {
        self.simulation.update(STEP_SECONDS);
        bring_back_lost(&mut self.simulation, &self.start);
        self.hold_pinned();
        self.steps_done += 1;
    }

    pub fn at_rest(&self) -> bool {
        self.steps_done >= self.planned
    }

    /// Share of the way to rest, 0 to 1.
    pub fn progress(&self) -> f32 {
        self.steps_done as f32 / self.planned.max(1) as f32
    }

    pub fn positions(&self) -> Vec<[f32; 2]> {
        self.simulation.get_graph().node_weights().map(|node| [node.location.x, node.location.y]).collect()
    }

    /// Pins nodes or lets them go; what is around them settles anew.
    pub fn pin(&mut self, pins: &[(u32, Option<[f32; 2]>)]) {
        for &(node, at) in pins {
            match at {
                Some(at) => self.pins.insert(node, at),
                None => self.pins.remove(&node),
            };
        }
        self.hold_pinned();
        self.steps_done = self.steps_done.min(self.planned / 2);
    }

    fn hold_pinned(&mut self) {
        let graph = self.simulation.get_graph_mut();
        for (&node, &[x, y]) in &self.pins {
            if let Some(node) = graph.node_weight_mut(NodeIndex::new(node as usize)) {
                node.location = Vec3::new(x, y, 0.0);
                node.velocity = Vec3::ZERO;
            }
        }
    }
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
