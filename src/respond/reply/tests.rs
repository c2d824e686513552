//! Requests for one file, and what is sent: heads as a strict client reads them, bodies put together from their parts.

use std::os::unix::fs::FileExt;
use std::time::{Duration, UNIX_EPOCH};

use super::*;
use crate::http::request::Limits;
use crate::respond::scratch::Scratch;

const MODIFIED: u64 = 784_111_777;
const LAST_MODIFIED: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
const DATE: &str = "Sat, 21 Nov 2026 06:48:59 GMT";
const TEXT: &[u8] = b"0123456789";
const TAG: &str = "\"2ebc98a1-a\"";

const GET: Ask<'static> = Ask {
    is_head: false,
    minor_version: 1,
    keep_alive: true,
    date: DATE,
};

/// A response, taken apart.
#[derive(Debug, Default, PartialEq)]
pub struct Seen {
    pub status: u16,
    pub fields: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub announced: Option<u64>,
}

impl Seen {
    pub fn field(&self, name: &str) -> Option<&str> {
        let mut all = self.fields.iter().filter(|(n, _)| n == name);
        let value = all.next().map(|(_, v)| v.as_str());
        assert!(all.next().is_none(), "{name} twice: {:?}", self.fields);
        value
    }
}

/// An open file of `content`.
fn open(content: &[u8], media: Option<&'static str>) -> OpenFile {
    let dir = Scratch::new();
    let path = dir.file("f", std::str::from_utf8(content).expect("text"));
    let file = File::options().read(true).write(true).open(path);
    let file = file.expect("the file");
    file.set_modified(UNIX_EPOCH + Duration::from_secs(MODIFIED))
        .expect("its time");
    OpenFile {
        file,
        size: content.len() as u64,
        mtime: MODIFIED,
        media,
    }
}

pub fn request(method: &str, fields: &str) -> Request {
    let fields: String = fields
        .split('|')
        .map(str::trim)
        .filter(|f| !f.is_empty())
        .map(|field| format!("{field}\r\n"))
        .collect();
    let head = format!("{method} /f HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
    let limits = Limits {
        max_size: 65536,
        underscores: false,
    };
    Request::parse(head.as_bytes(), &limits).expect("a request")
}

pub fn seen(reply: Reply) -> Seen {
    let mut room = [httparse::EMPTY_HEADER; 32];
    let mut head = httparse::Response::new(&mut room);
    let parsed = head.parse(&reply.head).expect("a head");
    assert_eq!(parsed, httparse::Status::Complete(reply.head.len()));
    assert_eq!(head.code, Some(reply.status));
    let text = |value: &[u8]| String::from_utf8(value.to_vec()).expect("text");
    let fields: Vec<_> = head
        .headers
        .iter()
        .map(|field| (field.name.to_lowercase(), text(field.value)))
        .collect();
    let mut body = Vec::new();
    for part in &reply.body {
        assert!(part.len() > 0);
        match part {
            Part::Bytes(_) | Part::Shared { .. } => body.extend_from_slice(part.bytes()),
            Part::File { from, len } => {
                let mut piece = vec![0; *len as usize];
                let file = reply.file.as_ref().expect("the file of the part");
                file.read_exact_at(&mut piece, *from).expect("within it");
                body.extend(piece);
            }
        }
    }
    assert_eq!(
        reply.body.iter().map(Part::len).sum::<u64>(),
        body.len() as u64
    );
    let mut seen = Seen {
        status: reply.status,
        fields,
        body,
        announced: None,
    };
    seen.announced = seen
        .field("content-length")
        .map(|v| v.parse().expect("digits"));
    assert_eq!(seen.field("server"), Some("scgate"));
    seen
}

type Change = for<'a> fn(Manner<'a>) -> Manner<'a>;

