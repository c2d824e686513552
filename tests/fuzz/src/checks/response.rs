//! Response heads: judged the same however they arrive, and turned into one sound HTTP head.

use std::time::Duration;

use super::shown;
use crate::config::content::{InternalRedirect, NextUpstream};
use crate::config::{Ignore, Pass, PathInfo, Scgi};
use crate::http::fields::is_token;
use crate::respond::head::{Ask, Extras, Framing, translate};
use crate::scgi::request::Params;
use crate::scgi::response::{Head, HeadError, Length, Parsed, parse};

/// What an application sends, up to the end of its head.
pub fn response_head(data: &[u8]) -> bool {
    let mut rest = data;
    loop {
        let whole = parse(rest, &mut 0);
        for size in [1, 4] {
            let found = outcome(&in_pieces(rest, size));
            assert_eq!(found, outcome(&whole), "{} by {size}", shown(data));
        }
        match whole {
            Err(HeadError(why)) => {
                assert!(!why.is_empty());
                return false;
            }
            Ok(Parsed::More) => return false,
            Ok(Parsed::Interim(end)) => {
                assert!(0 < end && end <= rest.len());
                rest = &rest[end..];
            }
            Ok(Parsed::Done(head, end)) => {
                accepted(&head, &rest[..end]);
                return true;
            }
        }
    }
}

/// As the worker reads: more bytes are asked for until the head is complete.
fn in_pieces(data: &[u8], size: usize) -> Result<Parsed, HeadError> {
    let mut scanned = 0;
    let mut found = Ok(Parsed::More);
    for len in (size..data.len()).step_by(size).chain([data.len()]) {
        found = parse(&data[..len], &mut scanned);
        if !matches!(found, Ok(Parsed::More)) {
            break;
        }
    }
    found
}

fn outcome(found: &Result<Parsed, HeadError>) -> String {
    match found {
        Err(HeadError(why)) => format!("refused: {why}"),
        Ok(Parsed::More) => "more".to_owned(),
        Ok(Parsed::Interim(end)) => format!("interim of {end}"),
        Ok(Parsed::Done(head, end)) => {
            let fields: Vec<String> = head
                .fields()
                .map(|(name, value)| format!("{}: {}", shown(name), shown(value)))
                .collect();
            format!("{end} {} {:?} {fields:?}", head.status(), head.length())
        }
    }
}

fn accepted(head: &Head, sent: &[u8]) {
    assert_eq!(head.size(), sent.len());
    assert!((200..=599).contains(&head.status()));
    let settings = settings();
    for keep_alive in [true, false] {
        for is_head in [false, true] {
            for minor_version in [0, 1] {
                let ask = Ask {
                    is_head,
                    minor_version,
                    keep_alive,
                    date: "Sun, 06 Nov 1994 08:49:37 GMT",
                };
                reaches_the_client(head, &settings, &ask);
            }
        }
    }
}

fn reaches_the_client(head: &Head, settings: &Scgi, ask: &Ask<'_>) {
    let mut out = b"before".to_vec();
    let plan = translate(head, settings, ask, &Extras::default(), &mut out);
    let wire = out.strip_prefix(b"before").expect("what was there stays");
    let client = Client::read(wire);
    assert_eq!((client.status, plan.status), (head.status(), head.status()));
    for single in ["server", "date"] {
        assert_eq!(client.count(single), 1, "{single}: {}", shown(wire));
    }
    assert_eq!(client.count("upgrade") + client.count("keep-alive"), 0);
    assert_eq!(client.count("status"), 0);
    assert!(plan.keep_alive <= ask.keep_alive);
    assert_eq!(
        client.keeps_alive(ask.minor_version),
        plan.keep_alive,
        "{}",
        shown(wire)
    );
    let framing = client.framing(ask, wire);
    if plan.bodyless {
        assert_eq!(plan.framing, Framing::Length(0));
    } else {
        assert_eq!(framing, plan.framing, "{}", shown(wire));
        if let Length::Known(length) = head.length() {
            assert_eq!(framing, Framing::Length(length));
        }
    }
}

/// A client that knows RFC 9112 and nothing of us. What httparse takes is checked again, because it is lenient.
struct Client {
    status: u16,
    fields: Vec<(String, Vec<u8>)>,
}

