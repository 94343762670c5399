//! The last gate: what the types have let through is looked at once more, on the final bytes.
//!
//! Everything in an event is public by construction. This module assumes that the construction has a hole, and
//! compares the finished event with what only this user has: the words of their identity, and the shapes of secrets.
//! A hit drops the event; nobody repairs it, and nobody prints what was hit. In the same place the published list is
//! enforced on events that come back from disk.
//!
//! A gate that drops the events of everybody whose user is called `training` would be switched off, so a word
//! counts only if it is not public itself, and a hit only where it is not part of a public name. Pure; called by
//! whoever is about to write or send an event.

mod gate;
mod identity;
mod patterns;
mod recorded;
mod secrets;
mod vocabulary;

pub use gate::{Admission, Gate, Refusal};
pub use identity::{Identity, IdentityFacts, WordSource};
pub use secrets::SecretMask;
