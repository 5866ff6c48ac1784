//! One test binary: linking is what costs on two cores.

mod egui_painter;
mod frame;
mod png_files;
mod shaders;
mod window_harness;
