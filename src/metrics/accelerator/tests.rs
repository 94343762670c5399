//! A machine sketched for tests: devices as small copies of the kernel's files, asked as the observer asks.

use super::driver::{AcceleratorFacts, DriverSettings};
use super::gpus::Gpus;
use axolotl_run_core::observation::GpuReading;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

/// A root with the files that a test puts there.
pub struct Machine(tempfile::TempDir);

impl Machine {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn put(&self, path: &str, text: &str) -> &Self {
        let path = self.0.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    /// A link, as the kernel's are relative.
    pub fn link(&self, path: &str, target: &str) -> &Self {
        let path = self.0.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::os::unix::fs::symlink(target, path).unwrap();
        self
    }

    pub fn root(&self) -> &Path {
        self.0.path()
    }

    /// Begins to measure it; nothing here is slow.
    pub fn gpus(&self) -> Gpus {
        Gpus::start_with(DriverSettings {
            root: self.root().to_owned(),
            answer_timeout: Duration::from_secs(20),
            retry_period: Duration::from_secs(20),
            ..DriverSettings::default()
        })
    }

    /// Asks for one reading and waits for it.
    pub fn reading(&self, pids: &[u32]) -> (AcceleratorFacts, Vec<GpuReading>) {
        let mut gpus = self.gpus();
        let readings = Self::next(&mut gpus, pids);
        (wait(&mut gpus, Gpus::facts), readings)
    }

    /// The same of devices that are being measured.
    pub fn next(gpus: &mut Gpus, pids: &[u32]) -> Vec<GpuReading> {
        // Nothing else is under way then, so it is asked for once.
        wait(gpus, Gpus::facts);
        gpus.request_sample(pids);
        wait(gpus, Gpus::try_reading)
    }
}

fn wait<T>(gpus: &mut Gpus, ask: impl Fn(&mut Gpus) -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        if let Some(answer) = ask(gpus) {
            return answer;
        }
        assert!(Instant::now() < deadline);
        std::thread::yield_now();
    }
}
