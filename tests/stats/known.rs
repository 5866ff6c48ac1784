//! Runs whose numbers one can work out by hand.

use std::sync::atomic::AtomicBool;

use tensorscope::analysis::stats::{self, Scope};
use tensorscope::trace::{Phase, Trace, Track};

use super::run::{NONE, Op, run, tensor};

fn op(kind: u32, layer: u32, duration_ns: u64, accesses: &[(u32, bool)]) -> Op {
    Op { kind, layer, duration_ns, accesses: accesses.to_vec() }
}

/// Two weights of 100 bytes behind each other at byte 100, a cache, and a pass of each phase.
fn small() -> Trace {
    let tensors = vec![
        tensor("blk.0.a.weight", Track::Disk, 100, 100),
        tensor("blk.1.b.weight", Track::Disk, 200, 100),
        tensor("cache_k_l0", Track::Buffer, 0, 50),
    ];
    let ranges = [(0, 0, 100, NONE), (1, 0, 100, NONE), (1, 50, 25, NONE), (2, 0, 10, NONE)];
    let prompt = vec![op(0, 0, 30, &[(0, false), (3, true)]), op(1, 1, 10, &[(1, false)])];
    let generate = vec![op(0, 0, 5, &[(0, false), (3, false)]), op(0, NONE, u64::MAX, &[(2, false), (0, false)])];
    run(tensors, &ranges, &[(Phase::Prompt, 4, prompt), (Phase::Generate, 0, generate)])
}

const ALL: Scope = Scope { phase: None };
const GENERATE: Scope = Scope { phase: Some(Phase::Generate) };

fn never() -> AtomicBool {
    AtomicBool::new(false)
}

#[test]
fn the_run_adds_up() {
    let stats = stats::run(&small(), ALL, &never()).unwrap();
    assert_eq!((stats.passes, stats.ops, stats.accesses, stats.reads, stats.writes), (2, 4, 7, 6, 1));
    assert_eq!((stats.touched_disk_bytes, stats.touched_buffer_bytes), (100 + 100 + 100 + 25 + 100, 20));
    assert_eq!((stats.logged_disk_bytes, stats.logged_buffer_bytes), (500, 100));
    assert_eq!(stats.disk_share, Some(425.0 / 445.0));
    assert_eq!((stats.working_set_disk_bytes, stats.working_set_buffer_bytes), (200, 10));
    assert_eq!((stats.weights_bytes, stats.kv_bytes, stats.compute_bytes), (200, 10, 0));
    assert_eq!((stats.model_bytes, stats.never_touched_bytes), (Some(400), Some(200)));
    assert_eq!(stats.never_touched_share, Some(0.5));
    // 100..200, 200..300, back to 100..200, on to 250..275, which is 50 ahead, back again.
    assert_eq!(stats.sequential_share, Some(2.0 / 4.0));
    assert_eq!(stats.sequential_bytes_share, Some(125.0 / 325.0));
    // The first weight again: 100 bytes between; and once more: 25 bytes between.
    assert_eq!((stats.reuse_reads, stats.reuse_first_reads), (2, 3));
    assert_eq!((stats.reuse_median_bytes, stats.reuse_p99_bytes), (Some(25), Some(100)));
    assert_eq!(stats.reuse_mean_bytes, Some(62.5));
    assert_eq!(stats.reuse_histogram_bytes, [0, 1, 2, 4, 8, 16, 32, 64]);
    assert_eq!(stats.reuse_histogram_reads, [0, 0, 0, 0, 0, 1, 0, 1]);
    assert_eq!((stats.duration_ns, stats.span_ns), (Some(45), Some(1005)));
    assert_eq!((stats.prompt.tokens, stats.prompt.tokens_per_second), (Some(4), Some(4.0 / 40e-9)));
    assert_eq!((stats.generate.tokens, stats.generate.tokens_per_second), (Some(1), Some(1.0 / 5e-9)));
    assert_eq!((stats.warmup.passes, stats.warmup.tokens_per_second), (0, None));
}

