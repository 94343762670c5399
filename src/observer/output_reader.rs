//! Reading the command's output: copies that arrive through pipes, files that are followed, and what the training
//! itself keeps where neither is to be had ([`records`](super::records)).
//!
//! The bytes are hostile and the readers behind them are ours, so a panic in one is caught here: the observer
//! goes deaf on that stream, the run is still measured and finished.

use super::copy::CopyReader;
use super::follow::{Chunk, FollowRequest, follow};
use super::or_never::or_never;
use super::records::{Log, Records};
use crate::protocol::observer_config::Observed;
use axolotl_run_core::judging::run::Run;
use axolotl_run_core::limits;
use axolotl_run_core::observation::Stream;
use axolotl_run_core::output::lines::LineCutter;
use axolotl_run_sys::background::Background;
use axolotl_run_sys::channel::Arrived;
use axolotl_run_sys::descriptors;
use axolotl_run_sys::streams::overflow::Found;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::time::Duration;
use std::time::{Instant, SystemTime};

/// The least time between two reads that leave nothing: output that floods would have us woken for each piece of it, at
/// the relay's expense, and a progress bar is drawn ten times a second.
const READ_REST: Duration = Duration::from_millis(1);
/// Reads of a copy at the command's end: more than its pipe and its ring (1 MiB each) can hold.
const READ_TAIL_TIMES: usize = 16;
/// How long a followed file has to be silent to be looked at with the measurements only. A training that runs adds to
/// it more often; one that is silent is compiling, waiting, or standing still.
const FOLLOW_SILENCE: Duration = Duration::from_secs(15);
/// How long the end waits for a followed file; a file system that does not answer costs this once.
const FOLLOW_TAIL_WAIT: Duration = Duration::from_millis(100);
/// Pieces that what a followed file has gained since the last look is cut into, each with a time of its own: a bar
/// is drawn ten times a second.
const FOLLOW_SLICES: usize = 16;

/// One stream's text on its way into the run.
struct StreamReader {
    /// None: a log of the training's own, of which only metrics are taken.
    stream: Option<Stream>,
    cutter: LineCutter,
    deaf: bool,
    /// Whether what was printed last is no whole line.
    is_open: bool,
}

impl StreamReader {
    fn new(stream: Option<Stream>) -> Self {
        Self {
            stream,
            cutter: LineCutter::default(),
            deaf: false,
            is_open: false,
        }
    }

    fn take(&mut self, run: &mut Run, at: f64, bytes: &[u8]) {
        let stream = self.stream;
        self.is_open = bytes.last().is_some_and(|byte| *byte != b'\n');
        self.hear(|cutter| {
            let Some(stream) = stream else {
                return cutter.push(bytes, |line| run.metrics(&line));
            };
            run.bytes(stream, at, cutter, bytes);
            // A bar ends only when the next one begins; the step it shows is done now.
            cutter.peek(|line| run.peek(stream, at, &line));
        });
    }

    /// Bytes are missing here.
    fn gap(&mut self, run: &mut Run) {
        self.cutter.gap();
        if let Some(stream) = self.stream {
            run.gap(stream);
        }
    }

    fn finish(&mut self, run: &mut Run, at: f64) {
        let stream = self.stream;
        self.hear(|cutter| {
            cutter.finish(|line| match stream {
                Some(stream) => run.line(stream, at, &line),
                None => run.metrics(&line),
            })
        });
    }

    fn hear(&mut self, read: impl FnOnce(&mut LineCutter)) {
        if !self.deaf {
            let reading = catch_unwind(AssertUnwindSafe(|| read(&mut self.cutter)));
            self.deaf = reading.is_err();
        }
    }
}

/// A copy that the relay makes of what passes through it.
struct Copied {
    reader: StreamReader,
    copy: CopyReader,
    /// Bytes of it that were overwritten before they were read.
    missed: u64,
}

impl Copied {
    /// Takes what was read of it.
    fn take(&mut self, run: &mut Run, at: f64, found: Found, buffer: &[u8]) {
        if found.missed > 0 {
            self.missed = self.missed.saturating_add(found.missed);
            self.reader.gap(run);
        }
        if let Some(bytes @ [_, ..]) = buffer.get(..found.count) {
            self.reader.take(run, at, bytes);
        }
    }
}

