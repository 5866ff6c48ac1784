//! A loaded model and its vocabulary.

use std::ffi::{CString, c_char, c_void};
use std::path::Path;
use std::ptr::NonNull;

use llama_cpp_sys_2 as sys;

use super::{Token, log};

#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    #[error("the path of the model has a zero byte in it; rename the file")]
    Path,
    #[error(
        "llama.cpp could not load it: {0}; check that it is a whole GGUF model that this llama.cpp knows, and that there is memory for it"
    )]
    Load(String),
    #[error("loading was stopped")]
    Stopped,
    #[error("it has an encoder; the recorder runs models that only decode")]
    Encoder,
}

/// A loaded model.
#[derive(Debug)]
pub struct Model {
    raw: NonNull<sys::llama_model>,
}

impl Model {
    /// Loads the model whose (first) file is `path`, its weights `mapped` or copied into memory. `progress` gets the loaded share, 0 to 1, and stops the loading
    /// by returning `false`.
    pub fn load(path: &Path, mapped: bool, mut progress: impl FnMut(f32) -> bool) -> Result<Self, ModelError> {
        super::start();
        let name = CString::new(path.as_os_str().as_encoded_bytes()).map_err(|_| ModelError::Path)?;
        let mut stopped = false;
        let mut report = |share: f32| -> bool {
            let go_on = progress(share);
            stopped |= !go_on;
            go_on
        };
        let mut report: &mut dyn FnMut(f32) -> bool = &mut report;
        // An empty list of devices: everything runs on the CPU, whatever else there is.
        let mut devices: [sys::ggml_backend_dev_t; 1] = [std::ptr::null_mut()];
        // SAFETY: gives a struct of plain values.
        let mut params = unsafe { sys::llama_model_default_params() };
        params.devices = devices.as_mut_ptr();
        params.n_gpu_layers = 0;
        // Weights stay as the file has them: whole, and not repacked.
        params.load_mode = if mapped { sys::LLAMA_LOAD_MODE_MMAP } else { sys::LLAMA_LOAD_MODE_NONE };
        params.lazy_mode = sys::LLAMA_LAZY_MODE_OFF;
        params.use_extra_bufts = false;
        params.progress_callback = Some(loading);
        params.progress_callback_user_data = (&raw mut report).cast();
        // SAFETY: the name ends with a zero; devices and the callback's data live until the call returns.
        let raw = NonNull::new(unsafe { sys::llama_model_load_from_file(name.as_ptr(), params) });
        match raw {
            Some(raw) => {
                let model = Self { raw };
                // SAFETY: the model is loaded.
                if unsafe { sys::llama_model_has_encoder(raw.as_ptr()) } { Err(ModelError::Encoder) } else { Ok(model) }
            }
            None if stopped => Err(ModelError::Stopped),
            None => Err(ModelError::Load(log::last_errors().unwrap_or_else(|| "it did not say why".to_owned()))),
        }
    }

    pub(super) fn raw(&self) -> *mut sys::llama_model {
        self.raw.as_ptr()
    }

    fn vocab(&self) -> *const sys::llama_vocab {
        // SAFETY: the model is loaded; its vocabulary lives as long.
        unsafe { sys::llama_model_get_vocab(self.raw()) }
    }

    /// Tokens that the model was trained to see at once.
    pub fn trained_context(&self) -> u32 {
        // SAFETY: the model is loaded.
        u32::try_from(unsafe { sys::llama_model_n_ctx_train(self.raw()) }).unwrap_or(0)
    }

    /// `text` as tokens, with those that the model wants around it. `None` where the text is too long to count.
    pub fn tokenize(&self, text: &str) -> Option<Vec<Token>> {
        let length = i32::try_from(text.len()).ok()?;
        let call = |tokens: &mut [Token]| {
            let room = i32::try_from(tokens.len()).unwrap_or(i32::MAX);
            // SAFETY: text and tokens are as long as said; nothing is kept.
            unsafe {
                sys::llama_tokenize(self.vocab(), text.as_ptr().cast(), length, tokens.as_mut_ptr(), room, true, true)
            }
        };
        let mut tokens = vec![0; text.len() + 8];
        let mut count = call(&mut tokens);
        if count < 0 && count != i32::MIN {
            tokens.resize(count.unsigned_abs() as usize, 0);
            count = call(&mut tokens);
        }
        tokens.truncate(usize::try_from(count).ok()?);
        Some(tokens)
    }

    /// The bytes that `token` stands for, which need not be whole characters; where it stands for none, its name in the
    /// vocabulary, such as `<unused_7>`.
    pub fn piece(&self, token: Token) -> Vec<u8> {
        let call = |piece: &mut [u8]| {
            let room = i32::try_from(piece.len()).unwrap_or(i32::MAX);
            // SAFETY: the piece is as long as said. A number outside the vocabulary gives an empty piece.
            unsafe {
                sys::llama_token_to_piece(self.vocab(), token, piece.as_mut_ptr().cast::<c_char>(), room, 0, true)
            }
        };
        let mut piece = vec![0; 32];
        let mut length = call(&mut piece);
        if length < 0 {
            piece.resize(length.unsigned_abs() as usize, 0);
            length = call(&mut piece);
        }
        piece.truncate(usize::try_from(length).unwrap_or(0));
        if piece.is_empty() {
            // SAFETY: the vocabulary lives; the token is one that it gave.
            piece = super::text(unsafe { sys::llama_vocab_get_text(self.vocab(), token) }).into_bytes();
        }
        piece
    }

    /// Whether `token` ends a generation.
    pub fn ends_generation(&self, token: Token) -> bool {
        // SAFETY: the vocabulary lives; the token is one that it gave.
        unsafe { sys::llama_vocab_is_eog(self.vocab(), token) }
    }
}

impl Drop for Model {
    fn drop(&mut self) {
        // SAFETY: loaded, and contexts borrow the model, so none is left.
        unsafe { sys::llama_model_free(self.raw()) };
    }
}

unsafe extern "C" fn loading(share: f32, data: *mut c_void) -> bool {
    // SAFETY: `data` is what `load` passed, a reference to a closure that outlives the call.
    let report = unsafe { &mut *data.cast::<&mut dyn FnMut(f32) -> bool>() };
    // A panic must not cross C++; it stops the loading instead.
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| report(share))).unwrap_or(false)
}
