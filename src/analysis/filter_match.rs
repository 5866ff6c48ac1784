//! Which ops of a run a filter lets through: names and ranges are looked at once, ops by index after.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

use rayon::prelude::*;
use regex::{Regex, RegexBuilder};

use super::filter::{Condition, Filter, Region, Value};
use super::table_columns::{Column, Measured, experts, logged_bytes, touched_bytes, tracks};
use super::table_rows::Rows;
use crate::trace::tracks::TrackLayout;
use crate::trace::{DESTINATION_SLOT, Phase, Trace, Track};

/// Ops that one task looks at.
const CHUNK_OPS: usize = 64 * 1024;
/// Most bytes that a compiled pattern may take: patterns come from people and scripts.
const MOST_PATTERN_BYTES: usize = 1 << 20;

/// Ops that touch both tracks, as a value to be equal to.
pub const BOTH_TRACKS: &str = "DISK + BUFFER";

/// Ops that touch one track and not the other, as a value to be equal to.
pub fn only(track: Track) -> &'static str {
    match track {
        Track::Disk => "DISK only",
        Track::Buffer => "BUFFER only",
    }
}

/// A condition that cannot hold for any op because of how it is written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("filter of {place}: {reason}")]
pub struct FilterError {
    pub column: Option<Column>,
    place: &'static str,
    pub reason: String,
}

impl Filter {
    /// The ops that pass, in order. `layout` is that of the region's track. `None` once cancelled.
    pub fn matching_ops(
        &self,
        trace: &Trace,
        phase: Option<Phase>,
        layout: &TrackLayout,
        cancelled: &AtomicBool,
    ) -> Result<Option<Rows>, FilterError> {
        let tests = Tests::new(self, trace, phase, layout)?;
        let count = trace.op_count();
        if tests.are_none() {
            return Ok(Some(Rows::All(count as u32)));
        }
        let parts: Vec<Vec<u32>> = (tests.ops.clone())
            .into_par_iter()
            .step_by(CHUNK_OPS)
            .map(|start| {
                if cancelled.load(Ordering::Relaxed) {
                    return Vec::new();
                }
                let end = tests.ops.end.min(start + CHUNK_OPS);
                (start..end).filter(|&op| tests.hold(op)).map(|op| op as u32).collect()
            })
            .collect();
        if cancelled.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let rows = parts.concat();
        Ok(Some(if rows.len() == count { Rows::All(count as u32) } else { Rows::List(rows) }))
    }

    /// What is wrong with a condition as it is written, if anything is.
    pub fn check(&self) -> Result<(), FilterError> {
        name_test(None, &free_text(self))?;
        for column in Column::ALL {
            let Some(condition) = self.condition(column) else { continue };
            match column.measured() {
                Measured::Name => name_test(Some(column), &condition).map(drop)?,
                _ => number_test(column, &condition).map(drop)?,
            }
        }
        Ok(())
    }
}

/// The text that is looked for in all names, as a condition.
fn free_text(filter: &Filter) -> Condition {
    let text = filter.text.trim();
    if filter.regex { Condition::Matches(text.to_owned()) } else { Condition::Contains(text.to_owned()) }
}

fn error(column: Option<Column>, reason: String) -> FilterError {
    FilterError { column, place: column.map_or("names", Column::name), reason }
}

/// What a name must be.
enum NameTest {
    Contains(String),
    Matches(Regex),
    Is { names: Vec<String>, missing: bool },
}

impl NameTest {
    fn holds(&self, name: Option<&str>) -> bool {
        match (self, name) {
            (Self::Is { missing, .. }, None) => *missing,
            // There is no text in nothing.
            (_, None) => false,
            (Self::Contains(text), Some(name)) => name.to_lowercase().contains(text),
            (Self::Matches(regex), Some(name)) => regex.is_match(name),
            (Self::Is { names, .. }, Some(name)) => names.iter().any(|wanted| wanted == name),
        }
    }

    /// Whether ops without a name pass.
    fn lets_missing(&self) -> bool {
        matches!(self, Self::Is { missing: true, .. })
    }
}

