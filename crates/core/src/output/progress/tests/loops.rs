//! Hand-written loops and Lightning's.

use super::*;

#[test]
fn loops_that_count_each_epoch_anew_are_one_training() {
    let valid = "\rvalid:  50%|#####| 10/20 [00:00<00:00, 94.29it/s]";
    let epoch = |number: u64, step: u64| {
        format!(
            "\rEpoch {number}/2: {}",
            bar(step, 60, step).replace("it/s", "batch/s, loss=2.5, lr=0.1")
        )
    };
    let outer = |done: u64| format!("\rEpoch: {}", bar(done, 3, 9));
    let inner = |step: u64| format!("\rIteration: {}\u{1b}[A", bar(step, 30, step));
    for (what, text, step, total) in [
        ("the first epoch", epoch(1, 9), 9, Some(120)),
        (
            "the second",
            [
                epoch(1, 0),
                epoch(1, 60),
                valid.into(),
                "\nepoch 1: done\n".into(),
                epoch(2, 0),
                epoch(2, 7),
            ]
            .concat(),
            67,
            Some(120),
        ),
        (
            "an evaluation without a description",
            [epoch(1, 60), bars(&[bar(0, 200, 0), bar(9, 200, 1)])].concat(),
            60,
            Some(120),
        ),
        (
            "a bar around the epochs",
            [outer(0), inner(0), inner(30), outer(1), inner(0), inner(4)].concat(),
            34,
            Some(90),
        ),
        (
            "the same without descriptions",
            [
                outer(0),
                bars(&[bar(0, 30, 0), bar(30, 30, 2)]),
                outer(1),
                bars(&[bar(2, 30, 0)]),
            ]
            .concat(),
            32,
            Some(90),
        ),
        (
            "steps",
            bars(&[
                format!("Steps: {}", bar(0, 80, 0)),
                format!("Steps: {}", bar(5, 80, 1)),
            ]),
            5,
            Some(80),
        ),
        (
            "a description that comes later",
            bars(&[bar(0, 75, 0), format!("loss 5.9: {}", bar(5, 75, 1))]),
            5,
            Some(75),
        ),
    ] {
        assert_eq!(steps(&text), (Some(step), total), "{what}");
    }
    let training = read(Stream::Both, &epoch(1, 30));
    assert_eq!(
        (
            training.epoch,
            training.metrics.get(Metric::Loss),
            training.metrics.get(Metric::LearningRate)
        ),
        (Some(0.5), Some(2.5), Some(0.1))
    );
    let log = "\n{'loss': 1.5, 'epoch': 0.25}\n";
    let training = read(
        Stream::Both,
        &[epoch(1, 20), log.into(), epoch(1, 30)].concat(),
    );
    assert_eq!(
        (
            training.step,
            training.epoch,
            training.metrics.get(Metric::Loss)
        ),
        (Some(30), Some(0.25), Some(1.5)),
        "the log is exact"
    );
}

#[test]
fn lightnings_bars_are_read_on_standard_output_too() {
    for (what, text, step, total, loss) in [
        (
            "tqdm",
            "\rEpoch 0:  50%|#####     | 20/40 [00:00<00:00, 29.91it/s, train_loss=0.5]\
                  \rValidation DataLoader 0:  50%|#| 3/6 [00:00<00:00, 99.0it/s]\
                  \rEpoch 1:  25%|##        | 10/40 [00:00<00:00, 29.91it/s, train_loss=0.25]\n",
            50,
            None,
            0.25,
        ),
        (
            "of unknown length",
            "\rTraining: |          | 0/? [00:00<?, ?it/s]\rEpoch 0: |          | 0/? [00:00<?, ?it/s]\
                  \rEpoch 0: |          | 12/? [00:00<00:00, 38.22it/s, train_loss=0.5]\
                  \rEpoch 1: |          | 3/? [00:00<00:00, 38.22it/s, train_loss=0.25]\n",
            15,
            None,
            0.25,
        ),
        (
            "rich",
            "\r\u{1b}[2KEpoch 0/1 \u{1b}[35m━━╺━\u{1b}[0m 39/40 0:00:00 • 0:00:01 29.9it/s train_loss: 0.500\
                  \r\u{1b}[2KEpoch 1/1 ━━╸ 10/40 0:00:00 • 0:00:01 29.9it/s train_loss: 0.250\n",
            50,
            Some(80),
            0.25,
        ),
    ] {
        let training = read(Stream::Stdout, text);
        assert_eq!(
            (
                training.step,
                training.total_steps,
                training.metrics.get(Metric::Loss)
            ),
            (Some(step), total, Some(loss)),
            "{what}"
        );
    }
}

/// What tqdm prints for a log line: the bar's blanks, and the bar again behind the line.
fn through(bar: &str) -> String {
    format!("\r{}\r\r{bar}", " ".repeat(60))
}

