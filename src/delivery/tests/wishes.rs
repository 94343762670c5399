//! What servers of all times and the user wish: when to try again, how often, and by whose clock.

use super::driver::Driver;
use crate::delivery::{Disposition, EndpointState, Priority, tries};
use crate::store::tests::recorded;
use std::ffi::OsString;
use std::time::{Duration, Instant, SystemTime};
use support::posthog::{Behaviour, Server};

#[test]
fn a_date_to_wait_for_is_one_of_the_servers_clock() {
    let server = Server::start();
    // The server's clock is a day behind ours: by ours the date has long passed.
    let yesterday = SystemTime::now() - Duration::from_secs(24 * 3600);
    let (now, then) = (yesterday, yesterday + Duration::from_secs(2));
    let [now, then] = [now, then].map(httpdate::fmt_http_date);
    let wish = format!("{then}\r\nDate: {now}");
    server.script([Behaviour::RetryAfter(503, wish)]);
    let mut driver = Driver::new(&server.url());
    driver.offer(0..1);
    let since = Instant::now();
    assert_eq!(driver.step().answer.disposition, Disposition::Delayed);
    assert_eq!(driver.step().answer.disposition, Disposition::Delivered);
    assert!(since.elapsed() >= Duration::from_millis(1900));
}

#[test]
fn servers_of_2024_and_of_today_and_one_over_its_quota_have_taken_the_events() {
    for body in [
        r#"{"status": 1}"#,
        r#"{"status":"Ok"}"#,
        r#"{"status":"Ok","quota_limited":["events"]}"#,
        r#"{"status": 1, "quota_limited": ["recordings", "events"]}"#,
    ] {
        let server = Server::start();
        server.script([Behaviour::Says(body)]);
        let mut driver = Driver::new(&server.url());
        driver.offer(0..3);
        let outcome = driver.step();
        assert_eq!(outcome.answer.disposition, Disposition::Delivered, "{body}");
        assert_eq!(driver.uploader.unsettled(), 0, "{body}: not sent again");
        // Its address and form of a request are the same in both; of 2024 is the limit of 2 MiB a request.
        assert!(server.requests()[0].body.len() < 2 * 1024 * 1024);
        assert_eq!(server.complaints(), [""; 0], "{body}");
    }
}

/// The server takes what `sent_at` is off from the arrival for the skew of this machine's clock, and corrects the time of
/// each event by it; so both are of the same clock, and `sent_at` is of each attempt.
#[test]
fn the_skew_of_the_clock_can_be_taken_out_of_an_events_time() {
    let server = Server::start();
    server.script([Behaviour::Status(503)]);
    let mut driver = Driver::new(&server.url());
    let hour = Duration::from_secs(3600);
    let made = SystemTime::now() - hour;
    let line = recorded::line(driver.run, &recorded::progress(3), made);
    assert!(driver.uploader.offer(&line, Priority::Own).is_some());
    driver.settle();
    for request in server.requests() {
        let sent = request.json()["sent_at"]
            .as_str()
            .map(humantime::parse_rfc3339);
        let of_event = request.json()["batch"][0]["timestamp"]
            .as_str()
            .map(humantime::parse_rfc3339);
        let (sent, of_event) = (sent.unwrap().unwrap(), of_event.unwrap().unwrap());
        let age = sent.duration_since(of_event).unwrap();
        let corrected = request.received - age;
        let off = corrected.duration_since(made).unwrap_or_default();
        assert!(age >= hour && off < Duration::from_secs(20), "{off:?}");
    }
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn tries_are_limited_where_the_user_says_so() {
    for tries in [1, 2, 4] {
        let server = Server::start();
        server.always(Behaviour::RetryAfter(503, "0".into()));
        let mut driver = Driver::new(&server.url());
        driver.uploader.limit_tries(Some(tries));
        driver.offer(0..3);
        for _ in 0..tries {
            assert!(!driver.uploader.state().is_final());
            assert_eq!(driver.step().answer.disposition, Disposition::Delayed);
        }
        assert_eq!(driver.uploader.state(), EndpointState::GivenUp);
        assert_eq!(server.requests().len(), tries as usize);
        assert_eq!(driver.uploader.unsettled(), 3, "what waits, waits on");
        assert_eq!(driver.uploader.offer("{}", Priority::Own), None);
    }
}

#[test]
fn a_number_of_tries_is_one() {
    for (value, expected) in [
        ("1", Some(1)),
        (" 12 ", Some(12)),
        ("1000", Some(1000)),
        ("0", None),
        ("1001", None),
        ("-1", None),
        ("many", None),
        ("", None),
    ] {
        let environment =
            |name: &str| (name == "AXOLOTL_RUN_SEND_TRIES").then(|| OsString::from(value));
        assert_eq!(tries(&environment), expected, "{value:?}");
    }
}
