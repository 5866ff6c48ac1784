//! Graphs in dot.

use super::{counted, fault, real_file};
use std::path::Path;
use tensorscope::formats::dot::read;
use tensorscope::trace::raw::{Fault, RawEdge, RawGraph, RawNode};

/// What a node's line looks like, given its address and label.
fn node(address: &str, label: &str) -> String {
    format!("  \"{address}\" [ style = filled; fillcolor = white; shape = record; label=\"{label}\"; ]\n")
}

fn edge(source: &str, target: &str, slot: u32) -> String {
    format!("  \"{source}\" -> \"{target}\" [ arrowhead = vee; style = solid; label = \"src {slot}\"; ]\n")
}

fn leaf_edge(source: &str, target: &str, slot: u32) -> String {
    format!("  \"{source}\" -> \"{target}\" [ label = \"src {slot}\"; ]\n")
}

fn graph(lines: &[String]) -> String {
    format!("digraph G {{\n  newrank = true;\n  rankdir = TB;\n{}}}\n", lines.concat())
}

fn read_text(text: &str) -> (RawGraph, Vec<Fault>) {
    read(text.as_bytes(), Path::new("token_00000.dot")).unwrap()
}

/// The only node of a graph with this label.
fn read_label(label: &str) -> RawNode {
    let (mut graph, faults) = read_text(&graph(&[node("0x1", label)]));
    assert_eq!(counted(&faults), [], "{label}");
    graph.nodes.remove(0)
}

pub fn small_graph() -> String {
    graph(&[
        node("0xa0", "embd (f32)|0 [576, 5] | <x>get_rows(x)"),
        node("0xb0", "norm-0 (f32)|1 [576, 5] | <x>rms_norm(x)"),
        node("0xc0", r"cache_k_l0 (view) (f16)|2 [64, 3, 256] | <x>x-\>y"),
        node("0x10", "<x>token_embd.weight (q8_0)|CONST 0 [576, 49152]"),
        node("0x20", "<x>leaf_2 (i32)|CONST 1 [2, 1] | (#, #)"),
        edge("0x10", "0xa0", 0),
        edge("0x20", "0xa0", 1),
        edge("0xa0", "0xb0", 0),
        leaf_edge("0xb0", "0xc0", 9),
    ])
}

#[test]
fn reads_nodes_leafs_and_edges() {
    let (graph, faults) = read_text(&small_graph());
    assert_eq!(counted(&faults), []);
    let ids: Vec<_> = graph.nodes.iter().map(|node| node.id.as_str()).collect();
    assert_eq!(ids, ["node_0", "node_1", "node_2", "node_3", "node_4"]);
    assert_eq!(
        graph.nodes[2],
        RawNode {
            id: "node_2".into(),
            name: "cache_k_l0 (view)".into(),
            cut_suffix: None,
            operation: r"x-\>y".into(),
            shape: vec![64, 3, 256],
            dtype: Some("f16".into()),
            leaf: false,
        }
    );
    let leaf = &graph.nodes[4];
    assert_eq!((leaf.name.as_str(), leaf.operation.as_str(), leaf.leaf), ("leaf_2", "CONST", true));
    assert_eq!((leaf.shape.as_slice(), leaf.dtype.as_deref()), ([2, 1].as_slice(), Some("i32")));
    let edge = |source, target, slot| RawEdge { source, target, slot };
    assert_eq!(graph.edges, [edge(3, 0, 0), edge(4, 0, 1), edge(0, 1, 0), edge(1, 2, 9)]);
}

#[test]
fn names_are_taken_as_they_are() {
    // Nothing in a name is escaped: brackets, bars, quotes and what looks like markup may all be in it.
    let names = [
        "Qcur-0 (reshaped) (permuted)",
        "cache_k_l0 (copy of Kcur-0 (view))",
        " (view)",
        "a \"quoted\" name",
        "bar|red",
        "two (f32)|7 bars",
        "src 0 -> [1, 2]",
        "label=\"x\"; ]",
        "\u{221a}",
        "ends with space ",
    ];
    for name in names {
        let node = read_label(&format!("{name} (f32)|12 [1, 2] | <x>x*y"));
        assert_eq!((node.name.as_str(), node.operation.as_str(), node.shape.len()), (name, "x*y", 2));
        assert_eq!(node.dtype.as_deref(), Some("f32"));
        let leaf = read_label(&format!("<x>{name} (q4_K)|CONST 12 [1, 2] | (#, #)"));
        assert_eq!((leaf.name.as_str(), leaf.dtype.as_deref(), leaf.leaf), (name, Some("q4_K"), true));
    }
}

