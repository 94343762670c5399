//! Tells every channel of a message, and tries again what may yet arrive.
//!
//! Each attempt is a task, so that a channel which stalls keeps no other waiting. What comes of an attempt is decided
//! here; the caller writes down what is final. An attempt that follows a failure keeps nobody waiting at the run's end.

use super::attempt::{AttemptMeans, attempt};
use super::channel::Channel;
use super::outcome::{Attempted, NotificationLine, Reached};
use crate::delivery::backoff;
use crate::delivery::client::Certificates;
use crate::delivery::uploader::chance;
use axolotl_run_core::event::wire;
use axolotl_run_core::judging::summary::message::Message;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::sync::OnceCell;
use tokio::task::JoinSet;

/// Attempts at one message for a command: each may have done half of what it does.
const COMMAND_ATTEMPTS: u32 = 3;
/// Attempts for a server.
const WEB_ATTEMPTS: u32 = 6;
/// Messages of one run; what hangs and goes on all night need not be told every time.
const MESSAGES_MAX: usize = 8;

/// How long somebody who has nothing else to do goes on: as long as the observer does after the end.
const FINISH_TIME: Duration = Duration::from_secs(30);

/// How often a message is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// Once: the user waits for the answer.
    Once,
    /// Until it arrives, within bounds.
    Retrying,
}

/// Tells the channels of one run.
pub struct Notifier {
    channels: Vec<Channel>,
    means: Arc<AttemptMeans>,
    patience: Patience,
    told: usize,
    next_key: u32,
    /// What is not settled yet.
    open: BTreeMap<u32, Job>,
    attempts: JoinSet<(u32, Attempted)>,
}

/// A message on its way to a channel.
struct Job {
    channel: usize,
    message: Arc<Message>,
    attempts: u32,
    last: Reached,
}

impl Notifier {
    /// A notifier of these channels; no socket, thread or process is made before there is a message.
    pub fn new(
        channels: Vec<Channel>,
        certificates: Certificates,
        directory: PathBuf,
        patience: Patience,
    ) -> Self {
        Self {
            channels,
            means: Arc::new(AttemptMeans {
                certificates,
                directory,
                client: OnceCell::const_new(),
            }),
            patience,
            told: 0,
            next_key: 0,
            open: BTreeMap::new(),
            attempts: JoinSet::new(),
        }
    }

    /// Begins to tell every channel. To be called within a runtime.
    pub fn tell(&mut self, message: Message) {
        if self.told >= MESSAGES_MAX {
            return;
        }
        self.told += 1;
        let message = Arc::new(message);
        for channel in 0..self.channels.len() {
            let job = Job {
                channel,
                message: Arc::clone(&message),
                attempts: 0,
                last: Reached::Late,
            };
            self.next_key += 1;
            self.open.insert(self.next_key, job);
            self.depart(self.next_key, Duration::ZERO);
        }
    }

    fn depart(&mut self, key: u32, wait: Duration) {
        let Some(job) = self.open.get_mut(&key) else {
            return;
        };
        let Some(channel) = self.channels.get(job.channel).cloned() else {
            return;
        };
        job.attempts += 1;
        let (means, message) = (Arc::clone(&self.means), Arc::clone(&job.message));
        self.attempts.spawn(async move {
            tokio::time::sleep(wait).await;
            (key, attempt(means, channel, message).await)
        });
    }

    /// Goes on until the next attempt is over, and says what is settled by it; forever pending where there is nothing
    /// to do. Dropping the future loses nothing.
    pub async fn step(&mut self) -> Option<NotificationLine> {
        match self.attempts.join_next().await {
            Some(Ok((key, attempted))) => self.settle(key, attempted),
            // A task ends by itself, or with us.
            Some(Err(_)) => None,
            None => std::future::pending().await,
        }
    }

    fn settle(&mut self, key: u32, attempted: Attempted) -> Option<NotificationLine> {
        let job = self.open.get_mut(&key)?;
        job.last = attempted.reached;
        let attempts_max = match (self.patience, attempted.reached) {
            (Patience::Once, _) => 1,
            (Patience::Retrying, Reached::ExitCode(_)) => COMMAND_ATTEMPTS,
            (Patience::Retrying, _) => WEB_ATTEMPTS,
        };
        if attempted.reached.may_pass() && job.attempts < attempts_max {
            let wait = backoff::wait(job.attempts, chance(), attempted.retry_after);
            self.depart(key, wait);
            return None;
        }
        let job = self.open.remove(&key)?;
        Some(self.line(&job))
    }

    fn line(&self, job: &Job) -> NotificationLine {
        let kind = self.channels.get(job.channel).map_or("", Channel::kind);
        NotificationLine {
            time: wire::timestamp(SystemTime::now()),
            occasion: job.message.occasion,
            channel: job.channel + 1,
            kind: kind.to_owned(),
            reached: job.last,
            attempts: job.attempts,
        }
    }

    /// Goes on until everything is settled, or the time is up; what became of it.
    pub async fn finish(&mut self) -> Vec<String> {
        let deadline = tokio::time::sleep(FINISH_TIME);
        tokio::pin!(deadline);
        let mut lines = Vec::new();
        while self.is_busy() {
            tokio::select! {
                line = self.step() => lines.extend(line),
                () = &mut deadline => break,
            }
        }
        lines.extend(self.give_up());
        lines.iter().map(NotificationLine::text).collect()
    }

    /// What became of everything that is not settled and never will be: the time is up.
    pub fn give_up(&mut self) -> Vec<NotificationLine> {
        let open = std::mem::take(&mut self.open);
        open.values().map(|job| self.line(job)).collect()
    }

    /// Whether something is not settled.
    pub fn is_busy(&self) -> bool {
        !self.open.is_empty()
    }

    /// Whether a first attempt is under way, which a short wait may see arrive.
    pub fn is_worth_waiting_for(&self) -> bool {
        self.open.values().any(|job| job.attempts <= 1)
    }
}
