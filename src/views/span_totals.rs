//! What a selected span of time holds in all: worked out beside the frames, for the inspector.

use egui::{ProgressBar, Ui};

use super::totals::Totals;
use super::{ViewContext, inspector, timeline};
use crate::analysis::links::Item;
use crate::analysis::op_times::has_own_times;
use crate::analysis::span_totals::{self, Part, SpanTotals, TimeSpan};
use crate::state::{Action, AppState, Document};
use crate::trace::tracks::{Order, phase_bits};
use crate::units;

/// Kinds and layers that are listed, those that took longest first.
const MOST_LISTED: usize = 12;

/// What decides the totals of a run's span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Key {
    span: TimeSpan,
    phases: u32,
}

#[derive(Default)]
pub struct SpanView(Totals<Key, SpanTotals>);

impl SpanView {
    /// Asks for the totals of the span that is selected now. `wake` asks for a frame, from any thread.
    pub fn prepare(&mut self, state: &AppState, wake: impl Fn() + Send + 'static) {
        let key = match state.selection {
            Some(Item::Span(span)) => Some(Key { span, phases: phase_bits(state.phase) }),
            _ => None,
        };
        self.0.prepare(state, key, wake, |document, key, cancelled| {
            let layouts = document.layouts(Order::File);
            span_totals::totals(&document.trace, layouts, key.span, key.phases, cancelled)
        });
    }

    pub fn is_working(&self) -> bool {
        self.0.is_working()
    }

    /// The totals, and what took most of the time with a way to each.
    pub fn ui(&self, ui: &mut Ui, cx: &mut ViewContext<'_>, document: &Document) {
        let Some((key, totals)) = self.0.ui(ui) else { return };
        let length = key.span.len_ns();
        let share = |ns: u64| 100.0 * ns as f64 / length.max(1) as f64;
        let tokens = if totals.tokens > 0 { units::count(totals.tokens) } else { "unknown".to_owned() };
        let mut facts = vec![
            ("duration", units::duration(length)),
            ("busy", format!("{}, {:.1} %", units::duration(totals.busy_ns), share(totals.busy_ns))),
            ("ops", units::count(totals.ops)),
            ("passes", units::count(totals.passes)),
            ("tokens", tokens),
            ("accesses", format!("{} reads, {} writes", units::count(totals.reads), units::count(totals.writes))),
        ];
        for (name, track) in [("DISK", 0), ("BUFFER", 1)] {
            let (all, distinct) = (units::bytes(totals.bytes[track]), units::bytes(totals.distinct_bytes[track]));
            facts.push((name, format!("{all} touched, {distinct} distinct")));
        }
        inspector::facts(ui, "span", facts);
        if !has_own_times(&document.trace) {
            ui.weak("recorded without times of ops: each is given an even part of its pass");
        }
        let ops = timeline::selected_ops(cx.state);
        if ops.is_some()
            && ops != cx.state.playback.looped
            && ui.button("Loop this span").on_hover_text("play it again and again  L").clicked()
        {
            cx.act(Action::LoopSpan { ops });
        }
        let bar = |ui: &mut Ui, part: &Part| {
            let of = part.busy_ns as f64 / totals.busy_ns.max(1) as f64;
            let text = format!("{}, {} ops", units::duration(part.busy_ns), units::count(part.ops));
            ui.add(
                ProgressBar::new(of as f32)
                    .desired_width(110.0)
                    .desired_height(13.0)
                    .corner_radius(2.0)
                    .text(egui::RichText::new(text).small()),
            );
        };
        let more = |ui: &mut Ui, count: usize| {
            if let Some(more) = count.checked_sub(MOST_LISTED).filter(|more| *more > 0) {
                ui.weak(format!("and {more} more"));
            }
        };
        ui.separator();
        ui.weak("kinds of op, by time");
        for (kind, part) in totals.kinds.iter().take(MOST_LISTED) {
            ui.horizontal(|ui| {
                bar(ui, part);
                ui.label(document.trace.meta.op_names.get(*kind as usize).map_or("?", String::as_str));
            });
        }
        more(ui, totals.kinds.len());
        ui.separator();
        ui.weak("layers, by time");
        for (layer, part) in totals.layers.iter().take(MOST_LISTED) {
            ui.horizontal(|ui| {
                bar(ui, part);
                match layer {
                    Some(layer) => inspector::link(ui, cx, document, Item::Layer(*layer), ""),
                    None => {
                        ui.label("in no layer");
                    }
                }
            });
        }
        more(ui, totals.layers.len());
    }
}
