//! The product as its user meets it: panels by their accessible names, real input, one selection everywhere.

use std::path::{Path, PathBuf};
use std::time::Duration;

use egui::{Key, Modifiers, PointerButton, Pos2, Rect, Vec2};
use tensorscope::analysis::links::Item;
use tensorscope::app::headless::Headless;
use tensorscope::app::workspace::{Options, Workspace};
use tensorscope::app::{Waker, input};
use tensorscope::formats::{self, Progress};
use tensorscope::gpu::Gpu;
use tensorscope::kernel_io::layout::{Arrangement, LayoutEngine};
use tensorscope::state::{Action, ItemRef, NodeColor, NodeSize, Trail, View};
use tensorscope::trace::Track;

pub const SIZE_PX: [u32; 2] = [1280, 720];
pub const FRAME: Duration = Duration::from_millis(16);

pub fn sample() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/smollm2-135m.tscope")
}

/// The whole window without one, with the bundled run in it and at rest.
pub struct Session {
    pub gpu: Gpu,
    pub scene: Workspace,
    pub target: Headless,
}

impl Session {
    fn empty() -> Self {
        let gpu = Gpu::headless().unwrap();
        let options = Options { reproducible: true, ..Options::default() };
        let scene = Workspace::new(gpu.adapter_name(), Waker::none(), options);
        let target = Headless::new(&gpu, SIZE_PX, 1.0).unwrap();
        target.name_widgets();
        Self { gpu, scene, target }
    }

    pub fn new() -> Self {
        let mut session = Self::empty();
        let trace = formats::open(&sample(), &Progress::default()).unwrap();
        session.scene.show(sample(), trace);
        session.settle();
        session
    }

    pub fn settle(&mut self) {
        let (frames, rested) = self.target.settle(&self.gpu, &mut self.scene, 5000).unwrap();
        assert!(rested, "not at rest after {frames} frames");
    }

    pub fn step(&mut self, events: Vec<egui::Event>) -> bool {
        self.target.step(&self.gpu, &mut self.scene, events, FRAME).unwrap().painted
    }

    pub fn press(&mut self, key: Key, modifiers: Modifiers) {
        self.step(input::key(key, modifiers));
        self.settle();
    }

    pub fn click_at(&mut self, at: Pos2) {
        self.step(input::hover(at));
        self.step(input::click(at));
        self.settle();
    }

    pub fn place(&self, name: &str) -> Rect {
        self.target.find(name).unwrap_or_else(|| panic!("nothing is called {name:?}"))
    }

    pub fn click(&mut self, name: &str) {
        let at = self.place(name).center();
        self.click_at(at);
    }

    pub fn act(&mut self, action: Action) {
        self.scene.act(action);
        self.settle();
    }

    /// The canvas whose accessible name begins with `start`.
    pub fn canvas(&self, start: &str) -> Rect {
        self.target.find_by(|name| name.starts_with(start)).unwrap_or_else(|| panic!("no canvas {start:?}"))
    }

    /// Pixels of about the selection's colour within `rect`.
    fn marked_pixels(&self, rect: Rect) -> usize {
        let rgba = self.target.read_rgba(&self.gpu).unwrap();
        let [width, _] = SIZE_PX;
        let mut count = 0;
        for y in rect.top() as u32..rect.bottom() as u32 {
            for x in rect.left() as u32..rect.right() as u32 {
                let at = ((y * width + x) * 4) as usize;
                let [r, g, b] = [rgba[at], rgba[at + 1], rgba[at + 2]];
                count += usize::from(r > 230 && (190..225).contains(&g) && b < 100);
            }
        }
        count
    }

    fn node(&self, name: &str) -> u32 {
        let document = self.scene.state.document.as_ref().unwrap();
        document.trace.graphs[0].nodes.iter().position(|n| n.name == name).unwrap() as u32
    }
}

