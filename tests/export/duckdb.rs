//! The query that the guide gives for DuckDB, run by DuckDB on two exported runs, says what the model says.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tensorscope::analysis::watch::Watch;
use tensorscope::trace::{Phase, Track, flags};

use super::fixture_run;

/// Reads a query from standard input and prints what it gives as JSON.
const PROGRAM: &str = "\
import duckdb, json, sys
cursor = duckdb.execute(sys.stdin.read())
names = [column[0] for column in cursor.description]
json.dump([dict(zip(names, row)) for row in cursor.fetchall()], sys.stdout, default=float)
";

/// A Python that has DuckDB: what `scripts/install-deps.sh --tests` made, or the system's.
fn python() -> Option<PathBuf> {
    let made = Path::new(env!("CARGO_MANIFEST_DIR")).join("out/venv/bin/python");
    [made, PathBuf::from("python3")].into_iter().find(|python| {
        let there = Command::new(python).args(["-c", "import duckdb"]).stderr(Stdio::null()).status();
        there.is_ok_and(|status| status.success())
    })
}

/// The indented lines below a heading of the guide.
fn query_of_the_guide() -> String {
    let guide = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/exports.md")).unwrap();
    let section = guide.split("\n### ").find(|section| section.starts_with("DuckDB\n")).unwrap();
    section.lines().filter_map(|line| line.strip_prefix("    ")).fold(String::new(), |all, line| all + line + "\n")
}

#[test]
fn the_query_of_the_guide_says_what_the_model_says() {
    let query = query_of_the_guide();
    assert!(query.starts_with("SELECT") && query.contains("read_parquet('runs/"), "{query}");
    let Some(python) = python() else {
        // Past what the test harness catches: a test that tests nothing says so.
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED export::duckdb: no Python here has duckdb; scripts/install-deps.sh --tests installs it"
        );
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let mut expected: BTreeMap<(String, Option<u32>), (u64, f64)> = BTreeMap::new();
    for name in ["smollm2-135m", "moe-128x48"] {
        let run = fixture_run(name);
        run.write_parquet(&folder.path().join("runs"), Watch::nobody()).unwrap();
        let trace = &run.trace;
        let mut sums: BTreeMap<Option<u32>, (u64, std::collections::BTreeSet<u32>)> = BTreeMap::new();
        for op in (0..trace.op_count()).filter(|op| trace.pass_of(*op).unwrap().phase == Phase::Generate) {
            for access in trace.accesses_of(op) {
                let range = trace.accesses.range[access] as usize;
                let tensor = &trace.tensors[trace.ranges.tensor[range] as usize];
                if tensor.track == Track::Disk && trace.accesses.flags[access] & flags::WRITE == 0 {
                    let (bytes, passes) = sums.entry(trace.ops.layer.get(op)).or_default();
                    *bytes += trace.ranges.length[range];
                    passes.insert(trace.ops.pass[op]);
                }
            }
        }
        for (layer, (bytes, passes)) in sums {
            let each = bytes as f64 / passes.len() as f64;
            expected.insert((name.to_owned(), layer), (passes.len() as u64, each));
        }
    }
    let mut child = Command::new(python)
        .args(["-c", PROGRAM])
        .current_dir(folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(query.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let rows: Vec<serde_json::Value> = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(rows.len(), expected.len());
    for row in rows {
        let key = (row["run"].as_str().unwrap().to_owned(), row["layer"].as_u64().map(|layer| layer as u32));
        let (passes, bytes) = expected[&key];
        assert_eq!(row["passes"].as_u64(), Some(passes), "{key:?}");
        let answer = row["disk_bytes_per_pass"].as_f64().unwrap();
        assert!((answer - bytes).abs() <= bytes * 1e-12, "{key:?}: {answer} is not {bytes}");
    }
}
