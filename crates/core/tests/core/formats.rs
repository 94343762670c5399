//! Every format in which errors are printed, by the table in `formats.txt`: what is told of each, that no secret of
//! the user's is, whatever it is and wherever it stands, that it does not matter where a stream is cut, and that
//! reading it takes no longer than its size allows.

use axolotl_run_core::event::Start;
use axolotl_run_core::event::value::Sendable as _;
use axolotl_run_core::event::wire::Member;
use axolotl_run_core::judging::explanation::{Explainer, Explanation};
use axolotl_run_core::judging::run::Run;
use axolotl_run_core::observation::{Ending, Stream};
use axolotl_run_core::output::lines::LineCutter;
use axolotl_run_core::output::traceback::TraceReader;
use axolotl_run_core::status::End;
use proptest::prelude::*;
use serde_json::Value;
use std::fmt::Write as _;
use std::time::SystemTime;
use uuid::Uuid;

/// Rows of the table that the reader was built by.
const ROWS: usize = 48;

#[derive(Clone, Debug, Default)]
struct Format {
    name: String,
    end: Option<End>,
    stream: String,
    /// Lines behind `= `, in the order in which [`told`] writes them.
    expected: String,
}

fn formats() -> Vec<Format> {
    let mut formats: Vec<Format> = Vec::new();
    for line in include_str!("formats.txt").lines() {
        if let Some(name) = line.strip_prefix("### ") {
            formats.push(Format {
                name: name.to_owned(),
                ..Format::default()
            });
            continue;
        }
        let Some(format) = formats.last_mut() else {
            continue;
        };
        let number = |text: &str| text.parse().unwrap();
        match line.split_once(' ').filter(|_| format.stream.is_empty()) {
            Some(("=", told)) => writeln!(format.expected, "{told}").unwrap(),
            Some((">", end)) => {
                format.end = Some(match end.split_once(' ').unwrap() {
                    ("exit", code) => End::Exited(number(code)),
                    (_, signal) => End::Signaled(i32::from(number(signal))),
                });
            }
            _ => writeln!(format.stream, "{line}").unwrap(),
        }
    }
    for format in &mut formats {
        // One empty line stands before each heading.
        format.stream.pop();
        let mut expected: Vec<&str> = format.expected.lines().collect();
        if !format.expected.contains("reports ") && !format.expected.contains("interrupted") {
            expected.push("reports 1");
        }
        expected.sort_by_key(|line| line.split(' ').next() != Some("at"));
        let (frames, mut facts): (Vec<&str>, Vec<&str>) =
            expected.iter().partition(|line| line.starts_with("at "));
        facts.sort_unstable();
        format.expected = [frames, facts].concat().join("\n");
    }
    formats
}

