//! The privacy promise, end to end: whatever a program prints and wherever it runs, nothing of the user's leaves.
//!
//! Every case of the public corpus runs under the real program with consent: a child prints the recorded stderr
//! and dies as labelled; the home, the working directory, the script, the arguments, the user's name, the host's
//! and the secrets of the environment are made of the case's canaries, and so is the configuration. Then every
//! byte that was sent (as it came and decompressed) and every file that was written is searched, in all the
//! forms that the corpus's scorer knows.
//!
//! Every third case also runs under `--record`. Then the owner's own files may hold all of it, and nothing else may: the
//! events, the measurements, the page for others and the export are searched, and the server hears nothing.

use nix::sys::signal::Signal;
use serde_json::{Map, Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use support::observed::{Recorded, files, reporting, until_recorded};
use support::posthog::Server;
use support::{Launch, has};

/// Prints a file as its stderr and ends with a code or a signal; the other arguments are there to be seen.
const PROGRAM: &str = "#!/usr/bin/env python3
import glob, os, signal, sys, time
with open(os.environ['CASE_STDERR'], 'rb') as case:
    data = case.read()
while data:
    data = data[os.write(2, data):]
# No training dies before the observer has read the configuration.
journal = os.environ['XDG_STATE_HOME'] + '/axolotl-run/runs/*/events.jsonl'
deadline = time.monotonic() + 30
while not any(map(os.path.getsize, glob.glob(journal))) and time.monotonic() < deadline:
    time.sleep(0.02)
if os.environ['CASE_SIGNAL']:
    if os.environ['CASE_SIGNAL'] != '9':
        signal.signal(int(os.environ['CASE_SIGNAL']), signal.SIG_DFL)
    os.kill(os.getpid(), int(os.environ['CASE_SIGNAL']))
os._exit(int(os.environ['CASE_CODE'] or 0))
";

/// What the run is recorded for.
#[derive(Clone, Copy, PartialEq)]
enum Recording {
    Consent,
    OwnerAlone,
}

/// The files that are the owner's alone.
const OWN: [&str; 2] = ["owner.json", "output.log"];

/// Runs at a time; the scorer's forms are many and the machine may be small.
const TOGETHER: usize = 8;

/// One case: what is printed, and what must not leave.
struct Case {
    labels: Value,
    stderr: PathBuf,
    config: Option<PathBuf>,
    /// Whether the configuration is named by `--config` or by the command itself.
    named: bool,
}

fn corpus(folder: &str, extension: &str) -> Vec<(Value, PathBuf)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/corpus")
        .join(folder);
    let mut paths: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.retain(|path| path.extension().is_some_and(|found| found == extension));
    paths.sort();
    let labels = |path: &PathBuf| {
        serde_json::from_slice(&fs::read(path.with_extension("json")).unwrap()).unwrap()
    };
    paths
        .into_iter()
        .map(|path| (labels(&path), path))
        .collect()
}

fn cases() -> Vec<Case> {
    let (streams, configs) = (corpus("cases", "stderr"), corpus("config", "yml"));
    assert!(streams.len() >= 26 && configs.len() >= 5);
    let mut cases = Vec::new();
    for (number, (labels, stderr)) in streams.iter().enumerate() {
        // Each with one of the configurations, whose canaries are then looked for as well.
        let (of_config, config) = &configs[number % configs.len()];
        let labels = joined(labels, of_config);
        cases.push(Case {
            labels,
            stderr: stderr.clone(),
            config: Some(config.clone()),
            named: number % 2 == 0,
        });
    }
    for (labels, config) in &configs {
        for named in [true, false] {
            let mut labels = labels.clone();
            labels["name"] = json!(format!(
                "{}_{}",
                labels["name"].as_str().unwrap(),
                if named { "a" } else { "b" }
            ));
            cases.push(Case {
                labels,
                stderr: "/dev/null".into(),
                config: Some(config.clone()),
                named,
            });
        }
    }
    cases
}

/// The labels of a stream together with those of a configuration.
fn joined(stream: &Value, config: &Value) -> Value {
    let mut labels = stream.clone();
    labels["canaries"]
        .as_array_mut()
        .unwrap()
        .extend(config["canaries"].as_array().unwrap().clone());
    labels["canary_class"]
        .as_object_mut()
        .unwrap()
        .extend(config["canary_class"].as_object().unwrap().clone());
    labels["make_dirs"] = config["make_dirs"].clone();
    labels
}

