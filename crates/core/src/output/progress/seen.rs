//! A bar that may be a training's, and the one that was chosen.
//!
//! Only [`choice`](super::choice) makes either of them.

/// How a bar is known to be a training's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// It has no description.
    Plain,
    /// Its description says so.
    Steps,
    /// It is one epoch's, and was converted into steps of the training.
    Epochs,
}

/// A bar that may be a training's, as one of its steps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Seen {
    pub(super) kind: Kind,
    pub(super) step: u64,
    pub(super) total: Option<u64>,
    pub(super) elapsed: Option<u64>,
    pub(super) epoch: Option<f64>,
}

/// The bar that was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Chosen {
    pub(super) kind: Kind,
    pub(super) step: u64,
    pub(super) total: Option<u64>,
    pub(super) elapsed: u64,
    /// Seen as an ended line: an unfinished one may still turn out to be nested.
    pub(super) confirmed: bool,
    /// Seconds that a nested bar of the same total has run, while there is one.
    pub(super) shadow: Option<u64>,
}

impl Chosen {
    pub(super) fn finished(&self) -> bool {
        self.total == Some(self.step)
    }

    /// Whether a bar can be this one. A description may come and go; the epochs' total may become known.
    pub(super) fn is(&self, bar: &Seen) -> bool {
        match (self.kind, bar.kind) {
            (Kind::Epochs, Kind::Epochs) => true,
            (Kind::Epochs, _) | (_, Kind::Epochs) => false,
            _ => self.total == bar.total,
        }
    }
}
