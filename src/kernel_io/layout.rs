//! A graph as the layout engines see it, and where they put its nodes.

/// Layer of a node that has none.
pub const NO_LAYER: u32 = u32::MAX;

/// Nodes are 0..`layer.len()`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LayoutGraph {
    /// (operand, consumer); self-loops and parallel edges may occur.
    pub edges: Vec<[u32; 2]>,
    /// Per node: its layer or `NO_LAYER`.
    pub layer: Vec<u32>,
    /// Per node: position in execution order; a leaf has the order of its first consumer.
    pub order: Vec<u32>,
    /// Per node: true for weights and inputs, which hang beside the op that reads them.
    pub leaf: Vec<bool>,
    /// Per node: radius in layout units (1 is the usual node).
    pub radius: Vec<f32>,
}