#[test]
fn a_click_on_a_node_selects_it_in_every_view() {
    let mut session = Session::new();
    let graph = session.canvas("Graph canvas");
    let disk = session.canvas("DISK heatmap");
    assert_eq!(session.marked_pixels(graph) + session.marked_pixels(disk), 0);
    let node = session.node("blk.5.attn_q.weight");
    let at = session.scene.place_of_node(node).unwrap();
    assert!(graph.contains(at));
    session.click_at(at);
    assert_eq!(session.scene.state.selection, Some(Item::Node { graph: 0, node }));
    assert!(session.marked_pixels(graph) > 10, "the node is ringed");
    assert!(session.marked_pixels(disk) > 10, "its bytes are outlined");
    let links = &session.scene.state.links;
    assert_eq!(links.bytes[Track::Disk as usize].len(), 1);
    let document = session.scene.state.document.clone().unwrap();
    let op = links.first_op.unwrap() as usize;
    assert_eq!(document.trace.op_name(op), "MUL_MAT");
    assert_eq!(document.trace.ops.layer.get(op), Some(5));
    // The inspector names it, and the table can be narrowed down to it and widened again.
    session.place("blk.5.attn_q.weight");
    let all = session.scene.row_count();
    session.click("+ only blk.5.attn_q.weight");
    assert_eq!(session.scene.row_count(), document.trace.passes.len(), "one product a pass reads it");
    session.click("touches blk.5.attn_q.weight  \u{2716}");
    assert_eq!(session.scene.row_count(), all);
}

#[test]
fn a_click_on_the_heatmap_selects_the_tensor_under_it() {
    let mut session = Session::new();
    let disk = session.canvas("DISK heatmap");
    // The first bytes are the header; the embedding follows and is as wide as a third of the file.
    let rows = disk.height() / 20.0;
    let at = disk.left_top() + Vec2::new(disk.width() * 0.1, rows * 1.02);
    session.click_at(at);
    let Some(Item::Tensor(tensor)) = session.scene.state.selection else {
        panic!("{:?}", session.scene.state.selection)
    };
    let document = session.scene.state.document.clone().unwrap();
    assert_eq!(document.trace.tensors[tensor as usize].name, "token_embd.weight");
    assert!(session.target.find_by(|n| n.contains("selected token_embd.weight")).is_some(), "the graph says so too");
}

#[test]
fn a_click_on_a_row_selects_the_op_and_its_node() {
    let mut session = Session::new();
    let table = session.canvas("Table of");
    session.click_at(table.left_top() + Vec2::new(150.0, 17.0 * 6.5));
    let Some(Item::Op(op)) = session.scene.state.selection else { panic!("{:?}", session.scene.state.selection) };
    assert_eq!(session.scene.state.links.ops, Some([op, op + 1]));
    assert_eq!(session.scene.state.links.nodes.len(), 1);
    assert!(session.target.find_by(|n| n.starts_with("selected row: op 5:")).is_some());
}

#[test]
fn dragging_with_shift_selects_bytes_and_ops_and_filters_the_table() {
    let mut session = Session::new();
    let disk = session.canvas("DISK heatmap");
    let (from, to) = (disk.left_top() + Vec2::new(250.0, 20.0), disk.left_top() + Vec2::new(400.0, 60.0));
    session.step(input::hover(from));
    for events in input::drag(from, to, 4, PointerButton::Primary, Modifiers::SHIFT) {
        session.step(events);
    }
    session.settle();
    let Some(Item::Region(region)) = session.scene.state.selection else {
        panic!("{:?}", session.scene.state.selection)
    };
    assert!(region.bytes[0] < region.bytes[1] && region.ops[0] < region.ops[1]);
    let filter = session.scene.state.links.filter.clone().unwrap();
    session.act(Action::SetFilter { filter });
    let document = session.scene.state.document.clone().unwrap();
    let touched = (region.ops[0]..region.ops[1].min(document.trace.op_count() as u32)).filter(|&op| {
        document.trace.accesses_of(op as usize).any(|a| {
            let range = document.trace.accesses.range[a] as usize;
            let tensor = &document.trace.tensors[document.trace.ranges.tensor[range] as usize];
            let start = tensor.offset + document.trace.ranges.offset[range];
            tensor.track == Track::Disk
                && start < region.bytes[1]
                && start + document.trace.ranges.length[range] > region.bytes[0]
        })
    });
    assert_eq!(session.scene.row_count(), touched.count());
}

