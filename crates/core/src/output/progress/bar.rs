//! The grammar of tqdm's bars.
//!
//! ```text
//! [desc ": "] percent "%|" cells "| " n "/" total " [" elapsed "<" remaining ", " rate [", " postfix] "]"
//! n "it [" elapsed ", " rate "]"                                                    the total is unknown
//! desc ": |" cells "| " n "/? [" elapsed "<" remaining ", " rate [", " postfix] "]"      likewise, Lightning's
//! desc cells n "/" total elapsed " • " remaining rate [key ": " value]…                  rich's, as Lightning draws it
//! ```
//! A narrow terminal cuts the end off, so `| n/total [` is enough; one that says it has no columns at all gets
//! `percent "% " n "/" total " ["`. The percentage has to fit the numbers: it tells a bar from a line into
//! which another process wrote.

use super::knowledge::UNITS;
use super::loops::Numbering;
use super::role::{self, Role};
use crate::limits::STEP_MAX;

/// What a bar counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// Iterations, tqdm's default and the training's unit; batches and steps are the same by other names.
    Iterations,
    /// Anything else: examples, files, bytes.
    Other,
    /// The terminal was too narrow for it.
    Unknown,
}

/// One refresh of one bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bar<'a> {
    /// The description; training bars of trainers have none.
    pub(super) description: &'a str,
    /// What the description says that is counted.
    pub(super) role: Role,
    /// Drawn by rich, whose epochs are numbered up to the last one's own number.
    pub(super) rich: bool,
    /// The count.
    pub(super) step: u64,
    /// The total, never below the count.
    pub(super) total: Option<u64>,
    /// What is counted.
    pub(super) unit: Unit,
    /// Seconds since the bar began.
    pub(super) elapsed: Option<u64>,
    /// Whether the bar is there up to its closing bracket.
    pub(super) whole: bool,
    /// What the program itself put behind the rate.
    pub(super) postfix: &'a str,
}

impl<'a> Bar<'a> {
    /// The loss in its description.
    pub(super) fn loss(&self) -> Option<f64> {
        match role::only_epoch(self.description) {
            Some((_, loss)) => loss,
            None => role::loss(self.description),
        }
    }

    /// How its epochs are numbered. Only Lightning puts the version of its log behind its bars.
    pub(super) fn numbering(&self) -> Numbering {
        if self.rich {
            Numbering::FromZeroToLast
        } else if self.postfix.contains("v_num=") {
            Numbering::FromZero
        } else {
            Numbering::Unknown
        }
    }

    /// Whether its description names its epoch; such bars are drawn on standard output, too.
    pub(super) const fn names_epoch(&self) -> bool {
        matches!(self.role, Role::Epoch(_) | Role::OnlyEpoch(_))
    }

    /// The first bar of a line, and what follows it.
    pub(super) fn find(text: &'a str) -> Option<(Self, &'a str)> {
        let mut from = 0;
        while let Some((before, after)) = text.get(from..).and_then(|rest| rest.split_once('%')) {
            let start = from + before.len();
            if let Some(found) = text
                .get(..start)
                .and_then(|before| with_total(before, after))
            {
                return Some(found);
            }
            from = start + 1;
        }
        without_total(text)
            .or_else(|| of_unknown_length(text))
            .or_else(|| by_rich(text))
    }
}

