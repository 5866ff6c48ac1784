//! What a run did to each node of a graph: how often it was touched, how many bytes that was, and how long it took.

use hashbrown::HashMap;

use super::graph_display::DisplayNode;
use super::watch::Watch;
use crate::trace::{Graph, Pass, Trace};

/// Sums over the passes of the run that have the graph, of the phases that count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NodeValue {
    /// Of an op: its accesses; of a leaf: accesses to its tensor.
    pub accesses: u64,
    pub bytes: u64,
    /// Of an op; leafs take no time.
    pub time_ns: u64,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct NodeValues {
    pub nodes: Vec<NodeValue>,
    /// By node and expert.
    pub slices: HashMap<(u32, u32), NodeValue>,
    /// By layer: what its ops did, what they touched of its weights included.
    pub layers: HashMap<u32, NodeValue>,
}

impl NodeValues {
    /// Of passes of `phases`, a set of phase bits. `None` where `watch` ended it.
    pub fn of(trace: &Trace, graph_index: u32, phases: u32, watch: Watch<'_>) -> Option<Self> {
        let none = Graph::default();
        let graph = trace.graphs.get(graph_index as usize).unwrap_or(&none);
        let mut values = Self { nodes: vec![NodeValue::default(); graph.nodes.len()], ..Self::default() };
        let mut of_range = vec![0u64; trace.ranges.tensor.len()];
        let counts = |pass: &&Pass| pass.graph == Some(graph_index) && phases & pass.phase.bit() != 0;
        for pass in trace.passes.iter().filter(counts) {
            watch.reach([0, 1000], pass.first_op as usize, trace.op_count())?;
            let ops = pass.first_op as usize..pass.first_op.saturating_add(pass.ops) as usize;
            for op in ops.start..ops.end.min(trace.op_count()) {
                let mut sum = NodeValue { time_ns: trace.ops.duration_ns.get(op).unwrap_or(0), ..NodeValue::default() };
                for access in trace.accesses_of(op) {
                    let range = trace.accesses.range[access] as usize;
                    if let (Some(count), Some(&length)) = (of_range.get_mut(range), trace.ranges.length.get(range)) {
                        *count += 1;
                        sum.accesses += 1;
                        sum.bytes = sum.bytes.saturating_add(length);
                    }
                }
                if let Some(value) = trace.ops.node.get(op).and_then(|node| values.nodes.get_mut(node as usize)) {
                    value.add(sum);
                }
            }
        }
        for (node, value) in graph.nodes.iter().zip(&values.nodes) {
            if let Some(layer) = node.layer {
                values.layers.entry(layer).or_default().add(*value);
            }
        }
        let leafs: HashMap<&str, u32> =
            (0_u32..).zip(&graph.nodes).filter(|(_, n)| n.leaf).map(|(at, n)| (n.name.trim(), at)).collect();
        for (range, &accesses) in of_range.iter().enumerate().filter(|&(_, &count)| count > 0) {
            let tensor = trace.tensors.get(trace.ranges.tensor[range] as usize);
            let Some(&node) = tensor.and_then(|tensor| leafs.get(tensor.name.trim())) else { continue };
            let bytes = trace.ranges.length[range].saturating_mul(accesses);
            let value = NodeValue { accesses, bytes, time_ns: 0 };
            values.nodes[node as usize].add(value);
            if let Some(expert) = trace.ranges.expert.get(range) {
                values.slices.entry((node, expert)).or_default().add(value);
            }
        }
        Some(values)
    }

    /// Of what `shown` stands for: a node, one expert's slice of it, or a folded layer.
    pub fn get(&self, shown: &DisplayNode) -> NodeValue {
        let value = match (shown.folded, shown.expert) {
            (Some(layer), _) => self.layers.get(&layer),
            (None, Some(expert)) => self.slices.get(&(shown.node, expert)),
            (None, None) => self.nodes.get(shown.node as usize),
        };
        value.copied().unwrap_or_default()
    }
}

impl NodeValue {
    pub fn add(&mut self, other: Self) {
        self.accesses = self.accesses.saturating_add(other.accesses);
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.time_ns = self.time_ns.saturating_add(other.time_ns);
    }
}
