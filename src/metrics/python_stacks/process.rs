//! One process that runs Python, and the stack of its main thread.

use super::image::{self, LoadedImage};
use super::line_table;
use super::memory::ProcessMemory;
use crate::metrics::files;
use axolotl_run_core::knowledge::python::layouts::{DESCRIPTIONS, Position, PythonLayout, TABLES};
use std::path::Path;

/// Bytes of /proc/PID/maps that are read; a training process has 2,000 mappings of 150 bytes.
const MAPS_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Frames of a stack that are read, the innermost first; Python itself ends at 1,000 unless it is told otherwise.
pub const FRAMES_MAX: usize = 256;
/// Interpreters and threads of a process.
const THREADS_MAX: usize = 1024;
/// Characters of a file's or function's name.
const TEXT_CHARACTERS_MAX: u64 = 1024;
/// Bytes of a table of lines: a function of 20,000 lines.
const LINES_BYTES_MAX: u64 = 64 * 1024;
/// Words in which an interpreter describes itself: the last that a release has is the 79th.
const DESCRIPTION_WORDS: usize = 80;
/// What an interpreter's description of itself begins with.
pub const DESCRIPTION_MARK: &[u8; 8] = b"xdebugpy";
/// Frames that are no calls, by who made them: entries from C (3.12, 3.13), and the interpreter's own (3.14).
const OWNED_BY_C: u8 = 3;
/// The lowest bits of a reference to a code object are not part of its address from 3.14 on; objects are aligned.
const ADDRESS_BITS: u64 = !7;

/// A frame as the process has it: the user's words, to be told to nobody but the kernel of public names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PythonFrame {
    /// The path of its file.
    pub file: String,
    /// The name of its function.
    pub function: String,
    /// Its line, where it has one.
    pub line: Option<u64>,
}

/// A process that runs Python.
#[derive(Debug)]
pub struct PythonProcess {
    pub(super) memory: ProcessMemory,
    pub(super) layout: PythonLayout,
    /// Where `_PyRuntime` is.
    pub(super) runtime: u64,
    /// Where `PyCode_Type` is.
    pub(super) code_type: u64,
}

impl PythonProcess {
    /// Finds the interpreter among these mappings; None where there is none that we know.
    pub fn find(maps: &[u8], mut memory: ProcessMemory) -> Option<Self> {
        for candidate in image::candidates(maps) {
            let Some(image) = LoadedImage::at(&mut memory, candidate.start) else {
                continue;
            };
            let (Some(runtime), Some(code_type)) = (
                image.symbol(&mut memory, "_PyRuntime"),
                image.symbol(&mut memory, "PyCode_Type"),
            ) else {
                continue;
            };
            let mut version = candidate.version;
            if let Some(written) = image.symbol(&mut memory, "Py_Version") {
                version = minor_version(memory.word(written)?);
            }
            return Some(Self {
                layout: layout(&mut memory, version?, runtime)?,
                memory,
                runtime,
                code_type,
            });
        }
        None
    }

    /// The stack of the main thread, the innermost frame first; None where what was read cannot be true.
    pub fn main_stack(&mut self) -> Option<Vec<PythonFrame>> {
        self.memory.renew();
        let layout = self.layout;
        let first = self.runtime.checked_add(layout.runtime_interpreters)?;
        let interpreter = self.last_of(first, layout.interpreter_next)?;
        let first = interpreter.checked_add(layout.interpreter_threads)?;
        let thread = self.last_of(first, layout.thread_next)?;
        let mut frame = self.word_in(thread, layout.thread_frame)?;
        if let Some(offset) = layout.holder_frame
            && frame != 0
        {
            frame = self.word_in(frame, offset)?;
        }
        let mut stack = Vec::new();
        while frame != 0 && stack.len() < FRAMES_MAX {
            if !self.is_entry(frame)? {
                stack.push(self.frame(frame)?);
            }
            frame = self.word_in(frame, layout.frame_previous)?;
        }
        Some(stack)
    }

    /// The last one of a list: new interpreters and threads are put in front, so that the main one is there.
    fn last_of(&mut self, head: u64, next: u64) -> Option<u64> {
        let mut last = self.memory.word(head)?;
        for _ in 0..THREADS_MAX {
            match self.word_in(last, next)? {
                0 => return Some(last),
                following => last = following,
            }
        }
        None
    }

    /// Whether this is a frame that C has made to enter the interpreter.
    fn is_entry(&mut self, frame: u64) -> Option<bool> {
        match self.layout.frame_owner {
            Some(offset) => Some(self.memory.byte(frame.checked_add(offset)?)? >= OWNED_BY_C),
            None => Some(false),
        }
    }

