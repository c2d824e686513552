//! Which responses are stored (RFC 9111 3, 3.3, 3.5, 5.2.2): pure.

use super::super::heard::fitting;
use super::freshness::{Freshness, Heard, Source};
use super::{Book, Known, Part, Storable, Times, part, stored, targets};
use crate::cache::directives::{RequestDirectives, ResponseDirectives, Scope, Seconds, values};
use crate::cache::{Meta, vary};
use crate::config::cache::UseStale;
use crate::http::request::Request;
use crate::scgi::response::Head;

/// RFC 9111 3.
///
/// # Errors
/// Why it is not stored.
pub fn store(
    book: &Book<'_>,
    request: &Request,
    head: &Head,
    times: Times,
) -> Result<Storable, &'static str> {
    if part(book, request) != Part::Takes || request.is_head() {
        return Err("the method is not stored");
    }
    if RequestDirectives::of(request).no_store {
        return Err("the request has no-store");
    }
    fitting(book, head)?;
    let heard = Heard::of(book, head);
    if is_authorized(request) && !heard.is_for_all() {
        return Err("the request has Authorization");
    }
    let freshness = heard.freshness(book, head, times)?;
    if !freshness.source.is_explicit() {
        // The standard lets it be stored. But who says nothing about caches and sets a cookie means one client (C41).
        if !book.ignore.set_cookie && head.field("set-cookie").is_some() {
            return Err("Set-Cookie without a lifetime");
        }
        if request.method() == "POST" {
            return Err("a response to POST without a lifetime"); // RFC 9110 9.3.3
        }
    }
    if request.method() == "POST" && !is_of_target(request, head) {
        return Err("a response to POST about something else"); // RFC 9110 9.3.3
    }
    heard.storable(book, head, times, freshness)
}

/// A stored response with newer fields, `merged`, judged as if it had just arrived.
///
/// # Errors
/// Why it does not stay.
pub(super) fn again(
    book: &Book<'_>,
    merged: &Head,
    times: Times,
) -> Result<Storable, &'static str> {
    let heard = Heard::of(book, merged);
    let freshness = heard.freshness(book, merged, times)?;
    heard.storable(book, merged, times, freshness)
}

/// RFC 9111 3.5 is about the response to this request.
pub(super) fn is_authorized(request: &Request) -> bool {
    request.field("authorization").is_some()
}

/// The response says that it is what a GET of the target would have (RFC 9110 8.7, 9.3.3).
fn is_of_target(request: &Request, head: &Head) -> bool {
    let mut locations = values(head, "content-location");
    let first = locations.next();
    let target = first.and_then(|first| targets::resolve(request, first));
    locations.next().is_none() && target.as_deref() == Some(request.target())
}

impl Heard {
    /// RFC 9111 3.5: the response to a request with Authorization may be given to others.
    pub fn is_for_all(&self) -> bool {
        let directives = &self.directives;
        directives.public
            || directives.must_revalidate
            || matches!(directives.s_maxage, Seconds::Given(_))
    }

    /// # Errors
    /// A directive forbids to store it, or it could never be used.
    fn storable(
        mut self,
        book: &Book<'_>,
        head: &Head,
        times: Times,
        freshness: Freshness,
    ) -> Result<Storable, &'static str> {
        // It is for this gateway alone, and goes before what is said to all (R43): browsers may be told not to cache.
        match freshness.source {
            Source::Accel => overrule(&mut self.directives),
            Source::Response | Source::Settings | Source::Heuristic | Source::Nobody => {
                forbidden(&self.directives, head.status())?;
            }
        }
        let meta = self.meta(head, times, freshness);
        usable(book, head, &meta)?;
        Ok(Storable {
            meta,
            vary_names: match book.ignore.vary {
                true => Box::default(),
                false => vary::names(head)?, // RFC 9111 4.1
            },
            head: stored::head(head, &self.directives, times),
        })
    }

    fn meta(&self, head: &Head, times: Times, freshness: Freshness) -> Meta {
        let directives = &self.directives;
        Meta {
            received: times.received,
            initial_age: stored::initial_age(head, times),
            // RFC 9111 4.2: fresh while the lifetime is greater than the age.
            fresh_until: freshness.end.saturating_sub(1),
            stale_while: directives.stale_while_revalidate.unwrap_or(0),
            stale_error: directives.stale_if_error.unwrap_or(0),
            must_revalidate: directives.must_revalidate
                || directives.proxy_revalidate
                || directives.s_maxage != Seconds::Absent, // RFC 9111 5.2.2.10
            no_cache: directives.no_cache.is_whole(),
        }
    }
}

/// no-store, private and must-understand (RFC 9111 5.2.2.3, 5.2.2.5, 5.2.2.7).
fn forbidden(directives: &ResponseDirectives, status: u16) -> Result<(), &'static str> {
    if directives.must_understand && !is_understood(status) {
        return Err("must-understand");
    }
    if directives.no_store && !directives.must_understand {
        return Err("no-store");
    }
    if directives.private.is_whole() {
        return Err("private");
    }
    Ok(())
}

/// Takes out what forbids to store and to use.
fn overrule(directives: &mut ResponseDirectives) {
    directives.no_store = false;
    if directives.no_cache.is_whole() {
        directives.no_cache = Scope::Absent;
    }
}

/// What is stale from the start, or validated before each use, is worth its place only where something can come of it.
fn usable(book: &Book<'_>, head: &Head, meta: &Meta) -> Result<(), &'static str> {
    let has = |which| {
        head.known_field(which)
            .is_some_and(|value| !value.is_empty())
    };
    if head.status() == 200 && (has(Known::ETag) || has(Known::LastModified)) {
        return Ok(());
    }
    if meta.no_cache {
        return Err("no-cache, and nothing to validate it by");
    }
    let is_served_stale =
        meta.stale_while > 0 || meta.stale_error > 0 || book.cache.use_stale != UseStale::default();
    if meta.fresh_until < meta.received && (meta.must_revalidate || !is_served_stale) {
        return Err("it is stale already, and nothing to validate it by");
    }
    Ok(())
}

/// What this cache knows all about (RFC 9111 5.2.2.3): the final status codes of RFC 9110, without 206 and 304, and without
/// those that are about one connection or nobody's.
fn is_understood(status: u16) -> bool {
    matches!(status, 200..=205 | 300..=303 | 307 | 308 | 400..=406 | 409..=417 | 421 | 422 | 426 | 500..=505)
}
