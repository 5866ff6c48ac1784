//! The reference of all Actions: what each does, its fields, its keys. Menus, `?` and `actions` are made from it.

use serde::Serialize;

use super::action::*;
use super::camera::Motion;
use super::film_choices::Part;
use super::playback::Clock;
use super::table_choices::{GroupOrder, Place, RowFormat, TableState};
use crate::analysis::filter::Filter;
use crate::analysis::row_axis::Rows;
use crate::analysis::table_columns::Column;
use crate::analysis::table_rows::SortKey;
use crate::kernel_io::layout::{Arrangement, LayoutEngine};
use crate::trace::tracks::Order;

/// What one Action is for.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ActionDoc {
    /// Its `action` in JSON.
    pub name: &'static str,
    pub help: &'static str,
    pub fields: &'static [FieldDoc],
    /// Every key that does it, with the Action that the key sends.
    pub keys: Vec<KeyDoc>,
    pub example: Action,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct FieldDoc {
    pub name: &'static str,
    #[serde(rename = "type")]
    pub kind: &'static str,
    pub help: &'static str,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct KeyDoc {
    pub key: &'static str,
    pub label: &'static str,
    pub action: Action,
}

/// A thing to do that has a name of its own: an entry of a menu, with its keys.
#[derive(Debug, Clone, PartialEq)]
pub struct Command {
    pub label: &'static str,
    /// As people write them: `Ctrl+O`, `Shift+]`.
    pub keys: &'static [&'static str],
    pub menu: Menu,
    pub action: Action,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Menu {
    File,
    Edit,
    Go,
    View,
    Measure,
    Play,
    Help,
}

impl Menu {
    /// As they stand in the bar.
    pub const ALL: [Self; 7] = [Self::File, Self::Edit, Self::Go, Self::View, Self::Measure, Self::Play, Self::Help];

    pub fn title(self) -> &'static str {
        match self {
            Self::File => "File",
            Self::Edit => "Edit",
            Self::Go => "Go",
            Self::View => "View",
            Self::Measure => "Measure",
            Self::Play => "Play",
            Self::Help => "Help",
        }
    }
}

/// Movement that a key starts takes this long.
const KEY_MOTION: Motion = Motion { duration_ms: 150.0, easing: super::camera::Easing::EaseOut };

