//! What the documents say of this package is so.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

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