/// Sends the file of ten digits, with the manner changed by `change`.
fn ask_with(method: &str, fields: &str, change: Change) -> Result<Seen, (u16, Option<String>)> {
    let request = request(method, fields);
    let ask = Ask {
        is_head: request.is_head(),
        ..GET
    };
    let manner = change(Manner {
        request: &request,
        ask: &ask,
        default_type: "text/plain",
        content_type: None,
        extra: b"",
        status: None,
    });
    match file_reply(open(TEXT, Some("text/html")), &manner) {
        Answer::Reply(reply) => Ok(seen(reply)),
        Answer::Refused(status, field) => {
            let shown = |(name, value): (&str, Vec<u8>)| {
                format!("{name}: {}", String::from_utf8(value).expect("text"))
            };
            Err((status, field.map(shown)))
        }
    }
}

fn ask(method: &str, fields: &str) -> Result<Seen, (u16, Option<String>)> {
    ask_with(method, fields, |manner| manner)
}

#[test]
fn a_file_is_sent_whole_with_what_identifies_it() {
    let seen = ask("GET", "").expect("a reply");
    assert_eq!((seen.status, seen.body.as_slice()), (200, TEXT));
    assert_eq!(seen.announced, Some(10));
    assert_eq!(seen.field("content-type"), Some("text/html"));
    assert_eq!(seen.field("last-modified"), Some(LAST_MODIFIED));
    assert_eq!(seen.field("etag"), Some(TAG));
    assert_eq!(seen.field("accept-ranges"), Some("bytes"));
    assert_eq!(seen.field("date"), Some(DATE));
    assert_eq!(seen.field("connection"), None);
    assert_eq!(seen.field("content-range"), None);
}

#[test]
fn head_is_get_without_a_body_and_does_not_hear_range() {
    let get = ask("GET", "").expect("a reply");
    for fields in ["", "Range: bytes=0-1", "Range: bytes=99-", "Range: x=y"] {
        let head = ask("HEAD", fields).expect("a reply");
        assert_eq!(head.fields, get.fields, "{fields}");
        assert_eq!((head.status, head.body.len()), (200, 0));
    }
    let head = ask("HEAD", &format!("If-None-Match: {TAG}")).expect("a reply");
    assert_eq!(head.status, 304);
    assert_eq!(ask("HEAD", "If-Match: \"x\""), Err((412, None)));
}

#[test]
fn other_methods_are_told_which_there_are() {
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"] {
        let refused = Err((405, Some("Allow: GET, HEAD".to_owned())));
        assert_eq!(ask(method, "If-None-Match: *"), refused, "{method}");
    }
}

#[test]
fn a_304_keeps_what_identifies_the_file_and_nothing_about_a_body() {
    let cache: Change = |manner| Manner {
        extra: b"Cache-Control: max-age=60\r\nX-A: b\r\n",
        ..manner
    };
    let fields = format!("If-None-Match: {TAG}");
    let seen = ask_with("GET", &fields, cache).expect("a reply");
    assert_eq!(
        (seen.status, seen.body.len(), seen.announced),
        (304, 0, None)
    );
    assert_eq!(seen.field("etag"), Some(TAG));
    assert_eq!(seen.field("last-modified"), Some(LAST_MODIFIED));
    assert_eq!(seen.field("date"), Some(DATE));
    assert_eq!(seen.field("cache-control"), Some("max-age=60"));
    assert_eq!(seen.field("x-a"), Some("b"));
    assert!(
        seen.fields
            .iter()
            .all(|(name, _)| !name.starts_with("content"))
    );
    let since = format!("If-Modified-Since: {LAST_MODIFIED}");
    assert_eq!(ask("GET", &since).expect("a reply").status, 304);
}

#[test]
fn one_range_is_sent_as_it_is() {
    let table = [
        ("bytes=0-3", "bytes 0-3/10", "0123"),
        ("bytes=-3", "bytes 7-9/10", "789"),
        ("bytes=9-", "bytes 9-9/10", "9"),
        ("bytes=0-", "bytes 0-9/10", "0123456789"),
    ];
    for (range, content_range, body) in table {
        let seen = ask("GET", &format!("Range: {range}")).expect("a reply");
        assert_eq!((seen.status, seen.body.as_slice()), (206, body.as_bytes()));
        assert_eq!(seen.field("content-range"), Some(content_range));
        assert_eq!(seen.field("content-type"), Some("text/html"));
        assert_eq!(seen.field("etag"), Some(TAG));
        assert_eq!(seen.announced, Some(body.len() as u64));
        assert_eq!(seen.field("accept-ranges"), None);
    }
}

