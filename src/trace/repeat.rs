//! A run, or a graph, several times behind itself, to try sizes that nobody has recorded yet.

use super::builder::{BuildError, NONE};
use super::graph::{Graph, GraphEdge, GraphNode};
use super::model::{Column, Nullable, Trace};

impl Trace {
    /// `times` copies in a row, each beginning where the one before ended.
    pub fn repeated(&self, times: u32) -> Result<Self, BuildError> {
        let total = |count: usize, what: &'static str| match count as u64 * u64::from(times) {
            total if total >= u64::from(NONE) => Err(BuildError::TooMany { what, count: total }),
            _ => Ok(()),
        };
        total(self.op_count(), "ops")?;
        total(self.access_count(), "accesses")?;
        let n = times as usize;
        let period_ns = self.duration_ns().max(1);
        let shift = |column: &Column<u32>, by: usize| -> Column<u32> {
            (0..n).flat_map(|k| column.iter().map(move |v| v + (k * by) as u32)).collect::<Vec<_>>().into()
        };
        let same = |column: &Column<u32>| -> Column<u32> { column.repeat(n).into() };
        let nullable = |column: &Nullable<u32>| {
            let values = (0..column.values.len()).map(|i| column.get(i).unwrap_or(NONE)).collect::<Vec<_>>();
            Nullable::from_sentinel(values.repeat(n), NONE)
        };
        let mut run = self.clone();
        run.ops.start_ns = (0..u64::from(times))
            .flat_map(|k| self.ops.start_ns.iter().map(move |t| t.saturating_add(k.saturating_mul(period_ns))))
            .collect::<Vec<_>>()
            .into();
        let durations =
            (0..self.op_count()).map(|i| self.ops.duration_ns.get(i).unwrap_or(u64::MAX)).collect::<Vec<_>>();
        run.ops.duration_ns = Nullable::from_sentinel(durations.repeat(n), u64::MAX);
        run.ops.pass = shift(&self.ops.pass, self.passes.len());
        run.ops.kind = same(&self.ops.kind);
        run.ops.destination = nullable(&self.ops.destination);
        run.ops.layer = nullable(&self.ops.layer);
        run.ops.thread = nullable(&self.ops.thread);
        run.ops.node = nullable(&self.ops.node);
        run.ops.first_access = shift(&self.ops.first_access, self.access_count());
        run.accesses.range = same(&self.accesses.range);
        run.accesses.slot = self.accesses.slot.repeat(n).into();
        run.accesses.flags = same(&self.accesses.flags);
        run.passes = (0..u64::from(times))
            .flat_map(|k| {
                self.passes.iter().map(move |pass| {
                    let mut pass = pass.clone();
                    pass.first_op += (k * self.op_count() as u64) as u32;
                    pass.start_ns = pass.start_ns.saturating_add(k.saturating_mul(period_ns));
                    pass
                })
            })
            .collect();
        run.meta.notes.push(format!("{times} copies of one recording behind each other"));
        Ok(run)
    }
}

impl Graph {
    /// `times` copies of the graph, layers and execution order of each going on where those of the one before ended; its
    /// last op feeds the first of the next.
    pub fn repeated(&self, times: u32) -> Self {
        let (count, layers) = (self.nodes.len() as u32, self.layers());
        let ops = || (0_u32..).zip(&self.nodes).filter(|(_, node)| !node.leaf).map(|(at, _)| at);
        let ends = ops().next().zip(ops().last());
        let copied = |copy: u32| {
            self.nodes.iter().map(move |node| GraphNode {
                id: format!("{} of copy {copy}", node.id),
                layer: node.layer.map(|layer| layer + copy * layers),
                ..node.clone()
            })
        };
        let moved =
            |edge: &GraphEdge, by: u32| GraphEdge { source: edge.source + by, target: edge.target + by, ..*edge };
        let mut whole = Self { nodes: (0..times).flat_map(copied).collect(), edges: Vec::new() };
        for copy in 0..times {
            whole.edges.extend(self.edges.iter().map(|edge| moved(edge, copy * count)));
            if let Some((first, last)) = ends.filter(|_| copy > 0) {
                let edge = GraphEdge { source: last, target: first + count, slot: 0 };
                whole.edges.push(moved(&edge, (copy - 1) * count));
            }
        }
        whole
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::NodeType;

    #[test]
    fn copies_of_a_graph_hang_together_and_count_their_layers_on() {
        let node = |id: &str, layer, leaf| GraphNode {
            id: id.to_owned(),
            name: id.to_owned(),
            label: id.to_owned(),
            operation: String::new(),
            shape: Vec::new(),
            dtype: None,
            layer,
            node_type: NodeType::Layer,
            leaf,
        };
        let edges = [(2, 0), (0, 1)].map(|(source, target)| GraphEdge { source, target, slot: 1 });
        let one = Graph {
            nodes: vec![node("a", Some(0), false), node("b", Some(1), false), node("w", None, true)],
            edges: edges.to_vec(),
        };
        let three = one.repeated(3);
        let layers: Vec<_> = three.nodes.iter().map(|n| n.layer).collect();
        assert_eq!(layers, [Some(0), Some(1), None, Some(2), Some(3), None, Some(4), Some(5), None]);
        let edges: Vec<_> = three.edges.iter().map(|e| (e.source, e.target)).collect();
        assert_eq!(edges, [(2, 0), (0, 1), (5, 3), (3, 4), (1, 3), (8, 6), (6, 7), (4, 6)]);
        let ids: std::collections::HashSet<_> = three.nodes.iter().map(|n| n.id.as_str()).collect();
        assert_eq!(ids.len(), 9);
    }
}
