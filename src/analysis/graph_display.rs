//! The graph as it is shown: whole or one layer's, with layers folded into single nodes.

use std::collections::BTreeSet;

use hashbrown::HashMap;

use super::layout_graph::{LEAF_RADIUS, MAX_UNFOLDED, OP_RADIUS, execution_orders};
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
    /// The expert whose slice of the node it is.
    pub expert: Option<u32>,
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
    /// The subgraph of `layers`, or without any the whole graph with the layers in `folded` as one node each.
    pub fn new(graph: &Graph, layers: &BTreeSet<u32>, folded: &BTreeSet<u32>) -> Self {
        match graph.layers_view(layers) {
            Some(view) => {
                let mut shown_as = vec![None; graph.nodes.len()];
                let mut nodes = Vec::with_capacity(view.nodes.len());
                for &(node, category) in &view.nodes {
                    shown_as[node as usize] = Some(nodes.len() as u32);
                    nodes.push(DisplayNode { node, count: 1, folded: None, expert: None, category: Some(category) });
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
                nodes.push(DisplayNode { node: index, count: 0, folded: fold, expert: None, category: None });
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

    /// The same with the nodes in `slices` (per node of the graph: how many) one node a slice, or `None` where that
    /// would be more than [`MAX_UNFOLDED`]. A sliced node of the graph is shown as its first slice.
    pub fn with_slices(&self, slices: &[u32]) -> Option<Self> {
        let count = |node: &DisplayNode| match node.folded {
            Some(_) => 1,
            None => slices.get(node.node as usize).copied().unwrap_or(1).max(1),
        };
        let counts: Vec<u32> = self.nodes.iter().map(count).collect();
        let copies = |edge: &DisplayEdge| {
            u64::from(counts[edge.source as usize]).saturating_mul(u64::from(counts[edge.target as usize]))
        };
        let edges = self.edges.iter().fold(0_u64, |sum, edge| sum.saturating_add(copies(edge)));
        if counts.iter().map(|&n| u64::from(n)).sum::<u64>().max(edges) > MAX_UNFOLDED {
            return None;
        }
        let mut first = Vec::with_capacity(counts.len());
        let mut nodes = Vec::new();
        for (node, &count) in self.nodes.iter().zip(&counts) {
            first.push(nodes.len() as u32);
            nodes.extend((0..count).map(|slice| DisplayNode { expert: (count > 1).then_some(slice), ..node.clone() }));
        }
        let all = |shown: u32| first[shown as usize]..first[shown as usize] + counts[shown as usize];
        let mut edges = Vec::new();
        for edge in &self.edges {
            for source in all(edge.source) {
                edges.extend(all(edge.target).map(|target| DisplayEdge { source, target, ..*edge }));
            }
        }
        let shown_as = self.shown_as.iter().map(|shown| shown.map(|shown| first[shown as usize])).collect();
        Some(Self { nodes, edges, shown_as })
    }

    /// The shown node that stands for a node of the graph or, where its slices stand apart, for one of them.
    pub fn place_of(&self, node: u32, expert: Option<u32>) -> Option<u32> {
        let first = self.shown_as.get(node as usize).copied().flatten()?;
        let shown = first.checked_add(expert.unwrap_or(0))?;
        let found = self.nodes.get(shown as usize)?;
        (found.expert.unwrap_or(0) == expert.unwrap_or(0)).then_some(shown)
    }

    /// Per node: the block that it stands in. What a layer reads and feeds stands before and behind it, in one block with
    /// it; beside one layer alone, what is shared does too.
    fn blocks(&self, graph: &Graph) -> Vec<u32> {
        let own = |n: &DisplayNode| graph.nodes[n.node as usize].layer;
        let is_layer = |n: &DisplayNode| n.category == Some(Category::Layer);
        let shown: BTreeSet<u32> = self.nodes.iter().filter(|n| is_layer(n)).filter_map(own).collect();
        let mut blocks: Vec<u32> = self
            .nodes
            .iter()
            .map(|n| match (n.category, own(n)) {
                (Some(Category::Layer) | None, Some(layer)) => layer,
                (Some(_), _) if shown.len() == 1 => shown.first().copied().unwrap_or(NO_LAYER),
                _ => NO_LAYER,
            })
            .collect();
        for edge in &self.edges {
            let (source, target) = (&self.nodes[edge.source as usize], &self.nodes[edge.target as usize]);
            if source.category == Some(Category::Input) && is_layer(target) {
                let block = &mut blocks[edge.source as usize];
                *block = own(target).unwrap_or(NO_LAYER).min(*block);
            }
            if target.category == Some(Category::Output) && is_layer(source) {
                let block = &mut blocks[edge.target as usize];
                *block = own(source).filter(|&layer| *block == NO_LAYER || layer > *block).unwrap_or(*block);
            }
        }
        blocks
    }

    /// What the layout engines need of it.
    pub fn layout_graph(&self, graph: &Graph) -> LayoutGraph {
        let is_leaf = |n: &DisplayNode| n.folded.is_none() && graph.nodes[n.node as usize].leaf;
        let radius = |n: &DisplayNode| match n.folded {
            Some(_) => FOLDED_RADIUS,
            None if is_leaf(n) => LEAF_RADIUS,
            None => OP_RADIUS,
        };
        let layers = self.blocks(graph);
        let edges: Vec<[u32; 2]> = self.edges.iter().map(|e| [e.source, e.target]).collect();
        let leaf: Vec<bool> = self.nodes.iter().map(is_leaf).collect();
        let places: Vec<u32> = self.nodes.iter().map(|n| n.node).collect();
        LayoutGraph {
            layer: layers,
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
        let display = DisplayGraph::new(&graph, &BTreeSet::new(), &BTreeSet::from([0]));
        assert_eq!(display.nodes.iter().map(|n| n.count).collect::<Vec<_>>(), [1, 2, 1, 1, 1]);
        let edges: Vec<_> = display.edges.iter().map(|e| (e.source, e.target)).collect();
        assert_eq!(edges, [(0, 1), (1, 2), (2, 3), (4, 1), (4, 3)]);
        assert_eq!(display.shown_as[2], Some(1));
        let whole = DisplayGraph::new(&graph, &BTreeSet::new(), &BTreeSet::new());
        assert_eq!((whole.nodes.len(), whole.edges.len()), (6, 7));
    }

    #[test]
    fn slices_stand_apart_with_the_edges_of_the_whole() {
        let graph = chain();
        let whole = DisplayGraph::new(&graph, &BTreeSet::new(), &BTreeSet::new());
        let apart = whole.with_slices(&[1, 1, 1, 1, 1, 3]).unwrap();
        let experts: Vec<_> = apart.nodes.iter().map(|n| (n.node, n.expert)).collect();
        assert_eq!(experts[5..], [(5, Some(0)), (5, Some(1)), (5, Some(2))]);
        assert_eq!(apart.edges.len(), 4 + 3 * 3);
        assert_eq!(apart.shown_as[5], Some(5));
        assert_eq!(apart.layout_graph(&graph).order[5..], [1, 1, 1], "they go with the first that reads them");
        assert!(whole.with_slices(&[u32::MAX; 6]).is_none(), "a claim of many costs no memory");
        let folded = DisplayGraph::new(&graph, &BTreeSet::new(), &BTreeSet::from([0]));
        assert_eq!(folded.with_slices(&[9, 9, 9, 1, 1, 1]).unwrap().nodes[9].expert, None, "a folded layer stays one");
    }

    #[test]
    fn a_layer_is_shown_with_categories() {
        let graph = chain();
        let display = DisplayGraph::new(&graph, &BTreeSet::from([1]), &BTreeSet::from([0]));
        let categories: Vec<_> = display.nodes.iter().filter_map(|n| n.category).collect();
        assert_eq!(categories, [Category::Input, Category::Layer, Category::Layer, Category::Shared]);
        assert_eq!(display.edges.iter().filter(|e| e.cross_layer).count(), 1);
        let layout = display.layout_graph(&graph);
        assert_eq!(layout.order, [2, 3, 4, 2], "a leaf goes with the first that reads it");
        assert_eq!(layout.layer, [1; 4], "all in one block");
    }

    #[test]
    fn layers_beside_each_other_stand_as_blocks_with_what_they_read_and_feed() {
        let mut graph = chain();
        // An output of layer 1 and of layer 2, which are not neighbours in what is shown.
        graph.nodes[0].name = "a-5".to_owned();
        graph.edges.push(crate::trace::GraphEdge { source: 4, target: 0, slot: 0 });
        graph.classify();
        let display = DisplayGraph::new(&graph, &BTreeSet::from([0, 1]), &BTreeSet::new());
        let categories: Vec<_> = display.nodes.iter().filter_map(|n| n.category).collect();
        use Category::{Input, Layer, Shared};
        assert_eq!(categories, [Input, Layer, Layer, Layer, Layer, Shared]);
        assert_eq!(display.layout_graph(&graph).layer, [0, 0, 0, 1, 1, NO_LAYER]);
        assert_eq!(display.edges.iter().filter(|e| e.cross_layer).count(), 3);
    }
}
