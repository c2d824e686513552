//! What the integration tests share: the gateway under test ([`gate`]), a strict HTTP client ([`http`]), a scripted
//! SCGI server ([`app`]), real applications ([`apps`]), helpers for processes and scratch directories.
//!
//! Two habits hold everywhere. Waiting is for an event, with a deadline ([`LIMIT`]); a pause is never used to make
//! an order of events likely. And nothing outlives its test: children die with the thread that started them.
#![allow(dead_code, unused_imports)] // every test crate uses its own part of this

pub mod app;
pub mod apps;
pub mod gate;
pub mod http;
pub mod nginx;
pub mod process;
pub mod scgi;
pub mod status;
pub mod temp;

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

pub use app::App;
pub use gate::Gate;
pub use http::{Client, Response};
pub use scgi::Scgi;
pub use temp::Temp;

/// How long a test waits for something that must happen. Long, because a busy machine is no failure.
pub const LIMIT: Duration = Duration::from_secs(30);

/// Looks at `holds` until it is true.
///
/// # Panics
/// When it is still false after [`LIMIT`].
#[track_caller]
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(
            start.elapsed() < LIMIT,
            "waited {LIMIT:?} in vain for: {what}"
        );
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// A gate between threads, shut until somebody opens it.
#[derive(Default)]
pub struct Latch {
    open: Mutex<bool>,
    opened: Condvar,
}

impl Latch {
    pub fn open(&self) {
        *self.open.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.opened.notify_all();
    }

    /// Waits until it is open.
    ///
    /// # Panics
    /// When it is still shut after [`LIMIT`].
    #[track_caller]
    pub fn wait(&self) {
        let guard = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.opened.wait_timeout_while(guard, LIMIT, |open| !*open);
        let (guard, _) = waited.unwrap_or_else(PoisonError::into_inner);
        assert!(*guard, "nobody opened the latch");
    }
}

/// Says that a test was left out, and why. With `SCGATE_TEST_ALL=1` (as in `scripts/test`) that is a failure.
#[track_caller]
pub fn left_out(test: &str, why: &str) {
    assert!(!all_required(), "{test} was left out: {why}");
    announce(&format!("LEFT OUT: {test}: {why}"));
}

/// Says that this machine does not allow what a test needs (a right, a kind of address). Loud, but no failure:
/// nothing that could be installed would help.
pub fn cannot_here(test: &str, why: &str) {
    announce(&format!("NOT POSSIBLE HERE: {test}: {why}"));
}

/// Straight to the descriptor: the test runner swallows what goes through `eprintln!` when a test passes. Opened anew,
/// as /dev/stderr, it might belong to another account.
fn announce(line: &str) {
    let _ = io::stderr().write_all(format!("{line}\n").as_bytes());
}

/// Whether leaving a test out is a failure.
pub fn all_required() -> bool {
    std::env::var_os("SCGATE_TEST_ALL").is_some_and(|v| v == "1")
}

/// Whether the very large transfers are asked for.
pub fn heavy() -> bool {
    std::env::var_os("SCGATE_TEST_HEAVY").is_some_and(|v| v == "1")
}

/// The effective user is root.
pub fn is_root() -> bool {
    // SAFETY: no arguments, cannot fail.
    unsafe { libc::geteuid() == 0 }
}

/// A stream of either kind.
#[derive(Debug)]
pub enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Stream {
    /// Both directions give up after `limit`.
    pub fn set_limit(&self, limit: Duration) {
        match self {
            Stream::Tcp(s) => s
                .set_read_timeout(Some(limit))
                .and_then(|()| s.set_write_timeout(Some(limit))),
            Stream::Unix(s) => s
                .set_read_timeout(Some(limit))
                .and_then(|()| s.set_write_timeout(Some(limit))),
        }
        .expect("set socket timeouts");
    }

    pub fn try_clone(&self) -> io::Result<Stream> {
        match self {
            Stream::Tcp(s) => s.try_clone().map(Stream::Tcp),
            Stream::Unix(s) => s.try_clone().map(Stream::Unix),
        }
    }

    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        match self {
            Stream::Tcp(s) => s.shutdown(how),
            Stream::Unix(s) => s.shutdown(how),
        }
    }

    /// Closing this stream sends a reset (TCP), whatever is still queued. A Unix socket gives its peer ECONNRESET
    /// when it is closed with unread data; that is the script's business.
    pub fn set_reset_on_close(&self) {
        let linger = libc::linger {
            l_onoff: 1,
            l_linger: 0,
        };
        // SAFETY: the pointer and the size describe a live `linger`.
        let rc = unsafe {
            libc::setsockopt(
                self.as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_LINGER,
                (&raw const linger).cast(),
                size_of::<libc::linger>() as libc::socklen_t,
            )
        };
        assert_eq!(rc, 0, "SO_LINGER: {}", io::Error::last_os_error());
    }

    /// Sets an integer option of SOL_SOCKET, such as SO_RCVBUF.
    pub fn set_option(&self, name: libc::c_int, value: libc::c_int) {
        // SAFETY: the pointer and the size describe a live integer.
        let rc = unsafe {
            libc::setsockopt(
                self.as_raw_fd(),
                libc::SOL_SOCKET,
                name,
                (&raw const value).cast(),
                size_of::<libc::c_int>() as libc::socklen_t,
            )
        };
        assert_eq!(rc, 0, "setsockopt {name}: {}", io::Error::last_os_error());
    }
}

