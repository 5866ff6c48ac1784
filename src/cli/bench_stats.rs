//! Times of the tables of `stats`, for `bench`.

use std::sync::atomic::AtomicBool;
use std::time::Instant;

use serde::Serialize;

use super::bench_window::{Frames, milliseconds};
use crate::analysis::stats::{self, Scope};
use crate::trace::Trace;

const ROUNDS: usize = 3;

/// Medians, of all phases.
#[derive(Serialize)]
pub struct StatsTimes {
    run_ms: f64,
    pass_ms: f64,
    layer_ms: f64,
    tensor_ms: f64,
    op_ms: f64,
    expert_ms: f64,
    layer_pass_ms: f64,
}

pub fn measure(trace: &Trace) -> StatsTimes {
    let never = AtomicBool::new(false);
    let all = Scope::default();
    StatsTimes {
        run_ms: median_ms(|| stats::run(trace, all, &never)),
        pass_ms: median_ms(|| stats::passes(trace, all, &never)),
        layer_ms: median_ms(|| stats::layers(trace, all, &never)),
        tensor_ms: median_ms(|| stats::tensors(trace, all, &never)),
        op_ms: median_ms(|| stats::op_kinds(trace, all, &never)),
        expert_ms: median_ms(|| stats::experts(trace, all, &never)),
        layer_pass_ms: median_ms(|| stats::layer_passes(trace, all, &never)),
    }
}

fn median_ms<A>(work: impl Fn() -> A) -> f64 {
    let time = |_| {
        let started = Instant::now();
        std::hint::black_box(work());
        milliseconds(started)
    };
    Frames::of((0..ROUNDS).map(time).collect()).median_ms
}

pub fn text(times: &StatsTimes) -> String {
    let StatsTimes { run_ms, pass_ms, layer_ms, tensor_ms, op_ms, expert_ms, layer_pass_ms } = times;
    format!(
        "run {run_ms:.1} ms, passes {pass_ms:.1}, layers {layer_ms:.1}, tensors {tensor_ms:.1}, ops {op_ms:.1}, \
         experts {expert_ms:.1}, layers by passes {layer_pass_ms:.1}"
    )
}
