use super::*;
use crate::event::EventName;
use crate::event::schema::check;
use crate::observation::{Attribution, GpuReading};
use crate::output::lines::LineCutter;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// Feeds whole lines, each at its own time.
fn print(run: &mut Run, stream: Stream, at: f64, text: &str) {
    let mut cutter = LineCutter::default();
    cutter.push(text.as_bytes(), |line| run.line(stream, at, &line));
    cutter.finish(|line| run.line(stream, at, &line));
}

fn step(run: &mut Run, at: f64, step: u64, total: u64) {
    let percent = step as f64 * 100.0 / total as f64;
    print(
        run,
        Stream::Stderr,
        at,
        &format!("{percent:3.0}%|#| {step}/{total} [00:01<00:09,  1.00it/s]"),
    );
}

/// The event's own fields on the wire, which the published list must have.
fn sent(event: &Event) -> Map<String, Value> {
    let properties = event.properties(1.0);
    assert_eq!(check(event.name(), &properties), Ok(()), "{properties:?}");
    properties
}

fn started() -> Run {
    let mut run = Run::default();
    assert_eq!(run.start(Start::default()).name(), EventName::Start);
    run
}

fn ended(at: f64, end: End) -> Ending {
    Ending {
        at,
        end: Some(end),
        ..Ending::default()
    }
}

#[test]
fn progress_comes_at_the_first_step_each_minute_and_each_tenth() {
    let mut run = started();
    let mut reported = Vec::new();
    assert_eq!(run.due(0.0), None);
    step(&mut run, 5.0, 0, 1000);
    assert_eq!(run.due(300.0), None, "loading is no progress");
    for second in 10..200_u32 {
        step(&mut run, f64::from(second), u64::from(second) - 9, 1000);
        if let Some(event) = run.due(f64::from(second)) {
            reported.push((second, sent(&event)["step"].as_u64().unwrap()));
        }
    }
    assert_eq!(reported, [(10, 1), (70, 61), (109, 100), (169, 160)]);
    assert!(
        run.due(228.9).is_none() && run.due(229.0).is_some(),
        "a training that stands still is reported too"
    );
}

#[test]
fn the_end_of_the_last_line_is_no_sign_of_life() {
    let (mut run, mut cutter) = (started(), LineCutter::default());
    for second in 1..=9_u32 {
        let at = f64::from(second);
        let bar = format!("\r{second:3}%|#| {second}/100 [00:01<00:09,  1.00it/s]");
        cutter.push(bar.as_bytes(), |line| run.line(Stream::Stderr, at, &line));
        cutter.peek(|line| run.peek(Stream::Stderr, at, &line));
    }
    for look in 1..=80_u32 {
        run.sample(Sample {
            at: f64::from(look) * 5.0,
            cpu_seconds: Some(1.0),
            ..Sample::default()
        });
        let _ = run.hang(f64::from(look) * 5.0);
    }
    cutter.finish(|line| run.line(Stream::Stderr, 401.0, &line));
    let events = run.end(ended(401.0, End::Signaled(9)));
    assert_eq!(
        sent(events.last().unwrap())["verdict"]["kind"],
        "hang",
        "{events:?}"
    );
}

#[test]
fn a_fast_run_cannot_flood() {
    let mut run = started();
    let mut reported = Vec::new();
    for tick in 0..=384_u32 {
        // A power of two, so that the times are exact.
        let at = f64::from(tick) / 128.0;
        step(&mut run, at, u64::from(tick), 384);
        if run.due(at).is_some() {
            reported.push(at);
        }
        assert_eq!(run.due(at), None, "one event a call");
    }
    assert_eq!(reported, [1.0, 129.0, 257.0].map(|ticks| ticks / 128.0));
    assert_eq!(run.due(f64::NAN), None);
    assert_eq!(run.due(-5.0), None);
}

