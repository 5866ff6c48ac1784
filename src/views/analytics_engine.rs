//! The tables that analytics show: worked out beside the frames, once for each phase that was looked at.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::analysis::background::Background;
use crate::analysis::stats::{
    self, Experts, LayerPassStats, LayerStats, OpKindStats, PassStats, RunStats, Scope, TensorStats,
};
use crate::state::Document;
use crate::trace::{Phase, Trace};

/// All tables of a run, of one phase or of all.
pub struct Tables {
    pub run: RunStats,
    pub passes: Vec<PassStats>,
    pub layers: Vec<LayerStats>,
    pub tensors: Vec<TensorStats>,
    pub op_kinds: Vec<OpKindStats>,
    pub layer_passes: Vec<LayerPassStats>,
    pub experts: Experts,
}

impl Tables {
    fn of(trace: &Trace, scope: Scope, cancelled: &AtomicBool) -> Option<Self> {
        Some(Self {
            run: stats::run(trace, scope, cancelled)?,
            passes: stats::passes(trace, scope, cancelled)?,
            layers: stats::layers(trace, scope, cancelled)?,
            tensors: stats::tensors(trace, scope, cancelled)?,
            op_kinds: stats::op_kinds(trace, scope, cancelled)?,
            layer_passes: stats::layer_passes(trace, scope, cancelled)?,
            experts: stats::experts(trace, scope, cancelled)?,
        })
    }
}

/// The tables of a phase.
type Answer = (Option<Phase>, Tables);

#[derive(Default)]
pub struct AnalyticsEngine {
    document: Option<Arc<Document>>,
    worker: Option<Background<Option<Phase>, Answer>>,
    asked: Vec<Option<Phase>>,
    known: Vec<(Option<Phase>, Arc<Tables>)>,
    pub fault: Option<String>,
}

impl AnalyticsEngine {
    /// The tables of a phase, if they are there already; asks for them if nobody did. `wake` asks for a frame, from any
    /// thread.
    pub fn tables(
        &mut self,
        document: &Arc<Document>,
        phase: Option<Phase>,
        wake: impl Fn() + Send + 'static,
    ) -> Option<Arc<Tables>> {
        if !self.document.as_ref().is_some_and(|known| Arc::ptr_eq(known, document)) {
            *self = Self { document: Some(document.clone()), ..Self::default() };
        }
        while let Some((phase, tables)) = self.worker.as_ref().and_then(Background::answer) {
            self.known.push((phase, Arc::new(tables)));
        }
        if !self.asked.contains(&phase) {
            let worker = match self.worker.take().map_or_else(|| Background::start(wake), Ok) {
                Ok(worker) => self.worker.insert(worker),
                Err(error) => {
                    self.fault = Some(format!("no thread to count with: {error}; close other programs"));
                    return None;
                }
            };
            self.asked.push(phase);
            let document = document.clone();
            worker.ask(phase, move |cancelled| {
                Tables::of(&document.trace, Scope { phase }, cancelled).map(|tables| (phase, tables))
            });
        }
        self.known.iter().find(|(known, _)| *known == phase).map(|(_, tables)| tables.clone())
    }

    pub fn is_working(&self) -> bool {
        self.worker.as_ref().is_some_and(Background::is_busy)
    }
}
