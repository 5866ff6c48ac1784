//! One test binary: linking is what costs on two cores.

mod cli;
mod formats;
mod layering;
mod native;
mod shaders;
mod sources;
mod trace;
