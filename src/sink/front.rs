//! The front's side of the sink.

use std::time::{Duration, Instant};

use super::{Flushed, Look, Sink, Turn, advance, lock};
use crate::error::Gone;
use crate::respond::reply::{Part, Reply};

impl Sink {
    /// Front: an exchange begins, or a response of the front's own. `protected`: it goes on when the client has left;
    /// `streaming`: the worker reads the body from the socket; `attention` asks for a note at its end.
    pub fn begin(&self, turn: Turn, protected: bool, streaming: bool, attention: bool) {
        let mut inner = lock(&self.inner);
        inner.turn = turn;
        inner.protected = protected;
        inner.streaming = streaming;
        inner.attention = attention;
        inner.pace = None;
        inner.sent = 0;
        inner.whole = None;
    }

    /// Front: how things stand.
    pub fn look(&self) -> Look {
        let inner = lock(&self.inner);
        Look {
            turn: inner.turn,
            empty: inner.chain.is_empty(),
            progress: inner.progress,
            gone: inner.gone.is_some(),
            streaming: inner.streaming,
        }
    }

    /// Front: input has come. While a worker has the connection that is noted, and the front is told when it is done.
    pub fn call_back(&self) -> Turn {
        let mut inner = lock(&self.inner);
        if inner.turn == Turn::Worker {
            inner.attention = true;
        }
        inner.turn
    }

    /// Front: the client is gone. A running exchange is told, and its upstream connection ended, unless protected.
    pub fn cancel(&self, why: Gone) {
        let mut inner = lock(&self.inner);
        self.break_off(&mut inner, why);
    }

    /// Front: writes what waits, as far as the socket and the pace allow and up to a fair share.
    pub fn flush(&self) -> Flushed {
        let mut inner = lock(&self.inner);
        let flushed = self.write_chain(&mut inner);
        if inner.waiting && (inner.chain.in_memory() == 0 || inner.gone.is_some()) {
            self.room.notify_all();
        }
        if matches!(flushed, Flushed::Empty(Turn::Done { .. })) {
            self.report(inner, true);
        }
        flushed
    }

    /// Front, or a worker in its turn: writes a response of the gateway's own; what the client does not take at once waits in the chain.
    pub fn respond(&self, bytes: &[u8]) {
        let mut inner = lock(&self.inner);
        let mut sent = 0;
        if inner.chain.is_empty() {
            sent = self.write_now(&mut inner, bytes, &[]);
        }
        if inner.gone.is_some() {
            return;
        }
        if let Some(rest) = bytes.get(sent..).filter(|rest| !rest.is_empty()) {
            inner.progress = Instant::now();
            inner.chain.push(rest);
        }
    }

    /// Front, or a worker in its turn: gives a whole response to the client: what it takes at once is written, the rest waits
    /// in the chain, files as they are. Where no "writable" is due for that rest, the front is told.
    pub fn reply(&self, reply: &Reply) {
        let mut inner = lock(&self.inner);
        let more = reply.file.is_some();
        let body: u64 = reply.body.iter().map(Part::len).sum();
        inner.whole = Some(inner.sent + inner.chain.len() + reply.head.len() as u64 + body);
        inner.progress = Instant::now();
        let (mut first, mut second): (&[u8], &[u8]) = (&reply.head, &[]);
        let mut rest = reply.body.as_slice();
        if let [part @ (Part::Bytes(_) | Part::Shared { .. }), after @ ..] = rest {
            (second, rest) = (part.bytes(), after);
        }
        if inner.chain.is_empty() && !more {
            let sent = self.write_now(&mut inner, first, second);
            advance(&mut first, &mut second, sent);
        }
        if inner.gone.is_some() {
            return;
        }
        inner.chain.push(first);
        inner.chain.push(second);
        for part in rest {
            match (part, &reply.file) {
                (Part::File { from, len }, Some(file)) => inner.chain.push_file(file, *from, *len),
                (part, _) => inner.chain.push(part.bytes()),
            }
        }
        let flushed = self.write_chain(&mut inner);
        if matches!(flushed, Flushed::More | Flushed::Paced(_)) {
            self.notes.leave(self.key);
        }
    }

    /// Front: the connection ends, whatever is left of it. Reports a response that is not complete.
    pub fn close(&self) {
        let mut inner = lock(&self.inner);
        if inner.gone.is_none() {
            self.break_off(&mut inner, Gone::Hangup);
        }
        inner.chain.clear();
        self.report(inner, false);
    }

    /// Front: closing the socket shall send a reset.
    pub fn reset_on_close(&self) {
        let socket = socket2::SockRef::from(&self.socket);
        // Where it fails the peer sees an ordinary close: nothing better can be done.
        let _ = socket.set_linger(Some(Duration::ZERO));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::buffer::memory::Memory;
    use crate::ops::stats::Stats;
    use crate::sink::{Ended, Ending, Key, Notes, Then};
    use std::os::unix::net::UnixStream;
    use std::sync::{Arc, Mutex};

    /// What the log is told about a reply whose client leaves before the exchange has ended.
    fn told(takes_all: bool) -> Ended {
        let (ours, client) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        let memory: &'static Memory = Box::leak(Box::new(Memory::new(0)));
        let stats: &'static Stats = Box::leak(Box::new(Stats::new(Instant::now())));
        let notes = Arc::new(Notes::new(Box::new(|| {})));
        let key = Key { slot: 0, serial: 1 };
        let sink = Sink::new(ours.into(), key, notes, memory, stats);
        sink.begin(Turn::Worker, false, false, false);
        if !takes_all {
            drop(client);
        }
        sink.reply(&Reply::bytes(200, b"head".to_vec(), b"body".to_vec(), true));
        sink.cancel(Gone::Hangup);
        let seen: Arc<Mutex<Option<Ended>>> = Arc::default();
        let slot = Arc::clone(&seen);
        sink.finish(Ending {
            then: Then::Keep,
            status: 200,
            after: Some(Box::new(move |ended| *slot.lock().unwrap() = Some(ended))),
        });
        seen.lock().unwrap().take().expect("the end is told")
    }

    #[test]
    fn a_shared_body_goes_with_the_head_and_only_its_run() {
        let (ours, mut client) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        let memory: &'static Memory = Box::leak(Box::new(Memory::new(0)));
        let stats: &'static Stats = Box::leak(Box::new(Stats::new(Instant::now())));
        let notes = Arc::new(Notes::new(Box::new(|| {})));
        let sink = Sink::new(
            ours.into(),
            Key { slot: 0, serial: 1 },
            notes,
            memory,
            stats,
        );
        sink.begin(Turn::Worker, false, false, false);
        let shared = |from, len| Part::Shared {
            bytes: b"0123456789".as_slice().into(),
            from,
            len,
        };
        let mut reply = Reply::bytes(206, b"head:".to_vec(), Vec::new(), true);
        reply.body = vec![shared(2, 3), Part::Bytes(b"+".to_vec()), shared(9, 1)];
        sink.reply(&reply);
        assert!(sink.look().empty);
        drop(sink);
        let mut text = String::new();
        std::io::Read::read_to_string(&mut client, &mut text).unwrap();
        assert_eq!(text, "head:234+9");
    }

    #[test]
    fn a_client_that_has_all_may_leave_before_the_exchange_ends() {
        let ended = told(true);
        assert_eq!((ended.sent, ended.complete), (8, true));
        assert!(!told(false).complete);
    }
}
