//! One batch of an Arrow file or stream: checked before it is decoded, borrowed from the mapping, joined with others.

use std::ptr::NonNull;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch};
use arrow_buffer::Buffer;
use arrow_ipc::reader::FileDecoder;
use arrow_ipc::{Block, MessageHeader, root_as_message};
use arrow_schema::{ArrowError, DataType, Schema, SchemaRef};

use crate::formats::mapped::MappedFile;

/// Where a batch lies in its file: its description, and the columns behind that.
#[derive(Clone, Copy)]
pub struct Span {
    pub offset: usize,
    pub metadata_bytes: usize,
    pub body_bytes: usize,
}

impl Span {
    pub fn end(self) -> Option<usize> {
        self.offset.checked_add(self.metadata_bytes)?.checked_add(self.body_bytes)
    }
}

/// What was expected, and what was found instead.
pub type Wrong = (&'static str, String);

/// Decodes the batch at `span`, its columns borrowed from `file`.
pub fn decode(
    file: &Arc<MappedFile>,
    decoder: &FileDecoder,
    schema: &Schema,
    span: Span,
) -> Result<Option<RecordBatch>, Wrong> {
    let Span { offset, metadata_bytes, body_bytes } = span;
    let outside = || ("a batch inside the file", "one outside".to_owned());
    let metadata = file.bytes().get(offset..).and_then(|rest| rest.get(..metadata_bytes)).ok_or_else(outside)?;
    check_batch(metadata, body_bytes, schema).map_err(|found| ("a batch whose columns lie inside it", found))?;
    let buffer = borrow(file, offset, metadata_bytes + body_bytes).ok_or_else(outside)?;
    let block_metadata = i32::try_from(metadata_bytes).map_err(|_| outside())?;
    let block = Block::new(offset as i64, block_metadata, body_bytes as i64);
    decoder
        .read_record_batch(&block, &buffer)
        .map_err(|error| ("an Arrow table of a tensorscope run", error.to_string()))
}

/// All rows of `batches` as one batch.
pub fn joined(schema: &SchemaRef, mut batches: Vec<RecordBatch>) -> Result<RecordBatch, ArrowError> {
    match batches.len() {
        0 => return Ok(RecordBatch::new_empty(schema.clone())),
        1 => return Ok(batches.swap_remove(0)),
        _ => {}
    }
    // Joining lists whose items are too many for their 32-bit offsets would end in a panic.
    for (number, field) in schema.fields().iter().enumerate() {
        if matches!(field.data_type(), DataType::List(_)) {
            let items = |batch: &RecordBatch| batch.column(number).as_list_opt::<i32>().map_or(0, |l| l.values().len());
            let total = batches.iter().fold(0_usize, |sum, batch| sum.saturating_add(items(batch)));
            i32::try_from(total).map_err(|_| ArrowError::OffsetOverflowError(total))?;
        }
    }
    arrow_select::concat::concat_batches(schema, &batches)
}

/// Part of the mapped file as an Arrow buffer that keeps the mapping alive.
#[expect(unsafe_code, reason = "borrowing what is not allocated by Arrow has no safe interface")]
fn borrow(file: &Arc<MappedFile>, offset: usize, len: usize) -> Option<Buffer> {
    let part = file.bytes().get(offset..offset.checked_add(len)?)?;
    let start = NonNull::new(part.as_ptr().cast_mut())?;
    // SAFETY: `part` lies in the mapping, which `file` keeps; the buffer owns a share of `file` and only reads.
    Some(unsafe { Buffer::from_custom_allocation(start, len, file.clone()) })
}

/// Every expected column must be there with its type, and without nulls where none are expected.
pub fn check_schema(written: &Schema, expected: &Schema) -> Result<(), (String, String)> {
    for field in expected.fields() {
        let want = || format!("column `{}` of type {}", field.name(), field.data_type());
        let found = written.field_with_name(field.name()).map_err(|_| (want(), "no such column".to_owned()))?;
        let same = match (field.data_type(), found.data_type()) {
            // Writers name a list's items as they like.
            (DataType::List(a), DataType::List(b)) => a.data_type() == b.data_type(),
            (a, b) => a == b,
        };
        if !same {
            return Err((want(), format!("type {}", found.data_type())));
        }
    }
    for field in written.fields() {
        let known = match field.data_type() {
            DataType::Utf8 => true,
            DataType::List(item) => item.data_type().is_primitive(),
            other => other.is_primitive(),
        };
        if !known {
            return Err((
                "columns of numbers, text and lists of numbers".to_owned(),
                format!("type {}", field.data_type()),
            ));
        }
    }
    Ok(())
}

/// Checks what the decoder takes on trust: that buffers lie in the body, and that validity bits cover their rows.
fn check_batch(metadata: &[u8], body_bytes: usize, schema: &Schema) -> Result<(), String> {
    let skip = if metadata.starts_with(&[0xff; 4]) { 8 } else { 4 };
    let message = root_as_message(&metadata[skip..]).map_err(|e| e.to_string())?;
    if message.header_type() != MessageHeader::RecordBatch {
        return Err(format!("a {:?} message", message.header_type()));
    }
    let batch = message.header_as_record_batch().ok_or("no record batch")?;
    if batch.compression().is_some() {
        return Err("compressed columns, which cannot be mapped".to_owned());
    }
    let rows = batch.length();
    let mut nodes = batch.nodes().ok_or("no column lengths")?.iter();
    let mut buffers = batch.buffers().ok_or("no column buffers")?.iter();
    for buffer in buffers.clone() {
        let inside = || {
            let end = u64::try_from(buffer.offset()).ok()?.checked_add(u64::try_from(buffer.length()).ok()?)?;
            // The format wants 8-byte steps, and the decoder asserts that values are aligned.
            (end <= body_bytes as u64 && buffer.offset() % 8 == 0).then_some(())
        };
        inside().ok_or_else(|| format!("a buffer of {} bytes at {}", buffer.length(), buffer.offset()))?;
    }
    let mut column = |length: Option<i64>, has_offsets: bool, values: usize| -> Result<(), String> {
        let node = nodes.next().ok_or("too few column lengths")?;
        let fits = node.length() >= 0
            && length.is_none_or(|rows| rows == node.length())
            && (0..=node.length()).contains(&node.null_count());
        if !fits {
            return Err(format!("a column of {} rows with {} nulls", node.length(), node.null_count()));
        }
        let validity = buffers.next().ok_or("too few buffers")?;
        if node.null_count() > 0 && validity.length().saturating_mul(8) < node.length() {
            return Err(format!("{} bytes of validity for {} rows", validity.length(), node.length()));
        }
        if has_offsets {
            let offsets = buffers.next().ok_or("too few buffers")?;
            if offsets.length() % 4 != 0 {
                return Err(format!("{} bytes of 32-bit offsets", offsets.length()));
            }
        }
        for _ in 0..values {
            buffers.next().ok_or("too few buffers")?;
        }
        Ok(())
    };
    for field in schema.fields() {
        match field.data_type() {
            DataType::Utf8 => column(Some(rows), true, 1)?,
            DataType::List(_) => {
                column(Some(rows), true, 0)?;
                column(None, false, 1)?;
            }
            _ => column(Some(rows), false, 1)?,
        }
    }
    Ok(())
}
