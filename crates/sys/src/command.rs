//! Becoming the command, starting it, and starting the observer.
//!
//! Everything that the command's clone needs memory for is prepared before it; between clone and exec it makes system
//! calls only. A raw clone is used instead of fork() or vfork(): fork's own bookkeeping is not needed by a child
//! that only execs, vfork would suspend us while the child can be stopped by Ctrl-Z, and only clone lets the
//! kernel write down the child's pid at the moment of its creation (see [`signals`](super::signals)).

use super::{Errno, descriptors, fault, flow, parent_death, signals, wait};
use crate::limits;
use nix::libc;
use nix::unistd::AccessFlags;
use std::ffi::{CStr, CString, OsStr, OsString};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

/// A program with its arguments and environment, in the form that exec wants.
#[derive(Debug)]
pub struct Program {
    argument_pointers: Vec<*const libc::c_char>,
    environment_pointers: Vec<*const libc::c_char>,
    /// What the pointers point to, but for the environment that we have ourselves.
    texts: Vec<CString>,
}

impl Program {
    /// Prepares a program with our environment and some changes to it. What we do not change is handed on as the
    /// kernel gave it to us: not copied, which would cost the start several pages, and not taken apart, because a word
    /// without `=` is the command's as much as any other.
    ///
    /// # Errors
    /// `EINVAL` for a NUL byte, which no argument of a process can have.
    pub fn new(command: &[OsString], changes: &[(&str, OsString)]) -> Result<Self, Errno> {
        let mut program = Self {
            argument_pointers: Vec::new(),
            environment_pointers: Vec::new(),
            texts: Vec::new(),
        };
        for argument in command {
            let argument = program.keep(argument.as_bytes())?;
            program.argument_pointers.push(argument);
        }
        for word in inherited_environment() {
            let is_changed = changes.iter().any(|(name, _)| {
                let value = word.to_bytes().strip_prefix(name.as_bytes());
                value.is_some_and(|value| value.starts_with(b"="))
            });
            if !is_changed {
                program.environment_pointers.push(word.as_ptr());
            }
        }
        for (name, value) in changes {
            let pair = program.keep(&[name.as_bytes(), b"=", value.as_bytes()].concat())?;
            program.environment_pointers.push(pair);
        }
        program.argument_pointers.push(std::ptr::null());
        program.environment_pointers.push(std::ptr::null());
        Ok(program)
    }

    /// Keeps a text for as long as the program, where exec finds it.
    fn keep(&mut self, text: &[u8]) -> Result<*const libc::c_char, Errno> {
        let text = CString::new(text).map_err(|_| Errno::EINVAL)?;
        let pointer = text.as_ptr();
        self.texts.push(text);
        Ok(pointer)
    }

    /// Replaces this process, searching PATH as a shell does. Returns only if that fails.
    pub fn exec(&self) -> Errno {
        let [program, _end, ..] = self.argument_pointers.as_slice() else {
            return Errno::ENOENT;
        };
        // SAFETY: both arrays end with a null pointer and point to strings that `self` owns or that this process has
        // for as long as it lives.
        unsafe {
            libc::execvpe(
                *program,
                self.argument_pointers.as_ptr(),
                self.environment_pointers.as_ptr(),
            )
        };
        Errno::last()
    }
}

unsafe extern "C" {
    /// The C library's.
    static environ: *const *const libc::c_char;
}

/// The words of our environment, as they are.
fn inherited_environment() -> impl Iterator<Item = &'static CStr> {
    (0..).map_while(|index| {
        // SAFETY: nothing in this program changes its environment, so the array and its strings stay as they were at
        // the start. The array ends with a null pointer, after which nothing is read.
        unsafe {
            let word = (!environ.is_null()).then(|| *environ.add(index))?;
            (!word.is_null()).then(|| CStr::from_ptr(word))
        }
    })
}

