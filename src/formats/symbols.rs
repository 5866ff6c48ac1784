//! Names of ggml's operations: by code, by symbol, and by the wrong names that early exports gave them.

use std::collections::HashMap;
use std::sync::LazyLock;

/// Name and graph symbol of every operation of ggml 0.26, at its code (`enum ggml_op`, `ggml_op_symbol`).
const GGML: [(&str, &str); 101] = [
    ("NONE", "none"),
    ("DUP", "x"),
    ("ADD", "x+y"),
    ("ADD_ID", "x[i]+y"),
    ("ADD1", "x+y"),
    ("ACC", "view(x,nb,offset)+=y->x"),
    ("SUB", "x-y"),
    ("MUL", "x*y"),
    ("DIV", "x/y"),
    ("SQR", "x^2"),
    ("SQRT", "√x"),
    ("LOG", "log(x)"),
    ("SIN", "sin(x)"),
    ("COS", "cos(x)"),
    ("SUM", "Σx"),
    ("SUM_ROWS", "Σx_k"),
    ("CUMSUM", "cumsum(x)"),
    ("MEAN", "Σx/n"),
    ("ARGMAX", "argmax(x)"),
    ("COUNT_EQUAL", "count_equal(x)"),
    ("REPEAT", "repeat(x)"),
    ("REPEAT_BACK", "repeat_back(x)"),
    ("CONCAT", "concat(x, y)"),
    ("SILU_BACK", "silu_back(x)"),
    ("NORM", "norm(x)"),
    ("RMS_NORM", "rms_norm(x)"),
    ("RMS_NORM_BACK", "rms_norm_back(x)"),
    ("GROUP_NORM", "group_norm(x)"),
    ("L2_NORM", "l2_norm(x)"),
    ("MUL_MAT", "X*Y"),
    ("MUL_MAT_ID", "X[i]*Y"),
    ("OUT_PROD", "X*Y"),
    ("SCALE", "x*v"),
    ("SET", "y-\\>view(x)"),
    ("CPY", "x-\\>y"),
    ("CONT", "cont(x)"),
    ("RESHAPE", "reshape(x)"),
    ("VIEW", "view(x)"),
    ("PERMUTE", "permute(x)"),
    ("TRANSPOSE", "transpose(x)"),
    ("GET_ROWS", "get_rows(x)"),
    ("GET_ROWS_BACK", "get_rows_back(x)"),
    ("SET_ROWS", "set_rows(x)"),
    ("DIAG", "diag(x)"),
    ("DIAG_MASK_INF", "diag_mask_inf(x)"),
    ("DIAG_MASK_ZERO", "diag_mask_zero(x)"),
    ("SOFT_MAX", "soft_max(x)"),
    ("SOFT_MAX_BACK", "soft_max_back(x)"),
    ("ROPE", "rope(x)"),
    ("ROPE_BACK", "rope_back(x)"),
    ("CLAMP", "clamp(x)"),
    ("CONV_TRANSPOSE_1D", "conv_transpose_1d(x)"),
    ("IM2COL", "im2col(x)"),
    ("IM2COL_BACK", "im2col_back(x)"),
    ("IM2COL_3D", "im2col_3d(x)"),
    ("COL2IM_1D", "col2im_1d(x)"),
    ("CONV_2D", "conv_2d(x)"),
    ("CONV_3D", "conv_3d(x)"),
    ("CONV_2D_DW", "conv_2d_dw(x)"),
    ("CONV_TRANSPOSE_2D", "conv_transpose_2d(x)"),
    ("POOL_1D", "pool_1d(x)"),
    ("POOL_2D", "pool_2d(x)"),
    ("POOL_2D_BACK", "pool_2d_back(x)"),
    ("UPSCALE", "upscale(x)"),
    ("PAD", "pad(x)"),
    ("PAD_REFLECT_1D", "pad_reflect_1d(x)"),
    ("ROLL", "roll(x)"),
    ("ARANGE", "arange(start, stop, step)"),
    ("TIMESTEP_EMBEDDING", "timestep_embedding(timesteps, dim, max_period)"),
    ("ARGSORT", "argsort(x)"),
    ("TOP_K", "top_k(x)"),
    ("LEAKY_RELU", "leaky_relu(x)"),
    ("TRI", "tri(x)"),
    ("FILL", "fill(x, c)"),
    ("FLASH_ATTN_EXT", "flash_attn_ext(x)"),
    ("FLASH_ATTN_BACK", "flash_attn_back(x)"),
    ("SSM_CONV", "ssm_conv(x)"),
    ("SSM_SCAN", "ssm_scan(x)"),
    ("WIN_PART", "win_part(x)"),
    ("WIN_UNPART", "win_unpart(x)"),
    ("GET_REL_POS", "get_rel_pos(x)"),
    ("ADD_REL_POS", "add_rel_pos(x)"),
    ("RWKV_WKV6", "rwkv_wkv6(k, v, r, tf, td, s)"),
    ("GATED_LINEAR_ATTN", "gated_linear_attn(k, v, q, gate, s)"),
    ("RWKV_WKV7", "rwkv_wkv7(r, w, k, v, a, b, s)"),
    ("SOLVE_TRI", "A X = B, A triangular, solve X"),
    ("GATED_DELTA_NET", "gated_delta_net(q, k, v, g, beta, s)"),
    ("LIGHTNING_INDEXER", "lightning_indexer(q, k, weights, mask)"),
    ("DSV4_HC_COMB", "dsv4_hc_comb(mixes, scale, base)"),
    ("DSV4_HC_PRE", "dsv4_hc_pre(x, weights)"),
    ("DSV4_HC_POST", "dsv4_hc_post(x, residual, post, comb)"),
    ("UNARY", "unary(x)"),
    ("MAP_CUSTOM1", "map_custom(x)"),
    ("MAP_CUSTOM2", "map_custom(x,y)"),
    ("MAP_CUSTOM3", "map_custom(x,y,z)"),
    ("CUSTOM", "custom(x)"),
    ("CROSS_ENTROPY_LOSS", "cross_entropy_loss(x,y)"),
    ("CROSS_ENTROPY_LOSS_BACK", "cross_entropy_loss_back(x,y)"),
    ("OPT_STEP_ADAMW", "adamw(x)"),
    ("OPT_STEP_SGD", "sgd(x)"),
    ("GLU", "glu(x)"),
];

