//! The timeline: what its pixels hold against a count by hand, spans of time and their totals, and the panel by its names.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use egui::{Modifiers, PointerButton, Pos2, Vec2};
use tensorscope::analysis::lanes::{Lane, Lanes, Walk};
use tensorscope::analysis::links::Item;
use tensorscope::analysis::op_times::{Known, has_own_times, op_start_ns, op_time};
use tensorscope::analysis::span_totals::{TimeSpan, totals};
use tensorscope::app::input;
use tensorscope::formats::{self, Progress};
use tensorscope::state::{Action, Clock, Document};
use tensorscope::trace::tracks::Order;
use tensorscope::trace::{Nullable, Phase, Trace, Track, flags};
use tensorscope::views::timeline::visible_ops;

use crate::heat::run::Random;
use crate::playback::in_order;
use crate::table::run;
use crate::workspace::{Session, sample};

/// When an op begins and ends, by definition.
fn times(trace: &Trace, op: usize) -> [u64; 2] {
    let (start, pass) = (trace.ops.start_ns[op], trace.ops.pass[op]);
    let end = match trace.ops.duration_ns.get(op) {
        Some(duration) => start + duration,
        None if trace.ops.pass.get(op + 1) == Some(&pass) => trace.ops.start_ns[op + 1],
        None => trace.passes[pass as usize].start_ns + trace.passes[pass as usize].duration_ns,
    };
    [start, end.max(start)]
}

/// The items of the three lanes: begin, end, class.
fn items(trace: &Trace, lanes: &Lanes) -> [Vec<(u64, u64, usize)>; 3] {
    let passes = trace.passes.iter().map(|p| (p.start_ns, p.start_ns + p.duration_ns, p.phase as usize)).collect();
    let none = lanes.layers.classes() - 1;
    let mut layers: Vec<(u64, u64, usize)> = Vec::new();
    for op in 0..trace.op_count() {
        let key = |op: usize| (trace.ops.pass[op], trace.ops.layer.get(op));
        let [start, end] = times(trace, op);
        if op > 0 && key(op) == key(op - 1) {
            let last = layers.last_mut().unwrap();
            last.1 = end.max(last.0);
        } else {
            layers.push((start, end, trace.ops.layer.get(op).map_or(none, |layer| layer as usize)));
        }
    }
    let ops = (0..trace.op_count()).map(|op| {
        let [start, end] = times(trace, op);
        (start, end, trace.ops.kind[op] as usize)
    });
    [passes, layers, ops.collect()]
}

/// Runs in which stamps fall, ops overlap, last for ages or not at all, and have no end: what each part of the time
/// holds is exactly what a count over all items finds.
#[test]
fn every_pixel_holds_what_a_count_over_all_ops_finds() {
    for seed in 0..12 {
        let mut trace = run::random(seed, 2500);
        let mut random = Random::new(seed + 99);
        if seed % 3 > 0 {
            // As recorders write them: one behind the other.
            let mut now = 0;
            let starts: Vec<u64> = (0..trace.op_count())
                .map(|_| {
                    now += random.below(1 << 12);
                    now
                })
                .collect();
            trace.ops.start_ns = starts.into();
        }
        for pass in &mut trace.passes {
            pass.start_ns = trace.ops.start_ns[pass.first_op as usize];
            pass.duration_ns = random.below(1 << 20);
        }
        let lanes = Lanes::of(&trace, &AtomicBool::new(false)).unwrap();
        let end = trace.ops.start_ns.iter().max().unwrap() + 10;
        for (lane, items) in [&lanes.passes, &lanes.layers, &lanes.ops].into_iter().zip(items(&trace, &lanes)) {
            assert_eq!(lane.len(), items.len());
            let mut moments: Vec<u64> = (0..random.below(60) + 2).map(|_| random.below(end)).collect();
            let start = random.below(end);
            moments.extend((0..40).map(|k| start + k * (1 << random.below(13))));
            moments.sort_unstable();
            let mut walk = Walk::new(lane, &trace, moments[0]);
            for pair in moments.windows(2) {
                let held = walk.to(pair[1]);
                let mut busy = vec![0_u64; lane.classes()];
                let mut counts = vec![0_u64; lane.classes()];
                for &(from, to, class) in &items {
                    if from < pair[1] && (to > pair[0] || from >= pair[0]) {
                        busy[class] += to.min(pair[1]) - from.max(pair[0]);
                        counts[class] += 1;
                    }
                }
                assert_eq!((&held.busy_ns, &held.items), (&busy, &counts), "seed {seed}, {pair:?}");
            }
            let span = [start, start + random.below(end)];
            for least in [1, 1 << 10, 1 << 30] {
                let mut found: Vec<[u64; 2]> =
                    lane.long(&trace, span, least).into_iter().map(|at| lane.times(&trace, at)).collect();
                let mut wanted: Vec<[u64; 2]> = (items.iter())
                    .filter(|(from, to, _)| *from <= span[1] && *to >= span[0] && to - from >= least)
                    .map(|(from, to, _)| [*from, *to])
                    .collect();
                found.sort_unstable();
                wanted.sort_unstable();
                assert_eq!(found, wanted);
            }
        }
    }
}

