//! Requests for one stored response, and what is sent: the same whether its body is in memory or in a file.

use std::fs::File;

use super::*;
use crate::cache::{Meta, Variant};
use crate::respond::head::tests::{HIDDEN, settings};
use crate::respond::reply::tests::{Seen, request, seen};
use crate::respond::scratch::Scratch;
use crate::scgi::response::{Parsed, parse};

const DATE: &str = "Sat, 21 Nov 2026 06:48:59 GMT";
const STORED: &str = "Sat, 21 Nov 2026 06:40:00 GMT";
const MODIFIED: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
const TEXT: &[u8] = b"0123456789";
const AGE: &[u8] = b"Age: 539\r\n";

/// What a stored head says besides its status.
const FIELDS: &str = "Date: Sat, 21 Nov 2026 06:40:00 GMT|Content-Type: text/html|ETag: \"v1\"\
    |Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT|Cache-Control: max-age=600|Content-Encoding: gzip|Accept-Ranges: none\
    |X-Accel-Limit-Rate: 4096|X-Powered-By: old";

/// A request, and what is particular about how it is answered.
#[derive(Clone, Copy)]
struct Case<'a> {
    method: &'a str,
    /// Joined with `|`, as those of the stored response.
    asked: &'a str,
    status: u16,
    stored: &'a str,
    content: &'a [u8],
    hidden: &'a [&'a str],
    page: Option<u16>,
    lines: &'a [u8],
}

const GET: Case<'static> = Case {
    method: "GET",
    asked: "",
    status: 200,
    stored: FIELDS,
    content: TEXT,
    hidden: &HIDDEN,
    page: None,
    lines: AGE,
};

type Refused = (u16, Option<String>);

impl Case<'_> {
    fn entry(&self, body: Body) -> Entry {
        let fields = self.stored.replace('|', "\r\n");
        let head = format!("HTTP/1.1 {} Fine\r\n{fields}\r\n\r\n", self.status);
        let Ok(Parsed::Done(head, _)) = parse(head.as_bytes(), &mut 0) else {
            panic!("refused: {head:?}")
        };
        Entry {
            key: b"key".as_slice().into(),
            meta: Meta::default(),
            variant: Variant::default(),
            stamp: 0,
            head,
            len: self.content.len() as u64,
            body,
        }
    }

    fn answer(&self, body: Body) -> Answer {
        let request = request(self.method, self.asked);
        let ask = Ask {
            is_head: request.is_head(),
            minor_version: 1,
            keep_alive: true,
            date: DATE,
        };
        let manner = HitManner {
            request: &request,
            ask: &ask,
            scgi: &settings(self.hidden),
            status: self.page,
            lines: self.lines,
        };
        hit_reply(&self.entry(body), &manner)
    }

    /// What comes of it, from memory and from a file in which something else stands before the body.
    fn ask(&self) -> Result<Seen, Refused> {
        let dir = Scratch::new();
        let content = [b"before", self.content].concat();
        let path = dir.file("f", std::str::from_utf8(&content).expect("text"));
        let file = Arc::new(File::open(path).expect("the file"));
        let [memory, file] = [Body::Memory(self.content.into()), Body::File(file, 6)]
            .map(|body| plain(self.answer(body)));
        // Each has a boundary of its own.
        let same = |seen: &Seen| (seen.status, seen.body.len(), seen.announced);
        match (&memory, &file) {
            (Ok(memory), Ok(file)) => assert_eq!(same(memory), same(file)),
            _ => assert_eq!(memory, file),
        }
        if !self.asked.contains(',') {
            assert_eq!(memory, file);
        }
        file
    }

    /// The status alone.
    fn status(&self) -> u16 {
        self.ask().map_or_else(|(status, _)| status, |s| s.status)
    }
}

fn plain(answer: Answer) -> Result<Seen, Refused> {
    match answer {
        Answer::Reply(reply) => Ok(seen(reply)),
        Answer::Refused(status, field) => {
            let shown = |(name, value): (&str, Vec<u8>)| {
                format!("{name}: {}", String::from_utf8(value).expect("text"))
            };
            Err((status, field.map(shown)))
        }
    }
}

