//! What llama.cpp logs: kept until somebody asks why something failed, printed when the person wants all of it.

use std::ffi::{CStr, c_char, c_void};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use llama_cpp_sys_2 as sys;

/// Lines kept to explain a failure.
const KEPT_LINES: usize = 200;

struct Log {
    /// Level and text of whole lines, the newest last.
    lines: Vec<(sys::ggml_log_level, String)>,
    level: sys::ggml_log_level,
    line: String,
}

static LOG: Mutex<Log> = Mutex::new(Log { lines: Vec::new(), level: sys::GGML_LOG_LEVEL_NONE, line: String::new() });
static PRINT: AtomicBool = AtomicBool::new(false);

/// Takes llama.cpp's log from stderr; `print` sends it there all the same.
pub fn capture(print: bool) {
    PRINT.store(print, Ordering::Relaxed);
    // SAFETY: `receive` is a function and needs no data.
    unsafe { sys::llama_log_set(Some(receive), std::ptr::null_mut()) };
}

unsafe extern "C" fn receive(level: sys::ggml_log_level, text: *const c_char, _: *mut c_void) {
    if text.is_null() {
        return;
    }
    // SAFETY: llama.cpp passes a string that ends with a zero.
    let text = unsafe { CStr::from_ptr(text) }.to_string_lossy();
    if PRINT.load(Ordering::Relaxed) {
        eprint!("{text}");
    }
    let Ok(mut log) = LOG.lock() else { return };
    if level != sys::GGML_LOG_LEVEL_CONT {
        log.level = level;
    }
    for part in text.split_inclusive('\n') {
        log.line.push_str(part.trim_end_matches('\n'));
        if part.ends_with('\n') {
            let line = (log.level, std::mem::take(&mut log.line));
            if log.lines.len() == KEPT_LINES {
                log.lines.remove(0);
            }
            log.lines.push(line);
        }
    }
}

/// The errors among the last lines, oldest first and without repeats; the last warning where there is no error.
pub fn last_errors() -> Option<String> {
    let log = LOG.lock().ok()?;
    let of = |level| log.lines.iter().filter(move |(l, _)| *l == level).map(|(_, line)| line.trim());
    let mut errors: Vec<&str> = Vec::new();
    for line in of(sys::GGML_LOG_LEVEL_ERROR) {
        if !errors.contains(&line) {
            errors.push(line);
        }
    }
    if errors.is_empty() {
        errors.extend(of(sys::GGML_LOG_LEVEL_WARN).next_back());
    }
    (!errors.is_empty()).then(|| errors.join("; "))
}
