//! What cannot be recorded is said in a line, before the model is loaded where that is possible, and leaves nothing
//! behind. What can be asked for is done.

use std::path::Path;

use tensorscope::trace::Phase;
use tensorscope_models::{Kind, Options};

use crate::recorded::{model, opened, record, recorder, stderr};

/// What the recorder says on failing with `arguments`; everything in `folder` must stay as it is.
fn refusal(folder: &Path, model: &Path, arguments: &[&str]) -> String {
    let before = std::fs::read_dir(folder).expect("a folder").count();
    let output = recorder(&["-m", model.to_str().expect("text")]).args(arguments).output().expect("it starts");
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert_eq!(said.trim_end().lines().count(), 1, "one line: {said}");
    assert!(said.starts_with("tensorscope-record: "), "{said}");
    assert_eq!(std::fs::read_dir(folder).expect("a folder").count(), before, "nothing is left: {said}");
    said
}

#[test]
fn folders_models_and_prompts_that_do_not_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name).to_str().expect("text").to_owned();
    let good = model(Kind::TinyLlama);
    let run = at("run.tscope");
    let with = |model: &Path, more: &[&str]| {
        let mut arguments = vec!["-o", &run, "-n", "1"];
        arguments.extend(more);
        refusal(folder.path(), model, &arguments)
    };

    let missing = folder.path().join("none.gguf");
    assert!(with(&missing, &["-p", "x"]).contains("none.gguf"));

    std::fs::write(at("text.gguf"), "no model at all").expect("a file");
    assert!(with(Path::new(&at("text.gguf")), &["-p", "x"]).contains("text.gguf"));

    let bytes = std::fs::read(&good).expect("the model");
    std::fs::write(at("cut.gguf"), &bytes[..bytes.len() / 2]).expect("a file");
    assert!(with(Path::new(&at("cut.gguf")), &["-p", "x"]).contains("cut.gguf"));

    let unknown = String::from_utf8_lossy(&bytes).find("general.architecture").expect("its key");
    let mut other = bytes.clone();
    let value = other[unknown..].windows(5).position(|w| w == b"llama").expect("its value") + unknown;
    other[value..value + 5].copy_from_slice(b"lhama");
    std::fs::write(at("unknown.gguf"), other).expect("a file");
    let said = with(Path::new(&at("unknown.gguf")), &["-p", "x"]);
    assert!(said.contains("unknown model architecture") && said.contains("lhama"), "{said}");

    // Without a vocabulary: one byte less of text, one more of padding, so that the data stays where it is.
    let data = crate::reference::weights(&good).values().map(|w| w.0).min().expect("tensors") as usize;
    let key = b"tokenizer.ggml.model";
    let key = bytes.windows(key.len()).position(|w| w == key).expect("its key") + key.len();
    let (length, text) = (key + 4, key + 12);
    assert_eq!(&bytes[text..text + 5], b"llama");
    let none = [&bytes[..length], &4_u64.to_le_bytes(), b"none", &bytes[text + 5..data], &[0], &bytes[data..]].concat();
    std::fs::write(at("none.gguf"), none).expect("a file");
    assert!(with(Path::new(&at("none.gguf")), &["-p", "x"]).contains("no vocabulary"));

    let long = "word ".repeat(300);
    assert!(with(&good, &["-c", "256", "-p", &long]).contains("the context holds 256"));
    std::fs::write(at("latin1.txt"), b"caf\xe9").expect("a file");
    assert!(with(&good, &["-f", &at("latin1.txt")]).contains("not UTF-8"));
    assert!(with(&good, &["-f", &at("none.txt")]).contains("none.txt"));

    let refused = |output: &str| refusal(folder.path(), &good, &["-p", "x", "-n", "1", "-o", output]);
    let said = refused(&at("no/such/run.tscope"));
    assert!(said.contains("no/such/run.tscope: "), "the name that was asked for: {said}");
    assert!(refused(&at("text.gguf")).contains("something already"));
    assert!(refused(&format!("{}/run.tscope", at("text.gguf"))).contains("text.gguf"));
    assert!(refused("/proc/run.tscope").contains("/proc"));
}

#[test]
fn wrong_usage_is_told_apart() {
    for wrong in
        [&["-m", "x.gguf"][..], &["-m", "x", "-o", "y", "-p", "a", "-f", "b"], &["-m", "x", "-o", "y", "--temp", "-1"]]
    {
        let output = recorder(wrong).output().expect("it starts");
        assert_eq!(output.status.code(), Some(2), "{wrong:?}: {}", stderr(&output));
    }
}

