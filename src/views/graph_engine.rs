//! The engine that lays out the graph of the panel: the kernels, their twin on the CPU, or fdg-sim, behind one face.

use crate::analysis::layout::LayoutCpu;
use crate::analysis::layout_fdg::{LayoutFdg, MOST_NODES as FDG_MOST_NODES};
use crate::gpu::layout::{LayoutGpu, PositionBuffer};
use crate::gpu::{Gpu, GpuError};
use crate::kernel_io::layout::{LayoutEngine, LayoutGraph, LayoutProblem};
use crate::units;

/// Nodes times steps that a frame has time for.
const NODES_TIMES_STEPS: usize = 16_000;
const MOST_STEPS: usize = 40;
/// The same of fdg-sim, for pairs.
const PAIRS_TIMES_STEPS: usize = 2_000_000;

/// A layout on its way to rest. Where it lives in memory of the CPU, positions are brought to the drawing after each turn.
pub struct GraphEngine {
    layout: Layout,
    nodes: usize,
    /// Positions in memory that nobody has taken yet.
    unread: bool,
    /// Why it is not the engine that was asked for.
    pub instead: Option<String>,
}

enum Layout {
    Gpu(LayoutGpu),
    Cpu(LayoutCpu, PositionBuffer),
    Fdg(LayoutFdg, PositionBuffer),
}

impl GraphEngine {
    /// The engine that was asked for or, where it cannot do it, another. Fails where positions do not fit on the GPU.
    pub fn new(gpu: &Gpu, asked: LayoutEngine, graph: &LayoutGraph, problem: LayoutProblem) -> Result<Self, GpuError> {
        let start = problem.start();
        let nodes = start.len();
        let small = nodes <= FDG_MOST_NODES;
        let mut instead = (asked == LayoutEngine::Fdg && !small)
            .then(|| format!("fdg-sim is for graphs of up to {} nodes", units::count(FDG_MOST_NODES as u64)));
        let layout = match asked {
            LayoutEngine::Fdg if small => {
                Layout::Fdg(LayoutFdg::new(graph, start.clone(), None), PositionBuffer::new(gpu, &start)?)
            }
            LayoutEngine::Cpu => Layout::Cpu(LayoutCpu::new(problem), PositionBuffer::new(gpu, &start)?),
            LayoutEngine::Gpu | LayoutEngine::Fdg => match LayoutGpu::new(gpu, problem.clone()) {
                Ok(layout) => Layout::Gpu(layout),
                Err(error) => {
                    instead = Some(error.to_string());
                    Layout::Cpu(LayoutCpu::new(problem), PositionBuffer::new(gpu, &start)?)
                }
            },
        };
        Ok(Self { layout, nodes, unread: false, instead })
    }

    pub fn runs(&self) -> LayoutEngine {
        match &self.layout {
            Layout::Gpu(_) => LayoutEngine::Gpu,
            Layout::Cpu(..) => LayoutEngine::Cpu,
            Layout::Fdg(..) => LayoutEngine::Fdg,
        }
    }

    /// As many steps as a frame has time for.
    pub fn step(&mut self, gpu: &Gpu) {
        let nodes = self.nodes.max(1);
        let steps = (NODES_TIMES_STEPS / nodes).clamp(1, MOST_STEPS);
        match &mut self.layout {
            Layout::Gpu(layout) => layout.step(gpu, steps as u32),
            Layout::Cpu(layout, shown) => {
                for _ in 0..steps {
                    if !layout.at_rest() {
                        layout.step();
                    }
                }
                shown.write(gpu, 0, &layout.positions);
                self.unread = true;
            }
            Layout::Fdg(layout, shown) => {
                for _ in 0..(PAIRS_TIMES_STEPS / (nodes * nodes)).clamp(1, MOST_STEPS) {
                    if !layout.at_rest() {
                        layout.step();
                    }
                }
                shown.write(gpu, 0, &layout.positions());
                self.unread = true;
            }
        }
    }

    /// True when further steps would do nothing.
    pub fn at_rest(&self) -> bool {
        match &self.layout {
            Layout::Gpu(layout) => layout.at_rest(),
            Layout::Cpu(layout, _) => layout.at_rest(),
            Layout::Fdg(layout, _) => layout.at_rest(),
        }
    }

    /// Share of the way to rest, 0 to 1.
    pub fn progress(&self) -> f32 {
        match &self.layout {
            Layout::Gpu(layout) => layout.progress(),
            Layout::Cpu(layout, _) => layout.progress(),
            Layout::Fdg(layout, _) => layout.progress(),
        }
    }

    /// Pins nodes or lets them go; what is around them settles anew.
    pub fn pin(&mut self, gpu: &Gpu, pins: &[(u32, Option<[f32; 2]>)]) {
        match &mut self.layout {
            Layout::Gpu(layout) => layout.pin(gpu, pins),
            Layout::Cpu(layout, shown) => {
                layout.pin(pins);
                shown.write(gpu, 0, &layout.positions);
                self.unread = true;
            }
            Layout::Fdg(layout, shown) => {
                layout.pin(pins);
                shown.write(gpu, 0, &layout.positions());
                self.unread = true;
            }
        }
    }

    /// What the drawing binds.
    pub fn positions(&mut self) -> &mut PositionBuffer {
        match &mut self.layout {
            Layout::Gpu(layout) => layout.positions(),
            Layout::Cpu(_, shown) | Layout::Fdg(_, shown) => shown,
        }
    }

    /// Wants to know where the nodes are by now.
    pub fn ask(&mut self, gpu: &Gpu) {
        if let Layout::Gpu(layout) = &mut self.layout {
            layout.positions().ask(gpu);
        }
    }

    /// Whether positions that were asked for are still on their way.
    pub fn is_asked(&mut self) -> bool {
        self.unread || self.positions().is_asked()
    }

    /// Where the nodes were when they were asked for, once that is known. Never waits.
    pub fn answer(&mut self, gpu: &Gpu) -> Result<Option<Vec<[f32; 2]>>, GpuError> {
        let unread = std::mem::take(&mut self.unread);
        match &mut self.layout {
            Layout::Gpu(layout) => layout.positions().answer(gpu),
            Layout::Cpu(layout, _) => Ok(unread.then(|| layout.positions.clone())),
            Layout::Fdg(layout, _) => Ok(unread.then(|| layout.positions())),
        }
    }
}
