//! An append-only file of lines that continues in memory while the disk refuses.
//!
//! The problem: a disk that is full, over quota or read-only must cost the run's record as little as possible, and a
//! write that was cut short must not damage the line after it. A line is one write; where
//! only part of it went through, the next write begins with a newline, so that readers lose the torn line
//! and nothing else, and the torn line itself is written again in whole. What can't be written waits, in
//! order and bounded, and goes to disk before anything newer.
//!
//! Used by the journal alone; each file has one writer.

use axolotl_run_core::limits;
use axolotl_run_sys::files::{Access, Directory};
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};

/// What became of a line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Written {
    /// It is in the file.
    Disk,
    /// It waits in memory.
    Memory,
    /// There was no room; it was counted.
    Nowhere,
}

/// How much a line matters.
#[derive(Clone, Copy)]
pub enum Importance {
    /// One of many.
    Ordinary,
    /// One of the few that the journal is for; it may go beyond the limits by a bounded amount.
    Essential,
}

impl Importance {
    /// Bytes that such a line may go beyond a limit.
    const fn extra(self) -> u64 {
        match self {
            Self::Ordinary => 0,
            Self::Essential => limits::ESSENTIAL_BYTES_MAX,
        }
    }
}

/// The file and what waits for it.
pub struct AppendLog {
    name: &'static str,
    bytes_max: u64,
    open_file: Option<OpenFile>,
    held_lines: VecDeque<String>,
    held_bytes: u64,
    lost: u64,
}

struct OpenFile {
    file: File,
    bytes: u64,
    is_torn: bool,
}

impl AppendLog {
    pub const fn new(name: &'static str, bytes_max: u64) -> Self {
        Self {
            name,
            bytes_max,
            open_file: None,
            held_lines: VecDeque::new(),
            held_bytes: 0,
            lost: 0,
        }
    }

    /// Adds one line, which must not hold a newline.
    pub fn append(
        &mut self,
        run_directory: Option<&Directory>,
        line: &str,
        importance: Importance,
    ) -> Written {
        if line.contains('\n') {
            return self.lose();
        }
        self.flush(run_directory);
        if self.held_lines.is_empty()
            && let Some(open_file) = self.open_file.as_mut()
        {
            if !open_file.has_room(line, self.bytes_max, importance) {
                return self.lose();
            }
            if open_file.write(line).is_ok() {
                return Written::Disk;
            }
        }
        self.hold(line, importance)
    }

    /// Writes what waits, as far as the disk takes it; whether nothing waits any more.
    pub fn flush(&mut self, run_directory: Option<&Directory>) -> bool {
        if self.open_file.is_none()
            && let Some(run_directory) = run_directory
        {
            self.open_file = OpenFile::new(run_directory, self.name).ok();
        }
        let Some(open_file) = self.open_file.as_mut() else {
            return self.held_lines.is_empty();
        };
        while let Some(line) = self.held_lines.front() {
            if open_file.write(line).is_err() {
                return false;
            }
            self.held_bytes -= line.len() as u64;
            self.held_lines.pop_front();
        }
        true
    }

    /// Forces what is written to the disk; a failure is silence, for there is nothing more to be done.
    pub fn sync(&self) {
        if let Some(open_file) = &self.open_file {
            let _ = open_file.file.sync_data();
        }
    }

    /// A second handle on the file, so that another thread can force it to the disk.
    pub fn handle(&self) -> Option<File> {
        self.open_file.as_ref()?.file.try_clone().ok()
    }

    /// Bytes in the file.
    pub fn bytes(&self) -> u64 {
        self.open_file
            .as_ref()
            .map_or(0, |open_file| open_file.bytes)
    }

    /// Lines for which there was no room, and those that still wait in memory.
    pub fn unwritten(&self) -> u64 {
        self.lost + self.held_lines.len() as u64
    }

    /// Lets go of the file, which another takes the place of.
    pub fn reopen(&mut self) {
        self.open_file = None;
    }

    const fn lose(&mut self) -> Written {
        self.lost += 1;
        Written::Nowhere
    }

    fn hold(&mut self, line: &str, importance: Importance) -> Written {
        let bytes = self.held_bytes + line.len() as u64;
        if bytes > limits::HELD_BYTES_MAX as u64 + importance.extra() {
            return self.lose();
        }
        self.held_bytes = bytes;
        self.held_lines.push_back(line.to_owned());
        Written::Memory
    }
}

impl OpenFile {
    fn new(run_directory: &Directory, name: &str) -> io::Result<Self> {
        let mut file = run_directory.file(name, Access::Append)?;
        let bytes = file.metadata()?.len();
        let mut last = *b"\n";
        if bytes > 0 {
            file.seek(SeekFrom::End(-1))?;
            file.read_exact(&mut last)?;
        }
        Ok(Self {
            file,
            bytes,
            is_torn: last != *b"\n",
        })
    }

    const fn has_room(&self, line: &str, bytes_max: u64, importance: Importance) -> bool {
        self.bytes + (line.len() as u64) < bytes_max + importance.extra()
    }

    fn write(&mut self, line: &str) -> io::Result<()> {
        let before = if self.is_torn { "\n" } else { "" };
        let text = format!("{before}{line}\n");
        let written = loop {
            match self.file.write(text.as_bytes()) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                answer => break answer?,
            }
        };
        self.bytes += written as u64;
        if written == text.len() {
            self.is_torn = false;
            return Ok(());
        }
        // A cut that left only the leading newline would be no tear, but an empty line more harms nobody.
        self.is_torn = self.is_torn || written > 0;
        Err(io::ErrorKind::WriteZero.into())
    }
}
