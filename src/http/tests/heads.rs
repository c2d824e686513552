//! Heads as a whole: where they end, their sizes, their fields, and how they arrive.

use super::{LIMITS, accept, refusal, shown, take, with_fields};
use crate::http::request::{Framing, Limits, Reject, Request, find_end};

const BROWSER: &[u8] = b"GET /a%20b/../c?d=e HTTP/1.1\r\nHost: www.Example.org:8080\r\nUser-Agent: Mozilla/5.0\r\n\
Accept: text/html\r\nAccept-Language: de\r\nConnection: keep-alive\r\nCookie: a=b; c=d\r\nCookie: e=f\r\n\
X-Empty:\r\nX_Under: no\r\n\r\n";

#[test]
fn a_browsers_request_is_understood() {
    let request = accept(BROWSER);
    assert_eq!(request.method(), "GET");
    assert!(!request.is_head() && request.method_is_idempotent());
    assert_eq!(request.target(), b"/a%20b/../c?d=e");
    assert_eq!(request.path(), b"/c");
    assert_eq!(request.line(), b"GET /a%20b/../c?d=e HTTP/1.1");
    assert_eq!(
        (request.protocol(), request.minor_version()),
        ("HTTP/1.1", 1)
    );
    assert_eq!(
        (request.host(), request.host_port()),
        ("www.example.org", Some("8080"))
    );
    assert_eq!(request.field("user-agent"), Some(b"Mozilla/5.0".as_slice()));
    assert_eq!(request.field("x-empty"), Some(b"".as_slice()));
    assert_eq!(request.field("x_under"), None);
    assert_eq!(request.fields_named("COOKIE").count(), 2);
    assert_eq!((request.fields().count(), request.dropped_fields()), (8, 1));
    assert_eq!(request.framing(), Framing::None);
    assert_eq!(request.head_len(), BROWSER.len());
}

#[test]
fn every_prefix_of_a_head_asks_for_more() {
    for n in 0..BROWSER.len() {
        let prefix = BROWSER.get(..n).unwrap_or_default();
        assert!(
            matches!(take(prefix, &LIMITS), Ok(None)),
            "prefix of {n} bytes"
        );
        assert!(
            Request::parse(prefix, &LIMITS).is_err(),
            "prefix of {n} bytes"
        );
    }
}

/// The verdict of `find_end` on bytes that arrive in pieces of `size`.
fn end_in_pieces(bytes: &[u8], size: usize, limits: &Limits) -> Result<Option<usize>, Reject> {
    let mut scanned = 0;
    let mut len = 0;
    while len < bytes.len() {
        len = (len + size).min(bytes.len());
        match find_end(bytes.get(..len).unwrap_or_default(), &mut scanned, limits)? {
            None => assert!(scanned <= len),
            found => return Ok(found),
        }
    }
    Ok(None)
}

#[test]
fn a_head_in_pieces_ends_where_the_whole_one_does() {
    let empty_lines = [b"\r\n\r\n".as_slice(), BROWSER].concat();
    let heads = [
        BROWSER,
        &empty_lines,
        b"GET / HTTP/1.1\r\nA\n",
        b"GET /\r\n",
        b"\r\r\n",
        b"A\x01",
    ];
    for head in heads {
        let followed = [head, b"GET / HTTP/1.1\r\n\r\n".as_slice()].concat();
        let whole = find_end(&followed, &mut 0, &LIMITS);
        for size in 1..9 {
            assert_eq!(
                end_in_pieces(&followed, size, &LIMITS),
                whole,
                "{} by {size}",
                shown(head)
            );
        }
    }
}

#[test]
fn pipelined_bytes_are_left_alone() {
    let two = [BROWSER, BROWSER].concat();
    assert_eq!(find_end(&two, &mut 0, &LIMITS), Ok(Some(BROWSER.len())));
    let tight = Limits {
        max_size: BROWSER.len(),
        ..LIMITS
    };
    assert_eq!(find_end(&two, &mut 0, &tight), Ok(Some(BROWSER.len())));
    assert_eq!(refusal(&two), 400, "parse takes one head exactly");
}

#[test]
fn a_few_empty_lines_before_a_request_are_skipped() {
    let request = accept(b"\r\n\r\nGET /a HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(
        (request.line(), request.path()),
        (b"GET /a HTTP/1.1".as_slice(), b"/a".as_slice())
    );
    assert_eq!(find_end(b"\r\n\r\n", &mut 0, &LIMITS), Ok(None));
    assert_eq!(refusal(b"\r\n\r\n\r\n\r\n\r\n"), 400, "H1, bounded");
}

