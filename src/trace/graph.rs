//! A graph of the run, the layers of its nodes, and the subgraph that one layer needs to be understood.

use std::collections::BTreeSet;

use super::names::{self, NodeType};

/// What a leaf's `operation` is.
pub const CONSTANT: &str = "CONST";

/// One distinct graph. Nodes stand in execution order, then leafs.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Graph {
    pub nodes: Vec<GraphNode>,
    pub edges: Vec<GraphEdge>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct GraphNode {
    /// Unique in the graph.
    pub id: String,
    /// As the source has it.
    pub name: String,
    /// What is shown: a `leaf_<k>` by its use, else the name.
    pub label: String,
    /// The op's name (`MUL_MAT`), or [`CONSTANT`] for a leaf.
    pub operation: String,
    /// Elements by dimension, innermost first.
    pub shape: Vec<u64>,
    /// ggml's type name.
    pub dtype: Option<String>,
    pub layer: Option<u32>,
    pub node_type: NodeType,
    /// A weight or an input; nothing computes it.
    pub leaf: bool,
}

#[cfg(test)]
impl GraphNode {
    /// An `ADD` of that name, without a layer: what tests make graphs of.
    pub(crate) fn add(name: &str, node_type: NodeType) -> Self {
        Self {
            id: name.to_owned(),
            name: name.to_owned(),
            label: name.to_owned(),
            operation: "ADD".to_owned(),
            shape: Vec::new(),
            dtype: None,
            layer: None,
            node_type,
            leaf: false,
        }
    }
}

/// `source` is an operand of `target`, in `slot`. Indices into the nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct GraphEdge {
    pub source: u32,
    pub target: u32,
    pub slot: u32,
}

/// What a node is to the layer that is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Category {
    /// Belongs to the layer.
    Layer,
    /// Without a layer, and constant or consumed by two layers or more.
    Shared,
    /// Another direct producer of the layer's nodes.
    Input,
    /// Another direct consumer of the layer's nodes.
    Output,
}

impl Category {
    pub const ALL: [Self; 4] = [Self::Layer, Self::Shared, Self::Input, Self::Output];

    pub fn label(self) -> &'static str {
        match self {
            Self::Layer => "layer",
            Self::Shared => "shared",
            Self::Input => "input",
            Self::Output => "output",
        }
    }
}

/// The self-contained subgraph of one layer.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LayerView {
    /// Node index and category, in the graph's order.
    pub nodes: Vec<(u32, Category)>,
    /// Index of every edge among them, and whether it joins two different layers.
    pub edges: Vec<(u32, bool)>,
}

impl Graph {
    /// One more than the highest layer of a node.
    pub fn layers(&self) -> u32 {
        self.nodes.iter().filter_map(|n| n.layer).max().map_or(0, |l| l + 1)
    }

    pub fn count(&self, node_type: NodeType) -> usize {
        self.nodes.iter().filter(|n| n.node_type == node_type).count()
    }

    /// Sets layer, type and label of every node from names and structure.
    pub fn classify(&mut self) {
        let names: Vec<&str> = self.nodes.iter().map(|n| n.name.as_str()).collect();
        let computed: Vec<bool> = self.nodes.iter().map(|n| !n.leaf).collect();
        let layers = assign_layers(&names, &computed, self.edges.iter().map(|e| (e.source, e.target)));
        let labels = leaf_labels(self);
        for ((node, layer), label) in self.nodes.iter_mut().zip(layers).zip(labels) {
            node.layer = layer;
            node.node_type = NodeType::of(&node.name, node.leaf);
            node.label = label.map_or_else(|| node.name.clone(), str::to_owned);
        }
    }

    /// Layer `layer` with what it shares, reads and feeds; `None` if no node is in it.
    pub fn layer_view(&self, layer: u32) -> Option<LayerView> {
        self.layers_view(&BTreeSet::from([layer]))
    }

