//! What a selected part of the heatmap holds in all: worked out beside the frames, for the inspector.

use egui::Ui;

use super::totals::Totals;
use super::{ViewContext, describe, inspector};
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
pub struct RegionView(Totals<Key, RegionTotals>);

impl RegionView {
    /// Asks for the totals of the region that is selected now. `wake` asks for a frame, from any thread.
    pub fn prepare(&mut self, state: &AppState, wake: impl Fn() + Send + 'static) {
        let key = match state.selection {
            Some(Item::Region(region)) => {
                Some(Key { region, order: state.heat.order, phases: phase_bits(state.phase) })
            }
            _ => None,
        };
        self.0.prepare(state, key, wake, |document, key, cancelled| {
            let layout = document.layout(key.region.track, key.order);
            probe::totals(&document.trace, layout, &key.region, key.phases, cancelled)
        });
    }

    pub fn is_working(&self) -> bool {
        self.0.is_working()
    }

    /// The totals, and what was touched with a way to each.
    pub fn ui(&self, ui: &mut Ui, cx: &mut ViewContext<'_>, document: &Document) {
        let Some((_, totals)) = self.0.ui(ui) else { return };
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
