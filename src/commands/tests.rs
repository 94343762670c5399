//! What `--runs`, `--show`, `--status` and `--send` say, for people and for programs.

pub(super) mod documents;

use super::output::{ANSWERED, AnswerForm, AnswerOutput, AnswerResult, FAILED};
use super::recorded::{forget, runs, send, show};
use super::status;
use crate::delivery::{Certificates, Destination};
use crate::store::decision::StoredDecision;
use crate::store::tests::recorded;
use crate::store::{Importance, RecordedRun, Sending, Store, StoreProblem};
use crate::ui::{Complaint, OutputTerminal};
use axolotl_run_core::consent;
use axolotl_run_core::event::{Dropped, Event, Finish};
use axolotl_run_core::public::PublicStr;
use serde_json::{Value, json};
use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};
use support::posthog::{Behaviour, Server};
use uuid::Uuid;

fn on() -> consent::Decision {
    consent::Decision {
        telemetry: consent::Telemetry::On,
        cause: consent::Cause::AxolotlDoNotTrack { value: "0".into() },
        notice: false,
        warning: None,
    }
}

fn off() -> consent::Decision {
    consent::Decision {
        telemetry: consent::Telemetry::Off,
        cause: consent::Cause::DoNotTrack { value: "1".into() },
        ..on()
    }
}

struct Home {
    recorded: recorded::Home,
    store: Store,
}

/// What a query printed, and its exit status.
#[derive(Debug)]
struct Said {
    status: u8,
    out: String,
    err: String,
}

impl Said {
    fn by(form: AnswerForm, query: impl FnOnce(&mut AnswerOutput) -> AnswerResult) -> Self {
        let mut err = String::new();
        let mut answer_output = AnswerOutput { form, ..plain() };
        let status = query(&mut answer_output).unwrap_or_else(|complaint| {
            err = complaint.render(false);
            FAILED
        });
        Self {
            status,
            out: answer_output.text,
            err,
        }
    }

    fn json(&self) -> Value {
        assert_eq!(self.out.lines().count(), 1, "{self:?}");
        let mut document: Value = serde_json::from_str(&self.out).unwrap();
        let version = document.as_object_mut().unwrap().remove("version");
        assert_eq!(version, Some(1.into()), "each is versioned");
        document
    }
}

/// Output that is no terminal.
fn plain() -> AnswerOutput {
    AnswerOutput {
        text: String::new(),
        terminal: OutputTerminal::default(),
        form: AnswerForm::Text,
        now: SystemTime::now(),
    }
}

impl Home {
    fn new() -> Self {
        let recorded = recorded::Home::new();
        Self {
            store: recorded.store(),
            recorded,
        }
    }

    /// A finished run of three events that began some minutes ago.
    fn run(&self, sending: Sending, minutes: u64) -> (Uuid, Vec<String>) {
        let began = SystemTime::now() - Duration::from_secs(60 * minutes);
        self.recorded.recorded_at(began, sending, &events())
    }

    fn file(&self, run: Uuid, name: &str) -> PathBuf {
        self.recorded.run(run).join(name)
    }

    fn runs(&self, form: AnswerForm) -> Said {
        Said::by(form, |answer_output| {
            runs::print(Some(&self.store), answer_output)
        })
    }

    fn show(&self, prefix: Option<&str>, form: AnswerForm) -> Said {
        Said::by(form, |answer_output| {
            show::print(Some(&self.store), prefix, answer_output)
        })
    }

    fn send(&self, url: &str, consent: consent::Decision, form: AnswerForm) -> Said {
        let destination = destination(url, "phc_test");
        let certificates = Certificates::default();
        let upload = send::SendRequest {
            consent,
            destination,
            certificates,
            tries: None,
            shows_progress: false,
        };
        Said::by(form, |answer_output| {
            send::run(Some(&self.store), upload, answer_output)
        })
    }
}

fn events() -> [Event; 3] {
    [
        recorded::start(),
        recorded::progress(5),
        Event::Finish(Box::new(Finish {
            outcome: Some(PublicStr::constant("error")),
            total_steps: Some(7),
            dropped: Some(Dropped {
                long_lines: Some(3),
                ..Dropped::default()
            }),
            ..Finish::default()
        })),
    ]
}

