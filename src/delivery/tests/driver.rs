//! An uploader under test, driven as the observer drives it.

use crate::delivery::endpoint::{Endpoint, Key};
use crate::delivery::{AttemptOutcome, Certificates, EndpointState, Priority, Uploader};
use crate::store::tests::recorded;
use std::time::{Duration, SystemTime};
use uuid::Uuid;

/// Longer than any attempt and backoff that a test waits for.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// An uploader with a runtime to drive it.
pub struct Driver {
    pub runtime: tokio::runtime::Runtime,
    pub uploader: Uploader,
    pub run: Uuid,
}

impl Driver {
    pub fn new(url: &str) -> Self {
        Self::with(url, Certificates::default())
    }

    pub fn with(url: &str, certificates: Certificates) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let key = Key::parse("phc_test").unwrap().unwrap();
        let uploader = Uploader::new(Endpoint::parse(url).unwrap(), key, certificates);
        Self {
            runtime,
            uploader,
            run: Uuid::new_v4(),
        }
    }

    pub fn offer(&mut self, steps: std::ops::Range<u64>) -> Vec<String> {
        let lines: Vec<_> = steps.map(|step| line(self.run, step)).collect();
        for line in &lines {
            assert!(self.uploader.offer(line, Priority::Own).is_some());
        }
        lines
    }

    pub fn step(&mut self) -> AttemptOutcome {
        let step = async { tokio::time::timeout(DEADLINE, self.uploader.step()).await };
        self.runtime
            .block_on(step)
            .expect("an outcome before the deadline")
    }

    /// Outcomes until everything has a final disposition.
    pub fn settle(&mut self) -> Vec<AttemptOutcome> {
        let mut outcomes = Vec::new();
        while self.uploader.unsettled() > 0 && self.uploader.state() != EndpointState::Stopped {
            outcomes.push(self.step());
        }
        outcomes
    }

    /// One attempt, then what it came to.
    pub fn attempt(url: &str) -> (AttemptOutcome, EndpointState) {
        let mut driver = Self::new(url);
        driver.offer(0..3);
        let outcome = driver.step();
        (outcome, driver.uploader.state())
    }
}

pub fn line(run: Uuid, step: u64) -> String {
    recorded::line(run, &recorded::progress(step), SystemTime::now())
}
