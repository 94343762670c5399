//! A channel as it was typed: an address or a command.

use axolotl_run_core::knowledge::channels::ChannelForm;
use reqwest::Url;
use std::ffi::OsStr;
use std::fmt;

/// Channels of a run; a person has one or two.
pub const CHANNELS_MAX: usize = 8;
/// Bytes of all channels that are typed for a run; an address of Teams' has 300.
pub const CHANNELS_BYTES_MAX: usize = 16 * 1024;
/// What separates channels on their way to another process of ours; no argument can hold it.
const SEPARATOR: char = '\0';

/// Where the user is told.
#[derive(Clone, PartialEq)]
pub struct Channel {
    /// As it was typed.
    text: String,
    pub(super) target: ChannelTarget,
}

/// What kind of channel it is.
#[derive(Clone, PartialEq)]
pub enum ChannelTarget {
    /// A server.
    Web {
        /// How it wants to be told; None: as JSON of our own form.
        form: Option<&'static ChannelForm>,
        address: Url,
    },
    /// A shell's command.
    Command(String),
}

/// Why something is no channel; none of them says what it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChannelProblem {
    /// It is empty.
    Empty,
    /// It is not text of one line.
    NoLine,
    /// It is longer than any channel.
    Long,
    /// It looks like an address and begins with no scheme that is known.
    Scheme,
    /// It begins like an address and is none.
    Malformed,
}

impl Channel {
    /// Reads what was typed. What begins like an address is one; anything else is a command.
    ///
    /// # Errors
    /// Why it is no channel.
    pub fn parse(typed: &OsStr) -> Result<Self, ChannelProblem> {
        let text = typed.to_str().ok_or(ChannelProblem::NoLine)?.trim();
        if text.is_empty() {
            return Err(ChannelProblem::Empty);
        }
        if text.chars().any(char::is_control) {
            return Err(ChannelProblem::NoLine);
        }
        if text.len() > CHANNELS_BYTES_MAX / CHANNELS_MAX {
            return Err(ChannelProblem::Long);
        }
        let target = match scheme(text) {
            None => ChannelTarget::Command(text.to_owned()),
            Some(scheme) => ChannelTarget::web(text, scheme)?,
        };
        Ok(Self {
            text: text.to_owned(),
            target,
        })
    }

    /// Its kind in a word: a service's name, `json` or `command`.
    pub fn kind(&self) -> &'static str {
        match &self.target {
            ChannelTarget::Web { form, .. } => form.map_or("json", |form| form.name),
            ChannelTarget::Command(_) => "command",
        }
    }

    /// What people are shown: its kind and its host, which are no secrets.
    pub fn shown(&self) -> String {
        let kind = self.kind();
        match &self.target {
            ChannelTarget::Web { address, .. } => {
                format!("{kind} at {}", address.host_str().unwrap_or_default())
            }
            ChannelTarget::Command(_) => kind.to_owned(),
        }
    }

    /// What was typed: for the user's own file, and to be hidden where others could see it.
    pub fn typed(&self) -> &str {
        &self.text
    }
}

impl ChannelTarget {
    fn web(text: &str, scheme: &str) -> Result<Self, ChannelProblem> {
        let (name, scheme) = match scheme.split_once('+') {
            Some((name, scheme)) => (Some(name), scheme),
            None => (None, scheme),
        };
        if !matches!(scheme, "http" | "https") {
            return Err(ChannelProblem::Scheme);
        }
        let address = text.trim_start_matches(|character| character != '+');
        let address = match name {
            Some(_) => address.trim_start_matches('+'),
            None => text,
        };
        let address = Url::parse(address).map_err(|_| ChannelProblem::Malformed)?;
        let host = address.host_str().ok_or(ChannelProblem::Malformed)?;
        let form = match name {
            Some("json") => None,
            Some(name) => Some(ChannelForm::called(name).ok_or(ChannelProblem::Scheme)?),
            None => ChannelForm::at(host, address.path()),
        };
        Ok(Self::Web { form, address })
    }
}

/// What stands before `://` where a text begins like an address.
fn scheme(text: &str) -> Option<&str> {
    let (scheme, _) = text.split_once("://")?;
    let is_word = |character: char| character.is_ascii_lowercase() || character == '+';
    (!scheme.is_empty() && scheme.chars().all(is_word)).then_some(scheme)
}

impl fmt::Debug for Channel {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.kind())
    }
}

impl fmt::Display for ChannelProblem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => formatter.write_str("it is empty"),
            Self::NoLine => formatter.write_str("it is not one line of text"),
            Self::Long => write!(
                formatter,
                "it is longer than {} bytes",
                CHANNELS_BYTES_MAX / CHANNELS_MAX
            ),
            Self::Scheme => {
                let names: Vec<_> = ChannelForm::names().collect();
                write!(
                    formatter,
                    "an address begins with `https://` or `http://`, or with the service before it, as in `ntfy+https://`: json, {}",
                    names.join(", ")
                )
            }
            Self::Malformed => formatter.write_str("it is not an address"),
        }
    }
}

/// Channels in the form in which another process of ours gets them.
pub fn hand_over(channels: &[Channel]) -> String {
    let typed: Vec<_> = channels.iter().map(Channel::typed).collect();
    typed.join(&SEPARATOR.to_string())
}

/// Channels that were handed over, and those that are stored, each once.
pub fn take_over(handed_over: &[u8], stored: Vec<Channel>) -> Vec<Channel> {
    let mut channels = Vec::<Channel>::new();
    let text = String::from_utf8_lossy(handed_over);
    let typed = text
        .split(SEPARATOR)
        .filter_map(|typed| Channel::parse(OsStr::new(typed)).ok());
    for channel in typed.chain(stored) {
        if channels.len() < CHANNELS_MAX && !channels.contains(&channel) {
            channels.push(channel);
        }
    }
    channels
}
