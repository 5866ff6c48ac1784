//! What recording costs: the same tokens decoded without a callback, in order mode and in timing mode, in turn.
//!
//!     cargo bench -p tensorscope-record --bench cost -- MODEL.gguf [TOKENS] [ROUNDS]
//!
//! Prints the median of the milliseconds a generated token takes in each, and bytes written a token.

#![expect(clippy::print_stdout, reason = "what it measures goes there")]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use clap::Parser;
use tensorscope_record::args::Arguments;
use tensorscope_record::console::Console;
use tensorscope_record::llama::context::{Context, ContextParams, Nobody};
use tensorscope_record::llama::model::Model;
use tensorscope_record::llama::sampler::Sampler;
use tensorscope_record::session;

const PROMPT: &str = "The capital of France is";

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let given: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    let Some(model) = given.first() else {
        println!("cost: name a model, as in: cargo bench -p tensorscope-record --bench cost -- MODEL.gguf");
        return Ok(());
    };
    let number = |at: usize, default: u32| given.get(at).map_or(Ok(default), |n| n.parse());
    let (tokens, rounds) = (number(1, 64)?, number(2, 7)?);
    let folder = tempfile::tempdir()?;
    let mut times: [Vec<f64>; 3] = Default::default();
    let mut written = [0, 0];
    for round in 0..rounds {
        times[0].push(plain(Path::new(model), tokens)?);
        for (k, mode) in [(1, "order"), (2, "timing")] {
            let run = folder.path().join(format!("{mode}-{round}.tscope"));
            let (ms, bytes) = recorded(model, tokens, mode, &run)?;
            times[k].push(ms);
            written[k - 1] = bytes / u64::from(tokens);
        }
    }
    let median = |times: &[f64]| {
        let mut sorted = times.to_vec();
        sorted.sort_by(f64::total_cmp);
        sorted[sorted.len() / 2]
    };
    let base = median(&times[0]);
    println!("{tokens} tokens, {rounds} rounds, medians");
    println!("no callback {base:8.2} ms a token");
    for (k, mode) in [(1, "order"), (2, "timing")] {
        let ms = median(&times[k]);
        println!("{mode:11} {ms:8.2} ms a token, {:.2} times that, {} bytes a token", ms / base, written[k - 1]);
    }
    Ok(())
}

/// Milliseconds a generated token takes when nobody watches.
fn plain(model: &Path, tokens: u32) -> Result<f64, Failure> {
    tensorscope_record::llama::log::capture(false);
    let model = Model::load(model, true, |_| true)?;
    let prompt = model.tokenize(PROMPT).ok_or("the prompt is too long")?;
    let params = ContextParams {
        tokens: prompt.len() as u32 + tokens,
        batch: prompt.len() as u32 + tokens,
        threads: std::thread::available_parallelism()?.get() as u32,
        flash_attention: true,
    };
    let mut context = Context::new(&model, params, Nobody, Arc::new(AtomicBool::new(false)))?;
    let mut sampler = Sampler::new(0.0, 1).ok_or("no sampler")?;
    context.decode(&prompt, 0)?;
    let begun = Instant::now();
    for i in 0..tokens {
        let token = sampler.sample(&mut context);
        context.decode(&[token], prompt.len() as u32 + i)?;
    }
    Ok(begun.elapsed().as_secs_f64() * 1e3 / f64::from(tokens))
}

/// The same with a recorder, writing included; and the bytes of its run.
fn recorded(model: &str, tokens: u32, mode: &str, run: &Path) -> Result<(f64, u64), Failure> {
    let arguments = Arguments::try_parse_from([
        "tensorscope-record",
        "-m",
        model,
        "-p",
        PROMPT,
        "-n",
        &tokens.to_string(),
        "--ignore-eos",
        "--mode",
        mode,
        "-o",
        &run.to_string_lossy(),
    ])?;
    let stop = Arc::new(AtomicBool::new(false));
    let summary = session::record(&arguments, &mut Console::silent(), &stop)?.ok_or("stopped")?;
    Ok((summary.generate_wall_ns as f64 / 1e6 / f64::from(tokens), summary.bytes))
}
