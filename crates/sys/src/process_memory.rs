//! Opens another process's memory for reading, without memory of our own: the supervisor does it for the observer, where
//! the kernel (Yama) lets only an ancestor look. The check is made here, once; whoever has the descriptor reads.

use super::Errno;
use rustix::fs::{Mode, OFlags, open as open_path};
use std::ffi::CStr;
use std::io::Write as _;
use std::os::fd::OwnedFd;

/// Bytes of `/proc/4294967295/mem` with the zero behind it, and some.
const PATH_BYTES: usize = 32;

/// Opens `/proc/PID/mem`.
///
/// # Errors
/// The kernel's: there is no such process, or it may not be looked at.
pub fn open(pid: u32) -> Result<OwnedFd, Errno> {
    let mut path = [0; PATH_BYTES];
    // It always fits.
    let _ = write!(path.as_mut_slice(), "/proc/{pid}/mem");
    let path = CStr::from_bytes_until_nul(&path).map_err(|_| Errno::EINVAL)?;
    open_path(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).map_err(super::errno)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel::{self, Arrived, MESSAGE_BYTES};
    use std::os::fd::AsFd as _;
    use std::os::unix::fs::FileExt as _;

    #[test]
    fn what_one_process_opens_another_may_read() {
        let (ours, theirs) = channel::pair().unwrap();
        let told = *b"to be read";
        let memory = open(std::process::id()).unwrap();
        channel::try_send_descriptor(ours.as_fd(), b"memory", memory.as_fd());
        channel::try_send(ours.as_fd(), b"nothing");
        drop(memory);
        let mut buffer = [0; MESSAGE_BYTES];
        let arrived = channel::try_receive_descriptor(theirs.as_fd(), &mut buffer);
        let Arrived::Message((b"memory", Some(memory))) = arrived else {
            panic!("{arrived:?}");
        };
        let memory = std::fs::File::from(memory);
        let mut read = [0; 10];
        let address = std::ptr::from_ref(&told) as u64;
        memory.read_exact_at(&mut read, address).unwrap();
        assert_eq!(read, told);
        let arrived = channel::try_receive_descriptor(theirs.as_fd(), &mut buffer);
        assert!(
            matches!(arrived, Arrived::Message((b"nothing", None))),
            "{arrived:?}"
        );
        let arrived = channel::try_receive_descriptor(theirs.as_fd(), &mut buffer);
        assert!(matches!(arrived, Arrived::Nothing), "{arrived:?}");
        drop(ours);
        let arrived = channel::try_receive_descriptor(theirs.as_fd(), &mut buffer);
        assert!(matches!(arrived, Arrived::Closed), "{arrived:?}");
        assert_eq!(open(u32::MAX).err(), Some(Errno::ENOENT));
    }
}
