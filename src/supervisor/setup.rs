//! Builds what stands between the command and its terminal, pipes and files, then starts command and observer.
//!
//! The order is the contract: what needs memory or descriptors is built first, because then there is still a
//! way back; the command is cloned with the signal state that we inherited; then signals are blocked and the
//! observer is cloned, at once, because only from then on does somebody see what the command's group is sent.
//! If relays can't be built the command gets our own descriptors; if nothing can be built this process becomes
//! the command.

use super::limits;
use super::supervised::{Followed, Supervised};
use crate::delivery::notify;
use crate::protocol::observer_config::{Observed, ObserverConfig, RelayEnds};
use crate::protocol::run_request::RunRequest;
use axolotl_run_core::observation::Stream;
use axolotl_run_sys::command::{self, Program, Spawn};
use axolotl_run_sys::poll::Poll;
use axolotl_run_sys::signals::Signals;
use axolotl_run_sys::streams::overflow::Overflow;
use axolotl_run_sys::streams::relay::{Relay, Sink, Source};
use axolotl_run_sys::streams::route::{self, Between, RelayRoute, Routes, Way, Wishes};
use axolotl_run_sys::{
    Errno, arguments, channel, clock, descriptors, fault, flow, memory_file, parent_death, role,
    signals, terminal, wait,
};
use std::ffi::OsString;
use std::os::fd::{AsFd as _, AsRawFd, OwnedFd, RawFd};
use std::time::SystemTime;

/// One relay's descriptors, before it is decided who holds which.
struct Plumbing {
    stream: Stream,
    source: Source,
    sink: Sink,
    /// What the command writes to.
    near: OwnedFd,
    copy: flow::Pipe,
    overflow: Option<(Overflow, OwnedFd)>,
}

impl Plumbing {
    /// Our share of it; what is the command's or the observer's is closed.
    fn into_relay(self) -> Relay {
        let overflow = self.overflow.map(|(overflow, _)| overflow);
        Relay::new(self.source, self.sink, Some(self.copy.write), overflow)
    }
}

/// Everything that is built before the command exists.
struct Built {
    program: Program,
    routes: Routes,
    relays: [Option<Plumbing>; 2],
    signals: Signals,
    failure: flow::Pipe,
    null: OwnedFd,
    followed: Vec<Followed>,
}

/// Starts the command and the observer.
///
/// # Errors
/// Why the command could not be run in our place, after not even a plain clone was possible.
pub fn start(request: &RunRequest) -> Result<Supervised, Errno> {
    let changes = request.environment_changes();
    let Ok(mut built) = build(request, &changes) else {
        return Err(command::exec(&request.command, &changes));
    };
    // What follows the clone may not fail any more, so the channel is made now: without one we go unobserved.
    let mut link = Link::new(request);
    if built.relays.iter().any(Option::is_some) && !link.is_whole() {
        built.forgo_relays();
        drop(link);
        link = Link::new(request);
    }
    let Link {
        channel,
        crash,
        last_words,
        channels,
    } = link;
    if let Some((ours, theirs)) = &channel {
        parent_death::prepare([ours, theirs]);
    }
    if let Some(crash) = &crash {
        fault::arm(&crash.write);
    }
    let ignore_sigchld = signals::note_early();
    let supervisor = std::process::id().cast_signed();
    let spawned_at = SystemTime::now();
    let spawned_monotonic_ms = clock::monotonic_ms();
    let spawn = Spawn {
        program: &built.program,
        output: [
            built.near_end(built.routes.stdout),
            built.near_end(built.routes.stderr),
        ],
        ignore_sigchld,
        failure: &built.failure.write,
    };
    let Ok(command) = spawn.start() else {
        fault::disarm();
        signals::forget_early(ignore_sigchld);
        return Err(built.program.exec());
    };
    Signals::block(true);
    role::lift_processor_limit();
    let handle = wait::open(command).ok();
    let mut observer = None;
    if let Some((_, theirs)) = &channel {
        let prepare = || {
            let config = ObserverConfig {
                settings: request.settings,
                spawned_at,
                spawned_monotonic_ms,
                supervisor,
                command,
                channel: theirs.as_raw_fd(),
                command_handle: handle.as_ref().map(AsRawFd::as_raw_fd),
                crash_flag: crash.as_ref().map(|crash| crash.read.as_raw_fd()),
                last_words: last_words.as_ref().map(|words| words.write.as_raw_fd()),
                channels: channels.as_ref().map(AsRawFd::as_raw_fd),
                streams: streams(&built),
                unobserved: built.routes.unobserved,
            };
            observer_program(request, &config, &built)
        };
        observer = command::start_observer(&built.null, &built.failure.read, prepare).ok();
    }
    // Where the kernel has put the command behind us on our own processor, it has waited for all this.
    command::yield_processor();
    let (channel, parent_death) = match (channel, observer) {
        (Some((ours, _)), Some(_)) => {
            parent_death::switch_off();
            (Some(ours), None)
        }
        (channel, _) => (None, channel),
    };
    let supervised = Supervised {
        command,
        observer,
        channel,
        parent_death,
        signals: built.signals,
        failure: Some(built.failure.read),
        null: built.null,
        crash: crash.map(|crash| crash.write),
        last_words: last_words.map(|words| words.read),
        channels,
        is_told: request.settings.summary
            || request.settings.ci_summary
            || !request.channels.is_empty(),
        followed: built.followed,
        relays: built
            .relays
            .map(|plumbing| plumbing.map(Plumbing::into_relay)),
    };
    // The command has a copy of its own, which it may wipe.
    arguments::wipe_last(request.command.len().saturating_sub(1));
    // What is left now of the user's own descriptors above the standard three is the command's alone: whoever
    // waits for their last copy to be closed must not wait for us.
    drop((built.failure.write, handle));
    descriptors::close_others(&supervised.descriptors());
    Ok(supervised)
}

