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
use super::loops::{Loops, Place};
use super::role::Role;
use crate::limits::{NESTED_TOTALS_MAX, RESTART_LINES_MIN};

/// How a bar is known to be a training's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// It has no description.
    Plain,
    /// Its description says so.
    Steps,
    /// It is one epoch's, and was converted into steps of the training.
    Epochs,
}

/// A bar that may be a training's, as one of its steps.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Seen {
    kind: Kind,
    step: u64,
    total: Option<u64>,
    elapsed: Option<u64>,
    epoch: Option<f64>,
}

/// The bar that was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Chosen {
    kind: Kind,
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

    /// Whether a bar can be this one. A description may come and go; the epochs' total may become known.
    fn is(&self, bar: &Seen) -> bool {
        match (self.kind, bar.kind) {
            (Kind::Epochs, Kind::Epochs) => true,
            (Kind::Epochs, _) | (_, Kind::Epochs) => false,
            _ => self.total == bar.total,
        }
    }
}

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

/// Chooses among the bars of a run.
#[derive(Clone, Debug, Default)]
pub(super) struct Choice {
    chosen: Option<Chosen>,
    /// The finished one before it.
    before: Option<Chosen>,
    /// Whether a training's loss was logged while the chosen one was under way.
    logged: bool,
    /// The bar that was last seen behind the chosen one, which is finished.
    behind: Option<Seen>,
    nested: Vec<u64>,
    /// Whether a nested bar was seen since the chosen one began.
    nests: bool,
    /// A trainer said that it evaluates: the next bar that begins is that.
    evaluates: bool,
    /// The command is known to train nothing.
    idle: bool,
    /// The total that the trainer announced.
    announced: Option<u64>,
    /// What else was printed since the chosen bar made its last step.
    other_lines: u32,
    /// Whether weights were loaded since then.
    loaded: bool,
    loops: Loops,
    guesses: Guesses,
    /// Epochs done, as the chosen bar's loop says.
    epoch: Option<f64>,
}

impl Choice {
    /// Takes a bar of an ended line.
    pub(super) fn offer(&mut self, bar: &Bar<'_>, cursor_up: bool) -> Change {
        if self.idle {
            return Change::None;
        }
        self.guess(bar);
        let Some(seen) = self.see(bar) else {
            self.other_line();
            self.loaded |= bar.role == Role::Loading;
            return Change::None;
        };
        let bar = &seen;
        let announced = self.evaluates && bar.kind == Kind::Plain && bar.step == 0;
        self.evaluates &= !announced;
        if (cursor_up && bar.kind == Kind::Plain) || announced {
            return self.nest(bar);
        }
        let change = match self.chosen {
            None if bar.step > 0 && bar.total.is_some_and(|total| self.nested.contains(&total)) => {
                Change::None
            }
            None => self.choose(bar, true),
            Some(chosen) if self.is_another(&chosen, bar) => {
                let finished = Some(chosen).filter(Chosen::finished);
                let change = self.choose(bar, true);
                self.before = finished;
                change
            }
            Some(chosen) if chosen.is(bar) => self.advance(chosen, bar, true),
            Some(chosen) if chosen.finished() => {
                self.behind = Some(*bar);
                // A line was printed through it, as trainers do with what they log of their steps.
                if self.guesses.is_cleared() {
                    self.was_training()
                } else {
                    Change::None
                }
            }
            Some(_) => self.nest(bar),
        };
        let own = matches!(change, Change::Began(_) | Change::Stepped(_));
        if own {
            self.epoch = bar.epoch;
        }
        self.logged |= self.guesses.drawn(own.then_some(bar.step))
            && bar.total.is_some_and(|total| bar.step < total);
        change
    }

