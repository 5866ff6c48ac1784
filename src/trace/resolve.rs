//! Where the operands and results of an op lie, pass by pass: design.md section 4, "What old sources leave open".

use std::collections::VecDeque;

use hashbrown::HashMap;

use super::builder::{ModelSource, NONE, cut};
use super::graph::{CONSTANT, Graph, GraphEdge, GraphNode, assign_layers};
use super::health::{Health, Severity};
use super::model::*;
use super::names::{self, NodeType};
use super::raw::{NameId, Names, OpShape, Operand, Place, RawBuffer, RawModel};

/// Buffers whose extent nobody recorded are rounded out to this many bytes.
const PAGE_BYTES: u64 = 4096;

/// What all passes that list the same ops have in common. Per-op columns, then per-access columns.
#[derive(Debug, Default)]
pub(super) struct ResolvedPass {
    pub graph: Option<u32>,
    /// Passes that look like this one.
    pub passes: u64,
    pub destination: Vec<u32>,
    pub layer: Vec<u32>,
    pub node: Vec<u32>,
    pub first_access: Vec<u32>,
    pub range: Vec<u32>,
    pub slot: Vec<u8>,
    pub flags: Vec<u32>,
    pub reads_disk: u64,
    pub reads_buffer: u64,
    doubts: Doubts,
}

/// How often an op of the pass had to be read with care.
#[derive(Debug, Default, Clone, Copy)]
struct Doubts {
    unlocated_writes: u64,
    estimated_rows: u64,
    estimated_experts: u64,
    experts_out_of_range: u64,
    without_node: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum TensorKey {
    Disk { name: NameId, offset: u64 },
    Buffer { name: NameId, buffer: u32, address: u64, bytes: u64 },
    Unlocated { name: NameId },
}

#[derive(Debug, Clone, Copy)]
struct Extent {
    id: u64,
    lowest: u64,
    highest: u64,
}

/// A problem seen while placing DISK operands: how many tensors, and the first.
#[derive(Debug, Default)]
struct Counted {
    count: u64,
    example: String,
}

impl Counted {
    fn add(&mut self, example: impl FnOnce() -> String) {
        if self.count == 0 {
            self.example = example();
        }
        self.count += 1;
    }
}

pub(super) struct Resolver<'a> {
    names: &'a Names,
    kinds: &'a Names,
    shapes: &'a [OpShape],
    /// Per name: the id of its cut form, by which operands name it.
    read_name: Vec<NameId>,
    tensors: Vec<Tensor>,
    tensor_index: HashMap<TensorKey, u32>,
    /// Model tensors by name, and by offset in the only file.
    weight_of_name: HashMap<NameId, u32>,
    weights_by_offset: Vec<u32>,
    experts_used: Option<u32>,
    buffers: Vec<Extent>,
    buffer_index: HashMap<u64, u32>,
    range_index: HashMap<(u32, u64, u64, u32), u32>,
    range_tensor: Vec<u32>,
    range_offset: Vec<u64>,
    range_length: Vec<u64>,
    range_expert: Vec<u32>,
    names_cut: Counted,
    unknown_weights: Counted,
    size_mismatch: Counted,
    /// The first op of each kind of doubt, by health code.
    examples: HashMap<&'static str, String>,
}

impl<'a> Resolver<'a> {
    pub fn new(names: &'a mut Names, kinds: &'a Names, shapes: &'a [OpShape], limit: Option<usize>) -> Self {
        let read_name = match limit {
            None => (0..names.len() as NameId).collect(),
            Some(_) => {
                let all: Vec<String> = names.iter().map(|n| cut(n, limit).to_owned()).collect();
                all.iter().map(|n| names.intern(n)).collect()
            }
        };
        Self {
            names,
            kinds,
            shapes,
            read_name,
            tensors: Vec::new(),
            tensor_index: HashMap::new(),
            weight_of_name: HashMap::new(),
            weights_by_offset: Vec::new(),
            experts_used: None,
            buffers: Vec::new(),
            buffer_index: HashMap::new(),
            range_index: HashMap::new(),
            range_tensor: Vec::new(),
            range_offset: Vec::new(),
            range_length: Vec::new(),
            range_expert: Vec::new(),
            names_cut: Counted::default(),
            unknown_weights: Counted::default(),
            size_mismatch: Counted::default(),
            examples: HashMap::new(),
        }
    }

