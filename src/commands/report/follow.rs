//! `--report --follow`: the page of a running run, drawn anew until the run ends.
//!
//! The rules: the run is only looked at, never touched; reading costs at most a twentieth of a core, however long the
//! run is; what is no terminal gets a line whenever the training has moved. The last thing printed is the report of the
//! ended run. Ctrl-C ends the looking, as it ends any program.

use super::data::{ReportData, ShownOutput};
use super::terminal;
use crate::ui::{Complaint, OutputTerminal};
use std::io::{self, Write as _};
use std::thread;
use std::time::{Duration, Instant};

/// Between two looks.
const PERIOD: Duration = Duration::from_secs(2);
/// How many times as long as a look takes the pause behind it is.
const PAUSES: u32 = 20;
/// Takes the cursor home; clears what is right of it, and what is below.
const HOME: &str = "\u{1b}[H";
const CLEAR_RIGHT: &str = "\u{1b}[K";
const CLEAR_BELOW: &str = "\u{1b}[J";

/// Shows the run until it has ended, and returns what is known of it then.
pub fn follow(
    read: &dyn Fn() -> Result<ReportData, Complaint>,
    terminal: &dyn Fn() -> OutputTerminal,
) -> Result<ReportData, Complaint> {
    let mut said_step = None;
    let mut is_drawn = false;
    loop {
        let begun = Instant::now();
        let report = read()?;
        let output = terminal();
        let Some(height) = output.height else {
            if !report.is_running() {
                return Ok(report);
            }
            let step = Some(report.summary.step);
            if step != said_step && !print(&format!("{}\n", report.outlook())) {
                return Ok(report);
            }
            said_step = step;
            pause(begun);
            continue;
        };
        if !report.is_running() {
            if is_drawn {
                print(&format!("{HOME}{CLEAR_BELOW}"));
            }
            return Ok(report);
        }
        let page = terminal::page(&report, output, ShownOutput::Usual);
        let mut screen = HOME.to_owned();
        // The last line stays free, or the terminal would scroll.
        for line in page.lines().take(height.saturating_sub(1)) {
            screen.push_str(&format!("{line}{CLEAR_RIGHT}\n"));
        }
        screen.push_str(CLEAR_BELOW);
        if !print(&screen) {
            return Ok(report);
        }
        is_drawn = true;
        pause(begun);
    }
}

fn pause(begun: Instant) {
    thread::sleep(PERIOD.max(begun.elapsed() * PAUSES));
}

/// Prints at once; false where nobody reads it.
fn print(text: &str) -> bool {
    let mut stdout = io::stdout().lock();
    let printed = stdout.write_all(text.as_bytes());
    printed.and_then(|()| stdout.flush()).is_ok()
}