fn get(asked: &str) -> Result<Seen, Refused> {
    Case { asked, ..GET }.ask()
}

#[test]
fn a_hit_is_the_stored_response_with_its_length_and_its_age() {
    let seen = get("").expect("a reply");
    assert_eq!((seen.status, seen.body.as_slice()), (200, TEXT));
    assert_eq!(seen.announced, Some(10));
    for (name, value) in [
        ("date", Some(STORED)),
        ("age", Some("539")),
        ("content-type", Some("text/html")),
        ("etag", Some("\"v1\"")),
        ("last-modified", Some(MODIFIED)),
        ("cache-control", Some("max-age=600")),
        ("content-encoding", Some("gzip")),
        // Z48: whatever the application said.
        ("accept-ranges", Some("bytes")),
        ("x-powered-by", Some("old")),
        ("x-accel-limit-rate", None),
        ("transfer-encoding", None),
        ("content-range", None),
        ("warning", None),
    ] {
        assert_eq!(seen.field(name), value, "{name}");
    }
}

#[test]
fn settings_count_as_they_are_now() {
    let mut hidden = HIDDEN.to_vec();
    hidden.push("x-powered-by");
    let stored = format!("{FIELDS}|X-Accel-Charset: utf-8");
    let case = Case {
        hidden: &hidden,
        stored: &stored,
        lines: b"Age: 539\r\nETag: \"mine\"\r\nX-A: b\r\n",
        ..GET
    };
    let seen = case.ask().expect("a reply");
    assert_eq!(seen.field("x-powered-by"), None, "C4");
    assert_eq!(seen.field("x-accel-charset"), None, "R23");
    assert_eq!(
        seen.field("content-type"),
        Some("text/html; charset=utf-8"),
        "R46"
    );
    assert_eq!(seen.field("etag"), Some("\"mine\""));
    assert_eq!(seen.field("x-a"), Some("b"));
}

#[test]
fn the_pace_that_a_stored_head_asks_for_is_heard() {
    for (fields, pace) in [
        (FIELDS, Some(4096)),
        ("Content-Type: a/b", None),
        ("X-Accel-Limit-Rate: 0", Some(0)),
    ] {
        let case = Case {
            stored: fields,
            ..GET
        };
        let Answer::Reply(reply) = case.answer(Body::Memory(TEXT.into())) else {
            panic!("a reply");
        };
        assert_eq!((reply.limit_rate, reply.keep_alive), (pace, true));
    }
}

#[test]
fn a_body_in_memory_is_shared_and_not_copied() {
    let bytes: Arc<[u8]> = TEXT.into();
    for (asked, run) in [("", (0, 10)), ("Range: bytes=3-4", (3, 2))] {
        let case = Case { asked, ..GET };
        let Answer::Reply(reply) = case.answer(Body::Memory(Arc::clone(&bytes))) else {
            panic!("a reply");
        };
        let [
            Part::Shared {
                bytes: own,
                from,
                len,
            },
        ] = reply.body.as_slice()
        else {
            panic!("{:?}", reply.body);
        };
        assert!(Arc::ptr_eq(own, &bytes) && reply.file.is_none());
        assert_eq!((*from, *len), run);
    }
}

