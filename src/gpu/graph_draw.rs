//! Paints a graph: edges, nodes over them, what is marked on top. Shapes where one can see them, points and plain lines
//! where one cannot.

use std::num::NonZeroU64;
use std::ops::Range;

use bytemuck::{Pod, Zeroable};

use crate::gpu::{Gpu, GpuError, shaders};
use crate::kernel_io::graph_view::{
    EDGE_HIDDEN, EDGE_HIGHLIGHTED, EdgeStyle, GraphCamera, GraphLook, NODE_HIDDEN, NODE_HOVERED, NODE_PINNED,
    NODE_SELECTED, NodeStyle,
};

/// What `paint` draws onto.
pub const TARGET_FORMAT: wgpu::TextureFormat = wgpu::TextureFormat::Rgba8Unorm;
/// Nodes whose mean radius is below this are points.
const POINT_RADIUS_PX: f32 = 1.0;
/// With more edges than this and nodes of a smaller radius than that, they are plain lines without dashes.
const PLAIN_LINES_ABOVE_EDGES: u32 = 10_000;
const PLAIN_LINES_RADIUS_PX: f32 = 3.0;
/// With more edges than this all of them become fainter, in proportion, down to `LEAST_EDGE_ALPHA`.
const THIN_ABOVE_EDGES: f32 = 20_000.0;
const LEAST_EDGE_ALPHA: f32 = 0.1;
/// Arrow heads show from this mean node radius on, and grow with it up to a length.
const ARROW_RADIUS_PX: f32 = 6.0;
const LONGEST_ARROW_PX: f32 = 12.0;

/// What a picture's shaders read. Mirrored in `graph_draw.wgsl`.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable)]
pub struct View {
    pub center: [f32; 2],
    pub viewport_px: [f32; 2],
    pub scale: f32,
    pub edge_alpha: f32,
    pub dimmed_alpha: f32,
    pub edge_fade_px: f32,
    pub arrow_px: f32,
    pub selected_ring: u32,
    pub hovered_ring: u32,
    pub padding: u32,
}

const VIEW_BYTES: u64 = size_of::<View>() as u64;

/// The pipelines; one serves all graphs.
pub struct GraphDraw {
    layout: wgpu::BindGroupLayout,
    nodes: wgpu::RenderPipeline,
    points: wgpu::RenderPipeline,
    edges: wgpu::RenderPipeline,
    thin_edges: wgpu::RenderPipeline,
    lines: wgpu::RenderPipeline,
}

/// One graph's buffers. Positions belong to the layout and may move without anything done here.
pub struct GraphScene {
    node_count: usize,
    edges: Vec<[u32; 2]>,
    node_styles: wgpu::Buffer,
    edge_styles: wgpu::Buffer,
    node_order: wgpu::Buffer,
    edge_order: wgpu::Buffer,
    view: wgpu::Buffer,
    bindings: wgpu::BindGroup,
    /// Entries of the order lists that are painted; the marked nodes are the last of them.
    shown_nodes: u32,
    marked_nodes: u32,
    shown_edges: u32,
    /// The last of the shown edges: highlighted ones and self-loops, which only quads can paint.
    wide_edges: u32,
    mean_radius: f32,
}

