//! THE MODEL of a run: what every view, kernel and export reads. Knows no file format, no GPU and no UI.

pub mod builder;
pub mod graph;
pub mod health;
pub mod model;
pub mod names;
pub mod raw;
pub mod repeat;
pub mod resolve;
pub mod tracks;

pub use graph::{Category, Graph, GraphEdge, GraphNode, LayerView};
pub use health::{Health, HealthEntry, Severity};
pub use model::*;
pub use names::NodeType;
