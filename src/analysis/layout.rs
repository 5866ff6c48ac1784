//! The force layout on the CPU: twin of `graph_forces.wgsl`, and the engine for machines without an adapter.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use rayon::prelude::*;

use crate::analysis::layout_distances::distance_positions;
use crate::analysis::layout_start::start_positions;
use crate::analysis::watch::Watch;
use crate::kernel_io::layout::{Arrangement, LayoutGraph, LayoutParams, LayoutProblem, LayoutResult, LayoutStep};

/// Below this many nodes, threads cost more than they bring.
const PARALLEL_FROM_NODES: usize = 2_000;
/// How far the seed moves a node from its structural place, in layout units.
const SEED_JITTER: f32 = 0.02;

/// Structural start, springs and grid of a graph, ready for any engine.
pub fn prepare(graph: &LayoutGraph, params: LayoutParams) -> LayoutProblem {
    let start = match params.arrangement {
        Arrangement::Rows => start_positions(graph),
        // Nobody ends it.
        Arrangement::Distances => distance_positions(graph, Watch::nobody()).unwrap_or_default(),
    };
    problem(graph, start, params)
}

/// The same while somebody watches, for starts that take long; `None` where the watch ended it.
pub fn prepare_watched(graph: &LayoutGraph, params: LayoutParams, watch: Watch<'_>) -> Option<LayoutProblem> {
    let start = match params.arrangement {
        Arrangement::Rows => start_positions(graph),
        Arrangement::Distances => distance_positions(graph, watch)?,
    };
    Some(problem(graph, start, params))
}

fn problem(graph: &LayoutGraph, mut start: Vec<[f32; 2]>, params: LayoutParams) -> LayoutProblem {
    for (node, position) in start.iter_mut().enumerate() {
        let hash = mix(node as u32 ^ (params.seed as u32) ^ ((params.seed >> 32) as u32).rotate_left(16));
        position[0] += SEED_JITTER * direction(hash)[0];
        position[1] += SEED_JITTER * direction(hash)[1];
    }
    LayoutProblem::new(graph, &start, params)
}

/// Lays `graph` out from its structural start to rest; a cancelled run gives where the nodes are by then.
pub fn run_cpu(graph: &LayoutGraph, params: LayoutParams, cancel: &AtomicBool) -> LayoutResult {
    let mut layout = LayoutCpu::new(prepare(graph, params));
    let started = Instant::now();
    while !layout.at_rest() && !cancel.load(Ordering::Relaxed) {
        layout.step();
    }
    let ms = started.elapsed().as_secs_f64() * 1e3;
    LayoutResult {
        iterations: layout.steps_done,
        ms_per_iteration: ms / f64::from(layout.steps_done.max(1)),
        positions: layout.positions,
    }
}

/// A layout under way.
pub struct LayoutCpu {
    pub problem: LayoutProblem,
    pub positions: Vec<[f32; 2]>,
    steps_done: u32,
    spring_sums: Vec<[i32; 2]>,
    grid: Grid,
}

/// Nodes by grid cell: those of cell c are `nodes[start[c]..start[c + 1]]`.
#[derive(Default)]
struct Grid {
    start: Vec<u32>,
    nodes: Vec<u32>,
}

impl LayoutCpu {
    pub fn new(problem: LayoutProblem) -> Self {
        let positions = problem.start();
        let spring_sums = vec![[0; 2]; positions.len()];
        Self { problem, positions, steps_done: 0, spring_sums, grid: Grid::default() }
    }

    pub fn at_rest(&self) -> bool {
        self.steps_done >= self.problem.iterations
    }

    /// Share of the way to rest, 0 to 1.
    pub fn progress(&self) -> f32 {
        self.steps_done as f32 / self.problem.iterations.max(1) as f32
    }

    /// Pins nodes or lets them go; what is around them settles anew.
    pub fn pin(&mut self, pins: &[(u32, Option<[f32; 2]>)]) {
        for &(node, at) in pins {
            self.problem.pin(node, at);
            if let (Some(position), Some(_)) = (self.positions.get_mut(node as usize), at) {
                *position = self.problem.anchors[node as usize].home;
            }
        }
        self.steps_done = self.steps_done.min(self.problem.warm_step());
    }

    /// Moves the nodes (those of one call at once) and starts cooling anew.
    pub fn set_positions(&mut self, positions: &[[f32; 2]]) {
        for (node, position) in self.positions.iter_mut().enumerate() {
            *position = self.problem.admissible(node, positions.get(node).copied().unwrap_or(*position));
        }
        self.steps_done = 0;
    }

