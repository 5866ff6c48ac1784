//! Lists of analytics: kinds of op by what they took, and the shares of the tracks.

use egui::Ui;

use super::analytics_cards::Cards;
use super::analytics_rows::{BarRow, rows};
use super::{ViewContext, theme};
use crate::analysis::filter::{Condition, Filter, Value};
use crate::analysis::table_columns::Column;
use crate::state::Action;
use crate::trace::{Phase, Track};
use crate::units;

impl Cards<'_> {
    pub(super) fn op_kinds(&self, ui: &mut Ui, cx: &mut ViewContext<'_>) {
        let kinds = &self.tables.op_kinds;
        // Where there are no times, bytes say what kinds are worth.
        let timed = kinds.iter().any(|kind| kind.duration_ns.is_some_and(|ns| ns > 0));
        let amount = |at: usize| if timed { kinds[at].duration_ns.unwrap_or(0) } else { kinds[at].touched_bytes };
        let most = (0..kinds.len()).map(amount).max().unwrap_or(0).max(1);
        let all = (0..kinds.len()).map(amount).fold(0, u64::saturating_add).max(1);
        // A kind has the colour that it has in the timeline, by its number of ops.
        let rank = |at: usize| kinds.iter().filter(|kind| kind.ops > kinds[at].ops).count();
        let chosen = cx.state.filter.condition(Column::Op);
        let row = |at: usize| {
            let kind = &kinds[at];
            let share = amount(at) as f64 / all as f64 * 100.0;
            let number = if timed { units::duration(amount(at)) } else { units::bytes(amount(at)) };
            let told = format!(
                "{}: {number}, {share:.1} %, {} ops, {} of DISK and {} of BUFFER touched",
                kind.op,
                units::count(kind.ops),
                units::bytes(kind.touched_disk_bytes),
                units::bytes(kind.touched_buffer_bytes),
            );
            BarRow {
                name: kind.op.clone(),
                parts: vec![((amount(at) as f64 / most as f64) as f32, theme::kind(rank(at)))],
                number: format!("{number}  {share:.1} %"),
                told,
                selected: chosen == Some(Condition::Is(vec![Value::Text(kind.op.clone())])),
            }
        };
        let bars: Vec<BarRow> = (0..kinds.len()).map(row).collect();
        let scroll = egui::ScrollArea::vertical().id_salt("kinds of op").auto_shrink([false, false]);
        let clicked = scroll.show(ui, |ui| rows(ui, &bars, cx.state.theme, true)).inner;
        if let Some(at) = clicked {
            // A second click takes the condition away.
            let filter = cx.state.filter.with_condition(Column::Op, None);
            let kind = (!bars[at].selected).then(|| kinds[at].op.clone());
            cx.act(Action::SetFilter { filter: Filter { kind, ..filter } });
        }
    }

    /// Shares of the tracks in what is touched and in what is distinct.
    pub(super) fn shares(&self, ui: &mut Ui, cx: &mut ViewContext<'_>) {
        let run = &self.tables.run;
        let mut lines = vec![
            ("touched".to_owned(), [run.touched_disk_bytes, run.touched_buffer_bytes]),
            ("logged".to_owned(), [run.logged_disk_bytes, run.logged_buffer_bytes]),
            ("working set".to_owned(), [run.working_set_disk_bytes, run.working_set_buffer_bytes]),
        ];
        for phase in Phase::ALL {
            let stats = run.phase(phase);
            if stats.passes > 0 {
                lines.push((
                    format!("{} touched", phase.label()),
                    [stats.touched_disk_bytes, stats.touched_buffer_bytes],
                ));
            }
        }
        let bars: Vec<BarRow> = lines
            .into_iter()
            .map(|(name, [disk, buffer])| {
                let all = (disk as f64 + buffer as f64).max(1.0);
                let share = |bytes: u64| (bytes as f64 / all) as f32;
                let percent = f64::from(share(disk)) * 100.0;
                BarRow {
                    parts: vec![(share(disk), theme::track(Track::Disk)), (share(buffer), theme::track(Track::Buffer))],
                    number: format!("{percent:.1} % DISK"),
                    told: format!("{name}: {} of DISK, {} of BUFFER", units::bytes(disk), units::bytes(buffer)),
                    name,
                    selected: false,
                }
            })
            .collect();
        let scroll = egui::ScrollArea::vertical().id_salt("shares").auto_shrink([false, false]);
        scroll.show(ui, |ui| rows(ui, &bars, cx.state.theme, false));
    }
}
