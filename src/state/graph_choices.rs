//! What a person asks of the graph: layers beside each other, pinned nodes, searches, and trails through it.

use std::collections::BTreeSet;

use super::{Action, AppState, Effect, GraphState, GraphSubject, NodeSearch, PinnedNode, Trail};
use crate::analysis::graph_search::{self, Direction};
use crate::analysis::layout_graph::slices_of_node;
use crate::analysis::links::Item;
use crate::trace::Graph;

/// Nobody pins a node further out; layouts could not place it.
const FURTHEST_PIN: f32 = 100_000.0;

impl GraphState {
    /// The layers whose subgraph is shown; none: the whole graph.
    pub fn layers(&self) -> BTreeSet<u32> {
        self.layer.iter().chain(&self.more_layers).copied().collect()
    }

    /// Shows `layers`; `first`, if it is one of them, is the one that stepping starts from.
    pub(super) fn show_layers(&mut self, mut layers: BTreeSet<u32>, first: Option<u32>) {
        self.layer = first.filter(|layer| layers.contains(layer)).or_else(|| layers.first().copied());
        layers.retain(|&layer| Some(layer) != self.layer);
        self.more_layers = layers;
    }

    pub fn subject(&self) -> GraphSubject {
        GraphSubject {
            graph: self.graph,
            layers: self.layers(),
            folded: self.folded.clone(),
            experts: self.experts,
            arrangement: self.arrangement,
        }
    }
}

impl AppState {
    /// Where a node of the shown graph, or a slice of it, is pinned.
    pub fn pinned_at(&self, node: u32, expert: Option<u32>) -> Option<[f32; 2]> {
        let pinned = self.pinned_node(node, expert).ok()?;
        self.graph.pins.get(&self.graph.subject())?.get(&pinned).copied()
    }

    pub(super) fn pin_node(&mut self, name: &str, expert: Option<u32>, at: [f32; 2]) -> Result<(), Effect> {
        if !at.iter().all(|along| along.abs() <= FURTHEST_PIN) {
            let [x, y] = at;
            return Err(Effect::Refused(format!(
                "{name} cannot be pinned at {x}, {y}: x and y are layout units from -{FURTHEST_PIN} to {FURTHEST_PIN}"
            )));
        }
        let node = self.pinned_node(self.find_node(name).map_err(Effect::NotFound)?, expert)?;
        self.graph.pins.entry(self.graph.subject()).or_default().insert(node, at);
        Ok(())
    }

    /// Lets one node of the shown graph go, or all.
    pub(super) fn unpin_node(&mut self, name: Option<&str>, expert: Option<u32>) -> Result<(), Effect> {
        let subject = self.graph.subject();
        let Some(name) = name else {
            self.graph.pins.remove(&subject);
            return Ok(());
        };
        let node = self.pinned_node(self.find_node(name).map_err(Effect::NotFound)?, expert)?;
        if let Some(pins) = self.graph.pins.get_mut(&subject) {
            pins.remove(&node);
            if pins.is_empty() {
                self.graph.pins.remove(&subject);
            }
        }
        Ok(())
    }

    /// What a pin holds: of a node whose slices stand apart the one that is named, or the first; else the whole node.
    fn pinned_node(&self, node: u32, expert: Option<u32>) -> Result<PinnedNode, Effect> {
        let own = self.shown_graph().and_then(|graph| graph.nodes.get(node as usize));
        let (Some(document), Some(own)) = (&self.document, own) else {
            return Err(Effect::NotFound(format!("node {node}")));
        };
        let slices = slices_of_node(&document.trace, own);
        let folded = self.graph.layers().is_empty() && own.layer.is_some_and(|l| self.graph.folded.contains(&l));
        let apart = self.graph.experts && slices > 1 && !folded;
        let name = own.label.trim();
        let why = match expert {
            Some(expert) if slices <= 1 => {
                format!("{name} has no experts, so none with number {expert}; leave out \"expert\"")
            }
            Some(expert) if !apart && folded => {
                format!("expert {expert} of {name} is in a folded layer; unfold the layer, or leave out \"expert\"")
            }
            Some(expert) if !apart => {
                format!("expert {expert} of {name} does not stand apart; show experts apart, or leave out \"expert\"")
            }
            Some(expert) if expert >= slices => {
                format!("{name} has no expert {expert}; its experts are 0 to {}", slices - 1)
            }
            _ => return Ok(PinnedNode { node, expert: apart.then_some(expert.unwrap_or(0)) }),
        };
        Err(Effect::Refused(why))
    }

    fn shown_graph(&self) -> Option<&Graph> {
        self.document.as_ref()?.trace.graphs.get(self.graph.graph as usize)
    }

    pub(super) fn find_nodes(&mut self, pattern: &str) -> Result<(), Effect> {
        let found = self.shown_graph().map_or(Ok(Vec::new()), |graph| graph_search::find(graph, pattern));
        // Half a pattern stays in its field while it is typed.
        let (hits, problem) = match found {
            Ok(hits) => (hits, Ok(())),
            Err(problem) => (Vec::new(), Err(Effect::Refused(problem))),
        };
        self.graph.search = NodeSearch { pattern: pattern.to_owned(), hits, at: None };
        problem
    }

    pub(super) fn step_hit(&mut self, back: bool) -> Result<(), String> {
        let search = &mut self.graph.search;
        let Some(last) = search.hits.len().checked_sub(1) else { return Ok(()) };
        let at = match (search.at, back) {
            (None, false) => 0,
            (None, true) => last,
            (Some(at), false) => {
                if at >= last {
                    0
                } else {
                    at + 1
                }
            }
            (Some(at), true) => at.checked_sub(1).unwrap_or(last),
        };
        search.at = Some(at);
        let node = search.hits[at];
        let id = self.shown_graph().and_then(|graph| graph.nodes.get(node as usize)).map(|node| node.id.clone());
        match id {
            Some(id) => self.change(&Action::Select { item: Some(super::ItemRef::Node(id)) }).map(|_| ()),
            None => Ok(()),
        }
    }

    pub(super) fn set_trail(&mut self, trail: &Trail) -> Result<(), String> {
        if let Trail::Path(to) = trail {
            self.find_node(to)?;
        }
        self.graph.trail = trail.clone();
        self.follow_trail();
        Ok(())
    }

    /// Works out which nodes the trail goes through, from what is selected.
    pub(super) fn follow_trail(&mut self) {
        let from: &[u32] = match self.selection {
            Some(Item::Node { .. } | Item::Op(_) | Item::Tensor(_)) => &self.links.nodes,
            _ => &[],
        };
        let found = match (self.shown_graph(), &self.graph.trail) {
            (None, _) | (_, Trail::None) => Vec::new(),
            (Some(graph), Trail::Upstream) => graph_search::reach(graph, from, Direction::Upstream),
            (Some(graph), Trail::Downstream) => graph_search::reach(graph, from, Direction::Downstream),
            (Some(graph), Trail::Path(to)) => match (from.first(), self.find_node(to)) {
                (Some(&from), Ok(to)) => graph_search::path(graph, from, to),
                _ => Vec::new(),
            },
        };
        self.graph.on_trail = found;
    }
}
