//! Sending a request: parameters, then the body, from memory, from its temp file, or as the client sends it.
//!
//! An application may answer before it has read everything, and close. Its answer counts: a send error only ends the
//! sending. While a send must wait, what the application says is read into the response's buffer, so that neither side
//! waits for the other; a refusal (status 400 and above) ends the sending too, and any answer does where `--send-timeout`
//! would.

use std::io;
use std::os::fd::BorrowedFd;
use std::os::unix::fs::FileExt;
use std::time::Duration;

use super::receive::{Got, Incoming};
use crate::buffer::chain::{Chain, Piece};
use crate::buffer::memory::Memory;
use crate::buffer::spill::REUSE_MAX;
use crate::config::{Scgi, TempPath};
use crate::error::{Fault, Gone, Phase};
use crate::sys;
use crate::upstream::Connection;

/// The most one sendfile moves, in bytes: it looks for an early answer in between.
const FILE_SHARE: usize = 256 * 1024;
/// The buffer of a body that is passed on as it arrives, or from a file, in bytes.
const STREAM_BUFFER: usize = 64 * 1024;

/// The body of one request.
#[derive(Debug)]
pub enum Body {
    None,
    /// Taken in completely; can be sent again.
    Held(Chain),
    /// To be read from the client: what came with the head, and the bytes that are still to come.
    Stream {
        prefix: Chain,
        rest: u64,
        /// All bytes, however many of them have been sent on.
        total: u64,
    },
}

impl Body {
    /// All bytes of it.
    pub fn len(&self) -> u64 {
        match self {
            Body::None => 0,
            Body::Held(chain) => chain.len(),
            Body::Stream { total, .. } => *total,
        }
    }
}

/// How the sending ended.
#[derive(Debug, Default)]
pub struct Sent {
    /// The application did not get everything: it closed or refused before.
    pub cut: bool,
    /// The error that cut it, if it was one: the fault when no answer follows.
    pub error: Option<io::Error>,
}

/// Where bytes may wait meanwhile.
#[derive(Clone, Copy)]
pub struct Space<'a> {
    pub memory: &'static Memory,
    pub temp: &'a TempPath,
}

/// One sending: where to, what is read meanwhile, and how far it came.
struct Sending<'a> {
    to: &'a Connection,
    settings: &'a Scgi,
    incoming: &'a mut Incoming,
    /// Bytes sent so far; counts on whatever becomes of the sending.
    count: &'a mut u64,
    space: Space<'a>,
    sent: Sent,
}

/// Sends the encoded parameters and a body that has been taken in. What the application says meanwhile goes to the one, the
/// bytes that were sent are counted in the other of the pair.
///
/// # Errors
/// [`Fault::Timeout`] in phase Send, [`Fault::Io`] in phase Send where the connection failed without being closed, [`Fault::Spool`]
/// when the body's temp file can not be read, [`Fault::Memory`].
pub fn held(
    to: &Connection,
    settings: &Scgi,
    params: &[u8],
    body: Option<&Chain>,
    (incoming, count): (&mut Incoming, &mut u64),
    space: Space<'_>,
) -> Result<Sent, Fault> {
    let mut sending = Sending::new(to, settings, (incoming, count), space);
    sending.chain(params, body)?;
    Ok(sending.sent)
}

