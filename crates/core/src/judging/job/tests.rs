//! Records of a job's machines, and who failed first.

use super::*;
use crate::event::FinishVerdict;
use proptest::prelude::*;

fn finish(
    outcome: &str,
    kind: &str,
    meaning: Option<&str>,
    signal: Option<&str>,
) -> Finish<String> {
    Finish {
        outcome: Some(outcome.to_owned()),
        verdict: Some(FinishVerdict {
            kind: Some(kind.to_owned()),
            meaning: meaning.map(str::to_owned),
            rank_signal: signal.map(str::to_owned),
            ..FinishVerdict::default()
        }),
        ..Finish::default()
    }
}

#[test]
fn the_kind_of_an_end_tells_causes_from_victims() {
    for (outcome, kind, meaning, signal, expected) in [
        (
            "error",
            "exception",
            Some("bad_data"),
            None,
            MemberEnd::Itself,
        ),
        ("signal", "segfault", None, None, MemberEnd::Itself),
        (
            "error",
            "oom_cgroup",
            None,
            Some("SIGKILL"),
            MemberEnd::Itself,
        ),
        ("signal", "killed_unknown", None, None, MemberEnd::Itself),
        ("error", "exit_nonzero", None, None, MemberEnd::Unexplained),
        ("error", "unheard_of", None, None, MemberEnd::Itself),
        (
            "error",
            "exception",
            Some("network_failure"),
            None,
            MemberEnd::Victim,
        ),
        ("error", "peer_lost", None, None, MemberEnd::Victim),
        (
            "error",
            "nccl_timeout",
            None,
            Some("SIGABRT"),
            MemberEnd::Victim,
        ),
        ("error", "rendezvous_failed", None, None, MemberEnd::Victim),
        (
            "error",
            "exit_nonzero",
            None,
            Some("SIGTERM"),
            MemberEnd::Victim,
        ),
        ("signal", "terminated", None, None, MemberEnd::Asked),
        ("signal", "time_limit", None, None, MemberEnd::Asked),
        ("signal", "hang", None, None, MemberEnd::Asked),
        ("success", "success", None, None, MemberEnd::Success),
        ("lost", "lost", None, None, MemberEnd::NotSeen),
    ] {
        let finish = finish(outcome, kind, meaning, signal);
        assert_eq!(
            MemberEnd::of(&finish),
            expected,
            "{outcome} {kind} {meaning:?} {signal:?}"
        );
    }
}

