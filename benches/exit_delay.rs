//! How much later a command's launcher ends than the command, for each way in which a server can fail.
//!
//! `cargo bench --bench exit_delay`. The command is this program in another role: the last thing it does is to write
//! down the time. What a process's end takes without a launcher is measured first and taken off. Printed beside it is
//! what the client in use today costs, as measured for its own paper. Exit status 1 where a bound is not kept or an
//! event is lost. Needs two minutes, of which most is waiting for observers that go on trying for half a minute.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use std::ffi::OsString;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};
use support::posthog::{Behaviour, Server};

const SHORT_RUNS: usize = 9;
const LONG_RUNS: usize = 3;
/// Longer than the start event waits (five seconds, where no Python is found) and the first answer may take, so that
/// the server's state is known by the end.
const LONG: Duration = Duration::from_secs(7);
/// When the signal is sent, after the command's end.
const SIGNAL_AFTER: Duration = Duration::from_millis(30);

/// One way to fail, and what is expected of us.
struct Fault {
    name: &'static str,
    url: String,
    /// Milliseconds that may be added to a command's end: at once, and where the server's state is known by then.
    bounds: [f64; 2],
    signal: Option<Signal>,
    /// What posthog-python 6.7.11 adds, and what becomes of its events.
    today: &'static str,
    home: tempfile::TempDir,
    /// What must live on for the fault to last.
    _server: Option<Server>,
    _sockets: (Option<TcpListener>, Vec<TcpStream>),
}

impl Fault {
    fn new(name: &'static str, url: &str, bounds: [f64; 2], today: &'static str) -> Self {
        let home = tempfile::tempdir().expect("a temporary directory");
        let (signal, _server, _sockets) = (None, None, (None, Vec::new()));
        Self {
            name,
            url: url.to_owned(),
            bounds,
            signal,
            today,
            home,
            _server,
            _sockets,
        }
    }

    fn behaving(
        name: &'static str,
        behaviour: Behaviour,
        bounds: [f64; 2],
        today: &'static str,
    ) -> Self {
        let server = Server::start();
        server.always(behaviour);
        Self {
            _server: Some(server),
            ..Self::new(name, "", bounds, today)
        }
        .at_its_server()
    }

    fn at_its_server(self) -> Self {
        Self {
            url: self._server.as_ref().map_or_else(String::new, Server::url),
            ..self
        }
    }

    /// What `--runs` says of all runs together: events made, delivered, waiting.
    fn counts(&self) -> (u64, u64, u64) {
        let output = Command::new(env!("CARGO_BIN_EXE_axolotl-run"))
            .args(["--runs", "--json"])
            .env("XDG_STATE_HOME", self.home.path())
            .output()
            .expect("the launcher starts");
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        let mut counts = (0, 0, 0);
        for run in answer["runs"].as_array().into_iter().flatten() {
            counts.0 += run["events"].as_u64().unwrap_or(0);
            counts.1 += run["delivered"].as_u64().unwrap_or(0);
            counts.2 += run["waiting"].as_u64().unwrap_or(0);
        }
        counts
    }
}

/// A listener whose kernel drops further connections silently.
fn dropping() -> (String, (Option<TcpListener>, Vec<TcpStream>)) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    nix::sys::socket::listen(&listener, nix::sys::socket::Backlog::new(0).expect("zero"))
        .expect("a listener");
    let address = listener.local_addr().expect("an address");
    let connect = || TcpStream::connect_timeout(&address, Duration::from_millis(300)).ok();
    let waiting = std::iter::from_fn(connect).take(100).collect();
    (format!("http://{address}"), (Some(listener), waiting))
}

fn faults() -> Vec<Fault> {
    let refused = TcpListener::bind("127.0.0.1:0")
        .and_then(|it| it.local_addr())
        .expect("a free port");
    let (dropped, _sockets) = dropping();
    let (soon, wait) = ([50.0, 50.0], [1500.0, 50.0]);
    vec![
        Fault::behaving("healthy", Behaviour::Honest, soon, "0.97 to 1.04 s, arrive"),
        Fault::new(
            "refused",
            &format!("http://{refused}"),
            soon,
            "3.0 to 5.4 s, lost",
        ),
        Fault::new("no such name", "http://posthog.invalid", soon, ""),
        Fault::behaving(
            "never answers",
            Behaviour::Stall,
            wait,
            "63 to 66 s; 195 s with 250 events, lost",
        ),
        Fault {
            signal: Some(Signal::SIGTERM),
            ..Fault::behaving("  then SIGTERM", Behaviour::Stall, soon, "")
        },
        Fault {
            _sockets,
            ..Fault::new("drops SYN", &dropped, wait, "183 to 185 s (https), lost")
        },
        Fault::behaving("drips its answer", Behaviour::SlowBody, wait, ""),
        Fault::behaving("resets", Behaviour::Reset, soon, ""),
        Fault::behaving("stores, then resets", Behaviour::StoreThenReset, soon, ""),
        Fault::behaving("answers HTML", Behaviour::Html, soon, ""),
        Fault::behaving("503", Behaviour::Status(503), soon, ""),
        Fault::behaving(
            "429, 3600 s",
            Behaviour::RetryAfter(429, "3600".into()),
            soon,
            "",
        ),
        Fault::behaving("401", Behaviour::Status(401), soon, ""),
    ]
}