/// Sends the encoded parameters, then the body as it comes from `client`.
///
/// # Errors
/// As [`held`]; [`Fault::ClientBody`] and [`Fault::Client`] when the client does not send all of it in time.
pub fn stream(
    to: &Connection,
    settings: &Scgi,
    params: &[u8],
    source: &mut Source<'_>,
    (incoming, count): (&mut Incoming, &mut u64),
) -> Result<Sent, Fault> {
    let mut sending = Sending::new(to, settings, (incoming, count), source.space);
    if !sending.chain(params, Some(source.prefix))? {
        return Ok(sending.sent);
    }
    let mut buffer = source
        .space
        .memory
        .block(STREAM_BUFFER)
        .map_err(|_| Fault::Memory)?;
    while *source.rest > 0 {
        let want = usize::try_from(*source.rest).unwrap_or(usize::MAX);
        let end = buffer.len().min(want);
        match sys::recv(source.client, &mut buffer[..end], false) {
            Ok(0) => return Err(Fault::ClientBody("the client ended it early")),
            Ok(count) => {
                *source.rest -= count as u64;
                if !sending.bytes(&buffer[..count], &[], false)? {
                    break;
                }
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                if !sending.wait_for_client(source)? {
                    break;
                }
            }
            Err(_) => return Err(Fault::Client(Gone::Hangup)),
        }
    }
    Ok(sending.sent)
}

/// A body that is still on its way.
pub struct Source<'a> {
    pub client: BorrowedFd<'a>,
    /// What came with the head.
    pub prefix: &'a Chain,
    /// Bytes that have not come yet.
    pub rest: &'a mut u64,
    /// `--client-body-timeout`.
    pub timeout: Duration,
    pub space: Space<'a>,
}

