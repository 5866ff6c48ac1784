//! Where operands lie: the run's tensors, ranges and buffers as they come up, pass by pass.

use hashbrown::{HashMap, HashSet};

use super::builder::NONE;
use super::health::{Health, Severity};
use super::model::*;
use super::names;
use super::raw::{NameId, Names, Operand, Place, RawBuffer, RawModel};

/// Buffers whose extent nobody recorded are rounded out to this many bytes.
const PAGE_BYTES: u64 = 4096;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum TensorKey {
    Disk { name: NameId, offset: u64 },
    Buffer { name: NameId, buffer: u32, address: u64, bytes: u64 },
    Unlocated { name: NameId },
}

/// What the run touches of a buffer.
#[derive(Debug, Clone, Copy)]
struct Extent {
    id: u64,
    lowest: u64,
    highest: u64,
}

/// A problem with weights: the names that have it, and the first of them in words.
#[derive(Debug, Default)]
struct Doubt {
    names: HashSet<NameId>,
    example: String,
}

impl Doubt {
    fn add(&mut self, name: NameId, example: impl FnOnce() -> String) {
        if self.names.is_empty() {
            self.example = example();
        }
        self.names.insert(name);
    }
}

/// A part of a tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Span {
    pub tensor: u32,
    pub offset: u64,
    pub length: u64,
}

pub(super) struct Places<'a> {
    names: &'a Names,
    tensors: Vec<Tensor>,
    tensor_index: HashMap<TensorKey, u32>,
    /// Model tensors by name, and by offset in the only file.
    weight_of_name: HashMap<NameId, u32>,
    weights_by_offset: Vec<u32>,
    buffers: Vec<Extent>,
    buffer_index: HashMap<u64, u32>,
    range_index: HashMap<(Span, u32), u32>,
    range_tensor: Vec<u32>,
    range_offset: Vec<u64>,
    range_length: Vec<u64>,
    range_expert: Vec<u32>,
    weights_read: HashSet<NameId>,
    names_cut: Doubt,
    unknown: Doubt,
    moved: Doubt,
    resized: Doubt,
}

impl<'a> Places<'a> {
    /// The model's tensors are the first of the run, in the order of `model`.
    pub fn new(names: &'a Names, model: Option<&RawModel>) -> Self {
        let mut places = Self {
            names,
            tensors: Vec::new(),
            tensor_index: HashMap::new(),
            weight_of_name: HashMap::new(),
            weights_by_offset: Vec::new(),
            buffers: Vec::new(),
            buffer_index: HashMap::new(),
            range_index: HashMap::new(),
            range_tensor: Vec::new(),
            range_offset: Vec::new(),
            range_length: Vec::new(),
            range_expert: Vec::new(),
            weights_read: HashSet::new(),
            names_cut: Doubt::default(),
            unknown: Doubt::default(),
            moved: Doubt::default(),
            resized: Doubt::default(),
        };
        if let Some(model) = model {
            places.add_weights(model);
        }
        places
    }

    fn add_weights(&mut self, model: &RawModel) {
        for (index, tensor) in (0_u32..).zip(&model.tensors) {
            if let Some(name) = self.names.find(&tensor.name) {
                self.weight_of_name.entry(name).or_insert(index);
            }
            self.tensors.push(Tensor {
                layer: names::layer(&tensor.name),
                category: names::category(&tensor.name).to_owned(),
                name: tensor.name.clone(),
                dtype: tensor.dtype.clone(),
                shape: tensor.shape.clone(),
                bytes: tensor.bytes,
                track: Track::Disk,
                home: Some(tensor.file),
                offset: tensor.offset,
                experts: tensor.experts,
            });
        }
        // An offset says nothing where it may be in any of several files.
        if model.files.len() <= 1 {
            self.weights_by_offset = (0..self.tensors.len() as u32).collect();
            self.weights_by_offset.sort_by_key(|&t| self.tensors[t as usize].offset);
        }
    }

    /// Whether the operand is of the model rather than of a buffer.
    pub fn is_weight(&self, operand: &Operand) -> bool {
        match operand.place {
            Place::Disk { .. } => true,
            Place::Buffer { .. } => false,
            Place::Unknown { .. } => self.weight_of_name.contains_key(&operand.name),
        }
    }

    /// The part of a tensor that an operand is.
    pub fn locate(&mut self, operand: &Operand) -> Span {
        match operand.place {
            Place::Disk { offset } => self.locate_on_disk(operand, offset),
            Place::Unknown { .. } if self.is_weight(operand) => self.locate_on_disk(operand, None),
            Place::Unknown { address } => self.in_buffer(operand.name, 0, address, operand.bytes),
            Place::Buffer { buffer, address } => self.in_buffer(operand.name, buffer, address, operand.bytes),
        }
    }