#[test]
fn nobody_has_to_listen() {
    let folder = tempfile::tempdir().expect("a folder");
    let full = || std::fs::File::options().write(true).open("/dev/full").expect("a device");
    let run = folder.path().join("run.tscope");
    let model = model(Kind::TinyLlama);
    let arguments = ["-p", "Hello", "-n", "2", "--ignore-eos", "--verbose", "-o", run.to_str().expect("text")];
    let mut command = recorder(&["-m", model.to_str().expect("text")]);
    let status = command.args(arguments).stdout(full()).stderr(full()).status().expect("it starts");
    assert!(status.success(), "{status}");
    assert_eq!(opened(&run).passes.len(), 3);
}

#[test]
fn a_prompt_may_come_from_a_file_or_stdin_and_its_text_goes_to_stdout() {
    let folder = tempfile::tempdir().expect("a folder");
    let model = model(Kind::TinyLlama);
    let prompt = folder.path().join("prompt.txt");
    std::fs::write(&prompt, "Hello there\n").expect("a file");
    let tokens = |name: &str, arguments: &[&str], stdin: Option<&Path>| {
        let run = folder.path().join(name);
        let mut command =
            recorder(&["-n", "0", "-m", model.to_str().expect("text"), "-o", run.to_str().expect("text")]);
        command.args(arguments);
        if let Some(path) = stdin {
            command.stdin(std::fs::File::open(path).expect("the prompt"));
        }
        let output = command.output().expect("it starts");
        assert!(output.status.success(), "{}", stderr(&output));
        assert!(String::from_utf8_lossy(&output.stdout).contains("Hello there"));
        let trace = opened(&run);
        assert_eq!(trace.passes.len(), 1, "no token was asked for beyond the prompt");
        trace.passes[0].token_ids.clone()
    };
    let path = prompt.to_str().expect("text");
    let given = tokens("p.tscope", &["-p", "Hello there"], None);
    assert_eq!(tokens("f.tscope", &["-f", path], None), given);
    assert_eq!(tokens("dash.tscope", &["-f", "-"], Some(&prompt)), given);
    assert_eq!(tokens("stdin.tscope", &[], Some(&prompt)), given);
}

#[test]
fn without_text_a_run_says_neither_words_nor_numbers() {
    let folder = tempfile::tempdir().expect("a folder");
    let arguments = ["-p", "secret plans", "-n", "2", "--ignore-eos", "--no-text"];
    let run = record(&model(Kind::TinyLlama), folder.path(), &arguments);
    let trace = opened(&run);
    assert!(trace.passes.iter().all(|p| p.text.is_none() && p.token_ids.is_empty() && !p.positions.is_empty()));
    for entry in std::fs::read_dir(&run).expect("the run") {
        let bytes = std::fs::read(entry.expect("a file").path()).expect("its bytes");
        assert!(!String::from_utf8_lossy(&bytes).contains("secret"));
    }
}

#[test]
fn the_same_seed_draws_the_same_tokens() {
    let folder = tempfile::tempdir().expect("a folder");
    let tokens = |name: &str, seed: &str| {
        let folder = folder.path().join(name);
        std::fs::create_dir(&folder).expect("a folder");
        let arguments = ["-p", "Hello", "-n", "12", "--ignore-eos", "--temp", "1.5", "--seed", seed];
        let trace = opened(&record(&model(Kind::TinyLlama), &folder, &arguments));
        trace.passes.iter().filter(|p| p.phase == Phase::Generate).flat_map(|p| p.token_ids.clone()).collect::<Vec<_>>()
    };
    let first = tokens("a", "3");
    assert_eq!(tokens("b", "3"), first);
    assert_ne!(tokens("c", "4"), first);
}

#[test]
fn a_split_model_is_read_from_all_of_its_files() {
    let folder = tempfile::tempdir().expect("a folder");
    let kind = Kind::TinyMoe;
    let whole = opened(&record(&model(kind), folder.path(), &["-p", "Hello", "-n", "2", "--ignore-eos"]));
    let options = Options { seed: 7, parts: 3 };
    let written = tensorscope_models::write_with(kind, &folder.path().join("split.gguf"), options, &mut |_, _| {
        std::ops::ControlFlow::Continue(())
    })
    .expect("a split model");
    let first = &written.files[0].path;
    let inner = folder.path().join("split");
    std::fs::create_dir(&inner).expect("a folder");
    let split = opened(&record(first, &inner, &["-p", "Hello", "-n", "2", "--ignore-eos"]));
    assert_eq!(split.meta.model.files.len(), 3);
    assert!(split.health.worst() <= Some(tensorscope::trace::Severity::Info), "{:?}", split.health);
    for op in 0..whole.op_count() {
        assert_eq!(crate::recorded::touches(&split, op), crate::recorded::touches(&whole, op));
    }
    let second = refusal(folder.path(), &written.files[1].path, &["-p", "x", "-o", "/tmp/never.tscope"]);
    assert!(second.contains("name its first"), "{second}");
}
