pub use crate::trace::raw::*;
