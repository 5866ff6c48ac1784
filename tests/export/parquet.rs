//! Parquet: read back by its crate, every row is what the model says, and runs stand beside each other.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{UInt8Type, UInt32Type, UInt64Type};
use arrow_array::{Array, RecordBatch};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use tensorscope::analysis::filter::Filter;
use tensorscope::analysis::table_columns::{logged_bytes, touched_bytes, track_bytes};
use tensorscope::analysis::watch::Watch;
use tensorscope::export::{ExportError, RunExport};
use tensorscope::trace::tracks::{Order, TrackLayout};
use tensorscope::trace::{DESTINATION_SLOT, Phase, Track, flags};

use super::run::small;
use super::{fixture_run, whole};
use crate::table::run::random;

fn names(folder: &Path) -> Vec<String> {
    crate::native::recording::names(folder)
}

/// The batches of a table of a run, with the pass that its folder names.
fn read(folder: &Path, table: &str, run: &str) -> Vec<(Option<u32>, RecordBatch)> {
    let partition = folder.join(table).join(format!("run={run}"));
    let mut files: Vec<(Option<u32>, PathBuf)> = Vec::new();
    for name in names(&partition) {
        match name.strip_prefix("pass=") {
            Some(pass) => files.push((Some(pass.parse().unwrap()), partition.join(&name).join("part.parquet"))),
            None => files.push((None, partition.join(&name))),
        }
    }
    files.sort();
    let mut batches = Vec::new();
    for (pass, file) in files {
        let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(file).unwrap()).unwrap().build().unwrap();
        batches.extend(reader.map(|batch| (pass, batch.unwrap())));
    }
    batches
}

fn text<'a>(batch: &'a RecordBatch, column: &str, row: usize) -> Option<&'a str> {
    let values = batch.column_by_name(column).unwrap().as_string::<i32>();
    values.is_valid(row).then(|| values.value(row))
}

fn u32_at(batch: &RecordBatch, column: &str, row: usize) -> Option<u32> {
    let values = batch.column_by_name(column).unwrap().as_primitive::<UInt32Type>();
    values.is_valid(row).then(|| values.value(row))
}

fn u64_at(batch: &RecordBatch, column: &str, row: usize) -> Option<u64> {
    let values = batch.column_by_name(column).unwrap().as_primitive::<UInt64Type>();
    values.is_valid(row).then(|| values.value(row))
}

/// Every access of the ops that are exported, once and in order, as the model has it.
fn check_accesses(run: &RunExport, folder: &Path) {
    let trace = &run.trace;
    let layouts = Track::ALL.map(|track| TrackLayout::new(trace, track, Order::File));
    let mut expected = run.rows.iter().flat_map(|op| trace.accesses_of(op as usize).map(move |a| (op as usize, a)));
    for (partition, batch) in read(folder, "accesses", &run.name) {
        for row in 0..batch.num_rows() {
            let (op, access) = expected.next().unwrap();
            let range = trace.accesses.range[access] as usize;
            let tensor_index = trace.ranges.tensor[range];
            let tensor = &trace.tensors[tensor_index as usize];
            let pass = &trace.passes[trace.ops.pass[op] as usize];
            let base = layouts[tensor.track as usize].bases[tensor_index as usize];
            let flag = |name: &str| batch.column_by_name(name).unwrap().as_boolean().value(row);
            let slot = batch.column_by_name("slot").unwrap().as_primitive::<UInt8Type>();
            let slot = if slot.is_valid(row) { slot.value(row) } else { DESTINATION_SLOT };
            let of_op = (
                u32_at(&batch, "op", row).unwrap() as usize,
                u32_at(&batch, "pass_index", row),
                text(&batch, "phase", row),
                text(&batch, "token", row),
                u32_at(&batch, "layer", row),
                text(&batch, "kind", row),
                text(&batch, "destination", row).unwrap_or(""),
                u64_at(&batch, "start_ns", row),
                u64_at(&batch, "duration_ns", row),
            );
            let op_expected = (
                op,
                partition,
                Some(pass.phase.label()),
                pass.text.as_deref(),
                trace.ops.layer.get(op),
                Some(trace.op_name(op)),
                trace.destination_name(op).trim(),
                Some(trace.ops.start_ns[op]),
                trace.ops.duration_ns.get(op),
            );
            assert_eq!(of_op, op_expected);
            let of_access = (
                text(&batch, "tensor", row),
                u32_at(&batch, "tensor_index", row),
                text(&batch, "track", row),
                slot,
                flag("write"),
                flag("estimated"),
                u64_at(&batch, "offset", row),
                u64_at(&batch, "length", row),
                u32_at(&batch, "expert", row),
                u64_at(&batch, "track_byte", row),
            );
            let access_expected = (
                Some(tensor.name.trim()),
                Some(tensor_index),
                Some(tensor.track.label()),
                trace.accesses.slot[access],
                trace.accesses.flags[access] & flags::WRITE != 0,
                trace.accesses.flags[access] & flags::ESTIMATED != 0,
                Some(trace.ranges.offset[range]),
                Some(trace.ranges.length[range]),
                trace.ranges.expert.get(range),
                (base != u64::MAX).then(|| base + trace.ranges.offset[range]),
            );
            assert_eq!(of_access, access_expected, "op {op}, access {access}");
        }
    }
    assert_eq!(expected.next(), None, "every access is written");
}

