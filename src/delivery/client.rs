//! The HTTP client: TLS that needs no installed certificates, a bound on every wait and on every answer.
//!
//! reqwest's own set-up fails where no certificates are installed (slim containers), and its default cryptography
//! takes time in every process. So the TLS configuration is ours: ring as provider; the compiled-in roots, the system's,
//! and the files that users of Python have already configured. A missing or broken one is skipped. The set-up reads
//! files and computes for milliseconds, so it happens once, late, and outside of the observer's loop.

use super::answers::{ResponseClass, classify};
use super::backoff;
use super::batching::{Priority, QueuedEvent};
use super::endpoint::{Endpoint, Key};
use super::outcome::FailureCause;
use super::retry_policy::Attempt;
use axolotl_run_core::env;
use axolotl_run_core::event::wire;
use axolotl_run_core::launch::Environment;
use axolotl_run_core::limits;
use axolotl_run_sys::clock::thread_processor_time;
use axolotl_run_sys::probe::open_regular;
use flate2::Compression;
use flate2::write::GzEncoder;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, DATE, HeaderMap, RETRY_AFTER};
use reqwest::{Client, ClientBuilder, Response, redirect, retry};
use rustls::client::Resumption;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use std::error::Error;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Once};
use std::time::Duration;
use std::time::SystemTime;
use tokio::sync::SetOnce;
use tokio::task::spawn_blocking;

/// Longest wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Longest wait for an answer, the connection included.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// Processor time of the loop's thread that an attempt may cost. A usual one costs a few milliseconds, but a server that
/// sends `100 Continue` without end would keep a core busy, and nothing of it reaches us.
const ATTEMPT_CPU_MAX: Duration = Duration::from_millis(500);
/// How often an attempt looks at it.
const ATTEMPT_CPU_INTERVAL: Duration = Duration::from_millis(100);
/// Bytes of one file of certificates; the largest bundle in use has 300 KiB.
const CERTIFICATES_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// The bundles of the common distributions, for when the variable that replaces them is set.
const SYSTEM_BUNDLES: [&str; 5] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// Further certificates that the user trusts.
#[derive(Default)]
pub struct Certificates {
    files: Vec<PathBuf>,
    directory: Option<PathBuf>,
}

/// Sends batches to one place.
pub struct BatchSender {
    endpoint: Endpoint,
    key: Key,
    certificates: Certificates,
    /// Set up once: certificates on a file system that hangs must cost one thread, not one an attempt.
    clients: SetOnce<Option<Clients>>,
    preparation: Once,
}

/// A connection is one run's: two runs on one connection would be two runs of one machine.
#[derive(Clone)]
struct Clients {
    /// For the run that lasts; it keeps its connection.
    own: Client,
    /// For the runs before it: each request has a connection of its own.
    earlier: Client,
}

impl Certificates {
    /// Those that the environment names.
    pub fn configured(environment: Environment<'_>) -> Self {
        let path = |name| match environment(name) {
            Some(value) if !value.is_empty() => Some(PathBuf::from(value)),
            _ => None,
        };
        Self {
            files: env::CERTIFICATE_FILES
                .into_iter()
                .filter_map(path)
                .collect(),
            directory: path(env::SSL_CERT_DIR),
        }
    }

    /// A client that trusts them. It reads files and computes for milliseconds.
    pub fn client(&self) -> Option<Client> {
        configured(self.tls()?).build().ok()
    }

    fn tls(&self) -> Option<ClientConfig> {
        let mut tls =
            ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
                .with_safe_default_protocol_versions()
                .ok()?
                .with_root_certificates(self.roots())
                .with_no_client_auth();
        // A session that is resumed says that it is the same machine.
        tls.resumption = Resumption::disabled();
        Some(tls)
    }

