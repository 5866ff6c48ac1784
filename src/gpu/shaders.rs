//! The WGSL sources, embedded, under the names that tests and labels use.

/// Every shader module of the product: (file name, source). Tests validate each with default WebGPU capabilities.
pub const ALL: &[(&str, &str)] = &[];
