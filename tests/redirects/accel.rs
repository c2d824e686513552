//! X-Accel-Redirect (S11 to S18): the application sends the request elsewhere.

use crate::common::{App, Gate};
use crate::{Answers, app, asks, logged, logging, tree};

const ANSWERS: Answers = &[
    ("/app/go", "X-Accel-Redirect: /to/x?q=1\r\n\r\n"),
    (
        "/app/file",
        "Content-Type: text/own\r\nX-Accel-Redirect: /files/a.txt\r\n\r\nnot this",
    ),
    (
        "/app/odd",
        "X-Accel-Redirect: /to/a%20b%C3%A9%3Fc%25%0d?x=%20&y\r\n\r\n",
    ),
    ("/app/hash", "X-Accel-Redirect: /to/a#b?c\r\n\r\n"),
    ("/app/up", "X-Accel-Redirect: /files/x/../a.txt\r\n\r\n"),
    ("/app/up2", "X-Accel-Redirect: /files/%2e%2E/a.txt\r\n\r\n"),
    ("/app/nul", "X-Accel-Redirect: /files/a.txt%00\r\n\r\n"),
    ("/app/empty", "X-Accel-Redirect:\r\n\r\n"),
    ("/app/query", "X-Accel-Redirect: ?a\r\n\r\n"),
    ("/app/bare", "X-Accel-Redirect: files/a.txt\r\n\r\n"),
    ("/app/none", "X-Accel-Redirect: /files/none\r\n\r\n"),
    (
        "/app/said",
        "Content-Type: text/own\r\nX-Accel-Redirect: /say?w=1\r\n\r\n",
    ),
    (
        "/app/404",
        "Status: 404 No\r\nX-Accel-Redirect: /files/a.txt\r\n\r\n",
    ),
    (
        "/app/500",
        "Status: 500 No\r\nX-Accel-Redirect: /files/a.txt\r\n\r\n",
    ),
    (
        "/app/204",
        "Status: 204 No\r\nX-Accel-Redirect: /files/a.txt\r\n\r\n",
    ),
    (
        "/app/304",
        "Status: 304 No\r\nX-Accel-Redirect: /files/a.txt\r\n\r\n",
    ),
    (
        "/app/302",
        "Location: http://x/\r\nX-Accel-Redirect: /files/a.txt\r\n\r\n",
    ),
    (
        "/app/untyped",
        "Content-Type: text/own\r\nX-Accel-Redirect: /to/untyped\r\n\r\n",
    ),
    ("/to/untyped", "Status: 200 OK\r\n\r\nuntyped"),
    (
        "/app/empty204",
        "Content-Type: text/own\r\nX-Accel-Redirect: /to/204\r\n\r\n",
    ),
    ("/to/204", "Status: 204 No\r\n\r\n"),
    (
        "/app/fields",
        "Status: 201 Made\r\nContent-Type: text/own\r\nX-Accel-Redirect: /files/a.txt\r\nSet-Cookie: a=1\r\nX-Own: 1\r\n\
      Set-Cookie: b=2\r\nCache-Control: max-age=5\r\nExpires: Sun, 06 Nov 1994 08:49:37 GMT\r\nETag: \"own\"\r\n\
      Content-Disposition: attachment\r\nContent-Language: de\r\nContent-Encoding: own\r\nContent-Length: 3\r\n\r\nown",
    ),
    (
        "/app/both",
        "Set-Cookie: a=1\r\nCache-Control: no-store\r\nX-Accel-Redirect: /to/both\r\n\r\n",
    ),
    (
        "/to/both",
        "Status: 202 Later\r\nSet-Cookie: b=2\r\nCache-Control: max-age=1\r\n\r\nboth",
    ),
    ("/app/loop", "X-Accel-Redirect: /app/loop\r\n\r\n"),
    ("/10", "X-Accel-Redirect: /9\r\n\r\n"),
    ("/9", "X-Accel-Redirect: /8\r\n\r\n"),
    ("/8", "X-Accel-Redirect: /7\r\n\r\n"),
    ("/7", "X-Accel-Redirect: /6\r\n\r\n"),
    ("/6", "X-Accel-Redirect: /5\r\n\r\n"),
    ("/5", "X-Accel-Redirect: /4\r\n\r\n"),
    ("/4", "X-Accel-Redirect: /3\r\n\r\n"),
    ("/3", "X-Accel-Redirect: /2\r\n\r\n"),
    ("/2", "X-Accel-Redirect: /1\r\n\r\n"),
    ("/1", "X-Accel-Redirect: /0\r\n\r\n"),
    ("/11", "X-Accel-Redirect: /10\r\n\r\n"),
    (
        "/app/tagged",
        "X-Tag: mine\r\nX-Accel-Redirect: /tagged/\r\n\r\n",
    ),
];

