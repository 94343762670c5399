//! The body of one attempt.
//!
//! The events' bytes are the journal's, untouched; only `sent_at` is new, stamped as late as possible because
//! the server takes its difference to the arrival for the skew of this machine's clock.

use super::batching::Item;
use super::endpoint::Key;
use axolotl_run_core::event::wire;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::{self, Write as _};
use std::time::SystemTime;

/// The JSON of a batch.
fn json(key: &Key, items: &[Item], now: SystemTime) -> serde_json::Result<String> {
    let key = serde_json::to_string(key.as_str())?;
    let sent_at = wire::timestamp(now);
    let lines: Vec<&str> = items.iter().map(|item| item.line.as_ref()).collect();
    Ok(format!(
        r#"{{"api_key":{key},"sent_at":"{sent_at}","batch":[{}]}}"#,
        lines.join(",")
    ))
}

/// The compressed body of a batch.
///
/// # Errors
/// None that memory does not cause.
pub fn body(key: &Key, items: &[Item], now: SystemTime) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(json(key, items, now)?.as_bytes())?;
    encoder.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;
    use uuid::Uuid;

    #[test]
    fn the_events_bytes_are_the_journals_and_the_key_is_escaped() {
        let key = Key::parse(r#"phc_"\x"#).unwrap().unwrap();
        let lines = [r#"{"a":1.0e5,"b":"\u00e4"}"#, "{}"];
        let items = lines.map(|line| Item {
            uuid: Uuid::nil(),
            line: line.into(),
        });
        let mut text = String::new();
        let body = body(&key, &items, SystemTime::UNIX_EPOCH).unwrap();
        flate2::read::GzDecoder::new(body.as_slice())
            .read_to_string(&mut text)
            .unwrap();
        assert_eq!(
            text,
            r#"{"api_key":"phc_\"\\x","sent_at":"1970-01-01T00:00:00.000Z","batch":[{"a":1.0e5,"b":"\u00e4"},{}]}"#
        );
    }
}
