//! One test binary: linking is what costs on two cores.

mod layout;
mod shaders;
mod wgsl;
