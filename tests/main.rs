//! One test binary: linking is what costs on two cores.

mod graph_draw;
mod layout;
mod shaders;
mod wgsl;
