//! Events that are read back from disk are checked again before they may be sent.
//!
//! The problem: an event is checked when it is made, but until a later launcher uploads it, any of the user's programs
//! may change the file. The rule: a line is sent only if it passes the privacy gate once more, which also asks whether each
//! text is one that we can make, and if it is, byte for byte, what our own writer would write. Comparing bytes finds what a schema check of the parsed value does not: two members of
//! the same name (parsers keep the last), unknown members, blanks, escapes. It also makes a retry byte-identical.
//!
//! Used by the store for sending, and by the queries to show what would be refused.

use axolotl_run_core::event::schema;
use axolotl_run_core::event::wire::{Member, timestamp};
use axolotl_run_core::privacy::{Gate, Identity, IdentityFacts, Refusal};
use axolotl_run_core::public::dictionary;
use axolotl_run_core::{env, limits};
use axolotl_run_sys::role;
use std::sync::LazyLock;
use std::time::SystemTime;
use uuid::Uuid;

/// Knows the user, the home and the host; the words of the recorded run's own command and folder are not known here.
static GATE: LazyLock<Gate> = LazyLock::new(|| {
    let home = std::env::var(env::HOME).unwrap_or_default();
    let identity = Identity::new(&IdentityFacts {
        user: &role::user_name().unwrap_or_default(),
        home: &home,
        host: &role::host_name().unwrap_or_default(),
        ..IdentityFacts::default()
    });
    Gate::new(identity)
        .knowing(dictionary::is_public)
        .knowing_functions(dictionary::is_public_function)
});

/// Why a line is not one of our events.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum LineRefusal {
    /// It is longer than anything we make.
    Size,
    /// It belongs to another run.
    Run,
    /// Its name is none of ours.
    Name,
    /// Its timestamp is not in the one form that the wire has.
    Timestamp,
    /// It has something that the published list does not have.
    Schema(schema::Violation),
    /// The privacy gate refuses it.
    Privacy(Refusal),
    /// It is not what our writer would have written.
    Form,
}

impl LineRefusal {
    /// What to say about it; a fragment that reads after "refused: ".
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Size => "longer than any event",
            Self::Run => "an event of another run",
            Self::Name => "not an event of the published list",
            Self::Timestamp => "its timestamp is malformed",
            Self::Privacy(_) => "holds a text that is not public",
            Self::Schema(_) => "holds what is not on the published list",
            Self::Form => "not in the form that the launcher writes",
        }
    }
}

/// Reads a line as a batch member, if it is one; nothing is promised about what it holds.
pub fn parse(line: &str) -> Option<Member> {
    serde_json::from_str(line).ok()
}

/// Judges a line that was parsed: whether it may be sent as it is.
///
/// # Errors
/// The first reason against it.
pub fn judge(run_id: Uuid, line: &str, member: &Member) -> Result<(), LineRefusal> {
    if line.len() > limits::EVENT_BYTES_MAX {
        return Err(LineRefusal::Size);
    }
    if member.distinct_id != run_id {
        return Err(LineRefusal::Run);
    }
    let name = member.name().ok_or(LineRefusal::Name)?;
    time_of_event(member).ok_or(LineRefusal::Timestamp)?;
    schema::check(name, &member.properties).map_err(LineRefusal::Schema)?;
    let written = GATE.check_recorded(member).map_err(LineRefusal::Privacy)?;
    if written == line {
        Ok(())
    } else {
        Err(LineRefusal::Form)
    }
}