#[test]
fn several_ranges_are_sent_as_parts() {
    let range = "Range: bytes=0-1,5-5,-2";
    let mut boundaries = Vec::new();
    for _ in 0..2 {
        let seen = ask("GET", range).expect("a reply");
        assert_eq!(seen.status, 206);
        assert_eq!(seen.field("content-range"), None);
        let media = seen.field("content-type").expect("a type");
        let boundary = media.strip_prefix("multipart/byteranges; boundary=");
        let boundary = boundary.expect("a boundary").to_owned();
        assert_eq!(boundary.len(), 20);
        let part = |range: &str, text: &str| {
            format!(
                "\r\n--{boundary}\r\nContent-Type: text/html\r\nContent-Range: bytes {range}/10\r\n\r\n{text}"
            )
        };
        let expected = part("0-1", "01")
            + &part("5-5", "5")
            + &part("8-9", "89")
            + &format!("\r\n--{boundary}--\r\n");
        assert_eq!(String::from_utf8_lossy(&seen.body), expected);
        assert_eq!(seen.announced, Some(expected.len() as u64));
        boundaries.push(boundary);
    }
    assert_ne!(boundaries[0], boundaries[1]);
    // Conditions come first, and If-Range takes ranges away.
    let fields = format!("{range} | If-None-Match: {TAG}");
    assert_eq!(ask("GET", &fields).expect("a reply").status, 304);
    let fields = format!("{range} | If-Range: \"x\"");
    assert_eq!(ask("GET", &fields).expect("a reply").body, TEXT);
    let fields = format!("{range} | If-Range: {LAST_MODIFIED}");
    assert_eq!(ask("GET", &fields).expect("a reply").status, 206);
}

#[test]
fn ranges_that_are_not_there_are_refused_and_odd_ones_not_heard() {
    let refused = || Err((416, Some("Content-Range: bytes */10".to_owned())));
    assert_eq!(ask("GET", "Range: bytes=10-"), refused());
    assert_eq!(ask("GET", "Range: bytes=x"), refused());
    // Not with a condition that takes the range away.
    assert_eq!(
        ask("GET", "Range: bytes=10- | If-Range: \"x\"")
            .expect("a reply")
            .status,
        200
    );
    for fields in [
        "Range: items=0-1",
        "Range: bytes=0-,0-",
        "Range: bytes=0-1 | Range: bytes=2-3",
    ] {
        let seen = ask("GET", fields).expect("a reply");
        assert_eq!((seen.status, seen.body.as_slice()), (200, TEXT), "{fields}");
    }
}

#[test]
fn the_type_is_the_applications_or_the_names_or_the_default() {
    let given: Change = |manner| Manner {
        content_type: Some(b"image/x-odd; a=\"b\""),
        ..manner
    };
    let seen = ask_with("GET", "", given).expect("a reply");
    assert_eq!(seen.field("content-type"), Some("image/x-odd; a=\"b\""));
    let seen = ask_with("GET", "Range: bytes=0-0,2-2", given).expect("a reply");
    assert!(
        String::from_utf8_lossy(&seen.body).contains("\r\nContent-Type: image/x-odd; a=\"b\"\r\n")
    );
    let request = request("GET", "");
    let manner = Manner {
        request: &request,
        ask: &GET,
        default_type: "application/x-default",
        content_type: None,
        extra: b"",
        status: None,
    };
    let Answer::Reply(reply) = file_reply(open(TEXT, None), &manner) else {
        panic!("a reply");
    };
    assert_eq!(seen_type(reply), "application/x-default");
}

