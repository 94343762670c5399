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
    let bin = interpreter.parent().unwrap_or(Path::new(""));
    let configuration = [bin.join("pyvenv.cfg"), bin.join("../pyvenv.cfg")]
        .into_iter()
        .find_map(|path| Venv::read(&path));
    let mut sites = SiteList::default();
    if let Some(path) = environment("PYTHONPATH") {
        std::env::split_paths(&path)
            .take(limits::SEARCH_PATH_ENTRIES_MAX)
            .for_each(|path| sites.add(path));
    }
    let python = match configuration {
        Some(venv) => {
            let prefix = bin.join("..");
            let python = venv.version.or_else(|| version(&prefix, interpreter));
            sites.add_prefix(&prefix, minor(python.as_deref()));
            if let Some(home) = venv.system_packages {
                sites.add_user(environment, minor(python.as_deref()));
                sites.add_prefix(&home.join(".."), minor(python.as_deref()));
            }
            python
        }
        None => {
            let real = interpreter
                .canonicalize()
                .unwrap_or_else(|_| interpreter.to_owned());
            let prefix = real.parent().map(|bin| bin.join("..")).unwrap_or_default();
            let python = version(&prefix, &real);
            sites.add_user(environment, minor(python.as_deref()));
            sites.add_prefix(&prefix, minor(python.as_deref()));
            python
        }
    };
    PythonEnvironment {
        python,
        sites: sites.paths,
    }
}

/// The environment that a directory of packages belongs to: `PREFIX/lib/python3.11/site-packages`.
pub fn of_site(site: &Path) -> PythonEnvironment {
    let library = site.parent().unwrap_or(Path::new(""));
    let prefix = library.join("../..");
    let minor = library
        .file_name()
        .and_then(OsStr::to_str)
        .and_then(|name| name.strip_prefix("python"));
    // Debian's directory is for all of Python 3.
    let minor = minor.filter(|version| version.contains('.'));
    let venv = Venv::read(&prefix.join("pyvenv.cfg")).and_then(|venv| venv.version);
    let python = venv
        .or_else(|| patch_version(&prefix, minor?))
        .or_else(|| minor.map(str::to_owned));
    PythonEnvironment {
        python,
        sites: vec![site.to_owned()],
    }
}

/// What a `pyvenv.cfg` says.
struct Venv {
    version: Option<String>,
    /// The directory of the system's Python, where its packages can be used too.
    system_packages: Option<PathBuf>,
}

impl Venv {
    fn read(path: &Path) -> Option<Self> {
        let text = files::text(path)?;
        let value = |wanted: &str| {
            let mut pairs = text.lines().filter_map(|line| line.split_once('='));
            pairs
                .find(|(key, _)| key.trim().eq_ignore_ascii_case(wanted))
                .map(|(_, value)| value.trim().to_owned())
        };
        // virtualenv writes 3.11.2.final.0.
        let version = value("version").or_else(|| value("version_info"));
        let version =
            version.map(|version| version.splitn(4, '.').take(3).collect::<Vec<_>>().join("."));
        let system = value("include-system-site-packages")
            .is_some_and(|value| value.eq_ignore_ascii_case("true"));
        let home = value("home").filter(|_| system).map(PathBuf::from);
        Some(Self {
            version: version.filter(|version| is_version(version)),
            system_packages: home,
        })
    }
}

/// The version of the Python that is installed in a prefix.
fn version(prefix: &Path, interpreter: &Path) -> Option<String> {
    let name = interpreter.file_name()?.to_str()?;
    let named = name
        .strip_prefix("python")
        .filter(|version| version.contains('.'))
        .map(str::to_owned);
    let minor = named.or_else(|| {
        // `python` and `python3` do not say: the prefix must have one library only.
        let names = files::names(&prefix.join("lib"), limits::PACKAGE_ENTRIES_MAX)?;
        let mut minors = names.iter().filter_map(|name| {
            name.to_str()?
                .strip_prefix("python")
                .filter(|v| v.contains('.'))
        });
        let only = minors.next()?.to_owned();
        minors.next().is_none().then_some(only)
    })?;
    Some(patch_version(prefix, &minor).unwrap_or(minor)).filter(|version| is_version(version))
}

/// All three numbers, from one of the places that have them.
fn patch_version(prefix: &Path, minor: &str) -> Option<String> {
    let fits = |version: &str| {
        is_version(version)
            && version
                .strip_prefix(minor)
                .is_some_and(|rest| rest.starts_with('.'))
    };
    let conda = || {
        let names = files::names(&prefix.join("conda-meta"), limits::PACKAGE_ENTRIES_MAX)?;
        names.iter().find_map(|name| {
            let version = name.to_str()?.strip_prefix("python-")?.split('-').next()?;
            fits(version).then(|| version.to_owned())
        })
    };
    // pyenv: versions/3.11.7; uv: cpython-3.11.7-linux-x86_64-gnu.
    let directory = || {
        let prefix = prefix.canonicalize().ok()?;
        let mut parts = prefix.file_name()?.to_str()?.split('-');
        parts.find(|part| fits(part)).map(str::to_owned)
    };
    let headers = || {
        let text = files::text(&prefix.join(format!("include/python{minor}/patchlevel.h")))?;
        let version = text
            .lines()
            .find_map(|line| line.strip_prefix("#define PY_VERSION"))?
            .trim()
            .trim_matches('"');
        fits(version).then(|| version.to_owned())
    };
    conda().or_else(directory).or_else(headers)
}

/// The first two numbers.
fn minor(version: Option<&str>) -> Option<&str> {
    let version = version?;
    let end = version
        .match_indices('.')
        .nth(1)
        .map_or(version.len(), |(at, _)| at);
    version.get(..end)
}

fn is_version(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_digit())
        && text.len() <= 16
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'+')
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
    fn add_prefix(&mut self, prefix: &Path, minor: Option<&str>) {
        let Some(minor) = minor else { return };
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
    fn add_user(&mut self, environment: Environment<'_>, minor: Option<&str>) {
        let off = environment("PYTHONNOUSERSITE").is_some_and(|value| !value.is_empty());
        let base = environment("PYTHONUSERBASE")
            .filter(|base| !base.is_empty())
            .map(PathBuf::from);
        let base = base.or_else(|| Some(PathBuf::from(environment("HOME")?).join(".local")));
        if let (false, Some(base), Some(minor)) = (off, base, minor) {
            self.add(base.join(format!("lib/python{minor}/site-packages")));
        }
    }
}
