//! What the observer and the fallback finisher are started with, as their arguments.
//!
//! Both are our own program executed anew under a name that nobody types by accident; the first argument is JSON. The
//! observer's further ones are the path of the configuration (or nothing) and the command: they may be no text, and
//! `pkill -f` finds the observer by them wherever it finds us.

use super::run_request::RunSettings;
use axolotl_run_core::observation::Stream;
use axolotl_run_core::status::{End, Usage};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

const OBSERVER: &str = "axolotl-run-observer";
const FALLBACK_FINISHER: &str = "axolotl-run-finisher";

/// A stream that the observer reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Observed {
    /// Through a relay.
    Relay(RelayEnds),
    /// By following a file: the descriptor, and where the command's first byte goes.
    File(i32, u64),
}

/// The observer's own duplicates of a relay's descriptors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RelayEnds {
    /// Where the copy is read.
    pub copy: i32,
    /// Where what it had no room for is read, if there is such a place.
    pub overflow: Option<i32>,
    /// The command's pipe, or the pseudo-terminal's master.
    pub source: i32,
    /// The destination.
    pub sink: i32,
    /// The two ends of the pipe behind the source, if there is one.
    pub hold: Option<(i32, i32)>,
}

/// All that the observer must know.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObserverConfig {
    pub settings: RunSettings,
    /// When the command was spawned.
    pub spawned_at: SystemTime,
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
    /// Where what is said on stderr at the end goes, if there may be something.
    pub last_words: Option<i32>,
    /// A file in memory that holds the channels of `--notify`: an argument is everybody's to read.
    pub channels: Option<i32>,
    pub streams: Vec<(Stream, Observed)>,
    /// How many streams ought to be observed and are not.
    pub unobserved: u64,
}

/// What the supervisor knows of a command's end that no observer saw.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExitRecord {
    pub settings: RunSettings,
    /// As the observer's.
    pub channels: Option<i32>,
    /// Milliseconds from the command's spawn to its end.
    pub lasted_ms: u64,
    pub end: End,
    pub usage: Usage,
    /// Where what is said on stderr at the end goes, if there may be something.
    pub last_words: Option<i32>,
    /// The files that the command wrote its output to: the descriptor, and where its first byte went.
    pub files: Vec<(Stream, i32, u64)>,
}

/// The observer's arguments as it reads them.
#[derive(Debug, PartialEq, Eq)]
pub struct ObserverArguments {
    pub config: ObserverConfig,
    /// `--config`.
    pub training_config: Option<PathBuf>,
    pub command: Vec<OsString>,
}

/// The role that our program was started in, by its arguments.
#[derive(Debug, PartialEq, Eq)]
pub enum Role {
    Observer(Box<ObserverArguments>),
    FallbackFinisher(ExitRecord),
    /// One of the two, with arguments that we have not written.
    Unreadable,
}

impl Role {
    /// Reads it; None for the launcher itself.
    pub fn read(arguments: &[OsString]) -> Option<Self> {
        let (name, arguments) = arguments.split_first()?;
        let role = match name.to_str()? {
            OBSERVER => Self::observer(arguments),
            FALLBACK_FINISHER => read(arguments).map(Self::FallbackFinisher),
            _ => return None,
        };
        Some(role.unwrap_or(Self::Unreadable))
    }

    fn observer(arguments: &[OsString]) -> Option<Self> {
        let [_, training_config, command @ ..] = arguments else {
            return None;
        };
        Some(Self::Observer(Box::new(ObserverArguments {
            config: read(arguments)?,
            training_config: (!training_config.is_empty()).then(|| training_config.into()),
            command: command.to_vec(),
        })))
    }
}

/// Reads the first argument.
fn read<Content: DeserializeOwned>(arguments: &[OsString]) -> Option<Content> {
    serde_json::from_str(arguments.first()?.to_str()?).ok()
}

