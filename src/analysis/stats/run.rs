//! The run as a whole: its numbers, those of its phases beside each other, and how far apart reads of the same bytes are.

use std::sync::atomic::AtomicBool;

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use super::Scope;
use super::fields::{Field, Row};
use super::places::Places;
use super::reuse::{Reuse, reuse};
use super::walk::{Walked, walk};
use crate::trace::{Pass, Phase, Trace};

#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct RunStats {
    pub passes: u64,
    pub ops: u64,
    pub accesses: u64,
    pub reads: u64,
    pub writes: u64,
    pub duration_ns: Option<u64>,
    pub span_ns: Option<u64>,
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
    pub model_bytes: Option<u64>,
    pub never_touched_bytes: Option<u64>,
    pub never_touched_share: Option<f64>,
    pub sequential_share: Option<f64>,
    pub sequential_bytes_share: Option<f64>,
    pub reuse_reads: u64,
    pub reuse_first_reads: u64,
    pub reuse_median_bytes: Option<u64>,
    pub reuse_p90_bytes: Option<u64>,
    pub reuse_p99_bytes: Option<u64>,
    pub reuse_mean_bytes: Option<f64>,
    /// Least distance of each class.
    pub reuse_histogram_bytes: Vec<u64>,
    pub reuse_histogram_reads: Vec<u64>,
    #[serde(flatten, serialize_with = "prompt")]
    pub prompt: PhaseStats,
    #[serde(flatten, serialize_with = "generate")]
    pub generate: PhaseStats,
    #[serde(flatten, serialize_with = "warmup")]
    pub warmup: PhaseStats,
}

/// The passes of one phase.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct PhaseStats {
    pub passes: u64,
    pub ops: u64,
    pub tokens: Option<u64>,
    pub duration_ns: Option<u64>,
    pub tokens_per_second: Option<f64>,
    pub touched_disk_bytes: u64,
    pub touched_buffer_bytes: u64,
    pub disk_share: Option<f64>,
    pub working_set_disk_bytes: u64,
    pub working_set_buffer_bytes: u64,
    pub sequential_share: Option<f64>,
}

impl RunStats {
    pub fn phase(&self, phase: Phase) -> &PhaseStats {
        match phase {
            Phase::Prompt => &self.prompt,
            Phase::Generate => &self.generate,
            Phase::Warmup => &self.warmup,
        }
    }
}

/// `None` once cancelled.
pub fn run(trace: &Trace, scope: Scope, cancelled: &AtomicBool) -> Option<RunStats> {
    let places = Places::new(trace);
    let walk = walk(trace, scope, &places, cancelled)?;
    let reuse = reuse(trace, scope, &places, cancelled)?;
    let total = walk.total(trace, scope, &places);
    let phase = |phase| of_phase(trace, phase, &walk.phase(trace, phase));
    let model_bytes = Some(places.model_bytes).filter(|&bytes| bytes > 0);
    let disk = total.union.tracks[0];
    let never_touched = model_bytes.map(|bytes| bytes.saturating_sub(disk));
    let shares = total.sequence.shares();
    let Reuse { reads, first_reads, median_bytes, p90_bytes, p99_bytes, mean_bytes, histogram, .. } = reuse;
    Some(RunStats {
        passes: trace.passes.iter().filter(|pass| scope.has(pass)).count() as u64,
        ops: total.ops,
        accesses: total.accesses,
        reads: total.reads(),
        writes: total.writes,
        duration_ns: total.duration_ns,
        span_ns: total.duration_ns.and_then(|_| span_ns(trace, scope)),
        touched_bytes: total.touched.both(),
        touched_disk_bytes: total.touched.disk(),
        touched_buffer_bytes: total.touched.buffer(),
        logged_bytes: total.logged.both(),
        logged_disk_bytes: total.logged.disk(),
        logged_buffer_bytes: total.logged.buffer(),
        disk_share: total.touched.disk_share(),
        working_set_bytes: total.union.both(),
        working_set_disk_bytes: disk,
        working_set_buffer_bytes: total.union.tracks[1],
        weights_bytes: total.union.parts.weights(),
        kv_bytes: total.union.parts.kv(),
        compute_bytes: total.union.parts.compute(),
        model_bytes,
        never_touched_bytes: never_touched,
        never_touched_share: never_touched.zip(model_bytes).map(|(never, all)| never as f64 / all as f64),
        sequential_share: shares.map(|[reads, _]| reads),
        sequential_bytes_share: shares.map(|[_, bytes]| bytes),
        reuse_reads: reads,
        reuse_first_reads: first_reads,
        reuse_median_bytes: median_bytes,
        reuse_p90_bytes: p90_bytes,
        reuse_p99_bytes: p99_bytes,
        reuse_mean_bytes: mean_bytes,
        reuse_histogram_bytes: (0..histogram.len())
            .map(|class| if class == 0 { 0 } else { 1 << (class - 1) })
            .collect(),
        reuse_histogram_reads: histogram,
        prompt: phase(Phase::Prompt),
        generate: phase(Phase::Generate),
        warmup: phase(Phase::Warmup),
    })
}

