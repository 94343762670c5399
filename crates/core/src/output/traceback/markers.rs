//! Signs of a death that left no traceback: what shells, kernels and native runtimes print.
//!
//! Each sign is a constant of ours, found by a pattern that also says where it may stand. Nothing of the
//! line's own text is ever kept: such lines hold command lines, host names and addresses.

use crate::public::PublicStr;
use crate::public::text::PublicText;
use regex::bytes::RegexSet;
use std::sync::LazyLock;

/// How a sign speaks of the process's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// It may well have gone on (a worker died, a connection was refused).
    Hint,
    /// The process, or one that it cannot do without, died of it.
    Death,
}

/// One sign.
#[derive(Clone, Copy, Debug)]
pub struct Sign {
    /// What is said.
    pub says: &'static str,
    pattern: &'static str,
    /// What it means.
    pub weight: Weight,
}

const fn death(says: &'static str, pattern: &'static str) -> Sign {
    Sign {
        says,
        pattern,
        weight: Weight::Death,
    }
}

const fn hint(says: &'static str, pattern: &'static str) -> Sign {
    Sign {
        says,
        pattern,
        weight: Weight::Hint,
    }
}

/// Shells name the signal behind the line's number and the process's (`x.sh: line 3:    25 Killed  …`), or alone.
macro_rules! shell {
    ($word:literal) => {
        concat!(
            r"^(?:.*: line [0-9]+: +[0-9]+ |make: \*\*\* \[[^\]]*\] )?",
            $word,
            r"(?: +\(core dumped\))?(?:  .*)?$"
        )
    };
}

/// All of them; the first that matches a line wins.
const SIGNS: &[Sign] = &[
    death("Killed (SIGKILL)", shell!("Killed")),
    death(
        "Killed (SIGKILL)",
        r"^(?:zsh: |\[[0-9]+\] .*[0-9]+ )killed  ",
    ),
    death("Segmentation fault (SIGSEGV)", shell!("Segmentation fault")),
    death(
        "Segmentation fault (SIGSEGV)",
        r"^(?:zsh: |\[[0-9]+\] .*[0-9]+ )segmentation fault  ",
    ),
    death("Aborted (SIGABRT)", shell!("Aborted")),
    death("Bus error (SIGBUS)", shell!("Bus error")),
    death(
        "Illegal instruction (SIGILL)",
        shell!("Illegal instruction"),
    ),
    death(
        "Floating point exception (SIGFPE)",
        shell!("Floating point exception"),
    ),
    hint("Terminated (SIGTERM)", shell!("Terminated")),
    death(
        "oom_kill",
        r"oom_kill|oom-kill|Out of memory: Kill(?:ed)? process|[Mm]emory cgroup out of memory|Detected [0-9]+ oom.kill event",
    ),
    death(
        "stack smashing detected",
        r"\*\*\* stack smashing detected \*\*\*",
    ),
    death(
        "buffer overflow detected",
        r"\*\*\* buffer overflow detected \*\*\*",
    ),
    death(
        "double free or corruption",
        r"double free or corruption|double free detected",
    ),
    death(
        "invalid pointer",
        r"(?:free|realloc|munmap_chunk)\(\): invalid pointer",
    ),
    death(
        "malloc: corrupted heap",
        r"(?:malloc|free|realloc|malloc_consolidate|unlink_chunk|calloc|sysmalloc|munmap_chunk|corrupted)\b[^:]{0,30}: .{0,20}(?:corrupted|invalid|unaligned|mismatching|size|Assertion)|^corrupted (?:size|double-linked list|unsorted)",
    ),
    death(
        "NCCL watchdog timeout (Watchdog caught collective operation timeout)",
        r"Watchdog caught collective operation timeout",
    ),
    death(
        "NCCL watchdog terminated the process",
        r"To avoid data inconsistency, we are taking the entire process down|ProcessGroupNCCL.*(?:[Tt]erminat|[Aa]bort)",
    ),
    death(
        "CUDA device-side assert",
        r"\.cuh?:[0-9]+: .*Assertion .* failed",
    ),
    death(
        "Assertion failed",
        r"^[^ ]+: .+:[0-9]+: .+: Assertion .+ failed\.?$|Assertion '.*' failed\.$",
    ),
    death(
        "Rust panic (panicked)",
        r"^thread '.*' (?:\([0-9]+\) )?panicked at",
    ),
    death(
        "Go panic (goroutine)",
        r"^panic: |^goroutine [0-9]+ \[|^fatal error: .*(?:runtime|goroutines)",
    ),
    death("MPI_ABORT", r"MPI_ABORT was invoked|MPI_Abort"),
    hint(
        "DataLoader worker bus error (shared memory)",
        r"DataLoader worker .*(?:[Bb]us error)|insufficient shared memory",
    ),
    hint("Connection refused (ECONNREFUSED)", r"Connection refused"),
    hint("NCCL WARN", r"\bNCCL WARN "),
    hint("CUDA out of memory", r"^(?:\S+ )?CUDA out of memory"),
    hint(
        "slurm: CANCELLED DUE TO TIME LIMIT",
        r"CANCELLED AT .* DUE TO TIME LIMIT",
    ),
    hint(
        "slurm: CANCELLED DUE TO PREEMPTION",
        r"CANCELLED AT .* DUE TO PREEMPTION",
    ),
    hint("slurm: CANCELLED", r"CANCELLED AT "),
    hint(
        "launcher killed subprocesses (SIGKILL)",
        r"sigkill_handler\]|Sending process [0-9]+ closing signal",
    ),
    hint("No space left on device", r"No space left on device"),
];

