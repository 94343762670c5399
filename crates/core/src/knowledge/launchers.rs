//! Programs that start a training's processes: the tables of `knowledge/launchers.yaml`.

pub mod jobs;

/// A launcher and the grammar of its options, which may be written with hyphens or underscores.
#[derive(Debug, PartialEq, Eq)]
pub struct Launcher {
    /// Its name in the start event.
    pub name: &'static str,
    /// Programs, modules, or several words.
    pub programs: &'static [&'static str],
    /// What it starts.
    pub starts: Starts,
    /// What may follow its options.
    pub runs: Runs,
    /// Options for the shape of the job.
    pub options: &'static [(Says, &'static [&'static str])],
    /// Options that take no value.
    pub flags: &'static [&'static str],
    /// Options that surely take the next word.
    pub values: &'static [&'static str],
    /// Options that take the next two words.
    pub pairs: &'static [&'static str],
    /// What is assumed of its other options.
    pub unlisted: Unlisted,
    /// The option that names another launcher.
    pub chooser: &'static str,
    /// The launcher that it takes by default.
    pub chosen: &'static str,
    /// Variables that it alone sets for its workers.
    pub marks: &'static [&'static str],
    /// Texts that it is called by.
    #[cfg(test)]
    pub examples: &'static [&'static str],
    /// Texts that only look so.
    #[cfg(test)]
    pub look_alikes: &'static [&'static str],
}

/// What a launcher starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Starts {
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
    /// What its rendezvous is called.
    RendezvousId,
    /// Where its machines meet.
    RendezvousEndpoint,
    /// The address of its first process.
    MasterAddress,
    /// The port of its first process.
    MasterPort,
}

/// What may follow a launcher's options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Runs {
    /// A Python script, or a module behind `-m`.
    Script,
    /// Any command.
    Command,
}

/// What is assumed of an option that is not listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unlisted {
    /// It takes the next word, if that can be a value.
    Value,
    /// It takes none.
    Flag,
}

include!(concat!(env!("OUT_DIR"), "/launchers.rs"));
