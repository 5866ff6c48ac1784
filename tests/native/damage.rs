//! Damaged native runs: an error in one line that names file and byte, or a run; never a panic.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use super::ops;
use crate::sources::gguf::small_model;
use crate::sources::{Folder, dot, wide};
use proptest::prelude::*;
use tensorscope::analysis::info::Info;
use tensorscope::analysis::search::SearchIndex;
use tensorscope::analysis::stats;
use tensorscope::formats::{Progress, ReadError, native, open};
use tensorscope::trace::tracks::{Order, TrackLayout};
use tensorscope::trace::{Trace, Track};

const FILES: [&str; 9] = [
    "tensors.arrow",
    "ops.arrow",
    "ranges.arrow",
    "accesses.arrow",
    "passes.arrow",
    "nodes.arrow",
    "edges.arrow",
    "buffers.arrow",
    "run.json",
];

struct Native(Folder);

impl Native {
    fn new() -> Self {
        let graph = dot(&[("embd", "GET_ROWS", &[4, 1], &[1]), ("token_embd.weight", "CONST", &[4], &[])]);
        let folder = Folder::new()
            .with("source/tensor_trace.bin", wide(&ops()))
            .with("source/model.gguf", small_model().file())
            .with("source/graph.dot", graph);
        let trace = open(&folder.path().join("source"), &Progress::default()).unwrap();
        native::write(&trace, &folder.path().join("run.tscope")).unwrap();
        Self(folder)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join("run.tscope").join(name)
    }

    fn open(&self) -> Result<Trace, ReadError> {
        open(&self.0.path().join("run.tscope"), &Progress::default())
    }

    /// What opening says with `bytes` in the place of `name`.
    fn open_with(&self, name: &str, bytes: &[u8]) -> Result<Trace, ReadError> {
        let whole = fs::read(self.file(name)).unwrap();
        fs::write(self.file(name), bytes).unwrap();
        let opened = self.open();
        fs::write(self.file(name), whole).unwrap();
        opened
    }
}

/// Errors are one line, name the file and, where bytes are wrong, one of them; a run can be asked everything.
fn holds(name: &str, bytes: usize, opened: Result<Trace, ReadError>) -> Result<(), TestCaseError> {
    match opened {
        Err(error) => {
            let text = error.to_string();
            prop_assert!(!text.contains('\n') && text.contains(".tscope/"), "{name}: {text}");
            if let ReadError::Malformed { byte, path, .. } = error
                && path.ends_with(name)
            {
                prop_assert!(byte <= bytes as u64, "{name}: {text}");
            }
        }
        Ok(trace) => {
            let info = Info::of(&trace);
            prop_assert_eq!(info.ops, info.passes.iter().map(|p| u64::from(p.ops)).sum::<u64>());
            for track in Track::ALL {
                for order in Order::ALL {
                    TrackLayout::new(&trace, track, order).tensor_at(&trace, 100);
                }
            }
            for op in 0..trace.op_count() {
                let (_, _, accesses) = (trace.op_name(op), trace.destination_name(op), trace.accesses_of(op));
                prop_assert!(accesses.end <= trace.access_count());
            }
            for graph in &trace.graphs {
                graph.layer_view(0);
            }
            let (all, never) = (stats::Scope::default(), AtomicBool::new(false));
            let tables = (stats::run(&trace, all, &never), stats::passes(&trace, all, &never));
            prop_assert!(tables.0.is_some() && tables.1.is_some());
            let tables = (stats::layers(&trace, all, &never), stats::tensors(&trace, all, &never));
            prop_assert!(tables.0.is_some() && tables.1.is_some());
            let tables = (stats::op_kinds(&trace, all, &never), stats::experts(&trace, all, &never));
            prop_assert!(tables.0.is_some() && tables.1.is_some());
            prop_assert!(stats::layer_passes(&trace, all, &never).is_some());
            let index = SearchIndex::new(&trace, &never).expect("nobody cancels");
            prop_assert!(index.search(&trace, 0, "1", &never).is_some_and(|found| found.is_ok()));
        }
    }
    Ok(())
}

#[test]
fn cut_at_many_bytes() {
    let run = Native::new();
    for name in FILES {
        let whole = fs::read(run.file(name)).unwrap();
        for len in (0..whole.len()).step_by(7).chain(whole.len().saturating_sub(24)..whole.len()) {
            let opened = run.open_with(name, &whole[..len]);
            let trailing_newline = name == "run.json" && len + 1 == whole.len();
            assert_eq!(opened.is_ok(), trailing_newline, "{name} cut at {len}");
            holds(name, len, opened).unwrap();
        }
    }
    run.open().unwrap();
}