#[test]
fn wheel_zooms_at_the_cursor_and_drag_pans() {
    let mut session = Session::new();
    let disk = session.canvas("DISK heatmap");
    let at = disk.left_top() + disk.size() * 0.25;
    let before = session.scene.state.heat.bytes[0].now();
    session.step(input::hover(at));
    session.step(input::wheel(at, Vec2::new(0.0, 120.0), Modifiers::NONE));
    for _ in 0..30 {
        session.step(Vec::new());
    }
    session.settle();
    let after = session.scene.state.heat.bytes[0].now();
    assert!(after.len() < 0.8 * before.len(), "{after:?}");
    let under = |span: tensorscope::state::camera::Span| span.start + 0.25 * span.len();
    assert!((under(after) - under(before)).abs() < 0.01 * after.len(), "the byte under the cursor stays");
    assert_eq!(session.scene.state.heat.bytes[1].now().start, 0.0, "the other track keeps its bytes");
    for events in input::drag(at, at + Vec2::new(60.0, 0.0), 6, PointerButton::Primary, Modifiers::NONE) {
        session.step(events);
    }
    session.settle();
    assert!(session.scene.state.heat.bytes[0].now().start < after.start, "dragged to the right shows what is left");
}

#[test]
fn keys_walk_through_layers_passes_and_history() {
    let mut session = Session::new();
    session.step(vec![egui::Event::Text("}".to_owned())]);
    session.settle();
    assert_eq!(session.scene.state.graph.layer, Some(0));
    session.step(vec![egui::Event::Text("}".to_owned())]);
    session.settle();
    assert_eq!(session.scene.state.graph.layer, Some(1));
    session.step(vec![egui::Event::Text("]".to_owned())]);
    session.settle();
    assert_eq!(session.scene.state.selection, Some(Item::Pass(0)));
    session.press(Key::ArrowLeft, Modifiers::ALT);
    assert_eq!(session.scene.state.selection, Some(Item::Layer(1)));
    session.press(Key::ArrowLeft, Modifiers::ALT);
    assert_eq!(session.scene.state.graph.layer, Some(0));
    session.press(Key::ArrowRight, Modifiers::ALT);
    assert_eq!(session.scene.state.graph.layer, Some(1));
    let graph = session.canvas("Graph canvas");
    session.step(input::hover(graph.center()));
    session.press(Key::F, Modifiers::NONE);
    assert_eq!(session.scene.state.full_screen, Some(View::Graph));
    assert!(session.canvas("Graph canvas").width() > 1200.0);
    session.press(Key::Escape, Modifiers::NONE);
    assert_eq!(session.scene.state.full_screen, None);
    session.step(vec![egui::Event::Text("?".to_owned())]);
    session.settle();
    session.place("Previous pass");
}

#[test]
fn the_layer_picker_shows_a_self_contained_subgraph() {
    let mut session = Session::new();
    session.act(Action::SetLayer { layer: Some(5), add: false });
    session.place("Layer 5");
    let outside = session.node("blk.6.attn_q.weight");
    assert_eq!(session.scene.place_of_node(outside), None);
    assert!(session.scene.place_of_node(session.node("blk.5.attn_q.weight")).is_some());
    let next = session.node("ffn_inp-6");
    assert!(session.scene.place_of_node(next).is_some(), "what it feeds is there");
    session.act(Action::SetLayer { layer: None, add: false });
    assert!(session.scene.place_of_node(outside).is_some());
}

#[test]
fn folded_layers_are_one_node_each_and_unfold_by_a_click() {
    let mut session = Session::new();
    session.click("Fold layers");
    assert_eq!(session.scene.state.graph.folded.len(), 30);
    let at = session.scene.place_of_node(session.node("blk.3.attn_q.weight")).unwrap();
    session.click_at(at);
    assert!(!session.scene.state.graph.folded.contains(&3));
    session.click("Unfold");
    assert!(session.scene.state.graph.folded.is_empty());
}

