//! Bands above a track's map: files or buffers, layers, tensors and expert slices, with what each is called.

use egui::Color32;

use super::theme;
use crate::analysis::links::Item;
use crate::gpu::text::Label;
use crate::state::camera::Span;
use crate::state::{Document, Theme};
use crate::trace::tracks::{Order, TrackLayout};
use crate::trace::{Tensor, Track};

/// Bands narrower than this are called by their short names.
const SHORT_PX: f64 = 56.0;
/// Bands of expert slices are drawn from this width on, in pixels.
const LEAST_SLICE_PX: f64 = 2.0;

/// What a strip of bands shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strip {
    Homes,
    Layers,
    Tensors,
    Experts,
}

/// A part of a track with a name.
#[derive(Debug, Clone, PartialEq)]
pub struct Band {
    /// Which of the strips it lies in, from the top.
    pub strip: usize,
    pub start: f64,
    pub end: f64,
    pub fill: Color32,
    pub text: String,
    /// Instead of the text where that does not fit.
    pub short: Option<String>,
    pub item: Option<Item>,
}

/// The strips of a track, whatever the zoom: maps would jump if they came and went.
pub fn strips(document: &Document, layout: &TrackLayout) -> Vec<Strip> {
    let trace = &document.trace;
    let mut strips = Vec::new();
    if layout.track == Track::Buffer || layout.homes.len() > 1 {
        strips.push(Strip::Homes);
    }
    if layout.track == Track::Disk {
        strips.push(Strip::Layers);
    }
    strips.push(Strip::Tensors);
    if trace.tensors.iter().any(|t| t.track == layout.track && t.experts.is_some_and(|experts| experts > 1)) {
        strips.push(Strip::Experts);
    }
    strips
}

/// The bands of what is seen of a track, `width_px` pixels wide.
pub fn bands(document: &Document, layout: &TrackLayout, seen: Span, width_px: u32, theme: Theme) -> Vec<Band> {
    let mut bands = Vec::new();
    for (strip, kind) in strips(document, layout).into_iter().enumerate() {
        match kind {
            Strip::Homes => homes(layout, strip, theme, &mut bands),
            Strip::Layers => layers(document, layout, seen, strip, theme, &mut bands),
            Strip::Tensors => tensors(document, layout, seen, strip, theme, &mut bands),
            Strip::Experts => {
                let least = LEAST_SLICE_PX * seen.len() / f64::from(width_px.max(1));
                experts(document, layout, seen, strip, least, &mut bands);
            }
        }
    }
    bands
}

fn homes(layout: &TrackLayout, strip: usize, theme: Theme, bands: &mut Vec<Band>) {
    if layout.order != Order::File {
        return;
    }
    for (index, (base, bytes, name)) in layout.homes.iter().enumerate() {
        let fill = theme::home(index, theme);
        let (start, end) = (*base as f64, base.saturating_add(*bytes) as f64);
        bands.push(Band { strip, start, end, fill, text: name.clone(), short: None, item: None });
    }
}

/// Tensors that a part of is seen, with where they begin and end.
fn visible<'a>(
    document: &'a Document,
    layout: &'a TrackLayout,
    seen: Span,
) -> impl Iterator<Item = (u32, &'a Tensor, f64, f64)> {
    let end_of = |t: u32| layout.bases[t as usize].saturating_add(document.trace.tensors[t as usize].bytes) as f64;
    // Files' tensors do not overlap; buffers' do, so there all that begin before the end are looked at.
    let first = match layout.track {
        Track::Disk => layout.by_base.partition_point(|&t| end_of(t) <= seen.start),
        Track::Buffer => 0,
    };
    let last = layout.by_base.partition_point(|&t| (layout.bases[t as usize] as f64) < seen.end);
    layout.by_base.get(first..last).unwrap_or_default().iter().filter_map(move |&t| {
        let end = end_of(t);
        (end > seen.start).then(|| (t, &document.trace.tensors[t as usize], layout.bases[t as usize] as f64, end))
    })
}

fn layers(document: &Document, layout: &TrackLayout, seen: Span, strip: usize, theme: Theme, bands: &mut Vec<Band>) {
    let begin = bands.len();
    for (_, tensor, start, end) in visible(document, layout, seen) {
        let item = tensor.layer.map(Item::Layer);
        match bands[begin..].last_mut() {
            Some(band) if band.item == item => band.end = end,
            _ => {
                let text = tensor.layer.map_or_else(String::new, |layer| format!("layer {layer}"));
                let (fill, short) = (theme::layer(tensor.layer, theme), tensor.layer.map(|layer| layer.to_string()));
                bands.push(Band { strip, start, end, fill, text, short, item });
            }
        }
    }
}

