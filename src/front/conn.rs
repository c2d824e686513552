//! One client connection: reads, lets `intake` say what the bytes are, and acts on it.
//!
//! What it does with a whole request stands in `requests`. All of this runs on the front thread; the sink is what it shares
//! with the worker that has its exchange.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::intake::{self, BodyIntake, HeadStep};
use super::timers::{Alarm, Timers};
use crate::buffer::chain::Spool;
use crate::config::{Client, Location, Scgi, Server};
use crate::error::Gone;
use crate::http::request::{Limits, Request};
use crate::ops::vars::ConnInfo;
use crate::sink::{Flushed, Key, Sink, Then, Turn};
use crate::sys;
use crate::worker::exchange::Exchange;
use crate::worker::pool::Pool;
use crate::worker::{Desk, Shared};

/// After a close the client gets this long to see our end and to stop sending: in all, and without a byte (H38).
const LINGER_TOTAL: Duration = Duration::from_secs(30);
const LINGER_QUIET: Duration = Duration::from_secs(5);

/// What all connections use, and the loop owns.
pub struct Hub {
    pub shared: &'static Shared,
    pub pool: &'static Pool<Box<Exchange>>,
    pub timers: Timers,
    pub desk: Desk,
    /// Where everything is read to first.
    pub scratch: Box<[u8]>,
    /// Connections whose flush used up its share: they go on after the others.
    pub again: Vec<Key>,
    /// The time of this turn of the loop.
    pub now: Instant,
    /// The program is stopping: no connection is kept.
    pub stopping: bool,
    /// Counts exchanges.
    pub exchanges: u64,
}

/// What becomes of a connection after something happened to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Stay,
    Close,
}

/// What epoll said.
#[derive(Clone, Copy, Debug, Default)]
pub struct Edges {
    pub readable: bool,
    pub writable: bool,
    /// The client has ended its sending side.
    pub read_closed: bool,
    /// Both sides are closed, or the connection is broken.
    pub dead: bool,
}

/// Where a connection stands.
pub enum Phase {
    /// Between requests: not a byte of the next has come.
    Idle,
    /// Part of a head has come.
    Head,
    /// A body is coming.
    Body(Box<Pending>),
    /// A whole request waits until buffers are below `--memory`, at most until then.
    Wait(Box<Pending>, Instant),
    /// A worker has the exchange, or a response is being written. The longest time until the next look.
    Busy {
        streams: bool,
        protected: bool,
        look: Duration,
    },
    /// Our side is closed; what still comes is read and forgotten, at most until then.
    Linger(Instant),
}

/// A request that is not handed over yet.
pub struct Pending {
    pub request: Box<Request>,
    pub server: &'static Server,
    pub location: &'static Location,
    pub scgi: &'static Scgi,
    /// `None`: it has no body, or it is complete.
    pub intake: Option<BodyIntake>,
    /// `None`: the body is not wanted.
    pub spool: Option<Spool>,
}

/// One client connection.
pub struct Conn {
    pub sink: Arc<Sink>,
    pub key: Key,
    pub info: Arc<ConnInfo>,
    /// Index into the configuration's listens.
    pub listen: usize,
    pub phase: Phase,
    /// Bytes that have come and are not used yet.
    pub buf: Vec<u8>,
    /// How far `buf` has been searched for the end of a head.
    scanned: usize,
    /// Requests so far.
    pub requests: u32,
    /// When the first byte of the current request came.
    pub started: Instant,
    pub alarm: Alarm,
    /// More may be read: the edge has been seen and the socket not emptied since.
    readable: bool,
    /// The client has ended its sending side, as epoll told.
    read_closed: bool,
    /// It had done so before its request was handed over: that is a client that wants its answer, not one that left.
    pub half_closed: bool,
    /// Settings that hold for the current request, or before it for the address.
    pub client: &'static Client,
}

impl Conn {
    /// A connection that has just been accepted.
    pub fn new(
        sink: Arc<Sink>,
        key: Key,
        info: ConnInfo,
        listen: usize,
        client: &'static Client,
        hub: &mut Hub,
    ) -> Conn {
        let mut conn = Conn {
            sink,
            key,
            info: Arc::new(info),
            listen,
            phase: Phase::Idle,
            buf: Vec::new(),
            scanned: 0,
            requests: 0,
            started: hub.now,
            alarm: Alarm::new(),
            readable: false,
            read_closed: false,
            half_closed: false,
            client,
        };
        let wait = conn.server(hub).client_header_timeout;
        conn.wake_in(wait, hub);
        conn
    }

