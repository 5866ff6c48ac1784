//! Numbers by their definitions, byte by byte and access by access, against those that are worked out fast.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::AtomicBool;

use proptest::prelude::*;
use tensorscope::analysis::stats::{self, Scope};
use tensorscope::trace::{Phase, Trace, Track, flags};

use super::run::random;

const FILE_BYTES: u64 = 400;

/// An access as it is written down.
#[derive(Clone, Copy)]
struct Access {
    op: usize,
    pass: usize,
    range: usize,
    tensor: usize,
    /// First byte of the track; `None` for what lies nowhere.
    start: Option<u64>,
    length: u64,
    logged: u64,
    writes: bool,
    track: Track,
}

impl Access {
    fn bytes(&self) -> impl Iterator<Item = (u8, u64)> {
        let start = self.start.unwrap_or(0);
        let track = self.track as u8;
        (start..start + self.start.map_or(0, |_| self.length)).map(move |byte| (track, byte))
    }

    fn reads_disk(&self) -> bool {
        !self.writes && self.track == Track::Disk && self.start.is_some() && self.length > 0
    }
}

fn accesses(trace: &Trace, scope: Scope) -> Vec<Access> {
    let mut found = Vec::new();
    for op in 0..trace.op_count() {
        let pass = trace.ops.pass[op] as usize;
        if !scope.has(&trace.passes[pass]) {
            continue;
        }
        for access in trace.accesses_of(op) {
            let range = trace.accesses.range[access] as usize;
            let Some(&tensor) = trace.ranges.tensor.get(range) else { continue };
            let of = &trace.tensors[tensor as usize];
            let base = match of.track {
                Track::Disk => 0,
                Track::Buffer => trace.buffers.iter().take(of.home.unwrap_or(0) as usize).map(|b| b.bytes).sum(),
            };
            found.push(Access {
                op,
                pass,
                range,
                tensor: tensor as usize,
                start: of.home.map(|_| base + of.offset + trace.ranges.offset[range]),
                length: trace.ranges.length[range],
                logged: of.bytes,
                writes: trace.accesses.flags[access] & flags::WRITE != 0,
                track: of.track,
            });
        }
    }
    found
}

fn touched(accesses: &[Access], track: Track) -> u64 {
    accesses.iter().filter(|a| a.track == track && a.start.is_some()).map(|a| a.length).sum()
}

fn logged(accesses: &[Access], track: Track) -> u64 {
    accesses.iter().filter(|a| a.track == track && a.start.is_some()).map(|a| a.logged).sum()
}

fn union(accesses: &[Access]) -> BTreeSet<(u8, u64)> {
    accesses.iter().flat_map(Access::bytes).collect()
}

fn on(bytes: &BTreeSet<(u8, u64)>, track: Track) -> u64 {
    bytes.iter().filter(|(t, _)| *t == track as u8).count() as u64
}

/// Share by count and by bytes.
fn sequential(accesses: &[Access]) -> Option<[f64; 2]> {
    let reads: Vec<_> = accesses.iter().filter(|a| a.reads_disk()).map(|a| (a.start.unwrap(), a.length)).collect();
    let ahead = |pair: &&[(u64, u64)]| (pair[0].0 + pair[0].1..=pair[0].0 + pair[0].1 + 4096).contains(&pair[1].0);
    let bytes = |pair: &[(u64, u64)]| pair[1].1;
    let count = reads.windows(2).count() as f64;
    let all: u64 = reads.windows(2).map(bytes).sum();
    let of = reads.windows(2).filter(ahead);
    (count > 0.0).then(|| [of.clone().count() as f64 / count, of.map(bytes).sum::<u64>() as f64 / all as f64])
}