#[test]
fn strangers_are_refused_at_their_first_bytes() {
    let openings: &[(&[u8], u16)] = &[
        (b"\x16", 400),
        (b"\x16\x03", 400),
        (b"\x80", 400),
        (b"\0", 400),
        (b" ", 400),
        (b"{", 400),
        (b"\n", 400),
        (b"\r\n\n", 400),
        (b"\rG", 400),
        (b"GE\x01", 400),
        (b"GET\r", 400),
        (b"SSH-2.0-OpenSSH_9.6\r\n", 400),
        (b"GET / HTTP/1.1\n", 400),
        (b"GET /\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\n", 400),
        (b"ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFG", 501),
    ];
    for (opening, status) in openings {
        let found = find_end(opening, &mut 0, &LIMITS).map_err(|reject| reject.status);
        assert_eq!(found, Err(*status), "{}", shown(opening));
    }
}

#[test]
fn sizes_are_held_against_the_limit() {
    let limits = Limits {
        max_size: 64,
        ..LIMITS
    };
    let status = |head: &[u8]| {
        (
            find_end(head, &mut 0, &limits)
                .err()
                .map_or(0, |reject| reject.status),
            Request::parse(head, &limits)
                .err()
                .map_or(0, |reject| reject.status),
        )
    };
    let with_line = |n: usize| format!("GET /{} HTTP/1.0\r\n\r\n", "a".repeat(n)).into_bytes();
    assert_eq!(with_line(46).len(), 64);
    assert_eq!(status(&with_line(46)), (0, 0));
    assert_eq!(
        status(&with_line(48)),
        (431, 431),
        "the line fits, the head does not"
    );
    assert_eq!(
        status(&with_line(49)),
        (414, 414),
        "the line's LF is the 65th byte"
    );
    let with_field =
        |n: usize| format!("GET / HTTP/1.0\r\nX: {}\r\n\r\n", "a".repeat(n)).into_bytes();
    assert_eq!(with_field(41).len(), 64);
    assert_eq!(status(&with_field(41)), (0, 0));
    assert_eq!(status(&with_field(42)), (431, 431));
    assert_eq!(
        end_in_pieces(&[b'a'; 64], 1, &limits).map_err(|r| r.status),
        Err(501)
    );
    let endless = [b"GET /".as_slice(), &[b'a'; 59]].concat();
    assert_eq!(
        find_end(&endless, &mut 0, &limits).map_err(|r| r.status),
        Err(414),
        "a full buffer, nothing to wait for"
    );
}

#[test]
fn two_hundred_fields_are_read_and_no_more() {
    for (count, status) in [(31, 0), (32, 0), (33, 0), (199, 0), (200, 431), (1000, 431)] {
        let lines = vec!["X: y"; count].join("\r\n");
        assert_eq!(
            refusal(&with_fields(lines.as_bytes())),
            status,
            "{count} fields and Host"
        );
    }
    let lines = vec!["X: y"; 150].join("\r\n");
    assert_eq!(accept(&with_fields(lines.as_bytes())).fields().count(), 151);
}

#[test]
fn fields_that_may_appear_once_are_refused_when_repeated() {
    for name in [
        "Host",
        "Content-Length",
        "Content-Range",
        "Transfer-Encoding",
        "Expect",
        "If-Match",
        "If-None-Match",
        "If-Modified-Since",
        "If-Unmodified-Since",
        "If-Range",
        "Authorization",
        "Proxy-Authorization",
    ] {
        let lower = name.to_lowercase();
        let head = format!("GET / HTTP/1.0\r\n{name}: 1\r\nX: y\r\n{lower}: 1\r\n\r\n");
        assert_eq!(refusal(head.as_bytes()), 400, "{name} (H22)");
    }
    for name in [
        "Accept",
        "Cookie",
        "Connection",
        "If-Matcher",
        "X-Expect",
        "Via",
        "Content-Rangr",
    ] {
        let head = format!("GET / HTTP/1.0\r\n{name}: 1\r\n{name}: 1\r\n\r\n");
        assert_eq!(refusal(head.as_bytes()), 0, "{name} (H22)");
    }
}

