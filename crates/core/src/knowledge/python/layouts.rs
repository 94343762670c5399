//! Where the releases of CPython keep what their stacks are read from: `knowledge/python_layouts.yaml`.

/// The layout of one release, in bytes; in [`DESCRIPTIONS`], where the interpreter itself says how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PythonLayout {
    /// 11 of 3.11.
    pub version: u64,
    /// What a frame keeps of where it is.
    pub position: Position,
    /// How its lines are written down.
    pub lines: LineTable,
    /// In `_PyRuntime`: the interpreter that was made last.
    pub runtime_interpreters: u64,
    /// In an interpreter: the one that was made before it.
    pub interpreter_next: u64,
    /// In an interpreter: the thread that was begun last.
    pub interpreter_threads: u64,
    /// In a thread: the one that was begun before it.
    pub thread_next: u64,
    /// In a thread: its innermost frame, or what holds that.
    pub thread_frame: u64,
    /// In what a thread has in place of a frame: its innermost frame.
    pub holder_frame: Option<u64>,
    /// In a frame: its code object.
    pub frame_code: u64,
    /// In a frame: the frame that called it.
    pub frame_previous: u64,
    /// In a frame: where it is.
    pub frame_position: u64,
    /// In a frame: who made it; some are no calls.
    pub frame_owner: Option<u64>,
    /// In a code object: its file.
    pub code_file: u64,
    /// In a code object: its function.
    pub code_name: u64,
    /// In a code object: its first line.
    pub code_first_line: u64,
    /// In a code object: the table of its lines.
    pub code_lines: u64,
    /// In a code object: its instructions.
    pub code_instructions: Option<u64>,
    /// In an object: its type.
    pub object_type: u64,
    /// In bytes: how many.
    pub bytes_length: u64,
    /// In bytes: the first one.
    pub bytes_data: u64,
    /// In a text: how many characters.
    pub text_length: u64,
    /// In a text: how it is stored.
    pub text_state: u64,
    /// In a text of ASCII: its first character.
    pub text_data: u64,
}

/// What a frame keeps of where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// The index of a byte of the code.
    ByteIndex,
    /// The index of an instruction of two bytes.
    InstructionIndex,
    /// The address of an instruction.
    Address,
}

/// How the lines of a code object are written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineTable {
    /// Pairs of how far the code and the line go on.
    Increments,
    /// Pairs of how long a piece of code is and how far away its line.
    Ranges,
    /// Pieces of code with lines and columns.
    Locations,
}

impl PythonLayout {
    /// The same layout where each number is the index of the word that holds it; None where there is no such word.
    pub fn described_by(&self, words: &[u64]) -> Option<Self> {
        let word = |index: u64| words.get(usize::try_from(index).ok()?).copied();
        let optional = |index: Option<u64>| match index {
            Some(index) => word(index).map(Some),
            None => Some(None),
        };
        Some(Self {
            version: self.version,
            position: self.position,
            lines: self.lines,
            runtime_interpreters: word(self.runtime_interpreters)?,
            interpreter_next: word(self.interpreter_next)?,
            interpreter_threads: word(self.interpreter_threads)?,
            thread_next: word(self.thread_next)?,
            thread_frame: word(self.thread_frame)?,
            holder_frame: optional(self.holder_frame)?,
            frame_code: word(self.frame_code)?,
            frame_previous: word(self.frame_previous)?,
            frame_position: word(self.frame_position)?,
            frame_owner: optional(self.frame_owner)?,
            code_file: word(self.code_file)?,
            code_name: word(self.code_name)?,
            code_first_line: word(self.code_first_line)?,
            code_lines: word(self.code_lines)?,
            code_instructions: optional(self.code_instructions)?,
            object_type: word(self.object_type)?,
            bytes_length: word(self.bytes_length)?,
            bytes_data: word(self.bytes_data)?,
            text_length: word(self.text_length)?,
            text_state: word(self.text_state)?,
            text_data: word(self.text_data)?,
        })
    }
}

include!(concat!(env!("OUT_DIR"), "/python_layouts.rs"));
