//! Where the table is scrolled to: in rows, whole ones by number, where pixels of millions of rows would lose precision.

use egui::{Pos2, Rect, Ui, Vec2};

/// Points of a row, of the bar that scrolls rows and of the one that scrolls columns.
pub const ROW_POINTS: f32 = 17.0;
pub const BAR_POINTS: f32 = 10.0;
/// Length of a handle that can be grabbed.
const LEAST_HANDLE: f32 = 14.0;

/// A position along rows or columns, in their unit.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Scroll {
    /// What is at the beginning of the view. Whole rows are exact far beyond any run's.
    pub at: f64,
    /// Where the handle was taken, as a share of its length.
    grabbed: Option<f64>,
}

impl Scroll {
    /// Keeps what is seen within `total`.
    pub fn limit(&mut self, seen: f64, total: f64) {
        self.at = self.at.clamp(0.0, (total - seen).max(0.0));
    }

    /// Brings `item` into view, if it is not there, a third from the beginning.
    pub fn reveal(&mut self, item: f64, seen: f64) {
        if item < self.at || item > self.at + seen - 1.0 {
            self.at = (item - (seen / 3.0).floor()).max(0.0);
        }
    }

    /// Brings `item` into view by as little as it takes.
    pub fn nudge(&mut self, item: f64, seen: f64) {
        self.at = self.at.clamp((item + 1.0 - seen).min(item), item);
    }

    /// The rows that show in a view of `height` points, and where each begins below its upper edge.
    pub fn lines(&self, height: f32, count: usize) -> impl Iterator<Item = (usize, f32)> + use<> {
        let first = self.at.floor();
        let above = ((self.at - first) as f32) * ROW_POINTS;
        let lines = (f64::from((height + above) / ROW_POINTS)).ceil() as usize;
        let first = first as usize;
        (0..lines.min(count.saturating_sub(first))).map(move |i| (first + i, i as f32 * ROW_POINTS - above))
    }

    /// A scroll bar in `area`, upright or lying; `name` is what it is called.
    pub fn bar(&mut self, ui: &Ui, area: Rect, seen: f64, total: f64, name: &str) {
        if total <= seen {
            return;
        }
        let upright = area.height() > area.width();
        let along = |at: Pos2| f64::from(if upright { at.y - area.top() } else { at.x - area.left() });
        let whole = f64::from(if upright { area.height() } else { area.width() });
        let length = (seen / total * whole).max(f64::from(LEAST_HANDLE)).min(whole);
        let (travel, range) = ((whole - length).max(1.0), total - seen);
        let response = ui.interact(area, ui.scope_id().with(name), egui::Sense::CLICK | egui::Sense::DRAG);
        response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::ScrollBar, true, name));
        let begin = self.at / range * travel;
        if let Some(at) = response.interact_pointer_pos().map(along) {
            let grabbed = *self.grabbed.get_or_insert_with(|| match (at - begin) / length {
                within @ 0.0..=1.0 => within,
                _ => 0.5,
            });
            self.at = (at - grabbed * length) / travel * range;
            self.limit(seen, total);
        } else {
            self.grabbed = None;
        }
        let begin = (self.at / range * travel) as f32;
        let (offset, size) = match upright {
            true => (Vec2::new(2.0, begin), Vec2::new(area.width() - 3.0, length as f32)),
            false => (Vec2::new(begin, 2.0), Vec2::new(length as f32, area.height() - 3.0)),
        };
        let painter = ui.painter();
        painter.rect_filled(area, 0.0, ui.visuals().extreme_bg_color);
        let ink = match response.hovered() || response.dragged() {
            true => ui.visuals().text_color(),
            false => ui.visuals().weak_text_color(),
        };
        painter.rect_filled(Rect::from_min_size(area.min + offset, size), 3.0, ink);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every row that is drawn is the right one, in its right place, wherever the table is scrolled to.
    #[test]
    fn ten_million_rows_are_drawn_where_they_belong() {
        const ROWS: usize = 10_000_000;
        const HEIGHT: f32 = 611.0;
        let seen = f64::from(HEIGHT / ROW_POINTS);
        for step in 0..=100_003_u32 {
            let mut scroll = Scroll { at: f64::from(step) * 99.997, ..Scroll::default() };
            scroll.limit(seen, ROWS as f64);
            let lines: Vec<(usize, f32)> = scroll.lines(HEIGHT, ROWS).collect();
            assert!(lines[0].1 <= 0.0 && lines[0].1 > -ROW_POINTS, "{scroll:?} {lines:?}");
            for (k, (row, top)) in lines.iter().enumerate() {
                assert_eq!(*row, scroll.at as usize + k);
                let exact = (*row as f64 - scroll.at) * f64::from(ROW_POINTS);
                assert!((f64::from(*top) - exact).abs() < 1e-3, "row {row} at {top}, not {exact}");
            }
            let (last, top) = lines[lines.len() - 1];
            assert!(last == ROWS - 1 || top + ROW_POINTS >= HEIGHT, "nothing is left out below");
        }
        let mut end = Scroll { at: 1e18, ..Scroll::default() };
        end.limit(seen, ROWS as f64);
        let last = end.lines(HEIGHT, ROWS).last().unwrap();
        assert_eq!(last.0, ROWS - 1);
        assert!((last.1 + ROW_POINTS - HEIGHT).abs() < 0.01, "the last row ends with the view: {last:?}");
    }

    #[test]
    fn what_is_asked_for_comes_into_view() {
        let mut scroll = Scroll::default();
        scroll.reveal(9_999_999.0, 30.0);
        assert_eq!(scroll.at, 9_999_989.0);
        scroll.reveal(9_999_995.0, 30.0);
        assert_eq!(scroll.at, 9_999_989.0, "it was in view");
        scroll.nudge(9_999_988.0, 30.0);
        assert_eq!(scroll.at, 9_999_988.0);
        scroll.nudge(10_000_018.0, 30.0);
        assert_eq!(scroll.at, 9_999_989.0);
        scroll.limit(30.0, 12.0);
        assert_eq!(scroll.at, 0.0);
    }
}
