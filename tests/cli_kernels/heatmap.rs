//! `heatmap` against every access of the run counted into every cell.

use std::path::Path;

use serde_json::Value;
use tensorscope::formats::{self, Progress};
use tensorscope::kernel_io::heat::NO_BASE;
use tensorscope::trace::tracks::{Order, TrackLayout};
use tensorscope::trace::{Phase, Trace, Track, flags};

use super::small_run::SmallRun;
use super::{failure, json, real_run, tensorscope};

/// A question in the words of the command line.
#[derive(Clone, Copy)]
struct Question {
    track: &'static str,
    measure: &'static str,
    rw: &'static str,
    phase: &'static str,
    agg: &'static str,
    order: &'static str,
    kx: u32,
    ky: u32,
    x0: u64,
    y0: u64,
    size: [u64; 2],
}

const WHOLE: Question = Question {
    track: "disk",
    measure: "accesses",
    rw: "both",
    phase: "all",
    agg: "sum",
    order: "file",
    kx: 8,
    ky: 1,
    x0: 0,
    y0: 0,
    size: [48, 14],
};

impl Question {
    fn ask(&self, run: &Path, engine: &str) -> Value {
        let numbers = [u64::from(self.kx), u64::from(self.ky), self.x0, self.y0].map(|n| n.to_string());
        let [kx, ky, x0, y0] = &numbers;
        let size = format!("{}x{}", self.size[0], self.size[1]);
        let words = [
            ("--track", self.track),
            ("--measure", self.measure),
            ("--rw", self.rw),
            ("--phase", self.phase),
            ("--agg", self.agg),
            ("--order", self.order),
            ("--kx", kx),
            ("--ky", ky),
            ("--x0", x0),
            ("--y0", y0),
            ("--size", &size),
            ("--engine", engine),
        ];
        let arguments: Vec<&str> =
            std::iter::once("heatmap").chain(words.into_iter().flat_map(|(a, b)| [a, b])).collect();
        json(run, &arguments)
    }

    /// The answer by the contract's words: cell by cell, op by op, access by access.
    fn defined(&self, trace: &Trace) -> Vec<Vec<u64>> {
        let track = if self.track == "disk" { Track::Disk } else { Track::Buffer };
        let order = Order::ALL.into_iter().find(|o| o.label() == self.order).expect("an order");
        let bases = TrackLayout::new(trace, track, order).bases;
        let phase = Phase::ALL.into_iter().find(|p| p.label() == self.phase);
        let mut cells = vec![vec![0_u64; self.size[0] as usize]; self.size[1] as usize];
        for op in 0..trace.op_count() {
            let Some(row) = (op as u64 >> self.ky).checked_sub(self.y0).filter(|&row| row < self.size[1]) else {
                continue;
            };
            if phase.is_some_and(|phase| trace.pass_of(op).map(|p| p.phase) != Some(phase)) {
                continue;
            }
            for (column, cell) in (self.x0..).zip(&mut cells[row as usize]) {
                let value: u64 = trace.accesses_of(op).map(|a| self.share(trace, &bases, a, column)).sum();
                *cell = if self.agg == "sum" { *cell + value } else { value.max(*cell) };
            }
        }
        cells
    }

    /// What one access adds to one column.
    fn share(&self, trace: &Trace, bases: &[u64], access: usize, column: u64) -> u64 {
        let writes = trace.accesses.flags[access] & flags::WRITE != 0;
        let range = trace.accesses.range[access] as usize;
        let tensor = trace.ranges.tensor[range] as usize;
        if (self.rw == "read" && writes) || (self.rw == "write" && !writes) || bases[tensor] == NO_BASE {
            return 0;
        }
        let (offset, bytes) = match self.measure {
            "logged" => (0, trace.tensors[tensor].bytes),
            _ => (trace.ranges.offset[range], trace.ranges.length[range]),
        };
        let first = bases[tensor] + offset;
        let cell = [column << self.kx, (column + 1) << self.kx];
        let overlap = (first + bytes).min(cell[1]).saturating_sub(first.max(cell[0]));
        if self.measure == "accesses" { u64::from(overlap > 0) } else { overlap }
    }
}

fn values(answer: &Value) -> Vec<Vec<u64>> {
    serde_json::from_value(answer["values"].clone()).expect("rows of integers")
}

fn read(run: &Path) -> Trace {
    formats::open(run, &Progress::default()).expect("a good run")
}

fn both_engines_answer(run: &Path, questions: &[Question]) {
    let trace = read(run);
    for question in questions {
        let expected = question.defined(&trace);
        let context = format!("{} {} {} {}", question.track, question.measure, question.agg, question.order);
        assert!(expected.iter().flatten().any(|&v| v > 0), "{context}: the question asks for nothing");
        for engine in ["gpu", "cpu"] {
            let answer = question.ask(run, engine);
            assert_eq!(values(&answer), expected, "{context} by {engine}");
            assert_eq!(answer["engine"], engine);
            assert_eq!(answer["adapter"].is_string(), engine == "gpu");
            assert_eq!((&answer["track"], &answer["measure"]), (&question.track.into(), &question.measure.into()));
            assert_eq!(
                ["kx", "ky", "x0", "y0", "width", "height"].map(|key| answer[key].as_u64().expect("a number")),
                [
                    u64::from(question.kx),
                    u64::from(question.ky),
                    question.x0,
                    question.y0,
                    question.size[0],
                    question.size[1]
                ]
            );
        }
    }
}

