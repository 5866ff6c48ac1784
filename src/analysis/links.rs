//! What belongs to a selected item in every view: its nodes, its tensors, its ops, its bytes.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use super::filter::{Condition, Filter, Region, TensorRef};
use super::first_touch::FirstTouch;
use super::op_index::OpIndex;
use super::span_totals::TimeSpan;
use super::table_columns::Column;
use crate::trace::tracks::TrackLayout;
use crate::trace::{Tensor, Trace, Track, names};

/// Anything that can be selected. Numbers are positions in the run's tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Item {
    Tensor(u32),
    Op(u32),
    Node { graph: u32, node: u32 },
    Layer(u32),
    Pass(u32),
    Expert { tensor: u32, expert: u32 },
    Region(Region),
    Span(TimeSpan),
}

/// What of a run is shown, as far as it decides what belongs to an item.
#[derive(Clone, Copy)]
pub struct Seen<'a> {
    /// The shown graph.
    pub graph: u32,
    /// The tracks as shown.
    pub layouts: [&'a TrackLayout; 2],
    /// Made when it is first needed.
    pub index: &'a OnceLock<OpIndex>,
    /// The same.
    pub touched: &'a OnceLock<FirstTouch>,
    /// Bits of the phases that count.
    pub phases: u32,
}

/// What a selection means to each view.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Links {
    /// Nodes of the shown graph.
    pub nodes: Vec<u32>,
    pub tensors: Vec<u32>,
    /// Where the table and the timeline jump to.
    pub first_op: Option<u32>,
    /// Byte ranges by track, in track bytes, sorted.
    pub bytes: [Vec<[u64; 2]>; 2],
    /// Rows of the heatmap, where the item is bound to some.
    pub ops: Option<[u32; 2]>,
    /// The table's filter that shows what touched it, where there is one.
    pub filter: Option<Filter>,
}

