//! The WGSL sources, embedded, under the names that tests and labels use.

/// Paints egui's meshes; used by `egui_painter`.
pub const EGUI: &str = include_str!("../../shaders/egui.wgsl");

/// Every shader module of the product: (file name, source). Tests validate each with default WebGPU capabilities.
pub const ALL: &[(&str, &str)] = &[("egui.wgsl", EGUI)];
