//! Fixed words of programs that everybody has, and the questions to a line of output that need one of them.

use crate::observation::SignalSender;

include!(concat!(env!("OUT_DIR"), "/lists.rs"));

/// A question that the reader of tracebacks puts to a line.
#[derive(Clone, Copy, Debug)]
pub enum LineQuestion {
    /// Is it a traceback's header?
    Header,
    /// Does a native death begin with it?
    Native,
    /// Does it announce a traceback?
    Heading,
    /// Does it link two exceptions?
    Link,
    /// Is it a sign of a death?
    Sign,
    /// Does a launcher say which worker failed?
    Table,
    /// May a traceback begin or end with it for another reason?
    Error,
    /// Is it a frame?
    Frame,
    /// Is it a progress bar?
    Bar,
    /// Does a log report an exception with it?
    Log,
}
