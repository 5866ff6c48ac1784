//! `tensor_trace.bin`: fixed records without a header, 1024, 256 or 128 bytes each, told apart by their content.
//!
//! A run repeats a few thousand distinct records under ever new time stamps, so a record is decoded once per distinct
//! content and a row is its stamp, token, phase and the number of that content.

use std::hash::BuildHasher;
use std::path::Path;

use hashbrown::{DefaultHashBuilder, HashTable};
use rayon::prelude::*;

use super::error::ReadError;
use super::progress::Progress;
use super::symbols::{GGML_OPS, PREDECESSOR_OPS};
use crate::trace::Phase;
use crate::trace::builder::Builder;
use crate::trace::raw::{Fault, OpRow, OpShape, Operand, Place, Severity};

const HINT: &str =
    "a tensor_trace.bin holds records of 1024, 256 or 128 bytes; check that the file is one and is complete";
/// Records looked at to tell the formats apart.
const PROBED: usize = 16;
/// Records that one task decodes.
const CHUNK_RECORDS: usize = 16 * 1024;
const HOUR_NS: u64 = 3_600_000_000_000;

/// The record sizes that exist, newest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// 1024 bytes: names of 128 bytes, four sources, expert ids.
    Wide,
    /// 256 bytes: names of 24 and 20 bytes, four sources.
    Narrow,
    /// 128 bytes: one operand of a matrix product.
    Operand,
}

/// Offsets of the fields that differ between the two layouts that list sources.
struct Fields {
    destination_bytes: usize,
    sources: usize,
    source_bytes: usize,
    name_bytes: usize,
    /// Within a source: address, size, memory source, offset or buffer.
    address: usize,
    size: usize,
    memory: usize,
    place: usize,
}

const WIDE: Fields = Fields {
    destination_bytes: 128,
    sources: 152,
    source_bytes: 160,
    name_bytes: 128,
    address: 128,
    size: 136,
    memory: 142,
    place: 144,
};
const NARROW: Fields = Fields {
    destination_bytes: 24,
    sources: 48,
    source_bytes: 52,
    name_bytes: 20,
    address: 20,
    size: 28,
    memory: 34,
    place: 36,
};
const DESTINATION: usize = 24;
const MAX_SOURCES: usize = 4;
const EXPERT_IDS: usize = 792;
const MAX_EXPERTS: usize = 16;
const EXPERT_COUNT: usize = EXPERT_IDS + 4 * MAX_EXPERTS;

impl Layout {
    pub const ALL: [Self; 3] = [Self::Wide, Self::Narrow, Self::Operand];

    pub fn bytes(self) -> usize {
        match self {
            Self::Wide => 1024,
            Self::Narrow => 256,
            Self::Operand => 128,
        }
    }

    fn fields(self) -> Option<&'static Fields> {
        match self {
            Self::Wide => Some(&WIDE),
            Self::Narrow => Some(&NARROW),
            Self::Operand => None,
        }
    }

    /// Whether `record`, of this layout's size, can be one: names, counts and padding as the recorder leaves them.
    fn fits(self, record: &[u8]) -> bool {
        let padding_clear = |range: std::ops::Range<usize>| record[range].iter().all(|&b| b == 0);
        match self {
            Self::Operand => {
                (1..=3).contains(&record[16])
                    && padding_clear(18..24)
                    && padding_clear(56..64)
                    && text(&record[64..128]).is_some_and(|name| !name.is_empty())
            }
            Self::Wide | Self::Narrow => {
                (self == Self::Narrow || padding_clear(EXPERT_COUNT + 1..1024))
                    && padding_clear(19..24)
                    && decode(self, record)
                        .is_ok_and(|d| !d.destination.is_empty() && (d.code as usize) < GGML_OPS.len())
            }
        }
    }
}

