//! What people read: the launcher's own lines on stderr, pages and tables on stdout.

mod messages;
pub mod page;
pub mod table;
pub mod terminal;
pub mod text;

pub use messages::{Complaint, NAME, headline, not_executed, say, warning};
pub use terminal::{OutputTerminal, Style, TerminalKind};
