//! Graphs as the predecessor's `parse_dot.py` exports them, of every vintage.

use super::error::ReadError;
use super::faults::{FaultKind, Faults, file_name};
use crate::trace::raw::{Fault, RawEdge, RawGraph, RawNode, Severity};
use serde::Deserialize;
use std::borrow::Cow;
use std::collections::HashMap;
use std::path::Path;

const TYPE_CUT: FaultKind = FaultKind {
    code: "graph_type_cut",
    severity: Severity::Info,
    message: "the export filed a part of nodes' names, such as `view`, as their type; their type is not known",
};
const DUPLICATE_ID: FaultKind = FaultKind {
    code: "graph_duplicate_id",
    severity: Severity::Warning,
    message: "nodes of a graph share an id; edges go to the first of them",
};
const UNKNOWN_END: FaultKind = FaultKind {
    code: "graph_edge_unknown_end",
    severity: Severity::Warning,
    message: "edges of a graph begin or end at a node that it does not list, and are left out",
};
const SLOT_UNKNOWN: FaultKind = FaultKind {
    code: "graph_edge_without_slot",
    severity: Severity::Warning,
    message: "edges of a graph do not say which operand they are and count as the first",
};

/// What ggml puts behind the name of a tensor made from another, which the export took for the type.
const CUT_SUFFIXES: [&str; 6] = ["reshaped", "view", "permuted", "transposed", "cont", "copy"];

/// Only what is used; layers, categories and node types of the export are wrong in places and left where they are.
#[derive(Deserialize)]
struct Document<'a> {
    #[serde(borrow)]
    nodes: Vec<Node<'a>>,
    #[serde(borrow)]
    edges: Vec<Edge<'a>>,
}

#[derive(Deserialize)]
struct Node<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    label: Cow<'a, str>,
    #[serde(borrow)]
    operation: Option<Text<'a>>,
    shape: Option<Vec<u64>>,
    #[serde(borrow)]
    dtype: Option<Text<'a>>,
}

/// Borrows inside of an `Option`, where a bare `Cow` would own.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

#[derive(Deserialize)]
struct Edge<'a> {
    #[serde(borrow)]
    source: Cow<'a, str>,
    #[serde(borrow)]
    target: Cow<'a, str>,
    #[serde(borrow)]
    label: Option<Text<'a>>,
}

/// Reads a graph.
///
/// # Errors
/// `Malformed` for anything that is not JSON of this shape, with the byte where it goes wrong.
pub fn read(bytes: &[u8], path: &Path) -> Result<(RawGraph, Vec<Fault>), ReadError> {
    let document: Document = serde_json::from_slice(bytes)
        .map_err(|error| ReadError::json(path, bytes, "a graph with nodes and edges in JSON", &error))?;
    if document.nodes.is_empty() {
        return Err(ReadError::malformed(path, 0, "a graph with nodes", "one without any", "export the file again"));
    }
    let mut faults = Faults::default();
    let mut index_by_id: HashMap<&str, u32> = HashMap::with_capacity(document.nodes.len());
    for (index, node) in (0..).zip(&document.nodes) {
        if *index_by_id.entry(&node.id).or_insert(index) != index {
            faults.add(&DUPLICATE_ID, || format!("{} in {}", node.id, file_name(path)));
        }
    }
    let mut edges = Vec::with_capacity(document.edges.len());
    for edge in &document.edges {
        let ends = (index_by_id.get(edge.source.as_ref()), index_by_id.get(edge.target.as_ref()));
        let (Some(&source), Some(&target)) = ends else {
            faults.add(&UNKNOWN_END, || format!("{} -> {} in {}", edge.source, edge.target, file_name(path)));
            continue;
        };
        let label = edge.label.as_ref().map_or("", |label| &label.0);
        let slot = label.strip_prefix("src ").and_then(|slot| slot.trim().parse().ok());
        if slot.is_none() {
            faults.add(&SLOT_UNKNOWN, || format!("{} -> {} in {}", edge.source, edge.target, file_name(path)));
        }
        edges.push(RawEdge { source, target, slot: slot.unwrap_or(0) });
    }
    let nodes = document.nodes.into_iter().map(|node| raw_node(node, path, &mut faults)).collect();
    Ok((RawGraph { nodes, edges }, faults.into_vec()))
}

fn raw_node(node: Node, path: &Path, faults: &mut Faults) -> RawNode {
    let (marked_leaf, name) = match node.label.strip_prefix("<x>") {
        Some(name) => (true, name),
        None => (false, node.label.as_ref()),
    };
    let operation = node.operation.map(|text| text.0).unwrap_or_default();
    // A leaf whose values are printed has them, `(#, #)`, where others have `CONST`.
    let leaf = marked_leaf || operation == "CONST" || operation.starts_with('(');
    let dtype = node.dtype.map(|text| text.0).filter(|dtype| !dtype.is_empty());
    let cut = dtype.as_deref().is_some_and(|dtype| CUT_SUFFIXES.contains(&dtype) || dtype.starts_with("copy of "));
    if cut {
        let suffix = dtype.as_deref().unwrap_or_default();
        faults.add(&TYPE_CUT, || format!("{name} ({suffix}) of {} in {}", node.id, file_name(path)));
    }
    let dtype = dtype.map(Cow::into_owned);
    let (cut_suffix, dtype) = if cut { (dtype, None) } else { (None, dtype) };
    let mut shape = node.shape.unwrap_or_default();
    shape.truncate(4);
    RawNode {
        name: name.to_owned(),
        cut_suffix,
        operation: if leaf { "CONST".to_owned() } else { operation.into_owned() },
        shape,
        dtype,
        leaf,
        id: node.id.into_owned(),
    }
}