#[test]
fn a_progress_event_says_what_is_known_and_nothing_else() {
    let mut run = started();
    step(&mut run, 1.0, 0, 40);
    step(&mut run, 2.0, 1, 40);
    let event = sent(&run.due(2.5).unwrap());
    let own: Vec<_> = event
        .keys()
        .filter(|key| !key.starts_with('$'))
        .map(String::as_str)
        .collect();
    assert_eq!(
        own,
        [
            "schema_version",
            "elapsed_time",
            "step",
            "total_steps",
            "share"
        ]
    );
    let log = "{'loss': 'nan', 'grad_norm': 'inf', 'learning_rate': '1e-05', 'ppl': '7.5', 'tokens/trainable': 60, \
               'tokens/total': 90, 'tokens/train_per_sec_per_gpu': '12.5', 'epoch': '0.5'}\n";
    print(&mut run, Stream::Stdout, 30.0, log);
    step(&mut run, 42.0, 21, 40);
    let event = sent(&run.due(62.5).unwrap());
    for (key, expected) in [
        ("step", json!(21)),
        ("epoch", json!(0)),
        ("progress", json!(0.5)),
        ("share", json!(0.525)),
        ("steps_per_second", json!(0.5)),
        ("time_since_last_report", json!(60.0)),
        ("loss_repr", json!("nan")),
        ("grad_norm_repr", json!("inf")),
        ("learning_rate", json!(1e-5)),
        ("ppl", json!(7.5)),
        ("tokens/total", json!(90)),
        ("tokens/trainable", json!(60)),
        ("tokens/train_per_sec_per_gpu", json!(12.5)),
    ] {
        assert_eq!(event.get(key), Some(&expected), "{key}");
    }
    assert!(
        !event.contains_key("loss") && !event.contains_key("memory") && !event.contains_key("gpu")
    );
    assert_eq!(
        sent(&run.due(122.5).unwrap())["steps_per_second"],
        json!(0.0),
        "no step in a minute is known"
    );
}

/// What `load_cfg` of Axolotl and PEFT print, and when.
const PRINTED: &str = "[2026-11-22 13:10:01,247] [INFO] [axolotl.cli.config:346] config:\n{\n  \"base_model\": \"/home/jdoe/m\",\n  \"micro_batch_size\": 2\n}\ntrainable params: 1,703,936 || all params: 1,237,518,336 || trainable%: 0.1377\n";

#[test]
fn the_setup_is_told_at_the_first_step_or_at_the_end_without_one() {
    let printed = |stream| {
        let mut run = started();
        print(&mut run, stream, 1.0, PRINTED);
        let document = run.take_configuration().unwrap();
        let vetted = crate::config::read(&document, &[], &|_| false).unwrap();
        assert_eq!(run.take_configuration(), None);
        assert_eq!(vetted.withheld, ["/home/jdoe/m"]);
        run.configured(vetted);
        run
    };
    let own = |event: &Event| {
        let mut own = sent(event);
        own.retain(|key, _| {
            !key.starts_with('$') && key != "schema_version" && key != "elapsed_time"
        });
        Value::from(own)
    };
    for stream in [Stream::Stdout, Stream::Stderr, Stream::Both] {
        let mut run = printed(stream);
        assert_eq!(run.set_up(), None, "no step yet");
        step(&mut run, 7.5, 1, 40);
        let expected = json!({
            "setup_seconds": 7.5, "num_parameters": 1_237_518_336, "trainable_parameters": 1_703_936,
            "config": {"base_model": "<str>", "micro_batch_size": 2}, "config_unknown_keys": 0,
        });
        assert_eq!(own(&run.set_up().unwrap()), expected);
        assert_eq!(run.set_up(), None, "once");
        let names: Vec<_> = run
            .end(ended(9.0, End::Exited(0)))
            .iter()
            .map(Event::name)
            .collect();
        assert_eq!(names, [EventName::Finish]);
    }
    let events = printed(Stream::Both).end(ended(9.0, End::Exited(1)));
    assert_eq!(events[0].name(), EventName::Setup);
    assert_eq!(own(&events[0])["config"]["micro_batch_size"], 2);
    assert_eq!(own(&events[0]).get("setup_seconds"), None);
}

#[test]
fn the_log_of_the_training_stands_in_for_its_output() {
    let mut run = started();
    let mut cutter = LineCutter::default();
    cutter.push(PRINTED.as_bytes(), |line| run.metrics(&line));
    assert!(run.take_configuration().is_some());
    step(&mut run, 7.5, 1, 40);
    assert_eq!(
        sent(&run.set_up().unwrap())["num_parameters"],
        1_237_518_336
    );
}

