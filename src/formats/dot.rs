//! Graphs as `ggml_graph_dump_dot` writes them.

use super::error::ReadError;
use super::faults::{FaultKind, Faults, place};
use crate::trace::raw::{Fault, RawEdge, RawGraph, RawNode, Severity};
use std::collections::HashMap;
use std::path::Path;

const TRUNCATED: FaultKind = FaultKind {
    code: "truncated_tail",
    severity: Severity::Warning,
    message: "the file ends early; what stands before is shown",
};
const LINE_UNREADABLE: FaultKind = FaultKind {
    code: "dot_line_unreadable",
    severity: Severity::Warning,
    message: "lines of a dot graph are neither nodes nor edges and are left out",
};
const DUPLICATE_ADDRESS: FaultKind = FaultKind {
    code: "dot_duplicate_address",
    severity: Severity::Warning,
    message: "nodes of a dot graph share an address; edges go to the first of them",
};
const UNKNOWN_END: FaultKind = FaultKind {
    code: "graph_edge_unknown_end",
    severity: Severity::Warning,
    message: "edges of a graph begin or end at a node that it does not list, and are left out",
};

/// An edge before its ends are known: addresses as written, and where the line stands.
struct Link<'a> {
    source: &'a [u8],
    target: &'a [u8],
    slot: u32,
    line_start: usize,
}

/// Reads a graph. Nodes and leafs get the ids `node_<k>` in the order of their lines.
///
/// # Errors
/// `Malformed` when there is not a single node.
pub fn read(bytes: &[u8], path: &Path) -> Result<(RawGraph, Vec<Fault>), ReadError> {
    let mut faults = Faults::default();
    let mut nodes: Vec<RawNode> = Vec::new();
    let mut index_by_address: HashMap<&[u8], u32> = HashMap::new();
    let mut links = Vec::new();
    let mut closed = false;
    let mut whole_bytes = 0;
    let mut line_start = 0;
    for line_with_end in bytes.split_inclusive(|&byte| byte == b'\n') {
        let line = line_with_end.trim_ascii();
        closed |= line == b"}";
        let cut = line_start + line_with_end.len() == bytes.len() && !line_with_end.ends_with(b"\n") && line != b"}";
        match parse_line(line) {
            Some(Line::Node { address, mut node }) => {
                let Ok(index) = u32::try_from(nodes.len()) else { break };
                if index_by_address.contains_key(address) {
                    faults.add(&DUPLICATE_ADDRESS, || place(path, line_start as u64));
                } else {
                    index_by_address.insert(address, index);
                }
                node.id = format!("node_{index}");
                nodes.push(node);
                whole_bytes = line_start + line_with_end.len();
            }
            Some(Line::Edge { source, target, slot }) => {
                links.push(Link { source, target, slot, line_start });
                whole_bytes = line_start + line_with_end.len();
            }
            Some(Line::Frame) => {}
            // The line that a cut goes through is no fault of its own.
            None if cut => {}
            None => faults.add(&LINE_UNREADABLE, || place(path, line_start as u64)),
        }
        line_start += line_with_end.len();
    }
    if nodes.is_empty() {
        let hint = "give a file that ggml_graph_dump_dot wrote";
        return Err(ReadError::malformed(path, 0, "a dot graph with nodes", first_line(bytes), hint));
    }
    if !closed {
        faults.add(&TRUNCATED, || place(path, whole_bytes as u64));
    }
    let mut edges = Vec::with_capacity(links.len());
    for link in links {
        match (index_by_address.get(link.source), index_by_address.get(link.target)) {
            (Some(&source), Some(&target)) => edges.push(RawEdge { source, target, slot: link.slot }),
            _ => faults.add(&UNKNOWN_END, || place(path, link.line_start as u64)),
        }
    }
    Ok((RawGraph { nodes, edges }, faults.into_vec()))
}

/// The start of the file for a message, whatever it is.
fn first_line(bytes: &[u8]) -> String {
    let line = bytes.split(|&byte| byte == b'\n').next().unwrap_or_default();
    match line {
        [] => "nothing".to_owned(),
        _ => format!("`{}`", line[..line.len().min(40)].escape_ascii()),
    }
}

