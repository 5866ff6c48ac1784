//! A heatmap's input columns, what is asked of them, and the grid that answers.

use std::ops::{Range, RangeInclusive};

/// Cells that one grid may have: 8 bytes each, they fill one storage binding of 128 MiB.
pub const MAX_CELLS: u64 = 1 << 24;
/// Write flag in `HeatColumns::access_flags`; the other bits do not matter to the heatmap.
pub const ACCESS_WRITE: u32 = 1;
/// `HeatColumns::tensor_base` of a tensor that has no place on the track.
pub const NO_BASE: u64 = u64::MAX;

/// Columns of one run on one track in one order of x; every slice may be borrowed from a mapped file.
#[derive(Debug, Clone, Copy)]
pub struct HeatColumns<'a> {
    /// Per access, ordered by op: index into the `range_*` columns.
    pub access_range: &'a [u32],
    /// Per access: bit 0 set for a write.
    pub access_flags: &'a [u32],
    /// Per op, never decreasing: index of its first access; it ends where the next op's begin.
    pub op_first_access: &'a [u32],
    /// Per op: its pass.
    pub op_pass: &'a [u32],
    /// Per pass: phase, 0 to 31.
    pub pass_phase: &'a [u32],
    /// Per distinct range: index into the `tensor_*` columns.
    pub range_tensor: &'a [u32],
    /// Per distinct range: first byte, from the tensor's first.
    pub range_offset: &'a [u64],
    /// Per distinct range: bytes; 0 overlaps nothing.
    pub range_length: &'a [u64],
    /// Per tensor: track byte of its first byte, or `NO_BASE`. Re-ordering x changes this table only.
    pub tensor_base: &'a [u64],
    /// Per tensor: its size, which `Measure::Logged` widens every access to.
    pub tensor_bytes: &'a [u64],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Measure {
    /// How many accesses overlap the cell.
    Accesses,
    /// Sum of their overlaps with it in bytes, repeats counted.
    Bytes,
    /// As `Bytes` with every access, those of 0 bytes too, widened to its whole tensor.
    Logged,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Aggregate {
    Sum,
    /// Over the cell's ops, the largest value of one op in that address bin.
    Max,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    Both,
    Read,
    Write,
}

/// Cell (i, j) covers track bytes `[(x0+i)*2^kx, (x0+i+1)*2^kx)` and ops `[(y0+j)*2^ky, (y0+j+1)*2^ky)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct HeatQuery {
    pub measure: Measure,
    pub aggregate: Aggregate,
    pub direction: Direction,
    /// Bit p set: accesses of passes in phase p count.
    pub phases: u32,
    pub kx: u32,
    pub ky: u32,
    pub x0: u64,
    pub y0: u64,
    pub width: u32,
    pub height: u32,
}

/// All cells of one size over a whole run, counted in one way. Values are compared within a level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct HeatLevel {
    pub measure: Measure,
    pub aggregate: Aggregate,
    pub direction: Direction,
    pub phases: u32,
    pub kx: u32,
    pub ky: u32,
}

/// Buckets of values for each doubling of them.
pub const BUCKETS_PER_OCTAVE: u32 = 8;
/// Buckets of all values from 1 to 2^64 - 1.
pub const BUCKETS: usize = 64 * BUCKETS_PER_OCTAVE as usize + 1;
/// Keeps powers of two from falling into the bucket below, whichever way a machine rounds.
pub const BUCKET_BIAS: f32 = 1e-3;

/// The bucket of a value, which is not 0; heat_draw.wgsl has the same.
pub fn bucket_of(value: u64) -> usize {
    (((value.max(1) as f32).log2() * BUCKETS_PER_OCTAVE as f32 + BUCKET_BIAS) as usize).min(BUCKETS - 1)
}

