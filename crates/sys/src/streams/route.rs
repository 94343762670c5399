//! Decides what the command gets as standard output and error. Pure.
//!
//! A regular file, /dev/null, a closed or odd descriptor is handed on as it is: nothing can go wrong where
//! nothing is interposed. A pipe or socket becomes a pipe, a terminal becomes a pseudo-terminal; and where our
//! two descriptors are one object, so are the command's, because the order of what it writes to them is seen.

use crate::descriptors::{Descriptor, Kind};
use axolotl_run_core::observation::Stream;

/// What the command gets for one of its two descriptors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Ours, unobserved.
    Same,
    /// Ours; the file is read by a second open.
    Follow,
    /// The near end of the relay with this index.
    Relay(usize),
}

/// What stands between the command and a destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Between {
    /// A pipe.
    Pipe,
    /// A pseudo-terminal.
    Terminal,
}

/// One relay to be built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RelayRoute {
    /// What stands between.
    pub between: Between,
    /// The descriptor that it leads to: 1 or 2.
    pub to: i32,
    /// What flows through it.
    pub stream: Stream,
}

/// The decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Routes {
    /// What the command gets as standard output.
    pub stdout: Way,
    /// What the command gets as standard error.
    pub stderr: Way,
    /// The relays to be built.
    pub relays: [Option<RelayRoute>; 2],
    /// Whether both descriptors are the same object.
    pub one_object: bool,
    /// Streams that ought to be observed and will not be.
    pub unobserved: u64,
}

/// What the user asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wishes {
    /// Observe standard output even where it is a pipeline's data.
    pub tap_stdout: bool,
    /// Hand terminals on as they are.
    pub terminal_direct: bool,
}

impl Routes {
    /// Everything handed on as it is: the way out when relays cannot be built.
    pub fn untouched(&self) -> Self {
        let lost = self.relays.iter().flatten().count() as u64;
        let keep = |way| match way {
            Way::Relay(_) => Way::Same,
            Way::Same | Way::Follow => way,
        };
        Self {
            stdout: keep(self.stdout),
            stderr: keep(self.stderr),
            relays: [None; 2],
            unobserved: self.unobserved + lost,
            ..*self
        }
    }

    /// The files to be followed, as descriptor numbers, with what flows into them.
    pub fn followed(&self) -> [Option<(i32, Stream)>; 2] {
        match (self.stdout, self.stderr, self.one_object) {
            (Way::Follow, Way::Follow, true) => [None, Some((2, Stream::Both))],
            (stdout, stderr, _) => [
                (stdout == Way::Follow).then_some((1, Stream::Stdout)),
                (stderr == Way::Follow).then_some((2, Stream::Stderr)),
            ],
        }
    }
}

