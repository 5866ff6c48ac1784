//! The tables of a native run: names and types of their columns.

use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema, SchemaRef};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Table {
    Tensors,
    Ops,
    Ranges,
    Accesses,
    Passes,
    Nodes,
    Edges,
    Buffers,
}

impl Table {
    /// In the order in which a recording writes them: what is named before what names it, and passes, whose rows say
    /// that all the rest of them is there, last.
    pub const ALL: [Self; 8] =
        [Self::Buffers, Self::Tensors, Self::Ranges, Self::Nodes, Self::Edges, Self::Accesses, Self::Ops, Self::Passes];

    pub fn file_name(self) -> &'static str {
        match self {
            Self::Tensors => "tensors.arrow",
            Self::Ops => "ops.arrow",
            Self::Ranges => "ranges.arrow",
            Self::Accesses => "accesses.arrow",
            Self::Passes => "passes.arrow",
            Self::Nodes => "nodes.arrow",
            Self::Edges => "edges.arrow",
            Self::Buffers => "buffers.arrow",
        }
    }

    /// Its file while a recording goes on.
    pub fn stream_name(self) -> String {
        format!("{}s", self.file_name())
    }

    pub fn schema(self) -> SchemaRef {
        use DataType::{Int32, UInt8, UInt32, UInt64, Utf8};
        let must = |name: &str, kind: DataType| Field::new(name, kind, false);
        let may = |name: &str, kind: DataType| Field::new(name, kind, true);
        let list = |kind: DataType| DataType::List(Arc::new(Field::new("item", kind, false)));
        Arc::new(Schema::new(match self {
            Self::Tensors => vec![
                must("name", Utf8),
                may("type", Utf8),
                must("shape", list(UInt64)),
                must("bytes", UInt64),
                must("track", Utf8),
                may("home", UInt32),
                must("offset", UInt64),
                may("layer", UInt32),
                may("experts", UInt32),
                must("category", Utf8),
            ],
            Self::Ops => vec![
                must("start_ns", UInt64),
                may("duration_ns", UInt64),
                must("pass", UInt32),
                must("kind", UInt32),
                may("destination", UInt32),
                may("layer", UInt32),
                may("thread", UInt32),
                may("node", UInt32),
                must("first_access", UInt32),
            ],
            Self::Ranges => {
                vec![must("tensor", UInt32), must("offset", UInt64), must("length", UInt64), may("expert", UInt32)]
            }
            Self::Accesses => vec![must("range", UInt32), must("slot", UInt8), must("flags", UInt32)],
            Self::Passes => vec![
                must("phase", Utf8),
                must("first_op", UInt32),
                must("ops", UInt32),
                may("graph", UInt32),
                must("start_ns", UInt64),
                must("duration_ns", UInt64),
                must("reads_disk", UInt64),
                must("reads_buffer", UInt64),
                must("writes", UInt64),
                may("token", UInt32),
                must("positions", list(UInt32)),
                must("token_ids", list(Int32)),
                may("text", Utf8),
            ],
            Self::Nodes => vec![
                must("graph", UInt32),
                must("id", Utf8),
                must("name", Utf8),
                must("label", Utf8),
                must("operation", Utf8),
                must("shape", list(UInt64)),
                may("type", Utf8),
                may("layer", UInt32),
                must("node_type", Utf8),
                must("leaf", UInt8),
            ],
            Self::Edges => {
                vec![must("graph", UInt32), must("source", UInt32), must("target", UInt32), must("slot", UInt32)]
            }
            Self::Buffers => vec![
                must("name", Utf8),
                must("backend", Utf8),
                must("usage", Utf8),
                must("source_id", UInt64),
                must("base", UInt64),
                must("bytes", UInt64),
                may("recorded_bytes", UInt64),
                may("alloc_ns", UInt64),
                may("free_ns", UInt64),
            ],
        }))
    }
}
