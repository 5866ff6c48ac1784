//! A run of three ops with what makes exports difficult: names with quotes, values that are missing, no place.

use tensorscope::trace::*;

fn tensor(name: &str, track: Track, home: Option<u32>, offset: u64, bytes: u64) -> Tensor {
    Tensor {
        name: name.to_owned(),
        dtype: None,
        shape: vec![4, 2],
        bytes,
        track,
        home,
        offset,
        layer: None,
        experts: None,
        category: "attention".to_owned(),
    }
}

pub fn small() -> Trace {
    let pass = |phase, first_op, ops, start_ns, duration_ns, text: Option<&str>| Pass {
        phase,
        first_op,
        ops,
        graph: None,
        start_ns,
        duration_ns,
        reads_disk: 0,
        reads_buffer: 0,
        writes: 0,
        token: None,
        positions: vec![0, 1],
        token_ids: vec![-1, 7],
        text: text.map(str::to_owned),
    };
    Trace {
        meta: RunMeta {
            op_names: ["MUL_MAT", "GET_ROWS"].map(str::to_owned).to_vec(),
            model: Model {
                files: vec![ModelFile { name: "m.gguf".to_owned(), bytes: 4096, data_offset: None }],
                ..Model::default()
            },
            ..RunMeta::default()
        },
        tensors: vec![
            tensor("w \"q\",\n2", Track::Disk, Some(0), 100, 64),
            tensor("cur-0", Track::Buffer, Some(0), 16, 32),
            tensor("nowhere", Track::Buffer, None, 0, 4),
        ],
        ops: Ops {
            start_ns: vec![0, 1500, 5000].into(),
            duration_ns: Nullable::from_sentinel(vec![1500, u64::MAX, 250], u64::MAX),
            pass: vec![0, 0, 1].into(),
            kind: vec![1, 0, 0].into(),
            destination: Nullable::from_sentinel(vec![1, 1, u32::MAX], u32::MAX),
            layer: Nullable::from_sentinel(vec![u32::MAX, 0, 0], u32::MAX),
            thread: Nullable::default(),
            node: Nullable::default(),
            first_access: vec![0, 2, 5].into(),
        },
        ranges: Ranges {
            tensor: vec![0, 1, 0, 2].into(),
            offset: vec![8, 0, 0, 0].into(),
            length: vec![8, 32, 64, 4].into(),
            expert: Nullable::from_sentinel(vec![u32::MAX, u32::MAX, 3, u32::MAX], u32::MAX),
        },
        accesses: Accesses {
            range: vec![0, 1, 1, 2, 1, 3].into(),
            slot: vec![0, DESTINATION_SLOT, 0, 1, DESTINATION_SLOT, 0].into(),
            flags: vec![0, flags::WRITE, 0, flags::ESTIMATED, flags::WRITE, 0].into(),
        },
        passes: vec![pass(Phase::Prompt, 0, 2, 0, 4000, Some("a\n\"")), pass(Phase::Generate, 2, 1, 5000, 250, None)],
        graphs: Vec::new(),
        buffers: vec![Buffer { name: "compute".to_owned(), bytes: 1024, ..Buffer::default() }],
        health: Health::default(),
    }
}
