//! The analytics panel: the run's numbers on top, charts of its passes, layers, ops and experts below.

use egui::{Label, RichText, ScrollArea, TextWrapMode, Ui, Vec2};

use super::analytics_cards::{Card, Cards};
use super::analytics_engine::{AnalyticsEngine, Tables};
use super::analytics_matrix::MatrixView;
use super::{ViewContext, heatmap};
use crate::analysis::stats::fields::{self, Row};
use crate::state::Action;
use crate::trace::Phase;

/// A panel that is lower than this has its cards in one row.
const LOW: f32 = 330.0;
/// Sizes of a card, in points.
const LEAST_WIDTH: f32 = 300.0;
const HEIGHTS: [f32; 2] = [158.0, 260.0];
const GAP: f32 = 6.0;
/// What frame and heading of a card take.
const CARD_MARGIN: f32 = 5.0;
const HEADING: f32 = 19.0;
/// The numbers of the run where cards stand in one row.
const COLUMN: f32 = 208.0;

/// The run's numbers that stand on top: field, and what it is called there.
const HEADLINES: [(&str, &str); 10] = [
    ("duration_ns", "time in passes"),
    ("prompt_tokens_per_second", "prompt tokens/s"),
    ("generate_tokens_per_second", "generated tokens/s"),
    ("disk_share", "DISK share"),
    ("working_set_disk_bytes", "working set, DISK"),
    ("working_set_buffer_bytes", "working set, BUFFER"),
    ("never_touched_bytes", "never touched"),
    ("never_touched_share", "of the model"),
    ("sequential_share", "sequential reads"),
    ("reuse_median_bytes", "median reuse distance"),
];

/// The panel's own memory.
#[derive(Default)]
pub struct AnalyticsView {
    engine: AnalyticsEngine,
    matrices: [MatrixView; 2],
}

impl AnalyticsView {
    pub fn ui(&mut self, ui: &mut Ui, cx: &mut ViewContext<'_>) {
        let Some(document) = cx.document() else { return };
        let context = ui.ctx().clone();
        let tables = self.engine.tables(&document, cx.state.phase, move || context.request_repaint());
        toolbar(ui, cx);
        if let Some(fault) = &self.engine.fault {
            ui.colored_label(ui.visuals().error_fg_color, fault);
            return;
        }
        let Some(tables) = tables else {
            ui.horizontal(|ui| {
                ui.weak("counting what every op touches\u{2026}");
            });
            return;
        };
        let mut cards = Cards { document: &document, tables: &tables, matrices: &mut self.matrices };
        if ui.available_height() < LOW {
            one_row(ui, cx, &tables, &mut cards);
        } else {
            ScrollArea::vertical().id_salt("analytics").auto_shrink([false, false]).show(ui, |ui| {
                // Before anything can make it wider than what is seen.
                let width = ui.available_width();
                headlines(ui, &tables);
                grid(ui, cx, &tables, &mut cards, width);
            });
        }
    }

    pub fn is_working(&self) -> bool {
        self.engine.is_working()
    }
}

/// Measure and phase are those of all views.
fn toolbar(ui: &mut Ui, cx: &mut ViewContext<'_>) {
    ui.horizontal(|ui| {
        for (measure, text) in heatmap::MEASURES {
            let chosen = cx.state.heat.measure == measure;
            let button = ui.selectable_label(chosen, text).on_hover_text("the measure of heatmap and charts  M");
            button
                .widget_info(|| egui::WidgetInfo::selected(egui::Role::Button, true, chosen, format!("Count {text}")));
            if button.clicked() {
                cx.act(Action::SetMeasure { measure });
            }
        }
        ui.separator();
        let phases = [(None, "all phases"), (Some(Phase::Prompt), "prompt"), (Some(Phase::Generate), "generate")];
        for (phase, text) in phases {
            let chosen = cx.state.phase == phase;
            let button = ui.selectable_label(chosen, text).on_hover_text("the passes that count, in all views");
            let name = format!("Passes: {text}");
            button.widget_info(|| egui::WidgetInfo::selected(egui::Role::Button, true, chosen, &name));
            if button.clicked() {
                cx.act(Action::SetPhase { phase });
            }
        }
    });
}

/// Label, value and meaning of the numbers on top.
fn headline_texts(tables: &Tables) -> Vec<(&'static str, String, &'static str)> {
    let values = tables.run.values();
    let text = |field: &str| {
        values
            .iter()
            .find(|(name, _)| name == field)
            .map_or_else(|| "-".to_owned(), |(_, value)| fields::text(field, value))
    };
    HEADLINES
        .iter()
        .map(|&(field, label)| (label, text(field), fields::meaning("run", field).unwrap_or_default()))
        .collect()
}

