//! The structural start, the force layout on CPU and GPU, and fdg-sim: on model-like and on hostile graphs.

use std::mem::{offset_of, size_of};
use std::sync::atomic::AtomicBool;

use proptest::prelude::*;
use tensorscope::analysis::layout::{LayoutCpu, energy, prepare, run_cpu, worst_overlap};
use tensorscope::analysis::layout_fdg::{LayoutFdg, run_fdg};
use tensorscope::analysis::layout_start::start_positions;
use tensorscope::gpu::layout::{LayoutGpu, WORKGROUP, run_gpu, workgroups};
use tensorscope::gpu::{Gpu, shaders};
use tensorscope::kernel_io::layout::{
    Anchor, Arrangement, DEFAULT_ITERATIONS, LayoutGraph, LayoutParams, LayoutProblem, LayoutStep, NO_LAYER, Spring,
};

use crate::wgsl::struct_members;

static NEVER: AtomicBool = AtomicBool::new(false);

/// Builds graphs op by op, in execution order.
#[derive(Default)]
pub struct GraphBuilder {
    pub graph: LayoutGraph,
}

impl GraphBuilder {
    fn node(&mut self, layer: u32, order: u32, leaf: bool) -> u32 {
        let graph = &mut self.graph;
        graph.layer.push(layer);
        graph.order.push(order);
        graph.leaf.push(leaf);
        graph.radius.push(if leaf { 0.7 } else { 1.0 });
        graph.layer.len() as u32 - 1
    }

    pub fn leaf(&mut self, layer: u32, reader_order: u32) -> u32 {
        self.node(layer, reader_order, true)
    }

    /// An op on `operands`, with `weights` leafs of its own.
    pub fn op(&mut self, layer: u32, operands: &[u32], weights: usize) -> u32 {
        let order = self.graph.layer.len() as u32 + weights as u32;
        let leafs: Vec<u32> = (0..weights).map(|_| self.leaf(layer, order)).collect();
        let op = self.node(layer, order, false);
        self.graph.edges.extend(operands.iter().chain(&leafs).map(|&operand| [operand, op]));
        op
    }
}

/// A transformer: residual stream, attention with q, k and v, feed-forward with `experts` slices a matrix.
pub fn transformer(layers: u32, experts: usize) -> LayoutGraph {
    let mut build = GraphBuilder::default();
    let positions = build.leaf(NO_LAYER, 3);
    let mut stream = build.op(NO_LAYER, &[], 2);
    for layer in 0..layers {
        let norm = build.op(layer, &[stream], 1);
        let rope: Vec<u32> = (0..2)
            .map(|_| {
                let projected = build.op(layer, &[norm], 1);
                build.op(layer, &[projected, positions], 0)
            })
            .collect();
        let value = build.op(layer, &[norm], 1);
        let attention = build.op(layer, &[rope[0], rope[1], value], 0);
        let projected = build.op(layer, &[attention], 1);
        stream = build.op(layer, &[projected, stream], 0);
        let norm = build.op(layer, &[stream], 1);
        let gate = build.op(layer, &[norm], experts);
        let up = build.op(layer, &[norm], experts);
        let glu = build.op(layer, &[gate, up], 0);
        let down = build.op(layer, &[glu], experts);
        stream = build.op(layer, &[down, stream], 0);
    }
    let norm = build.op(NO_LAYER, &[stream], 1);
    build.op(NO_LAYER, &[norm], 1);
    build.graph
}

fn plain(nodes: u32, edges: Vec<[u32; 2]>) -> LayoutGraph {
    LayoutGraph {
        edges,
        layer: vec![NO_LAYER; nodes as usize],
        order: (0..nodes).collect(),
        leaf: vec![false; nodes as usize],
        radius: vec![1.0; nodes as usize],
    }
}

