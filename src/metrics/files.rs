//! Bounded reading of files that other programs wrote.
//!
//! Everything below `metrics` reads /proc, /sys, control groups and Python environments through these few
//! functions: each reads at most so many bytes or entries, opens nothing but regular files, and returns None or
//! nothing if anything goes wrong. A measurement that cannot be made is unknown; it is never an error of the run.

use axolotl_run_core::limits;
use axolotl_run_sys::probe;
use std::ffi::OsString;
use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

/// The beginning of a regular file.
pub fn read_bytes(path: &Path, max: usize) -> Option<Vec<u8>> {
    let file = probe::open_regular(path).ok()?;
    // The kernel's files have no length: without room to begin with they are read in pieces of 32 bytes.
    let mut bytes = Vec::with_capacity(max.min(4096));
    file.take(max as u64).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

/// A small text file of the kernel, empty where it cannot be read; bytes that are not UTF-8 are replaced.
pub fn read_text(path: &Path) -> String {
    let bytes = read_bytes(path, limits::KERNEL_FILE_BYTES_MAX).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A small file of the kernel that is read again and again. It stays open: to find, check and close it anew costs
/// several times what reading it does. What has gone since (a process that has ended) is looked for anew.
#[derive(Debug)]
pub struct KeptFile {
    path: PathBuf,
    file: Option<File>,
}

impl KeptFile {
    /// The file at this path, which need not be there yet.
    pub const fn new(path: PathBuf) -> Self {
        Self { path, file: None }
    }

    /// What it says now; of more than `N` bytes the beginning.
    pub fn read_text<const N: usize>(&mut self) -> Option<String> {
        if self.file.is_none() {
            self.file = probe::open_regular(&self.path).ok();
        }
        let text = read_beginning::<N>(self.file.as_ref()?);
        if text.is_none() {
            self.file = None;
        }
        text
    }
}

/// What an open file of the kernel says now; of more than `N` bytes the beginning.
pub fn read_beginning<const N: usize>(file: &File) -> Option<String> {
    let mut bytes = [0; N];
    let length = file.read_at(&mut bytes, 0).ok()?;
    Some(String::from_utf8_lossy(bytes.get(..length)?).into_owned())
}

/// A process's environment, as it was at its beginning; empty where it cannot be looked at.
pub fn process_environment(procfs: &Path, pid: u32) -> Vec<u8> {
    let path = procfs.join(format!("{pid}/environ"));
    read_bytes(&path, limits::ENVIRON_BYTES_MAX).unwrap_or_default()
}

/// The value of a variable in such an environment.
pub fn variable_value(environment: &[u8], name: &str) -> Option<String> {
    for entry in environment.split(|byte| *byte == 0) {
        let behind = entry.strip_prefix(name.as_bytes()).unwrap_or_default();
        if let Some(value) = behind.strip_prefix(b"=") {
            return Some(String::from_utf8_lossy(value).into_owned());
        }
    }
    None
}

/// A file that holds one number.
pub fn read_number(path: &Path) -> Option<u64> {
    read_text(path).trim().parse().ok()
}

/// The value of a `name value` line, in which a unit may follow.
pub fn field_value(text: &str, name: &str) -> Option<u64> {
    for line in text.lines() {
        let mut words = line.split_ascii_whitespace();
        if words.next() == Some(name)
            && let Some(Ok(value)) = words.next().map(str::parse)
        {
            return Some(value);
        }
    }
    None
}

/// The names in a directory that are numbers, behind this prefix.
pub fn numbered_entries(directory: &Path, prefix: &str, max: usize) -> Vec<u32> {
    let mut numbers = Vec::new();
    for name in entry_names(directory, max) {
        if let Some(number) = name.to_str().and_then(|name| name.strip_prefix(prefix)) {
            numbers.extend(number.parse::<u32>());
        }
    }
    numbers
}

/// The first so many names in a directory, in the order of the file system.
pub fn entry_names(directory: &Path, max: usize) -> Vec<OsString> {
    let mut names = Vec::new();
    if let Ok(entries) = directory.read_dir() {
        for entry in entries.take(max) {
            names.extend(entry.map(|entry| entry.file_name()));
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_bounded_and_what_is_missing_is_unknown() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        std::fs::write(&path, "12345\n").unwrap();
        assert_eq!(read_bytes(&path, 3).as_deref(), Some(&b"123"[..]));
        assert_eq!(read_number(&path), Some(12345));
        assert_eq!(read_number(&directory.path().join("none")), None);
        assert_eq!(entry_names(directory.path(), 9).len(), 1);
        assert_eq!(entry_names(directory.path(), 0).len(), 0);
    }

    #[test]
    fn what_is_held_is_read_as_it_is_now() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        let mut held = KeptFile::new(path.clone());
        assert_eq!(held.read_text::<9>(), None);
        for text in ["one", "other", "one"] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(held.read_text::<9>().as_deref(), Some(text));
        }
        assert_eq!(held.read_text::<2>().as_deref(), Some("on"));
        let mut child = std::process::Command::new("sleep")
            .arg("300")
            .spawn()
            .unwrap();
        let mut gone = KeptFile::new(format!("/proc/{}/cgroup", child.id()).into());
        assert!(gone.read_text::<64>().is_some());
        child.kill().and_then(|()| child.wait()).unwrap();
        assert_eq!(
            (gone.read_text::<64>(), gone.read_text::<64>()),
            (None, None)
        );
    }

    #[test]
    fn a_field_is_found_by_its_whole_name() {
        let text = "oom 1\noom_kill 7\noom_group_kill 2\n";
        assert_eq!(field_value(text, "oom_kill"), Some(7));
        assert_eq!(field_value(text, "oom"), Some(1));
        assert_eq!(field_value(text, "oom_"), None);
        assert_eq!(field_value("oom_kill x", "oom_kill"), None);
    }
}
