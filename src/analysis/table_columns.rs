//! The columns of the table of ops, and the number that each has for an op: what rows are sorted and grouped by.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use crate::trace::{DESTINATION_SLOT, Trace, Track};

/// What the table says of an op.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Column {
    Index,
    Start,
    Duration,
    Pass,
    Token,
    Phase,
    Layer,
    Op,
    Destination,
    Touched,
    Logged,
    Track,
    Experts,
    Operands,
}

/// What the values of a column are, as far as conditions on it go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measured {
    Number,
    Ns,
    Bytes,
    Name,
}

impl Column {
    pub const ALL: [Self; 14] = [
        Self::Index,
        Self::Start,
        Self::Duration,
        Self::Pass,
        Self::Token,
        Self::Phase,
        Self::Layer,
        Self::Op,
        Self::Destination,
        Self::Touched,
        Self::Logged,
        Self::Track,
        Self::Experts,
        Self::Operands,
    ];

    pub fn title(self) -> &'static str {
        match self {
            Self::Index => "#",
            Self::Start => "start",
            Self::Duration => "duration",
            Self::Pass => "pass",
            Self::Token => "token",
            Self::Phase => "phase",
            Self::Layer => "layer",
            Self::Op => "op",
            Self::Destination => "destination",
            Self::Touched => "touched",
            Self::Logged => "logged",
            Self::Track => "from",
            Self::Experts => "experts",
            Self::Operands => "operands",
        }
    }

    /// The title in full, for menus and for who hears it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Index => "number",
            Self::Token => "token text",
            Self::Touched => "bytes touched",
            Self::Logged => "bytes logged",
            Self::Track => "DISK or BUFFER",
            other => other.title(),
        }
    }

    /// Its name in exported files, with the unit.
    pub fn field(self) -> &'static str {
        match self {
            Self::Index => "index",
            Self::Start => "start_ns",
            Self::Duration => "duration_ns",
            Self::Touched => "touched_bytes",
            Self::Logged => "logged_bytes",
            Self::Track => "tracks",
            other => other.title(),
        }
    }

    pub fn measured(self) -> Measured {
        match self {
            Self::Index | Self::Pass | Self::Layer | Self::Experts => Measured::Number,
            Self::Start | Self::Duration => Measured::Ns,
            Self::Touched | Self::Logged => Measured::Bytes,
            Self::Token | Self::Phase | Self::Op | Self::Destination | Self::Track | Self::Operands => Measured::Name,
        }
    }

    /// Whether every op has one value of it, and many ops the same.
    pub fn can_group(self) -> bool {
        matches!(
            self,
            Self::Pass | Self::Token | Self::Phase | Self::Layer | Self::Op | Self::Destination | Self::Track
        )
    }
}

/// A column of one run, ready to be asked op by op.
pub struct ColumnKeys<'a> {
    trace: &'a Trace,
    column: Column,
    /// Places of names in their order: of op kinds, of passes' texts or of tensors.
    ranks: Vec<u32>,
}

impl<'a> ColumnKeys<'a> {
    pub fn new(trace: &'a Trace, column: Column) -> Self {
        let ranks = match column {
            Column::Op => ranks(trace.meta.op_names.iter().map(String::as_str)),
            Column::Token => ranks(trace.passes.iter().map(|p| p.text.as_deref().unwrap_or_default())),
            Column::Destination | Column::Operands => ranks(trace.tensors.iter().map(|t| t.name.trim())),
            _ => Vec::new(),
        };
        Self { trace, column, ranks }
    }

    /// A number in the order of the column's values; ops with equal values have equal ones.
    pub fn key(&self, op: usize) -> Option<u64> {
        let trace = self.trace;
        let rank = |index: u32| self.ranks.get(index as usize).map(|&rank| u64::from(rank));
        match self.column {
            Column::Index => Some(op as u64),
            Column::Start => trace.ops.start_ns.get(op).copied(),
            Column::Duration => trace.ops.duration_ns.get(op),
            Column::Pass => trace.ops.pass.get(op).map(|&pass| pass.into()),
            Column::Token => {
                let pass = *trace.ops.pass.get(op)?;
                trace.passes.get(pass as usize)?.text.as_ref()?;
                rank(pass)
            }
            Column::Phase => trace.pass_of(op).map(|pass| pass.phase as u64),
            Column::Layer => trace.ops.layer.get(op).map(u64::from),
            Column::Op => rank(*trace.ops.kind.get(op)?),
            Column::Destination => rank(trace.ops.destination.get(op)?),
            Column::Touched => Some(touched_bytes(trace, op)),
            Column::Logged => Some(logged_bytes(trace, op)),
            Column::Track => match tracks(trace, op) {
                [false, false] => None,
                [disk, buffer] => Some(u64::from(disk) + 2 * u64::from(buffer)),
            },
            Column::Experts => experts(trace, op).min().map(u64::from),
            Column::Operands => {
                let operand = trace.accesses_of(op).find(|&a| trace.accesses.slot.get(a) != Some(&DESTINATION_SLOT))?;
                rank(*trace.ranges.tensor.get(trace.accesses.range[operand] as usize)?)
            }
        }
    }
}

