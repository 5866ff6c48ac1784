//! What each architecture is made of: the hyper-parameters and tensors that llama.cpp asks for.

pub(crate) mod deepseek2;
pub(crate) mod gpt_oss;
pub(crate) mod lfm2;
pub(crate) mod llama;
pub(crate) mod mamba;
pub(crate) mod qwen3moe;

/// Tokens of the vocabulary of small models.
const TINY_VOCABULARY: usize = 1536;

/// What attention has by layer. Widths are those of one head times the heads.
struct AttentionWidths {
    embedding: u64,
    queries: u64,
    /// Keys, and values too.
    keys: u64,
}

/// How much larger the rows of some of a router's experts are than those of others, between 0.75 and 1.25 and different
/// in each layer: as in real models some experts are liked more.
fn router_scales(layer: u64, experts: u64) -> Vec<f32> {
    // Steps of the golden ratio fill a range evenly, whatever their number.
    let golden = 0.618_034_f64;
    let scale = |expert: u64| 0.75 + 0.5 * ((expert + 1) as f64 * (layer + 1) as f64 * golden).fract();
    (0..experts).map(|expert| scale(expert) as f32).collect()
}
