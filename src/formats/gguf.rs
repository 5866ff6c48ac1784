//! Headers of GGUF model files, versions 2 and 3: hyper-parameters and where every tensor lies. Never reads tensor data.

pub use super::gguf_model::to_model;

use super::data_types::data_type;
use super::error::ReadError;
use super::faults::{FaultKind, Faults, file_name, place};
use crate::trace::raw::{Fault, Severity};
use std::collections::HashSet;
use std::fmt;
use std::path::{Path, PathBuf};

/// What one GGUF file says before its tensors' data.
#[derive(Debug, Clone, PartialEq)]
pub struct GgufHeader {
    pub path: PathBuf,
    pub version: u32,
    /// Size of the whole file.
    pub file_bytes: u64,
    /// Every tensor's data starts at a multiple of this, counted from `data_offset`.
    pub alignment: u64,
    /// Where the tensors' data begins; `None` for a file without tensors.
    pub data_offset: Option<u64>,
    /// In file order, keys unique.
    pub values: Vec<(String, GgufValue)>,
    /// In the order of the header, which need not be that of their offsets.
    pub tensors: Vec<GgufTensor>,
}

/// A value of the header. Of arrays and long texts only the extent is kept: tokenizers fill megabytes with them.
#[derive(Debug, Clone, PartialEq)]
pub enum GgufValue {
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Bool(bool),
    Text(String),
    LongText { bytes: u64 },
    Array { element: &'static str, len: u64 },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GgufTensor {
    pub name: String,
    /// ggml's name of the type, or `type_<id>`.
    pub dtype: String,
    /// Innermost first, 0 to 4 dimensions.
    pub shape: Vec<u64>,
    /// From the first byte of the file.
    pub offset: u64,
    pub bytes: u64,
    /// Whether `bytes` is only the distance to what follows, because the type's size is not known.
    pub approximate: bool,
}

/// Texts up to this size are kept as values.
const TEXT_KEPT_BYTES: usize = 1024;
/// ggml's own limit on array elements.
const MAX_ARRAY_ELEMENTS: u64 = 1 << 30;
/// ggml keeps names in 64 bytes, the closing zero included.
const MAX_NAME_BYTES: usize = 63;
const HINT: &str = "the file is damaged or no GGUF model: download or convert it again";

const DUPLICATE_KEY: FaultKind = FaultKind {
    code: "gguf_duplicate_key",
    severity: Severity::Warning,
    message: "keys of the model file's header occur twice; the first value counts",
};
const DUPLICATE_TENSOR: FaultKind = FaultKind {
    code: "gguf_duplicate_tensor",
    severity: Severity::Warning,
    message: "tensor names of the model occur twice; accesses by name go to the first",
};
const NAME_LONG: FaultKind = FaultKind {
    code: "gguf_name_long",
    severity: Severity::Warning,
    message: "tensor names of the model are longer than the 63 bytes that ggml keeps; traces have them cut",
};
const TEXT_REPLACED: FaultKind = FaultKind {
    code: "gguf_text_not_utf8",
    severity: Severity::Warning,
    message: "names or texts of the model file are not UTF-8; bad bytes are replaced",
};
const TYPE_UNKNOWN: FaultKind = FaultKind {
    code: "gguf_type_unknown",
    severity: Severity::Warning,
    message: "tensors have a type that is not known or was removed from ggml; their size is the distance to the next tensor",
};
const ROW_BROKEN: FaultKind = FaultKind {
    code: "gguf_row_not_whole_blocks",
    severity: Severity::Warning,
    message: "rows of tensors are no whole number of their type's blocks; the size counts the started block",
};
const UNALIGNED: FaultKind = FaultKind {
    code: "gguf_offset_unaligned",
    severity: Severity::Warning,
    message: "tensors do not start at a multiple of the file's alignment",
};
const GAP: FaultKind = FaultKind {
    code: "gguf_gap",
    severity: Severity::Info,
    message: "there are gaps between tensors of the model file; stock llama.cpp refuses such a file",
};
const OVERLAP: FaultKind = FaultKind {
    code: "gguf_overlap",
    severity: Severity::Error,
    message: "tensors of the model file overlap; bytes of the heatmap belong to more than one of them",
};
const PAST_END: FaultKind = FaultKind {
    code: "gguf_past_end",
    severity: Severity::Error,
    message: "tensors end after the end of the model file; it is cut short or only its header",
};
/// Reads the header of a GGUF file. `bytes` may be the whole mapped file: nothing past the header is touched.
/// `file_bytes` is the size of the whole file, against which tensors are checked.
///
/// # Errors
/// `Unusable` for a version or byte order that nobody writes any more, `Malformed` for anything that ends the header
/// early or leaves open where the data begins.
pub fn read_header(bytes: &[u8], path: &Path, file_bytes: u64) -> Result<(GgufHeader, Vec<Fault>), ReadError> {
    let mut faults = Faults::default();
    let mut cursor = Cursor { bytes, at: 0, path, faults: &mut faults };
    let version = read_version(&mut cursor)?;
    let tensor_count = cursor.count("the number of tensors", 24)?;
    let value_count = cursor.count("the number of key-value pairs", 13)?;

    let (values, alignment) = read_values(&mut cursor, value_count)?;
    let mut infos = Vec::new();
    let mut names = HashSet::new();
    for _ in 0..tensor_count {
        let at = cursor.at;
        let info = read_info(&mut cursor)?;
        if !names.insert(info.name.clone()) {
            cursor.faults.add(&DUPLICATE_TENSOR, || format!("{} at {}", info.name, place(path, at as u64)));
        }
        infos.push(info);
    }
    let header_bytes = cursor.at as u64;
    let data_offset = (tensor_count > 0).then(|| header_bytes.next_multiple_of(alignment));
    let tensors = place_tensors(infos, path, data_offset.unwrap_or(0), alignment, file_bytes, &mut faults)?;
    let header = GgufHeader { path: path.to_owned(), version, file_bytes, alignment, data_offset, values, tensors };
    Ok((header, faults.into_vec()))
}

fn read_version(cursor: &mut Cursor) -> Result<u32, ReadError> {
    let magic = cursor.take(4, "the magic `GGUF`")?;
    if magic != b"GGUF" {
        return Err(cursor.bad(0, "the magic `GGUF`", format!("`{}`", magic.escape_ascii())));
    }
    let version = cursor.u32("the version")?;
    match version {
        2 | 3 => Ok(version),
        1 => Err(ReadError::unusable(cursor.path, "this is GGUF version 1", "convert the model again to version 3")),
        _ if version & 0xFFFF == 0 => {
            let hint = "convert it with gguf-py's gguf_convert_endian.py to little-endian";
            Err(ReadError::unusable(cursor.path, "this is a big-endian GGUF file", hint))
        }
        _ => Err(cursor.bad(4, "GGUF version 2 or 3", format!("version {version}"))),
    }
}

type Values = Vec<(String, GgufValue)>;

/// All key-value pairs and the alignment that they set.
fn read_values(cursor: &mut Cursor, count: u64) -> Result<(Values, u64), ReadError> {
    let mut values = Vec::new();
    let mut keys = HashSet::new();
    let mut alignment = 32;
    for _ in 0..count {
        let at = cursor.at;
        let key = cursor.name("a key")?;
        let type_id = cursor.u32("the type of a value")?;
        let value_at = cursor.at;
        let value = read_value(cursor, type_id)?;
        if !keys.insert(key.clone()) {
            cursor.faults.add(&DUPLICATE_KEY, || format!("{key} at {}", place(cursor.path, at as u64)));
            continue;
        }
        if key == "general.alignment" {
            alignment = match value {
                GgufValue::Unsigned(n) if type_id == 4 && n.is_power_of_two() => n,
                other => {
                    let expected = "general.alignment as a u32 that is a power of two";
                    return Err(cursor.bad(value_at, expected, format!("{other} of type {type_id}")));
                }
            };
        }
        values.push((key, value));
    }
    Ok((values, alignment))
}

/// Name and bytes of an element of a value type; `None` for strings, arrays and what does not exist.
fn scalar_type(type_id: u32) -> Option<(&'static str, u64)> {
    Some(match type_id {
        0 => ("u8", 1),
        1 => ("i8", 1),
        2 => ("u16", 2),
        3 => ("i16", 2),
        4 => ("u32", 4),
        5 => ("i32", 4),
        6 => ("f32", 4),
        7 => ("bool", 1),
        10 => ("u64", 8),
        11 => ("i64", 8),
        12 => ("f64", 8),
        _ => return None,
    })
}

fn read_value(cursor: &mut Cursor, type_id: u32) -> Result<GgufValue, ReadError> {
    let what = "a value";
    Ok(match type_id {
        0 => GgufValue::Unsigned(u64::from(cursor.array::<1>(what)?[0])),
        1 => GgufValue::Signed(i64::from(i8::from_le_bytes(cursor.array(what)?))),
        2 => GgufValue::Unsigned(u64::from(u16::from_le_bytes(cursor.array(what)?))),
        3 => GgufValue::Signed(i64::from(i16::from_le_bytes(cursor.array(what)?))),
        4 => GgufValue::Unsigned(u64::from(cursor.u32(what)?)),
        5 => GgufValue::Signed(i64::from(i32::from_le_bytes(cursor.array(what)?))),
        6 => GgufValue::Float(f64::from(f32::from_le_bytes(cursor.array(what)?))),
        7 => GgufValue::Bool(cursor.array::<1>(what)?[0] != 0),
        8 => {
            let text = cursor.string_bytes("a text")?;
            match text.len() {
                0..=TEXT_KEPT_BYTES => GgufValue::Text(cursor.text(text)),
                len => GgufValue::LongText { bytes: len as u64 },
            }
        }
        9 => read_array(cursor)?,
        10 => GgufValue::Unsigned(cursor.u64(what)?),
        11 => GgufValue::Signed(i64::from_le_bytes(cursor.array(what)?)),
        12 => GgufValue::Float(f64::from_le_bytes(cursor.array(what)?)),
        other => return Err(cursor.bad(cursor.at - 4, "a value type from 0 to 12", format!("type {other}"))),
    })
}

fn read_array(cursor: &mut Cursor) -> Result<GgufValue, ReadError> {
    let type_at = cursor.at;
    let type_id = cursor.u32("the element type of an array")?;
    let len_at = cursor.at;
    let len = cursor.u64("the length of an array")?;
    if len > MAX_ARRAY_ELEMENTS {
        return Err(cursor.bad(len_at, "an array of at most 2^30 elements", format!("{len} elements")));
    }
    if type_id == 8 {
        for _ in 0..len {
            cursor.string_bytes("a text in an array")?;
        }
        return Ok(GgufValue::Array { element: "text", len });
    }
    let Some((element, element_bytes)) = scalar_type(type_id) else {
        return Err(cursor.bad(type_at, "an array of numbers or texts", format!("element type {type_id}")));
    };
    cursor.take(len * element_bytes, "the elements of an array")?;
    Ok(GgufValue::Array { element, len })
}

/// A tensor as the header lists it; `at` is where its offset stands, for messages.
struct Info {
    name: String,
    shape: Vec<u64>,
    type_id: u32,
    relative_offset: u64,
    at: u64,
}

fn read_info(cursor: &mut Cursor) -> Result<Info, ReadError> {
    let name_at = cursor.at as u64;
    let name = cursor.name("a tensor's name")?;
    if name.len() > MAX_NAME_BYTES {
        cursor.faults.add(&NAME_LONG, || place(cursor.path, name_at));
    }
    let dimensions_at = cursor.at;
    let dimensions = cursor.u32("a tensor's number of dimensions")?;
    if dimensions > 4 {
        return Err(cursor.bad(dimensions_at, "at most 4 dimensions", format!("{dimensions} of tensor {name}")));
    }
    let mut shape = Vec::with_capacity(4);
    for _ in 0..dimensions {
        let at = cursor.at;
        let elements = i64::from_le_bytes(cursor.array("a tensor's dimension")?);
        match u64::try_from(elements) {
            Ok(elements) => shape.push(elements),
            Err(_) => return Err(cursor.bad(at, "a dimension of 0 or more", format!("{elements} of tensor {name}"))),
        }
    }
    let type_id = cursor.u32("a tensor's type")?;
    let at = cursor.at as u64;
    let relative_offset = cursor.u64("a tensor's offset")?;
    Ok(Info { name, shape, type_id, relative_offset, at })
}

/// Size of a tensor; `None` if its type's size is not known.
///
/// # Errors
/// What is wrong, when the size does not fit 64 bits.
fn tensor_bytes(info: &Info, path: &Path, faults: &mut Faults) -> Result<Option<u64>, String> {
    let Some((block_elements, block_bytes)) = data_type(info.type_id).and_then(|t| t.block) else {
        faults.add(&TYPE_UNKNOWN, || {
            format!("{} has type {} at {}", info.name, info.type_id, place(path, info.at.saturating_sub(4)))
        });
        return Ok(None);
    };
    let row_elements = info.shape.first().copied().unwrap_or(1);
    if !row_elements.is_multiple_of(block_elements) {
        faults.add(&ROW_BROKEN, || format!("{} at {}", info.name, place(path, info.at)));
    }
    let row_bytes = row_elements.div_ceil(block_elements).checked_mul(block_bytes);
    let bytes = row_bytes.and_then(|row| info.shape.iter().skip(1).try_fold(row, |bytes, &n| bytes.checked_mul(n)));
    bytes.map(Some).ok_or_else(|| format!("dimensions {:?} of tensor {}", info.shape, info.name))
}

/// Turns infos into tensors with places in the file, and checks the places against each other and the file's end.
fn place_tensors(
    infos: Vec<Info>,
    path: &Path,
    data_offset: u64,
    alignment: u64,
    file_bytes: u64,
    faults: &mut Faults,
) -> Result<Vec<GgufTensor>, ReadError> {
    let mut starts: Vec<u64> = infos.iter().map(|info| info.relative_offset).collect();
    starts.sort_unstable();
    let mut tensors = Vec::with_capacity(infos.len());
    for info in infos {
        let bad = |found| ReadError::malformed(path, info.at, "a tensor within 64 bits of offset", found, HINT);
        let start = data_offset.checked_add(info.relative_offset);
        let start = start.ok_or_else(|| bad(format!("offset {} of tensor {}", info.relative_offset, info.name)))?;
        let known_bytes = tensor_bytes(&info, path, faults).map_err(bad)?;
        let bytes = known_bytes.unwrap_or_else(|| {
            let next = starts.get(starts.partition_point(|&other| other <= info.relative_offset));
            next.map_or(file_bytes, |next| data_offset.saturating_add(*next)).saturating_sub(start)
        });
        let end = start.checked_add(bytes).ok_or_else(|| bad(format!("{bytes} bytes of tensor {}", info.name)))?;
        if !info.relative_offset.is_multiple_of(alignment) {
            faults.add(&UNALIGNED, || format!("{} at byte {start}, listed at {}", info.name, place(path, info.at)));
        }
        if end > file_bytes {
            faults
                .add(&PAST_END, || format!("{} in {} ends at byte {end} of {file_bytes}", info.name, file_name(path)));
        }
        let dtype = data_type(info.type_id).map_or_else(|| format!("type_{}", info.type_id), |t| t.name.to_owned());
        let approximate = known_bytes.is_none();
        tensors.push(GgufTensor { name: info.name, dtype, shape: info.shape, offset: start, bytes, approximate });
    }
    check_neighbours(&tensors, path, data_offset, alignment, faults);
    Ok(tensors)
}

fn check_neighbours(tensors: &[GgufTensor], path: &Path, data_offset: u64, alignment: u64, faults: &mut Faults) {
    let mut by_offset: Vec<&GgufTensor> = tensors.iter().filter(|tensor| tensor.bytes > 0).collect();
    by_offset.sort_by_key(|tensor| tensor.offset);
    let mut before: Option<&GgufTensor> = None;
    for tensor in by_offset {
        let used_end = before.map_or(data_offset, |before| before.offset + before.bytes);
        // Distance from the data's start decides the padding, not the place in the file.
        let padded_end =
            (used_end - data_offset).checked_next_multiple_of(alignment).and_then(|end| end.checked_add(data_offset));
        let example = || format!("{} at {}, after byte {used_end}", tensor.name, place(path, tensor.offset));
        if tensor.offset < used_end {
            faults.add(&OVERLAP, example);
        } else if padded_end.is_some_and(|end| tensor.offset > end) {
            faults.add(&GAP, example);
        }
        if tensor.offset + tensor.bytes >= used_end {
            before = Some(tensor);
        }
    }
}

/// Reads on from `at`; every read says what it expected, so that errors can.
struct Cursor<'a, 'f> {
    bytes: &'a [u8],
    at: usize,
    path: &'a Path,
    faults: &'f mut Faults,
}

impl<'a> Cursor<'a, '_> {
    fn take(&mut self, len: u64, what: &'static str) -> Result<&'a [u8], ReadError> {
        let rest = &self.bytes[self.at..];
        match usize::try_from(len).ok().and_then(|len| rest.get(..len)) {
            Some(taken) => {
                self.at += taken.len();
                Ok(taken)
            }
            None => {
                let found = format!("{len} bytes announced and {} left", rest.len());
                Err(self.bad(self.at, what, found))
            }
        }
    }

    fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], ReadError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N as u64, what)?);
        Ok(array)
    }

    fn u32(&mut self, what: &'static str) -> Result<u32, ReadError> {
        Ok(u32::from_le_bytes(self.array(what)?))
    }

    fn u64(&mut self, what: &'static str) -> Result<u64, ReadError> {
        Ok(u64::from_le_bytes(self.array(what)?))
    }

    /// A count of things of at least `item_bytes` each; refused when so many cannot follow.
    fn count(&mut self, what: &'static str, item_bytes: u64) -> Result<u64, ReadError> {
        let at = self.at;
        let count = self.u64(what)?;
        let most = (self.bytes.len() - self.at) as u64 / item_bytes;
        if count > most {
            return Err(self.bad(at, format!("{what}, at most {most} in what follows"), count.to_string()));
        }
        Ok(count)
    }

    fn string_bytes(&mut self, what: &'static str) -> Result<&'a [u8], ReadError> {
        let len = self.u64(what)?;
        self.take(len, what)
    }

    /// A string that may not be empty: a run of zeros must not read as a run of names.
    fn name(&mut self, what: &'static str) -> Result<String, ReadError> {
        let at = self.at;
        let name = self.string_bytes(what)?;
        if name.is_empty() {
            return Err(self.bad(at, what, "an empty text"));
        }
        Ok(self.text(name))
    }

    fn text(&mut self, text: &[u8]) -> String {
        if std::str::from_utf8(text).is_err() {
            self.faults.add(&TEXT_REPLACED, || place(self.path, (self.at - text.len()) as u64));
        }
        String::from_utf8_lossy(text).into_owned()
    }

    fn bad(&self, at: usize, expected: impl Into<String>, found: impl Into<String>) -> ReadError {
        ReadError::malformed(self.path, at as u64, expected, found, HINT)
    }
}

impl fmt::Display for GgufValue {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Unsigned(n) => write!(f, "{n}"),
            Self::Signed(n) => write!(f, "{n}"),
            Self::Float(x) => write!(f, "{x}"),
            Self::Bool(b) => write!(f, "{b}"),
            Self::Text(text) => f.write_str(text),
            Self::LongText { bytes } => write!(f, "text of {bytes} bytes"),
            Self::Array { element, len } => write!(f, "{len} x {element}"),
        }
    }
}
