//! Every row of the table, and the odd values around each.

use super::*;
use std::os::unix::ffi::OsStrExt as _;

const STORED_ON: Option<(Telemetry, u64)> = Some((Telemetry::On, POLICY_VERSION));
const STORED_OFF: Option<(Telemetry, u64)> = Some((Telemetry::Off, POLICY_VERSION));
const NOT_MAIN: RankVerdict = RankVerdict::NotMain { variable: "RANK" };

struct Case {
    run_id: Option<&'static [u8]>,
    rank: RankVerdict,
    do_not_track: Option<&'static [u8]>,
    axolotl: Option<&'static [u8]>,
    stored: Option<(Telemetry, u64)>,
}

const NOTHING: Case = Case {
    run_id: None,
    rank: RankVerdict::Main,
    do_not_track: None,
    axolotl: None,
    stored: None,
};

fn run(case: &Case) -> Decision {
    decided(case, || {
        case.stored.map(|(telemetry, policy_version)| Stored {
            telemetry,
            recording: Recording::OnRequest,
            policy_version,
            decided: None,
        })
    })
}

fn decided(case: &Case, stored: impl FnOnce() -> Option<Stored>) -> Decision {
    let environment = |name: &str| {
        let value = match name {
            env::AXOLOTL_RUN_ID => case.run_id,
            env::DO_NOT_TRACK => case.do_not_track,
            env::AXOLOTL_DO_NOT_TRACK => case.axolotl,
            _ => None,
        };
        value.map(|value| OsStr::from_bytes(value).to_owned())
    };
    decide(&environment, case.rank, stored)
}

/// What a row comes to, in a word.
fn word(decision: &Decision) -> &'static str {
    match (
        decision.telemetry,
        decision.notice,
        decision.warning.is_some(),
    ) {
        (Telemetry::On, false, false) => "on",
        (Telemetry::Off, false, false) => "off",
        (Telemetry::Off, true, false) => "notice",
        (Telemetry::Off, false, true) => "warning",
        _ => "a combination that the table does not have",
    }
}

#[test]
fn the_first_row_that_applies_decides() {
    let some = |bytes: &'static [u8]| Some(bytes);
    let (track, forbid) = (some(b"0"), some(b"1"));
    for (row, case, expected) in [
        (
            "inside beats all",
            Case {
                run_id: some(b"x"),
                axolotl: track,
                stored: STORED_ON,
                ..NOTHING
            },
            "off",
        ),
        (
            "inside, undecided: no notice",
            Case {
                run_id: some(b"x"),
                ..NOTHING
            },
            "off",
        ),
        (
            "inside, bytes",
            Case {
                run_id: some(b"\xff"),
                ..NOTHING
            },
            "off",
        ),
        (
            "an empty mark is none",
            Case {
                run_id: some(b""),
                axolotl: track,
                ..NOTHING
            },
            "on",
        ),
        (
            "not main beats consent",
            Case {
                rank: NOT_MAIN,
                axolotl: track,
                stored: STORED_ON,
                ..NOTHING
            },
            "off",
        ),
        (
            "not main, undecided: no notice",
            Case {
                rank: NOT_MAIN,
                ..NOTHING
            },
            "off",
        ),
        (
            "not main, garbage: no warning",
            Case {
                rank: NOT_MAIN,
                axolotl: some(b"yes"),
                ..NOTHING
            },
            "off",
        ),
        (
            "deferred counts as main",
            Case {
                rank: RankVerdict::Deferred,
                axolotl: track,
                ..NOTHING
            },
            "on",
        ),
        (
            "deferred, undecided",
            Case {
                rank: RankVerdict::Deferred,
                ..NOTHING
            },
            "notice",
        ),
        (
            "DO_NOT_TRACK beats consent",
            Case {
                do_not_track: forbid,
                axolotl: track,
                ..NOTHING
            },
            "off",
        ),
        (
            "DO_NOT_TRACK beats stored",
            Case {
                do_not_track: forbid,
                stored: STORED_ON,
                ..NOTHING
            },
            "off",
        ),
        (
            "DO_NOT_TRACK, undecided: no notice",
            Case {
                do_not_track: forbid,
                ..NOTHING
            },
            "off",
        ),
        (
            "DO_NOT_TRACK beats a warning",
            Case {
                do_not_track: forbid,
                axolotl: some(b"yes"),
                ..NOTHING
            },
            "off",
        ),
        (
            "the variable beats stored off",
            Case {
                axolotl: track,
                stored: STORED_OFF,
                ..NOTHING
            },
            "on",
        ),
        (
            "the variable beats stored on",
            Case {
                axolotl: forbid,
                stored: STORED_ON,
                ..NOTHING
            },
            "off",
        ),
        (
            "stored on",
            Case {
                stored: STORED_ON,
                ..NOTHING
            },
            "on",
        ),
        (
            "stored off",
            Case {
                stored: STORED_OFF,
                ..NOTHING
            },
            "off",
        ),
        (
            "stored for an older policy",
            Case {
                stored: Some((Telemetry::On, POLICY_VERSION - 1)),
                ..NOTHING
            },
            "notice",
        ),
        (
            "stored for a newer policy",
            Case {
                stored: Some((Telemetry::On, POLICY_VERSION + 1)),
                ..NOTHING
            },
            "notice",
        ),
        ("otherwise", NOTHING, "notice"),
    ] {
        assert_eq!(word(&run(&case)), expected, "{row}");
    }
}

