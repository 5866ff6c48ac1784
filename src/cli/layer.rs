//! `layer RUN N`: the self-contained subgraph of a layer.

use std::fmt::Write;

use serde::Serialize;

use super::args::LayerArgs;
use super::{CliError, graph_of, open, print_json, print_text};
use crate::trace::{Category, Graph, LayerView};

#[derive(Serialize)]
struct Layer<'a> {
    layer: u32,
    nodes: Vec<Node<'a>>,
    edges: Vec<Edge<'a>>,
}

#[derive(Serialize)]
struct Node<'a> {
    id: &'a str,
    name: &'a str,
    label: &'a str,
    op: &'a str,
    layer: Option<u32>,
    category: Category,
}

#[derive(Serialize)]
struct Edge<'a> {
    source: &'a str,
    target: &'a str,
    slot: u32,
    cross_layer: bool,
}

pub fn run(args: &LayerArgs) -> Result<(), CliError> {
    let trace = open(&args.run)?;
    let graph = graph_of(&trace, &args.run, args.graph)?;
    let view = graph.layer_view(args.layer).ok_or_else(|| {
        CliError::Failed(match graph.layers() {
            0 => format!("{}: graph {} has no layers", args.run.display(), args.graph),
            n => format!(
                "{}: graph {} has no layer {}; its layers are 0 to {}",
                args.run.display(),
                args.graph,
                args.layer,
                n - 1
            ),
        })
    })?;
    let layer = describe(graph, &view, args.layer);
    if args.json { print_json(&layer) } else { print_text(&text(&layer)) }
}

fn describe<'a>(graph: &'a Graph, view: &LayerView, layer: u32) -> Layer<'a> {
    let node = |&(index, category): &(u32, Category)| {
        let node = &graph.nodes[index as usize];
        Node { id: &node.id, name: &node.name, label: &node.label, op: &node.operation, layer: node.layer, category }
    };
    let edge = |&(index, cross_layer): &(u32, bool)| {
        let edge = &graph.edges[index as usize];
        let id = |node: u32| graph.nodes[node as usize].id.as_str();
        Edge { source: id(edge.source), target: id(edge.target), slot: edge.slot, cross_layer }
    };
    Layer { layer, nodes: view.nodes.iter().map(node).collect(), edges: view.edges.iter().map(edge).collect() }
}

fn text(layer: &Layer<'_>) -> String {
    let mut out = String::new();
    for category in Category::ALL {
        let of = || layer.nodes.iter().filter(|n| n.category == category);
        let _ = writeln!(out, "{} ({})", category.label(), of().count());
        for node in of() {
            let _ = writeln!(out, "  {:<16} {}", node.op, node.label);
        }
    }
    let across = layer.edges.iter().filter(|e| e.cross_layer).count();
    let _ = writeln!(out, "{} edges, {across} of them between layers", layer.edges.len());
    out
}
