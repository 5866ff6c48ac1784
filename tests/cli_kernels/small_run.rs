//! A mixture of experts with two layers, recorded as the predecessor did, in a folder that goes when it is dropped.

use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

pub const EXPERTS: u64 = 4;
const LAYERS: u64 = 2;
const SLICE_BYTES: u64 = 700;
const NORM_BYTES: u64 = 96;
const EMBEDDING_BYTES: u64 = 3_000;
/// Tensors begin at an address that no power of two divides.
const DATA_OFFSET: u64 = 1_003;
const LAYER_BYTES: u64 = NORM_BYTES + EXPERTS * SLICE_BYTES;

pub struct SmallRun {
    folder: TempDir,
}

impl SmallRun {
    /// A pass for the prompt, and four that generate.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        for sub in ["traces", "graphs"] {
            std::fs::create_dir(folder.path().join(sub)).expect("a folder");
        }
        let run = Self { folder };
        run.write("memory-map.json", &memory_map());
        run.write("graphs/token-00000.json", &graph());
        for token in 0..5 {
            run.write(&format!("traces/token-{token:05}.json"), &trace(token));
        }
        run
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    fn write(&self, name: &str, document: &Value) {
        std::fs::write(self.folder.path().join(name), document.to_string()).expect("a file");
    }
}

fn norm_offset(layer: u64) -> u64 {
    DATA_OFFSET + EMBEDDING_BYTES + layer * LAYER_BYTES
}

fn experts_offset(layer: u64) -> u64 {
    norm_offset(layer) + NORM_BYTES
}

fn memory_map() -> Value {
    let entry = |name: String, offset: u64, bytes: u64, shape: &[u64]| {
        json!({"name": name, "offset_start": offset, "offset_end": offset + bytes, "size_bytes": bytes, "shape": shape,
               "layer_id": null})
    };
    let mut tensors = vec![entry("token_embd.weight".to_owned(), DATA_OFFSET, EMBEDDING_BYTES, &[25, 30])];
    for layer in 0..LAYERS {
        tensors.push(entry(format!("blk.{layer}.attn_norm.weight"), norm_offset(layer), NORM_BYTES, &[24]));
        for expert in 0..EXPERTS {
            let offset = experts_offset(layer) + expert * SLICE_BYTES;
            tensors.push(entry(format!("blk.{layer}.ffn_up_exps.weight[{expert}]"), offset, SLICE_BYTES, &[25, 7]));
        }
    }
    json!({"model_name": "small", "total_size_bytes": 0, "metadata": {"n_layers": LAYERS, "n_vocab": 30, "n_embd": 25,
           "n_tensors": tensors.len()}, "tensors": tensors})
}

/// What each node reads, leafs by name and ops by their place.
fn graph() -> Value {
    let mut nodes: Vec<(String, &str, Vec<u64>, Vec<String>)> =
        vec![("inp_embd".to_owned(), "get_rows(x)", vec![25, 1], vec!["token_embd.weight".to_owned()])];
    for layer in 0..LAYERS {
        let before = nodes[nodes.len() - 1].0.clone();
        let norm = format!("attn_norm-{layer}");
        let topk = format!("ffn_moe_topk-{layer}");
        nodes.push((norm.clone(), "x*y", vec![25, 1], vec![before, format!("blk.{layer}.attn_norm.weight")]));
        nodes.push((topk.clone(), "view(x)", vec![2, 1], vec![norm.clone()]));
        let experts = vec![format!("blk.{layer}.ffn_up_exps.weight"), norm, topk];
        nodes.push((format!("ffn_moe_up-{layer}"), "X[i]*Y", vec![7, 2], experts));
    }
    let leafs: Vec<String> =
        nodes.iter().flat_map(|node| &node.3).filter(|name| name.ends_with(".weight")).cloned().collect();
    let names: Vec<&String> = nodes.iter().map(|node| &node.0).chain(&leafs).collect();
    let id = |name: &String| {
        let at = names.iter().position(|other| *other == name).expect("a node of that name");
        format!("node_{at}")
    };
    let edges: Vec<Value> = nodes
        .iter()
        .flat_map(|(name, _, _, operands)| {
            operands.iter().enumerate().map(move |(slot, operand)| (operand, name, slot))
        })
        .map(|(source, target, slot)| {
            json!({"source": id(source), "target": id(target), "label": format!("src {slot}")})
        })
        .collect();
    let node = |name: &String, operation: &str, shape: &[u64]| json!({"id": id(name), "label": name, "operation": operation, "shape": shape, "dtype": "f32"});
    let listed: Vec<Value> = nodes
        .iter()
        .map(|(name, operation, shape, _)| node(name, operation, shape))
        .chain(leafs.iter().map(|name| node(name, "CONST", &[25, 7])))
        .collect();
    json!({"nodes": listed, "edges": edges})
}

fn trace(token: u64) -> Value {
    let disk = |name: String, offset: u64, bytes: u64| {
        json!({"name": name, "tensor_ptr": "0x7f0000001000", "size_bytes": bytes, "layer_id": null,
               "memory_source": "DISK", "disk_offset": offset})
    };
    let buffer = |name: String, address: u64, bytes: u64| {
        json!({"name": name, "tensor_ptr": format!("{address:#x}"), "size_bytes": bytes, "layer_id": null,
               "memory_source": "BUFFER", "buffer_id": 4242})
    };
    let base = 0x5000_0000_1000_u64;
    let mut ops: Vec<(&str, String, Vec<Value>, Vec<u64>)> = vec![(
        "GET_ROWS",
        "inp_embd".to_owned(),
        vec![disk("token_embd.weight".to_owned(), DATA_OFFSET, EMBEDDING_BYTES)],
        vec![],
    )];
    let mut before = "inp_embd".to_owned();
    for layer in 0..LAYERS {
        let at = base + layer * 900;
        let norm = format!("attn_norm-{layer}");
        let weight = disk(format!("blk.{layer}.attn_norm.weight"), norm_offset(layer), NORM_BYTES);
        ops.push(("MUL", norm.clone(), vec![buffer(before, at, 100), weight], vec![]));
        let experts = disk(format!("blk.{layer}.ffn_up_exps.weight"), experts_offset(layer), EXPERTS * SLICE_BYTES);
        let used = vec![(token + layer) % EXPERTS, (token * 3 + 1) % EXPERTS];
        before = format!("ffn_moe_up-{layer}");
        ops.push(("MUL_MAT_ID", before.clone(), vec![experts, buffer(norm, at + 300, 100)], used));
    }
    let entries: Vec<Value> = (0_u64..)
        .zip(ops)
        .map(|(k, (operation, destination, sources, experts))| {
            json!({"entry_id": k, "timestamp_ns": 1_000_000 * (token + 1) + 1_000 * k, "token_id": token,
                   "layer_id": null, "thread_id": 1, "phase": if token == 0 { "PROMPT" } else { "GENERATE" },
                   "operation_type": operation, "dst_name": destination, "num_sources": sources.len(),
                   "sources": sources, "num_experts": experts.len(), "expert_ids": experts})
        })
        .collect();
    json!({"token_id": token, "metadata": {"total_entries": entries.len(), "format_version": "1024-byte"},
           "entries": entries})
}
