//! Builds the stand-in for the NVIDIA library and writes its scenarios.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Which driver the stand-in is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Driver {
    /// One with all functions.
    Current,
    /// One from before 510, which lacks some.
    Old,
}

/// The path of the compiled stand-in; built once per test program with the toolchain's own compiler.
pub fn library(driver: Driver) -> &'static Path {
    static CURRENT: OnceLock<PathBuf> = OnceLock::new();
    static OLD: OnceLock<PathBuf> = OnceLock::new();
    match driver {
        Driver::Current => CURRENT.get_or_init(|| build("nvml_stub", &[])),
        Driver::Old => OLD.get_or_init(|| build("nvml_stub_old", &["--cfg", "old_driver"])),
    }
}

fn build(name: &str, flags: &[&str]) -> PathBuf {
    let program = std::env::current_exe().expect("the path of this program");
    let directory = program.parent().expect("its folder");
    let path = directory.join(format!("lib{name}.so"));
    // Test programs run side by side: each builds under a name of its own and renames.
    let unfinished = directory.join(format!("lib{name}-{}.so", std::process::id()));
    let compiler = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(compiler)
        .args([
            "--edition",
            "2024",
            "--crate-type",
            "cdylib",
            "--crate-name",
            name,
            "-C",
            "debuginfo=0",
        ])
        .args(["--check-cfg", "cfg(old_driver)"])
        .args(flags)
        .arg("-o")
        .arg(&unfinished)
        .arg(crate::documents::path("tests/support/nvml_stub.rs"))
        .output()
        .expect("the toolchain's own compiler runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    std::fs::rename(&unfinished, &path).unwrap();
    path
}

/// The world that the stand-in shows, in a file that it reads at each call.
pub struct Scenario {
    path: PathBuf,
    _directory: tempfile::TempDir,
}

/// The variable that names the scenario's file; read by the stand-in alone.
pub const VARIABLE: &str = "NVML_STUB_SCENARIO";

impl Scenario {
    /// A scenario of these lines.
    pub fn new(lines: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let scenario = Self {
            path: directory.path().join("scenario"),
            _directory: directory,
        };
        scenario.set(lines);
        scenario
    }

    /// The one that a library in this very process reads; whoever sets it has to take turns.
    pub fn of_this_process() -> &'static Self {
        static SCENARIO: OnceLock<Scenario> = OnceLock::new();
        SCENARIO.get_or_init(|| {
            let scenario = Self::new("");
            // SAFETY: nothing reads the environment while it changes but the standard library, which has a lock
            // of its own; the stand-in, which has another, is loaded only by those who have the scenario.
            unsafe { std::env::set_var(VARIABLE, scenario.path()) };
            scenario
        })
    }

    /// Another world from now on; at once, since the file is exchanged.
    pub fn set(&self, lines: &str) {
        let unfinished = self.path.with_extension("new");
        std::fs::write(&unfinished, lines).unwrap();
        std::fs::rename(&unfinished, &self.path).unwrap();
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }
}
