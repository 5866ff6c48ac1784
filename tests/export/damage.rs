//! What stops an export: a full disk, a person who cancels, a place that cannot be written. Nothing half-named stays.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use tensorscope::analysis::watch::Watch;
use tensorscope::app::Waker;
use tensorscope::app::exporter::{Exporter, write_run};
use tensorscope::export::{ExportError, RowKind};
use tensorscope::state::RunFormat;

use super::{fixture_run, whole};
use crate::native::full_disk::{in_a_process_of_its_own, limit};
use crate::native::recording::names;
use crate::table::run::random;

#[test]
fn a_full_disk_leaves_nothing_and_says_so() {
    if !in_a_process_of_its_own("export::damage::a_full_disk_leaves_nothing_and_says_so") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let run = fixture_run("smollm2-135m");
    let there = folder.path().join("there");
    whole(random(1, 20), "before").write_parquet(&there, Watch::nobody()).unwrap();
    for format in RunFormat::ALL {
        for name in ["new", "there"] {
            if name == "there" && format != RunFormat::Parquet {
                continue;
            }
            let path = folder.path().join(name);
            limit(Some(20_000));
            let error = write_run(&run, RowKind::Ops, format, &path, Watch::nobody()).unwrap_err();
            limit(None);
            let text = error.to_string();
            assert!(matches!(error, ExportError::Full { .. }), "{format:?}: {text}");
            assert!(text.starts_with(&path.display().to_string()) && text.contains("free space"), "{text}");
            assert_eq!(names(folder.path()), ["there"], "{format:?}");
        }
    }
    assert_eq!(names(&there), ["accesses", "ops", "passes", "tensors"]);
    assert_eq!(names(&there.join("ops")), ["run=before"]);
}

#[test]
fn who_cancels_finds_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let run = fixture_run("smollm2-135m");
    for format in RunFormat::ALL {
        let (cancelled, done) = (AtomicBool::new(true), AtomicU32::new(0));
        let watch = Watch { cancelled: &cancelled, done: &done };
        let result = write_run(&run, RowKind::Accesses, format, &folder.path().join("run"), watch);
        assert!(matches!(result, Err(ExportError::Cancelled)), "{format:?}: {result:?}");
        assert!(names(folder.path()).is_empty(), "{format:?}");
        let (cancelled, done) = (AtomicBool::new(false), AtomicU32::new(0));
        let watch = Watch { cancelled: &cancelled, done: &done };
        write_run(&run, RowKind::Accesses, format, &folder.path().join("run"), watch).unwrap();
        assert!(done.load(Ordering::Relaxed) > 500, "{format:?} says how far it is");
        remove(&folder.path().join("run"));
    }
}

#[test]
fn an_exporter_that_is_dropped_stops() {
    let folder = tempfile::tempdir().unwrap();
    let run = fixture_run("smollm2-135m");
    let path = folder.path().join("run.csv");
    let (send, ended) = std::sync::mpsc::channel();
    let exporter = Exporter::start(path, Waker::none(), move |path, watch| {
        // Begun before, and looked at after, whoever started it went away.
        while !watch.cancelled.load(Ordering::Relaxed) {
            std::thread::yield_now();
        }
        let result = write_run(&run, RowKind::Ops, RunFormat::Csv, path, watch);
        send.send(matches!(result, Err(ExportError::Cancelled))).unwrap();
        result
    });
    drop(exporter.unwrap());
    assert!(ended.recv().unwrap());
    assert!(names(folder.path()).is_empty());
}

#[test]
fn files_are_replaced_and_folders_are_not_taken_for_files() {
    let folder = tempfile::tempdir().unwrap();
    let run = whole(random(2, 50), "run");
    let path = folder.path().join("x");
    std::fs::write(&path, "before").unwrap();
    write_run(&run, RowKind::Ops, RunFormat::Csv, &path, Watch::nobody()).unwrap();
    assert!(std::fs::read_to_string(&path).unwrap().starts_with("index,"));
    let error = write_run(&run, RowKind::Ops, RunFormat::Parquet, &path, Watch::nobody()).unwrap_err();
    assert!(error.to_string().starts_with("cannot write "), "{error}");
    assert_eq!(names(folder.path()), ["x"]);
    remove(&path);
    std::fs::create_dir(&path).unwrap();
    let error = write_run(&run, RowKind::Ops, RunFormat::Json, &path, Watch::nobody()).unwrap_err();
    assert!(error.to_string().starts_with("cannot write "), "{error}");
    assert_eq!(names(folder.path()), ["x"]);
}

fn remove(path: &Path) {
    match path.is_dir() {
        true => std::fs::remove_dir_all(path).unwrap(),
        false => std::fs::remove_file(path).unwrap(),
    }
}
