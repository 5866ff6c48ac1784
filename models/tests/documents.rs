//! What the documents say of this package is so.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use tensorscope_models::Kind;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace")
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// First and second cell of the rows of the tables in `text`, without the code marks of the first.
fn rows(text: &str) -> Vec<(&str, &str)> {
    text.lines().filter_map(|line| line.strip_prefix("| `")?.strip_suffix(" |")?.split_once("` | ")).collect()
}

fn sources(folder: &Path, found: &mut BTreeSet<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else {
            found.insert(path);
        }
    }
}

#[test]
fn the_map_of_modules_is_that_of_the_package() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let map = text(&root().join("ARCHITECTURE.md"));
    let section = map.split("\n### ").find_map(|section| section.strip_prefix("models/src")).expect("a section");
    let mut listed = BTreeSet::new();
    for (file, line) in rows(section) {
        let path = folder.join(file);
        let begins: Vec<String> =
            text(&path).lines().map_while(|l| l.strip_prefix("//! ").map(str::to_owned)).collect();
        assert!(begins.join(" ").starts_with(line), "{file}: the map says {line:?}, the file {begins:?}");
        listed.insert(path);
    }
    let mut there = BTreeSet::new();
    sources(&folder, &mut there);
    assert_eq!(listed, there);
}

#[test]
fn the_guide_has_every_model_and_option() {
    let guide = text(&root().join("docs/models.md"));
    let listed: Vec<(String, String)> = rows(&guide).into_iter().map(|(a, b)| (a.to_owned(), b.to_owned())).collect();
    let there = Kind::ALL.map(|kind| (kind.name().to_owned(), kind.description().to_owned()));
    assert_eq!(listed, there);

    let help = Command::new(env!("CARGO_BIN_EXE_tensorscope-models")).arg("--help").output().expect("help");
    let help = String::from_utf8(help.stdout).expect("UTF-8");
    let options: BTreeSet<&str> = help
        .split_whitespace()
        .map(|word| word.trim_end_matches([',', ';']))
        .filter(|word| word.starts_with("--"))
        .collect();
    assert!(options.contains("--split"), "{help}");
    for option in options.into_iter().filter(|option| !["--help", "--version"].contains(option)) {
        assert!(guide.contains(&format!("`{option}`")), "docs/models.md lacks {option}");
    }
}