    /// Guesses, from the bar that comes, that the chosen one counts epochs or was one.
    fn guess(&mut self, bar: &Bar<'_>) {
        let plain = |chosen: &&mut Chosen| chosen.kind == Kind::Plain && chosen.confirmed;
        // What has bars in it is a trainer's.
        if self.nests {
            return;
        }
        let Some(chosen) = self.chosen.as_mut().filter(plain) else {
            return;
        };
        let Some(total) = chosen.total.filter(|_| self.announced.is_none()) else {
            return;
        };
        if self
            .guesses
            .make(bar, (chosen.step, total), &mut self.loops)
        {
            (chosen.kind, chosen.total, chosen.shadow) = (Kind::Epochs, None, None);
        }
    }

    /// Notes the blanks that take a bar away.
    pub(super) fn cleared(&mut self) {
        self.guesses.clear();
    }

    /// A trainer is at work: what was guessed of loops is not so.
    pub(super) fn has_trainer(&mut self) -> Change {
        let Some((step, total)) = self.guesses.give_up() else {
            return Change::None;
        };
        (self.loops, self.epoch) = (Loops::default(), None);
        self.choose(
            &Seen {
                kind: Kind::Plain,
                step,
                total: Some(total),
                elapsed: None,
                epoch: None,
            },
            true,
        )
    }

    /// Reads a bar as that of a training; None where it can be none.
    fn see(&mut self, bar: &Bar<'_>) -> Option<Seen> {
        if bar.unit == Unit::Other {
            return None;
        }
        let plain = |kind| Seen {
            kind,
            step: bar.step,
            total: bar.total,
            elapsed: bar.elapsed,
            epoch: None,
        };
        // Each epoch's clock begins anew.
        let placed = |Place { step, total, epoch }| Seen {
            kind: Kind::Epochs,
            step,
            total,
            elapsed: None,
            epoch,
        };
        if bar.role == Role::Plain {
            match self.guesses.take(bar.step, bar.total, &mut self.loops) {
                Guessed::Part(place) => return place.map(placed),
                Guessed::Wrong => {
                    self.guesses.give_up();
                    (self.loops, self.chosen) = (Loops::default(), None);
                }
                Guessed::No if self.guesses.is_made() => return Some(plain(Kind::Plain)),
                Guessed::No => {}
            }
        }
        match bar.role {
            Role::Phase | Role::Loading => None,
            Role::Epochs => self.loops.outer(bar.step, bar.total).map(placed),
            Role::Epoch(epoch) => self
                .loops
                .named(epoch, bar.numbering(), bar.step, bar.total)
                .map(placed),
            Role::OnlyEpoch(epoch) => {
                let mut place = self
                    .loops
                    .named(epoch, bar.numbering(), bar.step, bar.total)?;
                if place.step == bar.step {
                    place.total = place.total.or(bar.total);
                }
                Some(placed(place))
            }
            Role::Plain | Role::Steps if self.loops.has_outer() => self
                .loops
                .inner(bar.step, bar.total)
                .map_or_else(|| Some(plain(Kind::Plain)), |place| Some(placed(place))),
            Role::Plain => Some(plain(Kind::Plain)),
            Role::Steps => Some(plain(Kind::Steps)),
        }
    }

    /// Whether the bar that was chosen may be none of the training's, once a line says that the training has so many
    /// steps in all: it has no description and another length, or it is at its end and nothing was logged while it ran.
    pub(super) fn yields_to(&self, total: Option<u64>) -> bool {
        let Some(chosen) = self.chosen else {
            return true;
        };
        let is_other = total.is_some() && total != chosen.total && chosen.kind == Kind::Plain;
        is_other || (chosen.finished() && !self.logged)
    }

    /// Whether a training's bar is known.
    pub(super) const fn has_bar(&self) -> bool {
        self.chosen.is_some()
    }

    /// Epochs done, where the training's own loop counts them.
    pub(super) const fn epoch(&self) -> Option<f64> {
        self.epoch
    }

