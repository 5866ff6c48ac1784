//! The frame, and what carries it: a window, or a texture without one.

mod allocator;
pub mod exporter;
pub mod film;
pub mod frame;
pub mod headless;
pub mod input;
pub mod loader;
pub mod memory;
mod panels;
pub mod pictures;
pub mod png;
pub mod sample;
pub mod script;
pub mod settings;
pub mod surface;
pub mod window;
pub mod workspace;

pub use frame::{Acquired, Frame, FrameReport, FrameTime, Scene, Target, Waker};
