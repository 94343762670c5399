//! The observer's reliable half: a thread of its own that stays simple whatever the rest is doing.
//!
//! It is the group listener (it stays in the job's process group with every signal blocked and says what it saw), it
//! answers the supervisor, and when the supervisor is gone it takes the relays over. It talks to the other
//! half through a channel and never waits for it.

use super::mirror::{self, Mirror, Mirrored, State};
use super::sender_wait::{self, Question};
use super::takeover::Streams;
use crate::metrics::files::KeptFile;
use crate::metrics::memory::OomKillWatch;
use crate::metrics::processes::signal_sender;
use crate::protocol::messages::{self, ToObserver, ToSupervisor};
use axolotl_run_core::observation::{SignalSender, SupervisorLoss};
use axolotl_run_core::status::{End, SignalInfo, Usage, signal};
use axolotl_run_sys::channel::Arrived;
use axolotl_run_sys::poll::{Events, Poll};
use axolotl_run_sys::signals::{self, Signals};
use axolotl_run_sys::{clock, fault, role, wait};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::UnboundedSender;

/// Between two looks at a sender, in milliseconds.
const SENDER_LOOK_MS: u64 = 5;
/// Between two looks at whether the supervisor was stopped, in milliseconds. Nobody tells us of that, and to be woken
/// each second for it was two fifths of what an idle observer costs.
const LOOK_MS: u64 = 2000;
/// Until such a look is repeated that saw a difference: longer than a shell takes to stop or continue a job.
const LOOK_AGAIN_MS: u64 = 50;
/// A look may come later by this fraction of its period: a timer that the kernel may merge with another wakes at two
/// thirds of the cost, and being woken is nearly all that a look costs.
const LOOK_SLACK: u64 = 5;

/// Bytes of `/proc/PID/stat` that are read: the state follows the name, which has 64 at the most.
const STAT_BYTES: usize = 128;

/// What the other half is told. A run has a handful of these, so the channel needs no bound.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum News {
    /// The command's program runs.
    Started,
    /// The command's program could not be run.
    ExecFailed,
    /// A signal that asks for the end was sent to the launcher.
    Requested {
        /// Its number.
        signal: i32,
        /// By whom, as far as that could still be seen.
        sender: SignalSender,
    },
    /// Bytes of output that the copy did not have, in all.
    Missed(u64),
    /// The command ended.
    Ended {
        /// How; None where nobody could see it.
        end: Option<End>,
        /// What it used, likewise.
        usage: Option<Usage>,
    },
    /// The supervisor vanished before the command ended.
    SupervisorLost(SupervisorLoss),
}

/// What the thread works with.
#[derive(Debug)]
pub struct Link {
    /// The message socket.
    pub channel: Arc<OwnedFd>,
    /// The group listener's signals.
    pub signals: Option<Signals>,
    /// A handle on the command.
    pub command: Option<OwnedFd>,
    /// Where the supervisor writes a fault of its own.
    pub crash: Option<OwnedFd>,
    /// The supervisor's pid.
    pub supervisor: i32,
    /// What /proc says of the supervisor and of the command.
    pub states: (KeptFile, KeptFile),
    /// What the supervisor has asked and was not told yet.
    pub question: Option<Question>,
    /// Our duplicates of the relays' descriptors.
    pub streams: Streams,
    /// Where the news goes.
    pub news: UnboundedSender<News>,
}

/// Sends the supervisor a message; one that is gone needs none.
pub fn tell(channel: &OwnedFd, message: ToSupervisor) {
    messages::send(channel.as_fd(), &message);
}

impl Link {
    /// Runs until the supervisor is gone and nothing is left to relay.
    ///
    /// `kill_watch` tells whether the kernel has killed a process for want of memory since the start.
    pub fn run(mut self, kill_watch: &OomKillWatch) {
        let mut ended = false;
        let mut before = 0;
        let mut mirror = Mirror::default();
        loop {
            let look = match self.question {
                Some(_) => SENDER_LOOK_MS,
                None if mirror.apart => LOOK_AGAIN_MS,
                None => LOOK_MS,
            };
            if before != look {
                before = look;
                role::wake_within(Duration::from_millis(look / LOOK_SLACK));
            }
            let mut poll = Poll::empty();
            let channel = poll.add(Some(self.channel.as_fd()), Events::READ);
            poll.add(self.signals.as_ref().map(AsFd::as_fd), Events::READ);
            poll.wait((!ended).then_some(look));
            let listening = poll.is_ready(channel);
            self.report_sightings();
            if listening && !self.receive(&mut ended) {
                break;
            }
            self.answer();
            if !ended {
                self.mirror(&mut mirror);
            }
        }
        if !ended {
            self.take_over(kill_watch);
        }
        self.streams.relay_to_the_end();
    }

