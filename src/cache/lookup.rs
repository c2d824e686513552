//! What the cache says to a request: here it is, wait, or ask the application, and whether to store what that answers.
//!
//! Called by the front, and by a worker where a redirect inside the gateway leads to a location with a cache. May read one file's
//! beginning, never more.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::disk::{self, OpenError};
use super::key::{self, Hash};
use super::rules::{Book, Reuse, Storable, Trouble};
use super::zone::{Known, Leased, Ticket, Verdict, Visit, Waiter, Zone};
use super::{CacheStatus, Entry, Variant, vary};
use crate::http::request::{Framing, Request};

/// Why a request passes by where the index is full (Z47).
const NO_MEMORY: &str = "the zone has no memory for one more key";
/// Why a range does (C17).
const FAR_RANGE: &str = "--cache-max-range-offset";

/// A request that a cache takes part in.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    pub zone: &'static Zone,
    pub book: Book<'a>,
    pub request: &'a Request,
    pub key: &'a [u8],
    /// `--cache-bypass` holds (C13).
    pub bypass: bool,
    pub now: Instant,
    pub wall: SystemTime,
    /// Who could wait for another request, and since when it has. `None`: nobody can.
    pub waiter: Option<(Waiter, Option<Waited>)>,
}

/// When a request began to wait for another.
#[derive(Debug, Clone, Copy)]
pub struct Waited {
    pub since: Instant,
    /// The stamp of the entry that it found then and could not use; 0: there was none.
    pub stamp: u64,
}

/// What the cache says.
#[derive(Debug)]
pub enum Found {
    /// This is the answer.
    Serve(Arc<Entry>, CacheStatus),
    /// This is the answer, and the application is asked for a new one apart from that.
    Refresh(Arc<Entry>, Box<Asking>),
    /// An error that is remembered is (C36).
    Error(u16),
    /// Somebody else is about to fill the entry, who found one with this stamp: ask again when woken, and at this time at the latest.
    Wait(Hash, Instant, u64),
    /// The application is to be asked.
    Ask(Box<Asking>),
    /// The request forbids to ask it: 504 (RFC 9111 5.2.1.7).
    Forbidden,
}

/// Why the application is asked, for the Cache-Status field (RFC 9211 2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    Bypass,
    /// Nothing is stored under the key.
    UriMiss,
    /// What is stored is of other variants.
    VaryMiss,
    Stale,
    /// The request wants what is newer than what is stored.
    Request,
}

/// What goes with a request for the application: what may be stored, and what may answer in place of an error.
#[derive(Debug)]
pub struct Asking {
    pub zone: &'static Zone,
    pub status: CacheStatus,
    pub reason: Reason,
    pub key: Box<[u8]>,
    /// The key's own place, and where its variant is another: that one's. Neither: nothing is stored.
    main: Option<Ticket>,
    second: Option<Ticket>,
    /// What is known of the variants of this key.
    names: Box<[u8]>,
    variant: [u8; 16],
    family: u64,
    /// The entry that has expired.
    pub stale: Option<Arc<Entry>>,
    /// See [`Entry::stamp`].
    pub stamp: u64,
    /// Others waited for an earlier request, and so did this one.
    pub collapsed: bool,
    /// A HEAD is sent as a GET (Z38).
    pub as_get: bool,
    /// Why nothing is stored, whatever the response.
    pub passed_by: Option<&'static str>,
}

/// Where a stored response is looked for.
struct Place {
    hash: Hash,
    visit: Visit,
    entry: Option<Arc<Entry>>,
}

/// What is to be asked for, and why.
struct Wanted {
    reason: Reason,
    place: Place,
    /// The key's own place, where that is another.
    main: Option<Place>,
    variants: Variant,
}

/// Wall clock in seconds since 1970.
pub fn seconds(wall: SystemTime) -> u64 {
    wall.duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs())
}

