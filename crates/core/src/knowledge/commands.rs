//! Commands that are known by their name, besides launchers: the table of `knowledge/commands.yaml`, which explains the
//! fields.

/// A command that is known.
#[derive(Debug, PartialEq, Eq)]
pub struct KnownCommand {
    /// What it is called in `commands.yaml`.
    pub name: &'static str,
    pub(crate) kind: CommandKind,
    pub(crate) programs: &'static [&'static str],
    pub(crate) subcommands: &'static [&'static str],
    pub(crate) values: &'static [&'static str],
    pub(crate) flags: &'static [&'static str],
    pub(crate) operands: usize,
    pub(crate) effect: Effect,
    pub(crate) main: &'static str,
    pub(crate) commands: &'static [&'static str],
    pub(crate) modules: &'static [&'static str],
    pub(crate) scripts: &'static [&'static str],
    #[cfg(test)]
    pub(crate) examples: &'static [&'static str],
    #[cfg(test)]
    pub(crate) look_alikes: &'static [&'static str],
}

impl KnownCommand {
    const EMPTY: Self = Self {
        name: "",
        kind: CommandKind::Wrapper,
        programs: &[],
        subcommands: &[],
        values: &[],
        flags: &[],
        operands: 0,
        effect: Effect::None,
        main: "",
        commands: &[],
        modules: &[],
        scripts: &[],
        #[cfg(test)]
        examples: &[],
        #[cfg(test)]
        look_alikes: &[],
    };

    /// The command of a kind that a program's name calls.
    pub(crate) fn called(kind: CommandKind, program: &str) -> Option<&'static Self> {
        ROWS.iter()
            .find(|command| command.kind == kind && command.programs().contains(&program))
    }

    /// How it is called: by its name, where nothing else is listed.
    pub(crate) fn programs(&'static self) -> &'static [&'static str] {
        if self.programs.is_empty() {
            return std::slice::from_ref(&self.name);
        }
        self.programs
    }
}

/// What a command is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CommandKind {
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
pub(crate) enum Effect {
    None,
    /// It runs the command in another Python environment than ours.
    ChoosesPython,
    /// It ends the command when its time is over.
    LimitsTime,
}

include!(concat!(env!("OUT_DIR"), "/commands.rs"));