/// Sum of the ranges that an op touches.
pub fn touched_bytes(trace: &Trace, op: usize) -> u64 {
    let length = |range: &u32| trace.ranges.length.get(*range as usize).copied().unwrap_or(0);
    trace.accesses.range[trace.accesses_of(op)].iter().map(length).fold(0, u64::saturating_add)
}

/// The same with every access widened to its whole tensor.
pub fn logged_bytes(trace: &Trace, op: usize) -> u64 {
    let bytes = |range: &u32| {
        let tensor = trace.ranges.tensor.get(*range as usize)?;
        trace.tensors.get(*tensor as usize).map(|t| t.bytes)
    };
    trace.accesses.range[trace.accesses_of(op)].iter().filter_map(bytes).fold(0, u64::saturating_add)
}

/// Which tracks an op touches.
pub fn tracks(trace: &Trace, op: usize) -> [bool; 2] {
    let mut touched = [false; 2];
    for &range in &trace.accesses.range[trace.accesses_of(op)] {
        let tensor = trace.ranges.tensor.get(range as usize).and_then(|t| trace.tensors.get(*t as usize));
        if let Some(tensor) = tensor.filter(|t| t.home.is_some()) {
            touched[tensor.track as usize] = true;
        }
    }
    touched
}

/// Bytes that an op touches of each track, repeats counted.
pub fn track_bytes(trace: &Trace, op: usize) -> [u64; 2] {
    let mut touched = [0_u64; 2];
    for &range in &trace.accesses.range[trace.accesses_of(op)] {
        let tensor = trace.ranges.tensor.get(range as usize).and_then(|t| trace.tensors.get(*t as usize));
        if let Some(tensor) = tensor.filter(|t| t.home.is_some()) {
            let sum = &mut touched[tensor.track as usize];
            *sum = sum.saturating_add(trace.ranges.length.get(range as usize).copied().unwrap_or(0));
        }
    }
    touched
}

pub fn track_labels(trace: &Trace, op: usize) -> Vec<&'static str> {
    let touched = tracks(trace, op);
    Track::ALL.into_iter().filter(|track| touched[*track as usize]).map(Track::label).collect()
}

/// Experts whose slices an op touches, as often as it does.
pub fn experts(trace: &Trace, op: usize) -> impl Iterator<Item = u32> {
    trace.accesses.range[trace.accesses_of(op)].iter().filter_map(|&range| trace.ranges.expert.get(range as usize))
}

/// The place of each name among all; equal names have the same.
fn ranks<'a>(names: impl Iterator<Item = &'a str>) -> Vec<u32> {
    let names: Vec<&str> = names.collect();
    let mut order: Vec<u32> = (0..names.len() as u32).collect();
    order.sort_by(|&a, &b| natural(names[a as usize], names[b as usize]));
    let mut ranks = vec![0; names.len()];
    let mut rank = 0;
    for (at, &index) in order.iter().enumerate() {
        if at > 0 && names[order[at - 1] as usize] != names[index as usize] {
            rank += 1;
        }
        ranks[index as usize] = rank;
    }
    ranks
}

/// Names in the order in which people count: `blk.2` before `blk.10`. Upper and lower case stand together.
pub fn natural(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a.as_bytes(), b.as_bytes());
    while let (Some(&x), Some(&y)) = (left.first(), right.first()) {
        let order = if x.is_ascii_digit() && y.is_ascii_digit() {
            let (number, rest) = leading_number(left);
            let (other, other_rest) = leading_number(right);
            (left, right) = (rest, other_rest);
            number.len().cmp(&other.len()).then_with(|| number.cmp(other))
        } else {
            (left, right) = (&left[1..], &right[1..]);
            x.to_ascii_lowercase().cmp(&y.to_ascii_lowercase())
        };
        if order != Ordering::Equal {
            return order;
        }
    }
    left.len().cmp(&right.len()).then_with(|| a.cmp(b))
}

/// The digits that `text` begins with, zeros before them left out, and what follows.
fn leading_number(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(|c| !c.is_ascii_digit()).unwrap_or(text.len());
    let zeros = text[..end].iter().position(|c| *c != b'0').unwrap_or(end);
    (&text[zeros..end], &text[end..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_ordered_as_people_count() {
        let sorted = ["", "A", "a", "blk.2.attn", "blk.02.b", "blk.10.attn", "blk.x", "blk.x2", "node_9", "node_010"];
        for (at, a) in sorted.iter().enumerate() {
            for (other, b) in sorted.iter().enumerate() {
                assert_eq!(natural(a, b), at.cmp(&other), "{a} {b}");
            }
        }
        assert_eq!(ranks(["b", "a", "b", "c"].into_iter()), [1, 0, 1, 2]);
    }
}