/// Asks the cache.
pub fn look(question: &Question<'_>) -> Found {
    let hash = key::hash(question.key);
    let Some(main) = question.place(hash) else {
        return question.pass_by(None, Reason::UriMiss, NO_MEMORY);
    };
    let mut variants = Variant::default();
    let mut place = main;
    let mut main = None;
    if let Some(entry) = &place.entry
        && !entry.variant.names.is_empty()
    {
        variants = entry.variant.clone();
        variants.hash = vary::variant(&variants.names, question.request);
        if variants.hash != entry.variant.hash {
            let second = key::variant_hash(&hash, &variants.hash);
            let Some(mut other) = question.place(second) else {
                return question.pass_by(None, Reason::VaryMiss, NO_MEMORY);
            };
            let fits = |entry: &Arc<Entry>| {
                entry.variant.family == variants.family && entry.variant.hash == variants.hash
            };
            other.entry = other.entry.filter(fits);
            main = Some(std::mem::replace(&mut place, other));
        }
    }
    question.judge(place, main, variants)
}

impl Question<'_> {
    /// Looks at what is stored under a hash. `None`: there is no memory to do so.
    fn place(&self, hash: Hash) -> Option<Place> {
        let visit = self.zone.visit(&hash, self.now)?;
        let entry = match &visit.known {
            Known::Nothing => None,
            // Once in a second: for a hit this one system call would be one in five.
            Known::Held(entry) if !visit.first || disk::is_whole(entry) => Some(Arc::clone(entry)),
            Known::Held(_) => {
                let path = key::file_path(self.zone.settings, &hash);
                log::error!(
                    "cache file {}: cut while it was held; removed",
                    path.display()
                );
                self.zone.broken(&hash, visit.version);
                None
            }
            Known::File => self.open(&hash, visit.version),
        };
        // Whether it was purged the zone knows better: by now the rule may be over.
        let is_ours = |entry: &Arc<Entry>| *entry.key == *self.key;
        Some(Place {
            hash,
            visit,
            entry: entry.filter(is_ours),
        })
    }

    fn open(&self, hash: &Hash, version: u32) -> Option<Arc<Entry>> {
        let error = match disk::open(self.zone, hash, self.key) {
            Ok((entry, size)) => return self.zone.warm(hash, version, &Arc::new(entry), size),
            Err(error) => error,
        };
        let remove = matches!(error, OpenError::Damaged(_));
        if !matches!(error, OpenError::Missing) {
            let path = key::file_path(self.zone.settings, hash);
            let end = if remove { "; removed" } else { "" };
            log::error!("cache file {}: {error}{end}", path.display());
        }
        if remove || matches!(error, OpenError::Missing) {
            self.zone.lost(hash, version, remove);
        }
        None
    }

    /// `place` is where this request's response is, or would be; `main` the key's own place where that is another.
    fn judge(&self, place: Place, main: Option<Place>, variants: Variant) -> Found {
        let cache = self.book.cache;
        if self.bypass {
            let place = Place {
                entry: None,
                ..place
            };
            return self.ask(Wanted {
                reason: Reason::Bypass,
                place,
                main,
                variants,
            });
        }
        let mut while_updating = false;
        let mut reason = match main {
            Some(_) => Reason::VaryMiss,
            None => Reason::UriMiss,
        };
        if let Some(entry) = &place.entry {
            let now = seconds(self.wall);
            match self.book.reuse(&entry.meta, self.request, now) {
                Reuse::Fresh => return Found::Serve(Arc::clone(entry), CacheStatus::Hit),
                Reuse::Stale => return Found::Serve(Arc::clone(entry), CacheStatus::Stale),
                Reuse::Expired {
                    while_updating: may,
                } => while_updating = may,
            }
            let is_old = entry.meta.fresh_until < now;
            reason = if is_old {
                Reason::Stale
            } else {
                Reason::Request
            };
        }
        // What can be served goes before what came of somebody who went past it.
        if !while_updating && let Some(found) = self.remembered(&place, reason) {
            return found;
        }
        if self.book.only_if_cached(self.request) {
            return Found::Forbidden;
        }
        if place.entry.is_none() && place.visit.uses < cache.min_uses {
            return self.pass_by(None, reason, "--cache-min-uses");
        }
        if !while_updating && self.is_far_range(cache.max_range_offset) {
            return self.pass_by(place.entry, reason, FAR_RANGE);
        }
        // Without the lock only what has expired is filled by one at a time (C22); and who can not fill is not waited for.
        let fills = !self.request.is_head() || self.book.converts_head();
        let goes_alone = !fills || (place.entry.is_none() && !cache.lock);
        let wanted = Wanted {
            reason,
            place,
            main,
            variants,
        };
        match goes_alone {
            true => self.ask(wanted),
            false => self.lease(wanted, while_updating),
        }
    }

    /// What goes by an error that is remembered (C36): it, or the stale response that may answer in its place. `None`: there is none,
    /// or the request wants to know how things are now.
    fn remembered(&self, place: &Place, reason: Reason) -> Option<Found> {
        let status = place.visit.error?;
        if reason == Reason::Request || self.book.wants_news(self.request) {
            return None;
        }
        let now = seconds(self.wall);
        let may_be_stale = |entry: &&Arc<Entry>| {
            let mut troubles = Trouble::behind(status);
            troubles.any(|t| self.book.stale_on(&entry.meta, self.request, t, now))
        };
        Some(match place.entry.as_ref().filter(may_be_stale) {
            Some(entry) => Found::Serve(Arc::clone(entry), CacheStatus::Stale),
            None => Found::Error(status),
        })
    }

    fn lease(&self, wanted: Wanted, while_updating: bool) -> Found {
        let cache = self.book.cache;
        let place = &wanted.place;
        let (hash, version) = (place.hash, place.visit.version);
        let stamp = place.entry.as_ref().map_or(0, |entry| entry.stamp);
        // The holder may end between two steps; then it is asked again, and not for ever.
        for _ in 0..3 {
            let since = match self.zone.lease(&hash, version, self.now, cache.lock_age) {
                Leased::Granted(ticket) => return self.granted(ticket, wanted, while_updating),
                Leased::Open(ticket) if !while_updating => return self.ask_with(ticket, wanted),
                Leased::Open(_) => self.now,
                Leased::Held(since) => since,
            };
            if let Some(entry) = place.entry.as_ref().filter(|_| while_updating) {
                return Found::Serve(Arc::clone(entry), CacheStatus::Updating);
            }
            let Some((waiter, began)) = self.waiter.filter(|_| cache.lock) else {
                return self.ask(wanted);
            };
            if began.is_some_and(|waited| stamp > 0 && stamp != waited.stamp) {
                // What it waited for has come, and everybody has to ask all the same: not one after another.
                self.zone.leave(&hash, waiter);
                return self.ask(wanted);
            }
            let since_when = began.map_or(self.now, |waited| waited.since);
            let patience = later(since_when, cache.lock_timeout);
            if patience <= self.now {
                // C26: it goes by itself, and stores nothing.
                self.zone.leave(&hash, waiter);
                let why = "it waited for --cache-lock-timeout";
                return self.pass_by(wanted.place.entry, wanted.reason, why);
            }
            if self.zone.wait(&hash, waiter) {
                return Found::Wait(hash, patience.min(later(since, cache.lock_age)), stamp);
            }
        }
        let why = "others begin and end too quickly";
        self.pass_by(wanted.place.entry, wanted.reason, why)
    }

    /// It is this request that fills the entry, or another one beside it.
    fn granted(&self, ticket: Ticket, wanted: Wanted, while_updating: bool) -> Found {
        let cache = self.book.cache;
        if let Some((waiter, Some(_))) = self.waiter {
            // Where it has taken over it would wait for itself.
            self.zone.leave(&ticket.hash, waiter);
        }
        let background =
            while_updating && cache.background_update && self.request.framing() == Framing::None;
        if !background && self.is_far_range(cache.max_range_offset) {
            return self.pass_by(wanted.place.entry, wanted.reason, FAR_RANGE);
        }
        let entry = wanted.place.entry.clone();
        match (self.ask_with(ticket, wanted), entry) {
            (Found::Ask(mut asking), Some(entry)) if background => {
                asking.as_get = self.request.is_head();
                Found::Refresh(entry, asking)
            }
            (found, _) => found,
        }
    }

    /// C17: a range that begins far behind the start, or is counted from the end.
    fn is_far_range(&self, max: Option<u64>) -> bool {
        let (Some(max), Some(value)) = (max, self.request.field("range")) else {
            return false;
        };
        let Some((unit, ranges)) = value.split_at_checked(6) else {
            return false;
        };
        if !unit.eq_ignore_ascii_case(b"bytes=") {
            return false;
        }
        let digits = ranges.iter().take_while(|b| b.is_ascii_digit()).count();
        let first = ranges.get(..digits).unwrap_or_default();
        let first = std::str::from_utf8(first).ok();
        let first = first.and_then(|text| text.parse::<u64>().ok());
        first.is_none_or(|first| first >= max)
    }

    /// The application is asked, and nothing is stored.
    fn pass_by(&self, stale: Option<Arc<Entry>>, reason: Reason, why: &'static str) -> Found {
        Found::Ask(Box::new(Asking {
            zone: self.zone,
            status: asked_for(reason, stale.as_ref()),
            reason,
            key: self.key.into(),
            main: None,
            second: None,
            names: Box::default(),
            variant: [0; 16],
            family: 0,
            stale,
            stamp: 0,
            collapsed: self.has_waited(),
            as_get: false,
            passed_by: Some(why),
        }))
    }

    /// The application is asked, and nobody waits for that.
    fn ask(&self, wanted: Wanted) -> Found {
        let place = &wanted.place;
        let ticket = self.zone.ticket(&place.hash, place.visit.version);
        self.ask_with(ticket, wanted)
    }

    fn ask_with(&self, ticket: Ticket, wanted: Wanted) -> Found {
        let (main, second) = match wanted.main {
            Some(main) => (
                self.zone.ticket(&main.hash, main.visit.version),
                Some(ticket),
            ),
            None => (ticket, None),
        };
        let stale = wanted.place.entry;
        Found::Ask(Box::new(Asking {
            zone: self.zone,
            status: asked_for(wanted.reason, stale.as_ref()),
            reason: wanted.reason,
            key: self.key.into(),
            main: Some(main),
            second,
            names: wanted.variants.names,
            variant: wanted.variants.hash,
            family: wanted.variants.family,
            stale,
            stamp: self.zone.stamp(self.wall),
            collapsed: self.has_waited(),
            as_get: self.request.is_head() && self.book.converts_head(),
            passed_by: None,
        }))
    }

    fn has_waited(&self) -> bool {
        self.waiter.is_some_and(|(_, since)| since.is_some())
    }
}

