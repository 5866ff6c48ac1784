//! `tensor_trace.bin`: fixed records without a header, 1024, 256 or 128 bytes each, told apart by their content.
//!
//! A run repeats a few thousand distinct records under ever new time stamps, so a record is decoded once per distinct
//! content and a row is its stamp, token, phase and the number of that content.

mod op_names;
mod record;

use std::hash::BuildHasher;
use std::ops::Range;
use std::path::Path;

use hashbrown::{DefaultHashBuilder, HashTable};
use rayon::prelude::*;

use super::error::ReadError;
use super::faults::place;
use super::mapped::MappedFile;
use super::progress::Progress;
use crate::trace::Phase;
use crate::trace::builder::{Builder, NameLimits};
use crate::trace::raw::{OpRow, OpShape, Operand, Severity};
use op_names::OpNames;
use record::{Decoded, NARROW, content, decode, is_prompt, stamp_ns, token};
pub use record::{Layout, detect};

const HINT: &str =
    "a tensor_trace.bin holds records of 1024, 256 or 128 bytes; check that the file is one and is complete";
/// What 256-byte records leave of names; one byte of each field is its NUL.
pub(super) const NARROW_NAMES: NameLimits =
    NameLimits { operand_bytes: NARROW.name_bytes - 1, destination_bytes: NARROW.destination_bytes - 1 };
/// Records that one task reads.
const CHUNK_RECORDS: usize = 32 * 1024;

/// Bytes that one task copies at a time.
const STREAM_BYTES: usize = 128 * 1024;

/// The bytes of a trace, and the fast way through them from front to back.
pub trait Source: Sync {
    fn bytes(&self) -> &[u8];

    /// The bytes of `range`, in `room` or where they lie.
    ///
    /// # Errors
    /// When they are not there any more.
    fn stream<'a>(&'a self, range: Range<usize>, room: &'a mut Vec<u8>) -> Result<&'a [u8], ReadError>;
}

impl Source for [u8] {
    fn bytes(&self) -> &[u8] {
        self
    }

    fn stream<'a>(&'a self, range: Range<usize>, _: &'a mut Vec<u8>) -> Result<&'a [u8], ReadError> {
        Ok(&self[range])
    }
}

impl Source for MappedFile {
    fn bytes(&self) -> &[u8] {
        self.bytes()
    }

    /// Copying through a buffer that stays in the cache is twice as fast as touching every page of a mapping.
    fn stream<'a>(&'a self, range: Range<usize>, room: &'a mut Vec<u8>) -> Result<&'a [u8], ReadError> {
        room.resize(range.len(), 0);
        self.read_at(range.start, room)?;
        Ok(room)
    }
}

/// Rows of one task's records.
struct Chunk {
    /// `shape` is an index into `exemplars`.
    rows: Vec<OpRow>,
    /// Record numbers, one for each distinct content.
    exemplars: Vec<u32>,
    /// A stamp of 0 came up: the record behind the last row ends the trace.
    ended: bool,
}

/// Distinct records by content.
struct Distinct<'a> {
    layout: Layout,
    bytes: &'a [u8],
    hasher: DefaultHashBuilder,
    index: HashTable<u32>,
    /// The first record of each content.
    exemplars: Vec<u32>,
    /// The content that last came after each: passes repeat, so it mostly comes again and is found without a hash.
    followers: Vec<u32>,
}

impl<'a> Distinct<'a> {
    fn new(layout: Layout, bytes: &'a [u8], hasher: DefaultHashBuilder) -> Self {
        Self { layout, bytes, hasher, index: HashTable::new(), exemplars: Vec::new(), followers: Vec::new() }
    }

    fn record(&self, number: u32) -> &'a [u8] {
        let at = number as usize * self.layout.bytes();
        &self.bytes[at..at + self.layout.bytes()]
    }

    /// The content of record `number`, which is `record` and comes after content `before`.
    fn intern(&mut self, number: u32, record: &[u8], before: Option<u32>) -> u32 {
        let wanted = content(self.layout, record);
        let guess = before.map(|b| self.followers[b as usize]);
        if let Some(guess) = guess
            && content(self.layout, self.record(self.exemplars[guess as usize])) == wanted
        {
            return guess;
        }
        let found = self.find_or_insert(number, wanted);
        if let Some(before) = before {
            self.followers[before as usize] = found;
        }
        found
    }

    fn find_or_insert(&mut self, number: u32, wanted: [&[u8]; 3]) -> u32 {
        let (layout, bytes, exemplars, hasher) = (self.layout, self.bytes, &self.exemplars, &self.hasher);
        let content_of = |i: u32| {
            let at = exemplars[i as usize] as usize * layout.bytes();
            content(layout, &bytes[at..at + layout.bytes()])
        };
        let hash = hasher.hash_one(wanted);
        if let Some(&found) = self.index.find(hash, |&i| content_of(i) == wanted) {
            return found;
        }
        let index = exemplars.len() as u32;
        self.index.insert_unique(hash, index, |&i| if i == index { hash } else { hasher.hash_one(content_of(i)) });
        self.exemplars.push(number);
        self.followers.push(index);
        index
    }
}