/// Shapes that break layouts: each by name.
fn hostile() -> Vec<(&'static str, LayoutGraph)> {
    let ring = |n: u32| (0..n).map(|i| [i, (i + 1) % n]).collect::<Vec<_>>();
    let mut unequal = plain(60, ring(60));
    unequal.radius = (0..60).map(|i| [f32::NAN, -3.0, 1e9, 0.0, 2.5][i % 5]).collect();
    let mut short_columns = plain(20, ring(20));
    short_columns.order.truncate(3);
    short_columns.leaf.clear();
    short_columns.radius.truncate(1);
    let mut all_leafs = plain(50, vec![]);
    all_leafs.leaf = vec![true; 50];
    let mut odd_layers = plain(90, (0..89).map(|i| [i, i + 1]).collect());
    odd_layers.layer = (0..90).map(|i| (i * 2_654_435) % 7 * 600_000_000).collect();
    let mut one_order = plain(80, (0..79).map(|i| [i + 1, i]).collect());
    one_order.order = vec![0; 80];
    let mut one_layer = plain(1500, (0..1499).map(|i| [i, i + 1]).collect());
    one_layer.layer = vec![3; 1500];
    vec![
        ("no node", plain(0, vec![])),
        ("edges without nodes", plain(0, vec![[0, 1]])),
        ("one node", plain(1, vec![])),
        ("a self-loop", plain(1, vec![[0, 0]])),
        ("no edges", plain(300, vec![])),
        ("star", plain(1200, (1..1200).map(|i| [0, i]).collect())),
        ("sink", plain(1200, (1..1200).map(|i| [i, 0]).collect())),
        ("chain", plain(1000, (0..999).map(|i| [i, i + 1]).collect())),
        ("ring", plain(200, ring(200))),
        ("parallel edges", plain(2, vec![[0, 1]; 500])),
        ("edges to nowhere", plain(5, vec![[0, 9], [u32::MAX, 1], [3, 4]])),
        ("islands", plain(400, (0..200).map(|i| [2 * i, 2 * i + 1]).collect())),
        ("complete", plain(40, (0..40).flat_map(|i| (0..40).map(move |j| [i, j])).collect())),
        ("unequal radii", unequal),
        ("short columns", short_columns),
        ("only leafs", all_leafs),
        ("odd layers", odd_layers),
        ("one order", one_order),
        ("one layer", one_layer),
    ]
}

fn finite(positions: &[[f32; 2]]) -> bool {
    positions.iter().flatten().all(|c| c.is_finite())
}

fn extent(positions: &[[f32; 2]], axis: usize) -> f32 {
    let along = || positions.iter().map(|p| p[axis]);
    along().fold(f32::NEG_INFINITY, f32::max) - along().fold(f32::INFINITY, f32::min)
}

#[test]
fn a_transformer_starts_as_rows_of_layers_in_a_wide_rectangle() {
    for layers in [22, 48, 80] {
        let graph = transformer(layers, 1);
        let start = start_positions(&graph);
        let aspect = extent(&start, 0) / extent(&start, 1);
        assert!((1.1..2.3).contains(&aspect), "{layers} layers: {aspect}");
        // Layers are blocks: no two of them share a place.
        let box_of = |layer: u32| {
            let members = || (0..start.len()).filter(|&n| graph.layer[n] == layer).map(|n| start[n]);
            let low = members().fold([f32::INFINITY; 2], |a, p| [a[0].min(p[0]), a[1].min(p[1])]);
            let high = members().fold([f32::NEG_INFINITY; 2], |a, p| [a[0].max(p[0]), a[1].max(p[1])]);
            (low, high)
        };
        for a in 0..layers {
            for b in 0..a {
                let ((low_a, high_a), (low_b, high_b)) = (box_of(a), box_of(b));
                let apart = (0..2).any(|axis| high_a[axis] < low_b[axis] || high_b[axis] < low_a[axis]);
                assert!(apart, "layers {a} and {b} overlap");
            }
        }
    }
}

#[test]
fn operands_start_before_their_consumers_in_the_reading_direction() {
    let graph = transformer(1, 1);
    let start = start_positions(&graph);
    let ops = graph.edges.iter().filter(|e| e.iter().all(|&n| !graph.leaf[n as usize]));
    for &[from, to] in ops {
        assert!(start[from as usize][0] < start[to as usize][0], "{from} -> {to}");
    }
    // Weights hang under the op that reads them.
    for &[leaf, reader] in graph.edges.iter().filter(|e| graph.leaf[e[0] as usize] && graph.layer[e[0] as usize] == 0) {
        let (leaf, reader) = (start[leaf as usize], start[reader as usize]);
        assert!(leaf[1] > reader[1] && (leaf[0] - reader[0]).abs() < 1.0 && leaf[1] - reader[1] < 4.0);
    }
}

