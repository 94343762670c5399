//! The message socket between supervisor and observer: SEQPACKET, so that a message arrives whole or not at
//! all, and so that the death of either side is an end-of-file that comes after its last message.

use super::Errno;
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, recv, send, socketpair};
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

/// Bytes of a message.
pub const MESSAGE_BYTES: usize = 40;

/// What was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// One message.
    Message([u8; MESSAGE_BYTES]),
    /// Nothing at the moment.
    Nothing,
    /// The other side is gone.
    Closed,
}

/// Makes the two ends, both closed on exec.
///
/// # Errors
/// The kernel's, when there are no descriptors or no memory left.
pub fn pair() -> Result<(OwnedFd, OwnedFd), Errno> {
    socketpair(
        AddressFamily::Unix,
        SockType::SeqPacket,
        None,
        SockFlag::SOCK_CLOEXEC,
    )
}

/// Sends one message without waiting; a full or dead peer loses it. Returns whether it was taken.
pub fn try_send(end: BorrowedFd<'_>, message: &[u8; MESSAGE_BYTES]) -> bool {
    send(
        end.as_raw_fd(),
        message,
        MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL,
    )
    .is_ok()
}

/// Takes one message without waiting.
pub fn try_receive(end: BorrowedFd<'_>) -> Received {
    let mut message = [0; MESSAGE_BYTES];
    loop {
        return match recv(end.as_raw_fd(), &mut message, MsgFlags::MSG_DONTWAIT) {
            Ok(MESSAGE_BYTES) => Received::Message(message),
            Ok(0) => Received::Closed,
            // A message of another length is not ours; the next one may be.
            Ok(_) | Err(Errno::EINTR) => continue,
            Err(Errno::EAGAIN) => Received::Nothing,
            Err(_) => Received::Closed,
        };
    }
}
