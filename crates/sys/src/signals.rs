//! Signals: what came before the command existed, receiving them as data, passing them on.
//!
//! The command is cloned with the signal state that we inherited, nothing blocked, so that it needs no
//! restoring. For the microseconds around the clone, handlers note what arrives; the kernel writes the child's
//! pid into [`CREATED`] inside the clone, so that a note can tell for certain whether the command existed and
//! has had its own copy. Afterwards everything is blocked and read from a descriptor.

use super::Errno;
use axolotl_run_core::status::SignalInfo;
use nix::libc;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::{SigSet, SigmaskHow, Signal, sigprocmask};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::unistd::getpid;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicI32, AtomicU8, Ordering::SeqCst};

/// The pid of the command, written by the kernel at the moment of its creation.
pub static CREATED: AtomicI32 = AtomicI32::new(0);
static SUPERVISOR: AtomicI32 = AtomicI32::new(0);
static EARLY: [EarlySignal; 32] = [const {
    EarlySignal {
        came: AtomicU8::new(0),
        code: AtomicI32::new(0),
        sender: AtomicI32::new(0),
        value: AtomicI32::new(0),
    }
}; 32];

/// What is noted of a signal that came early.
struct EarlySignal {
    /// 0: it did not come; 1: before the command existed; 2: after that.
    came: AtomicU8,
    code: AtomicI32,
    sender: AtomicI32,
    value: AtomicI32,
}

/// The signals whose default would end or stop us around the clone.
const NOTED: [libc::c_int; 16] = [
    libc::SIGHUP,
    libc::SIGINT,
    libc::SIGQUIT,
    libc::SIGUSR1,
    libc::SIGUSR2,
    libc::SIGPIPE,
    libc::SIGALRM,
    libc::SIGTERM,
    libc::SIGSTKFLT,
    libc::SIGTSTP,
    libc::SIGXCPU,
    libc::SIGXFSZ,
    libc::SIGVTALRM,
    libc::SIGPROF,
    libc::SIGIO,
    libc::SIGPWR,
];

/// The signals that stand for a fault of the receiving process itself.
pub const FAULTS: [libc::c_int; 7] = [
    libc::SIGSEGV,
    libc::SIGBUS,
    libc::SIGFPE,
    libc::SIGILL,
    libc::SIGABRT,
    libc::SIGTRAP,
    libc::SIGSYS,
];

/// Installs a handler; returns whether the signal was ignored before. Safe in a handler.
pub fn handle(signal: libc::c_int, handler: extern "C" fn(libc::c_int)) -> bool {
    install(signal, handler as libc::sighandler_t, 0)
}

fn install(signal: libc::c_int, handler: libc::sighandler_t, flags: libc::c_int) -> bool {
    // SAFETY: a zeroed sigaction is valid; the handlers given are async-signal-safe.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = handler;
    action.sa_flags = libc::SA_RESTART | flags;
    was_ignored(signal, &raw const action)
}

/// Whether whoever started us has ignored the signal, as `nohup` and a script's `&` do.
pub fn is_ignored(signal: libc::c_int) -> bool {
    was_ignored(signal, std::ptr::null())
}

/// Sets a signal's action, where one is given; whether it was ignored before.
fn was_ignored(signal: libc::c_int, action: *const libc::sigaction) -> bool {
    // SAFETY: a zeroed sigaction is valid; the action given is null, which changes nothing, or a valid one.
    unsafe {
        let mut previous: libc::sigaction = std::mem::zeroed();
        libc::sigaction(signal, action, &raw mut previous);
        previous.sa_sigaction == libc::SIG_IGN
    }
}

/// Gives this process the signal again, with its default action. In a handler it takes effect on return.
pub fn default_action(signal: libc::c_int) {
    install(signal, libc::SIG_DFL, 0);
    // SAFETY: kill and getpid take no pointers. Not raise(), which trusts a thread id that a raw clone copied.
    unsafe { libc::kill(libc::getpid(), signal) };
}

