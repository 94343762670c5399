//! Files that are read by a thread of their own, because a file system may not answer: one that hangs costs one thread
//! and nothing else.

use axolotl_run_core::limits;
use axolotl_run_core::observation::TrainerState;
use axolotl_run_sys::background::Background;
use std::fs::File;
use std::os::unix::fs::FileExt as _;

/// A request to look at a file.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// Its time, in seconds since the spawn.
    pub at: f64,
    /// The command has ended.
    pub last: bool,
}

/// What a look at a file gave.
pub struct Chunk {
    /// The request's time.
    pub at: f64,
    /// What the file has gained.
    pub bytes: Vec<u8>,
    /// The file was cut and begins anew.
    pub cut: bool,
    /// What a trainer has written beside it.
    pub state: Option<TrainerState>,
}

/// The thread, as those see it who ask.
pub struct Follower(Background<Look, Chunk>);

impl Follower {
    /// Starts a thread that reads a file from a position on. Any error (a file system that forbids reading what is
    /// being written) is the end of following.
    pub fn of(file: File, mut position: u64) -> Option<Self> {
        let look = move |Look { at, .. }: Look| {
            let length = file.metadata().ok()?.len();
            let cut = length < position;
            if cut {
                position = 0;
            }
            // Most looks find nothing, and a large buffer has to be cleared.
            let new = usize::try_from(length.saturating_sub(position)).unwrap_or(usize::MAX);
            let mut bytes = vec![0; new.clamp(limits::READ_BYTES_LITTLE, limits::READ_BYTES)];
            let count = file.read_at(&mut bytes, position).ok()?;
            bytes.truncate(count);
            position += count as u64;
            Some(Chunk {
                at,
                bytes,
                cut,
                state: None,
            })
        };
        Self::begin(move || look)
    }

    /// Starts a thread that answers one request after the other, until there is no answer or nobody to hear it.
    pub fn begin<F: FnMut(Look) -> Option<Chunk>>(
        begin: impl FnOnce() -> F + Send + 'static,
    ) -> Option<Self> {
        Background::answering("follow", begin).map(Self)
    }

    /// Asks for what is in the file now, unless a request is under way; whether one was.
    pub fn ask(&mut self, at: f64, last: bool) -> bool {
        let was_asked = self.0.is_busy();
        if !was_asked {
            self.0.ask(Look { at, last });
        }
        was_asked
    }

    /// An answer that is there already.
    pub fn arrived(&mut self) -> Option<Chunk> {
        self.0.take().answer()
    }

    /// The next answer, which a file system that hangs does not give.
    pub fn wait(&mut self) -> Option<Chunk> {
        self.0.wait(limits::FOLLOW_TAIL_WAIT).answer()
    }
}
