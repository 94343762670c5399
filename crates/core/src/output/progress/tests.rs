mod evaluations;
mod examples;
mod loops;

use super::*;
use crate::output::lines::LineCutter;
use proptest::prelude::*;

/// A bar as tqdm prints it into a pipe, without the `\r` before it.
fn bar(step: u64, total: u64, elapsed: u64) -> String {
    let percent = step as f64 * 100.0 / total as f64;
    let cells = "#".repeat((percent / 10.0) as usize);
    let (minutes, seconds) = (elapsed / 60, elapsed % 60);
    format!(
        "{percent:3.0}%|{cells:<10}| {step}/{total} [{minutes:02}:{seconds:02}<00:09,  1.00it/s]"
    )
}

fn read(stream: Stream, text: &str) -> Training {
    let mut reader = ProgressReader::default();
    let mut cutter = LineCutter::default();
    cutter.push(text.as_bytes(), |line| reader.line(stream, 1.0, &line));
    cutter.finish(|line| reader.line(stream, 1.0, &line));
    reader.training.clone()
}

fn steps(text: &str) -> (Option<u64>, Option<u64>) {
    let training = read(Stream::Stderr, text);
    (training.step, training.total_steps)
}

/// Lines of a recording: each is printed with a `\r` before it, as tqdm does.
fn bars(lines: &[String]) -> String {
    lines.iter().map(|line| format!("\r{line}")).collect()
}

#[test]
fn each_launchers_form_of_a_bar_is_read() {
    let ours = bar(3, 60, 3);
    for text in [
        format!("\r{}\r{ours}", bar(0, 60, 0)),
        format!("[default0]:{}\n[default0]:{ours}\n", bar(0, 60, 0)),
        format!("[1,0]<stderr>:\r{}\r[1,0]<stderr>:{ours}\n", bar(0, 60, 0)),
        format!("0: {}\r0: {ours}\n1: another rank\n", bar(0, 60, 0)),
        format!(
            "\u{1b}[36m(RayTrainWorker pid=123, ip=10.0.0.7)\u{1b}[0m {ours} [repeated 2x across cluster]\n"
        ),
        format!("3: [default1]:[rank1]: {ours}\n"),
        format!("\r{ours}Traceback (most recent call last):\n  File \"x.py\", line 1\n"),
        format!("\r{ours}\r^CTraceback (most recent call last):\n"),
        format!("\r^C{ours}"),
        format!("\r{ours}[2026-11-22 14:45:47,744] [ERROR] [my.trainer:192] retry\n"),
        "  0%|  | 0/60 [01:05<?, ?it/s\r  5%| | 3/60 [01:".to_owned(),
        "  5% 3/60 [00:05<01:35,  1.00it/s]".to_owned(),
        "  5%|\u{1b}[32m\u{2588}   \u{1b}[0m| 3/60 [00:05<01:35,  1.00it/s]\u{1b}[0m".to_owned(),
    ] {
        assert_eq!(steps(&text), (Some(3), Some(60)), "{text:?}");
    }
}

#[test]
fn a_loop_before_the_training_is_not_the_training_once_it_logs() {
    let before = format!(
        "{}\n",
        bars(&[bar(0, 900, 0), bar(450, 900, 1), bar(900, 900, 2)])
    );
    let loss = |loss: &str| format!("{{'loss': {loss}, 'epoch': 0.1}}\n");
    let evaluation = bars(&[bar(0, 8, 0), bar(8, 8, 1)]);
    for (text, expected) in [
        (
            format!("{before}{}", bars(&[bar(0, 60, 0), bar(5, 60, 5)])),
            (900, 900),
        ),
        (
            format!(
                "{before}{}\r{}",
                bars(&[bar(0, 60, 0), bar(5, 60, 5)]),
                loss("6.0")
            ),
            (5, 60),
        ),
        (
            format!(
                "{before}{}\r{}\r{evaluation}\r{}",
                bars(&[bar(0, 60, 0), bar(5, 60, 5)]),
                loss("6.0"),
                bar(7, 60, 9)
            ),
            (7, 60),
        ),
        // The training itself, and what is printed late after it.
        (
            format!(
                "{}\r{}\r{evaluation}\r{}",
                bars(&[bar(0, 60, 0), bar(60, 60, 60)]),
                loss("6.0"),
                loss("5.0")
            ),
            (60, 60),
        ),
        (
            format!(
                "{}{}\r{}{}",
                bars(&[bar(0, 60, 0), bar(20, 60, 20)]),
                loss("6.0"),
                bars(&[bar(60, 60, 60), bar(3, 8, 1)]),
                loss("5.0")
            ),
            (60, 60),
        ),
    ] {
        let training = read(Stream::Both, &text);
        assert_eq!(
            (training.step, training.total_steps),
            (Some(expected.0), Some(expected.1)),
            "{text:?}"
        );
    }
    // Where the log is not to be seen, the trainer's own state says how long it is.
    let mut reader = ProgressReader::default();
    let mut cutter = LineCutter::default();
    cutter.push(before.as_bytes(), |line| {
        reader.line(Stream::Stderr, 1.0, &line)
    });
    let state = TrainerState {
        at: 9.0,
        step: Some(20),
        total_steps: Some(60),
        ..TrainerState::default()
    };
    reader.recorded(&state);
    assert_eq!(
        (reader.training.step, reader.training.total_steps),
        (Some(20), Some(60))
    );
    cutter.push(
        bars(&[bar(25, 60, 25), bar(26, 60, 26)]).as_bytes(),
        |line| reader.line(Stream::Stderr, 10.0, &line),
    );
    assert_eq!(reader.training.step, Some(25));
}

