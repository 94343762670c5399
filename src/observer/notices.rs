//! When the owner is told through a channel of their own: at the end, and as soon as something happens that somebody
//! should look at.
//!
//! Each occasion is told once, a standstill again when the training has gone on in between. What is said is decided in
//! core, how it is told in [`notify`](crate::delivery::notify); here is when.

use crate::delivery::Certificates;
use crate::delivery::notify::{self, CHANNELS_BYTES_MAX, Notifier, Patience};
use crate::protocol::observer_config::ObserverConfig;
use crate::store::decision::channels;
use axolotl_run_core::judging::notes::{self, Note};
use axolotl_run_core::judging::summary::Summary;
use axolotl_run_core::judging::summary::message::{self, Message, Occasion, RunName};
use axolotl_run_core::launch::command_line::{CommandLine, Target};
use axolotl_run_core::output::progress::{Metric, Training};
use axolotl_run_sys::{descriptors, memory_file, role};
use std::os::fd::RawFd;
use std::path::Path;
use uuid::Uuid;

/// What is told, and what was told already.
pub struct Notices {
    name: RunName,
    pub notifier: Notifier,
    told: Told,
}

/// What was told already: what is new is decided here, without telling it.
#[derive(Default)]
struct Told {
    hang: bool,
    loss: bool,
    disk: bool,
}

impl Told {
    /// Whether the figures show a standstill that is new.
    fn is_new_hang(&mut self, figures: &Summary) -> bool {
        let hangs = figures.standstill.is_some() && figures.finish.is_none();
        let is_new = hangs && !self.hang;
        self.hang = hangs;
        is_new
    }

    /// That the disk will not hold what is to come, once and while the run goes on.
    fn new_lack(&mut self, figures: &Summary) -> Option<Note> {
        if self.disk || figures.finish.is_some() {
            return None;
        }
        let note = notes::will_not_hold(figures)?;
        self.disk = true;
        Some(note)
    }

    /// A loss that is no number, at the first sight of one.
    fn new_loss(&mut self, training: &Training) -> Option<f64> {
        let loss = training.metrics.get(Metric::Loss)?;
        if loss.is_finite() || self.loss {
            return None;
        }
        self.loss = true;
        Some(loss)
    }
}

impl Notices {
    /// Those of a run; None where nobody wants to be told.
    pub fn of(
        config: &ObserverConfig,
        command_line: &CommandLine<'_>,
        directory: &Path,
    ) -> Option<Self> {
        let name = run_name(config.settings.run, command_line);
        Some(Self {
            name,
            notifier: notifier(config.channels, directory)?,
            told: Told::default(),
        })
    }

    /// An event was reported: tells of a standstill that is in it.
    pub fn reported(&mut self, figures: &Summary) {
        if self.told.is_new_hang(figures) {
            self.tell(Occasion::Hang, figures, "");
        }
    }

    /// Tells of a loss that is no number any more.
    pub fn look(&mut self, figures: &Summary, training: &Training) {
        if let Some(loss) = self.told.new_loss(training) {
            let detail = message::not_finite(loss, training.step);
            self.tell(Occasion::LossNotFinite, figures, &detail);
        }
    }

    /// Something was measured: tells of a disk that will not hold.
    pub fn measured(&mut self, figures: &Summary) {
        if let Some(note) = self.told.new_lack(figures) {
            self.tell(Occasion::DiskFull, figures, &note.sentence());
        }
    }

    /// Tells how the run ended.
    pub fn ended(&mut self, figures: &Summary) {
        self.tell(Occasion::End, figures, "");
    }

    fn tell(&mut self, occasion: Occasion, figures: &Summary, detail: &str) {
        let message = Message::new(occasion, &self.name, figures, detail);
        self.notifier.tell(message);
    }
}

/// The name of a run: its configuration's, else what is started.
fn run_name(run: Uuid, command_line: &CommandLine<'_>) -> RunName {
    let target = match command_line.target {
        Target::Program(word)
        | Target::Script(word)
        | Target::Module(word)
        | Target::Elsewhere(word) => word.to_string_lossy().into_owned(),
        Target::None => String::new(),
    };
    let configuration = command_line.configuration();
    let path = configuration.map(|located| located.path.to_string_lossy().into_owned());
    let host = role::host_name().unwrap_or_default();
    RunName::new(run.to_string(), &path.unwrap_or(target), &host)
}