    /// The same of several layers together: what only they pass among each other is neither input nor output. `None` if
    /// no node is in any of them.
    pub fn layers_view(&self, layers: &BTreeSet<u32>) -> Option<LayerView> {
        let is_shown = |layer: Option<u32>| layer.is_some_and(|layer| layers.contains(&layer));
        if !self.nodes.iter().any(|n| is_shown(n.layer)) {
            return None;
        }
        let mut produces = vec![false; self.nodes.len()];
        let mut consumes = vec![false; self.nodes.len()];
        // The first layer that consumes a node, and whether a second one does.
        let mut consumed_by: Vec<(Option<u32>, bool)> = vec![(None, false); self.nodes.len()];
        for edge in &self.edges {
            let (source, target) = (edge.source as usize, edge.target as usize);
            let target_layer = self.nodes[target].layer;
            produces[source] |= is_shown(target_layer);
            consumes[target] |= is_shown(self.nodes[source].layer);
            let seen = &mut consumed_by[source];
            match (seen.0, target_layer) {
                (None, Some(_)) => seen.0 = target_layer,
                (Some(first), Some(second)) if first != second => seen.1 = true,
                _ => {}
            }
        }
        let category = |i: usize| {
            let node = &self.nodes[i];
            if is_shown(node.layer) {
                Some(Category::Layer)
            } else if node.layer.is_none() && (node.leaf || consumed_by[i].1) {
                Some(Category::Shared)
            } else if produces[i] {
                Some(Category::Input)
            } else if consumes[i] {
                Some(Category::Output)
            } else {
                None
            }
        };
        let categories: Vec<Option<Category>> = (0..self.nodes.len()).map(category).collect();
        let nodes = (0_u32..).zip(&categories).filter_map(|(i, c)| c.map(|c| (i, c))).collect();
        let edges = (0_u32..)
            .zip(&self.edges)
            .filter(|(_, e)| categories[e.source as usize].is_some() && categories[e.target as usize].is_some())
            .map(|(i, e)| {
                let ends = (self.nodes[e.source as usize].layer, self.nodes[e.target as usize].layer);
                (i, matches!(ends, (Some(a), Some(b)) if a != b))
            })
            .collect();
        Some(LayerView { nodes, edges })
    }
}

/// Layers by name, and for computed nodes whose name says nothing by their neighbours in execution order:
/// both named neighbours and all consumers must agree.
pub fn assign_layers(names: &[&str], computed: &[bool], edges: impl Iterator<Item = (u32, u32)>) -> Vec<Option<u32>> {
    let named: Vec<Option<u32>> = names.iter().map(|n| names::layer(n)).collect();
    let ops: Vec<usize> = (0..names.len()).filter(|&i| computed[i]).collect();
    if !ops.iter().any(|&i| named[i].is_none() && names::says_nothing(names[i])) {
        return named;
    }

    // Layer of the nearest named op before and after, where both are the same.
    let mut around: Vec<Option<u32>> = vec![None; names.len()];
    let mut last = None;
    for &i in &ops {
        around[i] = last;
        last = named[i].or(last);
    }
    let mut next = None;
    for &i in ops.iter().rev() {
        around[i] = around[i].filter(|_| around[i] == next && named[i].is_none() && names::says_nothing(names[i]));
        next = named[i].or(next);
    }
    let mut consumers: Vec<Vec<u32>> = vec![Vec::new(); names.len()];
    for (source, target) in edges.filter(|(source, target)| source != target) {
        consumers[source as usize].push(target);
    }
    settle(&named, &around, &consumers, &ops)
}

/// Gives every op the layer around it that all of its consumers are in; those are settled first.
fn settle(named: &[Option<u32>], around: &[Option<u32>], consumers: &[Vec<u32>], ops: &[usize]) -> Vec<Option<u32>> {
    #[derive(Clone, Copy, PartialEq)]
    enum State {
        Open,
        Visited,
        Settled,
    }
    let mut layers = named.to_vec();
    let mut state: Vec<State> = around.iter().map(|a| if a.is_some() { State::Open } else { State::Settled }).collect();
    // Consumers mostly come later, so that going backwards finds them settled; where they do not, they go first.
    for &start in ops.iter().rev() {
        let mut stack = vec![start];
        while let Some(&i) = stack.last() {
            match state[i] {
                State::Open => {
                    state[i] = State::Visited;
                    let open = |c: &usize| state[*c] == State::Open;
                    stack.extend(consumers[i].iter().map(|&c| c as usize).filter(open));
                }
                State::Visited => {
                    if consumers[i].iter().all(|&c| layers[c as usize] == around[i]) {
                        layers[i] = around[i];
                    }
                    state[i] = State::Settled;
                    stack.pop();
                }
                State::Settled => {
                    stack.pop();
                }
            }
        }
    }
    layers
}

