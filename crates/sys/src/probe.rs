//! Looking at files and at constants of the kernel without ever being held up.
//!
//! A path that we are told about, or guess, may be a FIFO whose other end nobody opens, a terminal, or a
//! device that does something when it is opened. [`open_regular`] opens nothing but regular files. Called by
//! the measuring code for every file that it reads.

use nix::unistd::{SysconfVar, sysconf};
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// Opens a regular file for reading, and nothing else.
///
/// The check before keeps devices and FIFOs untouched; the check after, and `O_NONBLOCK`, cover a path that is
/// exchanged in between.
///
/// # Errors
/// Whatever opening gives, and `InvalidInput` for what is not a regular file.
pub fn open_regular(path: &Path) -> io::Result<File> {
    let regular = |metadata: std::fs::Metadata| {
        if metadata.is_file() {
            Ok(())
        } else {
            Err(io::Error::from(io::ErrorKind::InvalidInput))
        }
    };
    regular(std::fs::metadata(path)?)?;
    let file = File::options()
        .read(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(path)?;
    regular(file.metadata()?)?;
    Ok(file)
}

/// Opens a regular file for appending, and nothing else; one that is missing is made. Also whether what it holds ends
/// with the end of a line.
///
/// # Errors
/// As [`open_regular`].
pub fn append_to_regular(path: &Path) -> io::Result<(File, bool)> {
    let regular = |metadata: std::fs::Metadata| {
        if metadata.is_file() {
            Ok(metadata.len())
        } else {
            Err(io::Error::from(io::ErrorKind::InvalidInput))
        }
    };
    match std::fs::metadata(path) {
        Ok(metadata) => drop(regular(metadata)?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let flags = libc::O_NONBLOCK | libc::O_NOCTTY;
    let mut file = File::options()
        .read(true)
        .append(true)
        .create(true)
        .custom_flags(flags)
        .open(path)?;
    let length = regular(file.metadata()?)?;
    let mut last = *b"\n";
    if length > 0 {
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
    }
    Ok((file, last == *b"\n"))
}

/// Bytes of a page of memory: 4 KiB nearly everywhere, 64 KiB on some arm64 kernels.
#[must_use]
pub fn page_size() -> u64 {
    constant(SysconfVar::PAGE_SIZE).unwrap_or(4096)
}

/// Ticks per second in which the kernel counts processor time.
#[must_use]
pub fn clock_ticks() -> u64 {
    constant(SysconfVar::CLK_TCK).unwrap_or(100)
}

fn constant(name: SysconfVar) -> Option<u64> {
    u64::try_from(sysconf(name).ok()??)
        .ok()
        .filter(|value| *value > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_regular_file_is_opened() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("file");
        std::fs::write(&file, "text").unwrap();
        assert!(open_regular(&file).is_ok());
        let fifo = directory.path().join("fifo");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
        for other in [
            directory.path(),
            fifo.as_path(),
            Path::new("/dev/null"),
            Path::new("/nonexistent"),
        ] {
            assert!(open_regular(other).is_err(), "{other:?}");
        }
    }

    #[test]
    fn what_is_appended_to_keeps_what_it_had() {
        use std::io::Write as _;
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("file");
        for expected in [true, false, false] {
            let (mut file, is_whole) = append_to_regular(&file).unwrap();
            assert_eq!(is_whole, expected);
            file.write_all(b"a\nb").unwrap();
        }
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "a\nba\nba\nb");
        let fifo = directory.path().join("fifo");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
        for other in [
            directory.path(),
            fifo.as_path(),
            Path::new("/dev/null"),
            Path::new("/nonexistent/file"),
        ] {
            assert!(append_to_regular(other).is_err(), "{other:?}");
        }
    }

    #[test]
    fn the_kernels_constants_are_plausible() {
        assert!(page_size().is_power_of_two());
        assert!((100..=1024).contains(&clock_ticks()));
    }
}
