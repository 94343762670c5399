//! The notice: tells a user who has not decided what could be collected, and waits.
//!
//! The problem: Axolotl's specification lets the start block for 15 seconds so that nobody can say they were
//! not told, and everything around the start must nevertheless be as if we were not there. So the notice only
//! ever writes to stderr, reads nothing but an Enter that stands alone (see [`Pause`]), and a stderr that is
//! closed, broken or full changes nothing but that the words are lost. The clock is monotonic: setting the
//! machine's time neither shortens nor prolongs the wait.
//!
//! Only the front calls it, and only where the consent table says so.

use crate::cli::NAME;
use crate::ui;
use axolotl_run_core::consent::{DEFAULT, Telemetry};
use axolotl_run_core::env;
use axolotl_run_core::limits;
use axolotl_run_sys::pause::{Pause, Waited};
use countdown::Countdown;
use std::time::{Duration, Instant};

/// Between two looks at the clock during the notice: the countdown shows whole seconds.
const NOTICE_TICK: Duration = Duration::from_millis(200);

mod countdown;

/// How the notice ended.
pub enum Ended {
    /// The time is up, or the user has read it: start the command.
    Start,
    /// The user wants nothing to be started.
    Interrupted,
}

/// Shows the notice and waits.
pub fn show() -> Ended {
    let started_at = Instant::now();
    // In the background the countdown would be drawn over what the user types at the prompt.
    let terminal = ui::terminal::of_stderr().filter(|_| axolotl_run_sys::pause::in_foreground());
    let mut pause = Pause::begin(terminal.is_some());
    ui::say(&text(
        &ui::headline(HEADLINE),
        limits::NOTICE,
        pause.takes_enter(),
    ));
    let mut countdown = terminal.map(|terminal| Countdown::on(terminal, pause.takes_enter()));
    let ended = wait(started_at, &mut pause, countdown.as_mut());
    if let Some(countdown) = countdown {
        countdown.finish();
    }
    ended
}

const HEADLINE: &str = match DEFAULT {
    Telemetry::Off => "axolotl-run: anonymous telemetry is off; you have not chosen yet.",
    Telemetry::On => "axolotl-run: anonymous telemetry is on; you have not chosen yet.",
};

/// What the default means for this run.
const CONSEQUENCE: &str = match DEFAULT {
    Telemetry::Off => "This run is not recorded.",
    Telemetry::On => "This run is recorded.",
};

fn text(headline: &str, wait: Duration, takes_enter: bool) -> String {
    let (variable, seconds) = (env::AXOLOTL_DO_NOT_TRACK, wait.as_secs());
    let keys = if takes_enter {
        "Press Enter to start now, Ctrl-C to cancel"
    } else {
        "Press Ctrl-C to cancel"
    };
    format!(
        "{headline}\n\
         \x20 If you turn it on, Axolotl's maintainers see how runs go and why they fail.\n\
         \x20 sent:       versions, hardware, public config values, progress, memory,\n\
         \x20             run time, and errors reduced to public library names\n\
         \x20 never sent: data, prompts, output, paths, names of users, hosts, files or\n\
         \x20             private models, free text\n\
         \x20 every field that can be sent:  `{NAME} --schema`\n\
         \x20 turn it on:   `{variable}=0`, for all runs `{NAME} --enable`\n\
         \x20 keep it off:  `{variable}=1`, for all runs `{NAME} --disable`\n\
         \x20 record here:  `--record`, for all runs `{NAME} --record-always`\n\
         \x20 What holds for all runs ends this notice; the variable does while it is set.\n\
         \x20 {CONSEQUENCE} A record is for you alone; nothing of it is sent.\n\
         \x20 The command starts in {seconds} seconds. {keys}.\n"
    )
}

fn wait(started_at: Instant, pause: &mut Pause, mut countdown: Option<&mut Countdown>) -> Ended {
    loop {
        let left = limits::NOTICE.saturating_sub(started_at.elapsed());
        if left.is_zero() {
            return Ended::Start;
        }
        if let Some(countdown) = &mut countdown {
            countdown.show(seconds_up(left));
        }
        let tick = if countdown.is_some() {
            NOTICE_TICK.min(left)
        } else {
            left
        };
        match pause.wait(Instant::now() + tick) {
            Waited::Elapsed => {}
            Waited::Enter => return Ended::Start,
            Waited::Interrupted => return Ended::Interrupted,
        }
    }
}

/// Whole seconds, rounded up: a countdown ends at 1, not at 0.
fn seconds_up(left: Duration) -> u64 {
    left.as_secs()
        .saturating_add(u64::from(left.subsec_nanos() > 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_says_all_that_it_must() {
        let text = text(HEADLINE, limits::NOTICE, true);
        for part in [
            "sent:",
            "never",
            "--record`",
            "--record-always",
            "AXOLOTL_DO_NOT_TRACK=0",
            "AXOLOTL_DO_NOT_TRACK=1",
            "--enable",
            "--disable",
            "--schema",
            "15 seconds",
            "Enter",
            "Ctrl-C",
        ] {
            assert!(text.contains(part), "{part}");
        }
        assert!(
            text.lines().all(|line| line.chars().count() <= 80),
            "{text}"
        );
        assert!(!super::text(HEADLINE, limits::NOTICE, false).contains("Enter"));
    }

    #[test]
    fn a_countdown_shows_seconds_that_have_begun() {
        for (milliseconds, shown) in [(15_000, 15), (14_999, 15), (14_000, 14), (1, 1), (0, 0)] {
            assert_eq!(seconds_up(Duration::from_millis(milliseconds)), shown);
        }
    }
}
