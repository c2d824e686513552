//! What is kept, how old it is, what newer fields do.

use super::*;
use crate::cache::{Body, Meta, Variant};
use crate::scgi::response::{Parsed, parse};

/// Sun, 09 Sep 2001 01:46:40 GMT.
const NOW: u64 = 1_000_000_000;
const DATE: &str = "Date: Sun, 09 Sep 2001 01:46:40 GMT";

const TIMES: Times = Times {
    asked: NOW,
    received: NOW,
};

fn parsed(lines: &str) -> Head {
    match parse(format!("{lines}\n\n").as_bytes(), &mut 0) {
        Ok(Parsed::Done(head, _)) => head,
        other => panic!("{lines}: {other:?}"),
    }
}

/// The lines of a stored head, the empty one left out; it parses again, and storing that changes nothing.
fn stored(lines: &str, control: &str) -> String {
    let mut directives = ResponseDirectives::default();
    directives.read(control.as_bytes());
    let once = head(&parsed(lines), &directives, TIMES);
    let text = String::from_utf8_lossy(&once).into_owned();
    let Ok(Parsed::Done(again, len)) = parse(&once, &mut 0) else {
        panic!("{text}");
    };
    assert_eq!(len, once.len());
    assert_eq!(head(&again, &directives, TIMES), once);
    assert!(text.ends_with("\r\n\r\n"));
    text.trim_end().replace("\r\n", "\n")
}

#[test]
fn a_head_is_stored_with_a_status_line_and_without_what_is_not_its_own() {
    for (lines, control, expected) in [
        ("X: y", "", "HTTP/1.1 200\nX: y\n+"),
        (
            "Status: 404 Not There\nX: y",
            "",
            "HTTP/1.1 404 Not There\nX: y\n+",
        ),
        ("HTTP/1.0 299 a  b\nX:", "", "HTTP/1.1 299 a  b\nX: \n+"),
        (
            "Location: http://b/",
            "",
            "HTTP/1.1 302\nLocation: http://b/\n+",
        ),
        ("Content-Length: 5\nX: y", "", "HTTP/1.1 200\nX: y\n+"),
        (
            "Transfer-Encoding: chunked\nX: y",
            "",
            "HTTP/1.1 200\nX: y\n+",
        ),
        (
            "Set-Cookie: a=b\nSET-COOKIE: c=d\nX: y",
            "",
            "HTTP/1.1 200\nX: y\n+",
        ),
        ("Age: 5\nX: y", "", "HTTP/1.1 200\nX: y\n+"),
        (
            "Connection: X, close\nx: y\nZ: 1",
            "",
            "HTTP/1.1 200\nZ: 1\n+",
        ),
        (
            "Keep-Alive: 5\nUpgrade: x\nTE: x\nTrailer: x\nZ: 1",
            "",
            "HTTP/1.1 200\nZ: 1\n+",
        ),
        (
            "Proxy-Authorization: x\nProxy-Authentication-Info: x\nZ: 1",
            "",
            "HTTP/1.1 200\nZ: 1\n+",
        ),
        (
            "A: 1\nB: 2\nC: 3",
            "private=\"a\", no-cache=\"B\"",
            "HTTP/1.1 200\nC: 3\n+",
        ),
        ("A: 1", "private, no-cache", "HTTP/1.1 200\nA: 1\n+"),
        (
            "A: 1\na: 2\nETag: \"x\"\nVary: *",
            "",
            "HTTP/1.1 200\nA: 1\na: 2\nETag: \"x\"\nVary: *\n+",
        ),
        (
            "X-Accel-Charset: utf-8",
            "",
            "HTTP/1.1 200\nX-Accel-Charset: utf-8\n+",
        ),
        (
            "Date: Sun, 09 Sep 2001 01:46:39 GMT",
            "",
            "HTTP/1.1 200\nDate: Sun, 09 Sep 2001 01:46:39 GMT",
        ),
        (
            "date: Sunday, 09-Sep-01 01:46:39 GMT",
            "",
            "HTTP/1.1 200\ndate: Sunday, 09-Sep-01 01:46:39 GMT",
        ),
        ("Date: today\nX: y", "", "HTTP/1.1 200\nX: y\n+"),
    ] {
        assert_eq!(
            stored(lines, control),
            expected.replace('+', DATE),
            "{lines:?}"
        );
    }
}

