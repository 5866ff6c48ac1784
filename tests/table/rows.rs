//! Filter, sort and groups against what they mean, said as plainly as possible.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;

use proptest::prelude::*;
use regex::RegexBuilder;
use tensorscope::analysis::filter::{Condition, Filter, Region, TensorRef, Value};
use tensorscope::analysis::table_columns::{Column, natural};
use tensorscope::analysis::table_rows::{RowsAnswer, RowsQuery, SortKey};
use tensorscope::trace::tracks::{Order, TrackLayout};
use tensorscope::trace::{DESTINATION_SLOT, Phase, Trace, Track};

use super::run::random;

fn answer(trace: &Trace, query: &RowsQuery) -> RowsAnswer {
    let track = query.filter.region.map_or(Track::Disk, |region| region.track);
    let layout = TrackLayout::new(trace, track, Order::File);
    query.answer(trace, &layout, &AtomicBool::new(false), |_| ()).unwrap().unwrap()
}

fn ranges(trace: &Trace, op: usize) -> Vec<(usize, bool)> {
    let slot = |access: usize| trace.accesses.slot[access] == DESTINATION_SLOT;
    trace.accesses_of(op).map(|a| (trace.accesses.range[a] as usize, slot(a))).collect()
}

/// All values that an op has in a column: several for operands, experts and tracks.
fn values(trace: &Trace, column: Column, op: usize) -> Vec<Value> {
    let number = |n: Option<u64>| n.map_or(Vec::new(), |n| vec![Value::Number(n)]);
    let text = |t: Option<&str>| t.map_or(Vec::new(), |t| vec![Value::Text(t.to_owned())]);
    let pass = &trace.passes[trace.ops.pass[op] as usize];
    let touched = ranges(trace, op);
    let tensor = |range: usize| &trace.tensors[trace.ranges.tensor[range] as usize];
    match column {
        Column::Index => number(Some(op as u64)),
        Column::Start => number(Some(trace.ops.start_ns[op])),
        Column::Duration => number(trace.ops.duration_ns.get(op)),
        Column::Pass => number(Some(trace.ops.pass[op].into())),
        Column::Token => text(pass.text.as_deref()),
        Column::Phase => text(Some(pass.phase.label())),
        Column::Layer => number(trace.ops.layer.get(op).map(u64::from)),
        Column::Op => text(Some(&trace.meta.op_names[trace.ops.kind[op] as usize])),
        Column::Destination => text(trace.ops.destination.get(op).map(|t| trace.tensors[t as usize].name.trim())),
        Column::Touched => number(Some(touched.iter().map(|(r, _)| trace.ranges.length[*r]).sum())),
        Column::Logged => number(Some(touched.iter().map(|(r, _)| tensor(*r).bytes).sum())),
        Column::Track => {
            let mut labels: Vec<&str> = touched
                .iter()
                .filter(|(r, _)| tensor(*r).home.is_some())
                .map(|(r, _)| tensor(*r).track.label())
                .collect();
            labels.sort_unstable_by(|a, b| b.cmp(a));
            labels.dedup();
            labels.into_iter().map(|label| Value::Text(label.to_owned())).collect()
        }
        Column::Experts => {
            touched.iter().filter_map(|(r, _)| trace.ranges.expert.get(*r)).map(|e| Value::Number(e.into())).collect()
        }
        Column::Operands => {
            let read = touched.iter().filter(|(_, writes)| !writes);
            read.map(|(r, _)| Value::Text(tensor(*r).name.trim().to_owned())).collect()
        }
    }
}

fn holds(condition: &Condition, values: &[Value]) -> bool {
    let texts = || values.iter().filter_map(|v| if let Value::Text(text) = v { Some(text.as_str()) } else { None });
    match condition {
        Condition::Contains(part) => texts().any(|text| text.to_lowercase().contains(&part.trim().to_lowercase())),
        Condition::Matches(pattern) => {
            let regex = RegexBuilder::new(pattern).case_insensitive(true).build().unwrap();
            texts().any(|text| regex.is_match(text))
        }
        Condition::Is(wanted) => match values {
            [] => wanted.contains(&Value::Missing),
            values => values.iter().any(|value| wanted.contains(value)),
        },
        Condition::Between { at_least, at_most } => values.iter().any(|value| match value {
            Value::Number(n) => at_least.is_none_or(|least| *n >= least) && at_most.is_none_or(|most| *n <= most),
            _ => false,
        }),
    }
}