fn of_phase(trace: &Trace, phase: Phase, walked: &Walked) -> PhaseStats {
    let passes = || trace.passes.iter().filter(|pass| pass.phase == phase);
    let tokens = passes().map(Pass::tokens).try_fold(0_u64, |sum, tokens| Some(sum + tokens?));
    let seconds = walked.duration_ns.filter(|&ns| ns > 0).map(|ns| ns as f64 / 1e9);
    PhaseStats {
        passes: passes().count() as u64,
        ops: walked.ops,
        tokens,
        duration_ns: walked.duration_ns,
        tokens_per_second: tokens.zip(seconds).map(|(tokens, seconds)| tokens as f64 / seconds),
        touched_disk_bytes: walked.touched.disk(),
        touched_buffer_bytes: walked.touched.buffer(),
        disk_share: walked.touched.disk_share(),
        working_set_disk_bytes: walked.union.tracks[0],
        working_set_buffer_bytes: walked.union.tracks[1],
        sequential_share: walked.sequence.shares().map(|[reads, _]| reads),
    }
}

/// From the first stamp to the last known end.
fn span_ns(trace: &Trace, scope: Scope) -> Option<u64> {
    let passes = || trace.passes.iter().filter(|pass| scope.has(pass));
    let end = passes().map(|pass| pass.start_ns.saturating_add(pass.duration_ns)).max()?;
    Some(end.saturating_sub(passes().map(|pass| pass.start_ns).min()?))
}

/// The fields of a phase with its name before them.
fn named<S: Serializer>(phase: Phase, stats: &PhaseStats, serializer: S) -> Result<S::Ok, S::Error> {
    let fields = stats.values();
    let mut map = serializer.serialize_map(Some(fields.len()))?;
    for (field, value) in fields {
        map.serialize_entry(&format!("{}_{field}", phase.label()), &value)?;
    }
    map.end()
}

fn prompt<S: Serializer>(stats: &PhaseStats, serializer: S) -> Result<S::Ok, S::Error> {
    named(Phase::Prompt, stats, serializer)
}

fn generate<S: Serializer>(stats: &PhaseStats, serializer: S) -> Result<S::Ok, S::Error> {
    named(Phase::Generate, stats, serializer)
}

fn warmup<S: Serializer>(stats: &PhaseStats, serializer: S) -> Result<S::Ok, S::Error> {
    named(Phase::Warmup, stats, serializer)
}

impl Row for PhaseStats {
    const FIELDS: &'static [Field] = &[];
}

