//! Ways back: through what was looked at (`back`, `forward`), and through what was chosen (`undo`, `redo`).

use std::collections::{BTreeMap, BTreeSet};

use super::camera::{Easing, GraphCamera, Motion, Span};
use super::table_choices::{Grouping, ShownColumn};
use super::{
    Action, AggregateChoice, AppState, DirectionChoice, Effect, GraphGoal, GraphSubject, MeasureChoice, NodeColor,
    NodeSize, PaletteChoice, PinnedNode, ScaleChoice, View,
};
use crate::analysis::filter::{Condition, Filter};
use crate::analysis::links::Item;
use crate::analysis::row_axis::Rows;
use crate::analysis::table_columns::Column;
use crate::analysis::table_rows::SortKey;
use crate::kernel_io::layout::Arrangement;
use crate::trace::Phase;
use crate::trace::tracks::Order;

/// Steps that each way remembers.
const MOST_STEPS: usize = 200;
/// How long cameras take to where they were.
const RETURN: Motion = Motion { duration_ms: 200.0, easing: Easing::EaseInOut };

/// What the four ways lead to, the nearest last.
#[derive(Debug, Clone, Default)]
pub(super) struct History {
    back: Vec<Look>,
    forward: Vec<Look>,
    undo: Vec<Change>,
    redo: Vec<Change>,
}

/// What was looked at.
#[derive(Debug, Clone, PartialEq)]
struct Look {
    selection: Option<Item>,
    pass: Option<u32>,
    graph: u32,
    layer: Option<u32>,
    more_layers: BTreeSet<u32>,
    camera: GraphCamera,
    order: Order,
    rows: Rows,
    bytes: [Span; 2],
    ops: Span,
    timeline: Span,
    view: View,
}

/// One thing that a person chose, with its value.
#[derive(Debug, Clone, PartialEq)]
enum Choice {
    Phase(Option<Phase>),
    Filter(Filter),
    Layers(Option<u32>, BTreeSet<u32>),
    Folds(BTreeSet<u32>),
    Experts(bool),
    Arrangement(Arrangement),
    Pins(BTreeMap<GraphSubject, BTreeMap<PinnedNode, [f32; 2]>>),
    NodeColor(NodeColor),
    NodeSize(NodeSize),
    Columns(Vec<ShownColumn>),
    Sort(Vec<SortKey>),
    Groups(Option<Grouping>),
    Measure(MeasureChoice),
    Aggregate(AggregateChoice),
    Direction(DirectionChoice),
    Order(Order),
    Rows(Rows),
    Seeks(bool),
    Palette(PaletteChoice),
    Scale(ScaleChoice),
}

/// What one Action changed: the values on the other side of it.
#[derive(Debug, Clone)]
struct Change {
    values: Vec<Choice>,
    /// What comes in many small changes, and is one step all the same.
    run: Option<Run>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Run {
    /// A text that is typed.
    FreeText,
    ColumnText(Column),
    /// A node that is dragged.
    Pin(String, Option<u32>),
}

impl Choice {
    /// What it is called where it is undone.
    fn name(&self) -> &'static str {
        match self {
            Self::Phase(_) => "phase",
            Self::Filter(_) => "filter",
            Self::Layers(..) => "layers shown",
            Self::Folds(_) => "folded layers",
            Self::Experts(_) => "experts apart",
            Self::Arrangement(_) => "arrangement of the graph",
            Self::Pins(_) => "pins",
            Self::NodeColor(_) => "colours of nodes",
            Self::NodeSize(_) => "sizes of nodes",
            Self::Columns(_) => "columns",
            Self::Sort(_) => "sorting",
            Self::Groups(_) => "groups",
            Self::Measure(_) => "measure",
            Self::Aggregate(_) => "sum or largest",
            Self::Direction(_) => "reads and writes",
            Self::Order(_) => "order of bytes",
            Self::Rows(_) => "kind of rows",
            Self::Seeks(_) => "seeks",
            Self::Palette(_) => "colours",
            Self::Scale(_) => "scale of colours",
        }
    }
}

/// Whether `action` goes somewhere, or moves along one of the four ways: what it changes is not undone with `undo`.
fn goes(action: &Action) -> bool {
    matches!(
        action,
        Action::Select { .. }
            | Action::ZoomTo { .. }
            | Action::SetGraph { .. }
            | Action::SetPass { .. }
            | Action::Step { .. }
            | Action::StepHit { .. }
            | Action::GoTo { .. }
            | Action::Back
            | Action::Forward
            | Action::Undo
            | Action::Redo
    ) || action.is_camera()
}

