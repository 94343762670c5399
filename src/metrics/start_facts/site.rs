//! Where a run is at home: a service of continuous integration, a batch system, a container, the Linux of Windows.
//!
//! Each of them leaves a variable or a file of its own, by whose name it is known. Of a variable only that it is set is
//! looked at: its value is a job's name, an address or a number that is nobody's business. So the answers are words of
//! the tables below, yes, no, or nothing where it cannot be told. Called once, for the start event.

use crate::metrics::files;
use axolotl_run_core::launch::Environment;
use axolotl_run_core::public::PublicStr;
use std::path::Path;

/// A name, and a variable that nobody else sets.
type Sign = (&'static str, &'static str);

/// Services of continuous integration. Gitea and Forgejo also set GitHub's variable, so they come before it.
const CI_SYSTEMS: &[Sign] = &[
    ("forgejo_actions", "FORGEJO_ACTIONS"),
    ("gitea_actions", "GITEA_ACTIONS"),
    ("github_actions", "GITHUB_ACTIONS"),
    ("gitlab_ci", "GITLAB_CI"),
    ("buildkite", "BUILDKITE"),
    ("circleci", "CIRCLECI"),
    ("travis_ci", "TRAVIS"),
    ("jenkins", "JENKINS_URL"),
    ("teamcity", "TEAMCITY_VERSION"),
    ("azure_pipelines", "TF_BUILD"),
    ("appveyor", "APPVEYOR"),
    ("drone", "DRONE"),
    ("bitbucket_pipelines", "BITBUCKET_BUILD_NUMBER"),
    ("aws_codebuild", "CODEBUILD_BUILD_ID"),
    ("cirrus_ci", "CIRRUS_CI"),
    ("semaphore", "SEMAPHORE"),
    ("woodpecker", "WOODPECKER_CI"),
];

/// Batch systems and what else places runs on machines. Kubernetes comes last: it often carries one of the others.
const SCHEDULERS: &[Sign] = &[
    ("slurm", "SLURM_JOB_ID"),
    ("pbs", "PBS_JOBID"),
    ("lsf", "LSB_JOBID"),
    ("grid_engine", "SGE_TASK_ID"),
    ("htcondor", "_CONDOR_JOB_AD"),
    ("flux", "FLUX_JOB_ID"),
    ("oar", "OAR_JOB_ID"),
    ("cobalt", "COBALT_JOBID"),
    ("sagemaker", "SM_TRAINING_ENV"),
    ("azure_ml", "AZUREML_RUN_ID"),
    ("vertex_ai", "CLOUD_ML_JOB_ID"),
    ("aws_batch", "AWS_BATCH_JOB_ID"),
    ("skypilot", "SKYPILOT_TASK_ID"),
    ("nomad", "NOMAD_ALLOC_ID"),
    ("kubernetes", "KUBERNETES_SERVICE_HOST"),
];

/// Variables that say a container's runtime was here.
const CONTAINER_VARIABLES: &[&str] = &[
    "KUBERNETES_SERVICE_HOST",
    "APPTAINER_CONTAINER",
    "SINGULARITY_CONTAINER",
    "APPTAINER_NAME",
    "SINGULARITY_NAME",
];

/// Files that the runtimes of containers leave.
const CONTAINER_FILES: &[&str] = &[
    ".dockerenv",
    "run/.containerenv",
    ".singularity.d",
    "run/systemd/container",
];

/// Parts of control groups' paths that are those of containers.
const CONTAINER_GROUPS: &[&str] = &[
    "/docker",
    "/kubepods",
    "/containerd",
    "/crio-",
    "/libpod-",
    "/lxc/",
    "/podman",
];

fn is_set(environment: Environment<'_>, name: &str) -> bool {
    environment(name).is_some_and(|value| !value.is_empty())
}

fn first(signs: &[Sign], environment: Environment<'_>) -> Option<PublicStr> {
    let mut signs = signs.iter();
    let (name, _) = signs.find(|(_, variable)| is_set(environment, variable))?;
    Some(PublicStr::constant(name))
}

/// Whether the run is a job of continuous integration.
pub fn ci(environment: Environment<'_>) -> bool {
    let said = environment("CI").is_some_and(|value| {
        let value = value.to_string_lossy().to_ascii_lowercase();
        !matches!(value.trim(), "" | "0" | "false" | "no" | "off")
    });
    said || ci_system(environment).is_some()
}

/// Of which service it is a job. Woodpecker puts its name into `CI`, where all others have a switch.
pub fn ci_system(environment: Environment<'_>) -> Option<PublicStr> {
    let found = first(CI_SYSTEMS, environment);
    if found.is_none() && environment("CI")? == "woodpecker" {
        return Some(PublicStr::constant("woodpecker"));
    }
    found
}

/// What has placed the run on this machine. `launcher`: what starts its workers; `srun` asks Slurm for a place itself,
/// and need not be called from within a job.
pub fn scheduler(environment: Environment<'_>, launcher: Option<&PublicStr>) -> Option<PublicStr> {
    match launcher {
        Some(launcher) if launcher.as_str() == "srun" => Some(PublicStr::constant("slurm")),
        _ => first(SCHEDULERS, environment),
    }
}

/// Whether the run is in a container. False is said only where the signs can be looked for.
pub fn container(root: &Path, environment: Environment<'_>) -> Option<bool> {
    let set = |name: &&str| is_set(environment, name);
    if CONTAINER_VARIABLES.iter().any(set)
        || CONTAINER_FILES.iter().any(|name| root.join(name).exists())
    {
        return Some(true);
    }
    let groups = files::text(&root.join("proc/self/cgroup"))?;
    Some(CONTAINER_GROUPS.iter().any(|part| groups.contains(part)))
}

/// Whether the kernel is the one that Windows runs (WSL). Its release says so in both versions, in containers too.
pub fn wsl(root: &Path) -> Option<bool> {
    let release = files::text(&root.join("proc/sys/kernel/osrelease"))?;
    Some(release.to_ascii_lowercase().contains("microsoft"))
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
