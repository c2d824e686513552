//! From the application's head to the client's.

use crate::common::http::{Framing, Response};
use crate::common::{App, Gate};
use crate::{answering, gate};

/// What the client gets for these bytes of the application.
#[track_caller]
fn translated(args: &[&str], bytes: &'static str) -> Response {
    let (_app, gate) = answering(args, bytes.as_bytes());
    gate.get("/")
}

#[test]
fn every_form_of_status_is_understood() {
    for (head, status, reason) in [
        (
            "Status: 404 Gone Fishing\r\n\r\n",
            404,
            Some("Gone Fishing"),
        ),
        (
            "Content-Type: text/plain\r\nStatus: 404\r\n\r\n",
            404,
            Some("Not Found"),
        ),
        ("status:404 x\n\n", 404, Some("x")),
        ("Content-Type: text/plain\n\n", 200, Some("OK")),
        ("HTTP/1.1 404 Own\r\nStatus: 200\r\n\r\n", 404, Some("Own")),
        ("HTTP/1.0 404 Own\nA: b\n\n", 404, Some("Own")),
        ("HTTP/1.1 404\r\n\r\n", 404, None),
        ("Location: http://a/b\r\n\r\n", 302, None),
        (
            "Status: 200 OK\r\nContent-Location: /x\r\n\r\n",
            200,
            Some("OK"),
        ),
        (
            "Status: 301 Moved\r\nLocation: http://a/b\r\n\r\n",
            301,
            Some("Moved"),
        ),
        ("Status: 599 Odd\r\n\r\n", 599, Some("Odd")),
    ] {
        let response = translated(&[], head).is(status);
        if let Some(reason) = reason {
            assert_eq!(response.head.reason, reason, "{head:?}");
        }
    }
}

#[test]
fn single_fields_keep_their_first_value_and_others_all() {
    let response = translated(
        &[],
        "Status: 200\r\nContent-Type: text/a\r\nContent-Type: text/b\r\nETag: \"1\"\r\nETag: \"2\"\r\n\
         Set-Cookie: a=1\r\nX-Own: 1\r\nSet-Cookie: b=2\r\nX-Own: 2\r\n\r\n",
    );
    assert_eq!(response.field("Content-Type"), Some("text/a"));
    assert_eq!(response.field("ETag"), Some("\"1\""));
    assert_eq!(response.head.all("Set-Cookie"), ["a=1", "b=2"]);
    assert_eq!(response.head.all("X-Own"), ["1", "2"]);
}

#[test]
fn fields_about_the_connection_stay_behind() {
    let response = translated(
        &[],
        "Status: 200\r\nConnection: close, x-hop\r\nKeep-Alive: timeout=5\r\nX-Accel-Expires: 5\r\n\
         X-Accel-Charset: utf-8\r\nX-Accel-Buffering: yes\r\nX-Accel-Limit-Rate: 0\r\nX-Stays: 1\r\n\r\nbody",
    );
    for name in [
        "Keep-Alive",
        "Status",
        "X-Accel-Expires",
        "X-Accel-Charset",
        "X-Accel-Buffering",
        "X-Accel-Limit-Rate",
    ] {
        assert_eq!(response.field(name), None, "{name}");
    }
    assert!(!response.head.closes());
    assert_eq!(response.field("X-Stays"), Some("1"));
}

#[test]
fn the_applications_own_date_and_server_are_kept() {
    let response = translated(
        &[],
        "Status: 200\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nServer: mine\r\n\r\n",
    );
    assert_eq!(
        response.field("Date"),
        Some("Sun, 06 Nov 1994 08:49:37 GMT")
    );
    assert_eq!(response.field("Server"), Some("mine"));
    let response = translated(&[], "Status: 200\r\n\r\n");
    assert!(
        response
            .field("Date")
            .is_some_and(|d| d.ends_with(" GMT") && d.len() == 29)
    );
    assert!(
        response
            .field("Server")
            .is_some_and(|s| s.starts_with("scgate"))
    );
}

#[test]
fn fields_can_be_hidden_and_passed() {
    const HEAD: &str = "Status: 200\r\nX-Secret: 1\r\nX-Public: 2\r\nX-Accel-Expires: 5\r\n\r\n";
    let response = translated(&["--hide-header", "x-secret"], HEAD);
    assert_eq!(
        (response.field("X-Secret"), response.field("X-Public")),
        (None, Some("2"))
    );
    assert_eq!(response.field("X-Accel-Expires"), None);
    let response = translated(&["--pass-header", "X-Accel-Expires"], HEAD);
    assert_eq!(
        (
            response.field("X-Secret"),
            response.field("X-Accel-Expires")
        ),
        (Some("1"), Some("5"))
    );
}

