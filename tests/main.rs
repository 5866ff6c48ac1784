//! One test binary: linking is what costs on two cores.

mod formats;
mod shaders;
