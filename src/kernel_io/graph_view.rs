//! How a graph is looked at and painted: camera and per-node, per-edge styles.

use bytemuck::{Pod, Zeroable};

/// Rounded square (leafs) instead of circle (ops).
pub const NODE_SQUARE: u32 = 1;
pub const NODE_SELECTED: u32 = 2;
pub const NODE_HOVERED: u32 = 4;
/// Painted with `GraphLook::dimmed_alpha`.
pub const NODE_DIMMED: u32 = 8;
pub const NODE_HIDDEN: u32 = 16;
/// With a hole in its middle, as a pin leaves one.
pub const NODE_PINNED: u32 = 32;

pub const EDGE_DASHED: u32 = 1;
pub const EDGE_DIMMED: u32 = 2;
pub const EDGE_HIDDEN: u32 = 4;
/// Wider, never faded by length, painted last.
pub const EDGE_HIGHLIGHTED: u32 = 8;

/// A gamma-space colour with straight alpha, red in the lowest byte.
pub const fn rgba(red: u8, green: u8, blue: u8, alpha: u8) -> u32 {
    u32::from_le_bytes([red, green, blue, alpha])
}

/// Mirrored in `graph_draw.wgsl`.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable)]
pub struct NodeStyle {
    pub fill: u32,
    pub outline: u32,
    /// In layout units; squares are painted with the same area as a circle of it.
    pub radius: f32,
    /// `NODE_*` bits.
    pub flags: u32,
}

impl NodeStyle {
    /// Not painted at all.
    pub const HIDDEN: Self = Self { fill: 0, outline: 0, radius: 1.0, flags: NODE_HIDDEN };
}

/// Mirrored in `graph_draw.wgsl`.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
pub struct EdgeStyle {
    pub color: u32,
    /// `EDGE_*` bits.
    pub flags: u32,
}

/// What holds for the whole picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GraphLook {
    pub background: u32,
    pub selected_ring: u32,
    pub hovered_ring: u32,
    pub dimmed_alpha: f32,
    /// Edges longer than this become fainter with length, so that fans of shared inputs do not drown the rest.
    pub edge_fade_units: f32,
}

/// Where on the graph a picture looks. Pixels count from the upper left corner, y downwards like layout units.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GraphCamera {
    /// Layout position in the middle of the picture.
    pub center: [f32; 2],
    /// Pixels per layout unit.
    pub scale: f32,
    pub viewport_px: [f32; 2],
}

impl GraphCamera {
    /// The camera that shows all of `positions` with `margin_px` around them.
    pub fn fit(positions: &[[f32; 2]], viewport_px: [f32; 2], margin_px: f32) -> Self {
        let mut low = [f32::INFINITY; 2];
        let mut high = [f32::NEG_INFINITY; 2];
        for position in positions {
            for axis in 0..2 {
                low[axis] = low[axis].min(position[axis]);
                high[axis] = high[axis].max(position[axis]);
            }
        }
        if positions.is_empty() {
            (low, high) = ([0.0; 2], [0.0; 2]);
        }
        // A unit of rim on both sides: positions are centres.
        let scale_along = |axis: usize| {
            let free_px = (viewport_px[axis] - 2.0 * margin_px).max(1.0);
            free_px / (high[axis] - low[axis] + 2.0)
        };
        Self {
            center: [0.5 * (low[0] + high[0]), 0.5 * (low[1] + high[1])],
            scale: scale_along(0).min(scale_along(1)),
            viewport_px,
        }
    }

    pub fn pixel_from_layout(&self, position: [f32; 2]) -> [f32; 2] {
        std::array::from_fn(|axis| (position[axis] - self.center[axis]) * self.scale + 0.5 * self.viewport_px[axis])
    }

    pub fn layout_from_pixel(&self, pixel: [f32; 2]) -> [f32; 2] {
        std::array::from_fn(|axis| (pixel[axis] - 0.5 * self.viewport_px[axis]) / self.scale + self.center[axis])
    }
}
