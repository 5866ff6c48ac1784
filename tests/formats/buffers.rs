//! Buffer logs.

use super::{counted, fault, real_file};
use std::path::Path;
use tensorscope::formats::buffers::{read_stats, read_timeline};
use tensorscope::formats::error::ReadError;
use tensorscope::trace::raw::RawBuffer;

pub const STATS: &str = r#"{"timestamp_ms":600604855.454,"event":"alloc","buffer_id":7,"buffer_ptr":4096,"size":3221225472,"name":"KV","backend":"CPU","usage":2,"layer":65535}
{"timestamp_ms":600604860.36,"event":"alloc","buffer_id":8,"buffer_ptr":0,"size":64,"name":"W","backend":"CPU","usage":1,"layer":65535}
{"timestamp_ms":600604861,"event":"dealloc","buffer_id":7}
{"timestamp_ms":600604862.5,"event":"alloc","buffer_id":7,"buffer_ptr":8192,"size":32,"name":"again","backend":"CPU","usage":0,"layer":65535}
"#;

pub const TIMELINE: &str = r#"{"metadata": {"total_events": 1}, "buffers": [
 {"id": 7, "name": "KV", "size": 128, "backend": "CPU", "usage": 2, "usage_name": "COMPUTE", "layer": 65535, "alloc_time_ms": 1.5, "dealloc_time_ms": 2.25},
 {"id": 8, "name": "old", "size": 64, "backend": "CPU", "usage_name": "WEIGHTS", "alloc_time_ms": 1.5, "dealloc_time_ms": null},
 {"id": 9, "name": "odd", "size": 64, "backend": "CPU", "usage": 5, "alloc_time_ms": -1.0}
], "timeline": []}"#;

#[test]
fn reads_lives_and_tells_a_reused_id_apart() {
    let (buffers, faults) = read_stats(STATS.as_bytes(), Path::new("buffer_stats.jsonl")).unwrap();
    assert_eq!(counted(&faults), []);
    let expected = RawBuffer {
        id: 7,
        name: "KV".into(),
        backend: "CPU".into(),
        usage: "COMPUTE".into(),
        bytes: 3_221_225_472,
        base: Some(4096),
        alloc_ns: Some(600_604_855_454_000),
        free_ns: Some(600_604_861_000_000),
    };
    assert_eq!(buffers[0], expected);
    assert_eq!((buffers[1].base, buffers[1].usage.as_str(), buffers[1].free_ns), (None, "WEIGHTS", None));
    assert_eq!((buffers[2].id, buffers[2].usage.as_str(), buffers[2].free_ns), (7, "ANY", None));
    assert_eq!(buffers[2].alloc_ns, Some(600_604_862_500_000));
}

#[test]
fn bad_lines_are_counted_and_a_cut_last_one_too() {
    let text = format!("{STATS}not json\n\n{}", STATS.lines().next().unwrap());
    let path = Path::new("buffer_stats.jsonl");
    let (buffers, faults) = read_stats(text.as_bytes(), path).unwrap();
    assert_eq!(buffers.len(), 4, "the last line is whole though its end is missing");
    assert_eq!(counted(&faults), [("buffer_line_unreadable", 1), ("buffer_allocated_twice", 1)]);
    assert_eq!(faults[0].example, format!("buffer_stats.jsonl byte {}", STATS.len()));

    let (buffers, faults) = read_stats(&STATS.as_bytes()[..STATS.len() - 9], path).unwrap();
    assert_eq!(buffers.len(), 2);
    assert_eq!(counted(&faults), [("truncated_tail", 1)]);

    let others = format!(
        "{STATS}{}\n{}\n",
        r#"{"timestamp_ms":1,"event":"dealloc","buffer_id":99}"#, r#"{"timestamp_ms":1,"event":"grow","buffer_id":7}"#
    );
    let (_, faults) = read_stats(others.as_bytes(), path).unwrap();
    assert_eq!(counted(&faults), [("buffer_release_unmatched", 1), ("buffer_line_unreadable", 1)]);
}

#[test]
fn a_file_without_any_event_is_an_error_and_an_empty_one_is_not() {
    let path = Path::new("buffer_stats.jsonl");
    assert_eq!(read_stats(b"", path).unwrap().0, []);
    let error = read_stats(b"\nhello\nworld\n", path).unwrap_err();
    assert!(matches!(error, ReadError::Malformed { byte: 1, .. }), "{error:?}");
}

#[test]
fn reads_timelines() {
    let (buffers, faults) = read_timeline(TIMELINE.as_bytes(), Path::new("buffer-timeline.json")).unwrap();
    assert_eq!((buffers[0].alloc_ns, buffers[0].free_ns), (Some(1_500_000), Some(2_250_000)));
    let usages: Vec<_> = buffers.iter().map(|buffer| buffer.usage.as_str()).collect();
    assert_eq!(usages, ["COMPUTE", "WEIGHTS", "USAGE_5"]);
    assert_eq!((buffers[1].free_ns, buffers[2].alloc_ns), (None, None));
    assert_eq!(counted(&faults), [("buffer_time_unusable", 1)]);
    assert!(fault(&faults, "buffer_time_unusable").example.contains("-1 ms"));
}

#[test]
fn reads_the_real_timelines() {
    let Some((path, bytes)) = real_file("gpt-oss-20b/buffer-timeline.json") else { return };
    let (buffers, faults) = read_timeline(&bytes, &path).unwrap();
    assert_eq!(counted(&faults), []);
    let read: Vec<_> = buffers.iter().map(|b| (b.id, b.bytes, b.usage.as_str(), b.alloc_ns)).collect();
    assert_eq!(
        read,
        [
            (98_645_139_604_320, 3_221_225_472, "COMPUTE", Some(600_604_855_454_000)),
            (98_645_139_587_328, 18_874_368, "COMPUTE", Some(600_604_860_360_000)),
        ]
    );
}
