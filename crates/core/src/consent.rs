//! Whether telemetry is on, why, and whether the user must be told: DESIGN's table, row by row.
//!
//! The problem: consent can be said in four places, and whoever reads them in another order than the table
//! sends something that somebody forbade. So the order stands here and nowhere else, as one function without
//! I/O; the first row that applies decides. What is unclear never turns telemetry on: a value that cannot be
//! read is a value that says no, and a stored decision counts only for the policy that the user was shown.
//!
//! The plan, `--status` and the privacy document read it.

use crate::env;
use crate::launch::Environment;
use crate::launch::rank::RankVerdict;
use serde::{Deserialize, Serialize};
use std::ffi::OsStr;

/// The version of the policy that a stored decision was made for. It grows when more is collected, or for
/// another purpose, than the user agreed to; stored decisions of other versions then no longer count.
pub const POLICY_VERSION: u64 = 1;

/// What holds when nobody has decided: the one place where opt-in would become opt-out.
pub const DEFAULT: Telemetry = Telemetry::Off;

/// Characters of a variable's value that are shown; enough to recognise it.
const VALUE_SHOWN_MAX: usize = 40;

/// Whether this run's events may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Telemetry {
    /// They are recorded and sent.
    On,
    /// Nothing is recorded, nothing is sent.
    Off,
}

impl Telemetry {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::On => "on",
            Self::Off => "off",
        }
    }
}

/// Whether runs are recorded for their owner without being asked to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Recording {
    /// Each run of which nothing is sent is recorded on this machine.
    Always,
    /// Only with `--record`.
    #[default]
    OnRequest,
}

impl Recording {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::OnRequest => "on request",
        }
    }
}

/// A decision that `--enable`, `--disable` or `--record-always` stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// What was decided.
    pub telemetry: Telemetry,
    /// Whether runs of which nothing is sent are recorded.
    pub recording: Recording,
    /// The policy that it was decided about.
    pub policy_version: u64,
    /// The day, for `--status`.
    pub decided: Option<String>,
}

/// Whether what a run records may ever be sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Sending {
    /// The run's user consented.
    Permitted,
    /// It is recorded for its owner alone.
    #[default]
    Forbidden,
}

/// What was decided, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Whether this run's events may be sent.
    pub telemetry: Telemetry,
    /// The row that decided.
    pub cause: Cause,
    /// Whether the user must be told before the start.
    pub notice: bool,
    /// The value of AXOLOTL_DO_NOT_TRACK, made printable, where it is none of those that it can have.
    pub warning: Option<String>,
}

/// The row of the table that decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// An outer launcher observes this run already.
    Inside,
    /// Another process of the job reports.
    NotMain {
        /// What says so.
        variable: &'static str,
    },
    /// DO_NOT_TRACK forbids it.
    DoNotTrack {
        /// Its value, made printable.
        value: String,
    },
    /// AXOLOTL_DO_NOT_TRACK decides, either way.
    AxolotlDoNotTrack {
        /// Its value, made printable.
        value: String,
    },
    /// A stored decision of the current policy.
    Stored {
        /// The day, where it is known.
        decided: Option<String>,
    },
    /// The stored decision is about another policy, so nobody has decided about this one.
    OtherPolicy {
        /// The version that it is about.
        version: u64,
    },
    /// Nobody has decided.
    Undecided,
}

impl Cause {
    /// The cause in words, to follow "off: " or "on: ".
    pub fn sentence(&self) -> String {
        match self {
            Self::Inside => format!(
                "{} is set: an outer axolotl-run observes this run",
                env::AXOLOTL_RUN_ID
            ),
            Self::NotMain { variable } => {
                format!("{variable} says that this is not the main process")
            }
            Self::DoNotTrack { value } => {
                format!("{}={value} in the environment", env::DO_NOT_TRACK)
            }
            Self::AxolotlDoNotTrack { value } => {
                format!("{}={value} in the environment", env::AXOLOTL_DO_NOT_TRACK)
            }
            Self::Stored { decided: Some(day) } => format!("decided on {day} and stored"),
            Self::Stored { decided: None } => "decided and stored".into(),
            Self::OtherPolicy { version } => {
                format!(
                    "the stored decision is about policy {version}, the current one is {POLICY_VERSION}"
                )
            }
            Self::Undecided => "nobody has decided yet".into(),
        }
    }
}

/// Decides. `stored` is asked only where no earlier row applies, so that the file stays unread until then.
pub fn decide(
    environment: Environment<'_>,
    rank: RankVerdict,
    stored: impl FnOnce() -> Option<Stored>,
) -> Decision {
    let decision = |telemetry, cause| Decision {
        telemetry,
        cause,
        notice: false,
        warning: None,
    };
    if is_inside(environment) {
        return decision(Telemetry::Off, Cause::Inside);
    }
    if let RankVerdict::NotMain { variable } = rank {
        return decision(Telemetry::Off, Cause::NotMain { variable });
    }
    if let Some(value) = environment(env::DO_NOT_TRACK)
        && forbids(&value)
    {
        let value = shown(&value);
        return decision(Telemetry::Off, Cause::DoNotTrack { value });
    }
    if let Some(value) = environment(env::AXOLOTL_DO_NOT_TRACK) {
        let cause = Cause::AxolotlDoNotTrack {
            value: shown(&value),
        };
        // As the Python module reads it, blanks and case aside.
        let text = value.to_string_lossy().trim().to_ascii_lowercase();
        match text.as_str() {
            // An empty one says nothing.
            "" => {}
            "0" | "false" => return decision(Telemetry::On, cause),
            "1" | "true" => return decision(Telemetry::Off, cause),
            _ => {
                return Decision {
                    warning: Some(shown(&value)),
                    ..decision(Telemetry::Off, cause)
                };
            }
        }
    }
    let undecided = |cause| Decision {
        notice: true,
        ..decision(DEFAULT, cause)
    };
    match stored() {
        // Nothing leaves, whatever a policy says about what may.
        Some(Stored {
            telemetry: Telemetry::Off,
            recording: Recording::Always,
            decided,
            ..
        }) => decision(Telemetry::Off, Cause::Stored { decided }),
        Some(Stored {
            telemetry,
            policy_version: POLICY_VERSION,
            decided,
            ..
        }) => decision(telemetry, Cause::Stored { decided }),
        Some(Stored { policy_version, .. }) => undecided(Cause::OtherPolicy {
            version: policy_version,
        }),
        None => undecided(Cause::Undecided),
    }
}

/// Whether an outer launcher has left its mark. An empty value is no mark: it is how a script takes one away.
pub fn is_inside(environment: Environment<'_>) -> bool {
    environment(env::AXOLOTL_RUN_ID).is_some_and(|id| !id.is_empty())
}

/// The general wish is read to the letter: only an empty value, `0` and `false` do not forbid. A value that
/// merely resembles them (` `, `False`) forbids, because misreading a wish not to be tracked breaks a promise
/// and misreading its absence costs an event.
fn forbids(value: &OsStr) -> bool {
    !matches!(value.to_str(), Some("" | "0" | "false"))
}

/// The value for a terminal: bounded, and without control characters that could drive it.
fn shown(value: &OsStr) -> String {
    let text = value.to_string_lossy();
    let mut shown: String = text
        .chars()
        .take(VALUE_SHOWN_MAX)
        .flat_map(char::escape_debug)
        .collect();
    if text.chars().nth(VALUE_SHOWN_MAX).is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests;
