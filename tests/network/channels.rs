//! The user's own channels with the real program: what arrives, what a faulty one costs the run, and that an address is
//! seen nowhere.

use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use support::observed::{Recorded, STARTED, files, state, until_recorded};
use support::posthog::{Behaviour, Request, Server};
use support::{Done, Launch, assert_within, poll_until};

/// What an address holds that nobody may see.
const CANARY: &str = "canary5ecret";

fn address(server: &Server) -> String {
    format!("{}/{CANARY}?key={CANARY}", server.url())
}

/// The lines of the run's own record of messages.
fn notified(run: &Recorded) -> Vec<Value> {
    let text = fs::read_to_string(run.directory.join("notify.jsonl")).unwrap_or_default();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Polls until so many messages are settled.
#[track_caller]
fn until_notified(home: &Path, count: usize) -> Vec<Value> {
    let run = until_recorded(&state(home), |run| notified(run).len() >= count);
    notified(&run)
}

/// Polls until there is no more than a file's text to be read.
#[track_caller]
fn until_text(path: &PathBuf) -> String {
    assert!(poll_until(
        || fs::read_to_string(path).is_ok_and(|text| text.ends_with('\n'))
    ));
    fs::read_to_string(path).unwrap()
}

fn silent(done: &Done, code: i32) {
    done.expect_code(code).expect_stdout("").expect_stderr("");
}

/// What a request says, as it came.
fn body(request: &Request) -> String {
    let raw = String::from_utf8_lossy(&request.raw).into_owned();
    let (_, body) = raw.split_once("\r\n\r\n").unwrap();
    body.to_owned()
}

fn document(request: &Request) -> Value {
    serde_json::from_str(&body(request)).unwrap()
}

fn accepting() -> Server {
    let server = Server::start();
    server.always(Behaviour::Status(200));
    server
}

#[test]
fn the_end_is_told_to_every_channel_in_the_form_that_it_understands() {
    let server = accepting();
    let launch = Launch::new();
    let told = launch.home().join("told");
    let new = launch.home().join("new");
    let (told_path, new) = (told.display(), new.display());
    let command = format!(
        "{{ cat; echo \"$AXOLOTL_RUN_OCCASION $AXOLOTL_RUN_OUTCOME\"; }} >{new}; mv {new} {told_path}"
    );
    let slack = format!("--notify=slack+{}/{CANARY}", server.url());
    let own = address(&server);
    let words = ["--notify", &own, &slack, "--notify", &command];
    let done = launch.run(&[&words[..], &["sh", "-c", "sleep 0.1; exit 3"]].concat());
    silent(&done, 3);
    for line in until_notified(done.home(), 3) {
        assert_eq!(line["outcome"], "arrived", "{line}");
        assert_eq!(line["occasion"], "end", "{line}");
    }
    let requests = server.requests();
    let asked = requests.iter().find(|request| request.target.contains('?'));
    let own = document(asked.unwrap());
    assert_eq!(own["exit_code"], 3);
    assert_eq!(own["name"], "sh");
    assert!(
        !own.to_string().contains(done.home().to_str().unwrap()),
        "{own}"
    );
    let asked = requests
        .iter()
        .find(|request| !request.target.contains('?'));
    let slack = document(asked.unwrap());
    let said = slack["text"].as_str().unwrap();
    assert!(said.contains("Exit code 3") && slack.as_object().unwrap().len() == 1);
    let text = until_text(&told);
    assert!(text.ends_with("\nend error\n"), "{text}");
    let given: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    assert_eq!(given["outcome"], "error");
    let report = report(&done);
    report
        .expect_in_stdout("end: json, arrived")
        .expect_in_stdout("end: slack, arrived");
}

/// The report of the only run in this home.
fn report(done: &Done) -> Done {
    Launch::new()
        .env("XDG_STATE_HOME", state(done.home()))
        .run(&["--report"])
}

#[test]
fn a_faulty_channel_costs_the_run_a_moment_and_no_exit_code() {
    let refusing = {
        // Nobody listens there any more.
        let server = Server::start();
        format!("{}/", server.url())
    };
    let faults = [
        (Behaviour::Stall, 1500),
        (Behaviour::Reset, 1500),
        (Behaviour::Garbage, 1500),
        (Behaviour::Status(404), 1500),
        (Behaviour::RetryAfter(429, "30".into()), 1500),
    ];
    let mut channels: Vec<(Option<Server>, String)> = vec![
        (None, refusing),
        (None, "sleep 1000".into()),
        (None, "exit 7".into()),
        (None, "kill -9 $$".into()),
        (None, "/nonexistent/program".into()),
    ];
    for (fault, _) in faults {
        let server = Server::start();
        server.always(fault);
        let address = server.url();
        channels.push((Some(server), address));
    }
    std::thread::scope(|scope| {
        for (_server, channel) in &channels {
            scope.spawn(move || {
                let begin = Instant::now();
                let done =
                    Launch::new().run(&["--notify", channel, "sh", "-c", "echo out; exit 5"]);
                let what = format!("the end beside {channel}");
                // 1.5 s, and the program's own start and end.
                assert_within(begin.elapsed(), Duration::from_millis(2500), &what);
                done.expect_code(5).expect_stdout("out\n").expect_stderr("");
            });
        }
    });
}

#[test]
fn what_may_pass_is_tried_again_and_what_cannot_is_not() {
    for (fault, attempts, outcome) in [
        (Behaviour::Status(503), 2, "arrived"),
        (Behaviour::Reset, 2, "arrived"),
        (Behaviour::RetryAfter(429, "0".into()), 2, "arrived"),
        (Behaviour::Status(404), 1, "status"),
        (
            Behaviour::Redirect("http://127.0.0.1:9/".into()),
            1,
            "status",
        ),
    ] {
        let server = accepting();
        server.script([fault.clone()]);
        let done = Launch::new().run(&["--notify", &server.url(), "true"]);
        silent(&done, 0);
        let lines = until_notified(done.home(), 1);
        assert_eq!(lines[0]["outcome"], outcome, "{fault:?}");
        assert_eq!(lines[0]["attempts"], attempts, "{fault:?}");
    }
    let done = Launch::new().run(&["--notify", "exit 7", "true"]);
    let lines = until_notified(done.home(), 1);
    assert_eq!(
        (&lines[0]["why"], &lines[0]["attempts"]),
        (&7.into(), &3.into())
    );
    report(&done).expect_in_stdout("end: command, exit code 7 (3 attempts)");
}

/// A training that prints steps and stays until the file `go` is there.
const TRAINS: &str = "
def log(step, loss):
    print({'loss': loss, 'grad_norm': 1.0, 'learning_rate': 1e-5, 'epoch': step / 100}, file=sys.stderr, flush=True)
def until_told():
    end = time.monotonic() + 60
    while not os.path.exists('told') and time.monotonic() < end:
        time.sleep(0.02)
";

#[test]
fn a_loss_that_is_no_number_is_told_while_the_training_goes_on() {
    let launch = Launch::new();
    let script = format!(
        "{STARTED}{TRAINS}
for step in range(1, 4): log(step, 1.5)
log(4, float('nan'))
until_told()
sys.exit(0 if os.path.exists('told') else 1)"
    );
    let command = r#"[ "$AXOLOTL_RUN_OCCASION" = end ] || { cat >new; mv new told; }"#;
    let done = launch.run(&["--notify", command, "python3", "-c", &script]);
    done.expect_code(0);
    let told: Value = serde_json::from_str(&done.file("told").unwrap()).unwrap();
    assert_eq!(told["occasion"], "loss_not_finite");
    assert!(
        told["text"].as_str().unwrap().starts_with("loss nan"),
        "{told}"
    );
    let lines = until_notified(done.home(), 2);
    // The first may still be on its way when the second begins.
    let occasions: BTreeSet<_> = lines
        .iter()
        .map(|line| line["occasion"].to_string())
        .collect();
    assert_eq!(occasions.len(), lines.len(), "once each: {lines:?}");
}

#[test]
fn an_address_is_seen_nowhere() {
    // Of its own: the launchers of the other tests show theirs until they have read it.
    let canary = "canary7alone";
    let server = accepting();
    let launch = Launch::new();
    let look = "
import glob
OWN = os.environ['AXOLOTL_RUN_ID'].encode()
def words(path):
    try:
        return open(path, 'rb').read()
    except OSError:
        return b''
seen = [path for path in glob.glob('/proc/[0-9]*/cmdline') if MARK in words(path)]
observers = [path for path in glob.glob('/proc/[0-9]*/cmdline') if words(path).startswith(b'axolotl-run-observer') and OWN in words(path)]
print('seen', seen, 'observers', len(observers), 'environment', MARK in words('/proc/self/environ'))
";
    // The canary in halves: the script's own command line is looked at, too.
    let (head, tail) = canary.split_at(5);
    let script = format!("{STARTED}MARK = b'{head}' + b'{tail}'\n{look}");
    let again = address(&server).replace(CANARY, canary);
    let typed = format!("--notify={again}");
    let done = launch.run(&[
        "--summary",
        &typed,
        "--notify",
        &again,
        "--notify",
        &format!(": {canary}"),
        "python3",
        "-c",
        &script,
    ]);
    done.expect_code(0)
        .expect_stdout("seen [] observers 1 environment False\n");
    until_notified(done.home(), 2);
    assert!(!done.stderr.contains(canary));
    let run = Recorded::only(&state(done.home()));
    run.until_released();
    for (path, bytes) in files(done.home()) {
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains(canary), "{}", path.display());
    }
    for question in [
        &["--report"][..],
        &["--show"],
        &["--report", "--json"],
        &["--report", "--html", "-"],
    ] {
        let answer = Launch::new()
            .env("XDG_STATE_HOME", state(done.home()))
            .run(question);
        assert!(!answer.stdout.contains(canary), "{question:?}");
    }
    assert!(
        server.requests().len() == 1,
        "the same address is told once"
    );
}