#[test]
fn conditions_are_judged_in_the_order_of_the_standard() {
    let early = "Sun, 06 Nov 1994 08:49:36 GMT";
    for (asked, status) in [
        ("If-None-Match: \"v1\"", 304),
        ("If-None-Match: W/\"v1\"", 304),
        ("IF-NONE-MATCH: \"v0\", \"v1\"", 304),
        ("If-None-Match: *", 304),
        ("If-None-Match: \"v2\"", 200),
        (&format!("If-Modified-Since: {MODIFIED}"), 304),
        (&format!("If-Modified-Since: {DATE}"), 304),
        (&format!("If-Modified-Since: {early}"), 200),
        ("If-Modified-Since: soon", 200),
        // Z49.
        (
            &format!("If-None-Match: \"v2\" | If-Modified-Since: {MODIFIED}"),
            200,
        ),
        (
            &format!("If-None-Match: \"v1\" | If-Modified-Since: {early}"),
            304,
        ),
        ("If-Match: \"v1\"", 200),
        ("If-Match: \"v2\"", 412),
        ("If-Match: W/\"v1\"", 412),
        (&format!("If-Unmodified-Since: {MODIFIED}"), 200),
        (&format!("If-Unmodified-Since: {early}"), 412),
        ("If-Match: \"v2\" | If-None-Match: \"v1\"", 412),
        ("If-None-Match: \"v1\" | Range: bytes=0-1", 304),
    ] {
        assert_eq!(Case { asked, ..GET }.status(), status, "{asked}");
        let head = Case {
            asked,
            method: "HEAD",
            ..GET
        };
        assert_eq!(head.status(), status, "HEAD {asked}");
        // Z50, C67: other methods, and other responses than a plain 200, know none.
        let post = Case {
            asked,
            method: "POST",
            ..GET
        };
        assert_eq!(post.status(), 200, "POST {asked}");
        let other = Case {
            asked,
            status: 404,
            ..GET
        };
        assert_eq!(other.status(), 404, "{asked}");
    }
    assert_eq!(get("If-Match: \"v2\""), Err((412, None)));
}

#[test]
fn a_304_keeps_all_but_what_is_said_of_the_body() {
    let case = Case {
        asked: "If-None-Match: \"v1\"",
        lines: b"Age: 539\r\nX-A: b\r\n",
        ..GET
    };
    let seen = case.ask().expect("a reply");
    assert_eq!(
        (seen.status, seen.body.len(), seen.announced),
        (304, 0, None)
    );
    let names: Vec<&str> = seen.fields.iter().map(|(name, _)| name.as_str()).collect();
    let kept = [
        "server",
        "date",
        "etag",
        "last-modified",
        "cache-control",
        "x-powered-by",
        "age",
        "x-a",
    ];
    assert_eq!(names, kept, "C70");
}

#[test]
fn one_range_is_sent_as_it_is() {
    for (range, place, body) in [
        ("bytes=0-3", "bytes 0-3/10", "0123"),
        ("bytes=-3", "bytes 7-9/10", "789"),
        ("bytes=9-", "bytes 9-9/10", "9"),
        ("bytes=4-99", "bytes 4-9/10", "456789"),
    ] {
        let seen = get(&format!("Range: {range}")).expect("a reply");
        assert_eq!((seen.status, seen.body.as_slice()), (206, body.as_bytes()));
        assert_eq!(seen.field("content-range"), Some(place));
        assert_eq!(seen.field("content-type"), Some("text/html"));
        assert_eq!(seen.field("age"), Some("539"));
        assert_eq!(seen.announced, Some(body.len() as u64));
    }
}

#[test]
fn several_ranges_are_sent_as_parts() {
    let plain = "Content-Type: text/html";
    let hiding = [&HIDDEN[..], &["content-type"]].concat();
    let mut hiding = hiding;
    hiding.sort_unstable();
    let charset = "Content-Type: text/html; charset=a|X-Accel-Charset: utf-8";
    for (stored, hidden, line) in [
        (FIELDS, &HIDDEN[..], "\r\nContent-Type: text/html"),
        (
            charset,
            &HIDDEN,
            "\r\nContent-Type: text/html; charset=utf-8",
        ),
        ("ETag: \"v1\"", &HIDDEN, ""),
        (plain, &hiding, ""),
    ] {
        let case = Case {
            asked: "Range: bytes=0-1,5-5,-2",
            stored,
            hidden,
            ..GET
        };
        let seen = case.ask().expect("a reply");
        let kind = seen.field("content-type").expect("a type");
        let boundary = kind.strip_prefix("multipart/byteranges; boundary=");
        let boundary = boundary.expect("a boundary");
        let part = |place: &str, text: &str| {
            format!("\r\n--{boundary}{line}\r\nContent-Range: bytes {place}/10\r\n\r\n{text}")
        };
        let parts = [part("0-1", "01"), part("5-5", "5"), part("8-9", "89")].concat();
        let expected = format!("{parts}\r\n--{boundary}--\r\n");
        assert_eq!(String::from_utf8_lossy(&seen.body), expected);
        assert_eq!((seen.status, seen.field("content-range")), (206, None));
        assert_eq!(seen.announced, Some(expected.len() as u64));
    }
    // A type that is added would hide the boundary.
    let typed = Case {
        asked: "Range: bytes=0-1,5-5",
        lines: b"Content-Type: a/b\r\n",
        ..GET
    };
    let seen = typed.ask().expect("a reply");
    assert_eq!((seen.status, seen.body.as_slice()), (200, TEXT));
    assert_eq!(seen.field("content-type"), Some("a/b"));
}

