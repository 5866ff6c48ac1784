//! Analytics as its user meets it: charts by their accessible names, and what a click in one does to all views.

use egui::{Key, Modifiers, Pos2};
use tensorscope::analysis::links::Item;
use tensorscope::formats::{self, Progress};
use tensorscope::state::{Action, ItemRef, MeasureChoice, View};
use tensorscope::trace::Phase;

use crate::workspace::Session;

fn session() -> Session {
    let mut session = Session::new();
    session.act(Action::FullScreen { view: Some(View::Analytics) });
    session
}

/// The middle of item `item` of `items` in a chart.
fn place(session: &Session, chart: &str, item: usize, items: usize) -> Pos2 {
    let plot = session.canvas(chart);
    // A little more than half an item is free at both ends.
    let x = plot.left() + (item as f32 + 0.6) / (items as f32 + 0.2) * plot.width();
    egui::pos2(x, plot.bottom() - plot.height() * 0.3)
}

#[test]
fn the_tab_beside_the_table_opens_by_key_and_name() {
    let mut session = Session::new();
    assert!(session.target.find_by(|name| name.starts_with("Chart: ")).is_none());
    session.press(Key::Num7, Modifiers::NONE);
    assert_eq!(session.scene.state.view, View::Analytics);
    session.canvas("Chart: accesses by layer, 31 bars, highest ");
}

#[test]
fn a_click_on_a_bar_selects_its_layer_everywhere() {
    let mut session = session();
    let at = place(&session, "Chart: time by layer", 7, 31);
    session.click_at(at);
    assert_eq!(session.scene.state.selection, Some(Item::Layer(7)));
    assert!(!session.scene.state.links.tensors.is_empty());
    let at = place(&session, "Chart: time by pass", 3, 25);
    session.click_at(at);
    assert_eq!(session.scene.state.selection, Some(Item::Pass(3)));
}

#[test]
fn a_click_on_a_kind_of_op_lists_its_ops_and_another_click_lists_all() {
    let mut session = session();
    let kind = |session: &Session| session.canvas("MUL_MAT: ").center();
    let at = kind(&session);
    session.click_at(at);
    assert_eq!(session.scene.state.filter.kind.as_deref(), Some("MUL_MAT"));
    let at = kind(&session);
    session.click_at(at);
    assert_eq!(session.scene.state.filter.kind, None);
}

#[test]
fn measure_and_phase_are_those_of_all_views() {
    let mut session = session();
    session.click("Count bytes touched");
    assert_eq!(session.scene.state.heat.measure, MeasureChoice::Bytes);
    session.canvas("Chart: touched bytes by layer, 31 bars");
    session.canvas("Chart: time by pass, 25 points");
    session.click("Passes: generate");
    assert_eq!(session.scene.state.phase, Some(Phase::Generate));
    session.canvas("Chart: time by pass, 24 points");
    session.act(Action::SetPhase { phase: Some(Phase::Prompt) });
    session.canvas("Chart: time by pass, 1 points");
}

#[test]
fn two_layers_stand_beside_each_other() {
    let mut session = session();
    session.act(Action::Select { item: Some(ItemRef::Layer(2)) });
    session.click("Compare");
    assert_eq!(session.scene.state.compared, Some(Item::Layer(2)));
    session.act(Action::Select { item: Some(ItemRef::Layer(5)) });
    for name in ["layer 5", "layer 2", "difference"] {
        session.place(name);
    }
    // Another kind of item has nothing beside it.
    session.act(Action::Select { item: Some(ItemRef::Pass(1)) });
    session.place("select another like layer 2");
    session.click("End comparison");
    assert_eq!(session.scene.state.compared, None);
}

#[test]
fn a_mixture_of_experts_has_charts_of_its_own() {
    let mut session = session();
    assert!(session.target.find_by(|name| name.contains("expert")).is_none());
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/moe-128x48.tscope");
    let trace = formats::open(&path, &Progress::default()).unwrap();
    session.scene.show(path, trace);
    session.act(Action::FullScreen { view: Some(View::Analytics) });
    session.canvas("Chart: entropy of experts by layer, 48 bars, highest layer ");
    session.canvas("Chart: overlap from token to token, 48 bars, highest layer ");
    // The first expert of the first layer.
    let cells = session.canvas("Chart: uses by layer and expert, 48 by 128 cells");
    session.click_at(cells.left_top() + egui::vec2(31.0, 6.0));
    let Some(Item::Expert { tensor, expert: 0 }) = session.scene.state.selection else {
        panic!("{:?}", session.scene.state.selection);
    };
    let trace = &session.scene.state.document.as_ref().unwrap().trace;
    assert_eq!(trace.tensors[tensor as usize].layer, Some(0));
}

#[test]
fn at_rest_nothing_is_painted() {
    let mut session = session();
    session.settle();
    assert!((0..5).all(|_| !session.step(Vec::new())));
}
