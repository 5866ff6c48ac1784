//! Everything of a recording that has a number: tensors, ranges, buffers, kinds of op, graphs. Each once, and the new
//! ones handed out for writing.

use std::collections::HashMap;

use tensorscope::trace::distinct::DistinctGraphs;
use tensorscope::trace::raw::RawModel;
use tensorscope::trace::{Buffer, Graph, Tensor, Track, names};

use crate::llama::tensor::{BufferInfo, BufferUsage};

/// A range of a tensor: its row, first byte, bytes, and the expert whose slice it is.
pub type RangeKey = (u32, u64, u64, Option<u32>);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct RuntimeTensor {
    name: String,
    buffer: u32,
    offset: u64,
    bytes: u64,
    shape: Vec<u64>,
    dtype: String,
}

/// New rows of each table since they were last taken.
#[derive(Debug, Default)]
pub struct Fresh {
    pub tensors: Vec<Tensor>,
    pub ranges: Vec<RangeKey>,
    pub buffers: Vec<Buffer>,
    pub first_graph: u32,
    pub graphs: Vec<Graph>,
}

#[derive(Default)]
pub struct Catalog {
    tensors: Vec<Tensor>,
    by_name: HashMap<String, u32>,
    runtime: HashMap<RuntimeTensor, u32>,
    ranges: Vec<RangeKey>,
    range_index: HashMap<RangeKey, u32>,
    buffers: Vec<Buffer>,
    /// Rows of buffers.arrow by what llama.cpp calls them by.
    buffer_index: HashMap<u64, u32>,
    graphs: DistinctGraphs,
    taken: Taken,
}

/// How much of every table was handed out.
#[derive(Default)]
struct Taken {
    tensors: usize,
    ranges: usize,
    buffers: usize,
    graphs: usize,
}

impl Catalog {
    /// With the tensors of the model's files as its first.
    pub fn new(model: &RawModel) -> Self {
        let mut catalog = Self::default();
        for raw in &model.tensors {
            let row = catalog.tensors.len() as u32;
            catalog.by_name.entry(raw.name.clone()).or_insert(row);
            catalog.tensors.push(Tensor {
                name: raw.name.clone(),
                dtype: raw.dtype.clone(),
                shape: raw.shape.clone(),
                bytes: raw.bytes,
                track: Track::Disk,
                home: Some(raw.file),
                offset: raw.offset,
                layer: names::layer(&raw.name),
                experts: raw.experts,
                category: names::category(&raw.name).to_owned(),
            });
        }
        catalog
    }

    pub fn tensor(&self, row: u32) -> Option<&Tensor> {
        self.tensors.get(row as usize)
    }

    /// Row of the weight called `name`.
    pub fn weight(&self, name: &str) -> Option<u32> {
        self.by_name.get(name).copied()
    }

    /// Row of the tensor that lies in a buffer: `offset` bytes behind its base.
    pub fn runtime_tensor(
        &mut self,
        name: String,
        buffer: u32,
        offset: u64,
        bytes: u64,
        shape: Vec<u64>,
        dtype: String,
    ) -> u32 {
        let key = RuntimeTensor { name, buffer, offset, bytes, shape, dtype };
        if let Some(&row) = self.runtime.get(&key) {
            return row;
        }
        let row = self.tensors.len() as u32;
        self.tensors.push(Tensor {
            name: key.name.clone(),
            dtype: Some(key.dtype.clone()),
            shape: key.shape.clone(),
            bytes,
            track: Track::Buffer,
            home: Some(buffer),
            offset,
            layer: names::layer(&key.name),
            experts: None,
            category: names::category(&key.name).to_owned(),
        });
        self.runtime.insert(key, row);
        row
    }

    pub fn range(&mut self, key: RangeKey) -> u32 {
        let next = self.ranges.len() as u32;
        let row = *self.range_index.entry(key).or_insert(next);
        if row == next {
            self.ranges.push(key);
        }
        row
    }

    /// Row of a runtime buffer. One that has another place or size than the last with its handle, or lies where an
    /// older one lay, is new, and the older one is gone since `now_ns`, when the present pass began. `tensor` is one that
    /// lies in it: llama.cpp gives all buffers of a backend the same name.
    pub fn buffer(&mut self, info: &BufferInfo, tensor: &str, now_ns: u64) -> u32 {
        if let Some(&row) = self.buffer_index.get(&info.handle) {
            let known = &self.buffers[row as usize];
            if (known.base, known.bytes) == (info.base, info.bytes) {
                return row;
            }
        }
        let end = info.base.saturating_add(info.bytes);
        let buffers = &mut self.buffers;
        self.buffer_index.retain(|&handle, row| {
            let old = &mut buffers[*row as usize];
            let overlaps = old.base < end && info.base < old.base.saturating_add(old.bytes);
            if handle == info.handle || overlaps {
                old.free_ns = Some(now_ns);
                return false;
            }
            true
        });
        let row = self.buffers.len() as u32;
        self.buffers.push(Buffer {
            name: format!("{} {}", info.name, purpose(info.usage, tensor)),
            backend: info.name.clone(),
            usage: info.usage.label().to_owned(),
            source_id: info.handle,
            base: info.base,
            bytes: info.bytes,
            recorded_bytes: Some(info.bytes),
            alloc_ns: Some(now_ns),
            free_ns: None,
        });
        self.buffer_index.insert(info.handle, row);
        row
    }

