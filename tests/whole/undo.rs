//! What was chosen is undone and done again; what was looked at is gone back to.

use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

use egui::{Key, Modifiers, PointerButton};
use proptest::prelude::*;
use tensorscope::analysis::filter::{Filter, Region};
use tensorscope::analysis::links::Item;
use tensorscope::analysis::row_axis::Rows;
use tensorscope::analysis::table_columns::Column;
use tensorscope::analysis::table_rows::SortKey;
use tensorscope::app::input;
use tensorscope::formats::{self, Progress};
use tensorscope::kernel_io::layout::Arrangement;
use tensorscope::state::table_choices::GroupOrder;
use tensorscope::state::{
    Action, AppState, Document, Effect, ItemRef, MeasureChoice, NodeColor, PaletteChoice, Stride, View,
};
use tensorscope::trace::tracks::Order;
use tensorscope::trace::{Phase, Track};

use super::type_text;
use crate::workspace::{Session, sample};

fn state() -> AppState {
    static DOCUMENT: LazyLock<Arc<Document>> = LazyLock::new(|| {
        let trace = formats::open(&sample(), &Progress::default()).unwrap();
        Arc::new(Document::new(PathBuf::from("run"), Arc::new(trace), true))
    });
    let mut state = AppState::default();
    state.set_document(DOCUMENT.clone());
    state
}

/// Everything that undo brings back, as text.
fn chosen(state: &AppState) -> String {
    let (graph, heat, table) = (&state.graph, &state.heat, &state.table);
    format!(
        "{:?}",
        (
            (state.phase, &state.filter, graph.layers(), &graph.folded, graph.experts, graph.arrangement, &graph.pins),
            (graph.color, graph.size, &table.columns, &table.sort, table.group),
            (heat.measure, heat.aggregate, heat.direction, heat.order, heat.rows, heat.seeks, heat.palette, heat.scale),
        )
    )
}

