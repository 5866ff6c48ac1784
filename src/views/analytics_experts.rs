//! Charts of a mixture of experts: which are used in which layer, how evenly, and what stays from token to token.

use egui::{Ui, Vec2};

use super::analytics_cards::{Card, Cards, Marked, layer_name, select_layer};
use super::analytics_chart::{Chart, Series, Shape, Unit};
use super::analytics_matrix::{Colors, Matrix};
use super::{ViewContext, theme};
use crate::analysis::links::Item;
use crate::units;

impl Cards<'_> {
    pub(super) fn by_expert_layer(&self, ui: &mut Ui, cx: &mut ViewContext<'_>, card: Card, size: Vec2) {
        let layers = &self.tables.experts.layers;
        let (unit, values): (Unit, Vec<Option<f64>>) = match card {
            Card::Entropy => (Unit::Bits, layers.iter().map(|l| l.entropy_bits).collect()),
            Card::Overlap => (Unit::Share, layers.iter().map(|l| l.overlap).collect()),
            _ => (Unit::Count, layers.iter().map(|l| l.never_used.map(f64::from)).collect()),
        };
        let at = |layer: Option<u32>| layer.and_then(|layer| layers.iter().position(|row| row.layer == Some(layer)));
        let chart = Chart {
            title: &card.title(cx.state.heat.measure),
            unit,
            shape: Shape::Bars,
            series: vec![Series { name: "", color: theme::EXPERTS, values }],
            name: &|item| layers.get(item).map_or_else(String::new, |row| layer_name(row.layer)),
            tick: &|item| layers.get(item).and_then(|row| row.layer).map_or_else(|| "-".to_owned(), |l| l.to_string()),
            selected: at(Marked::of(self.document, cx.state.selection).layer),
            compared: at(Marked::of(self.document, cx.state.compared).layer),
            theme: cx.state.theme,
        };
        if let Some(row) = chart.ui(ui, size).and_then(|item| layers.get(item)) {
            select_layer(cx, row.layer);
        }
    }

    pub(super) fn expert_uses(&mut self, ui: &mut Ui, cx: &mut ViewContext<'_>, size: Vec2) {
        let (layers, experts) = (&self.tables.experts.layers, &self.tables.experts.experts);
        let firsts: Vec<usize> = layers
            .iter()
            .scan(0, |next, layer| {
                let first = *next;
                *next += layer.experts as usize;
                Some(first)
            })
            .collect();
        let of = |row: usize, column: usize| {
            let layer = layers.get(row).filter(|layer| column < layer.experts as usize);
            layer.and_then(|_| experts.get(firsts[row] + column))
        };
        let told = |row: usize, column: usize| {
            let Some(uses) = of(row, column) else { return "no such expert".to_owned() };
            let layer = layer_name(uses.layer);
            let (ops, passes) = (units::count(uses.ops), units::count(uses.passes));
            format!(
                "{layer}, expert {}\nused by {ops} ops in {passes} passes\n{} touched",
                uses.expert,
                units::bytes(uses.touched_bytes)
            )
        };
        let marked = Marked::of(self.document, cx.state.selection);
        let row = marked.layer.and_then(|layer| layers.iter().position(|row| row.layer == Some(layer)));
        let phase = cx.state.phase.map_or(0, |phase| phase as u64 + 1);
        let matrix = Matrix {
            title: &Card::ExpertUses.title(cx.state.heat.measure),
            rows: layers.len(),
            columns: layers.iter().map(|layer| layer.experts as usize).max().unwrap_or(0),
            value: &|row, column| of(row, column).map_or(0, |uses| uses.ops),
            told: &told,
            row_name: &|row| layers.get(row).and_then(|l| l.layer).map_or_else(|| "-".to_owned(), |l| l.to_string()),
            column_name: &|column| column.to_string(),
            selected_row: row.filter(|_| marked.expert.is_none()),
            selected_column: None,
            selected_cell: row.zip(marked.expert.map(|expert| expert as usize)),
            colors: Colors {
                palette: cx.state.heat.palette,
                scale: cx.state.heat.scale,
                theme: cx.state.theme,
                values: self.document.number * 4 + phase,
            },
        };
        if let Some((row, column)) = matrix.ui(ui, &mut self.matrices[1], size)
            && let Some(uses) = of(row, column)
        {
            let tensors = (0_u32..).zip(&self.document.trace.tensors);
            let mut of_layer =
                tensors.filter(|(_, t)| t.layer == uses.layer && t.experts.is_some_and(|e| e > uses.expert));
            if let Some((tensor, _)) = of_layer.next() {
                cx.select_item(Item::Expert { tensor, expert: uses.expert });
            }
        }
    }
}
