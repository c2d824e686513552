//! What is kept of a response's head, how old the response is, and how a newer one changes it (RFC 9111 3.1, 3.2, 4.2.3):
//! pure, for both rule books.

use super::Times;
use crate::cache::directives::{MAX_SECONDS, ResponseDirectives, age, values};
use crate::cache::{Entry, parse_head};
use crate::http::date::{self, HttpDate};
use crate::http::fields::{is_hop_by_hop, list};
use crate::scgi::decimal;
use crate::scgi::response::{Head, Known};

/// The head as it is stored: a status line and the fields, up to and with the empty line. It parses again. Left out are what is
/// about one connection, the lengths, cookies (Z50), the Age, which goes into [`crate::cache::Meta`], and the fields that
/// `no-cache` and `private` name. A Date is there in any case.
pub fn head(head: &Head, directives: &ResponseDirectives, times: Times) -> Vec<u8> {
    let mut out = status_line(head);
    let nominated = nominated(head);
    let mut dated = false;
    for (known, name, value) in head.known_fields() {
        if is_unkept(&nominated, known, name)
            || name.eq_ignore_ascii_case(b"age")
            || directives.no_cache.names(name)
            || directives.private.names(name)
        {
            continue;
        }
        if known == Known::Date {
            // A date that nobody can read is as good as none, also for those who get it from us.
            if date::parse(value).is_none() {
                continue;
            }
            dated = true;
        }
        put(&mut out, name, value);
    }
    if !dated {
        // RFC 9110 6.6.1: whoever has a clock adds it.
        let date = HttpDate::new(times.received);
        put(&mut out, b"Date", date.as_str().as_bytes());
    }
    out.extend_from_slice(b"\r\n");
    out
}

/// How old a response is when it arrives, in seconds (corrected_initial_age of RFC 9111 4.2.3).
pub fn initial_age(head: &Head, times: Times) -> u32 {
    let date = head.known_field(Known::Date).and_then(date::parse);
    let apparent = date.map_or(0, |date| times.received.saturating_sub(date));
    let delay = times.received.saturating_sub(times.asked);
    let corrected = u64::from(age(head).unwrap_or(0)).saturating_add(delay);
    let seconds = apparent.max(corrected);
    u32::try_from(seconds).map_or(MAX_SECONDS, |seconds| seconds.min(MAX_SECONDS))
}

/// The stored head with the fields of a newer one: that of a 304, or of the response to a HEAD (RFC 9111 3.2, Z43). Status and
/// reason stay. The Age and the Date are those of `newer`, and missing where it has none, so that [`head`] and [`initial_age`]
/// judge the result like a response that has just arrived. `None`: it makes no head (which does not happen with two proper ones).
pub fn merge(stored: &Head, newer: &Head) -> Option<Head> {
    let mut out = status_line(stored);
    let nominated = nominated(newer);
    let news = newer.known_fields();
    let news: Vec<_> = news
        .filter(|(known, name, _)| !is_unchanged(&nominated, *known, name))
        .collect();
    for (known, name, value) in stored.known_fields() {
        let is_time = known == Known::Date || name.eq_ignore_ascii_case(b"age");
        let mut names = news.iter().map(|(_, name, _)| name);
        if !is_time && !names.any(|new| new.eq_ignore_ascii_case(name)) {
            put(&mut out, name, value);
        }
    }
    for (_, name, value) in &news {
        put(&mut out, name, value);
    }
    out.extend_from_slice(b"\r\n");
    parse_head(&out)
}

impl Entry {
    /// The validators to ask the application with: ETag and Last-Modified (C57). Those of a 200 only: others have no
    /// representation to validate.
    pub fn validators(&self) -> (Option<&[u8]>, Option<&[u8]>) {
        if self.head.status() != 200 {
            return (None, None);
        }
        let field = |which| {
            self.head
                .known_field(which)
                .filter(|value| !value.is_empty())
        };
        (field(Known::ETag), field(Known::LastModified))
    }
}

fn status_line(head: &Head) -> Vec<u8> {
    let mut out = Vec::with_capacity(head.size() + 64); // 64: the status line and a Date
    out.extend_from_slice(b"HTTP/1.1 ");
    decimal::push(u64::from(head.status()), &mut out);
    if let Some(reason) = head.reason() {
        out.push(b' ');
        out.extend_from_slice(reason);
    }
    out.extend_from_slice(b"\r\n");
    out
}

fn put(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    for part in [name, b": ", value, b"\r\n"] {
        out.extend_from_slice(part);
    }
}

/// The names that Connection has (RFC 9110 7.6.1).
fn nominated(head: &Head) -> Vec<&[u8]> {
    values(head, "connection").flat_map(list).collect()
}

/// A field that is never stored (RFC 9111 3.1), because of its name or because Connection has the name.
fn is_unkept(nominated: &[&[u8]], known: Known, name: &[u8]) -> bool {
    const UNKEPT: [&str; 2] = ["set-cookie", "proxy-authentication-info"];
    match known {
        Known::Status | Known::ContentLength | Known::TransferEncoding | Known::HopByHop => true,
        Known::Other if std::str::from_utf8(name).is_ok_and(is_hop_by_hop) => true,
        _ => {
            let same = |other: &[u8]| other.eq_ignore_ascii_case(name);
            UNKEPT.iter().any(|other| same(other.as_bytes()))
                || nominated.iter().any(|other| same(other))
        }
    }
}

/// A field of a newer head that changes nothing: one that is not stored anyway, and those that say how the stored body is to
/// be read. Content-Type is one of these: many applications put a default one into every 304.
fn is_unchanged(nominated: &[&[u8]], known: Known, name: &[u8]) -> bool {
    const OF_THE_BODY: [&str; 3] = ["content-encoding", "content-range", "content-type"];
    OF_THE_BODY
        .iter()
        .any(|field| field.as_bytes().eq_ignore_ascii_case(name))
        || is_unkept(nominated, known, name)
}

#[cfg(test)]
mod tests;
