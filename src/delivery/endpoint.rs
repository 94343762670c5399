//! Where events go, and with which key.
//!
//! Both come from the environment, or were baked in by a distributor at build time under the same names. A
//! mistake in them must not be found out by silence: each has one clear sentence, which `--status` shows.
//! Pure; the look-up function is the caller's.

use axolotl_run_core::env;
use axolotl_run_core::launch::Environment;
use reqwest::Url;
use std::ffi::OsString;
use std::fmt;

/// Characters of a host that is configured; no real one is near it.
const HOST_BYTES_MAX: usize = 1024;
/// Bytes of a project key; the server refuses longer ones.
const KEY_BYTES_MAX: usize = 64;

/// Where events go when nothing else is configured.
const DEFAULT_HOST: &str = "https://us.i.posthog.com";
/// The addresses of PostHog's web pages, which people copy, and the ones that take events.
const HOSTS_OF_PAGES: [(&str, &str); 3] = [
    ("app.posthog.com", "us.i.posthog.com"),
    ("us.posthog.com", "us.i.posthog.com"),
    ("eu.posthog.com", "eu.i.posthog.com"),
];
const BAKED_HOST: Option<&str> = option_env!("AXOLOTL_RUN_POSTHOG_HOST");
const BAKED_KEY: Option<&str> = option_env!("AXOLOTL_RUN_POSTHOG_KEY");

/// A server that takes events.
#[derive(Clone, Debug, PartialEq)]
pub struct Endpoint(Url);

/// What is wrong with a configured host; the text is a whole sentence without its full stop.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum EndpointProblem {
    /// It is no URL.
    Malformed,
    /// It begins with neither `https://` nor `http://`.
    Scheme,
    /// It holds a user name or a password.
    Credentials,
    /// It holds a query or a fragment.
    Query,
}

/// A project's write-only key.
#[derive(Clone, PartialEq)]
pub struct Key(String);

/// What is wrong with a configured key; the text is a whole sentence without its full stop.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum KeyProblem {
    /// It is longer than 64 bytes, or not plain ASCII.
    Malformed,
    /// It is a personal key, which must never be given away.
    Personal,
}

/// Endpoint and key, as far as they are right.
pub struct Destination {
    /// Where events go.
    pub endpoint: Result<Endpoint, EndpointProblem>,
    /// With which key; None where none is configured.
    pub key: Result<Option<Key>, KeyProblem>,
}

impl Endpoint {
    /// Reads a configured host.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(configured_text: &str) -> Result<Self, EndpointProblem> {
        let configured_text = configured_text.trim();
        // The case of a scheme does not matter. The parser would accept far more: `https:host`, `https:\host`.
        let (scheme, authority) = configured_text
            .split_once("://")
            .ok_or(EndpointProblem::Scheme)?;
        if !matches!(scheme.to_ascii_lowercase().as_str(), "https" | "http") {
            return Err(EndpointProblem::Scheme);
        }
        if configured_text.len() > HOST_BYTES_MAX
            || authority.is_empty()
            || authority.starts_with('/')
        {
            return Err(EndpointProblem::Malformed);
        }
        let mut endpoint_url =
            Url::parse(configured_text).map_err(|_| EndpointProblem::Malformed)?;
        if !endpoint_url.username().is_empty() || endpoint_url.password().is_some() {
            return Err(EndpointProblem::Credentials);
        }
        if endpoint_url.query().is_some() || endpoint_url.fragment().is_some() {
            return Err(EndpointProblem::Query);
        }
        for (page_host, host_text) in HOSTS_OF_PAGES {
            if endpoint_url.host_str() == Some(page_host) {
                let address = format!("https://{host_text}");
                endpoint_url = Url::parse(&address).map_err(|_| EndpointProblem::Malformed)?;
            }
        }
        let path = format!("{}/batch/", endpoint_url.path().trim_end_matches('/'));
        endpoint_url.set_path(&path);
        Ok(Self(endpoint_url))
    }

    /// The address that batches are posted to.
    pub const fn url(&self) -> &Url {
        &self.0
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0.as_str().trim_end_matches("/batch/"))
    }
}

