//! The observer's reliable half: a thread of its own that stays simple whatever the rest is doing.
//!
//! It is the group listener (it stays in the job's process group with every signal blocked and says what it saw), it
//! answers the supervisor, and when the supervisor is gone it takes the relays over. It talks to the other
//! half through a channel and never waits for it.

use super::mirror::{self, JobState, Mirror, Mirrored};
use super::sender_wait::{self, Sender, SenderQuestion};
use super::takeover::Streams;
use crate::metrics::files::{self, KeptFile};
use crate::metrics::memory::OomKillWatch;
use crate::metrics::processes::signal_sender;
use crate::protocol::messages::{self, ToObserver, ToSupervisor};
use crate::protocol::observer_config::ObserverConfig;
use axolotl_run_core::knowledge::lists::SignalSender;
use axolotl_run_core::observation::SupervisorLoss;
use axolotl_run_core::status::{End, SignalInfo, Usage, signal};
use axolotl_run_sys::channel::Arrived;
use axolotl_run_sys::poll::{Events, Poll};
use axolotl_run_sys::signals::{self, Signals};
use axolotl_run_sys::{clock, descriptors, fault, role, wait};
use std::collections::VecDeque;
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::UnboundedSender;

/// Between two looks at a sender, in milliseconds.
const SENDER_LOOK_MS: u64 = 1;
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
#[derive(Debug)]
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
    /// The memory of the process with this pid, which we may not open ourselves.
    Memory(u32, File),
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
pub struct SupervisorLink {
    /// The message socket.
    channel: Arc<OwnedFd>,
    /// The group listener's signals.
    signals: Option<Signals>,
    /// A handle on the command.
    command: Option<OwnedFd>,
    /// Where the supervisor writes a fault of its own.
    crash_flag: Option<OwnedFd>,
    supervisor: i32,
    /// What /proc says of the two.
    supervisor_stat: KeptFile,
    command_stat: KeptFile,
    mirror: Mirror,
    kill_watch: OomKillWatch,
    /// What the supervisor has asked and was not told yet, as many at the most as it lets signals wait.
    questions: VecDeque<SenderQuestion>,
    /// Our duplicates of the relays' descriptors.
    streams: Streams,
    news: UnboundedSender<News>,
    /// The command has ended and the streams are ours.
    has_ended: bool,
}

/// Sends the supervisor a message; one that is gone needs none.
pub fn tell(channel: &OwnedFd, message: ToSupervisor) {
    messages::send(channel.as_fd(), &message);
}

impl SupervisorLink {
    /// Takes the descriptors that the supervisor left open for us.
    pub fn adopt(
        config: &ObserverConfig,
        channel: Arc<OwnedFd>,
        news: UnboundedSender<News>,
    ) -> Self {
        let stat = |pid: i32| KeptFile::new(format!("/proc/{pid}/stat").into());
        Self {
            channel,
            signals: Signals::open(false).ok(),
            command: config.command_handle.and_then(descriptors::adopt),
            crash_flag: config.crash_flag.and_then(descriptors::adopt),
            supervisor: config.supervisor,
            supervisor_stat: stat(config.supervisor),
            command_stat: stat(config.command),
            mirror: Mirror::default(),
            kill_watch: OomKillWatch::begin(config.supervisor.cast_unsigned()),
            questions: VecDeque::new(),
            streams: Streams::adopt(&config.streams),
            news,
            has_ended: false,
        }
    }

    /// Runs until the supervisor is gone and nothing is left to relay.
    pub fn run(mut self) {
        let mut last_period = 0;
        loop {
            let period = match self.questions.front() {
                Some(_) => SENDER_LOOK_MS,
                None if self.mirror.apart => LOOK_AGAIN_MS,
                None => LOOK_MS,
            };
            if last_period != period {
                last_period = period;
                role::wake_within(Duration::from_millis(period / LOOK_SLACK));
            }
            let mut poll = Poll::empty();
            let channel = poll.add(Some(self.channel.as_fd()), Events::READ);
            poll.add(self.signals.as_ref().map(AsFd::as_fd), Events::READ);
            poll.wait((!self.has_ended).then_some(period));
            let has_messages = poll.is_ready(channel);
            // Before the last messages are read, which may be all that tells of its end.
            let is_orphan = role::parent().is_some_and(|parent| parent != self.supervisor);
            self.report_sightings();
            if (has_messages && !self.receive()) || is_orphan {
                break;
            }
            self.answer();
            if !self.has_ended {
                self.mirror_a_stop();
            }
        }
        if !self.has_ended {
            if self.supervisor_lives() {
                // It has no more to do with us, and the relays are its own.
                role::leave();
            }
            self.take_over();
        }
        self.streams.relay_to_the_end();
    }

    /// Whether the supervisor is there although nothing comes from it any more. One that is dying has closed its end
    /// of the socket, and is our parent for a moment longer.
    fn supervisor_lives(&mut self) -> bool {
        let stat = self.supervisor_stat.read_text::<STAT_BYTES>();
        role::parent() == Some(self.supervisor) && stat.and_then(mirror::is_exiting) == Some(false)
    }

