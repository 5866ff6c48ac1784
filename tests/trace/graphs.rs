//! Graphs of passes, nodes of ops, layers of nodes.

use super::dense;
use crate::sources::{Folder, Node, dot, graph_json, health, op, operands, pass, wide, wide_ggml};
use tensorscope::analysis::info::Info;
use tensorscope::trace::{NodeType, Trace};

fn graph(last: &str) -> String {
    dot(&[
        ("embd", "GET_ROWS", &[4, 1], &[4, 5]),
        ("norm-0", "RMS_NORM", &[4, 1], &[0]),
        ("Kcur-0", "MUL_MAT", &[4, 1], &[6, 1]),
        (last, "MUL_MAT", &[4, 1], &[7, 1]),
        ("token_embd.weight", "CONST", &[4, 10], &[]),
        ("leaf_2", "CONST", &[1, 1], &[]),
        ("blk.0.attn_k.weight", "CONST", &[4, 4], &[]),
        ("output.weight", "CONST", &[4, 8], &[]),
    ])
}

/// A run of `passes` passes with graphs of these numbers.
fn run(passes: u32, graphs: &[(u32, &str)]) -> Trace {
    let ops: Vec<_> = (0..passes).flat_map(|k| pass(k, k == 0, &dense(1))).collect();
    let mut folder = Folder::new().with("tensor_trace.bin", wide(&ops));
    for (number, last) in graphs {
        folder = folder.with(&format!("graphs/token_{number:05}.dot"), graph(last));
    }
    folder.open()
}

fn graphs_of(trace: &Trace) -> Vec<Option<u32>> {
    trace.passes.iter().map(|p| p.graph).collect()
}

#[test]
fn as_many_graphs_as_passes_go_one_to_one() {
    let trace = run(3, &[(7, "a"), (8, "b"), (20, "a")]);
    assert_eq!(graphs_of(&trace), [Some(0), Some(1), Some(0)]);
    assert_eq!(trace.graphs.len(), 2, "distinct ones only");
}

#[test]
fn else_a_pass_has_the_last_graph_with_a_number_up_to_its_own() {
    let trace = run(5, &[(1, "a"), (3, "b")]);
    assert_eq!(graphs_of(&trace), [None, Some(0), Some(0), Some(1), Some(1)]);
    assert_eq!(trace.ops.node.get(0), None);
    assert_eq!(trace.ops.layer.get(1), Some(0), "by its own name");
    assert_eq!(graphs_of(&run(2, &[(0, "a"), (1, "b"), (2, "c")])), [Some(0), Some(1)]);
}

#[test]
fn graphs_differ_by_names_kinds_shapes_types_and_edges() {
    let base: Vec<Node<'_>> = vec![("a-0", "ADD", &[4], &[1]), ("w", "CONST", &[4], &[])];
    let variants: [Vec<Node<'_>>; 4] = [
        vec![("b-0", "ADD", &[4], &[1]), ("w", "CONST", &[4], &[])],
        vec![("a-0", "MUL", &[4], &[1]), ("w", "CONST", &[4], &[])],
        vec![("a-0", "ADD", &[5], &[1]), ("w", "CONST", &[4], &[])],
        vec![("a-0", "ADD", &[4], &[1, 1]), ("w", "CONST", &[4], &[])],
    ];
    let typed = dot(&base).replace("a-0 (f32)", "a-0 (f16)");
    let mut folder =
        Folder::new().with("graphs/g0.dot", dot(&base)).with("graphs/g1.dot", dot(&base)).with("graphs/g2.dot", typed);
    for (k, variant) in variants.iter().enumerate() {
        folder = folder.with(&format!("graphs/g{}.dot", k + 3), dot(variant));
    }
    assert_eq!(folder.open().graphs.len(), 6);
    // Suffixes that the export cut off tell nodes apart, too; ids and addresses do not.
    let json = graph_json(&base);
    let folder = Folder::new()
        .with("graphs/token-00000.json", &json)
        .with("graphs/token-00001.json", json.replace("node_", "other_"))
        .with("graphs/token-00002.json", json.replacen("\"f32\"", "\"view\"", 1))
        .with("graphs/token-00003.json", json.replacen("\"f32\"", "\"reshaped\"", 1));
    assert_eq!(folder.open().graphs.len(), 3);
}

