//! `--force-ranges`: ranges of an application's response (S33).

use crate::common::http::{Broken, Framing};
use crate::common::nginx::Nginx;
use crate::common::{App, Client, Gate, Pattern, Response, Rng, left_out};
use crate::{asks, logged, logging};

const FORCED: [&str; 2] = ["--force-ranges", "on"];

/// Answers with the pattern, as many bytes as the path says, in pieces of the size that the query says.
fn patterned(fields: &'static str) -> App {
    App::script(move |scgi| {
        let (request, _) = scgi.all();
        let number = |text: &str| text.trim_start_matches('/').parse::<usize>().unwrap_or(0);
        let length = number(&request.get("DOCUMENT_URI"));
        let piece = number(&request.get("QUERY_STRING")).max(1);
        let body = Pattern::new().bytes(length);
        if scgi
            .try_send(format!(
                "Status: 200 OK\r\n{fields}Content-Length: {length}\r\n\r\n"
            ))
            .is_err()
        {
            return;
        }
        for part in body.chunks(piece) {
            if scgi.try_send(part).is_err() {
                return;
            }
        }
    })
}

#[track_caller]
fn range(client: &mut Client, target: &str, set: &str) -> Response {
    asks(
        client,
        "GET",
        target,
        &format!("Range: bytes={set}\r\n"),
        b"",
    )
}

/// Bytes `from..=to` of `size`, every one checked.
#[track_caller]
fn part(client: &mut Client, target: &str, (from, to, size): (usize, usize, usize)) {
    let response = range(client, target, &format!("{from}-{to}")).is(206);
    let to = to.min(size - 1);
    let content_range = format!("bytes {from}-{to}/{size}");
    assert_eq!(
        response.field("content-range"),
        Some(content_range.as_str())
    );
    assert_eq!(
        response.head.framing,
        Framing::Length((to - from + 1) as u64)
    );
    assert_eq!(response.body.len(), to - from + 1);
    Pattern::new().check(from as u64, &response.body);
}

#[test]
fn every_byte_of_a_range_is_the_right_one() {
    let app = patterned("");
    let addr = app.addr();
    let small = [
        "--buffers",
        "2 4k",
        "--buffer-size",
        "4k",
        "--busy-buffers-size",
        "4k",
    ];
    for more in [&[][..], &small, &["--buffering", "off"]] {
        let gate = Gate::start(["--pass", &addr].iter().chain(&FORCED).chain(more));
        let mut client = gate.client();
        const SIZE: usize = 200_000;
        for piece in [SIZE, 4096, 999] {
            let target = format!("/{SIZE}?{piece}");
            for border in [1, 4096, 8192, 32_768, 65_536, 131_072, SIZE - 1] {
                for (from, to) in [
                    (border - 1, border - 1),
                    (border, border),
                    (border - 1, border),
                    (0, border),
                    (border, SIZE + 5),
                ] {
                    part(&mut client, &target, (from, to, SIZE));
                }
            }
        }
        let mut rng = Rng::new(5);
        for _ in 0..40 {
            let from = rng.below(SIZE);
            part(
                &mut client,
                &format!("/{SIZE}?{}", 1 + rng.below(20_000)),
                (from, from + rng.below(SIZE - from), SIZE),
            );
        }
    }
}

#[test]
fn a_large_body_gives_any_part_of_it() {
    let app = patterned("");
    let gate = Gate::start(["--pass", &app.addr()].iter().chain(&FORCED));
    let mut client = gate.client();
    const SIZE: usize = 20_000_000;
    let target = format!("/{SIZE}?1000000");
    for (from, to) in [
        (0, 0),
        (SIZE - 1, SIZE),
        (9_999_999, 10_000_001),
        (1, SIZE - 2),
    ] {
        part(&mut client, &target, (from, to, SIZE));
    }
    let response = range(&mut client, &target, "-70000").is(206);
    Pattern::new().check(SIZE as u64 - 70_000, &response.body);
    assert_eq!(response.body.len(), 70_000);
}

#[test]
fn a_whole_response_says_that_there_are_ranges() {
    let app = patterned("Accept-Ranges: none\r\nContent-Range: bytes 0-1/2\r\n");
    let gate = Gate::start(["--pass", &app.addr()].iter().chain(&FORCED));
    let mut client = gate.client();
    for (method, fields) in [
        ("GET", ""),
        ("HEAD", ""),
        ("HEAD", "Range: bytes=0-1\r\n"),
        ("POST", "Range: bytes=0-1\r\n"),
        ("GET", "Range: bytes=0-1,4-5\r\n"),
        ("GET", "Range: lines=0-1\r\n"),
        ("GET", "Range: bytes=0-1\r\nRange: bytes=2-3\r\n"),
    ] {
        let response = asks(&mut client, method, "/10?9", fields, b"").is(200);
        assert_eq!(
            response.head.all("accept-ranges"),
            ["bytes"],
            "{method} {fields}"
        );
        assert_eq!(response.field("content-length"), Some("10"));
        assert_eq!(response.field("content-range"), None);
        assert_eq!(response.body.len(), if method == "HEAD" { 0 } else { 10 });
    }
    let response = range(&mut client, "/10?9", "2-3").is(206);
    assert_eq!(response.head.all("accept-ranges"), ["bytes"]);
    assert_eq!(response.head.all("content-range"), ["bytes 2-3/10"]);
}