/// What the inputs that ggml calls `leaf_<k>` are for, by who reads them.
fn leaf_labels(graph: &Graph) -> Vec<Option<&'static str>> {
    const USES: [(&str, &str); 3] =
        [("GET_ROWS", "token_positions"), ("ROPE", "rope_positions"), ("SET_ROWS", "cache_positions")];
    let mut best: Vec<usize> = vec![USES.len(); graph.nodes.len()];
    for edge in &graph.edges {
        let operation = graph.nodes[edge.target as usize].operation.as_str();
        if let Some(rank) = USES.iter().position(|(op, _)| *op == operation) {
            let best = &mut best[edge.source as usize];
            *best = rank.min(*best);
        }
    }
    let numbered =
        |name: &str| name.strip_prefix("leaf_").is_some_and(|k| !k.is_empty() && k.bytes().all(|b| b.is_ascii_digit()));
    graph
        .nodes
        .iter()
        .zip(best)
        .map(|(node, rank)| USES.get(rank).filter(|_| numbered(&node.name)).map(|(_, label)| *label))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(nodes: &[(&str, &str)], edges: &[(u32, u32)]) -> Graph {
        let mut graph = Graph {
            nodes: nodes
                .iter()
                .enumerate()
                .map(|(i, (name, operation))| GraphNode {
                    id: format!("node_{i}"),
                    name: (*name).to_owned(),
                    label: String::new(),
                    operation: (*operation).to_owned(),
                    shape: Vec::new(),
                    dtype: None,
                    layer: None,
                    node_type: NodeType::Infrastructure,
                    leaf: *operation == CONSTANT,
                })
                .collect(),
            edges: edges.iter().map(|&(source, target)| GraphEdge { source, target, slot: 0 }).collect(),
        };
        graph.classify();
        graph
    }

    #[test]
    fn an_unnamed_op_takes_the_layer_that_surrounds_it() {
        let g = graph(
            &[
                ("node_0", "CPY"),
                ("norm-0", "RMS_NORM"),
                ("node_2", "MUL_MAT"),
                (" (view)", "VIEW"),
                ("l_out-0", "ADD"),
                ("node_5", "ADD"),
                ("norm-1", "RMS_NORM"),
                ("node_7", "ADD"),
            ],
            &[(2, 3), (3, 4)],
        );
        let layers: Vec<_> = g.nodes.iter().map(|n| n.layer).collect();
        assert_eq!(layers, [None, Some(0), Some(0), Some(0), Some(0), None, Some(1), None]);
        assert_eq!(g.layers(), 2);
    }

    #[test]
    fn a_consumer_elsewhere_keeps_an_unnamed_op_out_of_the_layer() {
        let g = graph(
            &[("norm-0", "RMS_NORM"), ("node_1", "ADD"), ("node_2", "ADD"), ("l_out-0", "ADD"), ("norm-1", "RMS_NORM")],
            &[(1, 2), (2, 4)],
        );
        assert_eq!(g.nodes[2].layer, None);
        assert_eq!(g.nodes[1].layer, None, "its consumer has no layer, so neither has it");
    }

    #[test]
    fn leafs_are_shown_by_use_and_keep_their_name() {
        let g = graph(
            &[
                ("embd", "GET_ROWS"),
                ("Qcur-0", "ROPE"),
                ("cache_k_l0 (view)", "SET_ROWS"),
                ("leaf_2", CONSTANT),
                ("leaf_4", CONSTANT),
                ("leaf_7", CONSTANT),
                ("leaf_9", CONSTANT),
                ("leaf_x", CONSTANT),
            ],
            &[(3, 0), (3, 1), (4, 1), (5, 2), (7, 2)],
        );
        let labels: Vec<_> = g.nodes[3..].iter().map(|n| n.label.as_str()).collect();
        assert_eq!(labels, ["token_positions", "rope_positions", "cache_positions", "leaf_9", "leaf_x"]);
        assert_eq!(g.nodes[3].name, "leaf_2");
    }

    #[test]
    fn a_layer_view_is_self_contained() {
        let g = graph(
            &[
                ("l_out-0", "ADD"),
                ("norm-1", "RMS_NORM"),
                ("l_out-1", "ADD"),
                ("norm-2", "RMS_NORM"),
                ("l_out-2", "ADD"),
                ("leaf_0", CONSTANT),
                ("mask", "CPY"),
                ("lonely", "CPY"),
            ],
            &[(0, 1), (1, 2), (2, 3), (3, 4), (6, 1), (6, 3), (7, 1)],
        );
        let view = g.layer_view(1).unwrap();
        use Category::*;
        assert_eq!(view.nodes, [(0, Input), (1, Layer), (2, Layer), (3, Output), (5, Shared), (6, Shared), (7, Input)]);
        assert_eq!(view.edges, [(0, true), (1, false), (2, true), (4, false), (5, false), (6, false)]);
        assert_eq!(g.layer_view(9), None);

        let both = g.layers_view(&BTreeSet::from([1, 2, 9])).unwrap();
        let layers = [(0, Input), (1, Layer), (2, Layer), (3, Layer), (4, Layer), (5, Shared), (6, Shared), (7, Input)];
        assert_eq!(both.nodes, layers);
        // What goes from one of them to the other is dashed, too.
        assert_eq!(both.edges.iter().filter(|(_, across)| *across).map(|(edge, _)| *edge).collect::<Vec<_>>(), [0, 2]);
        assert_eq!(both.edges.len(), 7);
        assert_eq!(g.layers_view(&BTreeSet::new()), None);
    }
}
