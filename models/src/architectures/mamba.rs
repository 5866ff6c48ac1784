//! Mamba: layers that keep a state of fixed size and have no attention.

use super::TINY_VOCABULARY;
use crate::model::{Builder, FileType, Model, Weights};
use crate::tensor_type::TensorType;
use crate::vocabulary::Vocabulary;

const LAYERS: u64 = 4;
const EMBEDDING: u64 = 128;
/// llama.cpp takes no other than twice the embedding.
const INNER: u64 = 2 * EMBEDDING;
const CONVOLUTION: u64 = 4;
const STATE: u64 = 16;
const TIME_STEP_RANK: u64 = 8;

pub(crate) fn tiny() -> Model {
    let vocabulary = Vocabulary::new(TINY_VOCABULARY);
    let mut model = Builder::new("mamba", "Tiny Mamba with random weights", FileType::F16);
    model.set("vocab_size", vocabulary.len() as u32);
    model.set("context_length", 1_048_576_u32);
    model.set("embedding_length", EMBEDDING as u32);
    model.set("block_count", LAYERS as u32);
    model.set("feed_forward_length", 0_u32);
    model.set("attention.head_count", 0_u32);
    model.set("attention.layer_norm_rms_epsilon", 1e-5_f32);
    model.set("ssm.conv_kernel", CONVOLUTION as u32);
    model.set("ssm.inner_size", INNER as u32);
    model.set("ssm.state_size", STATE as u32);
    model.set("ssm.time_step_rank", TIME_STEP_RANK as u32);

    model.embeddings(TensorType::F16, EMBEDDING, &vocabulary);
    for layer in 0..LAYERS {
        let named = |name: &str| format!("blk.{layer}.{name}");
        model.norm(named("attn_norm.weight"), EMBEDDING);
        model.matrix(named("ssm_in.weight"), TensorType::F16, &[EMBEDDING, 2 * INNER], 1.0);
        model.matrix(named("ssm_conv1d.weight"), TensorType::F32, &[CONVOLUTION, INNER], 1.0);
        model.around(named("ssm_conv1d.bias"), &[INNER], 0.0, 0.1);
        model.matrix(named("ssm_x.weight"), TensorType::F16, &[INNER, TIME_STEP_RANK + 2 * STATE], 2.0);
        model.matrix(named("ssm_dt.weight"), TensorType::F32, &[TIME_STEP_RANK, INNER], 0.5);
        // The logarithm of what a step of time is: most states last for some tens of tokens.
        model.around(named("ssm_dt.bias"), &[INNER], -3.0, 1.5);
        model.decays(named("ssm_a"), &[STATE, INNER]);
        model.around(named("ssm_d"), &[INNER], 1.0, 0.1);
        model.matrix(named("ssm_out.weight"), TensorType::F16, &[INNER, EMBEDDING], 2.0);
    }
    model.norm("output_norm.weight".to_owned(), EMBEDDING);
    model.finish(&vocabulary, Weights::Random)
}
