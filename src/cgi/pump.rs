//! Between the server in front and the front of the gateway: standard input into one end of a pair of sockets, what comes
//! back to standard output. One thread, which waits for all three at once: a response may come before the body is taken, and
//! a server that has left shows at standard output alone.
//!
//! Standard input and output may be files, pipes or sockets, and are shared with other programs: they stay as they are,
//! blocking or not.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::answer::Answer;
use super::environment::{Body, Incoming};
use crate::http::chunked::LAST_CHUNK;
use crate::sys;

/// Bytes moved at a time.
const PIECE: usize = 64 * 1024;
/// Its stack in bytes: it calls little.
const STACK: usize = 64 * 1024;

/// What a client hears whose body was cut, should it still listen.
const CUT: &[u8] = b"Status: 400 Bad Request\r\nContent-Type: text/plain\r\n\r\n400 Bad Request\n";

/// Starts the thread. It returns whether a whole request has come and a whole response has reached standard output.
///
/// # Errors
/// No thread, or no descriptors.
pub fn start(incoming: Incoming, front: UnixStream) -> io::Result<JoinHandle<bool>> {
    front.set_nonblocking(true)?;
    let mut pump = Pump {
        front,
        stdin: File::from(io::stdin().as_fd().try_clone_to_owned()?),
        stdout: File::from(io::stdout().as_fd().try_clone_to_owned()?),
        body: incoming.body,
        cut: false,
        up: Waiting::new(incoming.head),
        down: Waiting::new(Vec::new()),
        answer: Answer::new(incoming.is_head),
        ended: false,
        piece: vec![0; PIECE],
    };
    let pump = move || pump.run().unwrap_or(false);
    thread::Builder::new()
        .name("cgi".into())
        .stack_size(STACK)
        .spawn(pump)
}

/// Bytes on their way to somebody who may be slow.
struct Waiting {
    bytes: Vec<u8>,
    done: usize,
}

impl Waiting {
    fn new(bytes: Vec<u8>) -> Waiting {
        Waiting { bytes, done: 0 }
    }

    fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.done = 0;
    }

    /// Writes once.
    fn write(&mut self, to: &mut impl Write) -> io::Result<()> {
        match to.write(&self.bytes[self.done..]) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(written) => self.done += written,
            Err(e) if sys::is_passing(&e) => {}
            Err(e) => return Err(e),
        }
        if self.done == self.bytes.len() {
            self.clear();
        }
        Ok(())
    }
}

struct Pump {
    front: UnixStream,
    stdin: File,
    stdout: File,
    /// What of it is still to be read.
    body: Body,
    /// It ended before its length.
    cut: bool,
    up: Waiting,
    down: Waiting,
    answer: Answer,
    /// The front has said all it has to say.
    ended: bool,
    piece: Vec<u8>,
}

impl Pump {
    /// Until the front has closed and all is written, or the server has closed standard output.
    fn run(&mut self) -> io::Result<bool> {
        while !self.ended || !self.down.is_empty() {
            let takes = self.body_is_open() && self.up.is_empty();
            let (reads, sends) = (!self.ended && self.down.is_empty(), !self.up.is_empty());
            let writes = !self.down.is_empty();
            let wanted = [
                takes.then(|| (self.stdin.as_fd(), true, false)),
                (reads || sends).then(|| (self.front.as_fd(), reads, sends)),
                Some((self.stdout.as_fd(), false, writes)),
            ];
            let [stdin, front, stdout] = sys::poll_all(wanted, Duration::MAX)?;
            if stdin.read {
                self.take_body();
            }
            if front.write && sends {
                self.send();
            }
            if front.read && reads {
                self.receive();
            }
            if stdout.write && (!writes || self.down.write(&mut self.stdout).is_err()) {
                log::info!("standard output was closed before the response was out");
                return Ok(false);
            }
        }
        if self.answer.is_empty() && self.cut {
            self.stdout.write_all(CUT)?;
        }
        Ok(self.answer.is_complete() && !self.cut)
    }

    fn body_is_open(&self) -> bool {
        !matches!(self.body, Body::None | Body::Length(0))
    }

    /// Reads of standard input what is there, never more than the body has.
    fn take_body(&mut self) {
        let most = match self.body {
            Body::Length(left) => usize::try_from(left).unwrap_or(PIECE).min(PIECE),
            Body::None | Body::Rest => PIECE,
        };
        let count = match self.stdin.read(&mut self.piece[..most]) {
            Ok(count) => count,
            Err(e) if sys::is_passing(&e) => return,
            Err(e) => {
                log::error!("standard input: {e}");
                return self.cut_body();
            }
        };
        let bytes = &self.piece[..count];
        match &mut self.body {
            Body::Length(left) if count == 0 => {
                log::info!("standard input ended {left} bytes before CONTENT_LENGTH");
                self.cut_body();
            }
            Body::Length(left) => {
                *left -= count as u64;
                self.up.bytes.extend_from_slice(bytes);
            }
            Body::Rest if count == 0 => {
                self.up.bytes.extend_from_slice(LAST_CHUNK);
                self.body = Body::None;
            }
            Body::Rest => {
                let size = format!("{count:x}\r\n");
                self.up.bytes.extend_from_slice(size.as_bytes());
                self.up.bytes.extend_from_slice(bytes);
                self.up.bytes.extend_from_slice(b"\r\n");
            }
            Body::None => {}
        }
    }

    /// What is missing will never come. Our end is closed, so that no short body is taken for a whole one.
    fn cut_body(&mut self) {
        self.cut = true;
        self.body = Body::None;
        // An error means that the front has closed already.
        let _ = self.front.shutdown(std::net::Shutdown::Write);
    }

    fn send(&mut self) {
        if self.up.write(&mut self.front).is_err() {
            // The front takes no more; what it had to say may still be there.
            self.up.clear();
            self.body = Body::None;
        }
    }

    fn receive(&mut self) {
        match self.front.read(&mut self.piece) {
            Ok(0) => self.ended = true,
            Ok(count) => self.answer.take(&self.piece[..count], &mut self.down.bytes),
            Err(e) if sys::is_passing(&e) => {}
            Err(_) => self.ended = true,
        }
    }
}
