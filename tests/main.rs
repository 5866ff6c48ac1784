//! One test binary: linking is what costs on two cores.

mod heat;
mod readers;
mod shaders;
