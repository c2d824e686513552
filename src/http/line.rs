//! The request line (RFC 9112 3): method, target and version, single spaces between them.

use std::ops::Range;

use super::fields::is_token;
use super::head::{MAX_METHOD, Reject};

/// A request line taken apart; ranges of the line.
#[derive(Debug)]
pub(super) struct Line {
    pub method: Range<usize>,
    pub target: Target,
    /// The minor version as sent; the major one is 1.
    pub minor: u8,
}

/// The forms of a target (RFC 9112 3.2); ranges of the line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    /// `OPTIONS *`, also `OPTIONS http://host` without a path (RFC 9112 3.2.4).
    Asterisk { authority: Option<Range<usize>> },
    /// Path and query. An absolute form may have an empty path.
    Path {
        authority: Option<Range<usize>>,
        path: Range<usize>,
        query: Option<Range<usize>>,
    },
}

/// ` HTTP/1.1`: all that comes after the target.
const VERSION_LEN: usize = " HTTP/1.1".len();

/// Whether a line ends in something that could be a version; without one it is HTTP/0.9, or no HTTP.
pub(super) fn has_version(line: &[u8]) -> bool {
    let end = line.len().checked_sub(VERSION_LEN);
    end.and_then(|at| line.get(at..))
        .is_some_and(|end| end.starts_with(b" HTTP/"))
}

/// Takes the line apart and judges it. The version comes first, so that a client of another major version hears 505.
pub(super) fn parse(line: &[u8]) -> Result<Line, Reject> {
    let (rest, minor) = split_version(line)?;
    let space = rest.iter().position(|&b| b == b' ');
    let space = space.ok_or(Reject::bad("the request line has no target"))?;
    let method = line.get(..space).unwrap_or_default();
    check_method(method)?;
    let target = parse_target(line, space + 1..rest.len(), method)?;
    Ok(Line {
        method: 0..space,
        target,
        minor,
    })
}

fn split_version(line: &[u8]) -> Result<(&[u8], u8), Reject> {
    const BAD: Reject = Reject::bad("the request line does not end in a version");
    let at = line.len().checked_sub(VERSION_LEN).ok_or(BAD)?;
    let (rest, version) = line.split_at_checked(at).ok_or(BAD)?;
    let Some([major, b'.', minor]) = version.strip_prefix(b" HTTP/") else {
        return Err(BAD);
    };
    if !major.is_ascii_digit() || !minor.is_ascii_digit() {
        return Err(BAD);
    }
    if *major != b'1' {
        return Err(Reject::new(505, "HTTP of another major version"));
    }
    Ok((rest, minor - b'0'))
}

fn check_method(method: &[u8]) -> Result<(), Reject> {
    if !is_token(method) {
        return Err(Reject::bad("the method is not a token"));
    }
    if method.len() > MAX_METHOD {
        return Err(Reject::new(501, "the method is too long"));
    }
    match method {
        b"CONNECT" => Err(Reject::new(405, "a gateway is no tunnel")),
        // It would send back what a script in the page is not meant to see: cookies, credentials.
        b"TRACE" => Err(Reject::new(405, "TRACE is never answered")),
        _ => Ok(()),
    }
}

fn parse_target(line: &[u8], at: Range<usize>, method: &[u8]) -> Result<Target, Reject> {
    let target = line.get(at.clone()).unwrap_or_default();
    check_target_bytes(target)?;
    match target {
        [] => Err(Reject::bad("the target is empty")),
        b"*" if method == b"OPTIONS" => Ok(Target::Asterisk { authority: None }),
        [b'/', ..] => Ok(split_query(line, at, None)),
        _ => parse_absolute(line, at, method),
    }
}

fn check_target_bytes(target: &[u8]) -> Result<(), Reject> {
    // Without a branch in it the loop runs many bytes at a time; which byte it was does not matter.
    let bad = target.iter().fold(false, |bad, &b| {
        bad | (b <= b' ') | (b == 0x7f) | (b == b'#')
    });
    if bad {
        return Err(Reject::bad(
            "a space, a control byte or a fragment in the target",
        ));
    }
    Ok(())
}

fn parse_absolute(line: &[u8], at: Range<usize>, method: &[u8]) -> Result<Target, Reject> {
    let target = line.get(at.clone()).unwrap_or_default();
    let scheme = ["http://", "https://"].iter().find(|scheme| {
        let start = target.get(..scheme.len());
        start.is_some_and(|s| s.eq_ignore_ascii_case(scheme.as_bytes()))
    });
    let scheme = scheme.ok_or(Reject::bad("the target is neither a path nor an http URI"))?;
    let after = target.get(scheme.len()..).unwrap_or_default();
    let len = after.iter().position(|b| matches!(b, b'/' | b'?'));
    let len = len.unwrap_or(after.len());
    let start = at.start + scheme.len();
    let authority = start..start + len;
    if line
        .get(authority.clone())
        .is_some_and(|a| a.contains(&b'@'))
    {
        return Err(Reject::bad("the target has userinfo"));
    }
    if authority.end == at.end && method == b"OPTIONS" {
        return Ok(Target::Asterisk {
            authority: Some(authority),
        });
    }
    let rest = authority.end..at.end;
    Ok(split_query(line, rest, Some(authority)))
}

/// `at` is the part of the line that holds path and query.
fn split_query(line: &[u8], at: Range<usize>, authority: Option<Range<usize>>) -> Target {
    let text = line.get(at.clone()).unwrap_or_default();
    let mark = text.iter().position(|&b| b == b'?').map(|n| at.start + n);
    Target::Path {
        authority,
        path: at.start..mark.unwrap_or(at.end),
        query: mark.map(|mark| mark + 1..at.end),
    }
}
