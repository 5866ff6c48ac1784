//! A disk that is full: what was recorded before stays, and the recording goes on when there is room again.
//!
//! A limit of this process on the length of files stands for the disk, in a process of its own.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use super::assert_same;
use super::pieces::{bundled, pieces};
use super::recording::names;
use crate::sources::Folder;
use tensorscope::formats::native::{self, Recording, WriteError};
use tensorscope::formats::{Progress, open};
use tensorscope::trace::Trace;

/// Runs the test `name`, with its modules, once more in a process of its own; true in there.
pub fn in_a_process_of_its_own(name: &str) -> bool {
    const CHILD: &str = "TENSORSCOPE_TEST_FULL_DISK";
    if std::env::var_os(CHILD).is_some() {
        // SAFETY: an ignored signal has no handler that could do anything wrong.
        unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
        return true;
    }
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(CHILD, "1")
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"), "{output:?}");
    false
}

/// No file can become longer than `bytes` from now on; `None` lifts the limit.
pub fn limit(bytes: Option<u64>) {
    let hard = libc::RLIM_INFINITY;
    let limit = libc::rlimit { rlim_cur: bytes.map_or(hard, |bytes| bytes as libc::rlim_t), rlim_max: hard };
    // SAFETY: the call only reads the struct.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_FSIZE, &raw const limit) }, 0);
}

fn lengths(folder: &Path) -> BTreeMap<String, u64> {
    names(folder).into_iter().map(|name| (name.clone(), folder.join(name).metadata().unwrap().len())).collect()
}

/// The run at `path` but for what its health says of the end.
fn read(path: &Path) -> Trace {
    let mut run = open(path, &Progress::default()).unwrap();
    run.health.entries.retain(|entry| entry.code != "recording_unfinished");
    run
}

fn is_full(error: &WriteError, file: &str) {
    let text = error.to_string();
    assert!(matches!(error, WriteError::Full { .. }), "{text}");
    assert!(text.contains(file) && text.contains("no room to write ") && text.contains("free space"), "{text}");
}

#[test]
fn rows_that_find_no_room_leave_those_before_and_can_come_again() {
    if !in_a_process_of_its_own("native::full_disk::rows_that_find_no_room_leave_those_before_and_can_come_again") {
        return;
    }
    let folder = Folder::new();
    let run = bundled();
    let path = folder.path().join("run.tscope");
    let mut recording = Recording::create(&path, &run.meta, &run.health).unwrap();
    let pieces = pieces(&run, 7);
    recording.append(&pieces[0].0).unwrap();
    let mut before = pieces[0].1;
    for (rows, part) in &pieces[1..] {
        let (there, bytes) = (lengths(&path), recording.bytes_written());
        // Room for some of the tables of these rows, and for a part of one.
        for (file, more) in [("accesses.arrows", 10_000), ("ops.arrows", 50_000), ("ops.arrows", 100_000)] {
            limit(Some(there[file] + more));
            is_full(&recording.append(rows).unwrap_err(), file);
            assert_eq!((lengths(&path), recording.bytes_written()), (there.clone(), bytes));
            assert_same(&before.run(&run), &read(&path));
        }
        limit(None);
        recording.append(rows).unwrap();
        assert_eq!(lengths(&path).values().sum::<u64>() - there["run.json"], recording.bytes_written());
        assert_same(&part.run(&run), &read(&path));
        before = *part;
    }
    let there = lengths(&path);
    limit(Some(there["accesses.arrows"]));
    is_full(&recording.finish(&run.meta, &run.health, &run.buffers).unwrap_err(), "ops.arrow.partial");
    assert_eq!(lengths(&path), there);
    assert_same(&run, &read(&path));
    limit(None);
}

#[test]
fn a_folder_that_finds_no_room_is_not_there() {
    if !in_a_process_of_its_own("native::full_disk::a_folder_that_finds_no_room_is_not_there") {
        return;
    }
    let folder = Folder::new();
    let run = bundled();
    limit(Some(2000));
    let path = folder.path().join("run.tscope");
    let begun = Recording::create(&path, &run.meta, &run.health);
    is_full(&begun.err().unwrap(), "run.json");
    is_full(&native::write(&run, &path).unwrap_err(), "buffers.arrow");
    assert!(names(folder.path()).is_empty());
    // The report of the test goes to a pipe or a file, which may be longer.
    limit(None);
}
