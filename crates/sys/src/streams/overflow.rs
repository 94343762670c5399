//! What the observer's copy of a stream has no room for, so that a burst before a death loses no traceback.
//!
//! The copy's pipe is never waited for, and holds 256 pieces, however short they are. While it is full the relay copies
//! into a ring in a memory file instead, which keeps the newest megabyte whatever comes: holes are always before it. The
//! observer empties the pipe, then the ring, and then says that the pipe may be used again.
//!
//! Either side may be stopped or die at any moment, and neither waits for the other. The ring's state is one number: how
//! many bytes went into it so far, and whether it is in use. The relay alone puts it into use, when the pipe is full: so
//! what is in the pipe while it is in use is older than what is in the ring. The observer alone takes it out of use, by
//! an exchange that fails if anything was added, and the relay adds by an exchange that fails if it was taken out of use.
//! So nothing is forgotten in it, and nobody has to be woken: the full pipe has woken the observer.
//!
//! Where a memory file is not to be had (a limit on the size of files counts for it, too) there is no ring.

use crate::{Errno, flow};
use nix::libc::off_t;
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::mman::{MapFlags, MmapAdvise, ProtFlags, madvise, mmap, munmap};
use nix::sys::resource::{Resource, getrlimit};
use std::ffi::c_void;
use std::num::NonZeroUsize;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering, fence};

/// Bytes of a ring: what a program says when it dies, and eight ranks of it say at once.
const RING_BYTES: usize = 1 << 20;
/// Bytes before it, for what both sides must know. As much as the largest page of any machine has.
const HEADER_BYTES: usize = 1 << 16;
/// Bytes that are copied at once, and the capacity of the pipe that they pass through.
const STEP_BYTES: i32 = 1 << 18;
/// Copies without an overflow after which a burst is over: in a flood each few dozen bring another, and to clear and
/// fill a megabyte anew costs more than to copy it. A training makes as many in a minute.
const CALM_COPIES: u32 = 1024;
/// How often one look of the observer may be overtaken by the relay.
const OVERTAKEN_TIMES: usize = 4;
/// The bit of the state that says that the ring is in use. The others count its bytes.
const IN_USE: u64 = 1;
/// `MFD_NOEXEC_SEAL`: some machines refuse a memory file that could be executed.
const NOT_EXECUTABLE: u32 = 8;

/// What both sides must know; the memory file begins with it.
struct Header {
    /// Twice the bytes that went into the ring so far, and [`IN_USE`].
    state: AtomicU64,
    /// Bytes that will have gone into it when the relay is done with what it does now: what they replace is no longer
    /// to be trusted.
    announced: AtomicU64,
}

/// The beginning of a memory file, mapped.
struct Mapping {
    start: NonNull<c_void>,
    length: usize,
}

// SAFETY: the mapping belongs to no thread, and what is behind it is reached through atomics or `&mut` only.
unsafe impl Send for Mapping {}

impl std::fmt::Debug for Mapping {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Mapping({})", self.length)
    }
}

impl Mapping {
    fn new(file: BorrowedFd<'_>, length: usize) -> Result<Self, Errno> {
        let bytes = NonZeroUsize::new(length).ok_or(Errno::EINVAL)?;
        let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: the kernel chooses where, so nothing that exists is replaced.
        let start = unsafe { mmap(None, bytes, access, MapFlags::MAP_SHARED, file, 0)? };
        Ok(Self { start, length })
    }

    fn header(&self) -> &Header {
        // SAFETY: every mapping is longer than a header, begins at a page, and lives as long as `self`. Any bytes are
        // valid numbers, and the other process, too, changes them by atomics only.
        unsafe { self.start.cast().as_ref() }
    }

    /// The ring's bytes from a place on, where the whole file is mapped.
    fn ring(&mut self, from: usize) -> &mut [u8] {
        let whole = HEADER_BYTES + RING_BYTES;
        if self.length < whole || from > RING_BYTES {
            return &mut [];
        }
        // SAFETY: the bytes are mapped as long as `self` lives, which is borrowed; no other process has them mapped
        // (the observer reads the file), and the header is not among them.
        unsafe {
            let start = self.start.cast::<u8>().add(HEADER_BYTES + from);
            std::slice::from_raw_parts_mut(start.as_ptr(), RING_BYTES - from)
        }
    }

    /// Gives the ring's memory back; it reads as zeros then.
    fn clear_ring(&self) {
        if self.length == HEADER_BYTES + RING_BYTES {
            // SAFETY: the range is the end of this mapping, and nothing is borrowed from it.
            let _ = unsafe {
                let start = self.start.cast::<u8>().add(HEADER_BYTES).cast();
                madvise(start, RING_BYTES, MmapAdvise::MADV_REMOVE)
            };
        }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: it was mapped with this length, and nothing borrowed from it outlives it.
        let _ = unsafe { munmap(self.start, self.length) };
    }
}

