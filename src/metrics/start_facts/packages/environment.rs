//! From an interpreter's place to its version and its directories of packages, by CPython's own rules.
//!
//! A `pyvenv.cfg` beside or above the interpreter makes it a virtual environment, with the interpreter's path
//! as it was called; without one the prefix is where the file really is. The third number of the version is
//! taken from what the prefix has: `pyvenv.cfg`, conda's records, the directory's name, the C headers.

use crate::metrics::files;
use axolotl_run_core::launch::Environment;
use axolotl_run_core::limits;
use axolotl_run_core::public::{PublicStr, version};
use std::path::{Path, PathBuf};

/// A Python environment.
#[derive(Default)]
pub struct PythonEnvironment {
    /// The version of Python; without its third number where only a name of a directory gives it away.
    pub version: Option<PublicStr>,
    /// Directories of packages that exist, each once, in the order in which Python searches them.
    pub package_directories: Vec<PathBuf>,
}

/// The environment that an interpreter runs in.
pub fn of_interpreter(interpreter: &Path, environment: Environment<'_>) -> PythonEnvironment {
    let mut python = PythonEnvironment::default();
    let search_path = environment("PYTHONPATH").unwrap_or_default();
    for directory in std::env::split_paths(&search_path).take(limits::SEARCH_PATH_ENTRIES_MAX) {
        python.add_directory(&directory);
    }
    let called_directory = directory_of(interpreter);
    let virtual_environment = VirtualEnvironment::read(&called_directory.join("pyvenv.cfg"))
        .or_else(|| VirtualEnvironment::read(&called_directory.join("../pyvenv.cfg")));
    let is_virtual = virtual_environment.is_some();
    let virtual_environment = virtual_environment.unwrap_or_default();
    let mut program = interpreter.to_owned();
    if !is_virtual && let Ok(real_program) = interpreter.canonicalize() {
        program = real_program;
    }
    let prefix = directory_of(&program).join("..");
    python.version = virtual_environment
        .version
        .or_else(|| installed_version(&prefix, &program));
    let Some(version) = python.version.clone() else {
        return python;
    };
    let minor_version = first_parts(version.as_str(), 2);
    if !is_virtual {
        python.add_user_directory(environment, &minor_version);
    }
    python.add_installation(&prefix, &minor_version);
    if let Some(system_programs) = virtual_environment.system_programs {
        python.add_user_directory(environment, &minor_version);
        python.add_installation(&system_programs.join(".."), &minor_version);
    }
    python
}

/// The environment that a directory of packages belongs to: `PREFIX/lib/python3.11/site-packages`.
pub fn of_package_directory(package_directory: &Path) -> PythonEnvironment {
    let library = directory_of(package_directory);
    let prefix = library.join("../..");
    let virtual_environment = VirtualEnvironment::read(&prefix.join("pyvenv.cfg"));
    let mut version = virtual_environment.and_then(|found| found.version);
    if version.is_none()
        && let Some(minor_version) = minor_of_name(library)
    {
        version = version_with_patch(&prefix, minor_version);
    }
    PythonEnvironment {
        version,
        package_directories: vec![package_directory.to_owned()],
    }
}

fn directory_of(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new(""))
}

/// What a `pyvenv.cfg` says.
#[derive(Default)]
struct VirtualEnvironment {
    version: Option<PublicStr>,
    /// The directory of the system's Python, where its packages can be used too.
    system_programs: Option<PathBuf>,
}

impl VirtualEnvironment {
    fn read(path: &Path) -> Option<Self> {
        let mut found = Self::default();
        let mut has_system_packages = false;
        let configuration = files::read_text(path);
        if configuration.is_empty() {
            return None;
        }
        for line in configuration.lines() {
            let Some((key, value)) = line.split_once('=') else {
                continue;
            };
            let value = value.trim();
            // virtualenv writes 3.11.2.final.0.
            let release = version::python(&first_parts(value, 3));
            match key.trim().to_ascii_lowercase().as_str() {
                "version" => found.version = release,
                "version_info" => found.version = found.version.or(release),
                "include-system-site-packages" => {
                    has_system_packages = value.eq_ignore_ascii_case("true");
                }
                "home" => found.system_programs = Some(value.into()),
                _ => {}
            }
        }
        if !has_system_packages {
            found.system_programs = None;
        }
        Some(found)
    }
}

