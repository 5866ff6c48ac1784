//! Which table the op codes of a `tensor_trace.bin` are from; records do not say.

use super::record::{Decoded, Layout};
use crate::formats::symbols::{GGML_OPS, PREDECESSOR_OPS};
use crate::trace::names::without_suffixes;

pub(super) enum OpNames {
    Predecessor,
    Ggml,
    /// 128-byte records have codes of their own.
    Products,
}

impl OpNames {
    /// The table whose names go better with what the records say.
    pub fn choose<'a>(layout: Layout, records: impl Iterator<Item = &'a Decoded<'a>>) -> Self {
        if layout == Layout::Operand {
            return Self::Products;
        }
        let (mut predecessor, mut ggml) = (0_i64, 0_i64);
        for record in records {
            predecessor += fit(PREDECESSOR_OPS.get(usize::from(record.code)).copied(), record);
            ggml += fit(GGML_OPS.get(usize::from(record.code)).copied(), record);
        }
        if ggml > predecessor { Self::Ggml } else { Self::Predecessor }
    }

    /// Name of an op code; `None` if the table ends before it.
    pub fn known(&self, code: u8) -> Option<&'static str> {
        let table: &[&'static str] = match self {
            Self::Predecessor => &PREDECESSOR_OPS,
            Self::Ggml => &GGML_OPS,
            Self::Products => &["", "MUL_MAT", "ADD", "ROPE"],
        };
        table.get(usize::from(code)).copied().filter(|name| !name.is_empty())
    }
}

/// How well op `name` goes with what a record says; ops of training and unknown codes are unlikely in an inference.
fn fit(name: Option<&str>, record: &Decoded<'_>) -> i64 {
    const HINTS: [(&str, &[&str]); 9] = [
        ("__fattn__", &["FLASH_ATTN_EXT"]),
        ("argsort", &["ARGSORT", "TOP_K"]),
        ("swiglu", &["GLU"]),
        ("geglu", &["GLU"]),
        ("reglu", &["GLU"]),
        ("_silu", &["UNARY", "GLU"]),
        ("_gelu", &["UNARY", "GLU"]),
        ("_sigmoid", &["UNARY"]),
        ("conv_output", &["SSM_CONV", "UNARY", "VIEW", "RESHAPE", "CONT", "PERMUTE"]),
    ];
    let Some(name) = name else { return -8 };
    let mut fit = 0;
    let bare = without_suffixes(record.destination);
    let derived = bare.len() != record.destination.trim().len();
    for (part, ops) in HINTS {
        if !derived && record.destination.contains(part) {
            fit += if ops.contains(&name) { 8 } else { -2 };
        }
    }
    if name == "FLASH_ATTN_EXT" && record.sources.len() >= 3 {
        fit += 2;
    }
    if name == "GLU" || name == "UNARY" {
        fit += 1;
    }
    let unlikely = name.ends_with("_BACK")
        || ["MAP_CUSTOM", "CROSS_ENTROPY", "OPT_STEP", "WIN_", "CONV_", "POOL_", "GET_REL", "ADD_REL"]
            .iter()
            .any(|part| name.starts_with(part));
    if unlikely {
        fit -= 2;
    }
    fit
}
