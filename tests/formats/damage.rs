//! Whatever the bytes are, readers come back: with an error, or with what can be read and its faults.

use crate::sources::gguf::small_model;
use proptest::prelude::*;
use std::path::Path;
use tensorscope::formats::error::ReadError;
use tensorscope::formats::{buffers, dot, gguf, graph_json, memory_map};
use tensorscope::trace::raw::{Fault, RawGraph, RawModel};

/// A reader with a sample of what it reads. It gives back what must hold of a good reading, as a truth.
struct Case {
    name: &'static str,
    sample: Vec<u8>,
    read: fn(&[u8]) -> Result<bool, ReadError>,
}

fn faults_hold(faults: &[Fault]) -> bool {
    let codes: std::collections::HashSet<_> = faults.iter().map(|fault| fault.code).collect();
    codes.len() == faults.len() && faults.iter().all(|fault| fault.count > 0 && !fault.example.is_empty())
}

fn graph_holds(graph: &RawGraph, faults: &[Fault]) -> bool {
    let nodes = graph.nodes.len();
    faults_hold(faults)
        && graph.edges.iter().all(|edge| (edge.source as usize) < nodes && (edge.target as usize) < nodes)
        && graph.nodes.iter().all(|node| node.shape.len() <= 4)
}

fn model_holds(model: &RawModel, faults: &[Fault]) -> bool {
    let in_order = model.tensors.is_sorted_by_key(|tensor| (tensor.file, tensor.offset));
    faults_hold(faults)
        && in_order
        && model.tensors.iter().all(|tensor| {
            tensor.offset.checked_add(tensor.bytes).is_some()
                && (tensor.file as usize) < model.files.len()
                && tensor.shape.len() <= 4
                && tensor.experts.is_none_or(|n| tensor.shape.last() == Some(&u64::from(n)))
        })
}

fn cases() -> Vec<Case> {
    vec![
        Case {
            name: "gguf",
            sample: small_model().file(),
            read: |bytes| {
                let (header, mut faults) = gguf::read_header(bytes, Path::new("damaged"), bytes.len() as u64)?;
                let (model, more) = gguf::to_model(&[header]);
                faults.extend(more);
                Ok(model_holds(&model, &faults))
            },
        },
        Case {
            name: "dot",
            sample: super::dot::small_graph().into_bytes(),
            read: |bytes| dot::read(bytes, Path::new("damaged")).map(|(graph, faults)| graph_holds(&graph, &faults)),
        },
        Case {
            name: "graph_json",
            sample: super::graph_json::SMALL.into(),
            read: |bytes| {
                graph_json::read(bytes, Path::new("damaged")).map(|(graph, faults)| graph_holds(&graph, &faults))
            },
        },
        Case {
            name: "memory_map",
            sample: super::memory_map::small_map().into_bytes(),
            read: |bytes| {
                memory_map::read(bytes, Path::new("damaged")).map(|(model, faults)| model_holds(&model, &faults))
            },
        },
        Case {
            name: "buffer_stats",
            sample: super::buffers::STATS.into(),
            read: |bytes| buffers::read_stats(bytes, Path::new("damaged")).map(|(_, faults)| faults_hold(&faults)),
        },
        Case {
            name: "buffer_timeline",
            sample: super::buffers::TIMELINE.into(),
            read: |bytes| buffers::read_timeline(bytes, Path::new("damaged")).map(|(_, faults)| faults_hold(&faults)),
        },
    ]
}

/// A reading holds what it promises; an error is one line that names the file and a byte inside of it.
fn survives(case: &Case, bytes: &[u8]) -> Result<(), TestCaseError> {
    match (case.read)(bytes) {
        Ok(holds) => prop_assert!(holds, "{} read something that does not hold", case.name),
        Err(error) => {
            let text = error.to_string();
            prop_assert!(text.starts_with("damaged: ") && !text.contains('\n'), "{}: {text}", case.name);
            if let ReadError::Malformed { byte, .. } = error {
                prop_assert!(byte <= bytes.len() as u64, "{}: byte {byte} of {}", case.name, bytes.len());
            }
        }
    }
    Ok(())
}

#[test]
fn samples_are_good() {
    for case in cases() {
        assert!((case.read)(&case.sample).unwrap(), "{}", case.name);
    }
}

#[test]
fn files_cut_at_any_byte_are_survived() {
    for case in cases() {
        for len in 0..case.sample.len() {
            survives(&case, &case.sample[..len]).unwrap();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn flipped_bytes_are_survived(flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12)) {
        for case in cases() {
            let mut bytes = case.sample.clone();
            for (at, byte) in &flips {
                let at = at.index(bytes.len());
                bytes[at] = *byte;
            }
            survives(&case, &bytes)?;
        }
    }

    #[test]
    fn spliced_parts_are_survived(
        from in any::<prop::sample::Index>(), to in any::<prop::sample::Index>(), len in 0_usize..300,
    ) {
        for case in cases() {
            let from = from.index(case.sample.len());
            let part = case.sample[from..case.sample.len().min(from + len)].to_vec();
            let to = to.index(case.sample.len());
            let mut bytes = case.sample.clone();
            bytes.splice(to..to, part);
            survives(&case, &bytes)?;
        }
    }

    #[test]
    fn random_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        for case in cases() {
            survives(&case, &bytes)?;
        }
    }

    /// Any eight bytes may be a count, an offset or a size.
    #[test]
    fn huge_numbers_anywhere_are_survived(at in any::<prop::sample::Index>(), number in prop::sample::select(vec![
        u64::MAX, u64::MAX - 31, i64::MAX as u64, 1 << 62, 1 << 48, 1 << 36, 1 << 31, u64::from(u32::MAX),
    ])) {
        let case = &cases()[0];
        let mut bytes = case.sample.clone();
        let at = at.index(bytes.len() - 8);
        bytes[at..at + 8].copy_from_slice(&number.to_le_bytes());
        survives(case, &bytes)?;
    }

    /// Texts have their numbers in digits.
    #[test]
    fn huge_numbers_in_texts_are_survived(at in any::<prop::sample::Index>(), number in prop::sample::select(vec![
        "18446744073709551615", "18446744073709551616", "-1", "1e400", "1.5", "99999999999999999999999999", "null",
    ])) {
        for case in &cases()[1..] {
            let digits: Vec<usize> = (0..case.sample.len()).filter(|&at| case.sample[at].is_ascii_digit()).collect();
            let at = digits[at.index(digits.len())];
            let mut bytes = case.sample.clone();
            bytes.splice(at..=at, number.bytes());
            survives(case, &bytes)?;
        }
    }
}