#[test]
fn ops_meet_nodes_of_their_name_and_kind_in_order() {
    let nodes: [Node<'_>; 5] = [
        ("x-0", "ADD", &[4], &[]),
        ("x-0", "RESHAPE", &[4], &[0]),
        ("x-0", "ADD", &[4], &[1]),
        ("y-0", "MUL_MAT", &[4], &[2]),
        ("z", "ADD", &[4], &[3]),
    ];
    let ops = [op("ADD", "x-0"), op("ADD", "x-0 "), op("ADD", "x-0"), op("OUT_PROD", "y-0"), op("MUL", "z")];
    // Another op first, or the first one's second coming would begin a pass.
    let ops = [[op("CONT", "first")].as_slice(), &ops].concat();
    let trace = Folder::new().with("tensor_trace.bin", wide(&pass(0, false, &ops))).with("g.dot", dot(&nodes)).open();
    let met: Vec<_> = (0..6).map(|i| trace.ops.node.get(i)).collect();
    assert_eq!(met, [None, Some(0), Some(2), None, Some(3), None]);
    assert_eq!(health(&trace, "op_without_node"), 3);
}

#[test]
fn a_run_without_graphs_gets_one_for_each_distinct_pass() {
    let ops = [pass(0, true, &dense(5)), pass(1, false, &dense(1)), pass(2, false, &dense(1)[..4])].concat();
    let trace = Folder::new().with("tensor_trace.bin", wide(&ops)).open();
    assert_eq!(graphs_of(&trace), [Some(0), Some(0), Some(1)], "addresses and sizes make no other graph");
    assert_eq!(health(&trace, "graph_from_ops"), 1);
    let graph = &trace.graphs[0];
    let names: Vec<_> = graph.nodes.iter().map(|n| (n.name.as_str(), n.leaf)).collect();
    assert_eq!(
        names[6..],
        [
            ("token_embd.weight", true),
            ("inp_tokens", true),
            ("blk.0.attn_k.weight", true),
            ("leaf_7", true),
            ("cache_k_l0", true),
            ("cache_v_l0 (view)", true),
            ("output.weight", true),
        ]
    );
    let edges: Vec<_> = graph.edges.iter().map(|e| (e.source, e.target, e.slot)).collect();
    assert_eq!(edges[..5], [(6, 0, 0), (7, 0, 1), (0, 1, 0), (8, 2, 0), (1, 2, 1)]);
    let nodes: Vec<_> = (0..6).map(|i| trace.ops.node.get(i)).collect();
    assert_eq!(nodes, (0..6).map(Some).collect::<Vec<_>>());
    assert_eq!(graph.nodes[9].label, "cache_positions");
}

#[test]
fn a_layer_is_told_by_name_also_behind_enc_and_dec_and_of_recurrent_caches() {
    let ops = [
        op("MUL_MAT", "a").disk("enc.blk.2.attn_q.weight", 1000, 64).buffer("cache_r_l0", 1, 0x1000, 16),
        op("MUL_MAT", "b").disk("dec.blk.11.attn_q.weight", 2000, 64).buffer("cache_s_l3 (view)", 1, 0x2000, 16),
    ];
    let trace = Folder::new().with("tensor_trace.bin", wide(&pass(0, false, &ops))).open();
    let layer = |name: &str| trace.tensors.iter().find(|t| t.name == name).unwrap().layer;
    assert_eq!((layer("enc.blk.2.attn_q.weight"), layer("dec.blk.11.attn_q.weight")), (Some(2), Some(11)));
    assert_eq!((layer("cache_r_l0"), layer("cache_s_l3 (view)")), (Some(0), Some(3)));
    assert_eq!(trace.graphs[0].layers(), 12);
    assert_eq!(trace.graphs[0].count(NodeType::Layer), 0, "weights and caches are infrastructure");
}

