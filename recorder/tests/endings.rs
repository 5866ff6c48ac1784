//! However a recording ends, what was flushed opens.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use tensorscope::trace::Trace;
use tensorscope_models::Kind;

use crate::recorded::{model, opened, ops, record, recorder, stderr, touches};

const LONG: [&str; 7] = ["-p", "Hello there", "-n", "1200", "--ignore-eos", "--mode", "order"];

/// A run of whole passes whose accesses are those of `whole`, as far as it goes.
fn check_prefix(run: &Trace, whole: &Trace) {
    assert!(run.passes.len() <= whole.passes.len());
    assert_eq!(run.op_count(), run.passes.iter().map(|p| p.ops as usize).sum::<usize>());
    for (k, pass) in run.passes.iter().enumerate() {
        assert_eq!(pass.token_ids, whole.passes[k].token_ids);
    }
    if let Some(last) = run.passes.len().checked_sub(1) {
        for (op, other) in ops(run, last).zip(ops(whole, last)) {
            assert_eq!(touches(run, op), touches(whole, other));
        }
    }
}

#[test]
fn killed_at_twenty_moments_it_opens_up_to_the_last_flush() {
    let folder = tempfile::tempdir().expect("a folder");
    let model = model(Kind::TinyLlama);
    let begun = std::time::Instant::now();
    let whole = opened(&record(&model, folder.path(), &LONG));
    let took = begun.elapsed();
    let clock = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    let mut random = u64::from(clock.subsec_nanos()) | 1;
    let (mut unfinished, mut with_passes) = (0, 0);
    for i in 0..20_u32 {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        // Spread over the recording and its end, each at a random moment of its share.
        let share = (f64::from(i) + (random >> 40) as f64 / f64::from(1 << 24)) / 20.0;
        let delay = Duration::from_secs_f64(took.as_secs_f64() * share);
        let run = folder.path().join(format!("{i}.tscope"));
        let mut child = recorder(&LONG)
            .args(["-o", run.to_str().expect("text"), "-m", model.to_str().expect("text")])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the recorder starts");
        std::thread::sleep(delay);
        child.kill().expect("a signal");
        child.wait().expect("its end");
        if !run.exists() {
            // It was still loading the model: nothing has the name yet.
            continue;
        }
        let trace = opened(&run);
        check_prefix(&trace, &whole);
        if trace.passes.len() < whole.passes.len() {
            let said = trace.health.entries.iter().any(|e| e.code == "recording_unfinished");
            assert!(said, "killed after {delay:?}: {:?}", trace.health);
            if !trace.passes.is_empty() {
                let kept = trace.health.entries.iter().any(|e| e.code == "node_never_runs");
                assert!(kept, "what the recorder found doubtful is kept: {:?}", trace.health);
                assert!(trace.meta.clock.contains("when the first pass began"), "{}", trace.meta.clock);
            }
            unfinished += 1;
            with_passes += usize::from(!trace.passes.is_empty());
        }
    }
    assert!(unfinished > 0 && with_passes > 0, "{unfinished} unfinished, {with_passes} of them with passes");
}

#[test]
fn a_signal_ends_it_as_if_it_were_done() {
    let folder = tempfile::tempdir().expect("a folder");
    let run = folder.path().join("run.tscope");
    let model = model(Kind::TinyLlama);
    let child = recorder(&["-p", "Hello", "-n", "100000", "--ignore-eos"])
        .args(["-o", run.to_str().expect("text"), "-m", model.to_str().expect("text")])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the recorder starts");
    while !run.exists() {
        std::thread::sleep(Duration::from_millis(10));
    }
    std::thread::sleep(Duration::from_millis(400));
    let asked = Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill");
    assert!(asked.success());
    let output = child.wait_with_output().expect("its end");
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stderr(&output).contains("ended early: stopped"), "{}", stderr(&output));
    let trace = opened(&run);
    assert!(trace.passes.len() > 1);
    assert!(trace.health.entries.iter().all(|e| e.code != "recording_unfinished"), "{:?}", trace.health);
    assert!(!has_extension(&run, "arrows"), "finished");
}

fn has_extension(folder: &Path, extension: &str) -> bool {
    std::fs::read_dir(folder)
        .expect("the run")
        .any(|entry| entry.expect("a file").path().extension().is_some_and(|e| e == extension))
}

#[test]
fn a_full_disk_keeps_what_was_recorded() {
    let folder = tempfile::tempdir().expect("a folder");
    let small = folder.path().join("small");
    let copy = folder.path().join("copy.tscope");
    std::fs::create_dir(&small).expect("a folder");
    let model = model(Kind::TinyLlama);
    // A mount of its own, which goes with the shell, in a namespace where that takes no rights outside.
    let script = r#"mount -t tmpfs -o size=8m tmpfs "$1" || exit 77
        "$2" -m "$3" -p Hello -n 3000 --ignore-eos --mode order --threads 1 -o "$1/run.tscope" >/dev/null
        code=$?
        cp -r "$1/run.tscope" "$4" && ls -A "$1" >&2
        exit $code"#;
    let root = Command::new("id").arg("-u").output().expect("id").stdout == b"0\n";
    let mut unshare = Command::new("unshare");
    unshare.arg("--mount").args((!root).then_some("--map-root-user"));
    let output = unshare
        .args(["sh", "-c", script, "sh"])
        .arg(&small)
        .arg(env!("CARGO_BIN_EXE_tensorscope-record"))
        .arg(&model)
        .arg(&copy)
        .output()
        .expect("unshare of util-linux");
    let said = stderr(&output);
    if output.status.code() == Some(77) || said.contains("unshare:") {
        eprintln!("not tested, since nothing may be mounted here: {said}");
        return;
    }
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("no room to write") && said.contains("passes before that stay"), "{said}");
    assert_eq!(said.lines().last(), Some("run.tscope"), "nothing else is left there: {said}");
    let trace = opened(&copy);
    assert!(trace.passes.len() > 10, "{}", trace.passes.len());
    assert!(trace.health.entries.iter().any(|e| e.code == "recording_unfinished"));
    let whole =
        opened(&record(&model, folder.path(), &["-p", "Hello", "-n", "3000", "--ignore-eos", "--mode", "order"]));
    check_prefix(&trace, &whole);
}

#[test]
fn the_end_of_the_context_ends_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let model = model(Kind::TinyLlama);
    let trace = opened(&record(&model, folder.path(), &["-p", "Hello", "-n", "2000", "-c", "70", "--ignore-eos"]));
    let tokens: usize = trace.passes.iter().map(|p| p.positions.len()).sum();
    assert_eq!(tokens, 70);
    assert!(trace.meta.notes.iter().any(|n| n.contains("the context is full")), "{:?}", trace.meta.notes);
}
