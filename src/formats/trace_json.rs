//! `traces/token-NNNNN.json` of the predecessor, all vintages: one list of entries a token.

use std::borrow::Cow;
use std::path::Path;

use serde::Deserialize;
use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::error::{ReadError, json_byte, json_message};
use super::faults::place;
use super::symbols::{PREDECESSOR_OPS, right_name_of_early_export};
use super::tensor_trace::NARROW_NAMES;
use crate::trace::Phase;
use crate::trace::builder::{Builder, translate};
use crate::trace::raw::{Fault, Names, OpRow, OpShape, Operand, Place, Severity};

const HINT: &str = "export the trace again, or remove the file from the folder";

#[derive(Deserialize)]
struct Entry<'a> {
    timestamp_ns: u64,
    #[serde(default)]
    token_id: Option<u32>,
    #[serde(default)]
    thread_id: Option<u32>,
    #[serde(borrow, default)]
    phase: Cow<'a, str>,
    #[serde(borrow)]
    operation_type: Cow<'a, str>,
    #[serde(borrow, default)]
    dst_name: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    sources: Vec<Source<'a>>,
    #[serde(default)]
    expert_ids: Option<Vec<i32>>,
    #[serde(default)]
    num_experts: Option<u32>,
    // Entries of early January 2026 are one operand each.
    #[serde(borrow, default)]
    tensor_name: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    tensor_ptr: Option<Cow<'a, str>>,
    #[serde(default)]
    size_bytes: Option<u64>,
}

#[derive(Deserialize)]
struct Source<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow, default)]
    tensor_ptr: Cow<'a, str>,
    #[serde(default)]
    size_bytes: u64,
    #[serde(borrow, default)]
    memory_source: Cow<'a, str>,
    #[serde(default)]
    disk_offset: Option<u64>,
    #[serde(default)]
    buffer_id: Option<u64>,
}

/// One file's ops, with tables of their own so that files are read side by side.
#[derive(Default)]
pub struct TokenTrace {
    names: Names,
    kinds: Names,
    shapes: Vec<OpShape>,
    shape_index: hashbrown::HashMap<OpShape, u32>,
    rows: Vec<OpRow>,
    faults: Vec<Fault>,
    /// Exported from records of 256 bytes.
    names_cut: bool,
}

/// Reads one file. One that ends early or is garbled gives the entries before that, with a fault.
///
/// # Errors
/// When not even one entry can be read.
pub fn read(bytes: &[u8], path: &Path) -> Result<TokenTrace, ReadError> {
    let mut trace = TokenTrace::default();
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let result = json.deserialize_map(FileVisitor { trace: &mut trace }).and_then(|()| json.end());
    if let Err(error) = result {
        let (byte, what) = (json_byte(bytes, &error), json_message(&error));
        if trace.rows.is_empty() {
            return Err(ReadError::malformed(path, byte, "trace entries in JSON", what, HINT));
        }
        trace.faults.push(Fault {
            code: "truncated_tail",
            severity: Severity::Warning,
            message: "a file is damaged; the entries before the damage were read",
            count: 1,
            example: format!("{}: {what}", place(path, byte)),
        });
    }
    Ok(trace)
}

struct FileVisitor<'t> {
    trace: &'t mut TokenTrace,
}

impl<'de> Visitor<'de> for FileVisitor<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object with a list of trace entries")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut token = None;
        let mut found = false;
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            match &*key {
                "token_id" => token = map.next_value::<Option<u32>>()?,
                "entries" => {
                    found = true;
                    map.next_value_seed(Entries { trace: &mut *self.trace, token })?;
                }
                "metadata" => {
                    let metadata: serde_json::Value = map.next_value()?;
                    self.trace.names_cut = metadata.get("format_version").is_some_and(|v| v == "256-byte");
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        if found { Ok(()) } else { Err(de::Error::missing_field("entries")) }
    }
}

struct Entries<'t> {
    trace: &'t mut TokenTrace,
    token: Option<u32>,
}

impl<'de> DeserializeSeed<'de> for Entries<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Entries<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a list of trace entries")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while let Some(entry) = seq.next_element::<Entry<'de>>()? {
            self.trace.push(&entry, self.token);
        }
        Ok(())
    }
}

