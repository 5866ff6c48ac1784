//! Which token comes next.

use std::ptr::NonNull;

use llama_cpp_sys_2 as sys;

use super::Token;
use super::context::{Context, Watch};

/// llama.cpp's chain of samplers.
#[derive(Debug)]
pub struct Sampler {
    raw: NonNull<sys::llama_sampler>,
}

impl Sampler {
    /// The most probable token at a temperature of 0, else one drawn by `seed`. `None` without memory for it.
    pub fn new(temperature: f32, seed: u32) -> Option<Self> {
        // SAFETY: samplers that are added belong to the chain, which `Drop` frees.
        unsafe {
            let raw = NonNull::new(sys::llama_sampler_chain_init(sys::llama_sampler_chain_default_params()))?;
            let add = |sampler| sys::llama_sampler_chain_add(raw.as_ptr(), sampler);
            if temperature > 0.0 {
                add(sys::llama_sampler_init_temp(temperature));
                add(sys::llama_sampler_init_dist(seed));
            } else {
                add(sys::llama_sampler_init_greedy());
            }
            Some(Self { raw })
        }
    }

    /// Samples from the logits of the last token that `context` decoded.
    pub fn sample<W: Watch>(&mut self, context: &mut Context<'_, W>) -> Token {
        // SAFETY: both live; -1 names the last output, which every decode of ours asks for at its end.
        unsafe { sys::llama_sampler_sample(self.raw.as_ptr(), context.raw(), -1) }
    }
}

impl Drop for Sampler {
    fn drop(&mut self) {
        // SAFETY: made by `new`, and freed once.
        unsafe { sys::llama_sampler_free(self.raw.as_ptr()) };
    }
}