/// The layout that most of the first records fit best; the wider one where two fit as well.
pub fn detect(bytes: &[u8]) -> Option<Layout> {
    let score = |layout: Layout| -> f64 {
        let written = |record: &&[u8]| record.iter().any(|&b| b != 0);
        let records: Vec<&[u8]> = bytes.chunks_exact(layout.bytes()).take(PROBED).take_while(written).collect();
        let fitting = records.iter().filter(|r| u64_at(r, 0) != 0 && layout.fits(r)).count();
        let in_time = records.windows(2).filter(|w| u64_at(w[1], 0).wrapping_sub(u64_at(w[0], 0)) < HOUR_NS).count();
        if records.is_empty() {
            return 0.0;
        }
        (fitting + in_time) as f64 / (2 * records.len() - 1) as f64
    };
    let better = |best: (Option<Layout>, f64), layout: Layout| match score(layout) {
        score if score > best.1 => (Some(layout), score),
        _ => best,
    };
    Layout::ALL.into_iter().fold((None, 0.5), better).0
}

/// What a record says, names borrowed from it.
struct Decoded<'a> {
    code: u8,
    thread: u16,
    destination: &'a str,
    sources: Vec<(&'a str, Place, u64)>,
    experts: Vec<i32>,
}

fn decode(layout: Layout, record: &[u8]) -> Result<Decoded<'_>, (usize, &'static str)> {
    let thread = u16::from_le_bytes([record[14], record[15]]);
    let Some(fields) = layout.fields() else {
        let name = text(&record[64..128]).filter(|n| !n.is_empty()).ok_or((64, "a tensor name in UTF-8"))?;
        let place = Place::Unknown { address: u64_at(record, 28) };
        let size = u64::from(u32_at(record, 44));
        return Ok(Decoded {
            code: record[16],
            thread,
            destination: "",
            sources: vec![(name, place, size)],
            experts: Vec::new(),
        });
    };
    let destination =
        text(&record[DESTINATION..DESTINATION + fields.destination_bytes]).ok_or((DESTINATION, "a name in UTF-8"))?;
    let count = usize::from(record[18]);
    if count > MAX_SOURCES {
        return Err((18, "at most 4 sources"));
    }
    let mut sources = Vec::with_capacity(count);
    for k in 0..count {
        let at = fields.sources + k * fields.source_bytes;
        let source = &record[at..at + fields.source_bytes];
        let name = text(&source[..fields.name_bytes]).ok_or((at, "a source name in UTF-8"))?;
        let place = match source[fields.memory] {
            0 => Place::Disk { offset: Some(u64_at(source, fields.place)) },
            1 => Place::Buffer { buffer: u64_at(source, fields.place), address: u64_at(source, fields.address) },
            _ => return Err((at + fields.memory, "memory source 0 or 1")),
        };
        sources.push((name, place, u64::from(u32_at(source, fields.size))));
    }
    let experts = match layout {
        Layout::Wide => {
            let count = usize::from(record[EXPERT_COUNT]).min(MAX_EXPERTS);
            (0..count).map(|i| u32_at(record, EXPERT_IDS + 4 * i).cast_signed()).collect()
        }
        _ => Vec::new(),
    };
    Ok(Decoded { code: record[16], thread, destination, sources, experts })
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..at + 8).and_then(|b| b.try_into().ok()).map_or(0, u64::from_le_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).and_then(|b| b.try_into().ok()).map_or(0, u32::from_le_bytes)
}

/// A NUL-padded name: printable UTF-8, then only NULs.
fn text(field: &[u8]) -> Option<&str> {
    let end = field.iter().position(|&b| b == 0).unwrap_or(field.len());
    let name = std::str::from_utf8(&field[..end]).ok()?;
    (field[end..].iter().all(|&b| b == 0) && !name.chars().any(char::is_control)).then_some(name)
}

/// The bytes of a record that make its op: all but stamp, token, phase and padding.
fn content(layout: Layout, record: &[u8]) -> (&[u8], &[u8]) {
    match layout {
        Layout::Wide => {
            let sources = usize::from(record[18]).min(MAX_SOURCES);
            (&record[18..WIDE.sources + sources * WIDE.source_bytes], &record[EXPERT_IDS..=EXPERT_COUNT])
        }
        Layout::Narrow | Layout::Operand => (&record[18..], &[]),
    }
}