    pub fn buffers(&self) -> &[Buffer] {
        &self.buffers
    }

    /// Number of the graph that is the same as `graph`, which is classified.
    pub fn graph(&mut self, graph: Graph) -> u32 {
        let names = graph.nodes.iter().map(|n| n.name.clone()).collect();
        self.graphs.add(graph, names)
    }

    pub fn graphs(&self) -> &[Graph] {
        &self.graphs.graphs
    }

    /// What is new since the last call.
    pub fn take_fresh(&mut self) -> Fresh {
        let fresh = Fresh {
            tensors: self.tensors[self.taken.tensors..].to_vec(),
            ranges: self.ranges[self.taken.ranges..].to_vec(),
            buffers: self.buffers[self.taken.buffers..].to_vec(),
            first_graph: self.taken.graphs as u32,
            graphs: self.graphs.graphs[self.taken.graphs..].to_vec(),
        };
        self.taken = Taken {
            tensors: self.tensors.len(),
            ranges: self.ranges.len(),
            buffers: self.buffers.len(),
            graphs: self.graphs.graphs.len(),
        };
        fresh
    }
}

/// What the buffer is for that `tensor` lies in.
fn purpose(usage: BufferUsage, tensor: &str) -> &'static str {
    let begins = |prefixes: [&str; 2]| prefixes.iter().any(|p| tensor.starts_with(p));
    match usage {
        BufferUsage::Compute => "compute",
        BufferUsage::Weights => "weights",
        BufferUsage::Any if begins(["cache_k", "cache_v"]) => "KV cache",
        BufferUsage::Any if begins(["cache_r", "cache_s"]) => "recurrent state",
        BufferUsage::Any => "data",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buffer(handle: u64, base: u64, bytes: u64) -> BufferInfo {
        BufferInfo { handle, name: "CPU".to_owned(), usage: BufferUsage::Compute, base, bytes, host: true }
    }

    #[test]
    fn everything_has_one_number_and_is_handed_out_once() {
        let mut catalog = Catalog::new(&RawModel::default());
        let tensor =
            |c: &mut Catalog, offset| c.runtime_tensor("Qcur-3".to_owned(), 0, offset, 64, vec![16], "f32".to_owned());
        assert_eq!((tensor(&mut catalog, 0), tensor(&mut catalog, 64), tensor(&mut catalog, 0)), (0, 1, 0));
        assert_eq!(catalog.tensor(1).and_then(|t| t.layer), Some(3));
        assert_eq!((catalog.range((0, 0, 8, None)), catalog.range((0, 0, 8, Some(1)))), (0, 1));
        assert_eq!(catalog.range((0, 0, 8, None)), 0);
        let fresh = catalog.take_fresh();
        assert_eq!((fresh.tensors.len(), fresh.ranges.len()), (2, 2));
        catalog.range((0, 8, 8, None));
        let fresh = catalog.take_fresh();
        assert_eq!((fresh.tensors.len(), fresh.ranges), (0, vec![(0, 8, 8, None)]));
    }

    #[test]
    fn a_buffer_that_was_replaced_ended() {
        let mut catalog = Catalog::new(&RawModel::default());
        assert_eq!(catalog.buffer(&buffer(7, 0x1000, 0x100), "x", 0), 0);
        assert_eq!(catalog.buffer(&buffer(8, 0x9000, 0x100), "x", 0), 1);
        assert_eq!(catalog.buffer(&buffer(7, 0x1000, 0x100), "x", 5), 0, "the same one");
        assert_eq!(catalog.buffer(&buffer(7, 0x1000, 0x200), "x", 5), 2, "grown under its handle");
        assert_eq!(catalog.buffer(&buffer(9, 0x9080, 0x100), "x", 9), 3, "in the place of another");
        let ends: Vec<_> = catalog.buffers().iter().map(|b| b.free_ns).collect();
        assert_eq!(ends, [Some(5), Some(9), None, None]);
        assert_eq!(catalog.buffers()[0].name, "CPU compute");
        assert_eq!(catalog.buffers()[2].alloc_ns, Some(5));
    }
}
