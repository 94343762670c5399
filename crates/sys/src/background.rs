//! A thread that may hang, and the side that never waits for it.
//!
//! A driver, a disk or a file system may hold its caller in the kernel for ever. So whoever needs one of them asks a
//! thread of its own, and takes the answer when it is there. One request is under way and one more may wait; what is
//! asked beyond that is dropped. Nobody joins the thread: one that hangs stays behind until the process ends, and
//! holds nothing that anybody else needs.

use crate::channel::Arrived;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, TryRecvError};
use std::sync::mpsc::{channel, sync_channel};
use std::time::{Duration, Instant};

/// The thread, as those see it who ask. It ends when this is dropped, unless it hangs.
#[derive(Debug)]
pub struct Background<Request, Answer> {
    requests: SyncSender<Request>,
    answers: Receiver<Answer>,
    /// Requests without an answer.
    under_way: u32,
    /// Since when the thread owes an answer; None while nothing is under way.
    pub busy_since: Option<Instant>,
}

/// The thread's own side.
pub struct Desk<Request, Answer> {
    /// What is asked; the end of it is the end of the thread's work.
    pub requests: Receiver<Request>,
    answers: Sender<Answer>,
}

impl<Request, Answer> Desk<Request, Answer> {
    /// Gives an answer; false where nobody will hear it.
    pub fn answer(&self, answer: Answer) -> bool {
        self.answers.send(answer).is_ok()
    }
}

impl<Request: Send + 'static, Answer: Send + 'static> Background<Request, Answer> {
    /// Starts a thread; None where none can be had.
    pub fn start(
        name: &str,
        work: impl FnOnce(&Desk<Request, Answer>) + Send + 'static,
    ) -> Option<Self> {
        let (requests, requested) = sync_channel(1);
        // As many answers wait as requests were made: two at the most.
        let (answering, answers) = channel();
        let desk = Desk {
            requests: requested,
            answers: answering,
        };
        let thread = std::thread::Builder::new().name(name.to_owned());
        thread.spawn(move || work(&desk)).ok()?;
        Some(Self {
            requests,
            answers,
            under_way: 0,
            busy_since: None,
        })
    }

    /// Starts a thread that answers one request after the other, until it has no answer.
    pub fn answering<F: FnMut(Request) -> Option<Answer>>(
        name: &str,
        begin: impl FnOnce() -> F + Send + 'static,
    ) -> Option<Self> {
        Self::start(name, |desk| {
            let mut answer_to = begin();
            while let Ok(request) = desk.requests.recv()
                && let Some(answer) = answer_to(request)
            {
                desk.answer(answer);
            }
        })
    }

    /// Starts a thread that does one thing, which is under way at once.
    pub fn once(name: &str, job: impl FnOnce() -> Answer + Send + 'static) -> Option<Self> {
        let mut background = Self::start(name, |desk| {
            desk.answer(job());
        })?;
        background.note_request();
        Some(background)
    }

    /// Asks for something, unless a request waits already.
    pub fn ask(&mut self, request: Request) {
        if self.requests.try_send(request).is_ok() {
            self.note_request();
        }
    }

    fn note_request(&mut self) {
        self.under_way += 1;
        self.busy_since.get_or_insert_with(Instant::now);
    }

    /// Whether an answer is due.
    pub fn is_busy(&self) -> bool {
        self.busy_since.is_some()
    }

    /// Takes what has arrived.
    pub fn take(&mut self) -> Arrived<Answer> {
        match self.answers.try_recv() {
            Ok(answer) => self.taken(answer),
            Err(TryRecvError::Empty) => Arrived::Nothing,
            Err(TryRecvError::Disconnected) => Arrived::Closed,
        }
    }

    /// Waits for the next answer, for as long as this at the most.
    pub fn wait(&mut self, at_most: Duration) -> Arrived<Answer> {
        match self.answers.recv_timeout(at_most) {
            Ok(answer) => self.taken(answer),
            Err(RecvTimeoutError::Timeout) => Arrived::Nothing,
            Err(RecvTimeoutError::Disconnected) => Arrived::Closed,
        }
    }

    fn taken(&mut self, answer: Answer) -> Arrived<Answer> {
        self.under_way = self.under_way.saturating_sub(1);
        self.busy_since = (self.under_way > 0).then(Instant::now);
        Arrived::Message(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn one_request_is_under_way_one_waits_and_the_rest_is_dropped() {
        let (go, gate) = channel::<()>();
        let (begun, beginning) = channel();
        let mut background = Background::answering("test", move || {
            move |request: u32| {
                begun.send(()).ok()?;
                gate.recv().ok()?;
                Some(request)
            }
        })
        .unwrap();
        assert_eq!(background.busy_since, None);
        background.ask(1);
        beginning.recv().unwrap();
        assert_eq!(background.take(), Arrived::Nothing);
        for request in [2, 3] {
            background.ask(request);
        }
        assert!(background.busy_since.is_some());
        for expected in [1, 2] {
            go.send(()).unwrap();
            assert_eq!(background.wait(LONG), Arrived::Message(expected));
        }
        assert_eq!(background.busy_since, None);
        drop(go);
        background.ask(4);
        assert_eq!(background.wait(LONG), Arrived::Closed);
    }
}
