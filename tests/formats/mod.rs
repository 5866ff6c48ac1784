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

use std::path::PathBuf;
use tensorscope::trace::raw::Fault;

/// A file of the shared real data, if it is there.
fn real_file(name: &str) -> Option<(PathBuf, Vec<u8>)> {
    let path = crate::sources::real(name)?;
    let bytes = std::fs::read(&path).unwrap();
    Some((path, bytes))
}

/// Codes and counts, for comparing at a glance.
fn counted(faults: &[Fault]) -> Vec<(&str, u64)> {
    faults.iter().map(|fault| (fault.code, fault.count)).collect()
}

fn fault<'a>(faults: &'a [Fault], code: &str) -> &'a Fault {
    faults.iter().find(|fault| fault.code == code).unwrap_or_else(|| panic!("no {code} in {faults:?}"))
}
