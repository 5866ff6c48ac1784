//! Recordings of small models through llama.cpp, beside what llama.cpp and ggml say by themselves.
#![expect(clippy::expect_used, clippy::panic, reason = "helpers of tests fail the test that calls them")]

mod documents;
mod endings;
mod exact;
mod recorded;
mod reference;
mod refused;
mod transposed;