/// Decides for what our two descriptors are.
pub fn decide(stdout: Descriptor, stderr: Descriptor, wishes: Wishes) -> Routes {
    let one_object = stdout == stderr && stdout.kind != Kind::Closed;
    let mut relays = [None; 2];
    let mut way = |descriptor: Descriptor, to, stream, wants_pipe| {
        let between = match descriptor.kind {
            Kind::File => return Way::Follow,
            Kind::Terminal if !wishes.terminal_direct => Between::Terminal,
            Kind::Pipe | Kind::Socket if wants_pipe => Between::Pipe,
            _ => return Way::Same,
        };
        let index = relays.iter().flatten().count();
        if let Some(place) = relays.get_mut(index) {
            *place = Some(RelayRoute {
                between,
                to,
                stream,
            });
        }
        Way::Relay(index)
    };
    let (stdout, stderr) = if one_object {
        let both = way(stderr, 2, Stream::Both, true);
        (both, both)
    } else {
        let stderr = way(stderr, 2, Stream::Stderr, true);
        let stdout = way(stdout, 1, Stream::Stdout, wishes.tap_stdout);
        (stdout, stderr)
    };
    Routes {
        stdout,
        stderr,
        relays,
        one_object,
        unobserved: u64::from(stderr == Way::Same),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn on(kind: Kind, object: u64) -> Descriptor {
        Descriptor {
            kind,
            identity: (1, object),
        }
    }

    #[test]
    fn the_command_gets_the_same_kind_of_thing() {
        use Between::{Pipe, Terminal};
        use Kind::{Closed, File, Other};
        let tap = Wishes {
            tap_stdout: true,
            terminal_direct: false,
        };
        let direct = Wishes {
            tap_stdout: false,
            terminal_direct: true,
        };
        let plain = Wishes::default();
        let relays = |routes: &Routes| {
            routes
                .relays
                .map(|relay| relay.map(|relay| (relay.between, relay.to, relay.stream)))
        };
        for (stdout, stderr, wishes, ways, expected) in [
            (
                on(Kind::Terminal, 1),
                on(Kind::Terminal, 1),
                plain,
                (Way::Relay(0), Way::Relay(0)),
                [Some((Terminal, 2, Stream::Both)), None],
            ),
            (
                on(Kind::Terminal, 1),
                on(Kind::Terminal, 1),
                direct,
                (Way::Same, Way::Same),
                [None, None],
            ),
            (
                on(Kind::Terminal, 1),
                on(Kind::Terminal, 2),
                plain,
                (Way::Relay(1), Way::Relay(0)),
                [
                    Some((Terminal, 2, Stream::Stderr)),
                    Some((Terminal, 1, Stream::Stdout)),
                ],
            ),
            (
                on(Kind::Pipe, 1),
                on(Kind::Terminal, 2),
                plain,
                (Way::Same, Way::Relay(0)),
                [Some((Terminal, 2, Stream::Stderr)), None],
            ),
            (
                on(Kind::Pipe, 1),
                on(Kind::Pipe, 2),
                plain,
                (Way::Same, Way::Relay(0)),
                [Some((Pipe, 2, Stream::Stderr)), None],
            ),
            (
                on(Kind::Pipe, 1),
                on(Kind::Pipe, 2),
                tap,
                (Way::Relay(1), Way::Relay(0)),
                [
                    Some((Pipe, 2, Stream::Stderr)),
                    Some((Pipe, 1, Stream::Stdout)),
                ],
            ),
            (
                on(Kind::Pipe, 1),
                on(Kind::Pipe, 1),
                plain,
                (Way::Relay(0), Way::Relay(0)),
                [Some((Pipe, 2, Stream::Both)), None],
            ),
            (
                on(Kind::Terminal, 1),
                on(File, 2),
                plain,
                (Way::Relay(0), Way::Follow),
                [Some((Terminal, 1, Stream::Stdout)), None],
            ),
            (
                on(File, 1),
                on(Kind::Socket, 2),
                plain,
                (Way::Follow, Way::Relay(0)),
                [Some((Pipe, 2, Stream::Stderr)), None],
            ),
            (
                on(Other, 1),
                on(Closed, 0),
                tap,
                (Way::Same, Way::Same),
                [None, None],
            ),
            (
                on(Closed, 0),
                on(Closed, 0),
                plain,
                (Way::Same, Way::Same),
                [None, None],
            ),
        ] {
            let routes = decide(stdout, stderr, wishes);
            assert_eq!(
                ((routes.stdout, routes.stderr), relays(&routes)),
                (ways, expected),
                "{stdout:?} {stderr:?} {wishes:?}"
            );
        }
    }

    #[test]
    fn a_file_is_followed_once_where_both_lead_to_it() {
        let one = decide(on(Kind::File, 1), on(Kind::File, 1), Wishes::default());
        assert_eq!(one.followed(), [None, Some((2, Stream::Both))]);
        let two = decide(on(Kind::File, 1), on(Kind::File, 2), Wishes::default());
        assert_eq!(
            two.followed(),
            [Some((1, Stream::Stdout)), Some((2, Stream::Stderr))]
        );
        let mixed = decide(on(Kind::File, 1), on(Kind::Pipe, 2), Wishes::default());
        assert_eq!(mixed.followed(), [Some((1, Stream::Stdout)), None]);
    }

    #[test]
    fn without_relays_nothing_is_interposed_and_the_loss_is_counted() {
        let routes = decide(
            on(Kind::Terminal, 1),
            on(Kind::Terminal, 2),
            Wishes::default(),
        )
        .untouched();
        assert_eq!(
            (
                routes.stdout,
                routes.stderr,
                routes.relays,
                routes.unobserved
            ),
            (Way::Same, Way::Same, [None; 2], 2)
        );
    }
}
