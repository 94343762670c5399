//! Programs that start a training's processes: the tables of `knowledge/launchers.yaml`.

/// A launcher and the grammar of its options, which may be written with hyphens or underscores.
#[derive(Debug, PartialEq, Eq)]
pub struct Launcher {
    /// Its name in the start event.
    pub name: &'static str,
    /// Programs, modules, or several words.
    pub(crate) programs: &'static [&'static str],
    pub(crate) starts: Starts,
    pub(crate) runs: Runs,
    /// Options for the shape of the job.
    pub(crate) options: &'static [(Says, &'static [&'static str])],
    /// Options that take no value.
    pub(crate) flags: &'static [&'static str],
    /// Options that surely take the next word.
    pub(crate) values: &'static [&'static str],
    /// Options that take the next two words.
    pub(crate) pairs: &'static [&'static str],
    pub(crate) unlisted: Unlisted,
    /// The option that names another launcher, and the one that is used without it.
    pub(crate) chooser: &'static str,
    pub(crate) chosen: &'static str,
    /// Variables that it alone sets for its workers.
    pub(crate) marks: &'static [&'static str],
    #[cfg(test)]
    pub(crate) examples: &'static [&'static str],
    #[cfg(test)]
    pub(crate) look_alikes: &'static [&'static str],
}

impl Launcher {
    const EMPTY: Self = Self {
        name: "",
        programs: &[],
        starts: Starts::Process,
        runs: Runs::Command,
        options: &[],
        flags: &[],
        values: &[],
        pairs: &[],
        unlisted: Unlisted::Flag,
        chooser: "",
        chosen: "",
        marks: &[],
        #[cfg(test)]
        examples: &[],
        #[cfg(test)]
        look_alikes: &[],
    };
}

/// What a launcher starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Starts {
    /// The workers of one machine: somebody starts it once on each.
    Node,
    /// All workers on all machines.
    Job,
    /// Another launcher.
    Launcher,
    /// The training itself.
    Process,
}

/// What an option says about the job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Says {
    /// How many machines it has.
    Nodes,
    /// How many workers each machine has.
    ProcessesPerNode,
    /// How many workers it has.
    Processes,
    /// Which of the machines this one is.
    NodeRank,
}

/// What may follow a launcher's options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Runs {
    /// A Python script, or a module behind `-m`.
    Script,
    /// Any command.
    Command,
}

/// What is assumed of an option that is not listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unlisted {
    /// It takes the next word, if that can be a value.
    Value,
    /// It takes none.
    Flag,
}

include!(concat!(env!("OUT_DIR"), "/launchers.rs"));