#[test]
fn what_is_not_there_is_416_with_the_size() {
    let app = patterned("X-Own: 1\r\n");
    let gate = Gate::start(["--pass", &app.addr()].iter().chain(&FORCED));
    let mut client = gate.client();
    for set in ["10-", "20-30", "-0", "x", "5-2"] {
        let response = range(&mut client, "/10?9", set).is(416);
        assert_eq!(response.field("content-range"), Some("bytes */10"), "{set}");
        assert_eq!(response.field("x-own"), None);
    }
    part(&mut client, "/10?9", (9, 9, 10));
    // It has its page, too.
    let gate = Gate::start([
        "--location",
        "/",
        "--pass",
        &app.addr(),
        "--force-ranges",
        "on",
        "--error-page",
        "416 =200 /x",
        "--location",
        "/x",
        "--return",
        "200 page",
    ]);
    assert_eq!(
        range(&mut gate.client(), "/10?9", "10-").is(200).text(),
        "page"
    );
}

#[test]
fn if_range_is_held_against_the_applications_validators() {
    const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const OTHER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";
    for (fields, value, status) in [
        ("ETag: \"a\"\r\n", "\"a\"", 206),
        ("ETag: \"a\"\r\n", "\"b\"", 200),
        ("ETag: W/\"a\"\r\n", "W/\"a\"", 200),
        ("ETag: W/\"a\"\r\n", "\"a\"", 200),
        ("ETag: \"a\"\r\n", "W/\"a\"", 200),
        ("ETag: \"a\"\r\n", DATE, 200),
        (
            "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n",
            DATE,
            206,
        ),
        (
            "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n",
            OTHER,
            200,
        ),
        (
            "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n",
            "\"a\"",
            200,
        ),
        ("Last-Modified: never\r\n", "never", 200),
        ("", "\"a\"", 200),
        ("", DATE, 200),
    ] {
        let app = patterned(fields);
        let gate = Gate::start(["--pass", &app.addr()].iter().chain(&FORCED));
        let asked = format!("Range: bytes=1-2\r\nIf-Range: {value}\r\n");
        let response = asks(&mut gate.client(), "GET", "/10?9", &asked, b"").is(status);
        assert_eq!(
            response.body.len(),
            if status == 206 { 2 } else { 10 },
            "{fields} {value}"
        );
    }
}

#[test]
fn what_has_no_range_to_give_is_passed_on_as_it_is() {
    for (answer, status, text) in [
        (
            "Status: 200 OK\r\nAccept-Ranges: own\r\n\r\n0123456789",
            200,
            "0123456789",
        ),
        (
            "Status: 200 OK\r\nAccept-Ranges: own\r\nTransfer-Encoding: chunked\r\n\r\na\r\n0123456789\r\n0\r\n\r\n",
            200,
            "0123456789",
        ),
        (
            "Status: 206 Part\r\nAccept-Ranges: own\r\nContent-Range: bytes 3-4/10\r\nContent-Length: 2\r\n\r\n34",
            206,
            "34",
        ),
        (
            "Status: 206 Part\r\nAccept-Ranges: own\r\nContent-Type: multipart/byteranges; boundary=x\r\nContent-Length: 2\r\n\r\n34",
            206,
            "34",
        ),
        (
            "Status: 416 No\r\nAccept-Ranges: own\r\nContent-Range: bytes */7\r\nContent-Length: 2\r\n\r\nno",
            416,
            "no",
        ),
        (
            "Status: 404 No\r\nAccept-Ranges: own\r\nContent-Length: 10\r\n\r\n0123456789",
            404,
            "0123456789",
        ),
        (
            "Status: 201 Made\r\nAccept-Ranges: own\r\nContent-Length: 10\r\n\r\n0123456789",
            201,
            "0123456789",
        ),
    ] {
        let app = App::script(move |scgi| {
            let (request, _) = scgi.all();
            assert_eq!(request.get("HTTP_RANGE"), "bytes=1-2");
            scgi.send(answer);
        });
        let gate = Gate::start(["--pass", &app.addr()].iter().chain(&FORCED));
        let mut client = gate.client();
        for _ in 0..2 {
            let response = range(&mut client, "/", "1-2").is(status);
            assert_eq!(
                (response.text().as_str(), response.field("accept-ranges")),
                (text, Some("own")),
                "{answer}"
            );
            assert_eq!(
                response.field("content-range").is_some(),
                answer.contains("Content-Range")
            );
        }
    }
}

#[test]
fn off_ranges_are_the_applications_business() {
    let app = patterned("Accept-Ranges: none\r\n");
    let gate = Gate::start(["--pass", &app.addr()]);
    let response = range(&mut gate.client(), "/10?9", "1-2").is(200);
    assert_eq!(
        (response.body.len(), response.field("accept-ranges")),
        (10, Some("none"))
    );
}

