//! What a response of the server means.
//!
//! A captive portal answers 200 to everything, and a proxy may answer 400 to everything. Only PostHog's own body counts
//! as acceptance, and only its own words count as a refusal: what is refused is never sent again. Pure.

use axolotl_run_core::knowledge::lists::POSTHOG_REFUSALS;
use axolotl_run_core::limits;
use serde_json::Value;

/// What to do after an answer.
#[derive(Debug, PartialEq)]
pub enum ResponseClass {
    /// The events are the server's.
    Delivered,
    /// This request can never succeed: halve it, or set the lone event aside.
    Divide,
    /// The key, the host or a proxy is wrong: no more uploads in this run.
    Stop,
    /// Try again later.
    Later,
}

/// Judges an answer by its status and the beginning of its body.
pub fn classify(status: u16, body: &[u8]) -> ResponseClass {
    match status {
        200 if is_acceptance(body) => ResponseClass::Delivered,
        204 => ResponseClass::Delivered,
        400 | 413 if is_refusal(body) => ResponseClass::Divide,
        400 | 413 | 408 | 429 => ResponseClass::Later,
        400..=499 => ResponseClass::Stop,
        _ => ResponseClass::Later,
    }
}

fn is_acceptance(body: &[u8]) -> bool {
    body.len() <= limits::ANSWER_BYTES_MAX
        && matches!(serde_json::from_slice(body), Ok(Value::Object(members)) if members.contains_key("status"))
}

/// The service answers with a sentence; the one before it, in Python, with an object that holds one.
fn is_refusal(body: &[u8]) -> bool {
    if let Ok(Value::Object(members)) = serde_json::from_slice(body) {
        return ["type", "code", "detail"]
            .iter()
            .all(|name| matches!(members.get(*name), Some(Value::String(_))));
    }
    let begins_body = |sentence: &&str| body.starts_with(sentence.as_bytes());
    POSTHOG_REFUSALS.iter().any(begins_body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_row_of_the_table() {
        for (status, body, response_class) in [
            (200, r#"{"status":1}"#, ResponseClass::Delivered),
            (200, r#"{"status":"Ok"}"#, ResponseClass::Delivered),
            (
                200,
                "{\"status\": 1, \"quota_limited\": [\"events\"]}\n",
                ResponseClass::Delivered,
            ),
            (204, "", ResponseClass::Delivered),
            (200, "", ResponseClass::Later),
            (200, "<html>Please log in</html>", ResponseClass::Later),
            (200, "{}", ResponseClass::Later),
            (200, r#"["status"]"#, ResponseClass::Later),
            (200, r#""status""#, ResponseClass::Later),
            (200, r#"{"status":1"#, ResponseClass::Later),
            (201, r#"{"status":1}"#, ResponseClass::Later),
            (206, r#"{"status":1}"#, ResponseClass::Later),
            (301, "", ResponseClass::Later),
            (302, r#"{"status":1}"#, ResponseClass::Later),
            (304, "", ResponseClass::Later),
            (307, "", ResponseClass::Later),
            (
                400,
                "event submitted without a distinct_id",
                ResponseClass::Divide,
            ),
            (
                400,
                "failed to parse request: EOF while parsing",
                ResponseClass::Divide,
            ),
            (
                400,
                r#"{"type":"validation_error","code":"invalid_payload","detail":"x","attr":null}"#,
                ResponseClass::Divide,
            ),
            (
                413,
                "maximum event size exceeded: 1048577",
                ResponseClass::Divide,
            ),
            (413, "length limit exceeded", ResponseClass::Divide),
            (400, "", ResponseClass::Later),
            (400, r#"{"status":1}"#, ResponseClass::Later),
            (400, r#"{"detail":"blocked"}"#, ResponseClass::Later),
            (400, "<html>Bad Request</html>", ResponseClass::Later),
            (413, "", ResponseClass::Later),
            (
                413,
                "<html><h1>413 Request Entity Too Large</h1></html>",
                ResponseClass::Later,
            ),
            (401, "", ResponseClass::Stop),
            (403, "", ResponseClass::Stop),
            (404, "", ResponseClass::Stop),
            (405, "", ResponseClass::Stop),
            (407, "", ResponseClass::Stop),
            (451, "", ResponseClass::Stop),
            (408, "", ResponseClass::Later),
            (429, "", ResponseClass::Later),
            (500, r#"{"status":1}"#, ResponseClass::Later),
            (502, "", ResponseClass::Later),
            (503, "", ResponseClass::Later),
            (599, "", ResponseClass::Later),
            (100, "", ResponseClass::Later),
            (999, "", ResponseClass::Later),
        ] {
            assert_eq!(
                classify(status, body.as_bytes()),
                response_class,
                "{status} {body}"
            );
        }
    }

    #[test]
    fn an_acceptance_beyond_what_is_read_is_none() {
        let padded = format!("{{\"status\":1}}{}", " ".repeat(limits::ANSWER_BYTES_MAX));
        assert_eq!(classify(200, padded.as_bytes()), ResponseClass::Later);
    }

    proptest! {
        #[test]
        fn nothing_but_the_statuses_of_acceptance_delivers(status in any::<u16>(), body in prop::collection::vec(any::<u8>(), 0..50)) {
            if classify(status, &body) == ResponseClass::Delivered {
                prop_assert!(status == 200 || status == 204);
            }
        }
    }
}