/// Whether exec would find this program and be allowed to run it, searching PATH as it does. Where that cannot be told, it
/// is for exec to say.
///
/// # Errors
/// `ENOENT` where there is no such file, `EACCES` where there is one that nobody may run.
pub fn find(program: &OsStr) -> Result<(), Errno> {
    let may_run = |path: &Path| {
        nix::unistd::access(path, AccessFlags::X_OK)?;
        if path.is_dir() {
            return Err(Errno::EACCES);
        }
        Ok(())
    };
    if program.as_bytes().contains(&b'/') {
        return only_certain(may_run(Path::new(program)));
    }
    let path = std::env::var_os("PATH").unwrap_or_else(|| PATH_DEFAULT.into());
    let mut problem = Errno::ENOENT;
    for directory in std::env::split_paths(&path) {
        match may_run(&directory.join(program)) {
            Ok(()) if !program.is_empty() => return Ok(()),
            Err(Errno::EACCES) if !program.is_empty() => problem = Errno::EACCES,
            _ => {}
        }
    }
    Err(problem)
}

/// Where the C library looks for programs where PATH is not set.
const PATH_DEFAULT: &str = "/bin:/usr/bin";

fn only_certain(found: Result<(), Errno>) -> Result<(), Errno> {
    match found {
        Err(problem @ (Errno::ENOENT | Errno::ENOTDIR | Errno::EACCES)) => Err(problem),
        _ => Ok(()),
    }
}

/// Replaces this process by a command. Returns only if that fails.
pub fn exec(command: &[OsString], changes: &[(&str, OsString)]) -> Errno {
    match Program::new(command, changes) {
        Ok(program) => program.exec(),
        Err(problem) => problem,
    }
}

/// What the command's side of the clone does before exec.
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
    /// Starts the command, which dies with us for as long as [`parent_death`] is on.
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
            parent_death::die_with_launcher();
            let problem = self.program.exec() as i32;
            let _ = nix::unistd::write(self.failure, &problem.to_ne_bytes());
        })
    }
}

/// Starts the observer: our own program, with nothing of the user's but the descriptors that `prepare` names beside the
/// program, sorted, and the standard three, which lead nowhere. It is there at once, prepares its program itself, because the command may be waiting for the processor that we are on, and loads its program when the
/// command has loaded its own, which `command_runs` (kept until then) tells: two programs that are loaded at once hold
/// each other up, and the command comes first.
///
/// # Errors
/// The kernel's, when no process can be created.
pub fn start_observer(
    null: &OwnedFd,
    command_runs: &OwnedFd,
    prepare: impl FnOnce() -> Result<(Program, Vec<RawFd>), Errno>,
) -> Result<i32, Errno> {
    clone(std::ptr::null_mut(), || {
        // Before anything else: what we say on the socket must not end the command.
        parent_death::switch_off();
        for number in 0..=2 {
            descriptors::replace(number, null.as_raw_fd());
        }
        let Ok((program, keep)) = prepare() else {
            return;
        };
        descriptors::close_others(&keep);
        for kept in keep {
            if kept != command_runs.as_raw_fd() {
                descriptors::survive_exec(kept);
            }
        }
        flow::await_readable(command_runs, limits::EXEC_WAIT);
        // SAFETY: as in `Program::exec`. The first path is a constant; the second, for where there is no /proc,
        // is a string that the kernel has put on our stack at exec and that stays there.
        unsafe {
            let arguments = program.argument_pointers.as_ptr();
            let environment = program.environment_pointers.as_ptr();
            libc::execve(c"/proc/self/exe".as_ptr(), arguments, environment);
            let path = std::ptr::with_exposed_provenance(libc::getauxval(libc::AT_EXECFN) as usize);
            libc::execve(path, arguments, environment);
        }
    })
}

/// Lets whoever waits for the processor that we are on go first.
pub fn yield_processor() {
    // It always succeeds.
    let _ = nix::sched::sched_yield();
}

