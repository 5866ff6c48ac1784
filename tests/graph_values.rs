//! What a run did to the nodes of its graphs, against the run's own totals.

use std::path::Path;

use tensorscope::analysis::graph_display::DisplayNode;
use tensorscope::analysis::graph_values::{NodeValue, NodeValues};
use tensorscope::analysis::watch::Watch;
use tensorscope::formats::{Progress, open};
use tensorscope::trace::{Graph, Phase};

#[test]
fn layers_nodes_and_slices_add_up_to_the_run() {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/moe-128x48.tscope");
    let trace = open(&fixture, &Progress::default()).unwrap();
    let values: Vec<NodeValues> =
        (0..trace.graphs.len() as u32).map(|g| NodeValues::of(&trace, g, u32::MAX, Watch::nobody()).unwrap()).collect();
    let ops = |of: fn(&NodeValue) -> u64| -> u64 {
        let of_ops = |(values, graph): (&NodeValues, &Graph)| -> u64 {
            values.nodes.iter().zip(&graph.nodes).filter(|(_, n)| !n.leaf).map(|(v, _)| of(v)).sum()
        };
        values.iter().zip(&trace.graphs).map(of_ops).sum()
    };
    assert_eq!(ops(|v| v.accesses), trace.access_count() as u64);
    assert_eq!(ops(|v| v.time_ns), trace.ops.duration_ns.values.iter().sum::<u64>());
    for (number, all) in values.iter().enumerate() {
        let phases =
            Phase::ALL.map(|phase| NodeValues::of(&trace, number as u32, phase.bit(), Watch::nobody()).unwrap());
        for (node, value) in all.nodes.iter().enumerate() {
            let accesses: u64 = phases.iter().map(|values| values.nodes[node].accesses).sum();
            assert_eq!(accesses, value.accesses, "phases add up to the run");
        }
    }
    for (values, graph) in values.iter().zip(&trace.graphs) {
        assert_eq!(values.layers.len() as u32, graph.layers());
        let of_layer: u64 = (values.nodes.iter().zip(&graph.nodes))
            .filter(|(_, n)| !n.leaf && n.layer == Some(37))
            .map(|(v, _)| v.bytes)
            .sum();
        let folded = DisplayNode { node: 0, count: 9, folded: Some(37), expert: None, category: None };
        assert_eq!(values.get(&folded).bytes, of_layer);
        assert!(of_layer > 0);
    }
    // A tensor of experts is touched as often as its slices are.
    for (&(node, _), _) in values[0].slices.iter().take(5) {
        let slices = values[0].slices.iter().filter(|((n, _), _)| *n == node).map(|(_, v)| v.accesses);
        assert_eq!(slices.sum::<u64>(), values[0].nodes[node as usize].accesses);
    }
}
