//! Commands that are known by their name, besides launchers: the table of `knowledge/commands.yaml`, which explains the
//! fields.

/// A command that is known.
#[derive(Debug)]
pub struct KnownCommand {
    /// What it is called in `commands.yaml`.
    pub name: &'static str,
    /// What it is.
    pub kind: CommandKind,
    /// The programs that call it, where it has other names than its own.
    pub programs: &'static [&'static str],
    /// The words of which one must follow.
    pub subcommands: &'static [&'static str],
    /// Options that take the next word.
    pub values: &'static [&'static str],
    /// Options that take no value.
    pub flags: &'static [&'static str],
    /// Words that it takes for itself before the command.
    pub operands: usize,
    /// What it does to the command.
    pub effect: Effect,
    /// The module that has the same commands.
    pub main: &'static str,
    /// What it can be told to do.
    pub commands: &'static [&'static str],
    /// Modules that do one of these things each.
    pub modules: &'static [&'static str],
    /// Scripts that train.
    pub scripts: &'static [&'static str],
    /// Texts that it is called by.
    #[cfg(test)]
    pub examples: &'static [&'static str],
    /// Texts that only look so.
    #[cfg(test)]
    pub look_alikes: &'static [&'static str],
}

impl KnownCommand {
    /// The command of a kind that a program's name calls.
    pub fn called(kind: CommandKind, program: &str) -> Option<&'static Self> {
        ROWS.iter()
            .find(|command| command.kind == kind && command.programs().contains(&program))
    }

    /// How it is called: by its name, where nothing else is listed.
    pub fn programs(&'static self) -> &'static [&'static str] {
        if self.programs.is_empty() {
            return std::slice::from_ref(&self.name);
        }
        self.programs
    }
}

/// What a command is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommandKind {
    /// It runs the command behind its own words.
    Wrapper,
    /// It uses the terminal as a device.
    Terminal,
    /// Likewise, unless it is given a script or a command.
    Shell,
    /// It runs a command elsewhere, perhaps on many machines.
    SpansNodes,
    /// It reads a training configuration.
    Training,
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

include!(concat!(env!("OUT_DIR"), "/commands.rs"));
