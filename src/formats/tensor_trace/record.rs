//! One record of a `tensor_trace.bin`: its three layouts, what each says, and how a file tells which it has.

use std::ops::Range;

use crate::trace::raw::Place;

/// Records looked at to tell the layouts apart.
const PROBED: usize = 16;
const HOUR_NS: u64 = 3_600_000_000_000;
/// Codes above are in no table of ggml; a file may have them, but it is less likely to be one of ours.
const CODES: Range<u8> = 0..101;

/// ADD_ID and MUL_MAT_ID, in every table of op codes.
const ROUTED_CODES: [u8; 2] = [3, 30];

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
pub(super) struct Fields {
    pub destination_bytes: usize,
    pub sources: usize,
    pub source_bytes: usize,
    pub name_bytes: usize,
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
pub(super) const NARROW: Fields = Fields {
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

    /// How much `record`, of this layout's size, looks like one, from 0 to 4: a stamp, names and counts as the recorder
    /// leaves them, clear padding, a known op code. An unknown code alone makes no record unlikely.
    fn likeness(self, record: &[u8]) -> u32 {
        let clear = |range: Range<usize>| record[range].iter().all(|&b| b == 0);
        let (named, padded) = match self {
            Self::Operand => {
                let named = text(&record[64..128]).is_some_and(|name| !name.is_empty());
                (named, clear(18..24) && clear(56..64))
            }
            Self::Wide | Self::Narrow => {
                let named = decode(self, record)
                    .is_ok_and(|d| !d.destination.is_empty() && d.sources.iter().all(|(name, ..)| !name.is_empty()));
                (named, clear(19..24) && (self == Self::Narrow || clear(EXPERT_COUNT + 1..1024)))
            }
        };
        match named && padded && stamp_ns(record) != 0 {
            true => 3 + u32::from(CODES.contains(&record[16])),
            false => 0,
        }
    }
}

/// The layout that the first records look like most, if at least half of them do; the wider one where two do alike.
pub fn detect(bytes: &[u8]) -> Option<Layout> {
    let score = |layout: Layout| -> f64 {
        let written = |record: &&[u8]| record.iter().any(|&b| b != 0);
        let records: Vec<&[u8]> = bytes.chunks_exact(layout.bytes()).take(PROBED).take_while(written).collect();
        let likeness: u32 = records.iter().map(|r| layout.likeness(r)).sum();
        let steps = records.windows(2).filter(|w| stamp_ns(w[1]).wrapping_sub(stamp_ns(w[0])) < HOUR_NS).count();
        if records.is_empty() {
            return 0.0;
        }
        let like = f64::from(likeness) / (4 * records.len()) as f64;
        // Stamps decide between layouts that fit alike, not whether any fits: some files have broken ones.
        if like < 0.5 { 0.0 } else { like + steps as f64 / records.len() as f64 }
    };
    let better = |best: (Option<Layout>, f64), layout: Layout| match score(layout) {
        score if score > best.1 => (Some(layout), score),
        _ => best,
    };
    Layout::ALL.into_iter().fold((None, 0.0), better).0
}

/// What a record says, names borrowed from it.
pub(super) struct Decoded<'a> {
    pub code: u8,
    pub thread: u16,
    /// Empty in records of one operand.
    pub destination: &'a str,
    pub sources: Vec<(&'a str, Place, u64)>,
    pub experts: Vec<i32>,
}

/// `record` has the layout's size.
///
/// # Errors
/// The byte within the record that cannot be, and what was expected there.
pub(super) fn decode(layout: Layout, record: &[u8]) -> Result<Decoded<'_>, (usize, &'static str)> {
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
        Layout::Wide => (0..experts_listed(record)).map(|i| u32_at(record, EXPERT_IDS + 4 * i).cast_signed()).collect(),
        _ => Vec::new(),
    };
    Ok(Decoded { code: record[16], thread, destination, sources, experts })
}

/// How many ids of experts a wide record lists. Only two ops have any; of the others not even the count is looked at,
/// as it lies far from all else that is read of a record.
fn experts_listed(record: &[u8]) -> usize {
    match ROUTED_CODES.contains(&record[16]) {
        true => usize::from(record[EXPERT_COUNT]).min(MAX_EXPERTS),
        false => 0,
    }
}

/// Nanoseconds on the recorder's clock; 0 ends a file.
pub(super) fn stamp_ns(record: &[u8]) -> u64 {
    u64_at(record, 0)
}

pub(super) fn token(record: &[u8]) -> u32 {
    u32_at(record, 8)
}

pub(super) fn is_prompt(record: &[u8]) -> bool {
    record[17] == 0
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

/// The bytes of a record that make its op: all but stamp, token, layer, phase and padding. Two records whose parts are
/// equal decode to the same, whatever else differs.
pub(super) fn content(layout: Layout, record: &[u8]) -> [&[u8]; 3] {
    let head = &record[14..17];
    match layout {
        Layout::Wide => {
            // A count that cannot be makes a damaged record; it is compared like any other.
            let sources = usize::from(record[18]).min(MAX_SOURCES);
            let sources_end = WIDE.sources + sources * WIDE.source_bytes;
            // Ids that are not counted are whatever stood there.
            let ids_end = EXPERT_IDS + 4 * experts_listed(record);
            [head, &record[18..sources_end], &record[EXPERT_IDS..ids_end]]
        }
        Layout::Narrow | Layout::Operand => [head, &record[18..], &[]],
    }
}
