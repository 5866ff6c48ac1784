//! tensorscope: a native, GPU-drawn explorer for what llama.cpp touches in memory.
//!
//! Data goes one way: `formats` -> `trace` -> {`analysis`, `gpu`} -> `views` -> `app`; `state` is what the person
//! sees and chose; `cli` sits beside `app`. ARCHITECTURE.md has one line for every module.

pub mod analysis;
pub mod app;
pub mod cli;
pub mod formats;
pub mod gpu;
pub mod kernel_io;
pub mod state;
pub mod trace;
pub mod units;
pub mod views;
