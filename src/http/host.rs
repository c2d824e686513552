//! The authority of a request: host and port, from the Host field or an absolute target (RFC 3986 3.2, H23).

use std::net::Ipv6Addr;
use std::ops::Range;

use super::head::Reject;

/// The parts of an authority, as ranges of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// The name without a trailing dot, an IPv4 address, or an IPv6 address in its brackets.
    pub name: Range<usize>,
    /// The port's digits; `None` without a port, and for an empty one (`a:` is allowed by RFC 3986).
    pub port: Option<Range<usize>>,
    /// The name has uppercase letters.
    pub uppercase: bool,
}

/// Judges `host[:port]`.
///
/// # Errors
/// 400 for an empty name, an empty label (`a..b`, `.a`), a byte that RFC 3986 does not allow in a name, a bracketed literal
/// that is not an IPv6 address (no zones: they mean nothing to us), a port that is not a number up to 65535, userinfo.
pub fn parse(authority: &[u8]) -> Result<Host, Reject> {
    let end = name_end(authority)?;
    let port = port(authority, end)?;
    let name = authority.get(..end).unwrap_or_default();
    let uppercase = name.iter().any(u8::is_ascii_uppercase);
    if name.starts_with(b"[") {
        return Ok(Host {
            name: 0..end,
            port,
            uppercase,
        });
    }
    let name = name.strip_suffix(b".").unwrap_or(name);
    check_name(name)?;
    Ok(Host {
        name: 0..name.len(),
        port,
        uppercase,
    })
}

/// Where the port's colon may stand: after the bracket of a literal, else at the first colon.
fn name_end(authority: &[u8]) -> Result<usize, Reject> {
    if !authority.starts_with(b"[") {
        let colon = authority.iter().position(|&b| b == b':');
        return Ok(colon.unwrap_or(authority.len()));
    }
    let bracket = authority.iter().position(|&b| b == b']');
    let literal = bracket.and_then(|at| authority.get(1..at));
    let address = literal.and_then(|text| std::str::from_utf8(text).ok());
    match (bracket, address.map(str::parse::<Ipv6Addr>)) {
        (Some(at), Some(Ok(_))) => Ok(at + 1),
        _ => Err(Reject::bad("the host is not an IPv6 address")),
    }
}

fn port(authority: &[u8], end: usize) -> Result<Option<Range<usize>>, Reject> {
    const BAD: Reject = Reject::bad("the port of the host is not a number up to 65535");
    let digits = match authority.get(end..).unwrap_or_default() {
        [] | [b':'] => return Ok(None),
        [b':', digits @ ..] => digits,
        _ => return Err(Reject::bad("bytes after the host's bracket")),
    };
    // u16 alone would accept a plus sign, and any number of leading zeros.
    if digits.len() > 5 || !digits.iter().all(u8::is_ascii_digit) {
        return Err(BAD);
    }
    let number = std::str::from_utf8(digits).ok().map(str::parse::<u16>);
    match number {
        Some(Ok(_)) => Ok(Some(end + 1..authority.len())),
        _ => Err(BAD),
    }
}

/// A registered name: unreserved, sub-delims and percent sequences; no empty label.
fn check_name(name: &[u8]) -> Result<(), Reject> {
    if name.split(|&b| b == b'.').any(<[u8]>::is_empty) {
        return Err(Reject::bad("the host has an empty part"));
    }
    if !name.iter().all(|&b| is_name_byte(b)) {
        return Err(Reject::bad("the host has a byte that no host has"));
    }
    let mut sequences = name.split(|&b| b == b'%').skip(1);
    let is_hex = |s: &[u8]| {
        s.get(..2)
            .is_some_and(|h| h.iter().all(u8::is_ascii_hexdigit))
    };
    if !sequences.all(is_hex) {
        return Err(Reject::bad("a bad percent sequence in the host"));
    }
    Ok(())
}

const fn is_name_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric()
        || matches!(b, b'-' | b'.' | b'_' | b'~' | b'%')
        || matches!(
            b,
            b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'='
        )
}
