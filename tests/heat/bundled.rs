//! The runs that come with the program: kernels against twin around accesses that they have, at every zoom; and what the
//! margins and seeks say, against their definitions.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use tensorscope::analysis::filter::Region;
use tensorscope::analysis::heat as cpu;
use tensorscope::analysis::heat::marginals::{ByteWindow, marginals};
use tensorscope::analysis::probe::{Touches, totals};
use tensorscope::analysis::row_axis::{RowAxis, Rows};
use tensorscope::analysis::seeks::{AHEAD_BYTES, seeks};
use tensorscope::formats::{self, Progress};
use tensorscope::gpu::heat::HeatData;
use tensorscope::kernel_io::heat::*;
use tensorscope::trace::tracks::{HeatTables, Order, TrackLayout};
use tensorscope::trace::{Phase, Trace, Track, flags};

use super::run::{Random, Run};
use super::{engine, on_gpu};

static GO_ON: AtomicBool = AtomicBool::new(false);

fn bundled() -> Vec<PathBuf> {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let entries = std::fs::read_dir(fixtures).expect("fixtures").map(|entry| entry.expect("an entry").path());
    let mut runs: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|e| e == "tscope")).collect();
    runs.sort();
    assert!(!runs.is_empty());
    runs
}

fn read(path: &Path) -> Trace {
    formats::open(path, &Progress::default()).expect("a bundled run")
}

/// First byte on the track of an access, if it has a place there.
fn place(trace: &Trace, layout: &TrackLayout, access: usize) -> Option<[u64; 2]> {
    let range = trace.accesses.range[access] as usize;
    let tensor = trace.ranges.tensor[range] as usize;
    let base = layout.bases[tensor];
    let length = trace.ranges.length[range];
    (base != NO_BASE && length > 0).then(|| [base + trace.ranges.offset[range], length])
}

#[test]
fn around_every_sampled_access_kernels_and_twin_agree_from_the_whole_track_to_one_byte() {
    for path in bundled() {
        let trace = read(&path);
        let tables = HeatTables::new(&trace);
        let mut random = Random::new(3);
        for (track, order) in [(Track::Disk, Order::File), (Track::Disk, Order::Heat), (Track::Buffer, Order::File)] {
            let layout = TrackLayout::new(&trace, track, order);
            let columns = trace.heat_columns(&layout, &tables);
            let data = HeatData::upload(&engine().gpu, &columns).expect("upload");
            let whole = layout.bytes.ilog2() + 1;
            let mut sampled = 0;
            while sampled < 3 {
                let access = random.below(trace.access_count() as u64) as usize;
                let Some([first_byte, length]) = place(&trace, &layout, access) else { continue };
                sampled += 1;
                let byte = first_byte + random.below(length);
                let op = trace.op_of_access(access) as u64;
                for kx in 0..=whole {
                    let ky = (kx + sampled) % 15;
                    let pick = |n: u64| (u64::from(kx) + random_of(access, kx)) % n;
                    let level = HeatLevel {
                        measure: [Measure::Accesses, Measure::Bytes, Measure::Logged][pick(3) as usize],
                        aggregate: [Aggregate::Sum, Aggregate::Max][pick(2) as usize],
                        direction: Direction::Both,
                        phases: u32::MAX,
                        kx,
                        ky,
                    };
                    let (bin, row) = (byte >> kx, op >> ky);
                    let query = level.window(bin.saturating_sub(20), row.saturating_sub(5), 41, 11);
                    let expected = cpu::bin(&columns, &query).expect("good columns");
                    let here = (row - query.y0) as usize * 41 + (bin - query.x0) as usize;
                    assert!(expected.values[here] > 0, "{}: {query:?} misses access {access}", path.display());
                    assert!(on_gpu(&data, &query) == expected, "{}: {query:?}", path.display());
                }
            }
        }
    }
}

/// Something that differs from access to access and from level to level.
fn random_of(access: usize, kx: u32) -> u64 {
    Random::new(access as u64 * 64 + u64::from(kx)).below(1 << 20)
}