impl Case {
    fn name(&self) -> &str {
        self.labels["name"].as_str().unwrap()
    }

    fn canaries(&self, classes: &[&str]) -> Vec<&str> {
        let classes_of = self.labels["canary_class"].as_object().unwrap();
        let fits =
            |name: &str| !name.is_empty() && name.len() < 100 && !name.contains(['/', '\0', '\n']);
        let wanted =
            |class: &Value| classes.is_empty() || classes.contains(&class.as_str().unwrap());
        classes_of
            .iter()
            .filter(|(name, class)| fits(name) && wanted(class))
            .map(|(name, _)| name.as_str())
            .collect()
    }

    /// Runs the case and returns all that left the program, or could be given to others.
    fn run(&self, server: &Server, recording: Recording) -> (Recorded, Vec<u8>) {
        let name = self.name();
        let base = tempfile::tempdir().unwrap();
        let paths = self.canaries(&["path", "user", "host", "function"]);
        let user = self
            .canaries(&["user"])
            .first()
            .copied()
            .unwrap_or("canary0")
            .to_owned();
        let home = base.path().join("home").join(&user);
        let inside = paths
            .iter()
            .fold(home.clone(), |path, part| path.join(part));
        fs::create_dir_all(&inside).unwrap();
        for folder in self.labels["make_dirs"].as_array().into_iter().flatten() {
            fs::create_dir_all(inside.join(folder.as_str().unwrap())).unwrap();
        }
        let programs = inside.join("bin");
        fs::create_dir_all(&programs).unwrap();
        let program = programs.join("axolotl");
        support::write_program(&program, PROGRAM);
        let config = inside.join(format!("{}.yml", paths.last().unwrap_or(&"canary0")));
        self.config
            .as_ref()
            .map(|from| fs::copy(from, &config).unwrap());

        let state = base.path().join("state");
        let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
        let number = |name: &str| {
            self.labels[name]
                .as_i64()
                .map(|number| number.to_string())
                .unwrap_or_default()
        };
        let mut launch = reporting(Launch::new(), server)
            .inside(&inside)
            .env("HOME", &home)
            .env("PWD", &inside)
            .env("PATH", path)
            .env("USER", &user)
            .env("LOGNAME", &user)
            .env(
                "HOSTNAME",
                self.canaries(&["host"])
                    .first()
                    .copied()
                    .unwrap_or("canary0"),
            )
            .env("XDG_STATE_HOME", &state)
            .env("CASE_STDERR", &self.stderr)
            .env("CASE_CODE", number("exit_code"))
            .env("CASE_SIGNAL", number("signal"));
        for (number, canary) in self.canaries(&[]).iter().enumerate() {
            // The value of a token is masked in what is the owner's; there it shall be seen.
            let variable = match recording {
                Recording::Consent => format!("SERVICE_{number}_TOKEN"),
                Recording::OwnerAlone => format!("SERVICE_{number}_NOTE"),
            };
            launch = launch.env(&variable, canary);
        }
        let config = config.to_str().unwrap();
        let mut words = Vec::new();
        if recording == Recording::OwnerAlone {
            words.push("--record");
        }
        if self.named {
            words.extend(["--config", config, "--"]);
        }
        words.extend(["axolotl", "train"]);
        words.extend((!self.named).then_some(config));
        let arguments: Vec<_> = self
            .canaries(&[])
            .iter()
            .map(|canary| format!("--note={canary}"))
            .collect();
        words.extend(arguments.iter().map(String::as_str));
        let done = launch.run(&words);
        match (
            self.labels["exit_code"].as_i64(),
            self.labels["signal"].as_i64(),
        ) {
            (_, Some(signal)) => {
                done.expect_signal(Signal::try_from(i32::try_from(signal).unwrap()).unwrap());
            }
            (code, None) => drop(done.expect_code(i32::try_from(code.unwrap_or(0)).unwrap())),
        }
        assert_eq!(
            done.stderr,
            String::from_utf8_lossy(&fs::read(&self.stderr).unwrap()),
            "{name}"
        );

        let run = until_recorded(&state, Recorded::is_finished);
        run.assert_ordered(name);
        let mut all = Vec::new();
        match recording {
            Recording::Consent => run.assert_arrived(name, server),
            Recording::OwnerAlone => {
                run.until_released();
                assert_eq!(server.connections(), 0, "{name}");
                self.check_owners(&run);
                for words in [&["--export", "--json"][..], &["--report", "--html", "-"]] {
                    let shown = Launch::new().env("XDG_STATE_HOME", &state).run(words);
                    all.extend(shown.expect_code(0).stdout.as_bytes());
                }
            }
        }
        for (path, bytes) in files(&state) {
            if OWN.iter().any(|own| path.ends_with(own)) {
                continue;
            }
            all.extend_from_slice(
                path.strip_prefix(&state)
                    .unwrap()
                    .as_os_str()
                    .as_encoded_bytes(),
            );
            all.extend(bytes);
        }
        (run, all)
    }

