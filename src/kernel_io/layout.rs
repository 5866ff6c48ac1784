//! A graph as the layout engines see it, the forces they share, and where they put its nodes.

use std::collections::BTreeMap;

use bytemuck::{Pod, Zeroable};

/// Layer of a node that has none.
pub const NO_LAYER: u32 = u32::MAX;

/// Steps from the start to rest, unless somebody asks for another number.
pub const DEFAULT_ITERATIONS: u32 = 200;
/// Share of the steps in which forces act and cool; the rest only pushes nodes apart.
const COOLING_SHARE: f32 = 0.8;
/// Share of the cooling that is over when nodes settle around one that was moved.
const WARM_SHARE: f32 = 0.7;
/// Radii outside these bounds (layout units) are moved onto them, so that one node cannot spoil the grid for all.
pub const RADIUS_RANGE: [f32; 2] = [0.05, 8.0];
/// Nodes repel up to this distance of their centres, in layout units.
const REPEL_REACH: f32 = 3.6;
/// Gap that nodes keep when pushed apart, so that what rounding leaves is not yet an overlap.
const COLLISION_MARGIN: f32 = 0.25;
/// Gap between the rims of two connected nodes at which their spring is at ease.
const SPRING_GAP: f32 = 1.2;
/// Free space around the start positions; nodes never leave it.
const DOMAIN_MARGIN: f32 = 24.0;
/// Coordinates that an engine accepts, in layout units; f32 still resolves a hundredth there.
const COORDINATE_LIMIT: f32 = 100_000.0;

/// Nodes are 0..`layer.len()`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LayoutGraph {
    /// (operand, consumer); self-loops and parallel edges may occur.
    pub edges: Vec<[u32; 2]>,
    /// Per node: its layer or `NO_LAYER`.
    pub layer: Vec<u32>,
    /// Per node: position in execution order; a leaf has the order of its first consumer.
    pub order: Vec<u32>,
    /// Per node: true for weights and inputs, which hang beside the op that reads them.
    pub leaf: Vec<bool>,
    /// Per node: radius in layout units (1 is the usual node).
    pub radius: Vec<f32>,
}

impl LayoutGraph {
    pub fn node_count(&self) -> usize {
        self.layer.len()
    }

    /// Radius of a node, within `RADIUS_RANGE`; 1 where none is given.
    pub fn radius_units(&self, node: usize) -> f32 {
        match self.radius.get(node) {
            Some(radius) if radius.is_finite() => radius.clamp(RADIUS_RANGE[0], RADIUS_RANGE[1]),
            _ => 1.0,
        }
    }

    /// Edges between two different nodes of the graph; the others pull at nothing.
    pub fn proper_edges(&self) -> impl Iterator<Item = [u32; 2]> + Clone + '_ {
        let count = self.node_count();
        self.edges.iter().copied().filter(move |&[a, b]| a != b && (a as usize) < count && (b as usize) < count)
    }
}

/// What the places of nodes say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Arrangement {
    /// Execution: layers as blocks in rows, the residual stream a straight line.
    #[default]
    Rows,
    /// Distances along edges: what is far apart in the graph lies far apart.
    Distances,
}

/// Who computes a layout.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LayoutEngine {
    #[default]
    Gpu,
    /// The twin of the kernels.
    Cpu,
    /// fdg-sim, for small graphs.
    Fdg,
}

impl LayoutEngine {
    pub const ALL: [Self; 3] = [Self::Gpu, Self::Cpu, Self::Fdg];

    pub fn label(self) -> &'static str {
        match self {
            Self::Gpu => "GPU",
            Self::Cpu => "CPU",
            Self::Fdg => "fdg-sim",
        }
    }
}

/// What a person may ask of a layout.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LayoutParams {
    /// Decides the small displacements that break ties; the same seed gives the same positions.
    pub seed: u64,
    /// Exactly this many steps instead of `DEFAULT_ITERATIONS`; 0 keeps the structural start.
    pub iterations: Option<u32>,
    pub arrangement: Arrangement,
}