impl fmt::Display for EndpointProblem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = env::AXOLOTL_RUN_POSTHOG_HOST;
        match self {
            Self::Malformed => write!(
                formatter,
                "`{name}` is not an address such as `{DEFAULT_HOST}`"
            ),
            Self::Scheme => write!(
                formatter,
                "`{name}` must begin with `https://` or `http://`"
            ),
            Self::Credentials => write!(
                formatter,
                "`{name}` must not hold a user name or a password"
            ),
            Self::Query => write!(formatter, "`{name}` must not hold a `?` or a `#`"),
        }
    }
}

impl Key {
    /// Reads a configured key; None where there is nothing but blanks.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(configured_text: &str) -> Result<Option<Self>, KeyProblem> {
        let configured_text = configured_text.trim();
        if configured_text.is_empty() {
            return Ok(None);
        }
        if configured_text.starts_with("phx_") {
            return Err(KeyProblem::Personal);
        }
        if configured_text.len() > KEY_BYTES_MAX
            || !configured_text.bytes().all(|byte| byte.is_ascii_graphic())
        {
            return Err(KeyProblem::Malformed);
        }
        Ok(Some(Self(configured_text.to_owned())))
    }

    /// The key itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Never the key itself: what is printed for debugging ends in bug reports.
impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Key")
    }
}

impl fmt::Display for KeyProblem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = env::AXOLOTL_RUN_POSTHOG_KEY;
        match self {
            Self::Malformed => write!(
                formatter,
                "`{name}` is not a project key (1 to 64 ASCII characters without blanks)"
            ),
            Self::Personal => write!(
                formatter,
                "`{name}` is a personal key (`phx_…`); a project key (`phc_…`) is needed"
            ),
        }
    }
}

impl Destination {
    /// What the environment says, or else the build.
    pub fn configured(environment: Environment<'_>) -> Self {
        let configured_value = |name, baked: Option<&str>| {
            // What is not even text is as malformed as can be.
            let configured_text = |configured_value: OsString| {
                configured_value
                    .into_string()
                    .unwrap_or("\u{fffd}".to_owned())
            };
            match environment(name).map(configured_text) {
                Some(configured_value) if !configured_value.trim().is_empty() => configured_value,
                _ => baked.unwrap_or_default().to_owned(),
            }
        };
        let host_text = configured_value(env::AXOLOTL_RUN_POSTHOG_HOST, BAKED_HOST);
        let host_text = if host_text.trim().is_empty() {
            DEFAULT_HOST
        } else {
            &host_text
        };
        Self {
            endpoint: Endpoint::parse(host_text),
            key: Key::parse(&configured_value(env::AXOLOTL_RUN_POSTHOG_KEY, BAKED_KEY)),
        }
    }

