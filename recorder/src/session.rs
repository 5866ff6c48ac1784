//! From a model and a prompt to a recorded run: the loop that decodes, watches and writes.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tensorscope::formats::native::{Recording, WriteError};
use tensorscope::trace::raw::RawModel;
use tensorscope::trace::{Health, Phase, RunMeta, Severity};
use tensorscope::units;

use crate::args::{Arguments, Switch};
use crate::catalog::Catalog;
use crate::clock::now_ns;
use crate::console::Console;
use crate::llama::context::{Context, ContextError, ContextParams, DecodeError};
use crate::llama::model::{Model, ModelError};
use crate::llama::sampler::Sampler;
use crate::llama::{self, Token};
use crate::observer::Observer;
use crate::prompt::{self, PromptError};
use crate::rows::{PassInfo, Pending};
use crate::text::Pieces;
use crate::weights::{self, WeightsError};

/// How long passes wait to be written: what a kill loses.
const FLUSH_EVERY: Duration = Duration::from_millis(200);
/// Accesses that wait at most.
const FLUSH_ACCESSES: usize = 1 << 18;

#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    #[error(transparent)]
    Prompt(#[from] PromptError),
    #[error(transparent)]
    Weights(#[from] WeightsError),
    #[error("{}: {source}", path.display())]
    Model { path: PathBuf, source: ModelError },
    #[error("the prompt has no tokens; give it some text")]
    EmptyPrompt,
    #[error("the prompt has {tokens} tokens, and the context holds {context}; shorten it, or raise -c")]
    PromptTooLong { tokens: usize, context: u32 },
    #[error("the prompt and {predict} more tokens are more than a context can hold; lower -n")]
    TooMuch { predict: u32 },
    #[error(transparent)]
    Context(#[from] ContextError),
    #[error("no memory for a sampler; free some and try again")]
    Sampler,
    #[error(transparent)]
    Begin(WriteError),
    #[error("{source}. {}", kept(folder, *passes))]
    Write { folder: PathBuf, passes: u32, source: WriteError },
    #[error("{source}. {}", kept(folder, *passes))]
    Decode { folder: PathBuf, passes: u32, source: DecodeError },
}

/// What is left after a failure.
fn kept(folder: &Path, passes: u32) -> String {
    match passes {
        0 => "Nothing had been recorded".to_owned(),
        _ if !folder.exists() => format!("The {passes} passes before that are gone: something removed the folder"),
        _ => format!("The {passes} passes before that stay: tensorscope {}", quoted(folder)),
    }
}

/// As a shell takes it for one word.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_alphanumeric() || "/._-+:,@%".contains(c);
    if text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

/// What became of a recording.
#[derive(Debug)]
pub struct Summary {
    pub folder: PathBuf,
    pub passes: u32,
    pub ops: u32,
    pub accesses: u32,
    /// Tokens that were decoded.
    pub tokens: u64,
    /// From the first pass to the last flush.
    pub wall_ns: u64,
    /// Generated tokens, and the time from the first's choice to the last's being written.
    pub generated: u64,
    pub generate_wall_ns: u64,
    /// Spent on watching and writing.
    pub recorder_ns: u64,
    pub bytes: u64,
    /// Why it ended before the last token, if it did.
    pub ended: Option<&'static str>,
    /// Worst that is doubtful about the run.
    pub health: Health,
}

impl Summary {
    /// One line for people.
    pub fn line(&self) -> String {
        let rate = self.generated as f64 * 1e9 / self.generate_wall_ns.max(1) as f64;
        let rate = match rate {
            0.0 => String::new(),
            0.0..1.0 => format!("; {:.1} s a token", 1.0 / rate),
            _ => format!("; {rate:.1} tokens a second"),
        };
        let share = 100.0 * self.recorder_ns as f64 / self.wall_ns.max(1) as f64;
        format!(
            "{}: {} pass{}, {} ops, {} accesses, {} ({} a token){rate}, {share:.1} % of the time in the recorder{}. Open it: tensorscope {}",
            self.folder.display(),
            units::count(u64::from(self.passes)),
            if self.passes == 1 { "" } else { "es" },
            units::count(u64::from(self.ops)),
            units::count(u64::from(self.accesses)),
            units::bytes(self.bytes),
            units::bytes(self.bytes / self.tokens.max(1)),
            self.ended.map(|why| format!("; ended early: {why}")).unwrap_or_default(),
            quoted(&self.folder),
        )
    }
}

/// Records what `arguments` ask for. `stop` ends it with what there is.
pub fn record(
    arguments: &Arguments,
    console: &mut Console,
    stop: &Arc<AtomicBool>,
) -> Result<Option<Summary>, RecordError> {
    Recording::check(&arguments.output).map_err(RecordError::Begin)?;
    let prompt = prompt::read(&arguments.prompt)?;
    let mut health = Health::default();
    let raw_model = weights::read(&arguments.model, &mut health)?;
    llama::log::capture(arguments.verbose);
    let loaded = Model::load(&arguments.model, !arguments.no_mmap, |share| {
        console.loading(share);
        !stop.load(Ordering::Relaxed)
    });
    let model = match loaded {
        Err(ModelError::Stopped) => return Ok(None),
        loaded => loaded.map_err(|source| RecordError::Model { path: arguments.model.clone(), source })?,
    };
    let tokens = model.tokenize(&prompt).filter(|t| !t.is_empty()).ok_or(RecordError::EmptyPrompt)?;
    let params = context_params(arguments, tokens.len())?;
    let mut observer = Observer::new(Catalog::new(&raw_model), arguments.mode);
    observer.health = health.clone();
    let context = Context::new(&model, params, observer, stop.clone())?;
    let sampler = Sampler::new(arguments.temperature, arguments.seed).ok_or(RecordError::Sampler)?;
    let meta = describe(arguments, &raw_model, &model, &context, tokens.len());
    let recording = Recording::create(&arguments.output, &meta, &health).map_err(RecordError::Begin)?;
    let session = Session {
        arguments,
        console,
        stop,
        context,
        sampler,
        recording,
        meta,
        pending: Pending::default(),
        pieces: Pieces::default(),
        flushed: Instant::now(),
        flushed_passes: 0,
        described: None,
        origin_ns: None,
        position: 0,
        recorder_ns: 0,
        generated: 0,
        generate_begun_ns: 0,
    };
    session.run(&tokens)
}

fn context_params(arguments: &Arguments, prompt: usize) -> Result<ContextParams, RecordError> {
    let too_much = RecordError::TooMuch { predict: arguments.predict };
    let tokens = match arguments.context {
        Some(context) if prompt > context as usize => {
            return Err(RecordError::PromptTooLong { tokens: prompt, context });
        }
        Some(context) => context,
        None => u32::try_from(prompt).ok().and_then(|p| p.checked_add(arguments.predict)).ok_or(too_much)?,
    };
    let cores = || std::thread::available_parallelism().map_or(1, |n| n.get() as u32);
    Ok(ContextParams {
        tokens,
        batch: arguments.batch.min(tokens),
        threads: arguments.threads.unwrap_or_else(cores),
        flash_attention: arguments.flash_attention == Switch::On,
    })
}

fn describe(
    arguments: &Arguments,
    raw_model: &RawModel,
    model: &Model,
    context: &Context<'_, Observer>,
    prompt_tokens: usize,
) -> RunMeta {
    let name = arguments.model.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let producer = format!("tensorscope-record {}", env!("CARGO_PKG_VERSION"));
    let mut notes = vec![
        format!("{prompt_tokens} tokens of prompt, up to {} more", arguments.predict),
        format!(
            "context of {} tokens, batches of up to {}, {}",
            context.capacity(),
            arguments.batch,
            if arguments.flash_attention == Switch::On { "flash attention" } else { "no flash attention" }
        ),
        match arguments.temperature > 0.0 {
            true => format!("tokens drawn at temperature {} with seed {}", arguments.temperature, arguments.seed),
            false => "the most probable token each time".to_owned(),
        },
        format!("processor: {}", llama::system_info()),
    ];
    if arguments.no_text {
        notes.push("text and token numbers were kept back (--no-text)".to_owned());
    }
    notes.extend(arguments.note.iter().cloned());
    let trained = model.trained_context();
    if trained > 0 && context.capacity() > trained {
        notes.push(format!("the model was trained on {trained} tokens of context, fewer than it got here"));
    }
    RunMeta {
        source: format!("recording of {name} by {producer}"),
        producer: Some(producer),
        llama_cpp_version: Some(llama::version()),
        ggml_version: Some(llama::ggml_version()),
        model: raw_model.into(),
        op_names: llama::op_names(),
        type_names: llama::type_names(),
        clock: "ns of CLOCK_MONOTONIC".to_owned(),
        mode: arguments.mode.label().to_owned(),
        notes,
    }
}

/// A recording that goes on.
struct Session<'a> {
    arguments: &'a Arguments,
    console: &'a mut Console,
    stop: &'a AtomicBool,
    context: Context<'a, Observer>,
    sampler: Sampler,
    recording: Recording,
    meta: RunMeta,
    pending: Pending,
    pieces: Pieces,
    flushed: Instant,
    flushed_passes: u32,
    /// The health that run.json has.
    described: Option<Health>,
    /// When the first pass began.
    origin_ns: Option<u64>,
    /// Of the next token.
    position: u32,
    recorder_ns: u64,
    generated: u64,
    generate_begun_ns: u64,
}

/// Why the loop is over.
enum End {
    Done,
    Early(&'static str),
    Decode(DecodeError),
    Write(WriteError),
}

impl Session<'_> {
    fn run(mut self, prompt: &[Token]) -> Result<Option<Summary>, RecordError> {
        self.console.start(prompt.len() as u64 + u64::from(self.arguments.predict));
        let end = self.decode_all(prompt);
        self.console.end();
        self.finish(end)
    }

    fn decode_all(&mut self, prompt: &[Token]) -> End {
        for chunk in prompt.chunks(self.arguments.batch as usize) {
            if let Err(end) = self.pass(Phase::Prompt, chunk) {
                return end;
            }
        }
        self.generate_begun_ns = now_ns();
        for _ in 0..self.arguments.predict {
            let token = self.sampler.sample(&mut self.context);
            if !self.arguments.ignore_eos && self.context.model().ends_generation(token) {
                return End::Early("the model ended its text (--ignore-eos goes on)");
            }
            if self.position >= self.context.capacity() {
                return End::Early("the context is full (raise -c)");
            }
            if let Err(end) = self.pass(Phase::Generate, &[token]) {
                return end;
            }
        }
        End::Done
    }

    /// Decodes `tokens` as one pass and lists it.
    fn pass(&mut self, phase: Phase, tokens: &[Token]) -> Result<(), End> {
        const STOPPED: &str = "stopped";
        if self.stop.load(Ordering::Relaxed) {
            return Err(End::Early(STOPPED));
        }
        let mut text = String::new();
        for &token in tokens {
            text.push_str(&self.pieces.push(&self.context.model().piece(token)));
        }
        self.console.text(&text);
        let begun_ns = now_ns();
        let origin_ns = *self.origin_ns.get_or_insert_with(|| {
            self.meta.clock = format!("ns of CLOCK_MONOTONIC, which was at {begun_ns} when the first pass began");
            begun_ns
        });
        self.context.watch().begin(begun_ns, origin_ns);
        match self.context.decode(tokens, self.position) {
            Ok(()) => {}
            Err(DecodeError::Stopped) => return Err(End::Early(STOPPED)),
            Err(error) => return Err(End::Decode(error)),
        }
        let duration_ns = now_ns() - begun_ns;
        let info = PassInfo {
            phase,
            position: self.position,
            tokens: tokens.to_vec(),
            text: (!self.arguments.no_text).then_some(text),
            start_ns: begun_ns - origin_ns,
            duration_ns,
        };
        let observer = self.context.watch();
        let trace = observer.end();
        self.pending.push(trace, info, !self.arguments.no_text, &observer.catalog);
        self.recorder_ns += observer.take_spent_ns();
        self.position += tokens.len() as u32;
        self.generated += u64::from(phase == Phase::Generate);
        if self.flushed.elapsed() >= FLUSH_EVERY || self.pending.len() >= FLUSH_ACCESSES {
            self.flush().map_err(End::Write)?;
        }
        let rate = tokens.len() as f64 * 1e9 / duration_ns.max(1) as f64;
        self.console.decoded(u64::from(self.position), rate, &units::bytes(self.recording.bytes_written()));
        Ok(())
    }

    fn flush(&mut self) -> Result<(), WriteError> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let begun_ns = now_ns();
        let rows = self.pending.take(&mut self.context.watch().catalog);
        // Before the passes that it is about, so that a recording that dies says what was doubtful until then.
        let health = &self.context.watch().health;
        if self.described.as_ref() != Some(health) {
            self.recording.describe(&self.meta, health)?;
            self.described = Some(health.clone());
        }
        self.recording.append(&rows)?;
        self.flushed_passes = self.pending.passes();
        self.flushed = Instant::now();
        self.recorder_ns += now_ns() - begun_ns;
        Ok(())
    }

    fn finish(mut self, end: End) -> Result<Option<Summary>, RecordError> {
        let end = match (end, self.flush()) {
            (end @ End::Write(_), _) | (end, Ok(())) => end,
            (_, Err(error)) => End::Write(error),
        };
        let now = now_ns();
        let (wall_ns, generate_wall_ns) = (now - self.origin_ns.unwrap_or(now), now - self.generate_begun_ns);
        let (folder, passes) = (self.recording.folder().to_path_buf(), self.flushed_passes);
        let observer = self.context.watch();
        let mut health = std::mem::take(&mut observer.health);
        let ended = match end {
            End::Done => None,
            End::Early(_) if passes == 0 => {
                drop(self.recording);
                discard_empty(&folder, passes);
                return Ok(None);
            }
            End::Early(why) => Some(why),
            End::Write(source) => {
                // The streams stay as they are: they open, and finishing them would need more room.
                drop(self.recording);
                discard_empty(&folder, passes);
                return Err(RecordError::Write { folder, passes, source });
            }
            End::Decode(ref error) => {
                let message = "llama.cpp failed to run the model, and the recording ended there";
                health.report("decode_failed", Severity::Error, 1, message, || error.to_string());
                None
            }
        };
        self.meta.notes.extend(ended.map(|why| format!("ended early: {why}")));
        let buffers = self.context.watch().catalog.buffers().to_vec();
        let bytes = match self.recording.finish(&self.meta, &health, &buffers) {
            Ok(bytes) => bytes,
            Err(source) => {
                discard_empty(&folder, passes);
                return Err(RecordError::Write { folder, passes, source });
            }
        };
        if let End::Decode(source) = end {
            discard_empty(&folder, passes);
            return Err(RecordError::Decode { folder, passes, source });
        }
        Ok(Some(Summary {
            folder,
            passes,
            ops: self.pending.ops(),
            accesses: self.pending.accesses(),
            tokens: u64::from(self.position),
            wall_ns,
            generated: self.generated,
            generate_wall_ns,
            recorder_ns: self.recorder_ns,
            bytes,
            ended,
            health,
        }))
    }
}

/// A run without a pass helps nobody.
fn discard_empty(folder: &Path, passes: u32) {
    if passes == 0 {
        // The failure that left it empty is the one to report.
        let _ = std::fs::remove_dir_all(folder);
    }
}
