//! Which rows the table shows: worked out beside the frames, the old ones stay until the new ones come.

use std::sync::{Arc, Mutex, PoisonError};

use crate::analysis::background::Background;
use crate::analysis::filter_match::FilterError;
use crate::analysis::table_columns::Column;
use crate::analysis::table_groups::{Groups, group};
use crate::analysis::table_rows::{Rows, RowsAnswer, RowsQuery};
use crate::state::{AppState, Document};
use crate::trace::Track;
use crate::trace::tracks::Order;

/// There is one question of each thread.
type Worker<A> = Background<(), A>;

/// What decides which rows there are.
#[derive(Clone, PartialEq)]
struct Key {
    query: RowsQuery,
    /// Regions name bytes of an order.
    order: Order,
}

impl Key {
    fn of(state: &AppState) -> Self {
        let query = RowsQuery {
            filter: state.filter.clone(),
            phase: state.phase,
            sort: state.table.sort.clone(),
            group: state.table.group.map(|grouping| grouping.column),
        };
        Self { query, order: state.heat.order }
    }
}

/// The rows of the table, as of the last answer.
#[derive(Clone)]
pub struct Shown {
    pub document: Arc<Document>,
    pub rows: Arc<Rows>,
    pub groups: Option<Arc<Groups>>,
    /// Whether rows stand in another order than ops.
    pub sorted: bool,
    /// Rises with every answer.
    pub version: u64,
}

#[derive(Default)]
pub struct TableEngine {
    worker: Option<Worker<(Key, Result<RowsAnswer, FilterError>)>>,
    /// What was asked last, and not answered with a fault.
    asked: Option<Key>,
    shown: Option<Shown>,
    /// What the worker does, for the status line.
    stage: Arc<Mutex<&'static str>>,
    /// Which values columns have in the whole run, as far as anybody asked.
    values_worker: Option<Worker<Groups>>,
    values: Vec<Groups>,
    values_asked: Option<Column>,
    version: u64,
    /// Why the rows are not those that were asked for.
    pub fault: Option<String>,
}

impl TableEngine {
    /// Picks up answers, and asks for what the state wants now. `wake` asks for a frame, from any thread.
    pub fn begin(&mut self, state: &AppState, document: &Arc<Document>, wake: impl Fn() + Send + 'static) {
        if self.shown.as_ref().is_some_and(|shown| !Arc::ptr_eq(&shown.document, document)) {
            // Dropped workers give up what they are doing.
            *self = Self { version: self.version, ..Self::default() };
        }
        let key = Key::of(state);
        let wanted = self.asked.as_ref() != Some(&key);
        if wanted && (key.query.is_everything() || self.shown.is_none()) {
            // Everything is there at once, and something to show until there is an answer.
            let count = document.trace.op_count() as u32;
            let rows = if key.query.is_everything() { Rows::All(count) } else { Rows::All(0) };
            self.show(document, RowsAnswer { rows, groups: None }, false);
        }
        if wanted {
            self.fault = None;
            if let Some(worker) = &self.worker {
                worker.cancel();
            }
            if !key.query.is_everything() {
                self.ask(document, &key, wake);
            }
            self.asked = Some(key);
        }
        while let Some((key, answer)) = self.worker.as_ref().and_then(Background::answer) {
            if self.asked.as_ref() != Some(&key) {
                continue;
            }
            match answer {
                Ok(answer) => self.show(document, answer, !key.query.sort.is_empty()),
                Err(fault) => self.fault = Some(fault.to_string()),
            }
        }
        self.values.extend(self.values_worker.as_ref().and_then(Background::answer));
    }

    fn show(&mut self, document: &Arc<Document>, answer: RowsAnswer, sorted: bool) {
        self.version += 1;
        self.shown = Some(Shown {
            document: document.clone(),
            rows: Arc::new(answer.rows),
            groups: answer.groups.map(Arc::new),
            sorted,
            version: self.version,
        });
    }

    fn ask(&mut self, document: &Arc<Document>, key: &Key, wake: impl Fn() + Send + 'static) {
        let worker = match self.worker.take().map_or_else(|| Background::start(wake), Ok) {
            Ok(worker) => self.worker.insert(worker),
            Err(error) => {
                self.fault = Some(format!("no thread to filter with: {error}; close other programs"));
                return;
            }
        };
        let (document, key, stage) = (document.clone(), key.clone(), self.stage.clone());
        worker.ask((), move |cancelled| {
            let track = key.query.filter.region.map_or(Track::Disk, |region| region.track);
            let layout = document.layouts(key.order)[track as usize];
            let now = |does| *stage.lock().unwrap_or_else(PoisonError::into_inner) = does;
            let answer = key.query.answer(&document.trace, layout, cancelled, now).transpose()?;
            Some((key, answer))
        });
    }

    /// The values of a column in the whole run with their counts; asks for them if nobody did. `None` until they are known.
    pub fn values(
        &mut self,
        document: &Arc<Document>,
        column: Column,
        wake: impl Fn() + Send + 'static,
    ) -> Option<&Groups> {
        let known = self.values.iter().position(|groups| groups.column == column);
        if known.is_none() && self.values_asked != Some(column) {
            self.values_asked = Some(column);
            let worker = self.values_worker.take().map_or_else(|| Background::start(wake), Ok);
            if let Ok(worker) = worker {
                let document = document.clone();
                let everything = Rows::All(document.trace.op_count() as u32);
                worker.ask((), move |cancelled| group(&document.trace, &everything, column, cancelled));
                self.values_worker = Some(worker);
            }
        }
        self.values.get(known?)
    }

    pub fn shown(&self) -> Option<&Shown> {
        self.shown.as_ref()
    }

    /// What is being worked out, if anything is.
    pub fn stage(&self) -> Option<&'static str> {
        self.worker.as_ref().filter(|worker| worker.is_busy())?;
        let stage = *self.stage.lock().unwrap_or_else(PoisonError::into_inner);
        Some(if stage.is_empty() { "filtering" } else { stage })
    }

    pub fn is_working(&self) -> bool {
        self.stage().is_some() || self.values_worker.as_ref().is_some_and(Background::is_busy)
    }
}