    /// The server that holds before a request has named one.
    pub fn server(&self, hub: &Hub) -> &'static Server {
        let config = hub.shared.config;
        &config.servers[config.listens[self.listen].names.default]
    }

    /// Asks to be looked at after `time`.
    pub fn wake_in(&mut self, time: Duration, hub: &mut Hub) {
        let due = hub
            .now
            .checked_add(time)
            .unwrap_or(hub.now + Duration::from_secs(1 << 30));
        hub.timers.set(self.key, &mut self.alarm, due);
    }

    /// Something happened on the socket.
    pub fn on_edges(&mut self, edges: Edges, hub: &mut Hub) -> Fate {
        self.readable |= edges.readable || edges.read_closed;
        let newly_closed = edges.read_closed && !self.read_closed;
        self.read_closed |= edges.read_closed;
        if edges.dead {
            return self.on_dead();
        }
        if edges.writable && matches!(self.phase, Phase::Busy { .. } | Phase::Body(_)) {
            let flushed = self.sink.flush();
            if self.after_flush(flushed, hub) == Fate::Close {
                return Fate::Close;
            }
        }
        if newly_closed && self.has_left() {
            self.sink.cancel(Gone::Hangup);
        }
        self.drive(hub)
    }

    /// Both sides are closed: nothing can reach the client any more.
    fn on_dead(&mut self) -> Fate {
        if let Phase::Busy { .. } = self.phase {
            self.sink.cancel(Gone::Hangup);
            if self.sink.look().turn == Turn::Worker {
                return Fate::Stay; // the worker's end leaves a note
            }
        }
        Fate::Close
    }

    /// Whether the end of the client's sending side means that it has left. It does while an application is at work for
    /// it, as in nginx: nothing else shows that a TCP client is gone. It does not on a Unix socket, where a full close is
    /// told apart, nor where the request's body is being read by a worker, which sees the end itself, nor where the
    /// exchange is to go on anyway.
    fn has_left(&self) -> bool {
        match self.phase {
            Phase::Busy {
                streams, protected, ..
            } => !streams && !protected && !self.half_closed && self.info.remote.is_some(),
            _ => false,
        }
    }

    /// A worker left a note: its exchange is over, or its response needs a timer.
    pub fn on_note(&mut self, hub: &mut Hub) -> Fate {
        let flushed = self.sink.flush();
        match self.after_flush(flushed, hub) {
            Fate::Close => Fate::Close,
            Fate::Stay => self.drive(hub),
        }
    }

    /// What follows from an attempt to write what waits.
    fn after_flush(&mut self, flushed: Flushed, hub: &mut Hub) -> Fate {
        match flushed {
            Flushed::Empty(Turn::Done {
                then: Then::Close, ..
            }) => sys::shutdown_write(self.sink.socket()),
            Flushed::Empty(_) | Flushed::Blocked => {}
            Flushed::Paced(time) => self.wake_in(time, hub),
            Flushed::More => hub.again.push(self.key),
            Flushed::Broken => {
                if self.sink.look().turn != Turn::Worker {
                    return Fate::Close;
                }
            }
        }
        Fate::Stay
    }

    /// The time that the connection asked for has come.
    pub fn on_timer(&mut self, hub: &mut Hub) -> Fate {
        match &self.phase {
            Phase::Idle | Phase::Linger(_) => Fate::Close,
            Phase::Head => self.refuse_slow("no complete head within --client-header-timeout", hub),
            Phase::Body(_) => self.refuse_slow("no body within --client-body-timeout", hub),
            Phase::Wait(..) => {
                self.wait_over(hub);
                self.drive(hub)
            }
            Phase::Busy { look, .. } => {
                let look = *look;
                self.on_busy_timer(look, hub)
            }
        }
    }

    fn refuse_slow(&mut self, why: &'static str, hub: &mut Hub) -> Fate {
        self.refuse(408, why, hub);
        self.drive(hub)
    }

    fn on_busy_timer(&mut self, look: Duration, hub: &mut Hub) -> Fate {
        self.wake_in(look, hub);
        let flushed = self.sink.flush();
        if self.after_flush(flushed, hub) == Fate::Close {
            return Fate::Close;
        }
        let state = self.sink.look();
        if !state.empty && !state.gone {
            let due = state.progress + self.client.send_timeout;
            if due <= hub.now {
                log::info!(
                    "connection {}: {}",
                    self.info.id,
                    Gone::SendTimeout.phrase()
                );
                self.sink.cancel(Gone::SendTimeout);
                if state.turn != Turn::Worker {
                    return Fate::Close;
                }
            } else if !matches!(flushed, Flushed::Paced(_)) {
                self.wake_in(due - hub.now, hub);
            }
        }
        self.drive(hub)
    }

    /// Goes on as far as bytes and phase allow.
    pub fn drive(&mut self, hub: &mut Hub) -> Fate {
        loop {
            match self.phase {
                Phase::Busy { .. } => {
                    let more = self.readable || !self.buf.is_empty() || hub.stopping;
                    let turn = if more {
                        self.sink.call_back()
                    } else {
                        self.sink.look().turn
                    };
                    match turn {
                        Turn::Worker => return Fate::Stay,
                        Turn::Front | Turn::Done { .. } => match self.settle(hub) {
                            Some(fate) => return fate,
                            None => continue,
                        },
                    }
                }
                Phase::Wait(..) => return Fate::Stay,
                // Our end has been sent; a stop does not wait for the client's.
                Phase::Linger(_) if hub.stopping && !self.readable => return Fate::Close,
                Phase::Idle if hub.stopping && self.buf.is_empty() && !self.readable => {
                    return Fate::Close;
                }
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
        used > 0 || std::mem::discriminant(&self.phase) != phase
    }

    /// Reads once. `None`: go on.
    fn read(&mut self, hub: &mut Hub) -> Option<Fate> {
        let mut scratch = std::mem::take(&mut hub.scratch);
        let result = sys::recv(self.sink.socket(), &mut scratch, false);
        let fate = match result {
            Ok(0) => Some(self.on_end(hub)),
            Ok(count) => {
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
                self.readable = false;
                Some(Fate::Stay)
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => None,
            Err(_) => Some(Fate::Close),
        };
        hub.scratch = scratch;
        fate
    }

    /// The client has ended its side while we were reading.
    fn on_end(&mut self, hub: &mut Hub) -> Fate {
        self.readable = false;
        match &self.phase {
            Phase::Head => self.abandoned("it ended within a request head", hub),
            Phase::Body(_) => self.abandoned("it ended within a request body", hub),
            _ => {}
        }
        Fate::Close
    }

    /// Uses bytes as far as the phase takes any, and says how many.
    fn process(&mut self, bytes: &[u8], hub: &mut Hub) -> usize {
        let mut at = 0;
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            match &mut self.phase {
                Phase::Idle => {
                    self.phase = Phase::Head;
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
                    let taken = pending.take(rest, &self.client.temp, hub.shared.memory);
                    at += self.after_body_step(taken, hub).unwrap_or(rest.len());
                }
                Phase::Linger(_) => {
                    self.linger_on(hub);
                    return bytes.len();
                }
                Phase::Wait(..) | Phase::Busy { .. } => return at,
            }
        }
        at
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

    /// After a response of which everything is out: keep, close slowly, or reset. `None`: go on driving.
    fn settle(&mut self, hub: &mut Hub) -> Option<Fate> {
        let state = self.sink.look();
        let Turn::Done { then, at } = state.turn else {
            return Some(Fate::Stay);
        };
        if state.gone {
            return Some(Fate::Close);
        }
        if !state.empty {
            // The pace of a response may have asked for an earlier look already.
            let due = state.progress + self.client.send_timeout;
            if self.alarm.due.is_none_or(|set| set > due || set <= hub.now) {
                self.wake_in(due.saturating_duration_since(hub.now), hub);
            }
            return Some(Fate::Stay);
        }
        match then {
            Then::Keep => {
                self.phase = Phase::Idle;
                self.sink.begin(Turn::Front, false, false);
                let idle = hub.now.saturating_duration_since(at);
                self.wake_in(self.client.keepalive_timeout.saturating_sub(idle), hub);
            }
            Then::Close => {
                self.phase = Phase::Linger(hub.now + LINGER_TOTAL);
                self.readable = true;
                self.wake_in(LINGER_QUIET, hub);
            }
            Then::Reset => {
                self.sink.reset_on_close();
                return Some(Fate::Close);
            }
        }
        None
    }

    /// Something still came after our close.
    fn linger_on(&mut self, hub: &mut Hub) {
        if let Phase::Linger(until) = self.phase {
            let left = until.saturating_duration_since(hub.now);
            self.wake_in(left.min(LINGER_QUIET), hub);
        }
    }

    /// Whether the client has ended its sending side, as far as is known.
    pub fn read_closed(&self) -> bool {
        self.read_closed
    }

    /// Whether this connection may be closed to make room for a new one: it has nothing to do, and was served before.
    pub fn is_spare(&self) -> bool {
        match self.phase {
            Phase::Linger(_) => true,
            Phase::Idle => self.requests > 0,
            Phase::Head | Phase::Body(_) | Phase::Wait(..) | Phase::Busy { .. } => false,
        }
    }
}
