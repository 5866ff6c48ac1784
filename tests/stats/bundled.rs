//! What must hold between the tables of one run, on the runs that come with the program.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use tensorscope::analysis::seeks::seeks;
use tensorscope::analysis::stats::{self, Scope};
use tensorscope::formats::{Progress, open};
use tensorscope::trace::tracks::{Order, TrackLayout};
use tensorscope::trace::{Phase, Trace, Track};

pub fn bundled(name: &str) -> Trace {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name);
    open(&path, &Progress::default()).unwrap()
}

fn check(trace: &Trace, scope: Scope) {
    let never = AtomicBool::new(false);
    let run = stats::run(trace, scope, &never).unwrap();
    let passes = stats::passes(trace, scope, &never).unwrap();
    let layers = stats::layers(trace, scope, &never).unwrap();
    let tensors = stats::tensors(trace, scope, &never).unwrap();
    let kinds = stats::op_kinds(trace, scope, &never).unwrap();
    let cells = stats::layer_passes(trace, scope, &never).unwrap();

    let sums = [run.ops, run.accesses, run.touched_bytes, run.logged_bytes];
    let add = |rows: Vec<[u64; 4]>| rows.into_iter().fold([0; 4], |sum, row| std::array::from_fn(|i| sum[i] + row[i]));
    assert_eq!(add(passes.iter().map(|p| [p.ops, p.accesses, p.touched_bytes, p.logged_bytes]).collect()), sums);
    assert_eq!(add(layers.iter().map(|l| [l.ops, l.accesses, l.touched_bytes, l.logged_bytes]).collect()), sums);
    assert_eq!(add(kinds.iter().map(|k| [k.ops, k.accesses, k.touched_bytes, k.logged_bytes]).collect()), sums);
    assert_eq!(add(cells.iter().map(|c| [c.ops, c.accesses, c.touched_bytes, c.logged_bytes]).collect()), sums);
    let of_tensors = add(tensors.iter().map(|t| [run.ops, t.accesses, t.touched_bytes, t.logged_bytes]).collect());
    assert_eq!(of_tensors[1..], sums[1..]);
    assert_eq!(run.reads + run.writes, run.accesses);
    assert_eq!(run.duration_ns, Some(passes.iter().filter_map(|p| p.duration_ns).sum()));
    for (times, what) in [
        (layers.iter().filter_map(|l| l.duration_ns).sum::<u64>(), "layers"),
        (kinds.iter().filter_map(|k| k.duration_ns).sum(), "kinds"),
        (cells.iter().filter_map(|c| c.duration_ns).sum(), "cells"),
    ] {
        assert_eq!(times, layers.iter().filter_map(|l| l.duration_ns).sum::<u64>(), "{what}");
    }

    let last = passes.last().unwrap();
    assert_eq!(last.cumulative_disk_bytes, run.working_set_disk_bytes);
    assert_eq!(last.cumulative_buffer_bytes, run.working_set_buffer_bytes);
    assert_eq!(passes.iter().map(|p| p.new_bytes).sum::<u64>(), run.working_set_bytes);
    assert_eq!(run.never_touched_bytes, Some(trace.meta.model.file_bytes() - run.working_set_disk_bytes));
    let ever: u64 = tensors.iter().filter(|t| t.track == Some(Track::Disk)).map(|t| t.ever_touched_bytes).sum();
    assert_eq!(ever, run.working_set_disk_bytes);
    assert!(passes.iter().all(|p| p.working_set_disk_bytes <= run.working_set_disk_bytes && p.ops > 0));
    assert!(run.reuse_median_bytes <= run.reuse_p90_bytes && run.reuse_p90_bytes <= run.reuse_p99_bytes);
    assert!(run.reuse_p99_bytes.unwrap() <= run.working_set_disk_bytes);
    assert_eq!(run.reuse_histogram_reads.iter().sum::<u64>(), run.reuse_reads);

    // The heatmap says the same of how sequential a pass is.
    let layout = TrackLayout::new(trace, Track::Disk, Order::File);
    for pass in &passes {
        let of = &trace.passes[pass.pass as usize];
        let found = seeks(trace, &layout, of.first_op as usize..(of.first_op + of.ops) as usize, &never).unwrap();
        assert_eq!(found.sequence.shares().map(|s| s[0]), pass.sequential_share);
    }
}

#[test]
fn tables_of_a_small_model_agree() {
    let trace = bundled("smollm2-135m.tscope");
    check(&trace, Scope::default());
    check(&trace, Scope { phase: Some(Phase::Generate) });
}

#[test]
fn tables_of_a_large_model_agree() {
    let trace = bundled("llama-70b.tscope");
    check(&trace, Scope::default());
    let run = stats::run(&trace, Scope::default(), &AtomicBool::new(false)).unwrap();
    assert_eq!((run.prompt.tokens, run.generate.tokens), (Some(15), Some(7)));
}

#[test]
fn tables_of_a_mixture_of_experts_agree() {
    let trace = bundled("moe-128x48.tscope");
    check(&trace, Scope::default());
    let never = AtomicBool::new(false);
    let generated = stats::experts(&trace, Scope { phase: Some(Phase::Generate) }, &never).unwrap();
    assert_eq!((generated.layers.len(), generated.experts.len()), (48, 48 * 128));
    let used = trace.meta.model.experts_used.unwrap();
    let passes = trace.passes.iter().filter(|pass| pass.phase == Phase::Generate).count() as u64;
    for layer in &generated.layers {
        let rows = || generated.experts.iter().filter(|e| e.layer == layer.layer);
        assert_eq!(rows().map(|e| e.passes).sum::<u64>(), passes * u64::from(used));
        assert_eq!(layer.used.unwrap() + layer.never_used.unwrap(), 128);
        assert_eq!(layer.overlap_pairs, passes - 1);
        let bits = layer.entropy_bits.unwrap();
        assert!(bits <= f64::from(layer.used.unwrap()).log2() + 1e-9 && bits > 3.0, "{bits}");
    }
}
