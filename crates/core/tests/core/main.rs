//! The package from outside: corpora, recordings and tables of formats against its public functions.
//!
//! It builds without the HTTP client, TLS and tokio.

mod config_corpus;
#[path = "../../../../tests/support/documents.rs"]
mod documents;
mod events;
mod formats;
mod python_module;
mod samples;
