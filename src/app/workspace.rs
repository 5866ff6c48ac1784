//! The product as a scene: state, panels, the run that is being read, and what they ask of each other.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};

use egui::{CentralPanel, Panel, Rect, Ui};
use egui_tiles::{Behavior, SimplificationOptions, Tile, TileId, Tiles, Tree, UiResponse};

use super::exporter::{Exporter, Written, run_name, write_run};
use super::film::manifest::FilmedRun;
use super::film::studio::{News, Pose, Studio};
use super::loader::{Loader, Message};
use super::panels;
use super::pictures::write_report;
use super::script::Script;
use super::settings::{self, Keeper, Settings};
use super::{FrameTime, Scene, Waker};
use crate::analysis::links::Item;
use crate::export::{ExportError, RowKind, RunExport};
use crate::formats::ReadError;
use crate::gpu::{FrameGpu, Gpu, GpuError};
use crate::state::film_choices::{FilmOrder, Part};
use crate::state::table_choices::RowFormat;
use crate::state::{Action, AppState, Document, Effect, RunFormat, Theme, View};
use crate::trace::{Trace, Track};
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
use crate::views::{ViewContext, describe, health, hint, inspector, key_sheet, keys, menu, status, theme};

/// The status line's numbers change at most this often, or they would make pictures of their own.
const STATUS_SECONDS: f64 = 0.5;

/// Free space around what a panel shows, in points.
const PANEL_MARGIN: egui::Margin = egui::Margin { left: 4, right: 2, top: 2, bottom: 2 };

/// How the scene is carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Options {
    /// One panel without anything around it.
    pub only: Option<View>,
    /// Leave out what differs from run to run: times and memory.
    pub reproducible: bool,
}

/// What came of a dialog; nothing where it was closed.
enum Chosen {
    Run(Option<PathBuf>),
    Rows(Option<PathBuf>, RowFormat),
    Export(Option<PathBuf>, RunFormat),
    Report(Option<PathBuf>),
}

enum RowsWanted {
    Copy(RowFormat),
    Export(PathBuf, RowFormat),
}

/// A still or a film that is to be begun.
enum PictureWanted {
    Still(FilmOrder),
    Film(FilmOrder),
}

pub struct Workspace {
    pub state: AppState,
    actions: Vec<Action>,
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

    /// Takes up the choices that `path` keeps between starts, and keeps what is chosen from now on.
    pub fn use_settings(&mut self, path: PathBuf) {
        let (read, fault) = Settings::read(&path);
        self.status.problem = fault;
        self.state.theme = read.theme;
        self.state.heat.palette = read.palette;
        let mut first = vec![Action::SetUiScale { scale: read.ui_scale }];
        first.extend(read.columns.clone().map(|columns| Action::SetColumns { columns }));
        for action in first {
            // A column that is none is not worth a word.
            self.state.apply(&action);
        }
        if let Some(part) = &read.panels {
            self.tree = panels::restore(part);
        }
        self.state.interface.closed.clone_from(&read.closed);
        self.state.interface.hint_shown = !read.hint_seen;
        self.hint_seen = read.hint_seen;
        self.recent_runs.clone_from(&read.recent_runs);
        self.palette.recent.clone_from(&read.recent_commands);
        self.keeper = Some(Keeper::new(path, read));
    }

    fn settings(&self) -> Settings {
        let first = panels::describe(&panels::first_arrangement());
        let columns = &self.state.table.columns;
        Settings {
            theme: self.state.theme,
            ui_scale: self.state.interface.ui_scale,
            palette: self.state.heat.palette,
            columns: (!self.state.table.has_usual_columns()).then(|| columns.clone()),
            panels: panels::describe(&self.tree).filter(|part| Some(part) != first.as_ref()),
            closed: self.state.interface.closed.clone(),
            recent_runs: self.recent_runs.clone(),
            recent_commands: self.palette.recent.clone(),
            hint_seen: self.hint_seen,
        }
    }

