//! GGUF model files to try and test with: architectures that llama.cpp runs, with random weights or with none.
//!
//! No llama.cpp and no viewer is needed to write them. What they compute means nothing; their headers, graphs, shapes
//! and byte ranges are those of real models.

mod architectures;
mod file;
mod gguf;
mod kind;
mod model;
mod tensor_type;
mod vocabulary;
mod weights;

use std::ops::ControlFlow;
use std::path::Path;

pub use file::{Options, WriteError, Written, WrittenFile};
pub use kind::{Kind, Plan};

/// Writes a model of `kind` to the file `path`, whole or not at all.
pub fn write(kind: Kind, path: &Path, seed: u64) -> Result<Written, WriteError> {
    write_with(kind, path, Options { seed, ..Options::default() }, &mut |_, _| ControlFlow::Continue(()))
}

/// Writes as `options` say. `progress` hears of bytes written and bytes in all every few megabytes, and may end it.
pub fn write_with(
    kind: Kind,
    path: &Path,
    options: Options,
    progress: &mut dyn FnMut(u64, u64) -> ControlFlow<()>,
) -> Result<Written, WriteError> {
    file::write(&kind.model(), path, options, progress)
}
