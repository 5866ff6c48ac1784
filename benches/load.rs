//! How long runs take to open. `TENSORSCOPE_BIG_RUNS` names what `scripts/make-big-runs.py` made, for those as well.

use std::path::{Path, PathBuf};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tensorscope::formats::{Progress, native, open};

fn bytes_of(path: &Path) -> u64 {
    if path.is_file() {
        return path.metadata().map_or(0, |m| m.len());
    }
    let entries = std::fs::read_dir(path).into_iter().flatten().filter_map(Result::ok);
    entries.map(|entry| bytes_of(&entry.path())).sum()
}

fn load(criterion: &mut Criterion) {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    let mut runs: Vec<(String, PathBuf)> = ["tinyllama-1024", "gpt-oss-20b", "recorded/smollm2-135m"]
        .map(|name| (name.to_owned(), shared.join(name)))
        .into();
    if let Some(big) = std::env::var_os("TENSORSCOPE_BIG_RUNS").map(PathBuf::from) {
        runs.extend(["trace", "tokens", "moe"].map(|name| (format!("big/{name}"), big.join(name))));
    }
    let mut group = criterion.benchmark_group("open");
    group.sample_size(10);
    for (name, path) in runs.into_iter().filter(|(_, path)| path.exists()) {
        group.throughput(Throughput::Bytes(bytes_of(&path)));
        group.bench_function(&name, |bencher| bencher.iter(|| open(&path, &Progress::default())));
        let Ok(run) = open(&path, &Progress::default()) else { continue };
        let folder = std::env::temp_dir().join(format!("tensorscope-bench-{}.tscope", std::process::id()));
        if native::write(&run, &folder).is_ok() {
            group.throughput(Throughput::Bytes(bytes_of(&folder)));
            group.bench_function(format!("{name} as native"), |bencher| {
                bencher.iter(|| open(&folder, &Progress::default()));
            });
            if let Err(error) = std::fs::remove_dir_all(&folder) {
                eprintln!("{}: {error}", folder.display());
            }
        }
    }
    group.finish();
}

criterion_group!(benches, load);
criterion_main!(benches);