    pub fn step(&mut self) {
        let step = self.problem.step(self.steps_done);
        self.pull_springs(&step);
        self.grid.fill(&step, &self.positions);
        let moved = |node: usize| self.moved(&step, node);
        self.positions = if self.positions.len() < PARALLEL_FROM_NODES {
            (0..self.positions.len()).map(moved).collect()
        } else {
            (0..self.positions.len()).into_par_iter().map(moved).collect()
        };
        self.steps_done += 1;
    }

    fn pull_springs(&mut self, step: &LayoutStep) {
        self.spring_sums.fill([0; 2]);
        if step.alpha == 0.0 {
            return;
        }
        for spring in &self.problem.springs {
            let (a, b) = (spring.a as usize, spring.b as usize);
            let between = sub(self.positions[b], self.positions[a]);
            let distance = length(between).max(1e-6);
            let stretch = (distance - spring.rest).clamp(-step.spring_cap, step.spring_cap);
            let pull = step.spring * spring.weight * stretch / distance;
            let force = between.map(|along| fixed(along * pull, step));
            self.spring_sums[a] = add_fixed(self.spring_sums[a], force);
            self.spring_sums[b] = add_fixed(self.spring_sums[b], force.map(|along| -along));
        }
    }

    /// Where `node` goes in this step.
    fn moved(&self, step: &LayoutStep, node: usize) -> [f32; 2] {
        let here = self.positions[node];
        let anchor = &self.problem.anchors[node];
        if anchor.pinned != 0 {
            return anchor.home;
        }
        let cell = cell_of(step, here);
        let mut force = self.spring_sums[node];
        let mut push = [0i32; 2];
        let mut touching = 0u32;
        for row in cell[1].saturating_sub(1)..=(cell[1] + 1).min(step.grid_rows - 1) {
            for column in cell[0].saturating_sub(1)..=(cell[0] + 1).min(step.grid_columns - 1) {
                for &other in self.grid.cell(row * step.grid_columns + column) {
                    if other as usize == node {
                        continue;
                    }
                    let between = sub(here, self.positions[other as usize]);
                    let distance = length(between);
                    if distance >= step.repel_reach {
                        continue;
                    }
                    let away = away_from(between, distance, node as u32, other, step.seed);
                    let closeness = 1.0 - distance / step.repel_reach;
                    let repel = step.repel * closeness * closeness;
                    let reach = anchor.radius + self.problem.anchors[other as usize].radius + step.collision_margin;
                    let overlap = (0.5 * (reach - distance)).clamp(0.0, 4.0);
                    touching += u32::from(overlap > 0.0);
                    force = add_fixed(force, away.map(|along| fixed(along * repel, step)));
                    push = add_fixed(push, away.map(|along| fixed(along * overlap, step)));
                }
            }
        }
        let mut there = here;
        for axis in 0..2 {
            let home = (anchor.home[axis] - here[axis]) * step.anchor;
            let forced = force[axis] as f32 / step.fixed_scale + home.clamp(-step.max_move, step.max_move);
            let pushed = push[axis] as f32 / step.fixed_scale / touching.max(1) as f32;
            let travel = (step.alpha * forced + pushed).clamp(-step.max_move, step.max_move);
            there[axis] = (here[axis] + travel).clamp(step.domain_min[axis], step.domain_max[axis]);
        }
        there
    }
}

impl Grid {
    fn fill(&mut self, step: &LayoutStep, positions: &[[f32; 2]]) {
        let cells = step.grid_columns as usize * step.grid_rows as usize;
        let index = |&position: &[f32; 2]| {
            let [column, row] = cell_of(step, position);
            (row * step.grid_columns + column) as usize
        };
        self.start.clear();
        self.start.resize(cells + 1, 0);
        for position in positions {
            self.start[index(position) + 1] += 1;
        }
        for cell in 0..cells {
            self.start[cell + 1] += self.start[cell];
        }
        // Filled from the back, so that `start` ends up where it began.
        self.nodes.resize(positions.len(), 0);
        let mut next = self.start[1..].to_vec();
        for (node, position) in positions.iter().enumerate().rev() {
            let cell = index(position);
            next[cell] -= 1;
            self.nodes[next[cell] as usize] = node as u32;
        }
    }

    fn cell(&self, cell: u32) -> &[u32] {
        &self.nodes[self.start[cell as usize] as usize..self.start[cell as usize + 1] as usize]
    }
}

