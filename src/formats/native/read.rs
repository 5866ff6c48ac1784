//! A native folder -> a run whose long columns stay in the mapped files.

use std::path::Path;
use std::sync::Arc;

use arrow_array::Array;

use super::schema::Table;
use super::table::Rows;
use super::{FORMAT_VERSION, RUN_FILE, RunFile};
use crate::formats::error::ReadError;
use crate::formats::mapped::MappedFile;
use crate::formats::progress::Progress;
use crate::trace::{
    Accesses, Buffer, Graph, GraphEdge, GraphNode, NodeType, Ops, Pass, Phase, Ranges, Tensor, Trace, Track,
};

const HINT: &str = "the run is damaged; convert or record it again";

/// Opens the run in `folder`.
pub fn read(folder: &Path, progress: &Progress) -> Result<Trace, ReadError> {
    let run = read_run_file(&folder.join(RUN_FILE))?;
    let mut files = Vec::new();
    let mut rows = |table: Table| -> Result<Rows, ReadError> {
        progress.check()?;
        let rows = Rows::read(folder, table)?;
        files.push(rows.file().clone());
        Ok(rows)
    };
    let tensors = tensors(&rows(Table::Tensors)?)?;
    let ops_rows = rows(Table::Ops)?;
    let ops = Ops {
        start_ns: ops_rows.u64("start_ns")?,
        duration_ns: ops_rows.maybe_u64("duration_ns")?,
        pass: ops_rows.u32("pass")?,
        kind: ops_rows.u32("kind")?,
        destination: ops_rows.maybe_u32("destination")?,
        layer: ops_rows.maybe_u32("layer")?,
        thread: ops_rows.maybe_u32("thread")?,
        node: ops_rows.maybe_u32("node")?,
        first_access: ops_rows.u32("first_access")?,
    };
    let range_rows = rows(Table::Ranges)?;
    let ranges = Ranges {
        tensor: range_rows.u32("tensor")?,
        offset: range_rows.u64("offset")?,
        length: range_rows.u64("length")?,
        expert: range_rows.maybe_u32("expert")?,
    };
    if let Some(row) = ranges.tensor.iter().position(|&t| t as usize >= tensors.len()) {
        let found = format!("tensor {} of {} in row {row}", ranges.tensor[row], tensors.len());
        return Err(ReadError::unusable(range_rows.file().path(), found, HINT));
    }
    let access_rows = rows(Table::Accesses)?;
    let accesses =
        Accesses { range: access_rows.u32("range")?, slot: access_rows.u8("slot")?, flags: access_rows.u32("flags")? };
    let pass_rows = rows(Table::Passes)?;
    let passes = passes(&pass_rows)?;
    let graphs = graphs(&rows(Table::Nodes)?, &rows(Table::Edges)?)?;
    check_passes(&passes, ops.start_ns.len(), graphs.len(), pass_rows.file())?;
    let buffers = buffers(&rows(Table::Buffers)?)?;
    for file in &files {
        file.check()?;
    }
    let mut meta = run.meta;
    meta.source = format!("native run, made from: {}", original(&meta.source));
    Ok(Trace { meta, tensors, ops, ranges, accesses, passes, graphs, buffers, health: run.health })
}

/// What a run was first made from, however often it was converted.
fn original(source: &str) -> &str {
    source.rsplit("made from: ").next().unwrap_or(source)
}

fn read_run_file(path: &Path) -> Result<RunFile, ReadError> {
    let bytes = std::fs::read(path).map_err(|e| ReadError::io(path, e))?;
    let json: serde_json::Value = serde_json::from_slice(&bytes)
        .map_err(|e| ReadError::json(path, &bytes, "the description of a run in JSON", &e))?;
    match json.get("format_version").and_then(serde_json::Value::as_u64) {
        Some(version) if version == u64::from(FORMAT_VERSION) => {}
        Some(version) => {
            let found = format!("it has format version {version}, this tensorscope reads {FORMAT_VERSION}");
            return Err(ReadError::unusable(path, found, "use the tensorscope that wrote it, or a newer one"));
        }
        None => return Err(ReadError::unusable(path, "it has no format_version", HINT)),
    }
    serde_json::from_value(json).map_err(|e| ReadError::unusable(path, e.to_string(), HINT))
}

fn tensors(rows: &Rows) -> Result<Vec<Tensor>, ReadError> {
    let (name, dtype, shape) = (rows.text("name")?, rows.text("type")?, rows.u64_lists("shape")?);
    let (bytes, track, home) = (rows.u64("bytes")?, rows.text("track")?, rows.maybe_u32("home")?);
    let (offset, layer, experts) = (rows.u64("offset")?, rows.maybe_u32("layer")?, rows.maybe_u32("experts")?);
    let category = rows.text("category")?;
    let row = |(i, shape): (usize, Vec<u64>)| {
        let track_of = |label: &str| Track::ALL.into_iter().find(|t| t.label() == label);
        let track = track_of(track.value(i)).ok_or_else(|| {
            ReadError::unusable(rows.file().path(), format!("track `{}` in row {i}", track.value(i)), HINT)
        })?;
        Ok(Tensor {
            name: name.value(i).to_owned(),
            dtype: dtype.is_valid(i).then(|| dtype.value(i).to_owned()),
            shape,
            bytes: bytes[i],
            track,
            home: home.get(i),
            offset: offset[i],
            layer: layer.get(i),
            experts: experts.get(i),
            category: category.value(i).to_owned(),
        })
    };
    shape.into_iter().enumerate().map(row).collect()
}

