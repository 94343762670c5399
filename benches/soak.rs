//! A thousand short runs and a long one against a server that misbehaves, with kills at random moments: what became
//! of every event?
//!
//! `cargo bench --bench soak -- [--runs 1000] [--lines 100000] [--seed 1]`. Runs share state directories, forty to
//! one, four at a time, so that what one leaves the next takes up; of three in ten the observer, the launcher or both
//! are killed. In the end the server is honest and `--send` sends what waits. Then it is counted: created (in a
//! journal) = stored + kept, nothing stored that no journal has, no event under two uuids, one start and one finish
//! for each run. Exit status 1 where that does not hold. A thousand runs need about five minutes.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};
use support::posthog::{Behaviour, Server};

const LAUNCHER: &str = env!("CARGO_BIN_EXE_axolotl-run");
/// Below the number of runs that are kept, so that nothing is deleted before it is counted.
const RUNS_OF_A_HOME: usize = 40;
const AT_ONCE: usize = 4;

/// A small generator of numbers that the seed decides (xorshift).
struct Chance(u64);

impl Chance {
    const fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

fn behaviour(chance: &mut Chance) -> Behaviour {
    match chance.below(100) {
        0..45 => Behaviour::Honest,
        45..50 => Behaviour::NoContent,
        50..60 => Behaviour::StoreThenReset,
        60..70 => Behaviour::Reset,
        70..80 => Behaviour::Status(503),
        80..85 => Behaviour::RetryAfter(429, "0".into()),
        85..90 => Behaviour::Html,
        90..93 => Behaviour::Redirect("http://127.0.0.1:9/".into()),
        93..96 => Behaviour::Garbage,
        96..98 => Behaviour::Status(401),
        _ => Behaviour::Stall,
    }
}

/// Who is killed, and how long after the launcher's start.
#[derive(Clone, Copy)]
struct Blow {
    observer: bool,
    launcher: bool,
    after: Duration,
}

fn blow(chance: &mut Chance) -> Option<Blow> {
    let whom = chance.below(10);
    let after = Duration::from_millis(chance.below(150));
    (whom < 3).then_some(Blow {
        observer: whom != 1,
        launcher: whom != 0,
        after,
    })
}

fn launch(home: &Path, url: &str, command: &[String]) -> Command {
    let mut launch = Command::new(LAUNCHER);
    launch
        .args(command)
        .env_clear()
        .envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
    launch
        .env("HOME", home)
        .env("XDG_STATE_HOME", home)
        .env("AXOLOTL_DO_NOT_TRACK", "0")
        .env("AXOLOTL_RUN_POSTHOG_KEY", "phc_soak")
        .env("AXOLOTL_RUN_POSTHOG_HOST", url)
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    launch
}

/// The observers for which this holds of their arguments.
fn observers(is_meant: impl Fn(&str) -> bool) -> Vec<Pid> {
    let pids = fs::read_dir("/proc").into_iter().flatten().flatten();
    pids.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok())
        .filter(|pid| {
            let arguments = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            arguments.starts_with("axolotl-run-observer") && is_meant(&arguments)
        })
        .map(Pid::from_raw)
        .collect()
}

fn play(home: &Path, url: &str, command: &[String], blow: Option<Blow>) {
    let mut child = launch(home, url, command)
        .stderr(Stdio::null())
        .spawn()
        .expect("the launcher starts");
    let launcher = Pid::from_raw(child.id().cast_signed());
    if let Some(Blow {
        observer,
        launcher: also,
        after,
    }) = blow
    {
        std::thread::sleep(after);
        let word = format!("\"supervisor\":{launcher},");
        let found = if observer {
            observers(|arguments| arguments.replace('\0', " ").contains(&word))
        } else {
            Vec::new()
        };
        for pid in found {
            let _ = kill(pid, Signal::SIGKILL);
        }
        // It is not waited for yet, so the number is nobody else's.
        if also {
            let _ = kill(launcher, Signal::SIGKILL);
        }
    }
    let _ = child.wait();
}

