//! What a `--status` location answers with: the state of the program as a page, as JSON or as Prometheus text, and the
//! orders that a POST can give about servers.
//!
//! No I/O: whoever asks brings a [`Snapshot`] of plain values and the function that carries out an order. [`answer`] is the
//! whole of it; `orders` has what concerns POST, the other files one rendering each.
#![forbid(unsafe_code)]

mod amounts;
mod html;
mod json;
mod orders;
mod prometheus;

#[cfg(test)]
mod tests;

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use super::escape::Out;
use super::stats::Totals;
use crate::cache::view::ZoneView;
use crate::http::fields::{list, trim};
use crate::http::request::Request;
use crate::upstream::view::{GroupView, Order, State};

/// The longest form that an order may come in, in bytes. Whoever takes the body in can refuse more with 413.
pub const MAX_FORM: usize = 4096;

/// The state of the program at one time. Limits of 0 mean that there is none.
#[derive(Debug)]
pub struct Snapshot<'a> {
    pub version: &'a str,
    pub hostname: &'a str,
    pub pid: u32,
    pub uptime: Duration,
    /// Client connections now, and their limit (`--connections`).
    pub census: Census,
    pub max_connections: usize,
    /// What was counted since the start.
    pub totals: Totals,
    /// Requests that wait for a worker, and how many may (`--queue`).
    pub queue_length: usize,
    pub max_queue: usize,
    /// Workers with a request, those whose threads run, and those that may be started (`--workers`).
    pub workers_busy: usize,
    pub workers_started: usize,
    pub max_workers: usize,
    /// Bytes that buffers hold, and their ceiling (`--memory`).
    pub memory_used: usize,
    pub max_memory: usize,
    /// Temp files that wait for their next use.
    pub spare_files: usize,
    pub groups: &'a [GroupView],
    /// The zones of the cache.
    pub zones: &'a [ZoneView],
}

/// Client connections by what they do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// A head is coming.
    pub reading_head: u32,
    /// A body is coming.
    pub reading_body: u32,
    /// A whole request waits, for a worker or for memory.
    pub waiting: u32,
    /// A request is being answered, mostly by a worker.
    pub running: u32,
    /// The rest of a response is being written.
    pub writing: u32,
    /// Between requests.
    pub idle: u32,
    /// Our side is closed.
    pub closing: u32,
}

impl Census {
    /// Names and counts, in the order of a connection's life.
    fn states(&self) -> [(&'static str, u32); 7] {
        [
            ("reading_head", self.reading_head),
            ("reading_body", self.reading_body),
            ("waiting", self.waiting),
            ("running", self.running),
            ("writing", self.writing),
            ("idle", self.idle),
            ("closing", self.closing),
        ]
    }

    fn total(&self) -> u64 {
        self.states().iter().map(|(_, n)| u64::from(*n)).sum()
    }
}

/// How the status is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Html,
    Json,
    Prometheus,
}

