//! Delivery against a real server: what it does, what it can be made to do, and what the network can do.

#[expect(dead_code, reason = "another user of the server needs the rest")]
#[path = "support/posthog.rs"]
mod posthog;

use axolotl_run::delivery::{Cause, Certificates, Endpoint, Fate, Key, Outcome, State, Uploader};
use axolotl_run::event::{Event, Finish, Progress};
use axolotl_run::limits;
use axolotl_run::public::PublicStr;
use axolotl_run::store::{Durability, Sending, Store};
use axolotl_run::wire::Member;
use posthog::{Behaviour, Server};
use std::collections::HashSet;
use std::ffi::OsString;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use uuid::Uuid;

/// Longer than any attempt and backoff that a test waits for.
const DEADLINE: Duration = Duration::from_secs(30);

/// An uploader with a runtime to drive it.
struct Driver {
    runtime: tokio::runtime::Runtime,
    uploader: Uploader,
    run: Uuid,
}

impl Driver {
    fn new(url: &str) -> Self {
        Self::with(url, Certificates::default())
    }

    fn with(url: &str, certificates: Certificates) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let key = Key::parse("phc_test").unwrap().unwrap();
        let uploader = Uploader::new(Endpoint::parse(url).unwrap(), key, certificates);
        Self { runtime, uploader, run: Uuid::new_v4() }
    }

    fn offer(&mut self, steps: std::ops::Range<u64>) -> Vec<String> {
        let lines: Vec<_> = steps.map(|step| line(self.run, step)).collect();
        for line in &lines {
            assert!(self.uploader.offer(line).is_some());
        }
        lines
    }

    fn step(&mut self) -> Outcome {
        let step = async { tokio::time::timeout(DEADLINE, self.uploader.step()).await };
        self.runtime.block_on(step).expect("an outcome before the deadline")
    }

    /// Outcomes until everything has a final fate.
    fn settle(&mut self) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        while self.uploader.unsettled() > 0 && self.uploader.state() != State::Stopped {
            outcomes.push(self.step());
        }
        outcomes
    }

    /// One attempt, then what it came to.
    fn attempt(url: &str) -> (Outcome, State) {
        let mut driver = Self::new(url);
        driver.offer(0..3);
        let outcome = driver.step();
        (outcome, driver.uploader.state())
    }
}

fn line(run: Uuid, step: u64) -> String {
    let event = Event::Progress(Box::new(Progress { step: Some(step), ..Progress::default() }));
    serde_json::to_string(&Member::new(run, &event, SystemTime::now(), 1.5)).unwrap()
}

fn uuid(line: &str) -> Uuid {
    serde_json::from_str::<Member>(line).unwrap().uuid
}

fn seconds(range: std::ops::Range<f64>, since: Instant) {
    let passed = since.elapsed().as_secs_f64();
    assert!(range.contains(&passed), "{passed} s");
}

#[test]
fn a_healthy_server_gets_every_event_in_the_form_of_the_contract() {
    let server = Server::start();
    let mut driver = Driver::new(&server.url());
    assert_eq!((driver.uploader.state(), driver.uploader.is_worth_waiting_for()), (State::Untried, false));
    let lines = driver.offer(0..250);
    assert!(driver.uploader.is_worth_waiting_for());
    let outcomes = driver.settle();
    assert_eq!(outcomes.iter().map(|outcome| outcome.uuids.len()).collect::<Vec<_>>(), [100, 100, 50]);
    assert!(outcomes.iter().all(|outcome| (outcome.fate, outcome.status) == (Fate::Delivered, Some(200))));
    assert_eq!(server.complaints(), [""; 0]);
    let stored: Vec<String> = server.stored().iter().map(ToString::to_string).collect();
    assert_eq!(stored, lines);
    assert_eq!(server.connections(), 1, "the connection is kept");
    assert_eq!(driver.uploader.state(), State::Alive);
}

