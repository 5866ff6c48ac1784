//! No pointer from start to finish, and a name on everything that can be operated.

use egui::{Key, Modifiers};
use tensorscope::analysis::links::Item;
use tensorscope::app::input;
use tensorscope::state::{Action, ItemRef, View};

use super::{key, type_text};
use crate::workspace::Session;

/// Presses Tab until the control with this name has the focus.
fn tab_to(session: &mut Session, name: &str) {
    tab_to_what(session, |known| known == name, name);
}

fn tab_to_what(session: &mut Session, fits: impl Fn(&str) -> bool, name: &str) {
    for _ in 0..400 {
        key(session, Key::Tab);
        let focused = session.target.context().memory(egui::Memory::focused);
        let place = focused.and_then(|id| session.target.context().read_response(id)).map(|response| response.rect);
        if place.is_some() && place == session.target.find_by(&fits) {
            return;
        }
    }
    panic!("Tab never reaches {name}");
}

#[test]
fn a_whole_task_without_a_pointer() {
    let mut session = Session::new();
    // Find the weight of layer 5, see who reads it.
    key(&mut session, Key::Slash);
    type_text(&mut session, "blk.5.attn_q");
    key(&mut session, Key::Enter);
    assert!(matches!(session.scene.state.selection, Some(Item::Tensor(_))));
    // Jump to its second access.
    tab_to(&mut session, "access: pass 1 MUL_MAT Qcur-5, reads 202 KiB from byte 0, as src 0");
    key(&mut session, Key::Enter);
    let Some(Item::Op(op)) = session.scene.state.selection else { panic!("{:?}", session.scene.state.selection) };
    // Filter the table to what computes the same, and take it back.
    session.press(Key::Enter, Modifiers::COMMAND);
    assert_eq!(session.scene.state.view, View::Table);
    assert!(session.scene.row_count() < 23_400);
    session.press(Key::Z, Modifiers::COMMAND);
    assert_eq!(session.scene.row_count(), 23_400);
    // Go back to the tensor.
    session.press(Key::ArrowLeft, Modifiers::ALT);
    assert!(matches!(session.scene.state.selection, Some(Item::Tensor(_))), "from op {op}");
    // Panels by digits; arrows move the graph.
    key(&mut session, Key::Num1);
    assert_eq!(session.scene.state.view, View::Graph);
    let before = session.scene.state.graph.camera.goal();
    key(&mut session, Key::ArrowRight);
    assert!(session.scene.state.graph.camera.goal().center[0] > before.center[0]);
    // Menus by keys.
    tab_to(&mut session, "Help");
    key(&mut session, Key::Enter);
    tab_to(&mut session, "What to try first");
    key(&mut session, Key::Enter);
    assert!(session.scene.state.interface.hint_shown);
}

#[test]
fn keys_go_to_an_open_menu_or_a_focused_control_and_not_to_views_as_well() {
    let mut session = Session::new();
    key(&mut session, Key::Num1);
    let camera = |session: &Session| session.scene.state.graph.camera.goal().center;
    let before = camera(&session);
    session.click("View");
    key(&mut session, Key::ArrowDown);
    key(&mut session, Key::S);
    assert_eq!(camera(&session), before, "the menu is in front");
    session.press(Key::Plus, Modifiers::COMMAND);
    assert!(session.scene.state.interface.ui_scale > 1.0, "chords are no menu's");
    session.press(Key::Num0, Modifiers::COMMAND);
    key(&mut session, Key::Escape);
    // A canvas that has the focus takes arrows for itself.
    tab_to_what(&mut session, |name| name.starts_with("Graph canvas"), "the graph");
    key(&mut session, Key::ArrowRight);
    assert!(camera(&session)[0] > before[0]);
    let before = camera(&session);
    // A button takes arrows and Space; letters are nobody else's.
    tab_to(&mut session, "Close panel: Timeline");
    session.step(input::key(Key::Space, Modifiers::NONE));
    session.step(Vec::new());
    assert!(!session.scene.state.playback.playing);
    session.settle();
    assert!(session.target.find_by(|name| name.starts_with("Timeline, ")).is_none());
    tab_to(&mut session, "Help");
    key(&mut session, Key::ArrowRight);
    assert_eq!(camera(&session), before);
}

