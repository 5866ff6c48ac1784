//! The models that can be written, by name.

use std::fmt;
use std::str::FromStr;

use crate::architectures::{deepseek2, gpt_oss, lfm2, llama, mamba, qwen3moe};
use crate::gguf;
use crate::model::Model;

/// A model that can be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Llama70b,
    Moe128x48,
    TinyLlama,
    TinyMoe,
    TinyGptOss,
    TinyMamba,
    TinyDeepseek2,
    TinyLfm2,
}

/// What a model's file will hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    pub tensors: usize,
    /// Header and data, in one file.
    pub bytes: u64,
}

impl Kind {
    pub const ALL: [Self; 8] = [
        Self::TinyLlama,
        Self::TinyMoe,
        Self::TinyGptOss,
        Self::TinyMamba,
        Self::TinyDeepseek2,
        Self::TinyLfm2,
        Self::Moe128x48,
        Self::Llama70b,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Llama70b => "llama-70b",
            Self::Moe128x48 => "moe-128x48",
            Self::TinyLlama => "tiny-llama",
            Self::TinyMoe => "tiny-moe",
            Self::TinyGptOss => "tiny-gpt-oss",
            Self::TinyMamba => "tiny-mamba",
            Self::TinyDeepseek2 => "tiny-deepseek2",
            Self::TinyLfm2 => "tiny-lfm2",
        }
    }

    /// What it is, in a line.
    pub fn description(self) -> &'static str {
        match self {
            Self::Llama70b => "Llama 3 70B as Q4_K_M, without weights: a file with a hole, which takes no room",
            Self::Moe128x48 => "Mixture of experts: 48 layers, 8 of 128 experts for a token",
            Self::TinyLlama => "Dense, grouped-query attention, output tied to the embeddings",
            Self::TinyMoe => "Mixture of experts: 3 layers, 4 of 16 experts for a token",
            Self::TinyGptOss => "Attention sinks, sliding window, experts with biases, MXFP4",
            Self::TinyMamba => "Recurrent state instead of attention",
            Self::TinyDeepseek2 => "Latent attention (MLA), groups of experts, a shared expert",
            Self::TinyLfm2 => "Hybrid: short convolutions with a state, and attention",
        }
    }

    pub fn plan(self) -> Plan {
        let model = self.model();
        let header = gguf::header(&model.metadata, &model.tensors).len() as u64;
        Plan { tensors: model.tensors.len(), bytes: header + gguf::data_bytes(&model.tensors) }
    }

    pub(crate) fn model(self) -> Model {
        match self {
            Self::Llama70b => llama::llama_70b(),
            Self::Moe128x48 => qwen3moe::moe_128x48(),
            Self::TinyLlama => llama::tiny(),
            Self::TinyMoe => qwen3moe::tiny(),
            Self::TinyGptOss => gpt_oss::tiny(),
            Self::TinyMamba => mamba::tiny(),
            Self::TinyDeepseek2 => deepseek2::tiny(),
            Self::TinyLfm2 => lfm2::tiny(),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// There is no model of this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no model is called {name}; there are {}", Kind::ALL.map(Kind::name).join(", "))]
pub struct UnknownKind {
    name: String,
}

impl FromStr for Kind {
    type Err = UnknownKind;

    fn from_str(name: &str) -> Result<Self, UnknownKind> {
        let found = Self::ALL.into_iter().find(|kind| kind.name() == name);
        found.ok_or_else(|| UnknownKind { name: name.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_model_is_one_that_a_file_can_hold() {
        for kind in Kind::ALL {
            let model = kind.model();
            let keys: HashSet<&str> = model.metadata.iter().map(|(key, _)| key.as_str()).collect();
            assert_eq!(keys.len(), model.metadata.len(), "{kind}: a key twice");
            let names: HashSet<&str> = model.tensors.iter().map(|tensor| tensor.name.as_str()).collect();
            assert_eq!(names.len(), model.tensors.len(), "{kind}: a tensor twice");
            for tensor in &model.tensors {
                assert!(tensor.name.len() < 64, "{kind}: {} is too long for ggml", tensor.name);
                assert!((1..=4).contains(&tensor.shape.len()), "{kind}: {}", tensor.name);
                assert!(tensor.bytes() > 0, "{kind}: {} is empty", tensor.name);
                let block_len = tensor.tensor_type().block_len();
                assert_eq!(tensor.row_len() % block_len, 0, "{kind}: {} does not fill its blocks", tensor.name);
            }
        }
    }

    #[test]
    fn names_lead_to_kinds() {
        for kind in Kind::ALL {
            assert_eq!(kind.name().parse(), Ok(kind));
        }
        let error = "llama".parse::<Kind>().expect_err("no such name").to_string();
        assert!(error.contains("tiny-llama") && error.contains("moe-128x48"), "{error}");
    }

    #[test]
    fn sizes_are_as_promised() {
        for kind in Kind::ALL.into_iter().filter(|kind| kind.name().starts_with("tiny")) {
            assert!(kind.plan().bytes < 2_000_000, "{kind}: {}", kind.plan().bytes);
        }
        assert!(Kind::Moe128x48.plan().bytes < 1_200_000_000);
        assert_eq!(Kind::Llama70b.plan().tensors, 723);
    }
}
