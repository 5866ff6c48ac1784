//! The tables of a Parquet export as Arrow columns: accesses, ops, tensors and passes

use std::ops::Range;
use std::sync::Arc;

use arrow_array::builder::{ListBuilder, PrimitiveBuilder};
use arrow_array::types::{ArrowPrimitiveType, Int32Type, UInt8Type, UInt32Type, UInt64Type};
use arrow_array::{Array, ArrayRef, BooleanArray, DictionaryArray, PrimitiveArray, StringArray};
use arrow_schema::ArrowError;

use super::access_rows::TrackBytes;
use super::parquet::NamedColumn;
use crate::analysis::table_columns::{logged_bytes, touched_bytes, track_bytes};
use crate::trace::{DESTINATION_SLOT, Phase, Tensor, Trace, Track, flags};

/// What the rows of all files refer to, made once.
pub struct Columns<'a> {
    trace: &'a Trace,
    track_bytes: TrackBytes,
    tensor_names: ArrayRef,
    kind_names: ArrayRef,
    phase_names: ArrayRef,
    track_names: ArrayRef,
}

/// An access and the op that it belongs to.
pub type Access = (u32, u32);

impl<'a> Columns<'a> {
    pub fn new(trace: &'a Trace) -> Self {
        Self {
            trace,
            track_bytes: TrackBytes::new(trace),
            tensor_names: text(trace.tensors.iter().map(|tensor| Some(tensor.name.trim()))),
            kind_names: text(trace.meta.op_names.iter().map(|name| Some(name.as_str()))),
            phase_names: text(Phase::ALL.iter().map(|phase| Some(phase.label()))),
            track_names: text(Track::ALL.iter().map(|track| Some(track.label()))),
        }
    }

    /// `passes` are those that the accesses are of.
    pub fn accesses(&self, passes: &Range<usize>, rows: &[Access]) -> Result<Vec<NamedColumn>, ArrowError> {
        let Self { trace, .. } = self;
        let (accesses, ranges) = (&trace.accesses, &trace.ranges);
        let ops: Vec<u32> = rows.iter().map(|(op, _)| *op).collect();
        let range: Vec<usize> = rows
            .iter()
            .map(|(_, access)| accesses.range.get(*access as usize).map_or(usize::MAX, |range| *range as usize))
            .collect();
        let tensors: Vec<Option<u32>> = range.iter().map(|range| ranges.tensor.get(*range).copied()).collect();
        let tensor = |index: &Option<u32>| -> Option<&Tensor> { trace.tensors.get((*index)? as usize) };
        let flag = |bit: u32| -> ArrayRef {
            let set = |access: u32| accesses.flags.get(access as usize).is_some_and(|flags| flags & bit != 0);
            Arc::new(rows.iter().map(|(_, access)| Some(set(*access))).collect::<BooleanArray>())
        };
        let slot = |access: u32| accesses.slot.get(access as usize).copied().filter(|slot| *slot != DESTINATION_SLOT);
        let expert = |range: usize| if range < ranges.tensor.len() { ranges.expert.get(range) } else { None };
        let offset = |range: usize| ranges.offset.get(range).copied();
        let byte = |(range, tensor): (&usize, &Option<u32>)| {
            self.track_bytes.of(trace, (*tensor)?)?.checked_add(offset(*range)?)
        };
        let mut columns = self.of_ops(passes, &ops)?;
        columns.extend([
            ("tensor", true, named(&self.tensor_names, tensors.iter().copied())?),
            ("tensor_index", true, numbers::<UInt32Type>(tensors.iter().copied())),
            ("track", true, labels(&self.track_names, tensors.iter().map(|t| tensor(t).map(|t| t.track as u8)))?),
            ("slot", true, numbers::<UInt8Type>(rows.iter().map(|(_, access)| slot(*access)))),
            ("write", false, flag(flags::WRITE)),
            ("estimated", false, flag(flags::ESTIMATED)),
            ("offset", true, numbers::<UInt64Type>(range.iter().map(|range| offset(*range)))),
            ("length", true, numbers::<UInt64Type>(range.iter().map(|range| ranges.length.get(*range).copied()))),
            ("expert", true, numbers::<UInt32Type>(range.iter().map(|range| expert(*range)))),
            ("track_byte", true, numbers::<UInt64Type>(range.iter().zip(&tensors).map(byte))),
        ]);
        Ok(columns)
    }

