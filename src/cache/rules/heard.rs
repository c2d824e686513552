//! What both rule books hear of a response in the same way: pure.

use super::{Book, Times};
use crate::cache::directives::ResponseDirectives;
use crate::scgi::decimal;
use crate::scgi::response::{Head, Known};

/// The directives that count, and whether Expires does: not where it is ignored, nor where a targeted field stands in for it and
/// Cache-Control (RFC 9213 2.2). Whoever ignores Cache-Control ignores the stale extensions with it (C49).
pub fn hear(book: &Book<'_>, head: &Head) -> (ResponseDirectives, bool) {
    let targeted = ResponseDirectives::targeted(head, &book.cache.targeted);
    let expires = targeted.is_none() && !book.ignore.expires;
    let directives = match targeted {
        Some(directives) => directives,
        None if book.ignore.cache_control => ResponseDirectives::default(),
        None => ResponseDirectives::of(head),
    };
    (directives, expires)
}

/// X-Accel-Expires as seconds since 1970, where it does not mean nothing: it says seconds from now, or `@` and seconds since 1970,
/// also past ones (C47, R43). `None` where there is none that can be read.
///
/// # Errors
/// `0`: not to be stored.
pub fn accel_expires(
    book: &Book<'_>,
    head: &Head,
    times: Times,
) -> Result<Option<u64>, &'static str> {
    let value = head.known_field(Known::AccelExpires);
    let Some(value) = value.filter(|_| !book.ignore.accel_expires) else {
        return Ok(None);
    };
    if let Some(absolute) = value.strip_prefix(b"@") {
        return Ok(decimal::parse(absolute));
    }
    match decimal::parse(value) {
        Some(0) => Err("X-Accel-Expires: 0"),
        seconds => Ok(seconds.map(|seconds| times.received.saturating_add(seconds))),
    }
}

/// Whether it is one to be stored at all.
///
/// # Errors
/// Why it never is, whatever its fields say about storing.
pub fn fitting(book: &Book<'_>, head: &Head) -> Result<(), &'static str> {
    match head.status() {
        206 => return Err("the response is a part"), // Z50; RFC 9111 3.3 is not done
        // It answers somebody's condition, and would be served to all.
        304 => return Err("the response is a 304"),
        _ => {}
    }
    // C19: the response that the client gets is another one, or is not to wait.
    let field = |which| head.known_field(which);
    if !book.ignore.redirect && field(Known::AccelRedirect).is_some() {
        return Err("X-Accel-Redirect");
    }
    let unbuffered = |value: &[u8]| value.eq_ignore_ascii_case(b"no");
    if !book.ignore.buffering && field(Known::AccelBuffering).is_some_and(unbuffered) {
        return Err("X-Accel-Buffering: no");
    }
    Ok(())
}
