//! From the application's response head to the client's (R23 to R48, Z60): pure.
//!
//! The application decides what the response says; the gateway decides how it is framed. So its fields pass in order,
//! but lengths, codings and everything about a connection are written anew.

mod charset;

use std::borrow::Cow;

use crate::config::Scgi;
use crate::http::status;
use crate::scgi::decimal;
use crate::scgi::response::{Head, Known, Length};

/// What the rest of the delivery must know.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    pub status: u16,
    /// How the body goes to the client; `Length(0)` when there is none.
    pub framing: Framing,
    /// How the application's body ends.
    pub length: Length,
    /// The response has no body for this client (HEAD, 204, 205, 304): the application's is not read.
    pub bodyless: bool,
    /// The connection may be kept after this response.
    pub keep_alive: bool,
    /// Hold nothing back when `false`: `--buffering off`, `X-Accel-Buffering: no` (or the reverse, `yes`).
    pub buffering: bool,
    /// `text/event-stream`: not held back, whatever the setting.
    pub stream: bool,
    /// X-Accel-Limit-Rate, in bytes a second; `Some(0)` switches the limit off.
    pub limit_rate: Option<u64>,
    /// The part of the body that goes to the client; `None`: all.
    pub window: Option<Window>,
}

/// How a body is framed for the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    Length(u64),
    Chunked,
    UntilClose,
}

/// The facts of the request that the response head depends on.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    pub is_head: bool,
    /// 0 or 1.
    pub minor_version: u8,
    /// What request and settings allow.
    pub keep_alive: bool,
    /// `Sun, 06 Nov 1994 08:49:37 GMT`: used unless the application sent a Date (R24).
    pub date: &'a str,
}

/// What the gateway adds to an application's response, or says in its place. Empty for most.
#[derive(Debug, Clone, Copy, Default)]
pub struct Extras<'a> {
    /// The status of an error page (S29).
    pub status: Option<u16>,
    /// Whole lines: added fields, cookies, fields of an earlier response.
    pub lines: &'a [u8],
    /// The part of the body that the client gets (`--force-ranges`).
    pub window: Option<Window>,
    /// Ranges of this response can be asked for, whatever the application says.
    pub ranges: bool,
    /// Bytes of the body, where the gateway knows them better than the head: it has stored it.
    pub length: Option<u64>,
    /// In place of the application's Content-Type.
    pub content_type: Option<&'a [u8]>,
}

/// A part of a body of `size` bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    pub from: u64,
    pub len: u64,
    pub size: u64,
}

/// Room for what is added to the application's fields: status line, Server, Date, framing, Connection.
const OWN_ROOM: usize = 224;

/// Writes the client's response head to `out` and says what follows.
pub fn translate(
    head: &Head,
    settings: &Scgi,
    ask: &Ask<'_>,
    extras: &Extras<'_>,
    out: &mut Vec<u8>,
) -> Plan {
    let status = match extras.window {
        Some(_) => 206,
        None => extras.status.unwrap_or(head.status()),
    };
    let (framing, announced) = frame(head, status, extras, ask);
    let wishes = Wishes::read(head, settings);
    let plan = Plan {
        status,
        framing,
        length: head.length(),
        bodyless: ask.is_head || is_bodyless(head.status()) || is_bodyless(status),
        keep_alive: ask.keep_alive && framing != Framing::UntilClose,
        buffering: wishes.buffering.unwrap_or(settings.buffering),
        stream: wishes.stream,
        limit_rate: wishes.limit_rate,
        window: extras.window,
    };
    out.reserve(head.size() + extras.lines.len() + OWN_ROOM);
    let reason = head.reason().filter(|_| status == head.status());
    write_status_line(status, reason, out);
    write_server_and_date(head, settings, ask.date, extras.lines, out);
    write_fields(status, head, settings, (extras, wishes.charset), out);
    write_extras(extras, out);
    write_framing(announced, out);
    write_connection(plan.keep_alive, ask.minor_version, out);
    out.extend_from_slice(b"\r\n");
    plan
}