/// Every command, in the order of the menus.
pub fn commands() -> Vec<Command> {
    use Menu::{Edit, File, Go, Help, Measure, Play, View as Views};
    let command = |label, keys, menu, action| Command { label, keys, menu, action };
    let mut all = vec![
        command("Back", &["Alt+Left"][..], Go, Action::Back),
        command("Forward", &["Alt+Right"], Go, Action::Forward),
        command("Undo", &["Ctrl+Z"], Edit, Action::Undo),
        command("Redo", &["Ctrl+Shift+Z", "Ctrl+Y"], Edit, Action::Redo),
        command("All commands", &["Ctrl+K"], Go, Action::ShowPalette { shown: true }),
        command("Search", &["/"], Go, Action::ShowSearch { shown: true }),
        command("Zoom to the selection", &["Z"], Go, zoom_to_selection()),
        command("Filter the table to the selection", &["Ctrl+Enter"], Edit, Action::FilterTo { item: None }),
        command("Copy the selection's name", &[], Edit, Action::CopyName { item: None }),
        command("Next op", &["."], Go, Action::Step { by: Stride::Op, back: false }),
        command("Previous op", &[","], Go, Action::Step { by: Stride::Op, back: true }),
        command("Next pass", &["]"], Go, Action::Step { by: Stride::Pass, back: false }),
        command("Previous pass", &["["], Go, Action::Step { by: Stride::Pass, back: true }),
        command("Next layer", &["}"], Go, Action::Step { by: Stride::Layer, back: false }),
        command("Previous layer", &["{"], Go, Action::Step { by: Stride::Layer, back: true }),
        command("Whole graph", &["0"], Go, Action::SetLayer { layer: None, add: false }),
        command("Clear the selection", &[], Edit, Action::Select { item: None }),
        command("End the comparison", &[], Edit, Action::Compare { with: None }),
        command("Clear the filter", &["Ctrl+Backspace"], Edit, Action::SetFilter { filter: Filter::default() }),
        command("Copy rows", &["Ctrl+C"], Edit, Action::CopyRows { format: RowFormat::Tsv }),
        command("Copy rows as JSON", &[], Edit, Action::CopyRows { format: RowFormat::Json }),
        command("Stop the export", &[], Edit, Action::CancelExport),
        command("Table: first row", &[], Go, Action::GoTo { place: Place::First }),
        command("Table: last row", &[], Go, Action::GoTo { place: Place::Last }),
        command("Table: in order of execution", &[], Views, Action::SetSort { keys: Vec::new() }),
        command("Table: slowest first", &[], Views, slowest_first()),
        command("Table: all columns", &[], Views, Action::SetColumns { columns: TableState::default().columns }),
        command("Table: group by op", &[], Views, group_by(Some(Column::Op))),
        command("Table: group by layer", &[], Views, group_by(Some(Column::Layer))),
        command("Table: group by pass", &[], Views, group_by(Some(Column::Pass))),
        command("Table: single ops", &[], Views, group_by(None)),
        command("Play", &[], Play, Action::Play { clock: None, speed: None, ops_per_second: None }),
        command("Pause", &[], Play, Action::Pause),
        command("Play by op", &[], Play, Action::SetClock { clock: Clock::Op }),
        command("Play by recorded time", &[], Play, Action::SetClock { clock: Clock::Time }),
        command("Play by pass", &[], Play, Action::SetClock { clock: Clock::Pass }),
        command("Play once, not in a loop", &[], Play, Action::LoopSpan { ops: None }),
        command("Playhead to the first op", &[], Play, Action::Seek { op: Some(0) }),
        command("Take the playhead away", &[], Play, Action::Seek { op: None }),
        command("Fit the graph", &["Home"], Views, Action::Fit { view: View::Graph, motion: KEY_MOTION }),
        command("Fit the heatmap", &["End"], Views, Action::Fit { view: View::Heatmap, motion: KEY_MOTION }),
        command("Fold all layers", &[], Views, Action::Fold { layer: None }),
        command("Unfold all layers", &[], Views, Action::Unfold { layer: None }),
        command("Graph: layers in rows", &[], Views, Action::SetArrangement { arrangement: Arrangement::Rows }),
        command("Graph: true to distances", &[], Views, Action::SetArrangement { arrangement: Arrangement::Distances }),
        command("Graph: experts apart", &[], Views, Action::UnfoldExperts { unfolded: true }),
        command("Graph: experts together", &[], Views, Action::UnfoldExperts { unfolded: false }),
        command("Graph: stop the layout", &[], Views, Action::SetSettling { on: false }),
        command("Graph: lay out by kernels", &[], Views, Action::SetLayoutEngine { engine: LayoutEngine::Gpu }),
        command("Graph: lay out by the CPU", &[], Views, Action::SetLayoutEngine { engine: LayoutEngine::Cpu }),
        command("Graph: lay out by fdg-sim", &[], Views, Action::SetLayoutEngine { engine: LayoutEngine::Fdg }),
        command("Graph: unpin all nodes", &["Shift+P"], Views, Action::UnpinNode { node: None, expert: None }),
        command("Graph: next hit", &["N"], Go, Action::StepHit { back: false }),
        command("Graph: previous hit", &["Shift+N"], Go, Action::StepHit { back: true }),
        command("All upstream", &["U"], Go, Action::SetTrail { trail: Trail::Upstream }),
        command("All downstream", &["Shift+U"], Go, Action::SetTrail { trail: Trail::Downstream }),
        command("No trail", &[], Go, Action::SetTrail { trail: Trail::None }),
        command("Larger", &["Ctrl+Plus"], Views, Action::StepUiScale { larger: true }),
        command("Smaller", &["Ctrl+Minus"], Views, Action::StepUiScale { larger: false }),
        command("Usual size", &["Ctrl+0"], Views, Action::SetUiScale { scale: 1.0 }),
        command("Panels where they were at first", &[], Views, Action::ResetPanels),
        command("Dark theme", &[], Views, Action::SetTheme { theme: Theme::Dark }),
        command("Light theme", &[], Views, Action::SetTheme { theme: Theme::Light }),
        command("Leave full screen", &[], Views, Action::FullScreen { view: None }),
        command("Both phases", &[], Measure, Action::SetPhase { phase: None }),
        command("Prompt only", &[], Measure, Action::SetPhase { phase: Some(crate::trace::Phase::Prompt) }),
        command("Generation only", &[], Measure, Action::SetPhase { phase: Some(crate::trace::Phase::Generate) }),
        command("Count accesses", &[], Measure, Action::SetMeasure { measure: MeasureChoice::Accesses }),
        command("Count bytes touched", &[], Measure, Action::SetMeasure { measure: MeasureChoice::Bytes }),
        command("Count bytes logged", &[], Measure, Action::SetMeasure { measure: MeasureChoice::Logged }),
        command("Sum over ops", &[], Measure, Action::SetAggregate { aggregate: AggregateChoice::Sum }),
        command("Largest of one op", &[], Measure, Action::SetAggregate { aggregate: AggregateChoice::Max }),
        command("Reads and writes", &[], Measure, Action::SetDirection { direction: DirectionChoice::Both }),
        command("Reads only", &[], Measure, Action::SetDirection { direction: DirectionChoice::Read }),
        command("Writes only", &[], Measure, Action::SetDirection { direction: DirectionChoice::Write }),
        command("File order", &[], Measure, Action::SetOrder { order: Order::File }),
        command("Layer order", &[], Measure, Action::SetOrder { order: Order::Layer }),
        command("Hottest first", &[], Measure, Action::SetOrder { order: Order::Heat }),
        command("Rows are ops", &[], Measure, Action::SetRows { rows: Rows::Op }),
        command("Rows are passes", &[], Measure, Action::SetRows { rows: Rows::Pass }),
        command("Rows are time", &[], Measure, Action::SetRows { rows: Rows::Time }),
        command("Draw seeks", &[], Measure, Action::ShowSeeks { shown: true }),
        command("Hide seeks", &[], Measure, Action::ShowSeeks { shown: false }),
        command("Colours: blue to red", &[], Measure, Action::SetPalette { palette: PaletteChoice::Heat }),
        command("Colours: viridis", &[], Measure, Action::SetPalette { palette: PaletteChoice::Viridis }),
        command("Colours: cividis", &[], Measure, Action::SetPalette { palette: PaletteChoice::Cividis }),
        command("Linear scale", &[], Measure, Action::SetScale { scale: ScaleChoice::Linear }),
        command("Logarithmic scale", &[], Measure, Action::SetScale { scale: ScaleChoice::Logarithmic }),
        command("Equalised scale", &[], Measure, Action::SetScale { scale: ScaleChoice::Equalised }),
        command("Still", &["F10"], File, Action::Still { path: None, scale: None, view: None }),
        command("Record, or stop", &["F9"], File, record()),
        command("Keys", &["?"], Help, Action::ShowKeys { shown: true }),
        command("What to try first", &[], Help, Action::ShowHint { shown: true }),
        command("Quit", &["Ctrl+Q"], Help, Action::Quit),
    ];
    const DIGITS: [&[&str]; 7] = [&["1"], &["2"], &["3"], &["4"], &["5"], &["6"], &["7"]];
    const SHOW: [&str; 7] = [
        "Show the graph",
        "Show the heatmap",
        "Show the timeline",
        "Show the ops",
        "Show health",
        "Show the inspector",
        "Show analytics",
    ];
    for ((view, keys), label) in View::ALL.into_iter().zip(DIGITS).zip(SHOW) {
        all.push(command(label, keys, Views, Action::SetView { view }));
    }
    all
}