fn short_command(program: &str, chance: &mut Chance) -> Vec<String> {
    let words: &[&str] = match chance.below(4) {
        0 => &["true"],
        1 => &["sh", "-c", "exit 3"],
        2 => &["sh", "-c", "sleep 0.1; kill -SEGV $$"],
        _ => &[program, "--lines", "50"],
    };
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// A training as its output shows it.
fn train(lines: u64) {
    let mut out = std::io::stderr().lock();
    for step in 1..=lines {
        let bar = format!(
            "{}%|####| {step}/{lines} [00:01<00:02, 99.9it/s]\n",
            step * 100 / lines
        );
        if out.write_all(bar.as_bytes()).is_err() {
            return;
        }
    }
}

#[derive(Default, Debug)]
struct Count {
    runs: u64,
    created: u64,
    stored: u64,
    /// Still to be sent.
    waiting: u64,
    /// Never to be sent, with the reason in the journal.
    refused: u64,
    lost: u64,
    /// Runs that do not have exactly one start and one finish.
    unfinished: u64,
    /// Directories without an event: the observer was killed while it made them. Who else is to know that it is not
    /// just about to go on? They are finished an hour later.
    empty: u64,
    /// Events that a journal has twice under two uuids.
    twice: u64,
    /// Stored, but in no journal.
    unknown: u64,
}

fn count(homes: &[tempfile::TempDir], server: &Server) -> Count {
    let mut count = Count::default();
    let stored: HashSet<String> = server
        .stored()
        .iter()
        .map(|event| event["uuid"].to_string())
        .collect();
    let mut known = HashSet::new();
    let mut contents: HashMap<String, String> = HashMap::new();
    for home in homes {
        let answer = ask(home.path(), &["--runs", "--json"]);
        for run in answer["runs"].as_array().into_iter().flatten() {
            let run = run["run"].as_str().unwrap_or_default();
            let mut names = Vec::new();
            let shown = ask(home.path(), &["--show", run, "--json"]);
            for record in shown["events"].as_array().into_iter().flatten() {
                let event = &record["event"];
                let uuid = event["uuid"].to_string();
                let mut content = event.clone();
                content["uuid"] = Value::Null;
                count.created += 1;
                match record["fate"].as_str().unwrap_or_default() {
                    _ if stored.contains(&uuid) => count.stored += 1,
                    fate if fate.starts_with("refused") => count.refused += 1,
                    "waiting to be sent" => count.waiting += 1,
                    _ => count.lost += 1,
                }
                let other = contents.insert(content.to_string(), uuid.clone());
                count.twice += u64::from(other.is_some_and(|other| other != uuid));
                names.push(event["event"].as_str().unwrap_or_default().to_owned());
                known.insert(uuid);
            }
            if names.is_empty() {
                count.empty += 1;
                continue;
            }
            count.runs += 1;
            let number = |name: &str| names.iter().filter(|known| *known == name).count();
            if (number("start"), number("finish")) != (1, 1) {
                count.unfinished += 1;
                println!("{run} has {names:?}");
            }
        }
    }
    count.unknown = stored.difference(&known).count() as u64;
    count
}

/// What the launcher answers about the runs of a home.
fn ask(home: &Path, words: &[&str]) -> Value {
    let output = Command::new(LAUNCHER)
        .args(words)
        .env("XDG_STATE_HOME", home)
        .output()
        .expect("the launcher starts");
    serde_json::from_slice(&output.stdout).unwrap_or_default()
}

/// The runs of one home, some at a time.
fn soak(home: &Path, url: &str, runs: usize, chance: &mut Chance) {
    let program = std::env::current_exe()
        .expect("this program")
        .display()
        .to_string();
    let plays: Vec<_> = (0..runs)
        .map(|_| (short_command(&program, chance), blow(chance)))
        .collect();
    let next = Mutex::new(plays.into_iter());
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some((command, blow)) = { next.lock().expect("no panic").next() } {
                    play(home, url, &command, blow);
                }
            });
        }
    });
}

fn long_run(home: &Path, url: &str, lines: u64) -> bool {
    let program = std::env::current_exe()
        .expect("this program")
        .display()
        .to_string();
    let command = [program, "--lines".into(), lines.to_string()];
    let output = launch(home, url, &command)
        .stderr(Stdio::piped())
        .output()
        .expect("the launcher starts");
    output.status.success()
        && output.stderr.iter().filter(|byte| **byte == b'\n').count() as u64 == lines
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |name: &str, default: u64| {
        let at = arguments.iter().position(|argument| argument == name);
        at.and_then(|at| arguments.get(at + 1)?.parse().ok())
            .unwrap_or(default)
    };
    if !arguments.iter().any(|argument| argument == "--bench") {
        train(number("--lines", 0));
        return ExitCode::SUCCESS;
    }
    let (runs, lines, seed) = (
        number("--runs", 1000),
        number("--lines", 100_000),
        number("--seed", 1),
    );
    let mut chance = Chance(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).max(1));
    let server = Server::start();
    server.script(
        std::iter::repeat_with(|| behaviour(&mut chance))
            .take(200_000)
            .collect::<Vec<_>>(),
    );
    let began = Instant::now();
    let mut homes = Vec::new();
    let mut left = runs as usize;
    while left > 0 {
        let home = tempfile::tempdir().expect("a temporary directory");
        let some = left.min(RUNS_OF_A_HOME);
        soak(home.path(), &server.url(), some, &mut chance);
        left -= some;
        homes.push(home);
    }
    let long = tempfile::tempdir().expect("a temporary directory");
    let whole = long_run(long.path(), &server.url(), lines);
    homes.push(long);
    // Whoever still tries gives up after half a minute.
    let words: Vec<String> = homes
        .iter()
        .map(|home| format!("XDG_STATE_HOME={}", home.path().display()))
        .collect();
    let is_ours = |pid: &Pid| {
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        words.iter().any(|word| {
            environment
                .split(|byte| *byte == 0)
                .any(|one| one == word.as_bytes())
        })
    };
    let deadline = Instant::now() + Duration::from_secs(60);
    while observers(|_| true).iter().any(is_ours) && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(200));
    }
    server.be_honest();
    for home in &homes {
        let _ = launch(home.path(), &server.url(), &["--send".into()])
            .stderr(Stdio::null())
            .status();
    }
    let count = count(&homes, &server);
    println!(
        "seed {seed}: {runs} short runs and one of {lines} lines, {} requests, {:.0} s",
        server.requests().len(),
        began.elapsed().as_secs_f64()
    );
    println!("{count:#?}\nof the long run's output every line arrived: {whole}");
    println!(
        "runs whose observer was killed before it had a journal: {}",
        runs + 1 - count.runs - count.empty
    );
    let kept = count.waiting + count.refused;
    let sound = count.created == count.stored + kept
        && count.lost + count.unfinished + count.twice + count.unknown == 0;
    println!(
        "created {} = stored {} + kept {kept}: {sound}",
        count.created, count.stored
    );
    if sound && whole {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