    fn roots(&self) -> RootCertStore {
        let mut root_certificates = RootCertStore {
            roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
        };
        let is_set = |name| std::env::var_os(name).is_some();
        if !is_set(env::SSL_CERT_DIR) && !is_set(env::CERTIFICATE_FILES[0]) {
            root_certificates
                .add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        } else {
            // The library would open what the variables name, whatever it is, in the place of the system's.
            for path in SYSTEM_BUNDLES {
                add_file(&mut root_certificates, Path::new(path));
            }
        }
        for path in &self.files {
            add_file(&mut root_certificates, path);
        }
        if let Some(directory) = &self.directory {
            let found_certificates =
                rustls_native_certs::load_certs_from_paths(None, Some(directory));
            root_certificates.add_parsable_certificates(found_certificates.certs);
        }
        root_certificates
    }
}

impl Clients {
    fn trusting(certificates: &Certificates) -> Option<Self> {
        let tls = certificates.tls()?;
        let own = configured(tls.clone()).build().ok()?;
        let earlier = configured(tls).pool_max_idle_per_host(0).build().ok()?;
        Some(Self { own, earlier })
    }
}

fn configured(tls: ClientConfig) -> ClientBuilder {
    Client::builder()
        .tls_backend_preconfigured(tls)
        .user_agent(concat!("axolotl-run/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .retry(retry::never())
        .referer(false)
        .http1_only()
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(REQUEST_TIMEOUT)
}

fn add_file(root_certificates: &mut RootCertStore, path: &Path) {
    if let Ok(file) = open_regular(path) {
        let file_text = file.take(CERTIFICATES_BYTES_MAX);
        let certificates = CertificateDer::pem_reader_iter(file_text).map_while(Result::ok);
        root_certificates.add_parsable_certificates(certificates);
    }
}

impl Attempt {
    const fn failed(cause: FailureCause) -> Self {
        Self {
            response_class: ResponseClass::Later,
            status: None,
            cause: Some(cause),
            retry_after: None,
        }
    }
}

impl BatchSender {
    pub const fn new(endpoint: Endpoint, key: Key, certificates: Certificates) -> Self {
        Self {
            endpoint,
            key,
            certificates,
            clients: SetOnce::const_new(),
            preparation: Once::new(),
        }
    }

    /// Makes one attempt; it ends within [`REQUEST_TIMEOUT`] whatever happens.
    pub async fn attempt(
        self: Arc<Self>,
        queued_events: Vec<QueuedEvent>,
        priority: Priority,
    ) -> Attempt {
        let attempt = async {
            match self.ask(queued_events, priority).await {
                Ok(response) => read(response).await,
                Err(cause) => Attempt::failed(cause),
            }
        };
        tokio::select! {
            attempt = attempt => attempt,
            () = tokio::time::sleep(REQUEST_TIMEOUT) => Attempt::failed(FailureCause::Timeout),
            () = until_too_busy() => Attempt::failed(FailureCause::Endless),
        }
    }

    async fn ask(
        self: Arc<Self>,
        queued_events: Vec<QueuedEvent>,
        priority: Priority,
    ) -> Result<Response, FailureCause> {
        self.prepare();
        let clients = self.clients.wait().await.clone();
        let clients = clients.ok_or(FailureCause::Client)?;
        let client = match priority {
            Priority::Own => clients.own,
            Priority::Earlier => clients.earlier,
        };
        let url = self.endpoint.url().clone();
        // Compressing takes milliseconds that the loop has not.
        let compressing =
            spawn_blocking(move || compressed_body(&self.key, &queued_events, SystemTime::now()));
        let Ok(Ok(body)) = compressing.await else {
            return Err(FailureCause::Client);
        };
        let request = client
            .post(url)
            .header(CONTENT_TYPE, "application/json")
            .header(CONTENT_ENCODING, "gzip")
            .body(body);
        request.send().await.map_err(|error| cause_of(&error))
    }

    /// Begins to set the client up, so that the first attempt need not wait for it. To be called within a runtime.
    pub fn prepare(self: &Arc<Self>) {
        self.preparation.call_once(|| {
            let sender = Arc::clone(self);
            spawn_blocking(move || sender.clients.set(Clients::trusting(&sender.certificates)));
        });
    }
}

/// When the server wants to be asked again. A date is one of its own clock, which may not be ours.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let wished_wait = headers.get(RETRY_AFTER)?.to_str().ok()?;
    let server_date = headers.get(DATE).and_then(|date| date.to_str().ok());
    let server_time = server_date.and_then(|date| httpdate::parse_http_date(date).ok());
    backoff::retry_after(wished_wait, server_time.unwrap_or_else(SystemTime::now))
}

/// Returns when the loop's thread has been busier than an attempt can make it. Where much is printed meanwhile that is
/// the output's fault, and the attempt is made again.
async fn until_too_busy() {
    let begun = thread_processor_time();
    loop {
        tokio::time::sleep(ATTEMPT_CPU_INTERVAL).await;
        if thread_processor_time().saturating_sub(begun) > ATTEMPT_CPU_MAX {
            return;
        }
    }
}

/// Reads a response as far as it matters.
async fn read(mut response: Response) -> Attempt {
    let status = response.status().as_u16();
    let retry_after = retry_after(response.headers());
    let mut body = Vec::new();
    // The body of no other status takes part in the judgement.
    while matches!(status, 200 | 400 | 413) && body.len() <= limits::ANSWER_BYTES_MAX {
        match response.chunk().await {
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => break,
            Err(error) => {
                return Attempt {
                    status: Some(status),
                    ..Attempt::failed(cause_of(&error))
                };
            }
        }
    }
    Attempt {
        response_class: classify(status, &body),
        status: Some(status),
        cause: None,
        retry_after,
    }
}

fn cause_of(error: &reqwest::Error) -> FailureCause {
    if error.is_timeout() {
        FailureCause::Timeout
    } else if is_distrust(error) {
        FailureCause::Certificate
    } else if error.is_connect() {
        FailureCause::Connection
    } else if error.is_builder() {
        FailureCause::Client
    } else {
        FailureCause::Broken
    }
}

/// Whether there is no connection because the server's certificate is not trusted.
pub fn is_distrust(error: &reqwest::Error) -> bool {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(rustls::Error::InvalidCertificate(_)) = error.downcast_ref() {
            return true;
        }
        // What an input error holds is not among its causes.
        let held = error.downcast_ref().and_then(io::Error::get_ref);
        cause = match held {
            Some(held) => Some(held),
            None => error.source(),
        };
    }
    false
}

