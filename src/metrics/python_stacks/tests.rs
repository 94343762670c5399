//! Each Python on this machine is asked for its own stack, and looked at from outside: both must say the same.

use super::image::LoadedImage;
use super::look::StackReader;
use super::memory::ProcessMemory;
use super::process::{DESCRIPTION_MARK, FRAMES_MAX, PythonFrame, PythonProcess, layout, mappings};
use crate::metrics::files;
use axolotl_run_core::judging::stacks;
use axolotl_run_core::knowledge::python::layouts::DESCRIPTIONS;
use axolotl_run_sys::process_memory;
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a program may take to fall asleep on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Prints the main thread's stack as it sees it itself, on the line where it then sleeps.
const PROGRAM: &str = r#"
import sys, threading, time
def report():
    frame = sys._getframe(1)
    while frame:
        print(frame.f_code.co_filename, frame.f_code.co_name, frame.f_lineno, sep="\t")
        frame = frame.f_back
    print(flush=True)
class Größe:
    def warte(self, *rest):
        if rest:
            x = [
                1,
                report() or time.sleep(600),
            ]
def generated():
    yield from (Größe().warte(number) for number in (1, 2))
def outer():
    for _ in map(lambda value: list(
            generated()), [1]):
        pass
for _ in range(3):
    threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
exec(compile("\n\n\nouter()", "/home/josé/\u4e2d\U0001f600.py", "exec"))
"#;

/// A Python that sleeps, and ends with the test.
struct Sleeping(Child);

impl Drop for Sleeping {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn pythons() -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = vec!["/usr/bin".into(), "/usr/local/bin".into()];
    if let Some(home) = std::env::var_os("HOME") {
        let versions = Path::new(&home).join(".pyenv/versions");
        for version in files::entry_names(&versions, 50) {
            folders.push(versions.join(version).join("bin"));
        }
    }
    let mut pythons = Vec::new();
    for folder in folders {
        for minor in 9..=14 {
            let python = folder.join(format!("python3.{minor}"));
            if python.exists() {
                pythons.push(python);
            }
        }
    }
    pythons
}

/// Starts it, and takes the stack that it prints.
fn start(python: &Path) -> (Sleeping, Vec<PythonFrame>) {
    let mut child = Command::new(python)
        .args(["-X", "utf8", "-c", PROGRAM])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut frames = Vec::new();
    let output = child.stdout.take().unwrap();
    let sleeping = Sleeping(child);
    for line in BufReader::new(output).lines() {
        let line = line.unwrap();
        let Ok([file, function, number]) =
            <[&str; 3]>::try_from(line.split('\t').collect::<Vec<_>>())
        else {
            break;
        };
        frames.push(PythonFrame {
            file: file.to_owned(),
            function: function.to_owned(),
            line: number.parse().ok(),
        });
    }
    (sleeping, frames)
}

fn find(sleeping: &Sleeping) -> PythonProcess {
    let pid = sleeping.0.id();
    let memory = ProcessMemory::open(pid).unwrap();
    PythonProcess::find(&mappings(Path::new("/proc"), pid).unwrap(), memory).unwrap()
}

#[test]
fn every_python_here_is_read_as_it_sees_itself() {
    let pythons = pythons();
    assert!(!pythons.is_empty(), "no Python 3.9 to 3.14 on this machine");
    for python in pythons {
        let (sleeping, expected) = start(&python);
        assert!(expected.len() >= 6, "{}: {expected:?}", python.display());
        let mut process = find(&sleeping);
        // It may still be about to go to sleep.
        let begun = Instant::now();
        while process.main_stack().as_ref() != Some(&expected) {
            let stack = process.main_stack();
            let told = format!("{}: {stack:?}, not {expected:?}", python.display());
            support::assert_within(begun.elapsed(), PATIENCE, &told);
        }
    }
}

