//! The native run: a folder `NAME.tscope/` of Arrow IPC files and `run.json`.
//!
//! Columns of a finished file are contiguous, aligned ranges of it, so opening maps them and copies nothing that grows
//! with the run. design.md section 4 and the guide's page on the format list the tables.

mod read;
mod schema;
mod table;
mod write;

pub use read::read;
pub use write::{WriteError, write};

use serde::{Deserialize, Serialize};

use crate::trace::{Health, RunMeta};

/// What is not a table; its presence makes a folder a native run.
pub const RUN_FILE: &str = "run.json";
/// Raised when an older reader would misread a newer run.
pub const FORMAT_VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
struct RunFile {
    format_version: u32,
    #[serde(flatten)]
    meta: RunMeta,
    health: Health,
}