#[test]
fn an_epoch_is_under_way_until_the_next_begins() {
    for (done, index) in [("0.0", 0), ("0.02", 0), ("1.0", 0), ("1.01", 1), ("3.0", 2)] {
        let mut run = started();
        step(&mut run, 1.0, 10, 40);
        print(
            &mut run,
            Stream::Stdout,
            1.0,
            &format!("{{'loss': 1.0, 'epoch': {done}}}\n"),
        );
        assert_eq!(sent(&run.due(2.0).unwrap())["epoch"], index, "{done}");
    }
}

#[test]
fn the_share_follows_the_planned_epochs_where_they_are_known() {
    let share = |planned, text: &str| {
        let mut run = Run::default();
        run.plan(planned);
        run.start(Start::default());
        step(&mut run, 1.0, 10, 40);
        print(&mut run, Stream::Both, 1.0, text);
        sent(&run.due(2.0).unwrap())
            .get("share")
            .and_then(Value::as_f64)
    };
    let planned = Some(2.0);
    assert_eq!(share(planned, "{'loss': 1.0, 'epoch': 1.0}\n"), Some(0.5));
    assert_eq!(share(planned, ""), Some(0.25));
    assert_eq!(share(None, "{'loss': 1.0, 'epoch': 1.0}\n"), Some(0.25));
    assert_eq!(share(planned, "{'loss': 1.0, 'epoch': 7.0}\n"), Some(1.0));
    assert_eq!(
        share(Some(0.0), "{'loss': 1.0, 'epoch': 7.0}\n"),
        Some(0.25)
    );
}

fn gpu(index: u32, memory: u64, attribution: Attribution, joules: f64) -> GpuReading {
    GpuReading {
        index,
        memory_bytes: Some(memory),
        attribution: Some(attribution),
        energy_joules: Some(joules),
        utilization: Some(0.5),
        ..GpuReading::default()
    }
}

#[test]
fn resources_are_differences_and_peaks() {
    use Attribution::{Delta, Device, Pid};
    let mut run = started();
    let sample = |at: f64, cpu: f64, rss: u64, gpus: Vec<GpuReading>| Sample {
        at,
        cpu_seconds: Some(cpu),
        rss_max_process_bytes: Some(rss),
        rss_sum_bytes: Some(rss * 2),
        gpus,
        failures: 1,
        ..Sample::default()
    };
    run.sample(sample(
        0.0,
        1.0,
        10,
        vec![
            gpu(0, 0, Delta, 100.0),
            gpu(1, 0, Delta, 50.0),
            gpu(2, 9, Device, 7.0),
        ],
    ));
    run.sample(sample(
        5.0,
        11.0,
        30,
        vec![
            gpu(0, 800, Pid, 150.0),
            gpu(1, 0, Delta, 90.0),
            gpu(2, 9, Device, 8.0),
        ],
    ));
    run.sample(sample(
        10.0,
        21.0,
        20,
        vec![
            gpu(0, 500, Pid, 20.0),
            gpu(1, 0, Delta, 95.0),
            gpu(2, 9, Device, 9.0),
        ],
    ));
    step(&mut run, 9.0, 1, 40);
    let event = sent(&run.due(10.0).unwrap());
    assert_eq!(event["cpu_cores_used"], json!(2.0));
    assert_eq!(
        event["memory"],
        json!({"cpu_memory_bytes": 20, "peak_cpu_memory_bytes": 30, "rss_sum_bytes": 40,
               "gpu_0_memory_bytes": 500, "gpu_1_memory_bytes": 0, "gpu_2_memory_bytes": 9,
               "gpu_0_peak_memory_bytes": 800, "gpu_1_peak_memory_bytes": 0})
    );
    assert_eq!(
        event["gpu"][0],
        json!({"index": 0, "utilization": 0.5, "attribution": "pid"})
    );
    run.sample(sample(15.0, 20.0, 20, Vec::new()));
    let event = sent(&run.due(70.0).unwrap());
    assert_eq!(
        event["cpu_cores_used"],
        json!(0.0),
        "a counter that went backwards is no negative load"
    );
    let ending = Ending {
        max_rss_bytes: Some(25),
        dropped: Dropped {
            samples: Some(2),
            ..Dropped::default()
        },
        ..ended(80.0, End::Exited(0))
    };
    let finish = sent(run.end(ending).last().unwrap());
    assert_eq!(finish["peak_cpu_memory_bytes"], json!(30));
    assert_eq!(
        finish["gpu_memory"],
        json!({"gpu_0_peak_memory_bytes": 800, "gpu_1_peak_memory_bytes": 0})
    );
    // GPU 0: 50 J before its counter began anew; GPU 1 was never used; of GPU 2 nobody knows.
    assert_eq!(finish["gpu_energy_joules"], json!(52.0));
    assert_eq!(finish["cpu_seconds"], json!(20.0));
    assert_eq!(finish["dropped"], json!({"samples": 6}));
}

