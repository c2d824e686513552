//! The two rule books (`--cache-rules`): what may be stored, reused, served stale, refreshed. Pure: each answer follows from
//! the request, the stored entry or the response, the clock and the settings alone. `nginx` goes by C38 to C56 with the
//! corrections Z38 to Z44 and Z48 to Z50, `rfc9111` by the standard.

mod heard;
mod nginx;
mod rfc9111;
pub mod stored;

use crate::cache::{Entry, Meta};
use crate::config::cache::{Cache, RuleBook, UseStale};
use crate::config::{Ignore, Scgi};
use crate::http::request::{Framing, Request};
use crate::scgi::response::Head;

/// The settings that the rules go by.
#[derive(Debug, Clone, Copy)]
pub struct Book<'a> {
    pub cache: &'a Cache,
    pub ignore: &'a Ignore,
}

/// What part the cache takes in a request, by its method and its own directives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// None: the request and its response pass by.
    None,
    /// A successful response makes stored ones invalid (RFC 9111 4.4).
    Invalidates,
    /// It may be answered from the cache, and its response may be stored.
    Takes,
}

/// So many seconds a clock may be set back before what was stored is not believed any more.
const CLOCK_STEP: u64 = 60;

/// Whether a stored response may answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reuse {
    /// As it is: HIT.
    Fresh,
    /// As it is although it is stale, for the request allows that (max-stale): STALE.
    Stale,
    /// The application is to be asked first.
    Expired {
        /// While somebody else asks, or in the background, it may be served as it is (C30).
        while_updating: bool,
    },
}

/// What went wrong with asking the application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    Error,
    Timeout,
    InvalidHeader,
    /// A status of 400 or more of the application's response.
    Status(u16),
}

/// Wall clock, in seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// When the request was sent to the application.
    pub asked: u64,
    /// When the head of the response was there.
    pub received: u64,
}

/// A response that is to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Storable {
    pub meta: Meta,
    /// As in [`crate::cache::Variant`].
    pub vary_names: Box<[u8]>,
    /// The head as it is stored: a status line and fields, up to and with the empty line.
    pub head: Vec<u8>,
}

/// What a 304 does to the entry that was validated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Freshened {
    /// It goes on with these fields and times.
    Update(Storable),
    /// It may be served this once, and is to be forgotten.
    Drop,
}

impl Trouble {
    /// What may be behind a status that is remembered: we say it of faults of ours, or the application has said it.
    pub fn behind(status: u16) -> impl Iterator<Item = Trouble> {
        let faults: &[Trouble] = match status {
            502 => &[Trouble::Error, Trouble::InvalidHeader],
            504 => &[Trouble::Timeout],
            _ => &[],
        };
        faults.iter().copied().chain([Trouble::Status(status)])
    }

    /// Whether `--cache-use-stale` lists it, and whether it is a failure that stale-if-error is about (RFC 5861 4, Z41).
    fn judged(self, listed: &UseStale) -> (bool, bool) {
        match self {
            Trouble::Error => (listed.error, true),
            Trouble::Timeout => (listed.timeout, true),
            Trouble::InvalidHeader => (listed.invalid_header, true),
            Trouble::Status(status) => (
                listed.lists(status),
                matches!(status, 500 | 502 | 503 | 504),
            ),
        }
    }
}

/// Whether the request brings content.
fn has_body(request: &Request) -> bool {
    let is_framed = !matches!(request.framing(), Framing::None | Framing::Length(0));
    is_framed && !request.is_bodyless()
}

