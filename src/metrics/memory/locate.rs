//! Where the control group of a process is mounted. Pure: two texts of /proc in, candidates out.
//!
//! `/proc/PID/cgroup` says where in each hierarchy the process is, mountinfo where each hierarchy is mounted
//! and which part of it: a container without a namespace of its own for groups sees its full path in the one
//! and only its own part of the tree in the other.

use std::path::{Path, PathBuf};

/// A directory that may be the process's memory group.
#[derive(Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Of version 2; else it is of version 1.
    pub is_unified: bool,
    pub directory: PathBuf,
    pub mount: PathBuf,
}

/// All candidates, version 1 first: where both are mounted, that is where the controller is.
pub fn candidates(groups: &str, mounts: &str) -> Vec<Candidate> {
    let mut found = Vec::new();
    for is_unified in [false, true] {
        let path = groups.lines().find_map(|line| group_path(line, is_unified));
        let Some(group) = path else {
            continue;
        };
        // "/../.." is a group outside of what we can see.
        if group.split('/').any(|part| part == "..") {
            continue;
        }
        for line in mounts.lines() {
            if let Some((mounted, mount)) = memory_mount(line, is_unified) {
                let group = Path::new(group);
                // A part of the tree may be mounted that the path does not start with: it is a namespace's path.
                let below = group.strip_prefix(mounted).or(group.strip_prefix("/"));
                found.push(Candidate {
                    is_unified,
                    directory: mount.join(below.unwrap_or(group)),
                    mount,
                });
            }
        }
    }
    found
}

/// The path in a line of `/proc/PID/cgroup`, `hierarchy:controllers:path`, if it is about memory.
fn group_path(line: &str, is_unified: bool) -> Option<&str> {
    let (hierarchy, line) = line.split_once(':')?;
    let (controllers, path) = line.split_once(':')?;
    let fits = if is_unified {
        hierarchy == "0" && controllers.is_empty()
    } else {
        has_memory(controllers)
    };
    fits.then_some(path)
}

/// What a line of mountinfo mounts, and where, if it is a hierarchy that can account memory.
fn memory_mount(line: &str, is_unified: bool) -> Option<(PathBuf, PathBuf)> {
    let (mount, file_system) = line.split_once(" - ")?;
    let mut mount = mount.split(' ').skip(3);
    let mut file_system = file_system.split(' ');
    let kind = file_system.next()?;
    let fits = if is_unified {
        kind == "cgroup2"
    } else {
        kind == "cgroup" && has_memory(file_system.nth(1)?)
    };
    fits.then_some((unescape(mount.next()?), unescape(mount.next()?)))
}

fn has_memory(list: &str) -> bool {
    list.split(',').any(|word| word == "memory")
}

/// mountinfo writes blanks as `\040`.
fn unescape(text: &str) -> PathBuf {
    text.replace("\\040", " ").into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::path::Component;

    const HYBRID: &str = "35 31 0:31 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n\
                          41 31 0:38 / /sys/fs/cgroup/unified rw,relatime shared:9 - cgroup2 cgroup2 rw\n";
    const UNIFIED: &str =
        "30 24 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n";
    const DOCKER: &str =
        "35 31 0:31 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n";

    #[test]
    fn the_group_is_found_in_either_version_and_in_the_hybrid() {
        for (groups, mounts, expected) in [
            (
                "4:memory:/job/1\n0::/\n",
                HYBRID,
                vec!["/sys/fs/cgroup/memory/job/1", "/sys/fs/cgroup/unified"],
            ),
            (
                "4:cpu,memory:/job\n",
                HYBRID,
                vec!["/sys/fs/cgroup/memory/job"],
            ),
            (
                "0::/user.slice/a.scope\n",
                UNIFIED,
                vec!["/sys/fs/cgroup/user.slice/a.scope"],
            ),
            ("0::/\n", UNIFIED, vec!["/sys/fs/cgroup"]),
            (
                "4:memory:/docker/abc\n",
                DOCKER,
                vec!["/sys/fs/cgroup/memory"],
            ),
            (
                "4:memory:/docker/abc/sub\n",
                DOCKER,
                vec!["/sys/fs/cgroup/memory/sub"],
            ),
            ("4:memory:/sub\n", DOCKER, vec!["/sys/fs/cgroup/memory/sub"]),
            ("0::/../other\n", UNIFIED, vec![]),
            ("4:memorys:/x\n", HYBRID, vec![]),
            ("", HYBRID, vec![]),
            ("4:memory:/job\n", "", vec![]),
        ] {
            let found = candidates(groups, mounts);
            let found: Vec<_> = found
                .iter()
                .map(|candidate| candidate.directory.as_path())
                .collect();
            assert_eq!(
                found,
                expected.into_iter().map(Path::new).collect::<Vec<_>>(),
                "{groups}"
            );
        }
    }

    proptest! {
        #[test]
        fn no_candidate_leaves_its_mount(groups in "(0:|4:memory):[/.a-z\n]{0,40}", mounts in "[ -~\n]{0,200}") {
            for text in [HYBRID, UNIFIED, DOCKER, &mounts] {
                for candidate in candidates(&groups, text) {
                    prop_assert!(candidate.directory.starts_with(&candidate.mount));
                    prop_assert!(!candidate.directory.components().any(|part| part == Component::ParentDir)
                        || candidate.mount.components().any(|part| part == Component::ParentDir));
                }
            }
        }
    }
}
