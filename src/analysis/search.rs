//! Search over all of a run that has a name: tensors, ops, nodes, layers and passes, each name once however many ops
//! bear it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};

use regex::{Regex, RegexBuilder};

use crate::trace::{Graph, Trace};

/// Hits of a kind that are listed, the best first; all are counted.
pub const MOST_HITS: usize = 50;
/// Ops between two looks at whether the answer is still wanted.
const STRIDE: usize = 1 << 20;
/// Most bytes that a compiled pattern may take: patterns come from people and scripts.
const MOST_PATTERN_BYTES: usize = 1 << 20;

/// What ops are called, with how many are called so.
#[derive(Debug, Default)]
pub struct SearchIndex {
    /// First op and number of ops by kind of op.
    kinds: Vec<(u32, u32)>,
    /// Destinations of one name: one of the tensors, first op, number of ops; in order of the first op.
    destinations: Vec<(u32, u32, u32)>,
}

/// What a search found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    Tensor(u32),
    /// All ops of a kind, by its number.
    Kind(u32),
    /// All ops that write a tensor of this one's name.
    Destination(u32),
    /// A node of the graph that was searched.
    Node(u32),
    Layer(u32),
    Pass(u32),
}

/// How well a name fits, the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    Exact,
    Prefix,
    /// From the beginning of a word in it.
    Word,
    Substring,
    /// Every word of what was typed, each from the beginning of a word.
    Words,
    /// Every word of what was typed, somewhere.
    Scattered,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hit {
    pub found: Found,
    pub rank: Rank,
    /// Ops that are meant, and the first of them, where ops are.
    pub ops: Option<(u32, u32)>,
}

/// Hits of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hits {
    pub title: &'static str,
    /// All that fit.
    pub count: usize,
    /// The best of them, best first.
    pub best: Vec<Hit>,
}

impl SearchIndex {
    /// `None` once it is cancelled.
    pub fn new(trace: &Trace, cancelled: &AtomicBool) -> Option<Self> {
        let count = trace.op_count();
        let mut kinds = vec![(0, 0); trace.meta.op_names.len()];
        let mut written = vec![(0, 0); trace.tensors.len()];
        let note = |counts: &mut Vec<(u32, u32)>, index: u32, op: usize| {
            if let Some((first, ops)) = counts.get_mut(index as usize) {
                if *ops == 0 {
                    *first = op as u32;
                }
                *ops += 1;
            }
        };
        for op in 0..count {
            if op % STRIDE == 0 && cancelled.load(Ordering::Relaxed) {
                return None;
            }
            if let Some(&kind) = trace.ops.kind.get(op) {
                note(&mut kinds, kind, op);
            }
            if let Some(tensor) = trace.ops.destination.get(op) {
                note(&mut written, tensor, op);
            }
        }
        let mut by_name: HashMap<&str, (u32, u32, u32)> = HashMap::new();
        for ((tensor, index), (first, ops)) in trace.tensors.iter().zip(0_u32..).zip(written) {
            if ops > 0 {
                let entry = by_name.entry(tensor.name.trim()).or_insert((index, first, 0));
                entry.1 = entry.1.min(first);
                entry.2 += ops;
            }
        }
        let mut destinations: Vec<(u32, u32, u32)> = by_name.into_values().collect();
        destinations.sort_unstable_by_key(|&(_, first, _)| first);
        Some(Self { kinds, destinations })
    }