impl Format {
    /// The stream's bytes, each hole filled by its kind.
    fn filled(&self, mut fill: impl FnMut(&str) -> String) -> Vec<u8> {
        let mut text = String::new();
        let mut rest = self.stream.as_str();
        while let Some((before, (hole, after))) = rest
            .split_once('«')
            .and_then(|(before, hole)| Some((before, hole.split_once('»')?)))
        {
            text.push_str(before);
            text.push_str(&fill(hole));
            rest = after;
        }
        text.push_str(rest);
        let mut bytes = Vec::new();
        for character in text.chars() {
            match character {
                '␛' => bytes.push(0x1b),
                '␍' => bytes.push(b'\r'),
                '␀' => bytes.push(0),
                '␦' => bytes.push(0xff),
                other => bytes.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        bytes
    }
}

/// What is told of a stream, in the words of the table.
fn told(stream: &[u8], end: Option<End>) -> String {
    let json = Explanation::of(stream, end).json();
    let (mut frames, mut facts) = (Vec::new(), Vec::new());
    let reports = json["traces"].as_array().unwrap();
    for trace in reports
        .iter()
        .filter_map(|report| report["stack_trace"].as_str())
    {
        for frame in trace
            .lines()
            .filter_map(|line| line.strip_prefix("  File \""))
        {
            let (file, place) = frame.split_once("\", line ").unwrap();
            let (line, function) = place.split_once(", in ").unwrap_or((place, "-"));
            frames.push(format!("at {file}:{line} {function}"));
        }
    }
    let error = &json["events"][0]["properties"];
    for (name, field) in [
        ("class", "exception_type"),
        ("says", "exception"),
        ("marker", "marker"),
        ("rank", "rank"),
    ] {
        match &error[field] {
            Value::Null => {}
            Value::String(text) => facts.push(format!("{name} {text}")),
            other => facts.push(format!("{name} {other}")),
        }
    }
    let chain: Vec<_> = error["chain"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    if chain.len() > 1 {
        facts.push(format!("chain {}", chain.join(" ")));
    }
    if json["handled_count"] != 0 {
        facts.push(format!("handled {}", json["handled_count"]));
    }
    facts.push(if json["interrupted"] == true {
        "interrupted".into()
    } else {
        format!("reports {}", reports.len())
    });
    facts.sort_unstable();
    [frames, facts].concat().join("\n")
}

#[test]
fn each_format_tells_what_the_table_says() {
    let formats = formats();
    let row = |format: &Format| {
        format
            .name
            .split(' ')
            .next()
            .unwrap()
            .parse::<usize>()
            .unwrap()
    };
    assert!(
        (1..=ROWS).all(|wanted| formats.iter().any(|format| row(format) == wanted)),
        "a row is missing"
    );
    let mut wrong = String::new();
    for format in &formats {
        let stream = format.filled(|hole| match hole {
            "dir" => "/home/jane/acme".into(),
            "file" => "/home/jane/acme/s3cr3t.py".into(),
            "name" => "acme_jane".into(),
            "class" => "acme.core.JaneBoom".into(),
            "text" => "s3cr3t of jane at acme".into(),
            "token" => "hf_s3cr3tjaneacme".into(),
            "host" | "user" => "jane-acme-3".into(),
            other => panic!("{other} is no kind of hole"),
        });
        let told = told(&stream, format.end);
        if told != format.expected {
            writeln!(
                wrong,
                "### {}\nexpected:\n{}\ntold:\n{told}\n",
                format.name, format.expected
            )
            .unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// What a user would not tell: a word that nobody else has, and a number.
#[derive(Clone, Debug)]
struct Secret {
    word: String,
    number: u64,
    /// Which of a kind's forms the holes take, one after the other.
    forms: Vec<usize>,
}

fn secret() -> impl Strategy<Value = Secret> {
    (
        "[bcdfghjkmqvwxz]{4}[0-9]{2}[bcdfghjkmqvwxz]{5}",
        1_000_000_000_u64..9_000_000_000,
        prop::collection::vec(0_usize..64, 1..24),
    )
        .prop_map(|(word, number, forms)| Secret {
            word,
            number,
            forms,
        })
}

impl Secret {
    /// Text for a hole, in a form that looks as public as it can.
    fn fill(&self, hole: &str, form: usize) -> String {
        let word = &self.word;
        let class = format!("{}{}", word[..1].to_uppercase(), &word[1..]);
        let number = self.number;
        let one = |forms: &[String]| forms[form % forms.len()].clone();
        match hole {
            "dir" => one(&[
                format!("/home/{word}"),
                format!("/mnt/{word} {word}/site-packages"),
                format!("C:\\Users\\{word}"),
                format!("\\\\FILES\\{word}"),
                format!("/v/site-packages/{word}"),
                format!("~/{word}\"{word}"),
            ]),
            "file" => one(&[
                format!("/home/{word}/{word}.py"),
                format!("/v/site-packages/torch/{word}.py"),
                format!("/v/site-packages/torch/nn/functional.py/{word}"),
                format!("/usr/lib/python3.11/{word}/json/decoder.py{word}"),
                format!(
                    "/root/.cache/huggingface/modules/transformers_modules/{word}/modeling_{word}.py"
                ),
                format!("<frozen {word}>"),
                format!("C:\\{word}\\torch\\nn\\{word}.py"),
                format!("torch/nn/functional.py\", line 3, in {word}"),
                format!("/opt/axolotl/{word}/axolotl/train.{word}"),
            ]),
            "name" | "user" => one(&[
                word.clone(),
                format!("cross_entropy_{word}"),
                format!("Trainer.{word}"),
                format!("{word}.train"),
                format!("<{word}>"),
                format!("{class}Error"),
            ]),
            "class" => one(&[
                format!("{word}.{class}Error"),
                format!("torch.{class}Error"),
                format!("{class}Boom"),
                format!("torch.OutOfMemoryError.{class}"),
                class,
            ]),
            "token" | "host" => one(&[
                format!("hf_{word}{word}"),
                format!("gpu-3.{word}.internal"),
                format!("10.0.0.1@{word}"),
                format!("{word}@{word}.example"),
            ]),
            "text" => one(&[
                word.clone(),
                format!("CUDA out of memory. Tried to allocate {word}"),
                format!("CUDA out of memory. Tried to allocate {number}.00 GiB"),
                format!("[Errno {number}] {word}: '/home/{word}'"),
                format!("[Errno 2] No such file or directory: '/home/{word}'"),
                format!("Error while deserializing header: {word}"),
                format!("An error occurred ({word}) when calling the {word} operation"),
                format!("File \"/home/{word}.py\", line {number}, in {word}"),
                format!(
                    "Traceback (most recent call last):\n  File \"/{word}.py\", line 3, in {word}\n{class}Error: {word}"
                ),
                format!("{class}Error: {word}"),
                format!("torch.{word}: {number}"),
                format!("https://{word}.example/{word}?key={word}"),
                format!("Fatal Python error: {word}"),
                format!("terminate called after throwing an instance of '{word}'"),
                format!("  rank      : {number} (local_rank: {number})"),
                format!("[rank{number}]: {word}"),
                format!(
                    "Process {word}:\nRoot Cause (first observed failure):\n  rank : {number}\n  exitcode : {number}"
                ),
                format!("'{word}'\\n  File \\\"/{word}.py\\\", line 3, in {word}\\n"),
                format!("\u{1b}]8;;file:///home/{word}\u{1b}\\{word}\u{1b}]8;;\u{1b}\\"),
                format!(
                    "srun: error: {word}: task {number}: Killed\n{word}.sh: line {number}: 7 Killed   {word}"
                ),
                format!("{{'loss': {number}, '{word}': '{word}'}}"),
                format!("│ /home/{word}.py:{number} in {word} │"),
                format!("File ~/{word}.py:{number}, in {word}({word})"),
                format!("size mismatch for {word}: copying a param with shape [{number}]"),
                format!("DataLoader worker (pid {number}) is killed by signal: {word}. "),
                format!("{number} Client Error: {word} for url: https://{word}"),
            ]),
            other => panic!("{other} is no kind of hole"),
        }
    }

    fn woven(&self, format: &Format) -> Vec<u8> {
        let mut forms = self.forms.iter().cycle();
        format.filled(|hole| self.fill(hole, *forms.next().unwrap()))
    }

    /// The pieces of it that would betray it.
    fn assert_kept(&self, answer: &str, of: &str) {
        let answer = answer.to_lowercase();
        let number = self.number.to_string();
        let pieces = (0..=self.word.len() - 6).map(|at| &self.word[at..at + 6]);
        let numbers = [number.get(..7), number.get(3..)];
        for piece in pieces.chain(
            numbers
                .into_iter()
                .flatten()
                .filter(|digits| digits.len() > 5),
        ) {
            assert!(!answer.contains(piece), "{piece} is told of {of}: {answer}");
        }
    }
}

/// All that is told, for programs and for people: what people read is written from the same public words.
fn all_of(explanation: &Explanation) -> String {
    format!("{}\n{explanation:?}", explanation.json())
}

fn answer(stream: &[u8], end: Option<End>) -> String {
    all_of(&Explanation::of(stream, end))
}

/// The same of a stream that comes in pieces of these sizes.
fn answer_in_pieces(stream: &[u8], sizes: &[usize], end: Option<End>) -> String {
    let mut explainer = Explainer::default();
    let mut rest = stream;
    for size in sizes.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (piece, others) = rest.split_at((*size).min(rest.len()));
        explainer.push(piece);
        rest = others;
    }
    all_of(&explainer.finish(end))
}

/// Lines in which nothing stands out, so that pieces of them can be passed over.
const QUIET: &str = "{'loss': 1.25, 'learning_rate': 1.9e-05}\n\r 45%|####5     | 431/960 [03:11<23:02,  1.64s/it]\n\nstep\n";

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_secret_is_told_wherever_it_stands(secret in secret(), cut in 0.0..1.0_f64) {
        for format in formats() {
            let stream = secret.woven(&format);
            secret.assert_kept(&answer(stream.as_slice(), format.end), &String::from_utf8_lossy(&stream));
            let cut = &stream[..(stream.len() as f64 * cut) as usize];
            secret.assert_kept(&answer(cut, format.end), &String::from_utf8_lossy(cut));
        }
    }

    #[test]
    fn it_does_not_matter_where_a_stream_is_cut(
        secret in secret(),
        chosen in prop::collection::vec((0_usize..1000, 0_usize..60, any::<bool>()), 1..5),
        sizes in prop::collection::vec(prop_oneof![1_usize..40, 1_usize..9000], 1..20),
    ) {
        let formats = formats();
        let mut stream = Vec::new();
        for (format, quiet, logged) in chosen {
            stream.extend_from_slice(QUIET.repeat(quiet).as_bytes());
            stream.extend_from_slice(if logged { b"ERROR it broke\n\n" } else { b"" });
            stream.extend(secret.woven(&formats[format % formats.len()]));
        }
        let whole = answer(stream.as_slice(), Some(End::Exited(1)));
        // By lines alone, which nothing passes over.
        let (mut cutter, mut reader) = (LineCutter::default(), TraceReader::default());
        cutter.push(&stream, |line| reader.line(Stream::Both, &line));
        cutter.finish(|line| reader.line(Stream::Both, &line));
        let cut = answer_in_pieces(&stream, &sizes, Some(End::Exited(1)));
        prop_assert_eq!(&whole, &cut, "{}", String::from_utf8_lossy(&stream));
        let json = Explanation::of(&stream, Some(End::Exited(1))).json();
        let by_lines = reader.finish(Some(End::Exited(1)));
        prop_assert_eq!(&json["traces"], &by_lines.reports.json());
        prop_assert_eq!(&json["markers"], &by_lines.markers().json());
        prop_assert_eq!(json["handled_count"].as_u64(), Some(by_lines.handled_count));
    }
}

/// What a training prints of its progress; of these lines numbers are taken, under names known before.
const PROGRESS: &str = "\
␍«name»:  45%|####5     | 431/960 [03:11<23:02,  1.64s/it, «name»=«text»]
␍ 45%|«name»| 432/960 [03:11<23:02,  1.64s/it, loss=«text», lr=«token»]␛[A
Epoch 1/3: 50%|#####     | 5/10 [00:01<00:01, «name»/s, «name»=2]«text»
Epoch 0/1 «name» ━━━━━ 12/40 0:00:00 • -:--:-- 1.2it/s «name»: «text»
[rank0]: {'loss': 1.5, '«name»': '«text»', 'epoch': 0.4, 'learning_rate': '«token»'}
{'train_runtime': 3.5, '«name»': «text», 'train_loss': 1.5}
{'eval_loss': '«text»', 'eval_«name»': 3}
  Num Epochs = «text»
  Total optimization steps = «text»
[2026-03-01 11:22:33,456] [INFO] [«name»:448] [PID:4242] «text»
wandb: Run «name» at https://wandb.ai/«name»/«token»
";

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_secret_is_told_of_a_progress(secret in secret(), status in 0..256_i32) {
        let format = Format { stream: PROGRESS.into(), ..Format::default() };
        let stream = secret.woven(&format);
        let (mut run, mut cutter) = (Run::default(), LineCutter::default());
        let mut events = vec![run.start(Start::default())];
        for (second, piece) in (1..).zip(stream.chunks(300)) {
            run.bytes(Stream::Both, f64::from(second * 60), &mut cutter, piece);
            events.extend(run.due(f64::from(second * 60)));
        }
        events.extend(run.end(Ending { at: 3600.0, end: End::from_wait(status << 8), ..Ending::default() }));
        let told: String = events
            .iter()
            .map(|event| Value::Object(Member::new(Uuid::nil(), Uuid::nil(), event, SystemTime::UNIX_EPOCH, 0.0).properties).to_string())
            .collect();
        prop_assert!(told.contains("total_time_seconds"), "{}", told);
        // A number that stands where a metric does is that metric.
        Secret { number: 0, ..secret }.assert_kept(&told, &String::from_utf8_lossy(&stream));
    }
}

/// Seconds of processor time of this thread, the least of a few tries.
fn seconds(work: impl Fn()) -> f64 {
    let now = || {
        let time = nix::time::clock_gettime(nix::time::ClockId::CLOCK_THREAD_CPUTIME_ID).unwrap();
        time.tv_sec() as f64 + time.tv_nsec() as f64 / 1e9
    };
    let once = || {
        let before = now();
        work();
        now() - before
    };
    (0..3).map(|_| once()).fold(f64::INFINITY, f64::min)
}

#[test]
fn the_time_grows_with_the_size_and_no_faster() {
    let secret = Secret {
        word: "qkvz42hjbwx".into(),
        number: 5_551_234_567,
        forms: vec![1, 7, 20, 3, 41, 13],
    };
    for format in formats() {
        let stream = secret.woven(&format);
        // Without line ends it is one line, with its beginning repeated a header in a header.
        let joined: Vec<u8> = stream
            .iter()
            .copied()
            .filter(|byte| *byte != b'\n')
            .collect();
        for piece in [stream, joined] {
            let few = piece.repeat((32 * 1024 / piece.len().max(1)).max(1));
            let many = few.repeat(8);
            let read = |bytes: &[u8]| seconds(|| drop(answer(bytes, format.end)));
            let (few, many) = (read(&few), read(&many));
            assert!(
                many < few * 8.0 * 4.0 + 0.05,
                "{}: {few:.4} s, eight times as many {many:.4} s",
                format.name
            );
        }
    }
}
