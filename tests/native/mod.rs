//! Native runs: the same as what they were made from, borrowed from the mapping, and safe to open when damaged.

mod damage;
#[cfg(unix)]
pub mod full_disk;
mod pieces;
pub mod recording;
mod unfinished;

use std::path::Path;

use crate::sources::gguf::small_model;
use crate::sources::{Folder, Op, dot, memory_map, narrow, op, operands, pass, real, token_json, wide};
use tensorscope::analysis::info::Info;
use tensorscope::formats::{Progress, native, open};
use tensorscope::trace::Trace;

fn ops() -> Vec<Op> {
    let one = |tokens: u64| {
        vec![
            op("GET_ROWS", "embd").disk("token_embd.weight", 1000, 340).buffer("inp_tokens", 9, 0x9000, 4 * tokens),
            op("MUL_MAT_ID", "ffn_moe_up-0")
                .disk("blk.0.ffn_up_exps.weight", 2000, 576)
                .buffer("embd", 5, 0x5000, 64)
                .buffer("ffn_moe_topk-0", 5, 0x5100, 8)
                .experts(&[3, 1]),
            op("SET_ROWS", "cache_k_l0 (view)").buffer("ffn_moe_up-0", 5, 0x5200, 64).buffer(
                "cache_k_l0",
                6,
                0x6000,
                64,
            ),
            op("ADD", "l_out-1").buffer("ffn_moe_up-0", 5, 0x5200, 64),
        ]
    };
    [pass(0, true, &one(5)), pass(1, false, &one(1)), pass(2, false, &one(1))].concat()
}

/// A run of every kind of source.
fn sources() -> Vec<Folder> {
    let graph =
        dot(&[("embd", "GET_ROWS", &[4, 1], &[2]), ("l_out-1", "ADD", &[4, 1], &[0]), ("w", "CONST", &[4], &[])]);
    let map = memory_map(&[("token_embd.weight", 1000, 340, &[10, 34])]);
    vec![
        Folder::new()
            .with("tensor_trace.bin", wide(&ops()))
            .with("model.gguf", small_model().file())
            .with("graphs/token_00000.dot", &graph),
        Folder::new().with("tensor_trace.bin", narrow(&ops())).with("memory-map.json", &map),
        Folder::new().with("tensor_trace.bin", operands(&ops())),
        Folder::new()
            .with("traces/token-00000.json", token_json(0, &ops()[..4]))
            .with("traces/token-00001.json", token_json(1, &ops()[4..]))
            .with("memory-map.json", &map)
            .with("buffer_stats.jsonl", crate::formats::buffers::STATS),
        Folder::new().with("graph.dot", graph),
        Folder::new().with("model.gguf", small_model().file()),
        Folder::new().with("buffer-timeline.json", crate::formats::buffers::TIMELINE),
    ]
}

fn converted(trace: &Trace, folder: &Folder) -> Trace {
    let path = folder.path().join("run.tscope");
    native::write(trace, &path).unwrap();
    open(&path, &Progress::default()).unwrap()
}

/// Everything but the source's description.
fn assert_same(before: &Trace, after: &Trace) {
    assert_eq!(Info { source: String::new(), ..Info::of(before) }, Info { source: String::new(), ..Info::of(after) });
    assert_eq!(before.tensors, after.tensors);
    assert_eq!(before.passes, after.passes);
    assert_eq!(before.graphs, after.graphs);
    assert_eq!(before.buffers, after.buffers);
    assert_eq!(before.health, after.health);
    let mut meta = after.meta.clone();
    meta.source.clone_from(&before.meta.source);
    assert_eq!(before.meta, meta);
    assert_eq!(before.ops.start_ns, after.ops.start_ns);
    assert_eq!((&before.ops.pass, &before.ops.kind), (&after.ops.pass, &after.ops.kind));
    assert_eq!(before.ops.first_access, after.ops.first_access);
    assert_eq!((&before.ranges.tensor, &before.ranges.offset), (&after.ranges.tensor, &after.ranges.offset));
    assert_eq!(before.ranges.length, after.ranges.length);
    assert_eq!((&before.accesses.range, &before.accesses.slot), (&after.accesses.range, &after.accesses.slot));
    assert_eq!(before.accesses.flags, after.accesses.flags);
    for op in 0..before.op_count() {
        let nullable = |t: &Trace| {
            let ops = &t.ops;
            (ops.duration_ns.get(op), ops.destination.get(op), ops.layer.get(op), ops.thread.get(op), ops.node.get(op))
        };
        assert_eq!(nullable(before), nullable(after), "op {op}");
    }
    for range in 0..before.ranges.tensor.len() {
        assert_eq!(before.ranges.expert.get(range), after.ranges.expert.get(range));
    }
}

#[test]
fn converting_keeps_all_but_the_source() {
    for folder in sources() {
        let before = folder.open();
        let after = converted(&before, &folder);
        assert_same(&before, &after);
        assert_eq!(after.meta.source, format!("native run, made from: {}", before.meta.source));
        // Once more changes nothing, not even the source.
        let again = folder.path().join("again.tscope");
        native::write(&after, &again).unwrap();
        let again = open(&again, &Progress::default()).unwrap();
        assert_same(&after, &again);
        assert_eq!(again.meta.source, after.meta.source);
    }
}

#[test]
fn real_runs_survive_converting() {
    for name in ["tinyllama-1024", "gpt-oss-20b", "recorded/smollm2-135m"] {
        let Some(path) = real(name) else { return };
        let before = open(&path, &Progress::default()).unwrap();
        assert_same(&before, &converted(&before, &Folder::new()));
    }
}

