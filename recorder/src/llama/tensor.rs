//! A tensor of a graph that llama.cpp runs, as ggml describes it.

use std::borrow::Cow;
use std::ffi::CStr;

use llama_cpp_sys_2 as sys;

use super::text;
use crate::layout::Layout;

/// Operands that a node may have.
const MAX_SOURCES: usize = 10;
const _: () = assert!(
    std::mem::size_of::<*mut sys::ggml_tensor>() * MAX_SOURCES
        == std::mem::offset_of!(sys::ggml_tensor, view_src) - std::mem::offset_of!(sys::ggml_tensor, src)
);

/// Borrowed while the graph that holds it lives.
#[derive(Debug, Clone, Copy)]
pub struct Tensor<'g>(&'g sys::ggml_tensor);

/// Where a tensor's data lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BufferInfo {
    /// Differs from buffer to buffer while they live.
    pub handle: u64,
    pub name: String,
    pub usage: BufferUsage,
    /// Address of the first byte.
    pub base: u64,
    pub bytes: u64,
    /// Whether the processor can read it.
    pub host: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BufferUsage {
    Any,
    Weights,
    Compute,
}

impl BufferUsage {
    pub fn label(self) -> &'static str {
        match self {
            Self::Any => "ANY",
            Self::Weights => "WEIGHTS",
            Self::Compute => "COMPUTE",
        }
    }
}

impl<'g> Tensor<'g> {
    /// # Safety
    /// `raw` is null or a tensor that lives for `'g` with everything that it points to.
    pub unsafe fn new(raw: *const sys::ggml_tensor) -> Option<Self> {
        // SAFETY: as this function asks for.
        unsafe { raw.as_ref() }.map(Self)
    }

    /// Tells tensors of one graph apart. Another graph may have it again.
    pub fn handle(self) -> usize {
        std::ptr::from_ref(self.0) as usize
    }

    pub fn op(self) -> sys::ggml_op {
        self.0.op
    }

    /// ggml's name of the op, such as `MUL_MAT`.
    pub fn op_name(self) -> String {
        // SAFETY: the op is one of ggml's own.
        text(unsafe { sys::ggml_op_name(self.0.op) })
    }

    /// A weight or an input: nothing computes it.
    pub fn is_leaf(self) -> bool {
        self.0.op == sys::GGML_OP_NONE
    }

    /// Nodes of branches that this graph does not take are listed and never run.
    pub fn runs(self) -> bool {
        self.0.flags.cast_unsigned() & sys::GGML_TENSOR_FLAG_COMPUTE != 0
    }

    /// Changes shape or place on paper only: nothing is read or written.
    pub fn is_no_op(self) -> bool {
        matches!(
            self.0.op,
            sys::GGML_OP_NONE
                | sys::GGML_OP_VIEW
                | sys::GGML_OP_RESHAPE
                | sys::GGML_OP_PERMUTE
                | sys::GGML_OP_TRANSPOSE
        )
    }

