//! Deletes what its owner wants gone: one run, or all that waits to be sent.
//!
//! The consent marker goes first, so that a run that was half deleted is never sent. A run whose observer lives is
//! left to it: files that are written to cannot be taken away. Where consent is withdrawn such a run loses its marker
//! alone; its observer looks for it before it sends, and what it leaves is nobody's to send.
//!
//! Called by `--forget`, `--disable` and by the pruning of old runs.

use super::lock::{self, Owner};
use super::runs::summarize;
use super::{CONSENT, Sending, Store};
use axolotl_run_core::limits;
use axolotl_run_sys::files::Directory;
use std::time::SystemTime;
use uuid::Uuid;

/// What became of a run that was to be forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forgotten {
    /// Nothing of it is left.
    Deleted,
    /// Its observer lives.
    Living,
    /// There is no such run, or its files can't be deleted.
    Failed,
}

/// What waited to be sent, and no longer does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Withdrawn {
    /// Events that waited.
    pub events: u64,
    /// The runs that they belonged to.
    pub runs: u64,
}

impl Store {
    /// Deletes one run.
    pub fn forget(&self, run: Uuid, now: SystemTime) -> Forgotten {
        let Ok(directory) = self.directory(run) else {
            return Forgotten::Failed;
        };
        let Owner::Nobody(_lock) = lock::owner(&directory, now) else {
            return Forgotten::Living;
        };
        self.delete(run, &directory)
    }

    /// Deletes the runs of which something waits to be sent, and sees to it that what is being recorded now is not
    /// sent by anybody either.
    pub fn withdraw(&self, now: SystemTime) -> Withdrawn {
        let mut withdrawn = Withdrawn::default();
        for run in self.identities() {
            let Ok(directory) = self.directory(run) else {
                continue;
            };
            let owner = lock::owner(&directory, now);
            let summary = summarize(&directory, run, now, |_| {});
            if summary.sending == Sending::Forbidden {
                continue;
            }
            match owner {
                Owner::Nobody(_lock) if summary.waiting > 0 => drop(self.delete(run, &directory)),
                // A later launcher would write its finish, which would wait.
                _ if !summary.finished || summary.waiting > 0 => {
                    drop(directory.remove_file(CONSENT))
                }
                _ => {}
            }
            if summary.waiting > 0 && !super::is_permitted(&directory) {
                withdrawn.events = withdrawn.events.saturating_add(summary.waiting);
                withdrawn.runs = withdrawn.runs.saturating_add(1);
            }
        }
        withdrawn
    }

    /// Deletes a run that is ours.
    pub(super) fn delete(&self, run: Uuid, directory: &Directory) -> Forgotten {
        let _ = directory.remove_file(CONSENT);
        for name in directory.names(limits::DIRECTORY_NAMES_MAX) {
            let _ = directory.remove_file(&name);
        }
        match self.runs.remove_directory(&run.to_string()) {
            Ok(()) => Forgotten::Deleted,
            Err(_) => Forgotten::Failed,
        }
    }
}
