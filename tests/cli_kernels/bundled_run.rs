//! The run and the scripts that come with the program.

use std::path::{Path, PathBuf};

use serde_json::Value;
use tensorscope::state::Action;

use super::json;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

fn run() -> PathBuf {
    fixtures().join("smollm2-135m.tscope")
}

#[test]
fn the_bundled_run_is_whole_and_sound() {
    let info = json(&run(), &["info"]);
    assert_eq!((&info["ops"], &info["phases"]["prompt"]), (&18_780.into(), &939.into()));
    assert_eq!(info["passes"].as_array().expect("passes").len(), 20);
    assert_eq!(info["model"]["file_bytes"], 98_362_432);
    let graph = &info["graphs"][0];
    assert_eq!((&graph["nodes"], &graph["edges"], &graph["layers"]), (&942.into(), &1091.into(), &30.into()));
    assert_eq!(
        graph["node_types"],
        serde_json::json!({"layer": 510, "infrastructure": 430, "embedding": 1, "output": 1})
    );
    let errors: Vec<_> =
        info["health"].as_array().expect("health").iter().filter(|entry| entry["severity"] == "error").collect();
    assert!(errors.is_empty(), "{errors:?}");
}

#[test]
fn the_bundled_run_is_small_and_names_no_machine() {
    let files = std::fs::read_dir(run()).expect("the run").map(|entry| entry.expect("an entry").metadata());
    let bytes: u64 = files.map(|metadata| metadata.expect("a file").len()).sum();
    assert!(bytes < 3 << 20, "{bytes}");
    let text = std::fs::read(run().join("run.json")).expect("run.json");
    let document: Value = serde_json::from_slice(&text).expect("JSON");
    for file in document["model"]["files"].as_array().expect("files") {
        assert!(file["name"].as_str().is_some_and(|name| !name.contains('/')), "{file}");
    }
    assert!(!document["source"].as_str().expect("a source").contains('/'));
}

#[test]
fn every_script_is_made_of_actions() {
    let mut scripts = 0;
    for entry in std::fs::read_dir(fixtures().join("actions")).expect("scripts") {
        let path = entry.expect("an entry").path();
        let text = std::fs::read_to_string(&path).expect("a script");
        for line in text.lines() {
            let action = serde_json::from_str::<Action>(line);
            assert!(action.is_ok(), "{}: {line}: {action:?}", path.display());
        }
        scripts += 1;
    }
    assert!(scripts > 0);
}
