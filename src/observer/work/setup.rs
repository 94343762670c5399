//! What is found out for the setup event: the configuration that the training prints, and the model's own.
//!
//! Both are looked at on a thread: vetting asks whether a model's name is also a path here, and the cache of the Hub may
//! be on a file system that does not answer. The training downloads its model while it sets itself up, so the cache is
//! asked again until it has it, or the first step is taken.

use crate::metrics::cached_model;
use crate::observer::surroundings::Stands;
use axolotl_run_core::config::{self, Vetted};
use axolotl_run_core::event::{ConfigValue, ModelFacts};
use axolotl_run_core::judging::run::Run;
use axolotl_run_sys::background::Background;
use axolotl_run_sys::channel::Arrived;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Between two looks into the cache, in seconds.
const CACHE_PERIOD: f64 = 5.0;

/// A question to the thread.
enum Question {
    /// Vets a document.
    Configuration(String),
    /// Looks for a model in the cache.
    Model(String),
}

/// Its answer.
enum SetupFact {
    Configuration(Box<Vetted>),
    Model(Box<ModelFacts>),
    Nothing,
}

/// The thread, and what it has yet to be asked.
pub struct SetupFacts {
    thread: Option<Background<Question, SetupFact>>,
    document: Option<String>,
    /// A whitelisted model whose facts are not known yet.
    model: Option<String>,
    asked_cache_at: f64,
}

impl SetupFacts {
    /// `directory`: where the command was started.
    pub fn begin(directory: PathBuf, command: Vec<OsString>) -> Self {
        let thread = Background::answering("setup", move || {
            let stands = Stands::of(&directory, Path::new(""), &command);
            move |question| Some(answer(question, &stands))
        });
        Self {
            thread,
            document: None,
            model: None,
            asked_cache_at: -CACHE_PERIOD,
        }
    }

    /// Takes the model that a vetted configuration names, where it may be told.
    pub fn configured(&mut self, value: &ConfigValue) {
        if let ConfigValue::Map(members) = value
            && let Some((_, ConfigValue::Text(model))) =
                members.iter().find(|(key, _)| key.as_str() == "base_model")
            && model.as_str().contains('/')
        {
            self.model = Some(model.as_str().to_owned());
        }
    }

    /// Asks what is to be asked, and gives the run what has been answered. Returns the texts of a configuration that may
    /// not be told.
    pub fn look(&mut self, run: &mut Run, at: f64, at_most: Duration) -> Vec<String> {
        let mut withheld = Vec::new();
        if let Some(document) = run.take_configuration() {
            self.document = Some(document);
        }
        let Some(thread) = &mut self.thread else {
            return withheld;
        };
        if !thread.is_busy() {
            if let Some(document) = self.document.take() {
                thread.ask(Question::Configuration(document));
            } else if let Some(model) = &self.model
                && at - self.asked_cache_at >= CACHE_PERIOD
            {
                self.asked_cache_at = at;
                thread.ask(Question::Model(model.clone()));
            }
        }
        if !thread.is_busy() {
            return withheld;
        }
        match thread.wait(at_most) {
            Arrived::Message(SetupFact::Configuration(vetted)) => {
                withheld.clone_from(&vetted.withheld);
                self.configured(&vetted.value);
                run.configured(*vetted);
            }
            Arrived::Message(SetupFact::Model(facts)) => {
                self.model = None;
                run.model(*facts);
            }
            Arrived::Message(SetupFact::Nothing) | Arrived::Nothing | Arrived::Closed => {}
        }
        withheld
    }
}

fn answer(question: Question, stands: &Stands) -> SetupFact {
    match question {
        Question::Configuration(document) => {
            match config::read(&document, &[], &|name| stands.have(name)) {
                Ok(vetted) => SetupFact::Configuration(Box::new(vetted)),
                Err(_) => SetupFact::Nothing,
            }
        }
        Question::Model(model) => match cached_model(&model, &|name| std::env::var_os(name)) {
            Some(facts) => SetupFact::Model(Box::new(facts)),
            None => SetupFact::Nothing,
        },
    }
}