fn check_ops(run: &RunExport, folder: &Path) {
    let trace = &run.trace;
    let mut expected = run.rows.iter().map(|op| op as usize);
    for (partition, batch) in read(folder, "ops", &run.name) {
        for row in 0..batch.num_rows() {
            let op = expected.next().unwrap();
            assert_eq!(u32_at(&batch, "op", row), Some(op as u32));
            assert_eq!(u32_at(&batch, "pass_index", row), partition);
            assert_eq!(u32_at(&batch, "destination_index", row), trace.ops.destination.get(op));
            assert_eq!(u32_at(&batch, "accesses", row), Some(trace.accesses_of(op).len() as u32));
            let [disk, buffer] = track_bytes(trace, op);
            let bytes = ["touched_bytes", "disk_bytes", "buffer_bytes", "logged_bytes"];
            let expected = [touched_bytes(trace, op), disk, buffer, logged_bytes(trace, op)];
            assert_eq!(bytes.map(|name| u64_at(&batch, name, row)), expected.map(Some), "op {op}");
        }
    }
    assert_eq!(expected.next(), None);
}

#[test]
fn runs_survive_and_stand_beside_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("runs");
    let runs = [fixture_run("smollm2-135m"), fixture_run("moe-128x48"), whole(random(3, 400), "a b=%/ö")];
    for run in &runs {
        assert_eq!(run.write_parquet(&path, Watch::nobody()).unwrap(), run.trace.access_count() as u64);
    }
    assert_eq!(names(&path), ["accesses", "ops", "passes", "tensors"], "and nothing under another name");
    let partitions = ["run=a%20b%3D%25%2Fö", "run=moe-128x48", "run=smollm2-135m"];
    for table in ["accesses", "ops", "passes", "tensors"] {
        assert_eq!(names(&path.join(table)), partitions);
    }
    for run in &runs {
        let run = RunExport { name: run.name.replace("a b=%/ö", "a%20b%3D%25%2Fö"), ..run.clone() };
        check_accesses(&run, &path);
        check_ops(&run, &path);
    }
    let first = names(&path.join("accesses/run=smollm2-135m"));
    assert_eq!(first.len(), runs[0].trace.passes.len());
    assert!(first.contains(&"pass=12".to_owned()), "{first:?}");
}

#[test]
fn tensors_and_passes_are_tables_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    whole(small(), "small").write_parquet(folder.path(), Watch::nobody()).unwrap();
    let tensors = &read(folder.path(), "tensors", "small")[0].1;
    let column = |name: &str| -> Vec<Option<&str>> { (0..3).map(|row| text(tensors, name, row)).collect() };
    assert_eq!(column("tensor"), [Some("w \"q\",\n2"), Some("cur-0"), Some("nowhere")]);
    assert_eq!(column("home"), [Some("m.gguf"), Some("compute"), None]);
    assert_eq!((0..3).map(|row| u64_at(tensors, "track_byte", row)).collect::<Vec<_>>(), [Some(100), Some(16), None]);
    let shape = tensors.column_by_name("shape").unwrap().as_list::<i32>().value(0);
    assert_eq!(shape.as_primitive::<UInt64Type>().values().to_vec(), [4, 2]);
    let passes = &read(folder.path(), "passes", "small")[0].1;
    assert_eq!((text(passes, "token", 0), text(passes, "token", 1)), (Some("a\n\""), None));
    assert_eq!((u64_at(passes, "duration_ns", 0), u32_at(passes, "first_op", 1)), (Some(4000), Some(2)));
}

#[test]
fn what_a_filter_lets_through_is_all_that_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let run = fixture_run("smollm2-135m");
    let layout = TrackLayout::new(&run.trace, Track::Disk, Order::File);
    let filter = Filter { layer: Some(7), ..Filter::default() };
    let trace = run.trace.clone();
    let some =
        RunExport::new(trace, "some".to_owned(), &filter, Some(Phase::Generate), &layout, Watch::nobody()).unwrap();
    assert!(some.rows.len() > 100 && some.rows.len() < run.rows.len() / 20);
    some.write_parquet(folder.path(), Watch::nobody()).unwrap();
    check_accesses(&some, folder.path());
    check_ops(&some, folder.path());
    let generated = run.trace.passes.iter().filter(|pass| pass.phase == Phase::Generate).count();
    assert_eq!(names(&folder.path().join("ops/run=some")).len(), generated, "no file without rows");
    let none = RunExport {
        name: "none".to_owned(),
        rows: Arc::new(tensorscope::analysis::table_rows::Rows::List(vec![])),
        ..run
    };
    assert_eq!(none.write_parquet(folder.path(), Watch::nobody()).unwrap(), 0);
}

#[test]
fn a_run_that_is_there_already_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let run = whole(small(), "small");
    run.write_parquet(folder.path(), Watch::nobody()).unwrap();
    let before = contents(folder.path());
    let error = whole(random(1, 50), "small").write_parquet(folder.path(), Watch::nobody()).unwrap_err();
    assert!(matches!(error, ExportError::Exists { .. }));
    let text = error.to_string();
    assert!(text.contains("\"small\" is there already") && text.contains("--name"), "{text}");
    assert_eq!(contents(folder.path()), before);
}

/// Every file below a folder.
fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for name in names(&folder) {
            let path = folder.join(name);
            match path.is_dir() {
                true => folders.push(path),
                false => {
                    found.insert(path.clone(), std::fs::read(path).unwrap());
                }
            }
        }
    }
    found
}
