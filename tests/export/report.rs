//! Reports: pages that are well-formed, need nothing beside them, and say what `stats` says.

use std::sync::Arc;

use tensorscope::analysis::stats::{self, Scope};
use tensorscope::analysis::watch::Watch;
use tensorscope::app::png::encode_png;
use tensorscope::export::report::{Picture, Report};
use tensorscope::state::Action;
use tensorscope::trace::{Severity, Trace, Track};
use tensorscope::units;
use tensorscope::views::theme;

use super::{FIXTURES, fixture_run, tensorscope};
use crate::workspace::Session;

fn page(trace: Arc<Trace>, name: &str, pictures: Vec<Picture>) -> String {
    let mut out = Vec::new();
    let report = Report { trace, name: name.to_owned(), pictures, without_pictures: None };
    report.write(&mut out, Watch::nobody()).unwrap();
    String::from_utf8(out).unwrap()
}

/// Fails unless every tag is closed in its order, attributes are quoted, and no text holds markup. Gives the names of
/// the elements, and the attributes.
fn parse(page: &str) -> (Vec<String>, Vec<(String, String)>) {
    let (mut open, mut elements, mut attributes) = (Vec::new(), Vec::new(), Vec::new());
    let mut rest = page.strip_prefix("<!DOCTYPE html>").unwrap();
    while let Some(at) = rest.find('<') {
        let text = &rest[..at];
        assert!(!text.contains('>') || open.last() == Some(&"style"), "markup in text: {text}");
        let end = rest[at..].find('>').map(|end| at + end).unwrap();
        let tag = &rest[at + 1..end];
        rest = &rest[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "closed in its order");
            continue;
        }
        let (inner, alone) = tag.strip_suffix('/').map_or((tag, false), |inner| (inner, true));
        let (name, mut list) = inner.split_once(char::is_whitespace).unwrap_or((inner, ""));
        assert!(name.chars().all(|c| c.is_ascii_alphanumeric()), "{tag}");
        elements.push(name.to_owned());
        if !alone {
            open.push(name);
        }
        while !list.trim().is_empty() {
            let (attribute, after) = list.trim_start().split_once("=\"").unwrap_or_else(|| panic!("{tag}"));
            let (value, after) = after.split_once('"').unwrap();
            attributes.push((attribute.to_owned(), value.to_owned()));
            list = after;
        }
    }
    assert_eq!(open, [] as [&str; 0]);
    (elements, attributes)
}

fn needs_nothing(page: &str, attributes: &[(String, String)]) {
    for (name, value) in attributes {
        assert!(name != "href" && !name.starts_with("on"), "{name}={value}");
        assert!(name != "src" || value.starts_with("data:image/png;base64,"), "{value:.60}");
        assert!(!value.contains("url("), "{value:.60}");
    }
    for word in ["http:", "https:", "@import", "url(", "<script", "<link", "<iframe"] {
        assert!(!page.contains(word), "{word}");
    }
}

#[test]
fn reports_of_the_bundled_runs_say_what_stats_says() {
    let picture = Picture {
        title: "a picture".to_owned(),
        alt: "two pixels".to_owned(),
        png: encode_png([2, 1], 8, &[255, 0, 0, 255, 0, 0, 255, 255]).unwrap(),
    };
    for name in FIXTURES {
        let trace = fixture_run(name).trace;
        let never = std::sync::atomic::AtomicBool::new(false);
        let run = stats::run(&trace, Scope::default(), &never).unwrap();
        let page = page(trace.clone(), name, vec![picture.clone()]);
        let (elements, attributes) = parse(&page);
        needs_nothing(&page, &attributes);
        let figures = [
            units::duration(run.duration_ns.unwrap()),
            units::bytes(run.working_set_disk_bytes),
            units::bytes(run.touched_disk_bytes),
            units::count(run.accesses),
            format!("{:.1} %", run.disk_share.unwrap() * 100.0),
            units::decimal(run.generate.tokens_per_second.unwrap()),
        ];
        for figure in figures {
            assert!(page.contains(&format!(">{figure}<")), "{name}: {figure}");
        }
        let count = |element: &str| elements.iter().filter(|name| *name == element).count();
        assert_eq!(count("img"), 1);
        assert!(count("svg") >= 10, "{name}: {} charts", count("svg"));
        let has_experts = trace.meta.model.experts.is_some_and(|experts| experts > 0);
        assert_eq!(page.contains("<h2>Experts</h2>"), has_experts, "{name}");
        let model = trace.meta.model.architecture.as_deref().unwrap();
        assert!(page.contains(model) && page.contains(trace.meta.llama_cpp_version.as_deref().unwrap()));
        for layer in stats::layers(&trace, Scope::default(), &never).unwrap() {
            assert!(page.contains(&units::duration(layer.duration_ns.unwrap())), "{name}: {:?}", layer.layer);
        }
    }
}

