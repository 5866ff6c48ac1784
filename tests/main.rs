//! One test binary: linking is what costs on two cores.

mod cli_kernels;
mod egui_painter;
mod formats;
mod frame;
mod graph_draw;
mod heat;
mod layout;
mod png_files;
mod readers;
mod shaders;
mod wgsl;
mod window_harness;
