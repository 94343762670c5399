//! Ranks, launchers, workers, and the question which of many reports is the cause (rows 14 to 28, 45).

use super::{FAILED, FRAMES, assert_one, prefixed, read, told, traceback};
use crate::status::End;

fn class(text: &str, end: Option<End>) -> Option<String> {
    told(text, end).0
}

#[test]
fn prefixes_of_ranks_actors_and_loggers() {
    for prefix in [
        "[rank0]: ",
        "[default5]:",
        "(acme pid=173, ip=10.0.0.1) ",
        "0: ",
        "acme-1  | ",
        "[default5]:acme ",
        "2026-03-01T11:22:33.456Z acme trainer[4242]: ERROR ",
    ] {
        assert_one(
            prefixed(prefix, &traceback("ValueError: acme")),
            "ValueError",
        );
    }
    let mut second = 0;
    let timed: String = traceback("ValueError: acme")
        .lines()
        .map(|line| {
            second += 1;
            format!("2026-03-01 11:22:{second:02},{second} acme[{second}]: {line}\n")
        })
        .collect();
    assert_one(timed, "ValueError");
    // What stood between a rank's prefix and the header was no part of the prefix.
    let marked = prefixed(
        "[rank8]: ",
        &format!("<pre>{}</pre>", traceback("ValueError: acme")),
    );
    assert_one(marked.clone(), "ValueError");
    assert_one(prefixed("[rank8]: ", "acme jane\n") + &marked, "ValueError");
    let first_line_only = format!(
        "2026-03-01 11:22:33 - ERROR - acme - {}",
        traceback("ValueError: acme")
    );
    assert_one(first_line_only, "ValueError");
}

#[test]
fn interleaved_ranks_are_told_apart_and_the_first_is_the_cause() {
    let bar = "\r 12%|##  | 3/30 [00:01<00:09, 1.64s/it]\n";
    let zero = prefixed(
        "[rank0]: ",
        &traceback("ZeroDivisionError: division by zero"),
    );
    let one = prefixed(
        "[rank1]: ",
        &traceback(
            "RuntimeError: [/pytorch/gloo/pair.cc:547] Connection closed by peer [10.0.0.1]:9133",
        ),
    );
    let mixed: String = zero
        .lines()
        .zip(one.lines())
        .map(|(zero, one)| format!("{one}\n{bar}{zero}\n"))
        .collect();
    let judgement = read(&mixed, FAILED);
    let error = judgement.error.unwrap();
    assert_eq!(judgement.reports.len(), 2);
    assert_eq!(
        (
            error.exception_type.unwrap().as_str(),
            error.rank,
            error.other_ranks
        ),
        ("ZeroDivisionError", Some(0), Some(1))
    );
}

#[test]
fn a_header_behind_a_bar_belongs_to_the_frames_of_its_collector() {
    let bar = "  0%|          | 0/318 [00:00<?, ?it/s]";
    for prefix in [
        "2024-11-07T16:22:40.764922932Z ",
        "acme-1  | ",
        "0: ",
        "[1,3]<stderr>:",
        "acme-train-0 main ",
        "vega17: ",
        "Nov 07 16:22:40 acme python[42]: ",
    ] {
        for header in [
            format!("{prefix}\r{bar}"),
            format!("{prefix}\n{bar}"),
            format!("{prefix}{bar}\r{bar}"),
            format!("{prefix}{bar}"),
        ] {
            let text = traceback("ValueError: acme");
            let (first, rest) = text.split_once('\n').unwrap();
            let stream = format!("{header}{first}\n{}", prefixed(prefix, rest));
            assert_one(&stream, "ValueError");
            assert_one(stream.clone() + &prefixed(prefix, "acme\n"), "ValueError");
        }
    }
    let logged: String = traceback("ValueError: acme")
        .lines()
        .map(|line| {
            let escaped = line.replace('"', "\\\"");
            format!("{{\"log\":\"{escaped}\\n\",\"stream\":\"stderr\",\"time\":\"x\"}}\n")
        })
        .collect();
    assert_one(logged, "ValueError");
}

fn elastic(rank: u64, exit_code: i64, traceback: &str) -> String {
    format!(
        "Traceback (most recent call last):\n  File \"/home/jane/venv/bin/torchrun\", line 8, in <module>\ntorch.distributed.elastic.multiprocessing.errors.ChildFailedError: \n====\nacme.py FAILED\n----\nFailures:\n[1]:\n  rank      : 7 (local_rank: 1)\n  exitcode  : 1 (pid: 9)\n----\nRoot Cause (first observed failure):\n[0]:\n  time      : 2026-01-01\n  host      : acme\n  rank      : {rank} (local_rank: 0)\n  exitcode  : {exit_code} (pid: 7)\n  error_file: <N/A>\n  traceback : {traceback}\n====\n"
    )
}