impl Format {
    fn content_type(self) -> &'static str {
        match self {
            Format::Html => "text/html; charset=utf-8",
            Format::Json => "application/json",
            Format::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

/// What the client gets. To a HEAD goes the head alone, with the body's length.
#[derive(Debug)]
pub struct StatusAnswer {
    pub status: u16,
    pub content_type: &'static str,
    /// Further fields; names and values are clean.
    pub fields: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

/// Carries out an order about a server of a group (group, server, order); or says in a phrase why it can not.
pub type Act<'a> = &'a dyn Fn(&str, &str, Order) -> Result<(), String>;

/// Answers a request to a status location. `body` is the request's, complete. `writable` is `--status writable`;
/// `allowed_explicitly` is [`crate::config::access::AccessRules::allows_explicitly`] of the client.
pub fn answer(
    request: &Request,
    body: &[u8],
    snapshot: &Snapshot<'_>,
    writable: bool,
    allowed_explicitly: bool,
    act: Act<'_>,
) -> StatusAnswer {
    let format = choose(request.query(), request.field("accept"));
    match request.method() {
        "GET" | "HEAD" => show(request, snapshot, format, writable && allowed_explicitly),
        "POST" if writable => orders::take(request, body, format, allowed_explicitly, act),
        _ => {
            let (allow, why) = if writable {
                (
                    "GET, HEAD, POST",
                    "GET shows the status, POST gives an order.",
                )
            } else {
                (
                    "GET, HEAD",
                    "This page only shows the status; it takes no orders.",
                )
            };
            let mut answer = refusal(format, 405, why);
            answer.fields.push(("Allow", allow.into()));
            answer
        }
    }
}

/// The state. `orders` offers the buttons.
fn show(request: &Request, snapshot: &Snapshot<'_>, format: Format, orders: bool) -> StatusAnswer {
    let body = match format {
        Format::Json => json::render(snapshot),
        Format::Prometheus => prometheus::render(snapshot),
        Format::Html => {
            let again = refresh(request.query());
            return page(200, &|nonce| html::render(snapshot, orders, again, nonce));
        }
    };
    made(format.content_type(), 200, body)
}

/// An answer with the fields that all have.
fn made(content_type: &'static str, status: u16, body: Vec<u8>) -> StatusAnswer {
    let fields = vec![
        ("Cache-Control", "no-store".into()),
        ("Vary", "Accept".into()),
        ("X-Content-Type-Options", "nosniff".into()),
    ];
    StatusAnswer {
        status,
        content_type,
        fields,
        body,
    }
}

/// A page with its policy. `render` gets what marks its style as its own, which nobody can foresee.
fn page(status: u16, render: &dyn Fn(&str) -> Vec<u8>) -> StatusAnswer {
    let nonce = format!("{:016x}", RandomState::new().hash_one(status));
    let mut answer = made(Format::Html.content_type(), status, render(&nonce));
    let policy = html::policy(&nonce);
    answer.fields.push(("Content-Security-Policy", policy));
    // Not no-referrer: then browsers would send `Origin: null` with the page's own forms.
    let referrer = "same-origin".into();
    answer.fields.push(("Referrer-Policy", referrer));
    answer
}

/// An answer that says in a sentence why there is no other.
fn refusal(format: Format, status: u16, why: &str) -> StatusAnswer {
    match format {
        Format::Html => page(status, &|nonce| html::refusal(why, nonce)),
        Format::Json => {
            let mut out = Out::default();
            out.raw("{\"ok\":false,").string(b"error").raw(":");
            out.string(why.as_bytes()).raw("}\n");
            made(format.content_type(), status, out.0)
        }
        // No exposition, but text.
        Format::Prometheus => {
            let body = [why.as_bytes(), b"\n"].concat();
            made("text/plain; charset=utf-8", status, body)
        }
    }
}

/// The format that a request asks for: `?format=`, else what Accept likes best, else the page.
pub fn choose(query: Option<&[u8]>, accept: Option<&[u8]>) -> Format {
    match parameter(query, b"format") {
        Some(b"html") => return Format::Html,
        Some(b"json") => return Format::Json,
        Some(b"prometheus") => return Format::Prometheus,
        _ => {}
    }
    let mut best = (0, Format::Html);
    for item in list(accept.unwrap_or_default()) {
        let mut parts = item.split(|b| *b == b';').map(trim);
        let kind = parts.next().unwrap_or_default().to_ascii_lowercase();
        let format = match kind.as_slice() {
            b"text/html" | b"application/xhtml+xml" => Format::Html,
            b"application/json" => Format::Json,
            b"text/plain" | b"application/openmetrics-text" => Format::Prometheus,
            _ => continue,
        };
        let quality = parts
            .find_map(|part| part.strip_prefix(b"q="))
            .map_or(1000, thousandths);
        if quality > best.0 {
            best = (quality, format);
        }
    }
    best.1
}

/// The value of a parameter of a query, the first of that name; not decoded.
fn parameter<'a>(query: Option<&'a [u8]>, name: &[u8]) -> Option<&'a [u8]> {
    let mut pairs = query?.split(|b| *b == b'&');
    pairs.find_map(|pair| pair.strip_prefix(name)?.strip_prefix(b"="))
}

/// `?refresh=N`: after how many seconds the page is to be loaded again, within reason.
fn refresh(query: Option<&[u8]>) -> Option<u32> {
    let digits = std::str::from_utf8(parameter(query, b"refresh")?).ok()?;
    let seconds: u32 = digits.parse().ok()?;
    (1..=3600).contains(&seconds).then_some(seconds)
}

/// A weight (RFC 9110 12.4.2) in thousandths; what is none counts as 0.
fn thousandths(text: &[u8]) -> u32 {
    let (one, rest) = match text {
        [b'0'] => return 0,
        [b'1'] => return 1000,
        [b'0', b'.', rest @ ..] => (0, rest),
        [b'1', b'.', rest @ ..] => (1000, rest),
        _ => return 0,
    };
    if rest.len() > 3 || !rest.iter().all(u8::is_ascii_digit) {
        return 0;
    }
    let digits = rest.iter().chain(b"000").take(3);
    let fraction = digits.fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0'));
    (one + fraction).min(1000)
}

/// What a state is called.
fn state_name(state: State) -> &'static str {
    match state {
        State::Up => "up",
        State::Failed => "failed",
        State::Unhealthy => "unhealthy",
        State::Probing => "probing",
        State::Starting => "starting",
        State::Draining => "draining",
        State::Down => "down",
    }
}