impl GraphScene {
    /// A graph whose nodes lie at `positions` (`array<vec2<f32>>`, usage `STORAGE`, one per node or more), with
    /// `edges` as (from, to). Edges that name no node are left out. Fails if a buffer exceeds a storage binding.
    pub fn new(
        gpu: &Gpu,
        draw: &GraphDraw,
        positions: &wgpu::Buffer,
        edges: &[[u32; 2]],
        node_styles: &[NodeStyle],
        edge_styles: &[EdgeStyle],
    ) -> Result<Self, GpuError> {
        let node_count = node_styles.len().min((positions.size() / 8) as usize);
        let edge_buffer = storage(gpu, "graph edges", edges.len(), size_of::<[u32; 2]>())?;
        gpu.queue.write_buffer(&edge_buffer, 0, bytemuck::cast_slice(edges));
        let node_style_buffer = storage(gpu, "graph node styles", node_count, size_of::<NodeStyle>())?;
        let edge_style_buffer = storage(gpu, "graph edge styles", edges.len(), size_of::<EdgeStyle>())?;
        let node_order = storage(gpu, "graph node order", node_count, size_of::<u32>())?;
        let edge_order = storage(gpu, "graph edge order", edges.len(), size_of::<u32>())?;
        let view = gpu.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("graph view"),
            size: VIEW_BYTES,
            usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let buffers =
            [&view, positions, &node_style_buffer, &edge_buffer, &edge_style_buffer, &node_order, &edge_order];
        let entries: Vec<_> = buffers
            .iter()
            .zip(0..)
            .map(|(buffer, binding)| wgpu::BindGroupEntry { binding, resource: buffer.as_entire_binding() })
            .collect();
        let bindings = gpu.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some("graph"),
            layout: &draw.layout,
            entries: &entries,
        });
        let mut scene = Self {
            node_count,
            edges: edges.to_vec(),
            node_styles: node_style_buffer,
            edge_styles: edge_style_buffer,
            node_order,
            edge_order,
            view,
            bindings,
            shown_nodes: 0,
            marked_nodes: 0,
            shown_edges: 0,
            wide_edges: 0,
            mean_radius: 1.0,
        };
        scene.set_node_styles(gpu, node_styles);
        scene.set_edge_styles(gpu, edge_styles);
        gpu.check()?;
        Ok(scene)
    }

    /// Replaces all node styles; nodes without one are hidden.
    pub fn set_node_styles(&mut self, gpu: &Gpu, styles: &[NodeStyle]) {
        let styles = &styles[..styles.len().min(self.node_count)];
        let marked = |style: &NodeStyle| style.flags & (NODE_SELECTED | NODE_HOVERED | NODE_PINNED) != 0;
        let order = paint_order(styles.iter().map(|style| (style.flags & NODE_HIDDEN == 0, marked(style))));
        let shown = || styles.iter().filter(|style| style.flags & NODE_HIDDEN == 0);
        self.shown_nodes = order.len() as u32;
        self.marked_nodes = shown().filter(|style| marked(style)).count() as u32;
        self.mean_radius = shown().map(|style| style.radius).sum::<f32>() / order.len().max(1) as f32;
        gpu.queue.write_buffer(&self.node_styles, 0, bytemuck::cast_slice(styles));
        gpu.queue.write_buffer(&self.node_order, 0, bytemuck::cast_slice(&order));
    }

    /// Replaces all edge styles; edges without one are hidden.
    pub fn set_edge_styles(&mut self, gpu: &Gpu, styles: &[EdgeStyle]) {
        let styles = &styles[..styles.len().min(self.edges.len())];
        let entries: Vec<(bool, bool)> = styles
            .iter()
            .zip(&self.edges)
            .map(|(style, &[from, to])| {
                let exists = from.max(to) < self.node_count as u32;
                (exists && style.flags & EDGE_HIDDEN == 0, from == to || style.flags & EDGE_HIGHLIGHTED != 0)
            })
            .collect();
        let order = paint_order(entries.iter().copied());
        self.shown_edges = order.len() as u32;
        self.wide_edges = entries.iter().filter(|&&(shown, wide)| shown && wide).count() as u32;
        gpu.queue.write_buffer(&self.edge_styles, 0, bytemuck::cast_slice(styles));
        gpu.queue.write_buffer(&self.edge_order, 0, bytemuck::cast_slice(&order));
    }

    fn view(&self, camera: &GraphCamera, look: &GraphLook) -> View {
        let radius_px = self.mean_radius * camera.scale;
        View {
            center: camera.center,
            viewport_px: camera.viewport_px.map(|side| side.max(1.0)),
            scale: camera.scale,
            edge_alpha: (THIN_ABOVE_EDGES / self.shown_edges as f32).clamp(LEAST_EDGE_ALPHA, 1.0),
            dimmed_alpha: look.dimmed_alpha,
            edge_fade_px: look.edge_fade_units * camera.scale,
            arrow_px: if radius_px < ARROW_RADIUS_PX { 0.0 } else { radius_px.min(LONGEST_ARROW_PX) },
            selected_ring: look.selected_ring,
            hovered_ring: look.hovered_ring,
            padding: 0,
        }
    }
}

