//! What real trainings printed, through the real program: `tests/samples` (its README says what a folder holds).
//!
//! A child writes the recorded bytes again, in the recorded order and pieces but as fast as it can, and ends as
//! the training ended. Whoever reads behind the launcher must get the recording byte for byte, and the journal
//! must show what can be seen in the bytes. On the terminal both streams come together, as there they do.

use nix::sys::signal::Signal;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use support::documents::difference;
use support::observed::{Recorded, state, until_recorded};
use support::{Launch, has};

/// Replays `script`: a line `descriptor length` for each piece of `bytes`. Where the journal is going to have a
/// progress event it waits for that before it ends: a training gives the observer that time.
const REPLAYER: &str = r#"
import glob, os, signal, sys, time
folder, code, number, wait = sys.argv[1:]
data, at = open(folder + "/bytes", "rb").read(), 0
for line in open(folder + "/script"):
    descriptor, length = map(int, line.split())
    piece, at = data[at : at + length], at + length
    while piece:
        piece = piece[os.write(descriptor, piece) :]
deadline = time.monotonic() + 30
journal = os.environ["HOME"] + "/.local/state/axolotl-run/runs/*/events.jsonl"
while wait == "1" and time.monotonic() < deadline:
    if any('"event":"progress"' in open(path).read() for path in glob.glob(journal)):
        break
    time.sleep(0.02)
if code:
    os._exit(int(code))
os.kill(os.getpid(), getattr(signal, number))
"#;

/// One recording.
struct Recording {
    name: String,
    meta: Value,
    visible: Value,
    /// Pieces in order: the descriptor, and the bytes as the training wrote them.
    pieces: Vec<(u8, Vec<u8>)>,
    terminal: bool,
}

impl Recording {
    fn read(folder: &Path, terminal: bool) -> Self {
        let (kind, suffix) = if terminal {
            ("pty", ".pty")
        } else {
            ("pipe", "")
        };
        let read = |name: &str| fs::read(folder.join(format!("{name}{suffix}"))).unwrap();
        let all: Value = serde_json::from_slice(&read_file(&folder.join("meta.json"))).unwrap();
        let mut rest = [read("stdout"), read("stderr")];
        let mut pieces = Vec::new();
        for record in String::from_utf8(read("timing")).unwrap().lines() {
            let fields: Vec<_> = record.split(' ').collect();
            let stream = usize::from(fields[1] == "e");
            let (piece, after) = rest[stream].split_at(fields[2].parse().unwrap());
            let (mut piece, after) = (piece.to_vec(), after.to_vec());
            if terminal {
                // What stands between the two is one character to the terminal; it makes two of every newline.
                if piece.last() == Some(&b'\r') && after.first() == Some(&b'\n') {
                    piece.pop();
                }
                if piece.first() == Some(&b'\n') {
                    piece.insert(0, b'\r');
                }
                piece = text(piece).replace("\r\n", "\n").into_bytes();
            }
            rest[stream] = after;
            pieces.push((u8::try_from(stream + 1).unwrap(), piece));
        }
        assert!(
            rest.iter().all(Vec::is_empty),
            "the timing of {folder:?} covers all bytes"
        );
        let name = format!("{}/{kind}", folder.file_name().unwrap().display());
        Self {
            name,
            visible: all[kind]["visible"].clone(),
            meta: all,
            pieces,
            terminal,
        }
    }

    fn written(&self, descriptor: Option<u8>) -> String {
        let pieces = self
            .pieces
            .iter()
            .filter(|(written, _)| descriptor.is_none_or(|wanted| wanted == *written));
        text(pieces.flat_map(|(_, bytes)| bytes.clone()).collect())
    }

    fn run(&self) {
        let name = &self.name;
        let mut launch = Launch::new();
        let home = launch.home();
        let script: String = self
            .pieces
            .iter()
            .map(|(fd, bytes)| format!("{fd} {}\n", bytes.len()))
            .collect();
        let bytes: Vec<u8> = self
            .pieces
            .iter()
            .flat_map(|(_, bytes)| bytes.clone())
            .collect();
        fs::write(home.join("script"), script).unwrap();
        fs::write(home.join("bytes"), bytes).unwrap();
        fs::write(home.join("replay.py"), REPLAYER).unwrap();
        let end = &self.meta[if self.terminal { "pty" } else { "pipe" }];
        let code = end["exit_code"]
            .as_i64()
            .map(|code| code.to_string())
            .unwrap_or_default();
        let signal = end["signal"].as_str().unwrap_or_default();
        if self.terminal {
            launch = launch.on_terminal();
        }
        let wait = if self.trained() { "1" } else { "" };
        let words = [
            "--record",
            "--tap-stdout",
            "python3",
            "-S",
            "replay.py",
            ".",
            &code,
            signal,
            wait,
        ];
        let done = launch.run(&words);
        match end["exit_code"].as_i64() {
            Some(code) => done.expect_code(i32::try_from(code).unwrap()),
            None => done.expect_signal(signal.parse::<Signal>().unwrap()),
        };
        let streams = if self.terminal {
            // As the recording has it: a terminal sends every newline as two characters.
            vec![(
                "terminal",
                self.written(None).replace('\n', "\r\n"),
                &done.stdout,
            )]
        } else {
            vec![
                ("stdout", self.written(Some(1)), &done.stdout),
                ("stderr", self.written(Some(2)), &done.stderr),
            ]
        };
        for (stream, expected, actual) in streams {
            assert!(
                expected == *actual,
                "{name}: {}",
                difference(stream, &expected, actual)
            );
        }
        let run = until_recorded(&state(done.home()), Recorded::is_finished);
        run.assert_ordered(name);
        assert_eq!(run.delivered(), [] as [&str; 0], "{name}");
        self.check(&run);
    }

