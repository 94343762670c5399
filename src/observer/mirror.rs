//! Mirrors the one stop that the supervisor cannot pass on: SIGSTOP to its pid, which nobody can catch.
//!
//! What is done to our pid is done to the command, so a launcher that was stopped this way takes the command
//! with it. The observer looks every two seconds, and acts only on what it sees twice in a row: while a whole job
//! is being stopped or continued the two differ for a moment. Pure; [`link`](super::link) looks and signals.

use crate::metrics::tree::stat::fields;

/// Where a process's flags are, counted from its state, and the one that says that it is ending (`PF_EXITING`).
const FLAGS_FIELD: usize = 6;
const EXITING_FLAG: u32 = 4;

/// What /proc says of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobState {
    /// Stopped by a signal.
    Stopped,
    /// Anything else that lives.
    Running,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mirrored {
    /// The supervisor was stopped: stop the command.
    StopCommand,
    /// The command was continued: continue the supervisor.
    ContinueSupervisor,
}

/// What was seen so far.
#[derive(Debug)]
pub struct Mirror {
    /// The last two that agreed.
    together: JobState,
    /// Whether the last look showed them apart, and has to be repeated soon.
    pub apart: bool,
}

impl Default for Mirror {
    fn default() -> Self {
        Self {
            together: JobState::Running,
            apart: false,
        }
    }
}

impl Mirror {
    /// Takes a look's result.
    pub fn look(&mut self, supervisor: JobState, command: JobState) -> Option<Mirrored> {
        if supervisor == command {
            self.together = supervisor;
            self.apart = false;
            return None;
        }
        if !std::mem::replace(&mut self.apart, true) {
            return None;
        }
        match (supervisor, self.together) {
            (JobState::Stopped, JobState::Running) => Some(Mirrored::StopCommand),
            (JobState::Stopped, JobState::Stopped) => Some(Mirrored::ContinueSupervisor),
            // A stopped command is the supervisor's own business: it is its parent.
            (JobState::Running, _) => None,
        }
    }
}

/// Reads the state out of /proc/PID/stat.
pub fn parse(stat: &str) -> Option<JobState> {
    match fields(stat.as_bytes())?.next()? {
        "T" => Some(JobState::Stopped),
        _ => Some(JobState::Running),
    }
}

/// Reads out of it whether a process is on its way out of this world, which the flags of proc(5) say.
pub fn is_exiting(stat: impl AsRef<str>) -> Option<bool> {
    let flags: u32 = fields(stat.as_ref().as_bytes())?
        .nth(FLAGS_FIELD)?
        .parse()
        .ok()?;
    Some(flags & EXITING_FLAG != 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use JobState::{Running, Stopped};

    #[test]
    fn whoever_is_dying_is_known_by_its_flags() {
        for (stat, expected) in [
            ("7 (a b) R 1 7 7 0 -1 4194304 1 2", Some(false)),
            ("7 (a) 4) R 1 7 7 0 -1 4194308 1 2", Some(true)),
            ("7 (a) R 1", None),
            ("", None),
        ] {
            assert_eq!(is_exiting(stat), expected, "{stat}");
        }
        let own = std::fs::read_to_string("/proc/self/stat").unwrap();
        assert_eq!(is_exiting(own), Some(false));
    }

    #[test]
    fn only_what_is_seen_twice_counts() {
        for (looks, expected) in [
            (vec![(Stopped, Running)], vec![None]),
            (
                vec![(Stopped, Running), (Stopped, Running)],
                vec![None, Some(Mirrored::StopCommand)],
            ),
            (
                vec![(Stopped, Running), (Stopped, Stopped)],
                vec![None, None],
            ),
            (
                vec![(Stopped, Stopped), (Stopped, Running), (Stopped, Running)],
                vec![None, None, Some(Mirrored::ContinueSupervisor)],
            ),
            (
                vec![(Running, Stopped), (Running, Stopped)],
                vec![None, None],
            ),
        ] {
            let mut mirror = Mirror::default();
            let seen: Vec<_> = looks
                .iter()
                .map(|&(supervisor, command)| mirror.look(supervisor, command))
                .collect();
            assert_eq!(seen, expected, "{looks:?}");
        }
    }

    #[test]
    fn a_name_cannot_forge_a_state() {
        assert_eq!(parse("7 (a) T (b) S 1 7"), Some(Running));
        assert_eq!(parse("7 (x) T 1 7"), Some(Stopped));
        assert_eq!(parse("nonsense"), None);
    }
}
