//! The predecessor's memory maps were relative to the data section, or had wrong sizes, for months. Its traces never
//! were, so that the maps are put right by them.

use hashbrown::HashMap;

use super::health::{Health, Severity};
use super::raw::{Names, OpShape, Place, RawModel};

/// Moves and resizes the tensors of `model`, a memory map, to where `shapes` read them.
pub(super) fn repair(model: &mut RawModel, names: &Names, shapes: &[OpShape], health: &mut Health) {
    let read = places_read(model, names, shapes);
    let relative = model.tensors.first().is_some_and(|t| t.offset == 0);
    // One tensor that is off says nothing of the others, unless the map starts where no file does.
    let shift = common_shift(model, &read).filter(|_| relative || read.len() > 1);
    if let Some(shift) = shift {
        health.report(
            "memory_map_shifted",
            Severity::Warning,
            model.tensors.len() as u64,
            "the memory map's offsets are relative to the data section; they were moved to where the trace reads",
            || format!("by {} bytes", shift.cast_signed()),
        );
        for tensor in &mut model.tensors {
            tensor.offset = tensor.offset.wrapping_add(shift);
        }
        if relative && let Some(file) = model.files.first_mut() {
            file.data_offset = Some(shift);
        }
    } else if relative && read.is_empty() {
        health.report(
            "memory_map_relative_offsets",
            Severity::Warning,
            model.tensors.len() as u64,
            "the memory map counts offsets from the first tensor, not from the start of the file, and no trace says where that is",
            || model.tensors[0].name.clone(),
        );
    }
    follow(model, &read, health);
}

/// Offset and size of the tensors of `model` that the trace reads whole, by name.
fn places_read(model: &RawModel, names: &Names, shapes: &[OpShape]) -> Vec<(usize, u64, u64)> {
    let index: HashMap<u32, usize> =
        model.tensors.iter().enumerate().filter_map(|(i, t)| Some((names.find(&t.name)?, i))).collect();
    let mut read: HashMap<usize, (u64, u64)> = HashMap::new();
    for operand in shapes.iter().flat_map(|s| &s.operands) {
        if let (Place::Disk { offset: Some(offset) }, Some(&tensor)) = (operand.place, index.get(&operand.name)) {
            read.entry(tensor).or_insert((offset, operand.bytes));
        }
    }
    let mut read: Vec<_> = read.into_iter().map(|(tensor, (offset, bytes))| (tensor, offset, bytes)).collect();
    read.sort_unstable();
    read
}

/// By how much all tensors that are read stand off their places in the map, if that is the same for all and not 0.
fn common_shift(model: &RawModel, read: &[(usize, u64, u64)]) -> Option<u64> {
    let mut shifts = read.iter().map(|&(t, offset, _)| offset.wrapping_sub(model.tensors[t].offset));
    let first = shifts.next().filter(|&shift| shift != 0)?;
    shifts.all(|shift| shift == first).then_some(first)
}

fn follow(model: &mut RawModel, read: &[(usize, u64, u64)], health: &mut Health) {
    let (mut moved, mut resized) = (Vec::new(), Vec::new());
    for &(t, offset, bytes) in read {
        let tensor = &mut model.tensors[t];
        if tensor.offset != offset {
            moved.push(format!("{}: map {}, trace {offset}", tensor.name, tensor.offset));
            tensor.offset = offset;
        }
        // Records keep 32 bits of the size.
        let wrapped = tensor.bytes > u64::from(u32::MAX) && tensor.bytes as u32 == bytes as u32;
        if tensor.bytes != bytes && !wrapped {
            resized.push(format!("{}: map {}, trace {bytes}", tensor.name, tensor.bytes));
            tensor.bytes = bytes;
        }
    }
    for (code, cases, message) in [
        (
            "memory_map_offset_wrong",
            moved,
            "the memory map puts tensors elsewhere than the trace reads them; the trace was followed",
        ),
        (
            "memory_map_size_wrong",
            resized,
            "the memory map gives tensors another size than the trace; the trace was followed",
        ),
    ] {
        health.report(code, Severity::Warning, cases.len() as u64, message, || cases[0].clone());
    }
}
