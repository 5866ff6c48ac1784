//! Recordings that did not end: everything up to the last whole pass, or an error in one line; never a panic.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::assert_same;
use super::pieces::{Part, any_run, bundled, pieces};
use super::recording::names;
use crate::sources::Folder;
use proptest::prelude::*;
use tensorscope::formats::native::{self, Recording};
use tensorscope::formats::{Progress, ReadError, open};
use tensorscope::trace::{Health, RunMeta, Severity, Trace, Track};

const STREAMS: [&str; 8] = [
    "buffers.arrows",
    "tensors.arrows",
    "ranges.arrows",
    "nodes.arrows",
    "edges.arrows",
    "accesses.arrows",
    "ops.arrows",
    "passes.arrows",
];

fn read(path: &Path) -> Result<Trace, ReadError> {
    open(path, &Progress::default())
}

fn begun(run: &Trace, path: &Path) -> Recording {
    Recording::create(path, &run.meta, &run.health).unwrap()
}

/// A recording of `run` in pieces of `passes` passes that was never finished.
fn dropped(run: &Trace, passes: usize, path: &Path) {
    let mut recording = begun(run, path);
    for (rows, _) in pieces(run, passes) {
        recording.append(&rows).unwrap();
    }
}

/// Takes the entry about the end out of the run's health and gives its example.
fn example(run: &mut Trace) -> String {
    let at = run.health.entries.iter().position(|e| e.code == "recording_unfinished").expect("the entry");
    let entry = run.health.entries.remove(at);
    assert_eq!((entry.severity, entry.count), (Severity::Warning, 1));
    entry.example
}

/// Every number of a row is one of a row that is there, and ops and accesses belong together without a gap.
fn consistent(run: &Trace) -> Result<(), TestCaseError> {
    let ops = &run.ops;
    let columns = [ops.pass.len(), ops.kind.len(), ops.first_access.len(), ops.duration_ns.values.len()];
    prop_assert!(columns.iter().all(|&len| len == run.op_count()));
    prop_assert!(run.accesses.slot.len() == run.access_count() && run.accesses.flags.len() == run.access_count());
    let mut next_op = 0;
    for (number, pass) in run.passes.iter().enumerate() {
        prop_assert_eq!(pass.first_op, next_op);
        let nodes = match pass.graph {
            Some(graph) => {
                prop_assert!((graph as usize) < run.graphs.len());
                run.graphs[graph as usize].nodes.len()
            }
            None => 0,
        };
        next_op += pass.ops;
        for op in pass.first_op as usize..next_op as usize {
            prop_assert_eq!(ops.pass[op] as usize, number);
            prop_assert!(ops.node.get(op).is_none_or(|node| (node as usize) < nodes));
        }
    }
    prop_assert_eq!(next_op as usize, run.op_count());
    prop_assert_eq!(ops.first_access.first().copied().unwrap_or(0), 0);
    prop_assert!(ops.first_access.is_sorted());
    prop_assert!(ops.first_access.iter().all(|&first| first as usize <= run.access_count()));
    prop_assert!(run.op_count() > 0 || run.access_count() == 0);
    prop_assert!(
        (0..run.op_count()).all(|op| ops.destination.get(op).is_none_or(|t| (t as usize) < run.tensors.len()))
    );
    prop_assert!(run.accesses.range.iter().all(|&range| (range as usize) < run.ranges.tensor.len()));
    prop_assert!(run.ranges.tensor.iter().all(|&tensor| (tensor as usize) < run.tensors.len()));
    let homeless = |t: &&tensorscope::trace::Tensor| {
        t.track == Track::Buffer && t.home.is_some_and(|home| home as usize >= run.buffers.len())
    };
    prop_assert!(!run.tensors.iter().any(|t| homeless(&t)));
    for graph in &run.graphs {
        prop_assert!(graph.edges.iter().all(|e| (e.source.max(e.target) as usize) < graph.nodes.len()));
    }
    Ok(())
}

#[test]
fn after_every_append_the_run_so_far_is_there() {
    let folder = Folder::new();
    let run = bundled();
    let path = folder.path().join("run.tscope");
    let mut recording = begun(&run, &path);
    let mut nothing = read(&path).unwrap();
    assert_eq!(example(&mut nothing), "0 passes here, nothing left out");
    assert_same(&Part::default().run(&run), &nothing);
    for (rows, part) in pieces(&run, 3) {
        recording.append(&rows).unwrap();
        let mut so_far = read(&path).unwrap();
        assert_eq!(example(&mut so_far), format!("{} passes here, nothing left out", part.passes));
        assert_same(&part.run(&run), &so_far);
        consistent(&so_far).unwrap();
    }
    drop(recording);
    let source = read(&path).unwrap().meta.source;
    assert_eq!(source, run.meta.source.replace("native run, ", "native run, recording not finished, "));
}

