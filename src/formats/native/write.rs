//! A run -> a native folder, whole or not at all.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::builder::{ListBuilder, PrimitiveBuilder};
use arrow_array::types::{ArrowPrimitiveType, Int32Type, UInt8Type, UInt32Type, UInt64Type};
use arrow_array::{ArrayRef, PrimitiveArray, RecordBatch, StringArray};
use arrow_ipc::writer::FileWriter;
use arrow_schema::Field;

use super::schema::Table;
use super::{FORMAT_VERSION, RUN_FILE, RunFile};
use crate::trace::{Column, Nullable, Trace};

/// Why a run was not written. Nothing of it is left under the name that was asked for.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    #[error("{}: there is something already; remove it or choose another name", .0.display())]
    Exists(PathBuf),
    #[error("{}: {source}; check the path, your rights and the free space", path.display())]
    Io { path: PathBuf, source: std::io::Error },
    #[error("{}: {source}; check the free space", path.display())]
    Arrow { path: PathBuf, source: arrow_schema::ArrowError },
}

/// Writes `trace` as the folder `path`, which must not exist.
pub fn write(trace: &Trace, path: &Path) -> Result<(), WriteError> {
    // Without a slash at the end, behind which the temporary name would be one inside of it.
    let path = &path.components().collect::<PathBuf>();
    if path.symlink_metadata().is_ok() {
        return Err(WriteError::Exists(path.clone()));
    }
    let mut partial = path.as_os_str().to_owned();
    partial.push(format!(".partial-{}", std::process::id()));
    let partial = PathBuf::from(partial);
    let io = |path: &Path| {
        let path = path.to_owned();
        move |source| WriteError::Io { path, source }
    };
    fs::create_dir(&partial).map_err(io(&partial))?;
    let written = write_into(trace, &partial).and_then(|()| fs::rename(&partial, path).map_err(io(path)));
    if written.is_err() {
        // The first error is the one to report.
        let _ = fs::remove_dir_all(&partial);
    }
    written
}

fn write_into(trace: &Trace, folder: &Path) -> Result<(), WriteError> {
    for table in [
        Table::Tensors,
        Table::Ops,
        Table::Ranges,
        Table::Accesses,
        Table::Passes,
        Table::Nodes,
        Table::Edges,
        Table::Buffers,
    ] {
        let path = folder.join(table.file_name());
        let io = |source| WriteError::Io { path: path.clone(), source };
        let arrow = |source| WriteError::Arrow { path: path.clone(), source };
        let schema = table.schema();
        let batch = RecordBatch::try_new(schema.clone(), columns(trace, table)).map_err(arrow)?;
        let file = BufWriter::new(File::create(&path).map_err(io)?);
        let mut writer = FileWriter::try_new(file, &schema).map_err(arrow)?;
        writer.write(&batch).map_err(arrow)?;
        writer.finish().map_err(arrow)?;
        let file = writer.into_inner().map_err(arrow)?;
        file.into_inner().map_err(|e| io(e.into_error()))?.sync_data().map_err(io)?;
    }
    let path = folder.join(RUN_FILE);
    let io = |source| WriteError::Io { path: path.clone(), source };
    let run = RunFile { format_version: FORMAT_VERSION, meta: trace.meta.clone(), health: trace.health.clone() };
    let mut file = BufWriter::new(File::create(&path).map_err(io)?);
    serde_json::to_writer_pretty(&mut file, &run).map_err(|e| io(e.into()))?;
    file.write_all(b"\n").map_err(io)?;
    file.into_inner().map_err(|e| io(e.into_error()))?.sync_data().map_err(io)
}

fn columns(trace: &Trace, table: Table) -> Vec<ArrayRef> {
    let (tensors, passes, buffers) = (&trace.tensors, &trace.passes, &trace.buffers);
    let nodes = || (0_u32..).zip(&trace.graphs).flat_map(|(g, graph)| graph.nodes.iter().map(move |n| (g, n)));
    let edges = || (0_u32..).zip(&trace.graphs).flat_map(|(g, graph)| graph.edges.iter().map(move |e| (g, e)));
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
            let ops = &trace.ops;
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
            column::<UInt32Type>(&trace.ranges.tensor),
            column::<UInt64Type>(&trace.ranges.offset),
            column::<UInt64Type>(&trace.ranges.length),
            nullable::<UInt32Type>(&trace.ranges.expert),
        ],
        Table::Accesses => vec![
            column::<UInt32Type>(&trace.accesses.range),
            column::<UInt8Type>(&trace.accesses.slot),
            column::<UInt32Type>(&trace.accesses.flags),
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
        Table::Buffers => vec![
            text(buffers.iter().map(|b| b.name.as_str())),
            text(buffers.iter().map(|b| b.backend.as_str())),
            text(buffers.iter().map(|b| b.usage.as_str())),
            numbers::<UInt64Type>(buffers.iter().map(|b| b.source_id)),
            numbers::<UInt64Type>(buffers.iter().map(|b| b.base)),
            numbers::<UInt64Type>(buffers.iter().map(|b| b.bytes)),
            maybe::<UInt64Type>(buffers.iter().map(|b| b.recorded_bytes)),
            maybe::<UInt64Type>(buffers.iter().map(|b| b.alloc_ns)),
            maybe::<UInt64Type>(buffers.iter().map(|b| b.free_ns)),
        ],
    }
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
