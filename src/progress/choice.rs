//! Which of the bars is the training's.
//!
//! Training bars have no description and count `it`; evaluation bars look the same. tqdm moves the cursor up
//! after a nested bar, but programs that strip escapes (Axolotl outside a terminal) hide that. What holds in
//! every recording: the first such bar is the training's, of N steps; while it is not finished any other
//! total is nested; when it stands at N of N, a new bar 0/M takes its place only if M >= N, M was never
//! nested, and something else was printed in between. An evaluation with as many batches as the training has
//! steps is told apart by its clock, which begins anew.

use super::bar::{Bar, Unit};
use crate::limits::NESTED_TOTALS_MAX;

/// What a bar says of the training.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// Nothing: it is not the training's, or a repeat.
    None,
    /// A training begins, the first or another one.
    Began(Position),
    /// It goes on, or stands where it stood.
    Stepped(Position),
    /// The bar that was taken for the training's is a nested one.
    Retracted,
}

/// Where the training is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Position {
    pub(super) step: u64,
    pub(super) total: Option<u64>,
}

/// The bar that was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Chosen {
    step: u64,
    total: Option<u64>,
    elapsed: u64,
    /// Seen as an ended line: an unfinished one may still turn out to be nested.
    confirmed: bool,
    /// Seconds that a nested bar of the same total has run, while there is one.
    shadow: Option<u64>,
}

impl Chosen {
    fn finished(&self) -> bool {
        self.total == Some(self.step)
    }
}

/// Chooses among the bars of a run.
#[derive(Clone, Debug, Default)]
pub(super) struct Choice {
    chosen: Option<Chosen>,
    nested: Vec<u64>,
    /// The total that the trainer announced.
    announced: Option<u64>,
    /// Whether something else was printed since the chosen bar was last seen.
    interrupted: bool,
}

impl Choice {
    /// Takes a bar of an ended line.
    pub(super) fn offer(&mut self, bar: &Bar, cursor_up: bool) -> Change {
        if bar.described || bar.unit == Unit::Other {
            self.other_line();
            return Change::None;
        }
        if cursor_up {
            return self.nest(bar);
        }
        match self.chosen {
            None => self.choose(bar, true),
            Some(chosen) if chosen.total == bar.total && !self.is_next_of_same_total(&chosen, bar) => {
                self.advance(chosen, bar, true)
            }
            Some(chosen) => {
                let announced = self.announced.is_some() && self.announced == bar.total;
                let longer = bar.total >= chosen.total && bar.total.is_some_and(|total| !self.nested.contains(&total));
                let next = chosen.finished() && bar.step == 0 && longer && self.interrupted;
                let counted = chosen.total.is_none() && bar.total.is_some();
                if next || counted || (announced && chosen.total != self.announced) {
                    return self.choose(bar, true);
                }
                if chosen.finished() { Change::None } else { self.nest(bar) }
            }
        }
    }

    /// Takes a bar from a line that has not ended: it can only begin the first bar or carry it on, and what
    /// follows may still show that it is nested.
    pub(super) fn peek(&mut self, bar: &Bar, cursor_up: bool) -> Change {
        if bar.described || bar.unit != Unit::Iterations || cursor_up || !bar.whole {
            return Change::None;
        }
        let nested = bar.total.is_some_and(|total| self.nested.contains(&total));
        match self.chosen {
            None if !nested => self.choose(bar, false),
            Some(chosen) if chosen.total == bar.total && !nested && bar.step > chosen.step => {
                self.advance(chosen, bar, chosen.confirmed)
            }
            _ => Change::None,
        }
    }

    /// Notes that something was printed that is no bar.
    pub(super) fn other_line(&mut self) {
        self.interrupted = true;
    }

    /// Notes the total that the trainer announced.
    pub(super) fn announce(&mut self, total: u64) {
        self.announced = Some(total);
    }

    /// The total that the trainer announced.
    pub(super) const fn announced(&self) -> Option<u64> {
        self.announced
    }

    /// Whether a training of as many steps begins after the finished one.
    fn is_next_of_same_total(&self, chosen: &Chosen, bar: &Bar) -> bool {
        chosen.finished() && bar.step == 0 && chosen.step > 0 && self.interrupted
    }

    fn choose(&mut self, bar: &Bar, confirmed: bool) -> Change {
        // A loop over nothing says nothing.
        if bar.total.is_none() && bar.step == 0 {
            return Change::None;
        }
        let elapsed = bar.elapsed.unwrap_or(0);
        self.chosen = Some(Chosen { step: bar.step, total: bar.total, elapsed, confirmed, shadow: None });
        self.interrupted = false;
        Change::Began(Position { step: bar.step, total: bar.total })
    }

    /// A bar of the chosen one's total: itself, a repeat of it, or a nested one that happens to be as long.
    fn advance(&mut self, mut chosen: Chosen, bar: &Bar, confirmed: bool) -> Change {
        // Without a clock, the bar's own has to be believed to go on.
        let elapsed = bar.elapsed.unwrap_or(chosen.elapsed);
        let restarted = bar.step == 0 && chosen.step > 0 && !chosen.finished();
        let shadow = if restarted { Some(0) } else { chosen.shadow };
        // While a nested bar runs, the training's clock runs too: it is ahead by all that it had before.
        let own =
            shadow.is_none_or(|ran| !restarted && elapsed.saturating_add(1) >= chosen.elapsed.saturating_add(ran));
        if !own {
            chosen.shadow = shadow.map(|ran| ran.max(elapsed));
            self.chosen = Some(chosen);
            return self.nest(bar);
        }
        // What goes backwards is a repeat in our copy of the output.
        if bar.step < chosen.step || elapsed < chosen.elapsed {
            return Change::None;
        }
        self.interrupted &= chosen.finished() && bar.step == chosen.step;
        self.chosen = Some(Chosen { step: bar.step, elapsed, confirmed, shadow: None, ..chosen });
        Change::Stepped(Position { step: bar.step, total: bar.total })
    }

    fn nest(&mut self, bar: &Bar) -> Change {
        if let Some(total) = bar.total
            && self.nested.len() < NESTED_TOTALS_MAX
            && !self.nested.contains(&total)
        {
            self.nested.push(total);
        }
        if self.chosen.is_some_and(|chosen| !chosen.confirmed && chosen.total == bar.total) {
            self.chosen = None;
            return Change::Retracted;
        }
        Change::None
    }
}
