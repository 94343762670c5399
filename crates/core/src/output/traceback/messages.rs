//! What is told of an exception's message: a sentence of `knowledge/messages`, or its shape.

use super::shape;
use crate::event::Shape;
use crate::knowledge::{self, Meaning};
use crate::public::PublicStr;

/// What is told of a message.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Message {
    /// The public sentence.
    pub known: Option<PublicStr>,
    /// What it means.
    pub meaning: Option<Meaning>,
    /// The shape, where no sentence is known.
    pub shape: Option<Shape>,
}

/// What is told of this message.
pub fn read(message: &str) -> Message {
    match knowledge::message(message) {
        Some(known) => Message {
            known: Some(known.says),
            meaning: Some(known.meaning),
            shape: None,
        },
        None => Message {
            shape: shape::shape(message),
            ..Message::default()
        },
    }
}

impl Message {
    /// Takes a further line of the message, which may say what the first one did not: NCCL names the last error at
    /// its end, a library that cannot be imported says why in its second line.
    pub fn continues(&mut self, line: &str) {
        let explains = |meaning: Meaning| !meaning.is_vague();
        if self.known.is_some() && self.meaning.is_some_and(explains) {
            return;
        }
        let Some(more) = knowledge::message(line) else {
            return;
        };
        if !explains(more.meaning) {
            return;
        }
        self.meaning = Some(more.meaning);
        if self.known.is_none() {
            self.known = Some(more.says);
            self.shape = None;
        }
    }
}
