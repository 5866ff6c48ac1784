//! One Parquet file at a time: rows in batches, so that memory does not grow with the run

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{Field, Schema, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, Encoding};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

use super::ExportError;

/// Rows of a batch, and of a row group: what one file holds in memory while it is written, and what a query engine
/// reads or passes over as a whole.
pub const BATCH_ROWS: usize = 16 * 1024;
const GROUP_ROWS: usize = 128 * 1024;

/// A column of a batch: its name, whether it may be null, and its values.
pub type NamedColumn = (&'static str, bool, ArrayRef);

/// A file that grows by batches, all of the same columns.
pub struct ParquetFile {
    path: PathBuf,
    schema: SchemaRef,
    writer: ArrowWriter<BufWriter<File>>,
}

impl ParquetFile {
    /// Begins the file with the first batch. Its folder must be there.
    pub fn create(path: PathBuf, columns: Vec<NamedColumn>) -> Result<Self, ExportError> {
        let fields: Vec<Field> =
            columns.iter().map(|(name, nulls, values)| Field::new(*name, values.data_type().clone(), *nulls)).collect();
        let schema = SchemaRef::new(Schema::new(fields));
        let file = BufWriter::new(File::create(&path).map_err(|source| ExportError::io(&path, source))?);
        let options = ArrowWriterOptions::new().with_properties(properties(&schema)).with_skip_arrow_metadata(true);
        let writer = ArrowWriter::try_new_with_options(file, schema.clone(), options)
            .map_err(|source| ExportError::parquet(&path, source))?;
        let mut file = Self { path, schema, writer };
        file.append(columns)?;
        Ok(file)
    }

    pub fn append(&mut self, columns: Vec<NamedColumn>) -> Result<(), ExportError> {
        let values = columns.into_iter().map(|(_, _, values)| values).collect();
        let batch = RecordBatch::try_new(self.schema.clone(), values).map_err(|source| self.error(source.into()))?;
        self.writer.write(&batch).map_err(|source| ExportError::parquet(&self.path, source))
    }

    pub fn finish(self) -> Result<(), ExportError> {
        let Self { path, writer, .. } = self;
        let file = writer.into_inner().map_err(|source| ExportError::parquet(&path, source))?;
        file.into_inner().map_err(|error| ExportError::io(&path, error.into_error()))?;
        Ok(())
    }

    fn error(&self, source: parquet::errors::ParquetError) -> ExportError {
        ExportError::parquet(&self.path, source)
    }
}

/// Writes a file that is one batch.
pub fn write_file(path: &Path, columns: Vec<NamedColumn>) -> Result<(), ExportError> {
    ParquetFile::create(path.to_owned(), columns)?.finish()
}

/// Names repeat, so that dictionaries keep them small. Numbers lie near those before them: as differences they take as
/// few bytes, and looking each up costs more than all else. What compression would save on top is not worth its time.
fn properties(schema: &Schema) -> WriterProperties {
    let numbers = schema.fields().iter().filter(|field| field.data_type().is_integer());
    let builder = numbers.fold(WriterProperties::builder(), |builder, field| {
        let column = || ColumnPath::from(field.name().as_str());
        builder
            .set_column_dictionary_enabled(column(), false)
            .set_column_encoding(column(), Encoding::DELTA_BINARY_PACKED)
    });
    builder
        .set_created_by(concat!("tensorscope ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_compression(Compression::UNCOMPRESSED)
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_offset_index_disabled(true)
        .set_max_row_group_row_count(Some(GROUP_ROWS))
        .build()
}