/// What decides whether two records are the same op: [`content`] with op code and thread.
fn same_op(layout: Layout, a: &[u8], b: &[u8]) -> bool {
    a[14..17] == b[14..17] && content(layout, a) == content(layout, b)
}

fn op_hash(hasher: &DefaultHashBuilder, layout: Layout, record: &[u8]) -> u64 {
    hasher.hash_one((&record[14..17], content(layout, record)))
}

/// Rows of one chunk, with `shape` an index into `exemplars`.
#[derive(Default)]
struct Chunk {
    rows: Vec<OpRow>,
    /// Record numbers, one for each distinct content.
    exemplars: Vec<u32>,
    ended: bool,
}

/// Distinct records by content.
struct Distinct<'a> {
    layout: Layout,
    bytes: &'a [u8],
    hasher: DefaultHashBuilder,
    index: HashTable<u32>,
    exemplars: Vec<u32>,
}

impl<'a> Distinct<'a> {
    fn new(layout: Layout, bytes: &'a [u8], hasher: DefaultHashBuilder) -> Self {
        Self { layout, bytes, hasher, index: HashTable::new(), exemplars: Vec::new() }
    }

    fn record(&self, number: u32) -> &'a [u8] {
        let at = number as usize * self.layout.bytes();
        &self.bytes[at..at + self.layout.bytes()]
    }

    fn intern(&mut self, number: u32) -> u32 {
        let record = self.record(number);
        let hash = op_hash(&self.hasher, self.layout, record);
        let (layout, bytes, exemplars) = (self.layout, self.bytes, &self.exemplars);
        let record_of = |i: u32| {
            let at = exemplars[i as usize] as usize * layout.bytes();
            &bytes[at..at + layout.bytes()]
        };
        if let Some(&found) = self.index.find(hash, |&i| same_op(layout, record_of(i), record)) {
            return found;
        }
        let index = self.exemplars.len() as u32;
        let hasher = &self.hasher;
        let rehash = |&i: &u32| if i == index { hash } else { op_hash(hasher, layout, record_of(i)) };
        self.index.insert_unique(hash, index, rehash);
        self.exemplars.push(number);
        index
    }
}

