//! The model that the headers of one or several (split) GGUF files describe together.

use super::faults::{FaultKind, Faults, file_name};
use super::gguf::{GgufHeader, GgufTensor, GgufValue};
use crate::trace::raw::{Fault, RawModel, RawModelFile, RawTensor, Severity};
use std::collections::HashSet;

const SPLITS_MISSING: FaultKind = FaultKind {
    code: "gguf_splits_missing",
    severity: Severity::Error,
    message: "not all files of the split model are there, or some are there twice; tensors are missing on the map",
};
const TWO_FILES: FaultKind = FaultKind {
    code: "gguf_tensor_in_two_files",
    severity: Severity::Warning,
    message: "tensors of the same name are in more than one file of the model; accesses by name go to the first",
};

/// Puts the headers of all files of one model together, in the order of their `split.no` (as given without it).
/// Tensors come in file order, that is by file and offset.
pub fn to_model(headers: &[GgufHeader]) -> (RawModel, Vec<Fault>) {
    let mut faults = Faults::default();
    let mut headers: Vec<&GgufHeader> = headers.iter().collect();
    headers.sort_by_key(|header| unsigned(header, "split.no").unwrap_or(0));
    check_splits(&headers, &mut faults);

    let architecture = text(&headers, "general.architecture");
    let number = |key: &str| {
        let key = format!("{}.{key}", architecture.as_deref()?);
        headers.iter().find_map(|header| unsigned(header, &key)).and_then(|n| u32::try_from(n).ok())
    };
    let experts = number("expert_count").filter(|&n| n > 0);
    let model = RawModel {
        name: text(&headers, "general.name"),
        layers: number("block_count"),
        experts,
        experts_used: number("expert_used_count").filter(|&n| n > 0),
        files: headers.iter().map(|header| model_file(header)).collect(),
        tensors: tensors(&headers, experts, &mut faults),
        parameters: parameters(&headers),
        architecture,
    };
    (model, faults.into_vec())
}

fn value<'a>(header: &'a GgufHeader, key: &str) -> Option<&'a GgufValue> {
    header.values.iter().find(|(other, _)| other == key).map(|(_, value)| value)
}

fn unsigned(header: &GgufHeader, key: &str) -> Option<u64> {
    match *value(header, key)? {
        GgufValue::Unsigned(n) => Some(n),
        GgufValue::Signed(n) => u64::try_from(n).ok(),
        _ => None,
    }
}

/// The first file has the model's parameters; the others of a split only say which they are.
fn text(headers: &[&GgufHeader], key: &str) -> Option<String> {
    headers.iter().find_map(|header| match value(header, key)? {
        GgufValue::Text(text) => Some(text.clone()),
        _ => None,
    })
}

fn check_splits(headers: &[&GgufHeader], faults: &mut Faults) {
    let Some(count) = headers.iter().find_map(|header| unsigned(header, "split.count")).filter(|&n| n > 1) else {
        return;
    };
    let numbers: HashSet<u64> = headers.iter().map(|header| unsigned(header, "split.no").unwrap_or(0)).collect();
    let complete =
        numbers.len() == headers.len() && numbers.len() as u64 == count && numbers.iter().all(|&n| n < count);
    if !complete {
        let first = headers.first().map(|header| file_name(&header.path)).unwrap_or_default();
        faults.add(&SPLITS_MISSING, || format!("{first} is one of {count}, {} here", numbers.len()));
    }
}

fn model_file(header: &GgufHeader) -> RawModelFile {
    RawModelFile { name: file_name(&header.path), bytes: Some(header.file_bytes), data_offset: header.data_offset }
}

fn tensors(headers: &[&GgufHeader], experts: Option<u32>, faults: &mut Faults) -> Vec<RawTensor> {
    let mut tensors = Vec::with_capacity(headers.iter().map(|header| header.tensors.len()).sum());
    let mut names: HashSet<&str> = HashSet::new();
    for (file, header) in (0_u32..).zip(headers) {
        let mut in_file_order: Vec<&GgufTensor> = header.tensors.iter().collect();
        in_file_order.sort_by_key(|tensor| tensor.offset);
        // Twice in one file is the reader's finding.
        for tensor in &in_file_order {
            if names.contains(tensor.name.as_str()) {
                faults.add(&TWO_FILES, || format!("{} in {}", tensor.name, file_name(&header.path)));
            }
        }
        names.extend(in_file_order.iter().map(|tensor| tensor.name.as_str()));
        tensors.extend(in_file_order.into_iter().map(|tensor| RawTensor {
            name: tensor.name.clone(),
            dtype: Some(tensor.dtype.clone()),
            shape: tensor.shape.clone(),
            file,
            offset: tensor.offset,
            bytes: tensor.bytes,
            experts: experts.filter(|&n| stacks_experts(tensor, n)),
        }));
    }
    tensors
}

/// Expert tensors are stacked along their outermost dimension: weights in 3 dimensions, biases in 2.
fn stacks_experts(tensor: &GgufTensor, experts: u32) -> bool {
    let dimensions = if tensor.name.ends_with("_exps.bias") { 2 } else { 3 };
    tensor.name.contains("_exps.")
        && tensor.shape.len() == dimensions
        && tensor.shape.last().is_some_and(|&n| n == u64::from(experts))
}

/// All values as text but those about splitting; the first file's where several say something.
fn parameters(headers: &[&GgufHeader]) -> Vec<(String, String)> {
    let mut seen = HashSet::new();
    let all = headers.iter().flat_map(|header| &header.values);
    all.filter(|(key, _)| !key.starts_with("split.") && seen.insert(key.as_str()))
        .map(|(key, value)| (key.clone(), value.to_string()))
        .collect()
}
