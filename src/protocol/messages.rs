//! The messages between supervisor and observer.
//!
//! Both sides are the same program, but either may be stopped, killed or starved; so every message stands for
//! itself, none is needed for the command's sake, and one that cannot be read is skipped. They are written into a
//! buffer on the stack, because the supervisor's loop must not need memory.

use axolotl_run_core::status::{End, SignalInfo, Usage};
use axolotl_run_sys::channel::{self, Arrived, MESSAGE_BYTES};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::os::fd::{BorrowedFd, OwnedFd};

/// From the supervisor to the observer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToObserver {
    /// The command's program runs.
    Started,
    /// The command's program could not be run; there is nothing to observe.
    ExecFailed,
    /// Say which signals you have seen, and what else this sender sends (None: the kernel); the answer carries the same
    /// number.
    Ask { number: u32, sender: Option<i32> },
    /// A signal that asks the command to end came.
    Requested(SignalInfo),
    /// The relay with this index is over: let go of its descriptors.
    StreamClosed(u8),
    /// Bytes that a full copy pipe did not take, in all.
    Missed(u64),
    /// The command ended.
    Ended { end: End, usage: Usage },
    /// The memory of the process with this pid; with a descriptor, where it could be opened.
    Memory(u32),
}

/// From the observer to the supervisor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToSupervisor {
    /// The group listener saw a signal.
    Sighting(SignalInfo),
    /// All that the group listener saw before the question with this number has been said.
    Answer(u32),
    /// The finish event is written.
    Journaled(Upload),
    /// The last upload is over.
    Uploaded,
    /// The descriptors of an ended relay are let go of, or (after the command's end) taken over.
    Released,
    /// Open the memory of the process with this pid: you are its ancestor, we are not.
    OpenMemory(u32),
}

/// Whether the last upload is worth a short wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Upload {
    Expected,
    NotExpected,
}

/// Sends one message without waiting; a full or dead peer loses it.
pub fn send(to: BorrowedFd<'_>, message: &impl Serialize) {
    let mut buffer = [0; MESSAGE_BYTES];
    if let Ok(bytes) = postcard::to_slice(message, &mut buffer) {
        channel::try_send(to, bytes);
    }
}

/// The same with a descriptor.
pub fn send_descriptor(to: BorrowedFd<'_>, message: &impl Serialize, descriptor: BorrowedFd<'_>) {
    let mut buffer = [0; MESSAGE_BYTES];
    if let Ok(bytes) = postcard::to_slice(message, &mut buffer) {
        channel::try_send_descriptor(to, bytes, descriptor);
    }
}

/// Takes the next message that can be read, without waiting, and the descriptor that came with it.
pub fn receive_descriptor<Message: DeserializeOwned>(
    from: BorrowedFd<'_>,
) -> Arrived<(Message, Option<OwnedFd>)> {
    let mut buffer = [0; MESSAGE_BYTES];
    loop {
        match channel::try_receive_descriptor(from, &mut buffer) {
            Arrived::Nothing => return Arrived::Nothing,
            Arrived::Closed => return Arrived::Closed,
            Arrived::Message((bytes, descriptor)) => {
                if let Ok((message, [])) = postcard::take_from_bytes(bytes) {
                    return Arrived::Message((message, descriptor));
                }
            }
        }
    }
}

/// Takes the next message that can be read, without waiting.
pub fn receive<Message: DeserializeOwned>(from: BorrowedFd<'_>) -> Arrived<Message> {
    let mut buffer = [0; MESSAGE_BYTES];
    loop {
        match channel::try_receive(from, &mut buffer) {
            Arrived::Nothing => return Arrived::Nothing,
            Arrived::Closed => return Arrived::Closed,
            Arrived::Message(bytes) => {
                // What does not fill the bytes is no message of ours.
                if let Ok((message, [])) = postcard::take_from_bytes(bytes) {
                    return Arrived::Message(message);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd as _;

    const SEEN: SignalInfo = SignalInfo {
        signal: 15,
        code: i32::MIN,
        sender: i32::MAX,
        value: i32::MIN,
    };

    #[test]
    fn every_message_survives_the_way() {
        let (ours, theirs) = channel::pair().unwrap();
        for message in [
            ToObserver::Started,
            ToObserver::ExecFailed,
            ToObserver::Ask {
                number: u32::MAX,
                sender: Some(i32::MIN),
            },
            ToObserver::Requested(SEEN),
            ToObserver::StreamClosed(1),
            ToObserver::Missed(u64::MAX),
            ToObserver::Memory(u32::MAX),
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
            ToSupervisor::OpenMemory(u32::MAX),
        ] {
            send(theirs.as_fd(), &message);
            assert_eq!(receive(ours.as_fd()), Arrived::Message(message));
        }
        send_descriptor(ours.as_fd(), &ToObserver::Memory(7), ours.as_fd());
        let arrived = receive_descriptor(theirs.as_fd());
        assert!(
            matches!(arrived, Arrived::Message((ToObserver::Memory(7), Some(_)))),
            "{arrived:?}"
        );
        drop(arrived);
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
