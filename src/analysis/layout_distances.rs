//! The start of the arrangement by distances: as far apart on the plane as steps along edges, so that a long model is a
//! long ribbon and what belongs together lies together.
//!
//! A few pivots, far from each other, give every node its place by how far it is from each of them (pivot MDS); then
//! nodes move until distances to pivots and neighbours fit best (sparse stress, by majorization). What all layers share
//! would make everything near to everything: it stands aside, and no path leads through it.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use rayon::prelude::*;

use crate::analysis::layout_apart::part;
use crate::analysis::layout_blocks::{self, Home};
use crate::analysis::layout_start::{Structure, place_shared};
use crate::analysis::watch::Watch;
use crate::kernel_io::layout::LayoutGraph;

/// Layout units of one step along an edge: two usual nodes and the gap at which their spring is at ease.
const STEP_UNITS: f32 = 3.2;
/// Nodes of a component that all others know their distance to.
const MOST_PIVOTS: usize = 24;
/// Rounds in which nodes move to where distances fit better.
const ROUNDS: usize = 30;
/// Neighbours up to this number stand one step away; those of a node with more have to stand further off.
const NEAR_NEIGHBOURS: f32 = 8.0;
/// Fixed-point parts of a step, so that sums of them are exact and equal ways stay equal.
const PARTS: f32 = 64.0;
/// Free space between components, in layout units.
const COMPONENT_GAP: f32 = 6.0;
/// Width over height that the components are packed into.
const ASPECT: f32 = 1.6;
const UNREACHED: u32 = u32::MAX;

/// Thousandths of the work: distances, fitting, and parting what would overlap.
const SHARES: [u32; 4] = [0, 150, 400, 1000];

/// A position per node in layout units; nodes do not overlap. The same graph gives the same positions. `None` where
/// `watch` ended it.
pub fn distance_positions(graph: &LayoutGraph, watch: Watch<'_>) -> Option<Vec<[f32; 2]>> {
    let structure = Structure::new(graph);
    let homes = layout_blocks::homes(graph, &structure);
    let ways = Ways::new(graph, &homes);
    let components = ways.components(&structure);
    let mut placed: Vec<Component> =
        components.into_iter().map(|nodes| ways.arrange(nodes, watch)).collect::<Option<_>>()?;
    let mut positions = vec![[0.0; 2]; graph.node_count()];
    pack(&mut placed, graph, &mut positions);
    let wanted: Vec<u32> =
        structure.sequence.iter().copied().filter(|&node| homes[node as usize] != Home::Shared).collect();
    part(graph, &wanted, &mut positions, watch, [SHARES[2], SHARES[3]])?;
    let width_units = to_origin(&wanted, &mut positions);
    place_shared(graph, &structure, &homes, width_units, &mut positions);
    Some(positions)
}

/// Moves the chosen nodes so that the leftmost stands at 0; gives their width.
fn to_origin(chosen: &[u32], positions: &mut [[f32; 2]]) -> f32 {
    let along = |positions: &[[f32; 2]]| {
        let xs = || chosen.iter().map(|&node| positions[node as usize][0]);
        [xs().fold(f32::INFINITY, f32::min), xs().fold(f32::NEG_INFINITY, f32::max)]
    };
    if chosen.is_empty() {
        return 0.0;
    }
    let [left, right] = along(positions);
    for &node in chosen {
        positions[node as usize][0] -= left;
    }
    right - left
}

/// Nodes that hang together, each with its place around the component's middle, in layout units.
struct Component {
    nodes: Vec<u32>,
    places: Vec<[f32; 2]>,
}

/// Edges as ways in both directions, with their lengths in parts of a step.
struct Ways {
    start: Vec<u32>,
    ends: Vec<(u32, u32)>,
    shared: Vec<bool>,
}

