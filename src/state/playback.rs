//! Playback: a playhead that walks through the ops of a run, by one of three clocks.

use serde::{Deserialize, Serialize};

use super::action::ItemRef;
use super::apply::Effect;
use super::camera::{Moving, Span};
use super::{AppState, Item};
use crate::analysis::op_times::{has_own_times, op_start_ns};
use crate::analysis::row_axis::{RowAxis, Rows};
use crate::trace::{Phase, Trace};

/// What the playhead moves evenly along.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Clock {
    /// The number of the op; its speed is in ops a second.
    #[default]
    Op,
    /// Recorded time; its speed is a multiple of that.
    Time,
    /// Passes, each as long as the others; its speed is in passes a second.
    Pass,
}

impl Clock {
    pub const ALL: [Self; 3] = [Self::Op, Self::Time, Self::Pass];

    /// Speeds to choose from, slowest first.
    pub fn speeds(self) -> &'static [f64] {
        match self {
            Self::Op => &[1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1e3, 1e4, 1e5, 1e6],
            Self::Time => &[0.001, 0.01, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 100.0, 1e3],
            Self::Pass => &[0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 100.0],
        }
    }

    fn rows(self) -> Rows {
        match self {
            Self::Op => Rows::Op,
            Self::Time => Rows::Time,
            Self::Pass => Rows::Pass,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Playback {
    pub playing: bool,
    pub clock: Clock,
    /// The op at the playhead, which is there until somebody takes it away.
    pub head: Option<u32>,
    /// Ops that are played again and again; both ends as in a Rust range.
    pub looped: Option<[u32; 2]>,
    /// By clock, in its unit.
    speeds: [f64; 3],
    /// Where the playhead is along the axis of the clock: within its op.
    at: f64,
}

impl Default for Playback {
    fn default() -> Self {
        Self { playing: false, clock: Clock::default(), head: None, looped: None, speeds: [30.0, 1.0, 1.0], at: 0.0 }
    }
}

impl Playback {
    /// How fast it plays, in the unit of its clock.
    pub fn speed(&self) -> f64 {
        self.speeds[self.clock as usize]
    }

    /// The next speed to choose from that is faster, or slower.
    pub fn next_speed(&self, faster: bool) -> f64 {
        let (now, speeds) = (self.speed(), self.clock.speeds());
        let found = match faster {
            true => speeds.iter().find(|speed| **speed > now),
            false => speeds.iter().rev().find(|speed| **speed < now),
        };
        found.copied().unwrap_or(now)
    }

    /// What of it holds for another run too.
    pub(super) fn chosen(&self) -> Self {
        Self { clock: self.clock, speeds: self.speeds, ..Self::default() }
    }
}

/// Ops that are played without a gap, and where they lie along the axis of the clock.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Stretch {
    ops: [u32; 2],
    along: [f64; 2],
}

/// What is played: some ops of the run, and of them those of one phase.
struct Played<'a> {
    trace: &'a Trace,
    axis: RowAxis<'a>,
    ops: [u32; 2],
    phase: Option<Phase>,
}

impl Played<'_> {
    fn stretch(&self, ops: [u32; 2]) -> Stretch {
        Stretch { ops, along: ops.map(|op| self.axis.at(f64::from(op))) }
    }

    /// What is played from pass `pass` on: it and its neighbours where all phases are, else one pass at a time.
    fn stretches(&self, pass: usize) -> impl Iterator<Item = Stretch> + '_ {
        let all = self.phase.is_none().then(|| self.stretch(self.ops));
        let passes = if all.is_some() { &[] } else { self.trace.passes.get(pass..).unwrap_or(&[]) };
        let of_phase = passes
            .iter()
            .take_while(|pass| pass.first_op < self.ops[1])
            .filter(|pass| Some(pass.phase) == self.phase)
            .map(|pass| [pass.first_op.max(self.ops[0]), pass.first_op.saturating_add(pass.ops).min(self.ops[1])])
            .filter(|ops| ops[0] < ops[1])
            .map(|ops| self.stretch(ops));
        all.into_iter().chain(of_phase)
    }

    fn pass_of(&self, op: u32) -> usize {
        self.trace.ops.pass.get(op as usize).map_or(0, |&pass| pass as usize)
    }

    /// The first op that is played, from `op` on.
    fn first_from(&self, op: u32) -> Option<u32> {
        let of = |stretch: Stretch| (stretch.ops[1] > op).then(|| stretch.ops[0].max(op));
        self.stretches(self.pass_of(op.max(self.ops[0]))).find_map(of)
    }

    /// The last op that is played.
    fn last(&self) -> Option<u32> {
        if self.phase.is_none() {
            return self.ops[1].checked_sub(1);
        }
        let before = self.trace.passes.partition_point(|pass| pass.first_op < self.ops[1]);
        let passes = self.trace.passes[..before]
            .iter()
            .rev()
            .take_while(|pass| pass.first_op.saturating_add(pass.ops) > self.ops[0]);
        passes
            .filter(|pass| Some(pass.phase) == self.phase && pass.ops > 0)
            .map(|pass| pass.first_op.saturating_add(pass.ops).min(self.ops[1]) - 1)
            .next()
    }

    /// Where the playhead comes to from `at` in op `head` within `by`, and the op there; `None` behind the end. In a
    /// loop there is none.
    fn go(&self, head: u32, at: f64, by: f64, looped: bool) -> Option<(u32, f64)> {
        let (mut at, mut left) = (at, by);
        let mut pass = self.pass_of(head);
        for round in 0.. {
            let from = at;
            for stretch in self.stretches(pass).filter(|stretch| stretch.along[1] > from || round > 0) {
                let [start, end] = stretch.along;
                at = at.max(start);
                if at + left < end {
                    at += left;
                    // Stamps are exact; places within a pass are rounded.
                    let rounding = if self.axis.rows() == Rows::Time { 0.0 } else { 1e-6 };
                    let op = (self.axis.op(at) + rounding).floor() as u32;
                    return Some((op.clamp(stretch.ops[0], stretch.ops[1] - 1), at));
                }
                left -= end - at;
                at = end;
            }
            if !looped || round > 1 {
                break;
            }
            // Rounds that lead back to where they begin need not be made.
            pass = self.pass_of(self.ops[0]);
            let length: f64 = self.stretches(pass).map(|stretch| stretch.along[1] - stretch.along[0]).sum();
            if length <= 0.0 {
                // What takes no time by this clock is over at once.
                break;
            }
            left %= length;
            at = f64::NEG_INFINITY;
            if !left.is_finite() {
                break;
            }
        }
        None
    }
}

