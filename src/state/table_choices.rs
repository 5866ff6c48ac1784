//! What a person chose of the table: columns, sorting, groups, and places to go to.

use serde::{Deserialize, Serialize};

use super::{Action, AppState};
use crate::analysis::table_columns::Column;
use crate::analysis::table_rows::SortKey;
pub use crate::analysis::table_text::RowFormat;

/// Widths of columns that still show something, and that fit a screen, in points.
const LEAST_WIDTH: f32 = 24.0;
const MOST_WIDTH: f32 = 2000.0;

/// A column that is shown.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShownColumn {
    pub column: Column,
    /// In points; the column's own width if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<f32>,
}

impl From<Column> for ShownColumn {
    fn from(column: Column) -> Self {
        Self { column, width: None }
    }
}

/// What groups are ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GroupOrder {
    #[default]
    Value,
    Ops,
    Time,
    Touched,
    Logged,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Grouping {
    pub column: Column,
    pub order: GroupOrder,
    pub down: bool,
}

/// A place in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// An op by its number, or the listed one nearest to it.
    Op(u32),
    /// A row as listed, from 0.
    Row(u64),
    /// The op that runs then, from the run's first stamp.
    TimeNs(u64),
    Pass(u32),
    First,
    Last,
}

#[derive(Debug, Clone, PartialEq)]
pub struct TableState {
    /// In the order in which they stand.
    pub columns: Vec<ShownColumn>,
    /// The first counts most.
    pub sort: Vec<SortKey>,
    pub group: Option<Grouping>,
    /// Where to go, and how often that was asked: only the view knows its rows.
    pub goal: Option<(Place, u64)>,
    /// Pages scrolled since the program began, which the view follows.
    pub pages: f64,
}

impl Default for TableState {
    fn default() -> Self {
        let columns = Column::ALL.into_iter().map(ShownColumn::from).collect();
        Self { columns, sort: Vec::new(), group: None, goal: None, pages: 0.0 }
    }
}

impl TableState {
    /// Whether the columns are those of a run that was just opened.
    pub fn has_usual_columns(&self) -> bool {
        let all = Self::default().columns;
        self.columns == all || self.columns.iter().eq(all.iter().filter(|shown| shown.column != Column::Experts))
    }

    /// Nobody needs a column of experts where there are none.
    pub(super) fn suit(&mut self, trace: &crate::trace::Trace) {
        let all = Self::default().columns;
        let without: Vec<ShownColumn> = all.iter().copied().filter(|shown| shown.column != Column::Experts).collect();
        if self.columns == all || self.columns == without {
            let experts = trace.tensors.iter().any(|tensor| tensor.experts.is_some());
            self.columns = if experts { all } else { without };
        }
    }
}

impl AppState {
    pub(super) fn set_table_sort(&mut self, keys: &[SortKey]) {
        let mut sort: Vec<SortKey> = Vec::new();
        for key in keys {
            if sort.iter().all(|known| known.column != key.column) {
                sort.push(*key);
            }
        }
        self.table.sort = sort;
    }

    pub(super) fn set_table_columns(&mut self, columns: &[ShownColumn]) -> Result<(), String> {
        let mut shown: Vec<ShownColumn> = Vec::new();
        for column in columns {
            if shown.iter().all(|known| known.column != column.column) {
                let width = column.width.filter(|width| width.is_finite());
                shown.push(ShownColumn { width: width.map(|w| w.clamp(LEAST_WIDTH, MOST_WIDTH)), ..*column });
            }
        }
        if shown.is_empty() {
            return Err("table without columns".to_owned());
        }
        self.table.columns = shown;
        Ok(())
    }

    pub(super) fn group_table(&mut self, column: Option<Column>, order: GroupOrder, down: bool) -> Result<(), String> {
        if let Some(column) = column.filter(|column| !column.can_group()) {
            return Err(format!("groups by {}: its values are too many, or several to an op", column.name()));
        }
        self.table.group = column.map(|column| Grouping { column, order, down });
        Ok(())
    }

    pub(super) fn go_to(&mut self, place: Place) -> Result<(), String> {
        let Some(document) = &self.document else { return Err("ops".to_owned()) };
        match place {
            Place::Op(op) if op as usize >= document.trace.op_count() => return Err(format!("op {op}")),
            Place::Pass(pass) if pass as usize >= document.trace.passes.len() => return Err(format!("pass {pass}")),
            _ => {}
        }
        let asked = self.table.goal.map_or(0, |(_, asked)| asked);
        self.table.goal = Some((place, asked + 1));
        // Places are of ops, which groups hide.
        self.table.group = None;
        if self.view != super::View::Table {
            self.change(&Action::SetView { view: super::View::Table })?;
        }
        Ok(())
    }
}

impl Place {
    /// What people type: `1234` an op, `row 20`, `pass 3` or `p3`, `1.5 ms`, `2s`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim().to_lowercase();
        let number = |text: &str| text.trim().replace([',', '_'], "").parse::<u64>().ok();
        let small = |n: u64| u32::try_from(n).ok();
        let place = if let Some(row) = text.strip_prefix("row") {
            number(row).and_then(|row| row.checked_sub(1)).map(Self::Row)
        } else if let Some(pass) = text.strip_prefix("pass").or_else(|| text.strip_prefix('p')) {
            number(pass).and_then(small).map(Self::Pass)
        } else if let Some(op) = number(text.strip_prefix("op").unwrap_or(&text)) {
            small(op).map(Self::Op)
        } else {
            crate::units::parse_duration(&text).map(Self::TimeNs)
        };
        place.ok_or_else(|| format!("{text:?} is no place; try 1234 (an op), row 20, pass 3 or 1.5 ms"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_as_people_write_them() {
        for (text, place) in [
            ("1,234", Place::Op(1234)),
            ("op 7", Place::Op(7)),
            ("row 1", Place::Row(0)),
            ("Pass 3", Place::Pass(3)),
            ("p12", Place::Pass(12)),
            ("1.5ms", Place::TimeNs(1_500_000)),
            ("2 s", Place::TimeNs(2_000_000_000)),
        ] {
            assert_eq!(Place::parse(text).unwrap(), place, "{text}");
        }
        for text in ["", "row", "row 0", "pass -1", "5000000000", "fast", "-2 ms"] {
            assert!(Place::parse(text).unwrap_err().contains("row 20"), "{text}");
        }
    }
}