/// Why a query has no answer: it asks for too much, or the columns contradict each other.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeatError {
    #[error("column {column} has {found} entries where {expected} are wanted")]
    Length { column: &'static str, found: usize, expected: usize },
    #[error("column {column} has {found} entries, more than the {limit} that can be told apart")]
    TooLong { column: &'static str, found: usize, limit: usize },
    #[error("{column}[{index}] is {value}, and the table it points into has {limit} entries")]
    Index { column: &'static str, index: usize, value: u64, limit: u64 },
    #[error("op {op} begins at access {first}, and the one behind it at {next}; first accesses must not decrease")]
    Order { op: usize, first: u32, next: u32 },
    #[error("range {range} ends behind the last byte of a 64-bit track")]
    PastTrack { range: usize },
    #[error("tensor {tensor} ends behind the last byte of a 64-bit track")]
    TensorPastTrack { tensor: usize },
    #[error("the sum of a cell in row {row} passes 64 bits; zoom in, or choose the measure `accesses`")]
    SumPasses64Bits { row: u32 },
    #[error("sums of this window might pass 64 bits, which only the CPU engine can tell; use --engine cpu")]
    SumMightPass64Bits,
    #[error("kx is {kx}; a cell can be 2^63 bytes wide at most")]
    CellTooWide { kx: u32 },
    #[error("{width} x {height} cells are asked for; {MAX_CELLS} are the most at once")]
    TooManyCells { width: u32, height: u32 },
}

/// First and last byte of a range on the track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub first_byte: u64,
    pub last_byte: u64,
}

impl Place {
    /// The place of `bytes` bytes that lie `offset` behind `base`: `Some(None)` if there is none on the track, `None`
    /// if it would pass the last byte that 64 bits can name.
    pub fn of(base: u64, offset: u64, bytes: u64) -> Option<Option<Self>> {
        if base == NO_BASE || bytes == 0 {
            return Some(None);
        }
        let first_byte = base.checked_add(offset)?;
        let last_byte = first_byte.checked_add(bytes - 1)?;
        Some(Some(Self { first_byte, last_byte }))
    }
}

impl HeatColumns<'_> {
    /// Checks what costs nothing: that columns of one table are equally long, and short enough to be counted in u32.
    pub fn check_lengths(&self) -> Result<(), HeatError> {
        let equal = |column, found, expected| match found == expected {
            true => Ok(()),
            false => Err(HeatError::Length { column, found, expected }),
        };
        let short = |column, found| match u32::try_from(found) {
            Ok(_) => Ok(()),
            Err(_) => Err(HeatError::TooLong { column, found, limit: u32::MAX as usize }),
        };
        equal("access_flags", self.access_flags.len(), self.access_range.len())?;
        equal("op_pass", self.op_pass.len(), self.op_first_access.len())?;
        equal("range_offset", self.range_offset.len(), self.range_tensor.len())?;
        equal("range_length", self.range_length.len(), self.range_tensor.len())?;
        equal("tensor_bytes", self.tensor_bytes.len(), self.tensor_base.len())?;
        short("access_range", self.access_range.len())?;
        short("op_first_access", self.op_first_access.len())?;
        short("range_tensor", self.range_tensor.len())
    }

    /// The accesses of op `op`, which must be one of the run's.
    pub fn accesses_of(&self, op: usize) -> Result<Range<usize>, HeatError> {
        let first = self.op_first_access[op];
        let access_count = self.access_range.len();
        let next = self.op_first_access.get(op + 1).copied().unwrap_or(access_count as u32);
        if first > next {
            return Err(HeatError::Order { op, first, next });
        }
        if next as usize > access_count {
            let value = u64::from(next);
            return Err(HeatError::Index {
                column: "op_first_access",
                index: op + 1,
                value,
                limit: access_count as u64,
            });
        }
        Ok(first as usize..next as usize)
    }

    /// Where range `range`, which access `access` names, lies on the track, or its whole tensor if `widened`.
    pub fn place_of(&self, access: usize, range: u32, widened: bool) -> Result<Option<Place>, HeatError> {
        match self.range_tensor.get(range as usize) {
            Some(_) => self.place_of_range(range as usize, widened),
            None => {
                let limit = self.range_tensor.len() as u64;
                Err(HeatError::Index { column: "access_range", index: access, value: u64::from(range), limit })
            }
        }
    }

    /// Where range `range`, which must be one of the run's, lies on the track, or its whole tensor if `widened`.
    pub fn place_of_range(&self, range: usize, widened: bool) -> Result<Option<Place>, HeatError> {
        let tensor = self.range_tensor[range];
        let Some(&base) = self.tensor_base.get(tensor as usize) else {
            let limit = self.tensor_base.len() as u64;
            return Err(HeatError::Index { column: "range_tensor", index: range, value: u64::from(tensor), limit });
        };
        if widened {
            let tensor = tensor as usize;
            Place::of(base, 0, self.tensor_bytes[tensor]).ok_or(HeatError::TensorPastTrack { tensor })
        } else {
            Place::of(base, self.range_offset[range], self.range_length[range]).ok_or(HeatError::PastTrack { range })
        }
    }

    /// Whether the accesses of op `op`, which must be one of the run's, count for passes in `phases`.
    pub fn in_phases(&self, op: usize, phases: u32) -> Result<bool, HeatError> {
        let pass = self.op_pass[op];
        let Some(&phase) = self.pass_phase.get(pass as usize) else {
            let limit = self.pass_phase.len() as u64;
            return Err(HeatError::Index { column: "op_pass", index: op, value: u64::from(pass), limit });
        };
        if phase > 31 {
            let value = u64::from(phase);
            return Err(HeatError::Index { column: "pass_phase", index: pass as usize, value, limit: 32 });
        }
        Ok(phases >> phase & 1 == 1)
    }
}

