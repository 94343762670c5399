//! The gate itself: an event goes in, the exact line that may be written and sent comes out, or a refusal.

use super::identity::{Identity, WordSource};
use super::{patterns, vocabulary};
use crate::event::Event;
use crate::event::schema::{self, Violation};
use crate::event::wire::Member;
use crate::knowledge::sentences;
use crate::limits;
use serde_json::Value;
use std::{fmt, iter};

/// Length from which on a word is found inside of others too; shorter ones only where they stand alone.
const IDENTITY_INSIDE_MIN: usize = 16;
/// Depth of an event's JSON; ours have 5 levels and the configuration's.
const EVENT_DEPTH_MAX: usize = 16;

/// Why an event was refused. Names the rule, never what broke it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The event is none of ours.
    Name,
    /// Its timestamp is not one.
    Timestamp,
    /// It does not follow the published list.
    Schema(Violation),
    /// It cannot be written as JSON.
    Json,
    /// It is too large or too deep.
    Size,
    /// It has a character that no public text has.
    Character,
    /// It has a word of the user's.
    Identity(WordSource),
    /// It has the shape of a secret or of a place.
    Pattern(&'static str),
    /// It was read back, and has a text that we cannot have made.
    Foreign,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Identity(source) => write!(f, "it has a word of {source}"),
            Self::Pattern(shape) => write!(f, "it looks like a secret or a place ({shape})"),
            Self::Foreign => f.write_str("it has a text that the launcher does not make"),
            Self::Size => f.write_str("it is too large"),
            Self::Character => f.write_str("it has a character that no public text has"),
            Self::Name | Self::Timestamp | Self::Schema(_) | Self::Json => {
                f.write_str("it does not follow the published list of fields")
            }
        }
    }
}

/// What the gate lets through of an event.
pub struct Admission {
    /// The event, or what is left of it, and its line: exactly these bytes may leave. None: nothing may.
    pub admitted: Option<(Event, String)>,
    /// Why the whole event was refused.
    pub refusal: Option<Refusal>,
}

/// Looks at every event before it is written or sent.
#[derive(Clone, Debug)]
pub struct Gate {
    identity: Identity,
    known: fn(&str) -> bool,
    known_function: fn(&str, &str) -> bool,
}

impl Gate {
    /// A gate that knows the schema's vocabulary only.
    pub fn new(identity: Identity) -> Self {
        Self {
            identity,
            known: |_| false,
            known_function: |_, _| false,
        }
    }

    /// Tells the gate how to recognise the public functions of a public file: a folder of the user's may be called
    /// like one (`cross_entropy`), and drop every event in which that function failed.
    pub fn knowing_functions(mut self, known: fn(&str, &str) -> bool) -> Self {
        self.known_function = known;
        self
    }

    /// Tells the gate how to recognise the public names of the dictionary, whole (`torch/distributed/run.py`): a word
    /// of the user's that is part of one was not put there by the user.
    pub fn knowing(mut self, known: fn(&str) -> bool) -> Self {
        self.known = known;
        self
    }

    /// Adds texts of a configuration that was read later.
    pub fn withhold(&mut self, texts: &[String]) {
        self.identity.withhold(texts);
    }

    /// The event, or what is left of it when the gate has refused all. `identified` gives an event its identity.
    pub fn admit(&self, event: &Event, identified: impl Fn(&Event) -> Member) -> Admission {
        let mut refusal = None;
        for candidate in iter::once(event.clone()).chain(event.degraded()) {
            match self.check(&identified(&candidate)) {
                Ok(line) => {
                    let admitted = Some((candidate, line));
                    return Admission { admitted, refusal };
                }
                Err(broken) => refusal = refusal.or(Some(broken)),
            }
        }
        Admission {
            admitted: None,
            refusal,
        }
    }

    /// The line of the event: exactly these bytes may leave.
    ///
    /// # Errors
    /// The rule that the event breaks. It must be dropped then, and counted.
    pub fn check(&self, member: &Member) -> Result<String, Refusal> {
        let name = member.name().ok_or(Refusal::Name)?;
        if !is_timestamp(&member.timestamp) {
            return Err(Refusal::Timestamp);
        }
        schema::check(name, &member.properties).map_err(Refusal::Schema)?;
        let line = serde_json::to_string(member).map_err(|_| Refusal::Json)?;
        if line.len() > limits::EVENT_BYTES_MAX {
            return Err(Refusal::Size);
        }
        // What is compared is read back from the line itself, so that no way of escaping makes a difference. The
        // identities are of their own types, and the other two members have just been checked.
        let read: Member = serde_json::from_str(&line).map_err(|_| Refusal::Json)?;
        for (field, value) in &read.properties {
            self.value(field, value, EVENT_DEPTH_MAX)?;
        }
        Ok(line)
    }

