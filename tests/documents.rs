//! What the documents say is so: modules, links, keys, actions, options and columns.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use tensorscope::formats::native::Recording;
use tensorscope::state::Action;
use tensorscope::state::reference::{commands, reference};
use tensorscope::trace::{Health, RunMeta};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn text(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Files below `folder` with this extension, relative to the root.
fn files(folder: &str, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == extension) {
                found.push(path.strip_prefix(root()).expect("below the root").to_owned());
            }
        }
    }
    found.sort();
    found
}

/// First and second cell of the rows of the tables in `text`, without the code marks of the first.
fn rows(text: &str) -> Vec<(&str, &str)> {
    let cells = |line: &'_ str| -> Option<(usize, usize)> {
        let inner = line.strip_prefix("| `")?;
        Some((inner.find("` | ")?, inner.len()))
    };
    text.lines()
        .filter_map(|line| {
            let (name, end) = cells(line)?;
            let inner = &line[3..3 + end];
            Some((&inner[..name], inner[name + 4..].split(" |").next()?.trim()))
        })
        .collect()
}

#[test]
fn the_map_of_modules_is_that_of_the_tree() {
    let map = text("ARCHITECTURE.md");
    let mut listed = BTreeSet::new();
    for section in map.split("\n### ").skip(1) {
        let folder = section.split([':', '\n']).next().expect("a folder");
        if !["src/", "models/src", "recorder/src"].iter().any(|sources| folder.starts_with(sources)) {
            continue;
        }
        for (file, line) in rows(section) {
            let path = Path::new(folder).join(file);
            let source = text(&path.to_string_lossy());
            let begins: String = source.lines().map_while(|l| l.strip_prefix("//! ")).collect::<Vec<_>>().join(" ");
            assert!(begins.starts_with(line), "{}: the map says {line:?}, the file {begins:?}", path.display());
            listed.insert(path);
        }
    }
    for path in ["src", "models/src", "recorder/src"].iter().flat_map(|sources| files(sources, "rs")) {
        let at_the_top = path.starts_with("src") && path.components().count() == 2;
        assert!(at_the_top || listed.contains(&path), "ARCHITECTURE.md has no line for {}", path.display());
    }
}

#[test]
fn links_lead_somewhere() {
    let mut documents = files("docs", "md");
    documents.extend(["README.md", "ARCHITECTURE.md", "BENCHMARKS.md", "CHANGELOG.md"].map(PathBuf::from));
    for document in documents {
        let text = text(&document.to_string_lossy());
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.starts_with("https://") {
                continue;
            }
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = match file {
                "" => root().join(&document),
                file => root().join(document.parent().expect("a folder")).join(file),
            };
            let heading = |line: &str| line.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
            if !anchor.is_empty() {
                let page = std::fs::read_to_string(&target).unwrap_or_default();
                let named = page.lines().filter(|l| l.starts_with('#')).any(|l| heading(l) == anchor);
                assert!(named, "{}: {link} names no heading", document.display());
            }
            // Pictures are rendered, and a checkout may lack them.
            let there = target.exists() || target.extension().is_some_and(|e| e == "png");
            assert!(there, "{}: {link}", document.display());
        }
    }
}

#[test]
fn every_key_and_every_action_is_in_the_guide() {
    let keys = text("docs/keys.md");
    for command in commands() {
        for key in command.keys {
            assert!(keys.contains(&format!("| `{key}` | ")), "docs/keys.md lacks {key}, {}", command.label);
        }
    }
    let scripting = text("docs/scripting.md");
    let listed: BTreeSet<&str> = rows(&scripting).into_iter().map(|(name, _)| name).collect();
    let there: BTreeSet<&str> = reference().iter().map(|doc| doc.name).collect();
    assert_eq!(listed, there);
    let examples =
        scripting.split('`').chain(scripting.lines().map(str::trim)).filter(|s| s.starts_with("{\"action\":\""));
    let mut parsed = 0;
    for example in examples {
        assert!(serde_json::from_str::<Action>(example).is_ok(), "docs/scripting.md: {example}");
        parsed += 1;
    }
    assert!(parsed > there.len());
}

#[test]
fn every_command_and_option_is_in_the_guide() {
    let guide = text("docs/command-line.md");
    let help = |arguments: &[&str]| {
        let output =
            assert_cmd::Command::new(env!("CARGO_BIN_EXE_tensorscope")).args(arguments).output().expect("help");
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    let overview = help(&["--help"]);
    let listed = overview.split("Commands:").nth(1).and_then(|rest| rest.split("\n\n").next()).expect("commands");
    let commands: Vec<&str> =
        listed.lines().filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help").collect();
    assert!(commands.contains(&"heatmap"), "{commands:?}");
    for command in commands {
        let usage = guide.split("\n    tensorscope ").find(|usage| usage.starts_with(command));
        let usage = usage.unwrap_or_else(|| panic!("docs/command-line.md lacks {command}"));
        let usage = usage.split("\n\n").next().unwrap_or(usage);
        for option in help(&[command, "--help"]).split_whitespace().filter(|word| word.starts_with("--")) {
            let option = option.trim_end_matches([',', '.']);
            let known = option == "--help" || usage.contains(option) || (option == "--output" && usage.contains("-o "));
            assert!(known, "docs/command-line.md lacks {option} of {command}");
        }
    }
}

#[test]
fn the_native_format_is_described_column_by_column() {
    use arrow_schema::DataType;

    fn words(kind: &DataType) -> String {
        match kind {
            DataType::List(item) => format!("list of {}", words(item.data_type())),
            other => other.to_string().to_lowercase(),
        }
    }
    let guide = text("docs/native-format.md");
    let run: serde_json::Value =
        serde_json::from_str(&text("fixtures/smollm2-135m.tscope/run.json")).expect("run.json is JSON");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("run.tscope");
    drop(Recording::create(&path, &RunMeta::default(), &Health::default()).expect("a recording"));
    let recording = std::fs::read(path.join("run.json")).expect("run.json of a recording");
    let recording: serde_json::Value = serde_json::from_slice(&recording).expect("run.json is JSON");
    let section = guide.split("\n## ").find(|section| section.starts_with("run.json")).expect("a section");
    let described: BTreeSet<&str> = rows(section).into_iter().map(|(field, _)| field).collect();
    let mut written: BTreeSet<&str> = run.as_object().expect("an object").keys().map(String::as_str).collect();
    // The one field that a finished run lacks.
    written.extend(recording.as_object().expect("an object").keys().map(String::as_str));
    assert_eq!(described, written, "run.json");
    let tables = files("fixtures/smollm2-135m.tscope", "arrow");
    assert_eq!(tables.len(), 8);
    for table in tables {
        let name = table.file_name().expect("a file").to_string_lossy().into_owned();
        let section = guide.split("\n## ").find(|section| section.starts_with(&name)).unwrap_or_default();
        let file = std::fs::File::open(root().join(&table)).expect("a table");
        let schema = arrow_ipc::reader::FileReader::try_new(file, None).expect("an Arrow file").schema();
        let written: Vec<(String, String)> = schema
            .fields()
            .iter()
            .map(|field| {
                let null = if field.is_nullable() { ", may be null" } else { "" };
                (field.name().clone(), format!("{}{null}", words(field.data_type())))
            })
            .collect();
        let described: Vec<(String, String)> =
            rows(section).into_iter().map(|(column, kind)| (column.to_owned(), kind.to_owned())).collect();
        assert_eq!(described, written, "{name}");
    }
}