impl Action {
    /// Whether it only moves a camera, as every frame of a drag does.
    pub fn is_camera(&self) -> bool {
        matches!(
            self,
            Self::Pan { .. }
                | Self::Zoom { .. }
                | Self::ShowSpan { .. }
                | Self::LookAt { .. }
                | Self::Fit { .. }
                | Self::Wait { .. }
        )
    }

    /// Whether it moves the graph's camera from where that is.
    pub fn moves_graph(&self) -> bool {
        matches!(self, Self::Pan { view: View::Graph, .. } | Self::Zoom { view: View::Graph, .. })
    }
}

/// The text that is all in which two filters differ.
fn typed(old: &Filter, new: &Filter) -> Option<Run> {
    if old.text != new.text {
        return (Filter { text: new.text.clone(), ..old.clone() } == *new).then_some(Run::FreeText);
    }
    let is_text = |condition: Option<&Condition>| {
        condition.is_none_or(|condition| matches!(condition, Condition::Contains(_) | Condition::Matches(_)))
    };
    let mut differing = Column::ALL.into_iter().filter(|column| old.columns.get(column) != new.columns.get(column));
    let column = differing.next()?;
    let [before, after] = [old, new].map(|filter| filter.columns.get(&column));
    let only = differing.next().is_none() && is_text(before) && is_text(after);
    let rest = Filter { columns: new.columns.clone(), ..old.clone() } == *new;
    (only && rest).then_some(Run::ColumnText(column))
}

impl AppState {
    pub fn can_go_back(&self) -> bool {
        !self.history.back.is_empty()
    }

    pub fn can_go_forward(&self) -> bool {
        !self.history.forward.is_empty()
    }

    /// What `undo` would undo.
    pub fn would_undo(&self) -> Option<String> {
        self.history.undo.last().map(names)
    }

    /// What `redo` would do again.
    pub fn would_redo(&self) -> Option<String> {
        self.history.redo.last().map(names)
    }

    fn look(&self) -> Look {
        Look {
            selection: self.selection,
            pass: self.pass,
            graph: self.graph.graph,
            layer: self.graph.layer,
            more_layers: self.graph.more_layers.clone(),
            camera: self.graph.camera.goal(),
            order: self.heat.order,
            rows: self.heat.rows,
            bytes: self.heat.bytes.map(|b| b.goal()),
            ops: self.heat.ops.goal(),
            timeline: self.timeline.goal(),
            view: self.view,
        }
    }

    /// Remembers what is looked at, before something else is.
    pub(super) fn remember(&mut self) {
        let look = self.look();
        if self.history.back.last() != Some(&look) {
            push(&mut self.history.back, look);
        }
        self.history.forward.clear();
    }

    pub(super) fn go_back(&mut self) {
        if let Some(look) = self.history.back.pop() {
            let now = self.look();
            self.history.forward.push(now);
            self.restore(look);
        }
    }

    pub(super) fn go_forward(&mut self) {
        if let Some(look) = self.history.forward.pop() {
            let now = self.look();
            self.history.back.push(now);
            self.restore(look);
        }
    }

    fn restore(&mut self, look: Look) {
        self.pass = look.pass;
        self.graph.graph = look.graph;
        self.graph.layer = look.layer;
        self.graph.more_layers = look.more_layers;
        self.graph.request = None;
        self.graph.camera.go(look.camera, RETURN);
        if self.heat.order != look.order {
            self.show_order(look.order);
        }
        self.heat.rows = look.rows;
        for (bytes, goal) in self.heat.bytes.iter_mut().zip(look.bytes) {
            bytes.go(goal, RETURN);
        }
        self.heat.ops.go(look.ops, RETURN);
        self.timeline.go(look.timeline, RETURN);
        self.view = look.view;
        if self.full_screen.is_some() {
            self.full_screen = Some(look.view);
        }
        self.set_selection(look.selection);
    }

    /// Every choice that can be undone, always in the same order.
    fn choices(&self) -> Vec<Choice> {
        let (graph, heat, table) = (&self.graph, &self.heat, &self.table);
        vec![
            Choice::Phase(self.phase),
            // Another order drops filters by bytes, so it comes before them.
            Choice::Order(heat.order),
            Choice::Filter(self.filter.clone()),
            Choice::Layers(graph.layer, graph.more_layers.clone()),
            Choice::Folds(graph.folded.clone()),
            Choice::Experts(graph.experts),
            Choice::Arrangement(graph.arrangement),
            Choice::Pins(graph.pins.clone()),
            Choice::NodeColor(graph.color),
            Choice::NodeSize(graph.size),
            Choice::Columns(table.columns.clone()),
            Choice::Sort(table.sort.clone()),
            Choice::Groups(table.group),
            Choice::Measure(heat.measure),
            Choice::Aggregate(heat.aggregate),
            Choice::Direction(heat.direction),
            Choice::Rows(heat.rows),
            Choice::Seeks(heat.seeks),
            Choice::Palette(heat.palette),
            Choice::Scale(heat.scale),
        ]
    }

