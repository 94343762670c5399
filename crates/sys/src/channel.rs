//! The message socket between supervisor and observer: SEQPACKET, so that a message arrives whole or not at
//! all, and so that the death of either side is an end-of-file that comes after its last message.

use super::{Errno, clock};
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, recv, send, socketpair};
use std::os::fd::{AsFd as _, AsRawFd, BorrowedFd, OwnedFd};
use std::time::Duration;

/// Bytes of a message at the most; the longest that are sent have 27.
pub const MESSAGE_BYTES: usize = 40;

/// Between two attempts to receive where that is refused.
const REFUSED_PAUSE: Duration = Duration::from_millis(1);

/// What has arrived from the other side: of a socket, or of a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrived<Message> {
    /// One message.
    Message(Message),
    /// Nothing at the moment.
    Nothing,
    /// The other side is gone; nothing comes any more.
    Closed,
}

impl<Message> Arrived<Message> {
    /// The message, if there is one.
    pub fn message(self) -> Option<Message> {
        match self {
            Self::Message(message) => Some(message),
            Self::Nothing | Self::Closed => None,
        }
    }
}

/// Makes the two ends, both closed on exec.
///
/// # Errors
/// The kernel's, when there are no descriptors or no memory left, or where a filter lets no message through.
pub fn pair() -> Result<(OwnedFd, OwnedFd), Errno> {
    let (ours, theirs) = socketpair(
        AddressFamily::Unix,
        SockType::SeqPacket,
        None,
        SockFlag::SOCK_CLOEXEC,
    )?;
    // Tried once, each way of use, before anything depends on it.
    try_send(ours.as_fd(), &[0]);
    match try_receive(theirs.as_fd(), &mut [0; MESSAGE_BYTES]) {
        Arrived::Message(_) => Ok((ours, theirs)),
        Arrived::Nothing | Arrived::Closed => Err(Errno::EIO),
    }
}

/// Sends one message without waiting; a full or dead peer loses it.
pub fn try_send(end: BorrowedFd<'_>, message: &[u8]) {
    let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
    let _ = send(end.as_raw_fd(), message, flags);
}

/// Takes one message without waiting.
pub fn try_receive<'buffer>(
    end: BorrowedFd<'_>,
    buffer: &'buffer mut [u8; MESSAGE_BYTES],
) -> Arrived<&'buffer [u8]> {
    loop {
        let length = match recv(end.as_raw_fd(), buffer, MsgFlags::MSG_DONTWAIT) {
            Err(Errno::EINTR) => continue,
            Err(Errno::EAGAIN) => return Arrived::Nothing,
            Ok(0) | Err(Errno::ECONNRESET) => return Arrived::Closed,
            // A refusal says nothing about the other side, which may live.
            Err(_) => {
                clock::pause(REFUSED_PAUSE);
                return Arrived::Nothing;
            }
            Ok(length) => length,
        };
        return Arrived::Message(buffer.get(..length).unwrap_or_default());
    }
}