fn destination(url: &str, key: &str) -> Destination {
    Destination::configured(&|name| match name {
        "AXOLOTL_RUN_POSTHOG_HOST" => Some(url.into()),
        "AXOLOTL_RUN_POSTHOG_KEY" => Some(key.into()),
        _ => None,
    })
}

#[test]
fn the_runs_are_listed_with_the_latest_first() {
    let home = Home::new();
    let (older, _) = home.run(Sending::Permitted, 9);
    let (newer, _) = home.run(Sending::Forbidden, 1);
    let said = home.runs(AnswerForm::Text);
    let lines: Vec<&str> = said.out.lines().collect();
    assert_eq!((said.status, lines.len(), said.err.as_str()), (0, 3, ""));
    assert!(
        lines[1].starts_with(&newer.to_string()[..8])
            && lines[1].ends_with("Failed   7      3 here     -"),
        "{said:?}"
    );
    assert!(
        lines[2].starts_with(&older.to_string()[..8])
            && lines[2].ends_with("Failed   7      3 waiting  -"),
        "{said:?}"
    );
    let json = home.runs(AnswerForm::Json).json();
    assert_eq!(json["runs"][0]["run"], newer.to_string());
    assert_eq!(json["runs"][1]["waiting"], 3);
    assert_eq!(
        (&json["runs"][0]["consent"], &json["runs"][1]["consent"]),
        (&json!(false), &json!(true))
    );
}

#[test]
fn without_runs_there_is_one_clear_line() {
    for (form, expected_out) in [
        (AnswerForm::Text, ""),
        (AnswerForm::Json, "{\"runs\":[],\"version\":1}\n"),
    ] {
        let said = Said::by(form, |answer_output| runs::print(None, answer_output));
        assert_eq!((said.status, said.out.as_str()), (FAILED, expected_out));
        assert_eq!(said.err.is_empty(), form == AnswerForm::Json);
    }
}

