//! The charts of analytics: what each shows of a run's tables, and what a click in it selects.

use egui::{Color32, Ui, Vec2};

use super::analytics_chart::{Chart, Series, Shape, Unit};
use super::analytics_engine::Tables;
use super::analytics_matrix::{Colors, Matrix, MatrixView};
use super::{ViewContext, analytics_compare, theme};
use crate::analysis::filter::{Condition, Value};
use crate::analysis::links::Item;
use crate::analysis::stats::fields::meaning;
use crate::analysis::stats::{LayerPassStats, LayerStats, PassStats};
use crate::analysis::table_columns::Column;
use crate::state::{Action, Document, MeasureChoice};
use crate::trace::Track;
use crate::units;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Card {
    Selected,
    Layers,
    LayerTime,
    LayerPasses,
    Passes,
    PassTime,
    WorkingSet,
    OpKinds,
    Shares,
    Reuse,
    Memory,
    ExpertUses,
    Entropy,
    Overlap,
    NeverUsed,
}

impl Card {
    /// Those that there is something to show in.
    pub fn of(tables: &Tables) -> Vec<Self> {
        let mut cards = vec![
            Self::Selected,
            Self::Layers,
            Self::LayerTime,
            Self::LayerPasses,
            Self::Passes,
            Self::PassTime,
            Self::WorkingSet,
            Self::OpKinds,
            Self::Shares,
            Self::Reuse,
            Self::Memory,
        ];
        if !tables.experts.layers.is_empty() {
            cards.extend([Self::ExpertUses, Self::Entropy, Self::Overlap, Self::NeverUsed]);
        }
        cards
    }

    pub fn title(self, measure: MeasureChoice) -> String {
        let what = measure_title(measure);
        match self {
            Self::Selected => "selected".to_owned(),
            Self::Layers => format!("{what} by layer"),
            Self::LayerTime => "time by layer".to_owned(),
            Self::LayerPasses => format!("{what} by layer and pass"),
            Self::Passes => format!("{what} by pass"),
            Self::PassTime => "time by pass".to_owned(),
            Self::WorkingSet => "working set".to_owned(),
            Self::OpKinds => "time by kind of op".to_owned(),
            Self::Shares => "DISK and BUFFER".to_owned(),
            Self::Reuse => "reuse distance".to_owned(),
            Self::Memory => "memory by layer".to_owned(),
            Self::ExpertUses => "uses by layer and expert".to_owned(),
            Self::Entropy => "entropy of experts by layer".to_owned(),
            Self::Overlap => "overlap from token to token".to_owned(),
            Self::NeverUsed => "experts never used by layer".to_owned(),
        }
    }

    /// What its numbers mean, as the guide says it.
    pub fn meaning(self, measure: MeasureChoice) -> &'static str {
        let measured = match measure {
            MeasureChoice::Accesses => "accesses",
            MeasureChoice::Bytes => "touched_bytes",
            MeasureChoice::Logged => "logged_bytes",
        };
        let of = |table, field| meaning(table, field).unwrap_or_default();
        match self {
            Self::Selected => "numbers of the selected pass, layer or tensor",
            Self::Layers => of("layer", measured),
            Self::LayerTime => of("layer", "duration_ns"),
            Self::LayerPasses => of("layer-pass", measured),
            Self::Passes => of("pass", measured),
            Self::PassTime => of("pass", "duration_ns"),
            Self::WorkingSet => of("pass", "cumulative_disk_bytes"),
            Self::OpKinds => of("op", "duration_ns"),
            Self::Shares => of("run", "disk_share"),
            Self::Reuse => of("run", "reuse_median_bytes"),
            Self::Memory => of("layer", "weights_bytes"),
            Self::ExpertUses => of("expert", "ops"),
            Self::Entropy => of("expert-layer", "entropy_bits"),
            Self::Overlap => of("expert-layer", "overlap"),
            Self::NeverUsed => of("expert-layer", "never_used"),
        }
    }

    /// What its colours mean.
    pub fn legend(self, measure: MeasureChoice) -> Vec<(&'static str, Color32)> {
        let tracks = || Track::ALL.map(|track| (track.label(), theme::track(track))).to_vec();
        match self {
            Self::Layers | Self::Passes if measure != MeasureChoice::Accesses => tracks(),
            Self::WorkingSet | Self::Shares => tracks(),
            Self::Memory => theme::MEMORY.to_vec(),
            _ => Vec::new(),
        }
    }
}