/// Of every DISK read with one of the same range before it: that range, and the distinct bytes read between the two.
fn distances(accesses: &[Access]) -> Vec<(usize, u64)> {
    let reads: Vec<&Access> = accesses.iter().filter(|a| a.reads_disk()).collect();
    let mut found = Vec::new();
    for (at, read) in reads.iter().enumerate() {
        if let Some(before) = reads[..at].iter().rposition(|other| other.range == read.range) {
            let between: BTreeSet<_> = reads[before + 1..at].iter().flat_map(|read| read.bytes()).collect();
            found.push((read.tensor, between.len() as u64));
        }
    }
    found
}

fn mean(values: impl Iterator<Item = u64> + Clone) -> Option<f64> {
    let count = values.clone().count();
    (count > 0).then(|| values.sum::<u64>() as f64 / count as f64)
}

fn percentile(values: &[u64], percent: usize) -> Option<u64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    sorted.get(((values.len() * percent).div_ceil(100)).max(1) - 1).copied()
}

fn never() -> AtomicBool {
    AtomicBool::new(false)
}

fn check_run(trace: &Trace, scope: Scope) {
    let all = accesses(trace, scope);
    let stats = stats::run(trace, scope, &never()).unwrap();
    let bytes = union(&all);
    assert_eq!(stats.accesses, all.len() as u64);
    assert_eq!(stats.writes, all.iter().filter(|a| a.writes).count() as u64);
    assert_eq!(stats.touched_disk_bytes, touched(&all, Track::Disk));
    assert_eq!(stats.touched_buffer_bytes, touched(&all, Track::Buffer));
    assert_eq!(stats.logged_disk_bytes, logged(&all, Track::Disk));
    assert_eq!(stats.logged_buffer_bytes, logged(&all, Track::Buffer));
    assert_eq!(stats.working_set_disk_bytes, on(&bytes, Track::Disk));
    assert_eq!(stats.working_set_buffer_bytes, on(&bytes, Track::Buffer));
    assert_eq!(stats.never_touched_bytes, Some(FILE_BYTES - on(&bytes, Track::Disk)));
    let of_kind = |wanted: &dyn Fn(&Access) -> bool| {
        union(&all.iter().copied().filter(|a| wanted(a)).collect::<Vec<_>>()).len() as u64
    };
    assert_eq!(stats.kv_bytes, of_kind(&|a| trace.tensors[a.tensor].category == "cache"));
    assert_eq!(stats.weights_bytes, of_kind(&|a| trace.tensors[a.tensor].name.contains("weight") || a.tensor == 7));
    assert_eq!(stats.compute_bytes, of_kind(&|a| [5, 6].contains(&a.tensor)));
    let shares = sequential(&all);
    assert_eq!(stats.sequential_share, shares.map(|s| s[0]));
    assert_eq!(stats.sequential_bytes_share, shares.map(|s| s[1]));
    let distances: Vec<u64> = distances(&all).into_iter().map(|(_, distance)| distance).collect();
    assert_eq!(stats.reuse_reads, distances.len() as u64);
    assert_eq!(stats.reuse_first_reads + stats.reuse_reads, all.iter().filter(|a| a.reads_disk()).count() as u64);
    assert_eq!(stats.reuse_mean_bytes, mean(distances.iter().copied()));
    let found = [stats.reuse_median_bytes, stats.reuse_p90_bytes, stats.reuse_p99_bytes];
    assert_eq!(found, [50, 90, 99].map(|percent| percentile(&distances, percent)));
    for (at, (&from, &reads)) in stats.reuse_histogram_bytes.iter().zip(&stats.reuse_histogram_reads).enumerate() {
        let class = if at == 0 { 0..1 } else { from..from * 2 };
        assert_eq!(reads, distances.iter().filter(|d| class.contains(d)).count() as u64, "{class:?}");
    }
}

