//! What supervisor and observer know of each other, who must not import one another: the request that a supervised run
//! is started by, what the observer and the fallback finisher are started with, and the messages on the socket.

pub mod messages;
pub mod observer_config;
pub mod run_request;