/// Where only passes have stamps, their ops divide them evenly, to the ns, and so it is on all lanes and in all spans.
#[test]
fn ops_without_times_divide_their_pass_on_every_lane() {
    let timed = formats::open(&sample(), &Progress::default()).unwrap();
    assert!(has_own_times(&timed));
    let path = PathBuf::from("order");
    let document = Document::new(path, in_order(timed).into(), true);
    let trace = &document.trace;
    assert!(!has_own_times(trace));
    let edge = |op: usize, behind: u128| {
        let pass = trace.pass_of(op).unwrap();
        let part = op as u128 - u128::from(pass.first_op) + behind;
        pass.start_ns + (u128::from(pass.duration_ns) * part / u128::from(pass.ops)) as u64
    };
    let evenly: Vec<[u64; 2]> = (0..trace.op_count()).map(|op| [edge(op, 0), edge(op, 1)]).collect();
    let lanes = Lanes::of(trace, &AtomicBool::new(false)).unwrap();
    let mut kinds = vec![0; lanes.ops.classes()];
    let mut layers = vec![0; lanes.layers.classes()];
    for (op, [start, end]) in evenly.iter().copied().enumerate() {
        let time = op_time(trace, op);
        assert_eq!((time.start_ns, time.end_ns, time.known), (start, end, Known::Order));
        assert_eq!(op_start_ns(trace, op), start);
        assert_eq!(lanes.ops.times(trace, op), [start, end]);
        kinds[trace.ops.kind[op] as usize] += end - start;
        layers[trace.ops.layer.get(op).map_or(lanes.layers.classes() - 1, |layer| layer as usize)] += end - start;
    }
    let whole = trace.duration_ns() + 1;
    assert_eq!(Walk::new(&lanes.ops, trace, 0).to(whole).busy_ns, kinds);
    assert_eq!(Walk::new(&lanes.layers, trace, 0).to(whole).busy_ns, layers);
    assert!(kinds.iter().filter(|ns| **ns > 0).count() > 3 && layers.iter().filter(|ns| **ns > 0).count() > 20);
    // A span inside a pass.
    let pass = &trace.passes[2];
    let (first, behind) = (pass.first_op + 10, pass.first_op + 40);
    let span = TimeSpan { start_ns: evenly[first as usize][0], end_ns: evenly[behind as usize][0] };
    assert_eq!(span.ops(trace), [first, behind]);
    let found = totals(trace, document.layouts(Order::File), span, u32::MAX, &AtomicBool::new(false)).unwrap();
    assert_eq!((found.ops, found.busy_ns, found.passes), (30, span.len_ns(), 1));
}

