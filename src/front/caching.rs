//! The cache at the front: hits are answered here, and requests that another is filling the entry for wait here, without a
//! worker.

use std::sync::Arc;

#[cfg(feature = "auth")]
use super::checking::{Checking, Held};
use super::conn::{Conn, Pending, Phase};
use super::hub::Hub;
use crate::cache::lookup::{Asking, Found, Waited, look};
use crate::cache::rules::{Book, Part};
use crate::cache::zone::{Waiter, Zone};
use crate::cache::{CacheStatus, Entry};
use crate::config::Scgi;
use crate::http::request::Request;
use crate::respond::caching::own_entries;
use crate::respond::course::{Action, Course};
use crate::respond::local::{Reason, Settled};
use crate::sink::{Key, Sink, Turn};
use crate::worker::exchange::{Caching, Exchange};
use crate::worker::send::Body;

/// A request that waits for what somebody else does.
pub enum Awaiting {
    /// Another fills the entry it wants.
    Entry {
        pending: Box<Pending>,
        zone: &'static Zone,
        /// Whose lease it waits for.
        hash: crate::cache::key::Hash,
    },
    /// Its name and password are being checked.
    #[cfg(feature = "auth")]
    Check(Checking),
}

impl Awaiting {
    /// The request, and where it is.
    pub fn into_parts(self) -> (Box<Request>, Course) {
        match self {
            Awaiting::Entry { pending, .. } => (pending.request, pending.course),
            #[cfg(feature = "auth")]
            Awaiting::Check(checking) => checking.held.into_parts(),
        }
    }
}

impl Conn {
    /// Asks the cache of the request's location, where it has one. `None`: the request is answered, or waits.
    pub(super) fn ask_cache(
        &mut self,
        mut pending: Box<Pending>,
        hub: &mut Hub,
    ) -> Option<Box<Pending>> {
        let Action::Scgi(scgi) = pending.course.action else {
            return Some(pending);
        };
        pending.caching = Caching::Passed;
        let Some(book) = Book::of(scgi) else {
            return Some(pending);
        };
        let cache = book.cache;
        let around = self.around("", false, hub);
        let (request, course) = (&*pending.request, &pending.course);
        let mut subject = match around.subject(hub.shared.zones, cache, request, course) {
            Ok(Some(subject)) => subject,
            Ok(None) => return Some(pending),
            Err(status) => {
                self.answer_instead(status, Reason::default(), pending, hub);
                return None;
            }
        };
        if around.says(&cache.purge, request, course) {
            pending.caching = Caching::Purge(Box::new(subject));
            return Some(pending);
        }
        if book.part(request) != Part::Takes {
            return Some(pending);
        }
        own_entries(request.method(), &mut subject.key);
        let waiter = (self.waiter(), pending.waited);
        let question = subject.question(book, request, &around, Some(waiter));
        let found = look(&question);
        self.act_on(found, subject.zone, scgi, pending, hub)
    }

    /// Does what the cache has said. `None`: the request is answered, or waits.
    fn act_on(
        &mut self,
        found: Found,
        zone: &'static Zone,
        scgi: &Scgi,
        mut pending: Box<Pending>,
        hub: &mut Hub,
    ) -> Option<Box<Pending>> {
        match found {
            Found::Serve(entry, how) => self.serve(&entry, how, zone, scgi, pending, hub),
            Found::Refresh(entry, asking) => {
                self.refresh(asking, &pending.request, &pending.course, hub);
                let how = CacheStatus::Stale;
                self.serve(&entry, how, zone, scgi, pending, hub);
            }
            Found::Error(status) => {
                zone.count(CacheStatus::Hit);
                pending.course.cache = Some(CacheStatus::Hit);
                self.answer_instead(status, Reason::default(), pending, hub);
            }
            Found::Forbidden => self.answer_instead(504, Reason::default(), pending, hub),
            Found::Wait(hash, until, stamp) => {
                let since = hub.now;
                pending.waited.get_or_insert(Waited { since, stamp });
                self.phase = Phase::Await(Box::new(Awaiting::Entry {
                    pending,
                    zone,
                    hash,
                }));
                self.wake_in(until.saturating_duration_since(hub.now), hub);
            }
            Found::Ask(asking) => {
                pending.caching = Caching::Asked(asking);
                return Some(pending);
            }
        }
        None
    }

    /// Who is to be woken.
    pub(super) fn waiter(&self) -> Waiter {
        Waiter {
            slot: self.key.slot,
            serial: self.key.serial,
        }
    }

