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

use super::bar::{CountedUnit, ProgressBar};
use super::guess::{Guessed, LoopGuesses};
use super::loops::{BarKind, EpochLoops, TrainingPosition};
use super::role::BarRole;

/// Different totals of nested bars that are remembered; a training has one evaluation set or a few.
const NESTED_TOTALS_MAX: usize = 16;
/// Lines between two bars of one total that make the second a restart: more than where an evaluation begins.
const RESTART_LINES_MIN: u32 = 8;

/// What a bar says of the training; one that is not the training's, and a repeat, say nothing.
#[derive(Clone, Copy, PartialEq)]
pub enum TrainingChange {
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
    pub chosen_bar: Option<TrainingPosition>,
    /// Seen as an ended line: an unfinished one may still turn out to be nested.
    is_confirmed: bool,
    /// Seconds that a nested bar of the chosen one's total has run, while there is one.
    nested_clock: Option<u64>,
    /// The finished one before the chosen one.
    before: Option<TrainingPosition>,
    /// Whether a training's loss was logged while the chosen one was under way.
    has_logged_loss: bool,
    /// The bar that was last seen behind the chosen one, which is finished.
    bar_behind: Option<TrainingPosition>,
    nested_totals: Vec<u64>,
    /// Whether a nested bar was seen since the chosen one began.
    has_nested_bars: bool,
    /// Whether the last bar was drawn in the training's.
    pub is_nesting: bool,
    /// A trainer said that it evaluates: the next bar that begins is that.
    pub awaits_evaluation: bool,
    /// The command is known to train nothing (any more), whatever bars it draws.
    pub trains_nothing: bool,
    /// The total that the trainer announced.
    pub announced_total: Option<u64>,
    /// What else was printed since the chosen bar made its last step.
    other_lines: u32,
    /// Whether weights were loaded since then.
    weights_loaded: bool,
    epoch_loops: EpochLoops,
    pub loop_guesses: LoopGuesses,
}

impl BarChoice {
    /// Takes a bar of an ended line.
    pub fn offer(&mut self, bar: &ProgressBar<'_>, cursor_up: bool) -> Option<TrainingChange> {
        self.is_nesting = false;
        if self.trains_nothing {
            return None;
        }
        self.guess(bar);
        let Some(position) = self.position_of(bar) else {
            self.other_line();
            self.weights_loaded |= bar.role == BarRole::Loading;
            return None;
        };
        let is_plain = position.kind == BarKind::Plain;
        let is_announced = self.awaits_evaluation && is_plain && position.step == 0;
        self.awaits_evaluation &= !is_announced;
        if is_announced || (cursor_up && is_plain) {
            return self.nest(position);
        }
        let change = self.compare(position);
        let is_own = matches!(
            change,
            Some(TrainingChange::Began | TrainingChange::Stepped)
        );
        let was_printed_through = self.loop_guesses.drawn(is_own.then_some(position.step));
        self.has_logged_loss |= was_printed_through && position.is_under_way();
        change
    }

    /// Holds a bar of an ended line against the chosen one.
    fn compare(&mut self, bar: TrainingPosition) -> Option<TrainingChange> {
        let Some(chosen_bar) = self.chosen_bar else {
            if bar.step > 0 && self.was_nested(bar) {
                return None;
            }
            return self.choose(bar, true);
        };
        if self.is_another(chosen_bar, bar) {
            let change = self.choose(bar, true);
            self.before = Some(chosen_bar).filter(TrainingPosition::is_end);
            return change;
        }
        if chosen_bar.is_continued_by(bar) {
            return self.advance(chosen_bar, bar, true);
        }
        if !chosen_bar.is_end() {
            return self.nest(bar);
        }
        self.bar_behind = Some(bar);
        if !self.loop_guesses.cleared {
            return None;
        }
        // A line was printed through it, as trainers do with what they log of their steps.
        self.was_training()
    }

    /// Guesses, from the bar that comes, that the chosen one counts epochs or was one.
    fn guess(&mut self, bar: &ProgressBar<'_>) {
        // What has bars in it is a trainer's.
        if self.has_nested_bars || self.announced_total.is_some() || !self.is_confirmed {
            return;
        }
        if let Some(chosen_bar) = &mut self.chosen_bar
            && chosen_bar.kind == BarKind::Plain
            && self
                .loop_guesses
                .make(bar, chosen_bar, &mut self.epoch_loops)
        {
            chosen_bar.kind = BarKind::Epochs;
            chosen_bar.total = None;
            self.nested_clock = None;
        }
    }

    /// A trainer is at work: what was guessed of loops is not so.
    pub fn has_trainer(&mut self) -> Option<TrainingChange> {
        let position = self.loop_guesses.give_up()?;
        self.epoch_loops = EpochLoops::default();
        self.choose(position, true)
    }

