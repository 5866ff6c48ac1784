//! Input made by hand, for targets without a person: what a pointer and a keyboard send to egui.

use egui::{Event, Key, Modifiers, MouseWheelSource, MouseWheelUnit, PointerButton, Pos2, TouchPhase, Vec2};

/// The pointer is at `at` (points).
pub fn hover(at: Pos2) -> Vec<Event> {
    vec![Event::PointerMoved(at)]
}

/// A press and release of the primary button at `at` (points).
pub fn click(at: Pos2) -> Vec<Event> {
    click_with(at, PointerButton::Primary, Modifiers::NONE)
}

/// A press and release of `button` at `at` (points) while `modifiers` are held.
pub fn click_with(at: Pos2, button: PointerButton, modifiers: Modifiers) -> Vec<Event> {
    vec![
        Event::PointerMoved(at),
        Event::PointerButton { pos: at, button, pressed: true, modifiers },
        Event::PointerButton { pos: at, button, pressed: false, modifiers },
    ]
}

/// A drag, one list of events for each of at least four frames: down, `steps` moves, up, modifiers let go. Egui takes a press and release
/// within a frame for a click, however far apart they are.
pub fn drag(from: Pos2, to: Pos2, steps: usize, button: PointerButton, modifiers: Modifiers) -> Vec<Vec<Event>> {
    let steps = steps.max(1);
    let press = |pos, pressed| Event::PointerButton { pos, button, pressed, modifiers };
    let mut frames = vec![vec![Event::ModifiersChanged(modifiers), Event::PointerMoved(from), press(from, true)]];
    for step in 1..=steps {
        frames.push(vec![Event::PointerMoved(from.lerp(to, step as f32 / steps as f32))]);
    }
    frames.push(vec![press(to, false)]);
    frames.push(vec![Event::ModifiersChanged(Modifiers::NONE)]);
    frames
}

/// The wheel turns by `delta` (points; positive y is away from the person) with the pointer at `at`.
pub fn wheel(at: Pos2, delta: Vec2, modifiers: Modifiers) -> Vec<Event> {
    vec![
        Event::PointerMoved(at),
        Event::MouseWheel {
            unit: MouseWheelUnit::Point,
            delta,
            phase: TouchPhase::Move,
            source: MouseWheelSource::Wheel,
            modifiers,
        },
    ]
}

/// A press and release of `key` while `modifiers` are held.
pub fn key(key: Key, modifiers: Modifiers) -> Vec<Event> {
    let event = |pressed| Event::Key { key, physical_key: None, pressed, repeat: false, modifiers };
    vec![Event::ModifiersChanged(modifiers), event(true), event(false), Event::ModifiersChanged(Modifiers::NONE)]
}

/// Text typed where the focus is.
pub fn text(text: &str) -> Vec<Event> {
    vec![Event::Text(text.to_owned())]
}