#[test]
fn a_phase_counts_alone_and_the_phases_stay_beside_each_other() {
    let (all, generate) =
        (stats::run(&small(), ALL, &never()).unwrap(), stats::run(&small(), GENERATE, &never()).unwrap());
    assert_eq!((generate.ops, generate.working_set_disk_bytes), (2, 125));
    assert_eq!(generate.never_touched_bytes, Some(275));
    assert_eq!((generate.reuse_reads, generate.reuse_median_bytes), (1, Some(25)));
    assert_eq!((&generate.prompt, &generate.generate), (&all.prompt, &all.generate));
    let passes = stats::passes(&small(), GENERATE, &never()).unwrap();
    assert_eq!(passes.len(), 1);
    assert_eq!((passes[0].pass, passes[0].new_disk_bytes), (1, 125));
}

#[test]
fn passes_say_what_is_new() {
    let passes = stats::passes(&small(), ALL, &never()).unwrap();
    let of = |field: fn(&stats::PassStats) -> u64| passes.iter().map(field).collect::<Vec<_>>();
    assert_eq!(of(|p| p.working_set_disk_bytes), [200, 125]);
    assert_eq!(of(|p| p.new_disk_bytes), [200, 0]);
    assert_eq!(of(|p| p.new_buffer_bytes), [10, 0]);
    assert_eq!(of(|p| p.cumulative_disk_bytes), [200, 200]);
    assert_eq!(passes[0].sequential_share, Some(1.0));
    assert_eq!((passes[0].tokens, passes[1].tokens), (Some(4), Some(1)));
    assert_eq!((passes[0].duration_ns, passes[1].duration_ns), (Some(40), Some(5)));
}

#[test]
fn layers_and_kinds_have_percentiles_of_what_is_known() {
    let layers = stats::layers(&small(), ALL, &never()).unwrap();
    let numbers: Vec<_> = layers.iter().map(|l| (l.layer, l.ops, l.duration_ns)).collect();
    assert_eq!(numbers, [(Some(0), 2, Some(35)), (Some(1), 1, Some(10)), (None, 1, None)]);
    assert_eq!((layers[0].p50_ns, layers[0].max_ns, layers[0].mean_ns), (Some(5), Some(30), Some(17.5)));
    assert_eq!((layers[2].p50_ns, layers[2].mean_ns), (None, None));
    assert_eq!(layers[0].hottest_tensors, ["blk.0.a.weight", "cache_k_l0"]);
    assert_eq!(layers[0].hottest_touched_bytes, [200, 20]);
    assert_eq!((layers[0].weights_bytes, layers[0].kv_bytes), (100, 10));
    let kinds = stats::op_kinds(&small(), ALL, &never()).unwrap();
    let numbers: Vec<_> = kinds.iter().map(|k| (k.op.as_str(), k.ops, k.touched_disk_bytes)).collect();
    assert_eq!(numbers, [("MUL_MAT", 3, 325), ("ADD", 1, 100)]);
    let cells = stats::layer_passes(&small(), ALL, &never()).unwrap();
    let numbers: Vec<_> = cells.iter().map(|c| (c.pass, c.layer, c.touched_bytes)).collect();
    assert_eq!(numbers, [(0, Some(0), 110), (0, Some(1), 100), (1, Some(0), 110), (1, None, 125)]);
}

#[test]
fn tensors_say_how_much_of_them_is_touched() {
    let tensors = stats::tensors(&small(), ALL, &never()).unwrap();
    assert_eq!((tensors[0].accesses, tensors[0].passes, tensors[0].reuse_mean_bytes), (3, 2, Some(62.5)));
    assert_eq!((tensors[0].first_op, tensors[0].last_op), (Some(0), Some(3)));
    assert_eq!((tensors[2].reads, tensors[2].writes, tensors[2].ever_touched_share), (1, 1, Some(0.2)));
    assert_eq!(tensors[2].reuse_mean_bytes, None);
    let generated = stats::tensors(&small(), GENERATE, &never()).unwrap();
    assert_eq!((generated[1].ever_touched_bytes, generated[1].first_op), (25, Some(3)));
}

