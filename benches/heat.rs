//! Heatmap binning: kernels and twin, over runs shaped like recordings of generation.
#![expect(clippy::expect_used, reason = "a benchmark that cannot run has nothing to say")]

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use tensorscope::analysis::heat as cpu;
use tensorscope::gpu::Gpu;
use tensorscope::gpu::heat::{HeatData, HeatPipelines};
use tensorscope::kernel_io::heat::*;

const TENSOR_BYTES: u64 = 13 << 20;

/// Pass after pass touches the same ranges in the same order, but for one access an op that goes anywhere.
struct Run {
    access_range: Vec<u32>,
    access_flags: Vec<u32>,
    op_first_access: Vec<u32>,
    op_pass: Vec<u32>,
    range_tensor: Vec<u32>,
    range_offset: Vec<u64>,
    range_length: Vec<u64>,
    tensor_base: Vec<u64>,
    tensor_bytes: Vec<u64>,
}

impl Run {
    fn new(accesses: u32, ranges: u32) -> Self {
        const ACCESSES_PER_OP: u32 = 4;
        let tensors = ranges / 8 + 1;
        let ops = accesses / ACCESSES_PER_OP;
        let scattered = |access: u32| (u64::from(access) * 2_654_435_761 % u64::from(ranges)) as u32;
        let range_of = |access: u32| if access % 4 == 3 { scattered(access) } else { access % ranges };
        Self {
            access_range: (0..accesses).map(range_of).collect(),
            access_flags: (0..accesses).map(|access| u32::from(access % 4 == 0)).collect(),
            op_first_access: (0..ops).map(|op| op * ACCESSES_PER_OP).collect(),
            op_pass: vec![0; ops as usize],
            range_tensor: (0..ranges).map(|range| range / 8).collect(),
            range_offset: (0..ranges).map(|range| u64::from(range % 8) * (TENSOR_BYTES / 8)).collect(),
            range_length: (0..ranges).map(|range| (TENSOR_BYTES / 8) >> (range % 5)).collect(),
            tensor_base: (0..tensors).map(|tensor| u64::from(tensor) * TENSOR_BYTES).collect(),
            tensor_bytes: vec![TENSOR_BYTES; tensors as usize],
        }
    }

    fn columns(&self) -> HeatColumns<'_> {
        HeatColumns {
            access_range: &self.access_range,
            access_flags: &self.access_flags,
            op_first_access: &self.op_first_access,
            op_pass: &self.op_pass,
            pass_phase: &[1],
            range_tensor: &self.range_tensor,
            range_offset: &self.range_offset,
            range_length: &self.range_length,
            tensor_base: &self.tensor_base,
            tensor_bytes: &self.tensor_bytes,
        }
    }

    /// The whole run in 1024 x 256 cells.
    fn overview(&self, measure: Measure, aggregate: Aggregate) -> HeatQuery {
        let track_bytes = self.tensor_base.len() as u64 * TENSOR_BYTES;
        let level = |extent: u64, cells: u64| extent.div_ceil(cells).next_power_of_two().ilog2();
        HeatQuery {
            measure,
            aggregate,
            direction: Direction::Both,
            phases: u32::MAX,
            kx: level(track_bytes, 1024),
            ky: level(self.op_pass.len() as u64, 256),
            x0: 0,
            y0: 0,
            width: 1024,
            height: 256,
        }
    }
}

fn heat(criterion: &mut Criterion) {
    let gpu = Gpu::headless().expect("an adapter, a software one at least");
    let pipelines = HeatPipelines::new(&gpu);
    let mut group = criterion.benchmark_group("heat");
    group.sample_size(10).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(1));
    for (name, accesses, ranges) in [("70k", 70_000, 1_500), ("8M", 8_000_000, 3_000), ("8M-moe", 8_000_000, 20_000)] {
        let run = Run::new(accesses, ranges);
        let columns = run.columns();
        let data = HeatData::upload(&gpu, &columns).expect("upload");
        let overview = |measure, aggregate| run.overview(measure, aggregate);
        let sum = overview(Measure::Accesses, Aggregate::Sum);
        let queries = [
            ("accesses", sum),
            ("accesses-read", HeatQuery { direction: Direction::Read, ..sum }),
            ("bytes", overview(Measure::Bytes, Aggregate::Sum)),
            ("max-accesses", overview(Measure::Accesses, Aggregate::Max)),
            ("max-bytes", overview(Measure::Bytes, Aggregate::Max)),
            ("window", HeatQuery { ky: 4, y0: 300, kx: sum.kx - 3, ..sum }),
        ];
        for (query_name, query) in queries {
            group.bench_function(format!("{name}/{query_name}/gpu"), |bencher| {
                bencher.iter(|| {
                    let grid = pipelines.bin(&gpu, &data, black_box(&query)).expect("bin");
                    gpu.wait().expect("wait");
                    grid
                });
            });
            group.bench_function(format!("{name}/{query_name}/cpu"), |bencher| {
                bencher.iter(|| cpu::bin(&columns, black_box(&query)).expect("bin"));
            });
        }
        group.bench_function(format!("{name}/upload"), |bencher| {
            bencher.iter(|| HeatData::upload(&gpu, &columns).expect("upload"));
        });
    }
    group.finish();
}

criterion_group!(benches, heat);
criterion_main!(benches);