fn measure_title(measure: MeasureChoice) -> &'static str {
    match measure {
        MeasureChoice::Accesses => "accesses",
        MeasureChoice::Bytes => "touched bytes",
        MeasureChoice::Logged => "logged bytes",
    }
}

/// What cards share while they are drawn.
pub struct Cards<'a> {
    pub document: &'a Document,
    pub tables: &'a Tables,
    /// Pictures of matrices: layers by passes, layers by experts.
    pub matrices: &'a mut [MatrixView; 2],
}

/// What of the charts' items is selected.
pub(super) struct Marked {
    pub layer: Option<u32>,
    pub pass: Option<u32>,
    pub expert: Option<u32>,
}

impl Marked {
    pub fn of(document: &Document, item: Option<Item>) -> Self {
        let trace = &document.trace;
        let layer_of = |tensor: u32| trace.tensors.get(tensor as usize).and_then(|t| t.layer);
        let (layer, pass, expert) = match item {
            Some(Item::Layer(layer)) => (Some(layer), None, None),
            Some(Item::Pass(pass)) => (None, Some(pass), None),
            Some(Item::Op(op)) => (trace.ops.layer.get(op as usize), trace.ops.pass.get(op as usize).copied(), None),
            Some(Item::Tensor(tensor)) => (layer_of(tensor), None, None),
            Some(Item::Expert { tensor, expert }) => (layer_of(tensor), None, Some(expert)),
            Some(Item::Node { graph, node }) => {
                let node = trace.graphs.get(graph as usize).and_then(|g| g.nodes.get(node as usize));
                (node.and_then(|node| node.layer), None, None)
            }
            _ => (None, None, None),
        };
        Self { layer, pass, expert }
    }
}