#[test]
fn a_type_that_lines_give_is_not_the_type_of_several_ranges() {
    let typed: Change = |manner| Manner {
        extra: b"Content-Type: text/x-added\r\n",
        ..manner
    };
    let seen = ask_with("GET", "Range: bytes=0-0,2-2", typed).expect("a reply");
    assert_eq!((seen.status, seen.body.as_slice()), (200, TEXT));
    let seen = ask_with("GET", "Range: bytes=2-3", typed).expect("a reply");
    assert_eq!((seen.status, seen.body.as_slice()), (206, &b"23"[..]));
    assert_eq!(seen.field("content-type"), Some("text/x-added"));
}

fn seen_type(reply: Reply) -> String {
    seen(reply)
        .field("content-type")
        .expect("a type")
        .to_owned()
}

#[test]
fn an_error_page_is_sent_whole_whatever_was_asked() {
    let page: Change = |manner| Manner {
        status: Some(404),
        extra: b"X-A: b\r\n",
        ..manner
    };
    let fields = format!("Range: bytes=0-1 | If-None-Match: {TAG}");
    for method in ["GET", "POST"] {
        let seen = ask_with(method, &fields, page).expect("a reply");
        assert_eq!((seen.status, seen.body.as_slice()), (404, TEXT));
        assert_eq!(seen.field("x-a"), Some("b"));
        // They are the file's and not the error's.
        for name in ["etag", "last-modified", "accept-ranges"] {
            assert_eq!(seen.field(name), None);
        }
    }
    let seen = ask_with("HEAD", "If-Match: \"x\"", page).expect("a reply");
    assert_eq!(
        (seen.status, seen.body.len(), seen.announced),
        (404, 0, Some(10))
    );
}

#[test]
fn a_file_in_the_place_of_a_good_response_hears_ranges_of_get_alone() {
    let good: Change = |manner| Manner {
        status: Some(200),
        ..manner
    };
    let range = "Range: bytes=0-1";
    assert_eq!(ask_with("GET", range, good).expect("a reply").status, 206);
    let seen = ask_with("POST", "If-None-Match: * | Range: bytes=0-1", good);
    let seen = seen.expect("a reply");
    assert_eq!((seen.status, seen.body.as_slice()), (200, TEXT));
}

#[test]
fn an_empty_file_has_no_parts() {
    let request = request("GET", "Range: bytes=0-");
    let manner = Manner {
        request: &request,
        ask: &GET,
        default_type: "text/plain",
        content_type: None,
        extra: b"",
        status: None,
    };
    let Answer::Reply(reply) = file_reply(open(b"", None), &manner) else {
        panic!("a reply");
    };
    assert!(reply.file.is_none() && reply.body.is_empty());
    let seen = seen(reply);
    assert_eq!((seen.status, seen.announced), (200, Some(0)));
}

#[test]
fn last_modified_is_not_later_than_date() {
    let early = Ask {
        date: "Thu, 01 Jan 1970 00:00:10 GMT",
        ..GET
    };
    let request = request("GET", "");
    let manner = Manner {
        request: &request,
        ask: &early,
        default_type: "text/plain",
        content_type: None,
        extra: b"",
        status: None,
    };
    let Answer::Reply(reply) = file_reply(open(TEXT, None), &manner) else {
        panic!("a reply");
    };
    let seen = seen(reply);
    assert_eq!(seen.field("last-modified"), seen.field("date"));
    assert_eq!(seen.field("etag"), Some(TAG));
}

#[test]
fn what_request_and_settings_say_of_the_connection_is_in_the_head() {
    let request = request("GET", "");
    let last = Ask {
        keep_alive: false,
        ..GET
    };
    let manner = Manner {
        request: &request,
        ask: &last,
        default_type: "text/plain",
        content_type: None,
        extra: b"X-Last: 1\r\n",
        status: None,
    };
    let Answer::Reply(reply) = file_reply(open(TEXT, None), &manner) else {
        panic!("a reply");
    };
    assert_eq!(seen(reply).field("connection"), Some("close"));
}
