//! What is written, read back by a reader that shares nothing with the writer.
#![expect(clippy::expect_used, clippy::panic, reason = "helpers of tests fail the test that calls them")]

mod command_line;
mod documents;
mod files;
mod numbers;
mod reader;