#[test]
fn presses_that_come_within_one_frame_all_count() {
    let mut session = Session::new();
    let typed = |session: &mut Session, text: &str| {
        session.step(text.chars().flat_map(|letter| input::text(&letter.to_string())).collect());
        session.settle();
    };
    typed(&mut session, "}}}");
    assert_eq!(session.scene.state.graph.layer, Some(2));
    typed(&mut session, "{{");
    assert_eq!(session.scene.state.graph.layer, Some(0));
    let now = session.scene.state.playback.speed();
    typed(&mut session, ">>");
    let faster = session.scene.state.playback.speed();
    typed(&mut session, "<");
    let between = session.scene.state.playback.speed();
    assert!(now < between && between < faster, "{now} {between} {faster}");
    let measure = session.scene.state.heat.measure;
    let letter = || input::key(Key::M, Modifiers::NONE);
    session.step([letter(), letter()].concat());
    session.settle();
    assert_ne!(session.scene.state.heat.measure, measure, "two on, of three");
    session.step(letter());
    session.settle();
    assert_eq!(session.scene.state.heat.measure, measure);
}

#[test]
fn chords_that_no_field_uses_act_while_typing() {
    let mut session = Session::new();
    key(&mut session, Key::Slash);
    session.press(Key::Plus, Modifiers::COMMAND);
    assert_eq!(session.scene.state.interface.ui_scale, 1.1);
    session.press(Key::Num0, Modifiers::COMMAND);
    key(&mut session, Key::Num1);
    type_text(&mut session, "7");
    assert_eq!(session.scene.state.interface.ui_scale, 1.0);
    assert_eq!(session.scene.state.interface.search, "7", "letters and digits are the field's");
    session.press(Key::K, Modifiers::COMMAND);
    assert!(session.scene.state.interface.palette_shown);
}

#[test]
fn every_control_has_a_name() {
    let mut session = Session::new();
    let check = |session: &mut Session, what: &str, actions: Vec<Action>| {
        for action in actions {
            session.act(action);
        }
        assert!(session.target.unnamed_controls().is_empty(), "{what}: {:?}", session.target.unnamed_controls());
    };
    check(&mut session, "at first", Vec::new());
    check(&mut session, "an op", vec![Action::Select { item: Some(ItemRef::Op(158)) }]);
    check(&mut session, "a layer", vec![Action::SetLayer { layer: Some(5), add: false }]);
    assert!(session.target.find_by(|name| name.starts_with("node: Qcur-5, ")).is_some(), "nodes of a layer are there");
    check(&mut session, "search", vec![Action::Search { text: "attn".to_owned() }]);
    check(&mut session, "no search", vec![Action::ShowSearch { shown: false }]);
    check(&mut session, "palette", vec![Action::ShowPalette { shown: true }]);
    check(&mut session, "keys", vec![Action::ShowPalette { shown: false }, Action::ShowKeys { shown: true }]);
    check(&mut session, "hint", vec![Action::ShowKeys { shown: false }, Action::ShowHint { shown: true }]);
    check(&mut session, "a pass", vec![Action::ShowHint { shown: false }, Action::SetPass { pass: 0 }]);
    for view in View::ALL {
        check(&mut session, view.title(), vec![Action::SetView { view }, Action::FullScreen { view: Some(view) }]);
        check(&mut session, view.title(), vec![Action::FullScreen { view: None }]);
    }
    for menu in ["File", "Edit", "Go", "View", "Measure", "Play", "Help"] {
        session.click(menu);
        check(&mut session, menu, Vec::new());
        key(&mut session, Key::Escape);
    }
}
