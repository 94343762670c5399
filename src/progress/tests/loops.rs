//! Hand-written loops and Lightning's.

use super::*;

#[test]
fn loops_that_count_each_epoch_anew_are_one_training() {
    let valid = "\rvalid:  50%|#####| 10/20 [00:00<00:00, 94.29it/s]";
    let epoch = |number: u64, step: u64| {
        format!("\rEpoch {number}/2: {}", bar(step, 60, step).replace("it/s", "batch/s, loss=2.5, lr=0.1"))
    };
    let outer = |done: u64| format!("\rEpoch: {}", bar(done, 3, 9));
    let inner = |step: u64| format!("\rIteration: {}\u{1b}[A", bar(step, 30, step));
    for (what, text, step, total) in [
        ("the first epoch", epoch(1, 9), 9, Some(120)),
        (
            "the second",
            [epoch(1, 0), epoch(1, 60), valid.into(), "\nepoch 1: done\n".into(), epoch(2, 0), epoch(2, 7)].concat(),
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
            [outer(0), bars(&[bar(0, 30, 0), bar(30, 30, 2)]), outer(1), bars(&[bar(2, 30, 0)])].concat(),
            32,
            Some(90),
        ),
        ("steps", bars(&[format!("Steps: {}", bar(0, 80, 0)), format!("Steps: {}", bar(5, 80, 1))]), 5, Some(80)),
        ("a description that comes later", bars(&[bar(0, 75, 0), format!("loss 5.9: {}", bar(5, 75, 1))]), 5, Some(75)),
    ] {
        assert_eq!(steps(&text), (Some(step), total), "{what}");
    }
    let training = read(Stream::Both, &epoch(1, 30));
    assert_eq!((training.epoch, training.loss, training.learning_rate), (Some(0.5), Some(2.5), Some(0.1)));
    let log = "\n{'loss': 1.5, 'epoch': 0.25}\n";
    let training = read(Stream::Both, &[epoch(1, 20), log.into(), epoch(1, 30)].concat());
    assert_eq!((training.step, training.epoch, training.loss), (Some(30), Some(0.25), Some(1.5)), "the log is exact");
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
        assert_eq!((training.step, training.total_steps, training.loss), (Some(step), total, Some(loss)), "{what}");
    }
}