fn check_passes(trace: &Trace, scope: Scope) {
    let all = accesses(trace, scope);
    let mut before = BTreeSet::new();
    for stats in stats::passes(trace, scope, &never()).unwrap() {
        let here: Vec<Access> = all.iter().copied().filter(|a| a.pass == stats.pass as usize).collect();
        let bytes = union(&here);
        assert_eq!(stats.accesses, here.len() as u64);
        assert_eq!(stats.touched_disk_bytes, touched(&here, Track::Disk));
        assert_eq!(stats.logged_buffer_bytes, logged(&here, Track::Buffer));
        assert_eq!(stats.working_set_disk_bytes, on(&bytes, Track::Disk));
        assert_eq!(stats.working_set_buffer_bytes, on(&bytes, Track::Buffer));
        assert_eq!(stats.new_bytes, bytes.difference(&before).count() as u64);
        before.extend(bytes);
        assert_eq!(stats.cumulative_disk_bytes, on(&before, Track::Disk));
        assert_eq!(stats.cumulative_buffer_bytes, on(&before, Track::Buffer));
        assert_eq!(stats.sequential_share, sequential(&here).map(|s| s[0]));
        assert_eq!(stats.sequential_bytes_share, sequential(&here).map(|s| s[1]));
    }
}

fn check_layers(trace: &Trace, scope: Scope) {
    let all = accesses(trace, scope);
    for stats in stats::layers(trace, scope, &never()).unwrap() {
        let mine = |op: usize| trace.ops.layer.get(op) == stats.layer && scope.has(trace.pass_of(op).unwrap());
        let ops: Vec<usize> = (0..trace.op_count()).filter(|&op| mine(op)).collect();
        let here: Vec<Access> = all.iter().copied().filter(|a| mine(a.op)).collect();
        let times: Vec<u64> = ops.iter().filter_map(|&op| trace.ops.duration_ns.get(op)).collect();
        assert_eq!(stats.ops, ops.len() as u64);
        assert_eq!(stats.mean_ns, mean(times.iter().copied()));
        assert_eq!([stats.p50_ns, stats.p90_ns, stats.p99_ns], [50, 90, 99].map(|p| percentile(&times, p)));
        assert_eq!((stats.max_ns, stats.accesses), (times.iter().copied().max(), here.len() as u64));
        assert_eq!(stats.touched_disk_bytes, touched(&here, Track::Disk));
        assert_eq!(stats.logged_bytes, logged(&here, Track::Disk) + logged(&here, Track::Buffer));
        assert_eq!(stats.working_set_bytes, union(&here).len() as u64);
        let mut by_tensor = BTreeMap::<usize, u64>::new();
        for access in &here {
            *by_tensor.entry(access.tensor).or_default() += access.length;
        }
        let mut hottest: Vec<u64> = by_tensor.into_values().filter(|&bytes| bytes > 0).collect();
        hottest.sort_unstable_by(|a, b| b.cmp(a));
        hottest.truncate(5);
        assert_eq!(stats.hottest_touched_bytes, hottest);
    }
    let kinds = stats::op_kinds(trace, scope, &never()).unwrap();
    for stats in &kinds {
        let mine = |a: &Access| trace.op_name(a.op) == stats.op;
        let here: Vec<Access> = all.iter().copied().filter(mine).collect();
        assert_eq!(stats.touched_bytes, touched(&here, Track::Disk) + touched(&here, Track::Buffer));
    }
    assert_eq!(kinds.iter().map(|k| k.accesses).sum::<u64>(), all.len() as u64);
    for cell in stats::layer_passes(trace, scope, &never()).unwrap() {
        let mine = |a: &Access| a.pass == cell.pass as usize && trace.ops.layer.get(a.op) == cell.layer;
        let here: Vec<Access> = all.iter().copied().filter(mine).collect();
        assert_eq!(cell.touched_bytes, touched(&here, Track::Disk) + touched(&here, Track::Buffer));
        assert_eq!(cell.accesses, here.len() as u64);
    }
}

