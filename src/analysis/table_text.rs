//! Rows of the table as text, as they are shown: for the clipboard and for files.

use std::borrow::Cow;
use std::io::{self, Write};
use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::table_cells::{Cell, cell};
use super::table_columns::Column;
use super::table_groups::{Group, Groups};
use super::table_rows::Rows;
use crate::trace::Trace;

/// Rows between two looks at whether they are still wanted.
const ROWS_AT_A_TIME: usize = 4096;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RowFormat {
    /// Cells between tabs, which spreadsheets take from the clipboard.
    #[default]
    Tsv,
    Csv,
    Json,
}

impl RowFormat {
    pub const ALL: [Self; 3] = [Self::Csv, Self::Tsv, Self::Json];

    /// Also the extension of its files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tsv => "tsv",
            Self::Csv => "csv",
            Self::Json => "json",
        }
    }
}

/// What the table lists: ops, or groups of them.
#[derive(Clone)]
pub struct Listed {
    pub trace: Arc<Trace>,
    pub columns: Vec<Column>,
    pub rows: Arc<Rows>,
    /// Where ops are grouped: the groups, in the order of their rows.
    pub groups: Option<(Arc<Groups>, Vec<u32>)>,
}

impl Listed {
    pub fn len(&self) -> usize {
        self.groups.as_ref().map_or(self.rows.len(), |(_, order)| order.len())
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Writes some of the rows, numbers without rounding or units. `proceed` hears how many are written, and ends it by
    /// false; gives whether it was not.
    pub fn write(
        &self,
        out: &mut impl Write,
        format: RowFormat,
        rows: Range<usize>,
        mut proceed: impl FnMut(usize) -> bool,
    ) -> io::Result<bool> {
        let fields: Vec<&str> = match &self.groups {
            Some((groups, _)) => vec![groups.column.field(), "ops", "time_ns", "touched_bytes", "logged_bytes"],
            None => self.columns.iter().map(|column| column.field()).collect(),
        };
        let begin = rows.start;
        header(out, format, &fields)?;
        let mut cells = Vec::with_capacity(fields.len());
        for row in rows {
            if (row - begin).is_multiple_of(ROWS_AT_A_TIME) && !proceed(row - begin) {
                return Ok(false);
            }
            cells.clear();
            if !self.cells(row, &mut cells) {
                continue;
            }
            match format {
                RowFormat::Json => object(out, &fields, &cells, row == begin)?,
                _ => line(out, format, &cells)?,
            }
        }
        if format == RowFormat::Json {
            writeln!(out, "\n]")?;
        }
        Ok(true)
    }

    /// The cells of a row; false where there is no such row.
    fn cells<'a>(&'a self, row: usize, cells: &mut Vec<Cell<'a>>) -> bool {
        let trace = &*self.trace;
        match &self.groups {
            Some((groups, order)) => {
                let Some(group) = order.get(row).and_then(|at| groups.groups.get(*at as usize)) else { return false };
                let Group { first_op, ops, time_ns, touched_bytes, logged_bytes } = *group;
                cells.push(cell(trace, groups.column, first_op as usize));
                cells.extend([ops, time_ns, touched_bytes, logged_bytes].map(Cell::Number));
            }
            None => {
                let Some(op) = self.rows.op(row) else { return false };
                cells.extend(self.columns.iter().map(|column| cell(trace, *column, op as usize)));
            }
        }
        true
    }
}

/// What stands before the rows.
pub(crate) fn header(out: &mut impl Write, format: RowFormat, fields: &[&str]) -> io::Result<()> {
    if format == RowFormat::Json {
        return write!(out, "[");
    }
    let names: Vec<Cell<'_>> = fields.iter().map(|field| Cell::Text(field)).collect();
    line(out, format, &names)
}

/// A line of cells. Several values in a cell stand between semicolons.
pub(crate) fn line(out: &mut impl Write, format: RowFormat, cells: &[Cell<'_>]) -> io::Result<()> {
    let between = if format == RowFormat::Csv { "," } else { "\t" };
    for (at, cell) in cells.iter().enumerate() {
        if at > 0 {
            out.write_all(between.as_bytes())?;
        }
        match cell {
            Cell::Missing => {}
            Cell::Number(number) => write!(out, "{number}")?,
            Cell::Flag(flag) => write!(out, "{flag}")?,
            Cell::Text(text) => quoted(out, format, text)?,
            Cell::Numbers(numbers) => {
                let numbers: Vec<String> = numbers.iter().map(u64::to_string).collect();
                quoted(out, format, &numbers.join("; "))?;
            }
            Cell::Texts(texts) => quoted(out, format, &texts.join("; "))?,
        }
    }
    out.write_all(b"\n")
}

/// Text as a cell of RFC 4180.
pub fn csv_cell(text: &str) -> Cow<'_, str> {
    let plain = !text.contains(['"', ',', '\n', '\r']) && text.trim() == text;
    if plain { Cow::Borrowed(text) } else { Cow::Owned(format!("\"{}\"", text.replace('"', "\"\""))) }
}

/// Text as a cell: RFC 4180 where commas are between cells; between tabs there are no quotes, so what would end a cell
/// is written as an escape.
fn quoted(out: &mut impl Write, format: RowFormat, text: &str) -> io::Result<()> {
    if format == RowFormat::Csv {
        return write!(out, "{}", csv_cell(text));
    }
    match text.contains(['\t', '\n', '\r']) {
        true => write!(out, "{}", text.replace('\t', "\\t").replace('\n', "\\n").replace('\r', "\\r")),
        false => write!(out, "{text}"),
    }
}

pub(crate) fn object(out: &mut impl Write, fields: &[&str], cells: &[Cell<'_>], first: bool) -> io::Result<()> {
    out.write_all(if first { b"\n{" } else { b",\n{" })?;
    for (at, (field, cell)) in fields.iter().zip(cells).enumerate() {
        write!(out, "{}\"{field}\":", if at > 0 { "," } else { "" })?;
        match cell {
            Cell::Missing => out.write_all(b"null")?,
            Cell::Number(number) => write!(out, "{number}")?,
            Cell::Flag(flag) => write!(out, "{flag}")?,
            Cell::Text(text) => serde_json::to_writer(&mut *out, text)?,
            Cell::Numbers(numbers) => serde_json::to_writer(&mut *out, numbers)?,
            Cell::Texts(texts) => serde_json::to_writer(&mut *out, texts)?,
        }
    }
    out.write_all(b"}")
}
