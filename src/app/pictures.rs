//! Pictures of a run for its report: the whole window, the heatmap and the graph, drawn without a window

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::Waker;
use super::exporter::run_name;
use super::headless::Headless;
use super::png::encode_png;
use super::workspace::{Options, Workspace};
use crate::analysis::watch::Watch;
use crate::export::ExportError;
use crate::export::report::{Picture, Report};
use crate::gpu::{Gpu, GpuError};
use crate::state::{Document, View};
use crate::trace::Trace;

/// Frames between two looks at whether a picture is still wanted, and how often it may take them to come to rest.
const FRAMES_A_ROUND: usize = 5;
const MOST_ROUNDS: usize = 400;
const WINDOW_PX: [u32; 2] = [1600, 1000];
const PANEL_PX: [u32; 2] = [1600, 900];

/// Writes the report of a run. Where nothing can draw it has no pictures, and says why.
pub fn write_report(trace: Arc<Trace>, run: &Path, path: &Path, watch: Watch<'_>) -> Result<(), ExportError> {
    let drawn = pictures(&trace, run, watch);
    if watch.cancelled.load(Ordering::Relaxed) {
        return Err(ExportError::Cancelled);
    }
    let (pictures, without_pictures) = match drawn {
        Ok(pictures) => (pictures, None),
        Err(error) => (Vec::new(), Some(error.to_string())),
    };
    Report { trace, name: run_name(run), pictures, without_pictures }.write_file(path, watch)
}

fn pictures(trace: &Arc<Trace>, run: &Path, watch: Watch<'_>) -> Result<Vec<Picture>, GpuError> {
    let shown = [
        (None, WINDOW_PX, "The window", "the window of tensorscope with this run: graph, heatmap, timeline and table"),
        (
            Some(View::Heatmap),
            PANEL_PX,
            "The heatmap: which bytes each op touches, DISK and BUFFER; the run goes downwards",
            "heatmap of accesses by address and op",
        ),
        (Some(View::Graph), PANEL_PX, "The graph of the first pass", "graph of the model's ops and tensors"),
    ];
    let gpu = Gpu::headless()?;
    let document = Arc::new(Document::new(run.to_owned(), trace.clone(), true));
    let count = shown.len();
    let mut pictures = Vec::with_capacity(count);
    for (at, (only, size_px, title, alt)) in shown.into_iter().enumerate() {
        if watch.reach([0, 300], at, count).is_none() {
            break;
        }
        let options = Options { only, reproducible: true };
        let mut scene = Workspace::new(gpu.adapter_name(), Waker::none(), options);
        scene.state.set_document(document.clone());
        let mut target = Headless::new(&gpu, size_px, 1.0)?;
        // What is not at rest after so many frames is shown as far as it came.
        for _ in 0..MOST_ROUNDS {
            let (_, rested) = target.settle(&gpu, &mut scene, FRAMES_A_ROUND)?;
            if rested || watch.cancelled.load(Ordering::Relaxed) {
                break;
            }
        }
        let png = encode_png(size_px, size_px[0] as usize * 4, &target.read_rgba(&gpu)?);
        let Ok(png) = png else { continue };
        pictures.push(Picture { title: title.to_owned(), alt: alt.to_owned(), png });
    }
    Ok(pictures)
}
