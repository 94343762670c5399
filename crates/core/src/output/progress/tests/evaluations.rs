//! Bars of evaluations, which look like a training's.

use super::*;

#[test]
fn an_evaluation_is_nested_with_and_without_the_cursors_sign() {
    for up in ["\u{1b}[A", ""] {
        let nested = |step, elapsed| format!("{}{up}", bar(step, 13, elapsed));
        let lines = [
            bar(0, 60, 0),
            bar(22, 60, 5),
            nested(0, 0),
            nested(13, 1),
            bar(24, 60, 7),
        ];
        assert_eq!(steps(&bars(&lines)), (Some(24), Some(60)), "{up:?}");
        let after = [bar(60, 60, 9), nested(0, 0), nested(13, 2)];
        assert_eq!(
            steps(&bars(&[&lines[..], &after].concat())),
            (Some(60), Some(60)),
            "{up:?}: the last evaluation"
        );
    }
}

#[test]
fn an_evaluation_as_long_as_the_training_is_told_by_its_clock() {
    let training = [bar(0, 20, 0), bar(8, 20, 40), bar(10, 20, 50)];
    let nested = [
        bar(0, 20, 0),
        bar(9, 20, 20),
        bar(15, 20, 30),
        bar(20, 20, 52),
    ];
    assert_eq!(
        steps(&bars(&[&training[..], &nested].concat())),
        (Some(10), Some(20))
    );
    let on = [bar(11, 20, 110)];
    assert_eq!(
        steps(&bars(&[&training[..], &nested, &on].concat())),
        (Some(11), Some(20))
    );
    let again = [
        &training[..],
        &nested,
        &on,
        &nested,
        &[bar(20, 20, 230)],
        &nested,
    ]
    .concat();
    assert_eq!(steps(&bars(&again)), (Some(20), Some(20)));
}

#[test]
fn an_evaluation_after_the_training_is_taken_back_when_it_logs_its_loss() {
    let trained = bars(&[bar(0, 60, 0), bar(60, 60, 9)]);
    let summary = "\n{'train_runtime': 9.0, 'train_loss': 2.0, 'epoch': 1.0}\nSaved.\n";
    let second = bars(&[bar(0, 90, 0), bar(90, 90, 9)]);
    for (log, expected) in [
        ("{'eval_loss': 1.5, 'epoch': 1.0}", 60),
        (
            "{'loss': 1.5, 'epoch': 1.0}\n{'eval_loss': 1.5, 'epoch': 1.0}",
            90,
        ),
        ("nothing", 90),
    ] {
        let training = read(
            Stream::Both,
            &format!("{trained}{summary}{second}\n{log}\n"),
        );
        assert_eq!(
            (training.step, training.total_steps),
            (Some(expected), Some(expected)),
            "{log}"
        );
        assert!(training.finished);
    }
    let again = format!("{trained}{summary}{second}\n{{'eval_loss': 1.5}}\nSaved.\n{second}\n");
    assert_eq!(
        steps(&again),
        (Some(60), Some(60)),
        "what was an evaluation once is one again"
    );
}

#[test]
fn an_evaluation_alone_is_no_training() {
    let alone = bars(&[bar(0, 60, 0), bar(60, 60, 9)]);
    let loss = "\n{'eval_loss': 1.5, 'eval_runtime': 9.0}\n";
    for (what, text, expected) in [
        ("its loss was printed", format!("{alone}{loss}"), None),
        (
            "it was announced",
            format!("***** Running Evaluation *****\n  Num examples = 9\n{alone}\n"),
            None,
        ),
        (
            "as was a prediction",
            format!("[transformers] ***** Running Prediction *****\n{alone}\n"),
            None,
        ),
        (
            "another one",
            format!("{alone}{loss}{}{loss}", bars(&[bar(0, 7, 0), bar(7, 7, 9)])),
            None,
        ),
        (
            "a shorter training behind it",
            format!("{alone}{loss}{}", bars(&[bar(0, 9, 0), bar(4, 9, 1)])),
            Some(4),
        ),
        (
            "a training that logs nothing",
            format!("{alone}\n{}{loss}", bars(&[bar(0, 7, 0), bar(7, 7, 1)])),
            Some(60),
        ),
        (
            "a training's",
            format!("{{'loss': 2.0}}\n{alone}{loss}"),
            Some(60),
        ),
    ] {
        let training = read(Stream::Both, &text);
        assert_eq!(
            (training.step, training.finished),
            (expected, expected == Some(60)),
            "{what}"
        );
    }
    let mut reader = ProgressReader::default();
    reader.expect_no_training();
    let mut cutter = LineCutter::default();
    cutter.push(alone.as_bytes(), |line| {
        reader.line(Stream::Both, 1.0, &line)
    });
    cutter.peek(|line| reader.peek(Stream::Both, 1.0, &line));
    assert_eq!(reader.training.step, None);
}

#[test]
fn a_training_behind_an_evaluation_is_known_by_the_lines_that_are_printed_through_it() {
    let blanks = format!("\r{}\r\r", " ".repeat(46));
    let first = bars(&[bar(0, 10, 0), bar(10, 10, 2)]);
    let through = |step: u64, total: u64| format!("{blanks}{}", bar(step, total, 5));
    for (what, behind, expected) in [
        (
            "a longer one",
            format!(
                "\n{}{}\r{}",
                bars(&[bar(0, 20, 0)]),
                through(5, 20),
                bar(8, 20, 9)
            ),
            (8, 20),
        ),
        (
            "a shorter one",
            format!("\n{}{}", bars(&[bar(0, 6, 0)]), through(5, 6)),
            (5, 6),
        ),
        (
            "an evaluation's own log comes at its end",
            format!("\n{}{}", bars(&[bar(0, 6, 0)]), through(6, 6)),
            (10, 10),
        ),
        (
            "the first was the training",
            format!("\n{}{}", bars(&[bar(0, 6, 0)]), bar(5, 6, 1)),
            (10, 10),
        ),
    ] {
        assert_eq!(
            steps(&format!("{first}{behind}\n")),
            (Some(expected.0), Some(expected.1)),
            "{what}"
        );
    }
    let trained = format!(
        "{}{}\r{}",
        bars(&[bar(0, 10, 0)]),
        through(5, 10),
        bar(10, 10, 9)
    );
    let text = format!("{trained}\n{}{}\n", bars(&[bar(0, 6, 0)]), through(5, 6));
    assert_eq!(steps(&text), (Some(10), Some(10)), "one training is enough");
}