fn passes(rows: &Rows) -> Result<Vec<Pass>, ReadError> {
    let (phase, text) = (rows.text("phase")?, rows.text("text")?);
    let (first_op, ops, graph, token) =
        (rows.u32("first_op")?, rows.u32("ops")?, rows.maybe_u32("graph")?, rows.maybe_u32("token")?);
    let (start_ns, duration_ns) = (rows.u64("start_ns")?, rows.u64("duration_ns")?);
    let (reads_disk, reads_buffer, writes) = (rows.u64("reads_disk")?, rows.u64("reads_buffer")?, rows.u64("writes")?);
    let lists = rows.u32_lists("positions")?.into_iter().zip(rows.i32_lists("token_ids")?);
    let row = |(i, (positions, token_ids))| {
        let phase_of = |label: &str| Phase::ALL.into_iter().find(|p| p.label() == label);
        let phase = phase_of(phase.value(i)).ok_or_else(|| {
            ReadError::unusable(rows.file().path(), format!("phase `{}` in row {i}", phase.value(i)), HINT)
        })?;
        Ok(Pass {
            phase,
            first_op: first_op[i],
            ops: ops[i],
            graph: graph.get(i),
            start_ns: start_ns[i],
            duration_ns: duration_ns[i],
            reads_disk: reads_disk[i],
            reads_buffer: reads_buffer[i],
            writes: writes[i],
            token: token.get(i),
            positions,
            token_ids,
            text: text.is_valid(i).then(|| text.value(i).to_owned()),
        })
    };
    lists.enumerate().map(row).collect()
}

/// Passes must tile the ops, in order.
fn check_passes(passes: &[Pass], ops: usize, graphs: usize, file: &Arc<MappedFile>) -> Result<(), ReadError> {
    let mut next = 0_u64;
    for (k, pass) in passes.iter().enumerate() {
        if u64::from(pass.first_op) != next || pass.graph.is_some_and(|g| g as usize >= graphs) {
            return Err(ReadError::unusable(file.path(), format!("pass {k} does not follow the one before"), HINT));
        }
        next += u64::from(pass.ops);
    }
    if next != ops as u64 {
        return Err(ReadError::unusable(file.path(), format!("the passes hold {next} ops, the run has {ops}"), HINT));
    }
    Ok(())
}

fn graphs(nodes: &Rows, edges: &Rows) -> Result<Vec<Graph>, ReadError> {
    let mut graphs: Vec<Graph> = Vec::new();
    let (graph, id, name, label) = (nodes.u32("graph")?, nodes.text("id")?, nodes.text("name")?, nodes.text("label")?);
    let (operation, shape, dtype) = (nodes.text("operation")?, nodes.u64_lists("shape")?, nodes.text("type")?);
    let (layer, node_type, leaf) = (nodes.maybe_u32("layer")?, nodes.text("node_type")?, nodes.u8("leaf")?);
    for (i, shape) in shape.into_iter().enumerate() {
        // Graphs stand one behind the other, so a new one is the next.
        if graph[i] as usize == graphs.len() {
            graphs.push(Graph::default());
        }
        let wrong = |found: String| ReadError::unusable(nodes.file().path(), found, HINT);
        let Some(target) = graphs.get_mut(graph[i] as usize) else {
            return Err(wrong(format!("graph {} in row {i}", graph[i])));
        };
        target.nodes.push(GraphNode {
            id: id.value(i).to_owned(),
            name: name.value(i).to_owned(),
            label: label.value(i).to_owned(),
            operation: operation.value(i).to_owned(),
            shape,
            dtype: dtype.is_valid(i).then(|| dtype.value(i).to_owned()),
            layer: layer.get(i),
            node_type: NodeType::from_label(node_type.value(i))
                .ok_or_else(|| wrong(format!("node type `{}` in row {i}", node_type.value(i))))?,
            leaf: leaf[i] != 0,
        });
    }
    let (graph, source, target, slot) =
        (edges.u32("graph")?, edges.u32("source")?, edges.u32("target")?, edges.u32("slot")?);
    for i in 0..edges.len() {
        let edge = GraphEdge { source: source[i], target: target[i], slot: slot[i] };
        let fits = |g: &&mut Graph| source[i].max(target[i]) < g.nodes.len() as u32;
        match graphs.get_mut(graph[i] as usize).filter(fits) {
            Some(graph) => graph.edges.push(edge),
            None => {
                let found = format!("an edge between nodes that graph {} does not have, in row {i}", graph[i]);
                return Err(ReadError::unusable(edges.file().path(), found, HINT));
            }
        }
    }
    Ok(graphs)
}

fn buffers(rows: &Rows) -> Result<Vec<Buffer>, ReadError> {
    let (name, backend, usage) = (rows.text("name")?, rows.text("backend")?, rows.text("usage")?);
    let (source_id, base, bytes) = (rows.u64("source_id")?, rows.u64("base")?, rows.u64("bytes")?);
    let recorded = rows.maybe_u64("recorded_bytes")?;
    let (alloc_ns, free_ns) = (rows.maybe_u64("alloc_ns")?, rows.maybe_u64("free_ns")?);
    let row = |i| Buffer {
        name: name.value(i).to_owned(),
        backend: backend.value(i).to_owned(),
        usage: usage.value(i).to_owned(),
        source_id: source_id[i],
        base: base[i],
        bytes: bytes[i],
        recorded_bytes: recorded.get(i),
        alloc_ns: alloc_ns.get(i),
        free_ns: free_ns.get(i),
    };
    Ok((0..rows.len()).map(row).collect())
}
