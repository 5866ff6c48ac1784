//! What readers hand to the builder: the content of one file each, as it says it, before the model makes sense of it.

use super::model::{Model, ModelFile};

pub use super::health::Severity;

/// A fault of a file that is read in spite of it. Readers collect these; `Health` counts them by code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Stable identifier in snake_case, such as `truncated_tail`.
    pub code: &'static str,
    pub severity: Severity,
    /// What it means for the person, without the example.
    pub message: &'static str,
    /// How many times this happened.
    pub count: u64,
    /// The first place, such as `token-00003.json byte 81922`.
    pub example: String,
}

/// A graph as one file lists it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RawGraph {
    pub nodes: Vec<RawNode>,
    pub edges: Vec<RawEdge>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RawNode {
    /// Unique in the graph: the id of the source, or `node_<k>`.
    pub id: String,
    /// As the source has it; a `<x>` before it is markup and not part of it.
    pub name: String,
    /// What the source's parser cut off the name and filed as its type (`reshaped`, `view`), if it did.
    pub cut_suffix: Option<String>,
    /// ggml's symbol (`X*Y`) or the op's name; `CONST` for leafs.
    pub operation: String,
    /// Elements by dimension, innermost first; at most 4.
    pub shape: Vec<u64>,
    /// ggml's type name (`f32`, `q4_K`), if the source gives a real one.
    pub dtype: Option<String>,
    /// A leaf: a weight or an input, not computed.
    pub leaf: bool,
}

/// An operand (`source`) that a consumer (`target`) reads in `slot`; indices into `nodes`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RawEdge {
    pub source: u32,
    pub target: u32,
    pub slot: u32,
}

/// What a memory map or the headers of a model's files say.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RawModel {
    pub name: Option<String>,
    pub architecture: Option<String>,
    pub layers: Option<u32>,
    pub experts: Option<u32>,
    pub experts_used: Option<u32>,
    pub files: Vec<RawModelFile>,
    /// In file order; experts of a 3-D tensor merged.
    pub tensors: Vec<RawTensor>,
    /// Everything else worth showing (`general.*`, `<arch>.*`), as text.
    pub parameters: Vec<(String, String)>,
}

/// The model for people. A file whose size is not known has 0 bytes.
impl From<&RawModel> for Model {
    fn from(raw: &RawModel) -> Self {
        let file = |f: &RawModelFile| ModelFile {
            name: f.name.clone(),
            bytes: f.bytes.unwrap_or(0),
            data_offset: f.data_offset,
        };
        Self {
            name: raw.name.clone(),
            architecture: raw.architecture.clone(),
            layers: raw.layers,
            experts: raw.experts,
            experts_used: raw.experts_used,
            files: raw.files.iter().map(file).collect(),
            parameters: raw.parameters.clone(),
        }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RawModelFile {
    pub name: String,
    /// Size of the file; `None` where only a map of it exists.
    pub bytes: Option<u64>,
    /// Where the tensors' data begins.
    pub data_offset: Option<u64>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RawTensor {
    pub name: String,
    /// ggml's type name, or `type_<id>` for an id that is not known.
    pub dtype: Option<String>,
    pub shape: Vec<u64>,
    /// Index into `files`.
    pub file: u32,
    /// From the first byte of its file.
    pub offset: u64,
    pub bytes: u64,
    /// Experts that the tensor stacks along its outermost dimension, if it is an expert tensor.
    pub experts: Option<u32>,
}

/// A runtime buffer that the source recorded.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RawBuffer {
    pub id: u64,
    pub name: String,
    pub backend: String,
    pub usage: String,
    pub bytes: u64,
    /// Address of its first byte, where the source says so.
    pub base: Option<u64>,
    /// On the clock of the trace.
    pub alloc_ns: Option<u64>,
    pub free_ns: Option<u64>,
}

/// Identifies a string in a [`Names`].
pub type NameId = u32;

/// Strings, each once.
#[derive(Debug, Clone, Default)]
pub struct Names {
    strings: Vec<Box<str>>,
    index: hashbrown::HashMap<Box<str>, NameId>,
}

impl Names {
    pub fn intern(&mut self, name: &str) -> NameId {
        if let Some(&id) = self.index.get(name) {
            return id;
        }
        let id = self.strings.len() as NameId;
        self.strings.push(name.into());
        self.index.insert(name.into(), id);
        id
    }

    pub fn find(&self, name: &str) -> Option<NameId> {
        self.index.get(name).copied()
    }

    pub fn get(&self, id: NameId) -> &str {
        self.strings.get(id as usize).map_or("", |s| s)
    }

    pub fn len(&self) -> usize {
        self.strings.len()
    }

    pub fn is_empty(&self) -> bool {
        self.strings.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.strings.iter().map(|s| &**s)
    }
}

/// Everything a source lists of an op but its time: thousands of passes share a few thousand of these.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct OpShape {
    /// The op's name in the builder's `kinds`.
    pub kind: NameId,
    /// The tensor that it writes; `None` where the source does not say.
    pub destination: Option<NameId>,
    pub thread: Option<u32>,
    pub operands: Vec<Operand>,
    /// Ids of the experts that it used, as many as the source lists.
    pub experts: Vec<i32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Operand {
    pub name: NameId,
    pub slot: u8,
    pub place: Place,
    /// As listed.
    pub bytes: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Place {
    /// In a model file; `None` where the source knows the file but not the offset.
    Disk { offset: Option<u64> },
    /// At an address inside the buffer that the source calls `buffer`.
    Buffer { buffer: u64, address: u64 },
    /// Only an address is known; the name decides whether it is a weight.
    Unknown { address: u64 },
}

/// One executed op.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpRow {
    pub start_ns: u64,
    /// The source's token number, which changes from pass to pass.
    pub token: u32,
    /// Index of its shape.
    pub shape: u32,
    pub phase: crate::trace::Phase,
}
