//! Delivery against a real server: what its answers lead to.

mod compliance;
mod driver;
mod network;
mod wishes;

use crate::delivery::{Disposition, EndpointState, FailureCause, Priority};
use crate::store::{Importance, Sending, Store};
use axolotl_run_core::event::wire::Member;
use axolotl_run_core::event::{Event, Finish};
use axolotl_run_core::limits;
use axolotl_run_core::public::PublicStr;
use driver::{Driver, line};
use std::collections::HashSet;
use std::ffi::OsString;
use std::time::{Duration, Instant, SystemTime};
use support::posthog::{Behaviour, Server};
use uuid::Uuid;

fn uuid(line: &str) -> Uuid {
    serde_json::from_str::<Member>(line).unwrap().uuid
}

#[test]
fn a_healthy_server_gets_every_event_in_the_form_of_the_contract() {
    let server = Server::start();
    let mut driver = Driver::new(&server.url());
    assert_eq!(
        (
            driver.uploader.state(),
            driver.uploader.is_worth_waiting_for()
        ),
        (EndpointState::Untried, false)
    );
    let lines = driver.offer(0..250);
    assert!(driver.uploader.is_worth_waiting_for());
    let outcomes = driver.settle();
    assert_eq!(
        outcomes
            .iter()
            .map(|outcome| outcome.uuids.len())
            .collect::<Vec<_>>(),
        [100, 100, 50]
    );
    assert!(outcomes.iter().all(
        |outcome| (outcome.answer.disposition, outcome.answer.status)
            == (Disposition::Delivered, Some(200))
    ));
    assert_eq!(server.complaints(), [""; 0]);
    let stored: Vec<String> = server.stored().iter().map(ToString::to_string).collect();
    assert_eq!(stored, lines);
    assert_eq!(server.connections(), 1, "the connection is kept");
    assert_eq!(driver.uploader.state(), EndpointState::Alive);
}

#[test]
fn each_answer_has_its_consequence() {
    let date = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(3600));
    for (behaviour, disposition, status, cause, state) in [
        (
            Behaviour::Honest,
            Disposition::Delivered,
            Some(200),
            None,
            EndpointState::Alive,
        ),
        (
            Behaviour::NoContent,
            Disposition::Delivered,
            Some(204),
            None,
            EndpointState::Alive,
        ),
        (
            Behaviour::Html,
            Disposition::Delayed,
            Some(200),
            None,
            EndpointState::Dead,
        ),
        (
            Behaviour::Redirect("http://127.0.0.1:9/".into()),
            Disposition::Delayed,
            Some(302),
            None,
            EndpointState::Dead,
        ),
        (
            Behaviour::Status(201),
            Disposition::Delayed,
            Some(201),
            None,
            EndpointState::Dead,
        ),
        (
            Behaviour::Status(401),
            Disposition::Stopped,
            Some(401),
            None,
            EndpointState::Stopped,
        ),
        (
            Behaviour::Status(403),
            Disposition::Stopped,
            Some(403),
            None,
            EndpointState::Stopped,
        ),
        (
            Behaviour::Status(404),
            Disposition::Stopped,
            Some(404),
            None,
            EndpointState::Stopped,
        ),
        (
            Behaviour::Status(407),
            Disposition::Stopped,
            Some(407),
            None,
            EndpointState::Stopped,
        ),
        (
            Behaviour::Status(408),
            Disposition::Delayed,
            Some(408),
            None,
            EndpointState::Dead,
        ),
        (
            Behaviour::RetryAfter(429, "3600".into()),
            Disposition::Delayed,
            Some(429),
            None,
            EndpointState::Dead,
        ),
        (
            Behaviour::RetryAfter(503, date),
            Disposition::Delayed,
            Some(503),
            None,
            EndpointState::Dead,
        ),
        (
            Behaviour::Status(500),
            Disposition::Delayed,
            Some(500),
            None,
            EndpointState::Dead,
        ),
        (
            Behaviour::Status(502),
            Disposition::Delayed,
            Some(502),
            None,
            EndpointState::Dead,
        ),
        (
            Behaviour::Reset,
            Disposition::Delayed,
            None,
            Some(FailureCause::Broken),
            EndpointState::Dead,
        ),
        (
            Behaviour::StoreThenReset,
            Disposition::Delayed,
            None,
            Some(FailureCause::Broken),
            EndpointState::Dead,
        ),
        (
            Behaviour::Garbage,
            Disposition::Delayed,
            None,
            Some(FailureCause::Broken),
            EndpointState::Dead,
        ),
        (
            Behaviour::EndlessBody,
            Disposition::Delayed,
            Some(200),
            None,
            EndpointState::Dead,
        ),
    ] {
        let server = Server::start();
        server.always(behaviour.clone());
        let (outcome, found) = Driver::attempt(&server.url());
        assert_eq!(
            (
                outcome.answer.disposition,
                outcome.answer.status,
                outcome.answer.cause,
                found
            ),
            (disposition, status, cause, state),
            "{behaviour:?}"
        );
        assert_eq!(outcome.uuids.len(), 3, "{behaviour:?}");
        assert_eq!(server.complaints(), [""; 0], "{behaviour:?}");
    }
}

