//! The order and the number of bytes, whoever relays, however full the destination is.

use super::*;
use crate::streams::overflow::{Found, OverflowReader};
use crate::terminal;
use std::time::{Duration, Instant};

/// Numbered records, more than a pipe takes at once.
fn records() -> Vec<u8> {
    (0..100_000)
        .flat_map(|number| format!("{number:06}\n").into_bytes())
        .collect()
}

fn pipe(capacity: i32) -> flow::Pipe {
    let pipe = flow::pipe().unwrap();
    flow::set_capacity(pipe.write.as_fd(), capacity);
    flow::set_nonblocking(pipe.read.as_fd());
    flow::set_nonblocking(pipe.write.as_fd());
    pipe
}

/// All that is in a pipe now.
fn drain(from: &OwnedFd, into: &mut Vec<u8>) {
    let mut bytes = [0; 65536];
    while let Ok(count @ 1..) = flow::read(from.as_fd(), &mut bytes) {
        into.extend(&bytes[..count]);
    }
}

/// Numbered records, so many bytes.
fn long_records(bytes: usize) -> Vec<u8> {
    let mut records = Vec::with_capacity(bytes + 16);
    for number in 0.. {
        if records.len() >= bytes {
            break;
        }
        records.extend(format!("{number:09}\n").into_bytes());
    }
    records
}

struct Way {
    command: flow::Pipe,
    hold: Option<flow::Pipe>,
    sink: flow::Pipe,
}

impl Way {
    fn new(hold: Option<i32>) -> Self {
        Self {
            command: pipe(1 << 20),
            hold: hold.map(pipe),
            sink: pipe(1 << 16),
        }
    }

    /// Another owner of the same pipes, as the observer is.
    fn relay(&self, copy: Option<OwnedFd>) -> Relay {
        let same = |descriptor: &OwnedFd| descriptor.try_clone().unwrap();
        let hold = self.hold.as_ref().map(|hold| flow::Pipe {
            read: same(&hold.read),
            write: same(&hold.write),
        });
        let sink = Sink {
            descriptor: same(&self.sink.write),
            may_block: false,
        };
        Relay::new(
            Source {
                between: Between::Pipe,
                end: same(&self.command.read),
                hold,
            },
            sink,
            copy,
            None,
        )
    }
}

#[test]
fn every_byte_arrives_once_and_in_order_whoever_relays_when() {
    let records = records();
    for hold in [
        None,
        Some(4096),
        Some(1 << 16),
        Some(1 << 18),
        Some(1 << 20),
    ] {
        // After so many steps the relay is in other hands, without a word about how far it got.
        for change in [0, 1, 2, 3, 5, 8, 1000] {
            let (way, copy) = (Way::new(hold), pipe(1 << 20));
            let mut relay = way.relay(Some(copy.write.try_clone().unwrap()));
            let (mut written, mut arrived, mut seen) = (0, Vec::new(), Vec::new());
            for step in 0..10_000 {
                if step == change {
                    relay = way.relay(None);
                }
                if let Ok(count) = flow::write(way.command.write.as_fd(), &records[written..]) {
                    written += count;
                }
                if matches!(relay.step(), Step::Filled | Step::AwaitSink) {
                    drain(&way.sink.read, &mut arrived);
                }
                drain(&copy.read, &mut seen);
                if written == records.len() && relay.step() == Step::AwaitSource {
                    break;
                }
            }
            drain(&way.sink.read, &mut arrived);
            assert!(
                arrived == records,
                "hold {hold:?}, change after {change}: {} bytes",
                arrived.len()
            );
            assert!(
                records.starts_with(&seen),
                "hold {hold:?}, change after {change}: the copy differs"
            );
            assert!(
                change < 1000 || seen == records,
                "hold {hold:?}: the copy has {} bytes",
                seen.len()
            );
        }
    }
}

