//! A graph of the run as the layout engines see it: whole, or with its expert tensors as one node a slice.

use crate::kernel_io::layout::{LayoutGraph, NO_LAYER};
use crate::trace::{Graph, GraphNode, Tensor, Trace, Track};

/// Radius of nodes in layout units.
pub(super) const OP_RADIUS: f32 = 1.0;
pub(super) const LEAF_RADIUS: f32 = 0.7;
/// Nodes, and edges, that an unfolded graph may have: files may claim any number of experts.
pub const MAX_UNFOLDED: u64 = 1 << 20;

/// The nodes of `graph` in its order, ready for any engine.
pub fn layout_graph(graph: &Graph) -> LayoutGraph {
    let edges: Vec<[u32; 2]> = graph.edges.iter().map(|e| [e.source, e.target]).collect();
    let leaf: Vec<bool> = graph.nodes.iter().map(|n| n.leaf).collect();
    let places: Vec<u32> = (0..).take(graph.nodes.len()).collect();
    LayoutGraph {
        layer: graph.nodes.iter().map(|n| n.layer.unwrap_or(NO_LAYER)).collect(),
        order: execution_orders(&places, &leaf, &edges),
        radius: leaf.iter().map(|&leaf| if leaf { LEAF_RADIUS } else { OP_RADIUS }).collect(),
        edges,
        leaf,
    }
}

/// Per node: its place in execution order, which for ops is that in `places`; a leaf has that of its first consumer, or
/// stands last without one.
pub(super) fn execution_orders(places: &[u32], leaf: &[bool], edges: &[[u32; 2]]) -> Vec<u32> {
    let last = places.iter().max().map_or(0, |&place| place.saturating_add(1));
    let mut orders: Vec<u32> = places.iter().zip(leaf).map(|(&place, &leaf)| if leaf { last } else { place }).collect();
    for &[source, target] in edges {
        let is = |node: u32, wanted: bool| leaf.get(node as usize).is_some_and(|&leaf| leaf == wanted);
        if is(source, true) && is(target, false) {
            let first = &mut orders[source as usize];
            *first = places[target as usize].min(*first);
        }
    }
    orders
}

/// A graph with a node for every slice of its expert tensors.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Unfolded {
    pub layout: LayoutGraph,
    /// Per node: the node of the graph that it is or is a slice of, and the expert. Slices of a node stand together.
    pub origin: Vec<(u32, Option<u32>)>,
}

/// The unfolded graph would be larger than [`MAX_UNFOLDED`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("with every expert apart the graph has {nodes} nodes and {edges} edges; {MAX_UNFOLDED} of each are the most")]
pub struct TooLarge {
    pub nodes: u64,
    pub edges: u64,
}

/// Every leaf that is a 3-D model tensor with experts becomes one node per expert, each with all of the leaf's edges.
pub fn unfold_experts(trace: &Trace, graph: &Graph) -> Result<Unfolded, TooLarge> {
    unfold(graph, &slices_per_node(trace, graph))
}

fn unfold(graph: &Graph, slices: &[u32]) -> Result<Unfolded, TooLarge> {
    let nodes = slices.iter().map(|&n| u64::from(n)).sum();
    let slices_of = |node: u32| slices.get(node as usize).copied().unwrap_or(0);
    // At most 2^32 edges times 2^64: saturate, so that the comparison below holds.
    let copies = |e: &[u32; 2]| u64::from(slices_of(e[0])).saturating_mul(u64::from(slices_of(e[1])));
    let whole = layout_graph(graph);
    let edges = whole.edges.iter().fold(0_u64, |sum, e| sum.saturating_add(copies(e)));
    if nodes > MAX_UNFOLDED || edges > MAX_UNFOLDED {
        return Err(TooLarge { nodes, edges });
    }

    let mut unfolded = Unfolded::default();
    let mut first_slice = Vec::with_capacity(slices.len());
    for (node, &count) in slices.iter().enumerate() {
        first_slice.push(unfolded.origin.len() as u32);
        for slice in 0..count {
            unfolded.origin.push((node as u32, (count > 1).then_some(slice)));
            unfolded.layout.layer.push(whole.layer[node]);
            unfolded.layout.order.push(whole.order[node]);
            unfolded.layout.leaf.push(whole.leaf[node]);
            unfolded.layout.radius.push(whole.radius[node]);
        }
    }
    let slices_at = |node: u32| {
        let first = first_slice.get(node as usize).copied().unwrap_or(0);
        first..first + slices_of(node)
    };
    for &[source, target] in &whole.edges {
        let copied = slices_at(source).flat_map(|a| slices_at(target).map(move |b| [a, b]));
        unfolded.layout.edges.extend(copied);
    }
    Ok(unfolded)
}

