//! Where a request's body ends (RFC 9112 6): the two fields that decide it, judged without any leniency, since every
//! difference of opinion with a proxy before us would let a second request hide in the body of the first.

use super::fields::{is_token, list, trim};
use super::head::Reject;

/// Where a request's body ends (RFC 9112 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// No body: neither of the two fields.
    None,
    /// So many bytes; 0 where the client said 0.
    Length(u64),
    /// Up to the last chunk: [`super::chunked::Decoder::strict`].
    Chunked,
}

/// Decides from the values of Content-Length and Transfer-Encoding (each at most once, H22) and the version (H25, H26).
pub(super) fn decide(
    length: Option<&[u8]>,
    coding: Option<&[u8]>,
    minor_version: u8,
) -> Result<Framing, Reject> {
    match (length, coding) {
        (None, None) => Ok(Framing::None),
        (Some(digits), None) => content_length(digits).map(Framing::Length),
        (Some(_), Some(_)) => Err(Reject::bad("both Content-Length and Transfer-Encoding")),
        (None, Some(_)) if minor_version == 0 => {
            Err(Reject::bad("Transfer-Encoding in an HTTP/1.0 request"))
        }
        (None, Some(codings)) => transfer_encoding(codings).map(|()| Framing::Chunked),
    }
}

/// Digits and nothing else: no sign, no list, not even of equal numbers.
fn content_length(digits: &[u8]) -> Result<u64, Reject> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(Reject::bad("Content-Length is not a number"));
    }
    digits
        .iter()
        .try_fold(0_u64, |n, &b| {
            n.checked_mul(10)?.checked_add(u64::from(b - b'0'))
        })
        .ok_or(Reject::bad("Content-Length is too large"))
}

/// Accepts `chunked` alone. What a conforming client might send but we do not decode is 501; what can not frame a
/// request by RFC 9112 6.3 (chunked not last, chunked twice, no coding at all) is 400.
fn transfer_encoding(codings: &[u8]) -> Result<(), Reject> {
    if codings.eq_ignore_ascii_case(b"chunked") {
        return Ok(());
    }
    if codings
        .split(|&b| b == b',')
        .any(|coding| trim(coding).is_empty())
    {
        return Err(Reject::bad("an empty coding in Transfer-Encoding"));
    }
    let name = |coding: &[u8]| -> bool { is_token(before_parameters(coding)) };
    if !list(codings).all(name) {
        return Err(Reject::bad("a coding in Transfer-Encoding is not a token"));
    }
    let count = list(codings).count();
    let chunked_early = list(codings)
        .take(count.saturating_sub(1))
        .any(|coding| before_parameters(coding).eq_ignore_ascii_case(b"chunked"));
    if chunked_early {
        return Err(Reject::bad("chunked is not the last transfer coding"));
    }
    Err(Reject::new(501, "a transfer coding other than chunked"))
}

/// `gzip` of `gzip;level=1`.
fn before_parameters(coding: &[u8]) -> &[u8] {
    let name = coding.split(|&b| b == b';').next().unwrap_or_default();
    trim(name)
}