#[test]
fn a_retry_is_the_same_events_with_a_fresh_time_and_is_stored_once() {
    let server = Server::start();
    server.script([Behaviour::StoreThenReset, Behaviour::Status(503)]);
    let mut driver = Driver::new(&server.url());
    let lines = driver.offer(0..5);
    let outcomes = driver.settle();
    let fates: Vec<_> = outcomes
        .iter()
        .map(|outcome| outcome.answer.disposition)
        .collect();
    assert_eq!(
        fates,
        [
            Disposition::Delayed,
            Disposition::Delayed,
            Disposition::Delivered
        ]
    );
    let requests = server.requests();
    assert_eq!(requests.len(), 3);
    let mut times = HashSet::new();
    for request in &requests {
        let text = String::from_utf8(request.body.clone()).unwrap();
        assert!(
            text.ends_with(&format!("\"batch\":[{}]}}", lines.join(","))),
            "{text}"
        );
        times.insert(request.json()["sent_at"].to_string());
    }
    assert_eq!(times.len(), requests.len(), "sent_at is stamped afresh");
    assert_eq!(server.stored().len(), 5);
    assert_eq!(server.complaints(), [""; 0]);
}

#[test]
fn a_poisonous_event_costs_itself_alone() {
    let server = Server::start();
    let mut driver = Driver::new(&server.url());
    let lines = driver.offer(0..37);
    let poison = uuid(&lines[23]);
    server.poison(&poison.to_string());
    let outcomes = driver.settle();
    let refused: Vec<_> = outcomes
        .iter()
        .filter(|outcome| outcome.answer.disposition == Disposition::Refused)
        .collect();
    assert_eq!(refused.len(), 1);
    assert_eq!(
        (&refused[0].uuids, refused[0].answer.status),
        (&vec![poison], Some(400))
    );
    assert_eq!(server.stored().len(), 36);
    assert!(server.requests().len() <= 13, "halving, not one by one");
}

#[test]
fn a_box_that_refuses_everything_costs_no_event() {
    let server = Server::start();
    server.always(Behaviour::Status(400));
    let mut driver = Driver::new(&server.url());
    driver.offer(0..3);
    for _ in 0..3 {
        let outcome = driver.step();
        assert_eq!(outcome.answer.disposition, Disposition::Delayed);
    }
    server.be_honest();
    let outcomes = driver.settle();
    assert!(
        outcomes
            .iter()
            .all(|outcome| outcome.answer.disposition == Disposition::Delivered)
    );
    assert_eq!(server.stored().len(), 3);
}

