//! The values of whole levels, against grids of all of their cells.

use std::sync::atomic::AtomicBool;

use proptest::prelude::*;
use tensorscope::analysis::heat as cpu;
use tensorscope::analysis::heat::level::{LevelStats, stats};
use tensorscope::kernel_io::heat::*;

use super::run::{Random, Run};

static GO_ON: AtomicBool = AtomicBool::new(false);

/// From a grid with a cell for every bin that a tensor reaches, and every op.
fn counted(run: &Run, level: &HeatLevel) -> LevelStats {
    let placed = || run.tensor_base.iter().copied().filter(|&base| base != NO_BASE);
    let first = placed().min().unwrap_or(0) >> level.kx;
    let last = (placed().max().unwrap_or(0) + run.tensor_bytes.iter().max().copied().unwrap_or(0)) >> level.kx;
    let rows = (run.op_pass.len() as u64 >> level.ky.min(63)) + 1;
    let query = level.window(first, 0, (last - first + 1) as u32, rows as u32);
    let grid = cpu::bin(&run.columns(), &query).expect("good columns");
    let mut cells = vec![0; BUCKETS];
    for &value in grid.values.iter().filter(|&&value| value > 0) {
        cells[bucket_of(value)] += 1;
    }
    LevelStats { highest: grid.values.iter().copied().max().unwrap_or(0), cells }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn a_level_has_the_values_of_its_cells(seed: u64, ops in 1usize..300, ranges in 0usize..60, bits in 0u32..14) {
        let run = Run::random(seed, ops, ranges, bits);
        let mut random = Random::new(seed);
        for _ in 0..12 {
            let query = run.query(&mut random, bits);
            let level = HeatLevel { kx: query.kx.min(bits + 1), ky: query.ky.min(40), ..query.level() };
            let found = stats(&run.columns(), &level, &GO_ON).expect("good columns").expect("not cancelled");
            prop_assert_eq!(found, counted(&run, &level), "{:?}", level);
        }
    }
}

#[test]
fn a_cancelled_level_has_no_answer_and_damage_is_an_error() {
    let mut run = Run::random(3, 300, 40, 12);
    let level = HeatLevel {
        measure: Measure::Bytes,
        aggregate: Aggregate::Sum,
        direction: Direction::Both,
        phases: u32::MAX,
        kx: 4,
        ky: 3,
    };
    assert_eq!(stats(&run.columns(), &level, &AtomicBool::new(true)), Ok(None));
    run.access_range[200] = u32::MAX;
    for aggregate in [Aggregate::Sum, Aggregate::Max] {
        let error = stats(&run.columns(), &HeatLevel { aggregate, ..level }, &GO_ON).expect_err("no such range");
        assert!(error.to_string().contains("access_range"), "{error}");
    }
}

#[test]
fn ranks_share_the_colours_out_among_touched_cells() {
    let mut stats = LevelStats { highest: 1000, cells: vec![0; BUCKETS] };
    stats.cells[bucket_of(1)] = 900;
    stats.cells[bucket_of(10)] = 90;
    stats.cells[bucket_of(1000)] = 10;
    let ranks = stats.ranks();
    assert_eq!((ranks[bucket_of(1)], ranks[bucket_of(1000)]), (0.0, 1.0));
    let middle = ranks[bucket_of(10)];
    assert!((0.9..0.95).contains(&middle), "945 of 995 cells and halves are below: {middle}");
    assert!(ranks.is_sorted());
    let single = LevelStats { highest: 5, cells: (0..BUCKETS).map(|b| u128::from(b == bucket_of(5))).collect() };
    assert_eq!(single.ranks()[bucket_of(5)], 0.0);
}

#[test]
fn every_value_has_a_bucket_and_larger_ones_none_before() {
    let mut last = 0;
    for value in (1..5000).chain((13..64).flat_map(|bit| [(1 << bit) - 1, 1 << bit, (1 << bit) + 1])).chain([u64::MAX])
    {
        let bucket = bucket_of(value);
        assert!(bucket >= last && bucket < BUCKETS, "{value}");
        last = bucket;
    }
    let few: Vec<usize> = (1..9).map(bucket_of).collect();
    assert!(few.windows(2).all(|pair| pair[0] < pair[1]), "small counts are told apart: {few:?}");
    assert_eq!(bucket_of(1 << 40), 40 * BUCKETS_PER_OCTAVE as usize);
}