impl Client {
    fn read(wire: &[u8]) -> Client {
        let text = wire.strip_suffix(b"\r\n\r\n").expect("a blank line last");
        let lines = text.split(|&b| b == b'\n').count();
        for (at, line) in text.split(|&b| b == b'\n').enumerate() {
            let line = match at + 1 == lines {
                true => line,
                false => line.strip_suffix(b"\r").expect("CRLF"),
            };
            let bad = |b: &u8| (*b < b' ' && *b != b'\t') || *b == 0x7f;
            assert!(!line.is_empty() && !line.iter().any(bad), "{}", shown(wire));
        }
        let mut fields = vec![httparse::EMPTY_HEADER; lines];
        let mut response = httparse::Response::new(&mut fields);
        let complete = Ok(httparse::Status::Complete(wire.len()));
        assert_eq!(response.parse(wire), complete, "{}", shown(wire));
        assert_eq!(response.headers.len(), lines - 1);
        let fields = response.headers.iter();
        let fields = fields.map(|field| (field.name.to_ascii_lowercase(), field.value.to_vec()));
        let fields: Vec<(String, Vec<u8>)> = fields.collect();
        assert!(fields.iter().all(|(name, _)| is_token(name.as_bytes())));
        Client {
            status: response.code.expect("a status"),
            fields,
        }
    }

    fn count(&self, name: &str) -> usize {
        self.fields.iter().filter(|(have, _)| have == name).count()
    }

    fn value(&self, name: &str) -> Option<&[u8]> {
        assert!(self.count(name) <= 1, "{name} twice");
        let field = self.fields.iter().find(|(have, _)| have == name);
        field.map(|(_, value)| value.as_slice())
    }

    fn keeps_alive(&self, minor_version: u8) -> bool {
        match (self.value("connection"), minor_version) {
            (Some(b"close"), _) | (None, 0) => false,
            (Some(b"keep-alive"), 0) | (None, _) => true,
            (other, _) => panic!("Connection: {other:?}"),
        }
    }

    /// RFC 9112 6.3.
    fn framing(&self, ask: &Ask<'_>, wire: &[u8]) -> Framing {
        let length = self.value("content-length").map(|value| {
            let text = std::str::from_utf8(value).expect("digits");
            assert!(text.bytes().all(|b| b.is_ascii_digit()));
            text.parse().expect("a length")
        });
        match (length, self.value("transfer-encoding")) {
            (Some(_), Some(_)) => panic!("two framings: {}", shown(wire)),
            (None, Some(coding)) => {
                assert!(coding == b"chunked" && ask.minor_version > 0 && !ask.is_head);
                assert!(!matches!(self.status, 204 | 304));
                Framing::Chunked
            }
            (Some(length), None) => {
                assert!(!matches!(self.status, 204 | 304));
                Framing::Length(length)
            }
            (None, None) => Framing::UntilClose,
        }
    }
}

/// The defaults, as far as they matter to a head.
fn settings() -> Scgi {
    let hidden = [
        "status",
        "x-accel-buffering",
        "x-accel-charset",
        "x-accel-expires",
        "x-accel-limit-rate",
        "x-accel-redirect",
    ];
    Scgi {
        pass: Pass::Group(0),
        bind: None,
        socket_keepalive: false,
        socket_rcvbuf: 0,
        socket_sndbuf: 0,
        connect_timeout: Duration::ZERO,
        send_timeout: Duration::ZERO,
        read_timeout: Duration::ZERO,
        buffering: true,
        buffer_size: 4096,
        buffers: 8,
        buffers_size: 4096,
        busy_buffers_size: 8192,
        max_temp_file_size: 0,
        temp_file_write_size: 8192,
        limit_rate: None,
        request_buffering: true,
        pass_request_body: true,
        params: Params::new(Vec::new(), true, None),
        path_info: PathInfo::Off,
        hidden: hidden.map(str::to_owned).to_vec(),
        ignore: Ignore::default(),
        ignore_client_abort: false,
        next_upstream: NextUpstream::default(),
        next_upstream_tries: 0,
        next_upstream_timeout: Duration::ZERO,
        connection_drop: None,
        intercept_errors: false,
        force_ranges: false,
        internal_redirect: InternalRedirect::Off,
        sendfile: None,
        store: None,
        cache: None,
    }
}
