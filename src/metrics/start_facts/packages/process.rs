//! From running processes to their Python environment.
//!
//! A training process has mapped the extension modules that it imported: their paths say which environment is
//! used, whatever wrapper or shell script started it. The one with torch is the training's; any other is better
//! than none. A Python that has mapped nothing yet is known by how it was called.

use super::environment::{PythonEnvironment, of_interpreter, of_package_directory};
use super::interpreter::is_python;
use crate::metrics::files;
use axolotl_run_core::limits;
use memchr::memmem;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

/// Bytes of /proc/PID/maps that are read; a training process has 2,000 mappings of 150 bytes.
const MAPS_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Processes whose mappings are looked at for the versions of packages.
const MAPS_PROCESSES_MAX: usize = 32;

/// The environment that the processes show best.
pub fn environment(procfs: &Path, pids: &[u32]) -> Option<PythonEnvironment> {
    let mut best = None;
    for pid in pids.iter().take(MAPS_PROCESSES_MAX) {
        let process = procfs.join(pid.to_string());
        let Some((python, has_torch)) = of_process(&process) else {
            continue;
        };
        if has_torch {
            return Some(python);
        }
        best = best.or(Some(python));
    }
    best
}

/// The environment of one process, and whether it has torch, and so surely is the training's.
fn of_process(process: &Path) -> Option<(PythonEnvironment, bool)> {
    let maps = files::read_bytes(&process.join("maps"), MAPS_BYTES_MAX)?;
    if let Some((directory, has_torch)) = mapped_directory(&maps)
        && let Some(directory) = seen_from_here(process, directory)
    {
        return Some((of_package_directory(&directory), has_torch));
    }
    let mut interpreter = std::fs::read_link(process.join("exe")).ok()?;
    if !is_python(&interpreter) {
        return None;
    }
    let arguments = files::read_bytes(&process.join("cmdline"), limits::KERNEL_FILE_BYTES_MAX)?;
    let called_as = arguments.split(|byte| *byte == 0).next()?;
    let called_as = Path::new(OsStr::from_bytes(called_as));
    if called_as.is_absolute() && is_python(called_as) {
        interpreter = called_as.to_owned();
    }
    let interpreter = seen_from_here(process, &interpreter)?;
    Some((of_interpreter(&interpreter, &|_| None), false))
}

/// The directory of packages from which something is mapped, and whether that is torch: torch's, else the first.
fn mapped_directory(maps: &[u8]) -> Option<(&Path, bool)> {
    let mut first = None;
    for line in maps.split(|byte| *byte == b'\n') {
        for name in ["/site-packages/", "/dist-packages/"] {
            let Some(position) = memmem::find(line, name.as_bytes()) else {
                continue;
            };
            let (directory, file) = line.split_at(position + name.len() - 1);
            // What comes before the path has no slash.
            let path_start = memchr::memchr(b'/', directory)?;
            let directory = Path::new(OsStr::from_bytes(directory.get(path_start..)?));
            if file.starts_with(b"/torch/") {
                return Some((directory, true));
            }
            first = first.or(Some((directory, false)));
        }
    }
    first
}

/// A path of the process's, as we reach it: in a container of its own its files are below its root.
fn seen_from_here(process: &Path, path: &Path) -> Option<PathBuf> {
    let in_container = process
        .join("root")
        .join(path.strip_prefix("/").unwrap_or(path));
    if in_container.exists() {
        return Some(in_container);
    }
    path.exists().then(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn torchs_mapping_comes_before_others() {
        let numpy = "7f00-7f01 r-xp 00000000 fe:01 42    /v/a/lib/python3.11/site-packages/numpy/core/x.so\n";
        let torch = "7f00-7f01 r-xp 00000000 fe:01 42    /v/b c/lib/python3.11/site-packages/torch/lib/y.so\n";
        let debian = "7f00-7f01 r-xp 00000000 fe:01 42    /usr/lib/python3/dist-packages/z.so\n";
        let rest = "7f00-7f01 rw-p 00000000 00:00 0    [heap]\n7f00-7f01 r--p 00000000 fe:01 9 /usr/lib/libc.so.6\n";
        for (maps, expected) in [
            (
                format!("{rest}{numpy}{torch}"),
                Some(("/v/b c/lib/python3.11/site-packages", true)),
            ),
            (
                format!("{rest}{numpy}"),
                Some(("/v/a/lib/python3.11/site-packages", false)),
            ),
            (
                debian.to_owned(),
                Some(("/usr/lib/python3/dist-packages", false)),
            ),
            (rest.to_owned(), None),
            (String::new(), None),
        ] {
            let expected = expected.map(|(path, certain)| (Path::new(path), certain));
            assert_eq!(mapped_directory(maps.as_bytes()), expected);
        }
    }
}