fn lets_through(trace: &Trace, filter: &Filter, phase: Option<Phase>, op: usize) -> bool {
    let text = filter.text.trim().to_lowercase();
    let tensor = |t: u32| trace.tensors[t as usize].name.to_lowercase().contains(&text);
    let in_text = text.is_empty()
        || trace.op_name(op).to_lowercase().contains(&text)
        || trace.ops.destination.get(op).is_some_and(tensor)
        || ranges(trace, op).iter().any(|(r, _)| tensor(trace.ranges.tensor[*r]));
    let layout = filter.region.map(|region| TrackLayout::new(trace, region.track, Order::File));
    let touched = filter.touches.is_none() && filter.region.is_none()
        || ranges(trace, op).iter().any(|(r, _)| {
            let t = trace.ranges.tensor[*r];
            let named = match &filter.touches {
                None => true,
                Some(TensorRef::Number(number)) => *number == t,
                Some(TensorRef::Name(name)) => trace.tensors[t as usize].name == *name,
            };
            let inside = filter.region.zip(layout.as_ref()).is_none_or(|(region, layout)| {
                let start = layout.bases[t as usize].saturating_add(trace.ranges.offset[*r]);
                let tensor = &trace.tensors[t as usize];
                tensor.track == region.track
                    && tensor.home.is_some()
                    && start < region.bytes[1]
                    && start.saturating_add(trace.ranges.length[*r]) > region.bytes[0]
            });
            named && inside
        });
    let of_pass = |wanted: Phase| trace.passes[trace.ops.pass[op] as usize].phase == wanted;
    in_text
        && touched
        && phase.is_none_or(of_pass)
        && filter.region.is_none_or(|region| (region.ops[0]..region.ops[1]).contains(&(op as u32)))
        && Column::ALL.into_iter().all(|column| {
            filter.condition(column).is_none_or(|condition| holds(&condition, &values(trace, column, op)))
        })
}

/// Values by which rows are ordered, less than what is missing.
fn compare(trace: &Trace, column: Column, down: bool, a: u32, b: u32) -> Ordering {
    let key = |op: u32| match column {
        Column::Phase => {
            let phase = trace.passes[trace.ops.pass[op as usize] as usize].phase;
            Some(Value::Number(phase as u64))
        }
        // DISK, then BUFFER, then both.
        Column::Track => {
            let labels = values(trace, column, op as usize);
            let bit = |v: &Value| if *v == Value::Text("DISK".to_owned()) { 1 } else { 2 };
            (!labels.is_empty()).then(|| Value::Number(labels.iter().map(bit).sum()))
        }
        Column::Experts => values(trace, column, op as usize).into_iter().min(),
        _ => values(trace, column, op as usize).into_iter().next(),
    };
    match (key(a), key(b)) {
        (None, None) => Ordering::Equal,
        (None, Some(_)) => Ordering::Greater,
        (Some(_), None) => Ordering::Less,
        (Some(a), Some(b)) => {
            let order = match (a, b) {
                (Value::Number(a), Value::Number(b)) => a.cmp(&b),
                (Value::Text(a), Value::Text(b)) => natural(&a, &b),
                _ => unreachable!("one column, one kind of value"),
            };
            if down { order.reverse() } else { order }
        }
    }
}

fn name_condition() -> impl Strategy<Value = Condition> {
    let name =
        prop::sample::select(vec!["MUL_MAT", "ADD", "blk.2.ffn_up", " the", "prompt", "DISK", "node_7", "nothing"]);
    let value = prop_oneof![name.clone().prop_map(|n| Value::Text(n.to_owned())), Just(Value::Missing)];
    prop_oneof![
        prop::sample::select(vec!["", "d", "BLK", " the", "mat", "zzz"])
            .prop_map(|t| Condition::Contains(t.to_owned())),
        prop::sample::select(vec!["", "^b", "\\d+$", "a|r", "zzz"]).prop_map(|t| Condition::Matches(t.to_owned())),
        prop::collection::vec(value, 0..3).prop_map(Condition::Is),
    ]
}

fn number_condition() -> impl Strategy<Value = Condition> {
    let number = || prop_oneof![0..8_u64, 0..(1_u64 << 41)];
    let value = prop_oneof![(0..8_u64).prop_map(Value::Number), Just(Value::Missing)];
    prop_oneof![
        (prop::option::of(number()), prop::option::of(number()))
            .prop_map(|(at_least, at_most)| Condition::Between { at_least, at_most }),
        prop::collection::vec(value, 0..4).prop_map(Condition::Is),
    ]
}