/// The application's fields, but for those that are said otherwise.
fn write_fields(
    status: u16,
    head: &Head,
    settings: &Scgi,
    (extras, charset): (&Extras<'_>, Option<&[u8]>),
    out: &mut Vec<u8>,
) {
    for (known, name, value) in head.known_fields() {
        let ours = extras.ranges && is_about_ranges(name)
            || extras.content_type.is_some() && known == Known::ContentType;
        // A condition is answered without what is said about the content (C70).
        let of_content = extras.status == Some(304) && is_of_content(name);
        if !ours && !of_content && !is_said(name, extras.lines) {
            write_field(status, settings, (known, name, value), charset, out);
        }
    }
}

/// What the gateway says besides or instead.
fn write_extras(extras: &Extras<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(extras.lines);
    if let Some(value) = extras.content_type {
        push_field(b"Content-Type", value, out);
    }
    if extras.ranges {
        push_field(b"Accept-Ranges", b"bytes", out);
    }
    if let Some(window) = extras.window {
        let last = window.from + window.len.saturating_sub(1);
        let range = format!("bytes {}-{last}/{}", window.from, window.size);
        push_field(b"Content-Range", range.as_bytes(), out);
    }
}

fn is_of_content(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(b"content-encoding") || name.eq_ignore_ascii_case(b"accept-ranges")
}

/// Fields that say what the gateway says itself when it serves ranges of a response (S33).
fn is_about_ranges(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(b"accept-ranges") || name.eq_ignore_ascii_case(b"content-range")
}

/// Writes the head of a response that the gateway makes itself, with a body of `body_len` bytes of `content_type`.
/// `fields`, then the whole `lines`, go between; they must be clean, and not about framing or the connection.
pub fn own(
    status: u16,
    content_type: Option<&[u8]>,
    body_len: u64,
    (fields, lines): (&[(&str, &[u8])], &[u8]),
    ask: &Ask<'_>,
    out: &mut Vec<u8>,
) {
    out.reserve(OWN_ROOM + lines.len());
    write_status_line(status, None, out);
    let content_type = content_type.filter(|_| !is_bodyless(status));
    let usual = [
        ("Server", Some(SERVER)),
        ("Date", Some(ask.date.as_bytes())),
        ("Content-Type", content_type),
    ];
    let usual = usual
        .iter()
        .filter_map(|(name, value)| Some((*name, (*value)?)));
    for (name, value) in usual.chain(fields.iter().copied()) {
        if !is_said(name.as_bytes(), lines) {
            push_field(name.as_bytes(), value, out);
        }
    }
    out.extend_from_slice(lines);
    write_framing(length_line(status, Announced::Length(body_len)), out);
    write_connection(ask.keep_alive, ask.minor_version, out);
    out.extend_from_slice(b"\r\n");
}

/// Fields that a message has but once (RFC 9110 5.3) and that `--add-header` may name all the same: what it says takes the place
/// of what else would be said.
pub fn is_single(name: &[u8]) -> bool {
    let single: [&[u8]; 7] = [
        b"server",
        b"date",
        b"content-type",
        b"etag",
        b"last-modified",
        b"expires",
        b"location",
    ];
    single.iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// Whether `lines` say such a field.
pub(super) fn is_said(name: &[u8], lines: &[u8]) -> bool {
    !lines.is_empty()
        && is_single(name)
        && lines
            .split(|&b| b == b'\n')
            .any(|line| is_named(line, name))
}

/// Whether a line is a field of this name.
pub fn is_named(line: &[u8], name: &[u8]) -> bool {
    let found = line.split(|&b| b == b':').next().unwrap_or_default();
    found.eq_ignore_ascii_case(name)
}

/// What the gateway calls itself; no version, which would only serve attackers.
const SERVER: &[u8] = b"scgate";

/// No content whatever the method (RFC 9110 15.3.5, 15.3.6, 15.4.5).
pub fn is_bodyless(status: u16) -> bool {
    matches!(status, 204 | 205 | 304)
}

/// What the head says about the body, which for HEAD is not what follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Announced {
    Nothing,
    Length(u64),
    Chunked,
}

/// How the body is framed, and what the head says about it.
fn frame(head: &Head, status: u16, extras: &Extras<'_>, ask: &Ask<'_>) -> (Framing, Announced) {
    if is_bodyless(status) {
        return (Framing::Length(0), length_line(status, Announced::Nothing));
    }
    if is_bodyless(head.status()) {
        // The status of an error page stands for a response that has no body.
        return (Framing::Length(0), Announced::Length(0));
    }
    let length = match (extras.window, extras.length) {
        (Some(window), _) => Length::Known(window.len),
        (None, Some(length)) => Length::Known(length),
        (None, None) => head.length(),
    };
    match (length, ask.is_head) {
        (Length::Known(length), true) => (Framing::Length(0), Announced::Length(length)),
        // RFC 9110 8.6 and 9.3.2: what a GET would say may be left out where it is not known without the body.
        (_, true) => (Framing::Length(0), Announced::Nothing),
        (Length::Known(length), false) => (Framing::Length(length), Announced::Length(length)),
        (_, false) if ask.minor_version == 0 => (Framing::UntilClose, Announced::Nothing),
        (_, false) => (Framing::Chunked, Announced::Chunked),
    }
}

/// `otherwise`, but 204 and 304 say nothing, and a 205 says that it is empty (RFC 9112 6.3 takes only the first two for
/// complete at the end of the head).
fn length_line(status: u16, otherwise: Announced) -> Announced {
    match status {
        204 | 304 => Announced::Nothing,
        205 => Announced::Length(0),
        _ => otherwise,
    }
}

/// What the application asks of the gateway about this response.
#[derive(Default)]
struct Wishes<'a> {
    buffering: Option<bool>,
    limit_rate: Option<u64>,
    charset: Option<&'a [u8]>,
    stream: bool,
}