/// When an event happened; None where the timestamp is not in the wire's form.
pub fn time_of_event(member: &Member) -> Option<SystemTime> {
    let time = humantime::parse_rfc3339(&member.timestamp).ok()?;
    (timestamp(time) == member.timestamp).then_some(time)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const RUN: Uuid = Uuid::from_u128(0x6f1c_2e9a_7d54_4f0b_8a21_3c5d_9e7f_1b42);

    fn line(middle: &str) -> String {
        format!(
            r#"{{"uuid":"01936f0e-8c7a-7cc3-98c4-dc0c0c07398f","event":"progress","distinct_id":"{RUN}","timestamp":"2026-11-22T13:16:54.100Z","properties":{{{middle}}}}}"#
        )
    }

    fn verdict(line: &str) -> Result<(), LineRefusal> {
        let member = parse(line).expect("a batch member");
        judge(RUN, line, &member)
    }

    #[test]
    fn only_what_our_writer_writes_passes() {
        let good = line(r#""$lib":"axolotl-run","step":3,"loss":0.1"#);
        assert_eq!(verdict(&good), Ok(()));
        let replaced = |from: &str, to: &str| {
            let bad = good.replacen(from, to, 1);
            assert_ne!(bad, good, "{from}");
            bad
        };
        let torn = &good[..good.len() - 1];
        for none in [torn, &replaced("01936f0e", "zz936f0e")] {
            assert_eq!(parse(none), None, "{none}");
        }
        for (bad, refusal) in [
            (
                replaced(&RUN.to_string(), "6f1c2e9a-7d54-4f0b-8a21-3c5d9e7f1b43"),
                LineRefusal::Run,
            ),
            (replaced("progress", "$identify"), LineRefusal::Name),
            (replaced(".100Z", "Z"), LineRefusal::Timestamp),
            (replaced(".100Z", ".1000Z"), LineRefusal::Timestamp),
            (
                replaced("2026-11-22T", "2026-11-22 "),
                LineRefusal::Timestamp,
            ),
            (
                replaced("\"step\":3", "\"note\":3"),
                LineRefusal::Schema(schema::Violation::Unlisted("progress")),
            ),
            (replaced("\"step\":3", "\"step\": 3"), LineRefusal::Form),
            (replaced("\"loss\":0.1", "\"loss\":0.10"), LineRefusal::Form),
            (
                replaced("\"loss\":0.1", "\"loss\":\"secret\",\"loss\":0.1"),
                LineRefusal::Form,
            ),
            (
                replaced("\"event\":", "\"secret\":\"canary\",\"event\":"),
                LineRefusal::Form,
            ),
            (
                replaced("axolotl-run", "axolotl\\u002drun"),
                LineRefusal::Form,
            ),
            (
                replaced("\"uuid\":\"01936f0e", "\"uuid\":\"01936F0E"),
                LineRefusal::Form,
            ),
        ] {
            assert_eq!(verdict(&bad), Err(refusal), "{bad}");
        }
    }

    #[test]
    fn a_text_that_we_cannot_have_made_is_refused() {
        for properties in [
            r#""config":{"base_model":"/home/acme/private"}"#,
            r#""config":{"base_model":"acme/private-7b"}"#,
            r#""config":{"base_model":"google/acme-ckpt"}"#,
            r#""config":{"adapter":"acme"}"#,
            r#""launcher":"\u202eacme""#,
            r#""launcher":"acmelaunch""#,
            r#""launcher":"15551234567""#,
            r#""torch_version":"2.8.0+acme""#,
            r#""os":"linux-acme""#,
            r#""accelerator_info":[{"name":"NVIDIA ACME1"}]"#,
        ] {
            let line = line(properties).replacen("\"progress\"", "\"start\"", 1);
            let refusal = verdict(&line.replace("\\u202e", "\u{202e}")).unwrap_err();
            assert!(
                matches!(refusal, LineRefusal::Privacy(_)),
                "{properties}: {refusal:?}"
            );
        }
        let good = r#""config":{"base_model":"google/<model>","adapter":"qlora","num_epochs":3},"launcher":"torchrun","torch_version":"2.8.0+cu128","os":"linux-6.18-x86_64","accelerator_info":[{"name":"NVIDIA H100 80GB HBM3"}]"#;
        let line = line(good).replacen("\"progress\"", "\"start\"", 1);
        assert_eq!(verdict(&line), Ok(()));
    }

    #[test]
    fn an_event_beyond_all_sizes_is_refused() {
        let text = "x".repeat(limits::EVENT_BYTES_MAX);
        assert_eq!(
            verdict(&line(&format!(r#""$lib":"{text}""#))),
            Err(LineRefusal::Size)
        );
    }

    proptest! {
        #[test]
        fn every_number_that_we_write_is_read_back_as_the_same_bytes(
            loss in proptest::num::f64::NORMAL | proptest::num::f64::SUBNORMAL | proptest::num::f64::ZERO,
            step in any::<u64>(),
        ) {
            let mut member = parse(&line("")).unwrap();
            member.properties.insert("loss".into(), loss.into());
            member.properties.insert("step".into(), step.into());
            prop_assert_eq!(verdict(&serde_json::to_string(&member).unwrap()), Ok(()));
        }

        #[test]
        fn no_text_is_too_strange_to_be_judged(text in ".{0,200}") {
            for text in [line(&text), text] {
                if let Some(member) = parse(&text) {
                    let _ = judge(RUN, &text, &member);
                }
            }
        }
    }
}