#[test]
fn a_terminals_flood_arrives_once_and_in_order_whoever_relays_when() {
    let records = records();
    for change in [1, 2, 3, 5, 8, usize::MAX] {
        let (hold, sink, copy) = (pipe(1 << 16), pipe(1 << 16), pipe(1 << 20));
        let opened = terminal::open(sink.read.as_fd()).unwrap();
        flow::set_nonblocking(opened.slave.as_fd());
        let same = |descriptor: &OwnedFd| descriptor.try_clone().unwrap();
        let relay = |copy: Option<OwnedFd>| {
            let hold = flow::Pipe {
                read: same(&hold.read),
                write: same(&hold.write),
            };
            let sink = Sink {
                descriptor: same(&sink.write),
                may_block: false,
            };
            Relay::new(
                Source {
                    between: Between::Terminal,
                    end: same(&opened.master),
                    hold: Some(hold),
                },
                sink,
                copy,
                None,
            )
        };
        let mut relaying = relay(Some(same(&copy.write)));
        let (mut written, mut arrived, mut seen, mut steps) = (0, Vec::new(), Vec::new(), 0);
        let deadline = Instant::now() + Duration::from_secs(60);
        while arrived.len() < records.len() {
            assert!(
                Instant::now() < deadline,
                "change after {change}: {} bytes",
                arrived.len()
            );
            written += flow::write(opened.slave.as_fd(), &records[written..]).unwrap_or(0);
            steps += 1;
            if steps == change {
                relaying = relay(None);
            }
            relaying.step();
            drain(&sink.read, &mut arrived);
            drain(&copy.read, &mut seen);
        }
        assert!(arrived == records, "change after {change}");
        assert!(
            records.starts_with(&seen),
            "change after {change}: the copy differs"
        );
        assert!(
            change < usize::MAX || seen == records,
            "the copy has {} bytes",
            seen.len()
        );
    }
}

#[test]
fn what_finds_no_room_leaves_the_commands_pipe_at_once() {
    for (hold, expected) in [(None, 1 << 16), (Some(1 << 18), (1 << 16) + (1 << 18))] {
        let (way, copy) = (Way::new(hold), pipe(1 << 20));
        let bytes = vec![b'x'; 1 << 20];
        assert_eq!(
            flow::write(way.command.write.as_fd(), &bytes),
            Ok(bytes.len())
        );
        assert_eq!(way.relay(Some(copy.write)).step(), Step::Filled);
        assert_eq!(
            flow::write(way.command.write.as_fd(), &bytes),
            Ok(expected),
            "hold {hold:?}"
        );
    }
}

#[test]
fn a_destination_is_widened_where_output_floods_and_only_there() {
    let (way, copy) = (Way::new(Some(1 << 18)), pipe(1 << 20));
    let mut relay = way.relay(Some(copy.write));
    let (mut filled, mut arrived) = (0, Vec::new());
    while filled < SINK_FILLED_TIMES {
        assert_eq!(
            flow::capacity(way.sink.write.as_fd()),
            Some(1 << 16),
            "after {filled} fillings"
        );
        let _ = flow::write(way.command.write.as_fd(), &[b'x'; 1 << 18]);
        filled += u32::from(relay.step() == Step::Filled);
        arrived.clear();
        drain(&way.sink.read, &mut arrived);
        drain(&copy.read, &mut arrived);
    }
    assert_eq!(
        flow::capacity(way.sink.write.as_fd()),
        Some(SINK_PIPE_BYTES)
    );
}

#[test]
fn an_end_is_seen_behind_what_was_held_back() {
    let mut way = Way::new(Some(1 << 18));
    let (copy, bytes) = (pipe(1 << 20), vec![b'x'; 200_000]);
    assert_eq!(
        flow::write(way.command.write.as_fd(), &bytes),
        Ok(bytes.len())
    );
    let mut relay = way.relay(Some(copy.write));
    assert_eq!(relay.step(), Step::Filled);
    way.command.write = way.sink.write.try_clone().unwrap();
    let (mut arrived, mut last) = (Vec::new(), Step::Moved);
    while last != Step::SourceEnded && arrived.len() <= bytes.len() {
        drain(&way.sink.read, &mut arrived);
        last = relay.step();
    }
    drain(&way.sink.read, &mut arrived);
    assert_eq!((last, arrived.len()), (Step::SourceEnded, bytes.len()));
}

