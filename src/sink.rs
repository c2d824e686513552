//! The sink: where the response of one exchange goes. The only object that front and worker share.
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

use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::buffer::chain::{Chain, Piece};
use crate::buffer::memory::Memory;
use crate::buffer::spill;
use crate::config::TempPath;
use crate::error::Gone;
use crate::sys;

/// Which connection of the front a sink or a note is about. The serial number tells a reused slot from the old one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    pub slot: usize,
    pub serial: u32,
}

/// What workers leave for the front, and the bell that wakes it: one ring for a batch.
pub struct Notes {
    list: Mutex<Vec<Key>>,
    bell: Box<dyn Fn() + Send + Sync>,
}

impl Notes {
    /// `bell` wakes the front's poll.
    pub fn new(bell: Box<dyn Fn() + Send + Sync>) -> Notes {
        Notes {
            list: Mutex::new(Vec::new()),
            bell,
        }
    }

    /// Any thread: ask the front to look at a connection.
    pub fn leave(&self, key: Key) {
        let mut list = lock(&self.list);
        let first = list.is_empty();
        list.push(key);
        drop(list);
        if first {
            (self.bell)();
        }
    }

    /// Front: all notes so far.
    pub fn take(&self) -> Vec<Key> {
        std::mem::take(&mut *lock(&self.list))
    }
}

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

/// The pace of a response (`--client-limit-rate`, X-Accel-Limit-Rate).
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Bytes a second, not 0.
    pub rate: u64,
    /// Bytes that go at full speed first.
    pub after: u64,
    pub start: Instant,
}

impl Pace {
    /// A tenth of a second may be sent at once; less would wake the front for crumbs.
    const BURST: Duration = Duration::from_millis(100);

    /// How many more bytes may go now, when `sent` have gone.
    fn allows(&self, sent: u64, now: Instant) -> u64 {
        let elapsed = now.saturating_duration_since(self.start) + Self::BURST;
        let due = u128::from(self.rate) * elapsed.as_millis() / 1000 + u128::from(self.after);
        u64::try_from(due)
            .unwrap_or(u64::MAX)
            .saturating_sub(sent)
            .max(u64::from(due == 0))
    }
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
    /// The front wants a note when the exchange ends.
    attention: bool,
    /// The worker waits for room.
    waiting: bool,
    /// When the client last took something, or when the chain last began to fill.
    progress: Instant,
    pace: Option<Pace>,
    sent: u64,
    after: Option<After>,
}

/// See the module's text.
pub struct Sink {
    socket: OwnedFd,
    key: Key,
    notes: Arc<Notes>,
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

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How much a front's flush moves in one turn before others get theirs, in bytes.
const SHARE: usize = 1 << 20;

impl Sink {
    /// A sink for a client's socket, which is non-blocking.
    pub fn new(socket: OwnedFd, key: Key, notes: Arc<Notes>, memory: &'static Memory) -> Sink {
        Sink {
            socket,
            key,
            notes,
            inner: Mutex::new(Inner {
                chain: Chain::new(memory),
                turn: Turn::Front,
                gone: None,
                upstream: None,
                protected: false,
                attention: false,
                waiting: false,
                progress: Instant::now(),
                pace: None,
                sent: 0,
                after: None,
            }),
            room: Condvar::new(),
        }
    }

