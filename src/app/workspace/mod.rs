//! The product as a scene: state, panels, the run that is being read, and what they ask of each other.

mod dialogs;
mod docking;
mod files;
mod pictures;
mod settings;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use egui::{CentralPanel, Panel, Rect, Ui};
use egui_tiles::Tree;

use self::dialogs::Chosen;
use self::files::RowsWanted;
use self::pictures::PictureWanted;
use super::exporter::Exporter;
use super::film::studio::Studio;
use super::loader::{Loader, Message};
use super::memory::private_memory;
use super::script::Script;
use super::settings::{self as kept, Keeper};
use super::{FrameTime, Scene, Waker, panels};
use crate::formats::ReadError;
use crate::gpu::{FrameGpu, Gpu, GpuError};
use crate::state::{Action, AppState, Document, Effect, Theme, View};
use crate::trace::Trace;
use crate::views::access_list::AccessView;
use crate::views::analytics::AnalyticsView;
use crate::views::graph::GraphView;
use crate::views::heatmap::HeatmapView;
use crate::views::palette::PaletteView;
use crate::views::region_totals::RegionView;
use crate::views::search::SearchView;
use crate::views::span_totals::SpanView;
use crate::views::status::Status;
use crate::views::table::{TableKeys, TableView};
use crate::views::timeline::TimelineView;
use crate::views::{ViewContext, describe, hint, key_sheet, keys, menu, status, theme};

/// The status line's numbers change at most this often, or they would make pictures of their own.
const STATUS_SECONDS: f64 = 0.5;

/// How the scene is carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Options {
    /// One panel without anything around it.
    pub only: Option<View>,
    /// Leave out what differs from run to run: times and memory.
    pub reproducible: bool,
}

pub struct Workspace {
    pub state: AppState,
    actions: Vec<Action>,
    /// Movements of the graph's camera from where it is about to be.
    deferred: Vec<Action>,
    options: Options,
    graph: GraphView,
    heatmap: HeatmapView,
    region: RegionView,
    span: SpanView,
    analytics: AnalyticsView,
    accesses: AccessView,
    table: TableView,
    timeline: TimelineView,
    search: SearchView,
    palette: PaletteView,
    tree: Tree<View>,
    /// How often the panels were put back where they were at first.
    panel_resets: u64,
    recent_runs: Vec<PathBuf>,
    /// Where choices are kept between starts; nothing where no person sits.
    keeper: Option<Keeper>,
    hint_seen: bool,
    /// What was wrong with them, until there is a run beside which it can be read.
    settings_fault: Option<String>,
    /// Where panels were in the last frame.
    places: Vec<(View, Rect)>,
    shown_view: View,
    themed: Option<Theme>,
    loader: Option<Loader>,
    chosen: Option<Receiver<Chosen>>,
    exporter: Option<Exporter>,
    /// What is to be done with the table's rows once they are the ones that were asked for.
    rows_wanted: Vec<RowsWanted>,
    /// Text for the clipboard, which egui takes while it lays out.
    copied: Option<String>,
    script: Script,
    status: Status,
    status_due_s: f64,
    table_keys: TableKeys,
    studio: Studio,
    pictures_wanted: Vec<PictureWanted>,
    /// The panel that the cursor was on last.
    under: Option<View>,
    /// The window in points, and the pixels of a point.
    window: (Rect, f32),
    /// Shows what another workspace does, and does nothing itself.
    is_twin: bool,
    /// Cameras or playback were on their way in the last frame.
    moves: bool,
    quit: bool,
    waker: Waker,
}