    /// What fits `text` in the run and in its graph number `graph`: by kind, each with the best first. Kinds without a hit
    /// are left out. An error says what is wrong with a pattern; no answer means that it was cancelled.
    pub fn search(
        &self,
        trace: &Trace,
        graph: u32,
        text: &str,
        cancelled: &AtomicBool,
    ) -> Option<Result<Vec<Hits>, String>> {
        let matcher = match Matcher::new(text) {
            Ok(matcher) => matcher?,
            Err(fault) => return Some(Err(fault)),
        };
        let shown = trace.graphs.get(graph as usize);
        let kind_name = |kind: u32| trace.meta.op_names.get(kind as usize).map_or("", String::as_str);
        let name = |tensor: u32| trace.tensors.get(tensor as usize).map_or("", |t| t.name.as_str());
        let tensors = (0_u32..).zip(&trace.tensors).map(|(index, tensor)| {
            let rank = matcher.rank(&tensor.name);
            Hit::of(Found::Tensor(index), rank, None)
        });
        let kinds = (0_u32..)
            .zip(&self.kinds)
            .filter(|(_, (_, ops))| *ops > 0)
            .map(|(kind, &(first, ops))| Hit::of(Found::Kind(kind), matcher.rank(kind_name(kind)), Some((first, ops))));
        let destinations = self.destinations.iter().map(|&(tensor, first, ops)| {
            Hit::of(Found::Destination(tensor), matcher.rank(name(tensor)), Some((first, ops)))
        });
        let nodes = (0_u32..).zip(shown.map_or(&[][..], |graph| &graph.nodes)).map(|(index, node)| {
            let ranks = [&node.label, &node.name].map(|text| matcher.rank(text));
            // What a node does says less of it than what it is called.
            let does = matcher.rank(&node.operation).map(|rank| rank.max(Rank::Substring));
            Hit::of(Found::Node(index), ranks.into_iter().chain([does]).flatten().min(), None)
        });
        let layers = (0..shown.map_or(0, Graph::layers)).map(|layer| {
            let ranks = [layer.to_string(), format!("layer {layer}")].map(|text| matcher.rank(&text));
            Hit::of(Found::Layer(layer), ranks.into_iter().flatten().min(), None)
        });
        let passes = (0_u32..).zip(&trace.passes).map(|(index, pass)| {
            let names = [index.to_string(), format!("pass {index}")];
            let ranks = names.iter().chain(&pass.text).map(|text| matcher.rank(text));
            Hit::of(Found::Pass(index), ranks.flatten().min(), None)
        });
        let groups: [(&'static str, &mut dyn Iterator<Item = Option<Hit>>); 5] = [
            ("Tensors", &mut { tensors }),
            ("Ops", &mut kinds.chain(destinations)),
            ("Nodes", &mut { nodes }),
            ("Layers", &mut { layers }),
            ("Passes", &mut { passes }),
        ];
        let mut answer = Vec::new();
        for (title, hits) in groups {
            let mut found = Vec::new();
            for (index, hit) in hits.enumerate() {
                if index % STRIDE == 0 && cancelled.load(Ordering::Relaxed) {
                    return None;
                }
                found.extend(hit);
            }
            if !found.is_empty() {
                let count = found.len();
                found.sort_by_key(|hit| hit.rank);
                found.truncate(MOST_HITS);
                answer.push(Hits { title, count, best: found });
            }
        }
        Some(Ok(answer))
    }
}

impl Hit {
    fn of(found: Found, rank: Option<Rank>, ops: Option<(u32, u32)>) -> Option<Self> {
        rank.map(|rank| Self { found, rank, ops })
    }
}

/// The next op after `after`, round the end, that `found` means.
pub fn next_op(trace: &Trace, found: Found, after: Option<u32>) -> Option<u32> {
    let name = |tensor: u32| trace.tensors.get(tensor as usize).map(|t| t.name.trim());
    let is = |op: &usize| match found {
        Found::Kind(kind) => trace.ops.kind.get(*op) == Some(&kind),
        Found::Destination(tensor) => {
            let written = trace.ops.destination.get(*op);
            written == Some(tensor) || written.is_some_and(|written| name(written) == name(tensor))
        }
        _ => false,
    };
    let count = trace.op_count();
    let begin = after.map_or(0, |op| op as usize + 1).min(count);
    (begin..count).chain(0..begin).find(is).map(|op| op as u32)
}

/// What was typed, ready to be compared.
enum Matcher {
    /// In lower case, whole and in words.
    Text(String, Vec<String>),
    Pattern(Regex),
}

impl Matcher {
    /// Nothing for an empty text.
    fn new(text: &str) -> Result<Option<Self>, String> {
        let text = text.trim();
        if let Some(pattern) = text.strip_prefix('/') {
            // While it is typed, the last slash is not there yet.
            let pattern = pattern.strip_suffix('/').unwrap_or(pattern);
            if pattern.is_empty() {
                return Ok(None);
            }
            let built = RegexBuilder::new(pattern).case_insensitive(true).size_limit(MOST_PATTERN_BYTES).build();
            return built.map(|regex| Some(Self::Pattern(regex))).map_err(|error| {
                let why = error.to_string();
                let why = why.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
                format!("/{pattern}/ cannot be read: {why}")
            });
        }
        let text = text.to_lowercase();
        let words = text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        Ok((!words.is_empty()).then_some(Self::Text(text, words)))
    }

