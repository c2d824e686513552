//! What a location's cache settings come to for one request: which zone, which key, what is bypassed; and the answer that a
//! stored response makes. Used by the front, and by a worker for redirects inside the gateway. No I/O.
#![forbid(unsafe_code)]

use std::sync::Arc;

use super::cache_status;
use super::course::Course;
use super::head::own;
use super::hit::{HitManner, hit_reply};
use super::local::{Around, Reason, heard};
use super::reply::Reply;
use crate::cache::lookup::{Question, Waited, seconds};
use crate::cache::rules::Book;
use crate::cache::zone::{Waiter, Zone};
use crate::cache::{CacheStatus, Entry};
use crate::config::cache::{Cache, ZoneName};
use crate::config::{Match, Scgi};
use crate::http::request::Request;
use crate::scgi::decimal;
use crate::template::{Part, Template, Values, Var};

/// What stands in a key between what `--cache-key` says and what we add. No variable can have it.
pub const NUL: u8 = 0;

/// What a request is asked about at the cache.
#[derive(Debug)]
pub struct Subject {
    pub zone: &'static Zone,
    /// Without a method: see [`own_entries`].
    pub key: Vec<u8>,
    pub bypass: bool,
}

impl Subject {
    /// The question that goes with it.
    pub fn question<'a>(
        &'a self,
        book: Book<'a>,
        request: &'a Request,
        around: &Around<'_>,
        waiter: Option<(Waiter, Option<Waited>)>,
    ) -> Question<'a> {
        Question {
            zone: self.zone,
            book,
            request,
            key: &self.key,
            bypass: self.bypass,
            now: around.now,
            wall: around.wall,
            waiter,
        }
    }
}

impl Around<'_> {
    /// Which zone the request is kept in, and under which key. `None`: in none.
    ///
    /// # Errors
    /// 500: the name of the zone came from variables, and there is no such zone (C10).
    pub fn subject(
        &self,
        zones: &'static [Zone],
        cache: &Cache,
        request: &Request,
        course: &Course,
    ) -> Result<Option<Subject>, u16> {
        let facts = self.facts(request, course, 0);
        let zone = match &cache.zone {
            ZoneName::Fixed(index) => zones.get(*index),
            ZoneName::Template(template) => {
                let mut name = Vec::new();
                template.render(&facts, &mut name);
                if name.is_empty() || name == b"off" {
                    return Ok(None);
                }
                let is_it = |zone: &&Zone| zone.settings.name.as_bytes() == name;
                let found = zones.iter().find(is_it);
                if found.is_none() {
                    log::error!("--cache: there is no zone \"{}\"", name.escape_ascii());
                    return Err(500);
                }
                found
            }
        };
        let Some(zone) = zone else { return Ok(None) };
        let mut key = Vec::new();
        cache.key.render(&facts, &mut key);
        if course.has_moved() {
            zone.is_led_to();
            own_place(request, course, tells_place(&cache.key), &mut key);
        }
        Ok(Some(Subject {
            zone,
            key,
            bypass: self.says(&cache.bypass, request, course),
        }))
    }

    /// Whether one of the templates is neither empty nor `0`.
    pub fn says(&self, templates: &[Template], request: &Request, course: &Course) -> bool {
        !templates.is_empty() && says(templates, &self.facts(request, course, 0))
    }

    /// The response that a stored one makes.
    ///
    /// # Errors
    /// The status that refuses it (412, 416), and the field that belongs to that.
    pub fn hit(
        &self,
        entry: &Arc<Entry>,
        how: CacheStatus,
        scgi: &Scgi,
        request: &Request,
        course: &Course,
    ) -> Result<Reply, (u16, Reason)> {
        let status = course.status.unwrap_or(entry.head.status());
        let mut lines = Vec::with_capacity(32);
        let now = seconds(self.wall);
        lines.extend_from_slice(b"Age: ");
        decimal::push(entry.meta.age(now), &mut lines);
        lines.extend_from_slice(b"\r\n");
        course.carried.put_beside(&entry.head, status, &mut lines);
        self.add_lines(status, request, course, &mut lines);
        let name = scgi.cache.as_ref().and_then(|c| c.status_name.as_ref());
        if let Some(name) = name {
            cache_status::push_hit(name, &entry.meta, how, now, &mut lines);
        }
        let answer = hit_reply(
            entry,
            &HitManner {
                request,
                ask: &self.ask(request),
                scgi,
                status: course.status,
                lines: &lines,
            },
        );
        heard(answer)
    }

    /// A response of this status without a body.
    pub fn empty(&self, status: u16, request: &Request, course: &Course) -> Reply {
        let lines = self.lines(status, request, course);
        let mut head = Vec::new();
        own(
            status,
            None,
            0,
            (&[], &lines),
            &self.ask(request),
            &mut head,
        );
        Reply::bytes(status, head, Vec::new(), self.keep_alive)
    }
}

/// Whether a key says which path a request has now, and not only the one that it came with.
fn tells_place(key: &Template) -> bool {
    let tells = |part: &Part| matches!(part, Part::Var(Var::Uri | Var::DocumentUri));
    key.parts().iter().any(tells)
}

/// After a redirect inside the gateway a key like `$request_uri` is still that of where the redirect came from, which must not be
/// answered with the response of where it leads to (Z37): so the place goes behind it, unless the key `tells` it. A name is no
/// path: an earlier redirect may have chosen the path by what is in no key, and `@name` has other responses for it than the
/// locations that it belongs to. A path can have a line end (`%0A`), but never a NUL, and no variable can.
fn own_place(request: &Request, course: &Course, tells: bool, key: &mut Vec<u8>) {
    if !tells {
        key.push(NUL);
        key.extend_from_slice(request.path());
        if let Some(query) = request.query() {
            key.push(b'?');
            key.extend_from_slice(query);
        }
    }
    if let Some(Match::Named(name)) = course.location.map(|location| &location.matching) {
        key.push(NUL);
        key.extend_from_slice(name.as_bytes());
    }
}

/// Methods other than GET and HEAD have entries of their own. Nothing that a client chooses can stand for the NUL: see [`own_place`].
pub fn own_entries(method: &str, key: &mut Vec<u8>) {
    if !matches!(method, "GET" | "HEAD") {
        key.push(NUL);
        key.extend_from_slice(method.as_bytes());
    }
}

/// Whether one of the templates is neither empty nor `0` (C13).
pub fn says(templates: &[Template], values: &dyn Values) -> bool {
    let mut text = Vec::new();
    templates.iter().any(|template| {
        text.clear();
        template.render(values, &mut text);
        !matches!(text.as_slice(), b"" | b"0")
    })
}