    fn mirror(&mut self, mirror: &mut Mirror) {
        let state = |file: &mut KeptFile| mirror::parse(&file.text::<STAT_BYTES>()?);
        let (supervisor, command) = &mut self.states;
        // The command's is read only where there is something to compare: the kernel sums its many threads up for it.
        let compared = match state(supervisor) {
            Some(State::Stopped) => state(command),
            _ => None,
        };
        let Some(command) = compared else {
            *mirror = Mirror::default();
            return;
        };
        match mirror.look(State::Stopped, command) {
            Some(Mirrored::StopCommand) => {
                if let Some(command) = &self.command {
                    wait::signal(command.as_fd(), signal::SIGSTOP);
                }
            }
            Some(Mirrored::ContinueSupervisor) => {
                signals::pass_on(self.supervisor, &SignalInfo::ordinary(signal::SIGCONT))
            }
            None => {}
        }
    }

    fn report_sightings(&self) {
        while let Some(seen) = self.signals.as_ref().and_then(Signals::next) {
            tell(&self.channel, ToSupervisor::Sighting(seen));
        }
    }

    /// Answers the supervisor's question, or lets it wait for the next look.
    fn answer(&mut self) {
        let Some(question) = &mut self.question else {
            return;
        };
        let read = |name| std::fs::read_to_string(format!("/proc/{}/{name}", question.sender)).ok();
        let mut sender = None;
        if let (Some(stat), Some(run)) = (read("stat"), read("schedstat")) {
            sender = sender_wait::parse(&stat, &run);
        }
        if question.waits(sender, clock::monotonic_ms()) {
            return;
        }
        let number = question.number;
        self.question = None;
        // After the look at the sender: what it had sent by then is said before the answer says that it is all.
        self.report_sightings();
        tell(&self.channel, ToSupervisor::Answer(number));
    }

    /// Handles all messages that wait. False: the supervisor is gone.
    fn receive(&mut self, ended: &mut bool) -> bool {
        loop {
            match messages::receive(self.channel.as_fd()) {
                Arrived::Nothing => return true,
                Arrived::Closed => return false,
                Arrived::Message(message) => *ended |= self.handle(message),
            }
        }
    }

    /// Handles one message; true: the command has ended and the streams are ours.
    fn handle(&mut self, message: ToObserver) -> bool {
        let news = match message {
            ToObserver::Ask { number, sender } => {
                let now = clock::monotonic_ms();
                self.question = Some(Question::new(number, sender, now, self.question));
                return false;
            }
            ToObserver::StreamClosed(index) => {
                self.streams.close(usize::from(index));
                tell(&self.channel, ToSupervisor::Released);
                return false;
            }
            ToObserver::Started => News::Started,
            ToObserver::ExecFailed => News::ExecFailed,
            ToObserver::Requested(seen) => News::Requested {
                signal: seen.signal,
                // At once: whoever sends one signal has often ended a moment later.
                sender: signal_sender::look(seen.code.into(), seen.sender.into()),
            },
            ToObserver::Missed(bytes) => News::Missed(bytes),
            ToObserver::Ended { end, usage } => News::Ended {
                end: Some(end),
                usage: Some(usage),
            },
        };
        let ended = matches!(news, News::Ended { .. } | News::ExecFailed);
        if ended {
            // First what the user's readers wait for: what nobody writes to any more is let go of here.
            self.streams.relay();
            // The job's signals are no business of ours any more, and we are none of the job's.
            role::leave_group();
            tell(&self.channel, ToSupervisor::Released);
        }
        // The other half may have given up; nothing here depends on it.
        let _ = self.news.send(news);
        ended
    }

    /// The supervisor vanished while the command ran.
    fn take_over(&mut self, kill_watch: &OomKillWatch) {
        self.streams.relay();
        let kills = kill_watch.kills();
        let was_memory_short = kills.cgroup.or(kills.host).unwrap_or(0) > 0;
        let loss = match &self.crash {
            Some(flag) if fault::is_set(flag) => SupervisorLoss::Crashed,
            _ if was_memory_short => SupervisorLoss::OutOfMemory,
            _ => SupervisorLoss::Killed,
        };
        let _ = self.news.send(News::SupervisorLost(loss));
        if let (SupervisorLoss::Killed, Some(command)) = (loss, &self.command) {
            // What was done to our pid is done to the command: as without us, the job is gone.
            wait::signal(command.as_fd(), signal::SIGKILL);
        }
        let end = self.command.as_ref().and_then(|command| {
            self.streams.relay_until(command);
            wait::end_of(command.as_fd())
        });
        role::leave_group();
        let _ = self.news.send(News::Ended { end, usage: None });
    }
}
