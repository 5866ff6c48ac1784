//! One Arrow IPC stream: mapped, and read up to its last whole batch.

use std::path::Path;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_ipc::reader::FileDecoder;
use arrow_ipc::{MessageHeader, convert, root_as_message};
use arrow_schema::{ArrowError, SchemaRef};

use super::batch::{self, Span, check_schema};
use super::schema::Table;
use super::table::{HINT, Rows};
use crate::formats::error::ReadError;
use crate::formats::mapped::MappedFile;
use crate::formats::progress::Progress;

/// Marks the beginning of a message; its length in four bytes follows.
const MARKER: [u8; 4] = [0xff; 4];

/// What could be read of a stream.
pub struct Stream {
    pub rows: Rows,
    /// How many rows there are up to the end of each batch.
    pub ends: Vec<usize>,
    /// Where the last whole batch ends.
    pub whole_bytes: u64,
    /// Behind that, which is what a broken-off write leaves.
    pub left_out_bytes: u64,
}

/// What stands where a message should begin.
enum Next {
    Message(Span, MessageHeader),
    /// The file ends before the message does.
    Cut,
    Other(String),
}

impl Stream {
    /// Reads at most the first `most_bytes` of the stream of `table`.
    pub fn read(folder: &Path, table: Table, most_bytes: u64, progress: &Progress) -> Result<Self, ReadError> {
        let file = MappedFile::open(folder.join(table.stream_name()))?;
        let len = file.bytes().len().min(usize::try_from(most_bytes).unwrap_or(usize::MAX));
        progress.expect(len as u64);
        let read = read_batches(&file, len, table, progress)?;
        let batch = batch::joined(&read.schema, read.batches)
            .map_err(|error: ArrowError| ReadError::unusable(file.path(), error.to_string(), HINT))?;
        file.check()?;
        Ok(Self {
            rows: Rows::new(batch, file),
            ends: read.ends,
            whole_bytes: read.whole as u64,
            left_out_bytes: (len - read.whole) as u64,
        })
    }
}

struct Batches {
    schema: SchemaRef,
    batches: Vec<RecordBatch>,
    ends: Vec<usize>,
    whole: usize,
}

fn read_batches(file: &Arc<MappedFile>, len: usize, table: Table, progress: &Progress) -> Result<Batches, ReadError> {
    let bytes = file.bytes().get(..len).unwrap_or_default();
    let damaged =
        |expected: &str, found: String| ReadError::malformed(file.path(), 0, expected.to_owned(), found, HINT);
    let expected = table.schema();
    let first = match next_message(bytes, 0) {
        Next::Message(span, MessageHeader::Schema) => span,
        Next::Cut => return Ok(Batches { schema: expected, batches: Vec::new(), ends: Vec::new(), whole: 0 }),
        Next::Message(_, other) => return Err(damaged("the schema of a stream", format!("a {other:?} message"))),
        Next::Other(found) => return Err(damaged("the schema of a stream", found)),
    };
    let message = root_as_message(&bytes[first.offset + 8..first.offset + first.metadata_bytes])
        .map_err(|error| damaged("the schema of a stream", error.to_string()))?;
    let written = message
        .header_as_schema()
        .ok_or_else(|| damaged("a schema", "none".to_owned()))
        .and_then(|schema| convert::try_fb_to_schema(schema).map_err(|e| damaged("a schema", e.to_string())))?;
    check_schema(&written, &expected).map_err(|(want, found)| damaged(&want, found))?;
    let schema = Arc::new(written);

    let decoder = FileDecoder::new(schema.clone(), message.version());
    let mut read = Batches { schema: schema.clone(), batches: Vec::new(), ends: Vec::new(), whole: 0 };
    read.whole = first.end().unwrap_or(len);
    let mut rows = 0;
    while let Next::Message(span, MessageHeader::RecordBatch) = next_message(bytes, read.whole) {
        // What does not decode ends the stream like a cut does: after a power failure a file may hold anything at its
        // end.
        let Ok(Some(batch)) = batch::decode(file, &decoder, &schema, span) else { break };
        rows += batch.num_rows();
        read.batches.push(batch);
        read.ends.push(rows);
        read.whole = span.end().unwrap_or(len);
        progress.advance((span.metadata_bytes + span.body_bytes) as u64)?;
    }
    progress.check()?;
    Ok(read)
}

fn next_message(bytes: &[u8], offset: usize) -> Next {
    let rest = bytes.get(offset..).unwrap_or_default();
    let Some((head, _)) = rest.split_first_chunk::<8>() else { return Next::Cut };
    let [marker @ .., a, b, c, d] = *head;
    if marker != MARKER {
        return Next::Other("other bytes".to_owned());
    }
    let metadata_bytes = match usize::try_from(u32::from_le_bytes([a, b, c, d])) {
        Ok(0) => return Next::Other("the end of the stream".to_owned()),
        Ok(length) if (offset + 8).checked_add(length).is_some_and(|end| end.is_multiple_of(8)) => length + 8,
        _ => return Next::Other("a message that is not aligned".to_owned()),
    };
    let Some(metadata) = rest.get(8..metadata_bytes) else { return Next::Cut };
    let message = match root_as_message(metadata) {
        Ok(message) => message,
        Err(error) => return Next::Other(error.to_string()),
    };
    let Ok(body_bytes) = usize::try_from(message.bodyLength()) else {
        return Next::Other(format!("a message of {} bytes", message.bodyLength()));
    };
    let span = Span { offset, metadata_bytes, body_bytes };
    match span.end() {
        Some(end) if end <= bytes.len() => Next::Message(span, message.header_type()),
        _ => Next::Cut,
    }
}