#[test]
fn converting_one_gives_a_finished_run_with_the_same_in_it() {
    let folder = Folder::new();
    let run = bundled();
    let (path, converted) = (folder.path().join("run.tscope"), folder.path().join("converted.tscope"));
    dropped(&run, 4, &path);
    let before = read(&path).unwrap();
    native::write(&before, &converted).unwrap();
    let after = read(&converted).unwrap();
    assert_same(&before, &after);
    assert_eq!(after.meta.source, run.meta.source);
    assert!(names(&converted).iter().all(|name| !has_extension(name, "arrows")));
}

#[test]
fn a_recording_is_found_by_its_name_and_by_its_tables() {
    let folder = Folder::new();
    let run = bundled();
    dropped(&run, run.passes.len(), &folder.path().join("run.tscope"));
    fs::rename(folder.path().join("run.tscope"), folder.path().join("run")).unwrap();
    // A file of another kind of run beside the tables, and a name that says nothing.
    fs::write(folder.path().join("run/memory-map.json"), "{}").unwrap();
    assert_eq!(read(&folder.path().join("run")).unwrap().passes.len(), run.passes.len());
}

#[test]
fn what_follows_the_last_whole_pass_is_left_out_and_counted() {
    let run = bundled();
    let (last, before) = {
        let pieces = pieces(&run, 24);
        (pieces[1].1, pieces[0].1)
    };
    let lost = |names: &[&str]| {
        let folder = Folder::new();
        let path = folder.path().join("run.tscope");
        let mut recording = begun(&run, &path);
        let lengths: BTreeMap<&str, u64> = {
            recording.append(&before.since(Part::default(), &run)).unwrap();
            STREAMS.iter().map(|name| (*name, path.join(name).metadata().unwrap().len())).collect()
        };
        recording.append(&last.since(before, &run)).unwrap();
        drop(recording);
        for name in names {
            fs::File::options().write(true).open(path.join(name)).unwrap().set_len(lengths[name]).unwrap();
        }
        let mut read = read(&path).unwrap();
        let example = example(&mut read);
        consistent(&read).unwrap();
        assert_eq!((read.passes.len(), read.op_count(), read.access_count()), (24, before.ops, before.accesses));
        example
    };
    let (ops, accesses) = (last.ops - before.ops, last.accesses - before.accesses);
    // Killed between the writes of one append.
    assert_eq!(lost(&["passes.arrows"]), format!("24 passes here; left out: {ops} ops, {accesses} accesses"));
    assert_eq!(lost(&["ops.arrows", "passes.arrows"]), format!("24 passes here; left out: {accesses} accesses"));
    // Without power, files lose what they like.
    assert_eq!(lost(&["ops.arrows"]), format!("24 passes here; left out: 1 pass, {accesses} accesses"));
    assert_eq!(lost(&["accesses.arrows"]), format!("24 passes here; left out: 1 pass, {ops} ops"));
}

#[test]
fn a_cut_or_zeroed_tail_is_counted_and_a_damaged_schema_is_an_error() {
    let folder = Folder::new();
    let run = bundled();
    let path = folder.path().join("run.tscope");
    dropped(&run, 1, &path);
    let file = path.join("ops.arrows");
    let whole = fs::read(&file).unwrap();
    fs::write(&file, &whole[..whole.len() - 100]).unwrap();
    let mut cut = read(&path).unwrap();
    let cut_example = example(&mut cut);
    assert!(cut_example.starts_with("24 passes here; left out: 1 pass, ") && cut_example.contains(" accesses, "));
    assert!(cut_example.ends_with(" bytes at the end of ops.arrows"), "{cut_example}");
    // Blocks that were given to the file but never written.
    fs::write(&file, [whole.as_slice(), &[0; 4096]].concat()).unwrap();
    let mut zeroed = read(&path).unwrap();
    assert_eq!(example(&mut zeroed), "25 passes here; left out: 4096 bytes at the end of ops.arrows");
    assert_same(&run, &zeroed);
    fs::write(&file, [&[0; 64], &whole[64..]].concat()).unwrap();
    let error = read(&path).unwrap_err().to_string();
    assert!(error.contains("ops.arrows: at byte 0: expected the schema"), "{error}");
    fs::write(&file, fs::read(path.join("passes.arrows")).unwrap()).unwrap();
    let error = read(&path).unwrap_err().to_string();
    assert!(error.contains("ops.arrows") && error.contains("column `pass`"), "{error}");
    // Nothing at all of it reached the disk.
    fs::write(&file, []).unwrap();
    let mut empty = read(&path).unwrap();
    assert!(example(&mut empty).starts_with("0 passes here; left out: 25 passes, "));
    fs::remove_file(&file).unwrap();
    let error = read(&path).unwrap_err().to_string();
    assert!(error.contains("ops.arrows"), "{error}");
}

