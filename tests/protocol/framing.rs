//! Requests that two parsers could understand differently: each is refused, the connection is closed, and the
//! application sees nothing of it (RFC 9112 11.2).

use crate::echo;

/// What follows an attack on the same connection: it must never be taken for a request.
const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";

/// Sends each of `requests`, then a request that would be smuggled, and asserts one refusal and a closed connection.
#[track_caller]
fn refused(requests: &[(&str, &[u16])]) {
    let (app, gate) = echo(&[]);
    for (request, statuses) in requests {
        let mut client = gate.client();
        // The gateway may close while we still send.
        let _ = client.try_send(format!("{request}{SMUGGLED}"));
        let response = client
            .try_response("GET")
            .unwrap_or_else(|e| panic!("{request:?}: {e:?}"));
        assert!(
            statuses.contains(&response.status),
            "{request:?}: {} is not in {statuses:?}",
            response.status
        );
        assert!(
            response.head.closes(),
            "{request:?}: the connection is to be closed"
        );
        client.closed();
    }
    gate.get("/good").is(200);
    let seen: Vec<_> = app.requests().iter().map(|r| r.uri()).collect();
    assert_eq!(seen, ["/good"], "the application saw an attack");
    assert_eq!(app.accepted(), 1);
    gate.stop();
}

#[test]
fn contradicting_lengths_are_refused() {
    refused(&[
        (
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 5\r\n\r\nabc",
            &[400],
        ),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
            &[400],
        ),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3, 3\r\n\r\nabc",
            &[400],
        ),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            &[400],
        ),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
            &[400],
        ),
        (
            "POST / HTTP/1.1\r\nHost: a\r\ntransfer-encoding: chunked\r\nCONTENT-LENGTH: 3\r\n\r\n0\r\n\r\n",
            &[400],
        ),
    ]);
}