    /// Endpoint and key, where there are both.
    pub fn usable(&self) -> Option<(Endpoint, Key)> {
        Some((self.endpoint.clone().ok()?, self.key.clone().ok()??))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_host_is_used_as_given_but_for_posthogs_pages() {
        for (configured_text, endpoint_url) in [
            (
                "https://us.i.posthog.com",
                "https://us.i.posthog.com/batch/",
            ),
            ("https://app.posthog.com", "https://us.i.posthog.com/batch/"),
            ("https://us.posthog.com/", "https://us.i.posthog.com/batch/"),
            ("https://eu.posthog.com", "https://eu.i.posthog.com/batch/"),
            (
                "  https://eu.i.posthog.com//\n",
                "https://eu.i.posthog.com/batch/",
            ),
            ("https://APP.PostHog.com", "https://us.i.posthog.com/batch/"),
            (
                "HTTPS://EU.I.POSTHOG.COM/",
                "https://eu.i.posthog.com/batch/",
            ),
            ("Http://127.0.0.1:8000", "http://127.0.0.1:8000/batch/"),
            (
                "https://events.example.org:8443/ingest/",
                "https://events.example.org:8443/ingest/batch/",
            ),
            ("http://127.0.0.1:8000", "http://127.0.0.1:8000/batch/"),
            ("http://[::1]:8000", "http://[::1]:8000/batch/"),
        ] {
            assert_eq!(
                Endpoint::parse(configured_text).unwrap().url().as_str(),
                endpoint_url,
                "{configured_text}"
            );
        }
        assert_eq!(
            Endpoint::parse("https://eu.posthog.com/")
                .unwrap()
                .to_string(),
            "https://eu.i.posthog.com"
        );
    }

    #[test]
    fn a_mistake_in_the_host_has_its_own_sentence() {
        use EndpointProblem::{Credentials, Malformed, Query, Scheme};
        for (configured_text, problem) in [
            ("us.i.posthog.com", Scheme),
            ("localhost:8000", Scheme),
            ("ftp://example.org", Scheme),
            ("https:example.org", Scheme),
            ("xhttps://example.org", Scheme),
            ("file:///etc/passwd", Scheme),
            ("\u{fffd}", Scheme),
            ("", Scheme),
            ("https://", Malformed),
            ("https:///batch", Malformed),
            ("https://exa mple.org", Malformed),
            ("https://example.org:99999", Malformed),
            ("https://[::1", Malformed),
            ("https://u:p@example.org", Credentials),
            ("https://u@example.org", Credentials),
            ("https://example.org/?a=b", Query),
            ("https://example.org/#a", Query),
        ] {
            assert_eq!(
                Endpoint::parse(configured_text),
                Err(problem),
                "{configured_text}"
            );
        }
        assert_eq!(
            Endpoint::parse(&format!("https://example.org/{}", "x".repeat(2000))),
            Err(Malformed)
        );
    }

    #[test]
    fn a_key_is_short_plain_and_not_personal() {
        for (configured_text, expected) in [
            ("phc_abc", Ok(Some("phc_abc"))),
            ("  phc_abc\n", Ok(Some("phc_abc"))),
            ("", Ok(None)),
            ("  ", Ok(None)),
            ("phx_abc", Err(KeyProblem::Personal)),
            (" phx_abc", Err(KeyProblem::Personal)),
            ("phc abc", Err(KeyProblem::Malformed)),
            ("phc_ä", Err(KeyProblem::Malformed)),
            ("phc_\u{0}", Err(KeyProblem::Malformed)),
        ] {
            let key = Key::parse(configured_text);
            assert_eq!(
                key.as_ref().map(|key| key.as_ref().map(Key::as_str)),
                expected.as_ref().map(|key| *key)
            );
        }
        assert!(Key::parse(&"x".repeat(64)).is_ok() && Key::parse(&"x".repeat(65)).is_err());
        assert_eq!(format!("{:?}", Key::parse("phc_secret")), "Ok(Some(Key))");
    }

    #[test]
    fn the_environment_decides_and_bytes_that_are_no_text_are_a_mistake() {
        use std::os::unix::ffi::OsStringExt as _;
        let none = Destination::configured(&|_| None);
        assert_eq!(
            none.endpoint.as_ref().unwrap().to_string(),
            BAKED_HOST.unwrap_or(DEFAULT_HOST)
        );
        let odd = Destination::configured(&|_| Some(OsString::from_vec(vec![0xff])));
        assert_eq!(
            (odd.endpoint.is_err(), odd.key.is_err(), odd.usable()),
            (true, true, None)
        );
    }

    proptest! {
        #[test]
        fn whatever_is_configured_the_events_go_to_its_batch_path(configured_text in "(https?://)?[a-zA-Z0-9@:/?#.% -]{0,40}") {
            if let Ok(endpoint) = Endpoint::parse(&configured_text) {
                prop_assert!(endpoint.url().path().ends_with("/batch/"));
                prop_assert!(matches!(endpoint.url().scheme(), "http" | "https"));
                prop_assert!(endpoint.url().has_host());
            }
        }
    }
}
