//! Values that stand inside others: arguments of a query, cookies, the user of a Basic authorization.
#![forbid(unsafe_code)]

use crate::http::base64::sextet;

/// The value of the first argument of that name, not decoded; a name without `=` is not an argument (V2).
pub fn argument<'q>(query: &'q [u8], name: &str) -> Option<&'q [u8]> {
    query
        .split(|b| *b == b'&')
        .find_map(|pair| named(pair, name))
}

/// The value of the first cookie of that name in one Cookie field (V3).
pub fn cookie<'c>(field: &'c [u8], name: &str) -> Option<&'c [u8]> {
    field
        .split(|b| *b == b';')
        .find_map(|pair| named(pair.trim_ascii(), name))
}

fn named<'p>(pair: &'p [u8], name: &str) -> Option<&'p [u8]> {
    let (found, value) = pair.split_at_checked(name.len())?;
    match found.eq_ignore_ascii_case(name.as_bytes()) {
        true => value.strip_prefix(b"="),
        false => None,
    }
}

/// Appends the user of `Authorization: Basic …` to `out` (RFC 7617). `false` when there is none: another scheme,
/// broken coding, no colon, an empty name, or control bytes, which the standard forbids in it.
pub fn put_basic_user(field: &[u8], out: &mut Vec<u8>) -> bool {
    let Some((scheme, rest)) = field.split_at_checked(6) else {
        return false;
    };
    if !scheme.eq_ignore_ascii_case(b"basic ") {
        return false;
    }
    let start = out.len();
    let colon = decode_until_colon(rest.trim_ascii(), out);
    let user = out.get(start..).unwrap_or_default();
    let sound = colon && !user.is_empty() && !user.iter().any(u8::is_ascii_control);
    if !sound {
        out.truncate(start);
    }
    sound
}

/// Decodes base64 (RFC 4648 4) up to the first decoded colon. Whether one came; the password is never decoded further
/// than the group of three bytes that holds the colon.
fn decode_until_colon(text: &[u8], out: &mut Vec<u8>) -> bool {
    let text = text
        .strip_suffix(b"==")
        .or_else(|| text.strip_suffix(b"="))
        .unwrap_or(text);
    let (mut bits, mut have) = (0u32, 0u32);
    for byte in text {
        let Some(six) = sextet(*byte) else {
            return false;
        };
        bits = bits << 6 & 0xffff | u32::from(six);
        have += 6;
        if have >= 8 {
            have -= 8;
            let [.., decoded] = (bits >> have).to_be_bytes();
            if decoded == b':' {
                return true;
            }
            out.push(decoded);
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(field: &str) -> Option<String> {
        let mut out = b"kept".to_vec();
        let set = put_basic_user(field.as_bytes(), &mut out);
        assert!(
            set || out == b"kept",
            "nothing is appended for an unset value"
        );
        set.then(|| String::from_utf8_lossy(&out[4..]).into_owned())
    }

    #[test]
    fn the_first_argument_of_the_name_counts() {
        assert_eq!(argument(b"a=1&b=2&a=3", "a"), Some(b"1".as_slice()));
        assert_eq!(argument(b"a&A=%20", "a"), Some(b"%20".as_slice()));
        assert_eq!(argument(b"ab=1&b=", "b"), Some(b"".as_slice()));
        assert_eq!(argument(b"ab=1", "a"), None);
        assert_eq!(argument(b"", "a"), None);
    }

    #[test]
    fn cookies_are_separated_by_semicolons() {
        assert_eq!(
            cookie(b"x=1; sid=ab=c;y=2", "sid"),
            Some(b"ab=c".as_slice())
        );
        assert_eq!(cookie(b"SID=1", "sid"), Some(b"1".as_slice()));
        assert_eq!(cookie(b"xsid=1; sid", "sid"), None);
    }

    #[test]
    fn the_user_of_a_basic_authorization_is_decoded() {
        assert_eq!(
            user("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
            Some("Aladdin".into())
        );
        assert_eq!(user("basic  YTpi"), Some("a".into()));
        assert_eq!(user("BASIC w7w6"), Some("ü".into()));
    }

    #[test]
    fn a_broken_authorization_names_nobody() {
        for bad in [
            "",
            "Basic",
            "Basic ",
            "Bearer YTpi",
            "Basic YWJj",
            "Basic OmI=",
            "Basic Y!pi",
            "Basic AQE6",
            "Basic YTp=",
        ] {
            let expected = (bad == "Basic YTp=").then(|| "a".to_owned());
            assert_eq!(user(bad), expected, "{bad}");
        }
    }
}
