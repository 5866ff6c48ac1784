//! Ctrl-C ends long work in order, so that nothing half-written stays; a second one ends the program at once

use std::sync::atomic::{AtomicBool, Ordering};

/// Whether the person wants no more of it.
pub static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// From now on Ctrl-C only says so. Where the system refuses that, it ends the program as before.
pub fn listen() {
    drop(ctrlc::set_handler(stop));
}

#[expect(clippy::exit, reason = "who asks twice does not want to wait for the end of anything")]
fn stop() {
    if INTERRUPTED.swap(true, Ordering::Relaxed) {
        std::process::exit(130);
    }
}