/// The first so many parts of a version.
fn first_parts(version: &str, count: usize) -> String {
    let parts: Vec<&str> = version.split('.').take(count).collect();
    parts.join(".")
}

/// `3.11` of `python3.11`. Debian's `python3` is for all of Python 3, and says nothing.
fn minor_of_name(path: &Path) -> Option<&str> {
    let version = path.file_name()?.to_str()?.strip_prefix("python")?;
    version.contains('.').then_some(version)
}

/// The version of the Python that is installed in a prefix.
fn installed_version(prefix: &Path, interpreter: &Path) -> Option<PublicStr> {
    if let Some(minor_version) = minor_of_name(interpreter) {
        return version_with_patch(prefix, minor_version);
    }
    // `python` and `python3` do not say a version: the prefix must have one library only.
    let mut only_minor = None;
    for name in files::entry_names(&prefix.join("lib"), limits::PACKAGE_ENTRIES_MAX) {
        if let Some(minor_version) = minor_of_name(Path::new(&name))
            && only_minor.replace(minor_version.to_owned()).is_some()
        {
            return None;
        }
    }
    version_with_patch(prefix, &only_minor?)
}

/// All three numbers of a version, from one of the places that have them, or the two that are known.
fn version_with_patch(prefix: &Path, minor_version: &str) -> Option<PublicStr> {
    let mut texts = Vec::new();
    let conda_records = files::entry_names(&prefix.join("conda-meta"), limits::PACKAGE_ENTRIES_MAX);
    for record in conda_records {
        if let Some(version) = record.to_string_lossy().strip_prefix("python-")
            && version.starts_with(minor_version)
        {
            texts.push(version.to_owned());
        }
    }
    // pyenv: versions/3.11.7; uv: cpython-3.11.7-linux-x86_64-gnu.
    let real_prefix = prefix.canonicalize().unwrap_or_default();
    let prefix_name = real_prefix.file_name().unwrap_or_default();
    texts.push(prefix_name.to_string_lossy().into_owned());
    let header =
        files::read_text(&prefix.join(format!("include/python{minor_version}/patchlevel.h")));
    for line in header.lines() {
        if line.starts_with("#define PY_VERSION ") {
            texts.push(line.to_owned());
        }
    }
    for text in texts {
        for part in text.split(['-', '"']) {
            let patch = part.strip_prefix(minor_version).unwrap_or_default();
            if patch.starts_with('.')
                && let Some(version) = version::python(part)
            {
                return Some(version);
            }
        }
    }
    version::python(minor_version)
}

impl PythonEnvironment {
    fn add_directory(&mut self, path: &Path) {
        // `lib64` is often a link to `lib`.
        if let Ok(directory) = path.canonicalize()
            && self.package_directories.len() < limits::PACKAGE_DIRECTORIES_MAX
            && !self.package_directories.contains(&directory)
        {
            self.package_directories.push(directory);
        }
    }

    /// The directories of an installation, Debian's among them.
    fn add_installation(&mut self, prefix: &Path, minor_version: &str) {
        for directory in [
            format!("local/lib/python{minor_version}/dist-packages"),
            format!("lib/python{minor_version}/site-packages"),
            format!("lib64/python{minor_version}/site-packages"),
            "lib/python3/dist-packages".to_owned(),
        ] {
            self.add_directory(&prefix.join(directory));
        }
    }

    /// The user's own directory; Python searches it before the installation's.
    fn add_user_directory(&mut self, environment: Environment<'_>, minor_version: &str) {
        let variable = |name| environment(name).filter(|value| !value.is_empty());
        if variable("PYTHONNOUSERSITE").is_some() {
            return;
        }
        let base = match (variable("PYTHONUSERBASE"), environment("HOME")) {
            (Some(base), _) => PathBuf::from(base),
            (None, Some(home)) => PathBuf::from(home).join(".local"),
            (None, None) => return,
        };
        self.add_directory(&base.join(format!("lib/python{minor_version}/site-packages")));
    }
}