/// What leads to the observer, as far as there were descriptors for it.
struct Link {
    channel: Option<(OwnedFd, OwnedFd)>,
    crash: Option<flow::Pipe>,
    last_words: Option<flow::Pipe>,
    channels: Option<OwnedFd>,
}

impl Link {
    fn new(request: &RunRequest) -> Self {
        let mut link = Self {
            channel: channel::pair().ok(),
            crash: flow::pipe().ok(),
            last_words: None,
            channels: None,
        };
        if request.has_last_words() {
            link.last_words = flow::pipe().ok();
        }
        if !request.channels.is_empty() {
            let typed = notify::hand_over(&request.channels);
            link.channels = memory_file::holding(typed.as_bytes()).ok();
        }
        link
    }

    /// Whether nothing is missing, and the observer has what it needs to write anything down. A run that is known and
    /// whose output is not is worth more than one that nobody will ever hear of.
    fn is_whole(&self) -> bool {
        let has_room =
            !descriptors::are_scarce() || descriptors::can_spare(limits::SPARE_DESCRIPTORS);
        self.channel.is_some() && self.crash.is_some() && has_room
    }
}

impl Built {
    /// Gives the command our own descriptors after all.
    fn forgo_relays(&mut self) {
        self.routes = self.routes.untouched();
        self.relays = [None, None];
    }

    /// What the command writes to in place of our own descriptor, where something stands between.
    fn near_end(&self, way: Way) -> Option<RawFd> {
        let Way::Relay(index) = way else { return None };
        let plumbing = self.relays.get(index)?.as_ref()?;
        Some(plumbing.near.as_raw_fd())
    }
}

fn build(request: &RunRequest, changes: &[(&str, OsString)]) -> Result<Built, Errno> {
    // Where one of these is refused we would be deaf or blind, and the command alone is better off.
    Poll::check()?;
    wait::check()?;
    let program = Program::new(&request.command, changes)?;
    let wishes = Wishes {
        tap_stdout: request.tap_stdout,
        terminal_direct: request.terminal_direct,
    };
    let look = |number| descriptors::look(descriptors::standard(number));
    let mut routes = route::decide(look(1), look(2), wishes);
    descriptors::occupy_standard()?;
    let (signals, failure, null) = (Signals::open(true)?, flow::pipe()?, descriptors::null()?);
    flow::set_nonblocking(failure.read.as_fd());
    let mut followed = Vec::new();
    for (number, stream) in routes.followed().into_iter().flatten() {
        let file = descriptors::standard(number);
        match descriptors::reopen_for_reading(file) {
            Some(reader) => followed.push(Followed {
                stream,
                reader,
                position: descriptors::write_position(file),
            }),
            None => routes.unobserved += 1,
        }
    }
    let mut built = Built {
        program,
        routes,
        relays: [None, None],
        signals,
        failure,
        null,
        followed,
    };
    for (place, route) in built.relays.iter_mut().zip(&routes.relays) {
        let Some(route) = route else { continue };
        let Ok(plumbing) = plumbing(route) else {
            built.forgo_relays();
            break;
        };
        *place = Some(plumbing);
    }
    Ok(built)
}

