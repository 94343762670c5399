//! A server that takes events as PostHog does, only stricter, and that can be told to misbehave.
//!
//! A real one: sockets and threads of the standard library, nothing shared with the code under test but its
//! dependencies. What it received is kept for assertions: every byte, every request, and the events that a
//! store which removes duplicates would hold.

use crate::posthog_rules;
use serde_json::Value;
use std::collections::{BTreeSet, VecDeque};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

/// What the server does with one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Behaviour {
    /// Judges it strictly, stores it, answers.
    Honest,
    /// Reads it and never answers.
    Stall,
    /// Closes the connection by force before reading.
    Reset,
    /// Reads the request, stores its events, and closes the connection by force.
    StoreThenReset,
    /// Says 200 with a page, as a captive portal does.
    Html,
    /// Stores the events and answers 204.
    NoContent,
    /// Stores the events and answers 200 with this body.
    Says(&'static str),
    /// Answers with this status, storing nothing.
    Status(u16),
    /// Answers with this status in the service's own words, storing nothing.
    Refuse(u16),
    /// Answers `100 Continue` for ever.
    EndlessContinue,
    /// Answers with this status and this `Retry-After`.
    RetryAfter(u16, String),
    /// Redirects to this address.
    Redirect(String),
    /// Begins an answer and sends one byte at a time, for ever.
    SlowBody,
    /// Begins an answer and sends as fast as it can, for ever.
    EndlessBody,
    /// Answers with something that is not HTTP.
    Garbage,
}

/// One request as it arrived.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    pub target: String,
    pub headers: Vec<(String, String)>,
    /// The bytes on the wire, head and compressed body.
    pub raw: Vec<u8>,
    /// The decompressed body.
    pub body: Vec<u8>,
    pub behaviour: Behaviour,
    pub status: Option<u16>,
    pub complaints: Vec<String>,
    pub received: SystemTime,
}

impl Request {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// The uuids of its events, in order.
    pub fn uuids(&self) -> Vec<String> {
        let json = self.json();
        let batch = json["batch"].as_array().cloned().unwrap_or_default();
        batch
            .iter()
            .map(|event| event["uuid"].as_str().unwrap_or_default().to_owned())
            .collect()
    }
}

#[derive(Default)]
struct State {
    script: VecDeque<Behaviour>,
    always: Option<Behaviour>,
    poison: Option<String>,
    requests: Vec<Request>,
    keys: BTreeSet<(String, String, String, String)>,
    stored: Vec<Value>,
    connections: u64,
    stopping: bool,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

/// A running server; it stops when dropped.
pub struct Server {
    address: SocketAddr,
    scheme: &'static str,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

/// What the service says with a status that is a refusal.
const REFUSAL: &str = "event submitted without a distinct_id";

/// A connection, encrypted or not.
pub trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

impl Server {
    pub fn start() -> Self {
        Self::listen(None)
    }

    /// A server that speaks TLS.
    pub fn start_tls(config: Arc<rustls::ServerConfig>) -> Self {
        Self::listen(Some(config))
    }

    fn listen(tls: Option<Arc<rustls::ServerConfig>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let scheme = if tls.is_some() { "https" } else { "http" };
        let shared = Arc::new(Shared::default());
        let accepting = thread::spawn({
            let shared = Arc::clone(&shared);
            move || {
                for connection in listener.incoming() {
                    shared.lock().connections += 1;
                    if shared.lock().stopping {
                        return;
                    }
                    let (shared, tls) = (Arc::clone(&shared), tls.clone());
                    if let Ok(connection) = connection {
                        thread::spawn(move || serve(connection, tls, &shared));
                    }
                }
            }
        });
        Self {
            address,
            scheme,
            shared,
            accepting: Some(accepting),
        }
    }

    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What to do with the next requests, in order; then the server is honest again.
    pub fn script(&self, behaviours: impl IntoIterator<Item = Behaviour>) {
        self.shared.lock().script.extend(behaviours);
    }

    /// What to do with every request that the script does not reach.
    pub fn always(&self, behaviour: Behaviour) {
        self.shared.lock().always = Some(behaviour);
    }

    /// Forgets what it was told to do: from now on it is honest.
    pub fn be_honest(&self) {
        let mut state = self.shared.lock();
        (state.script, state.always, state.poison) = Default::default();
    }

    /// Refuses, as malformed, each batch that holds this text.
    pub fn poison(&self, text: &str) {
        self.shared.lock().poison = Some(text.to_owned());
    }

