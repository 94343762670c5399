//! The message socket between supervisor and observer: SEQPACKET, so that a message arrives whole or not at
//! all, and so that the death of either side is an end-of-file that comes after its last message.

use super::{Errno, clock};
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, recv, send, socketpair};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
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
    // Both ways are tried before anything depends on them.
    let mut buffer = [0; MESSAGE_BYTES];
    try_send(ours.as_fd(), &[0]);
    let there = try_receive_descriptor(theirs.as_fd(), &mut buffer).message();
    let has_arrived = there.is_some();
    try_send(theirs.as_fd(), &[0]);
    match try_receive(ours.as_fd(), &mut buffer) {
        Arrived::Message(_) if has_arrived => Ok((ours, theirs)),
        _ => Err(Errno::EIO),
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

/// Room for one descriptor that goes with a message.
const DESCRIPTOR_BYTES: usize = rustix::cmsg_space!(ScmRights(1));

/// Sends one message with a descriptor, without waiting and without memory; a full or dead peer loses both.
pub fn try_send_descriptor(end: BorrowedFd<'_>, message: &[u8], descriptor: BorrowedFd<'_>) {
    let mut room = [MaybeUninit::uninit(); DESCRIPTOR_BYTES];
    let mut control = SendAncillaryBuffer::new(&mut room);
    let descriptors = [descriptor];
    if control.push(SendAncillaryMessage::ScmRights(&descriptors)) {
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        let _ = sendmsg(end, &[IoSlice::new(message)], &mut control, flags);
    }
}

/// Takes one message without waiting, and the descriptor that came with it, closed on exec.
pub fn try_receive_descriptor<'buffer>(
    end: BorrowedFd<'_>,
    buffer: &'buffer mut [u8; MESSAGE_BYTES],
) -> Arrived<(&'buffer [u8], Option<OwnedFd>)> {
    let mut room = [MaybeUninit::uninit(); DESCRIPTOR_BYTES];
    let mut control = RecvAncillaryBuffer::new(&mut room);
    let flags = RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC;
    let length = loop {
        let mut parts = [IoSliceMut::new(buffer.as_mut_slice())];
        match recvmsg(end, &mut parts, &mut control, flags) {
            Err(rustix::io::Errno::INTR) => {}
            Err(rustix::io::Errno::AGAIN) => return Arrived::Nothing,
            Ok(received) if received.bytes > 0 => break received.bytes,
            Ok(_) | Err(rustix::io::Errno::CONNRESET) => return Arrived::Closed,
            Err(_) => {
                clock::pause(REFUSED_PAUSE);
                return Arrived::Nothing;
            }
        }
    };
    let mut descriptor = None;
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(mut descriptors) = message {
            descriptor = descriptors.next();
        }
    }
    Arrived::Message((buffer.get(..length).unwrap_or_default(), descriptor))
}
