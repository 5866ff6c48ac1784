//! The search of the top bar, from `/` to what it finds.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;

use egui::{Key, Modifiers};
use tensorscope::analysis::filter::TensorRef;
use tensorscope::analysis::links::Item;
use tensorscope::analysis::search::{Found, Rank, SearchIndex, next_op};
use tensorscope::formats::{self, Progress};
use tensorscope::state::Action;
use tensorscope::trace::Trace;

use super::{key, type_text};
use crate::workspace::{Session, sample};

fn trace() -> Trace {
    formats::open(&sample(), &Progress::default()).unwrap()
}

fn open_search(session: &mut Session, text: &str) {
    key(session, Key::Slash);
    type_text(session, text);
}

#[test]
fn names_are_counted_once_and_say_how_many_ops_bear_them() {
    let (trace, never) = (trace(), AtomicBool::new(false));
    let index = SearchIndex::new(&trace, &never).unwrap();
    let found = |text: &str| index.search(&trace, 0, text, &never).unwrap().unwrap();
    let mut named: BTreeMap<&str, Vec<u32>> = BTreeMap::new();
    for op in 0..trace.op_count() {
        named.entry(trace.destination_name(op).trim()).or_default().push(op as u32);
    }
    let hits = found("Qcur-5");
    let ops = hits.iter().find(|hits| hits.title == "Ops").unwrap();
    let exact: Vec<_> = ops.best.iter().filter(|hit| hit.rank == Rank::Exact).collect();
    assert_eq!(exact.len(), 1);
    let all = &named["Qcur-5"];
    assert_eq!(exact[0].ops, Some((all[0], all.len() as u32)));
    assert_eq!(ops.count, named.keys().filter(|name| name.to_lowercase().contains("qcur-5")).count());
    // Kinds are counted as well, and stepping through one goes round.
    let kinds = found("MUL_MAT");
    let hit = kinds.iter().find(|hits| hits.title == "Ops").unwrap().best[0];
    let products: Vec<u32> =
        (0..trace.op_count()).filter(|op| trace.op_name(*op) == "MUL_MAT").map(|op| op as u32).collect();
    assert_eq!(hit.ops, Some((products[0], products.len() as u32)));
    assert_eq!(next_op(&trace, hit.found, Some(products[0])), Some(products[1]));
    assert_eq!(next_op(&trace, hit.found, products.last().copied()), Some(products[0]));
    // Numbers are layers and passes, texts are tokens.
    let numbers = found("7");
    let kind = |title: &str| numbers.iter().find(|hits| hits.title == title).unwrap().best[0].found;
    assert_eq!((kind("Layers"), kind("Passes")), (Found::Layer(7), Found::Pass(7)));
    let token = found("paris");
    assert!(token.iter().any(|hits| hits.title == "Passes" && hits.count > 0), "{token:?}");
    let patterns = found("/^blk\\.[45]\\.attn_q/");
    assert_eq!(patterns.iter().find(|hits| hits.title == "Tensors").unwrap().count, 2);
    assert!(index.search(&trace, 0, "/(/", &never).unwrap().unwrap_err().contains("unclosed"));
    assert!(index.search(&trace, 0, "", &never).is_none(), "nothing is not everything");
    assert!(SearchIndex::new(&trace, &AtomicBool::new(true)).is_none(), "cancelled");
}

