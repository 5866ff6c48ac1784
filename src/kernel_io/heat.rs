//! A heatmap's input columns, what is asked of them, and the grid that answers.

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
    /// As `Bytes` with every access widened to its whole tensor.
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

/// `width * height` exact values, row by row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeatGrid {
    pub width: u32,
    pub height: u32,
    pub values: Vec<u64>,
}
