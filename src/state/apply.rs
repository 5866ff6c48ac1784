//! The one place where an Action changes the state.

use std::path::PathBuf;
use std::sync::Arc;

use super::action::{Action, Axes, ItemRef, RunFormat, View, ZoomTarget};
use super::camera::{GraphCamera, Motion, Span};
use super::film_choices::FilmOrder;
use super::table_choices::RowFormat;
use super::{AppState, Document, GraphGoal};
use crate::analysis::filter::{Filter, Region, TensorRef};
use crate::analysis::links::Item;
use crate::analysis::span_totals::TimeSpan;
use crate::trace::tracks::phase_bits;
use crate::trace::{Graph, Track};

/// What an Action asks of whoever owns the state.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    Open(PathBuf),
    CancelLoading,
    Still(FilmOrder),
    /// Begins a film, ends it, or does the other of what is done now.
    Record(Option<bool>, FilmOrder),
    Quit,
    /// Rows of the table, as they are shown.
    CopyRows(RowFormat),
    ExportRows(PathBuf, RowFormat),
    CancelExport,
    /// The ops that the filter lets through, as files for other tools.
    ExportRun(PathBuf, RunFormat),
    WriteReport(PathBuf),
    /// What an Action named is not in the run.
    NotFound(String),
    /// An Action asked for what cannot be: a sentence that says why and what to do.
    Refused(String),
    /// What was done, in words.
    Said(String),
    /// The name of an item, for the clipboard.
    CopyName(Item),
}

/// The camera never shows less than this.
const LEAST_BYTES: f64 = 8.0;
const LEAST_OPS: f64 = 4.0;
const LEAST_NS: f64 = 100.0;
/// A pan or zoom beyond these is a slip of a script.
const MOST_VIEWS: f64 = 1e6;
const MOST_ZOOM: f64 = 1e12;
/// Space left around what a camera goes to, as a share of its extent.
const MARGIN: f64 = 0.05;

impl AppState {
    /// Shows another run, or more of the one that is being read: what was chosen stays where it still fits.
    pub fn set_document(&mut self, document: Arc<Document>) {
        let same_run = self.document.as_ref().is_some_and(|old| old.path == document.path && !old.complete);
        if !same_run {
            let (heat, table, interface) = (self.heat.clone(), self.table.clone(), self.interface.clone());
            let playback = self.playback.chosen();
            let (theme, film, view) = (self.theme, self.film, self.view);
            *self = Self { heat, table, view, theme, interface, playback, film, ..Self::default() };
        }
        // Its steps name items by number.
        self.history = super::History::default();
        let old_selection = self.selection;
        self.table.suit(&document.trace);
        self.document = Some(document);
        // Numbers of a part of a run may name other things in the whole.
        self.set_selection(old_selection.filter(|item| matches!(item, Item::Op(_) | Item::Pass(_) | Item::Layer(_))));
        self.compared = self.compared.filter(|item| matches!(item, Item::Pass(_) | Item::Layer(_)));
        if matches!(self.filter.touches, Some(TensorRef::Number(_))) {
            self.filter.touches = None;
        }
        self.graph.pins.clear();
        self.graph.request = Some((GraphGoal::Everything, Motion::default()));
        self.fit(View::Heatmap, Motion::default());
        self.fit(View::Timeline, Motion::default());
    }

    /// Does `action`; the effects are for the caller to carry out.
    pub fn apply(&mut self, action: &Action) -> Vec<Effect> {
        match self.noting_choices(action, |state| state.change(action)) {
            Ok(effect) => effect.into_iter().collect(),
            Err(missing) => vec![Effect::NotFound(missing)],
        }
    }

