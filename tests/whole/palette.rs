//! The command palette, and the menus made from the same list.

use egui::{Key, Modifiers};
use tensorscope::analysis::links::Item;
use tensorscope::state::{Action, PaletteChoice, Theme, View};

use super::{key, type_text};
use crate::workspace::Session;

fn run(session: &mut Session, text: &str) {
    session.press(Key::K, Modifiers::COMMAND);
    type_text(session, text);
    key(session, Key::Enter);
}

#[test]
fn a_few_letters_run_a_command_and_the_last_used_comes_first() {
    let mut session = Session::new();
    run(&mut session, "light th");
    assert_eq!(session.scene.state.theme, Theme::Light);
    assert!(!session.scene.state.interface.palette_shown);
    run(&mut session, "viridis");
    assert_eq!(session.scene.state.heat.palette, PaletteChoice::Viridis);
    session.press(Key::K, Modifiers::COMMAND);
    let place = |session: &Session, label: &str| session.place(&format!("command: {label}")).top();
    assert!(place(&session, "Colours: viridis") < place(&session, "Light theme"));
    assert!(place(&session, "Light theme") < place(&session, "Back"));
    // It is in front of everything: what lies below does not hear of keys and clicks.
    type_text(&mut session, ".");
    assert_eq!(session.scene.state.selection, None);
    key(&mut session, Key::Escape);
    assert!(!session.scene.state.interface.palette_shown);
}

#[test]
fn commands_that_need_a_number_take_it_from_what_is_typed() {
    let mut session = Session::new();
    run(&mut session, "layer 5");
    assert_eq!(session.scene.state.graph.layer, Some(5));
    run(&mut session, "pass 3");
    assert_eq!(session.scene.state.selection, Some(Item::Pass(3)));
    run(&mut session, "go to op 1200");
    assert_eq!(session.scene.state.selection, Some(Item::Op(1200)));
    session.press(Key::K, Modifiers::COMMAND);
    type_text(&mut session, "layer 99");
    assert!(session.target.find("command: Go to layer 99").is_none(), "the run has no such layer");
    key(&mut session, Key::Escape);
    run(&mut session, "attn_q");
    assert_eq!(session.scene.state.interface.search, "attn_q");
}

#[test]
fn a_search_for_what_is_typed_stands_behind_every_command_that_fits() {
    let mut session = Session::new();
    let searched = |session: &Session| session.scene.state.interface.search.clone();
    session.act(Action::ClosePanel { view: View::Timeline });
    run(&mut session, "panels");
    session.canvas("Timeline, ");
    run(&mut session, "layr 5");
    assert_eq!(session.scene.state.graph.layer, Some(5));
    session.press(Key::K, Modifiers::COMMAND);
    type_text(&mut session, "thm");
    let place = |label: &str| session.place(&format!("command: {label}")).top();
    assert!(place("Dark theme") < place("Search for thm"));
    key(&mut session, Key::Escape);
    assert_eq!(searched(&session), "");
    run(&mut session, "zzz");
    assert_eq!(searched(&session), "zzz", "nothing else fits");
}

#[test]
fn arrows_choose_and_a_click_does_too() {
    let mut session = Session::new();
    session.press(Key::K, Modifiers::COMMAND);
    type_text(&mut session, "theme");
    session.click("command: Light theme");
    assert_eq!(session.scene.state.theme, Theme::Light);
    session.press(Key::K, Modifiers::COMMAND);
    type_text(&mut session, "theme");
    // The one that was used last is first; the other one is below.
    key(&mut session, Key::ArrowDown);
    key(&mut session, Key::Enter);
    assert_eq!(session.scene.state.theme, Theme::Dark);
    session.press(Key::K, Modifiers::COMMAND);
    session.press(Key::K, Modifiers::COMMAND);
    assert!(!session.scene.state.interface.palette_shown, "the same keys close it");
}

#[test]
fn panels_are_closed_and_come_back() {
    let mut session = Session::new();
    session.click("Close panel: Timeline");
    assert!(session.target.find_by(|name| name.starts_with("Timeline, ")).is_none());
    key(&mut session, Key::Num3);
    session.canvas("Timeline, ");
    for view in View::ALL {
        session.act(Action::ClosePanel { view });
    }
    session.click("Panels where they were at first");
    session.canvas("Timeline, ");
    session.canvas("Graph canvas");
}

#[test]
fn everything_can_be_larger_and_clicks_still_hit() {
    let mut session = Session::new();
    session.press(Key::Plus, Modifiers::COMMAND);
    session.press(Key::Equals, Modifiers::COMMAND | Modifiers::SHIFT);
    assert_eq!(session.scene.state.interface.ui_scale, 1.25);
    assert_eq!(session.target.context().zoom_factor(), 1.25);
    let document = session.scene.state.document.clone().unwrap();
    let node = document.trace.graphs[0].nodes.iter().position(|n| n.name == "blk.5.attn_q.weight").unwrap() as u32;
    let at = session.scene.place_of_node(node).unwrap();
    session.click_at(at);
    assert_eq!(session.scene.state.selection, Some(Item::Node { graph: 0, node }));
    session.press(Key::Minus, Modifiers::COMMAND);
    assert_eq!(session.scene.state.interface.ui_scale, 1.1);
    session.press(Key::Num0, Modifiers::COMMAND);
    assert_eq!(session.scene.state.interface.ui_scale, 1.0);
    assert_eq!(session.scene.state.graph.layer, None, "0 alone is another key");
}
