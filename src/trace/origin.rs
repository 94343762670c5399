//! Where a frame's code comes from, and what of it is public.
//!
//! A path is the user's: it names his home, his project, his customers. What may be told is the part of it
//! that every installation of a public release shares: the path below site-packages or the standard library,
//! and that only if the dictionary has it byte for byte. Of everything else only the kind of code is told.
//!
//! The last `site-packages` counts, and the whole remainder behind it: a private package that vendors
//! `torch/nn/functional.py` is a private package. In a source checkout the longest suffix that begins with a
//! public package and is in the dictionary counts, never the shortest: `torch/multiprocessing/spawn.py` is
//! not the standard library's `multiprocessing/spawn.py`.

use crate::event::Frame;
use crate::limits::TRACE_LINE_NUMBER_MAX;
use crate::public::{PublicStr, dictionary};

/// Path components deeper than this are no installation's.
const COMPONENTS_MAX: usize = 64;

/// Modules that the interpreter has frozen into itself, and the file that each was made of.
const FROZEN: &[(&str, &str)] = &[
    ("<frozen importlib._bootstrap>", "importlib/_bootstrap.py"),
    ("<frozen importlib._bootstrap_external>", "importlib/_bootstrap_external.py"),
    ("<frozen runpy>", "runpy.py"),
    ("<frozen zipimport>", "zipimport.py"),
    ("<frozen site>", "site.py"),
    ("<frozen os>", "os.py"),
    ("<frozen posixpath>", "posixpath.py"),
    ("<frozen ntpath>", "ntpath.py"),
    ("<frozen genericpath>", "genericpath.py"),
    ("<frozen codecs>", "codecs.py"),
    ("<frozen io>", "io.py"),
    ("<frozen abc>", "abc.py"),
    ("<frozen stat>", "stat.py"),
    ("<frozen _collections_abc>", "_collections_abc.py"),
    ("<frozen _sitebuiltins>", "_sitebuiltins.py"),
    ("<frozen importlib.util>", "importlib/util.py"),
    ("<frozen importlib.machinery>", "importlib/machinery.py"),
    ("<frozen getpath>", "getpath.py"),
];

/// Other names in angle brackets that everybody has.
const PSEUDO_FILES: &[&str] =
    &["<string>", "<stdin>", "<template>", "<console>", "<unknown>", "<__array_function__ internals>"];

/// A frame with what is public of it.
#[must_use]
pub fn frame(path: &str, line: Option<u64>, function: Option<&str>) -> Frame {
    let mut frame = place(path, function);
    frame.line = line.filter(|line| *line <= TRACE_LINE_NUMBER_MAX);
    frame
}

fn place(path: &str, function: Option<&str>) -> Frame {
    let path = path.trim();
    if path.starts_with('<') {
        return pseudo(path, function);
    }
    let slashes = path.replace('\\', "/");
    if ["/ipykernel_", "Cell In", "Input In"].iter().any(|sign| slashes.contains(sign)) || slashes.ends_with(".ipynb") {
        return kind("notebook", function);
    }
    if slashes.contains("/transformers_modules/") || slashes.starts_with("transformers_modules/") {
        return kind("remote_code", function);
    }
    if slashes.contains("torchinductor_") || slashes.contains("/torch_compile_debug/") {
        return kind("generated", function);
    }
    // Cython prints the path of its own source tree, without an installation's in front.
    if (slashes.ends_with(".pyx") || slashes.ends_with(".pxi") || slashes.ends_with(".pxd"))
        && let Some(found) = known(&slashes, function)
    {
        return found;
    }
    let parts: Vec<&str> = slashes.split('/').filter(|part| !part.is_empty()).take(COMPONENTS_MAX).collect();
    let below = |at: usize| parts.get(at..).unwrap_or_default().join("/");
    if let Some(at) = parts.iter().rposition(|part| matches!(*part, "site-packages" | "dist-packages")) {
        let relative = below(at.saturating_add(1));
        return known(&relative, function)
            .unwrap_or_else(|| unknown_file(parts.get(at.saturating_add(1)).copied(), function));
    }
    if let Some(at) = standard_library(&parts) {
        return known(&below(at), function).unwrap_or_else(|| kind("stdlib", function));
    }
    if let [.., "bin" | "Scripts", script] = parts.as_slice()
        && let Some(file) = dictionary::file(&format!("bin/{script}"))
    {
        return Frame { file: Some(file), ..kind("script", function) };
    }
    let starts = parts.iter().enumerate().filter(|(_, part)| dictionary::package(part).is_some());
    for (at, _) in starts {
        if let Some(found) = known(&below(at), function) {
            return found;
        }
    }
    kind("user", function)
}

/// The index of the first component below the last standard library: behind `lib/python3.12`, or behind
/// the `Lib` of an installation on Windows.
fn standard_library(parts: &[&str]) -> Option<usize> {
    let at = parts.windows(2).rposition(|pair| {
        let [parent, child] = pair else { return false };
        let versioned = child
            .strip_prefix("python3")
            .is_some_and(|version| version.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.' || byte == b't'));
        matches!(*parent, "lib" | "lib64" | "Lib") && versioned
            || *child == "Lib" && parent.to_ascii_lowercase().starts_with("python")
    })?;
    Some(at.saturating_add(2))
}

/// The frame of a file that the dictionary has.
fn known(relative: &str, function: Option<&str>) -> Option<Frame> {
    let file = dictionary::file(relative)?;
    let top = relative.split('/').next().unwrap_or(relative);
    let top = top.strip_suffix(".py").unwrap_or(top);
    let origin = dictionary::package(top).unwrap_or(PublicStr::constant("stdlib"));
    let function = function.and_then(|function| dictionary::function(relative, function));
    Some(Frame { origin: Some(origin), file: Some(file), function, ..Frame::default() })
}

/// The frame of a file below site-packages that the dictionary has not: perhaps a newer release of a public package.
fn unknown_file(top: Option<&str>, function: Option<&str>) -> Frame {
    let package = top.and_then(|top| dictionary::package(top.strip_suffix(".py").unwrap_or(top)));
    Frame { origin: package.or(Some(PublicStr::constant("other_package"))), ..kind("other_package", function) }
}

/// The frame of a file with a name in angle brackets.
fn pseudo(path: &str, function: Option<&str>) -> Frame {
    if let Some((name, file)) = FROZEN.iter().find(|(name, _)| *name == path) {
        let function = function.and_then(|function| dictionary::function(file, function));
        return Frame {
            origin: Some(PublicStr::constant("stdlib")),
            file: Some(PublicStr::constant(name)),
            function,
            ..Frame::default()
        };
    }
    let name = PSEUDO_FILES.iter().find(|name| **name == path);
    let origin = if path.starts_with("<ipython-input-") { "notebook" } else { "generated" };
    Frame { file: name.map(|name| PublicStr::constant(name)), ..kind(origin, function) }
}

/// A frame of which only the kind is public, and whether its code has a name at all.
fn kind(origin: &'static str, function: Option<&str>) -> Frame {
    // No file of the dictionary has this name: what is answered is one of the interpreter's own.
    let function = function.and_then(|function| dictionary::function("", function));
    Frame { origin: Some(PublicStr::constant(origin)), function, ..Frame::default() }
}