#[test]
fn a_tensor_is_found_selected_in_all_views_and_zoomed_to() {
    let mut session = Session::new();
    open_search(&mut session, "blk.5.attn_q");
    session.place("tensor: blk.5.attn_q.weight, DISK 202 KiB");
    key(&mut session, Key::Enter);
    let Some(Item::Tensor(tensor)) = session.scene.state.selection else {
        panic!("{:?}", session.scene.state.selection)
    };
    let document = session.scene.state.document.clone().unwrap();
    assert_eq!(document.trace.tensors[tensor as usize].name, "blk.5.attn_q.weight");
    assert!(!session.scene.state.interface.search_shown, "the list is out of the way");
    assert!(session.target.find_by(|n| n.contains("selected blk.5.attn_q.weight")).is_some(), "the graph marks it");
    let whole = session.scene.state.heat.bytes[0].now().len();
    // What was typed is still there, and is replaced by what is typed next.
    open_search(&mut session, "blk.6.attn_k.w");
    assert_eq!(session.scene.state.interface.search, "blk.6.attn_k.w");
    session.press(Key::Enter, Modifiers::SHIFT);
    assert!(session.scene.state.heat.bytes[0].now().len() < whole / 50.0, "Shift+Enter zooms");
    open_search(&mut session, "blk.7.attn_v.w");
    session.press(Key::Enter, Modifiers::COMMAND);
    assert!(matches!(session.scene.state.filter.touches, Some(TensorRef::Number(_))), "Ctrl+Enter filters");
    assert_eq!(session.scene.row_count(), document.trace.passes.len());
}

#[test]
fn arrows_walk_through_kinds_and_an_op_leads_to_the_next_of_its_name() {
    let mut session = Session::new();
    open_search(&mut session, "Qcur-5");
    let document = session.scene.state.document.clone().unwrap();
    let all: Vec<u32> = (0..document.trace.op_count() as u32)
        .filter(|op| document.trace.destination_name(*op as usize).trim() == "Qcur-5")
        .collect();
    let name = format!("ops: Qcur-5, {} ops", all.len());
    session.click(&name);
    assert_eq!(session.scene.state.selection, Some(Item::Op(all[0])));
    key(&mut session, Key::Slash);
    session.click(&name);
    assert_eq!(session.scene.state.selection, Some(Item::Op(all[1])), "once more: the next one");
    // Escape closes it and leaves the selection; a click beside it does so too.
    key(&mut session, Key::Slash);
    key(&mut session, Key::ArrowDown);
    key(&mut session, Key::Escape);
    assert_eq!(
        (session.scene.state.interface.search_shown, session.scene.state.selection),
        (false, Some(Item::Op(all[1])))
    );
    key(&mut session, Key::Slash);
    let at = session.canvas("Timeline").center();
    session.click_at(at);
    assert!(!session.scene.state.interface.search_shown);
    // A node's hits are stepped through with N.
    session.act(Action::Search { text: "/ffn_gate-[23]$/".to_owned() });
    let node = session.canvas("node: ffn_gate-2");
    session.click_at(node.center());
    let first = session.scene.state.selection;
    assert!(matches!(first, Some(Item::Node { .. })), "{first:?}");
    key(&mut session, Key::N);
    key(&mut session, Key::N);
    assert!(matches!(session.scene.state.selection, Some(Item::Node { .. })));
    assert_ne!(session.scene.state.selection, first);
}

#[test]
fn tab_goes_on_to_the_hits_and_the_list_closes_behind_them() {
    let mut session = Session::new();
    open_search(&mut session, "blk.5.attn_q.weight");
    key(&mut session, Key::Tab);
    assert!(session.scene.state.interface.search_shown, "a hit has the focus");
    key(&mut session, Key::Enter);
    assert!(matches!(session.scene.state.selection, Some(Item::Tensor(_))), "{:?}", session.scene.state.selection);
    assert!(!session.scene.state.interface.search_shown);
    session.act(Action::Search { text: String::new() });
    assert!(session.scene.state.interface.search_shown);
    key(&mut session, Key::Tab);
    assert!(!session.scene.state.interface.search_shown, "another control has the focus");
}

#[test]
fn what_is_not_there_and_what_cannot_be_read_is_said() {
    let mut session = Session::new();
    open_search(&mut session, "zebra");
    session.place("nothing of the run is called so");
    key(&mut session, Key::Enter);
    assert_eq!(session.scene.state.selection, None);
    session.act(Action::Search { text: "/(/".to_owned() });
    assert!(session.target.find_by(|name| name.contains("unclosed group")).is_some());
    session.act(Action::Search { text: String::new() });
    assert!(session.target.find_by(|name| name.contains("a regular expression")).is_some());
}