pub struct World {
    _tree: crate::common::Temp,
    pub app: App,
    pub gate: Gate,
}

/// `/app/`, `/to/` (internal) and numbers are the application, `/files/` (internal) files, `/say` a text.
pub fn world(more: &[&str]) -> World {
    let tree = tree();
    let app = app(ANSWERS);
    let addr = app.addr();
    let files = tree.file("files/");
    let mut args = vec![
        "--location",
        "/",
        "--pass",
        &addr,
        "--location",
        "/app/",
        "--pass",
        &addr,
    ];
    args.extend(more);
    args.extend(["--location", "/to/", "--internal", "--pass", &addr]);
    args.extend(["--location", "/files/", "--internal", "--alias", &files]);
    args.extend([
        "--location",
        "= /say",
        "--internal",
        "--return",
        "200 \"said $arg_w $request_method\"",
    ]);
    args.extend([
        "--location",
        "/tagged/",
        "--internal",
        "--return",
        "200 x",
        "--add-header",
        "X-Seen $upstream_http_x_tag",
    ]);
    let gate = logging(
        "$request_uri $upstream_status $upstream_response_length $status",
        &args,
    );
    World {
        _tree: tree,
        app,
        gate,
    }
}

#[test]
fn a_target_is_asked_for_by_get_and_without_the_body() {
    let world = world(&[]);
    let mut client = world.gate.client();
    for (method, body) in [
        ("POST", &b"hello"[..]),
        ("PUT", b"hello"),
        ("DELETE", b""),
        ("GET", b""),
    ] {
        let fields = "Content-Type: text/body\r\n";
        let response = asks(&mut client, method, "/app/go?own=2", fields, body).is(200);
        let param = |name| response.param(name).unwrap_or_default();
        assert_eq!(param("REQUEST_METHOD"), "GET", "{method}");
        assert_eq!(param("DOCUMENT_URI"), "/to/x");
        assert_eq!(param("QUERY_STRING"), "q=1");
        assert_eq!(param("REQUEST_URI"), "/app/go?own=2");
        assert_eq!(param("CONTENT_LENGTH"), "0");
        assert_eq!(param("BODY"), "");
        // Z10, and what a client said about its body.
        assert_eq!(param("CONTENT_TYPE"), "");
        let first = &world.app.requests()[world.app.requests().len() - 2];
        assert_eq!(
            (first.method().as_str(), first.content_length),
            (method, body.len() as u64)
        );
    }
}

#[test]
fn a_head_stays_a_head() {
    let world = world(&[]);
    let mut client = world.gate.client();
    let response = asks(&mut client, "HEAD", "/app/go", "", b"").is(200);
    assert!(response.body.is_empty());
    assert_eq!(world.app.requests()[1].method(), "HEAD");
    let response = asks(&mut client, "HEAD", "/app/file", "", b"").is(200);
    assert_eq!(response.field("content-length"), Some("9"));
    client.get("/app/file").is(200);
}

#[test]
fn a_target_is_decoded_and_its_query_is_not() {
    let world = world(&[]);
    let mut client = world.gate.client();
    client.get("/app/odd").is(200);
    let asked = world.app.requests().pop().expect("a request");
    assert_eq!(
        asked
            .params
            .iter()
            .find(|(n, _)| n == "DOCUMENT_URI")
            .expect("a path")
            .1,
        "/to/a bé?c%\r".as_bytes()
    );
    assert_eq!(asked.get("QUERY_STRING"), "x=%20&y");
    assert_eq!(asked.get("REQUEST_URI"), "/app/odd");
}

/// Unlike in a Location: names of files may have one, and applications that send them as they are expect to find them.
#[test]
fn a_number_sign_belongs_to_the_target() {
    let world = world(&[]);
    let response = world.gate.get("/app/hash").is(200);
    assert_eq!(response.param("DOCUMENT_URI").as_deref(), Some("/to/a#b"));
    assert_eq!(response.param("QUERY_STRING").as_deref(), Some("c"));
}

