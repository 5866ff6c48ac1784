//! The heatmap on the CPU: the twin of the kernels, their reference, and the engine where no adapter is.
//!
//! Rows are binned in parallel. A row with many accesses is counted per distinct range first, and the few ranges are
//! spread over the bins after; a row with few marks each access at once. What costs is then one increment an access.

pub mod level;
pub mod marginals;
mod row;
mod span;

use std::ops::Range;

use rayon::prelude::*;

use crate::kernel_io::heat::{
    ACCESS_WRITE, Aggregate, Direction, HeatColumns, HeatError, HeatGrid, HeatQuery, Measure,
};
use row::{MaxRow, SumRow};
use span::{Located, Spans};

/// Ranges for each access of a row above which counting per range would spend its time on ranges without one.
const RANGES_PER_ACCESS: usize = 4;
/// Accesses of one op up to which its maxima are found by comparing each with each.
const FEW_ACCESSES: usize = 32;

/// The exact answer to `query`. Only what it visits is validated, so a fault elsewhere in the columns goes unseen.
pub fn bin(columns: &HeatColumns<'_>, query: &HeatQuery) -> Result<HeatGrid, HeatError> {
    query.check()?;
    columns.check_lengths()?;
    let mut values = vec![0; query.cell_count()];
    if !values.is_empty() {
        let ops = query.ops_of_rows(0..query.height, columns.op_first_access.len());
        let visited = match ops.is_empty() {
            true => 0,
            false => columns.accesses_of(ops.end - 1)?.end.saturating_sub(columns.op_first_access[ops.start] as usize),
        };
        let spans = Spans::new(columns, query, visited);
        values.par_chunks_mut(query.width as usize).enumerate().try_for_each_init(
            || Row::new(columns, query, &spans),
            |row, (index, cells)| row.bin(index as u32, cells),
        )?;
    }
    Ok(HeatGrid { width: query.width, height: query.height, values })
}

/// What one thread needs to bin rows one after the other.
struct Row<'a> {
    columns: &'a HeatColumns<'a>,
    query: &'a HeatQuery,
    spans: &'a Spans<'a>,
    /// Accesses per distinct range, all 0 between rows; empty until a row is worth counting.
    counts: Vec<u32>,
    sums: SumRow,
    maxima: MaxRow,
    /// Spans of the op in hand.
    op_spans: Vec<span::Span>,
}

impl<'a> Row<'a> {
    fn new(columns: &'a HeatColumns<'a>, query: &'a HeatQuery, spans: &'a Spans<'a>) -> Self {
        let bytes = query.measure != Measure::Accesses;
        let width = query.width as usize;
        let maxima = MaxRow::new(if query.aggregate == Aggregate::Max { width } else { 0 });
        let sums = SumRow::new(width, query.kx, bytes);
        Self { columns, query, spans, counts: Vec::new(), sums, maxima, op_spans: Vec::new() }
    }

    fn bin(&mut self, row: u32, cells: &mut [u64]) -> Result<(), HeatError> {
        let ops = self.query.ops_of_rows(row..row + 1, self.columns.op_first_access.len());
        if ops.is_empty() {
            return Ok(());
        }
        match self.query.aggregate {
            Aggregate::Sum => self.sum(ops, row, cells),
            Aggregate::Max => self.max(ops, row, cells),
        }
    }

    fn sum(&mut self, ops: Range<usize>, row: u32, cells: &mut [u64]) -> Result<(), HeatError> {
        let accesses =
            self.columns.accesses_of(ops.end - 1)?.end.saturating_sub(self.columns.op_first_access[ops.start] as usize);
        let counting = self.spans.has_table() && accesses >= self.spans.range_count() / RANGES_PER_ACCESS;
        if counting {
            self.counts.resize(self.spans.range_count(), 0);
        }
        let mut op = ops.start;
        while op < ops.end {
            let (end_op, run) = self.run_of_accesses(op, ops.end)?;
            op = end_op;
            if counting {
                self.count(run)?;
            } else {
                self.mark(run)?;
            }
        }
        if counting {
            for range in 0..self.counts.len() {
                let count = std::mem::take(&mut self.counts[range]);
                if count > 0
                    && let Some(span) = self.spans.of_counted(range)?
                {
                    self.sums.mark(&span, count);
                }
            }
        }
        self.sums.settle(cells).ok_or(HeatError::SumPasses64Bits { row })
    }