#[test]
fn a_terminal_of_any_width_that_shows_the_total_shows_the_step() {
    for width in 14..70 {
        let narrow = |step: u64| {
            let cut: String = bar(step, 60, step * 13)
                .replace("#", "")
                .replace("          |", "|")
                .chars()
                .take(width)
                .collect();
            cut.replacen("%|", "%| ", 1)
                .chars()
                .take(width)
                .collect::<String>()
        };
        let lines: Vec<_> = (0..=60).map(narrow).collect();
        let shown = lines
            .iter()
            .rposition(|line| line.contains("/60 ["))
            .map(|step| step as u64);
        assert_eq!(
            steps(&bars(&lines)),
            (shown, shown.and(Some(60))),
            "{width}: {:?}",
            lines.last()
        );
    }
    let cut = "\r 15%| | 9/60 [12:34\r 17%| | 10/60 [12:3";
    assert_eq!(
        steps(cut),
        (Some(10), Some(60)),
        "half a time does not run backwards"
    );
}

#[test]
fn dockers_own_file_is_read_like_the_output_in_it() {
    let entry = |logged: &str| {
        serde_json::json!({"log": logged, "stream": "stderr", "time": "2026-03-01T11:22:33Z"})
            .to_string()
            + "\n"
    };
    let text = [
        entry(&format!("\r{}\r{}\r", bar(3, 60, 3), bar(4, 60, 4))),
        entry("{'loss': 1.5, 'epoch': 0.1}\n"),
    ];
    let training = read(Stream::Both, &text.concat());
    assert_eq!((training.step, training.total_steps), (Some(4), Some(60)));
    assert_eq!(training.metrics.get(Metric::Loss), Some(1.5));
}

#[test]
fn phases_are_not_the_training() {
    for text in [
        "\rMap:  30%|###       | 300/1000 [00:00<00:01, 900.00 examples/s]\rMap: 4000 examples [00:00, 110.0 examples/s]",
        "\r 30%|###       | 300/1000 [00:00<00:01, 900.00 examples/s]",
        "\rTokenizing Prompts (num_proc=2):  30%|###       | 300/1000 [00:00<00:01, 900.00it/s]",
        "\rEpoch 1/2 (validation):  30%|###       | 18/60 [00:00<00:01, 30.00batch/s]",
        "\r0it [00:00, ?it/s]",
        "\r100%|##########| 61/60 [00:00<00:00, 9.00it/s]",
        "\r  0%|          | 0/1000000000000000000000000000000 [00:00<?, ?it/s]",
        "\rdone 5% 3/60 [ok]",
    ] {
        assert_eq!(steps(text), (None, None), "{text:?}");
    }
}

#[test]
fn standard_output_gives_metrics_and_nothing_else() {
    let text = format!(
        "\r{}\nTotal optimization steps = 70\n{{'loss': 1.5, 'epoch': 0.1}}\n",
        bar(3, 60, 3)
    );
    let training = read(Stream::Stdout, &text);
    assert_eq!(
        (
            training.step,
            training.total_steps,
            training.metrics.get(Metric::Loss)
        ),
        (None, None, Some(1.5))
    );
    let training = read(Stream::Both, &text);
    assert_eq!(
        (
            training.step,
            training.total_steps,
            training.metrics.get(Metric::Loss)
        ),
        (Some(3), Some(60), Some(1.5))
    );
}

