//! A program that we run for the user beside the training: a shell's command, bounded in time, without a voice.
//!
//! The observer blocks every signal and ignores some, and is in the job's process group. What it starts gets none of
//! that: its signals are as in a fresh shell, and it has a process group of its own, so that Ctrl-C at the training's end
//! does not take the message with it, and that a command which hangs can be killed with all that it started.

use super::memory_file;
use nix::libc;
use nix::sys::signal::{SigSet, SigmaskHow, Signal, killpg, sigprocmask};
use nix::unistd::Pid;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// The variable in which the shell finds the command: a shell's arguments are everybody's to read.
const COMMAND: &str = "AXOLOTL_RUN_NOTIFY_COMMAND";
/// Between two looks at whether it has ended.
const LOOK_PERIOD: Duration = Duration::from_millis(20);

/// Runs a command in a shell with this input and these variables beside our own; None where it took longer and was
/// killed.
///
/// # Errors
/// The kernel's, when it cannot be started.
pub fn run(
    command_text: &str,
    variables: &[(&str, &str)],
    directory: &Path,
    input: &[u8],
    at_most: Duration,
) -> io::Result<Option<ExitStatus>> {
    let directory = if directory.is_dir() {
        directory
    } else {
        Path::new("/")
    };
    let mut command = Command::new("/bin/sh");
    command
        .args(["-c", &format!("eval \"${COMMAND}\"")])
        .env(COMMAND, command_text)
        .envs(variables.iter().copied())
        .current_dir(directory)
        .stdin(Stdio::from(memory_file::holding(input)?))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0);
    // SAFETY: between fork and exec only system calls are made that a signal handler may make.
    unsafe { command.pre_exec(fresh_signals) };
    let mut child = command.spawn()?;
    let begin = Instant::now();
    while begin.elapsed() < at_most {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        std::thread::sleep(LOOK_PERIOD);
    }
    kill(&mut child)?;
    Ok(None)
}

fn fresh_signals() -> io::Result<()> {
    // SAFETY: a signal's action is set in a process of one thread that is about to become another program.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
    sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None)?;
    Ok(())
}

/// Kills it with all that it started and left in its group.
fn kill(child: &mut Child) -> io::Result<()> {
    let _ = killpg(Pid::from_raw(child.id().cast_signed()), Signal::SIGKILL);
    child.wait()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    fn run_here(command: &str, at_most: Duration) -> Option<ExitStatus> {
        let directory = Path::new("/tmp");
        run(command, &[("GIVEN", "it is")], directory, b"input", at_most).unwrap()
    }

    #[test]
    fn it_gets_input_variables_and_directory_and_no_secret_is_among_its_arguments() {
        let script = r#"[ "$(cat)" = input ] && [ "$GIVEN" = "it is" ] && [ "$PWD" = /tmp ] || exit 3
            ! tr '\0' ' ' < /proc/$$/cmdline | grep -q canary || exit 4
            grep -q 'SigBlk:.0*$' /proc/$$/status || exit 5; exit 7"#;
        assert_eq!(run_here(script, LONG).unwrap().code(), Some(7));
    }

    #[test]
    fn what_hangs_is_killed_with_all_that_it_started() {
        let marker = tempfile::tempdir().unwrap();
        let pid_file = marker.path().join("pid");
        let script = format!("sleep 1000 & echo $! > {}; wait", pid_file.display());
        assert!(run_here(&script, Duration::from_millis(500)).is_none());
        let pid: i32 = std::fs::read_to_string(pid_file)
            .unwrap()
            .trim()
            .parse()
            .unwrap();
        let deadline = Instant::now() + LONG;
        let lives = || {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
            stat.is_ok_and(|stat| !stat.contains(") Z "))
        };
        while lives() && Instant::now() < deadline {
            std::thread::yield_now();
        }
        assert!(!lives());
    }
}
