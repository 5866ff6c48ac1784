//! Which rows the table of ops has, in which order: filter, then groups or sort.

use std::sync::atomic::AtomicBool;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::filter::Filter;
use super::filter_match::FilterError;
use super::table_columns::Column;
use super::table_groups::{Groups, group};
use super::table_sort::sort;
use crate::trace::tracks::TrackLayout;
use crate::trace::{Phase, Trace};

/// Ops as listed. Nothing is stored where all of them stand in their own order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rows {
    All(u32),
    List(Vec<u32>),
}

impl Rows {
    pub fn len(&self) -> usize {
        match self {
            Self::All(count) => *count as usize,
            Self::List(ops) => ops.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The op that row `row` shows.
    pub fn op(&self, row: usize) -> Option<u32> {
        match self {
            Self::All(count) => u32::try_from(row).ok().filter(|row| row < count),
            Self::List(ops) => ops.get(row).copied(),
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        (0..self.len()).filter_map(|row| self.op(row))
    }

    /// The row of an op, or of the one nearest to it by number that is listed. `sorted` says that rows do not stand in
    /// the order of the ops.
    pub fn row_near(&self, op: u32, sorted: bool) -> Option<usize> {
        match self {
            Self::All(count) => count.checked_sub(1).map(|last| op.min(last) as usize),
            Self::List(ops) if sorted => {
                ops.par_iter().enumerate().min_by_key(|(row, each)| (each.abs_diff(op), *row)).map(|(row, _)| row)
            }
            Self::List(ops) => ops.len().checked_sub(1).map(|last| ops.partition_point(|each| *each < op).min(last)),
        }
    }
}

/// One column to sort by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SortKey {
    pub column: Column,
    /// Largest first. Ops without a value stand last either way.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub down: bool,
}

/// What is asked of a run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RowsQuery {
    pub filter: Filter,
    pub phase: Option<Phase>,
    pub sort: Vec<SortKey>,
    pub group: Option<Column>,
}

/// What a run answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowsAnswer {
    pub rows: Rows,
    /// Of the rows, where they are grouped.
    pub groups: Option<Groups>,
}

impl RowsQuery {
    /// Whether the answer is all ops in their order: then nobody needs to wait for it.
    pub fn is_everything(&self) -> bool {
        self.filter.is_empty() && self.phase.is_none() && self.sort.is_empty() && self.group.is_none()
    }

    /// `layout` is that of the region's track. `None` once cancelled. `stage` hears what is being done.
    pub fn answer(
        &self,
        trace: &Trace,
        layout: &TrackLayout,
        cancelled: &AtomicBool,
        stage: impl Fn(&'static str),
    ) -> Result<Option<RowsAnswer>, FilterError> {
        stage("filtering");
        let Some(rows) = self.filter.matching_ops(trace, self.phase, layout, cancelled)? else { return Ok(None) };
        if let Some(column) = self.group {
            stage("grouping");
            let groups = group(trace, &rows, column, cancelled);
            return Ok(groups.map(|groups| RowsAnswer { rows, groups: Some(groups) }));
        }
        if !self.sort.is_empty() {
            stage("sorting");
        }
        Ok(sort(trace, rows, &self.sort, cancelled).map(|rows| RowsAnswer { rows, groups: None }))
    }
}