#[test]
fn a_second_training_takes_over_only_where_it_looks_like_one() {
    let first = bars(&[
        bar(0, 60, 0),
        bar(22, 60, 5),
        bar(0, 80, 0),
        bar(80, 80, 1),
        bar(60, 60, 9),
        bar(60, 60, 9),
    ]);
    for (what, between, next, expected) in [
        (
            "as long, after a phase",
            "\nMap:   5%|#| 5/100 [00:00<?, ? examples/s]\n",
            60,
            60,
        ),
        ("longer, after a line", "\nSaved.\n", 90, 90),
        ("shorter", "\nSaved.\n", 50, 60),
        ("seen as an evaluation", "\nSaved.\n", 80, 60),
        ("with nothing in between", "\n", 90, 60),
    ] {
        let text = format!(
            "{first}{between}\r{}\r{}\n",
            bar(0, next, 0),
            bar(2, next, 1)
        );
        let training = read(Stream::Stderr, &text);
        let step = if between == "\n" || next != expected {
            60
        } else {
            2
        };
        assert_eq!(
            (training.step, training.total_steps),
            (Some(step), Some(expected)),
            "{what}"
        );
        assert_eq!(training.finished, step == 60, "{what}");
    }
}

#[test]
fn a_restart_is_no_evaluation() {
    let first = bars(&[bar(0, 60, 0), bar(22, 60, 90)]);
    let traceback = format!(
        "\nTraceback (most recent call last):\n{}",
        "  File \"x.py\", line 1\n".repeat(9)
    );
    let loading = "\nLoading weights: 100%|##########| 21/21 [00:00<00:00, 23419.41it/s]\n";
    for (what, between, total, expected) in [
        ("by torchrun", &*traceback, 60, (5, 60)),
        ("with its weights", loading, 60, (5, 60)),
        ("with a smaller batch", loading, 120, (5, 120)),
        (
            "an evaluation after a warning",
            "\na warning\nof two lines\n",
            60,
            (22, 60),
        ),
        ("an evaluation after much noise", &*traceback, 13, (22, 60)),
    ] {
        let text = format!(
            "{first}{between}{}",
            bars(&[bar(0, total, 0), bar(5, total, 2)])
        );
        assert_eq!(steps(&text), (Some(expected.0), Some(expected.1)), "{what}");
    }
}

#[test]
fn a_resume_jumps_and_repeats_are_ignored() {
    assert_eq!(
        steps(&bars(&[bar(0, 60, 0), bar(21, 60, 1), bar(22, 60, 2)])),
        (Some(22), Some(60))
    );
    let repeated = [
        bar(0, 60, 0),
        bar(21, 60, 5),
        bar(22, 60, 6),
        bar(0, 60, 0),
        bar(21, 60, 5),
        bar(23, 60, 7),
    ];
    assert_eq!(steps(&bars(&repeated)), (Some(23), Some(60)));
    assert_eq!(steps(&bars(&repeated[..5])), (Some(22), Some(60)));
}

#[test]
fn an_announced_total_serves_where_no_bar_does() {
    let text =
        "[transformers]   Num Epochs = 3\n[transformers]   Total optimization steps = 1,900\n";
    let training = read(Stream::Stderr, text);
    assert_eq!(
        (training.step, training.total_steps, training.planned_epochs),
        (None, Some(1900), Some(3.0))
    );
    let packing = bars(&[bar(0, 5000, 0), bar(5000, 5000, 3)]);
    let trained = bars(&[bar(0, 50, 0), bar(7, 50, 3)]);
    assert_eq!(
        steps(&format!(
            "{packing}\nTotal optimization steps = 50\n{trained}"
        )),
        (Some(7), Some(50))
    );
    assert_eq!(
        steps("Total optimization steps = 99999999999999999\n"),
        (None, None)
    );
    assert_eq!(steps("Total optimization steps = -5\n"), (None, None));
}