/// Reads every record of `bytes` into `builder` and returns the layout.
///
/// Reading stops at the first stamp of 0, as the recorder's file is longer than what it wrote. A record that cannot be
/// one is left out and counted; so is an incomplete last one.
///
/// # Errors
/// `Malformed` when no record can be read, `Unusable` for more records than a run can hold, `Cancelled`.
pub fn read<S: Source + ?Sized>(
    source: &S,
    path: &Path,
    builder: &mut Builder,
    progress: &Progress,
) -> Result<Layout, ReadError> {
    let bytes = source.bytes();
    let layout = detect(bytes).ok_or_else(|| unlike_any_layout(bytes, path))?;
    let size = layout.bytes();
    let records = u32::try_from(bytes.len() / size).map_err(|_| {
        let found = format!("{} records are more than one run can hold", bytes.len() / size);
        ReadError::unusable(path, found, "split the recording")
    })?;
    progress.expect(bytes.len() as u64);
    let hasher = DefaultHashBuilder::default();
    let starts: Vec<u32> = (0..records).step_by(CHUNK_RECORDS).collect();
    let chunks: Vec<Chunk> = starts
        .par_iter()
        .map(|&start| {
            let end = records.min(start.saturating_add(CHUNK_RECORDS as u32));
            let chunk = read_chunk(Distinct::new(layout, bytes, hasher.clone()), source, start..end)?;
            progress.advance(u64::from(end - start) * size as u64)?;
            Ok(chunk)
        })
        .collect::<Result<_, ReadError>>()?;

    let mut distinct = Distinct::new(layout, bytes, hasher);
    let mut parts: Vec<(Vec<OpRow>, Vec<u32>)> = Vec::with_capacity(chunks.len());
    let mut read_records = 0;
    for chunk in chunks {
        read_records += chunk.rows.len();
        let global =
            chunk.exemplars.iter().map(|&number| distinct.intern(number, distinct.record(number), None)).collect();
        parts.push((chunk.rows, global));
        if chunk.ended {
            break;
        }
    }
    let shapes = decode_distinct(&distinct, path, builder);
    push_rows(&parts, &shapes, &distinct, path, builder)?;
    report_end(&bytes[read_records * size..], read_records * size, layout, path, builder);
    Ok(layout)
}

fn unlike_any_layout(bytes: &[u8], path: &Path) -> ReadError {
    let found = match bytes.len() {
        0 => "an empty file".to_owned(),
        n if n < Layout::Operand.bytes() => format!("a file of {n} bytes"),
        _ if stamp_ns(bytes) == 0 => "a time stamp of 0".to_owned(),
        _ => "bytes that fit none of the three layouts".to_owned(),
    };
    ReadError::malformed(path, 0, "a trace record of 1024, 256 or 128 bytes", found, HINT)
}

fn read_chunk<S: Source + ?Sized>(
    mut distinct: Distinct<'_>,
    source: &S,
    numbers: Range<u32>,
) -> Result<Chunk, ReadError> {
    let size = distinct.layout.bytes();
    let mut rows = Vec::with_capacity(numbers.len());
    let mut room = Vec::new();
    let mut before = None;
    let mut ended = false;
    'parts: for first in numbers.clone().step_by(STREAM_BYTES / size) {
        let last = numbers.end.min(first + (STREAM_BYTES / size) as u32);
        let part = source.stream(first as usize * size..last as usize * size, &mut room)?;
        for (number, record) in (first..last).zip(part.chunks_exact(size)) {
            let start_ns = stamp_ns(record);
            if start_ns == 0 {
                ended = true;
                break 'parts;
            }
            let phase = if is_prompt(record) { Phase::Prompt } else { Phase::Generate };
            let shape = distinct.intern(number, record, before);
            before = Some(shape);
            rows.push(OpRow { start_ns, token: token(record), shape, phase });
        }
    }
    Ok(Chunk { rows, exemplars: distinct.exemplars, ended })
}

/// What a distinct record became.
struct Shape {
    /// `None` for a damaged record.
    index: Option<u32>,
    /// Its op code, if no table has it.
    unknown_code: Option<u8>,
    /// Where it is damaged, within the record, and what was expected there.
    damage: Option<(usize, &'static str)>,
}

fn decode_distinct(distinct: &Distinct<'_>, path: &Path, builder: &mut Builder) -> Vec<Shape> {
    let layout = distinct.layout;
    let decoded: Vec<Result<Decoded<'_>, _>> =
        distinct.exemplars.iter().map(|&number| decode(layout, distinct.record(number))).collect();
    let readable = || decoded.iter().filter_map(|d| d.as_ref().ok());
    let names = OpNames::choose(layout, readable());
    if layout == Layout::Narrow {
        let limits = NARROW_NAMES;
        let cut = |d: &Decoded<'_>| {
            let operands = d.sources.iter().filter(|s| s.0.len() == limits.operand_bytes).count();
            operands as u64 + u64::from(d.destination.len() == limits.destination_bytes)
        };
        let count = readable().map(cut).sum();
        builder.name_limits = Some(limits);
        builder.health.report(
            "names_may_be_cut",
            Severity::Warning,
            count,
            "256-byte records cut operand names to 19 bytes and destinations to 23, and these are as long: their layers may be missing; record with 1024-byte records to have them whole",
            || path.display().to_string(),
        );
    }
    decoded
        .iter()
        .map(|decoded| match decoded {
            Ok(decoded) => {
                let known = names.known(decoded.code);
                let index = intern_shape(builder, layout, decoded, known);
                Shape { index: Some(index), unknown_code: known.is_none().then_some(decoded.code), damage: None }
            }
            Err(damage) => Shape { index: None, unknown_code: None, damage: Some(*damage) },
        })
        .collect()
}