    /// The client's socket.
    pub fn socket(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    // ---- the front's side

    /// Front: an exchange begins, or a response of the front's own. `attention` asks for a note at its end.
    pub fn begin(&self, turn: Turn, protected: bool, attention: bool) {
        let mut inner = lock(&self.inner);
        inner.turn = turn;
        inner.protected = protected;
        inner.attention = attention;
        inner.pace = None;
        inner.sent = 0;
    }

    /// Front: how things stand.
    pub fn look(&self) -> Look {
        let inner = lock(&self.inner);
        Look {
            turn: inner.turn,
            empty: inner.chain.is_empty(),
            progress: inner.progress,
            gone: inner.gone.is_some(),
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
            Self::report(inner, true);
        }
        flushed
    }

    /// Front, or a worker in its turn: writes a response of the gateway's own; what the client does not take at once waits in the chain.
    pub fn respond(&self, bytes: &[u8]) -> Flushed {
        let mut inner = lock(&self.inner);
        let mut sent = 0;
        if inner.chain.is_empty() {
            sent = self.write_now(&mut inner, bytes, &[]);
        }
        if inner.gone.is_some() {
            return Flushed::Broken;
        }
        let Some(rest) = bytes.get(sent..).filter(|rest| !rest.is_empty()) else {
            return Flushed::Empty(inner.turn);
        };
        inner.progress = Instant::now();
        inner.chain.push(rest);
        Flushed::Blocked
    }

    /// Front: the connection ends, whatever is left of it. Reports a response that is not complete.
    pub fn close(&self) {
        let mut inner = lock(&self.inner);
        if inner.gone.is_none() {
            self.break_off(&mut inner, Gone::Hangup);
        }
        inner.chain.clear();
        Self::report(inner, false);
    }

    /// Front: closing the socket shall send a reset.
    pub fn reset_on_close(&self) {
        let socket = socket2::SockRef::from(&self.socket);
        // Where it fails the peer sees an ordinary close: nothing better can be done.
        let _ = socket.set_linger(Some(Duration::ZERO));
    }

    // ---- the worker's side

    /// Worker: the response shall go at this pace.
    pub fn set_pace(&self, pace: Option<Pace>) {
        lock(&self.inner).pace = pace;
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

    /// Worker: the exchange is over; says what becomes of the connection, and who is told how the response ended.
    pub fn finish(&self, ending: Ending) {
        self.end(lock(&self.inner), ending);
    }

    fn end(&self, mut inner: MutexGuard<'_, Inner>, Ending { then, after }: Ending) {
        inner.upstream = None;
        inner.turn = Turn::Done {
            then,
            at: Instant::now(),
        };
        inner.after = after;
        let empty = inner.chain.is_empty();
        let mut note = inner.attention || inner.gone.is_some();
        if empty {
            match then {
                Then::Keep => {}
                // The client answers our end with its own, which wakes the front by itself.
                Then::Close => sys::shutdown_write(self.socket.as_fd()),
                Then::Reset => note = true,
            }
            let complete = inner.gone.is_none();
            Self::report(inner, complete);
        } else {
            drop(inner);
        }
        if note {
            self.notes.leave(self.key);
        }
    }

    // ---- both

    fn break_off(&self, inner: &mut Inner, why: Gone) {
        inner.gone.get_or_insert(why);
        inner.chain.clear();
        if let Some(fd) = inner.upstream.filter(|_| !inner.protected) {
            sys::shutdown_both(fd);
        }
        self.room.notify_all();
    }

    fn report(mut inner: MutexGuard<'_, Inner>, complete: bool) {
        let after = inner.after.take();
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
        if matches!(inner.chain.front(), Some(Piece::File { .. })) {
            self.write_chain(inner);
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
            let result = match piece {
                Piece::Mem(bytes) => {
                    let bytes = &bytes[..bytes.len().min(allowed)];
                    sys::send(self.socket(), bytes, false)
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
                Err(_) => self.break_off(inner, Gone::Hangup),
            }
        }
    }
}

/// Moves two slices on by `count` bytes.
fn advance(first: &mut &[u8], second: &mut &[u8], count: usize) {
    let head = count.min(first.len());
    *first = &first[head..];
    *second = &second[count - head..];
}

/// Where the bytes of one response go that its client is too slow for. Owned by the worker.
#[derive(Debug)]
pub struct Overflow<'a> {
    memory: &'static Memory,
    /// Bytes that may wait in memory (`--busy-buffers-size`; `--buffer-size` when nothing is to be held back).
    in_memory: usize,
    /// Bytes that may wait in the file; 0: none.
    in_file: u64,
    /// Bytes of one write to the file.
    write_size: usize,
    temp: &'a TempPath,
    file: Option<Arc<File>>,
    /// Bytes written to the file.
    at: u64,
}

impl<'a> Overflow<'a> {
    /// Limits in bytes; `in_file` 0 never spills.
    pub fn new(
        memory: &'static Memory,
        in_memory: usize,
        in_file: u64,
        write_size: usize,
        temp: &'a TempPath,
    ) -> Overflow<'a> {
        Overflow {
            memory,
            in_memory: in_memory.max(1),
            in_file,
            write_size: write_size.max(1),
            temp,
            file: None,
            at: 0,
        }
    }

    fn fill_memory(&self, inner: &mut Inner, first: &mut &[u8], second: &mut &[u8]) {
        if inner.chain.is_empty() {
            inner.progress = Instant::now();
        } else if self.memory.is_full() {
            return;
        }
        loop {
            let next = if first.is_empty() { *second } else { *first };
            let held = usize::try_from(inner.chain.len()).unwrap_or(usize::MAX);
            let count = next.len().min(self.in_memory.saturating_sub(held));
            if count == 0 {
                return;
            }
            inner.chain.push(&next[..count]);
            advance(first, second, count);
        }
    }

    /// How much the next write to the file may hold; `None`: wait for the client instead.
    fn file_room(&mut self, chain: &Chain) -> Option<usize> {
        if !chain.is_spilled() && self.at > 0 {
            // The client has caught up. The old file's pages may still be on their way out of the socket (sendfile does
            // not copy), so its space is never written twice: a new file begins (B11).
            self.file = None;
            self.at = 0;
        }
        let room = self.in_file.saturating_sub(self.at);
        let room = usize::try_from(room)
            .unwrap_or(usize::MAX)
            .min(self.write_size);
        (room > 0).then_some(room)
    }

    /// Writes to the file. A disk that is full or not there costs no response: from then on the client's pace counts.
    fn write(&mut self, bytes: &[u8]) -> Option<(Arc<File>, u64)> {
        let written = self.file_or_new().and_then(|file| {
            file.write_all_at(bytes, self.at)?;
            Ok(file)
        });
        match written {
            Ok(file) => {
                let at = self.at;
                self.at += bytes.len() as u64;
                Some((file, at))
            }
            Err(error) => {
                log::error!(
                    "can not spill a response below {}: {error}; it goes on at its client's pace",
                    self.temp.dir.display()
                );
                self.in_file = 0;
                None
            }
        }
    }

    fn file_or_new(&mut self) -> std::io::Result<Arc<File>> {
        if self.file.is_none() {
            let file = spill::open(&self.temp.dir, &self.temp.levels)?;
            self.file = Some(Arc::new(file));
        }
        self.file
            .clone()
            .ok_or_else(|| std::io::ErrorKind::NotFound.into())
    }
}
