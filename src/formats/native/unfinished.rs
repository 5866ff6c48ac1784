//! The streams of a recording that did not end -> its tables up to the last whole pass.

use std::fmt;
use std::path::Path;

use arrow_array::StringArray;

use super::read::Tables;
use super::schema::Table;
use super::stream::Stream;
use super::table::Rows;
use crate::formats::error::ReadError;
use crate::formats::progress::Progress;
use crate::trace::{Column, Nullable, Track};

/// What a broken-off recording has beyond its last whole pass.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// Rows by what they are.
    rows: Vec<(u64, &'static str, &'static str)>,
    /// Bytes at the end of a file that are no whole rows.
    bytes: Vec<(u64, String)>,
    /// Graphs from this number on have nodes but no edges, as if those had not been written.
    graphs_without_edges_from: Option<u32>,
}

impl LeftOut {
    fn add(&mut self, there: usize, kept: usize, one: &'static str, many: &'static str) {
        if there > kept {
            self.rows.push(((there - kept) as u64, one, many));
        }
    }
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = self.rows.iter().map(|&(count, one, many)| counted(count, one, many));
        let bytes = self.bytes.iter().map(|(count, file)| format!("{count} bytes at the end of {file}"));
        let graphs = self.graphs_without_edges_from.iter().map(|g| format!("the edges of graph {g} and later ones"));
        f.write_str(&rows.chain(bytes).chain(graphs).collect::<Vec<_>>().join(", "))
    }
}

pub fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// Reads the streams in `folder` and cuts them to what belongs together.
pub fn read(folder: &Path, progress: &Progress) -> Result<(Tables, LeftOut), ReadError> {
    let mut left_out = LeftOut::default();
    let mut stream = |table: Table| -> Result<Stream, ReadError> {
        let stream = Stream::read(folder, table, u64::MAX, progress)?;
        if stream.left_out_bytes > 0 {
            left_out.bytes.push((stream.left_out_bytes, table.stream_name()));
        }
        Ok(stream)
    };
    // In the opposite order of writing: while the recording goes on, what a pass names is there when the pass is.
    let (passes, ops, accesses) = (stream(Table::Passes)?, stream(Table::Ops)?, stream(Table::Accesses)?);
    let (edges, nodes, ranges) = (stream(Table::Edges)?, stream(Table::Nodes)?, stream(Table::Ranges)?);
    let (tensors, buffers) = (stream(Table::Tensors)?, stream(Table::Buffers)?);
    left_out.bytes.reverse();

    let tensor_rows = usable_tensors(&tensors.rows, buffers.rows.len())?;
    let range_rows = prefix(&ranges.rows.u32("tensor")?, |&tensor| (tensor as usize) < tensor_rows);
    let graphs = Graphs::of(&nodes.rows, &edges.rows)?;
    left_out.graphs_without_edges_from = graphs.without_edges_from;
    let columns = Columns {
        ops: ops.rows.len(),
        pass: ops.rows.u32("pass")?,
        destination: ops.rows.maybe_u32("destination")?,
        node: ops.rows.maybe_u32("node")?,
        first_access: ops.rows.u32("first_access")?,
        op_ends: &ops.ends,
        range: accesses.rows.u32("range")?,
        access_ends: &accesses.ends,
        tensors: tensor_rows,
        ranges: range_rows,
        nodes_by_graph: &graphs.nodes,
    };
    let whole = columns.whole_passes(&passes.rows)?;

    left_out.add(passes.rows.len(), whole.passes, "pass", "passes");
    left_out.add(ops.rows.len(), whole.ops, "op", "ops");
    left_out.add(accesses.rows.len(), whole.accesses, "access", "accesses");
    left_out.add(ranges.rows.len(), range_rows, "range", "ranges");
    left_out.add(tensors.rows.len(), tensor_rows, "tensor", "tensors");
    left_out.add(edges.rows.len(), graphs.edge_rows, "edge", "edges");
    let tables = Tables {
        tensors: tensors.rows.first(tensor_rows),
        ops: ops.rows.first(whole.ops),
        ranges: ranges.rows.first(range_rows),
        accesses: accesses.rows.first(whole.accesses),
        passes: passes.rows.first(whole.passes),
        nodes: nodes.rows,
        edges: edges.rows.first(graphs.edge_rows),
        buffers: buffers.rows,
    };
    Ok((tables, left_out))
}

/// How many values from the first one on `fits` holds for.
fn prefix<T>(values: &[T], fits: impl Fn(&T) -> bool) -> usize {
    values.iter().position(|value| !fits(value)).unwrap_or(values.len())
}

/// The tensors before the first one in a buffer that is missing.
fn usable_tensors(tensors: &Rows, buffers: usize) -> Result<usize, ReadError> {
    let (track, home) = (tensors.text("track")?, tensors.maybe_u32("home")?);
    let in_buffer = |row: usize, track: &StringArray| track.value(row) == Track::Buffer.label();
    let missing = |&row: &usize| home.get(row).is_some_and(|h| h as usize >= buffers && in_buffer(row, track));
    Ok((0..tensors.len()).find(missing).unwrap_or(tensors.len()))
}

