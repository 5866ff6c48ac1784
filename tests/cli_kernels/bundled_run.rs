//! The run and the scripts that come with the program.

use std::path::{Path, PathBuf};

use serde_json::Value;
use tensorscope::app::script::Script;
use tensorscope::formats::{Progress, open};
use tensorscope::trace::flags;

use super::json;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

/// Passes and ops, ops of the prompt, layers, and nodes and edges of the first graph.
type Counts = (usize, [u64; 5]);

const RUNS: [(&str, Counts); 3] = [
    ("smollm2-135m", (25, [23_400, 936, 30, 1280, 1577])),
    ("llama-70b", (8, [19_888, 2486, 80, 3381, 4177])),
    ("moe-128x48", (11, [33_330, 3030, 48, 3717, 4817])),
];

#[test]
fn the_bundled_runs_are_whole_and_sound() {
    for (name, (passes, [ops, prompt, layers, nodes, edges])) in RUNS {
        let info = json(&fixtures().join(format!("{name}.tscope")), &["info"]);
        assert_eq!(info["passes"].as_array().expect("passes").len(), passes, "{name}");
        assert_eq!((&info["ops"], &info["phases"]["prompt"]), (&ops.into(), &prompt.into()), "{name}");
        assert_eq!(info["model"]["layers"], layers);
        let graph = &info["graphs"][0];
        assert_eq!(
            (&graph["nodes"], &graph["edges"], &graph["layers"]),
            (&nodes.into(), &edges.into(), &layers.into())
        );
        let health = info["health"].as_array().expect("health");
        assert!(health.iter().all(|entry| entry["severity"] == "info"), "{name}: {health:?}");
    }
}

#[test]
fn the_bundled_runs_are_small_and_name_no_machine() {
    let mut bytes = 0;
    for (name, _) in RUNS {
        let run = fixtures().join(format!("{name}.tscope"));
        for entry in std::fs::read_dir(&run).expect("the run") {
            bytes += entry.expect("an entry").metadata().expect("a file").len();
        }
        let text = std::fs::read(run.join("run.json")).expect("run.json");
        let document: Value = serde_json::from_slice(&text).expect("JSON");
        for file in document["model"]["files"].as_array().expect("files") {
            assert!(file["name"].as_str().is_some_and(|name| !name.contains('/')), "{file}");
        }
        assert!(!document["source"].as_str().expect("a source").contains('/'));
    }
    assert!(bytes < 12 << 20, "{bytes}");
}

/// Whether every expert slice and every row of the embedding lies where its number says.
#[test]
fn slices_and_rows_of_the_bundled_runs_are_exact() {
    for (name, _) in RUNS {
        let run = open(&fixtures().join(format!("{name}.tscope")), &Progress::default()).expect("the run");
        assert!(run.accesses.flags.iter().all(|f| f & flags::ESTIMATED == 0), "{name}: nothing is estimated");
        let mut slices = 0;
        for range in 0..run.ranges.tensor.len() {
            let tensor = &run.tensors[run.ranges.tensor[range] as usize];
            assert!(run.ranges.offset[range] + run.ranges.length[range] <= tensor.bytes, "{name}: {}", tensor.name);
            if let Some(expert) = run.ranges.expert.get(range) {
                let slice = tensor.slice_bytes().expect("whole slices");
                assert_eq!((run.ranges.offset[range], run.ranges.length[range]), (u64::from(expert) * slice, slice));
                slices += 1;
            }
        }
        assert_eq!(slices > 0, name == "moe-128x48");
    }
}

#[test]
fn every_script_is_made_of_actions() {
    let mut scripts = 0;
    for entry in std::fs::read_dir(fixtures().join("actions")).expect("scripts") {
        let path = entry.expect("an entry").path();
        let script = Script::read(&path).unwrap_or_else(|error| panic!("{error}"));
        assert!(script.actions().count() > 0, "{}", path.display());
        scripts += 1;
    }
    assert!(scripts > 0);
}