#[test]
fn what_is_no_python_or_is_gone_has_no_stack() {
    let child = Command::new("sleep").arg("600").spawn().unwrap();
    let sleeping = Sleeping(child);
    let pid = sleeping.0.id();
    let memory = ProcessMemory::open(pid).unwrap();
    assert!(PythonProcess::find(&mappings(Path::new("/proc"), pid).unwrap(), memory).is_none());
    let python = pythons().pop().unwrap();
    let (sleeping, _) = start(&python);
    let mut process = find(&sleeping);
    drop(sleeping);
    assert_eq!(process.main_stack(), None);
}

/// A memory of our own making in which Python 3.14 describes itself.
fn described(tagged: u64, state: u32) -> (PythonProcess, std::fs::File) {
    use std::os::unix::fs::FileExt as _;
    let file = tempfile::tempfile().unwrap();
    let word = |at: u64, value: u64| file.write_all_at(&value.to_ne_bytes(), at).unwrap();
    let description = DESCRIPTIONS.last().unwrap();
    let described = description.described_by(&(0..80).map(|index| index * 8).collect::<Vec<_>>());
    let offsets = described.unwrap();
    file.write_all_at(DESCRIPTION_MARK, 0xa000).unwrap();
    for index in 1..80 {
        word(0xa000 + index * 8, index * 8);
    }
    let (interpreter, thread, frame, code, text, lines) =
        (0x2000, 0x3000, 0x4000, 0x5000, 0x6000, 0x7000);
    word(0x1000 + offsets.runtime_interpreters, interpreter);
    word(interpreter + offsets.interpreter_next, 0);
    word(interpreter + offsets.interpreter_threads, thread);
    word(thread + offsets.thread_frame, frame);
    word(frame + offsets.frame_code, code | tagged);
    word(
        frame + offsets.frame_position,
        code + offsets.code_instructions.unwrap() + 2,
    );
    word(code + offsets.object_type, 0x9000);
    word(code + offsets.code_file, text);
    word(code + offsets.code_name, text);
    word(code + offsets.code_first_line, 7);
    word(code + offsets.code_lines, lines);
    word(text + offsets.text_length, 2);
    word(
        text + offsets.text_data,
        u64::from_ne_bytes(*b"ab\0\0\0\0\0\0"),
    );
    word(text + offsets.text_state, state.into());
    word(lines + offsets.bytes_length, 5);
    file.write_all_at(&[0x80, 0, 0xd8, 1, 1], lines + offsets.bytes_data)
        .unwrap();
    file.set_len(0x10000).unwrap();
    let mut memory = ProcessMemory::new(file.try_clone().unwrap());
    let process = PythonProcess {
        layout: layout(&mut memory, 14, 0xa000).unwrap(),
        memory,
        runtime: 0x1000,
        code_type: 0x9000,
        known_codes: BTreeMap::new(),
    };
    (process, file)
}

#[test]
fn python_that_describes_itself_is_read_by_its_own_words() {
    // A reference with its tag; bits for interned texts: two, eight, sixteen.
    for (tagged, state) in [
        (0, 0b11001 << 2),
        (1, 0b11001 << 8 | 1),
        (3, 0b11001 << 16 | 3),
    ] {
        let (mut process, _) = described(tagged, state);
        let expected = PythonFrame {
            file: "ab".to_owned(),
            function: "ab".to_owned(),
            line: Some(8),
        };
        assert_eq!(process.main_stack(), Some(vec![expected]));
    }
}