/// Ignores a signal again, for the command, which is to inherit that. Safe between clone and exec.
pub fn ignore(signal: libc::c_int) {
    install(signal, libc::SIG_IGN, 0);
}

extern "C" fn note(signal: libc::c_int, info: *mut libc::siginfo_t, _: *mut libc::c_void) {
    if getpid().as_raw() != SUPERVISOR.load(SeqCst) {
        // The command's side of the clone, before exec: the command would have died or stopped.
        return default_action(signal);
    }
    let Some(note) = EARLY.get(signal as usize) else {
        return;
    };
    // SAFETY: the kernel gives a handler that asks for it a valid siginfo.
    let code = unsafe { (*info).si_code };
    if matches!(code, libc::SI_USER | libc::SI_QUEUE | libc::SI_TKILL) {
        // SAFETY: as above, and with these codes both fields are there.
        let (sender, value) = unsafe { ((*info).si_pid(), (*info).si_value().sival_ptr.addr()) };
        note.sender.store(sender, SeqCst);
        // What is passed on is an int, as a signalfd gives it.
        note.value.store(value as i32, SeqCst);
    }
    note.code.store(code, SeqCst);
    let existed = CREATED.load(SeqCst) != 0;
    note.came.fetch_or(1 << u8::from(existed), SeqCst);
}

/// Begins to note signals; returns whether SIGCHLD was ignored (then a child's status would be thrown away).
pub fn note_early() -> bool {
    SUPERVISOR.store(getpid().as_raw(), SeqCst);
    for signal in NOTED {
        let handler = note as *const () as libc::sighandler_t;
        if install(signal, handler, libc::SA_SIGINFO) {
            ignore(signal);
        }
    }
    install(libc::SIGCHLD, libc::SIG_DFL, 0)
}

/// Takes [`note_early`] back, for a process that becomes the command after all: exec resets what has a handler.
pub fn forget_early(ignore_sigchld: bool) {
    if ignore_sigchld {
        ignore(libc::SIGCHLD);
    }
    early().for_each(|(received, _)| default_action(received.signal));
}

/// The noted signals, each with whether the command has had its own copy if all of its group were sent one: it existed
/// by then.
pub fn early() -> impl Iterator<Item = (SignalInfo, bool)> {
    NOTED.into_iter().filter_map(|signal| {
        let note = EARLY.get(signal as usize)?;
        let came = note.came.load(SeqCst);
        if came == 0 {
            return None;
        }
        let received = SignalInfo {
            signal,
            code: note.code.load(SeqCst),
            sender: note.sender.load(SeqCst),
            value: note.value.load(SeqCst),
        };
        Some((received, came & 1 == 0))
    })
}

/// Blocked signals, read from a descriptor.
#[derive(Debug)]
pub struct Signals(SignalFd);

fn received_signals(stops_stay: bool) -> SigSet {
    let mut set = SigSet::all();
    for fault in FAULTS {
        if let Ok(fault) = Signal::try_from(fault) {
            set.remove(fault);
        }
    }
    if stops_stay {
        // The kernel sends these two for our own writing to a terminal; they must stop us as they would any.
        set.remove(Signal::SIGTTIN);
        set.remove(Signal::SIGTTOU);
    }
    set
}

/// A descriptor that these signals are read from while they are blocked.
pub fn reader(signals: &SigSet) -> Result<SignalFd, Errno> {
    SignalFd::with_flags(signals, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)
}

impl Signals {
    /// Opens the descriptor without blocking anything yet.
    ///
    /// # Errors
    /// The kernel's, when no descriptor is left, or where a filter lets nothing be blocked.
    pub fn open(stops_stay: bool) -> Result<Self, Errno> {
        // By the one of two functions that tells of a refusal.
        sigprocmask(SigmaskHow::SIG_BLOCK, Some(&SigSet::empty()), None)?;
        reader(&received_signals(stops_stay)).map(Self)
    }

    /// From now on signals wait to be read.
    pub fn block(stops_stay: bool) {
        // That it may was tried when the descriptor was opened.
        let _ = received_signals(stops_stay).thread_block();
    }

