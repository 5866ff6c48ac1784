//! `stats` as a person and other programs run it, and its fields as the guide lists them.

use assert_cmd::Command;
use serde_json::Value;
use tensorscope::analysis::stats::fields::{Row, TABLES};
use tensorscope::analysis::stats::*;

const RUN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/smollm2-135m.tscope");
const MIXTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/moe-128x48.tscope");

fn stats(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_tensorscope")).arg("stats").args(arguments).assert().success();
    String::from_utf8(output.get_output().stdout.clone()).unwrap()
}

/// Cells of RFC 4180.
fn cells(csv: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut cell, mut quoted) = (Vec::new(), Vec::new(), String::new(), false);
    let mut rest = csv.chars().peekable();
    while let Some(next) = rest.next() {
        match next {
            '"' if quoted && rest.peek() == Some(&'"') => cell.extend(rest.next()),
            '"' => quoted = !quoted,
            ',' if !quoted => row.push(std::mem::take(&mut cell)),
            '\n' if !quoted => {
                row.push(std::mem::take(&mut cell));
                rows.push(std::mem::take(&mut row));
            }
            other => cell.push(other),
        }
    }
    assert!(cell.is_empty() && row.is_empty() && !quoted);
    rows
}

fn names<R: Row>() -> Vec<&'static str> {
    R::FIELDS.iter().map(|(name, _)| *name).collect()
}

#[test]
fn rows_have_the_fields_that_they_promise() {
    fn check<R: Row>() {
        assert_eq!(R::default().values().iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), names::<R>());
    }
    check::<RunStats>();
    check::<PassStats>();
    check::<LayerStats>();
    check::<TensorStats>();
    check::<OpKindStats>();
    check::<ExpertStats>();
    check::<ExpertLayerStats>();
    check::<LayerPassStats>();
}

#[test]
fn every_field_is_in_the_guide_as_the_program_explains_it() {
    let guide = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/stats.md")).unwrap();
    for (table, fields) in TABLES {
        let section = guide.split("\n## ").find(|section| section.lines().next() == Some(table)).unwrap();
        let listed: Vec<(&str, &str)> = section
            .lines()
            .filter_map(|line| line.strip_prefix("| `")?.strip_suffix(" |")?.split_once("` | "))
            .collect();
        assert_eq!(listed, fields, "{table}");
    }
}

/// The values of a field as they stand in JSON: what a reader makes of a float may lack its last bit.
fn as_written<'a>(json: &'a str, field: &str) -> Vec<&'a str> {
    let key = format!("\"{field}\":");
    json.split(&key).skip(1).map(|rest| rest.split([',', '}']).next().unwrap()).collect()
}

#[test]
fn csv_and_json_have_the_same_fields_and_values() {
    for (by, names, rows) in [
        ("pass", names::<PassStats>(), 25),
        ("layer", names::<LayerStats>(), 31),
        ("tensor", names::<TensorStats>(), 0),
        ("op", names::<OpKindStats>(), 0),
        ("layer-pass", names::<LayerPassStats>(), 25 * 31),
    ] {
        let csv = cells(&stats(&[RUN, "--by", by, "--format", "csv"]));
        let text = stats(&[RUN, "--by", by, "--format", "json"]);
        let json: Value = serde_json::from_str(&text).unwrap();
        assert_eq!((&csv[0], json["by"].as_str()), (&names.iter().map(|n| (*n).to_owned()).collect(), Some(by)));
        let objects = json["rows"].as_array().unwrap();
        assert_eq!(objects.len(), csv.len() - 1);
        assert!(rows == 0 || rows == objects.len(), "{by}: {}", objects.len());
        for (line, object) in csv[1..].iter().zip(objects) {
            assert_eq!(object.as_object().unwrap().len(), names.len());
            for (cell, name) in line.iter().zip(&names) {
                let same = match &object[name] {
                    Value::Null => cell.is_empty(),
                    Value::String(text) => text == cell,
                    Value::Array(values) => cell.split("; ").filter(|part| !part.is_empty()).count() == values.len(),
                    // To the last digit: below.
                    Value::Number(_) => true,
                    other => format!("{other}") == *cell,
                };
                assert!(same, "{by} {name}: {cell:?} {}", object[name]);
            }
        }
        for (at, name) in names.iter().enumerate() {
            let written = as_written(&text, name);
            assert_eq!(written.len(), objects.len());
            for (line, number) in csv[1..].iter().zip(written).filter(|(_, value)| value.parse::<f64>().is_ok()) {
                assert_eq!(line[at], number, "{by} {name}");
            }
        }
    }
}

