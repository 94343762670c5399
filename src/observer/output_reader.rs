//! Reading the command's output: copies that arrive through pipes, files that are followed, and what the training
//! itself keeps where neither is to be had ([`records`](super::records)).
//!
//! The bytes are hostile and the readers behind them are ours, so a panic in one is caught here: the observer
//! goes deaf on that stream, the run is still measured and finished.

use super::follow::{Chunk, Follower};
use super::records::{Log, Records};
use crate::protocol::observer_config::Observed;
use axolotl_run_core::judging::run::Run;
use axolotl_run_core::limits;
use axolotl_run_core::observation::Stream;
use axolotl_run_core::output::lines::{Line, LineCutter};
use axolotl_run_sys::{descriptors, flow};
use std::fs::File;
use std::io::ErrorKind;
use std::os::fd::AsFd as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::time::{Instant, SystemTime};
use tokio::net::unix::pipe;

/// One stream's text on its way into the run.
struct Reader {
    /// None: a log of the training's own, of which only metrics are taken.
    stream: Option<Stream>,
    cutter: LineCutter,
    deaf: bool,
}

impl Reader {
    fn take(&mut self, run: &mut Run, at: f64, bytes: &[u8]) {
        let Self {
            stream,
            cutter,
            deaf,
        } = self;
        if *deaf {
            return;
        }
        let reading = catch_unwind(AssertUnwindSafe(|| {
            let Some(stream) = *stream else {
                return cutter.push(bytes, |line| run.metrics(&line));
            };
            run.bytes(stream, at, cutter, bytes);
            // A bar ends only when the next one begins; the step it shows is done now.
            cutter.peek(|line| run.peek(stream, at, &line));
        }));
        *deaf = reading.is_err();
    }

    fn finish(&mut self, run: &mut Run, at: f64) {
        let Self {
            stream,
            cutter,
            deaf,
        } = self;
        if !*deaf {
            let reading = catch_unwind(AssertUnwindSafe(|| {
                cutter.finish(|line| give(run, *stream, at, &line))
            }));
            *deaf = reading.is_err();
        }
    }
}

fn give(run: &mut Run, stream: Option<Stream>, at: f64, line: &Line<'_>) {
    match stream {
        Some(stream) => run.line(stream, at, line),
        None => run.metrics(line),
    }
}

/// A copy that arrives through a pipe.
struct Copy {
    reader: Reader,
    pipe: Option<pipe::Receiver>,
}

/// A file, as far as its text has gone into the run.
struct Followed {
    reader: Reader,
    follower: Follower,
    /// Up to when it was read.
    read_until: f64,
    /// When it last had something new.
    grown_at: f64,
}

impl Followed {
    const fn new(reader: Reader, follower: Follower) -> Self {
        Self {
            reader,
            follower,
            read_until: 0.0,
            grown_at: 0.0,
        }
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
        let slices = chunk
            .bytes
            .chunks(chunk.bytes.len().div_ceil(limits::FOLLOW_SLICES).max(1));
        let (from, count) = (self.read_until, slices.len());
        for (number, slice) in (1..).zip(slices) {
            let share = f64::from(number) / count as f64;
            self.reader
                .take(run, from + share * (chunk.at - from), slice);
        }
        self.read_until = chunk.at;
        if count > 0 || chunk.state.is_some() {
            self.grown_at = chunk.at;
        }
    }

    /// Reads to the file's present end, for as long as its file system answers.
    fn read_the_rest(&mut self, run: &mut Run, at: f64) {
        // What was asked before the end may have been answered before it.
        let mut stale = self.follower.ask(at, true);
        while let Some(chunk) = self.follower.wait() {
            self.take(run, &chunk);
            let full = chunk.bytes.len() == limits::READ_BYTES;
            if !full && !stale {
                return;
            }
            stale = stale && full;
            self.follower.ask(at, true);
        }
    }
}

/// All that is read of a command's output.
pub struct OutputReader {
    copies: Vec<Copy>,
    files: Vec<Followed>,
    has_records: bool,
    /// Where and when the command was started.
    directory: PathBuf,
    spawned: SystemTime,
    buffer: Vec<u8>,
    last_read: Option<Instant>,
}