    /// Whether the bytes show steps, or the losses of some.
    fn trained(&self) -> bool {
        ["step", "logs"]
            .iter()
            .any(|shown| self.visible[shown].as_u64().is_some_and(|count| count > 0))
    }

    fn check(&self, run: &Recorded) {
        let (name, finish) = (&self.name, run.finish());
        let end = &self.meta[if self.terminal { "pty" } else { "pipe" }];
        let survived = self.meta["expected"]["ends_ok"] == true;
        let outcome = match (survived, end["signal"].is_string()) {
            (true, _) => "success",
            (false, true) => "signal",
            (false, false) => "error",
        };
        assert_eq!(finish["outcome"], outcome, "{name}: {finish:?}");
        assert_eq!(
            finish.get("exit_code").and_then(Value::as_i64),
            end["exit_code"].as_i64(),
            "{name}"
        );
        assert_eq!(
            finish.get("signal").and_then(Value::as_str),
            end["signal"].as_str(),
            "{name}"
        );
        assert_eq!(
            finish.get("total_steps").and_then(Value::as_u64),
            self.visible["step"].as_u64(),
            "{name}"
        );
        for progress in run.named("progress") {
            let total = progress.get("total_steps").and_then(Value::as_u64);
            // An evaluation that comes first looks like a training until the training begins.
            let evaluation = self.visible["evaluation"]
                .as_u64()
                .filter(|evaluation| total == Some(*evaluation));
            assert_eq!(
                total,
                evaluation.or(self.visible["total"].as_u64()),
                "{name}: {progress:?}"
            );
        }
        assert_eq!(
            run.named("progress").is_empty(),
            !self.trained(),
            "{name}: {run:#?}"
        );
        let logs = end["truth"]["logs"]
            .as_array()
            .map_or(&[] as &[Value], Vec::as_slice);
        let seen = &logs[..self.visible["logs"]
            .as_u64()
            .map_or(0, |seen| usize::try_from(seen).unwrap())];
        let truth = seen.iter().rev().find_map(|log| log["loss"].as_f64());
        let known = finish.get("loss").and_then(Value::as_f64);
        let near = truth
            .zip(known)
            .is_some_and(|(truth, known)| (truth - known).abs() <= truth.abs() * 0.000_51);
        assert!(
            near || truth.is_none() && known.is_none(),
            "{name}: loss {known:?}, recorded {truth:?}"
        );
        // A death without a traceback is an error without a type.
        let types = run
            .named("error")
            .into_iter()
            .filter_map(|error| error.get("exception_type").cloned());
        let expected = self.meta["expected"]["exception"].as_str().map(Value::from);
        assert_eq!(
            types.collect::<Vec<_>>(),
            expected.into_iter().collect::<Vec<_>>(),
            "{name}"
        );
        assert_eq!(run.named("error").is_empty(), survived, "{name}: {run:#?}");
    }
}

fn read_file(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The recordings are text; compared as such, they are compared byte for byte.
fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).expect("a recording in UTF-8")
}

#[test]
fn every_recording_passes_unchanged_and_is_understood() {
    if !has("python3") {
        return;
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples");
    let entries = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut folders: Vec<PathBuf> = entries
        .filter(|path| path.join("meta.json").is_file())
        .collect();
    folders.sort();
    let recordings: Vec<_> = folders
        .iter()
        .flat_map(|folder| [false, true].map(|terminal| Recording::read(folder, terminal)))
        .collect();
    assert!(recordings.len() >= 18);
    // They mostly wait for the observer's next look, so they may do that together.
    let failures: Vec<_> = thread::scope(|scope| {
        let running: Vec<_> = recordings
            .iter()
            .map(|recording| (&recording.name, scope.spawn(|| recording.run())))
            .collect();
        running
            .into_iter()
            .filter_map(|(name, thread)| thread.join().err().map(|_| name))
            .collect()
    });
    assert!(
        failures.is_empty(),
        "{failures:?} failed; why is said above"
    );
}