    fn frame(&mut self, frame: u64) -> Option<PythonFrame> {
        let layout = self.layout;
        let code = self.word_in(frame, layout.frame_code)? & ADDRESS_BITS;
        if self.word_in(code, layout.object_type)? != self.code_type {
            return None;
        }
        let file = self.word_in(code, layout.code_file)?;
        let function = self.word_in(code, layout.code_name)?;
        Some(PythonFrame {
            file: self.text(file)?,
            function: self.text(function)?,
            line: self.line(frame, code),
        })
    }

    fn line(&mut self, frame: u64, code: u64) -> Option<u64> {
        let layout = self.layout;
        let position = frame.checked_add(layout.frame_position)?;
        let byte = match layout.position {
            Position::ByteIndex => i64::from(self.integer(position)?),
            Position::InstructionIndex => 2 * i64::from(self.integer(position)?),
            Position::Address => {
                let instructions = code.checked_add(layout.code_instructions?)?;
                let at = self.memory.word(position)?;
                at.wrapping_sub(instructions).cast_signed()
            }
        };
        let first_line = self.integer(code.checked_add(layout.code_first_line)?)?;
        let table = self.word_in(code, layout.code_lines)?;
        let length = self.word_in(table, layout.bytes_length)?;
        if length > LINES_BYTES_MAX {
            return None;
        }
        let table = table.checked_add(layout.bytes_data)?;
        let table = self.memory.bytes(table, length as usize)?;
        line_table::line(layout.lines, &table, first_line.into(), byte)
    }

    /// The word at an offset within an object.
    fn word_in(&mut self, object: u64, offset: u64) -> Option<u64> {
        self.memory.word(object.checked_add(offset)?)
    }

    fn integer(&mut self, address: u64) -> Option<i32> {
        Some(self.memory.half_word(address)?.cast_signed())
    }

    /// A text object's characters.
    fn text(&mut self, object: u64) -> Option<String> {
        let layout = self.layout;
        let length = self.word_in(object, layout.text_length)?;
        if length > TEXT_CHARACTERS_MAX {
            return None;
        }
        let state = self
            .memory
            .half_word(object.checked_add(layout.text_state)?)?;
        let (width, is_ascii) = text_form(state)?;
        let mut data = object.checked_add(layout.text_data)?;
        if !is_ascii {
            // What a text has besides when it is not ASCII: its UTF-8, and how long it is (before 3.12 twice).
            data = data.checked_add(if layout.version < 12 { 24 } else { 16 })?;
        }
        let bytes = self.memory.bytes(data, (length * width) as usize)?;
        let mut text = String::new();
        for character in bytes.chunks_exact(width as usize) {
            let mut number = [0; 4];
            number
                .get_mut(..character.len())?
                .copy_from_slice(character);
            text.push(char::from_u32(u32::from_le_bytes(number))?);
        }
        Some(text)
    }
}

/// What a process has mapped.
pub fn mappings(procfs: &Path, pid: u32) -> Option<Vec<u8>> {
    files::read_bytes(&procfs.join(format!("{pid}/maps")), MAPS_BYTES_MAX)
}

/// Bytes of each character, and whether all are ASCII. Behind the bits that say whether a text is interned (two, in 3.14
/// eight or sixteen) come three for the width, one for a text in one piece, one for ASCII.
fn text_form(state: u32) -> Option<(u64, bool)> {
    for shift in [2, 8, 16] {
        let form = state >> shift;
        let width = u64::from(form & 7);
        if matches!(width, 1 | 2 | 4) && form & 8 != 0 {
            return Some((width, form & 16 != 0));
        }
    }
    None
}

/// `0x030b07f0` is 3.11.7.
fn minor_version(hexadecimal: u64) -> Option<u64> {
    (hexadecimal >> 24 == 3).then_some((hexadecimal >> 16) & 0xff)
}

/// The layout of this release: from our table, or as the interpreter describes itself.
pub fn layout(memory: &mut ProcessMemory, version: u64, runtime: u64) -> Option<PythonLayout> {
    if let Some(table) = TABLES.iter().find(|table| table.version == version) {
        return Some(*table);
    }
    let description = DESCRIPTIONS.iter().find(|found| found.version == version)?;
    let bytes = memory.bytes(runtime, 8 * DESCRIPTION_WORDS)?;
    if !bytes.starts_with(DESCRIPTION_MARK) {
        return None;
    }
    let mut words = Vec::new();
    for word in bytes.as_chunks::<8>().0 {
        words.push(u64::from_ne_bytes(*word));
    }
    description.described_by(&words)
}
