//! The predecessor's memory maps.

use super::{counted, fault, real_file};
use std::path::Path;
use tensorscope::formats::error::ReadError;
use tensorscope::formats::memory_map::read;
use tensorscope::trace::raw::{Fault, RawModel};

fn entry(name: &str, offset: u64, bytes: u64, shape: &[u64]) -> String {
    let end = offset + bytes;
    format!(
        r#"{{"name": "{name}", "offset_start": {offset}, "offset_end": {end}, "size_bytes": {bytes}, "shape": {shape:?}, "layer_id": null}}"#
    )
}

fn map(entries: &[String]) -> String {
    let metadata = format!(r#"{{"n_layers": 3, "n_vocab": 100, "n_embd": 8, "n_tensors": {}}}"#, entries.len());
    format!(
        r#"{{"model_name": "toy", "total_size_bytes": 0, "metadata": {metadata}, "tensors": [{}]}}"#,
        entries.join(",\n")
    )
}

fn read_text(text: &str) -> (RawModel, Vec<Fault>) {
    read(text.as_bytes(), Path::new("memory-map.json")).unwrap()
}

pub fn small_map() -> String {
    map(&[
        entry("token_embd.weight", 1000, 100, &[8, 100]),
        entry("blk.0.ffn_up_exps.weight[1]", 1120, 20, &[8, 4]),
        entry("blk.0.ffn_up_exps.weight[0]", 1100, 20, &[8, 4]),
        entry("blk.0.ffn_up_exps.weight[2]", 1140, 20, &[8, 4]),
        entry("blk.0.ffn_up_exps.bias", 1160, 48, &[4, 3]),
        entry("blk.1.ffn_up_exps.bias", 1208, 48, &[4, 3]),
        entry("blk.0.ffn_down_exps.bias", 1256, 64, &[4, 4]),
    ])
}

#[test]
fn merges_experts_and_keeps_file_order() {
    let (model, faults) = read_text(&small_map());
    assert_eq!(counted(&faults), []);
    assert_eq!((model.name.as_deref(), model.layers, model.experts), (Some("toy"), Some(3), Some(3)));
    assert_eq!((model.files[0].bytes, model.files[0].data_offset), (None, Some(1000)));
    let tensors: Vec<_> =
        model.tensors.iter().map(|t| (t.name.as_str(), t.offset, t.bytes, t.shape.as_slice(), t.experts)).collect();
    assert_eq!(
        tensors,
        [
            ("token_embd.weight", 1000, 100, [8, 100].as_slice(), None),
            ("blk.0.ffn_up_exps.weight", 1100, 60, [8, 4, 3].as_slice(), Some(3)),
            ("blk.0.ffn_up_exps.bias", 1160, 48, [4, 3].as_slice(), Some(3)),
            // Another layer, where nothing says that 3 is the number of experts; another shape.
            ("blk.1.ffn_up_exps.bias", 1208, 48, [4, 3].as_slice(), None),
            ("blk.0.ffn_down_exps.bias", 1256, 64, [4, 4].as_slice(), None),
        ]
    );
}

#[test]
fn slices_that_do_not_fit_stay_single() {
    let good = [(0, 1100, 20), (1, 1120, 20), (2, 1140, 20)];
    let wrong = [
        ("gap", vec![(0, 1100, 20), (1, 1120, 20), (2, 1144, 20)]),
        ("size", vec![(0, 1100, 20), (1, 1120, 20), (2, 1140, 16)]),
        ("missing", vec![(0, 1100, 20), (2, 1120, 20)]),
        ("not from 0", vec![(1, 1100, 20), (2, 1120, 20)]),
        ("twice", vec![(0, 1100, 20), (0, 1120, 20), (1, 1140, 20)]),
        ("order", vec![(1, 1100, 20), (0, 1120, 20), (2, 1140, 20)]),
    ];
    let model_of = |slices: &[(u32, u64, u64)]| {
        let entries: Vec<_> = slices
            .iter()
            .map(|(k, offset, bytes)| entry(&format!("w_exps.weight[{k}]"), *offset, *bytes, &[8, 4]))
            .collect();
        read_text(&map(&entries))
    };
    assert_eq!(model_of(&good).0.tensors.len(), 1);
    for (what, slices) in wrong {
        let (model, faults) = model_of(&slices);
        assert_eq!(model.tensors.len(), slices.len(), "{what}");
        assert_eq!(fault(&faults, "memory_map_experts_irregular").count, slices.len() as u64, "{what}");
        assert!(model.tensors.iter().all(|tensor| tensor.experts.is_none() && tensor.name.ends_with(']')), "{what}");
    }
}

#[test]
fn faults_of_old_maps_are_counted() {
    let entries = [
        entry("a", 0, 100, &[25]),
        entry("b", 50, 10, &[]),
        entry("c", 70, 10, &[]),
        entry("d", 100, 10, &[]).replace("\"size_bytes\": 10", "\"size_bytes\": 12"),
        entry("e", 200, 10, &[]).replace("\"size_bytes\": 10", "\"size_bytes\": 18446744073709551615"),
    ];
    let (model, faults) = read_text(&map(&entries).replace("\"n_tensors\": 5", "\"n_tensors\": 7"));
    let mut codes = counted(&faults);
    codes.sort_unstable();
    assert_eq!(
        codes,
        [
            ("memory_map_count_differs", 1),
            ("memory_map_overlap", 2),
            ("memory_map_range_overflows", 1),
            ("memory_map_size_differs", 2),
        ]
    );
    assert!(fault(&faults, "memory_map_overlap").example.starts_with("b at byte 50"));
    assert_eq!(model.tensors.len(), 4);
    assert_eq!(model.files[0].data_offset, None);
}

#[test]
fn much_may_be_missing() {
    let (model, faults) =
        read_text(r#"{"tensors": [{"name": "a", "offset_start": 64, "offset_end": 96}], "metadata": null}"#);
    assert_eq!(counted(&faults), []);
    assert_eq!((model.tensors[0].bytes, model.layers, model.name), (32, None, None));
    let (_, faults) = read_text(r#"{"tensors": []}"#);
    assert_eq!(counted(&faults), [("memory_map_empty", 1)]);
    let error = read(b"{\"tensors\": 3}", Path::new("memory-map.json")).unwrap_err();
    assert!(matches!(error, ReadError::Malformed { byte: 12, .. }), "{error:?}");
}

#[test]
fn reads_the_real_maps() {
    let Some((path, bytes)) = real_file("gpt-oss-20b/memory-map.json") else { return };
    let started = std::time::Instant::now();
    let (model, faults) = read(&bytes, &path).unwrap();
    eprintln!("memory map of {} bytes: {:?}", bytes.len(), started.elapsed());
    assert_eq!(counted(&faults), []);
    assert_eq!((model.tensors.len(), model.layers, model.experts), (459, Some(24), Some(32)));
    let experts = |suffix: &str| {
        let all = model.tensors.iter().filter(|tensor| tensor.name.ends_with(suffix));
        all.map(|tensor| (tensor.experts, tensor.shape.last().copied())).collect::<Vec<_>>()
    };
    assert_eq!(experts("_exps.weight"), [(Some(32), Some(32)); 72]);
    assert_eq!(experts("_exps.bias"), [(Some(32), Some(32)); 72]);
    assert_eq!(model.tensors.iter().filter(|tensor| tensor.experts.is_some()).count(), 144);
    assert_eq!(model.tensors.iter().map(|tensor| tensor.offset + tensor.bytes).max(), Some(13_792_639_168));
    let down = model.tensors.iter().find(|tensor| tensor.name == "blk.0.ffn_down_exps.weight").unwrap();
    assert_eq!(
        (down.offset, down.bytes, down.shape.as_slice()),
        (13_008_832, 141_004_800, [2880, 2880, 32].as_slice())
    );

    let Some((path, bytes)) = real_file("tinyllama-1024/memory-map.json") else { return };
    let (model, faults) = read(&bytes, &path).unwrap();
    assert_eq!(counted(&faults), []);
    assert_eq!((model.tensors.len(), model.layers, model.experts), (201, Some(22), None));
    assert!(model.tensors.is_sorted_by_key(|tensor| tensor.offset));
}
