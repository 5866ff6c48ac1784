//! Items in words, for tooltips, the inspector and accessibility.

use crate::analysis::links::Item;
use crate::state::Document;
use crate::trace::{DESTINATION_SLOT, Trace, Track, flags};
use crate::units;

/// One line that names `item`.
pub fn title(document: &Document, item: Item) -> String {
    let trace = &document.trace;
    let tensor = |t: u32| trace.tensors.get(t as usize).map_or("?", |t| t.name.as_str());
    match item {
        Item::Tensor(t) => tensor(t).to_owned(),
        Item::Op(op) => format!(
            "op {}: {} {}",
            units::count(op.into()),
            trace.op_name(op as usize),
            trace.destination_name(op as usize)
        ),
        Item::Node { graph, node } => trace
            .graphs
            .get(graph as usize)
            .and_then(|g| g.nodes.get(node as usize))
            .map_or_else(String::new, |n| n.label.clone()),
        Item::Layer(layer) => format!("layer {layer}"),
        Item::Pass(pass) => match trace.passes.get(pass as usize) {
            Some(p) => format!("pass {pass} ({})", p.phase.label()),
            None => format!("pass {pass}"),
        },
        Item::Expert { tensor: t, expert } => format!("expert {expert} of {}", tensor(t)),
        Item::Span(span) => format!("{} from {}", units::duration(span.len_ns()), units::duration(span.start_ns)),
        Item::Region(region) => format!(
            "{} of {}, ops {} to {}",
            units::bytes(region.bytes[1].saturating_sub(region.bytes[0])),
            region.track.label(),
            units::count(region.ops[0].into()),
            units::count(region.ops[1].saturating_sub(1).into())
        ),
    }
}

/// Label and value pairs.
pub type Facts = Vec<(&'static str, String)>;

pub fn tensor_facts(document: &Document, tensor: u32) -> Facts {
    let Some(t) = document.trace.tensors.get(tensor as usize) else { return Facts::new() };
    let mut facts: Facts = vec![("size", units::bytes(t.bytes))];
    if let Some(dtype) = &t.dtype {
        facts.push(("type", dtype.clone()));
    }
    if !t.shape.is_empty() {
        facts.push(("shape", shape(&t.shape)));
    }
    facts.push(("home", home(document, tensor)));
    if let Some(layer) = t.layer {
        facts.push(("layer", layer.to_string()));
    }
    if let Some(experts) = t.experts {
        let each = t.slice_bytes().map_or_else(String::new, |b| format!(" of {}", units::bytes(b)));
        facts.push(("experts", format!("{experts}{each}")));
    }
    facts.push(("part", t.category.clone()));
    facts
}

fn home(document: &Document, tensor: u32) -> String {
    let trace = &document.trace;
    let t = &trace.tensors[tensor as usize];
    let Some(home) = t.home else { return "unknown: no op reads it by this name".to_owned() };
    let name = match t.track {
        Track::Disk => trace.meta.model.files.get(home as usize).map_or("model", |f| &f.name),
        Track::Buffer => trace.buffers.get(home as usize).map_or("buffer", |b| &b.name),
    };
    format!("{} {name}, byte {}", t.track.label(), units::count(t.offset))
}

pub fn shape(shape: &[u64]) -> String {
    let parts: Vec<String> = shape.iter().map(u64::to_string).collect();
    format!("[{}]", parts.join(", "))
}

/// One line for each operand and for the result of an op: (slot, tensor, text).
pub fn operands(trace: &Trace, op: usize) -> Vec<(String, u32, String)> {
    let mut lines: Vec<(u8, u32, String, u64, usize)> = Vec::new();
    for access in trace.accesses_of(op) {
        let (slot, access_flags) = (trace.accesses.slot[access], trace.accesses.flags[access]);
        let range = trace.accesses.range[access] as usize;
        let Some(&tensor) = trace.ranges.tensor.get(range) else { continue };
        let what = match (access_flags & flags::WRITE != 0, access_flags & flags::ESTIMATED != 0) {
            (true, false) => "writes",
            (true, true) => "writes up to",
            (false, false) => "reads",
            (false, true) => "reads up to",
        };
        let bytes = trace.ranges.length[range];
        match lines.last_mut() {
            Some(last) if last.0 == slot && last.1 == tensor => {
                last.3 = last.3.saturating_add(bytes);
                last.4 += 1;
            }
            _ => lines.push((slot, tensor, what.to_owned(), bytes, 1)),
        }
    }
    lines
        .into_iter()
        .map(|(slot, tensor, what, bytes, parts)| {
            let slot = if slot == DESTINATION_SLOT { "result".to_owned() } else { format!("src {slot}") };
            let parts = if parts > 1 { format!(" in {parts} pieces") } else { String::new() };
            (slot, tensor, format!("{what} {}{parts}", units::bytes(bytes)))
        })
        .collect()
}
