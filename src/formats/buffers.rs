//! Lives of runtime buffers: the predecessor's `buffer_stats.jsonl` and the `buffer-timeline.json` made from it.

use super::error::ReadError;
use super::faults::{FaultKind, Faults, file_name, place};
use crate::trace::raw::{Fault, RawBuffer, Severity};
use serde::Deserialize;
use std::borrow::Cow;
use std::collections::HashMap;
use std::path::Path;

const TRUNCATED: FaultKind = FaultKind {
    code: "truncated_tail",
    severity: Severity::Warning,
    message: "the file ends early; what stands before is shown",
};
const LINE_UNREADABLE: FaultKind = FaultKind {
    code: "buffer_line_unreadable",
    severity: Severity::Warning,
    message: "lines of the buffer log are neither an allocation nor a release and are left out",
};
const RELEASE_UNMATCHED: FaultKind = FaultKind {
    code: "buffer_release_unmatched",
    severity: Severity::Warning,
    message: "buffers are released of which no allocation was logged",
};
const ALLOCATED_TWICE: FaultKind = FaultKind {
    code: "buffer_allocated_twice",
    severity: Severity::Warning,
    message: "buffers are allocated again without a release in between; they count as two",
};
const TIME_UNUSABLE: FaultKind = FaultKind {
    code: "buffer_time_unusable",
    severity: Severity::Warning,
    message: "times in the buffer log are negative or too large and are not known",
};

#[derive(Deserialize)]
struct Event<'a> {
    timestamp_ms: f64,
    #[serde(borrow)]
    event: Cow<'a, str>,
    buffer_id: u64,
    buffer_ptr: Option<u64>,
    size: Option<u64>,
    name: Option<String>,
    backend: Option<String>,
    usage: Option<u64>,
}

/// Reads `buffer_stats.jsonl`, one event a line. An id that comes again after its release is another buffer.
///
/// # Errors
/// `Malformed` when the file has lines and not one of them can be read.
pub fn read_stats(bytes: &[u8], path: &Path) -> Result<(Vec<RawBuffer>, Vec<Fault>), ReadError> {
    let mut faults = Faults::default();
    let mut buffers: Vec<RawBuffer> = Vec::new();
    let mut open_by_id: HashMap<u64, usize> = HashMap::new();
    let mut first_error = None;
    let mut any_read = false;
    let mut line_start = 0;
    for line_with_end in bytes.split_inclusive(|&byte| byte == b'\n') {
        let line = line_with_end.trim_ascii();
        let at = line_start;
        line_start += line_with_end.len();
        if line.is_empty() {
            continue;
        }
        let event = match serde_json::from_slice::<Event>(line) {
            Ok(event) if event.event == "dealloc" || (event.event == "alloc" && event.size.is_some()) => event,
            other => {
                let cut = line_start == bytes.len() && !line_with_end.ends_with(b"\n") && other.is_err();
                faults.add(if cut { &TRUNCATED } else { &LINE_UNREADABLE }, || place(path, at as u64));
                let found = other.err().map_or_else(|| "another event".to_owned(), |error| error.to_string());
                first_error.get_or_insert((at, found));
                continue;
            }
        };
        any_read = true;
        let time_ns = ns_from_ms(event.timestamp_ms, path, &mut faults);
        if event.event == "dealloc" {
            match open_by_id.remove(&event.buffer_id) {
                Some(index) => buffers[index].free_ns = time_ns,
                None => {
                    faults.add(&RELEASE_UNMATCHED, || format!("id {} at {}", event.buffer_id, place(path, at as u64)));
                }
            }
            continue;
        }
        if open_by_id.insert(event.buffer_id, buffers.len()).is_some() {
            faults.add(&ALLOCATED_TWICE, || format!("id {} at {}", event.buffer_id, place(path, at as u64)));
        }
        buffers.push(RawBuffer {
            id: event.buffer_id,
            name: event.name.unwrap_or_default(),
            backend: event.backend.unwrap_or_default(),
            usage: usage_name(event.usage),
            bytes: event.size.unwrap_or(0),
            base: event.buffer_ptr.filter(|&address| address != 0),
            alloc_ns: time_ns,
            free_ns: None,
        });
    }
    match first_error {
        Some((at, found)) if !any_read => {
            let hint = "give the buffer_stats.jsonl of a run";
            Err(ReadError::malformed(path, at as u64, "an alloc or dealloc event in JSON", found, hint))
        }
        _ => Ok((buffers, faults.into_vec())),
    }
}

#[derive(Deserialize)]
struct Timeline {
    buffers: Vec<Life>,
}

#[derive(Deserialize)]
struct Life {
    id: u64,
    name: Option<String>,
    size: Option<u64>,
    backend: Option<String>,
    usage: Option<u64>,
    usage_name: Option<String>,
    alloc_time_ms: Option<f64>,
    dealloc_time_ms: Option<f64>,
}

/// Reads `buffer-timeline.json`. It says nothing about addresses.
///
/// # Errors
/// `Malformed` for anything that is not JSON of this shape, with the byte where it goes wrong.
pub fn read_timeline(bytes: &[u8], path: &Path) -> Result<(Vec<RawBuffer>, Vec<Fault>), ReadError> {
    let timeline: Timeline = serde_json::from_slice(bytes)
        .map_err(|error| ReadError::json(path, bytes, "a timeline with buffers in JSON", &error))?;
    let mut faults = Faults::default();
    let mut time_ns = |ms: Option<f64>| ms.and_then(|ms| ns_from_ms(ms, path, &mut faults));
    let buffers = timeline
        .buffers
        .into_iter()
        .map(|life| RawBuffer {
            id: life.id,
            name: life.name.unwrap_or_default(),
            backend: life.backend.unwrap_or_default(),
            usage: match life.usage_name {
                Some(name) if life.usage.is_none() => name,
                _ => usage_name(life.usage),
            },
            bytes: life.size.unwrap_or(0),
            base: None,
            alloc_ns: time_ns(life.alloc_time_ms),
            free_ns: time_ns(life.dealloc_time_ms),
        })
        .collect();
    Ok((buffers, faults.into_vec()))
}

/// `enum ggml_backend_buffer_usage`; empty if the source does not say.
fn usage_name(usage: Option<u64>) -> String {
    match usage {
        None => String::new(),
        Some(0) => "ANY".to_owned(),
        Some(1) => "WEIGHTS".to_owned(),
        Some(2) => "COMPUTE".to_owned(),
        Some(other) => format!("USAGE_{other}"),
    }
}

/// Milliseconds on the clock of the trace to its nanoseconds.
fn ns_from_ms(ms: f64, path: &Path, faults: &mut Faults) -> Option<u64> {
    let ns = (ms * 1e6).round();
    // 2^64 as a float; all below it fits.
    if (0.0..18_446_744_073_709_551_616.0).contains(&ns) {
        return Some(ns as u64);
    }
    faults.add(&TIME_UNUSABLE, || format!("{ms} ms in {}", file_name(path)));
    None
}
