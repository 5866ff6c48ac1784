//! How readers count the faults that they read in spite of.

use std::path::Path;

use crate::trace::raw::{Fault, Severity};

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