impl Workspace {
    pub fn new(adapter: String, waker: Waker, options: Options) -> Self {
        Self {
            state: AppState::default(),
            actions: Vec::new(),
            deferred: Vec::new(),
            options,
            graph: GraphView::default(),
            heatmap: HeatmapView::default(),
            region: RegionView::default(),
            span: SpanView::default(),
            analytics: AnalyticsView::default(),
            accesses: AccessView::default(),
            table: TableView::default(),
            timeline: TimelineView::default(),
            search: SearchView::default(),
            palette: PaletteView::default(),
            tree: panels::first_arrangement(),
            panel_resets: 0,
            recent_runs: Vec::new(),
            keeper: None,
            hint_seen: false,
            settings_fault: None,
            places: Vec::new(),
            shown_view: View::Graph,
            themed: None,
            loader: None,
            chosen: None,
            exporter: None,
            rows_wanted: Vec::new(),
            copied: None,
            script: Script::default(),
            status: Status { adapter, ..Status::default() },
            status_due_s: 0.0,
            table_keys: TableKeys::default(),
            studio: Studio::default(),
            pictures_wanted: Vec::new(),
            under: None,
            window: (Rect::ZERO, 1.0),
            is_twin: false,
            moves: false,
            quit: false,
            waker,
        }
    }

    /// Starts to read a run; what is shown stays until there is something of it.
    pub fn open(&mut self, path: PathBuf) {
        match Loader::start(path, self.waker.clone()) {
            Ok(loader) => self.loader = Some(loader),
            Err(error) => self.status.problem = Some(format!("no thread to read with: {error}")),
        }
    }

    /// Shows a run that was read already.
    pub fn show(&mut self, path: PathBuf, trace: Trace) {
        self.state.set_document(Arc::new(Document::new(path, Arc::new(trace), true)));
    }

    /// Plays `script` from the next frame on.
    pub fn play(&mut self, script: Script) {
        self.script = script;
    }

    pub fn script_done(&self) -> bool {
        self.script.is_done()
    }

    /// Does `action` in the next frame, as a menu would.
    pub fn act(&mut self, action: Action) {
        self.actions.push(action);
    }

    /// What the status line says went wrong.
    pub fn problem(&self) -> Option<&str> {
        self.status.problem.as_deref().or_else(|| self.table.fault())
    }

    /// What the status line says was done.
    pub fn notice(&self) -> Option<&str> {
        self.status.notice.as_deref()
    }

    /// Where a node of the shown graph is on screen, in points.
    pub fn place_of_node(&self, node: u32) -> Option<egui::Pos2> {
        self.graph.place_of_node(&self.state, node)
    }

    pub fn graph_is_settling(&self) -> bool {
        self.graph.is_settling(&self.state)
    }

    /// Nodes and edges that the graph panel shows.
    pub fn shown_graph_size(&self) -> (u64, u64) {
        self.graph.shown_size()
    }

    /// The row at the upper edge of the table.
    pub fn first_row(&self) -> f64 {
        self.table.first_row()
    }

    /// Whether rows are still to be copied or written.
    pub fn carries_rows(&self) -> bool {
        self.exporter.is_some() || !self.rows_wanted.is_empty()
    }

    /// Ops that the table lists.
    pub fn row_count(&self) -> usize {
        self.table.row_count()
    }

    /// Whether cameras or playback were on their way in the last frame.
    pub fn moves(&self) -> bool {
        self.moves
    }

    /// Whether a film is made of this window.
    pub fn is_recording(&self) -> bool {
        self.studio.is_recording()
    }

    /// Frames of the film that is being made of this window.
    pub fn recorded_frames(&self) -> Option<u32> {
        self.studio.counted().map(|(frames, _)| frames)
    }

