//! The row above the timeline: play and pause, steps, the clock, how fast, what is repeated, and where the playhead is.

use egui::{Button, ComboBox, Label, Response, Role, Ui, WidgetInfo};

use super::{ViewContext, describe, timeline};
use crate::analysis::links::Item;
use crate::analysis::op_times::{has_own_times, op_start_ns};
use crate::state::{Action, Clock, Document, Stride};
use crate::units;

pub fn ui(ui: &mut Ui, cx: &mut ViewContext<'_>, document: &Document) {
    ui.horizontal(|ui| {
        let playback = cx.state.playback;
        let (sign, name) = if playback.playing { ("\u{23F8}", "Pause") } else { ("\u{25B6}", "Play the run") };
        if named(ui.add(Button::new(sign).min_size(egui::vec2(26.0, 0.0))), name)
            .on_hover_text(format!("{name}  Space"))
            .clicked()
        {
            cx.act(timeline::play_or_pause(cx.state));
        }
        for (label, name, key, by, back) in [
            ("\u{23EE}", "Previous token", "[", Stride::Pass, true),
            ("\u{25C0}", "Previous op", ",", Stride::Op, true),
            ("\u{25B6}\u{200A}", "Next op", ".", Stride::Op, false),
            ("\u{23ED}", "Next token", "]", Stride::Pass, false),
        ] {
            let tip = format!("{name}  {key}");
            if named(ui.add(Button::new(label).small()), name).on_hover_text(tip).clicked() {
                cx.act(Action::Step { by, back });
            }
        }
        ui.separator();
        clock(ui, cx, document);
        speed(ui, cx);
        looped(ui, cx, document);
        ui.separator();
        readout(ui, cx, document);
    });
}

fn named(response: Response, name: &str) -> Response {
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, name));
    response
}

fn clock(ui: &mut Ui, cx: &mut ViewContext<'_>, document: &Document) {
    let words = |clock| match clock {
        Clock::Op => "by op",
        Clock::Time => "by time",
        Clock::Pass => "by pass",
    };
    let now = cx.state.playback.clock;
    let shown = ComboBox::from_id_salt("clock").width(20.0).selected_text(words(now)).show_ui(ui, |ui| {
        let timed = has_own_times(&document.trace);
        for clock in Clock::ALL {
            let choice = Button::selectable(clock == now, words(clock));
            let choice = ui.add_enabled(timed || clock != Clock::Time, choice);
            if choice.on_disabled_hover_text("this run was recorded without times of its ops").clicked() {
                cx.act(Action::SetClock { clock });
            }
        }
    });
    let name = format!("Clock: {}", words(now));
    shown.response.widget_info(|| WidgetInfo::labeled(Role::ComboBox, true, &name));
    shown.response.on_hover_text("what playback goes evenly along: ops, recorded time, or passes");
}

/// A speed as people say it, in no more than four digits: films play at any speed that makes them as long as they are.
pub fn speed_words(clock: Clock, speed: f64) -> String {
    let power = 10_f64.powi(3 - speed.abs().max(1e-9).log10().floor() as i32);
    let speed = (speed * power).round() / power;
    let number = match speed {
        1e6.. => format!("{} M", speed / 1e6),
        1e4..1e6 => format!("{} k", speed / 1e3),
        _ => format!("{speed}"),
    };
    match clock {
        Clock::Op => format!("{number} ops/s"),
        Clock::Time => format!("{number}\u{d7}"),
        Clock::Pass => format!("{number} passes/s"),
    }
}

fn speed(ui: &mut Ui, cx: &mut ViewContext<'_>) {
    let playback = cx.state.playback;
    let now = playback.speed();
    let words = speed_words(playback.clock, now);
    let shown = ComboBox::from_id_salt("speed").width(20.0).selected_text(&words).show_ui(ui, |ui| {
        for &speed in playback.clock.speeds() {
            if ui.selectable_label(speed == now, speed_words(playback.clock, speed)).clicked() {
                cx.act(Action::SetSpeed { speed });
            }
        }
    });
    let name = format!("Speed: {words}");
    shown.response.widget_info(|| WidgetInfo::labeled(Role::ComboBox, true, &name));
    shown.response.on_hover_text("how fast  < slower  > faster");
}

fn looped(ui: &mut Ui, cx: &mut ViewContext<'_>, document: &Document) {
    let looped = cx.state.playback.looped;
    let sign = if looped.is_some() { "\u{1F501} loop" } else { "\u{1F501}" };
    let menu = ui.menu_button(sign, |ui| {
        ui.weak("play again and again");
        let spans = [
            ("the selected span", timeline::selected_ops(cx.state)),
            ("what the timeline shows", timeline::visible_ops(cx.state)),
            ("this pass", timeline::ops_of_pass(cx.state)),
        ];
        for (words, ops) in spans {
            let button = ui.add_enabled(ops.is_some(), Button::selectable(ops.is_some() && ops == looped, words));
            if button.clicked() {
                cx.act(Action::LoopSpan { ops });
                ui.close();
            }
        }
        if ui.add(Button::selectable(looped.is_none(), "nothing: the run once")).clicked() {
            cx.act(Action::LoopSpan { ops: None });
            ui.close();
        }
    });
    let name = match looped {
        None => "Loop".to_owned(),
        Some([from, to]) => format!("Loop: ops {} to {}", units::count(from.into()), units::count((to - 1).into())),
    };
    menu.response.widget_info(|| WidgetInfo::labeled(Role::Button, true, &name));
    menu.response.on_hover_text(format!(
        "{name}\nL: the selected span, of {} ops in all",
        units::count(document.trace.op_count() as u64)
    ));
}

/// Where the playhead is, or else what is selected.
fn readout(ui: &mut Ui, cx: &ViewContext<'_>, document: &Document) {
    let Some(op) = cx.state.current_op() else {
        ui.weak("Shift+drag: a span and its totals");
        return;
    };
    let trace = &document.trace;
    let mut text = format!("op {} of {}", units::count(op.into()), units::count(trace.op_count() as u64));
    if (op as usize) < trace.op_count() {
        text.push_str(&format!("   {}", units::duration(op_start_ns(trace, op as usize))));
    }
    if let Some(&pass) = trace.ops.pass.get(op as usize) {
        text.push_str(&format!("   {}", describe::title(document, Item::Pass(pass))));
        if let Some(token) = trace.passes.get(pass as usize).and_then(|pass| pass.text.as_ref()) {
            const MOST: usize = 24;
            let cut = if token.chars().count() > MOST { "\u{2026}" } else { "" };
            let shown: String = token.chars().take(MOST).collect();
            text.push_str(&format!(" \u{201c}{}{cut}\u{201d}", shown.escape_debug()));
        }
    }
    text.push_str(&format!("   {} {}", trace.op_name(op as usize), trace.destination_name(op as usize).trim()));
    ui.add(Label::new(egui::RichText::new(text).weak()).truncate());
}
