//! What a run's owner is told: the report of real and of made-up runs, and the lines at the end of a run.

use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use support::{Done, Launch, Stream, assert_within};

/// The made-up runs: one that went well, one that died, one that hung.
const GOOD: &str = "6f1c2e9a-7d54-4f0b-8a21-3c5d9e7f1b42";
const DIED: &str = "b20d41c7-5a1e-4c39-9d02-7f60a8e35c11";

fn repository(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn example(options: &[&str]) -> Vec<String> {
    let training = repository("examples/train.py").display().to_string();
    [
        "--record".to_owned(),
        "--summary".to_owned(),
        "python3".to_owned(),
        training,
    ]
    .into_iter()
    .chain(options.iter().map(|option| (*option).to_owned()))
    .collect()
}

/// The made-up runs in a state directory.
fn made_up(options: &[&str]) -> tempfile::TempDir {
    let state = tempfile::tempdir().unwrap();
    let mut script = support::program("python3");
    let status = script
        .arg(repository("tools/example_runs.py"))
        .arg(state.path())
        .args(options)
        .status();
    assert!(status.unwrap().success());
    state
}

fn ask(state: &Path, words: &[&str]) -> Done {
    Launch::new()
        .env("XDG_STATE_HOME", state)
        .env("LC_ALL", "C.UTF-8")
        .run(words)
}

fn json(done: &Done) -> Value {
    serde_json::from_str(done.expect_code(0).expect_stderr("").stdout.trim_end()).unwrap()
}

/// Polls until the runs have their finish: the launcher does not wait for an observer that gets no turn.
#[track_caller]
fn until_finished(state: &Path) {
    let runs = || {
        fs::read_dir(state.join("axolotl-run/runs"))
            .into_iter()
            .flatten()
            .flatten()
    };
    let is_finished = |run: fs::DirEntry| {
        fs::read_to_string(run.path().join("events.jsonl"))
            .is_ok_and(|text| text.contains(r#""event":"finish""#))
    };
    assert!(
        support::poll_until(|| runs().count() > 0 && runs().all(is_finished)),
        "no finish in {state:?}"
    );
}

fn run_directory(state: &Path, run: &str) -> PathBuf {
    state.join("axolotl-run/runs").join(run)
}

/// Asserts that a strict parser takes the page, and that nothing on it needs a network or runs.
#[track_caller]
fn assert_sound(page: &Path) -> String {
    let check = "import sys, xml.dom.minidom, html.parser
text = open(sys.argv[1], encoding='utf-8').read()
xml.dom.minidom.parseString(text.encode())
open_elements = []
class Reader(html.parser.HTMLParser):
    def handle_starttag(self, tag, attributes):
        open_elements.append(tag)
        names = {name for name, _ in attributes}
        assert tag not in ('script', 'link', 'img', 'iframe', 'object', 'embed'), tag
        assert not names & {'src', 'href', 'onload', 'onclick', 'onerror'}, names
    def handle_startendtag(self, tag, attributes):
        pass
    def handle_endtag(self, tag):
        assert open_elements.pop() == tag, tag
reader = Reader()
reader.feed(text)
reader.close()
assert open_elements == [], open_elements";
    let output = support::program("python3")
        .arg("-c")
        .arg(check)
        .arg(page)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = fs::read_to_string(page).unwrap();
    let addresses = text.matches("http://").count() + text.matches("https://").count();
    assert_eq!(
        addresses,
        text.matches("http://www.w3.org/").count(),
        "an address that could be loaded"
    );
    assert!(!text.contains("url(") && !text.contains("@import"));
    text
}

/// Runs something until its owner is told of it. The launcher waits a second and a half for what its observer has to say;
/// on a machine that gives that no turn for so long, nothing is said.
fn until_told(run: impl Fn() -> Done, is_told: impl Fn(&Done) -> bool) -> Done {
    let mut done = run();
    support::poll_until(|| {
        let told = is_told(&done);
        if !told {
            done = run();
        }
        told
    });
    done
}

#[test]
fn a_failed_training_is_told_at_its_end_and_in_the_report() {
    let is_told = |done: &Done| done.stderr.contains("\naxolotl-run: ");
    let failed = until_told(
        || Launch::new().run(&example(&["--fail-at", "300"])),
        is_told,
    );
    failed.expect_code(1);
    let told: Vec<_> = failed
        .stderr
        .lines()
        .filter(|line| line.starts_with("axolotl-run: "))
        .collect();
    assert!((3..=14).contains(&told.len()), "{told:?}");
    assert!(
        failed.stderr.ends_with(&format!("{}\n", told.join("\n"))),
        "the summary comes last: {}",
        failed.stderr
    );
    assert!(
        told[0].starts_with("axolotl-run: Failed: JSONDecodeError"),
        "{told:?}"
    );
    for part in [
        "json.decoder.JSONDecodeError: Unterminated string",
        "step 299 of 720",
        "--report ",
    ] {
        assert!(
            told.iter().any(|line| line.contains(part)),
            "{part}: {told:?}"
        );
    }
    let state = failed.home().join(".local/state");
    until_finished(&state);
    let page = ask(&state, &["--report"]);
    page.expect_code(0).expect_stderr("");
    for part in [
        "ended      Failed: JSONDecodeError",
        "error      json.decoder.JSONDecodeError",
        "step 299 of 720",
        "on this machine only",
    ] {
        page.expect_in_stdout(part);
    }
    assert!(
        page.stdout.lines().all(|line| line.chars().count() <= 80),
        "{}",
        page.stdout
    );
    assert!(!page.stdout.contains('\u{1b}'), "{}", page.stdout);
    let report = json(&ask(&state, &["--report", "--json"]));
    assert_eq!(report["verdict"]["kind"], "exception");
    assert_eq!(report["error"]["type"], "json.decoder.JSONDecodeError");
    assert!(report["error"]["frames"][0]["line"].is_u64(), "{report}");
    let file = state.join("report.html");
    ask(&state, &["--report", "--html", file.to_str().unwrap()])
        .expect_code(0)
        .expect_stdout("");
    assert!(assert_sound(&file).contains("json.decoder.JSONDecodeError"));
}

#[test]
fn the_page_fits_its_terminal_and_has_its_charts() {
    let state = made_up(&[]);
    for (run, expected) in [
        (
            "6f1c",
            &[
                "ended      Finished",
                "steps/s",
                "GPU memory",
                "GPU busy",
                "CPU cores",
                "loss",
            ][..],
        ),
        (
            "b20d",
            &[
                "ended      Out of GPU memory on rank 3, step",
                "torch.OutOfMemoryError on rank 3",
                "modeling_llama.py:318",
                "steps/s",
            ][..],
        ),
        (
            "e93f",
            &[
                "ended      Hung: rank 2 differs from the others, step",
                "stalled    nothing moved in the last 37m",
                "steps/s",
            ][..],
        ),
    ] {
        let page = ask(state.path(), &["--report", run]);
        for part in expected {
            page.expect_code(0).expect_in_stdout(part);
        }
        let widest = page
            .stdout
            .lines()
            .map(|line| line.chars().count())
            .max()
            .unwrap();
        assert!(
            widest <= 80 && page.stdout.lines().count() <= 23,
            "{}",
            page.stdout
        );
        assert!(page.stdout.contains('⣿'), "{}", page.stdout);
        let plain = Launch::new()
            .env("XDG_STATE_HOME", state.path())
            .run(&["--report", run]);
        assert!(
            plain.stdout.is_ascii() && plain.stdout.contains('#'),
            "{}",
            plain.stdout
        );
    }
    for (no_colour, expected) in [("", true), ("1", false)] {
        let launch = Launch::new()
            .on_terminal()
            .env("XDG_STATE_HOME", state.path())
            .env("NO_COLOR", no_colour);
        let page = launch.run(&["--report", "6f1c"]);
        assert_eq!(page.stdout.contains("\u{1b}["), expected, "{}", page.stdout);
        let widest = page
            .stdout
            .lines()
            .map(|line| line.chars().count())
            .max()
            .unwrap();
        assert!(
            expected || (81..=120).contains(&widest),
            "as wide as the terminal: {widest}"
        );
    }
}

#[test]
fn two_runs_stand_side_by_side() {
    let state = made_up(&[]);
    let page = ask(state.path(), &["--report", "b20d", "--against", "6f1c"]);
    page.expect_code(0)
        .expect_in_stdout("55m 12s")
        .expect_in_stdout("2h 13m")
        .expect_in_stdout("\nmicro_batch_size 4")
        .expect_in_stdout("-59 %");
    let both = json(&ask(
        state.path(),
        &["--report", "b20d", "--against", "6f1c", "--json"],
    ));
    assert_eq!(
        (
            &both["report"]["run"]["run"],
            &both["against"]["run"]["run"]
        ),
        (&DIED.into(), &GOOD.into())
    );
    let file = state.path().join("both.html");
    ask(
        state.path(),
        &[
            "--report",
            "--html",
            file.to_str().unwrap(),
            "b20d",
            "--against=6f1c",
        ],
    )
    .expect_code(0);
    let page = assert_sound(&file);
    assert!(page.contains("run b20d41c7") && page.contains("run 6f1c2e9a"));
    assert!(page.contains("<th>micro_batch_size</th><td>4</td><td>2</td>"));
    assert!(!page.contains("sequence_len"), "the same in both");
    for (words, error) in [
        (
            &["--report", "ffff"][..],
            "no recorded run begins with `ffff`",
        ),
        (
            &["--report", "6f1c", "--against", "ffff"],
            "no recorded run begins with `ffff`",
        ),
        (
            &["--report", "6f1c", "--html", "/nonexistent/file"],
            "failed to write `/nonexistent/file`",
        ),
    ] {
        ask(state.path(), words)
            .expect_code(1)
            .expect_stdout("")
            .expect_in_stderr(error);
    }
}

/// The keys of a document, but for those that the user's data name.
fn keys_of(value: &Value, keys: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                keys.insert(key.clone());
                if !["properties", "notes", "phases"].contains(&key.as_str()) {
                    keys_of(value, keys);
                }
            }
        }
        Value::Array(values) => values.iter().for_each(|value| keys_of(value, keys)),
        _ => {}
    }
}

