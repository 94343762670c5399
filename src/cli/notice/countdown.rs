//! The countdown below the notice: a bar that shrinks, or, where nothing can be drawn over, the seconds in a row.
//!
//! It only ever writes, through the one owner of stderr, which never waits for a terminal that takes nothing: a
//! library's bar would wait for ever after Ctrl-S.

use crate::ui::text::cut;
use crate::ui::{self, TerminalKind};
use axolotl_run_core::limits;

/// The width of a terminal that does not say it.
const COLUMNS: u16 = 80;

/// A countdown on stderr that has begun.
pub struct Countdown {
    terminal: TerminalKind,
    takes_enter: bool,
    shown: Option<u64>,
}

impl Countdown {
    /// Begins a countdown on such a terminal.
    pub const fn on(terminal: TerminalKind, takes_enter: bool) -> Self {
        Self {
            terminal,
            takes_enter,
            shown: None,
        }
    }

    /// Shows how many seconds are left.
    pub fn show(&mut self, seconds: u64) {
        if self.shown == Some(seconds) {
            return;
        }
        match self.terminal {
            TerminalKind::Dumb if self.shown.is_none() => ui::say(&format!("  {seconds}")),
            TerminalKind::Dumb => ui::say(&format!(" {seconds}")),
            TerminalKind::Capable => {
                let gone = limits::NOTICE.as_secs().saturating_sub(seconds);
                let (left, gone) = ("█".repeat(seconds as usize), "░".repeat(gone as usize));
                let mut line = format!("  {left}{gone} {seconds} s");
                if self.takes_enter {
                    line.push_str(" · Enter starts now");
                }
                let columns = axolotl_run_sys::pause::columns().unwrap_or(COLUMNS);
                // A line that is full would begin another, which could not be drawn over.
                let line = cut(&line, usize::from(columns).saturating_sub(1), true);
                ui::say(&format!("\r\u{1b}[2K{line}"));
            }
        }
        self.shown = Some(seconds);
    }

    /// Leaves the terminal at the beginning of a line.
    pub fn finish(self) {
        match self.terminal {
            TerminalKind::Dumb => ui::say("\n"),
            TerminalKind::Capable => ui::say("\r\u{1b}[2K"),
        }
    }
}