fn with_total<'a>(before: &'a str, after: &'a str) -> Option<(Bar<'a>, &'a str)> {
    let description = before.trim_end_matches(|digit: char| digit.is_ascii_digit());
    let percent: f64 = before
        .strip_prefix(description)
        .filter(|digits| digits.len() <= 3)?
        .parse()
        .ok()?;
    let (cells, numbers) = match after.strip_prefix('|') {
        Some(after) => after.split_once('|')?,
        None => ("", after.strip_prefix(' ')?),
    };
    if cells.contains(|cell: char| cell.is_ascii_alphabetic()) {
        return None;
    }
    // Where the numbers have to stand, so that a line full of half bars is not searched over and over.
    let near = numbers
        .char_indices()
        .nth(48)
        .and_then(|(end, _)| numbers.get(..end))
        .unwrap_or(numbers);
    let (counts, _) = near.split_once(" [")?;
    let rest = numbers.strip_prefix(counts)?.strip_prefix(" [")?;
    let (step, total) = counts.trim_start_matches(' ').split_once('/')?;
    let (step, total) = (count(step)?, count(total)?);
    // With a scaled unit the printed numbers have three digits, hence the second percent.
    if step > total || total == 0 || (percent - step as f64 * 100.0 / total as f64).abs() > 2.0 {
        return None;
    }
    Some(bracketed(description, step, Some(total), rest))
}

/// A bar whose counts are read, from its bracket on.
fn bracketed<'a>(
    description: &'a str,
    step: u64,
    total: Option<u64>,
    text: &'a str,
) -> (Bar<'a>, &'a str) {
    let (bracket, whole, rest) = bracket(text);
    // Cut off in its middle, a time would seem to run backwards.
    let elapsed = bracket
        .split_once('<')
        .and_then(|(elapsed, _)| seconds(elapsed));
    let tail = bracket.split_once('<').map(|(_, tail)| tail);
    let unit = tail.map_or(Unit::Unknown, |tail| unit(tail, whole));
    let postfix = tail
        .and_then(|tail| tail.splitn(3, ", ").nth(2))
        .filter(|_| whole)
        .unwrap_or_default();
    let description = description.trim_matches(' ');
    let role = Role::of(description);
    (
        Bar {
            description,
            role,
            rich: false,
            step,
            total,
            unit,
            elapsed,
            whole,
            postfix,
        },
        rest,
    )
}

/// Only the undescribed form with the default unit: every other one is a phase, and so as good as any line.
fn without_total(text: &str) -> Option<(Bar<'_>, &str)> {
    let (number, rest) = text.split_once("it [")?;
    let (step, (bracket, whole, rest)) = (count(number)?, bracket(rest));
    let elapsed = seconds(bracket.split(',').next()?)?;
    let unit = if whole {
        unit(bracket, whole)
    } else {
        Unit::Unknown
    };
    let (role, elapsed) = (Role::Plain, Some(elapsed));
    Some((
        Bar {
            description: "",
            role,
            rich: false,
            step,
            total: None,
            unit,
            elapsed,
            whole,
            postfix: "",
        },
        rest,
    ))
}

/// Lightning's form where a data set does not say how long it is.
fn of_unknown_length(text: &str) -> Option<(Bar<'_>, &str)> {
    let (before, rest) = text.split_once("/? [")?;
    let (head, number) = before.rsplit_once("| ")?;
    let (description, cells) = head.split_once('|')?;
    let blank = cells.chars().all(|cell| cell == ' ');
    blank
        .then(|| count(number))
        .flatten()
        .map(|step| bracketed(description, step, None, rest))
}

/// The cells of rich's bars: the done, its half, the half of the rest.
const RICH: [char; 3] = ['\u{2501}', '\u{2578}', '\u{257a}'];

/// rich's columns, of which only those of epochs are Lightning's.
fn by_rich(text: &str) -> Option<(Bar<'_>, &str)> {
    let at = text.find(RICH)?;
    let (description, cells) = text.split_at_checked(at)?;
    let role = Role::of(description);
    if !matches!(role, Role::Epoch(_)) {
        return None;
    }
    let numbers = cells
        .trim_start_matches(RICH)
        .strip_prefix(' ')?
        .trim_start_matches(' ');
    let (counts, rest) = numbers.split_once(' ').unwrap_or((numbers, ""));
    let (step, total) = counts.split_once('/')?;
    let step = count(step)?;
    let total = count(total).filter(|total| *total > 0);
    if total.is_none_or(|total| step > total) && !counts.ends_with("/--") {
        return None;
    }
    let (unit, postfix) = rest
        .split_once("it/s ")
        .map_or((Unit::Unknown, ""), |(_, tail)| (Unit::Iterations, tail));
    Some((
        Bar {
            description,
            role,
            rich: true,
            step,
            total,
            unit,
            elapsed: None,
            whole: true,
            postfix,
        },
        "",
    ))
}