/// Stamps and durations of a broken or hostile file.
#[test]
fn times_at_the_end_of_the_clock_do_not_overflow() {
    let mut trace = run::random(5, 700);
    trace.ops.start_ns = vec![u64::MAX - 5; 700].into();
    trace.ops.duration_ns = Nullable::from_sentinel(vec![u64::MAX; 700], u64::MAX);
    for pass in &mut trace.passes {
        (pass.start_ns, pass.duration_ns) = (u64::MAX - 5, u64::MAX);
    }
    for op in 0..710 {
        let time = op_time(&trace, op);
        assert!(time.start_ns <= time.end_ns && time.start_ns >= op_start_ns(&trace, 0) || op >= 700);
    }
    // Ops that overlap and last for centuries.
    trace.ops.start_ns = (0..700).collect::<Vec<u64>>().into();
    trace.ops.duration_ns = Nullable::from_sentinel(vec![1 << 63; 700], u64::MAX);
    let lanes = Lanes::of(&trace, &AtomicBool::new(false)).unwrap();
    for lane in [&lanes.passes, &lanes.layers, &lanes.ops] {
        let mut walk = Walk::new(lane, &trace, 0);
        for to in [300, 600, 1 << 40, u64::MAX - 1, u64::MAX] {
            walk.to(to).total_ns();
        }
    }
}

#[test]
fn the_whole_run_is_in_the_sums_of_its_pixels() {
    let trace = formats::open(&sample(), &Progress::default()).unwrap();
    let lanes = Lanes::of(&trace, &AtomicBool::new(false)).unwrap();
    let mut walk = Walk::new(&lanes.ops, &trace, 0);
    let (mut busy, end) = (0, trace.duration_ns() + 1_000_000_000);
    for pixel in 1..=1200 {
        busy += walk.to(end * pixel / 1200).total_ns();
    }
    assert_eq!(busy, (0..trace.op_count()).map(|op| times(&trace, op)).map(|[start, end]| end - start).sum::<u64>());
    let op = 5000;
    assert_eq!(lanes.ops.last_at(&trace, trace.ops.start_ns[op]).map(|at| lanes.ops.item(at) >= op), Some(true));
    let place = |lane: &Lane, ns: u64| lane.item(lane.last_at(&trace, ns).unwrap());
    assert_eq!(place(&lanes.passes, trace.ops.start_ns[op]), trace.ops.pass[op] as usize);
}

#[test]
fn totals_of_a_span_are_those_of_its_ops() {
    let path = sample();
    let document = Document::new(path.clone(), formats::open(&path, &Progress::default()).unwrap().into(), true);
    let trace = &document.trace;
    let mut random = Random::new(3);
    for round in 0..12 {
        let ends = [random.below(trace.duration_ns()), random.below(trace.duration_ns())];
        let span = TimeSpan { start_ns: ends[0].min(ends[1]), end_ns: ends[0].max(ends[1]) };
        let phase = [None, Some(Phase::Generate)][round % 2];
        let phases = phase.map_or(u32::MAX, Phase::bit);
        let found = totals(trace, document.layouts(Order::File), span, phases, &AtomicBool::new(false)).unwrap();
        let ops: Vec<usize> = (0..trace.op_count())
            .filter(|&op| {
                let [start, end] = times(trace, op);
                start < span.end_ns && (end > span.start_ns || start >= span.start_ns)
            })
            .filter(|&op| phase.is_none_or(|phase| trace.pass_of(op).unwrap().phase == phase))
            .collect();
        let busy = |op: &usize| {
            let [start, end] = times(trace, *op);
            end.min(span.end_ns).saturating_sub(start.max(span.start_ns))
        };
        assert_eq!(found.ops, ops.len() as u64);
        assert_eq!(found.busy_ns, ops.iter().map(busy).sum::<u64>());
        let passes: HashSet<u32> = ops.iter().map(|&op| trace.ops.pass[op]).collect();
        assert_eq!(found.passes, passes.len() as u64);
        let accesses = || ops.iter().flat_map(|&op| trace.accesses_of(op));
        let writes = accesses().filter(|&a| trace.accesses.flags[a] & flags::WRITE != 0).count() as u64;
        assert_eq!((found.writes, found.reads), (writes, accesses().count() as u64 - writes));
        for track in Track::ALL {
            let ranges = accesses().map(|a| trace.accesses.range[a] as usize).filter(|&range| {
                let tensor = &trace.tensors[trace.ranges.tensor[range] as usize];
                tensor.home.is_some() && tensor.track == track
            });
            assert_eq!(found.bytes[track as usize], ranges.map(|range| trace.ranges.length[range]).sum::<u64>());
            assert!(found.distinct_bytes[track as usize] <= found.bytes[track as usize]);
        }
        assert_eq!(found.kinds.iter().map(|(_, part)| part.ops).sum::<u64>(), found.ops);
        assert_eq!(found.layers.iter().map(|(_, part)| part.busy_ns).sum::<u64>(), found.busy_ns);
        for (kind, part) in &found.kinds {
            let of_kind: Vec<&usize> = ops.iter().filter(|op| trace.ops.kind[**op] == *kind).collect();
            assert_eq!((part.ops, part.busy_ns), (of_kind.len() as u64, of_kind.into_iter().map(busy).sum()));
        }
        assert!(found.kinds.windows(2).all(|pair| pair[0].1.busy_ns >= pair[1].1.busy_ns));
    }
}