fn check_tensors(trace: &Trace, scope: Scope) {
    let all = accesses(trace, scope);
    let distances = distances(&all);
    for stats in stats::tensors(trace, scope, &never()).unwrap() {
        let here: Vec<Access> = all.iter().copied().filter(|a| a.tensor == stats.tensor as usize).collect();
        assert_eq!((stats.accesses, stats.reads + stats.writes), (here.len() as u64, here.len() as u64));
        assert_eq!(stats.ever_touched_bytes, union(&here).len() as u64);
        assert_eq!(stats.passes, here.iter().map(|a| a.pass).collect::<BTreeSet<_>>().len() as u64);
        assert_eq!(stats.first_op, here.iter().map(|a| a.op as u32).min());
        assert_eq!(stats.last_op, here.iter().map(|a| a.op as u32).max());
        let of_it =
            distances.iter().filter(|(tensor, _)| *tensor == stats.tensor as usize).map(|(_, distance)| *distance);
        assert_eq!(stats.reuse_mean_bytes, mean(of_it));
    }
}

fn check_experts(trace: &Trace, scope: Scope) {
    let all = accesses(trace, scope);
    let found = stats::experts(trace, scope, &never()).unwrap();
    let mut uses = HashMap::<(Option<u32>, u32), BTreeSet<usize>>::new();
    let mut of_pass = HashMap::<(Option<u32>, usize), BTreeSet<u32>>::new();
    for access in &all {
        if let Some(expert) = trace.ranges.expert.get(access.range) {
            let layer = trace.tensors[access.tensor].layer;
            uses.entry((layer, expert)).or_default().insert(access.op);
            of_pass.entry((layer, access.pass)).or_default().insert(expert);
        }
    }
    for stats in &found.experts {
        let ops = uses.get(&(stats.layer, stats.expert)).map_or(0, BTreeSet::len);
        assert_eq!(stats.ops, ops as u64);
    }
    for stats in &found.layers {
        let counts: Vec<f64> =
            uses.iter().filter(|((layer, _), _)| *layer == stats.layer).map(|(_, ops)| ops.len() as f64).collect();
        let total: f64 = counts.iter().sum();
        let bits: f64 = counts.iter().map(|n| -(n / total) * (n / total).log2()).sum();
        assert_eq!(stats.used, Some(counts.len() as u32));
        assert!(stats.entropy_bits.map_or(total == 0.0, |found| (found - bits).abs() < 1e-9));
        let one_token = |pass: usize| {
            let pass = &trace.passes[pass];
            let known = pass.positions.len();
            scope.has(pass) && (known == 1 || known == 0 && pass.phase == Phase::Generate)
        };
        let none = BTreeSet::new();
        let set = |pass: usize| of_pass.get(&(stats.layer, pass)).unwrap_or(&none);
        let overlaps: Vec<f64> = (1..trace.passes.len())
            .filter(|&pass| one_token(pass - 1) && one_token(pass))
            .map(|pass| (set(pass - 1), set(pass)))
            .filter(|(a, b)| !a.is_empty() || !b.is_empty())
            .map(|(a, b)| a.intersection(b).count() as f64 / a.union(b).count() as f64)
            .collect();
        assert_eq!(stats.overlap_pairs, overlaps.len() as u64);
        let mean = overlaps.iter().sum::<f64>() / overlaps.len() as f64;
        assert!(stats.overlap.map_or(overlaps.is_empty(), |found| (found - mean).abs() < 1e-9));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn fast_numbers_are_those_of_the_definitions(seed in any::<u64>(), ops in 0_usize..120, phase in 0_usize..4) {
        let trace = random(seed, ops);
        let scope = Scope { phase: Phase::ALL.get(phase).copied() };
        check_run(&trace, scope);
        check_passes(&trace, scope);
        check_layers(&trace, scope);
        check_tensors(&trace, scope);
        check_experts(&trace, scope);
    }
}

#[test]
fn distances_stay_exact_however_long_the_run() {
    check_run(&random(7, 8000), Scope::default());
}
