//! Whether the observer of a run is alive.
//!
//! The observer holds an exclusive lock on `live` as long as it lives. The kernel releases it whatever kills the
//! observer; a pid in a file could not promise that. But homes are shared between machines, and some network file
//! systems show a lock to its own machine only, or have none. So the file also holds the boot id: a free lock proves
//! death only if it was taken in this boot. Otherwise the run's files must also have been unchanged for long. The boot
//! id is a random number of the kernel and is never sent.
//!
//! A process that finishes, sends or deletes a run holds its [`RunLock`] meanwhile.

use super::layout::{DELIVERY, EVENTS, LIVE, SAMPLES};
use axolotl_run_core::limits;
use axolotl_run_sys::files::{Access, Directory};
use std::fs::{File, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::sync::OnceLock;
use std::time::SystemTime;

const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";
/// A boot id has 36 characters; nothing longer is worth a comparison.
const BOOT_ID_BYTES: u64 = 64;
/// The name under which the file is made, so that nobody sees it before it is locked.
const LIVE_NEW: &str = "live.new";

/// The right to change a run, held until dropped.
pub struct RunLock(Option<File>);

impl Drop for RunLock {
    /// Closing the file is not enough: a process that is being started at this moment holds a copy of it until
    /// it executes its program, and with the copy the lock.
    fn drop(&mut self) {
        if let Some(lock_file) = &self.0 {
            let _ = lock_file.unlock();
        }
    }
}

/// Claims a new run for this process.
pub fn claim(run_directory: &Directory) -> io::Result<RunLock> {
    let _ = run_directory.remove_file(LIVE_NEW);
    let mut lock_file = run_directory.file(LIVE_NEW, Access::CreateNew)?;
    // Where locks are not offered the run goes on without: others then go by its silence.
    let _ = lock_file.try_lock();
    let _ = lock_file.write_all(boot_id().unwrap_or_default().as_bytes());
    run_directory.rename(LIVE_NEW, LIVE)?;
    Ok(RunLock(Some(lock_file)))
}

/// Takes a run whose observer is dead, which is ours while we hold this; None where it lives, or may live.
pub fn take(run_directory: &Directory, now: SystemTime) -> Option<RunLock> {
    lock_dead(run_directory, now, File::try_lock)
}

/// Asks whether a run's observer may live, without keeping others from asking the same.
pub fn is_living(run_directory: &Directory, now: SystemTime) -> bool {
    lock_dead(run_directory, now, File::try_lock_shared).is_none()
}

fn lock_dead(
    run_directory: &Directory,
    now: SystemTime,
    try_lock: fn(&File) -> Result<(), TryLockError>,
) -> Option<RunLock> {
    let mut run_lock = RunLock(None);
    if let Ok(mut lock_file) = run_directory.file(LIVE, Access::Lock) {
        match try_lock(&lock_file) {
            Ok(()) => {
                let boot_id_of_lock = read_boot_id(&mut lock_file);
                run_lock = RunLock(Some(lock_file));
                if boot_id_of_lock.is_some() && boot_id_of_lock.as_deref() == boot_id() {
                    return Some(run_lock);
                }
            }
            Err(TryLockError::WouldBlock) => return None,
            Err(TryLockError::Error(_)) => {}
        }
    }
    // Without a proof of its death, silence has to do.
    let Some(last_activity) = activity(run_directory, now) else {
        return Some(run_lock);
    };
    let silence = now.duration_since(last_activity).unwrap_or_default();
    (silence >= limits::FOREIGN_SILENCE).then_some(run_lock)
}

/// When a run's files were last written to; never later than now, so that a clock that was wrong once does
/// not make a run immortal.
pub fn activity(run_directory: &Directory, now: SystemTime) -> Option<SystemTime> {
    // Without a file it is a run that begins just now, or never did: the directory itself tells which.
    last_modified(run_directory, &[EVENTS, DELIVERY, SAMPLES, LIVE], now)
        .or_else(|| Some(run_directory.modified().ok()?.min(now)))
}

/// When a run's observer gave its last sign of life: it measures every few seconds. What others write into the run
/// does not count.
pub fn last_sign(run_directory: &Directory, now: SystemTime) -> Option<SystemTime> {
    last_modified(run_directory, &[EVENTS, SAMPLES, LIVE], now)
}

/// When a run's observer began: it makes this file first and never writes to it again.
pub fn claimed_at(run_directory: &Directory, now: SystemTime) -> Option<SystemTime> {
    last_modified(run_directory, &[LIVE], now)
}

/// When one of these files was last written to.
fn last_modified(
    run_directory: &Directory,
    file_names: &[&str],
    now: SystemTime,
) -> Option<SystemTime> {
    let file_states = file_names
        .iter()
        .filter_map(|name| run_directory.look(name).ok());
    file_states
        .map(|file_state| file_state.modified.min(now))
        .max()
}

/// This boot's id, read once: it is asked for with each run, and there may be thousands.
pub fn boot_id() -> Option<&'static str> {
    static READ: OnceLock<Option<String>> = OnceLock::new();
    READ.get_or_init(|| read_boot_id(&mut File::open(BOOT_ID).ok()?))
        .as_deref()
}

fn read_boot_id(lock_file: &mut File) -> Option<String> {
    let mut text = String::new();
    lock_file
        .take(BOOT_ID_BYTES)
        .read_to_string(&mut text)
        .ok()?;
    let text = text.trim_ascii();
    (!text.is_empty()).then(|| text.to_owned())
}
