//! Which slices of stacked tensors an op used.

use crate::sources::gguf::Writer;
use crate::sources::{Folder, Node, Op, accesses, dot, graph_json, health, memory_map, op, pass, token_json, wide};
use tensorscope::trace::Trace;

/// 4 experts of 64 bytes, biases of 16 bytes; `tokens` are looked up.
fn routed(tokens: u64, ids: &[i32]) -> Vec<Op> {
    vec![
        op("GET_ROWS", "inp_embd").disk("token_embd.weight", 1000, 640).buffer("inp_tokens", 9, 0x9000, 4 * tokens),
        op("MUL_MAT_ID", "ffn_moe_up-0")
            .disk("blk.0.ffn_up_exps.weight", 2000, 256)
            .buffer("inp_embd", 5, 0x5000, 64)
            .buffer("ffn_moe_topk-0", 5, 0x5100, 8)
            .experts(ids),
        op("ADD_ID", "ffn_moe_up_biased-0")
            .buffer("ffn_moe_up-0", 5, 0x5200, 64)
            .disk("blk.0.ffn_up_exps.bias", 3000, 64)
            .buffer("ffn_moe_topk-0", 5, 0x5100, 8)
            .experts(ids),
    ]
}

fn map() -> String {
    let slices: Vec<_> = (0..4).map(|e| (format!("blk.0.ffn_up_exps.weight[{e}]"), 2000 + 64 * e)).collect();
    let mut tensors: Vec<(&str, u64, u64, &[u64])> = vec![("token_embd.weight", 1000, 640, &[16, 10])];
    tensors.extend(slices.iter().map(|(name, offset)| (name.as_str(), *offset, 64, [4, 4].as_slice())));
    tensors.push(("blk.0.ffn_up_exps.bias", 3000, 64, &[4, 4]));
    memory_map(&tensors)
}

fn nodes(used: &[u64]) -> Vec<Node<'_>> {
    vec![
        ("inp_embd", "GET_ROWS", &[4, 1], &[]),
        ("ffn_moe_logits-0", "MUL_MAT", &[4, 1], &[0]),
        ("ffn_moe_topk-0", "VIEW", used, &[1]),
        ("ffn_moe_up-0", "MUL_MAT_ID", &[4, 2, 1], &[0, 2]),
    ]
}

/// Slices that the product read.
fn used(trace: &Trace, op: usize, slot: usize) -> Vec<(u64, u64, Option<u32>, &'static str)> {
    let of_slot = trace.accesses_of(op).map(|a| usize::from(trace.accesses.slot[a]));
    let all = accesses(trace, op).into_iter().zip(of_slot);
    all.filter(|(_, s)| *s == slot)
        .map(|((_, offset, length, expert, flags), _)| (offset, length, expert, flags))
        .collect()
}

const WHOLE: (u64, u64, Option<u32>, &str) = (0, 256, None, "r~");

#[test]
fn one_token_uses_as_many_slices_as_its_graph_says() {
    let trace = Folder::new()
        .with("tensor_trace.bin", wide(&pass(0, false, &routed(1, &[3, 1, 0, 2]))))
        .with("memory-map.json", map())
        .with("graphs/token_00000.dot", dot(&nodes(&[2, 1])))
        .open();
    assert_eq!(used(&trace, 1, 0), [(192, 64, Some(3), "r"), (64, 64, Some(1), "r")]);
    assert_eq!(used(&trace, 2, 1), [(48, 16, Some(3), "r"), (16, 16, Some(1), "r")], "biases by slices, too");
    assert_eq!((health(&trace, "experts_estimated"), health(&trace, "expert_out_of_range")), (0, 0));
    assert_eq!((trace.passes[0].reads_disk, trace.passes[0].reads_buffer), (3, 5), "operands, not slices");
}