/// Ops of two threads, or passes that were written in another order than they ran in; and tensors that lie nowhere.
#[test]
fn totals_are_right_where_stamps_do_not_rise() {
    for seed in 0..8 {
        let document = Document::new(PathBuf::from("random"), run::random(seed, 900).into(), true);
        let trace = &document.trace;
        let mut random = Random::new(seed + 5);
        for _ in 0..20 {
            let start_ns = random.below(1 << 45);
            let span = TimeSpan { start_ns, end_ns: start_ns + random.below(1 << 44) };
            let found = totals(trace, document.layouts(Order::File), span, u32::MAX, &AtomicBool::new(false)).unwrap();
            let runs = |op: &usize| {
                let [start, end] = times(trace, *op);
                start < span.end_ns && (end > span.start_ns || start >= span.start_ns)
            };
            let ops: Vec<usize> = (0..trace.op_count()).filter(runs).collect();
            let busy = ops
                .iter()
                .map(|&op| times(trace, op))
                .map(|[start, end]| end.min(span.end_ns).saturating_sub(start.max(span.start_ns)));
            assert_eq!((found.ops, found.busy_ns), (ops.len() as u64, busy.sum()));
            let passes: HashSet<u32> = ops.iter().map(|&op| trace.ops.pass[op]).collect();
            assert_eq!(found.passes, passes.len() as u64);
            if let (Some(first), Some(last)) = (ops.first(), ops.last()) {
                assert_eq!(span.ops(trace), [*first as u32, *last as u32 + 1]);
            }
            // There is neither a file nor a buffer in this run.
            assert_eq!((found.bytes, found.distinct_bytes), ([0, 0], [0, 0]));
        }
    }
}

/// The bundled run as if its second half had run before its first.
fn halves_swapped() -> Trace {
    let mut trace = formats::open(&sample(), &Progress::default()).unwrap();
    let (half, end) = (trace.passes.len() / 2, trace.duration_ns());
    let cut = trace.passes[half].start_ns;
    let moved = |pass: usize, ns: u64| if pass < half { ns + end - cut } else { ns - cut };
    let starts: Vec<u64> =
        (0..trace.op_count()).map(|op| moved(trace.ops.pass[op] as usize, trace.ops.start_ns[op])).collect();
    trace.ops.start_ns = starts.into();
    for (number, pass) in trace.passes.iter_mut().enumerate() {
        pass.start_ns = moved(number, pass.start_ns);
    }
    trace
}

