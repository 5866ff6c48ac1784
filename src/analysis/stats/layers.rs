//! A row for each layer: how long its ops took, what they touched, and which tensors most.

use std::sync::atomic::AtomicBool;

use serde::Serialize;

use super::Scope;
use super::fields::{Field, Row};
use super::groups::{Groups, Key};
use super::places::Places;
use super::{counts, durations};
use crate::trace::Trace;

/// Tensors that are named as the hottest.
const HOTTEST: usize = 5;

#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct LayerStats {
    /// `None`: ops without one.
    pub layer: Option<u32>,
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
    pub touched_weights_bytes: u64,
    pub touched_kv_bytes: u64,
    pub touched_compute_bytes: u64,
    pub logged_bytes: u64,
    pub logged_disk_bytes: u64,
    pub logged_buffer_bytes: u64,
    pub disk_share: Option<f64>,
    pub working_set_bytes: u64,
    pub weights_bytes: u64,
    pub kv_bytes: u64,
    pub compute_bytes: u64,
    pub hottest_tensors: Vec<String>,
    pub hottest_tensor_numbers: Vec<u32>,
    pub hottest_touched_bytes: Vec<u64>,
}

/// The layers that ops of the run have, in order; that of ops without one comes last. `None` once cancelled.
pub fn layers(trace: &Trace, scope: Scope, cancelled: &AtomicBool) -> Option<Vec<LayerStats>> {
    let places = Places::new(trace);
    let groups = Groups::new(trace, Key::Layer);
    let bytes = counts::of_groups(trace, scope, &places, &groups, cancelled)?;
    let times = durations::of_groups(trace, scope, &groups, cancelled)?;
    let row = |((layer, bytes), times): ((&Option<u32>, counts::GroupBytes), durations::Durations)| {
        let hottest: Vec<(u32, u64)> = bytes.tensors.iter().copied().filter(|&(_, b)| b > 0).take(HOTTEST).collect();
        let name = |tensor: u32| trace.tensors.get(tensor as usize).map_or("", |t| t.name.trim()).to_owned();
        LayerStats {
            layer: *layer,
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
            touched_weights_bytes: bytes.touched.weights(),
            touched_kv_bytes: bytes.touched.kv(),
            touched_compute_bytes: bytes.touched.compute(),
            logged_bytes: bytes.logged.both(),
            logged_disk_bytes: bytes.logged.disk(),
            logged_buffer_bytes: bytes.logged.buffer(),
            disk_share: bytes.touched.disk_share(),
            working_set_bytes: bytes.union.both(),
            weights_bytes: bytes.union.parts.weights(),
            kv_bytes: bytes.union.parts.kv(),
            compute_bytes: bytes.union.parts.compute(),
            hottest_tensors: hottest.iter().map(|&(tensor, _)| name(tensor)).collect(),
            hottest_tensor_numbers: hottest.iter().map(|&(tensor, _)| tensor).collect(),
            hottest_touched_bytes: hottest.iter().map(|&(_, bytes)| bytes).collect(),
        }
    };
    Some(groups.values.iter().zip(bytes).zip(times).map(row).collect())
}

impl Row for LayerStats {
    const FIELDS: &'static [Field] = &[
        ("layer", "its number, from 0; null: ops without a layer"),
        ("ops", "ops of the layer"),
        ("duration_ns", "their durations added up; null where none is known"),
        ("mean_ns", "mean duration of an op"),
        ("p50_ns", "duration that half of the ops have at most"),
        ("p90_ns", "duration that 90 % of the ops have at most"),
        ("p99_ns", "duration that 99 % of the ops have at most"),
        ("max_ns", "longest duration of an op"),
        ("accesses", "ranges of bytes that its ops touch, repeats counted"),
        ("touched_bytes", "bytes of all accesses, repeats counted: DISK and BUFFER"),
        ("touched_disk_bytes", "touched bytes of the model files"),
        ("touched_buffer_bytes", "touched bytes of the runtime's buffers"),
        ("touched_weights_bytes", "touched bytes of weights: model files, and buffers of the usage WEIGHTS"),
        ("touched_kv_bytes", "touched bytes of the KV cache and other caches"),
        ("touched_compute_bytes", "touched bytes of all other buffers"),
        ("logged_bytes", "as touched bytes, with every access widened to its whole tensor"),
        ("logged_disk_bytes", "logged bytes of the model files"),
        ("logged_buffer_bytes", "logged bytes of the runtime's buffers"),
        ("disk_share", "touched DISK bytes over all touched bytes"),
        ("working_set_bytes", "union of the byte ranges that its ops touch, each byte once: DISK and BUFFER"),
        ("weights_bytes", "memory of weights: distinct bytes of them that its ops touch"),
        ("kv_bytes", "memory of the KV cache and other caches: distinct bytes that its ops touch"),
        ("compute_bytes", "memory of all other buffers: distinct bytes that its ops touch"),
        ("hottest_tensors", "the tensors of which its ops touch most bytes, five at the most"),
        ("hottest_tensor_numbers", "numbers of these tensors in the run"),
        ("hottest_touched_bytes", "touched bytes of these tensors"),
    ];
}