    fn do_actions(&mut self, actions: Vec<Action>) {
        // Cameras move by themselves after much that has something to say.
        if actions.iter().any(|action| !action.is_camera()) {
            self.status.notice = None;
        }
        for action in actions {
            if action.moves_graph() && self.fits_graph() {
                self.deferred.push(action);
                continue;
            }
            for effect in self.state.apply(&action) {
                match effect {
                    Effect::Open(path) => self.open(path),
                    Effect::CancelLoading => self.loader = None,
                    Effect::CopyRows(format) => self.rows_wanted.push(RowsWanted::Copy(format)),
                    Effect::ExportRows(path, format) => self.rows_wanted.push(RowsWanted::Export(path, format)),
                    Effect::ExportRun(path, format) => self.export_run(path, format),
                    Effect::WriteReport(path) => self.write_report(path),
                    Effect::CancelExport => {
                        if let Some(exporter) = &self.exporter {
                            exporter.cancel();
                        }
                    }
                    Effect::Still(order) => self.pictures_wanted.push(PictureWanted::Still(order)),
                    Effect::Record(on, order) => self.record(on, order),
                    Effect::Quit => self.quit = true,
                    Effect::NotFound(what) => self.status.problem = Some(format!("the run has no {what}")),
                    Effect::Refused(why) => self.status.problem = Some(why),
                    Effect::Said(what) => self.status.notice = Some(what),
                    Effect::CopyName(item) => {
                        if let Some(document) = &self.state.document {
                            let name = describe::title(document, item).trim().to_owned();
                            self.status.notice = Some(format!("copied {name}"));
                            self.copied = Some(name);
                        }
                    }
                }
            }
        }
    }

    /// Whether the graph's camera is about to go where it was asked to: what moves it from there has to wait for that. Only a
    /// graph that is on screen can answer.
    fn fits_graph(&self) -> bool {
        let shown = self.window.0 == Rect::ZERO || self.places.iter().any(|(view, _)| *view == View::Graph);
        let graph = self.state.graph.graph as usize;
        let there = self.state.document.as_ref().is_some_and(|document| graph < document.trace.graphs.len());
        shown && there && self.state.graph.request.is_some()
    }

    fn take_loaded(&mut self) {
        while let Some(loader) = &self.loader {
            let path = loader.path.clone();
            match loader.poll() {
                None => return,
                Some(Message::FirstPart(trace)) => {
                    self.status.problem = self.settings_fault.clone();
                    self.forget_cameras();
                    self.state.set_document(Arc::new(Document::new(path, Arc::new(trace), false)));
                }
                Some(Message::Done(result)) => {
                    self.loader = None;
                    match result {
                        Ok(trace) => {
                            self.status.problem = self.settings_fault.take();
                            kept::opened(&mut self.recent_runs, &path);
                            self.forget_cameras();
                            self.show(path, trace);
                        }
                        Err(ReadError::Cancelled) => {}
                        Err(error) => self.status.problem = Some(error.to_string()),
                    }
                }
            }
        }
    }

    /// Movements that the last frame asked for were meant for the run that was shown then.
    fn forget_cameras(&mut self) {
        self.deferred.clear();
        self.actions.retain(|action| {
            !matches!(
                action,
                Action::LookAt { .. } | Action::ShowSpan { .. } | Action::Pan { .. } | Action::Zoom { .. }
            )
        });
    }

    fn update_status(&mut self, time: FrameTime) {
        self.status.loading = self.loader.as_ref().map(|loader| {
            let (done, total) = loader.bytes();
            let name = loader.path.file_name().unwrap_or(loader.path.as_os_str());
            (name.to_string_lossy().into_owned(), done, total)
        });
        self.status.graph = self.graph.status(&self.state);
        self.status.rows = Some(self.table.row_count());
        self.status.table = self.table.stage();
        let working = [
            (self.search.is_working(), "searching"),
            (self.accesses.is_working(), "looking accesses up"),
            (self.region.is_working(), "adding the region up"),
            (self.span.is_working(), "adding the span up"),
            (self.analytics.is_working(), "working the analytics out"),
        ];
        self.status.working = working.into_iter().find(|(works, _)| *works).map(|(_, what)| what);
        self.status.export = self.exporter.as_ref().map(|exporter| {
            let name = exporter.path.file_name().unwrap_or(exporter.path.as_os_str());
            (name.to_string_lossy().into_owned(), exporter.thousandths())
        });
        self.status.film = self.studio.counted();
        if !self.options.reproducible && time.now_s >= self.status_due_s {
            self.status_due_s = time.now_s + STATUS_SECONDS;
            self.status.frame_ms = Some(time.last.total_ms());
            self.status.memory_bytes = private_memory();
        }
    }
}