impl TokenTrace {
    fn push(&mut self, entry: &Entry<'_>, file_token: Option<u32>) {
        let operands = match &entry.tensor_name {
            Some(name) => vec![Operand {
                name: self.names.intern(name),
                slot: 0,
                place: Place::Unknown { address: entry.tensor_ptr.as_deref().and_then(hexadecimal).unwrap_or(0) },
                bytes: entry.size_bytes.unwrap_or(0),
            }],
            None => entry
                .sources
                .iter()
                .take(usize::from(u8::MAX))
                .enumerate()
                .map(|(slot, s)| self.operand(slot, s))
                .collect(),
        };
        let listed = entry.expert_ids.as_deref().unwrap_or_default();
        let used = entry.num_experts.map_or(listed.len(), |n| (n as usize).min(listed.len()));
        let shape = OpShape {
            kind: self.kinds.intern(&entry.operation_type),
            destination: entry.dst_name.as_deref().map(|name| self.names.intern(name)),
            thread: entry.thread_id,
            operands,
            experts: listed[..used].to_vec(),
        };
        let next = self.shapes.len() as u32;
        let shape = *self.shape_index.entry(shape).or_insert_with_key(|shape| {
            self.shapes.push(shape.clone());
            next
        });
        let phase = if entry.phase.eq_ignore_ascii_case("prompt") { Phase::Prompt } else { Phase::Generate };
        let token = file_token.or(entry.token_id).unwrap_or(0);
        self.rows.push(OpRow { start_ns: entry.timestamp_ns, token, shape, phase });
    }

    fn operand(&mut self, slot: usize, source: &Source<'_>) -> Operand {
        let address = hexadecimal(&source.tensor_ptr).unwrap_or(0);
        let place = match (&*source.memory_source, source.buffer_id) {
            ("DISK", _) => Place::Disk { offset: source.disk_offset },
            (_, Some(buffer)) => Place::Buffer { buffer, address },
            _ => Place::Unknown { address },
        };
        Operand { name: self.names.intern(&source.name), slot: slot as u8, place, bytes: source.size_bytes }
    }

    /// Adds the file's ops to `builder`, repairing op names of exports before 2026-01-08 if `early` says so.
    pub fn add_to(self, builder: &mut Builder, early: bool) {
        let names: Vec<u32> = self.names.iter().map(|name| builder.names.intern(name)).collect();
        let kinds: Vec<u32> = self.kinds.iter().map(|kind| builder.kinds.intern(&op_name(kind, early))).collect();
        let shapes: Vec<u32> = self
            .shapes
            .iter()
            .map(|shape| builder.shape(translate(shape, |name| names[name as usize], |kind| kinds[kind as usize])))
            .collect();
        builder.push_rows(self.rows.into_iter().map(|row| OpRow { shape: shapes[row.shape as usize], ..row }));
        builder.add_faults(self.faults);
        if self.names_cut {
            builder.name_limits = Some(NARROW_NAMES);
        }
    }

    /// Whether the file has the op names of exports before 2026-01-08, which are of another table than its codes.
    pub fn is_early_export(&self) -> bool {
        self.shapes.iter().any(|shape| {
            let destination = shape.destination.map_or("", |d| self.names.get(d));
            let kind = self.kinds.get(shape.kind);
            matches!(destination, "inp_embd" | "embd") && right_name_of_early_export(kind) == Some("GET_ROWS")
        })
    }
}

fn op_name(kind: &str, early: bool) -> Cow<'_, str> {
    if early && let Some(right) = right_name_of_early_export(kind) {
        return right.into();
    }
    match kind.strip_prefix("UNKNOWN_").and_then(|code| code.parse::<usize>().ok()) {
        Some(code) => PREDECESSOR_OPS.get(code).map_or_else(|| format!("OP_{code}").into(), |name| (*name).into()),
        None => kind.into(),
    }
}

fn hexadecimal(text: &str) -> Option<u64> {
    u64::from_str_radix(text.strip_prefix("0x").unwrap_or(text), 16).ok()
}
