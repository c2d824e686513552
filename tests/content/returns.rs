//! `--return` in all its forms.

use crate::asks;
use crate::common::Gate;
use crate::common::http::{Broken, Framing};

fn gate(answer: &str) -> Gate {
    Gate::start(["--location", "/", "--return", answer])
}

#[test]
fn a_text_has_its_status_length_and_type() {
    let gate = gate("200 'one $request_method $uri two'");
    let mut client = gate.client();
    let response = client.get("/a%20b?c").is(200);
    assert_eq!(response.text(), "one GET /a b two");
    assert_eq!(
        (response.head.framing, response.field("content-type")),
        (Framing::Length(16), Some("text/plain"))
    );
    let response = asks(&mut client, "HEAD", "/a%20b", "", b"").is(200);
    assert_eq!(
        (response.field("content-length"), response.body.len()),
        (Some("17"), 0)
    );
    for method in ["PUT", "DELETE", "OPTIONS", "ODD"] {
        let response = asks(&mut client, method, "/", "", b"").is(200);
        assert_eq!(response.text(), format!("one {method} / two"));
    }
    gate.stop().clean();
}

#[test]
fn every_status_can_be_returned() {
    for (answer, status, text) in [
        ("200 ''", 200, Some("")),
        ("201 made", 201, Some("made")),
        ("404 'not here'", 404, Some("not here")),
        ("404 ''", 404, Some("")),
        ("599 odd", 599, Some("odd")),
        ("204", 204, Some("")),
        ("205", 205, Some("")),
        ("304", 304, Some("")),
        ("404", 404, None),
        ("503", 503, None),
    ] {
        let gate = gate(answer);
        let mut client = gate.client();
        for _ in 0..2 {
            let response = client.get("/").is(status);
            match text {
                Some(text) => assert_eq!(response.text(), text, "{answer}"),
                None => assert!(
                    response.text().contains("<small>scgate</small>"),
                    "{answer}"
                ),
            }
            let bodyless = matches!(status, 204 | 205 | 304);
            assert_eq!(
                response.field("content-type").is_none(),
                bodyless,
                "{answer}"
            );
        }
    }
}

#[test]
fn a_redirect_names_the_place() {
    for (answer, status, location) in [
        (
            "301 http://other$request_uri",
            301,
            "http://other/a%20b?c=d",
        ),
        ("302 /x", 302, "/x"),
        ("303 $arg_c", 303, "d"),
        (
            "307 $scheme://$host$uri$is_args$args",
            307,
            "http://test/a%20b?c=d",
        ),
        ("308 http://[::1]/", 308, "http://[::1]/"),
        ("http://other/", 302, "http://other/"),
        ("/x$uri", 302, "/x/a%20b"),
        ("$scheme://x", 302, "http://x"),
    ] {
        let gate = gate(answer);
        let mut client = gate.client();
        assert_eq!(
            client.get("/a%20b?c=d").is(status).field("location"),
            Some(location),
            "{answer}"
        );
        asks(&mut client, "HEAD", "/a%20b?c=d", "", b"").is(status);
        client.get("/a%20b?c=d").is(status);
    }
}

#[test]
fn a_405_says_what_is_allowed() {
    let response = gate("405").get("/").is(405);
    assert!(response.field("allow").is_some_and(|v| v.contains("GET")));
}

/// What a URI can not hold does not become a Location.
#[test]
fn a_control_byte_makes_no_redirect() {
    let gate = gate("302 http://x/$http_x_to");
    let mut client = gate.client();
    let response = asks(&mut client, "GET", "/", "X-To: a\tb\r\n", b"").is(500);
    assert_eq!(response.field("location"), None);
    gate.logs("redirect to \"http://x/a\\tb\": control bytes");
}

/// 444: not a byte, and the connection ends.
#[test]
fn silence_is_an_answer() {
    let gate = gate("444");
    for request in [
        "GET / HTTP/1.1\r\nHost: test\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\nhello",
        "HEAD / HTTP/1.0\r\n\r\n",
    ] {
        let mut client = gate.client();
        client.send(request);
        assert!(
            matches!(client.try_response("GET"), Err(Broken::Nothing)),
            "{request}"
        );
    }
    gate.stop().clean();
}

