//! Who sent a signal: a kind of sender, never a name that somebody gave.
//!
//! Only the signal that was sent to the launcher itself names its sender, and only by pid; the program behind
//! it is looked at while it is still there. The kernel cuts a program's name after 15 bytes, so the list
//! compares those. Called by the observer's link as soon as the supervisor tells of a signal; it reads a few
//! files of /proc, none of which can block the reader.

use crate::metrics::files;
use crate::metrics::tree::stat::fields;
use axolotl_run_core::knowledge::lists::SENDERS;
use axolotl_run_core::knowledge::lists::SignalSender;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// `si_code` of a signal that the kernel itself sent.
const SI_KERNEL: i64 = 0x80;

/// Looks at the sender of a signal that came with this code.
pub fn look(code: i64, pid: i64) -> SignalSender {
    let own = Own {
        session: session(Path::new("/proc/self")),
        user: user(Path::new("/proc/self")),
    };
    look_at(Path::new("/proc"), code, pid, own)
}

/// What is known of ourselves.
#[derive(Clone, Copy, Debug)]
struct Own {
    session: Option<u64>,
    user: Option<u32>,
}

fn look_at(procfs: &Path, code: i64, pid: i64, own: Own) -> SignalSender {
    match (code, pid) {
        (SI_KERNEL, _) => return SignalSender::Terminal,
        (_, ..0) => return SignalSender::Unknown,
        (_, 0) => return SignalSender::Outside,
        _ => {}
    }
    let process = procfs.join(pid.to_string());
    let name = files::read_text(&process.join("comm"));
    if name.is_empty() {
        return SignalSender::Unknown;
    }
    for (program, kind) in SENDERS {
        if *program == name.trim_end() {
            return *kind;
        }
    }
    let same_session = session(&process).is_some_and(|session| Some(session) == own.session);
    match (same_session, user(&process)) {
        (true, _) => SignalSender::OwnSession,
        (_, None) => SignalSender::Unknown,
        (_, other) if other == own.user => SignalSender::SameUser,
        _ => SignalSender::OtherUser,
    }
}

/// The sixth field of proc(5).
fn session(process: &Path) -> Option<u64> {
    let stat = files::read_text(&process.join("stat"));
    fields(stat.as_bytes())?.nth(3)?.parse().ok()
}

fn user(process: &Path) -> Option<u32> {
    Some(std::fs::metadata(process).ok()?.uid())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sender_is_known_by_its_program_then_by_its_session_then_by_its_user() {
        let root = tempfile::tempdir().unwrap();
        let own = Own {
            session: Some(40),
            user: user(root.path()),
        };
        for (pid, name, session, expected) in [
            (7, "timeout", 40, SignalSender::TimeLimiter),
            (8, "slurmstepd", 1, SignalSender::Scheduler),
            (9, "systemd-oomd", 1, SignalSender::MemoryDaemon),
            (10, "containerd-shim", 1, SignalSender::ServiceManager),
            (11, "bash", 40, SignalSender::OwnSession),
            (12, "bash) S 1 1 40", 41, SignalSender::SameUser),
            (13, "timeout-not", 41, SignalSender::SameUser),
        ] {
            let process = root.path().join(pid.to_string());
            std::fs::create_dir(&process).unwrap();
            std::fs::write(process.join("comm"), format!("{name}\n")).unwrap();
            std::fs::write(
                process.join("stat"),
                format!("{pid} ({name}) S 1 {pid} {session} 0 -1\n"),
            )
            .unwrap();
            assert_eq!(look_at(root.path(), 0, pid, own), expected, "{name}");
        }
        let other = Own {
            user: own.user.map(|user| user.wrapping_add(1)),
            ..own
        };
        assert_eq!(look_at(root.path(), 0, 12, other), SignalSender::OtherUser);
        for (code, pid, expected) in [
            (SI_KERNEL, 0, SignalSender::Terminal),
            (0, 0, SignalSender::Outside),
            (0, 99, SignalSender::Unknown),
            (-1, -5, SignalSender::Unknown),
        ] {
            assert_eq!(
                look_at(root.path(), code, pid, own),
                expected,
                "{code} {pid}"
            );
        }
    }

    #[test]
    fn we_are_of_our_own_session() {
        assert_eq!(
            look(0, i64::from(std::process::id())),
            SignalSender::OwnSession
        );
    }
}
