//! A connection's input: reads, and uses what has come as far as the phase takes it.

use std::io;

use super::conn::{Conn, Fate, Phase};
use super::hub::Hub;
use super::intake::{self, HeadStep};
use crate::buffer::memory::Memory;
use crate::http::proxy_protocol::Malformed;
use crate::http::request::{Limits, MAX_EMPTY_LINES};
use crate::sink::Turn;
use crate::sys;

/// Reads, or answered requests, of one connection before others get their turn.
const SHARE: usize = 8;

impl Conn {
    /// Goes on as far as bytes, phase and a fair share allow: what is left then is done after the others had their turn.
    pub fn drive(&mut self, hub: &mut Hub) -> Fate {
        for _ in 0..SHARE {
            match self.phase {
                Phase::Busy { .. } => {
                    let more = self.readable || !self.buf.is_empty() || hub.stopping;
                    let turn = if more {
                        self.sink.call_back()
                    } else {
                        self.sink.look().turn
                    };
                    match turn {
                        Turn::Worker if self.is_cut_short() && self.withdraw(hub) => {
                            return Fate::Close;
                        }
                        Turn::Worker => return Fate::Stay,
                        Turn::Front | Turn::Done { .. } => match self.settle(hub) {
                            Some(fate) => return fate,
                            None => continue,
                        },
                    }
                }
                Phase::Wait(..) | Phase::Await(_) => return Fate::Stay,
                // Our end has been sent; a stop does not wait for the client's.
                Phase::Linger(_) if hub.stopping && !self.readable => return Fate::Close,
                Phase::Preface | Phase::Idle
                    if hub.stopping && self.buf.is_empty() && !self.readable =>
                {
                    return Fate::Close;
                }
                Phase::Preface if !self.buf.is_empty() => match self.preface() {
                    Ok(true) => continue,
                    Ok(false) => {}
                    Err(Malformed(why)) => {
                        self.preface_failed(why);
                        return Fate::Close;
                    }
                },
                _ => {}
            }
            if !self.buf.is_empty() && self.use_buffer(hub) {
                continue;
            }
            if !self.readable {
                return Fate::Stay;
            }
            if let Some(fate) = self.read(hub) {
                return fate;
            }
        }
        hub.again.push(self.key);
        Fate::Stay
    }

    /// Uses what is in `buf`. True when that changed anything.
    fn use_buffer(&mut self, hub: &mut Hub) -> bool {
        let mut bytes = std::mem::take(&mut self.buf);
        let phase = std::mem::discriminant(&self.phase);
        let used = self.process(&bytes, hub);
        if used < bytes.len() {
            bytes.drain(..used);
            self.buf = bytes;
        }
        self.count(hub.shared.memory);
        used > 0 || std::mem::discriminant(&self.phase) != phase
    }

    /// Reads once. `None`: go on.
    fn read(&mut self, hub: &mut Hub) -> Option<Fate> {
        let mut scratch = std::mem::take(&mut hub.scratch);
        let result = sys::recv(self.sink.socket(), &mut scratch, false);
        let fate = match result {
            Ok(0) => Some(self.on_end()),
            Ok(count) => {
                hub.shared.stats.received(count as u64);
                // A short read has emptied the socket; the end of the stream, once announced, must still be read.
                self.readable = count == scratch.len() || self.read_closed;
                if self.buf.is_empty() {
                    let used = self.process(&scratch[..count], hub);
                    self.buf.extend_from_slice(&scratch[used..count]);
                } else {
                    self.buf.extend_from_slice(&scratch[..count]);
                }
                None
            }
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                // There was nothing: `drive` may have waited for that, to end an idle connection in a stop.
                self.readable = false;
                None
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => None,
            Err(_) => Some(Fate::Close),
        };
        hub.scratch = scratch;
        self.count(hub.shared.memory);
        fate
    }

    /// Counts what `buf` holds now.
    fn count(&mut self, memory: &Memory) {
        let holds = self.buf.capacity();
        if holds != self.counted {
            memory.take(holds);
            memory.give(self.counted);
            self.counted = holds;
        }
    }

    /// The connection ends: nothing of it is counted any more.
    pub fn discount(&mut self, memory: &Memory) {
        self.buf = Vec::new();
        self.count(memory);
    }

    /// The client has ended its side while we were reading.
    fn on_end(&mut self) -> Fate {
        self.readable = false;
        if matches!(self.phase, Phase::Preface) && !self.buf.is_empty() {
            self.preface_failed("the connection ended within it");
        }
        Fate::Close
    }

    /// Uses bytes as far as the phase takes any, and says how many.
    fn process(&mut self, bytes: &[u8], hub: &mut Hub) -> usize {
        let mut at = 0;
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            if self.is_stray(rest) {
                at += 2;
                continue;
            }
            match &mut self.phase {
                // All of it is kept until it is complete; `drive` takes it.
                Phase::Preface => return at,
                Phase::Idle => {
                    self.phase = Phase::Head;
                    self.introduce(hub);
                    self.scanned = 0;
                    self.started = hub.now;
                    let wait = self.server(hub).client_header_timeout;
                    self.wake_in(wait, hub);
                }
                Phase::Head => match self.head(rest, hub) {
                    Some(used) => at += used,
                    None => return at,
                },
                Phase::Body(pending) => {
                    let taken = pending.take(rest, hub);
                    at += self.after_body_step(taken, hub).unwrap_or(rest.len());
                }
                Phase::Linger(_) => {
                    self.linger_on(hub);
                    return bytes.len();
                }
                Phase::Wait(..) | Phase::Await(_) | Phase::Busy { .. } => return at,
            }
        }
        at
    }

    /// Whether an empty line comes first that belongs to the last request and begins none: old clients end a body so, and then
    /// have nothing more to say (RFC 9112 2.2).
    fn is_stray(&mut self, bytes: &[u8]) -> bool {
        let between = matches!(self.phase, Phase::Idle) && self.requests > 0;
        let stray =
            between && usize::from(self.strays) < MAX_EMPTY_LINES && bytes.starts_with(b"\r\n");
        self.strays += u8::from(stray);
        stray
    }

    /// Looks for a head. `None`: more must come.
    fn head(&mut self, bytes: &[u8], hub: &mut Hub) -> Option<usize> {
        let server = self.server(hub);
        let limits = Limits {
            max_size: server.client_max_header_size,
            underscores: server.underscores,
        };
        match intake::head(bytes, &mut self.scanned, &limits) {
            Ok(HeadStep::More) => None,
            Ok(HeadStep::Request(request, used)) => {
                let rest = bytes.len() - used;
                self.on_request(request, rest, hub);
                Some(used)
            }
            Err(reject) => {
                self.refuse(reject.status, reject.why, hub);
                Some(bytes.len())
            }
        }
    }
}
