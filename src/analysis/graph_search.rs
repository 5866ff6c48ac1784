//! Questions about a graph: which nodes a pattern matches, what a node is made of or goes into, a way between two.

use petgraph::graph::{DiGraph, NodeIndex, UnGraph};
use petgraph::visit::Dfs;
use regex::RegexBuilder;

use crate::trace::Graph;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    Upstream,
    Downstream,
}

/// Most bytes that a compiled pattern may take: patterns come from people and scripts.
const MOST_PATTERN_BYTES: usize = 1 << 20;

const ESCAPES: &str = "mend it, or write \\ before a character that stands for itself";

/// What is wrong with a pattern, in a line: the crate's words end with it, after a drawing of where it is.
fn why(error: &regex::Error) -> String {
    let text = error.to_string();
    let last = text.lines().last().unwrap_or_default();
    last.strip_prefix("error: ").unwrap_or(last).trim_end_matches('.').to_owned()
}

/// Nodes whose label, name or op matches, in the graph's order; none for an empty pattern.
pub fn find(graph: &Graph, pattern: &str) -> Result<Vec<u32>, String> {
    if pattern.is_empty() {
        return Ok(Vec::new());
    }
    let regex = RegexBuilder::new(pattern)
        .case_insensitive(true)
        .size_limit(MOST_PATTERN_BYTES)
        .build()
        .map_err(|error| format!("the pattern {pattern} cannot be read: {}; {ESCAPES}", why(&error)))?;
    let matches = |node: &crate::trace::GraphNode| {
        [&node.label, &node.name, &node.operation].into_iter().any(|text| regex.is_match(text))
    };
    Ok((0_u32..).zip(&graph.nodes).filter(|(_, node)| matches(node)).map(|(at, _)| at).collect())
}

/// The nodes `from` and all that they are made of, or that is made of them; sorted.
pub fn reach(graph: &Graph, from: &[u32], direction: Direction) -> Vec<u32> {
    let mut structure: DiGraph<(), ()> = DiGraph::from_edges(graph.edges.iter().map(|e| (e.source, e.target)));
    if direction == Direction::Upstream {
        structure.reverse();
    }
    let mut found: Vec<u32> = from.to_vec();
    let mut search = Dfs::empty(&structure);
    for &node in from.iter().filter(|&&node| (node as usize) < structure.node_count()) {
        search.move_to(NodeIndex::new(node as usize));
        while let Some(next) = search.next(&structure) {
            found.push(next.index() as u32);
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// The nodes of a shortest way between two, along edges in their direction if there is one, else in any; sorted.
pub fn path(graph: &Graph, from: u32, to: u32) -> Vec<u32> {
    let edges = || graph.edges.iter().map(|e| (e.source, e.target));
    let known = |count: usize| (from as usize) < count && (to as usize) < count;
    let ends = [NodeIndex::new(from as usize), NodeIndex::new(to as usize)];
    let directed: DiGraph<(), ()> = DiGraph::from_edges(edges());
    if !known(directed.node_count()) {
        return if from == to { vec![from] } else { Vec::new() };
    }
    let along = |[from, to]: [NodeIndex; 2]| {
        let way = petgraph::algo::astar(&directed, from, |node| node == to, |_| 1u32, |_| 0);
        way.map(|(_, nodes)| nodes)
    };
    let way = along(ends).or_else(|| along([ends[1], ends[0]])).or_else(|| {
        let either: UnGraph<(), ()> = UnGraph::from_edges(edges());
        petgraph::algo::astar(&either, ends[0], |node| node == ends[1], |_| 1u32, |_| 0).map(|(_, nodes)| nodes)
    });
    let mut nodes: Vec<u32> = way.unwrap_or_default().into_iter().map(|node| node.index() as u32).collect();
    nodes.sort_unstable();
    nodes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::{GraphEdge, GraphNode, NodeType};

    /// a -> b -> c -> e, a -> d, and f alone.
    fn graph() -> Graph {
        let node = |name: &str| GraphNode {
            name: format!("blk.{name}"),
            operation: "MUL_MAT".to_owned(),
            ..GraphNode::add(name, NodeType::Layer)
        };
        Graph {
            nodes: ["a", "b", "c", "d", "e", "f"].map(node).to_vec(),
            edges: [(0, 1), (1, 2), (0, 3), (2, 4)]
                .map(|(source, target)| GraphEdge { source, target, slot: 0 })
                .to_vec(),
        }
    }

    #[test]
    fn patterns_match_label_name_and_op_in_any_case() {
        assert_eq!(find(&graph(), "^blk\\.[BD]$"), Ok(vec![1, 3]));
        assert_eq!(find(&graph(), "mul").map(|hits| hits.len()), Ok(6));
        assert_eq!(find(&graph(), ""), Ok(vec![]));
        assert!(find(&graph(), "(").is_err_and(|error| !error.contains('\n')));
        assert!(find(&graph(), "(a{1000}){1000}").is_err(), "a pattern may not take all memory");
    }

    #[test]
    fn trails_follow_edges() {
        assert_eq!(reach(&graph(), &[2], Direction::Upstream), [0, 1, 2]);
        assert_eq!(reach(&graph(), &[1], Direction::Downstream), [1, 2, 4]);
        assert_eq!(reach(&graph(), &[5], Direction::Upstream), [5]);
        assert_eq!(path(&graph(), 0, 4), [0, 1, 2, 4]);
        assert_eq!(path(&graph(), 4, 0), [0, 1, 2, 4], "against the edges if need be");
        assert_eq!(path(&graph(), 3, 4), [0, 1, 2, 3, 4], "and around corners");
        assert_eq!(path(&graph(), 0, 5), Vec::<u32>::new());
    }
}
