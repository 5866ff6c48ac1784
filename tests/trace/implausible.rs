//! One damaged address must not go unnoticed.

use tensorscope::formats::{self, Progress};

#[test]
fn an_address_beyond_all_sense_is_said_in_health() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("memory-map.json");
    let map = r#"{"model_name":"m","total_size_bytes":1,"metadata":{"n_layers":1},"tensors":[
        {"name":"blk.0.attn_q.weight","offset_start":4096,"offset_end":8192,"size_bytes":4096,"shape":[4096]},
        {"name":"blk.0.attn_k.weight","offset_start":9223372036854775808,"offset_end":9223372036854779904,"size_bytes":4096,"shape":[4096]}]}"#;
    std::fs::write(&path, map).unwrap();
    let trace = formats::open(folder.path(), &Progress::default()).unwrap();
    let entry = trace.health.entries.iter().find(|e| e.code == "address_implausible").expect("an entry");
    assert_eq!(entry.count, 1);
    assert!(entry.example.contains("attn_k"));
}
