//! What requests take out of the cache: purges, and what methods that change things make invalid.

use std::time::SystemTime;

use super::Desk;
use super::caching::Consulted;
use super::script::{Passed, Script};
use crate::cache::rules::{Book, Part};
use crate::cache::zone::Zone;
use crate::cache::{disk, key};
use crate::config::cache::{Cache, ZoneName};
use crate::config::{Match, Scgi};
use crate::http::request::{Limits, Request};
use crate::respond::caching::{NUL, Subject, own_entries};
use crate::scgi::response::Head;

impl Script<'_> {
    /// Purges what the request is about (C79, C80).
    pub(super) fn purge(&mut self, subject: &Subject, desk: &mut Desk) -> Consulted {
        let zone = subject.zone;
        // Also where a redirect has led it here.
        let asked = subject.key.split(|byte| *byte == NUL).next();
        let found = match asked.and_then(|key| key.strip_suffix(b"*")) {
            Some(prefix) => {
                zone.purge_prefix(prefix, SystemTime::now());
                self.save_rules(zone);
                true
            }
            None => {
                let led_to = self.purge_led_to(subject);
                if led_to {
                    self.save_rules(zone);
                }
                // Nobody knows whether there was anything.
                self.purge_key(subject) || led_to
            }
        };
        if !found {
            self.refuse(404);
            return Consulted::Passed(Passed::Elsewhere);
        }
        let date = desk.date(self.wall);
        let reply = self.around(&date, |around, request, course| {
            around.empty(204, request, course)
        });
        Consulted::Passed(Passed::Done(self.reply(&reply)))
    }

    /// Purges a key, with the entries that other methods have under it. Whether there were any.
    fn purge_key(&self, subject: &Subject) -> bool {
        let mut of_post = subject.key.clone();
        own_entries("POST", &mut of_post);
        let mut found = false;
        for key in [&subject.key, &of_post] {
            match disk::purge(subject.zone, &key::hash(key)) {
                Ok(was_there) => found |= was_there,
                Err(error) => log::error!("{}: purge: {error}", self.prefix(None)),
            }
        }
        found
    }

    /// Purges what redirects that began with the key have led to, where there may be any: it is below the key and the place that they
    /// led to, so only a rule reaches it. False: there can be none.
    fn purge_led_to(&self, subject: &Subject) -> bool {
        let zone = subject.zone;
        let mut applications = self.shared.config.applications();
        let may_be = zone.was_led_to()
            || applications.any(|(location, scgi)| {
                let is_inside = location.internal || matches!(location.matching, Match::Named(_));
                is_inside && scgi.cache.as_ref().is_some_and(|c| self.may_be_in(zone, c))
            });
        if may_be {
            zone.purge_led_to(&subject.key, SystemTime::now());
        }
        may_be
    }

    fn may_be_in(&self, zone: &Zone, cache: &Cache) -> bool {
        match cache.zone {
            ZoneName::Fixed(index) => {
                let own = self.shared.zones.get(index);
                own.is_some_and(|own| std::ptr::eq(own, zone))
            }
            ZoneName::Template(_) => true,
        }
    }

    /// Writes the rules down, so that they hold after a restart.
    fn save_rules(&self, zone: &Zone) {
        if let Err(error) = disk::save_rules(zone) {
            log::error!("{}: purge: {error}", self.prefix(None));
        }
    }

    /// A request that may have changed something: what is stored of it is not good any more (RFC 9111 4.4).
    pub(super) fn invalidate(&mut self, head: &Head, scgi: &'static Scgi) {
        let (Some(book), Some(cache)) = (Book::of(scgi), &scgi.cache) else {
            return;
        };
        let request = &self.exchange.request;
        // A POST may be kept itself, and makes invalid what a GET has all the same.
        if book.part(request) != Part::Invalidates && request.method() != "POST" {
            return;
        }
        let Some(mut targets) = book.invalidates(request, head) else {
            return;
        };
        targets.push(request.target().to_vec());
        let zones = self.shared.zones;
        let date = crate::http::date::HttpDate::new(0);
        let subjects = self.around(&date, |around, request, course| {
            let subject = |target: &Vec<u8>| {
                let request = get(target, request)?;
                around.subject(zones, cache, &request, course).ok()?
            };
            targets.iter().filter_map(subject).collect::<Vec<_>>()
        });
        let mut ruled = None;
        for subject in subjects {
            self.purge_key(&subject);
            if self.purge_led_to(&subject) {
                ruled = Some(subject.zone);
            }
        }
        // All are of one request, and so of one zone.
        if let Some(zone) = ruled {
            self.save_rules(zone);
        }
    }
}

/// A GET for a target with the fields of another request, for the sake of its key.
fn get(target: &[u8], like: &Request) -> Option<Request> {
    let mut head = [b"GET ", target, b" ", like.protocol().as_bytes(), b"\r\n"].concat();
    for (name, value) in like.raw_fields() {
        let of_the_body = [&b"content-length"[..], b"transfer-encoding", b"expect"];
        if !of_the_body
            .iter()
            .any(|other| other.eq_ignore_ascii_case(name))
        {
            for part in [name, b": ", value, b"\r\n"] {
                head.extend_from_slice(part);
            }
        }
    }
    head.extend_from_slice(b"\r\n");
    let limits = Limits {
        max_size: head.len() + 1,
        // Those that were not wanted are gone already.
        underscores: true,
    };
    Request::parse(&head, &limits).ok()
}