#[test]
fn a_search_in_the_graph_finds_by_pattern_and_steps_through_the_hits() {
    let mut session = Session::new();
    let before = session.target.read_rgba(&session.gpu).unwrap();
    session.act(Action::FindNodes { pattern: r"^blk\.[0-9]\.ATTN_q\.weight$".to_owned() });
    assert_eq!(session.scene.state.graph.search.hits.len(), 10);
    assert_ne!(session.target.read_rgba(&session.gpu).unwrap(), before, "everything else is dimmed");
    session.press(Key::N, Modifiers::NONE);
    let first = session.scene.state.graph.search.hits[0];
    assert_eq!(session.scene.state.selection, Some(Item::Node { graph: 0, node: first }));
    session.press(Key::N, Modifiers::SHIFT);
    let last = session.scene.state.graph.search.hits[9];
    assert_eq!(session.scene.state.selection, Some(Item::Node { graph: 0, node: last }), "backwards from the first");
    session.act(Action::FindNodes { pattern: "(".to_owned() });
    assert!(session.scene.problem().is_some_and(|problem| problem.contains("pattern")));
    assert_eq!(session.scene.state.graph.search.pattern, "(", "half a pattern stays in its field");
}

#[test]
fn trails_lead_to_what_a_node_is_made_of_and_what_is_made_of_it() {
    let mut session = Session::new();
    let first_norm = session.node("norm-0");
    session.act(Action::Select { item: Some(ItemRef::Node("norm-0".to_owned())) });
    session.press(Key::U, Modifiers::NONE);
    let upstream = session.scene.state.graph.on_trail.clone();
    assert!(upstream.contains(&first_norm) && upstream.len() < 10, "{upstream:?}");
    session.press(Key::U, Modifiers::SHIFT);
    assert!(session.scene.state.graph.on_trail.len() > 500, "nearly everything is made of the first norm");
    session.act(Action::SetTrail { trail: Trail::Path("norm-1".to_owned()) });
    let way = session.scene.state.graph.on_trail.clone();
    assert!(way.contains(&first_norm) && way.contains(&session.node("norm-1")) && way.len() < 60);
    session.act(Action::SetTrail { trail: Trail::Path("no such node".to_owned()) });
    assert!(session.scene.problem().is_some());
    session.act(Action::Select { item: None });
    assert!(session.scene.state.graph.on_trail.is_empty(), "a trail begins at the selection");
}

#[test]
fn colours_sizes_and_arrangements_change_the_picture_and_come_to_rest() {
    let mut session = Session::new();
    let mut pictures = vec![session.target.read_rgba(&session.gpu).unwrap()];
    let actions = [
        Action::SetNodeColor { color: NodeColor::Op },
        Action::SetNodeColor { color: NodeColor::Layer },
        Action::SetNodeColor { color: NodeColor::Accesses },
        Action::SetNodeColor { color: NodeColor::Time },
        Action::SetNodeSize { size: NodeSize::Bytes },
        Action::SetArrangement { arrangement: Arrangement::Distances },
    ];
    for action in actions {
        session.act(action.clone());
        let picture = session.target.read_rgba(&session.gpu).unwrap();
        assert!(!pictures.contains(&picture), "{action:?} changes nothing");
        pictures.push(picture);
    }
    assert!(!session.step(Vec::new()), "at rest again");
}

#[test]
fn a_layout_can_be_stopped_and_goes_on_when_asked() {
    let mut session = Session::empty();
    let trace = formats::open(&sample(), &Progress::default()).unwrap();
    session.scene.show(sample(), trace);
    session.scene.act(Action::SetSettling { on: false });
    session.settle();
    assert!(!session.step(Vec::new()), "a stopped layout asks for nothing");
    let stopped = session.scene.place_of_node(session.node("norm-5")).unwrap();
    session.act(Action::SetSettling { on: true });
    assert_ne!(session.scene.place_of_node(session.node("norm-5")).unwrap(), stopped);
}

