//! Looking at files and at constants of the kernel without ever being held up.
//!
//! A path that we are told about, or guess, may be a FIFO whose other end nobody opens, a terminal, or a
//! device that does something when it is opened. [`open_regular`] opens nothing but regular files. Called by
//! the measuring code for every file that it reads.

use nix::unistd::{SysconfVar, sysconf};
use std::fs::{File, Metadata, OpenOptions};
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
    regular(&std::fs::metadata(path)?)?;
    let file = never_waiting().open(path)?;
    regular(&file.metadata()?)?;
    Ok(file)
}

/// Refuses what is no regular file.
///
/// # Errors
/// `InvalidInput`.
pub fn regular(metadata: &Metadata) -> io::Result<()> {
    if !metadata.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    Ok(())
}

fn never_waiting() -> OpenOptions {
    let mut options = File::options();
    options.read(true);
    options.custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY);
    options
}

/// Opens a regular file for appending, and nothing else; one that is missing is made. Also whether what it holds ends
/// with the end of a line.
///
/// # Errors
/// As [`open_regular`].
pub fn append_to_regular(path: &Path) -> io::Result<(File, bool)> {
    match std::fs::metadata(path) {
        Ok(metadata) => regular(&metadata)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let mut file = never_waiting().append(true).create(true).open(path)?;
    let metadata = file.metadata()?;
    regular(&metadata)?;
    let mut last = *b"\n";
    if metadata.len() > 0 {
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
    }
    Ok((file, last == *b"\n"))
}

/// Bytes of a page of memory: 4 KiB nearly everywhere, 64 KiB on some arm64 kernels.
pub fn page_size() -> u64 {
    constant(SysconfVar::PAGE_SIZE, 4096)
}

/// Ticks per second in which the kernel counts processor time.
pub fn clock_ticks() -> u64 {
    constant(SysconfVar::CLK_TCK, 100)
}

/// Logical processors of the machine that are online, as Python counts them too.
pub fn processors_online() -> u64 {
    constant(SysconfVar::_NPROCESSORS_ONLN, 1)
}

fn constant(name: SysconfVar, usual: u64) -> u64 {
    match sysconf(name) {
        Ok(Some(value @ 1..)) => value as u64,
        _ => usual,
    }
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
        assert!(processors_online() >= 1);
    }
}
