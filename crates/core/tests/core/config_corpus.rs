//! The public sample of the privacy corpus: configurations with invented names, labelled with what must never leave
//! and with what must be kept. `tests/corpus/score.py` with `examples/config.rs` scores the same more thoroughly.

use crate::documents::path;
use axolotl_run_core::config;
use axolotl_run_core::event::Start;
use axolotl_run_core::event::value::Sendable as _;
use proptest::prelude::*;
use serde_json::Value;
use std::path::PathBuf;

struct Case {
    name: String,
    yaml: String,
    canaries: Vec<String>,
    must_keep: Vec<String>,
    directories: Vec<PathBuf>,
}

fn cases() -> Vec<Case> {
    let folder = path("tests/corpus/config");
    let mut labels: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    labels.retain(|path| {
        path.extension()
            .is_some_and(|extension| extension == "json")
    });
    labels.sort();
    let texts = |value: &Value| {
        value
            .as_array()
            .unwrap()
            .iter()
            .map(|text| text.as_str().unwrap().to_owned())
            .collect()
    };
    labels
        .into_iter()
        .map(|path| {
            let label: Value =
                serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
            let directories: Vec<String> = texts(&label["make_dirs"]);
            Case {
                name: label["name"].as_str().unwrap().to_owned(),
                yaml: std::fs::read_to_string(path.with_extension("yml")).unwrap(),
                canaries: texts(&label["canaries"]),
                must_keep: texts(&label["must_keep"]),
                directories: directories.into_iter().map(PathBuf::from).collect(),
            }
        })
        .collect()
}

/// Everything that would be sent, case-folded.
fn sent(yaml: &str, directories: &[PathBuf]) -> String {
    let exists = |path: &str| {
        directories
            .iter()
            .any(|directory| directory.starts_with(path))
    };
    let mut start = Start::default();
    if let Ok(vetted) = config::read(yaml, &[], &exists) {
        start.config = Some(vetted.value);
        start.config_unknown_keys = Some(vetted.unknown_keys);
    }
    start.json().to_string().to_lowercase()
}

/// The pieces of a canary that would betray it.
fn pieces(canary: &str) -> Vec<String> {
    let canary = canary.to_lowercase();
    let words = canary
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| word.len() >= 6)
        .map(str::to_owned);
    words
        .chain([canary.clone()])
        .filter(|piece| !["gardener", "letter", "village", "doctor"].contains(&piece.as_str()))
        .collect()
}

#[test]
fn nothing_private_leaves_and_everything_public_is_kept() {
    let cases = cases();
    assert!(cases.len() >= 5);
    for case in cases {
        let sent = sent(&case.yaml, &case.directories);
        for piece in case.canaries.iter().flat_map(|canary| pieces(canary)) {
            assert!(
                !sent.contains(&piece),
                "{}: {piece} leaves in {sent}",
                case.name
            );
        }
        for word in &case.must_keep {
            assert!(
                word.split("||")
                    .any(|word| sent.contains(&word.to_lowercase())),
                "{}: {word} is lost in {sent}",
                case.name
            );
        }
    }
}

proptest! {
    /// Lines of all cases, cut, repeated, mixed and torn: whatever still reads as YAML must not leak either. The
    /// local directory of one case is not there for the others, so its name is only known by not being public.
    #[test]
    fn damage_does_not_leak(picks in prop::collection::vec((any::<prop::sample::Index>(), 0_usize..60, ".{0,2}"), 1..25)) {
        let cases = cases();
        let lines: Vec<&str> = cases.iter().flat_map(|case| case.yaml.lines()).collect();
        let damaged: Vec<String> = picks.iter().map(|(line, at, noise)| {
            let line = *line.get(&lines);
            let (head, tail) = line.split_at(line.floor_char_boundary(*at));
            if noise.is_empty() { line.to_owned() } else { format!("{head}{noise}{tail}") }
        }).collect();
        let sent = sent(&damaged.join("\n"), &[]);
        for piece in cases.iter().flat_map(|case| &case.canaries).flat_map(|canary| pieces(canary)) {
            prop_assert!(!sent.contains(&piece), "{piece} leaves in {sent}");
        }
    }
}
