//! Whether a run waits before its first step, or does not end after its last.
//!
//! Before it has a pace, nobody knows how long a training's step takes: loading, compiling and a first step of ten
//! minutes are no hang. But they compute. So it waits only where for a long time nothing is printed, no bar moves, no
//! processor and no GPU does anything; and what it waits for has to be known: a bar that stands still, workers of which
//! none was ever started, a training that is finished. It is said at the end, never acted upon. Pure;
//! [`run`](crate::judging::run) asks.

use crate::observation::{EdgeWait, Sample};
use crate::output::progress::Phase;
use std::time::Duration;

/// How long nothing may be done. A server that does not answer is given up after less.
const EDGE_PATIENCE: Duration = Duration::from_secs(300);

/// How long before the end it may have been woken: whoever is asked to end says so.
const EDGE_LAST_WORDS: Duration = Duration::from_secs(60);

/// Processors in use, of all processes together, up to which nothing is done: heartbeats and timers.
const EDGE_IDLE_CORES: f64 = 0.1;

/// Utilization of a GPU up to which it does nothing.
const EDGE_IDLE_GPU: f64 = 0.01;

/// Where a run is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RunEdge {
    /// Whether a step was taken.
    pub has_begun: bool,
    /// Whether the training has come to its end.
    pub is_finished: bool,
    /// What a bar that is not at its end counts.
    pub phase: Option<Phase>,
    /// Whether a launcher is to start several workers, of which none was ever seen.
    pub awaits_workers: bool,
}

/// Watches one run.
#[derive(Default)]
pub struct EdgeWatch {
    /// Since when nothing is done.
    quiet_since: f64,
    /// The last time that it was quiet for long, from when until when.
    was_quiet: Option<(f64, f64)>,
    /// The processor seconds of the last measurement, and its time.
    cpu: Option<(f64, f64)>,
}

impl EdgeWatch {
    /// Something was printed, or done.
    pub fn moved(&mut self, seconds_since_start: f64) {
        if seconds_since_start - self.quiet_since >= EDGE_PATIENCE.as_secs_f64() {
            self.was_quiet = Some((self.quiet_since, seconds_since_start));
        }
        self.quiet_since = self.quiet_since.max(seconds_since_start);
    }

    /// The run was measured. What it used is not known before the second time, and then it is no sign.
    pub fn sample(&mut self, sample: &Sample) {
        let mut is_idle = false;
        if let Some(used) = sample.cpu_seconds
            && let Some((used_before, at_before)) = self.cpu.replace((used, sample.at))
        {
            let seconds = sample.at - at_before;
            is_idle = used - used_before <= EDGE_IDLE_CORES * seconds;
        }
        let mut gpus = sample.gpus.iter().filter_map(|gpu| gpu.utilization);
        if !is_idle || gpus.any(|utilization| utilization > EDGE_IDLE_GPU) {
            self.moved(sample.at);
        }
    }

    /// What it waits for at the end.
    pub fn wait(&self, seconds_since_start: f64, edge: RunEdge) -> Option<EdgeWait> {
        let is_quiet = seconds_since_start - self.quiet_since >= EDGE_PATIENCE.as_secs_f64();
        let woken = self
            .was_quiet
            .is_some_and(|(_, until)| seconds_since_start - until <= EDGE_LAST_WORDS.as_secs_f64());
        if !is_quiet && !woken {
            return None;
        }
        if edge.is_finished {
            return Some(EdgeWait::End);
        }
        if edge.has_begun {
            return None;
        }
        match edge.phase {
            Some(Phase::Download) => Some(EdgeWait::Download),
            Some(Phase::Data) => Some(EdgeWait::Preparation),
            _ => edge.awaits_workers.then_some(EdgeWait::Rendezvous),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::GpuReading;

    /// A watch over measurements of five seconds each, of so many cores and a GPU.
    fn watched(seconds: u32, cores: f64, gpu: f64) -> EdgeWatch {
        let mut watch = EdgeWatch::default();
        for at in (0..=seconds).step_by(5) {
            watch.sample(&Sample {
                at: at.into(),
                cpu_seconds: Some(cores * f64::from(at)),
                gpus: vec![GpuReading {
                    utilization: Some(gpu),
                    ..GpuReading::default()
                }],
                ..Sample::default()
            });
        }
        watch
    }

    #[test]
    fn what_a_run_waits_for_is_told_where_it_is_known() {
        let before = RunEdge::default();
        let download = RunEdge {
            phase: Some(Phase::Download),
            ..before
        };
        let preparation = RunEdge {
            phase: Some(Phase::Data),
            ..before
        };
        let rendezvous = RunEdge {
            awaits_workers: true,
            ..before
        };
        let finished = RunEdge {
            has_begun: true,
            is_finished: true,
            ..before
        };
        let training = RunEdge {
            has_begun: true,
            ..download
        };
        for (edge, expected) in [
            (download, Some(EdgeWait::Download)),
            (preparation, Some(EdgeWait::Preparation)),
            (rendezvous, Some(EdgeWait::Rendezvous)),
            (finished, Some(EdgeWait::End)),
            // A training that stands still has a watch of its own; of a program that only waits nothing is known.
            (training, None),
            (before, None),
        ] {
            assert_eq!(
                watched(400, 0.02, 0.0).wait(400.0, edge),
                expected,
                "{edge:?}"
            );
            assert_eq!(watched(290, 0.02, 0.0).wait(290.0, edge), None, "too soon");
            // Loading, compiling, a first step of ten minutes.
            assert_eq!(watched(900, 1.0, 0.0).wait(900.0, edge), None, "computing");
            assert_eq!(watched(900, 0.02, 1.0).wait(900.0, edge), None, "on a GPU");
        }
        let mut asked = watched(400, 0.02, 0.0);
        asked.moved(402.0);
        assert_eq!(
            asked.wait(404.0, download),
            Some(EdgeWait::Download),
            "last words"
        );
        assert_eq!(asked.wait(500.0, download), None, "it went on");
        let mut alive = watched(400, 0.02, 0.0);
        alive.was_quiet = None;
        alive.quiet_since = 399.0;
        assert_eq!(alive.wait(400.0, download), None, "a bar has moved");
    }
}
