//! Bytes of any source -> `trace::Builder`. No GPU, no UI.

pub mod buffers;
pub mod data_types;
pub mod dot;
pub mod error;
pub mod faults;
pub mod gguf;
mod gguf_model;
pub mod graph_json;
pub mod mapped;
pub mod memory_map;
pub mod native;
pub mod open;
pub mod progress;
mod run_files;
pub mod symbols;
pub mod tensor_trace;
pub mod trace_json;

pub use error::ReadError;
pub use open::{open, open_with_preview};
pub use progress::Progress;
