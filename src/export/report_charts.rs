//! Charts of the report as SVG: columns, bars, lines and matrices, drawn from numbers alone

use std::fmt::Write;

use super::report_html::escaped;
use crate::units;

/// The drawing, in units that are pixels where the page is as wide as it gets.
const WIDTH: f64 = 1060.0;
const HEIGHT: f64 = 250.0;
/// Around what is plotted: left of it, above and below.
const LEFT: f64 = 82.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 34.0;
/// What a character of the page's small text takes, generously, and the least between two names.
const CHARACTER: f64 = 6.8;
const BETWEEN_NAMES: f64 = 12.0;
/// Points of a line, columns of a chart, and rows and columns of a matrix that are told apart; more are joined.
const MOST_POINTS: usize = 600;
const MOST_COLUMNS: usize = 200;
const MOST_ROWS: usize = 128;
const MOST_CELLS: usize = 160;

/// How numbers of a chart read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    Bytes,
    Ns,
    Count,
    Share,
}

impl Unit {
    pub fn text(self, value: f64) -> String {
        match self {
            Self::Bytes => units::bytes(value as u64),
            Self::Ns => units::duration(value as u64),
            Self::Count if value.fract() == 0.0 => units::count(value as u64),
            Self::Count => units::decimal(value),
            Self::Share => format!("{:.1} %", value * 100.0),
        }
    }

    /// A mark of an axis whose marks are `step` apart.
    fn mark(self, value: f64, step: f64) -> String {
        let short = |value: f64, step: f64| {
            let decimals = if step >= 1.0 { 0 } else { (-step.log10()).ceil().clamp(1.0, 6.0) as usize };
            format!("{value:.decimals$}")
        };
        match self {
            Self::Bytes => units::bytes_at(value as u64, step),
            Self::Ns => {
                let (unit, name) = match value.max(step) {
                    ns if ns < 1e3 => (1.0, "ns"),
                    ns if ns < 1e6 => (1e3, "\u{b5}s"),
                    ns if ns < 1e9 => (1e6, "ms"),
                    _ => (1e9, "s"),
                };
                format!("{} {name}", short(value / unit, step / unit))
            }
            Self::Count => short(value, step),
            Self::Share => format!("{} %", short(value * 100.0, step * 100.0)),
        }
    }

    /// A round step that divides 0 to `most` into three to seven parts.
    fn step(self, most: f64) -> f64 {
        let base = match self {
            Self::Bytes if most >= 1024.0 => 1024_f64.powf((most.log2() / 10.0).floor()),
            _ => 1.0,
        };
        let rough = most / base / 4.0;
        let decade = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 2.5, 5.0, 10.0].map(|m| m * decade).into_iter().find(|step| *step >= rough);
        let step = step.unwrap_or(decade * 10.0) * base;
        if matches!(self, Self::Count | Self::Ns | Self::Bytes) { step.max(1.0) } else { step }
    }
}

/// One set of values, one for each place of the chart.
pub struct Series<'a> {
    pub label: &'a str,
    /// Its colour, as the style sheet names it.
    pub class: &'static str,
    pub values: Vec<f64>,
}