#[test]
fn a_target_that_is_none_is_404_and_said_in_the_log() {
    let world = world(&[]);
    let mut client = world.gate.client();
    for (path, shown) in [
        ("/app/up", "/files/x/../a.txt"),
        ("/app/up2", "/files/%2e%2E/a.txt"),
        ("/app/nul", "/files/a.txt%00"),
        ("/app/empty", ""),
        ("/app/query", "?a"),
        ("/app/bare", "files/a.txt"),
    ] {
        client.get(path).is(404);
        let line = world.gate.logs(&format!("\"GET {path} "));
        assert!(
            line.contains(&format!("redirect to \"{shown}\"")) && line.contains(" error "),
            "{line}"
        );
    }
    client.get("/app/none").is(404);
    client.get("/app/file").is(200);
}

#[test]
fn a_target_may_be_a_file_an_application_a_text_or_internal() {
    let world = world(&[]);
    let mut client = world.gate.client();
    let response = client.get("/app/file").is(200);
    assert_eq!(
        (response.text().as_str(), response.field("content-type")),
        ("the file\n", Some("text/own"))
    );
    assert_eq!(
        client.get("/app/go").param("DOCUMENT_URI").as_deref(),
        Some("/to/x")
    );
    let response = asks(&mut client, "POST", "/app/said?w=2", "", b"hello").is(200);
    assert_eq!(
        (response.text().as_str(), response.field("content-type")),
        ("said 1 GET", Some("text/own"))
    );
    // None of them can be had from outside.
    for path in ["/files/a.txt", "/to/x", "/say"] {
        client.get(path).is(404);
    }
}

#[test]
fn ranges_and_conditions_hold_for_the_file() {
    let world = world(&[]);
    let mut client = world.gate.client();
    let response = asks(&mut client, "GET", "/app/file", "Range: bytes=4-7\r\n", b"").is(206);
    assert_eq!(
        (response.text().as_str(), response.field("content-range")),
        ("file", Some("bytes 4-7/9"))
    );
    let etag = client
        .get("/app/file")
        .field("etag")
        .expect("a tag")
        .to_owned();
    let response = asks(
        &mut client,
        "GET",
        "/app/file",
        &format!("If-None-Match: {etag}\r\n"),
        b"",
    )
    .is(304);
    assert_eq!(response.field("etag"), Some(etag.as_str()));
    asks(&mut client, "GET", "/app/file", "Range: bytes=9-\r\n", b"").is(416);
    asks(&mut client, "GET", "/app/file", "If-Match: \"x\"\r\n", b"").is(412);
}

#[test]
fn any_status_redirects_and_the_target_has_its_own() {
    let world = world(&[]);
    let mut client = world.gate.client();
    for path in ["/app/404", "/app/500", "/app/204", "/app/304", "/app/302"] {
        let response = client.get(path).is(200);
        assert_eq!(
            (response.text().as_str(), response.head.reason.as_str()),
            ("the file\n", "OK"),
            "{path}"
        );
        assert_eq!(response.field("location"), None, "{path}");
    }
}

#[test]
fn ten_redirects_are_followed_and_no_more() {
    let world = world(&[]);
    let mut client = world.gate.client();
    assert_eq!(
        client.get("/10").is(200).param("DOCUMENT_URI").as_deref(),
        Some("/0")
    );
    assert_eq!(world.app.accepted(), 11);
    let response = client.get("/11").is(500);
    assert!(response.head.closes());
    assert_eq!(world.app.accepted(), 22);
    world
        .gate
        .logs("redirect to \"/0\": more than 10 redirects");
    world.gate.get("/app/loop").is(500);
    assert_eq!(world.app.accepted(), 33);
    assert_eq!(world.gate.get("/10").status, 200);
}

#[test]
fn the_lists_of_tries_show_each_pass() {
    let world = world(&[]);
    let mut client = world.gate.client();
    client.get("/app/go").is(200);
    let length = client.get("/app/go").is(200).body.len();
    client.get("/app/file").is(200);
    client.get("/app/none").is(404);
    let last = client.get("/2").is(200).body.len();
    logged(
        world.gate,
        &[
            &format!("/app/go 200 : 200 0 : {length} 200"),
            "/app/file 200 0 200",
            "/app/none 200 0 404",
            &format!("/2 200 : 200 : 200 0 : 0 : {last} 200"),
        ],
    );
}

