//! Reading the command's output: copies that arrive through pipes, and files that are followed.
//!
//! The bytes are hostile and the readers behind them are ours, so a panic in one is caught here: the observer
//! goes deaf on that stream, the run is still measured and finished.

use crate::limits;
use crate::lines::LineCutter;
use crate::observation::Stream;
use crate::protocol::settings::Observed;
use crate::run::Run;
use crate::sys::{descriptors, flow};
use std::fs::File;
use std::io::ErrorKind;
use std::os::fd::AsFd as _;
use std::os::unix::fs::FileExt as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use tokio::net::unix::pipe;

/// One stream's text on its way into the run.
struct Reader {
    stream: Stream,
    cutter: LineCutter,
    deaf: bool,
}

impl Reader {
    fn take(&mut self, run: &mut Run, at: f64, bytes: &[u8]) {
        let Self { stream, cutter, deaf } = self;
        if *deaf {
            return;
        }
        let reading = catch_unwind(AssertUnwindSafe(|| {
            cutter.push(bytes, |line| run.line(*stream, at, &line));
            // A bar ends only when the next one begins; the step it shows is done now.
            cutter.peek(|line| run.peek(*stream, at, &line));
        }));
        *deaf = reading.is_err();
    }

    fn finish(&mut self, run: &mut Run, at: f64) {
        let Self { stream, cutter, deaf } = self;
        if !*deaf {
            let reading = catch_unwind(AssertUnwindSafe(|| cutter.finish(|line| run.line(*stream, at, &line))));
            *deaf = reading.is_err();
        }
    }
}

/// A copy that arrives through a pipe.
struct Copy {
    reader: Reader,
    pipe: Option<pipe::Receiver>,
}

/// A file that is read by a thread of its own, because a file system may not answer.
struct Followed {
    reader: Reader,
    /// Each tells its own time, in seconds since the spawn.
    requests: SyncSender<f64>,
    answers: Receiver<Chunk>,
    /// A request is under way; the next answer is to that one.
    asked: bool,
    /// Up to when it was read.
    read_until: f64,
}

impl Followed {
    /// Asks for what is in the file now, unless a request is under way.
    fn ask(&mut self, at: f64) {
        self.asked = self.asked || self.requests.try_send(at).is_ok();
    }

    /// Takes an answer; how many bytes it had.
    ///
    /// A file does not tell when its bytes came. They are taken to have come evenly since the last look: a rate, an
    /// epoch's seconds, would otherwise be those of our looks.
    fn take(&mut self, run: &mut Run, chunk: &Chunk) -> usize {
        self.asked = false;
        if chunk.cut {
            self.reader.cutter.gap();
        }
        let slices = chunk.bytes.chunks(chunk.bytes.len().div_ceil(limits::FOLLOW_SLICES).max(1));
        let (from, count) = (self.read_until, slices.len());
        for (number, slice) in (1..).zip(slices) {
            let share = f64::from(number) / count as f64;
            self.reader.take(run, from + share * (chunk.at - from), slice);
        }
        self.read_until = chunk.at;
        chunk.bytes.len()
    }

    /// Reads to the file's present end, for as long as its file system answers.
    fn read_the_rest(&mut self, run: &mut Run, at: f64) {
        // What was asked before the end may have been answered before it.
        let mut stale = self.asked;
        self.ask(at);
        while let Ok(chunk) = self.answers.recv_timeout(limits::FOLLOW_TAIL_WAIT) {
            let full = self.take(run, &chunk) == limits::READ_BYTES;
            if !full && !stale {
                return;
            }
            stale = stale && full;
            self.ask(at);
        }
    }
}

/// What a look at a file gave.
struct Chunk {
    /// The request's time.
    at: f64,
    bytes: Vec<u8>,
    /// The file was cut and begins anew.
    cut: bool,
}

/// All that is read of a command's output.
pub struct Eyes {
    copies: Vec<Copy>,
    files: Vec<Followed>,
    buffer: Vec<u8>,
}