#[test]
fn an_unnamed_op_takes_the_layer_around_it_once_its_consumers_have() {
    // The consumer of node_2 stands before it in the file.
    let nodes: [Node<'_>; 5] = [
        ("norm-3", "RMS_NORM", &[4], &[]),
        ("node_1", "ADD", &[4], &[2]),
        ("node_2", "MUL", &[4], &[0]),
        (" (view)", "VIEW", &[4], &[1]),
        ("l_out-3", "ADD", &[4], &[3]),
    ];
    let trace = Folder::new().with("g.dot", dot(&nodes)).open();
    assert!(trace.graphs[0].nodes.iter().all(|n| n.layer == Some(3)), "{:?}", trace.graphs[0].nodes);
    assert_eq!(trace.graphs[0].count(NodeType::Layer), 2, "by name alone");
    let mut broken = nodes;
    broken[4].0 = "l_out-4";
    let layers: Vec<_> =
        Folder::new().with("g.dot", dot(&broken)).open().graphs[0].nodes.iter().map(|n| n.layer).collect();
    assert_eq!(layers, [Some(3), None, None, None, Some(4)]);
}

#[test]
fn ids_are_unique_even_where_the_source_repeats_them() {
    let nodes: [Node<'_>; 3] = [("a-0", "ADD", &[4], &[]), ("b-0", "ADD", &[4], &[0]), ("c-0", "ADD", &[4], &[1])];
    let text = graph_json(&nodes)
        .replace("\"id\": \"node_2\"", "\"id\": \"node_0\"")
        .replace("\"id\": \"node_1\"", "\"id\": \"node_0#2\"");
    let trace = Folder::new().with("graphs/token-00000.json", text).open();
    let ids: Vec<_> = trace.graphs[0].nodes.iter().map(|n| n.id.as_str()).collect();
    assert_eq!(ids, ["node_0", "node_0#2", "node_0#3"]);
}

#[test]
fn the_table_of_op_codes_is_the_one_that_fits() {
    let ops = [
        op("GET_ROWS", "embd").disk("token_embd.weight", 1000, 64),
        op("FLASH_ATTN_EXT", "__fattn__-0")
            .buffer("q", 1, 0x1000, 4)
            .buffer("k", 1, 0x2000, 4)
            .buffer("v", 1, 0x3000, 4),
        op("ARGSORT", "ffn_moe_argsort-0").buffer("p", 1, 0x4000, 4),
        op("UNARY", "ffn_silu-0").buffer("g", 1, 0x5000, 4),
        op("GLU", "ffn_swiglu-0").buffer("g", 1, 0x5000, 4),
        op("OP_200", "strange").buffer("g", 1, 0x5000, 4),
        op("OP_201", "stranger").buffer("g", 1, 0x5000, 4),
        op("OP_201", "stranger").buffer("h", 1, 0x5000, 4),
    ];
    let kinds = ["GET_ROWS", "FLASH_ATTN_EXT", "ARGSORT", "UNARY", "GLU", "OP_200", "OP_201", "OP_201"];
    let ops = pass(0, false, &ops);
    for bytes in [wide(&ops), wide_ggml(&ops), crate::sources::narrow(&ops)] {
        let trace = Folder::new().with("tensor_trace.bin", bytes).open();
        let named: Vec<_> = (0..8).map(|i| trace.op_name(i)).collect();
        assert_eq!(named, kinds);
        assert_eq!(health(&trace, "op_code_unknown"), 3);
    }
}

#[test]
fn no_file_is_refused_for_its_codes() {
    let ops =
        pass(0, false, &[op("OP_250", "a").buffer("x", 1, 0x1000, 4), op("OP_251", "b").buffer("a", 1, 0x2000, 4)]);
    for count in [1, 2] {
        for bytes in [wide(&ops[..count]), crate::sources::narrow(&ops[..count])] {
            let trace = Folder::new().with("tensor_trace.bin", bytes).open();
            assert_eq!((trace.op_count(), trace.op_name(0)), (count, "OP_250"));
        }
        let mut rows = operands(&ops[..count]);
        for row in 0..count {
            rows[128 * row + 16] = 77;
        }
        assert_eq!(Folder::new().with("tensor_trace.bin", rows).open().op_name(0), "OP_77");
    }
}

#[test]
fn leafs_are_counted_once_over_all_graphs() {
    assert_eq!(Info::of(&run(2, &[(0, "a"), (1, "b")])).leafs, 4);
}