    /// Reads a bar as that of a training; None where it can be none.
    fn position_of(&mut self, bar: &ProgressBar<'_>) -> Option<TrainingPosition> {
        if bar.unit == CountedUnit::Other {
            return None;
        }
        let ProgressBar { step, total, .. } = *bar;
        let mut position = TrainingPosition {
            step,
            total,
            elapsed_seconds: bar.elapsed_seconds,
            ..TrainingPosition::default()
        };
        if bar.role == BarRole::Plain {
            match self.loop_guesses.take(step, total, &mut self.epoch_loops) {
                Guessed::Part(position) => return position,
                Guessed::Wrong => {
                    self.loop_guesses.give_up();
                    self.epoch_loops = EpochLoops::default();
                    self.chosen_bar = None;
                }
                Guessed::No if self.loop_guesses.guess.is_some() => return Some(position),
                Guessed::No => {}
            }
        }
        match bar.role {
            BarRole::Phase | BarRole::Loading => return None,
            BarRole::Epochs => return self.epoch_loops.outer(step, total),
            BarRole::Epoch(epoch) => {
                return self.epoch_loops.named(epoch, bar.numbering(), step, total);
            }
            BarRole::OnlyEpoch(epoch) => {
                position = self
                    .epoch_loops
                    .named(epoch, bar.numbering(), step, total)?;
                if position.step == step {
                    position.total = position.total.or(total);
                }
            }
            BarRole::Plain | BarRole::Steps if self.epoch_loops.outer.is_some() => {
                position = self.epoch_loops.inner(step, total).unwrap_or(position);
            }
            BarRole::Plain => {}
            BarRole::Steps => position.kind = BarKind::Steps,
        }
        Some(position)
    }

    /// Whether the bar that was chosen may be none of the training's, once a line says that the training has so many
    /// steps in all: it has no description and another length, or it is at its end and nothing was logged while it ran.
    pub fn yields_to(&self, total: Option<u64>) -> bool {
        let Some(chosen_bar) = self.chosen_bar else {
            return true;
        };
        let has_other_length = total.is_some() && total != chosen_bar.total;
        let is_silent_end = chosen_bar.is_end() && !self.has_logged_loss;
        is_silent_end || (has_other_length && chosen_bar.kind == BarKind::Plain)
    }

    /// Whether a bar is that of another training than the chosen one.
    fn is_another(&self, chosen_bar: TrainingPosition, bar: TrainingPosition) -> bool {
        let is_plain = chosen_bar.kind == BarKind::Plain;
        let is_announced = self.announced_total.is_some()
            && self.announced_total == bar.total
            && self.announced_total != chosen_bar.total;
        let is_counted = is_plain && chosen_bar.total.is_none() && bar.total.is_some();
        // What says that it is a training's comes before what does not, unless that one is under way.
        let is_described_late = chosen_bar.step == 0 && chosen_bar.total == bar.total;
        let is_described = is_plain
            && bar.kind != BarKind::Plain
            && (chosen_bar.is_end() || is_described_late)
            && !chosen_bar.is_continued_by(bar);
        if is_announced || is_counted || is_described {
            return true;
        }
        // Each epoch's bar may begin without its description.
        let is_next_epoch =
            chosen_bar.kind == BarKind::Epochs && self.epoch_loops.is_length(bar.total);
        let begins = bar.step == 0 && bar.total.is_some();
        if !begins || is_next_epoch || self.was_nested(bar) {
            return false;
        }
        if chosen_bar.is_end() {
            let may_follow = bar.total >= chosen_bar.total && self.other_lines > 0;
            return chosen_bar.step > 0 && may_follow;
        }
        let is_repeated = bar.total == chosen_bar.total && self.other_lines >= RESTART_LINES_MIN;
        self.weights_loaded || is_repeated
    }

    /// Takes back the bar that followed a finished training: it has logged an evaluation's loss. Answers
    /// whether there was such a bar.
    pub fn was_evaluation(&mut self) -> bool {
        let (Some(before), Some(evaluation)) = (self.before.take(), self.chosen_bar) else {
            return false;
        };
        self.chosen_bar = Some(before);
        self.nested_clock = None;
        self.remember_nested(evaluation);
        true
    }

    /// A training's loss was logged at some time: what there is was no evaluation.
    pub fn confirm(&mut self) {
        self.before = None;
    }

    /// A training's loss was logged now: by the chosen bar, or by one behind it, which takes its place.
    pub fn was_training(&mut self) -> Option<TrainingChange> {
        self.confirm();
        if !self.chosen_bar?.is_end() {
            self.has_logged_loss = true;
            return None;
        }
        let bar_behind = self.bar_behind?;
        if self.has_logged_loss || bar_behind.step == 0 || !bar_behind.is_under_way() {
            return None;
        }
        let change = self.choose(bar_behind, true);
        self.has_logged_loss = true;
        change
    }

    /// The length of the chosen bar, if it has come to its end.
    pub fn finished(&self) -> Option<u64> {
        self.chosen_bar.filter(TrainingPosition::is_end)?.total
    }

