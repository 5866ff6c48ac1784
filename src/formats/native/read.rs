//! A native folder -> a run whose long columns stay in the mapped files.

use std::path::Path;

use arrow_array::Array;
use serde::Deserialize;

use super::schema::Table;
use super::table::Rows;
use super::{FORMAT_VERSION, RUN_FILE, RunFile};
use crate::formats::error::{ReadError, json_byte, json_message};
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
        let expected = format!("one of {} tensors", tensors.len());
        return Err(range_rows.wrong("tensor", row, &expected, ranges.tensor[row].to_string()));
    }
    let access_rows = rows(Table::Accesses)?;
    let accesses =
        Accesses { range: access_rows.u32("range")?, slot: access_rows.u8("slot")?, flags: access_rows.u32("flags")? };
    let pass_rows = rows(Table::Passes)?;
    let passes = passes(&pass_rows)?;
    let graphs = graphs(&rows(Table::Nodes)?, &rows(Table::Edges)?)?;
    check_passes(&passes, ops.start_ns.len(), graphs.len(), &pass_rows)?;
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
    #[derive(Deserialize)]
    struct Version {
        format_version: u32,
    }
    let bytes = std::fs::read(path).map_err(|e| ReadError::io(path, e))?;
    let wrong = |expected: &str, error: &serde_json::Error| {
        ReadError::malformed(path, json_byte(&bytes, error), expected, json_message(error), HINT)
    };
    // The version first: what else is in the file depends on it.
    let Version { format_version } =
        serde_json::from_slice(&bytes).map_err(|e| wrong("a run's format_version in JSON", &e))?;
    if format_version != FORMAT_VERSION {
        let found = format!("it has format version {format_version}, this tensorscope reads {FORMAT_VERSION}");
        return Err(ReadError::unusable(path, found, "use the tensorscope that wrote it, or convert the run again"));
    }
    serde_json::from_slice(&bytes).map_err(|e| wrong("the description of a run in JSON", &e))
}

fn tensors(rows: &Rows) -> Result<Vec<Tensor>, ReadError> {
    let (name, dtype, shape) = (rows.text("name")?, rows.text("type")?, rows.u64_lists("shape")?);
    let (bytes, track, home) = (rows.u64("bytes")?, rows.text("track")?, rows.maybe_u32("home")?);
    let (offset, layer, experts) = (rows.u64("offset")?, rows.maybe_u32("layer")?, rows.maybe_u32("experts")?);
    let category = rows.text("category")?;
    let row = |(i, shape): (usize, Vec<u64>)| {
        let track_of = |label: &str| Track::ALL.into_iter().find(|t| t.label() == label);
        let track = track_of(track.value(i))
            .ok_or_else(|| rows.wrong("track", i, "DISK or BUFFER", format!("`{}`", track.value(i))))?;
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
        let phase = phase_of(phase.value(i))
            .ok_or_else(|| rows.wrong("phase", i, "prompt, generate or warmup", format!("`{}`", phase.value(i))))?;
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
fn check_passes(passes: &[Pass], ops: usize, graphs: usize, rows: &Rows) -> Result<(), ReadError> {
    let mut next = 0_u64;
    for (k, pass) in passes.iter().enumerate() {
        if u64::from(pass.first_op) != next {
            return Err(rows.wrong("first_op", k, &format!("op {next}"), pass.first_op.to_string()));
        }
        if let Some(graph) = pass.graph.filter(|&g| g as usize >= graphs) {
            return Err(rows.wrong("graph", k, &format!("one of {graphs} graphs"), graph.to_string()));
        }
        next += u64::from(pass.ops);
    }
    if next != ops as u64 {
        let last = passes.len().saturating_sub(1);
        return Err(rows.wrong("ops", last, &format!("{ops} ops in all"), next.to_string()));
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
        let Some(target) = graphs.get_mut(graph[i] as usize) else {
            return Err(nodes.wrong("graph", i, "the same graph or the next", graph[i].to_string()));
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
                .ok_or_else(|| nodes.wrong("node_type", i, "a type of node", format!("`{}`", node_type.value(i))))?,
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
                let found = format!("{} -> {} in graph {}", source[i], target[i], graph[i]);
                return Err(edges.wrong("source", i, "an edge between nodes of a graph", found));
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
