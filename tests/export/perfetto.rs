//! Perfetto traces: slices nest and never overlap in part, and say what the model says.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU32};

use serde_json::Value;
use tensorscope::analysis::op_times::op_time;
use tensorscope::analysis::table_columns::track_bytes;
use tensorscope::analysis::watch::Watch;
use tensorscope::export::RunExport;

use super::run::small;
use super::{FIXTURES, fixture_run, whole};
use crate::playback::in_order;
use crate::table::run::random;

/// A number of an event as it is written, in ns: as a float it would lose the last digits of long runs.
fn exact_ns(line: &str, key: &str) -> u64 {
    let number = line.split(key).nth(1).unwrap();
    let end = number.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap();
    let (micros, rest) = number[..end].split_once('.').unwrap();
    let ns = micros.parse::<u64>().unwrap() * 1000 + rest[..3].parse::<u64>().unwrap();
    // As Perfetto reads it. Beyond, floats are no longer that fine.
    assert!(ns > 1 << 51 || (number[..end].parse::<f64>().unwrap() * 1000.0) as u64 == ns, "{line}");
    ns
}

/// A slice, in ns.
struct Slice {
    category: String,
    start: u64,
    end: u64,
    order: usize,
}

/// A trace as text and as a document.
fn perfetto(run: &RunExport) -> (String, Value) {
    let mut out = Vec::new();
    run.write_perfetto(&mut out, Watch::nobody()).unwrap();
    let text = String::from_utf8(out).unwrap();
    let document = serde_json::from_str(&text).unwrap();
    (text, document)
}

fn ns(micros: &Value) -> u64 {
    (micros.as_f64().unwrap() * 1000.0).round() as u64
}

/// Fails unless on every thread slices lie within each other or apart, passes without a parent, layers in passes, and
/// ops in layers or passes. Gives how many slices there are of each category.
fn check(text: &str) -> BTreeMap<String, usize> {
    let mut threads: BTreeMap<u64, Vec<Slice>> = BTreeMap::new();
    let mut named = Vec::new();
    let lines = text.lines().filter(|line| line.starts_with("{\"ph\":"));
    for (order, line) in lines.enumerate() {
        let event: Value = serde_json::from_str(line.trim_end_matches(',')).unwrap();
        match event["ph"].as_str().unwrap() {
            "X" => {
                let start = exact_ns(line, "\"ts\":");
                threads.entry(event["tid"].as_u64().unwrap()).or_default().push(Slice {
                    category: event["cat"].as_str().unwrap().to_owned(),
                    start,
                    end: start + exact_ns(line, "\"dur\":"),
                    order,
                });
            }
            "M" if event["name"] == "thread_name" => named.push(event["tid"].as_u64().unwrap()),
            "M" | "C" | "i" => {}
            other => panic!("{other}"),
        }
    }
    let mut counts = BTreeMap::new();
    for (thread, slices) in &mut threads {
        assert!(named.contains(thread), "thread {thread} has no name");
        slices.sort_by_key(|slice| (slice.start, std::cmp::Reverse(slice.end), slice.order));
        let mut open: Vec<&Slice> = Vec::new();
        for slice in slices.iter() {
            *counts.entry(slice.category.clone()).or_insert(0) += 1;
            // Of slices without an extent, none is the parent of what follows.
            while open.last().is_some_and(|last| {
                last.end <= slice.start && (last.start, last.end) != (slice.start, slice.end) || last.category == "op"
            }) {
                let closed = open.pop().unwrap();
                assert!(closed.end <= slice.start, "{} {} {}", closed.category, closed.end, slice.start);
            }
            if let Some(parent) = open.last() {
                assert!(slice.end <= parent.end, "{} ends behind its {}", slice.category, parent.category);
            }
            let parent = open.last().map(|parent| parent.category.as_str());
            match slice.category.as_str() {
                "pass" => assert_eq!(parent, None),
                "layer" => assert_eq!(parent, Some("pass")),
                _ => assert!(thread % 1000 != 1 || matches!(parent, Some("pass" | "layer")), "{parent:?}"),
            }
            open.push(slice);
        }
    }
    counts
}