impl Scene for Workspace {
    fn files_dropped(&mut self, paths: Vec<PathBuf>) {
        if let Some(path) = paths.into_iter().next() {
            self.open(path);
        }
    }

    fn update(&mut self, context: &egui::Context, time: FrameTime) {
        self.take_loaded();
        self.graph.take_answers();
        self.take_chosen();
        let mut asked = std::mem::take(&mut self.actions);
        if asked.iter().any(|action| !action.is_camera()) {
            self.status.problem = None;
        }
        asked.append(&mut self.deferred);
        self.do_actions(asked);
        // A script speaks of a run, so it waits until there is one.
        if self.state.document.is_some() && self.loader.is_none() {
            let due = self.script.due(time.delta.as_secs_f64() * 1000.0);
            self.do_actions(due);
        }
        self.hint_seen |= self.keeper.is_some() && !self.state.interface.hint_shown;
        let scale = self.state.interface.ui_scale;
        // Before its first frame egui does not know how large the window is, and would scale what it takes for it.
        let has_frames = self.window.0 != Rect::ZERO;
        if (context.zoom_factor() - scale).abs() > f32::EPSILON {
            if has_frames {
                context.set_zoom_factor(scale);
            }
            context.request_repaint();
        }
        // Sizes are the state's, so that menus and scripts change the same ones as keys.
        if context.options(|options| options.zoom_with_keyboard) {
            context.options_mut(|options| options.zoom_with_keyboard = false);
        }
        if self.themed != Some(self.state.theme) {
            theme::apply(context, self.state.theme);
            self.themed = Some(self.state.theme);
        }
        // A film's time goes by its frames.
        let delta = self.studio.delta(time.now_s).unwrap_or(time.delta);
        self.moves = self.state.advance(delta.as_secs_f64() * 1000.0);
        match self.studio.next_frame_in(time.now_s) {
            Some(pause) => context.request_repaint_after(pause),
            // What was asked for begins behind this frame, and goes on in the next.
            None if self.moves || !self.script.is_done() || !self.pictures_wanted.is_empty() => {
                context.request_repaint();
            }
            None => {}
        }
        let waker = self.waker.clone();
        self.table.prepare(&self.state, move || waker.wake());
        let waker = self.waker.clone();
        self.region.prepare(&self.state, move || waker.wake());
        let waker = self.waker.clone();
        self.span.prepare(&self.state, move || waker.wake());
        let waker = self.waker.clone();
        self.timeline.prepare(&self.state, move || waker.wake());
        let waker = self.waker.clone();
        self.accesses.prepare(&self.state, move || waker.wake());
        let waker = self.waker.clone();
        self.search.prepare(&self.state, move || waker.wake());
        self.carry_rows();
        if !self.rows_wanted.is_empty() {
            context.request_repaint();
        }
        if self.loader.is_some() || self.exporter.is_some() || self.table.is_working() {
            context.request_repaint_after(std::time::Duration::from_millis(100));
        }
        self.update_status(time);
        self.keep_settings(context, time.now_s);
    }