/// Where the nodes came to lie.
#[derive(Debug, Clone, PartialEq)]
pub struct LayoutResult {
    /// Per node: centre in layout units, y downwards.
    pub positions: Vec<[f32; 2]>,
    /// Steps done; fewer than planned if it was cancelled.
    pub iterations: u32,
    pub ms_per_iteration: f64,
}

/// A spring between nodes `a` and `b`. Mirrored in `graph_forces.wgsl`.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable)]
pub struct Spring {
    pub a: u32,
    pub b: u32,
    /// 1 / the larger degree of both ends, so that a hub's pull is bounded however many edges it has.
    pub weight: f32,
    /// Distance of the centres at ease, in layout units.
    pub rest: f32,
}

/// What a node brings into a step. Mirrored in `graph_forces.wgsl`.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable)]
pub struct Anchor {
    /// Structural start position that the node is pulled towards, or where it is pinned.
    pub home: [f32; 2],
    pub radius: f32,
    /// 1 where it stays at its home, whatever pulls; 0 elsewhere.
    pub pinned: u32,
}

/// Everything but the data that one step reads. Mirrored in `graph_forces.wgsl` as a uniform.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable)]
pub struct LayoutStep {
    pub domain_min: [f32; 2],
    pub domain_max: [f32; 2],
    pub node_count: u32,
    pub edge_count: u32,
    pub grid_columns: u32,
    pub grid_rows: u32,
    /// Side of a grid cell, at least `repel_reach`.
    pub cell_units: f32,
    /// Fixed-point units per layout unit of displacement.
    pub fixed_scale: f32,
    /// Temperature, 1 to 0; at 0 only overlapping nodes move.
    pub alpha: f32,
    pub seed: u32,
    pub spring: f32,
    /// Springs pull no harder than if stretched by this much.
    pub spring_cap: f32,
    pub repel: f32,
    pub repel_reach: f32,
    pub anchor: f32,
    pub collision_margin: f32,
    /// A node moves no further than this in a step.
    pub max_move: f32,
    pub _padding: u32,
}

/// A graph made ready for the engines: start, springs, bounds and grid.
#[derive(Debug, Clone, PartialEq)]
pub struct LayoutProblem {
    pub anchors: Vec<Anchor>,
    pub springs: Vec<Spring>,
    /// Steps to rest.
    pub iterations: u32,
    step: LayoutStep,
    /// Structural homes of the nodes that are pinned elsewhere.
    homes: BTreeMap<u32, [f32; 2]>,
}

impl LayoutProblem {
    /// `start` holds a position per node; missing or non-finite ones become the origin.
    pub fn new(graph: &LayoutGraph, start: &[[f32; 2]], params: LayoutParams) -> Self {
        let anchors: Vec<Anchor> = (0..graph.node_count())
            .map(|node| Anchor {
                home: bounded(start.get(node).copied().unwrap_or([0.0; 2])),
                radius: graph.radius_units(node),
                pinned: 0,
            })
            .collect();
        let springs = springs(graph, &anchors);
        let step = constants(&anchors, springs.len(), params.seed);
        Self {
            anchors,
            springs,
            iterations: params.iterations.unwrap_or(DEFAULT_ITERATIONS),
            step,
            homes: BTreeMap::new(),
        }
    }

    /// The constants of step `index` of the schedule.
    pub fn step(&self, index: u32) -> LayoutStep {
        let progress = index as f32 / (self.iterations.max(1) as f32 * COOLING_SHARE);
        LayoutStep { alpha: (1.0 - progress).max(0.0), ..self.step }
    }

    pub fn grid_cells(&self) -> usize {
        self.step.grid_columns as usize * self.step.grid_rows as usize
    }

    /// Has a node stay at a place from now on, or go where forces move it.
    pub fn pin(&mut self, node: u32, at: Option<[f32; 2]>) {
        let Some(anchor) = self.anchors.get_mut(node as usize) else { return };
        match at {
            Some(at) => {
                self.homes.entry(node).or_insert(anchor.home);
                (anchor.home, anchor.pinned) = (bounded(at), 1);
            }
            None => {
                anchor.home = self.homes.remove(&node).unwrap_or(anchor.home);
                anchor.pinned = 0;
            }
        }
    }