#[test]
fn the_residual_stream_starts_as_a_straight_line_and_shared_inputs_stand_above() {
    let graph = transformer(3, 1);
    let start = start_positions(&graph);
    let is_op = |node: u32| !graph.leaf[node as usize];
    let readers = |node: usize| graph.edges.iter().filter(|e| e[0] as usize == node).count();
    let operands = |node: usize| graph.edges.iter().filter(|e| e[1] as usize == node && is_op(e[0])).count();
    let positions_leaf = 0;
    assert!((1..start.len()).all(|node| start[node][1] > start[positions_leaf][1]));
    let top_of_layer = |layer| {
        (0..start.len()).filter(|&n| graph.layer[n] == layer).map(|n| start[n][1]).fold(f32::INFINITY, f32::min)
    };
    for layer in 0..3 {
        // The additions: two operands, and a result that both the next norm and the next addition read.
        let additions: Vec<usize> =
            (0..start.len()).filter(|&n| graph.layer[n] == layer && readers(n) == 2 && operands(n) == 2).collect();
        assert_eq!(additions.len(), if layer < 2 { 2 } else { 1 });
        for node in additions {
            assert_eq!(start[node][1], top_of_layer(layer), "node {node} of layer {layer}");
        }
    }
}

#[test]
fn nothing_overlaps_at_the_start() {
    let graphs = hostile().into_iter().chain([("transformer", transformer(30, 1)), ("experts", transformer(6, 64))]);
    for (name, graph) in graphs {
        let problem = LayoutProblem::new(&graph, &start_positions(&graph), LayoutParams::default());
        let start = problem.start();
        assert!(finite(&start), "{name}");
        assert!(worst_overlap(&problem, &start) < 0.0, "{name}: {}", worst_overlap(&problem, &start));
    }
}

#[test]
fn hostile_graphs_come_to_rest_without_overlap_on_cpu_and_gpu() {
    let gpu = Gpu::headless().expect("an adapter");
    for (name, graph) in hostile() {
        let problem = prepare(&graph, LayoutParams { seed: 7, iterations: None, ..LayoutParams::default() });
        let cpu = run_cpu(&graph, LayoutParams { seed: 7, iterations: None, ..LayoutParams::default() }, &NEVER);
        let on_gpu = run_gpu(&gpu, problem.clone(), &NEVER).expect("a layout");
        for (engine, result) in [("cpu", cpu), ("gpu", on_gpu)] {
            assert_eq!(result.iterations, DEFAULT_ITERATIONS, "{name} on {engine}");
            assert_eq!(result.positions.len(), graph.node_count(), "{name} on {engine}");
            assert!(finite(&result.positions), "{name} on {engine}");
            let overlap = worst_overlap(&problem, &result.positions);
            assert!(overlap <= 0.0, "{name} on {engine}: {overlap}");
        }
    }
}

#[test]
fn relaxing_lowers_the_energy_and_keeps_the_picture() {
    let graph = transformer(22, 1);
    let problem = prepare(&graph, LayoutParams::default());
    let mut layout = LayoutCpu::new(problem.clone());
    let before = energy(&problem, &layout.positions);
    let mut last = before;
    while !layout.at_rest() {
        for _ in 0..DEFAULT_ITERATIONS / 10 {
            layout.step();
        }
        let now = energy(&problem, &layout.positions);
        assert!(now <= last * 1.01, "{last} -> {now}");
        last = now;
    }
    assert!(last < 0.99 * before, "{before} -> {last}");
    let aspect = extent(&layout.positions, 0) / extent(&layout.positions, 1);
    assert!((1.1..2.3).contains(&aspect));
}

#[test]
fn nodes_thrown_together_part_again() {
    let graph = transformer(4, 2);
    let problem = prepare(&graph, LayoutParams::default());
    let heap = vec![[3.0, 4.0]; graph.node_count()];
    let mut cpu = LayoutCpu::new(problem.clone());
    cpu.set_positions(&heap);
    let gpu = Gpu::headless().expect("an adapter");
    let mut on_gpu = LayoutGpu::new(&gpu, problem.clone()).expect("a layout");
    on_gpu.set_positions(&gpu, &heap);
    let before = energy(&problem, &heap);
    while !cpu.at_rest() {
        cpu.step();
    }
    on_gpu.step(&gpu, u32::MAX);
    assert!(on_gpu.at_rest());
    for positions in [cpu.positions, on_gpu.read_positions(&gpu).expect("positions")] {
        assert!(finite(&positions));
        assert!(worst_overlap(&problem, &positions) <= 0.0, "{}", worst_overlap(&problem, &positions));
        assert!(energy(&problem, &positions) < 0.1 * before);
    }
}

