//! Whether the system has a shared library, asked the way that the window asks: by opening it.

/// True if the dynamic loader finds and opens `name`.
#[cfg(target_os = "linux")]
pub fn is_there(name: &str) -> bool {
    let Ok(name) = std::ffi::CString::new(name) else { return false };
    // SAFETY: the name is a C string, and the libraries asked for have no initialisers beyond what the window runs too.
    // The handle stays open: unloading is what such libraries survive least.
    #[expect(unsafe_code, reason = "the loader has no safe interface")]
    let handle = unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_LAZY | libc::RTLD_LOCAL) };
    !handle.is_null()
}

#[cfg(not(target_os = "linux"))]
pub fn is_there(_name: &str) -> bool {
    true
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::is_there;

    #[test]
    fn opens_what_is_there_and_nothing_else() {
        assert!(is_there("libc.so.6"));
        assert!(!is_there("libno-such-library.so.9"));
        assert!(!is_there("with\0zero"));
    }
}