#[test]
fn a_run_is_shown_with_its_exact_events_and_what_was_missed() {
    let home = Home::new();
    let (run, lines) = home.run(Sending::Permitted, 1);
    home.run(Sending::Permitted, 60);
    let said = home.show(None, AnswerForm::Text);
    assert_eq!(said.status, 0, "{said:?}");
    assert!(
        said.out.starts_with(&format!("run      {run}\n")),
        "{said:?}"
    );
    assert!(said.out.contains("outcome  Failed, 7 steps\n"), "{said:?}");
    for line in &lines {
        let member: Value = serde_json::from_str(line).unwrap();
        let exact = serde_json::to_string_pretty(&member).unwrap();
        assert!(said.out.contains(&exact), "{said:?}");
    }
    assert_eq!(said.out.matches("waiting to be sent").count(), 3);
    assert!(
        said.out
            .ends_with("\nmissed   lines of output too long to be read: 3\n"),
        "{said:?}"
    );

    let json = home
        .show(Some(&run.to_string()[..6].to_uppercase()), AnswerForm::Json)
        .json();
    let members: Vec<String> = json["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["event"].to_string())
        .collect();
    assert_eq!(members, lines);
    assert_eq!(json["missed"].as_array().unwrap().len(), 1);
}

#[test]
fn a_changed_journal_is_shown_without_harm() {
    let home = Home::new();
    let (run, lines) = home.run(Sending::Permitted, 1);
    let evil = lines[1].replace("\"step\"", "\"\u{9b}31m\u{202e}step\"");
    fs::write(
        home.file(run, "events.jsonl"),
        format!("{}\n{evil}\nnonsense\n", lines[0]),
    )
    .unwrap();
    let said = home.show(None, AnswerForm::Text);
    assert!(
        said.out
            .contains("refused: holds what is not on the published list"),
        "{said:?}"
    );
    assert!(
        said.out
            .contains("1 line of the journal that cannot be read"),
        "{said:?}"
    );
    assert!(!said.out.contains(['\u{9b}', '\u{202e}']), "{said:?}");
}

#[test]
fn a_run_that_is_not_there_or_not_clear_has_one_clear_line() {
    let home = Home::new();
    let said = home.show(None, AnswerForm::Text);
    assert_eq!((said.status, said.out.as_str()), (1, ""));
    assert!(
        said.err
            .starts_with("axolotl-run: error: no run is recorded\n\nhint: "),
        "{said:?}"
    );
    for _ in 0..17 {
        home.run(Sending::Forbidden, 1);
    }
    let runs = home.store.runs(SystemTime::now());
    let begin_with = |digit: &String| {
        let ours = |run: &&RecordedRun| run.run_id.to_string().starts_with(digit);
        runs.iter().filter(ours).count()
    };
    let twice = (0..16)
        .map(|digit| format!("{digit:x}"))
        .find(|digit| begin_with(digit) > 1);
    let said = home.show(twice.as_deref(), AnswerForm::Text);
    assert_eq!(said.status, 1);
    assert!(
        said.err
            .contains(&format!("begin with `{}`", twice.unwrap())),
        "{said:?}"
    );
    let said = home.show(Some("xyz\u{1b}[2J"), AnswerForm::Json);
    assert_eq!(
        said.err.lines().next(),
        Some("axolotl-run: error: no recorded run begins with `xyz\\u001b[2J`")
    );
}

#[test]
fn the_status_names_the_state_its_cause_and_what_is_wrong() {
    let home = Home::new();
    home.run(Sending::Permitted, 1);
    home.run(Sending::Forbidden, 1);
    let stored = StoredDecision::Decision(consent::Stored {
        telemetry: consent::Telemetry::On,
        recording: consent::Recording::OnRequest,
        policy_version: 2,
        decided: Some("2026-11-22".into()),
    });
    let facts = status::StatusFacts {
        consent: off(),
        destination: &destination("https://eu.posthog.com/", "phc_secret"),
        store: Ok(Some(&home.store)),
        withdrawn: None,
        channels: Vec::new(),
        decision: &stored,
    };
    let said = Said::by(AnswerForm::Text, |answer_output| {
        status::print(&facts, answer_output)
    });
    let expected = format!(
        "telemetry  off: DO_NOT_TRACK=1 in the environment\ndecision   on (policy 2, 2026-11-22)\nrecording  with --record only, on this machine\n\
         endpoint   https://eu.i.posthog.com\nserver     not contacted yet\nkey        present\nwaiting    3 events of 1 run\nstate      {}\n",
        home.store.path().display()
    );
    let (state, dictionary) = said.out.split_once("dictionary ").unwrap();
    assert_eq!((said.status, state), (0, expected.as_str()));
    assert!(
        dictionary.starts_with("as of 20") && dictionary.contains(" functions, "),
        "{dictionary}"
    );
    let json = Said::by(AnswerForm::Json, |answer_output| {
        status::print(&facts, answer_output)
    })
    .json();
    assert!(
        json["dictionary"]["functions"].as_u64() > Some(240_000),
        "{json}"
    );
    assert_eq!(
        (&json["telemetry"], &json["key"], &json["waiting"]["events"]),
        (&json!("off"), &json!(true), &json!(3))
    );

    let facts = status::StatusFacts {
        consent: on(),
        destination: &destination("posthog", "phx_personal"),
        store: Err(&StoreProblem::NoHome),
        withdrawn: None,
        channels: Vec::new(),
        decision: &StoredDecision::Unreadable("is not text"),
    };
    let said = Said::by(AnswerForm::Text, |answer_output| {
        status::print(&facts, answer_output)
    });
    assert_eq!(said.status, 0);
    for part in [
        "telemetry  on: AXOLOTL_DO_NOT_TRACK=0",
        "the stored decision is not text; it is ignored",
        "`AXOLOTL_RUN_POSTHOG_HOST` must begin with `https://`",
        "is a personal key",
        "waiting    nothing",
        "failed to find a state directory",
    ] {
        assert!(said.out.contains(part), "{part}: {said:?}");
    }
    let json = Said::by(AnswerForm::Json, |answer_output| {
        status::print(&facts, answer_output)
    })
    .json();
    assert_eq!(
        (&json["endpoint"], &json["key"]),
        (&Value::Null, &json!(false))
    );
    assert!(
        json["endpoint_problem"].is_string()
            && json["key_problem"].is_string()
            && json["state_problem"].is_string()
    );
}

#[test]
fn what_waits_is_sent_and_the_answers_are_kept_with_each_run() {
    let (home, server) = (Home::new(), Server::start());
    let (first, _) = home.run(Sending::Permitted, 9);
    let (second, _) = home.run(Sending::Permitted, 1);
    let (private, _) = home.run(Sending::Forbidden, 1);
    let said = home.send(&server.url(), on(), AnswerForm::Text);
    assert_eq!(
        (said.status, said.out.as_str(), said.err.as_str()),
        (0, "sent 6 events of 2 runs\n", "")
    );
    assert_eq!((server.stored().len(), server.complaints()), (6, vec![]));
    for run in [first, second] {
        assert_eq!(
            home.store
                .summary(run, SystemTime::now())
                .unwrap()
                .delivered,
            3
        );
        let kept = fs::read_to_string(home.file(run, "delivery.jsonl")).unwrap();
        assert_eq!(
            (
                kept.matches("delivered").count(),
                kept.matches("\"events\":3,").count()
            ),
            (1, 1),
            "{kept}"
        );
    }
    assert!(!home.file(private, "delivery.jsonl").exists());
    assert!(!String::from_utf8_lossy(&server.bytes()).contains(&private.to_string()));
    assert_eq!(
        home.show(Some(&first.to_string()), AnswerForm::Text)
            .out
            .matches("the server answered 200")
            .count(),
        3
    );
    let said = home.send(&server.url(), on(), AnswerForm::Json);
    assert_eq!(
        said.json(),
        json!({"sent": 0, "refused": 0, "waiting": 0, "with_observers": 0})
    );
    // One request a run.
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn a_lost_run_is_finished_before_it_is_sent_and_a_changed_event_is_not_sent() {
    let (home, server) = (Home::new(), Server::start());
    let (run, lines) = home.run(Sending::Permitted, 1);
    let canary = lines[1].replace("\"step\":5", "\"step\":5,\"note\":\"canary\"");
    fs::write(
        home.file(run, "events.jsonl"),
        format!("{}\n{canary}\n", lines[0]),
    )
    .unwrap();
    let said = home.send(&server.url(), on(), AnswerForm::Text);
    let expected =
        "sent 2 events of 1 run\n1 event will never be sent; `axolotl-run --show` says why\n";
    assert_eq!((said.status, said.out.as_str()), (0, expected));
    assert_eq!(server.stored()[1]["properties"]["outcome"], "lost");
    assert!(!String::from_utf8_lossy(&server.bytes()).contains("canary"));
    assert_eq!(home.runs(AnswerForm::Json).json()["runs"][0]["refused"], 1);
    assert_eq!(
        home.send(&server.url(), on(), AnswerForm::Json).json()["refused"],
        0,
        "it is refused once"
    );
}

#[test]
fn what_cannot_be_sent_is_kept_and_said() {
    let (home, server) = (Home::new(), Server::start());
    home.run(Sending::Permitted, 1);
    server.script([Behaviour::Status(401)]);
    let said = home.send(&server.url(), on(), AnswerForm::Text);
    assert_eq!((said.status, said.out.as_str()), (1, ""));
    assert!(
        said.err
            .starts_with("axolotl-run: error: failed to send 3 events: the server refused the key"),
        "{said:?}"
    );
    server.script(vec![Behaviour::RetryAfter(503, "0".into()); 5]);
    let said = home.send(&server.url(), on(), AnswerForm::Json);
    assert_eq!(
        (said.status, said.json()),
        (
            1,
            json!({"sent": 0, "refused": 0, "waiting": 3, "with_observers": 0})
        )
    );
    assert_eq!(server.requests().len(), 6);
    assert_eq!(
        home.send(&server.url(), on(), AnswerForm::Text).out,
        "sent 3 events of 1 run\n"
    );
}

#[test]
fn what_an_observer_is_about_to_send_is_left_to_it_and_said() {
    let (home, server) = (Home::new(), Server::start());
    let run = Uuid::new_v4();
    let mut journal = home.store.begin(run, Sending::Permitted);
    journal.append(
        &recorded::line(run, &recorded::start(), SystemTime::now()),
        Importance::Ordinary,
    );
    assert_eq!(
        home.send(&server.url(), on(), AnswerForm::Text).out,
        "nothing was sent\n1 event left to the launchers whose runs go on or have just ended\n"
    );
    assert_eq!(server.requests().len(), 0);
}

#[test]
fn nothing_is_sent_after_consent_was_withdrawn_or_without_a_destination() {
    let (home, server) = (Home::new(), Server::start());
    home.run(Sending::Permitted, 1);
    let said = home.send(&server.url(), off(), AnswerForm::Text);
    assert_eq!(said.status, 1);
    assert!(
        said.err.starts_with(
            "axolotl-run: error: nothing is sent while telemetry is off: DO_NOT_TRACK=1"
        ),
        "{said:?}"
    );
    for (url, key, error) in [
        (
            "localhost",
            "phc_test",
            "axolotl-run: error: `AXOLOTL_RUN_POSTHOG_HOST` must begin",
        ),
        (
            server.url().as_str(),
            "phx_test",
            "axolotl-run: error: `AXOLOTL_RUN_POSTHOG_KEY` is a personal key",
        ),
    ] {
        let destination = destination(url, key);
        let certificates = Certificates::default();
        let upload = send::SendRequest {
            consent: on(),
            destination,
            certificates,
            tries: None,
            shows_progress: false,
        };
        let said = Said::by(AnswerForm::Text, |answer_output| {
            send::run(Some(&home.store), upload, answer_output)
        });
        assert!(said.status == 1 && said.err.starts_with(error), "{said:?}");
    }
    assert_eq!(server.connections(), 0);
}

#[test]
fn what_is_forgotten_is_gone_and_its_uuid_is_told_where_a_server_may_know_it() {
    let (home, server) = (Home::new(), Server::start());
    let forget = |what: &str, form| {
        Said::by(form, |answer_output| {
            forget::run(Some(&home.store), what, answer_output)
        })
    };
    let (sent, _) = home.run(Sending::Permitted, 3);
    home.send(&server.url(), on(), AnswerForm::Text);
    let (kept, _) = home.run(Sending::Forbidden, 2);
    for (what, error) in [
        ("", "an empty name"),
        ("zz", "no recorded run begins with `zz`"),
    ] {
        let said = forget(what, AnswerForm::Text);
        assert!(
            said.status == 1 && said.out.is_empty() && said.err.contains(error),
            "{said:?}"
        );
    }
    let said = forget(&kept.to_string()[..9], AnswerForm::Text);
    assert_eq!(
        (said.status, said.out.as_str()),
        (
            0,
            "deleted the records of 1 run, with what was kept for you alone\nnone of it had been sent\n"
        )
    );
    assert!(!home.recorded.run(kept).exists() && home.recorded.run(sent).exists());
    let said = forget("all", AnswerForm::Text);
    assert!(
        said.status == 0
            && said
                .out
                .ends_with(&format!("maintainers of Axolotl:\n{sent}\n")),
        "{said:?}"
    );
    assert_eq!(forget("all", AnswerForm::Text).status, 1, "nothing is left");

    // An attempt that failed may have been taken all the same.
    let (asked, _) = home.run(Sending::Permitted, 2);
    server.script(vec![Behaviour::Status(401)]);
    home.send(&server.url(), on(), AnswerForm::Text);
    let running = Uuid::new_v4();
    let _journal = home.store.begin(running, Sending::Permitted);
    let said = forget("all", AnswerForm::Json);
    let expected =
        json!({"forgotten": [asked], "quote": [asked], "still_running": [running], "failed": []});
    assert_eq!((said.status, said.json()), (1, expected));
}

#[test]
fn who_turns_telemetry_off_has_nothing_waiting_any_more() {
    let (home, server) = (Home::new(), Server::start());
    let (sent, _) = home.run(Sending::Permitted, 4);
    home.send(&server.url(), on(), AnswerForm::Text);
    let (own, _) = home.run(Sending::Forbidden, 3);
    let (waiting, _) = home.run(Sending::Permitted, 2);
    let running = Uuid::new_v4();
    let mut journal = home.store.begin(running, Sending::Permitted);
    journal.append(
        &recorded::line(running, &recorded::start(), SystemTime::now()),
        Importance::Ordinary,
    );
    assert!(journal.may_be_sent());
    let withdrawn = home.store.withdraw(SystemTime::now());
    assert_eq!((withdrawn.events, withdrawn.runs), (4, 2));
    for run in [waiting, own] {
        assert!(home.recorded.run(run).exists(), "a record stays");
    }
    let summary = home.store.summary(waiting, SystemTime::now()).unwrap();
    assert_eq!((summary.events, summary.waiting), (3, 0));
    assert_eq!(summary.sending, Sending::Forbidden);
    assert!(!journal.may_be_sent(), "its observer sends nothing more");
    drop(journal);
    home.store.recover(SystemTime::now());
    let said = home.send(&server.url(), on(), AnswerForm::Json).json();
    assert_eq!(
        said,
        json!({"sent": 0, "refused": 0, "waiting": 0, "with_observers": 0})
    );
    assert_eq!(server.stored().len(), 3);
    let left: Vec<_> = home
        .store
        .runs(SystemTime::now())
        .iter()
        .map(|run| (run.run_id, run.sending))
        .collect();
    assert!(
        left.contains(&(sent, Sending::Permitted)) && left.contains(&(running, Sending::Forbidden)),
        "{left:?}"
    );
}

#[test]
fn what_the_server_said_is_told() {
    let (home, server) = (Home::new(), Server::start());
    home.run(Sending::Permitted, 1);
    for (behaviour, expected) in [
        (
            Behaviour::Status(401),
            "it answered 401: the key, the host or a proxy is wrong; events are kept",
        ),
        (Behaviour::Honest, "it accepted events"),
    ] {
        server.script([behaviour]);
        home.send(&server.url(), on(), AnswerForm::Text);
        let shown = home.show(None, AnswerForm::Text).out;
        assert!(
            shown
                .lines()
                .any(|line| line.starts_with("server   ") && line.ends_with(expected)),
            "{shown}"
        );
        let facts = status::StatusFacts {
            consent: on(),
            destination: &destination(&server.url(), "phc_test"),
            store: Ok(Some(&home.store)),
            decision: &StoredDecision::Nothing,
            withdrawn: None,
            channels: Vec::new(),
        };
        let said = Said::by(AnswerForm::Text, |answer_output| {
            status::print(&facts, answer_output)
        });
        assert!(
            said.out
                .lines()
                .any(|line| line.starts_with("server     ") && line.ends_with(expected)),
            "{said:?}"
        );
    }
}

#[test]
fn a_complaint_is_an_error_an_empty_line_and_a_hint() {
    let said = Said::by(AnswerForm::Text, |_| {
        Err(Complaint::new("nothing was found", "look elsewhere"))
    });
    assert_eq!((said.status, said.out.as_str()), (FAILED, ""));
    assert_eq!(
        said.err,
        "axolotl-run: error: nothing was found\n\nhint: look elsewhere\n"
    );
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    struct Closed(io::ErrorKind);
    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    for (kind, status) in [
        (io::ErrorKind::BrokenPipe, Some(())),
        (io::ErrorKind::StorageFull, None),
    ] {
        let mut answer_output = plain();
        assert_eq!(answer_output.answer("text"), Ok(ANSWERED));
        assert_eq!(
            answer_output.print(Closed(kind)).ok(),
            status,
            "a failure is said"
        );
    }
}
