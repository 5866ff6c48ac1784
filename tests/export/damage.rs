//! What stops an export: a full disk, a person who cancels, a place that cannot be written. Nothing half-named stays.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use tensorscope::analysis::watch::Watch;
use tensorscope::app::exporter::{Exporter, write_run};
use tensorscope::app::{Scene, Waker};
use tensorscope::export::{ExportError, RowKind};
use tensorscope::state::{Action, RunFormat};

use super::{fixture_run, whole};
use crate::native::full_disk::{in_a_process_of_its_own, limit};
use crate::native::recording::names;
use crate::table::run::random;
use crate::workspace::Session;

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
    assert!(ended.try_recv().unwrap(), "it is waited for");
    assert!(names(folder.path()).is_empty());
}

#[test]
fn a_window_that_closes_waits_until_an_export_is_whole_or_gone() {
    let folder = tempfile::tempdir().unwrap();
    let mut session = Session::new();
    let path = folder.path().join("runs");
    session.scene.act(Action::ExportRun { path: path.clone(), format: RunFormat::Parquet });
    session.step(Vec::new());
    assert!(session.scene.close_requested());
    assert!(!session.scene.carries_rows());
    if path.exists() {
        assert_eq!(names(&path), ["accesses", "ops", "passes", "tensors"]);
    }
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

#[cfg(unix)]
#[test]
fn pipes_are_written_into_and_links_stay_links() {
    use std::os::unix::fs::{FileTypeExt as _, symlink};
    let folder = tempfile::tempdir().unwrap();
    let run = whole(random(2, 50), "run");
    let export = |path: &Path| write_run(&run, RowKind::Ops, RunFormat::Csv, path, Watch::nobody()).unwrap();

    let pipe = folder.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let read = pipe.clone();
    let reader = std::thread::Builder::new().spawn(move || std::fs::read_to_string(read).unwrap()).unwrap();
    export(&pipe);
    // Before the reader is waited for: it waits for ever on a pipe that lost its name.
    assert!(pipe.symlink_metadata().unwrap().file_type().is_fifo());
    let csv = reader.join().unwrap();
    assert!(csv.starts_with("index,"), "{csv:.80}");

    // To a file elsewhere, to a link, and to what is not there yet.
    std::fs::create_dir(folder.path().join("below")).unwrap();
    std::fs::write(folder.path().join("below/old"), "before").unwrap();
    for (link, to, file) in [("a", "below/old", "below/old"), ("b", "a", "below/old"), ("c", "below/new", "below/new")]
    {
        let path = folder.path().join(link);
        symlink(to, &path).unwrap();
        export(&path);
        assert!(path.is_symlink(), "{link}");
        assert_eq!(std::fs::read_to_string(folder.path().join(file)).unwrap(), csv);
        std::fs::write(folder.path().join(file), "before").unwrap();
    }
    assert_eq!(names(folder.path()), ["a", "b", "below", "c", "pipe"]);
    assert_eq!(names(&folder.path().join("below")), ["new", "old"]);

    symlink("circle", folder.path().join("circle")).unwrap();
    let circle = folder.path().join("circle");
    let error = write_run(&run, RowKind::Ops, RunFormat::Csv, &circle, Watch::nobody()).unwrap_err();
    assert!(error.to_string().starts_with("cannot write "), "{error}");
}

fn remove(path: &Path) {
    match path.is_dir() {
        true => std::fs::remove_dir_all(path).unwrap(),
        false => std::fs::remove_file(path).unwrap(),
    }
}
