//! The real binary: exit codes, one line for a failure, one document for `--json`.

use assert_cmd::Command;
use serde_json::Value;

use crate::sources::{Folder, Node, dot, op, pass, wide};

fn tensorscope(arguments: &[&str]) -> std::process::Output {
    let mut command = Command::cargo_bin("tensorscope").unwrap();
    command.args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// The only line that a failing command says, which is on stderr.
fn failure(arguments: &[&str]) -> String {
    let output = tensorscope(arguments);
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {output:?}");
    assert_eq!(text(&output.stdout), "", "{arguments:?}");
    let error = text(&output.stderr);
    assert!(error.starts_with("tensorscope: ") && error.ends_with('\n'), "{arguments:?}: {error}");
    assert_eq!(error.lines().count(), 1, "{arguments:?}: {error}");
    error.to_owned()
}

/// The only document that a succeeding command prints.
fn json(arguments: &[&str]) -> Value {
    let output = tensorscope(arguments);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {output:?}");
    assert_eq!(text(&output.stderr), "", "{arguments:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn run() -> Folder {
    let nodes: [Node<'_>; 4] = [
        ("norm-0", "RMS_NORM", &[4], &[3]),
        ("Kcur-0", "MUL_MAT", &[4], &[2, 0]),
        ("blk.0.attn_k.weight", "CONST", &[4, 4], &[]),
        ("leaf_2", "CONST", &[1], &[]),
    ];
    let ops = [
        op("RMS_NORM", "norm-0").buffer("embd", 5, 0x5100, 64),
        op("MUL_MAT", "Kcur-0").disk("blk.0.attn_k.weight", 2000, 256).buffer("norm-0", 5, 0x5200, 64),
    ];
    Folder::new()
        .with("run/tensor_trace.bin", wide(&[pass(0, true, &ops), pass(1, false, &ops)].concat()))
        .with("run/graphs/token_00000.dot", dot(&nodes))
}

#[test]
fn info_is_one_document_of_the_promised_shape() {
    let folder = run();
    let path = folder.path().join("run");
    let info = json(&["info", path.to_str().unwrap(), "--json"]);
    let has = |value: &Value, names: &[&str]| {
        let mut found: Vec<_> = value.as_object().unwrap().keys().map(String::as_str).collect();
        let mut names = names.to_vec();
        found.sort_unstable();
        names.sort_unstable();
        assert_eq!(found, names);
    };
    has(
        &info,
        &[
            "source",
            "model",
            "passes",
            "ops",
            "accesses",
            "reads",
            "writes",
            "tensors",
            "leafs",
            "duration_ms",
            "phases",
            "graphs",
            "health",
        ],
    );
    has(&info["model"], &["name", "architecture", "layers", "experts", "experts_used", "file_bytes"]);
    has(&info["passes"][0], &["index", "phase", "ops", "reads", "writes", "start_ns", "duration_ns", "graph"]);
    has(&info["health"][0], &["code", "severity", "count", "message", "example"]);
    assert_eq!((&info["model"]["name"], &info["passes"][1]["phase"]), (&Value::Null, &"generate".into()));
    assert_eq!(info["phases"], serde_json::json!({"prompt": 2, "generate": 2}));
    assert_eq!(
        info["graphs"][0],
        serde_json::json!({"nodes": 4, "edges": 3, "layers": 1,
        "node_types": {"layer": 2, "infrastructure": 2, "embedding": 0, "output": 0}})
    );
    assert!(info["source"].as_str().unwrap().starts_with("tensor_trace.bin (1024-byte records)"));
}

#[test]
fn paths_of_every_form_lead_to_the_run() {
    let folder = run();
    let expected = json(&["info", folder.path().join("run").to_str().unwrap(), "--json"]);
    let info = |path: &std::path::Path| {
        let output = Command::cargo_bin("tensorscope").unwrap().arg("info").arg(path).arg("--json").output().unwrap();
        serde_json::from_slice::<Value>(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
    };
    assert_eq!(info(&folder.path().join("run/")), expected);
    assert_eq!(info(&folder.path().join("run/../run/.")), expected);
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt;
        let link = folder.path().join("a link");
        std::os::unix::fs::symlink(folder.path().join("run"), &link).unwrap();
        assert_eq!(info(&link), expected);
        let odd = folder.path().join(std::ffi::OsStr::from_bytes(b"caf\xE9 \xFF run"));
        std::fs::rename(folder.path().join("run"), &odd).unwrap();
        assert_eq!(info(&odd), expected);
    }
}

#[test]
fn a_layer_is_one_document_with_unique_ids() {
    let folder = run();
    let path = folder.path().join("run");
    let layer = json(&["layer", path.to_str().unwrap(), "0", "--json"]);
    assert_eq!(
        layer,
        serde_json::json!({
            "layer": 0,
            "nodes": [
                {"id": "node_0", "name": "norm-0", "label": "norm-0", "op": "RMS_NORM", "layer": 0, "category": "layer"},
                {"id": "node_1", "name": "Kcur-0", "label": "Kcur-0", "op": "MUL_MAT", "layer": 0, "category": "layer"},
                {"id": "node_2", "name": "blk.0.attn_k.weight", "label": "blk.0.attn_k.weight", "op": "CONST", "layer": 0, "category": "layer"},
                {"id": "node_3", "name": "leaf_2", "label": "leaf_2", "op": "CONST", "layer": null, "category": "shared"},
            ],
            "edges": [
                {"source": "node_3", "target": "node_0", "slot": 0, "cross_layer": false},
                {"source": "node_2", "target": "node_1", "slot": 0, "cross_layer": false},
                {"source": "node_0", "target": "node_1", "slot": 1, "cross_layer": false},
            ],
        })
    );
}

#[test]
fn what_the_run_does_not_have_fails_with_one_line() {
    let folder = run();
    let path = folder.path().join("run").to_str().unwrap().to_owned();
    assert!(failure(&["layer", &path, "1"]).contains("no layer 1; its layers are 0 to 0"));
    assert!(failure(&["layer", &path, "1", "--json"]).contains("no layer 1"));
    assert!(failure(&["layer", &path, "0", "--graph", "4"]).contains("no graph 4"));
    assert!(failure(&["info", "/no/such/run"]).contains("/no/such/run"));
    let empty = Folder::new().with("unrelated.txt", "hello").with("some\nname/x", "");
    assert!(failure(&["info", empty.path().to_str().unwrap(), "--json"]).contains("holds no run"));
    assert!(failure(&["info", empty.path().join("some\nname").to_str().unwrap()]).contains("holds no run"));
    assert!(failure(&["info", empty.path().join("unrelated.txt").to_str().unwrap()]).contains("at byte 0"));
    assert!(failure(&["convert", &path, "-o", &path]).contains("already"));
}

#[test]
fn wrong_usage_is_2() {
    for arguments in [
        &["info"] as &[&str],
        &["layer", "run"],
        &["layer", "run", "first"],
        &["layer", "run", "-1"],
        &["convert", "run"],
        &["convert", "run", "-o", "x.tscope", "--repeat", "0"],
        &["info", "run", "--yaml"],
    ] {
        let output = tensorscope(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {output:?}");
        assert_eq!(text(&output.stdout), "");
    }
}

#[test]
fn every_command_explains_itself() {
    for arguments in [&["--help"] as &[&str], &["info", "--help"], &["layer", "--help"], &["convert", "--help"]] {
        let output = tensorscope(arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        assert!(text(&output.stdout).contains("Usage: tensorscope"), "{arguments:?}");
        assert_eq!(text(&output.stderr), "");
    }
}

#[test]
fn convert_keeps_what_info_says_and_repeats() {
    let folder = run();
    let (path, native) = (folder.path().join("run"), folder.path().join("two words.tscope"));
    let (path, native) = (path.to_str().unwrap(), native.to_str().unwrap());
    assert_eq!(tensorscope(&["convert", path, "-o", native]).status.code(), Some(0));
    let (mut before, mut after) = (json(&["info", path, "--json"]), json(&["info", native, "--json"]));
    assert_ne!(before["source"], after["source"]);
    before["source"] = Value::Null;
    after["source"] = Value::Null;
    assert_eq!(before, after);
    assert_eq!(json(&["layer", path, "0", "--json"]), json(&["layer", native, "0", "--json"]));

    let folder_inside = failure(&["info", folder.path().to_str().unwrap()]);
    assert!(folder_inside.contains("two words.tscope"), "{folder_inside}");
    let tenfold = folder.path().join("ten.tscope");
    let tenfold = tenfold.to_str().unwrap();
    assert_eq!(tensorscope(&["convert", path, "-o", tenfold, "--repeat", "10"]).status.code(), Some(0));
    let tenfold = json(&["info", tenfold, "--json"]);
    assert_eq!((tenfold["ops"].as_u64(), tenfold["passes"].as_array().unwrap().len()), (Some(40), 20));
}