#[test]
fn experts_stand_apart_and_a_click_on_one_selects_it_everywhere() {
    let mut session = Session::empty();
    let moe = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/moe-128x48.tscope");
    let trace = formats::open(&moe, &Progress::default()).unwrap();
    session.scene.show(moe, trace);
    session.act(Action::SetLayer { layer: Some(3), add: false });
    session.act(Action::UnfoldExperts { unfolded: true });
    let first_slice = session.node("blk.3.ffn_gate_exps.weight");
    let at = session.scene.place_of_node(first_slice).unwrap();
    session.click_at(at);
    assert!(matches!(session.scene.state.selection, Some(Item::Expert { expert: 0, .. })));
    assert!(session.scene.state.links.nodes.contains(&first_slice));
}

#[test]
fn at_rest_nothing_is_painted() {
    let mut session = Session::new();
    let painted = (0..30).filter(|_| session.step(Vec::new())).count();
    assert_eq!(painted, 0);
}

#[test]
fn a_wrong_file_says_so_and_the_run_stays() {
    let mut session = Session::new();
    session.act(Action::Open { path: "/nowhere/at/all".into() });
    assert!(session.scene.problem().unwrap().contains("/nowhere/at/all"));
    assert!(session.scene.state.document.is_some());
    session.act(Action::Select { item: Some(ItemRef::Layer(99)) });
    assert!(session.scene.problem().unwrap().contains("layer 99"));
}

#[test]
fn a_run_is_read_beside_the_window() {
    let mut session = Session::empty();
    session.step(Vec::new());
    session.place("Drop a run here, or open one from the File menu.");
    session.scene.open(sample());
    session.settle();
    assert_eq!(session.scene.state.document.as_ref().unwrap().trace.passes.len(), 25);
    assert!(session.scene.state.document.as_ref().unwrap().complete);
}

#[test]
fn of_a_large_run_the_first_passes_are_shown_while_the_rest_is_read() {
    // A record repeated with rising stamps and token numbers: 40 MiB.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tensor_trace.bin");
    let mut bytes = Vec::new();
    for i in 0_u64..40_960 {
        let mut record = [0_u8; 1024];
        record[..8].copy_from_slice(&(1000 + i * 500).to_le_bytes());
        record[8..12].copy_from_slice(&((i / 100) as u32).to_le_bytes());
        record[16] = 29;
        record[17] = 1;
        record[24..32].copy_from_slice(format!("out-{:04}", i % 100).as_bytes());
        bytes.extend_from_slice(&record);
    }
    std::fs::write(&path, bytes).unwrap();
    let mut first = None;
    let whole = formats::open_with_preview(&path, &Progress::default(), |trace| first = Some(trace)).unwrap();
    let first = first.expect("a first part");
    assert!(first.passes.len() > 10 && first.passes.len() < whole.passes.len());
    assert_eq!(whole.op_count(), 40_960);
    let progress = Progress::default();
    progress.cancel();
    assert!(matches!(formats::open(&path, &progress), Err(formats::ReadError::Cancelled)));
    let mut session = Session::empty();
    session.scene.open(path);
    session.settle();
    assert!(session.scene.state.document.as_ref().unwrap().complete);
}

#[test]
fn a_dense_display_shows_the_same_at_twice_the_pixels() {
    let gpu = Gpu::headless().unwrap();
    let options = Options { reproducible: true, ..Options::default() };
    let mut scene = Workspace::new(gpu.adapter_name(), Waker::none(), options);
    scene.show(sample(), formats::open(&sample(), &Progress::default()).unwrap());
    let mut target = Headless::new(&gpu, [2560, 1440], 2.0).unwrap();
    target.name_widgets();
    assert!(target.settle(&gpu, &mut scene, 600).unwrap().1);
    let graph = target.find_by(|name| name.starts_with("Graph canvas")).unwrap();
    assert!(graph.right() < 700.0, "in points, not pixels: {graph:?}");
}

