//! The model of one run: columns that grow with it, tables that do not. Immutable once built; shared by `Arc`.

use arrow_buffer::{ArrowNativeType, BooleanBuffer, NullBuffer, ScalarBuffer};
use serde::{Deserialize, Serialize};

use super::graph::Graph;
use super::health::Health;

/// A column without nulls: owned, or borrowed from a mapped file.
pub type Column<T> = ScalarBuffer<T>;

/// A column in which values may be missing.
#[derive(Debug, Clone, Default)]
pub struct Nullable<T: ArrowNativeType> {
    pub values: ScalarBuffer<T>,
    pub nulls: Option<NullBuffer>,
}

impl<T: ArrowNativeType> Nullable<T> {
    /// `values` with every `none` in it missing.
    pub fn from_sentinel(values: Vec<T>, none: T) -> Self {
        let present = BooleanBuffer::collect_bool(values.len(), |i| values[i] != none);
        let nulls = NullBuffer::new(present);
        let nulls = (nulls.null_count() > 0).then_some(nulls);
        Self { values: values.into(), nulls }
    }

    pub fn get(&self, index: usize) -> Option<T> {
        let present = self.nulls.as_ref().is_none_or(|nulls| nulls.is_valid(index));
        self.values.get(index).copied().filter(|_| present)
    }
}

/// Access flags, as the native file stores them.
pub mod flags {
    /// The access writes.
    pub const WRITE: u32 = crate::kernel_io::heat::ACCESS_WRITE;
    /// The source does not say which bytes; the range is the most it can be.
    pub const ESTIMATED: u32 = 2;
}

/// `Accesses::slot` of a write to the destination, which is no operand.
pub const DESTINATION_SLOT: u8 = u8::MAX;

/// One row per op, in execution order.
#[derive(Debug, Clone, Default)]
pub struct Ops {
    /// From the run's first stamp.
    pub start_ns: Column<u64>,
    pub duration_ns: Nullable<u64>,
    pub pass: Column<u32>,
    /// Index into [`RunMeta::op_names`].
    pub kind: Column<u32>,
    /// The tensor that it writes.
    pub destination: Nullable<u32>,
    pub layer: Nullable<u32>,
    pub thread: Nullable<u32>,
    /// Node of the graph of its pass.
    pub node: Nullable<u32>,
    /// Its first access; it has those up to the next op's first.
    pub first_access: Column<u32>,
}

/// Every distinct (tensor, offset, length, expert) once.
#[derive(Debug, Clone, Default)]
pub struct Ranges {
    pub tensor: Column<u32>,
    /// From the tensor's first byte.
    pub offset: Column<u64>,
    pub length: Column<u64>,
    pub expert: Nullable<u32>,
}

/// One row per byte range that an op touches, ordered by op.
#[derive(Debug, Clone, Default)]
pub struct Accesses {
    pub range: Column<u32>,
    /// Operand slot, or [`DESTINATION_SLOT`].
    pub slot: Column<u8>,
    /// See [`flags`].
    pub flags: Column<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Track {
    /// Model files end to end; byte 0 is the first byte of the first file.
    Disk,
    /// Runtime buffers end to end, in order of first use.
    Buffer,
}

impl Track {
    pub const ALL: [Self; 2] = [Self::Disk, Self::Buffer];

    pub fn label(self) -> &'static str {
        match self {
            Self::Disk => "DISK",
            Self::Buffer => "BUFFER",
        }
    }
}

/// Something with a home: a byte range in a model file or in a runtime buffer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tensor {
    pub name: String,
    /// ggml's type name.
    pub dtype: Option<String>,
    /// Elements by dimension, innermost first; empty where unknown.
    pub shape: Vec<u64>,
    pub bytes: u64,
    pub track: Track,
    /// Index into the model files or the buffers; `None` for what is written but never located.
    pub home: Option<u32>,
    /// From the first byte of its home.
    pub offset: u64,
    pub layer: Option<u32>,
    /// Experts stacked along its outermost dimension.
    pub experts: Option<u32>,
    pub category: String,
}

impl Tensor {
    /// Bytes of one expert's slice.
    pub fn slice_bytes(&self) -> Option<u64> {
        let experts = u64::from(self.experts?);
        (experts > 0 && self.bytes.is_multiple_of(experts)).then(|| self.bytes / experts)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    Prompt,
    Generate,
    Warmup,
}

impl Phase {
    pub const ALL: [Self; 3] = [Self::Prompt, Self::Generate, Self::Warmup];

    pub fn label(self) -> &'static str {
        match self {
            Self::Prompt => "prompt",
            Self::Generate => "generate",
            Self::Warmup => "warmup",
        }
    }

    /// Its bit in a set of phases.
    pub fn bit(self) -> u32 {
        1 << self as u32
    }
}

/// One graph execution.
#[derive(Debug, Clone, PartialEq)]
pub struct Pass {
    pub phase: Phase,
    pub first_op: u32,
    pub ops: u32,
    /// Index into the graphs.
    pub graph: Option<u32>,
    pub start_ns: u64,
    /// To the last known end in it.
    pub duration_ns: u64,
    /// Operands as the source listed them, before slices and rows were split out.
    pub reads_disk: u64,
    pub reads_buffer: u64,
    /// One per op.
    pub writes: u64,
    /// What the source calls it, such as its token number.
    pub token: Option<u32>,
    /// Positions in the sequence, vocabulary ids and text of the tokens it processed, where known.
    pub positions: Vec<u32>,
    pub token_ids: Vec<i32>,
    pub text: Option<String>,
}

