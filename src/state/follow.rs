//! Cameras follow the selection: what is out of view comes into it, what is seen stays where it is.

use super::AppState;
use super::camera::{Easing, Motion, Span};
use crate::analysis::filter::{Condition, Filter, Value};
use crate::analysis::links::Item;
use crate::analysis::table_columns::Column;
use crate::trace::Track;
use crate::trace::tracks::phase_bits;

const FOLLOW: Motion = Motion { duration_ms: 200.0, easing: Easing::EaseInOut };

/// Where a view of `seen` moves so that it shows some of `ranges`, or nothing if it does already.
fn moved(seen: Span, ranges: &[[f64; 2]], extent: f64) -> Option<Span> {
    let in_view = |range: &[f64; 2]| range[0] < seen.end && range[1] > seen.start;
    if ranges.is_empty() || ranges.iter().any(in_view) {
        return None;
    }
    let (start, mut end) = (ranges[0][0], ranges[0][1]);
    // All of them where they fit, else the first.
    let last = ranges.iter().map(|range| range[1]).fold(end, f64::max);
    if last - start <= seen.len() {
        end = last;
    }
    let half = seen.len() / 2.0;
    let center = if end - start > seen.len() { start + half } else { f64::midpoint(start, end) };
    Some(Span::new(center - half, center + half).within(extent, seen.len().min(extent)))
}

impl AppState {
    /// Brings the selection into view in heatmap and timeline; graph and table know themselves where it is in them.
    pub(super) fn reveal(&mut self) {
        let Some(document) = self.document.clone() else { return };
        for track in Track::ALL {
            let ranges: Vec<[f64; 2]> =
                self.links.bytes[track as usize].iter().map(|range| range.map(|byte| byte as f64)).collect();
            let extent = self.track_bytes(track) as f64;
            let bytes = &mut self.heat.bytes[track as usize];
            if let Some(span) = moved(bytes.goal(), &ranges, extent) {
                bytes.go(span, FOLLOW);
            }
        }
        if let Some(ops) = self.links.ops
            && let Some(span) = moved(self.heat.ops.goal(), &[ops.map(f64::from)], self.op_count() as f64)
        {
            self.heat.ops.go(span, FOLLOW);
        }
        if let Some([first, end]) = self.links.ops.or(self.links.first_op.map(|op| [op, op.saturating_add(1)])) {
            let stamp = |op: u32| document.trace.ops.start_ns.get(op as usize).copied();
            let run = document.trace.duration_ns() as f64;
            let start = stamp(first).map_or(0.0, |ns| ns as f64);
            let end = stamp(end).map_or(run, |ns| ns as f64).max(start + 1.0);
            if let Some(span) = moved(self.timeline.goal(), &[[start, end]], run) {
                self.timeline.go(span, FOLLOW);
            }
        }
    }

    /// The table's filter that lists what `item` is about; of an op, all that compute the same.
    pub(super) fn filter_of(&self, item: Item) -> Option<Filter> {
        let document = self.document.as_ref()?;
        if let Item::Op(op) = item {
            let name = document.trace.destination_name(op as usize).to_owned();
            let same = Condition::Is(vec![Value::Text(name)]);
            return Some(Filter::default().with_condition(Column::Destination, Some(same)));
        }
        if self.selection == Some(item) {
            return self.links.filter.clone();
        }
        document.links(item, self.graph.graph, self.heat.order, phase_bits(self.phase)).filter
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_seen_stays_and_what_is_not_comes_into_view() {
        let seen = Span::new(100.0, 200.0);
        assert_eq!(moved(seen, &[], 1000.0), None);
        assert_eq!(moved(seen, &[[10.0, 20.0], [150.0, 160.0]], 1000.0), None, "one of them is seen");
        assert_eq!(moved(seen, &[[500.0, 520.0]], 1000.0), Some(Span::new(460.0, 560.0)));
        assert_eq!(moved(seen, &[[500.0, 520.0], [560.0, 580.0]], 1000.0), Some(Span::new(490.0, 590.0)), "all fit");
        assert_eq!(moved(seen, &[[500.0, 520.0], [900.0, 910.0]], 1000.0), Some(Span::new(460.0, 560.0)), "the first");
        assert_eq!(moved(seen, &[[0.0, 10.0]], 1000.0), Some(Span::new(0.0, 100.0)), "within the track");
        assert_eq!(moved(seen, &[[300.0, 700.0]], 1000.0), Some(Span::new(300.0, 400.0)), "its beginning");
    }
}
