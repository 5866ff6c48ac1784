//! A model as it will stand in a file: its metadata, and its tensors with what fills them.

use crate::gguf::Value;
use crate::tensor_type::TensorType;
use crate::vocabulary::Vocabulary;

#[derive(Clone, Debug)]
pub(crate) struct Model {
    /// In the order in which they are written; keys are unique.
    pub(crate) metadata: Vec<(String, Value)>,
    pub(crate) tensors: Vec<Tensor>,
    pub(crate) weights: Weights,
}

/// Whether a file has weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weights {
    Random,
    /// The data section is a hole, which reads as zeros and takes no room on the disk.
    Hole,
}

#[derive(Clone, Debug)]
pub(crate) struct Tensor {
    pub(crate) name: String,
    /// The innermost first, as in GGUF.
    pub(crate) shape: Vec<u64>,
    pub(crate) content: Content,
}

/// What a tensor's numbers are like.
#[derive(Clone, Debug)]
pub(crate) enum Content {
    /// Even around zero. Row i has the standard deviation `deviation * row_scales[i % row_scales.len()]`, or
    /// `deviation` where there are no scales.
    Random { tensor_type: TensorType, deviation: f32, row_scales: Vec<f32> },
    /// F32: even between `value - spread` and `value + spread`.
    Around { value: f32, spread: f32 },
    /// F32: -1, -2, -3 and so on along each row, by which states of an SSM fade at different speeds.
    Decays,
}

impl Tensor {
    pub(crate) fn tensor_type(&self) -> TensorType {
        match self.content {
            Content::Random { tensor_type, .. } => tensor_type,
            Content::Around { .. } | Content::Decays => TensorType::F32,
        }
    }

    pub(crate) fn row_len(&self) -> u64 {
        self.shape.first().copied().unwrap_or(1)
    }

    pub(crate) fn rows(&self) -> u64 {
        self.shape.iter().skip(1).product()
    }

    pub(crate) fn row_bytes(&self) -> u64 {
        self.row_len() / self.tensor_type().block_len() * self.tensor_type().block_bytes()
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.row_bytes() * self.rows()
    }
}

/// Quantisation of most weights of a file, as `general.file_type` numbers it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum FileType {
    F16 = 1,
    Q8_0 = 7,
    Q4KM = 15,
    Mxfp4Moe = 38,
}

/// Puts a model together. Keys get the architecture's prefix, and weights a size that keeps the numbers that go through
/// the model near one.
pub(crate) struct Builder {
    architecture: &'static str,
    metadata: Vec<(String, Value)>,
    tensors: Vec<Tensor>,
}

impl Builder {
    pub(crate) fn new(architecture: &'static str, name: &str, file_type: FileType) -> Self {
        let metadata = vec![
            ("general.architecture".to_owned(), architecture.into()),
            ("general.type".to_owned(), "model".into()),
            ("general.name".to_owned(), name.into()),
            ("general.quantization_version".to_owned(), 2_u32.into()),
            ("general.file_type".to_owned(), (file_type as u32).into()),
        ];
        Self { architecture, metadata, tensors: vec![] }
    }

    /// A hyper-parameter.
    pub(crate) fn set(&mut self, key: &str, value: impl Into<Value>) {
        self.metadata.push((format!("{}.{key}", self.architecture), value.into()));
    }

    /// A matrix that takes `shape[0]` numbers around one to numbers around `gain`; with a third dimension, one for each
    /// expert or head.
    pub(crate) fn matrix(&mut self, name: String, tensor_type: TensorType, shape: &[u64], gain: f32) {
        self.scaled_matrix(name, tensor_type, shape, gain, vec![]);
    }

    /// A matrix with rows of different gains.
    pub(crate) fn scaled_matrix(
        &mut self,
        name: String,
        tensor_type: TensorType,
        shape: &[u64],
        gain: f32,
        row_scales: Vec<f32>,
    ) {
        let inputs = shape.first().copied().unwrap_or(1).max(1);
        let deviation = gain / (inputs as f32).sqrt();
        let content = Content::Random { tensor_type, deviation, row_scales };
        self.tensors.push(Tensor { name, shape: shape.to_vec(), content });
    }

    /// The table of token embeddings. Layers add numbers around one to them, so that they are soon outweighed: a model
    /// whose output is its embedding does not say the same word forever.
    pub(crate) fn embeddings(&mut self, tensor_type: TensorType, width: u64, vocabulary: &Vocabulary) {
        let content = Content::Random { tensor_type, deviation: 0.1, row_scales: vocabulary.row_scales() };
        let shape = vec![width, vocabulary.len()];
        self.tensors.push(Tensor { name: "token_embd.weight".to_owned(), shape, content });
    }

    /// The output matrix of a model that has one of its own.
    pub(crate) fn output(&mut self, tensor_type: TensorType, width: u64, vocabulary: &Vocabulary) {
        let shape = [width, vocabulary.len()];
        self.scaled_matrix("output.weight".to_owned(), tensor_type, &shape, 3.0, vocabulary.row_scales());
    }

    /// Weights of a norm.
    pub(crate) fn norm(&mut self, name: String, width: u64) {
        self.around(name, &[width], 1.0, 0.1);
    }

    /// Numbers that are not quantised: biases and the like.
    pub(crate) fn around(&mut self, name: String, shape: &[u64], value: f32, spread: f32) {
        self.tensors.push(Tensor { name, shape: shape.to_vec(), content: Content::Around { value, spread } });
    }

    pub(crate) fn decays(&mut self, name: String, shape: &[u64]) {
        self.tensors.push(Tensor { name, shape: shape.to_vec(), content: Content::Decays });
    }

    pub(crate) fn finish(mut self, vocabulary: &Vocabulary, weights: Weights) -> Model {
        self.metadata.extend(vocabulary.metadata());
        Model { metadata: self.metadata, tensors: self.tensors, weights }
    }
}