fn plumbing(route: &RelayRoute) -> Result<Plumbing, Errno> {
    let destination = descriptors::standard(route.to);
    let copy = flow::pipe()?;
    flow::set_capacity(copy.write.as_fd(), limits::COPY_PIPE_BYTES);
    flow::set_nonblocking(copy.read.as_fd());
    let mut overflow = None;
    if !descriptors::are_scarce() {
        overflow = Overflow::new().ok();
    }
    let (end, near, hold) = match route.between {
        Between::Pipe => {
            let pipe = flow::pipe()?;
            flow::set_capacity(pipe.write.as_fd(), limits::COMMAND_PIPE_BYTES);
            let mut hold = None;
            // Quicker with it, and not worth a descriptor that something else will want.
            if !descriptors::are_scarce()
                && let Ok(pipe) = flow::pipe()
            {
                flow::set_capacity(pipe.write.as_fd(), limits::HOLD_PIPE_BYTES);
                hold = Some(pipe);
            }
            (pipe.read, pipe.write, hold)
        }
        Between::Terminal => {
            let opened = terminal::open(destination)?;
            (opened.master, opened.slave, Some(flow::pipe()?))
        }
    };
    let sink = match terminal::reopen(destination) {
        Some(descriptor) => Sink {
            descriptor,
            may_block: false,
        },
        None => Sink {
            descriptor: descriptors::duplicate(destination)?,
            may_block: route.between == Between::Terminal,
        },
    };
    Ok(Plumbing {
        stream: route.stream,
        source: Source {
            between: route.between,
            end,
            hold,
        },
        sink,
        near,
        copy,
        overflow,
    })
}

/// What the observer reads, by the numbers that our descriptors have.
fn streams(built: &Built) -> Vec<(Stream, Observed)> {
    let mut streams = Vec::new();
    for plumbing in built.relays.iter().flatten() {
        let hold = plumbing.source.hold.as_ref();
        let ends = RelayEnds {
            copy: plumbing.copy.read.as_raw_fd(),
            overflow: plumbing.overflow.as_ref().map(|(_, file)| file.as_raw_fd()),
            source: plumbing.source.end.as_raw_fd(),
            sink: plumbing.sink.descriptor.as_raw_fd(),
            hold: hold.map(|hold| (hold.read.as_raw_fd(), hold.write.as_raw_fd())),
        };
        streams.push((plumbing.stream, Observed::Relay(ends)));
    }
    for file in &built.followed {
        let reader = file.reader.as_raw_fd();
        streams.push((file.stream, Observed::File(reader, file.position)));
    }
    streams
}

/// The observer's program and the descriptors that it keeps, sorted; made on its side of the clone.
fn observer_program(
    request: &RunRequest,
    config: &ObserverConfig,
    built: &Built,
) -> Result<(Program, Vec<RawFd>), Errno> {
    let arguments = config.arguments(request.config.as_deref(), &request.command);
    let program = Program::new(&arguments, &[])?;
    let mut keep = vec![config.channel, built.failure.read.as_raw_fd()];
    keep.extend(config.command_handle);
    keep.extend(config.crash_flag);
    keep.extend(config.last_words);
    keep.extend(config.channels);
    for (_, observed) in &config.streams {
        match observed {
            Observed::File(file, _) => keep.push(*file),
            Observed::Relay(ends) => {
                keep.extend([ends.copy, ends.source, ends.sink]);
                keep.extend(ends.overflow);
                if let Some((read, write)) = ends.hold {
                    keep.extend([read, write]);
                }
            }
        }
    }
    keep.sort_unstable();
    Ok((program, keep))
}
