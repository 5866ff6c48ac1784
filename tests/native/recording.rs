//! Runs that are written while they are recorded: the same as those that are written at once.

use std::fs;
use std::path::Path;

use super::assert_same;
use super::pieces::{any_run, bundled, pieces};
use crate::sources::Folder;
use proptest::prelude::*;
use tensorscope::formats::native::{self, Recording, WriteError};
use tensorscope::formats::{Progress, open};
use tensorscope::trace::{Health, NewRows, RunMeta, Trace};

/// `run` recorded in pieces of `passes` passes and finished.
fn recorded(run: &Trace, passes: usize, path: &Path) -> Trace {
    let mut recording = Recording::create(path, &RunMeta::default(), &Health::default()).unwrap();
    for (rows, _) in pieces(run, passes) {
        recording.append(&rows).unwrap();
    }
    let bytes = recording.finish(&run.meta, &run.health, &run.buffers).unwrap();
    assert_eq!(bytes, names(path).iter().map(|name| path.join(name).metadata().unwrap().len()).sum::<u64>());
    open(path, &Progress::default()).unwrap()
}

pub fn names(folder: &Path) -> Vec<String> {
    let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
    let mut names: Vec<String> = fs::read_dir(folder).unwrap().map(name).collect();
    names.sort();
    names
}

#[test]
fn a_recorded_run_is_the_run_byte_by_byte() {
    let folder = Folder::new();
    let run = bundled();
    let (at_once, in_pieces) = (folder.path().join("at-once.tscope"), folder.path().join("pieces.tscope"));
    native::write(&run, &at_once).unwrap();
    for passes in [1, 7, 1000] {
        let read = recorded(&run, passes, &in_pieces);
        assert_same(&run, &read);
        assert_eq!(names(&at_once), names(&in_pieces));
        for name in names(&at_once) {
            assert!(fs::read(at_once.join(&name)).unwrap() == fs::read(in_pieces.join(&name)).unwrap(), "{name}");
        }
        fs::remove_dir_all(&in_pieces).unwrap();
    }
}

#[test]
fn a_recording_takes_no_name_that_is_taken_and_leaves_nothing_when_it_cannot_begin() {
    let folder = Folder::new().with("taken.tscope/keep", "mine").with("file", "");
    let begin = |name: &str| {
        let path = folder.path().join(name);
        let (checked, created) =
            (Recording::check(&path), Recording::create(&path, &RunMeta::default(), &Health::default()));
        let (checked, created) = (checked.unwrap_err(), created.err().unwrap());
        assert_eq!(checked.to_string(), created.to_string());
        checked
    };
    assert!(matches!(begin("taken.tscope"), WriteError::Exists(_)));
    assert!(begin("missing/run.tscope").to_string().contains("missing/run.tscope: "));
    assert!(begin("file/run.tscope").to_string().contains("file/run.tscope: "));
    Recording::check(&folder.path().join("free.tscope/")).unwrap();
    assert_eq!(names(folder.path()), ["file", "taken.tscope"]);
    assert_eq!(names(&folder.path().join("taken.tscope")), ["keep"]);
}

#[test]
fn rows_that_contradict_those_before_are_refused_and_not_written() {
    let folder = Folder::new();
    let run = bundled();
    let path = folder.path().join("run.tscope");
    let mut recording = Recording::create(&path, &run.meta, &run.health).unwrap();
    let pieces = pieces(&run, 5);
    recording.append(&pieces[0].0).unwrap();
    let bytes = recording.bytes_written();
    type Change = fn(&mut NewRows);
    let changes: [(&str, Change); 7] = [
        ("graph 9", |rows| {
            rows.graphs = vec![Default::default()];
            rows.first_graph = 9;
        }),
        ("no nodes", |rows| {
            rows.graphs = vec![Default::default()];
            rows.first_graph = 2;
        }),
        ("pass 5 begins", |rows| rows.passes[0].first_op += 1),
        ("pass 6", |rows| rows.passes[1].ops += 1),
        ("the passes have", |rows| rows.passes.truncate(1)),
        ("accesses", |rows| rows.ops.first_access = rows.ops.first_access.iter().map(|a| a + 1).collect()),
        ("range", |rows| rows.accesses.range = rows.accesses.range.iter().map(|_| 1_000_000).collect()),
    ];
    for (part, change) in changes {
        let mut rows = pieces[1].0.clone();
        change(&mut rows);
        let error = recording.append(&rows).unwrap_err();
        assert!(matches!(error, WriteError::Rows { .. }), "{error}");
        assert!(error.to_string().contains(part), "{part}: {error}");
    }
    assert_eq!(recording.bytes_written(), bytes);
    for (rows, _) in &pieces[1..] {
        recording.append(rows).unwrap();
    }
    assert!(recording.bytes_written() > bytes);
    recording.finish(&run.meta, &run.health, &run.buffers).unwrap();
    assert_same(&run, &open(&path, &Progress::default()).unwrap());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(60) })]

    #[test]
    fn any_run_is_recorded_as_it_is_written(run in any_run(), passes in 1_usize..4) {
        let folder = Folder::new();
        let at_once = folder.path().join("at-once.tscope");
        native::write(&run, &at_once).unwrap();
        let at_once = open(&at_once, &Progress::default()).unwrap();
        assert_same(&at_once, &recorded(&run, passes, &folder.path().join("pieces.tscope")));
    }
}
