//! Surroundings and command lines, and the plan that comes of them.

use super::*;
use crate::delivery::notify::Channel;
use axolotl_run_core::consent::POLICY_VERSION;

struct Place<'a> {
    environment: &'a str,
    stored: Option<(Telemetry, Recording)>,
}

const NOWHERE: Place<'_> = Place {
    environment: "",
    stored: None,
};
const CONSENT: Place<'_> = Place {
    environment: "AXOLOTL_DO_NOT_TRACK=0",
    stored: None,
};

fn planned(place: &Place<'_>, line: &str) -> Plan {
    planned_of(place, words(line), Some(Uuid::nil()))
}

fn planned_of(place: &Place<'_>, line: Vec<OsString>, new_run: Option<Uuid>) -> Plan {
    let environment = |name: &str| {
        let pairs = place
            .environment
            .split_whitespace()
            .map(|pair| pair.split_once('=').expect("pairs"));
        pairs
            .into_iter()
            .find(|(key, _)| *key == name)
            .map(|(_, value)| OsString::from(value))
    };
    let stored = || {
        let (telemetry, recording) = place.stored?;
        Some(Stored {
            telemetry,
            recording,
            policy_version: POLICY_VERSION,
            decided: None,
        })
    };
    let surroundings = Surroundings {
        environment: &environment,
        stored: &stored,
        new_run: &|| new_run,
    };
    plan(crate::cli::parse(line), &surroundings)
}

#[test]
fn a_run_that_can_have_no_name_is_not_observed() {
    for (place, line) in [(CONSENT, "t"), (NOWHERE, "--record t")] {
        assert_eq!(planned_of(&place, words(line), None), exec("t"), "{line}");
    }
}

fn words(line: &str) -> Vec<OsString> {
    line.split_whitespace().map(OsString::from).collect()
}

fn exec(command: &str) -> Plan {
    Plan::Exec {
        command: words(command),
        do_not_track: false,
        warning: None,
    }
}

fn notice(command: &str) -> Plan {
    let then = Plan::Exec {
        command: words(command),
        do_not_track: true,
        warning: None,
    };
    Plan::Notice {
        then: Box::new(then),
    }
}

fn order(command: &str, sending: Sending) -> RunRequest {
    RunRequest {
        command: words(command),
        settings: RunSettings {
            run: Uuid::nil(),
            sending,
            first_event: FirstEvent::AtOnce,
            summary: false,
            ci_summary: false,
            part: JobPart::Main,
            owner_side: match sending {
                Sending::Permitted => OwnerSide::Nothing,
                Sending::Forbidden => OwnerSide::FactsAndOutput,
            },
        },
        config: None,
        tap_stdout: false,
        terminal_direct: false,
        warning: None,
        channels: Vec::new(),
    }
}

#[test]
fn who_wants_to_be_told_has_the_run_watched_and_nothing_sent_without_consent() {
    let told = |sending| {
        Plan::Observe(RunRequest {
            channels: vec![Channel::parse("mail me".as_ref()).unwrap()],
            ..order("train", sending)
        })
    };
    let line = ["--notify", "mail me", "train"]
        .map(OsString::from)
        .to_vec();
    for (environment, expected) in [
        ("", told(Sending::Forbidden)),
        ("DO_NOT_TRACK=1", told(Sending::Forbidden)),
        ("AXOLOTL_DO_NOT_TRACK=0", told(Sending::Permitted)),
        ("RANK=1", exec("train")),
        ("AXOLOTL_RUN_ID=x", exec("train")),
    ] {
        let place = Place {
            environment,
            stored: None,
        };
        assert_eq!(
            planned_of(&place, line.clone(), Some(Uuid::nil())),
            expected,
            "{environment}"
        );
    }
}

#[test]
fn consent_and_rank_decide_what_becomes_of_a_command() {
    let send = |command| Plan::Observe(order(command, Sending::Permitted));
    let record = |command| Plan::Observe(order(command, Sending::Forbidden));
    let at = |environment| Place {
        environment,
        stored: None,
    };
    for (place, line, expected) in [
        (NOWHERE, "t", notice("t")),
        (CONSENT, "t a --status", send("t a --status")),
        (at("AXOLOTL_DO_NOT_TRACK=1"), "t", exec("t")),
        (at("AXOLOTL_DO_NOT_TRACK=0 DO_NOT_TRACK=1"), "t", exec("t")),
        (
            at("AXOLOTL_DO_NOT_TRACK=0 AXOLOTL_RUN_ID=x"),
            "t",
            exec("t"),
        ),
        (at("AXOLOTL_DO_NOT_TRACK=0 RANK=1"), "t", exec("t")),
        (at("RANK=1"), "t", exec("t")),
        (at("RANK=0"), "t", notice("t")),
        (
            Place {
                stored: Some((Telemetry::On, Recording::OnRequest)),
                ..NOWHERE
            },
            "t",
            send("t"),
        ),
        (
            Place {
                stored: Some((Telemetry::Off, Recording::OnRequest)),
                ..NOWHERE
            },
            "t",
            exec("t"),
        ),
        (NOWHERE, "--record t", record("t")),
        (CONSENT, "--record t", record("t")),
        (at("DO_NOT_TRACK=1"), "--record t", record("t")),
        (at("AXOLOTL_DO_NOT_TRACK=yes"), "--record t", record("t")),
        (at("AXOLOTL_RUN_ID=x"), "--record t", exec("t")),
        (at("SLURM_PROCID=3"), "--record t", exec("t")),
        (
            at("AXOLOTL_DO_NOT_TRACK=yes"),
            "t",
            Plan::Exec {
                command: words("t"),
                do_not_track: false,
                warning: Some("yes".into()),
            },
        ),
    ] {
        assert_eq!(
            planned(&place, line),
            expected,
            "{} {line}",
            place.environment
        );
    }
}

