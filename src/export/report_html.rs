//! Pieces of the report's page: text that cannot become markup, tables of numbers, and lists of names and values

use std::fmt::Write;

use serde_json::Value;

use crate::analysis::stats::fields::{Row, text, title};

/// Text between tags and in attributes. What XML cannot hold is shown as its escape.
pub fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\n' | '\t' => escaped.push(c),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => {
                let _ = write!(escaped, "{}", c.escape_default());
            }
            c => escaped.push(c),
        }
    }
    escaped
}

/// Names and values in two columns.
pub fn pairs<'a>(rows: impl IntoIterator<Item = (&'a str, String)>) -> String {
    let mut out = "<table>\n".to_owned();
    for (name, value) in rows {
        let _ = writeln!(out, "<tr><th>{}</th><td class=\"text\">{}</td></tr>", escaped(name), escaped(&value));
    }
    out + "</table>\n"
}

/// Rows with some of their fields, each with its meaning where the pointer rests. More than `most` rows are not written,
/// which is said below.
pub fn table<R: Row>(rows: &[R], fields: &[&str], most: usize, rest: &str) -> String {
    let mut out = "<div class=\"wide\"><table>\n<tr>".to_owned();
    let values: Vec<Vec<Value>> = rows.iter().take(most).map(|row| chosen(row, fields)).collect();
    let is_number = |at: usize| values.iter().any(|row| row[at].is_number());
    let class = |at: usize| if is_number(at) { "number" } else { "text" };
    for (at, field) in fields.iter().enumerate() {
        let meaning = R::FIELDS.iter().find(|(name, _)| name == field).map_or("", |(_, meaning)| *meaning);
        let (class, title) = (class(at), title(field));
        let _ = write!(out, "<th class=\"{class}\" title=\"{}\">{}</th>", escaped(meaning), escaped(&title));
    }
    out.push_str("</tr>\n");
    for row in &values {
        out.push_str("<tr>");
        for (at, (field, value)) in fields.iter().zip(row).enumerate() {
            let _ = write!(out, "<td class=\"{}\">{}</td>", class(at), escaped(&text(field, value)));
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</table></div>\n");
    if rows.len() > most {
        let count = |n: usize| crate::units::count(n as u64);
        let _ = writeln!(out, "<p class=\"faint\">{} of {}; {}</p>", count(most), count(rows.len()), escaped(rest));
    }
    out
}

fn chosen<R: Row>(row: &R, fields: &[&str]) -> Vec<Value> {
    let values = row.values();
    let value = |field: &&str| values.iter().find(|(name, _)| name == field).map_or(Value::Null, |(_, v)| v.clone());
    fields.iter().map(value).collect()
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn text_stays_text() {
        assert_eq!(escaped("<a b='\"'>&\u{1}\n"), "&lt;a b=&#39;&quot;&#39;&gt;&amp;\\u{1}\n");
    }
}