/// Whether the column's memory is a mapping of the file at `path`, by the kernel's account of this process.
#[cfg(target_os = "linux")]
fn is_mapped_from<T>(column: &[T], path: &Path) -> bool {
    let (start, end) = (column.as_ptr() as usize, column.as_ptr_range().end as usize);
    let path = path.canonicalize().unwrap();
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    maps.lines().filter(|line| line.ends_with(path.to_str().unwrap())).any(|line| {
        let (from, to) = line.split_whitespace().next().unwrap().split_once('-').unwrap();
        let address = |text: &str| usize::from_str_radix(text, 16).unwrap();
        address(from) <= start && end <= address(to)
    })
}

#[cfg(target_os = "linux")]
#[test]
fn long_columns_are_borrowed_from_the_mapped_files() {
    let folder = Folder::new().with("tensor_trace.bin", wide(&ops()));
    let read = folder.open();
    let native = converted(&read.repeated(50).unwrap(), &folder);
    let file = |name: &str| folder.path().join("run.tscope").join(name);
    let (ops, ranges, accesses) = (file("ops.arrow"), file("ranges.arrow"), file("accesses.arrow"));
    assert!(is_mapped_from(&native.ops.start_ns, &ops) && is_mapped_from(&native.ops.first_access, &ops));
    assert!(is_mapped_from(&native.ops.pass, &ops) && is_mapped_from(&native.ops.kind, &ops));
    assert!(is_mapped_from(&native.ops.duration_ns.values, &ops) && is_mapped_from(&native.ops.node.values, &ops));
    assert!(is_mapped_from(&native.ranges.offset, &ranges) && is_mapped_from(&native.ranges.tensor, &ranges));
    assert!(is_mapped_from(&native.accesses.range, &accesses) && is_mapped_from(&native.accesses.flags, &accesses));
    assert!(is_mapped_from(&native.accesses.slot, &accesses));
    assert!(!is_mapped_from(&read.ops.start_ns, &ops), "one that was read is not");
}

#[test]
fn columns_outlive_the_folder() {
    let folder = Folder::new().with("tensor_trace.bin", wide(&ops()));
    let before = folder.open();
    let after = converted(&before, &folder);
    drop(folder);
    assert_same(&before, &after);
}

#[test]
fn repeated_runs_follow_each_other() {
    let run = Folder::new().with("tensor_trace.bin", wide(&ops())).open();
    let three = run.repeated(3).unwrap();
    let (one, all) = (Info::of(&run), Info::of(&three));
    assert_eq!((all.ops, all.accesses, all.writes), (3 * one.ops, 3 * one.accesses, 3 * one.writes));
    assert_eq!((all.passes.len(), all.reads.disk), (3 * one.passes.len(), 3 * one.reads.disk));
    assert_eq!((all.tensors, all.graphs), (one.tensors, one.graphs));
    assert!(three.ops.start_ns.is_sorted() && three.ops.first_access.is_sorted() && three.ops.pass.is_sorted());
    let n = run.op_count();
    assert_eq!(three.accesses_of(n + 1).len(), run.accesses_of(1).len());
    assert_eq!(three.ops.destination.get(2 * n + 3), run.ops.destination.get(3));
    assert_eq!(three.ops.duration_ns.get(n - 1), None);
    assert!(run.repeated(u32::MAX).is_err());
    assert_same(&three, &converted(&three, &Folder::new()));
}

#[test]
fn nothing_is_overwritten_and_nothing_left_behind() {
    let folder = Folder::new().with("tensor_trace.bin", wide(&ops())).with("taken.tscope/keep", "mine");
    let trace = folder.open();
    let error = native::write(&trace, &folder.path().join("taken.tscope")).unwrap_err().to_string();
    assert!(error.contains("taken.tscope") && error.contains("already"), "{error}");
    assert_eq!(std::fs::read(folder.path().join("taken.tscope/keep")).unwrap(), b"mine");
    native::write(&trace, &folder.path().join("missing/run.tscope")).unwrap_err();
    // A slash behind the name changes nothing.
    native::write(&trace, &folder.path().join("run.tscope/")).unwrap();
    let mut names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["run.tscope", "taken.tscope", "tensor_trace.bin"]);
    let mut files: Vec<_> =
        std::fs::read_dir(folder.path().join("run.tscope")).unwrap().map(|e| e.unwrap().file_name()).collect();
    files.sort();
    assert_eq!(
        files,
        [
            "accesses.arrow",
            "buffers.arrow",
            "edges.arrow",
            "nodes.arrow",
            "ops.arrow",
            "passes.arrow",
            "ranges.arrow",
            "run.json",
            "tensors.arrow"
        ]
    );
}

#[test]
fn the_description_names_versions_types_ops_and_files() {
    let folder = Folder::new().with("tensor_trace.bin", wide(&ops())).with("model.gguf", small_model().file());
    native::write(&folder.open(), &folder.path().join("run.tscope")).unwrap();
    let text = std::fs::read(folder.path().join("run.tscope/run.json")).unwrap();
    let json: serde_json::Value = serde_json::from_slice(&text).unwrap();
    assert_eq!(json["format_version"], 1);
    assert_eq!((&json["model"]["name"], &json["model"]["architecture"]), (&"Toy 2x1".into(), &"toy".into()));
    assert_eq!(json["model"]["files"][0]["name"], "model.gguf");
    assert!(json["model"]["files"][0]["data_offset"].is_u64());
    assert_eq!((&json["type_names"][0], &json["type_names"][12]), (&"f32".into(), &"q4_K".into()));
    assert!(json["op_names"].as_array().unwrap().iter().any(|name| name == "MUL_MAT_ID"));
    for key in ["producer", "llama_cpp_version", "ggml_version", "clock", "mode", "notes", "health"] {
        assert!(json.get(key).is_some(), "{key}");
    }
}
