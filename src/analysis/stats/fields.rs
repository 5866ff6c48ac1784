//! Rows of tables field by field: names and meanings, and values as they go into files.

use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::{ExpertLayerStats, ExpertStats, LayerPassStats, LayerStats, OpKindStats, PassStats, RunStats, TensorStats};
use crate::units;

/// The name of a field and what it means, as the guide and tooltips say it.
pub type Field = (&'static str, &'static str);

/// A row of a table. Its fields have no fields of their own.
pub trait Row: Serialize + Default {
    /// In the order in which it is written.
    const FIELDS: &'static [Field];

    /// Names and values in the order of the fields.
    fn values(&self) -> Vec<(String, Value)> {
        // Text has the order. The numbers are not read back from it: that may lose the last bit of a float.
        let order = serde_json::to_string(self).and_then(|text| serde_json::from_str::<InOrder>(&text));
        let (Ok(InOrder(names)), Ok(Value::Object(mut fields))) = (order, serde_json::to_value(self)) else {
            return Vec::new();
        };
        names.into_iter().filter_map(|name| fields.remove_entry(&name)).collect()
    }
}

/// What a field of any table means.
pub fn meaning(table: &str, field: &str) -> Option<&'static str> {
    let (_, fields) = TABLES.iter().find(|(name, _)| *name == table)?;
    fields.iter().find(|(name, _)| *name == field).map(|(_, meaning)| *meaning)
}

/// `touched_disk_bytes` -> `touched disk`: units stand behind the numbers.
pub fn title(field: &str) -> String {
    let field = if field == "bytes" { "size" } else { field };
    let bare = field.strip_suffix("_bytes").or_else(|| field.strip_suffix("_ns")).unwrap_or(field);
    bare.replace('_', " ")
}

/// A value as people read it, with the unit that its field's name says.
pub fn text(field: &str, value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::Number(number) => number_text(field, number.as_u64(), number.as_f64().unwrap_or(0.0)),
        Value::String(text) => text.escape_debug().to_string(),
        Value::Array(values) => values.iter().map(|value| text(field, value)).collect::<Vec<_>>().join(" "),
        other => other.to_string(),
    }
}

fn number_text(field: &str, whole: Option<u64>, number: f64) -> String {
    let ends = |suffix: &str| field.ends_with(suffix);
    if ends("bytes") {
        units::bytes(whole.unwrap_or(number as u64))
    } else if ends("_ns") {
        units::duration(whole.unwrap_or(number as u64))
    } else if ends("share") || ends("normalised") || field == "overlap" {
        format!("{:.1} %", number * 100.0)
    } else {
        whole.map_or_else(|| units::decimal(number), units::count)
    }
}

/// All tables, by what a row of them stands for.
pub const TABLES: [(&str, &[Field]); 8] = [
    ("run", RunStats::FIELDS),
    ("pass", PassStats::FIELDS),
    ("layer", LayerStats::FIELDS),
    ("tensor", TensorStats::FIELDS),
    ("op", OpKindStats::FIELDS),
    ("expert", ExpertStats::FIELDS),
    ("expert-layer", ExpertLayerStats::FIELDS),
    ("layer-pass", LayerPassStats::FIELDS),
];

/// The names of an object's fields, in the order in which they were written.
struct InOrder(Vec<String>);

impl<'de> Deserialize<'de> for InOrder {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = InOrder;

            fn expecting(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(out, "an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<InOrder, A::Error> {
                let mut names = Vec::new();
                while let Some((name, IgnoredAny)) = map.next_entry()? {
                    names.push(name);
                }
                Ok(InOrder(names))
            }
        }
        deserializer.deserialize_map(Fields)
    }
}
