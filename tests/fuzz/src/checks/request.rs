//! Request heads: found at one place however they arrive, and plain in every respect once accepted.

use super::shown;
use crate::http::fields::{is_token, is_value_byte, trim};
use crate::http::request::{Framing, Limits, Reject, Request, find_end};

/// Small, so that inputs of a usual size reach them.
const MAX_SIZE: usize = 1024;

/// The settings a head is tried with.
pub fn limits(underscores: bool) -> Limits {
    Limits {
        max_size: MAX_SIZE,
        underscores,
    }
}

/// The way of the front: find the end, then parse what is before it. `None` where more bytes are wanted.
pub fn take(data: &[u8], limits: &Limits) -> Result<Option<Request>, Reject> {
    match find_end(data, &mut 0, limits)? {
        None => Ok(None),
        Some(end) => Request::parse(&data[..end], limits).map(Some),
    }
}

/// A request head of a client.
pub fn request_head(data: &[u8]) -> bool {
    [false, true].map(|underscores| check(data, &limits(underscores)))[0]
}

fn check(data: &[u8], limits: &Limits) -> bool {
    in_pieces_as_whole(data, limits);
    // The parser alone, on bytes whose end nobody has looked for.
    let _ = Request::parse(data, limits);
    match take(data, limits) {
        Err(reject) => {
            let known = [400, 405, 414, 431, 501, 505];
            assert!(
                known.contains(&reject.status) && !reject.why.is_empty(),
                "{reject:?}"
            );
            false
        }
        Ok(None) => {
            assert!(data.len() < MAX_SIZE, "waits beyond the limit");
            false
        }
        Ok(Some(request)) => {
            accepted(&request, &data[..request.head_len()]);
            means_the_same_when_written_anew(&request, limits);
            true
        }
    }
}

/// The end is found at the same place. A refusal may be for another reason: a later byte can be wrong in its own way.
fn in_pieces_as_whole(data: &[u8], limits: &Limits) {
    let whole = find_end(data, &mut 0, limits);
    for size in [1, 5] {
        let mut scanned = 0;
        let mut found = Ok(None);
        for len in (size..data.len()).step_by(size).chain([data.len()]) {
            found = find_end(&data[..len], &mut scanned, limits);
            if found != Ok(None) {
                break;
            }
        }
        let status = |found: Result<Option<usize>, Reject>| found.map_err(|r| r.status);
        assert_eq!(status(found), status(whole), "{} by {size}", shown(data));
    }
}

/// What the rest of the program relies on, judged without the help of the parser.
fn accepted(request: &Request, head: &[u8]) {
    let lines = lines(head);
    assert!(is_token(request.method().as_bytes()));
    assert!(lines.contains(&request.line()), "the request line");
    path_is_normal(request);
    host_is_normal(request);
    for (name, value) in request.fields() {
        assert!(is_token(name.as_bytes()), "{name}");
        assert!(
            value.iter().all(|&b| is_value_byte(b)),
            "{name}: {}",
            shown(value)
        );
        assert_eq!(trim(value), value);
        let _ = request.nominated(name);
    }
    framing_is_sole(request);
    assert!(request.fields_named("host").count() <= 1);
}

/// The lines of an accepted head, which ends with its only blank line: CRLF after each, and no CR, LF or NUL elsewhere.
fn lines(head: &[u8]) -> Vec<&[u8]> {
    let mut rest = head;
    while let Some(after) = rest.strip_prefix(b"\r\n") {
        rest = after;
    }
    let text = rest.strip_suffix(b"\r\n\r\n").expect("a blank line last");
    let mut lines = Vec::new();
    for line in text.split(|&b| b == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        assert!(
            !line.iter().any(|b| matches!(b, b'\r' | b'\n' | b'\0')),
            "{}",
            shown(head)
        );
        lines.push(line);
    }
    let ends = text.windows(2).filter(|pair| *pair == b"\r\n").count();
    assert_eq!(lines.len(), ends + 1, "{}", shown(head));
    lines
}

fn path_is_normal(request: &Request) {
    let path = request.path();
    if request.is_options_asterisk() {
        assert_eq!(request.method(), "OPTIONS");
        return;
    }
    assert!(
        path.starts_with(b"/") && !path.contains(&0),
        "{}",
        shown(path)
    );
    let mut segments = path[1..].split(|&b| b == b'/').rev();
    let last = segments.next().unwrap_or_default();
    assert!(!matches!(last, b"." | b".."), "{}", shown(path));
    assert!(
        segments.all(|s| !matches!(s, b"" | b"." | b"..")),
        "{}",
        shown(path)
    );
    assert!(request.target().starts_with(b"/"));
}

fn host_is_normal(request: &Request) {
    let host = request.host();
    let plain = |b: u8| b.is_ascii_graphic() && !b.is_ascii_uppercase() && !b"/\\@?#".contains(&b);
    assert!(host.bytes().all(plain), "{host}");
    assert!(request.minor_version() == 0 || !host.is_empty());
    if let Some(port) = request.host_port().filter(|port| !port.is_empty()) {
        assert!(port.parse::<u16>().is_ok(), "{port}");
    }
}

/// One field at most says where the body ends, and `framing` is what it says.
fn framing_is_sole(request: &Request) {
    let lengths: Vec<&[u8]> = request.fields_named("content-length").collect();
    let codings: Vec<&[u8]> = request.fields_named("transfer-encoding").collect();
    match (request.framing(), &lengths[..], &codings[..]) {
        (Framing::None, [], []) => {}
        (Framing::Length(length), [text], []) => {
            assert!(text.iter().all(u8::is_ascii_digit));
            let text = std::str::from_utf8(text).expect("digits");
            assert_eq!(text.parse(), Ok(length));
        }
        (Framing::Chunked, [], [coding]) => assert!(coding.eq_ignore_ascii_case(b"chunked")),
        (framing, ..) => panic!("{framing:?} of {lengths:?} and {codings:?}"),
    }
}

/// A reader of our own words understands what we understood.
fn means_the_same_when_written_anew(request: &Request, limits: &Limits) {
    let mut out = [
        request.method().as_bytes(),
        b" ",
        request.target(),
        b" ",
        request.protocol().as_bytes(),
        b"\r\n",
    ]
    .concat();
    for (name, value) in request.fields() {
        out.extend_from_slice(&[name.as_bytes(), b": ", value, b"\r\n"].concat());
    }
    out.extend_from_slice(b"\r\n");
    // Our spelling may be longer, by a space after each colon.
    let limits = Limits {
        max_size: 2 * MAX_SIZE,
        ..*limits
    };
    let again = take(&out, &limits)
        .expect("accepted again")
        .expect("complete");
    assert_eq!(meaning(&again), meaning(request), "{}", shown(&out));
}

fn meaning(request: &Request) -> String {
    let fields: Vec<(&str, String)> = request.fields().map(|(n, v)| (n, shown(v))).collect();
    format!(
        "{} {} {} {:?} {} {} {:?} {fields:?} {:?} {} {}",
        request.method(),
        shown(request.target()),
        shown(request.path()),
        request.query().map(shown),
        request.protocol(),
        request.host(),
        request.host_port(),
        request.framing(),
        request.keep_alive(),
        request.expects_continue(),
    )
}