    /// The owner has what the others must not get, or nothing would be shown by its absence.
    fn check_owners(&self, run: &Recorded) {
        let kept = |file: &str| fs::read_to_string(run.directory.join(file)).unwrap_or_default();
        let facts = kept("owner.json");
        let canaries = self.canaries(&[]);
        assert!(
            canaries.iter().any(|canary| facts.contains(canary)),
            "{facts}"
        );
        let is_silent = fs::read(&self.stderr).unwrap().is_empty();
        assert!(
            is_silent || !kept("output.log").is_empty(),
            "{}",
            self.name()
        );
    }

    /// What can be said about the case must have been said, or silence would pass for privacy.
    fn check(&self, run: &Recorded) {
        let name = self.name();
        assert_eq!(
            run.finish()
                .get("dropped")
                .and_then(|dropped| dropped.get("events_refused")),
            None,
            "{name}"
        );
        let config = run.named("start")[0]
            .get("config")
            .unwrap_or_else(|| panic!("{name}: {run:#?}"));
        assert!(
            config.as_object().is_some_and(|config| config.len() > 3),
            "{name}: {config}"
        );
        let fatal = self.labels["fatal"] == true && self.labels["exception_private"] == false;
        let types: Vec<_> = run
            .named("error")
            .into_iter()
            .map(|error| error.get("exception_type").cloned())
            .collect();
        if self.labels["signal"] == Signal::SIGINT as i32 {
            // Somebody stopped it.
            assert_eq!(types, [], "{name}");
        } else if fatal && self.labels["exception_type"].is_string() {
            assert_eq!(
                types,
                [Some(self.labels["exception_type"].clone())],
                "{name}"
            );
        }
    }
}

#[test]
fn nothing_of_the_users_is_sent_or_written() {
    if !has("python3") {
        return;
    }
    let collected = tempfile::tempdir().unwrap();
    let collected = collected.path();
    let cases = cases();
    let mut failed = Vec::new();
    let mut runs = Vec::new();
    for (number, case) in cases.iter().enumerate() {
        runs.push((case, Recording::Consent));
        if number % 3 == 0 {
            runs.push((case, Recording::OwnerAlone));
        }
    }
    for together in runs.chunks(TOGETHER) {
        thread::scope(|scope| {
            let running: Vec<_> = together
                .iter()
                .map(|(case, recording)| {
                    let recording = *recording;
                    let run = move || {
                        // A server of its own, so that what came in can only be this case's.
                        let server = Server::start();
                        let (run, mut all) = case.run(&server, recording);
                        all.extend(server.bytes());
                        let mut labels = complete(&case.labels);
                        if recording == Recording::OwnerAlone {
                            labels["name"] = json!(format!("{}_own", case.name()));
                        }
                        let name = labels["name"].as_str().unwrap();
                        fs::write(collected.join(format!("{name}.bytes")), all).unwrap();
                        let place = collected.join(format!("{name}.labels.json"));
                        fs::write(place, labels.to_string()).unwrap();
                        case.check(&run);
                    };
                    (case.name(), scope.spawn(run))
                })
                .collect();
            failed.extend(
                running
                    .into_iter()
                    .filter_map(|(name, thread)| thread.join().err().map(|_| name)),
            );
        });
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let output = support::program("python3")
        .args([
            root.join("canaries.py"),
            root.join("corpus/score.py"),
            collected.to_owned(),
        ])
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&said)
    );
    eprintln!("{}", String::from_utf8_lossy(&said));
    assert!(failed.is_empty(), "{failed:?} failed; why is said above");
}

/// The labels, with each member that the scorer reads.
fn complete(labels: &Value) -> Value {
    let mut complete = Map::new();
    for name in ["must_keep_frames", "must_keep"] {
        complete.insert(name.into(), json!([]));
    }
    complete.insert("exception_type".into(), Value::Null);
    for name in ["name", "canaries", "canary_class"] {
        complete.insert(name.into(), labels[name].clone());
    }
    Value::Object(complete)
}
