//! `actions`: a reference that a script can be written from.

use serde_json::Value;
use tensorscope::state::Action;

use super::tensorscope;

fn reference() -> Value {
    let output = tensorscope().args(["actions", "--json"]).assert().success();
    serde_json::from_slice(&output.get_output().stdout).expect("one JSON document")
}

#[test]
fn every_example_is_an_action_of_that_name() {
    let reference = reference();
    let actions = reference["actions"].as_array().expect("a list");
    for doc in actions {
        assert_eq!(doc["example"]["action"], doc["name"]);
        serde_json::from_value::<Action>(doc["example"].clone()).expect("an Action");
        assert!(doc["help"].as_str().is_some_and(|help| !help.is_empty()));
        for field in doc["fields"].as_array().expect("fields") {
            assert!(["name", "type", "help"].iter().all(|key| field[key].is_string()), "{field}");
        }
        for key in doc["keys"].as_array().expect("keys") {
            assert_eq!(key["action"]["action"], doc["name"], "{key}");
            serde_json::from_value::<Action>(key["action"].clone()).expect("an Action");
        }
    }
    let names: Vec<&str> = actions.iter().filter_map(|doc| doc["name"].as_str()).collect();
    for promised in [
        "select",
        "zoom_to",
        "pan",
        "zoom",
        "set_view",
        "set_layer",
        "set_pass",
        "set_phase",
        "set_measure",
        "set_order",
        "set_filter",
        "fold",
        "unfold",
        "play",
        "pause",
        "step",
        "full_screen",
        "back",
        "forward",
        "wait",
    ] {
        assert!(names.contains(&promised), "{promised} is missing");
    }
    assert!(reference["context_keys"].as_array().is_some_and(|keys| !keys.is_empty()));
}

#[test]
fn the_text_names_every_action() {
    let output = tensorscope().arg("actions").assert().success();
    let text = String::from_utf8(output.get_output().stdout.clone()).expect("UTF-8");
    for doc in reference()["actions"].as_array().expect("a list") {
        let name = doc["name"].as_str().expect("a name");
        assert!(text.lines().any(|line| line.starts_with(&format!("{name}: "))), "{name}");
    }
}
