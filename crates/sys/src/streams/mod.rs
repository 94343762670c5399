//! The command's output streams: what it gets in place of ours, and the relay between the two.
//!
//! The rule: the command gets the same kind of thing that we have, one relay per destination, not per
//! descriptor. [`route`] decides, [`relay`] moves bytes, [`overflow`] keeps what the observer is too slow for. Both
//! processes use the relay: the supervisor while it lives, the observer after it.

pub mod overflow;
pub mod relay;
pub mod route;
