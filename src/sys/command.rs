//! Becoming the command, starting it, and starting the observer.
//!
//! Everything that needs memory is prepared before the clone; between clone and exec only system calls are
//! made. A raw clone is used instead of fork() or vfork(): fork's own bookkeeping is not needed by a child
//! that only execs, vfork would suspend us while the child can be stopped by Ctrl-Z, and only clone lets the
//! kernel write down the child's pid at the moment of its creation (see [`signals`](super::signals)).

use super::{Errno, descriptors, fault, flow, signals, tether};
use crate::limits;
use nix::libc;
use std::ffi::{CString, OsStr, OsString};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

/// A program with its arguments and environment, in the form that exec wants.
#[derive(Debug)]
pub struct Program {
    arguments: Vec<CString>,
    environment: Vec<CString>,
    argument_pointers: Vec<*const libc::c_char>,
    environment_pointers: Vec<*const libc::c_char>,
}

fn pointers(strings: &[CString]) -> Vec<*const libc::c_char> {
    strings.iter().map(|string| string.as_ptr()).chain(std::iter::once(std::ptr::null())).collect()
}

impl Program {
    /// Prepares a program with our environment and some changes to it.
    ///
    /// # Errors
    /// `EINVAL` for a NUL byte, which no argument of a process can have.
    pub fn new(command: &[OsString], changes: &[(&str, OsString)]) -> Result<Self, Errno> {
        let text = |text: &OsStr| CString::new(text.as_bytes()).map_err(|_| Errno::EINVAL);
        let arguments = command.iter().map(|argument| text(argument)).collect::<Result<Vec<_>, _>>()?;
        let pair = |name: &OsStr, value: &OsStr| {
            let mut pair = name.to_owned();
            pair.push("=");
            pair.push(value);
            text(&pair)
        };
        let kept = std::env::vars_os().filter(|(name, _)| !changes.iter().any(|(changed, _)| name == changed));
        let mut environment = kept.map(|(name, value)| pair(&name, &value)).collect::<Result<Vec<_>, _>>()?;
        for (name, value) in changes {
            environment.push(pair(OsStr::new(name), value)?);
        }
        let (argument_pointers, environment_pointers) = (pointers(&arguments), pointers(&environment));
        Ok(Self { arguments, environment, argument_pointers, environment_pointers })
    }

    /// Replaces this process, searching PATH as a shell does. Returns only if that fails.
    pub fn exec(&self) -> Errno {
        let Some(program) = self.arguments.first() else { return Errno::ENOENT };
        debug_assert_eq!(self.environment.len() + 1, self.environment_pointers.len());
        // SAFETY: both arrays end with a null pointer and point into strings that `self` owns.
        unsafe { libc::execvpe(program.as_ptr(), self.argument_pointers.as_ptr(), self.environment_pointers.as_ptr()) };
        Errno::last()
    }
}

/// Replaces this process by a command. Returns only if that fails.
pub fn exec(command: &[OsString], changes: &[(&str, OsString)]) -> Errno {
    Program::new(command, changes).map_or_else(|problem| problem, |program| program.exec())
}

/// What the command's side of the clone does before exec.
#[derive(Debug)]
pub struct Spawn<'a> {
    /// The command.
    pub program: &'a Program,
    /// What takes the place of its standard output and error, where they are relayed.
    pub output: [Option<RawFd>; 2],
    /// Whether it is to ignore SIGCHLD, as we were started to.
    pub ignore_sigchld: bool,
    /// Where the reason is written if exec fails; closed by a successful exec.
    pub failure: &'a OwnedFd,
}

impl Spawn<'_> {
    /// Starts the command, tied to us by the [`tether`].
    ///
    /// # Errors
    /// The kernel's, when no process can be created.
    pub fn start(&self) -> Result<i32, Errno> {
        clone(signals::CREATED.as_ptr(), || {
            if self.ignore_sigchld {
                signals::ignore(libc::SIGCHLD);
            }
            for (number, by) in (1..).zip(self.output) {
                if let Some(by) = by {
                    descriptors::replace(number, by);
                }
            }
            fault::disarm();
            tether::tie();
            let problem = self.program.exec() as i32;
            let _ = nix::unistd::write(self.failure, &problem.to_ne_bytes());
        })
    }
}

/// Starts the observer: our own program in its other role, with nothing of the user's but what `keep` names. It is
/// there at once, and loads its program when the command has loaded its own, which `command_runs` (kept until then)
/// tells: two programs that are loaded at once hold each other up, and the command comes first.
///
/// # Errors
/// The kernel's, when no process can be created.
pub fn start_observer(program: &Program, null: &OwnedFd, keep: &[RawFd], command_runs: &OwnedFd) -> Result<i32, Errno> {
    clone(std::ptr::null_mut(), || {
        // Before anything else: what we say on the socket must not end the command.
        tether::cut();
        for number in 0..=2 {
            descriptors::replace(number, null.as_raw_fd());
        }
        descriptors::close_others(keep);
        for &kept in keep.iter().filter(|&&kept| kept != command_runs.as_raw_fd()) {
            descriptors::survive_exec(kept);
        }
        flow::await_readable(command_runs, limits::EXEC_WAIT_MS);
        // SAFETY: as in `Program::exec`. The first path is a constant; the second, for where there is no /proc,
        // is a string that the kernel has put on our stack at exec and that stays there.
        unsafe {
            let (arguments, environment) = (program.argument_pointers.as_ptr(), program.environment_pointers.as_ptr());
            libc::execve(c"/proc/self/exe".as_ptr(), arguments, environment);
            libc::execve(
                std::ptr::with_exposed_provenance(libc::getauxval(libc::AT_EXECFN) as usize),
                arguments,
                environment,
            );
        }
    })
}

/// Starts the observer's successor and waits for its end, or for as long as this at the most.
pub fn run_successor(arguments: &[OsString], at_most: Duration) {
    let (Ok(program), Ok(null), Ok(done)) = (Program::new(arguments, &[]), descriptors::null(), super::flow::pipe())
    else {
        return;
    };
    // It holds the pipe open for as long as it lives, and waits for nobody: /dev/null is always readable.
    if start_observer(&program, &null, &[done.write.as_raw_fd()], &null).is_ok() {
        drop(done.write);
        super::flow::await_readable(&done.read, u8::try_from(at_most.as_millis()).unwrap_or(u8::MAX));
    }
}

/// Clones this process; the child runs `child` and ends.
fn clone(created: *mut i32, child: impl FnOnce()) -> Result<i32, Errno> {
    let flags = libc::SIGCHLD | if created.is_null() { 0 } else { libc::CLONE_PARENT_SETTID };
    let null = std::ptr::null_mut::<libc::c_void>();
    // SAFETY: without CLONE_VM the child has its own copy of everything, and a null stack means to go on on
    // that copy. This process has one thread, so no lock can be held. `created` is null or a static.
    let pid = unsafe { libc::syscall(libc::SYS_clone, flags, null, created, null, null) };
    if pid == 0 {
        child();
        // SAFETY: ends the child without running destructors or handlers of the parent.
        unsafe { libc::_exit(127) };
    }
    Errno::result(pid).map(|pid| i32::try_from(pid).unwrap_or(i32::MAX))
}