/// A file, as far as its text has gone into the run.
struct FollowedFile {
    reader: StreamReader,
    thread: Background<FollowRequest, Chunk>,
    /// Up to when it was read.
    read_until: f64,
    /// When it last had something new.
    grown_at: f64,
}

impl FollowedFile {
    fn new(reader: StreamReader, thread: Background<FollowRequest, Chunk>) -> Self {
        Self {
            reader,
            thread,
            read_until: 0.0,
            grown_at: 0.0,
        }
    }

    /// Asks for what is in the file now, unless a request is under way; whether one was.
    fn ask(&mut self, at: f64, last: bool) -> bool {
        let was_asked = self.thread.is_busy();
        if !was_asked {
            self.thread.ask(FollowRequest { at, last });
        }
        was_asked
    }

    /// Takes what came of a look.
    ///
    /// A file does not tell when its bytes came. They are taken to have come evenly since the last look: a rate, an
    /// epoch's seconds, would otherwise be those of our looks.
    fn take(&mut self, run: &mut Run, chunk: &Chunk) {
        if chunk.cut {
            self.reader.cutter.gap();
        }
        if let Some(state) = &chunk.state {
            run.recorded(state);
        }
        let size = chunk.bytes.len().div_ceil(FOLLOW_SLICES).max(1);
        let slices = chunk.bytes.chunks(size);
        let (from, count) = (self.read_until, slices.len());
        for (number, slice) in (1..).zip(slices) {
            let share = f64::from(number) / count as f64;
            let at = from + share * (chunk.at - from);
            self.reader.take(run, at, slice);
        }
        self.read_until = chunk.at;
        if count > 0 || chunk.state.is_some() {
            self.grown_at = chunk.at;
        }
    }

    /// Reads to the file's present end, for as long as its file system answers.
    fn read_the_rest(&mut self, run: &mut Run, at: f64) {
        // What was asked before the end may have been answered before it.
        let mut stale = self.ask(at, true);
        // A file system that hangs gives no answer.
        while let Arrived::Message(chunk) = self.thread.wait(FOLLOW_TAIL_WAIT) {
            self.take(run, &chunk);
            let full = chunk.bytes.len() == limits::READ_BYTES;
            if !full && !stale {
                return;
            }
            stale = stale && full;
            self.ask(at, true);
        }
    }
}

/// All that is read of a command's output.
pub struct OutputReader {
    copies: Vec<Copied>,
    files: Vec<FollowedFile>,
    has_records: bool,
    /// Where and when the command was started.
    directory: PathBuf,
    spawned: SystemTime,
    buffer: Vec<u8>,
    last_read: Option<Instant>,
}

impl OutputReader {
    /// Takes the descriptors that the supervisor left open for us; returns how many could not be.
    pub fn open(
        streams: &[(Stream, Observed)],
        directory: PathBuf,
        spawned: SystemTime,
    ) -> (Self, u64) {
        let mut output = Self {
            copies: Vec::new(),
            files: Vec::new(),
            has_records: false,
            directory,
            spawned,
            buffer: vec![0; limits::READ_BYTES],
            last_read: None,
        };
        let mut lost = 0;
        for (stream, observed) in streams {
            if output
                .read_from(StreamReader::new(Some(*stream)), *observed)
                .is_none()
            {
                lost += 1;
            }
        }
        (output, lost)
    }

    fn read_from(&mut self, reader: StreamReader, observed: Observed) -> Option<()> {
        match observed {
            Observed::Relay(ends) => {
                let copy = CopyReader::adopt(&ends)?;
                self.copies.push(Copied {
                    reader,
                    copy,
                    missed: 0,
                });
            }
            Observed::File(descriptor, position) => {
                let thread = follow(descriptors::adopt(descriptor)?.into(), position)?;
                self.files.push(FollowedFile::new(reader, thread));
            }
        }
        Some(())
    }

    fn readers(&mut self) -> impl Iterator<Item = &mut StreamReader> {
        let copies = self.copies.iter_mut().map(|copied| &mut copied.reader);
        copies.chain(self.files.iter_mut().map(|file| &mut file.reader))
    }

    /// Leaves what the training writes down by itself to the launcher of its main process.
    pub const fn leave_records(&mut self) {
        self.has_records = true;
    }

