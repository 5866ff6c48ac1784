//! What a path leads to, and what is said when a part of it cannot be read.

use crate::sources::gguf::{Writer, small_model};
use crate::sources::{Folder, Node, dot, graph_json, health, memory_map, op, pass, token_json, wide};
use std::path::Path;
use tensorscope::analysis::info::Info;
use tensorscope::formats::{Progress, open, open_with_preview};
use tensorscope::trace::Trace;

const NODES: [Node<'static>; 2] = [("norm-0", "RMS_NORM", &[4], &[1]), ("leaf_2", "CONST", &[4], &[])];

fn trace() -> Vec<u8> {
    wide(&pass(0, false, &[op("RMS_NORM", "norm-0").disk("blk.0.w", 1000, 64)]))
}

fn opened(path: &Path) -> Trace {
    open(path, &Progress::default()).unwrap()
}

/// The example of what could not be read.
fn unreadable(trace: &Trace) -> String {
    assert_eq!(health(trace, "file_unreadable"), 1, "{:?}", trace.health);
    trace.health.entries.iter().find(|e| e.code == "file_unreadable").unwrap().example.clone()
}

#[test]
fn any_subset_of_a_run_opens() {
    let parts: [(&str, Vec<u8>); 6] = [
        ("memory-map.json", memory_map(&[("blk.0.w", 1000, 64, &[16])]).into()),
        ("traces/token-00000.json", token_json(0, &pass(0, false, &[op("ADD", "a")])).into()),
        ("graphs/token-00000.json", graph_json(&NODES).into()),
        ("buffer-timeline.json", super::buffers::TIMELINE.into()),
        ("model.gguf", small_model().file()),
        ("graph.dot", dot(&NODES).into()),
    ];
    for chosen in 1..1_u32 << parts.len() {
        let files = parts.iter().enumerate().filter(|(k, _)| chosen >> k & 1 == 1);
        let folder = files.fold(Folder::new(), |folder, (_, (name, content))| folder.with(name, content));
        let info = Info::of(&folder.open());
        let has = |k: u32| chosen >> k & 1 == 1;
        assert_eq!(info.ops, u64::from(has(1)));
        assert_eq!(info.graphs.len(), usize::from(has(1) || has(2) || has(5)));
        assert_eq!(info.tensors.model, if has(4) { 5 } else { u64::from(has(0)) });
    }
}

#[test]
fn a_file_alone_is_a_run() {
    let folder = Folder::new()
        .with("tensor_trace.bin", trace())
        .with("renamed.trace", trace())
        .with("m.gguf", small_model().file())
        .with("g.dot", dot(&NODES))
        .with("token-00003.json", token_json(3, &pass(3, false, &[op("ADD", "a")])));
    for (name, ops, graphs) in [
        ("tensor_trace.bin", 1, 1),
        ("renamed.trace", 1, 1),
        ("m.gguf", 0, 0),
        ("g.dot", 0, 1),
        ("token-00003.json", 1, 1),
    ] {
        let trace = opened(&folder.path().join(name));
        assert_eq!((trace.op_count(), trace.graphs.len()), (ops, graphs), "{name}");
    }
}

#[test]
fn graphs_lie_beside_the_trace_or_in_their_folder() {
    let beside = Folder::new().with("tensor_trace.bin", trace()).with("token_00000.dot", dot(&NODES));
    let inside = Folder::new().with("tensor_trace.bin", trace()).with("graphs/token_00000.dot", dot(&NODES));
    for folder in [beside, inside] {
        assert_eq!(folder.open().ops.node.get(0), Some(0));
    }
    // Exports stand for the dot files they were made from.
    let both =
        Folder::new().with("graphs/token_00000.dot", dot(&NODES)).with("graphs/token-00000.json", graph_json(&NODES));
    assert_eq!(Info::of(&both.open()).source, "1 graph");
}

#[test]
fn a_damaged_part_is_left_out_and_named() {
    let whole = || Folder::new().with("tensor_trace.bin", trace());
    for (name, content) in [
        ("memory-map.json", memory_map(&[("blk.0.w", 1000, 64, &[16])]).into_bytes()),
        ("graphs/token-00000.json", graph_json(&NODES).into_bytes()),
        ("buffer-timeline.json", super::buffers::TIMELINE.into()),
        ("model.gguf", small_model().header()),
    ] {
        let cut = &content[..content.len() / 2];
        let trace = whole().with(name, cut).open();
        let example = unreadable(&trace);
        assert!(example.contains(name) && example.contains("at byte"), "{example}");
        assert_eq!(trace.op_count(), 1);
        let empty = whole().with(name, b"").open();
        assert!(unreadable(&empty).contains(name));
    }
    // Of a dot file and a log the beginning is of use.
    let text = dot(&NODES);
    let cut = whole().with("g.dot", &text[..text.len() - 30]).open();
    assert_eq!((health(&cut, "truncated_tail"), cut.graphs.len()), (1, 1));
}

#[test]
fn a_log_that_cannot_be_read_is_made_up_for_by_the_timeline() {
    let trace = Folder::new()
        .with("tensor_trace.bin", trace())
        .with("buffer_stats.jsonl", "no events\n")
        .with("buffer-timeline.json", super::buffers::TIMELINE)
        .open();
    assert!(unreadable(&trace).contains("buffer_stats.jsonl"));
    assert_eq!(trace.buffers.len(), 3);
}

#[test]
fn a_trace_that_cannot_be_read_is_not_made_up_for() {
    let folder = Folder::new().with("tensor_trace.bin", "nothing of the kind".repeat(100)).with("g.dot", dot(&NODES));
    let error = folder.try_open().unwrap_err().to_string();
    assert!(error.contains("tensor_trace.bin: at byte 0"), "{error}");
    let folder = Folder::new().with("traces/token-00000.json", "{}").with("memory-map.json", memory_map(&[]));
    let error = folder.try_open().unwrap_err().to_string();
    assert!(error.contains("token-00000.json") && error.contains("entries"), "{error}");
}

#[test]
fn one_bad_token_file_among_good_ones_is_counted() {
    let good = |k: u32| token_json(k, &pass(k, false, &[op("ADD", "a")]));
    let trace = Folder::new()
        .with("traces/token-00000.json", good(0))
        .with("traces/token-00001.json", "{\"entries\"")
        .with("traces/token-00002.json", good(2))
        .open();
    assert_eq!((trace.passes.len(), health(&trace, "token_file_unreadable")), (2, 1));
}

#[test]
fn folders_without_a_run_say_what_is_there() {
    let error = |folder: &Folder| folder.try_open().unwrap_err().to_string();
    assert!(error(&Folder::new()).contains("holds no run; name a .tscope folder"));
    assert!(error(&Folder::new().with("notes.txt", "x").with("data.bin", "y")).contains("holds no run"));
    assert!(
        error(&Folder::new().with("b.tscope/run.json", "{}").with("a.tscope/x", "")).contains("native run a.tscope")
    );
    let broken_off = Folder::new().with("r.tscope/ops.arrow", "x");
    let error = open(&broken_off.path().join("r.tscope"), &Progress::default()).unwrap_err().to_string();
    assert!(error.contains("no run.json") && error.contains("broken off"), "{error}");
}

#[test]
fn another_programs_run_json_makes_no_native_run() {
    let folder = Folder::new().with("tensor_trace.bin", trace()).with("run.json", "{\"name\": \"mine\"}");
    assert_eq!(folder.open().op_count(), 1);
    let alone = Folder::new().with("run.json", "{\"name\": \"mine\"}");
    assert!(alone.try_open().unwrap_err().to_string().contains("format_version"));
}

#[cfg(unix)]
#[test]
fn links_lead_on_and_broken_ones_are_named() {
    let folder = Folder::new().with("elsewhere/t", trace()).with("run/g.dot", dot(&NODES));
    let link = folder.path().join("run/tensor_trace.bin");
    std::os::unix::fs::symlink(folder.path().join("elsewhere/t"), &link).unwrap();
    assert_eq!(opened(&folder.path().join("run")).op_count(), 1);
    std::fs::remove_file(folder.path().join("elsewhere/t")).unwrap();
    let error = open(&folder.path().join("run"), &Progress::default()).unwrap_err().to_string();
    assert!(error.contains("tensor_trace.bin") && error.contains("check the path"), "{error}");
}

#[test]
fn split_models_stand_end_to_end() {
    let part = |no: u16, name: &str| {
        Writer::new()
            .text("general.architecture", "toy")
            .raw_value("split.no", 2, &no.to_le_bytes())
            .raw_value("split.count", 2, &2_u16.to_le_bytes())
            .tensor(name, &[16], 0, 64)
    };
    let first = part(0, "blk.0.w").file();
    let folder = Folder::new()
        .with("tensor_trace.bin", trace())
        .with("m-00002-of-00002.gguf", part(1, "blk.1.w").file())
        .with("m-00001-of-00002.gguf", &first);
    let trace = folder.open();
    let homes: Vec<_> = trace.tensors.iter().map(|t| (t.name.as_str(), t.home)).collect();
    assert_eq!(homes[..2], [("blk.0.w", Some(0)), ("blk.1.w", Some(1))]);
    assert_eq!(trace.meta.model.files[0].name, "m-00001-of-00002.gguf");
    assert_eq!(Info::of(&trace).source, "tensor_trace.bin (1024-byte records), 2 GGUF headers");
    std::fs::remove_file(folder.path().join("m-00002-of-00002.gguf")).unwrap();
    assert_eq!(health(&folder.open(), "gguf_splits_missing"), 1);
}

#[test]
fn a_large_run_shows_its_first_part_before_the_rest() {
    let one = pass(0, false, &[op("RMS_NORM", "norm-0").disk("blk.0.w", 1000, 64)]);
    let record = wide(&one);
    let records = (25 << 20) / record.len();
    let folder = Folder::new().with("tensor_trace.bin", record.repeat(records));
    let mut first = None;
    let whole = open_with_preview(folder.path(), &Progress::default(), |part| first = Some(part.op_count())).unwrap();
    assert_eq!(whole.op_count(), records);
    assert!(first.is_some_and(|ops| ops > 0 && ops < records), "{first:?}");
    let small = Folder::new().with("tensor_trace.bin", record);
    open_with_preview(small.path(), &Progress::default(), |_| panic!("a small run has no first part")).unwrap();
}