#[test]
fn edges_that_were_lost_are_told() {
    let folder = Folder::new();
    let run = bundled();
    let path = folder.path().join("run.tscope");
    dropped(&run, run.passes.len(), &path);
    let file = path.join("edges.arrows");
    let whole = fs::read(&file).unwrap();
    fs::write(&file, &whole[..whole.len() - 8]).unwrap();
    let mut read = read(&path).unwrap();
    assert_eq!(read.passes.len(), run.passes.len());
    assert!(example(&mut read).ends_with(", the edges of graph 0 and later ones"));
}

fn has_extension(name: &str, extension: &str) -> bool {
    Path::new(name).extension().is_some_and(|e| e == extension)
}

/// Copies the files of a folder that `which` picks.
fn copy(from: &Path, to: &Path, which: impl Fn(&str) -> bool) {
    for name in names(from).iter().filter(|name| which(name)) {
        fs::copy(from.join(name), to.join(name)).unwrap();
    }
}

#[test]
fn a_kill_at_any_step_of_the_end_leaves_all_passes() {
    let folder = Folder::new();
    let run = bundled();
    let at = |name: &str| -> PathBuf { folder.path().join(name) };
    dropped(&run, 6, &at("streams.tscope"));
    native::write(&run, &at("tables.tscope")).unwrap();
    let is_table = |name: &str| has_extension(name, "arrow");
    let finished = |path: &Path| {
        let mut run = read(path).unwrap();
        let unfinished = run.health.entries.iter().any(|e| e.code == "recording_unfinished");
        if unfinished {
            example(&mut run);
        }
        (run, !unfinished)
    };
    let step = |name: &str, done: bool, make: &dyn Fn(&Path)| {
        let path = at(name);
        fs::create_dir(&path).unwrap();
        make(&path);
        let (read, is_finished) = finished(&path);
        assert_eq!(is_finished, done, "{name}");
        assert_same(&run, &read);
    };
    let streams = |path: &Path| copy(&at("streams.tscope"), path, |_| true);
    step("half-a-table.tscope", false, &|path| {
        streams(path);
        let table = fs::read(at("tables.tscope").join("ops.arrow")).unwrap();
        fs::write(path.join("ops.arrow.partial"), &table[..table.len() / 2]).unwrap();
    });
    step("some-tables.tscope", false, &|path| {
        streams(path);
        copy(&at("tables.tscope"), path, |name| is_table(name) && name < "nodes.arrow");
    });
    step("all-tables.tscope", false, &|path| {
        streams(path);
        copy(&at("tables.tscope"), path, is_table);
        fs::write(path.join("run.json.partial"), "{ \"format_ver").unwrap();
    });
    step("switched.tscope", true, &|path| {
        streams(path);
        copy(&at("tables.tscope"), path, |_| true);
    });
    step("some-streams-gone.tscope", true, &|path| {
        streams(path);
        copy(&at("tables.tscope"), path, |_| true);
        for name in &STREAMS[..4] {
            fs::remove_file(path.join(name)).unwrap();
        }
    });
}

#[test]
fn an_end_that_fails_leaves_the_recording_as_it_was() {
    let run = bundled();
    for obstacle in ["accesses.arrow.partial", "ops.arrow", "run.json.partial"] {
        let folder = Folder::new();
        let path = folder.path().join("run.tscope");
        let mut recording = begun(&run, &path);
        for (rows, _) in pieces(&run, 6) {
            recording.append(&rows).unwrap();
        }
        let before = names(&path);
        // Where a folder is, no file can be.
        fs::create_dir_all(path.join(obstacle).join("inside")).unwrap();
        let error = recording.finish(&RunMeta::default(), &Health::default(), &run.buffers).unwrap_err().to_string();
        assert!(error.contains(obstacle), "{error}");
        fs::remove_dir_all(path.join(obstacle)).unwrap();
        assert_eq!(names(&path), before, "{obstacle}");
        let mut read = read(&path).unwrap();
        assert_eq!(example(&mut read), "25 passes here, nothing left out");
        assert_same(&run, &read);
    }
}