impl Eyes {
    /// Takes the descriptors that the supervisor left open for us; returns how many could not be.
    #[must_use]
    pub fn open(streams: &[(Stream, Observed)]) -> (Self, u64) {
        let mut eyes = Self { copies: Vec::new(), files: Vec::new(), buffer: vec![0; limits::READ_BYTES] };
        let mut lost = 0;
        for (stream, observed) in streams {
            let reader = Reader { stream: *stream, cutter: LineCutter::new(), deaf: false };
            match *observed {
                Observed::Relay(ends) => {
                    let pipe = descriptors::adopt(ends.copy);
                    match pipe.and_then(|pipe| pipe::Receiver::from_owned_fd(pipe).ok()) {
                        Some(pipe) => eyes.copies.push(Copy { reader, pipe: Some(pipe) }),
                        None => lost += 1,
                    }
                }
                Observed::File(descriptor, position) => {
                    match descriptors::adopt(descriptor).and_then(|file| follow(File::from(file), position)) {
                        Some((requests, answers)) => {
                            eyes.files.push(Followed { reader, requests, answers, asked: false, read_until: 0.0 })
                        }
                        None => lost += 1,
                    }
                }
            }
        }
        (eyes, lost)
    }

    /// Waits for something to read from a pipe. Never returns where there is none.
    pub async fn ready(&self) {
        let wait = async |index: usize| match self.copies.get(index).and_then(|copy| copy.pipe.as_ref()) {
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
        for copy in &mut self.copies {
            let Some(pipe) = &copy.pipe else { continue };
            match pipe.try_read(&mut self.buffer) {
                Ok(0) => copy.pipe = None,
                Ok(count) => copy.reader.take(run, at, self.buffer.get(..count).unwrap_or_default()),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
                Err(_) => copy.pipe = None,
            }
        }
    }

    /// Takes what the followed files have given, and asks for more.
    pub fn look_at_files(&mut self, run: &mut Run, at: f64) {
        for file in &mut self.files {
            while let Ok(chunk) = file.answers.try_recv() {
                file.take(run, &chunk);
            }
            file.ask(at);
        }
    }

    /// Reads what is left at the command's end: a pipe's contents, and a file to its present end.
    pub fn read_the_rest(&mut self, run: &mut Run, at: f64) {
        for copy in &mut self.copies {
            let Some(pipe) = &copy.pipe else { continue };
            // Past the reactor, which has not looked since; and a bounded number of times, because something that
            // goes on writing must not keep us here.
            for _ in 0..limits::READ_TAIL_TIMES {
                let Ok(count @ 1..) = flow::read(pipe.as_fd(), &mut self.buffer) else { break };
                copy.reader.take(run, at, self.buffer.get(..count).unwrap_or_default());
            }
        }
        self.files.iter_mut().for_each(|file| file.read_the_rest(run, at));
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
        let readers = self.copies.iter().map(|copy| &copy.reader).chain(self.files.iter().map(|file| &file.reader));
        readers.map(|reader| reader.cutter.long_lines()).sum()
    }
}

/// Starts a thread that reads a file on request, from a position on.
fn follow(file: File, mut position: u64) -> Option<(SyncSender<f64>, Receiver<Chunk>)> {
    let (requests, requested) = sync_channel::<f64>(1);
    let (answering, answers) = sync_channel::<Chunk>(1);
    let work = move || {
        while let Ok(at) = requested.recv() {
            let Ok(length) = file.metadata().map(|metadata| metadata.len()) else { return };
            let cut = length < position;
            if cut {
                position = 0;
            }
            let mut bytes = vec![0; limits::READ_BYTES];
            // Any error (a file system that forbids reading what is being written) is the end of following.
            let Ok(count) = file.read_at(&mut bytes, position) else { return };
            bytes.truncate(count);
            position += count as u64;
            if answering.send(Chunk { at, bytes, cut }).is_err() {
                return;
            }
        }
    };
    std::thread::Builder::new().name("follow".into()).spawn(work).ok().map(|_| (requests, answers))
}
