//! THE MODEL of a run.
