//! One client connection: reads, lets `intake` say what the bytes are, and acts on it.
//!
//! What it does with a whole request stands in `requests`. All of this runs on the front thread; the sink is what it shares
//! with the worker that has its exchange.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::caching::Awaiting;
use super::hub::{Hub, Only};
use super::intake::BodyIntake;
use super::timers::Alarm;
use crate::buffer::chain::Spool;
use crate::cache::lookup::Waited;
use crate::config::{Client, Config, Listen, Server, TempPath};
use crate::error::Gone;
use crate::http::request::Request;
use crate::ops::vars::ConnInfo;
use crate::respond::course::Course;
use crate::sink::{Flushed, Key, Look, Sink, Then, Turn};
use crate::sys;
use crate::worker::exchange::Caching;

/// After a close the client gets this long to see our end and to stop sending: in all, and without a byte (H38).
const LINGER_TOTAL: Duration = Duration::from_secs(30);
const LINGER_QUIET: Duration = Duration::from_secs(5);

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
    /// Both sides are closed.
    pub hung_up: bool,
    /// The connection is broken.
    pub broken: bool,
}

/// Where a connection stands.
pub enum Phase {
    /// Before everything else: the head of the PROXY protocol has not come, or not all of it.
    Preface,
    /// Between requests: not a byte of the next has come.
    Idle,
    /// Part of a head has come.
    Head,
    /// A body is coming.
    Body(Box<Pending>),
    /// A whole request waits until buffers are below `--memory`, at most until then. Behind one pointer: this is seldom, and every
    /// connection has room for the longest phase.
    Wait(Box<(Box<Pending>, Instant)>),
    /// A request waits for another to fill an entry of the cache, or for its password to be checked.
    Await(Box<Awaiting>),
    /// A worker has the exchange, or a response is being written. The longest time until the next look.
    Busy { protected: bool, look: Duration },
    /// Our side is closed; what still comes is read and forgotten, at most until then.
    Linger(Instant),
}

/// A request that is not handed over yet.
pub struct Pending {
    pub request: Box<Request>,
    pub course: Course,
    /// The body goes on as it comes (`--request-buffering off`).
    pub streams: bool,
    /// `None`: it has no body, or it is complete.
    pub intake: Option<BodyIntake>,
    /// `None`: the body is not wanted.
    pub spool: Option<Spool>,
    /// Where its file is made, if it gets one: where the request came to, and it may go on to elsewhere.
    pub temp: &'static TempPath,
    pub caching: Caching,
    /// Since when it has waited for another to fill an entry of the cache.
    pub waited: Option<Waited>,
}