fn zoom_to_selection() -> Action {
    Action::ZoomTo { target: ZoomTarget::Selection, motion: KEY_MOTION }
}

fn record() -> Action {
    Action::Record { on: None, path: None, fps: None, scale: None, view: None }
}

fn slowest_first() -> Action {
    Action::SetSort { keys: vec![SortKey { column: Column::Duration, down: true }] }
}

fn group_by(column: Option<Column>) -> Action {
    Action::GroupBy { column, order: GroupOrder::default(), down: false }
}

/// Keys that depend on what is shown, and so are not one Action: the palette of `?` lists them too.
pub const CONTEXT_KEYS: [(&str, &str); 18] = [
    ("Space", "play or pause"),
    ("< and >", "play slower, faster"),
    ("L", "play the selected span again and again, or no longer"),
    ("F", "full screen of the panel under the cursor; again or Esc: back"),
    (
        "Esc",
        "close what is open, end what is worked out for the graph, leave full screen, clear the selection, then take the playhead away",
    ),
    ("Ctrl+F", "type into the filter of the ops"),
    ("P", "pin the selected node of the graph where it is, or let it go"),
    ("Ctrl+G", "go to an op, row, pass or time of the table"),
    ("Up, Down, Page Up, Page Down, Home, End", "in the table: previous and next row, a page, first and last row"),
    ("Arrows, WASD", "move what is under the cursor"),
    ("+ and -", "zoom what is under the cursor"),
    ("Ctrl+Left and Ctrl+Right", "zoom the heatmap's bytes out and in"),
    ("Ctrl+Up and Ctrl+Down", "zoom the heatmap's ops out and in"),
    (
        "M R Y X C V G",
        "next measure, direction, kind of rows, order of bytes, colours, scale of the heatmap; seeks on and off",
    ),
    (
        "Wheel",
        "zoom at the cursor in graph and heatmap (Shift: bytes only, Alt: ops only), scroll in lists and timeline (Ctrl: zoom the timeline)",
    ),
    (
        "Drag, Shift+drag, Ctrl+drag",
        "move (a node of the graph: pin it there); select bytes and ops of the heatmap, or a span of the timeline (Alt: not at the edges of ops); zoom to a box",
    ),
    (
        "Right click",
        "what can be done with what is hit: filter the table to it, zoom to it, show its layer, copy its name",
    ),
    ("Double click", "zoom to the tensor or the layer that is hit; beside them, fit"),
];

const DURATION: FieldDoc =
    FieldDoc { name: "duration_ms", kind: "number", help: "how long the camera moves; 0 if left out" };
const EASING: FieldDoc =
    FieldDoc { name: "easing", kind: "linear | ease_in | ease_out | ease_in_out", help: "ease_in_out if left out" };
const PART_KIND: &str = "all | panel | graph | heatmap | timeline | table | health | inspector | analytics";
const VIEW_KIND: &str = "graph | heatmap | timeline | table | health | inspector | analytics";

macro_rules! fields {
    ($($name:literal: $kind:expr, $help:literal);* $(;)?) => { &[$(FieldDoc { name: $name, kind: $kind, help: $help }),*] };
    (camera; $($name:literal: $kind:expr, $help:literal);* $(;)?) => {
        &[$(FieldDoc { name: $name, kind: $kind, help: $help },)* DURATION, EASING]
    };
}

/// Every Action once, in the order of the enum.
pub fn reference() -> Vec<ActionDoc> {
    examples()
        .into_iter()
        .map(|example| {
            let (name, help, fields) = describe(&example);
            let keys = commands()
                .into_iter()
                .filter(|c| describe(&c.action).0 == name)
                .flat_map(|c| c.keys.iter().map(move |key| KeyDoc { key, label: c.label, action: c.action.clone() }))
                .collect();
            ActionDoc { name, help, fields, keys, example }
        })
        .collect()
}

