//! Where a run is at home: a service of continuous integration, a batch system, a container, the Linux of Windows.
//!
//! Each of them leaves a variable or a file of its own, by whose name it is known. Of a variable only that it is set is
//! looked at: its value is a job's name, an address or a number that is nobody's business. So the answers are words of
//! `knowledge/lists.yaml`, yes, no, or nothing where it cannot be told. Called once, for the start event.

use crate::metrics::files;
use axolotl_run_core::knowledge::lists;
use axolotl_run_core::launch::Environment;
use axolotl_run_core::public::PublicStr;
use std::path::Path;

fn is_set(environment: Environment<'_>, name: &str) -> bool {
    environment(name).is_some_and(|value| !value.is_empty())
}

/// The first of these homes whose variable is set.
fn first_home(homes: &[(&'static str, &str)], environment: Environment<'_>) -> Option<PublicStr> {
    for (name, variable) in homes {
        if is_set(environment, variable) {
            return Some(PublicStr::constant(name));
        }
    }
    None
}

/// Whether the run is a job of continuous integration.
pub fn ci(environment: Environment<'_>) -> bool {
    let value = environment("CI").unwrap_or_default();
    let value = value.to_string_lossy().to_ascii_lowercase();
    let is_off = matches!(value.trim(), "" | "0" | "false" | "no" | "off");
    !is_off || ci_system(environment).is_some()
}

/// Of which service it is a job. Woodpecker puts its name into `CI`, where all others have a switch.
pub fn ci_system(environment: Environment<'_>) -> Option<PublicStr> {
    let system = first_home(lists::CI_SYSTEMS, environment);
    if system.is_none() && environment("CI")? == "woodpecker" {
        return Some(PublicStr::constant("woodpecker"));
    }
    system
}

/// What has placed the run on this machine. `launcher`: what starts its workers; `srun` asks Slurm for a place itself,
/// and need not be called from within a job.
pub fn scheduler(environment: Environment<'_>, launcher: Option<&PublicStr>) -> Option<PublicStr> {
    match launcher {
        Some(launcher) if launcher.as_str() == "srun" => Some(PublicStr::constant("slurm")),
        _ => first_home(lists::SCHEDULERS, environment),
    }
}

/// Whether the run is in a container. False is said only where the signs can be looked for.
pub fn container(root: &Path, environment: Environment<'_>) -> Option<bool> {
    let has_variable = lists::CONTAINER_VARIABLES
        .iter()
        .any(|name| is_set(environment, name));
    let has_file = lists::CONTAINER_FILES
        .iter()
        .any(|name| root.join(name).exists());
    if has_variable || has_file {
        return Some(true);
    }
    let groups = files::read_text(&root.join("proc/self/cgroup"));
    if groups.is_empty() {
        return None;
    }
    let is_grouped = lists::CONTAINER_GROUPS
        .iter()
        .any(|part| groups.contains(part));
    Some(is_grouped)
}

/// Whether the kernel is the one that Windows runs (WSL). Its release says so in both versions, in containers too.
pub fn wsl(root: &Path) -> Option<bool> {
    let release = files::read_text(&root.join("proc/sys/kernel/osrelease"));
    let is_of_windows = release.to_ascii_lowercase().contains("microsoft");
    (!release.is_empty()).then_some(is_of_windows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsString;
    use std::fs;

    type Pairs = &'static [(&'static str, &'static str)];

    fn environment(pairs: Pairs) -> impl Fn(&str) -> Option<OsString> {
        |name| {
            pairs
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| OsString::from(value))
        }
    }

    #[test]
    fn ci_is_what_its_services_say() {
        let cases: &[(Pairs, bool, Option<&str>)] = &[
            (&[("CI", "true")], true, None),
            (&[("CI", "1")], true, None),
            (&[("CI", " False ")], false, None),
            (&[("CI", "")], false, None),
            (&[("CI", "woodpecker")], true, Some("woodpecker")),
            (&[("GITHUB_ACTIONS", "true")], true, Some("github_actions")),
            (
                &[("GITHUB_ACTIONS", "true"), ("GITEA_ACTIONS", "true")],
                true,
                Some("gitea_actions"),
            ),
            (&[("GITHUB_ACTIONS", "")], false, None),
            (
                &[("JENKINS_URL", "https://ci.example/")],
                true,
                Some("jenkins"),
            ),
            (
                &[("CI", "false"), ("GITLAB_CI", "true")],
                true,
                Some("gitlab_ci"),
            ),
            (&[("CIRCUS", "true")], false, None),
        ];
        for (pairs, expected, system) in cases {
            let environment = environment(pairs);
            assert_eq!(ci(&environment), *expected, "{pairs:?}");
            assert_eq!(
                ci_system(&environment),
                system.map(PublicStr::constant),
                "{pairs:?}"
            );
        }
    }

    #[test]
    fn a_scheduler_is_known_by_its_jobs_or_by_what_asks_it_for_one() {
        let cases: &[(Pairs, &'static str, Option<&str>)] = &[
            (&[], "python", None),
            (&[], "srun", Some("slurm")),
            (&[("SLURM_JOB_ID", "17")], "torchrun", Some("slurm")),
            (&[("SLURM_CONF", "/etc/slurm.conf")], "torchrun", None),
            (&[("PBS_JOBID", "8.acme")], "mpirun", Some("pbs")),
            (&[("LSB_JOBID", "8")], "mpirun", Some("lsf")),
            (
                &[("KUBERNETES_SERVICE_HOST", "10.0.0.1")],
                "torchrun",
                Some("kubernetes"),
            ),
            (
                &[
                    ("KUBERNETES_SERVICE_HOST", "10.0.0.1"),
                    ("SLURM_JOB_ID", "17"),
                ],
                "torchrun",
                Some("slurm"),
            ),
        ];
        for (pairs, launcher, expected) in cases {
            let found = scheduler(&environment(pairs), Some(&PublicStr::constant(launcher)));
            assert_eq!(
                found,
                expected.map(PublicStr::constant),
                "{pairs:?} {launcher}"
            );
        }
        assert_eq!(scheduler(&environment(&[]), None), None);
    }

    #[test]
    fn a_container_is_known_by_its_runtimes_traces() {
        let none = environment(&[]);
        let root = tempfile::tempdir().unwrap();
        assert_eq!(
            container(root.path(), &none),
            None,
            "nothing to be seen is no proof"
        );
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
        assert_eq!(
            container(root.path(), &environment(&[("APPTAINER_NAME", "x.sif")])),
            Some(true)
        );
        fs::write(root.path().join(".dockerenv"), "").unwrap();
        assert_eq!(container(root.path(), &none), Some(true));
    }

    #[test]
    fn the_linux_of_windows_is_known_by_its_kernel() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(wsl(root.path()), None);
        fs::create_dir_all(root.path().join("proc/sys/kernel")).unwrap();
        for (release, expected) in [
            ("5.15.153.1-microsoft-standard-WSL2\n", true),
            ("4.4.0-19041-Microsoft\n", true),
            ("6.8.0-1012-azure\n", false),
            ("6.18.44\n", false),
        ] {
            fs::write(root.path().join("proc/sys/kernel/osrelease"), release).unwrap();
            assert_eq!(wsl(root.path()), Some(expected), "{release}");
        }
    }
}
