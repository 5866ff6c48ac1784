//! Pure CPU work on a run: metrics, layouts, and the twins of the GPU kernels.

pub mod heat;
pub mod info;
pub mod layout;
pub mod layout_fdg;
