//! The sink: where the response of one exchange goes, and how front and worker tell each other how it stands.
//!
//! Owns the client's socket and the chain of bytes it was too slow to take, behind one Mutex.
//! Worker: `push` writes at once or appends, and waits for room; `finish` ends the exchange. Front: `begin` hands the
//! connection over, `flush` writes when the client is writable, `cancel` ends the exchange when the client is gone.
//!
//! Rules: (a) the attempt to write and the append of what would block happen under one hold of the lock, so that an
//! edge-triggered "writable" can never slip in between; (b) the lock is never held across a disk write or a wait for
//! anything but its own condvar: what spills is written to the temp file first and then appended; (c) while the chain
//! is not empty only the front writes, except that an append to a chain that has run empty tries to write at once.
//!
//! A finished exchange with an empty chain wakes nobody: the front finds the connection idle at its next event or timer.
//! Only where the front has said that it needs to know (`attention`: more input waits, say) is a note left for it.

mod front;
mod notes;
mod overflow;
mod pace;
mod worker;

pub use notes::{Key, Notes};
pub use overflow::Overflow;
pub use pace::Pace;

use std::os::fd::{AsFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::buffer::chain::{Chain, Piece};
use crate::buffer::memory::Memory;
use crate::error::Gone;
use crate::ops::stats::Stats;
use crate::sys;

/// Whose turn it is with a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// No exchange runs.
    Front,
    /// A worker (or the queue) has it.
    Worker,
    /// The exchange is over since then; what is left in the chain is the front's to write, and then to keep or close.
    Done { then: Then, at: Instant },
}

/// What becomes of a connection when all bytes of a response are out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    Keep,
    /// Our side ends, and what the client still sends is read for a while: a close with unread bytes would reset the
    /// connection, and the response with it (RFC 9112 9.6).
    Close,
    /// The response is damaged and its end would look complete: reset.
    Reset,
}

/// Told when the last byte of a response is out, or when it is clear that it never will be.
pub type After = Box<dyn FnOnce(Ended) + Send>;

/// How a response ended on the client's side.
#[derive(Clone, Copy, Debug)]
pub struct Ended {
    /// Bytes given to the kernel for the client.
    pub sent: u64,
    /// All of them were.
    pub complete: bool,
}

/// The end of an exchange.
pub struct Ending {
    pub then: Then,
    /// The status of the response, for the counters; 0: there was none.
    pub status: u16,
    pub after: Option<After>,
}

struct Inner {
    chain: Chain,
    turn: Turn,
    gone: Option<Gone>,
    /// The upstream socket of the running exchange, to be shut down when the client goes away.
    upstream: Option<RawFd>,
    /// The exchange goes on without its client (`--ignore-client-abort`).
    protected: bool,
    /// The worker reads the request's body from the socket.
    streaming: bool,
    /// The front wants a note when the exchange ends.
    attention: bool,
    /// The worker waits for room.
    waiting: bool,
    /// When the client last took something, or when the chain last began to fill.
    progress: Instant,
    /// Apart, for most clients have none, and an idle one shall be small.
    pace: Option<Box<Pace>>,
    sent: u64,
    /// How many bytes there will be in all, where that is known before the end: a client that has them may leave.
    whole: Option<u64>,
    /// The status of the exchange that has ended and is not counted yet.
    ended: Option<u16>,
    after: Option<After>,
    /// There is no client.
    detached: bool,
}

/// See the module's text.
pub struct Sink {
    socket: OwnedFd,
    key: Key,
    notes: Arc<Notes>,
    stats: &'static Stats,
    inner: Mutex<Inner>,
    room: Condvar,
}

/// What the front needs to know to judge a connection.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    pub turn: Turn,
    pub empty: bool,
    pub progress: Instant,
    pub gone: bool,
    /// The worker still reads the request's body.
    pub streaming: bool,
}

/// What a flush came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flushed {
    /// Nothing is left.
    Empty(Turn),
    /// The socket is full; a "writable" will come.
    Blocked,
    /// The pace allows more only after this time.
    Paced(Duration),
    /// This turn's share is used up, the socket would take more.
    More,
    /// The client is gone.
    Broken,
}

