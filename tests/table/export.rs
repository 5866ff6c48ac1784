//! What is copied and exported: the rows as they are shown, in files that are whole or not there.

use std::path::Path;

use tensorscope::analysis::filter::Filter;
use tensorscope::analysis::table_columns::Column;
use tensorscope::analysis::table_rows::{Rows, SortKey};
use tensorscope::analysis::table_text::{Listed, RowFormat};
use tensorscope::app::Waker;
use tensorscope::app::exporter::{Exporter, Written};
use tensorscope::export::ExportError;
use tensorscope::state::table_choices::GroupOrder;
use tensorscope::state::{Action, ItemRef};

use super::run;
use crate::native::full_disk::{in_a_process_of_its_own, limit};
use crate::workspace::{FRAME, Session, sample};

fn names(folder: &Path) -> Vec<String> {
    folder.read_dir().unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// Fields of CSV text, row by row: RFC 4180, read by hand.
fn csv(text: &str) -> Vec<Vec<String>> {
    let (mut rows, mut field, mut quoted) = (vec![vec![]], String::new(), false);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => field.push(chars.next().unwrap()),
            '"' => quoted = !quoted,
            ',' if !quoted => rows.last_mut().unwrap().push(std::mem::take(&mut field)),
            '\n' if !quoted => {
                rows.last_mut().unwrap().push(std::mem::take(&mut field));
                rows.push(vec![]);
            }
            c => field.push(c),
        }
    }
    assert_eq!(rows.pop(), Some(vec![]), "the last line ends");
    rows
}

fn wait(exporter: &Exporter) -> Result<Written, ExportError> {
    loop {
        if let Some(result) = exporter.poll() {
            return result;
        }
        std::thread::yield_now();
    }
}

fn listed(ops: usize) -> Listed {
    let trace = run::random(21, ops).into();
    Listed { trace, columns: Column::ALL.to_vec(), rows: Rows::All(ops as u32).into(), groups: None }
}

#[test]
fn what_is_shown_is_what_is_written_filter_order_and_columns_included() {
    let folder = tempfile::tempdir().unwrap();
    let mut session = Session::new();
    session.act(Action::SetColumns { columns: [Column::Op, Column::Duration, Column::Index].map(Into::into).to_vec() });
    // All in one frame: the export waits for the rows that were asked for.
    let path = folder.path().join("rows.csv");
    session.scene.act(Action::SetFilter { filter: Filter { layer: Some(5), ..Filter::default() } });
    session.scene.act(Action::SetSort { keys: vec![SortKey { column: Column::Duration, down: true }] });
    session.scene.act(Action::ExportRows { path: path.clone(), format: RowFormat::Csv });
    session.settle();
    assert_eq!(session.scene.problem(), None);
    let count = session.scene.row_count();
    assert!(
        session.scene.notice().unwrap().starts_with(&format!("wrote {count} rows")),
        "{:?}",
        session.scene.notice()
    );
    let rows = csv(&std::fs::read_to_string(&path).unwrap());
    assert_eq!(rows[0], ["op", "duration_ns", "index"]);
    assert_eq!(rows.len(), count + 1);
    let document = session.scene.state.document.clone().unwrap();
    let numbers: Vec<u64> = rows[1..].iter().map(|row| row[1].parse().unwrap()).collect();
    assert!(numbers.is_sorted_by(|a, b| a >= b));
    for row in &rows[1..] {
        let op: usize = row[2].parse().unwrap();
        assert_eq!(document.trace.ops.layer.get(op), Some(5));
        assert_eq!(
            (row[0].as_str(), row[1].parse().ok()),
            (document.trace.op_name(op), document.trace.ops.duration_ns.get(op))
        );
    }
    let path = folder.path().join("groups.json");
    session.scene.act(Action::GroupBy { column: Some(Column::Op), order: GroupOrder::Ops, down: true });
    session.scene.act(Action::ExportRows { path: path.clone(), format: RowFormat::Json });
    session.settle();
    let groups: Vec<serde_json::Value> = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    let ops: Vec<u64> = groups.iter().map(|group| group["ops"].as_u64().unwrap()).collect();
    assert!(ops.is_sorted_by(|a, b| a >= b));
    assert_eq!(ops.iter().sum::<u64>(), count as u64);
    let path = folder.path().join("nowhere/rows.csv");
    session.act(Action::ExportRows { path, format: RowFormat::Csv });
    assert!(session.scene.problem().unwrap().contains("name a file in a folder that exists"));
    assert_eq!(names(folder.path()).len(), 2);
}

#[test]
fn a_picture_of_a_script_that_exports_waits_for_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let (script, rows, picture) =
        (folder.path().join("s.jsonl"), folder.path().join("rows.json"), folder.path().join("p.png"));
    let action = Action::ExportRows { path: rows.clone(), format: RowFormat::Json };
    std::fs::write(&script, serde_json::to_string(&action).unwrap()).unwrap();
    let mut command = assert_cmd::Command::new(env!("CARGO_BIN_EXE_tensorscope"));
    command.arg("render").arg(sample()).args(["--view", "health", "--size", "320x200", "--actions"]).arg(&script);
    command.arg("-o").arg(&picture).assert().success();
    let written: Vec<serde_json::Value> = serde_json::from_slice(&std::fs::read(&rows).unwrap()).unwrap();
    assert_eq!(written.len(), 23_400);
    let wrong = r#"{"action":"set_filter","filter":{"text":"(","regex":true}}"#;
    std::fs::remove_file(&rows).unwrap();
    std::fs::write(&script, format!("{wrong}\n{}\n", serde_json::to_string(&action).unwrap())).unwrap();
    let mut command = assert_cmd::Command::new(env!("CARGO_BIN_EXE_tensorscope"));
    command.arg("render").arg(sample()).args(["--view", "table", "--size", "320x200", "--actions"]).arg(&script);
    let failed = command.arg("-o").arg(&picture).assert().code(1);
    assert!(String::from_utf8_lossy(&failed.get_output().stderr).contains("unclosed group"));
    assert!(!rows.exists(), "rows of another filter are not what was asked for");
}