#[test]
fn ranges_are_refused_not_heard_or_taken_away() {
    let refused = || Err((416, Some("Content-Range: bytes */10".to_owned())));
    assert_eq!(get("Range: bytes=10-"), refused());
    assert_eq!(get("Range: bytes=x"), refused());
    for (asked, status) in [
        ("Range: items=0-1", 200),
        ("Range: bytes=0-,0-", 200),
        ("Range: bytes=0-1 | Range: bytes=2-3", 200),
        ("Range: bytes=0-1 | If-Range: \"v1\"", 206),
        ("Range: bytes=0-1 | If-Range: \"v2\"", 200),
        ("Range: bytes=0-1 | If-Range: W/\"v1\"", 200),
        ("Range: bytes=99- | If-Range: \"v2\"", 200),
        (&format!("Range: bytes=0-1 | If-Range: {MODIFIED}"), 206),
        (&format!("Range: bytes=0-1 | If-Range: {DATE}"), 200),
    ] {
        assert_eq!(Case { asked, ..GET }.status(), status, "{asked}");
        for method in ["HEAD", "POST"] {
            let other = Case {
                method,
                asked,
                ..GET
            };
            assert_eq!(other.status(), 200, "{method} {asked}");
        }
    }
}

#[test]
fn head_is_get_without_a_body() {
    let get = get("").expect("a reply");
    for asked in ["", "Range: bytes=0-1", "Range: bytes=99-"] {
        let head = Case {
            method: "HEAD",
            asked,
            ..GET
        };
        let head = head.ask().expect("a reply");
        assert_eq!((&head.fields, head.announced), (&get.fields, Some(10)));
        assert_eq!((head.status, head.body.len()), (200, 0));
    }
}

#[test]
fn what_stands_in_for_an_error_is_sent_whole() {
    for (status, page, sent) in [
        (200, Some(404), 404),
        (404, Some(200), 200),
        (404, None, 404),
        (503, Some(503), 503),
    ] {
        let case = Case {
            asked: "If-None-Match: \"v1\" | Range: bytes=0-1",
            status,
            page,
            ..GET
        };
        let seen = case.ask().expect("a reply");
        assert_eq!((seen.status, seen.body.as_slice()), (sent, TEXT));
        assert_eq!(seen.announced, Some(10));
        // The application's word, for nothing is cut here.
        assert_eq!(seen.field("accept-ranges"), Some("none"));
    }
    let good = Case {
        asked: "Range: bytes=0-1",
        page: Some(200),
        ..GET
    };
    assert_eq!(good.status(), 206);
}

#[test]
fn what_has_no_body_has_no_parts() {
    let empty = Case {
        asked: "Range: bytes=0-",
        content: b"",
        ..GET
    };
    let seen = empty.ask().expect("a reply");
    assert_eq!(
        (seen.status, seen.body.len(), seen.announced),
        (200, 0, Some(0))
    );
    for (page, sent, length) in [(None, 204, None), (Some(404), 404, Some(0))] {
        let none = Case {
            status: 204,
            content: b"",
            page,
            ..GET
        };
        let seen = none.ask().expect("a reply");
        assert_eq!((seen.status, seen.body.len()), (sent, 0));
        assert_eq!(seen.announced, length);
    }
}
