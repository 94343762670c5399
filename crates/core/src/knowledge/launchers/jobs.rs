//! What the processes of one job have in common: the table of `knowledge/jobs.yaml`, which explains the fields.

use super::Says;

/// Who gives a job its name.
#[derive(Debug)]
pub struct JobName {
    /// Who that is.
    pub name: &'static str,
    /// Variables of which the first that is set names the job.
    pub variables: &'static [&'static str],
    /// What an option of a launcher says, which comes before them.
    pub options: &'static [Says],
    /// Variables that are a part of the name where they are set.
    pub with: &'static [&'static str],
    /// Likewise what options say.
    pub with_options: &'static [Says],
    /// The name ends before this text.
    pub until: &'static str,
    /// Values that name nothing.
    pub nobody: &'static [&'static str],
    /// Whether another job may have the name.
    pub reach: KeyReach,
    /// Environments and command lines that have the name.
    #[cfg(test)]
    pub examples: &'static [&'static str],
    /// Those that do not have it.
    #[cfg(test)]
    pub look_alikes: &'static [&'static str],
}

/// For how long a name is a job's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyReach {
    /// No other job ever has it.
    Once,
    /// A later job may have it.
    Reused,
}

include!(concat!(env!("OUT_DIR"), "/jobs.rs"));