#[test]
fn bars_that_say_nothing_are_guessed_to_be_epochs_where_they_go_on_as_such() {
    let inner = |step: u64| format!("\n\r{}\u{1b}[A", bar(step, 30, step));
    let outer = |done: u64| format!("\r{}", bar(done, 3, done * 30));
    let one = |from: u64| [outer(from), inner(0), inner(17), inner(30), outer(from + 1)].concat();
    let line = |step: u64| format!("\r{}", bar(step, 30, step));
    let each = |to: u64| [line(0), line(9), line(to), "\n".into()].concat();
    let valid = |up: &str| format!("\n\r{}{up}\r{}{up}", bar(0, 12, 0), bar(12, 12, 1));
    for (what, text, step, total) in [
        (
            "around, at its beginning",
            [outer(0), inner(0), inner(9)].concat(),
            9,
            Some(90),
        ),
        (
            "around, in the second",
            [one(0), inner(0), inner(4)].concat(),
            34,
            Some(90),
        ),
        (
            "around, at its end",
            [one(0), one(1), one(2)].concat(),
            90,
            Some(90),
        ),
        (
            "around, with evaluations",
            [one(0), valid("\u{1b}[A"), one(1), valid("\u{1b}[A")].concat(),
            60,
            Some(90),
        ),
        (
            "around, seldom drawn",
            [outer(0), inner(0), inner(30), inner(0), inner(30), outer(2)].concat(),
            60,
            Some(90),
        ),
        ("one a epoch, the first", each(22), 22, Some(30)),
        (
            "one a epoch, the second",
            [each(30), line(0), line(7)].concat(),
            37,
            None,
        ),
        (
            "one a epoch, lines between",
            [each(30), "Saved.\n".into(), each(30), each(30)].concat(),
            90,
            None,
        ),
        (
            "one a epoch, evaluations between",
            [each(30), valid(""), each(30), valid("")].concat(),
            60,
            None,
        ),
    ] {
        assert_eq!(steps(&text), (Some(step), total), "{what}");
    }
}

#[test]
fn a_guess_is_given_up_as_soon_as_something_speaks_against_it() {
    let nested = |step: u64| format!("\n\r{}\u{1b}[A", bar(step, 13, step));
    let outer = |step: u64| format!("\r{}", bar(step, 60, step));
    let first = [outer(0), nested(0), nested(13)].concat();
    let log = "\n{'loss': '2.0', 'learning_rate': '1e-4', 'epoch': '0.1'}\n";
    let evaluated = "\n{'eval_loss': 2.0, 'eval_runtime': 1.0, 'epoch': 0}\n";
    let done = |total: u64| bars(&[bar(0, total, 0), bar(total, total, 9)]);
    for (what, text, step, total) in [
        (
            "more steps than epochs have begun",
            [&*first, &outer(2)].concat(),
            2,
            60,
        ),
        (
            "an evaluation before the first step",
            [&*first, evaluated].concat(),
            0,
            60,
        ),
        (
            "a training's log",
            [&*first, log, &outer(1), &nested(0)].concat(),
            1,
            60,
        ),
        (
            "a trainer's second training",
            [
                &*done(30),
                log,
                "Saved.\n",
                &bars(&[bar(0, 30, 0), bar(7, 30, 1)]),
            ]
            .concat(),
            7,
            30,
        ),
        (
            "the same, its log not ours to read",
            [
                &*done(30),
                &through(&bar(30, 30, 9)),
                "\nSaved.\n",
                &bars(&[bar(0, 30, 0), bar(7, 30, 1)]),
            ]
            .concat(),
            7,
            30,
        ),
    ] {
        let training = read(Stream::Both, &text);
        assert_eq!(
            (training.step, training.total_steps),
            (Some(step), Some(total)),
            "{what}"
        );
    }
    assert_eq!(
        read(Stream::Both, &[&*first, &outer(2)].concat()).epoch,
        None
    );
    // Losses that people print themselves are no trainer's log.
    let own = [
        &*done(30),
        "\n{'epoch': 0, 'loss': 2.5}\n",
        &*bars(&[bar(0, 30, 0), bar(7, 30, 1)]),
    ]
    .concat();
    assert_eq!(read(Stream::Both, &own).step, Some(37));
}

#[test]
fn lightnings_last_word_counts_steps_where_its_bars_count_batches() {
    let text = "\rEpoch 1:  25%|##        | 10/40 [00:00<00:00, 29.91it/s]\n`Trainer.fit` stopped: `max_steps=12` reached.\n\
                \rEpoch 1:  35%|###       | 14/40 [00:00<00:00, 29.91it/s]\n";
    let training = read(Stream::Both, text);
    assert_eq!(
        (training.step, training.total_steps, training.finished),
        (Some(12), Some(12), true)
    );
    assert_eq!(
        read(
            Stream::Both,
            &text.replace("`max_steps=12`", "`max_steps=-1`")
        )
        .step,
        Some(14)
    );
}
