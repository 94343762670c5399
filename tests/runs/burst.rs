//! A burst before a death loses no traceback, however slow the observer is: here it is stopped during all of it.

use serde_json::json;
use support::observed::{Recorded, STARTED, state, until_recorded};
use support::{Launch, has};

/// Stops its observer, prints so many lines (arguments: descriptor, lines, bytes of a write), then a traceback as a
/// library's error prints it, and dies. A process that it leaves behind wakes the observer after its death.
const PROGRAM: &str = r#"
import signal
def observer():
    for pid in filter(str.isdigit, os.listdir('/proc')):
        try:
            stat = open('/proc/%s/stat' % pid).read().rsplit(')', 1)[1].split()
            if int(stat[1]) == os.getppid() and b'-observer' in open('/proc/%s/cmdline' % pid, 'rb').read().split(b'\0')[0]:
                return int(pid), stat[0]
        except OSError:
            pass
def stop():
    found, _ = observer()
    os.kill(found, signal.SIGSTOP)
    while observer()[1] != 'T':
        time.sleep(0.001)
    command = os.getpid()
    if os.fork() == 0:
        null = os.open('/dev/null', os.O_RDWR)
        for number in (0, 1, 2):
            os.dup2(null, number)
        while os.getppid() == command:
            time.sleep(0.001)
        os.kill(found, signal.SIGCONT)
        os._exit(0)
stop()
to, lines, size = map(int, sys.argv[1:])
line = '../aten/src/ATen/native/cuda/Indexing.cu:1290: indexSelectLargeIndex: block: [%d,0,0], thread: [%d,0,0] Assertion `srcIndex < srcSelectDimSize` failed.\n'
flood = ''.join(line % (number // 64, number % 64) for number in range(lines)).encode()
for at in range(0, len(flood), size):
    piece = flood[at:at + size]
    while piece:
        piece = piece[os.write(to, piece):]
os.write(to, b'''Traceback (most recent call last):
  File "/home/marlowe/saffron/train.py", line 88, in <module>
    trainer.train()
  File "/usr/lib/python3.11/site-packages/transformers/trainer.py", line 2241, in train
    return inner_training_loop(
RuntimeError: CUDA error: device-side assert triggered
''')
os._exit(1)
"#;

/// Lines of which the copy's pipe has no room for half, and not even the beginning of the ring is overwritten.
const FEW: &str = "6000";
/// Lines of which the pipe and the ring together hold a third.
const MANY: &str = "40000";

fn burst(launch: Launch, options: &[&str], to: &str, lines: &str, size: &str) -> Recorded {
    let program = format!("{STARTED}{PROGRAM}");
    let mut words = vec!["--record"];
    words.extend(options);
    words.extend(["python3", "-c", &program, to, lines, size]);
    let done = launch.run(&words);
    done.expect_code(1);
    let recorded = until_recorded(&state(done.home()), Recorded::is_finished);
    let what = format!("{options:?} {to} {lines} {size}");
    let errors = recorded.named("error");
    assert_eq!(errors.len(), 1, "{what}: {recorded:#?}");
    assert_eq!(errors[0]["exception_type"], "RuntimeError", "{what}");
    let frames = errors[0]["frames"].as_array().unwrap();
    assert_eq!(frames.len(), 2, "{what}: {frames:?}");
    let verdict = &recorded.finish()["verdict"];
    assert_eq!(verdict["kind"], "exception", "{what}");
    let missed = recorded.finish().get("dropped");
    let evidence = verdict["evidence"].as_array().unwrap();
    if lines == FEW {
        assert_eq!(missed, None, "{what}");
        assert_eq!(verdict["confidence"], "high", "{what}");
    } else {
        let bytes = missed.unwrap()["copy_bytes"].as_u64().unwrap();
        assert!(bytes > 3_000_000, "{what}: {bytes}");
        assert_eq!(verdict["confidence"], "medium", "{what}");
        assert!(evidence.contains(&json!("output_missed")), "{what}");
        let report = Launch::new()
            .env("XDG_STATE_HOME", state(done.home()).to_str().unwrap())
            .run(&["--report"]);
        report.expect_code(0);
        report.expect_in_stdout("bytes of output that the observer did not see");
    }
    recorded
}

#[test]
fn the_traceback_behind_a_burst_is_read_by_an_observer_that_slept_through_it() {
    if !has("python3") {
        return;
    }
    burst(Launch::new(), &[], "2", FEW, "150");
    burst(Launch::new(), &[], "2", MANY, "1000000");
    burst(Launch::new(), &["--tap-stdout"], "1", MANY, "4096");
    burst(Launch::new().on_terminal(), &[], "2", MANY, "100000");
}
