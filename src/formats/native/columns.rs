//! Rows of the model -> Arrow columns, of a whole run or of what is new in one.

use std::sync::Arc;

use arrow_array::builder::{ListBuilder, PrimitiveBuilder};
use arrow_array::types::{ArrowPrimitiveType, Int32Type, UInt8Type, UInt32Type, UInt64Type};
use arrow_array::{ArrayRef, PrimitiveArray, StringArray};
use arrow_schema::Field;

use super::schema::Table;
use crate::trace::{Accesses, Buffer, Column, Graph, NewRows, Nullable, Ops, Pass, Ranges, Tensor, Trace};

/// The rows of every table, of a whole run or of what is new in one.
#[derive(Clone, Copy)]
pub struct Tables<'a> {
    tensors: &'a [Tensor],
    ops: &'a Ops,
    ranges: &'a Ranges,
    accesses: &'a Accesses,
    passes: &'a [Pass],
    first_graph: u32,
    graphs: &'a [Graph],
    buffers: &'a [Buffer],
}

impl<'a> From<&'a Trace> for Tables<'a> {
    fn from(trace: &'a Trace) -> Self {
        Self {
            tensors: &trace.tensors,
            ops: &trace.ops,
            ranges: &trace.ranges,
            accesses: &trace.accesses,
            passes: &trace.passes,
            first_graph: 0,
            graphs: &trace.graphs,
            buffers: &trace.buffers,
        }
    }
}

impl<'a> From<&'a NewRows> for Tables<'a> {
    fn from(rows: &'a NewRows) -> Self {
        Self {
            tensors: &rows.tensors,
            ops: &rows.ops,
            ranges: &rows.ranges,
            accesses: &rows.accesses,
            passes: &rows.passes,
            first_graph: rows.first_graph,
            graphs: &rows.graphs,
            buffers: &rows.buffers,
        }
    }
}

impl Tables<'_> {
    /// Whether a recording writes a batch of `table` for these rows. Accesses get one with the ops even where there
    /// are none, so that the n-th batches of both belong together: that tells where the accesses of the last op end.
    pub fn has_batch(&self, table: Table) -> bool {
        match table {
            Table::Tensors => !self.tensors.is_empty(),
            Table::Ops | Table::Accesses => !self.ops.start_ns.is_empty(),
            Table::Ranges => !self.ranges.tensor.is_empty(),
            Table::Passes => !self.passes.is_empty(),
            Table::Nodes => !self.graphs.is_empty(),
            Table::Edges => self.graphs.iter().any(|graph| !graph.edges.is_empty()),
            Table::Buffers => !self.buffers.is_empty(),
        }
    }
}

