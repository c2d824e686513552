//! Field names and list values: what a token is (RFC 9110 5.6.2), which fields concern one connection only (7.6.1).

/// Whether `b` may stand in a token: a method, a field name, a list element (RFC 9110 5.6.2).
pub const fn is_token_byte(b: u8) -> bool {
    matches!(b, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9'
        | b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~')
}

/// Whether `bytes` is a token: not empty, token bytes only.
pub fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|&b| is_token_byte(b))
}

/// Whether `b` may stand in a field value: printable, space, tab, or obs-text (RFC 9110 5.5). CR, LF, NUL and the other
/// control bytes may not.
pub const fn is_value_byte(b: u8) -> bool {
    matches!(b, b'\t' | b' '..=b'~' | 0x80..)
}

/// `bytes` without the spaces and tabs around it (OWS, RFC 9110 5.6.3).
pub fn trim(bytes: &[u8]) -> &[u8] {
    let is_text = |b: &u8| !matches!(b, b' ' | b'\t');
    let Some(first) = bytes.iter().position(is_text) else {
        return &[];
    };
    let last = bytes.iter().rposition(is_text).unwrap_or(first);
    bytes.get(first..=last).unwrap_or_default()
}

/// The elements of a comma-separated value, trimmed, empty ones left out (RFC 9110 5.6.1). For lists of tokens: commas
/// inside quoted strings are not looked for.
pub fn list(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value
        .split(|&b| b == b',')
        .map(trim)
        .filter(|element| !element.is_empty())
}

/// Fields that mean something to one connection only, so that they never reach an application and never a client
/// (RFC 9110 7.6.1). Those that a Connection field names come on top: [`super::request::Request::nominated`].
/// The credentials of a proxy belong to the same hop, whoever the proxy was (RFC 9110 11.7).
const HOP_BY_HOP: [&str; 10] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "http2-settings",
];

/// Whether the field concerns only the connection it came on. The name compares case-insensitively.
pub fn is_hop_by_hop(name: &str) -> bool {
    // The first letter sorts out nearly every field of a browser before ten names are compared.
    let may_be = matches!(
        name.as_bytes().first(),
        Some(b'c' | b'C' | b'k' | b'K' | b'p' | b'P' | b't' | b'T' | b'u' | b'U' | b'h' | b'H')
    );
    may_be && HOP_BY_HOP.iter().any(|hop| name.eq_ignore_ascii_case(hop))
}

/// End-to-end fields: RFC 9110 7.6.1 forbids a sender to list them in Connection, and a client that does so hopes to take
/// away what a proxy before us has added, or what the application decides by.
const PROTECTED: [&str; 16] = [
    "authorization",
    "cache-control",
    "cookie",
    "date",
    "expect",
    "forwarded",
    "from",
    "host",
    "origin",
    "pragma",
    "range",
    "referer",
    "user-agent",
    "via",
    "x-real-ip",
    "x-request-id",
];

/// Whole families of end-to-end fields.
const PROTECTED_PREFIXES: [&str; 5] = ["accept", "content-", "if-", "sec-fetch-", "x-forwarded-"];

/// Whether a client may not have the field removed by naming it in Connection.
pub(super) fn is_protected(name: &str) -> bool {
    PROTECTED.iter().any(|kept| name.eq_ignore_ascii_case(kept))
        || PROTECTED_PREFIXES
            .iter()
            .any(|prefix| has_prefix(name, prefix))
}

fn has_prefix(name: &str, prefix: &str) -> bool {
    let start = name.as_bytes().get(..prefix.len());
    start.is_some_and(|s| s.eq_ignore_ascii_case(prefix.as_bytes()))
}

/// What becomes of a field because of its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Name {
    /// One of the fields that may appear once (H22).
    Single(Single),
    Connection,
    Other,
    /// Not passed on (H20): other bytes than letters, digits and hyphens would make variable names that no application
    /// expects, or that another field has too.
    Dropped,
}

/// Fields that may appear once; a repeat is refused even when it is identical (H22). The values are bits of a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
pub(super) enum Single {
    Host = 1,
    ContentLength = 1 << 1,
    TransferEncoding = 1 << 2,
    Expect = 1 << 3,
    ContentRange = 1 << 4,
    IfMatch = 1 << 5,
    IfNoneMatch = 1 << 6,
    IfModifiedSince = 1 << 7,
    IfUnmodifiedSince = 1 << 8,
    IfRange = 1 << 9,
    Authorization = 1 << 10,
    ProxyAuthorization = 1 << 11,
}

impl Single {
    pub(super) const fn bit(self) -> u16 {
        self as u16
    }
}

/// Sorts a name (a token) into [`Name`].
pub(super) fn sort(name: &str, underscores: bool) -> Name {
    if let Some(single) = single(name) {
        return Name::Single(single);
    }
    if name.eq_ignore_ascii_case("connection") {
        return Name::Connection;
    }
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    if name.bytes().all(is_plain) {
        return Name::Other;
    }
    let is_allowed = underscores && name.bytes().all(|b| is_plain(b) || b == b'_');
    if is_allowed && !is_disguised(name) {
        Name::Other
    } else {
        Name::Dropped
    }
}

/// `Content_Length` and its like: as a variable it can not be told from the field that frames the message or guards the
/// application, so it is dropped even where underscores are wanted.
fn is_disguised(name: &str) -> bool {
    let hyphens = name.replace('_', "-");
    single(&hyphens).is_some() || is_hop_by_hop(&hyphens) || is_protected(&hyphens)
}

fn single(name: &str) -> Option<Single> {
    let (text, single) = match name.len() {
        4 => ("host", Single::Host),
        6 => ("expect", Single::Expect),
        8 if name.as_bytes().get(3) == Some(&b'm') || name.as_bytes().get(3) == Some(&b'M') => {
            ("if-match", Single::IfMatch)
        }
        8 => ("if-range", Single::IfRange),
        13 if has_prefix(name, "i") => ("if-none-match", Single::IfNoneMatch),
        13 if has_prefix(name, "content-r") => ("content-range", Single::ContentRange),
        13 => ("authorization", Single::Authorization),
        14 => ("content-length", Single::ContentLength),
        17 if has_prefix(name, "i") => ("if-modified-since", Single::IfModifiedSince),
        17 => ("transfer-encoding", Single::TransferEncoding),
        19 if has_prefix(name, "i") => ("if-unmodified-since", Single::IfUnmodifiedSince),
        19 => ("proxy-authorization", Single::ProxyAuthorization),
        _ => return None,
    };
    name.eq_ignore_ascii_case(text).then_some(single)
}