#[test]
fn without_a_bar_the_dictionaries_still_count() {
    let text = "{'loss': 2.0, 'grad_norm': 1.0, 'learning_rate': 0.1, 'epoch': 0.5}\r\n\
                [rank0]: {'loss': nan, 'grad_norm': inf, 'learning_rate': 0.05, 'epoch': 1.0}\n\
                {'eval_loss': 1.5, 'epoch': 1.0}\n{'train_runtime': 9.5, 'train_loss': 1.9, 'epoch': 2.0}\n\
                {'note': 'loss'}\ndone: {'loss': 9.0}\n";
    let training = read(Stream::Stdout, text);
    assert!(training.metrics.get(Metric::Loss).is_some_and(f64::is_nan) && training.finished);
    assert_eq!(
        (
            training.log_dictionaries,
            training.metrics.get(Metric::GradNorm)
        ),
        (4, Some(f64::INFINITY))
    );
    assert_eq!(
        (
            training.metrics.get(Metric::EvalLoss),
            training.metrics.get(Metric::LearningRate),
            training.epoch
        ),
        (Some(1.5), Some(0.05), Some(2.0))
    );
    assert_eq!(
        (training.epochs_completed(None), training.step),
        (Some(2), None)
    );
}

#[test]
fn a_run_time_in_between_is_no_end() {
    let text = "{'loss': 2.0, 'epoch': 0.5, 'num_input_tokens_seen': 4096, 'train_runtime': 3.1, 'train_tokens_per_second': 9}\n";
    let training = read(Stream::Stdout, text);
    assert_eq!(
        (
            training.finished,
            training.metrics.count(Metric::TokensTotal),
            training.metrics.get(Metric::TrainRuntime)
        ),
        (false, Some(4096), Some(3.1))
    );
}

#[test]
fn a_bar_that_has_not_ended_is_read_once_it_is_whole() {
    let mut reader = ProgressReader::default();
    let mut cutter = LineCutter::default();
    let mut known = Vec::new();
    let pieces = [
        "\r",
        &bar(0, 60, 0),
        "\r  5%|#   | 3/",
        "60 [00:03<00:57,  1.00it/s",
        "]",
        "\r\n\r",
        &bar(0, 13, 0),
    ];
    for (second, piece) in pieces.iter().enumerate() {
        cutter.push(piece.as_bytes(), |line| {
            reader.line(Stream::Stderr, second as f64, &line)
        });
        cutter.peek(|line| reader.peek(Stream::Stderr, second as f64, &line));
        known.push(reader.training.step);
    }
    assert_eq!(
        known,
        [None, Some(0), Some(0), Some(0), Some(3), Some(3), Some(3)]
    );
    assert_eq!(
        (
            reader.training.pace.began_at,
            reader.training.pace.first().map(|first| first.at)
        ),
        (Some(1.0), Some(4.0))
    );
}

#[test]
fn a_first_bar_that_turns_out_to_be_nested_is_taken_back() {
    let mut reader = ProgressReader::default();
    let mut cutter = LineCutter::default();
    for piece in [&bar(5, 13, 1), "\u{1b}[A\r"] {
        cutter.push(piece.as_bytes(), |line| {
            reader.line(Stream::Stderr, 1.0, &line)
        });
        cutter.peek(|line| reader.peek(Stream::Stderr, 1.0, &line));
        let expected = if piece.ends_with('\r') { None } else { Some(5) };
        cutter.push(b"x", |line| reader.line(Stream::Stderr, 1.0, &line));
        assert_eq!(reader.training.step, expected);
    }
    assert_eq!(reader.training.total_steps, None);
}

#[test]
fn epochs_follow_from_the_plan_or_from_the_log() {
    let mut reader = ProgressReader::default();
    let line = |text: &str, at: f64, reader: &mut ProgressReader| {
        let mut cutter = LineCutter::default();
        cutter.push(text.as_bytes(), |line| reader.line(Stream::Both, at, &line));
        cutter.finish(|line| reader.line(Stream::Both, at, &line));
    };
    for step in 0..=24 {
        line(&bar(step, 30, step), step as f64, &mut reader);
    }
    assert_eq!(reader.training.epochs_completed(None), None);
    assert_eq!(reader.training.epochs_completed(Some(3.0)), Some(2));
    line("{'loss': 1.0, 'epoch': 2.4}\n", 24.0, &mut reader);
    assert_eq!(reader.training.steps_per_epoch(None), Some(10.0));
    let seconds: Vec<_> = reader
        .training
        .pace
        .epochs(10.0)
        .iter()
        .map(|epoch| epoch.seconds)
        .collect();
    assert_eq!(seconds, [10.0, 10.0]);
    assert_eq!(reader.training.steps_per_epoch(Some(-1.0)), Some(10.0));
}