/// Indices of the shown entries, marked ones last. Takes (shown, marked) of each.
fn paint_order(entries: impl Iterator<Item = (bool, bool)>) -> Vec<u32> {
    let mut order = Vec::new();
    let mut last = Vec::new();
    for (index, (shown, marked)) in (0u32..).zip(entries) {
        if shown {
            if marked { last.push(index) } else { order.push(index) }
        }
    }
    order.append(&mut last);
    order
}

impl GraphDraw {
    pub fn new(gpu: &Gpu) -> Result<Self, GpuError> {
        let layout = bind_group_layout(&gpu.device);
        let module = shaders::module(&gpu.device, "graph_draw.wgsl");
        let pipeline = |vertex, fragment, topology| pipeline(&gpu.device, &layout, &module, vertex, fragment, topology);
        let nodes = pipeline("node_vertex", "node_fragment", wgpu::PrimitiveTopology::TriangleList);
        let points = pipeline("point_vertex", "flat_fragment", wgpu::PrimitiveTopology::PointList);
        let edges = pipeline("edge_vertex", "edge_fragment", wgpu::PrimitiveTopology::TriangleList);
        let thin_edges = pipeline("thin_edge_vertex", "thin_edge_fragment", wgpu::PrimitiveTopology::LineList);
        let lines = pipeline("line_vertex", "flat_fragment", wgpu::PrimitiveTopology::LineList);
        gpu.check()?;
        Ok(Self { layout, nodes, points, edges, thin_edges, lines })
    }

    /// Records a pass that clears `target` (`TARGET_FORMAT`, of the camera's viewport) and paints the scene onto it.
    /// May be called several times with one encoder.
    pub fn paint(
        &self,
        gpu: &Gpu,
        encoder: &mut wgpu::CommandEncoder,
        target: &wgpu::TextureView,
        scene: &GraphScene,
        camera: &GraphCamera,
        look: &GraphLook,
    ) {
        let view = scene.view(camera, look);
        // Copied in the encoder's order: a queue write would give all its passes the last camera.
        let staging = gpu.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("graph view upload"),
            size: VIEW_BYTES,
            usage: wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        gpu.queue.write_buffer(&staging, 0, bytemuck::bytes_of(&view));
        encoder.copy_buffer_to_buffer(&staging, 0, &scene.view, 0, VIEW_BYTES);

        let [red, green, blue, alpha] = look.background.to_le_bytes().map(|channel| f64::from(channel) / 255.0);
        let clear = wgpu::Color { r: red * alpha, g: green * alpha, b: blue * alpha, a: alpha };
        let mut pass = encoder.begin_render_pass(&wgpu::RenderPassDescriptor {
            label: Some("graph"),
            color_attachments: &[Some(wgpu::RenderPassColorAttachment {
                view: target,
                depth_slice: None,
                resolve_target: None,
                ops: wgpu::Operations { load: wgpu::LoadOp::Clear(clear), store: wgpu::StoreOp::Store },
            })],
            ..Default::default()
        });
        pass.set_bind_group(0, &scene.bindings, &[]);
        let radius_px = scene.mean_radius * camera.scale;
        let thin_edges = scene.shown_edges - scene.wide_edges;
        let mut quads_from = thin_edges;
        if thin_edges > PLAIN_LINES_ABOVE_EDGES && radius_px < PLAIN_LINES_RADIUS_PX {
            pass.set_pipeline(&self.lines);
            pass.draw(0..2 * thin_edges, 0..1);
        } else if view.arrow_px == 0.0 {
            pass.set_pipeline(&self.thin_edges);
            pass.draw(0..4 * thin_edges, 0..1);
        } else {
            quads_from = 0;
        }
        pass.set_pipeline(&self.edges);
        pass.draw(quads(quads_from..scene.shown_edges), 0..1);
        let unmarked = scene.shown_nodes - scene.marked_nodes;
        if radius_px < POINT_RADIUS_PX {
            pass.set_pipeline(&self.points);
            pass.draw(0..unmarked, 0..1);
            pass.set_pipeline(&self.nodes);
            pass.draw(quads(unmarked..scene.shown_nodes), 0..1);
        } else {
            pass.set_pipeline(&self.nodes);
            pass.draw(quads(0..scene.shown_nodes), 0..1);
        }
    }
}

