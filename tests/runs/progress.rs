//! The examples of `knowledge/progress` through the real program: a child prints them, and the events have the numbers.

use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::thread;
use support::Launch;
use support::documents::read;
use support::observed::{Recorded, state, until_recorded};

#[derive(Deserialize)]
struct Entry {
    examples: Vec<String>,
    told: Vec<BTreeMap<String, f64>>,
}

/// How many examples are run side by side: a run mostly waits.
const WORKERS: usize = 8;

#[test]
fn each_example_is_told_in_the_events() {
    let mut examples = Vec::new();
    for file in ["lines", "metrics", "bars"] {
        let text = read(&format!("knowledge/progress/{file}.yaml"));
        for entry in serde_yaml::from_str::<Vec<Entry>>(&text).unwrap() {
            examples.extend(entry.examples.into_iter().zip(entry.told));
        }
    }
    let rest = Mutex::new(examples.into_iter());
    let wrong = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                loop {
                    let next = rest.lock().unwrap().next();
                    let Some((example, expected)) = next else {
                        return;
                    };
                    let told = told(&example);
                    if told != expected_in_events(&expected) {
                        let line = format!("{example}\n  told {told:?}\nwanted {expected:?}");
                        wrong.lock().unwrap().push(line);
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

fn expected_in_events(expected: &BTreeMap<String, f64>) -> BTreeMap<String, f64> {
    let is_told = |name: &str| IN_FINISH.iter().any(|(_, of_entry)| *of_entry == name);
    let mut told = expected.clone();
    told.retain(|name, _| is_told(name));
    told
}

fn told(example: &str) -> BTreeMap<String, f64> {
    let launch = Launch::new();
    let state = state(&launch.home());
    // No home is kept longer than its launch.
    let print = r#"printf '%s\n' "$1" >&2"#;
    let done = launch.run(&["--record", "--", "sh", "-c", print, "sh", example]);
    let run = until_recorded(&state, Recorded::is_finished);
    done.expect_code(0);
    let finish = run.finish();
    let numbers = IN_FINISH
        .iter()
        .filter_map(|(field, name)| Some(((*name).to_owned(), finish.get(*field)?.as_f64()?)));
    numbers.collect()
}
