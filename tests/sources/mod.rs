//! Small sources of every kind that a run can be read from, written byte by byte.

pub mod gguf;

use std::fmt::Write;
use std::path::{Path, PathBuf};

use tensorscope::formats::symbols::{GGML_OPS, PREDECESSOR_OPS, symbol_of};
use tensorscope::formats::{Progress, ReadError, open};
use tensorscope::trace::Trace;

/// A folder that goes away with the test.
pub struct Folder(tempfile::TempDir);

impl Folder {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// With a file in it; `name` may lie in a folder of its own.
    pub fn with(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
        self
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn try_open(&self) -> Result<Trace, ReadError> {
        open(self.path(), &Progress::default())
    }

    pub fn open(&self) -> Trace {
        self.try_open().unwrap()
    }
}

/// A file or folder of the shared real data, or `None` (said aloud) where a checkout stands alone.
pub fn real(name: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("TENSORSCOPE_SHARED_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"), PathBuf::from);
    let path = folder.join(name);
    if path.exists() {
        return Some(path);
    }
    eprintln!("SKIPPED: {} is not there", path.display());
    None
}

#[derive(Debug, Clone, Copy)]
pub enum Home {
    /// Offset in the model file.
    Disk(u64),
    /// Buffer and address.
    Buffer(u64, u64),
}

#[derive(Debug, Clone)]
pub struct Operand {
    pub name: String,
    pub home: Home,
    pub bytes: u64,
}

/// An op as sources list it.
#[derive(Debug, Clone)]
pub struct Op {
    pub kind: &'static str,
    pub destination: String,
    pub operands: Vec<Operand>,
    pub experts: Vec<i32>,
    pub token: u32,
    pub prompt: bool,
    pub start_ns: u64,
}

pub fn op(kind: &'static str, destination: &str) -> Op {
    let destination = destination.to_owned();
    Op { kind, destination, operands: vec![], experts: vec![], token: 0, prompt: false, start_ns: 0 }
}

impl Op {
    pub fn disk(mut self, name: &str, offset: u64, bytes: u64) -> Self {
        self.operands.push(Operand { name: name.to_owned(), home: Home::Disk(offset), bytes });
        self
    }

    pub fn buffer(mut self, name: &str, buffer: u64, address: u64, bytes: u64) -> Self {
        self.operands.push(Operand { name: name.to_owned(), home: Home::Buffer(buffer, address), bytes });
        self
    }

    pub fn experts(mut self, ids: &[i32]) -> Self {
        self.experts = ids.to_vec();
        self
    }
}

/// `ops` as pass `token`, its stamps 1000 ns apart.
pub fn pass(token: u32, prompt: bool, ops: &[Op]) -> Vec<Op> {
    let first_ns = 1_000_000 * u64::from(token) + 5_000_000;
    let stamped = |(k, op): (usize, &Op)| Op { token, prompt, start_ns: first_ns + 1000 * k as u64, ..op.clone() };
    ops.iter().enumerate().map(stamped).collect()
}

/// Where the predecessor's records of `bytes` bytes have what.
struct Layout {
    bytes: usize,
    sources: usize,
    source_bytes: usize,
    name_bytes: usize,
    size_at: usize,
    memory_at: usize,
    place_at: usize,
    index_at: usize,
}

const WIDE: Layout = Layout {
    bytes: 1024,
    sources: 152,
    source_bytes: 160,
    name_bytes: 128,
    size_at: 136,
    memory_at: 142,
    place_at: 144,
    index_at: 152,
};
const NARROW: Layout = Layout {
    bytes: 256,
    sources: 48,
    source_bytes: 52,
    name_bytes: 20,
    size_at: 28,
    memory_at: 34,
    place_at: 36,
    index_at: 44,
};

fn put(record: &mut [u8], at: usize, bytes: &[u8]) {
    record[at..at + bytes.len()].copy_from_slice(bytes);
}

/// A name in a field of `room` bytes, whose last is a NUL.
fn put_name(record: &mut [u8], at: usize, room: usize, name: &str) {
    put(record, at, &name.as_bytes()[..name.len().min(room - 1)]);
}

