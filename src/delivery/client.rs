//! The HTTP client: TLS that needs no installed certificates, a bound on every wait and on every answer.
//!
//! reqwest's own set-up fails where no certificates are installed (slim containers), and its default cryptography
//! takes time in every process. So the TLS configuration is ours: ring as provider; the compiled-in roots, the system's,
//! and the files that users of Python have already configured. A missing or broken one is skipped. The set-up reads
//! files and computes for milliseconds, so it happens once, late, and outside of the observer's loop.

use super::answers::{self, ResponseClass};
use super::backoff;
use super::batching::Item;
use super::endpoint::{Endpoint, Key};
use super::outcome::FailureCause;
use super::request;
use super::retry_policy::Attempt;
use axolotl_run_core::env;
use axolotl_run_core::limits;
use axolotl_run_sys::probe::open_regular;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Client, Response, redirect, retry};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use std::ffi::OsString;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;
use tokio::sync::Mutex;
use tokio::task::{JoinHandle, spawn_blocking};

/// The bundles of the common distributions, for when the variable that replaces them is set.
const SYSTEM_BUNDLES: [&str; 5] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// Further certificates that the user trusts.
#[derive(Clone, Debug, Default)]
pub struct Certificates {
    files: Vec<PathBuf>,
    directory: Option<PathBuf>,
}

/// Sends batches to one place.
#[derive(Debug)]
pub struct BatchSender {
    endpoint: Endpoint,
    key: Key,
    certificates: Certificates,
    client: OnceLock<Client>,
    /// Reading certificates from a file system that hangs must cost one thread, not one an attempt.
    building: Mutex<Option<JoinHandle<Option<Client>>>>,
}

impl Certificates {
    /// Those that the environment names.
    pub fn configured(environment: impl Fn(&str) -> Option<OsString>) -> Self {
        let path = |name: &str| {
            environment(name)
                .filter(|value| !value.is_empty())
                .map(PathBuf::from)
        };
        Self {
            files: env::CERTIFICATE_FILES
                .iter()
                .filter_map(|name| path(name))
                .collect(),
            directory: path(env::SSL_CERT_DIR),
        }
    }

    fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore {
            roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
        };
        if std::env::var_os(env::SSL_CERT_DIR)
            .or_else(|| std::env::var_os(env::CERTIFICATE_FILES[0]))
            .is_none()
        {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        } else {
            // The library would open what the variables name, whatever it is, in the place of the system's.
            SYSTEM_BUNDLES
                .iter()
                .for_each(|path| add_file(&mut roots, Path::new(path)));
        }
        self.files
            .iter()
            .for_each(|path| add_file(&mut roots, path));
        if let Some(directory) = &self.directory {
            let found = rustls_native_certs::load_certs_from_paths(None, Some(directory));
            roots.add_parsable_certificates(found.certs);
        }
        roots
    }
}

fn add_file(roots: &mut RootCertStore, path: &Path) {
    if let Ok(file) = open_regular(path) {
        let text = file.take(limits::CERTIFICATES_BYTES_MAX);
        roots
            .add_parsable_certificates(CertificateDer::pem_reader_iter(text).map_while(Result::ok));
    }
}

impl Attempt {
    const fn failed(cause: FailureCause) -> Self {
        Self {
            class: ResponseClass::Later,
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
            client: OnceLock::new(),
            building: Mutex::const_new(None),
        }
    }

    /// Makes one attempt; it ends within [`limits::REQUEST_TIMEOUT`] whatever happens.
    pub async fn attempt(self: Arc<Self>, items: Vec<Item>) -> Attempt {
        let attempt = async {
            match self.ask(items).await {
                Ok(answer) => read(answer).await,
                Err(cause) => Attempt::failed(cause),
            }
        };
        tokio::time::timeout(limits::REQUEST_TIMEOUT, attempt)
            .await
            .unwrap_or(Attempt::failed(FailureCause::Timeout))
    }

    async fn ask(self: Arc<Self>, items: Vec<Item>) -> Result<Response, FailureCause> {
        let url = self.endpoint.url().clone();
        let client = self.client().await.ok_or(FailureCause::Client)?;
        // Compressing takes milliseconds that the loop has not.
        let compressed =
            spawn_blocking(move || request::body(&self.key, &items, SystemTime::now()).ok());
        let body = compressed
            .await
            .ok()
            .flatten()
            .ok_or(FailureCause::Client)?;
        let request = client
            .post(url)
            .header(CONTENT_TYPE, "application/json")
            .header(CONTENT_ENCODING, "gzip");
        request
            .body(body)
            .send()
            .await
            .map_err(|error| cause(&error))
    }

    /// Begins to set the client up, so that the first attempt need not wait for it. To be called within a runtime.
    pub fn prepare(self: &Arc<Self>) {
        if let Ok(mut building) = self.building.try_lock() {
            building.get_or_insert_with(|| self.begin_to_build());
        }
    }

    async fn client(self: &Arc<Self>) -> Option<Client> {
        if let Some(client) = self.client.get() {
            return Some(client.clone());
        }
        let mut building = self.building.lock().await;
        // An attempt that gives up waiting leaves the handle to the next.
        let built = building.get_or_insert_with(|| self.begin_to_build()).await;
        *building = None;
        let _ = self.client.set(built.ok()??);
        self.client.get().cloned()
    }

    fn begin_to_build(self: &Arc<Self>) -> JoinHandle<Option<Client>> {
        let sender = Arc::clone(self);
        spawn_blocking(move || sender.build())
    }

    fn build(&self) -> Option<Client> {
        let tls =
            ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
                .with_safe_default_protocol_versions()
                .ok()?
                .with_root_certificates(self.certificates.roots())
                .with_no_client_auth();
        Client::builder()
            .tls_backend_preconfigured(tls)
            .user_agent(concat!("axolotl-run/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .referer(false)
            .http1_only()
            .connect_timeout(limits::CONNECT_TIMEOUT)
            .timeout(limits::REQUEST_TIMEOUT)
            .build()
            .ok()
    }
}

/// Reads an answer as far as it matters.
async fn read(mut answer: Response) -> Attempt {
    let status = answer.status().as_u16();
    let wish = answer
        .headers()
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok());
    let retry_after = wish.and_then(|wish| backoff::retry_after(wish, SystemTime::now()));
    let mut body = Vec::new();
    while answers::needs_body(status) && body.len() <= limits::ANSWER_BYTES_MAX {
        match answer.chunk().await {
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => break,
            Err(error) => {
                return Attempt {
                    status: Some(status),
                    ..Attempt::failed(cause(&error))
                };
            }
        }
    }
    Attempt {
        class: answers::classify(status, &body),
        status: Some(status),
        cause: None,
        retry_after,
    }
}

fn cause(error: &reqwest::Error) -> FailureCause {
    if error.is_timeout() {
        FailureCause::Timeout
    } else if error.is_connect() {
        FailureCause::Connection
    } else if error.is_builder() {
        FailureCause::Client
    } else {
        FailureCause::Broken
    }
}
