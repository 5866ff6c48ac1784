//! Every byte range of a recording, against the model file's header, the graph and the router of llama.cpp.

use std::collections::BTreeSet;
use std::path::Path;

use tensorscope::trace::{Phase, Severity, Trace, Track};
use tensorscope_models::Kind;

use crate::recorded::{Touch, model, node_name, opened, ops, record, touches};
use crate::reference::{self, Pass};

const PROMPT: &str = "Hello there, what a day";
const BATCH: u32 = 8;
const PREDICT: u32 = 4;

fn both(kind: Kind, folder: &Path, mode: &str) -> (Trace, Vec<Pass>) {
    let model = model(kind);
    let arguments = ["-p", PROMPT, "-n", "4", "-b", "8", "--ignore-eos", "--mode", mode];
    let trace = opened(&record(&model, folder, &arguments));
    (trace, reference::run(&model, PROMPT, BATCH, PREDICT, true))
}

/// Everything that holds for a model of any architecture.
fn check(kind: Kind, mode: &str) -> (Trace, Vec<Pass>) {
    let folder = tempfile::tempdir().expect("a folder");
    let (trace, reference) = both(kind, folder.path(), mode);
    check_passes(&trace, &reference);
    check_weights(&trace, &model(kind));
    check_order(&trace, &reference);
    check_operands(&trace, &reference);
    check_token_rows(&trace);
    let doubtful: Vec<_> = trace.health.entries.iter().filter(|e| e.severity > Severity::Info).collect();
    assert!(doubtful.is_empty(), "{doubtful:?}");
    (trace, reference)
}

fn check_passes(trace: &Trace, reference: &[Pass]) {
    assert_eq!(trace.passes.len(), reference.len());
    assert!(trace.passes.iter().filter(|p| p.phase == Phase::Prompt).count() > 1, "a prompt of several batches");
    for (pass, seen) in trace.passes.iter().zip(reference) {
        assert_eq!(pass.token_ids, seen.tokens);
        let positions: Vec<u32> = (seen.first_position..).take(seen.tokens.len()).collect();
        assert_eq!(pass.positions, positions);
        assert!(pass.text.as_ref().is_some_and(|t| !t.is_empty()));
        assert!(pass.duration_ns > 0);
    }
    assert_eq!(trace.passes.iter().filter(|p| p.phase == Phase::Generate).count(), PREDICT as usize);
}

/// The tensors of the model are those of the file, and nothing is read outside of them.
fn check_weights(trace: &Trace, model: &Path) {
    let weights = reference::weights(model);
    let on_disk: Vec<_> = trace.tensors.iter().filter(|t| t.track == Track::Disk).collect();
    assert_eq!(on_disk.len(), weights.len());
    for tensor in on_disk {
        assert_eq!((tensor.offset, tensor.bytes), weights[&tensor.name], "{}", tensor.name);
    }
    for range in 0..trace.ranges.tensor.len() {
        let tensor = &trace.tensors[trace.ranges.tensor[range] as usize];
        let end = trace.ranges.offset[range] + trace.ranges.length[range];
        assert!(trace.ranges.length[range] > 0 && end <= tensor.bytes, "{} to {end}", tensor.name);
    }
}

/// Ops are the nodes that run, in the graph's order; graphs list all nodes.
fn check_order(trace: &Trace, reference: &[Pass]) {
    for (k, seen) in reference.iter().enumerate() {
        let recorded: Vec<(&str, &str)> = ops(trace, k).map(|op| (trace.op_name(op), node_name(trace, op))).collect();
        let expected: Vec<(&str, &str)> =
            seen.nodes.iter().filter(|n| n.runs).map(|n| (n.op.as_str(), n.name.as_str())).collect();
        assert_eq!(recorded, expected, "pass {k}");
        let graph = &trace.graphs[trace.passes[k].graph.expect("a graph") as usize];
        let nodes: Vec<&str> = graph.nodes.iter().filter(|n| !n.leaf).map(|n| n.name.as_str()).collect();
        assert_eq!(nodes, seen.nodes.iter().map(|n| n.name.as_str()).collect::<Vec<_>>());
        for edge in &graph.edges {
            assert!(graph.nodes[edge.source as usize].leaf || edge.source < edge.target, "operands come first");
        }
    }
}

const NO_OPS: [&str; 4] = ["VIEW", "RESHAPE", "PERMUTE", "TRANSPOSE"];

