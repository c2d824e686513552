//! The cookie of `--sticky`.

use std::time::SystemTime;

use crate::config::group::StickyCookie;
use crate::ops::calendar::{Civil, put_number};

/// The value of Set-Cookie that binds a client to the server of this id (N51; RFC 6265 4.1). Without `path=` it holds for all
/// paths, as Angie has it: a cookie for one directory would bind a client to several servers.
pub fn sticky(cookie: &StickyCookie, id: &str, wall: SystemTime) -> Vec<u8> {
    let mut out = Vec::new();
    let mut put = |parts: &[&str]| {
        for part in parts {
            out.extend_from_slice(part.as_bytes());
        }
    };
    put(&[&cookie.name, "=", id]);
    put(&["; Path=", cookie.path.as_deref().unwrap_or("/")]);
    if let Some(domain) = &cookie.domain {
        put(&["; Domain=", domain]);
    }
    if cookie.httponly {
        put(&["; HttpOnly"]);
    }
    if cookie.secure {
        put(&["; Secure"]);
    }
    if let Some(expires) = cookie.expires {
        out.extend_from_slice(b"; Max-Age=");
        put_number(&mut out, expires.as_secs());
        // For clients that know no Max-Age; a time that no calendar holds is left to those that do.
        if let Some(at) = wall.checked_add(expires) {
            out.extend_from_slice(b"; Expires=");
            Civil::utc(at).put_http(&mut out);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn cookie() -> StickyCookie {
        StickyCookie {
            name: "srv".into(),
            expires: None,
            path: None,
            domain: None,
            httponly: false,
            secure: false,
        }
    }

    fn text(cookie: &StickyCookie) -> String {
        let wall = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        String::from_utf8(sticky(cookie, "a1", wall)).unwrap()
    }

    #[test]
    fn a_plain_cookie_holds_for_all_paths_until_the_browser_closes() {
        assert_eq!(text(&cookie()), "srv=a1; Path=/");
    }

    #[test]
    fn every_attribute_is_written() {
        let all = StickyCookie {
            expires: Some(Duration::from_secs(3600)),
            path: Some("/app".into()),
            domain: Some("example.org".into()),
            httponly: true,
            secure: true,
            ..cookie()
        };
        assert_eq!(
            text(&all),
            "srv=a1; Path=/app; Domain=example.org; HttpOnly; Secure; Max-Age=3600; \
             Expires=Sun, 06 Nov 1994 09:49:37 GMT"
        );
    }
}
