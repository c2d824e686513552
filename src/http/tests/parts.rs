//! Status codes, dates and names.

use crate::http::date::{HttpDate, parse};
use crate::http::fields::{is_hop_by_hop, is_token, list, trim};
use crate::http::status::reason;

#[test]
fn registered_statuses_have_a_phrase_and_others_none() {
    assert_eq!(
        (reason(200), reason(404), reason(503)),
        ("OK", "Not Found", "Service Unavailable")
    );
    assert_eq!(
        (reason(431), reason(511)),
        (
            "Request Header Fields Too Large",
            "Network Authentication Required"
        )
    );
    for status in [0, 99, 199, 299, 306, 418, 419, 499, 509, 599, 600, u16::MAX] {
        assert_eq!(reason(status), "", "{status}");
    }
    assert_eq!(
        (0..=u16::MAX)
            .filter(|&status| !reason(status).is_empty())
            .count(),
        61
    );
}

#[test]
fn dates_are_written_and_read_back() {
    for (seconds, text) in [
        (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
        (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
        (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
        (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
        (253_402_300_799, "Fri, 31 Dec 9999 23:59:59 GMT"),
    ] {
        assert_eq!(HttpDate::new(seconds).as_str(), text);
        assert_eq!(
            HttpDate::new(seconds).as_bytes().as_slice(),
            text.as_bytes()
        );
        assert_eq!(parse(text.as_bytes()), Some(seconds));
    }
    assert_eq!(
        HttpDate::new(u64::MAX).as_str(),
        "Fri, 31 Dec 9999 23:59:59 GMT"
    );
}

#[test]
fn obsolete_dates_are_read_and_nonsense_is_not() {
    assert_eq!(parse(b"Sunday, 06-Nov-94 08:49:37 GMT"), Some(784_111_777));
    assert_eq!(parse(b"Sun Nov  6 08:49:37 1994"), Some(784_111_777));
    let bad: [&[u8]; 6] = [
        b"",
        b"0",
        b"yesterday",
        b"Sun, 06 Nov 1994",
        b"\xff",
        b"Sun, 31 Feb 1969 08:49:37 GMT",
    ];
    for text in bad {
        assert_eq!(parse(text), None);
    }
}

#[test]
fn fields_of_one_hop_are_known() {
    for name in [
        "Connection",
        "KEEP-ALIVE",
        "te",
        "Trailer",
        "Transfer-Encoding",
        "Upgrade",
        "Proxy-Connection",
        "proxy-authorization",
        "Proxy-Authenticate",
        "HTTP2-Settings",
    ] {
        assert!(is_hop_by_hop(name), "{name}");
    }
    for name in [
        "",
        "Host",
        "Cookie",
        "Content-Length",
        "Te-St",
        "Proxy",
        "Trailers",
        "Keepalive",
    ] {
        assert!(!is_hop_by_hop(name), "{name}");
    }
}

#[test]
fn lists_and_tokens_are_split_as_rfc_9110_says() {
    let elements: Vec<&[u8]> = list(b" a,\tb ,, c d ,").collect();
    assert_eq!(elements, [b"a".as_slice(), b"b", b"c d"]);
    assert_eq!(trim(b" \t "), b"");
    assert!(is_token(b"x-!#$%&'*+.^_`|~9") && !is_token(b"") && !is_token(b"a b"));
}
