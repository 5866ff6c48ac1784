//! Tiles: their values against the twin's, made bit by bit, and what stands for those that are missing.

use tensorscope::analysis::heat as cpu;
use tensorscope::gpu::heat::HeatData;
use tensorscope::gpu::heat_tiles::{HeatTiles, MOST_TILES, TILE, TileKey, Wanted};
use tensorscope::kernel_io::heat::*;

use super::engine;
use super::run::{Random, Run};

fn level_of(random: &mut Random, run: &Run, bits: u32) -> HeatLevel {
    let query = run.query(random, bits);
    HeatLevel { kx: query.kx.min(bits), ky: query.ky.min(8), ..query.level() }
}

#[test]
fn tiles_hold_what_the_twin_says_however_small_the_budget() {
    let gpu = &engine().gpu;
    let mut random = Random::new(5);
    for seed in 0..6 {
        let run = Run::random(seed, 1500, 80, 18);
        let data = HeatData::upload(gpu, &run.columns()).expect("upload");
        for budget in [u64::MAX, 3000, 1] {
            let level = level_of(&mut random, &run, 18);
            let first = run.tensor_base.iter().copied().min().expect("tensors") >> level.kx;
            let x = first / u64::from(TILE);
            let wanted = Wanted { source: 0, level, x: x..x + 2, y: 0..2 };
            let mut tiles = HeatTiles::new(gpu).expect("tiles");
            let mut frames = 0;
            loop {
                tiles.begin();
                frames += 1;
                let mut left = budget;
                if tiles.make(gpu, &engine().pipelines, &data, &wanted, &mut left).expect("make") {
                    break;
                }
                assert!(!tiles.has(&wanted));
            }
            assert!(tiles.has(&wanted) && (budget != u64::MAX || frames == 1), "{frames} frames");
            for y in wanted.y.clone() {
                for x in wanted.x.clone() {
                    let key = TileKey { source: 0, level, x, y };
                    let found = tiles.read(gpu, &key).expect("read").expect("complete");
                    let side = u64::from(TILE);
                    let expected = cpu::bin(&run.columns(), &level.window(x * side, y * side, TILE, TILE));
                    assert!(found == expected.expect("good columns"), "seed {seed}, budget {budget}: {key:?}");
                }
            }
        }
    }
}

#[test]
fn a_missing_tile_is_stood_for_by_the_finest_that_covers_it() {
    let gpu = &engine().gpu;
    let run = Run::random(1, 3000, 50, 20);
    let data = HeatData::upload(gpu, &run.columns()).expect("upload");
    let level = HeatLevel {
        measure: Measure::Bytes,
        aggregate: Aggregate::Sum,
        direction: Direction::Both,
        phases: u32::MAX,
        kx: 2,
        ky: 0,
    };
    let mut tiles = HeatTiles::new(gpu).expect("tiles");
    tiles.begin();
    let key = TileKey { source: 7, level, x: 5, y: 3 };
    assert_eq!(tiles.stand(&key), None);
    for (kx, ky) in [(12, 10), (4, 1)] {
        let level = HeatLevel { kx, ky, ..level };
        let wanted = Wanted { source: 7, level, x: 0..2, y: 0..2 };
        assert!(tiles.make(gpu, &engine().pipelines, &data, &wanted, &mut u64::MAX.clone()).expect("make"));
    }
    let stand = tiles.stand(&key).expect("both cover it");
    // Its first cell is 1280 by 768: of the tile before the second along bytes, and the second along ops.
    assert_eq!((stand.shift, stand.offset, stand.level.kx), ([2, 1], [64, 128], 4));
    for other in [TileKey { source: 8, ..key }, TileKey { level: HeatLevel { phases: 1, ..level }, ..key }] {
        assert_eq!(tiles.stand(&other), None);
    }
    let wanted = Wanted { source: 7, level, x: 5..6, y: 3..4 };
    assert!(tiles.make(gpu, &engine().pipelines, &data, &wanted, &mut u64::MAX.clone()).expect("make"));
    assert_eq!(tiles.stand(&key).map(|stand| (stand.shift, stand.rows)), Some(([0, 0], TILE)));
    tiles.clear();
    assert_eq!(tiles.stand(&key), None);
}

#[test]
fn what_was_not_seen_for_the_longest_is_forgotten_first() {
    let gpu = &engine().gpu;
    let run = Run::random(1, 300, 20, 20);
    let data = HeatData::upload(gpu, &run.columns()).expect("upload");
    let level = HeatLevel {
        measure: Measure::Accesses,
        aggregate: Aggregate::Sum,
        direction: Direction::Both,
        phases: u32::MAX,
        kx: 0,
        ky: 0,
    };
    let mut tiles = HeatTiles::new(gpu).expect("tiles");
    let make = |tiles: &mut HeatTiles, x: std::ops::Range<u64>| {
        let wanted = Wanted { source: 0, level, x, y: 0..1 };
        tiles.make(gpu, &engine().pipelines, &data, &wanted, &mut u64::MAX.clone()).expect("make")
    };
    let most = u64::from(MOST_TILES);
    tiles.begin();
    assert!(make(&mut tiles, 0..1));
    tiles.begin();
    assert!(make(&mut tiles, 1..most));
    tiles.begin();
    let first = TileKey { source: 0, level, x: 0, y: 0 };
    assert!(tiles.stand(&first).is_some());
    assert!(make(&mut tiles, most..most + 3));
    assert!(tiles.stand(&first).is_some(), "just seen");
    assert_eq!(tiles.complete_count(), MOST_TILES as usize);
    // More than there is room for in one picture.
    tiles.begin();
    assert!(!make(&mut tiles, 0..most + 1));
}
