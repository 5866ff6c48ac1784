//! Accesses as rows of CSV and JSON: each with what its op, its tensor and its bytes are

use std::io::{self, Write};

use super::{ALL, RunExport, cancelled};
use crate::analysis::table_cells::Cell;
use crate::analysis::table_text::{RowFormat, header, line, object};
use crate::analysis::watch::Watch;
use crate::kernel_io::heat::NO_BASE;
use crate::trace::tracks::{Order, TrackLayout};
use crate::trace::{DESTINATION_SLOT, Trace, Track, flags};

/// Accesses between two looks at whether they are still wanted.
const ROWS_AT_A_TIME: usize = 4096;

const FIELDS: [&str; 18] = [
    "op",
    "pass",
    "phase",
    "token",
    "layer",
    "kind",
    "destination",
    "start_ns",
    "duration_ns",
    "tensor",
    "track",
    "slot",
    "write",
    "estimated",
    "offset",
    "length",
    "expert",
    "track_byte",
];

/// Where the tensors of a run begin on their tracks, in file order.
pub(super) struct TrackBytes([TrackLayout; 2]);

impl TrackBytes {
    pub fn new(trace: &Trace) -> Self {
        Self(Track::ALL.map(|track| TrackLayout::new(trace, track, Order::File)))
    }

    /// The track byte of a tensor's first byte; `None` for what is nowhere.
    pub fn of(&self, trace: &Trace, tensor: u32) -> Option<u64> {
        let layout = &self.0[trace.tensors.get(tensor as usize)?.track as usize];
        layout.bases.get(tensor as usize).copied().filter(|base| *base != NO_BASE)
    }
}

pub(super) fn write(run: &RunExport, format: RowFormat, out: &mut impl Write, watch: Watch<'_>) -> io::Result<u64> {
    let trace = &*run.trace;
    let track_bytes = TrackBytes::new(trace);
    header(out, format, &FIELDS)?;
    let mut cells = Vec::with_capacity(FIELDS.len());
    let mut written = 0;
    for (row, op) in run.rows.iter().enumerate() {
        for access in trace.accesses_of(op as usize) {
            if written % ROWS_AT_A_TIME == 0 {
                watch.reach(ALL, row, run.rows.len()).ok_or_else(cancelled)?;
            }
            cells.clear();
            row_cells(trace, &track_bytes, op as usize, access, &mut cells);
            match format {
                RowFormat::Json => object(out, &FIELDS, &cells, written == 0)?,
                _ => line(out, format, &cells)?,
            }
            written += 1;
        }
    }
    if format == RowFormat::Json {
        writeln!(out, "\n]")?;
    }
    Ok(written as u64)
}

fn row_cells<'a>(trace: &'a Trace, track_bytes: &TrackBytes, op: usize, access: usize, cells: &mut Vec<Cell<'a>>) {
    let number = |number: Option<u64>| number.map_or(Cell::Missing, Cell::Number);
    let text = |text: Option<&'a str>| text.map_or(Cell::Missing, Cell::Text);
    let (ops, accesses, ranges) = (&trace.ops, &trace.accesses, &trace.ranges);
    let pass = trace.pass_of(op);
    let range = accesses.range.get(access).map_or(usize::MAX, |range| *range as usize);
    let tensor_index = ranges.tensor.get(range).copied();
    let tensor = tensor_index.and_then(|t| trace.tensors.get(t as usize));
    let offset = ranges.offset.get(range).copied();
    let flags = accesses.flags.get(access).copied().unwrap_or(0);
    let base = tensor_index.and_then(|t| track_bytes.of(trace, t));
    cells.extend([
        Cell::Number(op as u64),
        number(ops.pass.get(op).map(|pass| u64::from(*pass))),
        text(pass.map(|pass| pass.phase.label())),
        text(pass.and_then(|pass| pass.text.as_deref())),
        number(ops.layer.get(op).map(u64::from)),
        Cell::Text(trace.op_name(op)),
        text(ops.destination.get(op).map(|_| trace.destination_name(op).trim())),
        number(ops.start_ns.get(op).copied()),
        number(ops.duration_ns.get(op)),
        text(tensor.map(|tensor| tensor.name.trim())),
        text(tensor.map(|tensor| tensor.track.label())),
        number(accesses.slot.get(access).filter(|slot| **slot != DESTINATION_SLOT).map(|slot| u64::from(*slot))),
        Cell::Flag(flags & flags::WRITE != 0),
        Cell::Flag(flags & flags::ESTIMATED != 0),
        number(offset),
        number(ranges.length.get(range).copied()),
        number(if range < ranges.tensor.len() { ranges.expert.get(range).map(u64::from) } else { None }),
        number(base.zip(offset).and_then(|(base, offset)| base.checked_add(offset))),
    ]);
}