#[test]
fn what_is_printed_for_programs_is_versioned_and_described() {
    let state = made_up(&[]);
    let described = fs::read_to_string(repository("docs/json.md")).unwrap();
    for words in [
        &["--runs", "--json"][..],
        &["--show", "b20d", "--json"],
        &["--report", "6f1c", "--json"],
        &["--report", "b20d", "--json"],
        &["--report", "b20d", "--against", "e93f", "--json"],
    ] {
        let document = json(&ask(state.path(), words));
        assert_eq!(document["version"], 1, "{words:?}");
        let mut keys = BTreeSet::new();
        keys_of(&document, &mut keys);
        for key in keys {
            assert!(described.contains(&format!("`{key}`")), "{words:?}: {key}");
            assert!(!key.contains(' '), "{key}");
        }
    }
    let report = json(&ask(state.path(), &["--report", "6f1c", "--json"]));
    assert!(
        report["loss"].is_f64() && report["step"].is_u64(),
        "{report}"
    );
}

#[test]
fn a_week_of_measurements_is_drawn_from_a_file_of_any_length() {
    let state = made_up(&["--samples", "60000"]);
    let file = state.path().join("week.html");
    ask(
        state.path(),
        &["--report", "6f1c", "--html", file.to_str().unwrap()],
    )
    .expect_code(0);
    assert!(assert_sound(&file).len() < 1_000_000);
    let report = json(&ask(state.path(), &["--report", "6f1c", "--json"]));
    let points = report["series"]["loss"][0]["points"].as_array().unwrap();
    assert!((250..=600).contains(&points.len()), "{}", points.len());
    let last = points.last().unwrap()["at"].as_f64().unwrap();
    assert!((570_000.0..=604_800.0).contains(&last), "{last}");
}

