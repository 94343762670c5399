//! The names of the owner's files. Nothing outside of this folder opens them.

pub const FACTS: &str = "owner.json";
pub const OUTPUT: &str = "output.log";

/// Both files with what they hold, for the documents.
pub const FILES: [(&str, &str); 2] = [
    (
        FACTS,
        "with --record only, for you alone: command line, directory, configuration, host, start, last whole checkpoint, the traceback as it was printed, and the stacks of a run that stood still; never sent",
    ),
    (
        OUTPUT,
        "with --record only, for you alone: the last 64 KiB of the output (--no-output leaves it out); never sent",
    ),
];
