//! What is sent to a server: a message in the form that the server understands. Pure.

use axolotl_run_core::judging::summary::message::Message;
use axolotl_run_core::knowledge::channels::{ChannelForm, Filling};
use reqwest::Url;

/// A request.
pub struct WebRequest {
    pub address: Url,
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
}

/// The request for a message.
pub fn request(form: Option<&'static ChannelForm>, address: &Url, message: &Message) -> WebRequest {
    let mut address = address.clone();
    let Some(form) = form else {
        return WebRequest {
            address,
            headers: vec![("Content-Type", "application/json".to_owned())],
            body: message.document.to_string(),
        };
    };
    let filling = Filling {
        title: &message.title,
        text: &message.text,
        is_bad: message.is_bad,
    };
    let mut query = Vec::new();
    if form.moves_query() {
        query = address.query_pairs().into_owned().collect();
        address.set_query(None);
    }
    WebRequest {
        headers: form.headers(filling),
        body: form.body(filling, query),
        address,
    }
}