impl<'a> Book<'a> {
    /// The rules of a location, where it has a cache.
    pub fn of(scgi: &'a Scgi) -> Option<Book<'a>> {
        let cache = scgi.cache.as_ref()?;
        let ignore = &scgi.ignore;
        Some(Book { cache, ignore })
    }

    /// What part the cache takes.
    pub fn part(&self, request: &Request) -> Part {
        match self.cache.rules {
            RuleBook::Nginx => nginx::part(self, request),
            RuleBook::Rfc9111 => rfc9111::part(self, request),
        }
    }

    /// The request wants a stored response or none (RFC 9111 5.2.1.7): 504 where there is none that may be used.
    pub fn only_if_cached(&self, request: &Request) -> bool {
        match self.cache.rules {
            RuleBook::Nginx => false, // C48
            RuleBook::Rfc9111 => rfc9111::only_if_cached(self, request),
        }
    }

    /// The request wants to know how things are now (RFC 9111 5.2.1.1, 5.2.1.4): nothing that is remembered answers it.
    pub fn wants_news(&self, request: &Request) -> bool {
        match self.cache.rules {
            RuleBook::Nginx => false, // C48
            RuleBook::Rfc9111 => rfc9111::wants_news(request),
        }
    }

    /// Whether a stored response that was selected (key and variant fit) may answer. `now` in wall clock seconds.
    pub fn reuse(&self, meta: &Meta, request: &Request, now: u64) -> Reuse {
        match self.cache.rules {
            RuleBook::Nginx => nginx::reuse(self, meta, now),
            RuleBook::Rfc9111 => rfc9111::reuse(self, meta, request, now),
        }
    }

    /// Whether a stale response may answer in place of this trouble (C29, C31, Z41).
    pub fn stale_on(&self, meta: &Meta, request: &Request, trouble: Trouble, now: u64) -> bool {
        match self.cache.rules {
            RuleBook::Nginx => nginx::stale_on(self, meta, trouble, now),
            RuleBook::Rfc9111 => rfc9111::stale_on(self, meta, request, trouble, now),
        }
    }

    /// Whether and how a response is stored.
    ///
    /// # Errors
    /// Why not, for the log.
    pub fn store(
        &self,
        request: &Request,
        head: &Head,
        times: Times,
    ) -> Result<Storable, &'static str> {
        match self.cache.rules {
            RuleBook::Nginx => nginx::store(self, request, head, times),
            RuleBook::Rfc9111 => rfc9111::store(self, request, head, times),
        }
    }

    /// What a 304 for the validators of `entry` means.
    pub fn freshen(
        &self,
        request: &Request,
        entry: &Entry,
        head: &Head,
        times: Times,
    ) -> Freshened {
        match self.cache.rules {
            RuleBook::Nginx => nginx::freshen(self, entry, head, times),
            RuleBook::Rfc9111 => rfc9111::freshen(self, request, entry, head, times),
        }
    }

    /// What the response to a HEAD means for the stored response to a GET (RFC 9111 4.3.5). `None`: nothing.
    pub fn head_seen(
        &self,
        request: &Request,
        entry: &Entry,
        head: &Head,
        times: Times,
    ) -> Option<Freshened> {
        match self.cache.rules {
            RuleBook::Nginx => None, // Z38: HEAD is asked as GET
            RuleBook::Rfc9111 => rfc9111::head_seen(self, request, entry, head, times),
        }
    }

    /// What else than the target itself the response to an unsafe request makes invalid (RFC 9111 4.4): paths with their queries,
    /// as in a request line, of the request's own origin. `None`: the response makes nothing invalid, not even the target.
    pub fn invalidates(&self, request: &Request, head: &Head) -> Option<Vec<Vec<u8>>> {
        match self.cache.rules {
            RuleBook::Nginx => None,
            RuleBook::Rfc9111 => rfc9111::invalidates(self, request, head),
        }
    }

    /// Whether a HEAD is sent to the application as a GET, so that its response can be stored (Z38).
    pub fn converts_head(&self) -> bool {
        match self.cache.rules {
            RuleBook::Nginx => true,
            RuleBook::Rfc9111 => rfc9111::converts_head(self),
        }
    }
}

impl Meta {
    /// The age of the response, in seconds (RFC 9111 4.2.3).
    pub fn age(&self, now: u64) -> u64 {
        u64::from(self.initial_age) + now.saturating_sub(self.received)
    }

    /// It came when the clock was ahead: what it says of its time can not be used, for it would be fresh for as long again.
    fn is_of_the_future(&self, now: u64) -> bool {
        self.received > now.saturating_add(CLOCK_STEP)
    }

    /// Within so many seconds after it was fresh; a window of 0 is none. Whose time can not be used has none either, for it would be
    /// open for as long as it was to be fresh.
    fn is_in_window(&self, seconds: u32, now: u64) -> bool {
        let end = self.fresh_until.saturating_add(u64::from(seconds));
        seconds > 0 && !self.is_of_the_future(now) && now.max(self.received) <= end
    }
}

#[cfg(test)]
mod tests;