impl Stream {
    /// Whether there is something to be read, be it the end.
    pub fn is_readable(&self) -> bool {
        let mut fd = libc::pollfd {
            fd: self.as_raw_fd(),
            events: libc::POLLIN,
            revents: 0,
        };
        // SAFETY: the pointer and the count describe one live structure.
        unsafe { libc::poll(&raw mut fd, 1, 0) == 1 }
    }
}

impl Stream {
    /// Whether the other side has closed its end, whatever of it is still to be read.
    pub fn is_left(&self) -> bool {
        let mut fd = libc::pollfd {
            fd: self.as_raw_fd(),
            events: libc::POLLRDHUP,
            revents: 0,
        };
        // SAFETY: the pointer and the count describe one live structure.
        unsafe { libc::poll(&raw mut fd, 1, 0) == 1 }
    }

    /// Whether the other side has read all that we have sent (Unix), or its system has taken it (TCP).
    pub fn is_taken(&self) -> bool {
        let mut waiting: libc::c_int = 0;
        // SAFETY: the pointer is to a live integer, which is what TIOCOUTQ fills in.
        let rc = unsafe { libc::ioctl(self.as_raw_fd(), libc::TIOCOUTQ, &raw mut waiting) };
        assert_eq!(rc, 0, "TIOCOUTQ: {}", io::Error::last_os_error());
        waiting == 0
    }
}

impl AsRawFd for Stream {
    fn as_raw_fd(&self) -> RawFd {
        match self {
            Stream::Tcp(s) => s.as_raw_fd(),
            Stream::Unix(s) => s.as_raw_fd(),
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(s) => s.read(buf),
            Stream::Unix(s) => s.read(buf),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(s) => s.write(buf),
            Stream::Unix(s) => s.write(buf),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Test data in which every position is recognisable: byte `i` of the stream depends on `i` alone, with a period that
/// is prime, so that a block that is lost, repeated or swapped shows.
pub struct Pattern {
    block: Vec<u8>,
}

/// A prime a little under 64 KiB: no buffer size is a multiple of it.
const PERIOD: usize = 65_521;

impl Pattern {
    pub fn new() -> Pattern {
        let mut rng = Rng::new(1);
        Pattern {
            block: (0..PERIOD).map(|_| (rng.next() >> 32) as u8).collect(),
        }
    }

    /// The longest run from `at` that lies in one piece.
    pub fn at(&self, at: u64) -> &[u8] {
        &self.block[(at % PERIOD as u64) as usize..]
    }

    /// The first `len` bytes.
    pub fn bytes(&self, len: usize) -> Vec<u8> {
        self.block.iter().copied().cycle().take(len).collect()
    }

    /// Writes bytes `0..len`; an error of the stream ends it. Returns how many went out.
    pub fn write(&self, out: &mut impl Write, len: u64) -> (u64, io::Result<()>) {
        let mut done = 0;
        while done < len {
            let piece = self.at(done);
            let piece = &piece[..piece.len().min((len - done) as usize)];
            match out.write(piece) {
                Ok(n) => done += n as u64,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return (done, Err(e)),
            }
        }
        (done, Ok(()))
    }

    /// Checks that `piece` is what stands at `at`.
    #[track_caller]
    pub fn check(&self, mut at: u64, mut piece: &[u8]) {
        while !piece.is_empty() {
            let want = self.at(at);
            let n = want.len().min(piece.len());
            if want[..n] != piece[..n] {
                let bad = want
                    .iter()
                    .zip(piece)
                    .position(|(a, b)| a != b)
                    .unwrap_or(0);
                panic!("wrong byte at {} of the stream", at + bad as u64);
            }
            at += n as u64;
            piece = &piece[n..];
        }
    }
}

/// xorshift64*: small, seeded, the same everywhere.
pub struct Rng(u64);

impl Rng {
    pub fn new(seed: u64) -> Rng {
        Rng(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `n`.
    pub fn below(&mut self, n: usize) -> usize {
        ((self.next() >> 33) as usize) % n.max(1)
    }

    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}