fn name_test(column: Option<Column>, condition: &Condition) -> Result<NameTest, FilterError> {
    Ok(match condition {
        Condition::Contains(text) => NameTest::Contains(text.trim().to_lowercase()),
        Condition::Matches(pattern) => {
            let built = RegexBuilder::new(pattern).case_insensitive(true).size_limit(MOST_PATTERN_BYTES).build();
            NameTest::Matches(built.map_err(|e| error(column, what_is_wrong(&e)))?)
        }
        Condition::Is(values) => {
            let text = |value: &Value| match value {
                // Spaces are part of tokens, and of nothing else.
                Value::Text(text) if column == Some(Column::Token) => Some(text.clone()),
                Value::Text(text) => Some(text.trim().to_owned()),
                Value::Number(number) => Some(number.to_string()),
                Value::Missing => None,
            };
            NameTest::Is { names: values.iter().filter_map(text).collect(), missing: values.contains(&Value::Missing) }
        }
        Condition::Between { .. } => return Err(error(column, "it has names, not numbers".to_owned())),
    })
}

/// The one line of a regular expression's error that says what is wrong; the others show where, in a fixed pitch.
fn what_is_wrong(error: &regex::Error) -> String {
    let text = error.to_string();
    let line = text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
    format!("the regular expression is wrong: {}", line.trim().trim_start_matches("error: "))
}

/// What a number must be.
struct NumberTest {
    between: [u64; 2],
    /// Sorted; any number will do without.
    of: Option<Vec<u64>>,
    missing: bool,
}

impl NumberTest {
    fn holds(&self, number: Option<u64>) -> bool {
        number.map_or(self.missing, |n| {
            (self.between[0]..=self.between[1]).contains(&n)
                && self.of.as_ref().is_none_or(|of| of.binary_search(&n).is_ok())
        })
    }
}

fn number_test(column: Column, condition: &Condition) -> Result<NumberTest, FilterError> {
    match condition {
        Condition::Between { at_least, at_most } => {
            let between = [at_least.unwrap_or(0), at_most.unwrap_or(u64::MAX)];
            Ok(NumberTest { between, of: None, missing: false })
        }
        Condition::Is(values) => {
            let mut of = Vec::with_capacity(values.len());
            for value in values {
                match value {
                    Value::Number(number) => of.push(*number),
                    Value::Text(text) => return Err(error(Some(column), format!("{text:?} is not a number"))),
                    Value::Missing => {}
                }
            }
            of.sort_unstable();
            Ok(NumberTest { between: [0, u64::MAX], of: Some(of), missing: values.contains(&Value::Missing) })
        }
        Condition::Contains(_) | Condition::Matches(_) => {
            Err(error(Some(column), "it has numbers, not names".to_owned()))
        }
    }
}

/// What one access of an op must be.
struct AccessTest {
    /// Per range.
    wanted: Vec<bool>,
    /// Where an op that touches no such range passes too: the ranges that speak against it.
    unless: Option<Vec<bool>>,
    operands_only: bool,
}

impl AccessTest {
    fn holds(&self, trace: &Trace, op: usize) -> bool {
        let any = |flags: &[bool]| {
            trace.accesses_of(op).any(|access| {
                let counts = !self.operands_only || trace.accesses.slot.get(access) != Some(&DESTINATION_SLOT);
                counts && flags.get(trace.accesses.range[access] as usize) == Some(&true)
            })
        };
        any(&self.wanted) || self.unless.as_ref().is_some_and(|flags| !any(flags))
    }
}

/// The free text, in any name of an op.
struct AnyName {
    kinds: Vec<bool>,
    tensors: Vec<bool>,
    ranges: Vec<bool>,
}

/// The filter with everything looked up that does not depend on the op.
struct Tests<'a> {
    trace: &'a Trace,
    /// None before or behind these passes.
    ops: Range<usize>,
    passes: Option<Vec<bool>>,
    kinds: Option<Vec<bool>>,
    destinations: Option<(Vec<bool>, bool)>,
    numbers: Vec<(Column, NumberTest)>,
    any_name: Option<AnyName>,
    accesses: Vec<AccessTest>,
    tracks: Option<[bool; 4]>,
}