/// Name, help and fields. A new Action does not compile without.
#[expect(clippy::too_many_lines, reason = "one arm an Action")]
fn describe(action: &Action) -> (&'static str, &'static str, &'static [FieldDoc]) {
    match action {
        Action::Select { .. } => (
            "select",
            "Select an item in all views, or nothing",
            fields! { "item": "null | {tensor: name or number} | {op: number} | {node: id or label} | {layer: number} | {pass: number} | {expert: {tensor, expert}} | {region: {track, bytes: [from, to], ops: [from, to]}} | {span: {time_ns: [from, to]}}", "what to select" },
        ),
        Action::ZoomTo { .. } => (
            "zoom_to",
            "Move the camera of the heatmap or the graph to an item",
            fields! { camera; "target": "{tensor} | {layer} | {op} | {pass} | {node} | {range: {track, bytes, ops}} | selection", "where to" },
        ),
        Action::Pan { .. } => (
            "pan",
            "Move a view by fractions of what it shows",
            fields! { camera; "view": VIEW_KIND, "graph, heatmap, timeline or table"; "dx": "number", "to the right"; "dy": "number", "down" },
        ),
        Action::Zoom { .. } => (
            "zoom",
            "Zoom a view",
            fields! { camera; "view": VIEW_KIND, "graph, heatmap or timeline"; "factor": "number", "above 1 is closer"; "x": "number", "fraction of the view that stays in place, 0.5 if left out"; "y": "number", "the same from the top"; "track": "disk | buffer", "of the heatmap; both if left out"; "axes": "both | bytes | ops", "of the heatmap; both if left out" },
        ),
        Action::ShowSpan { .. } => (
            "show_span",
            "Point the heatmap's camera at bytes of one track and ops of both",
            fields! { camera; "track": "disk | buffer", "which"; "bytes": "{start, end}", "track bytes, fractions allowed"; "ops": "{start, end}", "ops, fractions allowed" },
        ),
        Action::LookAt { .. } => (
            "look_at",
            "Point the graph's camera",
            fields! { camera; "center": "[number, number]", "layout units"; "scale": "number", "points of the screen for one layout unit" },
        ),
        Action::Fit { .. } => {
            ("fit", "Show all of a view", fields! { camera; "view": VIEW_KIND, "graph, heatmap or timeline" })
        }
        Action::SetView { .. } => ("set_view", "Bring a panel to the front", fields! { "view": VIEW_KIND, "which" }),
        Action::Compare { .. } => (
            "compare",
            "Show the numbers of an item beside those of the selection, in analytics",
            fields! { "with": "null | {layer: number} | {pass: number} | {tensor: name or number}", "what to compare with; null ends it" },
        ),
        Action::SetLayer { .. } => (
            "set_layer",
            "Show the self-contained subgraph of a layer or of several, or the whole graph",
            fields! { "layer": "number | null", "which"; "add": "bool", "beside the layers that are shown, or no longer beside them; false if left out" },
        ),
        Action::SetGraph { .. } => {
            ("set_graph", "Show another of the run's graphs", fields! { "graph": "number", "which" })
        }
        Action::SetPass { .. } => {
            ("set_pass", "Go to a pass: its graph, its rows, its ops", fields! { "pass": "number", "which" })
        }
        Action::SetPhase { .. } => (
            "set_phase",
            "Count and list one phase only, or all",
            fields! { "phase": "prompt | generate | warmup | null", "which" },
        ),
        Action::SetMeasure { .. } => (
            "set_measure",
            "What a cell of the heatmap counts",
            fields! { "measure": "accesses | bytes | logged", "which" },
        ),
        Action::SetAggregate { .. } => (
            "set_aggregate",
            "Whether a cell sums over its ops or shows the largest",
            fields! { "aggregate": "sum | max", "which" },
        ),
        Action::SetDirection { .. } => (
            "set_direction",
            "Reads, writes or both in the heatmap",
            fields! { "direction": "both | read | write", "which" },
        ),
        Action::SetOrder { .. } => (
            "set_order",
            "Order of the tensors along the DISK track",
            fields! { "order": "file | layer | heat", "which" },
        ),
        Action::SetRows { .. } => (
            "set_rows",
            "What the rows of the heatmap are: ops, passes of one height, or recorded time",
            fields! { "rows": "op | pass | time", "which" },
        ),
        Action::ShowSeeks { .. } => (
            "show_seeks",
            "Draw the jumps between consecutive reads of the model files, in file order",
            fields! { "shown": "bool", "which" },
        ),
        Action::SetPalette { .. } => {
            ("set_palette", "Colours of the heatmap", fields! { "palette": "heat | viridis | cividis", "which" })
        }
        Action::SetScale { .. } => (
            "set_scale",
            "How values spread over the colours",
            fields! { "scale": "linear | logarithmic | equalised", "which" },
        ),
        Action::SetFilter { .. } => (
            "set_filter",
            "Which ops the table lists; an empty filter lists all",
            fields! { "filter": "{text, regex: bool, kind, layer, pass, track, touches: tensor, region, columns: {COLUMN: CONDITION}}, all optional; CONDITION: {contains: string} | {matches: regular expression} | {is: [value, ...]} | {between: {at_least, at_most}}", "conditions that must all hold" },
        ),
        Action::SetSort { .. } => (
            "set_sort",
            "Order of the table's rows; without keys that of execution",
            fields! { "keys": "[{column: COLUMN, down: bool}, ...]", "the first counts most" },
        ),
        Action::SetColumns { .. } => (
            "set_columns",
            "Which columns the table shows, in which order and width",
            fields! { "columns": "[{column: index | start | duration | pass | token | phase | layer | op | destination | touched | logged | track | experts | operands, width: points}, ...]", "from left to right" },
        ),
        Action::GroupBy { .. } => (
            "group_by",
            "Show the table's rows as groups with counts and sums, or one by one",
            fields! { "column": "pass | token | phase | layer | op | destination | track | null", "which"; "order": "value | ops | time | touched | logged", "of the groups; value if left out"; "down": "bool", "largest first; false if left out" },
        ),
        Action::GoTo { .. } => (
            "go_to",
            "Go to a place of the table and select what is there",
            fields! { "place": "{op: number} | {row: number, from 0} | {time_ns: number} | {pass: number} | first | last", "where to" },
        ),
        Action::CopyRows { .. } => (
            "copy_rows",
            "Copy the selected rows, or those that the table lists, as they are shown",
            fields! { "format": "tsv | csv | json", "tsv if left out" },
        ),
        Action::ExportRows { .. } => (
            "export_rows",
            "Write the rows that the table lists to a file, as they are shown",
            fields! { "path": "string", "the file, which is replaced"; "format": "tsv | csv | json", "which" },
        ),
        Action::CancelExport => ("cancel_export", "Stop writing a file; nothing is left of it", &[]),
        Action::WriteReport { .. } => (
            "write_report",
            "Write the run's figures, charts and pictures as one HTML file",
            fields! { "path": "string", "the file, which is replaced" },
        ),
        Action::ExportRun { .. } => (
            "export_run",
            "Write the run, or the ops that the filter lets through, for other tools",
            fields! { "path": "string", "the file, which is replaced, or the folder of Parquet files, which the run is added to"; "format": "csv | json | parquet | perfetto", "which" },
        ),
        Action::Fold { .. } => (
            "fold",
            "Show a layer of the graph as one node",
            fields! { "layer": "number | null", "which; null is all" },
        ),
        Action::Unfold { .. } => {
            ("unfold", "Show the nodes of a folded layer", fields! { "layer": "number | null", "which; null is all" })
        }
        Action::SetArrangement { .. } => (
            "set_arrangement",
            "What the places of the graph's nodes say: execution in rows of layers, or distances along edges",
            fields! { "arrangement": "rows | distances", "which" },
        ),
        Action::UnfoldExperts { .. } => (
            "unfold_experts",
            "Show expert tensors as one node a slice, or whole",
            fields! { "unfolded": "bool", "which" },
        ),
        Action::SetNodeColor { .. } => (
            "set_node_color",
            "What the colours of the graph's nodes say",
            fields! { "color": "type | layer | op | accesses | bytes | time", "which" },
        ),
        Action::SetNodeSize { .. } => (
            "set_node_size",
            "What the sizes of the graph's nodes say",
            fields! { "size": "plain | bytes | time", "which" },
        ),
        Action::FindNodes { .. } => (
            "find_nodes",
            "Search the graph: nodes whose label, name or op matches stand out",
            fields! { "pattern": "string", "a regular expression, upper and lower case alike; empty ends the search" },
        ),
        Action::StepHit { .. } => (
            "step_hit",
            "Select the next or previous node that the search found",
            fields! { "back": "bool", "false if left out" },
        ),
        Action::SetTrail { .. } => (
            "set_trail",
            "Make all that the selected node is made of stand out, all that is made of it, or a way to another node",
            fields! { "trail": "none | upstream | downstream | {path: id or label}", "which" },
        ),
        Action::SetSettling { .. } => (
            "set_settling",
            "Stop the layout of the graph where it is, or let it go on",
            fields! { "on": "bool", "which" },
        ),
        Action::SetLayoutEngine { .. } => (
            "set_layout_engine",
            "Who lays the graph out: kernels, their twin on the CPU, or fdg-sim, which is for small graphs",
            fields! { "engine": "gpu | cpu | fdg", "which" },
        ),
        Action::PinNode { .. } => (
            "pin_node",
            "Have a node of the shown graph stay at a place while the others settle",
            fields! { "node": "id or label", "which"; "expert": "number", "of an expert tensor whose slices stand apart, 0 if left out there; else left out"; "x": "number", "layout units, to the right"; "y": "number", "down" },
        ),
        Action::UnpinNode { .. } => (
            "unpin_node",
            "Let a pinned node of the shown graph go, or all",
            fields! { "node": "id or label | null", "which; null is all"; "expert": "number", "as for pin_node" },
        ),
        Action::Play { .. } => (
            "play",
            "Walk through the ops of the run, from what is selected",
            fields! { "clock": "op | time | pass", "what it goes evenly along; the one chosen last if left out"; "speed": "number", "ops a second, times as fast as recorded, or passes a second; the one chosen last if left out"; "ops_per_second": "number", "the speed by ops, and that clock unless another is named; 30 at first" },
        ),
        Action::Pause => ("pause", "Stop walking, and select the op that it has come to", &[]),
        Action::SetClock { .. } => (
            "set_clock",
            "What playback goes evenly along: ops, recorded time, or passes",
            fields! { "clock": "op | time | pass", "which" },
        ),
        Action::SetSpeed { .. } => (
            "set_speed",
            "How fast playback goes by its clock",
            fields! { "speed": "number", "ops a second, times as fast as recorded, or passes a second" },
        ),
        Action::LoopSpan { .. } => (
            "loop_span",
            "Play some ops again and again",
            fields! { "ops": "[from, to] | null", "which, the last of them left out; null plays the run once" },
        ),
        Action::Seek { .. } => (
            "seek",
            "Put the playhead at an op, or take it away",
            fields! { "op": "number | null", "which; it is selected, unless the run is being played" },
        ),
        Action::Step { .. } => (
            "step",
            "Go to the next or previous op, layer or pass",
            fields! { "by": "op | layer | pass", "how far"; "back": "bool", "false if left out" },
        ),
        Action::FullScreen { .. } => (
            "full_screen",
            "Give one panel the whole window, or leave that",
            fields! { "view": VIEW_KIND, "which; null leaves that" },
        ),
        Action::SetTheme { .. } => ("set_theme", "Dark or light", fields! { "theme": "dark | light", "which" }),
        Action::Back => ("back", "To what was looked at before", &[]),
        Action::Forward => ("forward", "To what was looked at after", &[]),
        Action::Undo => (
            "undo",
            "Take the last choice back: filter, phase, layers shown, folds, pins, columns, sorting, groups, what the heatmap shows",
            &[],
        ),
        Action::Redo => ("redo", "Choose again what was undone", &[]),
        Action::ShowPalette { .. } => {
            ("show_palette", "Open or close the list of all commands", fields! { "shown": "bool", "which" })
        }
        Action::ShowSearch { .. } => ("show_search", "Open or close the search", fields! { "shown": "bool", "which" }),
        Action::Search { .. } => (
            "search",
            "Search tensors, ops, nodes, layers and passes at once",
            fields! { "text": "string", "part of a name, upper and lower case alike; between slashes a regular expression" },
        ),
        Action::FilterTo { .. } => (
            "filter_to",
            "Have the table list only the ops of an item, beside the conditions that it has",
            fields! { "item": "as for select", "which; the selection if left out" },
        ),
        Action::CopyName { .. } => (
            "copy_name",
            "Copy the name of an item",
            fields! { "item": "as for select", "which; the selection if left out" },
        ),
        Action::ClosePanel { .. } => {
            ("close_panel", "Close a panel; set_view brings it back", fields! { "view": VIEW_KIND, "which" })
        }
        Action::ResetPanels => ("reset_panels", "Put all panels back where they were at first", &[]),
        Action::SetUiScale { .. } => (
            "set_ui_scale",
            "Size of texts and controls",
            fields! { "scale": "number", "0.5 to 3; 1 is what the system asks for" },
        ),
        Action::StepUiScale { .. } => {
            ("step_ui_scale", "Make texts and controls larger or smaller", fields! { "larger": "bool", "which" })
        }
        Action::ShowHint { .. } => {
            ("show_hint", "Show or hide the card that says what to try first", fields! { "shown": "bool", "which" })
        }
        Action::ShowKeys { .. } => ("show_keys", "Show or hide the list of keys", fields! { "shown": "bool", "which" }),
        Action::Open { .. } => ("open", "Open another run in this window", fields! { "path": "string", "the run" }),
        Action::CancelLoading => ("cancel_loading", "Stop reading the run that is being opened", &[]),
        Action::Still { .. } => (
            "still",
            "Write a picture of the window, or of one panel of it, as a PNG file",
            fields! { "path": "string", "the file, which is replaced; a new name in the current folder if left out"; "scale": "number", "pixels of a point, 0.25 to 8; as chosen if left out"; "view": PART_KIND, "what of the window, as chosen if left out; panel is the one in full screen or under the cursor" },
        ),
        Action::Record { .. } => (
            "record",
            "Begin or end a film of the window: numbered PNG files of every frame, and a manifest",
            fields! { "on": "bool", "which; if left out the other of what it does now"; "path": "string", "the folder, which must be new or empty; a new name in the current folder if left out"; "fps": "number", "frames a second, 1 to 240; as chosen if left out"; "scale": "number", "as for still"; "view": PART_KIND, "as for still" },
        ),
        Action::SetFilm { .. } => (
            "set_film",
            "Choose how stills and films are made; what is left out stays",
            fields! { "fps": "number", "frames a second, 1 to 240"; "scale": "number", "pixels of a point, 0.25 to 8"; "view": PART_KIND, "what of the window" },
        ),
        Action::Quit => ("quit", "Close the window", &[]),
        Action::Wait { .. } => (
            "wait",
            "In scripts: let frames pass before the next action",
            fields! { "frames": "number", "how many; 0 if left out"; "ms": "number", "so long, whatever the frames a second; the longer of both counts" },
        ),
    }
}

