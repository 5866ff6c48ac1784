//! The predecessor's graphs in JSON.

use super::{counted, fault, real_file};
use std::path::Path;
use tensorscope::formats::error::ReadError;
use tensorscope::formats::graph_json::read;
use tensorscope::trace::raw::RawEdge;

/// One node a kind, as exports of different ages write them.
pub const SMALL: &str = r#"{"token_id": 0, "metadata": {"total_nodes": 6, "timestamp_generated": null},
 "nodes": [
  {"id": "node_0", "address": "0x1", "label": "inp_embd", "operation": "get_rows(x)", "shape": [8, 2], "dtype": "f32", "layer_id": null, "category": "input", "node_type": "embedding"},
  {"id": "node_1", "address": "0x2", "label": "node_677", "operation": "x-\\>y", "shape": [8, 2, 3], "dtype": "reshaped", "layer_id": 677},
  {"id": "node_2", "address": "0x3", "label": "(view)", "operation": "view(x)", "shape": [8, 2], "dtype": "f32", "layer_id": null},
  {"id": "node_3", "address": "0x4", "label": "Kcur-1", "operation": "cont(x)", "shape": [8], "dtype": "copy of Kcur-0", "layer_id": 1},
  {"id": "node_4", "address": "0x5", "label": "<x>leaf_2", "operation": "(#, #)", "shape": [2, 1], "dtype": "i32", "layer_id": null},
  {"id": "node_5", "address": "0x6", "label": "blk.0.w\u00e9ight", "operation": "CONST", "shape": [8, 8], "dtype": "q4_K", "layer_id": 0}
 ],
 "edges": [
  {"source": "node_4", "target": "node_0", "label": "src 1"},
  {"source": "node_5", "target": "node_0", "label": "src 0"},
  {"source": "node_0", "target": "node_99", "label": "src 0"},
  {"source": "node_0", "target": "node_1"}
 ]}"#;

#[test]
fn reads_every_vintage_and_sets_right_what_it_can() {
    let (graph, faults) = read(SMALL.as_bytes(), Path::new("token-00000.json")).unwrap();
    let nodes: Vec<_> = graph
        .nodes
        .iter()
        .map(|n| (n.name.as_str(), n.operation.as_str(), n.dtype.as_deref(), n.cut_suffix.as_deref(), n.leaf))
        .collect();
    assert_eq!(
        nodes,
        [
            ("inp_embd", "get_rows(x)", Some("f32"), None, false),
            ("node_677", r"x-\>y", None, Some("reshaped"), false),
            ("(view)", "view(x)", Some("f32"), None, false),
            ("Kcur-1", "cont(x)", None, Some("copy of Kcur-0"), false),
            ("leaf_2", "CONST", Some("i32"), None, true),
            ("blk.0.wéight", "CONST", Some("q4_K"), None, true),
        ]
    );
    assert_eq!(graph.nodes[1].shape, [8, 2, 3]);
    let edge = |source, target, slot| RawEdge { source, target, slot };
    assert_eq!(graph.edges, [edge(4, 0, 1), edge(5, 0, 0), edge(0, 1, 0)]);
    assert_eq!(
        counted(&faults),
        [("graph_edge_unknown_end", 1), ("graph_edge_without_slot", 1), ("graph_type_cut", 2)]
    );
    assert_eq!(fault(&faults, "graph_type_cut").example, "node_677 (reshaped) of node_1 in token-00000.json");
}

#[test]
fn nulls_are_like_missing_fields() {
    let text =
        r#"{"nodes": [{"id": "node_0", "label": "a", "operation": null, "shape": null, "dtype": null}], "edges": []}"#;
    let (graph, faults) = read(text.as_bytes(), Path::new("g.json")).unwrap();
    assert_eq!(counted(&faults), []);
    assert_eq!((graph.nodes[0].dtype.as_deref(), graph.nodes[0].operation.as_str()), (None, ""));
}

#[test]
fn ids_that_repeat_are_counted() {
    let text = SMALL.replace("node_3", "node_0");
    let (graph, faults) = read(text.as_bytes(), Path::new("g.json")).unwrap();
    assert_eq!(fault(&faults, "graph_duplicate_id").count, 1);
    assert_eq!(graph.edges[0].target, 0);
}

#[test]
fn cut_and_garbled_files_are_errors_with_their_byte() {
    let byte_of = |bytes: &[u8]| match read(bytes, Path::new("g.json")).unwrap_err() {
        ReadError::Malformed { byte, .. } => byte,
        other => panic!("{other}"),
    };
    let cut = SMALL.len() / 2;
    assert!(byte_of(&SMALL.as_bytes()[..cut]).abs_diff(cut as u64) <= 2);
    assert_eq!(byte_of(b""), 0);
    // The byte points at what is wrong, on whatever line that is.
    let at = SMALL.find("\"edges\"").unwrap() as u64;
    let garbled = SMALL.replace("\"edges\"", "!edges\"");
    assert_eq!(byte_of(garbled.as_bytes()), at);
    let error = read(b"{\"tensors\": []}", Path::new("g.json")).unwrap_err().to_string();
    assert!(error.contains("missing field `nodes`"), "{error}");
}

#[test]
fn reads_the_real_graphs() {
    let files = [
        ("tinyllama-1024/graphs/token-00000.json", 940, 1157, 264, 251),
        ("tinyllama-1024/graphs/token-00001.json", 940, 1157, 264, 251),
        ("gpt-oss-20b/graphs/token-00000.json", 1868, 2367, 432, 516),
    ];
    for (name, nodes, edges, cut, leafs) in files {
        let Some((path, bytes)) = real_file(name) else { return };
        let started = std::time::Instant::now();
        let (graph, faults) = read(&bytes, &path).unwrap();
        eprintln!("graph JSON of {} bytes: {:?}", bytes.len(), started.elapsed());
        assert_eq!((graph.nodes.len(), graph.edges.len()), (nodes, edges));
        assert_eq!(counted(&faults), [("graph_type_cut", cut)]);
        assert_eq!(graph.nodes.iter().filter(|node| node.leaf).count(), leafs);
        assert_eq!(graph.nodes.iter().filter(|node| node.cut_suffix.is_some()).count() as u64, cut);
    }
}
