//! What people type and what they are told: options, consent, queries, pages, documents, and the lines that they copy.
//!
//! The real program runs in a home of its own; nothing here looks further into a run than its user does.

mod bad_input;
mod command_line;
mod completions;
mod consent;
mod demo;
mod documents;
mod examples;
mod explain;
mod first_run;
mod pages;
mod report;