    /// Does what `act` does, and remembers which choices it changed if `action` is one to be undone.
    pub(super) fn noting_choices<R>(&mut self, action: &Action, act: impl FnOnce(&mut Self) -> R) -> R {
        if goes(action) {
            // What is typed or dragged after this is another step.
            if !action.is_camera() {
                self.end_run();
            }
            return act(self);
        }
        let before = self.choices();
        let result = act(self);
        let after = self.choices();
        let run = match action {
            Action::PinNode { node, expert, .. } => Some(Run::Pin(node.clone(), *expert)),
            _ => before.iter().zip(&after).find_map(|pair| match pair {
                (Choice::Filter(old), Choice::Filter(new)) => typed(old, new),
                _ => None,
            }),
        };
        let values: Vec<Choice> =
            before.into_iter().zip(&after).filter(|(old, new)| old != *new).map(|(old, _)| old).collect();
        if !values.is_empty() {
            let goes_on = run.is_some() && self.history.undo.last().is_some_and(|last| last.run == run);
            if !goes_on {
                push(&mut self.history.undo, Change { values, run });
            }
            self.history.redo.clear();
        }
        result
    }

    fn end_run(&mut self) {
        if let Some(last) = self.history.undo.last_mut() {
            last.run = None;
        }
    }

    pub(super) fn undo(&mut self) -> Effect {
        let Some(change) = self.history.undo.pop() else { return Effect::Said("nothing to undo".to_owned()) };
        let said = format!("undone: {}", names(&change));
        let other = self.exchange(change);
        self.history.redo.push(other);
        self.end_run();
        Effect::Said(said)
    }

    pub(super) fn redo(&mut self) -> Effect {
        let Some(change) = self.history.redo.pop() else { return Effect::Said("nothing to do again".to_owned()) };
        let said = format!("done again: {}", names(&change));
        let other = self.exchange(change);
        self.history.undo.push(other);
        Effect::Said(said)
    }

    /// Puts the values of `change` in the place of those that are there, and gives these.
    fn exchange(&mut self, change: Change) -> Change {
        let before = self.choices();
        let kinds: Vec<_> = change.values.iter().map(std::mem::discriminant).collect();
        for value in change.values {
            self.put(value);
        }
        self.relink();
        let values = before.into_iter().filter(|old| kinds.contains(&std::mem::discriminant(old))).collect();
        Change { values, run: None }
    }

    fn put(&mut self, value: Choice) {
        let shows_another_graph =
            matches!(value, Choice::Layers(..) | Choice::Folds(_) | Choice::Experts(_) | Choice::Arrangement(_));
        match value {
            Choice::Phase(phase) => self.phase = phase,
            Choice::Filter(filter) => self.filter = filter,
            Choice::Layers(first, more) => {
                // The graph that is shown now may have fewer.
                let count = self.shown_layers();
                let layers = first.into_iter().chain(more).filter(|&layer| layer < count).collect();
                self.graph.show_layers(layers, first);
            }
            Choice::Folds(folded) => self.graph.folded = folded,
            Choice::Experts(apart) => self.graph.experts = apart,
            Choice::Arrangement(arrangement) => self.graph.arrangement = arrangement,
            Choice::Pins(pins) => self.graph.pins = pins,
            Choice::NodeColor(color) => self.graph.color = color,
            Choice::NodeSize(size) => self.graph.size = size,
            Choice::Columns(columns) => self.table.columns = columns,
            Choice::Sort(sort) => self.table.sort = sort,
            Choice::Groups(group) => self.table.group = group,
            Choice::Measure(measure) => self.heat.measure = measure,
            Choice::Aggregate(aggregate) => self.heat.aggregate = aggregate,
            Choice::Direction(direction) => self.heat.direction = direction,
            Choice::Order(order) => self.show_order(order),
            Choice::Rows(rows) => self.heat.rows = rows,
            Choice::Seeks(seeks) => self.heat.seeks = seeks,
            Choice::Palette(palette) => self.heat.palette = palette,
            Choice::Scale(scale) => self.heat.scale = scale,
        }
        if shows_another_graph {
            self.graph.request = Some((GraphGoal::Everything, Motion::default()));
        }
    }
}

fn push<T>(steps: &mut Vec<T>, step: T) {
    steps.push(step);
    if steps.len() > MOST_STEPS {
        steps.remove(0);
    }
}

fn names(change: &Change) -> String {
    change.values.iter().map(Choice::name).collect::<Vec<_>>().join(", ")
}