/// A figure: what it says, and the chart.
pub fn figure(title: &str, series: &[Series<'_>], note: &str, chart: &str) -> String {
    let mut caption = String::new();
    for one in series.iter().filter(|one| !one.label.is_empty()) {
        let _ = write!(caption, "<span class=\"key {}\"></span>{}", one.class, escaped(one.label));
    }
    format!(
        "<figure>\n<h3>{}</h3>\n{chart}<figcaption>{} {caption}</figcaption>\n</figure>\n",
        escaped(title),
        escaped(note)
    )
}

struct Frame {
    most: f64,
    out: String,
}

impl Frame {
    /// The axis at the left, with its marks.
    fn new(most: f64, unit: Unit) -> Self {
        let most = if most.is_finite() && most > 0.0 { most } else { 1.0 };
        let step = unit.step(most);
        let mut frame = Self { most: (most / step).ceil() * step, out: String::new() };
        let _ = writeln!(frame.out, "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\">");
        let mut mark = 0.0;
        while mark <= frame.most * 1.0001 {
            let (y, text) = (frame.y(mark), escaped(&unit.mark(mark, step)));
            let _ = writeln!(
                frame.out,
                "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{WIDTH}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/><text x=\"{:.0}\" y=\"{:.1}\" text-anchor=\"end\">{text}</text>",
                LEFT - 8.0,
                y + 4.0
            );
            mark += step;
        }
        frame
    }

    fn y(&self, value: f64) -> f64 {
        HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * (value / self.most).clamp(0.0, 1.0)
    }

    /// Names below the axis, as many as have room.
    fn names(&mut self, count: usize, name: impl Fn(usize) -> String, axis: &str) {
        let width = (WIDTH - LEFT) / count.max(1) as f64;
        names_along(&mut self.out, HEIGHT - BOTTOM + 16.0, width, count, name);
        let _ = writeln!(
            self.out,
            "<text x=\"{WIDTH}\" y=\"{:.0}\" text-anchor=\"end\">{}</text>",
            HEIGHT - 3.0,
            escaped(axis)
        );
    }

    fn end(mut self) -> String {
        self.out.push_str("</svg>\n");
        self.out
    }
}

/// A line of names below places that are `width` wide: as many as have room, none beyond the edge.
fn names_along(out: &mut String, y: f64, width: f64, count: usize, name: impl Fn(usize) -> String) {
    let names: Vec<String> = (0..count).map(name).collect();
    let length = |name: &str| CHARACTER * name.chars().count() as f64;
    let longest = names.iter().map(|name| length(name)).fold(0.0, f64::max);
    let every = (((longest + BETWEEN_NAMES) / width).ceil() as usize).max(1);
    // Of two that share room because the edge pushes the last one back, the first stays.
    let mut free = 0.0;
    for (at, name) in names.iter().enumerate().step_by(every) {
        let half = length(name) / 2.0;
        let x = (LEFT + width * (at as f64 + 0.5)).min(WIDTH - half);
        if x - half < free {
            continue;
        }
        free = x + half + BETWEEN_NAMES / 2.0;
        let _ = writeln!(out, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"middle\">{}</text>", escaped(name));
    }
}

/// Values joined where there are too many: the mean of each part, and the places that it stands for.
fn joined(values: &[f64], most: usize) -> Vec<f64> {
    let together = values.len().div_ceil(most).max(1);
    values.chunks(together).map(|part| part.iter().sum::<f64>() / part.len() as f64).collect()
}

fn joined_name(names: &[String], most: usize, at: usize) -> String {
    let together = names.len().div_ceil(most).max(1);
    let part = names.get(at * together..names.len().min((at + 1) * together)).unwrap_or_default();
    match (part.first(), part.last()) {
        (Some(first), Some(last)) if first != last => format!("{first}\u{2013}{last}"),
        (Some(only), _) => only.clone(),
        _ => String::new(),
    }
}

/// What a chart of joined values has to say of it.
pub fn joined_note(count: usize, lines: bool) -> String {
    let together = count.div_ceil(if lines { MOST_POINTS } else { MOST_COLUMNS });
    if together > 1 { format!("Each point is the mean of {together}.") } else { String::new() }
}

/// A column a place, the series on top of each other.
pub fn columns(names: &[String], series: &[Series<'_>], unit: Unit, axis: &str) -> String {
    let parts: Vec<Vec<f64>> = series.iter().map(|one| joined(&one.values, MOST_COLUMNS)).collect();
    let count = parts.first().map_or(0, Vec::len);
    let sum = |at: usize| parts.iter().filter_map(|part| part.get(at)).sum::<f64>();
    let mut frame = Frame::new((0..count).map(sum).fold(0.0, f64::max), unit);
    let width = (WIDTH - LEFT) / count.max(1) as f64;
    for at in 0..count {
        let name = joined_name(names, MOST_COLUMNS, at);
        let mut below = 0.0;
        for (part, one) in parts.iter().zip(series) {
            let value = part.get(at).copied().unwrap_or(0.0);
            let (top, bottom) = (frame.y(below + value), frame.y(below));
            below += value;
            let said = format!("{axis} {name}: {} {}", unit.text(value), one.label);
            let _ = writeln!(
                frame.out,
                "<rect class=\"{}\" x=\"{:.2}\" y=\"{top:.2}\" width=\"{:.2}\" height=\"{:.2}\"><title>{}</title></rect>",
                one.class,
                LEFT + width * at as f64 + width * 0.08,
                width * 0.84,
                bottom - top,
                escaped(said.trim())
            );
        }
    }
    frame.names(count, |at| joined_name(names, MOST_COLUMNS, at), axis);
    frame.end()
}

/// Lines over places.
pub fn lines(names: &[String], series: &[Series<'_>], unit: Unit, axis: &str) -> String {
    let parts: Vec<Vec<f64>> = series.iter().map(|one| joined(&one.values, MOST_POINTS)).collect();
    let count = parts.first().map_or(0, Vec::len);
    let mut frame = Frame::new(parts.iter().flatten().copied().fold(0.0, f64::max), unit);
    let width = (WIDTH - LEFT) / count.max(1) as f64;
    for (part, one) in parts.iter().zip(series) {
        let x = |at: usize| LEFT + width * (at as f64 + 0.5);
        let points: Vec<String> =
            part.iter().enumerate().map(|(at, value)| format!("{:.1},{:.1}", x(at), frame.y(*value))).collect();
        let _ = writeln!(frame.out, "<polyline class=\"{}\" points=\"{}\"/>", one.class, points.join(" "));
        if count <= MOST_COLUMNS {
            for (at, value) in part.iter().enumerate() {
                let (class, x, y) = (one.class, x(at), frame.y(*value));
                let said =
                    format!("{axis} {}: {} {}", joined_name(names, MOST_POINTS, at), unit.text(*value), one.label);
                let _ = writeln!(
                    frame.out,
                    "<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"2.4\"><title>{}</title></circle>",
                    escaped(said.trim())
                );
            }
        }
    }
    frame.names(count, |at| joined_name(names, MOST_POINTS, at), axis);
    frame.end()
}

/// Bars from left to right, the series behind each other; where `whole`, each row is its own whole.
pub fn bars(names: &[String], series: &[Series<'_>], unit: Unit, whole: bool) -> String {
    const ROW: f64 = 22.0;
    const NAMES: f64 = 190.0;
    const VALUES: f64 = 150.0;
    let sum = |at: usize| series.iter().filter_map(|one| one.values.get(at)).sum::<f64>();
    let most = (0..names.len()).map(sum).fold(0.0, f64::max);
    let mut out = format!("<svg viewBox=\"0 0 {WIDTH} {:.0}\" role=\"img\">\n", ROW * names.len() as f64 + 4.0);
    for (at, name) in names.iter().enumerate() {
        let y = ROW * at as f64 + 2.0;
        let total = sum(at);
        let all = if whole { total } else { most };
        let mut x = NAMES;
        for one in series {
            let value = one.values.get(at).copied().unwrap_or(0.0);
            let width = if all > 0.0 { (WIDTH - NAMES - VALUES) * value / all } else { 0.0 };
            let said = format!("{name}: {} {}", unit.text(value), one.label);
            let _ = writeln!(
                out,
                "<rect class=\"{}\" x=\"{x:.2}\" y=\"{:.1}\" width=\"{width:.2}\" height=\"{:.1}\"><title>{}</title></rect>",
                one.class,
                y + 2.0,
                ROW - 5.0,
                escaped(said.trim())
            );
            x += width;
        }
        let said = match (whole, series.first().and_then(|one| one.values.get(at))) {
            (true, Some(first)) if total > 0.0 => format!("{:.1} % of {}", first / total * 100.0, unit.text(total)),
            _ => unit.text(total),
        };
        let _ = writeln!(
            out,
            "<text class=\"name\" x=\"{:.0}\" y=\"{:.1}\" text-anchor=\"end\">{}</text><text x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            NAMES - 8.0,
            y + 15.0,
            escaped(&shortened(name)),
            x + 8.0,
            y + 15.0,
            escaped(&said)
        );
    }
    out + "</svg>\n"
}

fn shortened(name: &str) -> String {
    const MOST: usize = 26;
    match name.chars().count() > MOST {
        true => name.chars().take(MOST - 1).chain(['\u{2026}']).collect(),
        false => name.to_owned(),
    }
}

/// Rows by columns, the more the stronger; `cells` are (row, column, value), those that are not there are 0.
pub fn matrix(
    rows: &[String],
    columns: &[String],
    cells: &[(usize, usize, f64)],
    unit: Unit,
    class: &str,
    axes: [&str; 2],
) -> String {
    let [row_axis, column_axis] = axes;
    let (down, across) = (rows.len().div_ceil(MOST_ROWS).max(1), columns.len().div_ceil(MOST_CELLS).max(1));
    let (height, width) = (rows.len().div_ceil(down), columns.len().div_ceil(across));
    let mut sums = vec![0.0_f64; height * width];
    for (row, column, value) in cells {
        if let Some(sum) = sums.get_mut(row / down * width + column / across).filter(|_| *column < columns.len()) {
            *sum += value;
        }
    }
    let most = sums.iter().copied().fold(0.0, f64::max);
    let side = ((WIDTH - LEFT) / width.max(1) as f64).min(40.0);
    let tall = (340.0 / height.max(1) as f64).clamp(4.0, 16.0);
    // The names of the first row need some room above.
    let size = tall * height as f64 + BOTTOM + 4.0;
    let mut out = format!("<svg viewBox=\"0 -4 {WIDTH} {size:.0}\" role=\"img\">\n");
    for (at, sum) in sums.iter().enumerate().filter(|(_, sum)| **sum > 0.0) {
        let (row, column) = (at / width, at % width);
        let said = format!(
            "{row_axis} {}, {column_axis} {}: {}",
            joined_name(rows, MOST_ROWS, row),
            joined_name(columns, MOST_CELLS, column),
            unit.text(*sum)
        );
        let _ = writeln!(
            out,
            "<rect class=\"{class}\" fill-opacity=\"{:.3}\" x=\"{:.2}\" y=\"{:.2}\" width=\"{:.2}\" height=\"{:.2}\"><title>{}</title></rect>",
            0.06 + 0.94 * sum / most,
            LEFT + side * column as f64,
            tall * row as f64,
            side * 0.96,
            tall * 0.94,
            escaped(&said)
        );
    }
    for row in (0..height).step_by(((13.0 / tall).ceil() as usize).max(1)) {
        let _ = writeln!(
            out,
            "<text x=\"{:.0}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            LEFT - 8.0,
            tall * (row as f64 + 0.5) + 4.0,
            escaped(&joined_name(rows, MOST_ROWS, row))
        );
    }
    names_along(&mut out, tall * height as f64 + 15.0, side, width, |column| joined_name(columns, MOST_CELLS, column));
    let _ = writeln!(
        out,
        "<text x=\"{WIDTH}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
        tall * height as f64 + 30.0,
        escaped(&format!("{row_axis} by {column_axis}; the strongest is {}", unit.text(most)))
    );
    out + "</svg>\n"
}
