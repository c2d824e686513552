//! One check of `--health`: a whole small request on a connection of its own, and a look at the response.

use std::io;
use std::time::{Duration, Instant};

use super::connect::{Connection, Dial, connect};
use super::run::fits;
use crate::config::address::Address;
use crate::config::group::Health;
use crate::error::{Described, Fault, Phase};
use crate::http::chunked::Decoder;
use crate::scgi::response::{self, Head, Length, Parsed};
use crate::sys;

/// A check has the interval of its group, but no less than the one and no more than the other: an application that is asked
/// often may still be slow now and then, and one that is asked seldom is not to keep a thread for minutes.
const TIME_MIN: Duration = Duration::from_secs(1);
const TIME_MAX: Duration = Duration::from_secs(10);

/// Bytes of a body that are read. An application that is cut off in the middle of a page may log that.
const BODY_MAX: usize = 64 * 1024;

/// Bytes of one read.
const PIECE: usize = 4096;

/// Checks a server: its status if it has passed, else the cause.
///
/// # Errors
/// The gateway could not ask, which says nothing of the server: why.
pub fn ask(address: &Address, health: &Health) -> Result<Result<u16, String>, String> {
    match exchange(address, health) {
        Ok(status @ 200..=399) => Ok(Ok(status)),
        Ok(status) => Ok(Err(format!("status {status}"))),
        Err(fault) => {
            let unix = matches!(address, Address::Unix(_));
            let fails = fault.is_server_fault();
            let text = Described {
                fault: &fault,
                unix,
            };
            let text = text.to_string();
            if fails { Ok(Err(text)) } else { Err(text) }
        }
    }
}

/// The status of a response that is well formed, with a whole body as far as that was read.
fn exchange(address: &Address, health: &Health) -> Result<u16, Fault> {
    let time = health.interval.clamp(TIME_MIN, TIME_MAX);
    let until = Instant::now() + time;
    let bind = health.bind.filter(|(from, _)| fits(address, Some(from.ip)));
    let to = connect(address, bind, &Dial::within(time), &|| None)?;
    let sending = send(&to, &health.request, until)?;
    let mut incoming = Incoming {
        from: &to,
        until,
        bytes: Vec::with_capacity(PIECE),
    };
    let head = match incoming.head(health) {
        Err(Fault::NoHead {
            received, block, ..
        }) => {
            return Err(Fault::NoHead {
                received,
                block,
                sending,
            });
        }
        other => other?,
    };
    // These have no body, whatever the head says (RFC 9110 15.3.5, 15.3.6, 15.4.5).
    if !matches!(head.status(), 204 | 205 | 304) {
        incoming.body(head.length())?;
    }
    Ok(head.status())
}

/// Sends the request. An error ends that, but the application may have answered before: it is returned.
fn send(to: &Connection, mut rest: &[u8], until: Instant) -> Result<Option<io::Error>, Fault> {
    while !rest.is_empty() {
        match sys::send(to.fd(), rest, false) {
            Ok(count) => rest = rest.get(count..).unwrap_or_default(),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => wait(to, until, Phase::Send)?,
            Err(e) => return Ok(Some(e)),
        }
    }
    Ok(None)
}

/// Waits until the connection may be ready, or the time is over.
fn wait(on: &Connection, until: Instant, phase: Phase) -> Result<(), Fault> {
    let left = until.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(Fault::Timeout(phase));
    }
    let what = (on.fd(), phase != Phase::Send, phase == Phase::Send);
    match sys::poll(what, None, left) {
        Ok(_) => Ok(()),
        Err(error) => Err(Fault::Io(phase, error)),
    }
}

/// A response while it is read.
struct Incoming<'a> {
    from: &'a Connection,
    until: Instant,
    /// What has come and has not been looked at.
    bytes: Vec<u8>,
}

impl Incoming<'_> {
    /// Adds what comes next; `false` is the end. A reset ends a head as well.
    fn more(&mut self, phase: Phase) -> Result<bool, Fault> {
        let mut piece = [0; PIECE];
        loop {
            match self.from.read_now(&mut piece, phase) {
                Ok(Some(count)) => {
                    let piece = piece.get(..count).unwrap_or_default();
                    self.bytes.extend_from_slice(piece);
                    return Ok(count > 0);
                }
                Ok(None) => wait(self.from, self.until, phase)?,
                Err(Fault::Io(_, e)) if e.kind() == io::ErrorKind::ConnectionReset => {
                    return match phase {
                        Phase::Head => Ok(false),
                        _ => Err(Fault::CutShort { missing: None }),
                    };
                }
                Err(fault) => return Err(fault),
            }
        }
    }

    fn head(&mut self, health: &Health) -> Result<Head, Fault> {
        let (mut begin, mut scanned) = (0, 0);
        loop {
            let rest = self.bytes.get(begin..).unwrap_or_default();
            match response::parse(rest, &mut scanned).map_err(|e| Fault::BadHead(e.0))? {
                Parsed::Done(head, length) if length <= health.head_max => {
                    self.bytes.drain(..begin + length);
                    return Ok(head);
                }
                // Interim responses are kept, so that there can not be very many of them.
                Parsed::Interim(length) => {
                    (begin, scanned) = (begin + length, 0);
                    continue;
                }
                Parsed::More if self.bytes.len() < health.head_max => {}
                Parsed::More | Parsed::Done(..) => {
                    let limit = health.head_max;
                    return Err(Fault::HeadTooLarge { limit });
                }
            }
            if !self.more(Phase::Head)? {
                return Err(Fault::NoHead {
                    received: self.bytes.len() - begin,
                    block: health.block,
                    sending: None,
                });
            }
        }
    }

    /// Reads the body to its end, but no more than [`BODY_MAX`].
    fn body(&mut self, length: Length) -> Result<(), Fault> {
        let mut decoder = Decoder::lenient();
        let mut read = 0;
        loop {
            read += self.bytes.len();
            match length {
                Length::Known(length) if read as u64 >= length => return Ok(()),
                Length::Chunked => {
                    decode(&mut decoder, &self.bytes)?;
                    if decoder.is_done() {
                        return Ok(());
                    }
                }
                Length::Known(_) | Length::UntilClose => {}
            }
            if read >= BODY_MAX {
                return Ok(());
            }
            self.bytes.clear();
            if !self.more(Phase::Body)? {
                let missing = match length {
                    Length::UntilClose => return Ok(()),
                    Length::Known(length) => Some(length - read as u64),
                    Length::Chunked => None,
                };
                return Err(Fault::CutShort { missing });
            }
        }
    }
}

fn decode(decoder: &mut Decoder, mut bytes: &[u8]) -> Result<(), Fault> {
    while !bytes.is_empty() && !decoder.is_done() {
        let step = decoder.step(bytes).map_err(|e| Fault::BadChunk(e.why()))?;
        bytes = bytes.get(step.consumed.max(1)..).unwrap_or_default();
    }
    Ok(())
}