/// Reads every record of `bytes` into `builder` and returns the layout.
///
/// Reading stops at the first stamp of 0, as the recorder's file is longer than what it wrote. A record that cannot be
/// one is left out and counted; so is an incomplete last one.
pub fn read(bytes: &[u8], path: &Path, builder: &mut Builder, progress: &Progress) -> Result<Layout, ReadError> {
    let layout = detect(bytes).ok_or_else(|| {
        let found = match bytes.len() {
            0 => "an empty file".to_owned(),
            n if n < Layout::Operand.bytes() => format!("a file of {n} bytes"),
            _ if u64_at(bytes, 0) == 0 => "a time stamp of 0".to_owned(),
            _ => "bytes that fit none of the three layouts".to_owned(),
        };
        ReadError::malformed(path, 0, "a trace record of 1024, 256 or 128 bytes", found, HINT)
    })?;
    let size = layout.bytes();
    let records = u32::try_from(bytes.len() / size).map_err(|_| {
        ReadError::unusable(
            path,
            format!("{} records are more than one run can hold", bytes.len() / size),
            "split the recording",
        )
    })?;
    progress.expect(bytes.len() as u64);
    let hasher = DefaultHashBuilder::default();

    let chunk = |start: u32| -> Result<Chunk, ReadError> {
        let end = records.min(start.saturating_add(CHUNK_RECORDS as u32));
        let mut distinct = Distinct::new(layout, bytes, hasher.clone());
        let mut rows = Vec::with_capacity((end - start) as usize);
        let mut ended = false;
        for number in start..end {
            let record = distinct.record(number);
            let start_ns = u64_at(record, 0);
            if start_ns == 0 {
                ended = true;
                break;
            }
            let phase = if record[17] == 0 { Phase::Prompt } else { Phase::Generate };
            let shape = distinct.intern(number);
            rows.push(OpRow { start_ns, token: u32_at(record, 8), shape, phase });
        }
        progress.advance(u64::from(end - start) * size as u64)?;
        Ok(Chunk { rows, exemplars: distinct.exemplars, ended })
    };
    let starts: Vec<u32> = (0..records).step_by(CHUNK_RECORDS).collect();
    let chunks: Vec<Chunk> = starts.par_iter().map(|&s| chunk(s)).collect::<Result<_, _>>()?;

    let mut distinct = Distinct::new(layout, bytes, hasher);
    let mut rows: Vec<(Vec<OpRow>, Vec<u32>)> = Vec::with_capacity(chunks.len());
    let mut read_records = 0;
    for chunk in chunks {
        read_records += chunk.rows.len();
        let global = chunk.exemplars.iter().map(|&number| distinct.intern(number)).collect();
        rows.push((chunk.rows, global));
        if chunk.ended {
            break;
        }
    }
    let shapes = decode_distinct(&distinct, path, builder)?;
    let mut damaged = 0_u64;
    let mut first_damaged = None;
    for (rows, global) in rows {
        let before = builder.row_count();
        builder.push_rows(rows.iter().filter_map(|row| {
            let shape = shapes[global[row.shape as usize] as usize]?;
            Some(OpRow { shape, ..*row })
        }));
        let lost = rows.len() - (builder.row_count() - before);
        if lost > 0 && first_damaged.is_none() {
            first_damaged = rows.iter().find_map(|row| {
                let exemplar = global[row.shape as usize];
                shapes[exemplar as usize].is_none().then(|| distinct.exemplars[exemplar as usize])
            });
        }
        damaged += lost as u64;
    }
    if builder.row_count() == 0 {
        let at = u64::from(first_damaged.unwrap_or(0)) * size as u64;
        return Err(ReadError::malformed(path, at, "a readable trace record", "damaged ones only", HINT));
    }
    builder.health.report("record_damaged", Severity::Error, damaged, "records are damaged and were left out", || {
        format!("byte {}", first_damaged.map_or(0, |n| u64::from(n) * size as u64))
    });
    let read_bytes = read_records * size;
    if read_records == records as usize && bytes.len() > read_bytes {
        builder.add_faults(vec![Fault {
            code: "truncated_tail",
            severity: Severity::Warning,
            message: "the file ends within a record; what stands before it was read",
            count: 1,
            example: format!("byte {read_bytes}: {} bytes of {size}", bytes.len() - read_bytes),
        }]);
    }
    Ok(layout)
}

/// The shape of every distinct record, `None` for damaged ones.
fn decode_distinct(distinct: &Distinct<'_>, path: &Path, builder: &mut Builder) -> Result<Vec<Option<u32>>, ReadError> {
    let layout = distinct.layout;
    let decoded: Vec<Result<Decoded<'_>, _>> =
        distinct.exemplars.iter().map(|&number| decode(layout, distinct.record(number))).collect();
    let names_of = OpNames::choose(layout, decoded.iter().filter_map(|d| d.as_ref().ok()));
    if layout == Layout::Narrow {
        // One byte of each field is its NUL.
        builder.operand_name_limit = Some(NARROW.name_bytes - 1);
        let cut = |d: &Decoded<'_>| d.sources.iter().filter(|s| s.0.len() == NARROW.name_bytes - 1).count() as u64;
        let count = decoded.iter().filter_map(|d| d.as_ref().ok()).map(cut).sum();
        builder.health.report(
            "names_may_be_cut",
            Severity::Warning,
            count,
            "256-byte records cut operand names to 19 bytes and destinations to 23; layers may be missing",
            || path.display().to_string(),
        );
    }
    let mut unknown = (0_u64, 0_u8);
    let mut wrong = None;
    let shapes = decoded
        .iter()
        .zip(&distinct.exemplars)
        .map(|(decoded, &number)| match decoded {
            Ok(decoded) => {
                let name = names_of.name(decoded.code);
                if name.starts_with("OP_") {
                    unknown = (unknown.0 + 1, decoded.code);
                }
                Some(intern_shape(builder, layout, decoded, &name))
            }
            Err((at, expected)) => {
                wrong.get_or_insert((u64::from(number) * layout.bytes() as u64 + *at as u64, *expected));
                None
            }
        })
        .collect();
    builder.health.report(
        "op_code_unknown",
        Severity::Warning,
        unknown.0,
        "op codes that neither the predecessor's table nor ggml 0.26's has; such ops are called OP_<code>",
        || format!("code {}", unknown.1),
    );
    if let Some((byte, expected)) = wrong.filter(|_| decoded.iter().all(Result::is_err)) {
        return Err(ReadError::malformed(path, byte, expected, "something else, in every record", HINT));
    }
    Ok(shapes)
}