#[test]
fn without_times_nothing_is_known_of_time() {
    let mut trace = small();
    trace.ops.duration_ns = tensorscope::trace::Nullable::from_sentinel(vec![u64::MAX; 4], u64::MAX);
    for pass in &mut trace.passes {
        pass.duration_ns = 0;
    }
    let run = stats::run(&trace, ALL, &never()).unwrap();
    assert_eq!((run.duration_ns, run.span_ns, run.generate.tokens_per_second), (None, None, None));
    assert!(stats::passes(&trace, ALL, &never()).unwrap().iter().all(|pass| pass.duration_ns.is_none()));
    assert!(stats::layers(&trace, ALL, &never()).unwrap().iter().all(|layer| layer.duration_ns.is_none()));
}

#[test]
fn experts_are_counted_by_layer_and_compared_from_token_to_token() {
    let mut weights = tensor("blk.3.ffn_up_exps.weight", Track::Disk, 0, 40);
    weights.experts = Some(4);
    let ranges: Vec<_> = (0..4).map(|e| (0, u64::from(e) * 10, 10, e)).collect();
    let uses = |experts: &[u32]| vec![op(0, 3, 1, &experts.iter().map(|&e| (e, false)).collect::<Vec<_>>())];
    let passes = [
        (Phase::Prompt, 2, uses(&[0, 1, 2])),
        (Phase::Generate, 1, uses(&[0, 1])),
        (Phase::Generate, 1, uses(&[0, 2])),
        (Phase::Generate, 1, uses(&[0, 2])),
    ];
    let trace = run(vec![weights], &ranges, &passes);
    let found = stats::experts(&trace, ALL, &never()).unwrap();
    let ops: Vec<_> = found.experts.iter().map(|e| (e.layer, e.expert, e.ops, e.touched_bytes)).collect();
    assert_eq!(ops, [(Some(3), 0, 4, 40), (Some(3), 1, 2, 20), (Some(3), 2, 3, 30), (Some(3), 3, 0, 0)]);
    let layer = &found.layers[0];
    assert_eq!((layer.experts, layer.used, layer.never_used), (4, Some(3), Some(1)));
    // One in common of three, then two of two.
    assert_eq!((layer.overlap, layer.overlap_pairs), (Some(f64::midpoint(1.0 / 3.0, 1.0)), 2));
    let bits: f64 = [4.0_f64, 2.0, 3.0].iter().map(|n| -(n / 9.0) * (n / 9.0).log2()).sum();
    assert!((layer.entropy_bits.unwrap() - bits).abs() < 1e-12);
    assert!((layer.entropy_normalised.unwrap() - bits / 2.0).abs() < 1e-12);
    // A run without experts has empty tables.
    assert_eq!(stats::experts(&small(), ALL, &never()).unwrap(), stats::Experts::default());
}

#[test]
fn ranges_behind_the_last_byte_that_64_bits_can_name_are_read_but_cover_nothing() {
    let weight = tensor("blk.0.w.weight", Track::Disk, 0, 100);
    let reads = vec![op(0, 0, 5, &[(0, false), (1, false), (0, false), (1, false)])];
    let trace = run(vec![weight], &[(0, u64::MAX, 7, NONE), (0, 0, 10, NONE)], &[(Phase::Generate, 1, reads)]);
    let stats = stats::run(&trace, ALL, &never()).unwrap();
    assert_eq!((stats.reads, stats.working_set_disk_bytes), (4, 10));
    assert_eq!((stats.reuse_reads, stats.reuse_first_reads, stats.reuse_median_bytes), (1, 1, Some(0)));
}

#[test]
fn nothing_and_cancelled_runs_have_an_answer_too() {
    let nothing = Trace { passes: Vec::new(), ..run(Vec::new(), &[], &[]) };
    let stats = stats::run(&nothing, ALL, &never()).unwrap();
    assert_eq!((stats.ops, stats.disk_share, stats.reuse_median_bytes, stats.duration_ns), (0, None, None, None));
    assert!(stats::layers(&nothing, ALL, &never()).unwrap().is_empty());
    let cancelled = AtomicBool::new(true);
    let trace = small();
    assert!(stats::run(&trace, ALL, &cancelled).is_none() && stats::passes(&trace, ALL, &cancelled).is_none());
    assert!(stats::layers(&trace, ALL, &cancelled).is_none() && stats::tensors(&trace, ALL, &cancelled).is_none());
    assert!(
        stats::op_kinds(&trace, ALL, &cancelled).is_none() && stats::layer_passes(&trace, ALL, &cancelled).is_none()
    );
}
