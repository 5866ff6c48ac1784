//! The model of a run, built from small sources.

mod experts;
mod graphs;
mod implausible;
mod passes;
mod places;
mod real;

use crate::sources::{Op, op};

/// A pass of a dense layer and what surrounds it; `tokens` rows are looked up.
fn dense(tokens: u64) -> Vec<Op> {
    vec![
        op("GET_ROWS", "embd").disk("token_embd.weight", 1000, 640).buffer("inp_tokens", 9, 0x9000, 4 * tokens),
        op("RMS_NORM", "norm-0").buffer("embd", 5, 0x5100, 64),
        op("MUL_MAT", "Kcur-0").disk("blk.0.attn_k.weight", 2000, 256).buffer("norm-0", 5, 0x5200, 64),
        op("SET_ROWS", "cache_k_l0 (view)").buffer("Kcur-0", 5, 0x5300, 64).buffer("leaf_7", 9, 0x9100, 8).buffer(
            "cache_k_l0",
            6,
            0x60_0010,
            4096,
        ),
        op("CPY", "cache_v_l0 (view) (copy of Vcur-0)").buffer("Kcur-0", 5, 0x5300, 64).buffer(
            "cache_v_l0 (view)",
            6,
            0x60_2000,
            64,
        ),
        op("MUL_MAT", "result_output").disk("output.weight", 3000, 512).buffer("norm-0", 5, 0x5200, 64),
    ]
}
