//! A chart of analytics: bars or lines over layers, passes or classes, with a name for who cannot see it.

use std::ops::RangeInclusive;

use egui::{Color32, Rangef, Response, Sense, Stroke, Ui, Vec2};
use egui_plot::{AxisHints, Bar, BarChart, GridInput, GridMark, Line, Plot, PlotPoint, PlotPoints, Span, VLine};

use super::theme;
use crate::state::Theme;
use crate::units;

/// Room for the numbers beside a chart and below it, in points: enough for the widest, so that it never moves.
const NUMBERS: Vec2 = Vec2::new(58.0, 17.0);
/// Between lines of the grid, in points.
const GRID_POINTS: f64 = 30.0;
/// Items that are drawn apart; of more, neighbours stand together.
const MOST_ITEMS: usize = 400;

/// Bars that are thinner have no gaps between them, in points.
const THIN_POINTS: f64 = 5.0;

/// What numbers are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    Count,
    Bytes,
    Ns,
    Share,
    Bits,
}

impl Unit {
    pub fn text(self, value: f64) -> String {
        match self {
            Self::Count => units::count(value.round().max(0.0) as u64),
            Self::Bytes => units::bytes(value.max(0.0) as u64),
            Self::Ns => units::duration(value.max(0.0) as u64),
            Self::Share => format!("{:.1} %", value * 100.0),
            Self::Bits => format!("{value:.2} bits"),
        }
    }

    /// The value at a line of the grid, in few characters.
    fn tick(self, value: f64) -> String {
        match self {
            Self::Bytes => units::bytes(value.max(0.0) as u64).replace(".00 ", " ").replace(".0 ", " "),
            Self::Ns => {
                let text = units::duration(value.max(0.0) as u64);
                let (number, unit) = text.split_once(' ').unwrap_or((&text, ""));
                let number =
                    if number.contains('.') { number.trim_end_matches('0').trim_end_matches('.') } else { number };
                if value == 0.0 { "0".to_owned() } else { format!("{number} {unit}") }
            }
            Self::Share => format!("{:.0} %", value * 100.0),
            Self::Bits => format!("{value:.1}"),
            Self::Count if value >= 1e6 => format!("{}M", value / 1e6),
            Self::Count if value >= 1e4 => format!("{}k", value / 1e3),
            Self::Count => units::count(value as u64),
        }
    }

    /// A round step of about `least` or more.
    fn step(self, least: f64) -> f64 {
        if self == Self::Bytes {
            return least.max(1.0).log2().ceil().exp2();
        }
        let least = if self == Self::Count { least.max(1.0) } else { least.max(1e-9) };
        let decade = 10_f64.powf(least.log10().floor());
        [1.0, 2.0, 5.0, 10.0].into_iter().map(|round| round * decade).find(|step| *step >= least).unwrap_or(least)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Series stand on each other.
    Bars,
    Lines,
}

pub struct Series {
    pub name: &'static str,
    pub color: Color32,
    /// By item; what is not known is left out.
    pub values: Vec<Option<f64>>,
}

/// A chart over items that have names.
pub struct Chart<'a> {
    pub title: &'a str,
    pub unit: Unit,
    pub shape: Shape,
    pub series: Vec<Series>,
    /// An item in words: `layer 3`.
    pub name: &'a dyn Fn(usize) -> String,
    /// An item below the chart: `3`.
    pub tick: &'a dyn Fn(usize) -> String,
    pub selected: Option<usize>,
    pub compared: Option<usize>,
    pub theme: Theme,
}

