//! What is said about an exchange: lines in the error log, and the record for the access log.

use std::os::unix::fs::MetadataExt;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use super::Shared;
use super::exchange::Exchange;
use crate::cache::CacheStatus;
use crate::config::address::Address;
use crate::config::{Location, Match, Server};
use crate::error::{Described, Fault};
use crate::http::request::Request;
use crate::ops::vars::{ConnInfo, Facts, Try, request_id};
use crate::scgi::response::Head;
use crate::sink::Ended;
use crate::sys;

/// `exchange 17, client 192.0.2.1:4711, "GET /a HTTP/1.1", location /, server unix:/run/app.sock`: all that finds the case again.
pub fn prefix(exchange: &Exchange, address: Option<&Address>) -> String {
    let mut text = format!("exchange {}, client ", exchange.number);
    match exchange.conn.remote {
        Some(remote) => text += &remote.to_string(),
        None => text += "unix:",
    }
    // The request line is a stranger's: what could break a log line is escaped.
    text += &format!(
        ", \"{}\", location ",
        exchange.request.line().escape_ascii()
    );
    text += match exchange.course.location.map(|location| &location.matching) {
        Some(Match::Prefix(name) | Match::Exact(name) | Match::Named(name)) => name,
        None => "none",
    };
    if let Some(address) = address {
        text += &format!(", server {address}");
    }
    text
}

/// Logs a fault at the level that fits whose fault it is.
pub fn fault(prefix: &str, fault: &Fault, address: Option<&Address>, next: &str) {
    let unix = matches!(address, Some(Address::Unix(_)));
    let said = Described { fault, unix };
    match fault {
        Fault::Client(_) | Fault::ClientBody(_) => log::info!("{prefix}: {said}"),
        Fault::ParamsTooLarge { .. } | Fault::ParamNul { .. } => log::warn!("{prefix}: {said}"),
        _ => log::error!("{prefix}: {said}{}{next}", rights(fault, address)),
    }
}

/// For a refused socket file: who owns it and who we are, which is what the operator would look up next.
fn rights(fault: &Fault, address: Option<&Address>) -> String {
    let (Fault::Io(_, error), Some(Address::Unix(path))) = (fault, address) else {
        return String::new();
    };
    if error.raw_os_error() != Some(libc::EACCES) {
        return String::new();
    }
    let us = sys::effective_uid();
    match std::fs::metadata(path) {
        Ok(meta) => format!(
            " (the socket belongs to uid {} gid {} with mode {:04o}; we are uid {us})",
            meta.uid(),
            meta.gid(),
            meta.mode() & 0o7777
        ),
        Err(error) => format!(" (the socket's directory is closed to us, uid {us}: {error})"),
    }
}

/// All that the access log may ask about a request, kept until its last byte is out.
pub struct Record {
    pub shared: &'static Shared,
    pub conn: Arc<ConnInfo>,
    pub requests: u32,
    pub request: Option<Request>,
    pub server: Option<&'static Server>,
    pub location: Option<&'static Location>,
    pub body_length: Option<u64>,
    pub started: Instant,
    pub status: u16,
    /// Bytes of the response head for the client.
    pub head_len: usize,
    pub tries: Vec<Try>,
    pub cache: Option<CacheStatus>,
    pub as_get: bool,
    pub head: Option<Head>,
    /// The client's head as sent.
    pub sent_head: Vec<u8>,
    /// The response was not cut short by the application.
    pub whole: bool,
}

impl Record {
    /// Writes the access log's lines. Called by whichever thread sends the last byte.
    pub fn write(self, ended: Ended) {
        let upstream = |name: &str| {
            let head = self.head.as_ref()?;
            joined(head.fields(), name)
        };
        let sent = |name: &str| joined(lines(&self.sent_head), name);
        self.shared.logs.write(&Facts {
            config: self.shared.config,
            conn: &self.conn,
            requests: self.requests,
            request: self.request.as_ref(),
            server: self.server,
            location: self.location,
            body_length: self.body_length,
            started: self.started,
            now: Instant::now(),
            wall: SystemTime::now(),
            request_id: request_id(self.conn.id, self.requests),
            status: self.status,
            bytes_sent: ended.sent,
            body_bytes_sent: ended.sent.saturating_sub(self.head_len as u64),
            complete: ended.complete && self.whole,
            tries: &self.tries,
            cache: self.cache,
            as_get: self.as_get,
            upstream_fields: &upstream,
            sent_fields: &sent,
        });
    }
}

/// The values of a field, joined with `, `. Names compare case-insensitively.
pub(super) fn joined<'a>(
    fields: impl Iterator<Item = (&'a [u8], &'a [u8])>,
    name: &str,
) -> Option<Vec<u8>> {
    let mut found: Option<Vec<u8>> = None;
    for (_, value) in fields.filter(|(n, _)| n.eq_ignore_ascii_case(name.as_bytes())) {
        match &mut found {
            Some(all) => {
                all.extend_from_slice(b", ");
                all.extend_from_slice(value);
            }
            None => found = Some(value.to_vec()),
        }
    }
    found
}

/// The fields of a head that we have written ourselves.
fn lines(head: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    head.split(|&b| b == b'\n').skip(1).filter_map(|line| {
        let at = line.iter().position(|&b| b == b':')?;
        Some((&line[..at], line[at + 1..].trim_ascii()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_a_sent_head_are_found_and_joined() {
        let head = b"HTTP/1.1 200 OK\r\nVary: a\r\nX: 1\r\nvary:  b \r\n\r\n";
        assert_eq!(joined(lines(head), "vary").as_deref(), Some(&b"a, b"[..]));
        assert_eq!(joined(lines(head), "y"), None);
    }
}
