//! Which of the bars is the training's.
//!
//! Training bars have no description and count `it`; evaluation bars look the same. tqdm moves the cursor up
//! after a nested bar, but programs that strip escapes (Axolotl outside a terminal) hide that. What holds in
//! every recording: the first such bar is the training's, of N steps; while it is not finished any other
//! total is nested; when it stands at N of N, a new bar 0/M takes its place only if M >= N, M was never
//! nested, and something else was printed in between. An evaluation with as many batches as the training has
//! steps is told apart by its clock, which begins anew.
//!
//! A described bar is a phase's, unless its description is that of a training loop ([`role`](super::role)); such a
//! one counts whatever stands around it, and where its loop counts each epoch anew, the epochs before are added
//! ([`loops`](super::loops)). While it is the training's, bars without a description are nested, and the other way round.
//!
//! A program may loop over more than it trains on before it trains (it counts tokens, filters, scores), and such a loop
//! looks like a training that is done. The log tells: a training's loss that is logged while a bar behind the finished
//! one is under way is that bar's, unless the finished one had its losses too.
//!
//! Loops over epochs that say nothing are guessed ([`guess`](super::guess)).
//!
//! Two things look the same in bars alone. An evaluation after the training can pass for a second training
//! until it logs its loss, so a finished training can be taken back. And a training that was restarted (by
//! torchrun, or with a smaller batch) can pass for an evaluation; it is known by what comes before it: the
//! weights are loaded anew, or a traceback's worth of other lines.

use super::bar::{Bar, Unit};
use super::guess::{Guessed, Guesses};
use super::loops::{BarKind, Loops, Position};
use super::role::BarRole;

/// Different totals of nested bars that are remembered; a training has one evaluation set or a few.
const NESTED_TOTALS_MAX: usize = 16;
/// Lines between two bars of one total that make the second a restart: more than where an evaluation begins.
const RESTART_LINES_MIN: u32 = 8;

/// What a bar says of the training.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BarChange {
    /// Nothing: it is not the training's, or a repeat.
    None,
    /// A training begins, the first or another one.
    Began,
    /// It goes on, or stands where it stood.
    Stepped,
    /// The bar that was taken for the training's is a nested one.
    Retracted,
}

/// Chooses among the bars of a run.
#[derive(Clone, Debug, Default)]
pub struct BarChoice {
    /// The bar that was chosen.
    pub chosen: Option<Position>,
    /// Seen as an ended line: an unfinished one may still turn out to be nested.
    confirmed: bool,
    /// Seconds that a nested bar of the chosen one's total has run, while there is one.
    shadow: Option<u64>,
    /// The finished one before the chosen one.
    before: Option<Position>,
    /// Whether a training's loss was logged while the chosen one was under way.
    logged: bool,
    /// The bar that was last seen behind the chosen one, which is finished.
    behind: Option<Position>,
    nested: Vec<u64>,
    /// Whether a nested bar was seen since the chosen one began.
    nests: bool,
    /// A trainer said that it evaluates: the next bar that begins is that.
    pub evaluates: bool,
    /// The command is known to train nothing (any more), whatever bars it draws.
    pub idle: bool,
    /// The total that the trainer announced.
    pub announced: Option<u64>,
    /// What else was printed since the chosen bar made its last step.
    other_lines: u32,
    /// Whether weights were loaded since then.
    loaded: bool,
    loops: Loops,
    pub guesses: Guesses,
}

impl BarChoice {
    /// Takes a bar of an ended line.
    pub fn offer(&mut self, bar: &Bar<'_>, cursor_up: bool) -> BarChange {
        if self.idle {
            return BarChange::None;
        }
        self.guess(bar);
        let Some(seen) = self.see(bar) else {
            self.other_line();
            self.loaded |= bar.role == BarRole::Loading;
            return BarChange::None;
        };
        let announced = self.evaluates && seen.kind == BarKind::Plain && seen.step == 0;
        self.evaluates &= !announced;
        if announced || (cursor_up && seen.kind == BarKind::Plain) {
            return self.nest(&seen);
        }
        let change = match self.chosen {
            None if seen.step > 0 && self.was_nested(&seen) => BarChange::None,
            None => self.choose(seen, true),
            Some(chosen) if self.is_another(&chosen, &seen) => {
                let change = self.choose(seen, true);
                self.before = Some(chosen).filter(Position::is_end);
                change
            }
            Some(chosen) if chosen.is_continued_by(&seen) => self.advance(chosen, seen, true),
            Some(chosen) if chosen.is_end() => {
                self.behind = Some(seen);
                // A line was printed through it, as trainers do with what they log of their steps.
                if self.guesses.cleared {
                    self.was_training()
                } else {
                    BarChange::None
                }
            }
            Some(_) => self.nest(&seen),
        };
        let own = matches!(change, BarChange::Began | BarChange::Stepped);
        self.logged |= self.guesses.drawn(own.then_some(seen.step)) && seen.is_under_way();
        change
    }

