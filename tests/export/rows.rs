//! CSV and JSON: to the letter for a small run, and as many rows as there are for real ones; filters and phases.

use tensorscope::analysis::table_text::RowFormat;
use tensorscope::analysis::watch::Watch;
use tensorscope::export::{RowKind, RunExport};
use tensorscope::state::{Action, RunFormat};
use tensorscope::trace::Phase;

use super::run::small;
use super::{fixture, fixture_run, tensorscope, whole};
use crate::workspace::Session;

fn text(run: &RunExport, kind: RowKind, format: RowFormat) -> String {
    let mut out = Vec::new();
    run.write_rows(kind, format, &mut out, Watch::nobody()).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn accesses_of_a_small_run_are_these_rows() {
    let run = whole(small(), "small");
    let expected = "\
op,pass,phase,token,layer,kind,destination,start_ns,duration_ns,tensor,track,slot,write,estimated,offset,length,expert,track_byte
0,0,prompt,\"a\n\"\"\",,GET_ROWS,cur-0,0,1500,\"w \"\"q\"\",\n2\",DISK,0,false,false,8,8,,108
0,0,prompt,\"a\n\"\"\",,GET_ROWS,cur-0,0,1500,cur-0,BUFFER,,true,false,0,32,,16
1,0,prompt,\"a\n\"\"\",0,MUL_MAT,cur-0,1500,,cur-0,BUFFER,0,false,false,0,32,,16
1,0,prompt,\"a\n\"\"\",0,MUL_MAT,cur-0,1500,,\"w \"\"q\"\",\n2\",DISK,1,false,true,0,64,3,100
1,0,prompt,\"a\n\"\"\",0,MUL_MAT,cur-0,1500,,cur-0,BUFFER,,true,false,0,32,,16
2,1,generate,,0,MUL_MAT,,5000,250,nowhere,BUFFER,0,false,false,0,4,,
";
    assert_eq!(text(&run, RowKind::Accesses, RowFormat::Csv), expected);
    let json: Vec<serde_json::Value> = serde_json::from_str(&text(&run, RowKind::Accesses, RowFormat::Json)).unwrap();
    assert_eq!(json.len(), 6);
    let row = serde_json::json!({
        "op": 1, "pass": 0, "phase": "prompt", "token": "a\n\"", "layer": 0, "kind": "MUL_MAT", "destination": "cur-0",
        "start_ns": 1500, "duration_ns": null, "tensor": "w \"q\",\n2", "track": "DISK", "slot": 1, "write": false,
        "estimated": true, "offset": 0, "length": 64, "expert": 3, "track_byte": 100,
    });
    assert_eq!(json[3], row);
}

#[test]
fn ops_of_a_small_run_are_these_rows() {
    let run = whole(small(), "small");
    let expected = "\
index,start_ns,duration_ns,pass,token,phase,layer,op,destination,touched_bytes,logged_bytes,tracks,experts,operands
0,0,1500,0,\"a\n\"\"\",prompt,,GET_ROWS,cur-0,40,96,DISK; BUFFER,,\"w \"\"q\"\",\n2\"
1,1500,,0,\"a\n\"\"\",prompt,0,MUL_MAT,cur-0,128,128,DISK; BUFFER,3,\"cur-0; w \"\"q\"\",\n2\"
2,5000,250,1,,generate,0,MUL_MAT,,4,4,,,nowhere
";
    assert_eq!(text(&run, RowKind::Ops, RowFormat::Csv), expected);
    let nothing = whole(tensorscope::trace::Trace { ops: Default::default(), ..small() }, "nothing");
    for kind in [RowKind::Ops, RowKind::Accesses] {
        let rows: Vec<serde_json::Value> = serde_json::from_str(&text(&nothing, kind, RowFormat::Json)).unwrap();
        assert!(rows.is_empty());
    }
}

#[test]
fn a_real_run_has_a_row_for_every_access() {
    let run = fixture_run("moe-128x48");
    let json: Vec<serde_json::Value> = serde_json::from_str(&text(&run, RowKind::Accesses, RowFormat::Json)).unwrap();
    assert_eq!(json.len(), run.trace.access_count());
    let experts = json.iter().filter(|row| !row["expert"].is_null()).count();
    let ranges = &run.trace.ranges;
    assert_eq!(experts, run.trace.accesses.range.iter().filter(|r| ranges.expert.get(**r as usize).is_some()).count());
    assert!(experts > 1000);
}

#[test]
fn the_command_writes_what_filter_and_phase_let_through() {
    let folder = tempfile::tempdir().unwrap();
    let run = fixture("smollm2-135m");
    let trace = fixture_run("smollm2-135m").trace;
    let path = folder.path().join("ops.json");
    let output = tensorscope(&[
        "export",
        run.to_str().unwrap(),
        "--format",
        "json",
        "-o",
        path.to_str().unwrap(),
        "--filter",
        r#"{"kind":"MUL_MAT","layer":5}"#,
        "--phase",
        "generate",
    ]);
    assert!(output.status.success(), "{output:?}");
    let expected: Vec<usize> = (0..trace.op_count())
        .filter(|&op| {
            trace.op_name(op) == "MUL_MAT"
                && trace.ops.layer.get(op) == Some(5)
                && trace.pass_of(op).unwrap().phase == Phase::Generate
        })
        .collect();
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(said, format!("{}: {} ops\n", path.display(), expected.len()));
    let rows: Vec<serde_json::Value> = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let written: Vec<usize> = rows.iter().map(|row| row["index"].as_u64().unwrap() as usize).collect();
    assert_eq!(written, expected);
    assert!(written.len() > 100);
}

#[test]
fn what_cannot_be_exported_is_said_in_one_line() {
    let run = fixture("smollm2-135m");
    let failure = |arguments: &[&str]| {
        let output = tensorscope(&[&["export", run.to_str().unwrap()], arguments].concat());
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!((error.lines().count(), output.stdout.len()), (1, 0), "{error}");
        error
    };
    let bad = failure(&["--format", "csv", "-o", "-", "--filter", r#"{"colour":1}"#]);
    assert!(bad.contains("--filter is no filter") && bad.contains("colour"), "{bad}");
    let bad = failure(&["--format", "csv", "-o", "-", "--filter", r#"{"text":"(","regex":true}"#]);
    assert!(bad.contains("unclosed group"), "{bad}");
    let bad = failure(&["--format", "parquet", "-o", "-"]);
    assert!(bad.contains("name a folder"), "{bad}");
    let bad = failure(&["--format", "perfetto", "-o", "-", "--rows", "accesses"]);
    assert!(bad.contains("--rows is for csv and json"), "{bad}");
    let bad = failure(&["--format", "csv", "-o", "-", "--name", "x"]);
    assert!(bad.contains("--name is for parquet and perfetto"), "{bad}");
    let bad = failure(&["--format", "parquet", "-o", "x", "--name", " "]);
    assert!(bad.contains("--name is empty"), "{bad}");
    let bad = failure(&["--format", "csv", "-o", "/nowhere/at/all.csv"]);
    assert!(bad.contains("folder that exists"), "{bad}");
    assert_eq!(tensorscope(&["export", run.to_str().unwrap(), "-o", "x"]).status.code(), Some(2), "no format");
}

#[test]
fn what_the_filter_names_must_be_in_the_run() {
    let run = fixture("smollm2-135m");
    let export = |filter: &str| {
        tensorscope(&["export", run.to_str().unwrap(), "--format", "csv", "-o", "-", "--filter", filter])
    };
    for (filter, lacks) in [
        (r#"{"kind":"NOPE"}"#, "no op of the kind \"NOPE\"; its kinds are "),
        (r#"{"layer":99}"#, "no layer 99; its layers are 0 to 29"),
        (r#"{"pass":99}"#, "no pass 99; its passes are 0 to 24"),
        (r#"{"touches":"no.such.weight"}"#, "no tensor \"no.such.weight\""),
        (r#"{"touches":4000000000}"#, "no tensor 4000000000; its tensors are 0 to "),
    ] {
        let output = export(filter);
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), output.stdout.len(), error.lines().count()), (Some(1), 0, 1), "{filter}");
        assert!(error.contains(lacks), "{error}");
    }
    // What happens not to be there together is no fault.
    for filter in [r#"{"text":"no.such.name"}"#, r#"{"kind":"ROPE","track":"disk"}"#, r#"{"layer":29,"pass":24}"#] {
        let output = export(filter);
        assert!(output.status.success() && output.stdout.starts_with(b"index,"), "{filter}: {output:?}");
    }
}

#[test]
fn an_export_says_that_its_reader_went_away_and_numbers_do_not() {
    use std::process::{Command, Output, Stdio};
    let run = fixture("smollm2-135m");
    let unread = |command: &str, arguments: &[&str]| -> Output {
        let mut child = Command::new(env!("CARGO_BIN_EXE_tensorscope"))
            .arg(command)
            .arg(&run)
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        child.wait_with_output().unwrap()
    };
    for format in ["csv", "json", "perfetto"] {
        let output = unread("export", &["--format", format, "-o", "-"]);
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), error.lines().count()), (Some(1), 1), "{format}: {error}");
        assert!(error.contains("not the whole export"), "{error}");
    }
    for command in ["info", "stats"] {
        let output = unread(command, &[]);
        assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    }
}

#[test]
fn the_window_exports_the_rows_of_its_filter() {
    let folder = tempfile::tempdir().unwrap();
    let mut session = Session::new();
    let path = folder.path().join("ops.csv");
    session.scene.act(Action::SetPhase { phase: Some(Phase::Generate) });
    session.scene.act(Action::SetFilter { filter: serde_json::from_str(r#"{"kind":"ROPE"}"#).unwrap() });
    session.act(Action::ExportRun { path: path.clone(), format: RunFormat::Csv });
    assert_eq!(session.scene.problem(), None);
    let rows = session.scene.row_count();
    let csv = std::fs::read_to_string(&path).unwrap();
    assert_eq!(csv.matches(",ROPE,").count(), rows);
    let notice = session.scene.notice().unwrap().to_owned();
    assert!(notice.starts_with(&format!("wrote {} ops to ", tensorscope::units::count(rows as u64))), "{notice}");
    session.act(Action::ExportRun { path: folder.path().join("runs"), format: RunFormat::Parquet });
    assert!(folder.path().join("runs/accesses/run=smollm2-135m").is_dir(), "{:?}", session.scene.problem());
    session.act(Action::ExportRun { path: folder.path().join("runs"), format: RunFormat::Parquet });
    assert!(session.scene.problem().unwrap().contains("is there already"));
    session.act(Action::ExportRun { path: folder.path().join("no/x.json"), format: RunFormat::Perfetto });
    assert!(session.scene.problem().unwrap().contains("folder that exists"));
}