    #[expect(clippy::too_many_lines, reason = "one arm an Action")]
    pub(super) fn change(&mut self, action: &Action) -> Result<Option<Effect>, String> {
        match action {
            Action::Select { item } => {
                let item = item.as_ref().map(|item| self.find(item)).transpose()?;
                if item != self.selection {
                    self.remember();
                    self.show_graph_of(item);
                    self.set_selection(item);
                    self.reveal();
                }
            }
            Action::ZoomTo { target: ZoomTarget::Selection, .. } if self.selection.is_none() => {
                return Ok(Some(nothing_selected()));
            }
            Action::ZoomTo { target, motion } => {
                self.remember();
                self.zoom_to(target, *motion)?;
            }
            Action::Pan { view, dx, dy, motion } => {
                if [dx, dy].iter().all(|by| by.abs() <= MOST_VIEWS) {
                    self.pan(*view, *dx, *dy, *motion);
                }
            }
            Action::Zoom { view, factor, x, y, track, axes, motion } => {
                let sane = 1.0 / MOST_ZOOM..=MOST_ZOOM;
                if sane.contains(factor) && [x, y].iter().all(|at| at.abs() <= MOST_VIEWS) {
                    self.zoom(*view, *factor, [*x, *y], *track, *axes, *motion);
                }
            }
            Action::ShowSpan { track, bytes, ops, motion } => {
                let finite = |span: &Span| span.start.is_finite() && span.end.is_finite() && span.len() > 0.0;
                if finite(bytes) && finite(ops) {
                    let bytes = bytes.within(self.track_bytes(*track) as f64, LEAST_BYTES);
                    self.heat.bytes[*track as usize].go(bytes, *motion);
                    self.heat.ops.go(ops.within(self.op_count() as f64, LEAST_OPS), *motion);
                }
            }
            Action::LookAt { center, scale, motion } => {
                if scale.is_finite() && *scale > 0.0 && center.iter().all(|c| c.is_finite()) {
                    self.graph.request = None;
                    self.graph.camera.go(GraphCamera { center: *center, scale: *scale }, *motion);
                }
            }
            Action::Fit { view, motion } => self.fit(*view, *motion),
            Action::SetView { view } => {
                self.view = *view;
                self.interface.closed.remove(view);
                if self.full_screen.is_some() {
                    self.full_screen = Some(*view);
                }
            }
            Action::Compare { with } => {
                self.compared = with.as_ref().map(|item| self.find(item)).transpose()?;
            }
            Action::SetLayer { layer, add } => self.set_layer(*layer, *add)?,
            Action::SetGraph { graph } => {
                let count = self.document.as_ref().map_or(0, |d| d.trace.graphs.len());
                if *graph as usize >= count {
                    return Err(format!("graph {graph}"));
                }
                self.remember();
                self.show_graph(*graph);
                self.relink();
            }
            Action::SetPass { pass } => self.set_pass(*pass)?,
            Action::SetPhase { phase } => {
                self.phase = *phase;
                self.relink();
            }
            Action::SetMeasure { measure } => self.heat.measure = *measure,
            Action::SetAggregate { aggregate } => self.heat.aggregate = *aggregate,
            Action::SetDirection { direction } => self.heat.direction = *direction,
            Action::SetOrder { order } => {
                if self.heat.order != *order {
                    self.remember();
                    self.show_order(*order);
                    self.relink();
                }
            }
            Action::SetRows { rows } => {
                if self.heat.rows != *rows {
                    self.remember();
                    self.heat.rows = *rows;
                }
            }
            Action::ShowSeeks { shown } => self.heat.seeks = *shown,
            Action::SetPalette { palette } => self.heat.palette = *palette,
            Action::SetScale { scale } => self.heat.scale = *scale,
            Action::SetFilter { filter } => {
                let region = filter.region.map(|region| self.within_run(region));
                self.filter = Filter { region, ..filter.clone() };
            }
            Action::SetSort { keys } => self.set_table_sort(keys),
            Action::SetColumns { columns } => self.set_table_columns(columns)?,
            Action::GroupBy { column, order, down } => self.group_table(*column, *order, *down)?,
            Action::GoTo { place } => self.go_to(*place)?,
            Action::CopyRows { format } => return Ok(Some(Effect::CopyRows(*format))),
            Action::ExportRows { path, format } => return Ok(Some(Effect::ExportRows(path.clone(), *format))),
            Action::CancelExport => return Ok(Some(Effect::CancelExport)),
            Action::WriteReport { path } => return Ok(Some(Effect::WriteReport(path.clone()))),
            Action::ExportRun { path, format } => return Ok(Some(Effect::ExportRun(path.clone(), *format))),
            Action::Fold { layer } => {
                let layers = self.shown_layers();
                self.graph.folded.extend(layer.map_or(0..layers, |l| l..l.saturating_add(1).min(layers)));
                self.graph.show_layers(std::collections::BTreeSet::new(), None);
                self.graph.request = Some((GraphGoal::Everything, Motion::default()));
            }
            Action::Unfold { layer } => {
                match layer {
                    Some(layer) => {
                        self.graph.folded.remove(layer);
                    }
                    None => self.graph.folded.clear(),
                }
                self.graph.request = Some((GraphGoal::Everything, Motion::default()));
            }
            Action::SetArrangement { arrangement } => {
                self.graph.arrangement = *arrangement;
                self.graph.request = Some((GraphGoal::Everything, Motion::default()));
            }
            Action::UnfoldExperts { unfolded } => {
                self.graph.experts = *unfolded;
                self.graph.request = Some((GraphGoal::Everything, Motion::default()));
            }
            Action::SetNodeColor { color } => self.graph.color = *color,
            Action::SetNodeSize { size } => self.graph.size = *size,
            Action::FindNodes { pattern } => return Ok(self.find_nodes(pattern).err()),
            Action::StepHit { back } => self.step_hit(*back)?,
            Action::SetTrail { trail } => self.set_trail(trail)?,
            Action::SetSettling { on } => self.graph.settling = *on,
            Action::SetLayoutEngine { engine } => self.graph.engine = *engine,
            Action::PinNode { node, expert, x, y } => return Ok(self.pin_node(node, *expert, [*x, *y]).err()),
            Action::UnpinNode { node, expert } => return Ok(self.unpin_node(node.as_deref(), *expert).err()),
            Action::Play { clock, speed, ops_per_second } => {
                return Ok(self.play(*clock, *speed, *ops_per_second).err());
            }
            Action::Pause => self.pause(),
            Action::SetClock { clock } => return Ok(self.set_clock(*clock).err()),
            Action::SetSpeed { speed } => return Ok(self.set_speed(self.playback.clock, *speed).err()),
            Action::LoopSpan { ops } => return Ok(self.loop_span(*ops).err()),
            Action::Seek { op } => self.seek(*op)?,
            Action::Step { by, back } => self.step(*by, *back)?,
            Action::FullScreen { view } => {
                self.full_screen = *view;
                self.view = view.unwrap_or(self.view);
            }
            Action::SetTheme { theme } => self.theme = *theme,
            Action::ShowPalette { shown } => self.interface.palette_shown = *shown,
            Action::ShowSearch { shown } => self.interface.search_shown = *shown,
            Action::Search { text } => {
                self.interface.search.clone_from(text);
                self.interface.search_shown = true;
            }
            Action::ShowHint { shown } => self.interface.hint_shown = *shown,
            Action::FilterTo { item } => return self.filter_to(item.as_ref()),
            Action::CopyName { item } => match self.item_or_selection(item.as_ref())? {
                Some(item) => return Ok(Some(Effect::CopyName(item))),
                None => return Ok(Some(nothing_selected())),
            },
            Action::ClosePanel { view } => {
                self.interface.closed.insert(*view);
                self.full_screen = self.full_screen.filter(|shown| shown != view);
            }
            Action::ResetPanels => {
                self.interface.closed.clear();
                self.interface.panel_resets += 1;
                self.full_screen = None;
            }
            Action::SetUiScale { scale } => self.interface.set_ui_scale(*scale),
            Action::StepUiScale { larger } => self.interface.step_ui_scale(*larger),
            Action::Undo => return Ok(Some(self.undo())),
            Action::Redo => return Ok(Some(self.redo())),
            Action::Back => self.go_back(),
            Action::Forward => self.go_forward(),
            Action::ShowKeys { shown } => self.keys_shown = *shown,
            Action::Open { path } => return Ok(Some(Effect::Open(path.clone()))),
            Action::CancelLoading => return Ok(Some(Effect::CancelLoading)),
            Action::Still { path, scale, view } => {
                return Ok(Some(match self.film_choices(*view, *scale, None) {
                    Ok(choices) => Effect::Still(FilmOrder { path: path.clone(), choices }),
                    Err(why) => Effect::Refused(why),
                }));
            }
            Action::Record { on, path, fps, scale, view } => {
                return Ok(Some(match self.film_choices(*view, *scale, *fps) {
                    Ok(choices) => Effect::Record(*on, FilmOrder { path: path.clone(), choices }),
                    Err(why) => Effect::Refused(why),
                }));
            }
            Action::SetFilm { fps, scale, view } => return Ok(self.set_film(*view, *scale, *fps)),
            Action::Quit => return Ok(Some(Effect::Quit)),
            Action::Wait { .. } => {}
        }
        Ok(None)
    }

