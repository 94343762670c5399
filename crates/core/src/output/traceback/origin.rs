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
use memchr::memmem::FinderRev;
use std::borrow::Cow;
use std::sync::LazyLock;

/// Path components deeper than this are no installation's.
const COMPONENTS_MAX: usize = 64;

/// Modules that the interpreter has frozen into itself, and the file that each was made of.
const FROZEN: &[(&str, &str)] = &[
    ("<frozen importlib._bootstrap>", "importlib/_bootstrap.py"),
    (
        "<frozen importlib._bootstrap_external>",
        "importlib/_bootstrap_external.py",
    ),
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
const PSEUDO_FILES: &[&str] = &[
    "<string>",
    "<stdin>",
    "<template>",
    "<console>",
    "<unknown>",
    "<__array_function__ internals>",
];

/// A frame with what is public of it.
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
    let path = with_plain_slashes(path);
    // Nearly every frame is one of these; what the dictionary has needs no further question.
    if let Some(relative) = below_packages(&path)
        && let Some(found) = known(relative, function)
    {
        return found;
    }
    let parts = Parts::of(&path);
    if let Some(origin) = parts.telling(&path) {
        return kind(origin, function);
    }
    // Cython prints the path of its own source tree, without an installation's in front.
    if (path.ends_with(".pyx") || path.ends_with(".pxi") || path.ends_with(".pxd"))
        && let Some(found) = known(&path, function)
    {
        return found;
    }
    let parts = &parts.0;
    if let Some(at) = parts
        .iter()
        .rposition(|(_, part)| matches!(*part, "site-packages" | "dist-packages"))
    {
        let top = parts.get(at.saturating_add(1)).copied();
        let relative = top
            .and_then(|(from, _)| path.get(from..))
            .unwrap_or_default();
        return known(relative, function)
            .unwrap_or_else(|| unknown_file(top.map(|(_, part)| part), function));
    }
    if let Some(at) = standard_library(parts) {
        let relative = parts
            .get(at)
            .and_then(|(from, _)| path.get(*from..))
            .unwrap_or_default();
        return known(relative, function).unwrap_or_else(|| kind("stdlib", function));
    }
    if let [.., (_, "bin" | "Scripts"), (_, script)] = parts.as_slice()
        && let Some(file) = dictionary::file(&format!("bin/{script}"))
    {
        return Frame {
            file: Some(file),
            ..kind("script", function)
        };
    }
    let starts = parts
        .iter()
        .filter(|(_, part)| dictionary::package(part).is_some());
    for (from, _) in starts {
        if let Some(found) = path
            .get(*from..)
            .and_then(|relative| known(relative, function))
        {
            return found;
        }
    }
    kind("user", function)
}

/// What stands below the last folder of installed packages.
fn below_packages(path: &str) -> Option<&str> {
    static FOLDER: LazyLock<FinderRev<'static>> = LazyLock::new(|| FinderRev::new("-packages/"));
    let at = FOLDER.rfind(path)?;
    let (before, relative) = path.split_at_checked(at)?;
    let before = before
        .strip_suffix("site")
        .or_else(|| before.strip_suffix("dist"))?;
    before
        .ends_with('/')
        .then(|| relative.strip_prefix("-packages/"))
        .flatten()
}

/// The path as Linux writes it, each slash once.
fn with_plain_slashes(path: &str) -> Cow<'_, str> {
    let odd = memchr::memchr(b'\\', path.as_bytes()).is_some()
        || memchr::memmem::find(path.as_bytes(), b"//").is_some();
    if !odd {
        return Cow::Borrowed(path);
    }
    let mut plain = String::with_capacity(path.len());
    for character in path.chars() {
        let character = if character == '\\' { '/' } else { character };
        if character != '/' || !plain.ends_with('/') {
            plain.push(character);
        }
    }
    Cow::Owned(plain)
}

/// The components of a path, each with its place in it.
struct Parts<'a>(Vec<(usize, &'a str)>);

impl<'a> Parts<'a> {
    fn of(path: &'a str) -> Self {
        let mut from = 0_usize;
        let mut parts = Vec::with_capacity(16);
        for part in path.split('/').take(COMPONENTS_MAX) {
            if !part.is_empty() {
                parts.push((from, part));
            }
            from = from.saturating_add(part.len()).saturating_add(1);
        }
        Self(parts)
    }

    /// The kind of code that a component tells, wherever in the path it stands.
    fn telling(&self, path: &str) -> Option<&'static str> {
        let (mut remote, mut generated) = (false, false);
        for (_, part) in &self.0 {
            match part.as_bytes().first() {
                Some(b'i' | b'C' | b'I')
                    if part.starts_with("ipykernel_")
                        || *part == "Cell In"
                        || *part == "Input In" =>
                {
                    return Some("notebook");
                }
                Some(b't') => {
                    remote |= *part == "transformers_modules";
                    generated |=
                        part.starts_with("torchinductor_") || *part == "torch_compile_debug";
                }
                _ => {}
            }
        }
        match () {
            () if path.ends_with(".ipynb") => Some("notebook"),
            () if remote => Some("remote_code"),
            () if generated => Some("generated"),
            () => None,
        }
    }
}

/// The index of the first component below the last standard library: behind `lib/python3.12`, or behind
/// the `Lib` of an installation on Windows.
fn standard_library(parts: &[(usize, &str)]) -> Option<usize> {
    let at = parts.windows(2).rposition(|pair| {
        let [(_, parent), (_, child)] = pair else {
            return false;
        };
        let versioned = child.strip_prefix("python3").is_some_and(|version| {
            version
                .bytes()
                .all(|byte| byte.is_ascii_digit() || byte == b'.' || byte == b't')
        });
        matches!(*parent, "lib" | "lib64" | "Lib") && versioned
            || *child == "Lib" && parent.to_ascii_lowercase().starts_with("python")
    })?;
    Some(at.saturating_add(2))
}

/// The frame of a file that the dictionary has.
fn known(relative: &str, function: Option<&str>) -> Option<Frame> {
    let (file, function) = dictionary::file_and_function(relative, function)?;
    let top = relative.split('/').next().unwrap_or(relative);
    let top = top.strip_suffix(".py").unwrap_or(top);
    let origin = dictionary::package(top).unwrap_or(PublicStr::constant("stdlib"));
    Some(Frame {
        origin: Some(origin),
        file: Some(file),
        function,
        ..Frame::default()
    })
}

/// The frame of a file below site-packages that the dictionary has not: perhaps a newer release of a public package.
fn unknown_file(top: Option<&str>, function: Option<&str>) -> Frame {
    let package = top.and_then(|top| dictionary::package(top.strip_suffix(".py").unwrap_or(top)));
    Frame {
        origin: package.or(Some(PublicStr::constant("other_package"))),
        ..kind("other_package", function)
    }
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
    let origin = if path.starts_with("<ipython-input-") {
        "notebook"
    } else {
        "generated"
    };
    Frame {
        file: name.map(|name| PublicStr::constant(name)),
        ..kind(origin, function)
    }
}

/// A frame of which only the kind is public, and whether its code has a name at all.
fn kind(origin: &'static str, function: Option<&str>) -> Frame {
    let function = function.and_then(dictionary::anonymous);
    Frame {
        origin: Some(PublicStr::constant(origin)),
        function,
        ..Frame::default()
    }
}