#[test]
fn the_kernels_follow_their_twin_step_by_step() {
    let gpu = Gpu::headless().expect("an adapter");
    let graphs = [
        ("transformer", transformer(8, 3)),
        ("star", plain(600, (1..600).map(|i| [0, i]).collect())),
        ("complete", plain(40, (0..40).flat_map(|i| (0..40).map(move |j| [i, j])).collect())),
    ];
    for (name, graph) in graphs {
        let problem = prepare(&graph, LayoutParams { seed: 3, iterations: Some(40), ..LayoutParams::default() });
        let mut cpu = LayoutCpu::new(problem.clone());
        let mut on_gpu = LayoutGpu::new(&gpu, problem.clone()).expect("a layout");
        // From a squeezed start, so that springs, repulsion and collision all have work.
        let squeezed: Vec<[f32; 2]> = problem.start().iter().map(|p| p.map(|c| 0.5 * c)).collect();
        cpu.set_positions(&squeezed);
        on_gpu.set_positions(&gpu, &squeezed);
        for step in 0..6 {
            cpu.step();
            on_gpu.step(&gpu, 1);
            let positions = on_gpu.read_positions(&gpu).expect("positions");
            for (node, (a, b)) in cpu.positions.iter().zip(&positions).enumerate() {
                let off = (a[0] - b[0]).abs().max((a[1] - b[1]).abs());
                assert!(off < 2e-3, "{name}, step {step}, node {node}: {a:?} {b:?}");
            }
        }
        let moved = squeezed.iter().zip(&cpu.positions).map(|(a, b)| (a[0] - b[0]).hypot(a[1] - b[1]));
        assert!(moved.fold(0.0, f32::max) > 0.5, "{name} should have moved");
    }
}

#[test]
fn pinned_nodes_stay_where_they_are_and_the_rest_makes_room_on_every_engine() {
    let gpu = Gpu::headless().expect("an adapter");
    let graph = transformer(4, 2);
    let problem = prepare(&graph, LayoutParams::default());
    let mut cpu = LayoutCpu::new(problem.clone());
    let mut on_gpu = LayoutGpu::new(&gpu, problem.clone()).expect("a layout");
    let mut fdg = LayoutFdg::new(&graph, problem.start(), Some(30));
    while !cpu.at_rest() {
        cpu.step();
    }
    on_gpu.step(&gpu, u32::MAX);
    // One onto another node, one far beyond everything.
    let onto = cpu.positions[20];
    let pins = [(7, Some(onto)), (11, Some([900.0, -700.0]))];
    cpu.pin(&pins);
    on_gpu.pin(&gpu, &pins);
    fdg.pin(&pins);
    assert!(!cpu.at_rest() && !on_gpu.at_rest(), "it settles anew");
    for step in 0..8 {
        cpu.step();
        on_gpu.step(&gpu, 1);
        for (node, (a, b)) in cpu.positions.iter().zip(&on_gpu.read_positions(&gpu).expect("positions")).enumerate() {
            let off = (a[0] - b[0]).abs().max((a[1] - b[1]).abs());
            assert!(off < 2e-3, "step {step}, node {node}: {a:?} {b:?}");
        }
    }
    while !cpu.at_rest() {
        cpu.step();
    }
    on_gpu.step(&gpu, u32::MAX);
    while !fdg.at_rest() {
        fdg.step();
    }
    for positions in [&cpu.positions, &on_gpu.read_positions(&gpu).expect("positions"), &fdg.positions()] {
        assert_eq!((positions[7], positions[11]), (onto, [900.0, -700.0]));
        assert!(positions[20] != onto, "what was there has moved away");
        assert!(finite(positions));
    }
    assert!(worst_overlap(&cpu.problem, &cpu.positions) <= 0.0);

    // Let go, both are drawn back to where the structure wants them.
    cpu.pin(&[(7, None), (11, None)]);
    on_gpu.pin(&gpu, &[(7, None), (11, None)]);
    while !cpu.at_rest() {
        cpu.step();
    }
    on_gpu.step(&gpu, u32::MAX);
    for positions in [&cpu.positions, &on_gpu.read_positions(&gpu).expect("positions")] {
        assert!(positions[11][0] < 900.0 && positions[7] != onto);
    }
    assert_eq!(cpu.problem.start(), problem.start());
}