#[test]
fn every_value_survives_every_format() {
    let listed = listed(300);
    let text = |format| {
        let mut out = Vec::new();
        assert!(listed.write(&mut out, format, 0..listed.len(), |_| true).unwrap());
        String::from_utf8(out).unwrap()
    };
    let json: Vec<serde_json::Map<String, serde_json::Value>> = serde_json::from_str(&text(RowFormat::Json)).unwrap();
    let rows = csv(&text(RowFormat::Csv));
    let tabs: Vec<Vec<String>> =
        text(RowFormat::Tsv).lines().map(|line| line.split('\t').map(str::to_owned).collect()).collect();
    assert_eq!((json.len(), rows.len(), tabs.len()), (300, 301, 301));
    for (op, object) in json.iter().enumerate() {
        for (at, field) in rows[0].iter().enumerate() {
            let cell = match &object[field] {
                serde_json::Value::Null => String::new(),
                serde_json::Value::String(text) => text.clone(),
                serde_json::Value::Array(values) => values
                    .iter()
                    .map(|v| v.as_str().map_or_else(|| v.to_string(), str::to_owned))
                    .collect::<Vec<_>>()
                    .join("; "),
                other => other.to_string(),
            };
            assert_eq!(rows[op + 1][at], cell, "op {op}, {field}");
            assert_eq!(tabs[op + 1][at], cell.replace('\n', "\\n"), "op {op}, {field}");
        }
        assert_eq!(object["duration_ns"].as_u64(), listed.trace.ops.duration_ns.get(op));
    }
    let mut nothing = Vec::new();
    listed.write(&mut nothing, RowFormat::Json, 0..0, |_| true).unwrap();
    assert!(serde_json::from_slice::<Vec<u8>>(&nothing).unwrap().is_empty());
}

#[test]
fn the_selection_is_copied_or_else_what_is_listed_up_to_a_bound() {
    let mut session = Session::new();
    session.act(Action::SetColumns { columns: [Column::Index, Column::Op].map(Into::into).to_vec() });
    let copied = |session: &mut Session| {
        let mut text = None;
        for events in [vec![egui::Event::Copy], Vec::new(), Vec::new(), Vec::new()] {
            let report = session.target.step(&session.gpu, &mut session.scene, events, FRAME).unwrap();
            text = text.or(report.platform_output.commands.iter().find_map(|command| match command {
                egui::OutputCommand::CopyText(text) => Some(text.clone()),
                _ => None,
            }));
        }
        session.settle();
        text.unwrap()
    };
    let text = copied(&mut session);
    assert_eq!(text.lines().count(), 10_001, "a title, and as many rows as the clipboard takes");
    assert!(text.starts_with("index\top\n0\tGET_ROWS\n"));
    assert_eq!(session.scene.notice(), Some("copied the first 10,000 rows; Export takes all"));
    session.act(Action::Select { item: Some(ItemRef::Op(7)) });
    assert_eq!(copied(&mut session), "index\top\n7\tRESHAPE\n");
    assert_eq!(session.scene.notice(), Some("copied 1 of 23,400 rows"));
    session.act(Action::Select { item: Some(ItemRef::Pass(2)) });
    let pass = &session.scene.state.document.as_ref().unwrap().trace.passes[2];
    let (first, ops) = (pass.first_op, pass.ops as usize);
    let text = copied(&mut session);
    assert_eq!(text.lines().count(), ops + 1);
    assert!(text.lines().nth(1).unwrap().starts_with(&format!("{first}\t")));
}

#[test]
fn an_export_that_is_stopped_leaves_what_was_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.csv");
    std::fs::write(&path, "before").unwrap();
    let exporter = Exporter::rows(listed(2_000_000), path.clone(), RowFormat::Csv, Waker::none()).unwrap();
    exporter.cancel();
    assert!(matches!(wait(&exporter), Err(ExportError::Cancelled)));
    assert_eq!(names(folder.path()), ["rows.csv"]);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "before");
    let exporter = Exporter::rows(listed(5000), path.clone(), RowFormat::Tsv, Waker::none()).unwrap();
    assert_eq!(wait(&exporter).unwrap().count, 5000);
    assert_eq!(names(folder.path()), ["rows.csv"]);
    assert!(std::fs::read_to_string(&path).unwrap().starts_with("index\t"));
}

#[test]
fn a_full_disk_says_so_and_leaves_nothing() {
    if !in_a_process_of_its_own("table::export::a_full_disk_says_so_and_leaves_nothing") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for format in RowFormat::ALL {
        let path = folder.path().join("rows");
        limit(Some(100_000));
        let exporter = Exporter::rows(listed(20_000), path, format, Waker::none()).unwrap();
        let error = wait(&exporter).unwrap_err();
        limit(None);
        assert!(matches!(error, ExportError::Full { .. }), "{error}");
        assert!(error.to_string().contains("no room for these rows"), "{error}");
        assert!(names(folder.path()).is_empty());
    }
}