    /// Whether a bar is that of another training than the chosen one.
    fn is_another(&self, chosen: &Chosen, bar: &Seen) -> bool {
        let announced = self.announced.is_some()
            && self.announced == bar.total
            && chosen.total != self.announced;
        let counted = chosen.total.is_none() && bar.total.is_some() && chosen.kind == Kind::Plain;
        // Each epoch's bar may begin without its description.
        let is_next_epoch = chosen.kind == Kind::Epochs && self.loops.is_length(bar.total);
        let fresh = bar.step == 0
            && !is_next_epoch
            && bar.total.is_some_and(|total| !self.nested.contains(&total));
        let next = chosen.finished()
            && chosen.step > 0
            && bar.total >= chosen.total
            && self.other_lines > 0;
        let restarted =
            self.loaded || (bar.total == chosen.total && self.other_lines >= RESTART_LINES_MIN);
        // What says that it is a training's comes before what does not, unless that one is under way.
        let described_late = chosen.step == 0 && chosen.total == bar.total;
        let said = chosen.kind == Kind::Plain
            && bar.kind != Kind::Plain
            && (chosen.finished() || described_late)
            && !chosen.is(bar);
        announced || counted || said || (fresh && (next || (restarted && !chosen.finished())))
    }

    /// Takes back the bar that followed a finished training: it has logged an evaluation's loss. Answers
    /// whether there was such a bar.
    pub(super) fn was_evaluation(&mut self) -> bool {
        let Some(before) = self.before.take() else {
            return false;
        };
        let Some(evaluation) = self.chosen.replace(before) else {
            return false;
        };
        self.nested.extend(
            evaluation
                .total
                .filter(|_| self.nested.len() < NESTED_TOTALS_MAX),
        );
        true
    }

    /// A training's loss was logged at some time: what there is was no evaluation.
    pub(super) fn confirm(&mut self) {
        self.before = None;
    }

    /// A training's loss was logged now: by the chosen bar, or by one behind it, which takes its place.
    pub(super) fn was_training(&mut self) -> Change {
        self.confirm();
        let under_way =
            |bar: &Seen| bar.step > 0 && bar.total.is_some_and(|total| bar.step < total);
        match (self.chosen, self.behind.filter(under_way)) {
            (Some(chosen), Some(bar)) if chosen.finished() && !self.logged => {
                let change = self.choose(&bar, true);
                self.logged = true;
                change
            }
            _ => {
                self.logged |= self.chosen.is_some_and(|chosen| !chosen.finished());
                Change::None
            }
        }
    }

    /// The length of the chosen bar, if it has come to its end.
    pub(super) fn finished(&self) -> Option<u64> {
        self.chosen.filter(Chosen::finished)?.total
    }

    /// Takes a bar from a line that has not ended: it can only begin the first bar or carry it on, and what
    /// follows may still show that it is nested.
    pub(super) fn peek(&mut self, bar: &Bar<'_>, cursor_up: bool) -> Change {
        if !(bar.names_epoch() || matches!(bar.role, Role::Plain | Role::Steps))
            || bar.unit != Unit::Iterations
            || !bar.whole
        {
            return Change::None;
        }
        // In a bar of epochs, what has not ended may be the outer bar's line, on which the inner one is drawn.
        if self.idle || self.evaluates {
            return Change::None;
        }
        if self.loops.has_outer()
            || self.guesses.is_made()
            || (cursor_up && bar.role == Role::Plain)
        {
            return Change::None;
        }
        let Some(seen) = self.see(bar) else {
            return Change::None;
        };
        let bar = &seen;
        let nested = bar.total.is_some_and(|total| self.nested.contains(&total));
        match self.chosen {
            None if !nested => {
                self.epoch = bar.epoch;
                self.choose(bar, false)
            }
            Some(chosen) if chosen.is(bar) && !nested && bar.step > chosen.step => {
                self.epoch = bar.epoch;
                self.advance(chosen, bar, chosen.confirmed)
            }
            _ => Change::None,
        }
    }

