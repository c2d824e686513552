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

/// Wall clock in seconds since 1970.
pub fn seconds(wall: SystemTime) -> u64 {
    wall.duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs())
}

/// Asks the cache.
pub fn look(question: &Question<'_>) -> Found {
    let hash = key::hash(question.key);
    let Some(main) = question.place(hash) else {
        return question.pass_by(None, NO_MEMORY);
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
                return question.pass_by(None, NO_MEMORY);
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
            let ticket = self.zone.ticket(&place.hash, place.visit.version);
            return self.ask(
                CacheStatus::Bypass,
                Reason::Bypass,
                ticket,
                None,
                main,
                variants,
            );
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
        let status = match place.entry {
            Some(_) => CacheStatus::Expired,
            None => CacheStatus::Miss,
        };
        if place.entry.is_none() && place.visit.uses < cache.min_uses {
            return self.pass_by(None, "--cache-min-uses");
        }
        if !while_updating && self.is_far_range(cache.max_range_offset) {
            return self.pass_by(place.entry, "--cache-max-range-offset");
        }
        // Without the lock only what has expired is filled by one at a time (C22); and who can not fill is not waited for.
        let fills = !self.request.is_head() || self.book.converts_head();
        if !fills || (place.entry.is_none() && !cache.lock) {
            let ticket = self.zone.ticket(&place.hash, place.visit.version);
            return self.ask(status, reason, ticket, place.entry, main, variants);
        }
        self.lease(status, reason, (place, main, variants), while_updating)
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

    fn lease(
        &self,
        status: CacheStatus,
        reason: Reason,
        (place, main, variants): (Place, Option<Place>, Variant),
        while_updating: bool,
    ) -> Found {
        let cache = self.book.cache;
        let (hash, version) = (place.hash, place.visit.version);
        let stamp = place.entry.as_ref().map_or(0, |entry| entry.stamp);
        // The holder may end between two steps; then it is asked again, and not for ever.
        for _ in 0..3 {
            let since = match self.zone.lease(&hash, version, self.now, cache.lock_age) {
                Leased::Granted(ticket) => {
                    if let Some((waiter, Some(_))) = self.waiter {
                        // Where it has taken over it would wait for itself.
                        self.zone.leave(&hash, waiter);
                    }
                    let background = while_updating
                        && cache.background_update
                        && self.request.framing() == Framing::None;
                    if !background && self.is_far_range(cache.max_range_offset) {
                        return self.pass_by(place.entry, "--cache-max-range-offset");
                    }
                    let entry = place.entry.clone();
                    let found = self.ask(status, reason, ticket, place.entry, main, variants);
                    return match (found, entry) {
                        (Found::Ask(mut asking), Some(entry)) if background => {
                            asking.as_get = self.request.is_head();
                            Found::Refresh(entry, asking)
                        }
                        (found, _) => found,
                    };
                }
                Leased::Open(ticket) if !while_updating => {
                    return self.ask(status, reason, ticket, place.entry, main, variants);
                }
                Leased::Open(_) => self.now,
                Leased::Held(since) => since,
            };
            if let Some(entry) = place.entry.as_ref().filter(|_| while_updating) {
                return Found::Serve(Arc::clone(entry), CacheStatus::Updating);
            }
            let Some((waiter, began)) = self.waiter.filter(|_| cache.lock) else {
                let ticket = self.zone.ticket(&hash, version);
                return self.ask(status, reason, ticket, place.entry, main, variants);
            };
            if began.is_some_and(|waited| stamp > 0 && stamp != waited.stamp) {
                // What it waited for has come, and everybody has to ask all the same: not one after another.
                self.zone.leave(&hash, waiter);
                let ticket = self.zone.ticket(&hash, version);
                return self.ask(status, reason, ticket, place.entry, main, variants);
            }
            let since_when = began.map_or(self.now, |waited| waited.since);
            let patience = later(since_when, cache.lock_timeout);
            if patience <= self.now {
                // C26: it goes by itself, and stores nothing.
                self.zone.leave(&hash, waiter);
                return self.pass_by(place.entry, "it waited for --cache-lock-timeout");
            }
            if self.zone.wait(&hash, waiter) {
                return Found::Wait(hash, patience.min(later(since, cache.lock_age)), stamp);
            }
        }
        self.pass_by(place.entry, "others begin and end too quickly")
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
    fn pass_by(&self, stale: Option<Arc<Entry>>, why: &'static str) -> Found {
        let status = match stale {
            Some(_) => CacheStatus::Expired,
            None => CacheStatus::Miss,
        };
        Found::Ask(Box::new(Asking {
            zone: self.zone,
            status,
            reason: Reason::UriMiss,
            key: self.key.into(),
            main: None,
            second: None,
            names: Box::default(),
            variant: [0; 16],
            family: 0,
            stale,
            stamp: 0,
            collapsed: false,
            as_get: false,
            passed_by: Some(why),
        }))
    }

    fn ask(
        &self,
        status: CacheStatus,
        reason: Reason,
        ticket: Ticket,
        stale: Option<Arc<Entry>>,
        main: Option<Place>,
        variants: Variant,
    ) -> Found {
        let (main, second) = match main {
            Some(main) => (
                self.zone.ticket(&main.hash, main.visit.version),
                Some(ticket),
            ),
            None => (ticket, None),
        };
        Found::Ask(Box::new(Asking {
            zone: self.zone,
            status,
            reason,
            key: self.key.into(),
            main: Some(main),
            second,
            names: variants.names,
            variant: variants.hash,
            family: variants.family,
            stale,
            stamp: self.zone.stamp(self.wall),
            collapsed: self.waiter.is_some_and(|(_, since)| since.is_some()),
            as_get: self.request.is_head() && self.book.converts_head(),
            passed_by: None,
        }))
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