#[test]
fn what_a_run_cost_is_told_where_a_price_is_stored() {
    let state = made_up(&[]);
    let config = tempfile::tempdir().unwrap();
    let ask = |words: &[&str]| {
        Launch::new()
            .env("XDG_STATE_HOME", state.path())
            .env("XDG_CONFIG_HOME", config.path())
            .run(words)
    };
    ask(&["--price", "2.50/month"])
        .expect_code(1)
        .expect_in_stderr("is no price");
    ask(&["--price"]).expect_stdout("price  none is stored\n");
    ask(&["--price", "$2.50/h/gpu"]).expect_stdout("price  $2.50/h/gpu\n");
    // 7,985 seconds on eight GPUs.
    ask(&["--report", "6f1c"]).expect_in_stdout("cost       $44.36\n");
    let report = json(&ask(&["--report", "6f1c", "--json"]));
    assert!((report["cost"]["so_far"].as_f64().unwrap() - 44.36).abs() < 0.01);
    ask(&["--price", "none"]).expect_stdout("price  none is stored\n");
    let page = ask(&["--report", "6f1c"]);
    assert!(!page.stdout.contains("cost"), "{}", page.stdout);
}

/// A training that waits for a file before its last steps.
const WAITS: &str = "import os, sys, time
for step in range(1, 9):
    while step > 6 and not os.path.exists(sys.argv[1]):
        time.sleep(0.05)
    sys.stderr.write('\\r %d%%|##   | %d/8 [00:01<00:01, 2.00it/s]' % (step * 12, step))
    sys.stderr.flush()
    time.sleep(0.3)