#[test]
fn the_finish_has_the_totals() {
    let mut run = Run::default();
    run.plan(Some(3.0));
    run.start(Start::default());
    for second in 0..=30_u32 {
        step(&mut run, f64::from(second), second.into(), 30);
    }
    print(
        &mut run,
        Stream::Stdout,
        30.0,
        "{'loss': 0.5, 'learning_rate': 1e-05, 'epoch': 3.0}\n",
    );
    let ending = Ending {
        cpu_seconds: Some(99.5),
        oom_kills_cgroup: Some(0),
        ..ended(33.0, End::Exited(0))
    };
    let events = run.end(ending);
    assert_eq!(
        events.iter().map(Event::name).collect::<Vec<_>>(),
        [EventName::Setup, EventName::Finish]
    );
    assert_eq!(sent(&events[0])["setup_seconds"], json!(1.0));
    let finish = sent(&events[1]);
    for (key, expected) in [
        ("outcome", json!("success")),
        (
            "verdict",
            json!({"kind": "success", "evidence": ["exit_code"], "confidence": "high"}),
        ),
        ("exit_code", json!(0)),
        ("total_time_seconds", json!(33.0)),
        ("total_steps", json!(30)),
        ("steps_per_second", json!(1.0)),
        ("epochs_completed", json!(3)),
        (
            "epoch_times",
            json!({"epoch_0_seconds": 10.0, "epoch_1_seconds": 10.0, "epoch_2_seconds": 10.0}),
        ),
        ("average_epoch_time_seconds", json!(10.0)),
        ("cpu_seconds", json!(99.5)),
        ("loss", json!(0.5)),
        ("epoch", json!(2)),
        ("progress", json!(3.0)),
        ("oom_kills", json!(0)),
    ] {
        assert_eq!(finish.get(key), Some(&expected), "{key}");
    }
    assert!(
        !finish.contains_key("signal")
            && !finish.contains_key("dropped")
            && !finish.contains_key("gpu_memory")
    );
}

#[test]
fn a_wait_before_the_first_step_is_told_as_what_it_is() {
    let downloading =
        "model-00001-of-00004.safetensors:  12%|#2        | 600M/4.98G [00:30<04:00, 18.2MB/s]\r";
    let mapping = "Map (num_proc=8):  63%|######3   | 630/1000 [00:10<00:06, 61.2 examples/s]\r";
    let (none, several) = (None, Some(8));
    for (output, workers, has_seen_ranks, expected) in [
        (downloading, none, false, Some("waited_for_download")),
        (mapping, none, false, Some("waited_for_data")),
        ("loading\n", several, false, Some("waited_for_machines")),
        ("loading\n", several, true, None),
        // Of a program that waits for something, nothing is known.
        ("listening\n", none, false, None),
    ] {
        let mut run = Run::default();
        run.start(Start {
            processes_per_node: workers,
            ..Start::default()
        });
        print(&mut run, Stream::Both, 2.0, output);
        for at in (0..400).step_by(5) {
            run.sample(Sample {
                at: f64::from(at),
                cpu_seconds: Some(1.0),
                ..Sample::default()
            });
        }
        let events = run.end(Ending {
            has_seen_ranks,
            ..ended(401.0, End::Signaled(2))
        });
        let verdict = sent(events.last().unwrap())["verdict"].clone();
        let evidence = verdict["evidence"].as_array().unwrap();
        let kind = if expected.is_some() {
            "hang"
        } else {
            "signalled_by_user"
        };
        assert_eq!(verdict["kind"], json!(kind), "{output}");
        assert!(
            expected.is_none_or(|word| evidence.contains(&json!(word))),
            "{verdict}"
        );
    }
}

