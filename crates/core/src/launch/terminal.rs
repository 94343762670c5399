//! Which programs use the terminal as a device, not as a place to print to.
//!
//! The problem: on a terminal the command's output goes through a pty of ours, which no training can tell from
//! the real one. A program that takes over the screen can: it sets the modes of the terminal behind its
//! stdout, and reads keys from the one behind its stdin, and these would then be two. Such programs get the
//! real terminal and their output is not read; they print no training progress anyway. What the list lacks,
//! `--tty=direct` says.
//!
//! Interpreters of other languages are not on it: their prompts, histories and debuggers were seen to work.

use std::ffi::{OsStr, OsString};
use std::path::Path;

/// Shells: interactive unless they are given a script or a command.
const SHELLS: [&str; 13] = [
    "ash", "bash", "csh", "dash", "elvish", "fish", "ksh", "mksh", "nu", "sh", "tcsh", "xonsh",
    "zsh",
];

/// Options of shells that take the next word.
const SHELL_OPTIONS_WITH_VALUE: [&str; 5] = ["-o", "+o", "-O", "--rcfile", "--init-file"];

/// Everything else, by what it is for.
const PROGRAMS: [&[&str]; 7] = [
    // pagers
    &["less", "man", "more", "most", "info", "bat"],
    // editors
    &[
        "vi",
        "vim",
        "nvim",
        "view",
        "vimdiff",
        "vimtutor",
        "ex",
        "emacs",
        "emacsclient",
        "nano",
        "pico",
        "micro",
        "helix",
        "hx",
        "kak",
        "joe",
        "jed",
        "mcedit",
        "ne",
        "visudo",
        "vipw",
    ],
    // monitors
    &[
        "top", "htop", "btop", "atop", "iotop", "iftop", "nvtop", "nvitop", "gpustat", "glances",
        "nmon", "watch", "bmon", "powertop", "slurmtop",
    ],
    // terminals within terminals
    &[
        "tmux", "screen", "byobu", "zellij", "script", "minicom", "picocom", "dtach", "abduco",
    ],
    // other machines
    &["ssh", "mosh", "telnet", "sftp", "lftp"],
    // debuggers
    &[
        "gdb",
        "cuda-gdb",
        "rocgdb",
        "rust-gdb",
        "cgdb",
        "lldb",
        "rust-lldb",
        "pudb",
        "pudb3",
    ],
    // file managers, menus
    &[
        "mc", "ranger", "nnn", "lf", "vifm", "yazi", "ncdu", "fzf", "dialog", "whiptail", "tig",
        "lazygit", "passwd",
    ],
];

/// Whether the command is such a program.
#[must_use]
pub fn uses_terminal(command: &[OsString]) -> bool {
    let Some((program, arguments)) = behind_env(command) else {
        return false;
    };
    let Some(name) = Path::new(program).file_name().and_then(OsStr::to_str) else {
        return false;
    };
    // A login shell's name begins with a dash.
    let name = name.strip_prefix('-').unwrap_or(name);
    if SHELLS.contains(&name) {
        return is_interactive(arguments);
    }
    PROGRAMS.iter().any(|programs| programs.contains(&name))
}

/// The command that `env` starts; any other command as it is.
fn behind_env(command: &[OsString]) -> Option<(&OsString, &[OsString])> {
    let (program, rest) = command.split_first()?;
    if Path::new(program).file_name() != Some(OsStr::new("env")) {
        return Some((program, rest));
    }
    let is_own = |word: &OsString| {
        let bytes = word.as_encoded_bytes();
        bytes.starts_with(b"-") || bytes.contains(&b'=')
    };
    let begin = rest.iter().position(|word| !is_own(word))?;
    rest.get(begin..)?.split_first()
}

/// Whether a shell with these arguments reads its commands from the terminal.
fn is_interactive(arguments: &[OsString]) -> bool {
    let mut words = arguments.iter();
    let mut runs_command = false;
    while let Some(word) = words.next() {
        let bytes = word.as_encoded_bytes();
        let is_short = bytes.starts_with(b"-") && !bytes.starts_with(b"--");
        if is_short && bytes.contains(&b'i') {
            return true;
        }
        if (is_short && bytes.contains(&b'c'))
            || word == "--command"
            || bytes.starts_with(b"--command=")
        {
            runs_command = true;
        } else if SHELL_OPTIONS_WITH_VALUE.iter().any(|option| word == option) {
            words.next();
        } else if !bytes.starts_with(b"-") && !bytes.starts_with(b"+") {
            // A script, or the command behind `-c`.
            return false;
        }
    }
    !runs_command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_takes_over_the_screen_is_known() {
        for (command, expected) in [
            ("", false),
            ("axolotl train c.yml", false),
            ("python", false),
            ("python -i t.py", false),
            ("vim notes", true),
            ("/usr/bin/less log", true),
            ("top", true),
            ("tmux attach", true),
            ("ssh node", true),
            ("gdb --args python t.py", true),
            ("env TERM=xterm vim notes", true),
            ("env -i python t.py", false),
            ("env", false),
            ("bash", true),
            ("-bash", true),
            ("bash -l", true),
            ("bash --norc", true),
            ("bash -i", true),
            ("bash -ic x", true),
            ("bash -c x", false),
            ("bash -lc x", false),
            ("bash -o pipefail -c x", false),
            ("bash -o pipefail", true),
            ("bash --rcfile f", true),
            ("bash train.sh", false),
            ("bash -x train.sh -i", false),
            ("fish --command=x", false),
            ("sh ./train.sh", false),
            ("/bin/zsh", true),
        ] {
            let words: Vec<OsString> = command.split_whitespace().map(OsString::from).collect();
            assert_eq!(uses_terminal(&words), expected, "{command}");
        }
    }

    #[test]
    fn no_name_stands_there_twice() {
        let mut names: Vec<_> = PROGRAMS.iter().copied().flatten().chain(&SHELLS).collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all);
    }
}
