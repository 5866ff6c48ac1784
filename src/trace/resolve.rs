//! What the ops of a pass read and write: design.md section 4, "What old sources leave open".

use hashbrown::HashMap;

use super::builder::NONE;
use super::graph::Graph;
use super::health::{Health, Severity};
use super::implied;
use super::model::*;
use super::names;
use super::places::{Places, Span};
use super::raw::{NameId, Names, OpShape, Operand};

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

impl ResolvedPass {
    fn push_access(&mut self, range: u32, slot: u8, flags: u32) {
        self.range.push(range);
        self.slot.push(slot);
        self.flags.push(flags);
    }
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

/// Experts in a pass, as far as its ops and its graph tell.
#[derive(Debug, Default, Clone, Copy)]
struct Routing {
    /// How many of the listed experts its only token used; `None` for several tokens, too.
    used: Option<u32>,
    /// How many there are.
    total: Option<u32>,
}

/// What a run's shapes are told in.
#[derive(Clone, Copy)]
pub(super) struct Vocabulary<'a> {
    pub names: &'a Names,
    pub kinds: &'a Names,
    pub shapes: &'a [OpShape],
    /// Per name: the id of its cut form, by which operands name it.
    pub read_name: &'a [NameId],
    /// Bytes that the source cuts destination names to, if it does.
    pub destination_bytes: Option<usize>,
}

impl<'a> Vocabulary<'a> {
    pub fn kind(&self, shape: &OpShape) -> &'a str {
        self.kinds.get(shape.kind)
    }

    pub fn destination_name(&self, shape: u32) -> &'a str {
        self.shapes[shape as usize].destination.map_or("", |name| self.names.get(name))
    }

    /// The slot of the operand that the op writes, if its kind writes one and the source lists it.
    fn written_slot(&self, shape: &OpShape) -> Option<u8> {
        let slot = match self.kind(shape) {
            "CPY" => 1,
            "SET_ROWS" => 2,
            _ => return None,
        };
        shape.operands.iter().any(|o| o.slot == slot).then_some(slot)
    }

    /// Tokens that a pass processed, going by how many rows it looks up in the embedding.
    pub fn tokens(&self, mut sequence: impl Iterator<Item = u32>) -> Option<u64> {
        sequence.find_map(|shape| {
            let shape = &self.shapes[shape as usize];
            if self.kind(shape) != "GET_ROWS" {
                return None;
            }
            let table = shape.operands.iter().find(|o| o.slot == 0)?;
            let ids = shape.operands.iter().find(|o| o.slot == 1)?;
            self.names.get(table.name).contains("token_embd").then_some(ids.bytes / 4)
        })
    }
}

pub(super) struct Resolver<'a> {
    words: Vocabulary<'a>,
    places: Places<'a>,
    /// Of the model's headers.
    experts_used: Option<u32>,
    /// The first op of each kind of doubt, by health code.
    examples: HashMap<&'static str, String>,
}

impl<'a> Resolver<'a> {
    pub fn new(words: Vocabulary<'a>, places: Places<'a>, experts_used: Option<u32>) -> Self {
        Self { words, places, experts_used, examples: HashMap::new() }
    }

