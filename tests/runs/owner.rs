//! The owner's side of a record: what a run that is recorded for its owner alone keeps, who sees it, and when it is gone.

use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use support::observed::{Recorded, STARTED, files, reporting, state, until_recorded};
use support::posthog::Server;
use support::{Done, Launch, has, poll_until};

/// A crash in the user's own code, behind lines of both streams and a secret.
const TRAINING: &str = "
class DatasetFormatError(Exception): pass
def load_salaries(path):
    raise DatasetFormatError(f\"row 17 of {path} has no 'text' column\")
print('reading rows', flush=True)
print('login with hf_aBcDeFgHiJkLmNoPqRsT', file=sys.stderr)
load_salaries('/data/zqxprivate.jsonl')
";

const MESSAGE: &str = "DatasetFormatError: row 17 of /data/zqxprivate.jsonl has no 'text' column";

/// What only the owner may have.
const OWN: [&str; 5] = ["zqx", "load_salaries", "reading rows", "row 17", "3e-4"];

/// Records the training, with these options of the launcher's.
fn crash(launch: Launch, options: &[&str]) -> (PathBuf, Done, Recorded) {
    let home = launch.home();
    let folder = home.join("zqxacme");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("train.py"), format!("{STARTED}{TRAINING}")).unwrap();
    let command = [
        "python3",
        "train.py",
        "--lr",
        "3e-4",
        "--hub_token",
        "zqxsecret",
    ];
    let done = launch.inside(&folder).run(&[options, &command].concat());
    done.expect_code(1);
    let recorded = until_recorded(&state(&home), Recorded::is_finished);
    recorded.until_released();
    (state(&home), done, recorded)
}

fn ask(state: &Path, words: &[&str]) -> Done {
    let launch = Launch::new().env("XDG_STATE_HOME", state);
    let done = launch.env("LC_ALL", "C.UTF-8").run(words);
    done.expect_code(0).expect_stderr("");
    done
}

fn kept(recorded: &Recorded, name: &str) -> Option<String> {
    fs::read_to_string(recorded.directory.join(name)).ok()
}

#[track_caller]
fn assert_nothing_own(place: &str, text: &str) {
    for own in OWN {
        assert!(!text.contains(own), "{own} in {place}: {text}");
    }
}

