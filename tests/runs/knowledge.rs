//! The examples of `knowledge/` through the real program: a child prints them, and the events that were written, behind
//! the gate, say what the entries say.

use regex::Regex;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::fs;
use std::sync::Mutex;
use std::thread;
use support::Launch;
use support::documents::{path, read};
use support::observed::{Recorded, state, until_recorded};

/// How many examples are run side by side: a run mostly waits.
const WORKERS: usize = 8;

/// A format of progress.
#[derive(Deserialize)]
struct Progress {
    examples: Vec<String>,
    told: Vec<BTreeMap<String, f64>>,
}

/// A public message, or a sign of a death.
#[derive(Deserialize)]
struct Spoken {
    #[serde(alias = "sign", alias = "regex")]
    message: String,
    says: Option<String>,
    meaning: String,
    examples: Vec<String>,
}

/// The entries of every file of a folder of `knowledge/`.
fn entries<T: DeserializeOwned>(folder: &str) -> Vec<T> {
    let mut entries = Vec::new();
    for file in fs::read_dir(path("knowledge").join(folder)).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        let text = read(&format!("knowledge/{folder}/{name}"));
        entries.extend(serde_yaml::from_str::<Vec<T>>(&text).unwrap());
    }
    entries
}

/// Runs a program that prints this on stderr and ends with that code, and gives what was recorded.
fn recorded(printed: &str, exit_code: i32) -> Recorded {
    // Not as an argument: the gate keeps back what stands in the command's own arguments.
    let launch = Launch::new().env("PRINTED", printed);
    let state = state(&launch.home());
    let program = format!(r#"printf '%s\n' "$PRINTED" >&2; exit {exit_code}"#);
    // No home is kept longer than its launch.
    let done = launch.run(&["--record", "--", "sh", "-c", &program]);
    let run = until_recorded(&state, Recorded::is_finished);
    done.expect_code(exit_code);
    run
}

/// Checks every example beside others; what the check answers is what is wrong.
fn check_all<T: Send>(examples: Vec<T>, check: impl Fn(T) -> Result<(), String> + Sync) {
    let waiting = Mutex::new(examples.into_iter());
    let wrong = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                loop {
                    let next = waiting.lock().unwrap().next();
                    let Some(example) = next else {
                        return;
                    };
                    if let Err(difference) = check(example) {
                        wrong.lock().unwrap().push(difference);
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What the finish event has of a program's numbers, under the names of the entries.
const IN_FINISH: [(&str, &str); 4] = [
    ("total_steps", "step"),
    ("loss", "loss"),
    ("learning_rate", "learning_rate"),
    ("eval_loss", "eval_loss"),
];

#[test]
fn each_format_of_progress_is_told() {
    let mut examples = Vec::new();
    for entry in entries::<Progress>("progress") {
        examples.extend(entry.examples.into_iter().zip(entry.told));
    }
    check_all(examples, |(example, mut expected)| {
        expected.retain(|name, _| IN_FINISH.iter().any(|(_, of_entry)| of_entry == name));
        let run = recorded(&example, 0);
        let mut told = BTreeMap::new();
        for (field, name) in IN_FINISH {
            if let Some(number) = run.finish().get(field).and_then(|value| value.as_f64()) {
                told.insert(name.to_owned(), number);
            }
        }
        if told == expected {
            return Ok(());
        }
        Err(format!("{example}\n  told {told:?}\nwanted {expected:?}"))
    });
}

#[test]
fn each_message_and_each_sign_is_told() {
    let frame = "/v/lib/python3.11/site-packages/torch/nn/functional.py";
    let mut printed = Vec::new();
    for entry in entries::<Spoken>("messages") {
        let expected = sentence(&entry);
        for example in &entry.examples {
            let trace = format!(
                "Traceback (most recent call last):\n  File \"{frame}\", line 3, in linear\n    f()\nRuntimeError: {example}"
            );
            printed.push((trace, expected.clone()));
        }
    }
    for entry in entries::<Spoken>("signs") {
        // That a worker exited or was ended explains nothing, and is told with nothing else.
        if matches!(entry.meaning.as_str(), "worker_exit" | "worker_lost") {
            continue;
        }
        let expected = sentence(&entry);
        for example in &entry.examples {
            let tells_only_a_code = entry.meaning == "of_signal" && example.contains(" code ");
            if !tells_only_a_code {
                printed.push((example.clone(), expected.clone()));
            }
        }
    }
    check_all(printed, |(output, expected)| {
        let run = recorded(&output, 1);
        let mut values = run
            .named("error")
            .into_iter()
            .flat_map(|error| error.values());
        if values.any(|value| value.as_str().is_some_and(|text| expected.is_match(text))) {
            return Ok(());
        }
        Err(format!(
            "{output}\nnot told: {expected}\n{:?}",
            run.named("error")
        ))
    });
}

/// The sentence that is told of an entry; its holes are filled with something.
fn sentence(entry: &Spoken) -> Regex {
    let sentence = entry.says.as_ref().unwrap_or(&entry.message);
    let holes = Regex::new(r"\{[^}]*\}").unwrap();
    let constants: Vec<_> = holes.split(sentence).map(regex::escape).collect();
    Regex::new(&constants.join(".*")).unwrap()
}