#[test]
fn a_channel_is_tried_and_stored_without_being_shown() {
    let server = accepting();
    let own = address(&server);
    let home = tempfile::tempdir().unwrap();
    let at_home = || Launch::new().env("HOME", home.path());
    let ours = "json at 127.0.0.1: arrived\n";
    at_home()
        .run(&["--notify", &own, "--notify-test"])
        .expect_code(0)
        .expect_stdout(ours);
    at_home()
        .run(&["--notify-test"])
        .expect_code(1)
        .expect_in_stderr("there is nobody to tell");
    let stored = at_home().run(&["--notify", &own, "--notify", "exit 3", "--notify-store"]);
    stored
        .expect_code(0)
        .expect_in_stdout("told of every observed run: json at 127.0.0.1, command\n");
    assert!(!stored.stdout.contains(CANARY));
    let tested = at_home().run(&["--notify-test"]);
    tested
        .expect_code(1)
        .expect_stdout(&format!("{ours}command: exit code 3\n"));
    server.always(Behaviour::Status(200));
    let before = server.requests().len();
    silent(&at_home().run(&["--record", "true"]), 0);
    assert!(
        server.wait_until(|requests, _| requests.len() > before),
        "the stored one is told"
    );
    // Where nothing is observed, nobody is told.
    silent(&at_home().env("DO_NOT_TRACK", "1").run(&["true"]), 0);
    at_home()
        .run(&["--notify-store"])
        .expect_stdout("nobody is stored\n");
    at_home().run(&["--notify-test"]).expect_code(1);
    for (wrong, said) in [
        ("htps://canary5ecret/", "an address begins with `https://`"),
        ("", "it is empty"),
    ] {
        let refused = at_home().run(&["--notify", wrong, "true"]);
        refused
            .expect_code(125)
            .expect_in_stderr(said)
            .expect_not_in_stderr(CANARY);
    }
}

#[test]
fn whoever_asked_is_told_even_if_the_observer_is_killed() {
    let server = accepting();
    let script = format!(
        "{STARTED}
import signal
for path in glob.glob('/proc/[0-9]*/stat'):
    try:
        fields = open(path).read()
        words = open(path[:-4] + 'cmdline').read()
    except OSError:
        continue
    if words.startswith('axolotl-run-observer') and '\"supervisor\":%d,' % os.getppid() in words:
        os.kill(int(fields.split()[0]), signal.SIGKILL)
time.sleep(0.2)
sys.exit(4)"
    );
    let done = Launch::new().run(&["--notify", &server.url(), "python3", "-c", &script]);
    done.expect_code(4);
    assert!(server.wait_until(|requests, _| !requests.is_empty()));
    assert_eq!(document(&server.requests()[0])["exit_code"], 4);
    until_notified(done.home(), 1);
}