#[test]
fn slices_of_all_bundled_runs_nest_and_add_up() {
    for name in FIXTURES {
        let run = fixture_run(name);
        let trace = &run.trace;
        let (text, document) = perfetto(&run);
        let counts = check(&text);
        assert_eq!((counts["pass"], counts["op"]), (trace.passes.len(), trace.op_count()), "{name}");
        assert!(counts["layer"] >= trace.passes.len() * trace.meta.model.layers.unwrap() as usize, "{name}");
        let events = document["traceEvents"].as_array().unwrap();
        let ops: Vec<&Value> = events.iter().filter(|event| event["cat"] == "op").collect();
        let time: u64 = ops.iter().map(|op| ns(&op["dur"])).sum();
        assert_eq!(time, (0..trace.op_count()).filter_map(|op| trace.ops.duration_ns.get(op)).sum::<u64>(), "{name}");
        for event in ops {
            let op = event["args"]["op"].as_u64().unwrap() as usize;
            assert_eq!((event["name"].as_str(), ns(&event["ts"])), (Some(trace.op_name(op)), trace.ops.start_ns[op]));
            let [disk, buffer] = track_bytes(trace, op);
            assert_eq!(event["args"]["disk_bytes"], disk, "{name} {op}");
            assert_eq!(event["args"]["buffer_bytes"], buffer, "{name} {op}");
        }
        let counted: u64 = events
            .iter()
            .filter(|event| event["ph"] == "C" && event["name"] == "bytes touched by pass")
            .map(|event| event["args"]["DISK"].as_u64().unwrap())
            .sum();
        assert_eq!(counted, (0..trace.op_count()).map(|op| track_bytes(trace, op)[0]).sum::<u64>(), "{name}");
    }
}

#[test]
fn ops_that_ran_at_the_same_time_stand_beside_each_other() {
    for seed in 0..8 {
        let run = whole(random(seed, 300), "random");
        let (text, document) = perfetto(&run);
        let counts = check(&text);
        let events = document["traceEvents"].as_array().unwrap();
        let moments = events.iter().filter(|event| event["ph"] == "i" && event["cat"] == "op").count();
        assert_eq!(counts.get("op").unwrap_or(&0) + moments, 300, "no op is lost");
    }
}

#[test]
fn ops_without_times_divide_their_pass() {
    let timed = fixture_run("smollm2-135m");
    let run = whole(in_order((*timed.trace).clone()), "order");
    let (text, document) = perfetto(&run);
    let counts = check(&text);
    assert_eq!(counts["op"], run.trace.op_count());
    let events = document["traceEvents"].as_array().unwrap();
    let ops: Vec<&Value> = events.iter().filter(|event| event["cat"] == "op").collect();
    assert!(ops.iter().all(|op| op["args"]["time"].as_str().unwrap().starts_with("not recorded")));
    let starts: Vec<u64> = ops.iter().map(|op| ns(&op["ts"])).collect();
    assert!(starts.is_sorted() && starts.iter().collect::<std::collections::BTreeSet<_>>().len() > starts.len() / 2);
    let numbers: Vec<u64> = ops.iter().map(|op| op["args"]["op"].as_u64().unwrap()).collect();
    assert!(numbers.is_sorted());
    // They are where the timeline has them.
    for (op, event) in ops.iter().enumerate() {
        let time = op_time(&run.trace, op);
        assert_eq!([ns(&event["ts"]), ns(&event["dur"])], [time.start_ns, time.end_ns - time.start_ns]);
    }
}

#[test]
fn passes_whose_ops_alternate_lose_none() {
    let mut trace = random(3, 300);
    trace.ops.pass = (0..300).map(|op| op % 2).collect::<Vec<u32>>().into();
    let (_, document) = perfetto(&whole(trace, "alternating"));
    let events = document["traceEvents"].as_array().unwrap();
    for category in ["op", "pass"] {
        assert_eq!(events.iter().filter(|event| event["cat"] == category).count(), 300, "{category}");
    }
}

#[test]
fn what_nobody_wants_is_not_begun() {
    let watch = Watch { cancelled: &AtomicBool::new(true), done: &AtomicU32::new(0) };
    let mut out = Vec::new();
    assert!(whole(small(), "small").write_perfetto(&mut out, watch).is_err());
    assert!(out.is_empty());
}

#[test]
fn a_small_run_is_this_trace() {
    let (text, document) = perfetto(&whole(small(), "s\"m\n"));
    check(&text);
    let events = document["traceEvents"].as_array().unwrap();
    assert_eq!(events[0]["args"]["name"], "run s\"m\n");
    let of = |category: &str| events.iter().filter(|e| e["cat"] == category).cloned().collect::<Vec<_>>();
    let pass = serde_json::json!({
        "ph": "X", "cat": "pass", "name": "pass 0 a\\n\\\"", "pid": 1, "tid": 1, "ts": 0.0, "dur": 4.0,
        "args": {"pass": 0, "phase": "prompt", "ops": 2, "disk_bytes": 72, "buffer_bytes": 96},
    });
    assert_eq!(of("pass")[0], pass);
    let op = serde_json::json!({
        "ph": "X", "cat": "op", "name": "MUL_MAT", "pid": 1, "tid": 1, "ts": 1.5, "dur": 2.5,
        "args": {
            "op": 1, "layer": 0, "writes": "cur-0", "reads": ["cur-0", "w \"q\",\n2"], "experts": [3],
            "disk_bytes": 64, "buffer_bytes": 64, "end": "not recorded: the next stamp of the pass",
        },
    });
    assert_eq!(of("op")[1], op);
    assert_eq!(of("layer").len(), 2);
}
