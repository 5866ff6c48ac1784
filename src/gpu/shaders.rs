//! The WGSL sources, embedded, under the names that tests and labels use, and how a device compiles them.
#![expect(unsafe_code, reason = "leaving out a check of loops has no safe interface")]

/// Joins files of shaders/ into one module, since WGSL has no imports.
macro_rules! joined {
    ($($file:literal),+) => { concat!($(include_str!(concat!("../../shaders/", $file))),+) };
}

/// Paints egui's meshes; used by `egui_painter`.
pub const EGUI: &str = include_str!("../../shaders/egui.wgsl");
/// Nodes and edges; used by `graph_draw`.
pub const GRAPH_DRAW: &str = include_str!("../../shaders/graph_draw.wgsl");
/// The force layout; used by `layout`.
pub const GRAPH_FORCES: &str = include_str!("../../shaders/graph_forces.wgsl");

/// Every shader module of the product: (file name, source). Tests validate each with default WebGPU capabilities.
pub const ALL: &[(&str, &str)] = &[
    (
        "heat_count.wgsl",
        joined!("heat_common.wgsl", "heat_columns.wgsl", "heat_items.wgsl", "heat_walk.wgsl", "heat_count.wgsl"),
    ),
    (
        "heat_direct.wgsl",
        joined!(
            "heat_common.wgsl",
            "heat_columns.wgsl",
            "heat_walk.wgsl",
            "heat_span.wgsl",
            "heat_mark.wgsl",
            "heat_add_atomic.wgsl",
            "heat_direct.wgsl"
        ),
    ),
    ("heat_draw.wgsl", include_str!("../../shaders/heat_draw.wgsl")),
    ("heat_finish.wgsl", joined!("heat_common.wgsl", "heat_finish.wgsl")),
    (
        "heat_heavy.wgsl",
        joined!("heat_common.wgsl", "heat_span.wgsl", "heat_mark.wgsl", "heat_add_atomic.wgsl", "heat_heavy.wgsl"),
    ),
    ("heat_merge.wgsl", joined!("heat_common.wgsl", "heat_merge.wgsl")),
    ("heat_owned.wgsl", joined!("heat_common.wgsl", "heat_columns.wgsl", "heat_items.wgsl", "heat_owned.wgsl")),
    ("heat_raise.wgsl", joined!("heat_common.wgsl", "heat_columns.wgsl", "heat_span.wgsl", "heat_raise.wgsl")),
    ("heat_settle.wgsl", joined!("heat_common.wgsl", "heat_settle.wgsl")),
    ("egui.wgsl", EGUI),
    ("graph_draw.wgsl", GRAPH_DRAW),
    ("graph_forces.wgsl", GRAPH_FORCES),
    (
        "heat_spread_owned.wgsl",
        joined!(
            "heat_common.wgsl",
            "heat_items.wgsl",
            "heat_counted.wgsl",
            "heat_span.wgsl",
            "heat_mark.wgsl",
            "heat_add_owned.wgsl",
            "heat_spread_owned.wgsl"
        ),
    ),
    (
        "heat_spread.wgsl",
        joined!(
            "heat_common.wgsl",
            "heat_items.wgsl",
            "heat_counted.wgsl",
            "heat_span.wgsl",
            "heat_mark.wgsl",
            "heat_add_atomic.wgsl",
            "heat_spread.wgsl"
        ),
    ),
];

/// Compiles the module called `name`, without the counters that wgpu puts into every loop against those that never end:
/// they take half of the time of a kernel on adapters that are CPUs. Indices are checked as ever.
pub fn module(device: &wgpu::Device, name: &str) -> wgpu::ShaderModule {
    let descriptor =
        wgpu::ShaderModuleDescriptor { label: Some(name), source: wgpu::ShaderSource::Wgsl(source(name).into()) };
    let checks = wgpu::ShaderRuntimeChecks { force_loop_bounding: false, ..wgpu::ShaderRuntimeChecks::checked() };
    // SAFETY: only what is embedded here gets this far, and its loops end: they count up or down to a bound that they do
    // not change, or follow lists that kernels link anew each time, one entry a node.
    unsafe { device.create_shader_module_trusted(descriptor, checks) }
}

/// The source of the module called `name`; empty, and so refused by the device, if there is none.
pub fn source(name: &str) -> &'static str {
    ALL.iter().find(|(file, _)| *file == name).map_or("", |(_, source)| source)
}
