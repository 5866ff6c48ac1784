//! The heatmap: the CPU twin against the definition, the kernels against the twin, and both against bad columns.

mod bundled;
mod levels;
mod pictures;
pub mod run;
mod tiles;

use std::sync::OnceLock;

use proptest::prelude::*;
use tensorscope::analysis::heat as cpu;
use tensorscope::gpu::colormap::Scale;
use tensorscope::gpu::heat::{Chunking, Counting, HeatData, HeatGpuError, HeatPipelines, MAX_TILE_WIDTH};
use tensorscope::gpu::heat_data::{FEW_ACCESSES, HeavyOp, OPS_PER_CUT};
use tensorscope::gpu::heat_draw::PictureParams;
use tensorscope::gpu::heat_kernels::Params;
use tensorscope::gpu::heat_plan::{OWNED_LANES, SHORTEST_BLOCK_OPS};
use tensorscope::gpu::heat_tiles::TILE;
use tensorscope::gpu::{Gpu, shaders};
use tensorscope::kernel_io::heat::*;

use run::{Random, Run, defined, everything};

struct Engine {
    gpu: Gpu,
    pipelines: HeatPipelines,
    owning_pipelines: HeatPipelines,
}

fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| {
        let gpu = Gpu::headless().expect("a software adapter");
        let pipelines = HeatPipelines::with_counting(&gpu, Counting::Atomic);
        let owning_pipelines = HeatPipelines::with_counting(&gpu, Counting::Owned);
        Engine { gpu, pipelines, owning_pipelines }
    })
}

/// The grid, which is the same however accesses are counted.
fn on_gpu(data: &HeatData, query: &HeatQuery) -> HeatGrid {
    let Engine { gpu, pipelines, owning_pipelines } = engine();
    let grid = pipelines.bin(gpu, data, query).expect("bin").read(gpu).expect("read");
    if query.aggregate == Aggregate::Sum {
        let owned = owning_pipelines.bin(gpu, data, query).expect("bin").read(gpu).expect("read");
        assert!(owned == grid, "counted with and without atomics: {query:?}");
    }
    grid
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_twin_does_what_the_definition_says(seed: u64, ops in 0usize..300, ranges in 0usize..60, bits in 0u32..50) {
        let run = Run::random(seed, ops, ranges, bits);
        let mut random = Random::new(!seed);
        for _ in 0..16 {
            let query = run.query(&mut random, bits);
            let grid = cpu::bin(&run.columns(), &query).expect("good columns");
            prop_assert_eq!((grid.width, grid.height), (query.width, query.height));
            prop_assert_eq!(&grid.values, &defined(&run, &query), "{:?}", query);
        }
    }
}

#[test]
fn the_kernels_agree_with_the_twin_on_random_runs() {
    let mut random = Random::new(7);
    for seed in 0..24 {
        let (ops, ranges, bits) = (random.below(3000) as usize, random.below(90) as usize, random.below(50) as u32);
        let run = Run::random(seed, ops, ranges, bits);
        let data = HeatData::upload(&engine().gpu, &run.columns()).expect("upload");
        for _ in 0..16 {
            let query = run.query(&mut random, bits);
            let expected = cpu::bin(&run.columns(), &query).expect("good columns");
            let context = format!("seed {seed}, {ops} ops, {ranges} ranges: {query:?}");
            assert_eq!(on_gpu(&data, &query), expected, "{context}");
        }
    }
}

#[test]
fn chunks_and_dispatches_do_not_change_a_grid() {
    let mut random = Random::new(11);
    let run = Run::random(3, 5000, 200, 30);
    let chunking = Chunking { ops: OPS_PER_CUT, accesses: 777, accesses_per_dispatch: 2000 };
    let data = HeatData::upload_in_chunks(&engine().gpu, &run.columns(), chunking).expect("upload");
    for _ in 0..24 {
        let query = run.query(&mut random, 30);
        let expected = cpu::bin(&run.columns(), &query).expect("good columns");
        assert_eq!(on_gpu(&data, &query), expected, "{query:?}");
    }
}

#[test]
fn compiling_kernels_ahead_changes_no_grid() {
    let mut random = Random::new(29);
    let run = Run::random(4, 2000, 300, 24);
    let data = HeatData::upload(&engine().gpu, &run.columns()).expect("upload");
    for _ in 0..12 {
        let query = run.query(&mut random, 24);
        for pipelines in [&engine().pipelines, &engine().owning_pipelines] {
            pipelines.compile(&engine().gpu, &data, &query.level()).expect("compile");
        }
        assert_eq!(on_gpu(&data, &query), cpu::bin(&run.columns(), &query).expect("good columns"), "{query:?}");
    }
}

