//! A row for each kind of op: how long ops of it took, and what they touched.

use std::sync::atomic::AtomicBool;

use serde::Serialize;

use super::Scope;
use super::fields::{Field, Row};
use super::groups::{Groups, Key};
use super::places::Places;
use super::{counts, durations};
use crate::trace::Trace;

#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct OpKindStats {
    pub op: String,
    pub ops: u64,
    pub duration_ns: Option<u64>,
    pub mean_ns: Option<f64>,
    pub p50_ns: Option<u64>,
    pub p90_ns: Option<u64>,
    pub p99_ns: Option<u64>,
    pub max_ns: Option<u64>,
    pub accesses: u64,
    pub touched_bytes: u64,
    pub touched_disk_bytes: u64,
    pub touched_buffer_bytes: u64,
    pub logged_bytes: u64,
    pub logged_disk_bytes: u64,
    pub logged_buffer_bytes: u64,
    pub disk_share: Option<f64>,
}

/// The kinds that ops of the run have: those that took longest first, then by touched bytes. `None` once cancelled.
pub fn op_kinds(trace: &Trace, scope: Scope, cancelled: &AtomicBool) -> Option<Vec<OpKindStats>> {
    let places = Places::new(trace);
    let groups = Groups::new(trace, Key::Kind);
    let bytes = counts::of_groups(trace, scope, &places, &groups, cancelled)?;
    let times = durations::of_groups(trace, scope, &groups, cancelled)?;
    let row = |((kind, bytes), times): ((&Option<u32>, counts::GroupBytes), durations::Durations)| {
        let name = kind.and_then(|kind| trace.meta.op_names.get(kind as usize)).map_or("?", String::as_str);
        OpKindStats {
            op: name.to_owned(),
            ops: times.ops,
            duration_ns: times.total_ns,
            mean_ns: times.mean_ns,
            p50_ns: times.p50_ns,
            p90_ns: times.p90_ns,
            p99_ns: times.p99_ns,
            max_ns: times.max_ns,
            accesses: bytes.accesses,
            touched_bytes: bytes.touched.both(),
            touched_disk_bytes: bytes.touched.disk(),
            touched_buffer_bytes: bytes.touched.buffer(),
            logged_bytes: bytes.logged.both(),
            logged_disk_bytes: bytes.logged.disk(),
            logged_buffer_bytes: bytes.logged.buffer(),
            disk_share: bytes.touched.disk_share(),
        }
    };
    let mut rows: Vec<OpKindStats> = groups.values.iter().zip(bytes).zip(times).map(row).collect();
    rows.sort_by_key(|row| std::cmp::Reverse((row.duration_ns, row.touched_bytes)));
    Some(rows)
}

impl Row for OpKindStats {
    const FIELDS: &'static [Field] = &[
        ("op", "the kind, such as MUL_MAT"),
        ("ops", "ops of the kind"),
        ("duration_ns", "their durations added up; null where none is known"),
        ("mean_ns", "mean duration of an op"),
        ("p50_ns", "duration that half of the ops have at most"),
        ("p90_ns", "duration that 90 % of the ops have at most"),
        ("p99_ns", "duration that 99 % of the ops have at most"),
        ("max_ns", "longest duration of an op"),
        ("accesses", "ranges of bytes that these ops touch, repeats counted"),
        ("touched_bytes", "bytes of all accesses, repeats counted: DISK and BUFFER"),
        ("touched_disk_bytes", "touched bytes of the model files"),
        ("touched_buffer_bytes", "touched bytes of the runtime's buffers"),
        ("logged_bytes", "as touched bytes, with every access widened to its whole tensor"),
        ("logged_disk_bytes", "logged bytes of the model files"),
        ("logged_buffer_bytes", "logged bytes of the runtime's buffers"),
        ("disk_share", "touched DISK bytes over all touched bytes"),
    ];
}