/// A notifier of what was typed, which a descriptor holds, and of what is stored; None where that is nobody.
pub fn notifier(typed: Option<RawFd>, directory: &Path) -> Option<Notifier> {
    let environment = |name: &str| std::env::var_os(name);
    let mut handed_over = Vec::new();
    if let Some(file) = typed.and_then(descriptors::adopt) {
        handed_over = memory_file::read(&file, CHANNELS_BYTES_MAX).unwrap_or_default();
    }
    let channels = notify::take_over(&handed_over, channels::read(&environment));
    if channels.is_empty() {
        return None;
    }
    let certificates = Certificates::configured(&environment);
    let directory = directory.to_owned();
    Some(Notifier::new(
        channels,
        certificates,
        directory,
        Patience::Retrying,
    ))
}

/// Tells of a run that no observer saw end, and returns what became of it. Nobody waits for this.
pub fn tell_unobserved(typed: Option<RawFd>, run: Uuid, figures: &Summary) -> Vec<String> {
    let Some(mut notifier) = notifier(typed, Path::new("/")) else {
        return Vec::new();
    };
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let Ok(runtime) = runtime.enable_all().build() else {
        return Vec::new();
    };
    let host = role::host_name().unwrap_or_default();
    let name = RunName::new(run.to_string(), "", &host);
    let lines = runtime.block_on(async {
        notifier.tell(Message::new(Occasion::End, &name, figures, ""));
        notifier.finish().await
    });
    runtime.shutdown_background();
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use axolotl_run_core::event::Finish;
    use axolotl_run_core::observation::Hang;
    use axolotl_run_core::series::{CheckpointPoint, DiskPlace, DiskPoint, SeriesLine};

    #[test]
    fn a_standstill_is_told_once_and_again_after_the_training_has_gone_on() {
        let still = Some(Hang {
            since: 1.0,
            suspect_rank: None,
        });
        let mut told = Told::default();
        let looks = [
            (None, false),
            (still, true),
            (still, false),
            (None, false),
            (still, true),
        ];
        for (number, (standstill, expected)) in looks.into_iter().enumerate() {
            let figures = Summary {
                standstill,
                ..Summary::default()
            };
            assert_eq!(told.is_new_hang(&figures), expected, "look {number}");
        }
        let ended = Summary {
            standstill: still,
            finish: Some(Finish::default()),
            ..Summary::default()
        };
        assert!(!Told::default().is_new_hang(&ended), "the end is told");
    }

    #[test]
    fn a_loss_is_told_once_and_only_if_it_is_no_number() {
        let mut told = Told::default();
        let mut training = Training::default();
        assert_eq!(told.new_loss(&training), None);
        for (loss, expected) in [(1.5, false), (f64::INFINITY, true), (f64::NAN, false)] {
            training.metrics.put(Metric::Loss, loss);
            assert_eq!(told.new_loss(&training).is_some(), expected, "{loss}");
        }
    }

    #[test]
    fn a_disk_that_will_not_hold_is_told_once_and_while_the_run_goes_on() {
        let mut figures = Summary {
            total_steps: Some(100),
            ..Summary::default()
        };
        assert_eq!(Told::default().new_lack(&figures), None);
        figures.measure(&SeriesLine {
            disks: vec![DiskPoint {
                place: DiskPlace::Output,
                free_bytes: 5,
                total_bytes: 100,
                free_inodes: None,
                total_inodes: None,
            }],
            checkpoints: Some(CheckpointPoint {
                step: 10,
                bytes: 1,
                there: 1,
                ever: 1,
                steps_apart: Some(10),
            }),
            ..SeriesLine::default()
        });
        let mut told = Told::default();
        let looks = [told.new_lack(&figures), told.new_lack(&figures)];
        assert_eq!(looks.map(|note| note.is_some()), [true, false]);
        figures.finish = Some(Finish::default());
        assert_eq!(Told::default().new_lack(&figures), None, "the end is told");
    }

    #[test]
    fn a_run_is_called_by_its_configuration_or_else_by_what_is_started() {
        for (typed, expected) in [
            ("axolotl train /secret/cfg.yml", "cfg.yml"),
            ("python3 /secret/train.py --x 1", "train.py"),
            ("torchrun -m pkg.train", "pkg.train"),
            ("./run", "run"),
        ] {
            let words: Vec<_> = typed.split(' ').map(Into::into).collect();
            let name = run_name(Uuid::nil(), &CommandLine::read(&words));
            assert_eq!(name.name, expected, "{typed}");
        }
    }
}
