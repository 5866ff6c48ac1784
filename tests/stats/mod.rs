//! Numbers of a run as tables.

mod bundled;
mod cli;
mod defined;
mod known;
pub mod run;
