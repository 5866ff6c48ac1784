//! Playback: where the playhead is at which moment, by each clock, in loops and phases; and that all views say the same.

use std::path::Path;
use std::sync::Arc;

use egui::Key;
use egui::Modifiers;
use tensorscope::analysis::links::Item;
use tensorscope::formats::{self, Progress};
use tensorscope::state::{Action, AppState, Clock, Document, Effect, ItemRef, Stride};
use tensorscope::trace::{Nullable, Pass, Phase, Trace};

use crate::heat::run::Random;
use crate::workspace::Session;

fn state() -> (AppState, Arc<Trace>) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/smollm2-135m.tscope");
    let trace = Arc::new(formats::open(&path, &Progress::default()).unwrap());
    let mut state = AppState::default();
    state.set_document(Arc::new(Document::new(path, trace.clone(), true)));
    (state, trace)
}

/// As `--mode order` records: only passes have stamps.
pub fn in_order(mut trace: Trace) -> Trace {
    let starts: Vec<u64> = trace.ops.pass.iter().map(|pass| trace.passes[*pass as usize].start_ns).collect();
    trace.ops.duration_ns = Nullable::from_sentinel(vec![u64::MAX; starts.len()], u64::MAX);
    trace.ops.start_ns = starts.into();
    trace
}

fn shown(name: &str, trace: Trace) -> Arc<Document> {
    Arc::new(Document::new(name.into(), Arc::new(trace), true))
}

fn play(clock: Clock, speed: f64) -> Action {
    Action::Play { clock: Some(clock), speed: Some(speed), ops_per_second: None }
}

fn head(state: &AppState) -> u32 {
    state.playback.head.unwrap()
}

fn phase_of(trace: &Trace, op: u32) -> Phase {
    trace.pass_of(op as usize).unwrap().phase
}

#[test]
fn the_clock_of_ops_counts_them() {
    let (mut state, _) = state();
    state.apply(&Action::Play { clock: None, speed: None, ops_per_second: None });
    for tick in 1..=100_u32 {
        state.advance(100.0);
        assert_eq!(head(&state), tick * 3, "30 ops a second, unless something else is chosen");
    }
    // In frames that are no whole number of ops, none is lost.
    state.apply(&Action::SetSpeed { speed: 7.0 });
    for _ in 0..1000 {
        state.advance(9.0);
    }
    assert_eq!(head(&state), 300 + 63);
}

#[test]
fn the_clock_of_time_is_true_to_the_stamps() {
    let (mut state, trace) = state();
    for speed in [0.001, 0.1, 1.0, 3.0] {
        state.apply(&Action::Seek { op: None });
        state.apply(&Action::Select { item: None });
        state.apply(&play(Clock::Time, speed));
        let mut random = Random::new(7);
        let mut time_ns = trace.ops.start_ns[0] as f64;
        while state.playback.playing && time_ns < 2e8 {
            let delta_ms = random.below(40) as f64;
            time_ns += delta_ms * 1e6 * speed;
            state.advance(delta_ms);
            if state.playback.playing {
                let ran = trace.ops.start_ns.partition_point(|&start| start as f64 <= time_ns + 0.01) as u32;
                assert_eq!(head(&state) + 1, ran, "after {time_ns} ns at {speed}");
            }
            if speed < 0.01 && time_ns > trace.ops.start_ns[0] as f64 + 1e5 {
                break;
            }
        }
        state.apply(&Action::Pause);
    }
}

#[test]
fn the_clock_of_passes_gives_each_the_same_time() {
    let (mut state, trace) = state();
    state.apply(&play(Clock::Pass, 2.0));
    for half in 1..trace.passes.len() as u32 {
        for _ in 0..50 {
            state.advance(10.0);
        }
        let at = head(&state);
        let first = trace.passes[half as usize].first_op;
        assert!(at.abs_diff(first) <= 1, "at op {at} after {half} passes, not {first}");
    }
}