#[test]
fn the_run_is_one_object_and_one_line() {
    let text = stats(&[RUN, "--format", "json"]);
    let json: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["by"], "run");
    let object = json["run"].as_object().unwrap();
    assert_eq!(object.len(), RunStats::FIELDS.len());
    assert_eq!((&object["prompt_tokens"], &object["generate_tokens"]), (&5.into(), &24.into()));
    let csv = cells(&stats(&[RUN, "--by", "run", "--format", "csv"]));
    assert_eq!(csv.len(), 2);
    let at = csv[0].iter().position(|name| name == "never_touched_bytes").unwrap();
    assert_eq!(csv[1][at], object["never_touched_bytes"].to_string());
    let mut floats = 0;
    for (name, cell) in csv[0].iter().zip(&csv[1]).filter(|(_, cell)| cell.contains('.')) {
        assert_eq!(as_written(&text, name), [cell], "{name}");
        floats += 1;
    }
    assert!(floats > 8, "{floats}");
}

#[test]
fn experts_come_with_what_their_layers_have_in_common() {
    let json: Value = serde_json::from_str(&stats(&[MIXTURE, "--by", "expert", "--format", "json"])).unwrap();
    assert_eq!(json["rows"].as_array().unwrap().len(), 48 * 128);
    assert_eq!(json["layers"].as_array().unwrap().len(), 48);
    let csv = cells(&stats(&[MIXTURE, "--by", "expert-layer", "--format", "csv"]));
    assert_eq!((csv.len(), csv[0][0].as_str()), (49, "layer"));
    // A run without experts has no rows, and no error.
    let none = cells(&stats(&[RUN, "--by", "expert", "--format", "csv"]));
    assert_eq!(none, [names::<ExpertStats>()]);
}

#[test]
fn tables_for_people_have_units_and_straight_columns() {
    let run = stats(&[RUN]);
    for words in ["never touched", "tokens per second", "MiB", "prompt  ", "generate", "reuse distance from"] {
        assert!(run.contains(words), "{words}: {run}");
    }
    let layers = stats(&[RUN, "--by", "layer"]);
    let at = |line: &str| line.find("blk.").or(line.find("hottest")).map(|at| line[..at].chars().count());
    let ends: Vec<Option<usize>> = layers.lines().map(at).collect();
    assert!(ends[1..31].iter().all(|at| *at == ends[0]), "{layers}");
    let generated = stats(&[RUN, "--by", "pass", "--phase", "generate"]);
    assert_eq!(generated.lines().count(), 25);
    assert!(!generated.contains("prompt"));
}

#[test]
fn what_is_wrong_is_said_in_one_line() {
    let command = || Command::new(env!("CARGO_BIN_EXE_tensorscope"));
    let missing = command().args(["stats", "no/such/run"]).assert().code(1).stdout("");
    let error = String::from_utf8(missing.get_output().stderr.clone()).unwrap();
    assert!(error.starts_with("tensorscope: ") && error.lines().count() == 1, "{error}");
    command().args(["stats", RUN, "--by", "nothing"]).assert().code(2);
    command().args(["stats", RUN, "--format", "xml"]).assert().code(2);
}
