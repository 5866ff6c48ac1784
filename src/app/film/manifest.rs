//! `manifest.json` of a film: what it shows, how it was made, and the hash of every frame

use std::io::Write as _;
use std::path::Path;

use serde::Serialize;

use super::{FilmError, PixelHash, frame_name};
use crate::export::whole_file::write_whole;
use crate::state::Action;
use crate::state::film_choices::Part;
use crate::trace::Trace;

const NAME: &str = "manifest.json";
/// The version of the manifest's own form.
const FORMAT: u32 = 1;

/// All but the frames, known when a film begins.
#[derive(Debug, Clone, Serialize)]
pub struct Subject {
    pub run: FilmedRun,
    /// The panel that fills the picture; `all` is the window.
    pub view: Part,
    /// Pixels.
    pub size: [u32; 2],
    /// Pixels of one point of text and lines.
    pub scale: f32,
    /// Frames a second.
    pub fps: u32,
    pub adapter: String,
}

#[derive(Debug, Clone, Serialize)]
pub struct FilmedRun {
    pub name: String,
    pub source: String,
    pub model: Option<String>,
    pub passes: usize,
    pub ops: usize,
    pub accesses: usize,
}

impl FilmedRun {
    pub fn new(name: String, trace: &Trace) -> Self {
        Self {
            name,
            source: trace.meta.source.clone(),
            model: trace.meta.model.name.clone(),
            passes: trace.passes.len(),
            ops: trace.op_count(),
            accesses: trace.access_count(),
        }
    }
}

/// An Action as it was played.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Played {
    /// The first frame that shows it.
    pub frame: u32,
    pub action: Action,
}

#[derive(Serialize)]
struct Manifest<'a> {
    format: u32,
    tensorscope: &'static str,
    #[serde(flatten)]
    subject: &'a Subject,
    /// Null where a person did them in the window.
    actions: Option<&'a [Played]>,
    /// False where the film was stopped on its way.
    complete: bool,
    /// Makes a video of the frames, called in this folder.
    video: String,
    hash: Hashing,
    frames: Vec<Frame>,
}

#[derive(Serialize)]
struct Hashing {
    kind: &'static str,
    of: &'static str,
}

#[derive(Serialize)]
struct Frame {
    file: String,
    hash: String,
}

/// Writes the manifest of the frames in `folder`, whole or not at all.
pub fn write(
    folder: &Path,
    subject: &Subject,
    actions: Option<&[Played]>,
    complete: bool,
    hashes: &[PixelHash],
) -> Result<(), FilmError> {
    let hash = |hash: &PixelHash| format!("{:032x}", hash.0);
    let manifest = Manifest {
        format: FORMAT,
        tensorscope: env!("CARGO_PKG_VERSION"),
        subject,
        actions,
        complete,
        video: video_command(None, subject),
        hash: Hashing { kind: "XXH3-128", of: "pixels: R, G, B and A, a byte each, rows from the top" },
        frames: (0..).zip(hashes).map(|(k, h)| Frame { file: frame_name(k), hash: hash(h) }).collect(),
    };
    let path = folder.join(NAME);
    let written = write_whole(&path, |file| {
        serde_json::to_writer_pretty(&mut *file, &manifest)?;
        file.write_all(b"\n")
    });
    written.map_err(|source| FilmError::Manifest { path, source })
}

/// The command line that makes a video of the frames: in `folder`, or called in there.
pub fn video_command(folder: Option<&Path>, subject: &Subject) -> String {
    let within = |name: &str| folder.map_or_else(|| name.to_owned(), |f| quoted(&f.join(name).to_string_lossy()));
    // Every other pixel has a colour of its own in what players read.
    let even = match subject.size.iter().all(|side| side % 2 == 0) {
        true => "",
        false => " -vf pad=ceil(iw/2)*2:ceil(ih/2)*2",
    };
    format!(
        "ffmpeg -framerate {} -i {}{even} -c:v libx264 -crf 18 -pix_fmt yuv420p {}",
        subject.fps,
        within("frame-%05d.png"),
        within("film.mp4")
    )
}

/// As a shell takes it for one word.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-%+,:=@".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_video_command_is_one_that_a_shell_takes() {
        let mut subject = Subject {
            run: FilmedRun { name: String::new(), source: String::new(), model: None, passes: 0, ops: 0, accesses: 0 },
            view: Part::All,
            size: [320, 200],
            scale: 1.0,
            fps: 24,
            adapter: String::new(),
        };
        let rest = "-c:v libx264 -crf 18 -pix_fmt yuv420p";
        let expected = format!("ffmpeg -framerate 24 -i frame-%05d.png {rest} film.mp4");
        assert_eq!(video_command(None, &subject), expected);
        subject.size = [321, 200];
        let command = video_command(Some(Path::new("my film's")), &subject);
        assert!(command.contains(r"-i 'my film'\''s/frame-%05d.png' -vf pad="), "{command}");
    }
}