impl<'a> Tests<'a> {
    fn new(filter: &Filter, trace: &'a Trace, phase: Option<Phase>, layout: &TrackLayout) -> Result<Self, FilterError> {
        let mut tests = Self {
            trace,
            ops: 0..trace.op_count(),
            passes: None,
            kinds: None,
            destinations: None,
            numbers: Vec::new(),
            any_name: None,
            accesses: Vec::new(),
            tracks: None,
        };
        if let Some(phase) = phase {
            tests.only_passes(|_, pass| pass.phase == phase);
        }
        tests.add_text(filter)?;
        for column in Column::ALL {
            if let Some(condition) = filter.condition(column) {
                tests.add(column, &condition)?;
            }
        }
        tests.add_touched(filter, layout);
        if let Some(region) = &filter.region {
            tests.only_ops(u64::from(region.ops[0]), u64::from(region.ops[1]));
        }
        Ok(tests)
    }

    fn are_none(&self) -> bool {
        self.ops.len() == self.trace.op_count()
            && self.passes.is_none()
            && self.kinds.is_none()
            && self.destinations.is_none()
            && self.numbers.is_empty()
            && self.any_name.is_none()
            && self.accesses.is_empty()
            && self.tracks.is_none()
    }

    /// Only ops from `from` up to before `to`.
    fn only_ops(&mut self, from: u64, to: u64) {
        let end = (self.ops.end as u64).min(to);
        self.ops = (self.ops.start as u64).max(from).min(end) as usize..end as usize;
    }

    fn only_passes(&mut self, holds: impl Fn(u64, &crate::trace::Pass) -> bool) {
        let trace = self.trace;
        let passes = self.passes.get_or_insert_with(|| vec![true; trace.passes.len()]);
        for ((allowed, pass), index) in passes.iter_mut().zip(&trace.passes).zip(0_u64..) {
            *allowed &= holds(index, pass);
        }
    }

    fn add_text(&mut self, filter: &Filter) -> Result<(), FilterError> {
        if filter.text.trim().is_empty() {
            return Ok(());
        }
        let test = name_test(None, &free_text(filter))?;
        let tensors: Vec<bool> = self.trace.tensors.iter().map(|t| test.holds(Some(&t.name))).collect();
        self.any_name = Some(AnyName {
            kinds: self.trace.meta.op_names.iter().map(|name| test.holds(Some(name))).collect(),
            ranges: self.trace.ranges.tensor.iter().map(|t| at(&tensors, *t)).collect(),
            tensors,
        });
        Ok(())
    }

    fn add(&mut self, column: Column, condition: &Condition) -> Result<(), FilterError> {
        let trace = self.trace;
        if column.measured() == Measured::Name {
            let test = name_test(Some(column), condition)?;
            let tensors = || -> Vec<bool> { trace.tensors.iter().map(|t| test.holds(Some(t.name.trim()))).collect() };
            match column {
                Column::Op => {
                    self.kinds = Some(trace.meta.op_names.iter().map(|name| test.holds(Some(name))).collect());
                }
                Column::Token => self.only_passes(|_, pass| test.holds(pass.text.as_deref())),
                Column::Phase => self.only_passes(|_, pass| test.holds(Some(pass.phase.label()))),
                Column::Destination => self.destinations = Some((tensors(), test.lets_missing())),
                Column::Track => {
                    let [disk, buffer] = Track::ALL.map(|track| test.holds(Some(track.label())));
                    let [only_disk, only_buffer] = Track::ALL.map(|track| test.holds(Some(only(track))));
                    let both = disk || buffer || test.holds(Some(BOTH_TRACKS));
                    self.tracks = Some([test.lets_missing(), disk || only_disk, buffer || only_buffer, both]);
                }
                _ => {
                    let tensors = tensors();
                    let wanted: Vec<bool> = trace.ranges.tensor.iter().map(|t| at(&tensors, *t)).collect();
                    let unless = test.lets_missing().then(|| vec![true; wanted.len()]);
                    self.accesses.push(AccessTest { wanted, unless, operands_only: true });
                }
            }
            return Ok(());
        }
        let test = number_test(column, condition)?;
        match column {
            Column::Pass => self.only_passes(|index, _| test.holds(Some(index))),
            Column::Index if test.of.is_none() => self.only_ops(test.between[0], test.between[1].saturating_add(1)),
            Column::Experts => {
                let expert = |range: usize| trace.ranges.expert.get(range).map(u64::from);
                let count = trace.ranges.tensor.len();
                let wanted = (0..count).map(|r| expert(r).is_some_and(|e| test.holds(Some(e)))).collect();
                let unless = test.missing.then(|| (0..count).map(|r| expert(r).is_some()).collect());
                self.accesses.push(AccessTest { wanted, unless, operands_only: false });
            }
            _ => self.numbers.push((column, test)),
        }
        Ok(())
    }

