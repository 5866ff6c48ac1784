//! Headers of GGUF files, version 3, as bytes.

use crate::model::Tensor;

/// Where the data section and each tensor in it begin.
pub(crate) const ALIGNMENT: u64 = 32;

/// A value of a file's metadata.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    U16(u16),
    U32(u32),
    I32(i32),
    F32(f32),
    Bool(bool),
    Text(String),
    Texts(Vec<String>),
    I32s(Vec<i32>),
    F32s(Vec<f32>),
}

impl From<u16> for Value {
    fn from(value: u16) -> Self {
        Self::U16(value)
    }
}

impl From<u32> for Value {
    fn from(value: u32) -> Self {
        Self::U32(value)
    }
}

impl From<i32> for Value {
    fn from(value: i32) -> Self {
        Self::I32(value)
    }
}

impl From<f32> for Value {
    fn from(value: f32) -> Self {
        Self::F32(value)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

const ARRAY: u32 = 9;

impl Value {
    fn type_id(&self) -> u32 {
        match self {
            Self::U16(_) => 2,
            Self::U32(_) => 4,
            Self::I32(_) => 5,
            Self::F32(_) => 6,
            Self::Bool(_) => 7,
            Self::Text(_) => 8,
            Self::Texts(_) | Self::I32s(_) | Self::F32s(_) => ARRAY,
        }
    }

    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::U16(value) => out.extend(value.to_le_bytes()),
            Self::U32(value) => out.extend(value.to_le_bytes()),
            Self::I32(value) => out.extend(value.to_le_bytes()),
            Self::F32(value) => out.extend(value.to_le_bytes()),
            Self::Bool(value) => out.push(u8::from(*value)),
            Self::Text(value) => encode_text(value, out),
            Self::Texts(values) => {
                encode_array(8, values.len(), out);
                for value in values {
                    encode_text(value, out);
                }
            }
            Self::I32s(values) => {
                encode_array(5, values.len(), out);
                out.extend(values.iter().flat_map(|value| value.to_le_bytes()));
            }
            Self::F32s(values) => {
                encode_array(6, values.len(), out);
                out.extend(values.iter().flat_map(|value| value.to_le_bytes()));
            }
        }
    }
}

fn encode_text(text: &str, out: &mut Vec<u8>) {
    out.extend((text.len() as u64).to_le_bytes());
    out.extend(text.as_bytes());
}

fn encode_array(element_type_id: u32, len: usize, out: &mut Vec<u8>) {
    out.extend(element_type_id.to_le_bytes());
    out.extend((len as u64).to_le_bytes());
}

/// Bytes that a tensor of `bytes` takes in the data section, up to where the next may begin.
pub(crate) fn padded(bytes: u64) -> u64 {
    bytes.next_multiple_of(ALIGNMENT)
}

/// The length of the data section of these tensors.
pub(crate) fn data_bytes(tensors: &[Tensor]) -> u64 {
    tensors.iter().map(|tensor| padded(tensor.bytes())).sum()
}

/// All of a file before its data section. The tensors lie there in this order, without gaps: ggml takes no other files.
pub(crate) fn header(metadata: &[(String, Value)], tensors: &[Tensor]) -> Vec<u8> {
    let mut out = b"GGUF".to_vec();
    out.extend(3_u32.to_le_bytes());
    out.extend((tensors.len() as u64).to_le_bytes());
    out.extend((metadata.len() as u64).to_le_bytes());
    for (key, value) in metadata {
        encode_text(key, &mut out);
        out.extend(value.type_id().to_le_bytes());
        value.encode(&mut out);
    }
    let mut offset = 0_u64;
    for tensor in tensors {
        encode_text(&tensor.name, &mut out);
        out.extend((tensor.shape.len() as u32).to_le_bytes());
        out.extend(tensor.shape.iter().flat_map(|size| size.to_le_bytes()));
        out.extend(tensor.tensor_type().id().to_le_bytes());
        out.extend(offset.to_le_bytes());
        offset += padded(tensor.bytes());
    }
    out.resize(out.len().next_multiple_of(ALIGNMENT as usize), 0);
    out
}
