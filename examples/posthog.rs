//! The strict PostHog of the tests as a program, for scripts.
//!
//! `cargo run --example posthog -- --port-file FILE [--log DIRECTORY] [--always BEHAVIOUR]`
//! writes its address to FILE, then each request's body to `DIRECTORY/<n>.json`, what a store without
//! duplicates holds to `DIRECTORY/stored.jsonl`, and what is against the contract to `DIRECTORY/complaints`.
//! BEHAVIOUR is one of stall, reset, html, 400, 401, 413, 429, 500. It ends with its standard input.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;
use support::posthog::{Behaviour, Server};

fn main() -> io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let (mut port_file, mut log, mut always) = (None, None, None);
    while let Some(argument) = arguments.next() {
        let value = arguments
            .next()
            .ok_or_else(|| io::Error::other(format!("{argument} needs a value")))?;
        match argument.as_str() {
            "--port-file" => port_file = Some(PathBuf::from(value)),
            "--log" => log = Some(PathBuf::from(value)),
            "--always" => always = Some(value),
            _ => return Err(io::Error::other(format!("unknown option {argument}"))),
        }
    }
    let server = Server::start();
    if let Some(behaviour) = always {
        server.always(match behaviour.as_str() {
            "stall" => Behaviour::Stall,
            "reset" => Behaviour::Reset,
            "html" => Behaviour::Html,
            status => Behaviour::Status(status.parse().map_err(io::Error::other)?),
        });
    }
    match port_file {
        // In one piece: whoever waits for the file must not read half an address.
        Some(path) => {
            let temporary = path.with_extension("new");
            fs::write(&temporary, server.url())?;
            fs::rename(temporary, path)?;
        }
        None => println!("{}", server.url()),
    }
    let (ended, end) = mpsc::channel();
    thread::spawn(move || {
        let _ = io::stdin().read_to_end(&mut Vec::new());
        let _ = ended.send(());
    });
    let mut written = 0;
    loop {
        let is_over = end.recv_timeout(Duration::from_millis(50)).is_ok();
        if let Some(directory) = &log {
            written = keep(&server, directory, written)?;
        }
        if is_over {
            return Ok(());
        }
    }
}

fn keep(server: &Server, directory: &Path, written: usize) -> io::Result<usize> {
    let requests = server.requests();
    if requests.len() == written {
        return Ok(written);
    }
    fs::create_dir_all(directory)?;
    for (number, request) in requests.iter().enumerate().skip(written) {
        fs::write(directory.join(format!("{number}.json")), &request.body)?;
        fs::write(directory.join(format!("{number}.raw")), &request.raw)?;
    }
    let stored: String = server
        .stored()
        .iter()
        .map(|event| format!("{event}\n"))
        .collect();
    fs::write(directory.join("stored.jsonl"), stored)?;
    fs::write(directory.join("complaints"), server.complaints().join("\n"))?;
    Ok(requests.len())
}