    /// The events that a store without duplicates holds.
    pub fn stored(&self) -> Vec<Value> {
        self.shared.lock().stored.clone()
    }

    pub fn requests(&self) -> Vec<Request> {
        self.shared.lock().requests.clone()
    }

    pub fn connections(&self) -> u64 {
        self.shared.lock().connections
    }

    /// Every byte that arrived in a request, and what it decompresses to: for the search for canaries.
    pub fn bytes(&self) -> Vec<u8> {
        self.shared
            .lock()
            .requests
            .iter()
            .flat_map(|request| [request.raw.clone(), request.body.clone()].concat())
            .collect()
    }

    /// What arrived against the contract, though a lenient server would have taken it.
    pub fn complaints(&self) -> Vec<String> {
        self.shared
            .lock()
            .requests
            .iter()
            .flat_map(|request| request.complaints.clone())
            .collect()
    }

    /// Waits until the condition holds for what was received; false after a minute.
    pub fn wait_until(&self, condition: impl Fn(&[Request], &[Value]) -> bool) -> bool {
        let deadline = Instant::now() + Duration::from_secs(60);
        let mut state = self.shared.lock();
        while !condition(&state.requests, &state.stored) {
            let Some(left) = deadline.checked_duration_since(Instant::now()) else {
                return false;
            };
            state = self
                .shared
                .changed
                .wait_timeout(state, left)
                .unwrap_or_else(|error| error.into_inner())
                .0;
        }
        true
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.lock().stopping = true;
        self.shared.changed.notify_all();
        // One more connection wakes the thread that accepts.
        let _ = TcpStream::connect(self.address);
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|error| error.into_inner())
    }

    fn wait_for_the_end(&self) {
        let mut state = self.lock();
        while !state.stopping {
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(|error| error.into_inner());
        }
    }

    fn behaviour(&self) -> Behaviour {
        let mut state = self.lock();
        let next = state.script.pop_front();
        next.or_else(|| state.always.clone())
            .unwrap_or(Behaviour::Honest)
    }

