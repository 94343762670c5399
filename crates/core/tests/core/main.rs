//! The package from outside: corpora, recordings and tables of formats against its public functions.
//!
//! It builds without the HTTP client, TLS and tokio.

#![expect(clippy::disallowed_methods, reason = "tests read recordings")]

mod config_corpus;
#[path = "../../../../tests/support/documents.rs"]
mod documents;
mod events;
mod formats;
mod issues;
mod parity;
#[path = "../../../../tests/support/posthog_rules.rs"]
#[expect(dead_code, reason = "only the rules of one event are asked here")]
mod posthog_rules;
mod python_module;
mod samples;