#[test]
fn lines_made_to_be_slow_are_not() {
    // Each of these makes a careless parser search the rest of the line over and over.
    let begun = std::time::Instant::now();
    for piece in [
        "1%|",
        "^C",
        "0: ",
        "[a1]:",
        "1% 1/2",
        "{'a':",
        "(pid=1)",
        "5%|#| 1/20 [",
        "\u{2588}%|| ",
        "]",
    ] {
        let text = piece.repeat(crate::limits::LINE_BYTES_MAX / piece.len());
        let _ = read(Stream::Both, &text.repeat(8));
        let _ = read(Stream::Both, &format!("{text}\n").repeat(8));
    }
    assert!(begun.elapsed().as_secs() < 10, "{:?}", begun.elapsed());
}

/// Text in which the grammar's own pieces are frequent.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("\r".to_owned()),
        Just("\n".to_owned()),
        Just("\u{1b}[A".to_owned()),
        Just("% | / [ ] it".to_owned()),
        (0..400_u64, 0..400_u64, 0..99_u64).prop_map(|(step, total, elapsed)| bar(
            step,
            total.max(1),
            elapsed
        )),
        (any::<i64>(), any::<i64>())
            .prop_map(|(step, total)| format!("  5%|#| {step}/{total} [00:01<?, ?it/s]")),
        (0..5_u64, 0..5_u64, 0..9_u64, any::<u64>()).prop_map(|(number, last, step, total)| {
            format!("\rEpoch {number}/{last}:   0%|#| {step}/{total} [00:01<?, ?it/s, loss={last}]")
        }),
        (0..9_u64, 1..9_u64)
            .prop_map(|(step, total)| format!("\rEpoch: {}", bar(step.min(total), total, 1))),
        any::<f64>().prop_map(|loss| format!(
            "{{'loss': {loss}, 'epoch': '{loss:e}', 'tokens/total': {loss}}}"
        )),
        "[-\\[{(0-9]{1,3}[ -~]{0,12}",
        "\\PC{0,12}",
    ];
    prop::collection::vec(piece, 0..30).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn nothing_that_is_printed_can_poison_the_state(text in text(), seconds in any::<f64>()) {
        let mut reader = ProgressReader::default();
        let mut cutter = LineCutter::default();
        for piece in text.as_bytes().chunks(37) {
            cutter.push(piece, |line| reader.line(Stream::Both, seconds, &line));
            cutter.peek(|line| reader.peek(Stream::Both, seconds, &line));
        }
        cutter.finish(|line| reader.line(Stream::Both, seconds, &line));
        let training = &reader.training;
        if let Some((step, total)) = training.step.zip(training.total_steps) {
            prop_assert!(step <= total && total <= crate::limits::STEP_MAX);
        }
        prop_assert!(training.epoch.is_none_or(|epoch| (0.0..=crate::limits::EPOCH_MAX).contains(&epoch)));
        prop_assert!(training.metrics.get(Metric::LearningRate).is_none_or(f64::is_finite));
        prop_assert!(training.pace.steps_per_second().is_none_or(f64::is_finite));
        let _ = training.epochs_completed(Some(seconds));
        let _ = training.steps_per_epoch(Some(seconds)).map(|steps| training.pace.epochs(steps));
    }
}

#[test]
fn two_files_that_are_read_one_after_the_other_tell_the_epochs_all_the_same() {
    let mut reader = ProgressReader::default();
    let mut give = |stream, text: String| {
        let mut cutter = LineCutter::default();
        cutter.push(text.as_bytes(), |line| reader.line(stream, 1.0, &line));
        cutter.finish(|line| reader.line(stream, 1.0, &line));
    };
    give(Stream::Stderr, bars(&[bar(0, 30, 0), bar(12, 30, 12)]));
    // All of standard output is read while the bar is at 12 of 30.
    give(
        Stream::Stdout,
        "{'loss': '1', 'epoch': '3'}\n{'train_loss': '1', 'epoch': '3'}\n".to_owned(),
    );
    give(Stream::Stderr, bars(&[bar(30, 30, 30)]));
    let training = &reader.training;
    assert_eq!(
        (
            training.steps_per_epoch(None),
            training.epochs_completed(None)
        ),
        (Some(10.0), Some(3))
    );
}
