//! Descriptors: what they are, keeping ours out of the command's sight, and leaving the command's alone.

use super::Errno;
use crate::limits::SCARCE_DESCRIPTORS;
use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl};
use nix::libc;
use nix::sys::resource::{Resource, getrlimit};
use nix::sys::stat::{Mode, SFlag, fstat};
use nix::unistd;
use std::io::IsTerminal;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};

/// What a descriptor is open on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A terminal.
    Terminal,
    /// A pipe or FIFO.
    Pipe,
    /// A socket.
    Socket,
    /// A regular file.
    File,
    /// Anything else: /dev/null, another device, a directory, an O_PATH descriptor.
    Other,
    /// Nothing: the descriptor is closed.
    Closed,
}

/// What a descriptor is, and which object it is open on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Descriptor {
    /// The kind of object.
    pub kind: Kind,
    /// Device and inode (of a terminal: its device number) that tell objects apart.
    pub identity: (u64, u64),
}

/// Standard output (1) or standard error (2), whatever else is given: the descriptor alone, without the buffer that the
/// standard library makes for its own handle.
pub fn standard(number: RawFd) -> BorrowedFd<'static> {
    // SAFETY: nothing here closes the standard three, and a number that was closed from the start answers EBADF, which
    // the standard library's own handles rely on in the same way.
    unsafe { BorrowedFd::borrow_raw(if number == 1 { 1 } else { 2 }) }
}

/// Looks at one of the three standard descriptors.
pub fn look(descriptor: BorrowedFd<'_>) -> Descriptor {
    let mut described = Descriptor {
        kind: Kind::Closed,
        identity: (0, 0),
    };
    let Ok(stat) = fstat(descriptor) else {
        return described;
    };
    let flags = status_flags(descriptor);
    let is_writable = !flags.contains(OFlag::O_PATH) && flags & OFlag::O_ACCMODE != OFlag::O_RDONLY;
    described.kind = match SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT {
        _ if !is_writable => Kind::Other,
        SFlag::S_IFREG => Kind::File,
        SFlag::S_IFIFO => Kind::Pipe,
        SFlag::S_IFSOCK => Kind::Socket,
        SFlag::S_IFCHR if descriptor.is_terminal() => Kind::Terminal,
        _ => Kind::Other,
    };
    described.identity = match described.kind {
        Kind::Terminal => (stat.st_rdev, 0),
        _ => (stat.st_dev, stat.st_ino),
    };
    described
}

fn status_flags(descriptor: BorrowedFd<'_>) -> OFlag {
    OFlag::from_bits_truncate(fcntl(descriptor, FcntlArg::F_GETFL).unwrap_or(0))
}

/// Fills the gaps among the standard three with placeholders that close on exec, so that nothing that is
/// opened later takes a number which the command is to find closed.
///
/// # Errors
/// The kernel's, when no descriptor is left.
pub fn occupy_standard() -> Result<(), Errno> {
    loop {
        let placeholder = null()?;
        if placeholder.as_raw_fd() > 2 {
            return Ok(());
        }
        let _ = placeholder.into_raw_fd();
    }
}

/// Whether the limit is so low that each descriptor may be one that something else needs.
pub fn are_scarce() -> bool {
    getrlimit(Resource::RLIMIT_NOFILE).is_ok_and(|(limit, _)| limit < SCARCE_DESCRIPTORS)
}

/// Whether so many more could be opened now.
pub fn can_spare(count: usize) -> bool {
    let more: Vec<_> = (0..count).map_while(|_| null().ok()).collect();
    more.len() == count
}

/// A duplicate of ours: not one of the standard three, closed on exec.
///
/// # Errors
/// The kernel's, when no descriptor is left.
pub fn duplicate(descriptor: impl AsFd) -> Result<OwnedFd, Errno> {
    rustix::io::fcntl_dupfd_cloexec(descriptor, 3).map_err(super::errno)
}

/// Takes over a descriptor that the supervisor has left open for the observer, by its number.
pub fn adopt(number: RawFd) -> Option<OwnedFd> {
    if number <= 2 {
        return None;
    }
    // SAFETY: only looked at, and only if it is open.
    let borrowed = unsafe { BorrowedFd::borrow_raw(number) };
    fcntl(borrowed, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).ok()?;
    // SAFETY: it is open, and the observer's settings name each descriptor once, so nothing else owns it.
    Some(unsafe { OwnedFd::from_raw_fd(number) })
}

/// Opens a followed file once more, read-only and at its own offset.
pub fn reopen_for_reading(file: BorrowedFd<'_>) -> Option<OwnedFd> {
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    let flags = OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC | OFlag::O_NOCTTY;
    nix::fcntl::open(path.as_str(), flags, Mode::empty()).ok()
}

/// Where the command's next write to a file will go: its end if it is open for appending, else its offset.
pub fn write_position(file: BorrowedFd<'_>) -> u64 {
    let position = if status_flags(file).contains(OFlag::O_APPEND) {
        fstat(file).map(|stat| stat.st_size)
    } else {
        unistd::lseek(file, 0, unistd::Whence::SeekCur)
    };
    u64::try_from(position.unwrap_or(0)).unwrap_or(0)
}

/// Opens /dev/null; where there is none, a descriptor that can neither be read nor written.
///
/// # Errors
/// The kernel's, when no descriptor is left.
pub fn null() -> Result<OwnedFd, Errno> {
    let flags = OFlag::O_RDWR | OFlag::O_CLOEXEC;
    nix::fcntl::open("/dev/null", flags, Mode::empty())
        .or_else(|_| nix::fcntl::open("/", OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty()))
}

/// Puts a descriptor in the place of one of the standard three. Safe to call between clone and exec.
pub fn replace(number: RawFd, by: RawFd) {
    // SAFETY: dup2 takes any numbers; the standard three are never owned by a value of ours.
    unsafe { libc::dup2(by, number) };
}

/// Lets go of a standard descriptor that the command has and we don't need: a reader waits for the last copy.
pub fn let_go(number: RawFd, null: &OwnedFd) {
    if (0..=2).contains(&number) {
        replace(number, null.as_raw_fd());
    }
}

/// Closes everything above the standard three that is not in `keep` (sorted). Safe between clone and exec.
pub fn close_others(keep: &[RawFd]) {
    let mut first = 3;
    for kept in keep {
        if *kept > 2 {
            close_between(first, kept - 1);
            first = kept + 1;
        }
    }
    close_between(first, RawFd::MAX);
}

fn close_between(first: RawFd, last: RawFd) {
    if first > last {
        return;
    }
    // SAFETY: the callers own nothing in this range any more; old kernels answer ENOSYS and the descriptors
    // that are ours close on exec anyway.
    unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) };
}

/// Lets a descriptor survive exec. Safe between clone and exec.
pub fn survive_exec(number: RawFd) {
    // SAFETY: only a flag of the descriptor is changed; a closed number answers EBADF.
    unsafe { libc::fcntl(number, libc::F_SETFD, 0) };
}