/// The columns of one table, as its schema lists them.
pub fn columns(tables: Tables<'_>, table: Table) -> Vec<ArrayRef> {
    let Tables { tensors, passes, first_graph, .. } = tables;
    let nodes = || (first_graph..).zip(tables.graphs).flat_map(|(g, graph)| graph.nodes.iter().map(move |n| (g, n)));
    let edges = || (first_graph..).zip(tables.graphs).flat_map(|(g, graph)| graph.edges.iter().map(move |e| (g, e)));
    match table {
        Table::Tensors => vec![
            text(tensors.iter().map(|t| t.name.as_str())),
            maybe_text(tensors.iter().map(|t| t.dtype.as_deref())),
            lists::<UInt64Type>(tensors.iter().map(|t| t.shape.as_slice())),
            numbers::<UInt64Type>(tensors.iter().map(|t| t.bytes)),
            text(tensors.iter().map(|t| t.track.label())),
            maybe::<UInt32Type>(tensors.iter().map(|t| t.home)),
            numbers::<UInt64Type>(tensors.iter().map(|t| t.offset)),
            maybe::<UInt32Type>(tensors.iter().map(|t| t.layer)),
            maybe::<UInt32Type>(tensors.iter().map(|t| t.experts)),
            text(tensors.iter().map(|t| t.category.as_str())),
        ],
        Table::Ops => {
            let ops = tables.ops;
            vec![
                column::<UInt64Type>(&ops.start_ns),
                nullable::<UInt64Type>(&ops.duration_ns),
                column::<UInt32Type>(&ops.pass),
                column::<UInt32Type>(&ops.kind),
                nullable::<UInt32Type>(&ops.destination),
                nullable::<UInt32Type>(&ops.layer),
                nullable::<UInt32Type>(&ops.thread),
                nullable::<UInt32Type>(&ops.node),
                column::<UInt32Type>(&ops.first_access),
            ]
        }
        Table::Ranges => vec![
            column::<UInt32Type>(&tables.ranges.tensor),
            column::<UInt64Type>(&tables.ranges.offset),
            column::<UInt64Type>(&tables.ranges.length),
            nullable::<UInt32Type>(&tables.ranges.expert),
        ],
        Table::Accesses => vec![
            column::<UInt32Type>(&tables.accesses.range),
            column::<UInt8Type>(&tables.accesses.slot),
            column::<UInt32Type>(&tables.accesses.flags),
        ],
        Table::Passes => vec![
            text(passes.iter().map(|p| p.phase.label())),
            numbers::<UInt32Type>(passes.iter().map(|p| p.first_op)),
            numbers::<UInt32Type>(passes.iter().map(|p| p.ops)),
            maybe::<UInt32Type>(passes.iter().map(|p| p.graph)),
            numbers::<UInt64Type>(passes.iter().map(|p| p.start_ns)),
            numbers::<UInt64Type>(passes.iter().map(|p| p.duration_ns)),
            numbers::<UInt64Type>(passes.iter().map(|p| p.reads_disk)),
            numbers::<UInt64Type>(passes.iter().map(|p| p.reads_buffer)),
            numbers::<UInt64Type>(passes.iter().map(|p| p.writes)),
            maybe::<UInt32Type>(passes.iter().map(|p| p.token)),
            lists::<UInt32Type>(passes.iter().map(|p| p.positions.as_slice())),
            lists::<Int32Type>(passes.iter().map(|p| p.token_ids.as_slice())),
            maybe_text(passes.iter().map(|p| p.text.as_deref())),
        ],
        Table::Nodes => vec![
            numbers::<UInt32Type>(nodes().map(|(g, _)| g)),
            text(nodes().map(|(_, n)| n.id.as_str())),
            text(nodes().map(|(_, n)| n.name.as_str())),
            text(nodes().map(|(_, n)| n.label.as_str())),
            text(nodes().map(|(_, n)| n.operation.as_str())),
            lists::<UInt64Type>(nodes().map(|(_, n)| n.shape.as_slice())),
            maybe_text(nodes().map(|(_, n)| n.dtype.as_deref())),
            maybe::<UInt32Type>(nodes().map(|(_, n)| n.layer)),
            text(nodes().map(|(_, n)| n.node_type.label())),
            numbers::<UInt8Type>(nodes().map(|(_, n)| u8::from(n.leaf))),
        ],
        Table::Edges => vec![
            numbers::<UInt32Type>(edges().map(|(g, _)| g)),
            numbers::<UInt32Type>(edges().map(|(_, e)| e.source)),
            numbers::<UInt32Type>(edges().map(|(_, e)| e.target)),
            numbers::<UInt32Type>(edges().map(|(_, e)| e.slot)),
        ],
        Table::Buffers => buffer_columns(tables.buffers),
    }
}

pub fn buffer_columns(buffers: &[Buffer]) -> Vec<ArrayRef> {
    vec![
        text(buffers.iter().map(|b| b.name.as_str())),
        text(buffers.iter().map(|b| b.backend.as_str())),
        text(buffers.iter().map(|b| b.usage.as_str())),
        numbers::<UInt64Type>(buffers.iter().map(|b| b.source_id)),
        numbers::<UInt64Type>(buffers.iter().map(|b| b.base)),
        numbers::<UInt64Type>(buffers.iter().map(|b| b.bytes)),
        maybe::<UInt64Type>(buffers.iter().map(|b| b.recorded_bytes)),
        maybe::<UInt64Type>(buffers.iter().map(|b| b.alloc_ns)),
        maybe::<UInt64Type>(buffers.iter().map(|b| b.free_ns)),
    ]
}

fn column<T: ArrowPrimitiveType>(values: &Column<T::Native>) -> ArrayRef {
    Arc::new(PrimitiveArray::<T>::new(values.clone(), None))
}

fn nullable<T: ArrowPrimitiveType>(values: &Nullable<T::Native>) -> ArrayRef {
    Arc::new(PrimitiveArray::<T>::new(values.values.clone(), values.nulls.clone()))
}

fn numbers<T: ArrowPrimitiveType>(values: impl Iterator<Item = T::Native>) -> ArrayRef {
    Arc::new(PrimitiveArray::<T>::from_iter_values(values))
}

fn maybe<T: ArrowPrimitiveType>(values: impl Iterator<Item = Option<T::Native>>) -> ArrayRef {
    let mut builder = PrimitiveBuilder::<T>::new();
    builder.extend(values);
    Arc::new(builder.finish())
}

fn text<'a>(values: impl Iterator<Item = &'a str>) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(values))
}

fn maybe_text<'a>(values: impl Iterator<Item = Option<&'a str>>) -> ArrayRef {
    Arc::new(values.collect::<StringArray>())
}

fn lists<'a, T: ArrowPrimitiveType>(values: impl Iterator<Item = &'a [T::Native]>) -> ArrayRef
where
    T::Native: 'a,
{
    let item = Field::new("item", T::DATA_TYPE, false);
    let mut builder = ListBuilder::new(PrimitiveBuilder::<T>::new()).with_field(item);
    for list in values {
        builder.values().append_slice(list);
        builder.append(true);
    }
    Arc::new(builder.finish())
}