fn tensors(document: &Document, layout: &TrackLayout, seen: Span, strip: usize, theme: Theme, bands: &mut Vec<Band>) {
    for (index, (t, tensor, start, end)) in visible(document, layout, seen).enumerate() {
        let fill = theme::layer(tensor.layer, theme);
        // Neighbours of one layer need an edge between them.
        let fill = if index % 2 == 0 { fill } else { fill.gamma_multiply(0.75) };
        bands.push(Band {
            strip,
            start,
            end,
            fill: opaque(fill, theme),
            text: short(&tensor.name),
            short: None,
            item: Some(Item::Tensor(t)),
        });
    }
}

fn experts(
    document: &Document,
    layout: &TrackLayout,
    seen: Span,
    strip: usize,
    least_bytes: f64,
    bands: &mut Vec<Band>,
) {
    for (t, tensor, start, _) in visible(document, layout, seen) {
        let (Some(slice), Some(experts)) = (tensor.slice_bytes(), tensor.experts) else { continue };
        let slice = slice as f64;
        if slice < least_bytes || experts < 2 {
            continue;
        }
        let first = ((seen.start - start) / slice).floor().max(0.0) as u32;
        let end = (((seen.end - start) / slice).ceil().max(0.0) as u32).min(experts);
        for expert in first..end {
            let from = start + f64::from(expert) * slice;
            let fill = theme::expert(expert);
            let item = Some(Item::Expert { tensor: t, expert });
            bands.push(Band {
                strip,
                start: from,
                end: from + slice,
                fill,
                text: format!("expert {expert}"),
                short: Some(expert.to_string()),
                item,
            });
        }
    }
}

fn opaque(color: Color32, theme: Theme) -> Color32 {
    let ground = theme::canvas(theme);
    let a = f32::from(color.a()) / 255.0;
    let mix = |c: u8, g: u8| (f32::from(c) + f32::from(g) * (1.0 - a)).round().min(255.0) as u8;
    Color32::from_rgb(mix(color.r(), ground.r()), mix(color.g(), ground.g()), mix(color.b(), ground.b()))
}

/// A tensor's name without what the strip of layers says already.
fn short(name: &str) -> String {
    let rest = name.strip_prefix("blk.").and_then(|rest| rest.split_once('.'));
    match rest {
        Some((layer, rest)) if layer.bytes().all(|b| b.is_ascii_digit()) => {
            rest.strip_suffix(".weight").unwrap_or(rest).to_owned()
        }
        _ => name.strip_suffix(".weight").unwrap_or(name).to_owned(),
    }
}

/// Colours of `count` strips, `width_px` of each: the bands, with a darker pixel where one begins that has room for it.
pub fn colors(bands: &[Band], count: usize, seen: Span, width_px: u32, theme: Theme) -> Vec<[u8; 4]> {
    let ground = theme::canvas(theme);
    let width = width_px as usize;
    let mut colors = vec![ground.to_array(); count * width];
    let px = |at: f64| ((at - seen.start) / seen.len() * f64::from(width_px)).clamp(0.0, f64::from(width_px));
    for band in bands {
        let (left, right) = (px(band.start).round() as usize, px(band.end).round() as usize);
        // Too narrow for a pixel of its own: still seen, unless others share it.
        let right = right.max(left + 1).min(width);
        let Some(row) = colors.get_mut(band.strip * width..(band.strip + 1) * width) else { continue };
        let Some(part) = row.get_mut(left..right) else { continue };
        part.fill(band.fill.to_array());
        if part.len() > 3 && band.start >= seen.start {
            part[0] = ground.to_array();
        }
    }
    colors
}

/// Labels of bands, widest first so that the important ones win, in bytes along x and pixels along y.
pub fn labels(bands: &[Band], seen: Span, width_px: u32, strip_px: u32, font_px: f32) -> Vec<Label<'_>> {
    let per_px = seen.len() / f64::from(width_px.max(1));
    // Nothing fits into less.
    let least = per_px * f64::from(font_px) * 0.9;
    let mut shown: Vec<(f64, &Band)> = bands
        .iter()
        .map(|band| (band.end.min(seen.end) - band.start.max(seen.start), band))
        .filter(|(len, band)| *len > least && !band.text.is_empty())
        .collect();
    shown.sort_by(|a, b| b.0.total_cmp(&a.0));
    shown
        .into_iter()
        .map(|(len, band)| {
            let top = f64::from(band.strip as u32 * strip_px);
            let margin = 3.0 * per_px;
            // What is cut off by an edge of the map keeps its distance from that.
            let (start, end) = (band.start.max(seen.start) + margin, band.end.min(seen.end) - margin);
            let [r, g, b, _] = theme::ink_on(band.fill).to_array();
            Label {
                text: match &band.short {
                    Some(short) if len < SHORT_PX * per_px => short,
                    _ => &band.text,
                },
                at: [start, top + f64::from(strip_px) / 2.0],
                anchor: [0.0, 0.5],
                shift_px: [0.0, -0.5],
                font_px,
                color: [r, g, b, 255],
                room: Some([start, top, end, top + f64::from(strip_px)]),
            }
        })
        .collect()
}