    fn ui(&mut self, ui: &mut Ui, gpu: &mut FrameGpu<'_>) {
        if self.quit {
            ui.ctx().send_viewport_cmd(egui::ViewportCommand::Close);
        }
        // A second layout of the same frame starts over.
        let mut actions = Vec::new();
        let mut hover = None;
        let at = ui.input(|i| i.pointer.latest_pos());
        let under = at.and_then(|at| self.places.iter().find(|(_, rect)| rect.contains(at))).map(|(view, _)| *view);
        self.under = under.or(self.under);
        self.window = (ui.ctx().content_rect(), ui.pixels_per_point());
        {
            let mut cx = ViewContext { state: &self.state, actions: &mut actions, hover: &mut hover };
            let wishes = keys::handle(ui, &mut cx, under, self.graph.ends_work(&self.state));
            if wishes.toggle_pin {
                cx.actions.extend(self.graph.toggle_pin(&self.state));
            }
            let focus_search = self.table_keys.focus_search || wishes.table.focus_search;
            let focus_place = self.table_keys.focus_place || wishes.table.focus_place;
            self.table_keys = TableKeys { focus_search, focus_place, ..wishes.table };
        }
        if self.options.only.is_none() {
            let mut cx = ViewContext { state: &self.state, actions: &mut actions, hover: &mut hover };
            let wishes =
                Panel::top("menu").show(ui, |ui| menu::ui(ui, &mut cx, &mut self.search, &self.recent_runs)).inner;
            Panel::bottom("status").show(ui, |ui| status::ui(ui, &mut cx, &self.status));
            key_sheet::ui(ui, &mut cx);
            hint::ui(ui, &mut cx);
            self.palette.ui(ui, &mut cx, &self.recent_runs);
            if wishes.open_folder || wishes.open_file {
                self.choose_run(wishes.open_folder);
            }
            if let Some(format) = wishes.export {
                self.choose_export(format);
            }
            if wishes.report {
                self.choose_report();
            }
        }
        let frame = egui::Frame::central_panel(ui.style()).inner_margin(2.0);
        CentralPanel::default().frame(frame).show(ui, |ui| {
            if self.state.document.is_some() {
                self.panels(ui, &mut actions, &mut hover, gpu);
            } else {
                docking::welcome(ui, self.loader.is_some(), self.status.problem.as_deref());
            }
        });
        if let Some(format) = self.table.choose_file.take() {
            self.choose_rows_file(format);
        }
        if let Some(text) = self.copied.take() {
            ui.ctx().copy_text(text);
        }
        if self.is_twin {
            // Whoever does something does it in the window.
            actions.clear();
        }
        if !actions.is_empty() || self.state.hover != hover || self.fits_graph() {
            ui.ctx().request_repaint();
        }
        self.state.hover = hover;
        self.actions = actions;
    }

    fn draw(&mut self, gpu: &mut FrameGpu<'_>) {
        self.graph.draw(&self.state, gpu);
        self.heatmap.draw(&self.state, gpu);
    }

    fn after(&mut self, gpu: &Gpu) {
        self.make_pictures(gpu);
    }

    fn gpu_fault(&mut self, error: &GpuError) {
        self.status.problem = Some(error.to_string());
    }

    fn busy(&self) -> bool {
        self.busy_at_once() || self.heatmap.is_working() || !self.script.is_done()
    }

    fn busy_at_once(&self) -> bool {
        self.loader.is_some()
            || self.graph.is_settling(&self.state)
            || self.graph.is_working()
            || self.heatmap.is_working_at_once()
            || self.region.is_working()
            || self.accesses.is_working()
            || self.search.is_working()
            || self.span.is_working()
            || self.timeline.is_working()
            || self.analytics.is_working()
            || self.table.is_working()
            || self.carries_rows()
            || self.studio.is_working()
            || !self.pictures_wanted.is_empty()
            || !self.actions.is_empty()
            || !self.deferred.is_empty()
    }

    fn close_requested(&mut self) -> bool {
        let asked_before = std::mem::replace(&mut self.quit, true);
        if !asked_before && self.studio.draws_stills() {
            // The next frame draws them and asks again. A hidden window makes none: it goes when somebody asks again.
            return false;
        }
        let now = self.settings();
        if let Some(Err(problem)) = self.keeper.as_mut().map(|keeper| keeper.write(&now)) {
            eprintln!("tensorscope: {problem}");
        }
        self.stop_writing();
        let news = self.studio.close();
        self.tell(news);
        true
    }

    fn title(&self) -> String {
        match &self.state.document {
            Some(document) => format!("{} - tensorscope", document.name()),
            None => "tensorscope".to_owned(),
        }
    }
}