/// Software adapters end the loops of an invocation after some 65,000 steps without a word.
#[test]
fn no_invocation_has_more_to_do_than_software_adapters_allow() {
    let crowded = Run {
        access_range: (0..100_000).map(|access| access % 3).collect(),
        access_flags: vec![0; 100_000],
        op_first_access: vec![0],
        op_pass: vec![0],
        pass_phase: vec![0],
        range_tensor: vec![0; 3],
        range_offset: vec![0, 10, 20],
        range_length: vec![10; 3],
        tensor_base: vec![0],
        tensor_bytes: vec![30],
    };
    let scattered = Run::random(9, 3000, 2500, 30);
    // More ranges than one invocation may look at.
    let ranges = 70_000;
    let many = Run {
        access_range: (0..3 * ranges).map(|access| access * 7 % ranges).collect(),
        access_flags: vec![0; 3 * ranges as usize],
        op_first_access: (0..64).map(|op| op * 3 * ranges / 64).collect(),
        op_pass: vec![0; 64],
        pass_phase: vec![0],
        range_tensor: vec![0; ranges as usize],
        range_offset: (0..u64::from(ranges)).map(|range| 100 * range).collect(),
        range_length: vec![150; ranges as usize],
        tensor_base: vec![0],
        tensor_bytes: vec![u64::from(100 * ranges + 50)],
    };
    for (run, kx, ky) in [(&crowded, 3, 0), (&scattered, 24, 10), (&scattered, 24, 9), (&many, 15, 3), (&many, 15, 4)] {
        let data = HeatData::upload(&engine().gpu, &run.columns()).expect("upload");
        let x0 = run.tensor_base.iter().copied().min().expect("tensors") >> kx;
        for (measure, phases) in [(Measure::Accesses, u32::MAX), (Measure::Bytes, u32::MAX), (Measure::Accesses, 0b1)] {
            let (aggregate, direction) = (Aggregate::Sum, Direction::Both);
            let query = HeatQuery { measure, aggregate, direction, phases, kx, ky, x0, y0: 0, width: 300, height: 8 };
            let expected = cpu::bin(&run.columns(), &query).expect("good columns");
            assert!(expected.values.iter().any(|&value| value > 0));
            assert!(on_gpu(&data, &query) == expected, "{query:?}");
        }
    }
}

#[test]
fn grids_wider_than_a_tile_and_higher_than_a_batch_are_whole() {
    let run = Run::random(5, 4000, 3000, 20);
    let data = HeatData::upload(&engine().gpu, &run.columns()).expect("upload");
    let base = run.tensor_base.iter().copied().min().expect("tensors");
    let kx = 11;
    for measure in [Measure::Accesses, Measure::Bytes] {
        for (aggregate, width, height) in
            [(Aggregate::Sum, 5000, 100), (Aggregate::Sum, 20, 3900), (Aggregate::Max, 2100, 300)]
        {
            let (direction, phases) = (Direction::Both, u32::MAX);
            let query =
                HeatQuery { measure, aggregate, direction, phases, kx, ky: 0, x0: base >> kx, y0: 30, width, height };
            let expected = cpu::bin(&run.columns(), &query).expect("good columns");
            assert!(expected.values.iter().any(|&value| value > 0));
            assert!(on_gpu(&data, &query) == expected, "{query:?}");
        }
    }
}

#[test]
fn reordering_x_moves_tensors_and_nothing_else() {
    let mut run = Run::random(9, 2000, 80, 24);
    let mut data = HeatData::upload(&engine().gpu, &run.columns()).expect("upload");
    let mut random = Random::new(1);
    for _ in 0..4 {
        run.tensor_base.rotate_left(1);
        run.tensor_base[0] = random.below(1 << 26);
        data = data.placed(&engine().gpu, &run.columns()).expect("good bases");
        for _ in 0..4 {
            let query = run.query(&mut random, 24);
            assert_eq!(on_gpu(&data, &query), cpu::bin(&run.columns(), &query).expect("good columns"), "{query:?}");
        }
    }
    let fewer = Run { tensor_base: run.tensor_base[1..].to_vec(), ..run.clone() };
    let error = data.placed(&engine().gpu, &fewer.columns()).err().expect("one base is missing");
    assert!(matches!(error, HeatGpuError::Refused(HeatError::Length { .. })), "{error}");
    let other = Run::random(9, 200, 70, 24);
    let error = data.placed(&engine().gpu, &other.columns()).err().expect("another run");
    assert!(matches!(error, HeatGpuError::Refused(HeatError::Length { .. })), "{error}");
    run.tensor_bytes[0] = 8;
    run.tensor_base.fill(u64::MAX - 3);
    let error = data.placed(&engine().gpu, &run.columns()).err().expect("past the last byte");
    let past = |error| matches!(error, HeatError::TensorPastTrack { .. } | HeatError::PastTrack { .. });
    assert!(matches!(&error, HeatGpuError::Refused(error) if past(error.clone())), "{error}");
}

