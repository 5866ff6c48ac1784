//! How far a load is, for whoever waits for it, and the way to stop it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::error::ReadError;

/// Shared between the thread that loads and the one that shows it.
#[derive(Debug, Default)]
pub struct Progress {
    cancel: AtomicBool,
    done_bytes: AtomicU64,
    total_bytes: AtomicU64,
}

impl Progress {
    pub fn cancel(&self) {
        self.cancel.store(true, Ordering::Relaxed);
    }

    pub fn cancel_flag(&self) -> &AtomicBool {
        &self.cancel
    }

    /// Bytes read and bytes to read; (0, 0) before that is known.
    pub fn bytes(&self) -> (u64, u64) {
        (self.done_bytes.load(Ordering::Relaxed), self.total_bytes.load(Ordering::Relaxed))
    }

    pub(super) fn expect(&self, bytes: u64) {
        self.total_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn advance(&self, bytes: u64) -> Result<(), ReadError> {
        self.done_bytes.fetch_add(bytes, Ordering::Relaxed);
        self.check()
    }

    pub(super) fn check(&self) -> Result<(), ReadError> {
        if self.cancel.load(Ordering::Relaxed) { Err(ReadError::Cancelled) } else { Ok(()) }
    }
}