impl Chart<'_> {
    fn items(&self) -> usize {
        self.series.iter().map(|series| series.values.len()).max().unwrap_or(0)
    }

    fn sum(&self, item: usize) -> f64 {
        self.series.iter().filter_map(|series| series.values.get(item).copied().flatten()).sum()
    }

    /// What counts as the height of an item.
    fn height(&self, item: usize) -> f64 {
        match self.shape {
            Shape::Bars => self.sum(item),
            Shape::Lines => {
                let values = self.series.iter().filter_map(|series| series.values.get(item).copied().flatten());
                values.fold(0.0, f64::max)
            }
        }
    }

    fn highest(&self) -> Option<usize> {
        (0..self.items()).max_by(|&a, &b| self.height(a).total_cmp(&self.height(b)).then(b.cmp(&a)))
    }

    /// The whole chart in one line.
    fn label(&self) -> String {
        let count = self.items();
        let what = if self.shape == Shape::Bars { "bars" } else { "points" };
        match self.highest() {
            Some(item) => {
                let height = self.unit.text(self.height(item));
                format!("Chart: {}, {count} {what}, highest {}: {height}", self.title, (self.name)(item))
            }
            None => format!("Chart: {}, nothing to show", self.title),
        }
    }

    /// An item with all its values.
    fn told(&self, item: usize) -> String {
        let mut lines = vec![(self.name)(item)];
        for series in &self.series {
            let value = series.values.get(item).copied().flatten();
            let value = value.map_or_else(|| "not known".to_owned(), |value| self.unit.text(value));
            lines.push(if series.name.is_empty() { value } else { format!("{}: {value}", series.name) });
        }
        lines.join("\n")
    }

    /// Draws it; gives the item that was clicked.
    pub fn ui(self, ui: &mut Ui, size: Vec2) -> Option<usize> {
        let items = self.items();
        // Of neighbours that share a place the highest is drawn, and meant by a click.
        let places = items.min(MOST_ITEMS.min(((size.x - NUMBERS.x) / 2.0).max(1.0) as usize));
        let of_place = |place: usize| {
            let range = place * items / places.max(1)
                ..((place + 1) * items / places.max(1)).max(place * items / places.max(1) + 1);
            range.max_by(|&a, &b| self.height(a).total_cmp(&self.height(b)).then(b.cmp(&a))).unwrap_or(0)
        };
        let shown: Vec<usize> = (0..places).map(of_place).collect();
        let place_of = |item: usize| (item * places / items.max(1)).min(places.saturating_sub(1));
        let highest = self.highest().map_or(0.0, |item| self.height(item));
        let top = if highest > 0.0 { highest * 1.06 } else { 1.0 };
        let unit = self.unit;
        let step = unit.step(top * GRID_POINTS / f64::from((size.y - NUMBERS.y).max(1.0)));
        let (tick, first_of): (&dyn Fn(usize) -> String, _) = (self.tick, &shown);
        let x_text = move |mark: GridMark, _: &RangeInclusive<f64>| {
            let whole = mark.value >= 0.0 && mark.value.fract() == 0.0;
            first_of.get(mark.value as usize).filter(|_| whole).map_or_else(String::new, |&item| tick(item))
        };
        // As wide as names at the end are, which are the widest of numbers.
        let tick_points = 14.0 + 7.0 * (self.tick)(items.saturating_sub(1)).chars().count().max(2) as f32;
        let x_step =
            Unit::Count.step(f64::from(tick_points) * places as f64 / f64::from((size.x - NUMBERS.x).max(1.0)));
        let spacing = Rangef::new(tick_points * 0.5, tick_points * 0.9);
        let x_axis = AxisHints::new_x().formatter(x_text).label_spacing(spacing).min_thickness(NUMBERS.y);
        // A wide name of the first item takes the corner where 0 would stand.
        let wide = items > 0 && (self.tick)(0).chars().count() > 3;
        // Where bars are thin, gaps between them would come and go with the pixels.
        let thin = f64::from(size.x - NUMBERS.x) < THIN_POINTS * places as f64;
        let bar_width = if thin { 1.0 } else { 0.78 };
        let plot = Plot::new(("chart", self.title))
            .width(size.x)
            .height(size.y)
            .min_size(Vec2::splat(24.0))
            .allow_zoom(false)
            .allow_drag(false)
            .allow_scroll(false)
            .allow_boxed_zoom(false)
            .allow_axis_zoom_drag(false)
            .allow_double_click_reset(false)
            .show_crosshair(false)
            .show_x(false)
            .show_y(false)
            .label_formatter(|_| None)
            .show_background(false)
            .sense(Sense::click())
            .show_grid([false, true])
            .y_axis_min_width(NUMBERS.x)
            .y_axis_formatter(
                move |mark, _| if wide && mark.value == 0.0 { String::new() } else { unit.tick(mark.value) },
            )
            .y_grid_spacer(move |input| grid(input, step))
            .custom_x_axes(vec![x_axis])
            .x_grid_spacer(move |input| grid(input, x_step))
            .set_margin_fraction(Vec2::ZERO);
        let shown_ref = &shown;
        let marks = [(self.compared, theme::hovered(self.theme)), (self.selected, theme::SELECTED)];
        let marks = marks.map(|(item, color)| item.map(|item| (place_of(item), color)));
        let response = plot.show(ui, |plot| {
            plot.set_plot_bounds_x(-0.6..=places as f64 - 0.4);
            plot.set_plot_bounds_y(0.0..=top);
            for (place, color) in marks.into_iter().flatten() {
                let at = place as f64;
                match self.shape {
                    Shape::Bars => {
                        let ground =
                            Span::new("", at - 0.5..=at + 0.5).fill(color.gamma_multiply(0.28)).border_width(0.0);
                        plot.span(ground.label_align(egui::Align2::CENTER_TOP));
                    }
                    Shape::Lines => plot.vline(VLine::new("", at).color(color).width(1.5).allow_hover(false)),
                }
            }
            match self.shape {
                Shape::Bars => {
                    let mut bases = vec![0.0; shown_ref.len()];
                    for series in &self.series {
                        let bars = shown_ref.iter().enumerate().map(|(place, &item)| {
                            let value = series.values.get(item).copied().flatten().unwrap_or(0.0);
                            let base = bases[place];
                            bases[place] += value;
                            let marked = marks.into_iter().flatten().rfind(|(marked, _)| *marked == place);
                            let stroke = marked.map_or(Stroke::NONE, |(_, color)| Stroke::new(1.0, color));
                            Bar::new(place as f64, value)
                                .base_offset(base)
                                .width(bar_width)
                                .fill(series.color)
                                .stroke(stroke)
                        });
                        plot.bar_chart(
                            BarChart::new(series.name, bars.collect()).color(series.color).allow_hover(false),
                        );
                    }
                }
                Shape::Lines => {
                    for series in &self.series {
                        let point = |(place, &item): (usize, &usize)| {
                            let value = series.values.get(item).copied().flatten();
                            [place as f64, value.unwrap_or(f64::NAN)]
                        };
                        let points: PlotPoints<'_> = shown_ref.iter().enumerate().map(point).collect();
                        plot.line(Line::new(series.name, points).color(series.color).width(1.6).allow_hover(false));
                    }
                }
            }
        });
        let transform = response.transform;
        let mut response: Response = response.response;
        let under = response.hover_pos().or(response.interact_pointer_pos()).and_then(|at| {
            let place = transform.value_from_position(at).x.round();
            (place >= 0.0).then_some(place as usize).and_then(|place| shown.get(place).copied())
        });
        if let Some(item) = under {
            let column = |x: f64, y: f64| transform.position_from_point(&PlotPoint::new(x, y));
            let at = place_of(item) as f64;
            let hover = egui::Rect::from_two_pos(column(at - 0.5, 0.0), column(at + 0.5, top));
            ui.painter_at(*transform.frame()).rect_filled(hover, 0.0, theme::hovered(self.theme).gamma_multiply(0.12));
            response = response.on_hover_text_at_pointer(self.told(item));
        }
        response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Image, true, self.label()));
        under.filter(|_| response.clicked())
    }
}

/// Lines of the grid, `step` apart.
fn grid(input: GridInput, step: f64) -> Vec<GridMark> {
    let (from, to) = input.bounds;
    units::ticks(from, to, step).map(|value| GridMark { value, step_size: step }).collect()
}

#[cfg(test)]
mod tests {
    use super::Unit;

    #[test]
    fn lines_of_the_grid_are_at_round_numbers() {
        assert_eq!(Unit::Bytes.step(3e6), 4_194_304.0);
        assert_eq!(Unit::Count.step(0.2), 1.0);
        assert_eq!(Unit::Count.step(130.0), 200.0);
        assert!((Unit::Share.step(0.13) - 0.2).abs() < 1e-12);
        assert_eq!(Unit::Ns.tick(2e6), "2 ms");
        assert_eq!(Unit::Ns.tick(10.0), "10 ns");
        assert_eq!(Unit::Bytes.tick(4_194_304.0), "4 MiB");
        assert_eq!(Unit::Count.tick(20_000.0), "20k");
    }
}
