//! `--add-header`.

use crate::asks;
use crate::common::{App, Gate, Temp};

const STATUSES: [u16; 14] = [
    200, 201, 204, 206, 301, 302, 303, 304, 307, 308, 202, 400, 404, 503,
];

/// Answers with the status that the path names.
fn app() -> App {
    App::script(|scgi| {
        let (request, _) = scgi.all();
        let uri = request.uri();
        let status = uri
            .trim_start_matches('/')
            .split('?')
            .next()
            .unwrap_or("200");
        scgi.send(format!("Status: {status} x\r\nX-App: mine\r\nServer: own\r\nETag: \"own\"\r\nContent-Type: text/own\r\nLocation: //x/\r\n\r\n"));
    })
}

#[test]
fn it_is_added_to_certain_statuses_and_always_to_all() {
    let app = app();
    let gate = Gate::start([
        "--pass",
        &app.addr(),
        "--add-header",
        "X-Some one",
        "--add-header",
        "X-All 'one two' always",
    ]);
    let mut client = gate.client();
    for status in STATUSES {
        let response = client.get(&format!("/{status}")).is(status);
        let usual = !matches!(status, 202 | 400 | 404 | 503);
        assert_eq!(
            response.head.all("x-some").len(),
            usize::from(usual),
            "{status}"
        );
        assert_eq!(response.field("x-all"), Some("one two"), "{status}");
    }
}

#[test]
fn it_is_added_to_everything_that_is_sent() {
    let tree = Temp::new();
    tree.write("a.txt", "0123456789");
    std::fs::create_dir(tree.path().join("dir")).expect("a directory");
    let (root, app) = (tree.file(""), app());
    let addr = app.addr();
    let gate = Gate::start([
        "--add-header",
        "X-All $request_method always",
        "--root",
        &root,
        "--location",
        "/",
        "--location",
        "/say",
        "--return",
        "200 x",
        "--location",
        "/gone",
        "--return",
        "301 /x",
        "--location",
        "/app/",
        "--pass",
        &addr,
        "--location",
        "/shut",
        "--deny",
        "all",
        "--location",
        "/dead",
        "--pass",
        &format!("unix:{}", tree.file("none")),
        "--location",
        "/small",
        "--pass",
        &addr,
        "--client-max-body-size",
        "1",
        "--location",
        "/ranged",
        "--pass",
        &addr,
        "--force-ranges",
        "on",
    ]);
    let etag = gate
        .get("/a.txt")
        .is(200)
        .field("etag")
        .expect("a tag")
        .to_owned();
    let mut client = gate.client();
    for (path, fields, status) in [
        ("/a.txt", "", 200),
        ("/a.txt", "Range: bytes=0-1\r\n", 206),
        ("/a.txt", "Range: bytes=0-1,4-5\r\n", 206),
        ("/a.txt", "Range: bytes=20-\r\n", 416),
        ("/a.txt", &format!("If-None-Match: {etag}\r\n"), 304),
        ("/a.txt", "If-Match: \"x\"\r\n", 412),
        ("/none", "", 404),
        ("/dir", "", 301),
        ("/dir/", "", 403),
        ("/say", "", 200),
        ("/gone", "", 301),
        ("/app", "", 301),
        ("/shut", "", 403),
        ("/dead", "", 502),
    ] {
        let response = asks(&mut client, "GET", path, fields, b"").is(status);
        assert_eq!(response.head.all("x-all"), ["GET"], "{path} {fields}");
    }
    let response = asks(&mut gate.client(), "OPTIONS", "*", "", b"").is(204);
    assert_eq!(response.head.all("x-all").len(), 1);
    assert_eq!(
        client.post("/small", b"hello").is(413).head.all("x-all"),
        ["POST"]
    );
}

