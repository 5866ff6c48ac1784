//! Which part of an operand an op reads, and which part of its destination it writes, by kind of op.
//!
//! From the definitions in ggml 0.26 (`ggml.c`, `ggml-cpu/ops.cpp`). What is not listed reads its operands and
//! writes its destination whole.

use llama_cpp_sys_2 as sys;

/// What of an operand an op reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reads {
    All,
    /// The operand says where to write, or only how its shape is.
    Nothing,
    /// The rows that the integers of operand `ids` name, once for each of them.
    Rows {
        ids: usize,
    },
    /// The items of dimension `dimension` that operand `ids` names, each once: experts, or states of sequences.
    Slices {
        ids: usize,
        dimension: usize,
    },
}

/// What of its destination an op writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writes {
    All,
    /// The rows that the integers of operand `ids` name.
    Rows {
        ids: usize,
    },
}

pub fn reads(op: sys::ggml_op, slot: u8) -> Reads {
    match (op, slot) {
        (sys::GGML_OP_GET_ROWS, 0) => Reads::Rows { ids: 1 },
        (sys::GGML_OP_MUL_MAT_ID, 0) => Reads::Slices { ids: 2, dimension: 2 },
        (sys::GGML_OP_ADD_ID, 1) => Reads::Slices { ids: 2, dimension: 1 },
        (sys::GGML_OP_SSM_SCAN, 0) => Reads::Slices { ids: 6, dimension: 3 },
        // Destinations.
        (sys::GGML_OP_CPY, 1) | (sys::GGML_OP_SET_ROWS, 2) => Reads::Nothing,
        // Only shaped like the operand.
        (sys::GGML_OP_FILL | sys::GGML_OP_IM2COL | sys::GGML_OP_IM2COL_3D, 0) => Reads::Nothing,
        _ => Reads::All,
    }
}

pub fn writes(op: sys::ggml_op) -> Writes {
    match op {
        sys::GGML_OP_SET_ROWS => Writes::Rows { ids: 1 },
        _ => Writes::All,
    }
}
