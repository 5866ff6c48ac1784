//! Perfetto's JSON: passes, layers and ops as nested slices, bytes as counters

use std::collections::BTreeSet;
use std::fmt;
use std::io::{self, Write};

use super::perfetto_times::{Lanes, OPS_AT_A_TIME, TimedOp, TimedPass, timed_ops, timed_passes};
use super::{RunExport, cancelled};
use crate::analysis::op_times::Known;
use crate::analysis::table_columns::{experts, track_bytes};
use crate::analysis::watch::Watch;
use crate::trace::{DESTINATION_SLOT, Trace, Track};

/// Threads of the trace that belong to one lane of passes: the first nests passes, layers and ops, the others hold ops
/// that ran at the same time.
const THREADS_A_LANE: usize = 1000;
/// Of the thousandths that a [`Watch`] counts: to find out when passes run, and to write it all.
const TIMES: [u32; 2] = [0, 100];
const EVENTS: [u32; 2] = [100, 1000];

pub fn write(run: &RunExport, out: &mut impl Write, watch: Watch<'_>) -> io::Result<u64> {
    let trace = &*run.trace;
    let count = run.rows.len();
    let mut proceed = |rows| watch.reach(TIMES, rows, count).ok_or_else(cancelled);
    let passes = timed_passes(trace, &run.rows, &mut proceed)?;
    let mut events = Events {
        out,
        trace,
        kinds: trace.meta.op_names.iter().map(|name| quoted(name)).collect::<io::Result<_>>()?,
        tensors: trace.tensors.iter().map(|tensor| quoted(tensor.name.trim())).collect::<io::Result<_>>()?,
        first: true,
        threads: BTreeSet::new(),
    };
    write!(events.out, "{{\"displayTimeUnit\":\"ns\",\"traceEvents\":[")?;
    events.process(&run.name)?;
    let mut lanes = Lanes::default();
    let mut done = 0;
    for pass in &passes {
        let lane = lanes.place(pass.start_ns, pass.end_ns);
        let ops = timed_ops(trace, &run.rows, pass.rows.clone());
        events.pass(pass, &ops, lane, &mut |ops| watch.reach(EVENTS, done + ops, count).ok_or_else(cancelled))?;
        done += ops.len();
    }
    writeln!(events.out, "\n]}}")?;
    Ok(done as u64)
}

/// Events as they are written, one a line.
struct Events<'a, W> {
    out: &'a mut W,
    trace: &'a Trace,
    /// Names as JSON has them, made once.
    kinds: Vec<String>,
    tensors: Vec<String>,
    first: bool,
    /// Threads that have their names.
    threads: BTreeSet<usize>,
}