/// Operation names of ggml 0.26 by code.
pub const GGML_OPS: [&str; 101] = {
    let mut names = [""; 101];
    let mut code = 0;
    while code < names.len() {
        names[code] = GGML[code].0;
        code += 1;
    }
    names
};

/// Operation names by code in the predecessor's traces (ggml of January 2026): ggml 0.26 without COL2IM_1D and without
/// the five operations from GATED_DELTA_NET to DSV4_HC_POST.
pub const PREDECESSOR_OPS: [&str; 95] = {
    let mut names = [""; 95];
    let mut code = 0;
    while code < names.len() {
        let shift = match code {
            0..=54 => 0,
            55..=84 => 1,
            _ => 6,
        };
        names[code] = GGML[code + shift].0;
        code += 1;
    }
    names
};

/// The table by which exports before 2026-01-08 named the predecessor's codes; codes past its end became `UNKNOWN_<n>`.
const EARLY_EXPORT: [&str; 78] = [
    "NONE",
    "DUP",
    "ADD",
    "MUL",
    "DIV",
    "SQR",
    "SQRT",
    "LOG",
    "SIN",
    "COS",
    "SUM",
    "SUM_ROWS",
    "MEAN",
    "ARGMAX",
    "COUNT_EQUAL",
    "REPEAT",
    "REPEAT_BACK",
    "CONCAT",
    "SILU_BACK",
    "NORM",
    "RMS_NORM",
    "RMS_NORM_BACK",
    "GROUP_NORM",
    "MUL_MAT",
    "MUL_MAT_ID",
    "OUT_PROD",
    "SCALE",
    "SET",
    "CPY",
    "CONT",
    "RESHAPE",
    "VIEW",
    "PERMUTE",
    "TRANSPOSE",
    "GET_ROWS",
    "GET_ROWS_BACK",
    "DIAG",
    "DIAG_MASK_INF",
    "DIAG_MASK_ZERO",
    "SOFT_MAX",
    "SOFT_MAX_BACK",
    "ROPE",
    "ROPE_BACK",
    "CLAMP",
    "CONV_TRANSPOSE_1D",
    "IM2COL",
    "IM2COL_BACK",
    "CONV_TRANSPOSE_2D",
    "POOL_1D",
    "POOL_2D",
    "POOL_2D_BACK",
    "UPSCALE",
    "PAD",
    "ARANGE",
    "TIMESTEP_EMBEDDING",
    "ARGSORT",
    "LEAKY_RELU",
    "FLASH_ATTN_EXT",
    "FLASH_ATTN_BACK",
    "SSM_CONV",
    "SSM_SCAN",
    "WIN_PART",
    "WIN_UNPART",
    "GET_REL_POS",
    "ADD_REL_POS",
    "RWKV_WKV6",
    "UNARY",
    "MAP_UNARY",
    "MAP_BINARY",
    "MAP_CUSTOM1_F32",
    "MAP_CUSTOM2_F32",
    "MAP_CUSTOM3_F32",
    "MAP_CUSTOM1",
    "MAP_CUSTOM2",
    "MAP_CUSTOM3",
    "CROSS_ENTROPY_LOSS",
    "CROSS_ENTROPY_LOSS_BACK",
    "OPT_STEP_ADAMW",
];

