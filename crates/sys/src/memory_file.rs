//! A file that is nowhere but in memory: to hand a secret to another process of ours, which no argument, variable or
//! file may hold, or to give a program its input without ever waiting for it.

use nix::sys::memfd::{MFdFlags, memfd_create};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt as _;

/// Makes one with these bytes, to be read from the beginning; closed on exec.
///
/// # Errors
/// The kernel's, when there is no descriptor or memory left.
pub fn holding(bytes: &[u8]) -> io::Result<OwnedFd> {
    let file = File::from(memfd_create(c"axolotl-run", MFdFlags::MFD_CLOEXEC)?);
    file.write_all_at(bytes, 0)?;
    Ok(file.into())
}

/// Its first bytes, however often it was read before.
pub fn read(file: impl AsFd, bytes_max: usize) -> io::Result<Vec<u8>> {
    let file = File::from(file.as_fd().try_clone_to_owned()?);
    let mut bytes = vec![0; bytes_max];
    let mut length = 0;
    while let Some(room) = bytes.get_mut(length..)
        && !room.is_empty()
    {
        match file.read_at(room, length as u64)? {
            0 => break,
            count => length += count,
        }
    }
    bytes.truncate(length);
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_can_be_read_again_and_again() {
        let file = holding(b"secret").unwrap();
        for _ in 0..2 {
            assert_eq!(read(&file, 100).unwrap(), b"secret");
        }
        assert_eq!(read(&file, 3).unwrap(), b"sec");
    }
}
