//! The table of ops: its rows by themselves, its panel as people use it, and what is copied and exported.

mod export;
mod panel;
mod rows;
pub mod run;
