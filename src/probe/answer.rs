//! What came back, and what it means. Pure.

use std::time::{Duration, Instant};

use crate::error::Fault;
use crate::scgi::response::{self, Head, HeadError, Length, Parsed};

/// How an answer ended.
#[derive(Debug)]
pub enum End {
    /// The application closed.
    Closed,
    /// It broke the connection off.
    Broken,
    /// Nothing more came in time.
    Silent,
    /// It is complete by its own length, and the connection still open; or enough has been read of it.
    Enough,
    /// There was no connection.
    Unconnected(Fault),
}

/// What came back for one request.
#[derive(Debug)]
pub struct Answer {
    pub bytes: Vec<u8>,
    pub end: End,
    /// From the first byte sent to the first received.
    pub first: Option<Duration>,
    /// All of the request went out; where it did not, the application has not read all of it.
    pub sent: bool,
}

/// The head of an answer, as far as there is one.
pub enum Seen {
    /// And where the body begins.
    Head(Head, usize),
    Bad(&'static str),
    /// Not complete.
    Part,
}

impl Answer {
    /// That no connection came about.
    pub fn unconnected(fault: Fault) -> Answer {
        Answer {
            bytes: Vec::new(),
            end: End::Unconnected(fault),
            first: None,
            sent: false,
        }
    }

    /// The time to the first byte, counted from `start` to now, if there is one.
    pub fn has_begun(&self, start: Instant) -> Option<Duration> {
        (!self.bytes.is_empty()).then(|| start.elapsed())
    }

    /// The head; interim ones are skipped.
    pub fn seen(&self) -> Seen {
        let mut at = 0;
        loop {
            let rest = self.bytes.get(at..).unwrap_or_default();
            match response::parse(rest, &mut 0) {
                Ok(Parsed::Interim(size)) => at += size,
                Ok(Parsed::Done(head, size)) => return Seen::Head(head, at + size),
                Ok(Parsed::More) => return Seen::Part,
                Err(HeadError(why)) => return Seen::Bad(why),
            }
        }
    }

    /// Whether all has come that was announced. Without an announcement the end is the close.
    pub fn is_complete(&self) -> bool {
        match self.seen() {
            Seen::Head(head, at) => match head.length() {
                Length::Known(length) => (self.bytes.len() - at) as u64 >= length,
                Length::Chunked => self.bytes.ends_with(b"0\r\n\r\n"),
                Length::UntilClose => matches!(head.status(), 204 | 304),
            },
            Seen::Bad(_) => true,
            Seen::Part => false,
        }
    }

    pub fn outcome(&self) -> Outcome {
        match (self.seen(), &self.end) {
            (_, End::Unconnected(_)) => Outcome::Unconnected,
            (Seen::Head(head, _), _) => Outcome::Status(head.status()),
            (Seen::Bad(why), _) => Outcome::Bad(why),
            (Seen::Part, End::Enough) => Outcome::Bad("it has no end"),
            (Seen::Part, End::Broken) => Outcome::Broken,
            (Seen::Part, End::Silent) => Outcome::Silent,
            (Seen::Part, End::Closed) if self.bytes.is_empty() => Outcome::Closed,
            (Seen::Part, End::Closed) => Outcome::Bad("it is not complete"),
        }
    }
}

/// What an answer amounts to; two that are equal are no news.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Status(u16),
    Bad(&'static str),
    Closed,
    Broken,
    Silent,
    Unconnected,
}

impl Outcome {
    pub fn status(self) -> Option<u16> {
        match self {
            Outcome::Status(status) => Some(status),
            _ => None,
        }
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Outcome::Status(status) => return write!(f, "answers {status}"),
            Outcome::Bad(why) => return write!(f, "sends a malformed head: {why}"),
            Outcome::Closed => "closes without a word",
            Outcome::Broken => "breaks the connection off",
            Outcome::Silent => "does not answer",
            Outcome::Unconnected => "takes no connection",
        })
    }
}

/// The form of a head: where its status stands, how its lines end, how its body ends.
pub fn form(head: &Head) -> String {
    let bytes = head.bytes();
    let status = if bytes.starts_with(b"HTTP/") {
        "in a status line of HTTP"
    } else if head.had_status() {
        "in a Status field"
    } else if head.status() == 302 {
        "not said; 302, for there is a Location"
    } else {
        "not said, which means 200"
    };
    let lines = bytes.iter().filter(|byte| **byte == b'\n').count();
    let crs = bytes.windows(2).filter(|two| two == b"\r\n").count();
    let ends = match crs {
        0 => "LF",
        _ if crs == lines => "CRLF",
        _ => "LF and CRLF, mixed",
    };
    let length = match head.length() {
        Length::Known(_) => "Content-Length is given",
        Length::Chunked => "the body is chunked",
        Length::UntilClose => "no Content-Length",
    };
    format!("{status}; lines end with {ends}; {length}")
}

/// Whether these bytes answer the greeting of a protocol.
pub fn speaks(protocol: &str, bytes: &[u8]) -> bool {
    match protocol {
        // FCGI_GET_VALUES_RESULT, FCGI_UNKNOWN_TYPE.
        "FastCGI" => matches!(bytes, [1, 10 | 11, ..]),
        _ => bytes.starts_with(b"HTTP/"),
    }
}

/// A request for `uri` in the protocol of uWSGI, whose answers are those of HTTP.
pub fn uwsgi(uri: &str) -> Vec<u8> {
    let mut block = Vec::new();
    for text in [
        "REQUEST_METHOD",
        "GET",
        "REQUEST_URI",
        uri,
        "PATH_INFO",
        uri.split('?').next().unwrap_or(uri),
        "QUERY_STRING",
        "",
        "SERVER_NAME",
        "localhost",
        "SERVER_PORT",
        "80",
        "SERVER_PROTOCOL",
        "HTTP/1.1",
    ] {
        block.extend_from_slice(&short(text.len()));
        block.extend_from_slice(text.as_bytes());
    }
    let size = short(block.len());
    [&[0], &size[..], &[0], &block].concat()
}

/// Two bytes, the lower first. What is longer than they can say is refused by uWSGI, which is no harm.
fn short(length: usize) -> [u8; 2] {
    u16::try_from(length).unwrap_or(u16::MAX).to_le_bytes()
}

/// The start of foreign bytes on one line, in quotes.
pub fn excerpt(bytes: &[u8]) -> String {
    let start = bytes.get(..60.min(bytes.len())).unwrap_or_default();
    let dots = if bytes.len() > start.len() { "..." } else { "" };
    format!("\"{}\"{dots}", start.escape_ascii())
}