/// What came of copying into the ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// So many bytes are in it now.
    Bytes(usize),
    /// Nothing: the observer has read everything, and the pipe takes copies again.
    CaughtUp,
}

/// The relay's side.
#[derive(Debug)]
pub struct Overflow {
    mapping: Mapping,
    /// What passes from the stream into the ring. Empty between two calls.
    scratch: flow::Pipe,
    /// Bytes that went into the ring so far.
    written: u64,
    /// Whether the ring may take up memory.
    has_memory: bool,
    /// Copies that went into the pipe since it was full.
    pipe_copies: u32,
}

impl Overflow {
    /// A ring, and the descriptor by which the observer reads it.
    ///
    /// # Errors
    /// The kernel's, or `EFBIG` where files must be smaller.
    pub fn new() -> Result<(Self, OwnedFd), Errno> {
        let size = HEADER_BYTES + RING_BYTES;
        // Beyond the limit the kernel would not only refuse, but send a signal that ends us.
        if getrlimit(Resource::RLIMIT_FSIZE)?.0 < size as u64 {
            return Err(Errno::EFBIG);
        }
        let file = memory_file()?;
        nix::unistd::ftruncate(&file, off_t::try_from(size).map_err(|_| Errno::EFBIG)?)?;
        let scratch = flow::pipe()?;
        flow::set_capacity(scratch.write.as_fd(), STEP_BYTES);
        flow::set_nonblocking(scratch.read.as_fd());
        flow::set_nonblocking(scratch.write.as_fd());
        let overflow = Self {
            mapping: Mapping::new(file.as_fd(), size)?,
            scratch,
            written: 0,
            has_memory: false,
            pipe_copies: 0,
        };
        // The page must exist before the command does: then memory is still to be had.
        let header = overflow.mapping.header();
        header.state.store(0, Ordering::Release);
        Ok((overflow, file))
    }

    /// Its descriptors.
    pub fn descriptors(&self) -> [&OwnedFd; 2] {
        [&self.scratch.read, &self.scratch.write]
    }

    /// Whether copies go here.
    pub fn is_in_use(&self) -> bool {
        self.mapping.header().state.load(Ordering::Acquire) & IN_USE != 0
    }

    /// Another copy went into the pipe. After a while of that the burst is over, and its memory is given back.
    pub fn note_pipe_copy(&mut self) {
        if self.has_memory {
            self.pipe_copies += 1;
            if self.pipe_copies >= CALM_COPIES {
                self.has_memory = false;
                self.mapping.clear_ring();
            }
        }
    }

    /// From now on copies go here, if the pipe is full.
    ///
    /// It is asked after that was said: whoever empties it then finds out before going to sleep. If it was emptied just
    /// before, nobody would come to look at the ring.
    pub fn begin(&mut self, pipe: &OwnedFd) {
        self.use_ring();
        if flow::writable(pipe) {
            let unused = self.written << 1;
            let state = &self.mapping.header().state;
            // Where this fails, the observer has said so itself.
            let _ = state.compare_exchange(
                unused | IN_USE,
                unused,
                Ordering::AcqRel,
                Ordering::Acquire,
            );
        }
    }

    fn use_ring(&mut self) {
        self.has_memory = true;
        self.pipe_copies = 0;
        let state = self.written << 1 | IN_USE;
        self.mapping.header().state.store(state, Ordering::Release);
        fence(Ordering::SeqCst);
    }

    /// Copies what is at the head of a pipe, which keeps it.
    ///
    /// # Errors
    /// `EAGAIN`: there is nothing. Any other means that the ring cannot be used any more.
    pub fn copy(&mut self, head: BorrowedFd<'_>) -> Result<Taken, Errno> {
        let count = flow::tee(head, self.scratch.write.as_fd(), RING_BYTES)?;
        self.fill(count)
    }

    /// Copies these bytes, a page at the most.
    ///
    /// # Errors
    /// Any means that the ring cannot be used any more.
    pub fn put(&mut self, bytes: &[u8]) -> Result<Taken, Errno> {
        let count = flow::write(self.scratch.write.as_fd(), bytes)?;
        if count < bytes.len() {
            return Err(Errno::EIO);
        }
        self.fill(count)
    }

