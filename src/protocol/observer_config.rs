//! What an observer is born with, as its arguments.
//!
//! The observer is our own program executed anew; it gets one argument of `name=number` words, then the path
//! of the configuration (or nothing), then the command. The command is there for the observer to read, and so
//! that `pkill -f` finds the observer wherever it finds us.

use axolotl_run_core::observation::Stream;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use uuid::Uuid;

/// The observer's argument 0; nobody types it by accident.
pub const OBSERVER: &str = "axolotl-run-observer";

/// A stream that the observer reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Observed {
    /// Through a relay.
    Relay(RelayEnds),
    /// By following a file: the descriptor, and where the command's first byte goes.
    File(i32, u64),
}

/// The observer's own duplicates of a relay's descriptors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RelayEnds {
    /// Where the copy is read.
    pub copy: i32,
    /// The command's pipe, or the pseudo-terminal's master.
    pub source: i32,
    /// The destination.
    pub sink: i32,
    /// The two ends of the pipe behind the source, if there is one.
    pub hold: Option<(i32, i32)>,
}

/// All that the observer must know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObserverConfig {
    /// The run's UUID.
    pub run: Uuid,
    /// Whether events may be sent.
    pub sending: bool,
    /// Whether the first event waits for a worker's rank.
    pub rank_deferred: bool,
    /// When the command was spawned: milliseconds since 1970.
    pub spawned_at_ms: u64,
    /// The same moment on the monotonic clock, in milliseconds.
    pub spawned_monotonic_ms: u64,
    /// The supervisor's pid.
    pub supervisor: i32,
    /// The command's pid.
    pub command: i32,
    /// The message socket.
    pub channel: i32,
    /// A handle on the command, where the kernel has such.
    pub command_handle: Option<i32>,
    /// Where the supervisor writes a fault of its own.
    pub crash_flag: Option<i32>,
    /// Where the lines for stderr go, where they were asked for.
    pub summary: Option<i32>,
    /// Whether the page of continuous integration is to be told.
    pub ci_summary: bool,
    /// What is observed.
    pub streams: Vec<(Stream, Observed)>,
    /// How many streams ought to be observed and are not.
    pub unobserved: u64,
}

const STREAMS: [(&str, Stream); 3] = [
    ("stdout", Stream::Stdout),
    ("stderr", Stream::Stderr),
    ("both", Stream::Both),
];

impl ObserverConfig {
    /// The observer's arguments.
    #[must_use]
    pub fn arguments(&self, config: Option<&PathBuf>, command: &[OsString]) -> Vec<OsString> {
        let mut words = vec![
            format!("run={}", self.run),
            format!("sending={}", u8::from(self.sending)),
            format!("deferred={}", u8::from(self.rank_deferred)),
            format!("at={}", self.spawned_at_ms),
            format!("monotonic={}", self.spawned_monotonic_ms),
            format!("supervisor={}", self.supervisor),
            format!("command={}", self.command),
            format!("channel={}", self.channel),
            format!("unobserved={}", self.unobserved),
        ];
        words.extend(
            self.command_handle
                .map(|descriptor| format!("handle={descriptor}")),
        );
        words.extend(
            self.crash_flag
                .map(|descriptor| format!("crash={descriptor}")),
        );
        words.extend(
            self.summary
                .map(|descriptor| format!("summary={descriptor}")),
        );
        words.extend(self.ci_summary.then(|| "ci=1".to_owned()));
        for (stream, observed) in &self.streams {
            let name = STREAMS
                .iter()
                .find(|(_, named)| named == stream)
                .map_or("", |(name, _)| name);
            words.push(match observed {
                Observed::File(descriptor, position) => {
                    format!("{name}=file,{descriptor},{position}")
                }
                Observed::Relay(RelayEnds {
                    copy,
                    source,
                    sink,
                    hold: None,
                }) => {
                    format!("{name}=relay,{copy},{source},{sink}")
                }
                Observed::Relay(RelayEnds {
                    copy,
                    source,
                    sink,
                    hold: Some((read, write)),
                }) => {
                    format!("{name}=relay,{copy},{source},{sink},{read},{write}")
                }
            });
        }
        let mut arguments = vec![OsString::from(OBSERVER), OsString::from(words.join(" "))];
        arguments.push(
            config
                .map(|path| path.clone().into_os_string())
                .unwrap_or_default(),
        );
        arguments.extend_from_slice(command);
        arguments
    }