/// Each operand that an op takes whole is touched whole, in the tensor that it is a view of.
fn check_operands(trace: &Trace, reference: &[Pass]) {
    for (k, seen) in reference.iter().enumerate() {
        for (op, node) in ops(trace, k).zip(seen.nodes.iter().filter(|n| n.runs)) {
            let touched = touches(trace, op);
            if NO_OPS.contains(&node.op.as_str()) {
                assert!(touched.is_empty(), "{} touches nothing", node.name);
                continue;
            }
            for operand in &node.operands {
                let of_slot: Vec<&Touch> = touched.iter().filter(|t| t.slot == Some(operand.slot)).collect();
                assert!(of_slot.iter().all(|t| t.tensor == operand.root && !t.write), "{} {operand:?}", node.name);
                let picked = matches!(
                    (node.op.as_str(), operand.slot),
                    ("GET_ROWS" | "SSM_SCAN" | "MUL_MAT_ID", 0) | ("ADD_ID", 1)
                );
                let destination = matches!((node.op.as_str(), operand.slot), ("CPY", 1) | ("SET_ROWS", 2));
                let bytes: u64 = of_slot.iter().map(|t| t.length).sum();
                if node.op == "FILL" {
                    assert_eq!(bytes, 0, "{} is only shaped like it", node.name);
                } else if destination {
                    assert_eq!(bytes, 0, "{} only writes there", node.name);
                } else if operand.contiguous && !picked {
                    assert_eq!(
                        (bytes, of_slot.len()),
                        (operand.bytes, usize::from(operand.bytes > 0)),
                        "{} {operand:?}",
                        node.name
                    );
                } else {
                    // Recurrent models look up the states of further sequences, of which there are none.
                    let ids = node.operands.iter().find(|o| o.slot == 1).filter(|_| node.op == "GET_ROWS");
                    let some = operand.bytes > 0 && ids.is_none_or(|ids| ids.bytes > 0);
                    assert_eq!(bytes > 0, some, "{} {operand:?}", node.name);
                }
            }
            let written: u64 = touched.iter().filter(|t| t.write).map(|t| t.length).sum();
            if node.op != "SET_ROWS" && node.contiguous {
                assert_eq!(written, node.bytes, "{} {}", node.op, node.name);
            }
            assert!(touched.iter().all(|t| t.write == t.slot.is_none()));
        }
    }
}

/// Rows of the embedding are those of the tokens that were fed, in their order.
fn check_token_rows(trace: &Trace) {
    let embedding = trace.tensors.iter().find(|t| t.name == "token_embd.weight").expect("an embedding");
    let row_bytes = embedding.bytes / embedding.shape[1];
    for k in 0..trace.passes.len() {
        let lookups: Vec<usize> = ops(trace, k)
            .filter(|&op| trace.op_name(op) == "GET_ROWS")
            .filter(|&op| touches(trace, op).first().is_some_and(|t| t.tensor == embedding.name))
            .collect();
        assert_eq!(lookups.len(), 1, "pass {k}");
        let rows: Vec<(u64, u64)> =
            touches(trace, lookups[0]).iter().filter(|t| t.slot == Some(0)).map(|t| (t.offset, t.length)).collect();
        let expected: Vec<(u64, u64)> =
            trace.passes[k].token_ids.iter().map(|&id| (id as u64 * row_bytes, row_bytes)).collect();
        assert_eq!(rows, expected, "pass {k}");
    }
}

/// Rows that are written to the caches are those of the pass's positions.
fn check_cache_rows(trace: &Trace, layers: usize) {
    for (k, pass) in trace.passes.iter().enumerate() {
        let mut caches = BTreeSet::new();
        for op in ops(trace, k).filter(|&op| trace.op_name(op) == "SET_ROWS") {
            let written: Vec<Touch> = touches(trace, op).into_iter().filter(|t| t.write).collect();
            let row_bytes = written[0].length;
            assert!(written.iter().all(|t| t.length == row_bytes && t.offset % row_bytes == 0));
            let rows: Vec<u32> = written.iter().map(|t| (t.offset / row_bytes) as u32).collect();
            assert_eq!(rows, pass.positions, "{} in pass {k}", written[0].tensor);
            caches.insert(written[0].tensor.clone());
        }
        assert_eq!(caches.len(), 2 * layers, "keys and values of every layer with attention in pass {k}");
    }
}

/// Slices of expert tensors are those of the experts that the router chose for any token of the pass.
fn check_experts(trace: &Trace, reference: &[Pass]) {
    let mut varied = BTreeSet::new();
    for (k, seen) in reference.iter().enumerate() {
        assert!(!seen.routed.is_empty());
        let mut layers = BTreeSet::new();
        for op in ops(trace, k) {
            let kind = trace.op_name(op);
            let Some(slot) = [("MUL_MAT_ID", 0), ("ADD_ID", 1)].iter().find(|(k, _)| *k == kind).map(|(_, s)| *s)
            else {
                continue;
            };
            let layer = trace.ops.layer.get(op).expect("experts are in a layer");
            layers.insert(layer);
            let chosen: BTreeSet<u32> = seen.routed[&layer].iter().flatten().map(|&id| id as u32).collect();
            varied.insert(chosen.clone());
            let slices: Vec<Touch> = touches(trace, op).into_iter().filter(|t| t.slot == Some(slot)).collect();
            let tensor = trace.tensors.iter().find(|t| t.name == slices[0].tensor).expect("the tensor");
            let slice = tensor.bytes / tensor.shape.last().expect("experts");
            let expected: Vec<(u64, u64, Option<u32>)> =
                chosen.iter().map(|&id| (u64::from(id) * slice, slice, Some(id))).collect();
            let recorded: Vec<(u64, u64, Option<u32>)> =
                slices.iter().map(|t| (t.offset, t.length, t.expert)).collect();
            assert_eq!(recorded, expected, "{} in pass {k}", tensor.name);
        }
        assert_eq!(layers.len(), seen.routed.len(), "every layer that routes uses experts");
    }
    assert!(varied.len() > 4, "the router makes up its mind anew: {varied:?}");
}