#[test]
fn who_records_always_records_whatever_a_variable_forbids_to_send() {
    let at = |environment| Place {
        environment,
        stored: Some((Telemetry::Off, Recording::Always)),
    };
    let record = order("t", Sending::Forbidden);
    let warned = RunRequest {
        warning: Some("yes".into()),
        ..record.clone()
    };
    for (environment, expected) in [
        ("", Plan::Observe(record.clone())),
        ("DO_NOT_TRACK=1", Plan::Observe(record.clone())),
        ("AXOLOTL_DO_NOT_TRACK=1", Plan::Observe(record)),
        ("AXOLOTL_DO_NOT_TRACK=yes", Plan::Observe(warned)),
        (
            "AXOLOTL_DO_NOT_TRACK=0",
            Plan::Observe(order("t", Sending::Permitted)),
        ),
        ("AXOLOTL_RUN_ID=x", exec("t")),
        ("RANK=1", exec("t")),
    ] {
        assert_eq!(planned(&at(environment), "t"), expected, "{environment}");
    }
}

#[test]
fn every_part_of_a_job_is_recorded_and_the_main_one_alone_may_send() {
    let part = |part, sending, owner_side| {
        let mut request = order("t", sending);
        request.settings.part = part;
        request.settings.owner_side = owner_side;
        Plan::Observe(request)
    };
    let (main, node, task) = (
        "SLURM_JOB_ID=7 SLURM_PROCID=0 SLURM_LOCALID=0",
        "SLURM_JOB_ID=7 SLURM_PROCID=8 SLURM_LOCALID=0",
        "SLURM_JOB_ID=7 SLURM_PROCID=9 SLURM_LOCALID=1",
    );
    let (consent, forbids) = ("AXOLOTL_DO_NOT_TRACK=0", "AXOLOTL_DO_NOT_TRACK=1");
    let (nothing, all) = (OwnerSide::Nothing, OwnerSide::FactsAndOutput);
    let (permitted, forbidden) = (Sending::Permitted, Sending::Forbidden);
    for (place, environment, line, expected) in [
        (main, consent, "t", part(JobPart::Main, permitted, nothing)),
        (node, consent, "t", part(JobPart::Node, forbidden, nothing)),
        (task, consent, "t", part(JobPart::Task, forbidden, nothing)),
        (
            task,
            consent,
            "--record --summary --ci-summary --notify true t",
            part(JobPart::Task, forbidden, all),
        ),
        (
            node,
            forbids,
            "--notify true t",
            part(JobPart::Node, forbidden, all),
        ),
        (
            node,
            forbids,
            "--record t",
            part(JobPart::Node, forbidden, all),
        ),
        (task, forbids, "t", exec("t")),
        (task, "", "t", exec("t")),
        ("PMI_RANK=1", consent, "--record t", exec("t")),
        (node, "AXOLOTL_RUN_ID=x", "--record t", exec("t")),
    ] {
        let environment = format!("{place} {environment}");
        let place = Place {
            environment: &environment,
            stored: None,
        };
        assert_eq!(planned(&place, line), expected, "{environment} {line}");
    }
}

#[test]
fn the_options_of_a_run_reach_the_order() {
    let torchrun = "torchrun --nnodes 2 t.py";
    let mut deferred = order(torchrun, Sending::Permitted);
    deferred.settings.first_event = FirstEvent::AfterRank;
    for (line, expected) in [
        (
            "--config c.yml t",
            RunRequest {
                config: Some("c.yml".into()),
                ..order("t", Sending::Permitted)
            },
        ),
        (
            "--tap-stdout t",
            RunRequest {
                tap_stdout: true,
                ..order("t", Sending::Permitted)
            },
        ),
        (
            "--tty=direct t",
            RunRequest {
                terminal_direct: true,
                ..order("t", Sending::Permitted)
            },
        ),
        (
            "vim x",
            RunRequest {
                terminal_direct: true,
                ..order("vim x", Sending::Permitted)
            },
        ),
        (torchrun, deferred),
    ] {
        assert_eq!(planned(&CONSENT, line), Plan::Observe(expected), "{line}");
    }
}

#[test]
fn an_option_instead_of_a_command_is_a_question_whatever_the_consent() {
    let ask = |mode, operands: &str| {
        Plan::Query(Typed {
            mode,
            operands: words(operands),
            ..Typed::default()
        })
    };
    let json = Typed {
        mode: Mode::Status,
        json: true,
        ..Typed::default()
    };
    for place in [
        NOWHERE,
        CONSENT,
        Place {
            environment: "RANK=1 DO_NOT_TRACK=1 AXOLOTL_RUN_ID=x",
            stored: None,
        },
    ] {
        for (line, expected) in [
            ("--status", ask(Mode::Status, "")),
            ("--status --json", Plan::Query(json.clone())),
            ("--enable", ask(Mode::Enable, "")),
            ("--disable", ask(Mode::Disable, "")),
            ("--explain", ask(Mode::Explain, "")),
            ("--explain -", ask(Mode::Explain, "-")),
            ("--explain f", ask(Mode::Explain, "f")),
            ("--show 0f", ask(Mode::Show, "0f")),
            ("--preview t a", ask(Mode::Preview, "t a")),
            ("--help", ask(Mode::Help, "")),
        ] {
            assert_eq!(planned(&place, line), expected, "{line}");
        }
        assert!(matches!(planned(&place, ""), Plan::Refuse(_)));
    }
}