impl Ways {
    fn new(graph: &LayoutGraph, homes: &[Home]) -> Self {
        let count = graph.node_count();
        let shared: Vec<bool> = homes.iter().map(|home| *home == Home::Shared).collect();
        let edges = || graph.proper_edges().filter(|&[a, b]| !shared[a as usize] && !shared[b as usize]);
        let mut degree = vec![0u32; count];
        for end in edges().flatten() {
            degree[end as usize] += 1;
        }
        let mut start = vec![0u32; count + 1];
        for node in 0..count {
            start[node + 1] = start[node] + degree[node];
        }
        let mut next = start.clone();
        let mut ends = vec![(0, 0); start[count] as usize];
        for [a, b] in edges() {
            let crowd = degree[a as usize].max(degree[b as usize]) as f32 / NEAR_NEIGHBOURS;
            let parts = (PARTS * crowd.sqrt().max(1.0)) as u32;
            for (from, to) in [(a, b), (b, a)] {
                ends[next[from as usize] as usize] = (to, parts);
                next[from as usize] += 1;
            }
        }
        Self { start, ends, shared }
    }

    fn of(&self, node: u32) -> &[(u32, u32)] {
        &self.ends[self.start[node as usize] as usize..self.start[node as usize + 1] as usize]
    }

    /// Each in execution order; the component of the first op first.
    fn components(&self, structure: &Structure) -> Vec<Vec<u32>> {
        let mut component = vec![u32::MAX; self.shared.len()];
        let mut components: Vec<Vec<u32>> = Vec::new();
        let mut open = Vec::new();
        for &first in &structure.sequence {
            if self.shared[first as usize] || component[first as usize] != u32::MAX {
                continue;
            }
            let number = components.len() as u32;
            component[first as usize] = number;
            components.push(Vec::new());
            open.push(first);
            while let Some(node) = open.pop() {
                for &(other, _) in self.of(node) {
                    if component[other as usize] == u32::MAX {
                        component[other as usize] = number;
                        open.push(other);
                    }
                }
            }
        }
        for &node in structure.sequence.iter().filter(|&&node| !self.shared[node as usize]) {
            components[component[node as usize] as usize].push(node);
        }
        components
    }

    /// How far every node is from `from`, in parts of a step.
    fn distances(&self, from: u32) -> Vec<u32> {
        let mut away = vec![UNREACHED; self.shared.len()];
        away[from as usize] = 0;
        let mut open = BinaryHeap::from([Reverse((0, from))]);
        while let Some(Reverse((distance, node))) = open.pop() {
            if distance > away[node as usize] {
                continue;
            }
            for &(other, parts) in self.of(node) {
                let further = distance.saturating_add(parts);
                if further < away[other as usize] {
                    away[other as usize] = further;
                    open.push(Reverse((further, other)));
                }
            }
        }
        away
    }

    fn arrange(&self, nodes: Vec<u32>, watch: Watch<'_>) -> Option<Component> {
        if nodes.len() < 3 {
            let places = (0..nodes.len()).map(|at| [STEP_UNITS * at as f32, 0.0]).collect();
            return Some(Component { nodes, places });
        }
        let (pivots, distances) = self.pivots(&nodes, watch)?;
        let mut places = by_pivots(&distances, nodes.len());
        let mut local = vec![UNREACHED; self.shared.len()];
        for (at, &node) in (0u32..).zip(&nodes) {
            local[node as usize] = at;
        }
        // Twins know the same distances: something must tell them apart.
        for (at, place) in places.iter_mut().enumerate() {
            let angle = at as f32 * 2.4;
            *place = [place[0] + 0.3 * angle.cos(), place[1] + 0.3 * angle.sin()];
        }
        let pivots: Vec<u32> = pivots.iter().map(|&pivot| local[pivot as usize]).collect();
        for round in 0..ROUNDS {
            watch.reach([SHARES[1], SHARES[2]], round, ROUNDS)?;
            places = (0..nodes.len())
                .into_par_iter()
                .map(|at| self.fitting(nodes[at], at, &local, &pivots, &distances, &places))
                .collect();
        }
        // What runs first stands on the left.
        let middle = 0.5 * (nodes.len() as f32 - 1.0);
        let rightwards: f32 = places.iter().enumerate().map(|(at, place)| (at as f32 - middle) * place[0]).sum();
        let direction = STEP_UNITS * if rightwards < 0.0 { -1.0 } else { 1.0 };
        for place in &mut places {
            *place = [place[0] * direction, place[1] * STEP_UNITS];
        }
        Some(Component { nodes, places })
    }