#[test]
fn a_launcher_is_not_the_cause_of_its_workers_error() {
    let worker = traceback("ValueError: acme");
    let called = "Traceback (most recent call last):\n  File \"/home/jane/venv/bin/accelerate\", line 8, in <module>\nsubprocess.CalledProcessError: Command '['/home/jane/python', '--token', 's3cr3t']' returned non-zero exit status 1.\n";
    assert_eq!(
        class(&format!("{worker}{called}"), FAILED).as_deref(),
        Some("ValueError")
    );
    assert_eq!(
        class(called, FAILED).as_deref(),
        Some("subprocess.CalledProcessError")
    );
    let innocent = prefixed("[rank3]: ", &traceback("RuntimeError: acme"));
    let guilty = prefixed("[rank1]: ", &worker);
    assert_eq!(
        class(
            &format!("{innocent}{guilty}{}", elastic(1, 1, "jane")),
            FAILED
        )
        .as_deref(),
        Some("ValueError")
    );
}

#[test]
fn a_killed_rank_is_the_cause_though_only_innocent_ones_speak() {
    let innocent = prefixed("[rank3]: ", &traceback("RuntimeError: acme"));
    let error = read(
        format!(
            "{innocent}{}",
            elastic(1, -9, "Signal 9 (SIGKILL) received by PID 7")
        ),
        FAILED,
    )
    .error
    .unwrap();
    assert_eq!(
        (
            error.exception_type,
            error.marker.unwrap().as_str(),
            error.rank
        ),
        (None, "SIGKILL", Some(1))
    );
}

#[test]
fn quoted_tracebacks_belong_to_the_report_that_quotes_them() {
    let own = traceback("ValueError: acme");
    let nested = own.trim_end().replace('\n', "\n  ");
    let quoting = |class: &str, message: &str| {
        format!(
            "Traceback (most recent call last):\n  File \"/home/jane/a.py\", line 3, in f\n{class}: {message}\n"
        )
    };
    for (text, class) in [
        (
            format!(
                "multiprocessing.pool.RemoteTraceback: \n\"\"\"\n{own}\"\"\"\n\nThe above exception was the direct cause of the following exception:\n\n{}",
                quoting("ValueError", "acme")
            ),
            "ValueError",
        ),
        (
            format!(
                "joblib.externals.loky.process_executor._RemoteTraceback: \n\"\"\"\n{own}\"\"\"\n\nThe above exception was the direct cause of the following exception:\n\n{}",
                quoting("ValueError", "acme")
            ),
            "ValueError",
        ),
        (
            quoting(
                "KeyError",
                &format!("Caught KeyError in DataLoader worker process 0.\nOriginal {own}"),
            ),
            "KeyError",
        ),
        (
            quoting(
                "KeyError",
                &format!(
                    "'Caught KeyError in DataLoader worker process 0.\\nOriginal {}'",
                    own.replace('\n', "\\n")
                ),
            ),
            "KeyError",
        ),
        (
            quoting(
                "torch.multiprocessing.spawn.ProcessRaisedException",
                &format!("\n\n-- Process 1 terminated with the following error:\n{own}"),
            ),
            "ValueError",
        ),
        (elastic(0, 1, &nested), "ValueError"),
        (
            quoting(
                "ray.exceptions.RayTaskError(ValueError)",
                &format!(
                    "\u{1b}[36mray::acme()\u{1b}[39m (pid=7, ip=10.0.0.1)\n{FRAMES}ValueError: acme"
                ),
            ),
            "ValueError",
        ),
        (
            format!(
                "Error in sys.excepthook:\n{}\nOriginal exception was:\n{own}",
                quoting("KeyError", "'acme'")
            ),
            "ValueError",
        ),
    ] {
        assert_one(text, class);
    }
}