impl OutputReader {
    /// Takes the descriptors that the supervisor left open for us; returns how many could not be.
    #[must_use]
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
            let reader = Reader {
                stream: Some(*stream),
                cutter: LineCutter::new(),
                deaf: false,
            };
            match *observed {
                Observed::Relay(ends) => {
                    let pipe = descriptors::adopt(ends.copy);
                    match pipe.and_then(|pipe| pipe::Receiver::from_owned_fd(pipe).ok()) {
                        Some(pipe) => output.copies.push(Copy {
                            reader,
                            pipe: Some(pipe),
                        }),
                        None => lost += 1,
                    }
                }
                Observed::File(descriptor, position) => {
                    match descriptors::adopt(descriptor)
                        .and_then(|file| Follower::of(File::from(file), position))
                    {
                        Some(follower) => output.files.push(Followed::new(reader, follower)),
                        None => lost += 1,
                    }
                }
            }
        }
        (output, lost)
    }

    /// Looks into the directory that the training writes to as well; the first that is named counts.
    pub fn follow_records(&mut self, output: Option<&str>) {
        let (Some(output), false) = (output, self.has_records) else {
            return;
        };
        self.has_records = true;
        let (directory, spawned) = (self.directory.join(output), self.spawned);
        let readers = self
            .copies
            .iter()
            .map(|copy| &copy.reader)
            .chain(self.files.iter().map(|file| &file.reader));
        let seen: Vec<_> = readers.filter_map(|reader| reader.stream).collect();
        let metrics = seen.iter().any(|stream| *stream != Stream::Stderr);
        let (log, stream) = match (metrics, seen.is_empty()) {
            (true, _) => (Log::Ignored, None),
            (false, false) => (Log::Read, None),
            // Axolotl copies both streams.
            (false, true) => (Log::Read, Some(Stream::Both)),
        };
        let follower = Follower::begin(move || {
            let mut records = Records::of(directory, spawned, log);
            move |look| Some(records.look(look))
        });
        let reader = Reader {
            stream,
            cutter: LineCutter::new(),
            deaf: false,
        };
        self.files
            .extend(follower.map(|follower| Followed::new(reader, follower)));
    }

    /// Waits for something to read from a pipe. Never returns where there is none.
    pub async fn ready(&self) {
        let wait =
            async |index: usize| match self.copies.get(index).and_then(|copy| copy.pipe.as_ref()) {
                Some(pipe) => drop(pipe.readable().await),
                None => std::future::pending().await,
            };
        tokio::select! {
            () = wait(0) => {}
            () = wait(1) => {}
        }
    }

    /// Reads what is there, a bounded amount of each pipe.
    pub fn read(&mut self, run: &mut Run, at: f64) {
        let mut more = false;
        for copy in &mut self.copies {
            let Some(pipe) = &copy.pipe else { continue };
            match pipe.try_read(&mut self.buffer) {
                Ok(0) => copy.pipe = None,
                Ok(count) => {
                    more = more || count == limits::READ_BYTES;
                    copy.reader
                        .take(run, at, self.buffer.get(..count).unwrap_or_default());
                }
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
                Err(_) => copy.pipe = None,
            }
        }
        // Not by the reactor: whoever waits in it is woken by the next byte.
        if !more
            && self
                .last_read
                .is_some_and(|last| last.elapsed() < limits::READ_REST)
        {
            std::thread::sleep(limits::READ_REST);
        }
        self.last_read = Some(Instant::now());
    }

    /// Whether there are files that may be added to at any moment. They do not tell; one that was silent for a while is
    /// looked at with each measurement.
    #[must_use]
    pub fn follow_files(&self, at: f64) -> bool {
        self.files
            .iter()
            .any(|file| at - file.grown_at < limits::FOLLOW_SILENCE.as_secs_f64())
    }

    /// Asks the followed files for what is new. Their threads answer while something else is done.
    pub fn ask_files(&mut self, at: f64) {
        for file in &mut self.files {
            file.follower.ask(at, false);
        }
    }

    /// Takes what the followed files have answered.
    pub fn take_from_files(&mut self, run: &mut Run) {
        for file in &mut self.files {
            while let Some(chunk) = file.follower.arrived() {
                file.take(run, &chunk);
            }
        }
    }

    /// Reads what is left at the command's end: a pipe's contents, and a file to its present end.
    pub fn read_the_rest(&mut self, run: &mut Run, at: f64) {
        for copy in &mut self.copies {
            let Some(pipe) = &copy.pipe else { continue };
            // Past the reactor, which has not looked since; and a bounded number of times, because something that
            // goes on writing must not keep us here.
            for _ in 0..limits::READ_TAIL_TIMES {
                let Ok(count @ 1..) = flow::read(pipe.as_fd(), &mut self.buffer) else {
                    break;
                };
                copy.reader
                    .take(run, at, self.buffer.get(..count).unwrap_or_default());
            }
        }
        self.files
            .iter_mut()
            .for_each(|file| file.read_the_rest(run, at));
        let readers = self
            .copies
            .iter_mut()
            .map(|copy| &mut copy.reader)
            .chain(self.files.iter_mut().map(|file| &mut file.reader));
        readers.for_each(|reader| reader.finish(run, at));
    }

    /// Lines that were too long to be read whole.
    #[must_use]
    pub fn long_lines(&self) -> u64 {
        let readers = self
            .copies
            .iter()
            .map(|copy| &copy.reader)
            .chain(self.files.iter().map(|file| &file.reader));
        readers.map(|reader| reader.cutter.long_lines()).sum()
    }
}
