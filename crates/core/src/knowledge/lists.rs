//! Fixed words of programs that everybody has, and the questions to a line of output that need one of them.

use crate::public::words::words;

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
    /// Does a launcher say that it starts its workers again?
    Restart,
    /// Is it a frame?
    Frame,
    /// Is it a progress bar?
    Bar,
    /// Does a log report an exception with it?
    Log,
}

words! {
    /// What a thread waits for, as the kernel tells anybody.
    KernelWait {
        /// waits for another process, such as its data workers
        Process => "process",
        /// waits for a process that it has started
        Child => "child",
        /// waits for a file system
        FileSystem => "file_system",
        /// sleeps
        Sleep => "sleep",
        /// waits for another thread: for a collective or for a lock, which cannot be told
        Thread => "thread",
        /// computes
        Processor => "processor",
    }
}

/// Who sent a signal, as far as it could still be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignalSender {
    /// The terminal's driver: somebody pressed keys.
    Terminal,
    /// `timeout`, which ends what takes too long.
    TimeLimiter,
    /// A batch system's or a launcher's daemon, which acts for a whole job.
    Scheduler,
    /// What starts and stops services and containers.
    ServiceManager,
    /// A daemon that ends processes before the machine's memory is used up.
    MemoryDaemon,
    /// A process outside of our namespace: whoever runs the container.
    Outside,
    /// A process of our own session.
    OwnSession,
    /// The same user, from another session.
    SameUser,
    /// Another user, root among them.
    OtherUser,
    /// It was gone before it could be looked at.
    Unknown,
}
