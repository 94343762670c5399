//! From an interpreter's place to its version and its directories of packages, by CPython's own rules.
//!
//! A `pyvenv.cfg` beside or above the interpreter makes it a virtual environment, with the interpreter's path
//! as it was called; without one the prefix is where the file really is. The third number of the version is
//! taken from what the prefix has: `pyvenv.cfg`, conda's records, the directory's name, the C headers.

use crate::metrics::files;
use crate::metrics::start_facts::host::Environment;
use axolotl_run_core::limits;
use std::ffi::OsStr;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// A Python environment.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct PythonEnvironment {
    /// The version of Python as it was found.
    pub python: Option<String>,
    /// Directories of packages, in the order in which Python searches them.
    pub sites: Vec<PathBuf>,
}

/// The environment that an interpreter runs in.
pub fn of_interpreter(interpreter: &Path, environment: Environment<'_>) -> PythonEnvironment {
    let mut sites = SiteList::default();
    let path = environment("PYTHONPATH").unwrap_or_default();
    for path in std::env::split_paths(&path).take(limits::SEARCH_PATH_ENTRIES_MAX) {
        sites.add(path);
    }
    let bin = interpreter.parent().unwrap_or(Path::new(""));
    let beside = Venv::read(&bin.join("pyvenv.cfg"));
    let found = beside.or_else(|| Venv::read(&bin.join("../pyvenv.cfg")));
    let is_virtual = found.is_some();
    let venv = found.unwrap_or_default();
    let mut place = interpreter.to_owned();
    if !is_virtual && let Ok(real) = interpreter.canonicalize() {
        place = real;
    }
    let prefix = place.parent().unwrap_or(Path::new("")).join("..");
    let python = venv.version.or_else(|| version(&prefix, &place));
    if let Some(minor) = python.as_deref().map(minor) {
        if !is_virtual {
            sites.add_user(environment, minor);
        }
        sites.add_prefix(&prefix, minor);
        if let Some(home) = venv.system_packages {
            sites.add_user(environment, minor);
            sites.add_prefix(&home.join(".."), minor);
        }
    }
    PythonEnvironment {
        python,
        sites: sites.paths,
    }
}

/// The environment that a directory of packages belongs to: `PREFIX/lib/python3.11/site-packages`.
pub fn of_site(site: &Path) -> PythonEnvironment {
    let library = site.parent().unwrap_or(Path::new(""));
    let prefix = library.join("../..");
    let venv = Venv::read(&prefix.join("pyvenv.cfg"));
    let mut python = venv.and_then(|venv| venv.version);
    if python.is_none()
        && let Some(minor) = minor_of_name(library.file_name())
    {
        python = patch_version(&prefix, minor).or_else(|| Some(minor.to_owned()));
    }
    PythonEnvironment {
        python,
        sites: vec![site.to_owned()],
    }
}

/// What a `pyvenv.cfg` says.
#[derive(Default)]
struct Venv {
    version: Option<String>,
    /// The directory of the system's Python, where its packages can be used too.
    system_packages: Option<PathBuf>,
}

impl Venv {
    fn read(path: &Path) -> Option<Self> {
        let mut venv = Self::default();
        let mut has_system_packages = false;
        for line in files::text(path)?.lines() {
            let Some((key, value)) = line.split_once('=') else {
                continue;
            };
            let value = value.trim();
            match key.trim().to_ascii_lowercase().as_str() {
                "version" => venv.version = release(value),
                // virtualenv writes 3.11.2.final.0.
                "version_info" if venv.version.is_none() => venv.version = release(value),
                "include-system-site-packages" => {
                    has_system_packages = value.eq_ignore_ascii_case("true");
                }
                "home" => venv.system_packages = Some(PathBuf::from(value)),
                _ => {}
            }
        }
        if !has_system_packages {
            venv.system_packages = None;
        }
        Some(venv)
    }
}

/// The first three parts of a version.
fn release(text: &str) -> Option<String> {
    let parts: Vec<&str> = text.split('.').take(3).collect();
    let release = parts.join(".");
    is_version(&release).then_some(release)
}

/// `3.11` of `python3.11`. Debian's `python3` is for all of Python 3, and says nothing.
fn minor_of_name(name: Option<&OsStr>) -> Option<&str> {
    let version = name?.to_str()?.strip_prefix("python")?;
    version.contains('.').then_some(version)
}

