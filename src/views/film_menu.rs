//! Choices in the File menu: what of the window stills and films show, how large, how many frames a second

use egui::Ui;

use super::ViewContext;
use super::heatmap::choice;
use crate::state::Action;
use crate::state::film_choices::{FPS, Part, SCALES};

const PARTS: [(Part, &str); 2] = [(Part::All, "whole window"), (Part::Panel, "panel under the cursor")];

/// The choices, below the entries that make pictures.
pub fn choices(ui: &mut Ui, cx: &mut ViewContext<'_>) {
    let chosen = cx.state.film;
    ui.horizontal(|ui| {
        ui.weak("of the");
        choice(ui, "what stills and films show", chosen.part, &PARTS, |part| {
            cx.act(Action::SetFilm { fps: None, scale: None, view: Some(part) });
        });
    });
    ui.horizontal(|ui| {
        let mut fps = chosen.fps;
        let number = ui.add(egui::DragValue::new(&mut fps).range(FPS));
        let label = ui.weak("frames a second");
        if number.labelled_by(label.id).changed() {
            cx.act(Action::SetFilm { fps: Some(fps), scale: None, view: None });
        }
    });
    ui.horizontal(|ui| {
        let mut scale = chosen.scale.unwrap_or_else(|| ui.pixels_per_point());
        let number = ui.add(egui::DragValue::new(&mut scale).range(SCALES).speed(0.05).fixed_decimals(2));
        let label = ui.weak("pixels a point");
        if number.labelled_by(label.id).changed() {
            cx.act(Action::SetFilm { fps: None, scale: Some(scale), view: None });
        }
    });
}