/// What the forces have not yet worked off at `positions`; cooling lowers it. In arbitrary but fixed units.
pub fn energy(problem: &LayoutProblem, positions: &[[f32; 2]]) -> f64 {
    let step = problem.step(0);
    let mut sum = 0.0;
    for spring in &problem.springs {
        let stretch = length(sub(positions[spring.b as usize], positions[spring.a as usize])) - spring.rest;
        let bent = stretch.abs().min(step.spring_cap);
        sum += f64::from(step.spring * spring.weight * bent * (stretch.abs() - 0.5 * bent));
    }
    for (anchor, &position) in problem.anchors.iter().zip(positions) {
        let off = sub(anchor.home, position);
        sum += f64::from(0.5 * step.anchor * (off[0] * off[0] + off[1] * off[1]));
    }
    for_near_pairs(problem, positions, |a, b, distance| {
        let closeness = (1.0 - distance / step.repel_reach).max(0.0);
        sum += f64::from(step.repel * step.repel_reach * closeness.powi(3) / 3.0);
        let overlap = (problem.anchors[a].radius + problem.anchors[b].radius - distance).max(0.0);
        sum += f64::from(overlap * overlap);
    });
    sum
}

/// How deep the worst two nodes at `positions` overlap, in layout units; negative is the narrowest gap within reach.
pub fn worst_overlap(problem: &LayoutProblem, positions: &[[f32; 2]]) -> f32 {
    let mut worst = f32::NEG_INFINITY;
    for_near_pairs(problem, positions, |a, b, distance| {
        worst = worst.max(problem.anchors[a].radius + problem.anchors[b].radius - distance);
    });
    worst
}

/// Calls `visit(a, b, distance)` once for every pair of nodes in neighbouring cells.
fn for_near_pairs(problem: &LayoutProblem, positions: &[[f32; 2]], mut visit: impl FnMut(usize, usize, f32)) {
    let step = problem.step(0);
    let mut grid = Grid::default();
    grid.fill(&step, positions);
    for (a, &here) in positions.iter().enumerate() {
        let cell = cell_of(&step, here);
        for row in cell[1].saturating_sub(1)..=(cell[1] + 1).min(step.grid_rows - 1) {
            for column in cell[0].saturating_sub(1)..=(cell[0] + 1).min(step.grid_columns - 1) {
                for &b in grid.cell(row * step.grid_columns + column) {
                    if a < b as usize {
                        visit(a, b as usize, length(sub(here, positions[b as usize])));
                    }
                }
            }
        }
    }
}

fn cell_of(step: &LayoutStep, position: [f32; 2]) -> [u32; 2] {
    let along = |axis: usize, count: u32| {
        let cell = (position[axis] - step.domain_min[axis]) / step.cell_units;
        (cell.max(0.0) as u32).min(count - 1)
    };
    [along(0, step.grid_columns), along(1, step.grid_rows)]
}

fn fixed(force: f32, step: &LayoutStep) -> i32 {
    (force * step.fixed_scale).round_ties_even() as i32
}

/// A sum that wraps where the kernel's would.
fn add_fixed(a: [i32; 2], b: [i32; 2]) -> [i32; 2] {
    [a[0].wrapping_add(b[0]), a[1].wrapping_add(b[1])]
}

/// Unit vector from `other` to `node`. Nodes at one point part in a direction that both agree on.
fn away_from(between: [f32; 2], distance: f32, node: u32, other: u32, seed: u32) -> [f32; 2] {
    if distance > 1e-4 {
        return [between[0] / distance, between[1] / distance];
    }
    let hash = mix(node.min(other).wrapping_mul(0x9e37_79b9) ^ mix(node.max(other) ^ seed));
    let sign = if node < other { 1.0 } else { -1.0 };
    direction(hash).map(|c| sign * c)
}

fn mix(value: u32) -> u32 {
    let value = (value ^ (value >> 16)).wrapping_mul(0x7feb_352d);
    let value = (value ^ (value >> 15)).wrapping_mul(0x846c_a68b);
    value ^ (value >> 16)
}

/// A unit vector from a hash; the halves keep it off zero.
fn direction(hash: u32) -> [f32; 2] {
    let wide = [(hash & 0xffff) as f32 - 32_767.5, (hash >> 16) as f32 - 32_767.5];
    wide.map(|c| c / length(wide))
}

fn sub(a: [f32; 2], b: [f32; 2]) -> [f32; 2] {
    [a[0] - b[0], a[1] - b[1]]
}

fn length(v: [f32; 2]) -> f32 {
    (v[0] * v[0] + v[1] * v[1]).sqrt()
}