fn condition() -> impl Strategy<Value = (Column, Condition)> {
    use tensorscope::analysis::table_columns::Measured;
    prop::sample::select(Column::ALL.to_vec()).prop_flat_map(|column| {
        let condition = match column.measured() {
            Measured::Name => name_condition().boxed(),
            _ => number_condition().boxed(),
        };
        (Just(column), condition)
    })
}

fn filter() -> impl Strategy<Value = Filter> {
    let region = ([0..(1_u64 << 41), 0..(1_u64 << 41)], [0..250_u32, 0..250_u32], any::<bool>()).prop_map(
        |(bytes, ops, disk)| {
            let track = if disk { Track::Disk } else { Track::Buffer };
            Region { track, bytes, ops }
        },
    );
    let touches = prop_oneof![
        (0..12_u32).prop_map(TensorRef::Number),
        Just(TensorRef::Name("blk.2.ffn_up".to_owned())),
        Just(TensorRef::Name("gone".to_owned()))
    ];
    let text = prop::sample::select(vec!["", "", "", "blk", "ROPE", "zzz"]);
    (
        text,
        prop::option::weighted(0.2, prop::sample::select(vec!["ADD", "GONE"])),
        prop::option::weighted(0.2, 0..5_u32),
        prop::option::weighted(0.2, 0..8_u32),
        prop::option::weighted(0.2, touches),
        prop::option::weighted(0.2, region),
        prop::collection::vec(condition(), 0..3),
    )
        .prop_map(|(text, kind, layer, pass, touches, region, conditions)| Filter {
            text: text.to_owned(),
            kind: kind.map(str::to_owned),
            layer,
            pass,
            touches,
            region,
            columns: conditions.into_iter().collect(),
            ..Filter::default()
        })
}

fn sort_keys() -> impl Strategy<Value = Vec<SortKey>> {
    let key = (prop::sample::select(Column::ALL.to_vec()), any::<bool>());
    prop::collection::vec(key.prop_map(|(column, down)| SortKey { column, down }), 0..5)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn rows_are_those_that_the_filter_means_in_the_order_that_was_asked_for(
        seed in any::<u64>(), ops in 0..250_usize, filter in filter(),
        phase in prop::option::weighted(0.2, prop::sample::select(Phase::ALL.to_vec())), sort in sort_keys(),
    ) {
        let trace = random(seed, ops);
        let query = RowsQuery { filter: filter.clone(), phase, sort: sort.clone(), group: None };
        let mut expected: Vec<u32> =
            (0..ops).filter(|&op| lets_through(&trace, &filter, phase, op)).map(|op| op as u32).collect();
        expected.sort_by(|&a, &b| {
            sort.iter().map(|key| compare(&trace, key.column, key.down, a, b)).find(|o| o.is_ne()).unwrap_or(Ordering::Equal)
        });
        let rows = answer(&trace, &query).rows;
        prop_assert_eq!(rows.iter().collect::<Vec<_>>(), expected.clone());
        // Every listed op is found where it stands.
        for (row, op) in expected.iter().enumerate() {
            prop_assert_eq!(rows.row_near(*op, !sort.is_empty()), Some(row));
        }
    }

    #[test]
    fn groups_share_a_value_and_add_up(
        seed in any::<u64>(), ops in 0..250_usize, filter in filter(),
        column in prop::sample::select(Column::ALL.into_iter().filter(|c| c.can_group()).collect::<Vec<_>>()),
    ) {
        let trace = random(seed, ops);
        let query = RowsQuery { filter, group: Some(column), ..RowsQuery::default() };
        let RowsAnswer { rows, groups } = answer(&trace, &query);
        let groups = groups.unwrap().groups;
        let mut expected: BTreeMap<Vec<Value>, [u64; 4]> = BTreeMap::new();
        for op in rows.iter().map(|op| op as usize) {
            let sum = |column| match values(&trace, column, op).first() { Some(Value::Number(n)) => *n, _ => 0 };
            let sums = [1, sum(Column::Duration), sum(Column::Touched), sum(Column::Logged)];
            let entry = expected.entry(values(&trace, column, op)).or_default();
            for (total, each) in entry.iter_mut().zip(sums) {
                *total += each;
            }
        }
        let found: BTreeMap<Vec<Value>, [u64; 4]> = groups
            .iter()
            .map(|g| (values(&trace, column, g.first_op as usize), [g.ops, g.time_ns, g.touched_bytes, g.logged_bytes]))
            .collect();
        prop_assert_eq!(found.len(), groups.len(), "two groups share a value");
        prop_assert_eq!(found, expected);
        let before = |a: u32, b: u32| compare(&trace, column, false, a, b) == Ordering::Less;
        let ordered = groups.windows(2).all(|pair| before(pair[0].first_op, pair[1].first_op));
        prop_assert!(ordered);
    }
}