impl ObserverConfig {
    /// The observer's arguments.
    pub fn arguments(&self, training_config: Option<&Path>, command: &[OsString]) -> Vec<OsString> {
        let training_config = training_config.map(|path| path.as_os_str().to_owned());
        let mut arguments = arguments(OBSERVER, self);
        arguments.push(training_config.unwrap_or_default());
        arguments.extend_from_slice(command);
        arguments
    }
}

impl ExitRecord {
    /// The fallback finisher's arguments.
    pub fn arguments(&self) -> Vec<OsString> {
        arguments(FALLBACK_FINISHER, self)
    }
}

fn arguments(name: &str, content: &impl Serialize) -> Vec<OsString> {
    // Numbers, enums and short lists can always be written.
    let content = serde_json::to_string(content).unwrap_or_default();
    vec![name.into(), content.into()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::run_request::{FirstEvent, OwnerSide};
    use axolotl_run_core::consent::Sending;
    use axolotl_run_core::launch::job::JobPart;
    use std::time::Duration;
    use uuid::Uuid;

    fn settings(sending: Sending, ci_summary: bool) -> RunSettings {
        RunSettings {
            run: Uuid::from_u128(7),
            sending,
            first_event: FirstEvent::AfterRank,
            part: JobPart::Node,
            summary: !ci_summary,
            ci_summary,
            owner_side: OwnerSide::Facts,
        }
    }

    fn config() -> ObserverConfig {
        ObserverConfig {
            settings: settings(Sending::Permitted, true),
            spawned_at: SystemTime::UNIX_EPOCH + Duration::from_millis(1_795_353_414_100),
            spawned_monotonic_ms: 99,
            supervisor: 41,
            command: 42,
            channel: 9,
            command_handle: Some(10),
            crash_flag: None,
            last_words: Some(11),
            channels: Some(13),
            streams: vec![
                (Stream::Stdout, Observed::File(5, 1 << 40)),
                (
                    Stream::Stderr,
                    Observed::Relay(RelayEnds {
                        copy: 3,
                        overflow: Some(12),
                        source: 4,
                        sink: 6,
                        hold: Some((7, 8)),
                    }),
                ),
            ],
            unobserved: 1,
        }
    }

    #[test]
    fn both_roles_survive_the_way_through_the_arguments() {
        let command = vec![OsString::from("train")];
        for path in [None, Some(PathBuf::from("c.yml"))] {
            let expected = ObserverArguments {
                config: config(),
                training_config: path.clone(),
                command: command.clone(),
            };
            let arguments = config().arguments(path.as_deref(), &command);
            assert_eq!(
                Role::read(&arguments),
                Some(Role::Observer(Box::new(expected)))
            );
        }
        for end in [End::Exited(0), End::Exited(255), End::Signaled(9)] {
            let record = ExitRecord {
                settings: settings(Sending::Forbidden, end == End::Exited(0)),
                channels: None,
                lasted_ms: 1 << 40,
                end,
                usage: Usage {
                    max_rss_bytes: 1 << 37,
                    cpu_microseconds: 5,
                },
                last_words: Some(7),
                files: vec![(Stream::Stderr, 8, 1 << 40)],
            };
            let arguments = record.arguments();
            assert_eq!(Role::read(&arguments), Some(Role::FallbackFinisher(record)));
        }
    }

    #[test]
    fn what_we_have_not_written_is_no_role_of_ours() {
        assert_eq!(Role::read(&[]), None);
        assert_eq!(Role::read(&["axolotl-run".into(), "{}".into()]), None);
        for name in [OBSERVER, FALLBACK_FINISHER] {
            for broken in ["", "{}", "{\"run\": 7}"] {
                assert_eq!(
                    Role::read(&[name.into(), broken.into(), "".into(), "x".into()]),
                    Some(Role::Unreadable)
                );
            }
            assert_eq!(Role::read(&[name.into()]), Some(Role::Unreadable));
        }
    }
}
