//! Conditional requests (RFC 9110 13): pure. The client has a copy, or thinks that it knows one; the validators of what is
//! there now decide whether it is sent.
#![forbid(unsafe_code)]

use crate::http::date;
use crate::http::fields::trim;
use crate::http::request::Request;
use crate::scgi::response::{Head, Known};

/// What identifies the representation that is there now.
#[derive(Debug, Clone, Copy)]
pub struct Validators<'a> {
    /// ETag as it is sent: `"…"`, or `W/"…"` for a weak one.
    pub etag: Option<&'a [u8]>,
    /// Last-Modified in seconds after the start of 1970.
    pub modified: Option<u64>,
}

/// What the conditions of a request come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// They hold, or there are none.
    Send,
    /// 304: the client has it.
    NotModified,
    /// 412.
    Failed,
}

/// The ETag of a file as nginx makes it, so that a migration keeps what browsers have cached: time and size in hexadecimal.
pub fn etag(mtime: u64, size: u64) -> String {
    format!("\"{mtime:x}-{size:x}\"")
}

impl Validators<'_> {
    /// Those of an application's response.
    pub fn of(head: &Head) -> Validators<'_> {
        Validators {
            etag: head.known_field(Known::ETag),
            modified: head.known_field(Known::LastModified).and_then(date::parse),
        }
    }

    /// Judges the conditions in the order of RFC 9110 13.2.2: If-Match, and only without it If-Unmodified-Since; then
    /// If-None-Match, and only without it If-Modified-Since. (nginx looks at all four, Z49.) A date that is none, or one
    /// where nothing is known about the time, counts as absent (13.1.3, 13.1.4).
    pub fn judge(&self, request: &Request) -> Verdict {
        let mut if_match = request.fields_named("if-match").peekable();
        let holds = if if_match.peek().is_some() {
            if_match.any(|value| self.is_listed(value, Strength::Strong))
        } else {
            // Not after: 13.1.4 has the condition hold at the very second.
            self.date_of(request, "if-unmodified-since")
                .is_none_or(|(modified, date)| modified <= date)
        };
        if !holds {
            return Verdict::Failed;
        }
        let reads = request.is_head() || request.method() == "GET";
        let mut if_none_match = request.fields_named("if-none-match").peekable();
        if if_none_match.peek().is_some() {
            return match if_none_match.any(|value| self.is_listed(value, Strength::Weak)) {
                false => Verdict::Send,
                true if reads => Verdict::NotModified,
                true => Verdict::Failed,
            };
        }
        match self.date_of(request, "if-modified-since") {
            Some((modified, date)) if reads && modified <= date => Verdict::NotModified,
            _ => Verdict::Send,
        }
    }

    /// Whether If-Range lets the request's Range be heard (RFC 9110 13.1.5): there is none, or it names exactly what is here,
    /// by a strong ETag or by the very date. Anything else, malformed or not, means that all is sent.
    pub fn range_holds(&self, request: &Request) -> bool {
        let Some(value) = request.field("if-range") else {
            return true;
        };
        match value.first() {
            Some(b'"') => self
                .etag
                .is_some_and(|etag| etag.first() == Some(&b'"') && etag == value),
            // A weak tag, which says too little.
            Some(b'W') if value.starts_with(b"W/") => false,
            _ => date::parse(value).is_some_and(|date| Some(date) == self.modified),
        }
    }

    /// Last-Modified and the date that a field holds, if both are known.
    fn date_of(&self, request: &Request, name: &str) -> Option<(u64, u64)> {
        let mut values = request.fields_named(name);
        let value = values.next()?;
        // A date is no list (13.1.3).
        if values.next().is_some() {
            return None;
        }
        Some((self.modified?, date::parse(value)?))
    }

    /// Whether the value of If-Match or If-None-Match, `*` or a list of tags, names what is here. Of a malformed list the
    /// part before the fault counts.
    fn is_listed(&self, value: &[u8], strength: Strength) -> bool {
        if value == b"*" {
            return true;
        }
        let Some((own, own_is_weak)) = self.etag.and_then(opaque) else {
            return false;
        };
        let mut rest = value;
        while let Some((tag, is_weak, after)) = next_tag(rest) {
            let is_comparable = strength == Strength::Weak || !(is_weak || own_is_weak);
            if is_comparable && tag == own {
                return true;
            }
            rest = after;
        }
        false
    }
}

/// How tags are compared (RFC 9110 8.8.3.2).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Strength {
    /// Weak tags are like nothing.
    Strong,
    /// Only what stands between the quotes counts.
    Weak,
}

/// What stands between the quotes of one tag, and whether it is weak.
fn opaque(tag: &[u8]) -> Option<(&[u8], bool)> {
    next_tag(tag).map(|(tag, is_weak, _)| (tag, is_weak))
}

/// The first tag of a list: what stands between its quotes, whether it is weak, and the list after it. A comma may be part of
/// a tag, so the list can not be cut at commas first. Empty members are left out (RFC 9110 5.6.1).
fn next_tag(list: &[u8]) -> Option<(&[u8], bool, &[u8])> {
    let start = list
        .iter()
        .position(|b| !matches!(b, b' ' | b'\t' | b','))?;
    let text = list.get(start..)?;
    let weak = text.strip_prefix(b"W/");
    let inner = weak.unwrap_or(text).strip_prefix(b"\"")?;
    let end = inner.iter().position(|&b| b == b'"')?;
    let (tag, after) = inner.split_at_checked(end)?;
    let after = trim(after.get(1..)?);
    // Two members need a comma between them.
    match after.first() {
        None | Some(b',') => Some((tag, weak.is_some(), after)),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests;
