//! Other ways to run: without flash attention values are cached transposed, so that single elements are written; without
//! mapping weights are read from memory.

use tensorscope::trace::Severity;
use tensorscope_models::Kind;

use crate::recorded::{Touch, model, opened, ops, record, touches};

#[test]
fn values_are_written_a_column_a_token() {
    let folder = tempfile::tempdir().expect("a folder");
    let arguments = ["-p", "Hello there", "-n", "3", "--ignore-eos", "--flash-attention", "off", "--mode", "order"];
    let trace = opened(&record(&model(Kind::TinyLlama), folder.path(), &arguments));
    let worst = trace.health.worst();
    assert!(worst <= Some(Severity::Info), "{:?}", trace.health);
    let mut seen = 0;
    for (k, pass) in trace.passes.iter().enumerate() {
        let (first, count) = (u64::from(pass.positions[0]), pass.positions.len() as u64);
        for op in ops(&trace, k).filter(|&op| trace.op_name(op) == "SET_ROWS") {
            let written: Vec<Touch> = touches(&trace, op).into_iter().filter(|t| t.write).collect();
            if !written[0].tensor.starts_with("cache_v") {
                continue;
            }
            seen += 1;
            let tensor = trace.tensors.iter().find(|t| t.name == written[0].tensor).expect("the cache");
            let (channels, cells) = (tensor.shape[0], tensor.shape[1]);
            // f16: the cells of a channel lie side by side, those of this pass in one piece.
            let expected: Vec<(u64, u64)> = (0..channels).map(|c| (2 * (c * cells + first), 2 * count)).collect();
            let pieces: Vec<(u64, u64)> = written.iter().map(|t| (t.offset, t.length)).collect();
            assert_eq!(pieces, expected, "{} in pass {k}", tensor.name);
        }
    }
    assert_eq!(seen, trace.passes.len() * trace.meta.model.layers.expect("layers") as usize);
}

#[test]
fn weights_that_were_copied_are_read_from_memory_and_health_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let arguments = ["-p", "Hello there", "-n", "1", "--ignore-eos", "--no-mmap", "--mode", "order"];
    let trace = opened(&record(&model(Kind::TinyLlama), folder.path(), &arguments));
    let entry = trace.health.entries.iter().find(|e| e.code == "weight_not_mapped").expect("an entry");
    assert!(entry.count > 30 && entry.example.contains(".weight in CPU"), "{entry:?}");
    assert!(trace.passes.iter().all(|p| p.reads_disk == 0));
    let touched = |name: &str| {
        (0..trace.op_count()).flat_map(|op| touches(&trace, op)).filter(|t| t.tensor == name).map(|t| t.length).max()
    };
    assert!(touched("blk.0.attn_q.weight") > Some(0), "still told apart by name");
    assert!(trace.buffers.iter().any(|b| b.name == "CPU weights" && b.usage == "WEIGHTS"), "{:?}", trace.buffers);
}