#[test]
fn a_server_answers_before_its_locations() {
    let gate = Gate::start([
        "--server",
        "a",
        "--return",
        "301 http://b$request_uri",
        "--location",
        "/x",
        "--return",
        "200 x",
        "--server",
        "b",
        "--location",
        "/x",
        "--return",
        "200 x",
        "--server",
        "c",
        "--return",
        "444",
    ]);
    let ask = |host: &str, target: &str| {
        let mut client = gate.client();
        client.send(format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        client.try_response("GET")
    };
    for target in ["/", "/x", "/x/y?z"] {
        let response = ask("a", target).expect("an answer").is(301);
        assert_eq!(
            response.field("location"),
            Some(format!("http://b{target}").as_str())
        );
    }
    assert_eq!(ask("b", "/x").expect("an answer").is(200).text(), "x");
    ask("b", "/").expect("an answer").is(404);
    assert!(matches!(ask("c", "/x"), Err(Broken::Nothing)));
}

/// The decoded path is the one thing that can hold a line end; a query can not, and fields can not.
#[test]
fn no_value_splits_the_response() {
    let map = "$uri $mapped default $uri";
    for (answer, status) in [
        ("301 http://x$uri", 301),
        ("302 $uri", 302),
        ("301 http://x$document_uri", 301),
        ("301 /$arg_a", 301),
        ("301 http://x$mapped", 301),
    ] {
        let gate = Gate::start(["--map", map, "--location", "/", "--return", answer]);
        let mut client = gate.client();
        let response = client
            .get("/a%0d%0aSet-Cookie:%20b=1%0d%0a%0d%0a<p>?a=%0d%0aX:y")
            .is(status);
        assert_eq!(response.field("set-cookie"), None, "{answer}");
        let location = response.field("location").expect("a location");
        assert!(location.bytes().all(|b| b > b' ' && b < 0x7f), "{location}");
        client.get("/").is(status);
    }
    let gate = gate("200 $uri");
    assert_eq!(gate.get("/a%0d%0aX:y").is(200).text(), "/a\r\nX:y");
}

#[test]
fn types_and_pages_are_as_asked_for() {
    let gate = Gate::start([
        "--default-type",
        "'text/x; charset=utf-8'",
        "--location",
        "/",
        "--return",
        "200 x",
        "--location",
        "/page",
        "--return",
        "403",
    ]);
    let mut client = gate.client();
    assert_eq!(
        client.get("/").is(200).field("content-type"),
        Some("text/x; charset=utf-8")
    );
    let response = asks(
        &mut client,
        "GET",
        "/page",
        "Accept: application/json\r\n",
        b"",
    )
    .is(403);
    assert_eq!(response.field("content-type"), Some("application/json"));
    assert!(response.text().starts_with("{\"status\":403"));
}

/// A body that nobody reads does not become the next request.
#[test]
fn a_body_is_not_taken_for_a_request() {
    let gate = gate("200 '$request_method $uri'");
    let mut client = gate.client();
    client.send("POST /a HTTP/1.1\r\nHost: test\r\nContent-Length: 33\r\n\r\nGET /b HTTP/1.1\r\nHost: test\r\n\r\n12345");
    let response = client.response_to("POST").is(200);
    assert_eq!(response.text(), "POST /a");
    let mut client = gate.client();
    client.send("POST /a HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
    assert_eq!(client.response_to("POST").is(200).text(), "POST /a");
}

#[test]
fn access_rules_and_internal_go_before() {
    let gate = Gate::start([
        "--location",
        "/shut",
        "--return",
        "200 x",
        "--deny",
        "all",
        "--location",
        "/in",
        "--internal",
        "--return",
        "200 x",
    ]);
    let mut client = gate.client();
    client.get("/shut").is(403);
    client.get("/in").is(404);
}