#[test]
fn it_ends_with_the_last_op_which_is_selected_then_and_begins_anew() {
    let (mut state, trace) = state();
    let last = trace.op_count() as u32 - 1;
    for clock in Clock::ALL {
        state.apply(&Action::Select { item: Some(ItemRef::Op(last - 5)) });
        state.apply(&play(clock, 1000.0));
        assert_eq!(head(&state), last - 5, "it begins with what is selected");
        for _ in 0..1000 {
            state.advance(16.0);
        }
        assert!(!state.playback.playing);
        assert_eq!((state.playback.head, state.selection), (Some(last), Some(Item::Op(last))), "{clock:?}");
        assert!(!state.advance(16.0), "and nothing moves any more");
        state.apply(&Action::Play { clock: None, speed: None, ops_per_second: None });
        assert_eq!(head(&state), 0);
        state.apply(&Action::Pause);
    }
}

/// Whatever the clock, the speed, the frames, the loop and the phase: the playhead is on an op that is to be played.
#[test]
fn the_playhead_never_leaves_what_is_played() {
    let (mut state, trace) = state();
    let count = trace.op_count() as u64;
    for seed in 1..60 {
        let mut random = Random::new(seed);
        let from = random.below(count - 1) as u32;
        let length = [1, 2, 50, 3000, count][random.below(5) as usize];
        let to = (u64::from(from) + 1 + random.below(length)).min(count) as u32;
        let phase = [None, Some(Phase::Prompt), Some(Phase::Generate)][random.below(3) as usize];
        let clock = Clock::ALL[random.below(3) as usize];
        let speed = clock.speeds()[random.below(clock.speeds().len() as u64) as usize];
        state.apply(&Action::Pause);
        state.apply(&Action::SetPhase { phase });
        state.apply(&Action::LoopSpan { ops: Some([from, to]) });
        let some = (from..to).any(|op| phase.is_none_or(|phase| phase_of(&trace, op) == phase));
        let refused = !state.apply(&play(clock, speed)).is_empty();
        assert_eq!(refused, !some, "{phase:?} {from}..{to}");
        let mut moved = false;
        for _ in 0..if some { 300 } else { 0 } {
            state.advance(random.below(200) as f64);
            let at = head(&state);
            moved |= at != from;
            assert!((from..to).contains(&at), "op {at} of {from}..{to} by {clock:?} at {speed}");
            assert!(phase.is_none_or(|phase| phase_of(&trace, at) == phase), "op {at} is not of {phase:?}");
        }
        assert!(moved || to - from < 3 || speed < 1.5 || !some, "{from}..{to} by {clock:?} at {speed}");
    }
}

#[test]
fn passes_of_another_phase_are_skipped_and_take_no_time() {
    let (mut state, trace) = state();
    state.apply(&Action::SetPhase { phase: Some(Phase::Generate) });
    let first = trace.passes.iter().find(|pass| pass.phase == Phase::Generate).unwrap().first_op;
    state.apply(&play(Clock::Op, 100.0));
    assert_eq!(head(&state), first, "the prompt comes first and is not played");
    state.advance(1000.0);
    assert_eq!(head(&state), first + 100);
    state.apply(&Action::Pause);
    state.apply(&Action::Step { by: Stride::Pass, back: false });
    assert_eq!(phase_of(&trace, head(&state)), Phase::Generate);
    state.apply(&Action::Select { item: Some(ItemRef::Op(first)) });
    state.apply(&Action::Step { by: Stride::Op, back: true });
    assert_eq!(state.selection, Some(Item::Op(first)), "before it is only prompt");
}

#[test]
fn steps_take_the_playhead_along() {
    let (mut state, trace) = state();
    state.apply(&Action::Seek { op: Some(2000) });
    state.apply(&Action::Step { by: Stride::Op, back: false });
    assert_eq!((head(&state), state.selection), (2001, Some(Item::Op(2001))));
    let pass = trace.ops.pass[2001];
    state.apply(&Action::Step { by: Stride::Pass, back: false });
    assert_eq!(head(&state), trace.passes[pass as usize + 1].first_op);
    assert_eq!(state.selection, Some(Item::Pass(pass + 1)));
    state.apply(&Action::Step { by: Stride::Layer, back: false });
    let op = head(&state) as usize;
    assert_eq!((trace.ops.pass[op], trace.ops.layer.get(op)), (pass + 1, Some(0)));
}

