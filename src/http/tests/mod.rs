//! Tests of the whole room; tables first, then the same bytes in pieces, then bytes at random.

mod chunks;
mod heads;
mod mutate;
mod parts;
mod proxy;
mod smuggling;
mod targets;

use super::request::{Limits, Reject, Request, find_end};

const LIMITS: Limits = Limits {
    max_size: 32 * 1024,
    underscores: false,
};

/// The way of the front: find the end, then parse what is before it. `None` where more bytes are wanted.
fn take(bytes: &[u8], limits: &Limits) -> Result<Option<Request>, Reject> {
    let Some(end) = find_end(bytes, &mut 0, limits)? else {
        return Ok(None);
    };
    Request::parse(bytes.get(..end).unwrap_or_default(), limits).map(Some)
}

fn accept(head: &[u8]) -> Request {
    match take(head, &LIMITS) {
        Ok(Some(request)) => request,
        Ok(None) => panic!("not complete: {:?}", shown(head)),
        Err(reject) => panic!("{reject:?}: {:?}", shown(head)),
    }
}

/// The status of the refusal, 0 for an accepted head. The whole head is judged also when its end is found late.
fn refusal(head: &[u8]) -> u16 {
    let direct = Request::parse(head, &LIMITS).map(drop);
    match (take(head, &LIMITS), direct) {
        (Err(found), Err(_)) => found.status,
        (Ok(Some(_)), Ok(())) => 0,
        (Ok(None), Ok(())) => panic!("parse takes a head without an end: {:?}", shown(head)),
        // Bytes after the head, or none of its end: the front would go on, the parser alone must refuse.
        (Ok(_), Err(parsed)) => parsed.status,
        (Err(found), Ok(())) => panic!(
            "parse lets pass what find_end refuses ({found:?}): {:?}",
            shown(head)
        ),
    }
}

fn shown(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}

/// A request of HTTP/1.1 with the given target.
fn with_target(target: &str) -> Vec<u8> {
    format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n").into_bytes()
}

/// A request with more field lines, as they stand on the wire.
fn with_fields(lines: &[u8]) -> Vec<u8> {
    [b"POST / HTTP/1.1\r\nHost: a\r\n", lines, b"\r\n\r\n"].concat()
}
