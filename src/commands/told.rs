//! `--notify-test` and `--notify-store`: whether a channel can be reached, and who is told of every observed run.
//!
//! An address is a secret, so that a channel is shown by its kind and its host alone.

use super::output::{ANSWERED, AnswerForm, AnswerOutput, AnswerResult, FAILED};
use crate::delivery::Certificates;
use crate::delivery::notify::{Channel, NotificationLine, Notifier, Patience, Reached};
use crate::store::decision::channels;
use crate::ui::{self, Complaint};
use axolotl_run_core::judging::summary::Summary;
use axolotl_run_core::judging::summary::message::{Message, Occasion, RunName};
use axolotl_run_core::launch::Environment;
use axolotl_run_sys::role;
use serde_json::json;
use std::io::{self, IsTerminal as _, Read as _};

/// Bytes of stdin that are read; eight channels have less.
const STDIN_BYTES_MAX: u64 = 64 * 1024;

/// Sends a test message, and says of each channel whether it arrived.
pub fn test(
    typed: &[Channel],
    environment: Environment<'_>,
    answer_output: &mut AnswerOutput,
) -> AnswerResult {
    let mut channels = typed.to_vec();
    if channels.is_empty() {
        channels = channels::read(environment);
    }
    if channels.is_empty() {
        return Err(Complaint::new(
            "there is nobody to tell",
            "write `--notify URL` before `--notify-test`, or store it with `--notify-store`",
        ));
    }
    let lines = tell(channels.clone(), environment)?;
    let mut has_failed = lines.len() < channels.len();
    let mut answers = Vec::new();
    for line in &lines {
        has_failed |= line.reached != Reached::Arrived;
        let channel = line
            .channel
            .checked_sub(1)
            .and_then(|index| channels.get(index));
        let shown = channel.map(Channel::shown).unwrap_or_default();
        if answer_output.form == AnswerForm::Text {
            answer_output.answer(&format!("{shown}: {}\n", line.reached))?;
        }
        answers.push(json!({
            "channel": shown,
            "arrived": line.reached == Reached::Arrived,
            "answer": line.reached.to_string(),
        }));
    }
    if answer_output.form == AnswerForm::Json {
        answer_output.document(&json!({ "channels": answers }))?;
    }
    Ok(if has_failed { FAILED } else { ANSWERED })
}

fn tell(
    channels: Vec<Channel>,
    environment: Environment<'_>,
) -> Result<Vec<NotificationLine>, Complaint> {
    let certificates = Certificates::configured(environment);
    let directory = std::env::current_dir().unwrap_or_default();
    let mut notifier = Notifier::new(channels, certificates, directory, Patience::Once);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| {
            let reason = axolotl_run_sys::reason(&error);
            Complaint::new(format!("failed to begin: {reason}"), "")
        })?;
    let host = role::host_name().unwrap_or_default();
    let name = RunName::new(String::new(), "", &host);
    let message = Message::new(Occasion::Test, &name, &Summary::default(), "");
    let mut lines = runtime.block_on(async {
        notifier.tell(message);
        let mut lines = Vec::new();
        while notifier.is_busy() {
            lines.extend(notifier.step().await);
        }
        lines
    });
    runtime.shutdown_background();
    lines.sort_by_key(|line| line.channel);
    Ok(lines)
}

/// Stores channels, or takes the stored ones away where there are none.
pub fn store(
    typed: &[Channel],
    environment: Environment<'_>,
    answer_output: &mut AnswerOutput,
) -> AnswerResult {
    let mut channels = typed.to_vec();
    if channels.is_empty() {
        channels = from_stdin()?;
    }
    let path = channels::write(environment, &channels)
        .map_err(|problem| Complaint::new(format!("failed to {problem}"), ""))?;
    let shown: Vec<_> = channels.iter().map(Channel::shown).collect();
    let path = path.display().to_string();
    if answer_output.form == AnswerForm::Json {
        return answer_output.document(&json!({ "channels": shown, "file": path }));
    }
    if shown.is_empty() {
        return answer_output.answer("nobody is stored\n");
    }
    answer_output.answer(&format!(
        "told of every observed run: {}\nstored in {path}\n",
        shown.join(", ")
    ))
}

fn from_stdin() -> Result<Vec<Channel>, Complaint> {
    let stdin = io::stdin();
    if stdin.is_terminal() {
        ui::say(
            "Write an address or a command a line, and end with Ctrl-D. Nothing takes away what is stored.\n",
        );
    }
    let mut text = String::new();
    let mut beginning = stdin.lock().take(STDIN_BYTES_MAX);
    beginning.read_to_string(&mut text).map_err(|_| {
        Complaint::new(
            "failed to read stdin: it is not text",
            "write an address or a command a line",
        )
    })?;
    let mut channels = Vec::new();
    for (number, channel) in channels::parse(&text) {
        channels.push(channel.map_err(|problem| {
            Complaint::new(
                format!("line {number} of stdin is neither an address nor a command"),
                problem.to_string(),
            )
        })?);
    }
    Ok(channels)
}