#[test]
fn an_hour_of_playback_is_one_place_in_the_history() {
    let (mut state, _) = state();
    let tensor = ItemRef::Layer(3);
    state.apply(&Action::Select { item: Some(tensor) });
    state.apply(&Action::Play { clock: None, speed: None, ops_per_second: None });
    for _ in 0..500 {
        state.advance(16.0);
        assert_eq!(state.selection, Some(Item::Layer(3)), "what is selected stays meanwhile");
    }
    state.apply(&Action::Pause);
    assert_eq!(state.selection, state.playback.head.map(Item::Op));
    for op in 100..200 {
        state.apply(&Action::Seek { op: Some(op) });
    }
    let mut back = 0;
    while state.can_go_back() {
        state.apply(&Action::Back);
        back += 1;
    }
    assert!(back <= 3, "{back} places for two selections");
    assert_eq!(state.selection, None);
}

#[test]
fn what_cannot_be_is_said() {
    let (mut state, trace) = state();
    for action in [
        play(Clock::Op, 0.0),
        Action::SetSpeed { speed: f64::NAN },
        Action::SetSpeed { speed: -1.0 },
        Action::LoopSpan { ops: Some([5, 5]) },
        Action::LoopSpan { ops: Some([u32::MAX, u32::MAX - 1]) },
    ] {
        let effects = state.apply(&action);
        assert!(matches!(effects.as_slice(), [Effect::Refused(_)]), "{action:?}: {effects:?}");
        assert!(!state.playback.playing);
    }
    let behind = trace.op_count() as u32;
    assert!(matches!(state.apply(&Action::Seek { op: Some(behind) }).as_slice(), [Effect::NotFound(_)]));
    let mut still = (*trace).clone();
    still.ops.start_ns = vec![0; trace.op_count()].into();
    for pass in &mut still.passes {
        (pass.start_ns, pass.duration_ns) = (0, 0);
    }
    state.set_document(Arc::new(Document::new("still".into(), Arc::new(still), true)));
    assert!(matches!(state.apply(&play(Clock::Time, 1.0)).as_slice(), [Effect::Refused(_)]));
    assert!(state.apply(&play(Clock::Pass, 1.0)).is_empty());
}

#[test]
fn a_clock_of_times_gives_way_where_ops_have_none() {
    let (mut state, trace) = state();
    assert!(state.apply(&play(Clock::Time, 0.5)).is_empty());
    state.set_document(shown("order", in_order((*trace).clone())));
    let effects = state.apply(&play(Clock::Time, 1.0));
    assert!(matches!(effects.as_slice(), [Effect::Refused(why)] if why.contains("without times")), "{effects:?}");
    assert!(!state.playback.playing);
    // It was chosen for another run, and here ops are counted.
    state.apply(&Action::SetClock { clock: Clock::Op });
    state.set_document(shown("timed", (*trace).clone()));
    assert!(state.apply(&Action::SetClock { clock: Clock::Time }).is_empty());
    state.set_document(shown("order", in_order((*trace).clone())));
    assert!(state.apply(&Action::Play { clock: None, speed: None, ops_per_second: None }).is_empty());
    assert_eq!(state.playback.clock, Clock::Op);
    state.advance(1000.0);
    assert_eq!(head(&state), 30);
    // As soon as it is shown, without anything being done with it.
    state.set_document(shown("timed", (*trace).clone()));
    assert!(state.apply(&Action::SetClock { clock: Clock::Time }).is_empty());
    state.set_document(shown("order", in_order((*trace).clone())));
    state.advance(16.0);
    assert_eq!(state.playback.clock, Clock::Op);
}

#[test]
fn a_loop_that_takes_no_time_is_over_at_once() {
    let (mut state, trace) = state();
    let mut instant = (*trace).clone();
    let mut starts = instant.ops.start_ns.to_vec();
    let stamp = starts[100];
    starts[100..110].fill(stamp);
    instant.ops.start_ns = starts.into();
    state.set_document(shown("instant", instant));
    assert!(state.apply(&Action::LoopSpan { ops: Some([101, 105]) }).is_empty());
    assert!(state.apply(&play(Clock::Time, 1.0)).is_empty());
    assert_eq!(head(&state), 101);
    state.advance(16.0);
    assert_eq!((state.playback.playing, head(&state)), (false, 104));
}