#[test]
fn a_server_that_continues_without_end_costs_little_processor_time() {
    let server = Server::start();
    server.always(Behaviour::EndlessContinue);
    let mut driver = Driver::new(&server.url());
    driver.offer(0..1);
    let before = axolotl_run_sys::clock::thread_processor_time();
    let outcome = driver.step();
    let spent = axolotl_run_sys::clock::thread_processor_time() - before;
    assert_eq!(outcome.answer.cause, Some(FailureCause::Endless));
    assert!(spent < Duration::from_secs(3), "{spent:?}");
}

#[test]
fn two_runs_share_neither_a_request_nor_a_connection() {
    let server = Server::start();
    let mut driver = Driver::new(&server.url());
    driver.offer(0..2);
    let earlier = [Uuid::new_v4(), Uuid::new_v4()];
    for run in earlier {
        for step in 0..2 {
            let line = line(run, step);
            assert!(driver.uploader.offer(&line, Priority::Earlier).is_some());
        }
    }
    driver.settle();
    driver.offer(2..3);
    driver.settle();
    let mut runs = Vec::new();
    for request in server.requests() {
        let batch = request.json()["batch"].as_array().cloned().unwrap();
        let ids: HashSet<_> = batch
            .iter()
            .map(|event| event["distinct_id"].to_string())
            .collect();
        assert_eq!(ids.len(), 1);
        runs.extend(ids);
    }
    assert_eq!((runs.len(), &runs[0]), (4, &runs[3]));
    // The run that lasts keeps its connection.
    assert_eq!(server.connections(), 3);
}

#[test]
fn a_batch_that_is_too_large_for_the_server_is_halved() {
    let server = Server::start();
    server.script([Behaviour::Refuse(413), Behaviour::Refuse(413)]);
    let mut driver = Driver::new(&server.url());
    driver.offer(0..8);
    let sizes: Vec<_> = driver
        .settle()
        .iter()
        .map(|outcome| outcome.uuids.len())
        .collect();
    assert_eq!(sizes, [2, 2, 4]);
    assert_eq!(server.stored().len(), 8);
}

#[test]
fn a_wrong_key_ends_the_uploads_of_the_run() {
    let server = Server::start();
    server.always(Behaviour::Status(401));
    let mut driver = Driver::new(&server.url());
    driver.offer(0..3);
    assert_eq!(driver.step().answer.disposition, Disposition::Stopped);
    assert!(
        driver
            .uploader
            .offer(&line(driver.run, 4), Priority::Own)
            .is_none(),
        "it stays in the journal"
    );
    let more =
        async { tokio::time::timeout(Duration::from_millis(300), driver.uploader.step()).await };
    assert!(driver.runtime.block_on(more).is_err());
    assert_eq!(server.requests().len(), 1);
    assert!(!driver.uploader.is_worth_waiting_for());
}

#[test]
fn the_servers_wish_to_wait_is_honoured() {
    let server = Server::start();
    server.script([Behaviour::RetryAfter(429, "1".into())]);
    let mut driver = Driver::new(&server.url());
    driver.offer(0..1);
    assert_eq!(driver.step().answer.disposition, Disposition::Delayed);
    let since = Instant::now();
    assert_eq!(driver.step().answer.disposition, Disposition::Delivered);
    assert!(since.elapsed() >= Duration::from_millis(900));
    support::assert_within(since.elapsed(), Duration::from_secs(5), "a wish of 1 s");
    // A date has whole seconds, so this is one to two from now.
    let since = Instant::now();
    let date = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(2));
    server.script([Behaviour::RetryAfter(503, date)]);
    driver.offer(1..2);
    assert_eq!(
        [
            driver.step().answer.disposition,
            driver.step().answer.disposition
        ],
        [Disposition::Delayed, Disposition::Delivered]
    );
    assert!(since.elapsed() >= Duration::from_millis(900));
    support::assert_within(since.elapsed(), Duration::from_secs(6), "a date 2 s ahead");
}