    /// Guesses, from the bar that comes, that the chosen one counts epochs or was one.
    fn guess(&mut self, bar: &Bar<'_>) {
        // What has bars in it is a trainer's.
        if self.nests || self.announced.is_some() || !self.confirmed {
            return;
        }
        let Some(chosen) = &mut self.chosen else {
            return;
        };
        if chosen.kind == BarKind::Plain && self.guesses.make(bar, chosen, &mut self.loops) {
            (chosen.kind, chosen.total, self.shadow) = (BarKind::Epochs, None, None);
        }
    }

    /// A trainer is at work: what was guessed of loops is not so.
    pub fn has_trainer(&mut self) -> BarChange {
        let Some(position) = self.guesses.give_up() else {
            return BarChange::None;
        };
        self.loops = Loops::default();
        self.choose(position, true)
    }

    /// Reads a bar as that of a training; None where it can be none.
    fn see(&mut self, bar: &Bar<'_>) -> Option<Position> {
        if bar.unit == Unit::Other {
            return None;
        }
        let (step, total) = (bar.step, bar.total);
        let mut own = Position {
            kind: BarKind::Plain,
            step,
            total,
            elapsed: bar.elapsed,
            epoch: None,
        };
        if bar.role == BarRole::Plain {
            match self.guesses.take(step, total, &mut self.loops) {
                Guessed::Part(position) => return position,
                Guessed::Wrong => {
                    self.guesses.give_up();
                    (self.loops, self.chosen) = (Loops::default(), None);
                }
                Guessed::No if self.guesses.guess.is_some() => return Some(own),
                Guessed::No => {}
            }
        }
        match bar.role {
            BarRole::Phase | BarRole::Loading => None,
            BarRole::Epochs => self.loops.outer(step, total),
            BarRole::Epoch(epoch) => self.loops.named(epoch, bar.numbering(), step, total),
            BarRole::OnlyEpoch(epoch) => {
                let mut position = self.loops.named(epoch, bar.numbering(), step, total)?;
                if position.step == step {
                    position.total = position.total.or(total);
                }
                Some(position)
            }
            BarRole::Plain | BarRole::Steps if self.loops.outer.is_some() => {
                self.loops.inner(step, total).or(Some(own))
            }
            BarRole::Plain => Some(own),
            BarRole::Steps => {
                own.kind = BarKind::Steps;
                Some(own)
            }
        }
    }

    /// Whether the bar that was chosen may be none of the training's, once a line says that the training has so many
    /// steps in all: it has no description and another length, or it is at its end and nothing was logged while it ran.
    pub fn yields_to(&self, total: Option<u64>) -> bool {
        let Some(chosen) = self.chosen else {
            return true;
        };
        let is_other = total.is_some() && total != chosen.total && chosen.kind == BarKind::Plain;
        is_other || (chosen.is_end() && !self.logged)
    }

    /// Whether a bar is that of another training than the chosen one.
    fn is_another(&self, chosen: &Position, bar: &Position) -> bool {
        let announced = self.announced.is_some()
            && self.announced == bar.total
            && chosen.total != self.announced;
        let counted =
            chosen.total.is_none() && bar.total.is_some() && chosen.kind == BarKind::Plain;
        // Each epoch's bar may begin without its description.
        let is_next_epoch = chosen.kind == BarKind::Epochs && self.loops.is_length(bar.total);
        let fresh = bar.step == 0 && bar.total.is_some() && !is_next_epoch && !self.was_nested(bar);
        let next =
            chosen.is_end() && chosen.step > 0 && bar.total >= chosen.total && self.other_lines > 0;
        let restarted =
            self.loaded || (bar.total == chosen.total && self.other_lines >= RESTART_LINES_MIN);
        // What says that it is a training's comes before what does not, unless that one is under way.
        let described_late = chosen.step == 0 && chosen.total == bar.total;
        let said = chosen.kind == BarKind::Plain
            && bar.kind != BarKind::Plain
            && (chosen.is_end() || described_late)
            && !chosen.is_continued_by(bar);
        announced || counted || said || (fresh && (next || (restarted && !chosen.is_end())))
    }

    /// Takes back the bar that followed a finished training: it has logged an evaluation's loss. Answers
    /// whether there was such a bar.
    pub fn was_evaluation(&mut self) -> bool {
        let (Some(before), Some(evaluation)) = (self.before.take(), self.chosen) else {
            return false;
        };
        (self.chosen, self.shadow) = (Some(before), None);
        self.remember_nested(&evaluation);
        true
    }

    /// A training's loss was logged at some time: what there is was no evaluation.
    pub fn confirm(&mut self) {
        self.before = None;
    }

    /// A training's loss was logged now: by the chosen bar, or by one behind it, which takes its place.
    pub fn was_training(&mut self) -> BarChange {
        self.confirm();
        let Some(chosen) = self.chosen else {
            return BarChange::None;
        };
        if !chosen.is_end() {
            self.logged = true;
            return BarChange::None;
        }
        match self.behind {
            Some(bar) if !self.logged && bar.step > 0 && bar.is_under_way() => {
                let change = self.choose(bar, true);
                self.logged = true;
                change
            }
            _ => BarChange::None,
        }
    }

