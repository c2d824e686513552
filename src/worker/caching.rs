//! A worker's dealings with the cache: what is stored of a response, what answers in place of one, what is refreshed.

use std::io;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use super::Desk;
use super::attempt::Heard;
use super::exchange::Caching;
use super::retry::Condition;
use super::script::{Passed, Script};
use crate::cache::fill::{Draft, Fill};
use crate::cache::lookup::{Asking, Found, look, seconds};
use crate::cache::rules::{Book, Freshened, Part, Storable, Times, Trouble};
use crate::cache::zone::Verdict;
use crate::cache::{CacheStatus, Entry, disk};
use crate::config::Scgi;
use crate::error::Fault;
use crate::respond::cache_status::Forwarded;
use crate::respond::caching::own_entries;
use crate::respond::head::is_buffered;
use crate::scgi::response::{Head, Length};

/// What the cache says before the application is asked.
pub(super) enum Consulted {
    /// The application is to be asked.
    Ask,
    /// Something else answers.
    Passed(Passed),
}

/// A response that is being stored, and whoever waits for it.
pub struct Filling {
    fill: Fill,
    asking: Box<Asking>,
    now: Instant,
}

impl Filling {
    /// Keeps a piece of the body.
    ///
    /// # Errors
    /// It can not be stored; the response goes on without (Z25).
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.fill.write(bytes)
    }

    /// All of the body has come: from now on it is found.
    ///
    /// # Errors
    /// As [`Filling::write`].
    pub fn commit(mut self) -> io::Result<()> {
        let stored = self.fill.commit(self.now);
        self.asking.end(match stored {
            Ok(true) => Verdict::Stored,
            // It was purged or overtaken meanwhile: whoever waits asks anew.
            Ok(false) => Verdict::Abandoned,
            Err(_) => Verdict::Unstorable,
        });
        stored.map(drop)
    }

    /// It will not be complete; or, `unfit`, it can not be kept, as it is or where it was to be: nobody shall wait for another try.
    pub fn fail(mut self, unfit: bool) {
        self.asking.zone.fill_failed();
        self.asking.end(match unfit {
            true => Verdict::Unstorable,
            false => Verdict::Abandoned,
        });
    }
}

