//! Delivery through what lies before the server: silence, dropped packets, proxies, certificates.

use super::driver::Driver;
use crate::delivery::{Certificates, Disposition, EndpointState, FailureCause};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use support::posthog::{Behaviour, Server};

fn seconds(range: std::ops::Range<f64>, since: Instant) {
    let passed = since.elapsed();
    assert!(passed.as_secs_f64() >= range.start, "{passed:?}");
    support::assert_within(passed, Duration::from_secs_f64(range.end), "an attempt");
}

#[test]
fn a_server_that_never_answers_costs_ten_seconds_and_no_event() {
    costs_ten_seconds(Behaviour::Stall);
}

#[test]
fn a_server_that_never_ends_its_answer_costs_ten_seconds_and_no_event() {
    costs_ten_seconds(Behaviour::SlowBody);
}

fn costs_ten_seconds(behaviour: Behaviour) {
    let server = Server::start();
    server.script([behaviour]);
    let mut driver = Driver::new(&server.url());
    driver.offer(0..2);
    let since = Instant::now();
    let outcome = driver.step();
    seconds(9.0..13.0, since);
    assert_eq!(
        (outcome.answer.disposition, outcome.answer.cause),
        (Disposition::Delayed, Some(FailureCause::Timeout))
    );
    assert_eq!(driver.step().answer.disposition, Disposition::Delivered);
    assert_eq!(server.stored().len(), 2);
}

#[test]
fn a_port_where_nobody_listens_is_a_dead_endpoint_at_once() {
    // Bound, so that nobody else gets the port, and never listening.
    let nobody = tokio::net::TcpSocket::new_v4().unwrap();
    nobody.bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let address = nobody.local_addr().unwrap();
    let since = Instant::now();
    let (outcome, state) = Driver::attempt(&format!("http://{address}"));
    assert_eq!(
        (outcome.answer.disposition, outcome.answer.cause, state),
        (
            Disposition::Delayed,
            Some(FailureCause::Connection),
            EndpointState::Dead
        )
    );
    seconds(0.0..2.0, since);
}

#[test]
fn a_name_that_does_not_exist_is_a_dead_endpoint() {
    let (outcome, state) = Driver::attempt("http://posthog.invalid");
    assert_eq!(
        (outcome.answer.disposition, state),
        (Disposition::Delayed, EndpointState::Dead)
    );
}

#[test]
fn a_port_that_drops_every_packet_costs_three_seconds() {
    // The kernel drops further connections silently once nobody accepts those that wait.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    nix::sys::socket::listen(&listener, nix::sys::socket::Backlog::new(0).unwrap()).unwrap();
    let address = listener.local_addr().unwrap();
    let connect =
        |address: &SocketAddr| TcpStream::connect_timeout(address, Duration::from_millis(300));
    let waiting: Vec<_> = std::iter::from_fn(|| connect(&address).ok())
        .take(100)
        .collect();
    assert!(waiting.len() < 100, "the backlog is full");
    let since = Instant::now();
    let (outcome, state) = Driver::attempt(&format!("http://{address}"));
    seconds(2.5..5.0, since);
    assert_eq!(
        (outcome.answer.disposition, outcome.answer.cause, state),
        (
            Disposition::Delayed,
            Some(FailureCause::Timeout),
            EndpointState::Dead
        )
    );
}

fn tls_files() -> PathBuf {
    support::documents::path("tests/support/tls")
}

fn tls_server() -> Server {
    let certificates = CertificateDer::pem_file_iter(tls_files().join("server.pem"))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    let key = PrivateKeyDer::from_pem_file(tls_files().join("server.key")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap();
    Server::start_tls(Arc::new(
        config
            .with_no_client_auth()
            .with_single_cert(certificates, key)
            .unwrap(),
    ))
}

#[test]
fn a_private_authority_is_trusted_where_pythons_users_name_it() {
    let server = tls_server();
    let authority = tls_files().join("authority.pem").into_os_string();
    for name in ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"] {
        let certificates =
            Certificates::configured(&|asked| (asked == name).then(|| authority.clone()));
        let mut driver = Driver::with(&server.url(), certificates);
        driver.offer(0..1);
        assert_eq!(
            driver.step().answer.disposition,
            Disposition::Delivered,
            "{name}"
        );
    }
    assert_eq!(server.complaints(), [""; 0]);
    assert_eq!(server.stored().len(), 3);
}

#[test]
fn a_server_that_nobody_vouches_for_gets_nothing() {
    let server = tls_server();
    let hopeless = Certificates::configured(&|name| match name {
        "SSL_CERT_FILE" => Some("/nonexistent".into()),
        "REQUESTS_CA_BUNDLE" => Some("/dev/zero".into()),
        "CURL_CA_BUNDLE" => Some("/".into()),
        _ => Some("/nonexistent/directory".into()),
    });
    for certificates in [Certificates::default(), hopeless] {
        let mut driver = Driver::with(&server.url(), certificates);
        driver.offer(0..1);
        let outcome = driver.step();
        assert_eq!(
            (outcome.answer.disposition, outcome.answer.cause),
            (Disposition::Delayed, Some(FailureCause::Certificate))
        );
    }
    assert_eq!(server.requests().len(), 0);
}

const CHILD: &str = "AXOLOTL_RUN_TEST_URL";