    /// `passes` are those that the ops are of.
    pub fn ops(&self, passes: &Range<usize>, ops: &[u32]) -> Result<Vec<NamedColumn>, ArrowError> {
        let trace = self.trace;
        let all = |value: &dyn Fn(usize) -> u64| numbers::<UInt64Type>(ops.iter().map(|op| Some(value(*op as usize))));
        let number =
            |value: &dyn Fn(usize) -> Option<u32>| numbers::<UInt32Type>(ops.iter().map(|op| value(*op as usize)));
        let mut columns = self.of_ops(passes, ops)?;
        columns.extend([
            ("destination_index", true, number(&|op| trace.ops.destination.get(op))),
            (
                "thread",
                true,
                number(&|op| if op < trace.ops.thread.values.len() { trace.ops.thread.get(op) } else { None }),
            ),
            ("accesses", false, number(&|op| Some(trace.accesses_of(op).len() as u32))),
            ("touched_bytes", false, all(&|op| touched_bytes(trace, op))),
            ("disk_bytes", false, all(&|op| track_bytes(trace, op)[Track::Disk as usize])),
            ("buffer_bytes", false, all(&|op| track_bytes(trace, op)[Track::Buffer as usize])),
            ("logged_bytes", false, all(&|op| logged_bytes(trace, op))),
        ]);
        Ok(columns)
    }

    /// What rows of accesses and of ops say alike.
    fn of_ops(&self, passes: &Range<usize>, ops: &[u32]) -> Result<Vec<NamedColumn>, ArrowError> {
        let (trace, columns) = (self.trace, &self.trace.ops);
        let pass = |op: &u32| columns.pass.get(*op as usize).copied();
        let phase = |op: &u32| trace.passes.get(pass(op)? as usize).map(|pass| pass.phase as u8);
        let within = trace.passes.get(passes.clone()).unwrap_or_default();
        let texts = text(within.iter().map(|pass| pass.text.as_deref()));
        let token = |op: &u32| {
            let at = (pass(op)? as usize).checked_sub(passes.start)?;
            within.get(at)?.text.as_ref().map(|_| at as u32)
        };
        Ok(vec![
            ("op", false, numbers::<UInt32Type>(ops.iter().map(|op| Some(*op)))),
            ("pass_index", false, numbers::<UInt32Type>(ops.iter().map(|op| Some(pass(op).unwrap_or(0))))),
            ("phase", true, labels(&self.phase_names, ops.iter().map(phase))?),
            ("token", true, named(&texts, ops.iter().map(token))?),
            ("layer", true, numbers::<UInt32Type>(ops.iter().map(|op| columns.layer.get(*op as usize)))),
            ("kind", true, named(&self.kind_names, ops.iter().map(|op| columns.kind.get(*op as usize).copied()))?),
            (
                "destination",
                true,
                named(&self.tensor_names, ops.iter().map(|op| columns.destination.get(*op as usize)))?,
            ),
            ("start_ns", true, numbers::<UInt64Type>(ops.iter().map(|op| columns.start_ns.get(*op as usize).copied()))),
            ("duration_ns", true, numbers::<UInt64Type>(ops.iter().map(|op| columns.duration_ns.get(*op as usize)))),
        ])
    }