    /// Shows the DISK track in another order.
    pub(super) fn show_order(&mut self, order: crate::trace::tracks::Order) {
        self.heat.order = order;
        // Bytes of a region are those of the order that it was selected in.
        let of_disk = |region: &Region| region.track == Track::Disk;
        if matches!(self.selection, Some(Item::Region(region)) if of_disk(&region)) {
            self.selection = None;
        }
        self.filter.region = self.filter.region.filter(|region| !of_disk(region));
        // Bytes of the other order are other tensors: show all, then what was selected stands out.
        let whole = Span::new(0.0, (self.track_bytes(Track::Disk) as f64).max(1.0));
        self.heat.bytes[Track::Disk as usize].go(whole, Motion::default());
    }

    fn item_or_selection(&self, item: Option<&ItemRef>) -> Result<Option<Item>, String> {
        item.map_or(Ok(self.selection), |item| self.find(item).map(Some))
    }

    fn filter_to(&mut self, item: Option<&ItemRef>) -> Result<Option<Effect>, String> {
        let Some(item) = self.item_or_selection(item)? else { return Ok(Some(nothing_selected())) };
        let Some(filter) = self.filter_of(item) else {
            let why = "no op of the run is known to touch it, so the table has nothing to list of it";
            return Ok(Some(Effect::Refused(why.to_owned())));
        };
        self.filter = self.filter.with(&filter);
        if self.full_screen.is_none() {
            self.view = View::Table;
            self.interface.closed.remove(&View::Table);
        }
        Ok(None)
    }

