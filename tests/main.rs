//! One test binary: linking is what costs on two cores.
#![expect(
    clippy::disallowed_methods,
    clippy::exit,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    unsafe_code,
    reason = "helpers of tests fail the test that calls them, and some tests run this binary again as their subject"
)]

mod analytics;
mod cli;
mod cli_kernels;
mod documents;
mod egui_painter;
mod export;
mod films;
mod formats;
mod frame;
mod graph_choices;
mod graph_draw;
mod graph_values;
mod heat;
mod heatmap_panel;
mod layering;
mod layout;
mod native;
mod playback;
mod png_files;
mod shaders;
mod sources;
mod stats;
mod table;
mod text;
mod timeline;
mod trace;
mod wgsl;
mod whole;
mod window;
mod window_harness;
mod workspace;