impl AppState {
    /// Starts from what is selected, else from where the playhead is; behind the end from the beginning.
    pub(super) fn play(
        &mut self,
        clock: Option<Clock>,
        speed: Option<f64>,
        ops_per_second: Option<f64>,
    ) -> Result<(), Effect> {
        let Some(document) = self.document.clone() else { return Ok(()) };
        self.suit_clock();
        if let Some(speed) = ops_per_second {
            self.set_speed(Clock::Op, speed)?;
        }
        self.set_clock(clock.or(ops_per_second.map(|_| Clock::Op)).unwrap_or(self.playback.clock))?;
        if let Some(speed) = speed {
            self.set_speed(self.playback.clock, speed)?;
        }
        let played = self.played(&document.trace);
        let (wanted, last) = (self.current_op().unwrap_or(0), played.last());
        let within = (played.ops[0]..played.ops[1]).contains(&wanted) && Some(wanted) != last;
        let start = played.first_from(if within { wanted } else { played.ops[0] });
        let start = start.or_else(|| played.first_from(played.ops[0]));
        let Some(start) = start else {
            let phase = self.phase.map_or("", Phase::label);
            return Err(Effect::Refused(match document.trace.op_count() {
                0 => "this run has no ops to play".to_owned(),
                _ => format!("nothing to play: no {phase} op is there; choose both phases or another span"),
            }));
        };
        self.playback.playing = true;
        self.place_head(start);
        Ok(())
    }

    /// What is selected then is the op that the playhead has come to, for all views to show.
    pub(super) fn pause(&mut self) {
        if std::mem::take(&mut self.playback.playing)
            && let Some(head) = self.playback.head
        {
            self.select_op(head, true);
        }
    }

    pub(super) fn set_clock(&mut self, clock: Clock) -> Result<(), Effect> {
        let stamped = self.document.as_ref().is_none_or(|document| has_own_times(&document.trace));
        if clock == Clock::Time && !stamped {
            let why = "this run was recorded without times of its ops; play it by op or by pass";
            return Err(Effect::Refused(why.to_owned()));
        }
        self.playback.clock = clock;
        if let Some(head) = self.playback.head {
            self.place_head(head);
        }
        Ok(())
    }

    pub(super) fn set_speed(&mut self, clock: Clock, speed: f64) -> Result<(), Effect> {
        if !(speed.is_finite() && speed > 0.0) {
            return Err(Effect::Refused(format!("{speed} is no speed; give one above 0")));
        }
        self.suit_clock();
        let clock = if clock == Clock::Time { self.playback.clock } else { clock };
        self.playback.speeds[clock as usize] = speed;
        Ok(())
    }

    /// A clock that was chosen for another run gives way to that of ops where this one has no times to go by.
    fn suit_clock(&mut self) {
        // A run that only begins may still have them.
        let untimed = |trace: &Trace| trace.op_count() > 0 && !has_own_times(trace);
        if self.playback.clock == Clock::Time && self.document.as_ref().is_some_and(|document| untimed(&document.trace))
        {
            self.playback.clock = Clock::Op;
            self.playback.at = self.playback.head.map_or(0.0, f64::from);
        }
    }

