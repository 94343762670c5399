//! One process that runs Python, and the stack of its main thread.

use super::image::{self, LoadedImage};
use super::line_table;
use super::memory::ProcessMemory;
use crate::metrics::files;
use axolotl_run_core::event::Frame;
use axolotl_run_core::knowledge::python::layouts::{DESCRIPTIONS, Position, PythonLayout, TABLES};
use axolotl_run_core::output::traceback::frame_of_code;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::ErrorKind;
use std::path::Path;

/// Processes of one look: sixteen ranks and a few data workers of each.
pub const PROCESSES_MAX: usize = 64;
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
/// Code objects of a process whose names are kept: a step of a training calls some hundreds.
const CODES_MAX: usize = 4096;
/// Bytes from the first to the last word of an object that are read at once; a code object of 3.14 has 208.
const OBJECT_BYTES_MAX: usize = 512;
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
    /// What is public of code that was met before.
    pub(super) known_codes: BTreeMap<Code, Frame>,
}

/// A code object, by its place and those of its names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Code {
    address: u64,
    file: u64,
    function: u64,
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
                known_codes: BTreeMap::new(),
            });
        }
        None
    }

    /// The stack of the main thread, the innermost frame first; None where what was read cannot be true.
    pub fn main_stack(&mut self) -> Option<Vec<PythonFrame>> {
        self.walk(Self::frame)
    }

    /// What is public of the main thread's calls, the innermost first, without their lines. It costs a tenth of what the
    /// whole stack does: the names of a code object are read once.
    pub fn main_calls(&mut self) -> Option<Vec<Frame>> {
        self.walk(Self::call)
    }

    /// What is read of each frame of the main thread and its code.
    fn walk<T>(&mut self, read: fn(&mut Self, u64, Code) -> Option<T>) -> Option<Vec<T>> {
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
            let owner = layout.frame_owner.unwrap_or(layout.frame_code);
            let [code, previous, owner] =
                self.words_in(frame, [layout.frame_code, layout.frame_previous, owner])?;
            let is_entry = layout.frame_owner.is_some() && owner.to_ne_bytes()[0] >= OWNED_BY_C;
            if !is_entry {
                let code = self.code(code & ADDRESS_BITS)?;
                stack.push(read(self, frame, code)?);
            }
            frame = previous;
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

    /// The code object at an address; None where there is none.
    fn code(&mut self, address: u64) -> Option<Code> {
        let layout = self.layout;
        let offsets = [layout.object_type, layout.code_file, layout.code_name];
        let [kind, file, function] = self.words_in(address, offsets)?;
        (kind == self.code_type).then_some(Code {
            address,
            file,
            function,
        })
    }

    fn frame(&mut self, frame: u64, code: Code) -> Option<PythonFrame> {
        Some(PythonFrame {
            file: self.text(code.file)?,
            function: self.text(code.function)?,
            line: self.line(frame, code.address),
        })
    }

    fn call(&mut self, _: u64, code: Code) -> Option<Frame> {
        if let Some(known) = self.known_codes.get(&code) {
            return Some(known.clone());
        }
        let frame = frame_of_code(&self.text(code.file)?, &self.text(code.function)?, None);
        if self.known_codes.len() >= CODES_MAX {
            self.known_codes.clear();
        }
        self.known_codes.insert(code, frame.clone());
        Some(frame)
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

    /// The words at these offsets within an object, in one read.
    fn words_in<const N: usize>(&mut self, object: u64, offsets: [u64; N]) -> Option<[u64; N]> {
        let first = offsets.into_iter().min()?;
        let length = offsets.into_iter().max()?.checked_add(8)? - first;
        let mut bytes = [0; OBJECT_BYTES_MAX];
        let bytes = bytes.get_mut(..length.try_into().ok()?)?;
        self.memory.fill(object.checked_add(first)?, bytes)?;
        let mut words = [0; N];
        for (word, offset) in words.iter_mut().zip(offsets) {
            let behind = bytes.get((offset - first) as usize..)?;
            *word = u64::from_ne_bytes(*behind.first_chunk()?);
        }
        Some(words)
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

/// The kernel does not let us look.
pub struct Refused;

/// The interpreter of a process, if it has one.
pub fn find(
    procfs: &Path,
    pid: u32,
    given: Option<File>,
) -> Result<Option<PythonProcess>, Refused> {
    let maps = mappings(procfs, pid).unwrap_or_default();
    if image::candidates(&maps).is_empty() {
        return Ok(None);
    }
    let memory = match given {
        Some(file) => Ok(ProcessMemory::new(file)),
        None => ProcessMemory::open(pid),
    };
    match memory {
        Ok(memory) => Ok(PythonProcess::find(&maps, memory)),
        Err(problem) if problem.kind() == ErrorKind::PermissionDenied => Err(Refused),
        Err(_) => Ok(None),
    }
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