    /// Pivots, each as far as can be from those before, and per pivot the distance of every node in steps.
    fn pivots(&self, nodes: &[u32], watch: Watch<'_>) -> Option<(Vec<u32>, Vec<Vec<f32>>)> {
        let mut nearest = vec![UNREACHED; nodes.len()];
        let mut pivots = Vec::new();
        let mut distances = Vec::new();
        let mut next = nodes[0];
        while pivots.len() < MOST_PIVOTS.min(nodes.len()) {
            watch.reach([SHARES[0], SHARES[1]], pivots.len(), MOST_PIVOTS)?;
            let away = self.distances(next);
            distances.push(nodes.iter().map(|&node| away[node as usize] as f32 / PARTS).collect());
            pivots.push(next);
            let mut furthest = (0, next);
            for (at, &node) in nodes.iter().enumerate() {
                nearest[at] = nearest[at].min(away[node as usize]);
                if nearest[at] > furthest.0 {
                    furthest = (nearest[at], node);
                }
            }
            if furthest.0 == 0 {
                break;
            }
            next = furthest.1;
        }
        Some((pivots, distances))
    }

    /// Where the distances of one node, that of `at`, fit best while all others stay.
    fn fitting(
        &self,
        node: u32,
        at: usize,
        local: &[u32],
        pivots: &[u32],
        distances: &[Vec<f32>],
        places: &[[f32; 2]],
    ) -> [f32; 2] {
        let here = places[at];
        let mut sum = [0.0; 2];
        let mut weights = 0.0;
        let mut want = |other: [f32; 2], distance: f32, weight: f32| {
            let between = [here[0] - other[0], here[1] - other[1]];
            let stretch = distance / between[0].hypot(between[1]).max(1e-6);
            for axis in 0..2 {
                sum[axis] += weight * (other[axis] + between[axis] * stretch);
            }
            weights += weight;
        };
        for &(other, parts) in self.of(node) {
            let distance = parts as f32 / PARTS;
            want(places[local[other as usize] as usize], distance, 1.0 / (distance * distance));
        }
        // A pivot speaks for the nodes around it.
        let voice = places.len() as f32 / pivots.len() as f32;
        for (&pivot, distances) in pivots.iter().zip(distances) {
            let distance = distances[at];
            if distance > 0.0 {
                want(places[pivot as usize], distance, voice.min(distance) / (distance * distance));
            }
        }
        if weights > 0.0 { sum.map(|along| along / weights) } else { here }
    }
}

/// Two coordinates per node that reproduce its squared distances to the pivots best, in steps.
fn by_pivots(distances: &[Vec<f32>], count: usize) -> Vec<[f32; 2]> {
    let pivots = distances.len();
    let squares: Vec<Vec<f64>> =
        distances.iter().map(|column| column.iter().map(|&d| f64::from(d) * f64::from(d)).collect()).collect();
    let column_means: Vec<f64> = squares.iter().map(|column| column.iter().sum::<f64>() / count as f64).collect();
    let mean = column_means.iter().sum::<f64>() / pivots as f64;
    let centred = |node: usize| -> Vec<f64> {
        let row_mean = squares.iter().map(|column| column[node]).sum::<f64>() / pivots as f64;
        (0..pivots).map(|p| -0.5 * (squares[p][node] - column_means[p] - row_mean + mean)).collect()
    };
    let rows: Vec<Vec<f64>> = (0..count).into_par_iter().map(centred).collect();
    let mut products = vec![vec![0.0; pivots]; pivots];
    for row in &rows {
        for (a, products) in products.iter_mut().enumerate() {
            for (b, product) in products.iter_mut().enumerate() {
                *product += row[a] * row[b];
            }
        }
    }
    let axes = main_axes(&products);
    let along = |row: &[f64], axis: &(f64, Vec<f64>)| {
        let projected: f64 = row.iter().zip(&axis.1).map(|(a, b)| a * b).sum();
        (projected / axis.0.max(1e-12).sqrt().sqrt()) as f32
    };
    let mut places: Vec<[f32; 2]> = rows.iter().map(|row| [along(row, &axes[0]), along(row, &axes[1])]).collect();
    // Few pivots say little of the scale of the whole: the distances to the first of them do.
    let first = distances[0].iter().position(|&d| d == 0.0).map_or([0.0; 2], |at| places[at]);
    let (mut drawn, mut wanted) = (0.0f64, 0.0f64);
    for (place, &distance) in places.iter().zip(&distances[0]) {
        drawn += f64::from((place[0] - first[0]).hypot(place[1] - first[1]));
        wanted += f64::from(distance);
    }
    let scale = if drawn > 1e-9 { (wanted / drawn) as f32 } else { 1.0 };
    for place in &mut places {
        *place = place.map(|along| if along.is_finite() { along * scale } else { 0.0 });
    }
    places
}

