//! What the readers hand over: the content of one file each, as it says it, before the model makes sense of it.

use std::path::Path;

/// A fault of a file that is read in spite of it. Readers collect these; `trace::Health` counts them by code.
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

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing; nothing shown is wrong.
    Info,
    /// Something shown is estimated or was repaired.
    Warning,
    /// Something is missing or cannot be trusted.
    Error,
}

/// A fault that a reader knows how to read in spite of; see [`Fault`] for the fields.
#[derive(Debug)]
pub struct FaultKind {
    pub code: &'static str,
    pub severity: Severity,
    pub message: &'static str,
}

/// Collects what is wrong with one file: one [`Fault`] a code, with its first place.
#[derive(Debug, Default)]
pub struct Faults(Vec<Fault>);

impl Faults {
    /// Counts one more of `kind`. `example` is asked for the first one only.
    pub fn add(&mut self, kind: &FaultKind, example: impl FnOnce() -> String) {
        match self.0.iter_mut().find(|fault| fault.code == kind.code) {
            Some(fault) => fault.count += 1,
            None => {
                let FaultKind { code, severity, message } = *kind;
                self.0.push(Fault { code, severity, message, count: 1, example: example() });
            }
        }
    }

    /// In the order in which they were met first.
    pub fn into_vec(self) -> Vec<Fault> {
        self.0
    }
}

/// A place in a file as examples write it: `token-00003.json byte 81922`.
pub fn place(path: &Path, byte: u64) -> String {
    format!("{} byte {byte}", file_name(path))
}

/// The last part of a path, for messages.
pub fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
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