    pub fn into_places(self) -> Places<'a> {
        self.places
    }

    /// `graph` is the pass's graph and the full names of its nodes.
    pub fn resolve(&mut self, sequence: &[u32], graph: Option<(&Graph, &[String])>) -> ResolvedPass {
        let shapes = self.words.shapes;
        let mut pass = ResolvedPass { passes: 1, ..ResolvedPass::default() };
        let next_reads = self.next_reads(sequence);
        let routing = self.routing(sequence, graph.map(|(g, _)| g));
        for (&shape, next_read) in sequence.iter().zip(&next_reads) {
            let shape = &shapes[shape as usize];
            pass.first_access.push(pass.range.len() as u32);
            let written = self.words.written_slot(shape);
            for operand in &shape.operands {
                match self.places.is_weight(operand) {
                    true => pass.reads_disk += 1,
                    false => pass.reads_buffer += 1,
                }
                let write = if written == Some(operand.slot) { flags::WRITE } else { 0 };
                let span = self.places.locate(operand);
                self.push_operand(&mut pass, shape, operand.slot, write, span, routing);
            }
            let destination = self.push_destination(&mut pass, shape, written, next_read.as_ref());
            pass.destination.push(destination);
        }
        self.meet_graph(&mut pass, sequence, graph);
        pass
    }

    /// The write of an op's result, and its tensor.
    fn push_destination(
        &mut self,
        pass: &mut ResolvedPass,
        shape: &OpShape,
        written: Option<u8>,
        next_read: Option<&Operand>,
    ) -> u32 {
        let Some(name) = shape.destination else { return NONE };
        let located = next_read.map(|operand| self.places.locate(operand));
        if let Some(slot) = written {
            // The operand is the write; the result is a view of it.
            let operand = shape.operands.iter().find(|o| o.slot == slot);
            let tensor = located.map(|span| span.tensor).or_else(|| self.places.alias(name, operand?));
            return tensor.unwrap_or_else(|| self.places.unlocated(name));
        }
        let span = located.unwrap_or_else(|| {
            pass.doubts.unlocated_writes += 1;
            self.example("write_without_place", shape);
            Span { tensor: self.places.unlocated(name), offset: 0, length: 0 }
        });
        pass.push_access(self.places.range(span, None), DESTINATION_SLOT, flags::WRITE);
        span.tensor
    }

    /// Sets the node and the layer of every op.
    fn meet_graph(&mut self, pass: &mut ResolvedPass, sequence: &[u32], graph: Option<(&Graph, &[String])>) {
        pass.node = match graph {
            Some((graph, full_names)) => implied::match_nodes(&self.words, sequence, graph, full_names),
            None => vec![NONE; sequence.len()],
        };
        for (&node, &shape) in pass.node.iter().zip(sequence) {
            if node == NONE {
                pass.doubts.without_node += 1;
                self.example("op_without_node", &self.words.shapes[shape as usize]);
            }
        }
        let own = implied::layers_of_ops(&self.words, sequence);
        let node_of = |node: u32| graph.and_then(|(graph, _)| graph.nodes.get(node as usize));
        let layer = |(&node, own): (&u32, Option<u32>)| node_of(node).map_or(own, |n| n.layer).unwrap_or(NONE);
        pass.layer = pass.node.iter().zip(own).map(layer).collect();
    }

    fn example(&mut self, code: &'static str, shape: &OpShape) {
        let words = self.words;
        self.examples.entry(code).or_insert_with(|| {
            let operand = || shape.operands.first().map_or("", |o| words.names.get(o.name));
            let name = shape.destination.map_or_else(operand, |d| words.names.get(d));
            format!("{} {name}", words.kind(shape))
        });
    }

    /// One access, or one for each expert slice that the op used.
    fn push_operand(
        &mut self,
        pass: &mut ResolvedPass,
        shape: &OpShape,
        slot: u8,
        mut access_flags: u32,
        span: Span,
        routing: Routing,
    ) {
        match (self.words.kind(shape), slot) {
            ("MUL_MAT_ID", 0) | ("ADD_ID", 1) => {
                if self.push_slices(pass, shape, slot, span, routing) {
                    return;
                }
                pass.doubts.estimated_experts += 1;
                self.example("experts_estimated", shape);
                access_flags |= flags::ESTIMATED;
            }
            ("GET_ROWS", 0) | ("SET_ROWS", 2) => {
                pass.doubts.estimated_rows += 1;
                self.example("rows_estimated", shape);
                access_flags |= flags::ESTIMATED;
            }
            _ => {}
        }
        pass.push_access(self.places.range(span, None), slot, access_flags);
    }

    /// Whether the op's experts are known exactly; their slices are pushed then.
    fn push_slices(
        &mut self,
        pass: &mut ResolvedPass,
        shape: &OpShape,
        slot: u8,
        span: Span,
        routing: Routing,
    ) -> bool {
        let used = routing.used.and_then(|n| shape.experts.get(..n as usize)).filter(|ids| !ids.is_empty());
        let Some(ids) = used.filter(|_| span.offset == 0) else { return false };
        let Some((slice_bytes, experts)) = self.places.slices(span.tensor, routing.total) else { return false };
        if !ids.iter().all(|&id| u32::try_from(id).is_ok_and(|id| id < experts)) {
            pass.doubts.experts_out_of_range += 1;
            self.example("expert_out_of_range", shape);
            return false;
        }
        for (k, &id) in ids.iter().enumerate() {
            if ids[..k].contains(&id) {
                continue;
            }
            let expert = id.cast_unsigned();
            let slice = Span { offset: u64::from(expert) * slice_bytes, length: slice_bytes, ..span };
            pass.push_access(self.places.range(slice, Some(expert)), slot, 0);
        }
        true
    }

    /// Per op: the operand under which its destination is next read in the pass.
    fn next_reads(&self, sequence: &[u32]) -> Vec<Option<Operand>> {
        let mut next: HashMap<NameId, Operand> = HashMap::new();
        let mut reads = vec![None; sequence.len()];
        for (read, &shape) in reads.iter_mut().zip(sequence).rev() {
            let shape = &self.words.shapes[shape as usize];
            let destination = shape.destination.map(|name| self.words.read_name[name as usize]);
            *read = destination.and_then(|name| next.get(&name).copied());
            let written = self.words.written_slot(shape);
            for operand in shape.operands.iter().rev() {
                if written != Some(operand.slot) && !self.places.is_weight(operand) {
                    next.insert(self.words.read_name[operand.name as usize], *operand);
                }
            }
        }
        reads
    }

    fn routing(&self, sequence: &[u32], graph: Option<&Graph>) -> Routing {
        let shapes = || sequence.iter().map(|&s| &self.words.shapes[s as usize]);
        if !shapes().any(|s| !s.experts.is_empty()) {
            return Routing::default();
        }
        let node = |stem: &str| {
            let nodes = graph.into_iter().flat_map(|g| &g.nodes);
            nodes.filter(|n| !n.shape.is_empty()).find(|n| names::without_suffixes(&n.name).starts_with(stem))
        };
        let first_dimension = |n: &super::GraphNode| u32::try_from(n.shape[0]).ok();
        let topk = node("ffn_moe_topk");
        let used = topk.and_then(first_dimension).or(self.experts_used);
        // Of one token, the ids that a product reads are just those of the experts that it uses.
        let one_by_ids = || {
            let ids = shapes().find_map(|s| {
                let of_product = self.words.kind(s) == "MUL_MAT_ID";
                s.operands.iter().find(|o| of_product && o.slot == 2)
            });
            (ids?.bytes == 4 * u64::from(used?)).then_some(1)
        };
        let tokens = self
            .words
            .tokens(sequence.iter().copied())
            .or_else(|| topk.map(|n| n.shape.get(1).copied().unwrap_or(1)))
            .or_else(one_by_ids);
        Routing { used: used.filter(|_| tokens == Some(1)), total: node("ffn_moe_logits").and_then(first_dimension) }
    }

    /// Counts what had to be read with care, over all passes.
    pub fn report(&mut self, classes: &[ResolvedPass], graphs_from_files: bool, health: &mut Health) {
        let total = |doubt: fn(&Doubts) -> u64| classes.iter().map(|c| doubt(&c.doubts) * c.passes).sum::<u64>();
        for (code, severity, count, message) in [
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
                "ops list experts that their tensor does not have; the whole tensor is shown, marked estimated",
            ),
            (
                "op_without_node",
                Severity::Info,
                if graphs_from_files { total(|d| d.without_node) } else { 0 },
                "ops have no node of their name and kind in the graph of their pass: they stand in the table and the heatmap, not in the graph",
            ),
        ] {
            health.report(code, severity, count, message, || self.examples.remove(code).unwrap_or_default());
        }
        self.places.report(health);
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

    /// The graph that the ops and operands of a pass imply.
    pub fn implied_graph(&self, sequence: &[u32]) -> Graph {
        implied::graph(&self.words, sequence)
    }
}