impl Row for RunStats {
    const FIELDS: &'static [Field] = &[
        ("passes", "passes that count"),
        ("ops", "ops of these passes"),
        ("accesses", "ranges of bytes that ops touch, repeats counted"),
        ("reads", "accesses that read"),
        ("writes", "accesses that write"),
        ("duration_ns", "durations of the passes added up; null where the source has no times"),
        ("span_ns", "from the first stamp to the last known end, what lies between passes included"),
        ("touched_bytes", "bytes of all accesses, repeats counted: DISK and BUFFER"),
        ("touched_disk_bytes", "touched bytes of the model files"),
        ("touched_buffer_bytes", "touched bytes of the runtime's buffers"),
        ("logged_bytes", "as touched bytes, with every access widened to its whole tensor"),
        ("logged_disk_bytes", "logged bytes of the model files"),
        ("logged_buffer_bytes", "logged bytes of the runtime's buffers"),
        ("disk_share", "touched DISK bytes over all touched bytes"),
        ("working_set_bytes", "union of the byte ranges that are touched, each byte once: DISK and BUFFER"),
        ("working_set_disk_bytes", "the part of the working set in the model files"),
        ("working_set_buffer_bytes", "the part of the working set in the runtime's buffers"),
        ("weights_bytes", "distinct bytes touched of weights: model files, and buffers of the usage WEIGHTS"),
        ("kv_bytes", "distinct bytes touched of the KV cache and other caches"),
        ("compute_bytes", "distinct bytes touched of all other buffers"),
        ("model_bytes", "bytes of the model files; null where they are not known"),
        ("never_touched_bytes", "model file bytes outside the union of what is touched"),
        ("never_touched_share", "never touched bytes over the bytes of the model files"),
        (
            "sequential_share",
            "of consecutive DISK reads in op order, the share that starts where the one before ended, up to 4 KiB ahead",
        ),
        ("sequential_bytes_share", "the same share by the bytes of the reads"),
        ("reuse_reads", "DISK reads of a range that was read before"),
        ("reuse_first_reads", "DISK reads of a range that was not read before"),
        (
            "reuse_median_bytes",
            "reuse distance that half of the reads have at most: the distinct bytes of the model files that were read \
             since the last read of the same range",
        ),
        ("reuse_p90_bytes", "reuse distance that 90 % of the reads have at most"),
        ("reuse_p99_bytes", "reuse distance that 99 % of the reads have at most"),
        ("reuse_mean_bytes", "mean reuse distance of the reads"),
        ("reuse_histogram_bytes", "least reuse distance of each class: 0, 1, 2, 4 and so on, each up to the next"),
        ("reuse_histogram_reads", "reads whose reuse distance is in the class"),
        ("prompt_passes", "passes of the prompt, whichever phase is chosen; likewise all that follows"),
        ("prompt_ops", "ops of the prompt"),
        ("prompt_tokens", "tokens that the passes processed, by their positions or ids; null where they are not known"),
        ("prompt_duration_ns", "durations of these passes added up"),
        ("prompt_tokens_per_second", "tokens over that duration"),
        ("prompt_touched_disk_bytes", "touched bytes of the model files"),
        ("prompt_touched_buffer_bytes", "touched bytes of the runtime's buffers"),
        ("prompt_disk_share", "touched DISK bytes over all touched bytes"),
        ("prompt_working_set_disk_bytes", "distinct bytes touched of the model files"),
        ("prompt_working_set_buffer_bytes", "distinct bytes touched of the runtime's buffers"),
        ("prompt_sequential_share", "share of sequential reads, by count"),
        ("generate_passes", "passes that generate"),
        ("generate_ops", "ops of these passes"),
        (
            "generate_tokens",
            "tokens that the passes processed, by their positions or ids; where they are not known, one a pass",
        ),
        ("generate_duration_ns", "durations of these passes added up"),
        ("generate_tokens_per_second", "tokens over that duration"),
        ("generate_touched_disk_bytes", "touched bytes of the model files"),
        ("generate_touched_buffer_bytes", "touched bytes of the runtime's buffers"),
        ("generate_disk_share", "touched DISK bytes over all touched bytes"),
        ("generate_working_set_disk_bytes", "distinct bytes touched of the model files"),
        ("generate_working_set_buffer_bytes", "distinct bytes touched of the runtime's buffers"),
        ("generate_sequential_share", "share of sequential reads, by count"),
        ("warmup_passes", "passes that warm up"),
        ("warmup_ops", "ops of these passes"),
        ("warmup_tokens", "tokens that the passes processed, by their positions or ids; null where they are not known"),
        ("warmup_duration_ns", "durations of these passes added up"),
        ("warmup_tokens_per_second", "tokens over that duration"),
        ("warmup_touched_disk_bytes", "touched bytes of the model files"),
        ("warmup_touched_buffer_bytes", "touched bytes of the runtime's buffers"),
        ("warmup_disk_share", "touched DISK bytes over all touched bytes"),
        ("warmup_working_set_disk_bytes", "distinct bytes touched of the model files"),
        ("warmup_working_set_buffer_bytes", "distinct bytes touched of the runtime's buffers"),
        ("warmup_sequential_share", "share of sequential reads, by count"),
    ];
}