    /// The accesses of the ops from `op` on up to the first that does not count, and the op behind those looked at.
    fn run_of_accesses(&self, op: usize, end_op: usize) -> Result<(usize, Range<usize>), HeatError> {
        let all_phases = self.query.phases == u32::MAX;
        let mut run = self.columns.accesses_of(op)?;
        if !all_phases && !self.columns.in_phases(op, self.query.phases)? {
            return Ok((op + 1, run.start..run.start));
        }
        for next in op + 1..end_op {
            if !all_phases && !self.columns.in_phases(next, self.query.phases)? {
                return Ok((next, run));
            }
            run.end = self.columns.accesses_of(next)?.end;
        }
        Ok((end_op, run))
    }

    fn count(&mut self, accesses: Range<usize>) -> Result<(), HeatError> {
        let ranges = &self.columns.access_range[accesses.clone()];
        let counts = self.counts.as_mut_slice();
        let unknown = match wanted_flag(self.query.direction) {
            None => ranges.iter().position(|&range| match counts.get_mut(range as usize) {
                Some(count) => {
                    *count += 1;
                    false
                }
                None => true,
            }),
            Some(wanted) => {
                let flags = &self.columns.access_flags[accesses.clone()];
                ranges.iter().zip(flags).position(|(&range, &flag)| match counts.get_mut(range as usize) {
                    Some(count) => {
                        *count += u32::from(flag & ACCESS_WRITE == wanted);
                        false
                    }
                    None => true,
                })
            }
        };
        match unknown {
            None => Ok(()),
            Some(at) => self.columns.place_of(accesses.start + at, ranges[at], false).map(|_| ()),
        }
    }

    fn mark(&mut self, accesses: Range<usize>) -> Result<(), HeatError> {
        for access in accesses {
            if let Some(span) = self.span_of(access)? {
                self.sums.mark(&span, 1);
            }
        }
        Ok(())
    }

    fn span_of(&self, access: usize) -> Located {
        let wanted = wanted_flag(self.query.direction);
        if wanted.is_some_and(|wanted| self.columns.access_flags[access] & ACCESS_WRITE != wanted) {
            return Ok(None);
        }
        self.spans.of_access(access, self.columns.access_range[access])
    }

    fn max(&mut self, ops: Range<usize>, row: u32, cells: &mut [u64]) -> Result<(), HeatError> {
        for op in ops {
            let accesses = self.columns.accesses_of(op)?;
            if self.query.phases != u32::MAX && !self.columns.in_phases(op, self.query.phases)? {
                continue;
            }
            if accesses.len() > FEW_ACCESSES {
                self.mark(accesses)?;
                self.sums.settle_max(cells).ok_or(HeatError::SumPasses64Bits { row })?;
                continue;
            }
            let mut op_spans = std::mem::take(&mut self.op_spans);
            op_spans.clear();
            for access in accesses {
                op_spans.extend(self.span_of(access)?);
            }
            let raised = self.maxima.raise(&op_spans, |spans, bin| self.sums.value_at(spans, bin));
            self.op_spans = op_spans;
            raised.ok_or(HeatError::SumPasses64Bits { row })?;
        }
        self.maxima.settle_max(cells);
        Ok(())
    }
}

/// What the write flag of an access must be to count; `None` if it does not matter.
fn wanted_flag(direction: Direction) -> Option<u32> {
    match direction {
        Direction::Both => None,
        Direction::Read => Some(0),
        Direction::Write => Some(ACCESS_WRITE),
    }
}