/// Starts the fallback finisher and waits for its end, or for as long as this at the most. `arguments` is told the
/// descriptor of its last words, which is given back; it keeps `files`, too.
///
/// # Errors
/// The kernel's; `ENOEXEC` where it starts a process and does not execute our program in it.
pub fn run_fallback_finisher(
    arguments: impl FnOnce(RawFd) -> Vec<OsString>,
    files: &[RawFd],
    at_most: Duration,
) -> Result<OwnedFd, Errno> {
    let (null, done) = (descriptors::null()?, flow::pipe()?);
    let last_words = done.write.as_raw_fd();
    let program = Program::new(&arguments(last_words), &[])?;
    let mut keep = vec![last_words];
    keep.extend(files);
    keep.sort_unstable();
    // It holds the pipe open for as long as it lives, and waits for nobody: /dev/null is always readable.
    let finisher = start_observer(&null, &null, || Ok((program, keep)))?;
    drop(done.write);
    flow::await_readable(&done.read, at_most);
    if wait::has_not_executed(finisher) {
        return Err(Errno::ENOEXEC);
    }
    Ok(done.read)
}

/// Clones this process; the child runs `child` and ends.
fn clone(created: *mut i32, child: impl FnOnce()) -> Result<i32, Errno> {
    let mut flags = libc::SIGCHLD;
    if !created.is_null() {
        flags |= libc::CLONE_PARENT_SETTID;
    }
    let null = std::ptr::null_mut::<libc::c_void>();
    // SAFETY: without CLONE_VM the child has its own copy of everything, and a null stack means to go on on
    // that copy. This process has one thread, so no lock can be held. `created` is null or a static.
    let pid = unsafe { libc::syscall(libc::SYS_clone, flags, null, created, null, null) };
    if pid == 0 {
        child();
        // SAFETY: ends the child without running destructors or handlers of the parent.
        unsafe { libc::_exit(wait::NOT_EXECUTED) };
    }
    Errno::result(pid).map(|pid| i32::try_from(pid).unwrap_or(i32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_gets_our_environment_with_the_changes_at_its_end() {
        let changes = [
            ("PATH", OsString::from("/nowhere")),
            ("AXOLOTL_RUN_ID", OsString::from("1")),
        ];
        let program = Program::new(&["program".into(), "word".into()], &changes).unwrap();
        let ours = inherited_environment();
        let kept = ours.filter(|word| {
            !["PATH=", "AXOLOTL_RUN_ID="]
                .iter()
                .any(|name| word.to_bytes().starts_with(name.as_bytes()))
        });
        let expected: Vec<_> = kept
            .chain([c"PATH=/nowhere", c"AXOLOTL_RUN_ID=1"])
            .collect();
        assert!(expected.len() > 2, "a test has an environment");
        assert_eq!(words(&program.environment_pointers), expected);
        assert_eq!(words(&program.argument_pointers), [c"program", c"word"]);
        let same = Program::new(&[], &[("PAT", OsString::new())]).unwrap();
        assert_eq!(
            words(&same.environment_pointers).len(),
            inherited_environment().count() + 1,
            "PATH is not PAT"
        );
        assert_eq!(same.exec(), Errno::ENOENT);
        assert_eq!(
            Program::new(&["a\0b".into()], &[]).unwrap_err(),
            Errno::EINVAL
        );
    }

    #[test]
    fn a_program_is_found_as_exec_finds_it() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("plain.py");
        std::fs::write(&file, "").unwrap();
        let missing = home.path().join("missing");
        for (program, expected) in [
            (OsStr::new("sh"), Ok(())),
            (OsStr::new("/bin/sh"), Ok(())),
            (OsStr::new("no-such-program-here"), Err(Errno::ENOENT)),
            (OsStr::new(""), Err(Errno::ENOENT)),
            (missing.as_os_str(), Err(Errno::ENOENT)),
            (file.as_os_str(), Err(Errno::EACCES)),
            (home.path().as_os_str(), Err(Errno::EACCES)),
        ] {
            assert_eq!(find(program), expected, "{program:?}");
        }
    }

    fn words(pointers: &[*const libc::c_char]) -> Vec<&'static CStr> {
        assert!(pointers.last().unwrap().is_null());
        // SAFETY: pointers of a program that outlives the words.
        pointers[..pointers.len() - 1]
            .iter()
            .map(|&word| unsafe { CStr::from_ptr(word) })
            .collect()
    }
}