impl Links {
    pub fn of(trace: &Trace, item: Item, seen: &Seen<'_>) -> Self {
        let &Seen { graph, layouts, index, touched, phases } = seen;
        let touched = || touched.get_or_init(|| FirstTouch::new(trace));
        let index = || index.get_or_init(|| OpIndex::new(trace));
        let mut links = Self::default();
        let nodes = || (0_u32..).zip(trace.graphs.get(graph as usize).map_or(&[][..], |g| &g.nodes));
        let tensor_name = |t: u32| trace.tensors.get(t as usize).map_or("", |t| t.name.as_str());
        match item {
            Item::Tensor(tensor) | Item::Expert { tensor, .. } => {
                links.tensors.push(tensor);
                let name = tensor_name(tensor);
                links.nodes = nodes().filter(|(_, n)| n.name.trim() == name.trim()).map(|(i, _)| i).collect();
                links.filter = Some(Filter { touches: Some(TensorRef::Number(tensor)), ..Filter::default() });
                links.first_op = touched().first_op(trace, &[tensor], phases);
                match item {
                    Item::Expert { expert, .. } => {
                        let slice = trace.tensors.get(tensor as usize).and_then(Tensor::slice_bytes);
                        links.add_bytes(
                            trace,
                            layouts,
                            tensor,
                            slice.map(|s| (s.saturating_mul(u64::from(expert)), s)),
                        );
                    }
                    _ => links.add_bytes(trace, layouts, tensor, None),
                }
            }
            Item::Op(op) => {
                links.first_op = Some(op);
                links.ops = Some([op, op + 1]);
                let index = op as usize;
                if trace.pass_of(index).and_then(|p| p.graph) == Some(graph) {
                    links.nodes.extend(trace.ops.node.get(index));
                }
                links.tensors.extend(trace.ops.destination.get(index));
                for access in trace.accesses_of(index) {
                    let range = trace.accesses.range[access] as usize;
                    let Some(&tensor) = trace.ranges.tensor.get(range) else { continue };
                    if !links.tensors.contains(&tensor) {
                        links.tensors.push(tensor);
                    }
                    links.add_bytes(
                        trace,
                        layouts,
                        tensor,
                        Some((trace.ranges.offset[range], trace.ranges.length[range])),
                    );
                }
            }
            Item::Node { graph: of, node } => {
                if of == graph {
                    links.nodes.push(node);
                }
                let name =
                    trace.graphs.get(of as usize).and_then(|g| g.nodes.get(node as usize)).map_or("", |n| &n.name);
                // A view's own name stands for no memory of its own; the tensor under it does.
                let named = |wanted: &str| -> Vec<u32> {
                    (0_u32..).zip(&trace.tensors).filter(|(_, t)| t.name.trim() == wanted).map(|(i, _)| i).collect()
                };
                links.tensors = named(name.trim());
                if links.tensors.is_empty() {
                    links.tensors = named(names::without_suffixes(name));
                }
                links.first_op = index().first_of_node(of, node, phases);
                links.first_op = links.first_op.or_else(|| touched().first_op(trace, &links.tensors, phases));
                for tensor in links.tensors.clone() {
                    links.add_bytes(trace, layouts, tensor, None);
                }
                let found = links.tensors.first().and_then(|&t| trace.tensors.get(t as usize));
                let touches = found.map(|tensor| TensorRef::Name(tensor.name.clone()));
                links.filter = touches.map(|tensor| Filter { touches: Some(tensor), ..Filter::default() });
            }
            Item::Layer(layer) => {
                links.nodes = nodes().filter(|(_, n)| n.layer == Some(layer)).map(|(i, _)| i).collect();
                links.tensors =
                    (0_u32..).zip(&trace.tensors).filter(|(_, t)| t.layer == Some(layer)).map(|(i, _)| i).collect();
                links.first_op = index().first_of_layer(layer, phases);
                for tensor in links.tensors.clone() {
                    links.add_bytes(trace, layouts, tensor, None);
                }
                links.filter = Some(Filter { layer: Some(layer), ..Filter::default() });
            }
            Item::Pass(pass) => {
                if let Some(p) = trace.passes.get(pass as usize) {
                    links.first_op = Some(p.first_op);
                    links.ops = Some([p.first_op, p.first_op.saturating_add(p.ops)]);
                }
                links.filter = Some(Filter { pass: Some(pass), ..Filter::default() });
            }
            Item::Region(region) => {
                let layout = layouts[region.track as usize];
                let touches = |t: &u32| {
                    let start = layout.bases[*t as usize];
                    let end = start.saturating_add(trace.tensors[*t as usize].bytes);
                    start < region.bytes[1] && end > region.bytes[0]
                };
                links.tensors = layout.by_base.iter().copied().filter(touches).collect();
                links.bytes[region.track as usize].push(region.bytes);
                links.ops = Some(region.ops);
                links.first_op = Some(region.ops[0]).filter(|&op| (op as usize) < trace.op_count());
                links.filter = Some(Filter { region: Some(region), ..Filter::default() });
            }
            Item::Span(span) => {
                let [first, behind] = span.ops(trace);
                links.ops = Some([first, behind]);
                if let Some(last) = behind.checked_sub(1).filter(|last| first <= *last) {
                    links.first_op = Some(first);
                    let rows = Condition::Between { at_least: Some(first.into()), at_most: Some(last.into()) };
                    let columns = BTreeMap::from([(Column::Index, rows)]);
                    links.filter = Some(Filter { columns, ..Filter::default() });
                }
            }
        }
        for ranges in &mut links.bytes {
            ranges.sort_unstable();
            ranges.dedup();
        }
        links
    }

    /// The whole tensor, or `part` (offset, length) of it.
    fn add_bytes(&mut self, trace: &Trace, layouts: [&TrackLayout; 2], tensor: u32, part: Option<(u64, u64)>) {
        let Some(t) = trace.tensors.get(tensor as usize).filter(|t| t.home.is_some()) else { return };
        let base = layouts[t.track as usize].bases[tensor as usize];
        let (offset, length) = part.unwrap_or((0, t.bytes));
        let start = base.saturating_add(offset);
        if length > 0 {
            self.bytes[t.track as usize].push([start, start.saturating_add(length)]);
        }
    }

    /// First and last byte on a track.
    pub fn span(&self, track: Track) -> Option<[u64; 2]> {
        let ranges = &self.bytes[track as usize];
        let end = ranges.iter().map(|r| r[1]).max()?;
        Some([ranges.first()?[0], end])
    }
}