#[test]
fn each_answer_has_its_consequence() {
    let date = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(3600));
    for (behaviour, fate, status, cause, state) in [
        (Behaviour::Honest, Fate::Delivered, Some(200), None, State::Alive),
        (Behaviour::NoContent, Fate::Delivered, Some(204), None, State::Alive),
        (Behaviour::Html, Fate::Delayed, Some(200), None, State::Dead),
        (Behaviour::Redirect("http://127.0.0.1:9/".into()), Fate::Delayed, Some(302), None, State::Dead),
        (Behaviour::Status(201), Fate::Delayed, Some(201), None, State::Dead),
        (Behaviour::Status(401), Fate::Stopped, Some(401), None, State::Stopped),
        (Behaviour::Status(403), Fate::Stopped, Some(403), None, State::Stopped),
        (Behaviour::Status(404), Fate::Stopped, Some(404), None, State::Stopped),
        (Behaviour::Status(407), Fate::Stopped, Some(407), None, State::Stopped),
        (Behaviour::Status(408), Fate::Delayed, Some(408), None, State::Dead),
        (Behaviour::RetryAfter(429, "3600".into()), Fate::Delayed, Some(429), None, State::Dead),
        (Behaviour::RetryAfter(503, date), Fate::Delayed, Some(503), None, State::Dead),
        (Behaviour::Status(500), Fate::Delayed, Some(500), None, State::Dead),
        (Behaviour::Status(502), Fate::Delayed, Some(502), None, State::Dead),
        (Behaviour::Reset, Fate::Delayed, None, Some(Cause::Broken), State::Dead),
        (Behaviour::StoreThenReset, Fate::Delayed, None, Some(Cause::Broken), State::Dead),
        (Behaviour::Garbage, Fate::Delayed, None, Some(Cause::Broken), State::Dead),
        (Behaviour::EndlessBody, Fate::Delayed, Some(200), None, State::Dead),
    ] {
        let server = Server::start();
        server.always(behaviour.clone());
        let (outcome, found) = Driver::attempt(&server.url());
        assert_eq!((outcome.fate, outcome.status, outcome.cause, found), (fate, status, cause, state), "{behaviour:?}");
        assert_eq!(outcome.uuids.len(), 3, "{behaviour:?}");
        assert_eq!(server.complaints(), [""; 0], "{behaviour:?}");
    }
}

#[test]
fn a_retry_is_the_same_events_with_a_fresh_time_and_is_stored_once() {
    let server = Server::start();
    server.script([Behaviour::StoreThenReset, Behaviour::Status(503), Behaviour::StoreThenReset]);
    let mut driver = Driver::new(&server.url());
    let lines = driver.offer(0..5);
    let outcomes = driver.settle();
    let fates: Vec<_> = outcomes.iter().map(|outcome| outcome.fate).collect();
    assert_eq!(fates, [Fate::Delayed, Fate::Delayed, Fate::Delayed, Fate::Delivered]);
    let requests = server.requests();
    assert_eq!(requests.len(), 4);
    let mut times = HashSet::new();
    for request in &requests {
        let text = String::from_utf8(request.body.clone()).unwrap();
        assert!(text.ends_with(&format!("\"batch\":[{}]}}", lines.join(","))), "{text}");
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
    let refused: Vec<_> = outcomes.iter().filter(|outcome| outcome.fate == Fate::Refused).collect();
    assert_eq!(refused.len(), 1);
    assert_eq!((&refused[0].uuids, refused[0].status), (&vec![poison], Some(400)));
    assert_eq!(server.stored().len(), 36);
    assert!(server.requests().len() <= 13, "halving, not one by one");
}

#[test]
fn a_batch_that_is_too_large_for_the_server_is_halved() {
    let server = Server::start();
    server.script([Behaviour::Status(413), Behaviour::Status(413)]);
    let mut driver = Driver::new(&server.url());
    driver.offer(0..8);
    let sizes: Vec<_> = driver.settle().iter().map(|outcome| outcome.uuids.len()).collect();
    assert_eq!(sizes, [2, 2, 4]);
    assert_eq!(server.stored().len(), 8);
}

#[test]
fn a_wrong_key_ends_the_uploads_of_the_run() {
    let server = Server::start();
    server.always(Behaviour::Status(401));
    let mut driver = Driver::new(&server.url());
    driver.offer(0..3);
    assert_eq!(driver.step().fate, Fate::Stopped);
    assert!(driver.uploader.offer(&line(driver.run, 4)).is_none(), "it stays in the journal");
    let more = async { tokio::time::timeout(Duration::from_millis(300), driver.uploader.step()).await };
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
    assert_eq!(driver.step().fate, Fate::Delayed);
    let since = Instant::now();
    assert_eq!(driver.step().fate, Fate::Delivered);
    seconds(0.9..5.0, since);
}

#[test]
fn an_outage_is_written_down_once() {
    let server = Server::start();
    server.script([Behaviour::Status(500), Behaviour::Status(500), Behaviour::Status(502), Behaviour::Status(500)]);
    let mut driver = Driver::new(&server.url());
    driver.offer(0..1);
    let lines: Vec<_> = driver.settle().iter().map(|outcome| outcome.line().is_some()).collect();
    assert_eq!(lines, [true, false, true, true, true]);
}

#[test]
fn a_redirect_is_not_followed() {
    let (server, elsewhere) = (Server::start(), Server::start());
    server.always(Behaviour::Redirect(elsewhere.url()));
    assert_eq!(Driver::attempt(&server.url()).0.status, Some(302));
    assert_eq!(elsewhere.connections(), 0);
}

#[test]
fn a_silent_server_costs_ten_seconds_and_no_event() {
    for behaviour in [Behaviour::Stall, Behaviour::SlowBody] {
        let server = Server::start();
        server.script([behaviour]);
        let mut driver = Driver::new(&server.url());
        driver.offer(0..2);
        let since = Instant::now();
        let outcome = driver.step();
        seconds(9.0..13.0, since);
        assert_eq!((outcome.fate, outcome.cause), (Fate::Delayed, Some(Cause::Timeout)));
        assert_eq!(driver.step().fate, Fate::Delivered);
        assert_eq!(server.stored().len(), 2);
    }
}

#[test]
fn a_port_where_nobody_listens_is_a_dead_endpoint_at_once() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let since = Instant::now();
    let (outcome, state) = Driver::attempt(&format!("http://{address}"));
    assert_eq!((outcome.fate, outcome.cause, state), (Fate::Delayed, Some(Cause::Connection), State::Dead));
    seconds(0.0..2.0, since);
}