#[test]
fn both_engines_count_what_the_contract_says() {
    let run = SmallRun::new();
    let trace = read(run.path());
    let slices = (0..trace.ranges.tensor.len()).filter(|&range| trace.ranges.expert.get(range).is_some()).count();
    assert!(slices > 1, "the run must use single experts");
    both_engines_answer(
        run.path(),
        &[
            WHOLE,
            Question { measure: "bytes", agg: "max", phase: "generate", ky: 2, ..WHOLE },
            Question { measure: "logged", order: "layer", kx: 9, x0: 3, y0: 2, size: [7, 3], ..WHOLE },
            Question { measure: "bytes", order: "heat", rw: "read", phase: "prompt", kx: 6, size: [140, 2], ..WHOLE },
            Question { track: "buffer", measure: "bytes", rw: "write", kx: 5, ky: 0, size: [40, 25], ..WHOLE },
            Question { track: "buffer", measure: "accesses", agg: "max", rw: "read", kx: 4, ..WHOLE },
        ],
    );
}

#[test]
fn a_real_run_is_counted_right_too() {
    let Some(run) = real_run("gpt-oss-20b") else { return };
    both_engines_answer(
        &run,
        &[
            Question { measure: "bytes", kx: 29, ky: 8, size: [32, 7], ..WHOLE },
            Question { measure: "logged", agg: "max", phase: "generate", kx: 28, ky: 9, size: [60, 4], ..WHOLE },
            Question { track: "buffer", rw: "write", kx: 20, ky: 9, size: [90, 4], ..WHOLE },
        ],
    );
}

#[test]
fn without_numbers_the_whole_run_is_shown() {
    let run = SmallRun::new();
    let answer = json(run.path(), &["heatmap", "--measure", "bytes", "--size", "5x3"]);
    let read_bytes: u64 = {
        let trace = read(run.path());
        let on_disk = |range: usize| trace.tensors[trace.ranges.tensor[range] as usize].track == Track::Disk;
        let ranges = trace.accesses.range.iter().map(|&range| range as usize);
        ranges.filter(|&range| on_disk(range)).map(|range| trace.ranges.length[range]).sum()
    };
    assert_eq!(values(&answer).iter().flatten().sum::<u64>(), read_bytes);
    assert_eq!(answer["engine"], "gpu", "the software adapter counts as one");

    let text = tensorscope().arg("heatmap").arg(run.path()).args(["--size", "20x4"]).assert().success();
    let text = String::from_utf8(text.get_output().stdout.clone()).expect("UTF-8");
    assert!(text.starts_with("DISK: 20 x 4 cells"), "{text}");
    assert_eq!(text.lines().filter(|line| line.starts_with('|') && line.ends_with('|')).count(), 4);
}

#[test]
fn too_many_cells_are_refused_before_they_cost_memory() {
    let run = SmallRun::new();
    for engine in ["gpu", "cpu"] {
        let line = failure(run.path(), &["heatmap", "--size", "16384x16384", "--engine", engine]);
        assert!(line.contains("16777216 are the most"), "{line}");
    }
    for wrong in [["--size", "0x4"], ["--kx", "64"], ["--track", "ram"], ["--y0", "-1"]] {
        tensorscope().arg("heatmap").arg(run.path()).args(wrong).assert().code(2).stdout("");
    }
    assert!(failure(Path::new("/nowhere.tscope"), &["heatmap"]).contains("/nowhere.tscope"));
}

#[test]
fn cells_behind_the_run_are_empty() {
    let run = SmallRun::new();
    let far = Question { x0: u64::MAX, y0: u64::MAX, size: [3, 2], ..WHOLE };
    for engine in ["gpu", "cpu"] {
        assert_eq!(values(&far.ask(run.path(), engine)), [[0; 3]; 2]);
    }
}

#[test]
fn without_an_adapter_the_cpu_answers_unless_the_gpu_was_asked_for() {
    let run = SmallRun::new();
    let without_adapter = |engine: &[&str]| {
        let mut command = tensorscope();
        command.env("VK_ICD_FILENAMES", "/nowhere.json").env("VK_DRIVER_FILES", "/nowhere.json");
        command.arg("heatmap").arg(run.path()).args(engine).arg("--json").assert()
    };
    let answer = without_adapter(&[]).success();
    let answer: Value = serde_json::from_slice(&answer.get_output().stdout).expect("one JSON document");
    assert_eq!((&answer["engine"], &answer["adapter"]), (&"cpu".into(), &Value::Null));
    let refused = without_adapter(&["--engine", "gpu"]).code(1).stdout("");
    let line = String::from_utf8_lossy(&refused.get_output().stderr);
    assert!(line.contains("mesa-vulkan-drivers"), "{line}");
}
