//! The uploader for PostHog's compliance harness for SDKs: the role that `tests/network/compliance.py` plays it in.
//!
//! The harness captures events with names and properties of its own, which the gate would refuse; what it tests is the
//! delivery behind the gate. So the events come as lines on standard input: `{"host", "key", "tries"}` first, then each
//! `{"event": …}` to be offered, and `{"flush": true}` to send what waits. Each answer is a line on standard output.

use crate::delivery::endpoint::{Endpoint, Key};
use crate::delivery::{Certificates, Priority, Uploader};
use serde_json::{Value, json};
use std::io::{BufRead as _, Write as _};

#[test]
#[ignore = "a role that tests/network/compliance.py plays"]
fn role_uploader() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let mut uploader = None;
    for line in std::io::stdin().lock().lines() {
        let request: Value = serde_json::from_str(&line.unwrap()).unwrap();
        if let Some(host) = request["host"].as_str() {
            let key = Key::parse(request["key"].as_str().unwrap())
                .unwrap()
                .unwrap();
            let endpoint = Endpoint::parse(host).unwrap();
            let mut new = Uploader::new(endpoint, key, Certificates::default());
            let tries = request["tries"].as_u64();
            new.limit_tries(tries.and_then(|tries| u32::try_from(tries).ok()));
            uploader = Some(new);
            continue;
        }
        let uploader = uploader.as_mut().expect("an uploader");
        if !request["event"].is_null() {
            assert!(
                uploader
                    .offer(&request["event"].to_string(), Priority::Own)
                    .is_some()
            );
            continue;
        }
        while uploader.unsettled() > 0 && !uploader.state().is_final() {
            let outcome = runtime.block_on(uploader.step());
            say(&json!({"status": outcome.answer.status, "uuids": outcome.uuids}));
        }
        say(&json!({"waiting": uploader.unsettled()}));
    }
}

/// Past the test's own capture of what it prints.
fn say(answer: &Value) {
    let mut output = std::io::stdout().lock();
    writeln!(output, "{answer}")
        .and_then(|()| output.flush())
        .unwrap();
}
