//! Readers against files built here, real files, and damaged ones.

pub mod buffers;
mod damage;
mod dot;
mod gguf;
mod graph_json;
mod mapped;
mod memory_map;
mod open;
mod tensor_trace;

use std::path::{Path, PathBuf};
use tensorscope::trace::raw::Fault;

/// A file of the shared real data, or `None` (said aloud) where a checkout stands alone.
fn real_file(name: &str) -> Option<(PathBuf, Vec<u8>)> {
    let folder = std::env::var_os("TENSORSCOPE_SHARED_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"), PathBuf::from);
    let path = folder.join(name);
    match std::fs::read(&path) {
        Ok(bytes) => Some((path, bytes)),
        Err(error) => {
            eprintln!("SKIPPED: {} is not there ({error})", path.display());
            None
        }
    }
}

/// Codes and counts, for comparing at a glance.
fn counted(faults: &[Fault]) -> Vec<(&str, u64)> {
    faults.iter().map(|fault| (fault.code, fault.count)).collect()
}

fn fault<'a>(faults: &'a [Fault], code: &str) -> &'a Fault {
    faults.iter().find(|fault| fault.code == code).unwrap_or_else(|| panic!("no {code} in {faults:?}"))
}