#[test]
fn a_response_that_ends_early_is_cut_within_the_range() {
    let app = App::script(|scgi| {
        scgi.all();
        scgi.send("Status: 200 OK\r\nContent-Length: 10\r\n\r\n01234");
    });
    let gate = Gate::start(["--pass", &app.addr()].iter().chain(&FORCED));
    let mut client = gate.client();
    client.send("GET / HTTP/1.1\r\nHost: test\r\nRange: bytes=2-7\r\n\r\n");
    match client.try_response("GET") {
        Err(Broken::InBody(head, body)) => assert_eq!((head.status, body), (206, b"234".to_vec())),
        other => panic!("{other:?}"),
    }
    // What was asked for has come.
    let mut client = gate.client();
    client.send("GET / HTTP/1.1\r\nHost: test\r\nRange: bytes=1-3\r\n\r\n");
    assert_eq!(client.response().is(206).text(), "123");
}

#[test]
fn the_log_tells_what_was_sent_and_what_was_received() {
    let app = patterned("");
    let addr = app.addr();
    let args = ["--pass", &addr, FORCED[0], FORCED[1]];
    let gate = logging(
        "$request_uri $http_range $status $body_bytes_sent $upstream_status $upstream_response_length $request_completion",
        &args,
    );
    let mut client = gate.client();
    range(&mut client, "/100000?9999", "5-14").is(206);
    range(&mut client, "/100000?9999", "0-1,5-6").is(200);
    let body = range(&mut client, "/100000?9999", "100000-")
        .is(416)
        .body
        .len();
    drop(client);
    logged(
        gate,
        &[
            "/100000?9999 bytes=5-14 206 10 200 100000 OK",
            "/100000?9999 bytes=0-1,5-6 200 100000 200 100000 OK",
            &format!("/100000?9999 bytes=100000- 416 {body} 200 0 OK"),
        ],
    );
}

/// The same responses for both.
#[test]
fn ranges_are_forced_as_in_nginx() {
    let app = patterned("ETag: \"a\"\r\nLast-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n");
    let server = format!(
        "location / {{ scgi_pass {}; scgi_force_ranges on; scgi_pass_request_headers off; scgi_param SCGI 1;\n\
         scgi_param DOCUMENT_URI $document_uri; scgi_param QUERY_STRING $query_string; }}",
        app.addr()
    );
    let Some(nginx) = Nginx::serve(&server) else {
        return left_out(
            "the comparison of forced ranges with nginx",
            "nginx is not installed",
        );
    };
    let gate = Gate::start(["--pass", &app.addr()].iter().chain(&FORCED));
    let mut wrong = Vec::new();
    for size in [0, 1, 10, 50_000] {
        for fields in [
            "",
            "bytes=0-0",
            "bytes=0-",
            "bytes=1-",
            "bytes=-1",
            "bytes=-0",
            "bytes=-20",
            "bytes=9-",
            "bytes=10-",
            "bytes=3-99999",
            "bytes=5-2",
            "bytes=0-0,2-2",
            "bytes=0-0,20-",
            "bytes=90000-,90001-",
            "bytes=x",
            "bytes=",
            "bytes=1",
            "bytes",
            "BYTES=1-1",
            "bytes = 1-1",
            "0-1",
            "bytes=0-9",
            "bytes=1-1\r\nIf-Range: \"a\"",
            "bytes=1-1\r\nIf-Range: \"b\"",
            "bytes=1-1\r\nIf-Range: Sun, 06 Nov 1994 08:49:37 GMT",
            "bytes=1-1\r\nIf-Range: Sun, 06 Nov 1994 08:49:36 GMT",
            "bytes=1-1\r\nIf-Range: x",
            "bytes=49998-60000",
        ] {
            let fields = if fields.is_empty() {
                String::new()
            } else {
                format!("Range: {fields}\r\n")
            };
            let target = format!("/{size}?777");
            let theirs = asks(&mut nginx.client(), "GET", &target, &fields, b"");
            let ours = asks(&mut gate.client(), "GET", &target, &fields, b"");
            let seen = |r: &Response| {
                let page = if r.status == 416 {
                    Vec::new()
                } else {
                    r.body.clone()
                };
                (
                    r.status,
                    r.field("content-range").map(str::to_owned),
                    r.field("accept-ranges")
                        .filter(|_| r.status == 200)
                        .map(str::to_owned),
                    page,
                )
            };
            let (theirs, ours) = (seen(&theirs), seen(&ours));
            if theirs != ours {
                let short = |s: &(u16, Option<String>, Option<String>, Vec<u8>)| {
                    format!("{} {:?} {:?} {} bytes", s.0, s.1, s.2, s.3.len())
                };
                wrong.push(format!(
                    "{size} {fields:?}: nginx {}, scgate {}",
                    short(&theirs),
                    short(&ours)
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