#[test]
fn a_level_with_one_inherits_none() {
    let gate = Gate::start([
        "--add-header",
        "X-A http",
        "--add-header",
        "X-B http",
        "--server",
        "a",
        "--location",
        "/",
        "--return",
        "200 x",
        "--location",
        "/own",
        "--add-header",
        "X-A own",
        "--return",
        "200 x",
        "--server",
        "b",
        "--add-header",
        "X-A server",
        "--location",
        "/",
        "--return",
        "200 x",
    ]);
    let mut client = gate.client();
    for (host, path, both) in [
        ("a", "/", ["http", "http"]),
        ("a", "/own", ["own", ""]),
        ("b", "/", ["server", ""]),
    ] {
        client.send(format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        let response = client.response().is(200);
        assert_eq!(
            ["x-a", "x-b"].map(|name| response.field(name).unwrap_or("")),
            both,
            "{host} {path}"
        );
    }
}

#[test]
fn values_may_be_of_the_request_or_the_response() {
    let app = app();
    let gate = Gate::start([
        "--pass",
        &app.addr(),
        "--add-header",
        "X-A $arg_a",
        "--add-header",
        "X-B <$upstream_http_x_app>",
        "--add-header",
        "X-C $upstream_status",
        "--add-header",
        "X-D $http_x_client",
        "--add-header",
        "X-A again",
    ]);
    let mut client = gate.client();
    let response = asks(&mut client, "GET", "/200?a=b", "X-Client: you\r\n", b"").is(200);
    assert_eq!(response.head.all("x-a"), ["b", "again"]);
    assert_eq!(
        (
            response.field("x-b"),
            response.field("x-c"),
            response.field("x-d")
        ),
        (Some("<mine>"), Some("200"), Some("you"))
    );
    // An empty value adds no field.
    let response = client.get("/200").is(200);
    assert_eq!(
        (response.head.all("x-a"), response.field("x-d")),
        (vec!["again"], None)
    );
}

#[test]
fn what_a_field_can_not_hold_is_left_out_and_said_in_the_log() {
    let gate = Gate::start([
        "--add-header",
        "X-A $uri",
        "--add-header",
        "X-B b",
        "--location",
        "/",
        "--return",
        "200 x",
    ]);
    let mut client = gate.client();
    let response = client.get("/a%0d%0aSet-Cookie:%20x=1").is(200);
    assert_eq!(
        (
            response.field("x-a"),
            response.field("x-b"),
            response.field("set-cookie")
        ),
        (None, Some("b"), None)
    );
    gate.logs("--add-header X-A: control bytes; left out");
    assert_eq!(client.get("/a%20b").is(200).field("x-a"), Some("/a b"));
}

/// RFC 9110 5.3: a second one would make the message ambiguous.
#[test]
fn a_field_that_a_message_has_once_takes_the_place_of_the_other() {
    let tree = Temp::new();
    tree.write("a.txt", "text");
    let app = app();
    let (root, addr) = (tree.file(""), app.addr());
    let gate = Gate::start([
        "--add-header",
        "Server $arg_s",
        "--add-header",
        "ETag '\"added\"'",
        "--add-header",
        "Content-Type text/added",
        "--add-header",
        "date now",
        "--add-header",
        "Last-Modified never",
        "--add-header",
        "Location /added",
        "--location",
        "/",
        "--root",
        &root,
        "--location",
        "/200",
        "--pass",
        &addr,
        "--location",
        "/say",
        "--return",
        "200 x",
        "--location",
        "/gone",
        "--return",
        "301 /x",
    ]);
    let mut client = gate.client();
    for path in ["/a.txt", "/200", "/say", "/gone"] {
        let response = client.get(&format!("{path}?s=me"));
        for (name, value) in [
            ("server", "me"),
            ("etag", "\"added\""),
            ("content-type", "text/added"),
            ("date", "now"),
            ("last-modified", "never"),
            ("location", "/added"),
        ] {
            assert_eq!(response.head.all(name), [value], "{path}: {name}");
        }
    }
    // Where it is left out, all is as without it.
    assert_eq!(client.get("/say").head.all("server"), ["scgate"]);
}