#[test]
fn unnamed_nodes_and_gradients_are_read() {
    let unnamed = read_label("(f32)|3 [8, 1] | <x>x+y");
    assert_eq!((unnamed.name.as_str(), unnamed.dtype.as_deref()), ("", Some("f32")));
    let with_gradient = read_label("w (f32)|3 [8, 1] | <x>X*Y | <g>x+y");
    assert_eq!(with_gradient.operation, "X*Y");
}

#[test]
fn a_cut_file_gives_what_stands_before() {
    let text = small_graph();
    let edges_at = text.find("\"0x10\" ->").unwrap() - 2;
    let (graph, faults) = read_text(&text[..edges_at + 20]);
    assert_eq!((graph.nodes.len(), graph.edges.len()), (5, 0));
    assert_eq!(counted(&faults), [("truncated_tail", 1)]);
    assert_eq!(faults[0].example, format!("token_00000.dot byte {edges_at}"));

    // Cut at a line's end it is still cut; only the closing line can go without its own end.
    let (_, faults) = read_text(&text[..text.len() - 2]);
    assert_eq!(counted(&faults), [("truncated_tail", 1)]);
    let (_, faults) = read_text(text.trim_end());
    assert_eq!(counted(&faults), []);
}

#[test]
fn odd_lines_are_left_out_and_counted() {
    let text = graph(&[
        node("0x1", "a (f32)|0 [1, 1] | <x>x*y"),
        node("0x1", "b (f32)|1 [1, 1] | <x>x*y"),
        node("0x2", "no type|2 [1, 1] | <x>x*y"),
        node("0x3", "negative (f32)|3 [-1, 1] | <x>x*y"),
        "something else\n".to_owned(),
        edge("0x1", "0x1", 0),
        edge("0x1", "0xdead", 0),
        edge("0xbeef", "0x1", 0),
    ]);
    let (graph, faults) = read_text(&text);
    assert_eq!(graph.nodes.iter().map(|node| node.name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(graph.edges, [RawEdge { source: 0, target: 0, slot: 0 }]);
    let mut codes = counted(&faults);
    codes.sort_unstable();
    assert_eq!(codes, [("dot_duplicate_address", 1), ("dot_line_unreadable", 3), ("graph_edge_unknown_end", 2)]);
    let at = text.find("  \"0x1\" -> \"0xdead\"").unwrap();
    assert_eq!(fault(&faults, "graph_edge_unknown_end").example, format!("token_00000.dot byte {at}"));
}

#[test]
fn windows_line_ends_do_not_matter() {
    let (unix, _) = read_text(&small_graph());
    let (windows, faults) = read_text(&small_graph().replace('\n', "\r\n"));
    assert_eq!((counted(&faults), windows), (vec![], unix));
}

#[test]
fn a_file_without_nodes_is_an_error() {
    for text in ["", "digraph G {\n}\n", "{\"nodes\":[]}"] {
        let error = read(text.as_bytes(), Path::new("x.dot")).unwrap_err().to_string();
        assert!(error.starts_with("x.dot: at byte 0: expected a dot graph with nodes"), "{error}");
    }
}

#[test]
fn reads_the_real_graphs() {
    for name in ["token_00000.dot", "token_00001.dot"] {
        let Some((path, bytes)) = real_file(&format!("recorded/smollm2-135m/graphs/{name}")) else { return };
        let started = std::time::Instant::now();
        let (graph, faults) = read(&bytes, &path).unwrap();
        eprintln!("dot of {} bytes: {:?}", bytes.len(), started.elapsed());
        assert_eq!(counted(&faults), []);
        assert_eq!((graph.nodes.len(), graph.edges.len()), (942, 1091));
        assert_eq!(graph.nodes.iter().filter(|node| node.leaf).count(), 276);
        let known = |node: &RawNode| {
            tensorscope::formats::symbols::symbol_of(tensorscope::formats::symbols::kind_from_operation(
                &node.operation,
            ))
        };
        assert!(graph.nodes.iter().all(|node| node.leaf || known(node).is_some()));
    }
}