/// The observer's side of a copy: what it has read, and where bytes are missing.
struct Seen {
    pipe: OwnedFd,
    overflow: OverflowReader,
    /// Runs of bytes, each with the number of its first.
    runs: Vec<(usize, Vec<u8>)>,
    missed: usize,
}

impl Seen {
    fn new(pipe: OwnedFd, overflow: OwnedFd) -> Self {
        Self {
            pipe,
            overflow: OverflowReader::new(overflow).unwrap(),
            runs: vec![(0, Vec::new())],
            missed: 0,
        }
    }

    /// Reads a piece; false: there is nothing.
    fn read(&mut self, buffer: &mut [u8]) -> bool {
        let overflowing = self.overflow.is_in_use();
        let mut found = Found::default();
        if let Ok(count @ 1..) = flow::read(self.pipe.as_fd(), buffer) {
            found.count = count;
        } else if overflowing {
            found = self.overflow.read(buffer);
        }
        if found.missed > 0 {
            let next = self.end() + found.missed as usize;
            self.missed += found.missed as usize;
            self.runs.push((next, Vec::new()));
        }
        let (_, run) = self.runs.last_mut().unwrap();
        run.extend(&buffer[..found.count]);
        found != Found::default()
    }

    fn end(&self) -> usize {
        let (start, run) = self.runs.last().unwrap();
        start + run.len()
    }

    #[track_caller]
    fn assert_true(&self, written: &[u8], what: &str) {
        assert_eq!(self.end(), written.len(), "{what}: not to the end");
        for (start, run) in &self.runs {
            let there = written.get(*start..start + run.len());
            assert!(
                there == Some(run),
                "{what}: {} bytes from {start}",
                run.len()
            );
        }
        let read: usize = self.runs.iter().map(|(_, run)| run.len()).sum();
        assert_eq!(read + self.missed, written.len(), "{what}");
    }
}

/// Writes all of it through a relay in pieces of this size, and calls `each` in between.
fn burst(written: &[u8], piece: usize, way: &Way, relay: &mut Relay, mut each: impl FnMut()) {
    let (mut rest, mut arrived) = (written, Vec::new());
    let deadline = Instant::now() + Duration::from_secs(60);
    while arrived.len() < written.len() {
        assert!(Instant::now() < deadline, "{} bytes", arrived.len());
        let most = piece.min(rest.len());
        let count = flow::write(way.command.write.as_fd(), &rest[..most]).unwrap_or(0);
        rest = &rest[count..];
        relay.step();
        drain(&way.sink.read, &mut arrived);
        each();
    }
    assert!(arrived == written, "the user's own bytes differ");
}

/// How a relay moves bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Moves {
    Spliced,
    Plain,
}

fn overflowing_relay(way: &Way, moves: Moves) -> (Relay, Seen) {
    let copy = pipe(1 << 20);
    let (overflow, file) = Overflow::new().unwrap();
    let mut relay = way.relay(Some(copy.write));
    relay.overflow = Some(overflow);
    relay.plain = moves == Moves::Plain;
    (relay, Seen::new(copy.read, file))
}

#[test]
fn a_burst_that_nobody_reads_leaves_its_last_megabyte() {
    for moves in [Moves::Spliced, Moves::Plain] {
        for (size, piece) in [
            (100_000, 80),
            (2_000_000, 81),
            (2_000_000, 5000),
            (8_000_000, 1 << 20),
            (8_000_000, 777),
        ] {
            let records = long_records(size);
            let way = Way::new(Some(1 << 18));
            let (mut relay, mut seen) = overflowing_relay(&way, moves);
            burst(&records, piece, &way, &mut relay, || {});
            drop(relay);
            let mut buffer = vec![0; 1 << 18];
            while seen.read(&mut buffer) {}
            let what = format!("{moves:?} {size} in pieces of {piece}");
            seen.assert_true(&records, &what);
            let (_, tail) = seen.runs.last().unwrap();
            assert!(
                tail.len() >= records.len().min(1 << 20),
                "{what}: {} bytes at the end",
                tail.len()
            );
            assert!(seen.runs.len() <= 2, "{what}: one hole is enough");
        }
    }
}