fn choice() -> impl Strategy<Value = Action> {
    let layer = 0_u32..30;
    prop_oneof![
        prop::option::of(layer.clone()).prop_map(|layer| Action::SetLayer { layer, add: false }),
        layer.clone().prop_map(|layer| Action::SetLayer { layer: Some(layer), add: true }),
        layer.clone().prop_map(|layer| Action::Fold { layer: Some(layer) }),
        Just(Action::Unfold { layer: None }),
        prop::option::of(Just(Phase::Prompt)).prop_map(|phase| Action::SetPhase { phase }),
        layer
            .clone()
            .prop_map(|layer| Action::SetFilter { filter: Filter { layer: Some(layer), ..Filter::default() } }),
        (0_u64..50_000_000).prop_map(|byte| {
            let region = Region { track: Track::Disk, bytes: [byte, byte + 1_000_000], ops: [0, 900] };
            Action::SetFilter { filter: Filter { region: Some(region), ..Filter::default() } }
        }),
        Just(Action::FilterTo { item: None }),
        "[a-c]{0,2}".prop_map(|text| Action::SetFilter { filter: Filter { text, ..Filter::default() } }),
        any::<bool>().prop_map(|down| Action::SetSort { keys: vec![SortKey { column: Column::Duration, down }] }),
        Just(Action::SetColumns { columns: vec![Column::Index.into(), Column::Op.into()] }),
        prop::option::of(Just(Column::Op)).prop_map(|column| Action::GroupBy {
            column,
            order: GroupOrder::Value,
            down: false
        }),
        (0_u32..5, -9.0_f32..9.0).prop_map(|(layer, x)| Action::PinNode {
            node: format!("Qcur-{layer}"),
            expert: None,
            x,
            y: 0.0
        }),
        Just(Action::UnpinNode { node: None, expert: None }),
        Just(Action::SetMeasure { measure: MeasureChoice::Bytes }),
        prop_oneof![Just(Order::File), Just(Order::Layer), Just(Order::Heat)]
            .prop_map(|order| Action::SetOrder { order }),
        prop_oneof![Just(Rows::Op), Just(Rows::Pass)].prop_map(|rows| Action::SetRows { rows }),
        any::<bool>().prop_map(|shown| Action::ShowSeeks { shown }),
        Just(Action::SetPalette { palette: PaletteChoice::Viridis }),
        Just(Action::SetNodeColor { color: NodeColor::Layer }),
        any::<bool>().prop_map(|unfolded| Action::UnfoldExperts { unfolded }),
        Just(Action::SetArrangement { arrangement: Arrangement::Distances }),
        // What only looks is not undone, and does not stand in the way.
        (0_u32..23_400).prop_map(|op| Action::Select { item: Some(ItemRef::Op(op)) }),
        Just(Action::SetView { view: View::Health }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn undoing_everything_leads_to_the_beginning_and_doing_it_again_to_the_end(
        choices in prop::collection::vec(choice(), 1..25)
    ) {
        let mut state = state();
        let begin = chosen(&state);
        for action in &choices {
            state.apply(action);
        }
        let end = chosen(&state);
        let mut steps = 0;
        while state.would_undo().is_some() {
            state.apply(&Action::Undo);
            steps += 1;
            prop_assert!(steps <= choices.len());
        }
        prop_assert_eq!(chosen(&state), begin);
        while state.would_redo().is_some() {
            state.apply(&Action::Redo);
            steps -= 1;
        }
        prop_assert_eq!(steps, 0);
        prop_assert_eq!(chosen(&state), end);
    }
}

#[test]
fn going_back_to_another_order_drops_a_filter_by_bytes_of_the_one_before() {
    let mut state = state();
    state.apply(&Action::SetOrder { order: Order::Heat });
    let region = Region { track: Track::Disk, bytes: [0, 1_000_000], ops: [0, 900] };
    state.apply(&Action::SetFilter { filter: Filter { region: Some(region), ..Filter::default() } });
    state.apply(&Action::Back);
    assert_eq!((state.heat.order, state.filter.region), (Order::File, None));
}

#[test]
fn a_text_is_one_step_however_many_letters_it_has_and_a_dragged_pin_is_one() {
    let mut state = state();
    let filter = |text: &str| Action::SetFilter { filter: Filter { text: text.to_owned(), ..Filter::default() } };
    for text in ["q", "qc", "qcu", "qcur"] {
        state.apply(&filter(text));
        state.apply(&Action::Wait { frames: 1, ms: 0.0 });
    }
    state.apply(&Action::Select { item: Some(ItemRef::Op(7)) });
    state.apply(&filter("qcur-5"));
    for x in [1.0, 2.0, 3.0] {
        state.apply(&Action::PinNode { node: "Qcur-5".to_owned(), expert: None, x, y: 0.0 });
    }
    let undone = |state: &mut AppState| match &state.apply(&Action::Undo)[..] {
        [Effect::Said(what)] => what.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(undone(&mut state), "undone: pins");
    assert!(state.graph.pins.is_empty());
    assert_eq!(undone(&mut state), "undone: filter");
    assert_eq!(state.filter.text, "qcur");
    assert_eq!(undone(&mut state), "undone: filter");
    assert_eq!(state.filter.text, "");
    assert_eq!(undone(&mut state), "nothing to undo");
    assert_eq!(state.selection, Some(Item::Op(7)), "the selection has a way back of its own");
    state.apply(&Action::Redo);
    assert_eq!(state.filter.text, "qcur");
    state.apply(&Action::SetPhase { phase: Some(Phase::Prompt) });
    assert_eq!(state.would_redo(), None, "from here on there is another future");
}

#[test]
fn keys_menus_and_the_status_line_know_of_undo() {
    let mut session = Session::new();
    session.press(Key::F, Modifiers::COMMAND);
    type_text(&mut session, "Qcur-5");
    let listed = session.scene.row_count();
    assert!(listed < 23_400);
    session.press(Key::Escape, Modifiers::NONE);
    session.press(Key::Z, Modifiers::COMMAND);
    assert_eq!(session.scene.row_count(), 23_400);
    session.place("undone: filter");
    session.press(Key::Z, Modifiers::COMMAND | Modifiers::SHIFT);
    assert_eq!(session.scene.row_count(), listed);
    session.click("Edit");
    session.click("Undo: filter");
    assert_eq!(session.scene.row_count(), 23_400);
    session.press(Key::Y, Modifiers::COMMAND);
    assert_eq!(session.scene.row_count(), listed);
}

#[test]
fn back_leads_to_what_was_looked_at_and_the_mouse_has_buttons_for_it() {
    let mut session = Session::new();
    let tensor = ItemRef::Tensor(tensorscope::analysis::filter::TensorRef::Name("blk.5.attn_q.weight".to_owned()));
    session.act(Action::Select { item: Some(tensor) });
    let first = session.scene.state.selection;
    session.act(Action::Step { by: Stride::Layer, back: false });
    session.act(Action::Select { item: Some(ItemRef::Pass(3)) });
    assert_eq!(session.scene.state.selection, Some(Item::Pass(3)));
    let at = session.canvas("Graph canvas").center();
    for (button, expected) in [
        (PointerButton::Extra1, Some(Item::Layer(0))),
        (PointerButton::Extra1, first),
        (PointerButton::Extra2, Some(Item::Layer(0))),
    ] {
        session.step(input::click_with(at, button, Modifiers::NONE));
        session.settle();
        assert_eq!(session.scene.state.selection, expected);
    }
    session.press(Key::ArrowLeft, Modifiers::ALT);
    assert_eq!((session.scene.state.selection, session.scene.state.graph.layer), (first, None));
}

#[test]
fn a_view_moves_to_what_is_selected_only_where_it_is_not_in_view() {
    let mut session = Session::new();
    let zoomed = session.scene.state.heat.bytes[Track::Disk as usize].now();
    let select = |name: &str| Action::Select {
        item: Some(ItemRef::Tensor(tensorscope::analysis::filter::TensorRef::Name(name.to_owned()))),
    };
    session.act(select("blk.20.attn_q.weight"));
    assert_eq!(session.scene.state.heat.bytes[0].now(), zoomed, "it was in view");
    session.press(Key::Z, Modifiers::NONE);
    let near = session.scene.state.heat.bytes[0].now();
    assert!(near.len() < zoomed.len() / 50.0, "Z zooms to the selection: {near:?}");
    session.act(select("token_embd.weight"));
    let moved = session.scene.state.heat.bytes[0].now();
    assert_eq!(moved.len(), near.len());
    let range = session.scene.state.links.bytes[0][0].map(|byte| byte as f64);
    assert!(range[0] < moved.end && range[1] > moved.start, "what was out of view came into it: {moved:?}");
}