fn record(layout: &Layout, op: &Op, code: u8) -> Vec<u8> {
    let mut record = vec![0; layout.bytes];
    put(&mut record, 0, &op.start_ns.to_le_bytes());
    put(&mut record, 8, &op.token.to_le_bytes());
    put(&mut record, 12, &[0xFF, 0xFF, 7, 0]);
    put(&mut record, 16, &[code, u8::from(!op.prompt), op.operands.len() as u8]);
    put_name(&mut record, 24, layout.sources - 24, &op.destination);
    for (k, operand) in op.operands.iter().enumerate() {
        let at = layout.sources + k * layout.source_bytes;
        put_name(&mut record, at, layout.name_bytes, &operand.name);
        let (memory, place, address) = match operand.home {
            Home::Disk(offset) => (0, offset, 0x7000_0000 + offset),
            Home::Buffer(id, address) => (1, id, address),
        };
        put(&mut record, at + layout.name_bytes, &address.to_le_bytes());
        put(&mut record, at + layout.size_at, &(operand.bytes as u32).to_le_bytes());
        put(&mut record, at + layout.size_at + 4, &[0xFF, 0xFF]);
        record[at + layout.memory_at] = memory;
        put(&mut record, at + layout.place_at, &place.to_le_bytes());
        put(&mut record, at + layout.index_at, &[0xFF; 4]);
    }
    if layout.bytes == 1024 {
        for (k, id) in op.experts.iter().take(16).enumerate() {
            put(&mut record, 792 + 4 * k, &id.to_le_bytes());
        }
        record[856] = op.experts.len() as u8;
    }
    record
}

fn code_in(table: &[&str], kind: &str) -> u8 {
    match kind.strip_prefix("OP_") {
        Some(code) => code.parse().unwrap(),
        None => table.iter().position(|name| *name == kind).unwrap() as u8,
    }
}

/// 1024-byte records with the predecessor's op codes.
pub fn wide(ops: &[Op]) -> Vec<u8> {
    ops.iter().flat_map(|op| record(&WIDE, op, code_in(&PREDECESSOR_OPS, op.kind))).collect()
}

/// 1024-byte records with ggml 0.26's op codes.
pub fn wide_ggml(ops: &[Op]) -> Vec<u8> {
    ops.iter().flat_map(|op| record(&WIDE, op, code_in(&GGML_OPS, op.kind))).collect()
}

/// 256-byte records: names cut, no experts.
pub fn narrow(ops: &[Op]) -> Vec<u8> {
    ops.iter().flat_map(|op| record(&NARROW, op, code_in(&PREDECESSOR_OPS, op.kind))).collect()
}

/// 128-byte records: one for each operand of each product.
pub fn operands(ops: &[Op]) -> Vec<u8> {
    let mut bytes = vec![];
    for (op, operand) in ops.iter().flat_map(|op| op.operands.iter().map(move |operand| (op, operand))) {
        let mut record = vec![0; 128];
        put(&mut record, 0, &op.start_ns.to_le_bytes());
        put(&mut record, 8, &op.token.to_le_bytes());
        put(&mut record, 12, &[0xFF, 0xFF, 7, 0]);
        put(&mut record, 16, &[1, u8::from(!op.prompt)]);
        put(&mut record, 24, &[0xFF; 4]);
        let (Home::Disk(address) | Home::Buffer(_, address)) = operand.home;
        put(&mut record, 28, &address.to_le_bytes());
        put(&mut record, 44, &(operand.bytes as u32).to_le_bytes());
        put(&mut record, 48, &[0xFF; 2]);
        put_name(&mut record, 64, 64, &operand.name);
        bytes.extend(record);
    }
    bytes
}

