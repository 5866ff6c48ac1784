//! Recordings of small models through llama.cpp, beside what llama.cpp and ggml say by themselves.

mod documents;
mod endings;
mod exact;
mod recorded;
mod reference;
mod refused;
mod transposed;