    /// Notes that something was printed that is no bar.
    pub(super) fn other_line(&mut self) {
        self.other_lines = self.other_lines.saturating_add(1);
    }

    /// Notes that a trainer said it evaluates.
    pub(super) fn announce_evaluation(&mut self) {
        self.evaluates = true;
    }

    /// Notes that the command trains nothing (any more), whatever bars it draws.
    pub(super) fn expect_none(&mut self) {
        self.idle = true;
    }

    /// An evaluation's loss was logged, and no training's ever: takes back the finished bar that stands alone, in which
    /// nothing and behind which nothing was drawn.
    pub(super) fn was_evaluation_alone(&mut self) -> Change {
        let alone = |chosen: &Chosen| chosen.kind == Kind::Plain && chosen.finished();
        if self.announced.is_some()
            || self.nests
            || self.behind.is_some()
            || !self.chosen.as_ref().is_some_and(alone)
        {
            return Change::None;
        }
        self.nested
            .extend(self.chosen.take().and_then(|chosen| chosen.total));
        Change::Retracted
    }

    /// Notes the total that the trainer announced.
    pub(super) fn announce(&mut self, total: u64) {
        self.announced = Some(total);
        self.evaluates = false;
    }

    /// The total that the trainer announced.
    pub(super) const fn announced(&self) -> Option<u64> {
        self.announced
    }

    fn choose(&mut self, bar: &Seen, confirmed: bool) -> Change {
        // A loop over nothing says nothing.
        if bar.total.is_none() && bar.step == 0 {
            return Change::None;
        }
        let elapsed = bar.elapsed.unwrap_or(0);
        self.chosen = Some(Chosen {
            kind: bar.kind,
            step: bar.step,
            total: bar.total,
            elapsed,
            confirmed,
            shadow: None,
        });
        self.before = None;
        (self.logged, self.behind, self.nests) = (false, None, false);
        self.went_on();
        Change::Began(Position {
            step: bar.step,
            total: bar.total,
        })
    }

    /// A bar of the chosen one's total: itself, a repeat of it, or a nested one that happens to be as long.
    fn advance(&mut self, mut chosen: Chosen, bar: &Seen, confirmed: bool) -> Change {
        // Without a clock, the bar's own has to be believed to go on.
        let elapsed = bar.elapsed.unwrap_or(chosen.elapsed);
        let restarted = bar.step == 0 && chosen.step > 0 && !chosen.finished();
        let shadow = if restarted { Some(0) } else { chosen.shadow };
        // While a nested bar runs, the training's clock runs too: it is ahead by all that it had before.
        let own = shadow.is_none_or(|ran| {
            !restarted && elapsed.saturating_add(1) >= chosen.elapsed.saturating_add(ran)
        });
        if !own {
            chosen.shadow = shadow.map(|ran| ran.max(elapsed));
            self.chosen = Some(chosen);
            return self.nest(bar);
        }
        // What goes backwards is a repeat in our copy of the output.
        if bar.step < chosen.step || elapsed < chosen.elapsed {
            return Change::None;
        }
        if bar.step > chosen.step {
            self.went_on();
        }
        self.chosen = Some(Chosen {
            step: bar.step,
            total: bar.total,
            elapsed,
            confirmed,
            shadow: None,
            ..chosen
        });
        Change::Stepped(Position {
            step: bar.step,
            total: bar.total,
        })
    }

    fn went_on(&mut self) {
        self.other_lines = 0;
        self.loaded = false;
    }

    fn nest(&mut self, bar: &Seen) -> Change {
        self.nests = true;
        if let Some(total) = bar.total
            && self.nested.len() < NESTED_TOTALS_MAX
            && !self.nested.contains(&total)
        {
            self.nested.push(total);
        }
        if self
            .chosen
            .is_some_and(|chosen| !chosen.confirmed && chosen.total == bar.total)
        {
            self.chosen = None;
            return Change::Retracted;
        }
        Change::None
    }
}