fn headlines(ui: &mut Ui, tables: &Tables) {
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing.x = 18.0;
        for (label, value, meaning) in headline_texts(tables) {
            let texts = [RichText::new(value).strong().size(15.0), RichText::new(label).weak().small()];
            let wide = texts.iter().map(|text| width_of(ui, text.clone())).fold(0.0, f32::max);
            if ui.available_size_before_wrap().x < wide {
                ui.end_row();
            }
            let shown = ui.vertical(|ui| {
                ui.spacing_mut().item_spacing.y = 0.0;
                for text in texts {
                    ui.add(Label::new(text).extend());
                }
            });
            shown.response.on_hover_text(meaning);
        }
    });
    ui.add_space(2.0);
}

/// Points that `text` takes on one line.
fn width_of(ui: &Ui, text: RichText) -> f32 {
    let text = egui::WidgetText::from(text);
    text.into_galley(ui, Some(TextWrapMode::Extend), f32::INFINITY, egui::TextStyle::Body).size().x
}

/// Cards beside and below each other, in a panel that is `whole` points wide.
fn grid(ui: &mut Ui, cx: &mut ViewContext<'_>, tables: &Tables, cards: &mut Cards<'_>, whole: f32) {
    let shown = Card::of(tables);
    let columns = ((whole + GAP) / (LEAST_WIDTH + GAP)).floor().max(1.0);
    let lines = (shown.len() as f32 / columns).ceil();
    let width = ((whole - GAP * (columns - 1.0)) / columns).floor();
    let height = ((ui.available_height() - GAP * (lines - 1.0)) / lines).clamp(HEIGHTS[0], HEIGHTS[1]).floor();
    ui.spacing_mut().item_spacing = Vec2::splat(GAP);
    for line in shown.chunks(columns as usize) {
        ui.horizontal_top(|ui| {
            for &card in line {
                draw(ui, cx, cards, card, Vec2::new(width, height));
            }
        });
    }
}

fn one_row(ui: &mut Ui, cx: &mut ViewContext<'_>, tables: &Tables, cards: &mut Cards<'_>) {
    let height = ui.available_height();
    ui.horizontal_top(|ui| {
        ui.allocate_ui(Vec2::new(COLUMN, height), |ui| {
            ScrollArea::vertical().id_salt("numbers of the run").auto_shrink([false, false]).show(ui, |ui| {
                egui::Grid::new("numbers of the run").num_columns(2).spacing([8.0, 1.0]).show(ui, |ui| {
                    for (label, value, meaning) in headline_texts(tables) {
                        ui.weak(label).on_hover_text(meaning);
                        ui.strong(value).on_hover_text(meaning);
                        ui.end_row();
                    }
                });
            });
        });
        // The wheel moves the only direction that there is.
        ui.style_mut().always_scroll_the_only_direction = true;
        ScrollArea::horizontal().id_salt("charts").auto_shrink([false, false]).show(ui, |ui| {
            let height = ui.available_height();
            ui.horizontal_top(|ui| {
                ui.spacing_mut().item_spacing.x = GAP;
                for card in Card::of(tables) {
                    draw(ui, cx, cards, card, Vec2::new(LEAST_WIDTH, height));
                }
            });
        });
    });
}

/// A card: its heading with what it means, what its colours are, and its chart.
fn draw(ui: &mut Ui, cx: &mut ViewContext<'_>, cards: &mut Cards<'_>, card: Card, size: Vec2) {
    let (_, area) = ui.allocate_space(size);
    if !ui.is_rect_visible(area) {
        return;
    }
    let measure = cx.state.heat.measure;
    let stroke = ui.visuals().widgets.noninteractive.bg_stroke;
    ui.painter().rect_stroke(area, 3.0, stroke, egui::StrokeKind::Inside);
    let inner = area.shrink(CARD_MARGIN);
    let builder = egui::UiBuilder::new()
        .max_rect(inner)
        .layout(egui::Layout::top_down(egui::Align::Min))
        .id_salt(card.title(measure));
    let mut inside = ui.new_child(builder);
    inside.set_clip_rect(inner.expand(CARD_MARGIN - 1.0).intersect(ui.clip_rect()));
    inside.spacing_mut().item_spacing = egui::vec2(6.0, 2.0);
    inside.allocate_ui(Vec2::new(inner.width(), HEADING), |ui| {
        ui.horizontal(|ui| {
            ui.strong(card.title(measure)).on_hover_text(card.meaning(measure));
            for (name, color) in card.legend(measure) {
                ui.colored_label(color, "\u{25A0}");
                ui.weak(name);
            }
        });
    });
    let left = Vec2::new(inner.width(), inside.available_height());
    cards.ui(&mut inside, cx, card, left);
}