    pub(super) fn loop_span(&mut self, ops: Option<[u32; 2]>) -> Result<(), Effect> {
        let count = self.op_count() as u32;
        let looped = ops.map(|ops| [ops[0].min(ops[1]), ops[0].max(ops[1])].map(|op| op.min(count)));
        if let Some([from, to]) = looped.filter(|ops| ops[0] == ops[1]) {
            return Err(Effect::Refused(format!("there is no op from {from} to {to} to be played again and again")));
        }
        self.playback.looped = looped;
        Ok(())
    }

    /// Puts the playhead at an op, which is selected unless the run plays on from there; or takes it away.
    pub(super) fn seek(&mut self, op: Option<u32>) -> Result<(), String> {
        let Some(op) = op else {
            self.playback.playing = false;
            self.playback.head = None;
            return Ok(());
        };
        self.find(&ItemRef::Op(op))?;
        let scrubs = self.selection.is_some() && self.selection == self.playback.head.map(Item::Op);
        self.place_head(op);
        if !self.playback.playing {
            // A drag along the ruler is one place in the history, not a thousand.
            self.select_op(op, !scrubs);
        }
        Ok(())
    }

    /// The op that stepping and playing start from.
    pub fn current_op(&self) -> Option<u32> {
        match self.selection {
            _ if self.playback.playing => self.playback.head,
            Some(Item::Op(op)) => Some(op),
            Some(_) => self.links.first_op.or(self.playback.head),
            None => self.playback.head,
        }
    }

    /// The op that runs, while the run is played.
    pub fn running_op(&self) -> Option<u32> {
        self.playback.head.filter(|_| self.playback.playing)
    }

    /// Nodes of the shown graph that views mark: those of the running op, else those of the selection.
    pub fn marked_nodes(&self) -> Vec<u32> {
        let (Some(op), Some(document)) = (self.running_op(), &self.document) else { return self.links.nodes.clone() };
        let shown = document.trace.pass_of(op as usize).and_then(|pass| pass.graph) == Some(self.graph.graph);
        document.trace.ops.node.get(op as usize).filter(|_| shown).into_iter().collect()
    }

    pub(super) fn advance_playback(&mut self, delta_ms: f64) {
        self.suit_clock();
        let Playback { playing: true, head: Some(head), at, .. } = self.playback else { return };
        let Some(document) = self.document.clone() else { return };
        let played = self.played(&document.trace);
        let units = if self.playback.clock == Clock::Time { 1e6 } else { 1e-3 };
        let by = self.playback.speed() * delta_ms * units;
        let last = played.last();
        match played.go(head, at, by, self.playback.looped.is_some()) {
            Some((op, at)) => {
                self.playback.at = at;
                self.follow_head(head, op);
                self.show_head(op);
                if self.playback.looped.is_none() && Some(op) == last && self.playback.clock == Clock::Op {
                    self.pause();
                }
            }
            None => {
                let end = last.unwrap_or(head);
                self.follow_head(head, end);
                self.show_head(end);
                self.pause();
            }
        }
    }

    fn played<'a>(&self, trace: &'a Trace) -> Played<'a> {
        let ops = self.playback.looped.unwrap_or([0, trace.op_count() as u32]);
        Played { trace, axis: RowAxis::new(trace, self.playback.clock.rows()), ops, phase: self.phase }
    }

    pub(super) fn place_head(&mut self, op: u32) {
        self.suit_clock();
        if let Some(document) = self.document.clone() {
            self.playback.at = RowAxis::new(&document.trace, self.playback.clock.rows()).at(f64::from(op));
        }
        self.show_head(op);
    }

    /// The playhead is at `op`, in the graph too.
    fn show_head(&mut self, op: u32) {
        if self.playback.head.replace(op) == Some(op) {
            return;
        }
        if self.playback.playing {
            let graph = self.graph.graph;
            self.show_graph_of(Some(Item::Op(op)));
            if self.graph.graph != graph {
                self.relink();
            }
        }
    }

    pub(super) fn select_op(&mut self, op: u32, remembered: bool) {
        let item = Some(Item::Op(op));
        if self.selection != item {
            if remembered {
                self.remember();
            }
            self.show_graph_of(item);
            self.set_selection(item);
            if remembered {
                self.reveal();
            }
        }
    }

    /// Views that showed the playhead turn the page when it leaves them; those that looked elsewhere stay there.
    pub(super) fn follow_head(&mut self, before: u32, now: u32) {
        let Some(document) = self.document.clone() else { return };
        let time = |op: u32| op_start_ns(&document.trace, op as usize) as f64;
        turn_page(&mut self.timeline, [time(before), time(now)], document.trace.duration_ns() as f64);
        turn_page(&mut self.heat.ops, [before, now].map(f64::from), document.trace.op_count() as f64);
    }
}

fn turn_page(view: &mut Moving<Span>, [before, now]: [f64; 2], extent: f64) {
    let seen = view.goal();
    let shows = |at: f64| (seen.start..=seen.end).contains(&at);
    if shows(before) && !shows(now) {
        let start = now - 0.1 * seen.len();
        view.go(Span::new(start, start + seen.len()).within(extent, seen.len().min(extent)), super::Motion::default());
    }
}
