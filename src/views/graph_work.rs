//! What the graph panel has worked out before a graph can be shown: at once where that is quick, beside the frames where
//! it takes long.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::graph_style::radii;
use crate::analysis::background::Background;
use crate::analysis::graph_display::DisplayGraph;
use crate::analysis::graph_values::NodeValues;
use crate::analysis::layout::prepare_watched;
use crate::analysis::layout_graph::slices_per_node;
use crate::analysis::watch::Watch;
use crate::kernel_io::layout::{Arrangement, LayoutGraph, LayoutParams, LayoutProblem};
use crate::state::{Document, GraphSubject, NodeSize};

/// What decides which graph is laid out.
#[derive(Debug, Clone, PartialEq)]
pub struct Subject {
    /// Tells documents apart.
    pub document: u64,
    pub graph: GraphSubject,
    pub size: NodeSize,
    /// Bits of the phases that sizes are of; all where they say nothing.
    pub phases: u32,
}

/// A graph ready for any engine.
pub struct Prepared {
    pub subject: Subject,
    pub display: DisplayGraph,
    pub layout_graph: LayoutGraph,
    pub problem: LayoutProblem,
    /// Its experts are too many to stand apart.
    pub too_many_experts: bool,
}

impl Prepared {
    /// `None` where `watch` ended it or the run has no such graph.
    pub fn new(document: &Document, subject: Subject, values: Option<&NodeValues>, watch: Watch<'_>) -> Option<Self> {
        let asked = &subject.graph;
        let graph = document.trace.graphs.get(asked.graph as usize)?;
        let whole = DisplayGraph::new(graph, &asked.layers, &asked.folded);
        let sliced = asked.experts.then(|| whole.with_slices(&slices_per_node(&document.trace, graph)));
        let too_many_experts = matches!(sliced, Some(None));
        let display = sliced.flatten().unwrap_or(whole);
        let mut layout_graph = display.layout_graph(graph);
        if let Some(values) = values {
            layout_graph.radius = radii(&display, values, subject.size, &layout_graph.radius);
        }
        let params = LayoutParams { arrangement: asked.arrangement, ..LayoutParams::default() };
        let problem = prepare_watched(&layout_graph, params, watch)?;
        Some(Self { subject, display, layout_graph, problem, too_many_experts })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Question {
    Values,
    Start,
}

enum Answer {
    Values(Measured),
    Start(Box<Prepared>),
}

/// What a run did to the nodes of one of its graphs.
struct Measured {
    document: u64,
    graph: u32,
    phases: u32,
    values: Arc<NodeValues>,
}

/// A thread for the graph panel, what was asked of it, and what it answered.
#[derive(Default)]
pub struct GraphWork {
    background: Option<Background<Question, Answer>>,
    values: Option<Measured>,
    asked_values: Option<(u64, u32, u32)>,
    prepared: Option<Box<Prepared>>,
    asked_start: Option<Subject>,
    done: Arc<AtomicU32>,
    pub fault: Option<String>,
}

impl GraphWork {
    /// Has a thread to work in. `wake` asks for a frame, from any thread.
    pub fn begin(&mut self, wake: impl Fn() + Send + 'static) {
        if self.background.is_none() && self.fault.is_none() {
            match Background::start(wake) {
                Ok(background) => self.background = Some(background),
                Err(error) => self.fault = Some(format!("no thread to work in: {error}")),
            }
        }
    }

    /// Picks up what was worked out.
    pub fn take_answers(&mut self) {
        while let Some(answer) = self.background.as_ref().and_then(Background::answer) {
            match answer {
                Answer::Values(measured) => self.values = Some(measured),
                Answer::Start(prepared) => self.prepared = Some(prepared),
            }
        }
    }

    /// What the run did to the nodes of a graph in `phases`, once that is known.
    pub fn values(&mut self, document: &Arc<Document>, graph: u32, phases: u32) -> Option<Arc<NodeValues>> {
        let of = (document.number, graph, phases);
        if let Some(known) = self.values.as_ref().filter(|known| (known.document, known.graph, known.phases) == of) {
            return Some(known.values.clone());
        }
        if self.asked_values != Some(of)
            && let Some(background) = &self.background
        {
            self.asked_values = Some(of);
            self.done.store(0, Ordering::Relaxed);
            let (document, done) = (document.clone(), self.done.clone());
            background.ask(Question::Values, move |cancelled| {
                let values = NodeValues::of(&document.trace, graph, phases, Watch { cancelled, done: &done })?;
                Some(Answer::Values(Measured { document: of.0, graph, phases, values: Arc::new(values) }))
            });
        }
        None
    }

    /// The graph that takes long to prepare, once it is; until then what of it can be had at once.
    pub fn prepared(
        &mut self,
        document: &Arc<Document>,
        subject: &Subject,
        values: Option<&Arc<NodeValues>>,
    ) -> Option<Box<Prepared>> {
        if let Some(prepared) = self.prepared.take_if(|prepared| prepared.subject == *subject) {
            self.asked_start = None;
            return Some(prepared);
        }
        if self.asked_start.as_ref() != Some(subject)
            && let Some(background) = &self.background
        {
            background.cancel();
            self.asked_values = None;
            self.asked_start = Some(subject.clone());
            self.done.store(0, Ordering::Relaxed);
            let (document, subject, values) = (document.clone(), subject.clone(), values.cloned());
            let done = self.done.clone();
            background.ask(Question::Start, move |cancelled| {
                let watch = Watch { cancelled, done: &done };
                let prepared = Prepared::new(&document, subject, values.as_deref(), watch)?;
                Some(Answer::Start(Box::new(prepared)))
            });
        }
        None
    }

    /// Nobody waits for a start any more.
    pub fn forget_start(&mut self) {
        if self.asked_start.take().is_some()
            && let Some(background) = &self.background
        {
            background.cancel();
            self.asked_values = None;
        }
        self.prepared = None;
    }

    /// What is being worked out, and its share that is done.
    pub fn under_way(&self) -> Option<(&'static str, f32)> {
        let background = self.background.as_ref()?;
        let share = self.done.load(Ordering::Relaxed) as f32 / 1000.0;
        if background.is_asked(Question::Start) {
            return Some(("working out distances", share));
        }
        background.is_asked(Question::Values).then_some(("adding up what the run did", share))
    }

    pub fn is_busy(&self) -> bool {
        self.background.as_ref().is_some_and(Background::is_busy)
    }

    /// Whether a start is being worked out.
    pub fn is_preparing(&self) -> bool {
        self.asked_start.is_some()
    }
}

impl Subject {
    /// What can be shown of it at once.
    pub fn in_rows(&self) -> Self {
        Self { graph: GraphSubject { arrangement: Arrangement::Rows, ..self.graph.clone() }, ..self.clone() }
    }
}
