//! Tables of heads: what the application sent, what the client gets, by rule.

mod properties;

use std::time::Duration;

use super::*;
use crate::config::content::{InternalRedirect, NextUpstream};
use crate::config::{Ignore, Pass, PathInfo};
use crate::scgi::request::Params;
use crate::scgi::response::{Parsed, parse};

const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

const GET: Ask<'static> = Ask {
    is_head: false,
    minor_version: 1,
    keep_alive: true,
    date: DATE,
};
const HEAD: Ask<'static> = Ask {
    is_head: true,
    ..GET
};
const OLD: Ask<'static> = Ask {
    minor_version: 0,
    ..GET
};
const LAST: Ask<'static> = Ask {
    keep_alive: false,
    ..GET
};

/// The six of R23.
pub const HIDDEN: [&str; 6] = [
    "status",
    "x-accel-buffering",
    "x-accel-charset",
    "x-accel-expires",
    "x-accel-limit-rate",
    "x-accel-redirect",
];

pub fn settings(hidden: &[&str]) -> Scgi {
    let mut hidden: Vec<String> = hidden.iter().map(|name| name.to_string()).collect();
    hidden.sort_unstable();
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
        hidden,
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

fn run(head: &str, settings: &Scgi, ask: &Ask<'_>) -> (Plan, String) {
    let Ok(Parsed::Done(head, _)) = parse(head.as_bytes(), &mut 0) else {
        panic!("refused: {head:?}")
    };
    let mut out = Vec::new();
    let plan = translate(&head, settings, ask, &Extras::default(), &mut out);
    (plan, String::from_utf8(out).expect("the tables are UTF-8"))
}

/// The client's head without its status line, our Server and Date, as lines joined by `|`.
fn fields(head: &str, settings: &Scgi, ask: &Ask<'_>) -> String {
    let (_, out) = run(head, settings, ask);
    let lines = out
        .strip_suffix("\r\n\r\n")
        .expect("ends with a blank line")
        .split("\r\n")
        .skip(1);
    let own_date = format!("Date: {DATE}");
    let kept: Vec<&str> = lines
        .filter(|line| *line != "Server: scgate" && *line != own_date)
        .collect();
    kept.join("|")
}

#[test]
fn a_whole_head_looks_like_this() {
    let (plan, out) = run(
        "Status: 200 Fine\nContent-Type: text/html\nContent-Length: 5\nSet-Cookie: a\n\n",
        &settings(&HIDDEN),
        &GET,
    );
    assert_eq!(
        out,
        "HTTP/1.1 200 Fine\r\nServer: scgate\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Type: text/html\r\n\
         Set-Cookie: a\r\nContent-Length: 5\r\n\r\n"
    );
    let want = Plan {
        status: 200,
        framing: Framing::Length(5),
        length: Length::Known(5),
        bodyless: false,
        keep_alive: true,
        buffering: true,
        stream: false,
        limit_rate: None,
        window: None,
    };
    assert_eq!(plan, want);
}

#[test]
fn the_reason_is_the_applications_or_the_registered_one() {
    let table = [
        ("Status: 404\n\n", "HTTP/1.1 404 Not Found"),
        ("Status: 404 Gone fishing\n\n", "HTTP/1.1 404 Gone fishing"),
        ("HTTP/1.0 200 \n\n", "HTTP/1.1 200 OK"),
        ("Location: /x\n\n", "HTTP/1.1 302 Found"),
        ("Status: 299\n\n", "HTTP/1.1 299 "),
    ];
    for (head, line) in table {
        assert_eq!(
            run(head, &settings(&HIDDEN), &GET).1.split("\r\n").next(),
            Some(line),
            "{head:?}"
        );
    }
}

#[test]
fn fields_pass_in_order_unless_hidden_or_written_anew() {
    let plain = settings(&HIDDEN);
    let table = [
        (
            "R21",
            "Set-Cookie: a\nX: 1\nSet-Cookie: b\nContent-Length: 0\n\n",
            "Set-Cookie: a|X: 1|Set-Cookie: b|Content-Length: 0",
        ),
        (
            "R23",
            "Status: 200\nX-Accel-Expires: 1\nX-Accel-Redirect: /\nX-Accel-Limit-Rate: 1\nX-Accel-Buffering: no\n\
             X-Accel-Charset: a\nX-Accel-Other: o\nContent-Length: 0\n\n",
            "X-Accel-Other: o|Content-Length: 0",
        ),
        (
            "R26",
            "Connection: close, X\nKeep-Alive: 5\nProxy-Connection: x\nTE: x\nTrailer: x\nUpgrade: h2c\ncontent-length: 007\n\n",
            "Content-Length: 7",
        ),
        (
            "R26",
            "Transfer-Encoding: chunked\nA: b\n\n",
            "A: b|Transfer-Encoding: chunked",
        ),
        (
            "R28",
            "Content-Type: a/b; x=y; charset=\"utf-8\"\nContent-Length: 0\n\n",
            "Content-Type: a/b; x=y; charset=\"utf-8\"|Content-Length: 0",
        ),
    ];
    for (rule, head, want) in table {
        assert_eq!(fields(head, &plain, &GET), want, "{rule} {head:?}");
    }
}

#[test]
fn hiding_is_case_insensitive_and_exact() {
    let hiding = settings(&["x-powered-by", "content-type"]);
    let head = "X-POWERED-BY: PHP\nX-Powered-By-Not: x\nContent-Type: a/b\nStatus: 201\nContent-Length: 0\n\n";
    assert_eq!(
        fields(head, &hiding, &GET),
        "X-Powered-By-Not: x|Status: 201|Content-Length: 0",
        "R25"
    );
}

#[test]
fn server_and_date_are_the_applications_unless_hidden() {
    let head = "Server: theirs\nDate: then\nContent-Length: 0\n\n";
    assert_eq!(
        run(head, &settings(&HIDDEN), &GET).1,
        "HTTP/1.1 200 OK\r\nServer: theirs\r\nDate: then\r\nContent-Length: 0\r\n\r\n",
        "R24"
    );
    assert_eq!(
        run(head, &settings(&["date", "server"]), &GET).1,
        format!("HTTP/1.1 200 OK\r\nServer: scgate\r\nDate: {DATE}\r\nContent-Length: 0\r\n\r\n")
    );
}

#[test]
fn the_body_is_framed_by_length_version_and_method() {
    use Framing::{Chunked, Length, UntilClose};
    let table = [
        // (rule, head, ask, framing, bodyless, keep_alive, what the head says)
        (
            "R35",
            "Content-Length: 5\n\n",
            GET,
            Length(5),
            false,
            true,
            "Content-Length: 5",
        ),
        (
            "R35",
            "Content-Length: 5\n\n",
            LAST,
            Length(5),
            false,
            false,
            "Content-Length: 5|Connection: close",
        ),
        (
            "R35",
            "Content-Length: 5\n\n",
            OLD,
            Length(5),
            false,
            true,
            "Content-Length: 5|Connection: keep-alive",
        ),
        (
            "R37",
            "\n",
            GET,
            Chunked,
            false,
            true,
            "Transfer-Encoding: chunked",
        ),
        (
            "R37",
            "\n",
            LAST,
            Chunked,
            false,
            false,
            "Transfer-Encoding: chunked|Connection: close",
        ),
        (
            "R37",
            "\n",
            OLD,
            UntilClose,
            false,
            false,
            "Connection: close",
        ),
        (
            "Z14",
            "Transfer-Encoding: chunked\n\n",
            GET,
            Chunked,
            false,
            true,
            "Transfer-Encoding: chunked",
        ),
        (
            "Z14",
            "Transfer-Encoding: chunked\n\n",
            OLD,
            UntilClose,
            false,
            false,
            "Connection: close",
        ),
        (
            "R34",
            "Content-Length: 5\n\n",
            HEAD,
            Length(0),
            true,
            true,
            "Content-Length: 5",
        ),
        ("R34", "\n", HEAD, Length(0), true, true, ""),
        (
            "R34",
            "Transfer-Encoding: chunked\n\n",
            HEAD,
            Length(0),
            true,
            true,
            "",
        ),
        (
            "R33",
            "Status: 204\nContent-Length: 5\nContent-Type: a/b\n\n",
            GET,
            Length(0),
            true,
            true,
            "",
        ),
        (
            "Z60",
            "Status: 204 Nothing\nContent-Length: 5\nContent-Type: a/b\n\n",
            OLD,
            Length(0),
            true,
            true,
            "Connection: keep-alive",
        ),
        (
            "R33",
            "Status: 304\nETag: 1\nContent-Length: 5\nTransfer: x\n\n",
            GET,
            Length(0),
            true,
            true,
            "ETag: 1|Transfer: x",
        ),
        (
            "Z60",
            "Status: 304\nContent-Type: a/b\nTransfer-Encoding: chunked\n\n",
            HEAD,
            Length(0),
            true,
            true,
            "",
        ),
        (
            "Z60",
            "Status: 205\nContent-Type: a/b\nContent-Length: 9\n\n",
            GET,
            Length(0),
            true,
            true,
            "Content-Length: 0",
        ),
        (
            "Z60",
            "Status: 205\n\n",
            LAST,
            Length(0),
            true,
            false,
            "Content-Length: 0|Connection: close",
        ),
    ];
    for (rule, head, ask, framing, bodyless, keep_alive, says) in table {
        let (plan, _) = run(head, &settings(&HIDDEN), &ask);
        assert_eq!(
            (plan.framing, plan.bodyless, plan.keep_alive),
            (framing, bodyless, keep_alive),
            "{rule} {head:?}"
        );
        assert_eq!(
            fields(head, &settings(&HIDDEN), &ask),
            says,
            "{rule} {head:?}"
        );
    }
}

#[test]
fn wishes_are_granted_unless_malformed_or_ignored() {
    let on = settings(&HIDDEN);
    let off = Scgi {
        buffering: false,
        ..settings(&HIDDEN)
    };
    let deaf = Scgi {
        ignore: Ignore {
            buffering: true,
            limit_rate: true,
            charset: true,
            ..Ignore::default()
        },
        ..settings(&HIDDEN)
    };
    let table = [
        ("R45", "X-Accel-Buffering: NO\n\n", &on, false, None),
        ("R45", "X-Accel-Buffering: yes\n\n", &off, true, None),
        ("R45", "X-Accel-Buffering: off\n\n", &on, true, None),
        (
            "R45",
            "X-Accel-Buffering: no\nX-Accel-Buffering: nonsense\n\n",
            &on,
            false,
            None,
        ),
        (
            "R41",
            "X-Accel-Buffering: no\nX-Accel-Limit-Rate: 5\n\n",
            &deaf,
            true,
            None,
        ),
        ("R44", "X-Accel-Limit-Rate: 1024\n\n", &on, true, Some(1024)),
        ("R44", "X-Accel-Limit-Rate: 0\n\n", &on, true, Some(0)),
        ("R44", "X-Accel-Limit-Rate: 10k\n\n", &on, true, None),
        (
            "R44",
            "X-Accel-Limit-Rate: 99999999999999999999\n\n",
            &on,
            true,
            None,
        ),
        ("R27", "X-Accel-Buffering: no\n\n", &on, false, None),
    ];
    for (rule, head, settings, buffering, limit_rate) in table {
        let (plan, _) = run(head, settings, &GET);
        assert_eq!(
            (plan.buffering, plan.limit_rate),
            (buffering, limit_rate),
            "{rule} {head:?}"
        );
    }
    let charset =
        "Content-Type: text/html; charset=a\nX-Accel-Charset: utf-8\nContent-Length: 0\n\n";
    assert_eq!(
        fields(charset, &on, &GET),
        "Content-Type: text/html; charset=utf-8|Content-Length: 0",
        "R46"
    );
    assert_eq!(
        fields(charset, &deaf, &GET),
        "Content-Type: text/html; charset=a|Content-Length: 0",
        "R41"
    );
}

#[test]
fn event_streams_are_recognised_by_their_type() {
    for (value, stream) in [
        ("text/event-stream", true),
        ("Text/Event-Stream ; charset=utf-8", true),
        ("text/event-streams", false),
    ] {
        assert_eq!(
            run(
                &format!("Content-Type: {value}\n\n"),
                &settings(&HIDDEN),
                &GET
            )
            .0
            .stream,
            stream,
            "{value}"
        );
    }
}

#[test]
fn our_own_heads_are_framed_the_same_way() {
    let written = |status, ask: &Ask<'_>| {
        let mut out = b"before".to_vec();
        own(
            status,
            Some(b"text/plain"),
            3,
            (&[("Allow", b"GET")], b""),
            ask,
            &mut out,
        );
        String::from_utf8(out).expect("ASCII")
    };
    assert_eq!(
        written(405, &LAST),
        format!(
            "beforeHTTP/1.1 405 Method Not Allowed\r\nServer: scgate\r\nDate: {DATE}\r\nContent-Type: text/plain\r\n\
             Allow: GET\r\nContent-Length: 3\r\nConnection: close\r\n\r\n"
        )
    );
    assert!(!written(204, &GET).contains("Content-"));
    assert!(written(205, &GET).contains("Content-Length: 0\r\n"));
    assert!(written(200, &OLD).contains("Connection: keep-alive\r\n"));
}