#[test]
fn a_wrong_condition_says_what_is_wrong_with_it() {
    let trace = random(3, 40);
    let layout = TrackLayout::new(&trace, Track::Disk, Order::File);
    let fault = |filter: &Filter| {
        let fault = filter.check().unwrap_err();
        let matching = filter.matching_ops(&trace, None, &layout, &AtomicBool::new(false));
        assert_eq!(matching.unwrap_err(), fault);
        fault.to_string()
    };
    let on = |column, condition| Filter::default().with_condition(column, Some(condition));
    let said = fault(&on(Column::Destination, Condition::Matches("blk.(".to_owned())));
    assert!(said.contains("destination") && said.contains("unclosed group"), "{said}");
    assert!(!said.contains('\n'), "one line: {said}");
    let said = fault(&Filter { text: "[".to_owned(), regex: true, ..Filter::default() });
    assert!(said.contains("names") && said.contains("unclosed character class"), "{said}");
    let said = fault(&on(Column::Duration, Condition::Contains("5".to_owned())));
    assert!(said.contains("duration") && said.contains("numbers, not names"), "{said}");
    let said = fault(&on(Column::Op, Condition::Between { at_least: None, at_most: Some(1) }));
    assert!(said.contains("op") && said.contains("names, not numbers"), "{said}");
    let said = fault(&on(Column::Layer, Condition::Is(vec![Value::Text("five".to_owned())])));
    assert!(said.contains("\"five\" is not a number"), "{said}");
}

#[test]
fn scripts_may_write_filters_as_they_did_and_by_column() {
    let old: Filter = serde_json::from_str(r#"{"text":"attn","kind":"MUL_MAT","layer":3,"track":"disk"}"#).unwrap();
    assert_eq!(old.condition(Column::Layer), Some(Condition::Is(vec![Value::Number(3)])));
    let new: Filter = serde_json::from_str(
        r#"{"regex":true,"text":"q|k","columns":{"op":{"is":["MUL_MAT","ADD"]},"layer":{"is":[1,null]},
            "duration":{"between":{"at_least":1000}},"destination":{"matches":"^Q"},"track":{"is":["DISK only"]}}}"#,
    )
    .unwrap();
    assert_eq!(new.columns.len(), 5);
    assert_eq!(new.columns[&Column::Layer], Condition::Is(vec![Value::Number(1), Value::Missing]));
    assert_eq!(serde_json::from_str::<Filter>(&serde_json::to_string(&new).unwrap()).unwrap(), new);
    assert_eq!(serde_json::to_string(&Filter::default()).unwrap(), "{}");
    assert!(serde_json::from_str::<Filter>(r#"{"columns":{"duration":{"between":{"above":5}}}}"#).is_err());
    // The later word counts, wherever it stands.
    let both = new.with(&old);
    assert_eq!((both.columns.contains_key(&Column::Op), both.kind.as_deref()), (false, Some("MUL_MAT")));
    let back = old.with(&new);
    assert_eq!((back.kind, back.columns.len()), (None, 5));
}

#[test]
fn a_question_that_nobody_waits_for_is_given_up() {
    let trace = random(5, 200);
    let layout = TrackLayout::new(&trace, Track::Disk, Order::File);
    let sort = vec![SortKey { column: Column::Duration, down: true }];
    let filter = Filter { text: "blk".to_owned(), ..Filter::default() };
    for query in [
        RowsQuery { sort, ..RowsQuery::default() },
        RowsQuery { filter, ..RowsQuery::default() },
        RowsQuery { group: Some(Column::Op), ..RowsQuery::default() },
    ] {
        assert_eq!(query.answer(&trace, &layout, &AtomicBool::new(true), |_| ()).unwrap(), None);
    }
}
