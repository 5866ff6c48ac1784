//! What the ops of a pass imply of its graph: which node each op is, who produced each operand, and all of it as a
//! graph where no source has one.

use std::collections::VecDeque;

use hashbrown::HashMap;

use super::builder::{NONE, cut};
use super::graph::{CONSTANT, Graph, GraphEdge, GraphNode, assign_layers};
use super::names::NodeType;
use super::raw::NameId;
use super::resolve::Vocabulary;

/// Per op its node: those of the same name and kind meet in order of occurrence, the rest has [`NONE`].
pub(super) fn match_nodes(words: &Vocabulary<'_>, sequence: &[u32], graph: &Graph, full_names: &[String]) -> Vec<u32> {
    let mut waiting: HashMap<(&str, &str), VecDeque<u32>> = HashMap::new();
    for ((i, node), name) in (0_u32..).zip(&graph.nodes).zip(full_names) {
        if !node.leaf {
            let key = (cut(name, words.destination_bytes).trim(), drawn_as(&node.operation));
            waiting.entry(key).or_default().push_back(i);
        }
    }
    let meet = |&shape: &u32| {
        let kind = drawn_as(words.kind(&words.shapes[shape as usize]));
        waiting.get_mut(&(words.destination_name(shape).trim(), kind)).and_then(VecDeque::pop_front).unwrap_or(NONE)
    };
    sequence.iter().map(meet).collect()
}

/// ggml draws two pairs of kinds alike, and a graph that was drawn says the commoner of them.
fn drawn_as(kind: &str) -> &str {
    match kind {
        "ADD1" => "ADD",
        "OUT_PROD" => "MUL_MAT",
        other => other,
    }
}

/// Layers of ops by their names and by each other.
pub(super) fn layers_of_ops(words: &Vocabulary<'_>, sequence: &[u32]) -> Vec<Option<u32>> {
    let names: Vec<&str> = sequence.iter().map(|&s| words.destination_name(s)).collect();
    let mut edges = Vec::new();
    producers(words, sequence, |source, _, target, _| {
        if let Some(source) = source {
            edges.push((source, target));
        }
    });
    assign_layers(&names, &vec![true; names.len()], edges.into_iter())
}

/// For every operand: the op that last wrote its name (or none), its name, the op that reads it, and the slot.
fn producers(words: &Vocabulary<'_>, sequence: &[u32], mut visit: impl FnMut(Option<u32>, NameId, u32, u8)) {
    let mut writer: HashMap<NameId, u32> = HashMap::new();
    for (i, &shape) in (0_u32..).zip(sequence) {
        let shape = &words.shapes[shape as usize];
        for operand in &shape.operands {
            let name = words.read_name[operand.name as usize];
            visit(writer.get(&name).copied(), operand.name, i, operand.slot);
        }
        if let Some(name) = shape.destination {
            writer.insert(words.read_name[name as usize], i);
        }
    }
}

/// The graph of a pass: its ops in order, then what they read and none of them wrote.
pub(super) fn graph(words: &Vocabulary<'_>, sequence: &[u32]) -> Graph {
    let node = |id: usize, name: &str, operation: &str, leaf: bool| GraphNode {
        id: format!("node_{id}"),
        name: name.to_owned(),
        label: String::new(),
        operation: operation.to_owned(),
        shape: Vec::new(),
        dtype: None,
        layer: None,
        node_type: NodeType::Infrastructure,
        leaf,
    };
    let ops = sequence.iter().enumerate();
    let mut nodes: Vec<GraphNode> =
        ops.map(|(i, &s)| node(i, words.destination_name(s), words.kind(&words.shapes[s as usize]), false)).collect();
    let mut edges = Vec::new();
    let mut leafs: HashMap<NameId, u32> = HashMap::new();
    producers(words, sequence, |source, name, target, slot| {
        let source = source.unwrap_or_else(|| {
            *leafs.entry(name).or_insert_with(|| {
                nodes.push(node(nodes.len(), words.names.get(name), CONSTANT, true));
                nodes.len() as u32 - 1
            })
        });
        edges.push(GraphEdge { source, target, slot: u32::from(slot) });
    });
    let mut graph = Graph { nodes, edges };
    graph.classify();
    graph
}