impl<W: Write> Events<'_, W> {
    fn begin(&mut self) -> io::Result<()> {
        let between: &[u8] = if self.first { b"\n" } else { b",\n" };
        self.first = false;
        self.out.write_all(between)
    }

    fn process(&mut self, name: &str) -> io::Result<()> {
        let name = quoted(&format!("run {name}"))?;
        self.begin()?;
        write!(self.out, r#"{{"ph":"M","name":"process_name","pid":1,"args":{{"name":{name}}}}}"#)
    }

    /// Names a thread when it is first used.
    fn thread(&mut self, thread: usize) -> io::Result<()> {
        if !self.threads.insert(thread) {
            return Ok(());
        }
        let (lane, other) = ((thread - 1) / THREADS_A_LANE, (thread - 1) % THREADS_A_LANE);
        let passes = if lane == 0 { "passes".to_owned() } else { format!("passes at the same time, {}", lane + 1) };
        let name = if other == 0 { passes } else { format!("{passes}: ops at the same time, {}", other + 1) };
        self.begin()?;
        write!(self.out, r#"{{"ph":"M","name":"thread_name","pid":1,"tid":{thread},"args":{{"name":"{name}"}}}}"#)?;
        self.begin()?;
        write!(
            self.out,
            r#"{{"ph":"M","name":"thread_sort_index","pid":1,"tid":{thread},"args":{{"sort_index":{thread}}}}}"#
        )
    }

    /// Everything of one pass. `lane` is none where there are too many at the same time.
    fn pass(
        &mut self,
        pass: &TimedPass,
        ops: &[TimedOp],
        lane: Option<usize>,
        proceed: &mut dyn FnMut(usize) -> io::Result<()>,
    ) -> io::Result<()> {
        let thread = 1 + lane.unwrap_or(0) * THREADS_A_LANE;
        self.thread(thread)?;
        let bytes = self.pass_slice(pass, ops, thread, lane.is_some())?;
        self.counter("bytes touched by pass", pass.start_ns, bytes)?;
        let mut lanes = Lanes::default();
        let placed: Vec<Option<usize>> =
            ops.iter().map(|op| lane.and_then(|_| lanes.place(op.start_ns, op.end_ns))).collect();
        // The ops of the first lane, layer by layer as they follow each other.
        let main: Vec<usize> = (0..ops.len()).filter(|at| placed[*at] == Some(0)).collect();
        let layer = |at: usize| self.trace.ops.layer.get(ops[at].op as usize);
        let ends: Vec<(usize, u64)> = main
            .chunk_by(|a, b| layer(*a) == layer(*b))
            .filter_map(|run| Some((*run.first()?, ops[*run.last()?].end_ns)))
            .collect();
        let mut layers = ends.into_iter().peekable();
        for (at, op) in ops.iter().enumerate() {
            if at % OPS_AT_A_TIME == 0 {
                proceed(at)?;
            }
            if let Some((_, end_ns)) = layers.next_if(|(first, _)| *first == at)
                && let Some(layer) = self.trace.ops.layer.get(op.op as usize)
            {
                self.slice("layer", format_args!("\"layer {layer}\""), thread, op.start_ns, end_ns)?;
                write!(self.out, "}}")?;
            }
            let op_thread = thread + placed[at].unwrap_or(0);
            self.thread(op_thread)?;
            self.op(op, op_thread, placed[at].is_some())?;
        }
        self.counter("bytes touched by op", pass.end_ns, [0, 0])?;
        self.counter("bytes touched by pass", pass.end_ns, [0, 0])
    }

    fn pass_slice(&mut self, pass: &TimedPass, ops: &[TimedOp], thread: usize, slice: bool) -> io::Result<[u64; 2]> {
        let mut bytes = [0_u64; 2];
        for op in ops {
            for (sum, touched) in bytes.iter_mut().zip(track_bytes(self.trace, op.op as usize)) {
                *sum = sum.saturating_add(touched);
            }
        }
        let Some(info) = self.trace.passes.get(pass.pass as usize) else { return Ok(bytes) };
        let name = quoted(&match &info.text {
            // Line ends are tokens, too.
            Some(text) => format!("pass {} {}", pass.pass, text.escape_debug()),
            None => format!("pass {}", pass.pass),
        })?;
        match slice {
            true => self.slice("pass", format_args!("{name}"), thread, pass.start_ns, pass.end_ns)?,
            false => self.moment("pass", format_args!("{name}"), thread, pass.start_ns)?,
        }
        let (phase, count) = (info.phase.label(), ops.len());
        write!(self.out, r#","args":{{"pass":{},"phase":"{phase}","ops":{count}"#, pass.pass)?;
        if let Some(graph) = info.graph {
            write!(self.out, r#","graph":{graph}"#)?;
        }
        self.bytes(bytes)?;
        write!(self.out, "}}}}")?;
        Ok(bytes)
    }

    fn op(&mut self, timed: &TimedOp, thread: usize, slice: bool) -> io::Result<()> {
        let (trace, op) = (self.trace, timed.op as usize);
        let bytes = track_bytes(trace, op);
        self.counter("bytes touched by op", timed.start_ns, bytes)?;
        let kind = trace.ops.kind.get(op).and_then(|kind| self.kinds.get(*kind as usize)).cloned();
        let kind = kind.unwrap_or_else(|| "\"?\"".to_owned());
        match slice {
            true => self.slice("op", format_args!("{kind}"), thread, timed.start_ns, timed.end_ns)?,
            false => self.moment("op", format_args!("{kind}"), thread, timed.start_ns)?,
        }
        write!(self.out, r#","args":{{"op":{op}"#)?;
        if let Some(layer) = trace.ops.layer.get(op) {
            write!(self.out, r#","layer":{layer}"#)?;
        }
        let destination = trace.ops.destination.get(op).and_then(|tensor| self.tensors.get(tensor as usize));
        if let Some(destination) = destination {
            write!(self.out, r#","writes":{destination}"#)?;
        }
        self.reads(op)?;
        let mut used: Vec<u32> = experts(trace, op).collect();
        used.sort_unstable();
        used.dedup();
        for (at, expert) in used.iter().enumerate() {
            let before = if at == 0 { r#","experts":["# } else { "," };
            write!(self.out, "{before}{expert}")?;
        }
        if !used.is_empty() {
            write!(self.out, "]")?;
        }
        self.bytes(bytes)?;
        match timed.known {
            Known::Recorded if slice => {}
            Known::Recorded => write!(self.out, r#","duration_ns":{}"#, timed.end_ns - timed.start_ns)?,
            Known::Start => write!(self.out, r#","end":"not recorded: the next stamp of the pass""#)?,
            Known::Order => write!(self.out, r#","time":"not recorded: the ops divide their pass evenly""#)?,
        }
        write!(self.out, "}}}}")
    }

    /// The tensors that an op reads, each operand once, in the order of its slots.
    fn reads(&mut self, op: usize) -> io::Result<()> {
        let trace = self.trace;
        let mut last = None;
        let mut any = false;
        for access in trace.accesses_of(op) {
            let slot = trace.accesses.slot.get(access).copied().unwrap_or(DESTINATION_SLOT);
            let range = trace.accesses.range.get(access).copied().unwrap_or(u32::MAX);
            let Some(tensor) = trace.ranges.tensor.get(range as usize).copied() else { continue };
            if slot == DESTINATION_SLOT || last == Some((slot, tensor)) {
                continue;
            }
            last = Some((slot, tensor));
            let Some(name) = self.tensors.get(tensor as usize) else { continue };
            write!(self.out, "{}{name}", if any { "," } else { r#","reads":["# })?;
            any = true;
        }
        if any { write!(self.out, "]") } else { Ok(()) }
    }

    fn bytes(&mut self, [disk, buffer]: [u64; 2]) -> io::Result<()> {
        write!(self.out, r#","disk_bytes":{disk},"buffer_bytes":{buffer}"#)
    }

    /// Begins a slice; its end is for who has more to say of it.
    fn slice(
        &mut self,
        category: &str,
        name: fmt::Arguments<'_>,
        thread: usize,
        start_ns: u64,
        end_ns: u64,
    ) -> io::Result<()> {
        let (start, duration) = (Micros(start_ns), Micros(end_ns - start_ns));
        self.begin()?;
        write!(
            self.out,
            r#"{{"ph":"X","cat":"{category}","name":{name},"pid":1,"tid":{thread},"ts":{start},"dur":{duration}"#
        )
    }

    /// Begins what has no extent.
    fn moment(&mut self, category: &str, name: fmt::Arguments<'_>, thread: usize, at_ns: u64) -> io::Result<()> {
        let at = Micros(at_ns);
        self.begin()?;
        write!(self.out, r#"{{"ph":"i","s":"t","cat":"{category}","name":{name},"pid":1,"tid":{thread},"ts":{at}"#)
    }

    fn counter(&mut self, name: &str, at_ns: u64, [disk, buffer]: [u64; 2]) -> io::Result<()> {
        let at = Micros(at_ns);
        let [disk_name, buffer_name] = Track::ALL.map(Track::label);
        self.begin()?;
        write!(
            self.out,
            r#"{{"ph":"C","name":"{name}","pid":1,"ts":{at},"args":{{"{disk_name}":{disk},"{buffer_name}":{buffer}}}}}"#
        )
    }
}

/// Nanoseconds in the unit of the format, to the last of them. Perfetto reads a float, multiplies it by 1,000 and cuts
/// off what is behind the point: what would come out one less by that, and so no longer nest, is written as the next
/// float.
struct Micros(u64);

impl fmt::Display for Micros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = self.0 as f64 / 1000.0;
        match ((micros * 1000.0) as u64) < self.0 {
            true => write!(f, "{}", micros.next_up()),
            false => write!(f, "{}.{:03}", self.0 / 1000, self.0 % 1000),
        }
    }
}

/// Text as JSON has it.
fn quoted(text: &str) -> io::Result<String> {
    Ok(serde_json::to_string(text)?)
}

#[cfg(test)]
mod tests {
    use super::Micros;

    #[test]
    fn no_nanosecond_is_lost_where_floats_are_cut_off() {
        for ns in (0..5_000_000).step_by(7).chain((1 << 50)..(1 << 50) + 10_000) {
            let text = Micros(ns).to_string();
            assert_eq!((text.parse::<f64>().unwrap() * 1000.0) as u64, ns, "{text}");
        }
        assert_eq!(Micros(1_500).to_string(), "1.500");
    }
}
