//! What all connections use, and the event loop owns.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::time::{Instant, SystemTime};

use super::status::Inquiry;
use super::timers::Timers;
use crate::sink::Key;
use crate::worker::exchange::Exchange;
use crate::worker::pool::Pool;
use crate::worker::{Desk, Shared};

/// What one read may bring, in bytes.
const SCRATCH: usize = 64 * 1024;

/// Whose the other end of an only connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Only {
    /// Ours: a web server has said the request and waits for the answer, and the pace is its own.
    Ours,
    /// A client's.
    Client,
}

/// See the module's text.
pub struct Hub {
    pub shared: &'static Shared,
    pub pool: &'static Pool<Box<Exchange>>,
    pub timers: Timers,
    pub desk: Desk,
    /// Where everything is read to first.
    pub scratch: Box<[u8]>,
    /// Connections that have used up their share of a turn, writing, reading or answering: they go on after the others.
    pub again: Vec<Key>,
    /// Requests to status locations, to be answered at the end of the turn.
    pub inquiries: Vec<Inquiry>,
    /// The time of this turn of the loop, by either clock.
    pub now: Instant,
    pub wall: SystemTime,
    /// The program is stopping: no connection is kept.
    pub stopping: bool,
    /// There is one connection, and there will be no other (`--cgi`).
    pub only: Option<Only>,
    /// Some server believes peers about who the client is.
    pub names_clients: bool,
    /// Counts exchanges.
    pub exchanges: u64,
    /// In place of the socket of a client that is none.
    pub nowhere: OwnedFd,
}

impl Hub {
    /// For a front that has no connection yet.
    ///
    /// # Errors
    /// There is no `/dev/null`.
    pub fn new(
        shared: &'static Shared,
        pool: &'static Pool<Box<Exchange>>,
        now: Instant,
    ) -> io::Result<Hub> {
        let servers = &shared.config.servers;
        Ok(Hub {
            shared,
            pool,
            timers: Timers::default(),
            desk: Desk::new(),
            scratch: vec![0; SCRATCH].into_boxed_slice(),
            again: Vec::new(),
            inquiries: Vec::new(),
            now,
            wall: SystemTime::now(),
            stopping: false,
            only: None,
            names_clients: servers.iter().any(|s| s.real_ip.is_some()),
            exchanges: 0,
            nowhere: File::open("/dev/null")?.into(),
        })
    }
}
