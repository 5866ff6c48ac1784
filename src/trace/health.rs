//! What is doubtful about a run, counted by kind, with an example each.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing; nothing shown is wrong.
    Info,
    /// Something shown is estimated or was repaired.
    Warning,
    /// Something is missing or cannot be trusted.
    Error,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthEntry {
    /// Stable identifier in snake_case.
    pub code: String,
    pub severity: Severity,
    /// How often.
    pub count: u64,
    pub message: String,
    /// The first place.
    pub example: String,
}

/// Entries in order of first report, one a code.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Health {
    pub entries: Vec<HealthEntry>,
}

impl Health {
    /// Counts `count` more cases of `code`; the first call fixes message and example. Nothing for a count of 0.
    pub fn report(
        &mut self,
        code: &str,
        severity: Severity,
        count: u64,
        message: &str,
        example: impl FnOnce() -> String,
    ) {
        if count == 0 {
            return;
        }
        if let Some(entry) = self.entries.iter_mut().find(|e| e.code == code) {
            entry.count += count;
            entry.severity = entry.severity.max(severity);
        } else {
            self.entries.push(HealthEntry {
                code: code.to_owned(),
                severity,
                count,
                message: message.to_owned(),
                example: example(),
            });
        }
    }

    pub fn worst(&self) -> Option<Severity> {
        self.entries.iter().map(|e| e.severity).max()
    }
}