#[test]
fn ignored_it_does_nothing_and_stays_hidden() {
    let world = world(&["--ignore-headers", "X-Accel-Redirect"]);
    let response = world.gate.get("/app/file").is(200);
    assert_eq!(
        (response.text().as_str(), response.field("x-accel-redirect")),
        ("not this", None)
    );
}

#[test]
fn of_two_the_first_counts() {
    let app = app(&[("/", "X-Accel-Redirect: /a\r\nX-Accel-Redirect: /b\r\n\r\n")]);
    let gate = Gate::start(["--pass", &app.addr()]);
    assert_eq!(gate.get("/").param("DOCUMENT_URI").as_deref(), Some("/a"));
    gate.logs("a second X-Accel-Redirect field was dropped");
}

/// S17. The rest of the body is not read: its sender finds the connection closed.
#[test]
fn a_body_that_nobody_wants_stalls_nobody() {
    for head in [
        "X-Accel-Redirect: /say\r\n\r\n",
        "Content-Length: 100000000000\r\nX-Accel-Redirect: /say\r\n\r\n",
    ] {
        let app = App::script(move |scgi| {
            scgi.request();
            scgi.send(head);
            let piece = [b'x'; 65536];
            while scgi.try_send(piece).is_ok() {}
        });
        let gate = Gate::start([
            "--location",
            "/",
            "--pass",
            &app.addr(),
            "--location",
            "/say",
            "--return",
            "200 said",
        ]);
        let mut client = gate.client();
        for _ in 0..3 {
            assert_eq!(client.get("/").is(200).text(), "said");
        }
        drop(app);
        gate.stop().clean();
    }
}

#[test]
fn the_connection_is_kept_through_all_of_it() {
    let world = world(&[]);
    let mut client = world.gate.client();
    client.send(
        [
            "/app/go",
            "/app/file",
            "/app/none",
            "/app/said",
            "/app/up",
            "/to/x",
            "/app/fields",
            "/app/go",
        ]
        .map(|path| format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n"))
        .concat(),
    );
    let statuses =
        [200, 200, 404, 200, 404, 404, 200, 200].map(|status| client.response().is(status).status);
    assert_eq!(statuses.len(), 8);
    assert_eq!(client.get("/app/file").text(), "the file\n");
}

/// The gateway's own access rules hold for redirects, too.
#[test]
fn a_closed_location_stays_closed() {
    let app = app(&[("/", "X-Accel-Redirect: /closed\r\n\r\n")]);
    let gate = Gate::start([
        "--location",
        "/",
        "--pass",
        &app.addr(),
        "--location",
        "/closed",
        "--return",
        "200 in",
        "--deny",
        "all",
    ]);
    gate.get("/").is(403);
}

/// The application has heard enough of a body that is still on its way: what is left of it ends the connection.
#[test]
fn a_body_on_its_way_does_not_hold_up_the_redirect() {
    let app = App::script(|scgi| {
        scgi.request();
        scgi.send("X-Accel-Redirect: /say\r\n\r\n");
    });
    let gate = Gate::start([
        "--request-buffering",
        "off",
        "--client-max-body-size",
        "0",
        "--location",
        "/",
        "--pass",
        &app.addr(),
        "--location",
        "/say",
        "--return",
        "200 '$request_method said'",
    ]);
    let mut client = gate.client();
    client.send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 9000000\r\n\r\nabc");
    let response = client.response().is(200);
    assert_eq!(response.text(), "GET said");
    assert!(response.head.closes());
}

/// It is the operator's, and what an application says is not.
#[test]
fn the_status_page_is_not_reached_by_redirects() {
    let app = app(&[("/", "X-Accel-Redirect: /status\r\n\r\n")]);
    let gate = Gate::start([
        "--location",
        "/",
        "--pass",
        &app.addr(),
        "--location",
        "/status",
        "--status",
        "on",
    ]);
    gate.get("/status").is(200);
    gate.get("/").is(404);
    gate.logs("the status page is not reached by redirects");
}