print({'loss': 0.5, 'epoch': 1.0})";

#[test]
fn a_running_run_is_followed_until_it_ends() {
    let place = tempfile::tempdir().unwrap();
    let go_on = place.path().join("go on");
    let launch = || Launch::new().env("XDG_STATE_HOME", place.path());
    let words = ["--record", "python3", "-c", WAITS, go_on.to_str().unwrap()];
    let run = launch().start(&words);
    let is_recorded = || {
        ask(place.path(), &["--runs"])
            .stdout
            .contains("  Running  ")
    };
    assert!(support::poll_until(is_recorded), "it is not recorded");
    let follow = |terminal: Launch| {
        let mut following = terminal.start(&["--report", "--follow"]);
        following.until_said("Running for ");
        following.until_said(" of 8");
        following
    };
    // Ctrl-C ends the looking, and nothing else.
    let mut left = follow(launch().on_terminal());
    left.type_in("\u{3}");
    left.finish()
        .expect_signal(nix::sys::signal::Signal::SIGINT);
    let mut on_terminal = follow(launch().on_terminal());
    on_terminal.until_said("phase      training");
    let plain = follow(launch());
    fs::write(&go_on, "").unwrap();
    run.finish().expect_code(0);
    let page = on_terminal.finish();
    page.expect_code(0).expect_in_stdout("Finished");
    assert!(page.stdout.contains("\u{1b}[H"), "{}", page.stdout);
    let lines = plain.finish();
    lines
        .expect_code(0)
        .expect_in_stdout("\nended      Finished");
    assert!(!lines.stdout.contains('\u{1b}'), "{}", lines.stdout);
    assert!(lines.stdout.starts_with("Running for "), "{}", lines.stdout);
}