#[test]
fn the_same_holds_for_token_files_and_graphs_from_json() {
    let trace = Folder::new()
        .with("traces/token-00000.json", token_json(0, &pass(0, false, &routed(1, &[3, 1]))))
        .with("memory-map.json", map())
        .with("graphs/token-00000.json", graph_json(&nodes(&[2, 1])))
        .open();
    assert_eq!(used(&trace, 1, 0), [(192, 64, Some(3), "r"), (64, 64, Some(1), "r")]);
}

#[test]
fn the_model_file_says_how_many_where_no_graph_does() {
    let model = |used: u32| {
        Writer::new()
            .text("general.architecture", "toy")
            .number("toy.expert_count", 4)
            .number("toy.expert_used_count", used)
            .tensor("token_embd.weight", &[16, 10], 0, 640)
            .tensor("blk.0.ffn_up_exps.weight", &[4, 4, 4], 0, 256)
            .tensor("blk.0.ffn_up_exps.bias", &[4, 4], 0, 64)
            .file()
    };
    let opened = |count: u32, graph: Option<String>| {
        let mut run = Folder::new()
            .with("tensor_trace.bin", wide(&pass(0, false, &routed(1, &[2, 0, 1]))))
            .with("model.gguf", model(count));
        if let Some(graph) = graph {
            run = run.with("graph.dot", graph);
        }
        run.open()
    };
    assert_eq!(used(&opened(1, None), 1, 0), [(128, 64, Some(2), "r")]);
    assert_eq!(used(&opened(3, None), 1, 0).len(), 3);
    assert_eq!(used(&opened(4, None), 1, 0), [WHOLE], "more used than listed");
    let by_graph = opened(3, Some(dot(&nodes(&[2, 1]))));
    assert_eq!(used(&by_graph, 1, 0).len(), 2, "the graph counts before the model file");
}

#[test]
fn several_tokens_use_the_whole_tensor_estimated() {
    let trace = Folder::new()
        .with("tensor_trace.bin", wide(&pass(0, false, &routed(2, &[3, 1]))))
        .with("memory-map.json", map())
        .with("graphs/token_00000.dot", dot(&nodes(&[2, 2])))
        .open();
    assert_eq!(used(&trace, 1, 0), [WHOLE]);
    assert_eq!(used(&trace, 2, 1), [(0, 64, None, "r~")]);
    assert_eq!(health(&trace, "experts_estimated"), 2);
}

#[test]
fn ids_that_the_tensor_does_not_have_are_counted_and_leave_it_whole() {
    for ids in [[3, 4], [-1, 2]] {
        let trace = Folder::new()
            .with("tensor_trace.bin", wide(&pass(0, false, &routed(1, &ids))))
            .with("memory-map.json", map())
            .with("graphs/token_00000.dot", dot(&nodes(&[2, 1])))
            .open();
        assert_eq!(used(&trace, 1, 0), [WHOLE], "{ids:?}");
        assert_eq!(health(&trace, "expert_out_of_range"), 2);
    }
}

#[test]
fn without_graph_and_model_file_nothing_says_how_many_were_used() {
    let trace = Folder::new()
        .with("tensor_trace.bin", wide(&pass(0, false, &routed(1, &[3, 1]))))
        .with("memory-map.json", map())
        .open();
    assert_eq!(used(&trace, 1, 0), [WHOLE]);
}

#[test]
fn a_graph_says_how_many_experts_there_are_where_no_model_does() {
    let trace = Folder::new()
        .with("tensor_trace.bin", wide(&pass(0, false, &routed(1, &[3, 1]))))
        .with("graphs/token_00000.dot", dot(&nodes(&[2, 1])))
        .open();
    assert_eq!(used(&trace, 1, 0), [(192, 64, Some(3), "r"), (64, 64, Some(1), "r")]);
}

#[test]
fn an_expert_listed_twice_is_one_slice() {
    let trace = Folder::new()
        .with("tensor_trace.bin", wide(&pass(0, false, &routed(1, &[1, 1]))))
        .with("memory-map.json", map())
        .with("graphs/token_00000.dot", dot(&nodes(&[2, 1])))
        .open();
    assert_eq!(used(&trace, 1, 0), [(64, 64, Some(1), "r")]);
}
