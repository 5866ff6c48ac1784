//! Bytes of any source -> `trace::Builder`. No GPU, no UI.

pub mod buffers;
pub mod dot;
pub mod error;
pub mod gguf;
pub mod graph_json;
pub mod mapped;
pub mod memory_map;
pub mod raw;
pub mod symbols;
