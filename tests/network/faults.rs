//! Each fault of a server with the real program: what the run cannot deliver is delivered by the next, the same bytes
//! under the same uuid, and what a server will never take is set aside with its reason.

use std::path::Path;
use std::time::{Duration, SystemTime};
use support::observed::{Recorded, reporting, runs, until_recorded};
use support::posthog::{Behaviour, Server};
use support::{Launch, poll_until};

fn launch(directory: &Path, server: &Server) -> Launch {
    reporting(Launch::new(), server).env("XDG_STATE_HOME", directory)
}

/// The run that has these events, as it stands now.
fn again(directory: &Path, run: &Recorded) -> Recorded {
    runs(directory)
        .into_iter()
        .find(|found| found.directory == run.directory)
        .expect("the run")
}

#[track_caller]
fn is_delivered_in_the_end(fault: Behaviour) {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start();
    server.script([fault.clone()]);
    let silent = |done: support::Done| {
        done.expect_code(0).expect_stdout("").expect_stderr("");
    };
    silent(launch(directory.path(), &server).run(&["true"]));
    let first = until_recorded(directory.path(), Recorded::is_finished);
    if matches!(fault, Behaviour::Status(401 | 403 | 404)) {
        first.until_released();
        assert_eq!(
            server.requests().len(),
            1,
            "{fault:?}: nothing more is tried in that run"
        );
        assert!(server.stored().is_empty());
        silent(launch(directory.path(), &server).run(&["true"]));
    }
    again(directory.path(), &first).assert_arrived(&format!("{fault:?}"), &server);
    let all = |run: &Recorded| run.delivered().len() == run.lines.len();
    assert!(
        poll_until(|| all(&again(directory.path(), &first))),
        "{fault:?}: and it is written down"
    );
}

#[test]
fn whatever_a_server_does_first_every_event_arrives_once() {
    let date = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(2));
    let faults = [
        Behaviour::Honest,
        Behaviour::NoContent,
        Behaviour::Reset,
        Behaviour::StoreThenReset,
        Behaviour::Html,
        Behaviour::Garbage,
        Behaviour::Redirect("http://127.0.0.1:9/".into()),
        Behaviour::Status(401),
        Behaviour::Status(404),
        Behaviour::Status(408),
        Behaviour::RetryAfter(429, "1".into()),
        Behaviour::RetryAfter(429, date),
        Behaviour::Status(503),
    ];
    for some in faults.chunks(4) {
        std::thread::scope(|scope| {
            let playing: Vec<_> = some
                .iter()
                .map(|fault| scope.spawn(|| is_delivered_in_the_end(fault.clone())))
                .collect();
            playing.into_iter().for_each(|one| one.join().unwrap());
        });
    }
}

#[test]
fn a_poisoned_event_is_set_aside_and_the_rest_arrives() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start();
    server.poison(r#""event":"start""#);
    launch(directory.path(), &server)
        .run(&["true"])
        .expect_code(0);
    let run = until_recorded(directory.path(), Recorded::is_finished);
    assert!(server.wait_until(|_, stored| stored.iter().any(|event| event["event"] == "finish")));
    assert_eq!(server.stored().len(), 1, "{:?}", server.stored());
    run.until_released();
    let shown = launch(directory.path(), &server).run(&["--show"]);
    shown
        .expect_in_stdout("\nevents   1 sent, 1 refused\n")
        .expect_in_stdout(", the server answered 400\n");
}