    /// Takes the model's tensors as the first of the run, moved to where the trace says they are if a map was wrong.
    pub fn set_model(&mut self, model: Option<(RawModel, ModelSource)>, meta: &mut Model, health: &mut Health) {
        let Some((mut raw, source)) = model else {
            if self.shapes.iter().any(|s| s.operands.iter().any(|o| matches!(o.place, Place::Disk { .. }))) {
                meta.files.push(ModelFile { name: "model".to_owned(), bytes: 0, data_offset: None });
            }
            return;
        };
        if source == ModelSource::Map {
            self.correct_map(&mut raw, health);
        }
        for (index, tensor) in raw.tensors.iter().enumerate() {
            if let Some(name) = self.names.find(&tensor.name) {
                self.weight_of_name.entry(name).or_insert(index as u32);
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
        if raw.files.len() <= 1 {
            self.weights_by_offset = (0..self.tensors.len() as u32).collect();
            self.weights_by_offset.sort_by_key(|&t| self.tensors[t as usize].offset);
        }
        self.experts_used = raw.experts_used;
        *meta = Model {
            name: raw.name,
            architecture: raw.architecture,
            layers: raw.layers,
            experts: raw.experts,
            experts_used: raw.experts_used,
            files: raw
                .files
                .into_iter()
                .map(|f| ModelFile { name: f.name, bytes: f.bytes.unwrap_or(0), data_offset: f.data_offset })
                .collect(),
            parameters: raw.parameters,
        };
    }

    /// The predecessor's maps were relative to the data section, or had wrong sizes, for months; its traces never.
    fn correct_map(&self, model: &mut RawModel, health: &mut Health) {
        let index: HashMap<NameId, usize> =
            model.tensors.iter().enumerate().filter_map(|(i, t)| Some((self.names.find(&t.name)?, i))).collect();
        let mut listed: HashMap<usize, (u64, u64)> = HashMap::new();
        for operand in self.shapes.iter().flat_map(|s| &s.operands) {
            if let (Place::Disk { offset: Some(offset) }, Some(&tensor)) = (operand.place, index.get(&operand.name)) {
                listed.entry(tensor).or_insert((offset, operand.bytes));
            }
        }
        let delta = |(&t, &(offset, _)): (&usize, &(u64, u64))| offset.wrapping_sub(model.tensors[t].offset);
        let mut deltas = listed.iter().map(delta);
        if let Some(first) = deltas.next().filter(|&d| d != 0)
            && deltas.all(|d| d == first)
        {
            health.report(
                "memory_map_shifted",
                Severity::Warning,
                model.tensors.len() as u64,
                "the memory map's offsets are relative to the data section; they were moved to where the trace reads",
                || format!("by {} bytes", first as i64),
            );
            for tensor in &mut model.tensors {
                tensor.offset = tensor.offset.wrapping_add(first);
            }
        }
        let (mut moved, mut resized) = (Counted::default(), Counted::default());
        let mut in_order: Vec<_> = listed.into_iter().collect();
        in_order.sort_unstable();
        for (t, (offset, bytes)) in in_order {
            let tensor = &mut model.tensors[t];
            if tensor.offset != offset {
                moved.add(|| format!("{}: map {}, trace {offset}", tensor.name, tensor.offset));
                tensor.offset = offset;
            }
            if tensor.bytes != bytes && (u32::try_from(tensor.bytes).is_ok() || tensor.bytes as u32 != bytes as u32) {
                resized.add(|| format!("{}: map {}, trace {bytes}", tensor.name, tensor.bytes));
                tensor.bytes = bytes;
            }
        }
        health.report(
            "memory_map_offset_wrong",
            Severity::Warning,
            moved.count,
            "the memory map puts tensors elsewhere than the trace reads them; the trace was followed",
            || moved.example,
        );
        health.report(
            "memory_map_size_wrong",
            Severity::Warning,
            resized.count,
            "the memory map gives tensors another size than the trace; the trace was followed",
            || resized.example,
        );
    }

    fn kind(&self, shape: &OpShape) -> &'a str {
        self.kinds.get(shape.kind)
    }

    /// The operand that the op writes, if its kind writes one.
    fn written_slot(&self, shape: &OpShape) -> Option<u8> {
        let slot = match self.kind(shape) {
            "CPY" => 1,
            "SET_ROWS" => 2,
            _ => return None,
        };
        shape.operands.iter().any(|o| o.slot == slot).then_some(slot)
    }

    /// `graph` is the pass's graph and the full names of its nodes.
    pub fn resolve(&mut self, sequence: &[u32], graph: Option<(&Graph, &[String])>) -> ResolvedPass {
        let shapes = self.shapes;
        let mut pass = ResolvedPass { passes: 1, ..ResolvedPass::default() };
        let next_reads = self.next_reads(sequence);
        let slices = self.slices_per_op(sequence, graph.map(|(g, _)| g));
        for (i, &shape) in sequence.iter().enumerate() {
            let shape = &shapes[shape as usize];
            pass.first_access.push(pass.range.len() as u32);
            let written = self.written_slot(shape);
            for operand in &shape.operands {
                let (tensor, offset, length) = self.locate(operand);
                match operand.place {
                    Place::Disk { .. } => pass.reads_disk += 1,
                    Place::Buffer { .. } => pass.reads_buffer += 1,
                    Place::Unknown { .. } if self.tensors[tensor as usize].track == Track::Disk => pass.reads_disk += 1,
                    Place::Unknown { .. } => pass.reads_buffer += 1,
                }
                let write = if written == Some(operand.slot) { flags::WRITE } else { 0 };
                self.push_accesses(&mut pass, shape, operand.slot, write, (tensor, offset, length), slices);
            }
            let located = next_reads[i].map(|operand| self.locate(&operand));
            let destination = match (shape.destination, located) {
                (None, _) => NONE,
                (Some(_), Some((tensor, _, _))) => tensor,
                (Some(name), None) => self.unlocated(name),
            };
            if written.is_none() && destination != NONE {
                let (offset, length) = located.map_or((0, 0), |(_, offset, length)| (offset, length));
                let range = self.range(destination, offset, length, NONE);
                pass.range.push(range);
                pass.slot.push(DESTINATION_SLOT);
                pass.flags.push(flags::WRITE);
                if located.is_none() {
                    pass.doubts.unlocated_writes += 1;
                    self.example("write_without_place", shape);
                }
            }
            pass.destination.push(destination);
        }
        if let Some((graph, names)) = graph {
            pass.node = self.match_nodes(sequence, graph, names);
            for (&node, &shape) in pass.node.iter().zip(sequence) {
                if node == NONE {
                    pass.doubts.without_node += 1;
                    self.example("op_without_node", &shapes[shape as usize]);
                }
            }
            let own = self.layers_of_ops(sequence);
            let layer = |(&node, own): (&u32, &Option<u32>)| match graph.nodes.get(node as usize) {
                Some(node) => node.layer.unwrap_or(NONE),
                None => own.unwrap_or(NONE),
            };
            pass.layer = pass.node.iter().zip(&own).map(layer).collect();
        }
        pass
    }

    fn example(&mut self, code: &'static str, shape: &OpShape) {
        let (kinds, names) = (self.kinds, self.names);
        self.examples.entry(code).or_insert_with(|| {
            let kind = kinds.get(shape.kind);
            let operand = || shape.operands.first().map_or("", |o| names.get(o.name));
            format!("{kind} {}", shape.destination.map_or_else(operand, |d| names.get(d)))
        });
    }

    /// One access, or one for each expert slice that the op used.
    fn push_accesses(
        &mut self,
        pass: &mut ResolvedPass,
        shape: &OpShape,
        slot: u8,
        mut access_flags: u32,
        (tensor, offset, length): (u32, u64, u64),
        experts_per_token: Option<u32>,
    ) {
        let kind = self.kind(shape);
        let by_expert = matches!((kind, slot), ("MUL_MAT_ID", 0) | ("ADD_ID", 1));
        if by_expert {
            let tensor_experts = self.tensors[tensor as usize].experts;
            let slice_bytes = self.tensors[tensor as usize].slice_bytes().filter(|_| offset == 0);
            let used = experts_per_token.and_then(|n| shape.experts.get(..n as usize)).filter(|ids| !ids.is_empty());
            if let (Some(experts), Some(slice_bytes), Some(ids)) = (tensor_experts, slice_bytes, used) {
                if ids.iter().all(|&id| u32::try_from(id).is_ok_and(|id| id < experts)) {
                    for (k, &id) in ids.iter().enumerate() {
                        if ids[..k].contains(&id) {
                            continue;
                        }
                        let id = id as u32;
                        let range = self.range(tensor, u64::from(id) * slice_bytes, slice_bytes, id);
                        pass.range.push(range);
                        pass.slot.push(slot);
                        pass.flags.push(access_flags);
                    }
                    return;
                }
                pass.doubts.experts_out_of_range += 1;
                self.example("expert_out_of_range", shape);
            }
            pass.doubts.estimated_experts += 1;
            self.example("experts_estimated", shape);
            access_flags |= flags::ESTIMATED;
        } else if matches!((kind, slot), ("GET_ROWS", 0) | ("SET_ROWS", 2)) {
            pass.doubts.estimated_rows += 1;
            self.example("rows_estimated", shape);
            access_flags |= flags::ESTIMATED;
        }
        let range = self.range(tensor, offset, length, NONE);
        pass.range.push(range);
        pass.slot.push(slot);
        pass.flags.push(access_flags);
    }

    /// Per op: the operand under which its destination is next read in the pass.
    fn next_reads(&self, sequence: &[u32]) -> Vec<Option<Operand>> {
        let mut next: HashMap<NameId, Operand> = HashMap::new();
        let mut reads = vec![None; sequence.len()];
        for (i, &shape) in sequence.iter().enumerate().rev() {
            let shape = &self.shapes[shape as usize];
            let destination = shape.destination.map(|name| self.read_name[name as usize]);
            reads[i] = destination.and_then(|name| next.get(&name).copied());
            let written = self.written_slot(shape);
            for operand in shape.operands.iter().rev() {
                if written != Some(operand.slot) && matches!(operand.place, Place::Buffer { .. }) {
                    next.insert(self.read_name[operand.name as usize], *operand);
                }
            }
        }
        reads
    }

    /// How many of the listed experts each token used, if the pass has one token and that number is known.
    fn slices_per_op(&self, sequence: &[u32], graph: Option<&Graph>) -> Option<u32> {
        let shapes = || sequence.iter().map(|&s| &self.shapes[s as usize]);
        if !shapes().any(|s| !s.experts.is_empty()) {
            return None;
        }
        let routed = graph.and_then(|g| {
            g.nodes.iter().find(|n| names::without_suffixes(&n.name).starts_with("ffn_moe_topk") && !n.shape.is_empty())
        });
        let looked_up = shapes().find_map(|s| {
            let table = s.operands.iter().find(|o| o.slot == 0)?;
            let ids = s.operands.iter().find(|o| o.slot == 1)?;
            let is_lookup = self.kind(s) == "GET_ROWS" && self.names.get(table.name).contains("token_embd");
            is_lookup.then_some(ids.bytes / 4)
        });
        let tokens = looked_up.or_else(|| routed.map(|n| n.shape.get(1).copied().unwrap_or(1)))?;
        if tokens != 1 {
            return None;
        }
        routed.and_then(|n| u32::try_from(n.shape[0]).ok()).or(self.experts_used)
    }

    /// The tensor that an operand lies in, with offset and length in it.
    fn locate(&mut self, operand: &Operand) -> (u32, u64, u64) {
        match operand.place {
            Place::Disk { offset } => self.locate_on_disk(operand, offset),
            Place::Buffer { buffer, address } => (self.in_buffer(operand, buffer, address), 0, operand.bytes),
            Place::Unknown { address } => match self.weight_of_name.get(&operand.name) {
                Some(_) => self.locate_on_disk(operand, None),
                None => (self.in_buffer(operand, 0, address), 0, operand.bytes),
            },
        }
    }

    fn locate_on_disk(&mut self, operand: &Operand, offset: Option<u64>) -> (u32, u64, u64) {
        if let Some(&weight) = self.weight_of_name.get(&operand.name) {
            let bytes = self.tensors[weight as usize].bytes;
            // Records keep 32 bits of the size.
            let wrapped = bytes > u64::from(u32::MAX) && bytes as u32 == operand.bytes as u32;
            if wrapped || operand.bytes == bytes {
                return (weight, 0, bytes);
            }
            let name = self.names.get(operand.name);
            self.size_mismatch.add(|| format!("{name}: model {bytes}, trace {}", operand.bytes));
            return (weight, 0, operand.bytes.min(bytes));
        }
        let name = self.names.get(operand.name);
        let Some(offset) = offset else {
            self.unknown_weights.add(|| name.to_owned());
            return (self.unlocated(operand.name), 0, 0);
        };
        let after = self.weights_by_offset.partition_point(|&t| self.tensors[t as usize].offset <= offset);
        if let Some(&weight) = after.checked_sub(1).and_then(|i| self.weights_by_offset.get(i)) {
            let tensor = &self.tensors[weight as usize];
            if offset.saturating_add(operand.bytes) <= tensor.offset.saturating_add(tensor.bytes) {
                let within = offset - tensor.offset;
                let is_view = names::without_suffixes(name) == tensor.name;
                if !is_view && tensor.name.starts_with(name) {
                    self.names_cut.add(|| format!("{name} is {}", tensor.name));
                }
                return (weight, within, operand.bytes);
            }
        }
        let key = TensorKey::Disk { name: operand.name, offset };
        let known = self.tensor_index.get(&key).copied();
        let tensor = known.unwrap_or_else(|| {
            if !self.weight_of_name.is_empty() {
                self.unknown_weights.add(|| format!("{name} at byte {offset}"));
            }
            self.add_tensor(key, name, operand.bytes, Track::Disk, Some(0), offset)
        });
        let bytes = &mut self.tensors[tensor as usize].bytes;
        *bytes = (*bytes).max(operand.bytes);
        (tensor, 0, operand.bytes)
    }

    fn in_buffer(&mut self, operand: &Operand, id: u64, address: u64) -> u32 {
        let next = self.buffers.len() as u32;
        let buffer = *self.buffer_index.entry(id).or_insert(next);
        if buffer == next {
            self.buffers.push(Extent { id, lowest: address, highest: address });
        }
        let extent = &mut self.buffers[buffer as usize];
        extent.lowest = extent.lowest.min(address);
        extent.highest = extent.highest.max(address.saturating_add(operand.bytes));
        let key = TensorKey::Buffer { name: operand.name, buffer, address, bytes: operand.bytes };
        match self.tensor_index.get(&key) {
            Some(&tensor) => tensor,
            // Holds the address until the buffer's base is known.
            None => {
                self.add_tensor(key, self.names.get(operand.name), operand.bytes, Track::Buffer, Some(buffer), address)
            }
        }
    }

    fn unlocated(&mut self, name: NameId) -> u32 {
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

    fn range(&mut self, tensor: u32, offset: u64, length: u64, expert: u32) -> u32 {
        let next = self.range_tensor.len() as u32;
        let range = *self.range_index.entry((tensor, offset, length, expert)).or_insert(next);
        if range == next {
            self.range_tensor.push(tensor);
            self.range_offset.push(offset);
            self.range_length.push(length);
            self.range_expert.push(expert);
        }
        range
    }

    /// Ops meet nodes of the same name and kind in order of occurrence.
    fn match_nodes(&self, sequence: &[u32], graph: &Graph, full_names: &[String]) -> Vec<u32> {
        let mut waiting: HashMap<(&str, &str), VecDeque<u32>> = HashMap::new();
        for ((i, node), name) in (0_u32..).zip(&graph.nodes).zip(full_names) {
            if !node.leaf {
                waiting.entry((name.as_str(), node.operation.as_str())).or_default().push_back(i);
            }
        }
        sequence
            .iter()
            .map(|&shape| {
                let shape = &self.shapes[shape as usize];
                let name = shape.destination.map_or("", |name| self.names.get(name)).trim();
                waiting.get_mut(&(name, self.kind(shape))).and_then(VecDeque::pop_front).unwrap_or(NONE)
            })
            .collect()
    }

    fn layers_of_ops(&self, sequence: &[u32]) -> Vec<Option<u32>> {
        let names: Vec<&str> = sequence.iter().map(|&s| self.destination_name(s)).collect();
        let mut edges = Vec::new();
        self.producers(sequence, |source, _, target, _| {
            if let Some(source) = source {
                edges.push((source, target));
            }
        });
        assign_layers(&names, &vec![true; names.len()], edges.into_iter())
    }

    fn destination_name(&self, shape: u32) -> &'a str {
        self.shapes[shape as usize].destination.map_or("", |name| self.names.get(name))
    }

    /// For every operand: the op that last wrote its name (or none), its name, the op that reads it, and the slot.
    fn producers(&self, sequence: &[u32], mut visit: impl FnMut(Option<u32>, NameId, u32, u8)) {
        let mut writer: HashMap<NameId, u32> = HashMap::new();
        for (i, &shape) in (0_u32..).zip(sequence) {
            let shape = &self.shapes[shape as usize];
            for operand in &shape.operands {
                let name = self.read_name[operand.name as usize];
                visit(writer.get(&name).copied(), operand.name, i, operand.slot);
            }
            if let Some(name) = shape.destination {
                writer.insert(self.read_name[name as usize], i);
            }
        }
    }

    /// The graph that the ops and operands of a pass imply: ops in order, then what they read and none of them wrote.
    pub fn derive_graph(&self, sequence: &[u32]) -> Graph {
        let node = |id: usize, name: &str, operation: &str, leaf: bool| GraphNode {
            id: format!("node_{id}"),
            name: name.to_owned(),
            label: String::new(),
            operation: operation.to_owned(),
            shape: Vec::new(),
            dtype: None,
            layer: None,
            node_type: NodeType::Infrastructure,
            leaf,
        };
        let mut nodes: Vec<GraphNode> = sequence
            .iter()
            .enumerate()
            .map(|(i, &s)| node(i, self.destination_name(s), self.kind(&self.shapes[s as usize]), false))
            .collect();
        let mut edges = Vec::new();
        let mut leafs: HashMap<NameId, u32> = HashMap::new();
        self.producers(sequence, |source, name, target, slot| {
            let source = source.unwrap_or_else(|| {
                *leafs.entry(name).or_insert_with(|| {
                    nodes.push(node(nodes.len(), self.names.get(name), CONSTANT, true));
                    nodes.len() as u32 - 1
                })
            });
            edges.push(GraphEdge { source, target, slot: u32::from(slot) });
        });
        let mut graph = Graph { nodes, edges };
        graph.classify();
        graph
    }

    /// Counts what had to be read with care, over all passes.
    pub fn report(&mut self, classes: &[ResolvedPass], graphs_from_files: bool, health: &mut Health) {
        let total = |doubt: fn(&Doubts) -> u64| classes.iter().map(|c| doubt(&c.doubts) * c.passes).sum::<u64>();
        let counts: [(&str, Severity, u64, &str); 5] = [
            (
                "write_without_place",
                Severity::Info,
                total(|d| d.unlocated_writes),
                "the source names what an op writes without an address, and nothing later in the pass reads it by that name: counted, but on no track",
            ),
            (
                "rows_estimated",
                Severity::Info,
                total(|d| d.estimated_rows),
                "the source does not say which rows were used: the whole tensor is shown, marked estimated",
            ),
            (
                "experts_estimated",
                Severity::Warning,
                total(|d| d.estimated_experts),
                "the experts that an op used are not known exactly (several tokens, or more experts than the source lists): the whole tensor is shown, marked estimated",
            ),
            (
                "expert_out_of_range",
                Severity::Error,
                total(|d| d.experts_out_of_range),
                "ops list experts that their tensor does not have",
            ),
            (
                "op_without_node",
                Severity::Info,
                if graphs_from_files { total(|d| d.without_node) } else { 0 },
                "ops have no node of their name and kind in the graph of their pass",
            ),
        ];
        for (code, severity, count, message) in counts {
            health.report(code, severity, count, message, || self.examples.remove(code).unwrap_or_default());
        }
        for (code, severity, counted, message) in [
            (
                "names_cut",
                Severity::Warning,
                std::mem::take(&mut self.names_cut),
                "names were cut short by the recorder; weights were recognised by their offset",
            ),
            (
                "weight_unknown",
                Severity::Warning,
                std::mem::take(&mut self.unknown_weights),
                "the trace reads weights that the model does not list",
            ),
            (
                "weight_size_mismatch",
                Severity::Warning,
                std::mem::take(&mut self.size_mismatch),
                "the trace gives weights another size than the model file; the smaller is shown",
            ),
        ] {
            health.report(code, severity, counted.count, message, || counted.example);
        }
        if !graphs_from_files && !classes.is_empty() {
            health.report(
                "graph_from_ops",
                Severity::Info,
                1,
                "no graph was recorded; graphs were derived from the ops and their operands",
                || format!("{} distinct passes", classes.len()),
            );
        }
    }

    /// Tensors with offsets in their homes, ranges, and buffers with extents. `origin_ns` is the run's first stamp.
    pub fn finish(mut self, recorded: Vec<RawBuffer>, origin_ns: Option<u64>) -> (Vec<Tensor>, Ranges, Vec<Buffer>) {
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
            let record = recorded.iter().rev().find(|r| r.id == extent.id);
            let mut buffer = record.map(describe).unwrap_or_default();
            buffer.source_id = extent.id;
            let exact = record.and_then(|r| Some((r.base?, r.bytes))).filter(|&(base, bytes)| {
                base <= extent.lowest && base.checked_add(bytes).is_some_and(|end| end >= extent.highest)
            });
            let rounded = || {
                let base = extent.lowest / PAGE_BYTES * PAGE_BYTES;
                let end = extent.highest.checked_next_multiple_of(PAGE_BYTES).unwrap_or(u64::MAX);
                (base, end - base)
            };
            (buffer.base, buffer.bytes) = exact.unwrap_or_else(rounded);
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
