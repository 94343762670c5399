use super::channel::ChannelTarget;
use super::outcome::{NotificationLine, Reached};
use super::request::request;
use super::{Channel, ChannelProblem, hand_over, take_over};
use axolotl_run_core::judging::summary::Summary;
use axolotl_run_core::judging::summary::message::{Message, Occasion, RunName};
use serde_json::{Value, json};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStringExt as _;

fn channel(typed: &str) -> Channel {
    Channel::parse(OsStr::new(typed)).unwrap()
}

fn message() -> Message {
    let name = RunName::new("id".into(), "train.yml", "node");
    Message::new(Occasion::Hang, &name, &Summary::default(), "nothing moves")
}

#[test]
fn an_address_is_known_by_its_host_and_anything_else_is_a_command() {
    for (typed, shown) in [
        (
            "https://hooks.slack.com/services/T/B/secret",
            "slack at hooks.slack.com",
        ),
        (
            "https://discord.com/api/webhooks/1/secret",
            "discord at discord.com",
        ),
        ("https://ntfy.sh/secret", "ntfy at ntfy.sh"),
        ("ntfy+http://10.0.0.1:8080/secret", "ntfy at 10.0.0.1"),
        (
            "https://me:secret@example.com/secret?secret#secret",
            "json at example.com",
        ),
        ("json+https://ntfy.sh/secret", "json at ntfy.sh"),
        (" mail -s https://x me ", "command"),
        ("TOKEN=secret curl https://example.com", "command"),
        ("./tell.sh", "command"),
    ] {
        let channel = channel(typed);
        assert_eq!(channel.shown(), shown, "{typed}");
        assert!(!format!("{channel:?} {}", channel.shown()).contains("secret"));
    }
    for (typed, problem) in [
        ("", ChannelProblem::Empty),
        ("  ", ChannelProblem::Empty),
        ("a\nb", ChannelProblem::NoLine),
        ("ftp://example.com/", ChannelProblem::Scheme),
        ("htps://example.com/", ChannelProblem::Scheme),
        ("nobody+https://example.com/", ChannelProblem::Scheme),
        ("https://", ChannelProblem::Malformed),
        ("https:// x/", ChannelProblem::Malformed),
    ] {
        assert_eq!(Channel::parse(OsStr::new(typed)), Err(problem), "{typed:?}");
    }
    let no_text = OsString::from_vec(vec![0xff]);
    assert_eq!(Channel::parse(&no_text), Err(ChannelProblem::NoLine));
    assert_eq!(
        Channel::parse(OsStr::new(&"x".repeat(9999))),
        Err(ChannelProblem::Long)
    );
}

#[test]
fn channels_survive_the_way_and_each_is_told_once() {
    let typed = ["https://ntfy.sh/a", "mail me", "https://ntfy.sh/a"].map(channel);
    let stored = ["mail me", "mail you"].map(channel).to_vec();
    let taken = take_over(hand_over(&typed).as_bytes(), stored);
    assert_eq!(
        taken,
        ["https://ntfy.sh/a", "mail me", "mail you"].map(channel)
    );
    assert_eq!(take_over(b"", Vec::new()), []);
    assert_eq!(
        take_over(&[0xff, 0, 1], Vec::new()).len(),
        1,
        "hostile bytes are a command at worst"
    );
    let many: Vec<_> = (0..99)
        .map(|number| channel(&format!("mail {number}")))
        .collect();
    assert_eq!(take_over(b"", many).len(), super::CHANNELS_MAX);
}

#[test]
fn a_server_gets_what_it_understands() {
    let ask = |typed: &str| {
        let channel = channel(typed);
        let ChannelTarget::Web { form, address } = &channel.target else {
            panic!("{typed} is an address");
        };
        request(*form, address, &message())
    };
    let telegram =
        ask("https://api.telegram.org/bot1:x/sendMessage?chat_id=-7&message_thread_id=3");
    assert_eq!(
        telegram.address.as_str(),
        "https://api.telegram.org/bot1:x/sendMessage"
    );
    let body: Value = serde_json::from_str(&telegram.body).unwrap();
    assert_eq!(body["chat_id"], "-7");
    assert_eq!(body["message_thread_id"], "3");
    assert_eq!(
        body["text"],
        "train.yml on node: the training stands still\nnothing moves"
    );
    let teams = ask("https://x.logic.azure.com/workflows/0/triggers/manual/paths/invoke?sig=y");
    assert!(teams.address.as_str().ends_with("?sig=y"));
    let ntfy = ask("https://ntfy.sh/topic");
    assert_eq!(ntfy.body, "nothing moves");
    assert!(ntfy.headers.contains(&("Priority", "4".to_owned())));
    let own = ask("https://example.com/x?y=z");
    let body: Value = serde_json::from_str(&own.body).unwrap();
    assert_eq!(body["occasion"], "hang");
    assert_eq!(body["version"], 1);
    assert_eq!(own.address.as_str(), "https://example.com/x?y=z");
}

#[test]
fn a_line_is_read_back_and_is_a_sentence() {
    for (reached, sentence) in [
        (Reached::Arrived, "hang: slack, arrived (2 attempts)"),
        (
            Reached::Status(404),
            "hang: slack, the server answered 404 (2 attempts)",
        ),
        (
            Reached::Hung,
            "hang: slack, it took too long and was killed (2 attempts)",
        ),
    ] {
        let line = NotificationLine {
            time: "2026-11-22T13:16:54.000Z".into(),
            occasion: Occasion::Hang,
            channel: 1,
            kind: "slack".into(),
            reached,
            attempts: 2,
        };
        assert_eq!(line.to_string(), sentence);
        assert_eq!(
            serde_json::from_str::<NotificationLine>(&line.text()).unwrap(),
            line
        );
    }
    let arrived = json!({"time": "t", "occasion": "end", "channel": 1, "kind": "json", "outcome": "arrived", "attempts": 1});
    let line: NotificationLine = serde_json::from_value(arrived).unwrap();
    assert_eq!(line.to_string(), "end: json, arrived");
}