#[test]
fn hop_by_hop_fields_are_not_forwarded_even_when_passed() {
    let response = translated(
        &[
            "--pass-header",
            "Connection",
            "--pass-header",
            "Transfer-Encoding",
            "--pass-header",
            "Content-Length",
        ],
        "Status: 200\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    );
    assert!(!response.head.closes());
    assert_eq!(response.text(), "abc");
}

#[test]
fn interim_responses_are_skipped() {
    let response = translated(
        &[],
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 201 Created\r\nX-A: b\r\n\r\nbody",
    )
    .is(201);
    assert_eq!(
        (response.field("X-A"), response.text().as_str()),
        (Some("b"), "body")
    );
    assert_eq!(
        translated(&[], "Status: 102 Wait\r\n\r\nStatus: 200 OK\r\n\r\nbody")
            .is(200)
            .text(),
        "body"
    );
    assert!(
        translated(&[], "HTTP/1.1 100 Continue\r\n\r\n")
            .is(502)
            .field("Server")
            .is_some()
    );
}

#[test]
fn interim_responses_are_not_without_end() {
    let (_app, gate) = gate(&[], |scgi| {
        let (request, _) = scgi.all();
        let count: usize = request.get("QUERY_STRING").parse().expect("a number");
        let interim = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n".repeat(count);
        let _ = scgi.try_send(interim + "HTTP/1.1 200 OK\r\n\r\nbody");
    });
    assert_eq!(gate.get("/?16").is(200).text(), "body");
    gate.get("/?17").is(502);
    gate.get("/?400").is(502);
    assert_eq!(gate.get("/?1").is(200).text(), "body");
}

#[test]
fn statuses_without_body_have_none() {
    for (head, status) in [
        (
            "Status: 204 No Content\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\nbody",
            204,
        ),
        (
            "Status: 304 Not Modified\r\nETag: \"x\"\r\nContent-Length: 4\r\n\r\nbody",
            304,
        ),
        ("Status: 304\r\n\r\n", 304),
        (
            "Status: 204\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n",
            204,
        ),
    ] {
        let (_app, gate) = answering(&[], head.as_bytes());
        let mut client = gate.client();
        // A byte of a body would be taken for the start of the second response.
        for _ in 0..2 {
            client.get("/").is(status);
        }
    }
}

#[test]
fn a_body_after_head_is_not_sent_on() {
    let (_app, gate) = answering(
        &[],
        b"Status: 200\r\nContent-Type: text/plain\r\n\r\nbody that should not be",
    );
    let mut client = gate.client();
    for _ in 0..3 {
        client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
        let response = client.response_to("HEAD").is(200);
        assert!(response.body.is_empty());
    }
    client.get("/").is(200);
}

#[test]
fn an_empty_body_with_a_length_is_complete() {
    let (_app, gate) = answering(&[], b"Status: 200\r\nContent-Length: 0\r\n\r\n");
    let mut client = gate.client();
    for _ in 0..3 {
        assert_eq!(client.get("/").is(200).head.framing, Framing::Length(0));
    }
}

#[test]
fn an_error_of_the_application_is_its_own() {
    let response = translated(
        &[],
        "Status: 500 Oops\r\nContent-Type: text/x\r\n\r\nmy own page",
    )
    .is(500);
    assert_eq!(
        (response.text().as_str(), response.field("Content-Type")),
        ("my own page", Some("text/x"))
    );
    translated(&[], "Status: 503 Later\r\nRetry-After: 7\r\n\r\n").is(503);
}

#[test]
fn no_value_can_add_a_field_or_a_response() {
    let (_app, gate) = answering(
        &[],
        b"Status: 200 OK\r\nX-A: one\r\nSet-Cookie: x=\r\nX-Empty:\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
    );
    let mut client = gate.client();
    let response = client.get("/").is(200);
    assert_eq!(response.field("X-Empty"), Some(""));
    assert_eq!(response.text(), "HTTP/1.1 200 OK\r\n\r\n");
    client.get("/").is(200);
}

#[test]
fn accel_limit_rate_slows_a_response_unless_ignored() {
    let script = |scgi: &mut crate::common::Scgi| {
        scgi.all();
        scgi.send("Status: 200\r\nX-Accel-Limit-Rate: 100000\r\n\r\n");
        let _ = scgi.try_send(vec![b'x'; 300_000]);
    };
    let (_app, limited) = gate(&[], script);
    let (_app2, free) = gate(&["--ignore-headers", "X-Accel-Limit-Rate"], script);
    let start = std::time::Instant::now();
    assert_eq!(limited.get("/").is(200).body.len(), 300_000);
    let slow = start.elapsed();
    assert!(slow.as_millis() >= 1000, "300 kB at 100 kB/s took {slow:?}");
    assert_eq!(free.get("/").is(200).body.len(), 300_000);
}

/// So slow that no tenth of a second has a byte: it still begins, and keeps its pace.
#[test]
fn the_slowest_pace_is_kept() {
    let (_app, gate) = answering(
        &[],
        b"Status: 200\r\nX-Accel-Limit-Rate: 9\r\nContent-Length: 60\r\n\r\n\
          123456789 123456789 123456789 123456789 123456789 123456789 ",
    );
    let start = std::time::Instant::now();
    let response = gate.get("/").is(200);
    let took = start.elapsed();
    assert_eq!(response.text(), "123456789 ".repeat(6));
    assert!(took.as_secs() >= 5, "60 bytes at 9 a second took {took:?}");
}

#[test]
fn a_default_type_is_not_invented_over_the_applications() {
    let response = translated(&[], "Content-Type: text/html; charset=\"utf-8\"\r\n\r\n<p>").is(200);
    let content_type = response.field("Content-Type").map(|t| t.replace('"', ""));
    assert_eq!(content_type.as_deref(), Some("text/html; charset=utf-8"));
}

#[test]
fn many_fields_are_forwarded_in_order() {
    let app = App::script(|scgi| {
        scgi.all();
        let fields: String = (0..100).map(|i| format!("X-{i}: {i}\r\n")).collect();
        scgi.send(format!("Status: 200\r\n{fields}\r\n"));
    });
    let gate = Gate::start(["--pass", &app.addr()]);
    let response = gate.get("/").is(200);
    let ours: Vec<_> = response
        .head
        .fields
        .iter()
        .filter(|(n, _)| n.starts_with("X-"))
        .map(|(_, v)| v.clone())
        .collect();
    assert_eq!(ours, (0..100).map(|i| i.to_string()).collect::<Vec<_>>());
}
