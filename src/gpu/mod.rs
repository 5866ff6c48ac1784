//! Plain-old-data slices in, pixels and numbers out. Knows no trace and no egui.

pub mod adapters;
pub mod canvas;
pub mod colormap;
pub mod context;
pub mod egui_damage;
pub mod egui_mesh;
pub mod egui_painter;
pub mod frame_gpu;
pub mod graph_draw;
pub mod graph_pick;
pub mod heat;
pub mod heat_data;
pub mod heat_draw;
pub mod heat_kernels;
mod heat_maxima;
mod heat_places;
pub mod heat_plan;
pub mod heat_tiles;
pub mod layout;
pub mod shaders;
pub mod text;

pub use context::{Gpu, GpuError};
pub use frame_gpu::FrameGpu;
