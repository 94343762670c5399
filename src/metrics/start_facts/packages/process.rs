//! From running processes to their Python environment.
//!
//! A training process has mapped the extension modules that it imported: their paths say which environment is
//! used, whatever wrapper or shell script started it. The one with torch is the training's; any other is better
//! than none. A Python that has mapped nothing yet is known by how it was called.

use super::environment::{PythonEnvironment, of_interpreter, of_site};
use super::interpreter::is_python;
use crate::metrics::files;
use axolotl_run_core::limits;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

/// Bytes of /proc/PID/maps that are read; a training process has 2,000 mappings of 150 bytes.
const MAPS_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Processes whose mappings are looked at for the versions of packages.
const MAPS_PROCESSES_MAX: usize = 32;

/// The environment that the processes show best.
pub fn environment(proc: &Path, pids: &[u32]) -> Option<PythonEnvironment> {
    let mut best = None;
    for pid in pids.iter().take(MAPS_PROCESSES_MAX) {
        let process = proc.join(pid.to_string());
        let Some((found, certain)) = of_process(&process) else {
            continue;
        };
        if certain {
            return Some(found);
        }
        best = best.or(Some(found));
    }
    best
}

/// The environment of one process, and whether it is surely the training's.
fn of_process(process: &Path) -> Option<(PythonEnvironment, bool)> {
    let maps = files::bytes(&process.join("maps"), MAPS_BYTES_MAX)?;
    if let Some((site, has_torch)) = mapped_site(&maps)
        && let Some(site) = seen_from_here(process, site)
    {
        return Some((of_site(&site), has_torch));
    }
    let program = std::fs::read_link(process.join("exe")).ok()?;
    if !is_python(&program) {
        return None;
    }
    let words = files::bytes(&process.join("cmdline"), limits::KERNEL_FILE_BYTES_MAX)?;
    let first = words.split(|byte| *byte == 0).next()?;
    let mut called = PathBuf::from(OsStr::from_bytes(first));
    if !called.is_absolute() || !is_python(&called) {
        called = program;
    }
    let interpreter = seen_from_here(process, &called)?;
    Some((of_interpreter(&interpreter, &|_| None), false))
}

/// The directory of packages from which something is mapped: torch's, else the first.
fn mapped_site(maps: &[u8]) -> Option<(&Path, bool)> {
    let mut first = None;
    for line in maps.split(|byte| *byte == b'\n') {
        let Some(start) = memchr::memchr(b'/', line) else {
            continue;
        };
        let path = line.get(start..).unwrap_or_default();
        for directory in [&b"/site-packages/"[..], b"/dist-packages/"] {
            let Some(at) = memchr::memmem::find(path, directory) else {
                continue;
            };
            let (site, rest) = path.split_at(at + directory.len() - 1);
            let site = Path::new(OsStr::from_bytes(site));
            if rest.starts_with(b"/torch/") {
                return Some((site, true));
            }
            first = first.or(Some((site, false)));
        }
    }
    first
}

/// A path of the process's, as we reach it: in a container of its own its files are below its root.
fn seen_from_here(process: &Path, path: &Path) -> Option<PathBuf> {
    let root = process.join("root");
    let below = root.join(path.strip_prefix("/").unwrap_or(path));
    let mut places = [below, path.to_owned()].into_iter();
    places.find(|path| path.exists())
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
            assert_eq!(mapped_site(maps.as_bytes()), expected);
        }
    }
}
