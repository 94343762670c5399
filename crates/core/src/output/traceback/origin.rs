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

use super::grammar::frames::RawFrame;
use crate::event::Frame;
use crate::knowledge::lists::{FROZEN_MODULES, PSEUDO_FILES};
use crate::limits::TRACE_LINE_NUMBER_MAX;
use crate::public::{PublicStr, dictionary};
use std::borrow::Cow;

/// Path components that are looked at one by one; no installation is deeper.
const COMPONENTS_MAX: usize = 64;

/// A frame with what is public of it.
pub fn frame(raw: RawFrame<'_>) -> Frame {
    let mut frame = place(raw.path, raw.function);
    frame.line = raw.line.filter(|line| *line <= TRACE_LINE_NUMBER_MAX);
    frame
}

fn place(path: &str, function: Option<&str>) -> Frame {
    let path = path.trim();
    if path.starts_with('<') {
        return pseudo(path, function);
    }
    let path = with_plain_slashes(path);
    let packaged = below_packages(&path);
    // Nearly every frame is one of these; what the dictionary has needs no further question.
    if let Some(found) = packaged.and_then(|relative| known(relative, function)) {
        return found;
    }
    let parts: Vec<&str> = path.splitn(COMPONENTS_MAX, '/').collect();
    if let Some(origin) = telling(&path, &parts) {
        return kind(origin, function);
    }
    // Cython prints the path of its own source tree, without an installation's in front.
    if (path.ends_with(".pyx") || path.ends_with(".pxi") || path.ends_with(".pxd"))
        && let Some(found) = known(&path, function)
    {
        return found;
    }
    if let Some(relative) = packaged {
        return unknown_file(relative, function);
    }
    if let Some(at) = standard_library(&parts) {
        let found = known(&parts[at..].join("/"), function);
        return found.unwrap_or_else(|| kind("stdlib", function));
    }
    if let [.., "bin" | "Scripts", script] = parts.as_slice()
        && let Some(file) = dictionary::file(&format!("bin/{script}"))
    {
        return Frame {
            file: Some(file),
            ..kind("script", function)
        };
    }
    for (at, part) in parts.iter().enumerate() {
        if dictionary::package(part).is_some()
            && let Some(found) = known(&parts[at..].join("/"), function)
        {
            return found;
        }
    }
    kind("user", function)
}

/// What stands below the last folder of installed packages.
fn below_packages(path: &str) -> Option<&str> {
    for (at, folder) in path.rmatch_indices("-packages/") {
        if let Some("site" | "dist") = path[..at].rsplit('/').next() {
            return Some(&path[at + folder.len()..]);
        }
    }
    None
}

/// The path as Linux writes it, each slash once.
fn with_plain_slashes(path: &str) -> Cow<'_, str> {
    if !path.contains('\\') && !path.contains("//") {
        return Cow::Borrowed(path);
    }
    let mut plain = String::with_capacity(path.len());
    for letter in path.chars() {
        let letter = if letter == '\\' { '/' } else { letter };
        if letter != '/' || !plain.ends_with('/') {
            plain.push(letter);
        }
    }
    Cow::Owned(plain)
}

/// The kind of code that a component of the path tells, wherever it stands.
fn telling(path: &str, parts: &[&str]) -> Option<&'static str> {
    let (mut is_remote, mut is_generated) = (false, false);
    for part in parts {
        if part.starts_with("ipykernel_") || *part == "Cell In" || *part == "Input In" {
            return Some("notebook");
        }
        is_remote |= *part == "transformers_modules";
        is_generated |= part.starts_with("torchinductor_") || *part == "torch_compile_debug";
    }
    if path.ends_with(".ipynb") {
        Some("notebook")
    } else if is_remote {
        Some("remote_code")
    } else if is_generated {
        Some("generated")
    } else {
        None
    }
}

/// The index of the first component below the last standard library: behind `lib/python3.12`, or behind
/// the `Lib` of an installation on Windows.
fn standard_library(parts: &[&str]) -> Option<usize> {
    let ends = |pair: &[&str]| match pair {
        ["lib" | "lib64" | "Lib", child] if child.starts_with("python3") => child
            ["python3".len()..]
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.' || byte == b't'),
        [parent, "Lib"] => parent.to_ascii_lowercase().starts_with("python"),
        _ => false,
    };
    Some(parts.windows(2).rposition(ends)? + 2)
}

/// The frame of a file that the dictionary has.
fn known(relative: &str, function: Option<&str>) -> Option<Frame> {
    let (file, function) = dictionary::file_and_function(relative, function)?;
    Some(Frame {
        origin: package(relative).or(Some(PublicStr::constant("stdlib"))),
        file: Some(file),
        function,
        ..Frame::default()
    })
}

/// The package that a file below the folder of packages belongs to.
fn package(relative: &str) -> Option<PublicStr> {
    let top = relative.split('/').next()?;
    dictionary::package(top.strip_suffix(".py").unwrap_or(top))
}

/// The frame of a file below site-packages that the dictionary has not: perhaps a newer release of a public package.
fn unknown_file(relative: &str, function: Option<&str>) -> Frame {
    let mut frame = kind("other_package", function);
    if let Some(package) = package(relative) {
        frame.origin = Some(package);
    }
    frame
}

/// The frame of a file with a name in angle brackets.
fn pseudo(path: &str, function: Option<&str>) -> Frame {
    if let Some(name) = FROZEN_MODULES.iter().find(|name| **name == path) {
        let module = name.trim_start_matches("<frozen ").trim_end_matches('>');
        let file = format!("{}.py", module.replace('.', "/"));
        return Frame {
            origin: Some(PublicStr::constant("stdlib")),
            file: Some(PublicStr::constant(name)),
            function: function.and_then(|function| dictionary::function(&file, function)),
            ..Frame::default()
        };
    }
    let name = PSEUDO_FILES.iter().find(|name| **name == path);
    let is_cell = path.starts_with("<ipython-input-");
    Frame {
        file: name.map(|name| PublicStr::constant(name)),
        ..kind(if is_cell { "notebook" } else { "generated" }, function)
    }
}

/// A frame of which only the kind is public, and whether its code has a name at all.
fn kind(origin: &'static str, function: Option<&str>) -> Frame {
    Frame {
        origin: Some(PublicStr::constant(origin)),
        function: function.and_then(dictionary::anonymous),
        ..Frame::default()
    }
}
