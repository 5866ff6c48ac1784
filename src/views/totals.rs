//! Totals of what is selected: worked out beside the frames, of what was asked last alone.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use egui::Ui;

use crate::analysis::background::Background;
use crate::state::{AppState, Document};

/// Totals `T` of the shown run, decided by `K`.
pub struct Totals<K, T> {
    document: Option<Arc<Document>>,
    worker: Option<Background<(), (K, T)>>,
    asked: Option<K>,
    known: Option<(K, T)>,
    fault: Option<String>,
}

impl<K, T> Default for Totals<K, T> {
    fn default() -> Self {
        Self { document: None, worker: None, asked: None, known: None, fault: None }
    }
}

impl<K: Copy + PartialEq + Send + 'static, T: Send + 'static> Totals<K, T> {
    /// Picks up answers, and has `add_up` answer for `key`, if there is one that was not asked already. `wake` asks for a
    /// frame, from any thread.
    pub fn prepare(
        &mut self,
        state: &AppState,
        key: Option<K>,
        wake: impl Fn() + Send + 'static,
        add_up: impl FnOnce(&Document, K, &AtomicBool) -> Option<T> + Send + 'static,
    ) {
        let Some(document) = &state.document else { return };
        if !self.document.as_ref().is_some_and(|known| Arc::ptr_eq(known, document)) {
            *self = Self { document: Some(document.clone()), ..Self::default() };
        }
        while let Some(answer) = self.worker.as_ref().and_then(Background::answer) {
            self.known = Some(answer);
        }
        let Some(key) = key.filter(|key| self.asked != Some(*key)) else { return };
        self.asked = Some(key);
        if let Some(worker) = &self.worker {
            worker.cancel();
        }
        let worker = match self.worker.take().map_or_else(|| Background::start(wake), Ok) {
            Ok(worker) => self.worker.insert(worker),
            Err(error) => {
                self.fault = Some(format!("no thread to add it up with: {error}; close other programs"));
                return;
            }
        };
        let document = document.clone();
        worker.ask((), move |cancelled| add_up(&document, key, cancelled).map(|totals| (key, totals)));
    }

    pub fn is_working(&self) -> bool {
        self.worker.as_ref().is_some_and(Background::is_busy)
    }

    /// What was asked last, with its totals; until they are there, words that say so.
    pub fn ui(&self, ui: &mut Ui) -> Option<(K, &T)> {
        if let Some(fault) = &self.fault {
            ui.colored_label(ui.visuals().error_fg_color, fault);
        }
        let known = self.known.as_ref().filter(|(key, _)| self.asked == Some(*key));
        if known.is_none() {
            ui.weak("adding up...");
        }
        known.map(|(key, totals)| (*key, totals))
    }
}