    /// Reads the second argument. None where it is not one that we have written.
    #[must_use]
    pub fn parse(words: &str) -> Option<Self> {
        let words: BTreeMap<&str, &str> = words
            .split(' ')
            .filter_map(|word| word.split_once('='))
            .collect();
        let number = |name: &str| words.get(name)?.parse::<u64>().ok();
        let descriptor = |name: &str| words.get(name)?.parse::<i32>().ok();
        let mut streams = Vec::new();
        for (name, stream) in STREAMS {
            if let Some(value) = words.get(name) {
                streams.push((stream, observed(value)?));
            }
        }
        Some(Self {
            run: words.get("run")?.parse().ok()?,
            sending: number("sending")? == 1,
            rank_deferred: number("deferred")? == 1,
            spawned_at_ms: number("at")?,
            spawned_monotonic_ms: number("monotonic")?,
            supervisor: descriptor("supervisor")?,
            command: descriptor("command")?,
            channel: descriptor("channel")?,
            command_handle: descriptor("handle"),
            crash_flag: descriptor("crash"),
            summary: descriptor("summary"),
            ci_summary: number("ci") == Some(1),
            streams,
            unobserved: number("unobserved")?,
        })
    }
}

fn observed(value: &str) -> Option<Observed> {
    let (kind, numbers) = value.split_once(',')?;
    let numbers = numbers
        .split(',')
        .map(str::parse)
        .collect::<Result<Vec<u64>, _>>()
        .ok()?;
    let descriptor = |number: u64| i32::try_from(number).ok();
    Some(match (kind, numbers.as_slice()) {
        ("file", &[file, position]) => Observed::File(descriptor(file)?, position),
        ("relay", &[copy, source, sink, ref hold @ ..]) => {
            let hold = match hold {
                [] => None,
                &[read, write] => Some((descriptor(read)?, descriptor(write)?)),
                _ => return None,
            };
            Observed::Relay(RelayEnds {
                copy: descriptor(copy)?,
                source: descriptor(source)?,
                sink: descriptor(sink)?,
                hold,
            })
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_survive_the_way_through_the_arguments() {
        let settings = ObserverConfig {
            run: Uuid::from_u128(7),
            sending: true,
            rank_deferred: false,
            spawned_at_ms: 1_795_353_414_100,
            spawned_monotonic_ms: 99,
            supervisor: 41,
            command: 42,
            channel: 9,
            command_handle: Some(10),
            crash_flag: None,
            summary: Some(11),
            ci_summary: true,
            streams: vec![
                (Stream::Stdout, Observed::File(5, 1 << 40)),
                (
                    Stream::Stderr,
                    Observed::Relay(RelayEnds {
                        copy: 3,
                        source: 4,
                        sink: 6,
                        hold: Some((7, 8)),
                    }),
                ),
            ],
            unobserved: 1,
        };
        let arguments = settings.arguments(None, &[OsString::from("train")]);
        assert_eq!(arguments[0], OBSERVER);
        assert_eq!(&arguments[2..], [OsString::new(), OsString::from("train")]);
        assert_eq!(
            ObserverConfig::parse(arguments[1].to_str().unwrap()),
            Some(settings)
        );
        for broken in [
            "",
            "run=x",
            "run=00000000-0000-0000-0000-000000000007 sending=1",
        ] {
            assert_eq!(ObserverConfig::parse(broken), None);
        }
    }
}
