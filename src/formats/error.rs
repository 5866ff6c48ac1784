//! One error type for every reader: what happened, in which file, at which byte, and what to do.

use std::path::{Path, PathBuf};

/// Why a source could not be read. Its text is one line and names the file.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("{}: {source}; check the path and that you may read it", path.display())]
    Io { path: PathBuf, source: std::io::Error },
    #[error("{}: at byte {byte}: expected {expected}, found {found}; {hint}", path.display())]
    Malformed { path: PathBuf, byte: u64, expected: String, found: String, hint: &'static str },
    #[error("{}: {reason}; {hint}", path.display())]
    Unusable { path: PathBuf, reason: String, hint: &'static str },
    #[error("{}: the file became shorter while it was open; copy it to a place where nothing changes it and open it again", path.display())]
    Shrunk { path: PathBuf },
    #[error("loading was cancelled")]
    Cancelled,
}

impl ReadError {
    pub fn io(path: &Path, source: std::io::Error) -> Self {
        Self::Io { path: path.to_owned(), source }
    }

    pub fn malformed(
        path: &Path,
        byte: u64,
        expected: impl Into<String>,
        found: impl Into<String>,
        hint: &'static str,
    ) -> Self {
        Self::Malformed { path: path.to_owned(), byte, expected: expected.into(), found: one_line(found.into()), hint }
    }

    pub fn unusable(path: &Path, reason: impl Into<String>, hint: &'static str) -> Self {
        Self::Unusable { path: path.to_owned(), reason: reason.into(), hint }
    }

    /// For JSON that does not parse: the byte where it stopped making sense, and what the parser says about it.
    pub fn json(path: &Path, bytes: &[u8], expected: &'static str, error: &serde_json::Error) -> Self {
        Self::malformed(path, json_byte(bytes, error), expected, json_message(error), "export the file again")
    }
}

/// Byte of `bytes` at which `error` stands; serde_json counts lines and, in bytes, columns.
pub(in crate::formats) fn json_byte(bytes: &[u8], error: &serde_json::Error) -> u64 {
    let lines_before = error.line().saturating_sub(1);
    let line_start: usize = bytes.split_inclusive(|&b| b == b'\n').take(lines_before).map(<[u8]>::len).sum();
    (line_start + error.column().saturating_sub(1)).min(bytes.len()) as u64
}

/// What the parser says, without the place.
pub(in crate::formats) fn json_message(error: &serde_json::Error) -> String {
    let message = error.to_string();
    message.split(" at line ").next().unwrap_or_default().to_owned()
}

/// What was found may be a name out of a damaged file: control characters in it would break the line, or the terminal.
fn one_line(text: String) -> String {
    if !text.contains(char::is_control) {
        return text;
    }
    text.chars().map(|c| if c.is_control() { c.escape_default().to_string() } else { c.to_string() }).collect()
}
