//! The workers: a fixed pool of threads, each with one exchange at a time, in straight-line blocking code.
//!
//! [`pool`] has the threads and the queue. [`exchange`] is what the front hands over; its `script` asks applications and
//! follows where their responses and failures lead. One pass through an application is in `tries`: which servers of the group
//! are asked, and, by [`retry`], what follows from a fault. `attempt` goes to one server: it connects, sends ([`send`]) and reads the
//! head ([`receive`]). `conclude` decides what becomes of the response; mostly it is passed on (`pass_on`), which delivers its body ([`deliver`]). [`report`] has what is logged. A worker writes to the client through the exchange's
//! [`crate::sink::Sink`] and never touches the poll.
#![forbid(unsafe_code)]

mod attempt;
pub mod caching;
mod conclude;
pub mod deliver;
pub mod exchange;
mod pass_on;
pub mod pool;
mod purging;
pub mod receive;
mod remember;
pub mod report;
pub mod retry;
mod script;
pub mod send;
mod tries;

use std::time::{SystemTime, UNIX_EPOCH};

#[cfg(feature = "auth")]
use crate::auth::Verifier;
use crate::buffer::memory::Memory;
use crate::cache::zone::Zone;
use crate::config::Config;
use crate::http::date::HttpDate;
use crate::ops::accesslog::AccessLogs;
use crate::ops::stats::Stats;
use crate::upstream::Upstreams;

/// What all threads share. Made once, before they start, and never dropped.
pub struct Shared {
    pub config: &'static Config,
    pub memory: &'static Memory,
    pub upstreams: Upstreams,
    pub stats: Stats,
    pub logs: AccessLogs,
    /// One for each `--cache-path`.
    pub zones: &'static [Zone],
    /// `None`: no location asks for passwords.
    #[cfg(feature = "auth")]
    pub verifier: Option<&'static Verifier>,
    /// Tries, and the head of the last response, are remembered: a log or another template may ask for them.
    pub keeps_tries: bool,
}

/// What a thread keeps between requests so as not to make it anew: two buffers and the date.
#[derive(Debug)]
pub struct Desk {
    /// The request as it goes to the application.
    pub request: Vec<u8>,
    /// The response head as it goes to the client.
    pub head: Vec<u8>,
    /// The last response was longer than one small block.
    pub large: bool,
    second: u64,
    date: HttpDate,
}

/// A buffer that grew past this in one exchange is given back, in bytes.
const DESK_KEEPS: usize = 16 * 1024;

impl Desk {
    pub fn new() -> Desk {
        Desk {
            request: Vec::new(),
            head: Vec::new(),
            large: false,
            second: 0,
            date: HttpDate::new(0),
        }
    }

    /// Empties the buffers for the next exchange.
    pub fn clear(&mut self) {
        for buffer in [&mut self.request, &mut self.head] {
            buffer.clear();
            buffer.shrink_to(DESK_KEEPS);
        }
    }

    /// The date for a response head; formatted once a second.
    pub fn date(&mut self, wall: SystemTime) -> HttpDate {
        let second = wall.duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
        if second != self.second {
            self.second = second;
            self.date = HttpDate::new(second);
        }
        self.date
    }
}