#[test]
fn the_ruler_finds_ops_by_time_in_whatever_order_they_are() {
    let mut session = Session::new();
    session.scene.show(PathBuf::from("swapped"), halves_swapped());
    session.settle();
    let trace = session.scene.state.document.clone().unwrap().trace.clone();
    assert_eq!(visible_ops(&session.scene.state), Some([0, trace.op_count() as u32]));
    let ruler = session.place("Ruler: playhead");
    for share in [0.1, 0.3, 0.7, 0.9] {
        let seen = session.scene.state.timeline.now();
        session.click_at(ruler.left_center() + Vec2::new(share * ruler.width(), 0.0));
        let (at, two_points) =
            (seen.start + seen.len() * f64::from(share), 2.0 * seen.len() / f64::from(ruler.width()));
        let op = session.scene.state.playback.head.unwrap();
        let start = trace.ops.start_ns[op as usize];
        assert!(start as f64 <= at + two_points, "op {op}");
        let later = trace.ops.start_ns.iter().any(|&ns| ns > start && (ns as f64) < at - two_points);
        assert!(!later, "others began later than op {op}");
    }
}

#[test]
fn a_run_without_times_says_so() {
    let mut session = Session::new();
    session.act(Action::SetClock { clock: Clock::Time });
    let mut trace = in_order(formats::open(&sample(), &Progress::default()).unwrap());
    trace.ops.start_ns = vec![0; trace.op_count()].into();
    for pass in &mut trace.passes {
        (pass.start_ns, pass.duration_ns) = (0, 0);
    }
    session.scene.show(PathBuf::from("still"), trace);
    session.settle();
    session.place("Timeline, recorded without times");
    session.place("Clock: by op");
}

fn drag(session: &mut Session, from: Pos2, to: Pos2, modifiers: Modifiers) {
    session.step(input::hover(from));
    for events in input::drag(from, to, 5, PointerButton::Primary, modifiers) {
        session.step(events);
    }
    session.settle();
}

#[test]
fn a_span_is_drawn_snaps_to_ops_can_be_changed_and_all_views_have_it() {
    let mut session = Session::new();
    let lanes = session.canvas("Timeline, ");
    let (from, to) = (lanes.left_center() + Vec2::new(300.0, 10.0), lanes.left_center() + Vec2::new(700.0, 20.0));
    drag(&mut session, from, to, Modifiers::SHIFT);
    let selected = |session: &Session| match session.scene.state.selection {
        Some(Item::Span(span)) => span,
        other => panic!("{other:?}"),
    };
    let span = selected(&session);
    let trace = session.scene.state.document.clone().unwrap().trace.clone();
    let edges: HashSet<u64> = (0..trace.op_count()).flat_map(|op| times(&trace, op)).collect();
    assert!(edges.contains(&span.start_ns) && edges.contains(&span.end_ns), "{span:?}");
    // Totals, table and heatmap.
    session.place("kinds of op, by time");
    let [first, behind] = session.scene.state.links.ops.unwrap();
    assert!(trace.ops.start_ns[first as usize] <= span.start_ns.max(times(&trace, first as usize)[1]));
    assert!(trace.ops.start_ns[behind as usize - 1] < span.end_ns);
    let offer = session.target.find_by(|name| name.starts_with("+ only ")).unwrap();
    session.click_at(offer.center());
    assert_eq!(session.scene.row_count(), (behind - first) as usize);
    session.act(Action::SetFilter { filter: tensorscope::analysis::filter::Filter::default() });
    // The handles.
    let handle = session.place("End of the span").center();
    drag(&mut session, handle, handle + Vec2::new(90.0, 0.0), Modifiers::NONE);
    let longer = selected(&session);
    assert_eq!(longer.start_ns, span.start_ns);
    assert!(longer.end_ns > span.end_ns && edges.contains(&longer.end_ns));
    let handle = session.place("Start of the span").center();
    drag(&mut session, handle, handle + Vec2::new(40.0, 0.0), Modifiers::ALT);
    assert!(selected(&session).start_ns > longer.start_ns);
    // It is played again and again.
    session.step(input::hover(Pos2::ZERO));
    session.press(egui::Key::L, Modifiers::NONE);
    let ops = session.scene.state.links.ops;
    assert_eq!(session.scene.state.playback.looped, ops);
    session.press(egui::Key::L, Modifiers::NONE);
    assert_eq!(session.scene.state.playback.looped, None);
}

