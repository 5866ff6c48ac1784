//! What a person may ask of the graph, and what is said where it cannot be.

use std::path::Path;
use std::sync::Arc;

use tensorscope::formats::{self, Progress};
use tensorscope::state::{Action, AppState, Document, Effect, PinnedNode};

const STACK: &str = "blk.3.ffn_gate_exps.weight";

/// A mixture of 128 experts.
fn state() -> AppState {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/moe-128x48.tscope");
    let trace = formats::open(&path, &Progress::default()).unwrap();
    let mut state = AppState::default();
    state.set_document(Arc::new(Document::new(path, Arc::new(trace), true)));
    state
}

fn node(state: &AppState, name: &str) -> u32 {
    let nodes = &state.document.as_ref().unwrap().trace.graphs[0].nodes;
    nodes.iter().position(|node| node.name == name).unwrap() as u32
}

fn pin(name: &str, expert: Option<u32>, x: f32) -> Action {
    Action::PinNode { node: name.to_owned(), expert, x, y: 0.0 }
}

fn pins(state: &AppState) -> Vec<(PinnedNode, f32)> {
    state.graph.pins.values().flatten().map(|(&node, at)| (node, at[0])).collect()
}

/// The sentence with which an Action is refused.
fn refusal(state: &mut AppState, action: &Action) -> String {
    let before = state.graph.pins.clone();
    let effects = state.apply(action);
    assert_eq!(state.graph.pins, before);
    match effects.as_slice() {
        [Effect::Refused(why)] => why.clone(),
        other => panic!("{action:?}: {other:?}"),
    }
}

#[test]
fn of_experts_apart_a_pin_without_a_number_is_the_first() {
    let mut state = state();
    let stack = node(&state, STACK);
    state.apply(&pin(STACK, None, 1.0));
    assert_eq!(pins(&state), [(PinnedNode { node: stack, expert: None }, 1.0)], "together it is one node");
    state.apply(&Action::UnpinNode { node: None, expert: None });

    state.apply(&Action::UnfoldExperts { unfolded: true });
    for (expert, x) in [(None, 2.0), (Some(0), 3.0), (None, 4.0)] {
        assert!(state.apply(&pin(STACK, expert, x)).is_empty());
        assert_eq!(pins(&state), [(PinnedNode { node: stack, expert: Some(0) }, x)]);
        assert_eq!([None, Some(0), Some(1)].map(|e| state.pinned_at(stack, e)), [Some([x, 0.0]), Some([x, 0.0]), None]);
    }
    state.apply(&pin(STACK, Some(127), 5.0));
    assert_eq!(pins(&state).len(), 2);
    state.apply(&Action::UnpinNode { node: Some(STACK.to_owned()), expert: None });
    assert_eq!(pins(&state), [(PinnedNode { node: stack, expert: Some(127) }, 5.0)]);
}

#[test]
fn pins_of_experts_that_are_not_shown_are_refused() {
    let mut state = state();
    let together = refusal(&mut state, &pin(STACK, Some(0), 1.0));
    assert!(together.contains("does not stand apart"), "{together}");
    state.apply(&Action::UnfoldExperts { unfolded: true });
    let beyond = refusal(&mut state, &pin(STACK, Some(128), 1.0));
    assert!(beyond.contains("no expert 128") && beyond.contains("0 to 127"), "{beyond}");
    let none = refusal(&mut state, &pin("attn_norm-3", Some(0), 1.0));
    assert!(none.contains("attn_norm-3 has no experts"), "{none}");
    state.apply(&pin(STACK, None, 1.0));
    let unpin = Action::UnpinNode { node: Some(STACK.to_owned()), expert: Some(128) };
    assert!(refusal(&mut state, &unpin).contains("no expert 128"));
    state.apply(&Action::Fold { layer: Some(3) });
    let folded = refusal(&mut state, &pin(STACK, Some(0), 1.0));
    assert!(folded.contains("folded layer"), "{folded}");
    assert!(state.apply(&pin(STACK, None, 1.0)).is_empty(), "the folded layer itself");
}

#[test]
fn what_cannot_be_is_refused_in_a_sentence_of_its_own() {
    let mut state = state();
    for x in [1e6, f32::INFINITY, f32::NAN] {
        let far = refusal(&mut state, &pin("attn_norm-3", None, x));
        assert!(far.contains("attn_norm-3 cannot be pinned at") && far.contains("-100000 to 100000"), "{far}");
    }
    let broken = refusal(&mut state, &Action::FindNodes { pattern: "attn(".to_owned() });
    assert!(broken.starts_with("the pattern attn( cannot be read: unclosed group; "), "{broken}");
    assert!(broken.lines().count() == 1 && broken.contains('\\'), "{broken}");
    assert_eq!(state.graph.search.pattern, "attn(", "half a pattern stays in its field");
    let absent = state.apply(&pin("nothing", None, 1.0));
    assert_eq!(absent, [Effect::NotFound("node nothing".to_owned())]);
}