fn intern_shape(builder: &mut Builder, layout: Layout, decoded: &Decoded<'_>, op_name: &str) -> u32 {
    let operands = decoded
        .sources
        .iter()
        .enumerate()
        .map(|(slot, &(name, place, bytes))| Operand {
            name: builder.names.intern(name),
            slot: slot as u8,
            place,
            bytes,
        })
        .collect();
    let shape = OpShape {
        kind: builder.kinds.intern(op_name),
        destination: (layout != Layout::Operand).then(|| builder.names.intern(decoded.destination)),
        thread: (decoded.thread != u16::MAX).then_some(u32::from(decoded.thread)),
        operands,
        experts: decoded.experts.clone(),
    };
    builder.shape(shape)
}

/// Which table the op codes of a file are from; records do not say.
enum OpNames {
    Predecessor,
    Ggml,
    /// 128-byte records have codes of their own.
    Products,
}

impl OpNames {
    /// The table that fits destination names better.
    fn choose<'a>(layout: Layout, records: impl Iterator<Item = &'a Decoded<'a>>) -> Self {
        if layout == Layout::Operand {
            return Self::Products;
        }
        let (mut predecessor, mut ggml) = (0_i64, 0_i64);
        for record in records {
            predecessor += fit(PREDECESSOR_OPS.get(usize::from(record.code)).copied(), record);
            ggml += fit(GGML_OPS.get(usize::from(record.code)).copied(), record);
        }
        if ggml > predecessor { Self::Ggml } else { Self::Predecessor }
    }

    fn name(&self, code: u8) -> String {
        let index = usize::from(code);
        let known = match self {
            Self::Predecessor => PREDECESSOR_OPS.get(index),
            Self::Ggml => GGML_OPS.get(index),
            Self::Products => ["", "MUL_MAT", "ADD", "ROPE"].get(index).filter(|n| !n.is_empty()),
        };
        known.map_or_else(|| format!("OP_{code}"), |name| (*name).to_owned())
    }
}

/// How well op `name` goes with what a record says; ops of training and unknown codes are unlikely in an inference.
fn fit(name: Option<&str>, record: &Decoded<'_>) -> i64 {
    const HINTS: [(&str, &[&str]); 9] = [
        ("__fattn__", &["FLASH_ATTN_EXT"]),
        ("argsort", &["ARGSORT", "TOP_K"]),
        ("swiglu", &["GLU"]),
        ("geglu", &["GLU"]),
        ("reglu", &["GLU"]),
        ("_silu", &["UNARY", "GLU"]),
        ("_gelu", &["UNARY", "GLU"]),
        ("_sigmoid", &["UNARY"]),
        ("conv_output", &["SSM_CONV", "UNARY", "VIEW", "RESHAPE", "CONT", "PERMUTE"]),
    ];
    let Some(name) = name else { return -8 };
    let mut fit = 0;
    let bare = crate::trace::names::without_suffixes(record.destination);
    let derived = bare.len() != record.destination.trim().len();
    for (part, ops) in HINTS {
        if !derived && record.destination.contains(part) {
            fit += if ops.contains(&name) { 8 } else { -2 };
        }
    }
    if name == "FLASH_ATTN_EXT" && record.sources.len() >= 3 {
        fit += 2;
    }
    if name == "GLU" || name == "UNARY" {
        fit += 1;
    }
    let unlikely = name.ends_with("_BACK")
        || ["MAP_CUSTOM", "CROSS_ENTROPY", "OPT_STEP", "WIN_", "CONV_", "POOL_", "GET_REL", "ADD_REL"]
            .iter()
            .any(|part| name.starts_with(part));
    if unlikely {
        fit -= 2;
    }
    fit
}
