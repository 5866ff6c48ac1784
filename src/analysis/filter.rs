//! Conditions on the ops of a run: what a person chose, as a value.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::table_columns::Column;
use crate::trace::{Trace, Track};

/// A tensor by name (every tensor called that) or by its number in the run.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum TensorRef {
    Number(u32),
    Name(String),
}

impl TensorRef {
    /// Every tensor that is meant; weights stand before tensors of the runtime.
    pub fn resolve<'a>(&'a self, trace: &'a Trace) -> impl Iterator<Item = u32> + 'a {
        trace
            .tensors
            .iter()
            .zip(0_u32..)
            .filter(move |(tensor, index)| match self {
                Self::Number(number) => number == index,
                Self::Name(name) => *name == tensor.name,
            })
            .map(|(_, index)| index)
    }
}

/// Bytes of a track by ops of the run; both ends as in a Rust range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Region {
    pub track: Track,
    pub bytes: [u64; 2],
    pub ops: [u32; 2],
}

/// One value of a column. `null` is where an op has none.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    Number(u64),
    Text(String),
    Missing,
}

/// A condition on one column. Where an op has several values, such as operands, one of them is enough.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Condition {
    /// Part of a name, in any case.
    Contains(String),
    /// A regular expression that is found in a name, in any case.
    Matches(String),
    /// One of these values.
    Is(Vec<Value>),
    /// Numbers; both ends belong to it.
    Between {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at_least: Option<u64>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at_most: Option<u64>,
    },
}

/// Conditions on ops; all that are set must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Filter {
    /// Part of the op's name, its destination's or an operand's, in any case.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// Whether `text` is a regular expression.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub regex: bool,
    /// Name of the op's kind, such as `MUL_MAT`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layer: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pass: Option<u32>,
    /// Ops that touch this track.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub track: Option<Track>,
    /// Ops that touch this tensor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub touches: Option<TensorRef>,
    /// Ops of the region that touch bytes of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<Region>,
    /// Conditions on the table's columns. One on a column stands in place of `kind`, `layer`, `pass` or `track`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub columns: BTreeMap<Column, Condition>,
}

impl Filter {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The condition on a column, wherever it is kept.
    pub fn condition(&self, column: Column) -> Option<Condition> {
        let is = |value: Value| Condition::Is(vec![value]);
        self.columns.get(&column).cloned().or_else(|| match column {
            Column::Op => self.kind.clone().map(|kind| is(Value::Text(kind))),
            Column::Layer => self.layer.map(|layer| is(Value::Number(layer.into()))),
            Column::Pass => self.pass.map(|pass| is(Value::Number(pass.into()))),
            Column::Track => self.track.map(|track| is(Value::Text(track.label().to_owned()))),
            _ => None,
        })
    }

    /// The same filter with another condition on a column, or none.
    #[must_use]
    pub fn with_condition(&self, column: Column, condition: Option<Condition>) -> Self {
        let mut filter = self.clone();
        filter.columns.remove(&column);
        match column {
            Column::Op => filter.kind = None,
            Column::Layer => filter.layer = None,
            Column::Pass => filter.pass = None,
            Column::Track => filter.track = None,
            _ => {}
        }
        filter.columns.extend(condition.map(|condition| (column, condition)));
        filter
    }

    /// These conditions with those of `other` beside them; where both say something, `other` counts.
    #[must_use]
    pub fn with(&self, other: &Self) -> Self {
        let mut filter = self.clone();
        for column in Column::ALL {
            if let Some(condition) = other.columns.get(&column) {
                filter = filter.with_condition(column, Some(condition.clone()));
            } else if other.condition(column).is_some() {
                filter = filter.with_condition(column, None);
            }
        }
        if !other.text.is_empty() {
            filter.text.clone_from(&other.text);
            filter.regex = other.regex;
        }
        filter.kind = other.kind.clone().or(filter.kind);
        filter.layer = other.layer.or(filter.layer);
        filter.pass = other.pass.or(filter.pass);
        filter.track = other.track.or(filter.track);
        filter.touches = other.touches.clone().or(filter.touches);
        filter.region = other.region.or(filter.region);
        filter
    }
}