/// What the cache had to do with a request that goes to the application (C20).
fn asked_for(reason: Reason, stale: Option<&Arc<Entry>>) -> CacheStatus {
    match stale {
        _ if reason == Reason::Bypass => CacheStatus::Bypass,
        Some(_) => CacheStatus::Expired,
        None => CacheStatus::Miss,
    }
}

impl Asking {
    /// What is answered may be stored (P24).
    pub fn is_candidate(&self) -> bool {
        self.main.is_some()
    }

    /// Where a response is stored, and as which variant (C54, C55).
    pub fn place(&self, storable: &Storable, request: &Request) -> Option<(&Ticket, Variant)> {
        let main = self.main.as_ref()?;
        let names = storable.vary_names.clone();
        if names.is_empty() {
            return Some((main, Variant::default()));
        }
        if names == self.names {
            let ticket = self.second.as_ref().unwrap_or(main);
            let variant = Variant {
                names,
                hash: self.variant,
                family: self.family,
            };
            return Some((ticket, variant));
        }
        let hash = vary::variant(&names, request);
        let variant = Variant {
            names,
            hash,
            family: self.stamp,
        };
        Some((main, variant))
    }

    /// Where the request's response was looked for: an expired entry is there, or an error may be remembered.
    pub fn place_asked(&self) -> Option<&Ticket> {
        self.second.as_ref().or(self.main.as_ref())
    }

    /// Says how it ended, to whoever waits.
    pub fn end(&mut self, verdict: Verdict) {
        for ticket in [self.main.take(), self.second.take()].into_iter().flatten() {
            ticket.end(verdict);
        }
    }
}

/// So much later, or as late as there is.
fn later(at: Instant, time: Duration) -> Instant {
    at.checked_add(time)
        .unwrap_or(at + Duration::from_secs(1 << 30))
}
