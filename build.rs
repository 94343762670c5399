//! How the program is linked: its start is on the way to every training, so what the loader has to do is kept small.
//!
//! Two things cost more than all that the launcher itself does before the command runs. A position-independent
//! executable of this size has 12,000 addresses to relocate, which copies 55 pages; and `libgcc_s`, which Rust names
//! for unwinding, is one more library to find, map and relocate. So the executable has fixed addresses, and the
//! unwinder is linked in where the compiler has it as an archive. The C library stays dynamic: a GPU driver's library
//! is loaded at run time.

use std::path::Path;
use std::process::Command;
use std::{env, fs};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let is = |name: &str, value: &str| env::var(name).is_ok_and(|found| found == value);
    if !(is("CARGO_CFG_TARGET_OS", "linux") && is("CARGO_CFG_TARGET_ENV", "gnu")) {
        return;
    }
    println!("cargo::rustc-link-arg-bins=-no-pie");
    // A cross compiler, or a linker of the user's choice, has an own idea of where the unwinder is.
    if env::var_os("RUSTC_LINKER").is_none()
        && env::var("HOST") == env::var("TARGET")
        && has_archive("libgcc_eh.a")
    {
        let folder = env::var("OUT_DIR").unwrap_or_default();
        // A linker script in the place of the shared library: whoever asks for `-lgcc_s` gets the archive.
        if fs::write(
            Path::new(&folder).join("libgcc_s.so"),
            "INPUT ( -lgcc_eh -lgcc )\n",
        )
        .is_ok()
        {
            println!("cargo::rustc-link-search=native={folder}");
        }
    }
}

/// Whether the C compiler, which rustc links with, has such an archive: it answers with a path, or with the bare name.
fn has_archive(name: &str) -> bool {
    Command::new("cc")
        .arg(format!("-print-file-name={name}"))
        .output()
        .is_ok_and(|output| Path::new(String::from_utf8_lossy(&output.stdout).trim()).is_absolute())
}
