//! Files: their layout, what a seed changes, parts, holes, and what is left after a failure.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::Read;
use std::ops::ControlFlow;
use std::path::Path;

use tensorscope_models::{Kind, Options, WriteError, write, write_with};

use crate::reader::{Value, data_bytes, read, read_file};

fn tiny_kinds() -> impl Iterator<Item = Kind> {
    Kind::ALL.into_iter().filter(|kind| kind.name().starts_with("tiny-"))
}

fn entries(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

fn uninterested(_: u64, _: u64) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

#[test]
fn every_tiny_model_reads_back() {
    let folder = tempfile::tempdir().expect("a folder");
    for kind in tiny_kinds() {
        let path = folder.path().join(format!("{kind}.gguf"));
        let written = write(kind, &path, 0).expect("written");
        let (header, bytes) = read_file(&path);
        assert_eq!(written.files.len(), 1);
        assert_eq!(written.files[0].path, path);
        assert_eq!(written.files[0].bytes, bytes.len() as u64);
        assert_eq!((header.tensors.len(), bytes.len() as u64), (kind.plan().tensors, kind.plan().bytes), "{kind}");
        assert_eq!(written.tensors, header.tensors.len());

        let Value::Text(architecture) = &header.metadata["general.architecture"] else { panic!("{kind}") };
        let layers = header.number(&format!("{architecture}.block_count")) as usize;
        let named: HashSet<&str> =
            header.tensors.iter().filter_map(|t| t.name.strip_prefix("blk.")?.split('.').next()).collect();
        assert_eq!(named.len(), layers, "{kind}");
        let tokens = header.items("tokenizer.ggml.tokens").len();
        let embeddings = header.tensor("token_embd.weight");
        let width = header.number(&format!("{architecture}.embedding_length")) as u64;
        assert_eq!(embeddings.shape, [width, tokens as u64], "{kind}");
        assert_eq!(header.items("tokenizer.ggml.scores").len(), tokens);
        assert_eq!(header.items("tokenizer.ggml.token_type").len(), tokens);
    }
    assert_eq!(entries(folder.path()).len(), tiny_kinds().count(), "something was left behind");
}

#[test]
fn a_seed_gives_one_file_and_another_seed_other_weights_in_the_same_layout() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("model.gguf");
    for kind in tiny_kinds() {
        let write_seed = |seed| {
            write(kind, &path, seed).expect("written");
            read_file(&path)
        };
        let (header, bytes) = write_seed(7);
        assert!(write_seed(7).1 == bytes, "{kind}: the same seed, another file");
        let (_, other) = write_seed(8);
        assert_eq!(other[..header.data_offset as usize], bytes[..header.data_offset as usize], "{kind}");
        for tensor in header.tensors.iter().filter(|tensor| !tensor.name.ends_with("ssm_a")) {
            let (a, b) = (header.data(&bytes, &tensor.name), header.data(&other, &tensor.name));
            assert!(a != b, "{kind}: {} is the same for two seeds", tensor.name);
        }
    }
}

#[test]
fn parts_together_are_the_model() {
    let folder = tempfile::tempdir().expect("a folder");
    for (kind, parts) in [(Kind::TinyMoe, 3_u16), (Kind::TinyLlama, 2)] {
        let whole_path = folder.path().join("whole.gguf");
        write(kind, &whole_path, 5).expect("written");
        let (whole, whole_bytes) = read_file(&whole_path);

        let options = Options { seed: 5, parts };
        let path = folder.path().join(format!("{kind}.gguf"));
        let written = write_with(kind, &path, options, &mut uninterested).expect("written");
        assert!(!path.exists());
        let mut names = vec![];
        for (no, file) in written.files.iter().enumerate() {
            let expected = format!("{kind}-{:05}-of-{parts:05}.gguf", no + 1);
            assert_eq!(file.path, folder.path().join(expected));
            let (part, bytes) = read_file(&file.path);
            assert_eq!(part.number("split.no"), no as f64);
            assert_eq!(part.number("split.count"), f64::from(parts));
            assert_eq!(part.number("split.tensors.count"), whole.tensors.len() as f64);
            assert_eq!(part.metadata.len(), if no == 0 { whole.metadata.len() + 3 } else { 3 });
            for tensor in &part.tensors {
                assert!(part.data(&bytes, &tensor.name) == whole.data(&whole_bytes, &tensor.name), "{}", tensor.name);
                names.push(tensor.name.clone());
            }
        }
        assert_eq!(written.files.len(), usize::from(parts));
        assert_eq!(names, whole.tensors.iter().map(|tensor| tensor.name.clone()).collect::<Vec<_>>());
    }
}

/// The first bytes of a file that is too long to be read.
fn beginning(path: &Path) -> Vec<u8> {
    let mut bytes = vec![];
    File::open(path).expect("the file").take(8 << 20).read_to_end(&mut bytes).expect("its beginning");
    bytes
}

