//! What is told of an exception's message: a sentence of `knowledge/messages`, or its shape.

use super::shape;
use crate::event::Shape;
use crate::knowledge::{self, Meaning};
use crate::public::PublicStr;

/// What is told of a message.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ToldMessage {
    /// The public sentence.
    pub known: Option<PublicStr>,
    /// The same without its counts and sizes.
    pub kind: Option<PublicStr>,
    /// What it means.
    pub meaning: Option<Meaning>,
    /// The shape, where no sentence is known.
    pub shape: Option<Shape>,
}

/// What is told of this message.
pub fn read(message: &str) -> ToldMessage {
    let mut told = ToldMessage::default();
    match knowledge::message(message) {
        Some(public_message) => {
            told.known = Some(public_message.says);
            told.kind = Some(public_message.kind);
            told.meaning = Some(public_message.meaning);
        }
        None => told.shape = shape::shape(message),
    }
    told
}

impl ToldMessage {
    /// Takes a further line of the message, which may say what the first one did not: NCCL names the last error at
    /// its end, a library that cannot be imported says why in its second line.
    pub fn continues(&mut self, line: &str) {
        let is_clear = |meaning: Meaning| !meaning.is_vague();
        if self.known.is_some() && self.meaning.is_some_and(is_clear) {
            return;
        }
        let Some(addition) = knowledge::message(line) else {
            return;
        };
        if addition.meaning.is_vague() {
            return;
        }
        self.meaning = Some(addition.meaning);
        if self.known.is_none() {
            self.known = Some(addition.says);
            self.kind = Some(addition.kind);
            self.shape = None;
        }
    }
}