/// One value of every Action; a test checks that none is missing.
fn examples() -> Vec<Action> {
    use crate::analysis::filter::TensorRef;
    let weight = || TensorRef::Name("blk.5.attn_q.weight".to_owned());
    let second = Motion { duration_ms: 1000.0, ..Motion::default() };
    vec![
        Action::Select { item: Some(ItemRef::Tensor(weight())) },
        Action::ZoomTo { target: ZoomTarget::Tensor(weight()), motion: second },
        Action::Pan { view: View::Heatmap, dx: 0.25, dy: 0.0, motion: Motion::default() },
        Action::Zoom {
            view: View::Heatmap,
            factor: 4.0,
            x: 0.5,
            y: 0.5,
            track: None,
            axes: Axes::Both,
            motion: second,
        },
        Action::ShowSpan {
            track: crate::trace::Track::Disk,
            bytes: super::camera::Span::new(0.0, 4096.0),
            ops: super::camera::Span::new(0.0, 100.0),
            motion: second,
        },
        Action::LookAt { center: [0.0, 0.0], scale: 10.0, motion: second },
        Action::Fit { view: View::Graph, motion: Motion::default() },
        Action::SetView { view: View::Health },
        Action::Compare { with: Some(ItemRef::Layer(3)) },
        Action::SetLayer { layer: Some(5), add: true },
        Action::SetGraph { graph: 0 },
        Action::SetPass { pass: 1 },
        Action::SetPhase { phase: Some(crate::trace::Phase::Generate) },
        Action::SetMeasure { measure: MeasureChoice::Bytes },
        Action::SetAggregate { aggregate: AggregateChoice::Max },
        Action::SetDirection { direction: DirectionChoice::Read },
        Action::SetOrder { order: Order::Layer },
        Action::SetRows { rows: Rows::Time },
        Action::ShowSeeks { shown: true },
        Action::SetPalette { palette: PaletteChoice::Viridis },
        Action::SetScale { scale: ScaleChoice::Linear },
        Action::SetFilter { filter: Filter { kind: Some("MUL_MAT".to_owned()), ..Filter::default() } },
        slowest_first(),
        Action::SetColumns { columns: [Column::Index, Column::Op, Column::Duration].map(Into::into).to_vec() },
        group_by(Some(Column::Layer)),
        Action::GoTo { place: Place::Pass(3) },
        Action::CopyRows { format: RowFormat::Csv },
        Action::ExportRows { path: "rows.csv".into(), format: RowFormat::Csv },
        Action::CancelExport,
        Action::ExportRun { path: "runs".into(), format: RunFormat::Parquet },
        Action::WriteReport { path: "report.html".into() },
        Action::Fold { layer: None },
        Action::Unfold { layer: Some(5) },
        Action::SetArrangement { arrangement: Arrangement::Distances },
        Action::UnfoldExperts { unfolded: true },
        Action::SetNodeColor { color: NodeColor::Bytes },
        Action::SetNodeSize { size: NodeSize::Bytes },
        Action::FindNodes { pattern: "attn_[qk]".to_owned() },
        Action::StepHit { back: false },
        Action::SetTrail { trail: Trail::Upstream },
        Action::SetSettling { on: false },
        Action::SetLayoutEngine { engine: LayoutEngine::Cpu },
        Action::PinNode { node: "Qcur-5".to_owned(), expert: None, x: 12.0, y: -3.5 },
        Action::UnpinNode { node: None, expert: None },
        Action::Play { clock: Some(Clock::Time), speed: Some(0.1), ops_per_second: None },
        Action::Pause,
        Action::SetClock { clock: Clock::Pass },
        Action::SetSpeed { speed: 2.0 },
        Action::LoopSpan { ops: Some([100, 200]) },
        Action::Seek { op: Some(100) },
        Action::Step { by: Stride::Layer, back: false },
        Action::FullScreen { view: Some(View::Graph) },
        Action::SetTheme { theme: Theme::Light },
        Action::Back,
        Action::Forward,
        Action::Undo,
        Action::Redo,
        Action::ShowPalette { shown: true },
        Action::ShowSearch { shown: true },
        Action::Search { text: "attn_q".to_owned() },
        Action::FilterTo { item: Some(ItemRef::Tensor(weight())) },
        Action::CopyName { item: None },
        Action::ClosePanel { view: View::Health },
        Action::ResetPanels,
        Action::SetUiScale { scale: 1.5 },
        Action::StepUiScale { larger: true },
        Action::ShowHint { shown: true },
        Action::ShowKeys { shown: true },
        Action::Open { path: "other.tscope".into() },
        Action::CancelLoading,
        Action::Still { path: Some("still.png".into()), scale: Some(2.0), view: Some(Part::View(View::Graph)) },
        Action::Record { on: Some(true), path: None, fps: Some(60), scale: None, view: Some(Part::All) },
        Action::SetFilm { fps: Some(24), scale: Some(1.0), view: Some(Part::Panel) },
        Action::Quit,
        Action::Wait { frames: 30, ms: 0.0 },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_is_documented_and_survives_json() {
        let reference = reference();
        // `describe` has one arm an Action, so as many distinct names as examples means that none is missing.
        let mut names: Vec<&str> = reference.iter().map(|d| d.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), reference.len());
        let source = include_str!("action.rs");
        let body = source.split("pub enum Action {").nth(1).and_then(|s| s.split("\n}\n").next()).unwrap_or("");
        let variants = body
            .lines()
            .filter(|l| l.starts_with("    ") && l.as_bytes().get(4).is_some_and(u8::is_ascii_uppercase))
            .count();
        assert_eq!(variants, reference.len(), "an Action has no example");
        for doc in &reference {
            let json = serde_json::to_value(&doc.example).unwrap();
            assert_eq!(json["action"], doc.name);
            assert_eq!(serde_json::from_value::<Action>(json.clone()).unwrap(), doc.example);
            for (key, _) in json.as_object().unwrap().iter().filter(|(key, _)| *key != "action") {
                assert!(doc.fields.iter().any(|f| f.name == key), "{}: field {key} is not documented", doc.name);
            }
        }
    }

    /// The chords that a row of the context keys is about; none where it is about the mouse.
    fn chords(keys: &str) -> Vec<String> {
        if ["Wheel", "Drag", "Double", "Right"].iter().any(|mouse| keys.starts_with(mouse)) {
            return Vec::new();
        }
        let words =
            keys.replace("Page ", "Page").replace("Arrows", "Up, Down, Left, Right").replace("WASD", "W, A, S, D");
        words.split([',', ' ']).filter(|word| !word.is_empty() && *word != "and").map(str::to_owned).collect()
    }

    #[test]
    fn no_key_means_two_things() {
        let commands = commands();
        let mut known: Vec<(String, &str)> =
            commands.iter().flat_map(|c| c.keys.iter().map(|key| ((*key).to_owned(), c.label))).collect();
        for (keys, help) in CONTEXT_KEYS {
            // What the table takes while it is meant is what other keys do elsewhere.
            let table = help.starts_with("in the table");
            known.extend(chords(keys).into_iter().filter(|_| !table).map(|chord| (chord, help)));
        }
        known.sort();
        for pair in known.windows(2) {
            assert_ne!(pair[0].0, pair[1].0, "a key does two things: {} and {}", pair[0].1, pair[1].1);
        }
        assert!(known.iter().any(|(key, _)| key == "W") && known.iter().any(|(key, _)| key == "Ctrl+Down"));
    }

    #[test]
    fn every_action_has_words_and_a_way_to_reach_it() {
        let commands = commands();
        for command in &commands {
            assert!(!command.label.trim().is_empty(), "{:?} has no name", command.action);
        }
        let mut labels: Vec<&str> = commands.iter().map(|c| c.label).collect();
        labels.sort_unstable();
        assert!(labels.windows(2).all(|pair| pair[0] != pair[1]), "two commands have one name");
        // What needs a place to point at, a value or a file has a way of its own.
        let elsewhere = [
            ("pan", "drag"),
            ("zoom", "wheel"),
            ("show_span", "drag in the heatmap"),
            ("look_at", "drag in the graph"),
            ("set_graph", "list of graphs above the graph; command palette"),
            ("set_pass", "click on a pass; command palette"),
            ("open", "File menu; a file dropped on the window; recent runs of the command palette"),
            ("export_rows", "Export above the table"),
            ("export_run", "Export in the File menu"),
            ("write_report", "Report in the File menu"),
            ("set_node_color", "list above the graph; command palette"),
            ("set_node_size", "list above the graph; command palette"),
            ("find_nodes", "field above the graph"),
            ("search", "field of the top bar"),
            ("close_panel", "button of the panel; command palette"),
            ("cancel_loading", "Cancel in the status line"),
            ("pin_node", "drag of a node; P"),
            ("set_speed", "list of the timeline; < and >"),
            ("set_film", "File menu"),
            ("export_run", "File menu"),
            ("write_report", "File menu"),
            ("wait", "scripts only"),
        ];
        for doc in reference() {
            assert!(!doc.name.is_empty() && doc.help.len() > 8, "{}: no help", doc.name);
            for field in doc.fields {
                assert!(!field.kind.is_empty() && !field.help.is_empty(), "{}: {} has no words", doc.name, field.name);
            }
            let in_menu = commands.iter().any(|c| describe(&c.action).0 == doc.name);
            let way = elsewhere.iter().find(|(name, _)| *name == doc.name);
            assert!(in_menu || way.is_some(), "{} cannot be reached", doc.name);
            assert!(!in_menu || way.is_none(), "{} is a command, so the list of other ways need not name it", doc.name);
        }
    }

    #[test]
    fn scripts_may_leave_out_what_has_a_default() {
        let zoom: Action = serde_json::from_str(r#"{"action":"zoom","view":"graph","factor":2}"#).unwrap();
        assert!(matches!(zoom, Action::Zoom { x: 0.5, y: 0.5, track: None, .. }));
        let go: Action = serde_json::from_str(
            r#"{"action":"zoom_to","target":{"range":{"track":"disk","bytes":[0,4096]}},"duration_ms":500,"easing":"linear"}"#,
        )
        .unwrap();
        assert!(matches!(go, Action::ZoomTo { motion: Motion { duration_ms: 500.0, .. }, .. }));
        assert!(serde_json::from_str::<Action>(r#"{"action":"jump"}"#).is_err());
    }
}
