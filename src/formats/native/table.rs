//! One Arrow IPC file: mapped, checked, and its columns borrowed from the mapping.

use std::path::Path;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{ArrowPrimitiveType, Int32Type, UInt8Type, UInt32Type, UInt64Type};
use arrow_array::{Array, ListArray, RecordBatch, StringArray};
use arrow_buffer::ArrowNativeType;
use arrow_ipc::reader::{FileDecoder, read_footer_length};
use arrow_ipc::{convert, root_as_footer};
use arrow_schema::DataType;

use super::batch::{self, Span, check_schema};
use super::schema::Table;
use crate::formats::error::ReadError;
use crate::formats::mapped::MappedFile;
use crate::trace::{Column, Nullable};

pub const HINT: &str = "the run is damaged or incomplete; convert or record it again";
const MAGIC: &[u8] = b"ARROW1";
/// Footer length and magic at the end of a file.
const TRAILER_BYTES: usize = 10;

/// The rows of one table, borrowed from its mapped file where that holds one batch.
pub struct Rows {
    batch: RecordBatch,
    file: Arc<MappedFile>,
}

impl Rows {
    pub fn read(folder: &Path, table: Table) -> Result<Self, ReadError> {
        let file = MappedFile::open(folder.join(table.file_name()))?;
        let batch = read_batch(&file, table)?;
        file.check()?;
        Ok(Self { batch, file })
    }

    /// Rows of `file` that were read in another way.
    pub fn new(batch: RecordBatch, file: Arc<MappedFile>) -> Self {
        Self { batch, file }
    }

    /// The first `rows` of them.
    pub fn first(self, rows: usize) -> Self {
        let rows = rows.min(self.len());
        Self { batch: self.batch.slice(0, rows), ..self }
    }

    pub fn batch(&self) -> &RecordBatch {
        &self.batch
    }

    pub fn len(&self) -> usize {
        self.batch.num_rows()
    }

    pub fn file(&self) -> &Arc<MappedFile> {
        &self.file
    }

    /// The error for what cannot be in row `row` of a column.
    pub fn wrong(&self, name: &str, row: usize, expected: &str, found: String) -> ReadError {
        let byte = self.byte_of(name, row).unwrap_or(0);
        ReadError::malformed(self.file.path(), byte, format!("{expected} in row {row} of `{name}`"), found, HINT)
    }

    /// Where a value of a number or text column stands in the file, if its column is borrowed from there.
    fn byte_of(&self, name: &str, row: usize) -> Option<u64> {
        let data = self.batch.column_by_name(name)?.to_data();
        let (buffer, skipped_bytes) = match data.data_type() {
            DataType::Utf8 => {
                let offsets = data.buffers().first()?.typed_data::<i32>();
                (data.buffers().get(1)?, usize::try_from(*offsets.get(data.offset() + row)?).ok()?)
            }
            other => (data.buffers().first()?, (data.offset() + row) * other.primitive_width()?),
        };
        let file = self.file.bytes();
        let at = (buffer.as_ptr() as usize).checked_sub(file.as_ptr() as usize)?.checked_add(skipped_bytes)?;
        (at < file.len()).then_some(at as u64)
    }

    fn column(&self, name: &str) -> Result<&dyn Array, ReadError> {
        self.batch
            .column_by_name(name)
            .map(AsRef::as_ref)
            .ok_or_else(|| ReadError::unusable(self.file.path(), format!("it has no column `{name}`"), HINT))
    }

    fn primitive<T: ArrowPrimitiveType>(&self, name: &str) -> Result<Nullable<T::Native>, ReadError>
    where
        T::Native: ArrowNativeType,
    {
        let wrong = || ReadError::unusable(self.file.path(), format!("column `{name}` has another type"), HINT);
        let array = self.column(name)?.as_primitive_opt::<T>().ok_or_else(wrong)?;
        Ok(Nullable { values: array.values().clone(), nulls: array.nulls().cloned() })
    }

    pub fn u32(&self, name: &str) -> Result<Column<u32>, ReadError> {
        Ok(self.primitive::<UInt32Type>(name)?.values)
    }

    pub fn u64(&self, name: &str) -> Result<Column<u64>, ReadError> {
        Ok(self.primitive::<UInt64Type>(name)?.values)
    }

    pub fn u8(&self, name: &str) -> Result<Column<u8>, ReadError> {
        Ok(self.primitive::<UInt8Type>(name)?.values)
    }

    pub fn maybe_u32(&self, name: &str) -> Result<Nullable<u32>, ReadError> {
        self.primitive::<UInt32Type>(name)
    }