    /// Judges a request, stores it where the behaviour does, and returns the status to answer with.
    fn take(&self, mut request: Request) -> u16 {
        let body = request.body.clone();
        let decompressed = (!body.is_empty()).then_some(body.as_slice());
        let judged = posthog_rules::judge(&request.headers, decompressed, request.received);
        let mut state = self.lock();
        let is_poisoned = state
            .poison
            .as_ref()
            .is_some_and(|poison| String::from_utf8_lossy(&request.body).contains(poison));
        let mut status = if request.method != "POST" || !request.target.ends_with("/batch/") {
            404
        } else if is_poisoned {
            400
        } else {
            judged.status
        };
        let stores = matches!(
            request.behaviour,
            Behaviour::Honest
                | Behaviour::StoreThenReset
                | Behaviour::NoContent
                | Behaviour::Says(_)
        );
        if status == 200 && stores {
            for event in judged.events {
                state.store(event);
            }
        }
        if let Behaviour::Status(other)
        | Behaviour::Refuse(other)
        | Behaviour::RetryAfter(other, _) = request.behaviour
        {
            status = other;
        }
        request.status = Some(status);
        request.complaints = judged.complaints;
        state.requests.push(request);
        drop(state);
        self.changed.notify_all();
        status
    }
}

impl State {
    fn store(&mut self, event: Value) {
        let text = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
        let day = text("timestamp").chars().take(10).collect();
        if self
            .keys
            .insert((day, text("event"), text("distinct_id"), text("uuid")))
        {
            self.stored.push(event);
        }
    }
}

fn serve(connection: TcpStream, tls: Option<Arc<rustls::ServerConfig>>, shared: &Shared) {
    let _ = connection.set_read_timeout(Some(Duration::from_secs(60)));
    let _ = connection.set_write_timeout(Some(Duration::from_secs(60)));
    let Ok(control) = connection.try_clone() else {
        return;
    };
    let mut stream: Box<dyn Stream> = match tls {
        None => Box::new(connection),
        Some(config) => match rustls::ServerConnection::new(config) {
            Ok(session) => Box::new(rustls::StreamOwned::new(session, connection)),
            Err(_) => return,
        },
    };
    while let Ok(true) = exchange(&mut stream, &control, shared) {}
}

/// Serves one request; whether the connection lives on.
fn exchange(
    stream: &mut Box<dyn Stream>,
    control: &TcpStream,
    shared: &Shared,
) -> io::Result<bool> {
    let mut first = [0];
    if stream.read(&mut first)? == 0 {
        return Ok(false);
    }
    let behaviour = shared.behaviour();
    if behaviour == Behaviour::Reset {
        return reset(control);
    }
    let Some(request) = read_request(stream, first[0], behaviour.clone())? else {
        return Ok(false);
    };
    let status = shared.take(request);
    match behaviour {
        Behaviour::Honest if status != 200 => answer(stream, status, "", REFUSAL),
        Behaviour::Honest => answer(stream, status, "", r#"{"status":1}"#),
        Behaviour::Refuse(status) => answer(stream, status, "", REFUSAL),
        Behaviour::NoContent => answer(stream, 204, "", ""),
        Behaviour::Says(body) => answer(stream, 200, "", body),
        Behaviour::Status(status) => answer(stream, status, "", r#"{"status":1}"#),
        Behaviour::RetryAfter(status, wish) => {
            answer(stream, status, &format!("Retry-After: {wish}\r\n"), "")
        }
        Behaviour::Redirect(to) => answer(stream, 302, &format!("Location: {to}\r\n"), ""),
        Behaviour::EndlessContinue => {
            let piece = b"HTTP/1.1 100 Continue\r\n\r\n".repeat(4096);
            while !shared.lock().stopping {
                stream.write_all(&piece)?;
            }
            Ok(false)
        }
        Behaviour::Html => answer(stream, 200, "", "<html><body>Please log in.</body></html>"),
        Behaviour::Stall => {
            shared.wait_for_the_end();
            Ok(false)
        }
        Behaviour::Reset | Behaviour::StoreThenReset => reset(control),
        Behaviour::Garbage => {
            stream.write_all(b"\0\x01\x02 not HTTP \r\n\r\n")?;
            Ok(false)
        }
        Behaviour::SlowBody | Behaviour::EndlessBody => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")?;
            let (piece, pause) = match behaviour {
                Behaviour::SlowBody => (vec![b' '], Duration::from_millis(50)),
                _ => (vec![b' '; 64 * 1024], Duration::ZERO),
            };
            while !shared.lock().stopping {
                stream.write_all(&piece)?;
                stream.flush()?;
                thread::sleep(pause);
            }
            Ok(false)
        }
    }
}

fn answer(
    stream: &mut Box<dyn Stream>,
    status: u16,
    headers: &str,
    body: &str,
) -> io::Result<bool> {
    let length = if status == 204 {
        String::new()
    } else {
        format!("Content-Length: {}\r\n", body.len())
    };
    let body = if status == 204 { "" } else { body };
    write!(
        stream,
        "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\n{headers}{length}\r\n{body}"
    )?;
    stream.flush()?;
    Ok(true)
}

/// Closes with a reset instead of an orderly end.
fn reset(connection: &TcpStream) -> io::Result<bool> {
    let linger = nix::libc::linger {
        l_onoff: 1,
        l_linger: 0,
    };
    let _ = nix::sys::socket::setsockopt(connection, nix::sys::socket::sockopt::Linger, &linger);
    // The reset is sent when the last handle is closed; unread bytes or a zero linger make it one.
    Ok(false)
}

fn read_request(
    stream: &mut Box<dyn Stream>,
    first: u8,
    behaviour: Behaviour,
) -> io::Result<Option<Request>> {
    let mut raw = vec![first];
    let mut byte = [0];
    while !raw.ends_with(b"\r\n\r\n") {
        if raw.len() > 64 * 1024 || stream.read(&mut byte)? == 0 {
            return Ok(None);
        }
        raw.push(byte[0]);
    }
    let received = SystemTime::now();
    let head = String::from_utf8_lossy(&raw).into_owned();
    let mut lines = head.split("\r\n");
    let mut request_line = lines.next().unwrap_or_default().split(' ');
    let method = request_line.next().unwrap_or_default().to_owned();
    let target = request_line.next().unwrap_or_default().to_owned();
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let length = headers
        .iter()
        .find(|(name, _)| name == "content-length")
        .and_then(|(_, value)| value.parse().ok());
    let mut compressed = vec![0; usize::min(length.unwrap_or(0), 32 << 20)];
    stream.read_exact(&mut compressed)?;
    raw.extend_from_slice(&compressed);
    let mut body = Vec::new();
    if flate2::read::GzDecoder::new(compressed.as_slice())
        .take(64 << 20)
        .read_to_end(&mut body)
        .is_err()
    {
        body.clear();
    }
    Ok(Some(Request {
        method,
        target,
        headers,
        raw,
        body,
        behaviour,
        status: None,
        complaints: Vec::new(),
        received,
    }))
}