#[cfg(unix)]
#[test]
fn llama_70b_has_its_true_layout_and_takes_no_room() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("70b.gguf");
    let written = write(Kind::Llama70b, &path, 0).expect("written");
    let header = read(&beginning(&path));
    assert_eq!(written.files[0].bytes, header.data_offset + data_bytes(&header));
    assert_eq!(fs::metadata(&path).expect("the file").len(), written.files[0].bytes);
    let disk_bytes = written.files[0].disk_bytes.expect("unix tells");
    assert!(disk_bytes < 8 << 20, "{disk_bytes} bytes on the disk");

    assert_eq!(header.tensors.len(), 723);
    assert_eq!(header.number("llama.block_count"), 80.0);
    assert_eq!(header.number("llama.attention.head_count"), 64.0);
    assert_eq!(header.number("llama.attention.head_count_kv"), 8.0);
    assert_eq!(header.number("llama.rope.freq_base"), 500_000.0);
    assert_eq!(header.items("tokenizer.ggml.tokens").len(), 128_256);
    assert_eq!(header.tensor("output.weight").shape, [8192, 128_256]);
    assert_eq!(header.tensor("blk.79.attn_v.weight").shape, [8192, 1024]);
    assert_eq!(header.tensor("blk.40.ffn_down.weight").shape, [28_672, 8192]);
    let numbers: u64 = header.tensors.iter().map(|tensor| tensor.shape.iter().product::<u64>()).sum();
    assert_eq!(numbers, 70_553_706_496, "not as many as Llama 3 70B has");

    // Q4_K_M: Q6_K for the output and, in the first and last eighth of the layers and in every third between them, for
    // values and the last matrix; the other values of a 70B are Q5_K.
    let types = |name: &str| -> Vec<(usize, u32)> {
        (0..80).map(|layer| (layer, header.tensor(&format!("blk.{layer}.{name}.weight")).type_id)).collect()
    };
    let more_bits = |layer: usize| !(10..70).contains(&layer) || layer.is_multiple_of(3);
    let expected = |other: u32| (0..80).map(|i| (i, if more_bits(i) { 14 } else { other })).collect::<Vec<_>>();
    assert_eq!(types("attn_v"), expected(13));
    assert_eq!(types("ffn_down"), expected(12));
    assert!(types("attn_q").iter().all(|(_, type_id)| *type_id == 12));
    assert!(types("attn_norm").iter().all(|(_, type_id)| *type_id == 0));
    assert_eq!(header.tensor("output.weight").type_id, 14);
    assert_eq!(header.tensor("token_embd.weight").type_id, 12);
}

#[cfg(unix)]
#[test]
fn a_hole_can_be_in_parts() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = Options { seed: 0, parts: 4 };
    let path = folder.path().join("70b.gguf");
    let written = write_with(Kind::Llama70b, &path, options, &mut uninterested).expect("written");
    let mut tensors = 0;
    for file in &written.files {
        let header = read(&beginning(&file.path));
        assert_eq!(file.bytes, header.data_offset + data_bytes(&header));
        assert!(file.bytes > 9_000_000_000, "{}", file.bytes);
        tensors += header.tensors.len();
    }
    assert_eq!(tensors, 723);
}

#[test]
fn nothing_is_left_of_a_model_that_was_not_finished() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("model.gguf");
    fs::write(&path, "what was there").expect("written");
    let mut told = vec![];
    let options = Options { seed: 0, parts: 2 };
    // Two parts: the name of the first is not given either.
    let cancelled = write_with(Kind::TinyLlama, &path, options, &mut |written, all| {
        told.push((written, all));
        ControlFlow::Break(())
    });
    assert!(matches!(cancelled, Err(WriteError::Cancelled)), "{cancelled:?}");
    let (written, all) = told[0];
    assert_eq!(told.len(), 1);
    assert!(written > 0 && written <= all);
    assert_eq!(entries(folder.path()), ["model.gguf"]);
    assert_eq!(fs::read_to_string(&path).expect("the file"), "what was there");
}

#[test]
fn progress_ends_where_the_data_ends() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("model.gguf");
    let mut told = vec![];
    write_with(Kind::TinyMamba, &path, Options::default(), &mut |written, all| {
        told.push((written, all));
        ControlFlow::Continue(())
    })
    .expect("written");
    let all = data_bytes(&read_file(&path).0);
    assert_eq!(told.last(), Some(&(all, all)));
}

#[test]
fn what_cannot_be_written_is_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let missing = folder.path().join("missing").join("model.gguf");
    let error = write(Kind::TinyMoe, &missing, 0).expect_err("no such folder").to_string();
    assert!(error.contains("missing") && error.contains("a folder that exists"), "{error}");

    let path = folder.path().join("model.gguf");
    let write_parts = |parts| write_with(Kind::TinyMoe, &path, Options { seed: 0, parts }, &mut uninterested);
    let tensors = Kind::TinyMoe.plan().tensors as u16;
    for parts in [0, tensors + 1] {
        let error = write_parts(parts).expect_err("too many or too few parts").to_string();
        assert!(error.contains(&format!("1 to {tensors}")), "{error}");
    }
    assert_eq!(entries(folder.path()), [""; 0]);
    assert_eq!(write_parts(tensors).expect("one tensor a file").files.len(), usize::from(tensors));

    let error = write(Kind::TinyMoe, Path::new("/"), 0).expect_err("no name").to_string();
    assert!(error.contains("names no file"), "{error}");
}
