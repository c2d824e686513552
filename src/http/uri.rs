//! Path normalisation (H9 to H13): percent sequences are decoded once, then repeated slashes and dot segments vanish.
//!
//! What leaves this file begins with `/`, has no empty, `.` or `..` segment and no NUL. Other control bytes that were
//! percent-encoded are in it: they are legal in file names, and whoever writes a path into a field, a log line or a variable
//! that can not carry them must say what it does with them.

use super::head::Reject;

/// The normalised path, or `None` where `raw` is normal already. `raw` has neither query nor fragment.
///
/// # Errors
/// 400 for a path that does not begin with `/`, a bad percent sequence, `%00`, and `..` above the root.
pub fn normalise(raw: &[u8]) -> Result<Option<Vec<u8>>, Reject> {
    if raw.first() != Some(&b'/') {
        return Err(Reject::bad("the path does not begin with a slash"));
    }
    if is_plain(raw) {
        return Ok(None);
    }
    let decoded = decode(raw)?;
    let path = remove_dots(&decoded)?;
    Ok((path != raw).then_some(path))
}

/// As [`normalise`], for the target of a redirect inside the gateway (S12): no honest one has a `..` segment.
///
/// # Errors
/// 400 also for such a segment.
pub fn normalise_target(raw: &[u8]) -> Result<Vec<u8>, Reject> {
    if raw.first() != Some(&b'/') {
        return Err(Reject::bad("the path does not begin with a slash"));
    }
    let decoded = decode(raw)?;
    if decoded
        .split(|&b| b == b'/')
        .any(|segment| segment == b"..")
    {
        return Err(Reject::bad("a .. segment in the target of a redirect"));
    }
    remove_dots(&decoded)
}

/// Nothing in `raw` could need work. `/.` may also begin an ordinary name; the long way finds out.
fn is_plain(raw: &[u8]) -> bool {
    let mut last = 0;
    raw.iter().all(|&b| {
        let suspicious = b == b'%' || b == 0 || (last == b'/' && (b == b'/' || b == b'.'));
        last = b;
        !suspicious
    })
}

/// Decodes each percent sequence once (RFC 3986 2.1); `+` is not a space here.
///
/// # Errors
/// 400 for a percent sign without two hex digits, and for a NUL: no path has one, and in C code it ends the name early.
pub fn decode(raw: &[u8]) -> Result<Vec<u8>, Reject> {
    let mut out = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let [first, after @ ..] = rest {
        rest = after;
        let byte = match (*first, after) {
            (b'%', [high, low, after @ ..]) => {
                rest = after;
                hex(*high)
                    .zip(hex(*low))
                    .map(|(high, low)| high << 4 | low)
                    .ok_or(Reject::bad("a bad percent sequence in the path"))?
            }
            (b'%', _) => return Err(Reject::bad("a bad percent sequence in the path")),
            (plain, _) => plain,
        };
        if byte == 0 {
            return Err(Reject::bad("a NUL in the path"));
        }
        out.push(byte);
    }
    Ok(out)
}

/// The value of a hex digit.
pub(super) const fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

/// RFC 3986 5.2.4, except that going above the root is an error rather than ignored, and empty segments vanish (H11).
fn remove_dots(decoded: &[u8]) -> Result<Vec<u8>, Reject> {
    let mut out = Vec::with_capacity(decoded.len());
    let mut ends_in_slash = true;
    for segment in decoded.split(|&b| b == b'/') {
        ends_in_slash = matches!(segment, b"" | b"." | b"..");
        match segment {
            b"" | b"." => {}
            b".." => {
                let parent = out.iter().rposition(|&b| b == b'/');
                out.truncate(parent.ok_or(Reject::bad("the path leads above the root"))?);
            }
            name => {
                out.push(b'/');
                out.extend_from_slice(name);
            }
        }
    }
    if ends_in_slash {
        out.push(b'/');
    }
    Ok(out)
}

/// Appends a decoded path as it stands in a URI (RFC 3986 3.3): what could end it, or be taken for something else by anybody,
/// is percent-encoded, a backslash among it.
pub fn encode(path: &[u8], out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for &byte in path {
        if byte.is_ascii_alphanumeric() || b"/-._~!$&'()*+,;=:@".contains(&byte) {
            out.push(byte);
        } else {
            let (high, low) = (usize::from(byte >> 4), usize::from(byte & 15));
            out.extend_from_slice(&[b'%', DIGITS[high], DIGITS[low]]);
        }
    }
}
