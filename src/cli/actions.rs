//! `actions`: the reference of everything that scripts, keys and menus can send.

use std::fmt::Write;

use serde::Serialize;

use super::args::ActionsArgs;
use super::{CliError, print_json, print_text};
use crate::state::reference::{ActionDoc, CONTEXT_KEYS, reference};

#[derive(Serialize)]
struct Reference {
    actions: Vec<ActionDoc>,
    context_keys: Vec<ContextKey>,
}

/// A key whose meaning depends on what is under the cursor.
#[derive(Serialize)]
struct ContextKey {
    keys: &'static str,
    help: &'static str,
}

pub fn run(args: &ActionsArgs) -> Result<(), CliError> {
    let context_keys = CONTEXT_KEYS.iter().map(|&(keys, help)| ContextKey { keys, help }).collect();
    let reference = Reference { actions: reference(), context_keys };
    if args.json { print_json(&reference) } else { print_text(&text(&reference)) }
}

fn text(reference: &Reference) -> String {
    let mut out = String::new();
    for doc in &reference.actions {
        let _ = writeln!(out, "{}: {}", doc.name, doc.help);
        for field in doc.fields {
            let _ = writeln!(out, "    {:<16}{}; {}", field.name, field.kind, field.help);
        }
        for key in &doc.keys {
            let _ = writeln!(out, "    key {:<12}{}", key.key, key.label);
        }
        if let Ok(example) = serde_json::to_string(&doc.example) {
            let _ = writeln!(out, "    {example}");
        }
    }
    let _ = writeln!(out, "keys that depend on what is under the cursor:");
    for key in &reference.context_keys {
        let _ = writeln!(out, "    {:<30}{}", key.keys, key.help);
    }
    out
}
