//! The graph as it is shown: whole or one layer's, with layers folded into single nodes.

use std::collections::BTreeSet;

use hashbrown::HashMap;

use super::layout_graph::{LEAF_RADIUS, OP_RADIUS, execution_orders};
use crate::kernel_io::layout::{LayoutGraph, NO_LAYER};
use crate::trace::{Category, Graph};

/// Radius of a folded layer's node in layout units.
const FOLDED_RADIUS: f32 = 3.0;

#[derive(Debug, Clone, Default, PartialEq)]
pub struct DisplayGraph {
    pub nodes: Vec<DisplayNode>,
    pub edges: Vec<DisplayEdge>,
    /// Per node of the graph: what shows it.
    pub shown_as: Vec<Option<u32>>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct DisplayNode {
    /// The graph's node, or the first of a folded layer's.
    pub node: u32,
    /// Nodes that it stands for.
    pub count: u32,
    /// The folded layer that it stands for.
    pub folded: Option<u32>,
    /// What it is to the layer that is shown, if one is.
    pub category: Option<Category>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DisplayEdge {
    pub source: u32,
    pub target: u32,
    /// Joins two layers, in the view of one layer.
    pub cross_layer: bool,
}

impl DisplayGraph {
    pub fn new(graph: &Graph, layer: Option<u32>, folded: &BTreeSet<u32>) -> Self {
        match layer.and_then(|layer| graph.layer_view(layer)) {
            Some(view) => {
                let mut shown_as = vec![None; graph.nodes.len()];
                let mut nodes = Vec::with_capacity(view.nodes.len());
                for &(node, category) in &view.nodes {
                    shown_as[node as usize] = Some(nodes.len() as u32);
                    nodes.push(DisplayNode { node, count: 1, folded: None, category: Some(category) });
                }
                let edges = view.edges.iter().filter_map(|&(edge, cross_layer)| {
                    let edge = graph.edges[edge as usize];
                    let (source, target) = (shown_as[edge.source as usize]?, shown_as[edge.target as usize]?);
                    Some(DisplayEdge { source, target, cross_layer })
                });
                let edges = edges.collect();
                Self { nodes, edges, shown_as }
            }
            None => Self::whole(graph, folded),
        }
    }

    fn whole(graph: &Graph, folded: &BTreeSet<u32>) -> Self {
        let mut nodes: Vec<DisplayNode> = Vec::new();
        let mut folded_as: HashMap<u32, u32> = HashMap::new();
        let mut shown_as = Vec::with_capacity(graph.nodes.len());
        for (index, node) in (0_u32..).zip(&graph.nodes) {
            let next = nodes.len() as u32;
            let fold = node.layer.filter(|layer| folded.contains(layer));
            let shown = fold.map_or(next, |layer| *folded_as.entry(layer).or_insert(next));
            if shown == next {
                nodes.push(DisplayNode { node: index, count: 0, folded: fold, category: None });
            }
            nodes[shown as usize].count += 1;
            shown_as.push(Some(shown));
        }
        let mut seen = hashbrown::HashSet::new();
        let mut edges = Vec::new();
        for edge in &graph.edges {
            let ends = (shown_as[edge.source as usize], shown_as[edge.target as usize]);
            let (Some(source), Some(target)) = ends else { continue };
            let is_folded = |end: u32| nodes[end as usize].folded.is_some();
            // Edges within a folded layer vanish, those that come to join the same two nodes become one.
            let may_vanish = is_folded(source) || is_folded(target);
            if may_vanish && (source == target || !seen.insert((source, target))) {
                continue;
            }
            edges.push(DisplayEdge { source, target, cross_layer: false });
        }
        Self { nodes, edges, shown_as }
    }

    /// What the layout engines need of it.
    pub fn layout_graph(&self, graph: &Graph) -> LayoutGraph {
        let is_leaf = |n: &DisplayNode| n.folded.is_none() && graph.nodes[n.node as usize].leaf;
        let radius = |n: &DisplayNode| match n.folded {
            Some(_) => FOLDED_RADIUS,
            None if is_leaf(n) => LEAF_RADIUS,
            None => OP_RADIUS,
        };
        // What a layer reads and feeds stands before and behind it, in one block with it.
        let layer = |n: &DisplayNode| match n.category {
            Some(_) => 0,
            None => graph.nodes[n.node as usize].layer.unwrap_or(NO_LAYER),
        };
        let edges: Vec<[u32; 2]> = self.edges.iter().map(|e| [e.source, e.target]).collect();
        let leaf: Vec<bool> = self.nodes.iter().map(is_leaf).collect();
        let places: Vec<u32> = self.nodes.iter().map(|n| n.node).collect();
        LayoutGraph {
            layer: self.nodes.iter().map(layer).collect(),
            order: execution_orders(&places, &leaf, &edges),
            radius: self.nodes.iter().map(radius).collect(),
            edges,
            leaf,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::{GraphEdge, GraphNode, NodeType};

    fn chain() -> Graph {
        let names = ["embd", "a-0", "b-0", "a-1", "b-1", "w"];
        let node = |(i, name): (usize, &&str)| GraphNode {
            id: format!("node_{i}"),
            name: (*name).to_owned(),
            label: String::new(),
            operation: "ADD".to_owned(),
            shape: Vec::new(),
            dtype: None,
            layer: None,
            node_type: NodeType::Layer,
            leaf: *name == "w",
        };
        let edge = |(source, target): (u32, u32)| GraphEdge { source, target, slot: 0 };
        let mut graph = Graph {
            nodes: names.iter().enumerate().map(node).collect(),
            edges: [(0, 1), (1, 2), (2, 3), (3, 4), (5, 2), (5, 1), (5, 4)].map(edge).to_vec(),
        };
        graph.classify();
        graph
    }

    #[test]
    fn folding_keeps_one_edge_between_what_is_left() {
        let graph = chain();
        let display = DisplayGraph::new(&graph, None, &BTreeSet::from([0]));
        assert_eq!(display.nodes.iter().map(|n| n.count).collect::<Vec<_>>(), [1, 2, 1, 1, 1]);
        let edges: Vec<_> = display.edges.iter().map(|e| (e.source, e.target)).collect();
        assert_eq!(edges, [(0, 1), (1, 2), (2, 3), (4, 1), (4, 3)]);
        assert_eq!(display.shown_as[2], Some(1));
        let whole = DisplayGraph::new(&graph, None, &BTreeSet::new());
        assert_eq!((whole.nodes.len(), whole.edges.len()), (6, 7));
    }

    #[test]
    fn a_layer_is_shown_with_categories() {
        let graph = chain();
        let display = DisplayGraph::new(&graph, Some(1), &BTreeSet::from([0]));
        let categories: Vec<_> = display.nodes.iter().filter_map(|n| n.category).collect();
        assert_eq!(categories, [Category::Input, Category::Layer, Category::Layer, Category::Shared]);
        assert_eq!(display.edges.iter().filter(|e| e.cross_layer).count(), 1);
        let layout = display.layout_graph(&graph);
        assert_eq!(layout.order, [2, 3, 4, 2], "a leaf goes with the first that reads it");
    }
}
