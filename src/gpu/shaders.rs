//! The WGSL sources, embedded, under the names that tests and labels use.

/// The force layout; used by `layout`.
pub const GRAPH_FORCES: &str = include_str!("../../shaders/graph_forces.wgsl");
/// Nodes and edges; used by `graph_draw`.
pub const GRAPH_DRAW: &str = include_str!("../../shaders/graph_draw.wgsl");

/// Every shader module of the product: (file name, source). Tests validate each with default WebGPU capabilities.
pub const ALL: &[(&str, &str)] = &[("graph_forces.wgsl", GRAPH_FORCES), ("graph_draw.wgsl", GRAPH_DRAW)];