/// The compressed body of an attempt. The events' bytes are the journal's, untouched; only `sent_at` is new, stamped as
/// late as possible because the server takes its difference to the arrival for the skew of this machine's clock.
fn compressed_body(
    key: &Key,
    queued_events: &[QueuedEvent],
    now: SystemTime,
) -> io::Result<Vec<u8>> {
    let key = serde_json::to_string(key.as_str())?;
    let sent_at = wire::timestamp(now);
    let lines: Vec<&str> = queued_events
        .iter()
        .map(|queued_event| &*queued_event.line)
        .collect();
    let joined_lines = lines.join(",");
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    write!(
        encoder,
        r#"{{"api_key":{key},"sent_at":"{sent_at}","batch":[{joined_lines}]}}"#
    )?;
    encoder.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn the_events_bytes_are_the_journals_and_the_key_is_escaped() {
        let key = Key::parse(r#"phc_"\x"#).unwrap().unwrap();
        let lines = [r#"{"a":1.0e5,"b":"\u00e4"}"#, "{}"];
        let queued_events = lines.map(|line| QueuedEvent {
            uuid: Uuid::nil(),
            run_id: Uuid::nil(),
            line: line.into(),
        });
        let mut file_text = String::new();
        let body = compressed_body(&key, &queued_events, SystemTime::UNIX_EPOCH).unwrap();
        flate2::read::GzDecoder::new(body.as_slice())
            .read_to_string(&mut file_text)
            .unwrap();
        assert_eq!(
            file_text,
            r#"{"api_key":"phc_\"\\x","sent_at":"1970-01-01T00:00:00.000Z","batch":[{"a":1.0e5,"b":"\u00e4"},{}]}"#
        );
    }
}