#[test]
fn what_other_ranks_said_is_no_workers_own_error() {
    let other = "[rank1]: Traceback (most recent call last):\n[rank1]:   File \"x.py\", line 3, in <module>\n[rank1]: RuntimeError: Connection closed by peer\n";
    let own = other.replace("rank1", "rank0");
    // Who lost another one is a victim, whoever says so first.
    for (output, is_worker, expected, errors) in [
        (other.to_owned(), true, ("exit_nonzero", None), 0),
        (other.to_owned(), false, ("peer_lost", None), 1),
        (own.clone(), true, ("peer_lost", None), 1),
        (format!("{other}{own}"), true, ("peer_lost", None), 1),
    ] {
        let mut run = started();
        print(&mut run, Stream::Both, 1.0, &output);
        let events = run.end(Ending {
            is_worker,
            ..ended(2.0, End::Exited(3))
        });
        let finish = sent(events.last().unwrap());
        let said = (
            finish["verdict"]["kind"].as_str().unwrap(),
            finish["verdict"]["rank"].as_u64(),
        );
        let has_error = events[0].name() == EventName::Error;
        assert_eq!((said, has_error), (expected, errors == 1), "{output}");
        assert!(
            said.0 != "peer_lost" || finish["verdict"]["confidence"] == json!("low"),
            "{output}"
        );
    }
}

#[test]
fn the_finish_takes_the_run_so_that_nothing_comes_after_it() {
    let mut run = started();
    step(&mut run, 1.0, 1, 9);
    let finish = sent(run.end(ended(2.0, End::Signaled(9))).last().unwrap());
    assert_eq!(
        (&finish["outcome"], &finish["signal"]),
        (&json!("signal"), &json!("SIGKILL"))
    );
}

#[test]
fn a_run_that_told_nothing_still_has_a_beginning_and_an_end() {
    let mut run = Run::default();
    step(&mut run, 1.0, 1, 9);
    assert_eq!(run.due(99.0), None, "nothing precedes the start");
    let names: Vec<_> = run.end(Ending::default()).iter().map(Event::name).collect();
    assert_eq!(
        names,
        [EventName::Start, EventName::Setup, EventName::Finish]
    );
    let run = started();
    let finish = sent(
        run.end(Ending {
            at: f64::NAN,
            ..Ending::default()
        })
        .last()
        .unwrap(),
    );
    assert_eq!(finish["outcome"], json!("lost"));
    assert!(!finish.contains_key("total_steps") && !finish.contains_key("total_time_seconds"));
    let finish = sent(started().end(ended(1.0, End::Signaled(40))).last().unwrap());
    assert_eq!(finish["signal"], json!("signal 40"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn whatever_happens_the_order_holds(bytes in prop::collection::vec(any::<u8>(), 0..400), start_at in 0..8_usize, end_at in 0..12_usize, status in any::<i32>()) {
        let mut run = Run::default();
        run.plan(Some(f64::from(status)));
        let mut cutter = LineCutter::default();
        let mut names = Vec::new();
        let mut ending = Ending::default();
        for (turn, piece) in bytes.chunks(50).chain(std::iter::repeat_n(&b"\n 50%|#| 1/2 [00:00<?, ?it/s]\n"[..], 4)).enumerate() {
            let at = f64::from(status) * turn as f64;
            if turn == start_at {
                names.push(run.start(Start::default()).name());
            }
            cutter.push(piece, |line| run.line(Stream::Both, at, &line));
            run.sample(Sample { at, cpu_seconds: Some(f64::from(status)), ..Sample::default() });
            names.extend(run.due(at).map(|event| event.name()));
            if turn == end_at {
                ending = Ending { at, end: End::from_wait(status), ..Ending::default() };
                break;
            }
        }
        names.extend(run.end(ending).iter().map(|event| { sent(event); event.name() }));
        prop_assert_eq!(names.iter().filter(|name| **name == EventName::Finish).count(), 1);
        let finish = names.iter().position(|name| *name == EventName::Finish).unwrap();
        let start = names.iter().position(|name| *name == EventName::Start).unwrap();
        prop_assert_eq!((start, finish), (0, names.len() - 1), "{:?}", names);
    }
}