#[test]
fn columns_that_contradict_each_other_are_refused_and_never_panic() {
    type Damage = fn(&mut Run);
    let damages: [(&str, Damage); 13] = [
        ("access_range", |run| run.access_range[500] = 60),
        ("access_range", |run| run.access_range[500] = u32::MAX),
        ("access_flags", |run| run.access_flags.truncate(9)),
        ("op 199 begins", |run| run.op_first_access[200] = 1),
        ("299", |run| run.op_first_access[299] = 1 << 20),
        ("access", |run| run.op_first_access[250..].fill(1 << 20)),
        ("op_pass", |run| run.op_pass[77] = 5),
        ("op_pass", |run| run.op_pass.push(0)),
        ("pass_phase", |run| run.pass_phase[3] = 32),
        ("range_tensor", |run| run.range_tensor.fill(u32::MAX)),
        ("range_length", |run| run.range_length.push(3)),
        ("64-bit track", |run| run.range_length.fill(u64::MAX)),
        ("tensor_bytes", |run| run.tensor_bytes.truncate(2)),
    ];
    for (named, damage) in damages {
        let mut run = Run::random(2, 300, 60, 20);
        run.tensor_base.fill(4096);
        cpu::bin(&run.columns(), &everything(&run)).expect("good before the damage");
        damage(&mut run);
        for aggregate in [Aggregate::Sum, Aggregate::Max] {
            let query = HeatQuery { aggregate, ..everything(&run) };
            let error = cpu::bin(&run.columns(), &query).expect_err(named);
            assert!(error.to_string().contains(named), "{named}: {error}");
        }
        match HeatData::upload(&engine().gpu, &run.columns()) {
            Err(HeatGpuError::Refused(error)) => assert!(error.to_string().contains(named), "{named}: {error}"),
            Err(error) => panic!("{named}: {error}"),
            Ok(_) => panic!("{named} was accepted"),
        }
    }
}

#[test]
fn a_fault_outside_of_the_window_does_not_keep_the_twin_from_answering() {
    let mut run = Run::random(2, 300, 60, 20);
    let query = HeatQuery { height: 10, ..everything(&run) };
    let before = cpu::bin(&run.columns(), &query).expect("good columns");
    let last = run.access_range.len() - 1;
    run.access_range[last] = u32::MAX;
    run.op_pass[290] = 77;
    assert_eq!(cpu::bin(&run.columns(), &query).expect("the window is good"), before);
}

#[test]
fn what_no_grid_can_hold_is_refused() {
    let run = Run::random(2, 30, 6, 20);
    let data = HeatData::upload(&engine().gpu, &run.columns()).expect("upload");
    let refused = |query: HeatQuery| {
        let error = cpu::bin(&run.columns(), &query).expect_err("too much");
        match engine().pipelines.bin(&engine().gpu, &data, &query) {
            Err(HeatGpuError::Refused(on_gpu)) => assert_eq!(on_gpu, error),
            _ => panic!("{query:?} was accepted"),
        }
        error
    };
    let query = everything(&run);
    assert_eq!(refused(HeatQuery { kx: 64, ..query }), HeatError::CellTooWide { kx: 64 });
    let wide = HeatQuery { width: u32::MAX, height: u32::MAX, ..query };
    assert_eq!(refused(wide), HeatError::TooManyCells { width: u32::MAX, height: u32::MAX });
}

#[test]
fn a_sum_past_64_bits_is_an_error_and_the_highest_below_is_exact() {
    let run = Run {
        access_range: vec![0, 1],
        access_flags: vec![0, 0],
        op_first_access: vec![0],
        op_pass: vec![0],
        pass_phase: vec![0],
        range_tensor: vec![0, 0],
        range_offset: vec![0, 1],
        range_length: vec![1 << 63, (1 << 63) - 1],
        tensor_base: vec![0],
        tensor_bytes: vec![u64::MAX],
    };
    for aggregate in [Aggregate::Sum, Aggregate::Max] {
        let query = HeatQuery { aggregate, kx: 63, ..everything(&run) };
        let grid = cpu::bin(&run.columns(), &query).expect("2^64 - 1 fits");
        assert_eq!(grid.values, [u64::MAX, 0]);
        let query = HeatQuery { measure: Measure::Logged, ..query };
        let error = cpu::bin(&run.columns(), &query).expect_err("2^64 does not");
        assert_eq!(error, HeatError::SumPasses64Bits { row: 0 });
        let data = HeatData::upload(&engine().gpu, &run.columns()).expect("upload");
        let bin = engine().pipelines.bin(&engine().gpu, &data, &query);
        assert!(matches!(bin, Err(HeatGpuError::Refused(HeatError::SumMightPass64Bits))));
    }
}