impl Script<'_> {
    /// Asks the cache of the location that the request is in, unless the front has.
    pub(super) fn consult(&mut self, scgi: &'static Scgi, desk: &mut Desk) -> Consulted {
        match std::mem::replace(&mut self.exchange.caching, Caching::Passed) {
            Caching::Passed => Consulted::Ask,
            Caching::Asked(asking) => self.ask_for(asking),
            Caching::Purge(subject) => self.purge(&subject, desk),
            Caching::Unasked => match scgi.cache {
                None => Consulted::Ask,
                Some(_) => self.look(scgi, desk),
            },
        }
    }

    fn ask_for(&mut self, asking: Box<Asking>) -> Consulted {
        self.exchange.course.cache = Some(asking.status);
        self.exchange.course.as_get = asking.as_get;
        self.zone = Some(asking.zone);
        self.asking = Some(asking);
        Consulted::Ask
    }

    /// As the front does it, but for waiting: a redirect inside the gateway has led here.
    fn look(&mut self, scgi: &'static Scgi, desk: &mut Desk) -> Consulted {
        let zones = self.shared.zones;
        let date = desk.date(self.wall);
        let found = self.around(&date, |around, request, course| {
            let book = Book::of(scgi)?;
            let mut subject = match around.subject(zones, book.cache, request, course) {
                Ok(subject) => subject?,
                Err(status) => return Some((None, Found::Error(status))),
            };
            if book.part(request) != Part::Takes {
                return None;
            }
            own_entries(request.method(), &mut subject.key);
            let question = subject.question(book, request, around, None);
            Some((Some(subject.zone), look(&question)))
        });
        let Some((zone, found)) = found else {
            return Consulted::Ask;
        };
        self.zone = zone;
        let status = match found {
            Found::Ask(asking) => return self.ask_for(asking),
            Found::Serve(entry, how) => {
                return Consulted::Passed(self.serve(&entry, how, scgi, desk));
            }
            // Nothing runs in the background here, and what is only reached by redirects would stay stale for ever.
            Found::Refresh(_, asking) => return self.ask_for(asking),
            Found::Error(status) => {
                self.exchange.course.cache = zone.map(|_| CacheStatus::Hit);
                status
            }
            // Not said to one who could not wait: the question has no waiter.
            Found::Wait(..) => return Consulted::Ask,
            Found::Forbidden => 504,
        };
        self.refuse(status);
        Consulted::Passed(Passed::Elsewhere)
    }

    /// Answers with a stored response.
    fn serve(
        &mut self,
        entry: &Arc<Entry>,
        how: CacheStatus,
        scgi: &'static Scgi,
        desk: &mut Desk,
    ) -> Passed {
        self.exchange.course.cache = Some(how);
        let date = desk.date(self.wall);
        // What it was revalidated with just now must not make it older.
        self.wall = SystemTime::now();
        let result = self.around(&date, |around, request, course| {
            around.hit(entry, how, scgi, request, course)
        });
        match result {
            Ok(reply) => Passed::Done(self.reply(&reply)),
            Err((status, reason)) => {
                self.refuse(status);
                self.refusal = reason.field;
                Passed::Elsewhere
            }
        }
    }

    /// The entry that the application is asked about: is it still good (C57)?
    pub(super) fn validators(&self, scgi: &Scgi) -> Option<Arc<Entry>> {
        let asking = self.asking.as_ref().filter(|a| a.is_candidate())?;
        let entry = asking.stale.clone()?;
        let cache = scgi.cache.as_ref()?;
        // Others answer such a condition with 412 (RFC 9110 13.1.2).
        let reads = matches!(self.exchange.request.method(), "GET" | "HEAD");
        (reads && (cache.revalidate || entry.meta.no_cache)).then_some(entry)
    }

    /// A stale response in place of a fault.
    pub(super) fn stale_for_fault(
        &mut self,
        fault: &Fault,
        scgi: &'static Scgi,
        desk: &mut Desk,
    ) -> Option<Passed> {
        let trouble = match Condition::of(fault) {
            Condition::Timeout => Trouble::Timeout,
            Condition::InvalidHeader => Trouble::InvalidHeader,
            Condition::Error | Condition::Empty => Trouble::Error,
            Condition::Status(_) => return None,
            // Of these only what is no fault of the client's (C29: nobody could be chosen).
            Condition::Never => match fault {
                Fault::NoServer | Fault::NoCandidate | Fault::Dropped => Trouble::Error,
                _ => return None,
            },
        };
        let passed = self.stale_for(trouble, scgi, desk);
        if passed.is_none() {
            let status = fault.status();
            let time = scgi.cache.as_ref().and_then(|c| c.valid_for(status));
            self.remember(status, time.unwrap_or_default(), scgi);
        }
        passed
    }

    fn stale_for(
        &mut self,
        trouble: Trouble,
        scgi: &'static Scgi,
        desk: &mut Desk,
    ) -> Option<Passed> {
        let asking = self.asking.as_ref()?;
        let entry = asking.stale.clone()?;
        let now = seconds(SystemTime::now());
        let request = &self.exchange.request;
        if !Book::of(scgi)?.stale_on(&entry.meta, request, trouble, now) {
            return None;
        }
        log::warn!("{}: a stale response is sent instead", self.prefix(None));
        self.end_asking(Verdict::Abandoned);
        Some(self.serve(&entry, CacheStatus::Stale, scgi, desk))
    }

    /// A pass is over, and nothing was stored: it failed, or its response led elsewhere (C19).
    pub(super) fn end_unfilled(&mut self, failed: bool) {
        if self.asking.is_none() {
            return;
        }
        let (verdict, why) = match failed {
            true => (Verdict::Abandoned, "there is no response"),
            false => (Verdict::Unstorable, "something else answers in its place"),
        };
        log::debug!("{}: not stored: {why}", self.prefix(None));
        self.end_asking(verdict);
    }

    pub(super) fn end_asking(&mut self, verdict: Verdict) {
        if let Some(mut asking) = self.asking.take() {
            asking.end(verdict);
        }
    }

    /// What the cache has to say to a response before it goes its way: the stored one is still good, or better than this.
    pub(super) fn instead_of(
        &mut self,
        heard: &Heard,
        scgi: &'static Scgi,
        desk: &mut Desk,
    ) -> Option<Passed> {
        let head = &heard.head;
        self.invalidate(head, scgi);
        let asking = self.asking.as_ref()?;
        let entry = asking.stale.clone();
        let status = head.status();
        if let Some(entry) = entry.filter(|_| self.validating && status == 304) {
            return Some(self.revalidated(&entry, head, scgi, desk));
        }
        if status >= 400 {
            return self.stale_for(Trouble::Status(status), scgi, desk);
        }
        if self.exchange.request.is_head() && !asking.as_get {
            self.head_seen(head, scgi);
        }
        None
    }

    pub(super) fn times(&self) -> Times {
        Times {
            asked: seconds(self.wall),
            received: seconds(SystemTime::now()),
        }
    }

    /// A 304: the stored response is good again (C58, Z43).
    fn revalidated(
        &mut self,
        entry: &Arc<Entry>,
        head: &Head,
        scgi: &'static Scgi,
        desk: &mut Desk,
    ) -> Passed {
        let times = self.times();
        let request = &self.exchange.request;
        let freshened = Book::of(scgi).map(|b| b.freshen(request, entry, head, times));
        let entry = match freshened {
            Some(freshened) => self.freshen(entry, freshened, scgi),
            None => Arc::clone(entry),
        };
        self.serve(&entry, CacheStatus::Revalidated, scgi, desk)
    }

    /// Does with an entry what a later response to it says. Gives what is to be sent.
    fn freshen(
        &mut self,
        entry: &Arc<Entry>,
        freshened: Freshened,
        scgi: &'static Scgi,
    ) -> Arc<Entry> {
        let no_cache = self.says_no_cache(scgi);
        let Some(asking) = &self.asking else {
            return Arc::clone(entry);
        };
        let Some(place) = asking.place_asked() else {
            return Arc::clone(entry);
        };
        let storable = match freshened {
            // That this request's response is not kept takes nothing from what others have got (C15, C61).
            Freshened::Update(_) if no_cache => {
                self.end_asking(Verdict::Unstorable);
                return Arc::clone(entry);
            }
            // Of what it depends on now, nobody knows what this entry was the answer to.
            Freshened::Update(storable) if storable.vary_names == entry.variant.names => storable,
            Freshened::Update(_) | Freshened::Drop => {
                if let Err(error) = disk::forget(place, entry) {
                    log::error!("{}: cache: {error}", self.prefix(None));
                }
                self.end_asking(Verdict::Unstorable);
                return Arc::clone(entry);
            }
        };
        let Some(fresh) = entry.renewed(&storable, asking.stamp) else {
            return Arc::clone(entry);
        };
        let fresh = Arc::new(fresh);
        if let Err(error) = disk::renew(place, entry, &fresh, &storable.head) {
            log::error!("{}: cache: {error}", self.prefix(None));
        }
        self.end_asking(Verdict::Stored);
        fresh
    }

    /// The response to a HEAD says whether the stored one to a GET is still what it was (RFC 9111 4.3.5).
    fn head_seen(&mut self, head: &Head, scgi: &'static Scgi) {
        let times = self.times();
        let Some(entry) = self.asking.as_ref().and_then(|a| a.stale.clone()) else {
            return;
        };
        let request = &self.exchange.request;
        let seen = Book::of(scgi).and_then(|b| b.head_seen(request, &entry, head, times));
        if let Some(freshened) = seen {
            self.freshen(&entry, freshened, scgi);
        }
    }

    /// Begins to store a response, if it is one to be stored.
    pub(super) fn begin_fill(&mut self, head: &Head, scgi: &'static Scgi) -> Option<Filling> {
        // What an earlier pass found out is about another response.
        self.forwarded = None;
        let name = scgi.cache.as_ref()?.status_name.as_deref();
        let forwarded = Forwarded {
            reason: self.asking.as_ref().map(|asking| asking.reason),
            status: None,
            stored: false,
            collapsed: self.asking.as_ref().is_some_and(|a| a.collapsed),
        };
        let filling = self.try_fill(head, scgi);
        let stored = filling.is_some();
        self.forwarded = name.map(|name| {
            (
                name,
                Forwarded {
                    stored,
                    ..forwarded
                },
            )
        });
        filling
    }

    fn try_fill(&mut self, head: &Head, scgi: &'static Scgi) -> Option<Filling> {
        let mut asking = self.asking.take()?;
        if let Some(why) = asking.passed_by {
            log::debug!("{}: not stored: {why}", self.prefix(None));
            return None;
        }
        match self.fill(head, scgi, &asking) {
            Ok(fill) => Some(Filling {
                fill,
                asking,
                now: Instant::now(),
            }),
            Err(why) => {
                log::debug!("{}: not stored: {why}", self.prefix(None));
                asking.end(Verdict::Unstorable);
                None
            }
        }
    }

    fn fill(
        &self,
        head: &Head,
        scgi: &'static Scgi,
        asking: &Asking,
    ) -> Result<Fill, &'static str> {
        let storable = self.storable(head, scgi, asking)?;
        let length = match head.length() {
            Length::Known(length) => Some(length),
            Length::Chunked | Length::UntilClose => None,
        };
        let place = asking.place(&storable, &self.exchange.request);
        let (place, variant) = place.ok_or("it has no place")?;
        let draft = Draft {
            key: asking.key.clone(),
            meta: storable.meta,
            variant,
            stamp: asking.stamp,
            head: storable.head,
        };
        let fill = Fill::begin(place, draft, length);
        fill.refused().map_or(Ok(fill), Err)
    }

    fn storable(
        &self,
        head: &Head,
        scgi: &'static Scgi,
        asking: &Asking,
    ) -> Result<Storable, &'static str> {
        if !is_buffered(head, scgi) {
            return Err("the response is not buffered (C19)");
        }
        if self.exchange.request.is_head() && !(asking.as_get && scgi.params.says_get()) {
            return Err("the response to a HEAD has no body");
        }
        if self.says_no_cache(scgi) {
            return Err("--no-cache");
        }
        let times = self.times();
        let book = Book::of(scgi).ok_or("there is no cache")?;
        book.store(&self.exchange.request, head, times)
    }
}