#[test]
fn margins_are_the_sums_of_the_cells_beside_them() {
    let mut random = Random::new(17);
    for seed in 0..40 {
        let run = Run::random(seed, 400, 60, 16);
        let query = run.query(&mut random, 16);
        let level = HeatLevel { aggregate: Aggregate::Sum, kx: query.kx.min(20), ky: query.ky.min(6), ..query.level() };
        let x0 = run.tensor_base.iter().copied().min().expect("tensors") >> level.kx;
        let (width, height) = (30, 400_u32.div_ceil(1 << level.ky));
        let grid = cpu::bin(&run.columns(), &level.window(x0, 0, width, height)).expect("good columns");
        let rows: Vec<_> = (0..height as usize).map(|row| row << level.ky..((row + 1) << level.ky).min(400)).collect();
        let window = ByteWindow { level, x0, width };
        let sums = marginals(&run.columns(), &window, &rows, &GO_ON).expect("good columns").expect("not cancelled");
        for column in 0..width as usize {
            let cells = grid.values.iter().skip(column).step_by(width as usize);
            assert_eq!(sums.columns[column], cells.sum::<u64>(), "seed {seed}, column {column}: {level:?}");
        }
        for (row, ops) in rows.into_iter().enumerate() {
            let of_row = &grid.values[row * width as usize..(row + 1) * width as usize];
            let expected: u64 = match level.measure {
                Measure::Bytes | Measure::Logged => of_row.iter().sum(),
                // An access that several cells share is one access all the same.
                Measure::Accesses => once(&run, &level, ops, x0, u64::from(width)),
            };
            assert_eq!(sums.rows[row], expected, "seed {seed}, row {row}: {level:?}");
        }
    }
}

/// Accesses of `ops` that overlap any of the bins.
fn once(run: &Run, level: &HeatLevel, ops: std::ops::Range<usize>, x0: u64, width: u64) -> u64 {
    let columns = run.columns();
    let mut count = 0;
    for op in ops {
        if !columns.in_phases(op, level.phases).expect("a phase") {
            continue;
        }
        for access in columns.accesses_of(op).expect("accesses") {
            let written = run.access_flags[access] & ACCESS_WRITE != 0;
            let wanted = match level.direction {
                Direction::Both => true,
                Direction::Read => !written,
                Direction::Write => written,
            };
            let place = columns.place_of(access, run.access_range[access], false).expect("a place");
            let overlaps =
                |place: Place| place.last_byte >> level.kx >= x0 && place.first_byte >> level.kx < x0 + width;
            count += u64::from(wanted && place.is_some_and(overlaps));
        }
    }
    count
}

#[test]
fn seeks_follow_their_definition() {
    for path in bundled() {
        let trace = read(&path);
        let layout = TrackLayout::new(&trace, Track::Disk, Order::File);
        for pass in &trace.passes {
            let ops = pass.first_op as usize..(pass.first_op + pass.ops) as usize;
            let found = seeks(&trace, &layout, ops.clone(), &GO_ON).expect("not cancelled");
            let reads: Vec<[u64; 2]> = ops
                .flat_map(|op| trace.accesses_of(op))
                .filter(|&access| trace.accesses.flags[access] & flags::WRITE == 0)
                .filter_map(|access| place(&trace, &layout, access))
                .collect();
            let goes_on = |pair: &&[[u64; 2]]| {
                let end = pair[0][0] + pair[0][1];
                (end..=end + AHEAD_BYTES).contains(&pair[1][0])
            };
            let sequential: Vec<_> = reads.windows(2).filter(goes_on).collect();
            assert_eq!(
                (found.sequence.reads, found.sequence.sequential_reads),
                (reads.len() as u64 - 1, sequential.len() as u64)
            );
            assert_eq!(found.sequence.bytes, reads[1..].iter().map(|read| read[1]).sum::<u64>());
            assert_eq!(found.sequence.sequential_bytes, sequential.iter().map(|pair| pair[1][1]).sum::<u64>());
            let jumps = found.sequence.reads - found.sequence.sequential_reads;
            assert!(found.jumps.len() as u64 <= jumps && (jumps > 512 || found.jumps.len() as u64 == jumps));
            let [by_count, by_bytes] = found.sequence.shares().expect("many reads");
            assert!((0.0..=1.0).contains(&by_count) && (0.0..=1.0).contains(&by_bytes));
        }
        assert_eq!(seeks(&trace, &layout, 0..1000, &AtomicBool::new(true)), None);
    }
}

#[test]
fn every_kind_of_rows_leads_back_to_the_op() {
    for path in bundled() {
        let trace = read(&path);
        let count = trace.op_count() as f64;
        for rows in [Rows::Op, Rows::Pass, Rows::Time] {
            let axis = RowAxis::new(&trace, rows);
            assert_eq!(
                (axis.at(0.0), axis.op(axis.end())),
                (if rows == Rows::Time { axis.at(0.0) } else { 0.0 }, count)
            );
            let mut last = -1.0;
            for step in 0..=500 {
                let op = count * f64::from(step) / 500.0;
                let at = axis.at(op);
                assert!(at >= last, "{rows:?} falls at op {op}");
                last = at;
                // Ops that take no time share their place with the next.
                let takes_time = rows != Rows::Time || axis.at(op.floor() + 1.0) > axis.at(op.floor());
                assert!(!takes_time || (axis.op(at) - op).abs() < 1e-3, "{rows:?}: {op} became {}", axis.op(at));
            }
        }
        let passes = RowAxis::new(&trace, Rows::Pass);
        assert_eq!(passes.at(f64::from(trace.passes[3].first_op)), 3.0);
    }
}