/// The two largest eigenvalues of a symmetric matrix and their vectors, by power iteration.
fn main_axes(matrix: &[Vec<f64>]) -> [(f64, Vec<f64>); 2] {
    const TURNS: usize = 100;
    let size = matrix.len();
    let mut found: Vec<(f64, Vec<f64>)> = Vec::new();
    for axis in 0..2 {
        let mut vector: Vec<f64> = (0..size).map(|at| 1.0 + ((at * 7 + axis * 3) % 5) as f64).collect();
        let mut value = 0.0;
        // What is left across a line is rounding, which would turn into the line again.
        let least = found.first().map_or(0.0, |(first, _)| 1e-9 * first) + 1e-12;
        for _ in 0..TURNS {
            let mut turned: Vec<f64> =
                matrix.iter().map(|row| row.iter().zip(&vector).map(|(a, b)| a * b).sum()).collect();
            for (_, known) in &found {
                let share: f64 = turned.iter().zip(known).map(|(a, b)| a * b).sum();
                turned.iter_mut().zip(known).for_each(|(a, b)| *a -= share * b);
            }
            value = turned.iter().map(|v| v * v).sum::<f64>().sqrt();
            if value < least {
                vector = vec![0.0; size];
                break;
            }
            vector = turned.into_iter().map(|v| v / value).collect();
        }
        found.push((value, vector));
    }
    let second = found.pop().unwrap_or_default();
    let first = found.pop().unwrap_or_default();
    [first, second]
}

/// Puts the components into rows, the largest above, none over another.
fn pack(components: &mut [Component], graph: &LayoutGraph, positions: &mut [[f32; 2]]) {
    struct Extent {
        low: [f32; 2],
        size: [f32; 2],
    }
    components.sort_by_key(|component| Reverse(component.nodes.len()));
    let extent = |component: &Component| {
        let mut low = [f32::INFINITY; 2];
        let mut high = [f32::NEG_INFINITY; 2];
        for (&node, place) in component.nodes.iter().zip(&component.places) {
            let radius = graph.radius_units(node as usize);
            for axis in 0..2 {
                low[axis] = low[axis].min(place[axis] - radius);
                high[axis] = high[axis].max(place[axis] + radius);
            }
        }
        Extent { low, size: [high[0] - low[0], high[1] - low[1]] }
    };
    let extents: Vec<Extent> = components.iter().map(extent).collect();
    let area: f32 = extents.iter().map(|e| (e.size[0] + COMPONENT_GAP) * (e.size[1] + COMPONENT_GAP)).sum();
    let widest = extents.iter().map(|e| e.size[0]).fold((area * ASPECT).sqrt(), f32::max);
    let mut corner = [0.0f32; 2];
    let mut row_height = 0.0f32;
    for (component, extent) in components.iter().zip(&extents) {
        if corner[0] > 0.0 && corner[0] + extent.size[0] > widest {
            corner = [0.0, corner[1] + row_height + COMPONENT_GAP];
            row_height = 0.0;
        }
        for (&node, place) in component.nodes.iter().zip(&component.places) {
            positions[node as usize] = [0, 1].map(|axis| corner[axis] + place[axis] - extent.low[axis]);
        }
        corner[0] += extent.size[0] + COMPONENT_GAP;
        row_height = row_height.max(extent.size[1]);
    }
}