#[test]
fn an_observer_that_comes_now_and_then_sees_everything_in_its_order() {
    for moves in [Moves::Spliced, Moves::Plain] {
        for (piece, every) in [(80, 300), (80, 1), (1000, 700), (70_000, 20), (1 << 20, 1)] {
            let records = long_records(3_000_000);
            let way = Way::new(Some(1 << 18));
            let (mut relay, mut seen) = overflowing_relay(&way, moves);
            let (mut buffer, mut turns) = (vec![0; 1 << 16], 0);
            burst(&records, piece, &way, &mut relay, || {
                turns += 1;
                if turns % every == 0 {
                    // A bounded amount, so that it lags, and only sometimes catches up.
                    (0..turns / every % 40).all(|_| seen.read(&mut buffer));
                }
            });
            drop(relay);
            while seen.read(&mut buffer) {}
            let what = format!("{moves:?} pieces of {piece}, read every {every}");
            seen.assert_true(&records, &what);
        }
    }
}

#[test]
fn an_observer_beside_the_relay_never_sees_a_byte_that_was_overwritten() {
    let records = long_records(10_000_000);
    for piece in [80, 1 << 16] {
        let records = &records[..records.len().min(piece * 40_000)];
        let way = Way::new(Some(1 << 18));
        let (mut relay, mut seen) = overflowing_relay(&way, Moves::Spliced);
        let done = std::sync::atomic::AtomicBool::new(false);
        let order = std::sync::atomic::Ordering::SeqCst;
        std::thread::scope(|scope| {
            let reading = scope.spawn(|| {
                let mut buffer = vec![0; 1 << 18];
                let mut is_last = false;
                loop {
                    if seen.read(&mut buffer) {
                        continue;
                    }
                    if is_last {
                        return seen;
                    }
                    is_last = done.load(order);
                    std::thread::yield_now();
                }
            });
            burst(records, piece, &way, &mut relay, || {});
            drop(relay);
            done.store(true, order);
            let seen = reading.join().unwrap();
            seen.assert_true(records, &format!("pieces of {piece}"));
            assert!(seen.runs.last().unwrap().1.len() >= 1 << 20);
        });
    }
}

#[test]
fn what_a_full_destination_has_not_taken_is_copied_at_the_end() {
    for (hold, size, read) in [
        (Some(1 << 18), 900_000, 0),
        (None, 900_000, 0),
        (Some(1 << 18), 400_000, 1),
        (Some(1 << 18), 900_000, usize::MAX),
        (None, 30_000, 0),
    ] {
        let records = long_records(size);
        let way = Way::new(hold);
        let (mut relay, mut seen) = overflowing_relay(&way, Moves::Spliced);
        let mut buffer = vec![0; 1 << 16];
        for piece in records.chunks(80_000) {
            assert_eq!(
                flow::write(way.command.write.as_fd(), piece),
                Ok(piece.len())
            );
            relay.note_tail();
            relay.pump(Amount::Tail);
        }
        (0..read).all(|_| seen.read(&mut buffer));
        relay.copy_the_rest();
        assert_eq!(relay.missed, 0, "{hold:?} {size}");
        drop(relay);
        while seen.read(&mut buffer) {}
        seen.assert_true(&records, &format!("{hold:?} {size}, {read} pieces read"));
        assert_eq!(seen.missed, 0);
    }
}

#[test]
fn without_a_ring_a_full_pipe_ends_the_copy() {
    for moves in [Moves::Spliced, Moves::Plain] {
        let records = long_records(2_000_000);
        let way = Way::new(Some(1 << 18));
        let copy = pipe(1 << 16);
        let mut relay = way.relay(Some(copy.write));
        relay.plain = moves == Moves::Plain;
        let (mut seen, mut turns) = (Vec::new(), 0);
        burst(&records, 1000, &way, &mut relay, || {
            turns += 1;
            if turns == 1000 {
                drain(&copy.read, &mut seen);
            }
        });
        drain(&copy.read, &mut seen);
        assert!(!seen.is_empty() && records.starts_with(&seen), "{moves:?}");
        assert_eq!(relay.missed as usize, records.len() - seen.len());
    }
}