    /// Looks into the directory that the training writes to as well, and returns it; the first that is named counts.
    pub fn follow_records(&mut self, output: Option<&str>) -> Option<PathBuf> {
        let (directory, spawned) = (self.directory.join(output?), self.spawned);
        if std::mem::replace(&mut self.has_records, true) {
            return None;
        }
        let output_directory = directory.clone();
        let mut log = Log::Read;
        // Axolotl copies both streams.
        let mut stream = Some(Stream::Both);
        for reader in self.readers() {
            stream = None;
            if reader.stream != Some(Stream::Stderr) {
                log = Log::Ignored;
            }
        }
        let thread = Background::answering("follow", move || {
            let mut records = Records::of(directory, spawned, log);
            move |look| Some(records.look(look))
        });
        if let Some(thread) = thread {
            self.files
                .push(FollowedFile::new(StreamReader::new(stream), thread));
        }
        Some(output_directory)
    }

    /// Waits for something to read from a copy. Never returns where there is none.
    pub async fn ready(&self) {
        let wait = |index: usize| {
            let copied = self.copies.get(index);
            or_never(copied.map(|copied| copied.copy.ready()))
        };
        tokio::select! {
            _ = wait(0) => {}
            _ = wait(1) => {}
        }
    }

    /// Reads what is there, a bounded amount of each copy.
    pub fn read(&mut self, run: &mut Run, at: f64) {
        let mut more = false;
        for copied in &mut self.copies {
            let found = copied.copy.read(&mut self.buffer);
            copied.take(run, at, found, &self.buffer);
            more = more || found.count == limits::READ_BYTES || copied.copy.is_overflowing();
        }
        // Not by the reactor: whoever waits in it is woken by the next byte.
        if let Some(last) = self.last_read
            && !more
            && last.elapsed() < READ_REST
        {
            std::thread::sleep(READ_REST);
        }
        self.last_read = Some(Instant::now());
    }

    /// Whether there are files that may be added to at any moment. They do not tell; one that was silent for a while is
    /// looked at with each measurement.
    pub fn follow_files(&self, at: f64) -> bool {
        let silence = FOLLOW_SILENCE.as_secs_f64();
        self.files.iter().any(|file| at - file.grown_at < silence)
    }

    /// Asks the followed files for what is new. Their threads answer while something else is done.
    pub fn ask_files(&mut self, at: f64) {
        for file in &mut self.files {
            file.ask(at, false);
        }
    }

    /// Takes what the followed files have gained by now, once, for as long as their file systems answer.
    pub fn catch_up(&mut self, run: &mut Run, at: f64) {
        for file in &mut self.files {
            // What was asked before may not have seen the newest.
            let asked_before = usize::from(file.ask(at, false));
            for _ in 0..=asked_before {
                if let Arrived::Message(chunk) = file.thread.wait(FOLLOW_TAIL_WAIT) {
                    file.take(run, &chunk);
                }
                file.ask(at, false);
            }
        }
    }

    /// Takes what the followed files have answered.
    pub fn take_from_files(&mut self, run: &mut Run) {
        for file in &mut self.files {
            while let Arrived::Message(chunk) = file.thread.take() {
                file.take(run, &chunk);
            }
        }
    }

    /// Reads what is left at the command's end: a copy's contents, and a file to its present end. `torn`: the copies were
    /// ended before their streams.
    pub fn read_the_rest(&mut self, run: &mut Run, at: f64, torn: bool) {
        for copied in &mut self.copies {
            // A bounded number of times, because something that goes on writing must not keep us here.
            for _ in 0..READ_TAIL_TIMES {
                let found = copied.copy.read_the_rest(&mut self.buffer);
                if found == Found::default() {
                    break;
                }
                copied.take(run, at, found, &self.buffer);
            }
            if torn {
                copied.reader.gap(run);
            }
        }
        for file in &mut self.files {
            file.read_the_rest(run, at);
        }
        for reader in self.readers() {
            reader.finish(run, at);
        }
    }

    /// Whether the last line on stderr has not ended, as that of a bar.
    pub fn leaves_line_open(&mut self) -> bool {
        let mut readers = self.readers();
        readers.any(|reader| {
            reader.is_open && matches!(reader.stream, Some(Stream::Stderr | Stream::Both))
        })
    }

    /// Bytes of the copies that were never read.
    pub fn missed_bytes(&self) -> u64 {
        self.copies.iter().map(|copied| copied.missed).sum()
    }

    /// Lines that were too long to be read whole.
    pub fn long_lines(&mut self) -> u64 {
        self.readers().map(|reader| reader.cutter.long_lines).sum()
    }
}
