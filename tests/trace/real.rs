//! True counts of the recorded runs.

use crate::sources::{Folder, health, real};
use std::path::Path;
use tensorscope::analysis::info::{Info, NodeTypes};
use tensorscope::formats::{Progress, open};
use tensorscope::trace::{Category, Trace};

fn opened(path: &Path) -> Trace {
    open(path, &Progress::default()).unwrap()
}

/// Nodes of each category (layer, shared, input, output), edges, and those across layers.
fn layer(trace: &Trace, graph: usize, layer: u32) -> ([usize; 4], usize, usize) {
    let view = trace.graphs[graph].layer_view(layer).unwrap();
    let of = |category: Category| view.nodes.iter().filter(|(_, c)| *c == category).count();
    (Category::ALL.map(of), view.edges.len(), view.edges.iter().filter(|(_, across)| *across).count())
}

#[test]
fn tinyllama() {
    let Some(path) = real("tinyllama-1024") else { return };
    let trace = opened(&path);
    let info = Info::of(&trace);
    let shape = |g: &tensorscope::analysis::info::GraphInfo| (g.nodes, g.edges, g.layers, g.node_types.clone());
    let types = NodeTypes { layer: 550, infrastructure: 388, embedding: 1, output: 1 };
    assert_eq!(
        info.graphs.iter().map(shape).collect::<Vec<_>>(),
        [(940, 1157, 22, types.clone()), (940, 1157, 22, types)]
    );
    assert_eq!((info.ops, info.phases.prompt, info.phases.generate), (850, 425, 425));
    assert_eq!((info.tensors.model, info.leafs), (201, 251));
    assert_eq!(health(&trace, "phase_looks_like_warmup"), 1);
    for graph in 0..2 {
        assert_eq!(layer(&trace, graph, 0), ([42, 10, 1, 2], 58, 2));
        for middle in 1..20 {
            assert_eq!(layer(&trace, graph, middle), ([42, 10, 1, 2], 56, 4), "layer {middle}");
        }
        assert_eq!(layer(&trace, graph, 21), ([44, 10, 1, 1], 59, 2));
    }
}

#[test]
fn gpt_oss() {
    let Some(path) = real("gpt-oss-20b") else { return };
    let trace = opened(&path);
    let info = Info::of(&trace);
    assert_eq!((info.graphs[0].nodes, info.graphs[0].edges, info.graphs[0].layers), (1868, 2367, 24));
    assert_eq!((info.ops, info.phases.prompt, info.phases.generate), (1696, 848, 848));
    assert_eq!((info.reads.disk, info.reads.buffer), (870, 2808));
    assert_eq!((info.tensors.model, info.model.experts), (459, Some(32)));
    assert_eq!(health(&trace, "phase_looks_like_warmup"), 1);
    let every: Vec<_> = (0..24).map(|n| layer(&trace, 0, n)).collect();
    assert!(every.iter().all(|([of_layer, ..], edges, _)| *of_layer > 30 && *edges > 40), "{every:?}");
    let sum: usize = every.iter().map(|([of_layer, ..], ..)| of_layer).sum();
    let in_layers = trace.graphs[0].nodes.iter().filter(|n| n.layer.is_some()).count();
    assert_eq!(sum, in_layers);
}

#[test]
fn our_recording() {
    let Some(path) = real("recorded/smollm2-135m") else { return };
    // With the model file at its true length, whose data is a hole.
    let name = "SmolLM2-135M-Instruct.Q4_1.gguf";
    let folder = Folder::new().with(name, std::fs::read(path.join(name)).unwrap());
    std::fs::File::options().write(true).open(folder.path().join(name)).unwrap().set_len(98_362_432).unwrap();
    for file in ["tensor_trace.bin", "graphs/token_00000.dot", "graphs/token_00001.dot"] {
        let to = folder.path().join(file);
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::copy(path.join(file), to).unwrap();
    }
    let trace = folder.open();
    let info = Info::of(&trace);
    assert_eq!((info.ops, info.passes.len(), info.phases.prompt), (18_780, 20, 939));
    assert!(info.passes.iter().all(|p| p.ops == 939 && p.graph == Some(u32::from(p.index > 0))));
    assert_eq!((info.model.file_bytes, info.model.layers), (Some(98_362_432), Some(30)));
    let shape = |g: &tensorscope::analysis::info::GraphInfo| (g.nodes, g.edges, g.layers, g.node_types.clone());
    let types = NodeTypes { layer: 510, infrastructure: 430, embedding: 1, output: 1 };
    assert_eq!(
        info.graphs.iter().map(shape).collect::<Vec<_>>(),
        [(942, 1091, 30, types.clone()), (942, 1091, 30, types)]
    );
    assert_eq!(health(&trace, "phase_looks_like_warmup") + health(&trace, "gguf_past_end"), 0);
    assert_eq!(health(&trace, "weight_offset_mismatch") + health(&trace, "weight_unknown"), 0);
    for graph in 0..2 {
        for n in 1..28 {
            assert_eq!(layer(&trace, graph, n), layer(&trace, graph, 1), "layer {n}");
        }
    }
}