    /// A tensor and a region have to hold for the same access.
    fn add_touched(&mut self, filter: &Filter, layout: &TrackLayout) {
        if filter.touches.is_none() && filter.region.is_none() {
            return;
        }
        let trace = self.trace;
        let touched: Option<hashbrown::HashSet<u32>> = filter.touches.as_ref().map(|t| t.resolve(trace).collect());
        let wanted = |range: usize| {
            let tensor = trace.ranges.tensor[range];
            let in_region = |region: &Region| {
                let on_track =
                    trace.tensors.get(tensor as usize).is_some_and(|t| t.track == region.track && t.home.is_some());
                layout.bases.get(tensor as usize).filter(|_| on_track).is_some_and(|base| {
                    let start = base.saturating_add(trace.ranges.offset[range]);
                    let end = start.saturating_add(trace.ranges.length[range]);
                    start < region.bytes[1] && end > region.bytes[0]
                })
            };
            touched.as_ref().is_none_or(|t| t.contains(&tensor)) && filter.region.as_ref().is_none_or(in_region)
        };
        let wanted = (0..trace.ranges.tensor.len()).map(wanted).collect();
        self.accesses.push(AccessTest { wanted, unless: None, operands_only: false });
    }

    /// The cheap conditions first.
    fn hold(&self, op: usize) -> bool {
        let (trace, ops) = (self.trace, &self.trace.ops);
        let any_name = |names: &AnyName| {
            at(&names.kinds, ops.kind[op])
                || ops.destination.get(op).is_some_and(|t| at(&names.tensors, t))
                || trace.accesses_of(op).any(|a| at(&names.ranges, trace.accesses.range[a]))
        };
        let number = |(column, test): &(Column, NumberTest)| match column {
            Column::Index => test.holds(Some(op as u64)),
            Column::Start => test.holds(Some(ops.start_ns[op])),
            Column::Duration => test.holds(ops.duration_ns.get(op)),
            Column::Layer => test.holds(ops.layer.get(op).map(u64::from)),
            Column::Touched => test.holds(Some(touched_bytes(trace, op))),
            Column::Logged => test.holds(Some(logged_bytes(trace, op))),
            _ => experts(trace, op).any(|expert| test.holds(Some(expert.into()))),
        };
        self.kinds.as_ref().is_none_or(|kinds| at(kinds, ops.kind[op]))
            && self.numbers.iter().all(number)
            && self.passes.as_ref().is_none_or(|passes| at(passes, ops.pass[op]))
            && (self.destinations.as_ref())
                .is_none_or(|(tensors, missing)| ops.destination.get(op).map_or(*missing, |t| at(tensors, t)))
            && self.any_name.as_ref().is_none_or(any_name)
            && self.tracks.is_none_or(|allowed| {
                let [disk, buffer] = tracks(trace, op);
                allowed[usize::from(disk) + 2 * usize::from(buffer)]
            })
            && self.accesses.iter().all(|test| test.holds(trace, op))
    }
}

fn at(flags: &[bool], index: u32) -> bool {
    flags.get(index as usize).copied().unwrap_or(false)
}
