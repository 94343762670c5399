//! The countdown below the notice: a bar that shrinks, or, where nothing can be drawn over, the seconds in a row.
//!
//! It only ever writes, through the one owner of stderr, which never waits for a terminal that takes nothing.

use crate::ui::{self, TerminalKind};
use axolotl_run_core::limits;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle, TermLike};
use std::io;

/// A countdown that has begun.
pub(super) enum Countdown {
    /// Drawn over itself.
    Drawn(ProgressBar),
    /// Written on; the second that was written last.
    Written(Option<u64>),
}

impl Countdown {
    /// Begins a countdown on stderr, which is such a terminal.
    pub(super) fn on(terminal: TerminalKind, takes_enter: bool) -> Self {
        match terminal {
            TerminalKind::Dumb => Self::Written(None),
            TerminalKind::Capable => Self::Drawn(bar(takes_enter)),
        }
    }

    /// Shows how many seconds are left.
    pub(super) fn show(&mut self, seconds: u64) {
        match self {
            Self::Drawn(bar) => bar.set_position(seconds),
            Self::Written(last) if *last == Some(seconds) => {}
            Self::Written(last) => {
                let before = if last.is_none() { "  " } else { " " };
                ui::say(&format!("{before}{seconds}"));
                *last = Some(seconds);
            }
        }
    }

    /// Leaves the terminal at the beginning of a line.
    pub(super) fn finish(self) {
        match self {
            Self::Drawn(bar) => bar.finish_and_clear(),
            Self::Written(_) => ui::say("\n"),
        }
    }
}

fn bar(takes_enter: bool) -> ProgressBar {
    let template = if takes_enter {
        "  {bar:15} {pos} s · Enter starts now"
    } else {
        "  {bar:15} {pos} s"
    };
    let style =
        ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    let target = ProgressDrawTarget::term_like(Box::new(StderrTerm));
    ProgressBar::with_draw_target(Some(limits::NOTICE.as_secs()), target).with_style(style)
}

/// A terminal to draw on that cannot hold us up: indicatif's own would wait for ever after Ctrl-S.
#[derive(Debug)]
struct StderrTerm;

impl StderrTerm {
    fn move_cursor(count: usize, direction: char) {
        if count > 0 {
            ui::say(&format!("\u{1b}[{count}{direction}"));
        }
    }
}

impl TermLike for StderrTerm {
    fn width(&self) -> u16 {
        axolotl_run_sys::pause::columns().unwrap_or(80)
    }
    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        Self::move_cursor(n, 'A');
        Ok(())
    }
    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        Self::move_cursor(n, 'B');
        Ok(())
    }
    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        Self::move_cursor(n, 'C');
        Ok(())
    }
    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        Self::move_cursor(n, 'D');
        Ok(())
    }
    fn write_line(&self, text: &str) -> io::Result<()> {
        ui::say(&format!("{text}\n"));
        Ok(())
    }
    fn write_str(&self, text: &str) -> io::Result<()> {
        ui::say(text);
        Ok(())
    }
    fn clear_line(&self) -> io::Result<()> {
        ui::say("\r\u{1b}[2K");
        Ok(())
    }
    fn flush(&self) -> io::Result<()> {
        Ok(())
    }
}