    /// The length of the chosen bar, if it has come to its end.
    pub fn finished(&self) -> Option<u64> {
        self.chosen.filter(Position::is_end)?.total
    }

    /// Takes a bar from a line that has not ended: it can only begin the first bar or carry it on, and what
    /// follows may still show that it is nested.
    pub fn peek(&mut self, bar: &Bar<'_>, cursor_up: bool) -> BarChange {
        let is_phase = matches!(
            bar.role,
            BarRole::Phase | BarRole::Loading | BarRole::Epochs
        );
        if is_phase || bar.unit != Unit::Iterations || !bar.whole || self.idle || self.evaluates {
            return BarChange::None;
        }
        // In a bar of epochs, what has not ended may be the outer bar's line, on which the inner one is drawn.
        if self.loops.outer.is_some()
            || self.guesses.guess.is_some()
            || (cursor_up && bar.role == BarRole::Plain)
        {
            return BarChange::None;
        }
        let Some(seen) = self.see(bar) else {
            return BarChange::None;
        };
        if self.was_nested(&seen) {
            return BarChange::None;
        }
        match self.chosen {
            None => self.choose(seen, false),
            Some(chosen) if chosen.is_continued_by(&seen) && seen.step > chosen.step => {
                self.advance(chosen, seen, self.confirmed)
            }
            Some(_) => BarChange::None,
        }
    }

    /// Notes that something was printed that is no bar.
    pub fn other_line(&mut self) {
        self.other_lines = self.other_lines.saturating_add(1);
    }

    /// An evaluation's loss was logged, and no training's ever: takes back the finished bar that stands alone, in which
    /// nothing and behind which nothing was drawn.
    pub fn was_evaluation_alone(&mut self) -> BarChange {
        match self.chosen {
            Some(chosen)
                if chosen.kind == BarKind::Plain
                    && chosen.is_end()
                    && self.announced.is_none()
                    && !self.nests
                    && self.behind.is_none() =>
            {
                self.remember_nested(&chosen);
                self.chosen = None;
                BarChange::Retracted
            }
            _ => BarChange::None,
        }
    }

    /// Notes the total that the trainer announced.
    pub fn announce(&mut self, total: u64) {
        self.announced = Some(total);
        self.evaluates = false;
    }

    fn choose(&mut self, bar: Position, confirmed: bool) -> BarChange {
        // A loop over nothing says nothing.
        if bar.total.is_none() && bar.step == 0 {
            return BarChange::None;
        }
        (self.chosen, self.confirmed, self.shadow) = (Some(bar), confirmed, None);
        (self.before, self.behind) = (None, None);
        (self.logged, self.nests) = (false, false);
        self.went_on();
        BarChange::Began
    }

    /// A bar of the chosen one's total: itself, a repeat of it, or a nested one that happens to be as long.
    fn advance(&mut self, chosen: Position, bar: Position, confirmed: bool) -> BarChange {
        // Without a clock, the bar's own has to be believed to go on.
        let elapsed = bar.elapsed.or(chosen.elapsed).unwrap_or(0);
        let before = chosen.elapsed.unwrap_or(0);
        let restarted = bar.step == 0 && chosen.step > 0 && !chosen.is_end();
        if restarted {
            self.shadow = Some(0);
        }
        // While a nested bar runs, the training's clock runs too: it is ahead by all that it had before.
        if let Some(ran) = self.shadow
            && (restarted || elapsed.saturating_add(1) < before.saturating_add(ran))
        {
            self.shadow = Some(ran.max(elapsed));
            return self.nest(&bar);
        }
        // What goes backwards is a repeat in our copy of the output.
        if bar.step < chosen.step || elapsed < before {
            return BarChange::None;
        }
        if bar.step > chosen.step {
            self.went_on();
        }
        self.chosen = Some(Position {
            kind: chosen.kind,
            elapsed: Some(elapsed),
            ..bar
        });
        (self.confirmed, self.shadow) = (confirmed, None);
        BarChange::Stepped
    }

    fn went_on(&mut self) {
        self.other_lines = 0;
        self.loaded = false;
    }

    fn nest(&mut self, bar: &Position) -> BarChange {
        self.nests = true;
        self.remember_nested(bar);
        match self.chosen {
            Some(chosen) if !self.confirmed && chosen.total == bar.total => {
                self.chosen = None;
                BarChange::Retracted
            }
            _ => BarChange::None,
        }
    }

    fn was_nested(&self, bar: &Position) -> bool {
        bar.total.is_some_and(|total| self.nested.contains(&total))
    }

    fn remember_nested(&mut self, bar: &Position) {
        if self.nested.len() < NESTED_TOTALS_MAX && !self.was_nested(bar) {
            self.nested.extend(bar.total);
        }
    }
}