enum Line<'a> {
    Node {
        address: &'a [u8],
        node: RawNode,
    },
    Edge {
        source: &'a [u8],
        target: &'a [u8],
        slot: u32,
    },
    /// Opens, closes or styles the graph, or is empty.
    Frame,
}

/// `None` for a line that is incomplete or something else.
fn parse_line(line: &[u8]) -> Option<Line<'_>> {
    let framing: [&[u8]; 4] = [b"digraph", b"newrank", b"rankdir", b"}"];
    if line.is_empty() || framing.iter().any(|word| line.starts_with(word)) {
        return Some(Line::Frame);
    }
    let (address, rest) = quoted(line)?;
    let rest = rest.trim_ascii_start();
    if let Some(rest) = rest.strip_prefix(b"->") {
        let (target, attributes) = quoted(rest.trim_ascii_start())?;
        let label = label(attributes)?;
        let slot = std::str::from_utf8(label.strip_prefix(b"src ")?).ok()?.trim().parse().ok()?;
        return Some(Line::Edge { source: address, target, slot });
    }
    let node = parse_node(&String::from_utf8_lossy(label(rest.strip_prefix(b"[")?)?))?;
    Some(Line::Node { address, node })
}

/// What stands between the quotes that `text` begins with, and what follows.
fn quoted(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let inner = text.strip_prefix(b"\"")?;
    let end = inner.iter().position(|&byte| byte == b'"')?;
    Some((&inner[..end], &inner[end + 1..]))
}

/// The value of `label` among a line's attributes. Names are not escaped and may hold quotes, so that it reaches from
/// the first opening quote to the last closing one of the line, which must end as lines do.
fn label(attributes: &[u8]) -> Option<&[u8]> {
    const NAME: &[u8] = b"label";
    let mut rest = &attributes[attributes.windows(NAME.len()).position(|word| word == NAME)? + NAME.len()..];
    rest = rest.trim_ascii_start().strip_prefix(b"=")?.trim_ascii_start().strip_prefix(b"\"")?;
    let closed = rest.strip_suffix(b"]")?.trim_ascii_end();
    closed.strip_suffix(b";").unwrap_or(closed).trim_ascii_end().strip_suffix(b"\"")
}

/// Reads `NAME (TYPE)|INDEX [NE0, NE1] | <x>SYMBOL` or a leaf's `<x>NAME (TYPE)|CONST INDEX [NE0, NE1] | (#, #)`.
fn parse_node(label: &str) -> Option<RawNode> {
    let (leaf, label) = match label.strip_prefix("<x>") {
        Some(rest) => (true, rest),
        None => (false, label),
    };
    let (head, body) = split_head(label, leaf)?;
    let typed = head.strip_suffix(')')?;
    let type_start = typed.rfind('(')?;
    let (name, dtype) = (&typed[..type_start], &typed[type_start + 1..]);
    let (_, dimensions) = body.split_once('[')?;
    let (dimensions, tail) = dimensions.split_once(']')?;
    let shape = dimensions.split(',').take(4).map(|n| n.trim().parse().ok()).collect::<Option<Vec<u64>>>()?;
    let operation = if leaf {
        "CONST"
    } else {
        let (_, symbol) = tail.split_once("<x>")?;
        // A second symbol is that of the gradient.
        symbol.split(" | <g>").next().unwrap_or(symbol).trim()
    };
    Some(RawNode {
        id: String::new(),
        // One space parts the name from the type; more belong to the name.
        name: name.strip_suffix(' ').unwrap_or(name).to_owned(),
        cut_suffix: None,
        operation: operation.to_owned(),
        shape,
        dtype: Some(dtype.to_owned()).filter(|dtype| !dtype.is_empty()),
        leaf,
    })
}

/// Splits behind the type. That is the first `|`, but a name may hold one too: preferred is the first that stands
/// between a type and the node's number.
fn split_head(label: &str, leaf: bool) -> Option<(&str, &str)> {
    let is_body = |text: &str| {
        let text = if leaf { text.strip_prefix("CONST ").unwrap_or_default() } else { text };
        let digits = text.trim_start_matches(|c: char| c.is_ascii_digit());
        digits.len() < text.len() && digits.starts_with(" [")
    };
    let bars = || label.match_indices('|').map(|(at, _)| (&label[..at], &label[at + 1..]));
    bars().find(|(head, body)| head.ends_with(')') && is_body(body)).or_else(|| bars().next())
}