    fn mirror_a_stop(&mut self) {
        let state = |file: &mut KeptFile| mirror::parse(&file.read_text::<STAT_BYTES>()?);
        // The command's is read only where there is something to compare: the kernel sums its many threads up for it.
        let mut command_state = None;
        if state(&mut self.supervisor_stat) == Some(JobState::Stopped) {
            command_state = state(&mut self.command_stat);
        }
        let Some(command_state) = command_state else {
            self.mirror = Mirror::default();
            return;
        };
        match self.mirror.look(JobState::Stopped, command_state) {
            Some(Mirrored::StopCommand) => self.signal_command(signal::SIGSTOP),
            Some(Mirrored::ContinueSupervisor) => {
                signals::pass_on(self.supervisor, &SignalInfo::ordinary(signal::SIGCONT));
            }
            None => {}
        }
    }

    fn signal_command(&self, signal: i32) {
        if let Some(command) = &self.command {
            wait::signal(command.as_fd(), signal);
        }
    }

    fn report_sightings(&self) {
        while let Some(seen) = self.signals.as_ref().and_then(Signals::next) {
            tell(&self.channel, ToSupervisor::Sighting(seen));
        }
    }

    /// Answers what can be answered of the supervisor's questions, in their order; the others wait for the next look.
    fn answer(&mut self) {
        let now = clock::monotonic_ms();
        let mut answered = None;
        let mut all_before_too = true;
        let mut looked = None;
        for question in &mut self.questions {
            let sender = match looked {
                Some((sender, seen)) if sender == question.sender => seen,
                _ => look_at(question.sender),
            };
            looked = Some((question.sender, sender));
            all_before_too &= !question.waits(sender, now);
            if all_before_too {
                answered = Some(question.number);
            }
        }
        let Some(number) = answered else { return };
        while self
            .questions
            .front()
            .is_some_and(|one| one.number <= number)
        {
            self.questions.pop_front();
        }
        // After the look at the sender: what it had sent by then is said before the answer says that it is all.
        self.report_sightings();
        tell(&self.channel, ToSupervisor::Answer(number));
    }

    /// Handles all messages that wait. False: the supervisor is gone.
    fn receive(&mut self) -> bool {
        loop {
            match messages::receive_descriptor(self.channel.as_fd()) {
                Arrived::Nothing => return true,
                Arrived::Closed => return false,
                Arrived::Message((message, descriptor)) => self.handle(message, descriptor),
            }
        }
    }

    fn handle(&mut self, message: ToObserver, descriptor: Option<OwnedFd>) {
        let news = match message {
            ToObserver::Ask { number, sender } => {
                let now = clock::monotonic_ms();
                self.questions
                    .push_back(SenderQuestion::new(number, sender, now));
                return;
            }
            ToObserver::StreamClosed(index) => {
                self.streams.close(usize::from(index));
                tell(&self.channel, ToSupervisor::Released);
                return;
            }
            ToObserver::Started => News::Started,
            ToObserver::ExecFailed => News::ExecFailed,
            ToObserver::Requested(seen) => News::Requested {
                signal: seen.signal,
                // At once: whoever sends one signal has often ended a moment later.
                sender: signal_sender::look(seen.code.into(), seen.sender.into()),
            },
            ToObserver::Memory(pid) => match descriptor {
                Some(memory) => News::Memory(pid, memory.into()),
                None => return,
            },
            ToObserver::Missed(bytes) => News::Missed(bytes),
            ToObserver::Ended { end, usage } => News::Ended {
                end: Some(end),
                usage: Some(usage),
            },
        };
        if matches!(news, News::Ended { .. } | News::ExecFailed) {
            self.has_ended = true;
            // First what the user's readers wait for: what nobody writes to any more is let go of here.
            self.streams.relay_tails();
            // The job's signals are no business of ours any more, and we are none of the job's.
            role::leave_group();
            tell(&self.channel, ToSupervisor::Released);
        }
        // The other half may have given up; nothing here depends on it.
        let _ = self.news.send(news);
    }

    /// The supervisor vanished while the command ran.
    fn take_over(&mut self) {
        self.streams.relay_tails();
        let kills = self.kill_watch.kills();
        let loss = match &self.crash_flag {
            Some(flag) if fault::is_set(flag) => SupervisorLoss::Crashed,
            _ if kills.cgroup.or(kills.host) > Some(0) => SupervisorLoss::OutOfMemory,
            _ => SupervisorLoss::Killed,
        };
        let _ = self.news.send(News::SupervisorLost(loss));
        if loss == SupervisorLoss::Killed {
            // What was done to our pid is done to the command: as without us, the job is gone.
            self.signal_command(signal::SIGKILL);
        }
        let end = self.command.as_ref().and_then(|command| {
            self.streams.relay_until(command);
            // An older kernel does not say how it ended; what we sent did it, then.
            let killed = (loss == SupervisorLoss::Killed).then_some(End::Signaled(signal::SIGKILL));
            wait::end_of(command.as_fd()).or(killed)
        });
        role::leave_group();
        let uncopied = self.streams.uncopied();
        if uncopied > 0 {
            let _ = self.news.send(News::Missed(uncopied));
        }
        let _ = self.news.send(News::Ended { end, usage: None });
    }
}

/// Looks at whoever sent a signal; None: the kernel.
fn look_at(sender: Option<i32>) -> Sender {
    let Some(pid) = sender else {
        return Sender::Kernel;
    };
    let process = PathBuf::from(format!("/proc/{pid}"));
    let stat = files::read_text(&process.join("stat"));
    let schedstat = files::read_text(&process.join("schedstat"));
    if pid > 0 && stat.is_empty() && !wait::exists(pid) {
        return Sender::Gone;
    }
    sender_wait::parse(&stat, &schedstat).unwrap_or(Sender::Unknown)
}
