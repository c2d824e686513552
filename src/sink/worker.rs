//! The side of the sink that makes a response: a worker's, or the front's where it answers itself.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::sync::{MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::{Ending, Inner, Overflow, Pace, Sink, Then, Turn, advance, lock};
use crate::error::Gone;
use crate::sys;

/// How long a worker waits for a client that was quick so far, before it spills. On a local network the next third of a
/// send buffer is free in less.
const PATIENCE: Duration = Duration::from_millis(10);

impl Sink {
    /// Whoever makes the response: it shall go at this pace.
    pub fn set_pace(&self, pace: Option<Pace>) {
        lock(&self.inner).pace = pace.map(Box::new);
    }

    /// Worker: the upstream socket to shut down when the client goes away. `detach` before it is closed.
    ///
    /// # Errors
    /// The client is gone already.
    pub fn attach(&self, upstream: BorrowedFd<'_>) -> Result<(), Gone> {
        let mut inner = lock(&self.inner);
        if let Some(gone) = inner.gone.filter(|_| !inner.protected) {
            return Err(gone);
        }
        inner.upstream = Some(upstream.as_raw_fd());
        Ok(())
    }

    /// Worker: the upstream socket is about to be closed. The next exchange may have begun and attached its own.
    pub fn detach(&self, upstream: BorrowedFd<'_>) {
        let mut inner = lock(&self.inner);
        if inner.upstream == Some(upstream.as_raw_fd()) {
            inner.upstream = None;
        }
    }

    /// Any thread: ends the running exchange's connection to its application, if it still is the one of this number
    /// (`--connection-drop`). The worker sees the end of it.
    pub fn sever(&self, upstream: RawFd) {
        let inner = lock(&self.inner);
        if inner.upstream == Some(upstream) {
            sys::shutdown_both(upstream);
        }
    }

    /// Worker: from now on the exchange goes on without its client, or does not.
    pub fn set_protected(&self, protected: bool) {
        lock(&self.inner).protected = protected;
    }

    /// Worker: the request's body has been read, or is not wanted any more.
    pub fn body_taken(&self) {
        lock(&self.inner).streaming = false;
    }

    /// Worker: why the exchange shall end, if it shall.
    pub fn gone(&self) -> Option<Gone> {
        lock(&self.inner).gone
    }

    /// Worker: whether the exchange has not been finished.
    pub fn is_running(&self) -> bool {
        lock(&self.inner).turn == Turn::Worker
    }

    /// Worker: whether nothing of a response has been given to the sink.
    pub fn is_untouched(&self) -> bool {
        let inner = lock(&self.inner);
        inner.sent == 0 && inner.chain.is_empty()
    }

    /// Worker: waits for a time, or until the client is gone.
    pub fn pause(&self, time: Duration) -> Option<Gone> {
        let inner = lock(&self.inner);
        let stay = |inner: &mut Inner| inner.gone.is_none();
        let (inner, _) = self
            .room
            .wait_timeout_while(inner, time, stay)
            .unwrap_or_else(PoisonError::into_inner);
        inner.gone
    }

    /// Worker: the next bytes of the response, in two slices. Returns when they are written, or wait in memory or in the
    /// temp file within the limits of `overflow`; waits for the client where both are full.
    ///
    /// # Errors
    /// The client is gone; nothing more can be sent.
    pub fn push(
        &self,
        first: &[u8],
        second: &[u8],
        overflow: &mut Overflow<'_>,
    ) -> Result<(), Gone> {
        self.place(first, second, overflow).map(drop)
    }

    /// Worker: the last bytes of the response; ends the exchange as [`Sink::finish`] does. Both under one hold of the
    /// lock: a client that answers at once with its next request finds the connection idle, and nobody must be woken.
    ///
    /// # Errors
    /// The client is gone; the exchange is not finished then.
    pub fn push_last(
        &self,
        first: &[u8],
        second: &[u8],
        overflow: &mut Overflow<'_>,
        ending: Ending,
    ) -> Result<(), Gone> {
        let inner = self.place(first, second, overflow)?;
        self.end(inner, ending);
        Ok(())
    }

    /// Waits a moment for the client to take more. A client that does is quicker than a temp file: what is not spilled is
    /// not written, read and forgotten. It costs the worker no more than the transfer itself. Returns whether it did.
    fn is_quick(&self) -> bool {
        let ready = sys::poll((self.socket(), false, true), None, PATIENCE);
        matches!(ready, Ok((ready, _)) if ready.write)
    }

    /// Writes or queues two slices, and gives back the lock under which the last of them was placed.
    fn place(
        &self,
        mut first: &[u8],
        mut second: &[u8],
        overflow: &mut Overflow<'_>,
    ) -> Result<MutexGuard<'_, Inner>, Gone> {
        let mut inner = lock(&self.inner);
        loop {
            if let Some(gone) = inner.gone {
                return Err(gone);
            }
            if inner.chain.is_empty() {
                let sent = self.write_now(&mut inner, first, second);
                advance(&mut first, &mut second, sent);
                if let Some(gone) = inner.gone {
                    return Err(gone);
                }
                self.keep_pace(&inner);
            }
            if inner.chain.is_empty()
                && inner.pace.is_none()
                && !(first.is_empty() && second.is_empty())
                && overflow.patient
            {
                drop(inner);
                overflow.patient = self.is_quick();
                inner = lock(&self.inner);
                continue;
            }
            if !inner.chain.is_spilled() {
                overflow.fill_memory(&mut inner, &mut first, &mut second);
            }
            let next = if first.is_empty() { second } else { first };
            if next.is_empty() {
                return Ok(inner);
            }
            if let Some(room) = overflow.file_room(&inner.chain) {
                let piece = &next[..next.len().min(room)];
                drop(inner);
                let written = overflow.write(piece);
                inner = lock(&self.inner);
                if let Some((file, at)) = written {
                    if inner.chain.is_empty() {
                        inner.progress = Instant::now();
                    }
                    inner.chain.push_file(&file, at, piece.len() as u64);
                    advance(&mut first, &mut second, piece.len());
                    self.write_chain_if_fresh(&mut inner);
                }
                continue;
            }
            inner = self.wait(inner);
        }
    }

    /// Worker: waits until the client has taken everything (`--buffering off`).
    ///
    /// # Errors
    /// The client is gone.
    pub fn drain(&self) -> Result<(), Gone> {
        let mut inner = lock(&self.inner);
        loop {
            match inner.gone {
                Some(gone) => return Err(gone),
                None if inner.chain.is_empty() => return Ok(()),
                None => inner = self.wait(inner),
            }
        }
    }

    /// Whoever made the response: the exchange is over; says what becomes of the connection, and who is told how the response ended.
    pub fn finish(&self, ending: Ending) {
        self.end(lock(&self.inner), ending);
    }

    fn end(&self, mut inner: MutexGuard<'_, Inner>, ending: Ending) {
        let Ending {
            then,
            status,
            after,
        } = ending;
        inner.upstream = None;
        inner.turn = Turn::Done {
            then,
            at: Instant::now(),
        };
        inner.after = after;
        inner.ended = Some(status);
        let empty = inner.chain.is_empty();
        let mut note = inner.attention || inner.gone.is_some();
        if empty {
            match then {
                Then::Keep => {}
                // The client answers our end with its own, which wakes the front by itself.
                Then::Close => sys::shutdown_write(self.socket.as_fd()),
                Then::Reset => note = true,
            }
            let complete = inner.gone.is_none() || inner.whole == Some(inner.sent);
            self.report(inner, complete);
        } else {
            drop(inner);
        }
        if note {
            self.notes.leave(self.key);
        }
    }
}
