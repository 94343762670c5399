//! The grammar of tqdm's bars.
//!
//! ```text
//! [desc ": "] percent "%|" cells "| " n "/" total " [" elapsed "<" remaining ", " rate [", " postfix] "]"
//! n "it [" elapsed ", " rate "]"                                                    the total is unknown
//! ```
//! A narrow terminal cuts the end off, so `| n/total [` is enough; one that says it has no columns at all gets
//! `percent "% " n "/" total " ["`. The percentage has to fit the numbers: it tells a bar from a line into
//! which another process wrote.

use crate::limits::STEP_MAX;

/// What a bar counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// Iterations, tqdm's default and the training's unit.
    Iterations,
    /// Anything else: examples, files, bytes.
    Other,
    /// The terminal was too narrow for it.
    Unknown,
}

/// One refresh of one bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bar {
    /// Whether it has a description; training bars have none.
    pub(super) described: bool,
    /// Whether the description says that weights are being loaded, which a training does as it begins.
    pub(super) loading: bool,
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
}

impl Bar {
    /// The first bar of a line, and what follows it.
    pub(super) fn find(text: &str) -> Option<(Self, &str)> {
        let mut from = 0;
        while let Some((before, after)) = text.get(from..).and_then(|rest| rest.split_once('%')) {
            let start = from + before.len();
            if let Some(found) = text.get(..start).and_then(|before| with_total(before, after)) {
                return Some(found);
            }
            from = start + 1;
        }
        without_total(text)
    }
}

fn with_total<'a>(before: &str, after: &'a str) -> Option<(Bar, &'a str)> {
    let description = before.trim_end_matches(|digit: char| digit.is_ascii_digit());
    let percent: f64 = before.strip_prefix(description).filter(|digits| digits.len() <= 3)?.parse().ok()?;
    let (cells, numbers) = match after.strip_prefix('|') {
        Some(after) => after.split_once('|')?,
        None => ("", after.strip_prefix(' ')?),
    };
    if cells.contains(|cell: char| cell.is_ascii_alphabetic()) {
        return None;
    }
    // Where the numbers have to stand, so that a line full of half bars is not searched over and over.
    let near = numbers.char_indices().nth(48).and_then(|(end, _)| numbers.get(..end)).unwrap_or(numbers);
    let (counts, _) = near.split_once(" [")?;
    let rest = numbers.strip_prefix(counts)?.strip_prefix(" [")?;
    let (step, total) = counts.trim_start_matches(' ').split_once('/')?;
    let (step, total) = (count(step)?, count(total)?);
    // With a scaled unit the printed numbers have three digits, hence the second percent.
    if step > total || total == 0 || (percent - step as f64 * 100.0 / total as f64).abs() > 2.0 {
        return None;
    }
    let (bracket, whole, rest) = bracket(rest);
    // Cut off in its middle, a time would seem to run backwards.
    let elapsed = bracket.split_once('<').and_then(|(elapsed, _)| seconds(elapsed));
    let unit = bracket.split_once('<').map_or(Unit::Unknown, |(_, tail)| unit(tail, whole));
    let description = description.trim_matches(' ');
    let (described, loading) = (!description.is_empty(), description.starts_with("Loading "));
    Some((Bar { described, loading, step, total: Some(total), unit, elapsed, whole }, rest))
}

/// Only the undescribed form with the default unit: every other one is a phase, and so as good as any line.
fn without_total(text: &str) -> Option<(Bar, &str)> {
    let (number, rest) = text.split_once("it [")?;
    let (step, (bracket, whole, rest)) = (count(number)?, bracket(rest));
    let elapsed = seconds(bracket.split(',').next()?)?;
    let unit = if whole { unit(bracket, whole) } else { Unit::Unknown };
    Some((Bar { described: false, loading: false, step, total: None, unit, elapsed: Some(elapsed), whole }, rest))
}

/// The inside of the brackets, whether they are closed, and what follows.
fn bracket(text: &str) -> (&str, bool, &str) {
    text.split_once(']').map_or((text, false, ""), |(inside, rest)| (inside, true, rest))
}

