//! Records what stock llama.cpp reads and writes, to the byte, through its public interface.
//!
//! `session` decodes; `llama` is llama.cpp behind safe types; `observer` watches every node; `plan` works out, by the
//! `rules` of its op and the `layout` of its operands, which bytes it touches; `catalog` numbers what is new; `rows`
//! makes rows of it, which tensorscope's native format writes.

pub mod args;
pub mod catalog;
pub mod clock;
pub mod console;
pub mod layout;
pub mod llama;
pub mod observer;
pub mod plan;
pub mod prompt;
pub mod rows;
pub mod rules;
pub mod session;
pub mod text;
pub mod weights;
