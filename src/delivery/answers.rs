//! What an answer of the server means.
//!
//! A captive portal says 200 to everything, and a proxy says what it likes; only PostHog's own body counts as
//! acceptance. Pure; the table is WIRE's, row by row.

use axolotl_run_core::limits;
use serde_json::Value;

/// What to do after an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
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
#[must_use]
pub fn judge(status: u16, body: &[u8]) -> Verdict {
    match status {
        200 if is_acceptance(body) => Verdict::Delivered,
        204 => Verdict::Delivered,
        400 | 413 => Verdict::Divide,
        408 | 429 => Verdict::Later,
        400..=499 => Verdict::Stop,
        _ => Verdict::Later,
    }
}

/// Whether the body of such an answer takes part in the judgement.
#[must_use]
pub const fn needs_body(status: u16) -> bool {
    status == 200
}

fn is_acceptance(body: &[u8]) -> bool {
    body.len() <= limits::ANSWER_BYTES_MAX
        && matches!(serde_json::from_slice(body), Ok(Value::Object(members)) if members.contains_key("status"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_row_of_the_table() {
        for (status, body, verdict) in [
            (200, r#"{"status":1}"#, Verdict::Delivered),
            (200, r#"{"status":"Ok"}"#, Verdict::Delivered),
            (
                200,
                "{\"status\": 1, \"quota_limited\": [\"events\"]}\n",
                Verdict::Delivered,
            ),
            (204, "", Verdict::Delivered),
            (200, "", Verdict::Later),
            (200, "<html>Please log in</html>", Verdict::Later),
            (200, "{}", Verdict::Later),
            (200, r#"["status"]"#, Verdict::Later),
            (200, r#""status""#, Verdict::Later),
            (200, r#"{"status":1"#, Verdict::Later),
            (201, r#"{"status":1}"#, Verdict::Later),
            (206, r#"{"status":1}"#, Verdict::Later),
            (301, "", Verdict::Later),
            (302, r#"{"status":1}"#, Verdict::Later),
            (304, "", Verdict::Later),
            (307, "", Verdict::Later),
            (400, "", Verdict::Divide),
            (413, "", Verdict::Divide),
            (401, "", Verdict::Stop),
            (403, "", Verdict::Stop),
            (404, "", Verdict::Stop),
            (405, "", Verdict::Stop),
            (407, "", Verdict::Stop),
            (451, "", Verdict::Stop),
            (408, "", Verdict::Later),
            (429, "", Verdict::Later),
            (500, r#"{"status":1}"#, Verdict::Later),
            (502, "", Verdict::Later),
            (503, "", Verdict::Later),
            (599, "", Verdict::Later),
            (100, "", Verdict::Later),
            (999, "", Verdict::Later),
        ] {
            assert_eq!(judge(status, body.as_bytes()), verdict, "{status} {body}");
        }
    }

    #[test]
    fn an_acceptance_beyond_what_is_read_is_none() {
        let padded = format!("{{\"status\":1}}{}", " ".repeat(limits::ANSWER_BYTES_MAX));
        assert_eq!(judge(200, padded.as_bytes()), Verdict::Later);
    }

    proptest! {
        #[test]
        fn nothing_but_the_statuses_of_acceptance_delivers(status in any::<u16>(), body in prop::collection::vec(any::<u8>(), 0..50)) {
            if judge(status, &body) == Verdict::Delivered {
                prop_assert!(status == 200 || status == 204);
            }
        }
    }
}
