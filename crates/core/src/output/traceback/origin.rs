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
    let mut frame = frame_of_file(raw.path.trim(), raw.function);
    frame.line = raw.line.filter(|line| *line <= TRACE_LINE_NUMBER_MAX);
    frame
}

/// What is public of a frame that was read from a running process.
pub fn frame_of_code(path: &str, function: &str, line: Option<u64>) -> Frame {
    frame(RawFrame {
        path,
        line,
        function: Some(function),
        column: 0,
    })
}

fn frame_of_file(path: &str, function_name: Option<&str>) -> Frame {
    if path.starts_with('<') {
        return pseudo_file(path, function_name);
    }
    let path = with_plain_slashes(path);
    let below_packages = below_packages(&path);
    // Nearly every frame is one of these; what the dictionary has needs no further question.
    if let Some(relative_path) = below_packages
        && let Some(known_frame) = known_file(relative_path, function_name)
    {
        return known_frame;
    }
    let path_components: Vec<&str> = path.splitn(COMPONENTS_MAX, '/').collect();
    if let Some(origin) = telling_origin(&path, &path_components) {
        return only_origin(origin, function_name);
    }
    // Cython prints the path of its own source tree, without an installation's in front.
    if (path.ends_with(".pyx") || path.ends_with(".pxi") || path.ends_with(".pxd"))
        && let Some(known_frame) = known_file(&path, function_name)
    {
        return known_frame;
    }
    if let Some(relative_path) = below_packages {
        // Perhaps it is of a newer release of a public package.
        let mut unknown = only_origin("other_package", function_name);
        unknown.origin = package(relative_path).or(unknown.origin);
        return unknown;
    }
    if let Some(index) = below_standard_library(&path_components) {
        let known_frame = known_file(&path_components[index..].join("/"), function_name);
        return known_frame.unwrap_or_else(|| only_origin("stdlib", function_name));
    }
    if let [.., "bin" | "Scripts", script] = path_components.as_slice()
        && let Some(file) = dictionary::file(&format!("bin/{script}"))
    {
        return Frame {
            file: Some(file),
            ..only_origin("script", function_name)
        };
    }
    for (index, path_component) in path_components.iter().enumerate() {
        if dictionary::package(path_component).is_some()
            && let Some(known_frame) =
                known_file(&path_components[index..].join("/"), function_name)
        {
            return known_frame;
        }
    }
    only_origin("user", function_name)
}

/// What stands below the last folder of installed packages.
fn below_packages(path: &str) -> Option<&str> {
    let mut components = path.rsplit('/');
    let mut below = path.len() - components.next()?.len();
    for folder in components {
        if matches!(folder, "site-packages" | "dist-packages") {
            return Some(&path[below..]);
        }
        below -= folder.len() + 1;
    }
    None
}

/// The path as Linux writes it, each slash once.
fn with_plain_slashes(path: &str) -> Cow<'_, str> {
    let mut pairs = path.as_bytes().windows(2);
    if !path.contains('\\') && !pairs.any(|pair| pair == b"//") {
        return Cow::Borrowed(path);
    }
    let mut plain = path.replace('\\', "/");
    while plain.contains("//") {
        plain = plain.replace("//", "/");
    }
    Cow::Owned(plain)
}

/// The kind of code that a component of the path tells, wherever it stands.
fn telling_origin(path: &str, path_components: &[&str]) -> Option<&'static str> {
    let is_notebook = path_components.iter().any(|path_component| {
        path_component.starts_with("ipykernel_")
            || matches!(*path_component, "Cell In" | "Input In")
    });
    if is_notebook || path.ends_with(".ipynb") {
        return Some("notebook");
    }
    if path_components.contains(&"transformers_modules") {
        return Some("remote_code");
    }
    let is_generated = path_components.iter().any(|path_component| {
        path_component.starts_with("torchinductor_") || *path_component == "torch_compile_debug"
    });
    is_generated.then_some("generated")
}

/// The index of the first component below the last standard library: behind `lib/python3.12`, or behind
/// the `Lib` of an installation on Windows.
fn below_standard_library(path_components: &[&str]) -> Option<usize> {
    let is_library = |pair: &[&str]| match pair {
        ["lib" | "lib64" | "Lib", child] if child.starts_with("python3") => {
            let is_outside = |character: char| !"0123456789.t".contains(character);
            !child["python3".len()..].contains(is_outside)
        }
        [parent, "Lib"] => parent.to_ascii_lowercase().starts_with("python"),
        _ => false,
    };
    let library = path_components.windows(2).rposition(is_library)?;
    Some(library + 2)
}

/// The frame of a file that the dictionary has.
fn known_file(relative_path: &str, function_name: Option<&str>) -> Option<Frame> {
    let (file, function_name) = dictionary::file_and_function(relative_path, function_name)?;
    Some(Frame {
        origin: package(relative_path).or(Some(PublicStr::constant("stdlib"))),
        file: Some(file),
        function: function_name,
        ..Frame::default()
    })
}

/// The package that a file below the folder of packages belongs to.
fn package(relative_path: &str) -> Option<PublicStr> {
    let top = relative_path.split('/').next()?;
    dictionary::package(top.strip_suffix(".py").unwrap_or(top))
}

/// The frame of a file with a name in angle brackets.
fn pseudo_file(name: &str, function_name: Option<&str>) -> Frame {
    if let Some(known_frame) = FROZEN_MODULES
        .iter()
        .find(|known_frame| **known_frame == name)
    {
        let module = known_frame
            .trim_start_matches("<frozen ")
            .trim_end_matches('>');
        let file = format!("{}.py", module.replace('.', "/"));
        return Frame {
            origin: Some(PublicStr::constant("stdlib")),
            file: Some(PublicStr::constant(known_frame)),
            function: function_name
                .and_then(|function_name| dictionary::function(&file, function_name)),
            ..Frame::default()
        };
    }
    let known_frame = PSEUDO_FILES
        .iter()
        .find(|known_frame| **known_frame == name);
    let origin = if name.starts_with("<ipython-input-") {
        "notebook"
    } else {
        "generated"
    };
    Frame {
        file: known_frame.map(|known_frame| PublicStr::constant(known_frame)),
        ..only_origin(origin, function_name)
    }
}

/// A frame of which only the kind is public, and whether its code has a name at all.
fn only_origin(origin: &'static str, function_name: Option<&str>) -> Frame {
    Frame {
        origin: Some(PublicStr::constant(origin)),
        function: function_name.and_then(dictionary::anonymous),
        ..Frame::default()
    }
}
