//! A context that decodes tokens of one sequence and shows every node of its graphs to a watcher.

use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use llama_cpp_sys_2 as sys;

use super::model::Model;
use super::tensor::Tensor;
use super::{Token, log};

/// Sees the nodes of a graph as ggml's scheduler runs them, always from the thread that decodes.
pub trait Watch {
    /// Whether the scheduler needs to call at all.
    const WATCHES: bool = true;

    /// `node` comes next. `true` runs all nodes up to it, then calls [`Self::done`] for it.
    fn ask(&mut self, node: Tensor<'_>) -> bool;

    /// `node`, for which `ask` said `true`, was run.
    fn done(&mut self, node: Tensor<'_>);
}

/// Nobody watches: what a decode costs without a recorder.
#[derive(Debug)]
pub struct Nobody;

impl Watch for Nobody {
    const WATCHES: bool = false;

    fn ask(&mut self, _: Tensor<'_>) -> bool {
        false
    }

    fn done(&mut self, _: Tensor<'_>) {}
}

#[derive(Debug, Clone, Copy)]
pub struct ContextParams {
    /// Tokens of the sequence.
    pub tokens: u32,
    /// Tokens of one decode, which is one graph.
    pub batch: u32,
    pub threads: u32,
    pub flash_attention: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum ContextError {
    #[error(
        "llama.cpp could not make a context of {tokens} tokens: {reason}; try a smaller one (-c), a smaller batch (-b), or another --flash-attention"
    )]
    Create { tokens: u32, reason: String },
}

#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    #[error("stopped")]
    Stopped,
    #[error("llama.cpp failed to run the model (code {code}): {reason}")]
    Failed { code: i32, reason: String },
    #[error("the recorder failed while it watched an op; please report this: {0}")]
    Watcher(String),
}

/// Shared with the callbacks of one context.
struct Watched<W> {
    watch: W,
    stop: Arc<AtomicBool>,
    /// What the watcher panicked with, after which it is not asked any more.
    failure: Option<String>,
}

/// A context of `model`.
pub struct Context<'m, W: Watch> {
    raw: NonNull<sys::llama_context>,
    /// From a box; C++ holds the same pointer, so that everything goes through it.
    watched: NonNull<Watched<W>>,
    model: &'m Model,
    capacity: u32,
}

impl<'m, W: Watch> Context<'m, W> {
    /// `stop` ends a decode before it is done.
    pub fn new(model: &'m Model, params: ContextParams, watch: W, stop: Arc<AtomicBool>) -> Result<Self, ContextError> {
        let watched = Box::new(Watched { watch, stop, failure: None });
        let watched = NonNull::from(Box::leak(watched));
        let threads = i32::try_from(params.threads).unwrap_or(i32::MAX);
        // SAFETY: gives a struct of plain values.
        let mut raw = unsafe { sys::llama_context_default_params() };
        raw.n_ctx = params.tokens;
        // One decode is one graph: never split into smaller batches.
        raw.n_batch = params.batch;
        raw.n_ubatch = params.batch;
        raw.n_seq_max = 1;
        // Only the last token's logits are asked for.
        raw.n_outputs_max = 1;
        raw.n_threads = threads;
        raw.n_threads_batch = threads;
        // Left to llama.cpp, the choice would change the graph from machine to machine.
        raw.flash_attn_type = match params.flash_attention {
            true => sys::LLAMA_FLASH_ATTN_TYPE_ENABLED,
            false => sys::LLAMA_FLASH_ATTN_TYPE_DISABLED,
        };
        raw.offload_kqv = false;
        raw.op_offload = false;
        raw.no_perf = true;
        if W::WATCHES {
            raw.cb_eval = Some(evaluate::<W>);
            raw.cb_eval_user_data = watched.as_ptr().cast();
        }
        raw.abort_callback = Some(aborts::<W>);
        raw.abort_callback_data = watched.as_ptr().cast();
        log::forget();
        // SAFETY: the model lives; what the callbacks get lives until the context is freed.
        match NonNull::new(unsafe { sys::llama_init_from_model(model.raw(), raw) }) {
            Some(raw) => Ok(Self { raw, watched, model, capacity: params.tokens }),
            None => {
                // SAFETY: leaked above, and no context holds it.
                drop(unsafe { Box::from_raw(watched.as_ptr()) });
                let reason = log::last_errors().unwrap_or_else(|| "it did not say why".to_owned());
                Err(ContextError::Create { tokens: params.tokens, reason })
            }
        }
    }