#[test]
fn positions_come_back_without_waiting() {
    let gpu = Gpu::headless().expect("an adapter");
    let problem = prepare(&transformer(3, 1), LayoutParams::default());
    let mut layout = LayoutGpu::new(&gpu, problem).expect("a layout");
    assert_eq!(layout.positions().answer(&gpu).expect("no fault"), None, "nobody asked");
    layout.step(&gpu, 5);
    layout.positions().ask(&gpu);
    let then = layout.read_positions(&gpu).expect("positions");
    layout.step(&gpu, 50);
    gpu.wait().expect("done");
    assert_eq!(layout.positions().answer(&gpu).expect("no fault"), Some(then));
    assert!(!layout.positions().is_asked());
}

#[test]
fn the_same_seed_gives_the_same_bits_and_another_seed_does_not() {
    let gpu = Gpu::headless().expect("an adapter");
    let graph = transformer(10, 4);
    let run = |seed| {
        let params = LayoutParams { seed, iterations: Some(60), ..LayoutParams::default() };
        let on_gpu = run_gpu(&gpu, prepare(&graph, params), &NEVER).expect("a layout").positions;
        [on_gpu, run_cpu(&graph, params, &NEVER).positions, run_fdg(&graph, params, &NEVER).positions]
    };
    let (first, again, other) = (run(1), run(1), run(2));
    for engine in 0..3 {
        assert_eq!(bytemuck::cast_slice::<_, u32>(&first[engine]), bytemuck::cast_slice::<_, u32>(&again[engine]));
        assert_ne!(first[engine], other[engine], "engine {engine}");
    }
}

const BY_DISTANCES: LayoutParams = LayoutParams { seed: 7, iterations: None, arrangement: Arrangement::Distances };

#[test]
fn hostile_graphs_rest_by_distances_without_overlap_too() {
    for (name, graph) in hostile() {
        let problem = prepare(&graph, BY_DISTANCES);
        assert!(worst_overlap(&problem, &problem.start()) < 0.0, "{name} starts with an overlap");
        let rest = run_cpu(&graph, BY_DISTANCES, &NEVER).positions;
        assert!(finite(&rest), "{name}");
        let overlap = worst_overlap(&problem, &rest);
        assert!(overlap <= 0.0, "{name}: {overlap}");
    }
}

#[test]
fn by_distances_a_chain_is_a_line_and_islands_lie_side_by_side() {
    let chain = run_cpu(&plain(60, (0..59).map(|i| [i, i + 1]).collect()), BY_DISTANCES, &NEVER).positions;
    assert!(chain.windows(2).all(|pair| pair[0][0] < pair[1][0]), "in order, from left to right");
    let (length, width) = (extent(&chain, 0), extent(&chain, 1));
    assert!((150.0..210.0).contains(&length) && width < 0.1 * length, "{length} x {width}");

    let islands = run_cpu(&plain(40, (0..20).map(|i| [2 * i, 2 * i + 1]).collect()), BY_DISTANCES, &NEVER).positions;
    let between = |a: usize, b: usize| (islands[a][0] - islands[b][0]).hypot(islands[a][1] - islands[b][1]);
    for island in 0..20 {
        for other in 0..island {
            assert!(between(2 * island, 2 * other) > between(2 * island, 2 * island + 1));
        }
    }
}

