//! What a selected part of the heatmap holds in all: worked out beside the frames, for the inspector.

use std::sync::Arc;

use egui::Ui;

use super::{ViewContext, describe, inspector};
use crate::analysis::background::Background;
use crate::analysis::filter::Region;
use crate::analysis::links::Item;
use crate::analysis::probe::{self, RegionTotals, Touched};
use crate::state::{AppState, Document};
use crate::trace::tracks::{Order, phase_bits};
use crate::units;

/// Tensors that are listed, the most often touched first.
const MOST_LISTED: usize = 60;

/// What decides the totals of a run's region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Key {
    region: Region,
    order: Order,
    phases: u32,
}

#[derive(Default)]
pub struct RegionView {
    document: Option<Arc<Document>>,
    worker: Option<Background<(), (Key, RegionTotals)>>,
    asked: Option<Key>,
    totals: Option<(Key, RegionTotals)>,
    fault: Option<String>,
}

impl RegionView {
    /// Picks up answers, and asks for the totals of the region that is selected now. `wake` asks for a frame, from any
    /// thread.
    pub fn prepare(&mut self, state: &AppState, wake: impl Fn() + Send + 'static) {
        let Some(document) = &state.document else { return };
        if !self.document.as_ref().is_some_and(|known| Arc::ptr_eq(known, document)) {
            *self = Self { document: Some(document.clone()), ..Self::default() };
        }
        while let Some(answer) = self.worker.as_ref().and_then(Background::answer) {
            self.totals = Some(answer);
        }
        let Some(Item::Region(region)) = state.selection else { return };
        let key = Key { region, order: state.heat.order, phases: phase_bits(state.phase) };
        if self.asked == Some(key) {
            return;
        }
        self.asked = Some(key);
        if let Some(worker) = &self.worker {
            worker.cancel();
        }
        let worker = match self.worker.take().map_or_else(|| Background::start(wake), Ok) {
            Ok(worker) => self.worker.insert(worker),
            Err(error) => {
                self.fault = Some(format!("no thread to add it up with: {error}; close other programs"));
                return;
            }
        };
        let document = document.clone();
        worker.ask((), move |cancelled| {
            let layout = document.layout(region.track, key.order);
            probe::totals(&document.trace, layout, &region, key.phases, cancelled).map(|totals| (key, totals))
        });
    }

    pub fn is_working(&self) -> bool {
        self.worker.as_ref().is_some_and(Background::is_busy)
    }

    /// The totals, and what was touched with a way to each.
    pub fn ui(&self, ui: &mut Ui, cx: &mut ViewContext<'_>, document: &Document) {
        if let Some(fault) = &self.fault {
            ui.colored_label(ui.visuals().error_fg_color, fault);
        }
        let Some((_, totals)) = self.totals.as_ref().filter(|(key, _)| self.asked == Some(*key)) else {
            ui.weak("adding up...");
            return;
        };
        let duration = totals.duration_ns.map_or_else(|| "unknown".to_owned(), units::duration);
        inspector::facts(
            ui,
            "region",
            vec![
                ("ops that touch it", units::count(totals.ops)),
                ("these took", duration),
                ("accesses", units::count(totals.reads + totals.writes)),
                ("of them", format!("{} reads, {} writes", units::count(totals.reads), units::count(totals.writes))),
                ("bytes touched", format!("{}, repeats counted", units::bytes(totals.bytes))),
                ("distinct bytes", units::bytes(totals.distinct_bytes)),
            ],
        );
        ui.separator();
        for touched in totals.touched.iter().take(MOST_LISTED) {
            let &Touched { tensor, expert, reads, writes, bytes, .. } = touched;
            let item = expert.map_or(Item::Tensor(tensor), |expert| Item::Expert { tensor, expert });
            let line = ui.horizontal(|ui| {
                inspector::link(ui, cx, document, item, "");
                ui.weak(format!("{} x, {}", units::count(reads + writes), units::bytes(bytes)));
            });
            line.response.on_hover_text(format!("{}: {reads} reads, {writes} writes", describe::title(document, item)));
        }
        if let Some(more) = totals.touched.len().checked_sub(MOST_LISTED).filter(|more| *more > 0) {
            ui.weak(format!("and {} more, touched less often", units::count(more as u64)));
        }
    }
}
