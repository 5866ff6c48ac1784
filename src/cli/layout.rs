//! `layout RUN`: where the nodes of a graph come to lie.

use std::fmt::Write;
use std::sync::atomic::AtomicBool;

use serde::Serialize;

use super::args::{LayoutArgs, LayoutEngineArg};
use super::{CliError, engine, graph_of, open, print_json, print_text};
use crate::analysis::layout::{prepare, run_cpu};
use crate::analysis::layout_fdg::{MOST_NODES as FDG_MOST_NODES, run_fdg};
use crate::analysis::layout_graph::{Unfolded, layout_graph, unfold_experts};
use crate::gpu::layout::run_gpu;
use crate::kernel_io::layout::{LayoutGraph, LayoutParams, LayoutResult};
use crate::trace::Graph;
use crate::units;

#[derive(Serialize)]
struct Layout {
    nodes: Vec<Node>,
    edges: Vec<[u32; 2]>,
    iterations: u32,
    ms_per_iteration: f64,
    engine: &'static str,
    adapter: Option<String>,
}

#[derive(Serialize)]
struct Node {
    id: String,
    name: String,
    x: f32,
    y: f32,
}

pub fn run(args: &LayoutArgs) -> Result<(), CliError> {
    let trace = open(&args.run)?;
    let graph = graph_of(&trace, &args.run, args.graph)?;
    let unfolded = if args.expand_experts {
        unfold_experts(&trace, graph).map_err(|e| CliError::Failed(format!("{}: {e}", args.run.display())))?
    } else {
        let origin = (0..graph.nodes.len() as u32).map(|node| (node, None)).collect();
        Unfolded { layout: layout_graph(graph), origin }
    };
    let count = unfolded.origin.len();
    if args.engine == Some(LayoutEngineArg::Fdg) && count > FDG_MOST_NODES {
        return Err(CliError::Failed(format!(
            "{}: fdg-sim is for graphs of up to {} nodes and this one has {}; use --engine gpu or --engine cpu",
            args.run.display(),
            units::count(FDG_MOST_NODES as u64),
            units::count(count as u64),
        )));
    }
    let params = LayoutParams { seed: args.seed, iterations: args.iterations, arrangement: args.arrangement.into() };
    let (result, engine, adapter) = compute(args.engine, &unfolded.layout, params)?;
    let layout = Layout {
        nodes: nodes(graph, &unfolded.origin, &result),
        edges: unfolded.layout.edges,
        iterations: result.iterations,
        ms_per_iteration: result.ms_per_iteration,
        engine,
        adapter,
    };
    if args.json { print_json(&layout) } else { print_text(&text(&layout)) }
}

/// The positions, the engine's name and its adapter.
fn compute(
    choice: Option<LayoutEngineArg>,
    graph: &LayoutGraph,
    params: LayoutParams,
) -> Result<(LayoutResult, &'static str, Option<String>), CliError> {
    let never = AtomicBool::new(false);
    if choice == Some(LayoutEngineArg::Fdg) {
        return Ok((run_fdg(graph, params, &never), "fdg", None));
    }
    if let Some(gpu) = engine::adapter(choice.map(|c| c == LayoutEngineArg::Gpu))? {
        match run_gpu(&gpu, prepare(graph, params), &never).map_err(CliError::from) {
            Ok(result) => return Ok((result, "gpu", Some(gpu.adapter_name()))),
            Err(error) if choice.is_none() && engine::cpu_can(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok((run_cpu(graph, params, &never), "cpu", None))
}

fn nodes(graph: &Graph, origin: &[(u32, Option<u32>)], result: &LayoutResult) -> Vec<Node> {
    let with_slice = |text: &str, expert: Option<u32>| match expert {
        None => text.to_owned(),
        Some(expert) => format!("{text}[{expert}]"),
    };
    origin
        .iter()
        .zip(&result.positions)
        .map(|(&(node, expert), &[x, y])| {
            let node = &graph.nodes[node as usize];
            Node { id: with_slice(&node.id, expert), name: with_slice(&node.name, expert), x, y }
        })
        .collect()
}

fn text(layout: &Layout) -> String {
    let mut out = String::new();
    for node in &layout.nodes {
        let _ = writeln!(out, "{:>10.2} {:>10.2}  {}", node.x, node.y, node.name);
    }
    let by = layout.adapter.as_ref().map_or_else(|| layout.engine.to_owned(), |a| format!("{} ({a})", layout.engine));
    let _ = writeln!(
        out,
        "{} nodes, {} edges; {} iterations of {:.3} ms by {by}",
        layout.nodes.len(),
        layout.edges.len(),
        layout.iterations,
        layout.ms_per_iteration,
    );
    out
}