    /// The item that is meant, if the run has it.
    pub(super) fn find(&self, item: &ItemRef) -> Result<Item, String> {
        let document = self.document.as_ref().ok_or("a run")?;
        let trace = &document.trace;
        let tensor = |wanted: &crate::analysis::filter::TensorRef| {
            wanted.resolve(trace).next().ok_or_else(|| format!("tensor {}", serde_json::json!(wanted)))
        };
        let within = |index: u32, count: usize, what: &str| match (index as usize) < count {
            true => Ok(index),
            false => Err(format!("{what} {index}")),
        };
        Ok(match item {
            ItemRef::Tensor(wanted) => Item::Tensor(tensor(wanted)?),
            ItemRef::Op(op) => Item::Op(within(*op, trace.op_count(), "op")?),
            ItemRef::Node(name) => Item::Node { graph: self.graph.graph, node: self.find_node(name)? },
            ItemRef::Layer(layer) => Item::Layer(within(*layer, self.shown_layers() as usize, "layer")?),
            ItemRef::Pass(pass) => Item::Pass(within(*pass, trace.passes.len(), "pass")?),
            ItemRef::Expert { tensor: wanted, expert } => {
                let tensor = tensor(wanted)?;
                let experts = trace.tensors[tensor as usize].experts.unwrap_or(0);
                Item::Expert { tensor, expert: within(*expert, experts as usize, "expert")? }
            }
            ItemRef::Region(region) => Item::Region(self.within_run(*region)),
            ItemRef::Span { time_ns } => {
                let [from, to] = time_ns.map(|ns| ns.min(trace.duration_ns()));
                Item::Span(TimeSpan { start_ns: from.min(to), end_ns: from.max(to) })
            }
        })
    }

    /// `region` with its ends in order and within the run.
    fn within_run(&self, region: Region) -> Region {
        let Region { track, mut bytes, mut ops } = region;
        bytes.sort_unstable();
        ops.sort_unstable();
        let (extent, count) = (self.track_bytes(track), self.op_count() as u32);
        Region { track, bytes: bytes.map(|b| b.min(extent)), ops: ops.map(|op| op.min(count)) }
    }

    pub(super) fn find_node(&self, name: &str) -> Result<u32, String> {
        let graph = self.document.as_ref().and_then(|d| d.trace.graphs.get(self.graph.graph as usize));
        let nodes = graph.map_or(&[][..], |g| &g.nodes);
        let by = |f: fn(&crate::trace::GraphNode) -> &str| nodes.iter().position(|n| f(n) == name);
        let found = by(|n| &n.id).or_else(|| by(|n| &n.name)).or_else(|| by(|n| &n.label));
        found.map(|i| i as u32).ok_or_else(|| format!("node {name}"))
    }

    /// Layers of the shown graph.
    pub fn shown_layers(&self) -> u32 {
        let graph = self.document.as_ref().and_then(|d| d.trace.graphs.get(self.graph.graph as usize));
        graph.map_or(0, Graph::layers)
    }