#[test]
fn a_length_that_is_not_digits_is_refused() {
    let forms = [
        "+3",
        "-3",
        "0x3",
        "3a",
        "3 3",
        "",
        " ",
        "3.0",
        "３",
        "18446744073709551616",
        "99999999999999999999999",
    ];
    let requests: Vec<String> = forms
        .iter()
        .map(|f| format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {f}\r\n\r\nabc"))
        .collect();
    let table: Vec<(&str, &[u16])> = requests
        .iter()
        .map(|r| (r.as_str(), &[400, 413][..]))
        .collect();
    refused(&table);
}

#[test]
fn codings_other_than_chunked_are_refused() {
    let te = |value: &str| {
        format!("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: {value}\r\n\r\n0\r\n\r\n")
    };
    let requests = [
        te("gzip"),
        te("gzip, chunked"),
        te("chunked, gzip"),
        te("chunked, chunked"),
        te("identity"),
        te("xchunked"),
        te("chunked;q=1"),
        te("\"chunked\""),
        te("chun ked"),
        te(""),
        te("chunked\r\nTransfer-Encoding: chunked"),
        te("chunked\r\nTransfer-Encoding: identity"),
        te("\x0bchunked"),
    ];
    let table: Vec<(&str, &[u16])> = requests
        .iter()
        .map(|r| (r.as_str(), &[400, 501][..]))
        .collect();
    refused(&table);
}

#[test]
fn a_coding_in_http_1_0_is_refused() {
    refused(&[(
        "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        &[400],
    )]);
}

#[test]
fn bad_chunks_are_refused() {
    let bodies = [
        "x\r\nabc\r\n0\r\n\r\n",
        "-1\r\nabc\r\n0\r\n\r\n",
        "+3\r\nabc\r\n0\r\n\r\n",
        "0x3\r\nabc\r\n0\r\n\r\n",
        " 3\r\nabc\r\n0\r\n\r\n",
        "\r\nabc\r\n0\r\n\r\n",
        "3\nabc\n0\n\n",
        "3\r\nabc\n0\r\n\r\n",
        "3\rabc\r0\r\r",
        "3\r\nabcd\r\n0\r\n\r\n",
        "3\r\nabcX\r\n0\r\n\r\n",
        "3;\n\r\nabc\r\n0\r\n\r\n",
        "3;a\rb\r\nabc\r\n0\r\n\r\n",
        "3;a\0b\r\nabc\r\n0\r\n\r\n",
        "ffffffffffffffff0\r\nabc\r\n0\r\n\r\n",
        "10000000000000000\r\nabc\r\n0\r\n\r\n",
        "3\r\nabc\r\n0\r\nBad Trailer\r\n\r\n",
        "3\r\nabc\r\n0\r\n\n",
    ];
    let requests: Vec<String> = bodies
        .iter()
        .map(|b| format!("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{b}"))
        .collect();
    let table: Vec<(&str, &[u16])> = requests
        .iter()
        .map(|r| (r.as_str(), &[400, 413][..]))
        .collect();
    refused(&table);
}

#[test]
fn chunk_extensions_and_trailers_are_bounded() {
    let long = "x".repeat(200_000);
    let extension = format!(
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;{long}\r\nabc\r\n0\r\n\r\n"
    );
    let trailer = format!(
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nT: {long}\r\n\r\n"
    );
    refused(&[(&extension, &[400, 413, 431]), (&trailer, &[400, 413, 431])]);
}

#[test]
fn bad_field_lines_are_refused() {
    let with = |line: &str| format!("GET / HTTP/1.1\r\nHost: a\r\n{line}\r\n\r\n");
    let requests = [
        with("Name : value"),
        with("Name\t: value"),
        with(" Folded: value"),
        with("A: b\r\n folded"),
        with("A: b\r\n\tfolded"),
        with(": no name"),
        with("no colon"),
        with("Na me: value"),
        with("N\0ame: value"),
        with("Name: va\0lue"),
        with("Name: va\rlue"),
        with("Name: a\rContent-Length: 3"),
        with("Name: value\nContent-Length: 3"),
        with("Name: va\x01lue"),
        with("Name: va\x7flue"),
        with("Content-Length\x0b: 3"),
        with("\x0bContent-Length: 3"),
        with("N(ame): value"),
        with("Näme: value"),
    ];
    let table: Vec<(&str, &[u16])> = requests.iter().map(|r| (r.as_str(), &[400][..])).collect();
    refused(&table);
}

#[test]
fn bare_line_feeds_are_refused() {
    refused(&[
        ("GET / HTTP/1.1\nHost: a\n\n", &[400]),
        ("GET / HTTP/1.1\r\nHost: a\n\r\n", &[400]),
        ("GET / HTTP/1.1\r\nHost: a\r\n\n", &[400]),
        ("GET / HTTP/1.1\rHost: a\r\r", &[400]),
    ]);
}

#[test]
fn bad_request_lines_are_refused() {
    let lines = [
        "GET  / HTTP/1.1",
        "GET /  HTTP/1.1",
        "GET / HTTP/1.1 ",
        " GET / HTTP/1.1",
        "GET\t/\tHTTP/1.1",
        "GET /",
        "GET",
        "G(T / HTTP/1.1",
        "GET x HTTP/1.1",
        "GET /a b HTTP/1.1",
        "GET /\x01 HTTP/1.1",
        "GET /\x7f HTTP/1.1",
        "GET /\0 HTTP/1.1",
        "GET / http/1.1",
        "GET / HTTP/1",
        "GET / HTTP/1.1.1",
        "GET / HTTP/11",
        "GET / HTTP/ 1.1",
        "GET / HTTP/1.x",
        "GET http:// HTTP/1.1",
        "GET ://a/ HTTP/1.1",
        "GET http://a:b:c/ HTTP/1.1",
    ];
    let requests: Vec<String> = lines
        .iter()
        .map(|l| format!("{l}\r\nHost: a\r\n\r\n"))
        .collect();
    let table: Vec<(&str, &[u16])> = requests
        .iter()
        .map(|r| (r.as_str(), &[400, 505][..]))
        .collect();
    refused(&table);
}

#[test]
fn bad_hosts_are_refused() {
    let hosts = [
        "", "a b", "a/b", "a@b", "a,b", "a..b", "a:b", "a:99999", "a:80:80", "[::1", "::1", "a\\b",
        "a\"b", "<a>", "a?b", "a#b",
    ];
    // A comma and an empty value are allowed by the grammar of RFC 3986; a host of that kind is still of no use.
    let requests: Vec<String> = hosts
        .iter()
        .filter(|h| !["", "a,b"].contains(h))
        .map(|h| format!("GET / HTTP/1.1\r\nHost: {h}\r\n\r\n"))
        .chain([
            "GET / HTTP/1.1\r\n\r\n".into(),
            "GET http://a/ HTTP/1.1\r\n\r\n".into(),
            "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n".into(),
            "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n".into(),
            "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n".into(),
        ])
        .collect();
    let table: Vec<(&str, &[u16])> = requests.iter().map(|r| (r.as_str(), &[400][..])).collect();
    refused(&table);
}

#[test]
fn other_protocols_are_told_at_once() {
    let (app, gate) = echo(&[]);
    let openings: [&[u8]; 5] = [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03aaaaaaaaaaaaaaaaaaaa\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.0\r\n\r\n",
        b"\x00\x00\x00\x00\r\n\r\n",
        b"70:CONTENT_LENGTH\x000\x00SCGI\x001\x00\r\n\r\n",
    ];
    for opening in openings {
        let mut client = gate.client();
        client.send(opening);
        let response = client
            .try_response("GET")
            .unwrap_or_else(|e| panic!("{opening:?}: {e:?}"));
        assert!(
            [400, 505].contains(&response.status),
            "{opening:?}: {}",
            response.status
        );
        client.closed();
    }
    assert_eq!(app.accepted(), 0);
}

#[test]
fn names_that_could_be_confused_are_dropped() {
    let (_app, gate) = echo(&[]);
    let mut client = gate.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\nX_Under: 1\r\nX.Dot: 1\r\nContent_Length: 3\r\nX-Good: 1\r\n\r\n");
    let response = client.response().is(200);
    assert_eq!(response.param("HTTP_X_UNDER"), None);
    assert_eq!(response.param("HTTP_X_GOOD").as_deref(), Some("1"));
    assert_eq!(response.param("CONTENT_LENGTH").as_deref(), Some("0"));
    assert!(!response.text().contains("X.DOT"), "{}", response.text());
}

#[test]
fn names_with_underscores_are_kept_when_asked_and_never_sent_twice() {
    let (app, gate) = echo(&["--underscores-in-headers", "on"]);
    let mut client = gate.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\nX_Under: 1\r\nX-Both: 2\r\nX_Both: 3\r\n\r\n");
    let response = client.response();
    // The application checks that no name comes twice; refusing such a request would be right as well.
    if response.status == 200 {
        assert_eq!(response.param("HTTP_X_UNDER").as_deref(), Some("1"));
    } else {
        response.is(400);
    }
    app.check();
}