#[test]
fn connection_is_a_list_of_options() {
    let rows: &[(&str, &str, bool)] = &[
        ("1.1", "X: y", true),
        ("1.0", "X: y", false),
        ("1.0", "Connection: keep-alive", true),
        ("1.0", "Connection: Keep-Alive, close", false),
        ("1.0", "Connection: x, KEEP-ALIVE", true),
        ("1.1", "Connection: close", false),
        ("1.1", "Connection: x ,CLOSE", false),
        ("1.1", "Connection: keep-alive\r\nConnection: close", false),
        ("1.1", "Connection: close\r\nConnection: keep-alive", false),
        ("1.1", "Connection: closed", true),
        ("1.1", "Connection: not-close", true),
        ("1.1", "Connection:", true),
        ("1.1", "Connection: ,,", true),
    ];
    for (version, line, keep) in rows {
        let head = format!("GET / HTTP/{version}\r\nHost: a\r\n{line}\r\n\r\n");
        assert_eq!(
            accept(head.as_bytes()).keep_alive(),
            *keep,
            "HTTP/{version} {line} (H32)"
        );
    }
}

#[test]
fn connection_takes_away_only_what_is_not_end_to_end() {
    let request = accept(&with_fields(
        b"Connection: close, X-Hop , Host\r\nConnection: Cookie,x-forwarded-for,Content-Type, HTTP2-Settings",
    ));
    for name in ["x-hop", "X-HOP", "HTTP2-Settings", "close"] {
        assert!(request.nominated(name), "{name}");
    }
    for name in [
        "Host",
        "Cookie",
        "X-Forwarded-For",
        "Content-Type",
        "Content-Length",
        "X-Other",
        "",
    ] {
        assert!(!request.nominated(name), "{name}");
    }
    assert!(!accept(&with_fields(b"Connection: close")).nominated("close"));
}

#[test]
fn expectations_other_than_100_continue_are_ignored() {
    for (version, value, expects) in [
        ("1.1", "100-continue", true),
        ("1.1", "100-Continue", true),
        ("1.0", "100-continue", false),
        ("1.1", "100-continue, x", false),
        ("1.1", "200-ok", false),
    ] {
        let head = format!("PUT / HTTP/{version}\r\nHost: a\r\nExpect: {value}\r\n\r\n");
        assert_eq!(
            accept(head.as_bytes()).expects_continue(),
            expects,
            "HTTP/{version} {value} (H31)"
        );
    }
}

#[test]
fn names_with_underscores_are_kept_where_they_are_wanted() {
    let limits = Limits {
        underscores: true,
        ..LIMITS
    };
    let head = with_fields(b"X_A: 1\r\nContent_Length: 5\r\nTransfer_Encoding: chunked\r\nX_Forwarded-For: b\r\nA.b: c");
    let request = take(&head, &limits).ok().flatten();
    let names: Vec<String> = request
        .iter()
        .flat_map(Request::fields)
        .map(|(name, _)| name.to_owned())
        .collect();
    assert_eq!(names, ["Host", "X_A"]);
    assert_eq!(
        request.map(|request| request.framing()),
        Some(Framing::None)
    );
}

#[test]
fn a_variable_joins_all_fields_of_its_name() {
    let request = accept(&with_fields(
        b"X-Ab: 1\r\nCookie: a=1\r\nx-aB: 2\r\ncookie: b=2\r\nX-E:\r\nX-E: z",
    ));
    for (variable, expected) in [
        ("x_ab", Some("1, 2")),
        ("cookie", Some("a=1; b=2")),
        ("x_e", Some(", z")),
        ("host", Some("a")),
        ("x_a", None),
        ("none", None),
    ] {
        let mut out = b"<".to_vec();
        assert_eq!(
            request.put_field(variable, &mut out),
            expected.is_some(),
            "{variable} (V4)"
        );
        assert_eq!(
            shown(&out),
            format!("<{}", expected.unwrap_or_default()),
            "{variable} (V4)"
        );
    }
}

#[test]
fn methods_are_sorted_by_what_a_second_try_does() {
    for (method, idempotent) in [
        ("GET", true),
        ("HEAD", true),
        ("OPTIONS", true),
        ("PUT", true),
        ("DELETE", true),
        ("POST", false),
        ("PATCH", false),
        ("LOCK", false),
        ("get", false),
    ] {
        let request = accept(format!("{method} / HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes());
        assert_eq!(
            request.method_is_idempotent(),
            idempotent,
            "{method} (RFC 9110 9.2.2)"
        );
        assert_eq!(request.is_head(), method == "HEAD");
    }
}

#[test]
fn a_request_can_change_threads() {
    fn check<T: Send + 'static>() {}
    check::<Request>();
}