/// How far drawn lengths are from distances along the edges of a graph: 0 if all fit, at one scale.
fn stress(graph: &LayoutGraph, positions: &[[f32; 2]], left_out: u32) -> f32 {
    let mut near = vec![Vec::new(); positions.len()];
    for &[a, b] in graph.edges.iter().filter(|edge| !edge.contains(&left_out)) {
        near[a as usize].push(b);
        near[b as usize].push(a);
    }
    let mut ratios = Vec::new();
    for source in (1..positions.len()).step_by(7) {
        let mut away = vec![u32::MAX; positions.len()];
        away[source] = 0;
        let mut queue = std::collections::VecDeque::from([source as u32]);
        while let Some(at) = queue.pop_front() {
            for &next in &near[at as usize] {
                if away[next as usize] == u32::MAX {
                    away[next as usize] = away[at as usize] + 1;
                    queue.push_back(next);
                }
            }
        }
        for (node, &steps) in away.iter().enumerate().filter(|&(_, &steps)| (1..u32::MAX).contains(&steps)) {
            let length = (positions[node][0] - positions[source][0]).hypot(positions[node][1] - positions[source][1]);
            ratios.push(length / steps as f32);
        }
    }
    let scale = ratios.iter().sum::<f32>() / ratios.iter().map(|r| r * r).sum::<f32>();
    ratios.iter().map(|r| (scale * r - 1.0).powi(2)).sum::<f32>() / ratios.len() as f32
}

#[test]
fn lengths_in_a_model_arranged_by_distances_are_those_of_its_edges() {
    let graph = transformer(30, 1);
    let rest = run_cpu(&graph, BY_DISTANCES, &NEVER).positions;
    let rows = run_cpu(&graph, LayoutParams::default(), &NEVER).positions;
    // The positions, which all layers read, would make everything near to everything.
    let (by_distances, by_rows) = (stress(&graph, &rest, 0), stress(&graph, &rows, 0));
    assert!(by_distances < 0.06, "{by_distances}");
    assert!(by_rows > 3.0 * by_distances, "{by_rows}");
    // What is shared stands above all that reads it.
    assert!((1..rest.len()).all(|node| rest[node][1] > rest[0][1]));
}

#[test]
fn iterations_and_cancel_are_obeyed() {
    let gpu = Gpu::headless().expect("an adapter");
    let graph = transformer(3, 1);
    let cancelled = AtomicBool::new(true);
    for iterations in [0, 1, 17, 301] {
        let params = LayoutParams { seed: 0, iterations: Some(iterations), ..LayoutParams::default() };
        assert_eq!(run_cpu(&graph, params, &NEVER).iterations, iterations);
        assert_eq!(run_fdg(&graph, params, &NEVER).iterations, iterations);
        assert_eq!(run_gpu(&gpu, prepare(&graph, params), &NEVER).expect("a layout").iterations, iterations);
        let stopped = run_gpu(&gpu, prepare(&graph, params), &cancelled).expect("a layout");
        assert_eq!((stopped.iterations, stopped.positions), (0, prepare(&graph, params).start()));
        assert_eq!(run_cpu(&graph, params, &cancelled).iterations, 0);
        assert_eq!(run_fdg(&graph, params, &cancelled).iterations, 0);
    }
}

#[test]
fn fdg_lays_out_small_and_hostile_graphs() {
    for (name, graph) in hostile() {
        let result = run_fdg(&graph, LayoutParams { seed: 1, iterations: Some(5), ..LayoutParams::default() }, &NEVER);
        assert_eq!(result.positions.len(), graph.node_count(), "{name}");
        assert!(finite(&result.positions), "{name}");
    }
    // A chain comes to lie stretched out, with edges of about the length at which pull and push are equal.
    let chain = run_fdg(&plain(3, vec![[0, 1], [1, 2]]), LayoutParams::default(), &NEVER).positions;
    let distance = |a: usize, b: usize| (chain[a][0] - chain[b][0]).hypot(chain[a][1] - chain[b][1]);
    assert!((2.5..4.0).contains(&distance(0, 1)) && (2.5..4.0).contains(&distance(1, 2)), "{chain:?}");
    assert!(distance(0, 2) > 1.9 * distance(0, 1), "{chain:?}");
}