#[test]
fn first_and_last_touches_are_those_of_the_accesses() {
    let trace = read(&bundled()[0]);
    let touches = Touches::of_run(&trace, &GO_ON).expect("not cancelled");
    for tensor in (0..trace.tensors.len() as u32).step_by(37) {
        let ops = (0..trace.op_count()).filter(|&op| {
            trace.accesses_of(op).any(|a| trace.ranges.tensor[trace.accesses.range[a] as usize] == tensor)
        });
        let ops: Vec<u32> = ops.map(|op| op as u32).collect();
        let expected = ops.first().copied().zip(ops.last().copied()).map(|(first, last)| [first, last]);
        assert_eq!(touches.of(&trace, tensor, None), expected, "{}", trace.tensors[tensor as usize].name);
    }
}

#[test]
fn totals_of_a_region_are_what_its_cells_add_up_to() {
    for path in bundled() {
        let trace = read(&path);
        let tables = HeatTables::new(&trace);
        let mut random = Random::new(23);
        for track in [Track::Disk, Track::Buffer] {
            let layout = TrackLayout::new(&trace, track, Order::File);
            let columns = trace.heat_columns(&layout, &tables);
            let whole = layout.bytes.ilog2() + 1;
            for kx in (4..=whole).rev().step_by(3) {
                let (ky, size) = (random.below(14) as u32, 1_u64 << kx);
                let bytes = random.below(layout.bytes) >> kx << kx;
                let op = random.below(trace.op_count() as u64) >> ky << ky;
                let ops = [op as u32, (op + (1 << ky)) as u32];
                let region = Region { track, bytes: [bytes, bytes + size], ops };
                let found = totals(&trace, &layout, &region, u32::MAX, &GO_ON).expect("not cancelled");
                let cell = |measure, direction| {
                    let (aggregate, phases) = (Aggregate::Sum, u32::MAX);
                    let level = HeatLevel { measure, aggregate, direction, phases, kx, ky };
                    let grid = cpu::bin(&columns, &level.window(bytes >> kx, op >> ky, 1, 1)).expect("good columns");
                    grid.values[0]
                };
                assert_eq!(found.reads, cell(Measure::Accesses, Direction::Read), "{region:?}");
                assert_eq!(found.writes, cell(Measure::Accesses, Direction::Write), "{region:?}");
                assert_eq!(found.bytes, cell(Measure::Bytes, Direction::Both), "{region:?}");
                let touching = |op: u32| {
                    let one = Region { ops: [op, op + 1], ..region };
                    totals(&trace, &layout, &one, u32::MAX, &GO_ON)
                        .is_some_and(|totals| totals.reads + totals.writes > 0)
                };
                if ky < 8 {
                    assert_eq!(found.ops, (ops[0]..ops[1]).filter(|&op| touching(op)).count() as u64, "{region:?}");
                }
                // Distinct bytes of both halves are those of the whole.
                let half = |bytes| totals(&trace, &layout, &Region { bytes, ..region }, u32::MAX, &GO_ON);
                let middle = bytes + size / 2;
                let halves = [half([bytes, middle]), half([middle, bytes + size])];
                let distinct: u64 = halves.iter().flatten().map(|totals| totals.distinct_bytes).sum();
                assert_eq!(found.distinct_bytes, distinct, "{region:?}");
                assert!(found.distinct_bytes <= found.bytes.min(size));
            }
        }
        let whole = Region { track: Track::Disk, bytes: [0, u64::MAX], ops: [0, u32::MAX] };
        let layout = TrackLayout::new(&trace, Track::Disk, Order::File);
        assert_eq!(totals(&trace, &layout, &whole, u32::MAX, &AtomicBool::new(true)), None, "cancelled");
        let none = Region { ops: [0, 0], ..whole };
        let none = totals(&trace, &layout, &none, u32::MAX, &GO_ON).expect("not cancelled");
        assert_eq!((none.ops, none.duration_ns, none.distinct_bytes), (0, Some(0), 0));
        let of_phase = |phase: Phase| {
            let totals = totals(&trace, &layout, &whole, phase.bit(), &GO_ON).expect("not cancelled");
            totals.reads + totals.writes
        };
        let all = totals(&trace, &layout, &whole, u32::MAX, &GO_ON).expect("not cancelled");
        let by_phase = of_phase(Phase::Prompt) + of_phase(Phase::Generate) + of_phase(Phase::Warmup);
        assert_eq!(all.reads + all.writes, by_phase);
    }
}