#[test]
fn what_the_files_hold_is_text_and_nothing_else() {
    let state = made_up(&[]);
    let directory = run_directory(state.path(), DIED);
    let events = fs::read_to_string(directory.join("events.jsonl")).unwrap();
    let nasty = r#"<script>alert(1)</script>]]>&amp;\"'\u202e"#;
    let events = events.replace("CUDA out of memory. Tried to allocate 20.00 GiB", nasty);
    fs::write(
        directory.join("events.jsonl"),
        events.replace(r"\u202e", "\u{202e}"),
    )
    .unwrap();
    let mut samples = fs::read(directory.join("samples.jsonl")).unwrap();
    samples.extend(b"\n{\"at\":1e308}\n{\"at\":-1}\n\xff\xfe\n{\"at\":5,\"loss\":1e308,\"rss_sum_bytes\":-1e308}\n[[[[\n{\"at\":9e8");
    fs::write(directory.join("samples.jsonl"), samples).unwrap();
    let page = ask(state.path(), &["--report", "b20d"]);
    page.expect_code(0)
        .expect_in_stdout("<script>alert(1)</script>")
        .expect_in_stdout("\\u202e");
    page.expect_in_stdout("5 measurements that cannot be read");
    let file = state.path().join("nasty.html");
    ask(
        state.path(),
        &["--report", "b20d", "--html", file.to_str().unwrap()],
    )
    .expect_code(0);
    assert!(assert_sound(&file).contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
    json(&ask(state.path(), &["--report", "b20d", "--json"]));
}

const NAN: &str = "
import json, os, sys
for step in range(1, 9):
    print(f'\\r {step * 10}%|##  | {step}/10 [00:01<00:01, 1.0it/s]', end='', file=sys.stderr)
    loss = float('nan') if sys.argv[2] == 'nan' and step > 3 else 1.5
    print({'loss': loss, 'grad_norm': 1.0, 'learning_rate': 1e-4, 'epoch': step / 10}, file=sys.stderr)
    if step == 6:
        os.makedirs(sys.argv[4] + '/checkpoint-6')
        open(sys.argv[4] + '/checkpoint-6/model.safetensors', 'w').write('weights')
        open(sys.argv[4] + '/checkpoint-6/trainer_state.json', 'w').write(json.dumps({'global_step': 6, 'max_steps': 10}))
print(' 80%|##  | 8/10 [00:01<00:01, 1.0it/s]', end='', file=sys.stderr)
sys.exit(int(sys.argv[1]))
";

/// A training of eight steps of ten that leaves its bar behind; its whole story ends on lines of their own.
fn short_training(code: &str, loss: &str) -> Done {
    let words = [
        "--record",
        "--summary",
        "python3",
        "-c",
        NAN,
        code,
        loss,
        "--output_dir",
        "out",
    ];
    until_told(
        || Launch::new().run(&words),
        |done| done.stderr.contains("axolotl-run: "),
    )
}

#[test]
fn a_loss_that_is_no_number_is_no_plain_success() {
    let done = short_training("0", "nan");
    done.expect_code(0);
    let told = &done.stderr;
    assert!(
        told.contains("it/s]\naxolotl-run: Finished, but loss was nan from step 4 on"),
        "{told}"
    );
    assert!(
        told.contains("\naxolotl-run: note: loss was nan from step 4 on"),
        "{told}"
    );
    let state = done.home().join(".local/state");
    until_finished(&state);
    ask(&state, &["--runs"]).expect_in_stdout("Finished, but loss nan");
    let report = json(&ask(&state, &["--report", "--json"]));
    assert_eq!(report["notes"][0]["note"], "not_finite", "{report}");
    // How long which phase took is a matter of when its lines were read.
    assert!(report["phases"].is_object(), "{report}");
}

#[test]
fn the_owner_of_a_run_that_failed_is_told_how_to_go_on() {
    for (loss, is_told) in [("fine", true), ("nan", false)] {
        let done = short_training("1", loss);
        done.expect_code(1);
        let state = done.home().join(".local/state");
        until_finished(&state);
        // The observer writes the owner's side down behind the last event.
        let told = || {
            ask(&state, &["--report"])
                .stdout
                .contains("of step 6, 2 steps were lost")
        };
        assert_eq!(
            told() || (is_told && support::poll_until(told)),
            is_told,
            "{loss}"
        );
    }
}

#[test]
fn the_summary_costs_the_run_nothing_whatever_stderr_is() {
    for stderr in [Stream::Closed, Stream::Nothing, Stream::File("err".into())] {
        let is_file = matches!(stderr, Stream::File(_));
        let words = ["--record", "--summary", "sh", "-c", "echo out; exit 3"];
        let run = || Launch::new().stderr(stderr.clone()).run(&words);
        let done = until_told(run, |done| {
            !is_file || done.file("err").is_some_and(|text| !text.is_empty())
        });
        done.expect_code(3).expect_stdout("out\n");
        if is_file {
            let text = done.file("err").unwrap();
            assert!(
                text.starts_with("axolotl-run: Exit code 3, after ") && text.lines().count() <= 8,
                "{text}"
            );
        }
    }
    let words = ["--record", "--summary", "sh", "-c", "echo out; kill -9 $$"];
    let done = until_told(
        || Launch::new().on_terminal().run(&words),
        |done| done.stdout.contains("axolotl-run: "),
    );
    done.expect_signal(nix::sys::signal::Signal::SIGKILL)
        .expect_in_stdout("axolotl-run: Killed, after ");
    let quiet = Launch::new().run(&["--record", "sh", "-c", "exit 3"]);
    quiet.expect_code(3).expect_stderr("");
}

#[test]
fn a_page_of_continuous_integration_gets_six_lines_and_the_run_nothing() {
    let place = tempfile::tempdir().unwrap();
    let path = |name: &str| place.path().join(name).display().to_string();
    fs::write(path("page"), "before").unwrap();
    fs::create_dir(path("directory")).unwrap();
    nix::unistd::mkfifo(&place.path().join("fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let words = ["--record", "--ci-summary", "sh", "-c", "echo out; exit 3"];
    let mut pages = 0;
    for name in ["page", "page", "new", "directory", "fifo", "none/page", ""] {
        let begin = Instant::now();
        let target = if name.is_empty() {
            String::new()
        } else {
            path(name)
        };
        let done = Launch::new().env("GITHUB_STEP_SUMMARY", target).run(&words);
        done.expect_code(3).expect_stdout("out\n").expect_stderr("");
        assert_within(begin.elapsed(), Duration::from_secs(10), name);
        // The page is written behind the finish event.
        let lines = || fs::read_to_string(path(name)).map_or(0, |text| text.lines().count());
        pages += usize::from(name == "page");
        let expected = if name == "page" { 1 + 6 * pages } else { 6 };
        assert!(
            !["page", "new"].contains(&name) || support::poll_until(|| lines() == expected),
            "{name}: {}",
            lines()
        );
    }
    Launch::new()
        .run(&words)
        .expect_code(3)
        .expect_stdout("out\n")
        .expect_stderr("");
    let page = fs::read_to_string(path("page")).unwrap();
    assert_eq!(page.lines().count(), 13, "{page}");
    assert!(
        page.starts_with("before\n### axolotl-run: Exit code 3, after "),
        "{page}"
    );
    assert_eq!(fs::read_to_string(path("new")).unwrap().lines().count(), 6);
}

/// A command that leaves the run without an observer.
const KILLS_THE_OBSERVER: &str =
    "until set -- $(cat /proc/$PPID/task/$PPID/children) && [ $# -eq 2 ]; do :; done
for child; do [ $child = $$ ] || kill -9 $child; done; exit 3";

#[test]
fn a_run_without_an_observer_is_told_all_the_same() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("file");
    fs::write(&file, "").unwrap();
    for (name, state) in [("recorded", place.path().join("state")), ("not", file)] {
        let page = place.path().join(name);
        let launch = Launch::new()
            .env("GITHUB_STEP_SUMMARY", &page)
            .env("XDG_STATE_HOME", state);
        let done = launch.run(&[
            "--record",
            "--summary",
            "--ci-summary",
            "sh",
            "-c",
            KILLS_THE_OBSERVER,
        ]);
        done.expect_code(3).expect_stdout("");
        assert!(
            done.stderr.starts_with("axolotl-run: ")
                && done.stderr.contains("Exit code 3.")
                && done.stderr.contains("observer was killed"),
            "{}",
            done.stderr
        );
        // Whoever writes it does so after the command's end, which was ours to report.
        assert!(
            support::poll_until(
                || fs::read_to_string(&page).is_ok_and(|text| text.lines().count() == 6)
            ),
            "{name}"
        );
        let text = fs::read_to_string(&page).unwrap();
        assert!(text.starts_with("### axolotl-run: "), "{text}");
        assert!(
            text.contains("| why | ")
                && text.contains("Exit code 3.")
                && text.contains("progress | unknown"),
            "{text}"
        );
    }
}
