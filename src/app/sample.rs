//! Where the run that comes with the program lies.

use std::path::{Path, PathBuf};

/// Names the folder that holds the bundled run, wherever it was put.
pub const FIXTURES_VARIABLE: &str = "TENSORSCOPE_FIXTURES";
/// The bundled run, in its folder.
const SAMPLE: &str = "smollm2-135m.tscope";
const FIXTURES: &str = "fixtures";

/// The bundled run, if it is there: in the folder that `TENSORSCOPE_FIXTURES` names, beside the executable, where an
/// installation or a build would keep it from there, or in the checkout that the program was built from.
pub fn find() -> Option<PathBuf> {
    let named = std::env::var_os(FIXTURES_VARIABLE).map(PathBuf::from);
    let executable = std::env::current_exe().ok();
    first_run(&folders(named, executable.as_deref()))
}

/// Where to look, best first.
fn folders(named: Option<PathBuf>, executable: Option<&Path>) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = named.into_iter().collect();
    if let Some(beside) = executable.and_then(Path::parent) {
        folders.push(beside.join(FIXTURES));
        // target/<profile>/tensorscope in a checkout, bin/tensorscope in a prefix.
        folders.extend(beside.ancestors().nth(2).map(|checkout| checkout.join(FIXTURES)));
        folders.extend(beside.parent().map(|prefix| prefix.join("share/tensorscope").join(FIXTURES)));
    }
    folders.push(Path::new(env!("CARGO_MANIFEST_DIR")).join(FIXTURES));
    folders
}

fn first_run(folders: &[PathBuf]) -> Option<PathBuf> {
    folders.iter().map(|folder| folder.join(SAMPLE)).find(|run| run.is_dir())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_named_folder_comes_first_and_what_is_not_there_is_passed_over() {
        let folders = folders(Some("/named".into()), Some(Path::new("/src/target/release/tensorscope")));
        let expected =
            ["/named", "/src/target/release/fixtures", "/src/fixtures", "/src/target/share/tensorscope/fixtures"];
        assert_eq!(folders[..4], expected.map(PathBuf::from));
        let checkout = tempfile::tempdir().unwrap();
        let run = checkout.path().join(SAMPLE);
        std::fs::create_dir(&run).unwrap();
        assert_eq!(first_run(&["/nowhere".into(), checkout.path().to_owned()]), Some(run));
        assert_eq!(first_run(&["/nowhere".into()]), None);
    }
}