    /// A request has waited for another to fill its entry, or for its password to be checked: asks again.
    pub(super) fn ask_again(&mut self, hub: &mut Hub) {
        if !matches!(self.phase, Phase::Await(_)) {
            return;
        }
        if let Phase::Await(awaiting) = std::mem::replace(&mut self.phase, Phase::Idle) {
            match *awaiting {
                Awaiting::Entry { pending, .. } => self.hand_over(pending, hub),
                #[cfg(feature = "auth")]
                Awaiting::Check(checking) => self.check_again(checking, hub),
            }
        }
    }

    /// The client of a waiting request has left. Says what it waited for.
    pub(super) fn stop_waiting(&self, awaiting: &Awaiting) -> &'static str {
        match awaiting {
            Awaiting::Entry { zone, hash, .. } => {
                zone.leave(hash, self.waiter());
                "it ended while its request waited for another to fill the cache"
            }
            #[cfg(feature = "auth")]
            Awaiting::Check(checking) => {
                checking.stop();
                "it ended while its password was checked"
            }
        }
    }

    /// Answers with a stored response.
    fn serve(
        &mut self,
        entry: &Arc<Entry>,
        how: CacheStatus,
        zone: &Zone,
        scgi: &Scgi,
        mut pending: Box<Pending>,
        hub: &mut Hub,
    ) {
        zone.count(how);
        pending.course.cache = Some(how);
        let keep_alive = self.may_keep(&pending.request, hub);
        let date = hub.desk.date(hub.wall);
        let around = self.around(date.as_str(), keep_alive, hub);
        match around.hit(entry, how, scgi, &pending.request, &pending.course) {
            Ok(reply) => {
                let Pending {
                    request, course, ..
                } = *pending;
                self.send_reply(&reply, request, course, hub);
            }
            Err((status, reason)) => self.answer_instead(status, reason, pending, hub),
        }
    }

    /// Answers a request that has been taken in as a whole with an error, or with the page for it.
    fn answer_instead(
        &mut self,
        status: u16,
        reason: Reason,
        mut pending: Box<Pending>,
        hub: &mut Hub,
    ) {
        pending.course.action = Action::Refuse(status);
        self.answer(pending, reason, hub);
    }

    /// Answers a request that has been taken in as a whole, as its course asks for.
    pub(super) fn answer(&mut self, mut pending: Box<Pending>, reason: Reason, hub: &mut Hub) {
        let keep_alive = self.may_keep(&pending.request, hub);
        let (request, course) = (&mut *pending.request, &mut pending.course);
        let settled = self.answer_of(request, course, reason, keep_alive, hub);
        self.set_client(&pending.course);
        match settled {
            // An error page of an application, which may be in the cache as well.
            Settled::Scgi(_) => self.hand_over(pending, hub),
            #[cfg(feature = "auth")]
            Settled::Auth(auth) => self.check_password(auth, Held::Whole(pending), 0, hub),
            Settled::Reply(reply) => {
                let Pending {
                    request, course, ..
                } = *pending;
                self.send_reply(&reply, request, course, hub);
            }
            Settled::Silence | Settled::Status { .. } => {
                let Pending {
                    request, course, ..
                } = *pending;
                self.close_silently(request, course, hub);
            }
        }
    }

    /// Has an expired entry refreshed by a worker, for nobody in particular (C63, Z52). Where the queue is full it is not.
    fn refresh(&self, asking: Box<Asking>, request: &Request, course: &Course, hub: &mut Hub) {
        let shared = hub.shared;
        let socket = match hub.nowhere.try_clone() {
            Ok(socket) => socket,
            Err(error) => {
                log::error!("{}: no background update: {error}", self.name());
                return;
            }
        };
        let key = Key {
            slot: usize::MAX,
            serial: 0,
        };
        let notes = self.sink.notes();
        let sink = Sink::detached(socket, key, notes, shared.memory, &shared.stats);
        sink.begin(Turn::Worker, true, false, false);
        hub.exchanges += 1;
        let mut refreshing = Course::again(course);
        refreshing.cache = Some(CacheStatus::Expired);
        let exchange = Box::new(Exchange {
            number: hub.exchanges,
            sink: Arc::new(sink),
            conn: Arc::clone(&self.info),
            request: request.clone(),
            course: refreshing,
            body: Body::None,
            temp: &self.client.temp,
            requests: self.requests,
            started: self.started,
            queued: hub.now,
            keep_alive: false,
            finished: false,
            caching: Caching::Asked(asking),
            detached: true,
        });
        if hub.pool.submit(exchange, hub.now).is_err() {
            log::warn!("{}: the queue is full: no background update", self.name());
        }
    }
}

/// Lets requests that wait be woken by whoever fills the entry.
pub(super) fn listen(zones: &'static [Zone], notes: &Arc<crate::sink::Notes>) {
    for zone in zones {
        let notes = Arc::clone(notes);
        zone.set_wake(Box::new(move |waiter: Waiter| {
            notes.leave(Key {
                slot: waiter.slot,
                serial: waiter.serial,
            });
        }));
    }
}
