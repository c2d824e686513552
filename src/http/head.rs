//! The end of a request head, found once however the bytes arrive, and the limits it is held against.

use super::fields::is_token_byte;

/// Empty lines that are skipped before a request line. RFC 9112 2.2 asks for at least one: old clients end a body with a
/// line end that its length does not count. More than a few is a stranger.
pub const MAX_EMPTY_LINES: usize = 4;

/// Bytes of the longest method we read: the registered ones have at most 17 (RFC 9110 16.1, UPDATEREDIRECTREF).
pub(super) const MAX_METHOD: usize = 32;

/// What a head is held against.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of the whole head, and of any line in it (`--client-max-header-size`).
    pub max_size: usize,
    /// `--underscores-in-headers on`: names with `_` are kept instead of dropped.
    pub underscores: bool,
}

/// A head, or a body's framing or length, that is answered with an error and a closed connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reject {
    /// 400, 405, 413, 414, 431, 501 or 505.
    pub status: u16,
    /// For the log. The client is not told.
    pub why: &'static str,
}

impl Reject {
    pub(super) const fn new(status: u16, why: &'static str) -> Reject {
        Reject { status, why }
    }

    /// 400: the bytes are not a request.
    pub(super) const fn bad(why: &'static str) -> Reject {
        Reject::new(400, why)
    }
}

/// The end of the head in `buf`: the length up to and including the blank line. `scanned` remembers how far
/// earlier calls came, so that a head that arrives byte by byte is looked at once. Leading empty lines are not an end.
///
/// # Errors
/// 414 when the request line, 431 when another line or the whole head is over `limits.max_size`; also 400 at once when
/// the bytes can not be a request: a first byte that begins no method (a TLS hello, say), a line that ends in a bare LF, a
/// first line without a version (HTTP/0.9). So a stranger is not left to wait for a timeout.
pub fn find_end(buf: &[u8], scanned: &mut usize, limits: &Limits) -> Result<Option<usize>, Reject> {
    let start = skip_empty_lines(buf)?;
    if *scanned <= start + MAX_METHOD {
        check_opening(buf.get(start..).unwrap_or_default())?;
    }
    // Bytes past the limit are none of this head: pipelined requests may follow it in the same buffer.
    let window = buf.get(..limits.max_size).unwrap_or(buf);
    let mut at = (*scanned).max(start);
    let mut line_start = None;
    while let Some(lf) = next_line_end(window, at) {
        let from = line_start.unwrap_or_else(|| line_start_before(window, start, lf));
        if ends_head(window.get(from..lf).unwrap_or_default(), from == start)? {
            *scanned = lf + 1;
            return Ok(Some(lf + 1));
        }
        at = lf + 1;
        line_start = Some(at);
    }
    *scanned = window.len();
    if buf.len() >= limits.max_size {
        return Err(too_large(window, start));
    }
    Ok(None)
}

/// The LF at or after `at`.
fn next_line_end(window: &[u8], at: usize) -> Option<usize> {
    let rest = window.get(at..)?;
    rest.iter().position(|&b| b == b'\n').map(|n| at + n)
}

/// Where the line begins that an earlier call has seen the start of. Looks back over this one line only, and only once
/// a call, so the whole arrival stays linear.
fn line_start_before(window: &[u8], start: usize, lf: usize) -> usize {
    let lines = window.get(start..lf).unwrap_or_default();
    let before = lines.iter().rposition(|&b| b == b'\n');
    before.map_or(start, |n| start + n + 1)
}

/// Whether `line`, without its LF, is the blank one after the fields.
fn ends_head(line: &[u8], is_first: bool) -> Result<bool, Reject> {
    let Some(text) = line.strip_suffix(b"\r") else {
        return Err(Reject::bad("a line ends in a bare LF"));
    };
    if is_first && !super::line::has_version(text) {
        return Err(Reject::bad("no HTTP version in the request line"));
    }
    Ok(text.is_empty())
}

/// The bytes of the leading empty lines; an LF without CR or too many lines is an error.
pub(super) fn skip_empty_lines(buf: &[u8]) -> Result<usize, Reject> {
    let mut start = 0;
    for _ in 0..=MAX_EMPTY_LINES {
        match buf.get(start..) {
            Some([b'\r', b'\n', ..]) => start += 2,
            Some([b'\n', ..]) => return Err(Reject::bad("a line ends in a bare LF")),
            _ => return Ok(start),
        }
    }
    Err(Reject::bad("too many empty lines before the request"))
}

/// Judges the first bytes of a request line as far as they have arrived.
fn check_opening(opening: &[u8]) -> Result<(), Reject> {
    if opening == b"\r" {
        return Ok(()); // its LF may still come
    }
    let start = opening.get(..=MAX_METHOD).unwrap_or(opening);
    match start.iter().position(|&b| !is_token_byte(b)) {
        Some(at) if at > 0 && start.get(at) == Some(&b' ') => Ok(()),
        Some(_) => Err(Reject::bad("the method is not a token")),
        None if start.len() <= MAX_METHOD => Ok(()),
        None => Err(Reject::new(501, "the method is too long")),
    }
}

fn too_large(window: &[u8], start: usize) -> Reject {
    match next_line_end(window, start) {
        None => Reject::new(414, "the request line is too long"),
        Some(_) => Reject::new(431, "the request head is too large"),
    }
}