#[test]
fn a_name_that_does_not_exist_is_a_dead_endpoint() {
    let (outcome, state) = Driver::attempt("http://posthog.invalid");
    assert_eq!((outcome.fate, state), (Fate::Delayed, State::Dead));
}

#[test]
fn a_port_that_drops_every_packet_costs_three_seconds() {
    // The kernel drops further connections silently once nobody accepts those that wait.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    nix::sys::socket::listen(&listener, nix::sys::socket::Backlog::new(0).unwrap()).unwrap();
    let address = listener.local_addr().unwrap();
    let connect = |address: &SocketAddr| TcpStream::connect_timeout(address, Duration::from_millis(300));
    let waiting: Vec<_> = std::iter::from_fn(|| connect(&address).ok()).take(100).collect();
    assert!(waiting.len() < 100, "the backlog is full");
    let since = Instant::now();
    let (outcome, state) = Driver::attempt(&format!("http://{address}"));
    seconds(2.5..5.0, since);
    assert_eq!((outcome.fate, outcome.cause, state), (Fate::Delayed, Some(Cause::Timeout), State::Dead));
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
    assert_eq!(outcome.fate, Fate::Delivered);
    assert_eq!((server.requests().len(), server.stored().len()), (1, 4));
}

#[test]
fn what_is_no_event_or_too_long_never_goes_out() {
    let server = Server::start();
    let mut driver = Driver::new(&server.url());
    for text in ["", "{", "[]", r#"{"uuid":"x"}"#, "{\"uuid\":\"01936f0e-8c7a-7cc3-98c4-dc0c0c07398f\"} {}"] {
        assert!(driver.uploader.offer(text).is_none(), "{text}");
    }
    let uuid = Uuid::now_v7();
    let long = format!(r#"{{"uuid":"{uuid}","x":"{}"}}"#, "x".repeat(limits::EVENT_BYTES_MAX));
    assert!(driver.uploader.offer(&long).is_some());
    let outcome = driver.step();
    assert_eq!((outcome.fate, outcome.uuids, outcome.cause), (Fate::Refused, vec![uuid], Some(Cause::Gate)));
    assert_eq!(server.connections(), 0);
}

#[test]
fn from_one_run_to_the_server_by_way_of_the_next() {
    let server = Server::start();
    let home = tempfile::tempdir().unwrap();
    let state = home.path().to_owned().into_os_string();
    let store = Store::open(move |name| (name == "XDG_STATE_HOME").then(|| OsString::from(&state))).unwrap();
    let mut driver = Driver::new(&server.url());
    let mut journal = store.begin(driver.run, Sending::Permitted);
    let finish = Finish { outcome: Some(PublicStr::constant("success")), ..Finish::default() };
    let finish = Member::new(driver.run, &Event::Finish(Box::new(finish)), SystemTime::now(), 9.0);
    let lines = [line(driver.run, 1), serde_json::to_string(&finish).unwrap()];
    for line in &lines {
        journal.append(line, Durability::Synced);
    }
    drop(journal);
    let mut waiting = store.waiting(SystemTime::now());
    for line in &waiting.runs[0].lines {
        assert!(driver.uploader.offer(line).is_some());
    }
    for outcome in driver.settle() {
        waiting.runs[0].append_delivery(&outcome.line().unwrap());
    }
    drop(waiting);
    assert_eq!(server.stored().iter().map(ToString::to_string).collect::<Vec<_>>(), lines);
    assert!(store.waiting(SystemTime::now()).runs.is_empty());
    assert_eq!(store.summary(driver.run, SystemTime::now()).unwrap().delivered, 2);
}

// --- TLS, proxies and other things of the process ------------------------------------------------------------

fn tls_files() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/tls")
}