#[test]
fn axolotls_own_variable_in_every_spelling() {
    for (value, expected) in [
        (&b"0"[..], "on"),
        (b"false", "on"),
        (b"FALSE", "on"),
        (b"False", "on"),
        (b" 0", "on"),
        (b"0 ", "on"),
        (b"\t0\n", "on"),
        (b" fAlSe ", "on"),
        (b"1", "off"),
        (b"true", "off"),
        (b" TRUE ", "off"),
        (b"", "notice"),
        (b"   ", "notice"),
        (b"\t", "notice"),
        (b"2", "warning"),
        (b"yes", "warning"),
        (b"no", "warning"),
        (b"off", "warning"),
        (b"00", "warning"),
        (b"0.0", "warning"),
        (b"-0", "warning"),
        (b"+0", "warning"),
        (b"0x0", "warning"),
        (b"f", "warning"),
        (b"'0'", "warning"),
        (b"0\xff", "warning"),
        (b"\xff", "warning"),
        ("０".as_bytes(), "warning"),
    ] {
        let case = Case {
            axolotl: Some(value),
            ..NOTHING
        };
        assert_eq!(
            word(&run(&case)),
            expected,
            "{:?}",
            String::from_utf8_lossy(value)
        );
    }
}

#[test]
fn the_general_variable_in_every_spelling() {
    for (value, expected) in [
        (&b""[..], "on"),
        (b"0", "on"),
        (b"false", "on"),
        (b"1", "off"),
        (b"true", "off"),
        (b"2", "off"),
        (b"no", "off"),
        (b"False", "off"),
        (b"FALSE", "off"),
        (b" ", "off"),
        (b"0 ", "off"),
        (b"\xff", "off"),
    ] {
        let case = Case {
            do_not_track: Some(value),
            axolotl: Some(b"0"),
            ..NOTHING
        };
        assert_eq!(
            word(&run(&case)),
            expected,
            "{:?}",
            String::from_utf8_lossy(value)
        );
    }
}

#[test]
fn the_file_is_not_read_where_an_earlier_row_decides() {
    for case in [
        Case {
            run_id: Some(b"x"),
            ..NOTHING
        },
        Case {
            rank: NOT_MAIN,
            ..NOTHING
        },
        Case {
            do_not_track: Some(b"1"),
            ..NOTHING
        },
        Case {
            axolotl: Some(b"0"),
            ..NOTHING
        },
        Case {
            axolotl: Some(b"?"),
            ..NOTHING
        },
    ] {
        let mut read = false;
        let decision = decided(&case, || {
            read = true;
            None
        });
        assert!(!read, "{decision:?}");
    }
}

#[test]
fn who_records_always_is_not_asked_again_whatever_the_policy() {
    for policy_version in [0, POLICY_VERSION, POLICY_VERSION + 1] {
        let decision = decided(&NOTHING, || {
            Some(Stored {
                telemetry: Telemetry::Off,
                recording: Recording::Always,
                policy_version,
                decided: None,
            })
        });
        assert_eq!(word(&decision), "off");
    }
}

#[test]
fn opt_in_is_the_default() {
    assert_eq!(DEFAULT, Telemetry::Off);
}

#[test]
fn a_cause_names_what_decided_and_cannot_drive_a_terminal() {
    let decision = run(&Case {
        do_not_track: Some(b"1"),
        ..NOTHING
    });
    assert_eq!(
        decision.cause.sentence(),
        "DO_NOT_TRACK=1 in the environment"
    );
    let hostile = run(&Case {
        axolotl: Some(b"\x1b[31m\xff\n"),
        ..NOTHING
    });
    assert!(
        !hostile.cause.sentence().contains(char::is_control),
        "{}",
        hostile.cause.sentence()
    );
    let long = run(&Case {
        do_not_track: Some(&[b'a'; 5000]),
        ..NOTHING
    });
    assert!(
        long.cause.sentence().chars().count() < 100,
        "{}",
        long.cause.sentence()
    );
}

proptest::proptest! {
    #[test]
    fn only_zero_and_false_turn_it_on(value: Vec<u8>) {
        let environment = |name: &str| (name == env::AXOLOTL_DO_NOT_TRACK).then(|| OsStr::from_bytes(&value).to_owned());
        let on = decide(&environment, RankVerdict::Main, || None).telemetry == Telemetry::On;
        let says_track = std::str::from_utf8(&value)
            .is_ok_and(|text| matches!(text.trim().to_ascii_lowercase().as_str(), "0" | "false"));
        proptest::prop_assert_eq!(on, says_track);
    }
}