/// How much a front's flush moves in one turn before others get theirs, in bytes.
const SHARE: usize = 1 << 20;

impl Sink {
    /// A sink for a client's socket, which is non-blocking.
    pub fn new(
        socket: OwnedFd,
        key: Key,
        notes: Arc<Notes>,
        memory: &'static Memory,
        stats: &'static Stats,
    ) -> Sink {
        Sink {
            socket,
            key,
            notes,
            stats,
            inner: Mutex::new(Inner {
                chain: Chain::new(memory),
                turn: Turn::Front,
                gone: None,
                upstream: None,
                protected: false,
                streaming: false,
                attention: false,
                waiting: false,
                progress: Instant::now(),
                pace: None,
                sent: 0,
                whole: None,
                ended: None,
                after: None,
                detached: false,
            }),
            room: Condvar::new(),
        }
    }

    /// A sink without a client: nothing is counted of what goes into it. `nowhere` is no socket.
    pub fn detached(
        nowhere: OwnedFd,
        key: Key,
        notes: Arc<Notes>,
        memory: &'static Memory,
        stats: &'static Stats,
    ) -> Sink {
        let sink = Sink::new(nowhere, key, notes, memory, stats);
        let mut inner = lock(&sink.inner);
        inner.detached = true;
        inner.gone = Some(Gone::Hangup);
        drop(inner);
        sink
    }

    /// Where notes for the front are left.
    pub fn notes(&self) -> Arc<Notes> {
        Arc::clone(&self.notes)
    }