    /// Copies what is in a pipe behind so many bytes, all of it, and says how much that is.
    ///
    /// # Errors
    /// Those of [`copy`](Self::copy).
    pub fn copy_behind(&mut self, head: BorrowedFd<'_>, skip: usize) -> Result<usize, Errno> {
        // A copy always begins at the head. What finds no room even so is missed.
        flow::set_capacity(self.scratch.write.as_fd(), RING_BYTES as i32);
        for _ in 0..OVERTAKEN_TIMES {
            if !self.is_in_use() {
                self.use_ring();
            }
            let count = flow::tee(head, self.scratch.write.as_fd(), RING_BYTES)?;
            let mut known = skip.min(count);
            let mut buffer = [0; 4096];
            while known > 0 {
                let most = known.min(buffer.len());
                let room = buffer.get_mut(..most).unwrap_or_default();
                known = known.saturating_sub(flow::read(self.scratch.read.as_fd(), room)?);
            }
            let rest = count.saturating_sub(skip);
            if rest == 0 || self.fill(rest)? == Taken::Bytes(rest) {
                return Ok(rest);
            }
        }
        Err(Errno::EIO)
    }

    /// Moves what is in the scratch pipe into the ring.
    ///
    /// It is read by the kernel and not copied here: where a page cannot be had, that is an error and not our end.
    fn fill(&mut self, count: usize) -> Result<Taken, Errno> {
        let before = self.written;
        let after = before + count as u64;
        self.mapping
            .header()
            .announced
            .store(after, Ordering::Relaxed);
        // Nothing is overwritten before it was announced.
        fence(Ordering::SeqCst);
        let mut at = place(before);
        let mut left = count;
        while left > 0 {
            let room = self.mapping.ring(at);
            let most = left.min(room.len());
            let room = room.get_mut(..most).unwrap_or_default();
            match flow::read(self.scratch.read.as_fd(), room) {
                Ok(moved @ 1..) => {
                    left = left.saturating_sub(moved);
                    at = (at + moved) % RING_BYTES;
                }
                Err(Errno::EINTR) => {}
                Ok(0) => return Err(Errno::EIO),
                Err(error) => return Err(error),
            }
        }
        let (old, new) = (before << 1 | IN_USE, after << 1 | IN_USE);
        let exchanged = self.mapping.header().state.compare_exchange(
            old,
            new,
            Ordering::AcqRel,
            Ordering::Acquire,
        );
        if exchanged.is_err() {
            return Ok(Taken::CaughtUp);
        }
        self.written = after;
        Ok(Taken::Bytes(count))
    }
}

/// What the observer found in a ring.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Bytes that are missing before these.
    pub missed: u64,
    /// How many were read.
    pub count: usize,
}

/// The observer's side.
#[derive(Debug)]
pub struct OverflowReader {
    mapping: Mapping,
    file: OwnedFd,
    /// Bytes that were read so far, or missed.
    read: u64,
}

impl OverflowReader {
    /// The reader of a ring, by the relay's descriptor.
    pub fn new(file: OwnedFd) -> Option<Self> {
        let mapping = Mapping::new(file.as_fd(), HEADER_BYTES).ok()?;
        Some(Self {
            mapping,
            file,
            read: 0,
        })
    }

    /// Whether the ring is in use. If it is, what is in the pipe comes before what is in the ring, and nothing is added
    /// to the pipe until [`read`](Self::read) finds nothing more.
    pub fn is_in_use(&self) -> bool {
        // After what was read of the pipe: see [`Overflow::begin`].
        fence(Ordering::SeqCst);
        self.mapping.header().state.load(Ordering::Acquire) & IN_USE != 0
    }

    /// Reads on. Nothing more: the ring is out of use, and the pipe goes on.
    pub fn read(&mut self, buffer: &mut [u8]) -> Found {
        let mut found = Found::default();
        for _ in 0..OVERTAKEN_TIMES {
            let state = self.mapping.header().state.load(Ordering::Acquire);
            if state & IN_USE == 0 {
                break;
            }
            let end = state >> 1;
            if self.read >= end {
                let exchanged = self.mapping.header().state.compare_exchange(
                    state,
                    state & !IN_USE,
                    Ordering::AcqRel,
                    Ordering::Acquire,
                );
                if exchanged.is_ok() {
                    break;
                }
                continue;
            }
            found.missed += self.pass_over(end);
            let Some(count) = self.look(end, buffer) else {
                break;
            };
            let kept = self.keep(buffer, count);
            found.missed += kept.missed;
            if kept.count > 0 {
                found.count = kept.count;
                break;
            }
        }
        found
    }

    /// Reads on, up to a place at the most. What it reads may be overwritten meanwhile.
    fn look(&self, end: u64, buffer: &mut [u8]) -> Option<usize> {
        let at = place(self.read);
        let there = usize::try_from(end - self.read).unwrap_or(RING_BYTES);
        let most = buffer.len().min(there).min(RING_BYTES - at);
        let room = buffer.get_mut(..most).unwrap_or_default();
        let offset = off_t::try_from(HEADER_BYTES + at).unwrap_or(off_t::MAX);
        nix::sys::uio::pread(&self.file, room, offset).ok()
    }

