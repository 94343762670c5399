//! The machine itself: system, processors, memory, and whether this is a CI job or a container.
//!
//! Only kinds and counts are read, never a name that somebody gave: no host name, no user, no id of a machine
//! or container. Called once, for the start event.

use super::cgroup::MemoryGroup;
use super::files;
use crate::public::{PublicStr, hardware};
use std::ffi::OsString;
use std::path::Path;
use sysinfo::{MemoryRefreshKind, System};

/// How a variable of the environment is looked up.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// Variables that only CI services set, besides `CI` itself.
const CI_VARIABLES: &[&str] = &[
    "GITHUB_ACTIONS",
    "GITLAB_CI",
    "BUILDKITE",
    "CIRCLECI",
    "TRAVIS",
    "JENKINS_URL",
    "TEAMCITY_VERSION",
    "TF_BUILD",
    "APPVEYOR",
    "DRONE",
    "BITBUCKET_BUILD_NUMBER",
    "CODEBUILD_BUILD_ID",
    "CIRRUS_CI",
    "SEMAPHORE",
    "WOODPECKER_CI",
];

/// Variables that say a container's runtime was here.
const CONTAINER_VARIABLES: &[&str] =
    &["KUBERNETES_SERVICE_HOST", "APPTAINER_CONTAINER", "SINGULARITY_CONTAINER", "APPTAINER_NAME", "SINGULARITY_NAME"];

/// Files that the runtimes of containers leave.
const CONTAINER_FILES: &[&str] = &[".dockerenv", "run/.containerenv", ".singularity.d", "run/systemd/container"];

/// Parts of control groups' paths that are those of containers.
const CONTAINER_GROUPS: &[&str] = &["/docker", "/kubepods", "/containerd", "/crio-", "/libpod-", "/lxc/", "/podman"];

/// The operating system, its kernel's version and the architecture.
#[must_use]
pub fn platform() -> PublicStr {
    let release = System::kernel_version().unwrap_or_default();
    hardware::platform(std::env::consts::OS, std::env::consts::ARCH, &release)
}

/// Logical processors of the machine that are online, as Python counts them too.
#[must_use]
pub fn cpu_count(root: &Path) -> Option<u64> {
    let online = files::text(&root.join("sys/devices/system/cpu/online")).and_then(|text| count_ranges(&text));
    online.or_else(cpu_count_usable)
}

/// Processors that the run may use at once. A job with a quota of two on a node of 128 is slow for a reason.
///
/// The standard library counts the affinity and, of both versions of control groups, the quotas of the own group and of
/// all above it; ours are the command's at its start.
#[must_use]
pub fn cpu_count_usable() -> Option<u64> {
    Some(std::thread::available_parallelism().ok()?.get() as u64)
}

/// Counts a list of ranges, `0-3,8-11`.
fn count_ranges(text: &str) -> Option<u64> {
    text.trim().split(',').try_fold(0_u64, |count, range| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last): (u64, u64) = (first.parse().ok()?, last.parse().ok()?);
        count.checked_add(last.checked_sub(first)?.checked_add(1)?)
    })
}

/// Bytes of main memory that the run can use: the machine's, or its control group's limit where that is
/// smaller. The machine's alone would call a job of 32 GiB on a node of 2 TiB a well-equipped one.
#[must_use]
pub fn memory_total(group: Option<&MemoryGroup>) -> Option<u64> {
    let machine = System::new().ok().map(|mut system| {
        system.refresh_memory_specifics(MemoryRefreshKind::nothing().with_ram());
        system.total_memory()
    });
    let machine = machine.filter(|bytes| *bytes > 0);
    let limit = group.and_then(MemoryGroup::limit).filter(|bytes| *bytes > 0);
    // A limit alone says nothing: "unlimited" is a number too in version 1 of control groups.
    Some(machine?.min(limit.unwrap_or(u64::MAX)))
}

/// Whether the run is a job of continuous integration.
#[must_use]
pub fn ci(environment: Environment<'_>) -> bool {
    let set = |name: &str| environment(name).is_some_and(|value| !value.is_empty());
    let said = environment("CI").is_some_and(|value| {
        let value = value.to_string_lossy().to_ascii_lowercase();
        !matches!(value.trim(), "" | "0" | "false" | "no" | "off")
    });
    said || CI_VARIABLES.iter().any(|name| set(name))
}

/// Whether the run is in a container. False is said only where the signs can be looked for.
#[must_use]
pub fn container(root: &Path, environment: Environment<'_>) -> Option<bool> {
    let set = |name: &&str| environment(name).is_some_and(|value| !value.is_empty());
    if CONTAINER_VARIABLES.iter().any(set) || CONTAINER_FILES.iter().any(|name| root.join(name).exists()) {
        return Some(true);
    }
    let groups = files::text(&root.join("proc/self/cgroup"))?;
    Some(CONTAINER_GROUPS.iter().any(|part| groups.contains(part)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn environment(pairs: &'static [(&str, &str)]) -> impl Fn(&str) -> Option<OsString> {
        |name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value))
    }

    #[test]
    fn ci_is_what_its_services_say() {
        let cases: &[(&[(&str, &str)], bool)] = &[
            (&[("CI", "true")], true),
            (&[("CI", "1")], true),
            (&[("CI", " False ")], false),
            (&[("CI", "")], false),
            (&[("GITHUB_ACTIONS", "true")], true),
            (&[("JENKINS_URL", "https://ci.example/")], true),
            (&[("CI", "false"), ("GITLAB_CI", "true")], true),
            (&[("CIRCUS", "true")], false),
        ];
        for (pairs, expected) in cases {
            assert_eq!(ci(&environment(pairs)), *expected, "{pairs:?}");
        }
    }

    #[test]
    fn a_container_is_known_by_its_runtimes_traces() {
        let none = environment(&[]);
        let root = tempfile::tempdir().unwrap();
        assert_eq!(container(root.path(), &none), None, "nothing to be seen is no proof");
        fs::create_dir_all(root.path().join("proc/self")).unwrap();
        for (groups, expected) in [
            ("0::/user.slice/session-1.scope\n", false),
            ("0::/kubepods.slice/kubepods-pod1.slice\n", true),
            ("4:memory:/docker/0123\n", true),
            ("0::/\n", false),
        ] {
            fs::write(root.path().join("proc/self/cgroup"), groups).unwrap();
            assert_eq!(container(root.path(), &none), Some(expected), "{groups}");
        }
        assert_eq!(container(root.path(), &environment(&[("APPTAINER_NAME", "x.sif")])), Some(true));
        fs::write(root.path().join(".dockerenv"), "").unwrap();
        assert_eq!(container(root.path(), &none), Some(true));
    }

    #[test]
    fn processors_are_counted_from_ranges() {
        for (text, expected) in
            [("0-1\n", Some(2)), ("0", Some(1)), ("0-3,8-11,13", Some(9)), ("", None), ("3-1", None), ("x", None)]
        {
            assert_eq!(count_ranges(text), expected, "{text}");
        }
        assert!(cpu_count(Path::new("/")).is_some_and(|count| count > 0));
        assert!(memory_total(None).is_some_and(|bytes| bytes > 1 << 20));
        assert!(platform().as_str().starts_with(std::env::consts::OS));
    }
}