    /// The client's socket.
    pub fn socket(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    fn break_off(&self, inner: &mut Inner, why: Gone) {
        inner.gone.get_or_insert(why);
        inner.chain.clear();
        if let Some(fd) = inner.upstream.filter(|_| !inner.protected) {
            sys::shutdown_both(fd);
        }
        self.room.notify_all();
    }

    fn report(&self, mut inner: MutexGuard<'_, Inner>, complete: bool) {
        let after = inner.after.take();
        match inner.ended.take() {
            None => {}
            Some(_) if inner.detached => {}
            // Of a response at least the head goes out, or there was none for the client.
            Some(status) if status == 0 || inner.sent == 0 => self.stats.unanswered(),
            Some(status) => self.stats.response(status, inner.sent),
        }
        let ended = Ended {
            sent: inner.sent,
            complete,
        };
        drop(inner);
        if let Some(after) = after {
            after(ended);
        }
    }

    fn wait<'a>(&'a self, mut inner: MutexGuard<'a, Inner>) -> MutexGuard<'a, Inner> {
        inner.waiting = true;
        let mut inner = self
            .room
            .wait(inner)
            .unwrap_or_else(PoisonError::into_inner);
        inner.waiting = false;
        inner
    }

    /// How many bytes the pace allows now.
    fn allowance(inner: &Inner) -> usize {
        match &inner.pace {
            None => usize::MAX,
            Some(pace) => {
                usize::try_from(pace.allows(inner.sent, Instant::now())).unwrap_or(usize::MAX)
            }
        }
    }

    /// A paced response needs the front's timer, which only it can set.
    fn keep_pace(&self, inner: &Inner) {
        if inner.pace.is_some() {
            self.notes.leave(self.key);
        }
    }

    /// Writes two slices as far as the socket takes them; a failure makes the client gone.
    fn write_now(&self, inner: &mut Inner, first: &[u8], second: &[u8]) -> usize {
        let allowed = Self::allowance(inner);
        let first = &first[..first.len().min(allowed)];
        let second = &second[..second.len().min(allowed - first.len())];
        if first.is_empty() && second.is_empty() {
            return 0;
        }
        loop {
            let result = match (first, second) {
                (only, []) | ([], only) => sys::send(self.socket(), only, false),
                (first, second) => sys::send_two(self.socket(), first, second),
            };
            match result {
                Ok(sent) => {
                    inner.sent += sent as u64;
                    return sent;
                }
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => return 0,
                Err(_) => {
                    self.break_off(inner, Gone::Hangup);
                    return 0;
                }
            }
        }
    }

    /// After an append: if the chain held nothing before, no "writable" may be coming, so try at once.
    fn write_chain_if_fresh(&self, inner: &mut Inner) {
        if matches!(inner.chain.front(), Some(Piece::File { .. }))
            && matches!(self.write_chain(inner), Flushed::More | Flushed::Paced(_))
        {
            self.notes.leave(self.key); // no edge is due: the front goes on
        }
    }

    fn write_chain(&self, inner: &mut Inner) -> Flushed {
        let mut share = SHARE;
        loop {
            if inner.gone.is_some() {
                return Flushed::Broken;
            }
            let allowed = Self::allowance(inner).min(share);
            let Some(piece) = inner.chain.front() else {
                // A paced response that is still being made needs its timer even when it has just run empty.
                return match inner.turn {
                    Turn::Worker if inner.pace.is_some() => Flushed::Paced(Pace::BURST),
                    turn => Flushed::Empty(turn),
                };
            };
            if allowed == 0 {
                return match inner.pace {
                    Some(_) if share > 0 => Flushed::Paced(Pace::BURST),
                    _ => Flushed::More,
                };
            }
            let of_file = matches!(piece, Piece::File { .. });
            let result = match piece {
                Piece::Mem(bytes) => {
                    let bytes = &bytes[..bytes.len().min(allowed)];
                    let more = inner.chain.len() > bytes.len() as u64;
                    sys::send(self.socket(), bytes, more)
                }
                Piece::File { file, from, len } => {
                    let len = usize::try_from(len).unwrap_or(usize::MAX).min(allowed);
                    sys::sendfile(self.socket(), file, from, len)
                }
            };
            match result {
                Ok(sent) => {
                    inner.chain.consume(sent);
                    inner.sent += sent as u64;
                    inner.progress = Instant::now();
                    share -= sent.min(share);
                }
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => return Flushed::Blocked,
                Err(e) => {
                    if of_file && !is_clients(e.kind()) {
                        log::error!(
                            "a file that is being sent can not be read on, the response is cut: {e}"
                        );
                    }
                    self.break_off(inner, Gone::Hangup);
                }
            }
        }
    }
}

/// Whether an error of sending is about the client's socket. Others are about the file: it was truncated, or its disk fails.
fn is_clients(kind: std::io::ErrorKind) -> bool {
    use std::io::ErrorKind::*;
    matches!(
        kind,
        BrokenPipe | ConnectionReset | ConnectionAborted | NotConnected | TimedOut
    )
}

/// Moves two slices on by `count` bytes.
fn advance(first: &mut &[u8], second: &mut &[u8], count: usize) {
    let head = count.min(first.len());
    *first = &first[head..];
    *second = &second[count - head..];
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::stats::Totals;
    use crate::respond::reply::Reply;
    use std::os::unix::net::UnixStream;

    /// What is counted of a reply to a client that has left before it, or after its first bytes.
    fn counted(leaves: bool) -> Totals {
        let (ours, client) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        let memory: &'static Memory = Box::leak(Box::new(Memory::new(0)));
        let stats: &'static Stats = Box::leak(Box::new(Stats::new(Instant::now())));
        let notes = Arc::new(Notes::new(Box::new(|| {})));
        let key = Key { slot: 0, serial: 1 };
        let sink = Sink::new(ours.into(), key, notes, memory, stats);
        sink.begin(Turn::Worker, false, false, false);
        if leaves {
            drop(client);
            sink.cancel(Gone::Hangup);
        }
        sink.reply(&Reply::bytes(200, b"head".to_vec(), b"body".to_vec(), true));
        sink.cancel(Gone::Hangup);
        sink.finish(Ending {
            then: Then::Keep,
            status: 200,
            after: None,
        });
        stats.totals()
    }

    #[test]
    fn a_reply_that_nobody_was_there_for_is_none() {
        let (late, early) = (counted(true), counted(false));
        assert_eq!((late.responses[1], late.unanswered), (0, 1));
        assert_eq!((early.responses[1], early.unanswered), (1, 0));
        assert_eq!((late.sent, early.sent), (0, 8));
    }
}
