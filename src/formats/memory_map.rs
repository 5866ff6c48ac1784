//! The predecessor's `memory-map.json`: where the tensors of a model file lie, expert slices listed one by one.

use super::error::ReadError;
use super::faults::{FaultKind, Faults, file_name};
use crate::trace::raw::{Fault, RawModel, RawModelFile, RawTensor, Severity};
use serde::Deserialize;
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::path::Path;

const OVERLAP: FaultKind = FaultKind {
    code: "memory_map_overlap",
    severity: Severity::Error,
    message: "entries of the memory map overlap: it has wrong sizes, as maps before 2026-01-17 do for quantised models",
};
const COUNT_DIFFERS: FaultKind = FaultKind {
    code: "memory_map_count_differs",
    severity: Severity::Warning,
    message: "the memory map lists another number of tensors than it announces",
};
const SIZE_DIFFERS: FaultKind = FaultKind {
    code: "memory_map_size_differs",
    severity: Severity::Warning,
    message: "sizes in the memory map differ from the distance of their offsets; the size counts",
};
const RANGE_OVERFLOWS: FaultKind = FaultKind {
    code: "memory_map_range_overflows",
    severity: Severity::Error,
    message: "entries of the memory map end past 64 bits and are left out",
};
const EXPERTS_IRREGULAR: FaultKind = FaultKind {
    code: "memory_map_experts_irregular",
    severity: Severity::Warning,
    message: "expert slices of the memory map are not equal, consecutive and complete; they stay single tensors",
};
const EMPTY: FaultKind =
    FaultKind { code: "memory_map_empty", severity: Severity::Error, message: "the memory map lists no tensors" };

#[derive(Deserialize)]
struct Document<'a> {
    model_name: Option<String>,
    metadata: Option<Metadata>,
    #[serde(borrow)]
    tensors: Vec<Entry<'a>>,
}

#[derive(Deserialize, Default)]
struct Metadata {
    n_layers: Option<u32>,
    n_vocab: Option<u64>,
    n_embd: Option<u64>,
    n_tensors: Option<u64>,
}

#[derive(Deserialize)]
struct Entry<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    offset_start: u64,
    offset_end: Option<u64>,
    size_bytes: Option<u64>,
    shape: Option<Vec<u64>>,
}

/// Reads a memory map. Entries `NAME[k]` become one tensor `NAME` with experts along its outermost dimension.
///
/// # Errors
/// `Malformed` for anything that is not JSON of this shape, with the byte where it goes wrong.
pub fn read(bytes: &[u8], path: &Path) -> Result<(RawModel, Vec<Fault>), ReadError> {
    let document: Document = serde_json::from_slice(bytes)
        .map_err(|error| ReadError::json(path, bytes, "a memory map with tensors in JSON", &error))?;
    let Document { model_name, metadata, tensors: entries } = document;
    let metadata = metadata.unwrap_or_default();
    let file = file_name(path);
    let mut faults = Faults::default();
    if entries.is_empty() {
        faults.add(&EMPTY, || file.clone());
    }
    if let Some(announced) = metadata.n_tensors.filter(|&n| n != entries.len() as u64) {
        faults.add(&COUNT_DIFFERS, || format!("{} instead of {announced} in {file}", entries.len()));
    }
    let mut tensors: Vec<RawTensor> =
        entries.into_iter().filter_map(|entry| tensor(entry, &file, &mut faults)).collect();
    tensors.sort_by_key(|tensor| tensor.offset);
    check_overlaps(&tensors, &file, &mut faults);

    let first_byte = tensors.first().map(|tensor| tensor.offset);
    let mut tensors = merge_experts(tensors, &file, &mut faults);
    mark_expert_biases(&mut tensors);
    let parameters = [("n_vocab", metadata.n_vocab), ("n_embd", metadata.n_embd)];
    let model = RawModel {
        architecture: None,
        layers: metadata.n_layers,
        experts: tensors.iter().filter_map(|tensor| tensor.experts).max(),
        experts_used: None,
        files: vec![RawModelFile {
            name: model_name.clone().unwrap_or_else(|| "model".to_owned()),
            bytes: None,
            data_offset: first_byte.filter(|&byte| byte > 0),
        }],
        name: model_name,
        tensors,
        parameters: parameters.into_iter().filter_map(|(key, n)| Some((key.to_owned(), n?.to_string()))).collect(),
    };
    Ok((model, faults.into_vec()))
}

