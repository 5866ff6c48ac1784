//! llama.cpp behind safe types: a model, a context that decodes and reports every node, tensors, samplers, its log.
#![expect(unsafe_code, reason = "llama.cpp has a C interface")]

pub mod context;
pub mod log;
pub mod model;
pub mod sampler;
pub mod tensor;

use std::ffi::{CStr, c_char};
use std::sync::Once;

/// A token's number in the vocabulary.
pub type Token = llama_cpp_sys_2::llama_token;

/// Starts llama.cpp, once.
pub fn start() {
    static STARTED: Once = Once::new();
    // SAFETY: called once, before anything else of llama.cpp.
    STARTED.call_once(|| unsafe { llama_cpp_sys_2::llama_backend_init() });
}

/// Version of llama.cpp.
pub fn version() -> String {
    // SAFETY: gives a constant string.
    text(unsafe { llama_cpp_sys_2::llama_version() })
}

/// Version of ggml.
pub fn ggml_version() -> String {
    // SAFETY: gives a constant string.
    text(unsafe { llama_cpp_sys_2::ggml_version() })
}

/// What the processor offers and llama.cpp was built to use.
pub fn system_info() -> String {
    // SAFETY: gives a string that lives as long as the program.
    text(unsafe { llama_cpp_sys_2::llama_print_system_info() }).trim().trim_end_matches('|').trim().to_owned()
}

/// ggml's names of tensor types, by number.
pub fn type_names() -> Vec<String> {
    // SAFETY: the numbers are those of ggml's own table; types that were removed have a name, too, or none.
    (0..llama_cpp_sys_2::GGML_TYPE_COUNT).map(|t| text(unsafe { llama_cpp_sys_2::ggml_type_name(t) })).collect()
}

/// ggml's names of ops, by number.
pub fn op_names() -> Vec<String> {
    // SAFETY: the numbers are those of ggml's own table.
    (0..llama_cpp_sys_2::GGML_OP_COUNT).map(|op| text(unsafe { llama_cpp_sys_2::ggml_op_name(op) })).collect()
}

/// A C string as text; nothing for a null pointer.
fn text(string: *const c_char) -> String {
    if string.is_null() {
        return String::new();
    }
    // SAFETY: not null, and llama.cpp ends its strings with a zero.
    unsafe { CStr::from_ptr(string) }.to_string_lossy().into_owned()
}