/// What is there of the graphs. Nodes of one graph are one batch, so that each is there as a whole or not at all.
struct Graphs {
    /// Nodes of each.
    nodes: Vec<u32>,
    /// Edges before the first one of a graph that is not there.
    edge_rows: usize,
    without_edges_from: Option<u32>,
}

impl Graphs {
    fn of(nodes: &Rows, edges: &Rows) -> Result<Self, ReadError> {
        let mut counts: Vec<u32> = Vec::new();
        for &graph in &nodes.u32("graph")? {
            if graph as usize == counts.len() {
                counts.push(0);
            }
            // Another number than the next is an error that reading the nodes gives.
            let Some(count) = counts.get_mut(graph as usize) else { break };
            *count += 1;
        }
        let nodes = counts;
        let (graph, source, target) = (edges.u32("graph")?, edges.u32("source")?, edges.u32("target")?);
        let fits = |&edge: &usize| nodes.get(graph[edge] as usize).is_some_and(|&n| source[edge].max(target[edge]) < n);
        let edge_rows = (0..edges.len()).find(|edge| !fits(edge)).unwrap_or(edges.len());
        // Of nodes that compute anything, all but the first of a graph read one of those before it.
        let last_with_edges = graph[..edge_rows].iter().max();
        let first_without = last_with_edges.map_or(0, |&graph| graph as usize + 1);
        let lacking = nodes.iter().enumerate().skip(first_without).find(|&(_, &nodes)| nodes > 1);
        Ok(Self { without_edges_from: lacking.map(|(graph, _)| graph as u32), nodes, edge_rows })
    }
}

/// What decides how far passes are whole.
struct Columns<'a> {
    ops: usize,
    pass: Column<u32>,
    destination: Nullable<u32>,
    node: Nullable<u32>,
    first_access: Column<u32>,
    /// Rows of ops and of accesses at the end of each batch. The n-th batch of accesses has those of the n-th of ops.
    op_ends: &'a [usize],
    range: Column<u32>,
    access_ends: &'a [usize],
    tensors: usize,
    ranges: usize,
    nodes_by_graph: &'a [u32],
}

/// Rows up to the last whole pass.
#[derive(Debug, Clone, Copy, Default)]
struct Whole {
    passes: usize,
    ops: usize,
    accesses: usize,
}

impl Columns<'_> {
    /// How far everything is there that passes name; behind the first one that lacks anything, nothing counts.
    fn whole_passes(&self, passes: &Rows) -> Result<Whole, ReadError> {
        let (first_op, ops, graph) = (passes.u32("first_op")?, passes.u32("ops")?, passes.maybe_u32("graph")?);
        let mut whole = Whole::default();
        for pass in 0..passes.len() {
            let nodes = match graph.get(pass).map(|graph| self.nodes_by_graph.get(graph as usize)) {
                Some(None) => break,
                Some(Some(&nodes)) => nodes,
                None => 0,
            };
            if first_op[pass] as usize != whole.ops {
                break;
            }
            let Some(next) = self.behind_pass(whole, ops[pass] as usize, nodes) else { break };
            whole = next;
        }
        Ok(whole)
    }

    /// The rows with the next pass, of `ops` ops on a graph of `nodes` nodes, if all of it is there.
    fn behind_pass(&self, before: Whole, ops: usize, nodes: u32) -> Option<Whole> {
        let end = before.ops.checked_add(ops).filter(|&end| end <= self.ops)?;
        let mut accesses = before.accesses;
        for op in before.ops..end {
            let named = |index: Option<u32>, count: usize| index.is_none_or(|index| (index as usize) < count);
            let begins_here = self.first_access[op] as usize == accesses;
            let of_this_pass = self.pass[op] as usize == before.passes;
            let all_there = named(self.destination.get(op), self.tensors) && named(self.node.get(op), nodes as usize);
            if !(begins_here && of_this_pass && all_there) {
                return None;
            }
            accesses = self.accesses_end(op, accesses)?;
        }
        let ranges = self.range.get(before.accesses..accesses)?;
        let whole = Whole { passes: before.passes + 1, ops: end, accesses };
        ranges.iter().all(|&range| (range as usize) < self.ranges).then_some(whole)
    }

    /// Where the accesses of `op` end, which begin at `begin`: where those of the next one begin, or its batch ends.
    fn accesses_end(&self, op: usize, begin: usize) -> Option<usize> {
        let batch = self.op_ends.partition_point(|&end| end <= op);
        let batch_end = *self.access_ends.get(batch)?;
        let last_of_batch = self.op_ends.get(batch)? == &(op + 1);
        let end = if last_of_batch { batch_end } else { *self.first_access.get(op + 1)? as usize };
        (begin <= end && end <= batch_end).then_some(end)
    }
}
