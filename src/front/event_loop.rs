//! The loop: waits for sockets, notes, signals and timers, and passes each to where it belongs.

use std::io;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Registry, Token, Waker};

use super::caching;
#[cfg(feature = "auth")]
use super::checking;
use super::conn::{Conn, Edges, Fate};
use super::ending::Stopping;
use super::hub::{Hub, Only};
use super::listener::{Accepted, Listener};
use crate::cache::zone::Zone;
use crate::ops::notify::Notify;
use crate::ops::status::Census;
use crate::sink::Notes;
use crate::sys::{self, Signals};
use crate::worker::Shared;
use crate::worker::exchange::Exchange;
use crate::worker::pool::Pool;

const WAKER: Token = Token(0);
const SIGNALS: Token = Token(1);
/// The tokens of listeners begin here, those of connections behind them.
const FIRST_LISTENER: usize = 2;

/// Events taken from the system at once.
const EVENTS: usize = 256;
/// After this long without an event warm buffers are given back.
const IDLE_TRIM: Duration = Duration::from_secs(10);

/// The front can not go on: the program ends, loudly.
#[derive(Debug)]
pub struct FrontError {
    what: &'static str,
    error: io::Error,
}

impl std::fmt::Display for FrontError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.what, self.error)
    }
}

/// Names what failed.
fn failed(what: &'static str) -> impl Fn(io::Error) -> FrontError {
    move |error| FrontError { what, error }
}

/// Lets the poll tell when something can be read.
fn register(registry: &Registry, fd: &impl AsRawFd, token: Token) -> io::Result<()> {
    registry.register(&mut SourceFd(&fd.as_raw_fd()), token, Interest::READABLE)
}

/// A place for a connection. The serial number changes with each use.
pub(super) struct Slot {
    pub(super) serial: u32,
    pub(super) conn: Option<Box<Conn>>,
}

/// The front thread's all.
pub struct Front {
    pub(super) poll: Poll,
    pub(super) signals: Signals,
    pub(super) notes: Arc<Notes>,
    pub(super) listeners: Vec<Listener>,
    /// How many listeners there were: connection tokens begin behind them.
    pub(super) first_conn: usize,
    pub(super) slots: Vec<Slot>,
    pub(super) free: Vec<usize>,
    /// Slots that became free in this turn: used again only in the next, since events for them may be waiting.
    pub(super) freed: Vec<usize>,
    pub(super) serial: u32,
    /// Connections so far, for their ids.
    pub(super) accepted: u64,
    pub(super) hub: Hub,
    pub(super) stopping: Stopping,
    /// The service manager, if there is one.
    pub(super) manager: Option<Notify>,
    /// When queued jobs want to be looked at again.
    relief: Option<Instant>,
    /// When something last happened.
    active: Instant,
    /// Warm buffers have been given back since.
    trimmed: bool,
}

impl Front {
    /// A front for these listeners. Call on the thread that will run it, after privileges have been dropped.
    ///
    /// # Errors
    /// The poll can not be set up.
    pub fn new(
        listeners: Vec<Listener>,
        signals: Signals,
        manager: Option<Notify>,
        shared: &'static Shared,
        pool: &'static Pool<Box<Exchange>>,
    ) -> Result<Front, FrontError> {
        let poll = Poll::new().map_err(failed("epoll"))?;
        let registry = poll.registry();
        let waker = Waker::new(registry, WAKER).map_err(failed("waker"))?;
        let bell = Box::new(move || {
            if let Err(error) = waker.wake() {
                log::error!("can not wake the front: {error}");
            }
        });
        register(registry, &signals, SIGNALS).map_err(failed("signals"))?;
        for (index, listener) in listeners.iter().enumerate() {
            let token = Token(FIRST_LISTENER + index);
            register(registry, &listener.fd(), token).map_err(failed("listener"))?;
        }
        let now = Instant::now();
        let notes = Arc::new(Notes::new(bell));
        caching::listen(shared.zones, &notes);
        #[cfg(feature = "auth")]
        checking::listen(shared.verifier, &notes);
        Ok(Front {
            poll,
            signals,
            notes,
            first_conn: FIRST_LISTENER + listeners.len(),
            listeners,
            slots: Vec::new(),
            free: Vec::new(),
            freed: Vec::new(),
            serial: 0,
            accepted: 0,
            hub: Hub::new(shared, pool, now).map_err(failed("/dev/null"))?,
            stopping: Stopping::No,
            manager,
            relief: None,
            active: now,
            trimmed: true,
        })
    }

    /// Takes over a connection, and runs for no longer than that. `listen` 0 says what holds for it.
    ///
    /// # Errors
    /// It can not be registered.
    pub fn serve_only(&mut self, accepted: Accepted, whose: Only) -> io::Result<()> {
        self.hub.only = Some(whose);
        self.admit(accepted, 0)
    }

    /// No connection is left.
    pub fn is_idle(&self) -> bool {
        self.connections() == 0
    }