fn check_times(trace: &Trace) {
    for (k, pass) in trace.passes.iter().enumerate() {
        let mut last = pass.start_ns;
        for op in ops(trace, k) {
            let start = trace.ops.start_ns[op];
            let duration = trace.ops.duration_ns.get(op).expect("an end");
            assert!(start >= last, "ops follow each other");
            last = start + duration;
        }
        assert!(last <= pass.start_ns + pass.duration_ns, "inside the pass");
    }
    assert_eq!(trace.passes[0].start_ns, 0, "times count from the first pass");
}

#[test]
fn a_dense_llama() {
    let (trace, _) = check(Kind::TinyLlama, "timing");
    check_cache_rows(&trace, trace.model_layers());
    check_times(&trace);
    // The tied embedding is also the output: looked up by rows, then read whole.
    let whole = (0..trace.op_count()).filter(|&op| {
        trace.op_name(op) == "MUL_MAT" && touches(&trace, op).iter().any(|t| t.tensor == "token_embd.weight")
    });
    assert_eq!(whole.count(), trace.passes.len());
}

#[test]
fn a_mixture_of_experts() {
    let (trace, reference) = check(Kind::TinyMoe, "timing");
    check_experts(&trace, &reference);
    check_cache_rows(&trace, trace.model_layers());
}

#[test]
fn a_mixture_of_experts_in_order_mode() {
    let (trace, reference) = check(Kind::TinyMoe, "order");
    check_experts(&trace, &reference);
    check_cache_rows(&trace, trace.model_layers());
    assert!((0..trace.op_count()).all(|op| trace.ops.duration_ns.get(op).is_none()));
}

#[test]
fn experts_with_biases_attention_sinks_and_a_window() {
    let (trace, reference) = check(Kind::TinyGptOss, "order");
    check_experts(&trace, &reference);
    check_cache_rows(&trace, trace.model_layers());
    let sinks = (0..trace.op_count()).filter(|&op| touches(&trace, op).iter().any(|t| t.tensor.contains("sinks")));
    assert_eq!(sinks.count(), trace.model_layers() * trace.passes.len());
}

#[test]
fn a_recurrent_state() {
    let (trace, _) = check(Kind::TinyMamba, "order");
    for k in 0..trace.passes.len() {
        let states: BTreeSet<String> = ops(&trace, k)
            .flat_map(|op| touches(&trace, op))
            .filter(|t| t.write && t.tensor.starts_with("cache_"))
            .map(|t| t.tensor)
            .collect();
        assert_eq!(states.len(), 2 * trace.model_layers(), "convolution and scan state of every layer: {states:?}");
    }
}

#[test]
fn latent_attention_with_a_shared_expert() {
    let (trace, reference) = check(Kind::TinyDeepseek2, "timing");
    check_experts(&trace, &reference);
}

#[test]
fn convolutions_beside_attention() {
    check(Kind::TinyLfm2, "order");
}

/// What two recordings have in common, whatever their times and addresses.
fn content(trace: &Trace) -> Vec<(String, Vec<Touch>)> {
    (0..trace.op_count()).map(|op| (trace.op_name(op).to_owned(), touches(trace, op))).collect()
}

#[test]
fn a_second_recording_has_the_same_accesses_and_so_has_the_other_mode() {
    let folder = tempfile::tempdir().expect("a folder");
    let record = |name: &str, mode: &str| {
        let folder = folder.path().join(name);
        std::fs::create_dir(&folder).expect("a folder");
        both(Kind::TinyMoe, &folder, mode).0
    };
    let (first, second, order) = (record("a", "timing"), record("b", "timing"), record("c", "order"));
    assert_eq!(content(&first), content(&second));
    assert_eq!(content(&first), content(&order));
    assert_eq!(first.graphs, second.graphs);
    assert_eq!(first.graphs, order.graphs);
}

trait Layers {
    fn model_layers(&self) -> usize;
}

impl Layers for Trace {
    fn model_layers(&self) -> usize {
        self.meta.model.layers.expect("layers in the header") as usize
    }
}
