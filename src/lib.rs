//! tensorscope: a native, GPU-drawn explorer for what llama.cpp touches in memory.
//!
//! Data goes one way: `formats` -> `trace` -> {`analysis`, `gpu`} -> `views` -> `app`; `state` is what the person
//! sees and chose; `cli` sits beside `app`. ARCHITECTURE.md has one line for every module.

#[cfg(feature = "viewer")]
pub mod analysis;
#[cfg(feature = "viewer")]
pub mod app;
#[cfg(feature = "viewer")]
pub mod cli;
#[cfg(feature = "viewer")]
pub mod export;
pub mod formats;
#[cfg(feature = "viewer")]
pub mod gpu;
pub mod kernel_io;
#[cfg(feature = "viewer")]
pub mod state;
pub mod trace;
pub mod units;
#[cfg(feature = "viewer")]
pub mod views;
