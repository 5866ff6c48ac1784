//! `doctor`: true with an adapter, and useful without.

use serde_json::Value;

use super::tensorscope;

fn report(set: &[(&str, &str)]) -> Value {
    let mut command = tensorscope();
    command.args(["doctor", "--json"]).env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY").envs(set.iter().copied());
    let output = command.assert().success();
    serde_json::from_slice(&output.get_output().stdout).expect("one JSON document")
}

fn missing<'a>(report: &'a Value, what: &str) -> Option<&'a Value> {
    report["missing"].as_array().expect("a list").iter().find(|m| m["what"] == what)
}

#[test]
fn names_the_adapter_that_is_used_and_its_limits() {
    let report = report(&[]);
    let chosen = &report["chosen"];
    assert!(report["adapters"].as_array().expect("a list").contains(chosen));
    assert!(chosen["storage_binding_bytes"].as_u64().expect("a number") >= 128 << 20);
    assert!(chosen["texture_side"].as_u64().expect("a number") >= 8192);
    assert_eq!(chosen["usable"], true);
    assert_eq!(missing(&report, "a graphics adapter"), None);
    assert!(missing(&report, "a display").is_some());
}

#[test]
fn without_an_adapter_it_says_what_to_install() {
    let report = report(&[("VK_ICD_FILENAMES", "/nowhere.json"), ("VK_DRIVER_FILES", "/nowhere.json")]);
    assert_eq!(report["adapters"], serde_json::json!([]));
    assert_eq!(report["chosen"], Value::Null);
    let fix = &missing(&report, "a graphics adapter").expect("said to be missing")["fix"];
    assert!(fix.as_str().is_some_and(|fix| fix.contains("mesa-vulkan-drivers")), "{fix}");
}

#[test]
fn a_display_is_one_of_either_kind_and_not_an_empty_name() {
    assert!(missing(&report(&[("WAYLAND_DISPLAY", "wayland-0")]), "a display").is_none());
    assert!(missing(&report(&[("DISPLAY", ":7")]), "a display").is_none());
    assert!(missing(&report(&[("DISPLAY", "")]), "a display").is_some());
}

#[test]
fn the_folder_of_the_bundled_run_can_be_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let run = folder.path().join("smollm2-135m.tscope");
    std::fs::create_dir(&run).expect("a folder");
    let report = report(&[("TENSORSCOPE_FIXTURES", &folder.path().to_string_lossy())]);
    assert_eq!(report["sample"], run.to_string_lossy().as_ref());
    assert_eq!(missing(&report, "the bundled run"), None);
}

#[test]
fn the_text_says_the_same() {
    let output = tensorscope().arg("doctor").env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY").assert().success();
    let text = String::from_utf8(output.get_output().stdout.clone()).expect("UTF-8");
    let report = report(&[]);
    let name = report["chosen"]["name"].as_str().expect("a name");
    assert!(text.contains(name) && text.contains("<- used") && text.contains("missing      a display"), "{text}");
}
