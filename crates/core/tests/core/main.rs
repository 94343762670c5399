//! The package from outside: corpora, recordings and tables of formats against its public functions.
//!
//! It builds without the HTTP client, TLS and tokio.

#![expect(clippy::disallowed_methods, reason = "tests read recordings")]

mod config_corpus;
#[path = "../../../../tests/support/documents.rs"]
mod documents;
mod events;
mod formats;
mod python_module;
mod samples;