/// The inside of the brackets, whether they are closed, and what follows.
fn bracket(text: &str) -> (&str, bool, &str) {
    text.split_once(']')
        .map_or((text, false, ""), |(inside, rest)| (inside, true, rest))
}

/// The unit of the rate in `remaining, rate[, postfix]`.
fn unit(tail: &str, whole: bool) -> Unit {
    let mut parts = tail.split(", ").skip(1);
    let (Some(rate), next) = (parts.next(), parts.next()) else {
        return Unit::Unknown;
    };
    if !whole && next.is_none() {
        return Unit::Unknown;
    }
    let scale = |last: char| last.is_ascii_digit() || "?kMGTPEZY".contains(last);
    let number = UNITS.iter().find_map(|unit| {
        let rate = rate.trim_start_matches(' ');
        let number = rate
            .strip_suffix("/s")
            .and_then(|rate| rate.strip_suffix(unit));
        number.or_else(|| rate.strip_suffix(unit)?.strip_suffix("s/"))
    });
    if number.is_some_and(|number| number.ends_with(scale)) {
        Unit::Iterations
    } else {
        Unit::Other
    }
}

/// `25`, `1.20k`, `3.00G`: the numbers of a bar, rounded down.
fn count(text: &str) -> Option<u64> {
    let (number, scale) = match text.char_indices().next_back()? {
        (_, '0'..='9') => (text, 1.0),
        (at, letter) => (
            text.get(..at)?,
            1000_f64.powi(i32::try_from("kMGT".find(letter)?).ok()? + 1),
        ),
    };
    let is_number = number.len() <= 20
        && number
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.');
    let number: f64 = number.parse().ok().filter(|_| is_number)?;
    let counted = (number * scale + 1e-6).floor();
    // Below 10^12 every whole float is exact.
    (0.0..=STEP_MAX as f64)
        .contains(&counted)
        .then_some(counted as u64)
}

