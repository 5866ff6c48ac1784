//! What llama.cpp itself says of a run: nodes in order, what they are given, and which experts its router chose, through
//! its plain C interface and without any of the recorder's code.
#![allow(unsafe_code, reason = "llama.cpp has a C interface")]

use std::collections::BTreeMap;
use std::ffi::{CStr, CString, c_char, c_void};
use std::path::Path;

use llama_cpp_sys_2 as sys;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operand {
    pub slot: u8,
    /// Name of the tensor that it is, or is a view of.
    pub root: String,
    pub bytes: u64,
    pub contiguous: bool,
    pub weight: bool,
}

#[derive(Debug, Clone)]
pub struct Node {
    pub op: String,
    pub name: String,
    pub runs: bool,
    pub operands: Vec<Operand>,
    /// Of its result.
    pub bytes: u64,
    pub contiguous: bool,
}

#[derive(Debug, Default)]
pub struct Pass {
    pub nodes: Vec<Node>,
    /// Per layer the experts of each token, from `ffn_moe_topk-<layer>`.
    pub routed: BTreeMap<u32, Vec<Vec<i32>>>,
    pub tokens: Vec<i32>,
    pub first_position: u32,
}

/// Offset in its file, and bytes.
pub type Weights = BTreeMap<String, (u64, u64)>;

fn text(raw: *const c_char) -> String {
    // SAFETY: llama.cpp ends its strings with a zero.
    unsafe { CStr::from_ptr(raw) }.to_string_lossy().into_owned()
}

/// Where ggml's own GGUF reader finds every tensor of one file.
pub fn weights(path: &Path) -> Weights {
    let name = CString::new(path.to_str().expect("text")).expect("no zero");
    let mut context: *mut sys::ggml_context = std::ptr::null_mut();
    // SAFETY: made, asked and freed in order; names are those that it gave.
    unsafe {
        let params = sys::gguf_init_params { no_alloc: true, ctx: &raw mut context };
        let gguf = sys::gguf_init_from_file(name.as_ptr(), params);
        assert!(!gguf.is_null());
        let data = sys::gguf_get_data_offset(gguf) as u64;
        let all = (0..sys::gguf_get_n_tensors(gguf))
            .map(|i| {
                let tensor = sys::gguf_get_tensor_name(gguf, i);
                let bytes = sys::ggml_nbytes(sys::ggml_get_tensor(context, tensor)) as u64;
                (text(tensor), (data + sys::gguf_get_tensor_offset(gguf, i) as u64, bytes))
            })
            .collect();
        sys::gguf_free(gguf);
        sys::ggml_free(context);
        all
    }
}

unsafe extern "C" fn look(node: *mut sys::ggml_tensor, ask: bool, data: *mut c_void) -> bool {
    // SAFETY: the scheduler passes a live node, and the pass that the context was given.
    unsafe {
        let pass = &mut *data.cast::<Pass>();
        let t = &*node;
        if ask {
            let operands = (0_u8..).zip(t.src).filter(|(_, s)| !s.is_null()).map(|(slot, source)| {
                let mut root = source;
                while !(*root).view_src.is_null() {
                    root = (*root).view_src;
                }
                let usage = sys::ggml_backend_buffer_get_usage((*root).buffer);
                Operand {
                    slot,
                    root: text((*root).name.as_ptr()),
                    bytes: sys::ggml_nbytes(source) as u64,
                    contiguous: sys::ggml_is_contiguously_allocated(source),
                    weight: usage == sys::GGML_BACKEND_BUFFER_USAGE_WEIGHTS,
                }
            });
            let runs = t.flags.cast_unsigned() & sys::GGML_TENSOR_FLAG_COMPUTE != 0;
            pass.nodes.push(Node {
                op: text(sys::ggml_op_name(t.op)),
                name: text(t.name.as_ptr()),
                runs,
                operands: if runs { operands.collect() } else { Vec::new() },
                bytes: sys::ggml_nbytes(node) as u64,
                contiguous: sys::ggml_is_contiguously_allocated(node),
            });
        } else if let Some(layer) = text(t.name.as_ptr()).strip_prefix("ffn_moe_topk-") {
            let chosen = |token: i64| {
                let id = |i: i64| {
                    let mut id = 0_i32;
                    let offset = token as usize * t.nb[1] + i as usize * t.nb[0];
                    sys::ggml_backend_tensor_get(node, (&raw mut id).cast(), offset, 4);
                    id
                };
                (0..t.ne[0]).map(id).collect()
            };
            pass.routed.insert(layer.parse().expect("a layer"), (0..t.ne[1]).map(chosen).collect());
        }
        true
    }
}

/// Decodes `prompt` in chunks of `batch`, then the `predict` most probable tokens, one by one.
pub fn run(model: &Path, prompt: &str, batch: u32, predict: u32, flash_attention: bool) -> Vec<Pass> {
    let path = CString::new(model.to_str().expect("text")).expect("no zero");
    unsafe extern "C" fn silent(_: sys::ggml_log_level, _: *const c_char, _: *mut c_void) {}
    // SAFETY: model, context and pass outlive every call that uses them, and nobody else has them.
    unsafe {
        sys::llama_log_set(Some(silent), std::ptr::null_mut());
        let mut params = sys::llama_model_default_params();
        params.n_gpu_layers = 0;
        params.use_extra_bufts = false;
        params.load_mode = sys::LLAMA_LOAD_MODE_MMAP;
        let model = sys::llama_model_load_from_file(path.as_ptr(), params);
        assert!(!model.is_null(), "the model loads");
        let vocab = sys::llama_model_get_vocab(model);
        let mut tokens = vec![0; 256];
        let length = prompt.len() as i32;
        let count = sys::llama_tokenize(vocab, prompt.as_ptr().cast(), length, tokens.as_mut_ptr(), 256, true, true);
        tokens.truncate(count as usize);
        let mut seen = Box::new(Pass::default());
        let mut params = sys::llama_context_default_params();
        params.n_ctx = count as u32 + predict;
        params.n_batch = batch;
        params.n_ubatch = batch;
        params.n_threads = 1;
        params.n_threads_batch = 1;
        params.flash_attn_type = i32::from(flash_attention);
        params.cb_eval = Some(look);
        params.cb_eval_user_data = (&raw mut *seen).cast();
        let context = sys::llama_init_from_model(model, params);
        assert!(!context.is_null(), "a context");
        let mut passes = Vec::new();
        let mut position = 0;
        let mut chunks: Vec<Vec<i32>> = tokens.chunks(batch as usize).map(<[i32]>::to_vec).collect();
        chunks.reverse();
        let mut left = predict;
        while let Some(mut chunk) = chunks.pop() {
            *seen = Pass { tokens: chunk.clone(), first_position: position, ..Pass::default() };
            position += chunk.len() as u32;
            let of_chunk = sys::llama_batch_get_one(chunk.as_mut_ptr(), chunk.len() as i32);
            assert_eq!(sys::llama_decode(context, of_chunk), 0);
            passes.push(std::mem::take(&mut *seen));
            if chunks.is_empty() && left > 0 {
                left -= 1;
                let logits = sys::llama_get_logits_ith(context, -1);
                let logits = std::slice::from_raw_parts(logits, sys::llama_vocab_n_tokens(vocab) as usize);
                // The first of the greatest, as the greedy sampler takes it.
                let best = (0..logits.len()).rev().max_by(|&a, &b| logits[a].total_cmp(&logits[b]));
                chunks.push(vec![best.expect("a vocabulary") as i32]);
            }
        }
        sys::llama_free(context);
        sys::llama_model_free(model);
        passes
    }
}