/// The vertices of these entries' quads. One draw of many vertices: an instance each costs the software adapter more.
fn quads(entries: Range<u32>) -> Range<u32> {
    6 * entries.start..6 * entries.end
}

fn storage(gpu: &Gpu, what: &'static str, items: usize, item_bytes: usize) -> Result<wgpu::Buffer, GpuError> {
    let needed = (items.max(1) as u64).saturating_mul(item_bytes as u64);
    let allowed = gpu.device.limits().max_storage_buffer_binding_size;
    if needed > allowed {
        return Err(GpuError::TooLarge { what, needed, allowed });
    }
    Ok(gpu.device.create_buffer(&wgpu::BufferDescriptor {
        label: Some(what),
        size: needed,
        usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST,
        mapped_at_creation: false,
    }))
}

fn bind_group_layout(device: &wgpu::Device) -> wgpu::BindGroupLayout {
    let entry = |binding, ty, bytes| wgpu::BindGroupLayoutEntry {
        binding,
        visibility: wgpu::ShaderStages::VERTEX_FRAGMENT,
        ty: wgpu::BindingType::Buffer { ty, has_dynamic_offset: false, min_binding_size: NonZeroU64::new(bytes) },
        count: None,
    };
    let storage = wgpu::BufferBindingType::Storage { read_only: true };
    device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
        label: Some("graph"),
        entries: &[
            entry(0, wgpu::BufferBindingType::Uniform, VIEW_BYTES),
            entry(1, storage, 8),
            entry(2, storage, size_of::<NodeStyle>() as u64),
            entry(3, storage, 8),
            entry(4, storage, size_of::<EdgeStyle>() as u64),
            entry(5, storage, 4),
            entry(6, storage, 4),
        ],
    })
}

fn pipeline(
    device: &wgpu::Device,
    layout: &wgpu::BindGroupLayout,
    module: &wgpu::ShaderModule,
    vertex: &str,
    fragment: &str,
    topology: wgpu::PrimitiveTopology,
) -> wgpu::RenderPipeline {
    let layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
        label: Some("graph"),
        bind_group_layouts: &[Some(layout)],
        immediate_size: 0,
    });
    device.create_render_pipeline(&wgpu::RenderPipelineDescriptor {
        label: Some(vertex),
        layout: Some(&layout),
        vertex: wgpu::VertexState {
            module,
            entry_point: Some(vertex),
            compilation_options: wgpu::PipelineCompilationOptions::default(),
            buffers: &[],
        },
        primitive: wgpu::PrimitiveState { topology, ..Default::default() },
        depth_stencil: None,
        multisample: wgpu::MultisampleState::default(),
        fragment: Some(wgpu::FragmentState {
            module,
            entry_point: Some(fragment),
            compilation_options: wgpu::PipelineCompilationOptions::default(),
            targets: &[Some(wgpu::ColorTargetState {
                format: TARGET_FORMAT,
                blend: Some(wgpu::BlendState::PREMULTIPLIED_ALPHA_BLENDING),
                write_mask: wgpu::ColorWrites::ALL,
            })],
        }),
        multiview_mask: None,
        cache: None,
    })
}