    fn show_graph(&mut self, graph: u32) {
        if self.graph.graph != graph {
            self.graph.graph = graph;
            self.graph.search = super::NodeSearch::default();
            let count = self.shown_layers();
            let layers = self.graph.layers().into_iter().filter(|&layer| layer < count).collect();
            self.graph.show_layers(layers, self.graph.layer);
            self.graph.request = Some((GraphGoal::Everything, Motion::default()));
        }
    }

    /// Shows the graph in which an op or a pass ran, and of an op the layer, where one layer is shown.
    pub(super) fn show_graph_of(&mut self, item: Option<Item>) {
        let Some(document) = self.document.clone() else { return };
        let pass = match item {
            Some(Item::Op(op)) => document.trace.pass_of(op as usize),
            Some(Item::Pass(pass)) => {
                self.pass = Some(pass);
                document.trace.passes.get(pass as usize)
            }
            _ => None,
        };
        if let Some(graph) = pass.and_then(|p| p.graph) {
            self.show_graph(graph);
        }
        if let Some(Item::Op(op)) = item {
            let layer = document.trace.ops.layer.get(op as usize);
            let shown = self.graph.layers();
            if !shown.is_empty() && layer.is_none_or(|layer| !shown.contains(&layer)) {
                self.graph.show_layers(layer.into_iter().collect(), layer);
                self.graph.request = Some((GraphGoal::Everything, Motion::default()));
            }
        }
    }

    pub(super) fn set_layer(&mut self, layer: Option<u32>, add: bool) -> Result<(), String> {
        if let Some(layer) = layer.filter(|&l| l >= self.shown_layers()) {
            return Err(format!("layer {layer}"));
        }
        let mut layers = layer.into_iter().collect();
        if let (true, Some(layer)) = (add, layer) {
            layers = self.graph.layers();
            if !layers.remove(&layer) {
                layers.insert(layer);
            }
        }
        if self.graph.layers() != layers {
            self.remember();
            self.graph.show_layers(layers, layer);
            self.graph.request = Some((GraphGoal::Everything, Motion::default()));
            self.set_selection(self.graph.layer.map(Item::Layer));
        }
        Ok(())
    }

    pub(super) fn set_pass(&mut self, pass: u32) -> Result<(), String> {
        let item = Some(self.find(&ItemRef::Pass(pass))?);
        self.remember();
        self.show_graph_of(item);
        self.set_selection(item);
        self.reveal();
        Ok(())
    }

    fn zoom_to(&mut self, target: &ZoomTarget, motion: Motion) -> Result<(), String> {
        let item = match target {
            ZoomTarget::Tensor(tensor) => self.find(&ItemRef::Tensor(tensor.clone()))?,
            ZoomTarget::Layer(layer) => self.find(&ItemRef::Layer(*layer))?,
            ZoomTarget::Op(op) => self.find(&ItemRef::Op(*op))?,
            ZoomTarget::Pass(pass) => self.find(&ItemRef::Pass(*pass))?,
            ZoomTarget::Selection => self.selection.ok_or("selection")?,
            ZoomTarget::Node(name) => {
                let node = self.find_node(name)?;
                self.graph.request = Some((GraphGoal::Nodes(vec![node]), motion));
                return Ok(());
            }
            ZoomTarget::Range { track, bytes, ops } => {
                self.show_bytes(*track, *bytes, motion);
                if let Some(ops) = ops {
                    self.show_ops(*ops, motion);
                }
                return Ok(());
            }
        };
        let Some(document) = self.document.clone() else { return Ok(()) };
        let links = document.links(item, self.graph.graph, self.heat.order, phase_bits(self.phase));
        for track in Track::ALL {
            if let Some(bytes) = links.span(track) {
                self.show_bytes(track, bytes, motion);
            }
        }
        if let Some(ops) = links.ops {
            self.show_ops(ops, motion);
        }
        if !links.nodes.is_empty() {
            self.graph.request = Some((GraphGoal::Nodes(links.nodes), motion));
        }
        Ok(())
    }

    fn show_bytes(&mut self, track: Track, bytes: [u64; 2], motion: Motion) {
        let extent = self.track_bytes(track) as f64;
        let span = with_margin(bytes[0] as f64, bytes[1] as f64).within(extent, LEAST_BYTES);
        self.heat.bytes[track as usize].go(span, motion);
    }

    fn show_ops(&mut self, ops: [u32; 2], motion: Motion) {
        let span = with_margin(f64::from(ops[0]), f64::from(ops[1])).within(self.op_count() as f64, LEAST_OPS);
        self.heat.ops.go(span, motion);
    }

