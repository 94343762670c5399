//! Another process's memory, through `/proc/PID/mem`.
//!
//! Reading it stops nobody and needs no signal; the kernel checks who may at the moment of opening. What is read is
//! another program's, which may be hostile or change while we look: each number is only a number until it was checked,
//! and of reads there are so many and no more.

use axolotl_run_sys::process_memory;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

/// Reads of one look: a stack of 256 frames takes 20 for each; finding the interpreter takes some dozens.
const READS_MAX: u32 = 8192;

/// The memory of a process.
#[derive(Debug)]
pub struct ProcessMemory {
    file: File,
    reads_left: u32,
}

impl ProcessMemory {
    /// Opens it, where the kernel lets us.
    pub fn open(pid: u32) -> io::Result<Self> {
        let memory = process_memory::open(pid)?;
        Ok(Self::new(memory.into()))
    }

    /// Memory that is open already.
    pub const fn new(file: File) -> Self {
        Self {
            file,
            reads_left: READS_MAX,
        }
    }

    /// A new look begins.
    pub fn renew(&mut self) {
        self.reads_left = READS_MAX;
    }

    /// Fills the bytes from this address on; None where that is not to be had.
    pub fn fill(&mut self, address: u64, bytes: &mut [u8]) -> Option<()> {
        self.reads_left = self.reads_left.checked_sub(1)?;
        self.file.read_exact_at(bytes, address).ok()
    }

    /// The bytes from this address on.
    pub fn bytes(&mut self, address: u64, length: usize) -> Option<Vec<u8>> {
        let mut bytes = vec![0; length];
        self.fill(address, &mut bytes)?;
        Some(bytes)
    }

    /// A number of 32 bits.
    pub fn half_word(&mut self, address: u64) -> Option<u32> {
        let mut bytes = [0; 4];
        self.fill(address, &mut bytes)?;
        Some(u32::from_ne_bytes(bytes))
    }

    /// A number of 64 bits.
    pub fn word(&mut self, address: u64) -> Option<u64> {
        let mut bytes = [0; 8];
        self.fill(address, &mut bytes)?;
        Some(u64::from_ne_bytes(bytes))
    }
}
