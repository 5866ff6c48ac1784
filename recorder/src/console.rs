//! What the person sees meanwhile: how far it is, tokens a second, and the text as it comes.

use std::io::{IsTerminal, Write};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Text goes to stdout, everything else to stderr.
pub struct Console {
    /// Hidden where stderr is no terminal.
    bar: ProgressBar,
    text: Text,
}

enum Text {
    /// As it comes; without what moves a cursor where that is a terminal.
    Stdout {
        terminal: bool,
    },
    /// Stdout is the terminal that has the bar: what does not fill a line yet stands above it.
    Lines(String),
    Nowhere,
}

impl Console {
    pub fn new() -> Self {
        let on_terminal = std::io::stderr().is_terminal();
        let target = if on_terminal { ProgressDrawTarget::stderr_with_hz(10) } else { ProgressDrawTarget::hidden() };
        let text = match on_terminal && std::io::stdout().is_terminal() {
            true => Text::Lines(String::new()),
            false => Text::Stdout { terminal: std::io::stdout().is_terminal() },
        };
        Self { bar: ProgressBar::with_draw_target(None, target), text }
    }

    /// Says nothing.
    pub fn silent() -> Self {
        Self { bar: ProgressBar::hidden(), text: Text::Nowhere }
    }

    pub fn loading(&self, share: f32) {
        if self.bar.length().is_none() {
            self.bar.set_length(100);
            self.bar.set_style(style("loading the model {wide_bar} {percent} %"));
        }
        self.bar.set_position((share * 100.0) as u64);
    }

    /// `tokens` will be decoded, the prompt's included.
    pub fn start(&self, tokens: u64) {
        self.bar.set_length(tokens);
        self.bar.set_position(0);
        let text = if let Text::Lines(_) = self.text { "{prefix}\n" } else { "" };
        self.bar.set_style(style(&format!("{text}{{wide_bar}} {{pos}}/{{len}} tokens, {{msg}}, {{eta}} left")));
        self.bar.reset_eta();
        self.bar.reset_elapsed();
    }

    /// `decoded` tokens are done, the last ones at `rate` tokens a second; `written` is what the run has.
    pub fn decoded(&self, decoded: u64, rate: f64, written: &str) {
        self.bar.set_message(format!("{rate:.1} a second, {written}"));
        self.bar.set_position(decoded);
    }

    /// More of the text.
    pub fn text(&mut self, text: &str) {
        let line = match &mut self.text {
            Text::Lines(line) => line,
            Text::Stdout { terminal } => {
                let shown = |c: &char| !*terminal || *c == '\n' || !c.is_control();
                let text: String = text.chars().filter(shown).collect();
                let mut out = std::io::stdout().lock();
                // When nobody reads the text any more, the recording still counts.
                let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
                return;
            }
            Text::Nowhere => return,
        };
        let width = usize::from(console_width());
        for c in text.chars() {
            match c {
                '\n' => self.bar.suspend(|| println_text(&std::mem::take(line))),
                // Whatever a model says must not move the cursor.
                c if c.is_control() => {}
                c => line.push(c),
            }
            if line.chars().count() >= width {
                self.bar.suspend(|| println_text(&std::mem::take(line)));
            }
        }
        self.bar.set_prefix(line.clone());
    }

    /// Takes the bar away; what is left of the text stays.
    pub fn end(&mut self) {
        self.bar.finish_and_clear();
        match &mut self.text {
            Text::Lines(line) if !line.is_empty() => println_text(&std::mem::take(line)),
            Text::Lines(_) | Text::Nowhere => {}
            Text::Stdout { .. } => self.text("\n"),
        }
    }

    /// A line for the person.
    pub fn say(&self, line: &str) {
        self.bar.suspend(|| {
            // Nobody is left to tell when this fails.
            let _ = writeln!(std::io::stderr().lock(), "{line}");
        });
    }
}

impl Default for Console {
    fn default() -> Self {
        Self::new()
    }
}

fn println_text(line: &str) {
    // As for text that goes elsewhere.
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

fn console_width() -> u16 {
    console::Term::stderr().size_checked().map_or(80, |(_, columns)| columns)
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