impl<'a> Wishes<'a> {
    fn read(head: &'a Head, settings: &Scgi) -> Wishes<'a> {
        let ignore = &settings.ignore;
        let mut wishes = Wishes::default();
        for (known, _, value) in head.known_fields() {
            match known {
                Known::ContentType => {
                    wishes.stream =
                        charset::media_type(value).eq_ignore_ascii_case(b"text/event-stream")
                }
                // The last copy that makes sense holds; the manual knows only one.
                Known::AccelBuffering if !ignore.buffering => {
                    wishes.buffering = yes_or_no(value).or(wishes.buffering)
                }
                Known::AccelLimitRate if !ignore.limit_rate => {
                    wishes.limit_rate = decimal::parse(value)
                }
                Known::AccelCharset if !ignore.charset => wishes.charset = charset::usable(value),
                _ => {}
            }
        }
        wishes
    }
}

/// Whether a response may be held back, by settings and its own word (Z24).
pub fn is_buffered(head: &Head, settings: &Scgi) -> bool {
    let wishes = Wishes::read(head, settings);
    wishes.buffering.unwrap_or(settings.buffering)
}

/// R45.
fn yes_or_no(value: &[u8]) -> Option<bool> {
    if value.eq_ignore_ascii_case(b"yes") {
        return Some(true);
    }
    value.eq_ignore_ascii_case(b"no").then_some(false)
}

fn write_status_line(status: u16, reason: Option<&[u8]>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"HTTP/1.1 ");
    decimal::push(u64::from(status), out);
    // The space belongs to the line even where no reason follows (RFC 9112 4).
    out.push(b' ');
    out.extend_from_slice(reason.unwrap_or(status::reason(status).as_bytes()));
    out.extend_from_slice(b"\r\n");
}

/// Our own Server and Date, unless the application's go through (R24): they do when it sent them and they are not hidden.
fn write_server_and_date(
    head: &Head,
    settings: &Scgi,
    date: &str,
    lines: &[u8],
    out: &mut Vec<u8>,
) {
    let (mut server, mut dated) = (false, false);
    for (known, _, _) in head.known_fields() {
        server |= known == Known::Server;
        dated |= known == Known::Date;
    }
    server &= !is_hidden(&settings.hidden, b"server");
    dated &= !is_hidden(&settings.hidden, b"date");
    if !server && !is_said(b"server", lines) {
        push_field(b"Server", SERVER, out);
    }
    if !dated && !is_said(b"date", lines) {
        push_field(b"Date", date.as_bytes(), out);
    }
}

/// The Content-Type that [`translate`] gives a response: it may be hidden, and have another charset (R46).
pub fn content_type<'a>(head: &'a Head, settings: &Scgi) -> Option<Cow<'a, [u8]>> {
    let value = head.known_field(Known::ContentType)?;
    if is_hidden(&settings.hidden, b"content-type") {
        return None;
    }
    let Some(charset) = Wishes::read(head, settings).charset else {
        return Some(Cow::Borrowed(value));
    };
    let mut out = Vec::with_capacity(value.len() + charset.len() + 16);
    charset::replace(value, charset, &mut out);
    Some(Cow::Owned(out))
}

/// One field of the application, unless it is written anew, hidden, or about content that this status does not have.
fn write_field(
    status: u16,
    settings: &Scgi,
    (known, name, value): (Known, &[u8], &[u8]),
    charset: Option<&[u8]>,
    out: &mut Vec<u8>,
) {
    match known {
        Known::ContentLength | Known::TransferEncoding | Known::HopByHop => return,
        Known::ContentType if is_bodyless(status) => return,
        _ if is_hidden(&settings.hidden, name) => return,
        _ => {}
    }
    match charset {
        Some(charset) if known == Known::ContentType => {
            out.extend_from_slice(name);
            out.extend_from_slice(b": ");
            charset::replace(value, charset, out);
            out.extend_from_slice(b"\r\n");
        }
        _ => push_field(name, value, out),
    }
}

/// Appends a field as a whole line. Name and value are clean.
pub fn push_field(name: &[u8], value: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

fn write_framing(announced: Announced, out: &mut Vec<u8>) {
    match announced {
        Announced::Nothing => {}
        Announced::Length(length) => {
            out.extend_from_slice(b"Content-Length: ");
            decimal::push(length, out);
            out.extend_from_slice(b"\r\n");
        }
        Announced::Chunked => push_field(b"Transfer-Encoding", b"chunked", out),
    }
}

/// HTTP/1.1 keeps a connection unless told otherwise, HTTP/1.0 closes it unless told otherwise (RFC 9112 9.3).
fn write_connection(keep_alive: bool, minor_version: u8, out: &mut Vec<u8>) {
    match (keep_alive, minor_version) {
        (false, _) => push_field(b"Connection", b"close", out),
        (true, 0) => push_field(b"Connection", b"keep-alive", out),
        (true, _) => {}
    }
}

/// Whether `name` is among the sorted, lowercased names in `hidden`.
pub(super) fn is_hidden(hidden: &[String], name: &[u8]) -> bool {
    let lowered = |byte: &u8| byte.to_ascii_lowercase();
    hidden
        .binary_search_by(|have| have.bytes().cmp(name.iter().map(lowered)))
        .is_ok()
}

#[cfg(test)]
pub(super) mod tests;