/// The unit of the rate in `remaining, rate[, postfix]`.
fn unit(tail: &str, whole: bool) -> Unit {
    let mut parts = tail.split(", ").skip(1);
    let (Some(rate), next) = (parts.next(), parts.next()) else { return Unit::Unknown };
    if !whole && next.is_none() {
        return Unit::Unknown;
    }
    let number = rate.strip_suffix("it/s").or_else(|| rate.strip_suffix("s/it"));
    let scale = |last: char| last.is_ascii_digit() || "?kMGTPEZY".contains(last);
    if number.is_some_and(|number| number.ends_with(scale)) { Unit::Iterations } else { Unit::Other }
}

/// `25`, `1.20k`, `3.00G`: the numbers of a bar, rounded down.
fn count(text: &str) -> Option<u64> {
    let (number, scale) = match text.char_indices().next_back()? {
        (_, '0'..='9') => (text, 1.0),
        (at, letter) => (text.get(..at)?, 1000_f64.powi(i32::try_from("kMGT".find(letter)?).ok()? + 1)),
    };
    let is_number = number.len() <= 20 && number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let number: f64 = number.parse().ok().filter(|_| is_number)?;
    let counted = (number * scale + 1e-6).floor();
    // Below 10^12 every whole float is exact.
    (0.0..=STEP_MAX as f64).contains(&counted).then_some(counted as u64)
}

/// `[H:]MM:SS`.
fn seconds(text: &str) -> Option<u64> {
    let parts = text.split(':').map(|part| part.parse::<u64>().ok().filter(|_| part.len() <= 6));
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
        Bar::find(text).map(|(bar, _)| (bar.described, bar.step, bar.total, bar.unit, bar.whole))
    }

    #[test]
    fn bars_are_read() {
        use Unit::{Iterations, Other, Unknown};
        for (text, expected) in [
            (" 21%|██        | 25/120 [00:03<00:13,  6.84it/s]", (false, 25, Some(120), Iterations, true)),
            ("0%|          | 0/560 [00:00<?, ?it/s]", (false, 0, Some(560), Iterations, true)),
            ("83%|████▎ | 10/12 [00:25<00:05,  2.55s/it]", (false, 10, Some(12), Iterations, true)),
            ("50%|#####5    | 1/2 [00:25<00:05,  2.55s/it, loss=2, lr=3]", (false, 1, Some(2), Iterations, true)),
            ("Map:  30%|███       | 300/1000 [00:00<00:01, 900.00 examples/s]", (true, 300, Some(1000), Other, true)),
            ("30%|███       | 300/1000 [00:00<00:01, 900.00 examples/s]", (false, 300, Some(1000), Other, true)),
            ("12%|█▏        | 1.20k/10.0k [00:03<00:20, 1.20kit/s]", (false, 1200, Some(10_000), Iterations, true)),
            (
                "33%|███▎      | 1.00G/3.00G [1:00:03<2:00:20, 90.0MB/s]",
                (false, 1_000_000_000, Some(3_000_000_000), Other, true),
            ),
            ("0%|█| 0/1 [00:0", (false, 0, Some(1), Unknown, false)),
            ("0%| | 0/30 [", (false, 0, Some(30), Unknown, false)),
            ("  8% 5/60 [25:01:05<275:11:58, 18013.06s/it]", (false, 5, Some(60), Iterations, true)),
            ("1%|▎         | 0.5/60.0 [00:05<10:30, 10.60s/it]", (false, 0, Some(60), Iterations, true)),
            (" 5%|▌| 3/60 [00:03<00:57, 1.", (false, 3, Some(60), Unknown, false)),
            ("5it [00:01, 4.20it/s]", (false, 5, None, Iterations, true)),
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
        ] {
            assert_eq!(find(text), None, "{text}");
        }
    }

    #[test]
    fn what_follows_a_bar_is_handed_back() {
        let (bar, rest) = Bar::find("%|%| 5%|▌| 3/60 [01:03<?, ?it/s]Traceback (most").unwrap();
        assert_eq!((bar.step, bar.elapsed, rest), (3, Some(63), "Traceback (most"));
    }
}