impl HeatQuery {
    /// Refuses what no engine computes.
    pub fn check(&self) -> Result<(), HeatError> {
        if self.kx > 63 {
            return Err(HeatError::CellTooWide { kx: self.kx });
        }
        if u64::from(self.width) * u64::from(self.height) > MAX_CELLS {
            return Err(HeatError::TooManyCells { width: self.width, height: self.height });
        }
        Ok(())
    }

    /// The level that the grid is a part of.
    pub fn level(&self) -> HeatLevel {
        let Self { measure, aggregate, direction, phases, kx, ky, .. } = *self;
        HeatLevel { measure, aggregate, direction, phases, kx, ky }
    }

    /// Cells of the grid; `check` has passed.
    pub fn cell_count(&self) -> usize {
        self.width as usize * self.height as usize
    }

    /// The bytes that columns `columns` of the grid cover; `None` behind the last that 64 bits can name, or for no columns.
    pub fn bytes_of_columns(&self, columns: Range<u32>) -> Option<RangeInclusive<u64>> {
        let byte = |column: u32| (u128::from(self.x0) + u128::from(column)) << self.kx;
        let first = u64::try_from(byte(columns.start)).ok()?;
        let last = u64::try_from(byte(columns.end).checked_sub(1)?).unwrap_or(u64::MAX);
        (first <= last).then_some(first..=last)
    }

    /// The ops of a run of `op_count` that rows `rows` of the grid cover; none for rows behind the run's end.
    pub fn ops_of_rows(&self, rows: Range<u32>, op_count: usize) -> Range<usize> {
        // y0 + row has 65 bits at most, so a shift by 63 fits; a wider one leaves row 0 only.
        let first_op = |row: u32| match u128::from(self.y0) + u128::from(row) {
            0 => 0,
            _ if self.ky > 63 => op_count,
            absolute => (absolute << self.ky).min(op_count as u128) as usize,
        };
        first_op(rows.start)..first_op(rows.end)
    }
}

impl HeatLevel {
    /// A window of the level.
    pub fn window(&self, x0: u64, y0: u64, width: u32, height: u32) -> HeatQuery {
        let Self { measure, aggregate, direction, phases, kx, ky } = *self;
        HeatQuery { measure, aggregate, direction, phases, kx, ky, x0, y0, width, height }
    }
}

/// `width * height` exact values, row by row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeatGrid {
    pub width: u32,
    pub height: u32,
    pub values: Vec<u64>,
}
