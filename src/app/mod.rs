//! The frame, and what carries it: a window, or a texture without one.

mod allocator;
pub mod frame;
pub mod headless;
pub mod input;
pub mod png;
pub mod sample;
pub mod surface;
pub mod window;

pub use frame::{Frame, FrameReport, FrameTime, Scene, Target, Waker};