    /// The tensor `name` that has the very bytes of `operand`, if that is in a buffer.
    pub fn alias(&mut self, name: NameId, operand: &Operand) -> Option<u32> {
        match operand.place {
            Place::Buffer { buffer, address } => Some(self.in_buffer(name, buffer, address, operand.bytes).tensor),
            Place::Disk { .. } | Place::Unknown { .. } => None,
        }
    }

    fn locate_on_disk(&mut self, operand: &Operand, offset: Option<u64>) -> Span {
        let whole = |tensor: u32, length: u64| Span { tensor, offset: 0, length };
        let name = self.names.get(operand.name);
        self.weights_read.insert(operand.name);
        if let Some(&weight) = self.weight_of_name.get(&operand.name) {
            let Tensor { bytes, offset: listed, .. } = self.tensors[weight as usize];
            if let Some(offset) = offset.filter(|&offset| offset != listed) {
                self.moved.add(operand.name, || format!("{name}: model {listed}, trace {offset}"));
            }
            // Records keep 32 bits of the size.
            let wrapped = bytes > u64::from(u32::MAX) && bytes as u32 == operand.bytes as u32;
            if wrapped || operand.bytes == bytes {
                return whole(weight, bytes);
            }
            self.resized.add(operand.name, || format!("{name}: model {bytes}, trace {}", operand.bytes));
            return whole(weight, operand.bytes.min(bytes));
        }
        let Some(offset) = offset else {
            self.unknown.add(operand.name, || name.to_owned());
            return whole(self.unlocated(operand.name), 0);
        };
        if let Some(span) = self.weight_at(operand, offset) {
            return span;
        }
        let key = TensorKey::Disk { name: operand.name, offset };
        let tensor = match self.tensor_index.get(&key) {
            Some(&tensor) => tensor,
            None => {
                if !self.weight_of_name.is_empty() {
                    self.unknown.add(operand.name, || format!("{name} at byte {offset}"));
                }
                self.add_tensor(key, name, operand.bytes, Track::Disk, Some(0), offset)
            }
        };
        let bytes = &mut self.tensors[tensor as usize].bytes;
        *bytes = (*bytes).max(operand.bytes);
        whole(tensor, operand.bytes)
    }

    /// The weight whose bytes include those of an operand of another name: a view of it, or a name that was cut short.
    fn weight_at(&mut self, operand: &Operand, offset: u64) -> Option<Span> {
        let after = self.weights_by_offset.partition_point(|&t| self.tensors[t as usize].offset <= offset);
        let weight = *self.weights_by_offset.get(after.checked_sub(1)?)?;
        let tensor = &self.tensors[weight as usize];
        if offset.saturating_add(operand.bytes) > tensor.offset.saturating_add(tensor.bytes) {
            return None;
        }
        let name = self.names.get(operand.name);
        if tensor.name.starts_with(name) {
            self.names_cut.add(operand.name, || format!("{name} is {}", tensor.name));
        }
        Some(Span { tensor: weight, offset: offset - tensor.offset, length: operand.bytes })
    }

    fn in_buffer(&mut self, name: NameId, id: u64, address: u64, bytes: u64) -> Span {
        let next = self.buffers.len() as u32;
        let buffer = *self.buffer_index.entry(id).or_insert(next);
        if buffer == next {
            self.buffers.push(Extent { id, lowest: address, highest: address });
        }
        let extent = &mut self.buffers[buffer as usize];
        extent.lowest = extent.lowest.min(address);
        extent.highest = extent.highest.max(address.saturating_add(bytes));
        let key = TensorKey::Buffer { name, buffer, address, bytes };
        let tensor = match self.tensor_index.get(&key) {
            Some(&tensor) => tensor,
            // Holds the address until the buffer's base is known.
            None => self.add_tensor(key, self.names.get(name), bytes, Track::Buffer, Some(buffer), address),
        };
        Span { tensor, offset: 0, length: bytes }
    }

    /// A tensor of which nothing but the name is known.
    pub fn unlocated(&mut self, name: NameId) -> u32 {
        let key = TensorKey::Unlocated { name };
        match self.tensor_index.get(&key) {
            Some(&tensor) => tensor,
            None => self.add_tensor(key, self.names.get(name), 0, Track::Buffer, None, 0),
        }
    }

    fn add_tensor(
        &mut self,
        key: TensorKey,
        name: &str,
        bytes: u64,
        track: Track,
        home: Option<u32>,
        offset: u64,
    ) -> u32 {
        let index = self.tensors.len() as u32;
        self.tensors.push(Tensor {
            name: name.to_owned(),
            dtype: None,
            shape: Vec::new(),
            bytes,
            track,
            home,
            offset,
            layer: names::layer(name),
            experts: None,
            category: names::category(name).to_owned(),
        });
        self.tensor_index.insert(key, index);
        index
    }

