//! The messages between supervisor and observer: a tag and up to three numbers each.
//!
//! Both sides are the same program, but either may be stopped, killed or starved; so every message stands for
//! itself, none is needed for the command's sake, and an unknown one is skipped.

use super::MESSAGE_BYTES;

/// From the supervisor to the observer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToObserver {
    /// The command's program runs.
    Started,
    /// The command's program could not be run; there is nothing to observe.
    ExecFailed,
    /// Say which signals you have seen, and what else this process sends; the answer carries the same number.
    Ask(i64, i64),
    /// A signal that asks the command to end came: its number, code and sender.
    Requested(i64, i64, i64),
    /// A relay is over: let go of its descriptors.
    StreamClosed(i64),
    /// Bytes that a full copy pipe did not take, in all.
    Missed(i64),
    /// The command ended: its wait status, its highest resident bytes, its processor microseconds.
    Ended {
        /// The exit code, or the signal as a negative number.
        end: i64,
        /// Highest resident bytes of one process.
        max_rss_bytes: i64,
        /// Processor microseconds.
        cpu_microseconds: i64,
    },
}

/// From the observer to the supervisor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToSupervisor {
    /// The group listener saw a signal: its number, code and sender.
    Sighting(i64, i64, i64),
    /// All that the group listener saw before this question has been said.
    Answer(i64),
    /// The finish event is written; true: the last upload is worth a short wait.
    Journaled(bool),
    /// The last upload is over.
    Uploaded,
    /// The descriptors of an ended relay are let go of, or (after the command's end) taken over.
    Released,
}

type Numbers = (i64, [i64; 3]);

fn encode((tag, numbers): Numbers) -> [u8; MESSAGE_BYTES] {
    let mut bytes = [0; MESSAGE_BYTES];
    for (place, number) in bytes
        .chunks_exact_mut(8)
        .zip(std::iter::once(tag).chain(numbers))
    {
        place.copy_from_slice(&number.to_le_bytes());
    }
    bytes
}

fn decode(bytes: &[u8; MESSAGE_BYTES]) -> Numbers {
    let mut numbers = bytes
        .as_chunks::<8>()
        .0
        .iter()
        .map(|chunk| i64::from_le_bytes(*chunk));
    let mut next = || numbers.next().unwrap_or(0);
    (next(), [next(), next(), next()])
}

impl ToObserver {
    /// The message's bytes.
    #[must_use]
    pub fn encode(self) -> [u8; MESSAGE_BYTES] {
        encode(match self {
            Self::Started => (1, [0; 3]),
            Self::ExecFailed => (2, [0; 3]),
            Self::Ask(number, sender) => (3, [number, sender, 0]),
            Self::Requested(signal, code, sender) => (4, [signal, code, sender]),
            Self::StreamClosed(relay) => (5, [relay, 0, 0]),
            Self::Missed(bytes) => (6, [bytes, 0, 0]),
            Self::Ended {
                end,
                max_rss_bytes,
                cpu_microseconds,
            } => (7, [end, max_rss_bytes, cpu_microseconds]),
        })
    }

    /// Reads a message; None for an unknown one.
    #[must_use]
    pub fn decode(bytes: &[u8; MESSAGE_BYTES]) -> Option<Self> {
        let (tag, [first, second, third]) = decode(bytes);
        Some(match tag {
            1 => Self::Started,
            2 => Self::ExecFailed,
            3 => Self::Ask(first, second),
            4 => Self::Requested(first, second, third),
            5 => Self::StreamClosed(first),
            6 => Self::Missed(first),
            7 => Self::Ended {
                end: first,
                max_rss_bytes: second,
                cpu_microseconds: third,
            },
            _ => return None,
        })
    }
}

impl ToSupervisor {
    /// The message's bytes.
    #[must_use]
    pub fn encode(self) -> [u8; MESSAGE_BYTES] {
        encode(match self {
            Self::Sighting(signal, code, sender) => (101, [signal, code, sender]),
            Self::Answer(number) => (102, [number, 0, 0]),
            Self::Journaled(wait) => (103, [i64::from(wait), 0, 0]),
            Self::Uploaded => (104, [0; 3]),
            Self::Released => (105, [0; 3]),
        })
    }

    /// Reads a message; None for an unknown one.
    #[must_use]
    pub fn decode(bytes: &[u8; MESSAGE_BYTES]) -> Option<Self> {
        let (tag, [first, second, third]) = decode(bytes);
        Some(match tag {
            101 => Self::Sighting(first, second, third),
            102 => Self::Answer(first),
            103 => Self::Journaled(first != 0),
            104 => Self::Uploaded,
            105 => Self::Released,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_survives_the_way() {
        for message in [
            ToObserver::Started,
            ToObserver::ExecFailed,
            ToObserver::Ask(i64::MAX, 4711),
            ToObserver::Requested(15, 0, 4711),
            ToObserver::StreamClosed(1),
            ToObserver::Missed(1 << 40),
            ToObserver::Ended {
                end: -9,
                max_rss_bytes: 1 << 37,
                cpu_microseconds: i64::MIN,
            },
        ] {
            assert_eq!(ToObserver::decode(&message.encode()), Some(message));
            assert_eq!(ToSupervisor::decode(&message.encode()), None);
        }
        for message in [
            ToSupervisor::Sighting(2, 0x80, 4711),
            ToSupervisor::Answer(3),
            ToSupervisor::Journaled(true),
            ToSupervisor::Uploaded,
            ToSupervisor::Released,
        ] {
            assert_eq!(ToSupervisor::decode(&message.encode()), Some(message));
            assert_eq!(ToObserver::decode(&message.encode()), None);
        }
    }
}