    /// Keeps what was chosen, once it has been so for a moment.
    fn keep_settings(&mut self, context: &egui::Context, now_s: f64) {
        if self.keeper.is_none() {
            return;
        }
        let now = self.settings();
        match self.keeper.as_mut().map_or(Ok(None), |keeper| keeper.look(&now, now_s)) {
            Ok(None) => {}
            Ok(Some(seconds)) => context.request_repaint_after(std::time::Duration::from_secs_f64(seconds)),
            Err(problem) => self.status.problem = Some(problem),
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

    /// The window once more, for pictures of it: all of it or one panel alone, without times, memory and cursor.
    pub(super) fn twin(&self, only: Option<View>) -> Self {
        let options = Options { only, reproducible: true };
        let mut twin = Self::new(self.status.adapter.clone(), Waker::none(), options);
        twin.is_twin = true;
        twin.pose_as(self);
        twin
    }

    /// Has a twin show what `window` shows.
    pub(super) fn pose_as(&mut self, window: &Self) {
        self.state = window.state.clone();
        self.state.hover = None;
        self.tree = window.tree.clone();
        self.panel_resets = window.panel_resets;
        self.shown_view = window.shown_view;
        self.table.scroll_as(&window.table);
    }

    /// What of the window is asked for, and where that is.
    fn pose(&self, order: &FilmOrder) -> Pose {
        let (window, pixels_per_point) = self.window;
        let only = match order.choices.part {
            Part::All => self.options.only,
            Part::Panel => Some(self.state.full_screen.or(self.under).unwrap_or(self.state.view)),
            Part::View(view) => Some(view),
        };
        let place = only.and_then(|view| self.places.iter().find(|(at, _)| *at == view)).map(|(_, place)| *place);
        Pose::new(only, place.unwrap_or(window), order.choices.scale.unwrap_or(pixels_per_point))
    }

    /// Begins the stills and films that were asked for, and goes on with them.
    fn make_pictures(&mut self, gpu: &Gpu) {
        let mut studio = std::mem::take(&mut self.studio);
        for wanted in std::mem::take(&mut self.pictures_wanted) {
            let Some(document) = self.state.document.clone() else {
                self.status.problem = Some("there is no run to make pictures of; open one".to_owned());
                continue;
            };
            let begun = match &wanted {
                PictureWanted::Still(order) => studio.begin_still(gpu, self, order, self.pose(order)),
                PictureWanted::Film(order) => {
                    let run = FilmedRun::new(document.name(), &document.trace);
                    studio.begin_film(gpu, self, order, self.pose(order), run)
                }
            };
            if let Err(error) = begun {
                self.status.problem = Some(error.to_string());
            }
        }
        for news in studio.work(gpu, self) {
            match news {
                News::Done(what) => self.status.notice = Some(what),
                News::Failed(why) => self.status.problem = Some(why),
            }
        }
        self.studio = studio;
    }

    fn do_actions(&mut self, actions: Vec<Action>) {
        // Cameras move by themselves after much that has something to say.
        if actions.iter().any(|action| !action.is_camera()) {
            self.status.notice = None;
        }
        for action in actions {
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
                    Effect::Record(on, order) => match (on, self.studio.is_recording()) {
                        (Some(false) | None, true) => self.studio.end_film(),
                        (Some(true) | None, false) => self.pictures_wanted.push(PictureWanted::Film(order)),
                        (Some(true), true) => {
                            self.status.problem = Some("a film is being recorded; stop it first, with F9".to_owned());
                        }
                        (Some(false), false) => {}
                    },
                    Effect::Quit => self.quit = true,
                    Effect::Wait(_) => {}
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

    fn take_loaded(&mut self) {
        while let Some(loader) = &self.loader {
            let path = loader.path.clone();
            match loader.poll() {
                None => return,
                Some(Message::FirstPart(trace)) => {
                    self.status.problem = None;
                    self.forget_cameras();
                    self.state.set_document(Arc::new(Document::new(path, Arc::new(trace), false)));
                }
                Some(Message::Done(result)) => {
                    self.loader = None;
                    match result {
                        Ok(trace) => {
                            self.status.problem = None;
                            settings::opened(&mut self.recent_runs, &path);
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
        self.actions.retain(|action| {
            !matches!(
                action,
                Action::LookAt { .. } | Action::ShowSpan { .. } | Action::Pan { .. } | Action::Zoom { .. }
            )
        });
    }

    /// Asks in a dialog of the system's, in a thread: dialogs block.
    fn choose(&mut self, ask: impl FnOnce() -> Chosen + Send + 'static) {
        let (send, receive) = sync_channel(1);
        let waker = self.waker.clone();
        let spawned = std::thread::Builder::new().name("dialog".to_owned()).spawn(move || {
            // The window may be gone by now.
            drop(send.send(ask()));
            waker.wake();
        });
        match spawned {
            Ok(_) => self.chosen = Some(receive),
            Err(error) => self.status.problem = Some(format!("no dialog: {error}")),
        }
    }

    fn choose_run(&mut self, folder: bool) {
        self.choose(move || {
            let dialog = rfd::FileDialog::new().set_title("Open a run");
            Chosen::Run(if folder { dialog.pick_folder() } else { dialog.pick_file() })
        });
    }

    fn choose_rows_file(&mut self, format: RowFormat) {
        self.choose(move || {
            let dialog =
                rfd::FileDialog::new().set_title("Export rows").set_file_name(format!("rows.{}", format.name()));
            Chosen::Rows(dialog.save_file(), format)
        });
    }

    fn choose_export(&mut self, format: RunFormat) {
        self.choose(move || {
            let dialog = rfd::FileDialog::new().set_title(format!("Export as {}", format.label()));
            let path = match format {
                RunFormat::Parquet => dialog.set_title("Folder of Parquet files to add the run to").pick_folder(),
                RunFormat::Perfetto => dialog.set_file_name("run.perfetto.json").save_file(),
                RunFormat::Csv => dialog.set_file_name("ops.csv").save_file(),
                RunFormat::Json => dialog.set_file_name("ops.json").save_file(),
            };
            Chosen::Export(path, format)
        });
    }

    /// Copies and exports rows, once the table has those that were asked for, and says what came of it.
    fn carry_rows(&mut self) {
        if self.table.fault().is_some() {
            // It is said already; rows of another filter are not what was asked for.
            self.rows_wanted.clear();
        }
        if !self.rows_wanted.is_empty() && !self.table.is_working() {
            for wanted in std::mem::take(&mut self.rows_wanted) {
                match wanted {
                    RowsWanted::Copy(format) => {
                        if let Some((text, said)) = self.table.copied(&self.state, format) {
                            self.copied = Some(text);
                            self.status.notice = Some(said);
                        }
                    }
                    RowsWanted::Export(path, format) => self.export(path, format),
                }
            }
        }
        if let Some(result) = self.exporter.as_ref().and_then(Exporter::poll)
            && let Some(exporter) = self.exporter.take()
        {
            match result {
                Ok(written) => {
                    self.status.notice = Some(format!("wrote {written} to {}", exporter.path.display()));
                }
                Err(ExportError::Cancelled) => self.status.notice = Some("the export was stopped".to_owned()),
                Err(error) => self.status.problem = Some(error.to_string()),
            }
        }
    }

    fn export(&mut self, path: PathBuf, format: RowFormat) {
        if self.is_writing() {
            return;
        }
        let Some(listed) = self.table.listed(&self.state) else { return };
        let started = Exporter::rows(listed, path, format, self.waker.clone());
        self.take_exporter(started);
    }

    /// Writes the ops that the filter lets through, for other tools.
    fn export_run(&mut self, path: PathBuf, format: RunFormat) {
        let Some(document) = self.whole_document() else { return };
        if self.is_writing() {
            return;
        }
        let (filter, phase, order) = (self.state.filter.clone(), self.state.phase, self.state.heat.order);
        let started = Exporter::start(path, self.waker.clone(), move |path, watch| {
            let track = filter.region.map_or(Track::Disk, |region| region.track);
            let layout = document.layouts(order)[track as usize];
            let (trace, name) = (document.trace.clone(), run_name(&document.path));
            let run = RunExport::new(trace, name, &filter, phase, layout, watch)?;
            write_run(&run, RowKind::Ops, format, path, watch)
        });
        self.take_exporter(started);
    }

    /// Writes the run's figures, charts and pictures; these are drawn by a GPU context of their own.
    fn write_report(&mut self, path: PathBuf) {
        let Some(document) = self.whole_document() else { return };
        if self.is_writing() {
            return;
        }
        let started = Exporter::start(path, self.waker.clone(), move |path, watch| {
            write_report(document.trace.clone(), &document.path, path, watch)?;
            Ok(Written { count: 1, what: "report" })
        });
        self.take_exporter(started);
    }

    /// The run, once all of it was read.
    fn whole_document(&mut self) -> Option<Arc<Document>> {
        let document = self.state.document.clone()?;
        if !document.complete {
            self.status.problem = Some("the run is being read; export it when that is done".to_owned());
        }
        document.complete.then_some(document)
    }

    /// Whether a file is being written, which the status line then says.
    fn is_writing(&mut self) -> bool {
        if self.exporter.is_some() {
            self.status.problem = Some("an export is being written; wait for it or stop it".to_owned());
        }
        self.exporter.is_some()
    }

    fn take_exporter(&mut self, started: std::io::Result<Exporter>) {
        match started {
            Ok(exporter) => self.exporter = Some(exporter),
            Err(error) => self.status.problem = Some(format!("no thread to write with: {error}")),
        }
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

    fn panel(
        &mut self,
        ui: &mut Ui,
        view: View,
        actions: &mut Vec<Action>,
        hover: &mut Option<Item>,
        gpu: &mut FrameGpu<'_>,
    ) {
        let mut cx = ViewContext { state: &self.state, actions, hover };
        match view {
            View::Graph => self.graph.ui(ui, &mut cx, gpu),
            View::Heatmap => self.heatmap.ui(ui, &mut cx, gpu),
            View::Timeline => self.timeline.ui(ui, &mut cx),
            View::Table => self.table.ui(ui, &mut cx, std::mem::take(&mut self.table_keys)),
            View::Health => health::ui(ui, &mut cx),
            View::Inspector => inspector::ui(ui, &mut cx, &self.region, &self.span, &mut self.accesses),
            View::Analytics => self.analytics.ui(ui, &mut cx),
        }
    }

    fn panels(&mut self, ui: &mut Ui, actions: &mut Vec<Action>, hover: &mut Option<Item>, gpu: &mut FrameGpu<'_>) {
        self.places.clear();
        if let Some(view) = self.options.only.or(self.state.full_screen) {
            if self.options.only.is_none() {
                ui.horizontal(|ui| {
                    ui.strong(view.title());
                    if ui.button("\u{2716} Back to all panels").on_hover_text("Esc").clicked() {
                        actions.push(Action::FullScreen { view: None });
                    }
                });
            }
            self.places.push((view, ui.available_rect_before_wrap()));
            self.panel(ui, view, actions, hover, gpu);
            return;
        }
        if self.panel_resets != self.state.interface.panel_resets {
            self.panel_resets = self.state.interface.panel_resets;
            self.tree = panels::first_arrangement();
        }
        let panes: Vec<(TileId, View)> = self.tree.tiles.iter().filter_map(|(id, tile)| pane(*id, tile)).collect();
        for (id, view) in panes {
            self.tree.set_visible(id, !self.state.interface.closed.contains(&view));
        }
        if View::ALL.iter().all(|view| self.state.interface.closed.contains(view)) {
            ui.vertical_centered(|ui| {
                ui.add_space(ui.available_height() * 0.4);
                ui.label("All panels are closed; the View menu has each.");
                if ui.button("Panels where they were at first").clicked() {
                    actions.push(Action::ResetPanels);
                }
            });
            return;
        }
        if self.shown_view != self.state.view {
            self.shown_view = self.state.view;
            let view = self.state.view;
            self.tree.make_active(|_, tile| matches!(tile, Tile::Pane(pane) if *pane == view));
        }
        let mut tree = std::mem::replace(&mut self.tree, Tree::empty(egui::Id::unique("panels")));
        tree.ui(&mut Panels { workspace: self, actions, hover, gpu }, ui);
        self.tree = tree;
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
        if let Some(chosen) = self.chosen.as_ref().and_then(|c| c.try_recv().ok()) {
            self.chosen = None;
            match chosen {
                Chosen::Run(Some(path)) => self.open(path),
                Chosen::Rows(Some(path), format) => self.act(Action::ExportRows { path, format }),
                Chosen::Export(Some(path), format) => self.act(Action::ExportRun { path, format }),
                Chosen::Report(Some(path)) => self.act(Action::WriteReport { path }),
                Chosen::Run(None) | Chosen::Rows(None, _) | Chosen::Export(None, _) | Chosen::Report(None) => {}
            }
        }
        let asked = std::mem::take(&mut self.actions);
        self.do_actions(asked);
        // A script speaks of a run, so it waits until there is one.
        if self.state.document.is_some() && self.loader.is_none() {
            let due = self.script.due();
            self.do_actions(due);
        }
        self.hint_seen |= self.keeper.is_some() && !self.state.interface.hint_shown;
        let scale = self.state.interface.ui_scale;
        if (context.zoom_factor() - scale).abs() > f32::EPSILON {
            context.set_zoom_factor(scale);
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
                self.choose(|| {
                    let dialog = rfd::FileDialog::new().set_title("Report").set_file_name("report.html");
                    Chosen::Report(dialog.save_file())
                });
            }
        }
        let frame = egui::Frame::central_panel(ui.style()).inner_margin(2.0);
        CentralPanel::default().frame(frame).show(ui, |ui| {
            if self.state.document.is_some() {
                self.panels(ui, &mut actions, &mut hover, gpu);
            } else {
                welcome(ui, self.loader.is_some(), self.status.problem.as_deref());
            }
        });
        if let Some(format) = self.table.choose_file.take() {
            self.choose_rows_file(format);
        }
        if let Some(text) = self.copied.take() {
            ui.ctx().copy_text(text);
        }
        // Only a graph that is on screen can answer what is asked of it.
        let graph_asked =
            self.state.graph.request.is_some() && self.places.iter().any(|(view, _)| *view == View::Graph);
        if self.is_twin {
            // Whoever does something does it in the window.
            actions.clear();
        }
        if !actions.is_empty() || self.state.hover != hover || graph_asked {
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
    }

    fn close_requested(&mut self) -> bool {
        let now = self.settings();
        if let Some(Err(problem)) = self.keeper.as_mut().map(|keeper| keeper.write(&now)) {
            eprintln!("tensorscope: {problem}");
        }
        self.studio.close();
        true
    }

    fn title(&self) -> String {
        match &self.state.document {
            Some(document) => format!("{} - tensorscope", document.name()),
            None => "tensorscope".to_owned(),
        }
    }
}

/// What stands where no run does.
fn welcome(ui: &mut Ui, loading: bool, problem: Option<&str>) {
    ui.vertical_centered(|ui| {
        ui.add_space(ui.available_height() * 0.35);
        ui.heading("tensorscope");
        match problem {
            Some(problem) => {
                ui.label(problem);
            }
            None if loading => {
                ui.label("reading the run");
            }
            None => {
                ui.label("Drop a run here, or open one from the File menu.");
            }
        }
    });
}

fn pane(id: TileId, tile: &Tile<View>) -> Option<(TileId, View)> {
    match tile {
        Tile::Pane(view) => Some((id, *view)),
        Tile::Container(_) => None,
    }
}

/// The panels, seen from the tree that places them.
struct Panels<'a, 'g> {
    workspace: &'a mut Workspace,
    actions: &'a mut Vec<Action>,
    hover: &'a mut Option<Item>,
    gpu: &'a mut FrameGpu<'g>,
}

impl Behavior<View> for Panels<'_, '_> {
    fn pane_ui(&mut self, ui: &mut Ui, _id: TileId, view: &mut View) -> UiResponse {
        self.workspace.places.push((*view, ui.max_rect()));
        egui::Frame::new().inner_margin(PANEL_MARGIN).show(ui, |ui| {
            self.workspace.panel(ui, *view, self.actions, self.hover, self.gpu);
        });
        UiResponse::None
    }

    fn tab_title_for_pane(&mut self, view: &View) -> egui::WidgetText {
        view.title().into()
    }

    fn top_bar_right_ui(
        &mut self,
        tiles: &Tiles<View>,
        ui: &mut Ui,
        _id: TileId,
        tabs: &egui_tiles::Tabs,
        _scroll: &mut f32,
    ) {
        let Some(Tile::Pane(view)) = tabs.active.and_then(|id| tiles.get(id)) else { return };
        let label = format!("Close panel: {}", view.title());
        let close =
            ui.add(egui::Button::new("\u{2716}").frame(false)).on_hover_text(format!("{label}; the View menu has it"));
        close.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, &label));
        if close.clicked() {
            self.actions.push(Action::ClosePanel { view: *view });
        }
        let button = egui::Button::new("\u{26F6}").frame(false);
        let label = format!("Full screen: {}", view.title());
        let response = ui.add(button).on_hover_text(format!("{label}  F"));
        response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, &label));
        if response.clicked() {
            self.actions.push(Action::FullScreen { view: Some(*view) });
        }
    }

    fn tab_bar_height(&self, _style: &egui::Style) -> f32 {
        20.0
    }

    fn gap_width(&self, _style: &egui::Style) -> f32 {
        3.0
    }

    fn simplification_options(&self) -> SimplificationOptions {
        SimplificationOptions { all_panes_must_have_tabs: true, ..SimplificationOptions::default() }
    }
}

/// Anonymous memory that the process holds, where the system tells.
pub fn private_memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("RssAnon:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}
