//! Where an access lies among the bins of a window.

use rayon::prelude::*;

use crate::kernel_io::heat::{HeatColumns, HeatError, HeatQuery, Measure, Place};

/// `Ok(None)`: overlaps no bin of the window.
pub type Located = Result<Option<Span>, HeatError>;

/// The bins of a window that a place overlaps. Bins are counted from the window's first.
#[derive(Debug, Clone, Copy)]
pub struct Span {
    pub first_bin: u32,
    pub last_bin: u32,
    /// Bins that the place covers wholly, or that stand for what lies beyond the window: `whole_begin..whole_end`.
    pub whole_begin: u32,
    pub whole_end: u32,
    /// Bytes in `first_bin` unless that is a whole bin, then 0.
    pub head_bytes: u64,
    /// Bytes in `last_bin` unless that is a whole bin or also the first, then 0.
    pub tail_bytes: u64,
}

impl Span {
    fn new(place: Place, query: &HeatQuery) -> Option<Self> {
        let (first, last) = (place.first_byte >> query.kx, place.last_byte >> query.kx);
        let window_end = query.x0.saturating_add(u64::from(query.width) - 1);
        if last < query.x0 || first > window_end {
            return None;
        }
        let (enters, leaves) = (first < query.x0, last > window_end);
        // Within the window, so both fit.
        let first_bin = first.saturating_sub(query.x0) as u32;
        let last_bin = (last.min(window_end) - query.x0) as u32;
        let offset_mask = (1 << query.kx) - 1;
        let head_bytes = match first == last {
            true => place.last_byte - place.first_byte + 1,
            false => (1 << query.kx) - (place.first_byte & offset_mask),
        };
        Some(Self {
            first_bin,
            last_bin,
            whole_begin: if enters { 0 } else { first_bin + 1 },
            whole_end: if leaves { last_bin + 1 } else { last_bin },
            head_bytes: if enters { 0 } else { head_bytes },
            tail_bytes: if leaves || (first == last) { 0 } else { (place.last_byte & offset_mask) + 1 },
        })
    }
}

/// Finds spans of accesses: from a table of all ranges where the window has more accesses than the run has ranges.
pub struct Spans<'a> {
    columns: &'a HeatColumns<'a>,
    query: &'a HeatQuery,
    table: Option<Vec<Located>>,
}

impl<'a> Spans<'a> {
    pub fn new(columns: &'a HeatColumns<'a>, query: &'a HeatQuery, visited_accesses: usize) -> Self {
        let mut spans = Self { columns, query, table: None };
        if visited_accesses >= spans.range_count() {
            // A fault of a range that no access names must not fail the query, so it stays in the table.
            let locate = |range| spans.locate(columns.place_of_range(range, spans.widened()));
            spans.table = Some((0..spans.range_count()).into_par_iter().with_min_len(1024).map(locate).collect());
        }
        spans
    }

    pub fn range_count(&self) -> usize {
        self.columns.range_tensor.len()
    }

    pub fn has_table(&self) -> bool {
        self.table.is_some()
    }

    /// The span of a range that was counted, so that it is one of the run's.
    pub fn of_counted(&self, range: usize) -> Located {
        match &self.table {
            Some(table) => table[range].clone(),
            None => self.locate(self.columns.place_of_range(range, self.widened())),
        }
    }

    pub fn of_access(&self, access: usize, range: u32) -> Located {
        match self.table.as_ref().and_then(|table| table.get(range as usize)) {
            Some(located) => located.clone(),
            None => self.locate(self.columns.place_of(access, range, self.widened())),
        }
    }

    fn widened(&self) -> bool {
        self.query.measure == Measure::Logged
    }

    fn locate(&self, place: Result<Option<Place>, HeatError>) -> Located {
        Ok(place?.and_then(|place| Span::new(place, self.query)))
    }
}