/// `[H:]MM:SS`.
fn seconds(text: &str) -> Option<u64> {
    let parts = text
        .split(':')
        .map(|part| part.parse::<u64>().ok().filter(|_| part.len() <= 6));
    let parts: Vec<u64> = parts.take(4).collect::<Option<_>>()?;
    match *parts.as_slice() {
        [minutes, seconds] => Some(minutes * 60 + seconds),
        [hours, minutes, seconds] => Some(hours * 3600 + minutes * 60 + seconds),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(text: &str) -> Option<(bool, u64, Option<u64>, Unit, bool)> {
        Bar::find(text).map(|(bar, _)| {
            (
                bar.role != Role::Plain,
                bar.step,
                bar.total,
                bar.unit,
                bar.whole,
            )
        })
    }

    #[test]
    fn bars_are_read() {
        use Unit::{Iterations, Other, Unknown};
        for (text, expected) in [
            (
                " 21%|██        | 25/120 [00:03<00:13,  6.84it/s]",
                (false, 25, Some(120), Iterations, true),
            ),
            (
                "0%|          | 0/560 [00:00<?, ?it/s]",
                (false, 0, Some(560), Iterations, true),
            ),
            (
                "83%|████▎ | 10/12 [00:25<00:05,  2.55s/it]",
                (false, 10, Some(12), Iterations, true),
            ),
            (
                "50%|#####5    | 1/2 [00:25<00:05,  2.55s/it, loss=2, lr=3]",
                (false, 1, Some(2), Iterations, true),
            ),
            (
                "Map:  30%|███       | 300/1000 [00:00<00:01, 900.00 examples/s]",
                (true, 300, Some(1000), Other, true),
            ),
            (
                "30%|███       | 300/1000 [00:00<00:01, 900.00 examples/s]",
                (false, 300, Some(1000), Other, true),
            ),
            (
                "12%|█▏        | 1.20k/10.0k [00:03<00:20, 1.20kit/s]",
                (false, 1200, Some(10_000), Iterations, true),
            ),
            (
                "33%|███▎      | 1.00G/3.00G [1:00:03<2:00:20, 90.0MB/s]",
                (false, 1_000_000_000, Some(3_000_000_000), Other, true),
            ),
            ("0%|█| 0/1 [00:0", (false, 0, Some(1), Unknown, false)),
            ("0%| | 0/30 [", (false, 0, Some(30), Unknown, false)),
            (
                "  8% 5/60 [25:01:05<275:11:58, 18013.06s/it]",
                (false, 5, Some(60), Iterations, true),
            ),
            (
                "1%|▎         | 0.5/60.0 [00:05<10:30, 10.60s/it]",
                (false, 0, Some(60), Iterations, true),
            ),
            (
                " 5%|▌| 3/60 [00:03<00:57, 1.",
                (false, 3, Some(60), Unknown, false),
            ),
            ("5it [00:01, 4.20it/s]", (false, 5, None, Iterations, true)),
            (
                "Epoch 0: |          | 12/? [00:00<00:00, 38.22it/s, v_num=0]",
                (true, 12, None, Iterations, true),
            ),
            (
                "Epoch 1/2:   7%|7| 4/60 [00:00<00:01, 32.05batch/s, loss=5]",
                (true, 4, Some(60), Iterations, true),
            ),
            (
                "Epoch 1/2:   7%|7| 4/60 [00:09<00:01,  2.05s/batch, loss=5]",
                (true, 4, Some(60), Iterations, true),
            ),
            (
                "Epoch 0/1  ━━━╺━━ 12/40 0:00:00 • -:--:-- 0.00it/s train_loss: 0.1",
                (true, 12, Some(40), Iterations, true),
            ),
            (
                "Epoch 1/-2 ━━━━━╸ 30/-- 0:00:01 • 0:00:",
                (true, 30, None, Unknown, true),
            ),
        ] {
            assert_eq!(find(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_bar_is_none() {
        for text in [
            "",
            "100%| done",
            "5%|▌| 3/6",
            "5%|▌| 61/60 [00:00<?, ?it/s]",
            "5%|▌| -3/60 [00:00<?, ?it/s]",
            "0%|▌| 0/0 [00:00<?, ?it/s]",
            "0%|▌| 0/1000000000000000000000000000000 [00:00<?, ?it/s]",
            "90%|▌| 3/60 [00:00<?, ?it/s]",
            "1234%|▌| 3/60 [00:00<?, ?it/s]",
            "5% of 3/60 [x]",
            "disk 5% 40/60 [x]",
            "5%| yes | 3/60 [x]",
            "5%|▌| 3/60k [x]",
            "0%|▌| nan/60 [x]",
            "Map: 4000 examples [00:00, 11062.50 examples/s]",
            "audit [00:00, x]",
            "Downloading ━━━━━━━━━━ 12/40 0:00:00",
            "Epoch 0/1 ━━━╺━━ 41/40 0:00:00",
            "━━━━━━ Epoch 1",
            "Epoch 0: | yes | 12/? [00:00<00:00]",
        ] {
            assert_eq!(find(text), None, "{text}");
        }
    }

    #[test]
    fn what_follows_a_bar_is_handed_back() {
        let (bar, rest) = Bar::find("%|%| 5%|▌| 3/60 [01:03<?, ?it/s]Traceback (most").unwrap();
        assert_eq!(
            (bar.step, bar.elapsed, rest),
            (3, Some(63), "Traceback (most")
        );
    }
}
