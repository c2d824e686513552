//! The rule book `rfc9111`: the standard for a shared cache, with RFC 5861 (stale use), RFC 8246 and RFC 9213 (targeted fields).
//!
//! `storing` says what is stored, `freshness` how long it is fresh, `freshening` what a 304 and the response to a HEAD change,
//! `targets` what an unsafe request makes invalid besides its target. What the operator says (`--cache-valid`, X-Accel-Expires,
//! `--cache-use-stale`, `--ignore-headers`) is the configuration that RFC 9111 4.2.4 speaks of, and has its place in each.

mod freshening;
mod freshness;
mod storing;
mod targets;

use super::{Book, Freshened, Part, Reuse, Storable, Times, Trouble, has_body, stored};
use crate::cache::Meta;
use crate::cache::directives::{MaxStale, RequestDirectives, values};
use crate::http::request::Request;
use crate::scgi::response::{Head, Known};

pub use freshening::{freshen, head_seen};
pub use storing::store;

/// By the method (RFC 9111 2, 4.4). A GET with a body is let past: the key knows nothing of the body, so one client could choose
/// what others get (RFC 9110 9.3.1).
pub fn part(book: &Book<'_>, request: &Request) -> Part {
    match request.method() {
        "GET" | "HEAD" if has_body(request) => Part::None,
        "GET" | "HEAD" => Part::Takes,
        "POST" if book.cache.post => Part::Takes,
        "OPTIONS" | "TRACE" => Part::None,
        _ => Part::Invalidates,
    }
}

/// RFC 9111 5.2.1.7.
pub fn only_if_cached(book: &Book<'_>, request: &Request) -> bool {
    part(book, request) == Part::Takes && RequestDirectives::of(request).only_if_cached
}

/// RFC 9111 5.2.1.1, 5.2.1.4.
pub fn wants_news(request: &Request) -> bool {
    let wanted = RequestDirectives::of(request);
    wanted.no_cache || wanted.max_age == Some(0)
}

/// RFC 9111 4: fresh, or stale and allowed to be, and nobody wants it validated.
pub fn reuse(book: &Book<'_>, meta: &Meta, request: &Request, now: u64) -> Reuse {
    let ask = |while_updating| Reuse::Expired { while_updating };
    if meta.is_of_the_future(now) {
        return ask(false);
    }
    let now = now.max(meta.received); // a clock that was set back makes nothing younger than it came
    let wanted = RequestDirectives::of(request);
    if meta.no_cache || wanted.no_cache || is_too_old(meta, wanted.max_age, now) {
        return ask(false);
    }
    let end = meta.fresh_until.saturating_add(1);
    if now <= meta.fresh_until {
        return match wanted.min_fresh {
            Some(seconds) if end.saturating_sub(now) < u64::from(seconds) => ask(false),
            _ => Reuse::Fresh,
        };
    }
    if meta.must_revalidate || wanted.min_fresh.is_some_and(|seconds| seconds > 0) {
        return ask(false);
    }
    let by = now.saturating_sub(end);
    match wanted.max_stale {
        MaxStale::Any => return Reuse::Stale,
        MaxStale::Seconds(seconds) if by <= u64::from(seconds) => return Reuse::Stale,
        // RFC 9111 5.2.1.1: no max-stale beside it, so nothing stale is wanted.
        MaxStale::Absent if wanted.max_age.is_some() => return ask(false),
        MaxStale::Absent | MaxStale::Seconds(_) => {}
    }
    ask(book.cache.use_stale.updating || meta.is_in_window(meta.stale_while, now))
}

/// RFC 9111 4.2.4, RFC 5861 4: stale-if-error of the response or of the request, or the settings. It counts whatever the
/// request says about ages, but one that wants a validation does not get anything else in its place (5.2.1.4).
pub fn stale_on(
    book: &Book<'_>,
    meta: &Meta,
    request: &Request,
    trouble: Trouble,
    now: u64,
) -> bool {
    let wanted = RequestDirectives::of(request);
    if meta.must_revalidate || meta.no_cache || wanted.no_cache {
        return false;
    }
    let (is_listed, is_failure) = trouble.judged(&book.cache.use_stale);
    let by_request = wanted.stale_if_error.unwrap_or(0);
    let window = meta.stale_error.max(by_request);
    is_listed || (is_failure && meta.is_in_window(window, now))
}

/// RFC 9111 4.4: an unsafe request that has succeeded makes its target invalid, and what Location and Content-Location name on
/// the same origin. A method that nobody knows counts as unsafe.
pub fn invalidates(_: &Book<'_>, request: &Request, head: &Head) -> Option<Vec<Vec<u8>>> {
    let is_safe = matches!(request.method(), "GET" | "HEAD" | "OPTIONS" | "TRACE");
    if is_safe || !matches!(head.status(), 200..=399) {
        return None;
    }
    let location = head.known_field(Known::Location).into_iter();
    let references = location.chain(values(head, "content-location"));
    let mut found = Vec::new();
    for reference in references {
        if let Some(target) = targets::resolve(request, reference)
            && target != request.target()
            && !found.contains(&target)
        {
            found.push(target);
        }
    }
    Some(found)
}

/// No: the standard has its own use for the response to a HEAD (RFC 9111 4.3.5).
pub fn converts_head(_: &Book<'_>) -> bool {
    false
}

/// RFC 9111 5.2.1.1. Ages are counted in whole seconds, so none is really 0: `max-age=0` wants a validation.
fn is_too_old(meta: &Meta, max_age: Option<u32>, now: u64) -> bool {
    max_age.is_some_and(|seconds| seconds == 0 || meta.age(now) > u64::from(seconds))
}

#[cfg(test)]
mod tests;