    /// The step from which a layout at rest goes on once something in it was moved: its neighbours make room, the rest
    /// stays.
    pub fn warm_step(&self) -> u32 {
        (self.iterations as f32 * COOLING_SHARE * WARM_SHARE) as u32
    }

    /// Where the nodes start: pinned ones where they are pinned.
    pub fn start(&self) -> Vec<[f32; 2]> {
        self.anchors.iter().map(|anchor| anchor.home).collect()
    }

    /// `position` moved into the domain; a non-finite one becomes the node's home.
    pub fn admissible(&self, node: usize, position: [f32; 2]) -> [f32; 2] {
        let anchor = &self.anchors[node];
        if anchor.pinned != 0 {
            return anchor.home;
        }
        let wanted = if position.iter().all(|c| c.is_finite()) { position } else { anchor.home };
        std::array::from_fn(|axis| wanted[axis].clamp(self.step.domain_min[axis], self.step.domain_max[axis]))
    }
}

fn bounded(position: [f32; 2]) -> [f32; 2] {
    position.map(|c| if c.is_finite() { c.clamp(-COORDINATE_LIMIT, COORDINATE_LIMIT) } else { 0.0 })
}

fn springs(graph: &LayoutGraph, anchors: &[Anchor]) -> Vec<Spring> {
    let mut degree = vec![0u32; anchors.len()];
    for [a, b] in graph.proper_edges() {
        degree[a as usize] += 1;
        degree[b as usize] += 1;
    }
    graph
        .proper_edges()
        .map(|[a, b]| Spring {
            a,
            b,
            weight: 1.0 / degree[a as usize].max(degree[b as usize]) as f32,
            rest: anchors[a as usize].radius + anchors[b as usize].radius + SPRING_GAP,
        })
        .collect()
}

fn constants(anchors: &[Anchor], edge_count: usize, seed: u64) -> LayoutStep {
    let mut low = [f32::INFINITY; 2];
    let mut high = [f32::NEG_INFINITY; 2];
    let mut largest_radius = 0.0f32;
    for anchor in anchors {
        for axis in 0..2 {
            low[axis] = low[axis].min(anchor.home[axis]);
            high[axis] = high[axis].max(anchor.home[axis]);
        }
        largest_radius = largest_radius.max(anchor.radius);
    }
    if anchors.is_empty() {
        (low, high) = ([0.0; 2], [0.0; 2]);
    }
    let repel_reach = REPEL_REACH.max(2.0 * largest_radius + COLLISION_MARGIN);
    let domain_min = low.map(|c| c - DOMAIN_MARGIN - repel_reach);
    let domain_max = high.map(|c| c + DOMAIN_MARGIN + repel_reach);
    let size = [domain_max[0] - domain_min[0], domain_max[1] - domain_min[1]];
    // A far scattered start must not make a grid much larger than the graph.
    let most_cells = 1024.0 + 4.0 * anchors.len() as f32;
    let cell_units = repel_reach.max((size[0] * size[1] / most_cells).sqrt()).max(size[0].max(size[1]) / 16_384.0);
    // No sum of n terms, each at most 4 units, may leave an i32.
    let headroom = f64::from(i32::MAX) / (4.0 * anchors.len().max(1) as f64);
    let fixed_scale = 2f32.powi(headroom.log2().floor().clamp(0.0, 16.0) as i32);
    LayoutStep {
        domain_min,
        domain_max,
        node_count: anchors.len() as u32,
        edge_count: edge_count as u32,
        grid_columns: (size[0] / cell_units).ceil().max(1.0) as u32,
        grid_rows: (size[1] / cell_units).ceil().max(1.0) as u32,
        cell_units,
        fixed_scale,
        alpha: 0.0,
        seed: (seed ^ (seed >> 32)) as u32,
        spring: 0.4,
        spring_cap: 2.0,
        repel: 0.25,
        repel_reach,
        anchor: 0.25,
        collision_margin: COLLISION_MARGIN,
        max_move: 1.5,
        _padding: 0,
    }
}
