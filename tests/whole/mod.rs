//! The window as one whole: search, palette, undo, history, the inspector's lists, settings, small windows, and no
//! pointer at all.

mod keyboard;
mod lists;
mod palette;
mod search;
mod settings;
mod small;
mod undo;

use egui::{Key, Modifiers};
use tensorscope::app::input;

use crate::workspace::Session;

pub fn type_text(session: &mut Session, text: &str) {
    session.step(input::text(text));
    session.settle();
}

pub fn key(session: &mut Session, key: Key) {
    session.press(key, Modifiers::NONE);
}