    /// Bytes of one expert's slice of `tensor`, and how many it stacks. `experts` is what the graph says of the model
    /// where no model file does.
    pub fn slices(&mut self, tensor: u32, experts: Option<u32>) -> Option<(u64, u32)> {
        let tensor = &mut self.tensors[tensor as usize];
        if tensor.experts.is_none() && tensor.shape.is_empty() && tensor.track == Track::Disk {
            tensor.experts = experts.filter(|&n| n > 0 && tensor.bytes.is_multiple_of(u64::from(n)));
        }
        Some((tensor.slice_bytes()?, tensor.experts?))
    }

    /// The range that is `span`, or of one expert in it.
    pub fn range(&mut self, span: Span, expert: Option<u32>) -> u32 {
        let expert = expert.unwrap_or(NONE);
        let next = self.range_tensor.len() as u32;
        let range = *self.range_index.entry((span, expert)).or_insert(next);
        if range == next {
            self.range_tensor.push(span.tensor);
            self.range_offset.push(span.offset);
            self.range_length.push(span.length);
            self.range_expert.push(expert);
        }
        range
    }

    /// Counts weights that the model and the trace do not agree on.
    pub fn report(&mut self, health: &mut Health) {
        let read = self.weights_read.len();
        let unknown = &mut self.unknown;
        unknown.example = format!("{}; {} of {read} weights that are read", unknown.example, unknown.names.len());
        for (code, doubt, message) in [
            (
                "names_cut",
                &self.names_cut,
                "names were cut short by the recorder; weights were recognised by their offset",
            ),
            (
                "weight_unknown",
                &self.unknown,
                "the trace reads weights that the model does not list: see that the model file is the one that was run",
            ),
            (
                "weight_offset_mismatch",
                &self.moved,
                "the trace reads weights elsewhere than the model file has them; they are shown where the file has them: see that it is the one that was run",
            ),
            (
                "weight_size_mismatch",
                &self.resized,
                "the trace gives weights another size than the model file; the smaller is shown: see that it is the one that was run",
            ),
        ] {
            health.report(code, Severity::Warning, doubt.names.len() as u64, message, || doubt.example.clone());
        }
    }

    /// Tensors with offsets in their homes, ranges, and buffers with extents. `origin_ns` is the run's first stamp.
    pub fn finish(mut self, recorded: &[RawBuffer], origin_ns: Option<u64>) -> (Vec<Tensor>, Ranges, Vec<Buffer>) {
        let on_clock = |ns: Option<u64>| Some(ns?.saturating_sub(origin_ns?));
        let describe = |raw: &RawBuffer| Buffer {
            name: raw.name.clone(),
            backend: raw.backend.clone(),
            usage: raw.usage.clone(),
            source_id: raw.id,
            base: raw.base.unwrap_or(0),
            bytes: 0,
            recorded_bytes: Some(raw.bytes),
            alloc_ns: on_clock(raw.alloc_ns),
            free_ns: on_clock(raw.free_ns),
        };
        let mut buffers: Vec<Buffer> = Vec::with_capacity(self.buffers.len());
        for extent in &self.buffers {
            let exact = |raw: &RawBuffer| -> Option<(u64, u64)> {
                let (base, bytes) = (raw.base?, raw.bytes);
                (base <= extent.lowest && base.checked_add(bytes)? >= extent.highest).then_some((base, bytes))
            };
            // An id may be used again for another buffer: the one around the addresses is meant.
            let of_id = || recorded.iter().rev().filter(|r| r.id == extent.id);
            let record = of_id().find(|r| exact(r).is_some()).or_else(|| of_id().next());
            let mut buffer = record.map(describe).unwrap_or_default();
            buffer.source_id = extent.id;
            let rounded = || {
                let base = extent.lowest / PAGE_BYTES * PAGE_BYTES;
                let end = extent.highest.checked_next_multiple_of(PAGE_BYTES).unwrap_or(u64::MAX);
                (base, end - base)
            };
            (buffer.base, buffer.bytes) = record.and_then(exact).unwrap_or_else(rounded);
            if buffer.name.is_empty() {
                buffer.name = format!("buffer {}", buffers.len());
            }
            buffers.push(buffer);
        }
        let unused = recorded.iter().filter(|r| !self.buffer_index.contains_key(&r.id));
        buffers.extend(unused.map(describe));
        for tensor in &mut self.tensors {
            if let (Track::Buffer, Some(home)) = (tensor.track, tensor.home) {
                tensor.offset -= buffers[home as usize].base;
            }
        }
        let ranges = Ranges {
            tensor: self.range_tensor.into(),
            offset: self.range_offset.into(),
            length: self.range_length.into(),
            expert: Nullable::from_sentinel(self.range_expert, NONE),
        };
        (self.tensors, ranges, buffers)
    }
}
