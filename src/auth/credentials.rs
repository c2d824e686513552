//! What a client says of itself: `Authorization: Basic` (RFC 7617 2), and how it is asked to.

use crate::http::base64::sextet;

/// A longer password is refused unchecked, in bytes: SHA-crypt goes through all of it thousands of times.
const MAX_PASSWORD: usize = 512;

/// A name and a password.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Not empty, and without control bytes, which the standard forbids.
    pub user: Vec<u8>,
    /// Without NUL: to some hashes it would be the end.
    pub password: Vec<u8>,
}

impl Credentials {
    /// Reads the value of an Authorization field. `None`: another scheme, broken coding, no colon, or what no file can hold.
    pub fn parse(field: &[u8]) -> Option<Credentials> {
        let (scheme, rest) = field.split_at_checked(6)?;
        if !scheme.eq_ignore_ascii_case(b"basic ") {
            return None;
        }
        let mut user = decode(rest.trim_ascii())?;
        let colon = user.iter().position(|&byte| byte == b':')?;
        let password = user.split_off(colon).split_off(1);
        let sound = !user.is_empty()
            && !user.iter().any(u8::is_ascii_control)
            && !password.contains(&0)
            && password.len() <= MAX_PASSWORD;
        sound.then_some(Credentials { user, password })
    }
}

/// Base64 in its one canonical form: padded, and with nothing in the bits that are left over.
fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let bare = match text {
        [rest @ .., b'=', b'='] | [rest @ .., b'='] => rest,
        _ => text,
    };
    (text.len().is_multiple_of(4) && text.len() - bare.len() == (4 - bare.len() % 4) % 4)
        .then(|| unpack(bare, sextet))?
        .filter(|(_, left)| *left == 0)
        .map(|(bytes, _)| bytes)
}

/// The bytes that letters of six bits make, the first one first, and the bits that are left over. `None`: no such letter.
pub(super) fn unpack(text: &[u8], value: fn(u8) -> Option<u8>) -> Option<(Vec<u8>, u32)> {
    let mut bytes = Vec::with_capacity(text.len() * 3 / 4);
    let (mut bits, mut have) = (0u32, 0u32);
    for letter in text {
        bits = bits << 6 | u32::from(value(*letter)?);
        have += 6;
        if have >= 8 {
            have -= 8;
            bytes.push((bits >> have) as u8);
            bits &= (1 << have) - 1;
        }
    }
    Some((bytes, bits))
}

/// The value of WWW-Authenticate. The realm is text that variables may have made: what would end the quotes is escaped, and
/// what no field can hold becomes a blank.
pub fn challenge(realm: &[u8]) -> Vec<u8> {
    let mut value = b"Basic realm=\"".to_vec();
    for &byte in realm {
        match byte {
            b'"' | b'\\' => value.extend_from_slice(&[b'\\', byte]),
            0..b' ' | 0x7f => value.push(b' '),
            _ => value.push(byte),
        }
    }
    value.extend_from_slice(b"\", charset=\"UTF-8\"");
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(field: &str) -> Option<(String, String)> {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Credentials::parse(field.as_bytes()).map(|who| (text(who.user), text(who.password)))
    }

    #[test]
    fn name_and_password_are_decoded() {
        for (field, user, password) in [
            (
                "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
                "Aladdin",
                "open sesame",
            ), // RFC 7617 2
            ("Basic dGVzdDoxMjPCow==", "test", "123£"), // RFC 7617 2.1
            ("basic   YTpi", "a", "b"),
            ("BASIC YTpi ", "a", "b"),
            ("Basic YTo=", "a", ""),
            ("Basic YTpiOmM=", "a", "b:c"),
        ] {
            let expected = Some((user.to_owned(), password.to_owned()));
            assert_eq!(parse(field), expected, "{field}");
        }
    }

    #[test]
    fn what_is_malformed_names_nobody() {
        for field in [
            "",
            "Basic",
            "Basic ",
            "Basic YTpi=",
            "Basic YTpi====",
            "Basic YTo",
            "Basic YTp=",
            "Basic YT=pi",
            "Basic Y!pi",
            "Basic Y Tpi",
            "Basic YWJj",
            "Basic OmI=",
            "Basic YTpiAA==",
            "Basic AQE6",
            "Bearer YTpi",
            "Basic=YTpi",
            "Basic YTo\u{e4}",
        ] {
            assert!(parse(field).is_none(), "{field}");
        }
    }

    #[test]
    fn a_password_has_an_end() {
        // Three letters "YmJi" are "bbb".
        let field = |count: usize| format!("Basic YTpi{}", "YmJi".repeat(count));
        assert_eq!(parse(&field(170)).unwrap().1.len(), 511);
        assert!(parse(&field(171)).is_none());
    }

    #[test]
    fn bits_that_are_left_over_must_be_none() {
        // "a:" in its right form, and with each of the bits that do not count.
        assert!(parse("Basic YTo=").is_some());
        for letter in ["p", "q", "r"] {
            assert!(parse(&format!("Basic YT{letter}=")).is_none());
        }
    }

    #[test]
    fn a_realm_is_quoted() {
        for (realm, value) in [
            ("at home", r#"Basic realm="at home", charset="UTF-8""#),
            ("", r#"Basic realm="", charset="UTF-8""#),
            (
                r#"a "b" \c"#,
                r#"Basic realm="a \"b\" \\c", charset="UTF-8""#,
            ),
            (
                "a\r\nSet-Cookie: b\u{7f}",
                r#"Basic realm="a  Set-Cookie: b ", charset="UTF-8""#,
            ),
            ("Büro", r#"Basic realm="Büro", charset="UTF-8""#),
        ] {
            assert_eq!(
                String::from_utf8(challenge(realm.as_bytes())).unwrap(),
                value
            );
        }
    }
}