impl Pass {
    /// The tokens that it processed: as many as have positions or ids, else one where it generates.
    pub fn tokens(&self) -> Option<u64> {
        match self.positions.len().max(self.token_ids.len()) {
            0 => (self.phase == Phase::Generate).then_some(1),
            known => Some(known as u64),
        }
    }
}

/// A runtime buffer.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Buffer {
    pub name: String,
    pub backend: String,
    /// ggml's usage: `ANY`, `WEIGHTS`, `COMPUTE`; empty where unknown.
    pub usage: String,
    /// What the source calls it by.
    pub source_id: u64,
    /// Address of its first byte.
    pub base: u64,
    /// Its extent on the BUFFER track.
    pub bytes: u64,
    /// What the source says its size is, where it says so.
    pub recorded_bytes: Option<u64>,
    /// On the run's clock; `None` where unknown, or still alive.
    pub alloc_ns: Option<u64>,
    pub free_ns: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ModelFile {
    pub name: String,
    /// Size of the file; where only a map of it exists, the highest end of a tensor.
    pub bytes: u64,
    pub data_offset: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Model {
    pub name: Option<String>,
    pub architecture: Option<String>,
    pub layers: Option<u32>,
    pub experts: Option<u32>,
    pub experts_used: Option<u32>,
    pub files: Vec<ModelFile>,
    /// Hyper-parameters as text.
    pub parameters: Vec<(String, String)>,
}

impl Model {
    pub fn file_bytes(&self) -> u64 {
        self.files.iter().fold(0, |sum, f| sum.saturating_add(f.bytes))
    }
}

/// What is not a table: `run.json` of a native run.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct RunMeta {
    /// What the run was read from, for people.
    pub source: String,
    /// What recorded it, such as `tensorscope-record 0.1`, where known.
    pub producer: Option<String>,
    /// Of the libraries that ran, where known.
    #[serde(default)]
    pub llama_cpp_version: Option<String>,
    #[serde(default)]
    pub ggml_version: Option<String>,
    pub model: Model,
    pub op_names: Vec<String>,
    /// ggml's tensor types by id, as the source numbers them.
    #[serde(default)]
    pub type_names: Vec<String>,
    /// Unit and origin of the stamps.
    pub clock: String,
    /// `timing`, `order`, or how the predecessor recorded.
    pub mode: String,
    pub notes: Vec<String>,
}

/// What a recording has to add to a run that grows: whole passes, and what they are the first to name. Rows are
/// referred to by their number in the whole run, wherever they were added.
#[derive(Debug, Clone, Default)]
pub struct NewRows {
    pub tensors: Vec<Tensor>,
    pub ops: Ops,
    pub ranges: Ranges,
    pub accesses: Accesses,
    pub passes: Vec<Pass>,
    /// The number of the first of `graphs`.
    pub first_graph: u32,
    pub graphs: Vec<Graph>,
    pub buffers: Vec<Buffer>,
}

/// A run.
#[derive(Debug, Clone)]
pub struct Trace {
    pub meta: RunMeta,
    pub tensors: Vec<Tensor>,
    pub ops: Ops,
    pub ranges: Ranges,
    pub accesses: Accesses,
    pub passes: Vec<Pass>,
    pub graphs: Vec<Graph>,
    pub buffers: Vec<Buffer>,
    pub health: Health,
}

impl Trace {
    pub fn op_count(&self) -> usize {
        self.ops.start_ns.len()
    }

    pub fn access_count(&self) -> usize {
        self.accesses.range.len()
    }

    /// The accesses of op `op`, as indices.
    pub fn accesses_of(&self, op: usize) -> std::ops::Range<usize> {
        let at = |i: usize| self.ops.first_access.get(i).map_or(self.access_count(), |&a| a as usize);
        let end = at(op + 1).min(self.access_count());
        at(op).min(end)..end
    }

    /// The op that access `access` belongs to.
    pub fn op_of_access(&self, access: usize) -> usize {
        self.ops.first_access.partition_point(|&first| first as usize <= access).saturating_sub(1)
    }

    pub fn op_name(&self, op: usize) -> &str {
        self.ops.kind.get(op).and_then(|&kind| self.meta.op_names.get(kind as usize)).map_or("?", String::as_str)
    }

    pub fn destination_name(&self, op: usize) -> &str {
        self.ops.destination.get(op).and_then(|t| self.tensors.get(t as usize)).map_or("", |t| t.name.as_str())
    }

    /// The pass that op `op` belongs to.
    pub fn pass_of(&self, op: usize) -> Option<&Pass> {
        self.passes.get(*self.ops.pass.get(op)? as usize)
    }

    /// To the last known end of an op, from the run's first stamp.
    pub fn duration_ns(&self) -> u64 {
        self.passes.iter().map(|p| p.start_ns.saturating_add(p.duration_ns)).max().unwrap_or(0)
    }
}