/// Nanoseconds of a clock that all processes share.
fn now() -> i64 {
    let time = nix::time::clock_gettime(nix::time::ClockId::CLOCK_MONOTONIC)
        .expect("every Linux has this clock");
    time.tv_sec() * 1_000_000_000 + time.tv_nsec()
}

/// Milliseconds from a command's end to its launcher's, or from the signal to it.
fn delay(fault: Option<&Fault>, lives: Duration) -> f64 {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let told = directory.path().join("end");
    let role = [
        OsString::from("--role"),
        lives.as_secs().to_string().into(),
        told.clone().into(),
    ];
    let program = std::env::current_exe().expect("this program");
    let mut command = match fault {
        None => Command::new(&program),
        Some(_) => Command::new(env!("CARGO_BIN_EXE_axolotl-run")),
    };
    command
        .args(fault.map(|_| program))
        .args(role)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    for name in [
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "http_proxy",
        "https_proxy",
        "all_proxy",
        "DO_NOT_TRACK",
    ] {
        command.env_remove(name);
    }
    if let Some(fault) = fault {
        command
            .env("AXOLOTL_DO_NOT_TRACK", "0")
            .env("AXOLOTL_RUN_POSTHOG_KEY", "phc_bench")
            .env("AXOLOTL_RUN_POSTHOG_HOST", &fault.url)
            .env("XDG_STATE_HOME", fault.home.path());
    }
    let mut child = command.spawn().expect("it starts");
    let mut signalled = None;
    if let Some(signal) = fault.and_then(|fault| fault.signal) {
        while !told.exists() {
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(SIGNAL_AFTER);
        signalled = Some(now());
        let _ = kill(Pid::from_raw(child.id().cast_signed()), signal);
    }
    child.wait().expect("it ends");
    let end = now();
    let began = signalled.unwrap_or_else(|| {
        std::fs::read_to_string(&told)
            .ok()
            .and_then(|it| it.parse().ok())
            .expect("a time")
    });
    (end - began) as f64 / 1e6
}

fn median(mut of: Vec<f64>) -> (f64, f64) {
    of.sort_by(f64::total_cmp);
    (of[of.len() / 2], of[of.len() - 1])
}

fn measure(fault: &Fault, bare: f64) -> [(f64, f64); 2] {
    [(SHORT_RUNS, Duration::ZERO), (LONG_RUNS, LONG)].map(|(runs, lives)| {
        let one = || delay(Some(fault), lives) - bare;
        let delays = match lives {
            Duration::ZERO => (0..runs).map(|_| one()).collect(),
            // They mostly wait, so they can do so together.
            _ => std::thread::scope(|scope| {
                let runs: Vec<_> = (0..runs).map(|_| scope.spawn(one)).collect();
                runs.into_iter().filter_map(|run| run.join().ok()).collect()
            }),
        };
        let (typical, worst) = median(delays);
        (typical.max(0.0), worst.max(0.0))
    })
}

/// Events made, of these delivered, and of these kept for the next start, once no observer has them any more.
fn fate(fault: &Fault) -> (u64, u64, u64) {
    let deadline = Instant::now() + Duration::from_secs(45);
    loop {
        let (made, delivered, kept) = fault.counts();
        if delivered + kept == made || Instant::now() > deadline {
            return (made, delivered, kept);
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn play(seconds: &str, told: &Path) -> ExitCode {
    std::thread::sleep(Duration::from_secs(seconds.parse().unwrap_or_default()));
    let new = told.with_extension("new");
    let written = std::fs::write(&new, now().to_string()).and_then(|()| std::fs::rename(new, told));
    if written.is_ok() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, role, seconds, told] = &arguments[..]
        && role == "--role"
    {
        return play(seconds, Path::new(told));
    }
    if !arguments.iter().any(|argument| argument == "--bench") {
        println!("`cargo bench --bench exit_delay` measures");
        return ExitCode::SUCCESS;
    }
    let (bare, _) = median(
        (0..SHORT_RUNS)
            .map(|_| delay(None, Duration::ZERO))
            .collect(),
    );
    println!(
        "milliseconds added to the command's exit, median / worst (a bare exit takes {bare:.1})\n"
    );
    println!(
        "{:20} {:>17} {:>17}  {:>5} {:>9} {:>5}   the client in use today",
        "the server", "command of 0 s", "command of 7 s", "made", "delivered", "kept"
    );
    let faults = faults();
    let measured: Vec<_> = faults.iter().map(|fault| measure(fault, bare)).collect();
    let mut kept_all = true;
    for (fault, delays) in faults.iter().zip(measured) {
        let (made, delivered, kept) = fate(fault);
        let in_time = delays
            .iter()
            .zip(fault.bounds)
            .all(|((typical, _), bound)| *typical <= bound);
        let whole = delivered + kept == made && made == 2 * (SHORT_RUNS + LONG_RUNS) as u64;
        kept_all = kept_all && in_time && whole;
        let [short, long] = delays.map(|(typical, worst)| format!("{typical:.1} / {worst:.1}"));
        let verdict = if in_time && whole {
            ""
        } else {
            "   <-- not as promised"
        };
        println!(
            "{:20} {short:>17} {long:>17}  {made:>5} {delivered:>9} {kept:>5}   {}{verdict}",
            fault.name, fault.today
        );
    }
    if kept_all {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