/// Codes by operation name, and names by symbol. Two symbols stand for two operations each; the common one wins
/// (`x+y` is ADD, `X*Y` is MUL_MAT), which is the one with the lower code.
struct Lookup {
    code_by_name: HashMap<&'static str, usize>,
    name_by_symbol: HashMap<&'static str, &'static str>,
    code_by_early_name: HashMap<&'static str, usize>,
}

static LOOKUP: LazyLock<Lookup> = LazyLock::new(|| {
    let mut name_by_symbol = HashMap::with_capacity(GGML.len());
    for (name, symbol) in GGML {
        name_by_symbol.entry(symbol).or_insert(name);
    }
    Lookup {
        code_by_name: GGML_OPS.iter().enumerate().map(|(code, name)| (*name, code)).collect(),
        name_by_symbol,
        code_by_early_name: EARLY_EXPORT.iter().enumerate().map(|(code, name)| (*name, code)).collect(),
    }
});

/// The operation's name for what a graph writes, be it a symbol (`X*Y` -> `MUL_MAT`) or already a name.
/// Anything else, `CONST` of leafs included, comes back as it is.
pub fn kind_from_operation(operation: &str) -> &str {
    match LOOKUP.name_by_symbol.get(operation) {
        Some(name) => name,
        None => operation,
    }
}

/// Whether a graph's `operation` (symbol or name) can be the operation named `kind`; true for both readings of the
/// symbols `x+y` and `X*Y`.
pub fn operation_matches(kind: &str, operation: &str) -> bool {
    kind == operation || LOOKUP.code_by_name.get(kind).is_some_and(|&code| GGML[code].1 == operation)
}

/// The graph symbol of an operation of ggml 0.26, such as `X*Y` for `MUL_MAT`.
pub fn symbol_of(kind: &str) -> Option<&'static str> {
    LOOKUP.code_by_name.get(kind).map(|&code| GGML[code].1)
}

