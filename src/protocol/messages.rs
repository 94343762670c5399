//! The messages between supervisor and observer.
//!
//! Both sides are the same program, but either may be stopped, killed or starved; so every message stands for
//! itself, none is needed for the command's sake, and one that cannot be read is skipped. They are written into a
//! buffer on the stack, because the supervisor's loop must not need memory.

use axolotl_run_core::status::{End, Usage};
use axolotl_run_sys::channel::{self, MESSAGE_BYTES, Received};
use axolotl_run_sys::signals;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::os::fd::BorrowedFd;

/// A signal that was seen: its number, why it was sent (`si_code`), and by whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenSignal {
    pub signal: i32,
    pub code: i32,
    pub sender: i32,
}

impl From<signals::Received> for SeenSignal {
    fn from(received: signals::Received) -> Self {
        Self {
            signal: received.signal,
            code: received.code,
            sender: received.sender,
        }
    }
}

/// From the supervisor to the observer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToObserver {
    /// The command's program runs.
    Started,
    /// The command's program could not be run; there is nothing to observe.
    ExecFailed,
    /// Say which signals you have seen, and what else this sender sends; the answer carries the same number.
    Ask { number: u32, sender: i32 },
    /// A signal that asks the command to end came.
    Requested(SeenSignal),
    /// The relay with this index is over: let go of its descriptors.
    StreamClosed(u8),
    /// Bytes that a full copy pipe did not take, in all.
    Missed(u64),
    /// The command ended.
    Ended { end: End, usage: Usage },
}

/// From the observer to the supervisor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToSupervisor {
    /// The group listener saw a signal.
    Sighting(SeenSignal),
    /// All that the group listener saw before the question with this number has been said.
    Answer(u32),
    /// The finish event is written.
    Journaled(Upload),
    /// The last upload is over.
    Uploaded,
    /// The descriptors of an ended relay are let go of, or (after the command's end) taken over.
    Released,
}

/// Whether the last upload is worth a short wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Upload {
    Expected,
    NotExpected,
}

/// What has arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrived<Message> {
    Message(Message),
    /// Nothing at the moment.
    Nothing,
    /// The other side is gone.
    Closed,
}

/// Sends one message without waiting; a full or dead peer loses it.
pub fn send(to: BorrowedFd<'_>, message: &impl Serialize) {
    let mut buffer = [0; MESSAGE_BYTES];
    if let Ok(bytes) = postcard::to_slice(message, &mut buffer) {
        channel::try_send(to, bytes);
    }
}

/// Takes the next message that can be read, without waiting.
pub fn receive<Message: DeserializeOwned>(from: BorrowedFd<'_>) -> Arrived<Message> {
    let mut buffer = [0; MESSAGE_BYTES];
    loop {
        match channel::try_receive(from, &mut buffer) {
            Received::Nothing => return Arrived::Nothing,
            Received::Closed => return Arrived::Closed,
            Received::Message(bytes) => {
                if let Some(message) = read(bytes) {
                    return Arrived::Message(message);
                }
            }
        }
    }
}

/// Reads a message that fills these bytes.
fn read<Message: DeserializeOwned>(bytes: &[u8]) -> Option<Message> {
    match postcard::take_from_bytes(bytes) {
        Ok((message, [])) => Some(message),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd as _;

    const SEEN: SeenSignal = SeenSignal {
        signal: 15,
        code: i32::MIN,
        sender: i32::MAX,
    };

    #[test]
    fn every_message_survives_the_way() {
        let (ours, theirs) = channel::pair().unwrap();
        for message in [
            ToObserver::Started,
            ToObserver::ExecFailed,
            ToObserver::Ask {
                number: u32::MAX,
                sender: 4711,
            },
            ToObserver::Requested(SEEN),
            ToObserver::StreamClosed(1),
            ToObserver::Missed(u64::MAX),
            ToObserver::Ended {
                end: End::Signaled(i32::MIN),
                usage: Usage {
                    max_rss_bytes: u64::MAX,
                    cpu_microseconds: u64::MAX,
                },
            },
        ] {
            send(ours.as_fd(), &message);
            assert_eq!(receive(theirs.as_fd()), Arrived::Message(message));
        }
        for message in [
            ToSupervisor::Sighting(SEEN),
            ToSupervisor::Answer(3),
            ToSupervisor::Journaled(Upload::Expected),
            ToSupervisor::Uploaded,
            ToSupervisor::Released,
        ] {
            send(theirs.as_fd(), &message);
            assert_eq!(receive(ours.as_fd()), Arrived::Message(message));
        }
        drop(theirs);
        assert_eq!(receive::<ToSupervisor>(ours.as_fd()), Arrived::Closed);
    }

    #[test]
    fn what_cannot_be_read_is_skipped() {
        let (ours, theirs) = channel::pair().unwrap();
        for hostile in [
            &[200][..],
            &[255; 40],
            &[0, 0],
            &[6],
            &[6, 0, 0, 0, 0, 0, 0],
        ] {
            channel::try_send(ours.as_fd(), hostile);
        }
        assert_eq!(receive::<ToObserver>(theirs.as_fd()), Arrived::Nothing);
        send(ours.as_fd(), &ToObserver::Started);
        assert_eq!(
            receive(theirs.as_fd()),
            Arrived::Message(ToObserver::Started)
        );
    }
}