    pub fn maybe_u64(&self, name: &str) -> Result<Nullable<u64>, ReadError> {
        self.primitive::<UInt64Type>(name)
    }

    pub fn text(&self, name: &str) -> Result<&StringArray, ReadError> {
        let wrong = || ReadError::unusable(self.file.path(), format!("column `{name}` is not text"), HINT);
        self.column(name)?.as_string_opt::<i32>().ok_or_else(wrong)
    }

    fn list(&self, name: &str) -> Result<&ListArray, ReadError> {
        let wrong = || ReadError::unusable(self.file.path(), format!("column `{name}` is not a list"), HINT);
        self.column(name)?.as_list_opt::<i32>().ok_or_else(wrong)
    }

    fn lists<T: ArrowPrimitiveType>(&self, name: &str) -> Result<Vec<Vec<T::Native>>, ReadError> {
        let wrong = || ReadError::unusable(self.file.path(), format!("column `{name}` lists another type"), HINT);
        let list = self.list(name)?;
        let row = |i| Ok(list.value(i).as_primitive_opt::<T>().ok_or_else(wrong)?.values().to_vec());
        (0..list.len()).map(row).collect()
    }

    pub fn u64_lists(&self, name: &str) -> Result<Vec<Vec<u64>>, ReadError> {
        self.lists::<UInt64Type>(name)
    }

    pub fn u32_lists(&self, name: &str) -> Result<Vec<Vec<u32>>, ReadError> {
        self.lists::<UInt32Type>(name)
    }

    pub fn i32_lists(&self, name: &str) -> Result<Vec<Vec<i32>>, ReadError> {
        self.lists::<Int32Type>(name)
    }
}

fn read_batch(file: &Arc<MappedFile>, table: Table) -> Result<RecordBatch, ReadError> {
    let (bytes, path) = (file.bytes(), file.path());
    let damaged = |byte: usize, expected: &str, found: String| {
        ReadError::malformed(path, byte as u64, expected.to_owned(), found, HINT)
    };
    let arrow = |byte: usize| {
        move |error: arrow_schema::ArrowError| damaged(byte, "an Arrow table of a tensorscope run", error.to_string())
    };
    if !bytes.starts_with(MAGIC) {
        return Err(damaged(0, "the magic ARROW1", format!("{} other bytes", bytes.len())));
    }
    let trailer_at = bytes.len().saturating_sub(TRAILER_BYTES).max(MAGIC.len());
    let trailer: [u8; TRAILER_BYTES] = bytes[trailer_at..]
        .try_into()
        .map_err(|_| damaged(bytes.len(), "a footer", "the end of the file".to_owned()))?;
    let footer_bytes = read_footer_length(trailer).map_err(|_| {
        damaged(trailer_at, "the footer of a finished file", "something else: it was cut off".to_owned())
    })?;
    let footer_at = trailer_at
        .checked_sub(footer_bytes)
        .filter(|&at| at >= MAGIC.len())
        .ok_or_else(|| damaged(trailer_at, "a footer inside the file", format!("a length of {footer_bytes} bytes")))?;
    let footer = root_as_footer(&bytes[footer_at..trailer_at])
        .map_err(|e| damaged(footer_at, "an Arrow footer", e.to_string()))?;
    let expected = table.schema();
    let written = footer
        .schema()
        .ok_or_else(|| damaged(footer_at, "a schema", "none".to_owned()))
        .and_then(|s| convert::try_fb_to_schema(s).map_err(arrow(footer_at)))?;
    check_schema(&written, &expected).map_err(|(want, got)| damaged(footer_at, &want, got))?;
    let written = Arc::new(written);

    let mut batches = Vec::new();
    let decoder = FileDecoder::new(written.clone(), footer.version());
    for block in footer.recordBatches().into_iter().flatten() {
        let span = || -> Option<Span> {
            let offset = usize::try_from(block.offset()).ok()?;
            let metadata_bytes = usize::try_from(block.metaDataLength()).ok()?;
            let body_bytes = usize::try_from(block.bodyLength()).ok()?;
            let span = Span { offset, metadata_bytes, body_bytes };
            let fits = span.end()? <= footer_at && metadata_bytes >= 8 && (offset + metadata_bytes).is_multiple_of(8);
            fits.then_some(span)
        };
        let span = span()
            .ok_or_else(|| damaged(footer_at, "batches inside the file", format!("one at {}", block.offset())))?;
        let batch =
            batch::decode(file, &decoder, &written, span).map_err(|(want, found)| damaged(span.offset, want, found))?;
        batches.extend(batch);
    }
    batch::joined(&written, batches).map_err(arrow(0))
}