/// The version of the Python that is installed in a prefix.
fn version(prefix: &Path, interpreter: &Path) -> Option<String> {
    let named = minor_of_name(interpreter.file_name()).map(str::to_owned);
    let minor = named.or_else(|| only_library(prefix))?;
    let version = patch_version(prefix, &minor).unwrap_or(minor);
    is_version(&version).then_some(version)
}

/// `python` and `python3` do not say a version: the prefix must have one library only.
fn only_library(prefix: &Path) -> Option<String> {
    let mut only = None;
    for name in files::names(&prefix.join("lib"), limits::PACKAGE_ENTRIES_MAX)? {
        if let Some(minor) = minor_of_name(Some(&name))
            && only.replace(minor.to_owned()).is_some()
        {
            return None;
        }
    }
    only
}

/// All three numbers, from one of the places that have them.
fn patch_version(prefix: &Path, minor: &str) -> Option<String> {
    let fits = |version: &&str| {
        let rest = version.strip_prefix(minor).unwrap_or_default();
        rest.starts_with('.') && is_version(version)
    };
    let records = files::names(&prefix.join("conda-meta"), limits::PACKAGE_ENTRIES_MAX);
    for name in records.unwrap_or_default() {
        let record = name.to_str().and_then(|name| name.strip_prefix("python-"));
        let version = record.and_then(|record| record.split('-').next());
        if let Some(version) = version.filter(fits) {
            return Some(version.to_owned());
        }
    }
    // pyenv: versions/3.11.7; uv: cpython-3.11.7-linux-x86_64-gnu.
    let real = prefix.canonicalize().unwrap_or_default();
    let name = real.file_name().unwrap_or_default().to_string_lossy();
    if let Some(version) = name.split('-').find(fits) {
        return Some(version.to_owned());
    }
    let header = prefix.join(format!("include/python{minor}/patchlevel.h"));
    let text = files::text(&header)?;
    let mut lines = text.lines();
    let version = lines.find_map(|line| line.strip_prefix("#define PY_VERSION"))?;
    let version = Some(version.trim().trim_matches('"')).filter(fits)?;
    Some(version.to_owned())
}

/// The first two numbers.
fn minor(version: &str) -> &str {
    let Some((end, _)) = version.match_indices('.').nth(1) else {
        return version;
    };
    version.get(..end).unwrap_or(version)
}

fn is_version(text: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '+';
    text.len() <= 16 && text.starts_with(|c: char| c.is_ascii_digit()) && text.chars().all(is_plain)
}

/// Directories of packages that exist, each once: `lib64` is often a link to `lib`.
#[derive(Default)]
struct SiteList {
    paths: Vec<PathBuf>,
    seen: Vec<(u64, u64)>,
}

impl SiteList {
    fn add(&mut self, path: PathBuf) {
        let Ok(metadata) = std::fs::metadata(&path) else {
            return;
        };
        let identity = (metadata.dev(), metadata.ino());
        if metadata.is_dir()
            && self.paths.len() < limits::PACKAGE_DIRECTORIES_MAX
            && !self.seen.contains(&identity)
        {
            self.seen.push(identity);
            self.paths.push(path);
        }
    }

    /// The directories of an installation, Debian's among them.
    fn add_prefix(&mut self, prefix: &Path, minor: &str) {
        for directory in [
            format!("local/lib/python{minor}/dist-packages"),
            format!("lib/python{minor}/site-packages"),
            format!("lib64/python{minor}/site-packages"),
            "lib/python3/dist-packages".to_owned(),
        ] {
            self.add(prefix.join(directory));
        }
    }

    /// The user's own directory; Python searches it before the installation's.
    fn add_user(&mut self, environment: Environment<'_>, minor: &str) {
        let set = |name| environment(name).filter(|value| !value.is_empty());
        if set("PYTHONNOUSERSITE").is_some() {
            return;
        }
        let base = match (set("PYTHONUSERBASE"), environment("HOME")) {
            (Some(base), _) => PathBuf::from(base),
            (None, Some(home)) => PathBuf::from(home).join(".local"),
            (None, None) => return,
        };
        self.add(base.join(format!("lib/python{minor}/site-packages")));
    }
}