/// `traces/token-NNNNN.json` of the latest export.
pub fn token_json(token: u32, ops: &[Op]) -> String {
    let entry = |op: &Op| {
        let source = |o: &Operand| {
            let (memory, place, address) = match o.home {
                Home::Disk(offset) => ("DISK", format!(r#""disk_offset": {offset}"#), 0x7000_0000 + offset),
                Home::Buffer(id, address) => ("BUFFER", format!(r#""buffer_id": {id}"#), address),
            };
            format!(
                r#"{{"name": {:?}, "tensor_ptr": "{address:#x}", "size_bytes": {}, "layer_id": null, "memory_source": "{memory}", {place}}}"#,
                o.name, o.bytes
            )
        };
        let sources: Vec<_> = op.operands.iter().map(source).collect();
        format!(
            r#"{{"entry_id": 0, "timestamp_ns": {}, "timestamp_relative_ms": 0.0, "token_id": {}, "layer_id": null, "thread_id": 7, "phase": "{}", "operation_type": "{}", "dst_name": {:?}, "num_sources": {}, "sources": [{}], "expert_ids": {:?}, "num_experts": {}}}"#,
            op.start_ns,
            op.token,
            if op.prompt { "PROMPT" } else { "GENERATE" },
            op.kind,
            op.destination,
            op.operands.len(),
            sources.join(", "),
            op.experts,
            op.experts.len()
        )
    };
    let entries: Vec<_> = ops.iter().map(entry).collect();
    format!(
        "{{\"token_id\": {token}, \"metadata\": {{\"total_entries\": {}, \"format_version\": \"1024-byte\"}}, \"entries\": [\n{}\n]}}\n",
        ops.len(),
        entries.join(",\n")
    )
}

/// A node of a graph: name, kind (`CONST` for a leaf), shape, operands by index.
pub type Node<'a> = (&'a str, &'a str, &'a [u64], &'a [usize]);

/// As `ggml_graph_dump_dot` writes it.
pub fn dot(nodes: &[Node<'_>]) -> String {
    let mut text = "digraph G {\n  newrank = true;\n  rankdir = TB;\n".to_owned();
    for (k, (name, kind, shape, _)) in nodes.iter().enumerate() {
        let shape = shape.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
        let (color, label) = match *kind {
            "CONST" => ("pink", format!("<x>{name} (f32)|CONST {k} [{shape}]")),
            kind => ("white", format!("{name} (f32)|{k} [{shape}] | <x>{}", symbol_of(kind).unwrap())),
        };
        let style = format!("style = filled; fillcolor = {color}; shape = record");
        writeln!(text, "  \"0x{:x}\" [ {style}; label=\"{label}\"; ]", 4096 + k).unwrap();
    }
    for (target, (.., sources)) in nodes.iter().enumerate() {
        for (slot, source) in sources.iter().enumerate() {
            writeln!(text, "  \"0x{:x}\" -> \"0x{:x}\" [ label = \"src {slot}\"; ]", 4096 + source, 4096 + target)
                .unwrap();
        }
    }
    text + "}\n"
}

/// As the predecessor's script exports it.
pub fn graph_json(nodes: &[Node<'_>]) -> String {
    let node = |(k, (name, kind, shape, _)): (usize, &Node<'_>)| {
        let symbol = if *kind == "CONST" { "CONST" } else { symbol_of(kind).unwrap() };
        format!(
            r#"{{"id": "node_{k}", "address": "0x1", "label": {name:?}, "operation": {symbol:?}, "shape": {shape:?}, "dtype": "f32", "layer_id": null}}"#
        )
    };
    let edge = |(target, (.., sources)): (usize, &Node<'_>)| {
        let of = |(slot, source): (usize, &usize)| {
            format!(r#"{{"source": "node_{source}", "target": "node_{target}", "label": "src {slot}"}}"#)
        };
        sources.iter().enumerate().map(of).collect::<Vec<_>>()
    };
    let listed: Vec<_> = nodes.iter().enumerate().map(node).collect();
    let edges: Vec<_> = nodes.iter().enumerate().flat_map(edge).collect();
    format!("{{\"token_id\": 0, \"nodes\": [{}], \"edges\": [{}]}}", listed.join(",\n"), edges.join(",\n"))
}

/// A memory map with these tensors: name, offset, bytes, shape.
pub fn memory_map(tensors: &[(&str, u64, u64, &[u64])]) -> String {
    let entry = |(name, offset, bytes, shape): &(&str, u64, u64, &[u64])| {
        let end = offset + bytes;
        format!(
            r#"{{"name": "{name}", "offset_start": {offset}, "offset_end": {end}, "size_bytes": {bytes}, "shape": {shape:?}}}"#
        )
    };
    let entries: Vec<_> = tensors.iter().map(entry).collect();
    format!(r#"{{"model_name": "toy", "metadata": {{"n_layers": 2}}, "tensors": [{}]}}"#, entries.join(",\n"))
}

/// How often a health code was counted; 0 if it is not there.
pub fn health(trace: &Trace, code: &str) -> u64 {
    trace.health.entries.iter().find(|e| e.code == code).map_or(0, |e| e.count)
}

/// An access in words: tensor, offset, length, expert, and `r`, `w`, `r~` or `w~` (estimated).
pub fn accesses(trace: &Trace, op: usize) -> Vec<(String, u64, u64, Option<u32>, &'static str)> {
    use tensorscope::trace::flags::{ESTIMATED, WRITE};
    let describe = |a: usize| {
        let range = trace.accesses.range[a] as usize;
        let flags = match (trace.accesses.flags[a] & WRITE != 0, trace.accesses.flags[a] & ESTIMATED != 0) {
            (false, false) => "r",
            (true, false) => "w",
            (false, true) => "r~",
            (true, true) => "w~",
        };
        let tensor = &trace.tensors[trace.ranges.tensor[range] as usize];
        let (offset, length) = (trace.ranges.offset[range], trace.ranges.length[range]);
        (tensor.name.clone(), offset, length, trace.ranges.expert.get(range), flags)
    };
    trace.accesses_of(op).map(describe).collect()
}