#[test]
fn what_the_program_survived_is_counted_and_is_not_the_error() {
    let own = traceback("ValueError: acme");
    for heading in [
        "Exception in thread acme-io:",
        "Exception ignored in: <function Acme.__del__ at 0x7f00>",
        "--- Logging error ---",
        "Task exception was never retrieved\nfuture: <Task finished name='acme' coro=<f() done, defined at /home/jane/a.py:3> exception=ValueError('s3cr3t')>",
        "Exception in callback acme()\nhandle: <Handle acme>",
        "ERROR:acme:retrying s3cr3t",
    ] {
        let survived = read(format!("{heading}\n{own}"), Some(End::Exited(0)));
        assert_eq!(
            (
                survived.error,
                survived.handled_count,
                survived.reports.len()
            ),
            (None, 1, 1),
            "{heading}"
        );
        let died = read(
            format!("{}{heading}\n{own}", traceback("KeyError: 'acme'")),
            FAILED,
        );
        // What the interpreter ignores on its way out is no other failure.
        let handled = u64::from(!heading.starts_with("Exception ignored"));
        assert_eq!(
            (died.exception_type.unwrap().as_str(), died.handled_count),
            ("KeyError", handled),
            "{heading}"
        );
    }
    let informed = read(
        format!(
            "{own}[2026-01-01] [INFO] [acme] starting\n{}",
            traceback("KeyError: 'acme'")
        ),
        FAILED,
    );
    assert_eq!(informed.exception_type.unwrap().as_str(), "KeyError");
    let caught = read(
        format!("{own}resuming\n{}", traceback("KeyError: 'acme'")),
        FAILED,
    );
    assert_eq!(
        (
            caught.exception_type.unwrap().as_str(),
            caught.handled_count
        ),
        ("KeyError", 1)
    );
}

#[test]
fn an_interruption_is_not_an_error() {
    let interrupt = traceback("KeyboardInterrupt");
    for (text, end) in [
        (interrupt.as_str(), Some(End::Signaled(2))),
        (interrupt.as_str(), Some(End::Exited(130))),
        (interrupt.as_str(), FAILED),
        ("", Some(End::Signaled(15))),
        (
            &traceback(
                "torch.distributed.elastic.multiprocessing.api.SignalException: Process 7 got signal: 15",
            ),
            FAILED,
        ),
    ] {
        let judgement = read(text, end);
        assert_eq!(
            (judgement.error, judgement.interrupted),
            (None, true),
            "{text} {end:?}"
        );
    }
    let died = read(
        format!("{}{interrupt}", traceback("ValueError: acme")),
        FAILED,
    );
    assert_eq!(
        (died.exception_type.unwrap().as_str(), died.interrupted),
        ("ValueError", false)
    );
}

#[test]
fn a_worker_that_went_without_a_word_is_not_explained_by_those_who_lost_it() {
    let lost =
        "RuntimeError: [/pytorch/gloo/pair.cc:547] Connection closed by peer [10.0.0.1]:9133";
    let innocent = prefixed("[rank0]: ", &traceback(lost));
    let error = read(innocent.clone() + &elastic(1, 3, "<N/A>"), FAILED)
        .error
        .unwrap();
    assert_eq!(
        (error.exception_type, error.rank, error.other_ranks),
        (None, Some(1), Some(1))
    );
    assert_eq!(
        error.marker.unwrap().as_str(),
        "a worker exited without a traceback"
    );
    // Its own traceback, printed before the ranks were known to each other, is the cause all the same.
    let own = traceback("ValueError: acme");
    assert_eq!(
        class(&(innocent + &own + &elastic(1, 1, "<N/A>")), FAILED).unwrap(),
        "ValueError"
    );
}

/// What `CalledProcessError` of a launcher prints.
fn called(file: &str, ended: &str) -> String {
    format!(
        "Traceback (most recent call last):\n  File \"/a/site-packages/{file}\", line 8, in f\n  File \"/usr/lib/python3.11/subprocess.py\", line 571, in run\nsubprocess.CalledProcessError: Command '['/home/jane/python', '--token', 's3cr3t']' {ended}\n"
    )
}

#[test]
fn a_compiler_that_failed_is_a_cause_and_a_launcher_that_repeats_it_is_none() {
    let survived = traceback("ModuleNotFoundError: No module named 'acme'");
    let compiler = called(
        "triton/runtime/build.py",
        "returned non-zero exit status 1.",
    );
    let launcher = called(
        "accelerate/commands/launch.py",
        "returned non-zero exit status 1.",
    );
    let logged = format!("[ERROR] [acme] it failed: s3cr3t\n{launcher}");
    for (text, file, handled) in [
        (compiler.clone(), "triton/runtime/build.py", 0),
        (
            format!("{survived}{compiler}"),
            "triton/runtime/build.py",
            1,
        ),
        (
            format!("{compiler}{launcher}"),
            "triton/runtime/build.py",
            0,
        ),
        (
            format!("{compiler}{launcher}{logged}"),
            "triton/runtime/build.py",
            0,
        ),
        (
            format!("{survived}{launcher}{logged}"),
            "torch/nn/functional.py",
            0,
        ),
        (launcher.clone(), "accelerate/commands/launch.py", 0),
    ] {
        let error = read(&text, FAILED).error.unwrap();
        let has = error.frames.unwrap().iter().any(|frame| {
            frame
                .file
                .as_ref()
                .is_some_and(|known| known.as_str() == file)
        });
        assert!(has, "{file}: {text}");
        assert_eq!(error.handled_count, Some(handled), "{text}");
    }
}