/// The true name behind `wrong`, a name from an export before 2026-01-08 (`CONT` -> `MUL_MAT`, `UNKNOWN_94` -> `GLU`).
/// `None` for what that export cannot have written.
pub fn right_name_of_early_export(wrong: &str) -> Option<&'static str> {
    let code = match wrong.strip_prefix("UNKNOWN_") {
        Some(digits) => digits.parse().ok().filter(|&code: &usize| code >= EARLY_EXPORT.len())?,
        None => *LOOKUP.code_by_early_name.get(wrong)?,
    };
    PREDECESSOR_OPS.get(code).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_shift_where_operations_were_inserted() {
        assert_eq!(
            (GGML_OPS[0], GGML_OPS[74], GGML_OPS[91], GGML_OPS[100]),
            ("NONE", "FLASH_ATTN_EXT", "UNARY", "GLU")
        );
        assert_eq!((GGML_OPS[29], GGML_OPS[55], GGML_OPS[86]), ("MUL_MAT", "COL2IM_1D", "GATED_DELTA_NET"));
        assert_eq!((PREDECESSOR_OPS[54], PREDECESSOR_OPS[55]), ("IM2COL_3D", "CONV_2D"));
        assert_eq!((PREDECESSOR_OPS[73], PREDECESSOR_OPS[68]), ("FLASH_ATTN_EXT", "ARGSORT"));
        assert_eq!((PREDECESSOR_OPS[84], PREDECESSOR_OPS[85], PREDECESSOR_OPS[94]), ("SOLVE_TRI", "UNARY", "GLU"));
        assert_eq!(LOOKUP.code_by_name.len(), GGML.len(), "every name is there once");
    }

    #[test]
    fn symbols_give_names_and_match_both_readings() {
        assert_eq!(kind_from_operation("X*Y"), "MUL_MAT");
        assert_eq!(kind_from_operation("x+y"), "ADD");
        assert_eq!(kind_from_operation(r"x-\>y"), "CPY");
        assert_eq!(kind_from_operation("ROPE"), "ROPE");
        assert_eq!(kind_from_operation("CONST"), "CONST");
        assert_eq!(kind_from_operation("something new"), "something new");
        assert!(operation_matches("OUT_PROD", "X*Y") && operation_matches("MUL_MAT", "X*Y"));
        assert!(operation_matches("ADD1", "x+y") && operation_matches("ADD", "x+y"));
        assert!(operation_matches("OP_117", "OP_117") && operation_matches("CPY", "CPY"));
        assert!(!operation_matches("MUL", "X*Y") && !operation_matches("OP_117", "x+y"));
        for (name, symbol) in GGML {
            assert_eq!(symbol_of(name), Some(symbol));
            assert!(operation_matches(name, symbol) && operation_matches(name, kind_from_operation(name)));
        }
    }

    #[test]
    fn early_exports_are_inverted_as_their_files_show() {
        let pairs = [
            ("CONT", "MUL_MAT"),
            ("LOG", "MUL"),
            ("OUT_PROD", "RMS_NORM"),
            ("SOFT_MAX_BACK", "GET_ROWS"),
            ("POOL_1D", "ROPE"),
            ("ROPE_BACK", "SET_ROWS"),
            ("IM2COL_BACK", "SOFT_MAX"),
            ("MAP_CUSTOM2", "FLASH_ATTN_EXT"),
            ("GET_ROWS", "CPY"),
            ("GET_ROWS_BACK", "CONT"),
            ("MUL", "ADD_ID"),
            ("UNKNOWN_94", "GLU"),
        ];
        for (wrong, right) in pairs {
            assert_eq!(right_name_of_early_export(wrong), Some(right), "{wrong}");
        }
        for other in ["UNKNOWN_95", "UNKNOWN_12", "UNKNOWN_", "GLU", ""] {
            assert_eq!(right_name_of_early_export(other), None, "{other}");
        }
    }
}