#[test]
fn missing_files_are_named() {
    for name in FILES {
        let run = Native::new();
        fs::remove_file(run.file(name)).unwrap();
        let error = run.open().unwrap_err().to_string();
        let expected = if name == "run.json" { "has no run.json" } else { name };
        assert!(error.contains(expected), "{name}: {error}");
    }
}

#[test]
fn tables_in_each_others_place_are_told_apart() {
    let run = Native::new();
    for (name, other) in FILES[..8].iter().zip(FILES[1..8].iter().chain([&FILES[0]])) {
        let bytes = fs::read(run.file(other)).unwrap();
        let error = run.open_with(name, &bytes).unwrap_err().to_string();
        assert!(error.contains(name) && error.contains("column"), "{error}");
    }
}

#[test]
fn another_version_is_refused_by_its_number() {
    let run = Native::new();
    let text = fs::read_to_string(run.file("run.json")).unwrap();
    let newer = text.replace("\"format_version\": 1", "\"format_version\": 2");
    let error = run.open_with("run.json", newer.as_bytes()).unwrap_err().to_string();
    assert!(error.contains("version 2") && error.contains("run.json"), "{error}");
    let without = text.replace("\"format_version\": 1,", "");
    let error = run.open_with("run.json", without.as_bytes()).unwrap_err().to_string();
    assert!(error.contains("format_version") && error.contains("at byte"), "{error}");
}

/// A value inside a table that cannot be, in words.
fn error_of(table: &str, find: &[u8], put: &[u8]) -> String {
    let run = Native::new();
    let mut bytes = fs::read(run.file(table)).unwrap();
    let at = bytes.windows(find.len()).rposition(|w| w == find).unwrap();
    bytes[at..at + put.len()].copy_from_slice(put);
    run.open_with(table, &bytes).unwrap_err().to_string()
}

#[test]
fn values_that_cannot_be_are_named_with_their_byte() {
    let error = error_of("passes.arrow", b"promptgenerate", b"pr0mptgenerate");
    assert!(error.contains("passes.arrow: at byte") && error.contains("`pr0mpt`"), "{error}");
    let error = error_of("nodes.arrow", b"infrastructure", b"infrastructurf");
    assert!(error.contains("nodes.arrow: at byte") && error.contains("infrastructurf"), "{error}");
    let error = error_of("tensors.arrow", b"DISKDISK", b"DISKDUSK");
    assert!(error.contains("tensors.arrow: at byte") && error.contains("`DUSK`"), "{error}");
}

#[test]
fn a_file_that_shrinks_while_it_is_mapped_is_told() {
    let run = Native::new();
    let trace = run.open().unwrap();
    let before = trace.accesses.range.to_vec();
    fs::File::options().write(true).open(run.file("accesses.arrow")).unwrap().set_len(0).unwrap();
    // Reading on gives zeros instead of the end of the process.
    assert!(trace.accesses.range.len() == before.len() && trace.accesses.range.iter().all(|&r| r == 0));
    assert!(run.open().unwrap_err().to_string().contains("accesses.arrow"));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(60) })]

    #[test]
    fn flips_anywhere_are_survived(flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        let run = Native::new();
        for name in FILES {
            let mut bytes = fs::read(run.file(name)).unwrap();
            for (at, byte) in &flips {
                let at = at.index(bytes.len());
                bytes[at] = *byte;
            }
            let opened = run.open_with(name, &bytes);
            holds(name, bytes.len(), opened)?;
        }
    }

    /// Counts, lengths and offsets of the format are eight bytes, aligned to eight, or four in its descriptions.
    #[test]
    fn huge_numbers_anywhere_are_survived(at in any::<prop::sample::Index>(), wide in any::<bool>(), number in
        prop::sample::select(vec![u64::MAX, i64::MAX as u64, 1 << 62, 1 << 48, 1 << 36, 1 << 31, 0x7FFF_FFFF, 1 << 20]))
    {
        let run = Native::new();
        for name in &FILES[..8] {
            let mut bytes = fs::read(run.file(name)).unwrap();
            let size = if wide { 8 } else { 4 };
            let at = at.index(bytes.len() / size) * size;
            bytes[at..at + size].copy_from_slice(&number.to_le_bytes()[..size]);
            let opened = run.open_with(name, &bytes);
            holds(name, bytes.len(), opened)?;
        }
    }
}