fn parsed(name: &str) -> naga::Module {
    naga::front::wgsl::parse_str(shaders::source(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Offsets of a WGSL structure's members, and its size.
fn wgsl_layout(module: &naga::Module, name: &str) -> (Vec<(String, u32)>, u32) {
    let (_, ty) = module.types.iter().find(|(_, ty)| ty.name.as_deref() == Some(name)).expect(name);
    let naga::TypeInner::Struct { members, span } = &ty.inner else { panic!("{name} is no structure") };
    (members.iter().map(|member| (member.name.clone().unwrap_or_default(), member.offset)).collect(), *span)
}

macro_rules! rust_layout {
    ($ty:ty: $($field:ident),+) => {
        (vec![$((stringify!($field).to_owned(), std::mem::offset_of!($ty, $field) as u32)),+], size_of::<$ty>() as u32)
    };
}

#[test]
fn structures_lie_in_rust_as_they_do_in_wgsl() {
    let params = rust_layout!(
        Params: x0, x_last, kx, ky, width, rows, first_column, first_row, stride, first_op, op_begin, op_end,
        block_ops, op_base, access_begin, access_end, first_item, wanted_flag, phases, items, levels, pieces,
        item_begin, item_end
    );
    for (name, _) in shaders::ALL.iter().filter(|(name, _)| name.starts_with("heat_") && *name != "heat_draw.wgsl") {
        assert_eq!(wgsl_layout(&parsed(name), "Params"), params, "{name}");
    }
    let heavy_op = rust_layout!(HeavyOp: op, access_begin, access_end, phase);
    for name in ["heat_heavy.wgsl", "heat_merge.wgsl"] {
        assert_eq!(wgsl_layout(&parsed(name), "HeavyOp"), heavy_op, "{name}");
    }
    let picture = rust_layout!(
        PictureParams: columns_at, rows_at, tiles_at, levels_at, ranks_at, strips_at, width, strip_px, map_top,
        tile_columns, untouched, pending, palette, scale, unused
    );
    assert_eq!(wgsl_layout(&parsed("heat_draw.wgsl"), "Picture"), picture);
}

fn wgsl_constant(module: &str, name: &str) -> u32 {
    let module = parsed(module);
    let (_, constant) =
        module.constants.iter().find(|(_, constant)| constant.name.as_deref() == Some(name)).expect(name);
    match module.global_expressions[constant.init] {
        naga::Expression::Literal(naga::Literal::U32(value)) => value,
        ref other => panic!("{name} is {other:?}"),
    }
}

#[test]
fn constants_are_the_same_in_rust_and_wgsl() {
    assert_eq!(wgsl_constant("heat_raise.wgsl", "FEW_ACCESSES"), FEW_ACCESSES);
    assert_eq!(wgsl_constant("heat_count.wgsl", "BLOCK"), SHORTEST_BLOCK_OPS);
    assert_eq!(wgsl_constant("heat_owned.wgsl", "OWNED_LANES"), OWNED_LANES);
    assert_eq!(wgsl_constant("heat_spread_owned.wgsl", "OWNED_LANES"), OWNED_LANES);
    assert_eq!(wgsl_constant("heat_settle.wgsl", "MAX_TILE_WIDTH"), MAX_TILE_WIDTH);
    assert_eq!(wgsl_constant("heat_count.wgsl", "ACCESS_WRITE"), ACCESS_WRITE);
    assert_eq!(wgsl_constant("heat_heavy.wgsl", "WRITE_FLAG"), ACCESS_WRITE);
    assert_eq!(wgsl_constant("heat_draw.wgsl", "PALETTE_LEN"), tensorscope::gpu::colormap::PALETTE_LEN as u32);
    assert_eq!(wgsl_constant("heat_draw.wgsl", "TILE"), TILE);
    assert_eq!(1 << wgsl_constant("heat_draw.wgsl", "TILE_BITS"), TILE);
    assert_eq!(wgsl_constant("heat_draw.wgsl", "BUCKETS"), BUCKETS as u32);
    assert_eq!(wgsl_constant("heat_draw.wgsl", "LINEAR"), Scale::Linear as u32);
    assert_eq!(wgsl_constant("heat_draw.wgsl", "LOGARITHMIC"), Scale::Logarithmic as u32);
}
