//! The program: what it prints, and its exit codes.

use assert_cmd::Command;
use tensorscope_models::Kind;

use crate::reader::read_file;

fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_tensorscope-models"))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

#[test]
fn it_lists_every_model() {
    let output = program().arg("--list").output().expect("run");
    assert!(output.status.success());
    let listed = text(&output.stdout);
    assert_eq!(listed.lines().count(), Kind::ALL.len());
    for (line, kind) in listed.lines().zip(Kind::ALL) {
        assert!(line.starts_with(kind.name()) && line.ends_with(kind.description()), "{line}");
        assert!(line.contains(&format!(" {} tensors", kind.plan().tensors)), "{line}");
    }
}

#[test]
fn it_writes_models_whole_and_in_parts() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("tiny.gguf");
    let output = program().arg("tiny-mamba").arg("-o").arg(&path).output().expect("run");
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stdout).starts_with(&path.display().to_string()), "{}", text(&output.stdout));
    let (_, first) = read_file(&path);

    let args = ["--seed", "1", "--split", "3"];
    let output = program().arg("tiny-mamba").arg("-o").arg(&path).args(args).output().expect("run");
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(text(&output.stdout).lines().count(), 3);
    assert!(folder.path().join("tiny-00003-of-00003.gguf").exists());

    program().arg("tiny-mamba").arg("-o").arg(&path).args(["--seed", "1"]).assert().success();
    let (_, second) = read_file(&path);
    assert!(first != second, "the seed changed nothing");
}

#[test]
fn failures_are_one_line_and_wrong_usage_another_code() {
    let output = program().args(["tiny-moe", "-o", "/no/such/folder/tiny.gguf"]).output().expect("run");
    assert_eq!(output.status.code(), Some(1));
    let message = text(&output.stderr);
    assert_eq!(message.lines().count(), 1, "{message}");
    assert!(message.starts_with("tensorscope-models: cannot write /no/such/folder/tiny.gguf"), "{message}");

    for args in [&["tiny-mole", "-o", "x.gguf"][..], &["tiny-moe"], &["tiny-moe", "-o", "x.gguf", "--split", "0"], &[]]
    {
        let output = program().args(args).output().expect("run");
        assert_eq!(output.status.code(), Some(2), "{args:?}");
    }
    let output = program().args(["tiny-mole", "-o", "x.gguf"]).output().expect("run");
    assert!(text(&output.stderr).contains("tiny-moe"), "{}", text(&output.stderr));
}