    /// Runs until a signal ends the program and its requests have ended, or been ended.
    ///
    /// # Errors
    /// The poll fails.
    pub fn run(&mut self) -> Result<(), FrontError> {
        let mut events = Events::with_capacity(EVENTS);
        let mut begun = self.hub.only.is_some();
        self.say_ready();
        loop {
            let timeout = self.timeout();
            if !begun && timeout != Some(Duration::ZERO) {
                // The start is over: what of the program is needed from now on is little.
                sys::forget_code();
                begun = true;
            }
            match self.poll.poll(&mut events, timeout) {
                Err(e) if e.kind() != io::ErrorKind::Interrupted => return Err(failed("poll")(e)),
                _ => {}
            }
            self.hub.now = Instant::now();
            self.hub.wall = SystemTime::now();
            for event in &events {
                match event.token() {
                    WAKER => {}
                    SIGNALS => self.on_signals(),
                    Token(token) if token < self.first_conn => {
                        if let Some(listener) = self.listeners.get_mut(token - FIRST_LISTENER) {
                            listener.ready = true;
                        }
                    }
                    Token(token) => {
                        let edges = Edges {
                            readable: event.is_readable(),
                            writable: event.is_writable(),
                            read_closed: event.is_read_closed(),
                            hung_up: event.is_write_closed(),
                            broken: event.is_error(),
                        };
                        let slot = token - self.first_conn;
                        self.with(slot, None, |conn, hub| conn.on_edges(edges, hub));
                    }
                }
            }
            self.after_events(events.is_empty());
            if self.is_over() {
                return Ok(());
            }
        }
    }

    /// What is done once in each turn.
    fn after_events(&mut self, idle: bool) {
        for key in self.notes.take() {
            self.with(key.slot, Some(key.serial), Conn::on_note);
        }
        for key in std::mem::take(&mut self.hub.again) {
            self.with(key.slot, Some(key.serial), Conn::on_note);
        }
        self.answer_inquiries();
        self.on_timers();
        self.accept_all();
        self.relief = self.hub.pool.relieve(self.hub.now);
        self.tell_manager();
        self.free.append(&mut self.freed);
        if !idle {
            self.active = self.hub.now;
            self.trimmed = false;
        } else if !self.trimmed && self.hub.now - self.active >= IDLE_TRIM {
            self.hub.shared.memory.trim();
            self.hub.shared.zones.iter().for_each(Zone::trim);
            sys::forget_code();
            self.trimmed = true;
        }
    }

    /// Answers requests to status locations, which want all connections counted.
    fn answer_inquiries(&mut self) {
        if self.hub.inquiries.is_empty() {
            return;
        }
        let census = self.census();
        for inquiry in std::mem::take(&mut self.hub.inquiries) {
            let key = inquiry.key();
            self.with(key.slot, Some(key.serial), |conn, hub| {
                conn.answer_inquiry(inquiry, census, hub)
            });
        }
    }

    /// All connections, by what they do.
    pub(super) fn census(&self) -> Census {
        let mut census = Census::default();
        for conn in self.slots.iter().filter_map(|slot| slot.conn.as_ref()) {
            conn.count_state(&mut census);
        }
        census
    }

    /// How long to wait at most.
    fn timeout(&self) -> Option<Duration> {
        if !self.hub.again.is_empty()
            || !self.hub.inquiries.is_empty()
            || self.listeners.iter().any(Listener::is_waiting)
        {
            return Some(Duration::ZERO);
        }
        let mut next = self.hub.timers.next();
        let mut sooner = |at: Option<Instant>| {
            if let Some(at) = at {
                next = Some(next.map_or(at, |next| next.min(at)));
            }
        };
        self.listeners
            .iter()
            .for_each(|l| sooner(l.rests_until.map(|(until, _)| until)));
        sooner(self.relief);
        let manager = self.manager.as_ref();
        sooner(manager.and_then(|manager| manager.wakes_at(self.hub.stopping)));
        match self.stopping {
            Stopping::Gently(until) | Stopping::Cancelled(until) => sooner(Some(until)),
            Stopping::No | Stopping::Now => {}
        }
        if !self.trimmed {
            sooner(Some(self.active + IDLE_TRIM));
        }
        // The clock is read once more: what happened since the last reading took time.
        next.map(|at| at.saturating_duration_since(Instant::now()))
    }

    /// Lets something happen to a connection, and removes it if that ended it. `serial` guards against a reused slot.
    pub(super) fn with(
        &mut self,
        slot: usize,
        serial: Option<u32>,
        happen: impl FnOnce(&mut Conn, &mut Hub) -> Fate,
    ) {
        let Some(place) = self.slots.get_mut(slot) else {
            return;
        };
        if serial.is_some_and(|serial| serial != place.serial) {
            return;
        }
        let Some(conn) = &mut place.conn else { return };
        if happen(conn, &mut self.hub) == Fate::Close {
            self.close(slot);
        }
    }

    pub(super) fn close(&mut self, slot: usize) {
        let Some(mut conn) = self.slots.get_mut(slot).and_then(|place| place.conn.take()) else {
            return;
        };
        conn.abandon(&mut self.hub);
        conn.discount(self.hub.shared.memory);
        conn.sink.close();
        // A worker that is just leaving may hold the socket a moment longer: no event of it may reach the next in the slot.
        let fd = conn.sink.socket().as_raw_fd();
        if Arc::strong_count(&conn.sink) > 1 {
            // It was registered when it was accepted: there is nothing that could fail here.
            let _ = self.poll.registry().deregister(&mut SourceFd(&fd));
        }
        self.freed.push(slot);
        self.listeners.iter_mut().for_each(Listener::place_is_free);
    }

    fn on_timers(&mut self) {
        while let Some((key, at)) = self.hub.timers.pop(self.hub.now) {
            self.with(key.slot, Some(key.serial), |conn, hub| {
                let now = hub.now;
                if hub.timers.is_due(key, &mut conn.alarm, at, now) {
                    conn.on_timer(hub)
                } else {
                    Fate::Stay
                }
            });
        }
    }

    pub(super) fn connections(&self) -> usize {
        self.slots.len() - self.free.len() - self.freed.len()
    }
}
