//! What a tensor's name says: its layer, and the type of a graph node that bears it.
//!
//! llama.cpp names a weight `blk.<layer>.<part>.weight`, a cache `cache_<kind>_l<layer>`, and an intermediate
//! `<what>-<layer>`; ggml appends ` (view)`, ` (reshaped)` and the like to what it derives from a named tensor.

const DERIVED: [&str; 6] = ["view", "reshaped", "permuted", "transposed", "cont", "copy"];

/// `name` without the trailing ` (view)`, ` (copy of X)` and the like, however many there are.
pub fn without_suffixes(name: &str) -> &str {
    let mut rest = name.trim();
    while let Some(inner) = rest.strip_suffix(')') {
        let Some(open) = opening_parenthesis(inner) else { break };
        let word = &inner[open + 1..];
        if !(DERIVED.contains(&word) || word.starts_with("copy of ")) {
            break;
        }
        rest = inner[..open].trim_end();
    }
    rest
}

/// Where the parenthesis that closes behind `inner` opens: `X` in `(copy of X)` may hold parentheses itself.
fn opening_parenthesis(inner: &str) -> Option<usize> {
    let mut depth = 0_u32;
    for (at, byte) in inner.bytes().enumerate().rev() {
        match byte {
            b')' => depth += 1,
            b'(' if depth == 0 => return Some(at),
            b'(' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// The layer that `name` states, if it states one.
pub fn layer(name: &str) -> Option<u32> {
    let name = without_suffixes(name);
    if name.starts_with("leaf_") || name.starts_with("node_") {
        return None;
    }
    let weight = name.strip_prefix("enc.").or_else(|| name.strip_prefix("dec.")).unwrap_or(name);
    if let Some(rest) = weight.strip_prefix("blk.") {
        return rest.split_once('.').and_then(|(digits, _)| number(digits));
    }
    if name.starts_with("cache_")
        && let Some((_, digits)) = name.rsplit_once("_l")
        && let Some(layer) = number(digits)
    {
        return Some(layer);
    }
    name.rsplit_once('-').and_then(|(_, digits)| number(digits))
}

/// Layers are 16 bits wide in every source that stores them; anything longer is no layer.
fn number(digits: &str) -> Option<u32> {
    (!digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
        .then(|| digits.parse::<u16>().ok())
        .flatten()
        .filter(|&layer| layer != u16::MAX)
        .map(u32::from)
}

/// Whether `name` says nothing of what the tensor is: ggml's `node_<k>`, or only derivation suffixes.
pub fn says_nothing(name: &str) -> bool {
    let bare = without_suffixes(name);
    bare.is_empty() || bare.starts_with("node_")
}

/// What a graph node is for, by its name alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NodeType {
    Infrastructure,
    Layer,
    Embedding,
    Output,
}

impl NodeType {
    pub const ALL: [Self; 4] = [Self::Layer, Self::Infrastructure, Self::Embedding, Self::Output];

    pub fn label(self) -> &'static str {
        match self {
            Self::Infrastructure => "infrastructure",
            Self::Layer => "layer",
            Self::Embedding => "embedding",
            Self::Output => "output",
        }
    }

    pub fn from_label(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|t| t.label() == label)
    }

    /// The type of a node called `name`; `constant` for leafs.
    pub fn of(name: &str, constant: bool) -> Self {
        let lower = name.trim().to_lowercase();
        if constant || lower.starts_with("leaf") || lower.contains("cache") {
            Self::Infrastructure
        } else if lower.contains("token_embd") || lower.contains("inp_embd") || lower == "embd" {
            Self::Embedding
        } else if layer(name).is_some() {
            Self::Layer
        } else if lower.contains("output") || lower.contains("logits") {
            Self::Output
        } else {
            Self::Infrastructure
        }
    }
}

/// The part of a model that a weight or a runtime tensor belongs to, for colours and grouping.
pub fn category(name: &str) -> &'static str {
    let lower = name.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|w| lower.contains(w));
    if lower.contains("cache") {
        "cache"
    } else if has(&["token_embd", "inp_embd"]) || lower == "embd" {
        "embedding"
    } else if has(&["attn", "qcur", "kcur", "vcur", "kqv", "ssm", "conv"]) {
        "attention"
    } else if has(&["ffn", "moe", "mlp"]) {
        "ffn"
    } else if lower.contains("norm") {
        "norm"
    } else if has(&["output", "logits"]) {
        "output"
    } else {
        "other"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_are_read_from_every_kind_of_name() {
        for (name, expected) in [
            ("blk.12.attn_q.weight", Some(12)),
            ("enc.blk.3.ffn_up.weight", Some(3)),
            ("dec.blk.7.cross_attn_k.weight", Some(7)),
            ("cache_k_l5", Some(5)),
            ("cache_r_l31 (view)", Some(31)),
            ("cache_s_l4 (view) (copy of node_3)", Some(4)),
            ("cache_v_l0 (view) (permuted)", Some(0)),
            ("Qcur-21 (view) (permuted)", Some(21)),
            ("Qcur-2 (reshaped) (cont)", Some(2)),
            ("l_out-0", Some(0)),
            ("__fattn__-8", Some(8)),
            ("ffn_moe_logits-23", Some(23)),
            ("attn-4 (copy of x (view))", Some(4)),
            ("leaf_2", None),
            ("leaf_2-7", None),
            ("node_677", None),
            ("node_12-3", None),
            ("result_norm", None),
            ("output.weight", None),
            (" (view)", None),
            ("norm-", None),
            ("x-99999999999", None),
            ("x-65535", None),
            ("blk.x.y", None),
            ("cache_k_lx", None),
        ] {
            assert_eq!(layer(name), expected, "{name}");
        }
    }

    #[test]
    fn names_that_say_nothing() {
        for name in ["node_3", " (view)", "(copy)", "", " (view) (permuted)", "node_3 (reshaped)"] {
            assert!(says_nothing(name), "{name:?}");
        }
        for name in ["norm", "leaf_3", "inp_embd", "Qcur-0", "(f32)"] {
            assert!(!says_nothing(name), "{name:?}");
        }
    }

    #[test]
    fn node_types_follow_the_name() {
        use NodeType::*;
        for (name, constant, expected) in [
            ("blk.0.attn_q.weight", true, Infrastructure),
            ("leaf_4", false, Infrastructure),
            ("cache_k_l0 (view)", false, Infrastructure),
            ("inp_embd", false, Embedding),
            ("embd", false, Embedding),
            ("token_embd.weight", true, Infrastructure),
            ("ffn_moe_logits-3", false, Layer),
            ("attn_out-3", false, Layer),
            ("result_output", false, Output),
            ("norm", false, Infrastructure),
            ("node_3", false, Infrastructure),
        ] {
            assert_eq!(NodeType::of(name, constant), expected, "{name}");
        }
    }
}
