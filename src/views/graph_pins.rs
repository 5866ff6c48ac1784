//! Pins as the layout engines know them: by shown node, which several pins may hold.

use std::collections::BTreeMap;

use crate::analysis::graph_display::DisplayGraph;
use crate::state::PinnedNode;

/// What a person pinned in one shown graph, and what of it the engine knows.
#[derive(Default)]
pub struct Pins {
    asked: BTreeMap<PinnedNode, [f32; 2]>,
    /// Per shown node: where it is held.
    held: BTreeMap<u32, [f32; 2]>,
}

impl Pins {
    /// What the engine has to change so that it holds what is `wanted`, which is mostly nothing. A node goes free
    /// once no pin holds it. Of several pins on one, that of the first node holds: a folded layer is dragged by its first.
    pub fn follow(
        &mut self,
        display: &DisplayGraph,
        wanted: Option<&BTreeMap<PinnedNode, [f32; 2]>>,
    ) -> Vec<(u32, Option<[f32; 2]>)> {
        let none = BTreeMap::new();
        let wanted = wanted.unwrap_or(&none);
        if *wanted == self.asked {
            return Vec::new();
        }
        let mut held = BTreeMap::new();
        for (pinned, &at) in wanted {
            if let Some(shown) = display.place_of(pinned.node, pinned.expert) {
                held.entry(shown).or_insert(at);
            }
        }
        let put =
            held.iter().filter(|&(node, at)| self.held.get(node) != Some(at)).map(|(&node, &at)| (node, Some(at)));
        let gone = self.held.keys().filter(|node| !held.contains_key(node)).map(|&node| (node, None));
        let changes = put.chain(gone).collect();
        (self.asked, self.held) = (wanted.clone(), held);
        changes
    }

    /// Shown nodes that are held, in their order.
    pub fn held(&self) -> impl Iterator<Item = u32> {
        self.held.keys().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::graph_display::DisplayNode;

    fn pins(nodes: &[(u32, Option<u32>, f32)]) -> BTreeMap<PinnedNode, [f32; 2]> {
        nodes.iter().map(|&(node, expert, x)| (PinnedNode { node, expert }, [x, 0.0])).collect()
    }

    /// Node 0, a folded layer of nodes 1 to 3, and node 4.
    fn folded() -> DisplayGraph {
        let node = |(node, folded)| DisplayNode { node, count: 1, folded, expert: None, category: None };
        DisplayGraph {
            nodes: [(0, None), (1, Some(0)), (4, None)].map(node).to_vec(),
            edges: Vec::new(),
            shown_as: [0, 1, 1, 1, 2].map(Some).to_vec(),
        }
    }

    #[test]
    fn a_folded_layer_is_held_until_the_last_pin_in_it_is_let_go() {
        let (display, mut known) = (folded(), Pins::default());
        let both = pins(&[(1, None, 5.0), (3, None, 7.0)]);
        assert_eq!(known.follow(&display, Some(&both)), [(1, Some([5.0, 0.0]))]);
        assert_eq!(known.follow(&display, Some(&both)), [], "nothing new");
        let last = pins(&[(3, None, 7.0)]);
        assert_eq!(known.follow(&display, Some(&last)), [(1, Some([7.0, 0.0]))]);
        assert_eq!(known.held().collect::<Vec<_>>(), [1]);
        assert_eq!(known.follow(&display, None), [(1, None)]);
        assert_eq!(known.held().count(), 0);
    }

    #[test]
    fn letting_go_the_second_pin_changes_nothing_of_the_first() {
        let (display, mut known) = (folded(), Pins::default());
        known.follow(&display, Some(&pins(&[(1, None, 5.0), (2, None, 7.0), (4, None, 9.0)])));
        assert_eq!(known.follow(&display, Some(&pins(&[(1, None, 5.0), (4, None, 9.0)]))), []);
        assert_eq!(known.follow(&display, Some(&pins(&[(4, None, 9.0)]))), [(1, None)]);
        assert_eq!(known.held().collect::<Vec<_>>(), [2]);
    }

    #[test]
    fn slices_are_held_each_by_itself() {
        let mut display = folded();
        display.nodes.pop();
        let slice = |expert| DisplayNode { node: 4, count: 1, folded: None, expert: Some(expert), category: None };
        display.nodes.extend((0..3).map(slice));
        let mut known = Pins::default();
        let wanted = pins(&[(4, Some(0), 1.0), (4, Some(2), 3.0), (4, Some(9), 4.0)]);
        let put = [(2, Some([1.0, 0.0])), (4, Some([3.0, 0.0]))];
        assert_eq!(known.follow(&display, Some(&wanted)), put);
    }
}
