//! Every example of a message and of a sign goes the way of a run's output: read, judged, through the gate, to the line
//! that would be written; and the table of the documents is made from the same entries.

use super::{Meaning, message, messages, sign, signs};
use crate::event::Event;
use crate::event::wire::Member;
use crate::judging::explanation::Explanation;
use crate::privacy::{Gate, Identity, IdentityFacts};
use crate::public::dictionary;
use crate::status::End;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use uuid::Uuid;

/// A gate of somebody whose folders are called as our sentences are made.
fn gate() -> Gate {
    Gate::new(Identity::new(&IdentityFacts {
        user: "tensors",
        host: "variables",
        working_directory: "/home/tensors/collective",
        ..IdentityFacts::default()
    }))
    .knowing(dictionary::is_public)
    .knowing_functions(dictionary::is_public_function)
}

/// The line that is written of this output.
fn written(gate: &Gate, output: &str) -> Option<String> {
    let error = Explanation::of(output.as_bytes(), Some(End::Exited(1)))
        .judgement
        .error?;
    let event = Event::Error(Box::new(error));
    let run = Uuid::from_u128(1);
    gate.check(&Member::new(run, run, &event, std::time::UNIX_EPOCH, 1.0))
        .ok()
}

#[test]
fn every_message_reaches_the_event_that_is_written() {
    let gate = gate();
    let mut lost = Vec::new();
    for (example, _) in messages::examples() {
        let output = format!(
            "Traceback (most recent call last):\n  File \"/v/lib/python3.11/site-packages/torch/nn/functional.py\", line 3, in linear\n    f()\nRuntimeError: {example}\n"
        );
        let says = serde_json::to_string(&message(example).unwrap().says.as_str()).unwrap();
        let line = written(&gate, &output).unwrap_or_default();
        if !line.contains(says.trim_matches('"')) {
            lost.push(example);
        }
    }
    assert_eq!(lost, Vec::<&str>::new());
}

#[test]
fn every_sign_reaches_the_event_that_is_written() {
    let gate = gate();
    let mut lost = Vec::new();
    for (example, _) in signs::examples() {
        let told = sign(example).unwrap();
        // That a worker exited or was ended explains nothing, and is told with nothing else.
        if matches!(told.meaning, Meaning::WorkerExit | Meaning::WorkerLost) {
            continue;
        }
        let says = serde_json::to_string(told.says.as_str()).unwrap();
        let line = written(&gate, &format!("{example}\n")).unwrap_or_default();
        if !line.contains(says.trim_matches('"')) {
            lost.push(example);
        }
    }
    assert_eq!(lost, Vec::<&str>::new());
}

/// What is recognised, by meaning.
fn table() -> String {
    let mut rows: BTreeMap<Meaning, Vec<(String, &str)>> = BTreeMap::new();
    for (example, source) in messages::examples() {
        let known = message(example).unwrap();
        rows.entry(known.meaning)
            .or_default()
            .push((known.says.to_string(), source));
    }
    for (example, source) in signs::examples() {
        let sign = sign(example).unwrap();
        rows.entry(sign.meaning)
            .or_default()
            .push((sign.says.to_string(), source));
    }
    let mut text = String::from(
        "# What is recognised\n\nMade from `knowledge/`; `BLESS=1 cargo test -p axolotl-run-core recognised` writes it anew. Each meaning has the\nspellings that are known, as an event tells them, and where each comes from.\n",
    );
    for (meaning, spellings) in &mut rows {
        spellings.sort();
        spellings.dedup();
        let _ = write!(
            text,
            "\n## `{}`\n\n{}\n\n| told as | source |\n|---|---|\n",
            meaning.as_str(),
            meaning.means()
        );
        for (says, source) in spellings {
            let _ = writeln!(
                text,
                "| `{}` | {source} |",
                says.replace('|', "\\|").replace('`', "'")
            );
        }
    }
    text
}

#[test]
fn the_table_of_what_is_recognised_is_that_of_the_entries() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/recognised.md");
    let table = table();
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&file, &table).unwrap();
    }
    let written = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        written == table,
        "docs/recognised.md is not what `knowledge/` says; BLESS=1 writes it"
    );
}