#[test]
fn the_age_counts_what_others_and_the_way_have_taken() {
    // Lines, seconds between asking and receiving, age.
    for (lines, delay, expected) in [
        ("X: y", 0, 0),
        ("X: y", 3, 3),
        ("Age: 5", 0, 5),
        ("Age: 5", 3, 8),
        ("Age: x", 3, 3),
        (DATE, 0, 0),
        ("Date: Sun, 09 Sep 2001 01:46:30 GMT", 0, 10),
        ("Date: Sun, 09 Sep 2001 01:46:30 GMT", 3, 10),
        ("Date: Sun, 09 Sep 2001 01:46:30 GMT", 30, 30),
        ("Date: Sun, 09 Sep 2001 01:46:30 GMT\nAge: 9", 0, 10),
        ("Date: Sun, 09 Sep 2001 01:46:30 GMT\nAge: 9", 2, 11),
        ("Date: Sun, 09 Sep 2001 01:46:50 GMT", 0, 0),
        ("Date: Sun, 09 Sep 2001 01:46:50 GMT\nAge: 4", 0, 4),
        ("Date: soon", 0, 0),
        ("Age: 99999999999999999999", 9, MAX_SECONDS),
        ("Date: Thu, 01 Jan 1970 00:00:00 GMT", 0, 1_000_000_000),
    ] {
        let times = Times {
            asked: NOW - delay,
            received: NOW,
        };
        assert_eq!(
            initial_age(&parsed(lines), times),
            expected,
            "{lines:?} {delay}"
        );
    }
}

#[test]
fn a_clock_that_was_set_back_makes_no_age() {
    let times = Times {
        asked: NOW + 50,
        received: NOW,
    };
    assert_eq!(initial_age(&parsed("Age: 5"), times), 5);
}

#[test]
fn newer_fields_replace_those_of_their_name() {
    for (old, newer, expected) in [
        ("A: 1\nB: 2", "A: 3", "HTTP/1.1 200\nB: 2\nA: 3"),
        ("A: 1\na: 2", "A: 3\nA: 4", "HTTP/1.1 200\nA: 3\nA: 4"),
        (
            "HTTP/1.1 203 Well\nA: 1",
            "B: 2",
            "HTTP/1.1 203 Well\nA: 1\nB: 2",
        ),
        ("A: 1", "Status: 304\nA:", "HTTP/1.1 200\nA: "),
        (
            "ETag: \"a\"",
            "ETag: W/\"a\"",
            "HTTP/1.1 200\nETag: W/\"a\"",
        ),
        (
            "Cache-Control: max-age=1",
            "Cache-Control: max-age=2",
            "HTTP/1.1 200\nCache-Control: max-age=2",
        ),
        (
            "Content-Type: a/b",
            "Content-Type: text/html",
            "HTTP/1.1 200\nContent-Type: a/b",
        ),
        (
            "Content-Encoding: gzip",
            "Content-Encoding: br",
            "HTTP/1.1 200\nContent-Encoding: gzip",
        ),
        (
            "A: 1",
            "Content-Encoding: br\nContent-Range: bytes 0-1/2",
            "HTTP/1.1 200\nA: 1",
        ),
        (
            "Content-Language: de",
            "Content-Language: en",
            "HTTP/1.1 200\nContent-Language: en",
        ),
        ("A: 1", "Content-Length: 5", "HTTP/1.1 200\nA: 1"),
        (
            "A: 1",
            "Transfer-Encoding: chunked\nUpgrade: x",
            "HTTP/1.1 200\nA: 1",
        ),
        ("A: 1", "Set-Cookie: a=b", "HTTP/1.1 200\nA: 1"),
        (
            "A: 1\nB: 1",
            "Connection: A\nA: 2\nB: 2",
            "HTTP/1.1 200\nA: 1\nB: 2",
        ),
        (
            "Date: Sun, 09 Sep 2001 01:46:40 GMT\nA: 1",
            "B: 2",
            "HTTP/1.1 200\nA: 1\nB: 2",
        ),
        (
            "Date: x\nAge: 5\nA: 1",
            "Date: y\nAge: 6",
            "HTTP/1.1 200\nA: 1\nDate: y\nAge: 6",
        ),
    ] {
        let merged = merge(&parsed(old), &parsed(newer)).expect("a head");
        assert_eq!(merged.status(), parsed(old).status());
        let mut text = status_line(&merged);
        for (name, value) in merged.fields() {
            put(&mut text, name, value);
        }
        let text = String::from_utf8_lossy(&text).replace("\r\n", "\n");
        assert_eq!(text.strip_suffix('\n'), Some(expected), "{old:?} {newer:?}");
    }
}

#[test]
fn only_a_200_has_validators() {
    let entry = |lines: &str| Entry {
        key: Box::default(),
        meta: Meta::default(),
        variant: Variant::default(),
        stamp: 0,
        head: parsed(lines),
        len: 0,
        body: Body::Memory(Vec::new().into()),
    };
    let long = format!("\"{}\"", "x".repeat(500));
    let both = entry(&format!("ETag: {long}\nLast-Modified: then"));
    assert_eq!(
        both.validators(),
        (Some(long.as_bytes()), Some(b"then".as_slice()))
    );
    assert_eq!(entry("ETag:\nX: y").validators(), (None, None));
    assert_eq!(entry("Status: 404\nETag: \"a\"").validators(), (None, None));
}