#[test]
fn passes_without_ops_are_stepped_over() {
    let (mut state, trace) = state();
    let mut holed = (*trace).clone();
    let empty = Pass { ops: 0, ..holed.passes[1].clone() };
    holed.passes.insert(1, empty);
    let moved: Vec<u32> = holed.ops.pass.iter().map(|&pass| if pass > 0 { pass + 1 } else { 0 }).collect();
    holed.ops.pass = moved.into();
    let last = holed.passes.len() as u32 - 1;
    state.set_document(shown("holed", holed));
    state.apply(&Action::Select { item: Some(ItemRef::Pass(0)) });
    for (back, pass) in [(false, 2), (false, 3), (true, 2), (true, 0), (true, 0)] {
        state.apply(&Action::Step { by: Stride::Pass, back });
        assert_eq!(state.selection, Some(Item::Pass(pass)));
    }
    state.apply(&Action::Select { item: Some(ItemRef::Pass(last)) });
    state.apply(&Action::Step { by: Stride::Pass, back: false });
    assert_eq!(state.selection, Some(Item::Pass(last)), "behind the last there is none");
}

#[test]
fn scripts_of_before_still_play() {
    let (mut state, _) = state();
    for (json, ops) in [
        (r#"{"action":"play","ops_per_second":60}"#, 60),
        (r#"{"action":"pause"}"#, 0),
        (r#"{"action":"play"}"#, 60),
        (r#"{"action":"play","clock":"op","speed":90}"#, 90),
    ] {
        let before = state.playback.head.unwrap_or(0);
        let action: Action = serde_json::from_str(json).unwrap();
        assert!(state.apply(&action).is_empty());
        state.advance(1000.0);
        assert_eq!(head(&state).saturating_sub(before), ops, "{json}");
    }
}

/// The op that a view says is played, by the words before its number.
fn said(session: &Session, view: &str, words: &str) -> Option<String> {
    let found = std::cell::RefCell::new(None);
    session.target.find_by(|name| {
        if name.starts_with(view)
            && let Some((_, rest)) = name.split_once(words)
            && let Some(number) = rest.split([':', ' ']).next()
        {
            found.replace(Some(number.trim_end_matches(',').replace(',', "")));
        }
        false
    });
    found.into_inner()
}

#[test]
fn in_each_frame_all_views_show_the_same_op() {
    let mut session = Session::new();
    session.act(Action::Seek { op: Some(1500) });
    session.scene.act(Action::Play { clock: Some(Clock::Op), speed: Some(400.0), ops_per_second: None });
    let trace = session.scene.state.document.clone().unwrap().trace.clone();
    let mut seen = Vec::new();
    for _ in 0..12 {
        session.step(Vec::new());
        let op = head(&session.scene.state);
        seen.push(op);
        let number = Some(op.to_string());
        assert_eq!(said(&session, "Timeline", "playhead at op "), number);
        assert_eq!(said(&session, "DISK heatmap", "filled to op "), number);
        assert_eq!(said(&session, "BUFFER heatmap", "filled to op "), number);
        assert_eq!(said(&session, "running row", "op "), number);
        let pass = trace.pass_of(op as usize).unwrap();
        let node = trace.ops.node.get(op as usize).unwrap();
        let label = &trace.graphs[pass.graph.unwrap() as usize].nodes[node as usize].label;
        let graph = format!("running {label}");
        assert!(session.target.find_by(|name| name.starts_with("Graph canvas") && name.ends_with(&graph)).is_some());
    }
    assert!(seen.windows(2).all(|pair| pair[0] < pair[1]), "{seen:?}");
    session.press(Key::Space, Modifiers::NONE);
    let op = head(&session.scene.state);
    assert_eq!(session.scene.state.selection, Some(Item::Op(op)));
    assert!(session.target.find_by(|name| name.starts_with(&format!("selected row: op {}", units(op)))).is_some());
    let painted = (0..20).filter(|_| session.step(Vec::new())).count();
    assert_eq!(painted, 0, "a playhead that rests asks for no frames");
}

fn units(op: u32) -> String {
    tensorscope::units::count(op.into())
}
