//! Turns `knowledge/` into Rust tables when the program is built, so that nothing is parsed at run time.
//!
//! Each kind of entry has a module that reads its files and returns Rust source. What every entry must have is
//! checked in `entry`: an entry without a source, an example and a look-alike does not build.

#![expect(clippy::disallowed_methods, reason = "a build script reads files")]

mod entry;
mod lists;
mod messages;
mod pattern;
mod prefixes;
mod progress;
mod public_classes;
mod python_layouts;
mod signs;
mod table;
mod watchdogs;

use std::path::{Path, PathBuf};
use std::{env, fs};

/// Makes the Rust source of a table from the files of `knowledge/`.
type Generate = fn(&Path) -> String;

/// The kinds of knowledge, each with the name of its generated file.
const KINDS: &[(&str, Generate)] = &[
    ("channels", table::channels),
    ("commands", table::commands),
    ("jobs", table::jobs),
    ("launchers", table::launchers),
    ("lists", lists::generate),
    ("messages", messages::generate),
    ("prefixes", prefixes::generate),
    ("progress", progress::generate),
    ("public_classes", public_classes::generate),
    ("python_layouts", python_layouts::generate),
    ("signs", signs::generate),
    ("stack_classes", table::stack_classes),
    ("watchdogs", watchdogs::generate),
    ("wrappers", table::wrappers),
];

fn main() {
    // Here and not where the calls are: one sentence instead of an error for each.
    if env::var("CARGO_CFG_TARGET_OS").as_deref() != Ok("linux") {
        println!(
            "cargo::error=axolotl-run runs on Linux only: it uses Linux's own calls (signalfd, splice, pidfds); \
             on macOS and Windows, run it where the training runs, in a container or virtual machine with Linux"
        );
        return;
    }
    let knowledge = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../knowledge");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    println!("cargo::rerun-if-changed={}", knowledge.display());
    for (name, generate) in KINDS {
        let target = out.join(format!("{name}.rs"));
        fs::write(&target, generate(&knowledge)).expect("OUT_DIR can be written");
    }
}