/// One client connection.
pub struct Conn {
    pub sink: Arc<Sink>,
    pub key: Key,
    /// The ends of the connection itself.
    pub(super) own: Arc<ConnInfo>,
    /// The same for the current request: its client may be another than the peer.
    pub info: Arc<ConnInfo>,
    pub phase: Phase,
    /// Bytes that have come and are not used yet.
    pub buf: Vec<u8>,
    /// What of `buf` is counted among all buffers, in bytes.
    pub(super) counted: usize,
    /// How far `buf` has been searched for the end of a head.
    pub(super) scanned: usize,
    /// Index into the configuration's listens.
    listen: u32,
    /// Requests so far.
    pub requests: u32,
    /// When the first byte of the current request came.
    pub started: Instant,
    pub alarm: Alarm,
    /// More may be read: the edge has been seen and the socket not emptied since.
    pub(super) readable: bool,
    /// The client has ended its sending side, as epoll told.
    pub(super) read_closed: bool,
    /// It had done so before its request was handed over: that is a client that wants its answer, not one that left.
    pub half_closed: bool,
    /// Empty lines since the last request.
    pub(super) strays: u8,
    /// What had not come of the body when its request was handed over to a worker, who reads it; in bytes. More than this can say
    /// is more than a socket holds.
    pub(super) owed: u32,
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
        let own = Arc::new(info);
        let phase = match hub.shared.config.listens[listen].proxy_protocol {
            true => Phase::Preface,
            false => Phase::Idle,
        };
        let mut conn = Conn {
            sink,
            key,
            info: Arc::clone(&own),
            own,
            // There are no more of them than ports.
            listen: listen.try_into().unwrap_or(u32::MAX),
            phase,
            buf: Vec::new(),
            counted: 0,
            scanned: 0,
            requests: 0,
            strays: 0,
            started: hub.now,
            alarm: Alarm::new(),
            readable: false,
            read_closed: false,
            half_closed: false,
            owed: 0,
            client,
        };
        let wait = conn.server(hub).client_header_timeout;
        conn.wake_in(wait, hub);
        conn
    }

    /// The server that holds before a request has named one.
    pub fn server(&self, hub: &Hub) -> &'static Server {
        let config = hub.shared.config;
        &config.servers[self.listen(config).names.default]
    }

    /// What holds where it was accepted.
    pub(super) fn listen(&self, config: &'static Config) -> &'static Listen {
        let index = usize::try_from(self.listen).unwrap_or(usize::MAX);
        &config.listens[index]
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
        if edges.broken || (edges.hung_up && !self.has_ended()) {
            return self.on_dead(hub);
        }
        if edges.writable
            && matches!(
                self.phase,
                Phase::Busy { .. } | Phase::Body(_) | Phase::Wait(..) | Phase::Await(_)
            )
        {
            let flushed = self.sink.flush();
            if self.after_flush(flushed, hub) == Fate::Close {
                return Fate::Close;
            }
        }
        if newly_closed && matches!(self.phase, Phase::Await(_)) && self.own.remote.is_some() {
            // Nothing else shows that a TCP client has left; a worker would be told in the same way.
            return Fate::Close;
        }
        if newly_closed && self.has_left() {
            self.sink.cancel(Gone::Hangup);
            if self.withdraw(hub) {
                return Fate::Close;
            }
        } else {
            self.half_closed |= newly_closed;
        }
        self.drive(hub)
    }

    /// Our side has been closed after a response, so that a hang-up says no more than that the client has closed its own. The
    /// end of the response may still be in the kernel's queue, from where a close with unread bytes would drop it (RFC 9112
    /// 9.6).
    fn has_ended(&self) -> bool {
        match self.phase {
            Phase::Linger(_) => true,
            Phase::Busy { .. } => {
                let state = self.sink.look();
                let closed = matches!(
                    state.turn,
                    Turn::Done {
                        then: Then::Close,
                        ..
                    }
                );
                closed && state.empty && !state.gone
            }
            _ => false,
        }
    }

    /// The connection is broken, or the client has closed it: nothing can reach it any more.
    fn on_dead(&mut self, hub: &mut Hub) -> Fate {
        if let Phase::Busy { protected, .. } = self.phase {
            self.sink.cancel(Gone::Hangup);
            if (protected || !self.withdraw(hub)) && self.sink.look().turn == Turn::Worker {
                return Fate::Stay; // the worker's end leaves a note
            }
        }
        Fate::Close
    }

    /// Whether the end of the client's sending side means that it has left. It does while its request waits for a worker and
    /// while an application is at work for it, as in nginx: nothing else shows that a TCP client is gone. It does not on a Unix
    /// socket, where a full close is told apart, nor where the request's body is a worker's to read, who sees the end itself
    /// (but see [`Conn::is_cut_short`]), nor where the exchange is to go on anyway, nor where the application has ended and
    /// only the client's own pace is left.
    fn has_left(&self) -> bool {
        match self.phase {
            Phase::Busy { protected, .. } => {
                let tcp = self.own.remote.is_some();
                let state = self.sink.look();
                let at_work = state.turn == Turn::Worker && !state.streaming;
                tcp && !protected && !self.half_closed && at_work
            }
            _ => false,
        }
    }

    /// Whether less has come of a body than its length, and no more can: as long as no worker has begun to read it.
    pub(super) fn is_cut_short(&self) -> bool {
        let ended = self.read_closed && self.owed > 0;
        ended && sys::unread(self.sink.socket()).is_ok_and(|come| come < self.owed.into())
    }

    /// A worker left a note: its exchange is over, or its response needs a timer.
    pub fn on_note(&mut self, hub: &mut Hub) -> Fate {
        self.ask_again(hub);
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
            // It is closed by us alone, at the other end: nobody else's pace is left to wait for.
            Phase::Linger(_) if hub.only == Some(Only::Ours) => Fate::Stay,
            Phase::Idle | Phase::Linger(_) => Fate::Close,
            Phase::Preface => {
                self.preface_failed("not complete within --client-header-timeout");
                Fate::Close
            }
            Phase::Head => self.refuse_slow("no complete head within --client-header-timeout", hub),
            Phase::Body(_) => self.refuse_slow("no body within --client-body-timeout", hub),
            Phase::Wait(..) => {
                self.wait_over(hub);
                self.drive(hub)
            }
            Phase::Await(_) => {
                self.ask_again(hub);
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
        let flushed = self.sink.flush();
        let state = self.sink.look();
        let waits = !state.empty && !state.gone;
        let due = state.progress + self.client.send_timeout;
        if waits && due <= hub.now {
            log::info!(
                "connection {}: {}",
                self.info.id,
                Gone::SendTimeout.phrase()
            );
            self.sink.cancel(Gone::SendTimeout);
            if state.turn != Turn::Worker {
                return Fate::Close;
            }
        }
        // One deadline is set, the nearest: each that is brought forward leaves an entry behind.
        if !matches!(flushed, Flushed::Paced(_)) {
            let next = if waits {
                look.min(due.saturating_duration_since(hub.now))
            } else {
                look
            };
            self.wake_in(next.max(Duration::from_millis(1)), hub);
        }
        match self.after_flush(flushed, hub) {
            Fate::Close => Fate::Close,
            Fate::Stay => self.drive(hub),
        }
    }

    /// After a response of which everything is out: keep, close slowly, or reset. `None`: go on driving.
    pub(super) fn settle(&mut self, hub: &mut Hub) -> Option<Fate> {
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
                self.sink.begin(Turn::Front, false, false, false);
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
    pub(super) fn linger_on(&mut self, hub: &mut Hub) {
        if let Phase::Linger(until) = self.phase {
            let left = until.saturating_duration_since(hub.now);
            self.wake_in(left.min(LINGER_QUIET), hub);
        }
    }

    /// When this connection would be closed anyway, if it may be closed to make room for a new one: it has been served and
    /// has nothing to do.
    pub fn spare_until(&self) -> Option<Instant> {
        // What has come and is not used yet may be a request, which only waits for its turn.
        let used = self.buf.is_empty() && !self.readable;
        match self.phase {
            Phase::Linger(_) => self.alarm.due,
            Phase::Idle if self.requests > 0 && used => self.alarm.due,
            // A worker's last byte wakes nobody: this connection may have been idle for long.
            Phase::Busy { .. } => match self.sink.look() {
                Look {
                    turn: Turn::Done { at, .. },
                    empty: true,
                    ..
                } if used => Some(at + self.client.keepalive_timeout),
                _ => None,
            },
            Phase::Preface
            | Phase::Idle
            | Phase::Head
            | Phase::Body(_)
            | Phase::Wait(..)
            | Phase::Await(_) => None,
        }
    }
}