#[test]
fn charts_have_the_colours_of_the_window() {
    let page = page(Arc::new(super::run::small()), "run", Vec::new());
    let dark = page.split("prefers-color-scheme: dark").nth(1).unwrap();
    let [weights, kv, compute] = theme::MEMORY;
    for (class, color) in [
        ("disk", theme::track(Track::Disk)),
        ("buffer", theme::track(Track::Buffer)),
        ("weights", weights.1),
        ("kv", kv.1),
        ("compute", compute.1),
        ("time", theme::TIME),
        ("count", theme::COUNT),
        ("experts", theme::EXPERTS),
    ] {
        let rule = page.split(&format!("\n.{class} {{ --color: var(--")).nth(1).unwrap();
        let variable = rule.split(')').next().unwrap();
        let [red, green, blue, _] = color.to_array();
        assert!(dark.contains(&format!("--{variable}: #{red:02x}{green:02x}{blue:02x};")), "{class}");
    }
}

#[test]
fn names_below_charts_have_room() {
    for name in FIXTURES {
        let page = page(fixture_run(name).trace, name, Vec::new());
        let mut seen = 0;
        for svg in page.split("<svg").skip(1) {
            let mut end = 0.0;
            for text in svg.split("<text x=\"").skip(1) {
                let Some((place, said)) = text.split_once("\" text-anchor=\"middle\">") else { continue };
                let (x, said) = (place.split('"').next().unwrap(), said.split('<').next().unwrap());
                let (x, half) = (x.parse::<f64>().unwrap(), 3.0 * said.chars().count() as f64);
                assert!(x - half > end && x + half <= 1060.0, "{name}: {said} at {x}");
                assert!(!said.contains(".0"), "{name}: {said}");
                end = x + half + 4.0;
                seen += 1;
            }
        }
        assert!(seen > 50, "{name}: {seen}");
    }
}

#[test]
fn names_from_files_stay_text() {
    let evil = "</title><script>alert(1)</script>\" onload='x' & \u{1}\u{202e}";
    let mut trace = (*fixture_run("moe-128x48").trace).clone();
    trace.meta.source = evil.to_owned();
    trace.meta.mode = evil.to_owned();
    trace.meta.notes = vec![evil.to_owned()];
    trace.meta.producer = Some(evil.to_owned());
    trace.meta.model.name = Some(evil.to_owned());
    trace.meta.model.parameters.push((evil.to_owned(), evil.to_owned()));
    trace.meta.model.files[0].name = evil.to_owned();
    for name in &mut trace.meta.op_names {
        name.push_str(evil);
    }
    for tensor in &mut trace.tensors {
        tensor.name.push_str(evil);
        tensor.category.push_str(evil);
    }
    for pass in &mut trace.passes {
        pass.text = Some(evil.to_owned());
    }
    trace.health.report("evil", Severity::Warning, 1, evil, || evil.to_owned());
    let page = page(Arc::new(trace), evil, Vec::new());
    let (elements, attributes) = parse(&page);
    assert!(!elements.iter().any(|name| name == "script"));
    needs_nothing(&page, &attributes);
    assert!(page.matches("&lt;script&gt;alert(1)").count() > 50);
}

#[test]
fn runs_without_times_places_or_ops_have_reports() {
    let nothing = Trace { ops: Default::default(), ..super::run::small() };
    for trace in [nothing, super::run::small(), crate::table::run::random(5, 300)] {
        let page = page(Arc::new(trace), "run", Vec::new());
        let (_, attributes) = parse(&page);
        needs_nothing(&page, &attributes);
        assert!(!page.contains("NaN") && !page.contains("inf\""));
    }
}

#[test]
fn command_and_window_write_the_same_page_with_pictures() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("command.html");
    let run = super::fixture("smollm2-135m");
    let output = tensorscope(&["report", run.to_str().unwrap(), "-o", path.to_str().unwrap()]);
    assert!(output.status.success(), "{output:?}");
    let page = std::fs::read_to_string(&path).unwrap();
    let (elements, attributes) = parse(&page);
    needs_nothing(&page, &attributes);
    assert_eq!(elements.iter().filter(|name| *name == "img").count(), 3);
    let mut session = Session::new();
    let other = folder.path().join("window.html");
    session.act(Action::WriteReport { path: other.clone() });
    assert_eq!(session.scene.problem(), None);
    assert!(session.scene.notice().unwrap().starts_with("wrote 1 report to "));
    assert!(std::fs::read_to_string(&other).unwrap() == page, "the same run, the same page");
    let output = tensorscope(&["report", run.to_str().unwrap(), "-o", "/nowhere/x.html"]);
    assert_eq!(output.status.code(), Some(1));
}
