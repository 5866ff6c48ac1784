//! Bytes of any source -> `trace::Builder`. No GPU, no UI.

pub mod buffers;
pub mod data_types;
pub mod dot;
pub mod error;
pub mod gguf;
mod gguf_model;
pub mod graph_json;
pub mod mapped;
pub mod memory_map;
pub mod raw;
pub mod symbols;