fn tls_server() -> Server {
    let read = |name: &str| std::io::BufReader::new(std::fs::File::open(tls_files().join(name)).unwrap());
    let certificates = rustls_pemfile::certs(&mut read("server.pem")).collect::<Result<_, _>>().unwrap();
    let key = rustls_pemfile::private_key(&mut read("server.key")).unwrap().unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    Server::start_tls(Arc::new(config.with_no_client_auth().with_single_cert(certificates, key).unwrap()))
}

#[test]
fn a_private_authority_is_trusted_where_pythons_users_name_it() {
    let server = tls_server();
    let authority = tls_files().join("authority.pem").into_os_string();
    for name in ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"] {
        let certificates = Certificates::configured(|asked| (asked == name).then(|| authority.clone()));
        let mut driver = Driver::with(&server.url(), certificates);
        driver.offer(0..1);
        assert_eq!(driver.step().fate, Fate::Delivered, "{name}");
    }
    assert_eq!(server.complaints(), [""; 0]);
    assert_eq!(server.stored().len(), 3);
}

#[test]
fn a_server_that_nobody_vouches_for_gets_nothing() {
    let server = tls_server();
    let hopeless = Certificates::configured(|name| match name {
        "SSL_CERT_FILE" => Some("/nonexistent".into()),
        "REQUESTS_CA_BUNDLE" => Some("/dev/zero".into()),
        "CURL_CA_BUNDLE" => Some("/".into()),
        _ => Some("/nonexistent/directory".into()),
    });
    for certificates in [Certificates::default(), hopeless] {
        let mut driver = Driver::with(&server.url(), certificates);
        driver.offer(0..1);
        let outcome = driver.step();
        assert_eq!((outcome.fate, outcome.cause), (Fate::Delayed, Some(Cause::Connection)));
    }
    assert_eq!(server.requests().len(), 0);
}

const CHILD: &str = "AXOLOTL_RUN_TEST_URL";

/// Makes one attempt in a process of its own with these variables, and says what it came to.
fn attempt_with(url: &str, variables: &[(&str, &str)]) -> String {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "role_attempts", "--nocapture", "--ignored"]).env(CHILD, url);
    for name in
        ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy"]
    {
        command.env_remove(name);
    }
    let output = command.envs(variables.iter().copied()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let outcome = text.lines().find_map(|line| line.strip_prefix("outcome: "));
    outcome.unwrap_or_else(|| panic!("{text}{}", String::from_utf8_lossy(&output.stderr))).to_owned()
}

#[test]
#[ignore = "a role that another test plays in a process of its own"]
fn role_attempts() {
    let Ok(url) = std::env::var(CHILD) else { return };
    let mut driver = Driver::with(&url, Certificates::configured(|name| std::env::var_os(name)));
    driver.offer(0..1);
    let outcome = driver.step();
    println!("\noutcome: {:?} {:?} {:?}", outcome.fate, outcome.status, outcome.cause);
}

#[test]
fn proxies_of_the_environment_are_used_and_spared() {
    let (proxy, server) = (Server::start(), Server::start());
    let at_proxy = proxy.url();
    let delivered = "Delivered Some(200) None";
    assert_eq!(attempt_with("http://posthog.invalid", &[("HTTP_PROXY", &at_proxy)]), delivered);
    assert_eq!(proxy.requests()[0].target, "http://posthog.invalid/batch/");
    assert_eq!(proxy.complaints(), [""; 0]);
    assert_eq!(attempt_with(&server.url(), &[("http_proxy", &at_proxy), ("NO_PROXY", "127.0.0.1")]), delivered);
    assert_eq!((proxy.requests().len(), server.requests().len()), (1, 1));
    // A proxy that does not know CONNECT: an encrypted endpoint is not reached, and not in the clear either.
    let refused = attempt_with("https://posthog.invalid", &[("HTTPS_PROXY", &at_proxy)]);
    assert_eq!(refused, "Delayed None Some(Connection)");
    assert!(proxy.requests().iter().skip(1).all(|request| request.method == "CONNECT" && request.body.is_empty()));
    assert_eq!(attempt_with(&server.url(), &[("http_proxy", "::not a proxy::")]), delivered);
}

#[test]
fn a_machine_without_certificates_still_delivers() {
    let nowhere = [("SSL_CERT_FILE", "/nonexistent"), ("SSL_CERT_DIR", "/nonexistent")];
    assert_eq!(attempt_with(&Server::start().url(), &nowhere), "Delivered Some(200) None");
    let authority = tls_files().join("authority.pem");
    let named = [("SSL_CERT_FILE", "/nonexistent"), ("REQUESTS_CA_BUNDLE", authority.to_str().unwrap())];
    assert_eq!(attempt_with(&tls_server().url(), &named), "Delivered Some(200) None");
}