fn intern_shape(builder: &mut Builder, layout: Layout, decoded: &Decoded<'_>, op_name: Option<&str>) -> u32 {
    let operands = (0_u8..)
        .zip(&decoded.sources)
        .map(|(slot, &(name, place, bytes))| Operand { name: builder.names.intern(name), slot, place, bytes })
        .collect();
    let shape = OpShape {
        kind: match op_name {
            Some(name) => builder.kinds.intern(name),
            None => builder.kinds.intern(&format!("OP_{}", decoded.code)),
        },
        destination: (layout != Layout::Operand).then(|| builder.names.intern(decoded.destination)),
        thread: (decoded.thread != u16::MAX).then_some(u32::from(decoded.thread)),
        operands,
        experts: decoded.experts.clone(),
    };
    builder.shape(shape)
}

/// Rows of readable records go to `builder`, others are counted.
fn push_rows(
    parts: &[(Vec<OpRow>, Vec<u32>)],
    shapes: &[Shape],
    distinct: &Distinct<'_>,
    path: &Path,
    builder: &mut Builder,
) -> Result<(), ReadError> {
    let size = distinct.layout.bytes() as u64;
    builder.reserve_rows(parts.iter().map(|(rows, _)| rows.len()).sum());
    for (rows, global) in parts {
        let index: Vec<Option<u32>> = global.iter().map(|&g| shapes[g as usize].index).collect();
        builder.push_rows(rows.iter().filter_map(|row| Some(OpRow { shape: index[row.shape as usize]?, ..*row })));
    }
    let count_rows = |wanted: &dyn Fn(&Shape) -> bool| -> u64 {
        if !shapes.iter().any(wanted) {
            return 0;
        }
        let in_part = |(rows, global): &(Vec<OpRow>, Vec<u32>)| {
            rows.iter().filter(|r| wanted(&shapes[global[r.shape as usize] as usize])).count() as u64
        };
        parts.iter().map(in_part).sum()
    };
    let damaged = count_rows(&|s| s.index.is_none());
    // Exemplars stand in the order of the file.
    let first = shapes.iter().zip(&distinct.exemplars).find_map(|(s, &number)| Some((number, s.damage?)));
    if let Some((number, (at, expected))) = first {
        let byte = u64::from(number) * size + at as u64;
        if builder.row_count() == 0 {
            return Err(ReadError::malformed(path, byte, expected, "something else, as in every record", HINT));
        }
        builder.health.report(
            "record_damaged",
            Severity::Error,
            damaged,
            "records are damaged and were left out: their ops are missing everywhere",
            || format!("{}: expected {expected}", place(path, byte)),
        );
    }
    if builder.row_count() == 0 {
        return Err(ReadError::malformed(path, 0, "a time stamp above 0", "0, which ends a trace", HINT));
    }
    let unknown = shapes.iter().zip(&distinct.exemplars).find_map(|(s, &number)| Some((number, s.unknown_code?)));
    if let Some((number, code)) = unknown {
        builder.health.report(
            "op_code_unknown",
            Severity::Warning,
            count_rows(&|s| s.unknown_code.is_some()),
            "ops have a code that neither the predecessor's table nor ggml 0.26's has; they are called OP_<code>",
            || format!("code {code} at {}", place(path, u64::from(number) * size + 16)),
        );
    }
    Ok(())
}

/// `rest` is what stands from byte `at` on, where reading ended.
fn report_end(rest: &[u8], at: usize, layout: Layout, path: &Path, builder: &mut Builder) {
    let size = layout.bytes();
    if rest.len() < size {
        builder.health.report(
            "truncated_tail",
            Severity::Warning,
            u64::from(rest.iter().any(|&b| b != 0)),
            "the file ends within a record; what stands before it was read",
            || format!("{}: {} bytes of {size}", place(path, at as u64), rest.len()),
        );
        return;
    }
    // The recorder's file is zero behind what it wrote.
    let written_on =
        rest.iter().take(size).any(|&b| b != 0) || rest.get(size..).is_some_and(|next| stamp_ns(next) != 0);
    builder.health.report(
        "stamp_zero_inside",
        Severity::Warning,
        u64::from(written_on),
        "a time stamp of 0 ends the trace, but more seems to be written behind it; that was not read",
        || place(path, at as u64),
    );
}