    /// Takes a bar from a line that has not ended: it can only begin the first bar or carry it on, and what
    /// follows may still show that it is nested.
    pub fn peek(&mut self, bar: &ProgressBar<'_>, cursor_up: bool) -> Option<TrainingChange> {
        let is_phase = matches!(
            bar.role,
            BarRole::Phase | BarRole::Loading | BarRole::Epochs
        );
        if is_phase
            || bar.unit != CountedUnit::Iterations
            || !bar.is_whole
            || self.trains_nothing
            || self.awaits_evaluation
        {
            return None;
        }
        // In a bar of epochs, what has not ended may be the outer bar's line, on which the inner one is drawn.
        let is_loop = self.epoch_loops.outer.is_some() || self.loop_guesses.guess.is_some();
        if is_loop || (cursor_up && bar.role == BarRole::Plain) {
            return None;
        }
        let position = self.position_of(bar)?;
        if self.was_nested(position) {
            return None;
        }
        match self.chosen_bar {
            None => self.choose(position, false),
            Some(chosen_bar)
                if chosen_bar.is_continued_by(position) && position.step > chosen_bar.step =>
            {
                self.advance(chosen_bar, position, self.is_confirmed)
            }
            Some(_) => None,
        }
    }

    /// Notes that something was printed that is no bar.
    pub fn other_line(&mut self) {
        self.other_lines = self.other_lines.saturating_add(1);
    }

    /// An evaluation's loss was logged, and no training's ever: takes back the finished bar that stands alone, in which
    /// nothing and behind which nothing was drawn.
    pub fn was_evaluation_alone(&mut self) -> Option<TrainingChange> {
        let chosen_bar = self.chosen_bar?;
        let is_alone =
            self.announced_total.is_none() && !self.has_nested_bars && self.bar_behind.is_none();
        if !is_alone || chosen_bar.kind != BarKind::Plain || !chosen_bar.is_end() {
            return None;
        }
        self.remember_nested(chosen_bar);
        self.chosen_bar = None;
        Some(TrainingChange::Retracted)
    }

    /// Notes the total that the trainer announced.
    pub fn announce(&mut self, total: u64) {
        self.announced_total = Some(total);
        self.awaits_evaluation = false;
    }

    fn choose(&mut self, bar: TrainingPosition, is_confirmed: bool) -> Option<TrainingChange> {
        // A loop over nothing says nothing.
        if bar.total.is_none() && bar.step == 0 {
            return None;
        }
        self.chosen_bar = Some(bar);
        self.is_confirmed = is_confirmed;
        self.nested_clock = None;
        self.before = None;
        self.bar_behind = None;
        self.has_logged_loss = false;
        self.has_nested_bars = false;
        self.went_on();
        Some(TrainingChange::Began)
    }

    /// A bar of the chosen one's total: itself, a repeat of it, or a nested one that happens to be as long.
    fn advance(
        &mut self,
        chosen_bar: TrainingPosition,
        bar: TrainingPosition,
        is_confirmed: bool,
    ) -> Option<TrainingChange> {
        // Without a clock, the bar's own has to be believed to go on.
        let elapsed_seconds = bar
            .elapsed_seconds
            .or(chosen_bar.elapsed_seconds)
            .unwrap_or(0);
        let elapsed_before = chosen_bar.elapsed_seconds.unwrap_or(0);
        let is_restart = bar.step == 0 && chosen_bar.step > 0 && !chosen_bar.is_end();
        if is_restart {
            self.nested_clock = Some(0);
        }
        // While a nested bar runs, the training's clock runs too: it is ahead by all that it had before.
        if let Some(nested_seconds) = self.nested_clock {
            let training_clock = elapsed_before.saturating_add(nested_seconds);
            if is_restart || elapsed_seconds.saturating_add(1) < training_clock {
                self.nested_clock = Some(nested_seconds.max(elapsed_seconds));
                return self.nest(bar);
            }
        }
        // What goes backwards is a repeat in our copy of the output.
        if bar.step < chosen_bar.step || elapsed_seconds < elapsed_before {
            return None;
        }
        if bar.step > chosen_bar.step {
            self.went_on();
        }
        self.chosen_bar = Some(TrainingPosition {
            kind: chosen_bar.kind,
            elapsed_seconds: Some(elapsed_seconds),
            ..bar
        });
        self.is_confirmed = is_confirmed;
        self.nested_clock = None;
        Some(TrainingChange::Stepped)
    }

    fn went_on(&mut self) {
        self.other_lines = 0;
        self.weights_loaded = false;
    }

    fn nest(&mut self, bar: TrainingPosition) -> Option<TrainingChange> {
        self.has_nested_bars = true;
        self.is_nesting = self.is_confirmed;
        self.remember_nested(bar);
        if self.is_confirmed || self.chosen_bar?.total != bar.total {
            return None;
        }
        self.chosen_bar = None;
        Some(TrainingChange::Retracted)
    }

    fn was_nested(&self, bar: TrainingPosition) -> bool {
        bar.total
            .is_some_and(|total| self.nested_totals.contains(&total))
    }

    fn remember_nested(&mut self, bar: TrainingPosition) {
        if self.nested_totals.len() < NESTED_TOTALS_MAX && !self.was_nested(bar) {
            self.nested_totals.extend(bar.total);
        }
    }
}
