//! Prints what would be sent of a configuration: YAML on stdin, JSON on stdout. For the privacy corpus and for the curious.

#![expect(clippy::print_stdout, reason = "this is what it is for")]

use axolotl_run_core::config;
use axolotl_run_core::event::Start;
use axolotl_run_core::event::value::Sendable as _;
use std::io::Read as _;
use std::path::Path;

fn main() -> std::io::Result<()> {
    let mut yaml = Vec::new();
    std::io::stdin()
        .take(axolotl_run_core::limits::CONFIG_FILE_BYTES_MAX + 1)
        .read_to_end(&mut yaml)?;
    let mut start = Start::default();
    // What is not UTF-8 is not YAML either; nothing is sent of it.
    let read = std::str::from_utf8(&yaml)
        .ok()
        .and_then(|yaml| config::read(yaml, &[], &|path| Path::new(path).exists()).ok());
    if let Some(vetted) = read {
        start.config = Some(vetted.value);
        start.config_unknown_keys = Some(vetted.unknown_keys);
    }
    println!("{}", start.json());
    Ok(())
}