/// Makes one attempt in a process of its own with these variables, and says what it came to.
fn attempt_with(url: &str, variables: &[(&str, &str)]) -> String {
    let (_, module) = module_path!().split_once("::").unwrap();
    let role = format!("{module}::role_attempts");
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", &role, "--nocapture", "--ignored"])
        .env(CHILD, url);
    for name in [
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "NO_PROXY",
        "http_proxy",
        "https_proxy",
        "all_proxy",
        "no_proxy",
    ] {
        command.env_remove(name);
    }
    let output = command.envs(variables.iter().copied()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let outcome = text.lines().find_map(|line| line.strip_prefix("outcome: "));
    outcome
        .unwrap_or_else(|| panic!("{text}{}", String::from_utf8_lossy(&output.stderr)))
        .to_owned()
}

#[test]
#[ignore = "a role that another test plays in a process of its own"]
fn role_attempts() {
    let Ok(url) = std::env::var(CHILD) else {
        return;
    };
    let mut driver = Driver::with(
        &url,
        Certificates::configured(&|name| std::env::var_os(name)),
    );
    driver.offer(0..1);
    let outcome = driver.step();
    println!(
        "\noutcome: {:?} {:?} {:?}",
        outcome.answer.disposition, outcome.answer.status, outcome.answer.cause
    );
}

#[test]
fn proxies_of_the_environment_are_used_and_spared() {
    let (proxy, server) = (Server::start(), Server::start());
    let at_proxy = proxy.url();
    let delivered = "Delivered Some(200) None";
    assert_eq!(
        attempt_with("http://posthog.invalid", &[("HTTP_PROXY", &at_proxy)]),
        delivered
    );
    assert_eq!(proxy.requests()[0].target, "http://posthog.invalid/batch/");
    assert_eq!(proxy.complaints(), [""; 0]);
    assert_eq!(
        attempt_with(
            &server.url(),
            &[("http_proxy", &at_proxy), ("NO_PROXY", "127.0.0.1")]
        ),
        delivered
    );
    assert_eq!((proxy.requests().len(), server.requests().len()), (1, 1));
    // A proxy that does not know CONNECT: an encrypted endpoint is not reached, and not in the clear either.
    let refused = attempt_with("https://posthog.invalid", &[("HTTPS_PROXY", &at_proxy)]);
    assert_eq!(refused, "Delayed None Some(Connection)");
    assert!(
        proxy
            .requests()
            .iter()
            .skip(1)
            .all(|request| request.method == "CONNECT" && request.body.is_empty())
    );
    assert_eq!(
        attempt_with(&server.url(), &[("http_proxy", "::not a proxy::")]),
        delivered
    );
}

/// A proxy that knows CONNECT, or says no; what it was asked for, connection by connection.
fn tunnel(to: SocketAddr, answer: &'static str) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&asked);
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let (mut client, mut head) = (client.unwrap(), Vec::new());
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                client.read_exact(&mut byte).unwrap();
                head.push(byte[0]);
            }
            heard.lock().unwrap().push(String::from_utf8(head).unwrap());
            client.write_all(answer.as_bytes()).unwrap();
            if answer.starts_with("HTTP/1.1 200") {
                let server = TcpStream::connect(to).unwrap();
                for (mut from, mut to) in [
                    (client.try_clone().unwrap(), server.try_clone().unwrap()),
                    (server, client),
                ] {
                    std::thread::spawn(move || std::io::copy(&mut from, &mut to));
                }
            }
        }
    });
    (url, asked)
}

#[test]
fn behind_a_connect_proxy_the_server_is_reached_through_tls() {
    let server = tls_server();
    let authority = tls_files().join("authority.pem");
    let trusted = ("REQUESTS_CA_BUNDLE", authority.to_str().unwrap());
    let (open, asked) = tunnel(
        server.address(),
        "HTTP/1.1 200 Connection established\r\n\r\n",
    );
    assert_eq!(
        attempt_with(&server.url(), &[("HTTPS_PROXY", &open), trusted]),
        "Delivered Some(200) None"
    );
    let asked = asked.lock().unwrap().clone();
    assert!(
        asked.len() == 1
            && asked[0].starts_with(&format!("CONNECT {} HTTP/1.1\r\n", server.address())),
        "{asked:?}"
    );
    assert!(
        !asked[0].contains("phc_"),
        "the proxy learns where to, and nothing else: {asked:?}"
    );
    assert_eq!(
        (server.stored().len(), server.complaints()),
        (1, Vec::new())
    );
    // What the proxy cannot vouch for gets nothing through it either.
    assert_eq!(
        attempt_with(&server.url(), &[("HTTPS_PROXY", &open)]),
        "Delayed None Some(Certificate)"
    );
    let (closed, asked) = tunnel(
        server.address(),
        "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n",
    );
    assert_eq!(
        attempt_with(&server.url(), &[("HTTPS_PROXY", &closed), trusted]),
        "Delayed None Some(Connection)"
    );
    assert_eq!((asked.lock().unwrap().len(), server.stored().len()), (1, 1));
}

#[test]
fn a_machine_without_certificates_still_delivers() {
    let nowhere = [
        ("SSL_CERT_FILE", "/nonexistent"),
        ("SSL_CERT_DIR", "/nonexistent"),
    ];
    assert_eq!(
        attempt_with(&Server::start().url(), &nowhere),
        "Delivered Some(200) None"
    );
    let authority = tls_files().join("authority.pem");
    let named = [
        ("SSL_CERT_FILE", "/nonexistent"),
        ("REQUESTS_CA_BUNDLE", authority.to_str().unwrap()),
    ];
    assert_eq!(
        attempt_with(&tls_server().url(), &named),
        "Delivered Some(200) None"
    );
}
