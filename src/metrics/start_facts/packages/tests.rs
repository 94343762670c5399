//! Python environments of the known sorts, as small copies of their files.

use super::*;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::PathBuf;

struct Disk(tempfile::TempDir);

impl Disk {
    fn new() -> Self {
        let disk = Self(tempfile::tempdir().unwrap());
        // The system's Python: Debian's, with its own packages.
        disk.program("usr/bin/python3.11", "\x7fELF");
        symlink("python3.11", disk.path("usr/bin/python3")).unwrap();
        disk.package(
            "usr/lib/python3/dist-packages",
            "sentencepiece-0.1.97.egg-info",
        );
        fs::create_dir_all(disk.path("usr/lib/python3.11")).unwrap();
        disk
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    fn file(&self, path: &str, text: &str) -> PathBuf {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text.replace("ROOT", self.0.path().to_str().unwrap())).unwrap();
        path
    }

    fn program(&self, path: &str, text: &str) -> PathBuf {
        let path = self.file(path, text);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    fn package(&self, site: &str, record: &str) {
        fs::create_dir_all(self.path(site).join(record)).unwrap();
    }

    /// A virtual environment with torch in it.
    fn venv(&self, name: &str, configuration: &str) {
        self.file(&format!("{name}/pyvenv.cfg"), configuration);
        fs::create_dir_all(self.path(name).join("bin")).unwrap();
        symlink(
            self.path("usr/bin/python3"),
            self.path(name).join("bin/python"),
        )
        .unwrap();
        self.package(
            &format!("{name}/lib/python3.11/site-packages"),
            "torch-2.8.0.dist-info",
        );
        symlink("lib", self.path(name).join("lib64")).unwrap();
    }

    /// Versions by a command; ROOT stands for the disk's place.
    fn versions(&self, command: &str, variables: &str) -> (Option<String>, Vec<String>) {
        let root = self.0.path().to_str().unwrap();
        let words: Vec<OsString> = command
            .split('|')
            .map(|word| word.replace("ROOT", root).into())
            .collect();
        let variables = variables.replace("ROOT", root);
        let environment = |name: &str| {
            let mut pairs = variables
                .split_whitespace()
                .filter_map(|pair| pair.split_once('='));
            pairs
                .find(|(key, _)| *key == name)
                .map(|(_, value)| OsString::from(value))
        };
        let mut start = Start::default();
        add_those_of_command(&mut start, &CommandLine::read(&words), &environment);
        said(start)
    }
}

fn said(start: Start) -> (Option<String>, Vec<String>) {
    let packages = start
        .packages
        .iter()
        .flatten()
        .map(|(name, version)| format!("{name} {version}"))
        .collect();
    (
        start.python_version.as_ref().map(ToString::to_string),
        packages,
    )
}

fn expected(python: &str, packages: &[&str]) -> (Option<String>, Vec<String>) {
    (
        Some(python.to_owned()),
        packages.iter().map(ToString::to_string).collect(),
    )
}

const UV: &str = "home = ROOT/usr/bin\nimplementation = CPython\nversion_info = 3.11.2\n";
const PATH: &str = "PATH=ROOT/nowhere:ROOT/venv/bin:ROOT/usr/bin";

#[test]
fn a_virtual_environment_is_found_however_it_is_called() {
    let disk = Disk::new();
    disk.venv("venv", UV);
    disk.program("venv/bin/axolotl", "#!ROOT/venv/bin/python\nimport sys\n");
    disk.program("venv/bin/env-script", "#!/usr/bin/env python\n");
    disk.program("venv/bin/env-s", "#!/usr/bin/env -S python -u\n");
    disk.program(
        "venv/bin/long",
        "#!/bin/sh\n'''exec' \"ROOT/venv/bin/python\" \"$0\" \"$@\"\n' '''\n",
    );
    disk.program(
        "venv/bin/long-uv",
        "#!/bin/sh\n'''exec' 'ROOT/venv/bin/python' \"$0\" \"$@\"\n' '''\n",
    );
    let movable = "#!/bin/sh\n'''exec' \"$(dirname -- \"$(realpath -- \"$0\")\")\"/'python' \"$0\" \"$@\"\n' '''\n";
    disk.program("venv/bin/movable", movable);
    for command in [
        "ROOT/venv/bin/python|train.py",
        "python|-m|axolotl.cli.train",
        "axolotl|train|cfg.yml",
        "env-script",
        "env-s",
        "long",
        "long-uv",
        "movable",
        "ROOT/venv/bin/axolotl",
    ] {
        assert_eq!(
            disk.versions(command, PATH),
            expected("3.11.2", &["torch 2.8.0"]),
            "{command}"
        );
    }
    // A tool that chooses the environment is often a Python script itself, in an environment of its own.
    disk.program("venv/bin/poetry", "#!ROOT/venv/bin/python\n");
    for command in [
        "poetry|run|python|train.py",
        "uv|run|python|train.py",
        "conda|run|-n|x|python|train.py",
    ] {
        assert_eq!(
            disk.versions(command, PATH),
            (None, Vec::new()),
            "{command}"
        );
    }
    assert_eq!(
        disk.versions("nice|-n|5|axolotl|train", PATH),
        expected("3.11.2", &["torch 2.8.0"])
    );
    disk.program("venv/bin/srun", "\x7fELF");
    for (command, known) in [
        ("srun|-N2|--unlisted|x|python|train.py", true),
        ("srun|nice|torchrun|--nnodes|2|ROOT/none.py", false),
        ("srun|uv|run|python|train.py", false),
        ("sudo|-E|timeout|9|axolotl|train", false),
        ("env|A=1|timeout|9|axolotl|train", true),
    ] {
        let (python, _) = disk.versions(command, PATH);
        assert_eq!(python.is_some(), known, "{command}");
    }
}

#[test]
fn what_leads_to_no_python_is_unknown() {
    let disk = Disk::new();
    disk.program("venv/bin/bash", "\x7fELF");
    disk.program(
        "venv/bin/python3",
        "#!/usr/bin/env bash\nexec pyenv exec python3\n",
    );
    disk.program("venv/bin/loop", "#!/bin/sh\n'''exec'");
    disk.program("venv/bin/shim", "#!/usr/bin/env python3\n");
    disk.file("venv/bin/not-executable", "#!ROOT/usr/bin/python3\n");
    disk.program("venv/bin/empty", "");
    nix::unistd::mkfifo(&disk.path("venv/bin/fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    for command in [
        "python3|train.py",
        "bash|run.sh",
        "loop",
        "shim",
        "not-executable",
        "empty",
        "none",
        "",
        "fifo",
    ] {
        assert_eq!(
            disk.versions(command, PATH),
            (None, Vec::new()),
            "{command}"
        );
    }
    assert_eq!(disk.versions("python3", ""), (None, Vec::new()), "no PATH");
}

#[test]
fn each_installer_notes_its_version_somewhere() {
    for (configuration, python) in [
        ("version = 3.11.4\n", "3.11.4"),
        ("home = /x\nversion_info = 3.11.9.final.0\n", "3.11.9"),
        ("VERSION=3.11.4", "3.11.4"),
    ] {
        let disk = Disk::new();
        disk.venv("venv", configuration);
        assert_eq!(
            disk.versions("python", PATH),
            expected(python, &["torch 2.8.0"]),
            "{configuration}"
        );
    }
    for prefix in [
        "conda",
        "cpython-3.11.7-linux-x86_64-gnu",
        "versions/3.11.7",
        "built",
    ] {
        let disk = Disk::new();
        disk.program(&format!("{prefix}/bin/python3.11"), "\x7fELF");
        disk.package(
            &format!("{prefix}/lib/python3.11/site-packages"),
            "torch-2.8.0.dist-info",
        );
        disk.file("conda/conda-meta/python-3.11.7-h955ad1f_0_cpython.json", "");
        disk.file("conda/conda-meta/python-dateutil-3.11.1-x.json", "");
        disk.file(
            "built/include/python3.11/patchlevel.h",
            "#define PY_MAJOR 3\n#define PY_VERSION      \t\"3.11.7\"\n",
        );
        symlink("python3.11", disk.path(prefix).join("bin/python")).unwrap();
        let command = format!("ROOT/{prefix}/bin/python");
        assert_eq!(
            disk.versions(&command, ""),
            expected("3.11.7", &["torch 2.8.0"]),
            "{prefix}"
        );
    }
}

#[test]
fn the_systems_packages_count_where_python_would_use_them() {
    let disk = Disk::new();
    disk.package(
        "home/.local/lib/python3.11/site-packages",
        "peft-0.20.0.dist-info",
    );
    disk.package(
        "usr/local/lib/python3.11/dist-packages",
        "trl-1.9.0.dist-info",
    );
    disk.package("extra", "ray-2.9.0.dist-info");
    let system = ["peft 0.20.0", "sentencepiece 0.1.97", "trl 1.9.0"];
    let home = "HOME=ROOT/home PATH=ROOT/usr/bin";
    assert_eq!(
        disk.versions("python3|t.py", home),
        expected("3.11", &system)
    );
    let no_user =
        "HOME=ROOT/home PATH=ROOT/usr/bin PYTHONNOUSERSITE=1 PYTHONPATH=ROOT/none:ROOT/extra";
    let with_extra = ["ray 2.9.0", "sentencepiece 0.1.97", "trl 1.9.0"];
    assert_eq!(
        disk.versions("python3|t.py", no_user),
        expected("3.11", &with_extra)
    );
    disk.venv("venv", UV);
    assert_eq!(
        disk.versions("python", &format!("HOME=ROOT/home {PATH}")),
        expected("3.11.2", &["torch 2.8.0"])
    );
    disk.venv(
        "shared",
        &format!("{UV}include-system-site-packages = TRUE\n"),
    );
    let all = [
        "peft 0.20.0",
        "sentencepiece 0.1.97",
        "torch 2.8.0",
        "trl 1.9.0",
    ];
    assert_eq!(
        disk.versions("ROOT/shared/bin/python", "HOME=ROOT/home"),
        expected("3.11.2", &all)
    );
}

#[test]
fn hostile_files_hold_nothing_up_and_say_nothing() {
    let disk = Disk::new();
    disk.venv("venv", UV);
    // A FIFO in the place of the configuration: whoever opens it to read waits for a writer.
    fs::remove_file(disk.path("venv/pyvenv.cfg")).unwrap();
    nix::unistd::mkfifo(&disk.path("venv/pyvenv.cfg"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let (python, _) = disk.versions("ROOT/venv/bin/python", "");
    assert_eq!(
        python.as_deref(),
        Some("3.11"),
        "without its configuration it is the system's Python"
    );
    fs::remove_file(disk.path("venv/pyvenv.cfg")).unwrap();
    disk.file(
        "venv/pyvenv.cfg",
        "version = /home/alice/secret\nhome = \nversion_info = \u{7}\n",
    );
    assert_ne!(
        disk.versions("ROOT/venv/bin/python", "").0.as_deref(),
        Some("/home/alice/secret")
    );
    // A record whose version is somebody's own text.
    disk.package(
        "venv/lib/python3.11/site-packages",
        "trl-1.0 alice.dist-info",
    );
    assert!(
        disk.versions("ROOT/venv/bin/python", "")
            .1
            .iter()
            .all(|said| !said.contains("alice"))
    );
    let mut loops = disk.path("loop");
    fs::create_dir_all(&loops).unwrap();
    loops.push("python");
    symlink(&loops, &loops).unwrap();
    assert_eq!(disk.versions("ROOT/loop/python", ""), (None, Vec::new()));
}

#[test]
fn running_processes_show_their_environment() {
    let disk = Disk::new();
    disk.venv("venv", UV);
    let mapped = "7f00-7f01 r-xp 00000000 fe:01 42    ROOT/venv/lib/python3.11/site-packages/torch/lib/libtorch.so\n";
    disk.file(
        "proc/70/maps",
        "7f00-7f01 r-xp 00000000 fe:01 42    /usr/bin/bash\n",
    );
    disk.file("proc/71/maps", mapped);
    disk.file("proc/72/maps", "");
    symlink(disk.path("usr/bin/python3.11"), disk.path("proc/72/exe")).unwrap();
    disk.file("proc/72/cmdline", "ROOT/venv/bin/python\0train.py\0");
    let proc = disk.path("proc");
    for (pids, known) in [
        (&[70, 71][..], true),
        (&[70, 72], true),
        (&[70], false),
        (&[99], false),
    ] {
        let versions = process::environment(&proc, pids).map(|python| {
            let mut start = Start::default();
            add_versions(&mut start, python);
            said(start)
        });
        assert_eq!(
            versions,
            known.then(|| expected("3.11.2", &["torch 2.8.0"])),
            "{pids:?}"
        );
    }
}

#[test]
fn later_knowledge_replaces_earlier_and_ignorance_does_not() {
    let disk = Disk::new();
    disk.package("first", "torch-2.8.0.dist-info");
    disk.package("second", "torch-2.9.0.dist-info");
    let mut start = Start::default();
    for (version, directory) in [(Some("3.11"), "first"), (None, "second"), (None, "none")] {
        let python = PythonEnvironment {
            version: version.and_then(axolotl_run_core::public::version::python),
            package_directories: vec![disk.path(directory)],
        };
        add_versions(&mut start, python);
    }
    assert_eq!(said(start), expected("3.11", &["torch 2.9.0"]));
}