    fn value(&self, field: &str, value: &Value, depth: usize) -> Result<(), Refusal> {
        let depth = depth.checked_sub(1).ok_or(Refusal::Size)?;
        match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
            Value::String(text) => self.text(field, text),
            Value::Array(values) => values
                .iter()
                .try_for_each(|value| self.value(field, value, depth)),
            Value::Object(members) => members.iter().try_for_each(|(key, value)| {
                let file = members.get("file").or(members.get("filename"));
                if key == "function" && self.is_function_of(file, value) {
                    return Ok(());
                }
                // The schema knows every name, so a name can only be public; a value below it is not judged by it.
                self.value(key, value, depth)
            }),
        }
    }

    fn text(&self, field: &str, text: &str) -> Result<(), Refusal> {
        if text.chars().any(|c| c.is_control() && c != '\n') {
            return Err(Refusal::Character);
        }
        if vocabulary::is_public_text(text) {
            return Ok(());
        }
        // Our own sentences leave out with it what is not public.
        if text.chars().any(|c| !c.is_ascii() && c != LEFT_OUT) {
            return Err(Refusal::Character);
        }
        if let Some(pattern) = patterns::find(text)
            && patterns::find(&sentences::without(text)).is_some()
            && !(pattern == patterns::IPV4
                && (field.ends_with("_version") || (field == "$ip" && text == "0.0.0.0")))
        {
            return Err(Refusal::Pattern(pattern));
        }
        let folded = text.to_ascii_lowercase();
        for (word, source) in self.identity.words() {
            if self.holds(text, &folded, word) {
                return Err(Refusal::Identity(source));
            }
        }
        Ok(())
    }

    /// Whether the text holds the word otherwise than as a part of a public name.
    fn holds(&self, text: &str, folded: &str, word: &str) -> bool {
        let bytes = folded.as_bytes();
        let joins = |byte: Option<&u8>| byte.is_some_and(|byte| is_word_byte(*byte));
        for (offset, _) in folded.match_indices(word) {
            let before = offset.checked_sub(1).and_then(|offset| bytes.get(offset));
            let is_inside = joins(before) || joins(bytes.get(offset + word.len()));
            if is_inside && word.len() < IDENTITY_INSIDE_MIN {
                continue;
            }
            if !(self.known)(text)
                && !(self.known)(name_around(text, offset))
                && !self.is_in_function(text, offset)
                && !sentences::holds(text, offset, word.len())
            {
                return true;
            }
        }
        false
    }

    fn is_function_of(&self, file: Option<&Value>, function: &Value) -> bool {
        match (file, function) {
            (Some(Value::String(file)), Value::String(function)) => {
                (self.known_function)(file, function)
            }
            _ => false,
        }
    }

    /// Whether the position lies in the function's name of a line `  File "torch/nn/functional.py", line 3, in linear`.
    pub(super) fn is_in_function(&self, text: &str, offset: usize) -> bool {
        let (line, offset) = piece_around(text, offset, |c| c == '\n');
        let Some((place, function)) = line.rsplit_once(", in ") else {
            return false;
        };
        let Some(quoted) = place.strip_prefix("  File \"") else {
            return false;
        };
        let file = quoted.split('"').next().unwrap_or_default();
        offset >= line.len() - function.len() && (self.known_function)(file, function)
    }
}

/// What stands in our sentences for what is left out.
const LEFT_OUT: char = '…';

/// Bytes that make a longer word of a word: `lora` is not in `lora-out`, but in `x/lora/y`.
fn is_word_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

/// The run of characters around a position that a public name may be written with.
pub(super) fn name_around(text: &str, offset: usize) -> &str {
    let ends = |c: char| c.is_whitespace() || "\"'(),;`[]=".contains(c);
    let (name, _) = piece_around(text, offset, ends);
    name.trim_end_matches([':', '.'])
}

/// The piece of a text around a position, up to characters that end it on both sides, and the position in it.
fn piece_around(text: &str, offset: usize, ends_piece: impl Fn(char) -> bool) -> (&str, usize) {
    let (before, behind) = text.split_at_checked(offset).unwrap_or_default();
    let before = before.rsplit(&ends_piece).next().unwrap_or_default();
    let behind = behind.split(&ends_piece).next().unwrap_or_default();
    let piece = text.get(offset - before.len()..offset + behind.len());
    (piece.unwrap_or_default(), before.len())
}

/// `2026-11-22T13:16:54.100Z`, and nothing else.
fn is_timestamp(text: &str) -> bool {
    const FORM: &[u8] = b"0000-00-00T00:00:00.000Z";
    text.len() == FORM.len()
        && text.bytes().zip(FORM).all(|(byte, form)| {
            if *form == b'0' {
                byte.is_ascii_digit()
            } else {
                byte == *form
            }
        })
}

#[cfg(test)]
mod tests;