    pub(super) fn raw(&self) -> *mut sys::llama_context {
        self.raw.as_ptr()
    }

    pub fn model(&self) -> &'m Model {
        self.model
    }

    /// Tokens that were asked for; llama.cpp rounds up, and what is beyond is left alone.
    pub fn capacity(&self) -> u32 {
        self.capacity
    }

    pub fn watch(&mut self) -> &mut W {
        // SAFETY: no callback runs outside of `decode`, which borrows `self` as this does.
        unsafe { &mut self.watched.as_mut().watch }
    }

    /// Decodes `tokens`, the first of which is at `position`; at most as many as the batch holds.
    pub fn decode(&mut self, tokens: &[Token], position: u32) -> Result<(), DecodeError> {
        let count = i32::try_from(tokens.len()).unwrap_or(i32::MAX);
        let first = i32::try_from(position).unwrap_or(i32::MAX);
        let mut tokens = tokens.to_vec();
        let mut positions: Vec<i32> = (first..first.saturating_add(count)).collect();
        let mut sequences = vec![1_i32; tokens.len()];
        let mut sequence: sys::llama_seq_id = 0;
        let mut sequence_of: Vec<*mut sys::llama_seq_id> = vec![&raw mut sequence; tokens.len()];
        let mut outputs = vec![0_i8; tokens.len()];
        if let Some(last) = outputs.last_mut() {
            *last = 1;
        }
        let batch = sys::llama_batch {
            n_tokens: count,
            token: tokens.as_mut_ptr(),
            embd: std::ptr::null_mut(),
            pos: positions.as_mut_ptr(),
            n_seq_id: sequences.as_mut_ptr(),
            seq_id: sequence_of.as_mut_ptr(),
            logits: outputs.as_mut_ptr(),
        };
        log::forget();
        // SAFETY: every array has `n_tokens` items and outlives the call.
        let code = unsafe { sys::llama_decode(self.raw(), batch) };
        // SAFETY: the context lives; results are in memory after this.
        unsafe { sys::llama_synchronize(self.raw()) };
        // SAFETY: the callbacks are done.
        let watched = unsafe { self.watched.as_mut() };
        if let Some(failure) = watched.failure.take() {
            return Err(DecodeError::Watcher(failure));
        }
        match code {
            0 => Ok(()),
            _ if watched.stop.load(Ordering::Relaxed) => Err(DecodeError::Stopped),
            _ => {
                let reason = log::last_errors().unwrap_or_else(|| "it did not say why".to_owned());
                Err(DecodeError::Failed { code, reason })
            }
        }
    }
}

impl<W: Watch> Drop for Context<'_, W> {
    fn drop(&mut self) {
        // SAFETY: freed once, the context before what its callbacks get.
        unsafe {
            sys::llama_free(self.raw());
            drop(Box::from_raw(self.watched.as_ptr()));
        }
    }
}

unsafe extern "C" fn evaluate<W: Watch>(node: *mut sys::ggml_tensor, ask: bool, data: *mut c_void) -> bool {
    // SAFETY: `data` is the context's `Watched`, which nobody else touches while it decodes.
    let watched = unsafe { &mut *data.cast::<Watched<W>>() };
    // SAFETY: the scheduler passes a node of the graph that it runs, which lives until that is done.
    let Some(node) = (unsafe { Tensor::new(node) }) else { return false };
    if watched.failure.is_some() {
        return false;
    }
    // A panic must not cross C++: it ends the decode instead.
    let watch = &mut watched.watch;
    let called = catch_unwind(AssertUnwindSafe(|| match ask {
        true => watch.ask(node),
        false => {
            watch.done(node);
            true
        }
    }));
    called.unwrap_or_else(|panic| {
        let said = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
        watched.failure = Some(said.unwrap_or("a panic").to_owned());
        false
    })
}

unsafe extern "C" fn aborts<W: Watch>(data: *mut c_void) -> bool {
    // SAFETY: `data` is the context's `Watched`; worker threads only read the flag, which is atomic, and the failure
    // is written by the thread that waits for them.
    let watched = unsafe { &*data.cast::<Watched<W>>() };
    watched.failure.is_some() || watched.stop.load(Ordering::Relaxed)
}