#[test]
fn an_outage_is_written_down_once() {
    let server = Server::start();
    server.script([
        Behaviour::Status(500),
        Behaviour::Status(500),
        Behaviour::Status(502),
        Behaviour::Status(500),
    ]);
    let mut driver = Driver::new(&server.url());
    driver.offer(0..1);
    let lines: Vec<_> = driver
        .settle()
        .iter()
        .map(|outcome| outcome.line().is_some())
        .collect();
    assert_eq!(lines, [true, false, true, true, true]);
}

#[test]
fn a_redirect_is_not_followed() {
    let (server, elsewhere) = (Server::start(), Server::start());
    server.always(Behaviour::Redirect(elsewhere.url()));
    assert_eq!(Driver::attempt(&server.url()).0.answer.status, Some(302));
    assert_eq!(elsewhere.connections(), 0);
}

#[test]
fn a_step_that_is_dropped_loses_no_attempt() {
    let server = Server::start();
    let mut driver = Driver::new(&server.url());
    driver.offer(0..4);
    let outcome = driver.runtime.block_on(async {
        loop {
            tokio::select! {
                biased;
                outcome = driver.uploader.step() => return outcome,
                () = tokio::task::yield_now() => {}
            }
        }
    });
    assert_eq!(outcome.answer.disposition, Disposition::Delivered);
    assert_eq!((server.requests().len(), server.stored().len()), (1, 4));
}

#[test]
fn what_is_no_event_or_too_long_never_goes_out() {
    let server = Server::start();
    let mut driver = Driver::new(&server.url());
    for text in [
        "",
        "{",
        "[]",
        r#"{"uuid":"x"}"#,
        "{\"uuid\":\"01936f0e-8c7a-7cc3-98c4-dc0c0c07398f\"} {}",
    ] {
        assert!(
            driver.uploader.offer(text, Priority::Own).is_none(),
            "{text}"
        );
    }
    let uuid = Uuid::now_v7();
    let long = format!(
        r#"{{"uuid":"{uuid}","distinct_id":"{uuid}","x":"{}"}}"#,
        "x".repeat(limits::EVENT_BYTES_MAX)
    );
    assert!(driver.uploader.offer(&long, Priority::Own).is_some());
    let outcome = driver.step();
    assert_eq!(
        (
            outcome.answer.disposition,
            outcome.uuids,
            outcome.answer.cause
        ),
        (Disposition::Refused, vec![uuid], Some(FailureCause::Gate))
    );
    assert_eq!(server.connections(), 0);
}

#[test]
fn from_one_run_to_the_server_by_way_of_the_next() {
    let server = Server::start();
    let home = tempfile::tempdir().unwrap();
    let state = home.path().to_owned().into_os_string();
    let store =
        Store::open(&|name| (name == "XDG_STATE_HOME").then(|| OsString::from(&state))).unwrap();
    let mut driver = Driver::new(&server.url());
    let mut journal = store.begin(driver.run, Sending::Permitted);
    let finish = Finish {
        outcome: Some(PublicStr::constant("success")),
        ..Finish::default()
    };
    let finish = Member::new(
        Uuid::now_v7(),
        driver.run,
        &Event::Finish(Box::new(finish)),
        SystemTime::now(),
        9.0,
    );
    let lines = [line(driver.run, 1), serde_json::to_string(&finish).unwrap()];
    for line in &lines {
        journal.append(line, Importance::Essential);
    }
    drop(journal);
    let mut page = store
        .waiting(SystemTime::now())
        .next(&store, SystemTime::now())
        .unwrap();
    for line in &page.lines {
        assert!(driver.uploader.offer(line, Priority::Earlier).is_some());
    }
    for outcome in driver.settle() {
        assert!(page.keep(&outcome));
    }
    assert!(page.is_settled());
    drop(page);
    assert_eq!(
        server
            .stored()
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>(),
        lines
    );
    assert!(
        store
            .waiting(SystemTime::now())
            .next(&store, SystemTime::now())
            .is_none()
    );
    assert_eq!(
        store
            .summary(driver.run, SystemTime::now())
            .unwrap()
            .delivered,
        2
    );
}
