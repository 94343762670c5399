//! What the supervisor knows of a command's end, as the arguments of the fallback finisher.

use axolotl_run_core::status::End;
use std::collections::BTreeMap;
use std::ffi::OsString;
use uuid::Uuid;

/// The fallback finisher's argument 0; nobody types it by accident.
const FALLBACK_FINISHER: &str = "axolotl-run-finisher";

/// All that the fallback finisher must know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExitRecord {
    /// The run's UUID.
    pub run: Uuid,
    /// Whether events may be sent.
    pub sending: bool,
    /// Milliseconds from the command's spawn to its end.
    pub lasted_ms: u64,
    /// How the command ended.
    pub end: End,
    /// Highest resident bytes of one process.
    pub max_rss_bytes: Option<u64>,
    /// Processor microseconds.
    pub cpu_microseconds: Option<u64>,
    /// Whether the page of the continuous integration system waits for its lines.
    pub ci_summary: bool,
}

impl ExitRecord {
    /// Whether these are a fallback finisher's arguments.
    #[must_use]
    pub fn is_one(arguments: &[OsString]) -> bool {
        arguments
            .first()
            .is_some_and(|name| name == FALLBACK_FINISHER)
    }

    /// The fallback finisher's arguments.
    #[must_use]
    pub fn arguments(&self) -> [OsString; 2] {
        let end = match self.end {
            End::Exited(code) => i32::from(code),
            End::Signaled(signal) => -signal,
        };
        let mut words = format!(
            "run={} sending={} lasted={} end={end}",
            self.run,
            u8::from(self.sending),
            self.lasted_ms
        );
        for (name, number) in [("rss", self.max_rss_bytes), ("cpu", self.cpu_microseconds)] {
            if let Some(number) = number {
                words.push_str(&format!(" {name}={number}"));
            }
        }
        words.push_str(if self.ci_summary { " ci=1" } else { "" });
        [FALLBACK_FINISHER.into(), words.into()]
    }

    /// Reads the arguments. None where they are not such as we write.
    #[must_use]
    pub fn read(arguments: &[OsString]) -> Option<Self> {
        let words = arguments
            .get(1)?
            .to_str()?
            .split(' ')
            .filter_map(|word| word.split_once('='));
        let words: BTreeMap<&str, &str> = words.collect();
        let number = |name: &str| words.get(name)?.parse::<u64>().ok();
        let end: i32 = words.get("end")?.parse().ok()?;
        Some(Self {
            run: words.get("run")?.parse().ok()?,
            sending: number("sending")? == 1,
            lasted_ms: number("lasted")?,
            end: u8::try_from(end)
                .map_or_else(|_| End::Signaled(end.saturating_neg()), End::Exited),
            max_rss_bytes: number("rss").filter(|bytes| *bytes > 0),
            cpu_microseconds: number("cpu"),
            ci_summary: number("ci") == Some(1),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_testament_survives_the_way_through_the_arguments() {
        for end in [End::Exited(0), End::Exited(255), End::Signaled(9)] {
            let record = ExitRecord {
                run: Uuid::from_u128(7),
                sending: true,
                lasted_ms: 1 << 40,
                end,
                max_rss_bytes: Some(1 << 37),
                cpu_microseconds: None,
                ci_summary: end == End::Exited(0),
            };
            let arguments = record.arguments();
            assert!(ExitRecord::is_one(&arguments));
            assert_eq!(ExitRecord::read(&arguments), Some(record));
        }
        for broken in [
            "",
            "run=x sending=1 lasted=1 end=1",
            "run=00000000-0000-0000-0000-000000000007 sending=1 end=1",
        ] {
            assert_eq!(ExitRecord::read(&["x".into(), broken.into()]), None);
        }
    }
}