    pub fn name(self) -> Cow<'g, str> {
        // SAFETY: an array of plain bytes, viewed as such.
        let bytes = unsafe { std::slice::from_raw_parts(self.0.name.as_ptr().cast::<u8>(), self.0.name.len()) };
        match CStr::from_bytes_until_nul(bytes) {
            Ok(name) => name.to_string_lossy(),
            Err(_) => String::from_utf8_lossy(bytes),
        }
    }

    pub fn type_name(self) -> String {
        // SAFETY: the type is one of ggml's own.
        text(unsafe { sys::ggml_type_name(self.0.type_) })
    }

    /// Elements by dimension, innermost first, without the outer dimensions of 1.
    pub fn shape(self) -> Vec<u64> {
        let ne = self.layout().elements;
        let dimensions = ne.iter().rposition(|&n| n != 1).map_or(1, |last| last + 1);
        ne[..dimensions].to_vec()
    }

    pub fn layout(self) -> Layout {
        // SAFETY: the type is one of ggml's own.
        let (elements, bytes) = unsafe { (sys::ggml_blck_size(self.0.type_), sys::ggml_type_size(self.0.type_)) };
        Layout {
            elements: self.0.ne.map(|n| u64::try_from(n).unwrap_or(0)),
            strides: self.0.nb.map(|n| n as u64),
            block_elements: u64::try_from(elements).unwrap_or(1).max(1),
            block_bytes: bytes as u64,
        }
    }

    /// Address of the first byte.
    pub fn address(self) -> u64 {
        self.0.data as u64
    }

    /// The operand in `slot`, from 0.
    pub fn source(self, slot: usize) -> Option<Self> {
        // SAFETY: operands live as long as the node.
        unsafe { Self::new(*self.0.src.get(slot)?) }
    }

    /// Slot and tensor of every operand.
    pub fn sources(self) -> impl Iterator<Item = (u8, Self)> {
        (0..MAX_SOURCES as u8).filter_map(move |slot| Some((slot, self.source(usize::from(slot))?)))
    }

    /// The tensor that this one is, directly or through other views, a view of; itself if it is none.
    pub fn root(self) -> Self {
        let mut root = self;
        // SAFETY: what a tensor is a view of lives as long as the tensor.
        while let Some(next) = unsafe { Self::new(root.0.view_src) } {
            root = next;
        }
        root
    }

    pub fn buffer(self) -> Option<BufferInfo> {
        let buffer = self.0.buffer;
        if buffer.is_null() {
            return None;
        }
        // SAFETY: the buffer of a tensor of a live graph lives.
        unsafe {
            Some(BufferInfo {
                handle: buffer as u64,
                name: text(sys::ggml_backend_buffer_name(buffer)),
                usage: match sys::ggml_backend_buffer_get_usage(buffer) {
                    sys::GGML_BACKEND_BUFFER_USAGE_WEIGHTS => BufferUsage::Weights,
                    sys::GGML_BACKEND_BUFFER_USAGE_COMPUTE => BufferUsage::Compute,
                    _ => BufferUsage::Any,
                },
                base: sys::ggml_backend_buffer_get_base(buffer) as u64,
                bytes: sys::ggml_backend_buffer_get_size(buffer) as u64,
                host: sys::ggml_backend_buffer_is_host(buffer),
            })
        }
    }

    /// The integers of an index tensor, element (i, j, k) at `i + ne0 * (j + ne1 * k)`, whatever its strides. `None`
    /// for a tensor of another type or without data. What it holds is only right once it was computed.
    pub fn integers(self) -> Option<Vec<i64>> {
        let width = match self.0.type_ {
            sys::GGML_TYPE_I32 => 4,
            sys::GGML_TYPE_I64 => 8,
            _ => return None,
        };
        // SAFETY: the tensor lives, and has a buffer with data.
        let bytes = unsafe {
            if self.0.buffer.is_null() || self.0.data.is_null() {
                return None;
            }
            let mut bytes = vec![0_u8; sys::ggml_nbytes(self.0)];
            sys::ggml_backend_tensor_get(self.0, bytes.as_mut_ptr().cast(), 0, bytes.len());
            bytes
        };
        let layout = self.layout();
        let at = |offset: u64| -> Option<i64> {
            let start = usize::try_from(offset).ok()?;
            let value = bytes.get(start..start.checked_add(width)?)?;
            match width {
                4 => Some(i64::from(i32::from_le_bytes(value.try_into().ok()?))),
                _ => Some(i64::from_le_bytes(value.try_into().ok()?)),
            }
        };
        layout.element_offsets().map(at).collect()
    }

    /// Whether both describe the same tensor: everything that decides what an op touches.
    pub fn same_as(self, other: &Copied) -> bool {
        let (a, b) = (self.0, &other.tensor);
        self.handle() == other.handle
            && a.data == b.data
            && a.ne == b.ne
            && a.nb == b.nb
            && a.op == b.op
            && a.type_ == b.type_
            && a.flags == b.flags
            && a.src == b.src
            && a.view_src == b.view_src
            && a.buffer == b.buffer
            && a.op_params == b.op_params
            && a.name == b.name
    }

    pub fn copied(self) -> Copied {
        Copied { handle: self.handle(), tensor: *self.0 }
    }
}

/// What a tensor was when it was looked at. What it points to may be gone since, and is not followed.
#[derive(Debug, Clone)]
pub struct Copied {
    handle: usize,
    tensor: sys::ggml_tensor,
}

impl Copied {
    pub fn handle(&self) -> usize {
        self.handle
    }

    pub fn is_leaf(&self) -> bool {
        Tensor(&self.tensor).is_leaf()
    }

    pub fn name(&self) -> String {
        Tensor(&self.tensor).name().into_owned()
    }

    pub fn op_name(&self) -> String {
        Tensor(&self.tensor).op_name()
    }

    pub fn type_name(&self) -> String {
        Tensor(&self.tensor).type_name()
    }

    pub fn shape(&self) -> Vec<u64> {
        Tensor(&self.tensor).shape()
    }

    /// Slot and handle of every operand.
    pub fn source_handles(&self) -> impl Iterator<Item = (u8, usize)> {
        (0_u8..).zip(self.tensor.src).filter(|(_, source)| !source.is_null()).map(|(slot, s)| (slot, s as usize))
    }
}