    pub fn tensors(&self) -> Vec<NamedColumn> {
        let trace = self.trace;
        let tensors = &trace.tensors;
        let number = |value: &dyn Fn(&Tensor) -> Option<u32>| numbers::<UInt32Type>(tensors.iter().map(value));
        let home = |tensor: &'a Tensor| match (tensor.track, tensor.home?) {
            (Track::Disk, home) => trace.meta.model.files.get(home as usize).map(|file| file.name.as_str()),
            (Track::Buffer, home) => trace.buffers.get(home as usize).map(|buffer| buffer.name.as_str()),
        };
        let bases = (0..tensors.len() as u32).map(|tensor| self.track_bytes.of(trace, tensor));
        vec![
            ("tensor_index", false, numbers::<UInt32Type>((0..tensors.len() as u32).map(Some))),
            ("tensor", false, text(tensors.iter().map(|t| Some(t.name.trim())))),
            ("type", true, text(tensors.iter().map(|t| t.dtype.as_deref()))),
            ("shape", false, lists::<UInt64Type>(tensors.iter().map(|t| t.shape.as_slice()))),
            ("bytes", false, numbers::<UInt64Type>(tensors.iter().map(|t| Some(t.bytes)))),
            ("track", false, text(tensors.iter().map(|t| Some(t.track.label())))),
            ("home", true, text(tensors.iter().map(home))),
            ("offset", false, numbers::<UInt64Type>(tensors.iter().map(|t| Some(t.offset)))),
            ("track_byte", true, numbers::<UInt64Type>(bases)),
            ("layer", true, number(&|t| t.layer)),
            ("experts", true, number(&|t| t.experts)),
            ("category", false, text(tensors.iter().map(|t| Some(t.category.as_str())))),
        ]
    }

    pub fn passes(&self, passes: Range<usize>) -> Vec<NamedColumn> {
        let numbered = (passes.start as u32..).map(Some);
        let passes = self.trace.passes.get(passes).unwrap_or_default();
        vec![
            ("pass_index", false, numbers::<UInt32Type>(numbered.take(passes.len()))),
            ("phase", false, text(passes.iter().map(|p| Some(p.phase.label())))),
            ("token", true, text(passes.iter().map(|p| p.text.as_deref()))),
            ("first_op", false, numbers::<UInt32Type>(passes.iter().map(|p| Some(p.first_op)))),
            ("ops", false, numbers::<UInt32Type>(passes.iter().map(|p| Some(p.ops)))),
            ("start_ns", false, numbers::<UInt64Type>(passes.iter().map(|p| Some(p.start_ns)))),
            ("duration_ns", false, numbers::<UInt64Type>(passes.iter().map(|p| Some(p.duration_ns)))),
            ("graph", true, numbers::<UInt32Type>(passes.iter().map(|p| p.graph))),
            ("positions", false, lists::<UInt32Type>(passes.iter().map(|p| p.positions.as_slice()))),
            ("token_ids", false, lists::<Int32Type>(passes.iter().map(|p| p.token_ids.as_slice()))),
        ]
    }
}

/// Names by their number; what has no number, or one of no name, is null.
fn named(names: &ArrayRef, keys: impl Iterator<Item = Option<u32>>) -> Result<ArrayRef, ArrowError> {
    let keys = keys.map(|key| key.filter(|key| (*key as usize) < names.len()));
    Ok(Arc::new(DictionaryArray::try_new(keys.collect::<PrimitiveArray<UInt32Type>>(), names.clone())?))
}

/// The same of few names.
fn labels(names: &ArrayRef, keys: impl Iterator<Item = Option<u8>>) -> Result<ArrayRef, ArrowError> {
    let keys = keys.map(|key| key.filter(|key| usize::from(*key) < names.len()));
    Ok(Arc::new(DictionaryArray::try_new(keys.collect::<PrimitiveArray<UInt8Type>>(), names.clone())?))
}

fn numbers<T: ArrowPrimitiveType>(values: impl Iterator<Item = Option<T::Native>>) -> ArrayRef
where
    PrimitiveArray<T>: FromIterator<Option<T::Native>>,
{
    Arc::new(values.collect::<PrimitiveArray<T>>())
}

fn text<'a>(values: impl Iterator<Item = Option<&'a str>>) -> ArrayRef {
    Arc::new(values.collect::<StringArray>())
}

fn lists<'a, T: ArrowPrimitiveType>(values: impl Iterator<Item = &'a [T::Native]>) -> ArrayRef {
    let mut lists = ListBuilder::new(PrimitiveBuilder::<T>::new());
    for list in values {
        lists.values().append_slice(list);
        lists.append(true);
    }
    Arc::new(lists.finish())
}
