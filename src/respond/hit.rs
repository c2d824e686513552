//! The response that a stored entry makes: conditions, ranges, and the head that goes with them. No I/O.
#![forbid(unsafe_code)]

use std::sync::Arc;

use super::conditions::{Validators, Verdict};
use super::head::{self, Ask, Extras, Window, is_bodyless, translate};
use super::ranges::{self, Range, Selection};
use super::reply::{Answer, Part, Reply, multipart, selection, unless_typed};
use crate::cache::{Body, Entry};
use crate::config::Scgi;
use crate::http::request::Request;

/// How an entry is to be sent.
#[derive(Debug, Clone, Copy)]
pub struct HitManner<'a> {
    pub request: &'a Request,
    pub ask: &'a Ask<'a>,
    /// Settings of the location: what is hidden, which X-Accel fields are heard (C4).
    pub scgi: &'a Scgi,
    /// The status of an error page that the entry stands in for (S29).
    pub status: Option<u16>,
    /// Whole lines to be added: Age, `--add-header`, fields of an earlier response. Clean, and not about lengths, ranges or the
    /// connection. Of fields that a message has once they take the place of the entry's.
    pub lines: &'a [u8],
}

/// Answers with `entry`. Conditions and ranges are heard where it is a plain 200, of GET and HEAD, in the order of RFC 9110 13.2.2;
/// ranges whatever the application said of them (Z48 to Z50).
pub fn hit_reply(entry: &Entry, manner: &HitManner<'_>) -> Answer {
    let request = manner.request;
    let reads = request.is_head() || request.method() == "GET";
    let is_plain = entry.head.status() == 200 && manner.status.is_none_or(|s| s == 200);
    if !reads || !is_plain {
        return Answer::Reply(whole(entry, manner, false));
    }
    if !has_terms(request) {
        return Answer::Reply(whole(entry, manner, true));
    }
    let validators = Validators::of(&entry.head);
    match validators.judge(request) {
        Verdict::Failed => return Answer::Refused(412, None),
        Verdict::NotModified => return Answer::Reply(not_modified(entry, manner)),
        Verdict::Send => {}
    }
    let selection = selection(request, &validators, entry.len);
    match unless_typed(selection, manner.lines) {
        Selection::Whole => Answer::Reply(whole(entry, manner, true)),
        Selection::Ranges(ranges) => Answer::Reply(partial(entry, manner, &ranges)),
        Selection::Unsatisfiable => {
            let value = ranges::content_range(None, entry.len);
            Answer::Refused(416, Some(("Content-Range", value)))
        }
    }
}

/// Whether a request may have a condition or a Range. Most have none, and are then spared six searches for one and the
/// reading of a date.
fn has_terms(request: &Request) -> bool {
    request.raw_fields().any(|(name, _)| {
        let starts = |with: &[u8]| {
            let start = name.get(..with.len());
            start.is_some_and(|start| start.eq_ignore_ascii_case(with))
        };
        starts(b"if-") || starts(b"range")
    })
}

fn extras<'a>(entry: &Entry, manner: &HitManner<'a>) -> Extras<'a> {
    Extras {
        status: manner.status,
        lines: manner.lines,
        length: Some(entry.len),
        ..Extras::default()
    }
}

fn not_modified(entry: &Entry, manner: &HitManner<'_>) -> Reply {
    let extras = Extras {
        status: Some(304),
        ..extras(entry, manner)
    };
    reply(entry, manner, &extras, Vec::new())
}

fn whole(entry: &Entry, manner: &HitManner<'_>, ranges: bool) -> Reply {
    let extras = Extras {
        ranges,
        ..extras(entry, manner)
    };
    let all = Range {
        from: 0,
        len: entry.len,
    };
    reply(entry, manner, &extras, parts(entry, all))
}

fn partial(entry: &Entry, manner: &HitManner<'_>, ranges: &[Range]) -> Reply {
    if let [range] = ranges {
        let window = Window {
            from: range.from,
            len: range.len,
            size: entry.len,
        };
        let extras = Extras {
            ranges: true,
            window: Some(window),
            ..extras(entry, manner)
        };
        return reply(entry, manner, &extras, parts(entry, *range));
    }
    let content_type = head::content_type(&entry.head, manner.scgi);
    let run = |range| part(entry, range);
    let (multipart, body) = multipart(ranges, content_type.as_deref(), entry.len, &run);
    let extras = Extras {
        status: Some(206),
        length: Some(body.iter().map(Part::len).sum()),
        content_type: Some(multipart.as_bytes()),
        ranges: true,
        ..extras(entry, manner)
    };
    reply(entry, manner, &extras, body)
}

/// Puts it together. What HEAD and 304 do not get is left out of `body`.
fn reply(entry: &Entry, manner: &HitManner<'_>, extras: &Extras<'_>, body: Vec<Part>) -> Reply {
    let mut head = Vec::new();
    let plan = translate(&entry.head, manner.scgi, manner.ask, extras, &mut head);
    let bodyless = is_bodyless(plan.status) || is_bodyless(entry.head.status());
    let body = match manner.ask.is_head || bodyless {
        true => Vec::new(),
        false => body,
    };
    let file = match &entry.body {
        Body::File(file, _) if !body.is_empty() => Some(Arc::clone(file)),
        _ => None,
    };
    Reply {
        status: plan.status,
        head,
        body,
        file,
        keep_alive: plan.keep_alive,
        limit_rate: plan.limit_rate,
    }
}

/// The run as a part, if there is anything in it.
fn parts(entry: &Entry, range: Range) -> Vec<Part> {
    match range.len {
        0 => Vec::new(),
        _ => vec![part(entry, range)],
    }
}

/// A run of the entry's body.
fn part(entry: &Entry, Range { from, len }: Range) -> Part {
    // What is held in memory fits into it.
    let narrow = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
    match &entry.body {
        Body::Memory(bytes) => Part::Shared {
            bytes: Arc::clone(bytes),
            from: narrow(from),
            len: narrow(len),
        },
        Body::File(_, start) => Part::File {
            from: start.saturating_add(from),
            len,
        },
    }
}

#[cfg(test)]
mod tests;