#[test]
fn an_op_of_another_graph_brings_its_graph_and_steps_go_on_from_the_selection() {
    let mut session = Session::new();
    session.act(Action::Select { item: Some(ItemRef::Op(5000)) });
    assert_eq!(session.scene.state.graph.graph, 1, "generation runs the second graph");
    assert_eq!(session.scene.state.links.nodes.len(), 1);
    session.act(Action::Select { item: Some(ItemRef::Pass(10)) });
    session.step(vec![egui::Event::Text("]".to_owned())]);
    session.settle();
    assert_eq!(session.scene.state.selection, Some(Item::Pass(11)));
}

#[test]
fn absurd_actions_neither_crash_nor_hang() {
    let mut session = Session::new();
    for line in [
        r#"{"action":"zoom","view":"timeline","factor":1e12,"x":0.999}"#,
        r#"{"action":"zoom","view":"heatmap","factor":1e12,"x":0.9}"#,
        r#"{"action":"pan","view":"heatmap","dx":1e308,"dy":1e308}"#,
        r#"{"action":"pan","view":"heatmap","dx":-1e6,"dy":1e6}"#,
        r#"{"action":"zoom","view":"heatmap","factor":2,"x":1e308}"#,
        r#"{"action":"zoom","view":"timeline","factor":1e-300,"x":1e308}"#,
        r#"{"action":"zoom","view":"graph","factor":1e-12}"#,
        r#"{"action":"fold","layer":4294967295}"#,
        r#"{"action":"select","item":{"region":{"track":"disk","bytes":[0,100],"ops":[20000,30000]}}}"#,
        r#"{"action":"set_filter","filter":{"region":{"track":"buffer","bytes":[5,1],"ops":[9,2]}}}"#,
        r#"{"action":"show_span","track":"disk","bytes":{"start":-1e300,"end":1e300},"ops":{"start":1e18,"end":1e19}}"#,
        r#"{"action":"look_at","center":[1e30,-1e30],"scale":1e-20}"#,
    ] {
        session.act(serde_json::from_str(line).unwrap());
    }
}

#[test]
fn a_filter_finds_operands_and_adds_conditions() {
    let mut session = Session::new();
    let document = session.scene.state.document.clone().unwrap();
    let filter = tensorscope::analysis::filter::Filter { text: "blk.7.ATTN_q.weight".to_owned(), ..Default::default() };
    session.act(Action::SetFilter { filter });
    assert_eq!(session.scene.row_count(), document.trace.passes.len());
    session.act(Action::Select { item: Some(ItemRef::Pass(2)) });
    session.click("+ only pass 2 (generate)");
    assert_eq!(session.scene.row_count(), 1, "both conditions hold");
}