#[test]
fn an_end_that_finds_its_streams_changed_or_lacks_buffers_says_so() {
    let folder = Folder::new();
    let run = bundled();
    for (name, part) in [("changed.tscope", "ops.arrows: it is not as it was recorded"), ("few.tscope", "buffers of")] {
        let path = folder.path().join(name);
        let mut recording = begun(&run, &path);
        for (rows, _) in pieces(&run, 6) {
            recording.append(&rows).unwrap();
        }
        let buffers = if name == "few.tscope" {
            &run.buffers[1..]
        } else {
            let file = fs::File::options().write(true).open(path.join("ops.arrows")).unwrap();
            file.set_len(file.metadata().unwrap().len() - 1).unwrap();
            &run.buffers
        };
        let error = recording.finish(&run.meta, &run.health, buffers).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
        assert!(names(&path).iter().all(|name| has_extension(name, "arrows") || name == "run.json"));
        read(&path).unwrap();
    }
}

#[test]
fn a_run_that_is_watched_while_it_is_recorded_only_grows() {
    let folder = Folder::new();
    let run = bundled();
    let path = folder.path().join("run.tscope");
    let mut recording = begun(&run, &path);
    std::thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let mut passes = 0;
            loop {
                let read = read(&path).unwrap();
                consistent(&read).unwrap();
                assert!(read.passes.len() >= passes);
                passes = read.passes.len();
                if read.meta.source.starts_with("native run, made from") {
                    return passes;
                }
            }
        });
        for (rows, _) in pieces(&run, 1) {
            recording.append(&rows).unwrap();
        }
        recording.finish(&run.meta, &run.health, &run.buffers).unwrap();
        assert_eq!(watcher.join().unwrap(), run.passes.len());
    });
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn any_run_is_there_after_every_append(run in any_run(), passes in 1_usize..4) {
        let folder = Folder::new();
        let path = folder.path().join("run.tscope");
        let mut recording = begun(&run, &path);
        for (rows, part) in pieces(&run, passes) {
            recording.append(&rows).unwrap();
            let mut so_far = read(&path).unwrap();
            example(&mut so_far);
            assert_same(&part.run(&run), &so_far);
            consistent(&so_far)?;
        }
    }

    /// As a failure of power leaves them: each file ends where it likes.
    #[test]
    fn cuts_anywhere_leave_a_run(
        run in any_run(),
        cuts in prop::collection::vec(prop_oneof![Just(None), any::<prop::sample::Index>().prop_map(Some)], 8),
    ) {
        let folder = Folder::new();
        let path = folder.path().join("run.tscope");
        dropped(&run, 1, &path);
        for (name, cut) in STREAMS.iter().zip(&cuts) {
            if let Some(cut) = cut {
                let file = fs::File::options().write(true).open(path.join(name)).unwrap();
                let len = file.metadata().unwrap().len() as usize;
                file.set_len(cut.index(len) as u64).unwrap();
            }
        }
        let read = read(&path).unwrap();
        consistent(&read)?;
        // What is there is the beginning of the run and not something else.
        let there = Part::of(&run, read.passes.len(), Part::default());
        prop_assert_eq!(&read.passes[..], &run.passes[..read.passes.len()]);
        prop_assert_eq!((read.op_count(), read.access_count()), (there.ops, there.accesses));
        prop_assert_eq!(&read.accesses.range[..], &run.accesses.range[..there.accesses]);
    }

    #[test]
    fn flips_anywhere_leave_a_run_or_an_error(
        run in any_run(),
        flips in prop::collection::vec((0_usize..8, any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let folder = Folder::new();
        let path = folder.path().join("run.tscope");
        dropped(&run, 2, &path);
        for (file, at, byte) in flips {
            let file = path.join(STREAMS[file]);
            let mut bytes = fs::read(&file).unwrap();
            let at = at.index(bytes.len());
            bytes[at] ^= byte;
            fs::write(&file, bytes).unwrap();
        }
        match read(&path) {
            Ok(read) => consistent(&read)?,
            Err(error) => {
                let text = error.to_string();
                prop_assert!(!text.contains('\n') && text.contains(".arrows"), "{text}");
            }
        }
    }
}