impl Cards<'_> {
    pub fn ui(&mut self, ui: &mut Ui, cx: &mut ViewContext<'_>, card: Card, size: Vec2) {
        match card {
            Card::Selected => analytics_compare::ui(ui, cx, self.document, self.tables),
            Card::Layers | Card::LayerTime | Card::Memory => self.by_layer(ui, cx, card, size),
            Card::Passes | Card::PassTime | Card::WorkingSet => self.by_pass(ui, cx, card, size),
            Card::LayerPasses => self.layer_passes(ui, cx, size),
            Card::OpKinds => self.op_kinds(ui, cx),
            Card::Shares => self.shares(ui, cx),
            Card::Reuse => self.reuse(ui, cx, size),
            Card::ExpertUses => self.expert_uses(ui, cx, size),
            Card::Entropy | Card::Overlap | Card::NeverUsed => self.by_expert_layer(ui, cx, card, size),
        }
    }

    fn by_layer(&self, ui: &mut Ui, cx: &mut ViewContext<'_>, card: Card, size: Vec2) {
        let layers = &self.tables.layers;
        let values =
            |value: fn(&LayerStats) -> Option<u64>| layers.iter().map(|l| value(l).map(|v| v as f64)).collect();
        let series = |name, color, value| Series { name, color, values: values(value) };
        let [disk, buffer] = Track::ALL.map(theme::track);
        let (unit, series) = match (card, cx.state.heat.measure) {
            (Card::LayerTime, _) => (Unit::Ns, vec![series("", theme::TIME, |l| l.duration_ns)]),
            (Card::Memory, _) => {
                let [weights, kv, compute] = theme::MEMORY;
                let weights = series(weights.0, weights.1, |l| Some(l.weights_bytes));
                let kv = series(kv.0, kv.1, |l| Some(l.kv_bytes));
                (Unit::Bytes, vec![weights, kv, series(compute.0, compute.1, |l| Some(l.compute_bytes))])
            }
            (_, MeasureChoice::Accesses) => (Unit::Count, vec![series("", theme::COUNT, |l| Some(l.accesses))]),
            (_, MeasureChoice::Bytes) => {
                let disk = series("DISK", disk, |l| Some(l.touched_disk_bytes));
                (Unit::Bytes, vec![disk, series("BUFFER", buffer, |l| Some(l.touched_buffer_bytes))])
            }
            (_, MeasureChoice::Logged) => {
                let disk = series("DISK", disk, |l| Some(l.logged_disk_bytes));
                (Unit::Bytes, vec![disk, series("BUFFER", buffer, |l| Some(l.logged_buffer_bytes))])
            }
        };
        let at = |layer: Option<u32>| layer.and_then(|layer| layers.iter().position(|row| row.layer == Some(layer)));
        let chart = Chart {
            title: &card.title(cx.state.heat.measure),
            unit,
            shape: Shape::Bars,
            series,
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

    fn by_pass(&self, ui: &mut Ui, cx: &mut ViewContext<'_>, card: Card, size: Vec2) {
        let passes = &self.tables.passes;
        let values = |value: fn(&PassStats) -> Option<u64>| passes.iter().map(|p| value(p).map(|v| v as f64)).collect();
        let series = |name, color, value| Series { name, color, values: values(value) };
        let [disk, buffer] = Track::ALL.map(theme::track);
        let (unit, series) = match (card, cx.state.heat.measure) {
            (Card::PassTime, _) => (Unit::Ns, vec![series("", theme::TIME, |p| p.duration_ns)]),
            (Card::WorkingSet, _) => {
                let disk = series("DISK", disk, |p| Some(p.cumulative_disk_bytes));
                (Unit::Bytes, vec![disk, series("BUFFER", buffer, |p| Some(p.cumulative_buffer_bytes))])
            }
            (_, MeasureChoice::Accesses) => (Unit::Count, vec![series("", theme::COUNT, |p| Some(p.accesses))]),
            (_, MeasureChoice::Bytes) => {
                let disk = series("DISK", disk, |p| Some(p.touched_disk_bytes));
                (Unit::Bytes, vec![disk, series("BUFFER", buffer, |p| Some(p.touched_buffer_bytes))])
            }
            (_, MeasureChoice::Logged) => {
                let disk = series("DISK", disk, |p| Some(p.logged_disk_bytes));
                (Unit::Bytes, vec![disk, series("BUFFER", buffer, |p| Some(p.logged_buffer_bytes))])
            }
        };
        let at = |pass: Option<u32>| pass.and_then(|pass| passes.iter().position(|row| row.pass == pass));
        let chart = Chart {
            title: &card.title(cx.state.heat.measure),
            unit,
            shape: Shape::Lines,
            series,
            name: &|item| passes.get(item).map_or_else(String::new, pass_name),
            tick: &|item| passes.get(item).map_or_else(String::new, |row| row.pass.to_string()),
            selected: at(Marked::of(self.document, cx.state.selection).pass),
            compared: at(Marked::of(self.document, cx.state.compared).pass),
            theme: cx.state.theme,
        };
        if let Some(row) = chart.ui(ui, size).and_then(|item| passes.get(item)) {
            cx.select_item(Item::Pass(row.pass));
        }
    }

    fn layer_passes(&mut self, ui: &mut Ui, cx: &mut ViewContext<'_>, size: Vec2) {
        let (layers, passes, cells) = (&self.tables.layers, &self.tables.passes, &self.tables.layer_passes);
        let measure = cx.state.heat.measure;
        let cell = |row: usize, column: usize| -> Option<&LayerPassStats> {
            let (layer, pass) = (layers.get(row)?.layer, passes.get(column)?.pass);
            let first = cells.partition_point(|cell| cell.pass < pass);
            cells[first..].iter().take_while(|cell| cell.pass == pass).find(|cell| cell.layer == layer)
        };
        let value = |cell: &LayerPassStats| match measure {
            MeasureChoice::Accesses => cell.accesses,
            MeasureChoice::Bytes => cell.touched_bytes,
            MeasureChoice::Logged => cell.logged_bytes,
        };
        let told = |row: usize, column: usize| {
            let Some(found) = cell(row, column) else { return "nothing here".to_owned() };
            let pass = passes.get(column).map_or_else(String::new, pass_name);
            let time = found.duration_ns.map_or_else(|| "time not known".to_owned(), units::duration);
            format!(
                "{}, {pass}\n{} ops, {time}\n{} accesses\n{} touched, {} logged\nclick: the layer, Shift+click: the pass",
                layer_name(found.layer),
                units::count(found.ops),
                units::count(found.accesses),
                units::bytes(found.touched_bytes),
                units::bytes(found.logged_bytes),
            )
        };
        let marked = Marked::of(self.document, cx.state.selection);
        let phase = cx.state.phase.map_or(0, |phase| phase as u64 + 1);
        let matrix = Matrix {
            title: &Card::LayerPasses.title(measure),
            rows: layers.len(),
            columns: passes.len(),
            value: &|row, column| cell(row, column).map_or(0, value),
            told: &told,
            row_name: &|row| layers.get(row).and_then(|l| l.layer).map_or_else(|| "-".to_owned(), |l| l.to_string()),
            column_name: &|column| passes.get(column).map_or_else(String::new, |p| p.pass.to_string()),
            selected_row: marked.layer.and_then(|layer| layers.iter().position(|row| row.layer == Some(layer))),
            selected_column: marked.pass.and_then(|pass| passes.iter().position(|row| row.pass == pass)),
            selected_cell: None,
            colors: Colors {
                palette: cx.state.heat.palette,
                scale: cx.state.heat.scale,
                theme: cx.state.theme,
                values: (self.document.number * 4 + phase) * 4 + measure as u64,
            },
        };
        if let Some((row, column)) = matrix.ui(ui, &mut self.matrices[0], size) {
            match ui.input(|i| i.modifiers.shift) {
                true => cx.select_item(Item::Pass(passes[column].pass)),
                false => select_layer(cx, layers[row].layer),
            }
        }
    }

    fn reuse(&self, ui: &mut Ui, cx: &ViewContext<'_>, size: Vec2) {
        let run = &self.tables.run;
        let first = run.reuse_histogram_reads.iter().position(|&reads| reads > 0).unwrap_or(0);
        let from = |item: usize| run.reuse_histogram_bytes.get(first + item).copied().unwrap_or(0);
        let bytes = |item: usize| units::bytes(from(item)).replace(".00 ", " ").replace(".0 ", " ");
        let reads = run.reuse_histogram_reads.get(first..).unwrap_or_default();
        let chart = Chart {
            title: &Card::Reuse.title(cx.state.heat.measure),
            unit: Unit::Count,
            shape: Shape::Bars,
            series: vec![Series {
                name: "reads",
                color: theme::COUNT,
                values: reads.iter().map(|&reads| Some(reads as f64)).collect(),
            }],
            name: &|item| format!("from {}", bytes(item)),
            tick: &bytes,
            selected: None,
            compared: None,
            theme: cx.state.theme,
        };
        chart.ui(ui, size);
    }
}

pub(super) fn layer_name(layer: Option<u32>) -> String {
    layer.map_or_else(|| "no layer".to_owned(), |layer| format!("layer {layer}"))
}

fn pass_name(row: &PassStats) -> String {
    let phase = row.phase.map_or("", crate::trace::Phase::label);
    match &row.text {
        Some(text) => format!("pass {} ({phase}): {}", row.pass, text.escape_debug()),
        None => format!("pass {} ({phase})", row.pass),
    }
}

/// Ops without a layer are listed, since there is nothing to select.
pub(super) fn select_layer(cx: &mut ViewContext<'_>, layer: Option<u32>) {
    match layer {
        Some(layer) => cx.select_item(Item::Layer(layer)),
        None => {
            let without = Condition::Is(vec![Value::Missing]);
            let filter = cx.state.filter.with_condition(Column::Layer, Some(without));
            cx.act(Action::SetFilter { filter });
        }
    }
}