#[test]
fn a_crash_in_ones_own_code_is_told_to_its_owner() {
    if !has("python3") {
        return;
    }
    let (state, _done, recorded) = crash(Launch::new(), &["--record", "--tap-stdout"]);
    let facts: Value = serde_json::from_str(&kept(&recorded, "owner.json").unwrap()).unwrap();
    assert_eq!(facts["label"], "train.py --lr 3e-4 --hub_token ***");
    assert_eq!(facts["command"][5], "***", "a secret: {facts}");
    assert!(
        facts["directory"].as_str().unwrap().ends_with("/zqxacme"),
        "{facts}"
    );
    assert!(
        facts["host"].is_string() && facts["started"].is_string(),
        "{facts}"
    );
    let traceback = facts["traceback"].as_str().unwrap();
    assert!(
        traceback.starts_with("Traceback (most recent call last):\n"),
        "{traceback}"
    );
    assert!(
        traceback.contains("in load_salaries") && traceback.ends_with(MESSAGE),
        "{traceback}"
    );
    let output = kept(&recorded, "output.log").unwrap();
    for line in [
        "out reading rows",
        "err login with ***",
        &format!("err {MESSAGE}"),
    ] {
        assert!(
            output.lines().any(|found| found.ends_with(line)),
            "{line} in {output}"
        );
    }
    for name in ["owner.json", "output.log"] {
        let mode = fs::metadata(recorded.directory.join(name))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    assert_eq!(
        fs::metadata(&recorded.directory)
            .unwrap()
            .permissions()
            .mode()
            & 0o777,
        0o700
    );
    ask(&state, &["--runs"]).expect_in_stdout("train.py --lr 3e-4");
    let report = ask(&state, &["--report"]);
    for part in [
        "error      DatasetFormatError: row 17",
        "in load_salaries",
        "output     ",
        "reading rows",
        "zqxacme",
    ] {
        report.expect_in_stdout(part);
    }
    // What others may get holds nothing of it, unless it is asked for.
    let page = ask(&state, &["--report", "--html", "-"]).stdout;
    let json = ask(&state, &["--report", "--json"]).stdout;
    assert_nothing_own("the page", &page);
    assert_nothing_own("the JSON", &json);
    for words in [
        ["--report", "--with-output", "--html", "-"],
        ["--report", "--with-output", "--json", ""],
    ] {
        let words: Vec<_> = words.into_iter().filter(|word| !word.is_empty()).collect();
        let shown = ask(&state, &words);
        shown
            .expect_in_stdout("load_salaries")
            .expect_in_stdout("reading rows");
    }
    let run = recorded.events[0]["distinct_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let exported = ask(&state, &["--export", &run[..8], "--json"]).stdout;
    assert_nothing_own("the export", &exported);
    let exported: Value = serde_json::from_str(&exported).unwrap();
    assert_eq!(
        exported["events"].as_array().unwrap().len(),
        recorded.events.len()
    );
    assert!(!exported["measurements"].as_array().unwrap().is_empty());
    // A file of the same, in the directory where it was asked for.
    let launch = Launch::new();
    let here = launch.home();
    let wrote = launch
        .inside(&here)
        .env("XDG_STATE_HOME", &state)
        .run(&["--export"]);
    let name = format!("axolotl-run-{}.json", &run[..8]);
    wrote
        .expect_code(0)
        .expect_in_stdout(&format!("wrote {name}: "));
    let file: Value = serde_json::from_slice(&fs::read(here.join(name)).unwrap()).unwrap();
    assert_eq!(file, exported);
    ask(&state, &["--forget", &run]);
    assert!(!recorded.directory.exists());
}

#[test]
fn without_output_nothing_that_was_printed_is_kept() {
    if !has("python3") {
        return;
    }
    let (state, _done, recorded) =
        crash(Launch::new(), &["--record", "--no-output", "--tap-stdout"]);
    assert_eq!(kept(&recorded, "output.log"), None);
    let facts = kept(&recorded, "owner.json").unwrap();
    for printed in ["load_salaries", "reading rows", "row 17"] {
        assert!(!facts.contains(printed), "{facts}");
    }
    ask(&state, &["--report"]).expect_in_stdout("error      <private>");
}

#[test]
fn under_telemetry_alone_nothing_of_it_exists() {
    if !has("python3") {
        return;
    }
    let server = Server::start();
    let (state, _done, recorded) = crash(reporting(Launch::new(), &server), &["--tap-stdout"]);
    recorded.assert_arrived("telemetry", &server);
    for (path, bytes) in files(&state) {
        assert_nothing_own(
            &path.display().to_string(),
            &String::from_utf8_lossy(&bytes),
        );
    }
    for name in ["owner.json", "output.log", "owner.new"] {
        assert!(!recorded.directory.join(name).exists(), "{name}");
    }
}

/// It can be read while the run lasts, and an observer that is killed leaves what it has written.
#[test]
fn a_run_that_goes_on_has_it_already() {
    if !has("python3") {
        return;
    }
    let launch = Launch::new();
    let state = state(&launch.home());
    let program = format!(
        "{STARTED}print('working on zqx', file=sys.stderr, flush=True)\nuntil_recorded('output.log', 'working on zqx')\n"
    );
    let running = launch.start(&["--record", "python3", "-c", &program]);
    let log = || {
        files(&state).into_iter().any(|(path, bytes)| {
            path.ends_with("output.log")
                && String::from_utf8_lossy(&bytes).contains("err working on zqx")
        })
    };
    assert!(poll_until(log), "{:?}", files(&state).keys());
    running.finish().expect_code(0);
}
