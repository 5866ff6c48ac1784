//! Numbers of a run as tables: the run, its passes, layers, tensors, kinds of op and experts. Window, `stats` and reports
//! call the same functions.

mod counts;
mod durations;
mod experts;
pub mod fields;
mod groups;
mod layer_passes;
mod layers;
mod op_kinds;
mod passes;
mod places;
mod reach;
mod reuse;
mod run;
mod spans;
mod tensors;
mod walk;

use crate::trace::{Pass, Phase};

pub use experts::{ExpertLayerStats, ExpertStats, Experts, experts};
pub use layer_passes::{LayerPassStats, layer_passes};
pub use layers::{LayerStats, layers};
pub use op_kinds::{OpKindStats, op_kinds};
pub use passes::{PassStats, passes};
pub use run::{PhaseStats, RunStats, run};
pub use tensors::{TensorStats, tensors};

/// Which passes count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Scope {
    /// Those of this phase; `None`: all.
    pub phase: Option<Phase>,
}

impl Scope {
    pub fn has(self, pass: &Pass) -> bool {
        self.phase.is_none_or(|phase| phase == pass.phase)
    }
}