/// `0 itself 12.5 0.01`: node, end, time, uncertainty of the clock.
fn member(text: &'static str) -> JobMember<'static> {
    let words: Vec<_> = text.split(' ').collect();
    let end = match words[1] {
        "itself" => MemberEnd::Itself,
        "unseen" => MemberEnd::NotSeen,
        "unexplained" => MemberEnd::Unexplained,
        "victim" => MemberEnd::Victim,
        "asked" => MemberEnd::Asked,
        "success" => MemberEnd::Success,
        _ => MemberEnd::Runs,
    };
    JobMember {
        node: words[0].parse().ok(),
        machine: words[0],
        end,
        at: words[2].parse().ok(),
        within: words[3].parse().unwrap(),
    }
}

#[test]
fn the_first_failure_is_the_one_that_no_other_explains() {
    let one = First::One;
    let together = |numbers: &[usize]| First::Together(numbers.to_vec());
    let (high, medium, low) = (Confidence::High, Confidence::Medium, Confidence::Low);
    for (texts, nodes, first, confidence) in [
        // A victim may well be noted before its cause.
        (&["0 victim 9.0 0", "1 itself 10.0 0"][..], 2, one(1), high),
        (
            &["0 asked 9.0 0", "1 itself 10.0 0", "2 success 1 0"],
            3,
            one(1),
            high,
        ),
        (&["0 itself 9.0 0", "1 itself 10.0 0"], 2, one(0), medium),
        (
            &["0 itself 9.9 0", "1 itself 10.0 0"],
            2,
            together(&[0, 1]),
            medium,
        ),
        (
            &["0 itself 9.0 1", "1 itself 10.0 0.1"],
            2,
            together(&[0, 1]),
            medium,
        ),
        (
            &["0 itself 9 2", "1 itself 10 2", "2 itself 30 2"],
            3,
            together(&[0, 1]),
            medium,
        ),
        (
            &["0 itself x 0", "1 itself 10.0 0"],
            2,
            together(&[0, 1]),
            medium,
        ),
        // Silent, and others lost it.
        (&["0 victim 9 0", "1 unseen 8 0"], 2, one(1), medium),
        (&["0 itself 9 0", "1 unseen 8 0"], 2, one(0), medium),
        (&["0 itself 9 0", "1 runs x 0"], 2, one(0), medium),
        // Whose words could not be read gives way to whoever is known to have failed.
        (
            &["0 unexplained 9 0", "1 itself 9.2 0", "2 unexplained 9 0"],
            3,
            one(1),
            high,
        ),
        (&["0 unexplained 9 0", "1 unseen 8 0"], 2, one(1), medium),
        (&["0 unexplained 9 0", "1 victim 8 0"], 2, one(0), medium),
        // Nobody whom a record names.
        (&["0 victim 9 0", "1 victim 8 0"], 2, First::Nobody, low),
        (&["0 victim 9 0", "1 victim 8 0"], 3, First::Nobody, low),
        (&["0 success 9 0", "1 success 8 0"], 2, First::Nobody, low),
        (&["0 itself 9 0", "1 victim 8 0"], 3, one(0), low),
        (&[], 2, First::Nobody, low),
    ] {
        let members: Vec<_> = texts.iter().map(|text| member(text)).collect();
        let finding = judge(&members, Some(nodes));
        assert_eq!(
            (finding.first, finding.confidence),
            (first, confidence),
            "{texts:?}"
        );
    }
}

#[test]
fn on_one_machine_there_is_one_clock() {
    let mut members = ["0 itself 9.0 2", "0 itself 10.0 2"].map(member);
    assert_eq!(judge(&members, None).first, First::One(0));
    members[1].machine = "elsewhere";
    assert_eq!(judge(&members, None).first, First::Together(vec![0, 1]));
}

#[test]
fn machines_without_a_record_are_named_or_counted() {
    for (texts, nodes, missing, more) in [
        (
            &["0 victim 9 0", "2 victim 9 0"][..],
            Some(4),
            &[1, 3][..],
            0,
        ),
        (&["0 victim 9 0", "1 victim 9 0"], Some(2), &[], 0),
        (&["0 victim 9 0", "? victim 9 0"], Some(4), &[], 2),
        (&["0 victim 9 0"], None, &[], 0),
    ] {
        let members: Vec<_> = texts.iter().map(|text| member(text)).collect();
        let finding = judge(&members, nodes);
        assert_eq!(
            (finding.missing.as_slice(), finding.missing_unnumbered),
            (missing, more),
            "{texts:?}"
        );
    }
}

/// `key node task machine began`; a key in capitals may be reused.
fn joined(texts: &[&str]) -> Vec<Vec<usize>> {
    let mut places = Vec::new();
    for text in texts {
        let words: Vec<_> = text.split(' ').collect();
        let place = JobPlace {
            key: words[0].to_owned(),
            is_reused: words[0] == words[0].to_uppercase(),
            node: words[1].parse().ok(),
            task: words[2].parse().ok(),
            nodes: None,
        };
        places.push((place, words[3], words[4].parse().unwrap()));
    }
    let mut beginnings = Vec::new();
    for (place, machine, began) in &places {
        beginnings.push(Beginning {
            place,
            machine,
            began: *began,
        });
    }
    jobs(&beginnings)
}

#[test]
fn what_is_one_job_is_told_from_what_was_started_again() {
    for (texts, expected) in [
        (
            &["a 0 - m 0", "a 1 - n 5", "b 0 - m 9"][..],
            &[&[0, 1][..], &[2]][..],
        ),
        // Two steps one after the other on two machines.
        (
            &["a 0 - m 0", "a 1 - n 5", "a 0 - m 100", "a 1 - n 101"],
            &[&[0, 1], &[2, 3]],
        ),
        (&["a 0 0 m 0", "a 0 1 m 1", "a 1 2 n 1"], &[&[0, 1, 2]]),
        // Nobody says which machine: the same one has begun again, another one has joined.
        (&["a - - m 0", "a - - m 5"], &[&[0], &[1]]),
        (&["a - - m 0", "a - - n 5"], &[&[0, 1]]),
        (&["a - - m 0", "a - - n 5000"], &[&[0], &[1]]),
        // A name for ever, and one that is used again.
        (&["a 0 - m 0", "a 1 - n 5000"], &[&[0, 1]]),
        (&["A 0 - m 0", "A 1 - n 800"], &[&[0, 1]]),
        (&["A 0 - m 0", "A 1 - n 5000"], &[&[0], &[1]]),
        (&["a 1 - n 5", "a 0 - m 0"], &[&[1, 0]]),
        (&[], &[]),
    ] {
        assert_eq!(joined(texts), expected, "{texts:?}");
    }
}

#[test]
fn machines_of_ranks_are_numbered_by_the_lowest() {
    let place = |node, task| JobPlace {
        node,
        task,
        ..JobPlace::default()
    };
    let places = [
        place(None, Some(9)),
        place(None, Some(1)),
        place(None, Some(8)),
    ];
    let with = [(&places[0], "b"), (&places[1], "a"), (&places[2], "b")];
    assert_eq!(numbers(&with), [Some(1), Some(0), Some(1)]);
    let (known, unknown) = (place(Some(3), None), place(None, None));
    assert_eq!(numbers(&[(&known, "a"), (&unknown, "b")]), [Some(3), None]);
}

proptest! {
    #[test]
    fn every_run_is_in_one_job(
        runs in prop::collection::vec((0_u8..3, 0_u64..4, 0_u64..4, 0_u8..3, -1e4_f64..1e4), 0..40),
    ) {
        let places: Vec<_> = runs.iter().map(|(key, node, task, machine, began)| {
            let place = JobPlace {
                key: key.to_string(),
                is_reused: *key == 0,
                node: node.checked_sub(1),
                task: task.checked_sub(1),
                nodes: None,
            };
            (place, machine.to_string(), *began)
        }).collect();
        let beginnings: Vec<_> = places.iter().map(|(place, machine, began)| Beginning { place, machine, began: *began }).collect();
        let mut seen: Vec<_> = jobs(&beginnings).concat();
        seen.sort_unstable();
        prop_assert_eq!(seen, (0..runs.len()).collect::<Vec<_>>());
    }
}
