//! `layout`: shapes, determinism and unfolding.

use std::path::Path;

use serde_json::Value;

use super::small_run::{EXPERTS, SmallRun};
use super::{failure, json, real_run};

fn names(layout: &Value) -> Vec<&str> {
    layout["nodes"].as_array().expect("nodes").iter().map(|n| n["name"].as_str().expect("a name")).collect()
}

fn positions(layout: &Value) -> Vec<[f64; 2]> {
    let position = |n: &Value| [&n["x"], &n["y"]].map(|c| c.as_f64().expect("a finite number"));
    layout["nodes"].as_array().expect("nodes").iter().map(position).collect()
}

fn edges(layout: &Value) -> Vec<[usize; 2]> {
    serde_json::from_value(layout["edges"].clone()).expect("pairs of indices")
}

/// The closest two nodes come.
fn closest(positions: &[[f64; 2]]) -> f64 {
    let mut closest = f64::INFINITY;
    for (i, a) in positions.iter().enumerate() {
        for b in &positions[..i] {
            closest = closest.min((a[0] - b[0]).hypot(a[1] - b[1]));
        }
    }
    closest
}

#[test]
fn every_engine_places_every_node() {
    let run = SmallRun::new();
    for engine in ["gpu", "cpu", "fdg"] {
        let layout = json(run.path(), &["layout", "--engine", engine]);
        assert_eq!(layout["engine"], engine);
        assert_eq!(layout["adapter"].is_string(), engine == "gpu");
        assert!(layout["iterations"].as_u64().expect("a number") > 0);
        assert!(layout["ms_per_iteration"].as_f64().expect("a number") >= 0.0);
        let names = names(&layout);
        assert_eq!(names[0], "inp_embd", "the graph's order");
        assert_eq!(names.len(), 12);
        assert_eq!(edges(&layout).len(), 13);
        assert!(edges(&layout).iter().flatten().all(|&node| node < names.len()));
        assert!(closest(&positions(&layout)) > 0.0, "{engine}: two nodes at one point");
    }
}

#[test]
fn a_seed_decides_the_positions_and_iterations_are_exact() {
    let run = SmallRun::new();
    let layout = |seed: &str, engine: &str| {
        positions(&json(run.path(), &["layout", "--seed", seed, "--iterations", "40", "--engine", engine]))
    };
    for engine in ["gpu", "cpu"] {
        assert_eq!(layout("1", engine), layout("1", engine));
        assert_ne!(layout("1", engine), layout("2", engine));
    }
    for (a, b) in layout("1", "gpu").iter().zip(layout("1", "cpu")) {
        assert!((a[0] - b[0]).hypot(a[1] - b[1]) < 0.05, "{a:?} by the GPU, {b:?} by its twin");
    }
    assert_eq!(json(run.path(), &["layout", "--iterations", "7"])["iterations"], 7);
}

#[test]
fn experts_unfold_into_a_node_a_slice() {
    let run = SmallRun::new();
    let (folded, unfolded) = (json(run.path(), &["layout"]), json(run.path(), &["layout", "--expand-experts"]));
    let (before, after) = (names(&folded), names(&unfolded));
    assert_eq!(after.len(), before.len() + 2 * (EXPERTS as usize - 1));
    for layer in 0..2 {
        let tensor = format!("blk.{layer}.ffn_up_exps.weight");
        let consumer = after.iter().position(|name| *name == format!("ffn_moe_up-{layer}")).expect("the consumer");
        assert!(!after.contains(&tensor.as_str()));
        for expert in 0..EXPERTS {
            let slice = after.iter().position(|name| *name == format!("{tensor}[{expert}]")).expect("the slice");
            let from: Vec<_> = edges(&unfolded).into_iter().filter(|edge| edge[0] == slice).collect();
            assert_eq!(from, [[slice, consumer]], "the leaf's edges");
        }
    }
    let mut ids: Vec<String> =
        unfolded["nodes"].as_array().expect("nodes").iter().map(|n| n["id"].to_string()).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), after.len(), "ids are unique");
}

#[test]
fn fdg_refuses_graphs_that_it_would_take_minutes_for() {
    let moe = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/moe-128x48.tscope");
    let line = failure(&moe, &["layout", "--engine", "fdg"]);
    assert!(line.contains("up to 2,000 nodes") && line.contains("--engine gpu"), "{line}");
    let unfolded = failure(&moe, &["layout", "--engine", "fdg", "--expand-experts"]);
    assert_ne!(line, unfolded, "slices that stand apart count");
}

#[test]
fn a_graph_that_is_not_there_is_an_error() {
    let run = SmallRun::new();
    let line = failure(run.path(), &["layout", "--graph", "7"]);
    assert!(line.contains("no graph 7") && line.contains("0 to 0"), "{line}");
}

#[test]
fn real_graphs_have_their_true_sizes() {
    if let Some(run) = real_run("tinyllama-1024") {
        let layout = json(&run, &["layout", "--graph", "1"]);
        assert_eq!((names(&layout).len(), edges(&layout).len()), (940, 1157));
        assert!(closest(&positions(&layout)) > 1.0, "nodes overlap");
    }
    if let Some(run) = real_run("gpt-oss-20b") {
        let layout = json(&run, &["layout", "--expand-experts", "--iterations", "20"]);
        // 24 layers of 3 expert tensors with 32 experts each.
        assert_eq!(names(&layout).len(), 1868 + 24 * 3 * 31);
        assert_eq!(edges(&layout).len(), 2367 + 24 * 3 * 31);
    }
}