    fn rank(&self, name: &str) -> Option<Rank> {
        let lower;
        let (name, found) = match self {
            Self::Text(text, words) => {
                lower = name.trim().to_lowercase();
                match lower.find(text.as_str()) {
                    Some(start) => {
                        // A later place may be the beginning of a word.
                        let word = lower.match_indices(text.as_str()).find(|(at, _)| begins_word(&lower, *at));
                        let start = word.map_or(start, |(at, _)| at);
                        (lower.as_str(), start..start + text.len())
                    }
                    None => {
                        let begins = |word: &str| lower.match_indices(word).any(|(at, _)| begins_word(&lower, at));
                        return match words.len() > 1 && words.iter().all(|word| lower.contains(word.as_str())) {
                            true if words.iter().all(|word| begins(word)) => Some(Rank::Words),
                            all => all.then_some(Rank::Scattered),
                        };
                    }
                }
            }
            Self::Pattern(regex) => (name.trim(), regex.find(name.trim())?.range()),
        };
        Some(match (found.start, found.end) {
            (0, end) if end == name.len() => Rank::Exact,
            (0, _) => Rank::Prefix,
            (start, _) if begins_word(name, start) => Rank::Word,
            _ => Rank::Substring,
        })
    }
}

fn begins_word(name: &str, at: usize) -> bool {
    name[..at].chars().next_back().is_none_or(|before| !before.is_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn better_fits_rank_higher() {
        let rank = |text: &str, name: &str| Matcher::new(text).unwrap().unwrap().rank(name);
        assert_eq!(rank("qcur-5", "Qcur-5"), Some(Rank::Exact));
        assert_eq!(rank("qcur", "Qcur-5"), Some(Rank::Prefix));
        assert_eq!(rank("attn_q", "blk.5.attn_q.weight"), Some(Rank::Word));
        assert_eq!(rank("ttn", "blk.5.attn_q.weight"), Some(Rank::Substring));
        assert_eq!(rank("attn_q 5", "blk.5.attn_q.weight"), Some(Rank::Words));
        assert_eq!(rank("attn_q 5", "blk.15.attn_q.weight"), Some(Rank::Scattered));
        assert_eq!(rank("attn_q 6", "blk.5.attn_q.weight"), None);
        assert_eq!(rank("q", "kq.q"), Some(Rank::Word), "a later place is better");
        assert_eq!(rank("/attn_[qk]/", "blk.5.ATTN_K.weight"), Some(Rank::Word));
        assert_eq!(rank("/^blk.*weight$/", "blk.5.attn_q.weight"), Some(Rank::Exact));
        assert_eq!(rank("\u{e9}", "caf\u{c9}"), Some(Rank::Substring), "letters of other alphabets");
        assert!(Matcher::new("  ").unwrap().is_none() && Matcher::new("/").unwrap().is_none());
        assert!(Matcher::new("/(/").err().unwrap().contains("unclosed group"));
    }
}
