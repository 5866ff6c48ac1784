//! Arrows between modules go one way: design.md section 3.

use std::fs;
use std::path::{Path, PathBuf};

/// What each module of the crate may name of the others.
const MAY_NAME: [(&str, &[&str]); 13] = [
    ("units", &[]),
    ("kernel_io", &[]),
    ("trace", &["kernel_io", "units"]),
    ("formats", &["trace", "units"]),
    ("analysis", &["trace", "kernel_io", "units"]),
    // Plain slices in, pixels and numbers out.
    ("gpu", &["kernel_io", "units"]),
    // Pure data of what is shown, in terms of what analysis finds: filters and links.
    ("state", &["trace", "analysis", "kernel_io", "units"]),
    ("export", &["trace", "analysis", "kernel_io", "units"]),
    ("views", &["state", "analysis", "trace", "gpu", "kernel_io", "units"]),
    ("app", &["views", "state", "analysis", "trace", "formats", "gpu", "export", "kernel_io", "units"]),
    ("cli", &["app", "views", "state", "analysis", "trace", "formats", "gpu", "export", "kernel_io", "units"]),
    ("main", &["cli"]),
    ("lib", &[]),
];

/// Crates that only some files may name, by the beginning of their paths in src/.
const ONLY_IN: [(&str, &[&str]); 4] = [
    ("wgpu", &["gpu/", "app/"]),
    // Of gpu/, what paints egui's meshes and what shows textures through it.
    (
        "egui",
        &[
            "views/",
            "app/",
            "gpu/egui_painter.rs",
            "gpu/egui_damage.rs",
            "gpu/egui_mesh.rs",
            "gpu/canvas.rs",
            "gpu/frame_gpu.rs",
        ],
    ),
    ("egui_winit", &["app/"]),
    ("winit", &["app/window.rs"]),
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

/// Every file of src/ with its path in it, comments taken out.
fn code() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = vec![];
    sources(&root, &mut paths);
    paths.sort();
    let read = |path: &PathBuf| {
        let text = fs::read_to_string(path).unwrap();
        let code: String = text.lines().map(|line| line.split("//").next().unwrap_or("").to_owned() + "\n").collect();
        (path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned(), code)
    };
    paths.iter().map(read).collect()
}

/// Names of modules of the crate that `code` begins a path with: `crate::a::b`, and `crate::{a::b, c}`.
fn modules_named(code: &str) -> Vec<String> {
    let word = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let mut named = vec![];
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        let Some(list) = rest.strip_prefix('{') else {
            named.push(word(rest));
            continue;
        };
        let mut depth = 0;
        let mut start = true;
        for (at, c) in list.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => start = true,
                c if start && !c.is_whitespace() => {
                    named.push(word(&list[at..]));
                    start = false;
                }
                _ => {}
            }
        }
    }
    named
}

/// Whether `code` names the crate `name`: in a path or a `use`.
fn names_crate(code: &str, name: &str) -> bool {
    code.match_indices(name).any(|(at, _)| {
        let before = code[..at].chars().next_back().is_none_or(|c| !(c.is_alphanumeric() || "_.:".contains(c)));
        let after = &code[at + name.len()..];
        before && (after.starts_with("::") || code[..at].trim_end().ends_with("use") && after.starts_with([';', ' ']))
    })
}

#[test]
fn modules_name_only_what_stands_below_them() {
    let mut wrong = vec![];
    for (path, code) in code() {
        let module = path.split('/').next().unwrap().trim_end_matches(".rs");
        let (_, allowed) =
            MAY_NAME.iter().find(|(m, _)| *m == module).unwrap_or_else(|| panic!("{module} has no place"));
        for named in modules_named(&code) {
            let known = MAY_NAME.iter().any(|(m, _)| *m == named);
            if known && named != module && !allowed.contains(&named.as_str()) {
                wrong.push(format!("{path} names crate::{named}"));
            }
        }
    }
    assert_eq!(wrong, [] as [String; 0]);
}

#[test]
fn graphics_crates_are_named_only_where_they_belong() {
    let mut wrong = vec![];
    for (path, code) in code() {
        for (name, places) in ONLY_IN {
            if names_crate(&code, name) && !places.iter().any(|place| path.starts_with(place)) {
                wrong.push(format!("{path} names {name}"));
            }
        }
    }
    assert_eq!(wrong, [] as [String; 0]);
}

#[test]
fn paths_are_found_in_all_their_forms() {
    let code =
        "use crate::trace::{self, raw};\nuse crate::{units, gpu::{heat, layout}, app};\nlet x = crate::views::y();";
    assert_eq!(modules_named(code), ["trace", "units", "gpu", "app", "views"]);
    for named in ["use wgpu::util;", "x: &wgpu::Device", "use wgpu;", "pub use wgpu as w;", "(wgpu::A)"] {
        assert!(names_crate(named, "wgpu"), "{named}");
    }
    for other in ["naga_wgpu::x", "wgpu_types::x", "self.wgpu::x", "crate::wgpu::x", "let wgpu = 1;"] {
        assert!(!names_crate(other, "wgpu"), "{other}");
    }
    assert!(!names_crate("egui_winit::State", "winit") && !names_crate("egui_tiles::Tree", "egui"));
}