#[test]
fn the_controls_play_step_and_choose() {
    let mut session = Session::new();
    session.click("Next token");
    assert_eq!(session.scene.state.selection, Some(Item::Pass(0)));
    session.click("Next token");
    session.click("Next token");
    session.click("Previous token");
    assert_eq!(session.scene.state.selection, Some(Item::Pass(1)));
    session.click("Next op");
    let first = session.scene.state.document.as_ref().unwrap().trace.passes[1].first_op;
    assert_eq!(session.scene.state.selection, Some(Item::Op(first + 1)));
    session.click("Clock: by op");
    session.click("by time");
    assert_eq!(session.scene.state.playback.clock, Clock::Time);
    session.click("Speed: 1\u{d7}");
    session.click("0.01\u{d7}");
    assert_eq!(session.scene.state.playback.speed(), 0.01);
    session.step(vec![egui::Event::Text(">".to_owned())]);
    session.settle();
    session.place("Speed: 0.1\u{d7}");
    session.step(vec![egui::Event::Text("<".to_owned())]);
    session.settle();
    assert_eq!(session.scene.state.playback.speed(), 0.01);
    session.click("Loop");
    session.click("this pass");
    assert_eq!(session.scene.state.playback.looped.map(|ops| ops[0]), Some(first));
    let at = session.place("Play the run").center();
    session.step(input::hover(at));
    session.step(input::click(at));
    for _ in 0..3 {
        session.step(Vec::new());
    }
    assert!(session.scene.state.playback.playing);
    let at = session.place("Pause").center();
    session.step(input::click(at));
    session.settle();
    assert!(!session.scene.state.playback.playing);
    session.place("Play the run");
}

#[test]
fn the_playhead_is_dragged_along_the_ruler() {
    let mut session = Session::new();
    let ruler = session.place("Ruler: playhead");
    let (from, to) = (ruler.left_center() + Vec2::new(200.0, 0.0), ruler.left_center() + Vec2::new(600.0, 0.0));
    drag(&mut session, from, to, Modifiers::NONE);
    let state = &session.scene.state;
    let op = state.playback.head.unwrap();
    assert_eq!(state.selection, Some(Item::Op(op)));
    let trace = &state.document.as_ref().unwrap().trace;
    let at = state.timeline.now().len() * f64::from((to.x - ruler.left()) / ruler.width());
    assert!((trace.ops.start_ns[op as usize] as f64 - at).abs() < 0.02 * state.timeline.now().len());
    // Esc: the selection, then the playhead.
    session.press(egui::Key::Escape, Modifiers::NONE);
    session.press(egui::Key::Escape, Modifiers::NONE);
    assert_eq!((session.scene.state.selection, session.scene.state.playback.head), (None, None));
}

#[test]
fn a_phase_holds_for_graph_inspector_and_links_too() {
    let mut session = Session::new();
    session.act(Action::Select { item: Some(tensorscope::state::ItemRef::Layer(5)) });
    let ops = |session: &Session, phase: Option<Phase>| {
        let trace = session.scene.state.document.clone().unwrap().trace.clone();
        (0..trace.op_count())
            .filter(|&op| trace.ops.layer.get(op) == Some(5))
            .filter(|&op| phase.is_none_or(|phase| trace.pass_of(op).unwrap().phase == phase))
            .count()
    };
    session.place(&tensorscope::units::count(ops(&session, None) as u64));
    session.act(Action::SetPhase { phase: Some(Phase::Generate) });
    let counted = ops(&session, Some(Phase::Generate)) as u64;
    session.place(&format!("{} (generate only)", tensorscope::units::count(counted)));
    let trace = session.scene.state.document.clone().unwrap().trace.clone();
    let first = session.scene.state.links.first_op.unwrap() as usize;
    assert_eq!((trace.pass_of(first).unwrap().phase, trace.ops.layer.get(first)), (Phase::Generate, Some(5)));
}
