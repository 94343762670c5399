//! Files that are read by a thread of their own, because a file system may not answer: one that hangs costs one thread
//! and nothing else.

use axolotl_run_core::limits;
use axolotl_run_core::observation::TrainerState;
use axolotl_run_sys::background::Background;
use std::fs::File;
use std::os::unix::fs::FileExt as _;

/// The least room for what a followed file has gained.
const READ_BYTES_LITTLE: usize = 4096;

/// A request to look at a file.
#[derive(Clone, Copy, Debug)]
pub struct FollowRequest {
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

impl Chunk {
    /// Nothing new.
    pub const fn empty(at: f64) -> Self {
        Self {
            at,
            bytes: Vec::new(),
            cut: false,
            state: None,
        }
    }
}

/// Starts a thread that reads a file from a position on. Any error (a file system that forbids reading what is being
/// written) is the end of following.
pub fn follow(file: File, mut position: u64) -> Option<Background<FollowRequest, Chunk>> {
    let look = move |request: FollowRequest| {
        let mut chunk = Chunk::empty(request.at);
        (chunk.bytes, chunk.cut) = read_on(&file, &mut position)?;
        Some(chunk)
    };
    Background::answering("follow", || look)
}

/// What a file has gained since it was read up to a position, and whether it was cut and begins anew.
pub fn read_on(file: &File, position: &mut u64) -> Option<(Vec<u8>, bool)> {
    let length = file.metadata().ok()?.len();
    let cut = length < *position;
    if cut {
        *position = 0;
    }
    // Most looks find nothing, and a large buffer has to be cleared.
    let new = usize::try_from(length - *position).unwrap_or(usize::MAX);
    let mut bytes = vec![0; new.clamp(READ_BYTES_LITTLE, limits::READ_BYTES)];
    let count = file.read_at(&mut bytes, *position).ok()?;
    bytes.truncate(count);
    *position += count as u64;
    Some((bytes, cut))
}