    fn fit(&mut self, view: View, motion: Motion) {
        match view {
            View::Graph => self.graph.request = Some((GraphGoal::Everything, motion)),
            View::Heatmap => {
                for track in Track::ALL {
                    let whole = Span::new(0.0, (self.track_bytes(track) as f64).max(LEAST_BYTES));
                    self.heat.bytes[track as usize].go(whole, motion);
                }
                let ops = Span::new(0.0, (self.op_count() as f64).max(LEAST_OPS));
                self.heat.ops.go(ops, motion);
            }
            View::Timeline => {
                let run = self.document.as_ref().map_or(0, |d| d.trace.duration_ns()) as f64;
                self.timeline.go(Span::new(0.0, run.max(LEAST_NS)), motion);
            }
            View::Table | View::Health | View::Inspector | View::Analytics => {}
        }
    }

    fn pan(&mut self, view: View, dx: f64, dy: f64, motion: Motion) {
        let moved = |span: Span, by: f64, extent: f64, least: f64| {
            let by = by * span.len();
            Span::new(span.start + by, span.end + by).within(extent, least)
        };
        match view {
            View::Graph => {
                let camera = self.graph.camera.goal();
                let units = super::GRAPH_PAN_POINTS / camera.scale;
                let center = [camera.center[0] + dx as f32 * units, camera.center[1] + dy as f32 * units];
                self.graph.request = None;
                self.graph.camera.go(GraphCamera { center, ..camera }, motion);
            }
            View::Heatmap => {
                for track in Track::ALL {
                    let extent = self.track_bytes(track) as f64;
                    let bytes = &mut self.heat.bytes[track as usize];
                    bytes.go(moved(bytes.goal(), dx, extent, LEAST_BYTES), motion);
                }
                let by = |seen: Span| Span::new(seen.start + dy * seen.len(), seen.end + dy * seen.len());
                let ops = self.along_rows(self.heat.ops.goal(), by).within(self.op_count() as f64, LEAST_OPS);
                self.heat.ops.go(ops, motion);
            }
            View::Timeline => {
                let run = self.document.as_ref().map_or(0, |d| d.trace.duration_ns()) as f64;
                self.timeline.go(moved(self.timeline.goal(), dx, run, LEAST_NS), motion);
            }
            View::Table => self.table.pages += dy,
            View::Health | View::Inspector | View::Analytics => {}
        }
    }

    fn zoom(&mut self, view: View, factor: f64, at: [f64; 2], track: Option<Track>, axes: Axes, motion: Motion) {
        match view {
            View::Graph => {
                let camera = self.graph.camera.goal();
                let scale = (f64::from(camera.scale) * factor).clamp(1e-3, 1e4) as f32;
                let points = super::GRAPH_PAN_POINTS;
                let shift = |at: f64| (at as f32 - 0.5) * points * (1.0 / camera.scale - 1.0 / scale);
                let center = [camera.center[0] + shift(at[0]), camera.center[1] + shift(at[1])];
                self.graph.request = None;
                self.graph.camera.go(GraphCamera { center, scale }, motion);
            }
            View::Heatmap => {
                for each in
                    Track::ALL.into_iter().filter(|t| axes != Axes::Ops && track.is_none_or(|wanted| wanted == *t))
                {
                    let extent = self.track_bytes(each) as f64;
                    let bytes = &mut self.heat.bytes[each as usize];
                    bytes.go(bytes.goal().zoomed(factor, at[0]).within(extent, LEAST_BYTES), motion);
                }
                if axes != Axes::Bytes {
                    let ops = self.along_rows(self.heat.ops.goal(), |seen| seen.zoomed(factor, at[1]));
                    let ops = ops.within(self.op_count() as f64, LEAST_OPS);
                    self.heat.ops.go(ops, motion);
                }
            }
            View::Timeline => {
                let run = self.document.as_ref().map_or(0, |d| d.trace.duration_ns()) as f64;
                self.timeline.go(self.timeline.goal().zoomed(factor, at[0]).within(run, LEAST_NS), motion);
            }
            View::Table | View::Health | View::Inspector | View::Analytics => {}
        }
    }
}

fn nothing_selected() -> Effect {
    Effect::Said("nothing is selected; click a node, a cell of the heatmap or a row first".to_owned())
}

fn with_margin(start: f64, end: f64) -> Span {
    let margin = (end - start) * MARGIN;
    Span::new(start - margin, end + margin)
}
