//! Control groups of both versions, as small copies of their files.

use super::*;
use std::fs;

/// A machine with the groups `/`, `/job` and `/job/step` mounted at /cg, and process 7 in the innermost.
fn machine(is_unified: bool) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("proc/vmstat", "pgfault 9\noom_kill 5\n");
    match is_unified {
        false => {
            write("proc/7/cgroup", "4:memory:/job/step\n");
            write("proc/8/cgroup", "4:memory:/\n");
            write(
                "proc/self/mountinfo",
                "1 0 0:1 / /cg rw - cgroup cgroup rw,memory\n",
            );
            write("cg/release_agent", "");
            write("cg/memory.usage_in_bytes", "999999\n");
            write("cg/job/memory.limit_in_bytes", "8000\n");
            write("cg/job/step/memory.limit_in_bytes", "9223372036854771712\n");
            write(
                "cg/job/step/memory.stat",
                "cache 1\nhierarchical_memory_limit 7000\n",
            );
            write("cg/job/step/memory.usage_in_bytes", "4096\n");
            write(
                "cg/job/step/memory.oom_control",
                "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n",
            );
        }
        true => {
            write("proc/7/cgroup", "0::/job/step\n");
            write("proc/8/cgroup", "0::/\n");
            write(
                "proc/self/mountinfo",
                "1 0 0:1 / /cg rw - cgroup2 cgroup2 rw\n",
            );
            write("cg/job/memory.max", "7000\n");
            write("cg/job/step/memory.max", "max\n");
            write("cg/job/step/memory.current", "4096\n");
            write(
                "cg/job/step/memory.events",
                "low 0\nhigh 0\nmax 4\noom 3\noom_kill 2\noom_group_kill 0\n",
            );
        }
    }
    root
}

#[test]
fn both_versions_say_the_same() {
    for is_unified in [false, true] {
        let machine = machine(is_unified);
        let group = MemoryGroup::at(machine.path(), 7).unwrap();
        assert_eq!(group.candidate.is_unified, is_unified);
        assert_eq!(
            (group.current(), group.limit(), group.oom_kills()),
            (Some(4096), Some(7000), Some(2)),
            "{is_unified}"
        );
    }
}

#[test]
fn the_root_group_is_nobodys_own() {
    for is_unified in [false, true] {
        assert!(
            MemoryGroup::at(machine(is_unified).path(), 8).is_none(),
            "{is_unified}"
        );
    }
}

#[test]
fn kills_are_counted_from_the_beginning_of_the_run() {
    for (is_unified, file) in [
        (false, "cg/job/step/memory.oom_control"),
        (true, "cg/job/step/memory.events"),
    ] {
        let machine = machine(is_unified);
        let group = MemoryGroup::at(machine.path(), 7);
        let before = oom_kills(machine.path(), group.as_ref());
        assert_eq!(
            oom_kills(machine.path(), group.as_ref()).since(before),
            OomKillCounters {
                cgroup: Some(0),
                host: Some(0)
            }
        );
        fs::write(machine.path().join(file), "oom 9\noom_kill 3\n").unwrap();
        fs::write(machine.path().join("proc/vmstat"), "oom_kill 7\n").unwrap();
        assert_eq!(
            oom_kills(machine.path(), group.as_ref()).since(before),
            OomKillCounters {
                cgroup: Some(1),
                host: Some(2)
            }
        );
    }
}

#[test]
fn without_the_files_everything_is_unknown() {
    let empty = tempfile::tempdir().unwrap();
    assert!(MemoryGroup::at(empty.path(), 7).is_none());
    assert_eq!(oom_kills(empty.path(), None), OomKillCounters::default());
}

#[test]
fn a_group_that_is_removed_becomes_unknown() {
    let machine = machine(true);
    let group = MemoryGroup::at(machine.path(), 7).unwrap();
    // The kernel's files fail to read once their group is gone; an empty one fails to parse likewise.
    fs::write(machine.path().join("cg/job/step/memory.current"), "").unwrap();
    fs::remove_file(machine.path().join("cg/job/step/memory.events")).unwrap();
    assert_eq!((group.current(), group.oom_kills()), (None, None));
}