#[test]
fn whoever_was_told_to_go_did_not_fail() {
    let signal = traceback(
        "torch.distributed.elastic.multiprocessing.api.SignalException: Process 7 got signal: 1",
    );
    let cli = called(
        "llamafactory/launcher.py",
        "returned non-zero exit status 1.",
    );
    let ended = called(
        "accelerate/commands/launch.py",
        "died with <Signals.SIGTERM: 15>.",
    );
    for text in [format!("{signal}{cli}"), ended.clone()] {
        let judgement = read(&text, FAILED);
        assert_eq!(
            (judgement.error, judgement.interrupted),
            (None, true),
            "{text}"
        );
    }
    // An error of the training comes first all the same.
    let died = traceback("ValueError: acme") + &ended;
    assert_eq!(class(&died, FAILED).as_deref(), Some("ValueError"));
}

#[test]
fn an_error_that_only_points_to_another_one_is_not_the_cause() {
    let own = traceback("ValueError: acme");
    for pointer in [
        "RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {}",
        "ray.tune.error.TuneError: ('Trials did not complete', [acme_1])",
    ] {
        for worker in [
            format!("Process SpawnProcess-1:\n{own}"),
            format!("ERROR acme failed\n{own}"),
            format!("ERROR acme failed\n{own}Process EngineCore_0:\n{own}"),
        ] {
            let judgement = read(format!("{worker}{}", traceback(pointer)), FAILED);
            let error = judgement.error.unwrap();
            assert_eq!(
                (error.exception_type.unwrap().as_str(), error.handled_count),
                ("ValueError", Some(0)),
                "{pointer} {worker}"
            );
        }
    }
}

#[test]
fn a_launcher_that_starts_again_survived_what_came_before() {
    let first = prefixed("[rank3]: ", &traceback("ValueError: acme"));
    let again = "[default] Worker group FAILED. 2/3 attempts left; will restart worker group\n";
    let second = prefixed("[rank0]: ", &traceback("KeyError: 'acme'"));
    let stop = called(
        "torch/distributed/run.py",
        "returned non-zero exit status 1.",
    );
    let judgement = read(format!("{first}acme\n{again}{second}{stop}"), FAILED);
    assert_eq!(
        judgement.error.unwrap().exception_type.unwrap().as_str(),
        "KeyError"
    );
    assert_eq!(judgement.handled_count, 1);
}

#[test]
fn ranks_that_wrote_over_one_another_are_one_class_or_none() {
    let text = format!(
        "Traceback (most recent call last):\nTraceback (most recent call last):\n{FRAMES}{FRAMES}"
    );
    let glued = text.clone() + "ValueErrorValueErrorValueError: : : acmeacmeacme\n";
    let judgement = read(&glued, FAILED);
    assert_eq!(judgement.reports.len(), 1);
    assert_eq!(class(&glued, FAILED).as_deref(), Some("ValueError"));
    assert_eq!(
        class(&(text + "ValueErrorKeyError: : acme\n"), FAILED),
        None
    );
}

#[test]
fn of_prefixed_tasks_the_one_that_the_launcher_names_is_the_cause() {
    let survived = prefixed("0: ", &(traceback("ValueError: acme") + "going on\n"));
    let died = prefixed("1: ", &traceback("KeyError: 'acme'"));
    let named = "srun: error: n1: task 1: Exited with exit code 1\n";
    let error = read(format!("{survived}{died}{named}"), FAILED)
        .error
        .unwrap();
    assert_eq!(
        (error.exception_type.unwrap().as_str(), error.rank),
        ("KeyError", Some(1))
    );
}

#[test]
fn a_rank_that_only_the_launcher_knows_is_named() {
    let text = traceback("ValueError: acme") + "srun: error: n1: task 1: Exited with exit code 1\n";
    let judgement = read(text, FAILED);
    assert_eq!(
        (judgement.error.unwrap().rank, judgement.first_rank),
        (Some(1), Some(1))
    );
    let crashed = read(
        "ERROR:composer.cli.launcher:Rank 3 crashed with exit code -11.\n",
        FAILED,
    );
    assert_eq!(
        (crashed.error.unwrap().rank, crashed.first_rank),
        (Some(3), Some(3))
    );
    let silent = read(
        "srun: error: n1: task 1: Exited with exit code 3\n",
        Some(End::Exited(3)),
    );
    assert_eq!((silent.error, silent.first_rank), (None, Some(1)));
}