fn tensor(entry: Entry, file: &str, faults: &mut Faults) -> Option<RawTensor> {
    let distance = entry.offset_end.map(|end| end.saturating_sub(entry.offset_start));
    if let (Some(size), Some(distance)) = (entry.size_bytes, distance)
        && size != distance
    {
        faults.add(&SIZE_DIFFERS, || format!("{}: {size} and {distance} bytes in {file}", entry.name));
    }
    let bytes = entry.size_bytes.or(distance).unwrap_or(0);
    if entry.offset_start.checked_add(bytes).is_none() {
        faults.add(&RANGE_OVERFLOWS, || format!("{} in {file}", entry.name));
        return None;
    }
    let mut shape = entry.shape.unwrap_or_default();
    shape.truncate(4);
    Some(RawTensor {
        name: entry.name.into_owned(),
        dtype: None,
        shape,
        file: 0,
        offset: entry.offset_start,
        bytes,
        experts: None,
    })
}

/// `tensors` are in file order.
fn check_overlaps(tensors: &[RawTensor], file: &str, faults: &mut Faults) {
    let mut used_end = 0;
    for tensor in tensors.iter().filter(|tensor| tensor.bytes > 0) {
        if tensor.offset < used_end {
            faults.add(&OVERLAP, || {
                format!(
                    "{} at byte {}, before byte {used_end} where another one ends, in {file}",
                    tensor.name, tensor.offset
                )
            });
        }
        used_end = used_end.max(tensor.offset + tensor.bytes);
    }
}

/// The name before `[k]`, and k.
fn expert_slice(name: &str) -> Option<(&str, u32)> {
    let (base, index) = name.strip_suffix(']')?.rsplit_once('[')?;
    let decimal = !index.is_empty() && index.bytes().all(|byte| byte.is_ascii_digit());
    Some((base, index.parse().ok().filter(|_| decimal)?))
}

/// Replaces the slices of every expert tensor by the whole of it, in file order again.
fn merge_experts(tensors: Vec<RawTensor>, file: &str, faults: &mut Faults) -> Vec<RawTensor> {
    let mut slices: HashMap<&str, Vec<(u32, &RawTensor)>> = HashMap::new();
    for tensor in &tensors {
        if let Some((base, expert)) = expert_slice(&tensor.name) {
            slices.entry(base).or_default().push((expert, tensor));
        }
    }
    // `None` for those that do not fit together.
    let wholes: HashMap<String, Option<RawTensor>> =
        slices.into_iter().map(|(base, slices)| (base.to_owned(), whole(base, slices))).collect();

    let mut merged = Vec::with_capacity(tensors.len());
    let mut done: HashSet<String> = HashSet::new();
    for tensor in tensors {
        let Some((base, _)) = expert_slice(&tensor.name) else {
            merged.push(tensor);
            continue;
        };
        match wholes.get(base) {
            Some(Some(whole)) => {
                if done.insert(base.to_owned()) {
                    merged.push(whole.clone());
                }
            }
            _ => {
                faults.add(&EXPERTS_IRREGULAR, || format!("{} in {file}", tensor.name));
                merged.push(tensor);
            }
        }
    }
    merged
}

/// The tensor that these slices make up, if they are equal, consecutive and complete.
fn whole(base: &str, mut slices: Vec<(u32, &RawTensor)>) -> Option<RawTensor> {
    slices.sort_by_key(|(expert, _)| *expert);
    let (_, first) = *slices.first()?;
    let regular = (0_u32..).zip(&slices).all(|(k, (expert, slice))| {
        let offset = u64::from(k).checked_mul(first.bytes).and_then(|skip| first.offset.checked_add(skip));
        *expert == k && slice.bytes == first.bytes && slice.shape == first.shape && offset == Some(slice.offset)
    });
    // A fourth dimension of slices would push the experts out of the shape.
    if !regular || first.shape.len() > 3 {
        return None;
    }
    let experts = u32::try_from(slices.len()).ok()?;
    let mut shape = first.shape.clone();
    shape.push(u64::from(experts));
    Some(RawTensor {
        name: base.to_owned(),
        shape,
        bytes: first.bytes.checked_mul(u64::from(experts))?,
        experts: Some(experts),
        ..first.clone()
    })
}

/// Biases of experts are not listed by slices: `blk.0.ffn_up_exps.bias` has as many as the layer's expert weights.
fn mark_expert_biases(tensors: &mut [RawTensor]) {
    let layer =
        |name: &str| name.rsplit_once("_exps.").and_then(|(stem, _)| stem.rsplit_once('.')).map(|(l, _)| l.to_owned());
    let mut experts_by_layer: HashMap<String, u32> = HashMap::new();
    for tensor in tensors.iter() {
        if let (Some(layer), Some(experts)) = (layer(&tensor.name), tensor.experts) {
            experts_by_layer.insert(layer, experts);
        }
    }
    for tensor in tensors.iter_mut().filter(|tensor| tensor.name.ends_with("_exps.bias")) {
        let experts = layer(&tensor.name).and_then(|layer| experts_by_layer.get(&layer).copied());
        tensor.experts = experts.filter(|&n| tensor.shape.len() == 2 && tensor.shape[1] == u64::from(n));
    }
}
