//! THE MODEL of a run: what every view, kernel and export reads. Knows no file format, no GPU and no UI.

pub mod builder;
mod columns;
pub mod distinct;
pub mod graph;
pub mod health;
mod implied;
mod map_repair;
pub mod model;
pub mod names;
mod places;
pub mod raw;
pub mod repeat;
mod resolve;
pub mod tracks;

pub use graph::{Category, Graph, GraphEdge, GraphNode, LayerView};
pub use health::{Health, HealthEntry, Severity};
pub use model::*;
pub use names::NodeType;