#[test]
fn over_the_timeline_the_wheel_scrolls_and_zooms_with_ctrl() {
    let mut session = Session::new();
    session.act(serde_json::from_str(r#"{"action":"zoom","view":"timeline","factor":8}"#).unwrap());
    let at = session.canvas("Timeline,").center();
    let before = session.scene.state.timeline.now();
    let turn = |modifiers: Modifiers, session: &mut Session| {
        session.step(vec![egui::Event::ModifiersChanged(modifiers)]);
        session.step(input::hover(at));
        session.step(input::wheel(at, Vec2::new(0.0, -60.0), modifiers));
        for _ in 0..20 {
            session.step(Vec::new());
        }
        session.step(vec![egui::Event::ModifiersChanged(Modifiers::NONE)]);
        session.settle();
        session.scene.state.timeline.now()
    };
    let scrolled = turn(Modifiers::NONE, &mut session);
    assert!(scrolled.start > before.start && (scrolled.len() - before.len()).abs() < 1.0, "{before:?} {scrolled:?}");
    let zoomed = turn(Modifiers::COMMAND, &mut session);
    assert!(zoomed.len() > 1.05 * scrolled.len(), "{scrolled:?} {zoomed:?}");
}

#[test]
fn a_dragged_node_stays_where_it_was_put_until_it_is_let_go() {
    let mut session = Session::new();
    session.act(Action::SetLayer { layer: Some(5), add: false });
    let (node, beside) = (session.node("attn_norm-5"), session.node("ffn_up-5"));
    let place = |session: &Session, node| session.scene.place_of_node(node).unwrap();
    let (from, before) = (place(&session, node), place(&session, beside));
    let to = from + Vec2::new(-15.0, 60.0);
    session.step(input::hover(from));
    for events in input::drag(from, to, 6, PointerButton::Primary, Modifiers::NONE) {
        session.step(events);
    }
    session.settle();
    let pins = |session: &Session| session.scene.state.graph.pins.values().flatten().count();
    assert_eq!(pins(&session), 1);
    assert!((place(&session, node) - to).length() < 1.5, "{:?} {to:?}", place(&session, node));
    assert!((place(&session, beside) - before).length() < 8.0, "the picture did not move along");

    // It is another graph that it was pinned in.
    session.act(Action::SetLayer { layer: Some(6), add: false });
    session.act(Action::SetLayer { layer: Some(5), add: false });
    let camera = session.scene.state.graph.camera.goal();
    let pinned = session.scene.state.graph.pins.values().next().unwrap().values().next().copied().unwrap();
    let canvas = session.canvas("Graph canvas").center();
    let there = canvas + Vec2::new(pinned[0] - camera.center[0], pinned[1] - camera.center[1]) * camera.scale;
    assert!((place(&session, node) - there).length() < 1.5);

    // The inspector says so, P lets it go, and pins it again where it is.
    session.click_at(place(&session, node));
    session.place("Unpin");
    session.press(Key::P, Modifiers::NONE);
    assert_eq!(pins(&session), 0);
    assert!((place(&session, node) - there).length() > 10.0, "drawn back to where it belongs");
    session.press(Key::P, Modifiers::NONE);
    assert_eq!(pins(&session), 1);
    session.press(Key::P, Modifiers::SHIFT);
    assert_eq!(pins(&session), 0);
}

#[test]
fn a_drag_beside_nodes_moves_the_picture() {
    let mut session = Session::new();
    session.act(Action::SetLayer { layer: Some(5), add: false });
    let node = session.node("attn_norm-5");
    let before = session.scene.place_of_node(node).unwrap();
    let from = session.canvas("Graph canvas").center_bottom() - Vec2::new(0.0, 20.0);
    session.step(input::hover(from));
    for events in input::drag(from, from - Vec2::new(0.0, 50.0), 6, PointerButton::Primary, Modifiers::NONE) {
        session.step(events);
    }
    session.settle();
    assert!(session.scene.place_of_node(node).unwrap().y < before.y - 30.0);
    assert!(session.scene.state.graph.pins.is_empty());
}

#[test]
fn layers_stand_beside_each_other_and_neighbours_are_a_click_away() {
    let mut session = Session::new();
    session.act(Action::SetLayer { layer: Some(5), add: false });
    let (nodes, _) = session.scene.shown_graph_size();
    session.act(Action::SetLayer { layer: Some(7), add: true });
    assert_eq!(session.scene.state.graph.layers().into_iter().collect::<Vec<_>>(), [5, 7]);
    session.place("Layers 5, 7");
    assert!(session.scene.shown_graph_size().0 > nodes + 40);
    for shown in ["blk.5.attn_q.weight", "blk.7.attn_q.weight", "ffn_inp-6"] {
        assert!(session.scene.place_of_node(session.node(shown)).is_some(), "{shown}");
    }
    assert_eq!(session.scene.place_of_node(session.node("blk.6.attn_q.weight")), None);
    session.press(Key::ArrowLeft, Modifiers::ALT);
    assert_eq!(session.scene.state.graph.layers().into_iter().collect::<Vec<_>>(), [5]);
    session.press(Key::ArrowRight, Modifiers::ALT);
    session.act(Action::SetLayer { layer: Some(7), add: true });
    assert_eq!(session.scene.shown_graph_size().0, nodes, "added once more, it is taken away");

    // Purple, of layer 6; and orange, of layer 5.
    for (node, layer) in [("norm-6", 6), ("l_out-5", 5)] {
        let node = session.node(node);
        session.click_at(session.scene.place_of_node(node).unwrap());
        let state = &session.scene.state;
        assert_eq!((state.graph.layer, state.graph.layers().len()), (Some(layer), 1));
        assert_eq!(state.selection, Some(Item::Node { graph: 0, node }));
    }
}

#[test]
fn every_engine_lays_the_graph_out_and_the_status_line_says_which() {
    let mut session = Session::new();
    session.act(Action::SetLayer { layer: Some(5), add: false });
    let node = session.node("ffn_up-5");
    let mut places = Vec::new();
    for (engine, name) in [(LayoutEngine::Gpu, "(GPU)"), (LayoutEngine::Cpu, "(CPU)"), (LayoutEngine::Fdg, "(fdg-sim)")]
    {
        session.act(Action::SetLayoutEngine { engine });
        assert!(session.target.find_by(|text| text.contains(&format!("at rest {name}"))).is_some(), "{name}");
        places.push(session.scene.place_of_node(node).unwrap());
    }
    assert!((places[0] - places[1]).length() < 2.0, "twins: {places:?}");
    assert!((places[0] - places[2]).length() > 2.0, "fdg-sim has forces of its own: {places:?}");
}

#[test]
fn distances_are_worked_out_beside_the_frames_and_esc_ends_that() {
    let mut session = Session::new();
    let node = session.node("blk.20.attn_q.weight");
    let rows = session.scene.place_of_node(node).unwrap();
    session.scene.act(Action::SetArrangement { arrangement: Arrangement::Distances });
    session.step(Vec::new());
    session.step(Vec::new());
    assert!(session.scene.place_of_node(node).is_some(), "something is there meanwhile");
    session.press(Key::Escape, Modifiers::NONE);
    assert_eq!(session.scene.state.graph.arrangement, Arrangement::Rows);
    assert!((session.scene.place_of_node(node).unwrap() - rows).length() < 1.0);
    session.act(Action::SetArrangement { arrangement: Arrangement::Distances });
    assert!((session.scene.place_of_node(node).unwrap() - rows).length() > 20.0);
    let canvas = session.canvas("Graph canvas");
    for name in ["blk.0.attn_q.weight", "blk.29.attn_q.weight"] {
        let place = session.scene.place_of_node(session.node(name)).unwrap();
        assert!(canvas.contains(place), "all of it is in view again: {name} at {place}");
    }
}

#[test]
fn colours_by_what_the_run_did_come_once_they_are_known() {
    let mut session = Session::new();
    let canvas = session.canvas("Graph canvas");
    let plain = session.target.read_rgba(&session.gpu).unwrap();
    session.act(Action::SetNodeColor { color: NodeColor::Bytes });
    let colored = session.target.read_rgba(&session.gpu).unwrap();
    let width = SIZE_PX[0] as usize;
    let differing = (canvas.top() as usize + 20..canvas.bottom() as usize - 80)
        .flat_map(|y| (canvas.left() as usize..canvas.right() as usize).map(move |x| 4 * (y * width + x)))
        .filter(|&at| plain[at..at + 3] != colored[at..at + 3])
        .count();
    assert!(differing > 1_000, "{differing}");
    assert!(session.target.find_by(|text| text.contains("adding up")).is_none(), "no longer under way");
}

#[test]
fn what_a_script_begins_with_may_come_before_the_first_frame() {
    let begin = |action: Action| {
        let mut session = Session::empty();
        session.scene.show(sample(), formats::open(&sample(), &Progress::default()).unwrap());
        session.scene.act(action);
        session.settle();
        session
    };
    let larger = begin(Action::SetUiScale { scale: 1.5 });
    assert!((larger.target.context().zoom_factor() - 1.5).abs() < 1e-6);
    // A graph that is not fitted yet is moved from where it will be.
    let motion = tensorscope::state::camera::Motion::default();
    let mut session = begin(Action::Zoom {
        view: View::Graph,
        factor: 2.0,
        x: 0.5,
        y: 0.5,
        track: None,
        axes: tensorscope::state::Axes::Both,
        motion,
    });
    let near = session.scene.state.graph.camera.now().scale;
    session.act(Action::Fit { view: View::Graph, motion });
    let whole = session.scene.state.graph.camera.now().scale;
    assert!((near / whole - 2.0).abs() < 0.2, "{near} and {whole}");
}