static PATTERNS: LazyLock<Option<RegexSet>> =
    LazyLock::new(|| super::ascii_set(SIGNS.iter().map(|sign| sign.pattern.to_owned())));

/// The sign that this line is.
#[must_use]
pub fn sign(line: &str) -> Option<&'static Sign> {
    let first = PATTERNS.as_ref()?.matches(line.as_bytes()).iter().next()?;
    SIGNS.get(first)
}

/// The causes that CPython itself names; any other text may be a program's.
const FATAL: &[&str] = &[
    "Segmentation fault",
    "Aborted",
    "Bus error",
    "Floating point exception",
    "Illegal instruction",
    "Cannot recover from stack overflow.",
    "deallocating None",
    "GC object already tracked",
    "Python memory allocator called without holding the GIL",
    "PyEval_SaveThread: the function must be called with the GIL held",
    "_PyErr_NormalizeException: Cannot recover from MemoryErrors while normalizing exceptions.",
    "init_fs_encoding: failed to get the Python codec of the filesystem encoding",
    "init_sys_streams: can't initialize sys standard streams",
    "could not acquire lock for <_io.BufferedWriter name='<stderr>'> at interpreter shutdown, possibly due to daemon threads",
    "_enter_buffered_busy: could not acquire lock for <_io.BufferedWriter name='<stdout>'> at interpreter shutdown, possibly due to daemon threads",
    "access violation",
    "stack overflow",
];

/// The signal that a known cause stands for.
const fn signal(cause: &str) -> &'static str {
    match cause.as_bytes() {
        b"Segmentation fault" => " (SIGSEGV)",
        b"Aborted" => " (SIGABRT)",
        b"Bus error" => " (SIGBUS)",
        b"Floating point exception" => " (SIGFPE)",
        b"Illegal instruction" => " (SIGILL)",
        _ => "",
    }
}

/// What stands before and behind the words with which a dump of the interpreter begins.
#[must_use]
pub fn split_fatal(line: &str) -> Option<(&str, &str)> {
    ["Fatal Python error: ", "Windows fatal exception: "]
        .iter()
        .find_map(|head| line.split_once(head))
}

