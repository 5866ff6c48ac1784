//! The graphs of a run's files, each distinct one once, and which pass has which.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashMap, HashSet};

use super::graph::{CONSTANT, Graph, GraphEdge, GraphNode};
use super::names::NodeType;
use super::raw::{RawGraph, RawNode};

#[derive(Default)]
pub struct DistinctGraphs {
    hasher: DefaultHashBuilder,
    by_hash: HashMap<u64, Vec<u32>>,
    pub graphs: Vec<Graph>,
    /// Per graph the names of its nodes, with what the source's parser cut off.
    pub full_names: Vec<Vec<String>>,
}

impl DistinctGraphs {
    /// Index of the graph that has this structure and these names, kinds, shapes and types. Ids are the source's own
    /// names for nodes and carry none of that.
    pub fn add(&mut self, graph: Graph, full_names: Vec<String>) -> u32 {
        let node = |h: u64, (n, full): (&GraphNode, &String)| {
            self.hasher.hash_one((h, full, &n.name, &n.operation, &n.shape, &n.dtype))
        };
        let nodes = graph.nodes.iter().zip(&full_names).fold(0, node);
        let hash = graph.edges.iter().fold(nodes, |h, e| self.hasher.hash_one((h, e)));
        let same = |&index: &u32| {
            let (other, names) = (&self.graphs[index as usize], &self.full_names[index as usize]);
            other.edges == graph.edges
                && *names == full_names
                && other.nodes.len() == graph.nodes.len()
                && other.nodes.iter().zip(&graph.nodes).all(|(a, b)| {
                    a.name == b.name && a.operation == b.operation && a.shape == b.shape && a.dtype == b.dtype
                })
        };
        let candidates = self.by_hash.entry(hash).or_default();
        if let Some(known) = candidates.iter().copied().find(|i| same(i)) {
            return known;
        }
        let index = self.graphs.len() as u32;
        candidates.push(index);
        self.graphs.push(graph);
        self.full_names.push(full_names);
        index
    }

    /// Takes graphs with the numbers of their files; gives each file's graph in order of number.
    pub fn add_files(&mut self, mut files: Vec<(u32, RawGraph)>) -> Vec<(u32, u32)> {
        files.sort_by_key(|(number, _)| *number);
        files
            .into_iter()
            .map(|(number, raw)| {
                let full_names = raw.nodes.iter().map(full_name).collect();
                (number, self.add(from_raw(raw), full_names))
            })
            .collect()
    }
}

/// Graph `k` where there are as many as passes, else the last with a number up to `k`.
pub(super) fn graph_of_pass(k: usize, passes: usize, graph_of_file: &[(u32, u32)]) -> Option<u32> {
    if graph_of_file.len() == passes {
        return graph_of_file.get(k).map(|(_, graph)| *graph);
    }
    let up_to = graph_of_file.partition_point(|(number, _)| *number as usize <= k);
    graph_of_file.get(up_to.checked_sub(1)?).map(|(_, graph)| *graph)
}

fn full_name(node: &RawNode) -> String {
    match &node.cut_suffix {
        Some(suffix) => format!("{} ({suffix})", node.name.trim()),
        None => node.name.trim().to_owned(),
    }
}

fn from_raw(raw: RawGraph) -> Graph {
    let ids: Vec<String> = unique_ids(raw.nodes.iter().map(|n| n.id.as_str()));
    let nodes = ids
        .into_iter()
        .zip(raw.nodes)
        .map(|(id, node)| GraphNode {
            id,
            label: String::new(),
            operation: if node.leaf { CONSTANT.to_owned() } else { node.operation },
            shape: node.shape,
            dtype: node.dtype,
            layer: None,
            node_type: NodeType::Infrastructure,
            leaf: node.leaf,
            name: node.name,
        })
        .collect();
    let edges = raw.edges.iter().map(|e| GraphEdge { source: e.source, target: e.target, slot: e.slot }).collect();
    let mut graph = Graph { nodes, edges };
    graph.classify();
    graph
}

/// Sources may give an id twice; the later ones get a number behind it.
fn unique_ids<'a>(ids: impl Iterator<Item = &'a str> + Clone) -> Vec<String> {
    let mut taken: HashSet<String> = HashSet::new();
    let given: HashSet<&str> = ids.clone().collect();
    ids.map(|id| {
        let mut unique = id.to_owned();
        let mut k = 1_u32;
        while !taken.insert(unique.clone()) {
            unique = loop {
                k += 1;
                let numbered = format!("{id}#{k}");
                if !given.contains(numbered.as_str()) {
                    break numbered;
                }
            };
        }
        unique
    })
    .collect()
}
