//! Commands that are known by their name, besides launchers: the tables of `knowledge/commands.yaml`.

/// A program that runs a command behind its own words.
#[derive(Debug, PartialEq, Eq)]
pub struct Wrapper {
    /// What it is called in `commands.yaml`.
    pub name: &'static str,
    pub(crate) programs: &'static [&'static str],
    /// Those that run a command, where it has subcommands.
    pub(crate) subcommands: &'static [&'static str],
    /// Options that take the next word.
    pub(crate) values: &'static [&'static str],
    /// Words of its own between its options and the command.
    pub(crate) operands: usize,
    pub(crate) effect: Effect,
}

/// What a wrapper does to the command that matters to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing.
    None,
    /// It runs the command in another Python environment than ours.
    ChoosesPython,
    /// It ends the command when its time is over.
    LimitsTime,
}

/// Programs that use the terminal unless they are given a script or a command.
#[derive(Debug)]
pub(crate) struct Shell {
    pub programs: &'static [&'static str],
    /// Options that take the next word.
    pub values: &'static [&'static str],
}

/// A program that reads a training configuration.
#[derive(Debug)]
pub(crate) struct TrainingTool {
    pub programs: &'static [&'static str],
    /// The module that is the same as the program.
    pub main: Option<&'static str>,
    /// Subcommands that take a configuration as their first argument.
    pub commands: &'static [&'static str],
    /// Modules that take one likewise.
    pub modules: &'static [&'static str],
    /// The modules' files.
    pub files: &'static [&'static str],
    /// Scripts that train.
    pub scripts: &'static [&'static str],
    /// Options of its own with a value; they are no keys of the configuration.
    pub values: &'static [&'static str],
    /// The same without a value.
    pub flags: &'static [&'static str],
}

/// The kinds of entries, for the test that runs their examples.
#[cfg(test)]
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Wrapper,
    Terminal,
    Shell,
    SpansNodes,
    Training,
}

include!(concat!(env!("OUT_DIR"), "/commands.rs"));
