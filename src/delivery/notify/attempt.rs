//! One attempt to tell a channel: a request, or a command's run. It ends within [`ATTEMPT_TIMEOUT`] whatever happens.

use super::channel::{Channel, ChannelTarget};
use super::outcome::{Attempted, Reached};
use super::request::{WebRequest, request};
use crate::delivery::backoff;
use crate::delivery::client::{Certificates, is_distrust};
use axolotl_run_core::env;
use axolotl_run_core::judging::summary::message::Message;
use axolotl_run_sys::helper;
use reqwest::Client;
use reqwest::header::RETRY_AFTER;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::sync::OnceCell;
use tokio::task::spawn_blocking;

/// Longest time of an attempt. Three of them and the waits between fit into what the observer has after the end.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(8);

/// What attempts need.
pub struct AttemptMeans {
    pub certificates: Certificates,
    /// Where a command is run: where the run was started.
    pub directory: PathBuf,
    /// Made when the first address is to be told, outside of the loop: it reads files.
    pub client: OnceCell<Option<Client>>,
}

/// Tells a channel.
pub async fn attempt(
    means: Arc<AttemptMeans>,
    channel: Channel,
    message: Arc<Message>,
) -> Attempted {
    match &channel.target {
        ChannelTarget::Command(command_text) => {
            let command_text = command_text.clone();
            let directory = means.directory.clone();
            // It has a bound of its own.
            let running = spawn_blocking(move || run(&command_text, &directory, &message));
            running.await.unwrap_or(Reached::NotStarted).into()
        }
        ChannelTarget::Web { form, address } => {
            let request = request(*form, address, &message);
            let asking = ask(means, request);
            let answer = tokio::time::timeout(ATTEMPT_TIMEOUT, asking).await;
            answer.unwrap_or(Reached::Late.into())
        }
    }
}

async fn ask(means: Arc<AttemptMeans>, request: WebRequest) -> Attempted {
    let building = Arc::clone(&means);
    let client = means.client.get_or_init(|| async move {
        let building = spawn_blocking(move || building.certificates.client());
        building.await.ok().flatten()
    });
    let Some(client) = client.await else {
        return Reached::NotStarted.into();
    };
    let mut sending = client.post(request.address).body(request.body);
    for (name, value) in request.headers {
        sending = sending.header(name, value);
    }
    let response = match sending.send().await {
        Ok(response) => response,
        Err(error) if error.is_timeout() => return Reached::Late.into(),
        Err(error) if is_distrust(&error) => return Reached::NotTrusted.into(),
        Err(error) if error.is_connect() => return Reached::NoConnection.into(),
        Err(error) if error.is_builder() => return Reached::NotStarted.into(),
        Err(_) => return Reached::Broken.into(),
    };
    // What it says is nobody's to read.
    if response.status().is_success() {
        return Reached::Arrived.into();
    }
    let mut attempted = Attempted::from(Reached::Status(response.status().as_u16()));
    if let Some(wish) = response.headers().get(RETRY_AFTER)
        && let Ok(wish) = wish.to_str()
    {
        attempted.retry_after = backoff::retry_after(wish, SystemTime::now());
    }
    attempted
}

fn run(command_text: &str, directory: &Path, message: &Message) -> Reached {
    let run = message.document.get("run").and_then(|run| run.as_str());
    let variables = [
        (env::AXOLOTL_RUN_ID, run.unwrap_or_default()),
        (env::AXOLOTL_RUN_OCCASION, message.occasion.as_str()),
        (env::AXOLOTL_RUN_TITLE, &message.title),
        (env::AXOLOTL_RUN_TEXT, &message.text),
        (env::AXOLOTL_RUN_OUTCOME, &message.outcome),
    ];
    let document = format!("{}\n", message.document);
    let ended = helper::run(
        command_text,
        &variables,
        directory,
        document.as_bytes(),
        ATTEMPT_TIMEOUT,
    );
    match ended {
        Err(_) => Reached::NotStarted,
        Ok(None) => Reached::Hung,
        Ok(Some(status)) => match (status.code(), status.signal()) {
            (Some(0), _) => Reached::Arrived,
            (Some(code), _) => Reached::ExitCode(code),
            (None, signal) => Reached::Killed(signal.unwrap_or_default()),
        },
    }
}