impl<'a> Sending<'a> {
    fn new(
        to: &'a Connection,
        settings: &'a Scgi,
        (incoming, count): (&'a mut Incoming, &'a mut u64),
        space: Space<'a>,
    ) -> Sending<'a> {
        Sending {
            to,
            settings,
            incoming,
            count,
            space,
            sent: Sent::default(),
        }
    }

    /// Sends the parameters and what there is of the body; `false` when the application wants no more.
    fn chain(&mut self, params: &[u8], body: Option<&Chain>) -> Result<bool, Fault> {
        // A file that will be used again must not lend its pages to the socket.
        let reused = body.is_some_and(|body| body.in_file() <= REUSE_MAX);
        let mut pieces = body.into_iter().flat_map(Chain::pieces).peekable();
        let first = match pieces.peek() {
            Some(Piece::Mem(bytes)) => *bytes,
            _ => &[],
        };
        if !first.is_empty() {
            pieces.next();
        }
        if !self.bytes(params, first, pieces.peek().is_some())? {
            return Ok(false);
        }
        while let Some(piece) = pieces.next() {
            let more = pieces.peek().is_some();
            let all = match piece {
                Piece::Mem(bytes) => self.bytes(bytes, &[], more)?,
                Piece::File { file, from, len } if reused => self.copy(file, from, len)?,
                Piece::File { file, from, len } => self.file(file, from, len)?,
            };
            if !all {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Sends two slices; `false` when the application wants no more.
    fn bytes(&mut self, mut first: &[u8], mut second: &[u8], more: bool) -> Result<bool, Fault> {
        loop {
            let result = match (first, second) {
                ([], []) => return Ok(true),
                (only, []) | ([], only) => sys::send(self.to.fd(), only, more),
                (first, second) => sys::send_two(self.to.fd(), first, second),
            };
            match result {
                Ok(count) => {
                    *self.count += count as u64;
                    let head = count.min(first.len());
                    first = &first[head..];
                    second = &second[count - head..];
                }
                Err(e) => {
                    if !self.after_error(e)? {
                        return Ok(false);
                    }
                }
            }
        }
    }

    /// Sends a run of a file by reading it.
    fn copy(&mut self, file: &std::fs::File, mut from: u64, mut len: u64) -> Result<bool, Fault> {
        let mut buffer = self
            .space
            .memory
            .block(STREAM_BUFFER)
            .map_err(|_| Fault::Memory)?;
        while len > 0 {
            let share = usize::try_from(len).unwrap_or(usize::MAX).min(buffer.len());
            file.read_exact_at(&mut buffer[..share], from)
                .map_err(Fault::Spool)?;
            if !self.bytes(&buffer[..share], &[], len > share as u64)? {
                return Ok(false);
            }
            from += share as u64;
            len -= share as u64;
        }
        Ok(true)
    }

    fn file(&mut self, file: &std::fs::File, mut from: u64, mut len: u64) -> Result<bool, Fault> {
        while len > 0 {
            let share = usize::try_from(len).unwrap_or(usize::MAX).min(FILE_SHARE);
            match sys::sendfile(self.to.fd(), file, from, share) {
                Ok(count) => {
                    *self.count += count as u64;
                    from += count as u64;
                    len -= count as u64;
                }
                Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Err(Fault::Spool(e)),
                Err(e) => {
                    if !self.after_error(e)? {
                        return Ok(false);
                    }
                }
            }
        }
        Ok(true)
    }

    /// Waits where the socket is full; notes where the application has closed. `false`: stop sending.
    fn after_error(&mut self, error: io::Error) -> Result<bool, Fault> {
        match error.kind() {
            io::ErrorKind::Interrupted => Ok(true),
            io::ErrorKind::WouldBlock => self.wait_for_room(),
            io::ErrorKind::BrokenPipe
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::NotConnected => {
                // Shown to this call, it is not shown to the next read again.
                self.incoming.reset |= error.kind() == io::ErrorKind::ConnectionReset;
                self.sent.cut = true;
                self.sent.error = Some(error);
                Ok(false)
            }
            _ => Err(Fault::Io(Phase::Send, error)),
        }
    }

    /// Waits until the application takes more. `--send-timeout` is between two writes, so reading does not extend it. An answer
    /// that is there by then counts.
    fn wait_for_room(&mut self) -> Result<bool, Fault> {
        let start = std::time::Instant::now();
        loop {
            let left = self.settings.send_timeout.saturating_sub(start.elapsed());
            if left.is_zero() {
                if !self.incoming.is_answered() {
                    return Err(Fault::Timeout(Phase::Send));
                }
                // It has done its work without the rest of the body: nobody else is to do it again (N6).
                self.sent.cut = true;
                return Ok(false);
            }
            let listen = self.incoming.may_listen(self.settings.max_temp_file_size);
            if !listen {
                // It talks without listening, and there is no room left to hear it out: as nginx, deliver what it says.
                self.sent.cut = true;
                return Ok(false);
            }
            let (ready, _) = sys::poll((self.to.fd(), true, true), None, left)
                .map_err(|e| Fault::Io(Phase::Send, e))?;
            if ready.read && !self.listen()? {
                return Ok(false);
            }
            if ready.write {
                return Ok(true);
            }
        }
    }

    /// Waits until the client has sent more. `false`: the application wants no more.
    fn wait_for_client(&mut self, source: &Source<'_>) -> Result<bool, Fault> {
        let start = std::time::Instant::now();
        loop {
            let left = source.timeout.saturating_sub(start.elapsed());
            if left.is_zero() {
                return Err(Fault::Client(Gone::BodyTimeout));
            }
            // Without room it is not asked: poll would report a hang-up again and again.
            let may = self.incoming.may_listen(self.settings.max_temp_file_size);
            let listen = may.then_some((self.to.fd(), true, false));
            let (client, application) = sys::poll((source.client, true, false), listen, left)
                .map_err(|e| Fault::Io(Phase::Send, e))?;
            if application.read && !self.listen()? {
                return Ok(false);
            }
            if client.read {
                return Ok(true);
            }
        }
    }

    /// Takes in what the application says while it is being sent to. `false`: it wants no more.
    fn listen(&mut self) -> Result<bool, Fault> {
        let got = match self.incoming.listen(self.to, self.space) {
            Ok(got) => got,
            Err(Fault::Io(_, error)) => {
                self.incoming.end_by_reset();
                self.sent.error = Some(error);
                Got::End
            }
            Err(other) => return Err(other),
        };
        let go_on = match got {
            Got::Nothing => true,
            Got::Some => !self.incoming.is_refusal(),
            Got::End => false,
        };
        self.sent.cut |= !go_on;
        Ok(go_on)
    }
}