    /// Keeps of what was read what had not been overwritten, and moves it to the buffer's beginning.
    fn keep(&mut self, buffer: &mut [u8], count: usize) -> Found {
        // What was overwritten by then was announced before.
        fence(Ordering::SeqCst);
        let behind = self.read + count as u64;
        let missed = self.pass_over(behind);
        let torn = usize::try_from(missed).unwrap_or(count).min(count);
        buffer.copy_within(torn..count, 0);
        self.read = behind;
        Found {
            missed,
            count: count - torn,
        }
    }

    /// Passes over what was overwritten by now, up to a place at the most; how many bytes that is.
    fn pass_over(&mut self, end: u64) -> u64 {
        let announced = self.mapping.header().announced.load(Ordering::Relaxed);
        let oldest = announced.saturating_sub(RING_BYTES as u64).min(end);
        let missed = oldest.saturating_sub(self.read);
        self.read += missed;
        missed
    }
}

/// Where a byte is in the ring, by its number.
const fn place(number: u64) -> usize {
    (number % RING_BYTES as u64) as usize
}

fn memory_file() -> Result<OwnedFd, Errno> {
    let flags = MFdFlags::MFD_CLOEXEC;
    let sealed = flags | MFdFlags::from_bits_retain(NOT_EXECUTABLE);
    // A kernel from before the flag does not know it.
    memfd_create(c"axolotl-run", sealed).or_else(|_| memfd_create(c"axolotl-run", flags))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes that differ from those a ring's length before and behind them.
    fn numbered(from: u64, count: usize) -> Vec<u8> {
        (from..from + count as u64)
            .map(|number| (number % 251) as u8)
            .collect()
    }

    fn put(overflow: &mut Overflow, bytes: usize) {
        let (start, end) = (overflow.written, overflow.written + bytes as u64);
        while overflow.written < end {
            let most = usize::try_from(end - overflow.written).unwrap().min(4096);
            let piece = numbered(overflow.written, most);
            assert_eq!(overflow.put(&piece), Ok(Taken::Bytes(most)), "{start}");
        }
    }

    #[test]
    fn what_was_overwritten_between_two_looks_is_not_kept() {
        for (overwritten, kept) in [
            (0, 65536),
            (1, 65535),
            (5000, 60536),
            (65536, 0),
            (300_000, 0),
        ] {
            let (mut overflow, file) = Overflow::new().unwrap();
            let mut reader = OverflowReader::new(file).unwrap();
            overflow.use_ring();
            put(&mut overflow, RING_BYTES);
            let mut buffer = vec![0; 65536];
            assert_eq!(reader.look(overflow.written, &mut buffer), Some(65536));
            put(&mut overflow, overwritten);
            let found = reader.keep(&mut buffer, 65536);
            assert_eq!(found.count, kept, "{overwritten}");
            assert_eq!(found.missed + kept as u64, 65536, "{overwritten}");
            assert_eq!(
                buffer[..kept],
                numbered(found.missed, kept),
                "{overwritten}"
            );
            // And it goes on behind that.
            let next = reader.read(&mut buffer);
            let at = 65536 + next.missed;
            assert_eq!(at, (overwritten as u64).max(65536), "{overwritten}");
            assert_eq!(buffer[..next.count], numbered(at, next.count));
        }
    }

    #[test]
    fn nothing_is_added_to_a_ring_that_was_read() {
        let (mut overflow, file) = Overflow::new().unwrap();
        let mut reader = OverflowReader::new(file).unwrap();
        assert_eq!(reader.read(&mut [0; 64]), Found::default());
        overflow.use_ring();
        put(&mut overflow, 10);
        assert_eq!(reader.read(&mut [0; 64]).count, 10);
        assert!(reader.is_in_use());
        put(&mut overflow, 5);
        assert_eq!(reader.read(&mut [0; 64]).count, 5);
        assert_eq!(reader.read(&mut [0; 64]), Found::default());
        assert!(!reader.is_in_use() && !overflow.is_in_use());
        assert_eq!(overflow.put(b"x"), Ok(Taken::CaughtUp));
        assert_eq!(reader.read(&mut [0; 64]), Found::default());
    }

    #[test]
    fn a_ring_is_used_only_while_the_pipe_is_full() {
        let (mut overflow, _) = Overflow::new().unwrap();
        let pipe = flow::pipe().unwrap();
        overflow.begin(&pipe.write);
        assert!(!overflow.is_in_use());
        flow::set_nonblocking(pipe.write.as_fd());
        while flow::write(pipe.write.as_fd(), &[0; 4096]).is_ok() {}
        overflow.begin(&pipe.write);
        assert!(overflow.is_in_use());
    }
}