/// Per node: 1, or how many experts the model tensor of that name stacks. A stack of biases is two-dimensional and stays.
pub fn slices_per_node(trace: &Trace, graph: &Graph) -> Vec<u32> {
    let experts: hashbrown::HashMap<&str, u32> =
        trace.tensors.iter().filter_map(|tensor| Some((tensor.name.as_str(), slices_of(tensor)?))).collect();
    let slices = |node: &GraphNode| experts.get(node.name.as_str()).copied().filter(|_| node.leaf).unwrap_or(1);
    graph.nodes.iter().map(slices).collect()
}

/// The same of one node.
pub fn slices_of_node(trace: &Trace, node: &GraphNode) -> u32 {
    // As where all are counted, of tensors of one name the last one holds.
    let mut named = trace.tensors.iter().rev().filter(|tensor| tensor.name == node.name);
    named.find_map(slices_of).filter(|_| node.leaf).unwrap_or(1)
}

/// Slices that a tensor stacks, if it does.
fn slices_of(tensor: &Tensor) -> Option<u32> {
    let stacks = tensor.track == Track::Disk && tensor.shape.len() >= 3;
    tensor.experts.filter(|_| stacks).map(|experts| experts.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::GraphEdge;
    use crate::trace::graph::CONSTANT;

    fn graph() -> Graph {
        let node = |id: &str, leaf: bool, layer: Option<u32>| GraphNode {
            id: id.to_owned(),
            name: id.to_owned(),
            label: id.to_owned(),
            operation: if leaf { CONSTANT } else { "MUL_MAT_ID" }.to_owned(),
            shape: Vec::new(),
            dtype: None,
            layer,
            node_type: crate::trace::NodeType::Layer,
            leaf,
        };
        Graph {
            nodes: vec![
                node("a", false, Some(0)),
                node("b", false, None),
                node("experts", true, Some(0)),
                node("unread", true, None),
            ],
            edges: [(2, 1), (0, 1), (2, 0)].map(|(source, target)| GraphEdge { source, target, slot: 0 }).to_vec(),
        }
    }

    #[test]
    fn leafs_stand_with_their_first_consumer() {
        let layout = layout_graph(&graph());
        assert_eq!(layout.order, [0, 1, 0, 4]);
        assert_eq!(layout.layer, [0, NO_LAYER, 0, NO_LAYER]);
        assert_eq!(layout.leaf, [false, false, true, true]);
        assert_eq!(layout.radius, [1.0, 1.0, 0.7, 0.7]);
        assert_eq!(layout.edges, [[2, 1], [0, 1], [2, 0]]);
    }

    #[test]
    fn slices_stand_where_the_leaf_stood_and_read_as_it_did() {
        let unfolded = unfold(&graph(), &[1, 1, 3, 1]).unwrap();
        assert_eq!(unfolded.origin, [(0, None), (1, None), (2, Some(0)), (2, Some(1)), (2, Some(2)), (3, None)]);
        assert_eq!(unfolded.layout.edges, [[2, 1], [3, 1], [4, 1], [0, 1], [2, 0], [3, 0], [4, 0]]);
        assert_eq!(unfolded.layout.order, [0, 1, 0, 0, 0, 4]);
        assert_eq!(unfolded.layout.node_count(), 6);
    }

    #[test]
    fn a_claim_of_many_experts_costs_no_memory() {
        assert_eq!(
            unfold(&graph(), &[1, 1, u32::MAX, 1]),
            Err(TooLarge { nodes: 4_294_967_298, edges: 8_589_934_591 })
        );
    }
}
