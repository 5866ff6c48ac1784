//! A row for each pass: how long it took, what it touched, what of that is new, and how sequentially it read.

use std::sync::atomic::AtomicBool;

use serde::Serialize;

use super::Scope;
use super::fields::{Field, Row};
use super::places::Places;
use super::walk::walk;
use crate::trace::{Phase, Trace};

#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct PassStats {
    pub pass: u32,
    pub phase: Option<Phase>,
    pub text: Option<String>,
    pub tokens: Option<u64>,
    pub ops: u64,
    pub start_ns: Option<u64>,
    pub duration_ns: Option<u64>,
    pub accesses: u64,
    pub reads: u64,
    pub writes: u64,
    pub touched_bytes: u64,
    pub touched_disk_bytes: u64,
    pub touched_buffer_bytes: u64,
    pub logged_bytes: u64,
    pub logged_disk_bytes: u64,
    pub logged_buffer_bytes: u64,
    pub disk_share: Option<f64>,
    pub working_set_bytes: u64,
    pub working_set_disk_bytes: u64,
    pub working_set_buffer_bytes: u64,
    pub weights_bytes: u64,
    pub kv_bytes: u64,
    pub compute_bytes: u64,
    pub new_bytes: u64,
    pub new_disk_bytes: u64,
    pub new_buffer_bytes: u64,
    pub cumulative_disk_bytes: u64,
    pub cumulative_buffer_bytes: u64,
    pub sequential_share: Option<f64>,
    pub sequential_bytes_share: Option<f64>,
}

/// The passes of the scope, in order. `None` once cancelled.
pub fn passes(trace: &Trace, scope: Scope, cancelled: &AtomicBool) -> Option<Vec<PassStats>> {
    let places = Places::new(trace);
    let walk = walk(trace, scope, &places, cancelled)?;
    let new = walk.new_bytes(&places);
    let mut cumulative = [0_u64; 2];
    let counted =
        (0_u32..).zip(&trace.passes).zip(walk.passes.iter().zip(new)).filter(|((_, pass), _)| scope.has(pass));
    Some(
        counted
            .map(|((index, pass), (walked, new))| {
                cumulative = [cumulative[0] + new[0], cumulative[1] + new[1]];
                let shares = walked.sequence.shares();
                PassStats {
                    pass: index,
                    phase: Some(pass.phase),
                    text: pass.text.clone(),
                    tokens: pass.tokens(),
                    ops: walked.ops,
                    start_ns: walked.duration_ns.map(|_| pass.start_ns),
                    duration_ns: walked.duration_ns,
                    accesses: walked.accesses,
                    reads: walked.reads(),
                    writes: walked.writes,
                    touched_bytes: walked.touched.both(),
                    touched_disk_bytes: walked.touched.disk(),
                    touched_buffer_bytes: walked.touched.buffer(),
                    logged_bytes: walked.logged.both(),
                    logged_disk_bytes: walked.logged.disk(),
                    logged_buffer_bytes: walked.logged.buffer(),
                    disk_share: walked.touched.disk_share(),
                    working_set_bytes: walked.union.both(),
                    working_set_disk_bytes: walked.union.tracks[0],
                    working_set_buffer_bytes: walked.union.tracks[1],
                    weights_bytes: walked.union.parts.weights(),
                    kv_bytes: walked.union.parts.kv(),
                    compute_bytes: walked.union.parts.compute(),
                    new_bytes: new[0].saturating_add(new[1]),
                    new_disk_bytes: new[0],
                    new_buffer_bytes: new[1],
                    cumulative_disk_bytes: cumulative[0],
                    cumulative_buffer_bytes: cumulative[1],
                    sequential_share: shares.map(|[reads, _]| reads),
                    sequential_bytes_share: shares.map(|[_, bytes]| bytes),
                }
            })
            .collect(),
    )
}

impl Row for PassStats {
    const FIELDS: &'static [Field] = &[
        ("pass", "its number in the run, from 0"),
        ("phase", "prompt, generate or warmup"),
        ("text", "text of the tokens that it processed; null where it is not known"),
        (
            "tokens",
            "tokens that it processed, by their positions or ids; where they are not known, one where it generates",
        ),
        ("ops", "ops of the pass"),
        ("start_ns", "its first stamp, from the run's first"),
        ("duration_ns", "to the last known end in it; null where the source has no times"),
        ("accesses", "ranges of bytes that its ops touch, repeats counted"),
        ("reads", "accesses that read"),
        ("writes", "accesses that write"),
        ("touched_bytes", "bytes of all accesses, repeats counted: DISK and BUFFER"),
        ("touched_disk_bytes", "touched bytes of the model files"),
        ("touched_buffer_bytes", "touched bytes of the runtime's buffers"),
        ("logged_bytes", "as touched bytes, with every access widened to its whole tensor"),
        ("logged_disk_bytes", "logged bytes of the model files"),
        ("logged_buffer_bytes", "logged bytes of the runtime's buffers"),
        ("disk_share", "touched DISK bytes over all touched bytes"),
        ("working_set_bytes", "union of the byte ranges that it touches, each byte once: DISK and BUFFER"),
        ("working_set_disk_bytes", "the part of its working set in the model files"),
        ("working_set_buffer_bytes", "the part of its working set in the runtime's buffers"),
        ("weights_bytes", "distinct bytes touched of weights: model files, and buffers of the usage WEIGHTS"),
        ("kv_bytes", "distinct bytes touched of the KV cache and other caches"),
        ("compute_bytes", "distinct bytes touched of all other buffers"),
        ("new_bytes", "bytes that no pass before it touched, of those that count: DISK and BUFFER"),
        ("new_disk_bytes", "new bytes of the model files"),
        ("new_buffer_bytes", "new bytes of the runtime's buffers"),
        ("cumulative_disk_bytes", "distinct bytes of the model files touched up to its end: the working-set curve"),
        ("cumulative_buffer_bytes", "distinct bytes of the runtime's buffers touched up to its end"),
        (
            "sequential_share",
            "of its consecutive DISK reads in op order, the share that starts where the one before ended, up to 4 KiB ahead",
        ),
        ("sequential_bytes_share", "the same share by the bytes of the reads"),
    ];
}
