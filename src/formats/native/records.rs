//! Rows of the tables -> the model's columns and records.

use arrow_array::Array;

use super::table::Rows;
use crate::formats::error::ReadError;
use crate::trace::{Accesses, Buffer, Graph, GraphEdge, GraphNode, NodeType, Ops, Pass, Phase, Ranges, Tensor, Track};

/// The highest layer of a node; views go through all up to it. Names give no higher one.
const MOST_LAYER: u32 = u16::MAX as u32;

pub fn ops(rows: &Rows) -> Result<Ops, ReadError> {
    Ok(Ops {
        start_ns: rows.u64("start_ns")?,
        duration_ns: rows.maybe_u64("duration_ns")?,
        pass: rows.u32("pass")?,
        kind: rows.u32("kind")?,
        destination: rows.maybe_u32("destination")?,
        layer: rows.maybe_u32("layer")?,
        thread: rows.maybe_u32("thread")?,
        node: rows.maybe_u32("node")?,
        first_access: rows.u32("first_access")?,
    })
}

pub fn ranges(rows: &Rows) -> Result<Ranges, ReadError> {
    Ok(Ranges {
        tensor: rows.u32("tensor")?,
        offset: rows.u64("offset")?,
        length: rows.u64("length")?,
        expert: rows.maybe_u32("expert")?,
    })
}

pub fn accesses(rows: &Rows) -> Result<Accesses, ReadError> {
    Ok(Accesses { range: rows.u32("range")?, slot: rows.u8("slot")?, flags: rows.u32("flags")? })
}

pub fn tensors(rows: &Rows) -> Result<Vec<Tensor>, ReadError> {
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

pub fn passes(rows: &Rows) -> Result<Vec<Pass>, ReadError> {
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

pub fn graphs(nodes: &Rows, edges: &Rows) -> Result<Vec<Graph>, ReadError> {
    let mut graphs: Vec<Graph> = Vec::new();
    let (graph, id, name, label) = (nodes.u32("graph")?, nodes.text("id")?, nodes.text("name")?, nodes.text("label")?);
    let (operation, shape, dtype) = (nodes.text("operation")?, nodes.u64_lists("shape")?, nodes.text("type")?);
    let (layer, node_type, leaf) = (nodes.maybe_u32("layer")?, nodes.text("node_type")?, nodes.u8("leaf")?);
    for (i, shape) in shape.into_iter().enumerate() {
        if let Some(layer) = layer.get(i).filter(|&layer| layer > MOST_LAYER) {
            return Err(nodes.wrong("layer", i, &format!("a layer up to {MOST_LAYER}"), layer.to_string()));
        }
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

pub fn buffers(rows: &Rows) -> Result<Vec<Buffer>, ReadError> {
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
