//! The native run: a folder `NAME.tscope/` of Arrow IPC files and `run.json`.
//!
//! Columns of a finished file are contiguous, aligned ranges of it, so opening maps them and copies nothing that grows
//! with the run. While a recording goes on, its tables are Arrow streams, which are rewritten when it ends. design.md
//! section 4 and the guide's page on the format list the tables.

mod batch;
mod columns;
mod error;
mod growth;
mod read;
mod recording;
mod records;
mod schema;
mod stream;
mod table;
mod unfinished;
mod write;

pub use error::WriteError;
pub use read::read;
pub use recording::Recording;
pub use write::write;

use serde::{Deserialize, Serialize};

use crate::trace::{Health, RunMeta};

/// What is not a table; its presence makes a folder a native run.
pub const RUN_FILE: &str = "run.json";
/// Raised when an older reader would misread a newer run.
pub const FORMAT_VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
struct RunFile {
    format_version: u32,
    /// The tables are streams still. Written only where it is so.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    unfinished: bool,
    #[serde(flatten)]
    meta: RunMeta,
    health: Health,
}
