//! Every option, once: the parser is made of this table, and so are `--help` and the man page.
//!
//! A test compares the README and the completions with it. [`parse`](mod@super::parse) says what each of them means.

/// One option, for the parser and for the documents.
pub struct OptionRow {
    /// Its name, without the dashes.
    pub long: &'static str,
    /// Its letter.
    pub short: Option<char>,
    /// What follows it.
    pub value: Value,
    /// Under which heading of the help.
    pub group: Group,
    /// What it does.
    pub does: &'static str,
}

/// What follows an option.
#[derive(Clone, Copy)]
pub enum Value {
    /// Nothing.
    None,
    /// A value of this name, as the next word or behind `=`.
    Required(&'static str),
    /// One of these words.
    OneOf {
        /// How the help shows it behind the name.
        shown: &'static str,
        /// The words.
        words: &'static [&'static str],
    },
    /// Perhaps a run or a file, shown like this.
    Operand(&'static str),
    /// A command, shown like this.
    Command(&'static str),
}

/// The kinds of options.
#[derive(Clone, Copy, PartialEq)]
pub enum Group {
    /// They take the place of a command.
    Instead,
    /// They change how a command is run.
    Run,
    /// They go with others.
    General,
}

impl Group {
    /// All of them, in the order of the help.
    pub const ALL: [Self; 3] = [Self::Run, Self::Instead, Self::General];

    /// The heading in the help.
    pub const fn heading(self) -> &'static str {
        match self {
            Self::Instead => "Instead of a command",
            Self::Run => "Options for a run",
            Self::General => "Other options",
        }
    }
}

const fn row(long: &'static str, group: Group, value: Value, does: &'static str) -> OptionRow {
    OptionRow {
        long,
        short: None,
        value,
        group,
        does,
    }
}

/// Every option.
pub const OPTIONS: &[OptionRow] = &[
    row(
        "record",
        Group::Run,
        Value::None,
        "Observe and record the run on this machine; send nothing, even with consent",
    ),
    row(
        "config",
        Group::Run,
        Value::Required("FILE"),
        "The training configuration, if the command does not name it",
    ),
    row(
        "tap-stdout",
        Group::Run,
        Value::None,
        "Read progress from stdout even if it is a separate pipe",
    ),
    row(
        "tty",
        Group::Run,
        Value::OneOf {
            shown: "=direct",
            words: &["direct"],
        },
        "Give the command the real terminal and leave its output alone",
    ),
    row(
        "summary",
        Group::Run,
        Value::None,
        "Print a short summary of the run on stderr at the end",
    ),
    row(
        "ci-summary",
        Group::Run,
        Value::None,
        "Append a six-line summary to the file in GITHUB_STEP_SUMMARY at the end",
    ),
    row(
        "no-output",
        Group::Run,
        Value::None,
        "Keep nothing of what a recorded run prints, not even its traceback",
    ),
    row(
        "notify",
        Group::Run,
        Value::Required("URL|COMMAND"),
        "Tell this address or command when the run ends or needs you (repeatable); without telemetry, record the run",
    ),
    row(
        "status",
        Group::Instead,
        Value::None,
        "Show whether telemetry is on, and why",
    ),
    row(
        "enable",
        Group::Instead,
        Value::None,
        "Turn telemetry on for future runs",
    ),
    row(
        "disable",
        Group::Instead,
        Value::None,
        "Turn telemetry off for future runs, without a notice; unsent events are never sent, records stay",
    ),
    row(
        "record-always",
        Group::Instead,
        Value::None,
        "Record every future run on this machine as --record does; send nothing",
    ),
    row(
        "preview",
        Group::Instead,
        Value::Command("COMMAND..."),
        "Print the start event that this command would send; run nothing",
    ),
    row(
        "explain",
        Group::Instead,
        Value::Operand("[FILE]"),
        "Read a saved log (or stdin) and print what would be sent of its error; send nothing",
    ),
    row(
        "schema",
        Group::Instead,
        Value::None,
        "Print every event and field that can ever be sent",
    ),
    row(
        "runs",
        Group::Instead,
        Value::None,
        "List the recorded runs",
    ),
    row(
        "show",
        Group::Instead,
        Value::Operand("[RUN]"),
        "Print the exact events of a recorded run (default: the latest)",
    ),
    row(
        "stacks",
        Group::Instead,
        Value::Operand("[RUN]"),
        "Print where the Python processes of a running run are (default: the latest)",
    ),
    row(
        "report",
        Group::Instead,
        Value::Operand("[RUN]"),
        "Print how a run went and why it ended, with charts (default: the latest)",
    ),
    row(
        "html",
        Group::Instead,
        Value::Required("FILE"),
        "With --report: write it to FILE, for a browser",
    ),
    row(
        "against",
        Group::Instead,
        Value::Required("RUN"),
        "With --report: compare the run with this one",
    ),
    row(
        "with",
        Group::Instead,
        Value::Required("DIR"),
        "With --report: read the records of the job's other machines, copied to DIR, too (repeatable)",
    ),
    row(
        "follow",
        Group::Instead,
        Value::None,
        "With --report: show a running run until it ends",
    ),
    row(
        "with-output",
        Group::Instead,
        Value::None,
        "With --report: everything that was kept of the output; with --html: also command line, paths and host",
    ),
    row(
        "export",
        Group::Instead,
        Value::Operand("[RUN]"),
        "Write a run to a file without anything of yours, to attach to a public issue (default: the latest)",
    ),
    row("send", Group::Instead, Value::None, "Send unsent events"),
    row(
        "forget",
        Group::Instead,
        Value::Operand("RUN|all"),
        "Delete the local records of a run, or of all",
    ),
    row(
        "notify-test",
        Group::Instead,
        Value::None,
        "Send a test message to those given with --notify, or else to the stored ones",
    ),
    row(
        "notify-store",
        Group::Instead,
        Value::None,
        "Store those given with --notify, or else on stdin, a line each, for every observed run",
    ),
    row(
        "price",
        Group::Instead,
        Value::Operand("[PRICE]"),
        "Store what an hour costs, as 2.50/h for a machine or $2.50/h/gpu, for the reports (none: forget it)",
    ),
    row(
        "completions",
        Group::Instead,
        Value::OneOf {
            shown: " SHELL",
            words: &["bash", "zsh", "fish"],
        },
        "Print the completions for bash, zsh or fish",
    ),
    row("man", Group::Instead, Value::None, "Print the manual page"),
    row(
        "json",
        Group::General,
        Value::None,
        "With one of the above but --completions and --man: print JSON",
    ),
    OptionRow {
        short: Some('h'),
        ..row("help", Group::General, Value::None, "Print this help")
    },
    OptionRow {
        short: Some('V'),
        ..row("version", Group::General, Value::None, "Print the version")
    },
];
