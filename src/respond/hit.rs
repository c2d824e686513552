//! The response that a stored entry makes: conditions, ranges, and the head that goes with them. No I/O.
#![forbid(unsafe_code)]

use std::sync::Arc;

use super::conditions::{Validators, Verdict};
use super::head::{self, Ask, Extras, Window, is_bodyless, translate};
use super::ranges::{self, Range, Selection};
use super::reply::{Answer, Part, Reply, boundary, selection};
use crate::cache::{Body, Entry};
use crate::config::Scgi;
use crate::http::date;
use crate::http::request::Request;
use crate::scgi::response::Known;

/// How an entry is to be sent.
#[derive(Debug, Clone, Copy)]
pub struct HitManner<'a> {
    pub request: &'a Request,
    pub ask: &'a Ask<'a>,
    /// Settings of the location: what is hidden, which X-Accel fields are heard (C4).
    pub scgi: &'a Scgi,
    /// The status of an error page that the entry stands in for (S29).
    pub status: Option<u16>,
    /// Whole lines to be added: Age, `--add-header`, fields of an earlier response.
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
    let validators = Validators {
        etag: entry.head.known_field(Known::ETag),
        modified: entry
            .head
            .known_field(Known::LastModified)
            .and_then(date::parse),
    };
    match validators.judge(request) {
        Verdict::Failed => return Answer::Refused(412, None),
        Verdict::NotModified => return Answer::Reply(not_modified(entry, manner)),
        Verdict::Send => {}
    }
    match selection(request, &validators, entry.len) {
        Selection::Whole => Answer::Reply(whole(entry, manner, true)),
        Selection::Ranges(ranges) => Answer::Reply(partial(entry, manner, &ranges)),
        Selection::Unsatisfiable => {
            let value = ranges::content_range(None, entry.len);
            Answer::Refused(416, Some(("Content-Range", value)))
        }
    }
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
    let body = part(entry, all).into_iter().collect();
    reply(entry, manner, &extras, body)
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
        let body = part(entry, *range).into_iter().collect();
        return reply(entry, manner, &extras, body);
    }
    let boundary = boundary();
    let content_type = entry.head.known_field(Known::ContentType);
    let mut body = Vec::with_capacity(2 * ranges.len() + 1);
    for range in ranges {
        let head = ranges::part_head(
            &boundary,
            content_type.unwrap_or_default(),
            *range,
            entry.len,
        );
        body.push(Part::Bytes(head));
        body.extend(part(entry, *range));
    }
    body.push(Part::Bytes(ranges::parts_end(&boundary)));
    let content_type = format!("multipart/byteranges; boundary={boundary}");
    let extras = Extras {
        status: Some(206),
        length: Some(body.iter().map(Part::len).sum()),
        content_type: Some(content_type.as_bytes()),
        ranges: true,
        ..extras(entry, manner)
    };
    reply(entry, manner, &extras, body)
}

/// Puts it together. What HEAD and 304 do not get is left out of `body`.
fn reply(entry: &Entry, manner: &HitManner<'_>, extras: &Extras<'_>, body: Vec<Part>) -> Reply {
    let mut head = Vec::new();
    let plan: head::Plan = translate(&entry.head, manner.scgi, manner.ask, extras, &mut head);
    let body = match manner.ask.is_head || is_bodyless(plan.status) {
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

/// A run of the entry's body, if there is anything in it.
fn part(entry: &Entry, range: Range) -> Option<Part> {
    let Range { from, len } = range;
    if len == 0 {
        return None;
    }
    Some(match &entry.body {
        // What is held in memory fits into it.
        Body::Memory(bytes) => Part::Shared {
            bytes: Arc::clone(bytes),
            from: usize::try_from(from).ok()?,
            len: usize::try_from(len).ok()?,
        },
        Body::File(_, start) => Part::File {
            from: start + from,
            len,
        },
    })
}

#[cfg(test)]
mod tests;