#[test]
fn more_edges_than_one_dispatch_row_holds_all_pull() {
    assert_eq!(workgroups(0), [1, 1]);
    assert_eq!(workgroups(65_535 * WORKGROUP as usize), [65_535, 1]);
    let edge_count = 65_535 * WORKGROUP as usize + 1000;
    let [x, y] = workgroups(edge_count);
    assert!(x <= 65_535 && y == 2 && x as usize * y as usize * WORKGROUP as usize >= edge_count);

    // A thousand edges before the fold pull one pair of nodes, a thousand behind it another.
    let mut edges = vec![[0, 1]; 1000];
    edges.resize(edge_count - 1000, [2, 3]);
    edges.resize(edge_count, [4, 5]);
    let start: Vec<[f32; 2]> = (0..6).map(|node| [20.0 * (node % 2) as f32, 30.0 * (node / 2) as f32]).collect();
    let problem = LayoutProblem::new(
        &plain(6, edges),
        &start,
        LayoutParams { seed: 0, iterations: Some(1), ..LayoutParams::default() },
    );
    let gpu = Gpu::headless().expect("an adapter");
    let mut layout = LayoutGpu::new(&gpu, problem).expect("a layout");
    layout.step(&gpu, 1);
    let after = layout.read_positions(&gpu).expect("positions");
    for pair in [0, 4] {
        let shrunk = (start[pair + 1][0] - start[pair][0]) - (after[pair + 1][0] - after[pair][0]);
        assert!((shrunk - 1.6).abs() < 0.1, "pair {pair}: {shrunk}");
    }
}

#[test]
fn rust_and_wgsl_agree_on_the_layout_structs() {
    macro_rules! mirror {
        ($rust:ty, $wgsl:literal, [$($field:ident = $name:literal),*]) => {
            let (members, span) = struct_members(shaders::GRAPH_FORCES, $wgsl);
            let ours = vec![$(($name.to_owned(), offset_of!($rust, $field) as u32)),*];
            assert_eq!(members, ours, $wgsl);
            assert_eq!(span as usize, size_of::<$rust>(), $wgsl);
        };
    }
    mirror!(
        LayoutStep,
        "LayoutStep",
        [
            domain_min = "domain_min",
            domain_max = "domain_max",
            node_count = "node_count",
            edge_count = "edge_count",
            grid_columns = "grid_columns",
            grid_rows = "grid_rows",
            cell_units = "cell_units",
            fixed_scale = "fixed_scale",
            alpha = "alpha",
            seed = "seed",
            spring = "spring",
            spring_cap = "spring_cap",
            repel = "repel",
            repel_reach = "repel_reach",
            anchor = "anchor",
            collision_margin = "collision_margin",
            max_move = "max_move",
            _padding = "padding"
        ]
    );
    mirror!(Spring, "Spring", [a = "a", b = "b", weight = "weight", rest = "rest"]);
    mirror!(Anchor, "Anchor", [home = "home", radius = "radius", pinned = "pinned"]);
    assert!(shaders::GRAPH_FORCES.contains(&format!("const WORKGROUP: u32 = {WORKGROUP}u;")));
    assert_eq!(shaders::GRAPH_FORCES.matches(&format!("@workgroup_size({WORKGROUP})")).count(), 3);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..Default::default() })]

    #[test]
    fn any_graph_rests_without_overlap(
        nodes in 1u32..120,
        raw_edges in prop::collection::vec([0u32..140, 0u32..140], 0..300),
        layers in prop::collection::vec(prop_oneof![Just(NO_LAYER), 0u32..6], 120),
        orders in prop::collection::vec(0u32..60, 120),
        leafs in prop::collection::vec(any::<bool>(), 120),
        radii in prop::collection::vec(0.2f32..3.0, 120),
        seed in any::<u64>(),
    ) {
        let take = nodes as usize;
        let graph = LayoutGraph {
            edges: raw_edges,
            layer: layers[..take].to_vec(),
            order: orders[..take].to_vec(),
            leaf: leafs[..take].to_vec(),
            radius: radii[..take].to_vec(),
        };
        let arrangement = if seed % 2 == 0 { Arrangement::Rows } else { Arrangement::Distances };
        let params = LayoutParams { seed, iterations: None, arrangement };
        let problem = prepare(&graph, params);
        prop_assert!(worst_overlap(&problem, &problem.start()) < 0.0);
        let result = run_cpu(&graph, params, &NEVER);
        prop_assert!(finite(&result.positions));
        let overlap = worst_overlap(&problem, &result.positions);
        prop_assert!(overlap <= 0.0, "{}", overlap);
        prop_assert!(energy(&problem, &result.positions) <= energy(&problem, &problem.start()) * 1.001 + 1.0);
    }
}