    /// The next signal, if one waits.
    pub fn next(&self) -> Option<SignalInfo> {
        let info = self.0.read_signal().ok()??;
        Some(SignalInfo {
            signal: i32::try_from(info.ssi_signo).ok()?,
            code: info.ssi_code,
            sender: i32::try_from(info.ssi_pid).unwrap_or(0),
            value: info.ssi_int,
        })
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Sends a signal to one process. A value that came with it goes along.
pub fn pass_on(pid: i32, received: &SignalInfo) {
    // SAFETY: a zeroed siginfo is valid; the three fields are the ones that SI_QUEUE has; only read by the call.
    unsafe {
        if received.code == libc::SI_QUEUE {
            let value = libc::sigval {
                sival_ptr: std::ptr::without_provenance_mut(received.value as usize),
            };
            if libc::sigqueue(pid, received.signal, value) == 0 {
                return;
            }
        }
        libc::kill(pid, received.signal);
    }
}

/// Stops this process as its child was stopped; returns when it was continued.
///
/// `still_stopped` is asked once the stop is pending: a SIGCONT that came before took the child out of its stop
/// and must not leave us in ours; one that comes after cancels the pending stop by itself.
pub fn stop_self(signal: i32, still_stopped: impl Fn() -> bool) {
    let Ok(stop) = Signal::try_from(signal) else {
        return;
    };
    let set = SigSet::from(stop);
    if signal == libc::SIGSTOP {
        // It cannot be held back; ask first.
        if still_stopped() {
            default_action(signal);
        }
        return;
    }
    let _ = set.thread_block();
    default_action(signal);
    if !still_stopped() {
        // Ignoring a signal discards it while it is pending.
        ignore(signal);
        install(signal, libc::SIG_DFL, 0);
    }
    // Taken now. In an orphaned process group the kernel drops it, as it should.
    let _ = set.thread_unblock();
    if signal == libc::SIGTSTP {
        let _ = set.thread_block();
    }
}

/// Ends this process by a signal, without a second core file or a second entry in the system's list of crashes; returns only where the kernel protects us (PID 1).
pub fn die_of(signal: i32) {
    let _ = setrlimit(Resource::RLIMIT_CORE, 0, 0);
    // A handler of cores that is a program gets one all the same.
    let _ = nix::sys::prctl::set_dumpable(false);
    default_action(signal);
    let set = match Signal::try_from(signal) {
        Ok(signal) => SigSet::from(signal),
        // A real-time signal, which nix has no name for.
        Err(_) => SigSet::all(),
    };
    let _ = set.thread_unblock();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_early_is_known_with_its_sender_and_its_value() {
        let mut command = std::process::Command::new(std::env::current_exe().unwrap());
        command.args([
            "--exact",
            "signals::tests::role_is_sent_signals",
            "--ignored",
            "--nocapture",
        ]);
        let output = command.output().unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stdout)
        );
        assert!(
            String::from_utf8_lossy(&output.stdout).contains("1 passed"),
            "{output:?}"
        );
    }

    #[test]
    #[ignore = "a role that another test plays in a process of its own"]
    fn role_is_sent_signals() {
        note_early();
        let own = nix::unistd::getpid().as_raw();
        let sent = |signal, code, value| SignalInfo {
            signal,
            code,
            sender: own,
            value,
        };
        let expected = [
            (sent(libc::SIGUSR1, libc::SI_USER, 0), false),
            (sent(libc::SIGUSR2, libc::SI_QUEUE, -7), false),
            (sent(libc::SIGTERM, libc::SI_USER, 0), true),
        ];
        for (number, (received, existed)) in expected.iter().enumerate() {
            CREATED.store(i32::from(*existed), SeqCst);
            pass_on(own, received);
            // Another thread of the harness may be the one that takes it.
            let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
            while early().count() <= number && std::time::Instant::now() < deadline {
                std::thread::yield_now();
            }
        }
        assert_eq!(early().collect::<Vec<_>>(), expected);
    }
}