/// `Fatal Python error: Segmentation fault`: the sign, with the cause where it is a known one.
#[must_use]
pub fn fatal(line: &str) -> Option<PublicStr> {
    let (_, cause) = split_fatal(line)?;
    let mut text = PublicText::new();
    text.constant("Fatal Python error");
    let known = FATAL.iter().find(|known| {
        cause
            .strip_prefix(**known)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', ':', '\t']))
    });
    if let Some(known) = known {
        text.constant(": ").constant(known).constant(signal(known));
    }
    Some(text.finish())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_pattern_compiles() {
        assert!(PATTERNS.is_some());
    }

    #[test]
    fn signs_are_found_where_they_stand() {
        for (line, says) in [
            ("Killed", "Killed (SIGKILL)"),
            (
                "/home/a/x.sh: line 2:    25 Killed                  /home/a/venv/bin/python --key 57d9",
                "Killed (SIGKILL)",
            ),
            (
                "launch.sh: line 3:    25 Segmentation fault      (core dumped) /home/u/python",
                "Segmentation fault (SIGSEGV)",
            ),
            (
                "Segmentation fault (core dumped)",
                "Segmentation fault (SIGSEGV)",
            ),
            ("Bus error", "Bus error (SIGBUS)"),
            (
                "slurmstepd: error: Detected 1 oom_kill event in StepId=7.0",
                "oom_kill",
            ),
            ("[1.0] Out of memory: Killed process 7 (python)", "oom_kill"),
            (
                "free(): double free detected in tcache 2",
                "double free or corruption",
            ),
            (
                "double free or corruption (out)",
                "double free or corruption",
            ),
            ("free(): invalid pointer", "invalid pointer"),
            (
                "malloc(): invalid size (unsorted)",
                "malloc: corrupted heap",
            ),
            ("malloc(): corrupted top size", "malloc: corrupted heap"),
            ("corrupted size vs. prev_size", "malloc: corrupted heap"),
            (
                "*** stack smashing detected ***: terminated",
                "stack smashing detected",
            ),
            (
                "python: native_kernel.c:412: f: Assertion 'x' failed.",
                "Assertion failed",
            ),
            (
                "/pytorch/aten/src/ATen/native/cuda/Indexing.cu:1289: f: block: [0,0,0], Assertion `x` failed.",
                "CUDA device-side assert",
            ),
            (
                "thread '<unnamed>' (24) panicked at /root/.cargo/registry/src/lib.rs:8:51:",
                "Rust panic (panicked)",
            ),
            (
                "panic: runtime error: index out of range",
                "Go panic (goroutine)",
            ),
            (
                "MPI_ABORT was invoked on rank 3 in communicator",
                "MPI_ABORT",
            ),
            (
                "[rank0]:[E301 11:22:33.4 ProcessGroupNCCL.cpp:616] [Rank 0] Watchdog caught collective operation timeout: W",
                "NCCL watchdog timeout (Watchdog caught collective operation timeout)",
            ),
            (
                "[W socket.cpp:697] [c10d] The client socket has failed to connect to [h]:29500 (errno: 111 - Connection refused).",
                "Connection refused (ECONNREFUSED)",
            ),
        ] {
            assert_eq!(sign(line).map(|sign| sign.says), Some(says), "{line}");
        }
        for line in [
            "Killed by jane",
            "the job was Killed",
            "  45%|####5  | 431/960",
            "loss: 1.2",
            "Aborted!",
            "python train.py",
        ] {
            assert_eq!(sign(line).map(|sign| sign.says), None, "{line}");
        }
    }

    #[test]
    fn fatal_errors_have_a_known_cause_or_none() {
        for (line, says) in [
            (
                "Fatal Python error: Segmentation fault",
                Some("Fatal Python error: Segmentation fault (SIGSEGV)"),
            ),
            (
                "Fatal Python error: acme_core: jane",
                Some("Fatal Python error"),
            ),
            ("Python error", None),
        ] {
            assert_eq!(fatal(line).as_ref().map(PublicStr::as_str), says, "{line}");
        }
    }

    proptest! {
        #[test]
        fn any_line_can_be_read(line in "\\PC{0,200}") {
            let _ = (sign(&line), fatal(&line));
        }
    }
}
