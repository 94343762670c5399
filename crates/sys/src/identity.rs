//! A process by more than its number, which the kernel gives again.
//!
//! Servers outlive the run that started them and keep its environment: a tmux server has the mark of a run that ended
//! days ago. Whether the marked process has ended can be told only where it would be seen: since the same start of the
//! machine, and in the same namespace of processes. Everywhere else it counts as alive.

use std::fs;
use std::path::Path;

/// Which process this is, in one word; None where the kernel does not show it.
pub fn of_this_process() -> Option<String> {
    let place = place()?;
    let process = std::process::id();
    Some(format!("{place}/{process}/{}", began(process)?))
}

/// Whether the process that a word of [`of_this_process`] names has surely ended.
pub fn has_ended(identity: &str) -> bool {
    let mut parts = identity.rsplitn(3, '/');
    let (Some(begun), Some(process), Some(place_then)) = (parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    let Ok(process) = process.parse::<u32>() else {
        return false;
    };
    // Without a view of other processes this one is not to be seen either.
    place().is_some_and(|place| place == place_then)
        && began(std::process::id()).is_some()
        && began(process).is_none_or(|now| now != begun)
}

/// The start of the machine and the namespace of processes.
fn place() -> Option<String> {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let namespace = fs::read_link("/proc/self/ns/pid").ok()?;
    Some(format!("{}/{}", boot.trim_end(), namespace.to_str()?))
}

/// When a process that is no corpse began, in the kernel's ticks.
fn began(process: u32) -> Option<String> {
    let stat =
        fs::read_to_string(Path::new("/proc").join(process.to_string()).join("stat")).ok()?;
    // The second field is the name, which may hold anything; the third is the state, the 22nd the time.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace();
    if matches!(fields.next()?, "Z" | "X") {
        return None;
    }
    fields.nth(18).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_lives_has_not_ended_and_who_is_elsewhere_may_live() {
        let identity = of_this_process().unwrap();
        assert!(!has_ended(&identity));
        let (rest, begun) = identity.rsplit_once('/').unwrap();
        let earlier = begun.parse::<u64>().unwrap() - 1;
        assert!(
            has_ended(&format!("{rest}/{earlier}")),
            "its number was given again"
        );
        for elsewhere in [
            "",
            "x",
            "///",
            "0/pid:[1]/1/1",
            &identity.replace("pid:[", "pid:[9"),
        ] {
            assert!(!has_ended(elsewhere), "{elsewhere}");
        }
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let place = place().unwrap();
        let number = child.id();
        let of_child = format!("{place}/{number}/{}", began(number).unwrap_or_default());
        child.wait().unwrap();
        assert!(has_ended(&of_child));
    }
}
