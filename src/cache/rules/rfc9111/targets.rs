//! The target of a request line that a URI reference means (RFC 3986 5.2), where it is of the request's own origin: pure.

use crate::http::host;
use crate::http::request::Request;

/// Path and query, as they would stand in a request line. `None`: another origin, another scheme, or no reference at all.
/// Percent sequences stay as they are. The scheme of the request is not known here, so `http` and `https` both are its own.
pub(super) fn resolve(request: &Request, reference: &[u8]) -> Option<Vec<u8>> {
    let end = reference.iter().position(|&b| b == b'#');
    let reference = reference.get(..end.unwrap_or(reference.len()))?;
    if reference.iter().any(|&b| b <= b' ' || b == 0x7f) {
        return None;
    }
    let (default_port, rest) = without_scheme(reference)?;
    let Some(rest) = rest.strip_prefix(b"//") else {
        // A scheme without an authority is nothing of ours.
        return default_port.is_none().then(|| relative(request, rest));
    };
    let end = rest.iter().position(|b| matches!(b, b'/' | b'?'));
    let (authority, rest) = rest.split_at_checked(end.unwrap_or(rest.len()))?;
    if !is_own(request, authority, default_port) {
        return None;
    }
    let (path, query) = split(rest);
    Some(join(if path.is_empty() { b"/" } else { path }, query))
}

/// The port that goes without saying in the reference's scheme, and what follows it; `None` for a scheme other than HTTP.
fn without_scheme(reference: &[u8]) -> Option<(Option<u16>, &[u8])> {
    let mark = reference
        .iter()
        .position(|b| matches!(b, b':' | b'/' | b'?'));
    let Some((scheme, [b':', rest @ ..])) = mark.and_then(|at| reference.split_at_checked(at))
    else {
        return Some((None, reference));
    };
    match scheme {
        _ if scheme.eq_ignore_ascii_case(b"http") => Some((Some(80), rest)),
        _ if scheme.eq_ignore_ascii_case(b"https") => Some((Some(443), rest)),
        _ => None,
    }
}

/// RFC 9110 4.3.1: the same host and port as the request has.
fn is_own(request: &Request, authority: &[u8], default_port: Option<u16>) -> bool {
    let Ok(found) = host::parse(authority) else {
        return false;
    };
    let name = authority.get(found.name).unwrap_or_default();
    let port = found.port.and_then(|port| authority.get(port));
    let port = port.and_then(|port| std::str::from_utf8(port).ok());
    let number = |text: Option<&str>| text.and_then(|text| text.parse().ok()).or(default_port);
    name.eq_ignore_ascii_case(request.host().as_bytes())
        && number(port) == number(request.host_port())
}

/// A reference without scheme and authority.
fn relative(request: &Request, reference: &[u8]) -> Vec<u8> {
    let (base, base_query) = split(request.target());
    let (path, query) = split(reference);
    if path.is_empty() {
        return [base, query.or(base_query).unwrap_or_default()].concat();
    }
    if path.starts_with(b"/") {
        return join(path, query);
    }
    let folder = base.iter().rposition(|&b| b == b'/').unwrap_or(0);
    let folder = base.get(..folder).unwrap_or_default();
    join(&[folder, b"/", path].concat(), query)
}

/// Path and query; the query with its `?`.
fn split(target: &[u8]) -> (&[u8], Option<&[u8]>) {
    let mark = target.iter().position(|&b| b == b'?');
    match mark.and_then(|at| target.split_at_checked(at)) {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    }
}

/// RFC 3986 5.2.4: the path without its dot segments, and the query. The path begins with a slash.
fn join(path: &[u8], query: Option<&[u8]>) -> Vec<u8> {
    let mut out = Vec::with_capacity(path.len());
    let mut ends_in_dots = false;
    for segment in path
        .strip_prefix(b"/")
        .unwrap_or(path)
        .split(|&b| b == b'/')
    {
        ends_in_dots = matches!(segment, b"." | b"..");
        if segment == b".." {
            let parent = out.iter().rposition(|&b| b == b'/');
            out.truncate(parent.unwrap_or(0));
        }
        if !ends_in_dots {
            out.push(b'/');
            out.extend_from_slice(segment);
        }
    }
    if ends_in_dots {
        out.push(b'/');
    }
    out.extend_from_slice(query.unwrap_or_default());
    out
}
