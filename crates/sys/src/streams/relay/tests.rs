//! The order and the number of bytes, whoever relays, however full the destination is.

use super::*;
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
