//! Ctrl+C as a flag: what is being written comes to its end first.
#![cfg_attr(unix, expect(unsafe_code, reason = "signal handlers have no safe interface"))]

use std::sync::atomic::{AtomicBool, Ordering};

static ASKED: AtomicBool = AtomicBool::new(false);

#[cfg(unix)]
extern "C" fn handle(_signal: libc::c_int) {
    ASKED.store(true, Ordering::Relaxed);
}

/// From here on Ctrl+C, and a polite kill, are heard by [`is_asked`] and end nothing by themselves. Where a system has no
/// such signals, they end the program as ever.
pub fn listen() {
    #[cfg(unix)]
    for signal in [libc::SIGINT, libc::SIGTERM] {
        // SAFETY: the handler stores to an atomic and does nothing else.
        unsafe { libc::signal(signal, handle as *const () as libc::sighandler_t) };
    }
}

/// Whether the person wants the program to end.
pub fn is_asked() -> bool {
    ASKED.load(Ordering::Relaxed)
}