#[test]
fn whatever_is_in_its_memory_a_look_ends() {
    use std::os::unix::fs::FileExt as _;
    let (process, file) = described(0, 0b11001 << 2);
    let offsets = process.layout;
    for (at, value) in [
        (0x4000 + offsets.frame_previous, 0x4000),
        (0x3000 + offsets.thread_next, 0x3000),
        (0x2000 + offsets.interpreter_next, 0x2000),
        (0x6000 + offsets.text_length, u64::MAX),
        (0x7000 + offsets.bytes_length, u64::MAX),
        (0x5000 + offsets.object_type, 1),
        (0x3000 + offsets.thread_frame, u64::MAX),
        (0x4000 + offsets.frame_position, u64::MAX),
    ] {
        let (mut process, file) = described(0, 0b11001 << 2);
        file.write_all_at(&u64::to_ne_bytes(value), at).unwrap();
        let stack = process.main_stack();
        assert!(
            stack.is_none_or(|stack| stack.len() <= FRAMES_MAX),
            "{at:x}"
        );
    }
    drop((process, file));
    let noise: Vec<u8> = (0..0x10000_u32)
        .map(|index| (index.wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect();
    let (mut process, file) = described(0, 0);
    file.write_all_at(&noise, 0).unwrap();
    let _ = process.main_stack();
    assert!(LoadedImage::at(&mut process.memory, 0).is_none());
}

/// A rank in a training of three: two of them are in what is `torch.distributed` by its place, one is not.
const RANK: &str = r#"
import importlib.util, os, sys, time
folder = sys.argv[1] + "/lib/python3/site-packages/torch/distributed"
specification = importlib.util.spec_from_file_location("c10d", folder + "/distributed_c10d.py")
c10d = importlib.util.module_from_spec(specification)
specification.loader.exec_module(c10d)
def fault_now():
    time.sleep(600)
def spin():
    while True:
        sum(range(1000))
def work():
    {"sleep": fault_now, "spin": spin, "wait": c10d.barrier}[sys.argv[2]]()
print("ready", flush=True)
work()
"#;
const COLLECTIVE: &str = "import time\ndef barrier():\n    time.sleep(600)\n";

#[test]
fn the_rank_that_did_not_come_is_found_among_running_programs() {
    let folder = tempfile::tempdir().unwrap();
    let package = folder
        .path()
        .join("lib/python3/site-packages/torch/distributed");
    std::fs::create_dir_all(&package).unwrap();
    std::fs::write(package.join("distributed_c10d.py"), COLLECTIVE).unwrap();
    let python = pythons().pop().unwrap();
    for (doing, suspect, line) in [
        (["wait", "sleep"].as_slice(), Some(1), Some(8)),
        (&["wait", "wait", "spin"], Some(2), None),
        (&["wait", "wait"], None, Some(3)),
        (&["sleep", "wait", "sleep"], None, Some(8)),
    ] {
        let mut ranks = Vec::new();
        for (rank, what) in doing.iter().enumerate() {
            let mut child = Command::new(&python)
                .args(["-c", RANK])
                .arg(folder.path())
                .arg(what)
                .env("RANK", rank.to_string())
                .env("LOCAL_WORLD_SIZE", doing.len().to_string())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            let output = child.stdout.take().unwrap();
            ranks.push(Sleeping(child));
            let mut word = String::new();
            BufReader::new(output).read_line(&mut word).unwrap();
        }
        let pids: Vec<u32> = ranks.iter().map(|rank| rank.0.id()).collect();
        let mut reader = StackReader::new();
        let begun = Instant::now();
        // They may still be on their way to where they stay.
        loop {
            let before = reader.look(pids.clone());
            let now = reader.look(pids.clone());
            if let (Some(before), Some(now)) = (before, now) {
                let findings = stacks::conclude(&now.same_as(&before), now.expected_ranks);
                let innermost = findings
                    .groups
                    .first()
                    .and_then(|group| group.frames.as_ref()?.first()?.line);
                if findings.suspect == suspect
                    && findings.is_sure == suspect.is_some()
                    && (line.is_none() || innermost == line)
                {
                    break;
                }
                let told = format!("{doing:?}: {findings:?}");
                support::assert_within(begun.elapsed(), PATIENCE, &told);
            }
        }
    }
}

#[test]
fn memory_that_another_process_has_opened_is_read() {
    let python = pythons().pop().unwrap();
    let [(ours, _), (another, _)] = [start(&python), start(&python)];
    let [pid, other] = [&ours, &another].map(|sleeping| sleeping.0.id());
    for (owner, is_read) in [(pid, true), (other, false)] {
        let mut reader = StackReader::new();
        reader.take(pid, process_memory::open(owner).unwrap().into());
        let look = reader.look(vec![pid]).unwrap();
        assert!(look.refused.is_empty());
        assert_eq!(!look.processes.is_empty(), is_read, "{look:?}");
    }
}
